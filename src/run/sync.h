/*
 * run/sync: one sync under way; shared by the files of this room.
 *
 * The stages follow each other in run.c: connect, contract, read, plan, deliver,
 * record. Each stage is one file and leaves what the next one needs here.
 */
#ifndef EFF_RUN_SYNC_H
#define EFF_RUN_SYNC_H

#include "batch/row.h"
#include "deliver/deliver.h"
#include "diff/diff.h"
#include "diff/filter.h"
#include "diff/twins.h"
#include "os/redact.h"
#include "plan/items.h"
#include "plan/pack.h"
#include "run/run.h"
#include "source/source.h"
#include "state/changes.h"
#include "state/control.h"
#include "state/snapshot.h"

/* readback.c: acknowledged rows that are looked at once all is sent. */
struct eff_readback {
    bool wanted;
    uint64_t seed; /* turns key hashes by chance */
    size_t count, bytes;
    struct eff_item *items; /* key, match and fields, copied */
    bool *covered;          /* by field: some of them has a value for it */
    bool *alike;            /* by field: kept, in a form of the destination's own */
    int64_t last;           /* mono ms of the last verdict */
};

/* preview.c: the first rows of an operation, copied, of which a plan shows the requests. */
struct eff_previewed {
    enum eff_group group;
    size_t count, bytes;
    struct eff_item *items;
};

struct eff_sync_run {
    const struct eff_project *project;
    const struct eff_sync_conf *sync;
    struct eff_os *os;
    const struct eff_run_options *options;
    struct eff_report *report;
    struct eff_arena run;   /* lives as long as this run */
    struct eff_arena batch; /* reset per batch of rows, per change */
    int64_t started_mono, started_wall;
    int64_t progress_at;
    const char *stage;
    struct eff_redact redact;
    eff_str run_id;
    bool partial;             /* --key or --limit: nothing is removed */
    struct eff_run_key *keys; /* keys.c: what --key asks for, and what of it was there */
    struct eff_hand *hand;    /* never NULL: own_hand when nobody looks */
    struct eff_hand own_hand;
    size_t aside_count; /* aside.c: keys whose rows are not touched, in rising order */
    struct eff_hash128 *aside;

    /* state */
    const char *state_folder, *folder, *scratch; /* project's, the sync's, for scratch files */
    bool has_folder;
    struct eff_file *lock;
    struct eff_control *control; /* NULL: plan without a state */
    struct eff_sync_state state;
    struct eff_row_secret secret;
    eff_str identity; /* JSON of what must not change between runs */
    eff_str older;    /* older.c: what the state lacks of what was sent; ptr == NULL: nothing */
    eff_str newest;   /* the newest run that it has */
    bool older_told;  /* to the snapshot */
    bool marked;
    uint64_t times_resumed;

    /* destination */
    struct eff_dest *dest;
    struct eff_limiter limiter; /* of all that is asked of it in this run */
    struct eff_dest_sync dest_sync;
    struct eff_op_limits limits[EFF_OPS_COUNT];
    struct eff_schema schema;

    /* source */
    struct eff_source *source;
    eff_str reader, reader_before;       /* who reads the model; ptr == NULL: not known */
    const struct eff_json *types_before; /* of its columns; NULL: not known */
    enum eff_kind *retyped; /* by column: what it was, EFF_NULL: the same; NULL: no column is */
    uint64_t retyped_rows;
    enum eff_kind *key_kinds; /* of key columns without a type: their values'; NULL: all have one */
    struct eff_columns columns;
    eff_str sql;
    struct eff_mapping mapping; /* without held fields */
    bool *needed;
    int64_t rows_expected;

    /* snapshot and diff */
    struct eff_snapshot *snapshot;
    bool with_identities;
    bool fill_identities; /* they were not kept before: this run fills them in */
    bool rebase;
    bool any_added;
    bool *field_added;
    struct eff_mapping old_mapping; /* for the snapshot's row hashes; when rebase */
    size_t columns_kept_count;      /* of the snapshot after this run */
    const struct eff_snapshot_column *columns_kept;
    struct eff_diff *diff;
    uint64_t null_keys;
    size_t forgotten_count; /* keys whose rows are passed over, in rising order */
    struct eff_hash128 *forgotten;
    uint64_t rows_read, rows_invalid; /* those that never came to the diff */
    bool watch_claims;                /* claims.c */
    struct diff_filter claims;
    struct eff_buf put_off, doubts, moved;
    struct diff_filter moves_old; /* moves.c: match values of the snapshot, once they are needed */
    bool moves_filled;
    struct eff_buf moves, moves_twice;
    size_t moves_bytes;
    struct eff_twins *twins;    /* twins.c; NULL: not watched */
    enum eff_fold *match_folds; /* by match field */
    struct eff_buf twin_text;
    uint64_t twin_rows;
    eff_str twin_keys[2]; /* an example of two keys, and what they share */
    struct eff_hash128 twin_value;

