// links: testlib sandbox base
// timeout: 120
/*
 * Goal: each kind of misbehaviour is what it says, hits exactly the requests
 * that its rule means, and tells the truth about what was applied.
 * Method: one stand-in of Salesforce; each test loads a faults document, sends
 * requests over a real connection, and looks at the answer, at libcurl's own
 * verdict, and at the records that are there afterwards.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <setjmp.h>

#include <cmocka.h>

#include "lib/stand.h"

#define LEADS "/services/data/v62.0/sobjects/Lead"
#define ROWS  "/services/data/v62.0/composite/sobjects"

static const char lead[] = "{'LastName': 'A', 'Company': 'B'}";

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
    stand_tell(*state, "reset", "{}");
    return 0;
}

static int64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void
rule(struct stand *s, const char *text)
{
    char document[2048];

    snprintf(document, sizeof(document), "{'rules': [%s]}", text);
    stand_tell(s, "faults", document);
}

static void
status_with_each_retry_after(void **state)
{
    struct stand *s = *state;

    rule(s, "{'match': {'nth': 1}, 'then': {'status': 429}},"
            "{'match': {'nth': 2}, 'then': {'status': 503, 'retry_after': 2}},"
            "{'match': {'nth': 3}, 'then': {'status': 503, 'retry_after': {'date_in': 5}}},"
            "{'match': {'nth': 4}, 'then': {'status': 503, 'retry_after': 'soon'}},"
            "{'match': {'nth': 5}, 'then': {'status': 500, 'body': '<h1>no</h1>'}},"
            "{'match': {'nth': 6}, 'then': {'status': 500, 'body': {'a': [1]}}}");
    assert_int_equal(stand_send(s, "POST", LEADS, lead), 429);
    assert_string_equal(stand_header(s, "Retry-After"), "");
    assert_string_equal(stand_at(s, "/0/errorCode"), "REQUEST_LIMIT_EXCEEDED");
    assert_int_equal(stand_send(s, "POST", LEADS, lead), 503);
    assert_string_equal(stand_header(s, "Retry-After"), "2");
    assert_int_equal(stand_send(s, "POST", LEADS, lead), 503);
    assert_non_null(strstr(stand_header(s, "Retry-After"), " GMT"));
    assert_int_equal(stand_send(s, "POST", LEADS, lead), 503);
    assert_string_equal(stand_header(s, "Retry-After"), "soon");
    assert_int_equal(stand_send(s, "POST", LEADS, lead), 500);
    assert_string_equal(stand_header(s, "Content-Type"), "text/html");
    assert_int_equal(stand_send(s, "POST", LEADS, lead), 500);
    assert_string_equal(stand_at(s, "/a/0"), "1");
    assert_int_equal(stand_count(s, "Lead"), 0);
    assert_int_equal(stand_send(s, "POST", LEADS, lead), 201);
}

static void
status_of_what_was_applied(void **state)
{
    struct stand *s = *state;

    rule(s, "{'match': {'writes': true}, 'times': 1, 'then': {'status': 502, 'applied': true}}");
    assert_int_equal(stand_send(s, "POST", LEADS, lead), 502);
    assert_int_equal(stand_count(s, "Lead"), 1);
}

static void
resets_before_and_after(void **state)
{
    struct stand *s = *state;

    rule(s, "{'match': {'nth': 1}, 'then': {'reset_before': true}},"
            "{'match': {'nth': 2}, 'then': {'reset_after': true}}");
    stand_send(s, "POST", LEADS, lead);
    assert_true(s->code == CURLE_RECV_ERROR || s->code == CURLE_GOT_NOTHING);
    assert_int_equal(s->head.len, 0);
    assert_int_equal(stand_count(s, "Lead"), 0);
    stand_send(s, "POST", LEADS, lead);
    assert_true(s->code == CURLE_RECV_ERROR || s->code == CURLE_GOT_NOTHING);
    assert_int_equal(s->head.len, 0);
    assert_int_equal(stand_count(s, "Lead"), 1);
    assert_int_equal(stand_send(s, "GET", "/_sandbox/requests", NULL), 200);
    assert_string_equal(stand_at(s, "/requests/0/fault"), "reset_before");
    assert_string_equal(stand_at(s, "/requests/0/status"), "0");
    assert_string_equal(stand_at(s, "/requests/1/fault"), "reset_after");
}

/* The connection goes away while a large body is still on its way. */
static void
reset_in_the_middle_of_a_request(void **state)
{
    struct stand *s = *state;
    struct eff_buf body = {0};

    rule(s, "{'match': {'writes': true}, 'times': 1, 'then': {'reset_before': 100000}}");
    eff_buf_add(&body, EFF_STR("{\"LastName\":\"A\",\"Company\":\"B\",\"Description\":\""));
    for (int i = 0; i < 8000000; i++)
        eff_buf_add_char(&body, 'x');
    eff_buf_add(&body, EFF_STR("\"}"));
    stand_send_bytes(s, "POST", LEADS, eff_buf_str(&body));
    assert_true(s->code == CURLE_SEND_ERROR || s->code == CURLE_RECV_ERROR ||
                s->code == CURLE_GOT_NOTHING);
    assert_int_equal(stand_count(s, "Lead"), 0);
    eff_buf_free(&body);
}

