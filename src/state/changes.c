/*
 * state/changes: reading and writing the change file.
 *
 * Layout, all integers little-endian:
 *
 *   magic "EFFCHG02", u32 length, u64 checksum, head (object and names)
 *   chunk*:  u32 rows, u32 bytes, u64 checksum, bytes
 *   table:   the chunks (offset, bytes, rows, op), the batches (op, rows, first chunk, chunks)
 *   footer:  u64 table offset, u64 table bytes, u64 table checksum, u64 digest, "EFFCHGEN"
 *
 * The digest covers head, chunks and table through their checksums, so one
 * number in the plan binds the whole file.
 */
#include "state/changes.h"

#include "base/crash.h"

#include <errno.h>
#include <stdlib.h>

#define CHANGES_MARK            "EFFCHG"
#define CHANGES_FORMAT          "02"
#define CHANGES_OLDER           "01" /* the same, with fewer parts of an item */
#define CHANGES_MAGIC           CHANGES_MARK CHANGES_FORMAT
#define CHANGES_END             "EFFCHGEN"
#define CHANGES_SEED            0x45464643484e4731u
#define CHANGES_CHUNK_HEAD      16
#define CHANGES_FOOTER          40
#define CHANGES_OUT_BYTES       ((size_t)1 << 20)
#define CHANGES_CHUNK_BYTES_MAX ((size_t)8 << 20)
#define CHANGES_TABLE_CHUNK     24
#define CHANGES_TABLE_BATCH     24
#define CHANGES_ITEM_BYTES_MIN  41 /* hashes, lengths of empty texts, and which parts follow */

struct changes_open_chunk {
    struct eff_buf bytes;
    uint32_t rows;
    size_t estimate;
};

struct eff_changes_writer {
    struct eff_os *os;
    struct eff_file *file;
    const char *folder;
    const char *path;
    size_t match_count, fields_count;
    uint64_t offset; /* where `out` will be written */
    uint64_t digest;
    struct eff_buf out;
    struct eff_buf chunks; /* struct eff_chunk, grows */
    struct changes_open_chunk open[EFF_OPS_COUNT][EFF_GROUPS_COUNT];
};

struct eff_changes {
    struct eff_os *os;
    struct eff_file *file;
    const char *path;
    struct eff_changes_names names;
    uint64_t size;
    uint64_t chunks_at; /* behind the head */
    uint64_t digest;
    size_t chunks_count;
    struct eff_chunk *chunks;
    size_t batches_count;
    struct eff_batch_ref *batches;
};

/* ---- writing ---- */

static uint64_t
changes_mix(uint64_t digest, uint64_t checksum)
{
    uint64_t pair[2] = {digest, checksum};

    return eff_xxh3(CHANGES_SEED, pair, sizeof pair);
}

static enum eff_fault
changes_flush(struct eff_changes_writer *writer, struct eff_err *err)
{
    if (writer->out.full)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory while writing the change file");
    EFF_TRY(writer->os->write(writer->file, writer->offset, writer->out.ptr, writer->out.len, err));
    writer->offset += writer->out.len;
    eff_buf_reset(&writer->out);
    return EFF_OK;
}

static const char *
changes_folder(struct eff_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? eff_str_c(arena, (eff_str){path, (size_t)(slash - path)}) : ".";
}

static void
changes_put_head(struct eff_changes_writer *writer, const struct eff_changes_names *names)
{
    struct eff_buf head = {0};
    uint64_t checksum;

    eff_buf_add_slice(&head, names->object);
    eff_buf_add_u32(&head, (uint32_t)names->match_count);
    for (size_t i = 0; i < names->match_count; i++)
        eff_buf_add_slice(&head, names->match_names[i]);
    eff_buf_add_u32(&head, (uint32_t)names->fields_count);
    for (size_t i = 0; i < names->fields_count; i++)
        eff_buf_add_slice(&head, names->field_names[i]);

    checksum = eff_xxh3(CHANGES_SEED, head.ptr, head.len);
    eff_buf_add(&writer->out, EFF_STR(CHANGES_MAGIC));
    eff_buf_add_u32(&writer->out, (uint32_t)head.len);
    eff_buf_add_u64(&writer->out, checksum);
    eff_buf_add(&writer->out, eff_buf_str(&head));
    writer->out.full |= head.full; // told when it is written
    writer->digest = changes_mix(0, checksum);
    eff_buf_free(&head);
}

