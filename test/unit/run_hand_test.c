// links: base flow os conf state source batch diff plan dest deliver record run testlib assets
/*
 * Goal: from where a process crashed it follows what is done otherwise the next time: a row at which
 * it crashes twice is put aside, the rows of a batch at which it crashes twice go one by one; and
 * of what was no crash nothing follows.
 * Method: deaths one after the other, each with what was in hand; then runs that put rows aside.
 * covers: C14
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/runworld.h"

#include <cmocka.h>

#define RUN_A "01HZZZZZZZZZZZZZZZZZZZZZZA"
#define RUN_B "01HZZZZZZZZZZZZZZZZZZZZZZB"

static struct eff_hand hand;

static bool
dies(int number, uint64_t key, const char *run, size_t batch, size_t rows)
{
    hand.now = (struct eff_held){.key = {0, key}, .batch = batch, .rows = rows};
    memcpy(hand.now.run, run, sizeof hand.now.run);
    return eff_hand_learn(&hand, number);
}

static void
test_a_row_at_which_it_crashes_twice(void **state)
{
    (void)state;
    hand = (struct eff_hand){0};
    assert_true(dies(SIGSEGV, 7, RUN_A, 0, 0));
    assert_true(dies(SIGABRT, 8, RUN_A, 0, 0)); // another one
    assert_int_equal(hand.aside_count, 0);
    assert_true(dies(SIGBUS, 8, RUN_A, 0, 0));
    assert_true(eff_hand_is_aside(&hand, (struct eff_hash128){0, 8}));
    assert_false(eff_hand_is_aside(&hand, (struct eff_hash128){0, 7}));
    assert_int_equal(hand.now.key.lo, 0);
    for (int i = 0; i < 3; i++)
        assert_true(dies(SIGSEGV, 9 + (uint64_t)i, RUN_A, 0, 0));
    assert_false(dies(SIGSEGV, 12, RUN_A, 0, 0)); // there is an end to it
}

static void
test_a_batch_at_which_it_crashes_twice(void **state)
{
    (void)state;
    hand = (struct eff_hand){0};
    assert_true(dies(SIGSEGV, 0, RUN_A, 3, 50));
    assert_false(hand.apart);
    assert_true(dies(SIGSEGV, 0, RUN_B, 3, 50)); // of another run
    assert_true(dies(SIGSEGV, 0, RUN_B, 4, 50)); // another one
    assert_false(hand.apart);
    assert_true(dies(SIGSEGV, 0, RUN_B, 4, 50));
    assert_true(hand.apart);
    assert_true(eff_hand_is_apart(&hand, EFF_STR(RUN_B), 4));
    assert_false(eff_hand_is_apart(&hand, EFF_STR(RUN_B), 5));
    assert_false(eff_hand_is_apart(&hand, EFF_STR(RUN_A), 4));
    assert_true(dies(SIGSEGV, 7, RUN_B, 4, 1)); // which it is, as they went one by one
    assert_true(eff_hand_is_aside(&hand, (struct eff_hash128){0, 7}));

    hand = (struct eff_hand){0};
    assert_true(dies(SIGSEGV, 7, RUN_A, 0, 1)); // a batch of one row is that row
    assert_true(dies(SIGSEGV, 0, RUN_A, 0, 5));
    assert_true(dies(SIGSEGV, 7, RUN_A, 0, 0));
    assert_int_equal(hand.aside_count, 0);
}

static void
test_what_is_no_crash(void **state)
{
    (void)state;
    hand = (struct eff_hand){0};
    assert_false(dies(SIGKILL, 7, RUN_A, 0, 0)); // by somebody, or for want of memory
    assert_false(dies(SIGTERM, 0, RUN_A, 1, 5));
    assert_false(dies(SIGSEGV, 0, RUN_A, 0, 0)); // at no row
    assert_int_equal(hand.deaths, 0);
}

/* ---- runs ---- */

static struct runworld w;
static struct eff_hash128 keys[RUNWORLD_KEYS];

static bool
note_key(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)world, (void)op;
    keys[item->match[0].i] = item->key;
    return false;
}

static struct eff_report
run(bool plan)
{
    struct eff_run_options options = {.plan = plan, .limit = -1, .hand = &hand};

    return runworld_run(&w, &options);
}

