/*
 * diff/part: one partition of the read against the same range of the snapshot.
 */
#include "diff/part.h"

#define PART_ITEMS_MIN ((size_t)256)
#define PART_OLD_MIN   ((size_t)8192) /* two blocks of a snapshot at least */
#define PART_WINDOW    4              /* entries of a bucket that are compared at once */
#define PART_AHEAD     16             /* rows whose memory is fetched while others are compared */

/*
 * A third for the snapshot's entries (24 bytes, 1 for what was seen, up to 4 for
 * the index), the rest for items.
 */
enum eff_fault
diff_part_init(struct diff_part *part, struct eff_snapshot *snapshot, size_t memory_bytes,
               struct eff_err *err)
{
    size_t old_max = memory_bytes / 3 / 32, items_max = memory_bytes / 3 * 2 / 48;

    part->held_max = old_max < PART_OLD_MIN ? PART_OLD_MIN : old_max;
    part->items_max = items_max < PART_ITEMS_MIN ? PART_ITEMS_MIN : items_max;
    eff_arena_init(&part->arena, "diff",
                   part->held_max * 34 + part->items_max * sizeof(struct eff_scatter_item) +
                       ((size_t)1 << 20));
    part->items = eff_new(&part->arena, struct eff_scatter_item, part->items_max);
    part->held = eff_new(&part->arena, struct eff_entry, part->held_max + PART_WINDOW + 1);
    part->seen = eff_new(&part->arena, unsigned char, part->held_max);
    part->index = eff_new(&part->arena, uint32_t, part->held_max + 2);
    part->cursor_done = snapshot == NULL;
    if (snapshot == NULL)
        return EFF_OK;
    return eff_snapshot_cursor_open(snapshot, false, &part->arena, &part->cursor, err);
}

void
diff_part_deinit(struct diff_part *part)
{
    eff_arena_deinit(&part->arena);
}

