// links: base flow os conf state source batch diff plan dest deliver record run testlib assets
/*
 * Goal: what a run finds in the model or is told by the destination is counted where it belongs and
 * told once for each cause, with what to do; what cannot be known is held, not guessed.
 * Method: runs between a model and a destination in memory, each with one thing out of the ordinary.
 * covers: C7
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "lib/nosync.h"
#include "run/verbs.h"

#include <cmocka.h>

#include "lib/inworld.h"

static void
deliver_equal(void)
{
    struct eff_report report = runworld_run(&w, NULL);

    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_true(runworld_equal(&w, false));
}

/* ---- rows that cannot be sent ---- */

static eff_str large;

static void
odd_rows(struct runworld *world, int64_t id, struct eff_value *cells)
{
    static char long_key[5000];

    (void)world;
    if (id == 1 || id == 7) {
        cells[0] = eff_value_of_int(EFF_NULL, 0);
    } else if (id == 2) {
        memset(long_key, 'k', sizeof long_key);
        cells[0] = eff_value_of_str(EFF_TEXT, (eff_str){long_key, sizeof long_key});
    } else if (id == 3) {
        cells[1] = eff_value_of_str(EFF_BAD, EFF_STR("it is no date"));
    } else if (id == 4) {
        cells[2] = eff_value_of_str(EFF_TEXT, large);
    }
}

static void
test_rows_that_cannot_be_sent(void **state)
{
    struct eff_run_options plan = {.plan = true, .limit = -1};
    struct eff_report report;

    (void)state;
    runworld_column(&w, "note", eff_value_of_str(EFF_TEXT, EFF_STR("n")));
    for (int i = 1; i <= 7; i++)
        w.model[i] = i;
    large = (eff_str){eff_new(&w.process, char, 5 << 20), 5 << 20}; // more than a quarter of 16 MiB
    w.row = odd_rows;
    for (int turn = 0; turn < 3; turn++) {
        report = runworld_run(&w, turn == 0 ? &plan : NULL);
        expect_line(turn > 0, "\"state\":\"invalid\",\"rows\":2"); // those without a key
        assert_int_equal(report.invalid, 5);
        assert_int_equal(report.added, turn < 2 ? 2 : 0);
        expect_problem(&report, "EFF2109", 2, "the key is empty: column id");
        expect_problem(&report, "EFF2110", 1, "the key cannot be one: column id");
        expect_problem(&report, "EFF2111", 1, "a value cannot be represented: column score");
        expect_problem(&report, "EFF2140", 1, "column note: 5 MiB of at most 4 MiB");
    }
    assert_int_equal(w.held[5], 5);
    assert_int_equal(w.held[3] + w.held[4], 0);
}

/* ---- who reads ---- */

static void
test_another_reader_removes_nothing(void **state)
{
    struct eff_report report;

    (void)state;
    w.sync.mode = EFF_MODE_MIRROR;
    w.sync.on_removed = EFF_REMOVED_DELETE;
    for (int i = 1; i <= 6; i++)
        w.model[i] = i;
    w.reader = "role loader";
    deliver_equal();
    w.reader = "role intern";
    w.model[6] = 0;
    for (int turn = 0; turn < 2; turn++) { // held for as long as it is not approved
        report = runworld_run(&w, NULL);
        assert_int_equal(report.status, EFF_STATUS_HELD);
        expect_problem(&report, "EFF2113", 1, "role intern");
        assert_true(has_text(report.problems[0].message, "role loader"));
        assert_int_equal(w.held[6], 6);
    }
    w.reader = NULL; // not told: who it was stays known
    w.model[6] = 7;
    deliver_equal();
    w.reader = "role intern";
    w.model[6] = 0;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_HELD);
    w.reader = "role loader";
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(w.held[6], 0);
}

/* ---- match values ---- */

static int64_t places[RUNWORLD_KEYS];

static void
place(struct runworld *world, int64_t id, struct eff_value *cells)
{
    (void)world;
    cells[2] = eff_value_of_int(EFF_INT, places[id]);
}

static void
match_by_place(void)
{
    static struct eff_field_conf match = {.name = EFF_STR("place"), .from = EFF_STR("place")};

    runworld_column(&w, "place", eff_value_of_int(EFF_INT, 0));
    w.sync.fields_count = w.sync.match_count = 1;
    w.sync.match = &match;
    w.row = place;
    for (int i = 1; i <= 6; i++)
        w.model[i] = places[i] = i;
}

static void
expect_held(int64_t a, int64_t b, int64_t c)
{
    assert_int_equal(w.held[1], a);
    assert_int_equal(w.held[2], b);
    assert_int_equal(w.held[3], c);
}

