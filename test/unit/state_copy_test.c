// links: base flow os conf state testlib
/*
 * Goal: an export has each file that there is, of whatever size, and an import is whole or no
 * state, whichever call fails once and whatever is changed under it; the next try is whole.
 * Method: a sync with a snapshot and histories, a control file, all made by the room's own
 * writers; the n-th call of the world fails, the making and removing of folders too; files change,
 * vanish and appear between two calls.
 * covers: A16
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/nosync.h"
#include "lib/place.h"
#include "state/control.h"
#include "state/export.h"
#include "state/snapshot.h"

#define SYNC    "Con_tacts"
#define MIB     ((size_t)1 << 20)
#define FOLDERS TESTOS_SOURCE /* the kind of mkdir, rmdir and lock in a plan */

static struct place place;
static struct eff_err err;
static const char *state_folder, *sync_folder, *out, *in;
static struct eff_export export_;
static struct eff_export_sync sync_;

static const char *
path_of(const char *folder, const char *name)
{
    return eff_str_printf(&place.arena, "%s/%s", folder, name).ptr;
}

static void
put(const char *path, size_t len)
{
    char *bytes = eff_new(&place.arena, char, len + 1);
    struct eff_file *file;
    struct eff_os *os = &place.world.os;

    memset(bytes, 'x', len);
    assert_int_equal(
        os->open(os->self, path, EFF_OPEN_WRITE | EFF_OPEN_CREATE | EFF_OPEN_TRUNCATE, &file, &err),
        EFF_OK);
    assert_int_equal(os->write(file, 0, bytes, len, &err), EFF_OK);
    os->close(file);
}

static bool
there(const char *path)
{
    return place.world.os.exists(&place.world, path);
}

/* ---- a world whose folders fail, too, and where something happens meanwhile ---- */

static enum eff_fault (*real_mkdir)(void *self, const char *path, struct eff_err *err);
static enum eff_fault (*real_rmdir)(void *self, const char *path, struct eff_err *err);
static enum eff_fault (*real_lock)(void *self, const char *path, struct eff_file **ret_file,
                                   struct eff_err *err);
static enum eff_fault (*real_rename)(void *self, const char *from, const char *to,
                                     struct eff_err *err);
static const char *appears; /* with the next rename */

static bool
folder_fails(struct eff_err *e, const char *path)
{
    if (!testos_planned(&place.world, FOLDERS))
        return false;
    EFF_FAIL(e, EFF_BROKEN, "no folder %s", path);
    e->code = EIO;
    return true;
}

static enum eff_fault
failing_mkdir(void *self, const char *path, struct eff_err *e)
{
    return folder_fails(e, path) ? EFF_BROKEN : real_mkdir(self, path, e);
}

static enum eff_fault
failing_rmdir(void *self, const char *path, struct eff_err *e)
{
    return folder_fails(e, path) ? EFF_BROKEN : real_rmdir(self, path, e);
}

static enum eff_fault
failing_lock(void *self, const char *path, struct eff_file **ret_file, struct eff_err *e)
{
    return folder_fails(e, path) ? EFF_BROKEN : real_lock(self, path, ret_file, e);
}

static enum eff_fault
watched_rename(void *self, const char *from, const char *to, struct eff_err *e)
{
    if (appears)
        put(appears, 1);
    appears = NULL;
    return real_rename(self, from, to, e);
}

/* ---- a state, its export ---- */

static void
make_state(void)
{
    static const struct eff_snapshot_column column = {.id = 1, .field = {"Email", 5}};
    struct eff_os *os = &place.world.os;
    struct eff_snapshot_writer *writer;
    struct eff_snapshot_head head;
    struct eff_control *control;

    assert_int_equal(eff_control_open(os, state_folder, false, false, &place.arena, &control, &err),
                     EFF_OK);
    eff_control_close(control);
    assert_int_equal(os->mkdir(os->self, sync_folder, &err), EFF_OK);
    assert_int_equal(eff_snapshot_writer_open(os, sync_folder, NULL, &column, 1, true, MIB,
                                              &place.arena, &writer, &err),
                     EFF_OK);
    for (uint64_t i = 0; i < 10; i++) {
        struct eff_entry entry = {{i, i}, i};

        assert_int_equal(eff_snapshot_set(writer, &entry, EFF_STR("{\"id\":7}"), &err), EFF_OK);
    }
    assert_int_equal(eff_snapshot_commit(writer, &head, &err), EFF_OK);
    eff_snapshot_writer_close(writer);
    put(path_of(sync_folder, "history-1"), 0);
    put(path_of(sync_folder, "history-2"), MIB);
    put(path_of(sync_folder, "history-3"), MIB + 1);
    put(path_of(sync_folder, "history-4.new"), 3);
}

static enum eff_fault
copy_control(void)
{
    const char *to = path_of(out, EFF_EXPORT_CONTROL);
    struct eff_os *os = &place.world.os;
    struct eff_control *control;
    enum eff_fault fault;

    EFF_TRY(eff_control_open(os, state_folder, true, false, &place.arena, &control, &err));
    fault = eff_control_copy(control, os, to, &err);
    eff_control_close(control);
    export_.control.name = EFF_STR(EFF_EXPORT_CONTROL);
    return fault == EFF_OK ? eff_export_digest(os, to, place.arena, &export_.control, &err) : fault;
}