    /* plan */
    struct eff_planner planner;
    struct eff_packer packer;
    struct eff_changes_writer *writer;
    uint64_t rows_new; /* that are sent and, as far as is known, not over there */
    uint64_t rows_unfound[EFF_OPS_COUNT]; /* that are sent and whose remote id is not known */
    struct eff_previewed previewed[EFF_OPS_COUNT]; /* plan --requests */
    uint64_t calls_asked;                          /* requests of tasks, but for logins */
    size_t batches_count;
    struct eff_batch_ref *batches;
    uint64_t changes_digest;
    uint64_t snapshot_rows;
    struct eff_multiset removals, changed_rows; /* what a guard may hold */
    struct eff_multiset lost;                   /* to be removed, and nobody knows which records */
    struct eff_multiset anew;                   /* that make a record, whether it is there or not */
    bool hold_removals, hold_changes, hold_lost, hold_anew;
    bool approved;                  /* what a guard held before */
    struct eff_value *sample_match; /* of the report's samples, for the read-back */
    uint64_t followed;              /* rows that are not sent: EFF_OP_NONE */
    bool has_ledger, has_refused;
    struct eff_flapping *flapping; /* flapping.c: rows that change; NULL: none */
    bool unfinished; /* over there something is still to be done: the run stays open */

    /* look.c: verify and adopt read back instead of sending */
    const struct eff_look_options *look; /* NULL: a run or a plan */
    uint64_t look_seed, look_limit;
    uint64_t look_passed; /* rows that verify cannot judge: the model has changed since */
    size_t look_count;
    struct eff_planned_item *look_items; /* with what they point to in `batch` */
    bool *look_changed;                  /* of each: the model has other values by now */

    struct eff_readback readback;
    struct eff_buf amiss; /* keys of acknowledged rows whose records are not as they should be */

    /* delivery */
    struct eff_changes *changes;
    struct eff_settled *settled;
    size_t settled_count;
    struct eff_deliver *deliver;
    uint64_t sent_rows, rejected_rows;
    bool has_doubts;
    uint64_t doubted; /* rows that an older value may still come over, and until when */
    int64_t doubted_until;
};

/* state.c: folder, lock, control, secrets. */
/* Draws the run's id; ids sort by that time. */
void eff_run_name(struct eff_sync_run *r, int64_t wall_ms);
enum eff_fault eff_run_open_state(struct eff_sync_run *r, struct eff_err *err);
void eff_run_close(struct eff_sync_run *r);
const char *eff_run_changes_path(struct eff_sync_run *r, eff_str run_id);
enum eff_fault eff_run_check_identity(struct eff_sync_run *r, struct eff_err *err);
/* The identity as this run leaves it: once it is known whether its removals are held. */
void eff_run_renew_identity(struct eff_sync_run *r);

/*
 * older.c: the state may have been put back from a backup. Once it is open; when rows are about
 * to be sent, and when the run is closed; before the snapshot is opened, which then says that it
 * does not know what is over there, where all can be sent once more; after the plan, whether all
 * of that is no matter any more.
 */
enum eff_fault eff_run_older_look(struct eff_sync_run *r, struct eff_err *err);
void eff_run_older_mark(struct eff_sync_run *r, eff_str run, bool ended);
enum eff_fault eff_run_older_forget(struct eff_sync_run *r, struct eff_err *err);
enum eff_fault eff_run_older_over(struct eff_sync_run *r, struct eff_err *err);
/* Does that operation make a record, or an event, once more when it is sent once more? */
bool eff_run_makes_anew(const struct eff_sync_run *r, enum eff_op op);
void eff_run_older_held(struct eff_sync_run *r);
void eff_run_older_note(struct eff_sync_run *r);

/*
 * types.c: what types the columns had. A key column that has another one stops the sync; of
 * others the changes that are nothing else are counted, and then told.
 */
