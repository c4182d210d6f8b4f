// links: base flow os conf state record testlib
/*
 * Goal: the next generation holds what was acknowledged, says "unknown" of what may have been
 * applied, and is not written on verdicts that cannot be read.
 * Method: change files of one row each, verdicts as they are stored, and the snapshot that
 * follows; the n-th call of the world fails while it is recorded, and it is recorded again.
 * covers: A6
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
#include "record/record.h"
#include "state/history.h"

#define RUN     EFF_STR("01HZZZZZZZZZZZZZZZZZZZZZZZ")
#define HAS_ID  0x10 /* of a stored verdict */
#define MEMORY  ((size_t)1 << 20)
#define KEY     ((struct eff_hash128){7, 7})
#define APPLIED ((char)EFF_APPLIED)
#define MAYBE   ((char)EFF_MAYBE_APPLIED)

static struct place place;
static struct eff_err err;
static const eff_str name = {"Email", 5};
static const struct eff_snapshot_column column = {.id = 1, .field = {"Email", 5}};

/* ---- what was sent, and what became of it ---- */

struct sent {
    enum eff_op op;
    eff_str identity; /* frozen with it */
    bool moves;       /* from another match value */
    eff_str verdicts;
};

static eff_str
identity_of(const char *key_json, const char *remote_id)
{
    struct eff_buf buf = {0};
    eff_str identity;

    eff_buf_add_slice(&buf, eff_str_of(key_json));
    eff_buf_add_slice(&buf, remote_id ? eff_str_of(remote_id) : EFF_STR_NONE);
    eff_buf_add(&buf, EFF_STR("match"));
    identity = eff_str_copy(&place.arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return identity;
}

/* All rows of it, from a remote id. */
static eff_str
verdict_of(char outcome, const char *remote_id)
{
    struct eff_buf buf = {0};
    eff_str verdict;

    eff_buf_add_char(&buf, (char)(outcome | HAS_ID));
    eff_buf_add_slice(&buf, eff_str_of(remote_id));
    verdict = eff_str_copy(&place.arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return verdict;
}

static struct eff_changes *
changes_of(const struct sent *sent)
{
    const char *path = eff_str_printf(&place.arena, "%s/changes-01", place.folder).ptr;
    const struct eff_changes_names names = {EFF_STR("Contact"), 1, &name, 1, &name};
    struct eff_value match = eff_value_of_int(EFF_INT, 7), old = eff_value_of_int(EFF_INT, 6);
    const struct eff_item item = {.key = KEY,
                                  .key_json = EFF_STR("{\"id\":7}"),
                                  .match = &match,
                                  .old_match = sent->moves ? &old : NULL,
                                  .fields = &match};
    const struct eff_acknowledged ack = {.key = KEY, .row = 9, .identity = sent->identity};
    const struct eff_batch_ref batch = {.op = sent->op, .rows = 1, .chunks = 1};
    struct eff_changes_writer *writer;
    const struct eff_chunk *chunks;
    struct eff_changes *changes;
    uint64_t digest;
    size_t count;

    assert_int_equal(
        eff_changes_create(&place.world.os, path, false, &names, &place.arena, &writer, &err),
        EFF_OK);
    assert_int_equal(eff_changes_add(writer, sent->op, EFF_GROUP_FREE, &item, &ack, &err), EFF_OK);
    assert_int_equal(eff_changes_chunks(writer, &count, &chunks, &err), EFF_OK);
    assert_int_equal(eff_changes_seal(writer, &batch, 1, &digest, &err), EFF_OK);
    eff_changes_writer_close(writer);
    assert_int_equal(eff_changes_open(&place.world.os, path, &place.arena, &changes, &err), EFF_OK);
    return changes;
}

static struct eff_snapshot *
newest(void)
{
    struct eff_snapshot *snapshot;

    assert_int_equal(
        eff_snapshot_open(&place.world.os, place.folder, &place.arena, &snapshot, &err), EFF_OK);
    return snapshot;
}

/* On the newest generation, if there is one; the fail_at-th call of the world fails, 0: none. */
static enum eff_fault
record_failing(const struct sent *sent, bool settled, bool with_identities, uint64_t fail_at)
{
    struct eff_snapshot *snapshot = newest();
    struct eff_changes *changes = changes_of(sent);
    const struct eff_settled verdicts = {.settled = settled, .verdicts = sent->verdicts};
    struct eff_arena batch;
    const struct eff_recording recording = {
        .os = &place.world.os,
        .folder = place.folder,
        .run_id = RUN,
        .snapshot = eff_snapshot_head(snapshot)->generation > 0 ? snapshot : NULL,
        .columns_count = 1,
        .columns = &column,
        .with_identities = with_identities,
        .memory_bytes = MEMORY,
        .changes = changes,
        .settled_count = 1,
        .settled = &verdicts,
        .now_ms = 5,
        .run = &place.arena,
        .batch = &batch};
    enum eff_fault fault;

    eff_arena_init(&batch, "batch", MEMORY);
    testos_plan(&place.world, TESTOS_ALL, fail_at, EIO, false);
    fault = eff_record_run(&recording, &err);
    place.world.fail_calls = 0;
    eff_arena_deinit(&batch);
    eff_changes_close(changes);
    eff_snapshot_close(snapshot);
    return fault;
}

static enum eff_fault
record(const struct sent *sent, bool settled, bool with_identities)
{
    return record_failing(sent, settled, with_identities, 0);
}

/* What the newest generation says of the row; false: nothing. */
static bool
recorded(struct eff_entry *ret_entry, eff_str *ret_identity)
{
    struct eff_snapshot *snapshot = newest();
    bool found;

    assert_int_equal(
        eff_snapshot_find(snapshot, KEY, &found, ret_entry, &place.arena, ret_identity, &err),
        EFF_OK);
    eff_snapshot_close(snapshot);
    return found;
}

static uint64_t
generation(void)
{
    struct eff_snapshot *snapshot = newest();
    uint64_t number = eff_snapshot_head(snapshot)->generation;

    eff_snapshot_close(snapshot);
    return number;
}

static void
delivered(const char *remote_id)
{
    const struct sent sent = {EFF_OP_UPSERT, identity_of("{\"id\":7}", NULL), false,
                              verdict_of(APPLIED, remote_id)};

    assert_int_equal(record(&sent, true, true), EFF_OK);
}

/* ---- tests ---- */

static void
test_the_id_that_was_told_is_kept(void **state)
{
    const struct sent odd = {EFF_OP_UPSERT, EFF_STR("odd"), false, verdict_of(APPLIED, "r2")};
    const struct sent quiet = {EFF_OP_UPSERT, identity_of("{\"id\":7}", "r1"), false, EFF_STR_NONE};
    struct eff_entry entry;
    eff_str identity;

    (void)state;
    delivered("r1");
    assert_true(recorded(&entry, &identity));
    assert_int_equal(entry.row, 9);
    assert_true(eff_str_eq(identity, identity_of("{\"id\":7}", "r1")));
    assert_int_equal(record(&quiet, true, true), EFF_OK); // no id is told: that of the row is kept
    assert_true(recorded(&entry, &identity));
    assert_true(eff_str_eq(identity, quiet.identity));
    // What cannot be read is left as it was frozen, not cut.
    assert_int_equal(record(&odd, true, true), EFF_OK);
    assert_true(recorded(&entry, &identity));
    assert_true(eff_str_is(identity, "odd"));
}

/* The row is removed again as long as its record may be there; once it is not recorded, it is gone. */
static void
test_a_removal_that_may_have_been_applied(void **state)
{
    const struct sent removal = {
        EFF_OP_DELETE, identity_of("{\"id\":7}", "r1"), false, {&(const char){MAYBE}, 1}};
    const struct sent removed = {EFF_OP_DELETE, removal.identity, false, EFF_STR_NONE};
    struct eff_entry entry;
    eff_str identity;

    (void)state;
    assert_int_equal(record(&removal, true, true), EFF_OK); // there is no snapshot
    assert_true(recorded(&entry, &identity));
    assert_int_equal(entry.row, EFF_ENTRY_UNKNOWN);
    assert_true(eff_str_eq(identity, removal.identity));
    assert_int_equal(record(&removal, true, true), EFF_OK); // it is in it
    assert_true(recorded(&entry, &identity));
    assert_int_equal(record(&removed, true, true), EFF_OK);
    assert_false(recorded(&entry, &identity));
    assert_int_equal(record(&removal, true, true), EFF_OK); // it was recorded as gone before
    assert_false(recorded(&entry, &identity));
}

/* Where its record stands now, only the identity from before can tell. */
static void
test_a_move_that_may_have_been_applied(void **state)
{
    const struct sent move = {
        EFF_OP_UPDATE, identity_of("{\"new\":7}", NULL), true, {&(const char){MAYBE}, 1}};
    struct eff_entry entry;
    eff_str identity;

    (void)state;
    delivered("r1");
    assert_int_equal(record(&move, true, true), EFF_OK);
    assert_true(recorded(&entry, &identity));
    assert_int_equal(entry.row, EFF_ENTRY_UNKNOWN);
    assert_true(eff_str_eq(identity, identity_of("{\"id\":7}", "r1")));
}

static void
test_verdicts_that_do_not_add_up(void **state)
{
    const struct sent sent = {EFF_OP_UPSERT,
                              identity_of("{\"id\":7}", NULL),
                              false,
                              {&(const char){APPLIED | HAS_ID}, 1}};

    (void)state;
    delivered("r1");
    assert_int_equal(record(&sent, true, true), EFF_BROKEN);
    assert_non_null(strstr(err.msg, "the verdicts of batch 0 do not add up"));
    assert_int_equal(generation(), 1);
}

static void
test_what_needs_no_generation(void **state)
{
    const struct sent sent = {EFF_OP_UPSERT, EFF_STR_NONE, false, EFF_STR_NONE};
    struct eff_entry entry;
    eff_str identity;

    (void)state;
    assert_int_equal(record(&sent, false, false), EFF_OK); // nothing was settled, nothing is there
    assert_int_equal(generation(), 0);
    delivered("r1");
    assert_int_equal(record(&sent, false, true), EFF_OK); // nor has a column changed
    assert_int_equal(generation(), 1);
    assert_int_equal(record(&sent, false, false), EFF_OK); // identities are kept no more
    assert_int_equal(generation(), 2);
    assert_true(recorded(&entry, &identity));
    assert_int_equal(entry.row, 9);
    assert_null(identity.ptr);
}

/* Recorded again after whatever failed, it is as if nothing had. */
static void
test_each_call_fails(void **state)
{
    const struct sent again = {EFF_OP_UPSERT, identity_of("{\"id\":7}", NULL), false,
                               verdict_of(APPLIED, "r2")};
    struct eff_history_row *rows;
    struct eff_entry entry;
    eff_str identity;
    uint64_t n = 0;
    size_t count;

    (void)state;
    delivered("r1");
    for (bool failed = true; failed;) {
        enum eff_fault fault = record_failing(&again, true, true, ++n);

        failed = place.world.failed;
        assert_true(fault == EFF_OK || (failed && fault == EFF_BROKEN));
        assert_true(recorded(&entry, &identity)); // the old generation, or the new one
        assert_int_equal(record(&again, true, true), EFF_OK);
        assert_true(recorded(&entry, &identity));
        assert_true(eff_str_eq(identity, identity_of("{\"id\":7}", "r2")));
        assert_int_equal(eff_history_find(&place.world.os, place.folder, KEY, 2, &place.arena,
                                          &count, &rows, &err),
                         EFF_OK);
        assert_int_equal(count, 1);
    }
    assert_true(n > 15);
}

static int
set_up(void **state)
{
    (void)state;
    place_open(&place, (size_t)4 << 30);
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

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_the_id_that_was_told_is_kept),
        IN_PLACE(test_a_removal_that_may_have_been_applied),
        IN_PLACE(test_a_move_that_may_have_been_applied),
        IN_PLACE(test_verdicts_that_do_not_add_up),
        IN_PLACE(test_what_needs_no_generation),
        IN_PLACE(test_each_call_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
