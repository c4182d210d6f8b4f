/*
 * source/duckdb_value: DuckDB's types, and vectors to cells.
 *
 *   BOOLEAN                        BOOL
 *   integers of all sizes          INT; DECIMAL beyond 64 bits with sign
 *   FLOAT, DOUBLE                  FLOAT (FLOAT as the double with its shortest text)
 *   DECIMAL                        DECIMAL
 *   VARCHAR, ENUM, UUID            TEXT
 *   BLOB                           BYTES
 *   DATE, TIME                     DATE, TIME
 *   TIMESTAMP, _S, _MS, _NS        DATETIME; infinity and years outside 1 to 9999: BAD
 *   TIMESTAMP WITH TIME ZONE       INSTANT, likewise
 *   TIME WITH TIME ZONE, INTERVAL,
 *   BIT                            TEXT, as DuckDB writes them
 *   JSON                           JSON
 *   LIST, ARRAY, STRUCT, MAP,      JSON, made here: DuckDB's own to_json would pass decimals
 *   UNION                          through doubles. A MAP is an object with its keys as text;
 *                                  a UNION is the value of its present member
 *   others (BIGNUM, extensions)    TEXT by DuckDB's own cast
 */
#include "source/duckdb_value.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "source/convert.h"

#define DUCK_TIME_TZ_OFFSET_MAX 57599 /* 15:59:59; TIME_TZ stores this minus the offset */

typedef __int128 duck_int128;

/* ----------------------------------------------------------------------------- types */

static eff_str
duck_take_text(const struct eff_duck_api *api, char *text, struct eff_arena *run)
{
    eff_str copy = eff_str_copy(run, text ? eff_str_of(text) : EFF_STR(""));

    if (text)
        api->free(text);
    return copy;
}

static void
duck_members(const struct eff_duck_api *api, void *logical, struct eff_arena *run,
             struct eff_duck_type *type)
{
    bool is_union = type->id == EFF_DUCK_UNION;
    size_t count = (size_t)(is_union ? api->union_type_member_count(logical)
                                     : api->struct_type_child_count(logical));
    struct eff_duck_type *children = eff_new(run, struct eff_duck_type, count + 1);
    eff_str *names = eff_new(run, eff_str, count + 1);

    for (size_t i = 0; i < count; i++) {
        names[i] = duck_take_text(api,
                                  is_union ? api->union_type_member_name(logical, i)
                                           : api->struct_type_child_name(logical, i),
                                  run);
        children[i] = eff_duck_type_of(api,
                                       is_union ? api->union_type_member_type(logical, i)
                                                : api->struct_type_child_type(logical, i),
                                       run);
    }
    type->children_count = count;
    type->children = children;
    type->names = names;
}

static void
duck_child_types(const struct eff_duck_api *api, void *first, void *second, struct eff_arena *run,
                 struct eff_duck_type *type)
{
    struct eff_duck_type *children = eff_new(run, struct eff_duck_type, 2);

    children[0] = eff_duck_type_of(api, first, run);
    if (second)
        children[1] = eff_duck_type_of(api, second, run);
    type->children_count = second ? 2 : 1;
    type->children = children;
}

static void
duck_words(const struct eff_duck_api *api, void *logical, struct eff_arena *run,
           struct eff_duck_type *type)
{
    size_t count = api->enum_dictionary_size(logical);
    eff_str *words = eff_new(run, eff_str, count + 1);

    for (size_t i = 0; i < count; i++)
        words[i] = duck_take_text(api, api->enum_dictionary_value(logical, i), run);
    type->internal = api->enum_internal_type(logical);
    type->words_count = count;
    type->words = words;
}

