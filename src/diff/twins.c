/*
 * diff/twins: which rows of one read have the same match value under different keys.
 */
#include "diff/twins.h"

#define TWINS_ITEMS_MIN ((size_t)256)

enum { /* flags of an item */
       TWINS_SILENT = 1,
       TWINS_SHARED = 2, /* stands for several keys, which were handed out */
};

struct eff_twins {
    struct eff_twins_config config;
    struct eff_scatter *scatter;
    struct eff_arena arena; /* once they are looked for */
    struct eff_scatter_item *items;
    size_t count, max;
    eff_twins_take take;
    void *self;
};

enum eff_fault
eff_twins_open(const struct eff_twins_config *config, struct eff_arena *run,
               struct eff_twins **ret_twins, struct eff_err *err)
{
    struct eff_twins *twins = eff_new(run, struct eff_twins, 1);
    struct eff_scatter_config scatter = {
        .os = config->os,
        .folder = config->scratch_folder,
        .memory_bytes = config->memory_bytes / 2,
        .records_expected = config->rows_expected > 0 ? (uint64_t)config->rows_expected : 0};

    twins->config = *config;
    EFF_TRY(eff_scatter_open(&scatter, run, &twins->scatter, err));
    *ret_twins = twins;
    return EFF_OK;
}

void
eff_twins_close(struct eff_twins *twins)
{
    if (twins == NULL)
        return;
    eff_scatter_close(twins->scatter);
    twins->scatter = NULL;
    eff_arena_deinit(&twins->arena);
}

/* The key of the item is the match value's hash; the row's key is in what else it holds. */
enum eff_fault
eff_twins_add(struct eff_twins *twins, struct eff_hash128 match, struct eff_hash128 key,
              bool silent, struct eff_err *err)
{
    struct eff_scatter_item item = {
        .key = match, .row = key.hi, .order = key.lo, .flags = silent ? TWINS_SILENT : 0};

    return eff_scatter_add_item(twins->scatter, &item, EFF_STR_NONE, err);
}

static bool
twins_are_one(const struct eff_scatter_item *a, const struct eff_scatter_item *b)
{
    return a->row == b->row && a->order == b->order;
}

static enum eff_fault
twins_hand_out(struct eff_twins *twins, const struct eff_scatter_item *item, struct eff_err *err)
{
    if (item->flags & (TWINS_SILENT | TWINS_SHARED))
        return EFF_OK;
    return twins->take(twins->self, (struct eff_hash128){item->row, item->order}, err);
}

/* Items from `from` to `to` have one match value: the first stays, for those that may still come. */
static enum eff_fault
twins_unite(struct eff_twins *twins, size_t from, size_t to, struct eff_err *err)
{
    struct eff_scatter_item *first = &twins->items[from];
    bool shared = first->flags & TWINS_SHARED;

    for (size_t i = from + 1; i < to; i++)
        shared = shared || twins->items[i].flags & TWINS_SHARED ||
                 !twins_are_one(&twins->items[i], first);
    for (size_t i = from; shared && i < to; i++)
        EFF_TRY(twins_hand_out(twins, &twins->items[i], err));
    for (size_t i = from + 1; !shared && i < to; i++)
        first->flags &= twins->items[i].flags; // a key that is silent in all of its rows
    if (shared)
        first->flags |= TWINS_SHARED;
    return EFF_OK;
}

/* Sorts what is there; one item for each match value remains. */
static enum eff_fault
twins_reduce(struct eff_twins *twins, struct eff_err *err)
{
    size_t kept = 0;

    eff_scatter_sort(twins->items, twins->count);
    for (size_t from = 0, to; from < twins->count; from = to) {
        for (to = from + 1; to < twins->count; to++)
            if (eff_hash128_cmp(twins->items[from].key, twins->items[to].key) != 0)
                break;
        if (to > from + 1)
            EFF_TRY(twins_unite(twins, from, to, err));
        twins->items[kept++] = twins->items[from];
    }
    twins->count = kept;
    return EFF_OK;
}

/* All items of the present partition; false when its values are more than the memory. */
static enum eff_fault
twins_load(struct eff_twins *twins, bool *ret_fits, struct eff_err *err)
{
    const struct eff_scatter_item *items;
    size_t count;

    *ret_fits = true;
    twins->count = 0;
    for (;;) {
        EFF_TRY(eff_scatter_items(twins->scatter, &count, &items, err));
        if (count == 0)
            return twins_reduce(twins, err);
        for (size_t i = 0; i < count; i++) {
            if (twins->count == twins->max) {
                EFF_TRY(twins_reduce(twins, err));
                *ret_fits = twins->count <= twins->max / 2;
                if (!*ret_fits)
                    return EFF_OK;
            }
            twins->items[twins->count++] = items[i];
        }
    }
}

enum eff_fault
eff_twins_find(struct eff_twins *twins, eff_twins_take take, void *self, struct eff_err *err)
{
    struct eff_scatter_part part;
    bool fits;

    twins->take = take;
    twins->self = self;
    twins->max = twins->config.memory_bytes / 2 / sizeof(*twins->items);
    if (twins->max < TWINS_ITEMS_MIN)
        twins->max = TWINS_ITEMS_MIN;
    eff_arena_init(&twins->arena, "twins", twins->max * sizeof(*twins->items) + ((size_t)1 << 20));
    twins->items = eff_new(&twins->arena, struct eff_scatter_item, twins->max);
    while (eff_scatter_next(twins->scatter, &part)) {
        EFF_TRY(twins_load(twins, &fits, err));
        if (!fits)
            EFF_TRY(eff_scatter_split(twins->scatter, err));
    }
    return EFF_OK;
}
