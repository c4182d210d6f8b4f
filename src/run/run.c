/*
 * run/run: the stages of one sync, in order.
 */
#include "run/run.h"

#include "base/crash.h"
#include "record/record.h"
#include "run/acts.h"
#include "run/sync.h"

#define RUN_ARENA_BYTES ((size_t)4 << 30) /* addresses; what is touched is far less */
#define RUN_BATCH_BYTES ((size_t)2 << 30)

static void
run_hear(void *self, eff_str secret)
{
    struct eff_sync_run *r = self;

    eff_redact_learn(&r->redact, secret);
}

static void
run_start(struct eff_sync_run *r)
{
    eff_arena_init(&r->run, "run", RUN_ARENA_BYTES);
    eff_arena_init(&r->batch, "batch", RUN_BATCH_BYTES);
    eff_redact_init(&r->redact, &r->run, r->project->secrets_count, r->project->secrets);
    r->os->ear = (struct eff_ear){run_hear, r};
    r->started_mono = r->os->mono_ms(r->os->self);
    r->started_wall = r->os->wall_ms(r->os->self);
    r->look = r->options->look;
    r->hand = r->options->hand ? r->options->hand : &r->own_hand;
    r->partial = r->options->limit >= 0 || r->options->keys_count > 0 || r->look;
    r->rows_expected = -1;
    eff_run_name(r, r->started_wall);
    eff_run_stage(r, "connect");
}

/* ---- after the plan ---- */

