/*
 * flow/value: the text, JSON and file forms of a value.
 *
 * The file form is a kind byte, then the payload: integers as zigzag varints
 * (most are small), floats as their eight bytes, everything else as a varint
 * length and the bytes. The top bit of the kind byte says that a varint of
 * nanoseconds below the microsecond follows.
 */
#include "flow/value.h"

#include <endian.h>
#include <math.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/number.h"

/* The longest text of a time or a double. */
#define VALUE_TEXT_MAX                                                                             \
    (EFF_TIME_TEXT_MAX > EFF_DOUBLE_TEXT_MAX ? EFF_TIME_TEXT_MAX : EFF_DOUBLE_TEXT_MAX)

#define VALUE_WITH_NANOS 0x80
#define VALUE_VARINT_MAX 10

const char *
eff_kind_name(enum eff_kind kind)
{
    switch (kind) {
    case EFF_NULL:
        return "null";
    case EFF_BOOL:
        return "boolean";
    case EFF_INT:
        return "integer";
    case EFF_FLOAT:
        return "float";
    case EFF_DECIMAL:
        return "decimal";
    case EFF_TEXT:
        return "text";
    case EFF_BYTES:
        return "bytes";
    case EFF_DATE:
        return "date";
    case EFF_TIME:
        return "time";
    case EFF_DATETIME:
        return "datetime";
    case EFF_INSTANT:
        return "timestamp";
    case EFF_JSON:
        return "json";
    case EFF_BAD:
        return "bad";
    case EFF_ABSENT:
        return "absent";
    }
    return "unknown";
}

/* Of DATE, TIME, DATETIME or INSTANT. */
static size_t
value_time_text(const struct eff_value *value, char ret_text[EFF_TIME_TEXT_MAX])
{
    switch ((enum eff_kind)value->kind) {
    case EFF_DATE:
        return eff_date_text(value->i, ret_text);
    case EFF_TIME:
        return eff_timeofday_text(value->i, value->len, ret_text);
    case EFF_DATETIME:
        return eff_datetime_text(value->i, value->len, false, ret_text);
    default:
        return eff_datetime_text(value->i, value->len, true, ret_text);
    }
}

/* Straight into the buffer: a value can be as large as a source's blob, and there is no arena. */
static void
value_base64(struct eff_buf *buf, eff_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)bytes.ptr;
    size_t len = (bytes.len + 2) / 3 * 4;
    char *out = len ? eff_buf_reserve(buf, len) : NULL;

    if (!out)
        return;
    for (size_t i = 0; i < bytes.len; i += 3, out += 4) {
        size_t left = bytes.len - i;
        unsigned group = (unsigned)in[i] << 16 | (left > 1 ? (unsigned)in[i + 1] << 8 : 0) |
                         (left > 2 ? in[i + 2] : 0U);

        out[0] = digits[group >> 18];
        out[1] = digits[group >> 12 & 63];
        out[2] = left > 1 ? digits[group >> 6 & 63] : '=';
        out[3] = left > 2 ? digits[group & 63] : '=';
    }
    eff_buf_grow(buf, len);
}

void
eff_value_text(struct eff_buf *buf, const struct eff_value *value)
{
    char text[VALUE_TEXT_MAX];

    switch ((enum eff_kind)value->kind) {
    case EFF_BOOL:
        eff_buf_add(buf, value->i ? EFF_STR("true") : EFF_STR("false"));
        break;
    case EFF_INT:
        eff_buf_add_int(buf, value->i);
        break;
    case EFF_FLOAT:
        eff_buf_add_bytes(buf, text, eff_double_text(value->f, text));
        break;
    case EFF_DECIMAL:
    case EFF_TEXT:
    case EFF_JSON:
        eff_buf_add(buf, eff_value_str(value));
        break;
    case EFF_BYTES:
        value_base64(buf, eff_value_str(value));
        break;
    case EFF_DATE:
    case EFF_TIME:
    case EFF_DATETIME:
    case EFF_INSTANT:
        eff_buf_add_bytes(buf, text, value_time_text(value, text));
        break;
    case EFF_NULL:
    case EFF_BAD:
    case EFF_ABSENT:
        break;
    }
}

/* The source's own digits where JSON allows them; what is no number at all becomes a string. */
static void
value_json_decimal(struct eff_json_writer *w, eff_str text)
{
    char canonical[512];
    size_t len;

    if (eff_number_is_json(text)) {
        eff_json_write_raw(w, text);
        return;
    }
    len = eff_decimal_canonical(text, canonical, sizeof(canonical));
    if (len > 0)
        eff_json_write_raw(w, (eff_str){canonical, len});
    else
        eff_json_write_str(w, text);
}

