/*
 * run/verbs: the operator's verbs: look, retry, approve, start anew.
 *
 * Looking opens the state read-only; what changes something refuses while the sync
 * runs. Status takes a lock that nobody has for as long as it looks: a run that
 * begins just then waits for it.
 */
#include "run/verbs.h"
#include "base/clock.h"
#include "base/crash.h"
#include "run/acts.h"
#include "run/older.h"
#include "state/history.h"

#define VERBS_APPROVAL_MS  ((int64_t)7 * 24 * 3600 * 1000)
#define VERBS_ACTS_MOST    10
#define VERBS_HISTORY_MOST 50
#define VERBS_REPORTS_MOST 20

static const char *const verbs_states[] = {
    [EFF_LEDGER_REJECTED] = "rejected",
    [EFF_LEDGER_HELD] = "held",
    [EFF_LEDGER_INVALID] = "invalid",
    [EFF_LEDGER_PENDING] = "pending",
};

/* ---- opening ---- */

enum eff_fault
eff_verbs_open(struct eff_verbs *v, const struct eff_project *project,
               const struct eff_sync_conf *sync, struct eff_os *os, bool writes,
               struct eff_arena *arena, struct eff_err *err)
{
    bool log_left;

    *v = (struct eff_verbs){.project = project, .sync = sync, .os = os, .arena = arena};
    v->state_folder = eff_str_c(arena, project->state);
    v->folder =
        eff_str_printf(arena, "%s/" EFF_STR_FMT, v->state_folder, EFF_STR_ARG(sync->name)).ptr;
    if (writes && !os->exists(os->self, v->folder)) {
        EFF_FAIL(err, EFF_CONFIG, "sync " EFF_STR_FMT " has not run yet", EFF_STR_ARG(sync->name));
        return eff_err_hint(err, "`efferent run " EFF_STR_FMT "` is its first run.",
                            EFF_STR_ARG(sync->name));
    }
    if (writes)
        EFF_TRY(eff_verbs_lock(v, err));
    log_left = eff_run_log_left(os, v->state_folder, *arena);
    EFF_TRY(eff_control_open(os, v->state_folder, project->state_must_exist, !writes, arena,
                             &v->control, err));
    if (writes && log_left) /* what is seen there may not be on the disk: see eff_run_open_state */
        EFF_TRY(eff_control_flush(v->control, err));
    return eff_control_sync(v->control, os, sync->name, arena, &v->state, err);
}

enum eff_fault
eff_verbs_lock(struct eff_verbs *v, struct eff_err *err)
{
    const char *path = eff_str_printf(v->arena, "%s/lock", v->folder).ptr;
    enum eff_fault fault = v->os->lock(v->os->self, path, &v->lock, err);
    char owner[32];

    if (fault != EFF_CONFIG || err->code == 0)
        return fault;
    EFF_FAIL(err, EFF_CONFIG, "sync " EFF_STR_FMT " is running, in %s", EFF_STR_ARG(v->sync->name),
             eff_os_lock_owner(err->code, owner));
    return eff_err_hint(err, "Wait until it has finished.");
}

void
eff_verbs_close(struct eff_verbs *v)
{
    eff_snapshot_close(v->snapshot);
    eff_control_close(v->control);
    v->os->close(v->lock);
}

enum eff_fault
eff_verbs_snapshot(struct eff_verbs *v, uint64_t *ret_rows, struct eff_err *err)
{
    *ret_rows = 0;
    if (!v->os->exists(v->os->self, v->folder))
        return EFF_OK;
    EFF_TRY(eff_snapshot_open(v->os, v->folder, v->arena, &v->snapshot, err));
    *ret_rows = eff_snapshot_head(v->snapshot)->entries.count;
    return EFF_OK;
}

/* ---- writing ---- */

static void
verbs_time(struct eff_json_writer *w, const char *name, int64_t ms)
{
    char text[EFF_TIME_TEXT_MAX];

    if (ms > 0)
        eff_json_field_str(w, name, (eff_str){text, eff_datetime_text(ms * 1000, 0, true, text)});
}

static void
verbs_text(struct eff_json_writer *w, const char *name, eff_str text)
{
    if (text.len > 0)
        eff_json_field_str(w, name, text);
}

static void
verbs_raw(struct eff_json_writer *w, const char *name, eff_str json)
{
    if (json.len == 0)
        return;
    eff_json_key(w, eff_str_of(name));
    eff_json_write_raw(w, json);
}

/* ---- rows ---- */

