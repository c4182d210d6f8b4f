/*
 * run/verbs_state: export, import and purge: the files of state/, and the locks of the syncs.
 */
#include "run/verbs_state.h"

#include "base/crash.h"
#include "state/control.h"
#include "state/snapshot.h"

#define STATE_POLL_MS 5 /* a sync that runs again and again lets go for moments only */

/* ---- export ---- */

struct exporting {
    const struct eff_project *project;
    struct eff_os *os;
    struct eff_arena *arena;
    const char *state, *folder;
    int64_t until_mono;
    struct eff_control *control;
    size_t count;
    eff_str *names;
    struct eff_file **locks;
    struct eff_export_files **files;
    struct eff_export *export_;
};

static const char *
state_path(struct eff_arena *arena, const char *folder, eff_str name)
{
    return eff_str_printf(arena, "%s/" EFF_STR_FMT, folder, EFF_STR_ARG(name)).ptr;
}

static enum eff_fault
state_none(const char *folder, struct eff_err *err)
{
    EFF_FAIL(err, EFF_CONFIG, "there is no state in %s yet", folder);
    return eff_err_hint(err, "It begins with the first `efferent run`.");
}

/* New or empty. Not inside of the state: the next check would find it there. */
static enum eff_fault
export_make_folder(struct exporting *ex, struct eff_err *err)
{
    struct eff_arena scratch = *ex->arena;
    struct eff_os *os = ex->os;
    size_t count;
    eff_str *names;
    eff_str inside = eff_str_printf(&scratch, "%s/", ex->state);

    if (eff_str_starts(eff_str_of(ex->folder), inside) || strcmp(ex->folder, ex->state) == 0) {
        EFF_FAIL(err, EFF_CONFIG, "the export cannot lie in the state folder %s", ex->state);
        return eff_err_hint(err, "Name a folder elsewhere, best on another disk.");
    }
    EFF_TRY(os->list(os->self, ex->folder, &scratch, &count, &names, err));
    if (count > 0) {
        EFF_FAIL(err, EFF_CONFIG, "%s is not empty", ex->folder);
        return eff_err_hint(err, "Name a new folder: an export never replaces another one.");
    }
    return os->mkdir(os->self, ex->folder, err);
}

static void
export_unlock(struct exporting *ex)
{
    for (size_t i = 0; i < ex->count; i++) {
        ex->os->close(ex->locks[i]);
        ex->locks[i] = NULL;
    }
}

static enum eff_fault
export_busy(eff_str sync, struct eff_err *err)
{
    char owner[32];

    EFF_FAIL(err, EFF_TRANSIENT,
             "sync " EFF_STR_FMT " runs, in %s: its state cannot be exported meanwhile",
             EFF_STR_ARG(sync), eff_os_lock_owner(err->code, owner));
    return eff_err_hint(err, "Export again when it has finished; nothing was written.");
}

/* All or none. A sync that has no folder has nothing to lock either. */
static enum eff_fault
export_lock(struct exporting *ex, bool *ret_busy, struct eff_err *err)
{
    struct eff_os *os = ex->os;

    *ret_busy = false;
    for (size_t i = 0; i < ex->count; i++) {
        struct eff_arena here = *ex->arena;
        const char *folder = state_path(&here, ex->state, ex->names[i]);
        enum eff_fault fault;

        if (!os->exists(os->self, folder))
            continue;
        fault = os->lock(os->self, state_path(&here, folder, EFF_STR("lock")), &ex->locks[i], err);
        if (fault == EFF_OK)
            continue;
        export_unlock(ex);
        if (fault != EFF_CONFIG || err->code == 0)
            return fault;
        *ret_busy = true;
        return export_busy(ex->names[i], err);
    }
    return EFF_OK;
}

static enum eff_fault
export_names(struct exporting *ex, struct eff_err *err)
{
    EFF_TRY(eff_control_syncs(ex->control, ex->arena, &ex->count, &ex->names, err));
    ex->locks = eff_new(ex->arena, struct eff_file *, ex->count);
    ex->files = eff_new(ex->arena, struct eff_export_files *, ex->count);
    for (size_t i = 0; i < ex->count; i++)
        if (!eff_export_sync_name(ex->names[i]))
            return EFF_FAIL(err, EFF_BROKEN, "%s names a sync as no sync can be named", ex->state);
    return EFF_OK;
}

