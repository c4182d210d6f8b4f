/*
 * run/remember: keeps a run's report with the state, for `efferent status`.
 */
#ifndef EFF_RUN_REMEMBER_H
#define EFF_RUN_REMEMBER_H

#include "run/run.h"

/*
 * Of a run that is over, failed ones included. A run that is still open, this one or
 * another process's, is left alone. What cannot be kept is no fault: the report says
 * the same, and is on its way already.
 */
void eff_run_remember(const struct eff_project *project, struct eff_os *os,
                      const struct eff_report *report, struct eff_arena *arena);

#endif
