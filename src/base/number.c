/*
 * base/number: numbers as text, exactly.
 */
#include "base/number.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* An exponent beyond this has no canonical form that fits any buffer; keeps sums from overflow. */
#define NUMBER_EXPONENT_MAX ((int64_t)1 << 40)

/* The parts of a decimal: digits are those before the point, then those after it. */
struct number_parts {
    bool negative;
    eff_str whole;
    eff_str fraction;
    int64_t exponent;
};

static eff_str
number_take_digits(eff_str *rest)
{
    size_t len = 0;
    eff_str digits;

    while (len < rest->len && rest->ptr[len] >= '0' && rest->ptr[len] <= '9')
        len++;
    digits = eff_str_sub(*rest, 0, len);
    *rest = eff_str_sub(*rest, len, SIZE_MAX);
    return digits;
}

static bool
number_take(eff_str *rest, char c)
{
    if (rest->len == 0 || rest->ptr[0] != c)
        return false;
    *rest = eff_str_sub(*rest, 1, SIZE_MAX);
    return true;
}

static bool
number_take_sign(eff_str *rest)
{
    bool negative = number_take(rest, '-');

    if (!negative)
        number_take(rest, '+');
    return negative;
}

static int64_t
number_exponent(eff_str digits)
{
    int64_t value = 0;

    for (size_t i = 0; i < digits.len && value < NUMBER_EXPONENT_MAX; i++)
        value = value * 10 + (digits.ptr[i] - '0');
    return value < NUMBER_EXPONENT_MAX ? value : NUMBER_EXPONENT_MAX;
}

static bool
number_split(eff_str text, struct number_parts *ret_parts)
{
    struct number_parts parts = {.negative = number_take_sign(&text)};

    parts.whole = number_take_digits(&text);
    if (number_take(&text, '.'))
        parts.fraction = number_take_digits(&text);
    if (parts.whole.len + parts.fraction.len == 0)
        return false;
    if (number_take(&text, 'e') || number_take(&text, 'E')) {
        bool negative = number_take_sign(&text);
        eff_str digits = number_take_digits(&text);

        if (digits.len == 0)
            return false;
        parts.exponent = negative ? -number_exponent(digits) : number_exponent(digits);
    }
    *ret_parts = parts;
    return text.len == 0;
}

bool
eff_number_valid(eff_str text)
{
    struct number_parts parts;

    return number_split(text, &parts);
}

static char
number_digit(const struct number_parts *parts, size_t index)
{
    return index < parts->whole.len ? parts->whole.ptr[index]
                                    : parts->fraction.ptr[index - parts->whole.len];
}

size_t
eff_decimal_canonical(eff_str text, char *ret_text, size_t cap)
{
    struct number_parts parts;
    size_t first = 0, last, len = 0;
    int64_t point, count,
        total; /* point: digits before it, counted from the first one that matters */

    if (!number_split(text, &parts))
        return 0;
    last = parts.whole.len + parts.fraction.len;
    while (first < last && number_digit(&parts, first) == '0')
        first++;
    while (last > first && number_digit(&parts, last - 1) == '0')
        last--;
    if (first == last) {
        if (cap < 1)
            return 0;
        ret_text[0] = '0';
        return 1;
    }
    count = (int64_t)(last - first);
    point = (int64_t)parts.whole.len - (int64_t)first + parts.exponent;
    if (point <= 0)
        total = 2 - point + count; // "0." and zeros
    else
        total = point >= count ? point : count + 1;
    total += parts.negative;
    if ((uint64_t)total > cap)
        return 0;
    if (parts.negative)
        ret_text[len++] = '-';
    if (point <= 0) {
        ret_text[len++] = '0';
        ret_text[len++] = '.';
        for (int64_t i = point; i < 0; i++)
            ret_text[len++] = '0';
    }
    for (int64_t i = 0; i < count; i++) {
        if (i > 0 && i == point)
            ret_text[len++] = '.';
        ret_text[len++] = number_digit(&parts, first + (size_t)i);
    }
    for (int64_t i = count; i < point; i++)
        ret_text[len++] = '0';
    assert(len == (size_t)total);
    return len;
}

/* "1e-05" -> "1e-5" */
static size_t
number_trim_exponent(char *text, size_t len)
{
    char *e = memchr(text, 'e', len);
    size_t at, zeros = 0;

    if (e == NULL)
        return len;
    at = (size_t)(e - text) + 2; // after the sign, which printf always writes
    while (at + zeros + 1 < len && text[at + zeros] == '0')
        zeros++;
    memmove(text + at, text + at + zeros, len - at - zeros + 1); // with the NUL
    return len - zeros;
}

#define NUMBER_SHORT_PLACES 6

/*
 * Most doubles that people store are short decimals: 12.5, 3, 0.07. Where n and
 * 10^k are exact, n / 10^k is rounded once, so it is the double that the text
 * reads as; no two texts of up to 15 digits read as the same double, so the first
 * k that comes back gives the shortest one. 0 when it is no such number, or one
 * that is shown with an exponent.
 */
static size_t
number_short_double(double value, char ret_text[EFF_DOUBLE_TEXT_MAX])
{
    static const uint64_t powers[NUMBER_SHORT_PLACES + 1] = {1,     10,     100,    1000,
                                                             10000, 100000, 1000000};
    double size = fabs(value), scaled;
    size_t places = 0, len = 0;
    uint64_t n;

    if (!(size >= 1e-4 && size < 1e15))
        return 0;
    for (;; places++) {
        if (places > NUMBER_SHORT_PLACES)
            return 0;
        scaled = size * (double)powers[places];
        if (scaled >= 1e15)
            return 0;
        n = (uint64_t)(scaled + 0.5);
        if ((double)n / (double)powers[places] == size)
            break;
    }
    if (value < 0)
        ret_text[len++] = '-';
    len += eff_int_text((int64_t)(n / powers[places]), ret_text + len);
    if (places > 0) {
        n %= powers[places];
        ret_text[len] = '.';
        for (size_t i = places; i > 0; i--, n /= 10)
            ret_text[len + i] = (char)('0' + n % 10);
        len += 1 + places;
        ret_text[len] = '\0';
    }
    return len;
}

size_t
eff_double_text(double value, char ret_text[EFF_DOUBLE_TEXT_MAX])
{
    size_t brief = number_short_double(value, ret_text);
    // Any double above DBL_MIN keeps 15 digits; smaller ones have fewer, down to one.
    int digits = fabs(value) < DBL_MIN ? 1 : 15;
    int len;

    if (brief > 0)
        return brief;
    if (isnan(value)) {
        memcpy(ret_text, "NaN", 4);
        return 3;
    }
    if (isinf(value))
        return (size_t)snprintf(ret_text, EFF_DOUBLE_TEXT_MAX, "%sInfinity", value < 0 ? "-" : "");
    do {
        len = snprintf(ret_text, EFF_DOUBLE_TEXT_MAX, "%.*g", digits, value);
    } while (strtod(ret_text, NULL) != value && ++digits <= 17);
    return number_trim_exponent(ret_text, (size_t)len);
}

size_t
eff_int_text(int64_t value, char ret_text[EFF_INT_TEXT_MAX])
{
    char digits[EFF_INT_TEXT_MAX];
    // Unsigned negation is defined for INT64_MIN too.
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t count = 0, len = 0;

    do
        digits[count++] = (char)('0' + size % 10);
    while ((size /= 10) > 0);
    if (value < 0)
        ret_text[len++] = '-';
    while (count > 0)
        ret_text[len++] = digits[--count];
    ret_text[len] = '\0';
    return len;
}