struct eff_duck_type
eff_duck_type_of(const struct eff_duck_api *api, void *logical, struct eff_arena *run)
{
    struct eff_duck_type type = {.id = api->get_type_id(logical)};
    char *alias;

    switch (type.id) {
    case EFF_DUCK_VARCHAR:
        alias = api->logical_type_get_alias(logical);
        type.json = alias && strcmp(alias, "JSON") == 0;
        if (alias)
            api->free(alias);
        break;
    case EFF_DUCK_DECIMAL:
        type.width = api->decimal_width(logical);
        type.scale = api->decimal_scale(logical);
        type.internal = api->decimal_internal_type(logical);
        break;
    case EFF_DUCK_ENUM:
        duck_words(api, logical, run, &type);
        break;
    case EFF_DUCK_LIST:
        duck_child_types(api, api->list_type_child_type(logical), NULL, run, &type);
        break;
    case EFF_DUCK_ARRAY:
        duck_child_types(api, api->array_type_child_type(logical), NULL, run, &type);
        type.array_size = api->array_type_array_size(logical);
        break;
    case EFF_DUCK_MAP:
        duck_child_types(api, api->map_type_key_type(logical), api->map_type_value_type(logical),
                         run, &type);
        break;
    case EFF_DUCK_STRUCT:
    case EFF_DUCK_UNION:
        duck_members(api, logical, run, &type);
        break;
    default:
        break;
    }
    api->destroy_logical_type(&logical);
    return type;
}

static const struct {
    int id;
    enum eff_kind kind;
    const char *name;
} duck_kinds[] = {
    {EFF_DUCK_BOOLEAN, EFF_BOOL, "BOOLEAN"},
    {EFF_DUCK_TINYINT, EFF_INT, "TINYINT"},
    {EFF_DUCK_SMALLINT, EFF_INT, "SMALLINT"},
    {EFF_DUCK_INTEGER, EFF_INT, "INTEGER"},
    {EFF_DUCK_BIGINT, EFF_INT, "BIGINT"},
    {EFF_DUCK_UTINYINT, EFF_INT, "UTINYINT"},
    {EFF_DUCK_USMALLINT, EFF_INT, "USMALLINT"},
    {EFF_DUCK_UINTEGER, EFF_INT, "UINTEGER"},
    {EFF_DUCK_UBIGINT, EFF_INT, "UBIGINT"},
    {EFF_DUCK_HUGEINT, EFF_INT, "HUGEINT"},
    {EFF_DUCK_UHUGEINT, EFF_INT, "UHUGEINT"},
    {EFF_DUCK_FLOAT, EFF_FLOAT, "FLOAT"},
    {EFF_DUCK_DOUBLE, EFF_FLOAT, "DOUBLE"},
    {EFF_DUCK_DECIMAL, EFF_DECIMAL, "DECIMAL"},
    {EFF_DUCK_VARCHAR, EFF_TEXT, "VARCHAR"},
    {EFF_DUCK_ENUM, EFF_TEXT, "ENUM"},
    {EFF_DUCK_UUID, EFF_TEXT, "UUID"},
    {EFF_DUCK_BLOB, EFF_BYTES, "BLOB"},
    {EFF_DUCK_DATE, EFF_DATE, "DATE"},
    {EFF_DUCK_TIME, EFF_TIME, "TIME"},
    {EFF_DUCK_TIME_NS, EFF_TIME, "TIME_NS"},
    {EFF_DUCK_TIMESTAMP, EFF_DATETIME, "TIMESTAMP"},
    {EFF_DUCK_TIMESTAMP_S, EFF_DATETIME, "TIMESTAMP_S"},
    {EFF_DUCK_TIMESTAMP_MS, EFF_DATETIME, "TIMESTAMP_MS"},
    {EFF_DUCK_TIMESTAMP_NS, EFF_DATETIME, "TIMESTAMP_NS"},
    {EFF_DUCK_TIMESTAMP_TZ, EFF_INSTANT, "TIMESTAMP WITH TIME ZONE"},
    {EFF_DUCK_TIME_TZ, EFF_TEXT, "TIME WITH TIME ZONE"},
    {EFF_DUCK_INTERVAL, EFF_TEXT, "INTERVAL"},
    {EFF_DUCK_BIT, EFF_TEXT, "BIT"},
    {EFF_DUCK_LIST, EFF_JSON, "LIST"},
    {EFF_DUCK_ARRAY, EFF_JSON, "ARRAY"},
    {EFF_DUCK_STRUCT, EFF_JSON, "STRUCT"},
    {EFF_DUCK_MAP, EFF_JSON, "MAP"},
    {EFF_DUCK_UNION, EFF_JSON, "UNION"},
    {EFF_DUCK_SQLNULL, EFF_NULL, "NULL"},
};

