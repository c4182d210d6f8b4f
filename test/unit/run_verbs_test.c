// links: base flow os conf state source batch diff plan dest deliver record run testlib assets
/*
 * Goal: the operator's verbs do what was asked for or say what to do instead, and change nothing
 * then: a key is found in whichever form its column has, only what is held is approved, and neither
 * a run that is open nor one that is under way is touched.
 * Method: the verbs over the state of a sync between a model and a destination in memory.
 * covers: C7, F3, H11
 */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/nosync.h"
#include "run/verbs_state.h"
#include "state/control.h"

#include <cmocka.h>

#include "lib/inworld.h"

#define PERSON "zanary.person@secret.example"

static struct eff_err err;

static void
expect_fault(enum eff_fault fault, const char *message, const char *hint)
{
    assert_int_not_equal(fault, EFF_OK);
    if (!strstr(err.msg, message) || !strstr(err.hint, hint))
        fail_msg("%s: %s", err.msg, err.hint);
    err = (struct eff_err){0};
}

static void
sql(const char *statement)
{
    const char *path = eff_str_printf(&w.process, "%s/state/control.db", w.folder).ptr;
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* What `rows` says of the key, up to `delivered`. */
static void
expect_row(const char *key, const char *wanted)
{
    struct eff_buf text = {0};
    struct eff_json_writer out = {.buf = &text};

    assert_int_equal(
        eff_run_rows(&w.project, &w.sync, &w.os.os, eff_str_of(key), &w.process, &out, &err),
        EFF_OK);
    if (eff_str_find(eff_buf_str(&text), eff_str_of(wanted)) == SIZE_MAX)
        fail_msg(EFF_STR_FMT, EFF_STR_ARG(eff_buf_str(&text)));
    eff_buf_free(&text);
}

static enum eff_fault
rows(const char *key)
{
    struct eff_buf text = {0};
    struct eff_json_writer out = {.buf = &text};
    enum eff_fault fault =
        eff_run_rows(&w.project, &w.sync, &w.os.os, eff_str_of(key), &w.process, &out, &err);

    eff_buf_free(&text);
    return fault;
}

static enum eff_fault
forget(const char *key, bool really)
{
    struct eff_buf text = {0};
    struct eff_json_writer out = {.buf = &text};
    enum eff_fault fault = eff_run_forget(&w.project, &w.sync, &w.os.os, eff_str_of(key), really,
                                          &w.process, &out, &err);

    eff_buf_free(&text);
    return fault;
}

static void
leave_open(void)
{
    w.model[9] = 9;
    runworld_leave_open(&w);
}

/* ---- keys ---- */

static struct eff_value key_of_row_1;

static void
key_of(struct runworld *world, int64_t id, struct eff_value *cells)
{
    (void)world;
    if (id == 1)
        cells[0] = key_of_row_1;
}

static void
expect_found(struct eff_value key, const char *text)
{
    struct eff_err ignored = {0};
    uint64_t count;

    key_of_row_1 = key;
    w.columns[0].kind = (enum eff_kind)key.kind;
    eff_run_reset(&w.project, &w.sync, &w.os.os, true, &w.process, &count, &ignored);
    deliver_all();
    expect_row(text, "\"delivered\":true");
}

/* Which kind a key's column is, only the source knows; what was delivered before is not meant. */
static void
test_forms_of_a_key(void **state)
{
    const int64_t noon = 1767268800; // 2026-01-01T12:00:00Z
    struct eff_value instant = eff_value_of_int(EFF_INSTANT, noon * 1000000);

    (void)state;
    w.model[1] = 5;
    w.row = key_of;
    expect_found(eff_value_of_int(EFF_INT, 7), "7.0");
    expect_found(eff_value_of_float(7.5), "7.5");
    expect_found(eff_value_of_str(EFF_TEXT, EFF_STR("7")), "7");
    expect_found(eff_value_of_int(EFF_BOOL, 1), "true");
    expect_found(eff_value_of_int(EFF_BOOL, 0), "false");
    expect_found(eff_value_of_int(EFF_DATE, noon / 86400), "2026-01-01");
    expect_found(eff_value_of_int(EFF_DATETIME, noon * 1000000), "2026-01-01T12:00:00");
    expect_found(instant, "2026-01-01T14:00:00+02:00");
    instant.len = 5; // nanoseconds
    expect_found(instant, "2026-01-01T12:00:00.000000005Z");
    expect_found(eff_value_of_str(EFF_BYTES, EFF_STR("ab")), "ab");
    expect_found(eff_value_of_str(EFF_BYTES, EFF_STR("\0\377\020")), "AP8Q");
    expect_found(eff_value_of_int(EFF_TIME, 43200000000 + 500000), "12:00:00.5");
    expect_row("nothing of the kind", "\"state\":\"unknown\"");
}

static void
test_keys_of_several_columns(void **state)
{
    static const eff_str key[] = {EFF_STR("id"), EFF_STR("score")};
    static const eff_str long_key[65] = {{NULL, 0}};

    (void)state;
    w.model[1] = 5;
    w.sync.key = key;
    w.sync.key_count = 2;
    deliver_all();
    expect_row("1,5", "\"delivered\":true");
    expect_row("{\"id\": \"1\", \"score\": \"5\"}", "\"delivered\":true");
    expect_row("1,6", "\"delivered\":false");
    expect_fault(rows("1"), "has 2 columns", "in the order of `key:`");
    expect_fault(rows("1,5,6"), "has 2 columns", "in the order of `key:`");
    expect_fault(rows("{\"id\": \"1\"}"), "the key has no score", "");
    expect_fault(rows("{\"id\""), "neither text nor a JSON object", "");
    expect_fault(rows(""), "has 2 columns", "in the order of `key:`");
    w.sync.key = long_key;
    w.sync.key_count = 65;
    expect_fault(rows("1"), "a key of 65 columns", "");
}

/*
 * Each text could be four others. Of five columns all can be tried, one after the other; of eight they
 * are more than that, but their types are known.
 */
static void
test_keys_of_many_columns(void **state)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    eff_str key[8] = {EFF_STR("id"), EFF_STR("score")};
    size_t used;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        runworld_column(&w, names[i], eff_value_of_str(EFF_TEXT, EFF_STR("1234")));
        key[2 + i] = eff_str_of(names[i]);
    }
    w.sync.key = key;
    w.sync.key_count = 5;
    w.model[1] = 5;
    deliver_all();
    used = w.process.used;
    expect_row("1,6,1234,1234,1234", "\"delivered\":false");
    assert_in_range(w.process.used - used, 1, 16 << 20);
    expect_row("1,5,1234,1234,1234", "\"delivered\":true");
    assert_int_equal(
        eff_run_reset(&w.project, &w.sync, &w.os.os, true, &w.process, &(uint64_t){0}, &err),
        EFF_OK);
    w.sync.key_count = 8;
    deliver_all();
    expect_row("1,5,1234,1234,1234,1234,1234,1234", "\"delivered\":true");
    assert_int_equal(forget("1,5,1234,1234,1234,1234,1234,1234", true), EFF_OK);
    assert_int_equal(run().forgotten, 1);
}

