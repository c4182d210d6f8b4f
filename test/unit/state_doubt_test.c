// links: base flow os conf state testlib
/*
 * Goal: a row is in doubt while other values of its key may still be applied, no longer and no
 * shorter, and waits only while what was acknowledged last is all that is known to be there.
 * Method: batches of one key with each verdict, on a clock that the test sets.
 * covers: A10
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/testos.h"
#include "state/control.h"

#define OLD   11
#define NEW   22
#define OTHER 33

static struct {
    struct testos os;
    char *folder;
    struct eff_arena arena;
    struct eff_control *control;
    struct eff_err err;
} world;

static const struct eff_hash128 key = {7, 7}, another = {8, 8};
static const eff_str sync = {"people", 6};

static int
setup(void **state)
{
    (void)state;
    testos_init(&world.os, 1);
    world.folder = testos_folder();
    eff_arena_init(&world.arena, "test", (size_t)16 << 20);
    return eff_control_open(&world.os.os, world.folder, false, false, &world.arena, &world.control,
                            &world.err);
}

static int
teardown(void **state)
{
    (void)state;
    eff_control_close(world.control);
    eff_arena_deinit(&world.arena);
    testos_remove(world.folder);
    free(world.folder);
    return 0;
}

/* A run at that time sends one row (0: a removal); what its verdict says of a doubt. */
static int64_t
sent(int64_t at, uint64_t row, enum eff_outcome outcome, bool maybe)
{
    struct eff_item item = {.key = key, .verdict = {.outcome = outcome, .maybe = maybe}};
    struct eff_acknowledged ack = {.key = key, .row = row};
    struct eff_delivery delivery = {.count = 1, .items = &item};

    assert_int_equal(eff_control_doubts_sweep(world.control, sync, at, 600, &world.err), EFF_OK);
    assert_int_equal(eff_control_doubt(world.control, sync, &delivery, &ack, at + 600, &world.err),
                     EFF_OK);
    return item.verdict.doubt_ms;
}

static int64_t
waits(int64_t at, uint64_t row)
{
    int64_t until;

    assert_int_equal(eff_control_doubt_waits(world.control, sync, key, row, at, &until, &world.err),
                     EFF_OK);
    return until;
}

static int64_t
doubted(struct eff_hash128 of, uint64_t row)
{
    int64_t until;

    assert_int_equal(eff_control_doubted(world.control, sync, of, row, &until, &world.err), EFF_OK);
    return until;
}

static void
other_values_are_in_doubt_until_the_bound(void **state)
{
    (void)state;
    assert_int_equal(sent(1000, OLD, EFF_APPLIED, true), 0); /* its own attempts */
    assert_int_equal(sent(1100, OLD, EFF_APPLIED, false), 0);
    assert_int_equal(sent(1200, NEW, EFF_REFUSED, false), 0);
    assert_int_equal(sent(1300, NEW, EFF_APPLIED, false), 1600);
    assert_int_equal(sent(1599, NEW, EFF_TAKEN, false), 1600);
    assert_int_equal(sent(1600, NEW, EFF_APPLIED, false), 0);
    assert_int_equal(doubted(key, OTHER), 0);
}

static void
each_lost_answer_counts_anew(void **state)
{
    (void)state;
    sent(1000, OLD, EFF_MAYBE_APPLIED, false);
    sent(1100, OLD, EFF_NOT_APPLIED, true);
    assert_int_equal(sent(1200, 0, EFF_APPLIED, false), 1700); /* a removal is another value */
    assert_int_equal(sent(1300, OLD, EFF_APPLIED, false), 0);
    sent(1400, 0, EFF_APPLIED, true);
    assert_int_equal(sent(1500, OLD, EFF_APPLIED, false), 2000);
    assert_int_equal(doubted(another, OLD), 0);
}

static void
a_row_waits_while_it_is_what_was_acknowledged_last(void **state)
{
    (void)state;
    sent(1000, OLD, EFF_APPLIED, true);
    assert_int_equal(waits(1001, NEW), 0);
    sent(1100, NEW, EFF_APPLIED, false);
    assert_int_equal(waits(1101, NEW), 1600);
    assert_int_equal(waits(1600, NEW), 0);
    assert_int_equal(waits(1101, OTHER), 0);
    sent(1200, OTHER, EFF_MAYBE_APPLIED, false);
    assert_int_equal(waits(1201, NEW), 0);
    sent(1300, NEW, EFF_APPLIED, false);
    assert_int_equal(waits(1301, NEW), 1800);
    sent(1400, OLD, EFF_APPLIED, false);
    assert_int_equal(waits(1401, NEW), 0);
    assert_int_equal(waits(1401, OLD), 1800);
    assert_int_equal(eff_control_doubt_unknown(world.control, sync, key, &world.err), EFF_OK);
    assert_int_equal(waits(1402, OLD), 0);
}

static void
a_clock_that_is_put_back_keeps_nothing(void **state)
{
    (void)state;
    sent(1000000, OLD, EFF_APPLIED, true);
    assert_int_equal(sent(1000, NEW, EFF_APPLIED, false), 1600);
    assert_int_equal(sent(1600, NEW, EFF_APPLIED, false), 0);
}

static void
reset_keeps_what_forget_and_purge_take(void **state)
{
    struct eff_run_row act = {.id = EFF_STR("act"), .sync = sync, .state = EFF_RUN_CLOSED};
    struct eff_sync_state drawn;

    (void)state;
    assert_int_equal(
        eff_control_sync(world.control, &world.os.os, sync, &world.arena, &drawn, &world.err),
        EFF_OK);
    sent(1000, OLD, EFF_APPLIED, true);
    assert_int_equal(eff_control_sync_reset(world.control, &act, &world.err), EFF_OK);
    assert_int_equal(doubted(key, NEW), 1600);
    assert_int_equal(eff_control_forget(world.control, sync, &another, 1, 1, &world.err), EFF_OK);
    assert_int_equal(doubted(key, NEW), 1600);
    assert_int_equal(eff_control_forget(world.control, sync, &key, 1, 1, &world.err), EFF_OK);
    assert_int_equal(doubted(key, NEW), 0);
    sent(1000, OLD, EFF_APPLIED, true);
    assert_int_equal(eff_control_sync_purge(world.control, sync, &world.err), EFF_OK);
    assert_int_equal(doubted(key, NEW), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(other_values_are_in_doubt_until_the_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(each_lost_answer_counts_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(a_row_waits_while_it_is_what_was_acknowledged_last, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_clock_that_is_put_back_keeps_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(reset_keeps_what_forget_and_purge_take, setup, teardown),
    };

    return cmocka_run_group_tests_name("state_doubt", tests, NULL, NULL);
}