#define DUCK_KINDS (sizeof(duck_kinds) / sizeof(duck_kinds[0]))

static size_t
duck_kind_at(int id)
{
    size_t i = 0;

    while (i < DUCK_KINDS && duck_kinds[i].id != id)
        i++;
    return i;
}

bool
eff_duck_needs_cast(const struct eff_duck_type *type)
{
    return duck_kind_at(type->id) == DUCK_KINDS;
}

void
eff_duck_describe(const struct eff_duck_type *type, struct eff_arena *run,
                  struct eff_column *column)
{
    size_t at = duck_kind_at(type->id);

    column->nullable = true;
    column->kind = at == DUCK_KINDS ? EFF_TEXT : type->json ? EFF_JSON : duck_kinds[at].kind;
    column->type_name = eff_str_of(at == DUCK_KINDS ? "OTHER"
                                   : type->json     ? "JSON"
                                                    : duck_kinds[at].name);
    if (type->id == EFF_DUCK_DECIMAL) {
        column->precision = (int)type->width;
        column->scale = (int)type->scale;
        column->type_name = eff_str_printf(run, "DECIMAL(%u,%u)", type->width, type->scale);
    }
}

/* ---------------------------------------------------------------------- special texts */

static struct eff_value
duck_printed(struct eff_duck_context *c, const char *text, size_t len)
{
    return eff_convert_copy(c->batch, EFF_TEXT, (eff_str){text, len});
}

/* "12:30:00.5+02", "+05:30" */
static struct eff_value
duck_time_tz(struct eff_duck_context *c, uint64_t bits)
{
    int offset = DUCK_TIME_TZ_OFFSET_MAX - (int)(bits & 0xffffff), seconds = abs(offset);
    char text[EFF_TIME_TEXT_MAX + 24];
    size_t len = eff_timeofday_text((int64_t)(bits >> 24), 0, text);

    len += (size_t)snprintf(text + len, sizeof(text) - len, "%c%02d", offset < 0 ? '-' : '+',
                            seconds / 3600);
    if (seconds % 3600)
        len += (size_t)snprintf(text + len, sizeof(text) - len, ":%02d", seconds / 60 % 60);
    if (seconds % 60)
        len += (size_t)snprintf(text + len, sizeof(text) - len, ":%02d", seconds % 60);
    return duck_printed(c, text, len);
}

/* The first byte says how many of the first bits after it are padding. */
static struct eff_value
duck_bits(struct eff_duck_context *c, const unsigned char *ptr, size_t len)
{
    size_t padding = len > 0 ? ptr[0] : 0, count;
    char *text;

    if (len < 2 || padding > 7)
        return eff_convert_bad("the bit string is damaged");
    count = (len - 1) * 8 - padding;
    text = eff_convert_room(c->batch, count);
    if (!text)
        return eff_convert_bad("the value is too large");
    for (size_t i = 0; i < count; i++)
        text[i] = ptr[1 + (i + padding) / 8] >> (7 - (i + padding) % 8) & 1 ? '1' : '0';
    return eff_value_of_str(EFF_TEXT, (eff_str){text, count});
}

static struct eff_value
duck_uuid(struct eff_duck_context *c, unsigned __int128 raw)
{
    unsigned char bytes[16];

    raw ^= (unsigned __int128)1 << 127; // stored so that it sorts as a signed number
    for (int i = 0; i < 16; i++)
        bytes[i] = (unsigned char)(raw >> (8 * (15 - i)));
    return eff_convert_uuid(c->batch, bytes);
}

/* ------------------------------------------------------------------------------ times */

static void
duck_date(int32_t days, struct eff_value *ret_value)
{
    if (days == INT32_MAX || days == -INT32_MAX)
        *ret_value = eff_convert_bad("the date is infinite");
    else
        eff_convert_date_to(days, ret_value);
}

