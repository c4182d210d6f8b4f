// links: base flow os conf state source batch diff plan dest deliver record run testlib assets
/*
 * Goal: what a delivery comes to is told and kept as it was: why rows are not delivered, by cause;
 * what an earlier process left under way is gone on with, and no more; and a run that ends early
 * accounts for each of its rows.
 * Method: runs into a destination in memory that judges, stops, or has things half done.
 * covers: A3, E6, H2
 */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/nosync.h"
#include "run/hand.h"

#include <cmocka.h>

#include "lib/inworld.h"

static const struct eff_run_problem *
told(const struct eff_report *report, const char *code, const char *message)
{
    for (size_t i = 0; i < report->problems_count; i++)
        if (strcmp(report->problems[i].code, code) == 0 &&
            eff_str_is(report->problems[i].message, message))
            return &report->problems[i];
    return NULL;
}

static void
expect_told(const struct eff_report *report, const char *code, uint64_t rows, const char *message)
{
    const struct eff_run_problem *problem = told(report, code, message);

    for (size_t i = 0; !problem && i < report->problems_count; i++)
        print_message("%s: " EFF_STR_FMT "\n", report->problems[i].code,
                      EFF_STR_ARG(report->problems[i].message));
    if (!problem)
        fail_msg("not told: %s: %s", code, message);
    assert_int_equal(problem->rows, rows);
}

static sqlite3 *
control_db(void)
{
    const char *path = eff_str_printf(&w.process, "%s/state/control.db", w.folder).ptr;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    return db;
}

static void
sql(const char *statement)
{
    sqlite3 *db = control_db();

    if (sqlite3_exec(db, statement, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    assert_int_equal(sqlite3_changes(db), 1);
    sqlite3_close(db);
}

static void
rows(int count, int64_t score)
{
    for (int i = 1; i <= count; i++)
        w.model[i] = score;
}

/* ---- why rows are not delivered ---- */

/* Where rows were delivered before, the first refusals do not end the run. */
static void
known_rows(void)
{
    for (int i = 300; i < 320; i++)
        w.model[i] = 5;
    w.sync.guard_rejected_percent = 100;
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
}

static bool
refuse(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    static const struct eff_verdict verdicts[] = {
        {.code = EFF_STR("C"), .message = EFF_STR("first")},
        {.code = EFF_STR("C"), .message = EFF_STR("second")}, // the first one speaks for all
        {.code = EFF_STR("C"), .message = EFF_STR("third"), .field = EFF_STR("score")},
        {.code = EFF_STR("D")},
        {.message = EFF_STR("just so")},
        {.field = EFF_STR("score")},
    };

    (void)world, (void)op;
    item->verdict = verdicts[item->match[0].i - 1];
    item->verdict.outcome = EFF_REFUSED;
    item->verdict.fault = EFF_ROW;
    return true;
}

static void
test_refusals_are_told_by_cause(void **state)
{
    struct eff_report report;

    (void)state;
    known_rows();
    rows(6, 5);
    w.judge = refuse;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.rejected, 6);
    assert_int_equal(report.problems_count, 5);
    if (told(&report, "EFF2105", "refused: C: first"))
        expect_told(&report, "EFF2105", 2, "refused: C: first");
    else
        expect_told(&report, "EFF2105", 2, "refused: C: second");
    expect_told(&report, "EFF2105", 1, "refused: C: third");
    expect_told(&report, "EFF2105", 1, "refused: D");
    expect_told(&report, "EFF2105", 1, "refused: just so");
    expect_told(&report, "EFF2105", 1, "refused");
}

static bool
refuse_each_otherwise(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)world, (void)op;
    item->verdict = (struct eff_verdict){
        .outcome = EFF_REFUSED,
        .fault = EFF_ROW,
        .code = eff_str_printf(&w.process, "C%d", (int)item->match[0].i),
    };
    return true;
}

/* Of more causes than anybody reads, the number of rows is told. */
static void
test_more_causes_than_are_told(void **state)
{
    struct eff_report report;

    (void)state;
    known_rows();
    rows(40, 5);
    w.judge = refuse_each_otherwise;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.rejected, 40);
    assert_int_equal(report.problems_count, 33);
    expect_told(&report, "EFF2105", 8, "for further reasons");
}

static bool
take(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    static const eff_str messages[] = {EFF_STR("1 of 2"), EFF_STR("1 of 2"), EFF_STR("2 of 9")};

    (void)world, (void)op;
    item->verdict = (struct eff_verdict){.outcome = EFF_TAKEN};
    if (item->match[0].i <= 3) {
        item->verdict.code = EFF_STR("partial");
        item->verdict.message = messages[item->match[0].i - 1];
    }
    return true;
}

