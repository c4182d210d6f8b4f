// links: base flow os conf state testlib
/*
 * Goal: whatever was scattered comes back, by partition and in order, or it is told why not.
 * Method: records whose keys lie near each other, with little memory, so that memory spills and
 * partitions are split; each call of the world fails once. Rows larger than a buffer.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/place.h"
#include "state/scatter.h"

#define RECORDS ((uint64_t)9000)
#define MEMORY  ((size_t)256 << 10)

static struct place place;
static struct eff_err err;

/* All in one of the first 16 partitions, and most in one of the 16 below it. */
static struct eff_hash128
key_of(uint64_t i)
{
    return (struct eff_hash128){i % 8 ? i : i << 46, i};
}

/* Entries first: they are what memory is too small for. */
static enum eff_fault
add_all(struct eff_scatter *scatter)
{
    for (uint64_t i = 0; i < RECORDS; i++)
        EFF_TRY(eff_scatter_add_entry(scatter, key_of(i), i, &err));
    for (uint64_t i = 0; i < RECORDS; i++) {
        struct eff_scatter_item item = {.key = key_of(i), .row = i, .order = i};
        eff_str text = eff_str_printf(&place.arena, "%llu", (unsigned long long)i);

        EFF_TRY(eff_scatter_add_item(scatter, &item, text, &err));
    }
    return EFF_OK;
}

struct seen {
    uint64_t entries, items, splits;
    bool entry[RECORDS], item[RECORDS];
};

static bool
lies_in(const struct eff_scatter_part *part, struct eff_hash128 key)
{
    return eff_hash128_cmp(part->first, key) <= 0 && eff_hash128_cmp(key, part->last) <= 0;
}

static enum eff_fault
see_part(struct eff_scatter *scatter, const struct eff_scatter_part *part, struct seen *seen)
{
    const struct eff_scatter_item *items;
    const struct eff_entry *entries;
    size_t count;

    do {
        EFF_TRY(eff_scatter_entries(scatter, &count, &entries, &err));
        for (size_t i = 0; i < count; i++) {
            assert_true(lies_in(part, entries[i].key) && !seen->entry[entries[i].row]);
            seen->entry[entries[i].row] = true;
        }
        seen->entries += count;
    } while (count > 0);
    do {
        EFF_TRY(eff_scatter_items(scatter, &count, &items, &err));
        for (size_t i = 0; i < count; i++) {
            eff_str text,
                wanted = eff_str_printf(&place.arena, "%llu", (unsigned long long)items[i].row);

            assert_true(lies_in(part, items[i].key) && !seen->item[items[i].row]);
            seen->item[items[i].row] = true;
            EFF_TRY(eff_scatter_blob(scatter, &items[i], &text, &err));
            assert_true(eff_str_eq(text, wanted));
        }
        seen->items += count;
    } while (count > 0);
    return EFF_OK;
}

static enum eff_fault
see_all(struct eff_scatter *scatter, struct seen *seen)
{
    struct eff_scatter_part part;

    while (eff_scatter_next(scatter, &part)) {
        if (part.items > RECORDS / 4 && part.bits < 40) {
            EFF_TRY(eff_scatter_split(scatter, &err));
            seen->splits++;
        } else {
            EFF_TRY(see_part(scatter, &part, seen));
        }
    }
    return EFF_OK;
}

static enum eff_fault
there_and_back(struct seen *seen)
{
    const struct eff_scatter_config config = {
        .os = &place.world.os, .folder = place.folder, .memory_bytes = MEMORY};
    struct eff_scatter *scatter;
    enum eff_fault fault;

    memset(seen, 0, sizeof *seen);
    err = (struct eff_err){0};
    EFF_TRY(eff_scatter_open(&config, &place.arena, &scatter, &err));
    fault = add_all(scatter);
    if (fault == EFF_OK)
        fault = see_all(scatter, seen);
    eff_scatter_close(scatter);
    eff_arena_reset(&place.arena);
    return fault;
}

/* Of any kind: spilling and splitting write. Of reads alone: what was written comes back. */
static void
test_each_call_fails(void **state)
{
    static const unsigned kinds[] = {TESTOS_ALL, TESTOS_READ};
    static struct seen seen;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint64_t calls;

        testos_plan(&place.world, kinds[i], 0, 0, false);
        assert_int_equal(there_and_back(&seen), EFF_OK);
        assert_true(seen.entries == RECORDS && seen.items == RECORDS && seen.splits > 1);
        calls = place.world.counted;
        assert_true(calls > 50);
        for (uint64_t n = 1; n <= calls; n += n < 40 ? 1 : 1 + calls / 60) {
            testos_plan(&place.world, kinds[i], n, ENOSPC, false);
            assert_int_equal(there_and_back(&seen), EFF_BROKEN);
            assert_non_null(strstr(err.msg, "scratch file"));
            assert_int_equal(place.world.open_files, 0);
        }
        testos_plan(&place.world, 0, 0, 0, false);
        assert_int_equal(there_and_back(&seen), EFF_OK);
        assert_true(seen.entries == RECORDS && seen.items == RECORDS);
    }
}

/* Each an extent of its own, whether its lane's buffer has something in it or not. */
static void
test_rows_larger_than_a_buffer(void **state)
{
    const struct eff_scatter_config config = {
        .os = &place.world.os, .folder = place.folder, .memory_bytes = MEMORY};
    static const size_t sizes[] = {1 << 20, (1 << 20) + 1, 5, 1 << 19, 0, 7};
    char *bytes = eff_new(&place.arena, char, 2 << 20);
    const struct eff_scatter_item *items;
    struct eff_scatter_part part;
    struct eff_scatter *scatter;
    size_t count, seen = 0;
    eff_str text;

    (void)state;
    assert_int_equal(eff_scatter_open(&config, &place.arena, &scatter, &err), EFF_OK);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct eff_scatter_item item = {.key = {1, 1}, .row = i};

        memset(bytes, 'a' + (int)i, sizes[i]);
        assert_int_equal(eff_scatter_add_item(scatter, &item, (eff_str){bytes, sizes[i]}, &err),
                         EFF_OK);
    }
    while (eff_scatter_next(scatter, &part)) {
        do {
            assert_int_equal(eff_scatter_items(scatter, &count, &items, &err), EFF_OK);
            for (size_t i = 0; i < count; i++, seen++) {
                assert_int_equal(eff_scatter_blob(scatter, &items[i], &text, &err), EFF_OK);
                assert_int_equal(text.len, sizes[items[i].row]);
                for (size_t k = 0; k < text.len; k += 4096)
                    assert_int_equal(text.ptr[k], 'a' + (int)items[i].row);
            }
        } while (count > 0);
    }
    assert_int_equal(seen, sizeof sizes / sizeof *sizes);
    eff_scatter_close(scatter);
}

static int
set_up(void **state)
{
    (void)state;
    place_open(&place, (size_t)1 << 30);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    place_close(&place);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_each_call_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rows_larger_than_a_buffer, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
