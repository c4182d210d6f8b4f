/*
 * Goal: texts that somebody takes for one are equal when they are folded, and no others are.
 * Method: pairs, each with the foldings by which it is one.
 */
// links: base
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fold.h"

#include <cmocka.h>

#define ASCII (1u << EFF_FOLD_ASCII)
#define CASE  (1u << EFF_FOLD_CASE)
#define MARKS (1u << EFF_FOLD_MARKS)
#define FIELD (1u << EFF_FOLD_FIELD)

static void
test_pairs(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned equal; /* by which foldings */
    } pairs[] = {
        {"a@x.com", "A@X.com", ASCII | CASE | MARKS | FIELD},
        {"a@x.com", " a@x.com\t", FIELD},
        {"a@x.com", "b@x.com", 0},
        {"É@x", "é@x", CASE | MARKS | FIELD},
        {"e\xcc\x81@x", "é@x", CASE | MARKS | FIELD}, // a letter and its accent in two codes
        {"é@x", "e@x", MARKS},
        {"Straße", "STRASSE", CASE | MARKS | FIELD},
        {"ΣΑΣ", "σας", CASE | MARKS | FIELD},
        {"Ж", "ж", CASE | MARKS | FIELD},
        {"", " ", FIELD},
        {"日本", "日本 ", FIELD},
        {"A\xff", "a\xff", ASCII | CASE | MARKS | FIELD}, // no UTF-8
        {"\xc3\x89\xff", "\xc3\xa9\xff", 0},
    };
    struct eff_arena arena;

    (void)state;
    eff_arena_init(&arena, "fold", 1 << 20);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        for (int fold = EFF_FOLD_NONE; fold <= EFF_FOLD_FIELD; fold++) {
            bool equal = eff_str_eq(eff_fold(fold, eff_str_of(pairs[i].a), &arena),
                                    eff_fold(fold, eff_str_of(pairs[i].b), &arena));

            if (equal != ((pairs[i].equal >> fold) & 1))
                fail_msg("folding %d of '%s' and '%s'", fold, pairs[i].a, pairs[i].b);
        }
    eff_arena_deinit(&arena);
}

/* Nothing is left out of a long text, and nothing is written behind it. */
static void
test_long_texts(void **state)
{
    struct eff_arena arena;
    char text[3000], want[3000];
    eff_str folded;

    (void)state;
    for (size_t i = 0; i + 1 < sizeof text; i += 2) {
        memcpy(text + i, "Ü", 2);
        memcpy(want + i, "ü", 2);
    }
    eff_arena_init(&arena, "fold", 1 << 20);
    folded = eff_fold(EFF_FOLD_CASE, (eff_str){text, sizeof text}, &arena);
    assert_true(eff_str_eq(folded, eff_fold(EFF_FOLD_CASE, (eff_str){want, sizeof want}, &arena)));
    assert_int_equal(folded.len, sizeof text / 2 * 3); // u and its two dots
    eff_arena_deinit(&arena);
}

/* Memory is bounded: a text that nobody matches by costs a copy. */
static void
test_very_long_texts(void **state)
{
    size_t len = (size_t)64 << 20;
    char *text = malloc(len);
    struct eff_arena arena;
    eff_str folded;

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < len; i += 4)
        memcpy(text + i, "Xéx", 4);
    eff_arena_init(&arena, "fold", len + (1 << 20));
    folded = eff_fold(EFF_FOLD_MARKS, (eff_str){text, len}, &arena);
    assert_int_equal(folded.len, len);
    assert_memory_equal(folded.ptr, "xéxxéx", 8);
    eff_arena_deinit(&arena);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_very_long_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
