/*
 * Goal: no secret leaves in any form in which it travels, and other text stays.
 * Method: each form of a canary, inside and beside other text, at every offset of
 * a base64 text; texts that only look similar.
 * covers: S1
 */
// links: os flow base
#include "os/redact.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "base/hash.h"

#include <cmocka.h>

#define CANARY "c4n/ry+S3cret \"key\" %?"

static struct eff_arena arena;
static struct eff_redact redact;

static void
with_secrets(size_t count, const eff_str *secrets)
{
    eff_arena_deinit(&arena);
    eff_arena_init(&arena, "test", (size_t)1 << 28);
    eff_redact_init(&redact, &arena, count, secrets);
}

static void
check(const char *text, const char *wanted)
{
    eff_str clean = eff_redact(&redact, &arena, eff_str_of(text));

    if (!eff_str_is(clean, wanted))
        fail_msg("\"%s\" became \"" EFF_STR_FMT "\"", text, EFF_STR_ARG(clean));
}

static void
test_forms(void **state)
{
    eff_str secrets[] = {EFF_STR(CANARY)};

    (void)state;
    with_secrets(1, secrets);
    check(CANARY, "***");
    check("a " CANARY " b " CANARY, "a *** b ***");
    check("x" CANARY "y", "x***y");
    check("c4n%2Fry%2BS3cret%20%22key%22%20%25%3F", "***");
    check("c4n%2fry%2bS3cret%20%22key%22%20%25%3f", "***");
    check("a=c4n%2Fry%2BS3cret+%22key%22+%25%3F&b=2", "a=***&b=2");
    check("/c4n/ry+S3cret%20%22key%22%20%25?/x", "/***/x");
    check("{\"p\": \"c4n/ry+S3cret \\\"key\\\" %?\"}", "{\"p\": \"***\"}");
    check("63346e2f72792b533363726574", "63346e2f72792b533363726574"); // only a part of it
    for (unsigned upper = 0; upper < 2; upper++) {
        char hex[128] = "";

        for (size_t i = 0; i < strlen(CANARY); i++)
            snprintf(hex + 2 * i, 3, upper ? "%02X" : "%02x", (unsigned char)CANARY[i]);
        check(hex, "***");
    }
    check("nothing to hide", "nothing to hide");
    check("", "");
}

/* In "user:secret", at whatever place in the groups of three. */
static void
test_base64(void **state)
{
    eff_str secrets[] = {EFF_STR(CANARY)};

    (void)state;
    with_secrets(1, secrets);
    for (size_t before = 0; before < 9; before++) {
        for (size_t after = 0; after < 4; after++) {
            for (unsigned url = 0; url < 2; url++) {
                eff_str whole = eff_str_printf(&arena, "%.*s%s%.*s", (int)before, "abcdefghi",
                                               CANARY, (int)after, "jklm");
                eff_str text = eff_base64(&arena, whole, url);
                eff_str clean = eff_redact(&redact, &arena, text);
                eff_str decoded;

                assert_true(eff_str_find(clean, EFF_STR("***")) != SIZE_MAX);
                // what is left tells less than a byte at each end of the secret
                assert_true(clean.len <= text.len - (strlen(CANARY) * 8 - 10) / 6 + 3);
                assert_false(eff_base64_decode(&arena, clean, &decoded));
            }
        }
    }
}

static void
test_passwords_in_strings(void **state)
{
    eff_str secrets[] = {EFF_STR("postgresql://etl:p%40ss%2Fword@db.example/x?sslmode=require"),
                         EFF_STR("host=db user=etl password='it s' dbname=x"),
                         EFF_STR("host=db password = plainword dbname=y"),
                         EFF_STR("user=password_admin sslpassword='a key''s' password=second1"),
                         EFF_STR("mysql://a:b@h/x?sslpassword=third33&password=fourth4"),
                         EFF_STR("etl:fifth55@acme-account/shop/public")};

    (void)state;
    with_secrets(6, secrets);
    check("second1, third33, fourth4", "***, ***, ***");
    check("etl at acme-account with fifth55", "etl at acme-account with ***");
    check("password_admin", "password_admin");
    check("connecting as etl with p@ss/word failed", "connecting as etl with *** failed");
    check("p%40ss%2Fword", "***");
    check("the password is it s", "the password is ***");
    check("plainword!", "***!");
    check("etl at db.example, sslmode=require", "etl at db.example, sslmode=require");
}

