/*
 * state/history: what was delivered lately, one file a run, for "where is this customer".
 *
 * Per delivered row: key hash, operation, which fields, the remote id, the row's hash,
 * and when. No values: those are in the ledger for rows that are not delivered, and nowhere
 * for the rest. Files are written at the end of a run and removed after 30 days.
 */
#ifndef EFF_STATE_HISTORY_H
#define EFF_STATE_HISTORY_H

#include "flow/delivery.h"
#include "os/os.h"
#include "state/changes.h"

#define EFF_HISTORY_DAYS 30

struct eff_history_writer;

enum eff_fault eff_history_create(struct eff_os *os, const char *folder, eff_str run_id,
                                  const struct eff_changes_names *names, int64_t when_ms,
                                  struct eff_arena *run, struct eff_history_writer **ret_writer,
                                  struct eff_err *err);
enum eff_fault eff_history_add(struct eff_history_writer *writer, enum eff_op op,
                               const struct eff_item *item, uint64_t row_hash,
                               enum eff_outcome outcome, eff_str remote_id, struct eff_err *err);
/* Written whole or not at all; not fsynced: it explains, nothing depends on it. */
enum eff_fault eff_history_commit(struct eff_history_writer *writer, struct eff_err *err);
void eff_history_writer_close(struct eff_history_writer *writer);

struct eff_history_row {
    eff_str run;
    int64_t when_ms;
    enum eff_op op;
    enum eff_outcome outcome;
    eff_str remote_id;
    size_t fields_count;
    const eff_str *fields;
};

/* All deliveries of one key, newest run first, at most `most`. */
enum eff_fault eff_history_find(struct eff_os *os, const char *folder, struct eff_hash128 key,
                                size_t most, struct eff_arena *arena, size_t *ret_count,
                                struct eff_history_row **ret_rows, struct eff_err *err);
/*
 * Visits all records of the newest `runs` files, newest first (back: 0, 1, ...), but for files larger
 * than bytes_max. row_hash: 0 where it was not kept.
 */
enum eff_fault eff_history_each(struct eff_os *os, const char *folder, size_t runs,
                                uint64_t bytes_max, struct eff_arena scratch,
                                void (*visit)(void *self, size_t back, struct eff_hash128 key,
                                              uint64_t row_hash),
                                void *self, struct eff_err *err);
/* Whether the file is whole records from its first byte to its last; there is no checksum in it. */
enum eff_fault eff_history_check(struct eff_os *os, const char *path, struct eff_arena scratch,
                                 bool *ret_whole, struct eff_err *err);
/* Takes all records of one key out, by writing the files anew that have one. */
enum eff_fault eff_history_forget(struct eff_os *os, const char *folder, struct eff_hash128 key,
                                  struct eff_arena scratch, uint64_t *ret_records,
                                  struct eff_err *err);
/* Removes files older than EFF_HISTORY_DAYS. */
enum eff_fault eff_history_sweep(struct eff_os *os, const char *folder, int64_t now_ms,
                                 struct eff_arena scratch, struct eff_err *err);

#endif
