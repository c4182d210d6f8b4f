/*
 * state/scatter: records by key hash, in partitions, on disk where memory is short.
 *
 * Partitions form levels. Level 0 is all of it, in memory. Level 1 takes over
 * when that is full; further levels come from eff_scatter_split. A level lives
 * in an arena of its own, given back when its last partition was read.
 *
 * A partition has three lanes: entries, items and the bytes of items. Each lane
 * is a list of extents in the file and the buffer with its end. Bytes are named
 * by their position in their partition's lane; they stay in the level where they
 * were written when records are split further.
 */
#include "state/scatter.h"

#include <assert.h>

enum scatter_lane_id { LANE_ENTRIES, LANE_ITEMS, LANE_BYTES, LANES };

#define SCATTER_LEVELS_MAX   40 /* level 0, and 4 of 128 bits at least for each of the others */
#define SCATTER_BITS_MIN     4
#define SCATTER_BITS_MAX     10
#define SCATTER_PART_RECORDS ((uint64_t)1 << 18) /* aimed at: 6 MiB of entries */
#define SCATTER_BUFFER_MIN   ((size_t)4 << 10)
#define SCATTER_BUFFER_MAX   ((size_t)32 << 10)

struct scatter_extent {
    struct scatter_extent *next;
    uint64_t offset; /* in the file */
    uint64_t start;  /* in the lane */
    uint64_t len;
};

struct scatter_lane {
    char *buf; /* NULL until the first record */
    struct scatter_extent *first, *last;
    uint64_t flushed; /* bytes in the file */
};

struct scatter_level {
    unsigned skip, bits;
    size_t part; /* being read */
    size_t cap[LANES];
    struct eff_scatter_slot *slots[LANES];
    struct scatter_lane *lanes[LANES];
    struct eff_arena arena;
};

struct scatter_reading { /* of one lane of the present partition */
    const struct scatter_extent *extent;
    bool started, done;
};

struct eff_scatter {
    struct eff_scatter_front front; /* of the level that is added to; first */
    struct eff_scatter_config config;
    struct eff_file *file;
    uint64_t file_end;
    struct scatter_level levels[SCATTER_LEVELS_MAX];
    size_t depth;      /* index of the deepest level */
    size_t blob_level; /* where the bytes are */
    bool reading;
    struct scatter_reading lanes[LANES];
    struct eff_arena buffers; /* for reading */
    char *blocks[LANES];
    struct eff_buf one;     /* bytes of one item that are not in blocks[LANE_BYTES] */
    size_t bytes_part;      /* of level blob_level, whose bytes are loaded; SIZE_MAX: none */
    struct eff_arena index; /* its extents as an array, when they are not loaded */
    const struct scatter_extent **extents;
    size_t extents_count;
};

static const size_t scatter_record[LANES] = {sizeof(struct eff_entry),
                                             sizeof(struct eff_scatter_item), 1};

static size_t
scatter_parts(const struct scatter_level *level)
{
    return (size_t)1 << level->bits;
}

static inline size_t
scatter_index(const struct scatter_level *level, struct eff_hash128 key)
{
    unsigned __int128 bits = (unsigned __int128)key.hi << 64 | key.lo;

    if (level->bits == 0)
        return 0;
    return (size_t)((uint64_t)(bits << level->skip >> 64) >> (64 - level->bits));
}

/* Room for `parts` partitions' bookkeeping, all of their buffers, and extents. */
static size_t
scatter_level_budget(const struct scatter_level *level)
{
    size_t parts = scatter_parts(level), bytes = (size_t)1 << 20;

    for (int lane = 0; lane < LANES; lane++)
        bytes += parts * (level->cap[lane] + 128 + sizeof(struct scatter_lane) +
                          sizeof(struct eff_scatter_slot));
    // 32 bytes per extent; reserved addresses cost nothing until they are used.
    return level->bits == 0 ? bytes : bytes + ((size_t)64 << 20);
}

