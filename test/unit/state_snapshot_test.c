/*
 * Goal: a snapshot is the old generation or the new one, never neither, and a
 * damaged one is said to be damaged, never read as something else.
 * Method: a small folder is written with the n-th file call failing, for every n
 * (once, and from then on, as when the process dies); every byte of its files is
 * flipped, every length cut to; strange names and other formats are put there.
 * covers: A7, F2, F3
 */
// links: base state testlib
// timeout: 300
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "lib/testos.h"
#include "state/snapshot_file.h"

#define MEMORY ((size_t)1 << 20)

struct place {
    struct testos world;
    char *folder;
    struct eff_arena arena;
};

static const eff_str place_inputs[] = {{"email", 5}, {"first name", 10}};
static const struct eff_snapshot_column place_columns[] = {
    {.id = 77, .field = {"Email", 5}, .inputs_count = 1, .inputs = place_inputs},
    {.id = 78, .field = {"Name", 4}, .inputs_count = 2, .inputs = place_inputs},
    {.id = 79, .field = {"Constant", 8}},
};

static void
place_open(struct place *p)
{
    *p = (struct place){.folder = testos_folder()};
    testos_init(&p->world, 7);
    eff_arena_init(&p->arena, "test", (size_t)256 << 20);
}

static void
place_close(struct place *p)
{
    assert_int_equal(p->world.open_files, 0);
    testos_remove(p->folder);
    free(p->folder);
    eff_arena_deinit(&p->arena);
}

static struct eff_entry
entry_of(uint64_t i, uint64_t row)
{
    uint64_t hi = (i + 1) * 0x9e3779b97f4a7c15u;

    return (struct eff_entry){{hi, ~hi * 3}, row};
}

/* Entries from..to-1 with this row value; identities when asked for. Faults go to the caller. */
static enum eff_fault
place_write(struct place *p, uint64_t from, uint64_t to, uint64_t row, bool identities,
            struct eff_snapshot_head *ret_head, struct eff_err *err)
{
    struct eff_snapshot_writer *writer = NULL;
    struct eff_snapshot *old = NULL;
    enum eff_fault fault = eff_snapshot_open(&p->world.os, p->folder, &p->arena, &old, err);

    if (fault == EFF_OK)
        fault = eff_snapshot_writer_open(&p->world.os, p->folder, old, place_columns, 3, identities,
                                         MEMORY, &p->arena, &writer, err);
    for (uint64_t i = from; fault == EFF_OK && i < to; i++) {
        struct eff_entry entry = entry_of(i, row);
        char text[32];
        size_t len = (size_t)snprintf(text, sizeof(text), "{\"id\":%llu}", (unsigned long long)i);

        fault = eff_snapshot_set(writer, &entry, (eff_str){text, len}, err);
    }
    if (fault == EFF_OK)
        fault = eff_snapshot_commit(writer, ret_head, err);
    eff_snapshot_writer_close(writer);
    eff_snapshot_close(old);
    return fault;
}

static void
place_must_write(struct place *p, uint64_t from, uint64_t to, uint64_t row, bool identities,
                 struct eff_snapshot_head *ret_head)
{
    struct eff_err err = {0};

    if (place_write(p, from, to, row, identities, ret_head, &err) != EFF_OK)
        fail_msg("%s", err.msg);
}

