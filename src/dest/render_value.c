/* render_value: one canonical value in the vendor's text and JSON. */
#include "dest/render_value.h"
#include "base/clock.h"
#include "base/number.h"

#include <math.h>

#define VALUE_DAY_S 86400
/* 0000-01-01T00:00:00 to 9999-12-31T23:59:59.999999 */
#define VALUE_MICROS_FIRST (-INT64_C(62167219200000000))
#define VALUE_MICROS_LAST  INT64_C(253402300799999999)

static int64_t
value_floor(int64_t number, int64_t by)
{
    return number / by - (number % by < 0);
}

/* Milliseconds always, in three digits: what several vendors document as their only form. */
static size_t
value_iso_ms(int64_t micros, bool zone, char ret_text[EFF_VALUE_TEXT_MAX])
{
    char *to = ret_text;
    int64_t fraction;

    if (micros < VALUE_MICROS_FIRST || micros > VALUE_MICROS_LAST)
        return eff_datetime_text(micros, 0, zone, ret_text);
    fraction = micros - value_floor(micros, 1000000) * 1000000;
    to += eff_datetime_text(micros - fraction, 0, false, to);
    *to++ = '.';
    to = eff_digits_text(to, (uint64_t)fraction / 1000, 3);
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

static void
value_as_string(struct eff_json_writer *w, const struct eff_value *value, struct eff_buf *text)
{
    char digits[EFF_INT_TEXT_MAX];

    if (value->kind == EFF_INT) {
        eff_json_write_str(w, (eff_str){digits, eff_int_text(value->i, digits)});
        return;
    }
    text->len = 0;
    eff_value_text(text, value);
    eff_json_write_str(w, eff_buf_str(text));
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
    char *to = eff_json_place(w, EFF_VALUE_TEXT_MAX + 2);
    bool number;
    size_t len;

    if (!to)
        return;
    len = eff_values_time(values, value, &number, to + 1); // nothing in it needs an escape
    if (number && !values->number_text) {
        memmove(to, to + 1, len);
        eff_buf_grow(w->buf, len);
        return;
    }
    to[0] = '"';
    to[1 + len] = '"';
    eff_buf_grow(w->buf, len + 2);
}

static bool
value_json_decimal(const struct eff_values *values, struct eff_json_writer *w,
                   const struct eff_value *value, struct eff_buf *text)
{
    eff_str number = eff_value_str(value);

    if (!values->number_text && eff_number_is_json(number)) {
        eff_json_write_raw(w, number);
        return true;
    }
    if (!eff_number_valid(number))
        return false;
    if (values->number_text)
        value_as_string(w, value, text);
    else
        eff_value_json(w, value);
    return true;
}

bool
eff_values_json(const struct eff_values *values, struct eff_json_writer *w,
                const struct eff_value *value, struct eff_arena scratch, struct eff_buf *text)
{
    switch ((enum eff_kind)value->kind) {
    case EFF_TEXT:
        eff_json_write_str(w, eff_value_str(value));
        return true;
    case EFF_NULL:
    case EFF_ABSENT:
        if (values->null_is_text)
            eff_json_write_str(w, values->null_text);
        else
            eff_json_write_null(w);
        return true;
    case EFF_INT:
        if (values->number_text)
            value_as_string(w, value, text);
        else
            eff_json_write_int(w, value->i);
        return true;
    case EFF_FLOAT:
        if (!isfinite(value->f))
            return false;
        if (values->number_text)
            value_as_string(w, value, text);
        else
            eff_json_write_double(w, value->f);
        return true;
    case EFF_DECIMAL:
        return value_json_decimal(values, w, value, text);
    case EFF_BOOL:
        if (values->boolean_text)
            eff_json_write_str(w, value->i ? EFF_STR("true") : EFF_STR("false"));
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