/* An empty text can be no key: nothing is noted that would keep other rows out. */
static void
test_forgetting_what_is_no_key(void **state)
{
    static char text[6000];

    (void)state;
    w.model[1] = 5;
    deliver_all();
    memset(text, 'x', sizeof text - 1);
    expect_fault(forget(text, true), "this cannot be a key of sync scores", "");
    text[5000] = '\0'; // as base64 it would not be too long
    expect_fault(forget(text, true), "this cannot be a key of sync scores", "");
    deliver_all();
}

/* It is passed over from then on, and counted apart. */
static void
no_keys(struct runworld *world, int64_t id, struct eff_value *cells)
{
    (void)world;
    if (id == 1)
        cells[0].kind = EFF_NULL;
    if (id == 3)
        cells[0] = eff_value_of_str(EFF_BAD, EFF_STR("it is odd"));
}

static void
test_forgotten_rows(void **state)
{
    struct eff_report report;

    (void)state;
    w.model[1] = w.model[2] = w.model[3] = w.model[4] = 5;
    deliver_all();
    expect_row("2", "\"delivered\":true");
    assert_int_equal(forget("2", false), EFF_OK); // only tells
    expect_row("2", "\"delivered\":true");
    assert_int_equal(forget("2", true), EFF_OK);
    assert_int_equal(forget("4", true), EFF_OK);
    expect_row("2", "\"state\":\"unknown\"");
    w.model[2] = 6;
    report = run();
    assert_int_equal(report.status, EFF_STATUS_OK);
    assert_int_equal(report.forgotten, 2);
    assert_int_equal(report.read, 2);
    assert_int_equal(w.held[2], 5);
    w.row = no_keys; // whether those were forgotten, nobody knows: they are invalid as ever
    report = run();
    assert_int_equal(report.forgotten, 2);
    assert_int_equal(report.invalid, 2);
}