static void
verbs_write_row(struct eff_json_writer *w, const struct eff_ledger_row *row)
{
    eff_json_begin_object(w);
    verbs_raw(w, "key", row->key_json);
    eff_json_field_str(w, "state", eff_str_of(verbs_states[row->state]));
    eff_json_field_int(w, "rows", (int64_t)row->rows);
    eff_json_field_str(w, "operation", eff_str_of(eff_op_name(row->op)));
    verbs_text(w, "code", row->code);
    if (row->fault != EFF_OK)
        eff_json_field_str(w, "fault", eff_str_of(eff_fault_name(row->fault)));
    verbs_text(w, "message", row->message);
    verbs_text(w, "field", row->field);
    verbs_raw(w, "sent", row->sent);
    eff_json_field_int(w, "tries", row->tries);
    verbs_time(w, "first_seen", row->first_seen_ms);
    verbs_time(w, "last", row->last_ms);
    verbs_time(w, "next_try", row->next_try_ms);
    verbs_text(w, "run", row->run);
    eff_json_end_object(w);
}

static void
verbs_write_history(struct eff_json_writer *w, const struct eff_history_row *rows, size_t count)
{
    eff_json_key(w, EFF_STR("history"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        eff_json_begin_object(w);
        eff_json_field_str(w, "run", rows[i].run);
        verbs_time(w, "time", rows[i].when_ms);
        eff_json_field_str(w, "operation", eff_str_of(eff_op_name(rows[i].op)));
        eff_json_field_str(w, "outcome", eff_str_of(eff_outcome_name(rows[i].outcome)));
        verbs_text(w, "remote_id", rows[i].remote_id);
        eff_json_key(w, EFF_STR("fields"));
        eff_json_begin_array(w);
        for (size_t f = 0; f < rows[i].fields_count; f++)
            eff_json_write_str(w, rows[i].fields[f]);
        eff_json_end_array(w);
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
}

struct verbs_found {
    struct eff_verbs *verbs;
    bool delivered, in_ledger;
    struct eff_ledger_row row;
    size_t history_count;
    struct eff_history_row *history;
};

/* One form of the key. One that only the history knows is what it was before: others may be better. */
static enum eff_fault
verbs_look(void *self, struct eff_hash128 key, bool *ret_found, struct eff_err *err)
{
    struct verbs_found *found = self;
    struct eff_verbs *v = found->verbs;
    struct eff_arena scratch = *v->arena; /* there may be thousands of forms */
    struct eff_history_row *history = NULL;
    struct eff_entry entry;
    size_t count = 0;

    if (v->snapshot)
        EFF_TRY(
            eff_snapshot_find(v->snapshot, key, &found->delivered, &entry, &scratch, NULL, err));
    if (v->control)
        EFF_TRY(eff_control_ledger_get(v->control, v->sync->name, key, v->arena, &found->in_ledger,
                                       &found->row, err));
    *ret_found = found->delivered || found->in_ledger;
    scratch = *v->arena;
    if (v->os->exists(v->os->self, v->folder))
        EFF_TRY(eff_history_find(v->os, v->folder, key, VERBS_HISTORY_MOST, &scratch, &count,
                                 &history, err));
    if (*ret_found || count > 0) {
        *v->arena = scratch;
        found->history_count = count;
        found->history = history;
    }
    return EFF_OK;
}

static enum eff_fault
verbs_rows(struct eff_verbs *v, eff_str key, struct eff_json_writer *w, struct eff_err *err)
{
    struct verbs_found found = {.verbs = v};
    uint64_t rows;
    eff_str json;

    EFF_TRY(eff_verbs_snapshot(v, &rows, err));
    EFF_TRY(eff_verbs_key(v, key, verbs_look, &found, &json, err));
    eff_json_begin_object(w);
    eff_json_field_str(w, "sync", v->sync->name);
    verbs_raw(w, "key", found.in_ledger && found.row.key_json.len > 0 ? found.row.key_json : json);
    eff_json_field_str(w, "state",
                       found.in_ledger           ? eff_str_of(verbs_states[found.row.state])
                       : found.delivered         ? EFF_STR("delivered")
                       : found.history_count > 0 ? EFF_STR("removed")
                                                 : EFF_STR("unknown"));
    eff_json_key(w, EFF_STR("delivered"));
    eff_json_write_bool(w, found.delivered);
    if (found.in_ledger) {
        eff_json_key(w, EFF_STR("open"));
        verbs_write_row(w, &found.row);
    }
    verbs_write_history(w, found.history, found.history_count);
    eff_json_end_object(w);
    return EFF_OK;
}

enum eff_fault
eff_run_rows(const struct eff_project *project, const struct eff_sync_conf *sync, struct eff_os *os,
             eff_str key, struct eff_arena *arena, struct eff_json_writer *w, struct eff_err *err)
{
    struct eff_verbs v;
    enum eff_fault fault = eff_verbs_open(&v, project, sync, os, false, arena, err);

    if (fault == EFF_OK)
        fault = verbs_rows(&v, key, w, err);
    eff_verbs_close(&v);
    return fault;
}

/* ---- ledger ---- */

struct verbs_listing {
    struct eff_json_writer *w;
    uint64_t count, most;
};

static bool
verbs_list_row(void *self, const struct eff_ledger_row *row)
{
    struct verbs_listing *listing = self;

    verbs_write_row(listing->w, row);
    listing->count++;
    return listing->most == 0 || listing->count < listing->most;
}

static void
verbs_write_open(struct eff_json_writer *w, const uint64_t counts[EFF_LEDGER_PENDING + 1])
{
    eff_json_key(w, EFF_STR("open"));
    eff_json_begin_object(w);
    for (int state = EFF_LEDGER_REJECTED; state <= EFF_LEDGER_PENDING; state++)
        eff_json_field_int(w, verbs_states[state], (int64_t)counts[state]);
    eff_json_end_object(w);
}

static enum eff_fault
verbs_ledger(struct eff_verbs *v, uint64_t most, struct eff_json_writer *w, struct eff_err *err)
{
    uint64_t counts[EFF_LEDGER_PENDING + 1] = {0};
    struct verbs_listing listing = {.w = w, .most = most};

    if (v->control)
        EFF_TRY(eff_control_ledger_count(v->control, v->sync->name, counts, err));
    eff_json_begin_object(w);
    eff_json_field_str(w, "sync", v->sync->name);
    verbs_write_open(w, counts);
    eff_json_key(w, EFF_STR("rows"));
    eff_json_begin_array(w);
    if (v->control)
        EFF_TRY(eff_control_ledger_each(v->control, v->sync->name, 0, v->arena, verbs_list_row,
                                        &listing, err));
    eff_json_end_array(w);
    eff_json_end_object(w);
    return EFF_OK;
}

enum eff_fault
eff_run_ledger(const struct eff_project *project, const struct eff_sync_conf *sync,
               struct eff_os *os, uint64_t most, struct eff_arena *arena, struct eff_json_writer *w,
               struct eff_err *err)
{
    struct eff_verbs v;
    enum eff_fault fault = eff_verbs_open(&v, project, sync, os, false, arena, err);

    if (fault == EFF_OK)
        fault = verbs_ledger(&v, most, w, err);
    eff_verbs_close(&v);
    return fault;
}

/* ---- status ---- */

static bool
verbs_is_running(struct eff_verbs *v)
{
    struct eff_err held = {0};

    return v->os->exists(v->os->self, v->folder) && eff_verbs_lock(v, &held) == EFF_CONFIG;
}

/* An open run is either under way or was left behind by a death: the lock tells. */
static enum eff_fault
verbs_write_open_run(struct eff_verbs *v, bool running, struct eff_json_writer *w,
                     struct eff_err *err)
{
    struct eff_run_row run;
    bool found;

    EFF_TRY(eff_control_open_run(v->control, v->sync->name, v->arena, &found, &run, err));
    if (!found)
        return EFF_OK;
    eff_json_key(w, EFF_STR("open_run"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "run", run.id);
    verbs_time(w, "started", run.started_ms);
    eff_json_key(w, EFF_STR("running"));
    eff_json_write_bool(w, running);
    eff_json_end_object(w);
    return EFF_OK;
}

static enum eff_fault
verbs_write_last_run(struct eff_verbs *v, struct eff_json_writer *w, struct eff_err *err)
{
    struct eff_run_row run;
    bool found;

    EFF_TRY(eff_control_last_run(v->control, v->sync->name, v->arena, &found, &run, err));
    if (!found)
        return EFF_OK;
    eff_json_key(w, EFF_STR("last_run"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "run", run.id);
    verbs_time(w, "started", run.started_ms);
    verbs_time(w, "ended", run.ended_ms);
    verbs_raw(w, "report", run.report);
    eff_json_end_object(w);
    return EFF_OK;
}

static enum eff_fault
verbs_write_acts(struct eff_verbs *v, struct eff_json_writer *w, struct eff_err *err)
{
    eff_str acts[VERBS_ACTS_MOST];
    size_t count;

    EFF_TRY(eff_control_reports(v->control, v->sync->name, EFF_RUN_ACT, VERBS_ACTS_MOST, v->arena,
                                &count, acts, err));
    if (count == 0)
        return EFF_OK;
    eff_json_key(w, EFF_STR("acts"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < count; i++)
        eff_json_write_raw(w, acts[i]);
    eff_json_end_array(w);
    return EFF_OK;
}

static enum eff_fault
verbs_status(struct eff_verbs *v, struct eff_json_writer *w, struct eff_err *err)
{
    uint64_t counts[EFF_LEDGER_PENDING + 1] = {0}, rows;
    bool running = verbs_is_running(v);

    EFF_TRY(eff_verbs_snapshot(v, &rows, err));
    if (v->control)
        EFF_TRY(eff_control_ledger_count(v->control, v->sync->name, counts, err));
    eff_json_begin_object(w);
    eff_json_field_str(w, "sync", v->sync->name);
    eff_json_key(w, EFF_STR("enabled"));
    eff_json_write_bool(w, v->sync->enabled);
    eff_json_key(w, EFF_STR("running"));
    eff_json_write_bool(w, running);
    eff_json_field_int(w, "rows", (int64_t)rows);
    verbs_write_open(w, counts);
    verbs_raw(w, "fields_held", v->state.fields_held);
    if (v->control) {
        EFF_TRY(verbs_write_last_run(v, w, err));
        EFF_TRY(verbs_write_open_run(v, running, w, err));
        EFF_TRY(verbs_write_acts(v, w, err));
    }
    eff_json_end_object(w);
    return EFF_OK;
}

enum eff_fault
eff_run_status(const struct eff_project *project, const struct eff_sync_conf *sync,
               struct eff_os *os, struct eff_arena *arena, struct eff_json_writer *w,
               struct eff_err *err)
{
    struct eff_verbs v;
    enum eff_fault fault = eff_verbs_open(&v, project, sync, os, false, arena, err);

    if (fault == EFF_OK)
        fault = verbs_status(&v, w, err);
    eff_verbs_close(&v);
    return fault;
}

/* ---- what changes something ---- */

enum eff_fault
eff_run_retry(const struct eff_project *project, const struct eff_sync_conf *sync,
              struct eff_os *os, struct eff_arena *arena, uint64_t *ret_rows, struct eff_err *err)
{
    struct eff_verbs v;
    enum eff_fault fault = eff_verbs_open(&v, project, sync, os, true, arena, err);

    if (fault == EFF_OK)
        fault = eff_control_ledger_due(v.control, sync->name, os->wall_ms(os->self), ret_rows, err);
    eff_verbs_close(&v);
    return fault;
}

static enum eff_fault
verbs_check_digest(eff_str digest, struct eff_err *err)
{
    unsigned char bytes[4];

    if (digest.len == 2 * sizeof bytes && eff_unhex(digest, bytes, sizeof bytes))
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, "`" EFF_STR_FMT "` is no digest of a plan", EFF_STR_ARG(digest));
    return eff_err_hint(err,
                        "It has eight digits, as in 3f9a27c1; the run that held the plan names "
                        "it.");
}

/*
 * What the last run held; one that failed before it could hold anything is passed over. Not
 * known where it is not closed, or its report could not be kept: then the person is believed,
 * since an approval lets nothing pass but the plan of that digest.
 */
static enum eff_fault
verbs_held(struct eff_verbs *v, bool *ret_known, eff_str *ret_digest, struct eff_err *err)
{
    eff_str reports[VERBS_REPORTS_MOST];
    const struct eff_json *report;
    struct eff_run_row run;
    bool is_open;
    size_t count;

    *ret_digest = EFF_STR_NONE;
    EFF_TRY(eff_control_open_run(v->control, v->sync->name, v->arena, &is_open, &run, err));
    EFF_TRY(eff_control_reports(v->control, v->sync->name, EFF_RUN_CLOSED, VERBS_REPORTS_MOST,
                                v->arena, &count, reports, err));
    *ret_known = !is_open;
    for (size_t i = 0; i < count && *ret_known; i++) {
        *ret_known = reports[i].len > 0;
        if (!*ret_known)
            return EFF_OK;
        EFF_TRY(eff_json_parse(reports[i], v->arena, &report, err));
        *ret_digest = eff_json_str(eff_json_get(report, EFF_STR("plan")));
        if (ret_digest->len > 0 ||
            !eff_str_is(eff_json_str(eff_json_get(report, EFF_STR("status"))), "failed"))
            return EFF_OK;
    }
    return EFF_OK;
}

static enum eff_fault
verbs_approve(struct eff_verbs *v, eff_str digest, struct eff_err *err)
{
    eff_str held, name = v->sync->name;
    bool known;

    EFF_TRY(verbs_held(v, &known, &held, err));
    if (known && held.len == 0) {
        EFF_FAIL(err, EFF_CONFIG, "sync " EFF_STR_FMT " holds nothing that could be approved",
                 EFF_STR_ARG(name));
        return eff_err_hint(err, "`efferent run " EFF_STR_FMT "` tells what a guard holds.",
                            EFF_STR_ARG(name));
    }
    if (known && !eff_str_eq(held, digest)) {
        EFF_FAIL(err, EFF_CONFIG,
                 "sync " EFF_STR_FMT " does not hold " EFF_STR_FMT ", but " EFF_STR_FMT,
                 EFF_STR_ARG(name), EFF_STR_ARG(digest), EFF_STR_ARG(held));
        return eff_err_hint(err,
                            "Look at it first: `efferent plan " EFF_STR_FMT
                            "`. If it is right: efferent approve " EFF_STR_FMT " " EFF_STR_FMT,
                            EFF_STR_ARG(name), EFF_STR_ARG(name), EFF_STR_ARG(held));
    }
    return eff_control_approve(v->control, name, digest,
                               v->os->wall_ms(v->os->self) + VERBS_APPROVAL_MS, err);
}

enum eff_fault
eff_run_approve(const struct eff_project *project, const struct eff_sync_conf *sync,
                struct eff_os *os, eff_str digest, struct eff_arena *arena, struct eff_err *err)
{
    struct eff_verbs v;
    enum eff_fault fault;

    EFF_TRY(verbs_check_digest(digest, err));
    fault = eff_verbs_open(&v, project, sync, os, true, arena, err);
    if (fault == EFF_OK)
        fault = verbs_approve(&v, digest, err);
    eff_verbs_close(&v);
    return fault;
}

/*
 * All but the lock, which is ours, and the history, which tells what was. From the last
 * name on: a snapshot goes before the identities that it needs.
 */
static enum eff_fault
verbs_remove_files(struct eff_verbs *v, struct eff_err *err)
{
    size_t count;
    eff_str *names;

    EFF_TRY(v->os->list(v->os->self, v->folder, v->arena, &count, &names, err));
    for (size_t i = count; i-- > 0;) {
        if (eff_str_is(names[i], "lock") || eff_str_starts(names[i], EFF_STR("history-")))
            continue;
        EFF_CRASH_AT("reset.removing");
        EFF_TRY(v->os->unlink(
            v->os->self,
            eff_str_printf(v->arena, "%s/" EFF_STR_FMT, v->folder, EFF_STR_ARG(names[i])).ptr,
            err));
    }
    return v->os->sync_dir(v->os->self, v->folder, err);
}

/* Runs are closed first: an open run without its change file could not be resumed. */
static enum eff_fault
verbs_reset(struct eff_verbs *v, bool really, uint64_t *ret_rows, struct eff_err *err)
{
    struct eff_run_row act;
    struct eff_err ignored = {0};

    if (eff_verbs_snapshot(v, ret_rows, &ignored) != EFF_OK)
        *ret_rows = 0; // Damaged: a reason to reset, not one to refuse.
    eff_snapshot_close(v->snapshot);
    v->snapshot = NULL;
    if (!really)
        return EFF_OK;
    act = eff_act_row(v->os, v->sync->name, "reset", *ret_rows, v->arena);
    EFF_TRY(eff_control_sync_reset(v->control, &act, err));
    eff_older_mark_write(v->os, v->project, &v->state, (struct eff_mark){.run = act.id}, *v->arena);
    return verbs_remove_files(v, err);
}

enum eff_fault
eff_run_reset(const struct eff_project *project, const struct eff_sync_conf *sync,
              struct eff_os *os, bool really, struct eff_arena *arena, uint64_t *ret_rows,
              struct eff_err *err)
{
    struct eff_verbs v;
    enum eff_fault fault = eff_verbs_open(&v, project, sync, os, true, arena, err);

    if (fault == EFF_OK)
        fault = verbs_reset(&v, really, ret_rows, err);
    eff_verbs_close(&v);
    return fault;
}