static struct eff_run_row
run_row(struct eff_sync_run *r)
{
    struct eff_buf buf = {0};
    struct eff_run_row row = {
        .id = r->run_id,
        .sync = r->sync->name,
        .state = EFF_RUN_PLANNED,
        .started_ms = r->started_wall,
        .changes_digest = r->changes_digest,
        .generation = r->snapshot ? eff_snapshot_head(r->snapshot)->generation : 0,
    };

    eff_record_columns_write(&buf, r->columns_kept, r->columns_kept_count, r->with_identities);
    row.columns = eff_str_copy(&r->run, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return row;
}

static enum eff_fault
run_save_identity(struct eff_sync_run *r, struct eff_err *err)
{
    eff_run_renew_identity(r);
    r->state.identity = r->identity;
    if (!r->partial &&
        !r->hold_removals) // Held by their number, they stay held until it is mended.
        r->state.null_keys = r->null_keys;
    return eff_control_sync_save(r->control, r->sync->name, &r->state, err);
}

static void
run_add_counts(struct eff_report *report, const struct eff_counts *counts)
{
    report->delivered += counts->delivered;
    report->superseded += counts->superseded;
    report->rejected += counts->rejected;
    report->held += counts->held;
    report->pending += counts->pending;
}

/* PLAN is committed before the first byte leaves; what follows may be repeated after a death. */
static enum eff_fault
run_carry_out(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_run_row row = run_row(r);
    struct eff_counts counts = {0};
    struct eff_err later = {0};
    enum eff_fault fault;

    eff_changes_writer_close(r->writer);
    r->writer = NULL;
    EFF_TRY(run_save_identity(r, err));
    EFF_CRASH_AT("plan.before_commit");
    EFF_TRY(eff_control_plan(r->control, &row, err));
    EFF_CRASH_AT("plan.committed");
    EFF_TRY(eff_run_older_over(r, err));
    EFF_TRY(eff_changes_open(r->os, eff_run_changes_path(r, r->run_id), &r->run, &r->changes, err));
    fault = eff_run_deliver(r, r->run_id, &counts, err);
    run_add_counts(r->report, &counts);
    if (fault == EFF_BROKEN || r->unfinished)
        return fault;
    if (eff_run_record(r, &row, r->columns_kept, r->columns_kept_count, r->with_identities,
                       !r->partial, &later) != EFF_OK &&
        fault == EFF_OK) {
        *err = later;
        fault = later.fault;
    }
    return fault;
}

/* Source, mapping, contract and snapshot: all that must be known before the model is read. */
static enum eff_fault
run_prepare(struct eff_sync_run *r, struct eff_err *err)
{
    r->dest_sync.run = r->run_id;
    r->dest_sync.object = r->sync->object;
    EFF_TRY(eff_run_open_source(r, err));
    EFF_CRASH_AT("source.opened");
    EFF_TRY(eff_run_bind(r, 0, err));
    EFF_TRY(eff_run_contract(r, err));
    EFF_TRY(eff_run_bind(r, 0, err));
    EFF_TRY(eff_run_older_forget(r, err));
    EFF_TRY(eff_run_open_snapshot(r, err));
    EFF_CRASH_AT("snapshot.opened");
    return eff_run_check_identity(r, err);
}

static enum eff_fault
run_compare(struct eff_sync_run *r, struct eff_err *err)
{
    eff_run_stage(r, "read");
    EFF_TRY(eff_run_read(r, err));
    EFF_CRASH_AT("read.complete");
    eff_run_stage(r, "diff");
    EFF_TRY(eff_run_plan(r, err));
    return eff_run_flapping(r, err);
}

/* What dbt did not build well is not sent, and nothing else of this sync either; a plan tells. */
static bool
run_refused(struct eff_sync_run *r)
{
    if (r->sync->refused.ptr == NULL)
        return false;
    eff_report_problem(r->report, "EFF2013", EFF_CONFIG, 0, r->sync->refused, r->sync->refused_hint,
                       eff_place_text(&r->run, r->sync->model_place));
    r->report->failed = !r->options->plan;
    return r->report->failed;
}

static enum eff_fault
run_stages(struct eff_sync_run *r, struct eff_err *err)
{
    bool parked;

    if (run_refused(r))
        return EFF_OK;
    EFF_TRY(eff_run_open_state(r, err));
    EFF_TRY(eff_run_aside_open(r, err));
    EFF_TRY(eff_run_open_dest(r, err));
    EFF_TRY(eff_run_quota(r, &parked, err));
    if (parked)
        return EFF_OK;
    EFF_TRY(eff_run_resume(r, err));
    EFF_TRY(run_prepare(r, err));
    EFF_TRY(run_compare(r, err));
    if (r->options->plan) {
        eff_run_samples_before(r);
        eff_run_preview(r);
        return EFF_OK;
    }
    return run_carry_out(r, err);
}

/* ---- reporting ---- */

/* Nothing of the run's arena may stay in it. What was delivered is in the state. */
static void
run_lose_report(struct eff_sync_run *r, struct eff_arena *process)
{
    *r->report = (struct eff_report){.sync = r->sync->name,
                                     .run = eff_str_copy(process, r->run_id),
                                     .is_plan = r->report->is_plan,
                                     .arena = process};
    eff_report_problem(r->report, "EFF2008", EFF_BROKEN, 0,
                       EFF_STR("memory ended before the report was written"),
                       EFF_STR("Run again: what was not settled is settled first."), EFF_STR_NONE);
    r->report->failed = true;
    eff_report_close(r->report);
}

/* The run's arena ends here; what the report keeps moves to the caller's. */
static void
run_keep_report(struct eff_sync_run *r, struct eff_arena *process)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    const struct eff_json *json;
    struct eff_report kept = {0};
    struct eff_err err = {0};

    r->report->run = r->run_id;
    r->report->seconds = (double)(r->os->mono_ms(r->os->self) - r->started_mono) / 1000.0;
    eff_report_close(r->report);
    eff_report_write(&w, r->report);
    if (eff_json_parse(eff_str_copy(process, eff_buf_str(&buf)), process, &json, &err) == EFF_OK &&
        eff_report_read(json, process, &kept))
        *r->report = kept;
    else
        run_lose_report(r, process);
    eff_buf_free(&buf);
}

/*
 * Rows that were planned and never reached a batch, because the run broke in
 * between, are pending: the next run finds them again.
 */
static void
run_balance(struct eff_report *report)
{
    uint64_t known =
        report->delivered + report->superseded + report->rejected + report->held + report->pending;

    if (report->failed && !report->is_plan && report->planned > known)
        report->pending += report->planned - known;
    if (report->failed &&
        report->read > report->unchanged + report->added + report->changed + report->invalid)
        report->read = report->unchanged + report->added + report->changed + report->invalid;
}

/* Before the report leaves this process or is kept with the state. */
static void
run_redact(struct eff_sync_run *r)
{
    for (size_t i = 0; i < r->report->problems_count; i++) {
        struct eff_run_problem *problem = &r->report->problems[i];

        problem->message = eff_redact(&r->redact, &r->run, problem->message);
        problem->hint = eff_redact(&r->redact, &r->run, problem->hint);
    }
}

