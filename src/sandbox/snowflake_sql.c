/*
 * sandbox/snowflake_sql: Snowflake's types, results and errors on top of SQLite.
 *
 * A column of a table has its declared type; what an expression is, its values
 * tell. So a statement that ends in LIMIT 0 is carried out without it, for the
 * types, and its rows are left out. Names are in capitals unless somebody quoted
 * them. The database TEST_DB and its schema PUBLIC are taken away from names.
 */
#include "sandbox/snowflake.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/number.h"

#define SNOWBOX_COLUMNS_MAX 512

enum snowbox_form {
    FORM_UNKNOWN = 0,
    FORM_FIXED,
    FORM_REAL,
    FORM_TEXT,
    FORM_BOOLEAN,
    FORM_BINARY,
    FORM_DATE,
    FORM_TIME,
    FORM_NTZ,
    FORM_LTZ,
    FORM_TZ,
    FORM_PLAIN, /* VARIANT and its like: text as it is */
};

struct snowbox_column {
    enum snowbox_form form;
    const char *type; /* as the API names it */
    int precision, scale;
    eff_str name;
};

static const struct {
    const char *declared, *type;
    enum snowbox_form form;
} snowbox_types[] = {
    {"NUMBER", "FIXED", FORM_FIXED},
    {"DECIMAL", "FIXED", FORM_FIXED},
    {"NUMERIC", "FIXED", FORM_FIXED},
    {"INT", "FIXED", FORM_FIXED},
    {"INTEGER", "FIXED", FORM_FIXED},
    {"BIGINT", "FIXED", FORM_FIXED},
    {"FLOAT", "REAL", FORM_REAL},
    {"DOUBLE", "REAL", FORM_REAL},
    {"REAL", "REAL", FORM_REAL},
    {"VARCHAR", "TEXT", FORM_TEXT},
    {"TEXT", "TEXT", FORM_TEXT},
    {"BOOLEAN", "BOOLEAN", FORM_BOOLEAN},
    {"BINARY", "BINARY", FORM_BINARY},
    {"VARBINARY", "BINARY", FORM_BINARY},
    {"DATE", "DATE", FORM_DATE},
    {"TIME", "TIME", FORM_TIME},
    {"DATETIME", "TIMESTAMP_NTZ", FORM_NTZ},
    {"TIMESTAMP", "TIMESTAMP_NTZ", FORM_NTZ},
    {"TIMESTAMP_NTZ", "TIMESTAMP_NTZ", FORM_NTZ},
    {"TIMESTAMP_LTZ", "TIMESTAMP_LTZ", FORM_LTZ},
    {"TIMESTAMP_TZ", "TIMESTAMP_TZ", FORM_TZ},
    {"VARIANT", "VARIANT", FORM_PLAIN},
    {"OBJECT", "OBJECT", FORM_PLAIN},
    {"ARRAY", "ARRAY", FORM_PLAIN},
    {"VECTOR", "VECTOR", FORM_PLAIN},
    {"GEOGRAPHY", "GEOGRAPHY", FORM_PLAIN},
};

/* -------------------------------------------------------------------------------- errors */

static void __attribute__((format(printf, 4, 5)))
snowbox_fail(struct eff_snowbox_error *error, const char *code, const char *sql_state,
             const char *format, ...)
{
    va_list args;

    error->code = code;
    error->sql_state = sql_state;
    va_start(args, format);
    vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
}

