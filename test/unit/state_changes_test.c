// links: base flow os conf state testlib
/*
 * Goal: a change file gives back what was frozen, or is refused: whatever was lost, flipped or
 * forged in it; a call that fails is told as what it is.
 * Method: one file with every kind of item, in real files. Read back; each of its bytes flipped,
 * each length cut; the same file with lies in it whose checksums are right; the n-th call of the
 * world fails, for every n. What lies about its size gets no memory: the arena is small.
 * covers: S18
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/place.h"
#include "state/changes.h"

#define SEED  0x45464643484e4731u /* of the file's checksums */
#define TABLE 24                  /* bytes of one chunk, or one batch, in the table */

static struct place place;
static const char *changes_path;
static struct eff_err err;

static const eff_str names[] = {{"Id", 2}, {"Email", 5}, {"Score", 5}};
static const struct eff_changes_names of = {{"Contact", 7}, 1, names, 2, names + 1};

static int
set_up(void **state)
{
    (void)state;
    place_open(&place, (size_t)2 << 20);
    changes_path = eff_str_printf(&place.arena, "%s/changes-01", place.folder).ptr;
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

/* ---- making one ---- */

static struct eff_item
item_of(struct eff_value *values, uint64_t n)
{
    values[0] = eff_value_of_int(EFF_INT, (int64_t)n);
    values[1] = eff_value_of_str(EFF_TEXT, EFF_STR("ann@example.com"));
    values[2] = (struct eff_value){.kind = EFF_ABSENT};
    return (struct eff_item){.key = {n, 1},
                             .key_json = EFF_STR("{\"id\":7}"),
                             .match = values,
                             .fields = values + 1,
                             .remote_id = EFF_STR("003A"),
                             .idempotency_key = EFF_STR("key")};
}

/* Three rows to upsert in two chunks, one that moves, one member that leaves something. */
static enum eff_fault
write_rows(struct eff_changes_writer *writer)
{
    struct eff_value old = eff_value_of_int(EFF_INT, -1), values[3], leaving[3];
    struct eff_acknowledged ack = {.row = 9, .identity = EFF_STR("{\"id\":7}")};
    struct eff_item item = item_of(values, 1);

    for (uint64_t i = 1; i <= 3; i++) {
        item.key.hi = ack.key.hi = i;
        item.key.lo = ack.key.lo = 1;
        EFF_TRY(eff_changes_add(writer, EFF_OP_UPSERT, EFF_GROUP_FREE, &item, &ack, &err));
        if (i == 2)
            EFF_TRY(eff_changes_cut(writer, EFF_OP_UPSERT, EFF_GROUP_FREE, 20, &err));
    }
    item.old_match = &old;
    EFF_TRY(eff_changes_add(writer, EFF_OP_UPDATE, EFF_GROUP_MOVED, &item, &ack, &err));
    item.old_match = NULL;
    item_of(leaving, 5);
    item.leaving_count = 1;
    item.leaving = leaving;
    ack.unsure = EFF_STR("{\"unsure\":1}");
    return eff_changes_add(writer, EFF_OP_DELETE, EFF_GROUP_GUARDED, &item, &ack, &err);
}

static const struct eff_batch_ref batches[] = {
    {.op = EFF_OP_UPSERT, .rows = 3, .chunks = 2},
    {.op = EFF_OP_UPDATE, .group = EFF_GROUP_MOVED, .rows = 1, .chunks = 1},
    {.op = EFF_OP_DELETE, .group = EFF_GROUP_GUARDED, .held = true, .rows = 1, .chunks = 1},
};

static enum eff_fault
write_file(uint64_t *ret_digest)
{
    struct eff_changes_writer *writer = NULL;
    const struct eff_chunk *chunks;
    enum eff_fault fault;
    size_t count = 0;

    fault =
        eff_changes_create(&place.world.os, changes_path, false, &of, &place.arena, &writer, &err);
    if (fault == EFF_OK)
        fault = write_rows(writer);
    if (fault == EFF_OK)
        fault = eff_changes_chunks(writer, &count, &chunks, &err);
    if (fault == EFF_OK)
        fault = eff_changes_seal(writer, batches, 3, ret_digest, &err);
    eff_changes_writer_close(writer);
    assert_true(fault != EFF_OK || count == 4);
    return fault;
}

/* ---- reading it ---- */

/* All batches: EFF_OK, or what the first that fails says. */
static enum eff_fault
read_file(uint64_t *ret_digest)
{
    struct eff_arena here = place.arena;
    const struct eff_batch_ref *refs;
    struct eff_acknowledged *acks;
    struct eff_changes *changes;
    struct eff_delivery d;
    enum eff_fault fault;
    size_t count;

    err = (struct eff_err){0};
    fault = eff_changes_open(&place.world.os, changes_path, &here, &changes, &err);
    if (fault != EFF_OK)
        return fault;
    *ret_digest = eff_changes_digest(changes);
    count = eff_changes_count(changes, &refs);
    for (size_t i = 0; i < count && fault == EFF_OK; i++)
        fault = eff_changes_load(changes, i, &here, &d, &acks, &err);
    eff_changes_close(changes);
    return fault;
}

static eff_str
bytes_of_file(void)
{
    eff_str bytes = EFF_STR_NONE;

    assert_int_equal(
        eff_os_read_file(&place.world.os, changes_path, 1 << 20, &place.arena, &bytes, &err),
        EFF_OK);
    return bytes;
}

static void
put_file(eff_str bytes)
{
    assert_int_equal(eff_os_replace_file(&place.world.os, changes_path, bytes, &err), EFF_OK);
}

static void
all_that_was_frozen_comes_back(void **state)
{
    struct eff_changes *changes;
    const struct eff_batch_ref *refs;
    struct eff_acknowledged *acks;
    struct eff_delivery d;
    uint64_t digest = 0;

    (void)state;
    assert_int_equal(write_file(&digest), EFF_OK);
    assert_int_equal(eff_changes_open(&place.world.os, changes_path, &place.arena, &changes, &err),
                     EFF_OK);
    assert_true(eff_changes_digest(changes) == digest);
    assert_int_equal(eff_changes_count(changes, &refs), 3);
    assert_true(eff_str_is(eff_changes_names(changes)->object, "Contact"));
    assert_true(eff_str_is(eff_changes_names(changes)->field_names[1], "Score"));
    assert_true(refs[2].held && !refs[0].held);

    assert_int_equal(eff_changes_load(changes, 0, &place.arena, &d, &acks, &err), EFF_OK);
    assert_int_equal(d.count, 3);
    assert_int_equal(d.op, EFF_OP_UPSERT);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(d.items[i].index, i);
        assert_int_equal(d.items[i].key.hi, i + 1);
        assert_int_equal(acks[i].key.hi, i + 1);
    }
    assert_true(eff_str_is(acks[0].identity, "{\"id\":7}") && acks[0].row == 9);
    assert_true(eff_str_is(d.items[0].remote_id, "003A"));
    assert_true(eff_str_is(eff_value_str(&d.items[0].fields[0]), "ann@example.com"));
    assert_int_equal(d.items[0].fields[1].kind, EFF_ABSENT);

    assert_int_equal(eff_changes_load(changes, 1, &place.arena, &d, NULL, &err), EFF_OK);
    assert_int_equal(d.items[0].old_match[0].i, -1);
    assert_int_equal(eff_changes_load(changes, 2, &place.arena, &d, &acks, &err), EFF_OK);
    assert_int_equal(d.items[0].leaving_count, 1);
    assert_int_equal(d.items[0].leaving[0].i, 5);
    assert_true(eff_str_is(acks[0].unsure, "{\"unsure\":1}"));
    eff_changes_close(changes);
    eff_changes_close(NULL);
}

