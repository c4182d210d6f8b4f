/*
 * base/ulid: writing an id, and reading its time.
 */
#include "base/ulid.h"

static const char ulid_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void
eff_ulid_write(int64_t wall_ms, const unsigned char random[10], char ret_text[EFF_ULID_LEN])
{
    unsigned __int128 value = (uint64_t)wall_ms & 0xffffffffffffu;

    for (int i = 0; i < 10; i++)
        value = value << 8 | random[i];
    for (int i = EFF_ULID_LEN - 1; i >= 0; i--) {
        ret_text[i] = ulid_digits[(unsigned)(value & 31)];
        value >>= 5;
    }
}

bool
eff_ulid_ms(eff_str id, int64_t *ret_wall_ms)
{
    uint64_t ms = 0;

    if (id.len != EFF_ULID_LEN)
        return false;
    for (size_t i = 0; i < EFF_ULID_LEN; i++) {
        const char *digit = id.ptr[i] ? strchr(ulid_digits, id.ptr[i]) : NULL;

        if (!digit)
            return false;
        if (i < 10) /* the first 50 bits: 48 of time, and two leading zeros */
            ms = ms << 5 | (uint64_t)(digit - ulid_digits);
    }
    if (ms >> 48)
        return false;
    *ret_wall_ms = (int64_t)ms;
    return true;
}