/* per_second: 1, 1000, 1000000 or 1000000000 */
static void
duck_timestamp(enum eff_kind kind, int64_t ticks, int64_t per_second, struct eff_value *ret_value)
{
    int64_t nanos = 0, micros = ticks;

    if (ticks == INT64_MAX || ticks == -INT64_MAX) {
        *ret_value = eff_convert_bad("the timestamp is infinite");
        return;
    }
    if (per_second == 1000000000) {
        nanos = ticks % 1000;
        nanos += nanos < 0 ? 1000 : 0;
        micros = (ticks - nanos) / 1000;
    } else if (__builtin_mul_overflow(ticks, 1000000 / per_second, &micros)) {
        *ret_value = eff_convert_bad("the timestamp is outside the years 1 to 9999");
        return;
    }
    eff_convert_micros_to(kind, micros, (unsigned)nanos, ret_value);
}

static struct eff_value
duck_time_ns(int64_t nanos)
{
    struct eff_value value = eff_value_of_int(EFF_TIME, nanos / 1000);

    value.len = (uint32_t)(nanos % 1000);
    return value;
}

/* ------------------------------------------------------------------------------ cells */

static eff_str
duck_string(const struct eff_duck_string *s)
{
    const char *inlined = (const char *)s + offsetof(struct eff_duck_string, prefix);

    return (eff_str){s->len <= EFF_DUCK_INLINED ? inlined : s->ptr, s->len};
}

static duck_int128
duck_signed(const void *data, int id, size_t row)
{
    duck_int128 big;

    switch (id) {
    case EFF_DUCK_TINYINT:
        return ((const int8_t *)data)[row];
    case EFF_DUCK_SMALLINT:
        return ((const int16_t *)data)[row];
    case EFF_DUCK_INTEGER:
        return ((const int32_t *)data)[row];
    case EFF_DUCK_BIGINT:
        return ((const int64_t *)data)[row];
    case EFF_DUCK_UTINYINT:
        return ((const uint8_t *)data)[row];
    case EFF_DUCK_USMALLINT:
        return ((const uint16_t *)data)[row];
    case EFF_DUCK_UINTEGER:
        return ((const uint32_t *)data)[row];
    case EFF_DUCK_UBIGINT:
        return ((const uint64_t *)data)[row];
    default: // HUGEINT and its kin: two words, low first; perhaps not aligned for 128 bits
        memcpy(&big, (const char *)data + row * sizeof(big), sizeof(big));
        return big;
    }
}

static struct eff_value
duck_enum(const struct eff_duck_type *type, const void *data, size_t row)
{
    size_t word = (size_t)duck_signed(data, type->internal, row);

    if (word >= type->words_count)
        return eff_convert_bad("the enum's value is unknown");
    return eff_value_of_str(EFF_TEXT, type->words[word]);
}

static bool
duck_valid(const uint64_t *validity, size_t row)
{
    return !validity || (validity[row / 64] >> row % 64 & 1);
}

static struct eff_value duck_nested(struct eff_duck_context *c, const struct eff_duck_type *type,
                                    void *vector, size_t row);

