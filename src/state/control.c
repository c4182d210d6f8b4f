/*
 * state/control: opening the control database, syncs and runs.
 */
#include <errno.h>
#include <stdio.h>

#include "base/crash.h"
#include "state/control_db.h"
#include "state/export.h"

#define CONTROL_FILE           "control.db"
#define CONTROL_APPLICATION_ID 0x45464631 /* "EFF1": the folder's identity mark */
#define CONTROL_BUSY_MS        5000
#define CONTROL_RETRY_MS       20
#define CONTROL_SENT_MS        ((int64_t)30 * 24 * 3600 * 1000)
#define CONTROL_RUNS_KEPT      "200" /* closed runs of a sync, for status */

static const char control_schema[] =
    "CREATE TABLE sync (name TEXT PRIMARY KEY, secret BLOB NOT NULL, identity TEXT,"
    " null_keys INTEGER NOT NULL DEFAULT 0, fields_held TEXT) WITHOUT ROWID;"
    "CREATE TABLE run (id TEXT PRIMARY KEY, sync TEXT NOT NULL, state INTEGER NOT NULL,"
    " started INTEGER NOT NULL, ended INTEGER, digest INTEGER, generation INTEGER, columns BLOB,"
    " report TEXT) WITHOUT ROWID;"
    "CREATE INDEX run_by_sync ON run (sync, state, id);"
    "CREATE TABLE batch (run TEXT NOT NULL, batch INTEGER NOT NULL, settled INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, first_attempt INTEGER NOT NULL, memo BLOB, verdicts BLOB,"
    " PRIMARY KEY (run, batch)) WITHOUT ROWID;"
    "CREATE TABLE ledger (sync TEXT NOT NULL, key BLOB NOT NULL, state INTEGER NOT NULL,"
    " key_json TEXT, rows INTEGER NOT NULL, op INTEGER NOT NULL, code TEXT, message TEXT,"
    " field TEXT, fault INTEGER NOT NULL, sent TEXT, row_hash INTEGER NOT NULL,"
    " first_seen INTEGER NOT NULL, last INTEGER NOT NULL, next_try INTEGER NOT NULL,"
    " tries INTEGER NOT NULL, run TEXT, PRIMARY KEY (sync, key)) WITHOUT ROWID;"
    "CREATE TABLE approval (sync TEXT NOT NULL, digest TEXT NOT NULL, until INTEGER NOT NULL,"
    " PRIMARY KEY (sync, digest)) WITHOUT ROWID;";

static const char control_schema_2[] =
    "CREATE TABLE forgotten (sync TEXT NOT NULL, key BLOB NOT NULL, at INTEGER NOT NULL,"
    " PRIMARY KEY (sync, key)) WITHOUT ROWID;"
    "CREATE TABLE incarnation (sync TEXT NOT NULL, key BLOB NOT NULL, number INTEGER NOT NULL,"
    " at INTEGER NOT NULL, PRIMARY KEY (sync, key)) WITHOUT ROWID;";

static const char control_schema_3[] =
    "CREATE TABLE doubt (sync TEXT NOT NULL, key BLOB NOT NULL, row INTEGER NOT NULL,"
    " until INTEGER NOT NULL, known INTEGER, PRIMARY KEY (sync, key, row)) WITHOUT ROWID;";

static const char control_schema_4[] =
    "CREATE TABLE older (sync TEXT PRIMARY KEY, than TEXT NOT NULL, told INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE resumed (sync TEXT PRIMARY KEY, run TEXT NOT NULL, times INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE quota (dest TEXT NOT NULL, account TEXT NOT NULL, since INTEGER NOT NULL,"
    " until INTEGER NOT NULL, sync TEXT NOT NULL, PRIMARY KEY (dest, account)) WITHOUT ROWID;"
    "CREATE TABLE used (sync TEXT NOT NULL, key BLOB NOT NULL, since INTEGER NOT NULL,"
    " PRIMARY KEY (sync, key)) WITHOUT ROWID;";

