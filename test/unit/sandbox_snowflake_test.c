/*
 * Goal: the stand-in of Snowflake's SQL API answers as the API does, and takes nothing that the
 * API would refuse.
 * Method: requests over a real connection: tokens good and bad, statements of each type and each
 * mistake, looks, partitions with and without compression, cancellation.
 */
#include "base/sign.h"
#include "lib/stand.h"
#include "sandbox/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define STATEMENTS   "/api/v2/statements"
#define PROGRAMMATIC "X-Snowflake-Authorization-Token-Type: PROGRAMMATIC_ACCESS_TOKEN"

static struct stand stand;

/* With a User-Agent, which the API wants, and more header lines. */
static long
ask(const char *method, const char *path, const char *body, const char *more)
{
    char lines[4096];
    long status;

    snprintf(lines, sizeof(lines), "User-Agent: test/1%s%s", more ? "\r\n" : "", more ? more : "");
    stand.extra = lines;
    status = stand_send(&stand, method, path, body);
    stand.extra = NULL;
    return status;
}

/* ' stands for " in a body, and ` for the ' of SQL. */
static long
run_with(const char *sql, const char *more)
{
    char body[4096] = "{'statement': '";
    size_t len = strlen(body);

    for (; *sql; sql++)
        len +=
            (size_t)snprintf(body + len, sizeof(body) - len, *sql == '`' ? "\\u0027" : "%c", *sql);
    snprintf(body + len, sizeof(body) - len, "'}");
    return ask("POST", STATEMENTS, body, more);
}

static long
run_sql(const char *sql)
{
    return run_with(sql, NULL);
}

static int
setup(void **state)
{
    (void)state;
    stand_start(&stand, "snowflake", NULL, NULL);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    stand_stop(&stand);
    return 0;
}

/* ---- who may come in ---- */

static long
send_signed(eff_str key, const char *sub, const char *issuer_of, int64_t iat, int64_t exp)
{
    char claims[512], line[4096], digest[64];
    struct eff_sha256 sha;
    struct eff_arena arena;
    struct eff_err err = {0};
    eff_str token;
    long status;

    eff_arena_init(&arena, "token", (size_t)4 << 20);
    assert_true(eff_rsa_fingerprint(key, arena, &sha));
    snprintf(digest, sizeof(digest), EFF_STR_FMT,
             EFF_STR_ARG(eff_base64(&arena, (eff_str){(const char *)sha.bytes, 32}, false)));
    snprintf(claims, sizeof(claims),
             "{\"sub\":\"%s\",\"iss\":\"%s.SHA256:%s\",\"iat\":%lld,\"exp\":%lld}", sub, issuer_of,
             digest, (long long)iat, (long long)exp);
    assert_int_equal(
        eff_jwt_sign(key, EFF_STR("{\"alg\":\"RS256\"}"), eff_str_of(claims), &arena, &token, &err),
        EFF_OK);
    snprintf(
        line, sizeof(line),
        "X-Snowflake-Authorization-Token-Type: KEYPAIR_JWT\r\nAuthorization: Bearer " EFF_STR_FMT,
        EFF_STR_ARG(token));
    stand.token = "";
    status = run_with("select 1", line);
    stand.token = NULL;
    eff_arena_deinit(&arena);
    return status;
}

