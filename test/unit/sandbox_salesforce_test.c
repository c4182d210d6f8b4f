// links: testlib sandbox base
// timeout: 120
/*
 * Goal: what destinations.md says of Salesforce is what the stand-in does, also
 * where the vendor's own client (test/peers) does not go.
 * Method: one stand-in, plain requests through libcurl, answers looked at by
 * JSON pointer, and the records that are there afterwards.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include "base/sign.h"
#include "lib/stand.h"

#define BASE "/services/data/v62.0"

static int
setup(void **state)
{
    static struct stand stand;

    stand_start(&stand, "salesforce", NULL, NULL);
    *state = &stand;
    return 0;
}

static int
teardown(void **state)
{
    stand_stop(*state);
    return 0;
}

static int
fresh(void **state)
{
    struct stand *s = *state;

    s->token = s->type = s->extra = NULL;
    stand_tell(s, "reset", "{}");
    return 0;
}

/* Upserts one contact by collections and returns the code of its error, or "" when it was taken. */
static const char *
contact(struct stand *s, const char *fields)
{
    char body[2048];

    snprintf(
        body, sizeof(body),
        "{'records': [{'attributes': {'type': 'Contact'}, 'Ext_Id__c': 'k', 'LastName': 'L', %s}]}",
        fields);
    stand_send(s, "PATCH", BASE "/composite/sobjects/Contact/Ext_Id__c", body);
    return s->status == 200 ? stand_at(s, "/0/errors/0/statusCode") : stand_at(s, "/0/errorCode");
}

/* The value of a field of the only contact, as the API shows it. */
static const char *
shown(struct stand *s, const char *field)
{
    char path[256];

    snprintf(path, sizeof(path), BASE "/sobjects/Contact/Ext_Id__c/k?fields=%s", field);
    assert_int_equal(stand_send(s, "GET", path, NULL), 200);
    snprintf(path, sizeof(path), "/%s", field);
    return stand_at(s, path);
}

/* A token call with a JWT; one thing of it is wrong. */
static const char *
signed_login(struct stand *s, int wrong)
{
    static char form[4096];
    static char room[65536];
    struct eff_arena arena = {.base = room, .budget = sizeof room, .name = "login"};
    char claims[256];
    struct eff_err err = {0};
    eff_str key, token;

    stand_send(s, "GET", "/_sandbox/key", NULL);
    key = eff_str_of(stand_at(s, "/private_key"));
    if (wrong == 3)
        key = eff_rsa_new(&arena);
    snprintf(
        claims, sizeof claims,
        "{\"iss\":\"test-user\",\"sub\":\"%s\",\"aud\":\"https://login.salesforce.com\",\"exp\":%lld}",
        wrong == 2 ? "somebody" : "test-user", (long long)time(NULL) + (wrong == 1 ? 3600 : 120));
    assert_int_equal(
        eff_jwt_sign(key, EFF_STR("{\"alg\":\"RS256\"}"), eff_str_of(claims), &arena, &token, &err),
        EFF_OK);
    snprintf(
        form, sizeof form,
        "grant_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant-type%%3Ajwt-bearer&assertion=" EFF_STR_FMT,
        EFF_STR_ARG(token));
    return form;
}

static void
tokens(void **state)
{
    struct stand *s = *state;
    static const char *const refused[] = {
        "grant_type=client_credentials&client_id=test-user&client_secret=wrong",
        "grant_type=client_credentials",
        "grant_type=password&client_id=test-user&client_secret=test-secret&username=x&password=test-secret",
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=",
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c",
        // iss test-user, exp 1
        ("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=e30."
         "eyJpc3MiOiJ0ZXN0LXVzZXIiLCJleHAiOjF9.c2ln"),
        "grant_type=magic",
        "",
        "%",
        "grant_type=%zz",
    };

    s->token = "wrong";
    assert_int_equal(stand_send(s, "GET", BASE "/limits", NULL), 401);
    assert_string_equal(stand_at(s, "/0/errorCode"), "INVALID_SESSION_ID");
    s->token = "";
    assert_int_equal(stand_send(s, "GET", BASE "/sobjects", NULL), 401);
    assert_int_equal(stand_send(s, "GET", "/services/data/", NULL), 200);
    s->type = "application/x-www-form-urlencoded";
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        assert_int_equal(stand_send(s, "POST", "/services/oauth2/token", refused[i]), 400);
        assert_string_not_equal(stand_at(s, "/error"), "");
    }
    for (int wrong = 0; wrong < 4; wrong++) { // 0: none; the lifetime; the subject; the key
        assert_int_equal(stand_send(s, "POST", "/services/oauth2/token", signed_login(s, wrong)),
                         wrong ? 400 : 200);
        if (wrong == 0)
            assert_string_equal(stand_at(s, "/token_type"), "Bearer");
    }
    s->extra = "Authorization: Basic dGVzdC11c2VyOnRlc3Qtc2VjcmV0";
    assert_int_equal(
        stand_send(s, "POST", "/services/oauth2/token", "grant_type=client_credentials"), 200);
    s->extra = NULL;
    s->token = strdup(stand_at(s, "/access_token"));
    assert_int_equal(stand_send(s, "GET", BASE "/limits", NULL), 200);
    free((char *)(uintptr_t)s->token);
    s->token = NULL;
    // No secret of a token call is kept.
    stand_send(s, "GET", "/_sandbox/requests", NULL);
    assert_null(strstr(s->body.ptr, "test-secret"));
    assert_null(strstr(s->body.ptr, "test-token"));
}