/* Here a match value cannot be changed: the row is held; an exchange needs no such change. */
static void
test_a_match_value_that_cannot_change(void **state)
{
    struct eff_report report;

    (void)state;
    match_by_place();
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    places[1] = 100;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_HELD);
    assert_int_equal(report.held, 1);
    expect_problem(&report, "EFF2116", 1, "");
    expect_held(1, 2, 3);
    places[1] = 2; // its neighbour's, who goes where nobody was: somebody would need a new record
    places[2] = 100;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.held, 2);
    expect_held(1, 2, 3);
    places[2] = 1;
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    expect_held(2, 1, 3);
}

/* Two keys were acknowledged at one record: when they part, it stays with neither of them alone. */
static void
test_two_keys_of_one_record_part(void **state)
{
    (void)state;
    match_by_place();
    w.limits.rematch = true;
    places[2] = 100;
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    w.model[1] = 0; // the other key takes its record
    places[2] = 1;
    w.held[100] = 0;
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    w.model[1] = 1; // and both leave it
    places[1] = 50;
    places[2] = 51;
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    assert_int_equal(w.held[50], 1);
    assert_int_equal(w.held[51], 2);
    places[1] = 51;
    places[2] = 50;
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    assert_int_equal(w.held[51], 1);
    assert_int_equal(w.held[50], 2);
}

/* ---- what the destination says ---- */

static size_t causes; /* of so many kinds */

static bool
take_with_a_doubt(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)world, (void)op;
    item->verdict = (struct eff_verdict){.outcome = EFF_TAKEN, .code = EFF_STR("2 were unknown")};
    return true;
}

static bool
refuse_each(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)op;
    item->verdict = (struct eff_verdict){
        .outcome = EFF_REFUSED,
        .fault = EFF_ROW,
        .message = item->match[0].i % 2 ? EFF_STR_NONE : EFF_STR("why"),
        .code = eff_str_printf(&world->process, "E%zu", (size_t)item->match[0].i % causes)};
    return true;
}

static void
test_taken_with_a_doubt(void **state)
{
    struct eff_report report;

    (void)state;
    w.model[1] = w.model[2] = 1;
    w.judge = take_with_a_doubt;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.delivered, 2);
    expect_problem(&report, "EFF2130", 2, "taken, but for some: 2 were unknown");
}

/* One problem for each cause, for 32 of them; then one for all others. */
static void
test_many_causes(void **state)
{
    struct eff_report report;

    (void)state;
    w.sync.guard_rejected_percent = 100;
    for (int i = 1; i <= 80; i++)
        w.model[i] = 1;
    causes = 40;
    w.judge = refuse_each;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.rejected, 80);
    assert_int_equal(report.problems_count, 33);
    assert_true(has_text(report.problems[32].message, "for further reasons"));
    assert_int_equal(report.problems[32].rows, 16);
}

/* The report is what is lost: the rows were delivered, and the next run knows it. */
static void
test_memory_ends_before_the_report(void **state)
{
    const struct eff_run_options usual = {.limit = -1};
    struct eff_arena small = {0};
    struct eff_report report;

    (void)state;
    w.sync.guard_rejected_percent = 100;
    for (int i = 1; i <= 80; i++)
        w.model[i] = 1;
    causes = 40;
    w.judge = refuse_each;
    eff_arena_init(&small, "small", 16 << 10); // its text fits in, but not what is read of it
    eff_run_sync(&w.project, &w.sync, &w.os.os, &usual, &small, &report);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_int_equal(report.problems_count, 1);
    expect_problem(&report, "EFF2008", 0, "memory ended before the report was written");
    eff_arena_deinit(&small);
    expect_line(true, "\"rejected\":80");
    w.judge = NULL;
    deliver_equal();
}

/* ---- the end over there ---- */

static bool finishes;

static struct eff_step
finish(struct runworld *world, struct eff_task *task, const struct eff_response *last,
       struct eff_err *err)
{
    (void)world, (void)last;
    if (task->kind != EFF_TASK_FINISH || finishes)
        return (struct eff_step){0};
    EFF_FAIL(err, EFF_CONFIG, "no room over there");
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

/* What was acknowledged is finished by the next run: until then this one stays open. */
static void
test_an_end_that_fails_is_repeated(void **state)
{
    struct eff_buf text = {0};
    struct eff_json_writer out = {.buf = &text};
    struct eff_report report;
    struct eff_err err = {0};

    (void)state;
    w.model[1] = 1;
    w.step = finish;
    finishes = false;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_int_equal(eff_run_status(&w.project, &w.sync, &w.os.os, &w.process, &out, &err), EFF_OK);
    assert_true(has_text(eff_buf_str(&text), "\"open_run\":{\"run\":\""));
    assert_true(has_text(eff_buf_str(&text), "\"running\":false"));
    eff_buf_free(&text);
    report = runworld_run(&w, NULL); // still not
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    finishes = true;
    report = runworld_run(&w, NULL);
    assert_true(report.has_resumed);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.planned, 0);
    assert_int_equal(w.applied, 1);
}

