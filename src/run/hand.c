/*
 * run/hand: what is concluded from a death.
 */
#include "run/hand.h"

#include <signal.h>
#include <string.h>

bool
eff_hand_is_crash(int signal)
{
    return signal == SIGSEGV || signal == SIGABRT || signal == SIGBUS;
}

static bool
hand_is_key(struct eff_hash128 key)
{
    return key.hi != 0 || key.lo != 0;
}

static bool
hand_same_key(const struct eff_held *a, const struct eff_held *b)
{
    return hand_is_key(a->key) && eff_hash128_cmp(a->key, b->key) == 0;
}

static bool
hand_same_batch(const struct eff_held *a, const struct eff_held *b)
{
    return a->rows > 0 && b->rows > 0 && a->batch == b->batch &&
           memcmp(a->run, b->run, sizeof a->run) == 0;
}

bool
eff_hand_learn(struct eff_hand *hand, int signal)
{
    const struct eff_held *now = &hand->now;
    bool one = hand_is_key(now->key);

    if (!eff_hand_is_crash(signal) || (!one && now->rows == 0) ||
        hand->deaths >= EFF_HAND_DEATHS_MAX)
        return false;
    if (one &&
        (hand_same_key(now, &hand->last) || (hand->apart && hand_same_batch(now, &hand->last))))
        hand->aside[hand->aside_count++] = now->key;
    else
        hand->apart = now->rows > 1 && hand_same_batch(now, &hand->last);
    hand->signal = signal;
    hand->deaths++;
    hand->last = *now;
    eff_hand_empty(hand);
    return true;
}

bool
eff_hand_is_aside(const struct eff_hand *hand, struct eff_hash128 key)
{
    for (size_t i = 0; i < hand->aside_count; i++)
        if (eff_hash128_cmp(hand->aside[i], key) == 0)
            return true;
    return false;
}

bool
eff_hand_is_apart(const struct eff_hand *hand, eff_str run, size_t batch)
{
    return hand->apart && hand->last.batch == batch &&
           eff_str_eq(run, (eff_str){hand->last.run, sizeof hand->last.run});
}