static void
values_are_kept_as_the_vendor_keeps_them(void **state)
{
    struct stand *s = *state;

    assert_string_equal(
        contact(s, "'Title': '  a b ', 'Segment__c': '   ', 'Lead_Score__c': 12.345"), "");
    assert_string_equal(shown(s, "Title"), "a b");
    assert_string_equal(shown(s, "Segment__c"), "");
    assert_string_equal(shown(s, "Lead_Score__c"), "12.35");
    assert_string_equal(contact(s, "'Lead_Score__c': -0.005, 'Orders__c': 9.5"), "");
    assert_string_equal(shown(s, "Lead_Score__c"), "-0.01");
    assert_string_equal(shown(s, "Orders__c"), "10");
    assert_string_equal(contact(s, "'Lead_Score__c': '1e3', 'High_Value__c': 'true'"), "");
    assert_string_equal(shown(s, "Lead_Score__c"), "1000");
    assert_string_equal(shown(s, "High_Value__c"), "true");
    assert_string_equal(contact(s, "'High_Value__c': null, 'Lead_Score__c': null"), "");
    assert_string_equal(shown(s, "High_Value__c"), "false");
    assert_string_equal(shown(s, "Lead_Score__c"), "");
    assert_string_equal(contact(s, "'First_Purchase__c': '2024-02-29'"), "");
    assert_string_equal(shown(s, "First_Purchase__c"), "2024-02-29");
    assert_string_equal(shown(s, "Name"), "L");
}

