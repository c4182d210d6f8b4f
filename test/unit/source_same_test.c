/*
 * Goal: the same value has the same hash whichever source it came from.
 * Method: a table of boundary values, each as SQLite, PostgreSQL and DuckDB hold
 * it (NULL: that one cannot), read through the drivers from real databases, DuckDB's
 * also through ADBC, and as BigQuery and Snowflake send it; equal within a row, different from every
 * other row's, for every pair of sources.
 * covers: D2
 */
// links: testlib base flow os conf source batch
// timeout: 180
#include "batch/row.h"
#include "conf/yaml.h"
#include "lib/bigquery.h"
#include "lib/pg.h"
#include "lib/reading.h"
#include "lib/snow.h"
#include "source/duckdb_api.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct same {
    const char *type, *sqlite; /* SQLite tells types by the column's declaration only */
    const char *pg, *duck;
    const char
        *bigquery; /* of the column, what stands behind "type":; |; the wire's value; ' for " */
    struct snow_cell snow; /* no type: Snowflake cannot hold it */
};

static const struct same table[] = {
    {"INT", "NULL", "NULL::int", "NULL::INT", "'INT64'|null", .snow = {"FIXED", 0, NULL}},
    {"BOOLEAN", "1", "true", "true", "'BOOL'|'true'", .snow = {"BOOLEAN", 0, "true"}},
    {"BOOLEAN", "0", "false", "false", "'BOOL'|'false'", .snow = {"BOOLEAN", 0, "false"}},
    {"INT", "0", "0::int2", "0::TINYINT", "'INT64'|'0'", .snow = {"FIXED", 0, "0"}},
    {"INT", "1", "1.00::numeric", "1.000::DECIMAL(9,3)", "'NUMERIC'|'1'",
     .snow = {"FIXED", 3, "1.000"}},
    {"INT", "-1", "-1::int8", "-1::HUGEINT", "'INT64'|'-1'", .snow = {"FIXED", 0, "-1"}},
    {"INT", "9007199254740993", "9007199254740993", "9007199254740993",
     "'INT64'|'9007199254740993'", .snow = {"FIXED", 0, "9007199254740993"}},
    {"INT", "9223372036854775807", "9223372036854775807", "9223372036854775807",
     "'INT64'|'9223372036854775807'", .snow = {"FIXED", 0, "9223372036854775807"}},
    {"INT", "-9223372036854775808", "-9223372036854775808::numeric", "-9223372036854775808",
     "'INT64'|'-9223372036854775808'", .snow = {"FIXED", 0, "-9223372036854775808"}},
    {NULL, NULL, "9223372036854775808", "9223372036854775808::UBIGINT",
     "'NUMERIC'|'9223372036854775808'", .snow = {"FIXED", 0, "9223372036854775808"}},
    {NULL, NULL, "18446744073709551615", "18446744073709551615::UBIGINT",
     "'NUMERIC'|'18446744073709551615'", .snow = {"FIXED", 0, "18446744073709551615"}},
    {NULL, NULL, "170141183460469231731687303715884105727",
     "170141183460469231731687303715884105727::HUGEINT",
     "'BIGNUMERIC'|'170141183460469231731687303715884105727'"},
    {NULL, NULL, "-170141183460469231731687303715884105728",
     "(-170141183460469231731687303715884105728)::HUGEINT",
     "'BIGNUMERIC'|'-170141183460469231731687303715884105728'"},
    {"INT", "-9223372036854775807", "-9223372036854775807", "-9223372036854775807",
     "'INT64'|'-9223372036854775807'", .snow = {"FIXED", 0, "-9223372036854775807"}},
    {"INT", "2147483648", "2147483648", "2147483648::BIGINT", "'INT64'|'2147483648'",
     .snow = {"FIXED", 0, "2147483648"}},
    {"DECIMAL(9,2)", "0.1", "0.1::numeric", "0.10::DECIMAL(4,2)", "'NUMERIC'|'0.1'",
     .snow = {"FIXED", 2, "0.10"}},
    {"DECIMAL(9,2)", "-12.5", "-12.50::numeric(9,2)", "(-12.5)::DECIMAL(9,2)", "'NUMERIC'|'-12.5'",
     .snow = {"FIXED", 2, "-12.50"}},
    {NULL, NULL, "12345678901234567890.123456789", "12345678901234567890.123456789::DECIMAL(38,9)",
     "'NUMERIC'|'12345678901234567890.123456789'",
     .snow = {"FIXED", 9, "12345678901234567890.123456789"}},
    {NULL, NULL, "0.000000000000000001::numeric", "0.000000000000000001::DECIMAL(38,18)",
     "'BIGNUMERIC'|'0.000000000000000001'", .snow = {"FIXED", 18, "0.000000000000000001"}},
    {NULL, NULL, "99999999999999999999999999999999999999",
     "99999999999999999999999999999999999999::DECIMAL(38,0)",
     "'BIGNUMERIC'|'99999999999999999999999999999999999999'",
     .snow = {"FIXED", 0, "99999999999999999999999999999999999999"}},
    {NULL, NULL, "-99999999999999999999999999999999999999",
     "'-99999999999999999999999999999999999999'::DECIMAL(38,0)",
     "'BIGNUMERIC'|'-99999999999999999999999999999999999999'",
     .snow = {"FIXED", 0, "-99999999999999999999999999999999999999"}},
    {NULL, NULL, "0.99999999999999999999999999999999999999::numeric",
     "'0.99999999999999999999999999999999999999'::DECIMAL(38,38)",
     "'BIGNUMERIC'|'0.99999999999999999999999999999999999999'"},
    {NULL, NULL, "123456789012345678.12345678901234567890::numeric(38,20)",
     "'123456789012345678.12345678901234567890'::DECIMAL(38,20)",
     "'BIGNUMERIC'|'123456789012345678.1234567890123456789'",
     .snow = {"FIXED", 20, "123456789012345678.12345678901234567890"}},
    {NULL, NULL, "12345678901234567890123456789.012345678",
     "'12345678901234567890123456789.012345678'::DECIMAL(38,9)",
     "'NUMERIC'|'12345678901234567890123456789.012345678'",
     .snow = {"FIXED", 9, "12345678901234567890123456789.012345678"}},
    {"REAL", "0.0", "'-0'::float8", "0::DOUBLE", "'FLOAT64'|'-0.0'", .snow = {"REAL", 0, "-0"}},
    {"REAL", "1.0", "1::float8", "1::DOUBLE", "'FLOAT64'|'1.0'", .snow = {"REAL", 0, "1"}},
    {"REAL", "0.1", "0.1::float4", "0.1::FLOAT", "'FLOAT64'|'0.1'", .snow = {"REAL", 0, "0.1"}},
    {"REAL", "1.0e308", "1e308::float8", "1e308::DOUBLE", "'FLOAT64'|'1e+308'",
     .snow = {"REAL", 0, "1e+308"}},
    {"REAL", "5e-324", "5e-324::float8", "5e-324::DOUBLE", "'FLOAT64'|'5e-324'",
     .snow = {"REAL", 0, "5e-324"}},
    {"REAL", "3.4028235e38", "3.4028235e38::float4", "3.4028235e38::FLOAT",
     "'FLOAT64'|'3.4028235E38'", .snow = {"REAL", 0, "3.4028235e+38"}},
    {"REAL", "0.30000000000000004", "0.30000000000000004::float8", "0.30000000000000004::DOUBLE",
     "'FLOAT64'|'0.30000000000000004'", .snow = {"REAL", 0, "0.30000000000000004"}},
    {"REAL", "9e999", "'Infinity'::float8", "'inf'::DOUBLE", "'FLOAT64'|'Infinity'",
     .snow = {"REAL", 0, "inf"}},
    {NULL, NULL, "'NaN'::float4", "'nan'::DOUBLE", "'FLOAT64'|'NaN'", .snow = {"REAL", 0, "NaN"}},
    {"TEXT", "''", "''::text", "''", "'STRING'|''", .snow = {"TEXT", 0, ""}},
    {"TEXT", "'1'", "'1'::varchar", "'1'", "'STRING'|'1'", .snow = {"TEXT", 0, "1"}},
    {"TEXT", "' a '", "' a '::text", "' a '", "'STRING'|' a '", .snow = {"TEXT", 0, " a "}},
    {"TEXT", "'\xc3\xa4\xf0\x9f\x98\x80'", "'\xc3\xa4\xf0\x9f\x98\x80'",
     "'\xc3\xa4\xf0\x9f\x98\x80'", "'STRING'|'\xc3\xa4\xf0\x9f\x98\x80'",
     .snow = {"TEXT", 0, "\xc3\xa4\xf0\x9f\x98\x80"}},
    {"TEXT", "'\xc3\xa4'", "'\xc3\xa4'", "'\xc3\xa4'", "'STRING'|'\xc3\xa4'",
     .snow = {"TEXT", 0, "\xc3\xa4"}},
    {"TEXT", "'\xf4\x8f\xbf\xbf\xef\xbb\xbf'", "'\xf4\x8f\xbf\xbf\xef\xbb\xbf'",
     "'\xf4\x8f\xbf\xbf\xef\xbb\xbf'", "'STRING'|'\xf4\x8f\xbf\xbf\xef\xbb\xbf'",
     .snow = {"TEXT", 0, "\xf4\x8f\xbf\xbf\xef\xbb\xbf"}},
    {"TEXT", "char(10, 9, 34, 92)", "E'\\n\\t\"\\\\'", "chr(10) || chr(9) || chr(34) || chr(92)",
     "'STRING'|'\\n\\t\\u0022\\\\'", .snow = {"TEXT", 0, "\n\t\"\\"}},
    {"TEXT", "'NULL'", "'NULL'", "'NULL'", "'STRING'|'NULL'", .snow = {"TEXT", 0, "NULL"}},
    {"TEXT", "'null'", "'null'", "'null'", "'STRING'|'null'", .snow = {"TEXT", 0, "null"}},
    {"TEXT", "'true'", "'true'", "'true'", "'STRING'|'true'", .snow = {"TEXT", 0, "true"}},
    {"TEXT", "replace(hex(zeroblob(5000)), '0', 'x')", "repeat('x', 10000)", "repeat('x', 10000)"},
    {"TEXT", "'a\xcc\x88'", "'a\xcc\x88'", "'a\xcc\x88'", "'STRING'|'a\xcc\x88'",
     .snow = {"TEXT", 0, "a\xcc\x88"}},
    {"TEXT", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
     "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID",
     "'STRING'|'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
     .snow = {"UUID", 0, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}},
    {"TEXT", "'ab'", "'ab'::char(5)", "'ab'::ENUM('ab')", "'STRING'|'ab'",
     .snow = {"TEXT", 0, "ab"}},
    {"TEXT", "'101'", "B'101'", "'101'::BIT", "'STRING'|'101'", .snow = {"TEXT", 0, "101"}},
    {"TEXT", "'12:30:00+02'", "'12:30+02'::timetz", "'12:30:00+02'::TIMETZ",
     "'STRING'|'12:30:00+02'", .snow = {"TEXT", 0, "12:30:00+02"}},
    {"TEXT", "'2024-02-29'", "'2024-02-29'::text", "'2024-02-29'", "'STRING'|'2024-02-29'",
     .snow = {"TEXT", 0, "2024-02-29"}},
    {"BLOB", "x''", "''::bytea", "''::BLOB", "'BYTES'|''", .snow = {"BINARY", 0, ""}},
    {"BLOB", "x'00ff'", "'\\x00ff'::bytea", "'\\x00\\xFF'::BLOB", "'BYTES'|'AP8='",
     .snow = {"BINARY", 0, "00FF"}},
    {"BLOB", "x'00'", "'\\x00'::bytea", "'\\x00'::BLOB", "'BYTES'|'AA=='",
     .snow = {"BINARY", 0, "00"}},
    {"BLOB", "x'c3a4'", "'\\xc3a4'::bytea", "'\\xC3\\xA4'::BLOB", "'BYTES'|'w6Q='",
     .snow = {"BINARY", 0, "C3A4"}},
    {"DATE", "'1970-01-01'", "'1970-01-01'::date", "'1970-01-01'::DATE", "'DATE'|'1970-01-01'",
     .snow = {"DATE", 0, "0"}},
    {"DATE", "'0001-01-01'", "'0001-01-01'::date", "'0001-01-01'::DATE", "'DATE'|'0001-01-01'",
     .snow = {"DATE", 0, "-719162"}},
    {"DATE", "'2024-02-29'", "'2024-02-29'::date", "'2024-02-29'::DATE", "'DATE'|'2024-02-29'",
     .snow = {"DATE", 0, "19782"}},
    {"DATE", "'1969-12-31'", "'1969-12-31'::date", "'1969-12-31'::DATE", "'DATE'|'1969-12-31'",
     .snow = {"DATE", 0, "-1"}},
    {"DATE", "'9999-12-31'", "'9999-12-31'::date", "'9999-12-31'::DATE", "'DATE'|'9999-12-31'",
     .snow = {"DATE", 0, "2932896"}},
    {NULL, NULL, "'00:00'::time", "'00:00:00'::TIME", "'TIME'|'00:00:00'",
     .snow = {"TIME", 9, "0.000000000"}},
    {NULL, NULL, "'23:59:59.999999'::time", "'23:59:59.999999'::TIME", "'TIME'|'23:59:59.999999'",
     .snow = {"TIME", 9, "86399.999999000"}},
    {NULL, NULL, NULL, "'12:30:00.123456789'::TIME_NS", .snow = {"TIME", 9, "45000.123456789"}},
    {"DATETIME", "'1970-01-01 00:00:00'", "'1970-01-01'::timestamp", "'1970-01-01'::TIMESTAMP",
     "'DATETIME'|'1970-01-01T00:00:00'", .snow = {"TIMESTAMP_NTZ", 9, "0.000000000"}},
    {"DATETIME", "'1969-12-31 23:59:59.999999'", "'1969-12-31 23:59:59.999999'::timestamp",
     "'1969-12-31 23:59:59.999999'::TIMESTAMP_NS", "'DATETIME'|'1969-12-31T23:59:59.999999'",
     .snow = {"TIMESTAMP_NTZ", 9, "-0.000001000"}},
    {"DATETIME", "'2024-02-29 12:30:00.123'", "'2024-02-29 12:30:00.123'::timestamp",
     "'2024-02-29 12:30:00.123'::TIMESTAMP_MS", "'DATETIME'|'2024-02-29T12:30:00.123000'",
     .snow = {"TIMESTAMP_NTZ", 3, "1709209800.123"}},
    {"DATETIME", "'9999-12-31 23:59:59'", "'9999-12-31 23:59:59'::timestamp",
     "'9999-12-31 23:59:59'::TIMESTAMP_S", "'DATETIME'|'9999-12-31T23:59:59'",
     .snow = {"TIMESTAMP_NTZ", 0, "253402300799"}},
    {"DATETIME", "'2024-02-29 12:30:00.123456789'", NULL,
     "'2024-02-29 12:30:00.123456789'::TIMESTAMP_NS",
     .snow = {"TIMESTAMP_NTZ", 9, "1709209800.123456789"}},
    {"DATETIME", "'0001-01-01 00:00:00'", "'0001-01-01'::timestamp", "'0001-01-01'::TIMESTAMP",
     "'DATETIME'|'0001-01-01T00:00:00'", .snow = {"TIMESTAMP_NTZ", 9, "-62135596800.000000000"}},
    {"DATETIME", "'9999-12-31 23:59:59.999999'", "'9999-12-31 23:59:59.999999'::timestamp",
     "'9999-12-31 23:59:59.999999'::TIMESTAMP", "'DATETIME'|'9999-12-31T23:59:59.999999'",
     .snow = {"TIMESTAMP_NTZ", 9, "253402300799.999999000"}},
    {"DATETIME", "'1969-12-31 23:59:59.999999999'", NULL,
     "'1969-12-31 23:59:59.999999999'::TIMESTAMP_NS", .snow = {"TIMESTAMP_NTZ", 9, "-0.000000001"}},
    {"DATETIME", "'2262-04-11 23:47:16.854775806'", NULL,
     "'2262-04-11 23:47:16.854775806'::TIMESTAMP_NS",
     .snow = {"TIMESTAMP_NTZ", 9, "9223372036.854775806"}},
    {"TIMESTAMP", "'2024-02-29 12:30:00.123456789Z'", NULL, NULL,
     .snow = {"TIMESTAMP_LTZ", 9, "1709209800.123456789"}},
    {"TIMESTAMP", "'0001-01-01 00:00:00Z'", "'0001-01-01 00:00:00+00'::timestamptz",
     "'0001-01-01 00:00:00+00'::TIMESTAMPTZ", "'TIMESTAMP'|'-62135596800000000'",
     .snow = {"TIMESTAMP_LTZ", 9, "-62135596800.000000000"}},
    {"TIMESTAMP", "'9999-12-31 23:59:59.999999Z'", "'9999-12-31 23:59:59.999999+00'::timestamptz",
     "'9999-12-31 23:59:59.999999+00'::TIMESTAMPTZ", "'TIMESTAMP'|'253402300799999999'",
     .snow = {"TIMESTAMP_LTZ", 9, "253402300799.999999000"}},
    {"TIMESTAMP", "'1969-12-31 23:59:59.999999Z'", "'1969-12-31 23:59:59.999999+00'::timestamptz",
     "'1969-12-31 23:59:59.999999+00'::TIMESTAMPTZ", "'TIMESTAMP'|'-1'",
     .snow = {"TIMESTAMP_LTZ", 9, "-0.000001000"}},
    {"TIMESTAMP", "'1970-01-01 00:00:00Z'", "'1970-01-01 02:00:00+02'::timestamptz",
     "'1970-01-01 00:00:00+00'::TIMESTAMPTZ", "'TIMESTAMP'|'0'",
     .snow = {"TIMESTAMP_LTZ", 9, "0.000000000"}},
    {"TIMESTAMP", "'2024-02-29T12:30:00.000001+05:30'",
     "'2024-02-29 07:00:00.000001+00'::timestamptz", "'2024-02-29 09:00:00.000001+02'::TIMESTAMPTZ",
     "'TIMESTAMP'|'1709190000000001'", .snow = {"TIMESTAMP_TZ", 9, "1709190000.000001000 1770"}},
    {"JSON", "'{\"a\":1.5,\"b\":[null,true]}'", "'{\"b\":[null,true],\"a\":1.50}'::jsonb",
     "{'b': [NULL, true], 'a': 1.5::DECIMAL(9,3)}::JSON",
     "'JSON'|'{\\'b\\':[null,true],\\'a\\':1.50}'",
     .snow = {"OBJECT", 0, "{\n  \"b\": [\n    null,\n    true\n  ],\n  \"a\": 1.5\n}"}},
    {"JSON", "'[1,2,3]'", "ARRAY[1,2,3]", "[1, 2, 3]",
     "'INTEGER', 'mode': 'REPEATED'|[{'v': '1'}, {'v': '2'}, {'v': '3'}]",
     .snow = {"VECTOR", 0, "[1,2,3]"}},
    {"JSON", "'{\"x\":9007199254740993}'", "'{\"x\": 9007199254740993}'::json",
     "{'x': 9007199254740993}",
     "'RECORD', 'fields': [{'name': 'x', 'type': 'INTEGER'}]|{'f': [{'v': '9007199254740993'}]}",
     .snow = {"VARIANT", 0, "{\"x\":9007199254740993}"}},
    {"JSON", "'[\"a\\u00e4\"]'", "ARRAY['a\xc3\xa4']", "['a\xc3\xa4']",
     "'STRING', 'mode': 'REPEATED'|[{'v': 'a\xc3\xa4'}]", .snow = {"ARRAY", 0, "[\"a\xc3\xa4\"]"}},
    {"JSON", "'{\"f1\":1}'", "ROW(1)", "MAP {'f1': 1}",
     "'RECORD', 'fields': [{'name': 'f1', 'type': 'INTEGER'}]|{'f': [{'v': '1'}]}",
     .snow = {"MAP", 0, "{\"f1\": 1}"}},
    {"JSON", "'{}'", "'{}'::jsonb", "'{}'::JSON", "'JSON'|'{}'", .snow = {"OBJECT", 0, "{}"}},
    {"JSON", "'[]'", "'{}'::int[]", "[]::INTEGER[]", "'INTEGER', 'mode': 'REPEATED'|[]",
     .snow = {"ARRAY", 0, "[]"}},
    {"JSON", "'\"\"'", "'\"\"'::jsonb", "'\"\"'::JSON", "'JSON'|'\\'\\''",
     .snow = {"VARIANT", 0, "\"\""}},
    {"JSON", "'{\"a\":null}'", "'{\"a\":null}'::jsonb", "{'a': NULL::INT}",
     "'RECORD', 'fields': [{'name': 'a', 'type': 'INTEGER'}]|{'f': [{'v': null}]}",
     .snow = {"OBJECT", 0, "{\"a\": null}"}},
    {"JSON", "'\"\\ud83d\\ude00\"'", "'\"\xf0\x9f\x98\x80\"'::json", "'\"\xf0\x9f\x98\x80\"'::JSON",
     "'JSON'|'\\'\xf0\x9f\x98\x80\\''", .snow = {"VARIANT", 0, "\"\xf0\x9f\x98\x80\""}},
    {"JSON", "'[12345678901234567890.123456789]'", "ARRAY[12345678901234567890.123456789]",
     "[12345678901234567890.123456789::DECIMAL(38,9)]",
     "'NUMERIC', 'mode': 'REPEATED'|[{'v': '12345678901234567890.123456789'}]",
     .snow = {"ARRAY", 0, "[12345678901234567890.123456789]"}},
    {"JSON", "'[{\"d\":\"2024-02-29\"}]'", "'[{\"d\":\"2024-02-29\"}]'::json",
     "[{'d': '2024-02-29'::DATE}]",
     "'RECORD', 'mode': 'REPEATED', 'fields': [{'name': 'd', 'type': 'DATE'}]|[{'v': {'f': [{'v': '2024-02-29'}]}}]",
     .snow = {"ARRAY", 0, "[{\"d\": \"2024-02-29\"}]"}},
    {"JSON", "'null'", "'null'::jsonb", "'null'::JSON", "'JSON'|'null'",
     .snow = {"VARIANT", 0, "null"}},
};

