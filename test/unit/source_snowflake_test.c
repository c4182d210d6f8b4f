/*
 * Goal: nothing that Snowflake's SQL API gives short, cut, mixed up or not at all becomes a result.
 * Method: the driver against a scripted peer: partitions in any order; each answer cut after each
 * byte; answers lost, refused and late; tokens that expire; the log of what was asked.
 * covers: C1, C11, C16
 */
// links: testlib base flow os source batch
// timeout: 120
#include "base/json.h"
#include "base/sign.h"
#include "batch/row.h"
#include "lib/reading.h"
#include "lib/snow.h"
#include "source/http_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define TWO_COLUMNS                                                                                \
    "[{'name': 'ID', 'type': 'fixed', 'precision': 38, 'scale': 0, 'nullable': false},"            \
    " {'name': 'NAME', 'type': 'text', 'length': 16777216, 'nullable': true}]"
#define DESCRIBE "POST ?async=false&nullable=true\n"
#define SUBMIT   "POST ?async=true&nullable=true\n"
#define LOOK     "GET /" SNOW_HANDLE "\n"
#define PART(n)  "GET /" SNOW_HANDLE "?partition=" #n "\n"
#define CANCEL   "POST /" SNOW_HANDLE "/cancel\n"

static struct snow_peer peer;
static struct reading reading;
static const struct eff_snow_config token = {
    .account = {"acme-main", 9}, .token = {"pat", 3}, .query_tag = {"efferent", 8}};

static void
three_parts(void)
{
    snow_init(&peer);
    peer.row_type = TWO_COLUMNS;
    peer.parts_count = 3;
    peer.parts[0] = "[['1', 'a'], ['2', null]]";
    peer.parts[1] = "[[ '3' , 'c' ]]";
    peer.parts[2] = "[['4','\\n'],['5','\\u00e4\\ud83d\\ude00']]";
    peer.told[0] = peer.told[2] = 2;
    peer.told[1] = 1;
    peer.total = 5;
}
#define THREE_PARTS                                                                                \
    "integer:1 text:a | integer:2 null: | integer:3 text:c | integer:4 text:\n | integer:5 "       \
    "text:\xc3\xa4\xf0\x9f\x98\x80"

static enum eff_fault
read_sql(const struct eff_snow_config *config, const char *sql)
{
    enum eff_fault fault = reading_open_in(&reading, &peer.world.os, &eff_source_snowflake, config);

    return fault == EFF_OK ? reading_query(&reading, sql) : fault;
}

static void
done(void)
{
    reading_close(&reading);
    assert_int_equal(peer.flying, 0);
    snow_deinit(&peer);
}

static const char *
log_text(void)
{
    eff_buf_add_char(&peer.log, 0);
    peer.log.len--;
    return peer.log.ptr;
}

/* ---- columns ---- */

static void
columns_are_described(void **state)
{
    (void)state;
    snow_init(&peer);
    peer.row_type = "[{'name': 'A', 'type': 'fixed', 'precision': 12, 'scale': 2},"
                    " {'name': 'b c', 'type': 'timestamp_tz', 'scale': 9}]";
    assert_int_equal(read_sql(&token, "SELECT x"), EFF_OK);
    assert_string_equal(reading_columns(&reading), "A:decimal b c:timestamp");
    assert_string_equal(reading.columns.at[0].type_name.ptr, "NUMBER(12,2)");
    assert_int_equal(reading.columns.at[0].precision, 12);
    assert_int_equal(reading.columns.at[0].scale, 2);
    assert_string_equal(reading.columns.at[1].type_name.ptr, "TIMESTAMP_TZ");
    assert_int_equal(reading.rows, 0);
    done();
    snow_init(&peer);
    peer.row_type = "[{'name': 'A', 'type': 'text'}, {'name': 'A', 'type': 'text'}]";
    assert_int_equal(read_sql(&token, "SELECT x"), EFF_CONFIG);
    assert_string_equal(log_text(), DESCRIBE);
    done();
}

