/*
 * plan/cast: from one kind to another, exactly or not at all.
 *
 * What converts (rows: from, columns: to; "." is refused, "=" is the same value,
 * a letter refers to the rule below):
 *
 *              BOOL INT  FLOAT DECIMAL TEXT BYTES DATE TIME DATETIME INSTANT JSON
 *   BOOL        =    n    n     n       t    .     .    .    .        .       j
 *   INT         n    =    n     n       t    .     .    .    .        .       j
 *   FLOAT       n    n    =     n       t    .     .    .    .        .       j
 *   DECIMAL     n    n    n     =       t    .     .    .    .        .       j
 *   TEXT        b    n    n     n       =    6     d    d    d        d       p
 *   BYTES       .    .    .     .       6    =     .    .    .        .       j
 *   DATE        .    .    .     .       t    .     =    .    d        .       j
 *   TIME        .    .    .     .       t    .     .    =    .        .       j
 *   DATETIME    .    .    .     .       t    .     d    .    =        .       j
 *   INSTANT     .    .    .     .       t    .     .    .    .        =       j
 *   JSON        s    s    s     s       s    s     s    s    s        s       =
 *
 *   n  the same number. 0 and 1 only for BOOL; no fraction and 64 bits for INT;
 *      for FLOAT all digits must survive (0.1 does, 2^53 + 1 does not); no NaN
 *      and no infinity. TEXT must be a number from end to end: no blanks, no
 *      "1,000", no "0x10", no "NaN"; "1e3" is 1000.
 *   b  "true" and "false" in any case, "1" and "0": not "t", "yes", "on", "".
 *   t  the text form (flow/value); times from year 1 to 9999 only.
 *   6  base64, which is the text form of bytes.
 *   d  nothing may be lost or made up: DATE is midnight as DATETIME, and only
 *      midnight is a DATE. No zone is ever assumed, so nothing without one becomes
 *      an INSTANT, and an INSTANT becomes nothing else: the model says in which
 *      zone. TEXT is a date, a time of day or both as base/clock reads them;
 *      "0000-00-00" is not a day.
 *   p  text that is JSON from end to end.
 *   j  the JSON form (flow/value); no NaN and no infinity.
 *   s  a string, number or boolean as TEXT, DECIMAL or BOOL would; an array or
 *      object only to TEXT; null is NULL.
 *
 * NULL stays NULL and ABSENT stays ABSENT whatever is wanted.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/number.h"
#include "plan/convert.h"
#include "plan/transform.h"

#include <math.h>
#include <stdlib.h>

/* More than the longest canonical form of a double (326 zeros and 17 digits). */
#define CAST_NUMBER_MAX 400
/* Digits of a decimal that comes from text: far beyond any warehouse's, short of a bomb. */
#define CAST_DECIMAL_MAX 1000

#define CAST_DAY_MICROS INT64_C(86400000000)
#define CAST_DAY_FIRST  INT64_C(-719162) /* 0001-01-01 */
#define CAST_DAY_LAST   INT64_C(2932896) /* 9999-12-31 */

struct cast {
    enum eff_kind to;
    struct eff_arena *arena;
    struct eff_err *err;
};

static enum eff_fault
cast_refuse(const struct cast *cast, const struct eff_value *value, const char *why)
{
    return EFF_FAIL(cast->err, EFF_ROW, "cannot convert %s to %s: %s",
                    eff_kind_name((enum eff_kind)value->kind), eff_kind_name(cast->to), why);
}

static enum eff_fault
cast_refuse_kind(const struct cast *cast, const struct eff_value *value)
{
    return EFF_FAIL(cast->err, EFF_ROW, "cannot convert %s to %s",
                    eff_kind_name((enum eff_kind)value->kind), eff_kind_name(cast->to));
}