/* Taken: of each request the number is told; what was taken as a whole is told as delivered. */
static void
test_what_was_taken_but_for_some(void **state)
{
    struct eff_report report;

    (void)state;
    rows(5, 5);
    w.judge = take;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.delivered, 5);
    assert_int_equal(report.problems_count, 2);
    expect_told(&report, "EFF2130", 2, "taken, but for some: partial: 1 of 2");
    expect_told(&report, "EFF2130", 1, "taken, but for some: partial: 2 of 9");
}

static bool
created(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)world, (void)op;
    item->verdict = (struct eff_verdict){.outcome = EFF_APPLIED, .created = true};
    return true;
}

/* A new row of which not all is sent makes a record, as it should: none was deleted over there. */
static void
test_a_new_record_with_some_of_the_fields(void **state)
{
    struct eff_report report;

    (void)state;
    runworld_column(&w, "note", (struct eff_value){.kind = EFF_NULL});
    w.columns[2].kind = EFF_TEXT;
    w.fields[1].on_null = EFF_NULL_SKIP;
    rows(2, 5);
    w.judge = created;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.problems_count, 0);
    assert_int_equal(runworld_run(&w, NULL).planned, 0);
}

/* ---- what an earlier process left under way ---- */

static unsigned removals; /* so many were sent */
static char sizes[40];    /* of the requests */

static struct eff_step
count_sent(struct runworld *world, struct eff_task *task, const struct eff_response *last,
           struct eff_err *err)
{
    (void)world, (void)last, (void)err;
    if (task->kind != EFF_TASK_DELIVER)
        return (struct eff_step){0};
    removals += eff_op_removes(task->delivery->op) ? (unsigned)task->delivery->count : 0;
    snprintf(sizes + strlen(sizes), sizeof sizes - strlen(sizes), "%zu ", task->delivery->count);
    return (struct eff_step){0};
}

/* The removals are batches 0 and 2 of the run that is open. */
static void
two_removals_are_open(void)
{
    w.sync.mode = EFF_MODE_MIRROR;
    w.sync.on_removed = EFF_REMOVED_DELETE;
    rows(4, 5);
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    w.limits.rows_max = 1;
    w.model[1] = 6;
    w.model[2] = w.model[3] = 0;
    runworld_leave_open(&w);
    w.step = count_sent;
}

/*
 * What works over there already, a job, is waited for as ever; what was only sent is left to what
 * the model says now.
 */
static void
test_a_removal_that_is_under_way(void **state)
{
    struct eff_report report;

    (void)state;
    two_removals_are_open();
    sql("INSERT INTO batch (run, batch, settled, attempts, first_attempt, memo)"
        " SELECT id, 0, 0, 1, 1, CAST('job 7' AS BLOB) FROM run WHERE state = 1");
    sql("INSERT INTO batch (run, batch, settled, attempts, first_attempt)"
        " SELECT id, 2, 0, 1, 1 FROM run WHERE state = 1");
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.resumed.delivered, 2);
    assert_int_equal(report.resumed.superseded, 1);
    assert_int_equal(report.removed, 1);
    assert_int_equal(removals, 2);
    assert_true(runworld_equal(&w, true));
}

static bool
lose_the_answer(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)world, (void)op;
    item->verdict = (struct eff_verdict){.outcome = EFF_MAYBE_APPLIED, .fault = EFF_TRANSIENT};
    return true;
}

/* Once its key has expired, sending it again could make it twice: a plan says so and notes nothing. */
static void
test_a_key_that_expires(void **state)
{
    struct eff_run_options plan = {.plan = true, .limit = -1};
    struct eff_report report;
    uint64_t count;
    struct eff_err err = {0};

    (void)state;
    w.limits.class = EFF_CLASS_KEYED;
    w.limits.rows_max = 1;
    w.limits.key_window_ms = 3600000;
    rows(1, 5);
    w.judge = lose_the_answer;
    assert_int_equal(runworld_run(&w, NULL).pending, 1);
    w.judge = NULL;
    assert_int_equal(runworld_run(&w, &plan).held, 0); // it can still be sent under its key
    w.os.wall_ms += 7200000;
    assert_int_equal(runworld_run(&w, &plan).held, 1);
    w.os.wall_ms -= 7200000;
    assert_int_equal(runworld_run(&w, &plan).held, 0);
    w.os.wall_ms += 7200000;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.held, 1);
    assert_int_equal(report.delivered, 0);
    w.os.wall_ms -= 7200000;
    assert_int_equal(runworld_run(&w, NULL).held, 1); // a person decides from now on
    assert_int_equal(eff_run_retry(&w.project, &w.sync, &w.os.os, &w.process, &count, &err),
                     EFF_OK);
    assert_int_equal(runworld_run(&w, NULL).delivered, 1);
}

