/*
 * state/history: one append-only file a run, found again by a scan.
 *
 * Layout: magic, u64 when_ms, names of the fields; then records: u32 length, key
 * hash, op, outcome, remote id, a bit per field, u64 hash of the row. A record may be
 * longer, or without the last: older ones are. A scan reads at the speed of the disk.
 */
#include "state/history.h"

#include "base/crash.h"
#include "base/ulid.h"

#define HISTORY_MAGIC  "EFFHIS01"
#define HISTORY_PREFIX "history-"
#define HISTORY_BLOCK  ((size_t)1 << 20)
#define HISTORY_DAY_MS ((int64_t)24 * 60 * 60 * 1000)

struct eff_history_writer {
    struct eff_os *os;
    struct eff_file *file;
    const char *path, *part;
    size_t fields_count;
    uint64_t offset;
    struct eff_buf out;
};

static const char *
history_path(struct eff_arena *arena, const char *folder, eff_str run_id)
{
    return eff_str_printf(arena, "%s/" HISTORY_PREFIX EFF_STR_FMT, folder, EFF_STR_ARG(run_id)).ptr;
}

enum eff_fault
eff_history_create(struct eff_os *os, const char *folder, eff_str run_id,
                   const struct eff_changes_names *names, int64_t when_ms, struct eff_arena *run,
                   struct eff_history_writer **ret_writer, struct eff_err *err)
{
    struct eff_history_writer *writer = eff_new(run, struct eff_history_writer, 1);

    writer->os = os;
    writer->path = history_path(run, folder, run_id);
    writer->part = eff_str_printf(run, "%s.new", writer->path).ptr;
    writer->fields_count = names->fields_count;
    EFF_TRY(os->open(os->self, writer->part, EFF_OPEN_WRITE | EFF_OPEN_CREATE | EFF_OPEN_TRUNCATE,
                     &writer->file, err));
    eff_buf_add(&writer->out, EFF_STR(HISTORY_MAGIC));
    eff_buf_add_u64(&writer->out, (uint64_t)when_ms);
    eff_buf_add_u32(&writer->out, (uint32_t)names->fields_count);
    for (size_t i = 0; i < names->fields_count; i++)
        eff_buf_add_slice(&writer->out, names->field_names[i]);
    *ret_writer = writer;
    return EFF_OK;
}

static enum eff_fault
history_flush(struct eff_history_writer *writer, struct eff_err *err)
{
    if (writer->out.full)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory while writing the history");
    EFF_TRY(writer->os->write(writer->file, writer->offset, writer->out.ptr, writer->out.len, err));
    writer->offset += writer->out.len;
    eff_buf_reset(&writer->out);
    return EFF_OK;
}

enum eff_fault
eff_history_add(struct eff_history_writer *writer, enum eff_op op, const struct eff_item *item,
                uint64_t row_hash, enum eff_outcome outcome, eff_str remote_id, struct eff_err *err)
{
    struct eff_buf *out = &writer->out;
    size_t bits = (writer->fields_count + 7) / 8;
    size_t len = 16 + 2 + 4 + (remote_id.ptr ? remote_id.len : 0) + bits + 8;
    char *at;

    eff_buf_add_u32(out, (uint32_t)len);
    eff_buf_add_u64(out, item->key.hi);
    eff_buf_add_u64(out, item->key.lo);
    eff_buf_add_char(out, (char)op);
    eff_buf_add_char(out, (char)outcome);
    eff_buf_add_slice(out, remote_id);
    at = eff_buf_reserve(out, bits);
    if (!at)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory while writing the history");
    memset(at, 0, bits);
    for (size_t i = 0; i < writer->fields_count; i++)
        if (item->fields[i].kind != EFF_ABSENT)
            at[i / 8] |= (char)(1 << (i % 8));
    out->len += bits;
    eff_buf_add_u64(out, row_hash);
    return out->len >= HISTORY_BLOCK ? history_flush(writer, err) : EFF_OK;
}

