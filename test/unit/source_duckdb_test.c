/*
 * Goal: a DuckDB file is read as the table in source/duckdb_value.c says, without
 * losing a digit, never written; an error in mid-stream is never the end; a
 * missing library and a file of a newer version are told in plain words.
 * Method: real files made through the same library; a million rows under a bound
 * of memory. Skipped where there is no library, unless EFF_REQUIRE_DUCKDB=1.
 * covers: C16
 */
// links: testlib base flow os source
#include "lib/reading.h"
#include "source/duckdb_api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct config { /* as duckdb.c has it */
    eff_str path, library;
    int64_t threads, memory_limit, statement_timeout_ms;
};

static struct reading r;
static struct config config = {.path = {"test.duckdb", 11}, .threads = 1};
static const struct eff_duck_api *api;
static struct eff_arena arena;

static void
make(const char *sql)
{
    struct eff_duck_result result = {0};
    void *db = NULL, *conn = NULL;
    char *why = NULL;

    if (api->open_ext("test.duckdb", &db, NULL, &why) != 0)
        fail_msg("%s", why);
    assert_int_equal(api->connect(db, &conn), 0);
    if (api->query(conn, sql, &result) != 0)
        fail_msg("%s", api->result_error(&result));
    api->destroy_result(&result);
    api->disconnect(&conn);
    api->close(&db);
}

static void
begin(const char *sql)
{
    unlink("test.duckdb");
    unlink("test.duckdb.wal");
    make(sql);
    if (reading_open(&r, &eff_source_duckdb, &config) != EFF_OK)
        fail_msg("%s", r.err.msg);
}

static void
plain_types(void **state)
{
    (void)state;
    begin("SELECT 1");
    reading_expect(
        &r,
        "SELECT true AS b, (-128)::TINYINT AS i1, (-32768)::SMALLINT AS i2, 7::INTEGER AS i4,"
        " (-9223372036854775808)::BIGINT AS i8, 255::UTINYINT AS u1, 65535::USMALLINT AS u2,"
        " 4294967295::UINTEGER AS u4, 18446744073709551615::UBIGINT AS u8",
        "boolean:true integer:-128 integer:-32768 integer:7 integer:-9223372036854775808"
        " integer:255 integer:65535 integer:4294967295 decimal:18446744073709551615");
    reading_expect(
        &r,
        "SELECT (-170141183460469231731687303715884105728)::HUGEINT AS a, (-5)::HUGEINT AS b,"
        " 340282366920938463463374607431768211455::UHUGEINT AS c, 5::UHUGEINT AS d",
        "decimal:-170141183460469231731687303715884105728 integer:-5"
        " decimal:340282366920938463463374607431768211455 integer:5");
    reading_expect(
        &r, "SELECT 0.1::FLOAT AS a, 0.1::DOUBLE AS b, 'nan'::DOUBLE AS c, '-inf'::FLOAT AS d",
        "float:0.1 float:0.1 float:NaN float:-Infinity");
    reading_expect(
        &r,
        "SELECT 1.5::DECIMAL(4,1) AS a, (-0.05)::DECIMAL(9,2) AS b,"
        " 123456789012.345::DECIMAL(18,3) AS c,"
        " (-12345678901234567890123456789.123456789)::DECIMAL(38,9) AS d, 0::DECIMAL(5,2) AS e,"
        " 12::DECIMAL(18,0) AS f",
        "decimal:1.5 decimal:-0.05 decimal:123456789012.345"
        " decimal:-12345678901234567890123456789.123456789 decimal:0.00 integer:12");
    assert_int_equal(r.columns.at[1].precision, 9);
    assert_int_equal(r.columns.at[1].scale, 2);
    reading_expect(
        &r,
        "SELECT 'short' AS a, 'longer than twelve bytes ä' AS b, '' AS c, NULL AS d,"
        " '\\x00\\xFF'::BLOB AS e, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID AS f,"
        " '00eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID AS g, 'happy'::ENUM('sad', 'happy') AS h",
        "text:short text:longer than twelve bytes ä text: null: bytes:AP8="
        " text:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 text:00eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
        " text:happy");
    reading_close(&r);
}

