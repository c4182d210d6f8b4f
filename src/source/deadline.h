/*
 * source/deadline: how long one query may take, for sources whose server does not keep it, or
 * only tries to.
 *
 * It counts by our own clock, from `start` on. What it ends by is the source's: a driver's
 * interrupt, or a call that cancels.
 */
#ifndef EFF_SOURCE_DEADLINE_H
#define EFF_SOURCE_DEADLINE_H

#include <stdatomic.h>

#include "os/os.h"

struct eff_deadline {
    struct eff_os *os;
    const char *option;    /* the option that says most_ms */
    int64_t most_ms;       /* 0: as long as it takes */
    _Atomic int64_t at_ms; /* 0: nothing is under way. An ear beside the driver looks, too */
};

void eff_deadline_start(struct eff_deadline *deadline);
void eff_deadline_end(struct eff_deadline *deadline);
bool eff_deadline_passed(const struct eff_deadline *deadline);
/* False when it has passed, or the user asked to stop. */
bool eff_deadline_go_on(const struct eff_deadline *deadline);
/* EFF_OK while it has not passed; else says so in err, over what the driver made of it. */
enum eff_fault eff_deadline_check(const struct eff_deadline *deadline, struct eff_err *err);

#endif
