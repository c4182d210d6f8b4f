/*
 * diff/diff: which rows changed since the destination last confirmed them.
 *
 * Entries of the read are scattered by key hash into partitions (one scratch
 * file, large sequential writes), then each partition is sorted and merged with
 * the snapshot's, which is sorted already. A blocked Bloom filter over the
 * snapshot's (key, row) pairs decides during the one read whose content is kept.
 * Equal multiset digests end the work at once. Memory is bounded by
 * memory_bytes, never by rows. The snapshot is only read.
 *
 * Not here: hashing (batch/), what a deletion means (plan/), advancing the
 * snapshot (record/).
 */
#ifndef EFF_DIFF_DIFF_H
#define EFF_DIFF_DIFF_H

#include "flow/change.h"
#include "state/snapshot.h"

struct eff_diff_config {
    struct eff_os *os;
    const char *scratch_folder; /* unnamed files are made here */
    size_t memory_bytes;
    int64_t rows_expected; /* -1 unknown: the snapshot's count decides about partitions */
    bool columns_added;    /* the mapping gained columns: unchanged rows are COLUMNS, not silence */
    bool rebase;           /* the mapping changed: unchanged rows are REBASE (or COLUMNS) */
    bool find_removed;     /* false for a partial read (--key, --limit): nothing is REMOVE */
    bool with_identities;
};

struct eff_diff;

/* snapshot may be NULL (first run); both outlive the diff. Takes little of the run's arena. */
enum eff_fault eff_diff_open(const struct eff_diff_config *config, struct eff_snapshot *snapshot,
                             struct eff_arena *run, struct eff_diff **ret_diff,
                             struct eff_err *err);

/*
 * Optional, for speed: fetches what eff_diff_wants_content will look at. To be called some rows
 * ahead, as soon as a key is known, where the filter is larger than the caches.
 */
void eff_diff_prefetch(const struct eff_diff *diff, struct eff_hash128 key);
/*
 * True when this row's content must come along with eff_diff_add: it is new,
 * changed, or will be sent for another reason. `row_old` is the sum by the
 * mapping of the snapshot, `row` the sum by today's; the same unless rebase.
 */
bool eff_diff_wants_content(const struct eff_diff *diff, struct eff_hash128 key, uint64_t row_old);
enum eff_fault eff_diff_add(struct eff_diff *diff, struct eff_hash128 key, uint64_t row_old,
                            uint64_t row, eff_str content, struct eff_err *err);

/*
 * A row that cannot be sent (a value is bad) but is there: its record is neither
 * changed nor removed. Counted in `invalid`.
 */
enum eff_fault eff_diff_add_invalid(struct eff_diff *diff, struct eff_hash128 key,
                                    struct eff_err *err);

/*
 * A key that was added, or was invalid: another key has its match value. So the row is a TWIN
 * whatever has changed, and the snapshot's entry stays. More than once is as once.
 */
enum eff_fault eff_diff_mark_twin(struct eff_diff *diff, struct eff_hash128 key,
                                  struct eff_err *err);

struct eff_diff_counts {
    uint64_t read;      /* rows added, invalid ones included */
    uint64_t invalid;   /* by eff_diff_add_invalid, unless in a duplicate group */
    uint64_t unchanged; /* incl. REBASE; not COLUMNS */
    uint64_t added, changed, columns, removed;
    uint64_t duplicates; /* rows in duplicate groups */
    uint64_t duplicate_groups;
    uint64_t twins;
    uint64_t without_content; /* changes whose content must be read again */
};

/* After the last row. Changes come in key-hash order, then END. Slices live until the next call. */
enum eff_fault eff_diff_next(struct eff_diff *diff, struct eff_change *ret_change,
                             struct eff_err *err);
const struct eff_diff_counts *eff_diff_counts(const struct eff_diff *diff);
void eff_diff_close(struct eff_diff *diff);

#endif
