/*
 * run/run: composes one sync from source to accounted row, and runs several.
 */
#ifndef EFF_RUN_RUN_H
#define EFF_RUN_RUN_H

#include "conf/project.h"
#include "os/os.h"
#include "run/accounts.h"
#include "run/hand.h"
#include "run/report.h"

/* What is going on, for a person; sent some times a second. */
struct eff_progress {
    eff_str sync;
    const char *stage; /* "connect", "resume", "read", "diff", "send", "record", "done" */
    uint64_t read, rows_expected; /* rows_expected 0: unknown */
    uint64_t changed;             /* planned so far, or in all once sending */
    uint64_t sent;                /* settled */
    uint64_t rejected;
    double seconds;
};

/* verify: read back rows that were delivered; adopt: take what is there as delivered. */
struct eff_look_options {
    struct eff_accounts *accounts; /* may be NULL */
    bool adopt;
    bool named;     /* asked for by name: that it cannot be looked at is a failure */
    bool unseen;    /* adopt: all rows of the model, without looking */
    bool write;     /* let the next run know; else only tell */
    int64_t sample; /* verify: about so many rows, by chance; -1: all */
};

struct eff_run_options {
    bool plan;         /* change nothing, here or there */
    bool requests;     /* plan: tells the requests, too */
    int64_t limit;     /* read at most so many rows; -1: all. A partial read removes nothing */
    size_t keys_count; /* only rows with these keys (text form; composite: a,b); removes nothing */
    const eff_str *keys;
    const struct eff_look_options *look; /* eff_run_look's; else NULL */
    bool ignore_quota;                   /* ask although it is known to be used up */
    eff_str state;         /* plan: another state folder (an unpacked export); ptr == NULL: own */
    struct eff_hand *hand; /* shared with the parent, who may start this sync again; may be NULL */
    struct eff_accounts *accounts; /* may be NULL; eff_run_syncs brings its own */
    void (*progress)(void *self, const struct eff_progress *progress);
    /* eff_run_syncs: a sync has its report; may be NULL. */
    void (*finished)(void *self, const struct eff_report *report);
    void *self;
};

/* Runs or plans one sync in this process. Whatever happens is in the report. */
void eff_run_sync(const struct eff_project *project, const struct eff_sync_conf *sync,
                  struct eff_os *os, const struct eff_run_options *options,
                  struct eff_arena *process, struct eff_report *ret_report);

/*
 * Runs the chosen syncs (chosen[project->syncs_count]), each in a child process,
 * at most `jobs` at a time, one at a time per destination, `after` respected. A
 * child that dies is a failed report that says how. reports has room for all
 * chosen ones; returns how many.
 */
size_t eff_run_syncs(const struct eff_project *project, const bool *chosen, size_t jobs,
                     struct eff_os *os, const struct eff_run_options *options,
                     struct eff_arena *process, struct eff_report *reports);

/*
 * What the files alone tell: whether each chosen sync's destination can do its mode and its
 * removal, with that object and those fields, and whether `format` can be read. Asks nobody.
 */
void eff_run_can(const struct eff_project *project, const bool *chosen, struct eff_arena *process,
                 struct eff_problems *problems);

/*
 * `check` for one sync: source opens and the model's columns are there, the
 * destination takes the credential and knows object and fields. Writes nothing.
 * `first` of those of its destination: what concerns the block is said once.
 */
void eff_run_check(const struct eff_project *project, const struct eff_sync_conf *sync, bool first,
                   struct eff_os *os, struct eff_arena *process, struct eff_report *ret_report);

/*
 * Reads back what the destination holds and compares it with the model. Sends nothing.
 * The report is a plan's: unchanged is there as it should be, changed is there with
 * other values, added is not there. EFF_STATUS_HELD when verify found differences.
 */
void eff_run_look(const struct eff_project *project, const struct eff_sync_conf *sync,
                  struct eff_os *os, const struct eff_look_options *look, struct eff_arena *process,
                  struct eff_report *ret_report);

/* ---- the operator's verbs ---- */

/* Where one key stands: snapshot, ledger, and what was sent in the last 30 days, as JSON. */
enum eff_fault eff_run_rows(const struct eff_project *project, const struct eff_sync_conf *sync,
                            struct eff_os *os, eff_str key, struct eff_arena *arena,
                            struct eff_json_writer *w, struct eff_err *err);
/* All open rows of the ledger (at most `most`; 0: all). */
enum eff_fault eff_run_ledger(const struct eff_project *project, const struct eff_sync_conf *sync,
                              struct eff_os *os, uint64_t most, struct eff_arena *arena,
                              struct eff_json_writer *w, struct eff_err *err);
enum eff_fault eff_run_status(const struct eff_project *project, const struct eff_sync_conf *sync,
                              struct eff_os *os, struct eff_arena *arena, struct eff_json_writer *w,
                              struct eff_err *err);
enum eff_fault eff_run_retry(const struct eff_project *project, const struct eff_sync_conf *sync,
                             struct eff_os *os, struct eff_arena *arena, uint64_t *ret_rows,
                             struct eff_err *err);
enum eff_fault eff_run_approve(const struct eff_project *project, const struct eff_sync_conf *sync,
                               struct eff_os *os, eff_str digest, struct eff_arena *arena,
                               struct eff_err *err);
/*
 * Takes one row out of everything that is kept of a sync, and keeps it out from now on. Writes
 * the receipt as JSON: what was found where, signed with the sync's secret. `really` false: what
 * would be taken out.
 */
enum eff_fault eff_run_forget(const struct eff_project *project, const struct eff_sync_conf *sync,
                              struct eff_os *os, eff_str key, bool really, struct eff_arena *arena,
                              struct eff_json_writer *w, struct eff_err *err);
/* Forgets what was delivered: the next run sends everything. ret_rows: in the snapshot before. */
enum eff_fault eff_run_reset(const struct eff_project *project, const struct eff_sync_conf *sync,
                             struct eff_os *os, bool really, struct eff_arena *arena,
                             uint64_t *ret_rows, struct eff_err *err);

#endif