static void
times(void **state)
{
    (void)state;
    begin("SELECT 1");
    reading_expect(&r,
                   "SELECT '0001-01-01'::DATE AS a, '9999-12-31'::DATE AS b, 'infinity'::DATE AS c,"
                   " '0044-03-15 (BC)'::DATE AS d, '10000-01-01'::DATE AS e",
                   "date:0001-01-01 date:9999-12-31 bad:the date is infinite"
                   " bad:the date is outside the years 1 to 9999"
                   " bad:the date is outside the years 1 to 9999");
    reading_expect(
        &r,
        "SELECT '1969-12-31 23:59:59.999999'::TIMESTAMP AS a, '2024-02-29 12:30:00'::TIMESTAMP_S"
        " AS b, '2024-02-29 12:30:00.123'::TIMESTAMP_MS AS c,"
        " '1969-12-31 23:59:59.123456789'::TIMESTAMP_NS AS d,"
        " '2024-02-29 12:30:00+02'::TIMESTAMPTZ AS e, 'infinity'::TIMESTAMP AS f,"
        " '-infinity'::TIMESTAMPTZ AS g",
        "datetime:1969-12-31T23:59:59.999999 datetime:2024-02-29T12:30:00"
        " datetime:2024-02-29T12:30:00.123 datetime:1969-12-31T23:59:59.123456789"
        " timestamp:2024-02-29T10:30:00Z bad:the timestamp is infinite"
        " bad:the timestamp is infinite");
    reading_expect(&r,
                   "SELECT '12:30:00.5'::TIME AS a, '12:30:00+05:30'::TIMETZ AS b,"
                   " '12:30:00-02'::TIMETZ AS c",
                   "time:12:30:00.5 text:12:30:00+05:30 text:12:30:00-02");
    reading_close(&r);
}

/* Each of them beside DuckDB's own cast. */
static void
texts_are_duckdbs_own(void **state)
{
    (void)state;
    begin("SELECT 1");
    assert_int_equal(
        reading_query(&r, "SELECT v, v::VARCHAR AS t FROM (VALUES (INTERVAL 14 MONTH),"
                          " (INTERVAL 3 DAY), (INTERVAL '-1' YEAR), (INTERVAL 0 DAY),"
                          " (INTERVAL '1 year 2 months 3 days 04:05:06.7'),"
                          " (INTERVAL '-04:05:06.000007'), (INTERVAL '1 month -1 day 100 hours'))"
                          " x(v)"),
        EFF_OK);
    for (size_t i = 0; i < r.rows; i++)
        assert_true(eff_str_eq(eff_value_str(&r.cells[2 * i]), eff_value_str(&r.cells[2 * i + 1])));
    reading_expect(&r, "SELECT '101'::BIT AS a, '10101010'::BIT AS b, '110011001100'::BIT AS c",
                   "text:101 text:10101010 text:110011001100");
    reading_expect(&r,
                   "SELECT i, (i || '00000000000000000000000000000000000000000000')::BIGNUM AS n"
                   " FROM range(1, 3) t(i)",
                   "integer:1 text:100000000000000000000000000000000000000000000 | "
                   "integer:2 text:200000000000000000000000000000000000000000000");
    reading_close(&r);
}