static bool
names_the_row(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)op;
    if (world->model[2] == 0 || item->fields[0].i != world->model[2])
        return false;
    item->verdict = (struct eff_verdict){.outcome = EFF_REFUSED,
                                         .fault = EFF_ROW,
                                         .code = EFF_STR("BAD"),
                                         .message = EFF_STR("no such person: " PERSON)};
    return true;
}

static int
file_is_clean(const char *path, const struct stat *stat, int type, struct FTW *where)
{
    char *bytes;
    FILE *file;
    bool found;

    (void)where;
    if (type != FTW_F)
        return 0;
    bytes = malloc((size_t)stat->st_size + 1);
    file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, (size_t)stat->st_size, file), stat->st_size);
    fclose(file);
    found = memmem(bytes, (size_t)stat->st_size, PERSON, strlen(PERSON)) != NULL;
    free(bytes);
    return found;
}

static bool
is_kept(void)
{
    return nftw(w.folder, file_is_clean, 8, FTW_PHYS) != 0;
}

/* Of what a destination said, too, and of what a process left that died before it had a plan. */
static void
test_no_word_of_who_was_forgotten(void **state)
{
    struct eff_report report;
    eff_str path;
    FILE *file;

    (void)state;
    w.model[1] = w.model[2] = 5;
    w.model[2] = 6;
    w.judge = names_the_row;
    report = run();
    assert_int_equal(report.rejected, 1);
    w.model[2] = 0;
    assert_int_equal(run().status, EFF_STATUS_OK);
    assert_true(is_kept()); // in the report of the run before
    assert_int_equal(forget("2", true), EFF_OK);
    assert_false(is_kept());

    path =
        eff_str_printf(&w.process, "%s/state/scores/changes-01KDVWBMF9HTHF9FF4QGB2RZS4", w.folder);
    file = fopen(path.ptr, "w");
    assert_non_null(file);
    fputs(PERSON, file);
    fclose(file);
    assert_int_equal(forget("2", true), EFF_OK);
    assert_false(is_kept());
    deliver_all();
}

/* Noted, and not out of the snapshot yet: its record is no row that left the model. */
static void
test_forgetting_that_fails_removes_nothing(void **state)
{
    struct eff_report report;

    (void)state;
    w.sync.mode = EFF_MODE_MIRROR;
    w.sync.on_removed = EFF_REMOVED_DELETE;
    w.model[1] = w.model[2] = w.model[3] = 5;
    deliver_all();
    testos_plan(&w.os, TESTOS_RENAME, 1, EIO, false);
    expect_fault(forget("2", true), "rename", "");
    testos_plan(&w.os, 0, 0, 0, false);
    for (int turn = 0; turn < 2; turn++) {
        report = run();
        assert_int_equal(report.status, EFF_STATUS_OK);
        assert_int_equal(report.forgotten, 1);
        assert_int_equal(report.removed, 0);
        assert_int_equal(w.held[2], 5);
        if (turn == 0)
            assert_int_equal(forget("2", true), EFF_OK);
    }
}

/* ---- what stands in the way ---- */

static void
test_a_run_that_is_open(void **state)
{
    struct eff_look_options look = {.named = true, .sample = -1};
    struct eff_report report;

    (void)state;
    w.reads = true;
    w.model[1] = 5;
    deliver_all();
    leave_open();
    expect_fault(forget("1", true), "an earlier run of sync scores is not finished",
                 "settles what it left behind");
    report = runworld_look(&w, &look);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_true(eff_str_find(report.problems[0].message, EFF_STR("is not finished")) != SIZE_MAX);
    deliver_all();
    assert_int_equal(forget("1", true), EFF_OK);
}