static void
no_byte_may_be_another(void **state)
{
    uint64_t digest = 0, found = 0;
    eff_str bytes;
    char *other;

    (void)state;
    assert_int_equal(write_file(&digest), EFF_OK);
    bytes = bytes_of_file();
    other = eff_str_c(&place.arena, bytes);
    for (size_t i = 0; i < bytes.len; i++) {
        enum eff_fault fault;

        other[i] ^= 0x20;
        put_file((eff_str){other, bytes.len});
        fault = read_file(&found);
        if (fault != EFF_BROKEN && fault != EFF_CONFIG)
            fail_msg("byte %zu was flipped, and nobody noticed", i);
        assert_true(err.msg[0] != '\0' && err.hint[0] != '\0');
        other[i] ^= 0x20;
    }
}

static void
no_part_may_be_missing(void **state)
{
    uint64_t digest = 0, found = 0;
    eff_str bytes;

    (void)state;
    assert_int_equal(write_file(&digest), EFF_OK);
    bytes = bytes_of_file();
    for (size_t len = 0; len < bytes.len; len++) {
        put_file(eff_str_sub(bytes, 0, len));
        assert_int_equal(read_file(&found), EFF_BROKEN);
        assert_non_null(strstr(err.msg, "is damaged: "));
    }
}

