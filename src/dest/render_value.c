/* render_value: one canonical value in the vendor's text and JSON. */
#include "dest/render_value.h"
#include "base/clock.h"
#include "base/number.h"

#include <math.h>

#define VALUE_DAY_S 86400

static int64_t
value_floor(int64_t number, int64_t by)
{
    return number / by - (number % by < 0);
}

static char *
value_digits(char *to, int number, int digits)
{
    for (int i = digits - 1; i >= 0; i--, number /= 10)
        to[i] = (char)('0' + number % 10);
    return to + digits;
}

/* Milliseconds always, in three digits: what several vendors document as their only form. */
static size_t
value_iso_ms(int64_t micros, bool zone, char ret_text[EFF_VALUE_TEXT_MAX])
{
    struct eff_civil at = eff_civil_from_micros(micros, 0);
    char *to = ret_text;

    if (at.year < 0 || at.year > 9999)
        return eff_datetime_text(micros, 0, zone, ret_text);
    to = value_digits(to, at.year, 4);
    *to++ = '-';
    to = value_digits(to, at.month, 2);
    *to++ = '-';
    to = value_digits(to, at.day, 2);
    *to++ = 'T';
    to = value_digits(to, at.hour, 2);
    *to++ = ':';
    to = value_digits(to, at.minute, 2);
    *to++ = ':';
    to = value_digits(to, at.second, 2);
    *to++ = '.';
    to = value_digits(to, at.nanos / 1000000, 3);
    if (zone)
        *to++ = 'Z';
    return (size_t)(to - ret_text);
}

static size_t
value_moment(const struct eff_values *values, const struct eff_value *value, bool *ret_number,
             char ret_text[EFF_VALUE_TEXT_MAX])
{
    bool zone = value->kind == EFF_INSTANT || values->naive_utc;

    *ret_number = values->time == EFF_TIME_EPOCH_S || values->time == EFF_TIME_EPOCH_MS;
    switch (values->time) {
    case EFF_TIME_ISO:
        return eff_datetime_text(value->i, value->len, zone, ret_text);
    case EFF_TIME_ISO_MS:
        return value_iso_ms(value->i, zone, ret_text);
    case EFF_TIME_EPOCH_S:
        return eff_int_text(value_floor(value->i, 1000000), ret_text);
    case EFF_TIME_EPOCH_MS:
        return eff_int_text(value_floor(value->i, 1000), ret_text);
    }
    return 0;
}

/* Dates and times as text or as a number of seconds or milliseconds; 0 for other kinds. */
size_t
eff_values_time(const struct eff_values *values, const struct eff_value *value, bool *ret_number,
                char ret_text[EFF_VALUE_TEXT_MAX])
{
    int64_t seconds;

    *ret_number = false;
    switch ((enum eff_kind)value->kind) {
    case EFF_INSTANT:
    case EFF_DATETIME:
        return value_moment(values, value, ret_number, ret_text);
    case EFF_TIME:
        return eff_timeofday_text(value->i, value->len, ret_text);
    case EFF_DATE:
        if (values->date != EFF_TIME_EPOCH_S && values->date != EFF_TIME_EPOCH_MS)
            return eff_date_text(value->i, ret_text);
        *ret_number = true;
        if (__builtin_mul_overflow(value->i, (int64_t)VALUE_DAY_S * 1000, &seconds))
            return 0;
        return eff_int_text(values->date == EFF_TIME_EPOCH_S ? seconds / 1000 : seconds, ret_text);
    default:
        return 0;
    }
}

/* A list of plain values as "a;b"; false when it is no such list. */
static bool
value_join(const struct eff_values *values, const struct eff_json *list, struct eff_buf *buf)
{
    struct eff_json_iter iter = eff_json_iterate(list);
    const struct eff_json *item;
    size_t count = 0;

    if (eff_json_type(list) != EFF_JSON_ARRAY)
        return false;
    while (eff_json_next(&iter, NULL, &item)) {
        eff_str text = eff_json_str(item);

        if (!text.ptr)
            return false;
        if (count++ > 0)
            eff_buf_add(buf, values->list_join);
        eff_buf_add(buf, text);
    }
    return true;
}

/* JSON from the source is parsed again: text that only looks like it must not break the body. */
static bool
value_json_text(const struct eff_values *values, const struct eff_value *value,
                struct eff_arena scratch, bool *ret_joined, struct eff_buf *buf)
{
    const struct eff_json *json;
    struct eff_err err = {0};
    size_t from = buf->len;

    *ret_joined = false;
    if (eff_json_parse(eff_value_str(value), &scratch, &json, &err) != EFF_OK)
        return false;
    if (values->list == EFF_LIST_JOIN) {
        *ret_joined = value_join(values, json, buf);
        if (*ret_joined)
            return true;
        buf->len = from;
    }
    eff_json_print(buf, json, false);
    return true;
}

bool
eff_values_text(const struct eff_values *values, const struct eff_value *value,
                struct eff_arena scratch, struct eff_buf *buf)
{
    char text[EFF_VALUE_TEXT_MAX];
    bool flag;

