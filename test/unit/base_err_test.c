/*
 * Goal: a fault's texts fit their fields, are one visible line, and may be made
 * from the texts that they replace.
 * Method: lengths around each field's end, control bytes, arguments that alias.
 */
// links: base
#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <wchar.h>

#include <cmocka.h>

static enum eff_fault
passes(enum eff_fault fault, int *ret_after)
{
    EFF_TRY(fault);
    *ret_after = 1;
    return EFF_OK;
}

static void
test_set(void **state)
{
    struct eff_err err = {.code = 5, .hint = "old", .where = "old:1"};
    int after = 0;

    (void)state;
    assert_int_equal(EFF_FAIL(&err, EFF_CONFIG, "no %s in %d", "url", 7), EFF_CONFIG);
    assert_int_equal(err.fault, EFF_CONFIG);
    assert_string_equal(err.msg, "no url in 7");
    assert_string_equal(err.hint, ""); // nothing of an earlier fault stays
    assert_string_equal(err.where, "");
    assert_int_equal(err.code, 0);
    assert_int_equal(err.line, __LINE__ - 6);
    assert_non_null(strstr(err.file, "base_err_test.c"));
    assert_int_equal(EFF_FAIL(NULL, EFF_ROW, "nobody listens"), EFF_ROW);
    assert_int_equal(passes(EFF_RATE, &after), EFF_RATE);
    assert_int_equal(after, 0);
    assert_int_equal(passes(EFF_OK, &after), EFF_OK);
    assert_int_equal(after, 1);
}

