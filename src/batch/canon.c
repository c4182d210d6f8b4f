/*
 * batch/canon: one value, in the one form that all sources agree on.
 *
 * An exact number is sign, digits and exponent with all outer zeros gone. Where
 * it is an integer of 64 bits it is that integer (so INT needs no text at all),
 * where its digits fit 64 bits they are one word, else they stay text: 1e9999
 * costs no more than its five bytes. Words are hashed by one bijective mix per
 * word, bytes by XXH3, both under the secret seed.
 */
#include "batch/canon.h"

#include <endian.h>
#include <math.h>

#include "base/hash.h"
#include "base/json.h"
#include "batch/row.h"

/* Written to disk by way of hashes and keys: numbers never change their meaning. */
enum canon_class {
    CANON_NULL = 1,
    CANON_BOOL,
    CANON_INT,
    CANON_DECIMAL,      /* up to 19 digits and an exponent */
    CANON_LONG_DECIMAL, /* more digits */
    CANON_FLOAT,
    CANON_TEXT,
    CANON_BYTES,
    CANON_DATE,
    CANON_TIME,
    CANON_DATETIME,
    CANON_INSTANT,
    CANON_JSON,
    CANON_ARRAY,
    CANON_OBJECT,
    CANON_ABSENT,
    CANON_BAD, /* cannot be sent; still told apart by its bytes */
};

/* Exponents beyond this are nobody's number; it keeps all sums far from overflow. */
#define CANON_EXPONENT_MAX 1000000

struct canon_number {
    enum canon_class class;  /* INT, DECIMAL, LONG_DECIMAL; BAD when it is no number */
    bool negative;           /* the decimals */
    int32_t exponent;        /* the decimals: of the last digit */
    uint64_t word;           /* INT (two's complement), DECIMAL: the digits */
    const char *first, *end; /* LONG_DECIMAL: its digits, perhaps with the point among them */
    size_t digits;
};

/* ------------------------------------------------------------------------- numbers */

/* The number at *at up to `end` after 'e'; false when there is none or it is absurd. */
static bool
canon_exponent(const char *at, const char *end, int64_t *ret_exponent)
{
    bool negative = at < end && *at == '-';
    int64_t exponent = 0;

    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end)
        return false;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9' || exponent > CANON_EXPONENT_MAX)
            return false;
        exponent = exponent * 10 + (*at - '0');
    }
    *ret_exponent = negative ? -exponent : exponent;
    return exponent <= CANON_EXPONENT_MAX;
}

struct canon_scan {
    const char *first, *last; /* outermost digits that are not zero; NULL: none */
    size_t digits;            /* from first to last */
    int64_t exponent;         /* of last */
};

/* One pass over digits and point, up to the exponent or the end. NULL: not a number. */
static const char *
canon_scan_digits(const char *at, const char *end, struct canon_scan *scan)
{
    size_t digits_all = 0, digits = 0;
    int64_t after_point = 0, trailing = 0;
    bool point = false;

    for (; at < end; at++) {
        if (*at == '.') {
            if (point)
                return NULL;
            point = true;
            continue;
        }
        if (*at < '0' || *at > '9')
            break;
        digits_all++;
        after_point += point;
        digits += scan->first != NULL;
        trailing++;
        if (*at != '0') {
            if (!scan->first) {
                scan->first = at;
                digits = 1;
            }
            scan->last = at;
            scan->digits = digits;
            trailing = 0;
        }
    }
    scan->exponent = trailing - after_point;
    return digits_all > 0 ? at : NULL;
}

static uint64_t
canon_word(const char *first, const char *last)
{
    uint64_t word = 0;

    for (const char *at = first; at <= last; at++) {
        if (*at != '.')
            word = word * 10 + (uint64_t)(*at - '0');
    }
    return word;
}

