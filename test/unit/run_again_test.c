// links: base flow os conf state source batch diff plan dest deliver record run testlib assets
/*
 * Goal: what is looked at a second time is judged by what it is then: what an earlier run left open,
 * rows that are read again, records that are read back; and where that cannot be, nothing is guessed.
 * Method: runs between a model and a destination in memory; between two looks something changes.
 * covers: A6, A10, B17, B18, C6, F3
 */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/inworld.h"

static void
sql(const char *statement)
{
    const char *path = eff_str_printf(&w.process, "%s/state/control.db", w.folder).ptr;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* ---- a run that was left open ---- */

static void
mirror_six(void)
{
    w.sync.mode = EFF_MODE_MIRROR;
    w.sync.on_removed = EFF_REMOVED_DELETE;
    for (int i = 1; i <= 6; i++)
        w.model[i] = i;
    deliver_all();
}

/* A removal that was frozen is not sent: the row may be back. It is planned anew. */
static void
test_removals_of_an_earlier_run(void **state)
{
    struct eff_run_options plan = {.plan = true, .limit = -1};
    struct eff_report report;

    (void)state;
    mirror_six();
    w.limits.rows_max = 1;
    w.model[1] = 10;
    w.model[2] = w.model[3] = 0;
    runworld_leave_open(&w);
    report = runworld_run(&w, &plan);
    assert_true(report.has_resumed);
    assert_int_equal(report.resumed.planned, 3);
    w.model[2] = 2; // it is back
    report = run();
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.resumed.planned, 3);
    assert_int_equal(report.resumed.superseded, 2);
    assert_int_equal(report.resumed.delivered, 1);
    assert_int_equal(report.removed, 1);
    assert_true(runworld_equal(&w, true));
}

/* The process before may have sent it: applied late, it takes away what is back (A10). */
static void
test_a_late_removal_of_an_earlier_run(void **state)
{
    struct eff_report report;

    (void)state;
    mirror_six();
    w.limits.rows_max = 1;
    w.limits.late_ms = 600000;
    w.model[1] = 10;
    w.model[2] = 0;
    runworld_leave_open(&w);
    w.model[2] = 2; // it is back
    report = run();
    assert_int_equal(report.resumed.superseded, 1);
    assert_non_null(runworld_problem(&report, "EFF2134"));
    assert_true(runworld_equal(&w, true));
    w.held[2] = 0; // now it arrives
    w.os.wall_ms += 600001;
    report = run();
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.delivered, 1);
    assert_true(runworld_equal(&w, true));
}

/* What a guard held then is held, and not told as left to be settled. */
static void
test_what_an_earlier_run_held(void **state)
{
    struct eff_run_options plan = {.plan = true, .limit = -1};
    struct eff_report report;

    (void)state;
    mirror_six();
    w.sync.guard_removed_rows = 0;
    w.model[1] = 10;
    w.model[2] = 0;
    runworld_leave_open(&w);
    report = runworld_run(&w, &plan);
    assert_int_equal(report.resumed.planned, 1);
    report = run();
    assert_int_equal(report.status, EFF_STATUS_HELD);
    assert_int_equal(report.resumed.delivered, 1);
    assert_int_equal(report.held, 1);
    assert_int_equal(w.held[2], 2);
}

static void
test_an_open_run_that_is_damaged(void **state)
{
    struct eff_report report;

    (void)state;
    mirror_six();
    w.model[1] = 10;
    runworld_leave_open(&w);
    sql("UPDATE run SET digest = digest + 1 WHERE state = 1");
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_true(has_text(report.problems[0].message, "is not the one that was planned"));
    sql("UPDATE run SET digest = digest - 1, columns = x'01ff' WHERE state = 1");
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_true(has_text(report.problems[0].message, "does not read back"));
    assert_int_equal(w.held[1], 10);
}

/* ---- rows that are read again ---- */

static int64_t places[RUNWORLD_KEYS];

static void
place(struct runworld *world, int64_t id, struct eff_value *cells)
{
    (void)world;
    cells[2] = eff_value_of_int(EFF_INT, places[id]);
}

static void
match_by_place(int rows)
{
    static struct eff_field_conf match = {.name = EFF_STR("place"), .from = EFF_STR("place")};

    runworld_column(&w, "place", eff_value_of_int(EFF_INT, 0));
    w.sync.fields_count = w.sync.match_count = 1;
    w.sync.match = &match;
    w.row = place;
    for (int i = 1; i <= rows; i++)
        w.model[i] = places[i] = i;
}

static void
first_row_goes(struct runworld *world)
{
    if (world->queries % 2 == 0)
        world->model[1] = 0;
}

static void
a_twin_comes(void)
{
    match_by_place(4);
    deliver_all();
    w.model[5] = 5;
    places[5] = 1;
    w.queries = 0;
}

