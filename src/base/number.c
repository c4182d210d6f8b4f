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

bool
eff_number_is_json(eff_str text)
{
    const char *at = text.ptr, *end, *from;

    if (text.len == 0)
        return false;
    end = at + text.len;
    if (*at == '-')
        at++;
    for (from = at; at < end && *at >= '0' && *at <= '9';)
        at++;
    if (at == from || (at - from > 1 && *from == '0'))
        return false;
    if (at < end && *at == '.') {
        for (from = ++at; at < end && *at >= '0' && *at <= '9';)
            at++;
        if (at == from)
            return false;
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        for (from = at; at < end && *at >= '0' && *at <= '9';)
            at++;
        if (at == from)
            return false;
    }
    return at == end;
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

const char eff_digit_pairs[] = "0001020304050607080910111213141516171819"
                               "2021222324252627282930313233343536373839"
                               "4041424344454647484950515253545556575859"
                               "6061626364656667686970717273747576777879"
                               "8081828384858687888990919293949596979899";

char *
eff_digits_text(char *to, uint64_t number, size_t count)
{
    char *end = to + count, *at = end;

    for (; at - to >= 2; number /= 100) {
        at -= 2;
        eff_digit_pair(at, (unsigned)(number % 100));
    }
    if (at > to)
        *to = (char)('0' + number % 10);
    return end;
}

static size_t
number_count_digits(uint64_t number)
{
    size_t count = 1;

    for (; number >= 10000; number /= 10000)
        count += 4;
    return count + (number >= 10) + (number >= 100) + (number >= 1000);
}

#define NUMBER_SHORT_PLACES 18

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
    static const double powers[NUMBER_SHORT_PLACES + 1] = {1,    1e1,  1e2,  1e3,  1e4,  1e5,  1e6,
                                                           1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13,
                                                           1e14, 1e15, 1e16, 1e17, 1e18};
    double size = fabs(value), scaled;
    size_t places = 0;
    char *to = ret_text;
    uint64_t n, whole;

    if (!(size >= 1e-4 && size < 1e15))
        return 0;
    for (;; places++) {
        if (places > NUMBER_SHORT_PLACES)
            return 0;
        scaled = size * powers[places];
        if (scaled >= 1e15)
            return 0;
        n = (uint64_t)(scaled + 0.5);
        // A division takes long, and only what is nearly whole can come back.
        if (fabs(scaled - (double)n) <= scaled * 0x1p-51 && (double)n / powers[places] == size)
            break;
    }
    if (value < 0)
        *to++ = '-';
    whole = n / (uint64_t)powers[places];
    to = eff_digits_text(to, whole, number_count_digits(whole));
    if (places > 0) {
        *to++ = '.';
        to = eff_digits_text(to, n - whole * (uint64_t)powers[places], places);
    }
    *to = '\0';
    return (size_t)(to - ret_text);
}

/* A double times a power of ten, exactly: product / 2^shift. Its neighbours are `power` away. */
struct number_scaled {
    unsigned __int128 product, power;
    uint64_t mantissa; /* product / power */
    unsigned shift;    /* below 128 */
};

/* To the nearest integer, halves to the even one, as printf does. */
static uint64_t
number_round(const struct number_scaled *scaled)
{
    unsigned __int128 one = (unsigned __int128)1 << scaled->shift, half = one / 2;
    unsigned __int128 rest = scaled->product & (one - 1);
    uint64_t whole = (uint64_t)(scaled->product >> scaled->shift);

    return whole + (rest > half || (rest == half && whole % 2 == 1));
}

/*
 * Whether n is nearer to it than to its neighbours; what lies half-way is read as the even one.
 * Below a power of two they are twice as dense, but all of those here have short texts.
 */
static bool
number_reads_back(const struct number_scaled *scaled, uint64_t n)
{
    unsigned __int128 at = (unsigned __int128)n << scaled->shift, distance;

    distance = at > scaled->product ? at - scaled->product : scaled->product - at;
    return scaled->mantissa % 2 == 0 ? distance * 2 <= scaled->power : distance * 2 < scaled->power;
}

