/*
 * sandbox/bigquery_type: BigQuery's types, and how their values travel.
 *
 * Values lie in SQLite as a person would write them: numbers, texts, blobs; a list or a struct
 * is JSON, a timestamp ISO 8601.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "base/number.h"
#include "sandbox/bigquery.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *word, *other, *api;
} type_words[] = {
    {"INT64", "INTEGER", "INTEGER"},
    {"FLOAT64", "REAL", "FLOAT"},
    {"NUMERIC", "DECIMAL", "NUMERIC"},
    {"BIGNUMERIC", "BIGDECIMAL", "BIGNUMERIC"},
    {"BOOL", "BOOLEAN", "BOOLEAN"},
    {"STRING", "TEXT", "STRING"},
    {"BYTES", "BLOB", "BYTES"},
    {"DATE", NULL, "DATE"},
    {"TIME", NULL, "TIME"},
    {"DATETIME", NULL, "DATETIME"},
    {"TIMESTAMP", NULL, "TIMESTAMP"},
    {"JSON", NULL, "JSON"},
    {"GEOGRAPHY", NULL, "GEOGRAPHY"},
    {"INTERVAL", NULL, "INTERVAL"},
    {"RANGE", NULL, "RANGE"},
    {"ARRAY", NULL, NULL},
    {"STRUCT", NULL, "RECORD"},
};

#define TYPE_WORDS      (sizeof(type_words) / sizeof(type_words[0]))
#define TYPE_FIELDS_MAX 64
#define TYPE_DEPTH_MAX  15 /* as BigQuery has it */

static size_t
type_at(eff_str word)
{
    size_t i = 0;

    while (i < TYPE_WORDS && !eff_str_eq_nocase(word, eff_str_of(type_words[i].word)) &&
           !(type_words[i].other && eff_str_eq_nocase(word, eff_str_of(type_words[i].other))))
        i++;
    return i;
}

bool
eff_bqs_type_word(eff_str word)
{
    return type_at(word) < TYPE_WORDS;
}

/* ---- parsing ---- */

static eff_str
type_take_word(eff_str *rest)
{
    size_t len = 0;
    eff_str word;

    *rest = eff_str_trim(*rest);
    while (len < rest->len && strchr("<>,() ", rest->ptr[len]) == NULL)
        len++;
    word = eff_str_sub(*rest, 0, len);
    *rest = eff_str_trim(eff_str_sub(*rest, len, SIZE_MAX));
    return word;
}

static bool
type_take(eff_str *rest, char c)
{
    *rest = eff_str_trim(*rest);
    if (rest->len == 0 || rest->ptr[0] != c)
        return false;
    *rest = eff_str_sub(*rest, 1, SIZE_MAX);
    return true;
}

static bool type_parse(struct eff_arena *arena, eff_str *rest, unsigned depth,
                       struct eff_bqs_type *ret_type);

static bool
type_parse_struct(struct eff_arena *arena, eff_str *rest, unsigned depth, struct eff_bqs_type *type)
{
    struct eff_bqs_field *fields = eff_new(arena, struct eff_bqs_field, TYPE_FIELDS_MAX);

    type->fields = fields;
    do {
        struct eff_bqs_field *field = &fields[type->fields_count++];

        field->name = type_take_word(rest);
        if (field->name.len == 0 || !type_parse(arena, rest, depth + 1, &field->type) ||
            type->fields_count == TYPE_FIELDS_MAX)
            return false;
    } while (type_take(rest, ','));
    return type_take(rest, '>');
}

static bool
type_parse(struct eff_arena *arena, eff_str *rest, unsigned depth, struct eff_bqs_type *ret_type)
{
    size_t at = type_at(type_take_word(rest));
    size_t close;

    if (at == TYPE_WORDS || depth > TYPE_DEPTH_MAX)
        return false;
    if (type_words[at].api == NULL) {
        if (!type_take(rest, '<') || !type_parse(arena, rest, depth + 1, ret_type) ||
            ret_type->repeated)
            return false;
        ret_type->repeated = true;
        return type_take(rest, '>');
    }
    *ret_type = (struct eff_bqs_type){.word = type_words[at].api};
    if (strcmp(ret_type->word, "RECORD") == 0)
        return type_take(rest, '<') && type_parse_struct(arena, rest, depth, ret_type);
    if (strcmp(ret_type->word, "RANGE") == 0) {
        if (!type_take(rest, '<'))
            return false;
        ret_type->element = type_take_word(rest);
        return type_take(rest, '>');
    }
    if (type_take(rest, '(')) { // NUMERIC(10, 2), STRING(20)
        close = eff_str_find_char(*rest, ')');
        *rest = close == SIZE_MAX ? EFF_STR("") : eff_str_sub(*rest, close + 1, SIZE_MAX);
    }
    return true;
}

bool
eff_bqs_type_parse(struct eff_arena *arena, eff_str text, struct eff_bqs_type *ret_type)
{
    eff_str rest = text;

    return type_parse(arena, &rest, 0, ret_type);
}

/* ---- writing ---- */