/* ---- opening ---- */

static enum eff_fault
control_script(struct eff_control *control, const char *sql, struct eff_err *err)
{
    return sqlite3_exec(control->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? EFF_OK
               : eff_control_failed(control, err);
}

static enum eff_fault
control_number(struct eff_control *control, const char *sql, int64_t *ret_value,
               struct eff_err *err)
{
    sqlite3_stmt *statement;
    enum eff_fault fault = EFF_OK;

    EFF_TRY(eff_control_query(control, err, &statement, sql, ""));
    while (eff_control_row(control, statement, &fault, err))
        *ret_value = sqlite3_column_int64(statement, 0);
    return fault;
}

/*
 * From nothing, or from an older format, in one transaction: old or new, never between. Two
 * processes may open a new state at the same time: the second finds it made.
 */
static enum eff_fault
control_make_tables(struct eff_control *control, struct eff_err *err)
{
    int64_t format = 0;
    char stamp[96];

    EFF_TRY(control_number(control, "PRAGMA user_version", &format, err));
    if (format >= EFF_CONTROL_FORMAT)
        return EFF_OK; // Another process was quicker.
    snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             CONTROL_APPLICATION_ID, EFF_CONTROL_FORMAT);
    if (format < 1)
        EFF_TRY(control_script(control, control_schema, err));
    else
        EFF_CRASH_AT("control.migrating");
    if (format < 2)
        EFF_TRY(control_script(control, control_schema_2, err));
    if (format < 3)
        EFF_TRY(control_script(control, control_schema_3, err));
    EFF_TRY(control_script(control, control_schema_4, err));
    EFF_CRASH_AT("control.made");
    return control_script(control, stamp, err);
}

/* Its name says that the folder is a state; a process that died may have left it not durable. */
static enum eff_fault
control_make(struct eff_control *control, struct eff_os *os, struct eff_err *err)
{
    EFF_TRY(eff_os_sync_parent(os, control->path, err));
    EFF_TRY(control_script(control, "PRAGMA journal_mode = WAL;", err));
    EFF_CRASH_AT("control.empty");
    EFF_TRY(eff_control_begin(control, true, err));
    return eff_control_end(control, control_make_tables(control, err), err);
}

static enum eff_fault
control_check(struct eff_control *control, struct eff_os *os, struct eff_err *err)
{
    int64_t mark = 0, format = 0, tables = 0;

    EFF_TRY(control_number(control, "PRAGMA application_id", &mark, err));
    EFF_TRY(control_number(control, "PRAGMA user_version", &format, err));
    if (mark == 0) {
        EFF_TRY(control_number(control, "SELECT count(*) FROM sqlite_schema", &tables, err));
        if (tables == 0 && !control->read_only)
            EFF_TRY(control_make(control, os, err));
        // Made here, or by another process between the two looks.
        EFF_TRY(control_number(control, "PRAGMA application_id", &mark, err));
        EFF_TRY(control_number(control, "PRAGMA user_version", &format, err));
    }
    if (mark != CONTROL_APPLICATION_ID) {
        EFF_FAIL(err, EFF_CONFIG, "%s is not a state of efferent", control->path);
        return eff_err_hint(err, "Point `state:` to another folder.");
    }
    if (format < 1 || format > EFF_CONTROL_FORMAT) {
        EFF_FAIL(err, EFF_CONFIG, "the state %s has format %lld, this efferent knows %d",
                 control->path, (long long)format, EFF_CONTROL_FORMAT);
        return eff_err_hint(err, "Use the version of efferent that wrote it, or a newer one.");
    }
    if (format < EFF_CONTROL_FORMAT && !control->read_only) {
        EFF_TRY(control_make(control, os, err));
        format = EFF_CONTROL_FORMAT;
    }
    control->format = (int)format;
    return control_script(control, "PRAGMA secure_delete = ON;", err);
}