/* ---- rows that go one by one ---- */

static struct eff_hand hand;

/* A run was left open, at whose only batch the process crashed so often that its rows go apart. */
static struct eff_report
run_apart(enum eff_class class, const char *mark)
{
    struct eff_run_options options = {.limit = -1, .hand = &hand};
    sqlite3_stmt *statement;
    sqlite3 *db;

    w.limits.class = class;
    rows(3, 5);
    runworld_leave_open(&w);
    sql(mark);
    db = control_db();
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT id FROM run WHERE state = 1", -1, &statement, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    hand = (struct eff_hand){.apart = true, .last = {.rows = 3}};
    memcpy(hand.last.run, sqlite3_column_text(statement, 0), EFF_ULID_LEN);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    w.step = count_sent;
    return runworld_run(&w, &options);
}

#define MARK(batch, attempts)                                                                      \
    "INSERT OR REPLACE INTO batch (run, batch, settled, attempts, first_attempt) SELECT"           \
    " id, " #batch ", 0, " #attempts ", 1 FROM run WHERE state = 1"

static void
test_rows_of_a_batch_that_can_be_repeated(void **state)
{
    struct eff_report report;

    (void)state;
    report = run_apart(EFF_CLASS_CONVERGE, MARK(0, 1));
    assert_int_equal(report.resumed.delivered, 3);
    assert_string_equal(sizes, "1 1 1 ");
    assert_true(runworld_equal(&w, true));
}

/* It may have been applied as a whole: nobody can say so of its rows, and none is sent again. */
static void
test_rows_of_a_batch_that_cannot(void **state)
{
    struct eff_report report;

    (void)state;
    report = run_apart(EFF_CLASS_BLIND, MARK(0, 1));
    assert_int_equal(report.resumed.held, 3);
    assert_int_equal(report.resumed.delivered, 0);
    assert_string_equal(sizes, "");
}

/* It was never begun: a request is made of each row alone, to see at which it crashes; then of all. */
static void
test_rows_of_a_batch_that_was_not_begun(void **state)
{
    struct eff_report report;

    (void)state;
    report = run_apart(EFF_CLASS_BLIND, MARK(0, 0));
    assert_int_equal(report.resumed.delivered, 3);
    assert_string_equal(sizes, "1 1 1 3 ");
}

/* ---- a run that ends early ---- */

static const char *unfinished; /* what finishing says; NULL: it is done */

