/*
 * Goal: each instant has the local time that the C library gives it, and each local time the
 * instants at which it is shown: one, none, or the first of two; bytes that are no file of the
 * database are refused.
 * Method: zones of the database against the C library, day by day from 1970 to 2100 and to the
 * second around each change; rules against its own reading of them; all shorter files.
 * covers: D3
 */
// links: base
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "lib/random.h"
#include "lib/tzif.h"

#include <cmocka.h>

#define DAY   INT64_C(86400)
#define FIRST INT64_C(0)          /* 1970 */
#define LAST  INT64_C(4102444800) /* 2100 */

static struct eff_arena arena;

static int
setup(void **state)
{
    (void)state;
    eff_arena_reset(&arena);
    return 0;
}

static int32_t
offset_of_c(int64_t instant)
{
    time_t at = (time_t)instant;
    struct tm tm;

    assert_non_null(localtime_r(&at, &tm));
    return (int32_t)tm.tm_gmtoff;
}

static void
expect_local(const struct eff_zone *zone, int64_t local, int count, int64_t first)
{
    int64_t instant = 0;
    int found = eff_zone_instants(zone, local, &instant);

    if (found != count || (count > 0 && instant != first))
        fail_msg("%lld is shown %d times, and not %d, first at %lld", (long long)local, found,
                 count, (long long)instant);
}

/* Around a change at `at`: the last second before, the change, and what is never or twice shown. */
static void
check_change(const struct eff_zone *zone, int64_t at)
{
    int32_t before = eff_zone_offset(zone, at - 1), after = eff_zone_offset(zone, at);
    int64_t near = before < after ? at + before : at + after;
    int64_t far = before < after ? at + after : at + before;

    assert_int_equal(before, offset_of_c(at - 1));
    assert_int_equal(after, offset_of_c(at));
    expect_local(zone, near - 1, 1, near - 1 - before);
    expect_local(zone, far, 1, far - after);
    for (int64_t local = near; local < far; local += (far - near) / 3)
        expect_local(zone, local, before < after ? 0 : 2, local - before);
    expect_local(zone, far - 1, before < after ? 0 : 2, far - 1 - before);
}

/* All days, and each change to its second. TZ must be the same zone. */
static void
check_days(const struct eff_zone *zone, int64_t from, int64_t to)
{
    for (int64_t at = from; at < to; at += DAY) {
        int32_t before = eff_zone_offset(zone, at), after = eff_zone_offset(zone, at + DAY);
        int64_t low = at, high = at + DAY;

        if (before != offset_of_c(at))
            fail_msg("at %lld: %d, not %d", (long long)at, before, offset_of_c(at));
        if (before == after)
            continue;
        while (high - low > 1) {
            int64_t middle = low + (high - low) / 2;

            if (eff_zone_offset(zone, middle) == before)
                low = middle;
            else
                high = middle;
        }
        check_change(zone, high);
    }
}

static bool
read_zone(const char *name, struct eff_buf *buf)
{
    char path[128], bytes[8192];
    FILE *f;

    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    f = fopen(path, "rb");
    if (!f)
        return false;
    eff_buf_reset(buf);
    eff_buf_add(buf, (eff_str){bytes, fread(bytes, 1, sizeof(bytes), f)});
    fclose(f);
    return true;
}

static void
test_zones_of_the_database(void **state)
{
    static const char *const names[] = {
        "Europe/Berlin",    "Europe/London",        "Europe/Lisbon",       "Europe/Moscow",
        "Europe/Istanbul",  "Europe/Dublin",        "America/New_York",    "America/Los_Angeles",
        "America/St_Johns", "America/Sao_Paulo",    "America/Santiago",    "America/Caracas",
        "America/Nuuk",     "America/Scoresbysund", "America/Havana",      "Asia/Tokyo",
        "Asia/Kolkata",     "Asia/Kathmandu",       "Asia/Tehran",         "Asia/Gaza",
        "Asia/Shanghai",    "Asia/Pyongyang",       "Africa/Cairo",        "Africa/Casablanca",
        "Africa/Monrovia",  "Australia/Sydney",     "Australia/Lord_Howe", "Pacific/Apia",
        "Pacific/Auckland", "Pacific/Chatham",      "Antarctica/Troll",    "Etc/UTC"};
    const struct eff_zone *zone;
    struct eff_err err = {0};
    struct eff_buf buf = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!read_zone(names[i], &buf)) {
            print_message("no database of time zones has %s\n", names[i]);
            continue;
        }
        setenv("TZ", names[i], 1);
        tzset();
        assert_int_equal(eff_zone_parse(eff_buf_str(&buf), &arena, &zone, &err), EFF_OK);
        check_days(zone, FIRST, LAST);
    }
    eff_buf_free(&buf);
}