enum eff_fault
eff_changes_create(struct eff_os *os, const char *path, bool unnamed,
                   const struct eff_changes_names *names, struct eff_arena *run,
                   struct eff_changes_writer **ret_writer, struct eff_err *err)
{
    struct eff_changes_writer *writer = eff_new(run, struct eff_changes_writer, 1);

    writer->os = os;
    writer->path = path;
    writer->folder = changes_folder(run, path);
    writer->match_count = names->match_count;
    writer->fields_count = names->fields_count;
    EFF_TRY(os->open(os->self, path,
                     unnamed ? EFF_OPEN_WRITE | EFF_OPEN_UNNAMED
                             : EFF_OPEN_WRITE | EFF_OPEN_CREATE | EFF_OPEN_TRUNCATE,
                     &writer->file, err));
    EFF_CRASH_AT("changes.created");
    changes_put_head(writer, names);
    *ret_writer = writer;
    return EFF_OK;
}

/* Behind the idempotency key: which of the optional parts follow. */
enum { ITEM_PLAIN = 0, ITEM_MOVED, ITEM_LEAVING, ITEM_UNSURE = 4 /* with one of the first two */ };

static uint8_t
changes_item_parts(const struct eff_item *item, const struct eff_acknowledged *ack)
{
    if (item->leaving_count > 0)
        return ITEM_LEAVING;
    return (uint8_t)((item->old_match ? ITEM_MOVED : ITEM_PLAIN) |
                     (ack->unsure.ptr ? ITEM_UNSURE : 0));
}

static void
changes_put_values(struct eff_buf *buf, size_t count, const struct eff_value *values)
{
    for (size_t i = 0; i < count; i++)
        eff_value_write(buf, &values[i]);
}

static void
changes_put_item(struct eff_buf *buf, const struct eff_changes_writer *writer,
                 const struct eff_item *item, const struct eff_acknowledged *ack)
{
    eff_buf_add_u64(buf, ack->key.hi);
    eff_buf_add_u64(buf, ack->key.lo);
    eff_buf_add_u64(buf, ack->row);
    eff_buf_add_slice(buf, ack->identity);
    eff_buf_add_slice(buf, item->key_json);
    eff_buf_add_slice(buf, item->remote_id);
    eff_buf_add_slice(buf, item->idempotency_key);
    eff_buf_add_char(buf, (char)changes_item_parts(item, ack));
    changes_put_values(buf, writer->match_count, item->match);
    if (item->old_match)
        changes_put_values(buf, writer->match_count, item->old_match);
    changes_put_values(buf, writer->fields_count, item->fields);
    if (item->leaving_count == 0) {
        if (ack->unsure.ptr)
            eff_buf_add_slice(buf, ack->unsure);
        return;
    }
    eff_buf_add_u32(buf, (uint32_t)item->leaving_count);
    changes_put_values(buf, item->leaving_count * (writer->match_count + writer->fields_count),
                       item->leaving);
    eff_buf_add_slice(buf, ack->unsure);
}

enum eff_fault
eff_changes_add(struct eff_changes_writer *writer, enum eff_op op, enum eff_group group,
                const struct eff_item *item, const struct eff_acknowledged *ack,
                struct eff_err *err)
{
    struct changes_open_chunk *open = &writer->open[op][group];

    changes_put_item(&open->bytes, writer, item, ack);
    open->rows++;
    if (open->bytes.len >= CHANGES_CHUNK_BYTES_MAX)
        return eff_changes_cut(writer, op, group, open->bytes.len, err);
    return EFF_OK;
}

