/*
 * source/convert: what several drivers' raw values need.
 */
#include "source/convert.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/number.h"

#define CONVERT_DAY_FIRST  (-719162) /* 0001-01-01 */
#define CONVERT_DAY_LAST   2932896   /* 9999-12-31 */
#define CONVERT_DAY_MICROS 86400000000
#define CONVERT_SCALE_MAX  100 /* of numbers of 256 bits, either way */
#define CONVERT_DIGITS_MAX 80  /* of 256 bits: 78 */

char *
eff_convert_room(struct eff_arena *arena, size_t len)
{
    return eff_arena_try_bytes(arena, len + 1);
}

struct eff_value
eff_convert_bad(const char *why)
{
    return eff_value_of_str(EFF_BAD, eff_str_of(why));
}

struct eff_value
eff_convert_copy(struct eff_arena *arena, enum eff_kind kind, eff_str text)
{
    char *to = text.len < UINT32_MAX ? eff_convert_room(arena, text.len) : NULL;

    if (!to)
        return eff_convert_bad("the value is too large");
    if (text.len > 0)
        memcpy(to, text.ptr, text.len);
    return eff_value_of_str(kind, (eff_str){to, text.len});
}

double
eff_convert_float(float f)
{
    char text[32];

    // Quarters below 2^20, most of what columns hold, are their own shortest text.
    if (!isfinite(f) || (fabsf(f) < 1048576.0f && f * 4 == rintf(f * 4)))
        return (double)f;
    for (int digits = 6; digits < 9; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, (double)f);
        if (strtof(text, NULL) == f)
            return strtod(text, NULL);
    }
    snprintf(text, sizeof(text), "%.9g", (double)f);
    return strtod(text, NULL);
}

void
eff_convert_date_to(int64_t days, struct eff_value *ret_value)
{
    if (days < CONVERT_DAY_FIRST || days > CONVERT_DAY_LAST)
        *ret_value = eff_convert_bad("the date is outside the years 1 to 9999");
    else
        eff_value_set_int(ret_value, EFF_DATE, days);
}

void
eff_convert_micros_to(enum eff_kind kind, int64_t micros, unsigned nanos,
                      struct eff_value *ret_value)
{
    if (micros < CONVERT_DAY_FIRST * CONVERT_DAY_MICROS ||
        micros >= (CONVERT_DAY_LAST + 1) * CONVERT_DAY_MICROS) {
        *ret_value = eff_convert_bad("the timestamp is outside the years 1 to 9999");
        return;
    }
    eff_value_set_int(ret_value, kind, micros);
    ret_value->len = nanos;
}

struct eff_value
eff_convert_uuid(struct eff_arena *arena, const unsigned char bytes[16])
{
    static const char digits[] = "0123456789abcdef";
    char *text = eff_convert_room(arena, 36), *to = text;

    if (!text)
        return eff_convert_bad("the value is too large");
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *to++ = '-';
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    return eff_value_of_str(EFF_TEXT, (eff_str){text, 36});
}

/* At most 39 digits, a sign, and "0." before small ones. */
static void
convert_decimal(struct eff_arena *arena, bool negative, unsigned __int128 number, unsigned scale,
                struct eff_value *ret_value)
{
    char digits[40], *end = digits + sizeof(digits), *from = end, *text;
    size_t whole;
    uint64_t small;

    for (; number > UINT64_MAX; number /= 10) // slow: only until the rest fits into a word
        *--from = (char)('0' + (int)(number % 10));
    for (small = (uint64_t)number; small >= 10; small /= 100)
        eff_digit_pair(from -= 2, (unsigned)(small % 100));
    if (small > 0)
        *--from = (char)('0' + small);
    while (end - from <= (ptrdiff_t)scale)
        *--from = '0';
    whole = (size_t)(end - from) - scale;
    text = eff_convert_room(arena, whole + scale + 1);
    if (!text) {
        *ret_value = eff_convert_bad("the value is too large");
        return;
    }
    text[0] = '-';
    memcpy(text + negative, from, whole);
    whole += negative;
    if (scale > 0) {
        text[whole++] = '.';
        memcpy(text + whole, end - scale, scale);
    }
    eff_value_set_str(ret_value, EFF_DECIMAL, text, whole + scale);
}

