// links: base flow os conf state batch diff plan dest source deliver record run testlib assets
// timeout: 300
/*
 * Goal: an export is one moment of a state or is refused, an import is whole or is
 * refused, and check finds each damage.
 * Method: a state of two syncs, one with identities and an open run, made by the
 * room's own writers. Exported while a child writes generations without a pause;
 * every file of an export is flipped in several places, cut and removed; export and
 * import die at the n-th file call for every n; each part of a state is damaged in
 * turn; manifests are written that name what they must not.
 * covers: A16, F3, S20, S21
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/testos.h"
#include "run/verbs_state.h"
#include "state/changes.h"
#include "state/control.h"
#include "state/history.h"
#include "state/snapshot_file.h"

#define OPEN_RUN "01HZZZZZZZZZZZZZZZZZZZZZZZ"
#define OLD_RUN  "01H00000000000000000000000"

struct place {
    struct testos world;
    struct eff_os *os;
    char *folder;
    const char *state, *out, *in;
    struct eff_project project;
    struct eff_sync_conf syncs[1];
    struct eff_arena arena;
};

static const eff_str place_inputs[] = {{"email", 5}};
static const struct eff_snapshot_column place_columns[] = {
    {.id = 77, .field = {"Email", 5}, .inputs_count = 1, .inputs = place_inputs},
};

static const char *
path_of(struct place *p, const char *folder, const char *name)
{
    return eff_str_printf(&p->arena, "%s/%s", folder, name).ptr;
}

static void
place_snapshot(struct place *p, const char *sync, uint64_t rows, uint64_t row, bool identities)
{
    const char *folder = path_of(p, p->state, sync);
    struct eff_snapshot_writer *writer;
    struct eff_snapshot_head head;
    struct eff_snapshot *old;
    struct eff_err err = {0};

    assert_int_equal(eff_snapshot_open(p->os, folder, &p->arena, &old, &err), EFF_OK);
    assert_int_equal(eff_snapshot_writer_open(p->os, folder, old, place_columns, 1, identities,
                                              (size_t)1 << 20, &p->arena, &writer, &err),
                     EFF_OK);
    for (uint64_t i = 0; i < rows; i++) {
        struct eff_entry entry = {{(i + 1) * 0x9e3779b97f4a7c15u, i}, row};

        eff_snapshot_set(writer, &entry, EFF_STR("{\"id\":7}"), &err);
    }
    assert_int_equal(eff_snapshot_commit(writer, &head, &err), EFF_OK);
    eff_snapshot_writer_close(writer);
    eff_snapshot_close(old);
    eff_snapshot_sweep(p->os, folder, head.generation, p->arena, &err);
}

static void
place_run(struct place *p, struct eff_control *control, const char *sync, const char *id,
          bool closed, uint64_t generation, uint64_t digest)
{
    struct eff_err err = {0};
    struct eff_run_row row = {
        .id = eff_str_of(id),
        .sync = eff_str_of(sync),
        .state = closed ? EFF_RUN_CLOSED : EFF_RUN_PLANNED,
        .started_ms = 1,
        .generation = generation,
        .changes_digest = digest,
        .columns = EFF_STR("x"),
        .report = closed ? EFF_STR("{\"delivered\": 3}") : EFF_STR_NONE,
    };

    (void)p;
    assert_int_equal(eff_control_plan(control, &row, &err), EFF_OK);
}

static uint64_t
place_changes(struct place *p, const char *sync, const char *id)
{
    static const eff_str names[] = {{"Id", 2}, {"Email", 5}};
    const struct eff_changes_names of = {EFF_STR("Contact"), 1, names, 1, names + 1};
    struct eff_value match = eff_value_of_int(EFF_INT, 7), field = eff_value_of_int(EFF_INT, 8);
    struct eff_item item = {.key_json = EFF_STR("{\"id\":7}"), .match = &match, .fields = &field};
    struct eff_acknowledged ack = {.row = 9, .identity = EFF_STR("{\"id\":7}")};
    struct eff_batch_ref batch = {.op = EFF_OP_UPSERT, .rows = 3, .chunks = 1};
    struct eff_changes_writer *writer;
    const struct eff_chunk *chunks;
    struct eff_err err = {0};
    size_t count;
    uint64_t digest;
    const char *path = eff_str_printf(&p->arena, "%s/%s/changes-%s", p->state, sync, id).ptr;

    assert_int_equal(eff_changes_create(p->os, path, false, &of, &p->arena, &writer, &err), EFF_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(eff_changes_add(writer, EFF_OP_UPSERT, EFF_GROUP_FREE, &item, &ack, &err),
                         EFF_OK);
    assert_int_equal(eff_changes_chunks(writer, &count, &chunks, &err), EFF_OK);
    assert_int_equal(count, 1);
    assert_int_equal(eff_changes_seal(writer, &batch, 1, &digest, &err), EFF_OK);
    eff_changes_writer_close(writer);
    return digest;
}

static void
place_history(struct place *p, const char *sync, const char *id)
{
    static const eff_str names[] = {{"Id", 2}, {"Email", 5}};
    const struct eff_changes_names of = {EFF_STR("Contact"), 1, names, 1, names + 1};
    struct eff_value field = eff_value_of_int(EFF_INT, 8);
    struct eff_item item = {.key = {5, 6}, .fields = &field};
    struct eff_history_writer *writer;
    struct eff_err err = {0};

    assert_int_equal(eff_history_create(p->os, path_of(p, p->state, sync), eff_str_of(id), &of, 1,
                                        &p->arena, &writer, &err),
                     EFF_OK);
    eff_history_add(writer, EFF_OP_UPSERT, &item, 7, EFF_APPLIED, EFF_STR("003A"), &err);
    assert_int_equal(eff_history_commit(writer, &err), EFF_OK);
    eff_history_writer_close(writer);
}

static struct eff_control *
place_control(struct place *p)
{
    struct eff_control *control;
    struct eff_err err = {0};

    assert_int_equal(eff_control_open(p->os, p->state, false, false, &p->arena, &control, &err),
                     EFF_OK);
    return control;
}

static void
place_sync(struct place *p, struct eff_control *control, const char *sync)
{
    struct eff_sync_state state;
    struct eff_err err = {0};

    assert_int_equal(eff_control_sync(control, p->os, eff_str_of(sync), &p->arena, &state, &err),
                     EFF_OK);
    state.identity = EFF_STR("{}");
    assert_int_equal(eff_control_sync_save(control, eff_str_of(sync), &state, &err), EFF_OK);
}

/* contacts: 5000 rows in two blocks with identities, an open run, history; orders: 10 rows. */
static void
place_fill(struct place *p)
{
    struct eff_control *control = place_control(p);

    place_sync(p, control, "contacts");
    place_sync(p, control, "orders");
    place_snapshot(p, "contacts", 5000, 1, true);
    place_snapshot(p, "orders", 10, 1, false);
    place_history(p, "contacts", OLD_RUN);
    place_run(p, control, "contacts", OLD_RUN, true, 0, 0);
    place_run(p, control, "contacts", OPEN_RUN, false, 1, place_changes(p, "contacts", OPEN_RUN));
    place_run(p, control, "orders", OLD_RUN "x", true, 0, 0);
    eff_control_close(control);
}

