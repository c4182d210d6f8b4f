/*
 * Goal: the diff's promises beside its answers: it ends early when nothing
 * changed, one key a million times does no harm, content of any size comes back,
 * the filter keeps little for nothing, memory stays bounded, a file call that
 * fails is told and leaks nothing.
 * Method: rows from a counter, run with memory far too small for them.
 * covers: C6, C15
 */
// links: base state diff testlib
// timeout: 300
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "diff/diff.h"
#include "diff/filter.h"
#include "lib/testos.h"

struct place {
    struct testos world;
    char *folder;
    struct eff_arena arena;
    struct eff_snapshot *snapshot;
    struct eff_diff *diff;
};

static void
place_open(struct place *p)
{
    *p = (struct place){.folder = testos_folder()};
    testos_init(&p->world, 3);
    eff_arena_init(&p->arena, "test", (size_t)64 << 20);
}

static void
place_close(struct place *p)
{
    eff_diff_close(p->diff);
    eff_snapshot_close(p->snapshot);
    assert_int_equal(p->world.open_files, 0);
    testos_remove(p->folder);
    free(p->folder);
    eff_arena_deinit(&p->arena);
}

static struct eff_hash128
key_of(uint64_t i)
{
    uint64_t hi = (i + 1) * 0x9e3779b97f4a7c15u;

    hi ^= hi >> 29;
    return (struct eff_hash128){hi * 0xbf58476d1ce4e5b9u, ~hi};
}

static enum eff_fault
try_open(struct place *p, size_t memory, int64_t expected, struct eff_err *err)
{
    struct eff_diff_config config = {.os = &p->world.os,
                                     .scratch_folder = p->folder,
                                     .memory_bytes = memory,
                                     .rows_expected = expected,
                                     .find_removed = true};

    EFF_TRY(eff_snapshot_open(&p->world.os, p->folder, &p->arena, &p->snapshot, err));
    return eff_diff_open(&config, p->snapshot, &p->arena, &p->diff, err);
}

static void
must_open(struct place *p, size_t memory, int64_t expected)
{
    struct eff_err err = {0};

    if (try_open(p, memory, expected, &err) != EFF_OK)
        fail_msg("%s", err.msg);
}

static void
must_add(struct place *p, uint64_t i, uint64_t row, eff_str content)
{
    struct eff_err err = {0};

    if (eff_diff_add(p->diff, key_of(i), row, row, content, &err) != EFF_OK)
        fail_msg("%s", err.msg);
}

static struct eff_change
must_next(struct place *p)
{
    struct eff_change change;
    struct eff_err err = {0};

    if (eff_diff_next(p->diff, &change, &err) != EFF_OK)
        fail_msg("%s", err.msg);
    return change;
}

/* A snapshot of rows 0..count-1, each with its number as row hash. */
static void
make_snapshot(struct place *p, uint64_t count)
{
    struct eff_snapshot_writer *writer;
    struct eff_snapshot_head head;
    struct eff_err err = {0};

    assert_int_equal(eff_snapshot_writer_open(&p->world.os, p->folder, NULL, NULL, 0, false,
                                              (size_t)1 << 20, &p->arena, &writer, &err),
                     EFF_OK);
    for (uint64_t i = 0; i < count; i++) {
        struct eff_entry entry = {key_of(i), i};

        assert_int_equal(eff_snapshot_set(writer, &entry, EFF_STR_NONE, &err), EFF_OK);
    }
    assert_int_equal(eff_snapshot_commit(writer, &head, &err), EFF_OK);
    assert_int_equal(head.entries.count, count);
    eff_snapshot_writer_close(writer);
}

