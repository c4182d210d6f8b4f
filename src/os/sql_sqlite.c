/*
 * os/sql_sqlite: SQL requests against an SQLite file that belongs to somebody else.
 *
 * The journal mode and `synchronous` are the file's own: we are a guest. A file
 * that does not exist is not created. Double-quoted strings are switched off, so
 * that a column that has gone is an error and never a text. The two statements
 * of a sync stay prepared between requests.
 */
#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/crash.h"
#include "os/moment.h"
#include "os/sql.h"

#define SQLITE_BUSY_MS     5000
#define SQLITE_BUSY_PAUSE  100
#define SQLITE_STATEMENTS  4
#define SQLITE_CHECK_EVERY 10000 /* virtual machine steps between looks at the clock: < 1 ms */

struct sqlite_statement {
    char *sql; /* malloc'ed copy: the cache's key */
    size_t len;
    sqlite3_stmt *stmt;
    uint64_t used; /* turn of its last use */
};

struct sqlite3_link {
    struct sqlite3_link *next;
    struct eff_sql *sql;
    eff_str connect; /* in the process arena */
    sqlite3 *db;
    uint64_t turn;
    int64_t deadline_ms;
    struct sqlite_statement statements[SQLITE_STATEMENTS];
};

/* ---- faults ---- */

/* Refused on its merits, or a trouble that may pass? */
static int
sqlite_status(int code)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_NOMEM:
    case SQLITE_INTERRUPT:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_PROTOCOL:
    case SQLITE_SCHEMA:
        return 503;
    default:
        return 400;
    }
}

static bool
sqlite_refuse(struct eff_sql *sql, sqlite3 *db, enum eff_wire wire)
{
    int code = sqlite3_extended_errcode(db), why = sqlite3_system_errno(db);
    char text[16];

    if ((code & 0xff) == SQLITE_CANTOPEN && (why == EMFILE || why == ENFILE || why == ENOMEM))
        return eff_sql_refuse(sql, wire, 503, "7", "%s",
                              strerror(why)); // it is not the file's fault
    snprintf(text, sizeof(text), "%d", code);
    return eff_sql_refuse(sql, wire, sqlite_status(code), text, "%s", sqlite3_errmsg(db));
}

/* ---- connections and statements ---- */

static int
sqlite_on_progress(void *user)
{
    const struct sqlite3_link *link = user;

    return eff_moment_mono_ms() >= link->deadline_ms || eff_sql_must_stop(link->sql);
}

/* Somebody else has the file: looks again, at first soon, then less often. */
static int
sqlite_on_busy(void *user, int times)
{
    static const int pauses[] = {1, 2, 5, 10, 15, 20, 25, 25, 50};
    static const int last = (int)(sizeof(pauses) / sizeof(pauses[0]));
    const struct sqlite3_link *link = user;

    if (eff_sql_must_stop(link->sql) || (times - last) * SQLITE_BUSY_PAUSE >= SQLITE_BUSY_MS)
        return 0;
    sqlite3_sleep(times < last ? pauses[times] : SQLITE_BUSY_PAUSE);
    return 1;
}

static void
sqlite_link_close(struct sqlite3_link *link)
{
    for (size_t i = 0; i < SQLITE_STATEMENTS; i++) {
        sqlite3_finalize(link->statements[i].stmt);
        free(link->statements[i].sql);
        link->statements[i] = (struct sqlite_statement){0};
    }
    sqlite3_close(link->db);
    link->db = NULL;
}

void
eff_sql_sqlite_close(struct eff_sql *sql)
{
    for (struct sqlite3_link *link = sql->sqlite; link != NULL; link = link->next)
        sqlite_link_close(link);
    sql->sqlite = NULL;
}

