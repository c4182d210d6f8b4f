/*
 * source/snowflake_rows: what is in the SQL API's answers.
 *
 * A partition is one JSON text of many megabytes. It is walked once, row by row,
 * and cells are slices of it: no tree is built.
 */
#include "source/snowflake_rows.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/number.h"
#include "source/convert.h"

#define SNOW_NANOS      1000000000
#define SNOW_DAY_MICROS 86400000000
#define SNOW_REAL_MAX   64

/* ------------------------------------------------------------------------------- types */

static const struct {
    const char *name;
    enum eff_snow_form form;
} snow_forms[] = {
    {"FIXED", EFF_SNOW_FIXED},       {"DECFLOAT", EFF_SNOW_DECIMAL},
    {"REAL", EFF_SNOW_REAL},         {"BOOLEAN", EFF_SNOW_BOOLEAN},
    {"TEXT", EFF_SNOW_TEXT},         {"BINARY", EFF_SNOW_BINARY},
    {"DATE", EFF_SNOW_DATE},         {"TIME", EFF_SNOW_TIME},
    {"TIMESTAMP_NTZ", EFF_SNOW_NTZ}, {"TIMESTAMP_LTZ", EFF_SNOW_LTZ},
    {"TIMESTAMP_TZ", EFF_SNOW_TZ},   {"VARIANT", EFF_SNOW_JSON},
    {"OBJECT", EFF_SNOW_JSON},       {"ARRAY", EFF_SNOW_JSON},
    {"MAP", EFF_SNOW_JSON},          {"VECTOR", EFF_SNOW_JSON},
    {"GEOGRAPHY", EFF_SNOW_GEO},     {"GEOMETRY", EFF_SNOW_GEO},
};

enum eff_snow_form
eff_snow_form_of(eff_str type, int64_t scale)
{
    for (size_t i = 0; i < sizeof(snow_forms) / sizeof(snow_forms[0]); i++) {
        if (eff_str_eq_nocase(type, eff_str_of(snow_forms[i].name)))
            return snow_forms[i].form == EFF_SNOW_FIXED && scale != 0 ? EFF_SNOW_DECIMAL
                                                                      : snow_forms[i].form;
    }
    return EFF_SNOW_TEXT;
}

enum eff_kind
eff_snow_kind_of(enum eff_snow_form form)
{
    static const enum eff_kind kinds[] = {
        [EFF_SNOW_TEXT] = EFF_TEXT,       [EFF_SNOW_FIXED] = EFF_INT,
        [EFF_SNOW_DECIMAL] = EFF_DECIMAL, [EFF_SNOW_REAL] = EFF_FLOAT,
        [EFF_SNOW_BOOLEAN] = EFF_BOOL,    [EFF_SNOW_BINARY] = EFF_BYTES,
        [EFF_SNOW_DATE] = EFF_DATE,       [EFF_SNOW_TIME] = EFF_TIME,
        [EFF_SNOW_NTZ] = EFF_DATETIME,    [EFF_SNOW_LTZ] = EFF_INSTANT,
        [EFF_SNOW_TZ] = EFF_INSTANT,      [EFF_SNOW_JSON] = EFF_JSON,
        [EFF_SNOW_GEO] = EFF_JSON,
    };

    return kinds[form];
}

static bool
snow_number(enum eff_snow_form form, eff_str text, struct eff_value *ret_value)
{
    int64_t i;

    if (form == EFF_SNOW_FIXED && eff_str_int(text, &i)) {
        *ret_value = eff_value_of_int(EFF_INT, i);
        return true;
    }
    *ret_value = eff_value_of_str(EFF_DECIMAL, text);
    return eff_number_valid(text);
}

static bool
snow_real(eff_str text, struct eff_value *ret_value)
{
    char copy[SNOW_REAL_MAX], *end;

    if (text.len == 0 || text.len >= sizeof(copy) || text.ptr[0] == ' ')
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    *ret_value = eff_value_of_float(strtod(copy, &end)); // knows inf, -inf and NaN, too
    return end == copy + text.len;
}

