/*
 * run/resume: settles what an earlier run left open, with its own frozen bytes.
 */
#include "base/crash.h"
#include "record/record.h"
#include "run/sync.h"

/* The names of the frozen items say how the destination must be bound. */
static enum eff_fault
resume_bind(struct eff_sync_run *r, const struct eff_run_row *row, struct eff_err *err)
{
    const struct eff_changes_names *names = eff_changes_names(r->changes);
    const struct eff_batch_ref *batches;
    size_t count = eff_changes_count(r->changes, &batches);
    int64_t rows = 0;

    for (size_t i = 0; i < count; i++)
        rows += batches[i].op == EFF_OP_NONE ? 0 : batches[i].rows;
    r->dest_sync.run = row->id;
    r->dest_sync.object = names->object;
    r->dest_sync.match_count = names->match_count;
    r->dest_sync.match_names = names->match_names;
    r->dest_sync.fields_count = names->fields_count;
    r->dest_sync.field_names = names->field_names;
    r->dest_sync.rows_planned = rows;
    memset(r->limits, 0, sizeof r->limits);
    return r->dest->ops->bind(r->dest, &r->dest_sync, r->limits, err);
}

static enum eff_fault
resume_record(struct eff_sync_run *r, struct eff_run_row *row, struct eff_err *err)
{
    struct eff_snapshot_column *columns;
    bool with_identities;
    size_t count;

    if (!eff_record_columns_read(row->columns, &r->run, &count, &columns, &with_identities))
        return EFF_FAIL(err, EFF_BROKEN, "the open run " EFF_STR_FMT " does not read back",
                        EFF_STR_ARG(row->id));
    EFF_TRY(eff_snapshot_open(r->os, r->folder, &r->run, &r->snapshot, err));
    EFF_TRY(eff_run_record(r, row, columns, count, with_identities, false, err));
    EFF_CRASH_AT("resume.recorded");
    eff_snapshot_close(r->snapshot);
    r->snapshot = NULL;
    return EFF_OK;
}

static enum eff_fault
resume_open(struct eff_sync_run *r, const struct eff_run_row *row, struct eff_err *err)
{
    const char *path = eff_run_changes_path(r, row->id);

    EFF_TRY(eff_changes_open(r->os, path, &r->run, &r->changes, err));
    if (eff_changes_digest(r->changes) != row->changes_digest)
        return EFF_FAIL(err, EFF_BROKEN, "the change file %s is not the one that was planned",
                        path);
    return EFF_OK;
}

static uint64_t
resume_rows_left(struct eff_sync_run *r)
{
    const struct eff_batch_ref *batches;
    size_t count = eff_changes_count(r->changes, &batches);
    uint64_t rows = 0;

    for (size_t i = 0; i < count; i++) {
        bool settled = false;

        for (size_t j = 0; j < r->settled_count; j++)
            settled = settled || (r->settled[j].batch == i && r->settled[j].settled);
        if (!settled && !batches[i].held && batches[i].op != EFF_OP_NONE)
            rows += batches[i].rows;
    }
    return rows;
}

/* A plan only tells how many rows the next run will settle first. */
static enum eff_fault
resume_look(struct eff_sync_run *r, const struct eff_run_row *row, struct eff_err *err)
{
    EFF_TRY(resume_open(r, row, err));
    EFF_TRY(eff_control_settled(r->control, row->id, &r->run, &r->settled_count, &r->settled, err));
    r->report->resumed.planned = resume_rows_left(r);
    eff_changes_close(r->changes);
    r->changes = NULL;
    return EFF_OK;
}

/* For the same reason as eff_changes_sweep: an end that failed to commit may come back. */
static enum eff_fault
resume_make_durable(struct eff_sync_run *r, struct eff_err *err)
{
    return r->os->sync_dir(r->os->self, r->state_folder, err);
}

enum eff_fault
eff_run_resume(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_run_row row;
    struct eff_counts *counts = &r->report->resumed;
    uint64_t open[EFF_LEDGER_PENDING + 1];
    bool found = false;
    enum eff_fault fault;

    if (!r->control)
        return EFF_OK;
    EFF_TRY(eff_control_open_run(r->control, r->sync->name, &r->run, &found, &row, err));
    if (!found)
        return r->options->plan ? EFF_OK
                                : eff_changes_sweep(r->os, r->state_folder, r->folder, r->run, err);
    r->report->has_resumed = true;
    if (r->options->plan)
        return resume_look(r, &row, err);
    EFF_TRY(eff_control_ledger_count(r->control, r->sync->name, open,
                                     err)); /* so that it is looked at */
    eff_run_stage(r, "resume");
    EFF_TRY(resume_make_durable(r, err));
    EFF_TRY(resume_open(r, &row, err));
    EFF_CRASH_AT("resume.opened");
    EFF_TRY(resume_bind(r, &row, err));
    fault = eff_run_deliver(r, row.id, counts, err);
    EFF_CRASH_AT("resume.delivered");
    if (counts->planned >
        counts->delivered + counts->superseded + counts->rejected + counts->held + counts->pending)
        counts->pending = counts->planned - counts->delivered - counts->superseded -
                          counts->rejected - counts->held;
    if (fault == EFF_BROKEN || r->unfinished)
        return fault;
    EFF_TRY(fault == EFF_OK ? resume_record(r, &row, err)
                            : resume_record(r, &row, &(struct eff_err){0}));
    return fault;
}