#define COUNT (sizeof(table) / sizeof(table[0]))

enum { SQLITE, POSTGRES, DUCKDB, BIGQUERY, SNOWFLAKE, ADBC, SOURCES };

static uint64_t hashes[SOURCES][COUNT];
static bool held[SOURCES][COUNT], was_read[SOURCES];
static struct pg_cluster cluster;
static struct eff_arena process;
static struct eff_os *real; /* for those that speak HTTP */

struct sqlite_config { /* as in the drivers */
    eff_str path;
    int64_t busy_timeout_ms, statement_timeout_ms;
};
struct pg_config {
    eff_str url;
    struct eff_str_list schema;
    int64_t statement_timeout_ms, connect_timeout_ms, ranges;
};
struct duck_config {
    eff_str path, library;
    int64_t threads, memory_limit, statement_timeout_ms;
};

struct adbc_config {
    eff_str driver, entrypoint, uri, username, password;
    const struct eff_node *options, *connection_options, *statement_options;
    int identifiers;
    int64_t statement_timeout_ms;
};

/* Types that DuckDB passes on as its own bytes, or without their zone, since Arrow has none. */
static bool
arrow_has(const char *expression)
{
    return !strstr(expression, "::HUGEINT") && !strstr(expression, "::BIT") &&
           !strstr(expression, "::TIMETZ");
}

