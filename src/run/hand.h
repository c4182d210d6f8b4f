/*
 * run/hand: what the process of a sync has in hand, in memory that its parent sees.
 *
 * One row can make the process crash, by a mistake of ours or of a library, in each run
 * anew, and the rest would never arrive. Who dies of it cannot tell; the parent looks at
 * what it had in hand and starts it again. A row that was in hand at two deaths is put
 * aside. While a batch is built, sent or judged, all its rows are in hand: after two
 * deaths they go one by one, and the next death tells which one it is.
 */
#ifndef EFF_RUN_HAND_H
#define EFF_RUN_HAND_H

#include "base/hash.h"
#include "base/str.h"
#include "base/ulid.h"

#define EFF_HAND_DEATHS_MAX 6 /* of one sync in one command: three rows, or two in batches */

/* Nothing at all, a row whose key is not known yet, one whose key is, or rows of a batch. */
struct eff_held {
    uint64_t row; /* of this read, from 1 */
    struct eff_hash128 key;
    size_t batch, rows; /* rows > 0: so many of that batch; key: of a single one */
    char run[EFF_ULID_LEN];
};

struct eff_hand {
    struct eff_held now; /* the child writes it */
    bool has_secret;     /* and this: a plan without a state draws one, and keys mean nothing */
    unsigned char secret[32]; /* under another */
    struct eff_held last; /* at the last death; from here on the parent's, between two children */
    unsigned deaths;
    int signal; /* of the last death */
    size_t aside_count;
    struct eff_hash128 aside[EFF_HAND_DEATHS_MAX];
    bool apart; /* the rows of last's batch are to go one by one */
};

/* A process does these to itself; by others it is killed, or by the kernel when memory ends. */
bool eff_hand_is_crash(int signal);
/* After a death by that signal: what to do otherwise the next time. False: nothing is known. */
bool eff_hand_learn(struct eff_hand *hand, int signal);
bool eff_hand_is_aside(const struct eff_hand *hand, struct eff_hash128 key);
bool eff_hand_is_apart(const struct eff_hand *hand, eff_str run, size_t batch);

static inline void
eff_hand_empty(struct eff_hand *hand)
{
    hand->now = (struct eff_held){0};
}

#endif
