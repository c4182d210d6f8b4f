/*
 * state/control: what is known between runs, besides the snapshot: one SQLite file.
 *
 * Syncs and their secrets, runs and plans, marks and verdicts per batch, the
 * ledger of rows that were not delivered, approvals. Every write is its own
 * BEGIN IMMEDIATE transaction, so that other processes may read and write
 * meanwhile. Only state/control*.c see sqlite3.h.
 */
#ifndef EFF_STATE_CONTROL_H
#define EFF_STATE_CONTROL_H

#include "base/hash.h"
#include "flow/delivery.h"
#include "os/os.h"
#include "state/changes.h"

struct eff_control;

/* Makes the state folder unless must_exist. read_only: for plan, status, rows; no state: NULL. */
enum eff_fault eff_control_open(struct eff_os *os, const char *folder, bool must_exist,
                                bool read_only, struct eff_arena *arena,
                                struct eff_control **ret_control, struct eff_err *err);
void eff_control_close(struct eff_control *control);

/* ---- syncs ---- */

struct eff_sync_state {
    unsigned char secret[32]; /* keys the hashes and idempotency keys of this sync; drawn once */
    eff_str identity;         /* JSON: key, match, object, account; ptr == NULL on the first run */
    uint64_t null_keys;       /* rows without a key in the last complete read */
    eff_str fields_held;      /* JSON list of columns stopped in the last run */
};

/* Draws the secret when the sync is new (in memory only when the control is read-only or NULL). */
enum eff_fault eff_control_sync(struct eff_control *control, struct eff_os *os, eff_str sync,
                                struct eff_arena *arena, struct eff_sync_state *ret_state,
                                struct eff_err *err);
enum eff_fault eff_control_sync_save(struct eff_control *control, eff_str sync,
                                     const struct eff_sync_state *state, struct eff_err *err);
struct eff_run_row;
/* Forgets identity and ledger: the next run is a first run. What is in doubt stays so. The act is noted with it. */
enum eff_fault eff_control_sync_reset(struct eff_control *control, const struct eff_run_row *act,
                                      struct eff_err *err);

/* ---- runs ---- */

/* ACT: no run, but what an operator did to the state; its report says what. Kept for good. */
enum eff_run_state { EFF_RUN_PLANNED = 1, EFF_RUN_CLOSED, EFF_RUN_ACT };

struct eff_run_row {
    eff_str id, sync;
    enum eff_run_state state;
    int64_t started_ms, ended_ms;
    uint64_t changes_digest;
    uint64_t generation; /* of the snapshot that the plan was made against */
    eff_str columns;     /* the snapshot's columns after this run, as record/ wrote them */
    eff_str report;      /* JSON of the sync's entry in the run document */
};

/* PLAN: nothing may be sent before this commit. Durable. */
enum eff_fault eff_control_plan(struct eff_control *control, const struct eff_run_row *run,
                                struct eff_err *err);
/* The open run of a sync, or ret_found = false. */
enum eff_fault eff_control_open_run(struct eff_control *control, eff_str sync,
                                    struct eff_arena *arena, bool *ret_found,
                                    struct eff_run_row *ret_run, struct eff_err *err);
/* Newest closed run; sync of no run: ret_found = false. */
enum eff_fault eff_control_last_run(struct eff_control *control, eff_str sync,
                                    struct eff_arena *arena, bool *ret_found,
                                    struct eff_run_row *ret_run, struct eff_err *err);
/* The reports of the newest closed runs, or acts, at most `most` of them, newest first. */
enum eff_fault eff_control_reports(struct eff_control *control, eff_str sync,
                                   enum eff_run_state state, size_t most, struct eff_arena *arena,
                                   size_t *ret_count, eff_str *ret_reports, struct eff_err *err);
/* Durable. */
enum eff_fault eff_control_act(struct eff_control *control, const struct eff_run_row *act,
                               struct eff_err *err);
/* Closes the run, drops its batches; a run that never had a plan is inserted closed. Durable. */
enum eff_fault eff_control_close_run(struct eff_control *control, const struct eff_run_row *run,
                                     bool complete_read, struct eff_err *err);

/* ---- batches: marks and verdicts ---- */

struct eff_settled {
    size_t batch;
    bool settled; /* else: marked, the outcome of its attempts is unknown */
    uint32_t attempts;
    int64_t first_attempt_ms; /* wall clock */
    eff_str memo;
    eff_str verdicts; /* by eff_verdicts_write; empty: every item applied, nothing to remember */
};