static void
applied_late(void **state)
{
    struct stand *s = *state;
    int64_t start = now_ms();

    rule(s, "{'match': {'writes': true}, 'times': 1, 'then': {'late_ms': 300}}");
    stand_send(s, "POST", LEADS, lead);
    assert_true(s->code != CURLE_OK);
    assert_true(now_ms() - start < 280);
    assert_int_equal(stand_count(s, "Lead"), 0);
    while (stand_count(s, "Lead") == 0 && now_ms() - start < 20000)
        continue;
    assert_true(now_ms() - start >= 300);
    assert_int_equal(stand_count(s, "Lead"), 1);
}

static void
delayed_without_holding_up_others(void **state)
{
    struct stand *s = *state;
    int64_t start = now_ms();

    rule(s, "{'match': {'method': 'GET'}, 'times': 1, 'then': {'delay_ms': 200}}");
    assert_int_equal(stand_send(s, "GET", LEADS "/describe", NULL), 200);
    assert_true(now_ms() - start >= 200);
}

static void
cut_and_dripping_answers(void **state)
{
    struct stand *s = *state;
    int64_t start;

    rule(
        s,
        "{'match': {'nth': 1}, 'then': {'truncate': 10}}, {'match': {'nth': 2}, 'then': {'truncate': 0}},"
        "{'match': {'nth': 3}, 'then': {'drip_ms': 2}}");
    stand_send(s, "POST", LEADS, lead);
    assert_int_equal(s->code, CURLE_PARTIAL_FILE);
    assert_int_equal(s->body.len, 10);
    stand_send(s, "POST", LEADS, lead);
    assert_true(s->code == CURLE_PARTIAL_FILE || s->code == CURLE_RECV_ERROR ||
                s->code == CURLE_GOT_NOTHING);
    assert_int_equal(s->body.len, 0);
    start = now_ms();
    assert_int_equal(stand_send(s, "POST", LEADS, lead), 201);
    assert_true(now_ms() - start >= 2 * (int64_t)s->body.len);
    assert_int_equal(stand_count(s, "Lead"), 3);
}

static void
garbage_of_each_kind(void **state)
{
    struct stand *s = *state;
    static const char *const kinds[] = {"html", "empty", "bytes", "bom", "deep", "number"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char text[128];

        snprintf(text, sizeof(text), "{'then': {'garbage': '%s'}}", kinds[i]);
        rule(s, text);
        assert_int_equal(stand_send(s, "POST", LEADS, lead), 201);
        if (strcmp(kinds[i], "number") != 0) // that one is JSON, but not what anybody expects
            assert_null(s->json);
    }
    assert_int_equal(stand_count(s, "Lead"), 6);
}

static size_t
refused_rows(struct stand *s, int count)
{
    struct eff_buf body = {0};
    size_t refused = 0;

    eff_buf_add(&body, EFF_STR("{'records': ["));
    for (int i = 0; i < count; i++)
        eff_buf_addf(&body, "%s{'attributes': {'type': 'Lead'}, 'LastName': 'L%d', 'Company': 'C'}",
                     i == 0 ? "" : ",", i);
    eff_buf_add(&body, EFF_STR("]}"));
    eff_buf_add_char(&body, '\0');
    assert_int_equal(stand_send(s, "POST", ROWS, body.ptr), 200);
    for (size_t i = 0; i < (size_t)count; i++)
        refused += !eff_json_bool(eff_json_get(eff_json_at(s->json, i), EFF_STR("success")));
    eff_buf_free(&body);
    return refused;
}

