// links: testlib sandbox base
// timeout: 120
/*
 * Goal: what destinations.md says of HubSpot is what the stand-in does, also
 * where the vendor's own client (test/peers) does not look.
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

#include "lib/stand.h"

#define CONTACTS "/crm/v3/objects/contacts"

static int
setup(void **state)
{
    static struct stand stand;

    stand_start(&stand, "hubspot", NULL, NULL);
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

static void
errors_have_the_vendors_shape(void **state)
{
    struct stand *s = *state;

    s->token = "";
    assert_int_equal(stand_send(s, "GET", CONTACTS, NULL), 401);
    assert_string_equal(stand_at(s, "/category"), "INVALID_AUTHENTICATION");
    assert_string_equal(stand_at(s, "/status"), "error");
    assert_int_equal(strlen(stand_at(s, "/correlationId")), 36);
    s->token = NULL;
    assert_int_equal(stand_send(s, "GET", CONTACTS "/12345", NULL), 404);
    assert_string_equal(stand_at(s, "/category"), "OBJECT_NOT_FOUND");
    assert_int_equal(stand_send(s, "GET", "/crm/v3/objects/dragons", NULL), 400);
    assert_int_equal(stand_send(s, "PUT", CONTACTS, "{}"), 405);
    assert_int_equal(stand_send(s, "GET", "/nothing/here", NULL), 404);
    assert_int_equal(stand_send(s, "POST", CONTACTS, "nonsense"), 400);
    stand_tell(s, "tokens", "{'revoke': 'test-token'}");
    assert_int_equal(stand_send(s, "GET", CONTACTS, NULL), 401);
    assert_string_equal(stand_at(s, "/category"), "EXPIRED_AUTHENTICATION");
    stand_tell(s, "tokens", "{'issue': 'test-token'}");
    stand_tell(s, "faults", "{'rules': [{'then': {'status': 403}}]}");
    assert_int_equal(stand_send(s, "GET", CONTACTS, NULL), 403);
    assert_string_equal(stand_at(s, "/category"), "MISSING_SCOPES");
}

static void
oauth_refresh(void **state)
{
    struct stand *s = *state;

    s->type = "application/x-www-form-urlencoded";
    assert_int_equal(
        stand_send(s, "POST", "/oauth/v1/token",
                   "grant_type=refresh_token&client_id=test-user&client_secret=no&refresh_token=x"),
        400);
    assert_int_equal(
        stand_send(
            s, "POST", "/oauth/v1/token",
            "grant_type=refresh_token&client_id=test-user&client_secret=test-secret&refresh_token=x"),
        200);
    assert_string_equal(stand_at(s, "/expires_in"), "1800");
    s->token = strdup(stand_at(s, "/access_token"));
    s->type = NULL;
    assert_int_equal(stand_send(s, "GET", CONTACTS, NULL), 200);
    free((char *)(uintptr_t)s->token);
}

static void
search_has_its_own_limit_and_its_own_429(void **state)
{
    struct stand *s = *state;
    int refused = 0;

    for (int i = 0; i < 8; i++) {
        if (stand_send(s, "POST", CONTACTS "/search", "{'limit': 1}") == 200)
            continue;
        refused++;
        assert_int_equal(s->status, 429);
        assert_string_equal(stand_at(s, "/category"), "RATE_LIMITS");
        assert_null(eff_json_get(s->json, EFF_STR("policyName")));
        assert_null(eff_json_get(s->json, EFF_STR("errorType")));
        assert_string_not_equal(stand_header(s, "X-HubSpot-RateLimit-Daily"), "");
        assert_string_equal(stand_header(s, "X-HubSpot-RateLimit-Max"), "");
    }
    assert_true(refused >= 1); // 5 in a second; eight requests may cross one border
    stand_tell(s, "clock", "{'advance_ms': 1000}");
    assert_int_equal(stand_send(s, "POST", CONTACTS "/search", "{'limit': 1}"), 200);
}

static void
limits_say_which_policy(void **state)
{
    struct stand *s = *state;

    stand_tell(s, "faults",
               "{'limits': {'burst': {'requests': 1, 'per_ms': 1000}, 'daily': {'requests': 3}}}");
    assert_int_equal(stand_send(s, "GET", CONTACTS, NULL), 200);
    assert_string_equal(stand_header(s, "X-HubSpot-RateLimit-Remaining"), "0");
    assert_string_equal(stand_header(s, "X-HubSpot-RateLimit-Daily-Remaining"), "2");
    assert_int_equal(stand_send(s, "GET", CONTACTS, NULL), 429);
    assert_string_equal(stand_at(s, "/policyName"), "SECONDLY");
    assert_string_equal(stand_at(s, "/errorType"), "RATE_LIMIT");
    stand_tell(s, "clock", "{'advance_ms': 1000}");
    assert_int_equal(stand_send(s, "GET", CONTACTS, NULL), 200);
    stand_tell(s, "clock", "{'advance_ms': 1000}");
    assert_int_equal(stand_send(s, "GET", CONTACTS, NULL), 429);
    assert_string_equal(stand_at(s, "/policyName"), "DAILY");
    stand_tell(s, "clock", "{'advance_ms': 86400000}");
    assert_int_equal(stand_send(s, "GET", CONTACTS, NULL), 200);
}

/* The address with a date does the same; results may come in another order. */
static void
both_addresses_and_any_order(void **state)
{
    struct stand *s = *state;

    stand_tell(s, "faults", "{'settings': {'shuffle': true}}");
    assert_int_equal(
        stand_send(s, "POST", "/crm/objects/2026-03/contacts/batch/upsert?idProperty=email",
                   "{'inputs': [{'id': 'a@ex.org', 'objectWriteTraceId': '1', 'properties': {}},"
                   "{'id': 'b@ex.org', 'objectWriteTraceId': '2', 'properties': {}}]}"),
        200);
    assert_string_equal(stand_at(s, "/results/0/objectWriteTraceId"), "2");
    assert_string_equal(stand_at(s, "/results/1/objectWriteTraceId"), "1");
    assert_int_equal(stand_count(s, "contacts"), 2);
    assert_int_equal(stand_send(s, "GET", "/crm/v3/objects/contact?limit=1", NULL), 200);
    assert_string_equal(stand_at(s, "/paging/next/after"), "101");
    assert_int_equal(stand_send(s, "GET", "/crm/v3/objects/0-1?limit=1&after=101", NULL), 200);
    assert_string_equal(stand_at(s, "/results/0/id"), "102");
    assert_null(eff_json_get(s->json, EFF_STR("paging")));
}

