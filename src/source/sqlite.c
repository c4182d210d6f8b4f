/*
 * source/sqlite: models over a SQLite file.
 *
 * One connection, read-only in three ways (the open flag, PRAGMA query_only, and
 * an authorizer that knows only SELECT), in one read transaction from open to
 * close. Rows are copied out of SQLite's own buffers, which die with each step,
 * into one block that is used again for every batch.
 *
 * SQLite's types belong to cells, not to columns. What a cell becomes:
 *
 *   storage    declared type of a plain column      becomes
 *   NULL       any                                  NULL
 *   INTEGER    BOOL..., and it is 0 or 1            BOOL
 *   INTEGER    any other                            INT
 *   REAL       DECIMAL..., NUMERIC...               DECIMAL by its shortest text (infinite: BAD)
 *   REAL       any other                            FLOAT
 *   TEXT       DATE, and it is a date               DATE
 *   TEXT       DATETIME, TIMESTAMP..., and it       DATETIME; INSTANT when it has a zone
 *              is a date or a time
 *   TEXT       JSON..., and it is JSON              JSON
 *   TEXT       any other                            TEXT, whatever its bytes are
 *   BLOB       any                                  BYTES
 *
 * An expression has no declared type. In the old journal mode a reader keeps
 * writers waiting while it reads; in WAL mode nobody waits.
 */
#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/number.h"
#include "source/deadline.h"
#include "source/source.h"
#include "source/sql.h"

#define SQLITE_CHECK_EVERY 100000 /* of its virtual machine's instructions: some milliseconds */
#define SQLITE_ROWS_MAX    4096
#define SQLITE_CELLS_MAX   65536
#define SQLITE_BLOCK_BYTES ((size_t)1 << 20)
#define SQLITE_JSON_BYTES  ((size_t)256 << 20) /* addresses; pages are touched as JSON needs them */

struct sqlite_config {
    eff_str path;
    int64_t busy_timeout_ms, statement_timeout_ms;
};

static const struct eff_option sqlite_options[] = {
    {"path", EFF_OPT_PATH, offsetof(struct sqlite_config, path), NULL, 0, 0,
     "The SQLite file to read from.", EFF_OPT_REQUIRED, NULL},
    {"busy_timeout", EFF_OPT_TIME, offsetof(struct sqlite_config, busy_timeout_ms), "5s", 0, 600000,
     "How long to wait for a writer that has locked the file.", 0, NULL},
    {"statement_timeout", EFF_OPT_TIME, offsetof(struct sqlite_config, statement_timeout_ms), NULL,
     0, 604800000,
     "How long one query may take, from its start to its last row; 0: as long as it takes.", 0,
     NULL},
};

enum sqlite_hint { HINT_NONE = 0, HINT_BOOL, HINT_DECIMAL, HINT_DATE, HINT_DATETIME, HINT_JSON };

struct sqlite_source {
    struct eff_source base;
    struct eff_arena *run;
    const struct sqlite_config *config;
    sqlite3 *db;
    sqlite3_stmt *stmt;
    struct eff_arena json; /* only to see whether JSON is JSON */
    uint8_t *hints;        /* per column */
    size_t width;
    struct eff_value *cells;
    size_t rows_max, cells_cap;
    char *block; /* texts of the present batch */
    size_t block_used, block_cap;
    bool waiting; /* the statement stands on a row that did not fit into the last batch */
    bool done;
    struct eff_deadline deadline;
    struct eff_err failed; /* given again by every further call */
};

/* ---------------------------------------------------------------------------- faults */

