/*
 * source/bigquery_value: BigQuery's types, and JSON of its answers to cells.
 *
 * All values come as text, whatever their type; rows as {"f": [{"v": ...}, ...]}.
 *
 *   INT64                    INT
 *   FLOAT64                  FLOAT ("NaN", "Infinity", "-Infinity" as well)
 *   NUMERIC, BIGNUMERIC      DECIMAL
 *   BOOL                     BOOL
 *   STRING, GEOGRAPHY (WKT)  TEXT
 *   INTERVAL                 TEXT, as BigQuery writes it ("0-0 3 4:5:6.7")
 *   BYTES                    BYTES, from base64
 *   DATE, TIME, DATETIME     DATE, TIME, DATETIME
 *   TIMESTAMP                INSTANT; asked for as microseconds, so that nothing is rounded
 *   RANGE                    TEXT, "[2024-01-01, UNBOUNDED)", timestamps as ISO 8601
 *   JSON                     JSON
 *   ARRAY, STRUCT            JSON, made here from nested {"v": [{"v": ...}]} and {"v": {"f": [...]}}
 *
 * Sources: the API's discovery document of 2025-09-28 (TableFieldSchema, DataFormatOptions);
 * forms of RANGE and TIMESTAMP as google-cloud-bigquery 3.x reads them.
 */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/number.h"
#include "source/bigquery.h"
#include "source/convert.h"

#define VALUE_NUMBER_MAX 128

/* The API's older words beside those of GoogleSQL. */
static const struct {
    const char *word, *other;
    enum eff_bq_id id;
    enum eff_kind kind;
    int precision, scale; /* cloud.google.com/bigquery/docs/reference/standard-sql/data-types */
} value_types[] = {
    {"INT64", "INTEGER", EFF_BQ_INT64, EFF_INT, 0, 0},
    {"FLOAT64", "FLOAT", EFF_BQ_FLOAT64, EFF_FLOAT, 0, 0},
    {"NUMERIC", "DECIMAL", EFF_BQ_NUMERIC, EFF_DECIMAL, 38, 9},
    {"BIGNUMERIC", "BIGDECIMAL", EFF_BQ_BIGNUMERIC, EFF_DECIMAL, 76, 38},
    {"BOOL", "BOOLEAN", EFF_BQ_BOOL, EFF_BOOL, 0, 0},
    {"STRING", NULL, EFF_BQ_STRING, EFF_TEXT, 0, 0},
    {"BYTES", NULL, EFF_BQ_BYTES, EFF_BYTES, 0, 0},
    {"DATE", NULL, EFF_BQ_DATE, EFF_DATE, 0, 0},
    {"TIME", NULL, EFF_BQ_TIME, EFF_TIME, 0, 0},
    {"DATETIME", NULL, EFF_BQ_DATETIME, EFF_DATETIME, 0, 0},
    {"TIMESTAMP", NULL, EFF_BQ_TIMESTAMP, EFF_INSTANT, 0, 0},
    {"JSON", NULL, EFF_BQ_JSON, EFF_JSON, 0, 0},
    {"GEOGRAPHY", NULL, EFF_BQ_GEOGRAPHY, EFF_TEXT, 0, 0},
    {"INTERVAL", NULL, EFF_BQ_INTERVAL, EFF_TEXT, 0, 0},
    {"RANGE", NULL, EFF_BQ_RANGE, EFF_TEXT, 0, 0},
    {"STRUCT", "RECORD", EFF_BQ_STRUCT, EFF_JSON, 0, 0},
};

#define VALUE_TYPES (sizeof(value_types) / sizeof(value_types[0]))

/* ---- schema ---- */

static size_t
value_type_at(eff_str word)
{
    size_t i = 0;

    while (i < VALUE_TYPES && !eff_str_is(word, value_types[i].word) &&
           !(value_types[i].other && eff_str_is(word, value_types[i].other)))
        i++;
    return i;
}

static eff_str
value_member(const struct eff_json *field, const char *name)
{
    return eff_json_str(eff_json_get(field, eff_str_of(name)));
}