/* An integer of 64 bits when it is one; word has at most 19 digits. */
static bool
canon_as_int(struct canon_number *number, size_t digits)
{
    uint64_t word = number->word;

    if (number->exponent < 0 || digits + (size_t)number->exponent > 19)
        return false;
    for (int32_t i = 0; i < number->exponent; i++)
        word *= 10;
    if (word > (uint64_t)INT64_MAX + number->negative)
        return false;
    number->class = CANON_INT;
    number->word = number->negative ? 0 - word : word;
    return true;
}

/* Up to 19 digits and no exponent, in one pass. False: it takes a closer look. */
static bool
canon_short_number(eff_str text, struct canon_number *ret_number)
{
    const char *at = text.ptr, *end, *first, *point = NULL;
    int32_t exponent = 0;
    uint64_t word = 0;
    bool negative;

    if (text.len == 0 || text.len > 19)
        return false;
    end = at + text.len;
    negative = *at == '-';
    at += *at == '-' || *at == '+';
    for (first = at; at < end; at++) {
        unsigned digit = (unsigned)(unsigned char)*at - '0';

        if (digit <= 9) {
            word = word * 10 + digit;
            continue;
        }
        if (*at != '.' || point)
            return false;
        point = at;
    }
    if (end - first == (point ? 1 : 0)) // no digit at all
        return false;
    if (point)
        exponent = (int32_t)(point + 1 - end);
    for (; exponent < 0 && word % 10 == 0 && word > 0; exponent++)
        word /= 10;
    if (word > 0 && exponent < 0) {
        *ret_number = (struct canon_number){
            .class = CANON_DECIMAL, .negative = negative, .exponent = exponent, .word = word};
        return true;
    }
    if (word > (uint64_t)INT64_MAX + negative)
        return false;
    *ret_number = (struct canon_number){.class = CANON_INT, .word = negative ? 0 - word : word};
    return true;
}

static struct canon_number
canon_number(eff_str text)
{
    struct canon_number number = {.class = CANON_BAD};
    const char *at = text.ptr, *end = text.ptr + text.len;
    struct canon_scan scan = {0};
    int64_t exponent = 0;

    if (canon_short_number(text, &number))
        return number;
    if (at < end && (*at == '-' || *at == '+'))
        number.negative = *at++ == '-';
    at = canon_scan_digits(at, end, &scan);
    if (!at)
        return number;
    if (at < end && ((*at != 'e' && *at != 'E') || !canon_exponent(at + 1, end, &exponent)))
        return number;
    if (!scan.first) // Zero, whatever its sign, scale and exponent.
        return (struct canon_number){.class = CANON_INT};
    exponent += scan.exponent;
    if (exponent < INT32_MIN || exponent > INT32_MAX)
        return number;
    number.exponent = (int32_t)exponent;
    if (scan.digits > 19) {
        number.class = CANON_LONG_DECIMAL;
        number.first = scan.first;
        number.end = scan.last + 1;
        number.digits = scan.digits;
        return number;
    }
    number.word = canon_word(scan.first, scan.last);
    if (!canon_as_int(&number, scan.digits))
        number.class = CANON_DECIMAL;
    return number;
}

bool
eff_canon_number_good(eff_str text)
{
    return canon_number(text).class != CANON_BAD;
}

/* -0 is 0 and there is one NaN; everything else is its bits. */
static uint64_t
canon_float(double f)
{
    uint64_t bits;

    if (isnan(f))
        return 0x7ff8000000000000;
    f += 0.0;
    memcpy(&bits, &f, sizeof(bits));
    return f == 0 ? 0 : bits;
}

/* ---------------------------------------------------------------------------- text */

/* None of the eight bytes is zero or above 0x7f. */
static inline bool
canon_word_is_ascii(uint64_t word)
{
    return ((word | (word - 0x0101010101010101)) & 0x8080808080808080) == 0;
}