static void
partial_failure_is_207_with_traces(void **state)
{
    struct stand *s = *state;
    static const char *const ids[] = {"a", "b", "c", "d", "e"};
    struct eff_buf body = {0};

    eff_buf_add(&body, EFF_STR("{'inputs': ["));
    for (int i = 0; i < 5; i++)
        eff_buf_addf(
            &body,
            "%s{'idProperty': 'ext_id', 'id': '%s', 'objectWriteTraceId': 't%s', 'properties': {'segment': 'x'}}",
            i == 0 ? "" : ",", ids[i], ids[i]);
    eff_buf_add(&body, EFF_STR("]}"));
    eff_buf_add_char(&body, '\0');
    stand_tell(
        s, "faults",
        "{'rules': [{'match': {'writes': true}, 'times': 1, 'then': {'partial': {'rows': 2, 'code': 'CONFLICT', 'message': 'no'}}}]}");
    assert_int_equal(stand_send(s, "POST", CONTACTS "/batch/upsert", body.ptr), 207);
    assert_string_equal(stand_at(s, "/numErrors"), "2");
    assert_int_equal(eff_json_count(eff_json_get(s->json, EFF_STR("results"))), 3);
    assert_string_equal(stand_at(s, "/errors/0/category"), "CONFLICT");
    assert_string_equal(stand_at(s, "/errors/0/context/objectWriteTraceId/0"), "tc");
    assert_int_equal(stand_count(s, "contacts"), 3);
    assert_int_equal(stand_send(s, "POST", CONTACTS "/batch/upsert", body.ptr), 200);
    assert_int_equal(stand_count(s, "contacts"), 5);
    eff_buf_free(&body);
}

static void
clearing_and_adding(void **state)
{
    struct stand *s = *state;

    assert_int_equal(
        stand_send(
            s, "POST", CONTACTS,
            "{'properties': {'email': 'a@ex.org', 'segment': ' x ', 'interests': 'music;film', 'lead_score': 5}}"),
        201);
    assert_string_equal(stand_at(s, "/properties/segment"), "x");
    assert_string_equal(stand_at(s, "/properties/lead_score"), "5");
    assert_int_equal(stand_send(s, "PATCH", CONTACTS "/a%40ex.org?idProperty=email",
                                "{'properties': {'segment': '', 'interests': ';games'}}"),
                     200);
    assert_string_equal(stand_at(s, "/properties/interests"), "music;film;games");
    assert_int_equal(stand_send(s, "GET",
                                CONTACTS "/101?properties=segment,interests&properties=plan,nope",
                                NULL),
                     200);
    assert_int_equal(eff_json_type(eff_json_pointer(s->json, EFF_STR("/properties/segment"))),
                     EFF_JSON_NULL);
    assert_non_null(eff_json_pointer(s->json, EFF_STR("/properties/plan")));
    assert_null(eff_json_pointer(s->json, EFF_STR("/properties/nope")));
    assert_int_equal(
        stand_send(s, "PATCH", CONTACTS "/101", "{'properties': {'interests': 'chess'}}"), 400);
    assert_string_equal(stand_at(s, "/errors/0/code"), "INVALID_OPTION");
    assert_int_equal(stand_send(s, "PATCH", CONTACTS "/x?idProperty=segment", "{'properties': {}}"),
                     400);
}