static const char *
snowbox_upper(struct eff_arena *arena, const char *text)
{
    char *upper = eff_str_c(arena, eff_str_of(text));

    for (char *at = upper; *at; at++)
        *at = (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
    return upper;
}

/* "line 2 at position 7": lines from 1, positions from 0. */
static eff_str
snowbox_place(struct eff_arena *arena, eff_str sql, int offset)
{
    int line = 1, position = 0;

    for (int i = 0; i < offset && (size_t)i < sql.len; i++) {
        position++;
        if (sql.ptr[i] == '\n') {
            line++;
            position = 0;
        }
    }
    return eff_str_printf(arena, "line %d at position %d", line, position);
}

static void
snowbox_refuse(sqlite3 *db, eff_str sql, struct eff_arena *arena, struct eff_snowbox_error *error)
{
    const char *text = sqlite3_errmsg(db), *name = strchr(text, ':');
    eff_str place = snowbox_place(arena, sql, sqlite3_error_offset(db));
    const char *what = snowbox_upper(arena, name ? name + 1 + (name[1] == ' ') : "");

    if (strncmp(text, "no such table:", 14) == 0) {
        snowbox_fail(error, "002003", "42S02",
                     "SQL compilation error:\nObject '%s' does not exist or not authorized.", what);
    } else if (strncmp(text, "no such column:", 15) == 0) {
        snowbox_fail(error, "000904", "42000",
                     "SQL compilation error: error " EFF_STR_FMT "\ninvalid identifier '%s'",
                     EFF_STR_ARG(place), what);
    } else if (strncmp(text, "no such function:", 17) == 0) {
        snowbox_fail(error, "002140", "42601", "SQL compilation error:\nUnknown function %s", what);
    } else if (strstr(text, "syntax error") || strncmp(text, "incomplete input", 16) == 0) {
        size_t len = strncmp(text, "near \"", 6) == 0 ? strcspn(text + 6, "\"") : 0;

        snowbox_fail(error, "001003", "42000",
                     "SQL compilation error:\nsyntax error " EFF_STR_FMT " unexpected '%.*s'.",
                     EFF_STR_ARG(place), (int)len, text + 6);
    } else if (strstr(text, "not authorized")) {
        snowbox_fail(error, "000002", "0A000", "Unsupported feature 'statement type'.");
    } else {
        snowbox_fail(error, "100000", "22000", "%s", text);
    }
}

/* ---------------------------------------------------------------------------------- open */

/* Nothing but tables of this database: no other files, no settings, no transactions. */
static int
snowbox_authorize(void *self, int action, const char *a, const char *b, const char *c,
                  const char *d)
{
    (void)self, (void)a, (void)b, (void)c, (void)d;
    return action == SQLITE_ATTACH || action == SQLITE_DETACH || action == SQLITE_PRAGMA ||
                   action == SQLITE_TRANSACTION || action == SQLITE_SAVEPOINT
               ? SQLITE_DENY
               : SQLITE_OK;
}

sqlite3 *
eff_snowbox_open(sqlite3 **db)
{
    if (*db)
        return *db;
    if (sqlite3_open(":memory:", db) != SQLITE_OK) {
        sqlite3_close(*db);
        *db = NULL;
        return NULL;
    }
    // A misspelt "COLUMN" in double quotes is an error over there, too.
    sqlite3_db_config(*db, SQLITE_DBCONFIG_DQS_DML, 0, (int *)NULL);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)NULL);
    sqlite3_set_authorizer(*db, snowbox_authorize, NULL);
    return *db;
}

/* ----------------------------------------------------------------------------- statement */

static bool
snowbox_is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '$' || (unsigned char)c >= 0x80;
}

/* Behind the string, quoted name, comment or word that begins at `at`; else behind one byte. */
static size_t
snowbox_token(eff_str sql, size_t at)
{
    char c = sql.ptr[at];
    size_t end = at + 1;

    if (c == '\'' || c == '"') {
        while (end < sql.len && sql.ptr[end] != c)
            end++;
        return end < sql.len ? end + 1 : end;
    }
    if (c == '-' && end < sql.len && sql.ptr[end] == '-') {
        while (end < sql.len && sql.ptr[end] != '\n')
            end++;
        return end;
    }
    if (snowbox_is_word(c))
        while (end < sql.len && snowbox_is_word(sql.ptr[end]))
            end++;
    return end;
}

