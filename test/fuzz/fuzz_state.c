/*
 * Goal: no bytes of a change file, a history file or an export's manifest crash, hang or exhaust
 * their readers; what they accept adds up.
 * Method: the first byte chooses the reader, and whether magic, lengths and checksums are put
 * right first, so that what lies behind them is reached too; the rest is the file, in a world
 * that holds it and what is made of it. A batch has the rows it says; after a key was forgotten
 * it is not found; a manifest that was read is written and read again, and names no file that
 * could not be one of a state.
 */
// links: base flow os state
#include <stdlib.h>
#include <string.h>

#include "state/changes.h"
#include "state/export.h"
#include "state/history.h"

#define FUZZ_RUN          "01HZZZZZZZZZZZZZZZZZZZZZZZ"
#define FUZZ_CHANGES_SEED 0x45464643484e4731u /* state/changes */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct eff_file {
    const char *name; /* behind the folder; NULL: none is there */
    struct eff_buf bytes;
};

struct world { /* the file, and the one that will take its place */
    struct eff_os os;
    struct eff_file file, made;
};

static void
must(bool holds)
{
    if (!holds)
        abort();
}

/* ---- a world of two files ---- */

static struct eff_file *
world_find(struct world *world, const char *path)
{
    const char *name = strrchr(path, '/') + 1;

    if (world->file.name && strcmp(world->file.name, name) == 0)
        return &world->file;
    return world->made.name && strcmp(world->made.name, name) == 0 ? &world->made : NULL;
}

static enum eff_fault
world_open(void *self, const char *path, unsigned flags, struct eff_file **ret_file,
           struct eff_err *err)
{
    struct world *world = self;

    *ret_file = world_find(world, path);
    if (!*ret_file && flags & EFF_OPEN_CREATE) {
        *ret_file = &world->made;
        free((char *)(uintptr_t)world->made.name);
        world->made.name = strdup(strrchr(path, '/') + 1);
    }
    if (!*ret_file)
        return EFF_FAIL(err, EFF_BROKEN, "there is no file %s", path);
    if (flags & EFF_OPEN_TRUNCATE)
        eff_buf_reset(&(*ret_file)->bytes);
    return EFF_OK;
}

static enum eff_fault
world_read(struct eff_file *file, uint64_t offset, void *ptr, size_t len, size_t *ret_len,
           struct eff_err *err)
{
    eff_str rest = offset < file->bytes.len
                       ? eff_str_sub(eff_buf_str(&file->bytes), (size_t)offset, len)
                       : EFF_STR("");

    (void)err;
    if (rest.len > 0)
        memcpy(ptr, rest.ptr, rest.len);
    *ret_len = rest.len;
    return EFF_OK;
}

/* Everybody here writes at the end. */
static enum eff_fault
world_write(struct eff_file *file, uint64_t offset, const void *ptr, size_t len,
            struct eff_err *err)
{
    (void)err;
    must(offset == file->bytes.len);
    eff_buf_add_bytes(&file->bytes, ptr, len);
    return EFF_OK;
}

static enum eff_fault
world_size(struct eff_file *file, uint64_t *ret_size, struct eff_err *err)
{
    (void)err;
    *ret_size = file->bytes.len;
    return EFF_OK;
}

static enum eff_fault
world_sync(struct eff_file *file, struct eff_err *err)
{
    (void)file;
    (void)err;
    return EFF_OK;
}

static void
world_close(struct eff_file *file)
{
    (void)file;
}

static enum eff_fault
world_rename(void *self, const char *from, const char *to, struct eff_err *err)
{
    struct world *world = self;
    struct eff_buf old = world->file.bytes;

    (void)err;
    must(world_find(world, from) == &world->made && world_find(world, to) == &world->file);
    world->file.bytes = world->made.bytes;
    world->made.bytes = old;
    return EFF_OK;
}

static enum eff_fault
world_path(void *self, const char *path, struct eff_err *err)
{
    (void)self;
    (void)path;
    (void)err;
    return EFF_OK;
}

static bool
world_exists(void *self, const char *path)
{
    return world_find(self, path) != NULL;
}

static enum eff_fault
world_list(void *self, const char *path, struct eff_arena *arena, size_t *ret_count,
           eff_str **ret_names, struct eff_err *err)
{
    (void)path;
    (void)err;
    *ret_names = eff_new(arena, eff_str, 1);
    (*ret_names)[0] = eff_str_of(((struct world *)self)->file.name);
    *ret_count = 1;
    return EFF_OK;
}

/* ---- the change file ---- */

static uint64_t
get_u64(const char *at)
{
    uint64_t n;

    memcpy(&n, at, sizeof n);
    return n;
}