/*
 * SQLite does not wait for who turns a new database to WAL, or makes its tables, at the
 * same time: it says "locked" at once.
 */
static enum eff_fault
control_check_patiently(struct eff_control *control, struct eff_os *os, struct eff_err *err)
{
    int64_t now = os->mono_ms(os->self), until = now + CONTROL_BUSY_MS;
    const struct eff_response *ignored;
    enum eff_fault fault;

    while ((fault = control_check(control, os, err)) == EFF_TRANSIENT && now < until) {
        os->next(os->self, now + CONTROL_RETRY_MS, &ignored);
        now = os->mono_ms(os->self);
    }
    return fault;
}

/* Half of a copy must not be taken for a state, nor for a place where there is none yet. */
static enum eff_fault
control_unfinished(struct eff_os *os, const char *folder, struct eff_arena scratch,
                   struct eff_err *err)
{
    if (os->exists(os->self, eff_str_printf(&scratch, "%s/" EFF_IMPORT_STAGE, folder).ptr)) {
        EFF_FAIL(err, EFF_CONFIG, "an import into the state folder %s was not finished", folder);
        return eff_err_hint(err, "Repeat `efferent state import`; it begins anew by itself.");
    }
    if (os->exists(os->self, eff_str_printf(&scratch, "%s/" EFF_EXPORT_UNFINISHED, folder).ptr)) {
        EFF_FAIL(err, EFF_CONFIG, "%s is an export that was not finished", folder);
        return eff_err_hint(err, "Export again, into another folder.");
    }
    return EFF_OK;
}

/* An empty folder may be ours, made by a process that died before its name was durable. */
static enum eff_fault
control_own_folder(struct eff_os *os, const char *folder, struct eff_err *err)
{
    struct eff_err why = {0};

    if (eff_os_sync_parent(os, folder, &why) == EFF_OK || why.code == EACCES)
        return EFF_OK; /* in a folder that we may not read we have made nothing */
    *err = why;
    return why.fault;
}

static enum eff_fault
control_make_folder(struct eff_os *os, const char *folder, bool must_exist,
                    struct eff_arena scratch, struct eff_err *err)
{
    size_t count;
    eff_str *names;

    if (!os->exists(os->self, folder)) {
        if (!must_exist) {
            EFF_TRY(os->mkdir(os->self, folder, err));
            return eff_os_sync_parent(os, folder, err);
        }
        EFF_FAIL(err, EFF_CONFIG, "the state folder %s does not exist", folder);
        return eff_err_hint(err, "Mount it, or drop `must_exist` for a first run.");
    }
    EFF_TRY(os->list(os->self, folder, &scratch, &count, &names, err));
    if (os->exists(os->self, eff_str_printf(&scratch, "%s/" CONTROL_FILE, folder).ptr))
        return EFF_OK; // another process has just made it
    if (count > 0 || must_exist) {
        EFF_FAIL(err, EFF_CONFIG, "%s is not a state folder: it has no " CONTROL_FILE, folder);
        return eff_err_hint(err,
                            "Point `state:` to an empty or new folder, or mount the right one.");
    }
    return control_own_folder(os, folder, err);
}

/*
 * A reader must not leave files behind. Without a write-ahead log nobody else has
 * the database open, and it can be read as it lies.
 */
static const char *
control_uri(struct eff_os *os, const char *path, bool read_only, struct eff_arena *arena)
{
    const char *wal = eff_str_printf(arena, "%s-wal", path).ptr;
    size_t room = sizeof "file:?immutable=1" + 3 * strlen(path), len = strlen("file:");
    char *uri = eff_arena_bytes(arena, room);

    memcpy(uri, "file:", len);
    for (const char *c = path; *c; c++) {
        if (strchr("?#%", *c))
            len += (size_t)snprintf(uri + len, room - len, "%%%02x", (unsigned char)*c);
        else
            uri[len++] = *c;
    }
    snprintf(uri + len, room - len, "%s",
             read_only && !os->exists(os->self, wal) ? "?immutable=1" : "");
    return uri;
}

