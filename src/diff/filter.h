/*
 * diff/filter: is this (key, row) pair in the old snapshot? No, or probably.
 *
 * A Bloom filter of blocks of 64 bytes, so that a question costs one cache miss.
 * The block follows from the top of the key hash: filling from a sorted snapshot
 * walks through memory once, from front to back.
 */
#ifndef EFF_DIFF_FILTER_H
#define EFF_DIFF_FILTER_H

#include "base/arena.h"
#include "base/hash.h"

#define FILTER_PROBES_MAX 5 /* 9 bits each, of one hash of 64 */

struct diff_filter {
    uint64_t (*blocks)[8];
    uint64_t count;
    unsigned probes;
    struct eff_arena arena;
};

/* For `rows` pairs in at most bytes_max: 16 bits each, up to 64 for few, fewer for very many. */
void diff_filter_init(struct diff_filter *filter, uint64_t rows, size_t bytes_max);
void diff_filter_deinit(struct diff_filter *filter);

static inline uint64_t *
diff_filter_block(const struct diff_filter *filter, struct eff_hash128 key)
{
    return filter->blocks[(uint64_t)((unsigned __int128)key.hi * filter->count >> 64)];
}

static inline uint64_t
diff_filter_hash(struct eff_hash128 key, uint64_t row)
{
    unsigned __int128 product =
        (unsigned __int128)(key.lo ^ 0x452821e638d01377u) * (row ^ 0xbe5466cf34e90c6cu);

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline void
diff_filter_set(uint64_t *block, uint64_t hash, unsigned probes)
{
#pragma GCC unroll 5
    for (unsigned i = 0; i < probes; i++, hash >>= 9)
        block[hash >> 6 & 7] |= (uint64_t)1 << (hash & 63);
}

static inline bool
diff_filter_test(const uint64_t *block, uint64_t hash, unsigned probes)
{
    uint64_t all = 1;

#pragma GCC unroll 5
    for (unsigned i = 0; i < probes; i++, hash >>= 9)
        all &= block[hash >> 6 & 7] >> (hash & 63);
    return all & 1;
}

/* Written out for the usual number of probes: the compiler unrolls that. */
static inline void
diff_filter_add(struct diff_filter *filter, struct eff_hash128 key, uint64_t row)
{
    uint64_t *block = diff_filter_block(filter, key), hash = diff_filter_hash(key, row);

    if (filter->probes == FILTER_PROBES_MAX)
        diff_filter_set(block, hash, FILTER_PROBES_MAX);
    else
        diff_filter_set(block, hash, filter->probes);
}

static inline bool
diff_filter_has(const struct diff_filter *filter, struct eff_hash128 key, uint64_t row)
{
    const uint64_t *block = diff_filter_block(filter, key);
    uint64_t hash = diff_filter_hash(key, row);

    if (filter->probes == FILTER_PROBES_MAX)
        return diff_filter_test(block, hash, FILTER_PROBES_MAX);
    return diff_filter_test(block, hash, filter->probes);
}

static inline void
diff_filter_prefetch(const struct diff_filter *filter, struct eff_hash128 key)
{
    __builtin_prefetch(diff_filter_block(filter, key));
}

#endif