static void
scatter_level_init(struct scatter_level *level)
{
    eff_arena_init(&level->arena, "scatter", scatter_level_budget(level));
    for (int lane = 0; lane < LANES; lane++) {
        level->slots[lane] = eff_new(&level->arena, struct eff_scatter_slot, scatter_parts(level));
        level->lanes[lane] = eff_new(&level->arena, struct scatter_lane, scatter_parts(level));
    }
}

static void
scatter_set_entries(struct eff_scatter *scatter)
{
    scatter->front.entry_slots = scatter->levels[scatter->depth].slots[LANE_ENTRIES];
    scatter->front.entry_shift = 63 - scatter->levels[scatter->depth].bits;
}

/* A level below the present one, with about SCATTER_PART_RECORDS per partition. */
static void
scatter_level_add(struct eff_scatter *scatter, uint64_t records)
{
    const struct scatter_level *above = &scatter->levels[scatter->depth];
    struct scatter_level *level = &scatter->levels[++scatter->depth];
    size_t room = scatter->config.memory_bytes / 2, parts, each;

    assert(scatter->depth < SCATTER_LEVELS_MAX);
    *level = (struct scatter_level){.skip = above->skip + above->bits, .bits = SCATTER_BITS_MIN};
    assert(level->skip < 128);
    while (level->bits < SCATTER_BITS_MAX && records >> level->bits > SCATTER_PART_RECORDS &&
           room / 2 >> (level->bits + 1) >= SCATTER_BUFFER_MIN)
        level->bits++;
    if (level->bits > 128 - level->skip)
        level->bits = 128 - level->skip;
    parts = scatter_parts(level);
    for (int lane = 0; lane < LANES; lane++) {
        each = room / parts / (lane == LANE_ENTRIES ? 2 : 4);
        each = each > SCATTER_BUFFER_MAX ? SCATTER_BUFFER_MAX : each;
        each = each < SCATTER_BUFFER_MIN ? SCATTER_BUFFER_MIN : each;
        level->cap[lane] = each / scatter_record[lane] * scatter_record[lane];
    }
    scatter_level_init(level);
    if (level->skip == 0)
        scatter_set_entries(scatter);
}

enum eff_fault
eff_scatter_open(const struct eff_scatter_config *config, struct eff_arena *arena,
                 struct eff_scatter **ret_scatter, struct eff_err *err)
{
    struct eff_scatter *scatter = eff_new(arena, struct eff_scatter, 1);
    size_t each = config->memory_bytes / 4;

    (void)err;
    scatter->config = *config;
    scatter->bytes_part = SIZE_MAX;
    for (int lane = 0; lane < LANES; lane++)
        scatter->levels[0].cap[lane] = each / scatter_record[lane] * scatter_record[lane];
    scatter_level_init(&scatter->levels[0]);
    scatter_set_entries(scatter);
    // A copy through memory of what will surely not fit would be for nothing.
    if (config->records_expected > each / sizeof(struct eff_entry)) {
        scatter_level_add(scatter, config->records_expected);
        scatter->blob_level = 1;
    }
    *ret_scatter = scatter;
    return EFF_OK;
}

void
eff_scatter_close(struct eff_scatter *scatter)
{
    if (scatter == NULL)
        return;
    for (size_t i = 0; i < SCATTER_LEVELS_MAX; i++)
        eff_arena_deinit(&scatter->levels[i].arena);
    eff_arena_deinit(&scatter->buffers);
    eff_arena_deinit(&scatter->index);
    eff_buf_free(&scatter->one);
    scatter->config.os->close(scatter->file);
    scatter->file = NULL;
    scatter->depth = 0;
}

