/*
 * Goal: the same value has the same hash whichever source it came from.
 * Method: a table of boundary values, each as SQLite, PostgreSQL and DuckDB hold
 * it (NULL: that one cannot), read through the three drivers from real
 * databases; equal within a row, different from every other row's.
 * covers: D2
 */
// links: testlib base flow os source batch
// timeout: 180
#include "batch/row.h"
#include "lib/pg.h"
#include "lib/reading.h"
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
};

static const struct same table[] = {
    {"INT", "NULL", "NULL::int", "NULL::INT"},
    {"BOOLEAN", "1", "true", "true"},
    {"BOOLEAN", "0", "false", "false"},
    {"INT", "0", "0::int2", "0::TINYINT"},
    {"INT", "1", "1.00::numeric", "1.000::DECIMAL(9,3)"},
    {"INT", "-1", "-1::int8", "-1::HUGEINT"},
    {"INT", "9007199254740993", "9007199254740993", "9007199254740993"},
    {"INT", "9223372036854775807", "9223372036854775807", "9223372036854775807"},
    {"INT", "-9223372036854775808", "-9223372036854775808::numeric", "-9223372036854775808"},
    {NULL, NULL, "9223372036854775808", "9223372036854775808::UBIGINT"},
    {NULL, NULL, "18446744073709551615", "18446744073709551615::UBIGINT"},
    {NULL, NULL, "170141183460469231731687303715884105727",
     "170141183460469231731687303715884105727::HUGEINT"},
    {NULL, NULL, "-170141183460469231731687303715884105728",
     "(-170141183460469231731687303715884105728)::HUGEINT"},
    {"DECIMAL(9,2)", "0.1", "0.1::numeric", "0.10::DECIMAL(4,2)"},
    {"DECIMAL(9,2)", "-12.5", "-12.50::numeric(9,2)", "(-12.5)::DECIMAL(9,2)"},
    {NULL, NULL, "12345678901234567890.123456789", "12345678901234567890.123456789::DECIMAL(38,9)"},
    {NULL, NULL, "0.000000000000000001::numeric", "0.000000000000000001::DECIMAL(38,18)"},
    {NULL, NULL, "99999999999999999999999999999999999999",
     "99999999999999999999999999999999999999::DECIMAL(38,0)"},
    {"REAL", "0.0", "'-0'::float8", "0::DOUBLE"},
    {"REAL", "1.0", "1::float8", "1::DOUBLE"},
    {"REAL", "0.1", "0.1::float4", "0.1::FLOAT"},
    {"REAL", "1.0e308", "1e308::float8", "1e308::DOUBLE"},
    {"REAL", "5e-324", "5e-324::float8", "5e-324::DOUBLE"},
    {"REAL", "3.4028235e38", "3.4028235e38::float4", "3.4028235e38::FLOAT"},
    {"REAL", "0.30000000000000004", "0.30000000000000004::float8", "0.30000000000000004::DOUBLE"},
    {"REAL", "9e999", "'Infinity'::float8", "'inf'::DOUBLE"},
    {NULL, NULL, "'NaN'::float4", "'nan'::DOUBLE"},
    {"TEXT", "''", "''::text", "''"},
    {"TEXT", "'1'", "'1'::varchar", "'1'"},
    {"TEXT", "' a '", "' a '::text", "' a '"},
    {"TEXT", "'\xc3\xa4\xf0\x9f\x98\x80'", "'\xc3\xa4\xf0\x9f\x98\x80'",
     "'\xc3\xa4\xf0\x9f\x98\x80'"},
    {"TEXT", "'a\xcc\x88'", "'a\xcc\x88'", "'a\xcc\x88'"},
    {"TEXT", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
     "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid",
     "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID"},
    {"TEXT", "'ab'", "'ab'::char(5)", "'ab'::ENUM('ab')"},
    {"TEXT", "'101'", "B'101'", "'101'::BIT"},
    {"TEXT", "'12:30:00+02'", "'12:30+02'::timetz", "'12:30:00+02'::TIMETZ"},
    {"TEXT", "'2024-02-29'", "'2024-02-29'::text", "'2024-02-29'"},
    {"BLOB", "x''", "''::bytea", "''::BLOB"},
    {"BLOB", "x'00ff'", "'\\x00ff'::bytea", "'\\x00\\xFF'::BLOB"},
    {"DATE", "'1970-01-01'", "'1970-01-01'::date", "'1970-01-01'::DATE"},
    {"DATE", "'0001-01-01'", "'0001-01-01'::date", "'0001-01-01'::DATE"},
    {"DATE", "'2024-02-29'", "'2024-02-29'::date", "'2024-02-29'::DATE"},
    {"DATE", "'9999-12-31'", "'9999-12-31'::date", "'9999-12-31'::DATE"},
    {NULL, NULL, "'00:00'::time", "'00:00:00'::TIME"},
    {NULL, NULL, "'23:59:59.999999'::time", "'23:59:59.999999'::TIME"},
    {"DATETIME", "'1970-01-01 00:00:00'", "'1970-01-01'::timestamp", "'1970-01-01'::TIMESTAMP"},
    {"DATETIME", "'1969-12-31 23:59:59.999999'", "'1969-12-31 23:59:59.999999'::timestamp",
     "'1969-12-31 23:59:59.999999'::TIMESTAMP_NS"},
    {"DATETIME", "'2024-02-29 12:30:00.123'", "'2024-02-29 12:30:00.123'::timestamp",
     "'2024-02-29 12:30:00.123'::TIMESTAMP_MS"},
    {"DATETIME", "'9999-12-31 23:59:59'", "'9999-12-31 23:59:59'::timestamp",
     "'9999-12-31 23:59:59'::TIMESTAMP_S"},
    {"DATETIME", "'2024-02-29 12:30:00.123456789'", NULL,
     "'2024-02-29 12:30:00.123456789'::TIMESTAMP_NS"},
    {"TIMESTAMP", "'1970-01-01 00:00:00Z'", "'1970-01-01 02:00:00+02'::timestamptz",
     "'1970-01-01 00:00:00+00'::TIMESTAMPTZ"},
    {"TIMESTAMP", "'2024-02-29T12:30:00.000001+05:30'",
     "'2024-02-29 07:00:00.000001+00'::timestamptz",
     "'2024-02-29 09:00:00.000001+02'::TIMESTAMPTZ"},
    {"JSON", "'{\"a\":1.5,\"b\":[null,true]}'", "'{\"b\":[null,true],\"a\":1.50}'::jsonb",
     "{'b': [NULL, true], 'a': 1.5::DECIMAL(9,3)}::JSON"},
    {"JSON", "'[1,2,3]'", "ARRAY[1,2,3]", "[1, 2, 3]"},
    {"JSON", "'{\"x\":9007199254740993}'", "'{\"x\": 9007199254740993}'::json",
     "{'x': 9007199254740993}"},
    {"JSON", "'[\"a\\u00e4\"]'", "ARRAY['a\xc3\xa4']", "['a\xc3\xa4']"},
    {"JSON", "'{\"f1\":1}'", "ROW(1)", "MAP {'f1': 1}"},
    {"JSON", "'null'", "'null'::jsonb", "'null'::JSON"},
};