/* The digits of n, of which the first one counts 10^exponent, without an exponent. */
static size_t
number_place_point(bool negative, uint64_t n, size_t digits, int exponent,
                   char ret_text[EFF_DOUBLE_TEXT_MAX])
{
    size_t whole = exponent < 0 ? 0 : (size_t)exponent + 1;
    char all[EFF_INT_TEXT_MAX], *to = ret_text;

    eff_digits_text(all, n, digits);
    if (negative)
        *to++ = '-';
    memcpy(to, all, whole);
    to += whole;
    if (whole == 0)
        *to++ = '0';
    *to++ = '.';
    for (int zeros = -1; zeros > exponent; zeros--)
        *to++ = '0';
    memcpy(to, all + whole, digits - whole);
    to += digits - whole;
    *to = '\0';
    return (size_t)(to - ret_text);
}

/*
 * 16 digits, or 17 where those do not read back: number_short_double found that fewer
 * do not. Only for what is shown without an exponent: there 53 bits of mantissa and the
 * 67 of 10^20 have room in 128. 0 for other doubles.
 */
static size_t
number_long_double(double value, char ret_text[EFF_DOUBLE_TEXT_MAX])
{
    static const double tens[] = {1e-3, 1e-2, 1e-1, 1,    1e1,  1e2,  1e3,  1e4,  1e5, 1e6,
                                  1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    double size = fabs(value);
    struct number_scaled scaled;
    size_t digits = 16;
    int exponent = -4;
    uint64_t bits, n;

    if (!(size >= 1e-4 && size < 1e15))
        return 0;
    while (size >= tens[exponent + 4]) // each is the first double that is not below its power
        exponent++;
    memcpy(&bits, &size, sizeof(bits));
    scaled.mantissa = (bits & (((uint64_t)1 << 52) - 1)) | (uint64_t)1 << 52;
    scaled.shift = 1075 - (unsigned)(bits >> 52); // 3 to 66
    scaled.power = 1;
    for (int i = 15; i > exponent; i--)
        scaled.power *= 10;
    scaled.product = scaled.mantissa * scaled.power;
    n = number_round(&scaled);
    if (!number_reads_back(&scaled, n)) {
        scaled.product *= 10;
        n = number_round(&scaled);
        digits = 17;
    }
    return number_place_point(value < 0, n, digits, exponent, ret_text);
}

/* Those with an exponent: rare enough to let the C library try. */
static size_t
number_any_double(double value, char ret_text[EFF_DOUBLE_TEXT_MAX])
{
    // Any double above DBL_MIN keeps 15 digits; smaller ones have fewer, down to one.
    int digits = fabs(value) < DBL_MIN ? 1 : 15;
    int len;

    do
        len = snprintf(ret_text, EFF_DOUBLE_TEXT_MAX, "%.*g", digits, value);
    while (strtod(ret_text, NULL) != value && ++digits <= 17);
    return number_trim_exponent(ret_text, (size_t)len);
}

size_t
eff_double_text(double value, char ret_text[EFF_DOUBLE_TEXT_MAX])
{
    size_t len = number_short_double(value, ret_text);

    if (len == 0)
        len = number_long_double(value, ret_text);
    if (len > 0)
        return len;
    if (isnan(value)) {
        memcpy(ret_text, "NaN", 4);
        return 3;
    }
    if (isinf(value))
        return (size_t)snprintf(ret_text, EFF_DOUBLE_TEXT_MAX, "%sInfinity", value < 0 ? "-" : "");
    return number_any_double(value, ret_text);
}

size_t
eff_int_text(int64_t value, char ret_text[EFF_INT_TEXT_MAX])
{
    // Unsigned negation is defined for INT64_MIN too.
    uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *to = ret_text;

    if (value < 0)
        *to++ = '-';
    to = eff_digits_text(to, size, number_count_digits(size));
    *to = '\0';
    return (size_t)(to - ret_text);
}