/* TEST_DB. and PUBLIC. become blanks, so that the places of errors stay. */
static char *
snowbox_local_names(eff_str sql, struct eff_arena *arena)
{
    static const char *const parts[] = {"TEST_DB", "PUBLIC", "\"TEST_DB\"", "\"PUBLIC\""};
    char *copy = eff_str_c(arena, sql);
    size_t end;

    for (size_t at = 0; at < sql.len; at = end) {
        end = snowbox_token(sql, at);
        for (size_t i = 0; i < 4 && end < sql.len && sql.ptr[end] == '.'; i++) {
            eff_str token = eff_str_sub(sql, at, end - at);

            if (i < 2 ? eff_str_eq_nocase(token, eff_str_of(parts[i]))
                      : eff_str_is(token, parts[i]))
                memset(copy + at, ' ', end + 1 - at);
        }
    }
    return copy;
}

/* Takes a LIMIT 0 off the end; whether there was one. */
static bool
snowbox_take_limit(char *sql)
{
    eff_str text = eff_str_trim(eff_str_of(sql));

    if (!eff_str_ends(text, EFF_STR(" LIMIT 0")))
        return false;
    sql[text.ptr - sql + (ptrdiff_t)text.len - 8] = 0;
    return true;
}

/* --------------------------------------------------------------------------------- types */

/* "NUMBER(12, 2)" */
static void
snowbox_declared(const char *declared, struct snowbox_column *column)
{
    size_t len = strcspn(declared, " (");

    *column = (struct snowbox_column){.form = FORM_PLAIN, .type = "VARIANT"};
    for (size_t i = 0; i < sizeof(snowbox_types) / sizeof(snowbox_types[0]); i++) {
        if (!eff_str_eq_nocase((eff_str){declared, len}, eff_str_of(snowbox_types[i].declared)))
            continue;
        column->form = snowbox_types[i].form;
        column->type = snowbox_types[i].type;
    }
    if (column->form == FORM_FIXED) {
        column->precision = 38;
        (void)sscanf(declared + len, " ( %d , %d )", &column->precision, &column->scale);
    } else if (column->form >= FORM_TIME && column->form <= FORM_TZ) {
        column->scale = 9;
    }
}

/* An expression's type, one value after the other. */
static void
snowbox_widen(struct snowbox_column *column, int storage)
{
    enum snowbox_form seen = storage == SQLITE_INTEGER ? FORM_FIXED
                             : storage == SQLITE_FLOAT ? FORM_REAL
                             : storage == SQLITE_BLOB  ? FORM_BINARY
                                                       : FORM_TEXT;

    if (storage == SQLITE_NULL || column->form == seen)
        return;
    if (column->form == FORM_UNKNOWN)
        column->form = seen;
    else if (column->form + seen == FORM_FIXED + FORM_REAL)
        column->form = FORM_REAL;
    else
        column->form = FORM_TEXT;
}

static void
snowbox_concluded(struct snowbox_column *column)
{
    column->type = column->form == FORM_FIXED    ? "FIXED"
                   : column->form == FORM_REAL   ? "REAL"
                   : column->form == FORM_BINARY ? "BINARY"
                                                 : "TEXT";
    if (column->form == FORM_UNKNOWN)
        column->form = FORM_TEXT;
    column->precision = column->form == FORM_FIXED ? 38 : 0;
}

/* Whether somebody wrote the name in quotes: in the statement, or when a table was made. */
static bool
snowbox_quoted(sqlite3 *db, eff_str sql, const char *name, struct eff_arena *arena)
{
    eff_str quoted = eff_str_printf(arena, "\"%s\"", name);
    sqlite3_stmt *stmt = NULL;
    bool found = eff_str_find(sql, quoted) != SIZE_MAX;

    if (sqlite3_prepare_v2(db, "SELECT sql FROM sqlite_master", -1, &stmt, NULL) == SQLITE_OK)
        while (!found && sqlite3_step(stmt) == SQLITE_ROW)
            found = eff_str_find(eff_str_of((const char *)sqlite3_column_text(stmt, 0)), quoted) !=
                    SIZE_MAX;
    sqlite3_finalize(stmt);
    return found;
}