/* ---- the conversation ---- */

static void
one_statement_is_one_snapshot(void **state)
{
    struct eff_json_iter iter;
    const struct eff_json *body;
    struct eff_err err = {0};

    (void)state;
    three_parts();
    peer.polls = 2;
    assert_int_equal(read_sql(&token, "SELECT id, name FROM t; -- all\n"), EFF_OK);
    assert_string_equal(reading_text(&reading), THREE_PARTS);
    assert_string_equal(log_text(), DESCRIBE SUBMIT LOOK LOOK LOOK PART(1) PART(2));
    assert_int_equal(eff_json_parse(eff_buf_str(&peer.last_body), &reading.arena, &body, &err),
                     EFF_OK);
    assert_true(eff_str_is(eff_json_str(eff_json_get(body, EFF_STR("statement"))),
                           "SELECT * FROM (\nSELECT id, name FROM t\n)"));
    assert_true(eff_str_is(eff_json_str(eff_json_pointer(body, EFF_STR("/parameters/query_tag"))),
                           "efferent"));
    iter = eff_json_iterate(body);
    assert_int_equal(iter.left, 2); // nothing that was not given
    // The same query again reads the result that is there; another one is a statement of its own.
    eff_buf_reset(&peer.log);
    assert_int_equal(reading_query(&reading, "SELECT id, name FROM t; -- all\n"), EFF_OK);
    assert_string_equal(reading_text(&reading), THREE_PARTS);
    assert_string_equal(log_text(), PART(0) PART(1) PART(2));
    eff_buf_reset(&peer.log);
    assert_int_equal(reading_query(&reading, "SELECT id, name FROM t"), EFF_OK);
    assert_true(eff_str_starts(eff_buf_str(&peer.log), EFF_STR(DESCRIBE SUBMIT LOOK)));
    done();
}

static void
partitions_in_any_order(void **state)
{
    (void)state;
    three_parts();
    peer.newest_first = true;
    assert_int_equal(read_sql(&token, "SELECT x"), EFF_OK);
    assert_string_equal(reading_text(&reading), THREE_PARTS);
    assert_string_equal(log_text(), DESCRIBE SUBMIT LOOK PART(2) PART(1));
    done();
    // Large ones are asked for one by one: what waits takes memory.
    three_parts();
    peer.bytes[0] = peer.bytes[1] = peer.bytes[2] = (int64_t)20 << 20;
    assert_int_equal(read_sql(&token, "SELECT x"), EFF_OK);
    assert_string_equal(reading_text(&reading), THREE_PARTS);
    assert_int_equal(peer.flying_most, 1);
    done();
}

static void
what_is_given_is_sent(void **state)
{
    static const struct eff_snow_config config = {
        .account = {"acme-main", 9},
        .token = {"pat", 3},
        .role = {"reporter", 8},
        .warehouse = {"\"Small\"\"x\"", 10},
        .database = {"my db", 5},
        .schema = {"PUBLIC", 6},
        .statement_timeout_ms = 1500,
    };
    eff_str body;

    (void)state;
    three_parts();
    assert_int_equal(read_sql(&config, "SELECT x"), EFF_OK);
    body = eff_buf_str(&peer.last_body);
    assert_int_not_equal(eff_str_find(body, EFF_STR("\"role\":\"REPORTER\"")), SIZE_MAX);
    assert_int_not_equal(eff_str_find(body, EFF_STR("\"warehouse\":\"Small\\\"x\"")), SIZE_MAX);
    assert_int_not_equal(eff_str_find(body, EFF_STR("\"database\":\"my db\"")), SIZE_MAX);
    assert_int_not_equal(eff_str_find(body, EFF_STR("\"schema\":\"PUBLIC\"")), SIZE_MAX);
    assert_int_not_equal(eff_str_find(body, EFF_STR("\"timeout\":2,")), SIZE_MAX);
    assert_int_equal(eff_str_find(body, EFF_STR("query_tag")), SIZE_MAX);
    done();
}

