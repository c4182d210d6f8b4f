/*
 * run/share: how many runs send to one destination of a project at once.
 *
 * Each holds a lock file of its own beside the others', so that a run that dies is not counted
 * any more. Whoever counts tries the locks of the others. What cannot be locked or looked at is
 * not counted: then a run keeps the limits as if it were alone.
 */
#ifndef EFF_RUN_SHARE_H
#define EFF_RUN_SHARE_H

#include "os/os.h"

#define EFF_SHARE_PREFIX ".share-" /* in the state's folder; no sync's name begins so */
#define EFF_SHARE_MOST   8         /* that are told apart */

struct eff_share {
    struct eff_os *os;
    const char *paths[EFF_SHARE_MOST];
    struct eff_file *lock; /* of paths[own]; NULL: none was free */
    size_t own;
    size_t users; /* this one too */
    int64_t next_ms;
};

void eff_share_open(struct eff_share *share, struct eff_os *os, const char *state_folder,
                    eff_str dest, struct eff_arena *run);
/* Looks every two seconds. */
size_t eff_share_users(struct eff_share *share);
void eff_share_close(struct eff_share *share);

#endif
