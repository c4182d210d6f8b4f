// links: base flow os conf state record testlib
/*
 * Goal: files of the state whose checksums are right and whose numbers lie are told to be damaged;
 * no number in them is believed beyond what is there.
 * Method: files as they are written, one number changed, the checksum made to fit again.
 * covers: F3
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/quick.h"
#include "lib/testos.h"
#include "record/record.h"
#include "state/changes.h"
#include "state/control_db.h"
#include "state/export.h"
#include "state/history.h"
#include "state/scatter.h"
#include "state/snapshot_file.h"

#define MEMORY ((size_t)1 << 20)
#define BLOCKS 2
#define ROWS   (SNAPSHOT_BLOCK_ENTRIES + 100) /* two blocks */

static struct testos world;
static char *folder;
static struct eff_arena arena;
static struct eff_err err;

static void
expect_broken(enum eff_fault fault, const char *message)
{
    assert_int_equal(fault, EFF_BROKEN);
    if (!strstr(err.msg, message))
        fail_msg("%s, not: %s", err.msg, message);
    err = (struct eff_err){0};
}

static const char *
path_of(const char *name)
{
    return eff_str_printf(&arena, "%s/%s", folder, name).ptr;
}

/* ---- the snapshot ---- */

static void
write_snapshot(void)
{
    static const eff_str inputs[] = {EFF_STR("score")};
    static const struct eff_snapshot_column column = {
        .id = 1, .field = EFF_STR("score"), .inputs_count = 1, .inputs = inputs};
    struct eff_snapshot_writer *writer;
    struct eff_snapshot_head head;

    assert_int_equal(eff_snapshot_writer_open(&world.os, folder, NULL, &column, 1, true, MEMORY,
                                              &arena, &writer, &err),
                     EFF_OK);
    for (uint64_t i = 0; i < ROWS; i++) {
        struct eff_entry entry = {{i << 32, i}, i};

        assert_int_equal(eff_snapshot_set(writer, &entry, EFF_STR("{\"id\":1}"), &err), EFF_OK);
    }
    assert_int_equal(eff_snapshot_commit(writer, &head, &err), EFF_OK);
    eff_snapshot_writer_close(writer);
}

static enum eff_fault
read_snapshot(void)
{
    struct eff_snapshot_cursor *cursor;
    struct eff_snapshot *snapshot;
    const struct eff_entry *entries;
    const eff_str *texts;
    enum eff_fault fault;
    size_t count = 1;

    EFF_TRY(eff_snapshot_open(&world.os, folder, &arena, &snapshot, &err));
    fault = eff_snapshot_cursor_open(snapshot, true, &arena, &cursor, &err);
    while (fault == EFF_OK && count > 0)
        fault = eff_snapshot_cursor_next(cursor, &count, &entries, &texts, &err);
    eff_snapshot_close(snapshot);
    return fault;
}

struct bytes {
    const char *path;
    char *ptr;
    size_t len;
};

static struct bytes
bytes_of(const char *path)
{
    struct bytes b = {.path = path};
    struct eff_file *file;
    uint64_t size;

    assert_int_equal(world.os.open(&world, path, EFF_OPEN_READ, &file, &err), EFF_OK);
    assert_int_equal(world.os.size(file, &size, &err), EFF_OK);
    b.ptr = eff_new(&arena, char, size);
    assert_int_equal(world.os.read(file, 0, b.ptr, size, &b.len, &err), EFF_OK);
    world.os.close(file);
    return b;
}

static void
put_bytes(const char *path, const void *ptr, size_t len)
{
    struct eff_file *file;

    assert_int_equal(world.os.open(&world, path,
                                   EFF_OPEN_WRITE | EFF_OPEN_CREATE | EFF_OPEN_TRUNCATE, &file,
                                   &err),
                     EFF_OK);
    assert_int_equal(world.os.write(file, 0, ptr, len, &err), EFF_OK);
    world.os.close(file);
}