void eff_run_types_write(const struct eff_sync_run *r, struct eff_json_writer *w);
enum eff_fault eff_run_check_types(struct eff_sync_run *r, struct eff_err *err);
/* Of key columns whose type is not declared: what their values are, row by row, and at the end. */
void eff_run_types_open(struct eff_sync_run *r);
void eff_run_types_key(struct eff_sync_run *r, const struct eff_value *row);
enum eff_fault eff_run_check_key_types(struct eff_sync_run *r, struct eff_err *err);
void eff_run_types_see(struct eff_sync_run *r, const struct eff_change *change,
                       const struct eff_value *row);
void eff_run_types_tell(struct eff_sync_run *r);

/* connect.c: source, destination, mapping, snapshot's columns; contract.c: its schema. */
/* Passes a fault on; one that names no place yet gets this one. */
enum eff_fault eff_run_at(struct eff_place place, enum eff_fault fault, struct eff_err *err);
enum eff_fault eff_run_open_dest(struct eff_sync_run *r, struct eff_err *err);
enum eff_fault eff_run_open_source(struct eff_sync_run *r, struct eff_err *err);
/* zones.c: reads the time zones that the fields of sync name, into new fields. */
enum eff_fault eff_run_zones(struct eff_sync_run *r, struct eff_sync_conf *sync,
                             struct eff_err *err);
enum eff_fault eff_run_contract(struct eff_sync_run *r, struct eff_err *err);
enum eff_fault eff_run_bind(struct eff_sync_run *r, int64_t rows_planned, struct eff_err *err);
enum eff_fault eff_run_open_snapshot(struct eff_sync_run *r, struct eff_err *err);

/* plain.c: a note in the report when the destination is on another machine, by plain http. */
void eff_run_plain(struct eff_sync_run *r);
/* overlap.c: a note in the report for each other sync that writes the same fields. */
void eff_run_overlaps(struct eff_sync_run *r);

/* read.c: the one read, into the diff. */
enum eff_fault eff_run_read(struct eff_sync_run *r, struct eff_err *err);
/* Its row is passed over, by order of `forget`. */
bool eff_run_is_forgotten(const struct eff_sync_run *r, struct eff_hash128 key);
/* `fault` as it is, unless the run was asked to stop: that is then what is said. */
enum eff_fault eff_run_stopped(const struct eff_sync_run *r, enum eff_fault fault,
                               struct eff_err *err);
/* The model once more, row by row; r->batch lasts until the next one of its batches. */
enum eff_fault eff_run_each_row(struct eff_sync_run *r,
                                enum eff_fault (*visit)(void *self, const struct eff_value *row,
                                                        struct eff_err *err),
                                void *self, struct eff_err *err);
/* Reads again the rows of those keys (sorted); each hit is given to `take`. */
enum eff_fault eff_run_read_again(
    struct eff_sync_run *r, const struct eff_change *wanted, size_t count,
    enum eff_fault (*take)(struct eff_sync_run *r, const struct eff_change *change,
                           const struct eff_value *row, struct eff_err *err),
    struct eff_err *err);

/* keys.c: the rows that `--key` asks for; without any, it wants all. */
enum eff_fault eff_run_keys_open(struct eff_sync_run *r, struct eff_err *err);
bool eff_run_keys_wants(struct eff_sync_run *r, const struct eff_value *row);
/* A note for each key that no row had. */
void eff_run_keys_report(struct eff_sync_run *r);

/* aside.c: rows that made the process crash. */
#define EFF_RUN_ASIDE_CODE    "EFF2126"
#define EFF_RUN_ASIDE_MESSAGE "the process crashed at this row"
enum eff_fault eff_run_aside_open(struct eff_sync_run *r, struct eff_err *err);
bool eff_run_is_aside(const struct eff_sync_run *r, struct eff_hash128 key);
bool eff_run_row_is_aside(struct eff_sync_run *r, const struct eff_value *row);
/* Into ledger and report; the caller counts it. */
enum eff_fault eff_run_put_aside(struct eff_sync_run *r, struct eff_hash128 key, eff_str key_json,
                                 enum eff_ledger_state state, struct eff_err *err);

