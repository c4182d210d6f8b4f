/*
 * run/state: the state that a run works on: folder, lock, control, secrets.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/crash.h"
#include "base/json.h"
#include "base/ulid.h"
#include "run/sync.h"
#include "run/verbs.h"

#define STATE_LOCK_PATIENCE_MS 200 /* a killed process is about to let go */
#define STATE_LOCK_EVERY_MS    20

static enum eff_fault
state_lock_patiently(struct eff_sync_run *r, const char *path, struct eff_err *err)
{
    const struct eff_response *ignored;
    int64_t now = r->os->mono_ms(r->os->self), until = now + STATE_LOCK_PATIENCE_MS;
    enum eff_fault fault;

    while ((fault = r->os->lock(r->os->self, path, &r->lock, err)) == EFF_CONFIG && now < until &&
           r->os->go_on(r->os->self)) {
        r->os->next(r->os->self, now + STATE_LOCK_EVERY_MS, &ignored);
        now = r->os->mono_ms(r->os->self);
    }
    return fault;
}

static enum eff_fault
state_lock(struct eff_sync_run *r, struct eff_err *err)
{
    const char *path = eff_str_printf(&r->run, "%s/lock", r->folder).ptr;
    enum eff_fault fault = state_lock_patiently(r, path, err);
    char owner[32];

    if (fault != EFF_CONFIG || err->code == 0)
        return fault;
    r->run_id = EFF_STR_NONE; // It never began: the last run is the one that is under way.
    EFF_FAIL(err, EFF_CONFIG, "sync " EFF_STR_FMT " is already running, in %s",
             EFF_STR_ARG(r->sync->name), eff_os_lock_owner(err->code, owner));
    return eff_err_hint(err, "Wait until it has finished: `efferent status` shows when.");
}

static bool
state_takes_scratch(struct eff_sync_run *r, const char *folder)
{
    struct eff_err ignored = {0};
    struct eff_file *file;

    if (r->os->open(r->os->self, folder, EFF_OPEN_UNNAMED | EFF_OPEN_WRITE, &file, &ignored) !=
        EFF_OK)
        return false;
    r->os->close(file);
    return true;
}

/*
 * Scratch files are unnamed: a plan leaves nothing behind wherever it makes them. It
 * needs no right to write here: an export, or a project, may be somebody else's.
 */
static const char *
state_scratch(struct eff_sync_run *r)
{
    const char *folder, *elsewhere = getenv("TMPDIR");

    if (r->has_folder)
        folder = r->folder;
    else if (r->os->exists(r->os->self, r->state_folder))
        folder = r->state_folder;
    else
        folder = eff_str_c(&r->run, r->project->root);
    if (!r->options->plan || state_takes_scratch(r, folder))
        return folder;
    return elsewhere && elsewhere[0] ? elsewhere : "/tmp";
}

static void
state_secret(struct eff_sync_run *r)
{
    uint64_t words[4];

    if (r->hand->has_secret)
        memcpy(r->state.secret, r->hand->secret, sizeof r->hand->secret);
    memcpy(r->hand->secret, r->state.secret, sizeof r->hand->secret);
    r->hand->has_secret = true;
    memcpy(words, r->state.secret, sizeof words);
    r->secret = (struct eff_row_secret){.key = {words[0], words[1]}, .seed = words[2]};
}

bool
eff_run_log_left(struct eff_os *os, const char *state_folder, struct eff_arena scratch)
{
    return os->exists(os->self, eff_str_printf(&scratch, "%s/control.db-wal", state_folder).ptr);
}

void
eff_run_name(struct eff_sync_run *r, int64_t wall_ms)
{
    char *text = eff_new(&r->run, char, EFF_ULID_LEN + 1);
    unsigned char random[10];

    r->os->random(r->os->self, random, sizeof random);
    eff_ulid_write(wall_ms, random, text);
    r->run_id = (eff_str){text, EFF_ULID_LEN};
}

