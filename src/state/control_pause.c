/*
 * state/control_pause: what keeps a sync from going on as usual: its state is older than what was
 * delivered, or the quota of its account is used up.
 */
#include "state/control_db.h"

/* ---- older than what was delivered ---- */

enum eff_fault
eff_control_newest(struct eff_control *control, eff_str sync, struct eff_arena *arena,
                   eff_str *ret_run, uint64_t *ret_step, struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;
    bool resumes = control->format >= EFF_CONTROL_FORMAT;

    *ret_run = EFF_STR_NONE;
    *ret_step = 0;
    EFF_TRY(eff_control_query(control, err, &s,
                              "SELECT id, state FROM run WHERE sync = ?1 ORDER BY id DESC LIMIT 1",
                              "s", sync));
    while (eff_control_row(control, s, &fault, err)) {
        *ret_run = eff_control_text(s, 0, arena);
        *ret_step = sqlite3_column_int(s, 1) != EFF_RUN_PLANNED;
    }
    if (fault != EFF_OK || !ret_run->ptr || !resumes)
        return fault;
    EFF_TRY(eff_control_query(control, err, &s,
                              "SELECT times FROM resumed WHERE sync = ?1 AND run = ?2", "ss", sync,
                              *ret_run));
    while (eff_control_row(control, s, &fault, err))
        *ret_step += 2 * (uint64_t)sqlite3_column_int64(s, 0);
    return fault;
}

enum eff_fault
eff_control_resumed(struct eff_control *control, eff_str sync, eff_str run, uint64_t *ret_times,
                    struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault;

    EFF_TRY(eff_control_begin(control, true, err));
    fault = eff_control_query(
        control, err, &s,
        "INSERT INTO resumed (sync, run, times) VALUES (?1, ?2, 1) ON CONFLICT (sync) DO UPDATE"
        " SET times = CASE run WHEN ?2 THEN times + 1 ELSE 1 END, run = ?2 RETURNING times",
        "ss", sync, run);
    while (fault == EFF_OK && eff_control_row(control, s, &fault, err))
        *ret_times = (uint64_t)sqlite3_column_int64(s, 0);
    return eff_control_end(control, fault, err);
}

enum eff_fault
eff_control_older(struct eff_control *control, eff_str sync, struct eff_arena *arena,
                  eff_str *ret_than, bool *ret_told, struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    *ret_than = EFF_STR_NONE;
    *ret_told = false;
    if (control->format < EFF_CONTROL_FORMAT)
        return EFF_OK;
    EFF_TRY(eff_control_query(control, err, &s, "SELECT than, told FROM older WHERE sync = ?1", "s",
                              sync));
    while (eff_control_row(control, s, &fault, err)) {
        *ret_than = eff_control_text(s, 0, arena);
        *ret_told = sqlite3_column_int(s, 1) != 0;
    }
    return fault;
}

enum eff_fault
eff_control_older_save(struct eff_control *control, eff_str sync, eff_str than, bool told,
                       struct eff_err *err)
{
    enum eff_fault fault;

    EFF_TRY(eff_control_begin(control, true, err));
    fault = than.ptr
                ? eff_control_exec(
                      control, err,
                      "INSERT OR REPLACE INTO older (sync, than, told) VALUES (?1, ?2, ?3)", "ssi",
                      sync, than, (int64_t)told)
                : eff_control_exec(control, err, "DELETE FROM older WHERE sync = ?1", "s", sync);
    return eff_control_end(control, fault, err);
}

/* ---- the quota of an account ---- */

enum eff_fault
eff_control_quota(struct eff_control *control, eff_str dest, eff_str account,
                  struct eff_arena *arena, struct eff_quota *ret_quota, struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    *ret_quota = (struct eff_quota){0};
    if (!control || control->format < EFF_CONTROL_FORMAT)
        return EFF_OK;
    EFF_TRY(eff_control_query(
        control, err, &s, "SELECT since, until, sync FROM quota WHERE dest = ?1 AND account = ?2",
        "ss", dest, account));
    while (eff_control_row(control, s, &fault, err))
        *ret_quota = (struct eff_quota){.since_ms = sqlite3_column_int64(s, 0),
                                        .until_ms = sqlite3_column_int64(s, 1),
                                        .sync = eff_control_text(s, 2, arena)};
    return fault;
}

enum eff_fault
eff_control_quota_save(struct eff_control *control, eff_str dest, eff_str account,
                       const struct eff_quota *quota, struct eff_err *err)
{
    EFF_TRY(eff_control_begin(control, true, err));
    return eff_control_end(
        control,
        eff_control_exec(control, err,
                         "INSERT OR REPLACE INTO quota (dest, account, since, until, sync)"
                         " VALUES (?1, ?2, ?3, ?4, ?5)",
                         "ssiis", dest, account, quota->since_ms, quota->until_ms, quota->sync),
        err);
}
