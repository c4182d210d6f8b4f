/*
 * Goal: an SQL request is applied whole or not at all, and the answer says which;
 * values arrive exactly; what the database refuses comes back with its code.
 * Method: the same cases on a real SQLite file and a real PostgreSQL; then the
 * troubles of each: locks, files that are none, dead connections, and a proxy
 * that cuts the connection around COMMIT.
 * covers: S10
 */
// links: testlib os flow base
// timeout: 240
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/sqlask.h"

static struct pg_cluster cluster;
static bool have_pg;
static char folder[] = "/tmp/eff-sql-XXXXXX", sqlite_path[64];

/* As somebody else would, beside our connection. */
static void
sqlite_other(const char *sql)
{
    sqlite3 *db;
    char *message = NULL;

    assert_int_equal(sqlite3_open(sqlite_path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

static void
make_table(const char *sql)
{
    if (place.dialect == EFF_SQL_SQLITE)
        sqlite_other(sql);
    else
        assert_true(pg_run(&cluster, sql));
}

static void
assert_refused(const struct eff_response *response, int status, const char *sqlite_code,
               const char *sqlstate)
{
    const char *code = place.dialect == EFF_SQL_SQLITE ? sqlite_code : sqlstate;

    assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
    if (response->status != status || !eff_str_is(response->sqlstate, code))
        fail_msg("status %d, code " EFF_STR_FMT ": " EFF_STR_FMT, response->status,
                 EFF_STR_ARG(response->sqlstate), EFF_STR_ARG(response->problem));
    assert_true(response->problem.len > 0);
    assert_null(response->changed);
}

/* ---- both dialects ---- */

static void
test_upsert(void **state)
{
    static const char upsert[] = "INSERT INTO t (id, v) VALUES (@1, @2) ON CONFLICT (id) DO UPDATE "
                                 "SET v = excluded.v";
    struct eff_value rows[] = {int_value(1), text_value("a"), int_value(2), text_value("b")};
    const struct eff_response *response;

    (void)state;
    make_table("CREATE TABLE t (id bigint PRIMARY KEY, v text)");
    for (int i = 0; i < 3; i++) {
        response = write_rows(upsert, NULL, 2, 2, rows);
        assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
        assert_int_equal(response->status, 200);
        assert_int_equal(response->rows, 2);
        assert_int_equal(response->changed[0], 1);
        assert_int_equal(response->changed[1], 1);
    }
    rows[3] = (struct eff_value){.kind = EFF_NULL};
    write_rows(upsert, NULL, 2, 2, rows);
    assert_string_equal(fetch("SELECT v FROM t ORDER BY id"), "a,-");
    assert_string_equal(fetch("SELECT count(*) FROM t"), "2");
}

static void
test_otherwise(void **state)
{
    struct eff_value rows[] = {int_value(1),      text_value("new"), int_value(2),
                               text_value("new"), int_value(3),      text_value("new")};
    const struct eff_response *response;
    struct eff_sql_request sql;

    (void)state;
    make_table("CREATE TABLE t (id bigint PRIMARY KEY, v text)");
    make_table("INSERT INTO t VALUES (2, 'old')");
    response = write_rows("UPDATE t SET v = @2 WHERE id = @1",
                          "INSERT INTO t (id, v) VALUES (@1, @2)", 3, 2, rows);
    assert_int_equal(response->status, 200);
    for (int i = 0; i < 3; i++)
        assert_int_equal(response->changed[i], 1);
    assert_string_equal(fetch("SELECT v FROM t ORDER BY id"), "new,new,new");
    response = write_rows("UPDATE t SET v = @2 WHERE id = @1 + 100", NULL, 3, 2, rows);
    assert_int_equal(response->status, 200);
    assert_int_equal(response->changed[2], 0);
    // the second statement may leave out trailing parameters
    sql = place;
    sql.statement = dialect_text("UPDATE t SET v = @2 WHERE id = @1 AND v = @3");
    sql.otherwise = dialect_text("DELETE FROM t WHERE id = @1");
    sql.otherwise_columns = 1;
    sql.rows = 1;
    sql.columns = 3;
    sql.params = (struct eff_value[]){int_value(2), text_value("x"), text_value("other")};
    response = ask(&sql, 5000);
    assert_int_equal(response->status, 200);
    assert_int_equal(response->changed[0], 1);
    assert_string_equal(fetch("SELECT id FROM t ORDER BY id"), "1,3");
}

static void
assert_bad_row(const struct eff_response *response, size_t bad, size_t rows)
{
    assert_int_equal(response->status, 200);
    assert_int_equal(response->refused_count, 1);
    assert_int_equal(response->refused[0].row, bad);
    assert_true(eff_str_is(response->refused[0].sqlstate,
                           place.dialect == EFF_SQL_SQLITE ? "1299" : "23502"));
    assert_true(response->refused[0].problem.len > 0);
    for (size_t i = 0; i < rows; i++)
        assert_int_equal(response->changed[i], i == bad ? -1 : 1);
    assert_string_equal(fetch("SELECT count(*) FROM t"), "19");
    make_table("DELETE FROM t");
}

/* One bad row, wherever it stands, keeps out itself alone; the next request works. */
static void
test_all_or_nothing(void **state)
{
    enum { ROWS = 20 };
    struct eff_value rows[ROWS * 2];

    (void)state;
    make_table("CREATE TABLE t (id bigint PRIMARY KEY, v text NOT NULL)");
    for (size_t bad = 0; bad < ROWS; bad += 3) {
        for (size_t i = 0; i < ROWS; i++) {
            rows[2 * i] = int_value((int64_t)i);
            rows[2 * i + 1] = i == bad ? (struct eff_value){.kind = EFF_NULL} : text_value("v");
        }
        assert_bad_row(write_rows("INSERT INTO t (id, v) VALUES (@1, @2)", NULL, ROWS, 2, rows),
                       bad, ROWS);
    }
    for (size_t i = 0; i < ROWS; i++)
        rows[2 * i + 1] = text_value("v");
    assert_int_equal(
        write_rows("INSERT INTO t (id, v) VALUES (@1, @2)", NULL, ROWS, 2, rows)->status, 200);
    assert_refused(write_rows("INSERT INTO t (id, v) VALUES (@1, @2)", NULL, 1, 2, rows), 400,
                   "1555", "23505");
    assert_refused(write_rows("INSERT INTO t (id, nope) VALUES (@1, @2)", NULL, 1, 2, rows), 400,
                   "1", "42703");
    assert_refused(write_rows("UPDATE t SET v = @2 WHERE \"nope\" = @1", NULL, 1, 2, rows), 400,
                   "1", "42703");
    assert_refused(write_rows("INSERT INTO nope (id, v) VALUES (@1, @2)", NULL, 1, 2, rows), 400,
                   "1", "42P01");
    assert_refused(write_rows("INSERT INTO", NULL, 1, 2, rows), 400, "1", "42601");
    assert_refused(write_rows("DELETE FROM t WHERE id = @1; DELETE FROM t", NULL, 1, 1, rows), 400,
                   "1", "42601");
    assert_string_equal(fetch("SELECT count(*) FROM t"), "20");
}

/* When none of several rows is in, one answer tells of each all the same. */
static void
test_all_refused(void **state)
{
    enum { ROWS = 20 };
    struct eff_value rows[ROWS * 2];
    const struct eff_response *response;

    (void)state;
    make_table("CREATE TABLE t (id bigint PRIMARY KEY, v text NOT NULL)");
    for (size_t i = 0; i < ROWS; i++) {
        rows[2 * i] = int_value((int64_t)i);
        rows[2 * i + 1] = (struct eff_value){.kind = EFF_NULL};
    }
    response = write_rows("INSERT INTO t (id, v) VALUES (@1, @2)", NULL, ROWS, 2, rows);
    assert_int_equal(response->status, 200);
    assert_int_equal(response->rows, ROWS);
    assert_int_equal(response->refused_count, ROWS);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(response->changed[i], -1);
        assert_int_equal(response->refused[i].row, i);
    }
    assert_refused(write_rows("INSERT INTO t (id, v) VALUES (@1, @2)", NULL, 1, 2, rows), 400,
                   "1299", "23502");
    assert_string_equal(fetch("SELECT count(*) FROM t"), "0");
}

static void
test_changed_max(void **state)
{
    struct eff_sql_request sql = place;
    struct eff_value rows[] = {int_value(1), int_value(2)};

    (void)state;
    make_table("CREATE TABLE t (id bigint, v text)");
    make_table("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (2, 'c')");
    sql.statement = dialect_text("DELETE FROM t WHERE id = @1");
    sql.rows = 2;
    sql.columns = 1;
    sql.params = rows;
    sql.changed_max = 1;
    if (place.dialect == EFF_SQL_SQLITE) {
        assert_refused(ask(&sql, 5000), 400, "21000", "21000");
    } else { // the row that would have changed one is in
        const struct eff_response *response = ask(&sql, 5000);

        assert_int_equal(response->status, 200);
        assert_int_equal(response->refused_count, 1);
        assert_true(eff_str_is(response->refused[0].sqlstate, "21000"));
        assert_int_equal(response->changed[0], 1);
        make_table("INSERT INTO t VALUES (1, 'a')");
    }
    assert_string_equal(fetch("SELECT count(*) FROM t"), "3");
    sql.changed_max = 2;
    assert_int_equal(ask(&sql, 5000)->status, 200);
    assert_string_equal(fetch("SELECT count(*) FROM t"), "0");
}

static void
test_query(void **state)
{
    struct eff_sql_request sql = place;
    const struct eff_response *response;

    (void)state;
    make_table("CREATE TABLE t (id bigint, v text)");
    response = query("SELECT id, v FROM t");
    assert_int_equal(response->rows, 0);
    assert_int_equal(response->columns, 2);
    assert_true(eff_str_is(response->names[1], "v"));
    make_table("INSERT INTO t VALUES (1, 'a'), (2, NULL), (9007199254740993, '')");
    assert_string_equal(fetch("SELECT id FROM t ORDER BY id"), "1,2,9007199254740993");
    assert_string_equal(fetch("SELECT v FROM t ORDER BY id"), "a,-,");
    sql.statement = dialect_text("SELECT v FROM t WHERE id = @1 AND v = @2");
    sql.columns = 2;
    sql.params = (struct eff_value[]){int_value(1), text_value("a")};
    response = ask(&sql, 5000);
    assert_int_equal(response->rows, 1);
    assert_refused(query("SELECT nope FROM t"), 400, "1", "42703");
    response = query("SELECT id, v FROM t ORDER BY id");
    assert_int_equal(response->cells[0].kind, EFF_INT);
    assert_int_equal(response->cells[1].kind, EFF_TEXT);
    assert_int_equal(response->cells[3].kind, EFF_NULL);
}

static void
test_texts_arrive_exactly(void **state)
{
    static const char *const texts[] = {"",       " ",
                                        "'",      "\"",
                                        "\\",     "a'; DROP TABLE t; --",
                                        "\r\n\t", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80",
                                        "NULL",   "$1",
                                        "?1",     "\x01\x7f",
                                        "%s%n",   "\\x41",
                                        "{}",     "1e5",
                                        "007"};
    struct eff_value row[2];
    char big[70000];

    (void)state;
    make_table("CREATE TABLE t (id bigint PRIMARY KEY, v text)");
    memset(big, 'z', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    for (size_t i = 0; i <= sizeof(texts) / sizeof(texts[0]); i++) {
        const char *text = i == sizeof(texts) / sizeof(texts[0]) ? big : texts[i];
        struct eff_sql_request sql = place;
        const struct eff_response *response;

        row[0] = int_value((int64_t)i);
        row[1] = text_value(text);
        assert_int_equal(
            write_rows("INSERT INTO t (id, v) VALUES (@1, @2)", NULL, 1, 2, row)->status, 200);
        sql.statement = dialect_text("SELECT v FROM t WHERE id = @1");
        sql.columns = 1;
        sql.params = row;
        response = ask(&sql, 5000);
        assert_int_equal(response->rows, 1);
        if (!eff_str_is(eff_value_str(&response->cells[0]), text))
            fail_msg("\"%.40s\" came back as \"" EFF_STR_FMT "\"", text,
                     EFF_STR_ARG(eff_value_str(&response->cells[0])));
    }
}

static void
test_timeout(void **state)
{
    struct eff_sql_request sql = place;
    const struct eff_response *response;

    (void)state;
    make_table("CREATE TABLE t (id bigint)");
    sql.statement = place.dialect == EFF_SQL_SQLITE
                        ? EFF_STR("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                                  " SELECT count(*) FROM n")
                        : EFF_STR("SELECT pg_sleep(60)::text");
    response = ask(&sql, 400);
    assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
    assert_int_equal(response->status, 503);
    assert_in_range(response->took_ms, 350, 5000);
    assert_string_equal(fetch("SELECT count(*) FROM t"), "0"); // and it goes on
}

/* ---- SQLite ---- */

static void
test_sqlite_kinds(void **state)
{
    struct eff_value row[] = {
        eff_value_of_int(EFF_BOOL, 1),
        int_value(INT64_MIN),
        eff_value_of_float(0.1),
        eff_value_of_str(EFF_DECIMAL, EFF_STR("12345678901234567890.123456789")),
        eff_value_of_str(EFF_TEXT, (eff_str){"a\0b", 3}),
        eff_value_of_str(EFF_BYTES, (eff_str){"\0\xff", 2}),
        eff_value_of_int(EFF_DATE, 0),
        eff_value_of_int(EFF_TIME, INT64_C(3600000001)),
        eff_value_of_int(EFF_DATETIME, 1500000),
        eff_value_of_int(EFF_INSTANT, 0),
        eff_value_of_str(EFF_JSON, EFF_STR("{\"a\":1}")),
        (struct eff_value){.kind = EFF_ABSENT},
        eff_value_of_str(EFF_BYTES, EFF_STR_NONE),
    };
    const struct eff_response *response;

    (void)state;
    make_table("CREATE TABLE t (a, b, c, d, e, f, g, h, i, j, k, l, m)");
    response = write_rows("INSERT INTO t VALUES (@1, @2, @3, @4, @5, @6, @7, @8, @9, @10, @11, "
                          "@12, @13)",
                          NULL, 1, 13, row);
    assert_int_equal(response->status, 200);
    assert_string_equal(fetch("SELECT a || '|' || b || '|' || c || '|' || d || '|' || hex(e) || '|'"
                              " || hex(f) || '|' || g || '|' || h || '|' || i || '|' || j || '|'"
                              " || k FROM t"),
                        "1|-9223372036854775808|0.1|12345678901234567890.123456789|610062|00FF|"
                        "1970-01-01|01:00:00.000001|1970-01-01T00:00:01.5|1970-01-01T00:00:00Z|"
                        "{\"a\":1}");
    assert_string_equal(fetch("SELECT typeof(a) || typeof(d) || typeof(f) || typeof(l) || "
                              "typeof(m) FROM t"),
                        "integertextblobnullblob");
    row[2] = eff_value_of_float(0.0 / 0.0);
    assert_refused(write_rows("INSERT INTO t (a, b, c) VALUES (@1, @2, @3)", NULL, 1, 3, row), 400,
                   "20", "");
    row[2] = eff_value_of_str(EFF_BAD, EFF_STR("bad"));
    assert_refused(write_rows("INSERT INTO t (a, b, c) VALUES (@1, @2, @3)", NULL, 1, 3, row), 400,
                   "20", "");
    assert_string_equal(fetch("SELECT count(*) FROM t"), "1");
}

static void
test_sqlite_files(void **state)
{
    struct eff_sql_request sql = place;
    const struct eff_response *response;
    char path[128];
    FILE *file;

    (void)state;
    snprintf(path, sizeof(path), "%s/none.db", folder);
    sql.connect = eff_str_of(path);
    sql.statement = EFF_STR("SELECT 1");
    response = ask(&sql, 1000);
    assert_int_equal(response->wire, EFF_WIRE_NOT_SENT);
    assert_true(eff_str_is(response->sqlstate, "14"));
    assert_int_not_equal(access(path, F_OK), 0); // not created
    file = fopen(path, "w");
    fputs("this is a text file, and quite a long one, longer than a header of a hundred bytes, "
          "so that it is read at all",
          file);
    fclose(file);
    response = ask(&sql, 1000);
    if (response->status == 200) // a constant needs no page of the file
        sql.statement = EFF_STR("SELECT * FROM sqlite_master");
    response = ask(&sql, 1000);
    assert_int_equal(response->status, 400);
    assert_true(eff_str_is(response->sqlstate, "26"));
    unlink(path);
}

/* The file's own settings stay; its foreign keys hold for us too. */
static void
test_sqlite_guest(void **state)
{
    static const char *const modes[] = {"delete", "wal", "truncate"};
    struct eff_value row[] = {int_value(7)};

    (void)state;
    make_table("CREATE TABLE p (id integer PRIMARY KEY);"
               "CREATE TABLE t (id integer REFERENCES p (id))");
    for (size_t i = 0; i < 3; i++) {
        char sql[64];

        snprintf(sql, sizeof(sql), "PRAGMA journal_mode = %s", modes[i]);
        eff_os_real_close(os);
        assert_int_equal(eff_os_real(&process, &os, &err), EFF_OK);
        sqlite_other(sql);
        assert_int_equal(
            write_rows("INSERT INTO p VALUES (@1 + 1) ON CONFLICT DO NOTHING", NULL, 1, 1, row)
                ->status,
            200);
        if (i < 2) // "truncate" is a setting of a connection
            assert_string_equal(fetch("PRAGMA journal_mode"), modes[i]);
    }
    assert_refused(write_rows("INSERT INTO t VALUES (@1)", NULL, 1, 1, row), 400, "787", "");
}

static void
test_sqlite_busy(void **state)
{
    struct eff_value row[] = {int_value(7)};
    const struct eff_response *response;
    sqlite3 *db;

    (void)state;
    make_table("CREATE TABLE t (id integer)");
    assert_int_equal(sqlite3_open(sqlite_path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    response = write_rows("INSERT INTO t VALUES (@1)", NULL, 1, 1, row);
    assert_refused(response, 503, "5", "");
    assert_in_range(response->took_ms, 4500, 15000); // it waited first
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(db);
    assert_int_equal(write_rows("INSERT INTO t VALUES (@1)", NULL, 1, 1, row)->status, 200);
}

static void
test_sqlite_table_changes(void **state)
{
    struct eff_value row[] = {int_value(7)};

    (void)state;
    make_table("CREATE TABLE t (id integer)");
    for (int i = 0; i < 6; i++) { // more statements than are kept, and kept ones again
        char sql[64];

        snprintf(sql, sizeof(sql), "INSERT INTO t (id) VALUES (@1 + %d)", i % 5);
        assert_int_equal(write_rows(sql, NULL, 1, 1, row)->status, 200);
        sqlite_other("ALTER TABLE t ADD COLUMN more; ALTER TABLE t DROP COLUMN more");
    }
    sqlite_other("DROP TABLE t");
    assert_refused(write_rows("INSERT INTO t (id) VALUES (@1 + 0)", NULL, 1, 1, row), 400, "1", "");
}

/* ---- PostgreSQL ---- */

static void
test_postgres_kinds(void **state)
{
    struct eff_value row[] = {
        eff_value_of_int(EFF_BOOL, 1),
        int_value(INT64_MIN),
        eff_value_of_float(0.1),
        eff_value_of_str(EFF_DECIMAL, EFF_STR("12345678901234567890.123456789")),
        text_value("x"),
        eff_value_of_str(EFF_BYTES, (eff_str){"\0\xff", 2}),
        eff_value_of_int(EFF_DATE, 0),
        eff_value_of_int(EFF_TIME, INT64_C(3600000001)),
        eff_value_of_int(EFF_DATETIME, 1500000),
        eff_value_of_int(EFF_INSTANT, 1000000),
        eff_value_of_str(EFF_JSON, EFF_STR("{\"a\":1}")),
        (struct eff_value){.kind = EFF_ABSENT},
        eff_value_of_int(EFF_DATETIME, 0),
        eff_value_of_float(0.0 / 0.0),
    };
    const struct eff_response *response;

    (void)state;
    make_table("CREATE TABLE t (a bool, b bigint, c float8, d numeric, e varchar(3), f bytea, g "
               "date, h time, i timestamp, j timestamptz, k jsonb, l text, m timestamptz, n "
               "float8); ALTER ROLE test SET TimeZone = 'America/New_York'; ALTER ROLE test SET "
               "DateStyle = 'German'; ALTER ROLE test SET bytea_output = 'escape'");
    response = write_rows("INSERT INTO t VALUES (@1, @2, @3, @4, @5, @6, @7, @8, @9, @10, @11, @12,"
                          " @13, @14)",
                          NULL, 1, 14, row);
    if (response->status != 200)
        fail_msg(EFF_STR_FMT, EFF_STR_ARG(response->problem));
    response = query("SELECT * FROM t");
    assert_int_equal(response->columns, 14);
    for (size_t i = 0; i < 14; i++) {
        struct eff_value cell = response->cells[i];
        static const enum eff_kind kinds[] = {
            EFF_BOOL, EFF_INT,      EFF_DECIMAL, EFF_DECIMAL, EFF_TEXT, EFF_BYTES,   EFF_DATE,
            EFF_TIME, EFF_DATETIME, EFF_INSTANT, EFF_JSON,    EFF_NULL, EFF_INSTANT, EFF_DECIMAL};

        assert_int_equal(cell.kind, kinds[i]);
        if (cell.kind == row[i].kind && (cell.kind < EFF_DECIMAL || cell.kind >= EFF_DATE) &&
            cell.kind != EFF_JSON)
            assert_int_equal(cell.i, row[i].i);
    }
    assert_int_equal(response->cells[12].i, 0); // no zone is UTC
    assert_true(eff_str_is(eff_value_str(&response->cells[2]), "0.1"));
    assert_true(eff_str_is(eff_value_str(&response->cells[3]), "12345678901234567890.123456789"));
    assert_int_equal(response->cells[5].len, 2);
    assert_memory_equal(response->cells[5].ptr, "\0\xff", 2);
    assert_true(eff_str_is(eff_value_str(&response->cells[13]), "NaN"));
    make_table("ALTER ROLE test RESET ALL");
}

static void
test_postgres_refuses(void **state)
{
    static const struct {
        struct eff_value value;
        const char *code;
    } cases[] = {
        {{.kind = EFF_TEXT, .len = 3, .ptr = "a\0b"}, "22021"},
        {{.kind = EFF_TEXT, .len = 2, .ptr = "\xc3\x28"}, "22021"},
        {{.kind = EFF_TEXT, .len = 4, .ptr = "long"}, "22001"},
        {{.kind = EFF_BAD, .len = 1, .ptr = "x"}, "22000"},
        {{.kind = EFF_JSON, .len = 4, .ptr = "\"\0\"x"}, "22021"},
    };

    (void)state;
    make_table("CREATE TABLE t (v varchar(3), n int)");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(write_rows("INSERT INTO t (v) VALUES (@1)", NULL, 1, 1, &cases[i].value),
                       400, "", cases[i].code);
    assert_refused(write_rows("INSERT INTO t (n) VALUES (@1)", NULL, 1, 1,
                              (struct eff_value[]){text_value("seven")}),
                   400, "", "22P02");
    assert_refused(write_rows("INSERT INTO t (n) VALUES (@1)", NULL, 1, 1,
                              (struct eff_value[]){int_value(INT64_MAX)}),
                   400, "", "22003");
    assert_string_equal(fetch("SELECT count(*) FROM t"), "0");
}

/* Refused by COMMIT itself: known, and nothing is there. */
static void
test_postgres_deferred(void **state)
{
    struct eff_value row[] = {int_value(1)};

    (void)state;
    make_table("CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (id int REFERENCES p (id) "
               "DEFERRABLE INITIALLY DEFERRED)");
    assert_refused(write_rows("INSERT INTO t VALUES (@1)", NULL, 1, 1, row), 400, "", "23503");
    assert_string_equal(fetch("SELECT count(*) FROM t"), "0");
    make_table("INSERT INTO p VALUES (1)");
    assert_int_equal(write_rows("INSERT INTO t VALUES (@1)", NULL, 1, 1, row)->status, 200);
}

static void
test_postgres_connect(void **state)
{
    struct eff_sql_request sql = place;
    static const struct {
        const char *extra, *code;
    } cases[] = {
        {" password=wrong user=test host=127.0.0.1", "28P01"},
        {" dbname=no_such_db", "3D000"},
        {" port=1", "08001"},
        {" host=no-such-host.invalid", "08001"},
    };
    char text[512];

    (void)state;
    sql.statement = EFF_STR("SELECT 1");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct eff_response *response;

        snprintf(text, sizeof(text), "host=%s port=%d user=test dbname=postgres%s", cluster.dir,
                 cluster.port, cases[i].extra);
        sql.connect = eff_str_of(text);
        response = ask(&sql, 5000);
        assert_int_equal(response->wire, EFF_WIRE_NOT_SENT);
        if (!eff_str_is(response->sqlstate, cases[i].code))
            fail_msg("%s: " EFF_STR_FMT " " EFF_STR_FMT, cases[i].extra,
                     EFF_STR_ARG(response->sqlstate), EFF_STR_ARG(response->problem));
        assert_int_equal(eff_str_find(response->problem, EFF_STR("wrong")), SIZE_MAX);
    }
    sql.connect = EFF_STR("password = s3cret words host");
    assert_int_equal(ask(&sql, 5000)->wire, EFF_WIRE_NOT_SENT);
    assert_int_equal(eff_str_find(ask(&sql, 5000)->problem, EFF_STR("words")), SIZE_MAX);
}

/* A connection that died while nobody looked is opened again. */
static void
test_postgres_killed(void **state)
{
    struct eff_value row[] = {int_value(1)};

    (void)state;
    make_table("CREATE TABLE t (id int)");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(write_rows("INSERT INTO t VALUES (@1)", NULL, 1, 1, row)->status, 200);
        make_table("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name "
                   "= 'efferent'");
        usleep(100000);
    }
    assert_string_equal(fetch("SELECT count(*) FROM t"), "3");
}

/* A proxy that stops at COMMIT: before it, or after the server had it. */
struct proxy {
    int fd, port;
    bool forward;
    pthread_t thread;
};

static int
proxy_connect(void)
{
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)cluster.port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    return fd;
}

static void *
proxy_main(void *user)
{
    struct proxy *proxy = user;
    int client = accept(proxy->fd, NULL, NULL), server = proxy_connect();
    char bytes[65536];

    for (;;) {
        struct pollfd fds[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
        bool from_client;
        ssize_t n;

        poll(fds, 2, -1);
        from_client = fds[0].revents != 0;
        n = recv(from_client ? client : server, bytes, sizeof(bytes), 0);
        if (n <= 0)
            break;
        if (from_client && memmem(bytes, (size_t)n, "COMMIT", 6) != NULL) {
            if (proxy->forward) {
                send(server, bytes, (size_t)n, MSG_NOSIGNAL);
                recv(server, bytes, sizeof(bytes), 0); // it is done; nobody hears of it
            }
            break;
        }
        send(from_client ? server : client, bytes, (size_t)n, MSG_NOSIGNAL);
    }
    close(client);
    close(server);
    return NULL;
}

static void
proxy_start(struct proxy *proxy, bool forward)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);

    *proxy = (struct proxy){.fd = socket(AF_INET, SOCK_STREAM, 0), .forward = forward};
    assert_int_equal(bind(proxy->fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(proxy->fd, 1), 0);
    getsockname(proxy->fd, (struct sockaddr *)&in, &len);
    proxy->port = ntohs(in.sin_port);
    pthread_create(&proxy->thread, NULL, proxy_main, proxy);
}

static void
test_postgres_lost_commit(void **state)
{
    struct eff_value row[] = {int_value(1)};
    char text[256], *direct;

    (void)state;
    make_table("CREATE TABLE t (id int)");
    direct = strdup(place.connect.ptr);
    for (unsigned forward = 0; forward < 2; forward++) {
        struct proxy proxy;

        proxy_start(&proxy, forward);
        snprintf(text, sizeof(text),
                 "host=127.0.0.1 port=%d user=test password=%s dbname=postgres sslmode=disable "
                 "gssencmode=disable",
                 proxy.port, PG_PASSWORD);
        place.connect = eff_str_of(text);
        assert_int_equal(write_rows("INSERT INTO t VALUES (@1)", NULL, 1, 1, row)->wire,
                         EFF_WIRE_LOST);
        pthread_join(proxy.thread, NULL);
        close(proxy.fd);
        place.connect = eff_str_of(direct);
        assert_string_equal(fetch("SELECT count(*) FROM t"), forward ? "1" : "0");
    }
    place.connect = EFF_STR_NONE;
    free(direct);
}

/* ---- worlds ---- */

static int
world_setup(void)
{
    eff_arena_init(&process, "process", (size_t)1 << 30);
    return eff_os_real(&process, &os, &err) == EFF_OK ? 0 : -1;
}

static int
sqlite_setup(void **state)
{
    FILE *file = fopen(sqlite_path, "w");

    (void)state;
    fclose(file);
    place = (struct eff_sql_request){.dialect = EFF_SQL_SQLITE, .connect = eff_str_of(sqlite_path)};
    return world_setup();
}

static int
postgres_setup(void **state)
{
    (void)state;
    if (!have_pg)
        skip();
    place =
        (struct eff_sql_request){.dialect = EFF_SQL_POSTGRES, .connect = eff_str_of(cluster.url)};
    assert_true(pg_run(&cluster, "DROP TABLE IF EXISTS t, p CASCADE"));
    return world_setup();
}

static int
teardown(void **state)
{
    char path[80];

    (void)state;
    if (os != NULL)
        eff_os_real_close(os);
    os = NULL;
    eff_arena_deinit(&process);
    unlink(sqlite_path);
    snprintf(path, sizeof(path), "%s-wal", sqlite_path);
    unlink(path);
    return 0;
}

static int
group_setup(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(sqlite_path, sizeof(sqlite_path), "%s/t.db", folder);
    have_pg = pg_cluster_start(&cluster);
    return have_pg || pg_optional() ? 0 : -1;
}

static int
group_teardown(void **state)
{
    (void)state;
    if (have_pg)
        pg_cluster_stop(&cluster);
    rmdir(folder);
    return 0;
}

int
main(void)
{
#define SQLITE(test)   cmocka_unit_test_setup_teardown(test, sqlite_setup, teardown)
#define POSTGRES(test) cmocka_unit_test_setup_teardown(test, postgres_setup, teardown)
#define BOTH(test)     SQLITE(test), POSTGRES(test)
    const struct CMUnitTest tests[] = {
        BOTH(test_upsert),
        BOTH(test_otherwise),
        BOTH(test_all_or_nothing),
        BOTH(test_all_refused),
        BOTH(test_changed_max),
        BOTH(test_query),
        BOTH(test_texts_arrive_exactly),
        BOTH(test_timeout),
        SQLITE(test_sqlite_kinds),
        SQLITE(test_sqlite_files),
        SQLITE(test_sqlite_guest),
        SQLITE(test_sqlite_busy),
        SQLITE(test_sqlite_table_changes),
        POSTGRES(test_postgres_kinds),
        POSTGRES(test_postgres_refuses),
        POSTGRES(test_postgres_deferred),
        POSTGRES(test_postgres_connect),
        POSTGRES(test_postgres_killed),
        POSTGRES(test_postgres_lost_commit),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
