/*
 * Goal: PostgreSQL is read as the table in source/postgres_type.c says, from one
 * snapshot, never written; a cut stream is never taken for the end; mistakes are
 * told in the user's terms, and the password never is.
 * Method: a real server of the test's own; another connection that writes,
 * locks and terminates backends; a million rows under a bound of memory. A table
 * in ranges: rows that move from one range to another between open and query, a
 * backend that dies in each of them, and models that have no ranges.
 * covers: C4, C13, C16, S11
 */
// links: testlib base flow os source
// timeout: 180
#include "lib/pg.h"
#include "lib/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct config { /* as postgres.c has it */
    eff_str url;
    struct eff_str_list schema;
    int64_t statement_timeout_ms, connect_timeout_ms, ranges;
};

static struct pg_cluster cluster;
static struct reading r;

static struct config
config_of(const char *url)
{
    return (struct config){.url = eff_str_of(url), .connect_timeout_ms = 10000};
}

static void
begin_as(const struct config *config)
{
    if (reading_open(&r, &eff_source_postgres, config) != EFF_OK)
        fail_msg("%s", r.err.msg);
}

static void
begin(void)
{
    static struct config config;

    config = config_of(cluster.url);
    begin_as(&config);
}

static void
run(const char *sql)
{
    assert_true(pg_run(&cluster, sql));
}

static void
plain_types(void **state)
{
    (void)state;
    begin();
    reading_expect(
        &r,
        "SELECT true AS b, (-32768)::int2 AS i2, 2147483647::int4 AS i4,"
        " (-9223372036854775807 - 1)::int8 AS i8, 4294967295::oid AS o, 0.1::float4 AS f4,"
        " 0.1::float8 AS f8, 'NaN'::float8 AS nan, '-Infinity'::float4 AS inf",
        "boolean:true integer:-32768 integer:2147483647 integer:-9223372036854775808"
        " integer:4294967295 float:0.1 float:0.1 float:NaN float:-Infinity");
    reading_expect(
        &r,
        "SELECT 'ä'::text AS t, 'v'::varchar(9) AS v, 'ab'::char(5) AS c, 'n'::name AS n,"
        " 'x'::\"char\" AS q, '\\x00ff'::bytea AS b, ''::text AS e, NULL::text AS z,"
        " 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS u",
        "text:ä text:v text:ab text:n text:x bytes:AP8= text: null:"
        " text:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    reading_expect(&r, "SELECT '{\"a\": 1.50}'::json AS j, '{\"b\":[1, 2.50]}'::jsonb AS k",
                   "json:{\"a\": 1.50} json:{\"b\": [1, 2.50]}");
    assert_string_equal(reading_columns(&r), "j:json k:json");
    reading_close(&r);
}

static void
numerics(void **state)
{
    (void)state;
    begin();
    reading_expect(
        &r,
        "SELECT 0::numeric AS a, 0.00::numeric AS b, 1::numeric AS c, -1.50::numeric(10,2) AS d,"
        " 12345678901234567890.123456789::numeric AS e, 0.0001::numeric AS f,"
        " 1e20::numeric AS g, 10000::numeric AS h, 0.00010000::numeric AS i,"
        " 99999999::numeric AS j, 1e-10::numeric AS k, 100000000.0001::numeric AS l",
        "decimal:0 decimal:0.00 decimal:1 decimal:-1.50 decimal:12345678901234567890.123456789"
        " decimal:0.0001 decimal:100000000000000000000 decimal:10000 decimal:0.00010000"
        " decimal:99999999 decimal:0.0000000001 decimal:100000000.0001");
    reading_expect(
        &r, "SELECT 'NaN'::numeric AS a, 'Infinity'::numeric AS b, '-Infinity'::numeric AS c",
        "bad:the decimal is NaN bad:the decimal is infinite bad:the decimal is infinite");
    assert_int_equal(reading_query(&r, "SELECT n, n::text AS t FROM (SELECT"
                                       " (('x' || md5(i::text))::bit(48)::bigint::numeric"
                                       " / (10::numeric ^ (i % 23))"
                                       " * (10::numeric ^ (i % 31)))::numeric AS n"
                                       " FROM generate_series(1, 3000) i"
                                       " UNION ALL SELECT 10::numeric ^ 1000"
                                       " UNION ALL SELECT -(10::numeric ^ -300)) x"),
                     EFF_OK);
    assert_int_equal(r.rows, 3002);
    for (size_t i = 0; i < r.rows * 2; i += 2) {
        assert_int_equal(r.cells[i].kind, EFF_DECIMAL);
        assert_int_equal(r.cells[i].len, r.cells[i + 1].len);
        assert_memory_equal(r.cells[i].ptr, r.cells[i + 1].ptr, r.cells[i].len);
    }
    assert_int_equal(reading_query(&r, "SELECT 1::numeric(9,3) AS a, 2::numeric AS b"), EFF_OK);
    assert_int_equal(r.columns.at[0].precision, 9);
    assert_int_equal(r.columns.at[0].scale, 3);
    assert_int_equal(r.columns.at[1].precision, 0);
    assert_true(eff_str_is(r.columns.at[0].type_name, "numeric(9,3)"));
    reading_close(&r);
}

