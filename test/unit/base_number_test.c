/*
 * Goal: a decimal has one text, whatever way it came; a double's text reads back
 * as the same double and has no digit too many.
 * Method: tables of boundary values; random decimals written in many ways;
 * random doubles, also the smallest and largest, against strtod.
 */
// links: base
#include "base/number.h"
#include "lib/byprintf.h"
#include "lib/random.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const not_numbers[] = {
    "",   "-",   "+",   ".",     "-.",   "e1",  ".e1", "1e",  "1e+", "1e-",   "1.2.3", "1 ",
    " 1", "--1", "+-1", "1e1.5", "0x10", "NaN", "inf", "1_0", "1,5", "1e1e1", "١"};

static void
test_valid(void **state)
{
    static const char *const numbers[] = {"0",   "-0",  "+1",    "1.",     ".5",
                                          "-.5", "1e5", "1E+05", "1.5e-7", "00012"};

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        assert_true(eff_number_valid(eff_str_of(numbers[i])));
    for (size_t i = 0; i < sizeof(not_numbers) / sizeof(not_numbers[0]); i++) {
        char text[8];

        assert_false(eff_number_valid(eff_str_of(not_numbers[i])));
        assert_int_equal(eff_decimal_canonical(eff_str_of(not_numbers[i]), text, sizeof(text)), 0);
    }
    assert_false(eff_number_valid(EFF_STR_NONE));
    assert_false(eff_number_valid(EFF_STR("1\0")));
}