static void
tables_are_quoted(void **state)
{
    static const char *const pairs[][2] = {
        {"customers", "SELECT * FROM \"CUSTOMERS\""},
        {"Sales.order", "SELECT * FROM \"SALES\".\"ORDER\""},
        {"a.b_1$.\"c.d\"", "SELECT * FROM \"A\".\"B_1$\".\"c.d\""},
        {"my table", "SELECT * FROM \"my table\""},
        {"x\"; drop table y", "SELECT * FROM \"x\"\"; drop table y\""},
    };

    (void)state;
    three_parts();
    assert_int_equal(read_sql(&token, "SELECT x"), EFF_OK);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_string_equal(
            eff_source_snowflake.table_sql(reading.source, eff_str_of(pairs[i][0]), &reading.arena)
                .ptr,
            pairs[i][1]);
    done();
}

/* ---- memory ---- */

#define LARGE_ROWS 20000 /* of 800 bytes: 16 MB a partition */

static bool
large_partition(struct snow_peer *p, const struct eff_request *request, unsigned nth,
                struct snow_reply *reply)
{
    static char text[801];

    (void)p;
    (void)nth;
    if (eff_str_find(request->url, EFF_STR("partition=")) == SIZE_MAX)
        return false;
    memset(text, 'x', sizeof(text) - 1);
    eff_buf_add(&reply->body, EFF_STR("{\"data\":["));
    for (int i = 0; i < LARGE_ROWS; i++)
        eff_buf_addf(&reply->body, "%s[\"%d\",\"%s\"]", i ? "," : "", i, text);
    eff_buf_add(&reply->body, EFF_STR("]}"));
    assert_true(request->answer_bytes_max > reply->body.len);
    reply->status = 200;
    return true;
}

static void
memory_is_bounded(void **state)
{
    long before;

    (void)state;
    three_parts();
    peer.parts_count = SNOW_PARTS;
    peer.hook = large_partition;
    peer.parts[0] = "[]";
    peer.told[0] = peer.total = 0;
    for (size_t i = 1; i < SNOW_PARTS; i++) {
        peer.told[i] = LARGE_ROWS;
        peer.bytes[i] = (int64_t)16 << 20;
        peer.total += LARGE_ROWS;
    }
    before = reading_peak_kib();
    assert_int_equal(reading_open_in(&reading, &peer.world.os, &eff_source_snowflake, &token),
                     EFF_OK);
    assert_true(eff_str_is(reading.source->ops->reader(reading.source, &reading.arena),
                           "account acme-main"));
    assert_int_equal(reading_drain(&reading, "SELECT x"), EFF_OK);
    assert_int_equal(reading.rows, 15 * LARGE_ROWS);
    assert_in_range(peer.flying_most, 1, 2);
    if (!getenv("EFF_SANITIZED"))
        assert_true(reading_peak_kib() - before < 128 << 10); // of 250 MB
    done();
}

/* ---- what is short ---- */