enum eff_fault
eff_changes_cut(struct eff_changes_writer *writer, enum eff_op op, enum eff_group group,
                size_t estimate, struct eff_err *err)
{
    struct changes_open_chunk *open = &writer->open[op][group];
    struct eff_chunk chunk = {.offset = writer->offset + writer->out.len,
                              .bytes = (uint32_t)open->bytes.len,
                              .rows = open->rows,
                              .op = op,
                              .group = group,
                              .estimate = estimate};
    uint64_t checksum;

    if (open->rows == 0)
        return EFF_OK;
    if (open->bytes.full || open->bytes.len > UINT32_MAX)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory while writing the change file");
    checksum = eff_xxh3(CHANGES_SEED, open->bytes.ptr, open->bytes.len);
    eff_buf_add_u32(&writer->out, chunk.rows);
    eff_buf_add_u32(&writer->out, chunk.bytes);
    eff_buf_add_u64(&writer->out, checksum);
    eff_buf_add(&writer->out, eff_buf_str(&open->bytes));
    writer->digest = changes_mix(writer->digest, checksum);
    eff_buf_add_bytes(&writer->chunks, &chunk, sizeof chunk);
    eff_buf_reset(&open->bytes);
    open->rows = 0;
    if (writer->out.len >= CHANGES_OUT_BYTES)
        EFF_TRY(changes_flush(writer, err));
    return EFF_OK;
}

enum eff_fault
eff_changes_chunks(struct eff_changes_writer *writer, size_t *ret_count,
                   const struct eff_chunk **ret_chunks, struct eff_err *err)
{
    for (enum eff_op op = 0; op < EFF_OPS_COUNT; op++)
        for (enum eff_group group = 0; group < EFF_GROUPS_COUNT; group++)
            EFF_TRY(eff_changes_cut(writer, op, group, writer->open[op][group].bytes.len, err));
    if (writer->chunks.full)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory while writing the change file");
    *ret_count = writer->chunks.len / sizeof(struct eff_chunk);
    *ret_chunks = (const struct eff_chunk *)(const void *)writer->chunks.ptr;
    return EFF_OK;
}

static void
changes_put_table(struct eff_buf *table, const struct eff_changes_writer *writer,
                  const struct eff_batch_ref *batches, size_t count)
{
    const struct eff_chunk *chunks = (const struct eff_chunk *)(const void *)writer->chunks.ptr;
    size_t chunks_count = writer->chunks.len / sizeof *chunks;

    eff_buf_add_u64(table, chunks_count);
    for (size_t i = 0; i < chunks_count; i++) {
        eff_buf_add_u64(table, chunks[i].offset);
        eff_buf_add_u64(table, chunks[i].bytes);
        eff_buf_add_u32(table, chunks[i].rows);
        eff_buf_add_u32(table, (uint32_t)chunks[i].op << 8 | chunks[i].group);
    }
    eff_buf_add_u64(table, count);
    for (size_t i = 0; i < count; i++) {
        eff_buf_add_u32(table, (uint32_t)batches[i].held << 16 | (uint32_t)batches[i].op << 8 |
                                   batches[i].group);
        eff_buf_add_u32(table, batches[i].rows);
        eff_buf_add_u64(table, batches[i].first_chunk);
        eff_buf_add_u64(table, batches[i].chunks);
    }
}

enum eff_fault
eff_changes_seal(struct eff_changes_writer *writer, const struct eff_batch_ref *batches,
                 size_t count, uint64_t *ret_digest, struct eff_err *err)
{
    struct eff_buf table = {0};
    uint64_t at = writer->offset + writer->out.len;
    uint64_t checksum;
    enum eff_fault fault;

    changes_put_table(&table, writer, batches, count);
    checksum = eff_xxh3(CHANGES_SEED, table.ptr, table.len);
    writer->digest = changes_mix(writer->digest, checksum);
    eff_buf_add(&writer->out, eff_buf_str(&table));
    eff_buf_add_u64(&writer->out, at);
    eff_buf_add_u64(&writer->out, table.len);
    eff_buf_add_u64(&writer->out, checksum);
    eff_buf_add_u64(&writer->out, writer->digest);
    eff_buf_add(&writer->out, EFF_STR(CHANGES_END));
    fault = table.full ? EFF_FAIL(err, EFF_BROKEN, "out of memory while writing the change file")
                       : changes_flush(writer, err);
    eff_buf_free(&table);
    EFF_TRY(fault);
    EFF_CRASH_AT("changes.before_fsync");
    EFF_TRY(writer->os->sync(writer->file, err));
    EFF_CRASH_AT("changes.fsynced");
    EFF_TRY(writer->os->sync_dir(writer->os->self, writer->folder, err));
    EFF_CRASH_AT("changes.sealed");
    *ret_digest = writer->digest;
    return EFF_OK;
}

