/*
 * source/postgres_type: PostgreSQL's types and their binary forms.
 *
 *   bool                       BOOL
 *   int2, int4, int8, oid      INT
 *   float4, float8             FLOAT (float4 as the double with its shortest text)
 *   numeric                    DECIMAL; NaN and infinities: BAD
 *   text, varchar, name, enums TEXT
 *   char(n)                    TEXT without its padding (cast by the server)
 *   bytea                      BYTES
 *   date, timestamp            DATE, DATETIME; infinity, BC and years above 9999: BAD
 *   timestamptz                INSTANT, likewise
 *   time                       TIME
 *   uuid                       TEXT
 *   json, jsonb                JSON
 *   arrays, composites         JSON by to_json
 *   all others (timetz, interval, inet, ranges, geometry, citext, money, xml,
 *   extensions)                TEXT by the server's cast
 *
 * Oids are those of src/include/catalog/pg_type.dat, which never change. Domains
 * come as their base types.
 */
#include "source/postgres_type.h"

#include "base/number.h"
#include "source/convert.h"

#define PG_EPOCH_DAYS   10957 /* 2000-01-01 */
#define PG_EPOCH_MICROS 946684800000000
#define PG_DIGIT_MAX    9999

static const struct {
    uint32_t oid;
    enum eff_pg_form form;
} pg_forms[] = {
    {16, EFF_PG_BOOL},        {17, EFF_PG_BYTES},         {19, EFF_PG_TEXT},
    {20, EFF_PG_INT8},        {21, EFF_PG_INT2},          {23, EFF_PG_INT4},
    {25, EFF_PG_TEXT},        {26, EFF_PG_OID},           {114, EFF_PG_JSON},
    {700, EFF_PG_FLOAT4},     {701, EFF_PG_FLOAT8},       {705, EFF_PG_TEXT},
    {1043, EFF_PG_TEXT},      {1082, EFF_PG_DATE},        {1083, EFF_PG_TIME},
    {1114, EFF_PG_TIMESTAMP}, {1184, EFF_PG_TIMESTAMPTZ}, {1700, EFF_PG_NUMERIC},
    {2950, EFF_PG_UUID},      {3802, EFF_PG_JSONB},       {2249, EFF_PG_CAST_JSON}, /* record */
};

enum eff_pg_form
eff_pg_form_of(uint32_t oid, char type, char category)
{
    for (size_t i = 0; i < sizeof(pg_forms) / sizeof(pg_forms[0]); i++) {
        if (pg_forms[i].oid == oid)
            return pg_forms[i].form;
    }
    if (type == 'e')
        return EFF_PG_TEXT;
    if (category == 'A' || type == 'c')
        return EFF_PG_CAST_JSON;
    return EFF_PG_CAST_TEXT;
}

enum eff_kind
eff_pg_kind_of(enum eff_pg_form form)
{
    switch (form) {
    case EFF_PG_BOOL:
        return EFF_BOOL;
    case EFF_PG_INT2:
    case EFF_PG_INT4:
    case EFF_PG_INT8:
    case EFF_PG_OID:
        return EFF_INT;
    case EFF_PG_FLOAT4:
    case EFF_PG_FLOAT8:
        return EFF_FLOAT;
    case EFF_PG_NUMERIC:
        return EFF_DECIMAL;
    case EFF_PG_BYTES:
        return EFF_BYTES;
    case EFF_PG_DATE:
        return EFF_DATE;
    case EFF_PG_TIME:
        return EFF_TIME;
    case EFF_PG_TIMESTAMP:
        return EFF_DATETIME;
    case EFF_PG_TIMESTAMPTZ:
        return EFF_INSTANT;
    case EFF_PG_JSON:
    case EFF_PG_JSONB:
    case EFF_PG_CAST_JSON:
        return EFF_JSON;
    case EFF_PG_TEXT:
    case EFF_PG_UUID:
    case EFF_PG_CAST_TEXT:
        return EFF_TEXT;
    }
    return EFF_TEXT;
}

/* --------------------------------------------------------------------------- numeric */

struct pg_numeric {
    const unsigned char *digits; /* big-endian 16 bits each, base 10000 */
    int count, weight, scale;    /* weight: of the first digit, in powers of 10000 */
    bool negative;
};