/* claims.c: removals of records that other rows stand for. */
void eff_run_claims_open(struct eff_sync_run *r);
void eff_run_claims_close(struct eff_sync_run *r);
/* This row is in the model; `known`: and the snapshot has it as it is. */
void eff_run_claim(struct eff_sync_run *r, const struct eff_value *row, bool known);
/* A row that takes its own record along to a new match value claims no other. */
void eff_run_claims_moved(struct eff_sync_run *r, const struct eff_planned_item *p);
/*
 * Whether other rows may stand for what this change takes out; then it is put off, with its
 * row (NULL: a removal).
 */
bool eff_run_claims_doubt(struct eff_sync_run *r, const struct eff_change *change,
                          const struct eff_value *row);
/* Reads the model again, and gives each change that was put off to one of the two. */
typedef enum eff_fault (*eff_run_put_off)(struct eff_sync_run *r, const struct eff_change *change,
                                          struct eff_err *err);
enum eff_fault eff_run_claims_settle(struct eff_sync_run *r, eff_run_put_off go_on,
                                     eff_run_put_off release, struct eff_err *err);

/*
 * moves.c: whether the row, which has a new match value, is put off until all of those are
 * known. `stuck`: the destination cannot change the match value of a record.
 */
enum eff_fault eff_run_moves_put_off(struct eff_sync_run *r, const struct eff_change *change,
                                     const struct eff_value *row, const struct eff_planned_item *p,
                                     bool stuck, bool *ret_put_off, struct eff_err *err);
/* Gives all of them to `go_on`, each with the identity of the record that it is written to. */
enum eff_fault eff_run_moves_settle(struct eff_sync_run *r, eff_run_put_off go_on,
                                    struct eff_err *err);
void eff_run_moves_close(struct eff_sync_run *r);

/* twins.c: rows that share a match value. */
enum eff_fault eff_run_twins_open(struct eff_sync_run *r, struct eff_err *err);
void eff_run_twins_close(struct eff_sync_run *r);
/* The text from byte `from` on is folded in its place. */
void eff_run_fold(enum eff_fold fold, struct eff_buf *text, size_t from, struct eff_arena scratch);
/* This row is in the model; `silent`: it is not sent anyway. */
enum eff_fault eff_run_twin(struct eff_sync_run *r, const struct eff_value *row,
                            struct eff_hash128 key, bool silent, struct eff_err *err);
/* After the read: tells the diff which rows are twins. */
enum eff_fault eff_run_twins_find(struct eff_sync_run *r, struct eff_err *err);
/* One of them, to the ledger; then all of them, to the report. */
enum eff_fault eff_run_twin_row(struct eff_sync_run *r, const struct eff_change *change,
                                const struct eff_value *row, struct eff_err *err);
void eff_run_twins_report(struct eff_sync_run *r);

/* What the mapping and the limits mean for a change: once the snapshot is open. */
void eff_run_planner(struct eff_sync_run *r);
/* planning.c: changes to the change file; guards.c: what may not be sent now. */
enum eff_fault eff_run_plan(struct eff_sync_run *r, struct eff_err *err);
bool eff_run_chunk_held(void *self, const struct eff_chunk *chunk);
enum eff_fault eff_run_guard(struct eff_sync_run *r, struct eff_err *err);
/* One item into the change file, for whichever batch has room. */
enum eff_fault eff_run_plan_add(struct eff_sync_run *r, const struct eff_planned_item *p,
                                enum eff_group group, struct eff_err *err);

/* look.c: may it be done at all; then, when the snapshot is open, which rows. */
enum eff_fault eff_run_look_open(struct eff_sync_run *r, struct eff_err *err);
enum eff_fault eff_run_look_begin(struct eff_sync_run *r, struct eff_err *err);
/* Whether this key is one of the sample; whether this change is to be looked at. */
bool eff_run_look_samples(const struct eff_sync_run *r, struct eff_hash128 key);
bool eff_run_look_wants(struct eff_sync_run *r, const struct eff_change *change);
/* Takes an item that lives in the batch arena, which is reset when they are read back together. */
enum eff_fault eff_run_look_row(struct eff_sync_run *r, const struct eff_planned_item *p,
                                bool changed, struct eff_err *err);
enum eff_fault eff_run_look_flush(struct eff_sync_run *r, struct eff_err *err);
void eff_run_look_end(struct eff_sync_run *r);

/* readback.c: before a delivery; for each batch with its verdicts; when all is sent. */
/* Copies into the run's arena; their bytes are added. */
const struct eff_value *eff_run_values_copy(struct eff_sync_run *r, size_t count,
                                            const struct eff_value *values, size_t *bytes);
