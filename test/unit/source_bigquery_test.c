/*
 * Goal: what BigQuery answers is read as the table in source/bigquery_value.c says, nested
 * values included, without losing a digit; a page of any shape, and a large result, fit
 * into little memory; one job is made however often its model is read.
 * Method: values as JSON through eff_bq_value; a peer of our own over real HTTP.
 * covers: C16
 */
// links: testlib base flow os conf source
// timeout: 120
#include "base/sign.h"
#include "lib/bigquery.h"
#include "lib/reading.h"
#include "source/bigquery.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define PEAK_KIB_MAX 65536

static struct eff_arena arena;
static struct eff_os *os;
static struct reading r;

/* ' for " */
static const struct eff_json *
json(const char *text)
{
    char *copy = eff_str_c(&arena, eff_str_of(text));
    const struct eff_json *root = NULL;
    struct eff_err err = {0};

    for (char *c = copy; *c; c++)
        if (*c == '\'')
            *c = '"';
    if (eff_json_parse(eff_str_of(copy), &arena, &root, &err) != EFF_OK)
        fail_msg("%s: %s", copy, err.msg);
    return root;
}

/* ---- values ---- */

static const struct {
    const char *field, *v, *is; /* the column's declaration, the wire's value, ours */
} values[] = {
    {"'INTEGER'", "null", "null:"},
    {"'INT64'", "'-9223372036854775808'", "integer:-9223372036854775808"},
    {"'INTEGER'", "'9223372036854775807'", "integer:9223372036854775807"},
    {"'INTEGER'", "'9223372036854775808'", "BAD:the INT64 is no integer of 64 bits"},
    {"'INTEGER'", "'1.0'", "BAD:the INT64 is no integer of 64 bits"},
    {"'FLOAT'", "'0.1'", "float:0.1"},
    {"'FLOAT64'", "'1.7976931348623157E308'", "float:1.7976931348623157e+308"},
    {"'FLOAT'", "'NaN'", "float:NaN"},
    {"'FLOAT'", "'-Infinity'", "float:-Infinity"},
    {"'FLOAT'", "'0x10'", "BAD:the FLOAT64 is no number"},
    {"'NUMERIC'", "'12345678901234567890123456789.123456789'",
     "decimal:12345678901234567890123456789.123456789"},
    {"'BIGNUMERIC'", "'0.00000000000000000000000000000000000001'",
     "decimal:0.00000000000000000000000000000000000001"},
    {"'NUMERIC'", "'1,5'", "BAD:the NUMERIC is no number"},
    {"'BOOLEAN'", "'true'", "boolean:true"},
    {"'BOOL'", "'false'", "boolean:false"},
    {"'BOOL'", "'yes'", "BAD:the BOOL is neither true nor false"},
    {"'STRING'", "''", "text:"},
    {"'STRING'", "'a\xc3\xa4 \\n'", "text:a\xc3\xa4 \n"},
    {"'BYTES'", "'AP8='", "bytes:AP8="},
    {"'BYTES'", "'AP8!'", "BAD:the BYTES are no base64"},
    {"'DATE'", "'0001-01-01'", "date:0001-01-01"},
    {"'DATE'", "'9999-12-31'", "date:9999-12-31"},
    {"'DATE'", "'2024-02-30'", "BAD:the DATE is none"},
    {"'TIME'", "'23:59:59.999999'", "time:23:59:59.999999"},
    {"'TIME'", "'12:30:00'", "time:12:30:00"},
    {"'DATETIME'", "'2024-02-29T12:30:00.5'", "datetime:2024-02-29T12:30:00.5"},
    {"'DATETIME'", "'2024-02-29T12:30:00Z'", "BAD:the DATETIME is none"},
    {"'TIMESTAMP'", "'1709209800500000'", "timestamp:2024-02-29T12:30:00.5Z"},
    {"'TIMESTAMP'", "'-62135596800000000'", "timestamp:0001-01-01T00:00:00Z"},
    {"'TIMESTAMP'", "'253402300799999999'", "timestamp:9999-12-31T23:59:59.999999Z"},
    {"'TIMESTAMP'", "'1.7092098005E9'", "BAD:the TIMESTAMP is not in microseconds"},
    {"'JSON'", "'{\\'a\\': [1.50, null]}'", "json:{\"a\": [1.50, null]}"},
    {"'GEOGRAPHY'", "'POINT(1 2)'", "text:POINT(1 2)"},
    {"'INTERVAL'", "'1-2 3 4:5:6.789'", "text:1-2 3 4:5:6.789"},
    {"'RANGE', 'rangeElementType': {'type': 'DATE'}", "'[2024-01-01, UNBOUNDED)'",
     "text:[2024-01-01, UNBOUNDED)"},
    {"'RANGE', 'rangeElementType': {'type': 'TIMESTAMP'}", "'[0, 1709209800500000)'",
     "text:[1970-01-01T00:00:00Z, 2024-02-29T12:30:00.5Z)"},
    {"'RANGE', 'rangeElementType': {'type': 'TIMESTAMP'}", "'[UNBOUNDED, UNBOUNDED)'",
     "text:[UNBOUNDED, UNBOUNDED)"},
    {"'FOREIGN'", "'whatever'", "text:whatever"},
    {"'INTEGER', 'mode': 'REPEATED'", "[{'v': '1'}, {'v': '9007199254740993'}]",
     "json:[1,9007199254740993]"},
    {"'STRING', 'mode': 'REPEATED'", "[]", "json:[]"},
    {"'BYTES', 'mode': 'REPEATED'", "[{'v': 'AP8='}]", "json:[\"AP8=\"]"},
    {"'TIMESTAMP', 'mode': 'REPEATED'", "[{'v': '0'}]", "json:[\"1970-01-01T00:00:00Z\"]"},
    {"'JSON', 'mode': 'REPEATED'", "[{'v': '{\\'a\\':1}'}, {'v': 'null'}]",
     "json:[{\"a\":1},null]"},
    {"'FLOAT', 'mode': 'REPEATED'", "[{'v': 'NaN'}]",
     "BAD:a nested number is NaN or infinite, which JSON has not"},
    {"'INTEGER', 'mode': 'REPEATED'", "[{'v': 'x'}]", "BAD:the INT64 is no integer of 64 bits"},
    {"'INTEGER', 'mode': 'REPEATED'", "'1'", "BAD:an ARRAY is none"},
    {"'RECORD', 'fields': [{'name': 'a', 'type': 'NUMERIC'}, {'name': 'b', 'type': 'RECORD', "
     "'mode': 'REPEATED', 'fields': [{'name': 'c', 'type': 'BOOLEAN'}]}]",
     "{'f': [{'v': '1.50'}, {'v': [{'v': {'f': [{'v': 'true'}]}}, {'v': {'f': [{'v': null}]}}]}]}",
     "json:{\"a\":1.50,\"b\":[{\"c\":true},{\"c\":null}]}"},
    {"'STRUCT', 'fields': [{'name': 'a', 'type': 'STRING'}]", "{'f': []}",
     "BAD:a STRUCT has other fields than its type"},
    {"'STRUCT', 'fields': [{'name': 'a', 'type': 'INT64'}, {'name': 'b', 'type': 'INT64'}]",
     "{'f': [{'v': 'x'}, {'v': '1'}]}", "BAD:the INT64 is no integer of 64 bits"},
    {"'STRUCT', 'fields': [{'name': 'a', 'type': 'STRUCT', 'fields': [{'name': 'b', 'type': "
     "'INT64'}]}]",
     "{'f': [{'v': 'x'}]}", "BAD:a STRUCT has other fields than its type"},
    {"'STRUCT', 'fields': [{'name': 'a', 'type': 'STRING'}]", "null", "null:"},
    {"'STRING'", "{'f': []}", "BAD:the value has another form than its type"},
};

