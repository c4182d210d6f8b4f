// links: base
/*
 * Goal: requests are signed as AWS' own clients sign them.
 * Method: Authorization headers that @smithy/signature-v4 5.7.5 (of test/peers) made for the same
 * requests, at 2026-01-31T12:30:05Z in eu-central-1: ports, paths and queries with everything
 * that is encoded, order of parameters, a session token. test/scenario/s3.sh has each request of
 * a run signed again by the same client.
 */
#include "base/sigv4.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NOW_MS 1769862605000
#define KEY    "Credential=AKIDEXAMPLE/20260131/eu-central-1/s3/aws4_request, "
#define NAMES  "SignedHeaders=host;x-amz-content-sha256;x-amz-date"

static struct eff_arena arena;

static void
signs(const char *method, const char *url, const char *body, const char *token, const char *wanted)
{
    struct eff_sigv4 sign = {.access_key = EFF_STR("AKIDEXAMPLE"),
                             .secret = EFF_STR("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
                             .token = eff_str_of(token),
                             .region = EFF_STR("eu-central-1"),
                             .service = EFF_STR("s3")};
    struct eff_sigv4_headers headers = eff_sigv4_sign(&sign, eff_str_of(method), eff_str_of(url),
                                                      eff_str_of(body), NOW_MS, &arena);
    eff_str found = headers.authorization;

    assert_true(eff_str_is(headers.date, "20260131T123005Z"));
    if (!eff_str_is(found, wanted))
        fail_msg("%s %s: " EFF_STR_FMT, method, url, EFF_STR_ARG(found));
}

static void
as_the_clients_do(void **state)
{
    char body[1001] = "";

    (void)state;
    memset(body, 'x', 1000);
    signs("PUT", "http://127.0.0.1:9000/bucket/a/contact-01J.jsonl", "{\"op\":\"upsert\"}\n", "",
          "AWS4-HMAC-SHA256 " KEY NAMES
          ", Signature=3d3fef1f3d4e0cd5fdc2cfe6e3c38903b7bf598ec70bcd969c0c5c418fdb9823");
    signs("PUT",
          "https://lake.s3.eu-central-1.amazonaws.com/exports/caf%C3%A9%20%2B%26%3D~.csv"
          "?partNumber=2&uploadId=a%2Fb%2Bc%3D%3D",
          body, "FwoGZXIvYXdzEJr//////////wEaD+token==",
          "AWS4-HMAC-SHA256 " KEY NAMES ";x-amz-security-token, "
          "Signature=2e86d99b5698b42a380e7c19aa09cfb91ea608877db010c466926f2782cf12c9");
    signs("GET",
          "https://s3.us-east-1.amazonaws.com/lake?prefix=exports%2Fa%20b&list-type=2&max-keys=1",
          "", "",
          "AWS4-HMAC-SHA256 " KEY NAMES
          ", Signature=f9c9ac81f258b0f422b0580d78a92c176f113cd1f21b5924ac0afe4b4d9a735e");
    signs("DELETE", "https://s3.us-east-1.amazonaws.com:443/lake/k?x=a&uploadId=1&X=b", "", "t",
          "AWS4-HMAC-SHA256 " KEY NAMES ";x-amz-security-token, "
          "Signature=fa97623aedc028eb591fba58f57e3ad0eae949de9bf0aa2023797fcbc488946b");
}

/* A parameter without a value is signed with its '='; a URL without a path has one; of one name, values are sorted. */
static void
short_forms(void **state)
{
    const char *wanted = "AWS4-HMAC-SHA256 " KEY NAMES ", Signature="
                         "e97b504b61506028186dcb6240550a45e65b0c953380da841edf6789790fc6a4";
    struct eff_sigv4 sign = {EFF_STR("A"), EFF_STR("s"), EFF_STR(""), EFF_STR("r"), EFF_STR("s3")};
    eff_str bare, slash;

    (void)state;
    signs("POST", "https://s3.us-east-1.amazonaws.com/lake/k?uploads", "", "", wanted);
    signs("POST", "https://s3.us-east-1.amazonaws.com/lake/k?uploads=", "", "", wanted);
    bare = eff_sigv4_sign(&sign, EFF_STR("GET"), EFF_STR("http://h"), EFF_STR(""), 0, &arena)
               .authorization;
    slash = eff_sigv4_sign(&sign, EFF_STR("GET"), EFF_STR("http://h/"), EFF_STR(""), 0, &arena)
                .authorization;
    assert_true(eff_str_eq(bare, slash));
    bare =
        eff_sigv4_sign(&sign, EFF_STR("GET"), EFF_STR("http://h/?a=1&a=2"), EFF_STR(""), 0, &arena)
            .authorization;
    slash =
        eff_sigv4_sign(&sign, EFF_STR("GET"), EFF_STR("http://h/?a=2&a=1"), EFF_STR(""), 0, &arena)
            .authorization;
    assert_true(eff_str_eq(bare, slash));
}

static void
encodes(void **state)
{
    (void)state;
    assert_true(
        eff_str_is(eff_sigv4_encode(&arena, EFF_STR("a/b c+~é"), true), "a/b%20c%2B~%C3%A9"));
    assert_true(eff_str_is(eff_sigv4_encode(&arena, EFF_STR("a/b=*'"), false), "a%2Fb%3D%2A%27"));
    assert_true(eff_str_is(eff_sigv4_encode(&arena, EFF_STR(""), false), ""));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_clients_do),
        cmocka_unit_test(short_forms),
        cmocka_unit_test(encodes),
    };

    eff_arena_init(&arena, "test", (size_t)1 << 20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