enum eff_fault
eff_history_commit(struct eff_history_writer *writer, struct eff_err *err)
{
    EFF_TRY(history_flush(writer, err));
    EFF_CRASH_AT("history.written");
    EFF_TRY(writer->os->rename(writer->os->self, writer->part, writer->path, err));
    EFF_CRASH_AT("history.named");
    return EFF_OK;
}

void
eff_history_writer_close(struct eff_history_writer *writer)
{
    if (!writer)
        return;
    writer->os->close(writer->file);
    writer->file = NULL;
    eff_buf_free(&writer->out);
}

/* ---- finding ---- */

struct history_scan {
    struct eff_os *os;
    struct eff_file *file;
    struct eff_arena *arena;
    uint64_t offset;
    eff_str run;
    int64_t when_ms;
    size_t names_count;
    eff_str *names;
};

static bool
history_read_head(struct history_scan *scan, eff_str bytes)
{
    struct eff_reader reader = eff_reader_of(bytes);

    if (!eff_str_eq(eff_read_bytes(&reader, 8), EFF_STR(HISTORY_MAGIC)))
        return false;
    scan->when_ms = (int64_t)eff_read_u64(&reader);
    scan->names_count = eff_read_u32(&reader);
    if (reader.bad || scan->names_count > (size_t)(reader.end - reader.at) / sizeof(uint32_t))
        return false;
    scan->names = eff_new(scan->arena, eff_str, scan->names_count);
    for (size_t i = 0; i < scan->names_count; i++)
        scan->names[i] = eff_str_copy(scan->arena, eff_read_slice(&reader));
    scan->offset = bytes.len - (size_t)(reader.end - reader.at);
    return !reader.bad;
}

static struct eff_history_row
history_row(struct history_scan *scan, struct eff_reader record)
{
    struct eff_history_row row = {.run = scan->run, .when_ms = scan->when_ms};
    eff_str *fields = eff_new(scan->arena, eff_str, scan->names_count);
    eff_str bits;

    row.op = (enum eff_op)(eff_read_u8(&record) % EFF_OPS_COUNT);
    row.outcome = (enum eff_outcome)eff_read_u8(&record);
    row.remote_id = eff_read_slice(&record);
    row.remote_id = row.remote_id.ptr ? eff_str_copy(scan->arena, row.remote_id) : EFF_STR_NONE;
    bits = eff_read_bytes(&record, (scan->names_count + 7) / 8);
    for (size_t i = 0; i < scan->names_count && !record.bad; i++)
        if (bits.ptr[i / 8] & (1 << (i % 8)))
            fields[row.fields_count++] = scan->names[i];
    row.fields = fields;
    return row;
}

/* Records in this block; those of the key are added. Returns the bytes that were whole records. */
static size_t
history_scan_block(struct history_scan *scan, eff_str block, struct eff_hash128 key, size_t most,
                   size_t *count, struct eff_history_row *rows)
{
    struct eff_reader reader = eff_reader_of(block);
    size_t used = 0;

    for (;;) {
        uint32_t len = eff_read_u32(&reader);
        struct eff_reader record = eff_reader_of(eff_read_bytes(&reader, len));
        struct eff_hash128 found;

        if (reader.bad)
            return used;
        used += 4 + (size_t)len;
        found.hi = eff_read_u64(&record);
        found.lo = eff_read_u64(&record);
        if (eff_hash128_cmp(found, key) == 0 && *count < most)
            rows[(*count)++] = history_row(scan, record);
    }
}