static bool
sqlite_open(struct eff_sql *sql, struct sqlite3_link *link)
{
    int code;

    if (link->db != NULL)
        return true;
    code = sqlite3_open_v2(link->connect.ptr, &link->db, SQLITE_OPEN_READWRITE, NULL);
    if (link->db == NULL)
        return eff_sql_refuse(sql, EFF_WIRE_NOT_SENT, 503, "7", "out of memory");
    if (code != SQLITE_OK) {
        sqlite_refuse(sql, link->db, EFF_WIRE_NOT_SENT);
        sqlite_link_close(link);
        return false;
    }
    sqlite3_extended_result_codes(link->db, 1);
    sqlite3_busy_handler(link->db, sqlite_on_busy, link);
    sqlite3_db_config(link->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(link->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(link->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(link->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    sqlite3_progress_handler(link->db, SQLITE_CHECK_EVERY, sqlite_on_progress, link);
    return true;
}

static struct sqlite3_link *
sqlite_link(struct eff_sql *sql, const struct eff_sql_request *request, int64_t deadline_ms)
{
    struct sqlite3_link *link = sql->sqlite;

    while (link != NULL && !eff_str_eq(link->connect, request->connect))
        link = link->next;
    if (link == NULL) {
        link = eff_new(sql->process, struct sqlite3_link, 1);
        link->sql = sql;
        link->connect = eff_str_copy(sql->process, request->connect);
        link->next = sql->sqlite;
        sql->sqlite = link;
    }
    link->deadline_ms = deadline_ms;
    return sqlite_open(sql, link) ? link : NULL;
}

/* An index that somebody made since is not seen by a statement that fails for the want of it. */
static bool
sqlite_read_schema(sqlite3 *db)
{
    return sqlite3_exec(db, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL) == SQLITE_OK;
}

static bool
sqlite_compile(struct eff_sql *sql, struct sqlite3_link *link, eff_str text,
               struct sqlite_statement *ret_at)
{
    const char *tail = NULL;
    sqlite3_stmt *stmt = NULL;
    int code;

    if (text.len > INT32_MAX)
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "18", "the statement is too long");
    code = sqlite3_prepare_v3(link->db, text.ptr, (int)text.len, SQLITE_PREPARE_PERSISTENT, &stmt,
                              &tail);
    if (code == SQLITE_ERROR && sqlite_read_schema(link->db))
        code = sqlite3_prepare_v3(link->db, text.ptr, (int)text.len, SQLITE_PREPARE_PERSISTENT,
                                  &stmt, &tail);
    if (code != SQLITE_OK)
        return sqlite_refuse(sql, link->db, EFF_WIRE_ANSWERED);
    if (stmt == NULL || (size_t)(tail - text.ptr) != text.len) {
        sqlite3_finalize(stmt);
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "1", "not exactly one statement");
    }
    sqlite3_finalize(ret_at->stmt);
    free(ret_at->sql);
    *ret_at = (struct sqlite_statement){.sql = malloc(text.len + 1), .stmt = stmt};
    if (ret_at->sql != NULL) { // without a copy it is merely not found again
        memcpy(ret_at->sql, text.ptr, text.len);
        ret_at->len = text.len;
    }
    return true;
}

static sqlite3_stmt *
sqlite_statement(struct eff_sql *sql, struct sqlite3_link *link, eff_str text)
{
    struct sqlite_statement *oldest = &link->statements[0];

    link->turn++;
    for (size_t i = 0; i < SQLITE_STATEMENTS; i++) {
        struct sqlite_statement *at = &link->statements[i];

        if (at->sql != NULL && eff_str_eq((eff_str){at->sql, at->len}, text)) {
            at->used = link->turn;
            return at->stmt;
        }
        if (at->used < oldest->used)
            oldest = at;
    }
    if (!sqlite_compile(sql, link, text, oldest))
        return NULL;
    oldest->used = link->turn;
    return oldest->stmt;
}

/* ---- parameters ---- */

static bool
sqlite_bind_text(struct eff_sql *sql, sqlite3_stmt *stmt, int at, const struct eff_value *value)
{
    eff_buf_reset(&sql->text);
    eff_value_text(&sql->text, value);
    return !sql->text.full && sqlite3_bind_text64(stmt, at, sql->text.ptr, sql->text.len,
                                                  SQLITE_TRANSIENT, SQLITE_UTF8) == SQLITE_OK;
}

/* An empty text or blob is not NULL, so it needs an address. */
static const char *
sqlite_ptr(const struct eff_value *value)
{
    return value->len ? value->ptr : "";
}

static bool
sqlite_bind(struct eff_sql *sql, sqlite3_stmt *stmt, int at, const struct eff_value *value)
{
    switch ((enum eff_kind)value->kind) {
    case EFF_NULL:
    case EFF_ABSENT:
        return sqlite3_bind_null(stmt, at) == SQLITE_OK;
    case EFF_BOOL:
    case EFF_INT:
        return sqlite3_bind_int64(stmt, at, value->i) == SQLITE_OK;
    case EFF_FLOAT:
        if (isnan(value->f)) // SQLite would store NULL without a word.
            return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "20", "SQLite cannot hold NaN");
        return sqlite3_bind_double(stmt, at, value->f) == SQLITE_OK;
    case EFF_DECIMAL:
    case EFF_TEXT:
    case EFF_JSON:
        return sqlite3_bind_text64(stmt, at, sqlite_ptr(value), value->len, SQLITE_STATIC,
                                   SQLITE_UTF8) == SQLITE_OK;
    case EFF_BYTES:
        return sqlite3_bind_blob64(stmt, at, sqlite_ptr(value), value->len, SQLITE_STATIC) ==
               SQLITE_OK;
    case EFF_DATE:
    case EFF_TIME:
    case EFF_DATETIME:
    case EFF_INSTANT:
        return sqlite_bind_text(sql, stmt, at, value);
    case EFF_BAD:
        break;
    }
    return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "20", "a value of the kind %s",
                          eff_kind_name(value->kind));
}