/* SQLite would make it readable for others; its log files take the mode over. */
static enum eff_fault
control_make_file(struct eff_os *os, const char *path, struct eff_err *err)
{
    struct eff_file *file;

    EFF_TRY(os->open(os->self, path, EFF_OPEN_WRITE | EFF_OPEN_CREATE, &file, err));
    os->close(file);
    return EFF_OK;
}

enum eff_fault
eff_control_open(struct eff_os *os, const char *folder, bool must_exist, bool read_only,
                 struct eff_arena *arena, struct eff_control **ret_control, struct eff_err *err)
{
    struct eff_control *control = eff_new(arena, struct eff_control, 1);
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    enum eff_fault fault;

    *ret_control = NULL;
    control->read_only = read_only;
    control->path = eff_str_printf(arena, "%s/" CONTROL_FILE, folder).ptr;
    if (!os->exists(os->self, control->path)) {
        EFF_TRY(control_unfinished(os, folder, *arena, err));
        if (read_only)
            return EFF_OK;
        EFF_TRY(control_make_folder(os, folder, must_exist, *arena, err));
        EFF_TRY(control_make_file(os, control->path, err));
    }
    if (sqlite3_open_v2(control_uri(os, control->path, read_only, arena), &control->db,
                        flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
                        os->sqlite_vfs) != SQLITE_OK) {
        fault = eff_control_failed(control, err);
        eff_control_close(control);
        return fault;
    }
    sqlite3_busy_timeout(control->db, CONTROL_BUSY_MS);
    fault = control_check_patiently(control, os, err);
    if (fault != EFF_OK) {
        eff_control_close(control);
        return fault;
    }
    *ret_control = control;
    return EFF_OK;
}

void
eff_control_close(struct eff_control *control)
{
    if (!control)
        return;
    for (size_t i = 0; i < EFF_CONTROL_STATEMENTS_MAX; i++)
        sqlite3_finalize(control->kept[i].statement);
    sqlite3_close(control->db);
    memset(control, 0, sizeof *control);
}

/* ---- syncs ---- */

static enum eff_fault
control_sync_load(struct eff_control *control, eff_str sync, struct eff_arena *arena,
                  bool *ret_found, struct eff_sync_state *ret_state, struct eff_err *err)
{
    sqlite3_stmt *statement;
    enum eff_fault fault = EFF_OK;

    EFF_TRY(eff_control_query(control, err, &statement,
                              "SELECT secret, identity, null_keys, fields_held FROM sync"
                              " WHERE name = ?1",
                              "s", sync));
    while (eff_control_row(control, statement, &fault, err)) {
        if (sqlite3_column_bytes(statement, 0) != (int)sizeof ret_state->secret)
            continue;
        memcpy(ret_state->secret, sqlite3_column_blob(statement, 0), sizeof ret_state->secret);
        ret_state->identity = eff_control_text(statement, 1, arena);
        ret_state->null_keys = (uint64_t)sqlite3_column_int64(statement, 2);
        ret_state->fields_held = eff_control_text(statement, 3, arena);
        *ret_found = true;
    }
    return fault;
}

enum eff_fault
eff_control_sync(struct eff_control *control, struct eff_os *os, eff_str sync,
                 struct eff_arena *arena, struct eff_sync_state *ret_state, struct eff_err *err)
{
    bool found = false;

    *ret_state = (struct eff_sync_state){0};
    if (control)
        EFF_TRY(control_sync_load(control, sync, arena, &found, ret_state, err));
    if (found)
        return EFF_OK;
    os->random(os->self, ret_state->secret, sizeof ret_state->secret);
    if (!control || control->read_only)
        return EFF_OK;
    EFF_TRY(eff_control_begin(control, true, err));
    return eff_control_end(
        control,
        eff_control_exec(control, err, "INSERT INTO sync (name, secret) VALUES (?1, ?2)", "sb",
                         sync,
                         (eff_str){(const char *)ret_state->secret, sizeof ret_state->secret}),
        err);
}