/* Nothing is locked while it waits: an export must not make a run fail that could go on. */
static enum eff_fault
export_lock_wait(struct exporting *ex, struct eff_err *err)
{
    struct eff_os *os = ex->os;

    for (;;) {
        const struct eff_response *none;
        int64_t now;
        bool busy;
        enum eff_fault fault;

        EFF_TRY(export_names(ex, err));
        fault = export_lock(ex, &busy, err);
        now = os->mono_ms(os->self);
        if (!busy || now >= ex->until_mono)
            return fault;
        os->next(os->self, now + STATE_POLL_MS, &none);
        if (!os->go_on(os->self))
            return EFF_FAIL(err, EFF_TRANSIENT, "stopped while waiting for a sync that runs");
    }
}

static enum eff_fault
export_open_sync(struct exporting *ex, size_t i, struct eff_err *err)
{
    struct eff_run_row run = {0};
    bool found;

    EFF_TRY(eff_control_open_run(ex->control, ex->names[i], ex->arena, &found, &run, err));
    return eff_export_open(ex->os, state_path(ex->arena, ex->state, ex->names[i]), ex->names[i],
                           found ? run.id : EFF_STR_NONE, ex->arena, &ex->files[i],
                           &ex->export_->syncs[i], err);
}

/* Under the locks: the control file is copied, the other files are opened. */
static enum eff_fault
export_moment(struct exporting *ex, struct eff_err *err)
{
    const char *copy = state_path(ex->arena, ex->folder, EFF_STR(EFF_EXPORT_UNFINISHED));

    ex->export_->when_ms = ex->os->wall_ms(ex->os->self);
    ex->export_->syncs_count = ex->count;
    ex->export_->syncs = eff_new(ex->arena, struct eff_export_sync, ex->count);
    EFF_TRY(eff_control_copy(ex->control, ex->os, copy, err));
    EFF_CRASH_AT("export.control_copied");
    for (size_t i = 0; i < ex->count; i++)
        EFF_TRY(export_open_sync(ex, i, err));
    return EFF_OK;
}

/* A sync that ran for the first time meanwhile is in the copy, but was not locked. */
static enum eff_fault
export_is_new(struct exporting *ex, bool *ret_new, struct eff_err *err)
{
    size_t count;
    eff_str *names;

    EFF_TRY(eff_control_syncs(ex->control, ex->arena, &count, &names, err));
    *ret_new = count != ex->count;
    for (size_t i = 0; i < count && !*ret_new; i++)
        *ret_new = !eff_str_eq(names[i], ex->names[i]);
    return EFF_OK;
}

static void
export_close(struct exporting *ex)
{
    for (size_t i = 0; i < ex->count; i++)
        eff_export_close(ex->files[i]);
    export_unlock(ex);
}

static enum eff_fault
export_freeze(struct exporting *ex, struct eff_err *err)
{
    for (;;) {
        bool new = false;
        enum eff_fault fault;

        EFF_TRY(export_lock_wait(ex, err));
        fault = export_moment(ex, err);
        if (fault == EFF_OK)
            fault = export_is_new(ex, &new, err);
        export_unlock(ex);
        if (fault != EFF_OK || !new)
            return fault;
        export_close(ex);
        EFF_TRY(ex->os->unlink(
            ex->os->self, state_path(ex->arena, ex->folder, EFF_STR(EFF_EXPORT_UNFINISHED)), err));
    }
}

/* The control file gets its name when all that it needs is there. */
static enum eff_fault
export_copy(struct exporting *ex, struct eff_err *err)
{
    const char *control = state_path(ex->arena, ex->folder, EFF_STR(EFF_EXPORT_CONTROL));
    const char *unfinished = state_path(ex->arena, ex->folder, EFF_STR(EFF_EXPORT_UNFINISHED));
    struct eff_os *os = ex->os;

    for (size_t i = 0; i < ex->count; i++) {
        struct eff_arena here = *ex->arena;

        if (!os->go_on(os->self))
            return EFF_FAIL(err, EFF_TRANSIENT, "the export was stopped; it is incomplete");
        EFF_TRY(eff_export_copy(ex->files[i], &ex->export_->syncs[i],
                                state_path(&here, ex->folder, ex->names[i]), here, err));
    }
    ex->export_->control.name = EFF_STR(EFF_EXPORT_CONTROL);
    EFF_TRY(eff_export_digest(os, unfinished, *ex->arena, &ex->export_->control, err));
    EFF_TRY(os->sync_dir(os->self, ex->folder, err));
    EFF_CRASH_AT("export.copied");
    EFF_TRY(os->rename(os->self, unfinished, control, err));
    EFF_CRASH_AT("export.control_named");
    return eff_export_commit(os, ex->folder, ex->export_, err);
}