static void
exactly_so_many_rows_are_refused(void **state)
{
    struct stand *s = *state;

    for (int refused = 0; refused <= 12; refused++) {
        char text[160];

        fresh(state);
        snprintf(
            text, sizeof(text),
            "{'then': {'partial': {'rows': %d, 'code': 'UNABLE_TO_LOCK_ROW', 'message': 'locked'}}}",
            refused);
        rule(s, text);
        assert_int_equal(refused_rows(s, 10), refused > 10 ? 10 : refused);
        assert_int_equal(stand_count(s, "Lead"), refused > 10 ? 0 : 10 - refused);
    }
    rule(s, "{'then': {'partial': {'rows': -1}}}");
    assert_int_equal(refused_rows(s, 10), 10);
}

static void
an_expired_token_stays_expired(void **state)
{
    struct stand *s = *state;

    rule(s, "{'match': {'nth': 2}, 'then': {'expire_token': true}}");
    assert_int_equal(stand_send(s, "GET", LEADS "/describe", NULL), 200);
    assert_int_equal(stand_send(s, "GET", LEADS "/describe", NULL), 401);
    assert_string_equal(stand_at(s, "/0/errorCode"), "INVALID_SESSION_ID");
    assert_int_equal(stand_send(s, "GET", LEADS "/describe", NULL), 401);
    stand_tell(s, "tokens", "{'issue': 'test-token'}");
    assert_int_equal(stand_send(s, "GET", LEADS "/describe", NULL), 200);
    stand_tell(s, "tokens", "{'revoke': 'test-token'}");
    assert_int_equal(stand_send(s, "GET", LEADS "/describe", NULL), 401);
}

static void
a_field_is_renamed_and_keeps_its_values(void **state)
{
    struct stand *s = *state;

    stand_send(s, "POST", LEADS, "{'LastName': 'A', 'Company': 'B', 'Segment__c': 'gold'}");
    rule(s, "{'match': {'nth': 2}, 'then': {'rename_field': "
            "{'object': 'Lead', 'from': 'Segment__c', 'to': 'Seg__c'}}}");
    assert_int_equal(
        stand_send(s, "POST", LEADS, "{'LastName': 'A', 'Company': 'B', 'Segment__c': 'x'}"), 201);
    assert_int_equal(
        stand_send(s, "POST", LEADS, "{'LastName': 'A', 'Company': 'B', 'Segment__c': 'x'}"), 400);
    assert_string_equal(stand_at(s, "/0/errorCode"), "INVALID_FIELD");
    stand_count(s, "Lead");
    assert_string_equal(stand_at(s, "/records/0/fields/Seg__c"), "gold");
}

static void
rules_count_what_they_match(void **state)
{
    struct stand *s = *state;
    int hits = 0;

    rule(
        s,
        "{'match': {'method': 'post', 'path': '/services/data/v62.0/sob', 'every': 3}, 'times': 2, 'then': {'status': 500}}");
    for (int i = 1; i <= 12; i++) {
        stand_send(s, "GET", LEADS "/describe", NULL);
        assert_int_equal(stand_send(s, "POST", LEADS, lead), i == 3 || i == 6 ? 500 : 201);
    }
    assert_int_equal(stand_send(s, "GET", "/_sandbox/faults", NULL), 200);
    assert_string_equal(stand_at(s, "/rules/0/seen"), "12");
    assert_string_equal(stand_at(s, "/rules/0/hit"), "2");
    rule(s, "{'match': {'body': 'poison'}, 'then': {'status': 500}}");
    assert_int_equal(stand_send(s, "POST", LEADS, lead), 201);
    assert_int_equal(stand_send(s, "POST", LEADS, "{'LastName': 'poison', 'Company': 'B'}"), 500);
    rule(s, "{'match': {'vendor': 'hubspot'}, 'then': {'status': 500}}");
    assert_int_equal(stand_send(s, "POST", LEADS, lead), 201);
    rule(s, "{'match': {'probability': 0.5}, 'then': {'status': 500}}");
    for (int i = 0; i < 200; i++)
        hits += stand_send(s, "GET", LEADS "/describe", NULL) == 500;
    assert_in_range(hits, 70, 130);
}

/* The same seed: the same requests are hit. */
static void
chance_is_repeatable(void **state)
{
    struct stand *s = *state;
    char first[101] = {0}, second[101] = {0};

    for (int run = 0; run < 2; run++) {
        rule(s, "{'match': {'probability': 0.3}, 'then': {'status': 500}}");
        for (int i = 0; i < 100; i++)
            (run == 0 ? first : second)[i] =
                stand_send(s, "GET", LEADS "/describe", NULL) == 500 ? 'x' : '.';
    }
    assert_string_equal(first, second);
    assert_non_null(strchr(first, 'x'));
    assert_non_null(strchr(first, '.'));
}