static void
values_that_are_refused(void **state)
{
    struct stand *s = *state;
    static const struct {
        const char *fields, *code;
    } cases[] = {
        {"'Title': 5", "JSON_PARSER_ERROR"},
        {"'Title': true", "JSON_PARSER_ERROR"},
        {"'Title': {'a': 1}", "JSON_PARSER_ERROR"},
        {"'Title': ['a']", "JSON_PARSER_ERROR"},
        {"'Lead_Score__c': 'many'", "JSON_PARSER_ERROR"},
        {"'Lead_Score__c': true", "JSON_PARSER_ERROR"},
        {"'High_Value__c': 1", "JSON_PARSER_ERROR"},
        {"'First_Purchase__c': '2024-02-30'", "JSON_PARSER_ERROR"},
        {"'First_Purchase__c': 'yesterday'", "JSON_PARSER_ERROR"},
        {"'Lead_Score__c': 99999999999999999", "NUMBER_OUTSIDE_VALID_RANGE"},
        {"'Lead_Score__c': 1e400", "NUMBER_OUTSIDE_VALID_RANGE"},
        {"'Email': 'a@b'", "INVALID_EMAIL_ADDRESS"},
        {"'Email': 'a b@c.de'", "INVALID_EMAIL_ADDRESS"},
        {"'Email': 'a@b..de'", "INVALID_EMAIL_ADDRESS"},
        {"'Plan__c': 'gold'", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"},
        {"'AccountId': '003'", "MALFORMED_ID"},
        {"'AccountId': '0015e0000000099AAA'", "INVALID_CROSS_REFERENCE_KEY"},
        {"'Account': {'Ext_Id__c': 'none'}", "INVALID_FIELD"},
        {"'Account': {'Name': 'none'}", "INVALID_FIELD"},
        {"'Nothing__c': 1", "INVALID_FIELD"},
        {"'Name': 'x'", "INVALID_FIELD_FOR_INSERT_UPDATE"},
        {"'LASTNAME': null", "REQUIRED_FIELD_MISSING"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *code = contact(s, cases[i].fields);

        if (strcmp(code, cases[i].code) != 0)
            fail_msg("%s gives \"%s\": %.*s", cases[i].fields, code, (int)s->body.len, s->body.ptr);
    }
    assert_int_equal(stand_count(s, "Contact"), 0);
    assert_string_equal(contact(s, "'Title': 'x'"), "");
    assert_string_equal(contact(s, "'LastName': ''"), "JSON_PARSER_ERROR"); // the same key twice
    stand_tell(s, "faults", "{'settings': {'whole_invalid_field': true}}");
    assert_string_equal(contact(s, "'Nothing__c': 1"), "INVALID_FIELD");
    assert_int_equal(s->status, 400);
}

static void
lengths_are_counted_in_characters(void **state)
{
    struct stand *s = *state;
    struct eff_buf text = {0};

    for (int i = 0; i < 128; i++) // Title takes 128
        eff_buf_add(&text, EFF_STR("ü"));
    for (int more = 0; more < 2; more++) {
        struct eff_buf fields = {0};

        eff_buf_addf(&fields, "'Title': '%.*s'", (int)text.len, text.ptr);
        eff_buf_add_char(&fields, '\0');
        assert_string_equal(contact(s, fields.ptr), more == 0 ? "" : "STRING_TOO_LONG");
        eff_buf_free(&fields);
        eff_buf_add(&text, EFF_STR("x"));
    }
    eff_buf_free(&text);
}

static void
single_upserts(void **state)
{
    struct stand *s = *state;
    const char *path = BASE "/sobjects/Lead/Ext_Id__c/a%2Fb%20c";

    assert_int_equal(stand_send(s, "PATCH", path, "{'LastName': 'A', 'Company': 'B'}"), 201);
    assert_int_equal(stand_send(s, "PATCH", path, "{'Title': 'A'}"), 200);
    assert_int_equal(
        stand_send(s, "PATCH", "/services/data/v45.0/sobjects/Lead/Ext_Id__c/a%2Fb%20c", "{}"),
        204);
    assert_int_equal(stand_send(s, "GET", path, NULL), 200);
    assert_string_equal(stand_at(s, "/Ext_Id__c"), "a/b c");
    assert_int_equal(stand_send(s, "PATCH", BASE "/sobjects/Lead/Title/x", "{}"), 404);
    assert_int_equal(stand_send(s, "PATCH", BASE "/sobjects/Lead/Email/a@b.inc", "{}"), 404);
    assert_int_equal(stand_send(s, "PATCH", path, "{'Ext_Id__c': 'z'}"), 400);
    assert_int_equal(stand_send(s, "DELETE", path, NULL), 204);
    assert_int_equal(stand_send(s, "GET", path, NULL), 404);
    assert_int_equal(stand_send(s, "PATCH", path, "{'LastName': 'A', 'Company': 'B'}"), 201);
    stand_tell(s, "records", "{'object': 'Lead', 'records': [{'Ext_Id__c': 'A/B C'}]}");
    assert_int_equal(stand_send(s, "PATCH", path, "{}"), 300);
    assert_int_equal(eff_json_count(s->json), 2);
}

static void
collections_refuse_what_is_malformed(void **state)
{
    struct stand *s = *state;
    static const char *const bad[] = {
        "",
        "nonsense",
        "[]",
        "{}",
        "{'records': {}}",
        "{'records': [1]}",
        "{'records': [{}]}",
        "{'records': [{'attributes': {'type': 'Nothing'}}]}",
        ("{'records': [{'attributes': {'type': 'Contact'}, 'Ext_Id__c': 'a', 'LastName': 'b'},"
         " {'attributes': {'type': 'Lead'}, 'Ext_Id__c': 'a'}]}"),
        "{'records': [{'attributes': {'type': 'Contact'}, 'Id': 'x', 'Ext_Id__c': 'a', 'LastName': 'b'}]}",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(
            stand_send(s, "PATCH", BASE "/composite/sobjects/Contact/Ext_Id__c", bad[i]), 400);
    assert_int_equal(
        stand_send(s, "PATCH", BASE "/composite/sobjects/Contact/Title", "{'records': []}"), 404);
    assert_int_equal(
        stand_send(s, "PATCH", BASE "/composite/sobjects/Nope/Title", "{'records': []}"), 404);
    assert_int_equal(stand_send(s, "DELETE", BASE "/composite/sobjects", NULL), 400);
    assert_int_equal(stand_send(s, "DELETE", BASE "/composite/sobjects?ids=,,", NULL), 200);
    assert_string_equal(stand_at(s, "/0/errors/0/statusCode"), "MISSING_ARGUMENT");
    assert_int_equal(
        stand_send(s, "GET", BASE "/composite/sobjects/Contact?ids=1&fields=Nope", NULL), 400);
    assert_int_equal(stand_send(s, "PUT", BASE "/composite/sobjects", "{}"), 405);
    assert_int_equal(stand_count(s, "Contact"), 0);
}

static void
twin_keys_in_one_request_are_both_refused(void **state)
{
    struct stand *s = *state;

    assert_int_equal(
        stand_send(
            s, "PATCH", BASE "/composite/sobjects/Contact/Ext_Id__c",
            "{'records': [{'attributes': {'type': 'Contact'}, 'Ext_Id__c': 'a', 'LastName': '1'},"
            "{'attributes': {'type': 'Contact'}, 'Ext_Id__c': 'b', 'LastName': '2'},"
            "{'attributes': {'type': 'Contact'}, 'Ext_Id__c': ' A', 'LastName': '3'},"
            "{'attributes': {'type': 'Contact'}, 'LastName': '4'}]}"),
        200);
    assert_string_equal(stand_at(s, "/0/errors/0/statusCode"), "DUPLICATE_VALUE");
    assert_string_equal(stand_at(s, "/1/success"), "true");
    assert_string_equal(stand_at(s, "/2/errors/0/statusCode"), "DUPLICATE_VALUE");
    assert_string_equal(stand_at(s, "/3/errors/0/statusCode"), "MISSING_ARGUMENT");
    assert_int_equal(stand_count(s, "Contact"), 1);
}

static void
unique_values_and_deleted_records(void **state)
{
    struct stand *s = *state;
    char id[32], path[128];

    stand_send(s, "POST", BASE "/sobjects/Account", "{'Name': 'A', 'Ext_Id__c': 'a'}");
    snprintf(id, sizeof(id), "%s", stand_at(s, "/id"));
    assert_int_equal(
        stand_send(s, "POST", BASE "/sobjects/Account", "{'Name': 'B', 'Ext_Id__c': 'A'}"), 400);
    assert_string_equal(stand_at(s, "/0/errorCode"), "DUPLICATE_VALUE");
    snprintf(path, sizeof(path), BASE "/sobjects/Account/%.15s", id); // 15 characters do
    assert_int_equal(stand_send(s, "DELETE", path, NULL), 204);
    assert_int_equal(stand_send(s, "PATCH", path, "{'Name': 'C'}"), 404);
    assert_string_equal(stand_at(s, "/0/errorCode"), "ENTITY_IS_DELETED");
    assert_int_equal(
        stand_send(s, "POST", BASE "/sobjects/Account", "{'Name': 'B', 'Ext_Id__c': 'A'}"), 201);
    id[16] = id[16] == 'A' ? 'B' : 'A'; // the check characters must fit
    snprintf(path, sizeof(path), BASE "/sobjects/Account/%s", id);
    assert_int_equal(stand_send(s, "GET", path, NULL), 404);
    assert_int_equal(
        stand_send(s, "GET", BASE "/queryAll?q=SELECT+Id+FROM+Account+WHERE+IsDeleted=true", NULL),
        200);
    assert_string_equal(stand_at(s, "/totalSize"), "1");
}

static void
converted_leads_do_not_change(void **state)
{
    struct stand *s = *state;

    stand_tell(
        s, "records",
        "{'object': 'Lead', 'records': [{'Ext_Id__c': 'c', 'LastName': 'a', 'Company': 'b', 'IsConverted': true}]}");
    assert_int_equal(stand_send(s, "PATCH", BASE "/sobjects/Lead/Ext_Id__c/c", "{'Title': 'x'}"),
                     400);
    assert_string_equal(stand_at(s, "/0/errorCode"), "CANNOT_UPDATE_CONVERTED_LEAD");
}

static void
describe_knows_when_it_changed(void **state)
{
    struct stand *s = *state;
    char since[128];

    assert_int_equal(stand_send(s, "GET", BASE "/sobjects/Lead/describe", NULL), 200);
    snprintf(since, sizeof(since), "If-Modified-Since: %s", stand_header(s, "Last-Modified"));
    s->extra = since;
    assert_int_equal(stand_send(s, "GET", BASE "/sobjects/Lead/describe", NULL), 304);
    stand_tell(s, "schema", "{'object': 'Lead', 'remove': 'Segment__c'}");
    assert_int_equal(stand_send(s, "GET", BASE "/sobjects/lead/describe", NULL), 200);
    assert_null(strstr(s->body.ptr, "Segment__c"));
    stand_tell(
        s, "schema",
        "{'object': 'Lead', 'add': {'name': 'Mood__c', 'type': 'choice', 'choices': ['good', 'bad'], 'custom': true, 'restricted': true}}");
    stand_send(s, "GET", BASE "/sobjects/Lead/describe", NULL);
    assert_non_null(strstr(s->body.ptr, "Mood__c"));
    stand_tell(s, "schema", "{'create': 'Plan__c'}");
    s->extra = NULL;
    assert_int_equal(
        stand_send(s, "POST", BASE "/sobjects/Plan__c", "{'Name': 'x', 'Ext_Id__c': '1'}"), 201);
}

static void
the_day_has_an_end(void **state)
{
    struct stand *s = *state;

    stand_tell(s, "faults", "{'limits': {'daily': {'requests': 2}}}");
    assert_int_equal(stand_send(s, "GET", BASE "/limits", NULL), 200);
    assert_string_equal(stand_header(s, "Sforce-Limit-Info"), "api-usage=1/2");
    assert_string_equal(stand_at(s, "/DailyApiRequests/Remaining"), "1");
    assert_int_equal(stand_send(s, "GET", BASE "/limits", NULL), 200);
    assert_int_equal(stand_send(s, "GET", BASE "/limits", NULL), 403);
    assert_string_equal(stand_at(s, "/0/errorCode"), "REQUEST_LIMIT_EXCEEDED");
    stand_tell(s, "clock", "{'advance_ms': 86400000}");
    assert_int_equal(stand_send(s, "GET", BASE "/limits", NULL), 200);
}

/* Opens, fills and closes a job; the path of the job is left in ret_path. */
static void
load(struct stand *s, const char *job, const char *csv, char *ret_path, size_t cap)
{
    char path[128];

    assert_int_equal(stand_send(s, "POST", BASE "/jobs/ingest", job), 200);
    assert_string_equal(stand_at(s, "/state"), "Open");
    snprintf(ret_path, cap, BASE "/jobs/ingest/%s", stand_at(s, "/id"));
    snprintf(path, sizeof(path), "%s/batches", ret_path);
    s->type = "text/csv";
    assert_int_equal(stand_send_bytes(s, "PUT", path, eff_str_of(csv)), 201);
    s->type = NULL;
    assert_int_equal(stand_send(s, "PATCH", ret_path, "{'state': 'UploadComplete'}"), 200);
    assert_string_equal(stand_at(s, "/state"), "UploadComplete");
}

static const char *
file(struct stand *s, const char *job, const char *name)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", job, name);
    assert_int_equal(stand_send(s, "GET", path, NULL), 200);
    eff_buf_add_char(&s->body, '\0');
    return s->body.ptr;
}

static const char upsert_job[] =
    "{'object': 'Contact', 'operation': 'upsert', 'externalIdFieldName': 'Ext_Id__c', 'contentType': 'CSV'}";

static void
jobs_run_through_their_states(void **state)
{
    struct stand *s = *state;
    char job[128];

    stand_tell(s, "faults", "{'settings': {'job_polls': 2}}");
    load(s, upsert_job,
         "Ext_Id__c,LastName,Lead_Score__c,Title\n"
         "a,\"He said \"\"hi\"\"\nand left\",1.5,x\n"
         "b,,#N/A,y\n"
         "c,C,many,z\n"
         "\n"
         "d,D,4\n"
         "e,E,5,",
         job, sizeof(job));
    assert_int_equal(stand_send(s, "GET", job, NULL), 200);
    assert_string_equal(stand_at(s, "/state"), "InProgress");
    assert_int_equal(stand_send(s, "DELETE", job, NULL), 400);
    stand_send(s, "GET", job, NULL);
    assert_string_equal(stand_at(s, "/state"), "InProgress");
    stand_send(s, "GET", job, NULL);
    assert_string_equal(stand_at(s, "/state"), "JobComplete");
    assert_string_equal(stand_at(s, "/numberRecordsProcessed"), "5");
    assert_string_equal(stand_at(s, "/numberRecordsFailed"), "3");
    assert_string_equal(file(s, job, "successfulResults"),
                        "\"sf__Id\",\"sf__Created\",Ext_Id__c,LastName,Lead_Score__c,Title\n"
                        "\"0035e0000000001AAA\",\"true\",a,\"He said \"\"hi\"\"\nand left\",1.5,x\n"
                        "\"0035e0000000002AAA\",\"true\",e,E,5,\n");
    assert_non_null(strstr(file(s, job, "failedResults"), "\"REQUIRED_FIELD_MISSING:"));
    assert_non_null(strstr(s->body.ptr, "\"INVALID_TYPE_ON_FIELD_IN_RECORD:"));
    assert_non_null(strstr(s->body.ptr, ",d,D,4\n"));
    assert_string_equal(file(s, job, "unprocessedrecords"),
                        "Ext_Id__c,LastName,Lead_Score__c,Title\n");
    assert_int_equal(stand_send(s, "DELETE", job, NULL), 204);
    assert_int_equal(stand_send(s, "GET", job, NULL), 404);
    stand_count(s, "Contact");
    assert_string_equal(stand_at(s, "/records/0/fields/LastName"), "He said \"hi\"\nand left");
}

static void
jobs_that_fail_as_a_whole(void **state)
{
    struct stand *s = *state;
    static const struct {
        const char *csv, *message;
    } cases[] = {
        {"Ext_Id__c,Nope__c\na,1\n", "InvalidBatch : Field name not found : Nope__c"},
        {"Ext_Id__c,LastName\r\na,1\r\n", "ClientInputError : LineEnding is invalid"},
        {"Ext_Id__c,LastName\na,\"1\n", "InvalidBatch : Failed to parse CSV"},
        {"Ext_Id__c,CreatedDate\na,1\n", "InvalidBatch : Field name not found : CreatedDate"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char job[128];

        load(s, upsert_job, cases[i].csv, job, sizeof(job));
        stand_send(s, "GET", job, NULL);
        stand_send(s, "GET", job, NULL);
        assert_string_equal(stand_at(s, "/state"), "Failed");
        assert_non_null(strstr(stand_at(s, "/errorMessage"), cases[i].message));
    }
    assert_int_equal(stand_count(s, "Contact"), 0);
}

static void
jobs_meet_faults(void **state)
{
    struct stand *s = *state;
    char job[128];

    stand_tell(
        s, "faults",
        "{'rules': [{'match': {'method': 'PUT'}, 'then': {'partial': {'rows': 2}, 'job_polls': 0, 'job_fail_after': 4}}]}");
    load(s, upsert_job, "Ext_Id__c,LastName\na,1\nb,2\nc,3\nd,4\ne,5\n", job, sizeof(job));
    stand_send(s, "GET", job, NULL);
    assert_string_equal(stand_at(s, "/state"), "Failed");
    assert_string_equal(stand_at(s, "/numberRecordsFailed"), "1");
    assert_non_null(strstr(file(s, job, "failedResults"), "UNABLE_TO_LOCK_ROW"));
    assert_string_equal(file(s, job, "unprocessedrecords"), "Ext_Id__c,LastName\ne,5\n");
    assert_int_equal(stand_count(s, "Contact"), 3);
}

/* More rows than one request applies: the job runs on with other requests, and may be stopped. */
static void
large_jobs_take_several_requests(void **state)
{
    struct stand *s = *state;
    struct eff_buf csv = {0};
    char job[128];
    int polls = 0;

    eff_buf_add(&csv, EFF_STR("Ext_Id__c,LastName\n"));
    for (int i = 0; i < 50000; i++)
        eff_buf_addf(&csv, "k%d,L%d\n", i, i);
    eff_buf_add_char(&csv, '\0');
    load(s, upsert_job, csv.ptr, job, sizeof(job));
    do {
        stand_send(s, "GET", job, NULL);
        polls++;
    } while (strcmp(stand_at(s, "/state"), "InProgress") == 0 && polls < 100);
    assert_string_equal(stand_at(s, "/state"), "JobComplete");
    assert_string_equal(stand_at(s, "/numberRecordsProcessed"), "50000");
    assert_true(polls >= 2);
    stand_tell(s, "reset", "{}");
    load(s, upsert_job, csv.ptr, job, sizeof(job));
    assert_int_equal(stand_send(s, "POST", "/_sandbox/clock", "nonsense"),
                     400); // goes on all the same
    assert_int_equal(stand_send(s, "PATCH", job, "{'state': 'Aborted'}"), 200);
    stand_send(s, "GET", "/_sandbox/records?object=Contact&limit=1", NULL);
    assert_string_equal(stand_at(s, "/total"), "40000");
    eff_buf_free(&csv);
}

static void
jobs_of_other_kinds(void **state)
{
    struct stand *s = *state;
    static const char *const bad[] = {
        "{'object': 'Nope', 'operation': 'insert'}",
        "{'object': 'Lead', 'operation': 'burn'}",
        "{'object': 'Lead', 'operation': 'upsert'}",
        "{'object': 'Lead', 'operation': 'upsert', 'externalIdFieldName': 'Title'}",
        "{'object': 'Lead', 'operation': 'insert', 'externalIdFieldName': 'Ext_Id__c'}",
        "{'object': 'Lead', 'operation': 'insert', 'lineEnding': 'CR'}",
        "{'object': 'Lead', 'operation': 'insert', 'columnDelimiter': 'DOT'}",
        "{'object': 'Lead', 'operation': 'insert', 'contentType': 'XML'}",
        "nonsense",
    };
    char job[128];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(stand_send(s, "POST", BASE "/jobs/ingest", bad[i]), 400);
    load(
        s,
        "{'object': 'Lead', 'operation': 'insert', 'lineEnding': 'CRLF', 'columnDelimiter': 'TAB'}",
        "LastName\tCompany\r\nA\tB\r\nC\tD", job, sizeof(job));
    stand_send(s, "GET", job, NULL);
    stand_send(s, "GET", job, NULL);
    assert_string_equal(stand_at(s, "/state"), "JobComplete");
    assert_non_null(strstr(file(s, job, "successfulResults"), "\tA\tB\r\n"));
    load(s, "{'object': 'Lead', 'operation': 'delete'}",
         "Id\n00Q5e0000000001EAA\n00Q5e0000000009\n00Q5e0000000001AAA\n", job, sizeof(job));
    assert_int_equal(stand_count(s, "Lead"), 1);
    load(s, "{'object': 'Contact', 'operation': 'upsert', 'externalIdFieldName': 'Ext_Id__c'}",
         "Ext_Id__c,LastName,Account.Ext_Id__c\nx,y,none\nz,y,#N/A\n", job, sizeof(job));
    assert_int_equal(stand_count(s, "Contact"), 1);
    assert_int_equal(stand_send(s, "GET", BASE "/jobs/ingest", NULL), 200);
    assert_int_equal(eff_json_count(eff_json_get(s->json, EFF_STR("records"))), 3);
    s->type = "multipart/form-data; boundary=X";
    assert_int_equal(
        stand_send_bytes(
            s, "POST", BASE "/jobs/ingest",
            EFF_STR(
                "--X\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"job\"\r\n\r\n"
                "{\"object\":\"Account\",\"operation\":\"insert\"}\r\n--X\r\nContent-Type: text/csv\r\n"
                "Content-Disposition: form-data; name=\"content\"; filename=\"content\"\r\n\r\nName\nA\nB\n\r\n--X--\r\n")),
        200);
    assert_int_equal(stand_count(s, "Account"), 2);
}

static void
queries(void **state)
{
    struct stand *s = *state;
    static const struct {
        const char *soql;
        int total; /* -1: refused */
    } cases[] = {
        {"SELECT Id FROM Account", 4},
        {"select id, name from account", 4},
        {"SELECT COUNT() FROM Account WHERE Name = 'alpha'", 1},
        {"SELECT Id FROM Account WHERE Name = 'O\\'Neil'", 1},
        {"SELECT Id FROM Account WHERE Name != 'Alpha'", 3},
        {"SELECT Id FROM Account WHERE AnnualRevenue > 10 AND AnnualRevenue <= 30", 2},
        {"SELECT Id FROM Account WHERE AnnualRevenue = null", 1},
        {"SELECT Id FROM Account WHERE NOT AnnualRevenue = null", 3},
        {"SELECT Id FROM Account WHERE Name LIKE 'a%a'", 1},
        {"SELECT Id FROM Account WHERE Name LIKE '_lpha' OR (Name = 'Beta' AND AnnualRevenue = 20)",
         2},
        {"SELECT Id FROM Account WHERE Name IN ('Beta', 'Gamma')", 1},
        {"SELECT Id FROM Account WHERE Name NOT IN ('Beta', 'Gamma')", 3},
        {"SELECT Id FROM Account ORDER BY AnnualRevenue DESC NULLS LAST, Name LIMIT 2 OFFSET 1", 2},
        {"SELECT Id FROM Account LIMIT 0", 0},
        {"SELECT Id FROM Account WHERE CreatedDate > 2020-01-01T00:00:00Z", 4},
        {"SELECT Id FROM Account WHERE CreatedDate > '2020-01-01'", -1},
        {"SELECT Id FROM Account WHERE Name = 5", -1},
        {"SELECT Id FROM Account WHERE AnnualRevenue = '5'", -1},
        {"SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'", -1},
        {"SELECT * FROM Account", -1},
        {"SELECT Id FROM Account GROUP BY Name", -1},
        {"SELECT Id FROM Account WHERE (Name = 'a'", -1},
        {"SELECT Id FROM Account WHERE Name = 'a", -1},
        {"SELECT Id FROM Nothing", -1},
        {"SELECT Id FROM Account; DROP TABLE x", -1},
        {"SELECT Id,Name", -1},
        {"", -1},
    };

    stand_tell(
        s, "records",
        "{'object': 'Account', 'records': [{'Name': 'Alpha', 'AnnualRevenue': 10}, {'Name': 'Beta', 'AnnualRevenue': 20}, {'Name': 'O\\u0027Neil', 'AnnualRevenue': 30}, {'Name': 'Delta'}]}");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *escaped = curl_easy_escape(s->curl, cases[i].soql, 0);
        char path[1024];
        int total;

        snprintf(path, sizeof(path), BASE "/query?q=%s", escaped == NULL ? "" : escaped);
        curl_free(escaped);
        stand_send(s, "GET", path, NULL);
        total = s->status == 200 ? (int)strtol(stand_at(s, "/totalSize"), NULL, 10) : -1;
        if (total != cases[i].total)
            fail_msg("%s: %ld, %d: %.*s", cases[i].soql, s->status, total, (int)s->body.len,
                     s->body.ptr);
    }
    assert_int_equal(stand_send(s, "GET", BASE "/query/01g5e0000000001AAA-2000", NULL), 400);
}

/* Fields of the record that a reference leads to, and of one that leads nowhere. */
static void
queries_of_parents(void **state)
{
    struct stand *s = *state;
    int status;

    stand_tell(s, "records",
               "{'object': 'Account', 'records': [{'Name': 'Alpha', 'Ext_Id__c': 'A-1'}]}");
    status = stand_send(s, "POST", BASE "/composite/sobjects",
                        "{'records': [{'attributes': {'type': 'Contact'}, 'LastName': 'Ito', "
                        "'Account': {'Ext_Id__c': 'A-1'}}, {'attributes': {'type': 'Contact'}, "
                        "'LastName': 'Li', 'Account': null}]}");
    assert_int_equal(status, 200);
    status = stand_send(s, "GET",
                        BASE "/query?q=SELECT+Account.Ext_Id__c,LastName,account.name+FROM+Contact+"
                             "ORDER+BY+LastName",
                        NULL);
    assert_int_equal(status, 200);
    assert_string_equal(stand_at(s, "/records/0/Account/Ext_Id__c"), "A-1");
    assert_string_equal(stand_at(s, "/records/0/Account/Name"), "Alpha");
    assert_string_equal(stand_at(s, "/records/0/Account/attributes/type"), "Account");
    assert_string_equal(stand_at(s, "/records/1/LastName"), "Li");
    assert_string_equal(stand_at(s, "/records/1/Account"), "");
    status = stand_send(s, "GET", BASE "/query?q=SELECT+Acount.Name+FROM+Contact", NULL);
    assert_int_equal(status, 400);
    assert_string_equal(stand_at(s, "/0/errorCode"), "INVALID_FIELD");
}

static void
composites_do_not_nest_and_batches_go_on(void **state)
{
    struct stand *s = *state;

    assert_int_equal(
        stand_send(s, "POST", BASE "/composite",
                   "{'compositeRequest': [{'method': 'POST', 'url': '" BASE
                   "/composite', 'referenceId': 'a', 'body': {'compositeRequest': []}}]}"),
        200);
    assert_string_equal(stand_at(s, "/compositeResponse/0/httpStatusCode"), "400");
    assert_int_equal(
        stand_send(s, "POST", BASE "/composite",
                   "{'compositeRequest': [{'method': 'POST', 'url': '" BASE
                   "/sobjects/Account', 'referenceId': 'a', 'body': {'Name': '@{b.id}'}}]}"),
        200);
    assert_string_equal(stand_at(s, "/compositeResponse/0/body/0/errorCode"), "PROCESSING_HALTED");
    assert_int_equal(
        stand_send(
            s, "POST", BASE "/composite/batch",
            "{'batchRequests': [{'method': 'GET', 'url': 'v62.0/sobjects/Nope/describe'}, {'method': 'GET', 'url': 'v62.0/limits'}]}"),
        200);
    assert_string_equal(stand_at(s, "/results/0/statusCode"), "404");
    assert_string_equal(stand_at(s, "/results/1/statusCode"), "200");
    assert_string_equal(stand_at(s, "/hasErrors"), "true");
    assert_int_equal(
        stand_send(
            s, "POST", BASE "/composite/graph",
            "{'graphs': [{'graphId': 'g', 'compositeRequest': [{'method': 'POST', 'url': '" BASE
            "/sobjects/Account', 'referenceId': 'a', 'body': {'Name': 'A'}}, {'method': 'POST', 'url': '" BASE
            "/sobjects/Account', 'referenceId': 'b', 'body': {}}]}]}"),
        200);
    assert_string_equal(stand_at(s, "/graphs/0/isSuccessful"), "false");
    assert_int_equal(stand_count(s, "Account"), 0);
}

static void
records_survive_a_restart(void **state)
{
    struct stand own;

    (void)state;
    remove("sandbox.db");
    stand_start(&own, "salesforce", NULL, "sandbox.db");
    stand_send(&own, "PATCH", BASE "/sobjects/Lead/Ext_Id__c/a",
               "{'LastName': 'A', 'Company': 'B', 'Segment__c': 'x'}");
    stand_tell(&own, "schema",
               "{'object': 'Lead', 'rename': {'from': 'Segment__c', 'to': 'Seg__c'}}");
    stand_stop(&own);
    stand_start(&own, "salesforce", NULL, "sandbox.db");
    assert_int_equal(stand_send(&own, "GET", BASE "/sobjects/Lead/Ext_Id__c/a", NULL), 200);
    assert_string_equal(stand_at(&own, "/Seg__c"), "x");
    stand_stop(&own);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(tokens, fresh),
        cmocka_unit_test_setup(values_are_kept_as_the_vendor_keeps_them, fresh),
        cmocka_unit_test_setup(values_that_are_refused, fresh),
        cmocka_unit_test_setup(lengths_are_counted_in_characters, fresh),
        cmocka_unit_test_setup(single_upserts, fresh),
        cmocka_unit_test_setup(collections_refuse_what_is_malformed, fresh),
        cmocka_unit_test_setup(twin_keys_in_one_request_are_both_refused, fresh),
        cmocka_unit_test_setup(unique_values_and_deleted_records, fresh),
        cmocka_unit_test_setup(converted_leads_do_not_change, fresh),
        cmocka_unit_test_setup(describe_knows_when_it_changed, fresh),
        cmocka_unit_test_setup(the_day_has_an_end, fresh),
        cmocka_unit_test_setup(jobs_run_through_their_states, fresh),
        cmocka_unit_test_setup(jobs_that_fail_as_a_whole, fresh),
        cmocka_unit_test_setup(jobs_meet_faults, fresh),
        cmocka_unit_test_setup(large_jobs_take_several_requests, fresh),
        cmocka_unit_test_setup(jobs_of_other_kinds, fresh),
        cmocka_unit_test_setup(queries, fresh),
        cmocka_unit_test_setup(queries_of_parents, fresh),
        cmocka_unit_test_setup(composites_do_not_nest_and_batches_go_on, fresh),
        cmocka_unit_test(records_survive_a_restart),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
