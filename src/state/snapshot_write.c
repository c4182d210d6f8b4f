/*
 * state/snapshot_write: a new generation of the snapshot.
 *
 * What was acknowledged is scattered by key; each partition of it is sorted,
 * reduced to one update per key and merged with the old generation, which is
 * sorted already. The new files get their names only when they are complete and
 * on disk: identities first, then the snapshot, whose name is the commit.
 */
#include "base/crash.h"
#include "state/scatter.h"
#include "state/snapshot_file.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>

#define OUT_BLOCKS       8
#define WRITER_ITEMS_MIN ((size_t)1024)

enum update { /* flags of an item: what becomes of its key */
              UPDATE_REMOVE = 0,
              UPDATE_KEEP,     /* set, with the identity that is known */
              UPDATE_IDENTITY, /* set, with a new identity */
              UPDATE_FRESH,    /* set after a removal: no identity */
};

struct out { /* the files being written */
    struct eff_file *file, *identities;
    const char *path, *path_final;
    const char *identities_path, *identities_final;
    struct snapshot_layout layout;
    uint64_t entries;
    struct snapshot_block *blocks; /* OUT_BLOCKS of them */
    size_t blocks_used;            /* full ones, not yet written */
    struct snapshot_block *block;  /* being filled */
    struct eff_buf texts;          /* identities of the blocks in the buffer */
    size_t texts_start;            /* where those of the present block begin */
    uint64_t texts_written;        /* bytes of the identities' file so far */
};

struct old_side { /* the old generation, going by */
    struct eff_snapshot_cursor *cursor;
    const struct eff_entry *entries;
    const eff_str *texts;
    size_t at, count;
    bool done;
};

struct eff_snapshot_writer {
    struct eff_os *os;
    const char *folder;
    struct eff_snapshot *old;
    struct eff_snapshot_head head; /* of the new generation */
    struct eff_arena *arena;       /* what the head points to lives here */
    struct eff_arena own;          /* all else */
    size_t memory_bytes;
    struct eff_scatter *scatter;
    uint64_t order;
    struct eff_scatter_item *items;
    size_t items_count, items_max;
    struct old_side old_side;
    struct out out;
    bool with_identities;
};

static const eff_str *
writer_copy_inputs(struct eff_arena *arena, const struct eff_snapshot_column *column)
{
    eff_str *inputs = eff_new(arena, eff_str, column->inputs_count);

    for (size_t i = 0; i < column->inputs_count; i++)
        inputs[i] = eff_str_copy(arena, column->inputs[i]);
    return inputs;
}

static void
writer_copy_columns(struct eff_snapshot_writer *writer, const struct eff_snapshot_column *columns,
                    size_t count)
{
    struct eff_snapshot_column *copy = eff_new(writer->arena, struct eff_snapshot_column, count);

    for (size_t i = 0; i < count; i++) {
        copy[i] = columns[i];
        copy[i].field = eff_str_copy(writer->arena, columns[i].field);
        copy[i].inputs = writer_copy_inputs(writer->arena, &columns[i]);
    }
    writer->head.columns = copy;
    writer->head.columns_count = count;
}

/* One more than any generation that left a trace in the folder. */
static enum eff_fault
writer_choose_generation(struct eff_snapshot_writer *writer, struct eff_arena scratch,
                         struct eff_err *err)
{
    uint64_t newest = writer->old == NULL ? 0 : eff_snapshot_head(writer->old)->generation;
    uint64_t generation;
    size_t count;
    eff_str *names;

    EFF_TRY(writer->os->list(writer->os->self, writer->folder, &scratch, &count, &names, err));
    for (size_t i = 0; i < count; i++)
        if (eff_snapshot_name_read(names[i], &generation) != SNAPSHOT_NAME_OTHER &&
            generation > newest)
            newest = generation;
    if (newest == UINT64_MAX)
        return EFF_FAIL(err, EFF_BROKEN,
                        "%s holds a snapshot of generation %" PRIu64
                        ", after which there can be no other",
                        writer->folder, newest);
    writer->head.generation = newest + 1;
    return EFF_OK;
}

static enum eff_fault
writer_open(struct eff_snapshot_writer *writer, struct eff_err *err)
{
    struct eff_scatter_config config = {
        .os = writer->os, .folder = writer->folder, .memory_bytes = writer->memory_bytes / 2};

    EFF_TRY(writer->os->mkdir(writer->os->self, writer->folder, err));
    EFF_TRY(writer_choose_generation(writer, *writer->arena, err));
    return eff_scatter_open(&config, &writer->own, &writer->scatter, err);
}

