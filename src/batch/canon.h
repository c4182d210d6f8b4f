/*
 * batch/canon: one value, in the one form that all sources agree on.
 *
 * Private to batch/. The public names are in batch/row.h, which also says which
 * values are the same.
 */
#ifndef EFF_BATCH_CANON_H
#define EFF_BATCH_CANON_H

#include "base/arena.h"
#include "flow/value.h"

/* A bijection of 64 bits in which each input bit reaches each output bit. */
static inline uint64_t
eff_canon_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return x ^ x >> 31;
}

/* Valid UTF-8 without a NUL character (no destination keeps one whole). */
bool eff_canon_text_good(eff_str text);
/* A decimal number whose exponent is sane. */
bool eff_canon_number_good(eff_str text);

/* eff_value_hash; scratch is copied before use; false when the value cannot be sent (see eff_value_problem). */
bool eff_canon_hash(uint64_t seed, const struct eff_value *value, const struct eff_arena *scratch,
                    uint64_t *ret_hash);

#endif