/* One extent at the end of the file. */
static enum eff_fault
scatter_write(struct eff_scatter *scatter, struct scatter_level *level, struct scatter_lane *lane,
              const char *ptr, size_t len, struct eff_err *err)
{
    struct eff_os *os = scatter->config.os;
    struct scatter_extent *extent =
        eff_arena_try(&level->arena, sizeof(*extent), alignof(struct scatter_extent), 1);

    if (extent == NULL)
        return EFF_FAIL(err, EFF_BROKEN, "one run's scratch file has too many parts (%zu bytes)",
                        (size_t)scatter->file_end);
    if (scatter->file == NULL && os->open(os->self, scatter->config.folder,
                                          EFF_OPEN_UNNAMED | EFF_OPEN_CREATE | EFF_OPEN_WRITE,
                                          &scatter->file, err) != EFF_OK)
        return eff_err_while(err, "making a scratch file");
    if (os->write(scatter->file, scatter->file_end, ptr, len, err) != EFF_OK) {
        eff_err_hint(err, "Free some disk space; the next run starts over from what is recorded.");
        return eff_err_while(err, "writing a scratch file");
    }
    *extent =
        (struct scatter_extent){.offset = scatter->file_end, .start = lane->flushed, .len = len};
    if (lane->last != NULL)
        lane->last->next = extent;
    else
        lane->first = extent;
    lane->last = extent;
    lane->flushed += len;
    scatter->file_end += len;
    return EFF_OK;
}

static enum eff_fault
scatter_flush(struct eff_scatter *scatter, struct scatter_level *level, int lane, size_t part,
              struct eff_err *err)
{
    struct eff_scatter_slot *slot = &level->slots[lane][part];
    struct scatter_lane *cold = &level->lanes[lane][part];

    if (cold->buf == NULL) {
        cold->buf = eff_new(&level->arena, char, (level->cap[lane] + 63) & ~(size_t)63);
        slot->end = cold->buf + level->cap[lane];
    } else if (slot->at > cold->buf) {
        EFF_TRY(
            scatter_write(scatter, level, cold, cold->buf, (size_t)(slot->at - cold->buf), err));
    }
    slot->at = cold->buf;
    return EFF_OK;
}

static inline enum eff_fault
scatter_put(struct eff_scatter *scatter, struct scatter_level *level, int lane, size_t part,
            const void *record, size_t len, struct eff_err *err)
{
    struct eff_scatter_slot *slot = &level->slots[lane][part];

    if (__builtin_expect((size_t)(slot->end - slot->at) < len, false))
        EFF_TRY(scatter_flush(scatter, level, lane, part, err));
    memcpy(slot->at, record, len);
    slot->at += len;
    return EFF_OK;
}

/* Bytes into their lane; ones larger than a buffer are an extent of their own. */
static enum eff_fault
scatter_put_bytes(struct eff_scatter *scatter, struct scatter_level *level, size_t part,
                  struct eff_scatter_item *item, eff_str bytes, struct eff_err *err)
{
    struct eff_scatter_slot *slot = &level->slots[LANE_BYTES][part];
    struct scatter_lane *cold = &level->lanes[LANE_BYTES][part];

    item->blob_len = (uint32_t)bytes.len;
    if ((size_t)(slot->end - slot->at) < bytes.len || cold->buf == NULL)
        EFF_TRY(scatter_flush(scatter, level, LANE_BYTES, part, err));
    if (bytes.len > level->cap[LANE_BYTES]) {
        item->blob = cold->flushed;
        return scatter_write(scatter, level, cold, bytes.ptr, bytes.len, err);
    }
    item->blob = cold->flushed + (size_t)(slot->at - cold->buf);
    if (bytes.len > 0)
        memcpy(slot->at, bytes.ptr, bytes.len);
    slot->at += bytes.len;
    return EFF_OK;
}

static enum eff_fault
scatter_put_item(struct eff_scatter *scatter, struct scatter_level *level, size_t part,
                 struct eff_scatter_item *item, eff_str bytes, struct eff_err *err)
{
    item->blob = EFF_SCATTER_NO_BLOB;
    item->blob_len = 0;
    if (bytes.ptr != NULL)
        EFF_TRY(scatter_put_bytes(scatter, level, part, item, bytes, err));
    return scatter_put(scatter, level, LANE_ITEMS, part, item, sizeof(*item), err);
}