    switch ((enum eff_kind)value->kind) {
    case EFF_FLOAT:
        if (!isfinite(value->f))
            return false;
        break;
    case EFF_BAD:
        return false;
    case EFF_INSTANT:
    case EFF_DATETIME:
    case EFF_DATE:
    case EFF_TIME:
        eff_buf_add_bytes(buf, text, eff_values_time(values, value, &flag, text));
        return true;
    case EFF_JSON:
        return value_json_text(values, value, scratch, &flag, buf);
    default:
        break;
    }
    eff_value_text(buf, value);
    return true;
}

#define VALUE_EACH_BYTE(c) (0x0101010101010101u * (uint64_t)(c))

/* Printable ASCII without quotes and backslashes; eight bytes at a time. */
static bool
value_plain(eff_str s)
{
    uint64_t odd = 0;

    for (size_t at = 0; at < s.len; at += 8) {
        uint64_t word = VALUE_EACH_BYTE('a'), quote, slash;

        memcpy(&word, s.ptr + at, s.len - at < 8 ? s.len - at : 8);
        quote = word ^ VALUE_EACH_BYTE('"');
        slash = word ^ VALUE_EACH_BYTE('\\');
        // The top bit of a byte: it is above 0x7f, below 0x20, or zero after the exclusive or.
        odd |= word | (word - VALUE_EACH_BYTE(0x20)) | (quote - VALUE_EACH_BYTE(1)) |
               (slash - VALUE_EACH_BYTE(1));
    }
    return (odd & VALUE_EACH_BYTE(0x80)) == 0;
}

/* Most texts have nothing to escape, and stand behind a key: they are copied as they are. */
static void
value_string(struct eff_json_writer *w, eff_str s)
{
    char *to;

    if (!w->after_key || !value_plain(s)) {
        eff_json_write_str(w, s);
        return;
    }
    w->after_key = false;
    to = eff_buf_reserve(w->buf, s.len + 2);
    if (!to)
        return;
    to[0] = '"';
    if (s.len)
        memcpy(to + 1, s.ptr, s.len);
    to[s.len + 1] = '"';
    eff_buf_grow(w->buf, s.len + 2);
}

static void
value_as_string(struct eff_json_writer *w, const struct eff_value *value, struct eff_buf *text)
{
    char digits[EFF_INT_TEXT_MAX];

    if (value->kind == EFF_INT) {
        value_string(w, (eff_str){digits, eff_int_text(value->i, digits)});
        return;
    }
    text->len = 0;
    eff_value_text(text, value);
    value_string(w, eff_buf_str(text));
}

static bool
value_json_nested(const struct eff_values *values, struct eff_json_writer *w,
                  const struct eff_value *value, struct eff_arena scratch, struct eff_buf *text)
{
    bool joined;

    text->len = 0;
    if (!value_json_text(values, value, scratch, &joined, text) || text->full)
        return false;
    if (joined || values->list == EFF_LIST_TEXT)
        eff_json_write_str(w, eff_buf_str(text));
    else
        eff_json_write_raw(w, eff_buf_str(text));
    return true;
}

static void
value_json_time(const struct eff_values *values, struct eff_json_writer *w,
                const struct eff_value *value)
{
    char text[EFF_VALUE_TEXT_MAX];
    bool number;
    eff_str s = {text, eff_values_time(values, value, &number, text)};

    if (number && !values->number_text)
        eff_json_write_raw(w, s);
    else
        value_string(w, s);
}

bool
eff_values_json(const struct eff_values *values, struct eff_json_writer *w,
                const struct eff_value *value, struct eff_arena scratch, struct eff_buf *text)
{
    switch ((enum eff_kind)value->kind) {
    case EFF_TEXT:
        value_string(w, eff_value_str(value));
        return true;
    case EFF_NULL:
    case EFF_ABSENT:
        if (values->null_is_text)
            value_string(w, values->null_text);
        else
            eff_json_write_null(w);
        return true;
    case EFF_FLOAT:
    case EFF_DECIMAL:
    case EFF_INT:
        if (value->kind == EFF_FLOAT && !isfinite(value->f))
            return false;
        if (value->kind == EFF_DECIMAL && !eff_number_valid(eff_value_str(value)))
            return false;
        if (values->number_text)
            value_as_string(w, value, text);
        else
            eff_value_json(w, value);
        return true;
    case EFF_BOOL:
        if (values->boolean_text)
            value_string(w, value->i ? EFF_STR("true") : EFF_STR("false"));
        else
            eff_json_write_bool(w, value->i != 0);
        return true;
    case EFF_DATE:
    case EFF_TIME:
    case EFF_DATETIME:
    case EFF_INSTANT:
        value_json_time(values, w, value);
        return true;
    case EFF_JSON:
        return value_json_nested(values, w, value, scratch, text);
    case EFF_BYTES:
        eff_value_json(w, value);
        return true;
    case EFF_BAD:
        return false;
    }
    return false;
}