static void
test_longest_wins(void **state)
{
    eff_str secrets[] = {EFF_STR("secret"), EFF_STR("secret-token"), EFF_STR("abc"), EFF_STR(""),
                         EFF_STR("\0\0\0\0\0")};

    (void)state;
    with_secrets(5, secrets);
    check("a secret-token, a secret", "a ***, a ***");
    check("secretsecret", "******");
    check("abc", "abc"); // too short to be told from ordinary text
    check("secre", "secre");
}

/* A message that was too long for its field ends in "...", perhaps within a secret. */
static void
test_cut_secrets(void **state)
{
    eff_str secrets[] = {EFF_STR("eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl"), EFF_STR("short")};
    struct eff_err err = {0};

    (void)state;
    with_secrets(2, secrets);
    check("no: eyJhbGciOi.eyJ...", "no: ***...");
    check("no: eyJh... while reading", "no: ***... while reading");
    check("no: eyJ...", "no: eyJ..."); // too little to be told from ordinary text
    check("no: eyJhbGciOi.eyJ", "no: eyJhbGciOi.eyJ");
    check("it is in short... and eyJhbGciOi.X...", "it is in ***... and eyJhbGciOi.X...");
    for (size_t before = sizeof err.msg - secrets[0].len - 8; before < sizeof err.msg; before++) {
        eff_str dots = eff_str_printf(&arena, "%*s", (int)before, "");
        eff_str clean;

        EFF_FAIL(&err, EFF_AUTH, EFF_STR_FMT EFF_STR_FMT " is not good, and so on",
                 EFF_STR_ARG(dots), EFF_STR_ARG(secrets[0]));
        clean = eff_redact(&redact, &arena, eff_str_of(err.msg));
        assert_int_equal(eff_str_find(clean, EFF_STR("eyJh")), SIZE_MAX);
    }
}

/* Of what stands in lines each one counts: messages are one line. */
static void
test_secrets_of_several_lines(void **state)
{
    eff_str secrets[] = {EFF_STR("-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0B\r\n\nab\n"
                                 "-----END KEY-----\n")};

    (void)state;
    with_secrets(1, secrets);
    check("line MIIEvQIBADANBgkq is bad", "line *** is bad");
    check("MIIEvQIBADANBgkq\\x0ahkiG9w0B", "***\\x0a***");
    check("it begins with -----BEGIN KEY-----, ab", "it begins with -----BEGIN KEY-----, ab");
}

/* What is handed out while a run is under way; what was known before stays known. */
static void
test_learning(void **state)
{
    char token[] = "00Dxx0000001gPL!AQ";
    eff_str secrets[] = {EFF_STR("password")};

    (void)state;
    for (size_t known = 0; known < 2; known++) {
        with_secrets(known, secrets);
        check("00Dxx0000001gPL!AQ", "00Dxx0000001gPL!AQ");
        eff_redact_learn(&redact, eff_str_of(token));
        eff_redact_learn(&redact, EFF_STR("eyJhbGciOi.eyJzdWIi"));
        eff_redact_learn(&redact, EFF_STR("abc"));
        token[0] = '1'; // it has a copy
        check("expired: 00Dxx0000001gPL!AQ, abc", "expired: ***, abc");
        check("00Dxx0000001gPL%21AQ", "***");
        check("Bearer eyJhbGciOi.eyJzdWIi", "Bearer ***");
        check("password", known ? "***" : "password");
        token[0] = '0';
    }
    for (size_t i = 0, used = arena.used; i < 1000; i++, assert_int_equal(arena.used, used))
        eff_redact_learn(&redact, eff_str_of(token)); // nothing new
}

static void
test_no_secrets(void **state)
{
    (void)state;
    with_secrets(0, NULL);
    check("anything", "anything");
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
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_passwords_in_strings),
        cmocka_unit_test(test_longest_wins),
        cmocka_unit_test(test_cut_secrets),
        cmocka_unit_test(test_secrets_of_several_lines),
        cmocka_unit_test(test_learning),
        cmocka_unit_test(test_no_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, teardown);
}
