/*
 * Goal: what Snowflake's SQL API writes becomes the value that it means, with the hash that the
 * same value has from any other source; a text that is no value voids the read.
 * Method: each type's texts; a table of boundary values as SQLite holds them (which
 * source_same_test compares with the others) or as this program has them, and as the API writes
 * them; equal within a row, different from every other row's.
 * covers: D2
 */
// links: testlib base flow os source batch
#include "batch/row.h"
#include "lib/reading.h"
#include "lib/snow.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>

#include <cmocka.h>

/* ---- values ---- */

static struct snow_peer peer;
static struct reading reading;
static const struct eff_snow_config config = {.account = {"a", 1}, .token = {"t", 1}};

static enum eff_fault
read_one(const struct snow_cell *cell, struct eff_arena *arena)
{
    snow_init(&peer);
    snow_one_row(&peer, cell, 1, arena);
    EFF_TRY(reading_open_in(&reading, &peer.world.os, &eff_source_snowflake, &config));
    return reading_query(&reading, "SELECT x");
}

static void
done(void)
{
    reading_close(&reading);
    snow_deinit(&peer);
}

static void
types_become_values(void **state)
{
    static const struct {
        struct snow_cell cell;
        const char *value;
    } texts[] = {
        {{"FIXED", 0, "12"}, "integer:12"},
        {{"fixed", 0, "-9223372036854775808"}, "integer:-9223372036854775808"},
        {{"FIXED", 0, "9223372036854775808"}, "decimal:9223372036854775808"},
        {{"FIXED", 0, "99999999999999999999999999999999999999"},
         "decimal:99999999999999999999999999999999999999"},
        {{"FIXED", 2, "1.50"}, "decimal:1.50"},
        {{"FIXED", 37, "-0.0000000000000000000000000000000000001"},
         "decimal:-0.0000000000000000000000000000000000001"},
        {{"FIXED", 0, NULL}, "null:"},
        {{"DECFLOAT", 0, "1.5e3"}, "decimal:1.5e3"},
        {{"REAL", 0, "1.5"}, "float:1.5"},
        {{"REAL", 0, "1e+300"}, "float:1e+300"},
        {{"REAL", 0, "NaN"}, "float:NaN"},
        {{"REAL", 0, "inf"}, "float:Infinity"},
        {{"REAL", 0, "-inf"}, "float:-Infinity"},
        {{"BOOLEAN", 0, "true"}, "boolean:true"},
        {{"BOOLEAN", 0, "0"}, "boolean:false"},
        {{"TEXT", 0, ""}, "text:"},
        {{"TEXT", 0, "a \"b\" \\ / \x01 \xc3\xa4"}, "text:a \"b\" \\ / \x01 \xc3\xa4"},
        {{"TEXT", 0, "null"}, "text:null"},
        {{"INTERVAL_DAY", 0, "1 day"}, "text:1 day"},
        {{"BINARY", 0, ""}, "bytes:"},
        {{"BINARY", 0, "00FFab"}, "bytes:AP+r"},
        {{"DATE", 0, "18262"}, "date:2020-01-01"},
        {{"DATE", 0, "-719162"}, "date:0001-01-01"},
        {{"DATE", 0, "2932897"}, "bad:the date is outside the years 1 to 9999"},
        {{"TIME", 9, "0.000000000"}, "time:00:00:00"},
        {{"TIME", 9, "82919.123456789"}, "time:23:01:59.123456789"},
        {{"TIME", 0, "86399"}, "time:23:59:59"},
        {{"TIMESTAMP_NTZ", 9, "1611871777.123456789"}, "datetime:2021-01-28T22:09:37.123456789"},
        {{"TIMESTAMP_NTZ", 9, "-0.000000001"}, "datetime:1969-12-31T23:59:59.999999999"},
        {{"TIMESTAMP_NTZ", 9, "-1.000000000"}, "datetime:1969-12-31T23:59:59"},
        {{"TIMESTAMP_NTZ", 3, "1.5"}, "datetime:1970-01-01T00:00:01.5"},
        {{"TIMESTAMP_LTZ", 9, "1611871777.000000000"}, "timestamp:2021-01-28T22:09:37Z"},
        {{"TIMESTAMP_TZ", 9, "1616173619.000000000 960"}, "timestamp:2021-03-19T17:06:59Z"},
        {{"TIMESTAMP_TZ", 9, "1616173619.5 1440"}, "timestamp:2021-03-19T17:06:59.5Z"},
        {{"TIMESTAMP_NTZ", 0, "253402300800"}, "bad:the timestamp is outside the years 1 to 9999"},
        {{"VARIANT", 0, "{\n  \"a\": 1\n}"}, "json:{\n  \"a\": 1\n}"},
        {{"ARRAY", 0, "[undefined,\"undefined \\\"\",undefined]"},
         "json:[null,\"undefined \\\"\",null]"},
        {{"VECTOR", 0, "[1.0,2.0]"}, "json:[1.0,2.0]"},
        {{"GEOGRAPHY", 0, "{\"type\":\"Point\"}"}, "json:{\"type\":\"Point\"}"},
        {{"GEOMETRY", 0, "POINT(1 2)"}, "text:POINT(1 2)"},
    };
    struct eff_arena arena;

    (void)state;
    eff_arena_init(&arena, "test", (size_t)1 << 20);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (read_one(&texts[i].cell, &arena) != EFF_OK)
            fail_msg("%s %s: %s", texts[i].cell.type, texts[i].cell.text, reading.err.msg);
        assert_string_equal(reading_text(&reading), texts[i].value);
        done();
    }
    eff_arena_deinit(&arena);
}