static void
times(void **state)
{
    (void)state;
    begin();
    reading_expect(&r,
                   "SELECT '0001-01-01'::date AS a, '9999-12-31'::date AS b, 'infinity'::date AS c,"
                   " '0001-01-01 BC'::date AS d, '10000-01-01'::date AS e",
                   "date:0001-01-01 date:9999-12-31 bad:the date is infinite"
                   " bad:the date is outside the years 1 to 9999"
                   " bad:the date is outside the years 1 to 9999");
    reading_expect(&r,
                   "SELECT '1999-12-31 23:59:59.999999'::timestamp AS a,"
                   " '2024-02-29 12:30:00+02'::timestamptz AS b, 'infinity'::timestamptz AS c,"
                   " '-infinity'::timestamp AS d, '12:30:00.5'::time AS e, '24:00'::time AS f,"
                   " '294276-12-31'::timestamp AS g",
                   "datetime:1999-12-31T23:59:59.999999 timestamp:2024-02-29T10:30:00Z"
                   " bad:the timestamp is infinite bad:the timestamp is infinite time:12:30:00.5"
                   " time:24:00:00 bad:the timestamp is outside the years 1 to 9999");
    reading_expect(&r, "SELECT '12:30:00+02'::timetz AS a, '1 year 2 days 03:04:05'::interval AS b",
                   "text:12:30:00+02 text:1 year 2 days 03:04:05");
    reading_close(&r);
}

static void
other_types_come_as_text_or_json(void **state)
{
    (void)state;
    run("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE pair AS (a int, b text);"
        "CREATE DOMAIN positive AS numeric(8,2) CHECK (VALUE > 0);"
        "CREATE TABLE odd (m mood, p pair, d positive, l int[], t text[])");
    run("INSERT INTO odd VALUES ('happy', (1, 'x'), 2.50, '{1,NULL,3}', '{a,\"b c\"}')");
    begin();
    reading_expect(&r, "SELECT * FROM odd",
                   "text:happy json:{\"a\":1,\"b\":\"x\"} decimal:2.50"
                   " json:[1,null,3] json:[\"a\",\"b c\"]");
    assert_string_equal(reading_columns(&r), "m:text p:json d:decimal l:json t:json");
    assert_true(eff_str_is(r.columns.at[3].type_name, "integer[]"));
    reading_expect(
        &r,
        "SELECT '10.0.0.1/8'::inet AS a, '1,2'::point AS b, int4range(1, 5) AS c,"
        " '<a/>'::xml AS d, B'101' AS e, '08:00:2b:01:02:03'::macaddr AS f, ROW(1, 'a') AS g",
        "text:10.0.0.1/8 text:(1,2) text:[1,5) text:<a/> text:101 text:08:00:2b:01:02:03"
        " json:{\"f1\":1,\"f2\":\"a\"}");
    reading_close(&r);
    run("DROP TABLE odd; DROP TYPE mood, pair; DROP DOMAIN positive");
}

