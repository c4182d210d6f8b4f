/*
 * bench_map: what it costs to turn a changed row into an item of ten fields.
 *
 * usage: bench_map [THOUSAND_ROWS]      default: 500
 *
 * links: base flow batch plan dest conf
 *
 * eff_plan_change for an added row: ten fields (five as they are, one trimmed, one
 * lower, one value map, one cast, one template of two columns) and the key as JSON.
 * The best of five rounds, in CPU time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/bench.h"
#include "plan/items.h"

#define WIDTH  10
#define ROUNDS 5

static double
map_cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static const size_t columns[WIDTH] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
static const eff_str key_name = {"id", 2};

static void
map_fields(struct eff_field fields[WIDTH])
{
    static const struct eff_transform trim = {.kind = EFF_TRANSFORM_TRIM};
    static const struct eff_transform lower = {.kind = EFF_TRANSFORM_LOWER};
    static const struct eff_transform text = {.kind = EFF_TRANSFORM_CAST, .cast = EFF_TEXT};
    static struct eff_map_pair pairs[2];
    static struct eff_transform map = {.kind = EFF_TRANSFORM_MAP, .pairs_count = 2, .pairs = pairs};
    static const struct eff_template_part parts[] = {
        {.input = 0}, {.text = {" ", 1}, .input = SIZE_MAX}, {.input = 1}};
    static const char *const names[WIDTH] = {"id",      "email",   "first_name", "name",
                                             "country", "revenue", "orders",     "active",
                                             "seen_at", "score"};

    pairs[0] = (struct eff_map_pair){EFF_STR("DE"), eff_value_of_str(EFF_TEXT, EFF_STR("Germany"))};
    pairs[1] = (struct eff_map_pair){EFF_STR("FR"), eff_value_of_str(EFF_TEXT, EFF_STR("France"))};
    for (size_t i = 0; i < WIDTH; i++)
        fields[i] = (struct eff_field){
            .name = eff_str_of(names[i]), .id = i + 1, .inputs_count = 1, .inputs = &columns[i]};
    fields[1].transforms = &lower;
    fields[2].transforms = &trim;
    fields[4].transforms = &map;
    fields[6].transforms = &text;
    fields[1].transforms_count = fields[2].transforms_count = fields[4].transforms_count =
        fields[6].transforms_count = 1;
    fields[3].inputs = &columns[2];
    fields[3].inputs_count = 2;
    fields[3].parts = parts;
    fields[3].parts_count = 3;
}

static void
map_row(struct eff_value row[WIDTH])
{
    row[0] = eff_value_of_int(EFF_INT, 123456);
    row[1] = eff_value_of_str(EFF_TEXT, EFF_STR("Customer123456@Example.com"));
    row[2] = eff_value_of_str(EFF_TEXT, EFF_STR("Barbara "));
    row[3] = eff_value_of_str(EFF_TEXT, EFF_STR("Lastname12345"));
    row[4] = eff_value_of_str(EFF_TEXT, EFF_STR("DE"));
    row[5] = eff_value_of_str(EFF_DECIMAL, EFF_STR("12345.67"));
    row[6] = eff_value_of_int(EFF_INT, 42);
    row[7] = eff_value_of_int(EFF_BOOL, 1);
    row[8] = eff_value_of_int(EFF_INSTANT, 1700000000000000);
    row[9] = eff_value_of_float(71.25);
}

static double
map_round(const struct eff_planner *planner, struct eff_arena *batch, size_t rows)
{
    struct eff_change change = {.kind = EFF_CHANGE_ADD, .row_hash = 7, .rows = 1};
    struct eff_value row[WIDTH];
    struct eff_planned_item item;
    struct eff_err err = {0};
    double start;

    map_row(row);
    start = map_cpu_ns();
    for (size_t i = 0; i < rows; i++) {
        eff_arena_reset(batch);
        row[0].i = (int64_t)(change.key.hi = i);
        if (eff_plan_change(planner, &change, row, batch, &item, &err) != EFF_PLANNED_SEND)
            bench_die("%s", err.msg);
    }
    return (map_cpu_ns() - start) / (double)rows;
}

int
main(int argc, char **argv)
{
    size_t rows = (size_t)(argc > 1 ? strtoul(argv[1], NULL, 10) : 500) * 1000;
    struct eff_op_limits limits[EFF_OPS_COUNT] = {0};
    struct eff_field fields[WIDTH];
    struct eff_field match = {.name = key_name, .id = 99, .inputs_count = 1, .inputs = columns};
    struct eff_mapping mapping = {.key_count = 1,
                                  .key = columns,
                                  .key_names = &key_name,
                                  .match_count = 1,
                                  .match = &match,
                                  .fields_count = WIDTH,
                                  .fields = fields,
                                  .match_is_key = true};
    struct eff_planner planner = {.mapping = &mapping,
                                  .mode = EFF_MODE_UPSERT,
                                  .limits = limits,
                                  .sync = EFF_STR("bench"),
                                  .object = EFF_STR("contact"),
                                  .secret = EFF_STR("01234567890123456789012345678901")};
    struct eff_arena batch = {0};
    double best = 1e18;

    limits[EFF_OP_UPSERT] =
        (struct eff_op_limits){.supported = true, .class = EFF_CLASS_CONVERGE, .rows_max = 1000};
    map_fields(fields);
    eff_arena_init(&batch, "batch", (size_t)64 << 20);
    for (int round = 0; round < ROUNDS; round++) {
        double ns = map_round(&planner, &batch, rows);

        best = ns < best ? ns : best;
    }
    printf("{\"bench\": \"map\", \"ns\": %.0f}\n", best);
    eff_arena_deinit(&batch);
    return 0;
}