static bool
sqlite_bind_row(struct eff_sql *sql, struct sqlite3_link *link, sqlite3_stmt *stmt,
                const struct eff_value *row, size_t columns)
{
    int wanted = sqlite3_bind_parameter_count(stmt);

    if ((size_t)wanted > columns)
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "25", "%d parameters for %zu values",
                              wanted, columns);
    sql->response.status = 200;
    for (int i = 0; i < wanted; i++) {
        if (sqlite_bind(sql, stmt, i + 1, &row[i]))
            continue;
        if (sql->response.status == 200)
            sqlite_refuse(sql, link->db, EFF_WIRE_ANSWERED);
        return false;
    }
    return true;
}

/* ---- writing ---- */

/*
 * A constraint takes back its own statement only: the other rows of the transaction
 * stay, and need not be sent again in halves until the one to blame stands alone.
 */
static bool
sqlite_refuse_row(struct eff_sql *sql, struct sqlite3_link *link,
                  const struct eff_sql_request *request, size_t row)
{
    struct eff_refused_row *refused = (struct eff_refused_row *)(uintptr_t)sql->response.refused;
    const char *problem = sqlite3_errmsg(link->db);
    char *text = eff_sql_alloc(sql, 1, strlen(problem) + 17);
    int len;

    if (refused == NULL)
        refused = eff_sql_alloc(sql, sizeof(*refused), request->rows);
    if (refused == NULL || text == NULL)
        return false;
    len = snprintf(text, 16, "%d", sqlite3_extended_errcode(link->db));
    memcpy(text + 16, problem, strlen(problem) + 1);
    refused[sql->response.refused_count++] =
        (struct eff_refused_row){row, {text, (size_t)len}, eff_str_of(text + 16)};
    sql->response.refused = refused;
    return true;
}

