// links: base
/*
 * Goal: what is signed verifies, and nothing else does; a key that cannot be read is told; without
 * memory there is no token, and none that holds.
 * Method: a fresh key; tokens as they are, cut, and changed byte by byte; PEM with \n; the n-th
 * allocation of OpenSSL fails.
 * covers: F9
 */
#include "base/sign.h"
#include "lib/cryptofail.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
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
    assert_string_equal(eff_jwt_alg_name(EFF_JWT_RS256), "RS256");
    assert_string_equal(eff_jwt_alg_name(EFF_JWT_PS256), "PS256");
    assert_string_equal(eff_jwt_alg_name(EFF_JWT_ES256), "ES256");
}

/* A key of another curve: ES256 is P-256 alone. */
static eff_str
p384_new(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-384");
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    eff_str pem;
    long len;

    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    len = BIO_get_mem_data(bio, &text);
    pem = eff_str_copy(&arena, (eff_str){text, (size_t)len});
    BIO_free(bio);
    EVP_PKEY_free(key);
    return pem;
}

/* A PEM has no backslash of its own but those of \n, and is not as long as a book. */
static void
texts_around_a_key(void **state)
{
    eff_str pem = eff_p256_new(&arena), token, claims, wrong;
    struct eff_sha256 digest;
    struct eff_err err = {0};
    char *book = eff_new(&arena, char, (size_t)64 << 10);

    (void)state;
    wrong = eff_str_printf(&arena, "\\t" EFF_STR_FMT "\\", EFF_STR_ARG(escaped(pem)));
    assert_int_equal(
        eff_jwt_sign_by(wrong, EFF_JWT_ES256, EFF_STR("{}"), EFF_STR("{}"), &arena, &token, &err),
        EFF_CONFIG);
    memset(book, '\n', (size_t)64 << 10);
    memcpy(book, pem.ptr, pem.len);
    assert_true(eff_rsa_fingerprint((eff_str){book, ((size_t)64 << 10) - 1}, arena, &digest));
    assert_false(eff_rsa_fingerprint((eff_str){book, (size_t)64 << 10}, arena, &digest));

    pem = p384_new();
    assert_true(eff_rsa_fingerprint(pem, arena, &digest));
    assert_int_equal(eff_jwt_alg_of(pem, EFF_JWT_RS256, arena), EFF_JWT_RS256);
    assert_int_equal(
        eff_jwt_sign_by(pem, EFF_JWT_ES256, EFF_STR("{}"), EFF_STR("{}"), &arena, &token, &err),
        EFF_CONFIG);
    assert_non_null(strstr(err.msg, "it is no P-256 key"));
    assert_false(eff_jwt_verify_by(pem, EFF_JWT_ES256, EFF_STR("e30.e30.AA"), &arena, &claims));
}

/* The allocation to fail after this one: each of the first and last, some of those in between. */
static size_t
next_to_fail(size_t nth, size_t count)
{
    return nth < 20 || nth + 60 > count ? nth + 1 : nth + 41 + 60 > count ? count - 59 : nth + 41;
}

static size_t
allocations_of(enum eff_jwt_alg alg, eff_str pem, eff_str *ret_token)
{
    struct eff_err err = {0};
    size_t left;

    cryptofail_at(SIZE_MAX);
    assert_int_equal(
        eff_jwt_sign_by(pem, alg, EFF_STR("{}"), EFF_STR("{\"a\":1}"), &arena, ret_token, &err),
        EFF_OK);
    left = cryptofail_left;
    cryptofail_end();
    return SIZE_MAX - left;
}

static void
signed_without_memory(enum eff_jwt_alg alg, eff_str pem)
{
    eff_str kept, token, claims;
    size_t count = allocations_of(alg, pem, &kept);
    bool failed = true;

    for (size_t nth = 1; failed; nth = next_to_fail(nth, count)) {
        struct eff_err err = {0};
        enum eff_fault fault;

        cryptofail_at(nth);
        fault =
            eff_jwt_sign_by(pem, alg, EFF_STR("{}"), EFF_STR("{\"a\":1}"), &arena, &token, &err);
        failed = cryptofail_end();
        assert_int_equal(fault, err.fault);
        assert_true(fault == EFF_OK || (failed && fault == EFF_CONFIG));
        if (fault == EFF_OK)
            assert_true(eff_jwt_verify_by(pem, alg, token, &arena, &claims));
    }
    failed = true;
    for (size_t nth = 1; failed; nth = next_to_fail(nth, count)) {
        struct eff_arena scratch = arena;
        eff_str forged = eff_str_printf(&scratch, "e30.eyJhIjoyfQ." EFF_STR_FMT,
                                        EFF_STR_ARG(eff_str_sub(kept, 15, SIZE_MAX)));
        bool holds;

        cryptofail_at(nth);
        assert_false(eff_jwt_verify_by(pem, alg, forged, &scratch, &claims));
        cryptofail_at(nth);
        holds = eff_jwt_verify_by(pem, alg, kept, &scratch, &claims);
        failed = cryptofail_end();
        assert_true(holds || failed);
    }
}

static void
no_memory_no_token(void **state)
{
    eff_str rsa = eff_rsa_new(&arena), p256 = eff_p256_new(&arena);

    (void)state;
    signed_without_memory(EFF_JWT_RS256, rsa);
    signed_without_memory(EFF_JWT_PS256, rsa);
    signed_without_memory(EFF_JWT_ES256, p256);
}

/* A key that is made or unlocked is that key, or none at all. */
static void
no_memory_no_key(void **state)
{
    eff_str p256 = eff_p256_new(&arena), token;
    size_t count = allocations_of(EFF_JWT_ES256, p256, &token);
    struct eff_sha256 digest;
    bool failed = true;

    (void)state;
    for (size_t nth = 1; failed; nth = next_to_fail(nth, count)) {
        struct eff_arena scratch = arena;
        struct eff_err err = {0};
        eff_str made, plain;
        enum eff_fault fault;

        cryptofail_at(nth);
        made = eff_p256_new(&scratch);
        failed = cryptofail_end();
        assert_true(made.len > 0 ? eff_rsa_fingerprint(made, scratch, &digest) : failed);
        cryptofail_at(nth);
        fault = eff_rsa_unlock(p256, EFF_STR(""), &scratch, &plain, &err);
        failed |= cryptofail_end();
        assert_true(fault == EFF_OK ? eff_str_eq(plain, p256) : failed && fault == EFF_CONFIG);
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
        cmocka_unit_test(signed_and_verified), cmocka_unit_test(texts_around_a_key),
        cmocka_unit_test(no_memory_no_token),  cmocka_unit_test(no_memory_no_key),
        cmocka_unit_test(keys_that_are_none),  cmocka_unit_test(keys_with_a_passphrase),
    };

    if (!cryptofail_init())
        return 1;
    return cmocka_run_group_tests(tests, setup, teardown);
}