static void
another_format_is_for_another_version(void **state)
{
    uint64_t digest;
    char *other;
    eff_str bytes;

    (void)state;
    assert_int_equal(write_file(&digest), EFF_OK);
    bytes = bytes_of_file();
    other = eff_str_c(&place.arena, bytes);
    other[7] = '3';
    put_file((eff_str){other, bytes.len});
    assert_int_equal(read_file(&digest), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "has format 03, this efferent reads format 02"));
    other[7] = '1'; // a version before, which knew fewer parts
    put_file((eff_str){other, bytes.len});
    assert_int_equal(read_file(&digest), EFF_OK);
}

/* A head that is shorter than the end of a file, and nothing behind it. */
static void
nothing_but_a_head(void **state)
{
    static const struct eff_changes_names none = {.object = {"", 0}};
    struct eff_changes_writer *writer;
    const struct eff_chunk *chunks;
    uint64_t digest;
    eff_str bytes;
    size_t count;

    (void)state;
    assert_int_equal(eff_changes_create(&place.world.os, changes_path, false, &none, &place.arena,
                                        &writer, &err),
                     EFF_OK);
    assert_int_equal(eff_changes_chunks(writer, &count, &chunks, &err), EFF_OK);
    assert_int_equal(eff_changes_seal(writer, NULL, 0, &digest, &err), EFF_OK);
    eff_changes_writer_close(writer);
    assert_int_equal(read_file(&digest), EFF_OK);
    bytes = bytes_of_file();
    put_file((eff_str){bytes.ptr, 32});
    assert_int_equal(read_file(&digest), EFF_BROKEN);
    assert_non_null(strstr(err.msg, "it ends too early"));
}

/* ---- lies with right checksums ---- */

static uint64_t
u64_at(const char *at)
{
    uint64_t n;

    memcpy(&n, at, sizeof n);
    return n;
}

static uint64_t
mixed(uint64_t digest, uint64_t checksum)
{
    uint64_t pair[2] = {digest, checksum};

    return eff_xxh3(SEED, pair, sizeof pair);
}

/* Puts all checksums of the file right, going by the chunks that are really there. */
static void
forge(char *bytes, size_t len)
{
    uint64_t table_at = u64_at(bytes + len - 40), table_bytes = u64_at(bytes + len - 32), sum;
    uint64_t digest;
    uint32_t head, chunk;

    memcpy(&head, bytes + 8, 4);
    sum = eff_xxh3(SEED, bytes + 20, head);
    memcpy(bytes + 12, &sum, 8);
    digest = mixed(0, sum);
    for (size_t at = 20 + (size_t)head; at < table_at; at += 16 + (size_t)chunk) {
        memcpy(&chunk, bytes + at + 4, 4);
        sum = eff_xxh3(SEED, bytes + at + 16, chunk);
        memcpy(bytes + at + 8, &sum, 8);
        digest = mixed(digest, sum);
    }
    sum = eff_xxh3(SEED, bytes + table_at, table_bytes);
    memcpy(bytes + len - 24, &sum, 8);
    digest = mixed(digest, sum);
    memcpy(bytes + len - 16, &digest, 8);
}

struct lie {
    const char *about;
    bool in_table; /* `at` counts from the table, or from the first chunk, or from the head */
    bool in_chunk;
    size_t at, width;
    uint64_t value;
    bool told_by_chunk; /* the chunk's own head says the same */
};

#define FIRST_BATCH (8 + 4 * TABLE + 8)

