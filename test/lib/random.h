/*
 * lib/random: a generator for property tests (splitmix64). The seed is written
 * in the test, so that a failure comes back with the same numbers.
 */
#ifndef EFF_TEST_LIB_RANDOM_H
#define EFF_TEST_LIB_RANDOM_H

#include <stdint.h>

static inline uint64_t
random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* 0 .. below - 1 */
static inline unsigned
random_below(uint64_t *state, unsigned below)
{
    return (unsigned)(random_next(state) % below);
}

#endif
