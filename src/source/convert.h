/*
 * source/convert: what several drivers' raw values need. Private to source/.
 *
 * Text that has to be made (a decimal from binary digits, a UUID) goes into an
 * arena that the driver resets with each batch.
 */
#ifndef EFF_SOURCE_CONVERT_H
#define EFF_SOURCE_CONVERT_H

#include "base/arena.h"
#include "flow/value.h"

/* Room for `len` bytes of text, or NULL when the batch's arena is used up. */
char *eff_convert_room(struct eff_arena *arena, size_t len);
struct eff_value eff_convert_copy(struct eff_arena *arena, enum eff_kind kind, eff_str text);
struct eff_value eff_convert_bad(const char *why); /* why is a literal */

/* The double whose shortest text is the float's: 0.1f gives 0.1, not 0.10000000149011612. */
double eff_convert_float(float f);
/* EFF_BAD outside the years 1 to 9999. */
void eff_convert_date_to(int64_t days, struct eff_value *ret_value);
void eff_convert_micros_to(enum eff_kind kind, int64_t micros, unsigned nanos,
                           struct eff_value *ret_value);

static inline struct eff_value
eff_convert_date(int64_t days)
{
    struct eff_value value;

    eff_convert_date_to(days, &value);
    return value;
}

static inline struct eff_value
eff_convert_micros(enum eff_kind kind, int64_t micros, unsigned nanos)
{
    struct eff_value value;

    eff_convert_micros_to(kind, micros, nanos, &value);
    return value;
}

/* "xxxxxxxx-xxxx-..." as TEXT, from 16 bytes in the order of the text. */
struct eff_value eff_convert_uuid(struct eff_arena *arena, const unsigned char bytes[16]);
/* number / 10^scale as INT when it is an integer of 64 bits, else DECIMAL. */
struct eff_value eff_convert_int128(struct eff_arena *arena, __int128 number, unsigned scale);
struct eff_value eff_convert_uint128(struct eff_arena *arena, unsigned __int128 number);

#endif