/* A row that has not changed is a twin all of a sudden: it is read again, to tell of it. */
static void
test_twins_among_rows_that_were_not_kept(void **state)
{
    struct eff_report report;

    (void)state;
    a_twin_comes();
    report = run();
    assert_int_equal(report.invalid, 2);
    assert_int_equal(w.queries, 2);

    w.query = first_row_goes; // it is gone when it is read again
    w.queries = 0;
    report = run();
    assert_int_equal(report.invalid, 1);
    assert_int_equal(report.pending, 1);
    expect_problem(&report, "EFF2114", 1, "rows changed while the model was read");
    expect_line(true, "\"pending\":1");
    expect_line(true, "\"code\":\"EFF2114\"");
}

static void
stopped_in_second(struct runworld *world)
{
    if (world->queries == 2)
        world->stop_at = world->looks + 1;
}

static void
test_stopped_while_rows_are_read_again(void **state)
{
    struct eff_report report;

    (void)state;
    a_twin_comes();
    w.query = stopped_in_second;
    report = run();
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    expect_problem(&report, "EFF2007", 0, "stopped on request; nothing was sent");
}

/* With little memory they are read again some at a time. */
static void
test_many_rows_are_read_again(void **state)
{
    struct eff_report report;

    (void)state;
    match_by_place(150);
    deliver_all();
    for (int i = 1; i <= 150; i++) {
        w.model[i + 200] = 1;
        places[i + 200] = i;
    }
    w.sync.memory_bytes = 128 << 10;
    w.queries = 0;
    report = run();
    assert_int_equal(report.invalid, 300);
    assert_true(w.queries > 2);
}

/* Match values that are none, and numbers that are the same written otherwise. */
static void
odd_places(struct runworld *world, int64_t id, struct eff_value *cells)
{
    (void)world;
    cells[2] = id == 1   ? (struct eff_value){.kind = EFF_NULL}
               : id == 2 ? eff_value_of_str(EFF_BAD, EFF_STR("it is odd"))
               : id == 3 ? eff_value_of_float(5.0)
               : id == 4 ? eff_value_of_float(4.5)
               : id == 6 ? eff_value_of_float(1e300) // no whole number, as far as can be told
                         : eff_value_of_int(EFF_INT, id);
}

static void
test_odd_match_values(void **state)
{
    static const eff_str keys[] = {EFF_STR("5"), EFF_STR("6")};
    struct eff_run_options some = {.limit = -1, .keys_count = 2, .keys = keys};
    struct eff_look_options look = {.named = true, .sample = -1};
    struct eff_report report;

    (void)state;
    mirror_six();
    assert_int_equal(w.applied, 6);
    match_by_place(6);
    sql("UPDATE sync SET identity = NULL"); // the match is another one now
    w.row = odd_places;
    report = run();
    assert_int_equal(report.invalid, 4); // none, odd, and two twins
    report = runworld_run(&w, &some);    // a row that was not asked for is a twin all the same
    assert_int_equal(report.read, 2);
    assert_int_equal(report.invalid, 1);
    w.reads = true;
    report = runworld_look(&w, &look);
    assert_int_equal(report.invalid, 2); // it does not look at twins
    look.adopt = look.write = true;
    report = runworld_look(&w, &look);
    assert_int_equal(report.invalid, 4);
}

static void
test_a_read_that_fails_the_second_time(void **state)
{
    (void)state;
    match_by_place(4);
    deliver_all();
    w.model[5] = 5;
    places[5] = 1;
    for (uint64_t n = 4; n <= 6; n++) { // opened, asked, two reads; and once more
        testos_plan(&w.os, TESTOS_SOURCE, n, 0, false);
        assert_int_equal(run().status, EFF_STATUS_FAILED);
    }
    testos_plan(&w.os, 0, 0, 0, false);
    assert_int_equal(run().invalid, 2);
}

/* ---- records that are read back ---- */

static int64_t kept; /* what becomes of a score over there; 0: nothing */

static bool
keep_otherwise(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)op;
    world->held[item->match[0].i] = kept;
    item->verdict = (struct eff_verdict){.outcome = EFF_APPLIED};
    return true;
}

static void
read_back(void)
{
    w.sync.read_back = w.reads = true;
    w.model[1] = w.model[2] = 5;
}

static void
test_records_that_are_not_kept(void **state)
{
    struct eff_report report;

    (void)state;
    read_back();
    w.model[2] = 0;
    w.judge = keep_otherwise;
    kept = 0;
    for (int turn = 0; turn < 2; turn++) { // sent again by each run, and none is green
        report = run();
        assert_int_equal(report.status, EFF_STATUS_HELD);
        expect_problem(&report, "EFF2137", 1, "records that were acknowledged are not found");
    }
    kept = 7;
    report = run();
    assert_int_equal(report.status, EFF_STATUS_HELD);
    expect_problem(&report, "EFF2136", 1, "o.score");
    w.judge = NULL; // it is mended over there
    deliver_all();
    assert_true(runworld_equal(&w, false));
    assert_int_equal(run().planned, 0);
}

