// links: base flow conf dest deliver testlib
/*
 * Goal: a value that a vendor kept in its own way is not told as a difference, and a
 * real difference is.
 * Method: a table of what was sent and what came back.
 * covers: B18
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"
#include "deliver/look.h"

static struct eff_value
text(const char *s)
{
    return eff_value_of_str(EFF_TEXT, eff_str_of(s));
}

static struct eff_value
number(const char *s)
{
    return eff_value_of_str(EFF_DECIMAL, eff_str_of(s));
}

/* A time as it is read where nobody tells its zone. */
static struct eff_value
zoneless(const char *s)
{
    struct eff_civil civil;

    assert_true(eff_time_parse(eff_str_of(s), &civil));
    return eff_value_of_int(EFF_DATETIME, eff_micros_from_civil(&civil));
}

/* 2024-02-29T12:30:45.123456 */
static const int64_t moment = INT64_C(1709209845123456);

static void
the_same_in_other_words(void **unused)
{
    const struct eff_value null = {.kind = EFF_NULL};
    const struct {
        struct eff_value sent, found;
    } rows[] = {
        {text("a"), text("a")},
        {text("a"), {.kind = EFF_ABSENT}}, // nothing was told of it
        {text(" a\t"), text("a")},
        {text(""), null},
        {null, text("")},
        {number("1.50"), number("1.5")},
        {number("12345678901234567890"), text("12345678901234567890.0")},
        {eff_value_of_int(EFF_INT, 7), number("7.0")},
        {eff_value_of_int(EFF_BOOL, 1), text("true")},
        {eff_value_of_int(EFF_BOOL, 1), text("T")},
        {eff_value_of_int(EFF_BOOL, 0), number("0")},
        {eff_value_of_int(EFF_DATE, 19782), text("2024-02-29")},
        {eff_value_of_int(EFF_DATE, 19782), number("1709164800000")},
        {eff_value_of_int(EFF_INSTANT, moment), text("2024-02-29T12:30:45.123+0000")},
        {eff_value_of_int(EFF_INSTANT, moment), text("2024-02-29T14:30:45+02:00")},
        {eff_value_of_int(EFF_INSTANT, moment), number("1709209845123")},
        {eff_value_of_int(EFF_INSTANT, moment), text("1709209845")},
        {eff_value_of_int(EFF_DATETIME, moment), text("2024-02-29 12:30:45.123456")},
        {eff_value_of_int(EFF_INSTANT, moment), zoneless("2024-02-29 12:30:45")},
        {eff_value_of_int(EFF_INSTANT, moment), zoneless("2024-02-29 04:30:45")},
        {eff_value_of_int(EFF_DATETIME, moment), zoneless("2024-03-01 02:30:45")},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!eff_look_equal(&rows[i].sent, &rows[i].found))
            fail_msg("row %zu differs", i);
}

static void
something_else(void **unused)
{
    const struct eff_value null = {.kind = EFF_NULL};
    const struct {
        struct eff_value sent, found;
    } rows[] = {
        {text("a"), text("A")},
        {text("a"), null},
        {null, text("0")},
        {number("12345678901234567890"), number("12345678901234567891")},
        {number("0.1"), number("0.10000000000000001")},
        {eff_value_of_int(EFF_BOOL, 1), text("false")},
        {eff_value_of_int(EFF_BOOL, 1), text("perhaps")},
        {text("true"), text("yes")},
        {eff_value_of_int(EFF_DATE, 19782), text("2024-03-01")},
        {eff_value_of_int(EFF_INSTANT, moment), text("2024-02-29T12:30:46Z")},
        {eff_value_of_int(EFF_INSTANT, moment), text("2024-02-29T12:30:45.124Z")},
        {eff_value_of_int(EFF_INSTANT, moment), text("2024-02-29T12:30:45+02:00")},
        {eff_value_of_int(EFF_INSTANT, moment), number("1709209846123")},
        {eff_value_of_int(EFF_INSTANT, moment), text("1709209846")},
        {eff_value_of_int(EFF_INSTANT, moment), text("soon")},
        {eff_value_of_int(EFF_INSTANT, moment), zoneless("2024-02-29 12:31:45")},
        {eff_value_of_int(EFF_INSTANT, moment), zoneless("2024-03-01 12:30:45")},
        {eff_value_of_int(EFF_INSTANT, moment), null},
        {text("a"), zoneless("2024-02-29 12:30:45")},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (eff_look_equal(&rows[i].sent, &rows[i].found) ||
            !eff_look_differs(&rows[i].sent, &rows[i].found))
            fail_msg("row %zu is taken for the same", i);
}

/* A user's own form of a date: nobody can tell which day it is. */
static void
what_nobody_can_tell(void **unused)
{
    const struct eff_value date = eff_value_of_int(EFF_DATE, 19782);
    const char *forms[] = {"02/29/2024", "29/2/2024", "01/03/2024", "29-Feb-2024", "29. Februar"};

    (void)unused;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const struct eff_value found = text(forms[i]), sent = text("2024-02-29");

        assert_false(eff_look_differs(&date, &found));
        assert_true(eff_look_differs(&sent, &found)); // a text is no date
    }
}