static void
test_a_sync_that_runs(void **state)
{
    struct eff_state_purge purge;
    struct eff_file *lock;
    uint64_t count;
    struct eff_report report;

    (void)state;
    w.model[1] = 5;
    expect_fault(eff_run_retry(&w.project, &w.sync, &w.os.os, &w.process, &count, &err),
                 "has not run yet", "is its first run");
    deliver_all();
    assert_int_equal(w.os.os.lock(&w.os,
                                  eff_str_printf(&w.process, "%s/state/scores/lock", w.folder).ptr,
                                  &lock, &err),
                     EFF_OK);
    expect_fault(eff_run_retry(&w.project, &w.sync, &w.os.os, &w.process, &count, &err),
                 "is running, in process", "Wait until it has finished");
    expect_fault(eff_run_reset(&w.project, &w.sync, &w.os.os, true, &w.process, &count, &err),
                 "is running", "Wait");
    w.project.syncs_count = 0;
    expect_fault(
        eff_run_state_purge(&w.project, &w.os.os, w.sync.name, true, &w.process, &purge, &err),
        "is running", "Wait");
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_true(eff_str_find(report.problems[0].message, EFF_STR("already running")) != SIZE_MAX);
    w.os.os.close(lock);
    w.project.syncs_count = 1;
    expect_fault(
        eff_run_state_purge(&w.project, &w.os.os, w.sync.name, true, &w.process, &purge, &err),
        "is in the project", "switch it off first");
    w.sync.enabled = false;
    assert_int_equal(
        eff_run_state_purge(&w.project, &w.os.os, w.sync.name, true, &w.process, &purge, &err),
        EFF_OK);
    assert_int_equal(purge.rows, 1);
    expect_fault(
        eff_run_state_purge(&w.project, &w.os.os, w.sync.name, true, &w.process, &purge, &err),
        "the state knows no sync `scores`", "`efferent state check` lists");
}

/* ---- approving ---- */

static enum eff_fault
approve(eff_str digest)
{
    return eff_run_approve(&w.project, &w.sync, &w.os.os, digest, &w.process, &err);
}

static void
test_only_what_is_held_is_approved(void **state)
{
    struct eff_report held;

    (void)state;
    w.sync.mode = EFF_MODE_MIRROR;
    w.sync.on_removed = EFF_REMOVED_DELETE;
    w.model[1] = w.model[2] = 5;
    deliver_all();
    expect_fault(approve(EFF_STR("xyz")), "`xyz` is no digest of a plan", "eight digits");
    expect_fault(approve(EFF_STR("3f9a27cx")), "is no digest of a plan", "eight digits");
    expect_fault(approve(EFF_STR("3f9a27c1")), "holds nothing that could be approved",
                 "tells what a guard holds");
    w.model[2] = 0;
    w.sync.guard_removed_rows = 0;
    held = run();
    assert_int_equal(held.status, EFF_STATUS_HELD);
    expect_fault(approve(EFF_STR("00000000")), "does not hold 00000000, but",
                 "Look at it first: `efferent plan scores`");
    w.os.fail_calls = 0;
    testos_plan(&w.os, TESTOS_SOURCE, 1, 0, false);
    assert_int_equal(run().status, EFF_STATUS_FAILED); // is passed over: it could hold nothing
    testos_plan(&w.os, 0, 0, 0, false);
    assert_int_equal(approve(held.plan), EFF_OK);
    deliver_all();
    assert_int_equal(w.held[2], 0);
}

static void
without_key(struct runworld *world, int64_t id, struct eff_value *cells)
{
    (void)world;
    if (id == 2)
        cells[0] = eff_value_of_int(EFF_NULL, 0);
}

/* What was approved as gone may be there by now, without its key: nobody was shown that. */
/* Nothing was held by runs that failed; and what a report says that cannot be read, nobody knows. */
static void
test_approval_beside_failed_and_damaged_reports(void **state)
{
    (void)state;
    w.model[1] = 5;
    testos_plan(&w.os, TESTOS_SOURCE, 1, 0, false);
    assert_int_equal(run().status, EFF_STATUS_FAILED);
    testos_plan(&w.os, 0, 0, 0, false);
    expect_fault(approve(EFF_STR("3f9a27c1")), "holds nothing that could be approved", "");
    deliver_all();
    sql("UPDATE run SET report = 'no JSON'");
    assert_int_not_equal(approve(EFF_STR("3f9a27c1")), EFF_OK);
    err = (struct eff_err){0};
    deliver_all();
    expect_fault(approve(EFF_STR("3f9a27c1")), "holds nothing that could be approved", "");
}