void
eff_bqs_write_field(struct eff_json_writer *w, eff_str name, const struct eff_bqs_type *type)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "name", name);
    eff_json_field_str(w, "type", eff_str_of(type->word));
    eff_json_field_str(w, "mode", type->repeated ? EFF_STR("REPEATED") : EFF_STR("NULLABLE"));
    if (type->element.len > 0) {
        eff_json_key(w, EFF_STR("rangeElementType"));
        eff_json_begin_object(w);
        eff_json_field_str(w, "type", type->element);
        eff_json_end_object(w);
    }
    if (type->fields_count > 0) {
        eff_json_key(w, EFF_STR("fields"));
        eff_json_begin_array(w);
        for (size_t i = 0; i < type->fields_count; i++)
            eff_bqs_write_field(w, type->fields[i].name, &type->fields[i].type);
        eff_json_end_array(w);
    }
    eff_json_end_object(w);
}

/* Seconds in scientific form, unless microseconds were asked for. */
static eff_str
type_timestamp(struct eff_arena *arena, eff_str text, bool int64_times)
{
    struct eff_civil civil;
    int64_t micros;

    if (!eff_time_parse(text, &civil))
        return text;
    micros = eff_micros_from_civil(&civil);
    if (int64_times)
        return eff_str_printf(arena, "%lld", (long long)micros);
    return eff_str_printf(arena, "%.16E", (double)micros / 1e6);
}

/* A scalar's text as it travels. */
static eff_str
type_text(struct eff_arena *arena, const char *word, eff_str text, bool int64_times)
{
    size_t blank = eff_str_find_char(text, ' ');
    char *copy;

    if (strcmp(word, "BOOLEAN") == 0)
        return eff_str_is(text, "1") || eff_str_is(text, "true") ? EFF_STR("true")
                                                                 : EFF_STR("false");
    if (strcmp(word, "TIMESTAMP") == 0)
        return type_timestamp(arena, text, int64_times);
    if (strcmp(word, "DATETIME") == 0 && blank == 10) {
        copy = eff_str_c(arena, text);
        copy[blank] = 'T';
        return (eff_str){copy, text.len};
    }
    return text;
}

static void type_write_nested(struct eff_json_writer *w, struct eff_arena *arena,
                              const struct eff_bqs_type *type, bool repeated,
                              const struct eff_json *value, bool int64_times);

static void
type_write_struct(struct eff_json_writer *w, struct eff_arena *arena,
                  const struct eff_bqs_type *type, const struct eff_json *value, bool int64_times)
{
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("f"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < type->fields_count; i++)
        type_write_nested(w, arena, &type->fields[i].type, type->fields[i].type.repeated,
                          eff_json_get(value, type->fields[i].name), int64_times);
    eff_json_end_array(w);
    eff_json_end_object(w);
}

/* {"v": ...} of a part of a JSON value. */
static void
type_write_nested(struct eff_json_writer *w, struct eff_arena *arena,
                  const struct eff_bqs_type *type, bool repeated, const struct eff_json *value,
                  bool int64_times)
{
    struct eff_json_iter iter = eff_json_iterate(value);
    const struct eff_json *item;
    struct eff_buf text = {0};

    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("v"));
    if (repeated) {
        eff_json_begin_array(w);
        while (eff_json_type(value) == EFF_JSON_ARRAY && eff_json_next(&iter, NULL, &item))
            type_write_nested(w, arena, type, false, item, int64_times);
        eff_json_end_array(w);
    } else if (value == NULL || eff_json_type(value) == EFF_JSON_NULL) {
        eff_json_write_null(w);
    } else if (strcmp(type->word, "RECORD") == 0) {
        type_write_struct(w, arena, type, value, int64_times);
    } else if (eff_json_type(value) == EFF_JSON_OBJECT || eff_json_type(value) == EFF_JSON_ARRAY) {
        eff_json_print(&text, value, false);
        eff_json_write_str(w, eff_buf_str(&text));
    } else {
        eff_json_write_str(w, type_text(arena, type->word, eff_json_str(value), int64_times));
    }
    eff_json_end_object(w);
    eff_buf_free(&text);
}

static eff_str
type_cell_text(struct eff_arena *arena, const struct eff_bqs_type *type, sqlite3_stmt *stmt,
               int column)
{
    char number[EFF_DOUBLE_TEXT_MAX];
    eff_str text;

    if (sqlite3_column_type(stmt, column) == SQLITE_FLOAT)
        return eff_str_copy(
            arena, (eff_str){number, eff_double_text(sqlite3_column_double(stmt, column), number)});
    text.ptr = sqlite3_column_blob(stmt, column);
    text.len = (size_t)sqlite3_column_bytes(stmt, column);
    if (text.ptr == NULL)
        text.ptr = "";
    return strcmp(type->word, "BYTES") == 0 ? eff_base64(arena, text, false) : text;
}

void
eff_bqs_write_cell(struct eff_json_writer *w, struct eff_arena *arena,
                   const struct eff_bqs_type *type, sqlite3_stmt *stmt, int column,
                   bool int64_times)
{
    bool null = sqlite3_column_type(stmt, column) == SQLITE_NULL;
    const struct eff_json *nested = NULL;
    struct eff_err ignored = {0};
    eff_str text = null ? EFF_STR_NONE : type_cell_text(arena, type, stmt, column);

    if (type->repeated || strcmp(type->word, "RECORD") == 0) {
        if (!null && eff_json_parse(text, arena, &nested, &ignored) != EFF_OK)
            nested = NULL;
        type_write_nested(w, arena, type, type->repeated, nested, int64_times);
        return;
    }
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("v"));
    if (null)
        eff_json_write_null(w);
    else
        eff_json_write_str(w, type_text(arena, type->word, text, int64_times));
    eff_json_end_object(w);
}