static const struct lie lies[] = {
    {"match names", .at = 4 + 7, .width = 4, .value = 0x7fffffff},
    {"field names", .at = 4 + 7 + 4 + 4 + 2, .width = 4, .value = 40},
    {"the count of chunks", .in_table = true, .at = 0, .width = 8, .value = 1u << 30},
    {"the count of batches", .in_table = true, .at = 8 + 4 * TABLE, .width = 8, .value = 1u << 30},
    {"where a chunk is", .in_table = true, .at = 8, .width = 8, .value = 0},
    {"a chunk's bytes", .in_table = true, .at = 16, .width = 8, .value = UINT64_C(1) << 32},
    {"the last chunk's bytes", .in_table = true, .at = 8 + 3 * TABLE + 8, .width = 8,
     .value = 5000},
    {"fewer batches", .in_table = true, .at = 8 + 4 * TABLE, .width = 8, .value = 2},
    {"a chunk's rows", .in_table = true, .at = 24, .width = 4, .value = 100000000,
     .told_by_chunk = true},
    {"a chunk's operation", .in_table = true, .at = 28, .width = 4, .value = 99 << 8},
    {"a chunk's group", .in_table = true, .at = 28, .width = 4, .value = 99},
    {"a batch's kind", .in_table = true, .at = FIRST_BATCH, .width = 4, .value = 2 << 16},
    {"a batch's rows", .in_table = true, .at = FIRST_BATCH + 4, .width = 4, .value = 100000000},
    {"fewer rows", .in_table = true, .at = FIRST_BATCH + 4, .width = 4, .value = 2},
    {"more rows", .in_table = true, .at = FIRST_BATCH + 4, .width = 4, .value = 5},
    {"a batch's chunks", .in_table = true, .at = FIRST_BATCH + 16, .width = 8, .value = 9},
    {"a batch's first chunk", .in_table = true, .at = FIRST_BATCH + 8, .width = 8,
     .value = 1u << 30},
    {"a chunk's own rows", .in_chunk = true, .at = 0, .width = 4, .value = 1},
    {"a text's length", .in_chunk = true, .at = 16 + 24, .width = 4, .value = 0x7fffffff},
};

static void
lies_are_refused_whatever_their_checksums(void **state)
{
    uint64_t digest = 0, found = 0;
    eff_str bytes;

    (void)state;
    assert_int_equal(write_file(&digest), EFF_OK);
    bytes = bytes_of_file();
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct eff_arena here = place.arena;
        char *other = eff_str_c(&here, bytes);
        size_t table = u64_at(other + bytes.len - 40), chunk = u64_at(other + table + 8);

        memcpy(other +
                   (lies[i].in_table   ? table
                    : lies[i].in_chunk ? chunk
                                       : 20) +
                   lies[i].at,
               &lies[i].value, lies[i].width);
        if (lies[i].told_by_chunk)
            memcpy(other + chunk, &lies[i].value, 4);
        forge(other, bytes.len);
        put_file((eff_str){other, bytes.len});
        if (read_file(&found) != EFF_BROKEN || !strstr(err.msg, "is damaged: "))
            fail_msg("a lie about %s: \"%s\"", lies[i].about, err.msg);
    }
}

/* The member's item is the last of the last chunk: its count stands before its three values. */
static void
a_lie_about_what_leaves(void **state)
{
    uint64_t digest = 0, found = 0;
    char *other;
    eff_str bytes;
    size_t at, table;

    (void)state;
    assert_int_equal(write_file(&digest), EFF_OK);
    bytes = bytes_of_file();
    other = eff_str_c(&place.arena, bytes);
    table = u64_at(other + bytes.len - 40);
    at = table - (4 + sizeof "{\"unsure\":1}" - 1) - (2 + 1 + 1 + 15 + 1) - 4;
    assert_int_equal(other[at], 1);
    for (uint32_t count = 2; count != 0; count = count == 2 ? UINT32_MAX : 0) {
        memcpy(other + at, &count, 4);
        forge(other, bytes.len);
        put_file((eff_str){other, bytes.len});
        assert_int_equal(read_file(&found), EFF_BROKEN);
        assert_non_null(strstr(err.msg, "a chunk does not add up"));
    }
}

/* ---- a world that fails ---- */