/* Reads all there is, with and without identities, and looks keys up. */
static enum eff_fault
place_read(struct place *p, struct eff_snapshot_head *ret_head, struct eff_multiset *ret_set,
           uint64_t *ret_texts, struct eff_err *err)
{
    struct eff_snapshot_cursor *cursor;
    struct eff_snapshot *snapshot = NULL;
    const struct eff_entry *entries;
    const eff_str *texts;
    enum eff_fault fault;
    size_t count = 1;

    *ret_set = (struct eff_multiset){0};
    *ret_texts = 0;
    EFF_TRY(eff_snapshot_open(&p->world.os, p->folder, &p->arena, &snapshot, err));
    *ret_head = *eff_snapshot_head(snapshot);
    fault = eff_snapshot_cursor_open(snapshot, true, &p->arena, &cursor, err);
    while (fault == EFF_OK && count > 0) {
        fault = eff_snapshot_cursor_next(cursor, &count, &entries, &texts, err);
        for (size_t i = 0; fault == EFF_OK && i < count; i++) {
            eff_multiset_add(ret_set, entries[i]);
            *ret_texts += texts[i].len == 0 ? 0 : eff_xxh3(1, texts[i].ptr, texts[i].len);
        }
    }
    for (uint64_t i = 0; fault == EFF_OK && i < 30; i++) {
        struct eff_entry entry;
        eff_str identity;
        bool found;

        fault = eff_snapshot_find(snapshot, entry_of(i, 0).key, &found, &entry, &p->arena,
                                  &identity, err);
        if (fault == EFF_OK && found)
            *ret_texts ^= entry.row * (i + 1);
    }
    eff_snapshot_close(snapshot);
    return fault;
}

static void
test_empty_folder_is_generation_zero(void **state)
{
    struct eff_snapshot_head head;
    struct eff_multiset set;
    struct eff_err err;
    struct place p;
    uint64_t texts;

    (void)state;
    place_open(&p);
    assert_int_equal(place_read(&p, &head, &set, &texts, &err), EFF_OK);
    assert_int_equal(head.generation, 0);
    assert_int_equal(set.count, 0);
    testos_remove(p.folder); // and so is a folder that is not there
    assert_int_equal(place_read(&p, &head, &set, &texts, &err), EFF_OK);
    assert_int_equal(head.generation, 0);
    place_close(&p);
}

static void
test_columns_come_back(void **state)
{
    struct eff_snapshot_head head, written;
    struct eff_snapshot *snapshot;
    struct eff_err err;
    struct place p;

    (void)state;
    place_open(&p);
    place_must_write(&p, 0, 0, 1, false, &written); // no entries, but a generation
    assert_int_equal(written.generation, 1);
    assert_int_equal(eff_snapshot_open(&p.world.os, p.folder, &p.arena, &snapshot, &err), EFF_OK);
    head = *eff_snapshot_head(snapshot);
    eff_snapshot_close(snapshot);
    assert_int_equal(head.generation, 1);
    assert_int_equal(head.entries.count, 0);
    assert_false(head.identities);
    assert_int_equal(head.columns_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(head.columns[i].id == place_columns[i].id);
        assert_true(eff_str_eq(head.columns[i].field, place_columns[i].field));
        assert_true(eff_str_eq(written.columns[i].field, place_columns[i].field));
        assert_int_equal(head.columns[i].inputs_count, place_columns[i].inputs_count);
        for (size_t j = 0; j < head.columns[i].inputs_count; j++)
            assert_true(eff_str_eq(head.columns[i].inputs[j], place_inputs[j]));
    }
    place_close(&p);
}

static void
test_every_file_call_fails_once(void **state)
{
    static const int codes[] = {EIO, ENOSPC};

    (void)state;
    for (int forever = 0; forever < 2; forever++) {
        uint64_t survived = 0, failures = 0;

        for (uint64_t nth = 1; survived == 0; nth++) {
            struct eff_snapshot_head head, now;
            struct eff_multiset old_set, new_set, set;
            uint64_t old_texts, new_texts, texts;
            struct eff_err err = {0};
            enum eff_fault fault;
            struct place p;

            place_open(&p);
            place_must_write(&p, 0, 20, 1, true, &head);
            assert_int_equal(place_read(&p, &now, &old_set, &old_texts, &err), EFF_OK);
            testos_plan(&p.world, TESTOS_ALL, nth, codes[nth % 2], forever == 1);
            fault = place_write(&p, 10, 25, 2, true, &head, &err);
            if (!p.world.failed)
                survived = nth;
            testos_plan(&p.world, 0, 0, 0, false);
            failures += fault != EFF_OK;
            if (fault != EFF_OK) {
                assert_int_equal(fault, EFF_BROKEN);
                assert_int_equal(err.code, codes[nth % 2]);
            }
            err = (struct eff_err){0};
            if (place_read(&p, &now, &set, &texts, &err) != EFF_OK)
                fail_msg("call %llu: %s", (unsigned long long)nth, err.msg);
            assert_true(eff_multiset_eq(&set, &now.entries));
            if (fault == EFF_OK)
                assert_int_equal(now.generation, head.generation);
            if (now.generation == 1) // the old one is whole
                assert_true(eff_multiset_eq(&set, &old_set) && texts == old_texts);
            else
                assert_int_equal(set.count, 25); // ... or the new one is
            // and the next run gets through and reaches the same state as without the fault
            place_must_write(&p, 10, 25, 2, true, &head);
            assert_int_equal(place_read(&p, &now, &new_set, &new_texts, &err), EFF_OK);
            assert_int_equal(new_set.count, 25);
            assert_int_equal(
                eff_snapshot_sweep(&p.world.os, p.folder, head.generation, p.arena, &err), EFF_OK);
            assert_int_equal(place_read(&p, &now, &set, &texts, &err), EFF_OK);
            assert_true(eff_multiset_eq(&set, &new_set) && texts == new_texts);
            place_close(&p);
        }
        assert_true(survived > 15); // the sweep did go over the whole commit
        assert_true(failures > 10);
    }
}