/* How many of the sorted entries have a key below this one, or up to it. */
static size_t
part_below(const struct eff_entry *entries, size_t count, struct eff_hash128 key, bool including)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (eff_hash128_cmp(entries[middle].key, key) < (including ? 1 : 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* More of the snapshot into memory; false when there is no room for the present block. */
static enum eff_fault
part_load(struct diff_part *part, bool *ret_room, struct eff_err *err)
{
    if (part->block_count == 0)
        EFF_TRY(
            eff_snapshot_cursor_next(part->cursor, &part->block_count, &part->block, NULL, err));
    part->cursor_done = part->block_count == 0;
    if (part->held_from > 0 && part->held_max - part->held_to < part->block_count) {
        memmove(part->held, part->held + part->held_from,
                (part->held_to - part->held_from) * sizeof(*part->held));
        part->held_to -= part->held_from;
        part->held_from = 0;
    }
    *ret_room = part->held_max - part->held_to >= part->block_count;
    if (*ret_room && part->block_count > 0) {
        memcpy(part->held + part->held_to, part->block, part->block_count * sizeof(*part->held));
        part->held_to += part->block_count;
        part->block_count = 0;
    }
    return EFF_OK;
}

/* Steps of a search by halves, where keys are so uneven that a bucket is large. */
static void
part_measure_index(struct diff_part *part, size_t buckets)
{
    size_t largest = 0;

    for (size_t bucket = 0; bucket < buckets; bucket++) {
        size_t size = part->index[bucket + 1] - part->index[bucket];

        largest = size > largest ? size : largest;
    }
    part->steps = 0;
    while (largest > 4 * PART_WINDOW && largest >> part->steps > 0)
        part->steps++;
}

static inline size_t
part_bucket(const struct diff_part *part, struct eff_hash128 key)
{
    return part->index_bits == 0 ? 0 : key.hi << part->index_skip >> (64 - part->index_bits);
}

/*
 * As many bits of the key as give a bucket for one to two entries. The entries
 * are sorted, so the last one to write into its bucket's place is its end.
 */
static void
part_build_index(struct diff_part *part, unsigned skip)
{
    uint32_t *ends = part->index + 1, end = 0;
    size_t buckets;

    part->index_bits = 0;
    part->index_skip = skip;
    // Keys that differ only after 64 bits are found by steps alone.
    while (skip < 40 && part->index_bits < 22 && (size_t)2 << part->index_bits <= part->old_count)
        part->index_bits++;
    buckets = (size_t)1 << part->index_bits;
    memset(part->index, 0, (buckets + 1) * sizeof(*part->index));
    for (size_t i = 0; i < part->old_count; i++)
        ends[part_bucket(part, part->old[i].key)] = (uint32_t)i + 1;
    for (size_t bucket = 0; bucket < buckets; bucket++) {
        end = ends[bucket] > end ? ends[bucket] : end;
        ends[bucket] = end;
    }
    part_measure_index(part, buckets);
}

/* Behind the last entry, when there is none of a later partition. */
static void
part_put_sentinels(struct diff_part *part)
{
    for (size_t i = 0; i <= PART_WINDOW; i++)
        part->held[part->held_to + i] = (struct eff_entry){{UINT64_MAX, UINT64_MAX}, 0};
}

enum eff_fault
diff_part_start(struct diff_part *part, const struct eff_scatter_part *range, bool *ret_fits,
                struct eff_err *err)
{
    bool room = true;

    // What an earlier try at a wider range loaded is of use now, and what lies behind will be.
    part->held_from += part_below(part->held + part->held_from, part->held_to - part->held_from,
                                  range->first, false);
    part->items_count = 0;
    part->unchanged = 0;
    while (!part->cursor_done && room &&
           (part->held_from == part->held_to ||
            eff_hash128_cmp(part->held[part->held_to - 1].key, range->last) <= 0))
        EFF_TRY(part_load(part, &room, err));
    *ret_fits = room;
    if (!room)
        return EFF_OK;
    part->old = part->held + part->held_from;
    part->old_count = part_below(part->old, part->held_to - part->held_from, range->last, true);
    part_put_sentinels(part);
    memset(part->seen, PART_UNSEEN, part->old_count);
    part_build_index(part, range->bits);
    return EFF_OK;
}

/* By halves, and without a branch that depends on the key. */
static size_t
part_find_by_halves(const struct diff_part *part, uint64_t hi, size_t base)
{
    for (unsigned step = part->steps; step-- > 0;) {
        size_t next = base + ((size_t)1 << step);
        size_t probe = next <= part->old_count ? next - 1 : part->old_count;

        base = part->old[probe].key.hi < hi ? next : base;
    }
    return base;
}

/*
 * The first entry that is not below the key, from its bucket's start. A few
 * entries are compared at once, without a branch that depends on the key: while
 * one row is looked up, the memory of the next ones is on its way. What lies
 * behind the partition is larger than all keys in it.
 */
static inline size_t
part_find(const struct diff_part *part, struct eff_hash128 key, size_t base)
{
    const struct eff_entry *old = part->old;
    size_t count = part->old_count, below;

    if (__builtin_expect(part->steps != 0, false))
        base = part_find_by_halves(part, key.hi, base);
    do {
        below = 0;
        for (size_t i = 0; i < PART_WINDOW; i++)
            below += old[base + i].key.hi < key.hi;
        base += below;
    } while (__builtin_expect(below == PART_WINDOW, false));
    while (__builtin_expect(base < count && old[base].key.hi == key.hi && old[base].key.lo < key.lo,
                            false))
        base++;
    return base;
}

size_t
diff_part_find(const struct diff_part *part, struct eff_hash128 key)
{
    size_t at = part_find(part, key, part->index[part_bucket(part, key)]);

    if (at < part->old_count && eff_hash128_cmp(part->old[at].key, key) == 0)
        return at;
    return SIZE_MAX;
}

size_t
diff_part_unseen(const struct diff_part *part, size_t from)
{
    const unsigned char *at;

    if (from >= part->old_count)
        return part->old_count;
    at = memchr(part->seen + from, PART_UNSEEN, part->old_count - from);
    return at == NULL ? part->old_count : (size_t)(at - part->seen);
}

/* Two rows of one key become one item that counts them. */
static void
part_unite(struct eff_scatter_item *group, const struct eff_scatter_item *item)
{
    uint64_t rows = group->flags & DIFF_GROUP ? group->row : 1;

    group->row = rows + (item->flags & DIFF_GROUP ? item->row : 1);
    group->flags = DIFF_GROUP | ((group->flags | item->flags) & DIFF_TWIN);
    if (group->blob == EFF_SCATTER_NO_BLOB) {
        group->blob = item->blob;
        group->blob_len = item->blob_len;
    }
}

/* Sorts the items, one for each key. */
static void
part_reduce(struct diff_part *part)
{
    size_t kept = 0;

    eff_scatter_sort(part->items, part->items_count);
    for (size_t i = 0; i < part->items_count; i++) {
        if (kept > 0 && eff_hash128_cmp(part->items[kept - 1].key, part->items[i].key) == 0)
            part_unite(&part->items[kept - 1], &part->items[i]);
        else
            part->items[kept++] = part->items[i];
    }
    part->items_count = kept;
}

/* False when there is no room, not even after rows of one key were united. */
static bool
part_add(struct diff_part *part, const struct eff_scatter_item *item)
{
    if (part->items_count == part->items_max) {
        part_reduce(part);
        if (part->items_count > part->items_max / 2)
            return false;
    }
    part->items[part->items_count++] = *item;
    return true;
}

/* A row that is more than a tick: new, changed, invalid, or one of several. */
static bool
part_meet(struct diff_part *part, size_t at, const struct eff_scatter_item *item)
{
    if (at != SIZE_MAX && part->seen[at] == PART_UNCHANGED) {
        struct eff_scatter_item before = {.key = item->key,
                                          .row = part->old[at].row,
                                          .order = part->old[at].row,
                                          .blob = EFF_SCATTER_NO_BLOB};

        part->unchanged--;
        if (!part_add(part, &before))
            return false;
    }
    if (at != SIZE_MAX)
        part->seen[at] = PART_ITEMS;
    return part_add(part, item);
}

/* Rows without content; the loop that most rows of most runs go through, and nothing else. */
static bool
part_join_entries(struct diff_part *part, const struct eff_entry *entries, size_t count, bool keep)
{
    uint32_t base[PART_AHEAD];

    for (size_t from = 0; from < count; from += PART_AHEAD) {
        size_t some = count - from < PART_AHEAD ? count - from : PART_AHEAD;

        for (size_t i = 0; i < some; i++) {
            base[i] = part->index[part_bucket(part, entries[from + i].key)];
            __builtin_prefetch(&part->old[base[i]]);
        }
        for (size_t i = 0; i < some; i++) {
            const struct eff_entry *entry = &entries[from + i], *old;
            size_t at = part_find(part, entry->key, base[i]);
            struct eff_scatter_item item;

            old = &part->old[at];
            if (at < part->old_count && old->key.hi == entry->key.hi &&
                old->key.lo == entry->key.lo) {
                if (old->row == entry->row && part->seen[at] == PART_UNSEEN && !keep) {
                    part->seen[at] = PART_UNCHANGED;
                    part->unchanged++;
                    continue;
                }
            } else {
                at = SIZE_MAX;
            }
            item = (struct eff_scatter_item){.key = entry->key,
                                             .row = entry->row,
                                             .order = entry->row,
                                             .blob = EFF_SCATTER_NO_BLOB};
            if (!part_meet(part, at, &item))
                return false;
        }
    }
    return true;
}

static bool
part_join_item(struct diff_part *part, const struct eff_scatter_item *item, bool keep)
{
    size_t at = diff_part_find(part, item->key);

    if (!keep && at != SIZE_MAX && part->seen[at] == PART_UNSEEN && item->flags == 0 &&
        part->old[at].row == item->row) {
        part->seen[at] = PART_UNCHANGED;
        part->unchanged++;
        return true;
    }
    return part_meet(part, at, item);
}

enum eff_fault
diff_part_join(struct diff_part *part, struct eff_scatter *scatter, bool keep_unchanged,
               bool *ret_fits, struct eff_err *err)
{
    const struct eff_scatter_item *items;
    const struct eff_entry *entries;
    size_t count;

    *ret_fits = true;
    for (;;) {
        EFF_TRY(eff_scatter_entries(scatter, &count, &entries, err));
        if (count == 0)
            break;
        *ret_fits = part_join_entries(part, entries, count, keep_unchanged);
        if (!*ret_fits)
            return EFF_OK;
    }
    for (;;) {
        EFF_TRY(eff_scatter_items(scatter, &count, &items, err));
        if (count == 0)
            break;
        for (size_t i = 0; i < count && *ret_fits; i++)
            *ret_fits = part_join_item(part, &items[i], keep_unchanged);
        if (!*ret_fits)
            return EFF_OK;
    }
    part_reduce(part);
    return EFF_OK;
}