static void
a_write_that_fails_is_told(void **state)
{
    uint64_t digest;
    enum eff_fault fault;
    uint64_t nth = 0;

    (void)state;
    do {
        testos_plan(&place.world, TESTOS_ALL, ++nth, ENOSPC, false);
        err = (struct eff_err){0};
        fault = write_file(&digest);
        assert_true(fault == EFF_OK || (fault == EFF_BROKEN && err.code == ENOSPC));
        assert_int_equal(fault != EFF_OK, place.world.failed);
    } while (fault != EFF_OK);
    assert_true(nth > 4);
}

/* A path without a folder is in the present one. */
static void
a_path_without_a_folder(void **state)
{
    const char *path = changes_path;
    uint64_t digest = 0, found = 0;
    char here[4096];

    (void)state;
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(place.folder), 0);
    changes_path = "changes-01";
    assert_int_equal(write_file(&digest), EFF_OK);
    assert_int_equal(chdir(here), 0);
    changes_path = path;
    assert_int_equal(read_file(&found), EFF_OK);
    assert_true(found == digest);
}

/* A disk that cannot be read is no damage: its own words are what helps. */
static void
a_read_that_fails_is_told(void **state)
{
    uint64_t digest = 0, found = 0;
    enum eff_fault fault;
    uint64_t nth = 0;

    (void)state;
    assert_int_equal(write_file(&digest), EFF_OK);
    do {
        testos_plan(&place.world, TESTOS_ALL, ++nth, EIO, false);
        fault = read_file(&found);
        assert_int_equal(fault != EFF_OK, place.world.failed);
        if (fault != EFF_OK && (err.code != EIO || strstr(err.msg, "damaged")))
            fail_msg("call %d failed, and it says: %s", (int)nth, err.msg);
    } while (fault != EFF_OK);
    assert_true(found == digest && nth > 8);
}

static void
plan_leaves_nothing_behind(void **state)
{
    struct eff_changes_writer *writer;
    const struct eff_chunk *chunks;
    eff_str *left;
    size_t count;

    (void)state;
    assert_int_equal(
        eff_changes_create(&place.world.os, place.folder, true, &of, &place.arena, &writer, &err),
        EFF_OK);
    assert_int_equal(write_rows(writer), EFF_OK);
    assert_int_equal(eff_changes_chunks(writer, &count, &chunks, &err), EFF_OK);
    assert_int_equal(count, 4);
    assert_int_equal(chunks[0].rows + chunks[1].rows, 3);
    assert_int_equal(chunks[0].estimate, 20);
    eff_changes_writer_close(writer);
    assert_int_equal(
        place.world.os.list(place.world.os.self, place.folder, &place.arena, &count, &left, &err),
        EFF_OK);
    assert_int_equal(count, 0);
}

/* One chunk never holds more than 8 MiB, whatever a destination would take. */
static void
a_chunk_ends_by_itself(void **state)
{
    struct eff_changes_writer *writer;
    struct eff_value values[3];
    struct eff_item item = item_of(values, 1);
    struct eff_acknowledged ack = {.row = 1};
    const struct eff_chunk *chunks;
    char *text = calloc(1, (size_t)3 << 20);
    size_t count;

    (void)state;
    assert_non_null(text);
    values[1] = eff_value_of_str(EFF_TEXT, (eff_str){text, (size_t)3 << 20});
    assert_int_equal(
        eff_changes_create(&place.world.os, changes_path, false, &of, &place.arena, &writer, &err),
        EFF_OK);
    for (int i = 0; i < 4; i++)
        assert_int_equal(eff_changes_add(writer, EFF_OP_UPSERT, EFF_GROUP_FREE, &item, &ack, &err),
                         EFF_OK);
    assert_int_equal(eff_changes_chunks(writer, &count, &chunks, &err), EFF_OK);
    assert_int_equal(count, 2);
    assert_int_equal(chunks[0].rows, 3);
    assert_int_equal(chunks[1].rows, 1);
    eff_changes_writer_close(writer);
    eff_changes_writer_close(NULL);
    free(text);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_but_a_head, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_path_without_a_folder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_that_was_frozen_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_byte_may_be_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_part_may_be_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_format_is_for_another_version, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lies_are_refused_whatever_their_checksums, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_lie_about_what_leaves, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_write_that_fails_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_read_that_fails_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(plan_leaves_nothing_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_chunk_ends_by_itself, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