static bool
scatter_fits(const struct scatter_level *level, int lane, size_t len)
{
    const struct eff_scatter_slot *slot = &level->slots[lane][0];

    if (level->lanes[lane][0].buf == NULL)
        return len <= level->cap[lane];
    return (size_t)(slot->end - slot->at) >= len;
}

static const void *
scatter_held(const struct scatter_level *level, int lane, size_t *ret_count)
{
    const struct scatter_lane *cold = &level->lanes[lane][0];

    *ret_count = cold->buf == NULL
                     ? 0
                     : (size_t)(level->slots[lane][0].at - cold->buf) / scatter_record[lane];
    return cold->buf;
}

static uint64_t
scatter_lane_bytes(const struct scatter_level *level, int lane, size_t part)
{
    const struct scatter_lane *cold = &level->lanes[lane][part];

    return cold->flushed +
           (cold->buf == NULL ? 0 : (uint64_t)(level->slots[lane][part].at - cold->buf));
}

/* Memory is full: what level 0 holds goes into level 1. */
static enum eff_fault
scatter_spill(struct eff_scatter *scatter, struct eff_err *err)
{
    struct scatter_level *from = &scatter->levels[0], *to = &scatter->levels[1];
    const struct eff_scatter_item *items;
    const struct eff_entry *entries;
    const char *bytes = from->lanes[LANE_BYTES][0].buf;
    size_t count;
    // Nobody knows how many will come; too many partitions cost less than too few.
    uint64_t expected =
        64 * (scatter_lane_bytes(from, LANE_ENTRIES, 0) / scatter_record[LANE_ENTRIES] +
              scatter_lane_bytes(from, LANE_ITEMS, 0) / scatter_record[LANE_ITEMS]);

    if (scatter->config.records_expected > expected)
        expected = scatter->config.records_expected;
    scatter_level_add(scatter, expected);
    scatter->blob_level = 1;
    entries = scatter_held(from, LANE_ENTRIES, &count);
    for (size_t i = 0; i < count; i++)
        EFF_TRY(scatter_put(scatter, to, LANE_ENTRIES, scatter_index(to, entries[i].key),
                            &entries[i], sizeof(entries[i]), err));
    items = scatter_held(from, LANE_ITEMS, &count);
    for (size_t i = 0; i < count; i++) {
        struct eff_scatter_item item = items[i];
        eff_str content = EFF_STR_NONE;

        if (item.blob != EFF_SCATTER_NO_BLOB)
            content = (eff_str){bytes + item.blob, item.blob_len};
        EFF_TRY(scatter_put_item(scatter, to, scatter_index(to, item.key), &item, content, err));
    }
    eff_arena_deinit(&from->arena);
    return EFF_OK;
}

/* A buffer goes to the file, or all of memory into partitions. */
enum eff_fault
eff_scatter_make_room(struct eff_scatter *scatter, struct eff_hash128 key, struct eff_err *err)
{
    struct scatter_level *level = &scatter->levels[scatter->depth];
    const struct eff_scatter_slot *slot;
    size_t part;

    assert(!scatter->reading);
    if (scatter->depth == 0 && !scatter_fits(level, LANE_ENTRIES, sizeof(struct eff_entry))) {
        EFF_TRY(scatter_spill(scatter, err));
        level = &scatter->levels[1];
    }
    part = scatter_index(level, key);
    slot = &level->slots[LANE_ENTRIES][part];
    if ((size_t)(slot->end - slot->at) >= sizeof(struct eff_entry))
        return EFF_OK; // the spill left room there
    return scatter_flush(scatter, level, LANE_ENTRIES, part, err);
}

enum eff_fault
eff_scatter_add_item(struct eff_scatter *scatter, struct eff_scatter_item *item, eff_str bytes,
                     struct eff_err *err)
{
    struct scatter_level *level;