/* Files are applied in the order of their names, which are ids: they rise even when the clock falls. */
static enum eff_fault
state_rise(struct eff_sync_run *r, struct eff_err *err)
{
    eff_str last;
    int64_t last_ms;

    if (!r->control)
        return EFF_OK;
    EFF_TRY(eff_run_older_look(r, err));
    last = eff_str_cmp(r->older, r->newest) > 0 ? r->older : r->newest;
    if (eff_str_cmp(last, r->run_id) >= 0 && eff_ulid_ms(last, &last_ms))
        eff_run_name(r, last_ms + 1);
    return EFF_OK;
}

enum eff_fault
eff_run_open_state(struct eff_sync_run *r, struct eff_err *err)
{
    bool plan = r->options->plan, log_left;
    eff_str folder = r->options->state.ptr ? r->options->state : r->project->state;

    r->state_folder = eff_str_c(&r->run, folder);
    r->folder =
        eff_str_printf(&r->run, "%s/" EFF_STR_FMT, r->state_folder, EFF_STR_ARG(r->sync->name)).ptr;
    log_left = eff_run_log_left(r->os, r->state_folder, r->run);
    EFF_TRY(eff_control_open(r->os, r->state_folder, r->project->state_must_exist, plan, &r->run,
                             &r->control, err));
    EFF_CRASH_AT("state.opened");
    /*
     * A process may have died within a commit: visible, but not on the disk. Nothing
     * may be built on it, or removed because of it, before it cannot vanish again.
     */
    if (!plan && log_left)
        EFF_TRY(eff_control_flush(r->control, err));
    if (!plan) {
        const char *lock = eff_str_printf(&r->run, "%s/lock", r->folder).ptr;
        bool is_new = !r->os->exists(r->os->self, lock);

        EFF_TRY(r->os->mkdir(r->os->self, r->folder, err));
        EFF_CRASH_AT("state.folder");
        if (is_new) /* until its first file is there, its name may not be durable */
            EFF_TRY(eff_os_sync_parent(r->os, r->folder, err));
        EFF_TRY(state_lock(r, err));
        EFF_CRASH_AT("state.locked");
    }
    r->has_folder = r->os->exists(r->os->self, r->folder);
    r->scratch = state_scratch(r);
    EFF_TRY(eff_control_sync(r->control, r->os, r->sync->name, &r->run, &r->state, err));
    state_secret(r);
    EFF_TRY(state_rise(r, err));
    return eff_control_forgotten(r->control, r->sync->name, &r->run, &r->forgotten_count,
                                 &r->forgotten, err);
}

const char *
eff_run_changes_path(struct eff_sync_run *r, eff_str run_id)
{
    return eff_str_printf(&r->run, "%s/changes-" EFF_STR_FMT, r->folder, EFF_STR_ARG(run_id)).ptr;
}

/* ---- identity: what must not change while there is a snapshot ---- */

static eff_str
state_identity(struct eff_sync_run *r, eff_str reader)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    eff_str identity;

    eff_json_begin_object(&w);
    eff_json_field_strs(&w, "key", r->mapping.key_count, r->mapping.key_names);
    eff_json_field_strs(&w, "match", r->dest_sync.match_count, r->dest_sync.match_names);
    eff_json_field_str(&w, "object", r->sync->object);
    eff_json_field_str(&w, "account", r->dest->account);
    if (r->sync->mode == EFF_MODE_MEMBERS) /* what is kept of a row is of another kind */
        eff_json_field_str(&w, "mode", EFF_STR("members"));
    if (reader.ptr) /* this and what follows may change: guards.c and types.c look at it */
        eff_json_field_str(&w, "reader", reader);
    eff_run_types_write(r, &w);
    eff_json_end_object(&w);
    identity = eff_str_copy(&r->run, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return identity;
}

/* A destination may have been called by another name by an earlier version. */
static bool
state_account_before(struct eff_sync_run *r, const char *part, const struct eff_json *before)
{
    return strcmp(part, "account") == 0 && r->dest->account_before.len > 0 &&
           eff_str_eq(eff_json_str(before), r->dest->account_before);
}