static const struct eff_run_problem *
expect_aside(const struct eff_report *report, uint64_t rows)
{
    const struct eff_run_problem *problem = runworld_problem(report, "EFF2126");

    assert_non_null(problem);
    assert_int_equal(problem->rows, rows);
    return problem;
}

/* Neither sent nor removed; all else is delivered; and after a day it is tried again. */
static void
test_rows_that_are_put_aside(void **state)
{
    struct eff_report report;

    (void)state;
    runworld_open(&w, EFF_MODE_MIRROR);
    hand = (struct eff_hand){0};
    w.judge = note_key;
    for (int i = 1; i <= 5; i++)
        w.model[i] = i;
    assert_int_equal(run(false).status, EFF_STATUS_OK);
    for (int i = 1; i <= 4; i++)
        w.model[i] = 10 + i;
    w.model[5] = 0;
    hand.aside[0] = keys[2];
    hand.aside[1] = keys[5];
    hand.aside_count = 2;
    hand.deaths = 1;
    hand.signal = SIGSEGV;
    report = run(true);
    expect_aside(&report, 2);
    report = run(false);
    expect_aside(&report, 2);
    assert_int_equal(report.invalid, 1);
    assert_int_equal(report.held, 1); // the removal
    assert_int_equal(report.delivered, 3);
    assert_non_null(runworld_problem(&report, "EFF2014"));
    assert_int_equal(w.held[2], 2);
    assert_int_equal(w.held[5], 5);

    hand = (struct eff_hand){0}; // another process, on the same day: the ledger knows
    report = run(false);
    expect_aside(&report, 2);
    assert_null(runworld_problem(&report, "EFF2014"));
    assert_int_equal(w.held[2], 2);
    w.os.wall_ms += (int64_t)2 * 24 * 3600 * 1000;
    report = run(false);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_true(runworld_equal(&w, true));
    runworld_close(&w);
}

/* verify tells of it as well, and leaves what is known of it alone. */
static void
test_verify_beside_a_row_that_is_aside(void **state)
{
    struct eff_look_options look = {.named = true, .write = true, .sample = -1};
    struct eff_report report;

    (void)state;
    runworld_open(&w, EFF_MODE_UPSERT);
    hand = (struct eff_hand){0};
    w.reads = true;
    w.judge = note_key;
    for (int i = 1; i <= 3; i++)
        w.model[i] = i;
    assert_int_equal(run(false).status, EFF_STATUS_OK);
    hand.aside[0] = keys[2];
    hand.aside_count = 1;
    hand.deaths = 2;
    hand.signal = SIGRTMIN + 1;
    report = run(false);
    assert_true(eff_str_find(runworld_problem(&report, "EFF2014")->message,
                             EFF_STR("crashed (SIG?) and was started again, 2 times")) < SIZE_MAX);
    w.held[2] = 0;
    report = runworld_look(&w, &look);
    expect_aside(&report, 1);
    assert_int_equal(report.unchanged, 2);
    assert_int_equal(report.planned, 0);
    hand = (struct eff_hand){0};
    report = run(false); // still known
    expect_aside(&report, 1);
    runworld_close(&w);
}

/* Whether another row stands for a record is asked of all rows but those. */
static void
test_a_claim_beside_a_row_that_is_aside(void **state)
{
    static struct eff_field_conf match = {.name = EFF_STR("score"), .from = EFF_STR("score")};
    struct eff_report report;

    (void)state;
    runworld_open(&w, EFF_MODE_MIRROR);
    hand = (struct eff_hand){0};
    w.sync.match = &match;
    w.sync.match_count = 1;
    w.judge = note_key; // by score
    for (int i = 1; i <= 4; i++)
        w.model[i] = i * 10;
    assert_int_equal(run(false).status, EFF_STATUS_OK);
    w.model[1] = 0;
    w.model[5] = 10; // another key for the record of row 1
    hand.aside[0] = keys[20];
    hand.aside_count = 1;
    report = run(false);
    expect_aside(&report, 1);
    assert_int_equal(report.gone, 1);
    assert_int_equal(w.held[10], 10);
    runworld_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_at_which_it_crashes_twice),
        cmocka_unit_test(test_a_batch_at_which_it_crashes_twice),
        cmocka_unit_test(test_what_is_no_crash),
        cmocka_unit_test(test_rows_that_are_put_aside),
        cmocka_unit_test(test_verify_beside_a_row_that_is_aside),
        cmocka_unit_test(test_a_claim_beside_a_row_that_is_aside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
