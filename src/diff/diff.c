/*
 * diff/diff: which rows changed since the destination last confirmed them.
 *
 * Reading: each row goes into the scatter, as 24 bytes when the filter knows it,
 * as an item with its content when not. Then, partition by partition: join with
 * the snapshot's range (diff/part), and hand out what differs in key order.
 */
#include "diff/diff.h"

#include <assert.h>

#include "diff/filter.h"
#include "diff/part.h"

enum diff_state {
    DIFF_READING = 0,
    DIFF_PARTS,   /* the next partition must be joined */
    DIFF_CHANGES, /* of the present partition */
    DIFF_ENDED,
};

struct eff_diff {
    struct eff_diff_config config;
    struct eff_snapshot *snapshot; /* NULL when it has no entries */
    struct eff_scatter *scatter;
    struct diff_filter filter;
    bool wants_all;
    enum diff_state state;
    struct eff_multiset read; /* of all good rows, while that can show that nothing changed */
    bool comparable;
    struct diff_part part;
    size_t item;    /* next one of the partition */
    size_t removed; /* next one of the snapshot's that no row met */
    struct eff_diff_counts counts;
};

/* One sequential read of the snapshot. */
static enum eff_fault
diff_fill_filter(struct eff_diff *diff, struct eff_err *err)
{
    uint64_t rows = eff_snapshot_head(diff->snapshot)->entries.count;
    struct eff_snapshot_cursor *cursor;
    const struct eff_entry *entries;
    struct eff_arena arena;
    enum eff_fault fault;
    size_t count = 1;

    diff_filter_init(&diff->filter, rows, diff->config.memory_bytes / 2);
    eff_arena_init(&arena, "filter", (size_t)1 << 20);
    fault = eff_snapshot_cursor_open(diff->snapshot, false, &arena, &cursor, err);
    while (fault == EFF_OK && count > 0) {
        fault = eff_snapshot_cursor_next(cursor, &count, &entries, NULL, err);
        for (size_t i = 0; fault == EFF_OK && i < count; i++)
            diff_filter_add(&diff->filter, entries[i].key, entries[i].row);
    }
    eff_arena_deinit(&arena);
    return fault;
}

static uint64_t
diff_rows_expected(const struct eff_diff *diff)
{
    if (diff->config.rows_expected >= 0)
        return (uint64_t)diff->config.rows_expected;
    return diff->snapshot == NULL ? 0 : eff_snapshot_head(diff->snapshot)->entries.count;
}

enum eff_fault
eff_diff_open(const struct eff_diff_config *config, struct eff_snapshot *snapshot,
              struct eff_arena *run, struct eff_diff **ret_diff, struct eff_err *err)
{
    struct eff_diff *diff = eff_new(run, struct eff_diff, 1);
    struct eff_scatter_config scatter;
    enum eff_fault fault;

    diff->config = *config;
    if (snapshot != NULL && eff_snapshot_head(snapshot)->entries.count > 0)
        diff->snapshot = snapshot;
    diff->config.with_identities &=
        diff->snapshot != NULL && eff_snapshot_head(snapshot)->identities;
    diff->wants_all = diff->snapshot == NULL || config->columns_added;
    diff->comparable = !config->rebase && !config->columns_added;
    scatter = (struct eff_scatter_config){.os = config->os,
                                          .folder = config->scratch_folder,
                                          .memory_bytes = diff->config.memory_bytes / 2,
                                          .records_expected = diff_rows_expected(diff)};
    fault = eff_scatter_open(&scatter, run, &diff->scatter, err);
    if (fault == EFF_OK && !diff->wants_all)
        fault = diff_fill_filter(diff, err);
    if (fault != EFF_OK) {
        eff_diff_close(diff);
        return fault;
    }
    *ret_diff = diff;
    return EFF_OK;
}

void
eff_diff_close(struct eff_diff *diff)
{
    if (diff == NULL)
        return;
    eff_scatter_close(diff->scatter);
    diff->scatter = NULL;
    diff_filter_deinit(&diff->filter);
    diff_part_deinit(&diff->part);
    diff->state = DIFF_ENDED;
}

void
eff_diff_prefetch(const struct eff_diff *diff, struct eff_hash128 key)
{
    if (diff->filter.count > 0)
        diff_filter_prefetch(&diff->filter, key);
    eff_scatter_prefetch(diff->scatter, key);
}