/* A form of the destination's own is told once, and once more when the report of that is gone. */
static void
test_a_form_of_its_own(void **state)
{
    static const eff_str there = EFF_STR("n");
    struct eff_report report;

    (void)state;
    read_back();
    runworld_column(&w, "note", eff_value_of_str(EFF_TEXT, EFF_STR("N")));
    w.found[1] = eff_value_of_str(EFF_TEXT, there);
    report = run();
    assert_int_equal(report.status, EFF_STATUS_OK);
    expect_problem(&report, "EFF2138", 0, "o.note");
    w.model[1] = 6;
    report = run();
    assert_null(runworld_problem(&report, "EFF2138"));
    sql("UPDATE run SET report = 'no JSON' WHERE report IS NOT NULL");
    w.model[1] = 7;
    report = run();
    assert_non_null(runworld_problem(&report, "EFF2138"));
}

/* Of a run long ago, among others; two fields are told of once each. */
static void
test_which_reports_tell_of_a_form(void **state)
{
    struct eff_report report;

    (void)state;
    read_back();
    runworld_column(&w, "note", eff_value_of_str(EFF_TEXT, EFF_STR("N")));
    runworld_column(&w, "name", eff_value_of_str(EFF_TEXT, EFF_STR("A")));
    w.found[1] = eff_value_of_str(EFF_TEXT, EFF_STR("n"));
    w.found[2] = eff_value_of_str(EFF_TEXT, EFF_STR("a"));
    assert_int_equal(run().problems_count, 2);
    w.model[1] = 6;
    assert_int_equal(run().problems_count, 0);
    w.model[1] = 7;
    assert_int_equal(run().problems_count, 0);
    sql("UPDATE run SET report = '' WHERE report IS NOT NULL");
    w.model[1] = 8;
    assert_int_equal(run().problems_count, 2);
    sql("UPDATE run SET report = '{\"problems\": [{\"message\": \"of another kind\"}]}'");
    w.model[1] = 9;
    report = run();
    expect_problem(&report, "EFF2138", 0, "o.note");
    assert_int_equal(report.problems_count, 2);
}

static struct eff_step
stopped_by_reading(struct runworld *world, struct eff_task *task, const struct eff_response *last,
                   struct eff_err *err)
{
    (void)last, (void)err;
    if (task->kind == EFF_TASK_READ)
        world->stop_at = world->looks + 1;
    return (struct eff_step){0};
}

/* Whoever stops does not wait until it can be told whether all was kept: then nothing is told. */
static void
test_stopped_before_it_is_read_back_again(void **state)
{
    struct eff_report report;

    (void)state;
    read_back();
    w.judge = keep_otherwise;
    kept = 7;
    w.read_lag_ms = 5000;
    w.step = stopped_by_reading;
    report = run();
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.delivered, 2);
    assert_int_equal(report.problems_count, 0);
    assert_true(w.os.mono_ms < 5000);
    w.step = NULL;
    w.stop_at = 0;
    w.model[1] = 8; // the next run that sends looks again
    report = run();
    expect_problem(&report, "EFF2136", 1, "o.score");
}

/* It refuses what it cannot keep; or shows too late what it has. */
static void
test_where_nothing_is_read_back(void **state)
{
    (void)state;
    read_back();
    w.judge = keep_otherwise;
    kept = 7;
    w.strict = true;
    deliver_all();
    w.strict = false;
    w.read_lag_ms = 60000;
    w.model[1] = 6;
    deliver_all();
    w.read_lag_ms = 2000;
    w.model[1] = 8;
    assert_int_equal(run().status, EFF_STATUS_HELD);
    assert_true(w.os.mono_ms >= 2000);
}

/* It was delivered: that it cannot be looked at is told, and no more. */
static void
test_records_that_cannot_be_read(void **state)
{
    struct eff_report report;

    (void)state;
    read_back();
    w.step = runworld_no_reading;
    report = run();
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.delivered, 2);
    assert_int_equal(report.read_back, 0);
    assert_int_equal(report.problems_count, 1);
}

static void
begins(void)
{
    memset(places, 0, sizeof places);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_removals_of_an_earlier_run),
        IN_WORLD(test_a_late_removal_of_an_earlier_run),
        IN_WORLD(test_what_an_earlier_run_held),
        IN_WORLD(test_an_open_run_that_is_damaged),
        IN_WORLD(test_twins_among_rows_that_were_not_kept),
        IN_WORLD(test_stopped_while_rows_are_read_again),
        IN_WORLD(test_many_rows_are_read_again),
        IN_WORLD(test_odd_match_values),
        IN_WORLD(test_a_read_that_fails_the_second_time),
        IN_WORLD(test_where_nothing_is_read_back),
        IN_WORLD(test_records_that_are_not_kept),
        IN_WORLD(test_a_form_of_its_own),
        IN_WORLD(test_which_reports_tell_of_a_form),
        IN_WORLD(test_stopped_before_it_is_read_back_again),
        IN_WORLD(test_records_that_cannot_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