static void
test_no_change_ends_at_once(void **state)
{
    struct place p;
    uint64_t read;

    (void)state;
    place_open(&p);
    make_snapshot(&p, 50000);
    must_open(&p, (size_t)1 << 20, -1);
    for (uint64_t i = 50000; i-- > 0;)
        must_add(&p, i, i, EFF_STR_NONE);
    read = p.world.bytes_read;
    assert_int_equal(must_next(&p).kind, EFF_CHANGE_END);
    assert_int_equal(p.world.bytes_read, read); // nothing was looked at
    assert_int_equal(eff_diff_counts(p.diff)->unchanged, 50000);
    assert_int_equal(eff_diff_counts(p.diff)->read, 50000);
    place_close(&p);
}

/* As many rows, each known: but one twice and one missing. */
static void
test_equal_count_is_not_enough(void **state)
{
    struct eff_change first, second;
    struct place p;

    (void)state;
    place_open(&p);
    make_snapshot(&p, 1000);
    must_open(&p, (size_t)1 << 20, -1);
    for (uint64_t i = 0; i < 1000; i++)
        must_add(&p, i == 500 ? 501 : i, i == 500 ? 501 : i, EFF_STR_NONE);
    first = must_next(&p);
    second = must_next(&p);
    if (first.kind == EFF_CHANGE_REMOVE) {
        struct eff_change swap = first;

        first = second;
        second = swap;
    }
    assert_int_equal(first.kind, EFF_CHANGE_DUPLICATE);
    assert_int_equal(first.rows, 2);
    assert_true(first.in_snapshot);
    assert_int_equal(second.kind, EFF_CHANGE_REMOVE);
    assert_int_equal(eff_hash128_cmp(second.key, key_of(500)), 0);
    assert_int_equal(must_next(&p).kind, EFF_CHANGE_END);
    assert_int_equal(eff_diff_counts(p.diff)->unchanged, 998);
    assert_int_equal(eff_diff_counts(p.diff)->duplicates, 2);
    place_close(&p);
}

/* An invalid row is there: its record is neither removed nor anything else. */
static void
test_invalid_row_keeps_its_record(void **state)
{
    struct eff_err err;
    struct place p;

    (void)state;
    place_open(&p);
    make_snapshot(&p, 1000);
    must_open(&p, (size_t)1 << 20, -1);
    for (uint64_t i = 0; i < 999; i++)
        must_add(&p, i, i, EFF_STR_NONE);
    assert_int_equal(eff_diff_add_invalid(p.diff, key_of(999), &err), EFF_OK);
    assert_int_equal(must_next(&p).kind, EFF_CHANGE_END);
    assert_int_equal(eff_diff_counts(p.diff)->unchanged, 999);
    assert_int_equal(eff_diff_counts(p.diff)->invalid, 1);
    assert_int_equal(eff_diff_counts(p.diff)->removed, 0);
    place_close(&p);
}

/* A key column that is no key: few keys, each ever so often, with little memory. */
static void
test_hot_keys_stay_small(void **state)
{
    uint64_t rows = 0, groups = 0;
    struct place p;

    (void)state;
    place_open(&p);
    make_snapshot(&p, 2);
    must_open(&p, 64 << 10, 0);
    for (uint64_t i = 0; i < 600000; i++)
        must_add(&p, i % 5, i % 3, i % 7 == 0 ? EFF_STR("content") : EFF_STR_NONE);
    for (;;) {
        struct eff_change change = must_next(&p);

        if (change.kind == EFF_CHANGE_END)
            break;
        assert_int_equal(change.kind, EFF_CHANGE_DUPLICATE);
        assert_true(eff_str_is(change.content, "content"));
        rows += change.rows;
        groups++;
    }
    assert_int_equal(rows, 600000);
    assert_int_equal(groups, 5);
    assert_int_equal(eff_diff_counts(p.diff)->duplicates, 600000);
    place_close(&p);
}

static uint64_t
content_len(uint64_t i)
{
    return i % 100 == 7 ? 100000 + i : i % 50;
}