/* Each byte, in each of three ways. Nothing changes, or the fault is told. */
static void
flip_file(struct place *p, const char *path, struct eff_multiset *set, uint64_t texts,
          uint64_t *ret_refused, uint64_t *ret_silent)
{
    static const unsigned char masks[] = {1, 128, 255};
    struct eff_arena *arena = &p->arena;
    size_t used = arena->used;
    FILE *file = fopen(path, "r+b");
    struct stat st;

    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &st), 0);
    setvbuf(file, NULL, _IONBF, 0);
    for (long at = 0; at < st.st_size; at++) {
        int byte;

        fseek(file, at, SEEK_SET);
        byte = fgetc(file);
        for (size_t m = 0; m < 3; m++) {
            struct eff_snapshot_head head;
            struct eff_multiset now;
            struct eff_err err = {0};
            enum eff_fault fault;
            uint64_t now_texts;

            fseek(file, at, SEEK_SET);
            fputc(byte ^ masks[m], file);
            fault = place_read(p, &head, &now, &now_texts, &err);
            arena->used = used;
            if (fault == EFF_OK) {
                assert_true(eff_multiset_eq(&now, set) && now_texts == texts);
                ++*ret_silent;
            } else {
                assert_int_equal(fault, EFF_BROKEN);
                assert_non_null(strstr(err.msg, p->folder)); // names the file
                assert_true(err.hint[0] != '\0');
                ++*ret_refused;
            }
        }
        fseek(file, at, SEEK_SET);
        fputc(byte, file);
    }
    fclose(file);
}

static void
test_every_byte_flipped(void **state)
{
    uint64_t refused = 0, silent = 0, texts;
    struct eff_snapshot_head head;
    struct eff_multiset set;
    struct eff_err err;
    struct place p;

    (void)state;
    place_open(&p);
    place_must_write(&p, 0, 12, 5, true, &head);
    assert_int_equal(place_read(&p, &head, &set, &texts, &err), EFF_OK);
    flip_file(&p, eff_snapshot_path(&p.arena, p.folder, SNAPSHOT_NAME_ENTRIES, 1, false), &set,
              texts, &refused, &silent);
    flip_file(&p, eff_snapshot_path(&p.arena, p.folder, SNAPSHOT_NAME_IDENTITIES, 1, false), &set,
              texts, &refused, &silent);
    assert_int_equal(silent, 0); // a small state has no byte that does not count
    assert_true(refused > 2000);
    place_close(&p);
}