static void
snowbox_columns(sqlite3 *db, sqlite3_stmt *stmt, eff_str sql, struct snowbox_column *columns,
                size_t count, struct eff_arena *arena)
{
    bool guess = false;

    for (size_t i = 0; i < count; i++) {
        const char *declared = sqlite3_column_decltype(stmt, (int)i);
        const char *name = sqlite3_column_name(stmt, (int)i);

        columns[i] = (struct snowbox_column){0};
        if (declared)
            snowbox_declared(declared, &columns[i]);
        guess = guess || !declared;
        columns[i].name = eff_str_copy(
            arena,
            eff_str_of(snowbox_quoted(db, sql, name, arena) ? name : snowbox_upper(arena, name)));
    }
    while (guess && sqlite3_step(stmt) == SQLITE_ROW)
        for (size_t i = 0; i < count; i++)
            if (!sqlite3_column_decltype(stmt, (int)i))
                snowbox_widen(&columns[i], sqlite3_column_type(stmt, (int)i));
    for (size_t i = 0; i < count; i++)
        if (!sqlite3_column_decltype(stmt, (int)i))
            snowbox_concluded(&columns[i]);
    sqlite3_reset(stmt);
}

/* -------------------------------------------------------------------------------- values */

/* The digits with exactly `scale` of them behind the point, as the warehouse shows a NUMBER. */
static eff_str
snowbox_fixed(struct eff_arena *arena, eff_str text, int scale)
{
    char canonical[512];
    size_t len = eff_decimal_canonical(text, canonical, sizeof(canonical) - 64);
    char *point = memchr(canonical, '.', len);
    int have = point ? (int)(canonical + len - point) - 1 : 0;

    if (len == 0 || have > scale)
        return EFF_STR_NONE;
    if (!point && scale > 0)
        canonical[len++] = '.';
    for (; have < scale; have++)
        canonical[len++] = '0';
    return eff_str_copy(arena, (eff_str){canonical, len});
}

/* "-0.000000001" is a nanosecond before the epoch. */
static eff_str
snowbox_seconds(struct eff_arena *arena, int64_t micros, int nanos)
{
    int64_t below = micros % 1000000, seconds = micros / 1000000;

    if (below < 0) {
        below += 1000000;
        seconds--;
    }
    below = below * 1000 + nanos;
    if (seconds >= 0 || below == 0)
        return eff_str_printf(arena, "%lld.%09lld", (long long)seconds, (long long)below);
    return eff_str_printf(arena, "-%lld.%09lld", -(long long)seconds - 1,
                          1000000000 - (long long)below);
}

static eff_str
snowbox_time(struct eff_arena *arena, const struct snowbox_column *column, eff_str text)
{
    struct eff_civil civil;
    eff_str seconds;

    if (column->form == FORM_TIME)
        text = eff_str_printf(arena, "1970-01-01 " EFF_STR_FMT, EFF_STR_ARG(text));
    if (!eff_time_parse(text, &civil))
        return EFF_STR_NONE;
    if (column->form == FORM_DATE)
        return eff_str_printf(arena, "%lld",
                              (long long)eff_days_from_civil(civil.year, civil.month, civil.day));
    seconds = snowbox_seconds(arena, eff_micros_from_civil(&civil), civil.nanos % 1000);
    if (column->form != FORM_TZ)
        return seconds;
    return eff_str_printf(arena, EFF_STR_FMT " %d", EFF_STR_ARG(seconds),
                          civil.offset_minutes + 1440);
}