static void
mistakes_have_a_place(void **state)
{
    (void)state;
    begin();
    reading_refused(&r, "SELECT 1 AS a,\n  nope FROM pg_class", EFF_CONFIG,
                    "column \"nope\" does not exist (line 2, column 3");
    reading_refused(&r, "SELECT 'ä', nope", EFF_CONFIG, "(line 1, column 13");
    reading_refused(&r, "SELECT * FROM missing", EFF_CONFIG,
                    "relation \"missing\" does not exist (line 1, column 15");
    reading_refused(&r, "SELEC 1", EFF_CONFIG, "(line 1, column 1 ");
    reading_refused(&r, "SELECT 1 AS a, 2 AS a", EFF_CONFIG, "columns 1 and 2");
    reading_refused(&r, "SELECT 1/(i - 500) AS a FROM generate_series(1, 1000) i", EFF_CONFIG,
                    "division by zero");
    reading_refused(&r, "SELECT $1::int AS a", EFF_CONFIG, "parameter");
    reading_refused(&r, " ; ", EFF_CONFIG, "empty");
    reading_refused(&r, "SELECT 1 AS a) TO STDOUT; DROP TABLE x; --", EFF_CONFIG,
                    "second statement");
    reading_refused(&r, "SELECT 1 AS a) TO STDOUT --", EFF_CONFIG, "syntax error");
    reading_expect(
        &r, "SELECT ';' AS a, $$;$$ AS b, E'\\';' AS c, 1 /* ; /* ; */ */ AS d; -- the end; really",
        "text:; text:; text:'; integer:1");
    reading_expect(&r, "SELECT 1 AS a -- the end", "integer:1");
    reading_expect(&r, "VALUES (1), (2)", "integer:1 | integer:2");
    reading_close(&r);
}

static void
nothing_is_written(void **state)
{
    static const char *const statements[] = {
        "INSERT INTO kept VALUES (1)",
        "DELETE FROM kept RETURNING id",
        "UPDATE kept SET id = 2",
        "DROP TABLE kept",
        "COMMIT",
        "SELECT id INTO other FROM kept",
        "SELECT id FROM kept FOR UPDATE",
        "SET transaction_read_only = off",
        "COPY kept TO STDOUT",
        "SELECT nextval('counter') AS n",
    };

    (void)state;
    run("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7); CREATE SEQUENCE counter");
    begin();
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
        reading_refused(&r, statements[i], EFF_CONFIG, "a model only reads");
    reading_refused(&r, "WITH x AS (DELETE FROM kept RETURNING id) SELECT * FROM x", EFF_CONFIG,
                    "WITH");
    reading_expect(&r, "SELECT * FROM kept", "integer:7");
    reading_close(&r);
    run("DROP TABLE kept; DROP SEQUENCE counter");
}

static void
all_queries_see_one_snapshot(void **state)
{
    struct eff_batch batch;

    (void)state;
    run("CREATE TABLE s AS SELECT generate_series(1, 100000) AS id");
    begin();
    run("INSERT INTO s VALUES (0)");
    reading_expect(&r, "SELECT count(*) AS n FROM s", "integer:100000");
    assert_int_equal(
        r.source->ops->query(r.source, EFF_STR("SELECT id FROM s"), &r.columns, &r.err), EFF_OK);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_OK);
    assert_true(batch.rows > 0 && batch.rows < 100000);
    run("DELETE FROM s");
    reading_expect(&r, "SELECT count(*) AS n FROM s",
                   "integer:100000"); // the one before was left unfinished
    assert_int_equal(r.source->ops->estimate(r.source, EFF_STR("SELECT 1 FROM nowhere")), -1);
    assert_true(r.source->ops->estimate(r.source, EFF_STR("SELECT * FROM s")) > 1000);
    reading_expect(&r, "SELECT count(*) AS n FROM s", "integer:100000");
    reading_close(&r);
    run("DROP TABLE s");
}

/* Every backend but the one that kills. */
static void
kill_backends(void)
{
    run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND application_name = 'efferent'");
}

