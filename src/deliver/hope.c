/*
 * deliver/hope: counting refusals of the first rows, cause by cause.
 */
#include "deliver/hope.h"

/* NULL when there are too many to be told apart. */
static struct eff_hope_cause *
hope_cause(struct eff_hope *hope, const struct eff_verdict *verdict, struct eff_arena *arena)
{
    struct eff_hope_cause *cause = hope->causes;

    for (; cause < hope->causes + hope->causes_count; cause++)
        if (eff_str_eq(cause->code, verdict->code) && eff_str_eq(cause->field, verdict->field))
            return cause;
    if (hope->causes_count == EFF_HOPE_CAUSES)
        return NULL;
    hope->causes_count++;
    *cause = (struct eff_hope_cause){.code = eff_str_copy(arena, verdict->code),
                                     .field = eff_str_copy(arena, verdict->field)};
    return cause;
}

/* Every row so far was refused: do not burn a call for each of a million more. */
static enum eff_fault
hope_none(struct eff_hope *hope, const struct eff_verdict *verdict, struct eff_err *err)
{
    if (hope->hopeful || ++hope->refused_from_start < EFF_HOPE_ROWS)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONTRACT,
             "the first %d rows were all refused, the last one as " EFF_STR_FMT "%s" EFF_STR_FMT,
             EFF_HOPE_ROWS, EFF_STR_ARG(verdict->code), verdict->code.len ? ": " : "",
             EFF_STR_ARG(verdict->message));
    return eff_err_hint(
        err, "Mend the mapping or the destination, then run again: the rest is pending.");
}

static enum eff_fault
hope_same(struct eff_hope *hope, const struct eff_verdict *verdict, struct eff_arena *arena,
          struct eff_err *err)
{
    struct eff_hope_cause *cause = hope_cause(hope, verdict, arena);

    if (!cause || (double)++cause->rows * 100 <= hope->same_most * EFF_HOPE_ROWS)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONTRACT,
             "%zu of the first %zu rows were refused for one cause, " EFF_STR_FMT "%s" EFF_STR_FMT,
             cause->rows, hope->judged, EFF_STR_ARG(verdict->code),
             verdict->code.len && verdict->message.len ? ": " : "", EFF_STR_ARG(verdict->message));
    return eff_err_hint(err,
                        "Did the field change over there? The rest is pending. If so many rows "
                        "are really that bad, let `guard.max_rejected` allow it.");
}

enum eff_fault
eff_hope_judge(struct eff_hope *hope, const struct eff_verdict *verdict, bool known,
               struct eff_arena *arena, struct eff_err *err)
{
    if (verdict->outcome == EFF_APPLIED || verdict->outcome == EFF_TAKEN)
        hope->hopeful = true;
    else if (verdict->outcome != EFF_REFUSED)
        return EFF_OK;
    if (verdict->outcome == EFF_REFUSED)
        EFF_TRY(hope_none(hope, verdict, err));
    if (known || hope->judged == EFF_HOPE_ROWS)
        return EFF_OK;
    hope->judged++;
    return verdict->outcome == EFF_REFUSED ? hope_same(hope, verdict, arena, err) : EFF_OK;
}