enum eff_fault
eff_snapshot_writer_open(struct eff_os *os, const char *folder, struct eff_snapshot *old,
                         const struct eff_snapshot_column *columns, size_t columns_count,
                         bool with_identities, size_t memory_bytes, struct eff_arena *arena,
                         struct eff_snapshot_writer **ret_writer, struct eff_err *err)
{
    struct eff_snapshot_writer *writer = eff_new(arena, struct eff_snapshot_writer, 1);
    size_t items_bytes = memory_bytes / 4;
    enum eff_fault fault;

    writer->os = os;
    writer->arena = arena;
    writer->old = old != NULL && eff_snapshot_head(old)->generation != 0 ? old : NULL;
    writer->memory_bytes = memory_bytes;
    writer->with_identities = with_identities;
    writer->items_max = items_bytes / sizeof(struct eff_scatter_item);
    if (writer->items_max < WRITER_ITEMS_MIN)
        writer->items_max = WRITER_ITEMS_MIN;
    // The rest is the scatter's head, out blocks and both sides' buffers: below 8 MiB together.
    eff_arena_init(&writer->own, "snapshot writer",
                   writer->items_max * sizeof(struct eff_scatter_item) + ((size_t)8 << 20));
    writer->folder = eff_str_c(arena, eff_str_of(folder));
    writer_copy_columns(writer, columns, columns_count);
    writer->head.identities = with_identities;
    if (writer->old != NULL)
        writer->head.entries = eff_snapshot_head(writer->old)->entries;
    fault = writer_open(writer, err);
    if (fault != EFF_OK) {
        eff_snapshot_writer_close(writer);
        return fault;
    }
    *ret_writer = writer;
    return EFF_OK;
}

enum eff_fault
eff_snapshot_set(struct eff_snapshot_writer *writer, const struct eff_entry *entry,
                 eff_str identity, struct eff_err *err)
{
    struct eff_scatter_item item = {.key = entry->key,
                                    .row = entry->row,
                                    .order = writer->order++,
                                    .flags = identity.ptr != NULL ? UPDATE_IDENTITY : UPDATE_KEEP};

    if (identity.len > SNAPSHOT_IDENTITY_MAX)
        return EFF_FAIL(err, EFF_ROW, "key and match values of %zu bytes are more than can be kept",
                        identity.len);
    return eff_scatter_add_item(writer->scatter, &item, identity, err);
}

enum eff_fault
eff_snapshot_remove(struct eff_snapshot_writer *writer, struct eff_hash128 key, struct eff_err *err)
{
    struct eff_scatter_item item = {.key = key, .order = writer->order++, .flags = UPDATE_REMOVE};

    return eff_scatter_add_item(writer->scatter, &item, EFF_STR_NONE, err);
}

/* What is left of a key's update a when b comes after it. */
static struct eff_scatter_item
update_then(struct eff_scatter_item a, struct eff_scatter_item b)
{
    if (b.flags != UPDATE_KEEP)
        return b;
    b.flags = a.flags == UPDATE_REMOVE ? UPDATE_FRESH : a.flags;
    b.blob = a.blob;
    b.blob_len = a.blob_len;
    return b;
}

/* Sorts, and leaves one update per key. */
static void
writer_reduce(struct eff_snapshot_writer *writer)
{
    struct eff_scatter_item *items = writer->items;
    size_t kept = 0;

    eff_scatter_sort(items, writer->items_count);
    for (size_t i = 0; i < writer->items_count; i++) {
        if (kept > 0 && eff_hash128_cmp(items[kept - 1].key, items[i].key) == 0)
            items[kept - 1] = update_then(items[kept - 1], items[i]);
        else
            items[kept++] = items[i];
    }
    writer->items_count = kept;
}

/* All updates of the present partition; false when they are too many for the memory. */
static enum eff_fault
writer_collect(struct eff_snapshot_writer *writer, bool *ret_fits, struct eff_err *err)
{
    const struct eff_scatter_item *items;
    size_t count;

    writer->items_count = 0;
    *ret_fits = true;
    for (;;) {
        EFF_TRY(eff_scatter_items(writer->scatter, &count, &items, err));
        if (count == 0)
            break;
        for (size_t i = 0; i < count; i++) {
            if (writer->items_count == writer->items_max) {
                writer_reduce(writer);
                *ret_fits = writer->items_count <= writer->items_max / 2;
                if (!*ret_fits)
                    return EFF_OK;
            }
            writer->items[writer->items_count++] = items[i];
        }
    }
    writer_reduce(writer);
    return EFF_OK;
}

