/*
 * Goal: each day of the years 1 to 9999 and each instant has one civil form, and
 * every accepted text means one instant; a day that does not exist means none.
 * Method: all days against a calendar that counts one by one; random instants
 * there and back; tables of texts that are accepted and refused; C's timegm.
 * covers: D3
 */
// links: base
#include "base/clock.h"
#include "lib/byprintf.h"
#include "lib/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#define DAY INT64_C(86400000000)

static void
test_every_day(void **state)
{
    static const int month_days[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t days = -719162; // 0001-01-01
    bool wrong = false;

    (void)state;
    for (int year = 1; year <= 9999; year++) {
        int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

        for (int month = 1; month <= 12; month++)
            for (int day = 1; day <= month_days[month] + (month == 2 ? leap : 0); day++) {
                int y, m, d;

                eff_civil_from_days(days, &y, &m, &d);
                wrong |= y != year || m != month || d != day;
                wrong |= eff_days_from_civil(year, month, day) != days;
                days++;
            }
        assert_false(wrong);
    }
    assert_int_equal(days, 2932897); // 10000-01-01
    assert_int_equal(eff_days_from_civil(1970, 1, 1), 0);
}

static void
test_far_away(void **state)
{
    int year, month, day;
    char text[EFF_TIME_TEXT_MAX];
    struct eff_civil civil = {.year = 400000, .month = 1, .day = 1};

    (void)state;
    eff_civil_from_days(eff_days_from_civil(-400, 2, 29), &year, &month, &day);
    assert_int_equal(year, -400);
    assert_int_equal(month * 100 + day, 229);
    eff_civil_from_days(INT64_MAX, &year, &month, &day); // stays defined
    assert_true(year > 2000000000);
    eff_civil_from_days(INT64_MIN, &year, &month, &day);
    assert_true(year < -2000000000);
    assert_true(eff_date_text(INT64_MIN, text) < EFF_TIME_TEXT_MAX);
    assert_true(eff_datetime_text(INT64_MIN, 999, true, text) < EFF_TIME_TEXT_MAX);
    assert_string_equal(text, "-290308-12-21T19:59:05.224192999Z");
    assert_true(eff_datetime_text(INT64_MAX, 999, true, text) < EFF_TIME_TEXT_MAX);
    assert_string_equal(text, "294247-01-10T04:00:54.775807999Z");
    assert_true(eff_timeofday_text(INT64_MIN, 1, text) < EFF_TIME_TEXT_MAX);
    assert_true(eff_timeofday_text(INT64_MAX, 999, text) < EFF_TIME_TEXT_MAX);
    assert_true(eff_micros_from_civil(&civil) == INT64_MAX);
    civil = (struct eff_civil){294247, 1, 10, .hour = 4, .second = 54, .nanos = 775807999};
    assert_true(eff_micros_from_civil(&civil) == INT64_MAX); // the last there is
    civil.second = 53;
    assert_true(eff_micros_from_civil(&civil) == INT64_MAX - 1000000);
    civil.hour = 5;
    assert_true(eff_micros_from_civil(&civil) == INT64_MAX);
    civil.year = -400000;
    assert_true(eff_micros_from_civil(&civil) == INT64_MIN);
}

static void
test_parse(void **state)
{
    static const struct {
        const char *text;
        int64_t micros;
        int nanos;
        int has; /* 1: time, 2: offset */
        int offset;
    } cases[] = {
        {"1970-01-01", 0, 0, 0, 0},
        {"0001-01-01", -719162 * DAY, 0, 0, 0},
        {"9999-12-31T23:59:59.999999999Z", 2932897 * DAY - 1, 999999999, 3, 0},
        {"2024-02-29", 19782 * DAY, 0, 0, 0},
        {"2000-02-29", 11016 * DAY, 0, 0, 0},
        {"1970-01-02 00:00", DAY, 0, 1, 0},
        {"1970-01-01T12:30", 45000000000, 0, 1, 0},
        {"1970-01-01t12:30:01z", 45001000000, 0, 3, 0},
        {"1970-01-01 12:30:01.5", 45001500000, 500000000, 1, 0},
        {"1970-01-01 12:30:01.000000001", 45001000000, 1, 1, 0},
        {"1970-01-01 02:00:00+02", 0, 0, 3, 120},
        {"1970-01-01 02:00:00+0230", -1800000000, 0, 3, 150},
        {"1970-01-01 02:00:00 +02:00", 0, 0, 3, 120},
        {"1970-01-01 02:00-08", 36000000000, 0, 3, -480},
        {"1970-01-01T02:00:00.25-08:30", 37800250000, 250000000, 3, -510},
        {"1970-01-01 00:00:00 UTC", 0, 0, 3, 0},
        {"1970-01-01 00:00:00Z", 0, 0, 3, 0},
        {"1970-01-01 00:00:00-00:30", 1800000000, 0, 3, -30},
        {"1969-12-31 23:59:59.999999", -1, 999999000, 1, 0},
        {"0001-01-01 00:00:00+23:59", -719162 * DAY - 86340000000, 0, 3, 1439},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct eff_civil civil;

        if (!eff_time_parse(eff_str_of(cases[i].text), &civil))
            fail_msg("refused: %s", cases[i].text);
        assert_true(eff_micros_from_civil(&civil) == cases[i].micros);
        assert_int_equal(civil.nanos, cases[i].nanos);
        assert_int_equal(civil.has_time + 2 * civil.has_offset, cases[i].has);
        assert_int_equal(civil.offset_minutes, cases[i].offset);
    }
}

static void
test_parse_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "2024",
        "2024-1-01",
        "2024-01-1",
        "20240101",
        "2024/01/01",
        "24-01-01",
        "0000-01-01",
        "2024-00-10",
        "2024-13-10",
        "2024-01-00",
        "2024-01-32",
        "2024-02-30",
        "2023-02-29",
        "1900-02-29",
        "2024-04-31",
        "-2024-01-01",
        "+2024-01-01",
        "10000-01-01",
        "2024-01-31Z",
        "2024-01-31 ",
        "2024-01-31T",
        "2024-01-31  12:30",
        "2024-01-31_12:30",
        "2024-01-31T12",
        "2024-01-31T12:3",
        "2024-01-31T24:00:00",
        "2024-01-31T23:60:00",
        "2024-01-31T23:59:60",
        "2016-12-31T23:59:60Z",
        "2024-01-31T12:30:",
        "2024-01-31T12:30:00.",
        "2024-01-31T12:30:00.Z",
        "2024-01-31T12:30:00,5",
        "2024-01-31T12:30:00.1234567890",
        "2024-01-31T12:30.5",
        "2024-01-31T12:30:00+",
        "2024-01-31T12:30:00+2",
        "2024-01-31T12:30:00+020",
        "2024-01-31T12:30:00+02:",
        "2024-01-31T12:30:00+02:0",
        "2024-01-31T12:30:00+02:60",
        "2024-01-31T12:30:00+24",
        "2024-01-31T12:30:00+02:00:00",
        "2024-01-31T12:30:00ZZ",
        "2024-01-31T12:30:00  Z",
        "2024-01-31T12:30:00 ",
        "2024-01-31T12:30:00 CET",
        "2024-01-31T12:30:00\n",
        " 2024-01-31",
        "infinity",
        "-infinity",
        "now",
        "2024-01-31 BC",
    };
    struct eff_civil civil = {.year = 7};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (eff_time_parse(eff_str_of(bad[i]), &civil))
            fail_msg("accepted: %s", bad[i]);
    assert_false(eff_time_parse(EFF_STR("2024-01-31\0"), &civil));
    assert_false(eff_time_parse(EFF_STR_NONE, &civil));
    assert_int_equal(civil.year, 7);
}

