// links: base flow conf state source dest plan testlib
/*
 * Goal: two creates have the same idempotency key only when they are the same create:
 * sync, object, key and operation; whatever the row holds otherwise.
 * Method: keys that are the same text when they are put together, under syncs and
 * objects that are, and 200,000 keys that count; all must differ. The same create
 * again, with another payload, must have the same one.
 * covers: A13
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buf.h"
#include "plan/items.h"

#define COUNTED 200000

static const eff_str names[] = {{"a", 1}, {"b", 1}};
static const size_t key_at[] = {0, 1}, match_at[] = {0};
static const struct eff_field match = {
    .name = {"m", 1}, .inputs_count = 1, .inputs = match_at, .input_names = names};
static const size_t field_at[] = {2};
static const eff_str field_names[] = {{"c", 1}};
static const struct eff_field field = {
    .name = {"f", 1}, .inputs_count = 1, .inputs = field_at, .input_names = field_names};
static const struct eff_mapping mapping = {.key_count = 2,
                                           .key = key_at,
                                           .key_names = names,
                                           .match_count = 1,
                                           .match = &match,
                                           .fields_count = 1,
                                           .fields = &field};

static uint64_t incarnation; /* how often the record was removed */

static eff_str
key_of(struct eff_arena *arena, const char *sync, const char *object, const char *secret,
       struct eff_value a, struct eff_value b, const char *payload)
{
    static const struct eff_op_limits limits[EFF_OPS_COUNT] = {
        [EFF_OP_CREATE] = {.supported = true, .class = EFF_CLASS_KEYED}};
    const struct eff_planner planner = {.mapping = &mapping,
                                        .mode = EFF_MODE_INSERT,
                                        .limits = limits,
                                        .sync = eff_str_of(sync),
                                        .object = eff_str_of(object),
                                        .secret = eff_str_of(secret),
                                        .incarnation = incarnation};
    const struct eff_change change = {.kind = EFF_CHANGE_ADD};
    const struct eff_value row[] = {a, b, eff_value_of_str(EFF_TEXT, eff_str_of(payload))};
    struct eff_planned_item planned;
    struct eff_err err = {0};

    assert_int_equal(eff_plan_change(&planner, &change, row, arena, &planned, &err),
                     EFF_PLANNED_SEND);
    assert_int_equal(planned.op, EFF_OP_CREATE);
    assert_int_equal(planned.item.idempotency_key.len, 43);
    return planned.item.idempotency_key;
}

static struct eff_value
text(const char *s)
{
    return eff_value_of_str(EFF_TEXT, eff_str_of(s));
}

static int
order(const void *a, const void *b)
{
    return memcmp(a, b, 43);
}

static void
all_differ(char *keys, size_t count)
{
    qsort(keys, count, 43, order);
    for (size_t i = 1; i < count; i++)
        if (memcmp(keys + 43 * (i - 1), keys + 43 * i, 43) == 0)
            fail_msg("two creates have the key %.43s", keys + 43 * i);
}

static void
different_creates_have_different_keys(void **unused)
{
    static const struct {
        const char *sync, *object, *secret, *a, *b;
    } rows[] = {
        {"s", "o", "x", "a", "bc"},      {"s", "o", "x", "ab", "c"},
        {"so", "", "x", "a", "bc"},      {"", "so", "x", "a", "bc"},
        {"s", "o", "y", "a", "bc"},      {"s", "oa", "x", "", "bc"},
        {"s", "o", "x", "a\",\"b", "c"}, {"s", "o", "x", "a", "\",\"bc"},
        {"s", "o", "x", "1", "2"},       {"s", "o", "x", "A", "bc"},
    };
    struct eff_arena arena;
    char *keys = malloc((COUNTED + sizeof rows / sizeof *rows + 1) * 43);
    size_t count = 0;

    (void)unused;
    eff_arena_init(&arena, "test", (size_t)64 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        eff_str key = EFF_STR_NONE;

        if (rows[i].a[0] == '\0') /* an empty match value is refused before */
            continue;
        key = key_of(&arena, rows[i].sync, rows[i].object, rows[i].secret, text(rows[i].a),
                     text(rows[i].b), "p");
        memcpy(keys + 43 * count++, key.ptr, 43);
    }
    memcpy(keys + 43 * count++,
           key_of(&arena, "s", "o", "x", eff_value_of_int(EFF_INT, 1), text("2"), "p").ptr, 43);
    for (int i = 0; i < COUNTED; i++) {
        eff_arena_reset(&arena);
        memcpy(keys + 43 * count++,
               key_of(&arena, "s", "o", "x", eff_value_of_int(EFF_INT, i),
                      eff_value_of_int(EFF_INT, i / 7), "p")
                   .ptr,
               43);
    }
    all_differ(keys, count);
    free(keys);
    eff_arena_deinit(&arena);
}

static void
the_same_create_has_the_same_key(void **unused)
{
    struct eff_arena arena;
    eff_str first, again;

    (void)unused;
    eff_arena_init(&arena, "test", (size_t)1 << 20);
    first = key_of(&arena, "s", "o", "x", text("a"), text("b"), "yesterday");
    again = key_of(&arena, "s", "o", "x", text("a"), text("b"), "today");
    assert_true(eff_str_eq(first, again));
    incarnation = 1;
    again = key_of(&arena, "s", "o", "x", text("a"), text("b"), "today");
    incarnation = 0;
    assert_false(eff_str_eq(first, again));
    eff_arena_deinit(&arena);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(different_creates_have_different_keys),
        cmocka_unit_test(the_same_create_has_the_same_key),
    };

    return cmocka_run_group_tests_name("plan_keys", tests, NULL, NULL);
}