static enum eff_fault
history_scan_file(struct history_scan *scan, const char *path, char *block, struct eff_hash128 key,
                  size_t most, size_t *count, struct eff_history_row *rows, struct eff_err *err)
{
    enum eff_fault fault;
    size_t len = 0;

    EFF_TRY(scan->os->open(scan->os->self, path, EFF_OPEN_READ, &scan->file, err));
    fault = scan->os->read(scan->file, 0, block, HISTORY_BLOCK, &len, err);
    if (fault == EFF_OK && history_read_head(scan, (eff_str){block, len})) {
        for (;;) {
            size_t used;

            fault = scan->os->read(scan->file, scan->offset, block, HISTORY_BLOCK, &len, err);
            if (fault != EFF_OK || len == 0)
                break;
            used = history_scan_block(scan, (eff_str){block, len}, key, most, count, rows);
            if (used == 0)
                break;
            scan->offset += used;
        }
    }
    scan->os->close(scan->file);
    return fault;
}

enum eff_fault
eff_history_find(struct eff_os *os, const char *folder, struct eff_hash128 key, size_t most,
                 struct eff_arena *arena, size_t *ret_count, struct eff_history_row **ret_rows,
                 struct eff_err *err)
{
    char *block = eff_new(arena, char, HISTORY_BLOCK);
    eff_str *names;
    size_t count;

    *ret_count = 0;
    *ret_rows = eff_new(arena, struct eff_history_row, most);
    EFF_TRY(os->list(os->self, folder, arena, &count, &names, err));
    for (size_t i = count; i-- > 0 && *ret_count < most;) {
        struct history_scan scan = {.os = os, .arena = arena};

        if (!eff_str_starts(names[i], EFF_STR(HISTORY_PREFIX)) ||
            eff_str_ends(names[i], EFF_STR(".new")))
            continue;
        scan.run = eff_str_sub(names[i], sizeof HISTORY_PREFIX - 1, SIZE_MAX);
        EFF_TRY(history_scan_file(&scan, history_path(arena, folder, scan.run), block, key, most,
                                  ret_count, *ret_rows, err));
    }
    return EFF_OK;
}

/* ---- all of some runs ---- */

struct history_visit {
    size_t back;
    void (*visit)(void *self, size_t back, struct eff_hash128 key, uint64_t row_hash);
    void *self;
};

static size_t
history_visit_block(const struct history_scan *scan, eff_str block, const struct history_visit *v)
{
    struct eff_reader reader = eff_reader_of(block);
    size_t used = 0;

    for (;;) {
        uint32_t len = eff_read_u32(&reader);
        struct eff_reader record = eff_reader_of(eff_read_bytes(&reader, len));
        struct eff_hash128 key;
        uint64_t row_hash;

        if (reader.bad)
            return used;
        used += 4 + (size_t)len;
        key.hi = eff_read_u64(&record);
        key.lo = eff_read_u64(&record);
        eff_read_bytes(&record, 2);
        eff_read_slice(&record);
        eff_read_bytes(&record, (scan->names_count + 7) / 8);
        row_hash = eff_read_u64(&record);
        v->visit(v->self, v->back, key, record.bad ? 0 : row_hash);
    }
}

static enum eff_fault
history_visit_file(struct history_scan *scan, char *block, uint64_t bytes_max,
                   const struct history_visit *v, struct eff_err *err)
{
    uint64_t size;
    size_t len = 0;

    EFF_TRY(scan->os->size(scan->file, &size, err));
    if (size > bytes_max)
        return EFF_OK;
    EFF_TRY(scan->os->read(scan->file, 0, block, HISTORY_BLOCK, &len, err));
    if (!history_read_head(scan, (eff_str){block, len}))
        return EFF_OK;
    for (size_t used = 1; used > 0; scan->offset += used) {
        EFF_TRY(scan->os->read(scan->file, scan->offset, block, HISTORY_BLOCK, &len, err));
        used = history_visit_block(scan, (eff_str){block, len}, v);
    }
    return EFF_OK;
}