static void
out_header(struct eff_snapshot_writer *writer, struct eff_buf *buf)
{
    const struct eff_snapshot_head *head = &writer->head;
    const struct snapshot_layout *layout = &writer->out.layout;

    eff_buf_add(buf, SNAPSHOT_MAGIC);
    eff_buf_add_u32(buf, SNAPSHOT_FORMAT);
    eff_buf_add_u32(buf, layout->header_bytes);
    eff_buf_add_u64(buf, 0); // the checksum
    eff_buf_add_u64(buf, layout->file_id);
    eff_buf_add_u64(buf, head->generation);
    eff_buf_add_u64(buf, head->entries.count);
    eff_buf_add_u64(buf, head->entries.sum_hi);
    eff_buf_add_u64(buf, head->entries.sum_lo);
    eff_buf_add_u64(buf, layout->blocks);
    eff_buf_add_u64(buf, layout->last_count);
    eff_buf_add_u64(buf, layout->identities_bytes);
    eff_buf_add_u32(buf, (uint32_t)head->columns_count);
    for (size_t i = 0; i < head->columns_count; i++) {
        const struct eff_snapshot_column *column = &head->columns[i];

        eff_buf_add_u64(buf, column->id);
        eff_buf_add_slice(buf, column->field);
        eff_buf_add_u32(buf, (uint32_t)column->inputs_count);
        for (size_t j = 0; j < column->inputs_count; j++)
            eff_buf_add_slice(buf, column->inputs[j]);
    }
    while (buf->len % 64 != 0 && !buf->full)
        eff_buf_add_char(buf, '\0');
}

/* Where a header lies in the file, its length stays; only the numbers in it are known later. */
static enum eff_fault
out_write_header(struct eff_snapshot_writer *writer, struct eff_buf *buf, struct eff_err *err)
{
    uint64_t checksum;

    out_header(writer, buf);
    if (buf->full)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory for the header of a snapshot");
    if (buf->len > SNAPSHOT_HEADER_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "the names of %zu columns are too long to be recorded",
                        writer->head.columns_count);
    if (writer->out.layout.header_bytes == 0) { // the first time it is only measured
        writer->out.layout.header_bytes = (uint32_t)buf->len;
        return EFF_OK;
    }
    checksum = eff_xxh3(SNAPSHOT_FORMAT, buf->ptr, buf->len);
    memcpy(buf->ptr + SNAPSHOT_CHECKSUM_AT, &checksum, 8);
    return writer->os->write(writer->out.file, 0, buf->ptr, buf->len, err);
}

static enum eff_fault
out_put_header(struct eff_snapshot_writer *writer, struct eff_err *err)
{
    struct eff_buf buf = {0};
    enum eff_fault fault = out_write_header(writer, &buf, err);

    eff_buf_free(&buf);
    return fault;
}

/* The head of the identities' file; nothing in it depends on what follows. */
static enum eff_fault
out_start_identities(struct eff_snapshot_writer *writer, struct eff_err *err)
{
    struct out *out = &writer->out;
    struct eff_os *os = writer->os;
    struct eff_buf *buf = &out->texts;
    uint64_t checksum;

    EFF_TRY(os->open(os->self, out->identities_path,
                     EFF_OPEN_WRITE | EFF_OPEN_CREATE | EFF_OPEN_TRUNCATE, &out->identities, err));
    buf->max = (size_t)8 << 20;
    eff_buf_add(buf, SNAPSHOT_IDENTITIES_MAGIC);
    eff_buf_add_u32(buf, SNAPSHOT_FORMAT);
    eff_buf_add_u32(buf, 0);
    eff_buf_add_u64(buf, 0);
    eff_buf_add_u64(buf, out->layout.file_id);
    eff_buf_add_u64(buf, writer->head.generation);
    if (buf->full)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory for identities");
    assert(buf->len == SNAPSHOT_IDENTITIES_AT);
    checksum = eff_xxh3(SNAPSHOT_FORMAT, buf->ptr, buf->len);
    memcpy(buf->ptr + SNAPSHOT_CHECKSUM_AT, &checksum, 8);
    out->texts_start = buf->len;
    return EFF_OK;
}