static void
place_open(struct place *p)
{
    *p = (struct place){.folder = testos_folder()};
    testos_init(&p->world, 7);
    p->os = &p->world.os;
    eff_arena_init(&p->arena, "test", (size_t)8 << 30);
    p->state = path_of(p, p->folder, "state");
    p->out = path_of(p, p->folder, "out");
    p->in = path_of(p, p->folder, "in");
    p->project = (struct eff_project){.name = EFF_STR("acme"), .state = eff_str_of(p->state)};
}

static void
place_close(struct place *p)
{
    assert_int_equal(p->world.open_files, 0);
    testos_remove(p->folder);
    free(p->folder);
    eff_arena_deinit(&p->arena);
}

static enum eff_fault
place_export(struct place *p, const char *to, struct eff_err *err)
{
    struct eff_export export;

    return eff_run_state_export(&p->project, p->os, to, EFF_STR("0"), 0, &p->arena, &export, err);
}

/* Of p->out into p->in. */
static enum eff_fault
place_import(struct place *p, struct eff_err *err)
{
    struct eff_project there = {.state = eff_str_of(p->in)};
    struct eff_export export;

    return eff_run_state_import(&there, p->os, p->out, &p->arena, &export, err);
}

static size_t
place_damages(struct place *p, const char *folder, const char **ret_message)
{
    struct eff_state_report report;
    struct eff_err err = {0};

    if (ret_message)
        *ret_message = "";
    if (eff_run_state_check(folder, p->os, &p->arena, &report, &err) != EFF_OK) {
        if (ret_message)
            *ret_message = eff_str_c(&p->arena, eff_str_of(err.msg));
        return 1;
    }
    for (size_t i = 0; i < report.count; i++)
        for (size_t k = 0; k < report.parts[i].findings_count; k++)
            if (ret_message && report.parts[i].findings[k].damaged)
                *ret_message =
                    eff_str_printf(&p->arena, "%s: %s", report.parts[i].findings[k].file.ptr,
                                   report.parts[i].findings[k].message.ptr)
                        .ptr;
    return report.damages;
}