static const char *
state_identity_differs(struct eff_sync_run *r)
{
    static const char *const parts[] = {"key", "match", "object", "account", "mode", NULL};
    const struct eff_json *before, *now;
    struct eff_err ignored = {0};

    if (eff_json_parse(r->state.identity, &r->run, &before, &ignored) != EFF_OK ||
        eff_json_parse(r->identity, &r->run, &now, &ignored) != EFF_OK)
        return "identity";
    for (size_t i = 0; parts[i]; i++) {
        struct eff_buf a = {0}, b = {0};
        bool equal;

        if (state_account_before(r, parts[i], eff_json_get(before, eff_str_of(parts[i]))))
            continue;
        eff_json_print(&a, eff_json_get(before, eff_str_of(parts[i])), false);
        eff_json_print(&b, eff_json_get(now, eff_str_of(parts[i])), false);
        equal = eff_str_eq(eff_buf_str(&a), eff_buf_str(&b));
        eff_buf_free(&a);
        eff_buf_free(&b);
        if (!equal)
            return parts[i];
    }
    return NULL;
}

static void
state_read_before(struct eff_sync_run *r)
{
    const struct eff_json *before;
    struct eff_err ignored = {0};

    if (!r->state.identity.ptr ||
        eff_json_parse(r->state.identity, &r->run, &before, &ignored) != EFF_OK)
        return;
    r->reader_before = eff_json_str(eff_json_get(before, EFF_STR("reader")));
    r->types_before = eff_json_get(before, EFF_STR("types"));
}

/* A reader who seems to see fewer rows is taken for the right one only by an approval. */
void
eff_run_renew_identity(struct eff_sync_run *r)
{
    bool stays = r->reader_before.ptr && (r->partial || r->hold_removals || !r->reader.ptr);

    r->identity = state_identity(r, stays ? r->reader_before : r->reader);
}

enum eff_fault
eff_run_check_identity(struct eff_sync_run *r, struct eff_err *err)
{
    const char *differs;

    state_read_before(r);
    r->identity = state_identity(r, r->reader);
    if (!r->state.identity.ptr || r->snapshot_rows == 0)
        return EFF_OK;
    differs = state_identity_differs(r);
    if (!differs)
        return eff_run_check_types(r, err);
    EFF_FAIL(err, EFF_CONFIG,
             "the %s of sync " EFF_STR_FMT
             " is not what it was when its %llu rows were delivered; going on would remove or "
             "duplicate them all",
             differs, EFF_STR_ARG(r->sync->name), (unsigned long long)r->snapshot_rows);
    eff_err_hint(err, "Change it back, or `efferent reset " EFF_STR_FMT "` to start anew.",
                 EFF_STR_ARG(r->sync->name));
    return eff_err_where(err, r->sync->place.file, r->sync->place.line, r->sync->place.column);
}

/* Nothing of what was never planned has been sent; and it may be what filled the disk. */
static void
state_close_writer(struct eff_sync_run *r)
{
    struct eff_err ignored = {0};

    if (!r->writer)
        return;
    eff_changes_writer_close(r->writer);
    if (!r->options->plan)
        r->os->unlink(r->os->self, eff_run_changes_path(r, r->run_id), &ignored);
}

void
eff_run_close(struct eff_sync_run *r)
{
    eff_run_claims_close(r);
    eff_run_twins_close(r);
    eff_run_moves_close(r);
    eff_buf_free(&r->amiss);
    if (r->diff)
        eff_diff_close(r->diff);
    state_close_writer(r);
    eff_changes_close(r->changes);
    if (r->snapshot)
        eff_snapshot_close(r->snapshot);
    if (r->source)
        r->source->ops->close(r->source);
    if (r->dest && r->dest->ops->close)
        r->dest->ops->close(r->dest);
    eff_control_close(r->control);
    r->os->close(r->lock);
    eff_arena_deinit(&r->batch);
    eff_arena_deinit(&r->run);
}