/* ---- steps of a destination ---- */

static struct {
    unsigned waits, sends, auths, logins;
    bool login_refused;
} walk;

static struct eff_step
describe_slowly(struct runworld *world, struct eff_task *task, const struct eff_response *last,
                struct eff_err *err)
{
    (void)err;
    if (task->kind == EFF_TASK_AUTHORIZE) {
        walk.logins++;
        return (struct eff_step){.kind = walk.login_refused ? EFF_STEP_AUTH : EFF_STEP_DONE};
    }
    if (task->kind != EFF_TASK_DESCRIBE)
        return (struct eff_step){0};
    if (last)
        assert_int_equal(last->status, 200);
    if (walk.waits > 0) {
        walk.waits--;
        return (struct eff_step){.kind = EFF_STEP_WAIT, .wait_ms = 1000};
    }
    if (walk.sends > 0) {
        walk.sends--;
        return (struct eff_step){.kind = EFF_STEP_SEND};
    }
    if (walk.auths > 0) {
        walk.auths--;
        return (struct eff_step){.kind = EFF_STEP_AUTH};
    }
    *task->schema = world->schema;
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static void
asks_slowly(void)
{
    w.model[1] = 1;
    w.step = describe_slowly;
    w.describes = true;
    w.response = (struct eff_response){.wire = EFF_WIRE_ANSWERED, .status = 200};
    w.answers_at = 3;
    memset(&walk, 0, sizeof walk);
}

static void
test_steps_are_walked(void **state)
{
    struct eff_report report;

    (void)state;
    asks_slowly();
    walk.waits = 2;
    walk.sends = 2;
    walk.auths = 1;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(walk.logins, 1);
    assert_int_equal(report.calls_other, 2);
    assert_true(w.os.mono_ms >= 2000);

    walk.auths = 2; // logged in, and refused again
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_int_equal(report.problems[0].fault, EFF_AUTH);
    walk.auths = 1;
    walk.login_refused = true;
    report = runworld_run(&w, NULL);
    expect_problem(&report, report.problems[0].code, 0, "refuses the credential");
    assert_int_equal(walk.logins, 3);
}

/* Whenever the user asks to stop: it ends soon, it says so, and nothing was sent. */
static void
test_stopped_while_it_asks(void **state)
{
    struct eff_report report;

    (void)state;
    for (unsigned at = 1; at < 6; at++) {
        asks_slowly();
        walk.waits = 2;
        walk.sends = 1;
        w.answers_at = 0;
        w.cancelled = w.looks = 0;
        w.stop_at = at;
        report = runworld_run(&w, NULL);
        assert_int_equal(report.status, EFF_STATUS_FAILED);
        expect_problem(&report, report.problems[0].code, 0, "stopped on request");
        assert_int_equal(w.applied, 0);
        assert_int_equal(w.cancelled, walk.sends == 0);
    }
}

/* ---- refused beforehand ---- */

static void
test_a_model_that_was_not_built(void **state)
{
    struct eff_run_options plan = {.plan = true, .limit = -1};
    struct eff_report report;

    (void)state;
    w.model[1] = 1;
    w.sync.refused = EFF_STR("dbt's tests of it failed");
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    expect_problem(&report, "EFF2013", 0, "dbt's tests of it failed");
    assert_int_equal(w.applied, 0);
    report = runworld_run(&w, &plan); // is told, and planned all the same
    assert_int_equal(report.planned, 1);
    expect_problem(&report, "EFF2013", 0, "dbt's tests of it failed");
}

/* ---- what a plan shows ---- */

static void
test_private_columns_are_not_shown(void **state)
{
    static const eff_str marked[] = {EFF_STR("other"), EFF_STR("SCORE")};
    struct eff_run_options plan = {.plan = true, .limit = -1};
    struct eff_report report;

    (void)state;
    w.model[1] = 1;
    w.reads = true;
    deliver_equal();
    w.model[1] = 2;
    w.sync.unlike_columns = marked;
    w.sync.unlike_count = 2;
    report = runworld_run(&w, &plan);
    assert_int_equal(report.samples_count, 1);
    assert_true(eff_str_is(report.samples[0].fields[0].before, "\"(private)\""));
    assert_true(eff_str_is(report.samples[0].fields[0].after, "\"(private)\""));
    w.sync.private_model = true; // All of it but these.
    report = runworld_run(&w, &plan);
    assert_true(eff_str_is(report.samples[0].fields[0].after, "2"));
    w.sync.unlike_count = 1;
    report = runworld_run(&w, &plan);
    assert_true(eff_str_is(report.samples[0].fields[0].after, "\"(private)\""));
}

/* ---- other syncs ---- */

static void
test_syncs_that_write_the_same(void **state)
{
    static struct eff_sync_conf syncs[6];
    static struct eff_field_conf other_field = {.name = EFF_STR("other")};
    static struct eff_dest_conf other_dest;
    struct eff_report report;

    (void)state;
    w.model[1] = 1;
    runworld_column(&w, "note", eff_value_of_str(EFF_TEXT, EFF_STR("n")));
    runworld_column(&w, "mark", eff_value_of_str(EFF_TEXT, EFF_STR("m")));
    for (size_t i = 0; i < 6; i++) {
        syncs[i] = w.sync;
        syncs[i].name = eff_str_printf(&w.process, "s%zu", i);
    }
    syncs[0].fields_count = 1;
    syncs[1].fields_count = 2;
    syncs[3].fields = &other_field;
    syncs[3].fields_count = 1;
    syncs[4].dest = &other_dest;
    syncs[5].mode = EFF_MODE_APPEND;
    w.project.syncs = syncs;
    w.project.syncs_count = 6;
    eff_run_check(&w.project, &w.sync, true, &w.os.os, &w.process, &report);
    assert_int_equal(report.problems_count, 3);
    assert_true(eff_str_is(report.problems[0].message, "sync \"s0\" writes o.score too"));
    assert_true(
        eff_str_is(report.problems[1].message, "sync \"s1\" writes o.score and 1 other field too"));
    assert_true(eff_str_is(report.problems[2].message,
                           "sync \"s2\" writes o.score and 2 other fields too"));
    w.sync.mode = EFF_MODE_APPEND; // adds, and writes over nothing
    eff_run_check(&w.project, &w.sync, true, &w.os.os, &w.process, &report);
    assert_int_equal(report.problems_count, 0);
}

/* ---- columns that change ---- */

static bool as_text;

static void
score_as_text(struct runworld *world, int64_t id, struct eff_value *cells)
{
    (void)id;
    if (as_text)
        cells[1] = eff_value_of_str(EFF_TEXT,
                                    eff_str_printf(&world->process, "%lld", (long long)cells[1].i));
}

static void
test_a_column_of_another_type(void **state)
{
    struct eff_report report;

    (void)state;
    for (int i = 1; i <= 6; i++)
        w.model[i] = i;
    w.columns[1].type_name = EFF_STR("int4");
    w.row = score_as_text;
    as_text = false;
    deliver_equal();
    as_text = true;
    w.columns[1].kind = EFF_TEXT;
    w.columns[1].type_name = EFF_STR("varchar");
    w.model[6] = 60; // one that changes by itself
    report = runworld_run(&w, NULL);
    assert_int_equal(report.changed, 6);
    expect_problem(&report, "EFF2127", 5, "column score was int4 and is varchar");
    w.columns[0].kind = EFF_DECIMAL; // as exact
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_OK);
    w.columns[0].kind = EFF_TEXT;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_true(has_text(report.problems[0].message, "the key column id is"));
}