static void
test_values(void **state)
{
    struct eff_buf nested = {0}, text = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        const struct eff_json *schema = json(
            eff_str_printf(&arena, "{'fields': [{'name': 'x', 'type': %s}]}", values[i].field).ptr);
        const struct eff_bq_type *types = NULL;
        struct eff_columns columns;
        struct eff_err err = {0};
        struct eff_value value;

        assert_int_equal(eff_bq_schema(schema, &arena, &columns, &types, &err), EFF_OK);
        value = eff_bq_value(types, json(values[i].v), &arena, &nested);
        eff_buf_reset(&text);
        if (value.kind == EFF_BAD) {
            eff_buf_addf(&text, "BAD:" EFF_STR_FMT, EFF_STR_ARG(eff_value_str(&value)));
        } else {
            eff_buf_addf(&text, "%s:", eff_kind_name(value.kind));
            eff_value_text(&text, &value);
        }
        eff_buf_add_char(&text, '\0');
        assert_string_equal(text.ptr, values[i].is);
        if (value.kind != EFF_BAD && value.kind != EFF_NULL)
            assert_int_equal(value.kind, columns.at[0].kind);
    }
    eff_buf_free(&nested);
    eff_buf_free(&text);
}

static void
test_columns(void **state)
{
    const struct eff_json *schema = json(
        "{'fields': [{'name': 'a', 'type': 'INTEGER', 'mode': 'REQUIRED'}, {'name': 'b', 'type': "
        "'NUMERIC'}, {'name': 'c', 'type': 'NUMERIC', 'precision': '10', 'scale': '2'}, {'name': "
        "'d', 'type': 'BIGNUMERIC', 'precision': '50'}, {'name': 'e', 'type': 'RECORD', 'mode': "
        "'REPEATED', 'fields': [{'name': 'x', 'type': 'DATE'}]}]}");
    const struct eff_bq_type *types = NULL, *others = NULL;
    struct eff_columns columns;
    struct eff_err err = {0};

    (void)state;
    assert_int_equal(eff_bq_schema(schema, &arena, &columns, &types, &err), EFF_OK);
    assert_int_equal(columns.count, 5);
    assert_false(columns.at[0].nullable);
    assert_true(columns.at[1].nullable);
    assert_int_equal(columns.at[1].precision, 38);
    assert_int_equal(columns.at[1].scale, 9);
    assert_int_equal(columns.at[2].precision, 10);
    assert_int_equal(columns.at[2].scale, 2);
    assert_int_equal(columns.at[3].precision, 50);
    assert_int_equal(columns.at[3].scale, 0);
    assert_true(eff_str_is(columns.at[0].type_name, "INT64"));
    assert_true(eff_str_is(columns.at[4].type_name, "ARRAY<STRUCT>"));
    assert_int_equal(eff_bq_schema(schema, &arena, &columns, &others, &err), EFF_OK);
    assert_true(eff_bq_types_equal(types, others, 5));
    schema = json("{'fields': [{'name': 'e', 'type': 'RECORD', 'mode': 'REPEATED', 'fields': "
                  "[{'name': 'y', 'type': 'DATE'}]}]}");
    assert_int_equal(eff_bq_schema(schema, &arena, &columns, &others, &err), EFF_OK);
    assert_false(eff_bq_types_equal(types + 4, others, 1));
    assert_int_equal(eff_bq_schema(json("{'fields': []}"), &arena, &columns, &types, &err),
                     EFF_TRANSIENT);
}