static enum eff_fault
export_all(struct exporting *ex, struct eff_err *err)
{
    enum eff_fault fault;

    if (!ex->os->exists(ex->os->self,
                        state_path(ex->arena, ex->state, EFF_STR(EFF_EXPORT_CONTROL))))
        return state_none(ex->state, err);
    // Not read-only: SQLite must know of those that write meanwhile.
    EFF_TRY(eff_control_open(ex->os, ex->state, true, false, ex->arena, &ex->control, err));
    EFF_TRY(export_make_folder(ex, err));
    fault = export_freeze(ex, err);
    if (fault == EFF_OK)
        fault = export_copy(ex, err);
    export_close(ex);
    return fault;
}

enum eff_fault
eff_run_state_export(const struct eff_project *project, struct eff_os *os, const char *folder,
                     eff_str version, int64_t wait_ms, struct eff_arena *arena,
                     struct eff_export *ret_export, struct eff_err *err)
{
    struct exporting ex = {
        .project = project,
        .os = os,
        .arena = arena,
        .state = eff_str_c(arena, project->state),
        .folder = folder,
        .until_mono = os->mono_ms(os->self) + wait_ms,
        .export_ = ret_export,
    };
    enum eff_fault fault;

    *ret_export = (struct eff_export){
        .efferent = version, .project = project->name, .target = project->target};
    fault = export_all(&ex, err);
    eff_control_close(ex.control);
    return fault;
}

/* ---- import ---- */

enum eff_fault
eff_run_state_import(const struct eff_project *project, struct eff_os *os, const char *folder,
                     struct eff_arena *arena, struct eff_export *ret_export, struct eff_err *err)
{
    const char *state = eff_str_c(arena, project->state);

    if (project->state_must_exist && !os->exists(os->self, state)) {
        EFF_FAIL(err, EFF_CONFIG, "the state folder %s does not exist", state);
        return eff_err_hint(err, "Mount it, or make it: `must_exist` is set.");
    }
    EFF_TRY(eff_export_read(os, folder, arena, ret_export, err));
    EFF_TRY(eff_export_verify(os, folder, ret_export, *arena, err));
    return eff_import(os, folder, ret_export, state, *arena, err);
}

/* ---- purge ---- */

struct purging {
    struct eff_os *os;
    struct eff_arena *arena;
    const char *folder;
    eff_str sync;
    struct eff_control *control;
    struct eff_file *lock;
    size_t count;
    eff_str *names;
};

static enum eff_fault
purge_allowed(const struct eff_project *project, eff_str sync, struct eff_err *err)
{
    for (size_t i = 0; i < project->syncs_count; i++) {
        if (!eff_str_eq(project->syncs[i].name, sync) || !project->syncs[i].enabled)
            continue;
        EFF_FAIL(err, EFF_CONFIG, "sync " EFF_STR_FMT " is in the project: its state is in use",
                 EFF_STR_ARG(sync));
        return eff_err_hint(err,
                            "Remove the sync or switch it off first. To start it anew: efferent "
                            "reset " EFF_STR_FMT,
                            EFF_STR_ARG(sync));
    }
    return EFF_OK;
}

static enum eff_fault
purge_known(struct purging *p, struct eff_err *err)
{
    size_t count;
    eff_str *names;

    if (eff_export_sync_name(p->sync)) {
        if (p->os->exists(p->os->self, p->folder))
            return EFF_OK;
        EFF_TRY(eff_control_syncs(p->control, p->arena, &count, &names, err));
        for (size_t i = 0; i < count; i++)
            if (eff_str_eq(names[i], p->sync))
                return EFF_OK;
    }
    EFF_FAIL(err, EFF_CONFIG, "the state knows no sync `" EFF_STR_FMT "`", EFF_STR_ARG(p->sync));
    return eff_err_hint(err, "`efferent state check` lists those that it knows.");
}