void
eff_value_json(struct eff_json_writer *w, const struct eff_value *value)
{
    char text[VALUE_TEXT_MAX];

    switch ((enum eff_kind)value->kind) {
    case EFF_BOOL:
        eff_json_write_bool(w, value->i != 0);
        break;
    case EFF_INT:
        eff_json_write_int(w, value->i);
        break;
    case EFF_FLOAT:
        if (isfinite(value->f))
            eff_json_write_double(w, value->f);
        else // null would say that there is no value
            eff_json_write_str(w, (eff_str){text, eff_double_text(value->f, text)});
        break;
    case EFF_DECIMAL:
        value_json_decimal(w, eff_value_str(value));
        break;
    case EFF_TEXT:
        eff_json_write_str(w, eff_value_str(value));
        break;
    case EFF_BYTES:
        // The writer places the comma with the opening quote; base64 needs no escapes.
        eff_json_write_raw(w, EFF_STR("\""));
        value_base64(w->buf, eff_value_str(value));
        eff_buf_add_char(w->buf, '"');
        break;
    case EFF_DATE:
    case EFF_TIME:
    case EFF_DATETIME:
    case EFF_INSTANT:
        eff_json_write_str(w, (eff_str){text, value_time_text(value, text)});
        break;
    case EFF_JSON:
        eff_json_write_raw(w, eff_value_str(value));
        break;
    case EFF_NULL:
    case EFF_BAD:
    case EFF_ABSENT:
        eff_json_write_null(w);
        break;
    }
}

static size_t
value_put_varint(unsigned char *to, uint64_t number)
{
    size_t len = 0;

    while (number >= 0x80) {
        to[len++] = (unsigned char)(number | 0x80);
        number >>= 7;
    }
    to[len++] = (unsigned char)number;
    return len;
}

static void
value_write_int(struct eff_buf *buf, const struct eff_value *value, uint32_t nanos)
{
    unsigned char *to = (unsigned char *)eff_buf_reserve(buf, 1 + VALUE_VARINT_MAX * 2);
    uint64_t i = (uint64_t)value->i;
    size_t len = 1;

    if (!to)
        return;
    to[0] = (unsigned char)(value->kind | (nanos ? VALUE_WITH_NANOS : 0));
    len += value_put_varint(to + len, i << 1 ^ (value->i < 0 ? UINT64_MAX : 0));
    if (nanos)
        len += value_put_varint(to + len, nanos);
    eff_buf_grow(buf, len);
}

static void
value_write_slice(struct eff_buf *buf, const struct eff_value *value)
{
    char *to = eff_buf_reserve(buf, 1 + VALUE_VARINT_MAX + (size_t)value->len);
    size_t len;

    if (!to)
        return;
    to[0] = (char)value->kind;
    len = 1 + value_put_varint((unsigned char *)to + 1, value->len);
    if (value->len > 0)
        memcpy(to + len, value->ptr, value->len);
    eff_buf_grow(buf, len + value->len);
}

static void
value_write_float(struct eff_buf *buf, const struct eff_value *value)
{
    char *to = eff_buf_reserve(buf, 1 + sizeof(uint64_t));
    uint64_t bits;

    if (!to)
        return;
    memcpy(&bits, &value->f, sizeof(bits));
    bits = htole64(bits);
    to[0] = (char)value->kind;
    memcpy(to + 1, &bits, sizeof(bits));
    eff_buf_grow(buf, 1 + sizeof(bits));
}

void
eff_value_write(struct eff_buf *buf, const struct eff_value *value)
{
    switch ((enum eff_kind)value->kind) {
    case EFF_NULL:
    case EFF_ABSENT:
        eff_buf_add_char(buf, (char)value->kind);
        break;
    case EFF_BOOL:
    case EFF_INT:
    case EFF_DATE:
        value_write_int(buf, value, 0);
        break;
    case EFF_TIME:
    case EFF_DATETIME:
    case EFF_INSTANT:
        value_write_int(buf, value, value->len);
        break;
    case EFF_FLOAT:
        value_write_float(buf, value);
        break;
    case EFF_DECIMAL:
    case EFF_TEXT:
    case EFF_BYTES:
    case EFF_JSON:
    case EFF_BAD:
        value_write_slice(buf, value);
        break;
    }
}

