// links: base
/*
 * Goal: a request is signed as RFC 5849 says, to the letter.
 * Method: the RFC's own example of a base string (3.4.1.1); ports, cases, blanks, empty values, doubled and encoded names in
 * address, form and parameters; a signature that was computed by another program; a header that verifies, and does not once
 * anything in it is changed. test/peers/oauth1.test.mjs compares with another implementation.
 */
#include "base/buf.h"
#include "base/oauth1.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct eff_arena arena;

static void
base_is(const char *method, const char *url, const char *form, size_t count,
        const struct eff_oauth1_param *params, const char *expected)
{
    struct eff_oauth1_request request = {eff_str_of(method), eff_str_of(url),
                                         form ? eff_str_of(form) : EFF_STR_NONE};
    eff_str base = eff_oauth1_base(&request, count, params, &arena);

    assert_string_equal(base.ptr ? eff_str_c(&arena, base) : "none", expected);
}

static void
the_example_of_the_rfc(void **state)
{
    static const struct eff_oauth1_param params[] = {
        {EFF_STR("oauth_consumer_key"), EFF_STR("9djdj82h48djs9d2")},
        {EFF_STR("oauth_token"), EFF_STR("kkk9d7dh3k39sjv7")},
        {EFF_STR("oauth_signature_method"), EFF_STR("HMAC-SHA1")},
        {EFF_STR("oauth_timestamp"), EFF_STR("137131201")},
        {EFF_STR("oauth_nonce"), EFF_STR("7d8f3e4a")}};

    (void)state;
    base_is(
        "POST", "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b", "c2&a3=2+q", 5,
        params,
        "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%2525"
        "3D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26"
        "oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3D"
        "kkk9d7dh3k39sjv7");
}

static void
addresses(void **state)
{
    (void)state;
    base_is("GET", "https://a.example:443", NULL, 0, NULL, "GET&https%3A%2F%2Fa.example%2F&");
    base_is("GET", "https://a.example:80/x", NULL, 0, NULL,
            "GET&https%3A%2F%2Fa.example%3A80%2Fx&");
    base_is("GET", "HTTP://127.0.0.1:8080/x#y", NULL, 0, NULL,
            "GET&http%3A%2F%2F127.0.0.1%3A8080%2Fx&");
    /* What is encoded in the path stays so, and is encoded once more. */
    base_is("PUT", "https://a.example/record/eid:A%2F1", NULL, 0, NULL,
            "PUT&https%3A%2F%2Fa.example%2Frecord%2Feid%3AA%252F1&");
    base_is("GET", "https://a.example/?&a&a=&=b", NULL, 0, NULL,
            "GET&https%3A%2F%2Fa.example%2F&%3Db%26a%3D%26a%3D");
    base_is("GET", "a.example/x", NULL, 0, NULL, "none");
    base_is("GET", "https:///x", NULL, 0, NULL, "none");
    base_is("GET", "https://a.example/?a=%4", NULL, 0, NULL, "none");
    base_is("GET", "https://a.example/?a=%4g", NULL, 0, NULL, "none");
}

/* What cannot be read or counted is not signed, wherever it stands. */
static void
what_is_not_signed(void **state)
{
    static struct eff_oauth1_param params[513];
    struct eff_buf form = {0};

    (void)state;
    base_is("GET", "https://a.example/?%4=a", NULL, 0, NULL, "none");
    base_is("POST", "https://a.example/", "a=%4", 0, NULL, "none");
    for (size_t i = 0; i < 513; i++) {
        params[i] = (struct eff_oauth1_param){EFF_STR("a"), EFF_STR("b")};
        eff_buf_addf(&form, "%sa=b", i ? "&" : "");
    }
    eff_buf_add_char(&form, '\0');
    base_is("GET", "https://a.example/", NULL, 513, params, "none");
    base_is("POST", "https://a.example/", form.ptr, 0, NULL, "none");
    base_is("POST", "https://a.example/?a=b", form.ptr + 4, 0, NULL, "none");
    base_is("POST", "https://a.example/", form.ptr + 511 * 4, 1, params,
            "POST&https%3A%2F%2Fa.example%2F&a%3Db%26a%3Db%26a%3Db");
    eff_buf_free(&form);
}

/* printf %s 'GET&x&y' | openssl dgst -sha256 -hmac 'a%20b&c%26' -binary | base64 */
static void
a_signature(void **state)
{
    (void)state;
    assert_string_equal(eff_str_c(&arena, eff_oauth1_sign(EFF_STR("GET&x&y"), EFF_STR("a b"),
                                                          EFF_STR("c&"), &arena)),
                        "ZeYNNYSrmSqOPMK1wzIvRn2WEFt5G6XDDKlgkgmKhHI=");
}

static void
a_header(void **state)
{
    struct eff_oauth1 oauth1 = {EFF_STR("123_SB1"), EFF_STR("ck"), EFF_STR("cs"), EFF_STR("tk"),
                                EFF_STR("ts")};
    struct eff_oauth1_request request = {EFF_STR("GET"), EFF_STR("https://a.example/x?a=1"),
                                         EFF_STR_NONE};
    eff_str header = eff_oauth1_header(&oauth1, &request, 1700000000, EFF_STR("n0nce1"), &arena);
    const char *begins = "OAuth realm=\"123_SB1\", oauth_consumer_key=\"ck\", oauth_token=\"tk\", "
                         "oauth_signature_method=\"HMAC-SHA256\", oauth_timestamp=\"1700000000\", "
                         "oauth_nonce=\"n0nce1\", oauth_version=\"1.0\", oauth_signature=\"";

    (void)state;
    assert_true(eff_str_starts(header, eff_str_of(begins)));
    assert_true(eff_str_ends(header, EFF_STR("%3D\"")));
    oauth1.realm = EFF_STR_NONE;
    assert_true(
        eff_str_starts(eff_oauth1_header(&oauth1, &request, 1700000000, EFF_STR("n0nce1"), &arena),
                       EFF_STR("OAuth oauth_consumer_key=\"ck\", ")));
    request.url = EFF_STR("nonsense");
    assert_null(eff_oauth1_header(&oauth1, &request, 1, EFF_STR("n"), &arena).ptr);
}

static int
setup(void **state)
{
    (void)state;
    eff_arena_init(&arena, "test", (size_t)64 << 20);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    eff_arena_deinit(&arena);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_rfc),
        cmocka_unit_test(addresses),
        cmocka_unit_test(what_is_not_signed),
        cmocka_unit_test(a_signature),
        cmocka_unit_test(a_header),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