static enum eff_fault
sqlite_fault(struct sqlite_source *s, eff_str sql, struct eff_err *err)
{
    int code = sqlite3_extended_errcode(s->db);
    int offset = sqlite3_error_offset(s->db);
    const char *text = sqlite3_errmsg(s->db);

    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        (void)EFF_FAIL(err, EFF_TRANSIENT, "the SQLite file is locked by a writer");
        eff_err_hint(err,
                     "Wait for the writer, raise busy_timeout, or switch the file to WAL mode.");
        break;
    case SQLITE_INTERRUPT:
        (void)EFF_FAIL(err, EFF_TRANSIENT, "the query was cancelled");
        break;
    case SQLITE_IOERR:
    case SQLITE_NOMEM:
        (void)EFF_FAIL(err, EFF_TRANSIENT, "sqlite: %s", text);
        break;
    case SQLITE_CORRUPT:
        (void)EFF_FAIL(err, EFF_CONFIG, "the SQLite file is damaged: %s", text);
        eff_err_hint(err, "Run PRAGMA integrity_check on it, and restore it from a backup.");
        break;
    case SQLITE_NOTADB:
        (void)EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " is not a SQLite database",
                       EFF_STR_ARG(s->config->path));
        break;
    case SQLITE_AUTH:
    case SQLITE_READONLY:
        eff_sql_writes(err);
        break;
    default:
        eff_sql_fault(sql, offset < 0 ? SIZE_MAX : (size_t)offset, text, err);
        break;
    }
    err->code = code;
    return err->fault;
}

/* ------------------------------------------------------------------------------ open */

static int
sqlite_authorize(void *self, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)self, (void)a, (void)b, (void)c, (void)d;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    default:
        return SQLITE_DENY;
    }
}

static enum eff_fault
sqlite_cannot_open(const struct sqlite_source *s, struct eff_os *os, const char *path,
                   struct eff_err *err)
{
    const struct sqlite_config *config = s->config;
    int why = s->db ? sqlite3_system_errno(s->db) : 0;

    if (why == EMFILE || why == ENFILE || why == ENOMEM)
        return EFF_FAIL(err, EFF_TRANSIENT, "cannot open the SQLite file " EFF_STR_FMT ": %s",
                        EFF_STR_ARG(config->path), strerror(why));
    (void)EFF_FAIL(err, EFF_CONFIG, "cannot open the SQLite file " EFF_STR_FMT,
                   EFF_STR_ARG(config->path));
    if (!os->exists(os->self, path))
        return eff_err_hint(err, "There is no such file: check `path`.");
    return eff_err_hint(err,
                        "The file must be readable, and its folder too where it is in WAL mode.");
}

/* A query may take minutes before its first row: a request to stop is heard meanwhile. */
static int
sqlite_on_progress(void *user)
{
    return !eff_deadline_go_on(user);
}

static enum eff_fault
sqlite_connect(struct sqlite_source *s, struct eff_os *os, struct eff_err *err)
{
    char *path = eff_str_c(s->run, s->config->path);
    int rc =
        sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, os->sqlite_vfs);

    if (rc != SQLITE_OK)
        return sqlite_cannot_open(s, os, path, err);
    sqlite3_busy_timeout(s->db, (int)s->config->busy_timeout_ms);
    // A misspelt "column" in double quotes must be an error, not a constant text in every row.
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DML, 0, (int *)NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    // The SELECT takes the snapshot: BEGIN alone would leave it to the first query.
    rc = sqlite3_exec(s->db, "PRAGMA query_only = 1; BEGIN; SELECT 1 FROM sqlite_master LIMIT 1",
                      NULL, NULL, NULL);
    if (rc == SQLITE_CANTOPEN)
        return sqlite_cannot_open(s, os, path, err);
    if (rc != SQLITE_OK)
        return sqlite_fault(s, EFF_STR(""), err);
    sqlite3_set_authorizer(s->db, sqlite_authorize, NULL);
    sqlite3_progress_handler(s->db, SQLITE_CHECK_EVERY, sqlite_on_progress, &s->deadline);
    return EFF_OK;
}