void
eff_convert_int128_to(struct eff_arena *arena, __int128 number, unsigned scale,
                      struct eff_value *ret_value)
{
    if (scale == 0 && number >= INT64_MIN && number <= INT64_MAX)
        eff_value_set_int(ret_value, EFF_INT, (int64_t)number);
    else
        convert_decimal(arena, number < 0,
                        number < 0 ? 0 - (unsigned __int128)number : (unsigned __int128)number,
                        scale, ret_value);
}

void
eff_convert_uint128_to(struct eff_arena *arena, unsigned __int128 number,
                       struct eff_value *ret_value)
{
    if (number <= INT64_MAX)
        eff_value_set_int(ret_value, EFF_INT, (int64_t)number);
    else
        convert_decimal(arena, false, number, 0, ret_value);
}

/* Digits of a number, most significant first; it is used up. Returns how many. */
static size_t
convert_digits(uint64_t words[4], char ret_digits[CONVERT_DIGITS_MAX])
{
    char reversed[CONVERT_DIGITS_MAX];
    size_t count = 0;

    while (words[0] | words[1] | words[2] | words[3]) {
        unsigned __int128 rest = 0;

        for (int i = 3; i >= 0; i--) {
            rest = rest << 64 | words[i];
            words[i] = (uint64_t)(rest / 10);
            rest %= 10;
        }
        reversed[count++] = (char)('0' + (int)rest);
    }
    for (size_t i = 0; i < count; i++)
        ret_digits[i] = reversed[count - 1 - i];
    return count;
}

struct eff_value
eff_convert_int256(struct eff_arena *arena, const uint64_t words[4], int scale)
{
    char digits[CONVERT_DIGITS_MAX], text[CONVERT_DIGITS_MAX + CONVERT_SCALE_MAX + 4];
    uint64_t size[4], carry = 1;
    bool negative = words[3] >> 63;
    size_t count, places = scale > 0 ? (size_t)scale : 0, len = 0;

    if (scale > CONVERT_SCALE_MAX || scale < -CONVERT_SCALE_MAX)
        return eff_convert_bad("the number has too many digits");
    for (int i = 0; i < 4; i++) {
        size[i] = negative ? ~words[i] + carry : words[i];
        carry = carry && size[i] == 0;
    }
    count = convert_digits(size, digits);
    if (negative)
        text[len++] = '-';
    if (count <= places)
        text[len++] = '0';
    for (size_t i = 0; i < count && count > places && i < count - places; i++)
        text[len++] = digits[i];
    for (int i = scale; i < 0 && count > 0; i++)
        text[len++] = '0';
    if (places > 0)
        text[len++] = '.';
    for (size_t i = count; i < places; i++)
        text[len++] = '0';
    for (size_t i = count > places ? count - places : 0; places > 0 && i < count; i++)
        text[len++] = digits[i];
    return eff_convert_copy(arena, EFF_DECIMAL, (eff_str){text, len});
}

double
eff_convert_half(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double size, near, half_step = ldexp(0.5, (exponent ? exponent : 1) - 25);
    char text[32];

    if (exponent == 31)
        return fraction ? (double)NAN : bits >> 15 ? -INFINITY : INFINITY;
    size = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    for (int digits = 1; digits < 6 && size != rint(size); digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, size);
        near = strtod(text, NULL);
        if (fabs(near - size) < half_step)
            return bits >> 15 ? -near : near;
    }
    return bits >> 15 ? -size : size;
}

static size_t
convert_unit(char *text, size_t len, size_t cap, int32_t count, const char *unit)
{
    if (count == 0)
        return len;
    return len + (size_t)snprintf(text + len, cap - len, "%s%" PRId32 " %s%s", len ? " " : "",
                                  count, unit, count == 1 || count == -1 ? "" : "s");
}

struct eff_value
eff_convert_interval(struct eff_arena *arena, int32_t months, int32_t days, int64_t micros,
                     unsigned nanos)
{
    char text[160], time[EFF_TIME_TEXT_MAX];
    size_t len = 0, time_len;

    len = convert_unit(text, len, sizeof(text), months / 12, "year");
    len = convert_unit(text, len, sizeof(text), months % 12, "month");
    len = convert_unit(text, len, sizeof(text), days, "day");
    if (micros || nanos || len == 0) {
        time_len = eff_timeofday_text(micros, nanos, time);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s", len ? " " : "",
                                (int)time_len, time);
    }
    return eff_convert_copy(arena, EFF_TEXT, (eff_str){text, len});
}