enum eff_fault
eff_control_sync_save(struct eff_control *control, eff_str sync, const struct eff_sync_state *state,
                      struct eff_err *err)
{
    EFF_TRY(eff_control_begin(control, true, err));
    return eff_control_end(
        control,
        eff_control_exec(control, err,
                         "UPDATE sync SET identity = ?2, null_keys = ?3, fields_held = ?4"
                         " WHERE name = ?1",
                         "ssis", sync, state->identity, (int64_t)state->null_keys,
                         state->fields_held),
        err);
}

static enum eff_fault
control_sync_forget(struct eff_control *control, eff_str sync, struct eff_err *err)
{
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM ledger WHERE sync = ?1", "s", sync));
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM approval WHERE sync = ?1", "s", sync));
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM older WHERE sync = ?1", "s", sync));
    EFF_TRY(eff_control_exec(control, err,
                             "DELETE FROM batch WHERE run IN (SELECT id FROM run WHERE sync = ?1)",
                             "s", sync));
    EFF_TRY(eff_control_exec(control, err,
                             "UPDATE run SET state = ?2 WHERE sync = ?1 AND state = ?3", "sii",
                             sync, (int64_t)EFF_RUN_CLOSED, (int64_t)EFF_RUN_PLANNED));
    return eff_control_exec(control, err,
                            "UPDATE sync SET identity = NULL, null_keys = 0, fields_held = NULL"
                            " WHERE name = ?1",
                            "s", sync);
}

/* ---- runs ---- */

static enum eff_fault
control_put_run(struct eff_control *control, const struct eff_run_row *run, struct eff_err *err)
{
    return eff_control_exec(
        control, err,
        "INSERT INTO run (id, sync, state, started, ended, digest, generation, columns, report)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        " ON CONFLICT (id) DO UPDATE SET state = ?3, ended = ?5, report = ?9",
        "ssiiiiibs", run->id, run->sync, (int64_t)run->state, run->started_ms, run->ended_ms,
        (int64_t)run->changes_digest, (int64_t)run->generation, run->columns, run->report);
}

enum eff_fault
eff_control_plan(struct eff_control *control, const struct eff_run_row *run, struct eff_err *err)
{
    EFF_TRY(eff_control_begin(control, true, err));
    return eff_control_end(control, control_put_run(control, run, err), err);
}

static enum eff_fault
control_find_run(struct eff_control *control, const char *sql, eff_str sync,
                 enum eff_run_state state, struct eff_arena *arena, bool *ret_found,
                 struct eff_run_row *ret_run, struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    *ret_found = false;
    EFF_TRY(eff_control_query(control, err, &s, sql, "si", sync, (int64_t)state));
    while (eff_control_row(control, s, &fault, err)) {
        *ret_found = true;
        *ret_run = (struct eff_run_row){
            .id = eff_control_text(s, 0, arena),
            .sync = eff_control_text(s, 1, arena),
            .state = (enum eff_run_state)sqlite3_column_int(s, 2),
            .started_ms = sqlite3_column_int64(s, 3),
            .ended_ms = sqlite3_column_int64(s, 4),
            .changes_digest = (uint64_t)sqlite3_column_int64(s, 5),
            .generation = (uint64_t)sqlite3_column_int64(s, 6),
            .columns = eff_control_text(s, 7, arena),
            .report = eff_control_text(s, 8, arena),
        };
    }
    return fault;
}

#define CONTROL_RUN_COLUMNS                                                                        \
    "SELECT id, sync, state, started, ended, digest, generation, columns, report FROM run"

enum eff_fault
eff_control_open_run(struct eff_control *control, eff_str sync, struct eff_arena *arena,
                     bool *ret_found, struct eff_run_row *ret_run, struct eff_err *err)
{
    return control_find_run(control,
                            CONTROL_RUN_COLUMNS " WHERE sync = ?1 AND state = ?2 ORDER BY id", sync,
                            EFF_RUN_PLANNED, arena, ret_found, ret_run, err);
}