static void
sqlite_close(struct eff_source *source)
{
    struct sqlite_source *s = (struct sqlite_source *)source;

    if (!s)
        return;
    sqlite3_finalize(s->stmt);
    sqlite3_close(s->db);
    eff_arena_deinit(&s->json);
    free(s->cells);
    free(s->block);
    s->stmt = NULL;
    s->db = NULL;
    s->cells = NULL;
    s->block = NULL;
}

static enum eff_fault
sqlite_open(const void *config, struct eff_os *os, struct eff_arena *run,
            struct eff_source **ret_source, struct eff_err *err)
{
    struct sqlite_source *s = eff_new(run, struct sqlite_source, 1);

    s->base.ops = &eff_source_sqlite;
    s->run = run;
    s->config = config;
    s->deadline = (struct eff_deadline){
        .os = os, .option = "statement_timeout", .most_ms = s->config->statement_timeout_ms};
    if (sqlite_connect(s, os, err) != EFF_OK) {
        sqlite_close(&s->base);
        return err->fault;
    }
    *ret_source = &s->base;
    return EFF_OK;
}

/* ----------------------------------------------------------------------------- query */

static bool
sqlite_type_has(const char *type, const char *word)
{
    return sqlite3_strlike(word, type, 0) == 0;
}

static enum sqlite_hint
sqlite_hint_of(const char *type)
{
    if (sqlite_type_has(type, "BOOL%"))
        return HINT_BOOL;
    if (sqlite_type_has(type, "DECIMAL%") || sqlite_type_has(type, "NUMERIC%"))
        return HINT_DECIMAL;
    if (sqlite_type_has(type, "DATETIME%") || sqlite_type_has(type, "TIMESTAMP%"))
        return HINT_DATETIME;
    if (sqlite_type_has(type, "DATE"))
        return HINT_DATE;
    return sqlite_type_has(type, "JSON%") ? HINT_JSON : HINT_NONE;
}

/* The kind to expect, by our hint or else by SQLite's own rules of affinity (datatype3.html 3.1). */
static enum eff_kind
sqlite_kind_of(const char *type, enum sqlite_hint hint)
{
    static const enum eff_kind hinted[] = {EFF_NULL, EFF_BOOL,     EFF_DECIMAL,
                                           EFF_DATE, EFF_DATETIME, EFF_JSON};

    if (hint != HINT_NONE)
        return hinted[hint];
    if (sqlite_type_has(type, "%INT%"))
        return EFF_INT;
    if (sqlite_type_has(type, "%CHAR%") || sqlite_type_has(type, "%CLOB%") ||
        sqlite_type_has(type, "%TEXT%"))
        return EFF_TEXT;
    if (sqlite_type_has(type, "%BLOB%"))
        return EFF_BYTES;
    if (sqlite_type_has(type, "%REAL%") || sqlite_type_has(type, "%FLOA%") ||
        sqlite_type_has(type, "%DOUB%"))
        return EFF_FLOAT;
    return EFF_NULL;
}

static struct eff_column
sqlite_column(struct sqlite_source *s, int i)
{
    const char *type = sqlite3_column_decltype(s->stmt, i);
    struct eff_column column = {.nullable = true};

    column.name = eff_str_copy(s->run, eff_str_of(sqlite3_column_name(s->stmt, i)));
    if (type) {
        s->hints[i] = (uint8_t)sqlite_hint_of(type);
        column.kind = sqlite_kind_of(type, (enum sqlite_hint)s->hints[i]);
        column.type_name = eff_str_copy(s->run, eff_str_of(type));
    }
    return column;
}

static void
sqlite_describe(struct sqlite_source *s, struct eff_columns *ret_columns)
{
    size_t width = (size_t)sqlite3_column_count(s->stmt);
    struct eff_column *columns = eff_new(s->run, struct eff_column, width);

    s->hints = eff_new(s->run, uint8_t, width);
    for (size_t i = 0; i < width; i++)
        columns[i] = sqlite_column(s, (int)i);
    s->width = width;
    ret_columns->count = width;
    ret_columns->at = columns;
}

