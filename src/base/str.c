/*
 * base/str: text as a borrowed slice.
 *
 * Comparing, cutting, parsing integers, UTF-8, and making text fit to be shown.
 */
#include "base/str.h"

#include "base/arena.h"

#include <assert.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>

#define STR_DISTANCE_LEN_MAX 128

static unsigned char
str_lower(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte >= 'A' && byte <= 'Z' ? (unsigned char)(byte + ('a' - 'A')) : byte;
}

static bool
str_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

int
eff_str_width(eff_str s)
{
    return s.len > INT_MAX ? INT_MAX : (int)s.len;
}

bool
eff_str_eq_nocase(eff_str a, eff_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (str_lower(a.ptr[i]) != str_lower(b.ptr[i]))
            return false;
    return true;
}

int
eff_str_cmp(eff_str a, eff_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);

    if (order != 0)
        return order;
    return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

bool
eff_str_starts(eff_str s, eff_str prefix)
{
    return s.len >= prefix.len && eff_str_eq((eff_str){s.ptr, prefix.len}, prefix);
}

bool
eff_str_ends(eff_str s, eff_str suffix)
{
    return s.len >= suffix.len &&
           eff_str_eq(eff_str_sub(s, s.len - suffix.len, suffix.len), suffix);
}

size_t
eff_str_find(eff_str s, eff_str needle)
{
    const char *at;

    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return SIZE_MAX;
    at = memmem(s.ptr, s.len, needle.ptr, needle.len);
    return at == NULL ? SIZE_MAX : (size_t)(at - s.ptr);
}

size_t
eff_str_find_char(eff_str s, char c)
{
    const char *at = s.len == 0 ? NULL : memchr(s.ptr, c, s.len);

    return at == NULL ? SIZE_MAX : (size_t)(at - s.ptr);
}

eff_str
eff_str_sub(eff_str s, size_t from, size_t len)
{
    if (s.ptr == NULL)
        return EFF_STR_NONE;
    if (from > s.len)
        from = s.len;
    if (len > s.len - from)
        len = s.len - from;
    return (eff_str){s.ptr + from, len};
}

eff_str
eff_str_trim(eff_str s)
{
    while (s.len > 0 && str_is_space(s.ptr[s.len - 1]))
        s.len--;
    while (s.len > 0 && str_is_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    return s;
}

bool
eff_str_cut(eff_str s, char sep, eff_str *ret_head, eff_str *ret_tail)
{
    size_t at = eff_str_find_char(s, sep);

    if (at == SIZE_MAX) {
        *ret_head = s;
        *ret_tail = EFF_STR_NONE;
        return false;
    }
    *ret_head = eff_str_sub(s, 0, at);
    *ret_tail = eff_str_sub(s, at + 1, SIZE_MAX);
    return true;
}

/* Digits only, at least one. */
static bool
str_digits(eff_str s, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value))
            return false;
    }
    *ret_value = value;
    return true;
}

bool
eff_str_int(eff_str s, int64_t *ret_value)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    bool sign = negative || (s.len > 0 && s.ptr[0] == '+');
    uint64_t size;

    if (!str_digits(eff_str_sub(s, sign, SIZE_MAX), &size))
        return false;
    if (size > (uint64_t)INT64_MAX + negative)
        return false;
    // Unsigned negation is defined for INT64_MIN too.
    *ret_value = (int64_t)(negative ? 0 - size : size);
    return true;
}

bool
eff_str_uint(eff_str s, uint64_t *ret_value)
{
    bool sign = s.len > 0 && s.ptr[0] == '+';

    return str_digits(eff_str_sub(s, sign, SIZE_MAX), ret_value);
}