static eff_str
snowbox_hex(struct eff_arena *arena, const unsigned char *bytes, size_t len)
{
    static const char digits[] = "0123456789ABCDEF";
    char *text = eff_new(arena, char, 2 * len + 1);

    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return (eff_str){text, 2 * len};
}

/* The cell's text as the API writes it; EFF_STR_NONE: it is not of the column's type. */
static eff_str
snowbox_cell(sqlite3_stmt *stmt, int i, const struct snowbox_column *column,
             struct eff_arena *arena)
{
    const char *bytes = sqlite3_column_blob(stmt, i);
    eff_str text = {bytes, (size_t)sqlite3_column_bytes(stmt, i)};
    char number[EFF_DOUBLE_TEXT_MAX];

    switch (column->form) {
    case FORM_BINARY:
        return snowbox_hex(arena, (const unsigned char *)text.ptr, text.len);
    case FORM_REAL:
        text = (eff_str){number, eff_double_text(sqlite3_column_double(stmt, i), number)};
        return eff_str_ends(text, EFF_STR("Infinity"))
                   ? (number[0] == '-' ? EFF_STR("-inf") : EFF_STR("inf"))
                   : eff_str_copy(arena, text);
    default:
        break;
    }
    text = eff_str_of((const char *)sqlite3_column_text(stmt, i));
    switch (column->form) {
    case FORM_FIXED:
        return snowbox_fixed(arena, text, column->scale);
    case FORM_BOOLEAN:
        return eff_str_is(text, "1")   ? EFF_STR("true")
               : eff_str_is(text, "0") ? EFF_STR("false")
                                       : EFF_STR_NONE;
    case FORM_DATE:
    case FORM_TIME:
    case FORM_NTZ:
    case FORM_LTZ:
    case FORM_TZ:
        return snowbox_time(arena, column, text);
    default:
        return eff_str_copy(arena, text);
    }
}

/* -------------------------------------------------------------------------------- result */

static void
snowbox_write_types(const struct snowbox_column *columns, size_t count, struct eff_buf *buf)
{
    struct eff_json_writer w = {.buf = buf};

    eff_json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        eff_json_begin_object(&w);
        eff_json_field_str(&w, "name", columns[i].name);
        eff_json_field_str(&w, "type", eff_str_of(columns[i].type));
        eff_json_field_int(&w, "length", columns[i].form == FORM_TEXT ? 16777216 : 0);
        eff_json_field_int(&w, "precision", columns[i].precision);
        eff_json_field_int(&w, "scale", columns[i].scale);
        eff_json_key(&w, EFF_STR("nullable"));
        eff_json_write_bool(&w, true);
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
}

static bool
snowbox_add_part(struct eff_snowbox_result *result)
{
    struct eff_snowbox_part *parts =
        realloc(result->parts, (result->parts_count + 1) * sizeof(*parts));

    if (!parts)
        return false;
    result->parts = parts;
    parts[result->parts_count++] = (struct eff_snowbox_part){.from = result->text.len};
    return true;
}

static bool
snowbox_row(sqlite3_stmt *stmt, const struct snowbox_column *columns, size_t count,
            struct eff_arena scratch, struct eff_snowbox_result *result,
            struct eff_snowbox_error *error)
{
    struct eff_snowbox_part *part = &result->parts[result->parts_count - 1];
    struct eff_json_writer w = {.buf = &result->text};

    if (part->rows > 0)
        eff_buf_add_char(&result->text, ',');
    eff_json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        eff_str text;

        if (sqlite3_column_type(stmt, (int)i) == SQLITE_NULL) {
            eff_json_write_null(&w);
            continue;
        }
        text = snowbox_cell(stmt, (int)i, &columns[i], &scratch);
        if (!text.ptr) {
            snowbox_fail(error, "100038", "22018", "Value is not recognized: a %s column",
                         columns[i].type);
            return false;
        }
        eff_json_write_str(&w, text);
    }
    eff_json_end_array(&w);
    part->rows++;
    part->len = result->text.len - part->from;
    result->rows++;
    return true;
}