static void
test_every_length(void **state)
{
    struct eff_snapshot_head head;
    struct eff_multiset set;
    struct eff_err err;
    struct place p;
    uint64_t texts;

    (void)state;
    place_open(&p);
    place_must_write(&p, 0, 12, 5, true, &head);
    for (int kind = SNAPSHOT_NAME_ENTRIES; kind <= SNAPSHOT_NAME_IDENTITIES; kind++) {
        const char *path =
            eff_snapshot_path(&p.arena, p.folder, (enum snapshot_name)kind, 1, false);
        size_t used = p.arena.used;
        struct eff_file *file;
        uint64_t size;
        eff_str bytes;

        assert_int_equal(p.world.os.open(&p.world, path, EFF_OPEN_WRITE, &file, &err), EFF_OK);
        assert_int_equal(p.world.os.size(file, &size, &err), EFF_OK);
        bytes = (eff_str){malloc(size), size};
        assert_int_equal(
            p.world.os.read(file, 0, (char *)(uintptr_t)bytes.ptr, size, &bytes.len, &err), EFF_OK);
        for (uint64_t len = 0; len <= size + 1; len++) {
            enum eff_fault fault;

            assert_int_equal(p.world.os.write(file, 0, bytes.ptr, size, &err), EFF_OK);
            assert_int_equal(p.world.os.truncate(file, len, &err), EFF_OK); // also one too long
            fault = place_read(&p, &head, &set, &texts, &err);
            p.arena.used = used;
            assert_int_equal(fault, len == size ? EFF_OK : EFF_BROKEN);
        }
        assert_int_equal(p.world.os.truncate(file, size, &err), EFF_OK);
        p.world.os.close(file);
        free((char *)(uintptr_t)bytes.ptr);
    }
    place_close(&p);
}

static void
test_missing_identities_and_other_formats(void **state)
{
    struct eff_snapshot_head head;
    struct eff_multiset set;
    struct eff_err err = {0};
    const char *path;
    struct place p;
    uint64_t texts;
    FILE *file;

    (void)state;
    place_open(&p);
    place_must_write(&p, 0, 12, 5, true, &head);
    path = eff_snapshot_path(&p.arena, p.folder, SNAPSHOT_NAME_ENTRIES, 1, false);
    file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, 8, SEEK_SET);
    fputc(2, file);
    fclose(file);
    assert_int_equal(place_read(&p, &head, &set, &texts, &err), EFF_BROKEN);
    assert_non_null(strstr(err.msg, "format 2"));
    file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, 8, SEEK_SET);
    fputc(1, file);
    fclose(file);
    assert_int_equal(place_read(&p, &head, &set, &texts, &err), EFF_OK);
    path = eff_snapshot_path(&p.arena, p.folder, SNAPSHOT_NAME_IDENTITIES, 1, false);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(place_read(&p, &head, &set, &texts, &err), EFF_BROKEN);
    assert_non_null(strstr(err.msg, "identities-"));
    place_close(&p);
}

/* An older snapshot is no substitute for a damaged newer one; nor are identities of another. */
static void
test_damage_never_falls_back(void **state)
{
    struct eff_snapshot_head head;
    struct eff_multiset set;
    struct eff_err err = {0};
    const char *first, *second;
    struct place p;
    uint64_t texts;

    (void)state;
    place_open(&p);
    place_must_write(&p, 0, 12, 5, true, &head);
    place_must_write(&p, 0, 12, 6, true, &head);
    assert_int_equal(head.generation, 2);
    first = eff_snapshot_path(&p.arena, p.folder, SNAPSHOT_NAME_IDENTITIES, 1, false);
    second = eff_snapshot_path(&p.arena, p.folder, SNAPSHOT_NAME_IDENTITIES, 2, false);
    assert_int_equal(rename(first, second), 0);
    assert_int_equal(place_read(&p, &head, &set, &texts, &err), EFF_BROKEN);
    first = eff_snapshot_path(&p.arena, p.folder, SNAPSHOT_NAME_ENTRIES, 1, false);
    second = eff_snapshot_path(&p.arena, p.folder, SNAPSHOT_NAME_ENTRIES, 2, false);
    assert_int_equal(rename(first, second), 0);
    assert_int_equal(place_read(&p, &head, &set, &texts, &err), EFF_BROKEN);
    assert_non_null(strstr(err.msg, "generation 1"));
    assert_int_equal(truncate(second, 0), 0);
    assert_int_equal(place_read(&p, &head, &set, &texts, &err), EFF_BROKEN);
    place_close(&p);
}

