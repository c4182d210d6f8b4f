/*
 * state/snapshot: what the destination has acknowledged, one sorted file, read.
 *
 * Nothing is believed before its checksum was compared. The layout is told in
 * state/snapshot_file.h.
 */
#include "base/crash.h"
#include "state/snapshot_file.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define CURSOR_BLOCKS 4 /* read at once: stays in the nearer caches */

struct snapshot_one {             /* one verified block, for looking up */
    struct snapshot_block *block; /* NULL until the first look-up */
    uint64_t at;                  /* its number; UINT64_MAX: none */
    char *identities;
    uint64_t identities_of; /* whose identities are there; UINT64_MAX: none */
    eff_str *texts;
};

struct eff_snapshot {
    struct eff_os *os;
    const char *path; /* of the snapshot file, for messages */
    const char *identities_path;
    struct eff_file *file;
    struct eff_file *identities;
    struct eff_snapshot_head head;
    struct snapshot_layout layout;
    struct eff_arena arena; /* of look-ups, made by the first one */
    struct snapshot_one one;
};

struct eff_snapshot_cursor {
    struct eff_snapshot *snapshot;
    uint64_t next;         /* block */
    uint64_t loaded, held; /* first block in the buffer, number of them */
    struct snapshot_block *blocks;
    char *identities; /* NULL: not wanted */
    eff_str *texts;
    struct eff_hash128 last; /* key of the block before */
};

static enum eff_fault snapshot_broken(struct eff_err *err, const char *path, const char *format,
                                      ...) __attribute__((format(printf, 3, 4)));

static enum eff_fault
snapshot_broken(struct eff_err *err, const char *path, const char *format, ...)
{
    char what[200];
    va_list list;

    va_start(list, format);
    vsnprintf(what, sizeof(what), format, list);
    va_end(list);
    EFF_FAIL(err, EFF_BROKEN, "%s is damaged: %s", path, what);
    return eff_err_hint(err, "Put the folder back from a backup, or rebuild it from the "
                             "destination; it is never taken as empty.");
}

enum snapshot_name
eff_snapshot_name_read(eff_str name, uint64_t *ret_generation)
{
    bool unfinished = eff_str_ends(name, EFF_STR(".tmp"));
    enum snapshot_name kind = SNAPSHOT_NAME_OTHER;
    eff_str digits;

    if (unfinished)
        name.len -= 4;
    if (eff_str_starts(name, EFF_STR("snapshot-")))
        kind = SNAPSHOT_NAME_ENTRIES;
    else if (eff_str_starts(name, EFF_STR("identities-")))
        kind = SNAPSHOT_NAME_IDENTITIES;
    if (kind == SNAPSHOT_NAME_OTHER)
        return kind;
    digits = eff_str_sub(name, kind == SNAPSHOT_NAME_ENTRIES ? 9 : 11, SIZE_MAX);
    if (digits.len != 20 || digits.ptr[0] < '0' || digits.ptr[0] > '9' ||
        !eff_str_uint(digits, ret_generation) || *ret_generation == 0)
        return SNAPSHOT_NAME_OTHER;
    return unfinished ? SNAPSHOT_NAME_LEFT_OVER : kind;
}

const char *
eff_snapshot_path(struct eff_arena *arena, const char *folder, enum snapshot_name kind,
                  uint64_t generation, bool unfinished)
{
    return eff_str_printf(arena, "%s/%s-%020" PRIu64 "%s", folder,
                          kind == SNAPSHOT_NAME_ENTRIES ? "snapshot" : "identities", generation,
                          unfinished ? ".tmp" : "")
        .ptr;
}

/* Exactly len bytes, or the file is damaged. */
static enum eff_fault
snapshot_read(struct eff_snapshot *snapshot, struct eff_file *file, const char *path,
              uint64_t offset, void *ptr, size_t len, struct eff_err *err)
{
    size_t got = 0;

    EFF_TRY(snapshot->os->read(file, offset, ptr, len, &got, err));
    if (got != len)
        return snapshot_broken(err, path, "it ends at byte %" PRIu64, offset + got);
    return EFF_OK;
}

/* Magic and format of either file. */
static enum eff_fault
snapshot_check_format(const char *path, eff_str magic, struct eff_reader *reader,
                      struct eff_err *err)
{
    uint32_t format;