static struct eff_bq_type
value_type(const struct eff_json *field, struct eff_arena *run)
{
    const struct eff_json *fields = eff_json_get(field, EFF_STR("fields")), *child;
    size_t at = value_type_at(value_member(field, "type")), count = 0;
    struct eff_bq_type type = {.id = at < VALUE_TYPES ? value_types[at].id : EFF_BQ_OTHER,
                               .repeated = eff_str_is(value_member(field, "mode"), "REPEATED")};
    struct eff_json_iter iter = eff_json_iterate(fields);
    struct eff_bq_type *children;
    eff_str *names;

    if (type.id == EFF_BQ_RANGE) {
        at =
            value_type_at(eff_json_str(eff_json_pointer(field, EFF_STR("/rangeElementType/type"))));
        type.element = at < VALUE_TYPES ? value_types[at].id : EFF_BQ_OTHER;
    }
    if (type.id != EFF_BQ_STRUCT)
        return type;
    children = eff_new(run, struct eff_bq_type, eff_json_count(fields) + 1);
    names = eff_new(run, eff_str, eff_json_count(fields) + 1);
    for (; eff_json_next(&iter, NULL, &child); count++) { // BigQuery nests at most 15 levels
        children[count] = value_type(child, run);
        names[count] = eff_str_copy(run, value_member(child, "name"));
    }
    type.children_count = count;
    type.children = children;
    type.names = names;
    return type;
}

static struct eff_column
value_column(const struct eff_json *field, const struct eff_bq_type *type, struct eff_arena *run)
{
    size_t at = value_type_at(value_member(field, "type"));
    eff_str word = at < VALUE_TYPES ? eff_str_of(value_types[at].word)
                                    : eff_str_copy(run, value_member(field, "type"));
    struct eff_column column = {
        .name = eff_str_copy(run, value_member(field, "name")),
        .kind = type->repeated     ? EFF_JSON
                : at < VALUE_TYPES ? value_types[at].kind
                                   : EFF_TEXT,
        .type_name = type->repeated
                         ? eff_str_printf(run, "ARRAY<" EFF_STR_FMT ">", EFF_STR_ARG(word))
                         : word,
        .nullable = !eff_str_is(value_member(field, "mode"), "REQUIRED"),
    };
    int64_t number;

    if (column.kind != EFF_DECIMAL)
        return column;
    column.precision = value_types[at].precision;
    column.scale = value_types[at].scale;
    if (eff_str_int(value_member(field, "precision"), &number) && number > 0 && number <= 76) {
        column.precision = (int)number;
        column.scale = 0;
    }
    if (eff_str_int(value_member(field, "scale"), &number) && number >= 0 && number <= 38)
        column.scale = (int)number;
    return column;
}

enum eff_fault
eff_bq_schema(const struct eff_json *schema, struct eff_arena *run, struct eff_columns *ret_columns,
              const struct eff_bq_type **ret_types, struct eff_err *err)
{
    const struct eff_json *fields = eff_json_get(schema, EFF_STR("fields")), *field;
    struct eff_json_iter iter = eff_json_iterate(fields);
    size_t count = eff_json_count(fields), i = 0;
    struct eff_column *columns = eff_new(run, struct eff_column, count + 1);
    struct eff_bq_type *types = eff_new(run, struct eff_bq_type, count + 1);

    if (eff_json_type(fields) != EFF_JSON_ARRAY || count == 0)
        return EFF_FAIL(err, EFF_TRANSIENT, "BigQuery's answer has no schema");
    for (; eff_json_next(&iter, NULL, &field); i++) {
        types[i] = value_type(field, run);
        columns[i] = value_column(field, &types[i], run);
    }
    *ret_columns = (struct eff_columns){count, columns};
    *ret_types = types;
    return EFF_OK;
}

bool
eff_bq_types_equal(const struct eff_bq_type *a, const struct eff_bq_type *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (a[i].id != b[i].id || a[i].repeated != b[i].repeated || a[i].element != b[i].element ||
            a[i].children_count != b[i].children_count ||
            !eff_bq_types_equal(a[i].children, b[i].children, a[i].children_count))
            return false;
        for (size_t k = 0; k < a[i].children_count; k++)
            if (!eff_str_eq(a[i].names[k], b[i].names[k]))
                return false;
    }
    return true;
}

/* ---- numbers and times ---- */

static struct eff_value
value_float(eff_str text)
{
    char copy[VALUE_NUMBER_MAX];

    if (eff_str_is(text, "NaN"))
        return eff_value_of_float(NAN);
    if (eff_str_is(text, "Infinity") || eff_str_is(text, "inf"))
        return eff_value_of_float(INFINITY);
    if (eff_str_is(text, "-Infinity") || eff_str_is(text, "-inf"))
        return eff_value_of_float(-INFINITY);
    if (text.len >= sizeof(copy) || !eff_number_valid(text))
        return eff_convert_bad("the FLOAT64 is no number");
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return eff_value_of_float(strtod(copy, NULL));
}

static struct eff_value
value_int(eff_str text)
{
    int64_t number;

    if (!eff_str_int(text, &number))
        return eff_convert_bad("the INT64 is no integer of 64 bits");
    return eff_value_of_int(EFF_INT, number);
}

