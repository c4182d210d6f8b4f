// links: base flow os conf dbt
/*
 * Goal: no bytes in dbt's manifest.json or run_results.json crash, hang or exhaust the reader,
 * and the pieces in which they come make no difference.
 * Method: the input is read as both, whole and in pieces as long as its first byte says; what
 * strict JSON is to the DOM and a manifest to the reader has as many models in both.
 */
#include "dbt/dbt.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pieces {
    eff_str rest;
    size_t most;
};

static enum eff_fault
pieces_fill(void *self, char *ptr, size_t cap, size_t *ret_len, struct eff_err *err)
{
    struct pieces *pieces = self;
    size_t len = pieces->rest.len < pieces->most ? pieces->rest.len : pieces->most;

    (void)err;
    len = len < cap ? len : cap;
    if (len > 0)
        memcpy(ptr, pieces->rest.ptr, len);
    pieces->rest = eff_str_sub(pieces->rest, len, SIZE_MAX);
    *ret_len = len;
    return EFF_OK;
}

static enum eff_fault
fuzz_read(eff_str text, size_t most, struct eff_arena *arena, struct eff_dbt_manifest *manifest,
          struct eff_dbt_results *results)
{
    static const struct eff_model_ref refs[] = {{.name = {"a", 1}}, {.name = {"orders", 6}}};
    struct pieces pieces = {text, most};
    struct eff_scan scan;
    struct eff_err err = {0};
    enum eff_fault fault;

    eff_scan_open(&scan, pieces_fill, &pieces);
    fault = results != NULL ? eff_dbt_results_read(&scan, arena, results, &err)
                            : eff_dbt_manifest_read(&scan, 2, refs, NULL, arena, manifest, &err);
    eff_scan_close(&scan);
    if (fault != EFF_OK && (fault != EFF_CONFIG || err.msg[0] == '\0'))
        abort();
    return fault;
}

/* Members of `section` whose ids are those of models. */
static size_t
fuzz_models(const struct eff_json *section)
{
    struct eff_json_iter iter = eff_json_iterate(section);
    const struct eff_json *value;
    eff_str key;
    size_t count = 0;

    while (eff_json_next(&iter, &key, &value))
        count += eff_str_starts(key, EFF_STR("model.")) || eff_str_starts(key, EFF_STR("seed.")) ||
                 eff_str_starts(key, EFF_STR("snapshot.")) ||
                 eff_str_starts(key, EFF_STR("source."));
    return count;
}

static void
fuzz_compare(eff_str text, const struct eff_dbt_manifest *manifest, struct eff_arena *arena)
{
    const struct eff_json *root;
    struct eff_err err = {0};
    size_t count = 0;

    if (eff_json_parse(text, arena, &root, &err) != EFF_OK)
        return;
    count += fuzz_models(eff_json_get(root, EFF_STR("nodes")));
    count += fuzz_models(eff_json_get(root, EFF_STR("sources")));
    count += fuzz_models(eff_json_get(root, EFF_STR("unit_tests")));
    /* A key with an escape in it is another text to the DOM. */
    if (eff_str_find_char(text, '\\') == SIZE_MAX && count != manifest->models.count)
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct eff_arena arena;
    eff_str text = {(const char *)data, size};
    struct eff_dbt_manifest whole, pieces;
    struct eff_dbt_results results;
    size_t most = size > 0 ? 1 + data[0] % 64 : 1;
    enum eff_fault fault;

    if (arena.base == NULL)
        eff_arena_init(&arena, "fuzz", (size_t)1 << 30);
    eff_arena_reset(&arena);
    fault = fuzz_read(text, SIZE_MAX, &arena, &whole, NULL);
    if (fuzz_read(text, most, &arena, &pieces, NULL) != fault)
        abort();
    if (fault == EFF_OK && whole.models.count != pieces.models.count)
        abort();
    if (fault == EFF_OK)
        fuzz_compare(text, &whole, &arena);
    (void)fuzz_read(text, most, &arena, NULL, &results);
    return 0;
}