void
eff_changes_writer_close(struct eff_changes_writer *writer)
{
    if (!writer)
        return;
    writer->os->close(writer->file);
    writer->file = NULL;
    eff_buf_free(&writer->out);
    eff_buf_free(&writer->chunks);
    for (enum eff_op op = 0; op < EFF_OPS_COUNT; op++)
        for (enum eff_group group = 0; group < EFF_GROUPS_COUNT; group++)
            eff_buf_free(&writer->open[op][group].bytes);
}

/* ---- reading ---- */

static enum eff_fault
changes_damaged(const struct eff_changes *changes, const char *what, struct eff_err *err)
{
    EFF_FAIL(err, EFF_BROKEN, "the change file %s is damaged: %s", changes->path, what);
    return eff_err_hint(err,
                        "Restore the state folder from a backup, or `efferent reset` the sync.");
}

static enum eff_fault
changes_read(struct eff_changes *changes, uint64_t offset, void *ptr, size_t len,
             struct eff_err *err)
{
    size_t got;

    EFF_TRY(changes->os->read(changes->file, offset, ptr, len, &got, err));
    return got == len ? EFF_OK : changes_damaged(changes, "it ends too early", err);
}

/* So many things of that size are still to come: what lies about it gets no memory either. */
static size_t
changes_expect(struct eff_reader *reader, size_t count, size_t bytes_min)
{
    if (reader->bad || count > (size_t)(reader->end - reader->at) / bytes_min) {
        reader->bad = true;
        return 0;
    }
    return count;
}

static const eff_str *
changes_read_names(struct eff_reader *reader, struct eff_arena *run, size_t *ret_count)
{
    size_t count = changes_expect(reader, eff_read_u32(reader), sizeof(uint32_t));
    eff_str *names;

    names = eff_new(run, eff_str, count);
    for (size_t i = 0; i < count; i++)
        names[i] = eff_read_slice(reader);
    *ret_count = count;
    return names;
}

/* What another version froze, only that version can send as it was meant. */
static enum eff_fault
changes_check_format(const struct eff_changes *changes, eff_str mark, struct eff_err *err)
{
    if (eff_str_eq(mark, EFF_STR(CHANGES_MAGIC)) ||
        eff_str_eq(mark, EFF_STR(CHANGES_MARK CHANGES_OLDER)))
        return EFF_OK;
    if (!eff_str_starts(mark, EFF_STR(CHANGES_MARK)))
        return changes_damaged(changes, "its head is not one of ours", err);
    EFF_FAIL(err, EFF_CONFIG,
             "the change file %s has format " EFF_STR_FMT ", this efferent reads format %s",
             changes->path, EFF_STR_ARG(((eff_str){mark.ptr + sizeof CHANGES_MARK - 1, 2})),
             CHANGES_FORMAT);
    return eff_err_hint(err, "Let the version of efferent that wrote it finish its run, then run "
                             "this one.");
}

static enum eff_fault
changes_read_head(struct eff_changes *changes, struct eff_arena *run, uint64_t *ret_checksum,
                  struct eff_err *err)
{
    char start[20];
    struct eff_reader reader = eff_reader_of((eff_str){start + 8, 12});
    char *bytes;
    size_t len;

    EFF_TRY(changes_read(changes, 0, start, sizeof start, err));
    len = eff_read_u32(&reader);
    *ret_checksum = eff_read_u64(&reader);
    EFF_TRY(changes_check_format(changes, (eff_str){start, 8}, err));
    if (len > changes->size)
        return changes_damaged(changes, "it ends too early", err);
    bytes = eff_new(run, char, len + 1);
    EFF_TRY(changes_read(changes, sizeof start, bytes, len, err));
    if (eff_xxh3(CHANGES_SEED, bytes, len) != *ret_checksum)
        return changes_damaged(changes, "wrong checksum of the head", err);
    changes->chunks_at = sizeof start + len;
    reader = eff_reader_of((eff_str){bytes, len});
    changes->names.object = eff_read_slice(&reader);
    changes->names.match_names = changes_read_names(&reader, run, &changes->names.match_count);
    changes->names.field_names = changes_read_names(&reader, run, &changes->names.fields_count);
    return reader.bad ? changes_damaged(changes, "its head does not add up", err) : EFF_OK;
}