static void
values_that_are_refused(void **state)
{
    struct stand *s = *state;
    static const struct {
        const char *properties, *code;
    } cases[] = {
        {"'nope': '1'", "PROPERTY_DOESNT_EXIST"},
        {"'email': 'a'", "INVALID_EMAIL"},
        {"'email': 'a b@c.de'", "INVALID_EMAIL"},
        {"'lead_score': '1,5'", "INVALID_LONG"},
        {"'high_value': 'TRUE'", "INVALID_OPTION"},
        {"'first_purchase': '2024-02-30'", "INVALID_DATE"},
        {"'first_purchase': '2024-02-29T01:00:00Z'", "INVALID_DATE"},
        {"'first_purchase': '1709164800001'", "INVALID_DATE"},
        {"'plan': 'PRO'", "INVALID_OPTION"},
        {"'hs_object_id': '5'", "READ_ONLY_VALUE"},
        {"'segment': ['a']", "INVALID_TYPE"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[512];

        snprintf(body, sizeof(body), "{'properties': {%s}}", cases[i].properties);
        assert_int_equal(stand_send(s, "POST", CONTACTS, body), 400);
        assert_string_equal(stand_at(s, "/category"), "VALIDATION_ERROR");
        if (strcmp(stand_at(s, "/errors/0/code"), cases[i].code) != 0)
            fail_msg("%s: %.*s", body, (int)s->body.len, s->body.ptr);
    }
    assert_int_equal(stand_count(s, "contacts"), 0);
}

static void
properties_are_archived_not_deleted(void **state)
{
    struct stand *s = *state;

    assert_int_equal(stand_send(s, "DELETE", "/crm/v3/properties/contacts/segment", NULL), 204);
    assert_int_equal(stand_send(s, "DELETE", "/crm/v3/properties/contacts/email", NULL), 400);
    assert_int_equal(stand_send(s, "GET", "/crm/v3/properties/contacts", NULL), 200);
    assert_null(strstr(s->body.ptr, "\"segment\""));
    assert_int_equal(stand_send(s, "GET", "/crm/v3/properties/contacts?archived=true", NULL), 200);
    assert_string_equal(stand_at(s, "/results/0/name"), "segment");
    assert_int_equal(stand_send(s, "PATCH", "/crm/v3/properties/contacts/plan",
                                "{'label': 'Tariff', 'name': 'tariff'}"),
                     200);
    assert_string_equal(stand_at(s, "/name"), "plan");
    assert_string_equal(stand_at(s, "/label"), "Tariff");
    assert_int_equal(
        stand_send(
            s, "POST", "/crm/v3/properties/contacts/batch/create",
            "{'inputs': [{'name': 'x1', 'label': 'X', 'type': 'string', 'fieldType': 'text', 'groupName': 'contactinformation'}, {'name': 'email', 'label': 'X', 'type': 'string', 'fieldType': 'text', 'groupName': 'contactinformation'}]}"),
        409);
    assert_int_equal(stand_send(s, "GET", "/crm/v3/properties/contacts/x1", NULL), 404);
    assert_int_equal(
        stand_send(s, "POST", "/crm/v3/properties/contacts", "{'name': 'Upper', 'type': 'string'}"),
        400);
    assert_int_equal(
        stand_send(s, "POST", "/crm/v3/properties/contacts", "{'name': 'x2', 'type': 'colour'}"),
        400);
}

/* A property needs a label, a field type that fits, and a group that is there. */
static void
a_property_is_created_whole(void **state)
{
    struct stand *s = *state;
    static const struct {
        const char *path, *body;
        int status;
    } cases[] = {
        {"line_items",
         "{'name': 'x1', 'label': 'X', 'type': 'number', 'fieldType': 'number', 'groupName': 'lineiteminformation'}",
         201},
        {"contacts", "{'name': 'x1', 'label': 'X', 'type': 'number', 'fieldType': 'number'}", 400},
        {"contacts",
         "{'name': 'x1', 'type': 'number', 'fieldType': 'number', 'groupName': 'contactinformation'}",
         400},
        {"contacts",
         "{'name': 'x1', 'label': 'X', 'type': 'number', 'fieldType': 'text', 'groupName': 'contactinformation'}",
         400},
        {"contacts",
         "{'name': 'x1', 'label': 'X', 'type': 'number', 'fieldType': 'number', 'groupName': 'companyinformation'}",
         400},
        {"contacts",
         "{'name': 'x1', 'label': 'X', 'type': 'bool', 'fieldType': 'booleancheckbox', 'groupName': 'contactinformation'}",
         400},
        {"contacts",
         "{'name': 'x1', 'label': 'X', 'type': 'bool', 'fieldType': 'booleancheckbox', 'groupName': 'contactinformation', 'options': [{'label': 'Yes', 'value': 'true'}, {'label': 'No', 'value': 'false'}]}",
         201},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[80];

        snprintf(path, sizeof(path), "/crm/v3/properties/%s", cases[i].path);
        assert_int_equal(stand_send(s, "POST", path, cases[i].body), cases[i].status);
    }
}

static void
a_batch_must_be_well_formed(void **state)
{
    struct stand *s = *state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{'inputs': []}",
        "{'inputs': {}}",
        "{'inputs': [5]}",
        "{'inputs': [{}]}",
        "{'inputs': [{'id': 'a@ex.org', 'properties': {}}]}",
        "{'inputs': [{'idProperty': 'email', 'properties': {}}]}",
        "{'inputs': [{'idProperty': 'email', 'id': 'a@ex.org', 'properties': []}]}",
        "{'inputs': [{'idProperty': 'email', 'id': 'nonsense', 'properties': {}}]}",
        "{'inputs': [{'idProperty': 'nope', 'id': 'a@ex.org', 'properties': {}}]}",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (stand_send(s, "POST", CONTACTS "/batch/upsert", bad[i]) != 400)
            fail_msg("%s: %ld", bad[i], s->status);
    assert_int_equal(stand_count(s, "contacts"), 0);
}

static void
an_association_may_come_with_the_record(void **state)
{
    struct stand *s = *state;

    assert_int_equal(
        stand_send(s, "POST", "/crm/v3/objects/companies", "{'properties': {'name': 'A'}}"), 201);
    assert_int_equal(
        stand_send(
            s, "POST", CONTACTS,
            "{'properties': {'email': 'a@ex.org'}, 'associations': [{'to': {'id': '101'}, 'types': [{'associationCategory': 'HUBSPOT_DEFINED', 'associationTypeId': '279'}]}]}"),
        201);
    assert_int_equal(
        stand_send(s, "GET", "/crm/v4/objects/companies/101/associations/contacts", NULL), 200);
    assert_string_equal(stand_at(s, "/results/0/toObjectId"), "102");
    assert_int_equal(
        stand_send(s, "POST", "/crm/v4/associations/contacts/companies/batch/create",
                   "{'inputs': [{'from': {'id': '102'}, 'to': {'id': '999'}, 'types': []}]}"),
        207);
    assert_int_equal(
        stand_send(s, "DELETE", "/crm/v4/objects/companies/101/associations/contacts/102", NULL),
        204);
    assert_int_equal(stand_send(s, "PUT",
                                "/crm/v4/objects/companies/101/associations/default/contacts/102",
                                NULL),
                     200);
    assert_int_equal(
        stand_send(s, "PUT", "/crm/v4/objects/companies/101/associations/contacts/102", "{}"), 400);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(errors_have_the_vendors_shape, fresh),
        cmocka_unit_test_setup(oauth_refresh, fresh),
        cmocka_unit_test_setup(search_has_its_own_limit_and_its_own_429, fresh),
        cmocka_unit_test_setup(limits_say_which_policy, fresh),
        cmocka_unit_test_setup(both_addresses_and_any_order, fresh),
        cmocka_unit_test_setup(partial_failure_is_207_with_traces, fresh),
        cmocka_unit_test_setup(clearing_and_adding, fresh),
        cmocka_unit_test_setup(values_that_are_refused, fresh),
        cmocka_unit_test_setup(properties_are_archived_not_deleted, fresh),
        cmocka_unit_test_setup(a_property_is_created_whole, fresh),
        cmocka_unit_test_setup(a_batch_must_be_well_formed, fresh),
        cmocka_unit_test_setup(an_association_may_come_with_the_record, fresh),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
