/*
 * lib/byprintf: numbers and times as text the slow way, by the C library alone: what
 * base/number and base/clock, which do without it, are compared with.
 */
#ifndef EFF_TEST_LIB_BYPRINTF_H
#define EFF_TEST_LIB_BYPRINTF_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* "1e-05" -> "1e-5" */
static inline void
byprintf_trim_exponent(char *text)
{
    char *digits = strchr(text, 'e');
    size_t zeros;

    if (digits == NULL)
        return;
    digits += 2; // after the sign
    zeros = strspn(digits, "0");
    memmove(digits, digits + zeros, strlen(digits + zeros) + 1);
}

/* The fewest digits that read back: 15 to 17, below DBL_MIN from one. Finite ones only. */
static inline void
byprintf_double(double value, char text[64])
{
    int digits = fabs(value) < DBL_MIN ? 1 : 15;

    do
        snprintf(text, 64, "%.*g", digits, value);
    while (strtod(text, NULL) != value && ++digits <= 17);
    byprintf_trim_exponent(text);
}

static inline void
byprintf_datetime(int64_t micros, unsigned sub_nanos, bool zone, char text[64])
{
    time_t seconds = (time_t)(micros / 1000000 - (micros % 1000000 < 0));
    // Unsigned: the first second may begin before INT64_MIN.
    unsigned long nanos =
        (unsigned long)((uint64_t)micros - (uint64_t)seconds * 1000000) * 1000 + sub_nanos;
    struct tm tm;
    int len;

    gmtime_r(&seconds, &tm);
    len = snprintf(text, 64, "%04d-%02d-%02dT%02d:%02d:%02d.%09lu", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, nanos);
    while (text[len - 1] == '0')
        len--;
    if (text[len - 1] == '.')
        len--;
    snprintf(text + len, 64 - (size_t)len, "%s", zone ? "Z" : "");
}

#endif