/* A copy of the header with those bytes in it, under a checksum that fits. */
static void
lie_in_header(struct bytes b, size_t header, size_t at, const void *lie, size_t len)
{
    char *copy = eff_new(&arena, char, b.len);
    uint64_t checksum;

    memcpy(copy, b.ptr, b.len);
    memcpy(copy + at, lie, len);
    memset(copy + SNAPSHOT_CHECKSUM_AT, 0, 8);
    checksum = eff_xxh3(SNAPSHOT_FORMAT, copy, header);
    memcpy(copy + SNAPSHOT_CHECKSUM_AT, &checksum, 8);
    put_bytes(b.path, copy, b.len);
}

static void
test_headers_that_lie(void **state)
{
    static const struct {
        size_t at, len;
        uint64_t lie;
        const char *message;
    } lies[] = {
        {40, 8, BLOCKS * (uint64_t)SNAPSHOT_BLOCK_ENTRIES + 1, "contradicts itself"}, /* rows */
        {40, 8, BLOCKS - 1, "contradicts itself"},
        {64, 8, 0, "contradicts itself"}, /* blocks */
        {64, 8, UINT64_MAX, "contradicts itself"},
        {64, 8, 1, "contradicts itself"},
        {72, 8, 0, "contradicts itself"}, /* rows of the last one */
        {72, 8, SNAPSHOT_BLOCK_ENTRIES + 1, "contradicts itself"},
        {72, 8, 99, "bytes and not"},
        {32, 8, 2, "it holds generation 2"},
        {88, 4, 1000, "ends too early"}, /* columns */
        {88, 4, 5, "ends too early"},
        {100, 4, 1000, "ends too early"}, /* length of a name */
        {109, 4, 1000, "ends too early"}, /* inputs of a column */
    };
    struct bytes b;

    (void)state;
    write_snapshot();
    b = bytes_of(eff_snapshot_path(&arena, folder, SNAPSHOT_NAME_ENTRIES, 1, false));
    assert_int_equal(read_snapshot(), EFF_OK);
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        lie_in_header(b, 128, lies[i].at, &lies[i].lie, lies[i].len);
        expect_broken(read_snapshot(), lies[i].message);
    }
    put_bytes(b.path, b.ptr, b.len);
    b = bytes_of(eff_snapshot_path(&arena, folder, SNAPSHOT_NAME_IDENTITIES, 1, false));
    lie_in_header(b, SNAPSHOT_IDENTITIES_AT, 32, "\2", 1);
    expect_broken(read_snapshot(), "belongs to another snapshot");
}

static void
lie_in_block(struct bytes b, const struct snapshot_block *lie, uint64_t at)
{
    struct snapshot_block block = *lie;
    uint64_t file_id;

    memcpy(&file_id, b.ptr + 24, 8);
    block.checksum = snapshot_block_checksum(file_id, &block);
    memcpy(b.ptr + 128 + at * SNAPSHOT_BLOCK, &block, snapshot_block_bytes(block.count));
    put_bytes(b.path, b.ptr, b.len);
}

/* A header that says how long it is gets no more memory than there is, and no less than it needs. */
static void
test_lengths_of_a_header(void **state)
{
    const uint32_t most = SNAPSHOT_HEADER_MAX, least = 64;
    struct eff_snapshot *snapshot;
    struct eff_arena small;
    struct bytes b;

    (void)state;
    write_snapshot();
    b = bytes_of(eff_snapshot_path(&arena, folder, SNAPSHOT_NAME_ENTRIES, 1, false));
    lie_in_header(b, least, 12, &least, sizeof least);
    expect_broken(read_snapshot(), "ends too early");
    lie_in_header(b, 128, 12, &most, sizeof most);
    eff_arena_init(&small, "small", (size_t)1 << 20);
    expect_broken(eff_snapshot_open(&world.os, folder, &small, &snapshot, &err),
                  "out of memory for the header");
    eff_arena_deinit(&small);
}

