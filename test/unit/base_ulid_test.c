// links: base
/*
 * Goal: run ids sort by time and give it back.
 * Method: known times, both ends of the range, order of neighbours, texts that are
 * no ids.
 */
#include <setjmp.h>
#include <stdarg.h>

#include "base/ulid.h"

#include <cmocka.h>

static eff_str
ulid_at(int64_t ms, unsigned char fill, char text[EFF_ULID_LEN])
{
    unsigned char random[10];

    memset(random, fill, sizeof random);
    eff_ulid_write(ms, random, text);
    return (eff_str){text, EFF_ULID_LEN};
}

static void
test_time_comes_back(void **state)
{
    static const int64_t times[] = {0, 1, 1469918176385, 1795000000000, 0xffffffffffff};
    char text[EFF_ULID_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        int64_t ms = -1;

        assert_true(eff_ulid_ms(ulid_at(times[i], 0xff, text), &ms));
        assert_int_equal(ms, times[i]);
    }
    /* the time part of the example in the public ULID specification */
    assert_memory_equal(ulid_at(1469918176385, 0, text).ptr, "01ARYZ6S41", 10);
}

static void
test_ids_sort_by_time(void **state)
{
    char a[EFF_ULID_LEN], b[EFF_ULID_LEN];

    (void)state;
    for (int64_t ms = 1795000000000; ms < 1795000000100; ms++)
        assert_true(eff_str_cmp(ulid_at(ms, 0xff, a), ulid_at(ms + 1, 0, b)) < 0);
}

static void
test_other_texts_are_no_ids(void **state)
{
    static const char *const bad[] = {"",
                                      "01ARYZ6S41",
                                      "01ARYZ6S41TSV4RRFFQ69G5FA",
                                      "01ARYZ6S41TSV4RRFFQ69G5FAVV",
                                      "Z1ARYZ6S41TSV4RRFFQ69G5FAV",
                                      "01ARYZ6S41TSV4RRFFQ69G5FAU",
                                      "01aryz6s41tsv4rrffq69g5fav"};
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(eff_ulid_ms(eff_str_of(bad[i]), &ms));
    assert_false(eff_ulid_ms(EFF_STR("01ARYZ6S41TSV4RRFF\0"
                                     "69G5FAV"),
                             &ms));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_comes_back),
        cmocka_unit_test(test_ids_sort_by_time),
        cmocka_unit_test(test_other_texts_are_no_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
