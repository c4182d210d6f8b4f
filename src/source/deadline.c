/*
 * source/deadline: how long one query may take.
 */
#include "source/deadline.h"

void
eff_deadline_start(struct eff_deadline *deadline)
{
    if (deadline->most_ms > 0)
        deadline->at_ms = deadline->os->mono_ms(deadline->os->self) + deadline->most_ms;
}

void
eff_deadline_end(struct eff_deadline *deadline)
{
    deadline->at_ms = 0;
}

bool
eff_deadline_passed(const struct eff_deadline *deadline)
{
    int64_t at_ms = deadline->at_ms;

    return at_ms > 0 && deadline->os->mono_ms(deadline->os->self) >= at_ms;
}

bool
eff_deadline_go_on(const struct eff_deadline *deadline)
{
    return deadline->os->go_on(deadline->os->self) && !eff_deadline_passed(deadline);
}

enum eff_fault
eff_deadline_check(const struct eff_deadline *deadline, struct eff_err *err)
{
    if (!eff_deadline_passed(deadline))
        return EFF_OK;
    (void)EFF_FAIL(err, EFF_TRANSIENT,
                   "the query took longer than `%s`, %lld ms, and was cancelled", deadline->option,
                   (long long)deadline->most_ms);
    return eff_err_hint(err,
                        "Raise `%s`, or let the model read less: fewer rows, or a table that "
                        "is built before.",
                        deadline->option);
}
