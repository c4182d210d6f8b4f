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
        {text(" a\t"), text("a")},
        {text(""), null},
        {null, text("")},
        {number("1.50"), number("1.5")},
        {number("12345678901234567890"), text("12345678901234567890.0")},
        {eff_value_of_int(EFF_INT, 7), number("7.0")},
        {eff_value_of_int(EFF_BOOL, 1), text("true")},
        {eff_value_of_int(EFF_DATE, 19782), text("2024-02-29")},
        {eff_value_of_int(EFF_DATE, 19782), number("1709164800000")},
        {eff_value_of_int(EFF_INSTANT, moment), text("2024-02-29T12:30:45.123+0000")},
        {eff_value_of_int(EFF_INSTANT, moment), text("2024-02-29T14:30:45+02:00")},
        {eff_value_of_int(EFF_INSTANT, moment), number("1709209845123")},
        {eff_value_of_int(EFF_INSTANT, moment), text("1709209845")},
        {eff_value_of_int(EFF_DATETIME, moment), text("2024-02-29 12:30:45.123456")},
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
        {eff_value_of_int(EFF_DATE, 19782), text("2024-03-01")},
        {eff_value_of_int(EFF_INSTANT, moment), text("2024-02-29T12:30:46Z")},
        {eff_value_of_int(EFF_INSTANT, moment), text("2024-02-29T12:30:45.124Z")},
        {eff_value_of_int(EFF_INSTANT, moment), text("2024-02-29T12:30:45+02:00")},
        {eff_value_of_int(EFF_INSTANT, moment), number("1709209846123")},
        {eff_value_of_int(EFF_INSTANT, moment), text("soon")},
    };

    (void)unused;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (eff_look_equal(&rows[i].sent, &rows[i].found))
            fail_msg("row %zu is taken for the same", i);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_in_other_words),
        cmocka_unit_test(something_else),
    };

    return cmocka_run_group_tests_name("deliver_look", tests, NULL, NULL);
}