static void
run_with(struct eff_sync_run *r, struct eff_arena *process,
         enum eff_fault (*stages)(struct eff_sync_run *r, struct eff_err *err))
{
    struct eff_err err = {0};

    *r->report =
        (struct eff_report){.sync = r->sync->name, .is_plan = r->options->plan || r->options->look};
    run_start(r);
    r->report->arena = &r->run;
    if (stages(r, &err) != EFF_OK)
        eff_report_fail(r->report, &err);
    eff_run_doubts_report(r);
    run_balance(r->report);
    run_redact(r);
    eff_run_stage(r, "done");
    run_keep_report(r, process);
    r->os->ear = (struct eff_ear){0};
    eff_run_close(r);
}

void
eff_run_sync(const struct eff_project *project, const struct eff_sync_conf *sync, struct eff_os *os,
             const struct eff_run_options *options, struct eff_arena *process,
             struct eff_report *ret_report)
{
    struct eff_sync_run r = {
        .project = project, .sync = sync, .os = os, .options = options, .report = ret_report};

    run_with(&r, process, run_stages);
}

/* ---- verify and adopt ---- */

/* No act without its line, even if it dies right after. */
static enum eff_fault
look_carry_out(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_run_row act = eff_act_row(r->os, r->sync->name, r->look->adopt ? "adopt" : "repair",
                                         r->followed, &r->run);

    EFF_TRY(eff_control_act(r->control, &act, err));
    return run_carry_out(r, err);
}

static enum eff_fault
look_stages(struct eff_sync_run *r, struct eff_err *err)
{
    EFF_TRY(eff_run_open_state(r, err));
    EFF_TRY(eff_run_aside_open(r, err));
    EFF_TRY(eff_run_open_dest(r, err));
    EFF_TRY(eff_run_look_open(r, err));
    if (r->report->skipped)
        return EFF_OK;
    EFF_TRY(run_prepare(r, err));
    EFF_TRY(eff_run_look_begin(r, err));
    EFF_TRY(run_compare(r, err));
    eff_run_look_end(r);
    return r->look->write ? look_carry_out(r, err) : EFF_OK;
}

void
eff_run_look(const struct eff_project *project, const struct eff_sync_conf *sync, struct eff_os *os,
             const struct eff_look_options *look, struct eff_arena *process,
             struct eff_report *ret_report)
{
    struct eff_run_options options = {
        .plan = !look->write, .limit = -1, .look = look, .accounts = look->accounts};
    struct eff_sync_run r = {
        .project = project, .sync = sync, .os = os, .options = &options, .report = ret_report};

    run_with(&r, process, look_stages);
    ret_report->drifted = ret_report->status == EFF_STATUS_HELD;
    ret_report->verb = look->adopt ? "adopt" : "verify";
}

/* ---- check ---- */

/* Where no schema was told, nobody has asked for the credential yet. */
static enum eff_fault
check_credential(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_task task = {.kind = EFF_TASK_CHECK, .object = r->sync->object, .arena = &r->run};

    if (r->schema.known || !r->dest->can_check)
        return EFF_OK;
    return eff_run_at(r->sync->dest->place, eff_run_task(r, &task, err), err);
}

static enum eff_fault
check_stages(struct eff_sync_run *r, struct eff_err *err)
{
    EFF_TRY(eff_run_open_state(r, err));
    EFF_TRY(eff_run_open_dest(r, err)); // first: it may prepare fields of its own
    EFF_TRY(eff_run_open_source(r, err));
    EFF_TRY(eff_run_bind(r, 0, err));
    EFF_TRY(eff_run_contract(r, err));
    EFF_TRY(check_credential(r, err));
    eff_run_overlaps(r);
    return eff_run_bind(r, 0, err);
}

static enum eff_fault
check_first_stages(struct eff_sync_run *r, struct eff_err *err)
{
    eff_run_plain(r);
    return check_stages(r, err);
}

void
eff_run_check(const struct eff_project *project, const struct eff_sync_conf *sync, bool first,
              struct eff_os *os, struct eff_arena *process, struct eff_report *ret_report)
{
    struct eff_run_options options = {.plan = true, .limit = -1};
    struct eff_sync_run r = {
        .project = project, .sync = sync, .os = os, .options = &options, .report = ret_report};

    run_with(&r, process, first ? check_first_stages : check_stages);
}