static const char *
expression(int source, const struct same *same)
{
    switch (source) {
    case SQLITE:
        return same->sqlite;
    case POSTGRES:
        return same->pg;
    case DUCKDB:
        return same->duck;
    case BIGQUERY:
        return same->bigquery;
    case SNOWFLAKE:
        return !same->snow.type ? NULL : same->snow.text ? same->snow.text : "null";
    default:
        return same->duck && arrow_has(same->duck) ? same->duck : NULL;
    }
}

/* One query with one column per value that the source can hold. */
static void
read_values(int source, struct eff_os *os, const struct eff_source_ops *ops, const void *config,
            const char *from)
{
    struct eff_buf sql = {0};
    struct eff_arena scratch;
    struct reading r;
    size_t column = 0;

    eff_arena_init(&scratch, "scratch", (size_t)1 << 20);
    for (size_t i = 0; i < COUNT; i++) {
        held[source][i] = expression(source, &table[i]) != NULL;
        if (held[source][i] && source == SQLITE)
            eff_buf_addf(&sql, "%sc%zu", sql.len ? ", " : "SELECT ", i);
        else if (held[source][i] && !os) // a peer of our own does not look at the SQL
            eff_buf_addf(&sql, "%s%s AS c%zu", sql.len ? ", " : "SELECT ",
                         expression(source, &table[i]), i);
    }
    eff_buf_add(&sql, eff_str_of(from));
    eff_buf_add_char(&sql, 0);
    if ((os ? reading_open_in(&r, os, ops, config) : reading_open(&r, ops, config)) != EFF_OK ||
        reading_query(&r, sql.ptr) != EFF_OK)
        fail_msg("%s: %s", ops->kind, r.err.msg);
    assert_int_equal(r.rows, 1);
    was_read[source] = true;
    for (size_t i = 0; i < COUNT; i++) {
        if (!held[source][i])
            continue;
        if (eff_value_problem(&r.cells[column], scratch))
            fail_msg("%s: %s: %s", ops->kind, expression(source, &table[i]),
                     eff_value_problem(&r.cells[column], scratch));
        hashes[source][i] = eff_value_hash(1, &r.cells[column++], scratch);
    }
    reading_close(&r);
    eff_buf_free(&sql);
    eff_arena_deinit(&scratch);
}