static void
nested_values_are_exact_json(void **state)
{
    (void)state;
    begin("SELECT 1");
    reading_expect(
        &r,
        "SELECT [1, NULL, 3] AS a, [9007199254740993::BIGINT] AS b,"
        " [1.10::DECIMAL(38,2), 12345678901234567890.12] AS c, []::INTEGER[] AS d,"
        " {'x': 1, 'y': {'z': ['a\"', NULL]}} AS e, MAP {'k': 1, 'l': NULL} AS f,"
        " MAP {1: 'one'} AS g, [1, 2, 3]::INTEGER[3] AS h, [[1], [], NULL] AS i",
        "json:[1,null,3] json:[9007199254740993] json:[1.10,12345678901234567890.12] json:[]"
        " json:{\"x\":1,\"y\":{\"z\":[\"a\\\"\",null]}} json:{\"k\":1,\"l\":null}"
        " json:{\"1\":\"one\"} json:[1,2,3] json:[[1],[],null]");
    reading_expect(&r,
                   "SELECT ['2024-02-29'::DATE] AS a, {'t': '2024-02-29 12:00'::TIMESTAMP} AS b,"
                   " [true] AS c, ['\\xFF'::BLOB] AS d, '{\"a\": 1.50}'::JSON AS e,"
                   " union_value(num := 2) AS f, ['nan'::DOUBLE] AS g, MAP {[1]: 2} AS h",
                   "json:[\"2024-02-29\"] json:{\"t\":\"2024-02-29T12:00:00\"} json:[true]"
                   " json:[\"/w==\"] json:{\"a\": 1.50} json:2"
                   " bad:a nested number is NaN or infinite, which JSON has not"
                   " bad:a map's keys are lists or structs, which JSON has not");
    assert_string_equal(reading_columns(&r),
                        "a:json b:json c:json d:json e:json f:json g:json h:json");
    // A member that has no JSON, between others: the row is bad, not the process.
    reading_expect(
        &r,
        "SELECT {'a': 1, 'b': 'nan'::DOUBLE, 'c': 2} AS a, MAP {'k': 'inf'::DOUBLE} AS b,"
        " [{'a': ['nan'::DOUBLE, 1]}] AS c, {'m': MAP {[1]: 2}} AS d",
        "bad:a nested number is NaN or infinite, which JSON has not"
        " bad:a nested number is NaN or infinite, which JSON has not"
        " bad:a nested number is NaN or infinite, which JSON has not"
        " bad:a map's keys are lists or structs, which JSON has not");
    // Lists of different lengths over several chunks: offsets into the child vector must hold.
    assert_int_equal(reading_query(&r,
                                   "SELECT i, range(i % 5) AS l, {'i': i, 's': repeat('x', i % 3)}"
                                   " AS s FROM range(10000) t(i)"),
                     EFF_OK);
    assert_int_equal(r.rows, 10000);
    assert_true(eff_str_is(eff_value_str(&r.cells[9998 * 3 + 1]), "[0,1,2]"));
    assert_true(eff_str_is(eff_value_str(&r.cells[9998 * 3 + 2]), "{\"i\":9998,\"s\":\"xx\"}"));
    reading_close(&r);
}

/* Types that are read by a loop of their own, and one that is not, over chunks and their blocks. */
static void
each_row_has_its_own_values(void **state)
{
    (void)state;
    begin("CREATE TABLE t AS SELECT i, i % 2 = 1 AS odd, i::INTEGER AS four, i::SMALLINT AS two,"
          " i / 4 AS quarter, (i / 4)::DECIMAL(9,2) AS price, repeat('x', i % 20) AS word,"
          " DATE '2020-01-01' + i::INTEGER AS day, make_timestamp(i * 1000000) AS at"
          " FROM range(5000) x(i)");
    for (int gap = 0; gap < 2; gap++) {
        assert_int_equal(
            reading_query(&r, gap ? "SELECT CASE WHEN i % 7 > 0 THEN COLUMNS(*) END FROM t"
                                  : "SELECT * FROM t"),
            EFF_OK);
        assert_int_equal(r.rows, 5000);
        for (size_t i = 0; i < r.rows; i++) {
            const struct eff_value *cells = r.cells + i * r.width;
            char price[32];

            for (size_t c = 0; c < r.width && gap && i % 7 == 0; c++)
                assert_int_equal(cells[c].kind, EFF_NULL);
            if (gap && i % 7 == 0)
                continue;
            snprintf(price, sizeof(price), "%.2f", (double)i / 4);
            assert_int_equal(cells[0].i, i);
            assert_int_equal(cells[1].i, i % 2);
            assert_int_equal(cells[2].i, i);
            assert_int_equal(cells[3].i, i);
            assert_true(cells[4].f == (double)i / 4);
            assert_true(eff_str_eq(eff_value_str(&cells[5]), eff_str_of(price)));
            assert_int_equal(cells[6].len, i % 20);
            assert_int_equal(cells[7].i, 18262 + i);
            assert_int_equal(cells[8].i, i * 1000000);
        }
    }
    reading_close(&r);
}