static unsigned
pg_digit(const struct pg_numeric *n, int weight)
{
    int at = n->weight - weight;

    return at >= 0 && at < n->count ? eff_pg_u16(n->digits + 2 * at) : 0;
}

static char *
pg_put_digit(char *to, unsigned digit)
{
    to[0] = (char)('0' + digit / 1000);
    to[1] = (char)('0' + digit / 100 % 10);
    to[2] = (char)('0' + digit / 10 % 10);
    to[3] = (char)('0' + digit % 10);
    return to + 4;
}

/* Up to 16 digits on each side of the point, which is most of them: each side is one integer. */
static size_t
pg_short_numeric_text(const struct pg_numeric *n, char *text)
{
    static const uint64_t cut[] = {1, 10, 100, 1000}; /* what the last group has beyond the scale */
    int groups = (n->scale + 3) / 4;
    uint64_t whole = 0, fraction = 0;
    char *to = text;

    for (int weight = n->weight; weight >= 0; weight--)
        whole = whole * 10000 + pg_digit(n, weight);
    for (int group = 1; group <= groups; group++)
        fraction = fraction * 10000 + pg_digit(n, -group);
    if (n->negative)
        *to++ = '-';
    to += eff_int_text((int64_t)whole, to);
    if (n->scale == 0)
        return (size_t)(to - text);
    *to++ = '.';
    to = eff_digits_text(to, fraction / cut[groups * 4 - n->scale], (size_t)n->scale);
    return (size_t)(to - text);
}

/* Text as the server would write it: `scale` digits after the point. */
static size_t
pg_numeric_text(const struct pg_numeric *n, char *text)
{
    int groups = (n->scale + 3) / 4;
    char *to = text, *first;

    if (n->weight < 4 && groups <= 4)
        return pg_short_numeric_text(n, text);
    if (n->negative)
        *to++ = '-';
    first = to;
    for (int weight = n->weight < 0 ? 0 : n->weight; weight >= 0; weight--)
        to = pg_put_digit(to, pg_digit(n, weight));
    while (to - first > 1 && *first == '0') // leading zeros of the first group
        memmove(first, first + 1, (size_t)(--to - first));
    if (n->scale == 0)
        return (size_t)(to - text);
    *to++ = '.';
    first = to;
    for (int group = 1; group <= groups; group++)
        to = pg_put_digit(to, pg_digit(n, -group));
    return (size_t)(first - text) + (size_t)n->scale;
}

/* Not inlined: what it saves on the stack, the many cells without a decimal need not. */
__attribute__((noinline)) static bool
pg_numeric(const unsigned char *ptr, size_t len, struct eff_arena *batch,
           struct eff_value *ret_value)
{
    struct pg_numeric n;
    unsigned sign;
    char *text;

    if (len < 8 || len != 8 + 2 * (size_t)eff_pg_u16(ptr))
        return false;
    n.count = eff_pg_u16(ptr);
    n.weight = (int16_t)eff_pg_u16(ptr + 2);
    sign = eff_pg_u16(ptr + 4);
    n.scale = eff_pg_u16(ptr + 6) & 0x3fff;
    n.digits = ptr + 8;
    n.negative = sign == 0x4000;
    if (sign == 0xc000 || sign == 0xd000 || sign == 0xf000) {
        *ret_value =
            eff_convert_bad(sign == 0xc000 ? "the decimal is NaN" : "the decimal is infinite");
        return true;
    }
    for (int i = 0; i < n.count; i++) {
        if (eff_pg_u16(n.digits + 2 * i) > PG_DIGIT_MAX)
            return false;
    }
    text = eff_convert_room(batch,
                            (size_t)(n.weight < 0 ? 1 : n.weight + 1) * 4 + (size_t)n.scale + 8);
    if (text)
        eff_value_set_str(ret_value, EFF_DECIMAL, text, pg_numeric_text(&n, text));
    else
        *ret_value = eff_convert_bad("the value is too large");
    return true;
}

/* ------------------------------------------------------------------------ fixed sizes */