static void
test_rules(void **state)
{
    static const char *const rules[] = {
        "UTC0",
        "<+0330>-3:30",
        "CET-1CEST,M3.5.0,M10.5.0/3",
        "EST5EDT,M3.2.0,M11.1.0",
        "AEST-10AEDT,M10.1.0,M4.1.0/3",
        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
        "IST-2IDT,M3.4.4/26,M10.5.0",
        "AAA3BBB,J60/0,J300/1:30:15",
        "AAA3BBB,59/0,300",
        "AAA-14BBB-15,M2.1.1,M11.5.6/2",
        "AAA3BBB,J59/0,J365/1",
        "AAA-10BBB,M10.1.0,M12.5.0",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        const struct eff_zone *zone = tzif_zone(rules[i], &arena);

        setenv("TZ", rules[i], 1);
        tzset();
        if (!zone)
            fail_msg("%s is refused", rules[i]);
        check_days(zone, FIRST, LAST / 4);
    }
}

static void
test_what_clocks_show(void **state)
{
    static const struct {
        const char *local, *instant;
        int count;
    } cases[] = {
        {"2024-03-31T01:59:59", "2024-03-31T00:59:59", 1},
        {"2024-03-31T02:00:00", NULL, 0},
        {"2024-03-31T02:59:59", NULL, 0},
        {"2024-03-31T03:00:00", "2024-03-31T01:00:00", 1},
        {"2024-10-27T01:59:59", "2024-10-26T23:59:59", 1},
        {"2024-10-27T02:00:00", "2024-10-27T00:00:00", 2},
        {"2024-10-27T02:59:59", "2024-10-27T00:59:59", 2},
        {"2024-10-27T03:00:00", "2024-10-27T02:00:00", 1},
        {"0001-01-02T00:00:00", "0001-01-01T23:00:00", 1},
        {"9999-12-31T23:59:59", "9999-12-31T22:59:59", 1},
        {"9999-07-01T00:00:00", "9999-06-30T22:00:00", 1},
    };
    const struct eff_zone *zone = tzif_zone("CET-1CEST,M3.5.0,M10.5.0/3", &arena);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct eff_civil local, instant = {0};

        assert_true(eff_time_parse(eff_str_of(cases[i].local), &local));
        if (cases[i].instant)
            assert_true(eff_time_parse(eff_str_of(cases[i].instant), &instant));
        expect_local(zone, eff_micros_from_civil(&local) / 1000000, cases[i].count,
                     cases[i].instant ? eff_micros_from_civil(&instant) / 1000000 : 0);
    }
}

/* A file with changes, each to one of two types: an hour before UTC, and UTC. No rule. */
static void
changes_of(struct eff_buf *buf, size_t count, const int64_t *at, const unsigned char *types)
{
    static const char offsets[] = "\0\0\x0e\x10\0\0\0\0\0\0\1\0";

    tzif_of(buf, "");
    buf->len = 54;
    eff_buf_add(buf, (eff_str){buf->ptr, 44});
    buf->ptr[54 + 35] = (char)count;
    buf->ptr[54 + 39] = 2;
    for (size_t i = 0; i < count; i++)
        for (int shift = 56; shift >= 0; shift -= 8)
            eff_buf_add_char(buf, (char)(at[i] >> shift));
    eff_buf_add_bytes(buf, types, count);
    eff_buf_add(buf, (eff_str){offsets, 12});
    eff_buf_add(buf, EFF_STR("UTC\0\n\n"));
}