static bool
snow_boolean(eff_str text, struct eff_value *ret_value)
{
    bool yes = eff_str_eq_nocase(text, EFF_STR("true")) || eff_str_is(text, "1");

    *ret_value = eff_value_of_int(EFF_BOOL, yes);
    return yes || eff_str_eq_nocase(text, EFF_STR("false")) || eff_str_is(text, "0");
}

static bool
snow_binary(eff_str text, struct eff_arena *batch, struct eff_value *ret_value)
{
    char *bytes = eff_convert_room(batch, text.len / 2);

    if (!bytes) {
        *ret_value = eff_convert_bad("the value is too large");
        return true;
    }
    *ret_value = eff_value_of_str(EFF_BYTES, (eff_str){bytes, text.len / 2});
    return text.len % 2 == 0 && eff_unhex(text, bytes, text.len / 2);
}

/* -------------------------------------------------------------------------------- time */

/* "-1.500000000" as -2 seconds and 500,000,000 nanoseconds: a fraction of 0 to 9 digits. */
static bool
snow_seconds(eff_str text, int64_t *ret_seconds, int64_t *ret_nanos)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    eff_str whole, fraction;
    uint64_t seconds, nanos = 0;

    if (negative)
        text = eff_str_sub(text, 1, SIZE_MAX);
    if (!eff_str_cut(text, '.', &whole, &fraction))
        fraction = EFF_STR("0");
    // No second sign; 10^12 seconds are beyond all years that there are.
    if (whole.len == 0 || whole.len > 12 || fraction.len == 0 || fraction.len > 9 ||
        whole.ptr[0] == '+' || whole.ptr[0] == '-' || !eff_str_uint(whole, &seconds) ||
        fraction.ptr[0] == '+' || fraction.ptr[0] == '-' || !eff_str_uint(fraction, &nanos))
        return false;
    for (size_t i = fraction.len; i < 9; i++)
        nanos *= 10;
    *ret_seconds = negative ? -(int64_t)seconds : (int64_t)seconds;
    *ret_nanos = (int64_t)nanos;
    if (negative && nanos > 0) {
        *ret_seconds -= 1;
        *ret_nanos = SNOW_NANOS - (int64_t)nanos;
    }
    return true;
}

static bool
snow_time(eff_str text, struct eff_value *ret_value)
{
    int64_t seconds, nanos;

    if (!snow_seconds(text, &seconds, &nanos))
        return false;
    *ret_value = eff_value_of_int(EFF_TIME, seconds * 1000000 + nanos / 1000);
    ret_value->len = (uint32_t)(nanos % 1000);
    return ret_value->i >= 0 && ret_value->i < SNOW_DAY_MICROS;
}

static bool
snow_timestamp(enum eff_snow_form form, eff_str text, struct eff_value *ret_value)
{
    int64_t seconds, nanos;
    uint64_t offset; /* minutes, plus 1440 */
    eff_str zone;

    if (form == EFF_SNOW_TZ &&
        (!eff_str_cut(text, ' ', &text, &zone) || !eff_str_uint(zone, &offset) || offset > 2880))
        return false;
    if (!snow_seconds(text, &seconds, &nanos))
        return false;
    *ret_value = eff_convert_micros(form == EFF_SNOW_NTZ ? EFF_DATETIME : EFF_INSTANT,
                                    seconds * 1000000 + nanos / 1000, (unsigned)(nanos % 1000));
    return true;
}

/* -------------------------------------------------------------------------------- JSON */

/* A place of an ARRAY that holds nothing is shown as `undefined`, which is no JSON. */
static struct eff_value
snow_json(eff_str text, struct eff_arena *batch)
{
    static const eff_str hole = {"undefined", 9};
    bool in_string = false;
    size_t out = 0;
    char *copy;

    if (eff_str_find(text, hole) == SIZE_MAX)
        return eff_value_of_str(EFF_JSON, text);
    copy = eff_convert_room(batch, text.len);
    if (!copy)
        return eff_convert_bad("the value is too large");
    for (size_t i = 0; i < text.len; i++) {
        if (!in_string && eff_str_starts(eff_str_sub(text, i, SIZE_MAX), hole)) {
            memcpy(copy + out, "null", 4);
            out += 4;
            i += hole.len - 1;
            continue;
        }
        if (text.ptr[i] == '"')
            in_string = !in_string;
        copy[out++] = text.ptr[i];
        if (in_string && text.ptr[i] == '\\' && i + 1 < text.len)
            copy[out++] = text.ptr[++i];
    }
    return eff_value_of_str(EFF_JSON, (eff_str){copy, out});
}

