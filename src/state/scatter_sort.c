/*
 * state/scatter_sort: items by key hash, in place.
 *
 * Key hashes are evenly spread, so two passes over bytes of the key leave groups
 * of a handful. A byte that is the same in all items is passed over, which keeps
 * hostile keys and one key a million times linear: 24 bytes is the deepest.
 */
#include "state/scatter.h"

#define SORT_DEPTH_MAX 24
#define SORT_SMALL     24

static inline bool
sort_before(const struct eff_scatter_item *a, const struct eff_scatter_item *b)
{
    if (a->key.hi != b->key.hi)
        return a->key.hi < b->key.hi;
    if (a->key.lo != b->key.lo)
        return a->key.lo < b->key.lo;
    return a->order < b->order;
}

static inline unsigned
sort_byte(const struct eff_scatter_item *item, unsigned depth)
{
    uint64_t word = depth < 8 ? item->key.hi : depth < 16 ? item->key.lo : item->order;

    return (unsigned)(word >> (56 - 8 * (depth & 7))) & 255;
}

static void
sort_small(struct eff_scatter_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct eff_scatter_item item = items[i];
        size_t j = i;

        for (; j > 0 && sort_before(&item, &items[j - 1]); j--)
            items[j] = items[j - 1];
        items[j] = item;
    }
}

/* Moves each item into the range of its byte, cycle by cycle; at[] are the starts, end[] the ends. */
static void
sort_permute(struct eff_scatter_item *items, unsigned depth, size_t at[256], const size_t end[256])
{
    for (unsigned bucket = 0; bucket < 256; bucket++) {
        while (at[bucket] < end[bucket]) {
            struct eff_scatter_item item = items[at[bucket]];
            unsigned to = sort_byte(&item, depth);

            while (to != bucket) {
                struct eff_scatter_item other = items[at[to]];

                items[at[to]++] = item;
                item = other;
                to = sort_byte(&item, depth);
            }
            items[at[bucket]++] = item;
        }
    }
}

static void
sort_bytes(struct eff_scatter_item *items, size_t count, unsigned depth)
{
    size_t at[256], end[256], sum = 0;

    for (;; depth++) {
        if (count <= SORT_SMALL) {
            sort_small(items, count);
            return;
        }
        if (depth == SORT_DEPTH_MAX)
            return;
        memset(end, 0, sizeof(end));
        for (size_t i = 0; i < count; i++)
            end[sort_byte(&items[i], depth)]++;
        if (end[sort_byte(&items[0], depth)] != count)
            break;
    }
    for (unsigned i = 0; i < 256; i++) {
        at[i] = sum;
        sum += end[i];
        end[i] = sum;
    }
    sort_permute(items, depth, at, end);
    for (unsigned i = 0; i < 256; i++) {
        size_t from = i == 0 ? 0 : end[i - 1];

        if (end[i] - from > 1)
            sort_bytes(items + from, end[i] - from, depth + 1);
    }
}

void
eff_scatter_sort(struct eff_scatter_item *items, size_t count)
{
    sort_bytes(items, count, 0);
}