static void
test_canonical(void **state)
{
    static const struct {
        const char *text, *form;
    } cases[] = {
        {"0", "0"},
        {"-0", "0"},
        {"-0.000e5", "0"},
        {"0e999999999999999999999999", "0"},
        {"1", "1"},
        {"+1", "1"},
        {"-1", "-1"},
        {"001.500", "1.5"},
        {".5", "0.5"},
        {"5.", "5"},
        {"100", "100"},
        {"1e2", "100"},
        {"1.5e1", "15"},
        {"1.5e0", "1.5"},
        {"1.5e-1", "0.15"},
        {"1.5E-3", "0.0015"},
        {"100e-2", "1"},
        {"100e-3", "0.1"},
        {"0.001e3", "1"},
        {"0.0012e3", "1.2"},
        {"123456789012345678901234567890.12345678901234567890",
         "123456789012345678901234567890.1234567890123456789"},
        {"-9223372036854775808", "-9223372036854775808"},
        {"1e0000000000000000000000002", "100"},
        {"1e-0", "1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[64];
        size_t form_len = strlen(cases[i].form);
        size_t len = eff_decimal_canonical(eff_str_of(cases[i].text), text, sizeof(text));

        assert_int_equal(len, form_len);
        assert_memory_equal(text, cases[i].form, len);
        // Exactly enough room, and one byte less.
        assert_int_equal(eff_decimal_canonical(eff_str_of(cases[i].text), text, form_len), len);
        assert_int_equal(eff_decimal_canonical(eff_str_of(cases[i].text), text, form_len - 1), 0);
    }
}

static void
test_canonical_is_bounded(void **state)
{
    static const char *const huge[] = {"1e400",
                                       "1e-400",
                                       "1e9223372036854775807",
                                       "1e-9223372036854775808",
                                       "1e99999999999999999999999999999999",
                                       "1e-99999999999999999999999999999999"};
    char text[400], zeros[1000];

    (void)state;
    for (size_t i = 0; i < sizeof(huge) / sizeof(huge[0]); i++)
        assert_int_equal(eff_decimal_canonical(eff_str_of(huge[i]), text, sizeof(text)), 0);
    assert_int_equal(eff_decimal_canonical(EFF_STR("1e399"), text, sizeof(text)), 400);
    assert_int_equal(eff_decimal_canonical(EFF_STR("1e-398"), text, sizeof(text)), 400);
    memset(zeros, '0', sizeof(zeros)); // many digits that do not matter
    zeros[500] = '7';
    zeros[501] = '.';
    assert_int_equal(eff_decimal_canonical((eff_str){zeros, sizeof(zeros)}, text, 1), 1);
    assert_int_equal(text[0], '7');
}

/* The same digits with the point and the exponent moved are the same number. */
static void
test_canonical_random(void **state)
{
    uint64_t random = 5;

    (void)state;
    for (int round = 0; round < 50000; round++) {
        char digits[32], text[128], form[2][400], again[400];
        int count = 1 + (int)random_below(&random, 30), scale = (int)random_below(&random, 40) - 20;
        const char *sign = random_below(&random, 2) == 0 ? "-" : "";
        size_t len[2];

        for (int i = 0; i < count; i++)
            digits[i] =
                (char)('0' + (random_below(&random, 3) == 0 ? 0 : random_below(&random, 10)));
        for (int way = 0; way < 2; way++) {
            int point = (int)random_below(&random, (unsigned)count + 1);

            snprintf(text, sizeof(text), "%s%.*s%.*s.%.*se%d", sign, (int)random_below(&random, 5),
                     "00000", point, digits, count - point, digits + point, scale + count - point);
            len[way] = eff_decimal_canonical(eff_str_of(text), form[way], sizeof(form[way]));
            assert_true(len[way] > 0);
        }
        assert_int_equal(len[0], len[1]);
        assert_memory_equal(form[0], form[1], len[0]);
        assert_int_equal(eff_decimal_canonical((eff_str){form[0], len[0]}, again, sizeof(again)),
                         len[0]);
        assert_memory_equal(form[0], again, len[0]);
        assert_null(memchr(form[0], 'e', len[0]));
        again[len[0]] = '\0';
        assert_true(strtod(again, NULL) == strtod(text, NULL));
    }
}

static void
test_double_table(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.0, "-0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {1.0 / 3, "0.3333333333333333"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1e300, "1e+300"},
        {1e-7, "1e-7"},
        {1.5e-300, "1.5e-300"},
        {100000, "100000"},
        {1e15, "1e+15"},
        {9007199254740993.0, "9007199254740992"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {5e-324, "5e-324"},
        {1.5e-323, "1.5e-323"},
        {INFINITY, "Infinity"},
        {-INFINITY, "-Infinity"},
        {NAN, "NaN"},
        {-NAN, "NaN"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[EFF_DOUBLE_TEXT_MAX];

        assert_int_equal(eff_double_text(cases[i].value, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

/* Digits of the number, without zeros at both ends. */
static int
count_digits(const char *text)
{
    int count = 0, zeros = 0;

    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text == '0') {
            zeros += count > 0;
        } else if (*text >= '1' && *text <= '9') {
            count += zeros + 1;
            zeros = 0;
        }
    }
    return count;
}

static void
test_double_random(void **state)
{
    uint64_t random = 6;

    (void)state;
    for (int round = 0; round < 300000; round++) {
        uint64_t bits = random_next(&random);
        char text[EFF_DOUBLE_TEXT_MAX], shorter[400];
        double value;
        size_t len;
        int digits;

        if (round % 4 == 1)
            bits &= 0x800fffffffffffff; // below DBL_MIN
        if (round % 4 == 2)
            bits = (bits & 0x8000fffff0000000) | 0x3ff0000000000000;
        memcpy(&value, &bits, sizeof(value));
        if (round % 4 == 3)
            value = (double)(int64_t)(bits >> 20) / 100;
        if (!isfinite(value))
            continue;
        len = eff_double_text(value, text);
        assert_true(len < EFF_DOUBLE_TEXT_MAX);
        assert_int_equal(strlen(text), len);
        assert_true(strtod(text, NULL) == value);
        assert_true(eff_number_valid(eff_str_of(text)));
        assert_null(strstr(text, "e+0"));
        assert_null(strstr(text, "e-0"));
        digits = count_digits(text);
        if (digits > 1) {
            snprintf(shorter, sizeof(shorter), "%.*g", digits - 1, value);
            assert_true(strtod(shorter, NULL) != value);
        }
    }
}

static void
test_int(void **state)
{
    char text[EFF_INT_TEXT_MAX];
    uint64_t random = 13;

    (void)state;
    assert_int_equal(eff_int_text(INT64_MIN, text), 20);
    assert_string_equal(text, "-9223372036854775808");
    assert_int_equal(eff_int_text(INT64_MAX, text), 19);
    assert_int_equal(eff_int_text(0, text), 1);
    assert_string_equal(text, "0");
    for (int round = 0; round < 100000; round++) {
        int64_t value = (int64_t)random_next(&random) >> random_below(&random, 64), back;

        assert_true(eff_str_int((eff_str){text, eff_int_text(value, text)}, &back));
        assert_true(back == value);
        assert_true(strtoll(text, NULL, 10) == value);
    }
}

static void
same_as_printf(double value)
{
    char text[EFF_DOUBLE_TEXT_MAX], wanted[64];

    byprintf_double(value, wanted);
    assert_int_equal(eff_double_text(value, text), strlen(wanted));
    assert_string_equal(text, wanted);
}

/* Short decimals of every scale, what is next to them, and the ends of the quick way. */
static void
test_double_short(void **state)
{
    static const double ends[] = {1e-4,         0.00011,     9.9999e-5,       999999999999999,
                                  1e15,         999999999.5, 99999999999.995, 4503599627370497.5,
                                  0.1 + 0.2,    1.0000001,   1.00000001,      0.3333333,
                                  123456789.01, 5e-324,      DBL_MAX};
    uint64_t random = 20;

    (void)state;
    for (size_t i = 0; i < 100000 + sizeof(ends) / sizeof(ends[0]); i++) {
        double value = (double)(int64_t)(random_next(&random) >> random_below(&random, 64)) /
                       pow(10, random_below(&random, 19));

        if (i >= 100000)
            value = ends[i - 100000];
        else if (i % 3 == 0)
            value = nextafter(value, i % 2 ? 0 : INFINITY);
        same_as_printf(value);
        same_as_printf(-value);
    }
}

/* Any bits; test/sweep does the same with millions. */
static void
test_double_any(void **state)
{
    uint64_t random = 21;

    (void)state;
    for (int round = 0; round < 50000; round++) {
        uint64_t bits = random_next(&random);
        double value;

        if (round % 2)
            bits = (bits & 0x800fffffffffffff) | (uint64_t)(1006 + bits % 70) << 52; // no exponent
        memcpy(&value, &bits, sizeof(value));
        if (isfinite(value))
            same_as_printf(value);
    }
}

/* Powers of two and what is next to them, where the neighbours are not equally far. */
static void
test_double_powers(void **state)
{
    (void)state;
    for (uint64_t exponent = 0; exponent < 2047; exponent++) {
        for (uint64_t step = 0; step < 5; step++) {
            uint64_t bits = (exponent << 52) + step;
            double value;

            memcpy(&value, &bits, sizeof(value));
            same_as_printf(value);
            bits -= bits > step ? 2 * step + 1 : 0;
            memcpy(&value, &bits, sizeof(value));
            same_as_printf(value);
        }
    }
}

static void
test_is_json(void **state)
{
    static const char *const takes[] = {"0",      "-0",  "1",     "-12",    "0.5",
                                        "10.250", "1e5", "1E+05", "1.5e-7", "-0.0E0"};
    static const char *const refuses[] = {"+1", ".5",   "5.",   "007", "-",    "-.5",
                                          "1e", "1.e5", "1e5 ", "00",  "-01.5"};

    (void)state;
    for (size_t i = 0; i < sizeof(takes) / sizeof(takes[0]); i++)
        assert_true(eff_number_is_json(eff_str_of(takes[i])));
    for (size_t i = 0; i < sizeof(refuses) / sizeof(refuses[0]); i++)
        assert_false(eff_number_is_json(eff_str_of(refuses[i])));
    for (size_t i = 0; i < sizeof(not_numbers) / sizeof(not_numbers[0]); i++)
        assert_false(eff_number_is_json(eff_str_of(not_numbers[i])));
    assert_false(eff_number_is_json(EFF_STR_NONE));
}

static void
test_digits(void **state)
{
    char text[32];

    (void)state;
    for (size_t count = 0; count <= 20; count++) {
        memset(text, '#', sizeof(text));
        assert_ptr_equal(eff_digits_text(text, count % 10, count), text + count);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(text[i], i + 1 < count ? '0' : '0' + (int)(count % 10));
        assert_int_equal(text[count], '#');
    }
    assert_ptr_equal(eff_digits_text(text, UINT64_MAX, 20), text + 20);
    assert_memory_equal(text, "18446744073709551615", 20);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_canonical_is_bounded),
        cmocka_unit_test(test_canonical_random),
        cmocka_unit_test(test_double_table),
        cmocka_unit_test(test_double_random),
        cmocka_unit_test(test_double_short),
        cmocka_unit_test(test_double_any),
        cmocka_unit_test(test_double_powers),
        cmocka_unit_test(test_is_json),
        cmocka_unit_test(test_digits),
        cmocka_unit_test(test_int),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
