// links: base flow os conf state source batch diff plan dest deliver record run testlib assets
/*
 * Goal: a sync that cannot be served is told at the line to blame, before anything is asked of
 * anybody; what is known of earlier runs is used as far as it can be read, and no further.
 * Method: syncs between a model and a destination in memory that are odd in one way each.
 * covers: C17, G6
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

static void
expect_said(const char *wanted)
{
    eff_buf_add_char(&w.said, '\0');
    assert_string_equal(w.said.ptr, wanted);
    eff_buf_reset(&w.said);
}

/* ---- what cannot be served ---- */

static enum eff_removed bad_removed;
static enum eff_mode bad_mode;
static size_t bad_matches;
static bool bad_object;

static bool
can(const struct eff_dest_sync *sync)
{
    return sync->on_removed != bad_removed && sync->mode != bad_mode &&
           sync->match_count != bad_matches && !bad_object;
}

/* The line to blame, as `check` and a run tell it. */
static void
expect_blamed(int line)
{
    bool chosen[] = {true};
    struct eff_problems problems = {.arena = &w.process};
    struct eff_report report;

    eff_run_can(&w.project, chosen, &w.process, &problems);
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.at[0].code, "EFF1208");
    assert_int_equal(problems.at[0].place.line, line);
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_true(
        has_text(report.problems[0].where, eff_str_printf(&w.process, "a.yml:%d", line).ptr));
}

static struct eff_place
line(int number)
{
    return (struct eff_place){.file = EFF_STR("a.yml"), .line = number, .column = 1};
}

static void
test_what_is_to_blame(void **state)
{
    static struct eff_field_conf match = {.name = EFF_STR("score"), .from = EFF_STR("score")};
    bool chosen[] = {false};
    struct eff_problems problems = {.arena = &w.process};

    (void)state;
    w.can = can;
    match.place = line(3);
    w.sync.to_place = line(1);
    w.sync.mode_place = line(2);
    w.sync.removed_place = line(4);
    bad_object = true;
    expect_blamed(1);
    bad_object = false;
    bad_mode = EFF_MODE_UPSERT;
    expect_blamed(2);
    bad_mode = EFF_MODE_MEMBERS;
    bad_matches = 1;
    w.sync.match = &match;
    w.sync.match_count = 1;
    expect_blamed(3);
    bad_matches = 9;
    bad_removed = EFF_REMOVED_CLEAR;
    w.sync.on_removed = EFF_REMOVED_CLEAR;
    w.sync.on_removed_given = true;
    expect_blamed(4);
    bad_removed = EFF_REMOVED_ARCHIVE;
    eff_run_can(&w.project, chosen, &w.process, &problems); // not asked for
    w.sync.enabled = false;
    chosen[0] = true;
    eff_run_can(&w.project, chosen, &w.process, &problems);
    w.sync.enabled = true;
    w.sync.mode = EFF_MODE_MEMBERS; // who is a member, only the model knows
    w.sync.fields_count = w.sync.match_count = 0;
    eff_run_can(&w.project, chosen, &w.process, &problems);
    testos_plan(&w.os, TESTOS_DEST, 1, 0, false); // told by whoever uses it
    w.sync.fields_count = 1;
    eff_run_can(&w.project, chosen, &w.process, &problems);
    assert_int_equal(problems.count, 0);
}

static void
test_formats_are_read_beforehand(void **state)
{
    static const struct eff_transform transforms[] = {
        {.kind = EFF_TRANSFORM_TRIM},
        {.kind = EFF_TRANSFORM_FORMAT, .format = EFF_STR("%Y-%m")},
        {.kind = EFF_TRANSFORM_FORMAT, .format = EFF_STR("%Q")}};
    bool chosen[] = {true};
    struct eff_problems problems = {.arena = &w.process};

    (void)state;
    w.fields[0].transforms = transforms;
    w.fields[0].transforms_count = 3;
    w.fields[0].place = line(7);
    eff_run_can(&w.project, chosen, &w.process, &problems);
    assert_int_equal(problems.count, 1);
    assert_string_equal(problems.at[0].code, "EFF1104");
    assert_int_equal(problems.at[0].place.line, 7);
}

