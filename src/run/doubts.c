/*
 * run/doubts: rows that were delivered while an older value, whose answer was lost, may still be
 * applied over them. The first run after that sends them once more.
 */
#include "base/clock.h"
#include "run/sync.h"

/*
 * Only of what writes over a record, and may be sent again once it was acknowledged: a late event
 * or create takes nothing back, and sending the row once more would mend nothing.
 */
int64_t
eff_run_late_ms(const struct eff_sync_run *r, enum eff_op op)
{
    bool adds = op == EFF_OP_CREATE || op == EFF_OP_APPEND;

    return r->limits[op].class != EFF_CLASS_BLIND && !adds ? r->limits[op].late_ms : 0;
}

int64_t
eff_run_late_most_ms(const struct eff_sync_run *r)
{
    int64_t most = 0;

    for (enum eff_op op = 0; op < EFF_OPS_COUNT; op++)
        if (eff_run_late_ms(r, op) > most)
            most = eff_run_late_ms(r, op);
    return most;
}

void
eff_run_doubted(struct eff_sync_run *r, int64_t until_ms)
{
    r->doubted += until_ms != 0;
    if (until_ms > r->doubted_until)
        r->doubted_until = until_ms;
}

enum eff_fault
eff_run_doubt_waits(struct eff_sync_run *r, const struct eff_change *change, bool *ret_waits,
                    struct eff_err *err)
{
    bool sent = change->kind == EFF_CHANGE_CHANGE || change->kind == EFF_CHANGE_REMOVE;
    int64_t until = 0;

    if (r->has_doubts && sent)
        EFF_TRY(eff_control_doubt_waits(r->control, r->sync->name, change->key, change->row_hash,
                                        r->started_wall, &until, err));
    if (until > r->started_wall + eff_run_late_most_ms(r))
        until = 0; /* the clock was put back, or the bound made shorter: the sweep will see to it */
    eff_run_doubted(r, until);
    *ret_waits = until != 0;
    return EFF_OK;
}

void
eff_run_doubts_report(struct eff_sync_run *r)
{
    char text[EFF_TIME_TEXT_MAX];
    size_t len = eff_datetime_text(r->doubted_until / 1000 * 1000000, 0, true, text);

    if (r->doubted == 0)
        return;
    eff_report_problem(
        r->report, "EFF2134", EFF_OK, r->doubted,
        eff_str_printf(&r->run,
                       "an older value, whose answer was lost, may still be applied until %.*s",
                       (int)len, text),
        EFF_STR("These rows are delivered; the first run after that sends them once more. "
                "`late_apply` of the destination says how long such a request may take."),
        EFF_STR_NONE);
}
