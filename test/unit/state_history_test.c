// links: base flow os conf state testlib
/*
 * Goal: the history gives back what was delivered, newest first; a damaged file is told from a
 * whole one and never makes the search fail or take the memory of the process; forgetting a key
 * leaves nothing of it, whenever it dies.
 * Method: histories of some runs in real files. Cut at each length and each byte flipped; one
 * longer than what is read at once; heads that lie; the n-th call of the world fails, for every n.
 * covers: S18
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
#include "state/history.h"

#define RUN_1   "01HZZZZZZZZZZZZZZZZZZZZZZZ"
#define RUN_2   "01J0000000000000000000000Z"
#define DAYS_MS ((int64_t)86400000)

static struct place place;
static struct eff_err err;

static const struct eff_hash128 ann = {7, 1}, bob = {8, 2};

static int
set_up(void **state)
{
    (void)state;
    place_open(&place, (size_t)8 << 20);
    err = (struct eff_err){0};
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    place_close(&place);
    return 0;
}

static const char *
path_of(const char *run)
{
    return eff_str_printf(&place.arena, "%s/history-%s", place.folder, run).ptr;
}

/* Ann and, as often as it says, Bob between two of her rows. */
static enum eff_fault
write_run(const char *run, size_t bobs)
{
    static const eff_str names[] = {{"Id", 2}, {"Email", 5}, {"Score", 5}};
    const struct eff_changes_names of = {EFF_STR("Contact"), 1, names, 2, names + 1};
    struct eff_value fields[] = {eff_value_of_int(EFF_INT, 8), {.kind = EFF_ABSENT}};
    struct eff_item item = {.key = ann, .fields = fields};
    struct eff_arena here = place.arena;
    struct eff_history_writer *writer = NULL;
    enum eff_fault fault;

    fault = eff_history_create(&place.world.os, place.folder, eff_str_of(run), &of, 77, &here,
                               &writer, &err);
    if (fault == EFF_OK)
        fault =
            eff_history_add(writer, EFF_OP_CREATE, &item, 5, EFF_APPLIED, EFF_STR("003A"), &err);
    item.key = bob;
    for (size_t i = 0; i < bobs && fault == EFF_OK; i++)
        fault = eff_history_add(writer, EFF_OP_UPDATE, &item, 5, EFF_TAKEN, EFF_STR_NONE, &err);
    item.key = ann;
    fields[1] = eff_value_of_int(EFF_INT, 9);
    if (fault == EFF_OK)
        fault = eff_history_add(writer, EFF_OP_DELETE, &item, 5, EFF_REFUSED, EFF_STR_NONE, &err);
    if (fault == EFF_OK)
        fault = eff_history_commit(writer, &err);
    eff_history_writer_close(writer);
    return fault;
}

static size_t
found_of(struct eff_hash128 key)
{
    struct eff_arena here = place.arena;
    struct eff_history_row *rows;
    size_t count;

    assert_int_equal(
        eff_history_find(&place.world.os, place.folder, key, 50, &here, &count, &rows, &err),
        EFF_OK);
    return count;
}

static bool
is_whole(const char *run)
{
    bool whole = false;

    assert_int_equal(eff_history_check(&place.world.os, path_of(run), place.arena, &whole, &err),
                     EFF_OK);
    return whole;
}

static eff_str
bytes_of(const char *run)
{
    eff_str bytes = EFF_STR_NONE;

    assert_int_equal(eff_os_read_file(&place.world.os, path_of(run), (size_t)8 << 20, &place.arena,
                                      &bytes, &err),
                     EFF_OK);
    return bytes;
}

static void
put(const char *run, eff_str bytes)
{
    assert_int_equal(eff_os_replace_file(&place.world.os, path_of(run), bytes, &err), EFF_OK);
}