/* A text cut short is a coarser time or none, and is not read beyond its end. */
static void
test_parse_prefixes(void **state)
{
    eff_str whole = EFF_STR("2024-01-31T12:30:00.123456789+02:00");
    struct eff_civil civil;

    (void)state;
    for (size_t len = 0; len <= whole.len; len++) {
        bool fine = len == 10 || len == 16 || len == 19 || (len >= 21 && len <= 29) || len == 32 ||
                    len == 35;

        assert_int_equal(eff_time_parse(eff_str_sub(whole, 0, len), &civil), fine);
    }
}

static void
test_texts(void **state)
{
    char text[EFF_TIME_TEXT_MAX];

    (void)state;
    assert_int_equal(eff_date_text(0, text), 10);
    assert_string_equal(text, "1970-01-01");
    eff_date_text(-719162, text);
    assert_string_equal(text, "0001-01-01");
    assert_int_equal(eff_datetime_text(0, 0, false, text), 19);
    assert_string_equal(text, "1970-01-01T00:00:00");
    eff_datetime_text(-1, 0, true, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
    eff_datetime_text(1500000, 0, true, text);
    assert_string_equal(text, "1970-01-01T00:00:01.5Z");
    eff_datetime_text(1, 20, false, text);
    assert_string_equal(text, "1970-01-01T00:00:00.00000102");
    eff_datetime_text(2932897 * DAY - 1, 999, true, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999999999Z");
    eff_timeofday_text(0, 0, text);
    assert_string_equal(text, "00:00:00");
    eff_timeofday_text(DAY - 1, 999, text);
    assert_string_equal(text, "23:59:59.999999999");
    assert_int_equal(eff_timeofday_text(DAY, 0, text), 8);
    assert_string_equal(text, "24:00:00");
    eff_timeofday_text(838 * INT64_C(3600000000), 0, text);
    assert_string_equal(text, "838:00:00");
    eff_timeofday_text(-1500000, 0, text);
    assert_string_equal(text, "-00:00:01.5");
    eff_timeofday_text(-1500000, 1, text);
    assert_string_equal(text, "-00:00:01.499999999");
}

static void
test_there_and_back(void **state)
{
    uint64_t random = 11;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        int64_t span = (2932897 + 719162) * DAY;
        int64_t micros = (int64_t)(random_next(&random) % (uint64_t)span) - 719162 * DAY;
        unsigned sub_nanos = random_below(&random, 3) == 0 ? random_below(&random, 1000) : 0;
        struct eff_civil civil;
        char text[EFF_TIME_TEXT_MAX], wanted[64];
        time_t seconds;
        struct tm tm = {0};
        size_t len;

        if (random_below(&random, 2) == 0)
            micros -= micros % 1000000;
        len = eff_datetime_text(micros, sub_nanos, round % 2 == 0, text);
        byprintf_datetime(micros, sub_nanos, round % 2 == 0, wanted);
        assert_string_equal(text, wanted);
        assert_int_equal(strlen(text), len);
        assert_true(eff_time_parse((eff_str){text, len}, &civil));
        assert_true(eff_micros_from_civil(&civil) == micros);
        assert_int_equal(civil.nanos % 1000, sub_nanos);
        civil = eff_civil_from_micros(micros, sub_nanos);
        assert_true(eff_micros_from_civil(&civil) == micros);
        assert_true(civil.has_time && !civil.has_offset);
        tm.tm_year = civil.year - 1900;
        tm.tm_mon = civil.month - 1;
        tm.tm_mday = civil.day;
        tm.tm_hour = civil.hour;
        tm.tm_min = civil.minute;
        tm.tm_sec = civil.second;
        seconds = timegm(&tm);
        assert_true((micros - (int64_t)seconds * 1000000) == civil.nanos / 1000);
    }
}

static void
test_http_dates(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {"Sun Nov 16 08:49:37 1994", 784975777},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},
        {"Wednesday, 01-Jan-70 00:00:00 GMT", 0},
        {"Tuesday, 31-Dec-69 00:00:00 GMT", 3155673600},
        {"Thu, 29 Feb 2024 12:00:00 GMT", 1709208000},
    };
    static const char *const bad[] = {
        "",
        "Sun",
        "Sun,",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sunday Nov  6 08:49:37 1994",
        "Sun Nov 6 08:49:37 1994",
        "Sun Nov  6 08:49:37 1994 GMT",
        "Sun, 30 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Foo, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "120",
        "1994-11-06T08:49:37Z",
    };
    int64_t seconds = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (eff_http_date_parse(eff_str_of(bad[i]), &seconds))
            fail_msg("accepted: %s", bad[i]);
    assert_int_equal(seconds, 7);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        eff_str text = eff_str_of(cases[i].text);

        assert_true(eff_http_date_parse(text, &seconds));
        assert_true(seconds == cases[i].seconds);
        for (size_t len = 0; len < text.len; len++)
            assert_false(eff_http_date_parse(eff_str_sub(text, 0, len), &seconds));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_day),      cmocka_unit_test(test_far_away),
        cmocka_unit_test(test_parse),          cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_parse_prefixes), cmocka_unit_test(test_texts),
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_http_dates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
