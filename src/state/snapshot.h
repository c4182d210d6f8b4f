/*
 * state/snapshot: what the destination has acknowledged, one sorted file.
 *
 * 24 bytes a row: 128-bit keyed hash of the key, 64-bit hash of the mapped
 * values; sorted by key hash, in checksummed blocks, behind a header that names
 * the columns (field identities and the source columns they read) and the
 * multiset digest of all entries. A second file of the same generation keeps
 * identities (key, match values, remote id) for syncs that need them. Files are
 * never changed: a new generation is written, fsynced and renamed, then the old
 * one goes.
 */
#ifndef EFF_STATE_SNAPSHOT_H
#define EFF_STATE_SNAPSHOT_H

#include "base/hash.h"
#include "os/os.h"

struct eff_entry {
    struct eff_hash128 key;
    uint64_t row;
};

/* As `row`: the destination may have other values than the ones acknowledged last. */
#define EFF_ENTRY_UNKNOWN ((uint64_t)0)

/* Order-free digest of a multiset of entries: equal digests and counts = equal sets. */
struct eff_multiset {
    uint64_t count;
    uint64_t sum_hi, sum_lo;
};

/*
 * Two products of 64 by 64 bits, folded: both mix the whole entry. Key and row are
 * keyed hashes already. The constants are binary digits of pi and of the golden
 * ratio; they are part of the file format.
 */
static inline struct eff_hash128
eff_multiset_digest(struct eff_entry entry)
{
    uint64_t row = entry.row * 0x9e3779b97f4a7c15u;
    unsigned __int128 a = (unsigned __int128)(entry.key.hi ^ row ^ 0x243f6a8885a308d3u) *
                          (entry.key.lo ^ 0x13198a2e03707344u);
    unsigned __int128 b =
        (unsigned __int128)(entry.key.lo ^ (row << 32 | row >> 32) ^ 0xa4093822299f31d0u) *
        (entry.key.hi ^ 0x082efa98ec4e6c89u);

    return (struct eff_hash128){(uint64_t)a ^ (uint64_t)(a >> 64),
                                (uint64_t)b ^ (uint64_t)(b >> 64)};
}

static inline void
eff_multiset_add(struct eff_multiset *set, struct eff_entry entry)
{
    struct eff_hash128 digest = eff_multiset_digest(entry);

    set->count++;
    set->sum_hi += digest.hi;
    set->sum_lo += digest.lo;
}

static inline void
eff_multiset_remove(struct eff_multiset *set, struct eff_entry entry)
{
    struct eff_hash128 digest = eff_multiset_digest(entry);

    set->count--;
    set->sum_hi -= digest.hi;
    set->sum_lo -= digest.lo;
}

static inline bool
eff_multiset_eq(const struct eff_multiset *a, const struct eff_multiset *b)
{
    return a->count == b->count && a->sum_hi == b->sum_hi && a->sum_lo == b->sum_lo;
}

struct eff_snapshot_column {
    uint64_t id;         /* struct eff_field.id */
    eff_str field;       /* destination field */
    size_t inputs_count; /* source columns, by name */
    const eff_str *inputs;
};

struct eff_snapshot_head {
    uint64_t generation; /* 0: there is no snapshot yet */
    struct eff_multiset entries;
    bool identities; /* a file of identities belongs to it */
    size_t columns_count;
    const struct eff_snapshot_column *columns;
};

struct eff_snapshot; /* an open generation, for reading */

/*
 * Opens the newest complete generation in `folder` (the sync's own). None: a head
 * of zeroes. A damaged file is EFF_BROKEN naming file and block, never "empty".
 * Left-over files of a crash are ignored (eff_snapshot_sweep removes them).
 */
enum eff_fault eff_snapshot_open(struct eff_os *os, const char *folder, struct eff_arena *arena,
                                 struct eff_snapshot **ret_snapshot, struct eff_err *err);
const struct eff_snapshot_head *eff_snapshot_head(const struct eff_snapshot *snapshot);
void eff_snapshot_close(struct eff_snapshot *snapshot);

/*
 * A cursor over all entries in order. Blocks of entries at a time; count 0 at the end. Both
 * arrays live until the next call. Identities, where kept, come along: identity[i].ptr == NULL
 * when there is none. Takes 256 KiB of the arena, and 2.1 MiB for identities.
 */
struct eff_snapshot_cursor;
enum eff_fault eff_snapshot_cursor_open(struct eff_snapshot *snapshot, bool with_identities,
                                        struct eff_arena *arena,
                                        struct eff_snapshot_cursor **ret_cursor,
                                        struct eff_err *err);
enum eff_fault eff_snapshot_cursor_next(struct eff_snapshot_cursor *cursor, size_t *ret_count,
                                        const struct eff_entry **ret_entries,
                                        const eff_str **ret_identities, struct eff_err *err);
/*
 * One key: found or not, with its row hash and identity (ret_identity may be NULL). Without an
 * arena the identity is borrowed, until the next look-up. Keys in rising order cost one read per
 * block; keys in any order about two.
 */
enum eff_fault eff_snapshot_find(struct eff_snapshot *snapshot, struct eff_hash128 key,
                                 bool *ret_found, struct eff_entry *ret_entry,
                                 struct eff_arena *arena, eff_str *ret_identity,
                                 struct eff_err *err);

/* Writing a new generation: merge of the old one with what was acknowledged. */
struct eff_snapshot_writer;

/*
 * old may be NULL; it stays open until the writer is closed. columns and with_identities describe
 * the new generation; columns are copied. memory_bytes bounds what is used (16 MiB at least).
 */
enum eff_fault eff_snapshot_writer_open(struct eff_os *os, const char *folder,
                                        struct eff_snapshot *old,
                                        const struct eff_snapshot_column *columns,
                                        size_t columns_count, bool with_identities,
                                        size_t memory_bytes, struct eff_arena *arena,
                                        struct eff_snapshot_writer **ret_writer,
                                        struct eff_err *err);
/*
 * In any order, any number; the later of two for one key wins. Spilled to a
 * scratch file beyond the memory. identity ptr == NULL keeps the old one.
 */
enum eff_fault eff_snapshot_set(struct eff_snapshot_writer *writer, const struct eff_entry *entry,
                                eff_str identity, struct eff_err *err);
enum eff_fault eff_snapshot_remove(struct eff_snapshot_writer *writer, struct eff_hash128 key,
                                   struct eff_err *err);
/*
 * Merges, fsyncs, renames, fsyncs the folder; once per writer. ret_head is the new head, its
 * columns live in the arena. Old files stay. After a fault the old generation is whole, or the
 * new one is (the last fsync failed): open again to know.
 */
enum eff_fault eff_snapshot_commit(struct eff_snapshot_writer *writer,
                                   struct eff_snapshot_head *ret_head, struct eff_err *err);
void eff_snapshot_writer_close(
    struct eff_snapshot_writer *writer); /* after commit, or to give up */
/*
 * Removes generations older than `keep_from`, but never the newest one, and the left-overs of
 * crashes. Not while a writer is open.
 */
enum eff_fault eff_snapshot_sweep(struct eff_os *os, const char *folder, uint64_t keep_from,
                                  struct eff_arena scratch, struct eff_err *err);

#endif