enum eff_fault
eff_convert_str(enum eff_kind kind, eff_str text, struct eff_value *ret_value, struct eff_err *err)
{
    if (text.len > UINT32_MAX)
        return EFF_FAIL(err, EFF_ROW, "the result is larger than 4 GiB");
    *ret_value = eff_value_of_str(kind, text);
    return EFF_OK;
}

static eff_str
cast_copy(struct eff_arena *arena, const char *text, size_t len)
{
    return eff_str_copy(arena, (eff_str){text, len});
}

eff_str
eff_convert_text(const struct eff_value *value, struct eff_arena *arena)
{
    char text[EFF_TIME_TEXT_MAX > EFF_DOUBLE_TEXT_MAX ? EFF_TIME_TEXT_MAX : EFF_DOUBLE_TEXT_MAX];

    switch ((enum eff_kind)value->kind) {
    case EFF_BOOL:
        return value->i ? EFF_STR("true") : EFF_STR("false");
    case EFF_INT:
        return cast_copy(arena, text, eff_int_text(value->i, text));
    case EFF_FLOAT:
        return cast_copy(arena, text, eff_double_text(value->f, text));
    case EFF_DECIMAL:
    case EFF_TEXT:
    case EFF_JSON:
        return eff_value_str(value);
    case EFF_BYTES:
        return eff_base64(arena, eff_value_str(value), false);
    case EFF_DATE:
        return cast_copy(arena, text, eff_date_text(value->i, text));
    case EFF_TIME:
        return cast_copy(arena, text, eff_timeofday_text(value->i, value->len, text));
    case EFF_DATETIME:
        return cast_copy(arena, text, eff_datetime_text(value->i, value->len, false, text));
    case EFF_INSTANT:
        return cast_copy(arena, text, eff_datetime_text(value->i, value->len, true, text));
    case EFF_NULL:
    case EFF_BAD:
    case EFF_ABSENT:
        break;
    }
    return EFF_STR("");
}

/* ------------------------------------------------------------------------- numbers */

/*
 * The one form of the number that a value holds, as exact decimal. Sets why when
 * it is none, or longer than CAST_NUMBER_MAX.
 */
static size_t
cast_number(const struct eff_value *value, char ret_text[CAST_NUMBER_MAX], const char **ret_why)
{
    char shortest[EFF_DOUBLE_TEXT_MAX];
    eff_str digits;
    size_t len;

    switch ((enum eff_kind)value->kind) {
    case EFF_BOOL:
        ret_text[0] = value->i ? '1' : '0';
        return 1;
    case EFF_INT:
        return eff_int_text(value->i, ret_text);
    case EFF_FLOAT:
        digits = (eff_str){shortest, eff_double_text(value->f, shortest)};
        break;
    default:
        digits = eff_value_str(value);
        break;
    }
    len = eff_decimal_canonical(digits, ret_text, CAST_NUMBER_MAX - 1);
    if (len == 0)
        *ret_why = eff_number_valid(digits) ? "it has too many digits" : "it is not a number";
    return len;
}

static bool
cast_is_numeric(const struct eff_value *value)
{
    return value->kind == EFF_BOOL || value->kind == EFF_INT || value->kind == EFF_FLOAT ||
           value->kind == EFF_DECIMAL;
}

static enum eff_fault
cast_to_bool(const struct cast *cast, const struct eff_value *value, struct eff_value *ret_value)
{
    char number[CAST_NUMBER_MAX];
    const char *why = NULL;
    eff_str text;

    if (value->kind == EFF_TEXT)
        text = eff_value_str(value);
    else if (cast_is_numeric(value))
        text = (eff_str){number, cast_number(value, number, &why)};
    else
        return cast_refuse_kind(cast, value);
    if (eff_str_is(text, "1") ||
        (value->kind == EFF_TEXT && eff_str_eq_nocase(text, EFF_STR("true"))))
        *ret_value = eff_value_of_int(EFF_BOOL, 1);
    else if (eff_str_is(text, "0") ||
             (value->kind == EFF_TEXT && eff_str_eq_nocase(text, EFF_STR("false"))))
        *ret_value = eff_value_of_int(EFF_BOOL, 0);
    else if (value->kind == EFF_TEXT)
        return cast_refuse(cast, value, "only true, false, 1 and 0 are booleans");
    else
        return cast_refuse(cast, value, "only 0 and 1 are booleans");
    return EFF_OK;
}