static void
mistakes_have_a_place(void **state)
{
    (void)state;
    begin("CREATE TABLE t AS SELECT 1 AS id");
    reading_refused(&r, "SELECT id,\n  nope FROM t", EFF_CONFIG, "(line 2, column 3 of");
    reading_refused(&r, "SELECT * FROM missing", EFF_CONFIG, "(line 1, column 15 of");
    reading_refused(&r, "SELEC 1", EFF_CONFIG, "(line 1, column 1 of");
    reading_refused(&r, "SELECT 1 AS a, 2 AS a", EFF_CONFIG, "columns 1 and 2");
    reading_refused(&r, "SELECT 1 AS a; SELECT 2 AS b", EFF_CONFIG, "second statement");
    reading_refused(&r, "SELECT ?::INT AS a", EFF_CONFIG, "parameter");
    reading_refused(&r, "-- nothing", EFF_CONFIG, "empty");
    reading_expect(&r, "SELECT ';' AS a, $$;$$ AS b -- ;\n;", "text:; text:;");
    reading_expect(&r, "FROM t", "integer:1");
    reading_close(&r);
}

static void
nothing_is_written(void **state)
{
    static const char *const statements[] = {
        "INSERT INTO t VALUES (2)",
        "DELETE FROM t RETURNING id",
        "DROP TABLE t",
        "CREATE TABLE u (a INT)",
        "COMMIT",
        "ATTACH 'other.duckdb' AS o",
        "COPY t TO 'out.csv'",
        "SET threads = 2",
        "PRAGMA threads = 2",
    };

    (void)state;
    begin("CREATE TABLE t AS SELECT 7 AS id");
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        assert_int_equal(reading_query(&r, statements[i]), EFF_CONFIG);
    reading_told(&r, "PRAGMA", "a model only reads");
    reading_expect(&r, "SELECT * FROM t", "integer:7");
    assert_int_equal(access("out.csv", F_OK), -1);
    assert_int_equal(access("other.duckdb", F_OK), -1);
    reading_close(&r);
}

static void
a_late_error_is_no_end(void **state)
{
    struct eff_batch batch;

    (void)state;
    begin("CREATE TABLE t AS SELECT CASE WHEN i = 900000 THEN 'x' ELSE i::VARCHAR END AS s"
          " FROM range(1000000) x(i)");
    assert_int_equal(reading_drain(&r, "SELECT s::INTEGER AS i FROM t"), EFF_CONFIG);
    reading_told(&r, "conversion", "Could not convert string 'x'");
    assert_true(r.rows > 0 && r.rows <= 900000);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_CONFIG);
    reading_expect(&r, "SELECT count(*) AS n FROM t", "integer:1000000");
    reading_close(&r);
}

static void
a_query_can_be_left_and_cancelled(void **state)
{
    struct eff_batch batch;
    enum eff_fault fault;

    (void)state;
    begin("CREATE TABLE t AS SELECT i FROM range(3000000) x(i)");
    assert_int_equal(r.source->ops->query(r.source, EFF_STR("FROM t"), &r.columns, &r.err), EFF_OK);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_OK);
    assert_true(batch.rows > 0);
    reading_expect(&r, "SELECT 1 AS a", "integer:1");
    assert_int_equal(r.source->ops->query(r.source, EFF_STR("FROM t"), &r.columns, &r.err), EFF_OK);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_OK);
    r.source->ops->cancel(r.source);
    do {
        fault = r.source->ops->next(r.source, &batch, &r.err);
    } while (fault == EFF_OK && batch.rows > 0);
    assert_int_equal(fault, EFF_TRANSIENT);
    reading_expect(&r, "SELECT 1 AS a", "integer:1");
    reading_close(&r);
}