/* Inline, so that a loop over a vector whose type is a constant there has that type's lines only. */
static inline __attribute__((always_inline)) void
duck_cell(struct eff_duck_context *c, const struct eff_duck_type *type, int id, void *vector,
          const void *data, size_t row, struct eff_value *ret_value)
{
    const struct eff_duck_interval *interval;
    eff_str text;

    switch (id) {
    case EFF_DUCK_BOOLEAN:
        eff_value_set_int(ret_value, EFF_BOOL, ((const bool *)data)[row]);
        break;
    case EFF_DUCK_TINYINT:
    case EFF_DUCK_SMALLINT:
    case EFF_DUCK_INTEGER:
    case EFF_DUCK_BIGINT:
    case EFF_DUCK_UTINYINT:
    case EFF_DUCK_USMALLINT:
    case EFF_DUCK_UINTEGER:
        eff_value_set_int(ret_value, EFF_INT, (int64_t)duck_signed(data, id, row));
        break;
    case EFF_DUCK_UBIGINT:
    case EFF_DUCK_HUGEINT:
        eff_convert_int128_to(c->batch, duck_signed(data, id, row), 0, ret_value);
        break;
    case EFF_DUCK_UHUGEINT:
        eff_convert_uint128_to(c->batch, (unsigned __int128)duck_signed(data, id, row), ret_value);
        break;
    case EFF_DUCK_FLOAT:
        eff_value_set_float(ret_value, eff_convert_float(((const float *)data)[row]));
        break;
    case EFF_DUCK_DOUBLE:
        eff_value_set_float(ret_value, ((const double *)data)[row]);
        break;
    case EFF_DUCK_DECIMAL:
        eff_convert_int128_to(c->batch, duck_signed(data, type->internal, row), type->scale,
                              ret_value);
        break;
    case EFF_DUCK_VARCHAR:
    case EFF_DUCK_BLOB:
        text = duck_string((const struct eff_duck_string *)data + row);
        eff_value_set_str(ret_value,
                          id == EFF_DUCK_BLOB ? EFF_BYTES
                          : type->json        ? EFF_JSON
                                              : EFF_TEXT,
                          text.ptr, text.len);
        break;
    case EFF_DUCK_ENUM:
        *ret_value = duck_enum(type, data, row);
        break;
    case EFF_DUCK_UUID:
        *ret_value = duck_uuid(c, (unsigned __int128)duck_signed(data, id, row));
        break;
    case EFF_DUCK_DATE:
        duck_date(((const int32_t *)data)[row], ret_value);
        break;
    case EFF_DUCK_TIME:
        eff_value_set_int(ret_value, EFF_TIME, ((const int64_t *)data)[row]);
        break;
    case EFF_DUCK_TIME_NS:
        *ret_value = duck_time_ns(((const int64_t *)data)[row]);
        break;
    case EFF_DUCK_TIMESTAMP:
        duck_timestamp(EFF_DATETIME, ((const int64_t *)data)[row], 1000000, ret_value);
        break;
    case EFF_DUCK_TIMESTAMP_S:
        duck_timestamp(EFF_DATETIME, ((const int64_t *)data)[row], 1, ret_value);
        break;
    case EFF_DUCK_TIMESTAMP_MS:
        duck_timestamp(EFF_DATETIME, ((const int64_t *)data)[row], 1000, ret_value);
        break;
    case EFF_DUCK_TIMESTAMP_NS:
        duck_timestamp(EFF_DATETIME, ((const int64_t *)data)[row], 1000000000, ret_value);
        break;
    case EFF_DUCK_TIMESTAMP_TZ:
        duck_timestamp(EFF_INSTANT, ((const int64_t *)data)[row], 1000000, ret_value);
        break;
    case EFF_DUCK_TIME_TZ:
        *ret_value = duck_time_tz(c, ((const uint64_t *)data)[row]);
        break;
    case EFF_DUCK_INTERVAL:
        interval = (const struct eff_duck_interval *)data + row;
        *ret_value =
            eff_convert_interval(c->batch, interval->months, interval->days, interval->micros, 0);
        break;
    case EFF_DUCK_BIT:
        text = duck_string((const struct eff_duck_string *)data + row);
        *ret_value = duck_bits(c, (const unsigned char *)text.ptr, text.len);
        break;
    case EFF_DUCK_LIST:
    case EFF_DUCK_ARRAY:
    case EFF_DUCK_STRUCT:
    case EFF_DUCK_MAP:
    case EFF_DUCK_UNION:
        *ret_value = duck_nested(c, type, vector, row);
        break;
    case EFF_DUCK_SQLNULL:
        eff_value_set_int(ret_value, EFF_NULL, 0);
        break;
    default:
        *ret_value = eff_convert_bad("a nested value of a type that is not known");
    }
}

/* ------------------------------------------------------------------------ nested to JSON */

