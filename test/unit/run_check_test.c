// links: base flow os conf state source batch diff plan dest deliver record run testlib assets
/*
 * Goal: `state check` finds what a later run would stumble over or be misled by, at its file; what a
 * run clears away by itself is a note; and what lies there of others is left alone.
 * Method: the state of a sync between a model and a destination in memory, with one thing changed.
 * covers: F3, F4
 */
#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>

#include "run/share.h"
#include "run/verbs_state.h"
#include "state/snapshot_file.h"

#include <cmocka.h>

#include "lib/inworld.h"

static struct eff_err err;
static struct eff_state_report report;

static const char *
path_of(const char *name)
{
    return eff_str_printf(&w.process, EFF_STR_FMT "/%s", EFF_STR_ARG(w.project.state), name).ptr;
}

static void
put(const char *name, const void *ptr, size_t len)
{
    struct eff_file *file;

    assert_int_equal(
        w.os.os.open(&w.os, path_of(name), EFF_OPEN_WRITE | EFF_OPEN_CREATE, &file, &err), EFF_OK);
    assert_int_equal(w.os.os.write(file, 0, ptr, len, &err), EFF_OK);
    w.os.os.close(file);
}

static void
folder(const char *name)
{
    assert_int_equal(w.os.os.mkdir(&w.os, path_of(name), &err), EFF_OK);
}