enum eff_fault
eff_history_each(struct eff_os *os, const char *folder, size_t runs, uint64_t bytes_max,
                 struct eff_arena scratch,
                 void (*visit)(void *self, size_t back, struct eff_hash128 key, uint64_t row_hash),
                 void *self, struct eff_err *err)
{
    struct history_visit v = {.visit = visit, .self = self};
    char *block = eff_new(&scratch, char, HISTORY_BLOCK);
    eff_str *names;
    size_t count;

    EFF_TRY(os->list(os->self, folder, &scratch, &count, &names, err));
    for (size_t i = count; i-- > 0 && v.back < runs;) {
        struct history_scan scan = {.os = os, .arena = &scratch};
        enum eff_fault fault;

        if (!eff_str_starts(names[i], EFF_STR(HISTORY_PREFIX)) ||
            eff_str_ends(names[i], EFF_STR(".new")))
            continue;
        scan.run = eff_str_sub(names[i], sizeof HISTORY_PREFIX - 1, SIZE_MAX);
        EFF_TRY(os->open(os->self, history_path(&scratch, folder, scan.run), EFF_OPEN_READ,
                         &scan.file, err));
        fault = history_visit_file(&scan, block, bytes_max, &v, err);
        os->close(scan.file);
        EFF_TRY(fault);
        v.back++;
    }
    return EFF_OK;
}

/* ---- forgetting ---- */

/* Copies the whole records of a block but those of the key. */
static size_t
history_copy_block(eff_str block, struct eff_hash128 key, struct eff_buf *out, uint64_t *dropped)
{
    struct eff_reader reader = eff_reader_of(block);
    size_t used = 0;

    for (;;) {
        uint32_t len = eff_read_u32(&reader);
        eff_str bytes = eff_read_bytes(&reader, len);
        struct eff_reader record = eff_reader_of(bytes);
        struct eff_hash128 found;

        if (reader.bad)
            return used;
        used += 4 + (size_t)len;
        found.hi = eff_read_u64(&record);
        found.lo = eff_read_u64(&record);
        if (eff_hash128_cmp(found, key) == 0)
            ++*dropped;
        else
            eff_buf_add_slice(out, bytes);
    }
}

static enum eff_fault
history_copy(struct history_scan *scan, struct eff_history_writer *writer, char *block,
             struct eff_hash128 key, uint64_t *dropped, struct eff_err *err)
{
    size_t len = 0;

    EFF_TRY(scan->os->read(scan->file, 0, block, HISTORY_BLOCK, &len, err));
    if (!history_read_head(scan, (eff_str){block, len}))
        return EFF_OK; // No history of ours, and so none that can be told apart.
    eff_buf_add(&writer->out, (eff_str){block, (size_t)scan->offset});
    for (size_t used = 1; used > 0; scan->offset += used) {
        EFF_TRY(scan->os->read(scan->file, scan->offset, block, HISTORY_BLOCK, &len, err));
        used = history_copy_block((eff_str){block, len}, key, &writer->out, dropped);
        EFF_TRY(history_flush(writer, err));
    }
    return EFF_OK;
}

static enum eff_fault
history_forget_file(struct history_scan *scan, const char *path, char *block,
                    struct eff_hash128 key, uint64_t *ret_records, struct eff_err *err)
{
    struct eff_os *os = scan->os;
    struct eff_history_writer writer = {
        .os = os, .path = path, .part = eff_str_printf(scan->arena, "%s.new", path).ptr};
    enum eff_fault fault;
    uint64_t dropped = 0;

    EFF_TRY(os->open(os->self, path, EFF_OPEN_READ, &scan->file, err));
    fault = os->open(os->self, writer.part, EFF_OPEN_WRITE | EFF_OPEN_CREATE | EFF_OPEN_TRUNCATE,
                     &writer.file, err);
    if (fault == EFF_OK)
        fault = history_copy(scan, &writer, block, key, &dropped, err);
    os->close(scan->file);
    if (fault == EFF_OK && dropped > 0)
        fault = os->sync(writer.file, err);
    EFF_CRASH_AT("history.rewritten");
    if (fault == EFF_OK)
        fault = dropped > 0 ? os->rename(os->self, writer.part, path, err)
                            : os->unlink(os->self, writer.part, err);
    eff_history_writer_close(&writer);
    *ret_records += dropped;
    return fault;
}

