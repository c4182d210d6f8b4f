/*
 * state/control_care: copying, checking and pruning the control database.
 */
#include <stdlib.h>

#include "state/control_db.h"

#define CARE_PAGES_A_STEP (-1) /* all: one read transaction, so one moment */
#define CARE_BUSY_TRIES   100
#define CARE_BUSY_MS      50

/* ---- a copy ---- */

static enum eff_fault
care_copy_failed(sqlite3 *to, const char *path, int code, struct eff_err *err)
{
    EFF_FAIL(err, EFF_BROKEN, "cannot copy the control file to %s: %s", path,
             to ? sqlite3_errmsg(to) : sqlite3_errstr(code));
    if ((code & 0xff) == SQLITE_FULL)
        eff_err_hint(err, "Free some space on that file system, then export again.");
    return EFF_BROKEN;
}

static int
care_copy_pages(sqlite3 *to, sqlite3 *from)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    int code = SQLITE_BUSY;

    if (!backup)
        return sqlite3_errcode(to);
    for (int tries = 0; tries < CARE_BUSY_TRIES && (code == SQLITE_BUSY || code == SQLITE_LOCKED);
         tries++) {
        if (tries > 0)
            sqlite3_sleep(CARE_BUSY_MS);
        code = sqlite3_backup_step(backup, CARE_PAGES_A_STEP);
    }
    sqlite3_backup_finish(backup);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static enum eff_fault
care_copy_to(struct eff_control *control, struct eff_os *os, const char *path, struct eff_err *err)
{
    enum eff_fault fault = EFF_OK;
    sqlite3 *to = NULL;
    int code =
        sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, os->sqlite_vfs);

    if (code == SQLITE_OK)
        code = care_copy_pages(to, control->db);
    if (code != SQLITE_OK)
        fault = care_copy_failed(to, path, code, err);
    sqlite3_close(to);
    return fault;
}

enum eff_fault
eff_control_copy(struct eff_control *control, struct eff_os *os, const char *path,
                 struct eff_err *err)
{
    struct eff_file *file;
    enum eff_fault fault;

    // Made here and not by SQLite: nobody else may read it from its first byte on.
    EFF_TRY(os->open(os->self, path, EFF_OPEN_WRITE | EFF_OPEN_CREATE | EFF_OPEN_EXCLUSIVE, &file,
                     err));
    fault = care_copy_to(control, os, path, err);
    if (fault == EFF_OK)
        fault = os->sync(file, err);
    os->close(file);
    return fault;
}

/* ---- looking ---- */

enum eff_fault
eff_control_integrity(struct eff_control *control, struct eff_arena *arena, size_t most,
                      size_t *ret_count, eff_str *ret_lines, struct eff_err *err)
{
    sqlite3_stmt *statement;
    enum eff_fault fault = EFF_OK;

    *ret_count = 0;
    EFF_TRY(eff_control_query(control, err, &statement, "PRAGMA integrity_check(20)", ""));
    while (eff_control_row(control, statement, &fault, err)) {
        eff_str line = eff_control_text(statement, 0, arena);

        if (!eff_str_is(line, "ok") && *ret_count < most)
            ret_lines[(*ret_count)++] = line;
    }
    return fault;
}

enum eff_fault
eff_control_syncs(struct eff_control *control, struct eff_arena *arena, size_t *ret_count,
                  eff_str **ret_names, struct eff_err *err)
{
    sqlite3_stmt *statement;
    enum eff_fault fault = EFF_OK;
    size_t count = 0, room = 0;

    EFF_TRY(eff_control_query(control, err, &statement, "SELECT count(*) FROM sync", ""));
    while (eff_control_row(control, statement, &fault, err))
        room = (size_t)sqlite3_column_int64(statement, 0) + 64; // A few may come meanwhile.
    EFF_TRY(fault);
    *ret_names = eff_new(arena, eff_str, room);
    EFF_TRY(eff_control_query(control, err, &statement, "SELECT name FROM sync ORDER BY name", ""));
    while (eff_control_row(control, statement, &fault, err))
        if (count < room)
            (*ret_names)[count++] = eff_control_text(statement, 0, arena);
    *ret_count = count;
    return fault;
}

enum eff_fault
eff_control_newest_plan(struct eff_control *control, eff_str sync, struct eff_arena *arena,
                        bool *ret_found, struct eff_run_row *ret_run, struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    *ret_found = false;
    EFF_TRY(eff_control_query(control, err, &s,
                              "SELECT id, state, generation, report FROM run WHERE sync = ?1"
                              " AND columns IS NOT NULL ORDER BY id DESC LIMIT 1",
                              "s", sync));
    while (eff_control_row(control, s, &fault, err)) {
        *ret_found = true;
        *ret_run = (struct eff_run_row){
            .id = eff_control_text(s, 0, arena),
            .sync = sync,
            .state = (enum eff_run_state)sqlite3_column_int(s, 1),
            .generation = (uint64_t)sqlite3_column_int64(s, 2),
            .report = eff_control_text(s, 3, arena),
        };
    }
    return fault;
}

/* ---- pruning ---- */

static enum eff_fault
care_purge(struct eff_control *control, eff_str sync, struct eff_err *err)
{
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM ledger WHERE sync = ?1", "s", sync));
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM approval WHERE sync = ?1", "s", sync));
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM forgotten WHERE sync = ?1", "s", sync));
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM incarnation WHERE sync = ?1", "s", sync));
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM doubt WHERE sync = ?1", "s", sync));
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM used WHERE sync = ?1", "s", sync));
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM older WHERE sync = ?1", "s", sync));
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM resumed WHERE sync = ?1", "s", sync));
    EFF_TRY(eff_control_exec(control, err,
                             "DELETE FROM batch WHERE run IN (SELECT id FROM run WHERE sync = ?1)",
                             "s", sync));
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM run WHERE sync = ?1", "s", sync));
    return eff_control_exec(control, err, "DELETE FROM sync WHERE name = ?1", "s", sync);
}

enum eff_fault
eff_control_sync_purge(struct eff_control *control, eff_str sync, struct eff_err *err)
{
    EFF_TRY(eff_control_begin(control, true, err));
    return eff_control_end(control, care_purge(control, sync, err), err);
}