/* False: some part cannot be represented, *ret_why says so, and a null stands in its place. */
static bool duck_json(struct eff_duck_context *c, struct eff_json_writer *w,
                      const struct eff_duck_type *type, void *vector, size_t row,
                      const char **ret_why);

static bool
duck_json_refuse(struct eff_json_writer *w, const char **ret_why, const char *why)
{
    *ret_why = why;
    eff_json_write_null(w);
    return false;
}

static bool
duck_json_items(struct eff_duck_context *c, struct eff_json_writer *w,
                const struct eff_duck_type *type, void *vector, size_t row, const char **ret_why)
{
    bool is_array = type->id == EFF_DUCK_ARRAY, good = true;
    const struct eff_duck_list *lists = is_array ? NULL : c->api->vector_get_data(vector);
    size_t from = (size_t)(is_array ? row * type->array_size : lists[row].offset);
    size_t count = (size_t)(is_array ? type->array_size : lists[row].length);
    void *child =
        is_array ? c->api->array_vector_get_child(vector) : c->api->list_vector_get_child(vector);

    eff_json_begin_array(w);
    for (size_t i = 0; good && i < count; i++)
        good = duck_json(c, w, &type->children[0], child, from + i, ret_why);
    eff_json_end_array(w);
    return good;
}

static bool
duck_json_map(struct eff_duck_context *c, struct eff_json_writer *w,
              const struct eff_duck_type *type, void *vector, size_t row, const char **ret_why)
{
    const struct eff_duck_list *lists = c->api->vector_get_data(vector);
    void *entries = c->api->list_vector_get_child(vector);
    void *keys = c->api->struct_vector_get_child(entries, 0);
    void *values = c->api->struct_vector_get_child(entries, 1);
    const void *key_data = c->api->vector_get_data(keys);
    struct eff_buf text = {0};
    bool good = true;

    if (type->children[0].children_count > 0)
        return duck_json_refuse(w, ret_why,
                                "a map's keys are lists or structs, which JSON has not");
    eff_json_begin_object(w);
    for (size_t i = lists[row].offset; good && i < lists[row].offset + lists[row].length; i++) {
        struct eff_value key;

        duck_cell(c, &type->children[0], type->children[0].id, keys, key_data, i, &key);
        eff_buf_reset(&text);
        eff_value_text(&text, &key);
        eff_json_key(w, eff_buf_str(&text));
        good = duck_json(c, w, &type->children[1], values, i, ret_why);
    }
    eff_json_end_object(w);
    eff_buf_free(&text);
    return good;
}

static bool
duck_json_struct(struct eff_duck_context *c, struct eff_json_writer *w,
                 const struct eff_duck_type *type, void *vector, size_t row, const char **ret_why)
{
    bool good = true;

    eff_json_begin_object(w);
    for (size_t i = 0; good && i < type->children_count; i++) {
        eff_json_key(w, type->names[i]);
        good = duck_json(c, w, &type->children[i], c->api->struct_vector_get_child(vector, i), row,
                         ret_why);
    }
    eff_json_end_object(w);
    return good;
}

/* A struct whose first member is the tag. */
static bool
duck_json_union(struct eff_duck_context *c, struct eff_json_writer *w,
                const struct eff_duck_type *type, void *vector, size_t row, const char **ret_why)
{
    void *tags = c->api->struct_vector_get_child(vector, 0);
    size_t tag = ((const uint8_t *)c->api->vector_get_data(tags))[row];

    if (tag >= type->children_count)
        return duck_json_refuse(w, ret_why, "the union's tag is unknown");
    return duck_json(c, w, &type->children[tag], c->api->struct_vector_get_child(vector, tag + 1),
                     row, ret_why);
}

static bool
duck_json_leaf(struct eff_duck_context *c, struct eff_json_writer *w,
               const struct eff_duck_type *type, void *vector, size_t row, const char **ret_why)
{
    struct eff_value value;

    duck_cell(c, type, type->id, vector, c->api->vector_get_data(vector), row, &value);
    if (value.kind == EFF_BAD)
        return duck_json_refuse(w, ret_why, value.ptr); // a literal, terminated
    if (value.kind == EFF_FLOAT && (value.f - value.f) != 0)
        return duck_json_refuse(w, ret_why,
                                "a nested number is NaN or infinite, which JSON has not");
    eff_value_json(w, &value);
    return true;
}

