/*
 * run/older: whether the state was put back from a backup.
 *
 * Beside the state, in a folder of the user that a restored state does not bring back, lies one
 * small file for each sync and place of its state: the newest run that sent anything, and how far
 * it came. A state that has no such run, or not as far, is older than what was delivered. Where
 * there is no such folder, or the file does not read back, nothing is known, and nothing is claimed.
 *
 * The name of the file is made with the secret of the sync and the path of the state: a copy at
 * another place is another one, and a new state at the same place, too.
 */
#ifndef EFF_RUN_OLDER_H
#define EFF_RUN_OLDER_H

#include "conf/project.h"
#include "os/os.h"
#include "state/control.h"

struct eff_mark {
    eff_str run;   /* ptr == NULL: nothing is known */
    uint64_t step; /* as eff_control_newest counts them */
};

struct eff_mark eff_older_mark(struct eff_os *os, const struct eff_project *project,
                               const struct eff_sync_state *state, struct eff_arena *arena);
/* What fails is no matter: then less is known. */
void eff_older_mark_write(struct eff_os *os, const struct eff_project *project,
                          const struct eff_sync_state *state, struct eff_mark mark,
                          struct eff_arena scratch);

#endif