static bool
snowbox_select(sqlite3 *db, sqlite3_stmt *stmt, eff_str sql, bool no_rows, int64_t part_rows,
               struct eff_arena *arena, struct eff_snowbox_result *result,
               struct eff_snowbox_error *error)
{
    size_t count = (size_t)sqlite3_column_count(stmt);
    struct snowbox_column *columns = eff_new(arena, struct snowbox_column, count);
    int rc = SQLITE_DONE;

    snowbox_columns(db, stmt, sql, columns, count, arena);
    snowbox_write_types(columns, count, &result->types);
    while (!no_rows && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        bool full =
            result->parts_count == 0 || (result->parts[result->parts_count - 1].rows >= part_rows &&
                                         result->parts_count < EFF_SNOWBOX_PARTS_MAX);

        if (full && !snowbox_add_part(result))
            break;
        if (!snowbox_row(stmt, columns, count, *arena, result, error))
            return false;
    }
    if (rc == SQLITE_DONE && !result->text.full)
        return true;
    snowbox_refuse(db, sql, arena, error);
    return false;
}

/* DDL and DML: one row that says what was done. */
static bool
snowbox_change(sqlite3 *db, sqlite3_stmt *stmt, eff_str sql, struct eff_arena *arena,
               struct eff_snowbox_result *result, struct eff_snowbox_error *error)
{
    if (sqlite3_step(stmt) != SQLITE_DONE) {
        snowbox_refuse(db, sql, arena, error);
        return false;
    }
    eff_buf_add(&result->types,
                EFF_STR("[{\"name\":\"status\",\"type\":\"TEXT\",\"length\":16777216,"
                        "\"precision\":0,\"scale\":0,\"nullable\":true}]"));
    eff_buf_addf(&result->text, "[\"Statement executed successfully: %d rows.\"]",
                 sqlite3_changes(db));
    if (!snowbox_add_part(result))
        return false;
    result->parts[0] = (struct eff_snowbox_part){0, result->text.len, 1};
    result->rows = 1;
    return true;
}

bool
eff_snowbox_execute(sqlite3 *db, eff_str sql, int64_t part_rows, struct eff_arena *arena,
                    struct eff_snowbox_result *ret_result, struct eff_snowbox_error *error)
{
    char *local = snowbox_local_names(sql, arena);
    bool no_rows = snowbox_take_limit(local), good;
    const char *tail = NULL;
    sqlite3_stmt *stmt = NULL, *second = NULL;

    *ret_result = (struct eff_snowbox_result){0};
    if (sqlite3_prepare_v2(db, local, -1, &stmt, &tail) != SQLITE_OK || !stmt) {
        if (stmt || sqlite3_errcode(db) != SQLITE_OK)
            snowbox_refuse(db, sql, arena, error);
        else
            snowbox_fail(error, "000900", "42601", "SQL compilation error:\nEmpty SQL statement.");
        return false;
    }
    if (sqlite3_prepare_v2(db, tail, -1, &second, NULL) != SQLITE_OK || second) {
        snowbox_fail(error, "000008", "0A000",
                     "Actual statement count 2 did not match the desired statement count 1.");
        good = false;
    } else if (sqlite3_column_count(stmt) > 0) {
        good = snowbox_select(db, stmt, sql, no_rows, part_rows, arena, ret_result, error);
    } else {
        good = snowbox_change(db, stmt, sql, arena, ret_result, error);
    }
    sqlite3_finalize(second);
    sqlite3_finalize(stmt);
    if (!good)
        eff_snowbox_result_free(ret_result);
    return good;
}

void
eff_snowbox_result_free(struct eff_snowbox_result *result)
{
    eff_buf_free(&result->types);
    eff_buf_free(&result->text);
    free(result->parts);
    *result = (struct eff_snowbox_result){0};
}