static void
changes_read_kind(struct eff_reader *reader, enum eff_op *ret_op, enum eff_group *ret_group,
                  bool *ret_held)
{
    uint32_t kind = eff_read_u32(reader);

    if (kind >> 16 > 1 || (kind >> 8 & 0xff) >= EFF_OPS_COUNT ||
        (kind & 0xff) >= EFF_GROUPS_COUNT) {
        reader->bad = true;
        return;
    }
    *ret_held = kind >> 16 != 0;
    *ret_op = (enum eff_op)(kind >> 8 & 0xff);
    *ret_group = (enum eff_group)(kind & 0xff);
}

/* Chunks lie one behind the other, up to the table. */
static void
changes_parse_chunk(struct eff_reader *reader, uint64_t *at, struct eff_chunk *chunk)
{
    uint64_t offset = eff_read_u64(reader), bytes = eff_read_u64(reader);
    bool held;

    chunk->offset = offset;
    chunk->bytes = (uint32_t)bytes;
    chunk->rows = eff_read_u32(reader);
    changes_read_kind(reader, &chunk->op, &chunk->group, &held);
    if (offset != *at || bytes > UINT32_MAX || chunk->rows > bytes / CHANGES_ITEM_BYTES_MIN)
        reader->bad = true;
    *at += CHANGES_CHUNK_HEAD + bytes;
}

static bool
changes_parse_table(struct eff_changes *changes, struct eff_reader *reader, uint64_t table_at,
                    struct eff_arena *run)
{
    uint64_t at = changes->chunks_at, rows = 0;

    changes->chunks_count = changes_expect(reader, eff_read_u64(reader), CHANGES_TABLE_CHUNK);
    changes->chunks = eff_new(run, struct eff_chunk, changes->chunks_count);
    for (size_t i = 0; i < changes->chunks_count && !reader->bad; i++) {
        changes_parse_chunk(reader, &at, &changes->chunks[i]);
        rows += changes->chunks[i].rows;
    }
    changes->batches_count = changes_expect(reader, eff_read_u64(reader), CHANGES_TABLE_BATCH);
    changes->batches = eff_new(run, struct eff_batch_ref, changes->batches_count);
    for (size_t i = 0; i < changes->batches_count; i++) {
        changes_read_kind(reader, &changes->batches[i].op, &changes->batches[i].group,
                          &changes->batches[i].held);
        changes->batches[i].rows = eff_read_u32(reader);
        changes->batches[i].first_chunk = eff_read_u64(reader);
        changes->batches[i].chunks = eff_read_u64(reader);
        if (changes->batches[i].rows > rows)
            return false;
    }
    return !reader->bad && reader->at == reader->end && at == table_at;
}

static enum eff_fault
changes_read_digest(struct eff_changes *changes, uint64_t head, uint64_t table, struct eff_err *err)
{
    changes->digest = changes_mix(0, head);
    for (size_t i = 0; i < changes->chunks_count; i++) {
        char start[CHANGES_CHUNK_HEAD];
        struct eff_reader reader = eff_reader_of((eff_str){start + 8, 8});

        EFF_TRY(changes_read(changes, changes->chunks[i].offset, start, sizeof start, err));
        changes->digest = changes_mix(changes->digest, eff_read_u64(&reader));
    }
    changes->digest = changes_mix(changes->digest, table);
    return EFF_OK;
}

static enum eff_fault
changes_read_table(struct eff_changes *changes, uint64_t head_checksum, struct eff_arena *run,
                   struct eff_err *err)
{
    char footer[CHANGES_FOOTER];
    struct eff_reader reader = eff_reader_of((eff_str){footer, sizeof footer});
    uint64_t size = changes->size, at, len, checksum, digest;
    char *bytes;