static void
put_file(struct place *p, const char *name)
{
    const char *path = eff_str_printf(&p->arena, "%s/%s", p->folder, name).ptr;
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    fclose(file);
}

static bool
has_file(struct place *p, const char *name)
{
    return p->world.os.exists(&p->world, eff_str_printf(&p->arena, "%s/%s", p->folder, name).ptr);
}

static void
test_sweep_takes_left_overs_only(void **state)
{
    struct eff_snapshot_head head;
    struct eff_multiset set;
    struct eff_err err = {0};
    struct place p;
    uint64_t texts;

    (void)state;
    place_open(&p);
    place_must_write(&p, 0, 12, 5, true, &head);
    place_must_write(&p, 0, 12, 6, true, &head);
    place_must_write(&p, 0, 12, 7, true, &head);
    put_file(&p, "snapshot-00000000000000000009.tmp");
    put_file(&p, "identities-00000000000000000009"); // its snapshot was never named
    put_file(&p, "snapshot-9");
    put_file(&p, "snapshot-00000000000000000000");
    put_file(&p, "control.db");
    assert_int_equal(eff_snapshot_sweep(&p.world.os, p.folder, 2, p.arena, &err), EFF_OK);
    assert_false(has_file(&p, "snapshot-00000000000000000009.tmp"));
    assert_false(has_file(&p, "identities-00000000000000000009"));
    assert_true(has_file(&p, "snapshot-9"));
    assert_true(has_file(&p, "control.db"));
    assert_false(has_file(&p, "snapshot-00000000000000000001"));
    assert_false(has_file(&p, "identities-00000000000000000001"));
    assert_true(has_file(&p, "snapshot-00000000000000000002"));
    // A sweep can never leave an empty folder behind, whatever it is told.
    assert_int_equal(eff_snapshot_sweep(&p.world.os, p.folder, UINT64_MAX, p.arena, &err), EFF_OK);
    assert_int_equal(place_read(&p, &head, &set, &texts, &err), EFF_OK);
    assert_int_equal(head.generation, 3);
    assert_int_equal(set.count, 12);
    put_file(&p, "identities-00000000000000000009");
    place_must_write(&p, 0, 12, 8, true, &head); // and its number is not used again
    assert_int_equal(head.generation, 10);
    place_close(&p);
}

/* Identities long enough that blocks end early, one of them as long as is allowed. */
static void
test_long_identities(void **state)
{
    size_t len = SNAPSHOT_IDENTITY_MAX;
    struct eff_snapshot_writer *writer;
    struct eff_snapshot_head head;
    struct eff_snapshot_cursor *cursor;
    struct eff_snapshot *snapshot;
    const struct eff_entry *entries;
    const eff_str *texts;
    char *text = malloc(len + 1);
    struct eff_entry entry;
    struct eff_err err = {0};
    size_t count, at = 0;
    struct place p;
    eff_str found_text;
    bool found;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', len + 1);
    place_open(&p);
    assert_int_equal(eff_snapshot_writer_open(&p.world.os, p.folder, NULL, place_columns, 3, true,
                                              MEMORY, &p.arena, &writer, &err),
                     EFF_OK);
    entry = (struct eff_entry){{0, 5}, 1};
    assert_int_equal(eff_snapshot_set(writer, &entry, (eff_str){text, len + 1}, &err), EFF_ROW);
    for (uint64_t i = 0; i < 3000; i++) {
        entry = (struct eff_entry){{i << 32, i}, i};
        assert_int_equal(
            eff_snapshot_set(writer, &entry, (eff_str){text, i == 1000 ? len : i % 2500}, &err),
            EFF_OK);
    }
    assert_int_equal(eff_snapshot_commit(writer, &head, &err), EFF_OK);
    eff_snapshot_writer_close(writer);
    assert_int_equal(eff_snapshot_open(&p.world.os, p.folder, &p.arena, &snapshot, &err), EFF_OK);
    assert_int_equal(eff_snapshot_cursor_open(snapshot, true, &p.arena, &cursor, &err), EFF_OK);
    for (;;) {
        assert_int_equal(eff_snapshot_cursor_next(cursor, &count, &entries, &texts, &err), EFF_OK);
        if (count == 0)
            break;
        assert_true(count < SNAPSHOT_BLOCK_ENTRIES);
        for (size_t i = 0; i < count; i++, at++) {
            assert_int_equal(entries[i].row, at);
            assert_int_equal(texts[i].len, at == 1000 ? len : at % 2500);
            assert_true(texts[i].len == 0 || texts[i].ptr[texts[i].len - 1] == 'x');
        }
    }
    assert_int_equal(at, 3000);
    for (uint64_t i = 2999; i < 3000; i -= 7) { // from the back, so that blocks change
        assert_int_equal(eff_snapshot_find(snapshot, (struct eff_hash128){i << 32, i}, &found,
                                           &entry, NULL, &found_text, &err),
                         EFF_OK);
        assert_true(found);
        assert_int_equal(found_text.len, i == 1000 ? len : i % 2500);
        assert_int_equal(eff_snapshot_find(snapshot, (struct eff_hash128){i << 32, i + 1}, &found,
                                           &entry, NULL, NULL, &err),
                         EFF_OK);
        assert_false(found);
    }
    eff_snapshot_close(snapshot);
    free(text);
    place_close(&p);
}