/* ---- pages ---- */

#define FIELDS                                                                                     \
    "[{\"name\": \"id\", \"type\": \"INTEGER\"}, {\"name\": \"name\", \"type\": \"STRING\"}, "     \
    "{\"name\": \"tags\", \"type\": \"STRING\", \"mode\": \"REPEATED\"}]"

static void
usual_row(struct eff_buf *buf, int64_t index, void *user)
{
    (void)user;
    eff_buf_addf(buf,
                 "{\"f\": [{\"v\": \"%lld\"}, {\"v\": \"name of %lld\"}, {\"v\": [{\"v\": "
                 "\"a\"}]}]}",
                 (long long)index, (long long)index);
}

static void
test_pages(void **state)
{
    static const struct {
        int64_t rows, page_rows;
        unsigned pages;
    } cases[] = {{0, 10, 1}, {1, 10, 1}, {10, 10, 1}, {11, 10, 2}, {9000, 4500, 2}};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        struct bigquery_peer peer = {.fields = FIELDS, .row = usual_row};
        size_t rows = (size_t)cases[i / 2].rows;

        peer.rows = cases[i / 2].rows;
        peer.page_rows = cases[i / 2].page_rows;
        peer.rows_first = i % 2;
        bigquery_peer_start(&peer);
        assert_int_equal(reading_open_in(&r, os, &eff_source_bigquery, &peer.config), EFF_OK);
        for (int again = 0; again < 2; again++) { // the second time, from the same job
            if (reading_query(&r, "SELECT 1") != EFF_OK)
                fail_msg("%s", r.err.msg);
            assert_int_equal(r.rows, rows);
            for (size_t row = 0; row < rows; row++)
                assert_int_equal(r.cells[row * 3].i, row);
            assert_string_equal(reading_columns(&r), "id:integer name:text tags:json");
        }
        assert_int_equal(peer.dry_runs, 1);
        assert_int_equal(peer.jobs, 1);
        assert_int_equal(peer.pages, 2 * cases[i / 2].pages);
        assert_int_equal(reading_query(&r, "SELECT 2"), EFF_OK);
        assert_int_equal(peer.jobs, 2);
        reading_close(&r);
        bigquery_peer_stop(&peer);
    }
}