    assert(!scatter->reading);
    if (bytes.len > UINT32_MAX)
        return EFF_FAIL(err, EFF_ROW, "a row of %zu bytes is larger than 4 GiB", bytes.len);
    if (scatter->depth == 0 && (!scatter_fits(&scatter->levels[0], LANE_ITEMS, sizeof(*item)) ||
                                !scatter_fits(&scatter->levels[0], LANE_BYTES, bytes.len)))
        EFF_TRY(scatter_spill(scatter, err));
    level = &scatter->levels[scatter->depth];
    return scatter_put_item(scatter, level, scatter_index(level, item->key), item, bytes, err);
}

static struct eff_scatter_part
scatter_part(const struct eff_scatter *scatter)
{
    const struct scatter_level *level = &scatter->levels[scatter->depth];
    unsigned bits = level->skip + level->bits;
    unsigned __int128 first = 0, rest = bits == 128 ? 0 : ~(unsigned __int128)0 >> bits;

    for (size_t i = 0; i <= scatter->depth; i++) {
        unsigned low = 128 - scatter->levels[i].skip - scatter->levels[i].bits;

        if (scatter->levels[i].bits > 0)
            first |= (unsigned __int128)scatter->levels[i].part << low;
    }
    return (struct eff_scatter_part){
        .first = {(uint64_t)(first >> 64), (uint64_t)first},
        .last = {(uint64_t)((first | rest) >> 64), (uint64_t)(first | rest)},
        .bits = bits,
        .entries = scatter_lane_bytes(level, LANE_ENTRIES, level->part) / sizeof(struct eff_entry),
        .items =
            scatter_lane_bytes(level, LANE_ITEMS, level->part) / sizeof(struct eff_scatter_item),
    };
}

/* To the next partition that was not replaced by others; false when there is none. */
static bool
scatter_advance(struct eff_scatter *scatter)
{
    for (;;) {
        struct scatter_level *level = &scatter->levels[scatter->depth];

        if (++level->part < scatter_parts(level))
            return true;
        if (scatter->depth == 0)
            return false;
        if (scatter->depth != scatter->blob_level)
            eff_arena_deinit(&level->arena);
        scatter->depth--;
    }
}

bool
eff_scatter_next(struct eff_scatter *scatter, struct eff_scatter_part *ret_part)
{
    if (!scatter->reading) {
        scatter->reading = true;
        eff_arena_init(&scatter->buffers, "scatter blocks",
                       2 * SCATTER_BUFFER_MAX + scatter->config.memory_bytes / 4 + 4096);
    } else if (!scatter_advance(scatter)) {
        return false;
    }
    memset(scatter->lanes, 0, sizeof(scatter->lanes));
    *ret_part = scatter_part(scatter);
    return true;
}

static enum eff_fault
scatter_read_at(struct eff_scatter *scatter, uint64_t offset, void *ptr, size_t len,
                struct eff_err *err)
{
    size_t got;

    if (scatter->config.os->read(scatter->file, offset, ptr, len, &got, err) != EFF_OK)
        return eff_err_while(err, "reading a scratch file");
    if (got != len)
        return EFF_FAIL(err, EFF_BROKEN, "the scratch file ends at byte %zu, before its time",
                        (size_t)offset + got);
    return EFF_OK;
}

/* The next block of a lane: its extents, then what is still in the buffer. */
static enum eff_fault
scatter_block(struct eff_scatter *scatter, int lane, size_t *ret_count, const void **ret_block,
              struct eff_err *err)
{
    const struct scatter_level *level = &scatter->levels[scatter->depth];
    const struct scatter_lane *cold = &level->lanes[lane][level->part];
    struct scatter_reading *at = &scatter->lanes[lane];