/* With little memory a new generation goes by way of a scratch file: each call of that fails, too. */
static enum eff_fault
write_with_little_memory(struct place *p, uint64_t row, struct eff_err *err)
{
    struct eff_snapshot_writer *writer = NULL;
    struct eff_snapshot *old = NULL;
    struct eff_snapshot_head head;
    enum eff_fault fault = eff_snapshot_open(&p->world.os, p->folder, &p->arena, &old, err);

    if (fault == EFF_OK)
        fault = eff_snapshot_writer_open(&p->world.os, p->folder, old, place_columns, 3, true,
                                         (size_t)128 << 10, &p->arena, &writer, err);
    for (uint64_t i = 0; fault == EFF_OK && i < 6000; i++) {
        struct eff_entry entry = entry_of(i, row);

        if (i % 3 == 0) // near each other, so that their part is split
            entry.key.hi >>= 12;
        fault = eff_snapshot_set(writer, &entry, EFF_STR("{\"id\":1}"), err);
    }
    if (fault == EFF_OK)
        fault = eff_snapshot_commit(writer, &head, err);
    eff_snapshot_writer_close(writer);
    eff_snapshot_close(old);
    return fault;
}

static void
test_little_memory_and_a_fault(void **state)
{
    struct eff_snapshot_head head;
    struct eff_multiset set;
    struct eff_err err = {0};
    struct place p;
    uint64_t texts, calls;

    (void)state;
    place_open(&p);
    assert_int_equal(write_with_little_memory(&p, 1, &err), EFF_OK);
    testos_plan(&p.world, TESTOS_READ | TESTOS_WRITE, 0, 0, false);
    assert_int_equal(write_with_little_memory(&p, 2, &err), EFF_OK);
    calls = p.world.counted;
    assert_true(calls > 100);
    for (uint64_t n = 1; n <= calls; n += 1 + calls / 120) {
        testos_plan(&p.world, TESTOS_READ | TESTOS_WRITE, n, ENOSPC, false);
        assert_int_equal(write_with_little_memory(&p, 3, &err), EFF_BROKEN);
        testos_plan(&p.world, 0, 0, 0, false);
        assert_int_equal(p.world.open_files, 0);
        eff_arena_reset(&p.arena);
        eff_snapshot_sweep(&p.world.os, p.folder, 2, p.arena, &err);
    }
    assert_int_equal(place_read(&p, &head, &set, &texts, &err), EFF_OK);
    assert_int_equal(set.count, 6000);
    assert_int_equal(head.generation, 2);
    place_close(&p);
}