static void
what_cannot_be_opened_is_named(void **state)
{
    struct config other = config;
    FILE *f;

    (void)state;
    other.path = eff_str_of("nowhere.duckdb");
    assert_int_equal(reading_open(&r, &eff_source_duckdb, &other), EFF_CONFIG);
    reading_told(&r, "missing", "no such file");
    reading_close(&r);
    f = fopen("words.duckdb", "w");
    fputs("this is not a database", f);
    fclose(f);
    other.path = eff_str_of("words.duckdb");
    assert_int_equal(reading_open(&r, &eff_source_duckdb, &other), EFF_CONFIG);
    reading_told(&r, "words", "is not a DuckDB file");
    reading_close(&r);
    other = config;
    other.library = eff_str_of("/nowhere/libduckdb.so");
    assert_int_equal(reading_open(&r, &eff_source_duckdb, &other), EFF_CONFIG);
    reading_told(&r, "library", "the DuckDB library cannot be loaded");
    reading_told(&r, "library", "EFFERENT_DUCKDB");
    reading_close(&r);
}

/* The file's head is summed by words of 8 bytes, each times a constant, xor'ed together. */
static void
patch_word(unsigned char *head, size_t at, uint64_t value)
{
    uint64_t sum, old;

    memcpy(&sum, head, 8);
    memcpy(&old, head + at, 8);
    sum ^= old * 0xbf58476d1ce4e5b9 ^ value * 0xbf58476d1ce4e5b9;
    memcpy(head, &sum, 8);
    memcpy(head + at, &value, 8);
}

/* What DuckDB 2.0 writes: storage version 69, and its name. */
static void
a_file_of_a_newer_version_names_both(void **state)
{
    unsigned char head[128];
    uint64_t word;
    FILE *f;

    (void)state;
    begin("SELECT 1");
    reading_close(&r);
    f = fopen("test.duckdb", "r+");
    assert_int_equal(fread(head, 1, sizeof(head), f), sizeof(head));
    memcpy(&word, head + 8, 8); // "DUCK", and the low half of the version
    patch_word(head, 8, (word & 0xffffffff) | (uint64_t)69 << 32);
    memcpy(&word, "\0\0\0\0v9.8", 8);
    patch_word(head, 48, word);
    memcpy(&word, ".7\0\0\0\0\0", 8);
    patch_word(head, 56, word);
    rewind(f);
    fwrite(head, 1, sizeof(head), f);
    fclose(f);
    assert_int_equal(reading_open(&r, &eff_source_duckdb, &config), EFF_CONFIG);
    reading_told(&r, "newer", "version v9.8.7 (storage version 69)");
    reading_told(&r, "newer", api->library_version());
    reading_close(&r);
}

static void
memory_is_bounded(void **state)
{
    long before;

    (void)state;
    begin("SELECT 1");
    assert_int_equal(reading_drain(&r, "SELECT i FROM range(10000) t(i)"), EFF_OK); // warm
    before = reading_peak_kib();
    assert_int_equal(reading_drain(&r, "SELECT i AS id, 'customer' || i || '@example.com' AS email,"
                                       " (i * 1.5)::DECIMAL(18,2) AS amount, [i] AS l"
                                       " FROM range(1000000) t(i)"),
                     EFF_OK);
    assert_int_equal(r.rows, 1000000);
    if (!getenv("EFF_SANITIZED"))
        assert_true(reading_peak_kib() - before < 20 * 1024);
    reading_close(&r);
}

static struct timespec stop_at;

static bool
go_on_for_a_while(void *self)
{
    struct timespec now;

    (void)self;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec < stop_at.tv_sec ||
           (now.tv_sec == stop_at.tv_sec && now.tv_nsec < stop_at.tv_nsec);
}