static enum eff_fault
purge_lock(struct purging *p, struct eff_err *err)
{
    enum eff_fault fault;
    char owner[32];

    if (!p->os->exists(p->os->self, p->folder))
        return EFF_OK;
    fault =
        p->os->lock(p->os->self, state_path(p->arena, p->folder, EFF_STR("lock")), &p->lock, err);
    if (fault != EFF_CONFIG || err->code == 0)
        return fault;
    EFF_FAIL(err, EFF_CONFIG, "sync " EFF_STR_FMT " is running, in %s", EFF_STR_ARG(p->sync),
             eff_os_lock_owner(err->code, owner));
    return eff_err_hint(err, "Wait until it has finished.");
}

/* Damage is a reason to purge, not one to refuse. */
static void
purge_rows(struct purging *p, struct eff_state_purge *purge)
{
    struct eff_snapshot *snapshot;
    struct eff_err ignored = {0};

    if (!p->os->exists(p->os->self, p->folder))
        return;
    purge->unreadable =
        eff_snapshot_open(p->os, p->folder, p->arena, &snapshot, &ignored) != EFF_OK;
    if (purge->unreadable)
        return;
    purge->rows = eff_snapshot_head(snapshot)->entries.count;
    eff_snapshot_close(snapshot);
}

static enum eff_fault
purge_look(struct purging *p, struct eff_state_purge *purge, struct eff_err *err)
{
    uint64_t counts[EFF_LEDGER_PENDING + 1] = {0};
    struct eff_run_row run;

    EFF_TRY(p->os->list(p->os->self, p->folder, p->arena, &p->count, &p->names, err));
    purge->files = p->count;
    purge_rows(p, purge);
    EFF_TRY(eff_control_ledger_count(p->control, p->sync, counts, err));
    for (size_t i = 0; i <= EFF_LEDGER_PENDING; i++)
        purge->open_rows += counts[i];
    return eff_control_open_run(p->control, p->sync, p->arena, &purge->open_run, &run, err);
}

/* The control file first: a folder without it is found by check, and can be purged again. */
static enum eff_fault
purge_really(struct purging *p, struct eff_err *err)
{
    struct eff_os *os = p->os;

    EFF_TRY(eff_control_sync_purge(p->control, p->sync, err));
    for (size_t i = 0; i < p->count; i++) {
        EFF_CRASH_AT("purge.removing");
        if (!eff_str_is(p->names[i], "lock"))
            EFF_TRY(os->unlink(os->self, state_path(p->arena, p->folder, p->names[i]), err));
    }
    if (!os->exists(os->self, p->folder))
        return EFF_OK;
    EFF_TRY(os->unlink(os->self, state_path(p->arena, p->folder, EFF_STR("lock")), err));
    return os->rmdir(os->self, p->folder, err);
}

static enum eff_fault
purge_all(struct purging *p, const char *state, bool really, struct eff_state_purge *purge,
          struct eff_err *err)
{
    if (!p->os->exists(p->os->self, state_path(p->arena, state, EFF_STR(EFF_EXPORT_CONTROL))))
        return state_none(state, err);
    EFF_TRY(eff_control_open(p->os, state, true, false, p->arena, &p->control, err));
    EFF_TRY(purge_known(p, err));
    EFF_TRY(purge_lock(p, err));
    EFF_TRY(purge_look(p, purge, err));
    return really ? purge_really(p, err) : EFF_OK;
}

enum eff_fault
eff_run_state_purge(const struct eff_project *project, struct eff_os *os, eff_str sync, bool really,
                    struct eff_arena *arena, struct eff_state_purge *ret_purge, struct eff_err *err)
{
    const char *state = eff_str_c(arena, project->state);
    struct purging p = {.os = os, .arena = arena, .sync = sync};
    enum eff_fault fault;

    *ret_purge = (struct eff_state_purge){0};
    p.folder = state_path(arena, state, sync);
    EFF_TRY(purge_allowed(project, sync, err));
    fault = purge_all(&p, state, really, ret_purge, err);
    eff_control_close(p.control);
    os->close(p.lock);
    return fault;
}