static enum eff_fault
cast_to_int(const struct cast *cast, const struct eff_value *value, struct eff_value *ret_value)
{
    char number[CAST_NUMBER_MAX];
    const char *why = NULL;
    int64_t i;
    eff_str text;

    if (!cast_is_numeric(value) && value->kind != EFF_TEXT)
        return cast_refuse_kind(cast, value);
    if (value->kind == EFF_FLOAT && fabs(value->f) >= 0x1p53 && fabs(value->f) < 0x1p64) {
        // Shortest digits stand for the whole gap between two doubles: take the value itself.
        if (value->f < -0x1p63 || value->f >= 0x1p63)
            return cast_refuse(cast, value, "it does not fit 64 bits");
        *ret_value = eff_value_of_int(EFF_INT, (int64_t)value->f);
        return EFF_OK;
    }
    text = (eff_str){number, cast_number(value, number, &why)};
    if (why)
        return cast_refuse(cast, value, why);
    if (eff_str_find_char(text, '.') != SIZE_MAX)
        return cast_refuse(cast, value, "it has a fraction");
    if (!eff_str_int(text, &i))
        return cast_refuse(cast, value, "it does not fit 64 bits");
    *ret_value = eff_value_of_int(EFF_INT, i);
    return EFF_OK;
}

static enum eff_fault
cast_to_float(const struct cast *cast, const struct eff_value *value, struct eff_value *ret_value)
{
    char number[CAST_NUMBER_MAX], again[CAST_NUMBER_MAX];
    const char *why = NULL;
    struct eff_value result;
    size_t len, again_len;

    if (!cast_is_numeric(value) && value->kind != EFF_TEXT)
        return cast_refuse_kind(cast, value);
    len = cast_number(value, number, &why);
    if (why)
        return cast_refuse(cast, value, why);
    number[len] = '\0';
    result = eff_value_of_float(strtod(number, NULL));
    again_len = cast_number(&result, again, &why);
    if (!eff_str_eq((eff_str){number, len}, (eff_str){again, again_len}))
        return cast_refuse(cast, value, "a float would lose digits of it");
    *ret_value = result;
    return EFF_OK;
}

static enum eff_fault
cast_to_decimal(const struct cast *cast, const struct eff_value *value, struct eff_value *ret_value)
{
    char number[CAST_NUMBER_MAX], many[CAST_DECIMAL_MAX];
    const char *why = NULL;
    size_t len;

    if (value->kind == EFF_TEXT) {
        // The text's own digits are sent, with their scale; the canonical form only bounds them.
        if (!eff_number_valid(eff_value_str(value)))
            return cast_refuse(cast, value, "it is not a number");
        if (eff_decimal_canonical(eff_value_str(value), many, sizeof(many)) == 0)
            return cast_refuse(cast, value, "it has too many digits");
        *ret_value = eff_value_of_str(EFF_DECIMAL, eff_value_str(value));
        return EFF_OK;
    }
    if (!cast_is_numeric(value))
        return cast_refuse_kind(cast, value);
    len = cast_number(value, number, &why);
    if (why)
        return cast_refuse(cast, value, why);
    *ret_value = eff_value_of_str(EFF_DECIMAL, cast_copy(cast->arena, number, len));
    return EFF_OK;
}

/* --------------------------------------------------------------------------- times */