static void
short_results_are_errors(void **state)
{
    static const char *const bad[] = {
        "[['1', 'a']]", // a row less
        "[['1','a'],['2','b'],['3','c']]",
        "[['1'],['2','b']]",         // a cell less
        "[['1','a','x'],['2','b']]", // a cell more
        "[['1',2],['2','b']]",       // no text
        "[['1',nul],['2','b']]",
        "[['1','a'] ['2','b']]",
        "['1','a']",
        "{'1':'a'}",
        "null",
        "[['1','a'],['2','\\x']]",
        "[['1','a'],['2','\\ud83d']]",
        "[['1','a'],['2','\\ud83d\\u0041']]",
        "[['1','a'],['2','\\u00g0']]",
        "[['1','a'],['2','b']",
        "[['1','a'],['2','b']]]",
        "[['1','a'],['2','b',]]",
        "[,['1','a'],['2','b']]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        for (size_t part = 0; part < 3; part += 2) {
            three_parts();
            peer.parts[part] = bad[i];
            if (read_sql(&token, "SELECT x") != EFF_TRANSIENT)
                fail_msg("%s is taken", bad[i]);
            done();
        }
    }
    three_parts();
    peer.total = 6; // what the partitions do not add up to
    assert_int_equal(read_sql(&token, "SELECT x"), EFF_TRANSIENT);
    done();
    three_parts();
    peer.parts_count = 0;
    assert_int_equal(read_sql(&token, "SELECT x"), EFF_TRANSIENT);
    done();
}

static size_t cut_at;
static unsigned cut_request;

static bool
cut(struct snow_peer *p, const struct eff_request *request, unsigned nth, struct snow_reply *reply)
{
    if (nth != cut_request)
        return false;
    reply->status = 200;
    if (eff_str_find(request->url, EFF_STR("partition=")) != SIZE_MAX) {
        eff_buf_add(&reply->body, EFF_STR("{\"data\": "));
        snow_json(&reply->body, p->parts[1]);
        eff_buf_add_char(&reply->body, '}');
    } else {
        eff_buf_add(&reply->body,
                    EFF_STR("{\"resultSetMetaData\": {\"numRows\": 5, \"rowType\": "));
        snow_json(&reply->body, TWO_COLUMNS);
        eff_buf_add(&reply->body,
                    EFF_STR(", \"partitionInfo\": [{\"rowCount\": 2}, {\"rowCount\": 1}, "
                            "{\"rowCount\": 2}]}, \"statementHandle\": \"" SNOW_HANDLE
                            "\", \"data\": "));
        snow_json(&reply->body, p->parts[0]);
        eff_buf_add_char(&reply->body, '}');
    }
    if (cut_at < reply->body.len)
        reply->body.len = cut_at;
    else
        cut_at = SIZE_MAX; // whole
    return true;
}

static void
answers_cut_anywhere(void **state)
{
    static const unsigned requests[] = {2, 3}; // the result's first answer, a partition

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        cut_request = requests[i];
        for (size_t at = 0;; at++) {
            enum eff_fault fault;

            three_parts();
            peer.hook = cut;
            cut_at = at;
            fault = read_sql(&token, "SELECT x");
            if (cut_at == SIZE_MAX) {
                assert_int_equal(fault, EFF_OK);
                assert_string_equal(reading_text(&reading), THREE_PARTS);
                done();
                break;
            }
            if (fault == EFF_OK)
                fail_msg("request %u, cut after %zu bytes, is a result", requests[i], at);
            done();
        }
    }
}

/* ---- faults ---- */

static int answer_status;
static unsigned answer_from, answer_times;
static const char *answer_body, *answer_retry;

static bool
answer(struct snow_peer *p, const struct eff_request *request, unsigned nth,
       struct snow_reply *reply)
{
    (void)p;
    (void)request;
    if (nth < answer_from || nth >= answer_from + answer_times)
        return false;
    reply->status = answer_status;
    reply->wire = answer_status ? EFF_WIRE_ANSWERED : EFF_WIRE_LOST;
    reply->retry_after = answer_retry;
    snow_json(&reply->body, answer_body ? answer_body : "");
    return true;
}

static enum eff_fault
read_with(const struct eff_snow_config *config, int status, unsigned from, unsigned times,
          const char *body)
{
    three_parts();
    peer.hook = answer;
    answer_status = status;
    answer_from = from;
    answer_times = times;
    answer_body = body;
    return read_sql(config, "SELECT x\nFROM y");
}