static enum eff_fault
out_start(struct eff_snapshot_writer *writer, struct eff_err *err)
{
    uint64_t generation = writer->head.generation;
    struct eff_arena *own = &writer->own;
    struct eff_os *os = writer->os;
    struct out *out = &writer->out;

    out->path = eff_snapshot_path(own, writer->folder, SNAPSHOT_NAME_ENTRIES, generation, true);
    out->path_final =
        eff_snapshot_path(own, writer->folder, SNAPSHOT_NAME_ENTRIES, generation, false);
    out->identities_path =
        eff_snapshot_path(own, writer->folder, SNAPSHOT_NAME_IDENTITIES, generation, true);
    out->identities_final =
        eff_snapshot_path(own, writer->folder, SNAPSHOT_NAME_IDENTITIES, generation, false);
    os->random(os->self, &out->layout.file_id, sizeof(out->layout.file_id));
    out->blocks = eff_new(own, struct snapshot_block, OUT_BLOCKS);
    out->block = out->blocks;
    EFF_TRY(out_put_header(writer, err));
    EFF_TRY(os->open(os->self, out->path, EFF_OPEN_WRITE | EFF_OPEN_CREATE | EFF_OPEN_TRUNCATE,
                     &out->file, err));
    return writer->with_identities ? out_start_identities(writer, err) : EFF_OK;
}

static enum eff_fault
out_flush_texts(struct eff_snapshot_writer *writer, struct eff_err *err)
{
    struct out *out = &writer->out;

    if (out->texts.full)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory for identities");
    if (out->texts.len == 0)
        return EFF_OK;
    EFF_TRY(writer->os->write(out->identities, out->texts_written, out->texts.ptr, out->texts.len,
                              err));
    out->texts_written += out->texts.len;
    eff_buf_reset(&out->texts);
    out->texts_start = 0;
    return EFF_OK;
}

/* The blocks in the buffer; only the last of the file is shorter than SNAPSHOT_BLOCK. */
static enum eff_fault
out_flush_blocks(struct eff_snapshot_writer *writer, size_t len, struct eff_err *err)
{
    struct out *out = &writer->out;
    uint64_t first = out->layout.blocks - out->blocks_used;

    EFF_TRY(writer->os->write(out->file, out->layout.header_bytes + first * SNAPSHOT_BLOCK,
                              out->blocks, len, err));
    out->blocks_used = 0;
    out->block = out->blocks;
    return EFF_OK;
}

/* Ends the present block, which holds at least one entry. */
static enum eff_fault
out_end_block(struct eff_snapshot_writer *writer, bool last, struct eff_err *err)
{
    struct out *out = &writer->out;
    struct snapshot_block *block = out->block;
    size_t used = snapshot_block_bytes(block->count), texts = out->texts.len - out->texts_start;

    block->index = out->layout.blocks++;
    block->identities_bytes = (uint32_t)texts;
    block->identities_offset = out->texts_written + out->texts_start;
    block->identities_checksum = 0;
    if (writer->with_identities && !out->texts.full)
        block->identities_checksum =
            eff_xxh3(out->layout.file_id + block->index, out->texts.ptr + out->texts_start, texts);
    block->checksum = snapshot_block_checksum(out->layout.file_id, block);
    out->layout.last_count = block->count;
    out->entries += block->count;
    if (!last)
        memset((char *)block + used, 0, SNAPSHOT_BLOCK - used);
    out->texts_start = out->texts.len;
    if (out->texts.len > SNAPSHOT_IDENTITY_MAX)
        EFF_TRY(out_flush_texts(writer, err));
    out->block++;
    if (++out->blocks_used == OUT_BLOCKS || last)
        EFF_TRY(out_flush_blocks(
            writer, (out->blocks_used - 1) * SNAPSHOT_BLOCK + (last ? used : SNAPSHOT_BLOCK), err));
    out->block->count = 0;
    return EFF_OK;
}

static enum eff_fault
out_one(struct eff_snapshot_writer *writer, const struct eff_entry *entry, eff_str identity,
        struct eff_err *err)
{
    struct out *out = &writer->out;

    // A full block is ended when the next entry comes: then it is not the last one.
    if (out->block->count == SNAPSHOT_BLOCK_ENTRIES ||
        (out->block->count > 0 && out->texts.len - out->texts_start > SNAPSHOT_IDENTITY_MAX))
        EFF_TRY(out_end_block(writer, false, err));
    out->block->entries[out->block->count++] = *entry;
    if (writer->with_identities)
        eff_buf_add_slice(&out->texts, identity);
    return EFF_OK;
}