static struct eff_value
value_date(eff_str text)
{
    struct eff_civil civil;

    if (!eff_time_parse(text, &civil) || civil.has_time)
        return eff_convert_bad("the DATE is none");
    return eff_convert_date(eff_days_from_civil(civil.year, civil.month, civil.day));
}

static struct eff_value
value_datetime(eff_str text)
{
    struct eff_civil civil;

    if (!eff_time_parse(text, &civil) || civil.has_offset)
        return eff_convert_bad("the DATETIME is none");
    return eff_convert_micros(EFF_DATETIME, eff_micros_from_civil(&civil),
                              (unsigned)(civil.nanos % 1000));
}

static struct eff_value
value_time(eff_str text)
{
    char whole[VALUE_NUMBER_MAX] = "1970-01-01T";
    size_t date_len = strlen(whole);
    struct eff_civil civil;
    struct eff_value value;

    if (text.len >= sizeof(whole) - date_len)
        return eff_convert_bad("the TIME is none");
    memcpy(whole + date_len, text.ptr, text.len);
    if (!eff_time_parse((eff_str){whole, date_len + text.len}, &civil) || civil.has_offset)
        return eff_convert_bad("the TIME is none");
    value = eff_value_of_int(EFF_TIME, eff_micros_from_civil(&civil));
    value.len = (uint32_t)(civil.nanos % 1000);
    return value;
}

static struct eff_value
value_timestamp(eff_str text)
{
    int64_t micros;

    if (!eff_str_int(text, &micros))
        return eff_convert_bad("the TIMESTAMP is not in microseconds");
    return eff_convert_micros(EFF_INSTANT, micros, 0);
}

