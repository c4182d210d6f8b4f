/*
 * Goal: a table gets few large transactions with the rows in the order of its index,
 * and every row still gets its own verdict.
 * Method: deliver rows in a random order to the SQLite destination; look at the
 * parameters of the request, and answer with a number of changes that tells rows apart.
 */
// links: base flow os conf source dest testlib
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dest/dest.h"
#include "lib/random.h"

#define ROWS 5000

struct world {
    struct eff_arena arena;
    struct eff_dest *dest;
    struct eff_op_limits limits[EFF_OPS_COUNT];
    struct eff_delivery delivery;
    struct eff_task task;
    struct eff_value match[ROWS][2], fields[ROWS];
    struct eff_item items[ROWS];
    int64_t changed[ROWS];
};

static const eff_str names[] = {{"account", 7}, {"id", 2}, {"score", 5}};

static int
set_up(void **state)
{
    static const eff_str path = {"/nowhere/crm.db", 15}; // the only option: nothing is opened
    static const struct eff_dest_conf conf = {.name = {"copy", 4}, .config = &path};
    static struct world world;
    struct eff_dest_sync sync = {.object = EFF_STR("contact"),
                                 .mode = EFF_MODE_UPSERT,
                                 .match_count = 2,
                                 .match_names = names,
                                 .fields_count = 1,
                                 .field_names = names + 2};
    struct eff_err err = {0};

    memset(&world, 0, sizeof(world));
    eff_arena_init(&world.arena, "test", (size_t)64 << 20);
    assert_int_equal(eff_dest_sqlite.open(&conf, &world.arena, &world.dest, &err), EFF_OK);
    assert_int_equal(world.dest->ops->bind(world.dest, &sync, world.limits, &err), EFF_OK);
    *state = &world;
    return 0;
}

static int
tear_down(void **state)
{
    struct world *w = *state;

    eff_arena_deinit(&w->arena);
    return 0;
}

/* Two accounts, ids in a random order, many of them more than once. */
static void
fill(struct world *w, enum eff_op op)
{
    uint64_t random = 7;

    w->delivery = (struct eff_delivery){.op = op,
                                        .object = EFF_STR("contact"),
                                        .match_count = 2,
                                        .match_names = names,
                                        .fields_count = 1,
                                        .field_names = names + 2,
                                        .count = ROWS,
                                        .items = w->items,
                                        .arena = &w->arena};
    w->task =
        (struct eff_task){.kind = EFF_TASK_DELIVER, .delivery = &w->delivery, .arena = &w->arena};
    for (size_t i = 0; i < ROWS; i++) {
        eff_str account = random_below(&random, 2) ? EFF_STR("a") : EFF_STR("b");

        w->match[i][0] = eff_value_of_str(EFF_TEXT, account);
        w->match[i][1] = eff_value_of_int(EFF_INT, (int64_t)random_below(&random, 1000) - 500);
        w->fields[i] = eff_value_of_int(EFF_INT, (int64_t)i);
        w->items[i] = (struct eff_item){.index = i, .match = w->match[i], .fields = &w->fields[i]};
    }
}

static void
test_sizes(void **state)
{
    struct world *w = *state;

    assert_true(w->limits[EFF_OP_UPSERT].rows_max >= 50000);
    assert_true(w->limits[EFF_OP_DELETE].rows_max >= 50000);
    // What a lost answer leaves in doubt is held or looked up row by row.
    assert_int_equal(w->limits[EFF_OP_CREATE].rows_max, 1000);
    assert_int_equal(w->limits[EFF_OP_APPEND].rows_max, 1000);
}

static int
compare(const struct eff_value *a, const struct eff_value *b)
{
    int order = eff_str_cmp(eff_value_str(&a[0]), eff_value_str(&b[0]));

    return order ? order : (a[1].i > b[1].i) - (a[1].i < b[1].i);
}

static void
test_order(void **state)
{
    struct world *w = *state;
    struct eff_response answer = {.wire = EFF_WIRE_ANSWERED, .status = 200, .rows = ROWS};
    struct eff_err err = {0};
    struct eff_step step;

    fill(w, EFF_OP_UPDATE);
    step = w->dest->ops->step(w->dest, &w->task, NULL, &err);
    assert_int_equal(step.kind, EFF_STEP_SEND);
    assert_int_equal(step.request.sql.rows, ROWS);
    assert_int_equal(step.request.sql.columns, 3);
    assert_true(step.request.timeout_ms > 60000 + ROWS);
    for (size_t row = 0; row < ROWS; row++) {
        const struct eff_value *at = &step.request.sql.params[row * 3];
        size_t item = (size_t)at[2].i;

        assert_int_equal(compare(at, w->match[item]), 0);
        if (row > 0) {
            int order = compare(at - 3, at);

            assert_true(order < 0 || (order == 0 && at[-1].i < at[2].i)); // the later one wins
        }
        w->changed[row] = item % 3 == 0 ? 0 : 1;
    }
    answer.changed = w->changed;
    step = w->dest->ops->step(w->dest, &w->task, &answer, &err);
    assert_int_equal(step.kind, EFF_STEP_DONE);
    for (size_t i = 0; i < ROWS; i++)
        assert_int_equal(w->items[i].verdict.outcome, i % 3 == 0 ? EFF_REFUSED : EFF_APPLIED);
}

static void
test_append_keeps_order(void **state)
{
    struct world *w = *state;
    struct eff_err err = {0};
    struct eff_step step;

    fill(w, EFF_OP_APPEND);
    step = w->dest->ops->step(w->dest, &w->task, NULL, &err);
    assert_int_equal(step.kind, EFF_STEP_SEND);
    for (size_t row = 0; row < ROWS; row++)
        assert_int_equal(step.request.sql.params[row * step.request.sql.columns + 2].i, row);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sizes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_append_keeps_order, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