static void
tokens_are_looked_at(void **state)
{
    eff_str key = eff_sandbox_key(), other;
    int64_t now = (int64_t)time(NULL);
    struct eff_arena arena;

    (void)state;
    eff_arena_init(&arena, "test", (size_t)1 << 20);
    other = eff_rsa_new(&arena);
    assert_int_equal(
        send_signed(key, "TEST-ACCOUNT.TEST-USER", "TEST-ACCOUNT.TEST-USER", now, now + 3600), 200);
    assert_int_equal(
        send_signed(other, "TEST-ACCOUNT.TEST-USER", "TEST-ACCOUNT.TEST-USER", now, now + 3600),
        401);
    assert_string_equal(stand_at(&stand, "/code"), "390144");
    assert_int_equal(
        send_signed(key, "TEST-ACCOUNT.OTHER", "TEST-ACCOUNT.TEST-USER", now, now + 60), 401);
    assert_int_equal(
        send_signed(key, "TEST-ACCOUNT.TEST-USER", "TEST-ACCOUNT.OTHER", now, now + 60), 401);
    assert_int_equal(
        send_signed(key, "test-account.test-user", "test-account.test-user", now, now + 60), 401);
    assert_int_equal(
        send_signed(key, "TEST-ACCOUNT.TEST-USER", "TEST-ACCOUNT.TEST-USER", now, now + 3601), 401);
    assert_int_equal(
        send_signed(key, "TEST-ACCOUNT.TEST-USER", "TEST-ACCOUNT.TEST-USER", now - 100, now - 1),
        401);
    assert_int_equal(
        send_signed(key, "TEST-ACCOUNT.TEST-USER", "TEST-ACCOUNT.TEST-USER", now + 600, now + 700),
        401);
    stand.token = "wrong";
    assert_int_equal(run_sql("select 1"), 401);
    assert_string_equal(stand_at(&stand, "/code"), "390303");
    assert_int_equal(run_with("select 1", PROGRAMMATIC), 401);
    assert_string_equal(stand_at(&stand, "/code"), "394400");
    stand.token = NULL;
    assert_int_equal(run_with("select 1", PROGRAMMATIC), 200);
    eff_arena_deinit(&arena);
}

/* ---- requests ---- */

static void
requests_are_checked(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{'statement': 7}",
        "{'statement': ''}",
        "{'statement': 'select 1', 'timeout': -1}",
        "{'statement': 'select 1', 'timeout': '1'}",
        "{'statement': 'select 1', 'wharehouse': 'TEST_WH'}",
        "{'statement': 'select 1', 'parameters': []}",
        "{'statement': 'select 1', 'parameters': {'nope': '1'}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (ask("POST", STATEMENTS, bad[i], NULL) != 400)
            fail_msg("%s: %ld", bad[i], stand.status);
    }
    stand.type = "text/plain";
    assert_int_equal(run_sql("select 1"), 415);
    stand.type = NULL;
    assert_int_equal(ask("GET", STATEMENTS, NULL, NULL), 405);
    assert_int_equal(ask("GET", STATEMENTS "/nothing", NULL, NULL), 404);
    assert_int_equal(ask("GET", "/api/v1/statements", NULL, NULL), 404);
    assert_int_equal(stand_send(&stand, "POST", STATEMENTS, "{'statement': 'select 1'}"), 400);
    assert_non_null(strstr(stand_at(&stand, "/message"), "User-Agent"));
}