#define COUNT (sizeof(table) / sizeof(table[0]))

enum { SQLITE, POSTGRES, DUCKDB, SOURCES };

static uint64_t hashes[SOURCES][COUNT];
static bool held[SOURCES][COUNT];
static struct pg_cluster cluster;

struct sqlite_config { /* as in the drivers */
    eff_str path;
    int64_t busy_timeout_ms;
};
struct pg_config {
    eff_str url;
    struct eff_str_list schema;
    int64_t statement_timeout_ms, connect_timeout_ms;
};
struct duck_config {
    eff_str path, library;
    int64_t threads, memory_limit;
};

static const char *
expression(int source, const struct same *same)
{
    return source == SQLITE ? same->sqlite : source == POSTGRES ? same->pg : same->duck;
}

/* One query with one column per value that the source can hold. */
static void
read_values(int source, const struct eff_source_ops *ops, const void *config, const char *from)
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
        else if (held[source][i])
            eff_buf_addf(&sql, "%s%s AS c%zu", sql.len ? ", " : "SELECT ",
                         expression(source, &table[i]), i);
    }
    eff_buf_add(&sql, eff_str_of(from));
    eff_buf_add_char(&sql, 0);
    if (reading_open(&r, ops, config) != EFF_OK || reading_query(&r, sql.ptr) != EFF_OK)
        fail_msg("%s: %s", ops->kind, r.err.msg);
    assert_int_equal(r.rows, 1);
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
sqlite_and_postgres(void **state)
{
    struct sqlite_config sqlite = {EFF_STR("same.db"), 0};
    struct pg_config pg = {.url = eff_str_of(cluster.url), .connect_timeout_ms = 10000};

    (void)state;
    make_sqlite();
    read_values(SQLITE, &eff_source_sqlite, &sqlite, " FROM t");
    if (pg_optional())
        skip();
    read_values(POSTGRES, &eff_source_postgres, &pg, "");
    compare(SQLITE, POSTGRES);
    compare(POSTGRES, POSTGRES);
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
duckdb_and_the_others(void **state)
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
    read_values(DUCKDB, &eff_source_duckdb, &duck, "");
    compare(SQLITE, DUCKDB);
    if (!pg_optional())
        compare(POSTGRES, DUCKDB);
    eff_arena_deinit(&arena);
}

static int
setup(void **state)
{
    (void)state;
    return pg_optional() || pg_cluster_start(&cluster) ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    if (!pg_optional())
        pg_cluster_stop(&cluster);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sqlite_and_postgres),
        cmocka_unit_test(duckdb_and_the_others),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