static void
texts_that_are_no_values(void **state)
{
    static const struct snow_cell bad[] = {
        {"FIXED", 0, ""},
        {"FIXED", 0, "x"},
        {"FIXED", 2, "1,5"},
        {"REAL", 0, ""},
        {"REAL", 0, "1.5x"},
        {"REAL", 0, " 1"},
        {"BOOLEAN", 0, "yes"},
        {"BINARY", 0, "abc"},
        {"BINARY", 0, "zz"},
        {"DATE", 0, "2020-01-01"},
        {"TIME", 0, "-1.0"},
        {"TIME", 0, "86400.0"},
        {"TIME", 0, "12:00:00"},
        {"TIMESTAMP_NTZ", 0, "2020-01-01 00:00:00"},
        {"TIMESTAMP_NTZ", 0, "1.0000000001"},
        {"TIMESTAMP_NTZ", 0, "--1.0"},
        {"TIMESTAMP_NTZ", 0, "1.-5"},
        {"TIMESTAMP_NTZ", 0, "1."},
        {"TIMESTAMP_TZ", 0, "1.0"},
        {"TIMESTAMP_TZ", 0, "1.0 2881"},
        {"TIMESTAMP_TZ", 0, "1.0 +01:00"},
    };
    struct eff_arena arena;

    (void)state;
    eff_arena_init(&arena, "test", (size_t)1 << 20);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (read_one(&bad[i], &arena) != EFF_TRANSIENT)
            fail_msg("%s \"%s\" is taken", bad[i].type, bad[i].text);
        assert_non_null(strstr(reading.err.msg, "in column C0"));
        done();
    }
    eff_arena_deinit(&arena);
}

/* ---- the same everywhere ---- */

struct same {
    const char *type, *sqlite; /* SQLite tells types by the column's declaration only */
    struct snow_cell snow;
};

