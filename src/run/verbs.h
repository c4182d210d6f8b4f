/*
 * run/verbs: the state of one sync, opened to look or to change; inside run only.
 */
#ifndef EFF_RUN_VERBS_H
#define EFF_RUN_VERBS_H

#include "run/run.h"
#include "state/control.h"
#include "state/snapshot.h"

struct eff_verbs {
    const struct eff_project *project;
    const struct eff_sync_conf *sync;
    struct eff_os *os;
    struct eff_arena *arena;
    const char *state_folder, *folder;
    struct eff_file *lock;
    struct eff_control *control; /* NULL: there is no state yet */
    struct eff_sync_state state;
    struct eff_snapshot *snapshot;
};

/* `writes`: takes the lock, and refuses a sync that never ran. Close it whatever comes back. */
enum eff_fault eff_verbs_open(struct eff_verbs *v, const struct eff_project *project,
                              const struct eff_sync_conf *sync, struct eff_os *os, bool writes,
                              struct eff_arena *arena, struct eff_err *err);
/* state.c: the log of control.db, before it is opened: others have it open, or somebody died. */
bool eff_run_log_left(struct eff_os *os, const char *state_folder, struct eff_arena scratch);
enum eff_fault eff_verbs_lock(struct eff_verbs *v, struct eff_err *err);
enum eff_fault eff_verbs_snapshot(struct eff_verbs *v, uint64_t *ret_rows, struct eff_err *err);
void eff_verbs_close(struct eff_verbs *v);

/*
 * Looks a key up that is given as text: which kind its columns are, only the source
 * knows, so each form that the text can have is tried until `look` finds one.
 * Several columns: a,b in the order of `key:`, or a JSON object. ret_json is the key
 * as a JSON object of texts. Where all forms together are too many, those of the types
 * that the columns had when rows were delivered.
 */
#define EFF_KEY_FORMS_MAX 4096
enum eff_fault eff_verbs_key(struct eff_verbs *v, eff_str text,
                             enum eff_fault (*look)(void *self, struct eff_hash128 key,
                                                    bool *ret_found, struct eff_err *err),
                             void *self, eff_str *ret_json, struct eff_err *err);
/* The columns of a key that is written as a JSON object, as texts in the order of `key:`. */
enum eff_fault eff_verbs_key_object(const struct eff_sync_conf *sync, eff_str text,
                                    struct eff_arena *arena, eff_str *parts, struct eff_err *err);

#endif