/* Its record has these values now, if the destination does what it says. */
bool eff_run_readback_op(enum eff_op op);
bool eff_run_reads_back(const struct eff_sync_run *r);
/* How many of so many rows are read back, at the least. */
uint64_t eff_run_readback_least(uint64_t rows);
void eff_run_readback_begin(struct eff_sync_run *r);
void eff_run_readback_take(struct eff_sync_run *r, const struct eff_delivery *delivery);
void eff_run_readback(struct eff_sync_run *r);

/* samples.c */
void eff_run_sample(struct eff_sync_run *r, const struct eff_change *change,
                    const struct eff_planned_item *planned);
/* A row of a plan, and then the requests that the rows kept so would take: for --requests. */
void eff_run_preview_take(struct eff_sync_run *r, const struct eff_planned_item *p,
                          enum eff_group group);
void eff_run_preview(struct eff_sync_run *r);
/* Whether what the mapping says is made of a column that dbt's meta calls private. */
bool eff_run_is_private(const struct eff_sync_run *r, const struct eff_field *field);
void eff_run_samples_before(struct eff_sync_run *r);
/* A row beside its record; the fields that differ, all of them when there is no record. */
void eff_run_sample_found(struct eff_sync_run *r, const struct eff_planned_item *planned,
                          const struct eff_record *record, const bool *differs);

/* flapping.c: a note when a large share of the rows changes in run after run, or rows go to and fro. */
void eff_run_flapping_see(struct eff_sync_run *r, const struct eff_planned_item *p);
enum eff_fault eff_run_flapping(struct eff_sync_run *r, struct eff_err *err);

/* finish.c: verdicts into snapshot, history and run row. */
enum eff_fault eff_run_record(struct eff_sync_run *r, struct eff_run_row *row,
                              const struct eff_snapshot_column *columns, size_t columns_count,
                              bool with_identities, bool complete_read, struct eff_err *err);

/* Do its creates carry idempotency keys? */
static inline bool
eff_run_is_keyed(const struct eff_sync_run *r)
{
    return r->limits[eff_plan_write_op(r->sync->mode, true)].class == EFF_CLASS_KEYED;
}

/* effects.c: delivers the batches of the open change file, settles each. */
enum eff_fault eff_run_deliver(struct eff_sync_run *r, eff_str run_id, struct eff_counts *counts,
                               struct eff_err *err);
/* doubts.c: how long after its answer was lost a request of op may be applied; of any op. */
int64_t eff_run_late_ms(const struct eff_sync_run *r, enum eff_op op);
int64_t eff_run_late_most_ms(const struct eff_sync_run *r);
/* Rows that an older value may still be applied over; until 0: it is none. */
void eff_run_doubted(struct eff_sync_run *r, int64_t until_ms);
/* It was sent since as it is now: another time would settle nothing before that is past. */
enum eff_fault eff_run_doubt_waits(struct eff_sync_run *r, const struct eff_change *change,
                                   bool *ret_waits, struct eff_err *err);
void eff_run_doubts_report(struct eff_sync_run *r);
/* resume.c: settles what an earlier run left. */
enum eff_fault eff_run_resume(struct eff_sync_run *r, struct eff_err *err);

/* quota.c: the account is left alone until its quota resets, and the report says so. */
enum eff_fault eff_run_quota(struct eff_sync_run *r, bool *ret_parked, struct eff_err *err);
/* err says that it is used up: it is noted, until when, and passed on with that. */
enum eff_fault eff_run_quota_spent(struct eff_sync_run *r, struct eff_err *err);

/* task.c: a step machine that is not a delivery, run to its end. */
enum eff_fault eff_run_task(struct eff_sync_run *r, struct eff_task *task, struct eff_err *err);
/* Waits that long (0 or less: not at all), or until the user asks to stop, which is a fault. */
enum eff_fault eff_run_pause(struct eff_sync_run *r, int64_t wait_ms, struct eff_err *err);
/* Waits until the destination's limits, and its Retry-After, let a request of that bucket through. */
enum eff_fault eff_run_obey(struct eff_sync_run *r, unsigned bucket, struct eff_err *err);

/* progress.c */
void eff_run_progress(struct eff_sync_run *r, bool now);
void eff_run_stage(struct eff_sync_run *r, const char *stage);

#endif
