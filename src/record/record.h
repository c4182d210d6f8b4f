/*
 * record/record: verdicts into the snapshot.
 *
 * Only what the destination acknowledged advances the snapshot; every other row
 * keeps its old entry, so that the next diff finds it again.
 */
#ifndef EFF_RECORD_RECORD_H
#define EFF_RECORD_RECORD_H

#include "state/changes.h"
#include "state/control.h"
#include "state/snapshot.h"

/* The snapshot's columns as the run row keeps them. */
void eff_record_columns_write(struct eff_buf *buf, const struct eff_snapshot_column *columns,
                              size_t count, bool with_identities);
bool eff_record_columns_read(eff_str bytes, struct eff_arena *arena, size_t *ret_count,
                             struct eff_snapshot_column **ret_columns, bool *ret_with_identities);

struct eff_recording {
    struct eff_os *os;
    const char *folder;
    eff_str run_id;
    struct eff_snapshot *snapshot; /* the present one; may be NULL */
    size_t columns_count;
    const struct eff_snapshot_column *columns;
    bool with_identities;
    size_t memory_bytes;
    struct eff_changes *changes;
    size_t settled_count;
    const struct eff_settled *settled; /* by batch */
    bool resumed;                      /* an earlier process may have sent what is not settled */
    size_t amiss_count;
    const struct eff_hash128 *amiss; /* acknowledged, and not kept: sorted; sent again next time */
    bool passed_on;                  /* records were, of which some rows may not have been sent */
    int64_t now_ms;
    struct eff_arena *run, *batch;
};

/*
 * Writes a new snapshot when anything was acknowledged or the columns changed, and
 * the history of what was delivered. May be repeated after a crash: the result is
 * the same.
 */
enum eff_fault eff_record_run(const struct eff_recording *record, struct eff_err *err);

#endif
