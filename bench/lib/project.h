/*
 * lib/project: a project folder, loaded as the command line does, with one more
 * kind of destination: `null`, which takes everything at once.
 */
#ifndef EFF_BENCH_LIB_PROJECT_H
#define EFF_BENCH_LIB_PROJECT_H

#include "conf/project.h"
#include "os/os.h"

/* Ends the program when the project has mistakes. */
struct eff_project *bench_project_load(const char *folder, struct eff_os *os,
                                       struct eff_arena *process);
const struct eff_sync_conf *bench_project_sync(const struct eff_project *project, const char *name);

#endif