bool
eff_diff_wants_content(const struct eff_diff *diff, struct eff_hash128 key, uint64_t row_old)
{
    return diff->wants_all || !diff_filter_has(&diff->filter, key, row_old);
}

enum eff_fault
eff_diff_add(struct eff_diff *diff, struct eff_hash128 key, uint64_t row_old, uint64_t row,
             eff_str content, struct eff_err *err)
{
    struct eff_scatter_item item;

    assert(diff->state == DIFF_READING);
    diff->counts.read++;
    if (diff->comparable)
        eff_multiset_add(&diff->read, (struct eff_entry){key, row});
    if (content.ptr == NULL && !diff->config.rebase)
        return eff_scatter_add_entry(diff->scatter, key, row, err);
    // `order` is what the snapshot's row hash is compared with.
    item = (struct eff_scatter_item){
        .key = key, .row = row, .order = diff->config.rebase ? row_old : row};
    return eff_scatter_add_item(diff->scatter, &item, content, err);
}

enum eff_fault
eff_diff_add_invalid(struct eff_diff *diff, struct eff_hash128 key, struct eff_err *err)
{
    struct eff_scatter_item item = {.key = key, .flags = DIFF_INVALID};

    assert(diff->state == DIFF_READING);
    diff->counts.read++;
    diff->comparable = false;
    return eff_scatter_add_item(diff->scatter, &item, EFF_STR_NONE, err);
}

enum eff_fault
eff_diff_mark_twin(struct eff_diff *diff, struct eff_hash128 key, struct eff_err *err)
{
    struct eff_scatter_item item = {.key = key, .flags = DIFF_GROUP | DIFF_TWIN};

    assert(diff->state == DIFF_READING);
    diff->comparable = false;
    return eff_scatter_add_item(diff->scatter, &item, EFF_STR_NONE, err);
}

const struct eff_diff_counts *
eff_diff_counts(const struct eff_diff *diff)
{
    return &diff->counts;
}

/* After the last row: is there anything to look for at all? */
static enum eff_fault
diff_end_reading(struct eff_diff *diff, struct eff_err *err)
{
    static const struct eff_multiset none;
    const struct eff_multiset *old =
        diff->snapshot == NULL ? &none : &eff_snapshot_head(diff->snapshot)->entries;

    diff_filter_deinit(&diff->filter);
    // A snapshot has each key once: a read with the same digest has no duplicates either.
    if (diff->comparable && eff_multiset_eq(old, &diff->read)) {
        diff->counts.unchanged = diff->counts.read;
        diff->state = DIFF_ENDED;
        return EFF_OK;
    }
    diff->state = DIFF_PARTS;
    return diff_part_init(&diff->part, diff->snapshot, diff->config.memory_bytes / 2, err);
}

/* Joins the next partition that fits; ends when there is none. */
static enum eff_fault
diff_next_part(struct eff_diff *diff, struct eff_err *err)
{
    struct eff_scatter_part range;
    bool fits = false;

    while (!fits) {
        if (!eff_scatter_next(diff->scatter, &range)) {
            diff->state = DIFF_ENDED;
            return EFF_OK;
        }
        EFF_TRY(diff_part_start(&diff->part, &range, &fits, err));
        if (fits)
            EFF_TRY(diff_part_join(&diff->part, diff->scatter,
                                   diff->config.rebase || diff->config.columns_added, &fits, err));
        if (!fits)
            EFF_TRY(eff_scatter_split(diff->scatter, err));
    }
    diff->counts.unchanged += diff->part.unchanged;
    diff->item = 0;
    diff->removed =
        diff->config.find_removed ? diff_part_unseen(&diff->part, 0) : diff->part.old_count;
    diff->state = DIFF_CHANGES;
    return EFF_OK;
}

/* What one key's only row is. END: nothing to tell. */
static enum eff_change_kind
diff_judge(struct eff_diff *diff, const struct eff_scatter_item *item, const struct eff_entry *old)
{
    if (item->flags & DIFF_INVALID) {
        diff->counts.invalid++;
        return EFF_CHANGE_END;
    }
    if (old == NULL) {
        diff->counts.added++;
        return EFF_CHANGE_ADD;
    }
    if (old->row != item->order) {
        diff->counts.changed++;
        return EFF_CHANGE_CHANGE;
    }
    if (diff->config.columns_added) {
        diff->counts.columns++;
        return EFF_CHANGE_COLUMNS;
    }
    diff->counts.unchanged++;
    return EFF_CHANGE_REBASE; // only rebase keeps items of unchanged rows
}

