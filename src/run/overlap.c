/*
 * run/overlap: other syncs of the project that write the same fields of the same object.
 *
 * Two models may well share an object, each with rows of its own; whether a record is in
 * both, only the data knows. So `check` says it, and nothing is stopped.
 */
#include "run/sync.h"

static bool
overlap_writes(const struct eff_sync_conf *sync)
{
    return sync->enabled && sync->mode != EFF_MODE_APPEND && sync->mode != EFF_MODE_MEMBERS;
}

static bool
overlap_has(const struct eff_sync_conf *sync, eff_str name)
{
    for (size_t i = 0; i < sync->fields_count; i++)
        if (eff_str_eq(sync->fields[i].name, name))
            return true;
    return false;
}

static void
overlap_report(struct eff_sync_run *r, const struct eff_sync_conf *other, eff_str first,
               size_t count)
{
    eff_str more = EFF_STR_NONE;

    if (count > 1)
        more = eff_str_printf(&r->run, " and %zu other %s", count - 1,
                              count == 2 ? "field" : "fields");
    eff_report_problem(
        r->report, "EFF2124", EFF_OK, 0,
        eff_str_printf(&r->run,
                       "sync \"" EFF_STR_FMT "\" writes " EFF_STR_FMT "." EFF_STR_FMT EFF_STR_FMT
                       " too",
                       EFF_STR_ARG(other->name), EFF_STR_ARG(r->sync->object), EFF_STR_ARG(first),
                       EFF_STR_ARG(more)),
        EFF_STR(
            "A record that is in both models gets the value of whichever run changed last. Let one "
            "sync write the field, or keep the two models apart."),
        eff_place_text(&r->run, r->sync->to_place));
}

void
eff_run_overlaps(struct eff_sync_run *r)
{
    for (size_t i = 0; overlap_writes(r->sync) && i < r->project->syncs_count; i++) {
        const struct eff_sync_conf *other = &r->project->syncs[i];
        eff_str first = EFF_STR_NONE;
        size_t count = 0;

        if (other == r->sync || other->dest != r->sync->dest || !overlap_writes(other) ||
            !eff_str_eq(other->object, r->sync->object))
            continue;
        for (size_t f = 0; f < r->sync->fields_count; f++) {
            if (!overlap_has(other, r->sync->fields[f].name))
                continue;
            first = count++ == 0 ? r->sync->fields[f].name : first;
        }
        if (count > 0)
            overlap_report(r, other, first, count);
    }
}