static void
two_rules_add_up(void **state)
{
    struct stand *s = *state;
    int64_t start = now_ms();

    rule(
        s,
        "{'then': {'delay_ms': 100}}, {'match': {'nth': 1}, 'then': {'status': 418}}, {'then': {'status': 500}}");
    assert_int_equal(stand_send(s, "POST", LEADS, lead), 418);
    assert_int_equal(stand_send(s, "POST", LEADS, lead), 500);
    assert_true(now_ms() - start >= 200);
}

static void
bad_documents_change_nothing(void **state)
{
    struct stand *s = *state;
    static const char *const bad[] = {
        "",
        "[]",
        "{",
        "{'rule': []}",
        "{'rules': {}}",
        "{'rules': [1]}",
        "{'rules': [{}]}",
        "{'rules': [{'then': {}}]}",
        "{'rules': [{'then': {'status': 99}}]}",
        "{'rules': [{'then': {'status': '500'}}]}",
        "{'rules': [{'then': {'explode': true}}]}",
        "{'rules': [{'match': {'nth': 0}, 'then': {'status': 500}}]}",
        "{'rules': [{'match': {'probability': 2}, 'then': {'status': 500}}]}",
        "{'rules': [{'match': {'probability': 'x'}, 'then': {'status': 500}}]}",
        "{'rules': [{'match': {'colour': 1}, 'then': {'status': 500}}]}",
        "{'rules': [{'then': {'retry_after': 3}}]}",
        "{'rules': [{'then': {'echo': true}}]}",
        "{'rules': [{'then': {'garbage': 'x'}}]}",
        "{'rules': [{'then': {'status': 500, 'retry_after': 'a\\r\\nb: c'}}]}",
        "{'rules': [{'then': {'rename_field': {'object': 'Lead'}}}]}",
        "{'rules': [{'then': {'partial': {'row': 1}}}]}",
        "{'limits': {'hourly': {'requests': 1}}}",
        "{'limits': {'daily': {'per_ms': 0}}}",
        "{'limits': {'daily': 5}}",
        "{'settings': {'x': 1}}",
        "{'settings': {'shuffle': 1}}",
        "{'rules': [{'then': {'delay_ms': -1}}]}",
        "{'rules': [{'then': {'delay_ms': 1e99}}]}",
    };

    rule(s, "{'then': {'status': 418}}");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (stand_send(s, "POST", "/_sandbox/faults", bad[i]) != 400)
            fail_msg("%s is answered with %ld", bad[i], s->status);
    }
    assert_int_equal(stand_send(s, "POST", LEADS, lead), 418);
}

static void
documents_at_the_start_survive_a_reset(void **state)
{
    struct stand own;

    (void)state;
    stand_start(&own, "hubspot",
                "{\"rules\": [{\"match\": {\"nth\": 1}, \"then\": {\"status\": 503}}]}", NULL);
    assert_int_equal(stand_send(&own, "GET", "/crm/v3/objects/contacts", NULL), 503);
    assert_int_equal(stand_send(&own, "GET", "/crm/v3/objects/contacts", NULL), 200);
    stand_tell(&own, "reset", "{}");
    assert_int_equal(stand_send(&own, "GET", "/crm/v3/objects/contacts", NULL), 503);
    stand_stop(&own);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(status_with_each_retry_after, fresh),
        cmocka_unit_test_setup(status_of_what_was_applied, fresh),
        cmocka_unit_test_setup(resets_before_and_after, fresh),
        cmocka_unit_test_setup(reset_in_the_middle_of_a_request, fresh),
        cmocka_unit_test_setup(applied_late, fresh),
        cmocka_unit_test_setup(delayed_without_holding_up_others, fresh),
        cmocka_unit_test_setup(cut_and_dripping_answers, fresh),
        cmocka_unit_test_setup(garbage_of_each_kind, fresh),
        cmocka_unit_test_setup(exactly_so_many_rows_are_refused, fresh),
        cmocka_unit_test_setup(an_expired_token_stays_expired, fresh),
        cmocka_unit_test_setup(a_field_is_renamed_and_keeps_its_values, fresh),
        cmocka_unit_test_setup(rules_count_what_they_match, fresh),
        cmocka_unit_test_setup(chance_is_repeatable, fresh),
        cmocka_unit_test_setup(two_rules_add_up, fresh),
        cmocka_unit_test_setup(bad_documents_change_nothing, fresh),
        cmocka_unit_test(documents_at_the_start_survive_a_reset),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