/* Whole words, the last one over bytes that were seen: most text is ASCII, and short. */
static bool
canon_is_ascii(eff_str text)
{
    const char *last = text.ptr + text.len;
    uint64_t word = 0x0101010101010101;
    uint32_t half, end;

    if (text.len >= sizeof(word)) {
        for (const char *at = text.ptr; at < last - sizeof(word); at += sizeof(word)) {
            memcpy(&word, at, sizeof(word));
            if (!canon_word_is_ascii(word))
                return false;
        }
        memcpy(&word, last - sizeof(word), sizeof(word));
    } else if (text.len >= sizeof(half)) {
        memcpy(&half, text.ptr, sizeof(half));
        memcpy(&end, last - sizeof(end), sizeof(end));
        word = (uint64_t)end << 32 | half;
    } else {
        for (size_t i = 0; i < text.len; i++)
            word = word << 8 | (unsigned char)text.ptr[i];
    }
    return canon_word_is_ascii(word);
}

bool
eff_canon_text_good(eff_str text)
{
    if (text.len == 0 || canon_is_ascii(text))
        return true;
    return !memchr(text.ptr, 0, text.len) && eff_utf8_valid(text);
}

const char *
eff_value_problem(const struct eff_value *value, struct eff_arena scratch)
{
    uint64_t hash;

    switch ((enum eff_kind)value->kind) {
    case EFF_BAD:
        return value->len > 0 ? value->ptr : "the source's value cannot be represented";
    case EFF_TEXT:
        if (eff_canon_text_good(eff_value_str(value)))
            return NULL;
        return eff_utf8_valid(eff_value_str(value)) ? "text holds a NUL character"
                                                    : "text is not valid UTF-8";
    case EFF_DECIMAL:
        return eff_canon_number_good(eff_value_str(value)) ? NULL : "decimal is not a number";
    case EFF_JSON:
        return eff_canon_hash(0, value, &scratch, &hash)
                   ? NULL
                   : "JSON is not valid, too large, or has the same key twice";
    default:
        return NULL;
    }
}

/* ------------------------------------------------------------------------- hashing */

static uint64_t
canon_hash_word(uint64_t seed, unsigned class, uint64_t more, uint64_t word)
{
    return eff_canon_mix(eff_canon_mix(seed + class * 0x9e3779b97f4a7c15 + (more << 8)) ^ word);
}

static uint64_t
canon_hash_bytes(uint64_t seed, unsigned class, const char *ptr, size_t len)
{
    return eff_xxh3(seed + class * 0x9e3779b97f4a7c15, ptr, len);
}

/* The digits in two parts when the point is among them: hashed in pieces that never depend on it. */
static uint64_t
canon_hash_digits(uint64_t seed, const struct canon_number *number)
{
    uint64_t more = (uint64_t)(uint32_t)number->exponent << 1 | number->negative;
    uint64_t hash = canon_hash_word(seed, CANON_LONG_DECIMAL, more, number->digits);
    char piece[64];
    size_t len = 0;

    for (const char *at = number->first; at < number->end; at++) {
        if (*at != '.')
            piece[len++] = *at;
        if (len == sizeof(piece)) {
            hash = eff_xxh3(hash, piece, len);
            len = 0;
        }
    }
    return eff_xxh3(hash, piece, len);
}

static uint64_t
canon_hash_number(uint64_t seed, const struct canon_number *number)
{
    if (number->class == CANON_INT)
        return canon_hash_word(seed, CANON_INT, 0, number->word);
    if (number->class == CANON_LONG_DECIMAL)
        return canon_hash_digits(seed, number);
    return canon_hash_word(seed, CANON_DECIMAL,
                           (uint64_t)(uint32_t)number->exponent << 1 | number->negative,
                           number->word);
}

static bool canon_hash_json(uint64_t seed, const struct eff_json *value, uint64_t *ret_hash);

