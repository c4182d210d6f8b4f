/*
 * dbt/results: run_results.json: what did not end well in dbt's last command.
 */
#ifndef EFF_DBT_RESULTS_H
#define EFF_DBT_RESULTS_H

#include "base/scan.h"

struct eff_dbt_result {
    eff_str id;      /* unique id of a model, seed, snapshot or test */
    eff_str status;  /* "error", "fail", "skipped", ... */
    eff_str message; /* as much as a line needs; "" when there is none */
};

struct eff_dbt_results {
    eff_str command; /* "build", "run", "test", ... */
    bool builds;     /* a command that builds or tests: the others say nothing */
    size_t bad_count;
    struct eff_dbt_result *bad; /* by id */
};

/*
 * Room for one entry more behind `count` of them: `at` itself, or a larger copy in the arena.
 * Only for lists that grow by this alone.
 */
void *eff_dbt_room(struct eff_arena *arena, void *at, size_t count, size_t size);

/* EFF_CONFIG with one line that goes on behind the file's name. */
enum eff_fault eff_dbt_results_read(struct eff_scan *scan, struct eff_arena *arena,
                                    struct eff_dbt_results *ret_results, struct eff_err *err);
/* NULL when it ended well, or is not there. */
const struct eff_dbt_result *eff_dbt_results_find(const struct eff_dbt_results *results,
                                                  eff_str id);

#endif
