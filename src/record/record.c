/*
 * record/record: merging a run's verdicts into a new generation.
 */
#include "record/record.h"

#include <stdlib.h>

#include "base/buf.h"
#include "state/history.h"

/* ---- columns ---- */

void
eff_record_columns_write(struct eff_buf *buf, const struct eff_snapshot_column *columns,
                         size_t count, bool with_identities)
{
    eff_buf_add_char(buf, with_identities ? 1 : 0);
    eff_buf_add_u32(buf, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        eff_buf_add_u64(buf, columns[i].id);
        eff_buf_add_slice(buf, columns[i].field);
        eff_buf_add_u32(buf, (uint32_t)columns[i].inputs_count);
        for (size_t j = 0; j < columns[i].inputs_count; j++)
            eff_buf_add_slice(buf, columns[i].inputs[j]);
    }
}

static bool
record_read_column(struct eff_reader *reader, struct eff_arena *arena,
                   struct eff_snapshot_column *ret_column)
{
    eff_str *inputs;
    size_t count;

    ret_column->id = eff_read_u64(reader);
    ret_column->field = eff_read_slice(reader);
    count = eff_read_u32(reader);
    if (reader->bad || count > (size_t)(reader->end - reader->at))
        return false;
    inputs = eff_new(arena, eff_str, count);
    for (size_t j = 0; j < count; j++)
        inputs[j] = eff_read_slice(reader);
    ret_column->inputs_count = count;
    ret_column->inputs = inputs;
    return !reader->bad;
}

bool
eff_record_columns_read(eff_str bytes, struct eff_arena *arena, size_t *ret_count,
                        struct eff_snapshot_column **ret_columns, bool *ret_with_identities)
{
    struct eff_reader reader = eff_reader_of(bytes);
    size_t count;

    *ret_with_identities = eff_read_u8(&reader) != 0;
    count = eff_read_u32(&reader);
    if (reader.bad || count > bytes.len)
        return false;
    *ret_columns = eff_new(arena, struct eff_snapshot_column, count);
    *ret_count = count;
    for (size_t i = 0; i < count; i++)
        if (!record_read_column(&reader, arena, &(*ret_columns)[i]))
            return false;
    return true;
}

/* ---- verdicts ---- */

struct record_walk {
    const struct eff_recording *record;
    struct eff_snapshot_writer *writer;
    struct eff_history_writer *history;
    size_t settled_at;
};

static bool
record_removes(enum eff_op op, enum eff_group group)
{
    return group == EFF_GROUP_RELEASED || group == EFF_GROUP_LOST || eff_op_removes(op);
}

/* The identity, if there is one, was frozen before the destination told its id: the id is put in. */
static enum eff_fault
record_set(struct record_walk *walk, const struct eff_entry *entry, eff_str identity,
           eff_str remote_id, struct eff_err *err)
{
    struct eff_reader reader = eff_reader_of(identity);
    struct eff_buf buf = {0};
    enum eff_fault fault;
    eff_str key_json;

    key_json = eff_read_slice(&reader);
    eff_read_slice(&reader);
    if (reader.bad || !remote_id.ptr)
        return eff_snapshot_set(walk->writer, entry, identity, err);
    eff_buf_add_slice(&buf, key_json);
    eff_buf_add_slice(&buf, remote_id);
    eff_buf_add_bytes(&buf, reader.at, (size_t)(reader.end - reader.at));
    fault = buf.full ? EFF_FAIL(err, EFF_BROKEN, "out of memory for the identity of a row")
                     : eff_snapshot_set(walk->writer, entry, eff_buf_str(&buf), err);
    eff_buf_free(&buf);
    return fault;
}

/* Operations after which the record over there is one of this sync's. */
static bool
record_tracks(enum eff_op op)
{
    return op != EFF_OP_NONE && op != EFF_OP_CREATE && op != EFF_OP_APPEND;
}

