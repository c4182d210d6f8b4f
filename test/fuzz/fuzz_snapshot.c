/*
 * Goal: no bytes in the state folder make the reader of snapshots crash, read
 * outside of its buffers or hand out more than the file holds.
 * Method: the input is a snapshot file and an identities file; flags say whether
 * magic, format and checksums are put right first, so that what lies behind them
 * is reached too. Everything is read by the cursor and some keys are looked up.
 */
// links: base state
#include <stdlib.h>
#include <string.h>

#include "state/snapshot_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct eff_file {
    char *bytes;
    size_t len;
};

struct world { /* two files that can only be read */
    struct eff_os os;
    struct eff_file files[2];
};

static enum eff_fault
world_open(void *self, const char *path, unsigned flags, struct eff_file **ret_file,
           struct eff_err *err)
{
    struct world *world = self;

    (void)flags;
    (void)err;
    *ret_file = &world->files[strstr(path, "identities") != NULL];
    return EFF_OK;
}

static enum eff_fault
world_read(struct eff_file *file, uint64_t offset, void *ptr, size_t len, size_t *ret_len,
           struct eff_err *err)
{
    (void)err;
    *ret_len = 0;
    if (offset < file->len) {
        *ret_len = file->len - (size_t)offset < len ? file->len - (size_t)offset : len;
        memcpy(ptr, file->bytes + offset, *ret_len);
    }
    return EFF_OK;
}

static enum eff_fault
world_size(struct eff_file *file, uint64_t *ret_size, struct eff_err *err)
{
    (void)err;
    *ret_size = file->len;
    return EFF_OK;
}

static void
world_close(struct eff_file *file)
{
    (void)file;
}

static bool
world_exists(void *self, const char *path)
{
    (void)self;
    (void)path;
    return true;
}

static enum eff_fault
world_list(void *self, const char *path, struct eff_arena *arena, size_t *ret_count,
           eff_str **ret_names, struct eff_err *err)
{
    eff_str *names = eff_new(arena, eff_str, 1);

    (void)self;
    (void)path;
    (void)err;
    names[0] = EFF_STR("snapshot-00000000000000000001");
    *ret_names = names;
    *ret_count = 1;
    return EFF_OK;
}

/* Magic, format and checksum of either header. */
static void
repair_header(struct eff_file *file, eff_str magic, size_t header_bytes)
{
    uint32_t format = SNAPSHOT_FORMAT;
    uint64_t checksum;

    if (header_bytes < 24 || header_bytes > file->len)
        return;
    memcpy(file->bytes, magic.ptr, magic.len);
    memcpy(file->bytes + 8, &format, 4);
    memset(file->bytes + SNAPSHOT_CHECKSUM_AT, 0, 8);
    checksum = eff_xxh3(SNAPSHOT_FORMAT, file->bytes, header_bytes);
    memcpy(file->bytes + SNAPSHOT_CHECKSUM_AT, &checksum, 8);
}

/* The checksums of block `index`, as far as its bytes are there. */
static void
repair_block(struct world *world, size_t header_bytes, uint64_t index)
{
    struct eff_file *file = &world->files[0], *texts = &world->files[1];
    size_t at = header_bytes + (size_t)index * SNAPSHOT_BLOCK;
    struct snapshot_block *block = calloc(1, sizeof(*block));
    size_t len = file->len - at < sizeof(*block) ? file->len - at : sizeof(*block);
    uint64_t file_id;

    if (block == NULL)
        abort();
    memcpy(block, file->bytes + at, len);
    memcpy(&file_id, file->bytes + 24, 8);
    block->index = index;
    block->count %= SNAPSHOT_BLOCK_ENTRIES + 1;
    if (block->identities_offset <= texts->len &&
        block->identities_bytes <= texts->len - block->identities_offset)
        block->identities_checksum = eff_xxh3(
            file_id + index, texts->bytes + block->identities_offset, block->identities_bytes);
    block->checksum = snapshot_block_checksum(file_id, block);
    memcpy(file->bytes + at, block, len);
    free(block);
}

static void
repair(struct world *world)
{
    struct eff_file *file = &world->files[0];
    uint32_t header_bytes;

    if (file->len < 128)
        return;
    memcpy(&header_bytes, file->bytes + 12, 4);
    header_bytes = (header_bytes % 8 + 2) * 64;
    if (header_bytes > file->len)
        header_bytes = 128;
    memcpy(file->bytes + 12, &header_bytes, 4);
    repair_header(file, SNAPSHOT_MAGIC, header_bytes);
    repair_header(&world->files[1], SNAPSHOT_IDENTITIES_MAGIC, SNAPSHOT_IDENTITIES_AT);
    for (uint64_t i = 0; header_bytes + i * SNAPSHOT_BLOCK + SNAPSHOT_BLOCK_HEAD < file->len; i++)
        repair_block(world, header_bytes, i);
}

static void
read_all(struct world *world, struct eff_snapshot *snapshot, struct eff_arena *arena)
{
    struct eff_snapshot_cursor *cursor;
    const struct eff_entry *entries;
    const eff_str *texts;
    struct eff_err err = {0};
    struct eff_entry entry;
    eff_str identity;
    uint64_t sum = 0;
    size_t count = 1;
    bool found;

    if (eff_snapshot_cursor_open(snapshot, true, arena, &cursor, &err) != EFF_OK)
        return;
    while (eff_snapshot_cursor_next(cursor, &count, &entries, &texts, &err) == EFF_OK && count > 0)
        for (size_t i = 0; i < count; i++) {
            sum += entries[i].row + (texts[i].len > 0 ? (unsigned char)texts[i].ptr[0] : 0) +
                   (texts[i].len > 0 ? (unsigned char)texts[i].ptr[texts[i].len - 1] : 0);
            if (i % 100 == 0 && count < world->files[0].len)
                (void)eff_snapshot_find(snapshot, entries[i].key, &found, &entry, NULL, &identity,
                                        &err);
        }
    (void)eff_snapshot_find(snapshot, (struct eff_hash128){sum, 1}, &found, &entry, arena,
                            &identity, &err);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world = {.os = {.open = world_open,
                                 .read = world_read,
                                 .size = world_size,
                                 .close = world_close,
                                 .exists = world_exists,
                                 .list = world_list}};
    struct eff_snapshot *snapshot;
    struct eff_arena arena;
    struct eff_err err = {0};
    size_t first;

    if (size < 4)
        return 0;
    first = (size_t)(data[1] | data[2] << 8);
    first = first > size - 3 ? size - 3 : first;
    world.os.self = &world;
    world.files[0] = (struct eff_file){malloc(first + 1), first};
    world.files[1] = (struct eff_file){malloc(size - 3 - first + 1), size - 3 - first};
    if (world.files[0].bytes == NULL || world.files[1].bytes == NULL)
        abort();
    memcpy(world.files[0].bytes, data + 3, first);
    memcpy(world.files[1].bytes, data + 3 + first, size - 3 - first);
    if (data[0] & 1)
        repair(&world);
    eff_arena_init(&arena, "fuzz", (size_t)32 << 20);
    if (eff_snapshot_open(&world.os, "folder", &arena, &snapshot, &err) == EFF_OK) {
        read_all(&world, snapshot, &arena);
        eff_snapshot_close(snapshot);
    }
    eff_arena_deinit(&arena);
    free(world.files[0].bytes);
    free(world.files[1].bytes);
    return 0;
}