/* meanwhile: between the look at the sync's folder and the copy of its files. */
static enum eff_fault
make_export(void (*meanwhile)(void))
{
    struct eff_os *os = &place.world.os;
    struct eff_export_files *files = NULL;
    enum eff_fault fault = EFF_OK;

    export_ = (struct eff_export){
        .efferent = EFF_STR("1"), .project = EFF_STR("p"), .syncs_count = 1, .syncs = &sync_};
    EFF_TRY(os->mkdir(os->self, out, &err));
    EFF_TRY(copy_control());
    fault = eff_export_open(os, sync_folder, EFF_STR(SYNC), EFF_STR_NONE, &place.arena, &files,
                            &sync_, &err);
    if (fault == EFF_OK && meanwhile)
        meanwhile();
    if (fault == EFF_OK)
        fault = eff_export_copy(files, &sync_, path_of(out, SYNC), place.arena, &err);
    eff_export_close(files);
    EFF_TRY(fault);
    EFF_TRY(eff_export_commit(os, out, &export_, &err));
    return eff_export_read(os, out, &place.arena, &export_, &err);
}

static enum eff_fault
import_to(const char *to)
{
    return eff_import(&place.world.os, out, &export_, to, place.arena, &err);
}

/* All that the manifest lists is in that folder. */
static void
assert_whole(const char *folder)
{
    if (eff_export_verify(&place.world.os, folder, &export_, place.arena, &err) != EFF_OK)
        fail_msg("%s", err.msg);
}

static bool
lists(const char *name)
{
    for (size_t i = 0; i < export_.syncs[0].files_count; i++)
        if (eff_str_is(export_.syncs[0].files[i].name, name))
            return true;
    return false;
}

static int
set_up(void **state)
{
    struct eff_os *os = &place.world.os;

    (void)state;
    place_open(&place, (size_t)8 << 30);
    real_mkdir = os->mkdir, real_rmdir = os->rmdir, real_lock = os->lock, real_rename = os->rename;
    os->mkdir = failing_mkdir, os->rmdir = failing_rmdir;
    os->lock = failing_lock, os->rename = watched_rename;
    state_folder = path_of(place.folder, "state");
    sync_folder = path_of(state_folder, SYNC);
    out = path_of(place.folder, "out");
    in = path_of(place.folder, "in");
    make_state();
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    place_close(&place);
    return 0;
}

/* ---- tests: what is exported ---- */

static void
test_files_of_all_sizes(void **state)
{
    (void)state;
    assert_int_equal(make_export(NULL), EFF_OK);
    assert_int_equal(export_.syncs[0].files_count, 5); // with snapshot and identities
    assert_false(lists("history-4.new"));
    assert_whole(out);
    assert_int_equal(import_to(in), EFF_OK);
    assert_whole(in);
}

static void
history_goes(void)
{
    assert_int_equal(place.world.os.unlink(&place.world, path_of(sync_folder, "history-2"), &err),
                     EFF_OK);
}

/* It became too old meanwhile: then it is in no list, and all else is there. */
static void
test_a_history_that_goes_meanwhile(void **state)
{
    (void)state;
    assert_int_equal(make_export(history_goes), EFF_OK);
    assert_int_equal(export_.syncs[0].files_count, 4);
    assert_false(lists("history-2"));
    assert_true(lists("history-3"));
    assert_whole(out);
}

static void
test_a_sync_that_has_no_folder_yet(void **state)
{
    (void)state;
    testos_remove(sync_folder);
    assert_int_equal(make_export(NULL), EFF_OK);
    assert_int_equal(export_.syncs[0].files_count, 0);
    assert_false(there(path_of(out, SYNC)));
    assert_whole(out);
}

static void
test_each_call_of_an_export_fails(void **state)
{
    uint64_t n = 0;

    (void)state;
    for (bool failed = true; failed;) {
        enum eff_fault fault;

        err = (struct eff_err){0};
        testos_plan(&place.world, TESTOS_ALL | FOLDERS, ++n, EIO, false);
        fault = make_export(NULL);
        failed = place.world.failed;
        testos_plan(&place.world, 0, 0, 0, false);
        assert_int_equal(place.world.open_files, 0);
        if (fault != EFF_OK) {
            assert_true(failed && err.msg[0] != '\0');
            testos_remove(out);
            assert_int_equal(make_export(NULL), EFF_OK);
        }
        assert_whole(out);
        assert_int_equal(export_.syncs[0].files_count, 5);
        testos_remove(out);
    }
    assert_true(n > 30);
}

/* ---- tests: what is imported ---- */

/* A death left files of the sync in place and in the stage, and folders there. */
static void
an_import_died(void)
{
    struct eff_os *os = &place.world.os;

    testos_plan(&place.world, TESTOS_RENAME, 2, EIO, false);
    assert_int_not_equal(import_to(in), EFF_OK);
    testos_plan(&place.world, 0, 0, 0, false);
    assert_true(there(path_of(in, SYNC)));
    assert_int_equal(os->mkdir(os->self, path_of(in, ".import/" SYNC), &err), EFF_OK);
    put(path_of(in, ".import/" SYNC "/history-1"), 7);
}