static void
sql(const char *statement)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path_of("control.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, statement, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static enum eff_fault
check(void)
{
    return eff_run_state_check(eff_str_c(&w.process, w.project.state), &w.os.os, &w.process,
                               &report, &err);
}

/* Both counts of all parts; one of the findings has that file and text. */
static void
expect(size_t damages, size_t notes, const char *file, const char *text)
{
    size_t all_damages = 0, all_notes = 0;
    bool found = file == NULL;

    assert_int_equal(check(), EFF_OK);
    for (size_t i = 0; i < report.count; i++) {
        const struct eff_state_checked *part = &report.parts[i];

        all_damages += part->damages;
        all_notes += part->notes;
        for (size_t f = 0; f < part->findings_count; f++)
            found =
                found || (eff_str_is(part->findings[f].file, file) &&
                          eff_str_find(part->findings[f].message, eff_str_of(text)) != SIZE_MAX);
    }
    assert_int_equal(all_damages, damages);
    assert_int_equal(report.damages, damages);
    assert_int_equal(all_notes, notes);
    if (!found)
        fail_msg("not found: %s: %s", file, text);
}

/* The newest snapshot with one of its numbers changed, under checksums that fit. */
static void
lie(size_t at, uint64_t number, bool swap)
{
    char name[64], bytes[1024];
    struct snapshot_block block = {0};
    struct eff_file *file;
    uint64_t file_id, checksum;
    size_t len;

    snprintf(name, sizeof name, "scores/snapshot-%020d", 1);
    assert_int_equal(w.os.os.open(&w.os, path_of(name), EFF_OPEN_READ, &file, &err), EFF_OK);
    assert_int_equal(w.os.os.read(file, 0, bytes, sizeof bytes, &len, &err), EFF_OK);
    w.os.os.close(file);
    memcpy(bytes + at, &number, at ? 8 : 0);
    memset(bytes + SNAPSHOT_CHECKSUM_AT, 0, 8);
    checksum = eff_xxh3(SNAPSHOT_FORMAT, bytes, 128);
    memcpy(bytes + SNAPSHOT_CHECKSUM_AT, &checksum, 8);
    memcpy(&file_id, bytes + 24, 8);
    memcpy(&block, bytes + 128, len - 128);
    if (swap) {
        struct eff_entry first = block.entries[0];

        block.entries[0] = block.entries[1];
        block.entries[1] = first;
    }
    block.checksum = snapshot_block_checksum(file_id, &block);
    memcpy(bytes + 128, &block, len - 128);
    put(name, bytes, len);
}

static void
test_a_snapshot_that_lies(void **state)
{
    (void)state;
    expect(0, 0, NULL, NULL);
    lie(0, 0, true);
    expect(1, 0, "snapshot", "its rows are not in order");
    lie(0, 0, true);
    lie(48, 5, false);
    expect(1, 0, "snapshot", "not those that its header counts");
}

static void
test_a_snapshot_that_is_gone(void **state)
{
    (void)state;
    assert_int_equal(w.os.os.unlink(&w.os, path_of("scores/snapshot-00000000000000000001"), &err),
                     EFF_OK);
    expect(1, 0, "snapshot", "it is missing: generation 1 was written");
    sql("UPDATE sync SET identity = NULL"); // it was reset
    expect(0, 0, NULL, NULL);
}

/* A run that is not closed has delivered nothing that is recorded, nor one whose report is unknown. */
static void
test_which_generation_is_expected(void **state)
{
    (void)state;
    sql("UPDATE run SET generation = 2");
    expect(1, 0, "snapshot", "it is of generation 1, older than the control file, which knows 3");
    sql("UPDATE run SET generation = 1, report = NULL");
    expect(0, 0, NULL, NULL);
    sql("UPDATE run SET report = 'no JSON'");
    expect(0, 0, NULL, NULL);
    sql("UPDATE run SET report = '{\"delivered\": 0}'");
    expect(0, 0, NULL, NULL);
    sql("UPDATE run SET report = '{}'");
    expect(0, 0, NULL, NULL);
    sql("UPDATE run SET report = '{\"delivered\": 1}'");
    expect(1, 0, "snapshot", "which knows 2");
    sql("DELETE FROM run"); // they are kept for some time only
    expect(0, 0, NULL, NULL);
}

static void
test_the_change_file_of_an_open_run(void **state)
{
    char name[80];

    (void)state;
    w.model[9] = 9;
    runworld_leave_open(&w);
    expect(0, 0, NULL, NULL);
    assert_true(report.parts[1].open_run);
    sql("UPDATE run SET digest = digest + 1 WHERE state = 1");
    assert_int_equal(check(), EFF_OK);
    assert_int_equal(report.damages, 1);
    snprintf(name, sizeof name, "scores/" EFF_STR_FMT,
             EFF_STR_ARG(report.parts[1].findings[0].file));
    assert_true(
        eff_str_is(report.parts[1].findings[0].message, "it is not the one that was planned"));
    assert_int_equal(w.os.os.unlink(&w.os, path_of(name), &err), EFF_OK);
    assert_int_equal(check(), EFF_OK);
    assert_true(
        eff_str_is(report.parts[1].findings[0].message, "it is missing, and its run is open"));
}

static void
test_names_that_lie_about(void **state)
{
    char name[80];

    (void)state;
    put("scores/snapshot-00000000000000000002.tmp", "", 0);
    expect(0, 1, "snapshot-00000000000000000002.tmp", "left over from an interrupted run");
    put("scores/history-x.new", "", 0);
    put("scores/identities-00000000000000000007", "", 0);
    expect(0, 3, "identities-00000000000000000007", "of a generation that was not completed");
    put("scores/changes-x", "", 0);
    expect(0, 4, "changes-x", "its run was never planned");
    put("scores/history-x", "EFFHIS", 6);
    expect(1, 4, "history-x", "it ends within a record");
    for (int i = 0; i < 30; i++) { // no more than a page of them is kept; all are counted
        snprintf(name, sizeof name, "scores/junk-%02d", i);
        put(name, "", 0);
    }
    expect(1, 34, "junk-00", "no part of a state");
    assert_int_equal(report.parts[1].findings_count, 20);
}

/* What an import keeps its copies in, and removes last; and what tells how many runs send at once. */
static void
test_what_is_no_stranger(void **state)
{
    (void)state;
    folder(".import");
    put(EFF_SHARE_PREFIX "d", "", 0);
    expect(0, 0, NULL, NULL);
    put(".imports", "", 0);
    put(".export", "", 0);
    expect(0, 2, ".imports", "no part of a state");
}

/* ---- what changes meanwhile ---- */

static enum eff_fault (*list_really)(void *self, const char *path, struct eff_arena *arena,
                                     size_t *ret_count, eff_str **ret_names, struct eff_err *err);
static bool (*exists_really)(void *self, const char *path);
static void (*meanwhile)(unsigned look); /* after each look at the folder of the sync */
static unsigned looks;

static enum eff_fault
list(void *self, const char *path, struct eff_arena *arena, size_t *ret_count, eff_str **ret_names,
     struct eff_err *ret_err)
{
    enum eff_fault fault = list_really(self, path, arena, ret_count, ret_names, ret_err);

    if (eff_str_ends(eff_str_of(path), EFF_STR("/scores")))
        meanwhile(++looks);
    return fault;
}

static bool
log_exists(void *self, const char *path)
{
    if (!eff_str_ends(eff_str_of(path), EFF_STR("/control.db-wal")))
        return exists_really(self, path);
    meanwhile(++looks);
    return looks % 3 == 0;
}

static void
each_look(void (*then)(unsigned look))
{
    list_really = w.os.os.list;
    w.os.os.list = list;
    meanwhile = then;
    looks = 0;
}

static void
each_look_for_a_log(void (*then)(unsigned look))
{
    exists_really = w.os.os.exists;
    w.os.os.exists = log_exists;
    meanwhile = then;
    looks = 0;
}

/*
 * The folder is listed once to see whose it is; then, each time that it is looked at, for its mark,
 * for all files, for the newest snapshot, and for its mark once more.
 */
static void
a_run_ends(unsigned look)
{
    if (look == 3)
        put("scores/history-x.new", "", 0);
    if (look == 5)
        lie(0, 0, true);
}

static void
runs_go_on(unsigned look)
{
    char name[80];

    snprintf(name, sizeof name, "scores/snapshot-%020u.tmp", look + 1);
    put(name, "", 0);
}

static void
history_goes(unsigned look)
{
    struct eff_err ignored = {0};

    if (look == 3)
        w.os.os.unlink(&w.os, path_of("scores/history-x"), &ignored);
}

/* What seems to be damaged while a run is under way is looked at again. */
static void
test_a_run_that_ends_meanwhile(void **state)
{
    (void)state;
    lie(0, 0, true);
    each_look(a_run_ends);
    expect(0, 1, "history-x.new", "left over from an interrupted run");
    assert_int_equal(looks, 1 + 2 * 4);
}

/* But not for ever. */
static void
test_runs_that_go_on_and_on(void **state)
{
    (void)state;
    lie(0, 0, true);
    each_look(runs_go_on);
    assert_int_equal(check(), EFF_OK);
    assert_int_equal(looks, 1 + 5 * 4);
    assert_int_equal(report.damages, 1);
}

static void
no_database(void)
{
    assert_int_equal(w.os.os.rename(&w.os, path_of("control.db"), path_of("kept"), &err), EFF_OK);
    put("control.db", "this is no database, and it is longer than a header of one would be", 66);
}

/* Looked for before the file is read, as it is opened, and after. */
static void
a_write_ends(unsigned look)
{
    if (look == 3)
        assert_int_equal(w.os.os.rename(&w.os, path_of("kept"), path_of("control.db"), &err),
                         EFF_OK);
}

static void
writes_go_on(unsigned look)
{
    (void)look;
}

/* A log that comes while the control file is read: it was read in the middle of a write. */
static void
test_a_control_file_that_is_written_meanwhile(void **state)
{
    (void)state;
    no_database();
    each_look_for_a_log(a_write_ends);
    expect(0, 0, NULL, NULL);
    assert_int_equal(looks, 5);
    no_database();
    looks = 0;
    meanwhile = writes_go_on;
    assert_int_equal(check(), EFF_OK);
    assert_int_equal(looks, 15);
    assert_int_equal(report.parts[0].damages, 1);
}

/* Another process removed it between the two looks: no damage. */
static void
test_a_history_that_goes_meanwhile(void **state)
{
    (void)state;
    put("scores/history-x", "", 0);
    each_look(history_goes);
    expect(0, 1, "history-x", "No such file");
}

/* Folders of others, of another target, and of a sync that the control file does not know. */
static void
test_folders_that_lie_about(void **state)
{
    (void)state;
    folder("empty");
    put("file", "", 0);
    folder("-odd");
    expect(0, 3, "file", "no part of a state");
    folder("prod");
    put("prod/control.db", "", 0);
    expect(0, 3, NULL, NULL);
    folder("old");
    put("old/lock", "", 0);
    folder("older");
    put("older/history-x.new", "", 0);
    folder("oldest");
    put("oldest/changes-x", "", 0);
    expect(0, 5, "changes-x", "the next run removes it");
    assert_int_equal(report.count, 5);
    folder("oldest/history-x");
    expect(1, 5, "history-x", "Is a directory");
    assert_int_equal(w.os.os.rmdir(&w.os, path_of("oldest/history-x"), &err), EFF_OK);
    assert_int_equal(w.os.os.rename(&w.os, path_of("scores"), path_of("renamed"), &err), EFF_OK);
    expect(2, 5, "snapshot", "the control file does not know this sync");
}

static void
test_the_control_file(void **state)
{
    (void)state;
    sql("UPDATE run SET report = NULL; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql ="
        " replace(sql, 'report TEXT', 'report TEXT NOT NULL') WHERE name = 'run'");
    expect(1, 0, "control.db", "NULL value in run.report");
    put("control.db", "this is no database, and it is longer than a header of one would be", 66);
    assert_int_equal(check(), EFF_OK);
    assert_true(report.damages >= 1);
    assert_true(report.parts[0].damages == 1);
}

static void
test_without_a_control_file(void **state)
{
    (void)state;
    assert_int_equal(w.os.os.unlink(&w.os, path_of("control.db"), &err), EFF_OK);
    assert_int_equal(check(), EFF_BROKEN);
    assert_non_null(strstr(err.msg, "has syncs, but its control.db is missing"));
    err = (struct eff_err){0};
    w.project.state = eff_str_printf(&w.process, "%s/nowhere", w.folder);
    assert_int_equal(check(), EFF_OK);
    assert_false(report.exists);
    assert_int_equal(w.os.os.mkdir(&w.os, eff_str_c(&w.process, w.project.state), &err), EFF_OK);
    folder("notes"); // of others
    put("notes/junk", "", 0);
    assert_int_equal(check(), EFF_OK);
    assert_false(report.exists);
    assert_int_equal(report.damages, 0);
}

static void
begins(void)
{
    for (int i = 1; i <= 5; i++)
        w.model[i] = i;
    deliver_all();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_a_snapshot_that_lies),
        IN_WORLD(test_a_snapshot_that_is_gone),
        IN_WORLD(test_which_generation_is_expected),
        IN_WORLD(test_the_change_file_of_an_open_run),
        IN_WORLD(test_names_that_lie_about),
        IN_WORLD(test_folders_that_lie_about),
        IN_WORLD(test_what_is_no_stranger),
        IN_WORLD(test_a_run_that_ends_meanwhile),
        IN_WORLD(test_runs_that_go_on_and_on),
        IN_WORLD(test_a_control_file_that_is_written_meanwhile),
        IN_WORLD(test_a_history_that_goes_meanwhile),
        IN_WORLD(test_the_control_file),
        IN_WORLD(test_without_a_control_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
