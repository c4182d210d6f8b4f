/*
 * run/read: the one read of the model, row by row into the diff.
 */
#include <stdlib.h>

#include "base/crash.h"
#include "base/json.h"
#include "run/sync.h"

/* ---- rows that cannot be sent ---- */

#define READ_MIB ((size_t)1 << 20)

struct read_reason {
    const char *code, *message, *hint;
};

static struct read_reason
read_reason_of(enum eff_row_state state)
{
    switch (state) {
    case EFF_ROW_KEY_NULL:
        return (struct read_reason){"EFF2109", "the key is empty",
                                    "Give each row of the model a key, or filter those rows out."};
    case EFF_ROW_KEY_BAD:
        return (struct read_reason){
            "EFF2110", "the key cannot be one",
            "Use text, a number, a date or a uuid of at most 4 KiB as key."};
    case EFF_ROW_TOO_LARGE:
        return (struct read_reason){"EFF2140", "the row is too large",
                                    "Cut it in the model, take the column out of `fields:`, or "
                                    "give the sync more `memory:`; a row may take a quarter."};
    default:
        return (struct read_reason){"EFF2111", "a value cannot be represented",
                                    "Mend it in the model, or take the column out of `fields:`."};
    }
}

static eff_str
read_key_json(struct eff_sync_run *r, const struct eff_value *row)
{
    struct eff_buf buf = {0};
    eff_str key;

    eff_row_key_json(&buf, &r->mapping, row);
    key = eff_str_copy(&r->batch, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return key;
}

static bool
read_uses(const struct eff_field *fields, size_t count, size_t column, eff_str *ret_where)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < fields[i].inputs_count; k++) {
            if (fields[i].inputs[k] != column)
                continue;
            *ret_where = fields[i].where;
            return true;
        }
    }
    return false;
}

/* The line that has the column sent. */
static eff_str
read_where(struct eff_sync_run *r, enum eff_row_state state, size_t column)
{
    const struct eff_mapping *mapping = &r->mapping;
    eff_str where;

    if ((state == EFF_ROW_VALUE_BAD || state == EFF_ROW_TOO_LARGE) &&
        (read_uses(mapping->fields, mapping->fields_count, column, &where) ||
         read_uses(mapping->match, mapping->match_count, column, &where)))
        return where;
    return eff_place_text(&r->batch, r->sync->key_place);
}

static enum eff_fault
read_ledger_invalid(struct eff_sync_run *r, struct eff_hash128 key, const struct eff_value *row,
                    const char *code, eff_str message, size_t column, struct eff_err *err)
{
    bool keyless = key.hi == 0 && key.lo == 0;
    struct eff_ledger_row entry = {
        .key = key,
        .state = EFF_LEDGER_INVALID,
        .rows = keyless ? 0 : 1,
        .key_json = read_key_json(r, row),
        .code = eff_str_of(code),
        .message = message,
        .field = r->columns.at[column].name,
        .fault = EFF_ROW,
        .last_ms = r->os->wall_ms(r->os->self),
        .run = r->run_id,
    };

    /* Rows without a key cannot be told apart: one entry counts those with the same rest of it. */
    if (keyless)
        entry.key = eff_siphash128(r->secret.key, entry.key_json.ptr, entry.key_json.len);
    if (r->options->plan || r->look)
        return EFF_OK;
    return eff_control_ledger_put(r->control, r->sync->name, &entry, false, err);
}

/* Rows as large as this are read, hashed, kept, sent: some four copies at once at the most. */
static size_t
read_bytes_max(const struct eff_sync_run *r)
{
    return (size_t)r->sync->memory_bytes / 4;
}

static const char *
read_why(struct eff_sync_run *r, enum eff_row_state state, const struct eff_value *row,
         size_t column)
{
    size_t bytes;

    if (state == EFF_ROW_VALUE_BAD)
        return eff_value_problem(&row[column], r->batch);
    if (state != EFF_ROW_TOO_LARGE)
        return NULL;
    bytes = eff_row_bytes(r->needed, r->columns.count, row, &column);
    return eff_str_printf(&r->batch, "%zu MiB of at most %zu MiB",
                          (bytes + READ_MIB - 1) / READ_MIB, read_bytes_max(r) / READ_MIB)
        .ptr;
}