/* All columns that are missing are told, each as a problem of its own. */
static void
test_columns_that_are_missing(void **state)
{
    struct eff_report report;

    (void)state;
    w.fields[1] = (struct eff_field_conf){.name = EFF_STR("a"), .from = EFF_STR("aaa")};
    w.fields[2] = (struct eff_field_conf){.name = EFF_STR("b"), .from = EFF_STR("bbb")};
    w.sync.fields_count = 3;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_int_equal(report.problems_count, 2);
    assert_true(has_text(report.problems[0].message, "aaa"));
    assert_true(has_text(report.problems[1].message, "bbb"));
}

static void
test_what_the_warehouse_bills(void **state)
{
    struct eff_report report;

    (void)state;
    w.model[1] = 1;
    w.scanned = 12345;
    report = run();
    assert_true(report.has_scanned);
    assert_int_equal(report.bytes_scanned, 12345);
    w.scanned = -1;
    assert_false(run().has_scanned);
}

static void
test_what_the_destination_bills(void **state)
{
    static const struct {
        enum eff_units_per per;
        uint64_t units;
    } rows[] = {{EFF_UNITS_REQUEST, 2}, {EFF_UNITS_ROW, 60}, {EFF_UNITS_NEW_ROW, 60}};
    struct eff_run_options plan = {.plan = true, .limit = -1};

    (void)state;
    for (int i = 1; i <= 60; i++)
        w.model[i] = i;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        w.units = (struct eff_units){EFF_STR("calls"), rows[i].per};
        assert_int_equal(runworld_run(&w, &plan).units, rows[i].units);
    }
}

/* ---- members, as the destination wants them ---- */

static void
test_identifiers_are_prepared(void **state)
{
    static const struct eff_transform lower = {.kind = EFF_TRANSFORM_LOWER},
                                      trim = {.kind = EFF_TRANSFORM_TRIM},
                                      hash = {.kind = EFF_TRANSFORM_HASH},
                                      email = {.kind = EFF_TRANSFORM_NORMALIZE,
                                               .normalize = EFF_NORMALIZE_EMAIL};
    static const struct eff_prepared prepared[] = {{EFF_STR("other"), 1, &hash},
                                                   {EFF_STR("mail"), 1, &lower},
                                                   {EFF_STR("second"), 1, &lower},
                                                   {EFF_STR("third"), 1, &hash}};
    static const bool uses[] = {true, true, true, true};

    (void)state;
    w.sync.mode = EFF_MODE_MEMBERS;
    w.limits.uses_fields = uses;
    w.prepared = prepared;
    w.prepared_count = 4;
    w.sync.fields_count = 0;
    runworld_column(&w, "mail", eff_value_of_str(EFF_TEXT, EFF_STR(" A@X.org ")));
    runworld_column(&w, "second", eff_value_of_str(EFF_TEXT, EFF_STR("B@X.org")));
    runworld_column(&w, "third", eff_value_of_str(EFF_TEXT, EFF_STR("C@X.org")));
    runworld_column(&w, "plain", eff_value_of_str(EFF_TEXT, EFF_STR("D")));
    w.fields[0].transforms = &trim; // before what the destination wants
    w.fields[0].transforms_count = 1;
    w.fields[2].transforms = &email; // the user's own: left as it is
    w.fields[2].transforms_count = 1;
    w.model[1] = 1;
    deliver_all();
    expect_said("add 1 mail=a@x.org second=b@x.org third=c@x.org plain=D\n");
    w.model[1] = 0;
    deliver_all();
    expect_said("remove  mail=a@x.org second=b@x.org third=c@x.org plain=D\n");
}

/* ---- what is known of earlier runs ---- */

static void
test_an_identity_that_cannot_be_read(void **state)
{
    struct eff_report report;

    (void)state;
    w.model[1] = 1;
    deliver_all();
    sql("UPDATE sync SET identity = 'no JSON'");
    report = run();
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_true(has_text(report.problems[0].message, "the identity of sync scores is not what"));
    w.sync.object = EFF_STR("p");
    sql("UPDATE sync SET identity = NULL"); // it was reset
    deliver_all();
    w.sync.object = EFF_STR("q");
    report = run();
    assert_true(has_text(report.problems[0].message, "the object of sync scores is not what"));
}

