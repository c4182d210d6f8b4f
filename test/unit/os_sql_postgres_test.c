/*
 * Goal: of rows in one PostgreSQL transaction those that are refused stay out alone, with
 * what the server says of each, and few more rows travel than there are; a JSON array
 * arrives in a column of arrays as the same array, and comes back as the same JSON.
 * Method: a real server; rows that are bad by a formula, a trigger's sequence counts how often rows
 * were tried; arrays beside what to_json says of the column.
 * covers: B3
 */
// links: testlib os flow base
// timeout: 240
#include "lib/sqlask.h"

#include <unistd.h>

static struct pg_cluster cluster;
static bool have_pg;

/* ---- rows that are refused alone ---- */

#define ROWS_MAX 10000

static bool bad[ROWS_MAX];

static void
make_counted_table(void)
{
    assert_true(pg_run(
        &cluster, "DROP TABLE IF EXISTS t; DROP SEQUENCE IF EXISTS tries; CREATE SEQUENCE tries;"
                  "CREATE TABLE t (id bigint PRIMARY KEY, v int NOT NULL CHECK (v > 0));"
                  "CREATE OR REPLACE FUNCTION counts() RETURNS trigger LANGUAGE plpgsql AS"
                  " $$ BEGIN PERFORM nextval('tries'); RETURN NEW; END $$;"
                  "CREATE TRIGGER counts BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE "
                  "FUNCTION counts()"));
}

/* Sends `rows` of them, and compares answer and table with what was bad. */
static long
send_rows(const char *statement, const char *otherwise, size_t rows)
{
    static struct eff_value values[2 * ROWS_MAX];
    const struct eff_response *response;
    size_t bad_count = 0;
    char expected[32];

    make_counted_table();
    for (size_t i = 0; i < rows; i++) {
        values[2 * i] = int_value((int64_t)i);
        values[2 * i + 1] = int_value(bad[i] ? 0 : 1);
        bad_count += bad[i];
    }
    response = write_rows(statement, otherwise, rows, 2, values);
    assert_int_equal(response->wire, EFF_WIRE_ANSWERED);
    if (rows == 1 && bad_count == 1) {
        assert_int_equal(response->status, 400);
        assert_true(eff_str_is(response->sqlstate, "23514"));
        assert_string_equal(fetch("SELECT count(*) FROM t"), "0");
        return 0;
    }
    assert_int_equal(response->status, 200);
    assert_int_equal(response->refused_count, bad_count);
    for (size_t i = 0, at = 0; i < rows; i++) {
        assert_int_equal(response->changed[i], bad[i] ? -1 : 1);
        if (!bad[i])
            continue;
        assert_int_equal(response->refused[at].row, i);
        assert_true(eff_str_is(response->refused[at].sqlstate, "23514"));
        assert_true(eff_str_find(response->refused[at++].problem, EFF_STR("check constraint")) !=
                    SIZE_MAX);
    }
    snprintf(expected, sizeof(expected), "%zu,%zu", rows - bad_count, (size_t)0);
    assert_string_equal(fetch("SELECT count(*), count(*) FILTER (WHERE v = 0) FROM t"), expected);
    return strtol(fetch("SELECT last_value FROM tries"), NULL, 10);
}

static const char insert[] = "INSERT INTO t (id, v) VALUES (@1, @2)";
static const char update[] = "UPDATE t SET v = @2 WHERE id = @1";

static void
mark(size_t rows, size_t every, size_t first)
{
    for (size_t i = 0; i < rows; i++)
        bad[i] = i >= first && (i - first) % every == 0;
}

static void
test_refused_alone(void **state)
{
    static const size_t sizes[] = {2, 3, 20, 499, 500, 501, 1200};

    (void)state;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        static const size_t every[] = {1, 2, 3, 7, 400, 100000};

        for (size_t e = 0; e < sizeof(every) / sizeof(every[0]); e++) {
            mark(sizes[s], every[e], 0);
            send_rows(insert, NULL, sizes[s]);
            mark(sizes[s], every[e], sizes[s] - 1);
            send_rows(update, insert, sizes[s]); // refused in the second phase
        }
    }
}