static enum eff_fault
read_invalid(struct eff_sync_run *r, enum eff_row_state state, struct eff_hash128 key,
             const struct eff_value *row, size_t column, struct eff_err *err)
{
    struct read_reason reason = read_reason_of(state);
    const char *why = read_why(r, state, row, column);
    eff_str message =
        eff_str_printf(&r->batch, "%s: column " EFF_STR_FMT "%s%s", reason.message,
                       EFF_STR_ARG(r->columns.at[column].name), why ? ": " : "", why ? why : "");

    eff_report_problem(r->report, reason.code, EFF_ROW, 1, message, eff_str_of(reason.hint),
                       read_where(r, state, column));
    EFF_TRY(read_ledger_invalid(r, key, row, reason.code, message, column, err));
    if (state != EFF_ROW_KEY_NULL &&
        state != EFF_ROW_KEY_BAD) /* counted by the diff: it may be one of several of its key */
        return eff_diff_add_invalid(r->diff, key, err);
    r->report->invalid++;
    r->null_keys++;
    r->rows_invalid++;
    return EFF_OK;
}

/* ---- reading ---- */

#define READ_BLOCK 64 /* rows hashed together, so that the diff's memory comes while we hash */

struct read_hashed {
    const struct eff_value *row;
    enum eff_row_state state;
    struct eff_hash128 key;
    uint64_t hash, old; /* by the mapping that the snapshot will have, and has */
    size_t column;      /* to blame when the state is not good */
    bool aside;         /* it made the process crash: then nothing but its key is touched */
};

static void
read_hash(struct eff_sync_run *r, struct read_hashed *h, struct eff_buf *buf)
{
    h->state = eff_row_key(&r->mapping, h->row, &r->secret, buf, &h->key, &h->column);
    r->hand->now.key = h->key;
    h->aside = h->state == EFF_ROW_GOOD && eff_run_is_aside(r, h->key);
    if (h->aside)
        h->state = EFF_ROW_VALUE_BAD;
    else
        EFF_CRASH_ON("row.hash", read_key_json(r, h->row));
    if (h->state == EFF_ROW_GOOD &&
        eff_row_bytes(r->needed, r->columns.count, h->row, &h->column) > read_bytes_max(r))
        h->state = EFF_ROW_TOO_LARGE;
    if (h->state == EFF_ROW_GOOD)
        h->state = eff_row_hash(&r->mapping, h->row, &r->secret, r->batch, &h->hash, &h->column);
    h->old = h->hash;
    if (h->state != EFF_ROW_GOOD)
        return;
    if (r->rebase)
        eff_row_hash(&r->old_mapping, h->row, &r->secret, r->batch, &h->old, &h->column);
    if (r->partial) // The rows that are not read now keep their sums: so the mapping stays theirs.
        h->hash = h->old;
    eff_diff_prefetch(r->diff, h->key);
}

static int
read_forgotten_cmp(const void *a, const void *b)
{
    return eff_hash128_cmp(*(const struct eff_hash128 *)a, *(const struct eff_hash128 *)b);
}

bool
eff_run_is_forgotten(const struct eff_sync_run *r, struct eff_hash128 key)
{
    return r->forgotten_count > 0 &&
           bsearch(&key, r->forgotten, r->forgotten_count, sizeof key, read_forgotten_cmp) != NULL;
}

/* Not counted as read: what was forgotten is not there. */
static bool
read_is_forgotten(struct eff_sync_run *r, const struct read_hashed *h)
{
    bool forgotten = h->state != EFF_ROW_KEY_NULL && h->state != EFF_ROW_KEY_BAD &&
                     eff_run_is_forgotten(r, h->key);

    r->report->forgotten += forgotten;
    return forgotten;
}

/* Its match value is not looked at either: it could be that at which the process crashes. */
static enum eff_fault
read_aside(struct eff_sync_run *r, const struct read_hashed *h, struct eff_err *err)
{
    EFF_TRY(eff_run_put_aside(r, h->key, read_key_json(r, h->row), EFF_LEDGER_INVALID, err));
    return eff_diff_add_invalid(r->diff, h->key, err);
}

static enum eff_fault
read_add(struct eff_sync_run *r, const struct read_hashed *h, struct eff_buf *buf,
         struct eff_err *err)
{
    eff_str content = EFF_STR_NONE;
    bool wanted;

