/*
 * Goal: Retry-After is understood in every form that is one, nothing else is
 * taken for a time, and nobody comes early because a clock is wrong.
 * Method: tables of header forms; headers are found by their lower-case name.
 * covers: B7
 */
// links: flow base
#include "flow/delivery.h"
#include "flow/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110's examples. */
#define THEN_MS INT64_C(784111777000)

static int64_t
after(const char *value, const char *date, int64_t now_ms)
{
    struct eff_header headers[2] = {{EFF_STR("retry-after"), eff_str_of(value)},
                                    {EFF_STR("date"), eff_str_of(date)}};
    struct eff_response response = {
        .headers_count = date ? 2 : 1, .headers = headers, .now_wall_ms = now_ms};

    return eff_response_retry_after_ms(&response);
}

static void
test_seconds(void **state)
{
    static const struct {
        const char *value;
        int64_t ms;
    } cases[] = {
        {"0", 0},
        {"1", 1000},
        {"120", 120000},
        {" 7 ", 7000},
        {"007", 7000},
        {"0.5", 500},
        {"1.25", 1250},
        {"0.0001", 1},
        {"0.00010", 1},
        {"0.00011", 1},
        {"0.00001", 1},
        {"0.12345", 124},
        {"1.00000", 1000},
        {"2.000", 2000},
        {"1.9999", 2000},
        {"86400", 86400000},
        {"2678400", INT64_C(2678400000)},
        {"2678401", -1},
        {"999999999", -1},
        {"9999999999", -1},
        {"99999999999999999999", -1},
        {"-1", -1},
        {"+1", -1},
        {"", -1},
        {" ", -1},
        {"1.", -1},
        {".5", -1},
        {"1.2.3", -1},
        {"1e3", -1},
        {"0x10", -1},
        {"1,2", -1},
        {"1 s", -1},
        {"120s", -1},
        {"soon", -1},
        {"NaN", -1},
        {"\xd9\xa1", -1},
        {"PT5S", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (after(cases[i].value, NULL, THEN_MS) != cases[i].ms)
            fail_msg("\"%s\" is %lld", cases[i].value,
                     (long long)after(cases[i].value, NULL, THEN_MS));
}

static void
test_dates(void **state)
{
    static const struct {
        const char *value, *date;
        int64_t now_ms, ms;
    } cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", NULL, THEN_MS - 30000, 30000},
        {"Sunday, 06-Nov-94 08:49:37 GMT", NULL, THEN_MS - 30000, 30000},
        {"Sun Nov  6 08:49:37 1994", NULL, THEN_MS - 30000, 30000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", NULL, THEN_MS + 1, 0}, // past
        {"Sun, 06 Nov 1994 08:49:37 GMT", NULL, THEN_MS - 1, 1},
        {"Sun, 06 Nov 1994 08:49:37 GMT", NULL, 0, -1}, // years ahead
        {"Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:07 GMT", 0, 30000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:07 GMT", THEN_MS * 2, 30000},
        {"Sun, 06 Nov 1994 08:49:37 GMT", "nonsense", THEN_MS - 5000, 5000},
        {"Sun, 31 Feb 1994 08:49:37 GMT", NULL, THEN_MS, -1},
        {"1994-11-06T08:49:37Z", NULL, THEN_MS, -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (after(cases[i].value, cases[i].date, cases[i].now_ms) != cases[i].ms)
            fail_msg("case %zu is %lld", i,
                     (long long)after(cases[i].value, cases[i].date, cases[i].now_ms));
}

static void
test_headers(void **state)
{
    static const struct eff_header headers[] = {
        {{"x-a", 3}, {"1", 1}}, {{"x-b", 3}, {"", 0}}, {{"x-a", 3}, {"2", 1}}};
    struct eff_response response = {.headers_count = 3, .headers = headers};

    (void)state;
    assert_true(eff_str_is(eff_response_header(&response, EFF_STR("x-a")), "1"));
    assert_non_null(eff_response_header(&response, EFF_STR("x-b")).ptr);
    assert_null(eff_response_header(&response, EFF_STR("X-A")).ptr);
    assert_null(eff_response_header(&response, EFF_STR("x")).ptr);
    assert_int_equal(eff_response_retry_after_ms(&response), -1);
    assert_int_equal(eff_response_retry_after_ms(&(struct eff_response){0}), -1);
}

static void
test_op_names(void **state)
{
    enum eff_op op;

    (void)state;
    for (unsigned i = 0; i < EFF_OPS_COUNT; i++) {
        assert_true(eff_op_from_name(eff_str_of(eff_op_name((enum eff_op)i)), &op));
        assert_int_equal(op, i);
    }
    assert_false(eff_op_from_name(EFF_STR("Upsert"), &op));
    assert_false(eff_op_from_name(EFF_STR(""), &op));
    assert_string_equal(eff_op_name(EFF_OPS_COUNT), "unknown");
}

static void
tails_of_addresses(void **state)
{
    static const char *const tails[][2] = {{"https://a.example/records/17?x=/1", "17"},
                                           {"/records/17", "17"},
                                           {"17", "17"},
                                           {"https://a.example/records/", ""},
                                           {"", ""}};

    (void)state;
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        struct eff_header header = {EFF_STR("location"), eff_str_of(tails[i][0])};
        struct eff_response response = {.headers_count = 1, .headers = &header};

        assert_true(
            eff_str_is(eff_response_header_tail(&response, EFF_STR("location")), tails[i][1]));
    }
    assert_int_equal(eff_response_header_tail(&(struct eff_response){0}, EFF_STR("location")).len,
                     0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tails_of_addresses), cmocka_unit_test(test_seconds),
        cmocka_unit_test(test_dates),         cmocka_unit_test(test_headers),
        cmocka_unit_test(test_op_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