static void
make_sqlite(void)
{
    struct eff_buf columns = {0}, values = {0};
    char *why = NULL;
    sqlite3 *db;

    for (size_t i = 0; i < COUNT; i++) {
        if (!table[i].sqlite)
            continue;
        eff_buf_addf(&columns, "%sc%zu %s", columns.len ? ", " : "CREATE TABLE t (", i,
                     table[i].type);
        eff_buf_addf(&values, "%s%s", values.len ? ", " : "); INSERT INTO t VALUES (",
                     table[i].sqlite);
    }
    eff_buf_add(&columns, eff_buf_str(&values));
    eff_buf_add(&columns, EFF_STR(")"));
    eff_buf_add_char(&columns, 0);
    assert_int_equal(sqlite3_open("same.db", &db), SQLITE_OK);
    if (sqlite3_exec(db, columns.ptr, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
    sqlite3_close(db);
    eff_buf_free(&columns);
    eff_buf_free(&values);
}

static void
compare(int a, int b)
{
    size_t both = 0;

    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < COUNT; k++) {
            if (!held[a][i] || !held[b][k] || (hashes[a][i] == hashes[b][k]) == (i == k))
                continue;
            fail_msg("%s and %s: %s", expression(a, &table[i]), expression(b, &table[k]),
                     i == k ? "differ" : "are equal");
        }
        both += held[a][i] && held[b][i];
    }
    assert_true(both > 30);
}