    r->hand->now.key = h->key;
    if (h->aside)
        return read_aside(r, h, err);
    EFF_TRY(eff_run_twin(r, h->row, h->key, h->state != EFF_ROW_GOOD, err));
    if (h->state != EFF_ROW_GOOD) {
        eff_run_claim(r, h->row, false);
        return read_invalid(r, h->state, h->key, h->row, h->column, err);
    }
    eff_run_types_key(r, h->row);
    wanted =
        r->look ? eff_run_look_samples(r, h->key) : eff_diff_wants_content(r->diff, h->key, h->old);
    eff_run_claim(r, h->row, !wanted);
    if (wanted) {
        eff_buf_reset(buf);
        eff_content_write(buf, r->needed, r->columns.count, h->row);
        if (buf->full)
            return EFF_FAIL(err, EFF_BROKEN, "a row is larger than %zu bytes", buf->max);
        content = eff_buf_str(buf);
    }
    return eff_diff_add(r->diff, h->key, h->old, h->hash, content, err);
}

static bool
read_enough(const struct eff_sync_run *r)
{
    return r->options->limit >= 0 && r->rows_read >= (uint64_t)r->options->limit;
}

/* A row that was not asked for may still have the match value of one that was. */
static enum eff_fault
read_pass_over(struct eff_sync_run *r, const struct eff_value *row, struct eff_buf *buf,
               struct eff_err *err)
{
    struct eff_hash128 key;
    size_t column;

    if (!r->twins || eff_row_key(&r->mapping, row, &r->secret, buf, &key, &column) != EFF_ROW_GOOD)
        return EFF_OK;
    return eff_run_twin(r, row, key, true, err);
}

/* Hashes up to READ_BLOCK wanted rows from *at on, which becomes the row after them. */
static enum eff_fault
read_block(struct eff_sync_run *r, const struct eff_batch *batch, size_t *at,
           struct read_hashed hashed[READ_BLOCK], size_t *ret_count, struct eff_buf *buf,
           struct eff_err *err)
{
    *ret_count = 0;
    for (; *at < batch->rows && *ret_count < READ_BLOCK && !read_enough(r); ++*at) {
        struct read_hashed *h = &hashed[*ret_count];

        *h = (struct read_hashed){.row = &batch->cells[*at * batch->width]};
        r->hand->now = (struct eff_held){.row = r->rows_read + 1};
        if (!eff_run_keys_wants(r, h->row)) {
            EFF_TRY(read_pass_over(r, h->row, buf, err));
            continue;
        }
        read_hash(r, h, buf);
        if (read_is_forgotten(r, h))
            continue;
        r->rows_read++;
        ++*ret_count;
    }
    return EFF_OK;
}

static enum eff_fault
read_batch(struct eff_sync_run *r, const struct eff_batch *batch, struct eff_buf *buf,
           struct eff_err *err)
{
    struct read_hashed hashed[READ_BLOCK];
    size_t count;

    for (size_t at = 0; at < batch->rows && !read_enough(r);) {
        EFF_TRY(read_block(r, batch, &at, hashed, &count, buf, err));
        for (size_t i = 0; i < count; i++)
            EFF_TRY(read_add(r, &hashed[i], buf, err));
    }
    return EFF_OK;
}

static enum eff_fault
read_stopped(struct eff_err *err)
{
    *err = (struct eff_err){0};
    return EFF_FAIL(err, EFF_TRANSIENT, "stopped on request; nothing was sent");
}

enum eff_fault
eff_run_stopped(const struct eff_sync_run *r, enum eff_fault fault, struct eff_err *err)
{
    return fault == EFF_OK || r->os->go_on(r->os->self) ? fault : read_stopped(err);
}

static enum eff_fault
read_all(struct eff_sync_run *r, struct eff_buf *buf, struct eff_err *err)
{
    enum eff_fault fault;
    struct eff_batch batch;

    for (;;) {
        eff_arena_reset(&r->batch);
        r->hand->now = (struct eff_held){.row = r->rows_read + 1};
        fault = r->source->ops->next(r->source, &batch, err);
        if (fault != EFF_OK)
            return eff_run_stopped(r, fault, err);
        if (batch.rows == 0)
            return EFF_OK;
        EFF_TRY(read_batch(r, &batch, buf, err));
        if (read_enough(r)) {
            r->source->ops->cancel(r->source); // nothing may be under way when delivery begins
            return EFF_OK;
        }
        if (!r->os->go_on(r->os->self)) {
            r->source->ops->cancel(r->source);
            return read_stopped(err);
        }
        eff_run_progress(r, false);
    }
}