static void
what_passes_is_repeated(void **state)
{
    static const int statuses[] = {0, 429, 500, 502, 503, 504};

    (void)state;
    answer_retry = NULL;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        for (unsigned from = 0; from < 5; from++) {
            if (read_with(&token, statuses[i], from, 3, NULL) != EFF_OK)
                fail_msg("%d at %u: %s", statuses[i], from, reading.err.msg);
            assert_string_equal(reading_text(&reading), THREE_PARTS);
            done();
        }
        assert_int_not_equal(read_with(&token, statuses[i], 1, 99, NULL), EFF_OK);
        assert_int_equal(reading.err.fault, statuses[i] == 429 ? EFF_RATE : EFF_TRANSIENT);
        assert_int_equal(peer.requests, 1 + EFF_HTTP_READ_TRIES);
        done();
    }
    // A submission whose answer was lost is the same submission again.
    assert_int_equal(read_with(&token, 0, 1, 2, NULL), EFF_OK);
    assert_non_null(strstr(log_text(), SUBMIT "POST ?async=true&nullable=true&retry=true\n"
                                              "POST ?async=true&nullable=true&retry=true\n" LOOK));
    done();
}

static void
retry_after_is_heeded(void **state)
{
    int64_t began;

    (void)state;
    answer_retry = "40";
    three_parts();
    began = peer.world.mono_ms;
    snow_deinit(&peer);
    assert_int_equal(read_with(&token, 429, 3, 1, NULL), EFF_OK);
    assert_in_range(peer.world.mono_ms - began, 40000, 42000);
    done();
    answer_retry = NULL;
}

static void
refusals_say_who_must_act(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum eff_fault fault;
        const char *says;
    } table[] = {
        {400, "{'message': 'bad'}", EFF_CONFIG, "does not understand the request: bad"},
        {401, "{'code': '390144', 'message': 'JWT token is invalid.'}", EFF_AUTH,
         "refuses the credential: JWT token is invalid."},
        {401, "<html>", EFF_AUTH, "refuses the credential"},
        {403, "", EFF_AUTH, "lets nobody in"},
        {404, "", EFF_CONFIG, "nothing at this address"},
        {405, "", EFF_TRANSIENT, "answers 405"},
        {408, "{'message': 'timed out', 'statementHandle': 'x'}", EFF_TRANSIENT, "took too long"},
        {422,
         "{'code': '002003', 'sqlState': '42S02', 'message': 'SQL compilation error:\\nObject "
         "`Y` does not exist or not authorized.'}",
         EFF_CONFIG, "SQL compilation error: Object 'Y' does not exist or not authorized."},
        {422,
         "{'code': '001003', 'sqlState': '42000', 'message': 'SQL compilation error:\\nsyntax "
         "error line 3 at position 5 unexpected `y`.'}",
         EFF_CONFIG, "error: syntax error line 2 at position 5 unexpected 'y'."},
        {422, "{'code': '000606', 'sqlState': '57P03', 'message': 'No active warehouse'}",
         EFF_CONFIG, "No active warehouse"},
        {422,
         "{'code': '090073', 'sqlState': '22000', 'message': 'Warehouse `W` cannot be resumed "
         "because resource monitor `M` has exceeded its quota.'}",
         EFF_LIMIT, "resource monitor 'M' has exceeded its quota"},
        {422, "{'code': '000604', 'sqlState': '57014', 'message': 'SQL execution canceled'}",
         EFF_TRANSIENT, "was cancelled in snowflake"},
        {422, "{}", EFF_CONFIG, "refuses the statement"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        for (unsigned from = 0; from < 4; from++) {
            if (read_with(&token, table[i].status, from, 99, table[i].body) != table[i].fault ||
                !strstr(reading.err.msg, table[i].says))
                fail_msg("%d at %u: %s", table[i].status, from, reading.err.msg);
            assert_int_equal(reading.err.code, table[i].status);
            done();
        }
    }
}

/* ---- credentials ---- */