static void
sqlite_and_postgres_are_read(void **state)
{
    struct sqlite_config sqlite = {EFF_STR("same.db"), 0};
    struct pg_config pg = {.url = eff_str_of(cluster.url), .connect_timeout_ms = 10000};

    (void)state;
    make_sqlite();
    read_values(SQLITE, NULL, &eff_source_sqlite, &sqlite, " FROM t");
    if (pg_optional())
        skip();
    read_values(POSTGRES, NULL, &eff_source_postgres, &pg, "");
}

static void
make_duckdb(const struct eff_duck_api *api)
{
    void *db = NULL;
    char *why = NULL;

    if (api->open_ext("same.duckdb", &db, NULL, &why) != 0)
        fail_msg("%s", why);
    api->close(&db);
}

static void
read_adbc(const char *library)
{
    struct eff_node keys[] = {
        {.kind = EFF_NODE_SCALAR, .text = EFF_STR("arrow_lossless_conversion")}};
    struct eff_node values[] = {{.kind = EFF_NODE_SCALAR, .text = EFF_STR("true")}};
    struct eff_node options = {.kind = EFF_NODE_MAP, .count = 1, .keys = keys, .values = values};
    struct adbc_config adbc = {.driver = eff_str_of(library), .options = &options};

    read_values(ADBC, NULL, &eff_source_adbc, &adbc, "");
}