static void
what_became_of_it(void **unused)
{
    const struct eff_value null = {.kind = EFF_NULL};
    const char *long_text = "a text of which no vendor would keep more than forty letters";
    const struct {
        struct eff_value sent, found;
        bool alike;
    } rows[] = {
        {text("Ann@Example.com"), text("ann@example.com"), true},
        {text("+49 (30) 12-34"), text("+49301234"), true},
        {text(long_text), text("a text of which no vendor would keep mor"), true},
        {text("Zo\xc3\xab K."), text("zo\xc3\xab k"), true},
        {text("[1]"), eff_value_of_str(EFF_JSON, EFF_STR("[2]")), true},
        {number("1.996"), number("2"), true},
        {number("1.996"), number("1.99"), true},
        {eff_value_of_str(EFF_JSON, EFF_STR("[1,2]")), text("2;1"), true},
        {eff_value_of_int(EFF_DATE, 19782), text("29. Februar"), true},
        {text("a"), null, false},
        {text("a"), text("b"), false},
        {text("gold plus"), text("gold"), false}, // may as well be the value from before
        {text("-"), text("+"), false},
        {text("Zo\xc3\xab"), text("zo\xc3\xa9"), false},
        {text(long_text), text("a text of which every vendor would keep mor"), false},
        {eff_value_of_int(EFF_DATE, 19782), text("1709209846"), false},
        {number("1"), number("2"), false},
        {number("15"), number("1.5"), false},
        {number("1.996"), number("3"), false},
        {text("12345"), text("1234"), false},
        {eff_value_of_int(EFF_BOOL, 1), text("false"), false},
        {eff_value_of_int(EFF_DATE, 19782), text("2024-03-01"), false},
        {eff_value_of_str(EFF_JSON, EFF_STR("[1,2]")), null, false},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (eff_look_alike(&rows[i].sent, &rows[i].found) != rows[i].alike)
            fail_msg("row %zu", i);
}

/* A field that was not sent is nobody's business, whatever is there. */
static void
what_was_not_sent(void **unused)
{
    const eff_str names[] = {EFF_STR("a"), EFF_STR("b")};
    const struct eff_value sent[] = {{.kind = EFF_ABSENT}, text("x")};
    const struct eff_value same[] = {text("theirs"), text("x")},
                           other[] = {text("theirs"), text("y")};
    const struct eff_delivery delivery = {.fields_count = 2, .field_names = names};
    const struct eff_item item = {.fields = sent};
    const struct eff_record record = {.found = true, .fields = same};
    const struct eff_record differs = {.found = true, .fields = other};
    struct eff_verdict verdict = eff_look_judge(&delivery, &item, &record);

    (void)unused;
    assert_int_equal(verdict.outcome, EFF_APPLIED);
    verdict = eff_look_judge(&delivery, &item, &differs);
    assert_int_equal(verdict.outcome, EFF_REFUSED);
    assert_true(eff_str_is(verdict.field, "b"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_in_other_words), cmocka_unit_test(something_else),
        cmocka_unit_test(what_nobody_can_tell),    cmocka_unit_test(what_became_of_it),
        cmocka_unit_test(what_was_not_sent),
    };

    return cmocka_run_group_tests_name("deliver_look", tests, NULL, NULL);
}