    if (!eff_str_eq(eff_read_bytes(reader, magic.len), magic))
        return snapshot_broken(err, path, "it does not begin like a file of this program");
    format = eff_read_u32(reader);
    if (format == SNAPSHOT_FORMAT)
        return EFF_OK;
    EFF_FAIL(err, EFF_BROKEN, "%s has format %" PRIu32 ", this program reads format %d", path,
             format, SNAPSHOT_FORMAT);
    return eff_err_hint(err, "Use the version of efferent that wrote it, or put the folder back "
                             "from a backup.");
}

static void
snapshot_read_columns(struct eff_reader *reader, struct eff_arena *arena,
                      struct eff_snapshot_head *head)
{
    struct eff_snapshot_column *columns;

    head->columns_count = eff_read_u32(reader);
    // A column is 16 bytes at least: no number of them is believed beyond that.
    if (reader->bad || head->columns_count > (size_t)(reader->end - reader->at) / 16) {
        reader->bad = true;
        return;
    }
    columns = eff_new(arena, struct eff_snapshot_column, head->columns_count);
    for (size_t i = 0; i < head->columns_count && !reader->bad; i++) {
        eff_str *inputs;

        columns[i].id = eff_read_u64(reader);
        columns[i].field = eff_read_slice(reader);
        columns[i].inputs_count = eff_read_u32(reader);
        if (reader->bad || columns[i].inputs_count > (size_t)(reader->end - reader->at) / 4) {
            reader->bad = true;
            return;
        }
        inputs = eff_new(arena, eff_str, columns[i].inputs_count);
        for (size_t j = 0; j < columns[i].inputs_count; j++)
            inputs[j] = eff_read_slice(reader);
        columns[i].inputs = inputs;
    }
    head->columns = columns;
}

static enum eff_fault
snapshot_read_head(struct eff_snapshot *snapshot, struct eff_reader *reader,
                   struct eff_arena *arena, struct eff_err *err)
{
    struct eff_snapshot_head *head = &snapshot->head;
    struct snapshot_layout *layout = &snapshot->layout;
    uint64_t generation = head->generation;

    layout->file_id = eff_read_u64(reader);
    head->generation = eff_read_u64(reader);
    head->entries.count = eff_read_u64(reader);
    head->entries.sum_hi = eff_read_u64(reader);
    head->entries.sum_lo = eff_read_u64(reader);
    layout->blocks = eff_read_u64(reader);
    layout->last_count = eff_read_u64(reader);
    layout->identities_bytes = eff_read_u64(reader);
    head->identities = layout->identities_bytes != 0;
    snapshot_read_columns(reader, arena, head);
    if (reader->bad)
        return snapshot_broken(err, snapshot->path, "its header ends too early");
    if (head->generation != generation)
        return snapshot_broken(err, snapshot->path, "it holds generation %" PRIu64,
                               head->generation);
    if (layout->last_count > SNAPSHOT_BLOCK_ENTRIES ||
        (layout->blocks == 0) != (layout->last_count == 0) ||
        layout->blocks > UINT64_MAX / SNAPSHOT_BLOCK / 2 ||
        head->entries.count > layout->blocks * SNAPSHOT_BLOCK_ENTRIES ||
        head->entries.count < layout->blocks)
        return snapshot_broken(err, snapshot->path, "its header contradicts itself");
    return EFF_OK;
}

static uint64_t
snapshot_file_bytes(const struct snapshot_layout *layout)
{
    if (layout->blocks == 0)
        return layout->header_bytes;
    return layout->header_bytes + (layout->blocks - 1) * SNAPSHOT_BLOCK +
           snapshot_block_bytes((uint32_t)layout->last_count);
}

static enum eff_fault
snapshot_check_size(struct eff_snapshot *snapshot, struct eff_file *file, const char *path,
                    uint64_t wanted, struct eff_err *err)
{
    uint64_t size;

    EFF_TRY(snapshot->os->size(file, &size, err));
    if (size != wanted)
        return snapshot_broken(err, path, "it has %" PRIu64 " bytes and not %" PRIu64, size,
                               wanted);
    return EFF_OK;
}

