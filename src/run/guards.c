/*
 * run/guards: what was planned and may not be sent without an approval.
 *
 * An incomplete read never gets here. Removals are held when they are more than a
 * share of what this sync has delivered (or an absolute bound), or when another role
 * or server reads the model than before; changes only when the user set a share. What is
 * held, and why removals are, is named by a digest; an approval of exactly that digest lets
 * it pass once.
 */
#include <stdio.h>
#include <string.h>

#include "run/sync.h"

#define GUARD_REMOVALS_FREE 5 /* so few are never held, but by a bound that the user set */

static bool
guard_over(uint64_t rows, uint64_t of, double percent)
{
    return percent >= 0 && (double)rows > (double)of * percent / 100.0;
}

/* Another role may see fewer rows, another server may not have them yet. */
static const char *
guard_reader(struct eff_sync_run *r)
{
    return eff_str_printf(
               &r->run,
               "the model is read by another than before, who may see fewer rows (now " EFF_STR_FMT
               "; before " EFF_STR_FMT ")",
               EFF_STR_ARG(r->reader), EFF_STR_ARG(r->reader_before))
        .ptr;
}

/* Why removals are held, or NULL. */
static const char *
guard_removals(struct eff_sync_run *r)
{
    uint64_t removed = r->removals.count;

    if (removed == 0)
        return NULL;
    if (r->null_keys > r->state.null_keys)
        return "more rows than before have no key, and may be those that seem to be gone";
    if (r->reader.ptr && r->reader_before.ptr && !eff_str_eq(r->reader, r->reader_before))
        return guard_reader(r);
    if (r->sync->guard_removed_rows >= 0 && removed > (uint64_t)r->sync->guard_removed_rows)
        return "more removals than guard.max_removed allows";
    if (removed > GUARD_REMOVALS_FREE &&
        guard_over(removed, r->snapshot_rows, r->sync->guard_removed_percent))
        return "more removals than guard.max_removed allows";
    return NULL;
}

static const char *
guard_changes(const struct eff_sync_run *r)
{
    if (r->changed_rows.count > 0 &&
        guard_over(r->changed_rows.count, r->snapshot_rows, r->sync->guard_changed_percent))
        return "more changed rows than guard.max_changed allows";
    return NULL;
}

/* With the cause: what was approved as gone may be there by the next run, without its key. */
static eff_str
guard_digest(struct eff_sync_run *r, const char *removals)
{
    struct eff_multiset held[4] = {0};
    uint64_t seed = r->secret.seed;

    if (removals)
        seed = eff_xxh3(seed, removals, strlen(removals));
    if (r->hold_removals)
        held[0] = r->removals;
    if (r->hold_changes)
        held[1] = r->changed_rows;
    if (r->hold_lost)
        held[2] = r->lost;
    if (r->hold_anew)
        held[3] = r->anew;
    return eff_str_printf(&r->run, "%08x", (unsigned)eff_xxh3(seed, held, sizeof held));
}

static void
guard_report(struct eff_sync_run *r, const char *code, uint64_t rows, const char *what,
             const char *why)
{
    eff_report_problem(r->report, code, EFF_ROW, rows,
                       eff_str_printf(&r->run, "%llu of %llu rows would be %s and are held: %s",
                                      (unsigned long long)rows,
                                      (unsigned long long)r->snapshot_rows, what, why),
                       eff_str_printf(&r->run,
                                      "If that is right: efferent approve " EFF_STR_FMT
                                      " " EFF_STR_FMT ", then run again.",
                                      EFF_STR_ARG(r->sync->name), EFF_STR_ARG(r->report->plan)),
                       EFF_STR_NONE);
    r->report->held += rows;
}

/*
 * Rows that went while their records were to stay, before `mode` or `on_removed` was
 * changed: a hash of their keys is all that is known.
 */
static void
guard_report_lost(struct eff_sync_run *r)
{
    eff_report_problem(
        r->report, "EFF2122", EFF_ROW, r->lost.count,
        eff_str_printf(&r->run,
                       "%llu of %llu rows are gone, and which records to remove is not known: keys "
                       "were not kept while records were to stay",
                       (unsigned long long)r->lost.count, (unsigned long long)r->snapshot_rows),
        eff_str_printf(&r->run,
                       "If that is right: efferent approve " EFF_STR_FMT " " EFF_STR_FMT
                       ", then run again: their records stay over there, for you to remove.",
                       EFF_STR_ARG(r->sync->name), EFF_STR_ARG(r->report->plan)),
        EFF_STR_NONE);
    r->report->held += r->lost.count;
}

/* Approved: nothing is removed, the snapshot forgets them. */
static void
guard_let_go(struct eff_sync_run *r)
{
    r->report->planned -= r->lost.count;
    r->report->removed -= r->lost.count;
    r->report->gone += r->lost.count;
}

enum eff_fault
eff_run_guard(struct eff_sync_run *r, struct eff_err *err)
{
    const char *removals = guard_removals(r);
    const char *changes = guard_changes(r);
    bool older = r->older.ptr && !r->look;

    r->hold_anew = older && r->anew.count > 0;
    r->hold_removals = removals != NULL || (older && r->removals.count > 0);
    r->hold_changes = changes && !(r->hold_anew &&
                                   eff_run_makes_anew(r, eff_plan_write_op(r->sync->mode, false)));
    r->hold_lost = r->lost.count > 0;
    older = older && (r->hold_anew || r->hold_removals);
    if (r->older.ptr && !r->look && !older)
        eff_run_older_note(r);
    if (!r->hold_anew && !r->hold_removals && !r->hold_changes && !r->hold_lost)
        return EFF_OK;
    r->report->plan = guard_digest(r, removals);
    if (r->control)
        EFF_TRY(eff_control_approved(r->control, r->sync->name, r->report->plan, r->started_wall,
                                     !r->options->plan, &r->approved, err));
    if (r->approved) {
        r->hold_anew = r->hold_removals = r->hold_changes = r->hold_lost = false;
        r->report->plan = EFF_STR_NONE;
        guard_let_go(r);
        return EFF_OK;
    }
    if (older)
        eff_run_older_held(r);
    else if (removals)
        guard_report(r, "EFF2113", r->removals.count, "removed", removals);
    if (r->hold_changes)
        guard_report(r, "EFF2117", r->changed_rows.count, "changed", changes);
    if (r->hold_lost)
        guard_report_lost(r);
    return EFF_OK;
}

bool
eff_run_chunk_held(void *self, const struct eff_chunk *chunk)
{
    const struct eff_sync_run *r = self;

    if (r->hold_anew && eff_run_makes_anew(r, chunk->op))
        return true;
    if (chunk->group == EFF_GROUP_LOST)
        return r->hold_lost;
    if (chunk->group != EFF_GROUP_GUARDED)
        return false;
    switch (chunk->op) {
    case EFF_OP_CLEAR:
    case EFF_OP_ARCHIVE:
    case EFF_OP_DELETE:
    case EFF_OP_REMOVE:
        return r->hold_removals;
    default:
        return r->hold_changes;
    }
}
