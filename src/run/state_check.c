/*
 * run/state_check: reads a whole state and says what does not fit.
 *
 * No lock is taken and nothing is written, so a run may change the state meanwhile:
 * a part with damage is looked at again when it is not what it was. Damage is what a
 * later run stumbles over, or would be misled by; what a run clears away by itself is
 * a note.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "run/share.h"
#include "run/verbs_state.h"
#include "state/changes.h"
#include "state/control.h"
#include "state/history.h"
#include "state/snapshot_file.h"

#define CHECK_FINDINGS 20 /* of a part that are kept */
#define CHECK_AGAIN    5
#define CHECK_WORK     ((size_t)1 << 32) /* addresses */

struct checking {
    struct eff_os *os;
    struct eff_arena *arena; /* of what is found */
    struct eff_arena work;   /* of what is read; reset per part */
    const char *state;
    struct eff_control *control; /* NULL: it cannot be read */
    size_t known_count;
    eff_str *known; /* syncs of the control file */
    struct eff_state_report *report;
    struct eff_state_checked *part; /* the one under way */
    const char *folder;             /* its */
    size_t count;
    eff_str *names; /* its files */
};

static void check_find(struct checking *c, bool damaged, eff_str file, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void
check_find(struct checking *c, bool damaged, eff_str file, const char *format, ...)
{
    struct eff_state_checked *part = c->part;
    char text[512];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    part->damages += damaged;
    part->notes += !damaged;
    if (part->findings_count == CHECK_FINDINGS)
        return;
    part->findings[part->findings_count++] = (struct eff_state_finding){
        .damaged = damaged,
        .file = eff_str_copy(c->arena, file),
        .message = eff_str_copy(c->arena, eff_str_of(text)),
    };
}

static const char *
check_path(struct eff_arena *arena, const char *folder, eff_str name)
{
    return eff_str_printf(arena, "%s/" EFF_STR_FMT, folder, EFF_STR_ARG(name)).ptr;
}

static void
check_part(struct checking *c, eff_str sync)
{
    *c->part = (struct eff_state_checked){
        .sync = eff_str_copy(c->arena, sync),
        .findings = eff_new(c->arena, struct eff_state_finding, CHECK_FINDINGS),
    };
}

static bool
check_knows(const struct checking *c, eff_str sync)
{
    for (size_t i = 0; i < c->known_count; i++)
        if (eff_str_eq(c->known[i], sync))
            return true;
    return false;
}

/* ---- the snapshot, with its identities ---- */

static enum eff_fault
check_entries(struct checking *c, struct eff_snapshot *snapshot, struct eff_err *err)
{
    const struct eff_snapshot_head *head = eff_snapshot_head(snapshot);
    struct eff_multiset entries = {0};
    struct eff_snapshot_cursor *cursor;
    struct eff_hash128 last = {0};
    bool sorted = true;
    size_t count;

    EFF_TRY(eff_snapshot_cursor_open(snapshot, head->identities, &c->work, &cursor, err));
    do {
        const struct eff_entry *at;
        const eff_str *identities;

        EFF_TRY(eff_snapshot_cursor_next(cursor, &count, &at, &identities, err));
        for (size_t i = 0; i < count; i++) {
            sorted = sorted && (entries.count == 0 || eff_hash128_cmp(last, at[i].key) < 0);
            last = at[i].key;
            eff_multiset_add(&entries, at[i]);
        }
    } while (count > 0);
    if (!sorted)
        check_find(c, true, EFF_STR("snapshot"), "its rows are not in order");
    if (!eff_multiset_eq(&entries, &head->entries))
        check_find(c, true, EFF_STR("snapshot"), "its rows are not those that its header counts");
    return EFF_OK;
}

static void
check_snapshot(struct checking *c)
{
    struct eff_snapshot *snapshot;
    struct eff_err err = {0};

    if (eff_snapshot_open(c->os, c->folder, &c->work, &snapshot, &err) != EFF_OK) {
        check_find(c, true, EFF_STR("snapshot"), "%s", err.msg);
        c->part->generation = UINT64_MAX; // There is one.
        return;
    }
    c->part->generation = eff_snapshot_head(snapshot)->generation;
    c->part->rows = eff_snapshot_head(snapshot)->entries.count;
    if (check_entries(c, snapshot, &err) != EFF_OK)
        check_find(c, true, EFF_STR("snapshot"), "%s", err.msg);
    eff_snapshot_close(snapshot);
}

/* ---- what the control file says about it ---- */

/* A closed run that delivered something has left a generation behind. */
static bool
check_delivered(struct checking *c, const struct eff_run_row *run)
{
    const struct eff_json *report;
    struct eff_err ignored = {0};
    int64_t delivered = 0;

    if (run->state != EFF_RUN_CLOSED || !run->report.ptr ||
        eff_json_parse(run->report, &c->work, &report, &ignored) != EFF_OK)
        return false;
    return eff_json_int(eff_json_get(report, EFF_STR("delivered")), &delivered) && delivered > 0;
}

static enum eff_fault
check_generation(struct checking *c, struct eff_err *err)
{
    struct eff_sync_state state;
    struct eff_run_row run;
    uint64_t expected;
    bool found;

    EFF_TRY(eff_control_sync(c->control, c->os, c->part->sync, &c->work, &state, err));
    EFF_TRY(eff_control_newest_plan(c->control, c->part->sync, &c->work, &found, &run, err));
    if (!found || !state.identity.ptr) // Never planned, or reset since.
        return EFF_OK;
    expected = run.generation + check_delivered(c, &run);
    if (c->part->generation >= expected)
        return EFF_OK;
    if (c->part->generation == 0)
        check_find(c, true, EFF_STR("snapshot"), "it is missing: generation %llu was written",
                   (unsigned long long)expected);
    else
        check_find(c, true, EFF_STR("snapshot"),
                   "it is of generation %llu, older than the control file, which knows %llu",
                   (unsigned long long)c->part->generation, (unsigned long long)expected);
    return EFF_OK;
}

static enum eff_fault
check_batches(struct checking *c, struct eff_changes *changes, struct eff_err *err)
{
    const struct eff_batch_ref *batches;
    size_t count = eff_changes_count(changes, &batches);

    for (size_t i = 0; i < count; i++) {
        struct eff_arena scratch = c->work;
        struct eff_delivery delivery;

        EFF_TRY(eff_changes_load(changes, i, &scratch, &delivery, NULL, err));
    }
    return EFF_OK;
}

static enum eff_fault
check_changes(struct checking *c, const struct eff_run_row *run, const char *path,
              struct eff_err *err)
{
    struct eff_changes *changes;
    enum eff_fault fault;

    if (!c->os->exists(c->os->self, path))
        return EFF_FAIL(err, EFF_BROKEN, "it is missing, and its run is open");
    EFF_TRY(eff_changes_open(c->os, path, &c->work, &changes, err));
    fault = eff_changes_digest(changes) == run->changes_digest
                ? check_batches(c, changes, err)
                : EFF_FAIL(err, EFF_BROKEN, "it is not the one that was planned");
    eff_changes_close(changes);
    return fault;
}

static enum eff_fault
check_open_run(struct checking *c, eff_str *ret_changes, struct eff_err *err)
{
    struct eff_err found_wrong = {0};
    struct eff_run_row run;

    *ret_changes = EFF_STR_NONE;
    EFF_TRY(
        eff_control_open_run(c->control, c->part->sync, &c->work, &c->part->open_run, &run, err));
    if (!c->part->open_run)
        return EFF_OK;
    *ret_changes = eff_str_printf(&c->work, "changes-" EFF_STR_FMT, EFF_STR_ARG(run.id));
    if (check_changes(c, &run, check_path(&c->work, c->folder, *ret_changes), &found_wrong) !=
        EFF_OK)
        check_find(c, true, *ret_changes, "%s", found_wrong.msg);
    return EFF_OK;
}

/* ---- the other files ---- */

static void
check_history(struct checking *c, eff_str name)
{
    struct eff_err err = {0};
    bool whole = false;

    if (eff_history_check(c->os, check_path(&c->work, c->folder, name), c->work, &whole, &err) !=
        EFF_OK) {
        check_find(c, err.code != ENOENT, name, "%s", err.msg);
        return;
    }
    if (!whole)
        check_find(c, true, name, "it ends within a record; it only tells what was delivered");
}

static void
check_name(struct checking *c, eff_str name, eff_str changes)
{
    uint64_t generation = 0;
    enum snapshot_name kind = eff_snapshot_name_read(name, &generation);

    if (kind == SNAPSHOT_NAME_LEFT_OVER || eff_str_ends(name, EFF_STR(".new")))
        check_find(c, false, name, "left over from an interrupted run; the next one removes it");
    else if (kind != SNAPSHOT_NAME_OTHER && generation < c->part->generation &&
             c->part->generation != UINT64_MAX)
        check_find(c, false, name, "an older generation; the next run removes it");
    else if (kind == SNAPSHOT_NAME_IDENTITIES && generation > c->part->generation)
        check_find(c, false, name, "of a generation that was not completed");
    else if (kind != SNAPSHOT_NAME_OTHER || eff_str_is(name, "lock"))
        return;
    else if (eff_str_starts(name, EFF_STR("history-")))
        check_history(c, name);
    else if (!eff_str_starts(name, EFF_STR("changes-")))
        check_find(c, false, name, "no part of a state");
    else if (!eff_str_eq(name, changes))
        check_find(c, false, name, "its run was never planned; the next run removes it");
}

static void
check_size(struct checking *c, eff_str name)
{
    struct eff_err ignored = {0};
    struct eff_file *file;
    uint64_t bytes = 0;

    if (c->os->open(c->os->self, check_path(&c->work, c->folder, name), EFF_OPEN_READ, &file,
                    &ignored) != EFF_OK)
        return;
    if (c->os->size(file, &bytes, &ignored) == EFF_OK)
        c->part->bytes += bytes;
    c->part->files++;
    c->os->close(file);
}

static void
check_files(struct checking *c, eff_str changes)
{
    for (size_t i = 0; i < c->count; i++) {
        if (!eff_str_is(c->names[i], "lock"))
            check_size(c, c->names[i]);
        check_name(c, c->names[i], changes);
    }
}

/* ---- a sync ---- */

static enum eff_fault
check_sync_once(struct checking *c, struct eff_err *err)
{
    eff_str changes = EFF_STR_NONE;

    EFF_TRY(c->os->list(c->os->self, c->folder, &c->work, &c->count, &c->names, err));
    check_snapshot(c);
    if (c->control && check_knows(c, c->part->sync)) {
        EFF_TRY(check_generation(c, err));
        EFF_TRY(check_open_run(c, &changes, err));
    } else if (c->control && c->part->generation > 0) {
        check_find(c, true, EFF_STR("snapshot"),
                   "the control file does not know this sync, so its rows cannot be recognised");
    }
    check_files(c, changes);
    if (c->part->generation == UINT64_MAX)
        c->part->generation = 0;
    return EFF_OK;
}

/* What changes with each run: a part that has another one now was looked at while it changed. */
static enum eff_fault
check_mark(struct checking *c, struct eff_buf *mark, struct eff_err *err)
{
    struct eff_arena scratch = c->work;
    struct eff_run_row run;
    bool found = false;
    size_t count;
    eff_str *names;

    eff_buf_reset(mark);
    EFF_TRY(c->os->list(c->os->self, c->folder, &scratch, &count, &names, err));
    for (size_t i = 0; i < count; i++)
        eff_buf_add_slice(mark, names[i]);
    if (!c->control)
        return EFF_OK;
    EFF_TRY(eff_control_newest_plan(c->control, c->part->sync, &scratch, &found, &run, err));
    if (found)
        eff_buf_addf(mark, EFF_STR_FMT " %d", EFF_STR_ARG(run.id), (int)run.state);
    return EFF_OK;
}

static enum eff_fault
check_sync_again(struct checking *c, eff_str sync, struct eff_buf *before, struct eff_buf *after,
                 struct eff_err *err)
{
    c->part = &c->report->parts[c->report->count++];
    c->folder = check_path(c->arena, c->state, sync);
    for (int i = 0; i < CHECK_AGAIN; i++) {
        eff_arena_reset(&c->work);
        check_part(c, sync);
        EFF_TRY(check_mark(c, before, err));
        EFF_TRY(check_sync_once(c, err));
        EFF_TRY(check_mark(c, after, err));
        if (c->part->damages == 0 || eff_str_eq(eff_buf_str(before), eff_buf_str(after)))
            break;
    }
    c->report->damages += c->part->damages;
    return EFF_OK;
}

static enum eff_fault
check_sync(struct checking *c, eff_str sync, struct eff_err *err)
{
    struct eff_buf before = {0}, after = {0};
    enum eff_fault fault = check_sync_again(c, sync, &before, &after, err);

    eff_buf_free(&before);
    eff_buf_free(&after);
    return fault;
}

/* ---- the control file, and the folder ---- */

static void
check_control(struct checking *c)
{
    eff_str lines[CHECK_FINDINGS];
    struct eff_err err = {0};
    size_t count = 0;

    if (eff_control_open(c->os, c->state, true, true, c->arena, &c->control, &err) == EFF_OK &&
        eff_control_integrity(c->control, c->arena, CHECK_FINDINGS, &count, lines, &err) ==
            EFF_OK &&
        eff_control_syncs(c->control, c->arena, &c->known_count, &c->known, &err) == EFF_OK) {
        for (size_t i = 0; i < count; i++)
            check_find(c, true, EFF_STR(EFF_EXPORT_CONTROL), EFF_STR_FMT, EFF_STR_ARG(lines[i]));
        return;
    }
    check_find(c, true, EFF_STR(EFF_EXPORT_CONTROL), "%s", err.msg);
    eff_control_close(c->control);
    c->control = NULL;
    c->known_count = 0;
}

/*
 * A database without a write-ahead log is read as it lies; when a log is there
 * afterwards, somebody wrote meanwhile, and what was read may be of two moments.
 */
static void
check_control_again(struct checking *c)
{
    const char *wal = check_path(c->arena, c->state, EFF_STR(EFF_EXPORT_CONTROL "-wal"));

    c->part = &c->report->parts[c->report->count++];
    for (int i = 0; i < CHECK_AGAIN; i++) {
        bool before = c->os->exists(c->os->self, wal);

        eff_control_close(c->control);
        c->control = NULL;
        check_part(c, EFF_STR_NONE);
        check_control(c);
        if (c->part->damages == 0 || before == c->os->exists(c->os->self, wal))
            break;
    }
    c->folder = c->state;
    check_size(c, EFF_STR(EFF_EXPORT_CONTROL));
    check_size(c, EFF_STR(EFF_EXPORT_CONTROL "-wal"));
}

/* An export vouches for its files. */
static void
check_export(struct checking *c)
{
    struct eff_err err = {0};
    struct eff_export export;

    c->report->export =
        c->os->exists(c->os->self, check_path(c->arena, c->state, EFF_STR(EFF_EXPORT_MANIFEST)));
    if (!c->report->export)
        return;
    if (eff_export_read(c->os, c->state, c->arena, &export, &err) != EFF_OK ||
        eff_export_verify(c->os, c->state, &export, c->work, &err) != EFF_OK)
        check_find(c, true, EFF_STR(EFF_EXPORT_MANIFEST), "%s", err.msg);
}

enum check_kind { CHECK_NOT_OURS, CHECK_OURS, CHECK_SYNC };

/* A folder of a sync, by what is in it; the state of another target is not looked into. */
static enum check_kind
check_kind(struct checking *c, eff_str name)
{
    struct eff_arena scratch = c->work;
    const char *path = check_path(&scratch, c->state, name);
    struct eff_err ignored = {0};
    size_t count;
    eff_str *names;

    if (eff_str_starts(name, EFF_STR(EFF_EXPORT_CONTROL)) ||
        eff_str_is(name, EFF_EXPORT_MANIFEST) || eff_str_is(name, EFF_IMPORT_STAGE) ||
        eff_str_starts(name, EFF_STR(EFF_SHARE_PREFIX)))
        return CHECK_OURS;
    if (!eff_export_sync_name(name) ||
        c->os->list(c->os->self, path, &scratch, &count, &names, &ignored) != EFF_OK)
        return CHECK_NOT_OURS;
    if (check_knows(c, name))
        return CHECK_SYNC;
    for (size_t i = 0; i < count; i++) {
        uint64_t generation;

        if (eff_str_is(names[i], EFF_EXPORT_CONTROL))
            return CHECK_OURS;
        if (eff_snapshot_name_read(names[i], &generation) != SNAPSHOT_NAME_OTHER ||
            eff_str_starts(names[i], EFF_STR("changes-")) ||
            eff_str_starts(names[i], EFF_STR("history-")) || eff_str_is(names[i], "lock"))
            return CHECK_SYNC;
    }
    return CHECK_NOT_OURS;
}

static enum eff_fault
check_folder(struct checking *c, struct eff_err *err)
{
    struct eff_state_checked *whole = c->part;
    size_t count;
    eff_str *names;

    EFF_TRY(c->os->list(c->os->self, c->state, c->arena, &count, &names, err));
    c->report->parts = eff_new(c->arena, struct eff_state_checked, count + c->known_count + 1);
    c->report->parts[0] = *whole;
    for (size_t i = 0; i < c->known_count; i++) // Those without a folder too.
        if (!c->os->exists(c->os->self, check_path(c->arena, c->state, c->known[i])))
            EFF_TRY(check_sync(c, c->known[i], err));
    for (size_t i = 0; i < count; i++) {
        switch (check_kind(c, names[i])) {
        case CHECK_SYNC:
            EFF_TRY(check_sync(c, names[i], err));
            break;
        case CHECK_NOT_OURS:
            c->part = &c->report->parts[0];
            check_find(c, false, names[i], "no part of a state");
            break;
        case CHECK_OURS:
            break;
        }
    }
    return EFF_OK;
}

static enum eff_fault
check_all(struct checking *c, struct eff_err *err)
{
    c->report->parts = eff_new(c->arena, struct eff_state_checked, 1);
    check_control_again(c);
    check_export(c);
    c->report->damages += c->part->damages;
    return check_folder(c, err);
}

/* Nothing is there, or nothing yet: only a half import or export is a fault. */
static enum eff_fault
check_none(struct checking *c, struct eff_err *err)
{
    size_t count;
    eff_str *names;

    EFF_TRY(eff_control_open(c->os, c->state, true, true, c->arena, &c->control, err));
    EFF_TRY(c->os->list(c->os->self, c->state, c->arena, &count, &names, err));
    for (size_t i = 0; i < count; i++)
        if (check_kind(c, names[i]) == CHECK_SYNC) {
            EFF_FAIL(err, EFF_BROKEN, "%s has syncs, but its " EFF_EXPORT_CONTROL " is missing",
                     c->state);
            return eff_err_hint(err, "Put it back from a backup or an export.");
        }
    return EFF_OK;
}

enum eff_fault
eff_run_state_check(const char *folder, struct eff_os *os, struct eff_arena *arena,
                    struct eff_state_report *ret_report, struct eff_err *err)
{
    struct checking c = {.os = os, .arena = arena, .state = folder, .report = ret_report};
    enum eff_fault fault;

    *ret_report = (struct eff_state_report){0};
    eff_arena_init(&c.work, "check", CHECK_WORK);
    ret_report->exists =
        os->exists(os->self, check_path(arena, folder, EFF_STR(EFF_EXPORT_CONTROL)));
    fault = ret_report->exists ? check_all(&c, err) : check_none(&c, err);
    eff_control_close(c.control);
    eff_arena_deinit(&c.work);
    return fault;
}