static void
a_cut_stream_is_no_end(void **state)
{
    struct eff_batch batch;
    enum eff_fault fault;
    size_t rows = 0;

    (void)state;
    begin();
    assert_int_equal(r.source->ops->query(r.source,
                                          EFF_STR("SELECT i, repeat('x', 200) AS t"
                                                  " FROM generate_series(1, 3000000) i"),
                                          &r.columns, &r.err),
                     EFF_OK);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_OK);
    kill_backends();
    do {
        rows += batch.rows;
        fault = r.source->ops->next(r.source, &batch, &r.err);
    } while (fault == EFF_OK && batch.rows > 0);
    assert_int_equal(fault, EFF_TRANSIENT);
    assert_true(rows < 3000000);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_TRANSIENT);
    assert_int_equal(reading_query(&r, "SELECT 1 AS a"), EFF_TRANSIENT);
    reading_close(&r);
}

static void
cancel_and_time_limits_are_told(void **state)
{
    struct config config = config_of(cluster.url);
    struct eff_batch batch;
    enum eff_fault fault;

    (void)state;
    begin();
    assert_int_equal(r.source->ops->query(r.source,
                                          EFF_STR("SELECT i FROM generate_series(1, 9000000) i"),
                                          &r.columns, &r.err),
                     EFF_OK);
    r.source->ops->cancel(r.source);
    do {
        fault = r.source->ops->next(r.source, &batch, &r.err);
    } while (fault == EFF_OK && batch.rows > 0);
    assert_int_equal(fault, EFF_TRANSIENT);
    reading_expect(&r, "SELECT 1 AS a", "integer:1");
    reading_close(&r);
    config.statement_timeout_ms = 100;
    begin_as(&config);
    reading_refused(&r, "SELECT pg_sleep(20)::text AS a", EFF_TRANSIENT, "statement_timeout");
    reading_close(&r);
}

static void
schemas_are_searched(void **state)
{
    const eff_str schemas[] = {EFF_STR("Odd \"one"), EFF_STR("public")};
    struct config config = config_of(cluster.url);

    (void)state;
    run("CREATE SCHEMA \"Odd \"\"one\"; CREATE TABLE \"Odd \"\"one\".t AS SELECT 5 AS id");
    config.schema = (struct eff_str_list){2, schemas};
    begin_as(&config);
    reading_expect(&r, "SELECT * FROM t", "integer:5");
    reading_expect(&r, r.source->ops->table_sql(r.source, EFF_STR("Odd \"one.t"), &r.arena).ptr,
                   "integer:5");
    reading_close(&r);
    run("SET client_min_messages = error; DROP SCHEMA \"Odd \"\"one\" CASCADE");
}

static void
connections_fail_in_plain_words(void **state)
{
    struct config config;
    char url[200];

    (void)state;
    config = config_of(cluster.tcp_url);
    begin_as(&config);
    reading_expect(&r, "SELECT 1 AS a", "integer:1");
    reading_close(&r);

    snprintf(url, sizeof(url), "postgresql://test:wrongword@127.0.0.1:%d/postgres", cluster.port);
    config = config_of(url);
    assert_int_equal(reading_open(&r, &eff_source_postgres, &config), EFF_AUTH);
    reading_told(&r, "wrong password", "password authentication failed");
    assert_null(strstr(r.err.msg, "wrongword"));
    reading_close(&r);

    snprintf(url, sizeof(url), "postgresql://test@127.0.0.1:%d/postgres", cluster.port);
    config = config_of(url);
    assert_int_equal(reading_open(&r, &eff_source_postgres, &config), EFF_AUTH);
    reading_close(&r);

    snprintf(url, sizeof(url), "host=%s port=%d user=test dbname=nowhere", cluster.dir,
             cluster.port);
    config = config_of(url);
    assert_int_equal(reading_open(&r, &eff_source_postgres, &config), EFF_CONFIG);
    reading_told(&r, "no such database", "\"nowhere\" does not exist");
    reading_close(&r);

    config = config_of("postgresql://test:secretword@127.0.0.1:1/postgres");
    assert_int_equal(reading_open(&r, &eff_source_postgres, &config), EFF_TRANSIENT);
    reading_told(&r, "refused", "127.0.0.1");
    reading_close(&r);

    config = config_of("postgresql://test:secretword@[::1/postgres?nope=1");
    assert_int_equal(reading_open(&r, &eff_source_postgres, &config), EFF_CONFIG);
    assert_null(strstr(r.err.msg, "secretword"));
    reading_close(&r);
}

