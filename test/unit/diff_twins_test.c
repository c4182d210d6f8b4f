/*
 * Goal: of any number of rows, each key that shares its match value with another key
 * is told, and no other, in memory that does not grow with rows; the diff calls such a
 * row a twin, whatever has changed, and leaves the snapshot's entry.
 * Method: rows by a formula that says how many share a value, memory far too small for
 * them; a set of what was told is compared with the formula. The n-th file call fails.
 * covers: C6
 */
// links: base state diff testlib
// timeout: 300
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <cmocka.h>

#include "diff/diff.h"
#include "diff/twins.h"
#include "lib/testos.h"

#define MEMORY ((size_t)1 << 20)

struct told {
    struct testos world;
    char *folder;
    struct eff_arena arena;
    struct eff_twins *twins;
    unsigned char *count; /* by the row's number */
    uint64_t rows;
};

static struct eff_hash128
hash_of(uint64_t i, uint64_t seed)
{
    uint64_t hi = (i + 1) * 0x9e3779b97f4a7c15u ^ seed;

    hi = (hi ^ hi >> 29) * 0xbf58476d1ce4e5b9u;
    return (struct eff_hash128){hi ^ hi >> 32, i};
}

static void
told_open(struct told *t, uint64_t rows)
{
    struct eff_twins_config config = {
        .os = &t->world.os, .memory_bytes = MEMORY, .rows_expected = -1};
    struct eff_err err = {0};

    *t = (struct told){.folder = testos_folder(), .count = calloc(rows, 1), .rows = rows};
    assert_non_null(t->count);
    testos_init(&t->world, 3);
    eff_arena_init(&t->arena, "test", (size_t)64 << 20);
    config.scratch_folder = t->folder;
    assert_int_equal(eff_twins_open(&config, &t->arena, &t->twins, &err), EFF_OK);
}

static void
told_close(struct told *t)
{
    eff_twins_close(t->twins);
    assert_int_equal(t->world.open_files, 0);
    testos_remove(t->folder);
    free(t->folder);
    free(t->count);
    eff_arena_deinit(&t->arena);
}

static enum eff_fault
take(void *self, struct eff_hash128 key, struct eff_err *err)
{
    struct told *t = self;

    (void)err;
    assert_true(key.lo < t->rows);
    t->count[key.lo] = 1;
    return EFF_OK;
}

static bool descending; /* rows come from the last to the first */

/* Row i has the match value i / each, up to `shared` rows; later ones have their own. */
static enum eff_fault
told_fill(struct told *t, uint64_t shared, uint64_t each, struct eff_err *err)
{
    for (uint64_t at = 0; at < t->rows; at++) {
        uint64_t i = descending ? t->rows - 1 - at : at;

        EFF_TRY(eff_twins_add(t->twins, i < shared ? hash_of(i / each, 1) : hash_of(i + t->rows, 1),
                              hash_of(i, 2), false, err));
    }
    return eff_twins_find(t->twins, take, t, err);
}

static void
told_right(uint64_t rows, uint64_t shared, uint64_t each)
{
    struct told t;
    struct eff_err err = {0};

    told_open(&t, rows);
    assert_int_equal(told_fill(&t, shared, each, &err), EFF_OK);
    for (uint64_t i = 0; i < rows; i++)
        if (t.count[i] != (i < shared && each > 1))
            fail_msg("row %llu of %llu, %llu shared by %llu", (unsigned long long)i,
                     (unsigned long long)rows, (unsigned long long)shared,
                     (unsigned long long)each);
    told_close(&t);
}

static void
test_shared_values(void **state)
{
    (void)state;
    told_right(1, 0, 1);
    told_right(100, 0, 1);
    told_right(100, 10, 2);
    told_right(100, 100, 100);
    told_right(300000, 0, 1);
    told_right(300000, 2, 2);
    told_right(300000, 100000, 2);
    descending = true; // so that others come before those that stand for several
    told_right(300000, 300000, 3);
    descending = false;
    told_right(300000, 300000, 1000);
    told_right(300000, 300000, 300000); // one value for all: no partition can be split
    told_right(300000, 200000, 200000);
}

static void
test_silent(void **state)
{
    struct told t;
    struct eff_err err = {0};
    struct eff_hash128 match = hash_of(7, 1);

    (void)state;
    told_open(&t, 4);
    // Two rows of one key are no twins: the diff tells those.
    assert_int_equal(eff_twins_add(t.twins, hash_of(8, 1), hash_of(3, 2), false, &err), EFF_OK);
    assert_int_equal(eff_twins_add(t.twins, hash_of(8, 1), hash_of(3, 2), false, &err), EFF_OK);
    assert_int_equal(eff_twins_add(t.twins, match, hash_of(0, 2), true, &err), EFF_OK);
    assert_int_equal(eff_twins_add(t.twins, match, hash_of(1, 2), false, &err), EFF_OK);
    assert_int_equal(eff_twins_find(t.twins, take, &t, &err), EFF_OK);
    assert_int_equal(t.count[0], 0);
    assert_int_equal(t.count[1], 1);
    assert_int_equal(t.count[3], 0);
    told_close(&t);
}

/* Keys that differ in one of their halves only are two keys. */
static void
test_keys_that_are_alike(void **state)
{
    static const struct eff_hash128 keys[][2] = {{{9, 0}, {9, 1}}, {{8, 2}, {9, 2}}};
    struct eff_err err = {0};
    struct told t;

    (void)state;
    told_open(&t, 3);
    for (uint64_t i = 0; i < 2; i++)
        for (uint64_t k = 0; k < 2; k++)
            assert_int_equal(eff_twins_add(t.twins, hash_of(i, 1), keys[i][k], false, &err),
                             EFF_OK);
    assert_int_equal(eff_twins_find(t.twins, take, &t, &err), EFF_OK);
    for (uint64_t i = 0; i < 3; i++)
        assert_int_equal(t.count[i], 1);
    told_close(&t);
}