static void
what_was_delivered_is_found(void **state)
{
    struct eff_history_row *rows;
    size_t count;

    (void)state;
    assert_int_equal(write_run(RUN_1, 1), EFF_OK);
    assert_int_equal(write_run(RUN_2, 1), EFF_OK);
    assert_int_equal(
        eff_history_find(&place.world.os, place.folder, ann, 50, &place.arena, &count, &rows, &err),
        EFF_OK);
    assert_int_equal(count, 4);
    assert_true(eff_str_is(rows[0].run, RUN_2) && eff_str_is(rows[2].run, RUN_1));
    assert_int_equal(rows[0].when_ms, 77);
    assert_int_equal(rows[0].op, EFF_OP_CREATE);
    assert_int_equal(rows[0].outcome, EFF_APPLIED);
    assert_true(eff_str_is(rows[0].remote_id, "003A"));
    assert_int_equal(rows[0].fields_count, 1);
    assert_true(eff_str_is(rows[0].fields[0], "Email"));
    assert_int_equal(rows[1].outcome, EFF_REFUSED);
    assert_null(rows[1].remote_id.ptr);
    assert_int_equal(rows[1].fields_count, 2);
    assert_int_equal(
        eff_history_find(&place.world.os, place.folder, ann, 3, &place.arena, &count, &rows, &err),
        EFF_OK);
    assert_int_equal(count, 3); /* as many as were asked for */
    assert_int_equal(found_of((struct eff_hash128){7, 2}), 0);
    assert_true(is_whole(RUN_1) && is_whole(RUN_2));
}

/* More than is read or written at once: no record is lost where two pieces meet. */
static void
a_long_one_is_read_in_pieces(void **state)
{
    uint64_t forgotten;

    (void)state;
    assert_int_equal(write_run(RUN_1, 60000), EFF_OK);
    assert_true(bytes_of(RUN_1).len > (size_t)3 << 19);
    assert_true(is_whole(RUN_1));
    assert_int_equal(found_of(ann), 2);
    assert_int_equal(
        eff_history_forget(&place.world.os, place.folder, bob, place.arena, &forgotten, &err),
        EFF_OK);
    assert_int_equal(forgotten, 60000);
    assert_true(is_whole(RUN_1));
    assert_int_equal(found_of(bob), 0);
    assert_int_equal(found_of(ann), 2);
}

static void
what_was_cut_is_not_whole(void **state)
{
    eff_str bytes;
    size_t records = 0, before = 0;

    (void)state;
    assert_int_equal(write_run(RUN_1, 1), EFF_OK);
    bytes = bytes_of(RUN_1);
    for (size_t len = 0; len < bytes.len; len++) {
        put(RUN_1, eff_str_sub(bytes, 0, len));
        records = found_of(ann) + found_of(bob);
        assert_true(records >= before && records < 3); /* whole records are found, others never */
        before = records;
        /* Its end may be that of a record: what was appended later is not missed. */
        if (is_whole(RUN_1))
            assert_true(len > 28);
    }
    assert_int_equal(records, 2);
}

/* No bytes make it fail: it explains, and nothing depends on it. */
static void
damage_is_borne(void **state)
{
    eff_str bytes;
    char *other;

    (void)state;
    assert_int_equal(write_run(RUN_1, 1), EFF_OK);
    bytes = bytes_of(RUN_1);
    other = eff_str_c(&place.arena, bytes);
    for (size_t i = 0; i < bytes.len; i++) {
        other[i] ^= 0x40;
        put(RUN_1, (eff_str){other, bytes.len});
        assert_true(found_of(ann) <= 2);
        (void)is_whole(RUN_1);
        other[i] ^= 0x40;
    }
    other[0] = 'x';
    put(RUN_1, (eff_str){other, bytes.len});
    assert_int_equal(found_of(ann), 0);
    assert_false(is_whole(RUN_1));
}

/* A head of a megabyte that claims to name 900,000 fields: the arena has room for half of them. */
static void
names_that_are_not_there_get_no_memory(void **state)
{
    struct eff_buf buf = {0};

    (void)state;
    eff_buf_add(&buf, EFF_STR("EFFHIS01"));
    eff_buf_add_u64(&buf, 1);
    eff_buf_add_u32(&buf, 900000);
    memset(eff_buf_reserve(&buf, 1000000), 0xff, 1000000);
    buf.len += 1000000;
    put(RUN_1, eff_buf_str(&buf));
    eff_buf_free(&buf);
    assert_int_equal(found_of(ann), 0);
    assert_false(is_whole(RUN_1));
}