static eff_str own_key;
static const char *own_subject;
static unsigned tokens_refused;
static struct eff_arena keys;

/* Takes a token of the key until it expires; the first refused ones whatever they are. */
static bool
judge_token(struct snow_peer *p, const struct eff_request *request, unsigned nth,
            struct snow_reply *reply)
{
    eff_str claims, bearer = request->headers[0].value;
    const struct eff_json *json = NULL;
    struct eff_err err = {0};
    int64_t iat = 0, exp = 0, now = p->world.wall_ms / 1000;

    (void)nth;
    if (nth == 3) // the read takes long
        p->world.wall_ms += 3600000;
    assert_true(eff_str_is(request->headers[1].value, "KEYPAIR_JWT"));
    assert_true(eff_str_starts(bearer, EFF_STR("Bearer ")));
    assert_true(eff_jwt_verify(own_key, eff_str_sub(bearer, 7, SIZE_MAX), &keys, &claims));
    assert_int_equal(eff_json_parse(claims, &keys, &json, &err), EFF_OK);
    assert_true(eff_str_is(eff_json_str(eff_json_get(json, EFF_STR("sub"))), own_subject));
    assert_true(eff_str_starts(eff_json_str(eff_json_get(json, EFF_STR("iss"))),
                               eff_str_printf(&keys, "%s.SHA256:", own_subject)));
    assert_true(eff_json_int(eff_json_get(json, EFF_STR("iat")), &iat));
    assert_true(eff_json_int(eff_json_get(json, EFF_STR("exp")), &exp));
    assert_true(iat <= now && exp - iat <= 3600);
    if (tokens_refused == 0 && exp > now)
        return false;
    tokens_refused -= tokens_refused > 0;
    reply->status = 401;
    return true;
}

static void
keys_sign_and_sign_again(void **state)
{
    static const char *const accounts[][2] = {
        {"acme-my_main", "ACME-MY_MAIN.LOADER"},
        {"xy12345.eu-central-1.aws", "XY12345.LOADER"},
        {"acme-main.privatelink", "ACME-MAIN.LOADER"},
        {"xy12345-0a1b2c.global", "XY12345.LOADER"},
    };
    struct eff_snow_config config = {.account = EFF_STR("acme-main"), .user = EFF_STR("loader")};

    (void)state;
    eff_arena_init(&keys, "keys", (size_t)16 << 20);
    config.private_key = own_key = eff_rsa_new(&keys);
    own_subject = "ACME-MAIN.LOADER";
    three_parts();
    peer.hook = judge_token; // an hour passes in mid-read: the token is signed anew
    assert_int_equal(read_sql(&config, "SELECT x"), EFF_OK);
    assert_string_equal(reading_text(&reading), THREE_PARTS);
    done();
    three_parts();
    peer.hook = judge_token;
    tokens_refused = 1;
    assert_int_equal(read_sql(&config, "SELECT x"), EFF_OK);
    done();
    three_parts();
    peer.hook = judge_token;
    tokens_refused = 99;
    assert_int_equal(read_sql(&config, "SELECT x"), EFF_AUTH);
    assert_int_equal(peer.requests, 2);
    done();
    tokens_refused = 0;
    for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++) {
        three_parts();
        peer.hook = judge_token;
        config.account = eff_str_of(accounts[i][0]);
        own_subject = accounts[i][1];
        assert_int_equal(read_sql(&config, "SELECT x"), EFF_OK);
        done();
    }
    eff_arena_deinit(&keys);
}

