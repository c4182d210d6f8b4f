/*
 * diff/twins: which rows of one read have the same match value under different keys.
 *
 * Two such rows would write one record in turn, each run anew. Each row is 48
 * bytes in a scatter of its own, by the hash of its match value; partition by
 * partition they are sorted, and the keys that share a value are handed out.
 * Memory is bounded by memory_bytes, never by rows, not even when all rows share
 * one value.
 */
#ifndef EFF_DIFF_TWINS_H
#define EFF_DIFF_TWINS_H

#include "state/scatter.h"

struct eff_twins_config {
    struct eff_os *os;
    const char *scratch_folder; /* unnamed files are made here */
    size_t memory_bytes;
    int64_t rows_expected; /* -1: unknown */
};

struct eff_twins;

/* Takes little of the run's arena. */
enum eff_fault eff_twins_open(const struct eff_twins_config *config, struct eff_arena *run,
                              struct eff_twins **ret_twins, struct eff_err *err);
/* `silent`: it counts as somebody with that value, and is not handed out itself. */
enum eff_fault eff_twins_add(struct eff_twins *twins, struct eff_hash128 match,
                             struct eff_hash128 key, bool silent, struct eff_err *err);
/* After the last row, once: gives every key of a shared value to `take`, some more than once. */
typedef enum eff_fault (*eff_twins_take)(void *self, struct eff_hash128 key, struct eff_err *err);
enum eff_fault eff_twins_find(struct eff_twins *twins, eff_twins_take take, void *self,
                              struct eff_err *err);
void eff_twins_close(struct eff_twins *twins); /* NULL is fine */

#endif