/* "[start, end)": microseconds become what a person can read. */
static struct eff_value
value_range(const struct eff_bq_type *type, eff_str text, struct eff_arena *batch)
{
    eff_str ends[2], inner = eff_str_sub(text, 1, text.len - 2);
    struct eff_value value;
    struct eff_buf buf = {0};

    if (text.len < 2 || type->element != EFF_BQ_TIMESTAMP ||
        !eff_str_cut(inner, ',', &ends[0], &ends[1]))
        return eff_value_of_str(EFF_TEXT, text);
    eff_buf_add_char(&buf, text.ptr[0]);
    for (int i = 0; i < 2; i++) {
        value = value_timestamp(eff_str_trim(ends[i]));
        if (i > 0)
            eff_buf_add(&buf, EFF_STR(", "));
        if (value.kind == EFF_BAD)
            eff_buf_add(&buf, eff_str_trim(ends[i])); // UNBOUNDED
        else
            eff_value_text(&buf, &value);
    }
    eff_buf_add_char(&buf, text.ptr[text.len - 1]);
    value = eff_convert_copy(batch, EFF_TEXT, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return value;
}

/* ---- cells ---- */

static struct eff_value
value_text_of(enum eff_kind kind, eff_str text)
{
    if (text.len >= UINT32_MAX)
        return eff_convert_bad("the value is too large");
    return eff_value_of_str(kind, text);
}

static struct eff_value
value_bytes(eff_str text, struct eff_arena *batch)
{
    eff_str bytes;

    if (!eff_base64_decode(batch, text, &bytes))
        return eff_convert_bad("the BYTES are no base64");
    return value_text_of(EFF_BYTES, bytes);
}

static struct eff_value
value_bool(eff_str text)
{
    if (!eff_str_is(text, "true") && !eff_str_is(text, "false"))
        return eff_convert_bad("the BOOL is neither true nor false");
    return eff_value_of_int(EFF_BOOL, eff_str_is(text, "true"));
}

static struct eff_value
value_scalar(const struct eff_bq_type *type, eff_str text, struct eff_arena *batch)
{
    switch (type->id) {
    case EFF_BQ_INT64:
        return value_int(text);
    case EFF_BQ_FLOAT64:
        return value_float(text);
    case EFF_BQ_NUMERIC:
    case EFF_BQ_BIGNUMERIC:
        return eff_number_valid(text) ? value_text_of(EFF_DECIMAL, text)
                                      : eff_convert_bad("the NUMERIC is no number");
    case EFF_BQ_BOOL:
        return value_bool(text);
    case EFF_BQ_BYTES:
        return value_bytes(text, batch);
    case EFF_BQ_DATE:
        return value_date(text);
    case EFF_BQ_TIME:
        return value_time(text);
    case EFF_BQ_DATETIME:
        return value_datetime(text);
    case EFF_BQ_TIMESTAMP:
        return value_timestamp(text);
    case EFF_BQ_JSON:
        return value_text_of(EFF_JSON, text);
    case EFF_BQ_RANGE:
        return value_range(type, text, batch);
    case EFF_BQ_STRING:
    case EFF_BQ_GEOGRAPHY:
    case EFF_BQ_INTERVAL:
    case EFF_BQ_STRUCT: // of an answer that has text where a struct should be
    case EFF_BQ_OTHER:
        return value_text_of(EFF_TEXT, text);
    }
    return eff_convert_bad("a value of a type that is not known");
}

/* ---- nested to JSON ---- */

struct value_nest {
    struct eff_json_writer w;
    struct eff_arena *batch;
    const char *why; /* a part that cannot be represented, or NULL */
};

/* The whole value is bad then; a null keeps what was written so far in shape. */
static void
value_refuse(struct value_nest *nest, const char *why)
{
    nest->why = why;
    eff_json_write_null(&nest->w);
}

static void
value_leaf_json(struct value_nest *nest, const struct eff_bq_type *type, const struct eff_json *v)
{
    eff_str text = eff_json_str(v);
    struct eff_value value;

    if (text.ptr == NULL) {
        value_refuse(nest, "a nested value has another form than its type");
        return;
    }
    value = value_scalar(type, text, nest->batch);
    if (value.kind == EFF_BAD)
        value_refuse(nest, value.ptr); // a literal, terminated
    else if (value.kind == EFF_FLOAT && !isfinite(value.f))
        value_refuse(nest, "a nested number is NaN or infinite, which JSON has not");
    else
        eff_value_json(&nest->w, &value);
}

static void value_json(struct value_nest *nest, const struct eff_bq_type *type, bool repeated,
                       const struct eff_json *v);

static void
value_struct_json(struct value_nest *nest, const struct eff_bq_type *type, const struct eff_json *v)
{
    const struct eff_json *f = eff_json_get(v, EFF_STR("f")), *cell;
    struct eff_json_iter iter = eff_json_iterate(f);

    if (eff_json_type(f) != EFF_JSON_ARRAY || eff_json_count(f) != type->children_count) {
        value_refuse(nest, "a STRUCT has other fields than its type");
        return;
    }
    eff_json_begin_object(&nest->w);
    for (size_t i = 0; !nest->why && eff_json_next(&iter, NULL, &cell); i++) {
        eff_json_key(&nest->w, type->names[i]);
        value_json(nest, &type->children[i], type->children[i].repeated,
                   eff_json_get(cell, EFF_STR("v")));
    }
    eff_json_end_object(&nest->w);
}

static void
value_array_json(struct value_nest *nest, const struct eff_bq_type *type, const struct eff_json *v)
{
    struct eff_json_iter iter = eff_json_iterate(v);
    const struct eff_json *item;

    if (eff_json_type(v) != EFF_JSON_ARRAY) {
        value_refuse(nest, "an ARRAY is none");
        return;
    }
    eff_json_begin_array(&nest->w);
    while (!nest->why && eff_json_next(&iter, NULL, &item))
        value_json(nest, type, false, eff_json_get(item, EFF_STR("v")));
    eff_json_end_array(&nest->w);
}

static void
value_json(struct value_nest *nest, const struct eff_bq_type *type, bool repeated,
           const struct eff_json *v)
{
    if (nest->w.depth >= EFF_JSON_DEPTH_MAX - 1)
        value_refuse(nest, "the value is nested too deeply");
    else if (eff_json_type(v) == EFF_JSON_NULL)
        eff_json_write_null(&nest->w);
    else if (repeated)
        value_array_json(nest, type, v);
    else if (type->id == EFF_BQ_STRUCT)
        value_struct_json(nest, type, v);
    else
        value_leaf_json(nest, type, v);
}

struct eff_value
eff_bq_value(const struct eff_bq_type *type, const struct eff_json *v, struct eff_arena *batch,
             struct eff_buf *json)
{
    struct value_nest nest = {.w = {.buf = json}, .batch = batch};
    eff_str text;

    if (eff_json_type(v) == EFF_JSON_NULL)
        return (struct eff_value){.kind = EFF_NULL};
    if (type->repeated || type->id == EFF_BQ_STRUCT) {
        eff_buf_reset(json);
        value_json(&nest, type, type->repeated, v);
        if (nest.why)
            return eff_convert_bad(nest.why);
        if (json->full)
            return eff_convert_bad("the value is too large");
        return eff_convert_copy(batch, EFF_JSON, eff_buf_str(json));
    }
    text = eff_json_str(v);
    if (text.ptr == NULL)
        return eff_convert_bad("the value has another form than its type");
    return value_scalar(type, text, batch);
}