static void
forgetting_survives_a_death_at_every_call(void **state)
{
    uint64_t forgotten, nth = 0;
    enum eff_fault fault;

    (void)state;
    assert_int_equal(write_run(RUN_1, 2), EFF_OK);
    assert_int_equal(write_run(RUN_2, 0), EFF_OK);
    do {
        testos_plan(&place.world, TESTOS_ALL, ++nth, EIO, true);
        err = (struct eff_err){0};
        fault =
            eff_history_forget(&place.world.os, place.folder, ann, place.arena, &forgotten, &err);
        assert_int_equal(fault != EFF_OK, place.world.failed);
        assert_true(fault == EFF_OK || err.code == EIO);
        place.world.failed = false;
        testos_plan(&place.world, 0, 0, 0, false);
        assert_int_equal(found_of(bob), 2); /* whatever happened, nobody else is lost */
        assert_true(is_whole(RUN_1) && is_whole(RUN_2));
    } while (fault != EFF_OK);
    assert_int_equal(found_of(ann), 0);
    assert_true(nth > 10);
}

static void
a_write_that_fails_leaves_none(void **state)
{
    uint64_t nth = 0;
    enum eff_fault fault;

    (void)state;
    do {
        testos_plan(&place.world, TESTOS_ALL, ++nth, ENOSPC, true);
        fault = write_run(RUN_1, 1);
        assert_int_equal(fault != EFF_OK, place.world.failed);
        place.world.failed = false;
        testos_plan(&place.world, 0, 0, 0, false);
        assert_int_equal(found_of(bob), fault == EFF_OK ? 1 : 0);
    } while (fault != EFF_OK);
    assert_true(nth > 2);
}

/* No more are read than were asked for, the newest run's first. */
static void
no_more_than_were_asked_for(void **state)
{
    struct eff_history_row *rows;
    size_t count;

    (void)state;
    assert_int_equal(write_run("01HZZZZZZZZZZZZZZZZZZZZZZA", 0), EFF_OK);
    assert_int_equal(write_run("01HZZZZZZZZZZZZZZZZZZZZZZB", 0), EFF_OK);
    testos_plan(&place.world, TESTOS_OPEN, 0, 0, false);
    assert_int_equal(
        eff_history_find(&place.world.os, place.folder, ann, 2, &place.arena, &count, &rows, &err),
        EFF_OK);
    assert_int_equal(count, 2);
    assert_true(eff_str_is(rows[0].run, "01HZZZZZZZZZZZZZZZZZZZZZZB"));
    assert_int_equal(place.world.counted, 1); // the older one was not opened
}

/* A disk that cannot be read says nothing of the file. */
static void
a_check_that_fails_is_told(void **state)
{
    enum eff_fault fault;
    uint64_t n = 0;

    (void)state;
    assert_int_equal(write_run("01HZZZZZZZZZZZZZZZZZZZZZZA", 3), EFF_OK);
    do {
        bool whole = true;

        testos_plan(&place.world, TESTOS_ALL, ++n, EIO, false);
        fault = eff_history_check(&place.world.os, path_of("01HZZZZZZZZZZZZZZZZZZZZZZA"),
                                  place.arena, &whole, &err);
        assert_int_equal(fault != EFF_OK, place.world.failed);
        assert_int_equal(place.world.open_files, 0);
    } while (fault != EFF_OK);
    assert_true(n > 4);
}

static void
old_ones_are_swept(void **state)
{
    int64_t now = INT64_C(1717000000000) + EFF_HISTORY_DAYS * DAYS_MS; /* past RUN_1 and RUN_2 */
    eff_str *names;
    size_t count;

    (void)state;
    assert_int_equal(write_run("00000000000000000000000000", 0), EFF_OK);
    assert_int_equal(write_run(RUN_1, 0), EFF_OK);
    put("x", EFF_STR("no run has this id"));
    assert_int_equal(
        eff_history_sweep(&place.world.os, place.folder, now - DAYS_MS, place.arena, &err), EFF_OK);
    assert_int_equal(
        place.world.os.list(place.world.os.self, place.folder, &place.arena, &count, &names, &err),
        EFF_OK);
    assert_int_equal(count, 1);
    assert_true(eff_str_is(names[0], "history-" RUN_1));
    testos_plan(&place.world, TESTOS_UNLINK, 1, EIO, false);
    assert_int_equal(
        eff_history_sweep(&place.world.os, place.folder, now + 100 * DAYS_MS, place.arena, &err),
        EFF_BROKEN);
    assert_int_equal(found_of(ann), 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_delivered_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_long_one_is_read_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_cut_is_not_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damage_is_borne, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_that_are_not_there_get_no_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(forgetting_survives_a_death_at_every_call, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_write_that_fails_leaves_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(old_ones_are_swept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_more_than_were_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_check_that_fails_is_told, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