static enum eff_fault
snapshot_read_header(struct eff_snapshot *snapshot, struct eff_arena *arena, struct eff_err *err)
{
    struct snapshot_layout *layout = &snapshot->layout;
    char start[SNAPSHOT_CHECKSUM_AT];
    struct eff_reader reader;
    uint64_t checksum;
    char *bytes;

    EFF_TRY(snapshot_read(snapshot, snapshot->file, snapshot->path, 0, start, sizeof(start), err));
    reader = eff_reader_of((eff_str){start, sizeof(start)});
    EFF_TRY(snapshot_check_format(snapshot->path, SNAPSHOT_MAGIC, &reader, err));
    layout->header_bytes = eff_read_u32(&reader);
    if (layout->header_bytes < SNAPSHOT_CHECKSUM_AT + 8 ||
        layout->header_bytes > SNAPSHOT_HEADER_MAX || layout->header_bytes % 64 != 0)
        return snapshot_broken(err, snapshot->path, "its header cannot have %" PRIu32 " bytes",
                               layout->header_bytes);
    bytes = eff_arena_try(arena, 1, 1, layout->header_bytes);
    if (bytes == NULL)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory for the header of %s", snapshot->path);
    EFF_TRY(snapshot_read(snapshot, snapshot->file, snapshot->path, 0, bytes, layout->header_bytes,
                          err));
    memcpy(&checksum, bytes + SNAPSHOT_CHECKSUM_AT, 8);
    memset(bytes + SNAPSHOT_CHECKSUM_AT, 0, 8);
    if (checksum != eff_xxh3(SNAPSHOT_FORMAT, bytes, layout->header_bytes))
        return snapshot_broken(err, snapshot->path, "its header does not fit its checksum");
    reader = eff_reader_of((eff_str){bytes, layout->header_bytes});
    eff_read_bytes(&reader, SNAPSHOT_CHECKSUM_AT + 8);
    EFF_TRY(snapshot_read_head(snapshot, &reader, arena, err));
    return snapshot_check_size(snapshot, snapshot->file, snapshot->path,
                               snapshot_file_bytes(layout), err);
}

/* The header of the identities' file says that it belongs to this snapshot. */
static enum eff_fault
snapshot_open_identities(struct eff_snapshot *snapshot, struct eff_err *err)
{
    const char *path = snapshot->identities_path;
    char head[SNAPSHOT_IDENTITIES_AT];
    struct eff_reader reader;
    uint64_t checksum;

    if (!snapshot->os->exists(snapshot->os->self, path))
        return snapshot_broken(err, path, "it is missing");
    EFF_TRY(
        snapshot->os->open(snapshot->os->self, path, EFF_OPEN_READ, &snapshot->identities, err));
    EFF_TRY(snapshot_read(snapshot, snapshot->identities, path, 0, head, sizeof(head), err));
    reader = eff_reader_of((eff_str){head, sizeof(head)});
    EFF_TRY(snapshot_check_format(path, SNAPSHOT_IDENTITIES_MAGIC, &reader, err));
    eff_read_u32(&reader);
    memcpy(&checksum, head + SNAPSHOT_CHECKSUM_AT, 8);
    memset(head + SNAPSHOT_CHECKSUM_AT, 0, 8);
    eff_read_u64(&reader);
    if (checksum != eff_xxh3(SNAPSHOT_FORMAT, head, sizeof(head)))
        return snapshot_broken(err, path, "its header does not fit its checksum");
    if (eff_read_u64(&reader) != snapshot->layout.file_id ||
        eff_read_u64(&reader) != snapshot->head.generation)
        return snapshot_broken(err, path, "it belongs to another snapshot");
    return snapshot_check_size(snapshot, snapshot->identities, path,
                               snapshot->layout.identities_bytes, err);
}

/* The highest generation whose snapshot has its name: that name is the commit. */
static enum eff_fault
snapshot_newest(struct eff_os *os, const char *folder, struct eff_arena scratch,
                uint64_t *ret_generation, struct eff_err *err)
{
    uint64_t generation;
    size_t count;
    eff_str *names;

    *ret_generation = 0;
    EFF_TRY(os->list(os->self, folder, &scratch, &count, &names, err));
    for (size_t i = 0; i < count; i++) // sorted: the highest comes last
        if (eff_snapshot_name_read(names[i], &generation) == SNAPSHOT_NAME_ENTRIES)
            *ret_generation = generation;
    return EFF_OK;
}

enum eff_fault
eff_snapshot_open(struct eff_os *os, const char *folder, struct eff_arena *arena,
                  struct eff_snapshot **ret_snapshot, struct eff_err *err)
{
    struct eff_snapshot *snapshot = eff_new(arena, struct eff_snapshot, 1);
    enum eff_fault fault;
    uint64_t generation;

