/*
 * run/verbs_state: the state as a whole: copied out, copied in, checked, pruned.
 */
#ifndef EFF_RUN_VERBS_STATE_H
#define EFF_RUN_VERBS_STATE_H

#include "conf/project.h"
#include "os/os.h"
#include "state/export.h"

/* How long an export waits for syncs that run. */
#define EFF_STATE_WAIT_MS 60000

/*
 * A copy of the project's state as of one moment, into a new or empty folder. All syncs are
 * locked at once, which takes as long as copying the control file; a sync that runs is waited
 * for, while none is locked. ret_export lives in the arena.
 */
enum eff_fault eff_run_state_export(const struct eff_project *project, struct eff_os *os,
                                    const char *folder, eff_str version, int64_t wait_ms,
                                    struct eff_arena *arena, struct eff_export *ret_export,
                                    struct eff_err *err);
enum eff_fault eff_run_state_import(const struct eff_project *project, struct eff_os *os,
                                    const char *folder, struct eff_arena *arena,
                                    struct eff_export *ret_export, struct eff_err *err);

/* ---- check ---- */

struct eff_state_finding {
    bool damaged; /* else a note: nothing is lost by it */
    eff_str file; /* in the folder of the sync, or of the state */
    eff_str message;
};

struct eff_state_checked {
    eff_str sync; /* ptr == NULL: the control file, and what belongs to no sync */
    uint64_t rows, generation, bytes;
    size_t files;
    bool open_run;
    size_t damages, notes;
    size_t findings_count;
    struct eff_state_finding *findings; /* the first ones */
};

struct eff_state_report {
    bool exists; /* there is a state at all */
    bool export; /* the folder is an export */
    size_t damages;
    size_t count;
    struct eff_state_checked *parts;
};

/* Reads everything, takes no lock, writes nothing. A fault: it could not be looked at. */
enum eff_fault eff_run_state_check(const char *folder, struct eff_os *os, struct eff_arena *arena,
                                   struct eff_state_report *ret_report, struct eff_err *err);

/* ---- purge ---- */

struct eff_state_purge {
    uint64_t rows, open_rows; /* in the snapshot, in the ledger */
    size_t files;
    bool open_run;
    bool unreadable; /* the snapshot is damaged: rows are not known */
};

/* Removes all that is known of a sync that the project does not have, or that is off. */
enum eff_fault eff_run_state_purge(const struct eff_project *project, struct eff_os *os,
                                   eff_str sync, bool really, struct eff_arena *arena,
                                   struct eff_state_purge *ret_purge, struct eff_err *err);

#endif
