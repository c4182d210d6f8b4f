/*
 * diff/part: one partition of the read against the same range of the snapshot.
 *
 * The snapshot's entries are in memory, sorted, with an index over their key
 * bits; the rows of the read go by in any order and tick off what they meet.
 * Only what is not simply "there, unchanged, once" becomes an item, and only
 * items are sorted.
 */
#ifndef EFF_DIFF_PART_H
#define EFF_DIFF_PART_H

#include "state/scatter.h"
#include "state/snapshot.h"

enum {                   /* flags of an item */
       DIFF_INVALID = 1, /* the row cannot be sent */
       DIFF_GROUP = 2,   /* stands for `row` rows of one key: several, or marks and one */
       DIFF_TWIN = 4,    /* a mark: another key has the match value of this one */
};

enum { /* what the read said about an entry of the snapshot */
       PART_UNSEEN = 0,
       PART_UNCHANGED, /* one row, the same values, no item */
       PART_ITEMS,     /* items tell */
};

struct diff_part {
    struct eff_arena arena;
    struct eff_snapshot_cursor *cursor; /* NULL: no snapshot */
    const struct eff_entry *block;      /* of the cursor, not yet taken over */
    size_t block_count;
    bool cursor_done;

    struct eff_entry *held; /* entries that were read; PART_WINDOW more places */
    size_t held_from, held_to, held_max;
    const struct eff_entry *old; /* of this partition: held + held_from */
    size_t old_count;
    unsigned char *seen; /* PART_ of each */

    uint32_t *index; /* number of entries before each bucket of key bits */
    unsigned index_skip, index_bits;
    unsigned steps; /* 2^steps is more than the largest bucket; 0: all are small */

    struct eff_scatter_item *items;
    size_t items_count, items_max;
    uint64_t unchanged; /* entries in PART_UNCHANGED */
};

/* snapshot NULL: everything is new. memory_bytes: for all of the above. */
enum eff_fault diff_part_init(struct diff_part *part, struct eff_snapshot *snapshot,
                              size_t memory_bytes, struct eff_err *err);
void diff_part_deinit(struct diff_part *part);

/* The next range of keys; false: the snapshot's part of it is larger than the memory. */
enum eff_fault diff_part_start(struct diff_part *part, const struct eff_scatter_part *range,
                               bool *ret_fits, struct eff_err *err);
/*
 * All rows of the present partition. keep_unchanged: an unchanged row becomes an item too (its
 * hash or its columns must follow). False: more items than memory; start again with a part of it.
 */
enum eff_fault diff_part_join(struct diff_part *part, struct eff_scatter *scatter,
                              bool keep_unchanged, bool *ret_fits, struct eff_err *err);
/* Position of the key among old, or SIZE_MAX. */
size_t diff_part_find(const struct diff_part *part, struct eff_hash128 key);
/* The first entry from `from` on that no row met, or old_count. */
size_t diff_part_unseen(const struct diff_part *part, size_t from);

#endif