static void
duckdb_is_read(void **state)
{
    const char *deps = getenv("EFF_DEPS"), *required = getenv("EFF_REQUIRE_DUCKDB");
    struct duck_config duck = {.path = EFF_STR("same.duckdb"), .threads = 1};
    const struct eff_duck_api *api;
    struct eff_arena arena;
    struct eff_err err = {0};
    char path[512];

    (void)state;
    snprintf(path, sizeof(path), "%s/duckdb/libduckdb.so", deps ? deps : ".");
    if (!getenv("EFFERENT_DUCKDB") && access(path, R_OK) == 0)
        setenv("EFFERENT_DUCKDB", path, 1);
    eff_arena_init(&arena, "test", (size_t)1 << 20);
    if (eff_duck_load(EFF_STR_NONE, &arena, &api, &err) != EFF_OK) {
        assert_false(required && strcmp(required, "1") == 0);
        print_message("%s\n", err.msg);
        skip();
    }
    make_duckdb(api);
    read_values(DUCKDB, NULL, &eff_source_duckdb, &duck, "");
    read_adbc(getenv("EFFERENT_DUCKDB") ? getenv("EFFERENT_DUCKDB") : path);
    eff_arena_deinit(&arena);
}

/* ---- BigQuery: its answers, from a peer of our own ---- */

