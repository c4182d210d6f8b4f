/*
 * Goal: a SQLite file is read as the table in source/sqlite.c says, from one
 * snapshot, never written, and every mistake is told in the user's terms.
 * Method: real files made with SQLite itself; another connection that writes and
 * locks meanwhile; a million rows under a bound of memory.
 * covers: C4, C16, S11
 */
// links: testlib base flow os source
#include "lib/reading.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct config { /* as sqlite.c has it: path, busy_timeout, statement_timeout */
    eff_str path;
    int64_t busy_timeout_ms, statement_timeout_ms;
};

static struct reading r;
static struct config config = {{"test.db", 7}, 0};

static void
make(const char *sql)
{
    sqlite3 *db;
    char *why = NULL;

    assert_int_equal(sqlite3_open("test.db", &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", sql, why);
    sqlite3_close(db);
}

static void
begin(const char *sql)
{
    unlink("test.db");
    unlink("test.db-wal");
    unlink("test.db-shm");
    make(sql);
    if (reading_open(&r, &eff_source_sqlite, &config) != EFF_OK)
        fail_msg("%s", r.err.msg);
}

static void
types_follow_the_table(void **state)
{
    (void)state;
    begin("CREATE TABLE t (i INTEGER, r REAL, s TEXT, b BLOB, o BOOLEAN, d DATE, m DATETIME,"
          " n NUMERIC(10,2), j JSON, x);"
          "INSERT INTO t VALUES (-9223372036854775808, 0.1, 'ä', x'00ff', 1, '2024-02-29',"
          " '2024-02-29 12:30:00.1234567', 12.5, '{\"a\":1}', 7);"
          "INSERT INTO t VALUES (9223372036854775807, 1e308, '', x'', 0, '2024-02-30',"
          " '2024-02-29T12:30:00+02:00', 12, '{', 'x');"
          "INSERT INTO t VALUES (NULL, NULL, NULL, NULL, 2, 20240229, '2024-02-29', 9e999, NULL,"
          " 1.5);"
          "INSERT INTO t VALUES ('no', -0.0, 5, 5, 'true', '2024-02-29 01:02', 'x', 'y', '[1,2]',"
          " NULL)");
    reading_expect(
        &r, "SELECT * FROM t",
        "integer:-9223372036854775808 float:0.1 text:ä bytes:AP8= boolean:true date:2024-02-29"
        " datetime:2024-02-29T12:30:00.1234567 decimal:12.5 json:{\"a\":1} integer:7 | "
        "integer:9223372036854775807 float:1e+308 text: bytes: boolean:false text:2024-02-30"
        " timestamp:2024-02-29T10:30:00Z integer:12 text:{ text:x | "
        "null: null: null: null: integer:2 integer:20240229 datetime:2024-02-29T00:00:00"
        " bad:an infinite number in a decimal column null: float:1.5 | "
        "text:no float:0 text:5 integer:5 text:true text:2024-02-29 01:02 text:x text:y"
        " json:[1,2] null:");
    assert_string_equal(reading_columns(&r),
                        "i:integer r:float s:text b:bytes o:boolean d:date m:datetime n:decimal"
                        " j:json x:null");
    reading_expect(&r, "SELECT i + 0 AS i, d || '' AS d FROM t LIMIT 1",
                   "integer:-9223372036854775808 text:2024-02-29");
    assert_string_equal(reading_columns(&r), "i:null d:null");
    reading_close(&r);
}

static void
text_is_passed_on_whatever_it_is(void **state)
{
    (void)state;
    begin("CREATE TABLE t (s TEXT)");
    reading_expect(&r, "SELECT CAST(x'61006200' AS TEXT) AS s", "text:a");
    assert_int_equal(r.cells[0].len, 4);
    assert_memory_equal(r.cells[0].ptr, "a\0b", 4);
    reading_expect(&r, "SELECT CAST(x'c3' AS TEXT) AS s", "text:\xc3");
    reading_close(&r);
}

static void
mistakes_have_a_place(void **state)
{
    (void)state;
    begin("CREATE TABLE t (id INTEGER, ä TEXT)");
    reading_refused(&r, "SELECT id,\n  nope FROM t", EFF_CONFIG,
                    "no such column: nope (line 2, column 3");
    reading_refused(&r, "SELECT ä, nope FROM t", EFF_CONFIG, "(line 1, column 11");
    reading_refused(&r, "SELECT \"nope\" FROM t", EFF_CONFIG, "no such column");
    reading_refused(&r, "SELECT 1 FROM", EFF_CONFIG, "incomplete input");
    reading_refused(&r, "SELECT * FROM missing", EFF_CONFIG, "no such table: missing");
    reading_refused(&r, "", EFF_CONFIG, "empty");
    reading_refused(&r, "-- only words", EFF_CONFIG, "empty");
    reading_refused(&r, "SELECT 1 AS a; SELECT 2 AS b", EFF_CONFIG, "second statement");
    reading_refused(&r, "SELECT 1 AS a; nonsense", EFF_CONFIG, "second statement");
    reading_refused(&r, "SELECT 1 AS a, 2 AS b, 3 AS a", EFF_CONFIG, "columns 1 and 3");
    reading_refused(&r, "SELECT ?1 AS a", EFF_CONFIG, "parameter (?1)");
    reading_refused(&r, "SELECT abs(-9223372036854775807 - 1) AS a", EFF_CONFIG,
                    "integer overflow");
    reading_expect(&r, "SELECT 1 AS a; -- the end\n /* really */ ; ", "integer:1");
    reading_close(&r);
}

static void
nothing_is_written(void **state)
{
    static const char *const statements[] = {
        "INSERT INTO t VALUES (1)",
        "DELETE FROM t",
        "DELETE FROM t RETURNING id",
        "DROP TABLE t",
        "CREATE TEMP TABLE x (a)",
        "COMMIT",
        "ATTACH 'other.db' AS o",
        "VACUUM",
        "PRAGMA user_version = 3",
        "PRAGMA query_only = 0",
        "REINDEX",
    };

    (void)state;
    begin("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (7)");
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        reading_refused(&r, statements[i], EFF_CONFIG, "a model only reads");
    reading_expect(&r, "SELECT * FROM t", "integer:7");
    assert_int_equal(access("other.db", F_OK), -1);
    reading_close(&r);
}

static void
all_queries_see_one_snapshot(void **state)
{
    struct eff_batch batch;

    (void)state;
    begin("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1)");
    make("INSERT INTO t VALUES (2)");
    reading_expect(&r, "SELECT count(*) AS n FROM t", "integer:1");
    assert_int_equal(
        r.source->ops->query(r.source, EFF_STR("SELECT id FROM t"), &r.columns, &r.err), EFF_OK);
    make("DELETE FROM t");
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_OK);
    assert_int_equal(batch.rows, 1);
    reading_expect(&r, "SELECT id FROM t", "integer:1"); // the one before was left unfinished
    reading_close(&r);
    assert_int_equal(reading_open(&r, &eff_source_sqlite, &config), EFF_OK);
    reading_expect(&r, "SELECT count(*) AS n FROM t", "integer:0");
    reading_close(&r);
}

static void
a_locked_file_is_tried_again_later(void **state)
{
    sqlite3 *db;

    (void)state;
    begin("CREATE TABLE t (id INTEGER)");
    reading_close(&r);
    assert_int_equal(sqlite3_open("test.db", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(reading_open(&r, &eff_source_sqlite, &config), EFF_TRANSIENT);
    assert_non_null(strstr(r.err.msg, "locked"));
    reading_close(&r);
    sqlite3_close(db);
}

static int64_t
clock_of_the_machine(void *self)
{
    struct timespec now;

    (void)self;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Before its first row, behind some, and while nobody asks for more; then another is read. */
static void
a_query_has_a_deadline(void **state)
{
    static const char endless[] =
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n)"
        " SELECT i FROM n WHERE i < %d";
    struct config limited = {{"test.db", 7}, 0, 100};
    struct eff_batch batch;
    char sql[200];

    (void)state;
    begin("CREATE TABLE t (id INTEGER)");
    reading_close(&r);
    assert_int_equal(reading_open(&r, &eff_source_sqlite, &limited), EFF_OK);
    r.world.os.mono_ms = clock_of_the_machine;
    for (int rows = 0; rows <= 5000; rows += 5000) {
        snprintf(sql, sizeof(sql), endless, rows);
        reading_refused(&r, sql, EFF_TRANSIENT, "took longer than `statement_timeout`, 100 ms");
        reading_told(&r, "the option", "Raise `statement_timeout`");
        assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_TRANSIENT);
    }
    snprintf(sql, sizeof(sql), endless, 1 << 20);
    assert_int_equal(r.source->ops->query(r.source, eff_str_of(sql), &r.columns, &r.err), EFF_OK);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_OK);
    usleep(150000);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_TRANSIENT);
    reading_expect(&r, "SELECT count(*) AS n FROM t", "integer:0");
    reading_close(&r);
}