bool
eff_snow_value(enum eff_snow_form form, eff_str text, struct eff_arena *batch,
               struct eff_value *ret_value)
{
    int64_t days;

    if (text.len > UINT32_MAX) {
        *ret_value = eff_convert_bad("the value is too large");
        return true;
    }
    switch (form) {
    case EFF_SNOW_FIXED:
    case EFF_SNOW_DECIMAL:
        return snow_number(form, text, ret_value);
    case EFF_SNOW_REAL:
        return snow_real(text, ret_value);
    case EFF_SNOW_BOOLEAN:
        return snow_boolean(text, ret_value);
    case EFF_SNOW_BINARY:
        return snow_binary(text, batch, ret_value);
    case EFF_SNOW_DATE:
        if (!eff_str_int(text, &days))
            return false;
        *ret_value = eff_convert_date(days);
        return true;
    case EFF_SNOW_TIME:
        return snow_time(text, ret_value);
    case EFF_SNOW_NTZ:
    case EFF_SNOW_LTZ:
    case EFF_SNOW_TZ:
        return snow_timestamp(form, text, ret_value);
    case EFF_SNOW_JSON:
        *ret_value = snow_json(text, batch);
        return true;
    case EFF_SNOW_GEO:
        *ret_value = text.len > 0 && text.ptr[0] == '{' ? snow_json(text, batch)
                                                        : eff_value_of_str(EFF_TEXT, text);
        return true;
    case EFF_SNOW_TEXT:
        *ret_value = eff_value_of_str(EFF_TEXT, text);
        return true;
    }
    return false;
}

/* --------------------------------------------------------------------- walking the text */

static const char *
snow_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r'))
        at++;
    return at;
}

/* From behind an opening quote to behind the closing one; NULL when there is none. */
static const char *
snow_string(const char *at, const char *end)
{
    for (; at < end; at++) {
        if (*at == '"')
            return at + 1;
        if (*at == '\\')
            at++;
    }
    return NULL;
}

/* Past one value; brackets are counted, not paired: what is used is read strictly later. */
static const char *
snow_skip(const char *at, const char *end)
{
    unsigned depth = 0;

    do {
        if (at == end)
            return NULL;
        if (*at == '"') {
            at = snow_string(at + 1, end);
            if (!at)
                return NULL;
        } else if (*at == '[' || *at == '{') {
            depth++;
            at++;
        } else if (*at == ']' || *at == '}') {
            if (depth == 0)
                return NULL;
            depth--;
            at++;
        } else if (depth > 0) {
            at++;
        } else {
            while (at < end && !strchr(",]} \n\t\r", *at))
                at++;
        }
    } while (depth > 0);
    return at;
}

static void
snow_keep(struct eff_snow_answer *answer, eff_str key, eff_str value)
{
    const struct {
        const char *name;
        eff_str *to;
    } known[] = {
        {"code", &answer->code},          {"message", &answer->message},
        {"sqlState", &answer->sql_state}, {"statementHandle", &answer->handle},
        {"data", &answer->data},          {"resultSetMetaData", &answer->meta},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (eff_str_is(key, known[i].name))
            *known[i].to = value;
    }
}

bool
eff_snow_answer_read(eff_str body, struct eff_snow_answer *ret_answer)
{
    const char *at, *end, *from;
    bool more = true;

    *ret_answer = (struct eff_snow_answer){0};
    if (body.len == 0)
        return false;
    end = body.ptr + body.len;
    at = snow_blanks(body.ptr, end);
    if (at == end || *at++ != '{')
        return false;
    at = snow_blanks(at, end);
    if (at < end && *at == '}')
        more = false;
    while (more) {
        eff_str key;

        at = snow_blanks(at, end);
        if (at == end || *at != '"')
            return false;
        from = ++at;
        at = snow_string(at, end);
        if (!at)
            return false;
        key = (eff_str){from, (size_t)(at - 1 - from)};
        at = snow_blanks(at, end);
        if (at == end || *at++ != ':')
            return false;
        from = at = snow_blanks(at, end);
        at = snow_skip(at, end);
        if (!at || at == from)
            return false;
        snow_keep(ret_answer, key, (eff_str){from, (size_t)(at - from)});
        at = snow_blanks(at, end);
        if (at == end || (*at != ',' && *at != '}'))
            return false;
        more = *at == ',';
        at += more;
    }
    return snow_blanks(at + 1, end) == end;
}