enum eff_fault
eff_control_last_run(struct eff_control *control, eff_str sync, struct eff_arena *arena,
                     bool *ret_found, struct eff_run_row *ret_run, struct eff_err *err)
{
    return control_find_run(
        control, CONTROL_RUN_COLUMNS " WHERE sync = ?1 AND state = ?2 ORDER BY id DESC LIMIT 1",
        sync, EFF_RUN_CLOSED, arena, ret_found, ret_run, err);
}

enum eff_fault
eff_control_reports(struct eff_control *control, eff_str sync, enum eff_run_state state,
                    size_t most, struct eff_arena *arena, size_t *ret_count, eff_str *ret_reports,
                    struct eff_err *err)
{
    sqlite3_stmt *s;
    enum eff_fault fault = EFF_OK;

    *ret_count = 0;
    EFF_TRY(eff_control_query(
        control, err, &s,
        "SELECT report FROM run WHERE sync = ?1 AND state = ?2 ORDER BY id DESC LIMIT ?3", "sii",
        sync, (int64_t)state, (int64_t)most));
    while (eff_control_row(control, s, &fault, err))
        ret_reports[(*ret_count)++] = eff_control_text(s, 0, arena);
    return fault;
}

enum eff_fault
eff_control_act(struct eff_control *control, const struct eff_run_row *act, struct eff_err *err)
{
    return eff_control_plan(control, act, err);
}

enum eff_fault
eff_control_sync_reset(struct eff_control *control, const struct eff_run_row *act,
                       struct eff_err *err)
{
    enum eff_fault fault;

    EFF_TRY(eff_control_begin(control, true, err));
    fault = control_sync_forget(control, act->sync, err);
    if (fault == EFF_OK)
        fault = control_put_run(control, act, err);
    return eff_control_end(control, fault, err);
}

/*
 * A ledger entry that a complete read did not meet again is gone: delivered, or left the model.
 * The values of one that was long not tried are, too: held rows may stay for ever.
 */
static enum eff_fault
control_close_run(struct eff_control *control, const struct eff_run_row *run, bool complete_read,
                  struct eff_err *err)
{
    EFF_TRY(control_put_run(control, run, err));
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM batch WHERE run = ?1", "s", run->id));
    EFF_TRY(eff_control_exec(control, err,
                             "DELETE FROM run WHERE sync = ?1 AND state = ?2 AND id <= (SELECT id"
                             " FROM run WHERE sync = ?1 AND state = ?2 ORDER BY id DESC"
                             " LIMIT 1 OFFSET " CONTROL_RUNS_KEPT ")",
                             "si", run->sync, (int64_t)EFF_RUN_CLOSED));
    EFF_TRY(eff_control_exec(control, err,
                             "UPDATE ledger SET sent = NULL WHERE sync = ?1 AND sent IS NOT NULL"
                             " AND last < ?2",
                             "si", run->sync, run->ended_ms - CONTROL_SENT_MS));
    EFF_TRY(eff_control_exec(control, err, "DELETE FROM used WHERE since < ?1", "i",
                             run->ended_ms - EFF_CONTROL_KEYS_MS));
    if (!complete_read)
        return EFF_OK;
    /* What may have been created is remembered even while its row is gone: it may come back. */
    return eff_control_exec(control, err,
                            "DELETE FROM ledger WHERE sync = ?1 AND run <> ?2"
                            " AND code IS NOT 'ambiguous'",
                            "ss", run->sync, run->id);
}

enum eff_fault
eff_control_close_run(struct eff_control *control, const struct eff_run_row *run,
                      bool complete_read, struct eff_err *err)
{
    EFF_TRY(eff_control_begin(control, true, err));
    return eff_control_end(control, control_close_run(control, run, complete_read, err), err);
}