static enum eff_fault
sqlite_prepare(struct sqlite_source *s, eff_str sql, struct eff_err *err)
{
    sqlite3_stmt *second = NULL;
    const char *tail = NULL;
    eff_str rest;
    int rc;

    if (sql.len > INT32_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "the SQL is too long");
    if (sqlite3_prepare_v2(s->db, sql.ptr, (int)sql.len, &s->stmt, &tail) != SQLITE_OK)
        return sqlite_fault(s, sql, err);
    if (!s->stmt)
        return EFF_FAIL(err, EFF_CONFIG, "the SQL is empty");
    rest = eff_str_sub(sql, (size_t)(tail - sql.ptr), SIZE_MAX);
    while (rest.len > 0 && *rest.ptr) { // SQLite itself tells comments from statements.
        rc = sqlite3_prepare_v2(s->db, rest.ptr, (int)rest.len, &second, &tail);
        sqlite3_finalize(second);
        if (rc != SQLITE_OK || second) {
            eff_sql_fault(sql, (size_t)(rest.ptr - sql.ptr),
                          "a model is one query, and a second statement begins", err);
            return eff_err_hint(err, "Keep the one SELECT; preparations belong in the warehouse.");
        }
        rest = eff_str_sub(rest, (size_t)(tail - rest.ptr), SIZE_MAX);
    }
    if (!sqlite3_stmt_readonly(s->stmt) || sqlite3_column_count(s->stmt) == 0)
        return eff_sql_writes(err);
    if (sqlite3_bind_parameter_count(s->stmt) > 0)
        return EFF_FAIL(
            err, EFF_CONFIG, "the SQL has a parameter (%s), and nothing gives it a value",
            sqlite3_bind_parameter_name(s->stmt, 1) ? sqlite3_bind_parameter_name(s->stmt, 1)
                                                    : "?");
    return EFF_OK;
}

static enum eff_fault
sqlite_make_room(struct sqlite_source *s, struct eff_err *err)
{
    size_t rows = SQLITE_CELLS_MAX / s->width;

    s->rows_max = rows < 64 ? 64 : rows > SQLITE_ROWS_MAX ? SQLITE_ROWS_MAX : rows;
    if (s->rows_max * s->width > s->cells_cap) {
        free(s->cells);
        s->cells_cap = s->rows_max * s->width;
        s->cells = malloc(s->cells_cap * sizeof(*s->cells));
    }
    if (!s->block)
        s->block = malloc(s->block_cap = SQLITE_BLOCK_BYTES);
    if (!s->cells || !s->block)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory");
    return EFF_OK;
}

static enum eff_fault
sqlite_query(struct eff_source *source, eff_str sql, struct eff_columns *ret_columns,
             struct eff_err *err)
{
    struct sqlite_source *s = (struct sqlite_source *)source;

    sqlite3_finalize(s->stmt);
    s->stmt = NULL;
    s->waiting = s->done = false;
    s->failed = (struct eff_err){0};
    eff_deadline_start(&s->deadline);
    EFF_TRY(sqlite_prepare(s, sql, err));
    sqlite_describe(s, ret_columns);
    EFF_TRY(eff_sql_check_columns(ret_columns, err));
    return sqlite_make_room(s, err);
}

/* ------------------------------------------------------------------------------ rows */

/* What a cell may need in the block, for a row that is larger than all of it. */
static size_t
sqlite_row_bytes(struct sqlite_source *s)
{
    size_t bytes = 0;

    for (size_t i = 0; i < s->width; i++) {
        int type = sqlite3_column_type(s->stmt, (int)i);

        if (type == SQLITE_TEXT || type == SQLITE_BLOB)
            bytes += (size_t)sqlite3_column_bytes(s->stmt, (int)i);
        else if (type == SQLITE_FLOAT)
            bytes += EFF_DOUBLE_TEXT_MAX;
    }
    return bytes;
}