/* Identities that fit their checksum, and not their block. */
static void
test_identities_that_lie(void **state)
{
    static const uint32_t lies[] = {0x7fffffff, 3};
    struct snapshot_block block, forged;
    struct bytes b, texts;
    uint64_t file_id;

    (void)state;
    write_snapshot();
    b = bytes_of(eff_snapshot_path(&arena, folder, SNAPSHOT_NAME_ENTRIES, 1, false));
    texts = bytes_of(eff_snapshot_path(&arena, folder, SNAPSHOT_NAME_IDENTITIES, 1, false));
    memcpy(&file_id, b.ptr + 24, 8);
    memcpy(&block, b.ptr + 128, SNAPSHOT_BLOCK);
    for (size_t i = 0; i < 2; i++) { // the first one's length, and how many bytes there are
        char *at = texts.ptr + block.identities_offset;

        forged = block;
        if (i == 0)
            memcpy(at, &lies[i], 4);
        else
            forged.identities_bytes += lies[i];
        forged.identities_checksum = eff_xxh3(file_id, at, forged.identities_bytes);
        put_bytes(texts.path, texts.ptr, texts.len);
        lie_in_block(b, &forged, 0);
        expect_broken(read_snapshot(), "block 0 does not fit its checksum");
        memcpy(at, &(const uint32_t){8}, 4);
    }
    put_bytes(texts.path, texts.ptr, texts.len);
    lie_in_block(b, &block, 0);
    assert_int_equal(read_snapshot(), EFF_OK);
}

/* After a look-up that could not be read the next one reads again. */
static void
test_a_look_up_that_fails(void **state)
{
    struct eff_snapshot *snapshot;
    struct eff_entry entry;
    bool found;

    (void)state;
    write_snapshot();
    assert_int_equal(eff_snapshot_open(&world.os, folder, &arena, &snapshot, &err), EFF_OK);
    for (uint64_t n = 1; n <= 3; n++) {
        const uint64_t last = ROWS - n;
        const struct eff_hash128 first = {0, 0}, key = {last << 32, last};

        assert_int_equal(eff_snapshot_find(snapshot, first, &found, &entry, NULL, NULL, &err),
                         EFF_OK);
        testos_plan(&world, TESTOS_READ, 1, EIO, false);
        assert_int_equal(eff_snapshot_find(snapshot, key, &found, &entry, NULL, NULL, &err),
                         EFF_BROKEN);
        testos_plan(&world, 0, 0, 0, false);
        assert_int_equal(eff_snapshot_find(snapshot, key, &found, &entry, NULL, NULL, &err),
                         EFF_OK);
        assert_true(found && entry.row == last);
    }
    eff_snapshot_close(snapshot);
}

static void
test_blocks_that_lie(void **state)
{
    struct snapshot_block first, second = {0}, lie;
    struct eff_snapshot *snapshot;
    struct eff_entry entry;
    struct bytes b;
    bool found;

    (void)state;
    write_snapshot();
    b = bytes_of(eff_snapshot_path(&arena, folder, SNAPSHOT_NAME_ENTRIES, 1, false));
    memcpy(&first, b.ptr + 128, SNAPSHOT_BLOCK);
    memcpy(&second, b.ptr + 128 + SNAPSHOT_BLOCK, snapshot_block_bytes(100));
    lie = second;
    lie.entries[0].key = first.entries[7].key;
    lie_in_block(b, &lie, 1);
    expect_broken(read_snapshot(), "block 1 is not sorted");
    lie_in_block(b, &second, 1);
    lie = first;
    lie.identities_bytes = UINT32_MAX;
    lie_in_block(b, &lie, 0);
    expect_broken(read_snapshot(), "block 0 has too long identities");
    lie = first;
    lie.index = 1;
    lie_in_block(b, &lie, 0);
    expect_broken(read_snapshot(), "block 0 contradicts the header");
    assert_int_equal(eff_snapshot_open(&world.os, folder, &arena, &snapshot, &err), EFF_OK);
    expect_broken(
        eff_snapshot_find(snapshot, first.entries[7].key, &found, &entry, &arena, NULL, &err),
        "block 0 contradicts the header");
    eff_snapshot_close(snapshot);
}

