/*
 * run/codes: what the codes of a run's problems mean, for the reference page.
 */
#ifndef EFF_RUN_CODES_H
#define EFF_RUN_CODES_H

#include "conf/option.h"

extern const struct eff_problem_code eff_run_problem_codes[]; /* code == NULL ends the table */

#endif