/* Nothing is in it yet. */
static bool
sqlite_enlarge_block(struct sqlite_source *s, struct eff_err *err)
{
    size_t bytes = sqlite_row_bytes(s) + 1;

    free(s->block);
    s->block = malloc(bytes);
    s->block_cap = s->block ? bytes : 0;
    if (!s->block)
        (void)EFF_FAIL(err, EFF_BROKEN, "out of memory for a row of %zu bytes", bytes);
    return s->block != NULL;
}

/* This and the next ones: false when the block has no room for the cell. */
static bool
sqlite_copy(struct sqlite_source *s, enum eff_kind kind, const void *ptr, size_t len,
            struct eff_value *ret_value)
{
    char *to = s->block + s->block_used;

    if (len > s->block_cap - s->block_used)
        return false;
    if (len > 0)
        memcpy(to, ptr, len);
    s->block_used += len;
    eff_value_set_str(ret_value, kind, to, len);
    return true;
}

static bool
sqlite_real(struct sqlite_source *s, enum sqlite_hint hint, double f, struct eff_value *ret_value)
{
    char *to = s->block + s->block_used;

    if (hint != HINT_DECIMAL) {
        eff_value_set_float(ret_value, f);
        return true;
    }
    if (!isfinite(f)) {
        *ret_value = eff_value_of_str(EFF_BAD, EFF_STR("an infinite number in a decimal column"));
        return true;
    }
    if (s->block_cap - s->block_used < EFF_DOUBLE_TEXT_MAX)
        return false;
    eff_value_set_str(ret_value, EFF_DECIMAL, to, eff_double_text(f, to));
    s->block_used += ret_value->len;
    return true;
}

/* True when the text is what the column declares. */
static bool
sqlite_time(enum sqlite_hint hint, eff_str text, struct eff_value *ret_value)
{
    struct eff_civil civil;

    if (!eff_time_parse(text, &civil))
        return false;
    if (hint == HINT_DATE) {
        eff_value_set_int(ret_value, EFF_DATE,
                          eff_days_from_civil(civil.year, civil.month, civil.day));
        return !civil.has_time;
    }
    eff_value_set_int(ret_value, civil.has_offset ? EFF_INSTANT : EFF_DATETIME,
                      eff_micros_from_civil(&civil));
    ret_value->len = (uint32_t)(civil.nanos % 1000);
    return true;
}

static bool
sqlite_is_json(struct sqlite_source *s, eff_str text)
{
    const struct eff_json *root;
    struct eff_err err = {0};

    if (!s->json.base)
        eff_arena_init(&s->json, "source json", SQLITE_JSON_BYTES);
    eff_arena_reset(&s->json);
    return eff_json_parse(text, &s->json, &root, &err) == EFF_OK;
}

static bool
sqlite_text(struct sqlite_source *s, enum sqlite_hint hint, int column, struct eff_value *ret_value)
{
    const char *ptr = (const char *)sqlite3_column_text(s->stmt, column);
    eff_str text = {ptr, (size_t)sqlite3_column_bytes(s->stmt, column)};
    bool json;

    if ((hint == HINT_DATE || hint == HINT_DATETIME) && sqlite_time(hint, text, ret_value))
        return true;
    json = hint == HINT_JSON && sqlite_is_json(s, text);
    return sqlite_copy(s, json ? EFF_JSON : EFF_TEXT, text.ptr, text.len, ret_value);
}