static void
test_names_of_generations(void **state)
{
    static const char *const odd[] = {
        "snapshot-+0000000000000000001", "snapshot-/0000000000000000001",
        "snapshot-a0000000000000000001", "snapshot-1000000000000000000x", "identities-1"};
    struct eff_snapshot_writer *writer;
    uint64_t generation;

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_int_equal(eff_snapshot_name_read(eff_str_of(odd[i]), &generation),
                         SNAPSHOT_NAME_OTHER);
    put_bytes(path_of("snapshot-18446744073709551615.tmp"), "", 0);
    expect_broken(eff_snapshot_writer_open(&world.os, folder, NULL, NULL, 0, false, MEMORY, &arena,
                                           &writer, &err),
                  "after which there can be no other");
}

static void
test_names_that_no_header_holds(void **state)
{
    struct eff_snapshot_column column = {
        .field = {eff_new(&arena, char, SNAPSHOT_HEADER_MAX), SNAPSHOT_HEADER_MAX}};
    struct eff_snapshot_writer *writer;
    struct eff_snapshot_head head;

    (void)state;
    assert_int_equal(eff_snapshot_writer_open(&world.os, folder, NULL, &column, 1, false, MEMORY,
                                              &arena, &writer, &err),
                     EFF_OK);
    assert_int_equal(eff_snapshot_commit(writer, &head, &err), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "too long to be recorded"));
    eff_snapshot_writer_close(writer);
}

/* ---- columns of a run that is open ---- */

static void
test_columns_of_a_run(void **state)
{
    static const eff_str inputs[] = {EFF_STR("email"), EFF_STR("name")};
    static const struct eff_snapshot_column columns[] = {
        {.id = 7, .field = EFF_STR("Email"), .inputs_count = 2, .inputs = inputs},
        {.id = 8, .field = EFF_STR("Constant")}};
    struct eff_snapshot_column *read;
    struct eff_buf buf = {0};
    bool identities;
    size_t count;
    char *bytes;

    (void)state;
    eff_record_columns_write(&buf, columns, 2, true);
    assert_true(eff_record_columns_read(eff_buf_str(&buf), &arena, &count, &read, &identities));
    assert_true(identities && count == 2 && read[0].inputs_count == 2);
    for (size_t len = 0; len < buf.len; len++)
        assert_false(
            eff_record_columns_read((eff_str){buf.ptr, len}, &arena, &count, &read, &identities));
    bytes = buf.ptr;
    for (size_t at = 1; at + 4 <= buf.len;
         at++) { // wherever a number is, a large one is not believed
        char kept[4];

        memcpy(kept, bytes + at, 4);
        memset(bytes + at, 0x7f, 4);
        eff_record_columns_read(eff_buf_str(&buf), &arena, &count, &read, &identities);
        memcpy(bytes + at, kept, 4);
    }
    eff_buf_free(&buf);
}

/* ---- histories ---- */

static size_t visited;

static void
visit(void *self, size_t back, struct eff_hash128 key, uint64_t row_hash)
{
    (void)self, (void)back, (void)key, (void)row_hash;
    visited++;
}

static void
test_histories_that_lie(void **state)
{
    static const eff_str names[] = {EFF_STR("score")};
    static const struct eff_changes_names changes = {.fields_count = 1, .field_names = names};
    struct eff_value field = {.kind = EFF_INT};
    struct eff_item item = {.key = {1, 1}, .fields = &field};
    struct eff_history_writer *writer;
    struct eff_history_row *rows;
    uint64_t records;
    struct bytes b;
    size_t count;
    bool whole;

    (void)state;
    assert_int_equal(eff_history_create(&world.os, folder, EFF_STR("01HZZZZZZZZZZZZZZZZZZZZZZZ"),
                                        &changes, 5, &arena, &writer, &err),
                     EFF_OK);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            eff_history_add(writer, EFF_OP_UPSERT, &item, 9, EFF_APPLIED, EFF_STR("r1"), &err),
            EFF_OK);
    assert_int_equal(eff_history_commit(writer, &err), EFF_OK);
    eff_history_writer_close(writer);
    put_bytes(path_of("history-01HZZZZZZZZZZZZZZZZZZZZZZZ.new"), "x", 1); // a death left it
    b = bytes_of(path_of("history-01HZZZZZZZZZZZZZZZZZZZZZZZ"));
    assert_int_equal(eff_history_find(&world.os, folder, item.key, 2, &arena, &count, &rows, &err),
                     EFF_OK);
    assert_int_equal(count, 2); // no more than were asked for
    for (size_t len = 0; len <= b.len; len++) {
        put_bytes(b.path, b.ptr, len);
        assert_int_equal(
            eff_history_find(&world.os, folder, item.key, 9, &arena, &count, &rows, &err), EFF_OK);
        assert_true(count <= 3 && (count == 3 || len < b.len));
        visited = 0;
        assert_int_equal(eff_history_each(&world.os, folder, 4, 1 << 20, arena, visit, NULL, &err),
                         EFF_OK);
        assert_int_equal(visited, count);
        assert_int_equal(eff_history_check(&world.os, b.path, arena, &whole, &err), EFF_OK);
        assert_true(!whole || count < 3 || len == b.len);
    }
    visited = 0;
    assert_int_equal(eff_history_each(&world.os, folder, 4, b.len - 1, arena, visit, NULL, &err),
                     EFF_OK);
    assert_int_equal(visited, 0); // too large to be looked at
    put_bytes(b.path, "EFFHIST", 7);
    assert_int_equal(eff_history_forget(&world.os, folder, item.key, arena, &records, &err),
                     EFF_OK);
    assert_int_equal(records, 0); // none of ours
}