/* A field and its column leave together: what changed in the rows cannot be known. */
static void
test_a_field_that_leaves_with_its_column(void **state)
{
    struct eff_report report;

    (void)state;
    runworld_column(&w, "note", eff_value_of_str(EFF_TEXT, EFF_STR("n")));
    w.model[1] = 1;
    deliver_equal();
    w.sync.fields_count = 1;
    report = runworld_run(&w, NULL); // the column is there
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.unchanged, 1);
    w.sync.fields_count = 2;
    deliver_equal();
    w.sync.fields_count = 1;
    w.columns_count = 2;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_true(has_text(report.problems[0].message, "column note left the model and field note"));
}

static void
begins(void)
{
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_rows_that_cannot_be_sent),
        IN_WORLD(test_another_reader_removes_nothing),
        IN_WORLD(test_a_match_value_that_cannot_change),
        IN_WORLD(test_two_keys_of_one_record_part),
        IN_WORLD(test_taken_with_a_doubt),
        IN_WORLD(test_many_causes),
        IN_WORLD(test_memory_ends_before_the_report),
        IN_WORLD(test_an_end_that_fails_is_repeated),
        IN_WORLD(test_steps_are_walked),
        IN_WORLD(test_stopped_while_it_asks),
        IN_WORLD(test_a_model_that_was_not_built),
        IN_WORLD(test_private_columns_are_not_shown),
        IN_WORLD(test_syncs_that_write_the_same),
        IN_WORLD(test_a_column_of_another_type),
        IN_WORLD(test_a_field_that_leaves_with_its_column),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
