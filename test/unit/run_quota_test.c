// links: base flow os conf state source batch diff plan dest deliver record run testlib assets
/*
 * Goal: when the quota of an account is used up, nothing is sent before it resets, by no sync of
 * it; what waited goes on by itself then, whatever the clock did meanwhile.
 * Method: a destination in memory that refuses rows from some number on; the clock is moved.
 * covers: B7, B9
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "lib/nosync.h"
#include "lib/runworld.h"
#include "state/control.h"

#include <cmocka.h>

#define HOUR_MS 3600000

static uint64_t left;     /* rows until the quota is used up */
static bool ignore_quota; /* of the next run */

static bool
quota_judge(struct runworld *w, enum eff_op op, struct eff_item *item)
{
    (void)w;
    (void)op;
    if (left > 0) {
        left--;
        return false;
    }
    item->verdict = (struct eff_verdict){.outcome = EFF_NOT_APPLIED,
                                         .fault = EFF_LIMIT,
                                         .code = EFF_STR("DAILY"),
                                         .message = EFF_STR("the calls of the day are used up")};
    return true;
}

/* A minute after the one before. */
static struct eff_report
quota_run(struct runworld *w)
{
    const struct eff_run_options options = {.limit = -1, .ignore_quota = ignore_quota};

    w->os.wall_ms += 60000;
    return runworld_run(w, &options);
}

/* 30 rows, of which 20 arrive before the quota is used up. */
static void
quota_open(struct runworld *w)
{
    struct eff_report report;

    runworld_open(w, EFF_MODE_UPSERT);
    for (size_t i = 0; i < 30; i++)
        w->model[i] = 1;
    w->judge = quota_judge;
    left = 20;
    report = quota_run(w);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_int_equal(report.delivered, 20);
    assert_int_equal(report.pending, 10);
    assert_non_null(runworld_problem(&report, "EFF2004"));
    assert_true(eff_str_find(runworld_problem(&report, "EFF2004")->hint,
                             EFF_STR("sends anything before")) < SIZE_MAX);
    left = UINT64_MAX;
}

static void
expect_parked(struct runworld *w)
{
    uint64_t rows = w->applied;
    struct eff_report report = quota_run(w);
    int code;

    assert_int_equal(report.status, EFF_STATUS_SKIPPED);
    assert_string_equal(eff_reports_status(&report, 1, &code), "partial");
    assert_int_equal(code, 3);
    assert_non_null(runworld_problem(&report, "EFF2143"));
    assert_null(report.run.ptr);
    assert_int_equal(report.read, 0);
    assert_int_equal(w->applied, rows);
}

static void
expect_gone_on(struct runworld *w)
{
    struct eff_report report = quota_run(w);

    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.delivered, 10);
}

static void
it_waits_and_goes_on(void **state)
{
    struct runworld w;

    (void)state;
    quota_open(&w);
    expect_parked(&w);
    w.os.wall_ms += HOUR_MS - 5 * 60000;
    expect_parked(&w);
    w.os.wall_ms += 5 * 60000;
    expect_gone_on(&w);
    assert_int_equal(quota_run(&w).status, EFF_STATUS_OK);
    runworld_close(&w);
}

static void
it_is_asked_once_an_hour(void **state)
{
    struct eff_report report;
    struct runworld w;

    (void)state;
    quota_open(&w);
    for (int i = 0; i < 3; i++) {
        w.os.wall_ms += HOUR_MS;
        left = 0;
        report = quota_run(&w);
        assert_int_equal(report.status, EFF_STATUS_FAILED);
        assert_int_equal(report.pending, 10);
        left = UINT64_MAX;
        expect_parked(&w);
    }
    w.os.wall_ms += HOUR_MS;
    expect_gone_on(&w);
    runworld_close(&w);
}

static void
other_syncs_of_the_account_wait_too(void **state)
{
    struct runworld w;

    (void)state;
    quota_open(&w);
    w.sync.name = EFF_STR("other");
    expect_parked(&w);
    w.dest_conf.name = EFF_STR("another");
    assert_int_equal(quota_run(&w).delivered, 30);
    runworld_close(&w);
}

