/*
 * base/ulid: names of runs, which sort by time.
 *
 * 48 bits of milliseconds since 1970 and 80 random bits, as 26 characters of
 * Crockford's base 32.
 */
#ifndef EFF_BASE_ULID_H
#define EFF_BASE_ULID_H

#include "base/str.h"

#define EFF_ULID_LEN 26

void eff_ulid_write(int64_t wall_ms, const unsigned char random[10], char ret_text[EFF_ULID_LEN]);
/* The milliseconds of an id; false when it is not one. */
bool eff_ulid_ms(eff_str id, int64_t *ret_wall_ms);

#endif