/* As which role, in which database, on which server: the same as often as it is asked. */
static void
readers_are_told(void **state)
{
    char url[200], server[100];
    struct config config;
    eff_str mine, theirs;

    (void)state;
    begin();
    mine = r.source->ops->reader(r.source, &r.arena);
    assert_int_equal(
        sscanf(eff_str_c(&r.arena, mine), "role test, database postgres, %99[^\n]", server), 1);
    assert_true(strlen(server) > strlen("server "));
    assert_true(eff_str_eq(r.source->ops->reader(r.source, &r.arena), mine));
    assert_int_equal(reading_query(&r, "SELECT 1 AS a"), EFF_OK);
    reading_close(&r);

    run("CREATE ROLE other LOGIN");
    snprintf(url, sizeof(url), "host=%s port=%d user=other dbname=postgres", cluster.dir,
             cluster.port);
    config = config_of(url);
    begin_as(&config);
    theirs = r.source->ops->reader(r.source, &r.arena);
    assert_true(eff_str_starts(theirs, EFF_STR("role other, database postgres, ")));
    assert_non_null(strstr(eff_str_c(&r.arena, theirs), server));
    assert_int_equal(reading_query(&r, "SELECT 1 AS a"), EFF_OK);
    reading_close(&r);
    run("DROP ROLE other");
}

/* What libpq would take for a host, a port or a database is a part of the password. */
static void
passwords_that_are_not_written_as_they_should_be_are_not_shown(void **state)
{
    static const char *const passwords[] = {"sec@ret",  "sec/ret", "12/sec",   "sec@/ret",
                                            "sec@12/x", "@sec",    "sec:@ret", "sec@re,t/x"};
    struct config config;

    (void)state;
    for (size_t i = 0; i < sizeof(passwords) / sizeof(passwords[0]); i++) {
        char url[100];

        snprintf(url, sizeof(url), "postgresql://test:%s@127.0.0.1:1/postgres", passwords[i]);
        config = config_of(url);
        assert_int_equal(reading_open(&r, &eff_source_postgres, &config), EFF_CONFIG);
        reading_told(&r, passwords[i], "is not a connection string");
        reading_close(&r);
    }
    config = config_of("postgresql://test:sec%40ret@127.0.0.1:1,127.0.0.1:2/postgres");
    assert_int_equal(reading_open(&r, &eff_source_postgres, &config), EFF_TRANSIENT);
    reading_close(&r);
}

static void
privileges_are_told(void **state)
{
    char url[200];
    struct config config;

    (void)state;
    run("CREATE TABLE closed (id int); CREATE ROLE reader LOGIN");
    snprintf(url, sizeof(url), "host=%s port=%d user=reader dbname=postgres", cluster.dir,
             cluster.port);
    config = config_of(url);
    begin_as(&config);
    reading_refused(&r, "SELECT * FROM closed", EFF_AUTH, "permission denied for table closed");
    reading_told(&r, "privilege", "Grant it");
    reading_close(&r);
    run("DROP TABLE closed; DROP ROLE reader");
}