    if (size < CHANGES_FOOTER)
        return changes_damaged(changes, "it ends too early", err);
    EFF_TRY(changes_read(changes, size - CHANGES_FOOTER, footer, sizeof footer, err));
    at = eff_read_u64(&reader);
    len = eff_read_u64(&reader);
    checksum = eff_read_u64(&reader);
    digest = eff_read_u64(&reader);
    if (memcmp(footer + 32, CHANGES_END, 8) != 0 || len > size || at != size - CHANGES_FOOTER - len)
        return changes_damaged(changes, "it was not finished", err);
    bytes = eff_new(run, char, len + 1);
    EFF_TRY(changes_read(changes, at, bytes, len, err));
    reader = eff_reader_of((eff_str){bytes, len});
    if (eff_xxh3(CHANGES_SEED, bytes, len) != checksum ||
        !changes_parse_table(changes, &reader, at, run))
        return changes_damaged(changes, "wrong checksum of the table of batches", err);
    EFF_TRY(changes_read_digest(changes, head_checksum, checksum, err));
    return changes->digest == digest ? EFF_OK
                                     : changes_damaged(changes, "its digest does not match", err);
}

enum eff_fault
eff_changes_open(struct eff_os *os, const char *path, struct eff_arena *run,
                 struct eff_changes **ret_changes, struct eff_err *err)
{
    struct eff_changes *changes = eff_new(run, struct eff_changes, 1);
    uint64_t head_checksum = 0;
    enum eff_fault fault;

    changes->os = os;
    changes->path = path;
    EFF_TRY(os->open(os->self, path, EFF_OPEN_READ, &changes->file, err));
    fault = os->size(changes->file, &changes->size, err);
    if (fault == EFF_OK)
        fault = changes_read_head(changes, run, &head_checksum, err);
    if (fault == EFF_OK)
        fault = changes_read_table(changes, head_checksum, run, err);
    if (fault != EFF_OK) {
        eff_changes_close(changes);
        return fault;
    }
    *ret_changes = changes;
    return EFF_OK;
}

const struct eff_changes_names *
eff_changes_names(const struct eff_changes *changes)
{
    return &changes->names;
}

uint64_t
eff_changes_digest(const struct eff_changes *changes)
{
    return changes->digest;
}

size_t
eff_changes_count(const struct eff_changes *changes, const struct eff_batch_ref **ret_batches)
{
    *ret_batches = changes->batches;
    return changes->batches_count;
}

static struct eff_value *
changes_read_values(struct eff_reader *reader, size_t count, struct eff_arena *arena)
{
    struct eff_value *values;

    count = changes_expect(reader, count, 1);
    values = eff_new(arena, struct eff_value, count);
    eff_values_read(reader, count, values);
    return values;
}

static void
changes_read_item(struct eff_changes *changes, struct eff_reader *reader, struct eff_arena *arena,
                  struct eff_item *item, struct eff_acknowledged *ack)
{
    const struct eff_changes_names *names = &changes->names;
    uint8_t parts;

    ack->key.hi = eff_read_u64(reader);
    ack->key.lo = eff_read_u64(reader);
    ack->row = eff_read_u64(reader);
    ack->identity = eff_read_slice(reader);
    item->key = ack->key;
    item->key_json = eff_read_slice(reader);
    item->remote_id = eff_read_slice(reader);
    item->idempotency_key = eff_read_slice(reader);
    parts = eff_read_u8(reader);
    if ((parts & ~ITEM_UNSURE) == ITEM_MOVED) {
        item->match = changes_read_values(reader, names->match_count, arena);
        item->old_match = changes_read_values(reader, names->match_count, arena);
        item->fields = changes_read_values(reader, names->fields_count, arena);
    } else {
        item->match = changes_read_values(reader, names->match_count + names->fields_count, arena);
        item->fields = item->match + names->match_count;
    }
    if (parts == ITEM_LEAVING) {
        item->leaving_count = eff_read_u32(reader);
        item->leaving = changes_read_values(
            reader, item->leaving_count * (names->match_count + names->fields_count), arena);
    }
    if (parts == ITEM_LEAVING || (parts & ITEM_UNSURE))
        ack->unsure = eff_read_slice(reader);
}