/* -------------------------------------------------------------------------------- rows */

void
eff_snow_rows_open(struct eff_snow_rows *rows, char *data, size_t len)
{
    *rows = (struct eff_snow_rows){.at = data, .end = data + len};
}

static int
snow_hex4(const char *at, const char *end)
{
    int code = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    return code;
}

static char *
snow_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (code & 0x3f));
    return to;
}

/* One \uXXXX, or the two of a pair; *at stands behind the u. */
static char *
snow_unicode(char **at, const char *end, char *to)
{
    int high = snow_hex4(*at, end), low;

    if (high < 0)
        return NULL;
    *at += 4;
    if (high < 0xd800 || high > 0xdfff)
        return snow_utf8(to, (unsigned)high);
    if (high > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return NULL;
    low = snow_hex4(*at + 2, end);
    if (low < 0xdc00 || low > 0xdfff)
        return NULL;
    *at += 6;
    return snow_utf8(to, 0x10000 + ((unsigned)(high - 0xd800) << 10) + (unsigned)(low - 0xdc00));
}

/* One escape; *at stands behind the backslash. An escape is never shorter than what it means. */
static char *
snow_escape(char **at, const char *end, char *to)
{
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *name;

    if (*at == end)
        return NULL;
    if (**at == 'u') {
        ++*at;
        return snow_unicode(at, end, to);
    }
    name = **at ? strchr(names, **at) : NULL;
    if (!name)
        return NULL;
    ++*at;
    *to++ = meant[name - names];
    return to;
}

/* The string that begins behind the quote at rows->at; false when it does not end well. */
static bool
snow_text(struct eff_snow_rows *rows, eff_str *ret_text)
{
    char *from = rows->at, *at = from, *to;

    while (at < rows->end && *at != '"' && *at != '\\' && (unsigned char)*at >= ' ')
        at++;
    to = at;
    while (at < rows->end && *at != '"') {
        if ((unsigned char)*at < ' ')
            return false;
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        at++;
        to = snow_escape(&at, rows->end, to);
        if (!to)
            return false;
    }
    *ret_text = (eff_str){from, (size_t)(to - from)};
    rows->at = at + 1;
    return at < rows->end;
}

static bool
snow_take(struct eff_snow_rows *rows, char c)
{
    rows->at = (char *)snow_blanks(rows->at, rows->end);
    if (rows->at == rows->end || *rows->at != c)
        return false;
    rows->at++;
    return true;
}

static bool
snow_cell(struct eff_snow_rows *rows, eff_str *ret_cell)
{
    if (snow_take(rows, '"'))
        return snow_text(rows, ret_cell);
    *ret_cell = EFF_STR_NONE;
    if (rows->end - rows->at < 4 || memcmp(rows->at, "null", 4) != 0)
        return false;
    rows->at += 4;
    return true;
}

enum eff_snow_row
eff_snow_rows_next(struct eff_snow_rows *rows, size_t width, eff_str *ret_cells)
{
    bool first = !rows->begun;

    if (first && !snow_take(rows, '['))
        return EFF_SNOW_DAMAGED;
    rows->begun = true;
    if (snow_take(rows, ']'))
        return snow_blanks(rows->at, rows->end) == rows->end ? EFF_SNOW_END : EFF_SNOW_DAMAGED;
    if ((!first && !snow_take(rows, ',')) || !snow_take(rows, '['))
        return EFF_SNOW_DAMAGED;
    for (size_t i = 0; i < width; i++) {
        if ((i > 0 && !snow_take(rows, ',')) || !snow_cell(rows, &ret_cells[i]))
            return EFF_SNOW_DAMAGED;
    }
    return snow_take(rows, ']') ? EFF_SNOW_ROW : EFF_SNOW_DAMAGED;
}