/* INFLIGHT: durable before the first byte unless lazy. memo may have ptr == NULL. */
enum eff_fault eff_control_mark(struct eff_control *control, eff_str run, size_t batch,
                                uint32_t attempts, int64_t first_attempt_ms, eff_str memo,
                                bool lazy, struct eff_err *err);
/*
 * SETTLE: verdicts and ledger rows in one transaction. lazy: group commit is allowed.
 * hold_ambiguous: rows that may have been applied are held until a person decides,
 * because the operation cannot be repeated safely; else they are pending.
 * first_attempt_ms: wall clock of the batch's first mark, 0 when it had none.
 */
enum eff_fault eff_control_settle(struct eff_control *control, eff_str sync, eff_str run,
                                  size_t batch, uint32_t attempts,
                                  const struct eff_delivery *delivery,
                                  const struct eff_acknowledged *acks, int64_t first_attempt_ms,
                                  int64_t now_ms, bool hold_ambiguous, bool lazy,
                                  struct eff_err *err);
/* All batches of a run that have a mark or verdicts, by batch number. */
enum eff_fault eff_control_settled(struct eff_control *control, eff_str run,
                                   struct eff_arena *arena, size_t *ret_count,
                                   struct eff_settled **ret_rows, struct eff_err *err);
/* Makes what lazy calls wrote durable. */
enum eff_fault eff_control_flush(struct eff_control *control, struct eff_err *err);

struct eff_settled_row {
    enum eff_outcome outcome;
    bool doubted; /* applied, but an older value may still come over it */
    eff_str remote_id;
};

/* What became of each item, from the stored form. */
bool eff_verdicts_read(eff_str verdicts, size_t count, struct eff_settled_row *ret_rows);

/* ---- the ledger: every row that is not delivered ---- */

enum eff_ledger_state {
    EFF_LEDGER_REJECTED = 1,
    EFF_LEDGER_HELD,
    EFF_LEDGER_INVALID,
    EFF_LEDGER_PENDING
};

struct eff_ledger_row {
    struct eff_hash128 key;
    enum eff_ledger_state state;
    eff_str key_json;
    uint64_t rows; /* of a duplicate group or of rows without a key; else 1. Put: 0 is one more */
    enum eff_op op;
    eff_str code, message, field;
    enum eff_fault fault;
    eff_str sent;      /* JSON of the fields that were (to be) sent; for 30 days from last_ms */
    uint64_t row_hash; /* of the content that was refused: other content is due at once */
    int64_t first_seen_ms, last_ms, next_try_ms;
    uint32_t tries;
    eff_str run;
};

/*
 * Inserts, or updates an entry of the same key (first_seen stays, tries grow when sent). What may
 * have been applied (code "ambiguous") is only replaced by a refusal or by its like. first_seen 0:
 * last_ms.
 */
enum eff_fault eff_control_ledger_put(struct eff_control *control, eff_str sync,
                                      const struct eff_ledger_row *row, bool was_tried,
                                      struct eff_err *err);
/* Many of them in one transaction: begin, puts, end (which passes a fault on and rolls back). */
enum eff_fault eff_control_ledger_begin(struct eff_control *control, struct eff_err *err);
enum eff_fault eff_control_ledger_end(struct eff_control *control, enum eff_fault fault,
                                      struct eff_err *err);
/* The row was met again by this run and is still what it was: not due, or held. */
enum eff_fault eff_control_ledger_keep(struct eff_control *control, eff_str sync,
                                       struct eff_hash128 key, eff_str run, struct eff_err *err);
enum eff_fault eff_control_ledger_get(struct eff_control *control, eff_str sync,
                                      struct eff_hash128 key, struct eff_arena *arena,
                                      bool *ret_found, struct eff_ledger_row *ret_row,
                                      struct eff_err *err);
/* Calls each for all rows of a sync (state 0: any), oldest first; stops when it returns false. */
enum eff_fault eff_control_ledger_each(struct eff_control *control, eff_str sync,
                                       enum eff_ledger_state state, struct eff_arena *arena,
                                       bool (*each)(void *self, const struct eff_ledger_row *row),
                                       void *self, struct eff_err *err);