static void
test_few_tries(void **state)
{
    long tries;

    (void)state;
    memset(bad, 0, sizeof(bad));
    assert_int_equal(send_rows(insert, NULL, ROWS_MAX), ROWS_MAX);
    bad[ROWS_MAX - 1] = true;
    tries = send_rows(insert, NULL, ROWS_MAX);
    assert_true(tries <= 2 * ROWS_MAX + 1000); // the first try does not know
    mark(ROWS_MAX, ROWS_MAX / 10, 0);
    tries = send_rows(insert, NULL, ROWS_MAX);
    assert_true(tries <= ROWS_MAX + 10 * 500);
    mark(1000, 2, 0);
    assert_true(send_rows(insert, NULL, 1000) <= 3 * 1000 + 500);
}

/* Not on a row's merits: nothing is tried again, nothing is in. */
static void
test_refused_as_a_whole(void **state)
{
    struct eff_value rows[] = {int_value(1), int_value(1), int_value(2), int_value(2)};
    const struct eff_response *response;

    (void)state;
    make_counted_table();
    response = write_rows("INSERT INTO t (id, nope) VALUES (@1, @2)", NULL, 2, 2, rows);
    assert_int_equal(response->status, 400);
    assert_true(eff_str_is(response->sqlstate, "42703"));
    assert_int_equal(write_rows(insert, NULL, 2, 2, rows)->status, 200);
    assert_string_equal(fetch("SELECT count(*) FROM t"), "2");
}

/* ---- arrays ---- */