static const struct same table[] = {
    {"INT", "NULL", {"FIXED", 0, NULL}},
    {"BOOLEAN", "1", {"BOOLEAN", 0, "true"}},
    {"BOOLEAN", "0", {"BOOLEAN", 0, "false"}},
    {"INT", "0", {"FIXED", 0, "0"}},
    {"INT", "1", {"FIXED", 3, "1.000"}},
    {"INT", "-1", {"FIXED", 0, "-1"}},
    {"INT", "9007199254740993", {"FIXED", 0, "9007199254740993"}},
    {"INT", "9223372036854775807", {"FIXED", 0, "9223372036854775807"}},
    {"INT", "-9223372036854775808", {"FIXED", 0, "-9223372036854775808"}},
    {"DECIMAL(9,2)", "0.1", {"FIXED", 2, "0.10"}},
    {"DECIMAL(9,2)", "-12.5", {"FIXED", 2, "-12.50"}},
    {"REAL", "0.0", {"REAL", 0, "-0"}},
    {"REAL", "1.0", {"REAL", 0, "1"}},
    {"REAL", "0.1", {"REAL", 0, "0.1"}},
    {"REAL", "1.0e308", {"REAL", 0, "1e+308"}},
    {"REAL", "5e-324", {"REAL", 0, "5e-324"}},
    {"REAL", "3.4028235e38", {"REAL", 0, "3.4028235e+38"}},
    {"REAL", "0.30000000000000004", {"REAL", 0, "0.30000000000000004"}},
    {"REAL", "9e999", {"REAL", 0, "inf"}},
    {"TEXT", "''", {"TEXT", 0, ""}},
    {"TEXT", "'1'", {"TEXT", 0, "1"}},
    {"TEXT", "' a '", {"TEXT", 0, " a "}},
    {"TEXT", "'\xc3\xa4\xf0\x9f\x98\x80'", {"TEXT", 0, "\xc3\xa4\xf0\x9f\x98\x80"}},
    {"TEXT", "'a\xcc\x88'", {"TEXT", 0, "a\xcc\x88"}},
    {"TEXT",
     "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'",
     {"UUID", 0, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}},
    {"TEXT", "'ab'", {"TEXT", 0, "ab"}},
    {"TEXT", "'101'", {"TEXT", 0, "101"}},
    {"TEXT", "'12:30:00+02'", {"TEXT", 0, "12:30:00+02"}},
    {"TEXT", "'2024-02-29'", {"TEXT", 0, "2024-02-29"}},
    {"BLOB", "x''", {"BINARY", 0, ""}},
    {"BLOB", "x'00ff'", {"BINARY", 0, "00FF"}},
    {"DATE", "'1970-01-01'", {"DATE", 0, "0"}},
    {"DATE", "'0001-01-01'", {"DATE", 0, "-719162"}},
    {"DATE", "'2024-02-29'", {"DATE", 0, "19782"}},
    {"DATE", "'9999-12-31'", {"DATE", 0, "2932896"}},
    {"DATETIME", "'1970-01-01 00:00:00'", {"TIMESTAMP_NTZ", 9, "0.000000000"}},
    {"DATETIME", "'1969-12-31 23:59:59.999999'", {"TIMESTAMP_NTZ", 9, "-0.000001000"}},
    {"DATETIME", "'2024-02-29 12:30:00.123'", {"TIMESTAMP_NTZ", 3, "1709209800.123"}},
    {"DATETIME", "'9999-12-31 23:59:59'", {"TIMESTAMP_NTZ", 0, "253402300799"}},
    {"DATETIME", "'2024-02-29 12:30:00.123456789'", {"TIMESTAMP_NTZ", 9, "1709209800.123456789"}},
    {"TIMESTAMP", "'1970-01-01 00:00:00Z'", {"TIMESTAMP_LTZ", 9, "0.000000000"}},
    {"TIMESTAMP",
     "'2024-02-29T12:30:00.000001+05:30'",
     {"TIMESTAMP_TZ", 9, "1709190000.000001000 1770"}},
    {"JSON",
     "'{\"a\":1.5,\"b\":[null,true]}'",
     {"OBJECT", 0, "{\n  \"b\": [\n    null,\n    true\n  ],\n  \"a\": 1.5\n}"}},
    {"JSON", "'[1,2,3]'", {"VECTOR", 0, "[1,2,3]"}},
    {"JSON", "'{\"x\":9007199254740993}'", {"VARIANT", 0, "{\"x\":9007199254740993}"}},
    {"JSON", "'[\"a\\u00e4\"]'", {"ARRAY", 0, "[\"a\xc3\xa4\"]"}},
    {"JSON", "'{\"f1\":1}'", {"MAP", 0, "{\"f1\": 1}"}},
    {"JSON", "'null'", {"VARIANT", 0, "null"}},
};

/* What SQLite cannot hold. */
static const struct own {
    struct eff_value value;
    struct snow_cell snow;
} others[] = {
    {{.kind = EFF_DECIMAL, .len = 19, .ptr = "9223372036854775808"},
     {"FIXED", 0, "9223372036854775808"}},
    {{.kind = EFF_DECIMAL, .len = 30, .ptr = "12345678901234567890.123456789"},
     {"FIXED", 9, "12345678901234567890.123456789"}},
    {{.kind = EFF_DECIMAL, .len = 20, .ptr = "0.000000000000000001"},
     {"FIXED", 18, "0.000000000000000001"}},
    {{.kind = EFF_DECIMAL, .len = 38, .ptr = "99999999999999999999999999999999999999"},
     {"FIXED", 0, "99999999999999999999999999999999999999"}},
    {{.kind = EFF_FLOAT, .f = __builtin_nan("")}, {"REAL", 0, "NaN"}},
    {{.kind = EFF_TIME, .i = 0}, {"TIME", 9, "0.000000000"}},
    {{.kind = EFF_TIME, .i = 86399999999}, {"TIME", 9, "86399.999999000"}},
};