/* Keys of the entries with that code, last met after since_ms and not made due since. */
enum eff_fault eff_control_ledger_keys(struct eff_control *control, eff_str sync, eff_str code,
                                       int64_t since_ms, struct eff_arena *arena, size_t *ret_count,
                                       struct eff_hash128 **ret_keys, struct eff_err *err);
/* Keys of the entries of what may have been applied, which no run takes away by itself. */
enum eff_fault eff_control_ledger_doubtful(struct eff_control *control, eff_str sync,
                                           struct eff_arena *arena, size_t *ret_count,
                                           struct eff_hash128 **ret_keys, struct eff_err *err);
enum eff_fault eff_control_ledger_drop(struct eff_control *control, eff_str sync,
                                       struct eff_hash128 key, struct eff_err *err);
enum eff_fault eff_control_ledger_count(struct eff_control *control, eff_str sync,
                                        uint64_t ret_counts[EFF_LEDGER_PENDING + 1],
                                        struct eff_err *err);
/* All rows of the sync become due; held ones are sent again unless a guard holds them anew. */
enum eff_fault eff_control_ledger_due(struct eff_control *control, eff_str sync, int64_t now_ms,
                                      uint64_t *ret_rows, struct eff_err *err);

/* ---- approvals ---- */

enum eff_fault eff_control_approve(struct eff_control *control, eff_str sync, eff_str digest,
                                   int64_t until_ms, struct eff_err *err);
/* True once for an approval that is still valid; it is used up by that. */
enum eff_fault eff_control_approved(struct eff_control *control, eff_str sync, eff_str digest,
                                    int64_t now_ms, bool use_up, bool *ret_approved,
                                    struct eff_err *err);

/* ---- forgotten rows ---- */

/* Their ledger entries go, their keys' hashes stay, so that their rows are kept out. Durable. */
enum eff_fault eff_control_forget(struct eff_control *control, eff_str sync,
                                  const struct eff_hash128 *keys, size_t count, int64_t now_ms,
                                  struct eff_err *err);
/* All of a sync, in rising order; none when control is NULL. */
enum eff_fault eff_control_forgotten(struct eff_control *control, eff_str sync,
                                     struct eff_arena *arena, size_t *ret_count,
                                     struct eff_hash128 **ret_keys, struct eff_err *err);
/* Empties the write-ahead log, durably: what was deleted is nowhere in the files any more. */
enum eff_fault eff_control_squeeze(struct eff_control *control, struct eff_os *os,
                                   struct eff_arena scratch, struct eff_err *err);

/* ---- incarnations: how often a row needed another idempotency key ---- */

/*
 * A row that comes back after its record was removed is another create: with the idempotency key
 * of the first, the provider would answer with the record that is gone. So is a row that is proven
 * absent though its key was used: the provider may have stored a failure for it. Counts up those
 * rows; what is older than 30 days is forgotten: no provider keeps keys so long.
 */
enum eff_fault eff_control_incarnate(struct eff_control *control, eff_str sync,
                                     const struct eff_delivery *delivery, int64_t now_ms,
                                     struct eff_err *err);
/* 0: the first key is good. */
enum eff_fault eff_control_incarnation(struct eff_control *control, eff_str sync,
                                       struct eff_hash128 key, uint64_t *ret_number,
                                       struct eff_err *err);

/*
 * Since when the present idempotency key of a row is used, though the row was refused: an earlier
 * create under it may have made the record, and its answer comes again to whatever other values
 * are sent. 0: it is not. eff_control_settle writes it, for as long as the row is neither
 * delivered nor proven absent.
 */
enum eff_fault eff_control_key_used(struct eff_control *control, eff_str sync,
                                    struct eff_hash128 key, int64_t *ret_since_ms,
                                    struct eff_err *err);

/* ---- doubts: what may still be applied after its answer was lost ---- */

/* Whether the sync has any; none when control is NULL. */
enum eff_fault eff_control_doubts(struct eff_control *control, eff_str sync, bool *ret_any,
                                  struct eff_err *err);
/*
 * Forgets those that are past, before anything is sent. No other lasts longer than late_ms from
 * now: the clock may have been put back, or the destination's bound been made shorter.
 */
enum eff_fault eff_control_doubts_sweep(struct eff_control *control, eff_str sync, int64_t now_ms,
                                        int64_t late_ms, struct eff_err *err);