bool
eff_convert_time_fits(const struct eff_value *value)
{
    if (value->kind == EFF_DATE)
        return value->i >= CAST_DAY_FIRST && value->i <= CAST_DAY_LAST;
    return value->i >= CAST_DAY_FIRST * CAST_DAY_MICROS &&
           value->i < (CAST_DAY_LAST + 1) * CAST_DAY_MICROS;
}

bool
eff_convert_time(eff_str text, struct eff_value *ret_value)
{
    struct eff_value value;
    struct eff_civil civil;

    if (!eff_time_parse(text, &civil))
        return false;
    if (!civil.has_time) {
        value = eff_value_of_int(EFF_DATE, eff_days_from_civil(civil.year, civil.month, civil.day));
    } else {
        value = eff_value_of_int(civil.has_offset ? EFF_INSTANT : EFF_DATETIME,
                                 eff_micros_from_civil(&civil));
        value.len = (uint32_t)(civil.nanos % 1000);
    }
    *ret_value = value;
    return true;
}

static enum eff_fault
cast_refuse_zone(const struct cast *cast, const struct eff_value *value)
{
    if (value->kind == EFF_INSTANT)
        cast_refuse(cast, value, "it depends on a time zone");
    else
        cast_refuse(cast, value, "it has no time zone");
    return eff_err_hint(cast->err, "Say by `zone:` which one it is, or convert it in the model, "
                                   "as in AT TIME ZONE 'Europe/Berlin'.");
}

static enum eff_fault
cast_to_date(const struct cast *cast, const struct eff_value *value, struct eff_value *ret_value)
{
    if (value->kind == EFF_DATE) {
        *ret_value = *value;
        return EFF_OK;
    }
    if (value->kind == EFF_INSTANT)
        return cast_refuse_zone(cast, value);
    if (value->kind != EFF_DATETIME)
        return cast_refuse_kind(cast, value);
    if (value->i % CAST_DAY_MICROS != 0 || value->len != 0)
        return cast_refuse(cast, value, "its time of day would be lost");
    *ret_value = eff_value_of_int(EFF_DATE, value->i / CAST_DAY_MICROS);
    return EFF_OK;
}

static enum eff_fault
cast_to_datetime(const struct cast *cast, const struct eff_value *value,
                 struct eff_value *ret_value)
{
    int64_t micros;

    if (value->kind == EFF_DATETIME) {
        *ret_value = *value;
        return EFF_OK;
    }
    if (value->kind == EFF_INSTANT)
        return cast_refuse_zone(cast, value);
    if (value->kind != EFF_DATE)
        return cast_refuse_kind(cast, value);
    if (__builtin_mul_overflow(value->i, CAST_DAY_MICROS, &micros))
        return cast_refuse(cast, value, "it is too far away");
    *ret_value = eff_value_of_int(EFF_DATETIME, micros);
    return EFF_OK;
}

static enum eff_fault
cast_to_instant(const struct cast *cast, const struct eff_value *value, struct eff_value *ret_value)
{
    if (value->kind == EFF_INSTANT) {
        *ret_value = *value;
        return EFF_OK;
    }
    if (value->kind == EFF_DATE || value->kind == EFF_DATETIME)
        return cast_refuse_zone(cast, value);
    return cast_refuse_kind(cast, value);
}

/* "12:30", "12:30:00.5": what may stand after a date, read after a date. */
static bool
cast_parse_timeofday(eff_str text, struct eff_value *ret_value)
{
    static const char day[] = "1970-01-01T";
    char both[sizeof(day) + 24];
    struct eff_value value;

    if (text.len == 0 || text.len > sizeof(both) - sizeof(day))
        return false;
    memcpy(both, day, sizeof(day) - 1);
    memcpy(both + sizeof(day) - 1, text.ptr, text.len);
    if (!eff_convert_time((eff_str){both, sizeof(day) - 1 + text.len}, &value) ||
        value.kind != EFF_DATETIME)
        return false;
    *ret_value = value;
    ret_value->kind = EFF_TIME;
    return true;
}