    if (!at->started) {
        at->started = true;
        at->extent = cold->first;
    }
    *ret_count = 0;
    if (at->extent != NULL) {
        if (scatter->blocks[lane] == NULL)
            scatter->blocks[lane] = eff_new(&scatter->buffers, char, SCATTER_BUFFER_MAX);
        EFF_TRY(scatter_read_at(scatter, at->extent->offset, scatter->blocks[lane], at->extent->len,
                                err));
        *ret_block = scatter->blocks[lane];
        *ret_count = at->extent->len / scatter_record[lane];
        at->extent = at->extent->next;
    } else if (!at->done && cold->buf != NULL) {
        *ret_block = cold->buf;
        *ret_count =
            (size_t)(level->slots[lane][level->part].at - cold->buf) / scatter_record[lane];
        at->done = true;
    }
    return EFF_OK;
}

enum eff_fault
eff_scatter_entries(struct eff_scatter *scatter, size_t *ret_count,
                    const struct eff_entry **ret_entries, struct eff_err *err)
{
    const void *block = NULL;

    EFF_TRY(scatter_block(scatter, LANE_ENTRIES, ret_count, &block, err));
    *ret_entries = block;
    return EFF_OK;
}

enum eff_fault
eff_scatter_items(struct eff_scatter *scatter, size_t *ret_count,
                  const struct eff_scatter_item **ret_items, struct eff_err *err)
{
    const void *block = NULL;

    EFF_TRY(scatter_block(scatter, LANE_ITEMS, ret_count, &block, err));
    *ret_items = block;
    return EFF_OK;
}

static enum eff_fault
scatter_split_entries(struct eff_scatter *scatter, struct scatter_level *to, struct eff_err *err)
{
    const struct eff_entry *entries;
    size_t count;

    for (;;) {
        EFF_TRY(eff_scatter_entries(scatter, &count, &entries, err));
        if (count == 0)
            return EFF_OK;
        for (size_t i = 0; i < count; i++)
            EFF_TRY(scatter_put(scatter, to, LANE_ENTRIES, scatter_index(to, entries[i].key),
                                &entries[i], sizeof(entries[i]), err));
    }
}

static enum eff_fault
scatter_split_items(struct eff_scatter *scatter, struct scatter_level *to, struct eff_err *err)
{
    const struct eff_scatter_item *items;
    size_t count;

    for (;;) {
        EFF_TRY(eff_scatter_items(scatter, &count, &items, err));
        if (count == 0)
            return EFF_OK;
        for (size_t i = 0; i < count; i++)
            EFF_TRY(scatter_put(scatter, to, LANE_ITEMS, scatter_index(to, items[i].key), &items[i],
                                sizeof(items[i]), err));
    }
}

enum eff_fault
eff_scatter_split(struct eff_scatter *scatter, struct eff_err *err)
{
    struct eff_scatter_part part = scatter_part(scatter);
    struct scatter_level *to = &scatter->levels[scatter->depth + 1];
    enum eff_fault fault;

    assert(scatter->reading);
    if (part.bits >= 128 || scatter->depth + 1 == SCATTER_LEVELS_MAX)
        return EFF_FAIL(err, EFF_BROKEN, "a partition of one key cannot be split");
    scatter_level_add(scatter, part.entries + part.items);
    to->part = SIZE_MAX; // `next` steps to the first
    scatter->depth--;    // what is read is still the level above
    memset(scatter->lanes, 0, sizeof(scatter->lanes));
    fault = scatter_split_entries(scatter, to, err);
    if (fault == EFF_OK)
        fault = scatter_split_items(scatter, to, err);
    scatter->depth++;
    return fault;
}