static void
test_each_call_of_an_import_fails(void **state)
{
    uint64_t n = 0;

    (void)state;
    assert_int_equal(make_export(NULL), EFF_OK);
    for (bool failed = true; failed;) {
        struct eff_control *control;
        enum eff_fault fault;

        an_import_died();
        err = (struct eff_err){0};
        testos_plan(&place.world, TESTOS_ALL | FOLDERS, ++n, EIO, false);
        fault = import_to(in);
        failed = place.world.failed;
        testos_plan(&place.world, 0, 0, 0, false);
        assert_int_equal(place.world.open_files, 0);
        if (fault != EFF_OK && !there(path_of(in, EFF_EXPORT_CONTROL))) {
            assert_true(failed && err.msg[0] != '\0');
            assert_int_equal(
                eff_control_open(&place.world.os, in, false, false, &place.arena, &control, &err),
                EFF_CONFIG); // it is no state, and no place for a new one
            assert_int_equal(import_to(in), EFF_OK);
        }
        assert_whole(in);
        testos_remove(in);
    }
    assert_true(n > 40);
}

/* What no import makes is not removed: it was put there by somebody. */
static void
test_a_stage_that_is_too_deep(void **state)
{
    struct eff_os *os = &place.world.os;
    const char *deep = path_of(in, ".import/" SYNC "/deep");

    (void)state;
    assert_int_equal(make_export(NULL), EFF_OK);
    an_import_died();
    assert_int_equal(os->mkdir(os->self, deep, &err), EFF_OK);
    put(path_of(deep, "precious"), 7);
    assert_int_not_equal(import_to(in), EFF_OK);
    assert_true(there(path_of(deep, "precious")));
    assert_false(there(path_of(in, EFF_EXPORT_CONTROL)));
}

static void
test_a_file_that_changes_meanwhile(void **state)
{
    static const size_t sizes[] = {MIB + 1, MIB - 1};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *path = path_of(out, SYNC "/history-2");
        struct eff_file *file;
        struct eff_os *os = &place.world.os;

        assert_int_equal(make_export(NULL), EFF_OK);
        put(path, sizes[i]); // longer, shorter
        assert_int_equal(import_to(in), EFF_BROKEN);
        assert_non_null(strstr(err.msg, "changed while it was imported"));
        put(path, MIB); // as long as it was
        assert_int_equal(os->open(os->self, path, EFF_OPEN_WRITE, &file, &err), EFF_OK);
        assert_int_equal(os->write(file, 5, "y", 1, &err), EFF_OK);
        os->close(file);
        assert_int_equal(import_to(in), EFF_BROKEN);
        assert_false(there(path_of(in, EFF_EXPORT_CONTROL)));
        put(path, MIB);
        assert_int_equal(import_to(in), EFF_OK);
        assert_whole(in);
        testos_remove(in);
        testos_remove(out);
    }
}

/* Another made a state there meanwhile: it stays as it is. */
static void
test_a_state_that_appears_meanwhile(void **state)
{
    const char *control = path_of(in, EFF_EXPORT_CONTROL);
    struct eff_export_file file = {0};

    (void)state;
    assert_int_equal(make_export(NULL), EFF_OK);
    appears = control;
    assert_int_equal(import_to(in), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "there is a state in"));
    assert_int_equal(eff_export_digest(&place.world.os, control, place.arena, &file, &err), EFF_OK);
    assert_int_equal(file.bytes, 1);
}

/* The folder of a target lies in one that is not there; and one that is named without a path. */
static void
test_where_it_is_put(void **state)
{
    const char *deep = path_of(place.folder, "a/b");
    char here[4096];

    (void)state;
    assert_int_equal(make_export(NULL), EFF_OK);
    for (uint64_t n = 1; n <= 2; n++) { // neither of the two folders can be made
        testos_plan(&place.world, FOLDERS, n, EACCES, false);
        assert_int_not_equal(import_to(deep), EFF_OK);
        testos_plan(&place.world, 0, 0, 0, false);
        assert_false(there(deep));
    }
    assert_int_equal(import_to(deep), EFF_OK);
    assert_whole(deep);
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(place.folder), 0);
    out = "out";
    assert_int_equal(import_to("bare"), EFF_OK);
    assert_whole("bare");
    assert_int_equal(chdir(here), 0);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_files_of_all_sizes),
        IN_PLACE(test_a_history_that_goes_meanwhile),
        IN_PLACE(test_a_sync_that_has_no_folder_yet),
        IN_PLACE(test_each_call_of_an_export_fails),
        IN_PLACE(test_each_call_of_an_import_fails),
        IN_PLACE(test_a_stage_that_is_too_deep),
        IN_PLACE(test_a_file_that_changes_meanwhile),
        IN_PLACE(test_a_state_that_appears_meanwhile),
        IN_PLACE(test_where_it_is_put),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