/* Before the first row, and behind some of them: DuckDB's own calls do not come back by themselves. */
static void
a_request_to_stop_is_heard_meanwhile(void **state)
{
    static const char *const queries[] = {
        "SELECT count(*) FROM range(100000000) a, range(1000000) b WHERE (a.range + b.range) % 7 = 8",
        "SELECT a.range FROM range(10000000000) a WHERE a.range < 5000 OR hash(a.range) = 1"};

    (void)state;
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct timespec began, ended;

        begin("SELECT 1");
        clock_gettime(CLOCK_MONOTONIC, &began);
        stop_at = (struct timespec){began.tv_sec + 1, began.tv_nsec};
        r.world.os.go_on = go_on_for_a_while;
        assert_int_not_equal(reading_drain(&r, queries[i]), EFF_OK);
        clock_gettime(CLOCK_MONOTONIC, &ended);
        assert_false(go_on_for_a_while(NULL));
        assert_true(ended.tv_sec - began.tv_sec < 10); // an idle machine needs 1.3 s
        reading_close(&r);
    }
}

static int64_t
clock_of_the_machine(void *self)
{
    struct timespec now;

    (void)self;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Within DuckDB's own calls and between them, and the connection is good for another query. */
static void
a_query_has_a_deadline(void **state)
{
    static const char *const queries[] = {
        "SELECT count(*) FROM range(100000000) a, range(1000000) b WHERE (a.range + b.range) % 7 = 8",
        "SELECT a.range FROM range(10000000000) a WHERE a.range < 5000 OR hash(a.range) = 1"};
    struct eff_batch batch;

    (void)state;
    config.statement_timeout_ms = 300;
    begin("SELECT 1");
    r.world.os.mono_ms = clock_of_the_machine;
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        reading_refused(&r, queries[i], EFF_TRANSIENT, "took longer than `statement_timeout`, 300");
        reading_expect(&r, "SELECT 1 AS a", "integer:1");
    }
    assert_int_equal(r.source->ops->query(r.source, EFF_STR("SELECT range FROM range(1000000)"),
                                          &r.columns, &r.err),
                     EFF_OK);
    usleep(350000);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_TRANSIENT);
    reading_expect(&r, "SELECT 1 AS a", "integer:1");
    reading_close(&r);
    config.statement_timeout_ms = 0;
}

/* EFF_DEPS is the project's build/deps. */
static bool
library_is_there(void)
{
    const char *deps = getenv("EFF_DEPS");
    struct eff_err err = {0};
    char path[512];

    snprintf(path, sizeof(path), "%s/duckdb/libduckdb.so", deps ? deps : ".");
    if (!getenv("EFFERENT_DUCKDB") && access(path, R_OK) == 0)
        setenv("EFFERENT_DUCKDB", path, 1);
    eff_arena_init(&arena, "test", (size_t)1 << 20);
    if (eff_duck_load(EFF_STR_NONE, &arena, &api, &err) == EFF_OK)
        return true;
    print_message("%s; %s\n", err.msg, err.hint);
    return false;
}

int
main(void)
{
    const char *required = getenv("EFF_REQUIRE_DUCKDB");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_types),
        cmocka_unit_test(times),
        cmocka_unit_test(texts_are_duckdbs_own),
        cmocka_unit_test(nested_values_are_exact_json),
        cmocka_unit_test(each_row_has_its_own_values),
        cmocka_unit_test(mistakes_have_a_place),
        cmocka_unit_test(nothing_is_written),
        cmocka_unit_test(a_late_error_is_no_end),
        cmocka_unit_test(a_query_can_be_left_and_cancelled),
        cmocka_unit_test(what_cannot_be_opened_is_named),
        cmocka_unit_test(a_file_of_a_newer_version_names_both),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(a_request_to_stop_is_heard_meanwhile),
        cmocka_unit_test(a_query_has_a_deadline),
    };

    if (!library_is_there())
        return required && strcmp(required, "1") == 0 ? 1 : 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
