/*
 * state/control_db: binding, stepping and committing on the control database.
 */
#include "state/control_db.h"

#include "base/crash.h"

#include <stdarg.h>

static void
control_pack_key(struct eff_hash128 key, unsigned char ret_bytes[16])
{
    for (int i = 0; i < 8; i++) {
        ret_bytes[i] = (unsigned char)(key.hi >> (56 - 8 * i));
        ret_bytes[8 + i] = (unsigned char)(key.lo >> (56 - 8 * i));
    }
}

struct eff_hash128
eff_control_key(sqlite3_stmt *statement, int column)
{
    const unsigned char *bytes = sqlite3_column_blob(statement, column);
    struct eff_hash128 key = {0};

    if (sqlite3_column_bytes(statement, column) != 16)
        return key;
    for (int i = 0; i < 8; i++) {
        key.hi = key.hi << 8 | bytes[i];
        key.lo = key.lo << 8 | bytes[8 + i];
    }
    return key;
}

eff_str
eff_control_text(sqlite3_stmt *statement, int column, struct eff_arena *arena)
{
    const char *bytes = sqlite3_column_blob(statement, column);
    size_t len = (size_t)sqlite3_column_bytes(statement, column);

    if (sqlite3_column_type(statement, column) == SQLITE_NULL)
        return EFF_STR_NONE;
    return eff_str_copy(arena, (eff_str){bytes ? bytes : "", len});
}

enum eff_fault
eff_control_failed(struct eff_control *control, struct eff_err *err)
{
    int code = sqlite3_extended_errcode(control->db);
    int why = (code & 0xff) == SQLITE_CANTOPEN ? sqlite3_system_errno(control->db) : 0;

    switch (code & 0xff) {
    case SQLITE_FULL:
        EFF_FAIL(err, EFF_BROKEN, "the disk is full: cannot write the state in %s", control->path);
        return eff_err_hint(err, "Free some space and run again: nothing is lost.");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        EFF_FAIL(err, EFF_TRANSIENT, "the state %s is locked by another process", control->path);
        return eff_err_hint(err, "Run again when the other process has finished.");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        EFF_FAIL(err, EFF_BROKEN, "the state %s is damaged: %s", control->path,
                 sqlite3_errmsg(control->db));
        return eff_err_hint(err, "Restore the state folder from a backup.");
    default:
        return EFF_FAIL(err, EFF_BROKEN, "the state %s: %s%s%s (SQLite %d)", control->path,
                        sqlite3_errmsg(control->db), why ? ": " : "", why ? strerror(why) : "",
                        code);
    }
}

static sqlite3_stmt *
control_statement(struct eff_control *control, const char *sql)
{
    for (size_t i = 0; i < EFF_CONTROL_STATEMENTS_MAX; i++) {
        if (control->kept[i].sql == sql)
            return control->kept[i].statement;
        if (control->kept[i].sql)
            continue;
        if (sqlite3_prepare_v3(control->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                               &control->kept[i].statement, NULL) != SQLITE_OK)
            return NULL;
        control->kept[i].sql = sql;
        return control->kept[i].statement;
    }
    return NULL;
}

static void
control_bind(sqlite3_stmt *statement, const char *types, va_list *args)
{
    for (int i = 0; types[i]; i++) {
        if (types[i] == 'i') {
            sqlite3_bind_int64(statement, i + 1, va_arg(*args, int64_t));
        } else if (types[i] == 'k') {
            unsigned char bytes[16];

            control_pack_key(va_arg(*args, struct eff_hash128), bytes);
            sqlite3_bind_blob(statement, i + 1, bytes, sizeof bytes, SQLITE_TRANSIENT);
        } else {
            eff_str s = va_arg(*args, eff_str);

            if (!s.ptr)
                sqlite3_bind_null(statement, i + 1);
            else if (types[i] == 'b')
                sqlite3_bind_blob64(statement, i + 1, s.ptr, s.len, SQLITE_TRANSIENT);
            else
                sqlite3_bind_text64(statement, i + 1, s.ptr, s.len, SQLITE_TRANSIENT, SQLITE_UTF8);
        }
    }
}

static enum eff_fault
control_start(struct eff_control *control, struct eff_err *err, sqlite3_stmt **ret_statement,
              const char *sql, const char *types, va_list *args)
{
    sqlite3_stmt *statement = control_statement(control, sql);

    if (!statement)
        return eff_control_failed(control, err);
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    control_bind(statement, types, args);
    *ret_statement = statement;
    return EFF_OK;
}

enum eff_fault
eff_control_query(struct eff_control *control, struct eff_err *err, sqlite3_stmt **ret_statement,
                  const char *sql, const char *types, ...)
{
    va_list args;
    enum eff_fault fault;

    va_start(args, types);
    fault = control_start(control, err, ret_statement, sql, types, &args);
    va_end(args);
    return fault;
}

enum eff_fault
eff_control_exec(struct eff_control *control, struct eff_err *err, const char *sql,
                 const char *types, ...)
{
    sqlite3_stmt *statement = NULL;
    enum eff_fault fault;
    va_list args;

    va_start(args, types);
    fault = control_start(control, err, &statement, sql, types, &args);
    va_end(args);
    while (fault == EFF_OK && eff_control_row(control, statement, &fault, err))
        ;
    return fault;
}

bool
eff_control_row(struct eff_control *control, sqlite3_stmt *statement, enum eff_fault *ret_fault,
                struct eff_err *err)
{
    int code = sqlite3_step(statement);

    *ret_fault = EFF_OK;
    if (code == SQLITE_ROW)
        return true;
    if (code != SQLITE_DONE)
        *ret_fault = eff_control_failed(control, err);
    sqlite3_reset(statement);
    return false;
}

/*
 * In WAL mode a NORMAL commit survives the death of the process but may be rolled
 * back by a power loss; a FULL commit fsyncs the log and with it all before it.
 */
enum eff_fault
eff_control_begin(struct eff_control *control, bool durable, struct eff_err *err)
{
    if (durable)
        EFF_TRY(eff_control_exec(control, err, "PRAGMA synchronous = FULL", ""));
    else
        EFF_TRY(eff_control_exec(control, err, "PRAGMA synchronous = NORMAL", ""));
    return eff_control_exec(control, err, "BEGIN IMMEDIATE", "");
}

enum eff_fault
eff_control_end(struct eff_control *control, enum eff_fault fault, struct eff_err *err)
{
    if (fault == EFF_OK) {
        EFF_CRASH_AT("control.before_commit");
        fault = eff_control_exec(control, err, "COMMIT", "");
        EFF_CRASH_AT("control.committed");
    }
    if (fault != EFF_OK && !sqlite3_get_autocommit(control->db)) {
        struct eff_err ignored = {0};

        eff_control_exec(control, &ignored, "ROLLBACK", "");
    }
    return fault;
}
