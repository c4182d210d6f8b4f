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

/* Room for `len` bytes of text, whatever is in it, or NULL when the batch's arena is used up. */
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
/* number / 10^scale, at most 38, as INT when it is an integer of 64 bits, else DECIMAL. */
void eff_convert_int128_to(struct eff_arena *arena, __int128 number, unsigned scale,
                           struct eff_value *ret_value);
void eff_convert_uint128_to(struct eff_arena *arena, unsigned __int128 number,
                            struct eff_value *ret_value);
/* The same from four words of 64 bits, lowest first, in two's complement; a negative scale multiplies. */
struct eff_value eff_convert_int256(struct eff_arena *arena, const uint64_t words[4], int scale);
/* IEEE 754 binary16, as the double with its shortest text. */
double eff_convert_half(uint16_t bits);
/* "1 year 2 months 3 days 04:05:06.7", as DuckDB writes it; "00:00:00" for nothing. */
struct eff_value eff_convert_interval(struct eff_arena *arena, int32_t months, int32_t days,
                                      int64_t micros, unsigned nanos);

#endif