/* Four days back, and no rule: after the last change its offset is that for ever. */
static void
test_changes_without_a_rule(void **state)
{
    static const int64_t at[] = {1000000, 1345600};
    static const unsigned char types[] = {1, 0};
    const struct eff_zone *zone;
    struct eff_err err = {0};
    struct eff_buf buf = {0};

    (void)state;
    changes_of(&buf, 2, at, types);
    assert_int_equal(eff_zone_parse(eff_buf_str(&buf), &arena, &zone, &err), EFF_OK);
    assert_int_equal(eff_zone_offset(zone, 0), 3600);
    assert_int_equal(eff_zone_offset(zone, 1000000), 0);
    assert_int_equal(eff_zone_offset(zone, 1345599), 0);
    assert_int_equal(eff_zone_offset(zone, 1345600), 3600);
    assert_int_equal(eff_zone_offset(zone, INT64_C(1) << 40), 3600);
    expect_local(zone, 999999, 1, 999999 - 3600);
    expect_local(zone, 1000000, 2, 1000000 - 3600);
    expect_local(zone, 1003599, 2, 1003599 - 3600);
    expect_local(zone, 1003600, 1, 1003600);
    expect_local(zone, 1172800, 1, 1172800);
    expect_local(zone, 1345599, 1, 1345599);
    expect_local(zone, 1345600, 0, 0);
    expect_local(zone, 1349199, 0, 0);
    expect_local(zone, 1349200, 1, 1345600);
    eff_buf_free(&buf);
}

/* Ten minutes of another offset, and then as before. */
static void
test_changes_that_lie_close(void **state)
{
    static const int64_t at[] = {1000000, 1000600};
    static const unsigned char types[] = {1, 0};
    const struct eff_zone *zone;
    struct eff_err err = {0};
    struct eff_buf buf = {0};

    (void)state;
    changes_of(&buf, 2, at, types);
    assert_int_equal(eff_zone_parse(eff_buf_str(&buf), &arena, &zone, &err), EFF_OK);
    expect_local(zone, 999999, 1, 999999 - 3600);
    expect_local(zone, 1000000, 2, 1000000 - 3600);
    expect_local(zone, 1000599, 2, 1000599 - 3600);
    expect_local(zone, 1000600, 1, 1000600 - 3600);
    expect_local(zone, 1003599, 1, 1003599 - 3600);
    expect_local(zone, 1003600, 0, 0);
    expect_local(zone, 1004199, 0, 0);
    expect_local(zone, 1004200, 1, 1000600);
    eff_buf_free(&buf);
}

/* Summer time of two days, or of all but five, as the year's first day has it: each hour is shown.
 */
static void
test_summer_of_two_days(void **state)
{
    const struct eff_zone *zone = tzif_zone("AAA1BBB,M1.2.5,M1.2.0/3", &arena);

    (void)state;
    for (int64_t instant = FIRST; instant < LAST; instant += 3600) {
        int64_t local = instant + eff_zone_offset(zone, instant), first;
        int count = eff_zone_instants(zone, local, &first);

        assert_true(count >= 1 && count <= 2 && first <= instant);
        assert_int_equal(first + eff_zone_offset(zone, first), local);
    }
}

static void
refused(eff_str bytes)
{
    const struct eff_zone *zone = NULL;
    struct eff_err err = {0};

    assert_int_equal(eff_zone_parse(bytes, &arena, &zone, &err), EFF_CONFIG);
    assert_null(zone);
}