static void
add_json(struct eff_buf *buf, eff_str text)
{
    for (size_t i = 0; i < text.len; i++)
        eff_buf_add_char(buf, text.ptr[i] == '\'' ? '"' : text.ptr[i]);
}

static void
bigquery_row(struct eff_buf *buf, int64_t index, void *user)
{
    eff_str field, v;

    (void)index;
    (void)user;
    for (size_t i = 0; i < COUNT; i++) {
        if (!table[i].bigquery)
            continue;
        eff_str_cut(eff_str_of(table[i].bigquery), '|', &field, &v);
        eff_buf_addf(buf, "%s{\"v\": ", i ? ", " : "{\"f\": [");
        add_json(buf, v);
        eff_buf_add_char(buf, '}');
    }
    eff_buf_addf(buf, "]}");
}

static void
bigquery_is_read(void **state)
{
    struct bigquery_peer peer = {.row = bigquery_row, .rows = 1, .page_rows = 1};
    struct eff_buf fields = {0};
    eff_str field, v;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        if (!table[i].bigquery)
            continue;
        eff_str_cut(eff_str_of(table[i].bigquery), '|', &field, &v);
        eff_buf_addf(&fields, "%s{\"name\": \"c%zu\", \"type\": ", i ? ", " : "[", i);
        add_json(&fields, field);
        eff_buf_add_char(&fields, '}');
    }
    eff_buf_addf(&fields, "]");
    eff_buf_add_char(&fields, 0);
    peer.fields = fields.ptr;
    bigquery_peer_start(&peer);
    read_values(BIGQUERY, real, &eff_source_bigquery, &peer.config, "");
    bigquery_peer_stop(&peer);
    eff_buf_free(&fields);
}