/* Members are added up, so their order does not matter; items of an array go in one by one. */
static bool
canon_hash_json_members(uint64_t seed, const struct eff_json *value, bool object,
                        uint64_t *ret_hash)
{
    struct eff_json_iter iter = eff_json_iterate(value);
    uint64_t hash = 0, count = 0, one;
    const struct eff_json *member;
    eff_str key;

    for (; eff_json_next(&iter, &key, &member); count++) {
        uint64_t member_seed =
            object ? canon_hash_bytes(seed, CANON_OBJECT, key.ptr, key.len) : seed;

        if (!canon_hash_json(member_seed, member, &one))
            return false;
        hash = object ? hash + eff_canon_mix(one) : eff_canon_mix(hash * 3 + one);
    }
    *ret_hash = canon_hash_word(seed, object ? CANON_OBJECT : CANON_ARRAY, count, hash);
    return true;
}

/* Nesting is bounded by the parser (EFF_JSON_DEPTH_MAX). */
static bool
canon_hash_json(uint64_t seed, const struct eff_json *value, uint64_t *ret_hash)
{
    enum eff_json_type type = eff_json_type(value);
    struct canon_number number;
    eff_str text;

    switch (type) {
    case EFF_JSON_NULL:
        *ret_hash = canon_hash_word(seed, CANON_NULL, 0, 0);
        return true;
    case EFF_JSON_BOOL:
        *ret_hash = canon_hash_word(seed, CANON_BOOL, 0, eff_json_bool(value));
        return true;
    case EFF_JSON_NUMBER:
        number = canon_number(eff_json_str(value));
        *ret_hash = canon_hash_number(seed, &number);
        return number.class != CANON_BAD;
    case EFF_JSON_STRING:
        text = eff_json_str(value);
        *ret_hash = canon_hash_bytes(seed, CANON_TEXT, text.ptr, text.len);
        return true;
    case EFF_JSON_ARRAY:
    case EFF_JSON_OBJECT:
        return canon_hash_json_members(seed, value, type == EFF_JSON_OBJECT, ret_hash);
    }
    return false;
}

static bool
canon_hash_json_text(uint64_t seed, eff_str text, struct eff_arena scratch, uint64_t *ret_hash)
{
    const struct eff_json *root;
    struct eff_err err = {0};

    if (eff_json_parse(text, &scratch, &root, &err) != EFF_OK)
        return false;
    return canon_hash_json(seed + CANON_JSON * 0x9e3779b97f4a7c15, root, ret_hash);
}

bool
eff_canon_hash(uint64_t seed, const struct eff_value *value, const struct eff_arena *scratch,
               uint64_t *ret_hash)
{
    struct canon_number number;

    switch ((enum eff_kind)value->kind) {
    case EFF_NULL:
        *ret_hash = canon_hash_word(seed, CANON_NULL, 0, 0);
        return true;
    case EFF_BOOL:
        *ret_hash = canon_hash_word(seed, CANON_BOOL, 0, value->i != 0);
        return true;
    case EFF_INT:
        *ret_hash = canon_hash_word(seed, CANON_INT, 0, (uint64_t)value->i);
        return true;
    case EFF_FLOAT:
        *ret_hash = canon_hash_word(seed, CANON_FLOAT, 0, canon_float(value->f));
        return true;
    case EFF_DECIMAL:
        number = canon_number(eff_value_str(value));
        if (number.class == CANON_BAD)
            break;
        *ret_hash = canon_hash_number(seed, &number);
        return true;
    case EFF_TEXT:
        if (!eff_canon_text_good(eff_value_str(value)))
            break;
        *ret_hash = canon_hash_bytes(seed, CANON_TEXT, value->ptr, value->len);
        return true;
    case EFF_BYTES:
        *ret_hash = canon_hash_bytes(seed, CANON_BYTES, value->ptr, value->len);
        return true;
    case EFF_DATE:
        *ret_hash = canon_hash_word(seed, CANON_DATE, 0, (uint64_t)value->i);
        return true;
    case EFF_TIME:
        *ret_hash = canon_hash_word(seed, CANON_TIME, value->len, (uint64_t)value->i);
        return true;
    case EFF_DATETIME:
        *ret_hash = canon_hash_word(seed, CANON_DATETIME, value->len, (uint64_t)value->i);
        return true;
    case EFF_INSTANT:
        *ret_hash = canon_hash_word(seed, CANON_INSTANT, value->len, (uint64_t)value->i);
        return true;
    case EFF_JSON:
        if (!canon_hash_json_text(seed, eff_value_str(value), *scratch, ret_hash))
            break;
        return true;
    case EFF_ABSENT:
        *ret_hash = canon_hash_word(seed, CANON_ABSENT, 0, 0);
        return true;
    case EFF_BAD:
        break;
    }
    *ret_hash = canon_hash_bytes(seed + value->kind, CANON_BAD, value->ptr, value->len);
    return false;
}