static void
it_can_be_asked_now(void **state)
{
    struct runworld w;

    (void)state;
    quota_open(&w);
    ignore_quota = true;
    expect_gone_on(&w);
    ignore_quota = false;
    w.model[3] = 9;
    assert_int_equal(quota_run(&w).delivered, 1);
    runworld_close(&w);
}

static void
a_plan_does_not_wait(void **state)
{
    const struct eff_run_options options = {.plan = true, .limit = -1};
    struct eff_report report;
    struct runworld w;

    (void)state;
    quota_open(&w);
    eff_run_sync(&w.project, &w.sync, &w.os.os, &options, &w.process, &report);
    assert_int_equal(report.planned, 10);
    expect_parked(&w);
    runworld_close(&w);
}

/* ---- clocks ---- */

static void
a_clock_that_is_put_back_does_not_hold_it(void **state)
{
    struct runworld w;

    (void)state;
    quota_open(&w);
    w.os.wall_ms -= 48 * HOUR_MS;
    expect_gone_on(&w);
    runworld_close(&w);
}

static void
save_quota(struct runworld *w, const struct eff_quota *quota)
{
    struct eff_control *control;
    struct eff_err err = {0};

    assert_int_equal(eff_control_open(&w->os.os, eff_str_c(&w->process, w->project.state), true,
                                      false, &w->process, &control, &err),
                     EFF_OK);
    assert_int_equal(eff_control_quota_save(control, EFF_STR("d"), EFF_STR("fake"), quota, &err),
                     EFF_OK);
    eff_control_close(control);
}

static void
no_reset_is_further_than_a_day(void **state)
{
    struct eff_quota quota = {.sync = EFF_STR("scores")};
    struct runworld w;

    (void)state;
    quota_open(&w);
    quota.since_ms = w.os.wall_ms;
    quota.until_ms = w.os.wall_ms + 24 * HOUR_MS;
    save_quota(&w, &quota);
    expect_parked(&w);
    quota.until_ms++;
    save_quota(&w, &quota);
    expect_gone_on(&w);
    runworld_close(&w);
}

static int64_t asked_ms; /* what the other side asks to wait, once, before it tells its schema */

static struct eff_step
quota_later(struct runworld *w, struct eff_task *task, const struct eff_response *last,
            struct eff_err *err)
{
    struct eff_step step = {.kind = EFF_STEP_WAIT, .wait_ms = asked_ms};

    (void)w;
    (void)last;
    (void)err;
    if (task->kind != EFF_TASK_DESCRIBE || asked_ms == 0)
        return (struct eff_step){0};
    asked_ms = 0;
    return step;
}

/* A quarter of an hour is waited for; a run that is to wait longer ends, and says so. */
static void
who_asks_to_wait_too_long_is_not_waited_for(void **state)
{
    struct eff_report report;
    struct runworld w;

    (void)state;
    for (int64_t longer = 0; longer < 2; longer++) {
        int64_t began_ms, wait_ms = HOUR_MS / 4 + longer;

        runworld_open(&w, EFF_MODE_UPSERT);
        w.model[1] = 1;
        w.describes = true;
        w.step = quota_later;
        asked_ms = wait_ms;
        began_ms = w.os.mono_ms;
        report = quota_run(&w);
        assert_int_equal(report.delivered, longer ? 0 : 1);
        assert_true(w.os.mono_ms - began_ms >= (longer ? 0 : wait_ms));
        assert_true(w.os.mono_ms - began_ms < (longer ? 1000 : wait_ms + 1000));
        if (longer) {
            assert_non_null(runworld_problem(&report, "EFF2004"));
            expect_parked(&w);
        }
        runworld_close(&w);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_waits_and_goes_on),
        cmocka_unit_test(it_is_asked_once_an_hour),
        cmocka_unit_test(other_syncs_of_the_account_wait_too),
        cmocka_unit_test(it_can_be_asked_now),
        cmocka_unit_test(a_plan_does_not_wait),
        cmocka_unit_test(a_clock_that_is_put_back_does_not_hold_it),
        cmocka_unit_test(no_reset_is_further_than_a_day),
        cmocka_unit_test(who_asks_to_wait_too_long_is_not_waited_for),
    };

    return cmocka_run_group_tests_name("run_quota", tests, NULL, NULL);
}