/* ---- reading: `at` is carried in a register, and NULL once something is not as it was written ---- */

static const unsigned char *
value_long_varint(const unsigned char *at, const unsigned char *end, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (unsigned shift = 0; shift < 64 && at < end; shift += 7) {
        unsigned char byte = *at++;

        number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte >= 0x80)
            continue;
        if (shift == 63 && byte > 1) // A bit would be lost: not what value_put_varint wrote.
            return NULL;
        *ret_number = number;
        return at;
    }
    return NULL;
}

static inline const unsigned char *
value_varint(const unsigned char *at, const unsigned char *end, uint64_t *ret_number)
{
    if (at < end && *at < 0x80) { // lengths and small numbers
        *ret_number = *at;
        return at + 1;
    }
    return value_long_varint(at, end, ret_number);
}

static inline const unsigned char *
value_read_int(const unsigned char *at, const unsigned char *end, struct eff_value *ret_value)
{
    uint64_t zigzag = 0;

    at = value_varint(at, end, &zigzag);
    ret_value->len = 0;
    ret_value->i = (int64_t)(zigzag >> 1 ^ (0 - (zigzag & 1)));
    return at;
}

static const unsigned char *
value_read_nanos(const unsigned char *at, const unsigned char *end, uint8_t kind,
                 struct eff_value *ret_value)
{
    uint64_t nanos = 0;

    if (kind != EFF_TIME && kind != EFF_DATETIME && kind != EFF_INSTANT)
        return NULL;
    ret_value->kind = kind;
    at = value_read_int(at, end, ret_value);
    if (at)
        at = value_varint(at, end, &nanos);
    ret_value->len = (uint32_t)nanos;
    return nanos > 999 ? NULL : at;
}

static inline const unsigned char *
value_read_float(const unsigned char *at, const unsigned char *end, struct eff_value *ret_value)
{
    uint64_t bits;

    if ((size_t)(end - at) < sizeof(bits))
        return NULL;
    memcpy(&bits, at, sizeof(bits));
    ret_value->len = 0;
    ret_value->i = (int64_t)le64toh(bits);
    return at + sizeof(bits);
}

static inline const unsigned char *
value_read_slice(const unsigned char *at, const unsigned char *end, struct eff_value *ret_value)
{
    uint64_t len = 0;

    at = value_varint(at, end, &len);
    if (!at || len > UINT32_MAX || len > (uint64_t)(end - at))
        return NULL;
    ret_value->len = (uint32_t)len;
    ret_value->ptr = (const char *)at;
    return at + len;
}

/* The payload goes straight to its place: see value.h about values that are returned. */
static inline const unsigned char *
value_read(const unsigned char *at, const unsigned char *end, struct eff_value *ret_value)
{
    uint8_t tag;

    if (at == end)
        return NULL;
    tag = *at++;
    ret_value->kind = tag;
    switch ((enum eff_kind)tag) {
    case EFF_NULL:
    case EFF_ABSENT:
        ret_value->len = 0;
        ret_value->i = 0;
        return at;
    case EFF_BOOL:
    case EFF_INT:
    case EFF_DATE:
    case EFF_TIME:
    case EFF_DATETIME:
    case EFF_INSTANT:
        return value_read_int(at, end, ret_value);
    case EFF_FLOAT:
        return value_read_float(at, end, ret_value);
    case EFF_DECIMAL:
    case EFF_TEXT:
    case EFF_BYTES:
    case EFF_JSON:
    case EFF_BAD:
        return value_read_slice(at, end, ret_value);
    }
    return tag & VALUE_WITH_NANOS
               ? value_read_nanos(at, end, tag & (VALUE_WITH_NANOS - 1), ret_value)
               : NULL;
}

void
eff_values_read(struct eff_reader *reader, size_t count, struct eff_value *ret_values)
{
    const unsigned char *at = reader->bad ? NULL : reader->at;
    size_t done = 0;

    for (; at && done < count; done++)
        at = value_read(at, reader->end, &ret_values[done]);
    if (at) {
        reader->at = at;
        return;
    }
    reader->bad = true;
    for (size_t i = done ? done - 1 : 0; i < count; i++)
        ret_values[i] = (struct eff_value){.kind = EFF_NULL};
}

void
eff_value_read(struct eff_reader *reader, struct eff_value *ret_value)
{
    eff_values_read(reader, 1, ret_value);
}