static enum eff_change_kind
diff_judge_group(struct eff_diff *diff, const struct eff_scatter_item *item)
{
    if (item->row == 1) {
        diff->counts.twins++;
        return EFF_CHANGE_TWIN;
    }
    diff->counts.duplicates += item->row;
    diff->counts.duplicate_groups++;
    return EFF_CHANGE_DUPLICATE;
}

static enum eff_fault
diff_identity(struct eff_diff *diff, struct eff_change *change, struct eff_err *err)
{
    struct eff_entry entry;
    bool found;

    if (!diff->config.with_identities || !change->in_snapshot)
        return EFF_OK;
    return eff_snapshot_find(diff->snapshot, change->key, &found, &entry, NULL, &change->identity,
                             err);
}

static enum eff_fault
diff_tell_item(struct eff_diff *diff, const struct eff_scatter_item *item,
               struct eff_change *ret_change, struct eff_err *err)
{
    size_t at = diff_part_find(&diff->part, item->key);
    const struct eff_entry *old = at == SIZE_MAX ? NULL : &diff->part.old[at];
    bool group = item->flags & DIFF_GROUP;

    *ret_change = (struct eff_change){.key = item->key,
                                      .row_hash = group ? 0 : item->row,
                                      .old_hash = group || !old ? 0 : old->row,
                                      .rows = group ? item->row : 1,
                                      .in_snapshot = old != NULL};
    ret_change->kind = group ? diff_judge_group(diff, item) : diff_judge(diff, item, old);
    if (ret_change->kind == EFF_CHANGE_END || ret_change->kind == EFF_CHANGE_REBASE)
        return EFF_OK;
    EFF_TRY(eff_scatter_blob(diff->scatter, item, &ret_change->content, err));
    diff->counts.without_content += !group && ret_change->content.ptr == NULL;
    return group ? EFF_OK : diff_identity(diff, ret_change, err);
}

static enum eff_fault
diff_tell_removed(struct eff_diff *diff, const struct eff_entry *old, struct eff_change *ret_change,
                  struct eff_err *err)
{
    *ret_change = (struct eff_change){
        .kind = EFF_CHANGE_REMOVE, .key = old->key, .rows = 1, .in_snapshot = true};
    diff->counts.removed++;
    diff->removed = diff_part_unseen(&diff->part, diff->removed + 1);
    return diff_identity(diff, ret_change, err);
}

/* The smaller of the next item and the next removed key; END when the partition has no more. */
static enum eff_fault
diff_tell(struct eff_diff *diff, struct eff_change *ret_change, struct eff_err *err)
{
    const struct diff_part *part = &diff->part;

    while (diff->item < part->items_count || diff->removed < part->old_count) {
        const struct eff_scatter_item *item = &part->items[diff->item];

        if (diff->item == part->items_count ||
            (diff->removed < part->old_count &&
             eff_hash128_cmp(part->old[diff->removed].key, item->key) < 0))
            return diff_tell_removed(diff, &part->old[diff->removed], ret_change, err);
        diff->item++;
        EFF_TRY(diff_tell_item(diff, item, ret_change, err));
        if (ret_change->kind != EFF_CHANGE_END)
            return EFF_OK;
    }
    diff->state = DIFF_PARTS;
    return EFF_OK;
}

enum eff_fault
eff_diff_next(struct eff_diff *diff, struct eff_change *ret_change, struct eff_err *err)
{
    if (diff->state == DIFF_READING)
        EFF_TRY(diff_end_reading(diff, err));
    *ret_change = (struct eff_change){.kind = EFF_CHANGE_END};
    while (diff->state != DIFF_ENDED && ret_change->kind == EFF_CHANGE_END) {
        if (diff->state == DIFF_PARTS)
            EFF_TRY(diff_next_part(diff, err));
        if (diff->state == DIFF_CHANGES)
            EFF_TRY(diff_tell(diff, ret_change, err));
    }
    return EFF_OK;
}