/* Contents smaller and larger than any buffer, more of them than memory. */
static void
test_content_of_any_size(void **state)
{
    static const size_t memories[] = {0, 64 << 10, 4 << 20, 64 << 20};
    char *bytes = malloc(200000);

    (void)state;
    assert_non_null(bytes);
    for (size_t m = 0; m < sizeof(memories) / sizeof(memories[0]); m++) {
        uint64_t seen = 0;
        struct place p;

        place_open(&p);
        must_open(&p, memories[m], m % 2 == 0 ? -1 : 2000);
        for (uint64_t i = 0; i < 2000; i++) {
            memset(bytes, (int)(i % 251), content_len(i));
            assert_true(eff_diff_wants_content(p.diff, key_of(i), i));
            must_add(&p, i, i, (eff_str){bytes, content_len(i)});
        }
        for (;;) {
            struct eff_change change = must_next(&p);
            uint64_t i = change.row_hash;

            if (change.kind == EFF_CHANGE_END)
                break;
            assert_int_equal(change.kind, EFF_CHANGE_ADD);
            assert_int_equal(change.content.len, content_len(i));
            assert_non_null(change.content.ptr);
            memset(bytes, (int)(i % 251), content_len(i));
            assert_memory_equal(change.content.ptr, bytes, change.content.len);
            seen++;
        }
        assert_int_equal(seen, 2000);
        assert_int_equal(eff_diff_counts(p.diff)->without_content, 0);
        place_close(&p);
    }
    free(bytes);
}

/* Of the changed rows, nearly all are known to be changed while they are read. */
static void
test_filter_misses_few(void **state)
{
    struct place p;
    uint64_t wanted = 0;

    (void)state;
    place_open(&p);
    make_snapshot(&p, 200000);
    must_open(&p, (size_t)1600 << 10, -1); // half of it is 32 bits a row
    for (uint64_t i = 0; i < 200000; i++) {
        assert_false(eff_diff_wants_content(p.diff, key_of(i), i));
        wanted += eff_diff_wants_content(p.diff, key_of(i), i + 1);
        wanted += eff_diff_wants_content(p.diff, key_of(i + 1000000), i);
    }
    assert_true(wanted > 400000 - 400000 / 400);
    place_close(&p);
    place_open(&p);
    make_snapshot(&p, 200000);
    must_open(&p, (size_t)400 << 10, -1); // 8 bits a row
    wanted = 0;
    for (uint64_t i = 0; i < 200000; i++)
        wanted += eff_diff_wants_content(p.diff, key_of(i), i + 1);
    assert_true(wanted > 200000 - 200000 / 20);
    place_close(&p);
}

/* From 64 bits a row to 16: none is forgotten, and few are taken for what is there. */
static void
test_filters_of_any_size(void **state)
{
    static const uint64_t rows[] = {1000, 3000000, 9000000};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct diff_filter filter;
        uint64_t taken = 0;

        diff_filter_init(&filter, rows[i], SIZE_MAX);
        assert_true(filter.count * 64 >= (i == 0 ? rows[i] * 8 : i == 1 ? 16 << 20 : rows[i] * 2));
        for (uint64_t k = 0; k < rows[i]; k += i + 1)
            diff_filter_add(&filter, key_of(k), 5);
        for (uint64_t k = 0; k < rows[i]; k += i + 1)
            assert_true(diff_filter_has(&filter, key_of(k), 5));
        for (uint64_t k = 0; k < 100000; k++)
            taken += diff_filter_has(&filter, key_of(k), 6);
        assert_true(taken < 100000 / 100);
        diff_filter_deinit(&filter);
    }
}