static void
test_arrays(void **state)
{
    static const struct {
        const char *type, *json;
    } cases[] = {
        {"int[]", "[1,-2,null,3]"},
        {"int[]", "[]"},
        {"int[][]", "[[1,2],[3,null]]"},
        {"bigint[]", "[9223372036854775807]"},
        {"numeric[]", "[12345678901234567890.123456789012345678,\"NaN\"]"},
        {"float8[]", "[0.1,\"Infinity\",\"NaN\"]"},
        {"bool[]", "[true,false,null]"},
        {"text[]",
         "[\"a\",\"\",\"NULL\",\"null\",null,\"{a,b}\",\"\\\"q\\\"\",\"b\\\\\",\" x \",\"ü\\n\"]"},
        {"varchar(3)[]", "[\"abc\"]"},
        {"uuid[]", "[\"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11\"]"},
        {"date[]", "[\"2024-02-29\"]"},
        {"timestamp[]", "[\"2024-02-29T12:34:56.789\"]"},
        {"timestamptz[]", "[\"2024-02-29T12:34:56.789+00:00\"]"},
        {"bytea[]", "[\"\\\\xdeadbeef\"]"},
        {"jsonb[]", "[{\"a\": [1, 2]},[1, 2],\"text\",7,null]"},
        {"json[]", "[{\"a\":[1,2]},\"text\"]"},
        {"mood[]", "[\"so so\",\"happy\"]"},
        {"list", "[1,2]"},
        {"jsonb", "[1, 2]"},
        {"text", "[1,2]"},
    };

    (void)state;
    assert_true(pg_run(&cluster, "DROP TABLE IF EXISTS t; DROP TYPE IF EXISTS mood; DROP DOMAIN IF "
                                 "EXISTS list; CREATE TYPE mood AS ENUM ('so so', 'happy');"
                                 "CREATE DOMAIN list AS int[] CHECK (cardinality(value) < 5)"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        eff_str json = eff_str_of(cases[i].json);
        struct eff_value rows[] = {
            int_value(1), eff_value_of_str(EFF_JSON, json), int_value(2), {.kind = EFF_NULL}};
        char sql[200];
        const struct eff_response *response;
        bool is_text = strcmp(cases[i].type, "text") == 0;

        snprintf(sql, sizeof(sql),
                 "DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v %s)",
                 cases[i].type);
        assert_true(pg_run(&cluster, sql));
        response = write_rows("UPDATE t SET v = @2 WHERE id = @1", insert, 2, 2, rows);
        if (response->status != 200 || response->refused_count > 0)
            fail_msg("%s: " EFF_STR_FMT, cases[i].type,
                     EFF_STR_ARG(response->refused_count ? response->refused[0].problem
                                                         : response->problem));
        assert_string_equal(fetch(is_text ? "SELECT v FROM t WHERE id = 1"
                                          : "SELECT to_json(v)::text FROM t WHERE id = 1"),
                            cases[i].json);
        assert_string_equal(fetch("SELECT count(*) FROM t WHERE v IS NULL"), "1");
    }
}

/* Read back as JSON: where PostgreSQL's own types are in it. */
static void
test_arrays_come_back(void **state)
{
    static const char *const cases[][2] = {
        {"ARRAY[1,NULL,3]", "[1,null,3]"},
        {"ARRAY[[1,2],[3,4]]", "[[1,2],[3,4]]"},
        {"'{}'::text[]", "[]"},
        {"ARRAY['a','','NULL',NULL,'x,y','\"','\\','{}',' b']::text[]",
         "[\"a\",\"\",\"NULL\",null,\"x,y\",\"\\\"\",\"\\\\\",\"{}\",\" b\"]"},
        {"ARRAY[1.50,'NaN']::numeric[]", "[1.50,\"NaN\"]"},
        {"ARRAY[true,false]", "[true,false]"},
        {"ARRAY['2024-02-29 12:00:00.5']::timestamp[]", "[\"2024-02-29T12:00:00.5\"]"},
        {"ARRAY['2024-02-29 12:00:00+02']::timestamptz[]", "[\"2024-02-29T10:00:00+00:00\"]"},
        {"ARRAY['[1]','{\"a\":\"b\"}']::json[]", "[[1],{\"a\":\"b\"}]"},
        {"'[0:1]={7,8}'::int[]", "[7,8]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char sql[200];
        const struct eff_response *response;

        snprintf(sql, sizeof(sql), "SELECT %s", cases[i][0]);
        response = query(sql);
        assert_int_equal(response->status, 200);
        assert_int_equal(response->cells[0].kind, EFF_JSON);
        if (!eff_str_is(eff_value_str(&response->cells[0]), cases[i][1]))
            fail_msg("%s: " EFF_STR_FMT, cases[i][0],
                     EFF_STR_ARG(eff_value_str(&response->cells[0])));
    }
}

static void
test_arrays_as_texts(void **state)
{
    static const char *const cases[][2] = {
        {"[1,2]", "{1,2}"}, {" [ ] ", "{}"}, {"{3,4}", "{3,4}"}, {"[0:1]={7,8}", "[0:1]={7,8}"}};

    (void)state;
    assert_true(pg_run(&cluster, "DROP TABLE IF EXISTS t; CREATE TABLE t (id int, v int[])"));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct eff_value row[] = {int_value((int64_t)i), text_value(cases[i][0])};
        char sql[100];

        assert_int_equal(write_rows(insert, NULL, 1, 2, row)->status, 200);
        snprintf(sql, sizeof(sql), "SELECT v::text FROM t WHERE id = %zu", i);
        assert_string_equal(fetch(sql), cases[i][1]);
    }
    for (int deep = 0; deep < 2; deep++) { // neither is one that PostgreSQL could hold
        struct eff_value row[] = {int_value(9),
                                  text_value(deep ? "[[1],[2,3]]" : "[\"a\\u0000\"]")};

        assert_int_equal(write_rows(insert, NULL, 1, 2, row)->status, 400);
    }
}

static int
setup(void **state)
{
    (void)state;
    if (!have_pg)
        skip();
    eff_arena_init(&process, "process", (size_t)64 << 20);
    place =
        (struct eff_sql_request){.dialect = EFF_SQL_POSTGRES, .connect = eff_str_of(cluster.url)};
    return eff_os_real(&process, &os, &err) == EFF_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    if (os != NULL)
        eff_os_real_close(os);
    os = NULL;
    eff_arena_deinit(&process);
    return 0;
}

static int
group_setup(void **state)
{
    (void)state;
    have_pg = pg_cluster_start(&cluster);
    return have_pg || pg_optional() ? 0 : -1;
}

static int
group_teardown(void **state)
{
    (void)state;
    if (have_pg)
        pg_cluster_stop(&cluster);
    return 0;
}

int
main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_refused_alone), TEST(test_few_tries),        TEST(test_refused_as_a_whole),
        TEST(test_arrays),        TEST(test_arrays_come_back), TEST(test_arrays_as_texts),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