static void
pg_date(uint32_t raw, struct eff_value *ret_value)
{
    int32_t days = (int32_t)raw;

    if (days == INT32_MAX || days == INT32_MIN)
        *ret_value = eff_convert_bad("the date is infinite");
    else
        eff_convert_date_to((int64_t)days + PG_EPOCH_DAYS, ret_value);
}

static void
pg_timestamp(enum eff_kind kind, uint64_t raw, struct eff_value *ret_value)
{
    int64_t micros = (int64_t)raw;

    if (micros == INT64_MAX || micros == INT64_MIN)
        *ret_value = eff_convert_bad("the timestamp is infinite");
    else if (__builtin_add_overflow(micros, PG_EPOCH_MICROS, &micros))
        *ret_value = eff_convert_bad("the timestamp is outside the years 1 to 9999");
    else
        eff_convert_micros_to(kind, micros, 0, ret_value);
}

static double
pg_float8(const unsigned char *ptr)
{
    uint64_t bits = eff_pg_u64(ptr);
    double f;

    memcpy(&f, &bits, sizeof(f));
    return f;
}

static double
pg_float4(const unsigned char *ptr)
{
    uint32_t bits = eff_pg_u32(ptr);
    float f;

    memcpy(&f, &bits, sizeof(f));
    return eff_convert_float(f);
}

bool
eff_pg_field(enum eff_pg_form form, const unsigned char *ptr, size_t len, struct eff_arena *batch,
             struct eff_value *ret_value)
{
    switch (form) {
    case EFF_PG_BOOL:
        eff_value_set_int(ret_value, EFF_BOOL, len == 1 && ptr[0] != 0);
        return len == 1;
    case EFF_PG_INT2:
        eff_value_set_int(ret_value, EFF_INT, len == 2 ? (int16_t)eff_pg_u16(ptr) : 0);
        return len == 2;
    case EFF_PG_INT4:
        eff_value_set_int(ret_value, EFF_INT, len == 4 ? (int32_t)eff_pg_u32(ptr) : 0);
        return len == 4;
    case EFF_PG_OID:
        eff_value_set_int(ret_value, EFF_INT, len == 4 ? eff_pg_u32(ptr) : 0);
        return len == 4;
    case EFF_PG_INT8:
        eff_value_set_int(ret_value, EFF_INT, len == 8 ? (int64_t)eff_pg_u64(ptr) : 0);
        return len == 8;
    case EFF_PG_FLOAT4:
        eff_value_set_float(ret_value, len == 4 ? pg_float4(ptr) : 0);
        return len == 4;
    case EFF_PG_FLOAT8:
        eff_value_set_float(ret_value, len == 8 ? pg_float8(ptr) : 0);
        return len == 8;
    case EFF_PG_NUMERIC:
        return pg_numeric(ptr, len, batch, ret_value);
    case EFF_PG_DATE:
        pg_date(len == 4 ? eff_pg_u32(ptr) : 0, ret_value);
        return len == 4;
    case EFF_PG_TIME:
        eff_value_set_int(ret_value, EFF_TIME, len == 8 ? (int64_t)eff_pg_u64(ptr) : 0);
        return len == 8;
    case EFF_PG_TIMESTAMP:
    case EFF_PG_TIMESTAMPTZ:
        pg_timestamp(form == EFF_PG_TIMESTAMP ? EFF_DATETIME : EFF_INSTANT,
                     len == 8 ? eff_pg_u64(ptr) : 0, ret_value);
        return len == 8;
    case EFF_PG_UUID:
        if (len == 16)
            *ret_value = eff_convert_uuid(batch, ptr);
        return len == 16;
    case EFF_PG_JSONB: // a version byte, and then text
        eff_value_set_str(ret_value, EFF_JSON, ptr + 1, len ? len - 1 : 0);
        return len > 1 && ptr[0] == 1;
    case EFF_PG_JSON:
    case EFF_PG_CAST_JSON:
        eff_value_set_str(ret_value, EFF_JSON, ptr, len);
        return true;
    case EFF_PG_BYTES:
        eff_value_set_str(ret_value, EFF_BYTES, ptr, len);
        return true;
    case EFF_PG_TEXT:
    case EFF_PG_CAST_TEXT:
        eff_value_set_str(ret_value, EFF_TEXT, ptr, len);
        return true;
    }
    return false;
}