static void
test_an_approval_is_for_what_was_told(void **state)
{
    struct eff_report held;
    eff_str approved;

    (void)state;
    w.sync.mode = EFF_MODE_MIRROR;
    w.sync.on_removed = EFF_REMOVED_DELETE;
    w.sync.guard_removed_rows = 0;
    w.model[1] = w.model[2] = 5;
    deliver_all();
    w.model[2] = 0;
    approved = run().plan;
    assert_int_equal(approve(approved), EFF_OK);
    w.model[2] = 7;
    w.row = without_key;
    held = run();
    assert_int_equal(held.status, EFF_STATUS_HELD);
    assert_false(eff_str_eq(held.plan, approved));
    assert_non_null(strstr(runworld_problem(&held, "EFF2113")->message.ptr, "have no key"));
    assert_int_equal(w.held[2], 5);
    assert_int_equal(approve(held.plan), EFF_OK);
    held = run();
    assert_int_equal(held.held, 0);
    assert_int_equal(w.held[2], 0);
}

/* A report that could not be kept: the person is believed. */
static void
test_a_person_is_believed(void **state)
{
    (void)state;
    w.sync.mode = EFF_MODE_MIRROR;
    w.sync.on_removed = EFF_REMOVED_DELETE;
    w.model[1] = w.model[2] = 5;
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    assert_int_equal(approve(EFF_STR("3f9a27c1")), EFF_OK);
    leave_open();
    assert_int_equal(approve(EFF_STR("3f9a27c2")), EFF_OK);
}

/* ---- the ledger ---- */

static bool
refuse(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)world, (void)op;
    item->verdict = (struct eff_verdict){.outcome = EFF_REFUSED, .fault = EFF_ROW};
    return true;
}

static size_t
listed(uint64_t most)
{
    struct eff_buf text = {0};
    struct eff_json_writer out = {.buf = &text};
    size_t count = 0, at;
    eff_str rest;

    assert_int_equal(eff_run_ledger(&w.project, &w.sync, &w.os.os, most, &w.process, &out, &err),
                     EFF_OK);
    for (rest = eff_buf_str(&text); (at = eff_str_find(rest, EFF_STR("\"key\":"))) != SIZE_MAX;
         count++)
        rest = eff_str_sub(rest, at + 1, SIZE_MAX);
    eff_buf_free(&text);
    return count;
}

static void
test_the_ledger_is_listed(void **state)
{
    uint64_t due;

    (void)state;
    assert_int_equal(listed(0), 0); // nothing has run
    for (int i = 1; i <= 5; i++)
        w.model[i] = i;
    w.sync.guard_rejected_percent = 100;
    w.judge = refuse;
    assert_int_equal(run().rejected, 5);
    assert_int_equal(run().rejected, 5); // not due: counted all the same
    w.judge = NULL;
    assert_int_equal(listed(0), 5);
    assert_int_equal(listed(3), 3);
    assert_int_equal(listed(9), 5);
    expect_row("3", "\"state\":\"rejected\"");
    assert_int_equal(eff_run_retry(&w.project, &w.sync, &w.os.os, &w.process, &due, &err), EFF_OK);
    assert_int_equal(due, 5);
    deliver_all();
    assert_int_equal(listed(0), 0);
}

/* ---- a snapshot that is damaged ---- */

static void
damage_snapshot(void)
{
    const char *path =
        eff_str_printf(&w.process, "%s/state/scores/snapshot-%020d", w.folder, 1).ptr;
    struct eff_file *file;

    assert_int_equal(w.os.os.open(&w.os, path, EFF_OPEN_WRITE, &file, &err), EFF_OK);
    assert_int_equal(w.os.os.write(file, 40, "xx", 2, &err), EFF_OK);
    w.os.os.close(file);
}