enum eff_fault
eff_history_forget(struct eff_os *os, const char *folder, struct eff_hash128 key,
                   struct eff_arena scratch, uint64_t *ret_records, struct eff_err *err)
{
    char *block = eff_new(&scratch, char, HISTORY_BLOCK);
    eff_str *names;
    size_t count;

    *ret_records = 0;
    EFF_TRY(os->list(os->self, folder, &scratch, &count, &names, err));
    for (size_t i = 0; i < count; i++) {
        struct eff_arena here = scratch;
        struct history_scan scan = {.os = os, .arena = &here};

        if (!eff_str_starts(names[i], EFF_STR(HISTORY_PREFIX)) ||
            eff_str_ends(names[i], EFF_STR(".new")))
            continue;
        EFF_TRY(history_forget_file(
            &scan, eff_str_printf(&here, "%s/" EFF_STR_FMT, folder, EFF_STR_ARG(names[i])).ptr,
            block, key, ret_records, err));
    }
    return os->sync_dir(os->self, folder, err);
}

/* ---- checking ---- */

static enum eff_fault
history_check_records(struct history_scan *scan, char *block, bool *ret_whole, struct eff_err *err)
{
    struct eff_hash128 none = {0};
    uint64_t size;
    size_t len = 0, count = 0;

    *ret_whole = false;
    EFF_TRY(scan->os->read(scan->file, 0, block, HISTORY_BLOCK, &len, err));
    EFF_TRY(scan->os->size(scan->file, &size, err));
    if (!history_read_head(scan, (eff_str){block, len}))
        return EFF_OK;
    for (size_t used = 1; used > 0; scan->offset += used) {
        EFF_TRY(scan->os->read(scan->file, scan->offset, block, HISTORY_BLOCK, &len, err));
        used = history_scan_block(scan, (eff_str){block, len}, none, 0, &count, NULL);
    }
    *ret_whole = scan->offset == size;
    return EFF_OK;
}

enum eff_fault
eff_history_check(struct eff_os *os, const char *path, struct eff_arena scratch, bool *ret_whole,
                  struct eff_err *err)
{
    struct history_scan scan = {.os = os, .arena = &scratch};
    char *block = eff_new(&scratch, char, HISTORY_BLOCK);
    enum eff_fault fault;

    EFF_TRY(os->open(os->self, path, EFF_OPEN_READ, &scan.file, err));
    fault = history_check_records(&scan, block, ret_whole, err);
    os->close(scan.file);
    return fault;
}

/* A run's id tells its time: nothing needs to be opened. */
enum eff_fault
eff_history_sweep(struct eff_os *os, const char *folder, int64_t now_ms, struct eff_arena scratch,
                  struct eff_err *err)
{
    eff_str *names;
    size_t count;

    EFF_TRY(os->list(os->self, folder, &scratch, &count, &names, err));
    for (size_t i = 0; i < count; i++) {
        int64_t when_ms = 0;
        const char *path;

        if (!eff_str_starts(names[i], EFF_STR(HISTORY_PREFIX)))
            continue;
        eff_ulid_ms(eff_str_sub(names[i], sizeof HISTORY_PREFIX - 1, EFF_ULID_LEN), &when_ms);
        if (when_ms >= now_ms - EFF_HISTORY_DAYS * HISTORY_DAY_MS)
            continue;
        path = eff_str_printf(&scratch, "%s/" EFF_STR_FMT, folder, EFF_STR_ARG(names[i])).ptr;
        EFF_TRY(os->unlink(os->self, path, err));
        EFF_CRASH_AT("history.swept");
    }
    return EFF_OK;
}