static void
mistakes_have_codes(void **state)
{
    static const char *const table[][4] = {
        {"select x from nowhere", "002003", "42S02", "Object 'NOWHERE' does not exist"},
        {"select 1,\\n nope", "000904", "42000",
         "error line 2 at position 1\ninvalid identifier 'NOPE'"},
        {"select nope(1)", "002140", "42601", "Unknown function NOPE"},
        {"select 1 frm x", "001003", "42000", "syntax error line 1 at position 13 unexpected 'x'."},
        {"select 1; select 2", "000008", "0A000", "Actual statement count 2"},
        {"attach `:memory:` as x", "000002", "0A000", "Unsupported feature"},
        {"pragma table_list", "000002", "0A000", "Unsupported feature"},
        {"begin", "000002", "0A000", "Unsupported feature"},
        {"-- nothing", "000900", "42601", "Empty SQL statement"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (run_sql(table[i][0]) != 422)
            fail_msg("%s: %ld", table[i][0], stand.status);
        assert_string_equal(stand_at(&stand, "/code"), table[i][1]);
        assert_string_equal(stand_at(&stand, "/sqlState"), table[i][2]);
        if (!strstr(stand_at(&stand, "/message"), table[i][3]))
            fail_msg("%s: %s", table[i][0], stand_at(&stand, "/message"));
        assert_int_equal(strlen(stand_at(&stand, "/statementHandle")), 36);
    }
    assert_int_equal(
        ask("POST", STATEMENTS, "{'statement': 'select 1', 'warehouse': 'test_wh'}", NULL), 422);
    assert_string_equal(stand_at(&stand, "/code"), "390201");
    assert_int_equal(ask("POST", STATEMENTS,
                         "{'statement': 'select 1', 'warehouse': 'TEST_WH', 'role': "
                         "'TEST_ROLE', 'database': 'TEST_DB', 'schema': 'PUBLIC'}",
                         NULL),
                     200);
}

/* ---- values ---- */

static void
types_as_they_are_written(void **state)
{
    static const char *const table[][4] = {
        {"NUMBER(38,0)", "12", "FIXED", "12"},
        {"NUMBER(12,2)", "1.5", "FIXED", "1.50"},
        {"INTEGER", "-9223372036854775808", "FIXED", "-9223372036854775808"},
        {"FLOAT", "0.1", "REAL", "0.1"},
        {"FLOAT", "9e999", "REAL", "inf"},
        {"VARCHAR(10)", "`a`", "TEXT", "a"},
        {"BOOLEAN", "1", "BOOLEAN", "true"},
        {"BINARY", "x`00ff`", "BINARY", "00FF"},
        {"DATE", "`2020-01-01`", "DATE", "18262"},
        {"TIME", "`23:01:59.123456789`", "TIME", "82919.123456789"},
        {"TIMESTAMP_NTZ", "`2021-01-28 22:09:37`", "TIMESTAMP_NTZ", "1611871777.000000000"},
        {"TIMESTAMP_NTZ", "`1969-12-31 23:59:59.999999999`", "TIMESTAMP_NTZ", "-0.000000001"},
        {"TIMESTAMP_NTZ", "`1969-12-31 23:59:59`", "TIMESTAMP_NTZ", "-1.000000000"},
        {"TIMESTAMP_LTZ", "`1970-01-01T00:00:00Z`", "TIMESTAMP_LTZ", "0.000000000"},
        {"TIMESTAMP_TZ", "`2021-03-19T09:06:59-08:00`", "TIMESTAMP_TZ", "1616173619.000000000 960"},
        {"VARIANT", "`[1]`", "VARIANT", "[1]"},
        {"VARCHAR", "NULL", "TEXT", ""},
    };
    char sql[512];

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_int_equal(run_sql("drop table if exists t"), 200);
        snprintf(sql, sizeof(sql), "create table t (v %s)", table[i][0]);
        assert_int_equal(run_sql(sql), 200);
        snprintf(sql, sizeof(sql), "insert into t values (%s)", table[i][1]);
        assert_int_equal(run_sql(sql), 200);
        assert_int_equal(run_sql("select * from TEST_DB.public.t"), 200);
        assert_string_equal(stand_at(&stand, "/resultSetMetaData/rowType/0/name"), "V");
        assert_string_equal(stand_at(&stand, "/resultSetMetaData/rowType/0/type"), table[i][2]);
        assert_string_equal(stand_at(&stand, "/data/0/0"), table[i][3]);
    }
    assert_int_equal(eff_json_type(eff_json_pointer(stand.json, EFF_STR("/data/0/0"))),
                     EFF_JSON_NULL);
    assert_int_equal(run_sql("select 1 as a, 1.5 as \\\"b c\\\", null as d from t"), 200);
    assert_string_equal(stand_at(&stand, "/resultSetMetaData/rowType/0/type"), "FIXED");
    assert_string_equal(stand_at(&stand, "/resultSetMetaData/rowType/1/name"), "b c");
    assert_string_equal(stand_at(&stand, "/resultSetMetaData/rowType/1/type"), "REAL");
    assert_int_equal(run_sql("select * from (select 1 as a) LIMIT 0"), 200);
    assert_string_equal(stand_at(&stand, "/resultSetMetaData/rowType/0/type"), "FIXED");
    assert_string_equal(stand_at(&stand, "/resultSetMetaData/numRows"), "0");
}

/* ---- results ---- */

static const char *const hundred =
    "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100) select i from n";