static void
what_is_no_database_is_named(void **state)
{
    struct config other = {{"nowhere/x.db", 12}, 0};
    FILE *f;

    (void)state;
    assert_int_equal(reading_open(&r, &eff_source_sqlite, &other), EFF_CONFIG);
    assert_non_null(strstr(r.err.msg, "nowhere/x.db"));
    assert_non_null(strstr(r.err.hint, "no such file"));
    reading_close(&r);
    f = fopen("words.db", "w");
    fputs("this is certainly not a database, but it is long enough to be looked at closely by all"
          " who open it with hope",
          f);
    fclose(f);
    other.path = eff_str_of("words.db");
    assert_int_equal(reading_open(&r, &eff_source_sqlite, &other), EFF_CONFIG);
    assert_non_null(strstr(r.err.msg, "not a SQLite database"));
    reading_close(&r);
}

/* Ends after some rows: the error comes as an error, now and on every later call. */
static void
a_late_error_is_no_end(void **state)
{
    struct eff_batch batch;

    (void)state;
    begin("CREATE TABLE t (id INTEGER)");
    assert_int_equal(
        reading_drain(&r, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                          " WHERE i < 10000)"
                          " SELECT CASE WHEN i = 9000 THEN abs(-9223372036854775807 - 1) ELSE i END"
                          " AS i FROM n"),
        EFF_CONFIG);
    assert_true(r.rows > 0 && r.rows < 9000);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_CONFIG);
    reading_expect(&r, "SELECT 5 AS i", "integer:5");
    reading_close(&r);
}

