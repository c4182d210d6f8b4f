/*
 * run/finish: the end of a run: snapshot, history, run row, and the file that goes.
 */
#include <stdlib.h>

#include "base/crash.h"
#include "record/record.h"
#include "run/sync.h"

static int
finish_key_cmp(const void *a, const void *b)
{
    return eff_hash128_cmp(*(const struct eff_hash128 *)a, *(const struct eff_hash128 *)b);
}

/*
 * The snapshot does not know the values of a row whose update may have been applied, and has no entry
 * of a create; of an event it keeps what was acknowledged before.
 */
static bool
finish_is_known(const struct eff_ledger_row *row, const struct eff_entry *entry)
{
    return entry->row != EFF_ENTRY_UNKNOWN &&
           (row->op != EFF_OP_APPEND || entry->row == row->row_hash);
}

static enum eff_fault
finish_doubtful(struct eff_sync_run *r, size_t count, const struct eff_hash128 *keys,
                struct eff_arena scratch, struct eff_err *err)
{
    struct eff_snapshot *snapshot;
    enum eff_fault fault = EFF_OK;

    EFF_TRY(eff_snapshot_open(r->os, r->folder, &scratch, &snapshot, err));
    for (size_t i = 0; fault == EFF_OK && i < count; i++) {
        struct eff_arena here = scratch;
        struct eff_ledger_row row;
        struct eff_entry entry;
        bool listed = false, found = false;

        fault =
            eff_control_ledger_get(r->control, r->sync->name, keys[i], &here, &listed, &row, err);
        if (fault == EFF_OK)
            fault = eff_snapshot_find(snapshot, keys[i], &found, &entry, &here, NULL, err);
        if (fault == EFF_OK && listed && found && finish_is_known(&row, &entry))
            fault = eff_control_ledger_drop(r->control, r->sync->name, keys[i], err);
    }
    eff_snapshot_close(snapshot);
    return fault;
}

/*
 * What may have been applied stays in the ledger until it is sent and answered. But a person may
 * have had it taken as delivered, by `adopt`: then the snapshot has its values, and it is.
 */
static enum eff_fault
finish_adopted(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_arena scratch = r->run;
    struct eff_hash128 *keys;
    size_t count;

    if (!r->has_ledger || !r->look || !r->look->adopt)
        return EFF_OK;
    EFF_TRY(eff_control_ledger_doubtful(r->control, r->sync->name, &scratch, &count, &keys, err));
    return count > 0 ? finish_doubtful(r, count, keys, scratch, err) : EFF_OK;
}

enum eff_fault
eff_run_record(struct eff_sync_run *r, struct eff_run_row *row,
               const struct eff_snapshot_column *columns, size_t columns_count,
               bool with_identities, bool complete_read, struct eff_err *err)
{
    struct eff_recording record = {
        .os = r->os,
        .folder = r->folder,
        .run_id = row->id,
        .snapshot = r->snapshot,
        .columns_count = columns_count,
        .columns = columns,
        .with_identities = with_identities,
        .memory_bytes = (size_t)r->sync->memory_bytes,
        .changes = r->changes,
        .amiss_count = r->amiss.len / sizeof(struct eff_hash128),
        .amiss = (const struct eff_hash128 *)(const void *)r->amiss.ptr,
        .resumed = !eff_str_eq(row->id, r->run_id),
        .passed_on = r->moves.len > 0,
        .now_ms = r->os->wall_ms(r->os->self),
        .run = &r->run,
        .batch = &r->batch,
    };
    const char *path = eff_run_changes_path(r, row->id);

    eff_run_stage(r, "record");
    if (r->amiss.full)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory for rows that are to be sent again");
    if (record.amiss_count > 0)
        qsort(r->amiss.ptr, record.amiss_count, sizeof *record.amiss, finish_key_cmp);
    EFF_TRY(eff_control_settled(r->control, row->id, &r->run, &r->settled_count, &r->settled, err));
    record.settled_count = r->settled_count;
    record.settled = r->settled;
    /* Else a power loss could leave a snapshot that has rows of which nobody knows any more that they arrived. */
    EFF_TRY(eff_control_flush(r->control, err));
    EFF_CRASH_AT("record.before");
    EFF_TRY(eff_record_run(&record, err));
    EFF_CRASH_AT("record.done");
    EFF_TRY(finish_adopted(r, err));
    row->state = EFF_RUN_CLOSED;
    row->ended_ms = r->os->wall_ms(r->os->self);
    EFF_TRY(eff_control_close_run(r->control, row, complete_read, err));
    EFF_CRASH_AT("close.durable");
    if (r->marked)
        eff_run_older_mark(r, row->id, true);
    r->times_resumed = 0;
    eff_changes_close(r->changes);
    r->changes = NULL;
    eff_buf_reset(&r->amiss);
    EFF_TRY(r->os->unlink(r->os->self, path, err));
    EFF_CRASH_AT("close.done");
    return EFF_OK;
}