char *
eff_str_c(struct eff_arena *arena, eff_str s)
{
    char *copy;

    assert(s.len < SIZE_MAX);
    copy = eff_arena_bytes(arena, s.len + 1);
    if (s.len > 0)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

eff_str
eff_str_copy(struct eff_arena *arena, eff_str s)
{
    return s.ptr == NULL ? EFF_STR_NONE : (eff_str){eff_str_c(arena, s), s.len};
}

eff_str
eff_str_lower(struct eff_arena *arena, eff_str s)
{
    char *copy;

    if (s.ptr == NULL)
        return EFF_STR_NONE;
    copy = eff_new(arena, char, s.len + 1);
    for (size_t i = 0; i < s.len; i++)
        copy[i] = (char)str_lower(s.ptr[i]);
    return (eff_str){copy, s.len};
}

eff_str
eff_str_printf(struct eff_arena *arena, const char *format, ...)
{
    va_list args;
    char *text;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    text = eff_new(arena, char, (size_t)len + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return (eff_str){text, (size_t)len};
}

/* The shortest sequence length decides the smallest code point it may carry (Unicode, table 3-7). */
size_t
eff_utf8_decode(eff_str s, uint32_t *ret_code)
{
    static const uint32_t smallest[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *at = (const unsigned char *)s.ptr;
    uint32_t code;
    size_t len;

    if (s.len == 0)
        return 0;
    if (at[0] < 0x80) {
        *ret_code = at[0];
        return 1;
    }
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    len = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (s.len < len)
        return 0;
    code = at[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (at[i] & 0x3f);
    }
    if (code < smallest[len] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
        return 0;
    *ret_code = code;
    return len;
}

/* Bytes of the longest valid prefix of s. */
static size_t
str_utf8_span(eff_str s)
{
    size_t at = 0;

    while (at < s.len) {
        uint32_t code;
        size_t len;

        while (s.len - at >= 8) {
            uint64_t word;

            memcpy(&word, s.ptr + at, 8);
            if ((word & 0x8080808080808080u) != 0)
                break;
            at += 8;
        }
        while (at < s.len && (unsigned char)s.ptr[at] < 0x80)
            at++;
        if (at == s.len)
            break;
        len = eff_utf8_decode((eff_str){s.ptr + at, s.len - at}, &code);
        if (len == 0)
            break;
        at += len;
    }
    return at;
}

bool
eff_utf8_valid(eff_str s)
{
    return str_utf8_span(s) == s.len;
}

size_t
eff_utf8_prefix(eff_str s, size_t max)
{
    // Cutting s first makes a character that crosses the limit an invalid, unfinished one.
    return str_utf8_span(eff_str_sub(s, 0, max));
}

bool
eff_utf8_hides(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == 0x200e || code == 0x200f ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069) ||
           code == 0xfeff;
}

/* The visible form of the first character of s; returns how many bytes of s it stands for. */
static size_t
str_show_char(eff_str s, char ret_text[16], size_t *ret_len)
{
    uint32_t code;
    size_t len = eff_utf8_decode(s, &code);

    if (len > 0 && !eff_utf8_hides(code)) {
        memcpy(ret_text, s.ptr, len);
        *ret_len = len;
        return len;
    }
    if (len <= 1)
        *ret_len = (size_t)snprintf(ret_text, 16, "\\x%02x", (unsigned char)s.ptr[0]);
    else
        *ret_len = (size_t)snprintf(ret_text, 16, "\\u{%04x}", (unsigned)code);
    return len == 0 ? 1 : len;
}

/* Shows s in at most `room` bytes, only counting when text is NULL; returns the bytes of s shown. */
static size_t
str_show(eff_str s, char *text, size_t room, size_t *ret_len)
{
    size_t done = 0, len = 0;

    while (done < s.len) {
        char shown[16];
        size_t shown_len;
        size_t step = str_show_char(eff_str_sub(s, done, SIZE_MAX), shown, &shown_len);

        if (shown_len > room - len)
            break;
        if (text != NULL)
            memcpy(text + len, shown, shown_len);
        len += shown_len;
        done += step;
    }
    *ret_len = len;
    return done;
}

eff_str
eff_str_printable(struct eff_arena *arena, eff_str s, size_t max)
{
    eff_str part = eff_str_sub(s, 0, max);
    bool cut = part.len < s.len;
    size_t len;
    char *text;

    // Do not end in the middle of a character: at most 3 bytes of one can be left over.
    for (size_t back = 1; cut && back <= 3 && back <= part.len; back++) {
        size_t start = part.len - back;
        uint32_t code;
        size_t whole = eff_utf8_decode(eff_str_sub(s, start, SIZE_MAX), &code);

        if (whole > back)
            part.len = start;
        if (whole != 0)
            break;
    }
    str_show(part, NULL, SIZE_MAX, &len);
    text = eff_new(arena, char, len + 4);
    str_show(part, text, len, &len);
    if (cut) {
        memcpy(text + len, "...", 3);
        len += 3;
    }
    return (eff_str){text, len};
}

size_t
eff_str_print_to(char *ret_text, size_t cap, eff_str s)
{
    size_t len;

    assert(cap >= 4);
    if (str_show(s, ret_text, cap - 1, &len) < s.len) {
        str_show(s, ret_text, cap - 4, &len);
        memcpy(ret_text + len, "...", 3);
        len += 3;
    }
    ret_text[len] = '\0';
    return len;
}

static unsigned
str_min(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Optimal string alignment, three rows of the table at a time. */
unsigned
eff_str_distance(eff_str a, eff_str b, unsigned max)
{
    unsigned rows[3][STR_DISTANCE_LEN_MAX + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];
    size_t longer = a.len > b.len ? a.len : b.len;
    size_t apart = a.len > b.len ? a.len - b.len : b.len - a.len;

    if (longer > STR_DISTANCE_LEN_MAX)
        return eff_str_eq_nocase(a, b) ? 0 : max + 1;
    if (apart > max)
        return max + 1;
    for (unsigned j = 0; j <= b.len; j++)
        above[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned char x = str_lower(a.ptr[i - 1]);
        unsigned *spare = before;

        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned char y = str_lower(b.ptr[j - 1]);
            unsigned best = str_min(str_min(above[j], row[j - 1]) + 1, above[j - 1] + (x != y));

            if (i > 1 && j > 1 && x == str_lower(b.ptr[j - 2]) && str_lower(a.ptr[i - 2]) == y)
                best = str_min(best, before[j - 2] + 1);
            row[j] = best;
        }
        before = above;
        above = row;
        row = spare;
    }
    return above[b.len] > max ? max + 1 : above[b.len];
}