static void
test_what_is_no_zone(void **state)
{
    static const char *const rules[] = {"CET",
                                        "1",
                                        "CET-1CEST",
                                        "CET-1CEST,M3.5.0",
                                        "CET-1CEST,M3.5.0,",
                                        "CET-27",
                                        "CET26",
                                        "CET-00001",
                                        "CET-1CEST-27,M3.5.0,M10.5.0",
                                        "CET-1CEST,Mx.5.0,M10.5.0",
                                        "CET-1CEST,M13.5.0,M10.5.0",
                                        "CET-1CEST,M3,5.0,M10.5.0",
                                        "CET-1CEST,M3.x.0,M10.5.0",
                                        "CET-1CEST,M3.0.0,M10.5.0",
                                        "CET-1CEST,M3.5,0,M10.5.0",
                                        "CET-1:30:60",
                                        "<CET-1",
                                        "CET-1CEST,M0.5.0,M10.5.0",
                                        "CET-1CEST,M3.6.0,M10.5.0",
                                        "CET-1CEST,M3.5.7,M10.5.0",
                                        "CET-1CEST,J0,J9",
                                        "CET-1CEST,366,9",
                                        "CET-1:60",
                                        "CET-1CEST,M3.5.0/168,M10.5.0",
                                        "CET-1CEST,M3.5.0,M10.5.0 ",
                                        "CET-1\n"};
    struct eff_buf buf = {0};
    char *copy;

    (void)state;
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (tzif_zone(rules[i], &arena))
            fail_msg("%s is taken", rules[i]);
    }
    tzif_of(&buf, "CET-1");
    assert_non_null(tzif_zone("CET-1", &arena));
    for (size_t len = 0; len < buf.len; len++) { // with an end that a sanitizer sees
        copy = malloc(len + 1);
        memcpy(copy, buf.ptr, len);
        refused((eff_str){copy, len});
        free(copy);
    }
    buf.ptr[4] = '\0'; // version 1: without times of 64 bits
    refused(eff_buf_str(&buf));
    tzif_of(&buf, "CET-1");
    buf.ptr[54 + 31] = 1; // a leap second
    refused(eff_buf_str(&buf));
    tzif_of(&buf, "CET-1");
    buf.ptr[54 + 44] = 1; // an offset of months
    refused(eff_buf_str(&buf));
    tzif_of(&buf, "CET-1");
    buf.ptr[54] = 'X'; // the second half is of something else
    refused(eff_buf_str(&buf));
    tzif_of(&buf, "CET-1");
    buf.ptr[54 + 39] = 0; // no type at all
    refused(eff_buf_str(&buf));
    eff_buf_free(&buf);
}

/* Changes out of order, to a type that is none, or fewer than the header says. */
static void
test_changes_that_are_none(void **state)
{
    static const int64_t ordered[] = {1000000, 1007200}, twice[] = {1000000, 1000000};
    static const unsigned char types[] = {1, 0}, unknown[] = {0, 2};
    char *large = calloc(1, EFF_ZONE_BYTES_MAX + 1);
    struct eff_buf buf = {0};

    (void)state;
    changes_of(&buf, 2, twice, types);
    refused(eff_buf_str(&buf));
    changes_of(&buf, 2, ordered, unknown);
    refused(eff_buf_str(&buf));
    changes_of(&buf, 2, ordered, types);
    for (unsigned count = 3; count < 256; count++) {
        buf.ptr[54 + 35] = (char)count;
        refused(eff_buf_str(&buf));
    }
    tzif_of(&buf, "CET-1");
    memcpy(large, buf.ptr, buf.len);
    memset(large + buf.len - 1, '\n', EFF_ZONE_BYTES_MAX + 2 - buf.len);
    refused((eff_str){large, EFF_ZONE_BYTES_MAX + 1});
    free(large);
    eff_buf_free(&buf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_zones_of_the_database, setup),
        cmocka_unit_test_setup(test_rules, setup),
        cmocka_unit_test_setup(test_what_clocks_show, setup),
        cmocka_unit_test_setup(test_changes_without_a_rule, setup),
        cmocka_unit_test_setup(test_changes_that_lie_close, setup),
        cmocka_unit_test_setup(test_summer_of_two_days, setup),
        cmocka_unit_test_setup(test_what_is_no_zone, setup),
        cmocka_unit_test_setup(test_changes_that_are_none, setup),
    };

    eff_arena_init(&arena, "test", (size_t)16 << 20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