/* ---- files ---- */

static eff_str
bytes_of(struct place *p, const char *path)
{
    struct eff_err err = {0};
    eff_str bytes = {0};

    assert_int_equal(eff_os_read_file(p->os, path, (size_t)64 << 20, &p->arena, &bytes, &err),
                     EFF_OK);
    return bytes;
}

static void
put_bytes(const char *path, eff_str bytes)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    fclose(file);
}

static void
flip(struct place *p, const char *path, size_t at)
{
    eff_str bytes = bytes_of(p, path);

    ((char *)bytes.ptr)[at % bytes.len] ^= 0x20;
    put_bytes(path, bytes);
}

static const char *const files_of_export[] = {
    "EXPORT.json",
    "control.db",
    "contacts/snapshot-00000000000000000001",
    "contacts/identities-00000000000000000001",
    "contacts/changes-" OPEN_RUN,
    "contacts/history-" OLD_RUN,
    "orders/snapshot-00000000000000000001",
};
#define FILES (sizeof files_of_export / sizeof *files_of_export)

/* ---- tests ---- */

static void
an_export_is_a_state_and_comes_back(void **unused)
{
    struct eff_err err = {0};
    struct place p;
    struct stat st;

    (void)unused;
    place_open(&p);
    place_fill(&p);
    assert_int_equal(place_damages(&p, p.state, NULL), 0);
    assert_int_equal(place_export(&p, p.out, &err), EFF_OK);
    assert_int_equal(stat(p.out, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    for (size_t i = 0; i < FILES; i++) {
        assert_int_equal(stat(path_of(&p, p.out, files_of_export[i]), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
    assert_false(p.os->exists(p.os->self, path_of(&p, p.out, "contacts/lock")));
    assert_int_equal(place_damages(&p, p.out, NULL), 0);
    assert_int_equal(place_import(&p, &err), EFF_OK);
    assert_int_equal(place_damages(&p, p.in, NULL), 0);
    for (size_t i = 1; i < FILES; i++)
        assert_true(eff_str_eq(bytes_of(&p, path_of(&p, p.out, files_of_export[i])),
                               bytes_of(&p, path_of(&p, p.in, files_of_export[i]))));
    assert_false(p.os->exists(p.os->self, path_of(&p, p.in, ".import")));
    assert_false(p.os->exists(p.os->self, path_of(&p, p.in, "EXPORT.json")));
    place_close(&p);
}

static void
what_is_there_is_never_replaced(void **unused)
{
    struct eff_err err = {0};
    struct place p;

    (void)unused;
    place_open(&p);
    assert_int_equal(place_export(&p, p.out, &err), EFF_CONFIG); // There is no state yet.
    assert_false(p.os->exists(p.os->self, p.state));
    place_fill(&p);
    assert_int_equal(place_export(&p, path_of(&p, p.state, "out"), &err), EFF_CONFIG);
    assert_int_equal(place_export(&p, p.out, &err), EFF_OK);
    assert_int_equal(place_export(&p, p.out, &err), EFF_CONFIG);
    assert_int_equal(place_import(&p, &err), EFF_OK);
    assert_int_equal(place_import(&p, &err), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "already"));
    testos_remove(p.in);
    p.os->mkdir(p.os->self, p.in, &err);
    put_bytes(path_of(&p, p.in, "photo.jpg"), EFF_STR("x"));
    assert_int_equal(place_import(&p, &err), EFF_CONFIG);
    assert_true(p.os->exists(p.os->self, path_of(&p, p.in, "photo.jpg")));
    place_close(&p);
}

static void
a_changed_export_is_refused_with_the_name(void **unused)
{
    struct eff_err err = {0};
    struct place p;

    (void)unused;
    place_open(&p);
    place_fill(&p);
    assert_int_equal(place_export(&p, p.out, &err), EFF_OK);
    for (size_t i = 0; i < FILES; i++) {
        const char *path = path_of(&p, p.out, files_of_export[i]);
        eff_str whole = eff_str_copy(&p.arena, bytes_of(&p, path));
        const size_t places[] = {0, 1, whole.len / 3, whole.len / 2, whole.len - 10, whole.len - 1};

        for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
            flip(&p, path, places[k]);
            assert_int_equal(place_import(&p, &err), EFF_BROKEN);
            assert_non_null(strstr(err.msg, files_of_export[i]));
            assert_true(place_damages(&p, p.out, NULL) > 0);
            put_bytes(path, whole);
        }
        put_bytes(path, eff_str_sub(whole, 0, whole.len - 1));
        assert_int_equal(place_import(&p, &err), EFF_BROKEN);
        assert_non_null(strstr(err.msg, files_of_export[i]));
        unlink(path);
        assert_int_not_equal(place_import(&p, &err), EFF_OK);
        assert_non_null(strstr(err.msg, files_of_export[i]));
        put_bytes(path, whole);
    }
    assert_false(p.os->exists(p.os->self, p.in));
    assert_int_equal(place_import(&p, &err), EFF_OK);
    place_close(&p);
}

static void
a_manifest_names_nothing_outside(void **unused)
{
    static const char *const names[] = {"../control.db", "",           "lock",
                                        "snapshot-1",    "changes-",   "changes-../x",
                                        "history-a/b",   "changes-a.b"};
    struct eff_export_file file = {.bytes = 1};
    struct eff_export_sync sync = {.name = EFF_STR("a"), .files_count = 1, .files = &file};
    struct eff_export read, export = {.efferent = EFF_STR("0"),
                                      .project = EFF_STR("p"),
                                      .control = {.name = EFF_STR("control.db")},
                                      .syncs_count = 1,
                                      .syncs = &sync};
    struct eff_err err = {0};
    struct place p;

    (void)unused;
    place_open(&p);
    p.os->mkdir(p.os->self, p.out, &err);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        file.name = eff_str_of(names[i]);
        assert_int_equal(eff_export_commit(p.os, p.out, &export, &err), EFF_OK);
        assert_int_equal(eff_export_read(p.os, p.out, &p.arena, &read, &err), EFF_BROKEN);
    }
    file.name = EFF_STR("changes-a");
    for (const char *const *name = (const char *const[]){"..", "a/b", "", ".import", NULL}; *name;
         name++) {
        sync.name = eff_str_of(*name);
        assert_int_equal(eff_export_commit(p.os, p.out, &export, &err), EFF_OK);
        assert_int_equal(eff_export_read(p.os, p.out, &p.arena, &read, &err), EFF_BROKEN);
    }
    sync.name = EFF_STR("a");
    assert_int_equal(eff_export_commit(p.os, p.out, &export, &err), EFF_OK);
    assert_int_equal(eff_export_read(p.os, p.out, &p.arena, &read, &err), EFF_OK);
    place_close(&p);
}

/* Every state is either none, refused, or without damage. */
static bool
place_is_whole(struct place *p, const char *folder)
{
    struct eff_control *control = NULL;
    struct eff_err err = {0};
    enum eff_fault fault;
    const char *message;

    if (!p->os->exists(p->os->self, path_of(p, folder, "control.db"))) {
        fault = eff_control_open(p->os, folder, false, true, &p->arena, &control, &err);
        assert_null(control);
        if (p->os->exists(p->os->self, path_of(p, folder, "contacts")))
            assert_int_equal(fault, EFF_CONFIG);
        return false;
    }
    if (place_damages(p, folder, &message) > 0)
        fail_msg("%s", message);
    return true;
}

static void
an_import_that_dies_is_refused_or_whole(void **unused)
{
    struct eff_err err = {0};
    enum eff_fault fault = EFF_BROKEN;
    size_t whole = 0, deaths = 0;
    struct place p;

    (void)unused;
    place_open(&p);
    place_fill(&p);
    assert_int_equal(place_export(&p, p.out, &err), EFF_OK);
    for (uint64_t nth = 1; fault != EFF_OK || p.world.failed; nth++) {
        testos_plan(&p.world, TESTOS_ALL, nth, EIO, true);
        fault = place_import(&p, &err);
        if (!p.world.failed)
            break;
        testos_plan(&p.world, 0, 0, 0, false);
        deaths++;
        if (place_is_whole(&p, p.in))
            whole++;
        else if (nth % 3 == 0) // The next try begins anew, whatever is there.
            assert_int_equal(place_import(&p, &err), EFF_OK);
        testos_remove(p.in);
        assert_true(nth < 5000);
    }
    assert_int_equal(fault, EFF_OK);
    assert_true(deaths > 30);
    assert_true(whole > 0 && whole < deaths);
    testos_plan(&p.world, 0, 0, 0, false);
    place_close(&p);
}

static void
an_export_that_dies_is_refused_or_whole(void **unused)
{
    struct eff_err err = {0};
    struct eff_export export;
    size_t deaths = 0;
    struct place p;

    (void)unused;
    place_open(&p);
    place_fill(&p);
    for (uint64_t nth = 1;; nth++) {
        enum eff_fault fault;

        testos_plan(&p.world, TESTOS_ALL, nth, ENOSPC, true);
        fault = place_export(&p, p.out, &err);
        if (!p.world.failed) {
            assert_int_equal(fault, EFF_OK);
            break;
        }
        testos_plan(&p.world, 0, 0, 0, false);
        deaths++;
        if (eff_export_read(p.os, p.out, &p.arena, &export, &err) == EFF_OK)
            place_is_whole(&p, p.out);
        else
            assert_int_equal(place_import(&p, &err), EFF_CONFIG);
        place_is_whole(&p, p.out);
        testos_remove(p.out);
        assert_true(nth < 5000);
    }
    assert_true(deaths > 30);
    testos_plan(&p.world, 0, 0, 0, false);
    assert_int_equal(place_damages(&p, p.state, NULL), 0);
    place_close(&p);
}

static void
check_finds_each_damage(void **unused)
{
    static const struct {
        const char *name;
        size_t at;
    } flips[] = {
        {"contacts/snapshot-00000000000000000001", 30},
        {"contacts/snapshot-00000000000000000001", 40000},
        {"contacts/snapshot-00000000000000000001", 100000},
        {"contacts/identities-00000000000000000001", 20},
        {"contacts/identities-00000000000000000001", 500},
        {"contacts/identities-00000000000000000001", 50000},
        {"contacts/changes-" OPEN_RUN, 3},
        {"contacts/changes-" OPEN_RUN, 120},
        {"contacts/changes-" OPEN_RUN, SIZE_MAX / 2},
        {"contacts/history-" OLD_RUN, 2},
        {"control.db", 3},
        {"orders/snapshot-00000000000000000001", 300},
    };
    struct place p;

    (void)unused;
    place_open(&p);
    place_fill(&p);
    for (size_t i = 0; i < sizeof flips / sizeof *flips; i++) {
        const char *path = path_of(&p, p.state, flips[i].name), *message;
        eff_str whole = eff_str_copy(&p.arena, bytes_of(&p, path));

        flip(&p, path, flips[i].at);
        assert_true(place_damages(&p, p.state, &message) > 0);
        assert_true(strlen(message) > 10);
        put_bytes(path, whole);
    }
    for (size_t i = 1; i < FILES; i++) {
        const char *path = path_of(&p, p.state, files_of_export[i]);
        eff_str whole = eff_str_copy(&p.arena, bytes_of(&p, path));
        bool history = strstr(path, "history") != NULL;

        // The last page of a database may be empty: one byte of it is not missed.
        put_bytes(path, eff_str_sub(whole, 0, whole.len - (i == 1 ? 8000 : 1)));
        assert_true(place_damages(&p, p.state, NULL) > 0);
        unlink(path);
        assert_int_equal(place_damages(&p, p.state, NULL) > 0, !history);
        put_bytes(path, whole);
    }
    assert_int_equal(place_damages(&p, p.state, NULL), 0);
    place_close(&p);
}

static void
check_finds_what_does_not_belong_together(void **unused)
{
    struct eff_state_report report;
    struct eff_err err = {0};
    const char *message, *path;
    struct eff_control *control;
    struct place p;
    eff_str old;

    (void)unused;
    place_open(&p);
    place_fill(&p);
    // A snapshot from before the last run, as a backup of a part would bring it.
    path = path_of(&p, p.state, "orders/snapshot-00000000000000000001");
    old = eff_str_copy(&p.arena, bytes_of(&p, path));
    place_snapshot(&p, "orders", 11, 2, false);
    control = place_control(&p);
    place_run(&p, control, "orders", OLD_RUN "y", true, 1, 0);
    eff_control_close(control);
    assert_int_equal(place_damages(&p, p.state, NULL), 0);
    put_bytes(path, old);
    assert_int_equal(place_damages(&p, p.state, NULL), 0); // Only a left-over.
    unlink(path_of(&p, p.state, "orders/snapshot-00000000000000000002"));
    assert_int_equal(place_damages(&p, p.state, &message), 1);
    assert_non_null(strstr(message, "older than the control file"));
    place_snapshot(&p, "orders", 11, 2, false);
    assert_int_equal(place_damages(&p, p.state, NULL), 0);
    // A sync whose secret is not in the control file, and files that belong to nothing.
    place_snapshot(&p, "strangers", 3, 1, false);
    assert_int_equal(place_damages(&p, p.state, &message), 1);
    assert_non_null(strstr(message, "does not know this sync"));
    testos_remove(path_of(&p, p.state, "strangers"));
    put_bytes(path_of(&p, p.state, "orders/photo.jpg"), EFF_STR("x"));
    put_bytes(path_of(&p, p.state, "orders/changes-" OLD_RUN), EFF_STR("x"));
    put_bytes(path_of(&p, p.state, "orders/snapshot-00000000000000000009.tmp"), EFF_STR("x"));
    put_bytes(path_of(&p, p.state, "notes.txt"), EFF_STR("x"));
    assert_int_equal(eff_run_state_check(p.state, p.os, &p.arena, &report, &err), EFF_OK);
    assert_int_equal(report.damages, 0);
    assert_int_equal(report.parts[0].notes, 1);
    assert_int_equal(report.parts[report.count - 1].notes, 3);
    place_close(&p);
}

static void
purge_takes_one_sync_alone(void **unused)
{
    struct eff_state_purge purge;
    struct eff_err err = {0};
    struct eff_file *lock;
    struct place p;

    (void)unused;
    place_open(&p);
    place_fill(&p);
    p.syncs[0] = (struct eff_sync_conf){.name = EFF_STR("contacts"), .enabled = true};
    p.project.syncs = p.syncs;
    p.project.syncs_count = 1;
    assert_int_equal(
        eff_run_state_purge(&p.project, p.os, EFF_STR("contacts"), true, &p.arena, &purge, &err),
        EFF_CONFIG);
    assert_int_equal(eff_run_state_purge(&p.project, p.os, EFF_STR("../state/orders"), true,
                                         &p.arena, &purge, &err),
                     EFF_CONFIG);
    p.syncs[0].enabled = false;
    assert_int_equal(
        eff_run_state_purge(&p.project, p.os, EFF_STR("contacts"), false, &p.arena, &purge, &err),
        EFF_OK);
    assert_int_equal(purge.rows, 5000);
    assert_true(purge.open_run);
    assert_int_equal(place_damages(&p, p.state, NULL), 0);
    assert_int_equal(p.os->lock(p.os->self, path_of(&p, p.state, "contacts/lock"), &lock, &err),
                     EFF_OK);
    assert_int_equal(
        eff_run_state_purge(&p.project, p.os, EFF_STR("contacts"), true, &p.arena, &purge, &err),
        EFF_CONFIG);
    p.os->close(lock);
    assert_int_equal(
        eff_run_state_purge(&p.project, p.os, EFF_STR("contacts"), true, &p.arena, &purge, &err),
        EFF_OK);
    assert_false(p.os->exists(p.os->self, path_of(&p, p.state, "contacts")));
    assert_true(p.os->exists(p.os->self, path_of(&p, p.state, "orders")));
    assert_int_equal(place_damages(&p, p.state, NULL), 0);
    assert_int_equal(
        eff_run_state_purge(&p.project, p.os, EFF_STR("contacts"), true, &p.arena, &purge, &err),
        EFF_CONFIG);
    place_close(&p);
}

/* ---- while others write ---- */

/* One run after the other, as far as the state sees it. */
static void
writer_loop(struct place *p, int ready)
{
    for (uint64_t generation = 1;; generation++) {
        struct eff_control *control = place_control(p);
        char id[32];
        struct eff_file *lock;
        struct eff_err err = {0};

        snprintf(id, sizeof id, "01J%010llu", (unsigned long long)generation);
        if (p->os->lock(p->os->self, path_of(p, p->state, "orders/lock"), &lock, &err) == EFF_OK) {
            place_run(p, control, "orders", id, false, generation, place_changes(p, "orders", id));
            place_snapshot(p, "orders", 10 + generation % 7, generation, false);
            place_run(p, control, "orders", id, true, generation, 0);
            unlink(path_of(p, p->state, eff_str_printf(&p->arena, "orders/changes-%s", id).ptr));
            p->os->close(lock);
        } else {
            generation--;
        }
        eff_control_close(control);
        eff_arena_reset(&p->arena);
        p->state = path_of(p, p->folder, "state");
        if (write(ready, "x", 1) != 1)
            _exit(1);
        usleep(10000);
    }
}

static void
an_export_is_one_moment(void **unused)
{
    struct eff_state_report report;
    struct eff_err err = {0};
    struct eff_os *real;
    struct eff_export first = {0}, export;
    int ready[2];
    struct place p;
    pid_t child;
    char byte;

    (void)unused;
    place_open(&p);
    assert_int_equal(eff_os_real(&p.arena, &real, &err), EFF_OK);
    place_fill(&p);
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); // A failed assertion jumps past the kill below.
        writer_loop(&p, ready[1]);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    for (int i = 0; i < 15; i++) {
        struct eff_arena here = p.arena;
        struct eff_control *control;
        struct eff_run_row run;
        bool found;

        if (eff_run_state_export(&p.project, real, p.out, EFF_STR("0"), 60000, &p.arena, &export,
                                 &err) != EFF_OK)
            fail_msg("export: %s", err.msg);
        assert_int_equal(eff_export_verify(real, p.out, &export, p.arena, &err), EFF_OK);
        assert_int_equal(eff_run_state_check(p.out, real, &p.arena, &report, &err), EFF_OK);
        assert_int_equal(report.damages, 0);
        assert_int_equal(eff_control_open(real, p.out, true, true, &p.arena, &control, &err),
                         EFF_OK);
        assert_int_equal(
            eff_control_newest_plan(control, EFF_STR("orders"), &p.arena, &found, &run, &err),
            EFF_OK);
        assert_int_equal(run.state, EFF_RUN_CLOSED);
        assert_int_equal(run.generation + 1, export.syncs[1].generation);
        eff_control_close(control);
        if (i == 0)
            first = export;
        testos_remove(p.out);
        p.arena.used = here.used > p.arena.used ? here.used : p.arena.used;
    }
    assert_true(export.syncs[1].generation > first.syncs[1].generation);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    close(ready[0]);
    eff_os_real_close(real);
    place_close(&p);
}

static void
a_sync_that_runs_is_waited_for(void **unused)
{
    struct eff_err err = {0};
    struct eff_export export;
    struct eff_file *lock;
    struct eff_os *real;
    struct place p;
    int64_t began;

    (void)unused;
    place_open(&p);
    assert_int_equal(eff_os_real(&p.arena, &real, &err), EFF_OK);
    place_fill(&p);
    assert_int_equal(real->lock(real->self, path_of(&p, p.state, "orders/lock"), &lock, &err),
                     EFF_OK);
    began = real->mono_ms(real->self);
    assert_int_equal(
        eff_run_state_export(&p.project, real, p.out, EFF_STR("0"), 300, &p.arena, &export, &err),
        EFF_TRANSIENT);
    assert_true(real->mono_ms(real->self) - began >= 300);
    assert_non_null(strstr(err.msg, "orders"));
    real->close(lock);
    assert_int_equal(real->lock(real->self, path_of(&p, p.state, "contacts/lock"), &lock, &err),
                     EFF_OK); // It holds none of the others.
    real->close(lock);
    assert_int_equal(
        eff_run_state_export(&p.project, real, p.out, EFF_STR("0"), 300, &p.arena, &export, &err),
        EFF_OK); // Into the folder that it made before.
    eff_os_real_close(real);
    place_close(&p);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_export_is_a_state_and_comes_back),
        cmocka_unit_test(what_is_there_is_never_replaced),
        cmocka_unit_test(a_changed_export_is_refused_with_the_name),
        cmocka_unit_test(a_manifest_names_nothing_outside),
        cmocka_unit_test(an_import_that_dies_is_refused_or_whole),
        cmocka_unit_test(an_export_that_dies_is_refused_or_whole),
        cmocka_unit_test(check_finds_each_damage),
        cmocka_unit_test(check_finds_what_does_not_belong_together),
        cmocka_unit_test(purge_takes_one_sync_alone),
        cmocka_unit_test(an_export_is_one_moment),
        cmocka_unit_test(a_sync_that_runs_is_waited_for),
    };

    return cmocka_run_group_tests_name("state_export", tests, NULL, NULL);
}