/* Many blocks, of which most are copied from the old generation. */
static void
test_many_blocks_and_a_fault(void **state)
{
    (void)state;
    for (int identities = 0; identities < 2; identities++) {
        struct eff_snapshot_head head;
        struct eff_multiset set;
        struct eff_err err = {0};
        uint64_t texts, calls = 0;
        struct place p;

        place_open(&p);
        place_must_write(&p, 0, 60000, 1, identities, &head);
        for (uint64_t n = 1; n == 1 || p.world.failed; n++) {
            enum eff_fault fault;

            eff_arena_reset(&p.arena);
            testos_plan(&p.world, TESTOS_ALL, n, EIO, false);
            fault = place_write(&p, 30000, 30100, 2, identities, &head, &err);
            calls = n;
            p.world.fail_calls = 0;
            assert_int_equal(p.world.open_files, 0);
            assert_true(fault == EFF_OK || p.world.failed);
            assert_int_equal(place_read(&p, &head, &set, &texts, &err), EFF_OK);
            assert_true(set.count == 60000 && eff_multiset_eq(&set, &head.entries));
            assert_int_equal(
                eff_snapshot_sweep(&p.world.os, p.folder, head.generation, p.arena, &err), EFF_OK);
        }
        assert_true(calls > 20);
        place_close(&p);
    }
}

/* Look-ups cost few reads when keys are spread as hashes are. */
static void
test_find_reads_little(void **state)
{
    struct eff_snapshot_head head;
    struct eff_snapshot *snapshot;
    struct eff_entry entry;
    struct eff_err err;
    uint64_t reads;
    struct place p;
    bool found;

    (void)state;
    place_open(&p);
    place_must_write(&p, 0, 200000, 3, false, &head); // 74 blocks
    assert_int_equal(eff_snapshot_open(&p.world.os, p.folder, &p.arena, &snapshot, &err), EFF_OK);
    reads = p.world.reads;
    for (uint64_t i = 0; i < 400; i++) {
        assert_int_equal(
            eff_snapshot_find(snapshot, entry_of(i * 599, 0).key, &found, &entry, NULL, NULL, &err),
            EFF_OK);
        assert_int_equal(found, i * 599 < 200000);
    }
    assert_true(p.world.reads - reads < 800);
    eff_snapshot_close(snapshot);
    place_close(&p);
}

static void
test_multiset_is_order_free_and_sharp(void **state)
{
    struct eff_multiset a = {0}, b = {0}, empty = {0};
    struct eff_entry x = entry_of(1, 1), y = entry_of(2, 2), z = entry_of(1, 2);

    (void)state;
    eff_multiset_add(&a, x);
    eff_multiset_add(&a, y);
    eff_multiset_add(&b, y);
    assert_false(eff_multiset_eq(&a, &b));
    eff_multiset_add(&b, x);
    assert_true(eff_multiset_eq(&a, &b));
    eff_multiset_remove(&b, x);
    eff_multiset_add(&b, z);
    assert_false(eff_multiset_eq(&a, &b)); // same keys, another row
    eff_multiset_remove(&a, x);
    eff_multiset_remove(&a, y);
    assert_true(eff_multiset_eq(&a, &empty));
    // Rows swapped between two keys are another set.
    x.row = 2, y.row = 1;
    a = b = empty;
    eff_multiset_add(&a, x);
    eff_multiset_add(&a, y);
    x.row = 1, y.row = 2;
    eff_multiset_add(&b, x);
    eff_multiset_add(&b, y);
    assert_false(eff_multiset_eq(&a, &b));
    b = a;
    b.sum_lo++; // each half of the sum counts
    assert_false(eff_multiset_eq(&a, &b));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_folder_is_generation_zero),
        cmocka_unit_test(test_columns_come_back),
        cmocka_unit_test(test_every_file_call_fails_once),
        cmocka_unit_test(test_every_byte_flipped),
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_missing_identities_and_other_formats),
        cmocka_unit_test(test_damage_never_falls_back),
        cmocka_unit_test(test_sweep_takes_left_overs_only),
        cmocka_unit_test(test_long_identities),
        cmocka_unit_test(test_little_memory_and_a_fault),
        cmocka_unit_test(test_many_blocks_and_a_fault),
        cmocka_unit_test(test_find_reads_little),
        cmocka_unit_test(test_multiset_is_order_free_and_sharp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
