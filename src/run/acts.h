/*
 * run/acts: a line in the state for each act by which an operator lets go of what is known.
 */
#ifndef EFF_RUN_ACTS_H
#define EFF_RUN_ACTS_H

#include "os/os.h"
#include "state/control.h"

/* "reset", "adopt", "repair", and how many rows it was about; for eff_control_act. */
struct eff_run_row eff_act_row(struct eff_os *os, eff_str sync, const char *act, uint64_t rows,
                               struct eff_arena *arena);

#endif