static void
test_cut_and_visible(void **state)
{
    struct eff_err err = {0};
    char text[2000];

    (void)state;
    for (int len = 505; len < 520; len++) {
        memset(text, 'x', sizeof(text));
        EFF_FAIL(&err, EFF_ROW, "%.*s", len, text);
        assert_int_equal(strlen(err.msg), len < 512 ? len : 511);
        assert_int_equal(strcmp(err.msg + strlen(err.msg) - 3, "...") == 0, len >= 512);
    }
    EFF_FAIL(&err, EFF_ROW, "%.*s", 2000, text);
    assert_int_equal(strlen(err.msg), 511);
    for (size_t i = 0; i + 1 < sizeof(text); i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    EFF_FAIL(&err, EFF_ROW, "x%.*s", 1999, text);
    assert_true(eff_utf8_valid(eff_str_of(err.msg)));
    EFF_FAIL(&err, EFF_ROW, "a\x1b[0m\nb\xff");
    assert_string_equal(err.msg, "a\\x1b[0m\\x0ab\\xff");
    eff_err_hint(&err, "%s", "do\rthis");
    assert_string_equal(err.hint, "do\\x0dthis");
    EFF_FAIL(&err, EFF_ROW, "%lc", (wint_t)0xd800);
    assert_string_equal(err.msg, "a message that cannot be formatted");
    memset(text, 'h', sizeof(text));
    eff_err_hint(&err, "%.*s", 2000, text);
    assert_int_equal(strlen(err.hint), 255);
}

static void
test_aliases(void **state)
{
    struct eff_err err = {0};

    (void)state;
    EFF_FAIL(&err, EFF_TRANSIENT, "first");
    eff_err_hint(&err, "wait");
    EFF_FAIL(&err, EFF_BROKEN, "%s: second, %s", err.msg, err.hint);
    assert_string_equal(err.msg, "first: second, wait");
    eff_err_hint(&err, "again");
    eff_err_hint(&err, "%s and %s", err.hint, err.hint);
    assert_string_equal(err.hint, "again and again");
    eff_err_while(&err, "doing (%s)", err.msg);
    assert_string_equal(err.msg, "first: second, wait while doing (first: second, wait)");
}

static void
test_while(void **state)
{
    struct eff_err err = {0};
    char text[600];

    (void)state;
    EFF_FAIL(&err, EFF_AUTH, "refused");
    assert_int_equal(eff_err_while(&err, "reading %s", "users"), EFF_AUTH);
    assert_string_equal(err.msg, "refused while reading users");
    memset(text, 'x', sizeof(text));
    EFF_FAIL(&err, EFF_AUTH, "%.*s", 600, text);
    eff_err_while(&err, "reading users");
    assert_int_equal(strlen(err.msg), 511);
    assert_string_equal(err.msg + 511 - 23, "... while reading users");
    EFF_FAIL(&err, EFF_AUTH, "%.*s", 600, text);
    eff_err_while(&err, "%.*s", 600, text);
    assert_true(strlen(err.msg) <= 511);
    assert_non_null(strstr(err.msg, "... while xxx"));
}

static void
test_where(void **state)
{
    struct eff_err err = {0};
    char path[400];

    (void)state;
    EFF_FAIL(&err, EFF_CONFIG, "bad");
    assert_int_equal(eff_err_where(&err, EFF_STR("a.yml"), 7, 3), EFF_CONFIG);
    assert_string_equal(err.where, "a.yml:7:3");
    eff_err_where(&err, EFF_STR("a.yml"), 7, 0);
    assert_string_equal(err.where, "a.yml:7");
    eff_err_where(&err, EFF_STR("a\n.yml"), 0, 0);
    assert_string_equal(err.where, "a\\x0a.yml");
    memset(path, 'p', sizeof(path));
    memcpy(path + 396, ".yml", 4);
    for (size_t len = 140; len <= 170; len++) {
        size_t whole = len + strlen(":12:34");

        eff_err_where(&err, (eff_str){path + 400 - len, len}, 12, 34);
        assert_int_equal(strlen(err.where), whole < 160 ? whole : 159);
        assert_string_equal(err.where + strlen(err.where) - 10, ".yml:12:34");
        assert_int_equal(err.where[0], whole < 160 ? 'p' : '.');
    }
    for (size_t i = 0; i < 396; i += 2)
        memcpy(path + i, "\xc3\xa9", 2);
    for (size_t len = 150; len <= 200; len++) {
        eff_err_where(&err, (eff_str){path + 400 - len, len}, 12, 34);
        assert_true(eff_utf8_valid(eff_str_of(err.where)));
        assert_true(strlen(err.where) >= 150);
        assert_string_equal(err.where + strlen(err.where) - 10, ".yml:12:34");
    }
    for (size_t i = 0; i < sizeof(path); i += 4)
        memcpy(path + i, "\xf0\x9f\x98\x80", 4);
    eff_err_where(&err, (eff_str){path, sizeof(path)}, 0, 0);
    assert_int_equal(strlen(err.where), 3 + 39 * 4); // whole characters, all that there is room for
    assert_true(eff_utf8_valid(eff_str_of(err.where)));
    memset(path, 0x80, sizeof(path)); // in which no character begins
    eff_err_where(&err, (eff_str){path, sizeof(path)}, 7, 0);
    assert_string_equal(err.where, "...:7");
}

static void
test_names(void **state)
{
    (void)state;
    for (int i = EFF_OK; i <= EFF_BROKEN; i++)
        for (int j = EFF_OK; j < i; j++)
            assert_string_not_equal(eff_fault_name((enum eff_fault)i),
                                    eff_fault_name((enum eff_fault)j));
    for (int i = EFF_PENDING; i <= EFF_REFUSED; i++)
        for (int j = EFF_PENDING; j < i; j++)
            assert_string_not_equal(eff_outcome_name((enum eff_outcome)i),
                                    eff_outcome_name((enum eff_outcome)j));
    assert_string_equal(eff_fault_name(EFF_CONFIG), "config");
    assert_string_equal(eff_fault_name(EFF_BROKEN), "broken");
    assert_string_equal(eff_outcome_name(EFF_APPLIED), "applied");
    assert_string_equal(eff_outcome_name(EFF_MAYBE_APPLIED), "maybe_applied");
    assert_string_equal(eff_fault_name((enum eff_fault)99), "unknown");
    assert_string_equal(eff_outcome_name((enum eff_outcome)99), "unknown");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),     cmocka_unit_test(test_cut_and_visible),
        cmocka_unit_test(test_aliases), cmocka_unit_test(test_while),
        cmocka_unit_test(test_where),   cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