static void
connections_that_make_no_sense(void **state)
{
    static const struct {
        struct eff_snow_config config;
        const char *says;
    } table[] = {
        {{.account = {"a", 1}}, "no credential"},
        {{.account = {"a", 1}, .token = {"t", 1}, .private_key = {"k", 1}}, "more than one"},
        {{.account = {"a", 1}, .private_key_path = {"k", 1}, .private_key = {"k", 1}},
         "more than one"},
        {{.account = {"a", 1}, .private_key = {"k", 1}}, "belongs to a user"},
        {{.account = {"a", 1}, .private_key = {"k", 1}, .user = {"u", 1}}, "cannot be read"},
        {{.account = {"a.example/", 10}, .token = {"t", 1}}, "no account identifier"},
        {{.account = {"a@b", 3}, .token = {"t", 1}}, "no account identifier"},
        {{.account = {".", 1}, .token = {"t", 1}}, "no account identifier"},
        {{.account = {"a", 1}, .token = {"t", 1}, .url = {"http://10.0.0.1", 15}}, "plain http"},
        {{.account = {"a", 1}, .token = {"t", 1}, .url = {"http://127.example", 18}}, "plain http"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        three_parts();
        if (read_sql(&table[i].config, "SELECT x") != EFF_CONFIG ||
            !strstr(reading.err.msg, table[i].says))
            fail_msg("%zu: %s", i, reading.err.msg);
        assert_int_equal(peer.requests, 0);
        done();
    }
}

static char asked_url[EFF_SNOW_URL_MAX];

static bool
keep_url(struct snow_peer *p, const struct eff_request *request, unsigned nth,
         struct snow_reply *reply)
{
    (void)p;
    (void)nth;
    (void)reply;
    snprintf(asked_url, sizeof(asked_url), EFF_STR_FMT, EFF_STR_ARG(request->url));
    assert_true(eff_str_is(request->headers[1].value, "OAUTH"));
    return false;
}

static void
accounts_name_hosts(void **state)
{
    static const char *const pairs[][2] = {
        {"Acme-My_Main", "https://acme-my-main.snowflakecomputing.com/api/v2/"},
        {"xy1.eu-central-1", "https://xy1.eu-central-1.snowflakecomputing.com/api/v2/"},
    };
    struct eff_snow_config config = {.token = EFF_STR("t"), .token_type = 1};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        three_parts();
        peer.hook = keep_url;
        config.account = eff_str_of(pairs[i][0]);
        assert_int_equal(read_sql(&config, "SELECT x"), EFF_OK);
        assert_int_equal(strncmp(asked_url, pairs[i][1], strlen(pairs[i][1])), 0);
        done();
    }
}

/* ---- stopping ---- */

static bool
stop_at_last_look(struct snow_peer *p, const struct eff_request *request, unsigned nth,
                  struct snow_reply *reply)
{
    (void)request;
    (void)reply;
    p->stop = nth >= 4;
    return false;
}

static void
a_stopped_statement_is_cancelled(void **state)
{
    struct eff_batch batch;
    struct eff_err err = {0};

    (void)state;
    three_parts();
    peer.polls = 1000;
    peer.hook = stop_at_last_look;
    assert_int_equal(read_sql(&token, "SELECT x"), EFF_TRANSIENT);
    assert_non_null(strstr(reading.err.msg, "cancelled"));
    assert_string_equal(log_text(), DESCRIBE SUBMIT LOOK LOOK LOOK CANCEL);
    done();
    // A result that is abandoned leaves nothing under way.
    three_parts();
    assert_int_equal(reading_open_in(&reading, &peer.world.os, &eff_source_snowflake, &token),
                     EFF_OK);
    assert_int_equal(reading.source->ops->query(reading.source, EFF_STR("SELECT x"),
                                                &reading.columns, &reading.err),
                     EFF_OK);
    assert_int_equal(reading.source->ops->next(reading.source, &batch, &err), EFF_OK);
    assert_int_equal(batch.rows, 2);
    reading.source->ops->cancel(reading.source);
    assert_int_equal(peer.flying, 0);
    assert_int_equal(reading.source->ops->next(reading.source, &batch, &err), EFF_TRANSIENT);
    assert_string_equal(log_text(), DESCRIBE SUBMIT LOOK);
    done();
}

