/*
 * run/older: the mark beside the state, and what a state that is older than it means for a run.
 */
#include "run/older.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/crash.h"
#include "base/ulid.h"
#include "run/sync.h"

#define OLDER_NAME_BYTES  16
#define OLDER_STEP_DIGITS 6
#define OLDER_MARK_BYTES  (EFF_ULID_LEN + OLDER_STEP_DIGITS + 2)

/* ---- the mark ---- */

static const char *
older_path(const struct eff_project *project, const struct eff_sync_state *state,
           struct eff_arena *arena)
{
    eff_str secret = {(const char *)state->secret, sizeof state->secret};
    struct eff_sha256 name = eff_hmac_sha256(secret, project->state);

    return eff_str_printf(arena, EFF_STR_FMT "/" EFF_STR_FMT, EFF_STR_ARG(project->marks),
                          EFF_STR_ARG(eff_hex(arena, name.bytes, OLDER_NAME_BYTES)))
        .ptr;
}

struct eff_mark
eff_older_mark(struct eff_os *os, const struct eff_project *project,
               const struct eff_sync_state *state, struct eff_arena *arena)
{
    struct eff_err ignored = {0};
    struct eff_mark mark = {0};
    struct eff_file *file;
    char text[OLDER_MARK_BYTES];
    eff_str all, run, step;
    size_t len = 0;
    uint64_t number;
    int64_t ms;

    if (!project->marks.ptr || os->open(os->self, older_path(project, state, arena), EFF_OPEN_READ,
                                        &file, &ignored) != EFF_OK)
        return mark;
    if (os->read(file, 0, text, sizeof text, &len, &ignored) != EFF_OK)
        len = 0;
    os->close(file);
    all = eff_str_copy(arena, (eff_str){text, len});
    if (len == sizeof text && text[len - 1] == '\n' &&
        eff_str_cut(eff_str_sub(all, 0, len - 1), ' ', &run, &step) && eff_ulid_ms(run, &ms) &&
        eff_str_uint(step, &number))
        mark = (struct eff_mark){run, number};
    return mark;
}

/* An earlier process may have died before what it made was durable. */
static void
older_make_folders(struct eff_os *os, eff_str folder, struct eff_arena scratch)
{
    struct eff_err ignored = {0};

    for (size_t i = 1; i <= folder.len; i++)
        if (i == folder.len || folder.ptr[i] == '/') {
            const char *path = eff_str_c(&scratch, eff_str_sub(folder, 0, i));

            os->mkdir(os->self, path, &ignored);
            eff_os_sync_parent(os, path, &ignored);
        }
}

/*
 * Durable before anything is sent, as far as that can be had. The name is so before there is text
 * in the file: one that reads back needs no more. Written over in place: it is smaller than a
 * sector, and only who has the lock of the sync writes it.
 */
void
eff_older_mark_write(struct eff_os *os, const struct eff_project *project,
                     const struct eff_sync_state *state, struct eff_mark mark,
                     struct eff_arena scratch)
{
    char text[OLDER_MARK_BYTES + 1];
    struct eff_err ignored = {0};
    struct eff_file *file;
    const char *path;
    bool is_new;

    if (!project->marks.ptr)
        return;
    path = older_path(project, state, &scratch);
    is_new = !eff_older_mark(os, project, state, &scratch).run.ptr;
    if (is_new)
        older_make_folders(os, project->marks, scratch);
    if (os->open(os->self, path, EFF_OPEN_WRITE | EFF_OPEN_CREATE, &file, &ignored) != EFF_OK)
        return;
    if (is_new)
        eff_os_sync_parent(os, path, &ignored);
    snprintf(text, sizeof text, EFF_STR_FMT " %0*u\n", EFF_STR_ARG(mark.run), OLDER_STEP_DIGITS,
             (unsigned)(mark.step % 1000000));
    if (os->write(file, 0, text, OLDER_MARK_BYTES, &ignored) == EFF_OK)
        os->sync(file, &ignored);
    os->close(file);
    EFF_CRASH_AT("older.marked");
}