    snapshot->os = os;
    EFF_TRY(snapshot_newest(os, folder, *arena, &generation, err));
    if (generation == 0) {
        *ret_snapshot = snapshot;
        return EFF_OK;
    }
    snapshot->head.generation = generation;
    snapshot->path = eff_snapshot_path(arena, folder, SNAPSHOT_NAME_ENTRIES, generation, false);
    snapshot->identities_path =
        eff_snapshot_path(arena, folder, SNAPSHOT_NAME_IDENTITIES, generation, false);
    EFF_TRY(os->open(os->self, snapshot->path, EFF_OPEN_READ, &snapshot->file, err));
    fault = snapshot_read_header(snapshot, arena, err);
    if (fault == EFF_OK && snapshot->head.identities)
        fault = snapshot_open_identities(snapshot, err);
    if (fault != EFF_OK) {
        eff_snapshot_close(snapshot);
        return fault;
    }
    *ret_snapshot = snapshot;
    return EFF_OK;
}

const struct eff_snapshot_head *
eff_snapshot_head(const struct eff_snapshot *snapshot)
{
    return &snapshot->head;
}

void
eff_snapshot_close(struct eff_snapshot *snapshot)
{
    if (snapshot == NULL)
        return;
    snapshot->os->close(snapshot->file);
    snapshot->os->close(snapshot->identities);
    snapshot->file = NULL;
    snapshot->identities = NULL;
    snapshot->one = (struct snapshot_one){0};
    eff_arena_deinit(&snapshot->arena);
}

/* Bytes of block number `at` in the file. */
static size_t
snapshot_block_len(const struct eff_snapshot *snapshot, uint64_t at)
{
    if (at + 1 == snapshot->layout.blocks)
        return snapshot_block_bytes((uint32_t)snapshot->layout.last_count);
    return SNAPSHOT_BLOCK;
}

static enum eff_fault
snapshot_block_check(struct eff_snapshot *snapshot, const struct snapshot_block *block, uint64_t at,
                     struct eff_err *err)
{
    const struct snapshot_layout *layout = &snapshot->layout;
    bool last = at + 1 == layout->blocks;

    if (block->count == 0 || block->count > SNAPSHOT_BLOCK_ENTRIES ||
        (last && block->count != layout->last_count) || block->index != at)
        return snapshot_broken(err, snapshot->path, "block %" PRIu64 " contradicts the header", at);
    if (block->checksum != snapshot_block_checksum(layout->file_id, block))
        return snapshot_broken(err, snapshot->path, "block %" PRIu64 " does not fit its checksum",
                               at);
    return EFF_OK;
}

/* One slice per entry of the block, pointing into bytes. */
static bool
snapshot_identities_parse(eff_str bytes, uint32_t count, eff_str *ret_texts)
{
    struct eff_reader reader = eff_reader_of(bytes);

    for (uint32_t i = 0; i < count; i++)
        ret_texts[i] = eff_read_slice(&reader);
    return !reader.bad && reader.at == reader.end;
}

static enum eff_fault
snapshot_identities_load(struct eff_snapshot *snapshot, const struct snapshot_block *block,
                         char *buf, eff_str *ret_texts, struct eff_err *err)
{
    const char *path = snapshot->identities_path;
    size_t len = block->identities_bytes;

    if (len > SNAPSHOT_IDENTITIES_MAX + (size_t)4 * SNAPSHOT_BLOCK_ENTRIES)
        return snapshot_broken(err, snapshot->path, "block %" PRIu64 " has too long identities",
                               block->index);
    EFF_TRY(snapshot_read(snapshot, snapshot->identities, path, block->identities_offset, buf, len,
                          err));
    if (eff_xxh3(snapshot->layout.file_id + block->index, buf, len) != block->identities_checksum ||
        !snapshot_identities_parse((eff_str){buf, len}, block->count, ret_texts))
        return snapshot_broken(err, path, "block %" PRIu64 " does not fit its checksum",
                               block->index);
    return EFF_OK;
}

static char *
snapshot_identities_buf(struct eff_arena *arena)
{
    return eff_new(arena, char, SNAPSHOT_IDENTITIES_MAX + 4 * SNAPSHOT_BLOCK_ENTRIES);
}

enum eff_fault
eff_snapshot_cursor_open(struct eff_snapshot *snapshot, bool with_identities,
                         struct eff_arena *arena, struct eff_snapshot_cursor **ret_cursor,
                         struct eff_err *err)
{
    struct eff_snapshot_cursor *cursor = eff_new(arena, struct eff_snapshot_cursor, 1);
    uint64_t blocks = snapshot->layout.blocks;