/* Snowflake does not count the time in which a statement waits for its warehouse; we do. */
static void
a_statement_that_waits_too_long_is_cancelled(void **state)
{
    struct eff_snow_config config = token;

    (void)state;
    config.statement_timeout_ms = 60000;
    three_parts();
    peer.polls = 1000;
    assert_int_equal(read_sql(&config, "SELECT x"), EFF_TRANSIENT);
    assert_non_null(strstr(reading.err.msg, "took longer than `statement_timeout`, 60000 ms"));
    assert_true(peer.world.mono_ms < 120000);
    assert_non_null(strstr(log_text(), CANCEL));
    done();
}

static void
a_result_without_rows(void **state)
{
    static const char *const table[][2] = {
        {"{'resultSetMetaData': {'numRows': 0, 'rowType': %s}, 'data': [], 'statementHandle': 'x'}",
         "rows"},
        {"{'resultSetMetaData': {'numRows': 1, 'rowType': %s}, 'data': [], 'statementHandle': 'x'}",
         NULL},
        {"{'resultSetMetaData': {'rowType': %s}, 'data': [], 'statementHandle': 'x'}", NULL},
        {"{'resultSetMetaData': {'numRows': 0, 'partitionInfo': 1, 'rowType': %s}, "
         "'data': [], 'statementHandle': 'x'}",
         NULL},
    };
    struct eff_arena arena;

    (void)state;
    eff_arena_init(&arena, "test", (size_t)1 << 20);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        eff_str head, tail, body = eff_str_of(table[i][0]);

        assert_true(eff_str_cut(body, '%', &head, &tail));
        body = eff_str_printf(&arena, EFF_STR_FMT TWO_COLUMNS EFF_STR_FMT, EFF_STR_ARG(head),
                              EFF_STR_ARG(eff_str_sub(tail, 1, SIZE_MAX)));
        if (read_with(&token, 200, 2, 1, body.ptr) != (table[i][1] ? EFF_OK : EFF_TRANSIENT))
            fail_msg("%s: %s", body.ptr, reading.err.msg);
        assert_int_equal(reading.rows, 0);
        done();
    }
    eff_arena_deinit(&arena);
}

static void
changed_columns_void_the_read(void **state)
{
    (void)state;
    assert_int_equal(
        read_with(&token, 200, 2, 1,
                  "{'resultSetMetaData': {'numRows': 0, 'partitionInfo': [], 'rowType': "
                  "[{'name': 'ID', 'type': 'text'}, {'name': 'NAME', 'type': 'text'}]}, "
                  "'data': [], 'statementHandle': 'x'}"),
        EFF_TRANSIENT);
    assert_non_null(strstr(reading.err.msg, "columns changed"));
    done();
    assert_int_equal(read_with(&token, 202, 1, 1, "{'statementHandle': '../x?'}"), EFF_TRANSIENT);
    assert_non_null(strstr(reading.err.msg, "no statement handle"));
    done();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_described),
        cmocka_unit_test(one_statement_is_one_snapshot),
        cmocka_unit_test(partitions_in_any_order),
        cmocka_unit_test(what_is_given_is_sent),
        cmocka_unit_test(tables_are_quoted),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(short_results_are_errors),
        cmocka_unit_test(answers_cut_anywhere),
        cmocka_unit_test(what_passes_is_repeated),
        cmocka_unit_test(retry_after_is_heeded),
        cmocka_unit_test(refusals_say_who_must_act),
        cmocka_unit_test(keys_sign_and_sign_again),
        cmocka_unit_test(connections_that_make_no_sense),
        cmocka_unit_test(accounts_name_hosts),
        cmocka_unit_test(a_stopped_statement_is_cancelled),
        cmocka_unit_test(a_statement_that_waits_too_long_is_cancelled),
        cmocka_unit_test(a_result_without_rows),
        cmocka_unit_test(changed_columns_void_the_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