static double
cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
           (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

/* Rows are copied until a batch's bytes are full; what is larger stays where libpq has it. */
static void
large_rows_come_whole(void **state)
{
    (void)state;
    begin();
    assert_int_equal(
        reading_query(&r, "SELECT i, repeat(chr(97 + i % 26), CASE WHEN i % 50 = 7 THEN 3000000"
                          " WHEN i % 10 = 3 THEN 600000 WHEN i % 50 = 9 THEN 1048576 ELSE i END)"
                          " AS t, -i AS n FROM generate_series(1, 200) i"),
        EFF_OK);
    assert_int_equal(r.rows, 200);
    for (size_t row = 0; row < r.rows; row++) {
        const struct eff_value *cells = &r.cells[row * 3];
        int64_t i = (int64_t)row + 1;
        size_t len = i % 50 == 7   ? 3000000
                     : i % 10 == 3 ? 600000
                     : i % 50 == 9 ? 1048576
                                   : (size_t)i;

        assert_int_equal(cells[0].i, i);
        assert_int_equal(cells[2].i, -i);
        assert_int_equal(cells[1].len, len);
        for (size_t at = 0; at < len; at++)
            if (cells[1].ptr[at] != 'a' + i % 26)
                fail_msg("row %lld differs at byte %zu", (long long)i, at);
    }
    reading_close(&r);
}

static void
a_million_rows_are_cheap(void **state)
{
    long before = reading_peak_kib();
    double cpu = cpu_seconds();

    (void)state;
    begin();
    assert_int_equal(
        reading_drain(&r, "SELECT i AS id, 'customer' || i AS name, i * 1.5::numeric AS amount,"
                          " now() AS at, '2024-01-01'::date + i % 365 AS day, i % 2 = 0 AS flag"
                          " FROM generate_series(1, 1000000) i"),
        EFF_OK);
    assert_int_equal(r.rows, 1000000);
    print_message("%.2f us of our CPU a row\n", cpu_seconds() - cpu);
    if (!getenv("EFF_SANITIZED")) {
        assert_true(reading_peak_kib() - before < 20 * 1024);
        assert_true(cpu_seconds() - cpu < 3);
    }
    reading_close(&r);
}

/* ------------------------------------------------------------------------------ ranges */

#define MANY 200000

/* A table of more blocks than three ranges need at least, with the ids 1 to MANY. */
static void
make_many(void)
{
    run("CREATE TABLE many AS SELECT i AS id, 'customer number ' || i AS name"
        " FROM generate_series(1, 200000) i");
}

static void
begin_ranges(int64_t ranges)
{
    static struct config config;

    config = config_of(cluster.url);
    config.ranges = ranges;
    begin_as(&config);
}

/* So many connections have read a range since they were opened. */
static void
expect_ranges(int count)
{
    char sql[300];

    snprintf(sql, sizeof(sql),
             "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_stat_activity WHERE application_name ="
             " 'efferent' AND query LIKE 'COPY%%ctid >= %%') = %d; END $$",
             count);
    run(sql);
}

/* Each id once, whatever has happened to the table since the source was opened. */
static void
expect_ids(const char *sql, size_t count)
{
    static char seen[MANY + 1];

    memset(seen, 0, sizeof(seen));
    assert_int_equal(reading_query(&r, sql), EFF_OK);
    assert_int_equal(r.rows, count);
    for (size_t row = 0; row < r.rows; row++) {
        int64_t id = r.cells[row * r.width].i;

        assert_true(id >= 1 && id <= MANY);
        assert_int_equal(seen[id]++, 0);
    }
}

static void
ranges_see_one_snapshot(void **state)
{
    (void)state;
    make_many();
    begin_ranges(3);
    run("UPDATE many SET name = 'moved' WHERE id <= 70000"); // to behind all others
    run("DELETE FROM many WHERE id BETWEEN 90000 AND 110000");
    run("INSERT INTO many SELECT -i, 'new' FROM generate_series(1, 1000) i");
    expect_ids("SELECT * FROM many", MANY);
    expect_ranges(3);
    run("VACUUM many"); // nothing that a range can still see goes
    expect_ids("select *\n  from public . \"many\" -- all of it", MANY);
    reading_expect(&r, "SELECT count(*) AS n FROM many", "integer:200000");
    reading_refused(&r, "DELETE FROM many", EFF_CONFIG, "only reads");
    reading_close(&r);
    run("DROP TABLE many");
}

/* The settings that give a value its text hold for each connection. */
static void
ranges_write_values_alike(void **state)
{
    (void)state;
    run("ALTER ROLE test SET intervalstyle = 'iso_8601';"
        "CREATE TABLE alike AS SELECT '1 day 02:03:00'::interval AS a, ARRAY[0.1::float4] AS b"
        " FROM generate_series(1, 40000)");
    begin_ranges(2);
    assert_int_equal(reading_query(&r, "SELECT * FROM alike"), EFF_OK);
    expect_ranges(2);
    assert_int_equal(r.rows, 40000);
    for (size_t i = 0; i < r.rows * 2; i++)
        assert_true(
            eff_str_is(eff_value_str(&r.cells[i]), i % 2 == 0 ? "1 day 02:03:00" : "[0.1]"));
    reading_close(&r);
    run("DROP TABLE alike; ALTER ROLE test RESET intervalstyle");
}

static void
what_has_no_place_is_one_range(void **state)
{
    static const char *const whole[] = {"SELECT * FROM many WHERE id > 0",
                                        "SELECT * FROM seen",
                                        "SELECT * FROM many ORDER BY id",
                                        "SELECT * FROM many m",
                                        "SELECT * FROM parts",
                                        "TABLE many"};

    (void)state;
    make_many();
    run("CREATE VIEW seen AS SELECT * FROM many; CREATE TABLE few AS SELECT 1 AS id;"
        "CREATE TABLE parts (id int, name text) PARTITION BY RANGE (id);"
        "CREATE TABLE part PARTITION OF parts DEFAULT; INSERT INTO parts SELECT * FROM many");
    begin_ranges(2);
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        expect_ids(whole[i], MANY);
    expect_ids("SELECT * FROM few", 1);
    expect_ranges(0);
    expect_ids("SELECT * FROM part", MANY);
    expect_ranges(2);
    reading_close(&r);
    begin();
    expect_ids("SELECT * FROM many", MANY);
    expect_ranges(0);
    reading_close(&r);
    run("DROP VIEW seen; DROP TABLE many, few, parts");
}

/* Neither the first range nor the last may be missing. */
static void
a_cut_range_is_no_end(void **state)
{
    static const char *const which[] = {"LIKE", "NOT LIKE"};
    struct eff_batch batch;
    enum eff_fault fault;
    char sql[300];

    (void)state;
    make_many();
    for (size_t i = 0; i < 2; i++) {
        begin_ranges(2);
        assert_int_equal(
            r.source->ops->query(r.source, EFF_STR("SELECT * FROM many"), &r.columns, &r.err),
            EFF_OK);
        snprintf(sql, sizeof(sql),
                 "DO $$ BEGIN ASSERT (SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                 " WHERE application_name = 'efferent' AND query %s '%%(0,0)%%') = 1; END $$",
                 which[i]);
        run(sql);
        do {
            fault = r.source->ops->next(r.source, &batch, &r.err);
        } while (fault == EFF_OK && batch.rows > 0);
        assert_int_equal(fault, EFF_TRANSIENT);
        assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_TRANSIENT);
        assert_int_equal(reading_query(&r, "SELECT 1 AS a"), EFF_TRANSIENT);
        reading_close(&r);
    }
    run("DROP TABLE many");
}