/* Entries without identities: by as much as fits. */
static enum eff_fault
out_many(struct eff_snapshot_writer *writer, const struct eff_entry *entries, size_t count,
         struct eff_err *err)
{
    struct out *out = &writer->out;

    while (count > 0) {
        size_t room, some;

        if (out->block->count == SNAPSHOT_BLOCK_ENTRIES)
            EFF_TRY(out_end_block(writer, false, err));
        room = SNAPSHOT_BLOCK_ENTRIES - out->block->count;
        some = count < room ? count : room;
        memcpy(&out->block->entries[out->block->count], entries, some * sizeof(*entries));
        out->block->count += (uint32_t)some;
        entries += some;
        count -= some;
    }
    return EFF_OK;
}

/* The old generation's next block, when the present one is used up. */
static enum eff_fault
old_load(struct eff_snapshot_writer *writer, struct eff_err *err)
{
    struct old_side *old = &writer->old_side;

    if (old->done || old->at < old->count)
        return EFF_OK;
    old->at = old->count = 0;
    EFF_TRY(eff_snapshot_cursor_next(old->cursor, &old->count, &old->entries, &old->texts, err));
    old->done = old->count == 0;
    return EFF_OK;
}

/* How many of the entries have smaller keys: by doubled steps, then by halves. */
static size_t
old_before(const struct eff_entry *entries, size_t count, struct eff_hash128 key)
{
    size_t low = 0, step = 1;

    while (low + step <= count && eff_hash128_cmp(entries[low + step - 1].key, key) < 0) {
        low += step;
        step *= 2;
    }
    for (; step > 0; step /= 2)
        while (low + step <= count && eff_hash128_cmp(entries[low + step - 1].key, key) < 0)
            low += step;
    return low;
}

static enum eff_fault
old_copy(struct eff_snapshot_writer *writer, size_t count, struct eff_err *err)
{
    struct old_side *old = &writer->old_side;

    if (!writer->with_identities)
        EFF_TRY(out_many(writer, old->entries + old->at, count, err));
    for (size_t i = 0; writer->with_identities && i < count; i++)
        EFF_TRY(out_one(writer, &old->entries[old->at + i], old->texts[old->at + i], err));
    old->at += count;
    return EFF_OK;
}

/* Copies the old entries before the key, or all that are left. */
static enum eff_fault
old_copy_until(struct eff_snapshot_writer *writer, const struct eff_hash128 *key,
               struct eff_err *err)
{
    struct old_side *old = &writer->old_side;

    for (;;) {
        size_t left, count;

        EFF_TRY(old_load(writer, err));
        left = old->count - old->at;
        if (old->done)
            return EFF_OK;
        count = key == NULL ? left : old_before(old->entries + old->at, left, *key);
        EFF_TRY(old_copy(writer, count, err));
        if (count < left)
            return EFF_OK;
    }
}

/* One update meets the old entry of its key, if there is one. */
static enum eff_fault
writer_apply(struct eff_snapshot_writer *writer, const struct eff_scatter_item *item,
             struct eff_err *err)
{
    struct eff_entry entry = {item->key, item->row};
    struct old_side *old = &writer->old_side;
    eff_str identity = EFF_STR_NONE;

    EFF_TRY(old_copy_until(writer, &item->key, err));
    if (!old->done && eff_hash128_cmp(old->entries[old->at].key, item->key) == 0) {
        eff_multiset_remove(&writer->head.entries, old->entries[old->at]);
        if (writer->with_identities && item->flags == UPDATE_KEEP)
            identity = old->texts[old->at];
        old->at++;
    }
    if (item->flags == UPDATE_REMOVE)
        return EFF_OK;
    if (writer->with_identities && item->flags == UPDATE_IDENTITY)
        EFF_TRY(eff_scatter_blob(writer->scatter, item, &identity, err));
    eff_multiset_add(&writer->head.entries, entry);
    return out_one(writer, &entry, identity, err);
}