/* ---- a run ---- */

/* first the mark: beside a plan, a run writes it once the state has that run */
enum eff_fault
eff_run_older_look(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_mark mark = eff_older_mark(r->os, r->project, &r->state, &r->run);
    uint64_t step;
    int order;

    EFF_TRY(eff_control_newest(r->control, r->sync->name, &r->run, &r->newest, &step, err));
    EFF_TRY(eff_control_older(r->control, r->sync->name, &r->run, &r->older, &r->older_told, err));
    order = eff_str_cmp(mark.run, r->newest);
    if (!mark.run.ptr || order < 0 || (order == 0 && mark.step <= step) || r->options->state.ptr)
        return EFF_OK;
    r->older = mark.run;
    r->older_told = false;
    return r->options->plan
               ? EFF_OK
               : eff_control_older_save(r->control, r->sync->name, mark.run, false, err);
}

/* This process goes on with that run, or has ended it. */
void
eff_run_older_mark(struct eff_sync_run *r, eff_str run, bool ended)
{
    eff_older_mark_write(r->os, r->project, &r->state,
                         (struct eff_mark){run, 2 * r->times_resumed + ended}, r->run);
    r->marked = !ended;
}

bool
eff_run_makes_anew(const struct eff_sync_run *r, enum eff_op op)
{
    enum eff_class class = r->limits[op].class;

    return op == EFF_OP_CREATE || op == EFF_OP_APPEND ||
           (op != EFF_OP_NONE && (class == EFF_CLASS_BLIND || class == EFF_CLASS_LOOKUP));
}

/*
 * A complete run finds all that an upsert may have forgotten, because sending it again does no
 * harm. Of rows that would be made anew nobody can say so, but a person, or a look at each.
 */
static bool
older_is_over(const struct eff_sync_run *r)
{
    if (r->look)
        return r->look->adopt;
    if (r->partial)
        return false;
    return r->approved ||
           (!r->hold_removals && !eff_run_makes_anew(r, eff_plan_write_op(r->sync->mode, true)));
}

enum eff_fault
eff_run_older_over(struct eff_sync_run *r, struct eff_err *err)
{
    if (!r->older.ptr || !older_is_over(r))
        return EFF_OK;
    EFF_TRY(eff_control_older_save(r->control, r->sync->name, EFF_STR_NONE, false, err));
    r->older = EFF_STR_NONE;
    return EFF_OK;
}

/* ---- what the snapshot says ---- */

/* What changed since and changed back would look unchanged. */
static bool
older_can_send_all(const struct eff_sync_run *r)
{
    enum eff_op op = eff_plan_write_op(r->sync->mode, false);

    return op != EFF_OP_NONE && !eff_run_makes_anew(r, op);
}

static enum eff_fault
older_walk(struct eff_sync_run *r, struct eff_snapshot *snapshot,
           struct eff_snapshot_writer *writer, struct eff_err *err)
{
    struct eff_arena scratch = r->run;
    struct eff_snapshot_cursor *cursor;
    struct eff_snapshot_head head;
    const struct eff_entry *entries;
    const eff_str *identities;
    size_t count;

    EFF_TRY(eff_snapshot_cursor_open(snapshot, false, &scratch, &cursor, err));
    do {
        EFF_TRY(eff_snapshot_cursor_next(cursor, &count, &entries, &identities, err));
        for (size_t i = 0; i < count; i++) {
            struct eff_entry unknown = {.key = entries[i].key, .row = EFF_ENTRY_UNKNOWN};

            EFF_TRY(eff_snapshot_set(writer, &unknown, EFF_STR_NONE, err));
        }
    } while (count > 0);
    return eff_snapshot_commit(writer, &head, err);
}