/*
 * What may have been applied: the entry says that the values over there are not
 * known, so that the next diff sends the row again even if it is back to what was
 * acknowledged before, and removes it if it is gone. Which match value the record
 * has is told by the identity from before, if there was one. Identifiers of a member
 * that were to leave may have left even when the row itself was refused; and a record
 * that was passed on to this row is its own even then, since its owner has another.
 */
static enum eff_fault
record_unknown(struct record_walk *walk, const struct eff_item *item,
               const struct eff_acknowledged *ack, bool removes, struct eff_err *err)
{
    struct eff_entry entry = {.key = ack->key, .row = EFF_ENTRY_UNKNOWN}, known;
    bool found = true;

    if (removes && walk->record->snapshot) /* it may have been recorded already */
        EFF_TRY(
            eff_snapshot_find(walk->record->snapshot, ack->key, &found, &known, NULL, NULL, err));
    if (!found)
        return EFF_OK;
    return eff_snapshot_set(walk->writer, &entry,
                            ack->unsure.ptr   ? ack->unsure
                            : item->old_match ? EFF_STR_NONE
                                              : ack->identity,
                            err);
}

static int
record_key_cmp(const void *a, const void *b)
{
    return eff_hash128_cmp(*(const struct eff_hash128 *)a, *(const struct eff_hash128 *)b);
}

static bool
record_amiss(const struct eff_recording *record, struct eff_hash128 key)
{
    return record->amiss_count > 0 &&
           bsearch(&key, record->amiss, record->amiss_count, sizeof key, record_key_cmp) != NULL;
}

/*
 * What was acknowledged while an older value may still come over it: a later run sends the row
 * again, or removes it again. A member's older identifiers may come back as well.
 */
static enum eff_fault
record_doubted(struct record_walk *walk, const struct eff_item *item,
               const struct eff_acknowledged *ack, bool removes, eff_str remote_id,
               struct eff_err *err)
{
    struct eff_entry entry = {.key = ack->key, .row = EFF_ENTRY_UNKNOWN};
    eff_str identity = item->leaving_count ? ack->unsure : ack->identity;

    if (removes)
        return record_unknown(walk, item, ack, removes, err);
    return record_set(walk, &entry, identity, remote_id, err);
}

static enum eff_fault
record_item(struct record_walk *walk, const struct eff_batch_ref *ref, const struct eff_item *item,
            const struct eff_acknowledged *ack, const struct eff_settled_row *row,
            struct eff_err *err)
{
    struct eff_entry entry = {.key = ack->key, .row = ack->row};
    bool removes = record_removes(ref->op, ref->group);

    if (row->outcome == EFF_MAYBE_APPLIED && record_tracks(ref->op))
        return record_unknown(walk, item, ack, removes, err);
    if (row->outcome != EFF_APPLIED && row->outcome != EFF_TAKEN)
        return ack->unsure.ptr ? record_unknown(walk, item, ack, removes, err) : EFF_OK;
    if (ref->op != EFF_OP_NONE)
        EFF_TRY(eff_history_add(walk->history, ref->op, item, ack->row, row->outcome,
                                row->remote_id, err));
    if (row->doubted)
        return record_doubted(walk, item, ack, removes, row->remote_id, err);
    if (removes)
        return eff_snapshot_remove(walk->writer, ack->key, err);
    if (record_amiss(walk->record, ack->key))
        entry.row = EFF_ENTRY_UNKNOWN;
    return record_set(walk, &entry, ack->identity, row->remote_id, err);
}

static const struct eff_settled *
record_settled(struct record_walk *walk, size_t batch)
{
    const struct eff_recording *record = walk->record;

    while (walk->settled_at < record->settled_count &&
           record->settled[walk->settled_at].batch < batch)
        walk->settled_at++;
    if (walk->settled_at < record->settled_count &&
        record->settled[walk->settled_at].batch == batch &&
        record->settled[walk->settled_at].settled)
        return &record->settled[walk->settled_at];
    return NULL;
}

