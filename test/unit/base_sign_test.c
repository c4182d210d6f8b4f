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
verified(enum eff_jwt_alg alg, eff_str pem, eff_str other)
{
    eff_str token, claims;
    struct eff_err err = {0};
    char *changed;

    assert_int_equal(eff_jwt_sign_by(escaped(pem), alg, EFF_STR("{\"alg\":\"RS256\"}"),
                                     EFF_STR("{\"iss\":\"a\"}"), &arena, &token, &err),
                     EFF_OK);
    assert_true(eff_str_starts(token, EFF_STR("eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.")));
    assert_true(eff_jwt_verify_by(pem, alg, token, &arena, &claims));
    assert_true(eff_str_is(claims, "{\"iss\":\"a\"}"));
    for (int another = EFF_JWT_RS256; another <= EFF_JWT_ES256; another++)
        assert_int_equal(eff_jwt_verify_by(pem, (enum eff_jwt_alg)another, token, &arena, &claims),
                         another == (int)alg);
    assert_false(eff_jwt_verify_by(other, alg, token, &arena, &claims));
    changed = eff_new(&arena, char, token.len);
    for (size_t i = 0; i < token.len; i += 7) {
        memcpy(changed, token.ptr, token.len);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_false(eff_jwt_verify_by(pem, alg, (eff_str){changed, token.len}, &arena, &claims) &&
                     i + 2 < token.len); /* the last digit has bits that mean nothing */
        assert_false(eff_jwt_verify_by(pem, alg, eff_str_sub(token, 0, i), &arena, &claims));
    }
}

static void
signed_and_verified(void **state)
{
    eff_str rsa = eff_rsa_new(&arena), p256 = eff_p256_new(&arena);

    (void)state;
    assert_true(rsa.len > 1000);
    assert_true(p256.len > 100);
    verified(EFF_JWT_RS256, rsa, eff_rsa_new(&arena));
    verified(EFF_JWT_PS256, rsa, eff_rsa_new(&arena));
    for (int i = 0; i < 20; i++) /* its numbers may begin with zeros */
        verified(EFF_JWT_ES256, p256, eff_p256_new(&arena));
    assert_int_equal(eff_jwt_alg_of(rsa, EFF_JWT_PS256, arena), EFF_JWT_PS256);
    assert_int_equal(eff_jwt_alg_of(p256, EFF_JWT_PS256, arena), EFF_JWT_ES256);
    assert_int_equal(eff_jwt_alg_of(EFF_STR("key"), EFF_JWT_PS256, arena), EFF_JWT_PS256);
    assert_string_equal(eff_jwt_alg_name(EFF_JWT_PS256), "PS256");
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
        assert_int_equal(eff_jwt_sign_by(eff_str_of(keys[i]), EFF_JWT_RS256, EFF_STR("{}"),
                                         EFF_STR("{}"), &arena, &token, &err),
                         EFF_CONFIG);
    assert_true(strstr(err.msg, "private key cannot be read") != NULL);
    assert_int_equal(eff_jwt_sign_by(eff_p256_new(&arena), EFF_JWT_PS256, EFF_STR("{}"),
                                     EFF_STR("{}"), &arena, &token, &err),
                     EFF_CONFIG);
    assert_int_equal(eff_jwt_sign_by(eff_rsa_new(&arena), EFF_JWT_ES256, EFF_STR("{}"),
                                     EFF_STR("{}"), &arena, &token, &err),
                     EFF_CONFIG);
}