static enum eff_fault
older_write(struct eff_sync_run *r, struct eff_snapshot *snapshot, struct eff_err *err)
{
    const struct eff_snapshot_head *head = eff_snapshot_head(snapshot);
    struct eff_snapshot_writer *writer;
    enum eff_fault fault;

    if (head->entries.count == 0)
        return EFF_OK;
    EFF_TRY(eff_snapshot_writer_open(r->os, r->folder, snapshot, head->columns, head->columns_count,
                                     head->identities, (size_t)r->sync->memory_bytes, &r->run,
                                     &writer, err));
    fault = older_walk(r, snapshot, writer, err);
    eff_snapshot_writer_close(writer);
    return fault;
}

enum eff_fault
eff_run_older_forget(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_snapshot *snapshot;
    enum eff_fault fault;

    if (!r->older.ptr || r->older_told || r->options->plan || r->look || !older_can_send_all(r))
        return EFF_OK;
    EFF_TRY(eff_snapshot_open(r->os, r->folder, &r->run, &snapshot, err));
    fault = older_write(r, snapshot, err);
    eff_snapshot_close(snapshot);
    EFF_TRY(fault);
    return eff_control_older_save(r->control, r->sync->name, r->older, true, err);
}

/* ---- what is told ---- */

static eff_str
older_time(struct eff_sync_run *r, eff_str run)
{
    char text[EFF_TIME_TEXT_MAX];
    int64_t ms;

    if (!eff_ulid_ms(run, &ms))
        return EFF_STR("no run");
    return eff_str_printf(
        &r->run, "run " EFF_STR_FMT " of " EFF_STR_FMT, EFF_STR_ARG(run),
        EFF_STR_ARG(((eff_str){text, eff_datetime_text(ms / 1000 * 1000000, 0, true, text)})));
}

static eff_str
older_what(struct eff_sync_run *r)
{
    eff_str lacks = older_time(r, r->older), newest = older_time(r, r->newest);

    if (eff_str_cmp(r->newest, r->older) >= 0) /* it had that run, not its end; or others since */
        return eff_str_printf(
            &r->run, "the state was put back from a backup: it lacks what " EFF_STR_FMT " has sent",
            EFF_STR_ARG(lacks));
    return eff_str_printf(&r->run,
                          "the state is older than what was delivered: it ends with " EFF_STR_FMT
                          ", and " EFF_STR_FMT " has sent rows",
                          EFF_STR_ARG(newest), EFF_STR_ARG(lacks));
}

void
eff_run_older_held(struct eff_sync_run *r)
{
    eff_str name = r->sync->name, what = older_what(r);
    uint64_t rows = r->anew.count + r->removals.count;
    bool append = r->sync->mode == EFF_MODE_APPEND;

    eff_report_problem(
        r->report, "EFF2141", EFF_ROW, rows,
        eff_str_printf(&r->run,
                       EFF_STR_FMT "; %llu rows would be sent as new ones, perhaps again, and "
                                   "%llu removed: they are held",
                       EFF_STR_ARG(what), (unsigned long long)r->anew.count,
                       (unsigned long long)r->removals.count),
        eff_str_printf(
            &r->run,
            "`efferent adopt " EFF_STR_FMT
            "%s` takes %s as delivered. To let exactly these pass: efferent approve " EFF_STR_FMT
            " " EFF_STR_FMT ", then run again.",
            EFF_STR_ARG(name), append ? " --unseen" : "",
            append ? "all rows of the model" : "what is over there", EFF_STR_ARG(name),
            EFF_STR_ARG(r->report->plan)),
        EFF_STR_NONE);
    r->report->held += rows;
}

void
eff_run_older_note(struct eff_sync_run *r)
{
    bool all = older_can_send_all(r);

    eff_report_problem(
        r->report, "EFF2142", EFF_OK, 0,
        eff_str_printf(&r->run, EFF_STR_FMT "; %s", EFF_STR_ARG(older_what(r)),
                       all ? "what it says of its rows is not believed: a run sends all once more"
                           : "no row of the model could be one that was sent already"),
        all ? EFF_STR("Records of rows that came and went since the backup stay over there: nobody "
                      "knows of them.")
            : EFF_STR("Rows that come are held until `efferent adopt`, `approve` or `reset`."),
        EFF_STR_NONE);
}