/*
 * Before its batch is settled: rows that may have been applied are in doubt until then, whatever
 * was answered in the end. Of rows that were applied, verdict.doubt_ms is set when other values
 * of the same key are in doubt from before.
 */
enum eff_fault eff_control_doubt(struct eff_control *control, eff_str sync,
                                 const struct eff_delivery *delivery,
                                 const struct eff_acknowledged *acks, int64_t until_ms,
                                 struct eff_err *err);
/* Until when other values of the key than `row` may still be applied; 0: there are none. */
enum eff_fault eff_control_doubted(struct eff_control *control, eff_str sync,
                                   struct eff_hash128 key, uint64_t row, int64_t *ret_until_ms,
                                   struct eff_err *err);

/*
 * The row was acknowledged last as it is, over others that are still in doubt at now_ms: until
 * when, since sending it before that would settle nothing; 0: it is to be sent.
 */
enum eff_fault eff_control_doubt_waits(struct eff_control *control, eff_str sync,
                                       struct eff_hash128 key, uint64_t row, int64_t now_ms,
                                       int64_t *ret_until_ms, struct eff_err *err);
/* What is over there is not what was acknowledged last: the row no longer waits. */
enum eff_fault eff_control_doubt_unknown(struct eff_control *control, eff_str sync,
                                         struct eff_hash128 key, struct eff_err *err);

/* ---- older than what was delivered: the state was put back from a backup ---- */

/*
 * The newest run of the sync, and how far it came: a step each time that it was gone on with, and
 * one for its end. EFF_STR_NONE: there was no run.
 */
enum eff_fault eff_control_newest(struct eff_control *control, eff_str sync,
                                  struct eff_arena *arena, eff_str *ret_run, uint64_t *ret_step,
                                  struct eff_err *err);
/* An open run is gone on with, now for so many times. Durable. */
enum eff_fault eff_control_resumed(struct eff_control *control, eff_str sync, eff_str run,
                                   uint64_t *ret_times, struct eff_err *err);
/*
 * The run that is known of and that the state does not have, or not as far; EFF_STR_NONE: there is
 * none. told: the snapshot says by now that it does not know what is over there.
 */
enum eff_fault eff_control_older(struct eff_control *control, eff_str sync, struct eff_arena *arena,
                                 eff_str *ret_than, bool *ret_told, struct eff_err *err);
/* EFF_STR_NONE: what is over there is known again. Durable. */
enum eff_fault eff_control_older_save(struct eff_control *control, eff_str sync, eff_str than,
                                      bool told, struct eff_err *err);

/* ---- the quota of an account, as the block of a destination names one ---- */

struct eff_quota { /* used up, as `sync` found; wall ms */
    int64_t since_ms, until_ms;
    eff_str sync;
};

/* until_ms 0: nothing is known of one. */
enum eff_fault eff_control_quota(struct eff_control *control, eff_str dest, eff_str account,
                                 struct eff_arena *arena, struct eff_quota *ret_quota,
                                 struct eff_err *err);
/* Durable. */
enum eff_fault eff_control_quota_save(struct eff_control *control, eff_str dest, eff_str account,
                                      const struct eff_quota *quota, struct eff_err *err);

/* ---- care: a copy, a look, a sync that goes ---- */

/* A copy as of one moment into a new file of mode 0600, fsynced; others may write meanwhile. */
enum eff_fault eff_control_copy(struct eff_control *control, struct eff_os *os, const char *path,
                                struct eff_err *err);
/* What SQLite finds wrong with the file: at most `most` lines, which ret_lines has room for. */
enum eff_fault eff_control_integrity(struct eff_control *control, struct eff_arena *arena,
                                     size_t most, size_t *ret_count, eff_str *ret_lines,
                                     struct eff_err *err);
/* Names of the syncs that have run, sorted. */
enum eff_fault eff_control_syncs(struct eff_control *control, struct eff_arena *arena,
                                 size_t *ret_count, eff_str **ret_names, struct eff_err *err);
/* The newest run that had a plan: id, state, generation and report only. */
enum eff_fault eff_control_newest_plan(struct eff_control *control, eff_str sync,
                                       struct eff_arena *arena, bool *ret_found,
                                       struct eff_run_row *ret_run, struct eff_err *err);
/* Forgets the sync altogether, its secret and its runs too. Durable. */
enum eff_fault eff_control_sync_purge(struct eff_control *control, eff_str sync,
                                      struct eff_err *err);

#endif