static void
put_sum(char *at, const char *bytes, size_t len, uint64_t *digest)
{
    uint64_t pair[2] = {*digest, eff_xxh3(FUZZ_CHANGES_SEED, bytes, len)};

    memcpy(at, &pair[1], sizeof pair[1]);
    *digest = eff_xxh3(FUZZ_CHANGES_SEED, pair, sizeof pair);
}

/* The chunks that the table at `at` names, as far as they lie before it. */
static void
repair_chunks(char *ptr, size_t at, size_t len, uint64_t *digest)
{
    uint64_t count = len >= 8 ? get_u64(ptr + at) : 0;

    for (uint64_t i = 0; i < count && 8 + (i + 1) * 24 <= len; i++) {
        char *entry = ptr + at + 8 + i * 24;
        uint64_t offset = get_u64(entry);
        uint32_t bytes = (uint32_t)get_u64(entry + 8);

        if (offset > at || at - offset < 16 || at - offset - 16 < bytes)
            continue;
        memcpy(ptr + offset, entry + 16, 4);
        memcpy(ptr + offset + 4, &bytes, 4);
        put_sum(ptr + offset + 8, ptr + offset + 16, bytes, digest);
    }
}

static void
repair_changes(char *ptr, size_t size)
{
    uint64_t digest = 0, len, at;
    uint32_t head;

    if (size < 60)
        return;
    memcpy(ptr, "EFFCHG01", 8);
    memcpy(&head, ptr + 8, 4);
    head %= (uint32_t)(size - 60 + 1);
    memcpy(ptr + 8, &head, 4);
    put_sum(ptr + 12, ptr + 20, head, &digest);
    len = get_u64(ptr + size - 32) % (size - 60 - head + 1);
    at = size - 40 - len;
    memcpy(ptr + size - 40, &at, 8);
    memcpy(ptr + size - 32, &len, 8);
    repair_chunks(ptr, at, len, &digest);
    put_sum(ptr + size - 24, ptr + at, len, &digest);
    memcpy(ptr + size - 16, &digest, 8);
    memcpy(ptr + size - 8, "EFFCHGEN", 8);
}

static void
fuzz_batch(const struct eff_delivery *d, const struct eff_acknowledged *acks, size_t rows)
{
    struct eff_buf text = {0};

    must(d->count == rows);
    for (size_t i = 0; i < d->count; i++) {
        const struct eff_item *item = &d->items[i];

        must(eff_hash128_cmp(item->key, acks[i].key) == 0);
        eff_buf_add(&text, item->key_json);
        for (size_t k = 0; k < d->match_count; k++)
            eff_value_write(&text, &item->match[k]);
        for (size_t k = 0; k < d->fields_count; k++)
            eff_value_write(&text, &item->fields[k]);
        for (size_t k = 0; k < item->leaving_count * (d->match_count + d->fields_count); k++)
            eff_value_write(&text, &item->leaving[k]);
        eff_buf_reset(&text);
    }
    eff_buf_free(&text);
}

static void
fuzz_changes(struct world *world, struct eff_arena *arena)
{
    const struct eff_batch_ref *refs;
    struct eff_acknowledged *acks;
    struct eff_changes *changes;
    struct eff_delivery d;
    struct eff_err err = {0};
    size_t count;

    if (eff_changes_open(&world->os, "folder/changes-" FUZZ_RUN, arena, &changes, &err) != EFF_OK) {
        must(err.fault != EFF_OK && err.msg[0] != '\0');
        return;
    }
    count = eff_changes_count(changes, &refs);
    for (size_t i = 0; i < count; i++) {
        struct eff_arena here = *arena;

        err = (struct eff_err){0};
        if (eff_changes_load(changes, i, &here, &d, &acks, &err) == EFF_OK)
            fuzz_batch(&d, acks, refs[i].rows);
        else
            must(err.fault == EFF_BROKEN && err.msg[0] != '\0');
    }
    eff_changes_close(changes);
}

/* ---- the history ---- */

/* Of the first record, so that there is something to find. */
static struct eff_hash128
first_key(eff_str bytes)
{
    struct eff_reader reader = eff_reader_of(bytes);
    struct eff_hash128 key;

    eff_read_bytes(&reader, 16);
    for (uint32_t names = eff_read_u32(&reader); names > 0 && !reader.bad; names--)
        eff_read_slice(&reader);
    eff_read_u32(&reader);
    key.hi = eff_read_u64(&reader);
    key.lo = eff_read_u64(&reader);
    return key;
}