static bool
sqlite_row(struct eff_sql *sql, struct sqlite3_link *link, sqlite3_stmt *stmt,
           const struct eff_sql_request *request, size_t row, int64_t *ret_changed)
{
    int code;

    if (!sqlite_bind_row(sql, link, stmt, &request->params[row * request->columns],
                         request->columns))
        return false;
    do
        code = sqlite3_step(stmt);
    while (code == SQLITE_ROW); // RETURNING, or a function's value: not wanted
    if (request->rows > 1 && (code & 0xff) == SQLITE_CONSTRAINT &&
        !sqlite3_get_autocommit(link->db)) {
        bool kept = sqlite_refuse_row(sql, link, request, row);

        *ret_changed = -1;
        sqlite3_reset(stmt);
        return kept;
    }
    if (code != SQLITE_DONE)
        sqlite_refuse(sql, link->db, EFF_WIRE_ANSWERED);
    else
        *ret_changed = sqlite3_changes64(link->db);
    sqlite3_reset(stmt);
    if (code == SQLITE_DONE && request->changed_max > 0 && *ret_changed > request->changed_max)
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 400, "21000",
                              "one row would change %lld records", (long long)*ret_changed);
    return code == SQLITE_DONE;
}

static bool
sqlite_rows(struct eff_sql *sql, struct sqlite3_link *link, const struct eff_sql_request *request,
            int64_t *changed)
{
    sqlite3_stmt *first = sqlite_statement(sql, link, request->statement), *second = NULL;

    if (first == NULL)
        return false;
    if (request->otherwise.ptr != NULL) {
        second = sqlite_statement(sql, link, request->otherwise);
        if (second == NULL)
            return false;
    }
    for (size_t row = 0; row < request->rows; row++) {
        if (!sqlite_row(sql, link, first, request, row, &changed[row]))
            return false;
        if (changed[row] == 0 && second != NULL &&
            !sqlite_row(sql, link, second, request, row, &changed[row]))
            return false;
    }
    return true;
}

/*
 * Has a COMMIT that failed with this code left nothing behind? Certainly while the
 * transaction is still open. Of an I/O error that has ended it nobody knows on
 * which side of the commit it struck.
 */
static bool
sqlite_is_undone(sqlite3 *db, int code)
{
    code &= 0xff;
    return !sqlite3_get_autocommit(db) || code == SQLITE_BUSY || code == SQLITE_FULL ||
           code == SQLITE_CONSTRAINT;
}

static bool
sqlite_commit(struct eff_sql *sql, struct sqlite3_link *link)
{
    int code;

    EFF_CRASH_AT("sql.before_commit");
    code = sqlite3_exec(link->db, "COMMIT", NULL, NULL, NULL);
    EFF_CRASH_AT("sql.committed");
    if (code == SQLITE_OK)
        return true;
    return sqlite_refuse(sql, link->db,
                         sqlite_is_undone(link->db, code) ? EFF_WIRE_ANSWERED : EFF_WIRE_LOST);
}

