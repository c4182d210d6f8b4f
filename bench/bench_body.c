// links: dest conf flow base assets
/*
 * bench_body: what a row of ten fields costs on its way into a JSON body.
 *
 * usage: bench_body [ROWS]      default: 200,000, in batches of 100
 *
 * The rows are mixed: texts, 64-bit integers, decimals, a timestamp, a boolean, a
 * NULL; connectors hubspot (numbers as text) and salesforce (typed, nested).
 */
#include "conf/yaml.h"
#include "dest/dest.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BATCH 100

static double
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct eff_dest *
open_dest(struct eff_arena *arena, const char *kind, const char *block)
{
    struct eff_problems problems = {.arena = arena};
    struct eff_dest_conf *conf = eff_new(arena, struct eff_dest_conf, 1);
    const struct eff_node *node;
    struct eff_kind_desc *kinds;
    struct eff_dest *dest = NULL;
    struct eff_err err = {0};
    size_t count, documents;

    if (!eff_dest_kinds(0, NULL, arena, &count, &kinds, &problems) ||
        !eff_yaml_parse(eff_str_of(block), EFF_STR("bench"), arena, &documents, &node, &problems))
        exit(2);
    for (size_t i = 0; i < count; i++) {
        char *config = eff_arena_alloc(arena, kinds[i].config_size + 1, 16, 1);

        if (!eff_str_is(kinds[i].kind, kind) ||
            !eff_options_fill(node, kinds[i].options, kinds[i].options_count, config, &problems))
            continue;
        *conf =
            (struct eff_dest_conf){.name = EFF_STR("bench"), .kind = &kinds[i], .config = config};
        if (((const struct eff_dest_kind *)kinds[i].user)->ops->open(conf, arena, &dest, &err) !=
            EFF_OK)
            exit(2);
    }
    return dest;
}

static void
bench(struct eff_arena *arena, const char *kind, const char *block, size_t rows)
{
    static const eff_str names[] = {{"email", 5}, {"first_name", 10}, {"score", 5},  {"revenue", 7},
                                    {"seats", 5}, {"updated_at", 10}, {"active", 6}, {"segment", 7},
                                    {"city", 4},  {"note", 4}};
    const struct eff_value fields[] = {
        eff_value_of_str(EFF_TEXT, EFF_STR("somebody@example.org")),
        eff_value_of_str(EFF_TEXT, EFF_STR("Zoë")),
        eff_value_of_int(EFF_INT, 71),
        eff_value_of_str(EFF_DECIMAL, EFF_STR("123456.78")),
        eff_value_of_int(EFF_INT, 9007199254740993),
        eff_value_of_int(EFF_INSTANT, 1769862600250000),
        eff_value_of_int(EFF_BOOL, 1),
        {.kind = EFF_NULL},
        eff_value_of_str(EFF_TEXT, EFF_STR("Oslo")),
        eff_value_of_str(EFF_TEXT, EFF_STR("called twice, will \"call\" back"))};
    static const eff_str match_name = {"Ext_Id__c", 9};
    struct eff_value match = eff_value_of_str(EFF_TEXT, EFF_STR("u-123456"));
    struct eff_dest *dest = open_dest(arena, kind, block);
    struct eff_item items[BATCH];
    double best = 1e18;
    size_t bytes = 0;

    for (int round = 0; round < 5; round++) {
        double from = now_ns();

        for (size_t done = 0; done < rows; done += BATCH) {
            struct eff_arena scratch = *arena;
            struct eff_delivery d = {.op = EFF_OP_UPSERT,
                                     .object = EFF_STR("Lead"),
                                     .match_count = 1,
                                     .match_names = &match_name,
                                     .fields_count = 10,
                                     .field_names = names,
                                     .count = BATCH,
                                     .items = items,
                                     .arena = &scratch};
            struct eff_task task = {.kind = EFF_TASK_DELIVER, .delivery = &d, .arena = &scratch};
            struct eff_err err = {0};
            struct eff_step step;

            for (size_t i = 0; i < BATCH; i++)
                items[i] = (struct eff_item){.index = i, .match = &match, .fields = fields};
            step = dest->ops->step(dest, &task, NULL, &err);
            if (step.kind != EFF_STEP_SEND)
                exit(2);
            bytes = step.request.body.len;
        }
        if (now_ns() - from < best)
            best = now_ns() - from;
    }
    printf("%s: %.0f ns a row of 10 fields, %zu bytes a row\n", kind, best / (double)rows,
           bytes / BATCH);
    dest->ops->close(dest);
}

int
main(int argc, char **argv)
{
    size_t rows = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000;
    struct eff_arena arena;

    eff_arena_init(&arena, "bench", (size_t)256 << 20);
    bench(&arena, "hubspot", "{token: t}", rows);
    bench(&arena, "salesforce", "{instance_url: 'https://a.my.salesforce.com', token: t}", rows);
    return 0;
}
