/*
 * bench_manifest: what it takes to read a dbt manifest of a given size.
 *
 * usage: bench_manifest [MEGABYTES [dom]]     default: 100; `dom`: by a DOM of the whole document
 *
 * links: base flow os conf dbt
 *
 * Writes a manifest into a temporary file (nodes as dbt 1.11 writes them: a fifth models with
 * SQL twice, the rest tests; macros with their Jinja), and reads it from there.
 */
#include "dbt/dbt.h"
#include "lib/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)16 << 30)

struct input {
    FILE *file;
};

static enum eff_fault
input_fill(void *self, char *ptr, size_t cap, size_t *ret_len, struct eff_err *err)
{
    (void)err;
    *ret_len = fread(ptr, 1, cap, ((struct input *)self)->file);
    return EFF_OK;
}

static void
write_sql(FILE *file, unsigned lines, unsigned seed)
{
    for (unsigned i = 0; i < lines; i++)
        fprintf(file, "select \\\"id_%u\\\", coalesce(amount_%u, 0) as amount, '%x' as note\\n", i,
                seed % 7, seed);
}

static void
write_model(FILE *file, unsigned n)
{
    fprintf(file,
            "%s\"model.shop.model_%u\": {\"database\": \"analytics\", \"schema\": \"marts\", "
            "\"name\": \"model_%u\", \"resource_type\": \"model\", \"package_name\": \"shop\", "
            "\"path\": \"marts/model_%u.sql\", \"original_file_path\": "
            "\"models/marts/model_%u.sql\", \"unique_id\": \"model.shop.model_%u\", \"fqn\": "
            "[\"shop\", \"marts\", \"model_%u\"], \"config\": {\"materialized\": \"table\", "
            "\"tags\": [\"daily\"], \"meta\": {\"key\": \"id\"}}, \"tags\": [\"daily\"], "
            "\"description\": \"One row per thing.\", \"columns\": {",
            n ? ", " : "", n, n, n, n, n, n);
    for (unsigned c = 0; c < 20; c++)
        fprintf(file,
                "%s\"column_%u\": {\"name\": \"column_%u\", \"description\": \"What it is.\", "
                "\"meta\": {}, \"data_type\": \"varchar\", \"constraints\": [], \"tags\": []}",
                c ? ", " : "", c, c);
    fprintf(file,
            "}, \"relation_name\": \"\\\"analytics\\\".\\\"marts\\\".\\\"model_%u\\\"\", "
            "\"raw_code\": \"",
            n);
    write_sql(file, 60, n);
    fprintf(file,
            "\", \"depends_on\": {\"macros\": [], \"nodes\": [\"model.shop.model_%u\"]}, "
            "\"compiled_code\": \"",
            n / 2);
    write_sql(file, 60, n);
    fputs("\"}", file);
}

static void
write_test(FILE *file, unsigned n)
{
    fprintf(file,
            ", \"test.shop.not_null_%u\": {\"name\": \"not_null_%u\", \"resource_type\": \"test\", "
            "\"config\": {\"severity\": \"ERROR\", \"enabled\": true}, \"compiled_code\": \"",
            n, n);
    write_sql(file, 6, n);
    fprintf(file, "\", \"attached_node\": \"model.shop.model_%u\"}", n / 4);
}

static unsigned
write_manifest(FILE *file, long bytes)
{
    unsigned models = 0;

    fputs("{\"metadata\": {\"dbt_schema_version\": "
          "\"https://schemas.getdbt.com/dbt/manifest/v12.json\", \"project_name\": \"shop\", "
          "\"adapter_type\": \"postgres\"}, \"nodes\": {",
          file);
    while (ftell(file) < bytes * 9 / 10) {
        write_model(file, models);
        for (unsigned t = 0; t < 4; t++)
            write_test(file, 4 * models + t);
        models++;
    }
    fputs("}, \"sources\": {}, \"macros\": {", file);
    for (unsigned m = 0; ftell(file) < bytes; m++) {
        fprintf(file, "%s\"macro.dbt.m_%u\": {\"macro_sql\": \"", m ? ", " : "", m);
        write_sql(file, 30, m);
        fputs("\"}", file);
    }
    fputs("}, \"disabled\": {}}", file);
    return models;
}

static void
read_scan(FILE *file, struct eff_arena *arena, size_t models)
{
    static const struct eff_model_ref refs[] = {{.name = {"model_7", 7}},
                                                {.name = {"model_99", 8}}};
    struct input input = {file};
    struct eff_dbt_manifest manifest;
    struct eff_scan scan;
    struct eff_err err = {0};

    eff_scan_open(&scan, input_fill, &input);
    if (eff_dbt_manifest_read(&scan, 2, refs, NULL, arena, &manifest, &err) != EFF_OK)
        bench_die("%s", err.msg);
    eff_scan_close(&scan);
    if (manifest.models.count != models)
        bench_die("%zu models were read, %zu written", manifest.models.count, models);
}

static void
read_dom(FILE *file, long bytes, struct eff_arena *arena)
{
    char *text = malloc((size_t)bytes);
    const struct eff_json *root;
    struct eff_err err = {0};

    if (text == NULL || fread(text, 1, (size_t)bytes, file) != (size_t)bytes)
        bench_die("the file cannot be read");
    if (eff_json_parse((eff_str){text, (size_t)bytes}, arena, &root, &err) != EFF_OK)
        bench_die("%s", err.msg);
    free(text);
}

int
main(int argc, char **argv)
{
    long megabytes = argc > 1 ? atol(argv[1]) : 100, bytes;
    bool dom = argc > 2 && strcmp(argv[2], "dom") == 0;
    FILE *file = tmpfile();
    struct eff_arena arena;
    struct bench_used start, used;
    unsigned models;

    if (file == NULL || megabytes < 1 || megabytes > 4096)
        bench_die("usage: bench_manifest [MEGABYTES [dom]]");
    models = write_manifest(file, megabytes * 1000000);
    bytes = ftell(file);
    rewind(file);
    eff_arena_init(&arena, "bench", ARENA_BYTES);
    start = bench_used_now();
    if (dom)
        read_dom(file, bytes, &arena);
    else
        read_scan(file, &arena, models);
    used = bench_used_since(&start);
    printf("{\"bench\": \"manifest\", \"by\": \"%s\", \"bytes\": %ld, \"models\": %u",
           dom ? "dom" : "scan", bytes, models);
    bench_print_used(&used);
    printf("}\n");
    fclose(file);
    eff_arena_deinit(&arena);
    return 0;
}