static struct eff_step
refuse_access(struct runworld *world, struct eff_task *task, const struct eff_response *last,
              struct eff_err *err)
{
    (void)world, (void)last;
    if (task->kind == EFF_TASK_DELIVER)
        EFF_FAIL(err, EFF_AUTH, "no access any more");
    else if (task->kind == EFF_TASK_FINISH && unfinished)
        EFF_FAIL(err, EFF_CONFIG, "%s", unfinished);
    else
        return (struct eff_step){0};
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

static struct eff_report
run_ends_early(enum eff_class class, const char *mark)
{
    w.limits.class = class;
    w.limits.rows_max = 1;
    rows(3, 5);
    runworld_leave_open(&w);
    sql(mark);
    w.step = refuse_access;
    return runworld_run(&w, NULL);
}

/* What was begun and can be repeated is sent by the next run, like what was never begun. */
static void
test_unsent_rows_that_can_be_repeated(void **state)
{
    struct eff_report report;

    (void)state;
    report = run_ends_early(EFF_CLASS_CONVERGE, MARK(2, 1));
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_int_equal(report.resumed.pending, 3);
    assert_int_equal(report.resumed.held, 0);
    w.step = NULL;
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    assert_true(runworld_equal(&w, true));
}

/* What may have been applied, and cannot be repeated, waits for a person; what was not begun does not. */
static void
test_unsent_rows_that_cannot(void **state)
{
    struct eff_report report;

    (void)state;
    report = run_ends_early(EFF_CLASS_BLIND, MARK(2, 0));
    assert_int_equal(report.resumed.held, 1); // the first one, at which the process died
    assert_int_equal(report.resumed.pending, 2);
    runworld_close(&w);
    runworld_open(&w, EFF_MODE_UPSERT);
    report = run_ends_early(EFF_CLASS_BLIND, MARK(2, 1));
    assert_int_equal(report.resumed.held, 2);
    assert_int_equal(report.resumed.pending, 1);
}

/* Why it ended is told, and not what came of tidying up; the run stays open for the next one. */
static void
test_a_run_that_can_neither_go_on_nor_finish(void **state)
{
    struct eff_report report;

    (void)state;
    rows(3, 5);
    unfinished = "it cannot be finished";
    w.step = refuse_access;
    report = runworld_run(&w, NULL);
    unfinished = NULL;
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    expect_told(&report, "EFF2002", 0, "no access any more");
    assert_int_equal(report.pending, 3);
    w.step = NULL;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_true(report.has_resumed);
    assert_true(runworld_equal(&w, true));
}

/* ---- what is asked beside it ---- */

static enum eff_fault describing; /* what it ends with; OK: it stops and does not say why */

static struct eff_step
describe_fails(struct runworld *world, struct eff_task *task, const struct eff_response *last,
               struct eff_err *err)
{
    (void)last;
    if (task->kind != EFF_TASK_DESCRIBE)
        return (struct eff_step){0};
    world->looks = 0;
    if (describing != EFF_OK)
        EFF_FAIL(err, describing, "not now");
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

static void
test_a_destination_that_does_not_say_why(void **state)
{
    struct eff_report report;

    (void)state;
    w.describes = true;
    w.step = describe_fails;
    describing = EFF_OK;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_int_equal(report.problems[0].fault, EFF_BROKEN);
    assert_true(eff_str_is(report.problems[0].message, "the destination stopped without a reason"));
}

/* Between two tries it waits: whoever asks to stop does not wait with it. */
static void
test_stopped_between_two_tries(void **state)
{
    struct eff_report report;
    int64_t before = w.os.mono_ms;

    (void)state;
    w.describes = true;
    w.step = describe_fails;
    w.stop_at = 2; // it is asked whether to try again, and then whether to go on waiting
    describing = EFF_TRANSIENT;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_true(eff_str_is(report.problems[0].message, "stopped on request"));
    assert_int_equal(w.os.mono_ms, before);
}

/* A plan finds the quota used up: it is told, and the next run does not wait because of it. */
static void
test_a_plan_without_quota(void **state)
{
    struct eff_run_options plan = {.plan = true, .limit = -1};
    struct eff_report report;

    (void)state;
    rows(1, 5);
    w.describes = true;
    w.step = describe_fails;
    describing = EFF_LIMIT;
    report = runworld_run(&w, &plan);
    assert_int_equal(report.problems[0].fault, EFF_LIMIT);
    w.describes = false;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.delivered, 1);
}

static struct eff_step
finish_asks(struct runworld *world, struct eff_task *task, const struct eff_response *last,
            struct eff_err *err)
{
    (void)err;
    if (task->kind != EFF_TASK_FINISH || last)
        return (struct eff_step){0};
    world->stop_at = world->looks + 1;
    return (struct eff_step){.kind = EFF_STEP_SEND};
}

/* What was acknowledged is finished over there, though the run was asked to stop meanwhile. */
static void
test_stopped_while_it_is_finished(void **state)
{
    struct eff_report report;

    (void)state;
    rows(1, 5);
    w.step = finish_asks;
    w.answers_at = 3;
    w.response = (struct eff_response){.status = 200};
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(w.polls, 3);
    assert_int_equal(w.cancelled, 0);
}

static void
begins(void)
{
    removals = 0;
    sizes[0] = 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_refusals_are_told_by_cause),
        IN_WORLD(test_more_causes_than_are_told),
        IN_WORLD(test_what_was_taken_but_for_some),
        IN_WORLD(test_a_new_record_with_some_of_the_fields),
        IN_WORLD(test_a_removal_that_is_under_way),
        IN_WORLD(test_a_key_that_expires),
        IN_WORLD(test_rows_of_a_batch_that_can_be_repeated),
        IN_WORLD(test_rows_of_a_batch_that_cannot),
        IN_WORLD(test_rows_of_a_batch_that_was_not_begun),
        IN_WORLD(test_unsent_rows_that_can_be_repeated),
        IN_WORLD(test_unsent_rows_that_cannot),
        IN_WORLD(test_a_run_that_can_neither_go_on_nor_finish),
        IN_WORLD(test_a_destination_that_does_not_say_why),
        IN_WORLD(test_stopped_between_two_tries),
        IN_WORLD(test_a_plan_without_quota),
        IN_WORLD(test_stopped_while_it_is_finished),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
