/*
 * state/scatter: records by key hash, in partitions, on disk where memory is short.
 *
 * What the diff reads and what the snapshot writer is told comes in any order
 * and any number. While it is little it stays in memory as one partition. Beyond
 * that, each partition (the next bits of the key hash) has a buffer, and full
 * buffers go to one scratch file without a name. Then partitions are read in key
 * order; one that proves too big is split by further bits, as often as it takes.
 *
 * Records of two sizes, so that the many unchanged rows cost 24 bytes: entries,
 * and items, which may carry bytes. Nothing here is kept between runs.
 */
#ifndef EFF_STATE_SCATTER_H
#define EFF_STATE_SCATTER_H

#include "os/os.h"
#include "state/snapshot.h"

#define EFF_SCATTER_NO_BLOB UINT64_MAX

struct eff_scatter_item {
    struct eff_hash128 key;
    uint64_t row;
    uint64_t order; /* items are sorted by key, then by this */
    uint64_t blob;  /* set by the scatter: where its bytes are, or EFF_SCATTER_NO_BLOB */
    uint32_t blob_len;
    uint32_t flags; /* the caller's */
};

_Static_assert(sizeof(struct eff_scatter_item) == 48, "items are 48 bytes");

struct eff_scatter_config {
    struct eff_os *os;
    const char *folder;        /* for the scratch file; terminated, borrowed */
    size_t memory_bytes;       /* for what is held without a file, then for buffers */
    uint64_t records_expected; /* a guess that decides how many partitions there are; 0: none */
};

struct eff_scatter;

/* The partition being read: keys from first to last, both included. */
struct eff_scatter_part {
    struct eff_hash128 first, last;
    unsigned bits; /* leading bits that are the same in all its keys */
    uint64_t entries, items;
};

/* The smallest of three quarters of memory_bytes is used before a file is opened. */
enum eff_fault eff_scatter_open(const struct eff_scatter_config *config, struct eff_arena *arena,
                                struct eff_scatter **ret_scatter, struct eff_err *err);
/* The front of struct eff_scatter, here for the calls that each row makes. */
struct eff_scatter_slot { /* where a partition's next record goes */
    char *at, *end;
};

struct eff_scatter_front {
    struct eff_scatter_slot *entry_slots; /* of the partitions */
    unsigned entry_shift;                 /* from half of key.hi to their index */
};

static inline struct eff_scatter_slot *
eff_scatter_entry_slot(const struct eff_scatter *scatter, struct eff_hash128 key)
{
    const struct eff_scatter_front *front = (const struct eff_scatter_front *)(const void *)scatter;

    return &front->entry_slots[key.hi >> 1 >> front->entry_shift];
}

/*
 * Keeps gcc 12 from moving a pair of registers into a vector register by way of
 * memory: it stores two halves and loads the whole, which the processor cannot
 * forward. That stall was a third of the time of adding a row.
 */
static inline uint64_t
eff_scatter_in_register(uint64_t word)
{
    __asm__("" : "+r"(word));
    return word;
}

/* When the slot is full. */
enum eff_fault eff_scatter_make_room(struct eff_scatter *scatter, struct eff_hash128 key,
                                     struct eff_err *err);

static inline enum eff_fault
eff_scatter_add_entry(struct eff_scatter *scatter, struct eff_hash128 key, uint64_t row,
                      struct eff_err *err)
{
    struct eff_scatter_slot *slot = eff_scatter_entry_slot(scatter, key);
    struct eff_entry *to;

    if (__builtin_expect((size_t)(slot->end - slot->at) < sizeof(*to), false)) {
        EFF_TRY(eff_scatter_make_room(scatter, key, err));
        slot = eff_scatter_entry_slot(scatter, key);
    }
    to = (struct eff_entry *)(void *)slot->at;
    to->key.hi = eff_scatter_in_register(key.hi);
    to->key.lo = eff_scatter_in_register(key.lo);
    to->row = row;
    slot->at = (char *)(to + 1);
    return EFF_OK;
}

/* Optional, some rows ahead: fetches the place where an entry of this key will be put. */
static inline void
eff_scatter_prefetch(const struct eff_scatter *scatter, struct eff_hash128 key)
{
    __builtin_prefetch(eff_scatter_entry_slot(scatter, key)->at, 1);
}

/* blob and blob_len of item are set from bytes; ptr == NULL: it has none. */
enum eff_fault eff_scatter_add_item(struct eff_scatter *scatter, struct eff_scatter_item *item,
                                    eff_str bytes, struct eff_err *err);

/* The next partition in key order; false after the last. Nothing can be added any more. */
bool eff_scatter_next(struct eff_scatter *scatter, struct eff_scatter_part *ret_part);
/* Blocks of the partition's records in the order they came; count 0 at the end. */
enum eff_fault eff_scatter_entries(struct eff_scatter *scatter, size_t *ret_count,
                                   const struct eff_entry **ret_entries, struct eff_err *err);
enum eff_fault eff_scatter_items(struct eff_scatter *scatter, size_t *ret_count,
                                 const struct eff_scatter_item **ret_items, struct eff_err *err);
/* Instead of the present partition, `next` gives 16 to 1,024 smaller ones. */
enum eff_fault eff_scatter_split(struct eff_scatter *scatter, struct eff_err *err);
/*
 * The bytes of an item of the present partition; EFF_STR_NONE when it has none.
 * They live until the next call of eff_scatter_blob or eff_scatter_next.
 */
enum eff_fault eff_scatter_blob(struct eff_scatter *scatter, const struct eff_scatter_item *item,
                                eff_str *ret_bytes, struct eff_err *err);
void eff_scatter_close(struct eff_scatter *scatter); /* NULL is fine */

/* In place, by key and order. */
void eff_scatter_sort(struct eff_scatter_item *items, size_t count);

#endif