/* BigQuery is told how long, and only attempts to keep it. */
static void
test_a_job_that_takes_too_long(void **state)
{
    struct bigquery_peer peer = {.fields = FIELDS, .row = usual_row, .rows = 1, .page_rows = 1};

    (void)state;
    bigquery_peer_start(&peer);
    peer.config.timeout_ms = 300;
    peer.never_done = true;
    assert_int_equal(reading_open_in(&r, os, &eff_source_bigquery, &peer.config), EFF_OK);
    reading_refused(&r, "SELECT 1", EFF_TRANSIENT, "took longer than `timeout`, 300 ms");
    assert_non_null(strstr(peer.last_job, "\"jobTimeoutMs\":\"300\""));
    assert_int_equal(peer.cancels, 1);
    peer.never_done = false;
    assert_int_equal(reading_query(&r, "SELECT 1"), EFF_OK); // by another job
    assert_int_equal(peer.jobs, 2);
    reading_close(&r);
    bigquery_peer_stop(&peer);
}

/* What the model reads is known without a job. */
static void
test_described_only(void **state)
{
    struct bigquery_peer peer = {.fields = FIELDS, .row = usual_row, .rows = 3, .page_rows = 2};
    struct eff_columns columns;

    (void)state;
    bigquery_peer_start(&peer);
    assert_int_equal(reading_open_in(&r, os, &eff_source_bigquery, &peer.config), EFF_OK);
    assert_int_equal(r.source->ops->query(r.source, EFF_STR("SELECT 1"), &columns, &r.err), EFF_OK);
    assert_int_equal(r.source->ops->scans(r.source), 4096);
    reading_close(&r);
    assert_int_equal(peer.jobs, 0);
    assert_int_equal(peer.pages, 0);
    bigquery_peer_stop(&peer);
}

static void
test_what_a_dry_run_may_say(void **state)
{
    static const struct {
        const char *answer, *says;
        enum eff_fault fault;
    } cases[] = {
        {"{}", "does not say what kind of statement", EFF_TRANSIENT},
        {"[", "no JSON", EFF_TRANSIENT},
        {"{\"statistics\": {\"query\": {\"statementType\": \"MERGE\"}}}", "only reads", EFF_CONFIG},
        {"{\"statistics\": {\"query\": {\"statementType\": \"SELECT\"}}}", "no schema",
         EFF_TRANSIENT},
        {"{\"statistics\": {\"query\": {\"statementType\": \"SELECT\", "
         "\"undeclaredQueryParameters\": [{\"name\": \"day\"}]}}}",
         "parameter", EFF_CONFIG},
        {"{\"status\": {\"errorResult\": {\"reason\": \"invalidQuery\", \"message\": \"Syntax "
         "error: x at [3:14]\"}}}",
         "Syntax error: x (line 3, column 14 of the SQL)", EFF_CONFIG},
        {"{\"status\": {\"errorResult\": {\"reason\": \"invalidQuery\", \"message\": \"x at "
         "[3:]\"}}}",
         "BigQuery: x at [3:]", EFF_CONFIG},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bigquery_peer peer = {.fields = FIELDS, .row = usual_row, .page_rows = 1};

        peer.dry_run = cases[i].answer;
        bigquery_peer_start(&peer);
        assert_int_equal(reading_open_in(&r, os, &eff_source_bigquery, &peer.config), EFF_OK);
        assert_int_equal(reading_query(&r, "SELECT 1"), cases[i].fault);
        if (strstr(r.err.msg, cases[i].says) == NULL)
            fail_msg("%s", r.err.msg);
        assert_int_equal(peer.jobs, 0);
        reading_close(&r);
        bigquery_peer_stop(&peer);
    }
}

/* ---- the login of a service account ---- */

static eff_str
credentials(const struct bigquery_peer *peer, eff_str pem)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    eff_str text;

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("service_account"));
    eff_json_field_str(&w, "client_email", EFF_STR("reader@acme.example"));
    eff_json_field_str(&w, "private_key", pem);
    eff_json_field_str(&w, "token_uri", eff_str_printf(&arena, "%s/token", peer->url));
    eff_json_end_object(&w);
    text = eff_str_copy(&arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return text;
}