static enum eff_fault
changes_load_chunk(struct eff_changes *changes, const struct eff_chunk *chunk,
                   struct eff_arena *arena, struct eff_delivery *delivery,
                   struct eff_acknowledged *acks, struct eff_err *err)
{
    size_t len = CHANGES_CHUNK_HEAD + (size_t)chunk->bytes;
    char *bytes = eff_arena_bytes(arena, len);
    struct eff_reader reader = eff_reader_of((eff_str){bytes, len});
    uint64_t checksum;

    EFF_TRY(changes_read(changes, chunk->offset, bytes, len, err));
    if (eff_read_u32(&reader) != chunk->rows || eff_read_u32(&reader) != chunk->bytes)
        return changes_damaged(changes, "a chunk is not where the table says", err);
    checksum = eff_read_u64(&reader);
    if (eff_xxh3(CHANGES_SEED, reader.at, chunk->bytes) != checksum)
        return changes_damaged(changes, "wrong checksum of a chunk", err);
    for (uint32_t i = 0; i < chunk->rows && !reader.bad; i++) {
        size_t at = delivery->count++;

        delivery->items[at].index = at;
        changes_read_item(changes, &reader, arena, &delivery->items[at], &acks[at]);
    }
    return reader.bad ? changes_damaged(changes, "a chunk does not add up", err) : EFF_OK;
}

enum eff_fault
eff_changes_load(struct eff_changes *changes, size_t batch, struct eff_arena *arena,
                 struct eff_delivery *ret_delivery, struct eff_acknowledged **ret_acks,
                 struct eff_err *err)
{
    const struct eff_batch_ref *ref = &changes->batches[batch];
    struct eff_acknowledged *acks = eff_new(arena, struct eff_acknowledged, ref->rows);
    size_t left = ref->chunks;

    *ret_delivery = (struct eff_delivery){
        .op = ref->op,
        .object = changes->names.object,
        .match_count = changes->names.match_count,
        .match_names = changes->names.match_names,
        .fields_count = changes->names.fields_count,
        .field_names = changes->names.field_names,
        .items = eff_new(arena, struct eff_item, ref->rows),
        .arena = arena,
    };
    for (size_t i = ref->first_chunk; i < changes->chunks_count && left > 0; i++) {
        if (changes->chunks[i].op != ref->op || changes->chunks[i].group != ref->group)
            continue;
        if (ret_delivery->count + changes->chunks[i].rows > ref->rows)
            return changes_damaged(changes, "a batch does not add up", err);
        EFF_TRY(changes_load_chunk(changes, &changes->chunks[i], arena, ret_delivery, acks, err));
        left--;
    }
    if (left > 0 || ret_delivery->count != ref->rows)
        return changes_damaged(changes, "a batch does not add up", err);
    if (ret_acks)
        *ret_acks = acks;
    return EFF_OK;
}

void
eff_changes_close(struct eff_changes *changes)
{
    if (!changes)
        return;
    changes->os->close(changes->file);
    changes->file = NULL;
}

/* ---- what deaths left ---- */

enum eff_fault
eff_changes_sweep(struct eff_os *os, const char *state, const char *folder,
                  struct eff_arena scratch, struct eff_err *err)
{
    bool durable = false;
    eff_str *names;
    size_t count;

    EFF_TRY(os->list(os->self, folder, &scratch, &count, &names, err));
    for (size_t i = 0; i < count; i++) {
        const char *path;

        if (!eff_str_starts(names[i], EFF_STR("changes-")))
            continue;
        if (!durable)
            EFF_TRY(os->sync_dir(os->self, state, err));
        durable = true;
        path = eff_str_printf(&scratch, "%s/" EFF_STR_FMT, folder, EFF_STR_ARG(names[i])).ptr;
        EFF_CRASH_AT("changes.before_sweep");
        EFF_TRY(os->unlink(os->self, path, err));
        EFF_CRASH_AT("changes.swept");
    }
    return EFF_OK;
}