static void
ranges_are_given_up_together(void **state)
{
    struct eff_batch batch;
    enum eff_fault fault;

    (void)state;
    make_many();
    begin_ranges(4);
    assert_int_equal(
        r.source->ops->query(r.source, EFF_STR("SELECT * FROM many"), &r.columns, &r.err), EFF_OK);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_OK);
    expect_ids("SELECT * FROM many", MANY); // the one before was left unfinished
    expect_ranges(4);
    assert_int_equal(
        r.source->ops->query(r.source, EFF_STR("SELECT * FROM many"), &r.columns, &r.err), EFF_OK);
    r.source->ops->cancel(r.source);
    do {
        fault = r.source->ops->next(r.source, &batch, &r.err);
    } while (fault == EFF_OK && batch.rows > 0);
    assert_int_equal(fault, EFF_TRANSIENT);
    expect_ids("SELECT * FROM many", MANY);
    reading_close(&r);
    run("DROP TABLE many");
}

static int64_t stop_at; /* seconds */

static bool
go_on_for_a_while(void *self)
{
    (void)self;
    return time(NULL) < stop_at;
}

/* A table whose every row takes its time: both ranges end at once, by the clock or the user. */
static void
slow_ranges_end_in_time(void **state)
{
    struct config config;
    char url[200];

    (void)state;
    make_many();
    run("CREATE FUNCTION slow(id int) RETURNS bool LANGUAGE sql AS"
        " 'SELECT pg_sleep(1 + 0 * id) IS NOT NULL';"
        "CREATE ROLE reader LOGIN; GRANT SELECT ON many TO reader;"
        "ALTER TABLE many ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY slowly ON many TO reader USING (slow(id))");
    snprintf(url, sizeof(url), "host=%s port=%d user=reader dbname=postgres", cluster.dir,
             cluster.port);
    config = config_of(url);
    config.ranges = 2;
    config.statement_timeout_ms = 200;
    begin_as(&config);
    reading_refused(&r, "SELECT * FROM many", EFF_TRANSIENT, "statement_timeout");
    reading_close(&r);

    config.statement_timeout_ms = 0;
    begin_as(&config);
    stop_at = time(NULL) + 2;
    r.world.os.go_on = go_on_for_a_while;
    reading_refused(&r, "SELECT * FROM many", EFF_TRANSIENT, "cancel");
    stop_at = INT64_MAX;
    reading_expect(&r, "SELECT 1 AS a", "integer:1");
    run("DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_stat_activity WHERE application_name ="
        " 'efferent' AND state = 'idle in transaction') = 2; END $$");
    reading_close(&r);
    run("DROP TABLE many; DROP FUNCTION slow; DROP ROLE reader");
}