uint64_t
eff_value_hash(uint64_t seed, const struct eff_value *value, struct eff_arena scratch)
{
    uint64_t hash;

    eff_canon_hash(seed, value, &scratch, &hash);
    return hash;
}

/* ------------------------------------------------------------------ canonical bytes */

static void
canon_add_word(struct eff_buf *buf, unsigned class, uint64_t word)
{
    char *to = eff_buf_reserve(buf, 1 + sizeof(word));

    if (!to)
        return;
    word = htole64(word);
    to[0] = (char)class;
    memcpy(to + 1, &word, sizeof(word));
    eff_buf_grow(buf, 1 + sizeof(word));
}

static void
canon_add_bytes(struct eff_buf *buf, unsigned class, eff_str bytes)
{
    char *to = eff_buf_reserve(buf, 5 + bytes.len);

    if (!to)
        return;
    to[0] = (char)class;
    for (int i = 0; i < 4; i++)
        to[1 + i] = (char)(bytes.len >> (8 * i));
    if (bytes.len > 0)
        memcpy(to + 5, bytes.ptr, bytes.len);
    eff_buf_grow(buf, 5 + bytes.len);
}

/* Nanoseconds are always there, so that what follows cannot be taken for them. */
static void
canon_add_time(struct eff_buf *buf, unsigned class, const struct eff_value *value)
{
    canon_add_word(buf, class, (uint64_t)value->i);
    eff_buf_add_u32(buf, value->len);
}

static void
canon_add_number(struct eff_buf *buf, const struct canon_number *number)
{
    if (number->class == CANON_INT) {
        canon_add_word(buf, CANON_INT, number->word);
        return;
    }
    canon_add_word(buf, number->class,
                   number->class == CANON_DECIMAL ? number->word : number->digits);
    eff_buf_add_char(buf, number->negative);
    eff_buf_add_u32(buf, (uint32_t)number->exponent);
    for (const char *at = number->first; at && at < number->end; at++) {
        if (*at != '.')
            eff_buf_add_char(buf, *at);
    }
}

void
eff_value_canonical(struct eff_buf *buf, const struct eff_value *value)
{
    struct canon_number number;

    switch ((enum eff_kind)value->kind) {
    case EFF_NULL:
    case EFF_ABSENT:
    case EFF_JSON:
    case EFF_BAD:
        break; // none of them can be a key
    case EFF_BOOL:
        canon_add_word(buf, CANON_BOOL, value->i != 0);
        break;
    case EFF_INT:
        canon_add_word(buf, CANON_INT, (uint64_t)value->i);
        break;
    case EFF_FLOAT:
        canon_add_word(buf, CANON_FLOAT, canon_float(value->f));
        break;
    case EFF_DECIMAL:
        number = canon_number(eff_value_str(value));
        canon_add_number(buf, &number);
        break;
    case EFF_TEXT:
        canon_add_bytes(buf, CANON_TEXT, eff_value_str(value));
        break;
    case EFF_BYTES:
        canon_add_bytes(buf, CANON_BYTES, eff_value_str(value));
        break;
    case EFF_DATE:
        canon_add_word(buf, CANON_DATE, (uint64_t)value->i);
        break;
    case EFF_TIME:
        canon_add_time(buf, CANON_TIME, value);
        break;
    case EFF_DATETIME:
        canon_add_time(buf, CANON_DATETIME, value);
        break;
    case EFF_INSTANT:
        canon_add_time(buf, CANON_INSTANT, value);
        break;
    }
}