static void
fuzz_history(struct world *world, struct eff_arena *arena)
{
    struct eff_hash128 key = first_key(eff_buf_str(&world->file.bytes));
    struct eff_history_row *rows;
    struct eff_err err = {0};
    uint64_t forgotten;
    size_t count;
    bool whole, found;

    must(eff_history_find(&world->os, "folder", key, 20, arena, &count, &rows, &err) == EFF_OK);
    must(count <= 20);
    found = count > 0;
    for (size_t i = 0; i < count; i++)
        must(rows[i].op < EFF_OPS_COUNT && eff_outcome_name(rows[i].outcome) != NULL &&
             eff_str_is(rows[i].run, FUZZ_RUN));
    must(eff_history_check(&world->os, "folder/history-" FUZZ_RUN, *arena, &whole, &err) == EFF_OK);
    must(eff_history_forget(&world->os, "folder", key, *arena, &forgotten, &err) == EFF_OK);
    must(forgotten >= count && (forgotten > 0) == found);
    must(eff_history_find(&world->os, "folder", key, 20, arena, &count, &rows, &err) == EFF_OK);
    must(count == 0);
    if (forgotten > 0) {
        must(eff_history_check(&world->os, "folder/history-" FUZZ_RUN, *arena, &whole, &err) ==
             EFF_OK);
        must(whole);
    }
}

/* ---- the manifest of an export ---- */

static void
repair_manifest(struct eff_buf *buf)
{
    static const char zeroes[] = "0000000000000000000000000000000000000000000000000000000000000000";
    struct eff_sha256 digest;
    char *at;

    if (buf->len < 64 + 4)
        return;
    at = buf->ptr + buf->len - 4 - 64;
    memcpy(at, zeroes, 64);
    memcpy(at + 64, "\"\n}\n", 4);
    digest = eff_sha256(eff_buf_str(buf));
    for (size_t i = 0; i < sizeof digest.bytes; i++) {
        at[2 * i] = "0123456789abcdef"[digest.bytes[i] >> 4];
        at[2 * i + 1] = "0123456789abcdef"[digest.bytes[i] & 15];
    }
}

static void
fuzz_manifest(struct world *world, struct eff_arena *arena)
{
    struct eff_export export_, again;
    struct eff_err err = {0};

    if (eff_export_read(&world->os, "folder", arena, &export_, &err) != EFF_OK) {
        must(err.fault != EFF_OK && err.msg[0] != '\0');
        return;
    }
    for (size_t i = 0; i < export_.syncs_count; i++) {
        must(eff_export_sync_name(export_.syncs[i].name));
        for (size_t k = 0; k < export_.syncs[i].files_count; k++)
            must(eff_str_find_char(export_.syncs[i].files[k].name, '/') == SIZE_MAX &&
                 eff_str_find_char(export_.syncs[i].files[k].name, '.') == SIZE_MAX);
    }
    /* The files are not there. */
    must(eff_export_verify(&world->os, "folder", &export_, *arena, &err) == EFF_BROKEN);
    must(eff_export_commit(&world->os, "folder", &export_, &err) == EFF_OK);
    must(eff_export_read(&world->os, "folder", arena, &again, &err) == EFF_OK);
    must(again.syncs_count == export_.syncs_count && again.when_ms == export_.when_ms);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"changes-" FUZZ_RUN, "history-" FUZZ_RUN,
                                        EFF_EXPORT_MANIFEST};
    static struct eff_arena arena;
    struct world world = {.os = {.open = world_open,
                                 .read = world_read,
                                 .write = world_write,
                                 .size = world_size,
                                 .sync = world_sync,
                                 .close = world_close,
                                 .rename = world_rename,
                                 .unlink = world_path,
                                 .sync_dir = world_path,
                                 .exists = world_exists,
                                 .list = world_list}};
    bool repair;

    if (size < 2 || size > 1 << 16)
        return 0;
    if (!arena.base)
        eff_arena_init(&arena, "fuzz", (size_t)256 << 20);
    eff_arena_reset(&arena);
    repair = data[0] & 4;
    world.os.self = &world;
    world.file.name = names[data[0] % 4 % 3];
    eff_buf_add_bytes(&world.file.bytes, data + 1, size - 1);
    switch (data[0] % 4 % 3) {
    case 0:
        if (repair)
            repair_changes(world.file.bytes.ptr, world.file.bytes.len);
        fuzz_changes(&world, &arena);
        break;
    case 1:
        fuzz_history(&world, &arena);
        break;
    default:
        if (repair)
            repair_manifest(&world.file.bytes);
        fuzz_manifest(&world, &arena);
    }
    eff_buf_free(&world.file.bytes);
    eff_buf_free(&world.made.bytes);
    free((char *)(uintptr_t)world.made.name);
    return 0;
}