enum eff_fault
eff_run_read(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_diff_config config = {
        .os = r->os,
        .scratch_folder = r->scratch,
        .memory_bytes = (size_t)r->sync->memory_bytes,
        .rows_expected = r->rows_expected,
        .columns_added = r->any_added || r->fill_identities || (r->look && !r->look->adopt),
        .rebase = r->rebase,
        .find_removed = !r->partial,
        .with_identities = r->with_identities && !r->fill_identities,
    };
    struct eff_buf buf = {0};
    enum eff_fault fault;

    EFF_TRY(
        eff_diff_open(&config, r->snapshot_rows > 0 ? r->snapshot : NULL, &r->run, &r->diff, err));
    EFF_TRY(eff_run_keys_open(r, err));
    eff_run_types_open(r);
    eff_run_planner(r);
    eff_run_claims_open(r);
    EFF_TRY(eff_run_twins_open(r, err));
    fault = read_all(r, &buf, err);
    eff_buf_free(&buf);
    eff_hand_empty(r->hand);
    r->report->read = r->rows_read;
    EFF_TRY(fault);
    EFF_TRY(eff_run_check_key_types(r, err));
    if (!read_enough(r))
        eff_run_keys_report(r);
    return eff_run_twins_find(r, err);
}

/* ---- the rows whose content was not kept ---- */

static const struct eff_change *
read_wanted(const struct eff_change *wanted, size_t count, struct eff_hash128 key)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = eff_hash128_cmp(wanted[middle].key, key);

        if (order == 0)
            return &wanted[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

struct read_again {
    struct eff_sync_run *r;
    const struct eff_change *wanted;
    size_t count;
    struct eff_buf buf;
    enum eff_fault (*take)(struct eff_sync_run *r, const struct eff_change *change,
                           const struct eff_value *row, struct eff_err *err);
};

static enum eff_fault
read_again_row(void *self, const struct eff_value *row, struct eff_err *err)
{
    struct read_again *again = self;
    struct read_hashed h = {.row = row};
    const struct eff_change *change;

    read_hash(again->r, &h, &again->buf);
    if (h.state != EFF_ROW_GOOD)
        return EFF_OK;
    change = read_wanted(again->wanted, again->count, h.key);
    if (!change || (change->kind != EFF_CHANGE_DUPLICATE && change->kind != EFF_CHANGE_TWIN &&
                    h.hash != change->row_hash))
        return EFF_OK;
    return again->take(again->r, change, row, err);
}

enum eff_fault
eff_run_read_again(struct eff_sync_run *r, const struct eff_change *wanted, size_t count,
                   enum eff_fault (*take)(struct eff_sync_run *r, const struct eff_change *change,
                                          const struct eff_value *row, struct eff_err *err),
                   struct eff_err *err)
{
    struct read_again again = {.r = r, .wanted = wanted, .count = count, .take = take};
    enum eff_fault fault = eff_run_each_row(r, read_again_row, &again, err);

    eff_buf_free(&again.buf);
    return fault;
}

enum eff_fault
eff_run_each_row(struct eff_sync_run *r,
                 enum eff_fault (*visit)(void *self, const struct eff_value *row,
                                         struct eff_err *err),
                 void *self, struct eff_err *err)
{
    struct eff_columns columns;
    struct eff_batch batch = {.rows = 1};
    enum eff_fault fault = r->source->ops->query(r->source, r->sql, &columns, err);

    while (fault == EFF_OK && batch.rows > 0) {
        eff_arena_reset(&r->batch);
        fault = r->source->ops->next(r->source, &batch, err);
        if (fault == EFF_OK && !r->os->go_on(r->os->self)) {
            r->source->ops->cancel(r->source);
            return read_stopped(err);
        }
        for (size_t i = 0; fault == EFF_OK && i < batch.rows; i++)
            fault = visit(self, &batch.cells[i * batch.width], err);
    }
    return eff_run_stopped(r, fault, err);
}
