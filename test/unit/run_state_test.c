// links: base flow os conf state source batch diff plan dest deliver record run testlib assets
/*
 * Goal: what is done to a state as a whole is done to all of it as it is at one moment, or not at
 * all: syncs that come or go meanwhile, that have no folder, or whose lock cannot be had.
 * Method: export and purge of the state of a sync between a model and a destination in memory, with
 * syncs that only its control file knows, and locks that fail.
 * covers: F11
 */
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/nosync.h"
#include "run/verbs_state.h"

#include <cmocka.h>

#include "lib/inworld.h"

static struct eff_err err;
static struct eff_export made;

static void
expect_fault(enum eff_fault fault, enum eff_fault wanted, const char *message)
{
    assert_int_equal(fault, wanted);
    if (!strstr(err.msg, message))
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

static const char *
copy(void)
{
    return eff_str_printf(&w.process, "%s/copy", w.folder).ptr;
}

static enum eff_fault export(void) {
    return eff_run_state_export(&w.project, &w.os.os, copy(), EFF_STR("1"), 0, &w.process, &made,
                                &err);
}

static enum eff_fault
purge(const char *sync, struct eff_state_purge *ret_purge)
{
    return eff_run_state_purge(&w.project, &w.os.os, eff_str_of(sync), true, &w.process, ret_purge,
                               &err);
}

static bool
exists(const char *name)
{
    return w.os.os.exists(&w.os, eff_str_printf(&w.process, "%s/%s", w.folder, name).ptr);
}

/* ---- syncs that only the control file knows ---- */

static void
test_a_sync_without_a_folder_is_exported(void **state)
{
    (void)state;
    sql("INSERT INTO sync (name, secret) VALUES ('ghost', zeroblob(32))");
    assert_int_equal(export(), EFF_OK);
    assert_int_equal(made.syncs_count, 2);
    assert_true(eff_str_is(made.syncs[0].name, "ghost"));
    assert_true(made.syncs[0].no_folder);
    assert_int_equal(made.syncs[1].rows, 3);
}

/* Its name would lead out of the folder. */
static void
test_a_name_that_no_sync_can_have(void **state)
{
    (void)state;
    sql("INSERT INTO sync (name, secret) VALUES ('../other', zeroblob(32))");
    expect_fault(export(), EFF_BROKEN, "names a sync as no sync can be named");
    assert_false(exists("copy/control.db"));
}

static void
test_purge_of_a_sync_without_a_folder(void **state)
{
    struct eff_state_purge purged;

    (void)state;
    expect_fault(purge("ghost", &purged), EFF_CONFIG, "the state knows no sync `ghost`");
    sql("INSERT INTO sync (name, secret) VALUES ('ghost', zeroblob(32))");
    assert_int_equal(purge("ghost", &purged), EFF_OK);
    assert_int_equal(purged.files, 0);
    assert_int_equal(purged.rows, 0);
    assert_false(purged.unreadable);
    expect_fault(purge("ghost", &purged), EFF_CONFIG, "the state knows no sync `ghost`");
    assert_true(exists("state/scores/lock")); // others are left alone
}

/* ---- what comes and goes meanwhile ---- */

static int64_t (*wall_really)(void *self);
static const char *meanwhile; /* done once the locks are held, before the control file is copied */

static int64_t
wall_ms(void *self)
{
    const char *now = meanwhile;

    meanwhile = NULL;
    if (now)
        sql(now);
    return wall_really(self);
}

static void
meanwhile_do(const char *statement)
{
    wall_really = w.os.os.wall_ms;
    w.os.os.wall_ms = wall_ms;
    meanwhile = statement;
}

static void
test_a_sync_that_comes_meanwhile(void **state)
{
    (void)state;
    meanwhile_do("INSERT INTO sync (name, secret) VALUES ('ghost', zeroblob(32))");
    assert_int_equal(export(), EFF_OK);
    assert_int_equal(made.syncs_count, 2); // it was frozen once more, with both
    assert_false(exists("copy/" EFF_EXPORT_UNFINISHED));
}

static void
test_a_sync_that_takes_the_place_of_another(void **state)
{
    (void)state;
    sql("INSERT INTO sync (name, secret) VALUES ('ghost', zeroblob(32))");
    meanwhile_do("UPDATE sync SET name = 'spirit' WHERE name = 'ghost'");
    assert_int_equal(export(), EFF_OK);
    assert_int_equal(made.syncs_count, 2);
    assert_true(eff_str_is(made.syncs[1].name, "spirit"));
}

/* The copy that does not hold cannot be removed: that ends it, and the folder says so. */
static void
test_a_copy_that_cannot_be_removed(void **state)
{
    (void)state;
    meanwhile_do("INSERT INTO sync (name, secret) VALUES ('ghost', zeroblob(32))");
    testos_plan(&w.os, TESTOS_UNLINK, 1, 0, false);
    expect_fault(export(), EFF_BROKEN, "");
    testos_plan(&w.os, 0, 0, 0, false);
    assert_false(exists("copy/control.db"));
    expect_fault(export(), EFF_CONFIG, "is not empty");
}

/* ---- locks ---- */

static enum eff_fault
no_locks(void *self, const char *path, struct eff_file **ret_file, struct eff_err *ret_err)
{
    (void)self, (void)path, (void)ret_file;
    return EFF_FAIL(ret_err, EFF_CONFIG, "locks do not work here");
}

/* Nobody has it: so nobody is waited for, and what is wrong is told as it is. */
static void
test_a_folder_without_locks(void **state)
{
    struct eff_state_purge purged;
    struct eff_report report;
    uint64_t rows;

    (void)state;
    w.os.os.lock = no_locks;
    expect_fault(export(), EFF_CONFIG, "locks do not work here");
    expect_fault(eff_run_retry(&w.project, &w.sync, &w.os.os, &w.process, &rows, &err), EFF_CONFIG,
                 "locks do not work here");
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_true(eff_str_is(report.problems[0].message, "locks do not work here"));
    w.project.syncs_count = 0;
    expect_fault(purge("scores", &purged), EFF_CONFIG, "locks do not work here");
    assert_true(exists("state/scores/lock"));
}

/* A killed process is about to let go: it is waited for a moment, unless one is asked to stop. */
static void
test_a_lock_that_is_not_waited_for(void **state)
{
    const char *path = eff_str_printf(&w.process, "%s/state/scores/lock", w.folder).ptr;
    struct eff_report report;
    struct eff_file *lock;
    int64_t before = w.os.mono_ms;

    (void)state;
    assert_int_equal(w.os.os.lock(&w.os, path, &lock, &err), EFF_OK);
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_true(w.os.mono_ms - before >= 200);
    before = w.os.mono_ms;
    w.stop_at = 1;
    report = runworld_run(&w, NULL);
    assert_int_equal(report.status, EFF_STATUS_FAILED);
    assert_int_equal(w.os.mono_ms, before);
    w.os.os.close(lock);
}

/* ---- where scratch files lie ---- */

static enum eff_fault (*open_really)(void *self, const char *path, unsigned flags,
                                     struct eff_file **ret_file, struct eff_err *err);
static const char *scratch; /* where a file without a name was made last */

static enum eff_fault
open_elsewhere(void *self, const char *path, unsigned flags, struct eff_file **ret_file,
               struct eff_err *ret_err)
{
    if (flags & EFF_OPEN_UNNAMED) {
        if (eff_str_starts(eff_str_of(path), w.project.state))
            return EFF_FAIL(ret_err, EFF_BROKEN, "a read-only file system");
        scratch = eff_str_c(&w.process, eff_str_of(path));
    }
    return open_really(self, path, flags, ret_file, ret_err);
}

static void
expect_scratch(const char *tmpdir, const char *wanted)
{
    const struct eff_run_options plan = {.plan = true, .limit = -1};
    const char *before = getenv("TMPDIR");
    char *kept = before ? strdup(before) : NULL;

    scratch = NULL;
    if (tmpdir)
        setenv("TMPDIR", tmpdir, 1);
    else
        unsetenv("TMPDIR");
    assert_int_equal(runworld_run(&w, &plan).planned, 1);
    if (kept)
        setenv("TMPDIR", kept, 1);
    else
        unsetenv("TMPDIR");
    free(kept);
    assert_non_null(scratch);
    assert_string_equal(scratch, wanted);
}

/* A plan can be made where nothing can be written. */
static void
test_a_plan_beside_a_state_that_cannot_be_written(void **state)
{
    (void)state;
    w.model[1] = 9;
    open_really = w.os.os.open;
    w.os.os.open = open_elsewhere;
    expect_scratch(w.folder, w.folder);
    expect_scratch("", "/tmp");
    expect_scratch(NULL, "/tmp");
}

/* Of a later version, whose runs are named otherwise: ours are, all the same. */
static void
test_a_run_with_another_name(void **state)
{
    (void)state;
    sql("UPDATE run SET id = 'zz'");
    w.model[1] = 9;
    assert_int_equal(runworld_run(&w, NULL).delivered, 1);
    assert_int_equal(runworld_run(&w, NULL).planned, 0);
}

/* One of several syncs runs: the others, which were locked before it, are let go. */
static void
test_all_locks_or_none(void **state)
{
    eff_str name = w.sync.name;
    struct eff_file *lock;

    (void)state;
    w.sync.name = EFF_STR("zz");
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    assert_int_equal(w.os.os.lock(&w.os,
                                  eff_str_printf(&w.process, "%s/state/zz/lock", w.folder).ptr,
                                  &lock, &err),
                     EFF_OK);
    expect_fault(export(), EFF_TRANSIENT, "sync zz runs");
    assert_int_equal(w.os.open_files, 1);
    w.sync.name = name;
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
    w.os.os.close(lock);
}

static void
test_a_state_that_must_exist_and_does(void **state)
{
    struct eff_export import;

    (void)state;
    assert_int_equal(export(), EFF_OK);
    w.project.state_must_exist = true;
    expect_fault(eff_run_state_import(&w.project, &w.os.os, copy(), &w.process, &import, &err),
                 EFF_CONFIG, "there is a state");
    w.project.state = eff_str_printf(&w.process, "%s/mounted", w.folder);
    assert_int_equal(w.os.os.mkdir(&w.os, eff_str_c(&w.process, w.project.state), &err), EFF_OK);
    assert_int_equal(eff_run_state_import(&w.project, &w.os.os, copy(), &w.process, &import, &err),
                     EFF_OK);
    assert_int_equal(runworld_run(&w, NULL).unchanged, 3);
}

static void
begins(void)
{
    err = (struct eff_err){0};
    meanwhile = NULL;
    for (int i = 1; i <= 3; i++)
        w.model[i] = i;
    assert_int_equal(runworld_run(&w, NULL).status, EFF_STATUS_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(test_a_sync_without_a_folder_is_exported),
        IN_WORLD(test_a_name_that_no_sync_can_have),
        IN_WORLD(test_purge_of_a_sync_without_a_folder),
        IN_WORLD(test_a_sync_that_comes_meanwhile),
        IN_WORLD(test_a_sync_that_takes_the_place_of_another),
        IN_WORLD(test_a_copy_that_cannot_be_removed),
        IN_WORLD(test_a_folder_without_locks),
        IN_WORLD(test_a_lock_that_is_not_waited_for),
        IN_WORLD(test_a_plan_beside_a_state_that_cannot_be_written),
        IN_WORLD(test_a_run_with_another_name),
        IN_WORLD(test_all_locks_or_none),
        IN_WORLD(test_a_state_that_must_exist_and_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