static bool
sqlite_cell(struct sqlite_source *s, int column, struct eff_value *ret_value)
{
    enum sqlite_hint hint = (enum sqlite_hint)s->hints[column];
    const void *blob;
    int64_t i;

    switch (sqlite3_column_type(s->stmt, column)) {
    case SQLITE_INTEGER:
        i = sqlite3_column_int64(s->stmt, column);
        eff_value_set_int(ret_value, hint == HINT_BOOL && (i == 0 || i == 1) ? EFF_BOOL : EFF_INT,
                          i);
        return true;
    case SQLITE_FLOAT:
        return sqlite_real(s, hint, sqlite3_column_double(s->stmt, column), ret_value);
    case SQLITE_TEXT:
        return sqlite_text(s, hint, column, ret_value);
    case SQLITE_BLOB:
        blob = sqlite3_column_blob(s->stmt, column); // before its length
        return sqlite_copy(s, EFF_BYTES, blob, (size_t)sqlite3_column_bytes(s->stmt, column),
                           ret_value);
    default:
        eff_value_set_int(ret_value, EFF_NULL, 0);
        return true;
    }
}

/* False: the block has no room for it, and is as it was. */
static bool
sqlite_row(struct sqlite_source *s, struct eff_value *row)
{
    size_t used = s->block_used;

    for (size_t i = 0; i < s->width; i++) {
        if (!sqlite_cell(s, (int)i, &row[i])) {
            s->block_used = used;
            return false;
        }
    }
    return true;
}

/* Rows until the batch is full or the result ends; a fault is left in s->failed. */
static size_t
sqlite_fill(struct sqlite_source *s)
{
    size_t rows = 0;

    s->block_used = 0;
    while (rows < s->rows_max) {
        int rc = s->waiting ? SQLITE_ROW : sqlite3_step(s->stmt);

        s->waiting = false;
        if (rc == SQLITE_DONE) {
            s->done = true;
            break;
        }
        if (rc != SQLITE_ROW) {
            if (eff_deadline_check(&s->deadline, &s->failed) == EFF_OK)
                sqlite_fault(s, EFF_STR(""), &s->failed);
            break;
        }
        if (!sqlite_row(s, &s->cells[rows * s->width])) {
            if (rows > 0) { // it waits for the next batch
                s->waiting = true;
                break;
            }
            if (!sqlite_enlarge_block(s, &s->failed))
                break;
            if (!sqlite_row(s, s->cells)) {
                (void)EFF_FAIL(&s->failed, EFF_BROKEN, "a row is larger than SQLite said it is");
                break;
            }
        }
        rows++;
    }
    return rows;
}

static enum eff_fault
sqlite_next(struct eff_source *source, struct eff_batch *ret_batch, struct eff_err *err)
{
    struct sqlite_source *s = (struct sqlite_source *)source;
    size_t rows = 0;

    if (!s->stmt)
        return EFF_FAIL(err, EFF_BROKEN, "no query is under way");
    if (!s->done && s->failed.fault == EFF_OK &&
        eff_deadline_check(&s->deadline, &s->failed) == EFF_OK)
        rows = sqlite_fill(s);
    if (s->failed.fault != EFF_OK) {
        *err = s->failed;
        return err->fault;
    }
    *ret_batch = (struct eff_batch){rows, s->width, s->cells};
    return EFF_OK;
}

static eff_str
sqlite_table_sql(struct eff_source *source, eff_str table, struct eff_arena *arena)
{
    (void)source;
    return eff_sql_table(table, arena);
}

/* Counting would read everything once more. */
static int64_t
sqlite_estimate(struct eff_source *source, eff_str sql)
{
    (void)source, (void)sql;
    return -1;
}

static void
sqlite_cancel(struct eff_source *source)
{
    struct sqlite_source *s = (struct sqlite_source *)source;

    if (s->db)
        sqlite3_interrupt(s->db);
}

const struct eff_source_ops eff_source_sqlite = {
    .kind = "sqlite",
    .title = "SQLite",
    .options = sqlite_options,
    .options_count = sizeof(sqlite_options) / sizeof(sqlite_options[0]),
    .config_size = sizeof(struct sqlite_config),
    .open = sqlite_open,
    .query = sqlite_query,
    .next = sqlite_next,
    .table_sql = sqlite_table_sql,
    .estimate = sqlite_estimate,
    .cancel = sqlite_cancel,
    .close = sqlite_close,
};