static enum eff_fault
writer_merge(struct eff_snapshot_writer *writer, struct eff_err *err)
{
    struct eff_scatter_part part;
    bool fits;

    while (eff_scatter_next(writer->scatter, &part)) {
        EFF_TRY(writer_collect(writer, &fits, err));
        if (!fits) {
            EFF_TRY(eff_scatter_split(writer->scatter, err));
            continue;
        }
        for (size_t i = 0; i < writer->items_count; i++)
            EFF_TRY(writer_apply(writer, &writer->items[i], err));
    }
    EFF_TRY(old_copy_until(writer, NULL, err));
    if (writer->out.block->count > 0) // always, unless there is no entry at all
        EFF_TRY(out_end_block(writer, true, err));
    if (writer->out.entries != writer->head.entries.count)
        return EFF_FAIL(err, EFF_BROKEN,
                        "merging gave %" PRIu64 " entries where %" PRIu64 " were due",
                        writer->out.entries, writer->head.entries.count);
    return EFF_OK;
}

/* Complete and on disk, still under names that nobody reads. */
static enum eff_fault
out_finish(struct eff_snapshot_writer *writer, struct eff_err *err)
{
    struct out *out = &writer->out;
    struct eff_os *os = writer->os;

    if (writer->with_identities) {
        EFF_TRY(out_flush_texts(writer, err));
        out->layout.identities_bytes = out->texts_written;
        EFF_TRY(os->sync(out->identities, err));
        os->close(out->identities);
        out->identities = NULL;
    }
    EFF_TRY(out_put_header(writer, err));
    EFF_CRASH_AT("snapshot.before_fsync");
    EFF_TRY(os->sync(out->file, err));
    EFF_CRASH_AT("snapshot.fsynced");
    os->close(out->file);
    out->file = NULL;
    return EFF_OK;
}

/* The name of the snapshot is the commit; what it needs is named, durably, before. */
static enum eff_fault
out_publish(struct eff_snapshot_writer *writer, struct eff_err *err)
{
    struct out *out = &writer->out;
    struct eff_os *os = writer->os;

    if (writer->with_identities) {
        EFF_TRY(os->rename(os->self, out->identities_path, out->identities_final, err));
        EFF_TRY(os->sync_dir(os->self, writer->folder, err));
        EFF_CRASH_AT("identities.named");
    }
    EFF_TRY(os->rename(os->self, out->path, out->path_final, err));
    out->path = NULL; // from here on nothing is taken back
    EFF_CRASH_AT("snapshot.named");
    EFF_TRY(os->sync_dir(os->self, writer->folder, err));
    EFF_CRASH_AT("snapshot.durable");
    return EFF_OK;
}

static enum eff_fault
writer_commit(struct eff_snapshot_writer *writer, struct eff_err *err)
{
    static const struct eff_entry none;

    writer->old_side.entries = &none;
    writer->old_side.done = writer->old == NULL;
    if (writer->old != NULL)
        EFF_TRY(eff_snapshot_cursor_open(writer->old, writer->with_identities, &writer->own,
                                         &writer->old_side.cursor, err));
    EFF_TRY(out_start(writer, err));
    writer->items = eff_new(&writer->own, struct eff_scatter_item, writer->items_max);
    EFF_CRASH_AT("snapshot.created");
    EFF_TRY(writer_merge(writer, err));
    EFF_CRASH_AT("snapshot.merged");
    EFF_TRY(out_finish(writer, err));
    return out_publish(writer, err);
}

enum eff_fault
eff_snapshot_commit(struct eff_snapshot_writer *writer, struct eff_snapshot_head *ret_head,
                    struct eff_err *err)
{
    enum eff_fault fault = writer_commit(writer, err);

    if (fault == EFF_OK) {
        *ret_head = writer->head;
        return EFF_OK;
    }
    if (err->code == ENOSPC && err->hint[0] == '\0')
        eff_err_hint(err, "Free some disk space and run again; what was acknowledged before "
                          "is unharmed.");
    return eff_err_while(err, "writing the snapshot in %s", writer->folder);
}

void
eff_snapshot_writer_close(struct eff_snapshot_writer *writer)
{
    struct eff_os *os;
    struct eff_err ignored = {0};

    if (writer == NULL)
        return;
    os = writer->os;
    os->close(writer->out.file);
    os->close(writer->out.identities);
    // Left-overs harm nobody, but they may be large. The sweep takes what cannot be removed here.
    if (writer->out.path != NULL) {
        (void)os->unlink(os->self, writer->out.path, &ignored);
        (void)os->unlink(os->self, writer->out.identities_path, &ignored);
    }
    writer->out.path = NULL;
    writer->out.file = writer->out.identities = NULL;
    eff_buf_free(&writer->out.texts);
    eff_scatter_close(writer->scatter);
    writer->scatter = NULL;
    eff_arena_deinit(&writer->own);
}