/* Made once by openssl genrsa 1024, pkcs8 -topk8 -passout pass:secret; good for nothing else. */
static const char locked[] = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                             "MIIC3TBXBgkqhkiG9w0BBQ0wSjApBgkqhkiG9w0BBQwwHAQIwRPPP7IP2h0CAggA\n"
                             "MAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUDBAECBBAQh1sZhjp54M0lDKsMuvnVBIIC\n"
                             "gK7J0un7y7eM2t0jAjo61CzZkzmSWcld3cLhljAVCOcIEScGHk/iO7s5xQivtz6c\n"
                             "4p5MqLXT2Sj8EXl8rqzqbC9E45jByBWbqgfQK29+QESNEWUNJ8Q5PEMcgrNDKeuW\n"
                             "bLN2qDXCm8dMdw4toDt+pB727LQGpxfrlJ/QBj/AYDO2joBSwu/qdgvxZdwA+XWh\n"
                             "6T/dDaW7GE+jho3S6u62G3Mm+/mEv3/l0bXuOkRNkuXfWu7iy564rdu5E5Qdnedn\n"
                             "OoBS2xi4xEM79Yrx1wyahtFJDBbkdT1qaB9DssTcgXZUugdOfbhmZrdQAV1WbNh8\n"
                             "GyPcUGNijIJlk4/gvmIUJSkeBm2J2XPJlj9BvQ2a36bN0bBLvVcaEBc7WH211JBV\n"
                             "CP9r+NYAeQOn9Fog+tXD8g3SBLLj0xMJ1Nw3ZCLg7HMuCRxmmM0CqbJyDSDGQxp6\n"
                             "N1JNOTbMtoFJRymAofgYYruM585wHgIo8j+B8NyH7ouQbYkZrckRAwTyIO8qo6Jo\n"
                             "OUmc4wGgVIOd+6cnORS9tkDD8oH85qX/e6zK7E6HZM0xd9OE5QKfJeb156mfHdQf\n"
                             "2JaNFdiUfEcHx+MlfmsUWW2TDUtjKQn6QGBcoqCfBHxpIGdTQ+g9lzZokVjA6/XM\n"
                             "qq8N7oX2VtnyGXAndICg/YigWeIiRsmIXXqc10RiMPyb0mzonsZk+HlDV1oIAbF3\n"
                             "q9r8p49Q/xIhXgi1PODS/4LfS86HgjBw9FUQZH0og3q6oLo7a9cmMpSrDN2SBpLd\n"
                             "ipCb71WgCbaLLiVwZ/OCtyaAjferQ9b+gMUOmb+p8wUcCJ19RaiXn8NzIXGx4FPJ\n"
                             "MqZ7mvWgOqgK7TawbhhYWrs=\n"
                             "-----END ENCRYPTED PRIVATE KEY-----\n";
static const char locked_digest[] =
    "dc3abc84dd0b2b2b8297246590afe675bab786437105dceaada581f70b671fcc"; /* openssl rsa -pubout -outform DER | sha256 */

static void
keys_with_a_passphrase(void **state)
{
    eff_str pem, token, claims;
    struct eff_sha256 digest;
    struct eff_err err = {0};

    (void)state;
    assert_int_equal(
        eff_jwt_sign(eff_str_of(locked), EFF_STR("{}"), EFF_STR("{}"), &arena, &token, &err),
        EFF_CONFIG);
    assert_int_equal(eff_rsa_unlock(eff_str_of(locked), EFF_STR(""), &arena, &pem, &err),
                     EFF_CONFIG);
    assert_int_equal(eff_rsa_unlock(eff_str_of(locked), EFF_STR("Secret"), &arena, &pem, &err),
                     EFF_CONFIG);
    assert_int_equal(eff_rsa_unlock(eff_str_of(locked), EFF_STR("secret"), &arena, &pem, &err),
                     EFF_OK);
    assert_int_equal(eff_jwt_sign(pem, EFF_STR("{}"), EFF_STR("{}"), &arena, &token, &err), EFF_OK);
    assert_true(eff_jwt_verify(pem, token, &arena, &claims));
    assert_true(eff_rsa_fingerprint(pem, arena, &digest));
    assert_true(eff_str_is(eff_hex(&arena, digest.bytes, 32), locked_digest));
    assert_false(eff_rsa_fingerprint(eff_str_of(locked), arena, &digest));
    pem = eff_rsa_new(&arena);
    assert_int_equal(eff_rsa_unlock(escaped(pem), EFF_STR("ignored"), &arena, &claims, &err),
                     EFF_OK);
    assert_true(eff_str_eq(pem, claims));
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
        cmocka_unit_test(keys_with_a_passphrase),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