/* It stops what builds on it; it is a reason to start anew or to purge, not one to refuse. */
static void
test_a_damaged_snapshot(void **state)
{
    struct eff_state_report report;
    struct eff_state_purge purge;
    uint64_t count = 7;

    (void)state;
    w.model[1] = 5;
    deliver_all();
    damage_snapshot();
    assert_int_equal(run().status, EFF_STATUS_FAILED);
    expect_fault(forget("1", true), "does not fit its checksum", "from a backup");
    expect_fault(rows("1"), "does not fit its checksum", "from a backup");
    assert_int_equal(eff_run_state_check(eff_str_c(&w.process, w.project.state), &w.os.os,
                                         &w.process, &report, &err),
                     EFF_OK);
    assert_int_equal(report.damages, 1);
    w.project.syncs_count = 0;
    assert_int_equal(
        eff_run_state_purge(&w.project, &w.os.os, w.sync.name, false, &w.process, &purge, &err),
        EFF_OK);
    assert_true(purge.unreadable);
    assert_int_equal(eff_run_reset(&w.project, &w.sync, &w.os.os, true, &w.process, &count, &err),
                     EFF_OK);
    assert_int_equal(count, 0);
    deliver_all();
}

/* ---- verify and adopt ---- */

static struct eff_report
look(bool adopt, bool named, bool unseen, bool write)
{
    struct eff_look_options options = {
        .adopt = adopt, .named = named, .unseen = unseen, .write = write, .sample = -1};

    return runworld_look(&w, &options);
}

static void
expect_look(struct eff_report report, const char *message)
{
    if (report.problems_count == 0 ||
        eff_str_find(report.problems[0].message, eff_str_of(message)) == SIZE_MAX)
        fail_msg("not told: %s", message);
}

static void
test_what_cannot_be_looked_at(void **state)
{
    (void)state;
    w.model[1] = 5;
    expect_look(look(false, true, false, false), "the destination d cannot be read back");
    expect_look(look(true, true, false, false), "the destination d cannot be read back");
    assert_true(look(false, false, false, false).skipped); // one of all: a note
    w.reads = true;
    expect_look(look(false, true, false, false), "has delivered nothing yet");
    w.sync.mode = EFF_MODE_APPEND;
    expect_look(look(true, true, false, false), "its mode is append");
    w.sync.mode = EFF_MODE_MEMBERS;
    expect_look(look(false, true, false, false), "its mode is members");
}

/* Rows that the model has otherwise by now cannot be judged; that is said, and no more. */
static void
test_verify_beside_a_model_that_moves_on(void **state)
{
    struct eff_look_options some = {.named = true, .sample = 2};
    struct eff_report report;

    (void)state;
    w.reads = true;
    for (int i = 1; i <= 20; i++)
        w.model[i] = i;
    deliver_all();
    w.model[1] = 100; // changed
    w.model[2] = 100; // changed, and not there any more
    w.held[2] = 0;
    w.held[3] = 0;   // gone
    w.held[4] = 1;   // changed over there
    w.model[30] = 1; // new
    report = look(false, true, false, false);
    assert_int_equal(report.status, EFF_STATUS_HELD);
    assert_int_equal(report.unchanged, 16);
    assert_int_equal(report.added, 2);
    assert_int_equal(report.changed, 1);
    assert_non_null(runworld_problem(&report, "EFF2119"));
    assert_int_equal(runworld_problem(&report, "EFF2120")->rows, 2);
    assert_int_equal(runworld_problem(&report, "EFF2121")->rows, 2);
    report = runworld_look(&w, &some); // a sample: no more than all of them
    assert_true(report.unchanged + report.planned <= 20);

    report = look(false, true, false, true); // the next run mends it
    assert_int_equal(report.status, EFF_STATUS_HELD);
    deliver_all();
    assert_true(runworld_equal(&w, false));
}

/* It is no drift, and nothing is mended by it. */
static void
test_verify_that_may_not_read(void **state)
{
    struct eff_report report;

    (void)state;
    w.reads = true;
    w.model[1] = 5;
    deliver_all();
    w.held[1] = 0;
    w.step = runworld_no_reading;
    report = look(false, true, false, true);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_int_equal(report.problems[0].fault, EFF_AUTH);
    w.step = NULL;
    assert_int_equal(run().planned, 0);
}

/* Rows that cannot be told apart, or have the match value of another, are counted, and that is all. */
static void
test_verify_beside_invalid_rows(void **state)
{
    struct eff_report report;

    (void)state;
    w.reads = true;
    for (int i = 1; i <= 4; i++)
        w.model[i] = 5;
    deliver_all();
    w.row = no_keys;
    report = look(false, true, false, true);
    assert_int_equal(report.invalid, 2);
    assert_int_equal(report.unchanged, 2);
    w.row = NULL;
    expect_row("1", "\"state\":\"delivered\"");
}