static void
test_a_model_that_changes_with_every_read(void **state)
{
    struct eff_report report;

    (void)state;
    for (int turn = 0; turn < 5; turn++) {
        for (int i = 1; i <= 25; i++)
            w.model[i] = turn + 1;
        report = run();
        assert_int_equal(runworld_problem(&report, "EFF2125") != NULL, turn >= 3);
    }
    sql("UPDATE run SET report = '{\"changed\": -1, \"read\": 25}' WHERE report IS NOT NULL");
    for (int i = 1; i <= 25; i++)
        w.model[i] = 50;
    report = run();
    assert_null(runworld_problem(&report, "EFF2125"));
    sql("UPDATE run SET report = 'no JSON' WHERE report IS NOT NULL");
    for (int i = 1; i <= 25; i++)
        w.model[i] = 60;
    report = run();
    assert_null(runworld_problem(&report, "EFF2125"));
    sql("UPDATE run SET report = '{\"changed\": 25}' WHERE report IS NOT NULL");
    for (int i = 1; i <= 25; i++)
        w.model[i] = 70;
    report = run();
    assert_null(runworld_problem(&report, "EFF2125"));
    sql("UPDATE run SET report = '{\"changed\": 25, \"read\": -1}' WHERE report IS NOT NULL");
    for (int i = 1; i <= 25; i++)
        w.model[i] = 80;
    report = run();
    assert_null(runworld_problem(&report, "EFF2125"));
    sql("UPDATE run SET report = '' WHERE report IS NOT NULL");
    for (int i = 1; i <= 25; i++)
        w.model[i] = 90;
    report = run();
    assert_null(runworld_problem(&report, "EFF2125"));
}

static void
test_rows_that_go_to_and_fro(void **state)
{
    struct eff_run_options some = {.limit = 1};
    struct eff_report report;

    (void)state;
    w.model[1] = w.model[2] = 5;
    deliver_all();
    for (int turn = 0; turn < 6; turn++) {
        w.model[1] = turn % 2 + 1;
        report = run();
        assert_int_equal(runworld_problem(&report, "EFF2128") != NULL, turn >= 2);
    }
    w.model[1] = 1;
    report = runworld_run(&w, &some); // of a part of the rows nothing is said
    assert_null(runworld_problem(&report, "EFF2128"));
}

static struct eff_report
run_by(const char *reader, int64_t score)
{
    w.reader = reader;
    w.model[3] = score;
    return run();
}

/* Another one may see fewer rows; but it must be known that it is another one. */
static void
test_who_reads_the_model(void **state)
{
    struct eff_report report;

    (void)state;
    w.sync.mode = EFF_MODE_MIRROR;
    w.sync.on_removed = EFF_REMOVED_DELETE;
    w.model[1] = w.model[2] = 5;
    assert_int_equal(run_by(NULL, 5).status, EFF_STATUS_OK);
    assert_int_equal(run_by("a", 0).removed, 1); // nothing is known of the one before
    assert_int_equal(run_by(NULL, 5).status, EFF_STATUS_OK);
    assert_int_equal(run_by(NULL, 0).removed, 1); // nor of this one
    assert_int_equal(run_by("a", 5).status, EFF_STATUS_OK);
    report = run_by("b", 0);
    assert_int_equal(report.status, EFF_STATUS_HELD);
    assert_true(has_text(report.problems[0].message, "now b; before a"));
    assert_int_equal(run_by("b", 0).status, EFF_STATUS_HELD); // until it is approved
    assert_int_equal(run_by("a", 0).status, EFF_STATUS_OK);
    assert_int_equal(w.held[3], 0);
}

/* ---- a match value that is mapped otherwise, with a new column ---- */

static void
test_records_that_change_places_by_the_mapping(void **state)
{
    static const struct eff_map_pair pairs[] = {{EFF_STR("1"), {.kind = EFF_INT, .i = 2}},
                                                {EFF_STR("2"), {.kind = EFF_INT, .i = 1}}};
    static const struct eff_transform swap = {
        .kind = EFF_TRANSFORM_MAP, .pairs_count = 2, .pairs = pairs};
    static struct eff_field_conf match;

    (void)state;
    match = (struct eff_field_conf){.name = EFF_STR("place"), .from = EFF_STR("score")};
    w.sync.match = &match;
    w.sync.match_count = 1;
    w.limits.rematch = true;
    w.model[1] = 1;
    w.model[2] = 2;
    runworld_column(&w, "note", eff_value_of_str(EFF_TEXT, EFF_STR("n")));
    w.sync.fields_count = 1;
    deliver_all();
    match.transforms = &swap;
    match.transforms_count = 1;
    w.sync.fields_count = 2;
    deliver_all();
    assert_int_equal(w.held[1], 2);
    assert_int_equal(w.held[2], 1);
    assert_int_equal(w.applied, 4);
    assert_int_equal(run().planned, 0);
}