/* The bytes of a whole partition into memory; false when they are too many. */
static enum eff_fault
scatter_load_bytes(struct eff_scatter *scatter, const struct scatter_level *level, size_t part,
                   bool *ret_loaded, struct eff_err *err)
{
    const struct scatter_lane *cold = &level->lanes[LANE_BYTES][part];
    uint64_t len = scatter_lane_bytes(level, LANE_BYTES, part);
    char *block;

    *ret_loaded = len <= scatter->config.memory_bytes / 4;
    if (!*ret_loaded)
        return EFF_OK;
    if (scatter->blocks[LANE_BYTES] == NULL)
        scatter->blocks[LANE_BYTES] =
            eff_new(&scatter->buffers, char, scatter->config.memory_bytes / 4);
    block = scatter->blocks[LANE_BYTES];
    for (const struct scatter_extent *extent = cold->first; extent != NULL; extent = extent->next)
        EFF_TRY(scatter_read_at(scatter, extent->offset, block + extent->start, extent->len, err));
    memcpy(block + cold->flushed, cold->buf, len - cold->flushed); // what is not in the file yet
    return EFF_OK;
}

static void
scatter_index_bytes(struct eff_scatter *scatter, const struct scatter_lane *lane)
{
    size_t count = 0;

    for (const struct scatter_extent *extent = lane->first; extent != NULL; extent = extent->next)
        count++;
    eff_arena_deinit(&scatter->index);
    eff_arena_init(&scatter->index, "scatter index", (count + 1) * sizeof(void *) + 64);
    scatter->extents = eff_new(&scatter->index, const struct scatter_extent *, count + 1);
    scatter->extents_count = count;
    count = 0;
    for (const struct scatter_extent *extent = lane->first; extent != NULL; extent = extent->next)
        scatter->extents[count++] = extent;
}

/* Too many bytes to load: each item's are read alone. */
static enum eff_fault
scatter_read_one(struct eff_scatter *scatter, const struct eff_scatter_item *item,
                 eff_str *ret_bytes, struct eff_err *err)
{
    size_t low = 0, high = scatter->extents_count;
    char *to;

    while (high - low > 1) { // the last extent that starts at or before the bytes
        size_t middle = low + (high - low) / 2;

        if (scatter->extents[middle]->start <= item->blob)
            low = middle;
        else
            high = middle;
    }
    if (scatter->one.cap > scatter->config.memory_bytes / 8) // one huge row must not stay
        eff_buf_free(&scatter->one);
    eff_buf_reset(&scatter->one);
    scatter->one.max = SIZE_MAX / 4;
    to = eff_buf_reserve(&scatter->one, item->blob_len + (size_t)1);
    if (to == NULL)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory for a row of %u bytes", item->blob_len);
    EFF_TRY(scatter_read_at(
        scatter, scatter->extents[low]->offset + item->blob - scatter->extents[low]->start, to,
        item->blob_len, err));
    *ret_bytes = (eff_str){to, item->blob_len};
    return EFF_OK;
}

enum eff_fault
eff_scatter_blob(struct eff_scatter *scatter, const struct eff_scatter_item *item,
                 eff_str *ret_bytes, struct eff_err *err)
{
    const struct scatter_level *level = &scatter->levels[scatter->blob_level];
    size_t part = scatter_index(level, item->key);
    const struct scatter_lane *lane = &level->lanes[LANE_BYTES][part];
    bool loaded;

    *ret_bytes = EFF_STR_NONE;
    if (item->blob == EFF_SCATTER_NO_BLOB)
        return EFF_OK;
    if (item->blob >= lane->flushed) { // never left its buffer
        *ret_bytes = (eff_str){lane->buf + (item->blob - lane->flushed), item->blob_len};
        return EFF_OK;
    }
    if (scatter->bytes_part != part) {
        scatter->bytes_part = SIZE_MAX;
        scatter->extents_count = 0;
        EFF_TRY(scatter_load_bytes(scatter, level, part, &loaded, err));
        if (!loaded)
            scatter_index_bytes(scatter, lane);
        scatter->bytes_part = part;
    }
    if (scatter->extents_count > 0)
        return scatter_read_one(scatter, item, ret_bytes, err);
    *ret_bytes = (eff_str){scatter->blocks[LANE_BYTES] + item->blob, item->blob_len};
    return EFF_OK;
}