static enum eff_fault
take_until(void *self, struct eff_hash128 key, struct eff_err *err)
{
    uint64_t *left = self;

    (void)key;
    if (*left == 0)
        return EFF_FAIL(err, EFF_BROKEN, "no more");
    --*left;
    return EFF_OK;
}

/* Who takes the twins may fail, too, in the middle of a partition or at its end. */
static void
test_taking_fails(void **state)
{
    static const uint64_t rows[] = {10, 300000};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct eff_err err = {0};
        uint64_t left = 1;
        struct told t;

        told_open(&t, rows[i]);
        for (uint64_t k = 0; k < rows[i]; k++)
            assert_int_equal(eff_twins_add(t.twins, hash_of(7, 1), hash_of(k, 2), false, &err),
                             EFF_OK);
        assert_int_equal(eff_twins_find(t.twins, take_until, &left, &err), EFF_BROKEN);
        assert_string_equal(err.msg, "no more");
        assert_int_equal(left, 0);
        told_close(&t);
    }
}

/* Each file call once: told, nothing leaks, and what was told of twins is not made up. */
static void
each_call_fails(uint64_t rows, uint64_t shared, uint64_t step)
{
    for (uint64_t nth = 1;; nth += step) {
        struct told t;
        struct eff_err err = {0};
        enum eff_fault fault;
        bool failed;

        told_open(&t, rows);
        testos_plan(&t.world, TESTOS_ALL, nth, 0, false);
        fault = told_fill(&t, shared, 2, &err);
        failed = t.world.failed;
        assert_int_equal(fault != EFF_OK, failed);
        for (uint64_t i = shared; i < t.rows; i++)
            assert_int_equal(t.count[i], 0);
        told_close(&t);
        if (!failed) {
            assert_true(nth > step);
            return;
        }
    }
}

static void
test_faults(void **state)
{
    (void)state;
    each_call_fails(60000, 1000, 3);
    each_call_fails(300000, 10, 400); // whose partitions are split
}

/* A row without and with changes, a removed one, a new one: as twins nothing happens to them. */
static void
test_in_the_diff(void **state)
{
    struct told t;
    struct eff_diff_config config = {
        .memory_bytes = MEMORY, .rows_expected = -1, .find_removed = true};
    struct eff_snapshot_writer *writer;
    struct eff_snapshot_head head;
    struct eff_snapshot *snapshot;
    struct eff_diff *diff;
    struct eff_change change;
    struct eff_err err = {0};
    unsigned twins = 0;

    (void)state;
    told_open(&t, 8);
    config.os = &t.world.os;
    config.scratch_folder = t.folder;
    assert_int_equal(eff_snapshot_open(&t.world.os, t.folder, &t.arena, &snapshot, &err), EFF_OK);
    assert_int_equal(eff_snapshot_writer_open(&t.world.os, t.folder, NULL, NULL, 0, false,
                                              (size_t)16 << 20, &t.arena, &writer, &err),
                     EFF_OK);
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(
            eff_snapshot_set(writer, &(struct eff_entry){hash_of(i, 2), 5}, EFF_STR_NONE, &err),
            EFF_OK);
    assert_int_equal(eff_snapshot_commit(writer, &head, &err), EFF_OK);
    eff_snapshot_writer_close(writer);
    eff_snapshot_close(snapshot);
    assert_int_equal(eff_snapshot_open(&t.world.os, t.folder, &t.arena, &snapshot, &err), EFF_OK);
    assert_int_equal(eff_diff_open(&config, snapshot, &t.arena, &diff, &err), EFF_OK);
    for (uint64_t i = 0; i < 5; i++) // 0: as it was; 1, 2, 3: changed; 4: new
        assert_int_equal(eff_diff_add(diff, hash_of(i, 2), i ? 6 : 5, i ? 6 : 5,
                                      i ? EFF_STR("content") : EFF_STR_NONE, &err),
                         EFF_OK);
    for (uint64_t i = 0; i < 5; i++)
        if (i != 3)
            for (int times = 0; times < 2; times++)
                assert_int_equal(eff_diff_mark_twin(diff, hash_of(i, 2), &err), EFF_OK);
    for (;;) {
        assert_int_equal(eff_diff_next(diff, &change, &err), EFF_OK);
        if (change.kind == EFF_CHANGE_END)
            break;
        assert_int_equal(change.kind, change.key.lo == 3 ? EFF_CHANGE_CHANGE : EFF_CHANGE_TWIN);
        assert_int_equal(change.in_snapshot, change.key.lo < 4);
        assert_int_equal(change.content.ptr != NULL, change.key.lo > 0);
        twins += change.kind == EFF_CHANGE_TWIN;
    }
    assert_int_equal(twins, 4);
    assert_int_equal(eff_diff_counts(diff)->twins, 4);
    assert_int_equal(eff_diff_counts(diff)->read, 5);
    assert_int_equal(eff_diff_counts(diff)->changed, 1);
    assert_int_equal(eff_diff_counts(diff)->removed, 0);
    eff_diff_close(diff);
    eff_snapshot_close(snapshot);
    told_close(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_values),
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_keys_that_are_alike),
        cmocka_unit_test(test_taking_fails),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_in_the_diff),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