/* ---- records that another row may stand for ---- */

static void
named(struct runworld *world, int64_t id, struct eff_value *cells)
{
    static const char *const names[] = {"", "Rene", "Zoe", "ren\xc3\xa9"};

    (void)world;
    cells[2] = eff_value_of_str(EFF_TEXT, eff_str_of(names[id]));
}

/* Where case does not matter over there, accents may not either: then it is not removed. */
static void
test_a_name_that_may_be_the_same_over_there(void **state)
{
    static const enum eff_fold folds[] = {EFF_FOLD_NONE, EFF_FOLD_CASE, EFF_FOLD_MARKS};
    static struct eff_field_conf match = {.name = EFF_STR("name"), .from = EFF_STR("name")};
    static struct eff_dest_field fields[] = {{.name = EFF_STR("name")}, {.name = EFF_STR("score")}};

    (void)state;
    for (size_t i = 0; i < sizeof folds / sizeof *folds; i++) {
        struct eff_report report;

        runworld_close(&w);
        runworld_open(&w, EFF_MODE_MIRROR);
        runworld_column(&w, "name", eff_value_of_str(EFF_TEXT, EFF_STR("")));
        w.sync.fields_count = w.sync.match_count = 1;
        w.sync.match = &match;
        w.row = named;
        w.describes = true;
        fields[0].fold = folds[i];
        w.schema = (struct eff_schema){
            .known = true, .object_exists = true, .fields_count = 2, .fields = fields};
        w.model[1] = w.model[2] = 5;
        deliver_all();
        w.model[1] = 0;
        w.model[3] = 6;
        report = run();
        assert_int_equal(report.status, EFF_STATUS_OK);
        assert_int_equal(report.removed, folds[i] == EFF_FOLD_NONE);
        assert_int_equal(report.gone, folds[i] != EFF_FOLD_NONE);
    }
}

/* ---- looking ---- */

static struct eff_report
look(bool adopt)
{
    struct eff_look_options options = {.adopt = adopt, .named = true, .write = true, .sample = -1};

    return runworld_look(&w, &options);
}

static void
same_key(struct runworld *world, int64_t id, struct eff_value *cells)
{
    (void)world;
    if (id >= 8)
        cells[0] = eff_value_of_int(EFF_INT, 7); // twice one key
}

static void
test_looking_at_odd_rows(void **state)
{
    struct eff_report report;

    (void)state;
    w.reads = true;
    w.row = same_key;
    for (int i = 1; i <= 9; i++)
        w.model[i] = w.held[i] = 3;
    report = look(true);
    assert_int_equal(report.unchanged, 6);
    assert_int_equal(report.invalid, 3);
    report = look(false); // what was adopted is there
    assert_int_equal(report.unchanged, 6);
    runworld_column(&w, "note", eff_value_of_str(EFF_TEXT, EFF_STR("n")));
    w.found[1] = eff_value_of_str(EFF_TEXT, EFF_STR("other"));
    report = look(false); // not delivered yet, so not missed
    assert_int_equal(report.unchanged, 6);
    assert_int_equal(report.changed, 0);
}

/* What is there stays as it is in mode insert: its values do not matter. */
static void
test_verify_of_inserts(void **state)
{
    struct eff_report report;

    (void)state;
    w.reads = true;
    w.sync.mode = EFF_MODE_INSERT;
    w.model[1] = w.model[2] = 3;
    deliver_all();
    w.held[1] = 99;
    w.held[2] = 0;
    report = look(false);
    assert_int_equal(report.unchanged, 1);
    assert_int_equal(report.added, 1);
    deliver_all();
    assert_int_equal(w.held[2], 3);
    assert_int_equal(w.held[1], 99);
}

/* About as many as were asked for; of those that changed since, too. */
static void
test_a_sample_is_verified(void **state)
{
    struct eff_look_options some = {.named = true, .sample = 30};
    struct eff_report report;

    (void)state;
    w.reads = true;
    for (int i = 0; i < 300; i++)
        w.model[i] = 5;
    deliver_all();
    for (int i = 0; i < 150; i++)
        w.model[i] = 6;
    report = runworld_look(&w, &some);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_in_range(report.unchanged, 5, 40);
    assert_int_equal(report.planned, 0);
    assert_int_equal(runworld_problem(&report, "EFF2121")->rows, 150);
}