/* Far more rows than memory, and nobody said so: entries spill, partitions are split. */
static void
test_wrong_expectation(void **state)
{
    uint64_t changed = 0, removed = 0, added = 0;
    struct eff_hash128 last = {0, 0};
    struct place p;

    (void)state;
    place_open(&p);
    make_snapshot(&p, 300000);
    must_open(&p, 128 << 10, 3);
    for (uint64_t i = 1000; i < 301000; i++)
        must_add(&p, i, i % 100 == 0 ? i + 1 : i, EFF_STR_NONE);
    for (;;) {
        struct eff_change change = must_next(&p);

        if (change.kind == EFF_CHANGE_END)
            break;
        assert_true(eff_hash128_cmp(last, change.key) < 0);
        last = change.key;
        changed += change.kind == EFF_CHANGE_CHANGE;
        added += change.kind == EFF_CHANGE_ADD;
        removed += change.kind == EFF_CHANGE_REMOVE;
    }
    assert_int_equal(changed, 2990);
    assert_int_equal(added, 1000);
    assert_int_equal(removed, 1000);
    assert_int_equal(eff_diff_counts(p.diff)->unchanged, 300000 - 1000 - 2990);
    place_close(&p);
}

/* With content, or with so few rows expected that partitions are split. */
static enum eff_fault
run_all(struct place *p, int64_t expected, eff_str content, struct eff_err *err)
{
    struct eff_change change;

    EFF_TRY(try_open(p, 40 << 10, expected, err));
    for (uint64_t i = 500; i < 9000; i++)
        EFF_TRY(eff_diff_add(p->diff, key_of(i), i, i, i % 3 == 0 ? content : EFF_STR_NONE, err));
    do
        EFF_TRY(eff_diff_next(p->diff, &change, err));
    while (change.kind != EFF_CHANGE_END);
    return EFF_OK;
}

static void
every_call_fails(uint64_t step, int64_t expected, eff_str content)
{
    uint64_t faults = 0;

    for (uint64_t nth = 1;; nth += step) {
        struct eff_err err = {0};
        enum eff_fault fault;
        struct place p;
        bool failed;

        place_open(&p);
        make_snapshot(&p, 8000);
        testos_plan(&p.world, TESTOS_ALL, nth, nth % 2 ? EIO : ENOSPC, false);
        fault = run_all(&p, expected, content, &err);
        failed = p.world.failed;
        if (failed) {
            assert_int_equal(fault, EFF_BROKEN);
            assert_int_equal(err.code, nth % 2 ? EIO : ENOSPC);
            assert_true(err.msg[0] != '\0');
            faults++;
        } else {
            assert_int_equal(fault, EFF_OK);
        }
        place_close(&p);
        if (!failed)
            break;
    }
    assert_true(faults > 50);
}

static void
test_every_file_call_fails_once(void **state)
{
    static char large[400];

    (void)state;
    memset(large, 'x', sizeof(large));
    every_call_fails(1, 1000, EFF_STR("some content"));
    every_call_fails(3, 3, (eff_str){large, sizeof(large)});
}

/* A block that rotted between two runs is told, by the filter's pass or by the comparison. */
static void
test_damaged_snapshot_is_told(void **state)
{
    (void)state;
    for (long at = 200; at < 60000; at += 6007) {
        struct eff_err err = {0};
        struct place p;
        char path[512];
        FILE *file;
        int byte;

        place_open(&p);
        make_snapshot(&p, 2500);
        snprintf(path, sizeof(path), "%s/snapshot-00000000000000000001", p.folder);
        file = fopen(path, "r+b");
        assert_non_null(file);
        fseek(file, at, SEEK_SET);
        byte = fgetc(file);
        fseek(file, at, SEEK_SET);
        fputc(byte ^ 16, file);
        fclose(file);
        assert_int_equal(run_all(&p, 1000, EFF_STR("some content"), &err), EFF_BROKEN);
        assert_non_null(strstr(err.msg, "block 0"));
        place_close(&p);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_change_ends_at_once),
        cmocka_unit_test(test_equal_count_is_not_enough),
        cmocka_unit_test(test_invalid_row_keeps_its_record),
        cmocka_unit_test(test_hot_keys_stay_small),
        cmocka_unit_test(test_content_of_any_size),
        cmocka_unit_test(test_filter_misses_few),
        cmocka_unit_test(test_filters_of_any_size),
        cmocka_unit_test(test_wrong_expectation),
        cmocka_unit_test(test_every_file_call_fails_once),
        cmocka_unit_test(test_damaged_snapshot_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