/* Text is read as a time of day before it comes here: nothing else becomes one. */
static enum eff_fault
cast_to_time(const struct cast *cast, const struct eff_value *value)
{
    if (value->kind == EFF_DATETIME)
        return cast_refuse(cast, value, "its date would be lost");
    if (value->kind == EFF_INSTANT)
        return cast_refuse_zone(cast, value);
    return cast_refuse_kind(cast, value);
}

static enum eff_fault
cast_time(const struct cast *cast, const struct eff_value *value, struct eff_value *ret_value)
{
    switch (cast->to) {
    case EFF_DATE:
        return cast_to_date(cast, value, ret_value);
    case EFF_DATETIME:
        return cast_to_datetime(cast, value, ret_value);
    case EFF_INSTANT:
        return cast_to_instant(cast, value, ret_value);
    default:
        return cast_to_time(cast, value);
    }
}

/* What the text says is read first, and then obeys the same rules as a typed value. */
static enum eff_fault
cast_text_time(const struct cast *cast, const struct eff_value *value, struct eff_value *ret_value)
{
    struct eff_value time;

    if (cast->to == EFF_TIME) {
        if (!cast_parse_timeofday(eff_value_str(value), ret_value))
            return cast_refuse(cast, value, "it is not a time as in 12:30:00");
        return EFF_OK;
    }
    if (!eff_convert_time(eff_value_str(value), &time))
        return cast_refuse(cast, value,
                           cast->to == EFF_DATE
                               ? "it is not a date as in 2026-01-31"
                               : "it is not a date and time as in 2026-01-31T12:30:00");
    return cast_time(cast, &time, ret_value);
}

/* --------------------------------------------------------- text, bytes, JSON */

/* Days outside the four-digit years have no text that others could read. */
static bool
cast_has_form(const struct eff_value *value)
{
    bool dated =
        value->kind == EFF_DATE || value->kind == EFF_DATETIME || value->kind == EFF_INSTANT;

    return !dated || eff_convert_time_fits(value);
}

static enum eff_fault
cast_to_text(const struct cast *cast, const struct eff_value *value, struct eff_value *ret_value)
{
    if (!cast_has_form(value))
        return cast_refuse(cast, value, "its year is not from 1 to 9999");
    return eff_convert_str(EFF_TEXT, eff_convert_text(value, cast->arena), ret_value, cast->err);
}

static enum eff_fault
cast_to_bytes(const struct cast *cast, const struct eff_value *value, struct eff_value *ret_value)
{
    eff_str bytes;

    if (value->kind != EFF_TEXT)
        return cast_refuse_kind(cast, value);
    if (!eff_base64_decode(cast->arena, eff_value_str(value), &bytes))
        return cast_refuse(cast, value, "it is not base64");
    return eff_convert_str(EFF_BYTES, bytes, ret_value, cast->err);
}

/* Its own words: the parser's would show where in the value it stumbled. */
static enum eff_fault
cast_parse_json(const struct cast *cast, const struct eff_value *value, struct eff_arena *arena,
                const struct eff_json **ret_root)
{
    enum eff_fault fault = eff_json_parse(eff_value_str(value), arena, ret_root, cast->err);

    return fault == EFF_ROW ? cast_refuse(cast, value, "it is not valid json") : fault;
}