    (void)err;
    cursor->snapshot = snapshot;
    cursor->blocks = eff_new(arena, struct snapshot_block,
                             blocks < CURSOR_BLOCKS ? (size_t)blocks : CURSOR_BLOCKS);
    if (with_identities && blocks > 0) {
        cursor->texts = eff_new(arena, eff_str, SNAPSHOT_BLOCK_ENTRIES);
        if (snapshot->head.identities)
            cursor->identities = snapshot_identities_buf(arena);
    }
    *ret_cursor = cursor;
    return EFF_OK;
}

/* The next few blocks into the buffer. */
static enum eff_fault
snapshot_cursor_load(struct eff_snapshot_cursor *cursor, struct eff_err *err)
{
    struct eff_snapshot *snapshot = cursor->snapshot;
    uint64_t left = snapshot->layout.blocks - cursor->next;
    uint64_t count = left < CURSOR_BLOCKS ? left : CURSOR_BLOCKS;
    size_t len = (size_t)(count - 1) * SNAPSHOT_BLOCK +
                 snapshot_block_len(snapshot, cursor->next + count - 1);

    EFF_TRY(snapshot_read(snapshot, snapshot->file, snapshot->path,
                          snapshot->layout.header_bytes + cursor->next * SNAPSHOT_BLOCK,
                          cursor->blocks, len, err));
    cursor->loaded = cursor->next;
    cursor->held = count;
    return EFF_OK;
}

enum eff_fault
eff_snapshot_cursor_next(struct eff_snapshot_cursor *cursor, size_t *ret_count,
                         const struct eff_entry **ret_entries, const eff_str **ret_identities,
                         struct eff_err *err)
{
    struct eff_snapshot *snapshot = cursor->snapshot;
    const struct snapshot_block *block;

    *ret_count = 0;
    if (cursor->next == snapshot->layout.blocks)
        return EFF_OK;
    if (cursor->next >= cursor->loaded + cursor->held)
        EFF_TRY(snapshot_cursor_load(cursor, err));
    block = &cursor->blocks[cursor->next - cursor->loaded];
    EFF_TRY(snapshot_block_check(snapshot, block, cursor->next, err));
    if (cursor->next > 0 && eff_hash128_cmp(cursor->last, block->entries[0].key) >= 0)
        return snapshot_broken(err, snapshot->path, "block %" PRIu64 " is not sorted",
                               cursor->next);
    if (cursor->identities != NULL)
        EFF_TRY(snapshot_identities_load(snapshot, block, cursor->identities, cursor->texts, err));
    cursor->last = block->entries[block->count - 1].key;
    cursor->next++;
    *ret_count = block->count;
    *ret_entries = block->entries;
    if (ret_identities != NULL)
        *ret_identities = cursor->texts;
    return EFF_OK;
}

/* Block number `at`, verified, into the place for look-ups. */
static enum eff_fault
snapshot_one_load(struct eff_snapshot *snapshot, uint64_t at, struct eff_err *err)
{
    struct snapshot_one *one = &snapshot->one;

    if (one->block == NULL) {
        eff_arena_init(&snapshot->arena, "snapshot", (size_t)4 << 20);
        one->block = eff_new(&snapshot->arena, struct snapshot_block, 1);
        one->at = one->identities_of = UINT64_MAX;
    }
    if (one->at == at)
        return EFF_OK;
    one->at = UINT64_MAX;
    EFF_TRY(snapshot_read(snapshot, snapshot->file, snapshot->path,
                          snapshot->layout.header_bytes + at * SNAPSHOT_BLOCK, one->block,
                          snapshot_block_len(snapshot, at), err));
    EFF_TRY(snapshot_block_check(snapshot, one->block, at, err));
    one->at = at;
    return EFF_OK;
}

/* -1: the key lies before the loaded block, 1: after, 0: in it, if anywhere. */
static int
snapshot_one_side(const struct snapshot_one *one, struct eff_hash128 key)
{
    if (eff_hash128_cmp(key, one->block->entries[0].key) < 0)
        return -1;
    return eff_hash128_cmp(key, one->block->entries[one->block->count - 1].key) > 0;
}

/*
 * The block that can hold the key. Key hashes are spread evenly, so the first
 * guess is near: in 100 million rows, two blocks away. From there by doubled
 * steps, then by halves. Ends at a block of which the key is not outside, or
 * between two blocks.
 */
static enum eff_fault
snapshot_one_seek(struct eff_snapshot *snapshot, struct eff_hash128 key, bool *ret_inside,
                  struct eff_err *err)
{
    uint64_t low = 0, high = snapshot->layout.blocks, step = 1; // it is in [low, high)
    uint64_t at = (uint64_t)((unsigned __int128)key.hi * high >> 64);
    struct snapshot_one *one = &snapshot->one;
    int side, before = 0;