/* A value that is not sent when there is none is not missed over there. */
static void
test_verify_of_a_field_that_is_left_out(void **state)
{
    struct eff_report report;

    (void)state;
    w.reads = true;
    runworld_column(&w, "note", (struct eff_value){.kind = EFF_NULL});
    w.columns[2].kind = EFF_TEXT;
    w.fields[1].on_null = EFF_NULL_SKIP;
    w.found[1] = eff_value_of_str(EFF_TEXT, EFF_STR("by a person"));
    w.model[1] = 5;
    deliver_all();
    report = look(false);
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.unchanged, 1);
}

/* ---- what is told meanwhile, and beforehand ---- */

static unsigned told_sending;
static uint64_t told_sent;

static void
progress(void *self, const struct eff_progress *now)
{
    assert_ptr_equal(self, &w);
    if (strcmp(now->stage, "send") != 0)
        return;
    told_sending++;
    assert_true(now->sent >= told_sent);
    told_sent = now->sent;
}

static bool
takes_a_while(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)op, (void)item;
    world->os.mono_ms += 50;
    return false;
}

/* A few times in a second, however many rows there are. */
static void
test_progress_is_told_now_and_then(void **state)
{
    struct eff_run_options options = {.limit = -1, .progress = progress, .self = &w};

    (void)state;
    told_sending = 0;
    told_sent = 0;
    w.limits.rows_max = 1;
    w.judge = takes_a_while;
    for (int i = 1; i <= 20; i++)
        w.model[i] = i;
    assert_int_equal(runworld_run(&w, &options).status, EFF_STATUS_OK);
    assert_in_range(told_sending, 3, 10);
    assert_true(told_sent >= 15);
}

static void
expect_sample(const struct eff_report *report, const char *before, const char *after)
{
    assert_int_equal(report->samples_count, 1);
    assert_true(eff_str_is(report->samples[0].fields[0].after, after));
    if (before)
        assert_true(eff_str_is(report->samples[0].fields[0].before, before));
    else
        assert_null(report->samples[0].fields[0].before.ptr);
}

/* What a plan shows as before is what is there, where the record is now; if that can be read. */
static void
test_samples_of_a_plan(void **state)
{
    static struct eff_field_conf match = {.name = EFF_STR("place"), .from = EFF_STR("place")};
    struct eff_run_options plan = {.plan = true, .limit = -1};
    struct eff_report report;

    (void)state;
    w.reads = w.limits.rematch = true;
    runworld_column(&w, "place", eff_value_of_int(EFF_INT, 7));
    w.sync.fields_count = w.sync.match_count = 1;
    w.sync.match = &match;
    w.model[1] = 5;
    deliver_all();
    w.held[7] = 4; // by a person
    w.model[1] = 6;
    w.cells[2] = eff_value_of_int(EFF_INT, 8);
    report = runworld_run(&w, &plan);
    expect_sample(&report, "4", "6");
    w.step = runworld_no_reading;
    report = runworld_run(&w, &plan);
    assert_int_equal(report.planned, 1);
    expect_sample(&report, NULL, "6");
}

static void
begins(void)
{
    bad_removed = EFF_REMOVED_ARCHIVE;
    bad_mode = EFF_MODE_MEMBERS;
    bad_matches = 9;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_what_is_to_blame),
        IN_WORLD(test_formats_are_read_beforehand),
        IN_WORLD(test_columns_that_are_missing),
        IN_WORLD(test_what_the_warehouse_bills),
        IN_WORLD(test_what_the_destination_bills),
        IN_WORLD(test_identifiers_are_prepared),
        IN_WORLD(test_an_identity_that_cannot_be_read),
        IN_WORLD(test_a_model_that_changes_with_every_read),
        IN_WORLD(test_rows_that_go_to_and_fro),
        IN_WORLD(test_who_reads_the_model),
        IN_WORLD(test_progress_is_told_now_and_then),
        IN_WORLD(test_samples_of_a_plan),
        IN_WORLD(test_records_that_change_places_by_the_mapping),
        IN_WORLD(test_a_name_that_may_be_the_same_over_there),
        IN_WORLD(test_looking_at_odd_rows),
        IN_WORLD(test_verify_of_inserts),
        IN_WORLD(test_a_sample_is_verified),
        IN_WORLD(test_verify_of_a_field_that_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
