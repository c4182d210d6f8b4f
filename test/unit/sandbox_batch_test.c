// links: testlib sandbox base
// timeout: 120
/*
 * Goal: where no client of the vendor looks (test/peers), the stand-ins of Zendesk, Klaviyo and Pendo
 * still do what their sheets say, and no number in a request breaks them.
 * Method: one stand-in at a time, plain requests, answers looked at by JSON pointer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>

#include <cmocka.h>

#include "lib/stand.h"

static struct stand stand;

static int
teardown(void **state)
{
    (void)state;
    stand_stop(&stand);
    return 0;
}

static struct stand *
start(const char *vendor, const char *extra)
{
    stand_start(&stand, vendor, NULL, NULL);
    stand.token = NULL;
    stand.type = NULL;
    stand.extra = extra;
    return &stand;
}

static void
pendo_counts_and_names_ids_only(void **state)
{
    struct stand *s = start("pendo", "X-Pendo-Integration-Key: test-token");

    (void)state;
    assert_int_equal(stand_send(s, "POST", "/api/v1/metadata/visitor/custom/value",
                                "[{\"visitorId\": \"a\", \"values\": {\"seats\": 1}}]"),
                     200);
    assert_string_equal(stand_at(s, "/missing/0"), "a");
    assert_string_equal(stand_at(s, "/failed"), "0");
    assert_int_equal(stand_send(s, "POST", "/api/v1/metadata/visitor/custom/value?create=true",
                                "[{\"visitorId\": \"a\", \"values\": {\"seats\": 1}},"
                                " {\"visitorId\": \"b\", \"values\": {\"seats\": \"many\"}}]"),
                     200);
    assert_string_equal(stand_at(s, "/updated"), "1");
    assert_string_equal(stand_at(s, "/failed"), "1");
    assert_string_equal(stand_at(s, "/errors/0"), "many is no integer");
    assert_int_equal(stand_send(s, "POST", "/api/v1/metadata/visitor/custom/value",
                                "[{\"visitorId\": \"a\", \"values\": {\"nope\": 1}}]"),
                     400);
    assert_string_equal(stand_at(s, "/error"), "Invalid field name nope");
    assert_int_equal(stand_send(s, "POST", "/api/v1/metadata/visitor/auto/value",
                                "[{\"visitorId\": \"a\", \"values\": {\"lastvisit\": 1}}]"),
                     400);
    assert_int_equal(stand_send(s, "GET", "/api/v1/metadata/schema/visitor", NULL), 200);
    assert_string_equal(stand_at(s, "/custom/seats/Type"), "integer");
    s->extra = NULL;
    assert_int_equal(stand_send(s, "GET", "/api/v1/visitor/a", NULL), 403);
}

static void
zendesk_forgets_a_job_after_an_hour(void **state)
{
    struct stand *s = start("zendesk", NULL);
    char path[128];

    (void)state;
    assert_int_equal(
        stand_send(
            s, "POST", "/api/v2/users/create_or_update_many",
            "{\"users\": [{\"external_id\": \"a\", \"name\": \"A\", \"x\": 1}, {\"external_id\": \"b\"}]}"),
        200);
    assert_string_equal(stand_at(s, "/job_status/status"), "queued");
    snprintf(path, sizeof(path), "/api/v2/job_statuses/%s.json", stand_at(s, "/job_status/id"));
    stand_send(s, "GET", path, NULL);
    assert_string_equal(stand_at(s, "/job_status/status"), "working");
    stand_send(s, "GET", path, NULL);
    assert_string_equal(stand_at(s, "/job_status/status"), "completed");
    assert_string_equal(stand_at(s, "/job_status/results/0/status"), "Created");
    assert_string_equal(stand_at(s, "/job_status/results/1/error"), "BlankValue");
    stand_tell(s, "clock", "{'advance_ms': 3600001}");
    assert_int_equal(stand_send(s, "GET", path, NULL), 404);
    assert_int_equal(stand_send(s, "GET", "/api/v2/users?page=9223372036854775807", NULL), 200);
    assert_int_equal(stand_send(s, "DELETE", "/api/v2/users/destroy_many?ids=,,", NULL), 200);
}

static void
zendesk_has_thirty_jobs_at_a_time(void **state)
{
    struct stand *s = start("zendesk", NULL);

    (void)state;
    for (int i = 0; i < 30; i++)
        assert_int_equal(
            stand_send(s, "POST", "/api/v2/users/create_many", "{\"users\": [{\"name\": \"A\"}]}"),
            200);
    assert_int_equal(
        stand_send(s, "POST", "/api/v2/users/create_many", "{\"users\": [{\"name\": \"A\"}]}"),
        422);
    assert_string_equal(stand_at(s, "/error"), "TooManyJobs");
    stand_tell(s, "clock", "{'advance_ms': 6000}");
    assert_int_equal(
        stand_send(s, "POST", "/api/v2/users/create_many", "{\"users\": [{\"name\": \"A\"}]}"),
        200);
}

static void
klaviyo_wants_a_revision_and_pages_of_its_own(void **state)
{
    struct stand *s = start("klaviyo", NULL);

    (void)state;
    assert_int_equal(stand_send(s, "GET", "/api/profiles", NULL), 400);
    s->extra = "revision: 2020-01-01";
    assert_int_equal(stand_send(s, "GET", "/api/profiles", NULL), 400);
    s->extra = "revision: 2026-07-15";
    assert_int_equal(stand_send(s, "GET", "/api/profiles", NULL), 200);
    assert_int_equal(
        stand_send(s, "GET",
                   "/api/profiles?page%5Bsize%5D=100&page%5Bcursor%5D=9223372036854775807", NULL),
        400);
    assert_int_equal(
        stand_send(
            s, "POST", "/api/profiles",
            "{\"data\": {\"type\": \"profile\", \"attributes\": {\"email\": \"a@ex.org\", \"plan\": \"x\"}}}"),
        400);
    assert_string_equal(stand_at(s, "/errors/0/source/pointer"), "/data/attributes/plan");
    s->type = "text/plain";
    assert_int_equal(stand_send(s, "POST", "/api/profiles", "{}"), 415);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(pendo_counts_and_names_ids_only, teardown),
        cmocka_unit_test_teardown(zendesk_forgets_a_job_after_an_hour, teardown),
        cmocka_unit_test_teardown(zendesk_has_thirty_jobs_at_a_time, teardown),
        cmocka_unit_test_teardown(klaviyo_wants_a_revision_and_pages_of_its_own, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