/* ---- Snowflake: likewise ---- */

static void
snowflake_is_read(void **state)
{
    static const struct eff_snow_config config = {.account = {"a", 1}, .token = {"t", 1}};
    struct snow_cell cells[COUNT];
    struct snow_peer peer;
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        if (table[i].snow.type)
            cells[count++] = table[i].snow;
    }
    snow_init(&peer);
    snow_one_row(&peer, cells, count, &process);
    read_values(SNOWFLAKE, &peer.world.os, &eff_source_snowflake, &config, "SELECT x");
    snow_deinit(&peer);
}

static void
every_pair_agrees(void **state)
{
    (void)state;
    for (int a = 0; a < SOURCES; a++) {
        for (int b = a; b < SOURCES; b++) {
            if (was_read[a] && was_read[b])
                compare(a, b);
        }
    }
}

static int
setup(void **state)
{
    struct eff_err err = {0};

    (void)state;
    eff_arena_init(&process, "process", (size_t)1 << 30);
    if (eff_os_real(&process, &real, &err) != EFF_OK)
        return -1;
    return pg_optional() || pg_cluster_start(&cluster) ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    if (!pg_optional())
        pg_cluster_stop(&cluster);
    eff_os_real_close(real);
    eff_arena_deinit(&process);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sqlite_and_postgres_are_read),
        cmocka_unit_test(duckdb_is_read),
        cmocka_unit_test(bigquery_is_read),
        cmocka_unit_test(snowflake_is_read),
        cmocka_unit_test(every_pair_agrees),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