/* ---- the control file ---- */

static struct eff_control *
open_control(void)
{
    struct eff_control *control;

    assert_int_equal(eff_control_open(&world.os, folder, false, false, &arena, &control, &err),
                     EFF_OK);
    return control;
}

/* A secret of another length is none: it is not read beyond its end. */
static void
test_cells_that_lie(void **state)
{
    struct eff_control *control = open_control();
    struct eff_sync_state before, after;
    struct eff_hash128 *keys;
    size_t count;

    (void)state;
    assert_int_equal(eff_control_sync(control, &world.os, EFF_STR("s"), &arena, &before, &err),
                     EFF_OK);
    assert_int_equal(sqlite3_exec(control->db,
                                  "INSERT INTO forgotten (sync, key, at) VALUES ('s', x'0102', 1);"
                                  "UPDATE sync SET secret = x'01'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(eff_control_forgotten(control, EFF_STR("s"), &arena, &count, &keys, &err),
                     EFF_OK);
    assert_int_equal(count, 1);
    assert_int_equal(keys[0].hi + keys[0].lo, 0);
    expect_broken(eff_control_sync(control, &world.os, EFF_STR("s"), &arena, &after, &err),
                  "UNIQUE constraint failed");
    eff_control_close(control);
}

static uint64_t
next(void *self, int64_t until, const struct eff_response **ret_response)
{
    (void)ret_response;
    ((struct testos *)self)->mono_ms = until;
    return 0;
}

/* Another process has it: that is told as such, and after a while. */
static void
test_a_control_file_that_is_locked(void **state)
{
    struct eff_control *control;
    sqlite3 *other;

    (void)state;
    assert_true(quick_begin());
    world.os.sqlite_vfs = "quick";
    world.os.next = next;
    eff_control_close(open_control());
    assert_int_equal(sqlite3_open(path_of("control.db"), &other), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(other, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(eff_control_open(&world.os, folder, false, false, &arena, &control, &err),
                     EFF_TRANSIENT);
    assert_non_null(strstr(err.msg, "is locked by another process"));
    assert_true(world.mono_ms >= 5000);
    sqlite3_close(other);
    eff_control_close(open_control());
    quick_end();
}

/* ---- scratch files ---- */

static bool cut; /* reads end early */
static enum eff_fault (*whole_read)(struct eff_file *file, uint64_t offset, void *ptr, size_t len,
                                    size_t *ret_len, struct eff_err *err);

static enum eff_fault
cut_read(struct eff_file *file, uint64_t offset, void *ptr, size_t len, size_t *ret_len,
         struct eff_err *e)
{
    return whole_read(file, offset, ptr, cut ? len / 2 : len, ret_len, e);
}

static struct eff_scatter *
scattered(size_t items)
{
    struct eff_scatter_config config = {
        .os = &world.os, .folder = folder, .memory_bytes = 256 << 10};
    struct eff_scatter *scatter;
    struct eff_scatter_part part;

    assert_int_equal(eff_scatter_open(&config, &arena, &scatter, &err), EFF_OK);
    for (size_t i = 0; i < items; i++) {
        struct eff_scatter_item item = {.key = {5, 5}, .order = i};

        assert_int_equal(eff_scatter_add_item(scatter, &item, EFF_STR("some bytes"), &err), EFF_OK);
        assert_int_equal(eff_scatter_add_entry(scatter, item.key, i, &err), EFF_OK);
    }
    do
        assert_true(eff_scatter_next(scatter, &part));
    while (part.items == 0);
    return scatter;
}

static void
test_a_scratch_file_that_ends_early(void **state)
{
    struct eff_scatter *scatter = scattered(20000);
    const struct eff_scatter_item *items;
    struct eff_scatter_item item;
    const struct eff_entry *entries;
    eff_str bytes;
    size_t count;

    (void)state;
    whole_read = world.os.read;
    world.os.read = cut_read;
    assert_int_equal(eff_scatter_items(scatter, &count, &items, &err), EFF_OK);
    item = items[0];
    cut = true;
    expect_broken(eff_scatter_items(scatter, &count, &items, &err), "before its time");
    expect_broken(eff_scatter_entries(scatter, &count, &entries, &err), "before its time");
    expect_broken(eff_scatter_blob(scatter, &item, &bytes, &err), "before its time");
    cut = false;
    assert_int_equal(eff_scatter_blob(scatter, &item, &bytes, &err), EFF_OK);
    assert_true(eff_str_is(bytes, "some bytes"));
    eff_scatter_close(scatter);
}

/* All bits of a key are used up: there is nothing left by which to split. */
static void
test_one_key_cannot_be_split(void **state)
{
    struct eff_scatter *scatter = scattered(20000);
    struct eff_scatter_part part = {0};
    enum eff_fault fault;

    (void)state;
    while ((fault = eff_scatter_split(scatter, &err)) == EFF_OK)
        do
            assert_true(eff_scatter_next(scatter, &part));
        while (part.items == 0);
    expect_broken(fault, "a partition of one key cannot be split");
    assert_int_equal(part.bits, 128);
    assert_int_equal(part.items, 20000);
    assert_true(part.first.hi == 5 && part.last.lo == 5);
    eff_scatter_close(scatter);
}

static void
test_a_row_of_4_gib(void **state)
{
    struct eff_scatter_config config = {.os = &world.os, .folder = folder, .memory_bytes = MEMORY};
    struct eff_scatter_item item = {.key = {1, 1}};
    struct eff_scatter *scatter;

    (void)state;
    assert_int_equal(eff_scatter_open(&config, &arena, &scatter, &err), EFF_OK);
    assert_int_equal(
        eff_scatter_add_item(scatter, &item, (eff_str){folder, (size_t)UINT32_MAX + 1}, &err),
        EFF_ROW);
    eff_scatter_close(scatter);
}

static int
open_place(void **state)
{
    (void)state;
    testos_init(&world, 3);
    folder = testos_folder();
    eff_arena_init(&arena, "test", (size_t)1 << 30);
    return 0;
}

static int
close_place(void **state)
{
    (void)state;
    assert_int_equal(world.open_files, 0);
    testos_remove(folder);
    free(folder);
    eff_arena_deinit(&arena);
    return 0;
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_headers_that_lie),
        IN_PLACE(test_lengths_of_a_header),
        IN_PLACE(test_blocks_that_lie),
        IN_PLACE(test_identities_that_lie),
        IN_PLACE(test_a_look_up_that_fails),
        IN_PLACE(test_names_of_generations),
        IN_PLACE(test_names_that_no_header_holds),
        IN_PLACE(test_columns_of_a_run),
        IN_PLACE(test_histories_that_lie),
        IN_PLACE(test_cells_that_lie),
        IN_PLACE(test_a_control_file_that_is_locked),
        IN_PLACE(test_a_scratch_file_that_ends_early),
        IN_PLACE(test_one_key_cannot_be_split),
        IN_PLACE(test_a_row_of_4_gib),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