    if (one->block != NULL && one->at != UINT64_MAX && snapshot_one_side(one, key) == 0)
        at = one->at;
    while (low < high) {
        EFF_TRY(snapshot_one_load(snapshot, at, err));
        side = snapshot_one_side(one, key);
        if (side == 0) {
            *ret_inside = true;
            return EFF_OK;
        }
        if (side < 0)
            high = at;
        else
            low = at + 1;
        step = before == 0 || before == side ? step * 2 : 0;
        before = side;
        if (step == 0 || step >= high - low)
            at = low + (high - low) / 2;
        else
            at = side < 0 ? high - step / 2 : low + step / 2 - 1;
    }
    *ret_inside = false;
    return EFF_OK;
}

static enum eff_fault
snapshot_one_identity(struct eff_snapshot *snapshot, uint32_t entry, eff_str *ret_identity,
                      struct eff_err *err)
{
    struct snapshot_one *one = &snapshot->one;

    if (one->identities == NULL) {
        one->identities = snapshot_identities_buf(&snapshot->arena);
        one->texts = eff_new(&snapshot->arena, eff_str, SNAPSHOT_BLOCK_ENTRIES);
    }
    if (one->identities_of != one->at) {
        one->identities_of = UINT64_MAX;
        EFF_TRY(snapshot_identities_load(snapshot, one->block, one->identities, one->texts, err));
        one->identities_of = one->at;
    }
    *ret_identity = one->texts[entry];
    return EFF_OK;
}

enum eff_fault
eff_snapshot_find(struct eff_snapshot *snapshot, struct eff_hash128 key, bool *ret_found,
                  struct eff_entry *ret_entry, struct eff_arena *arena, eff_str *ret_identity,
                  struct eff_err *err)
{
    const struct snapshot_block *block;
    uint32_t low = 0, high;

    *ret_found = false;
    if (ret_identity != NULL)
        *ret_identity = EFF_STR_NONE;
    EFF_TRY(snapshot_one_seek(snapshot, key, ret_found, err));
    if (!*ret_found)
        return EFF_OK;
    block = snapshot->one.block;
    high = block->count;
    while (high - low > 1) { // the last entry that is not after the key
        uint32_t middle = low + (high - low) / 2;

        if (eff_hash128_cmp(block->entries[middle].key, key) <= 0)
            low = middle;
        else
            high = middle;
    }
    *ret_found = eff_hash128_cmp(block->entries[low].key, key) == 0;
    if (!*ret_found)
        return EFF_OK;
    *ret_entry = block->entries[low];
    if (ret_identity == NULL || !snapshot->head.identities)
        return EFF_OK;
    EFF_TRY(snapshot_one_identity(snapshot, low, ret_identity, err));
    if (arena != NULL)
        *ret_identity = eff_str_copy(arena, *ret_identity);
    return EFF_OK;
}

/* True when this file has no use any more. */
static bool
snapshot_is_waste(eff_str name, uint64_t newest, uint64_t keep_from)
{
    uint64_t generation;

    switch (eff_snapshot_name_read(name, &generation)) {
    case SNAPSHOT_NAME_ENTRIES:
        return generation < keep_from && generation < newest;
    case SNAPSHOT_NAME_IDENTITIES: // above the newest snapshot it was never committed
        return (generation < keep_from && generation < newest) || generation > newest;
    case SNAPSHOT_NAME_LEFT_OVER:
        return true;
    default:
        return false;
    }
}

enum eff_fault
eff_snapshot_sweep(struct eff_os *os, const char *folder, uint64_t keep_from,
                   struct eff_arena scratch, struct eff_err *err)
{
    uint64_t newest;
    size_t count;
    eff_str *names;

    EFF_TRY(snapshot_newest(os, folder, scratch, &newest, err));
    EFF_TRY(os->list(os->self, folder, &scratch, &count, &names, err));
    // From the last name on: a snapshot goes before the identities that it needs.
    for (size_t i = count; i-- > 0;) {
        if (!snapshot_is_waste(names[i], newest, keep_from))
            continue;
        EFF_TRY(os->unlink(
            os->self,
            eff_str_printf(&scratch, "%s/" EFF_STR_FMT, folder, EFF_STR_ARG(names[i])).ptr, err));
        EFF_CRASH_AT("snapshot.swept");
    }
    return EFF_OK;
}