static void
large_rows_fit(void **state)
{
    (void)state;
    begin("CREATE TABLE t (id INTEGER)");
    assert_int_equal(reading_query(&r, "SELECT 1 AS a, zeroblob(3000000) AS b UNION ALL"
                                       " SELECT 2, zeroblob(900000) UNION ALL"
                                       " SELECT 3, zeroblob(5000000) UNION ALL SELECT 4, NULL"),
                     EFF_OK);
    assert_int_equal(r.rows, 4);
    assert_int_equal(r.cells[1].len, 3000000);
    assert_int_equal(r.cells[3].len, 900000);
    assert_int_equal(r.cells[5].len, 5000000);
    assert_int_equal(r.cells[7].kind, EFF_NULL);
    reading_close(&r);
}

/* A row for which the block has no more room comes with the next batch, whole and once. */
static void
rows_at_the_end_of_a_block_wait(void **state)
{
    (void)state;
    begin("CREATE TABLE t (id INTEGER, d DECIMAL(9,2), s TEXT, b BLOB);"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
          " INSERT INTO t SELECT i, i * 0.25, printf('%0*d', i % 700, i),"
          " CAST(printf('%09d', i) AS BLOB) FROM n");
    assert_int_equal(reading_query(&r, "SELECT * FROM t ORDER BY id"), EFF_OK);
    assert_int_equal(r.rows, 20000);
    for (size_t row = 0; row < r.rows; row++) {
        const struct eff_value *cells = &r.cells[row * 4];
        char wanted[800];
        int i = (int)row + 1;

        assert_int_equal(cells[0].i, i);
        snprintf(wanted, sizeof(wanted), "%.15g", i * 0.25);
        assert_int_equal(cells[1].kind, i % 4 ? EFF_DECIMAL : cells[1].kind);
        if (cells[1].kind == EFF_DECIMAL)
            assert_true(eff_str_is(eff_value_str(&cells[1]), wanted));
        snprintf(wanted, sizeof(wanted), "%0*d", i % 700, i);
        assert_true(eff_str_is(eff_value_str(&cells[2]), wanted));
        snprintf(wanted, sizeof(wanted), "%09d", i);
        assert_true(eff_str_is(eff_value_str(&cells[3]), wanted));
    }
    reading_close(&r);
}

static void
memory_is_bounded(void **state)
{
    long before;

    (void)state;
    begin("CREATE TABLE t (id INTEGER)");
    before = reading_peak_kib();
    assert_int_equal(reading_drain(&r, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
                                       " FROM n WHERE i < 1000000) SELECT i AS id,"
                                       " 'customer' || i || '@example.com' AS email,"
                                       " i * 0.5 AS score, hex(i) AS h FROM n"),
                     EFF_OK);
    assert_int_equal(r.rows, 1000000);
    if (!getenv("EFF_SANITIZED"))
        assert_true(reading_peak_kib() - before < 20 * 1024);
    reading_close(&r);
}

static void
tables_are_quoted(void **state)
{
    (void)state;
    begin("CREATE TABLE \"odd \"\"name\" (id INTEGER); INSERT INTO \"odd \"\"name\" VALUES (3)");
    reading_expect(&r, r.source->ops->table_sql(r.source, EFF_STR("main.odd \"name"), &r.arena).ptr,
                   "integer:3");
    reading_expect(&r,
                   r.source->ops->table_sql(r.source, EFF_STR("\"odd \"\"name\""), &r.arena).ptr,
                   "integer:3");
    reading_close(&r);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_follow_the_table),
        cmocka_unit_test(text_is_passed_on_whatever_it_is),
        cmocka_unit_test(mistakes_have_a_place),
        cmocka_unit_test(nothing_is_written),
        cmocka_unit_test(all_queries_see_one_snapshot),
        cmocka_unit_test(a_locked_file_is_tried_again_later),
        cmocka_unit_test(a_query_has_a_deadline),
        cmocka_unit_test(what_is_no_database_is_named),
        cmocka_unit_test(a_late_error_is_no_end),
        cmocka_unit_test(large_rows_fit),
        cmocka_unit_test(rows_at_the_end_of_a_block_wait),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(tables_are_quoted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