static enum eff_fault
cast_to_json(const struct cast *cast, const struct eff_value *value, struct eff_value *ret_value)
{
    struct eff_arena scratch = *cast->arena;
    const struct eff_json *root;
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    char number[CAST_NUMBER_MAX];
    const char *why = NULL;
    eff_str text;

    if (value->kind == EFF_TEXT) {
        EFF_TRY(cast_parse_json(cast, value, &scratch, &root));
        *ret_value = eff_value_of_str(EFF_JSON, eff_value_str(value));
        return EFF_OK;
    }
    if (value->kind == EFF_FLOAT || value->kind == EFF_DECIMAL)
        cast_number(value, number, &why);
    else if (!cast_has_form(value))
        why = "its year is not from 1 to 9999";
    if (why)
        return cast_refuse(cast, value, why);
    eff_value_json(&w, value);
    text = eff_str_copy(cast->arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return eff_convert_str(EFF_JSON, text, ret_value, cast->err);
}

/* NULL, BOOL, DECIMAL or TEXT of a scalar; JSON for an array or object. */
static enum eff_fault
cast_unwrap_json(const struct cast *cast, const struct eff_value *value,
                 struct eff_value *ret_value)
{
    const struct eff_json *root;

    EFF_TRY(cast_parse_json(cast, value, cast->arena, &root));
    switch (eff_json_type(root)) {
    case EFF_JSON_NULL:
        *ret_value = (struct eff_value){.kind = EFF_NULL};
        return EFF_OK;
    case EFF_JSON_BOOL:
        *ret_value = eff_value_of_int(EFF_BOOL, eff_json_bool(root));
        return EFF_OK;
    case EFF_JSON_NUMBER:
        return eff_convert_str(EFF_DECIMAL, eff_json_str(root), ret_value, cast->err);
    case EFF_JSON_STRING:
        return eff_convert_str(EFF_TEXT, eff_json_str(root), ret_value, cast->err);
    case EFF_JSON_ARRAY:
    case EFF_JSON_OBJECT:
        break;
    }
    *ret_value = *value;
    return EFF_OK;
}

/* ----------------------------------------------------------------------- the table */

static enum eff_fault
cast_scalar(const struct cast *cast, const struct eff_value *value, struct eff_value *ret_value)
{
    switch (cast->to) {
    case EFF_BOOL:
        return cast_to_bool(cast, value, ret_value);
    case EFF_INT:
        return cast_to_int(cast, value, ret_value);
    case EFF_FLOAT:
        return cast_to_float(cast, value, ret_value);
    case EFF_DECIMAL:
        return cast_to_decimal(cast, value, ret_value);
    case EFF_TEXT:
        return cast_to_text(cast, value, ret_value);
    case EFF_BYTES:
        return cast_to_bytes(cast, value, ret_value);
    case EFF_DATE:
    case EFF_TIME:
    case EFF_DATETIME:
    case EFF_INSTANT:
        return value->kind == EFF_TEXT ? cast_text_time(cast, value, ret_value)
                                       : cast_time(cast, value, ret_value);
    case EFF_JSON:
        return cast_to_json(cast, value, ret_value);
    case EFF_NULL:
    case EFF_BAD:
    case EFF_ABSENT:
        break;
    }
    return EFF_FAIL(cast->err, EFF_CONFIG, "%s is not a type to convert to",
                    eff_kind_name(cast->to));
}

enum eff_fault
eff_transform_cast(enum eff_kind kind, const struct eff_value *value, struct eff_arena *arena,
                   struct eff_value *ret_value, struct eff_err *err)
{
    struct cast cast = {kind, arena, err};
    struct eff_value plain;

    if (value->kind == EFF_BAD)
        return EFF_FAIL(err, EFF_ROW, EFF_STR_FMT, EFF_STR_ARG(eff_value_str(value)));
    if (value->kind == kind || value->kind == EFF_NULL || value->kind == EFF_ABSENT) {
        *ret_value = *value;
        return EFF_OK;
    }
    if (value->kind != EFF_JSON)
        return cast_scalar(&cast, value, ret_value);
    EFF_TRY(cast_unwrap_json(&cast, value, &plain));
    if (plain.kind == EFF_JSON && kind != EFF_TEXT)
        return cast_refuse(&cast, value, "it is an array or an object");
    if (plain.kind == EFF_NULL || plain.kind == kind) {
        *ret_value = plain;
        return EFF_OK;
    }
    return cast_scalar(&cast, &plain, ret_value);
}