static void
test_adopt_takes_what_is_there(void **state)
{
    struct eff_report report;

    (void)state;
    w.reads = true;
    for (int i = 1; i <= 6; i++)
        w.model[i] = w.held[i] = i;
    w.held[5] = 50;
    w.held[6] = 0;
    report = look(true, true, false, false);
    assert_true(report.wants_yes);
    assert_int_equal(report.unchanged, 4);
    report = look(true, true, false, true);
    assert_int_equal(report.status, EFF_STATUS_OK);
    report = run(); // only the one that differs, and the one that is not there
    assert_int_equal(report.planned, 2);
    assert_true(runworld_equal(&w, false));
    report = look(true, true, false, true); // all are known
    assert_int_equal(report.unchanged, 6);
    w.model[7] = 7;
    report = look(true, true, true, true); // without looking
    assert_int_equal(report.unchanged, 7);
    assert_int_equal(run().planned, 0);
    assert_int_equal(w.held[7], 0);
}

/* What changed on both sides alike is known from then on; what changed on one is sent. */
static void
test_adopt_of_rows_that_changed(void **state)
{
    struct eff_report report;

    (void)state;
    w.reads = true;
    w.model[1] = w.model[2] = w.model[3] = 5;
    deliver_all();
    w.model[2] = w.held[2] = 9;
    w.model[3] = 8;
    runworld_column(&w, "note", eff_value_of_str(EFF_TEXT, EFF_STR("n")));
    report = look(true, true, false, true);
    assert_int_equal(report.unchanged, 2);
    assert_int_equal(report.changed, 1);
    eff_buf_reset(&w.said);
    deliver_all();
    assert_int_equal(w.held[3], 8);
    assert_true(eff_str_find(eff_buf_str(&w.said), EFF_STR("upsert 3 score=8")) < SIZE_MAX);
    assert_true(eff_str_find(eff_buf_str(&w.said), EFF_STR("upsert 2 score")) == SIZE_MAX);
}

static bool
lose_most(struct runworld *world, enum eff_op op, struct eff_item *item)
{
    (void)world, (void)op;
    if (item->match[0].i == 4)
        return false;
    item->verdict =
        (struct eff_verdict){.outcome = EFF_MAYBE_APPLIED, .fault = EFF_TRANSIENT, .hold = true};
    return true;
}

static uint64_t
rows_held(void)
{
    uint64_t open[EFF_LEDGER_PENDING + 1];
    struct eff_control *control;

    assert_int_equal(eff_control_open(&w.os.os, eff_str_c(&w.process, w.project.state), true, true,
                                      &w.process, &control, &err),
                     EFF_OK);
    assert_int_equal(eff_control_ledger_count(control, w.sync.name, open, &err), EFF_OK);
    eff_control_close(control);
    return open[EFF_LEDGER_HELD];
}

/* Of four rows three may have arrived: one did, one is there with other values, one is not there. */
static void
test_adopt_ends_what_was_in_doubt(void **state)
{
    (void)state;
    w.reads = true;
    w.limits.class = EFF_CLASS_BLIND;
    for (int i = 1; i <= 4; i++)
        w.model[i] = i;
    w.judge = lose_most;
    assert_int_equal(run().held, 3);
    w.judge = NULL;
    w.held[1] = 1;
    w.held[2] = 7;
    assert_int_equal(look(true, true, false, true).unchanged, 2);
    assert_int_equal(rows_held(), 2);
    assert_int_equal(run().held, 2);
    assert_int_equal(rows_held(), 2); // as it was told
    assert_int_equal(look(true, true, true, true).unchanged, 4);
    assert_int_equal(rows_held(), 0);
    assert_int_equal(run().status, EFF_STATUS_OK);
}

/* The snapshot has the row, with the values of the event before: this one may still have arrived. */
static void
test_an_event_in_doubt_stays(void **state)
{
    (void)state;
    w.sync.mode = EFF_MODE_APPEND;
    w.limits.class = EFF_CLASS_BLIND;
    w.model[1] = 1;
    deliver_all();
    w.model[1] = 2;
    w.judge = lose_most;
    assert_int_equal(run().held, 1);
    w.judge = NULL;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run().held, 1);
        assert_int_equal(rows_held(), 1);
    }
    assert_int_equal(look(true, true, true, true).unchanged, 1);
    assert_int_equal(rows_held(), 0);
    assert_int_equal(run().planned, 0);
}

