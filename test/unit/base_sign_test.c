// links: base
/*
 * Goal: what is signed verifies, and nothing else does; a key that cannot be read is told.
 * Method: a fresh key; tokens as they are, cut, and changed byte by byte; PEM with \n.
 */
#include "base/sign.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct eff_arena arena;

static eff_str
escaped(eff_str pem)
{
    char *text = eff_new(&arena, char, 2 * pem.len);
    size_t len = 0;

    for (size_t i = 0; i < pem.len; i++) {
        if (pem.ptr[i] == '\n') {
            text[len++] = '\\';
            text[len++] = 'n';
        } else {
            text[len++] = pem.ptr[i];
        }
    }
    return (eff_str){text, len};
}

static void
signed_and_verified(void **state)
{
    eff_str pem = eff_rsa_new(&arena), token, claims;
    struct eff_err err = {0};
    char *changed;

    (void)state;
    assert_true(pem.len > 1000);
    assert_int_equal(eff_jwt_sign(escaped(pem), EFF_STR("{\"alg\":\"RS256\"}"),
                                  EFF_STR("{\"iss\":\"a\"}"), &arena, &token, &err),
                     EFF_OK);
    assert_true(eff_str_starts(token, EFF_STR("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.")));
    assert_true(eff_jwt_verify(pem, token, &arena, &claims));
    assert_true(eff_str_is(claims, "{\"iss\":\"a\"}"));
    assert_false(eff_jwt_verify(eff_rsa_new(&arena), token, &arena, &claims));
    changed = eff_new(&arena, char, token.len);
    for (size_t i = 0; i < token.len; i += 7) {
        memcpy(changed, token.ptr, token.len);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_false(eff_jwt_verify(pem, (eff_str){changed, token.len}, &arena, &claims) &&
                     i + 2 < token.len); /* the last digit has bits that mean nothing */
        assert_false(eff_jwt_verify(pem, eff_str_sub(token, 0, i), &arena, &claims));
    }
}

static void
keys_that_are_none(void **state)
{
    static const char *const keys[] = {"", "key", "-----BEGIN PRIVATE KEY-----\nAAAA\n", "\\n\\n\\",
                                       "-----BEGIN RSA PRIVATE KEY-----\\n"};
    struct eff_err err = {0};
    eff_str token;

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_int_equal(
            eff_jwt_sign(eff_str_of(keys[i]), EFF_STR("{}"), EFF_STR("{}"), &arena, &token, &err),
            EFF_CONFIG);
    assert_true(strstr(err.msg, "private key cannot be read") != NULL);
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
        cmocka_unit_test(signed_and_verified),
        cmocka_unit_test(keys_that_are_none),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