static enum eff_fault
record_batch(struct record_walk *walk, size_t batch, const struct eff_batch_ref *ref,
             struct eff_err *err)
{
    const struct eff_recording *record = walk->record;
    const struct eff_settled *settled = record_settled(walk, batch);
    struct eff_delivery delivery;
    struct eff_acknowledged *acks;
    struct eff_settled_row *rows;

    bool lost = !settled && ref->op != EFF_OP_NONE; /* sent by a process that died, or not sent */

    if (ref->held || (lost && !record->resumed && !record->passed_on))
        return EFF_OK;
    eff_arena_reset(record->batch);
    EFF_TRY(eff_changes_load(record->changes, batch, record->batch, &delivery, &acks, err));
    rows = eff_new(record->batch, struct eff_settled_row, delivery.count);
    for (size_t i = 0; lost && i < delivery.count; i++)
        rows[i].outcome = record->resumed ? EFF_MAYBE_APPLIED : EFF_NOT_APPLIED;
    if (!lost &&
        !eff_verdicts_read(settled ? settled->verdicts : EFF_STR_NONE, delivery.count, rows))
        return EFF_FAIL(err, EFF_BROKEN, "the verdicts of batch %zu do not add up", batch);
    for (size_t i = 0; i < delivery.count; i++)
        EFF_TRY(record_item(walk, ref, &delivery.items[i], &acks[i], &rows[i], err));
    return EFF_OK;
}

static bool
record_columns_changed(const struct eff_recording *record)
{
    const struct eff_snapshot_head *head;

    if (!record->snapshot)
        return false;
    head = eff_snapshot_head(record->snapshot);
    if (head->columns_count != record->columns_count || head->identities != record->with_identities)
        return true;
    for (size_t i = 0; i < record->columns_count; i++)
        if (head->columns[i].id != record->columns[i].id)
            return true;
    return false;
}

static enum eff_fault
record_walk_all(struct record_walk *walk, struct eff_err *err)
{
    const struct eff_batch_ref *batches;
    size_t count = eff_changes_count(walk->record->changes, &batches);

    for (size_t i = 0; i < count; i++)
        EFF_TRY(record_batch(walk, i, &batches[i], err));
    return EFF_OK;
}

static enum eff_fault
record_commit(struct record_walk *walk, struct eff_err *err)
{
    const struct eff_recording *record = walk->record;
    struct eff_snapshot_head head;

    EFF_TRY(eff_history_create(record->os, record->folder, record->run_id,
                               eff_changes_names(record->changes), record->now_ms, record->run,
                               &walk->history, err));
    EFF_TRY(record_walk_all(walk, err));
    EFF_TRY(eff_history_commit(walk->history, err));
    EFF_TRY(eff_snapshot_commit(walk->writer, &head, err));
    EFF_TRY(eff_history_sweep(record->os, record->folder, record->now_ms, *record->run, err));
    return eff_snapshot_sweep(record->os, record->folder, head.generation, *record->run, err);
}

static bool
record_anything(const struct eff_recording *record)
{
    const struct eff_batch_ref *batches;
    size_t count = eff_changes_count(record->changes, &batches);

    for (size_t i = 0; i < count; i++)
        if (batches[i].op == EFF_OP_NONE)
            return true;
    for (size_t i = 0; i < record->settled_count; i++)
        if (record->settled[i].settled)
            return true;
    if (record->resumed && count > 0)
        return true;
    return record_columns_changed(record);
}

enum eff_fault
eff_record_run(const struct eff_recording *record, struct eff_err *err)
{
    struct record_walk walk = {.record = record};
    enum eff_fault fault;

    if (!record_anything(record))
        return EFF_OK;
    EFF_TRY(eff_snapshot_writer_open(record->os, record->folder, record->snapshot, record->columns,
                                     record->columns_count, record->with_identities,
                                     record->memory_bytes, record->run, &walk.writer, err));
    fault = record_commit(&walk, err);
    eff_history_writer_close(walk.history);
    eff_snapshot_writer_close(walk.writer);
    return fault;
}