static void
sqlite_write(struct eff_sql *sql, struct sqlite3_link *link, const struct eff_sql_request *request)
{
    int64_t *changed = eff_sql_alloc(sql, sizeof(*changed), request->rows);

    if (changed == NULL)
        return;
    if (sqlite3_exec(link->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK) {
        sqlite_refuse(sql, link->db, EFF_WIRE_ANSWERED);
        return;
    }
    if (sqlite_rows(sql, link, request, changed) && sqlite_commit(sql, link)) {
        sql->response.rows = request->rows;
        sql->response.changed = changed;
    } else if (!sqlite3_get_autocommit(link->db)) {
        sqlite3_progress_handler(link->db, 0, NULL, NULL);
        if (sqlite3_exec(link->db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
            sqlite_link_close(link); // Closing rolls back too.
        else
            sqlite3_progress_handler(link->db, SQLITE_CHECK_EVERY, sqlite_on_progress, link);
    }
}

/* ---- queries ---- */

static bool
sqlite_cell(struct eff_sql *sql, sqlite3_stmt *stmt, int column, struct eff_value *ret_value)
{
    int type = sqlite3_column_type(stmt, column);
    const void *bytes;
    char *copy;
    size_t len;

    *ret_value = (struct eff_value){.kind = EFF_NULL};
    if (type == SQLITE_NULL)
        return true;
    if (type == SQLITE_INTEGER) {
        *ret_value = eff_value_of_int(EFF_INT, sqlite3_column_int64(stmt, column));
        return true;
    }
    if (type == SQLITE_FLOAT) {
        *ret_value = eff_value_of_float(sqlite3_column_double(stmt, column));
        return true;
    }
    bytes = type == SQLITE_BLOB ? sqlite3_column_blob(stmt, column)
                                : (const void *)sqlite3_column_text(stmt, column);
    len = (size_t)sqlite3_column_bytes(stmt, column);
    copy = eff_sql_alloc(sql, 1, len + 1);
    if (copy == NULL)
        return false;
    if (len > 0)
        memcpy(copy, bytes, len);
    *ret_value = eff_value_of_str(type == SQLITE_BLOB ? EFF_BYTES : EFF_TEXT, (eff_str){copy, len});
    return true;
}

static bool
sqlite_names(struct eff_sql *sql, sqlite3_stmt *stmt, size_t columns)
{
    eff_str *names = eff_sql_alloc(sql, sizeof(*names), columns);

    if (names == NULL)
        return false;
    for (size_t i = 0; i < columns; i++) {
        const char *name = sqlite3_column_name(stmt, (int)i);
        size_t len = name ? strlen(name) : 0;
        char *copy = eff_sql_alloc(sql, 1, len + 1);

        if (copy == NULL)
            return false;
        memcpy(copy, name ? name : "", len);
        names[i] = (eff_str){copy, len};
    }
    sql->response.columns = columns;
    sql->response.names = names;
    return true;
}

/* Cells in a table that doubles inside the arena. */
static bool
sqlite_fetch(struct eff_sql *sql, sqlite3 *db, sqlite3_stmt *stmt, size_t columns)
{
    struct eff_value *cells = NULL;
    size_t rows = 0, cap = 0;
    int code;

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (rows == cap) {
            struct eff_value *more;

            cap = cap ? cap * 2 : 64;
            more = eff_sql_alloc(sql, sizeof(*more) * columns, cap);
            if (more == NULL)
                return false;
            if (rows > 0)
                memcpy(more, cells, rows * columns * sizeof(*cells));
            cells = more;
        }
        for (size_t i = 0; i < columns; i++)
            if (!sqlite_cell(sql, stmt, (int)i, &cells[rows * columns + i]))
                return false;
        rows++;
    }
    if (code != SQLITE_DONE)
        return sqlite_refuse(sql, db, EFF_WIRE_ANSWERED);
    sql->response.rows = rows;
    sql->response.cells = cells;
    return true;
}

static void
sqlite_query(struct eff_sql *sql, struct sqlite3_link *link, const struct eff_sql_request *request)
{
    sqlite3_stmt *stmt = sqlite_statement(sql, link, request->statement);
    size_t columns;

    if (stmt == NULL)
        return;
    columns = (size_t)sqlite3_column_count(stmt);
    if (sqlite_bind_row(sql, link, stmt, request->params, request->columns) &&
        (columns == 0 || sqlite_names(sql, stmt, columns)))
        sqlite_fetch(sql, link->db, stmt, columns);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
}

void
eff_sql_sqlite(struct eff_sql *sql, const struct eff_sql_request *request, int64_t deadline_ms)
{
    struct sqlite3_link *link = sqlite_link(sql, request, deadline_ms);

    if (link == NULL)
        return;
    if (request->rows > 0)
        sqlite_write(sql, link, request);
    else
        sqlite_query(sql, link, request);
}