static void
test_looking_is_stopped(void **state)
{
    struct eff_report report;

    (void)state;
    w.reads = true;
    w.model[1] = 1;
    deliver_all();
    w.stop_at = 2; // the first look is after the read
    w.looks = 0;
    report = look(false, true, false, true);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    expect_look(report, "stopped on request; nothing was changed");
}

/* ---- export and import ---- */

static enum eff_fault
export_to(const char *folder, int64_t wait_ms)
{
    struct eff_export export;

    return eff_run_state_export(&w.project, &w.os.os, folder, EFF_STR("1"), wait_ms, &w.process,
                                &export, &err);
}

static void
test_where_an_export_goes(void **state)
{
    const char *state_folder = eff_str_c(&w.process, w.project.state);
    const char *copy = eff_str_printf(&w.process, "%s/copy", w.folder).ptr;
    struct eff_state_purge purge;
    struct eff_export import;
    struct eff_file *lock;

    (void)state;
    expect_fault(export_to(copy, 0), "there is no state in", "first `efferent run`");
    expect_fault(
        eff_run_state_purge(&w.project, &w.os.os, EFF_STR("x"), true, &w.process, &purge, &err),
        "there is no state in", "first `efferent run`");
    w.project.state_must_exist = true;
    expect_fault(eff_run_state_import(&w.project, &w.os.os, copy, &w.process, &import, &err),
                 "does not exist", "Mount it");
    w.project.state_must_exist = false;
    w.model[1] = 1;
    deliver_all();
    expect_fault(export_to(state_folder, 0), "cannot lie in the state folder", "elsewhere");
    expect_fault(export_to(eff_str_printf(&w.process, "%s/x", state_folder).ptr, 0),
                 "cannot lie in the state folder", "elsewhere");

    assert_int_equal(w.os.os.lock(&w.os,
                                  eff_str_printf(&w.process, "%s/scores/lock", state_folder).ptr,
                                  &lock, &err),
                     EFF_OK);
    expect_fault(export_to(copy, 20), "its state cannot be exported meanwhile",
                 "nothing was written");
    w.stop_at = 2;
    w.looks = 0;
    expect_fault(export_to(copy, 1000), "stopped while waiting", "");
    w.stop_at = 0;
    w.os.os.close(lock);
    assert_int_equal(export_to(copy, 0), EFF_OK);
    expect_fault(export_to(copy, 0), "is not empty", "never replaces another one");
    w.stop_at = 1;
    w.looks = 0;
    expect_fault(export_to(eff_str_printf(&w.process, "%s/copy2", w.folder).ptr, 0),
                 "it is incomplete", "");
    w.stop_at = 0;
}

static void
begins(void)
{
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_forms_of_a_key),
        IN_WORLD(test_keys_of_several_columns),
        IN_WORLD(test_keys_of_many_columns),
        IN_WORLD(test_forgetting_what_is_no_key),
        IN_WORLD(test_no_word_of_who_was_forgotten),
        IN_WORLD(test_forgetting_that_fails_removes_nothing),
        IN_WORLD(test_forgotten_rows),
        IN_WORLD(test_a_run_that_is_open),
        IN_WORLD(test_a_sync_that_runs),
        IN_WORLD(test_only_what_is_held_is_approved),
        IN_WORLD(test_approval_beside_failed_and_damaged_reports),
        IN_WORLD(test_an_approval_is_for_what_was_told),
        IN_WORLD(test_a_person_is_believed),
        IN_WORLD(test_the_ledger_is_listed),
        IN_WORLD(test_a_damaged_snapshot),
        IN_WORLD(test_what_cannot_be_looked_at),
        IN_WORLD(test_verify_beside_a_model_that_moves_on),
        IN_WORLD(test_verify_that_may_not_read),
        IN_WORLD(test_verify_beside_invalid_rows),
        IN_WORLD(test_adopt_takes_what_is_there),
        IN_WORLD(test_adopt_of_rows_that_changed),
        IN_WORLD(test_adopt_ends_what_was_in_doubt),
        IN_WORLD(test_an_event_in_doubt_stays),
        IN_WORLD(test_looking_is_stopped),
        IN_WORLD(test_where_an_export_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