#define COUNT  (sizeof(table) / sizeof(table[0]))
#define OTHERS (sizeof(others) / sizeof(others[0]))
#define ALL    (COUNT + OTHERS)

struct sqlite_config { /* as in the driver */
    eff_str path;
    int64_t busy_timeout_ms, statement_timeout_ms;
};

static void
hash_row(const struct reading *r, uint64_t *hashes)
{
    struct eff_arena scratch;

    eff_arena_init(&scratch, "scratch", (size_t)1 << 20);
    assert_int_equal(r->rows, 1);
    for (size_t i = 0; i < r->width; i++) {
        if (eff_value_problem(&r->cells[i], scratch))
            fail_msg("%zu: %s", i, eff_value_problem(&r->cells[i], scratch));
        hashes[i] = eff_value_hash(1, &r->cells[i], scratch);
    }
    eff_arena_deinit(&scratch);
}

static void
make_sqlite(void)
{
    struct eff_buf sql = {0};
    char *why = NULL;
    sqlite3 *db;

    for (size_t i = 0; i < COUNT; i++)
        eff_buf_addf(&sql, "%sc%zu %s", i ? ", " : "CREATE TABLE t (", i, table[i].type);
    for (size_t i = 0; i < COUNT; i++)
        eff_buf_addf(&sql, "%s%s", i ? ", " : "); INSERT INTO t VALUES (", table[i].sqlite);
    eff_buf_add(&sql, EFF_STR(")"));
    eff_buf_add_char(&sql, 0);
    assert_int_equal(sqlite3_open("same.db", &db), SQLITE_OK);
    if (sqlite3_exec(db, sql.ptr, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s", why);
    sqlite3_close(db);
    eff_buf_free(&sql);
}

static void
read_sqlite(uint64_t *hashes)
{
    struct sqlite_config file = {EFF_STR("same.db"), 0};
    struct eff_arena scratch;
    struct reading r;

    make_sqlite();
    assert_int_equal(reading_open(&r, &eff_source_sqlite, &file), EFF_OK);
    assert_int_equal(reading_query(&r, "SELECT * FROM t"), EFF_OK);
    hash_row(&r, hashes);
    reading_close(&r);
    eff_arena_init(&scratch, "scratch", (size_t)1 << 20);
    for (size_t i = 0; i < OTHERS; i++)
        hashes[COUNT + i] = eff_value_hash(1, &others[i].value, scratch);
    eff_arena_deinit(&scratch);
}

static void
read_snowflake(uint64_t *hashes)
{
    struct snow_cell cells[ALL];
    struct reading r;

    snow_init(&peer);
    assert_int_equal(reading_open_in(&r, &peer.world.os, &eff_source_snowflake, &config), EFF_OK);
    for (size_t i = 0; i < ALL; i++)
        cells[i] = i < COUNT ? table[i].snow : others[i - COUNT].snow;
    snow_one_row(&peer, cells, ALL, &r.arena);
    if (reading_query(&r, "SELECT x") != EFF_OK)
        fail_msg("%s", r.err.msg);
    assert_int_equal(r.width, ALL);
    hash_row(&r, hashes);
    reading_close(&r);
    snow_deinit(&peer);
}

static const char *
name_of(size_t i)
{
    const struct snow_cell *cell = i < COUNT ? &table[i].snow : &others[i - COUNT].snow;

    return cell->text ? cell->text : "null";
}

static void
the_same_everywhere(void **state)
{
    uint64_t here[ALL], there[ALL];

    (void)state;
    read_sqlite(here);
    read_snowflake(there);
    for (size_t i = 0; i < ALL; i++) {
        for (size_t k = 0; k < ALL; k++) {
            if ((here[i] == there[k]) != (i == k))
                fail_msg("%s and %s: %s", name_of(i), name_of(k), i == k ? "differ" : "are equal");
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_become_values),
        cmocka_unit_test(texts_that_are_no_values),
        cmocka_unit_test(the_same_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