static void
test_claims(void **state)
{
    static const eff_str more[] = {{"https://www.googleapis.com/auth/drive.readonly", 46}};
    struct bigquery_peer peer = {.fields = FIELDS, .row = usual_row, .page_rows = 1};
    eff_str pem = eff_rsa_new(&arena), claims = EFF_STR_NONE;
    const struct eff_json *root = NULL;
    int64_t from = 0, to = 0;
    const char *assertion;

    (void)state;
    bigquery_peer_start(&peer);
    peer.config.token = EFF_STR_NONE;
    peer.config.credentials = credentials(&peer, pem);
    peer.config.scopes = (struct eff_str_list){1, more};
    assert_int_equal(reading_open_in(&r, os, &eff_source_bigquery, &peer.config), EFF_OK);
    assert_true(eff_str_is(r.source->ops->reader(r.source, &arena),
                           "project p, account reader@acme.example"));
    assert_int_equal(reading_query(&r, "SELECT 1"), EFF_OK);
    assertion = strstr(peer.last_login, "assertion=");
    assert_non_null(assertion);
    assert_true(eff_jwt_verify(pem, eff_str_of(assertion + 10), &arena, &claims));
    assert_int_equal(eff_json_parse(claims, &arena, &root, &r.err), EFF_OK);
    assert_true(
        eff_str_is(eff_json_str(eff_json_get(root, EFF_STR("iss"))), "reader@acme.example"));
    assert_true(eff_str_is(eff_json_str(eff_json_get(root, EFF_STR("scope"))),
                           "https://www.googleapis.com/auth/bigquery "
                           "https://www.googleapis.com/auth/drive.readonly"));
    assert_true(eff_str_eq(eff_json_str(eff_json_get(root, EFF_STR("aud"))),
                           eff_str_printf(&arena, "%s/token", peer.url)));
    assert_true(eff_json_int(eff_json_get(root, EFF_STR("iat")), &from));
    assert_true(eff_json_int(eff_json_get(root, EFF_STR("exp")), &to));
    assert_int_equal(to - from, 3600);
    reading_close(&r);
    bigquery_peer_stop(&peer);
}

static void
test_table_names(void **state)
{
    static const char *const names[][2] = {
        {"my-project.shop.customer", "SELECT * FROM `my-project.shop.customer`"},
        {"shop.events_*", "SELECT * FROM `shop.events_*`"},
        {"`my-project`.shop.`a b`", "SELECT * FROM `my-project`.shop.`a b`"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        eff_str sql = eff_source_bigquery.table_sql(NULL, eff_str_of(names[i][0]), &arena);

        assert_true(eff_str_is(sql, names[i][1]));
    }
}

static void
wide_row(struct eff_buf *buf, int64_t index, void *user)
{
    (void)user;
    eff_buf_addf(buf, "{\"f\": [{\"v\": \"%lld\"}, {\"v\": \"", (long long)index);
    for (int i = 0; i < 16; i++)
        eff_buf_add(buf, EFF_STR("0123456789abcdef0123456789abcdef"));
    eff_buf_addf(buf, "\"}, {\"v\": []}]}");
}

/* 120 MB in pages of 9 MB: what is held is one page, as it came and as a batch of it. */
static void
test_memory(void **state)
{
    struct bigquery_peer peer = {
        .fields = FIELDS, .row = wide_row, .rows = 220000, .page_rows = 16000};
    long before;

    (void)state;
    bigquery_peer_start(&peer);
    assert_int_equal(reading_open_in(&r, os, &eff_source_bigquery, &peer.config), EFF_OK);
    peer.rows = 16000; // The peer's own page is in this process as well.
    assert_int_equal(reading_drain(&r, "SELECT 1"), EFF_OK);
    before = reading_peak_kib();
    peer.rows = 220000;
    assert_int_equal(reading_drain(&r, "SELECT 2"), EFF_OK);
    assert_int_equal(r.rows, 220000);
    if (!getenv("EFF_SANITIZED") && reading_peak_kib() - before > PEAK_KIB_MAX)
        fail_msg("%ld KiB more", reading_peak_kib() - before);
    reading_close(&r);
    bigquery_peer_stop(&peer);
}

static int
setup(void **state)
{
    struct eff_err err = {0};

    (void)state;
    eff_arena_init(&arena, "test", (size_t)1 << 30);
    return eff_os_real(&arena, &os, &err) == EFF_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    eff_os_real_close(os);
    eff_arena_deinit(&arena);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_described_only),
        cmocka_unit_test(test_a_job_that_takes_too_long),
        cmocka_unit_test(test_what_a_dry_run_may_say),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_table_names),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