static void
results_come_in_partitions(void **state)
{
    char path[256], handle[64];

    (void)state;
    stand_tell(&stand, "faults", "{'settings': {'partition_rows': 30, 'job_polls': 2}}");
    assert_int_equal(run_sql(hundred), 200);
    assert_string_equal(stand_at(&stand, "/resultSetMetaData/numRows"), "100");
    assert_string_equal(stand_at(&stand, "/resultSetMetaData/partitionInfo/0/rowCount"), "30");
    assert_string_equal(stand_at(&stand, "/resultSetMetaData/partitionInfo/3/rowCount"), "10");
    assert_string_equal(stand_at(&stand, "/data/29/0"), "30");
    assert_null(eff_json_pointer(stand.json, EFF_STR("/data/30")));
    assert_non_null(strstr(stand_header(&stand, "Link"), "?partition=1>;rel=\"next\""));
    snprintf(handle, sizeof(handle), "%s", stand_at(&stand, "/statementHandle"));
    snprintf(path, sizeof(path), STATEMENTS "/%s?partition=3", handle);
    assert_int_equal(ask("GET", path, NULL, NULL), 200);
    assert_string_equal(stand_at(&stand, "/data/9/0"), "100");
    assert_string_equal(stand_header(&stand, "Content-Encoding"), "");
    assert_int_equal(ask("GET", path, NULL, "Accept-Encoding: gzip"), 200);
    assert_string_equal(stand_header(&stand, "Content-Encoding"), "gzip");
    assert_memory_equal(stand.body.ptr, "\x1f\x8b", 2);
    snprintf(path, sizeof(path), STATEMENTS "/%s?partition=4", handle);
    assert_int_equal(ask("GET", path, NULL, NULL), 400);
}

static void
statements_run_until_they_end(void **state)
{
    char path[256], handle[64], body[512];

    (void)state;
    stand_tell(&stand, "faults", "{'settings': {'job_polls': 2}}");
    snprintf(body, sizeof(body), "{'statement': '%s'}", hundred);
    assert_int_equal(ask("POST", STATEMENTS "?async=true&requestId=r1", body, NULL), 202);
    snprintf(handle, sizeof(handle), "%s", stand_at(&stand, "/statementHandle"));
    assert_int_equal(ask("POST", STATEMENTS "?async=true&requestId=r1&retry=true", body, NULL),
                     202);
    assert_string_equal(stand_at(&stand, "/statementHandle"), handle);
    snprintf(path, sizeof(path), STATEMENTS "/%s", handle);
    assert_int_equal(ask("GET", path, NULL, NULL), 202);
    assert_int_equal(ask("GET", path, NULL, NULL), 202);
    assert_int_equal(ask("GET", path, NULL, NULL), 200);
    snprintf(path, sizeof(path), STATEMENTS "/%s/cancel", handle);
    assert_int_equal(ask("POST", path, NULL, NULL), 422);

    assert_int_equal(ask("POST", STATEMENTS "?async=true", body, NULL), 202);
    assert_string_not_equal(stand_at(&stand, "/statementHandle"), handle);
    snprintf(handle, sizeof(handle), "%s", stand_at(&stand, "/statementHandle"));
    snprintf(path, sizeof(path), STATEMENTS "/%s/cancel", handle);
    assert_int_equal(ask("POST", path, NULL, NULL), 200);
    snprintf(path, sizeof(path), STATEMENTS "/%s", handle);
    assert_int_equal(ask("GET", path, NULL, NULL), 422);
    assert_string_equal(stand_at(&stand, "/code"), "000604");
}

static void
a_reset_forgets_everything(void **state)
{
    (void)state;
    assert_int_equal(run_sql("create table kept (v INTEGER)"), 200);
    assert_int_equal(run_sql("select * from kept"), 200);
    stand_tell(&stand, "reset", "{}");
    assert_int_equal(run_sql("select * from kept"), 422);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_looked_at),
        cmocka_unit_test(requests_are_checked),
        cmocka_unit_test(mistakes_have_codes),
        cmocka_unit_test(types_as_they_are_written),
        cmocka_unit_test(results_come_in_partitions),
        cmocka_unit_test(statements_run_until_they_end),
        cmocka_unit_test(a_reset_forgets_everything),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