/* The second connection is refused: nothing of the table was read. */
static void
a_range_without_a_connection_is_told(void **state)
{
    struct config config;
    char url[200];

    (void)state;
    make_many();
    run("CREATE ROLE lonely LOGIN CONNECTION LIMIT 1; GRANT SELECT ON many TO lonely");
    snprintf(url, sizeof(url), "host=%s port=%d user=lonely dbname=postgres", cluster.dir,
             cluster.port);
    config = config_of(url);
    config.ranges = 2;
    begin_as(&config);
    reading_refused(&r, "SELECT * FROM many", EFF_TRANSIENT, "too many connections");
    reading_told(&r, "no connection", "`ranges`");
    assert_int_not_equal(r.source->ops->next(r.source, &(struct eff_batch){0}, &r.err), EFF_OK);
    reading_close(&r);
    run("DROP TABLE many; ALTER ROLE lonely CONNECTION LIMIT 0");
    assert_int_equal(reading_open(&r, &eff_source_postgres, &config), EFF_TRANSIENT);
    reading_told(&r, "no slot", "too many connections");
    reading_told(&r, "what helps", "--jobs");
    reading_close(&r);
    run("DROP ROLE lonely");
}

static int
setup(void **state)
{
    (void)state;
    return pg_cluster_start(&cluster) ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    pg_cluster_stop(&cluster);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_types),
        cmocka_unit_test(numerics),
        cmocka_unit_test(times),
        cmocka_unit_test(other_types_come_as_text_or_json),
        cmocka_unit_test(mistakes_have_a_place),
        cmocka_unit_test(nothing_is_written),
        cmocka_unit_test(all_queries_see_one_snapshot),
        cmocka_unit_test(a_cut_stream_is_no_end),
        cmocka_unit_test(cancel_and_time_limits_are_told),
        cmocka_unit_test(schemas_are_searched),
        cmocka_unit_test(connections_fail_in_plain_words),
        cmocka_unit_test(readers_are_told),
        cmocka_unit_test(passwords_that_are_not_written_as_they_should_be_are_not_shown),
        cmocka_unit_test(privileges_are_told),
        cmocka_unit_test(large_rows_come_whole),
        cmocka_unit_test(a_million_rows_are_cheap),
        cmocka_unit_test(ranges_see_one_snapshot),
        cmocka_unit_test(ranges_write_values_alike),
        cmocka_unit_test(what_has_no_place_is_one_range),
        cmocka_unit_test(a_cut_range_is_no_end),
        cmocka_unit_test(ranges_are_given_up_together),
        cmocka_unit_test(slow_ranges_end_in_time),
        cmocka_unit_test(a_range_without_a_connection_is_told),
    };

    if (pg_optional())
        return 77;
    return cmocka_run_group_tests(tests, setup, teardown);
}
