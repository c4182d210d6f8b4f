// links: base flow deliver
/*
 * Goal: a run ends when refusals have one cause that is not the rows', and goes on when they are
 * a matter of single rows.
 * Method: sequences of verdicts; after how many it would end.
 * covers: B16
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "deliver/hope.h"

static const struct eff_verdict good = {.outcome = EFF_APPLIED};
static const struct eff_verdict lost = {.outcome = EFF_MAYBE_APPLIED};

static struct eff_verdict
refused(const char *code, const char *field)
{
    return (struct eff_verdict){.outcome = EFF_REFUSED,
                                .fault = EFF_ROW,
                                .code = eff_str_of(code),
                                .field = eff_str_of(field)};
}

/* After how many rows it ends, of which every `every`-th is refused; 0: never. */
static size_t
ends_after(double most, size_t every, const char *const *fields, size_t fields_count, bool known)
{
    struct eff_hope hope = {.same_most = most};
    struct eff_arena arena;
    struct eff_err err = {0};
    size_t ended = 0;

    eff_arena_init(&arena, "test", (size_t)1 << 20);
    for (size_t i = 0; i < 5000 && ended == 0; i++) {
        bool bad = i % every == every - 1;
        struct eff_verdict verdict =
            bad ? refused("INVALID", fields[i / every % fields_count]) : good;

        eff_hope_judge(&hope, &lost, false, &arena, &err); // says nothing either way
        if (eff_hope_judge(&hope, &verdict, known && bad, &arena, &err) != EFF_OK)
            ended = i + 1;
    }
    assert_true(ended == 0 || (err.fault == EFF_CONTRACT && err.hint[0]));
    eff_arena_deinit(&arena);
    return ended;
}

static void
one_cause_ends_it(void **unused)
{
    static const char *const one[] = {"Segment__c"};
    static const char *const five[] = {"a", "b", "c", "d", "e"};

    (void)unused;
    assert_int_equal(ends_after(20, 2, one, 1, false), 82); // the 41st of 200
    assert_int_equal(ends_after(20, 4, one, 1, false), 164);
    assert_int_equal(ends_after(20, 5, one, 1, false), 0); // 20 % are borne
    assert_int_equal(ends_after(0, 5, one, 1, false), 5);
    assert_int_equal(ends_after(100, 2, one, 1, false), 0);
    assert_int_equal(ends_after(20, 2, five, 5, false), 0); // no cause has more than a tenth
    assert_int_equal(ends_after(20, 2, one, 1, true), 0);   // as before: known by now
}

static void
refusals_of_all_kinds_end_it_too(void **unused)
{
    static const char *const many[] = {"a", "b", "c", "d", "e", "f"};

    (void)unused;
    assert_int_equal(ends_after(100, 1, many, 6, false), 200);
    assert_int_equal(ends_after(100, 1, many, 6, true), 200);
}

/* Some destinations have no codes: then all that is told is in the message. */
static void
a_cause_without_a_code(void **unused)
{
    struct eff_hope hope = {.hopeful = true};
    struct eff_verdict verdict = refused("", "");
    struct eff_arena arena;
    struct eff_err err = {0};

    (void)unused;
    verdict.message = EFF_STR("too long");
    eff_arena_init(&arena, "test", (size_t)1 << 20);
    assert_int_equal(eff_hope_judge(&hope, &verdict, false, &arena, &err), EFF_CONTRACT);
    assert_string_equal(err.msg, "1 of the first 1 rows were refused for one cause, too long");
    eff_arena_deinit(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_cause_ends_it),
        cmocka_unit_test(refusals_of_all_kinds_end_it_too),
        cmocka_unit_test(a_cause_without_a_code),
    };

    return cmocka_run_group_tests_name("deliver_hope", tests, NULL, NULL);
}