static bool
duck_json(struct eff_duck_context *c, struct eff_json_writer *w, const struct eff_duck_type *type,
          void *vector, size_t row, const char **ret_why)
{
    if (!duck_valid(c->api->vector_get_validity(vector), row)) {
        eff_json_write_null(w);
        return true;
    }
    if (w->depth >= EFF_JSON_DEPTH_MAX)
        return duck_json_refuse(w, ret_why, "the value is nested too deeply");
    switch (type->id) {
    case EFF_DUCK_LIST:
    case EFF_DUCK_ARRAY:
        return duck_json_items(c, w, type, vector, row, ret_why);
    case EFF_DUCK_MAP:
        return duck_json_map(c, w, type, vector, row, ret_why);
    case EFF_DUCK_STRUCT:
        return duck_json_struct(c, w, type, vector, row, ret_why);
    case EFF_DUCK_UNION:
        return duck_json_union(c, w, type, vector, row, ret_why);
    default:
        return duck_json_leaf(c, w, type, vector, row, ret_why);
    }
}

static struct eff_value
duck_nested(struct eff_duck_context *c, const struct eff_duck_type *type, void *vector, size_t row)
{
    struct eff_json_writer w = {.buf = &c->json};
    const char *why = NULL;

    eff_buf_reset(&c->json);
    if (!duck_json(c, &w, type, vector, row, &why))
        return eff_convert_bad(why);
    if (c->json.full)
        return eff_convert_bad("the value is too large");
    return eff_convert_copy(c->batch, EFF_JSON, eff_buf_str(&c->json));
}

static inline __attribute__((always_inline)) void
duck_cells(struct eff_duck_context *c, const struct eff_duck_type *type, int id, void *vector,
           size_t from, size_t rows, struct eff_value *cells, size_t step)
{
    const uint64_t *validity = c->api->vector_get_validity(vector);
    const void *data = c->api->vector_get_data(vector);

    for (size_t row = from; row < from + rows; row++, cells += step) {
        if (duck_valid(validity, row))
            duck_cell(c, type, id, vector, data, row, cells);
        else
            eff_value_set_int(cells, EFF_NULL, 0);
    }
}

/* A loop of its own for each of the types that most columns have. */
void
eff_duck_column(struct eff_duck_context *context, const struct eff_duck_type *type, void *vector,
                size_t from, size_t rows, struct eff_value *cells, size_t step)
{
    switch (type->id) {
    case EFF_DUCK_BOOLEAN:
        duck_cells(context, type, EFF_DUCK_BOOLEAN, vector, from, rows, cells, step);
        break;
    case EFF_DUCK_INTEGER:
        duck_cells(context, type, EFF_DUCK_INTEGER, vector, from, rows, cells, step);
        break;
    case EFF_DUCK_BIGINT:
        duck_cells(context, type, EFF_DUCK_BIGINT, vector, from, rows, cells, step);
        break;
    case EFF_DUCK_DOUBLE:
        duck_cells(context, type, EFF_DUCK_DOUBLE, vector, from, rows, cells, step);
        break;
    case EFF_DUCK_DECIMAL:
        duck_cells(context, type, EFF_DUCK_DECIMAL, vector, from, rows, cells, step);
        break;
    case EFF_DUCK_VARCHAR:
        duck_cells(context, type, EFF_DUCK_VARCHAR, vector, from, rows, cells, step);
        break;
    case EFF_DUCK_DATE:
        duck_cells(context, type, EFF_DUCK_DATE, vector, from, rows, cells, step);
        break;
    case EFF_DUCK_TIMESTAMP:
        duck_cells(context, type, EFF_DUCK_TIMESTAMP, vector, from, rows, cells, step);
        break;
    default:
        duck_cells(context, type, type->id, vector, from, rows, cells, step);
    }
}
