/*
 * source/duckdb: models over a DuckDB file.
 *
 * The library is loaded when a project opens such a source (duckdb_api.c). The
 * file is opened READ_ONLY, and all queries run in one read-only transaction. A
 * result is streamed: one chunk of some two thousand rows is held at a time, is
 * turned into cells in blocks, and cells point into its vectors until the next call.
 *
 * DuckDB tells an error in a stream by ending it; the result is complete only
 * when the last chunk was NULL and the result carries no error.
 */
#include <stdio.h>
#include <stdlib.h>

#include "os/watch.h"
#include "source/deadline.h"
#include "source/duckdb_value.h"
#include "source/source.h"
#include "source/sql.h"

#define DUCK_TEXT_BYTES ((size_t)1 << 30) /* addresses for texts made here */
#define DUCK_ROWS_MAX   256               /* so few that their cells stay close to the processor */
#define DUCK_FILE_HEAD  116 /* checksum 8, "DUCK", version 8, flags 32, writer 32 + 32 */
#define DUCK_MAGIC_AT   8
#define DUCK_VERSION_AT 12
#define DUCK_WRITER_AT  52

struct duck_config {
    eff_str path, library;
    int64_t threads, memory_limit, statement_timeout_ms;
};

static const struct eff_option duck_options[] = {
    {"path", EFF_OPT_PATH, offsetof(struct duck_config, path), NULL, 0, 0,
     "The DuckDB file to read from.", EFF_OPT_REQUIRED, NULL},
    {"library", EFF_OPT_PATH, offsetof(struct duck_config, library), NULL, 0, 0,
     "The libduckdb.so to load, where it is not found by itself.", 0, NULL},
    {"threads", EFF_OPT_INT, offsetof(struct duck_config, threads), NULL, 0, 1024,
     "How many threads DuckDB may use; 0 leaves it to DuckDB.", 0, NULL},
    {"memory_limit", EFF_OPT_SIZE, offsetof(struct duck_config, memory_limit), NULL, 0, INT64_MAX,
     "How much memory DuckDB may use; 0 leaves it to DuckDB.", 0, NULL},
    {"statement_timeout", EFF_OPT_TIME, offsetof(struct duck_config, statement_timeout_ms), NULL, 0,
     604800000,
     "How long one query may take, from its start to its last row; 0: as long as it takes.", 0,
     NULL},
};

struct duck_source {
    struct eff_source base;
    struct eff_arena *run;
    struct eff_os *os;
    const struct duck_config *config;
    const struct eff_duck_api *api;
    void *db, *conn, *chunk;
    struct eff_duck_result result;
    size_t rows, at; /* of the chunk, and the next one to give */
    bool running, done, in_transaction;
    eff_str sql;
    struct eff_duck_type *types;
    size_t width;
    struct eff_value *cells;
    size_t cells_cap;
    struct eff_arena batch;
    struct eff_duck_context context;
    struct eff_err failed; /* given again by every further call */
    struct eff_deadline deadline;
    struct eff_watch watch;
};

/* ---------------------------------------------------------------------------- faults */

/* Errors begin with their class: "Binder Error: ..." */
static bool
duck_is_transient(const char *text)
{
    static const char *const classes[] = {"IO Error",      "Connection Error",  "HTTP Error",
                                          "Network Error", "INTERRUPT",         "Interrupt",
                                          "Out of Memory", "TransactionContext"};

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strncmp(text, classes[i], strlen(classes[i])) == 0)
            return true;
    }
    return false;
}

/*
 * DuckDB draws where the error is:
 *     LINE 2: FROM nowhere
 *                  ^
 * A long line is cut at its front ("..."): then only its number is known.
 */
static bool
duck_place(const char *text, int *ret_line, int *ret_column)
{
    const char *mark = strstr(text, "\nLINE "), *colon, *caret;

    if (!mark)
        return false;
    mark++;
    *ret_line = (int)strtol(mark + 5, NULL, 10);
    *ret_column = 0;
    colon = strchr(mark, ':');
    caret = colon ? strchr(colon, '\n') : NULL;
    if (!caret || strncmp(colon, ": ...", 5) == 0)
        return true;
    *ret_column = (int)strspn(caret + 1, " ") - (int)(colon + 2 - mark) + 1;
    return true;
}

static enum eff_fault
duck_fault(const char *text, bool in_users_sql, struct eff_err *err)
{
    int line, column, len;

    text = text ? text : "no reason given";
    len = (int)strcspn(text, "\n");
    if (duck_is_transient(text)) {
        (void)EFF_FAIL(err, EFF_TRANSIENT, "duckdb: %.*s", len, text);
        if (strstr(text, "lock"))
            eff_err_hint(err,
                         "Another program has the file open for writing: wait until it is done.");
        return err->fault;
    }
    if (!in_users_sql || !duck_place(text, &line, &column))
        return EFF_FAIL(err, EFF_CONFIG, "%.*s", len, text);
    if (column < 1)
        return EFF_FAIL(err, EFF_CONFIG, "%.*s (line %d of the SQL)", len, text, line);
    return EFF_FAIL(err, EFF_CONFIG, "%.*s (line %d, column %d of the SQL)", len, text, line,
                    column);
}

/* ------------------------------------------------------------------------------ open */

static uint64_t
duck_le64(const unsigned char *at)
{
    uint64_t n = 0;

    for (int i = 7; i >= 0; i--)
        n = n << 8 | at[i];
    return n;
}

/* The file's first block names the version that wrote it. */
static bool
duck_read_head(struct duck_source *s, const char *path, unsigned char head[DUCK_FILE_HEAD])
{
    struct eff_file *file = NULL;
    struct eff_err err = {0};
    size_t len = 0;

    if (s->os->open(s->os->self, path, EFF_OPEN_READ, &file, &err) != EFF_OK)
        return false;
    if (s->os->read(file, 0, head, DUCK_FILE_HEAD, &len, &err) != EFF_OK)
        len = 0;
    s->os->close(file);
    return len == DUCK_FILE_HEAD && memcmp(head + DUCK_MAGIC_AT, "DUCK", 4) == 0;
}

static enum eff_fault
duck_open_fault(struct duck_source *s, const char *path, const char *text, struct eff_err *err)
{
    unsigned char head[DUCK_FILE_HEAD];

    if (!s->os->exists(s->os->self, path)) {
        (void)EFF_FAIL(err, EFF_CONFIG, "cannot open the DuckDB file %s", path);
        return eff_err_hint(err, "There is no such file: check `path`.");
    }
    if (strstr(text, "version number") && duck_read_head(s, path, head)) {
        (void)EFF_FAIL(err, EFF_CONFIG,
                       "the DuckDB file was written by version %.32s (storage version %llu), which "
                       "the loaded library, version %s, cannot read",
                       head[DUCK_WRITER_AT] ? (char *)head + DUCK_WRITER_AT : "unknown",
                       (unsigned long long)duck_le64(head + DUCK_VERSION_AT),
                       s->api->library_version());
        return eff_err_hint(err, "Install the libduckdb.so of that version, or write the file with "
                                 "STORAGE_VERSION 'v1.0.0'.");
    }
    if (strstr(text, "not a valid DuckDB") || !duck_read_head(s, path, head))
        return EFF_FAIL(err, EFF_CONFIG, "%s is not a DuckDB file", path);
    return duck_fault(text, false, err);
}

/* A setting that this version of the library does not know is no reason to stop. */
static void
duck_set(struct duck_source *s, void *config, const char *name, int64_t value, const char *unit)
{
    char text[40];

    snprintf(text, sizeof(text), "%lld%s", (long long)value, unit);
    if (value > 0)
        s->api->set_config(config, name, text);
}

static enum eff_fault
duck_open_file(struct duck_source *s, struct eff_err *err)
{
    char *path = eff_str_c(s->run, s->config->path), *text = NULL;
    void *config = NULL;
    int failed = s->api->create_config(&config);

    if (failed || s->api->set_config(config, "access_mode", "READ_ONLY") != 0) {
        s->api->destroy_config(&config);
        return EFF_FAIL(err, EFF_BROKEN, "duckdb has no read-only mode");
    }
    duck_set(s, config, "threads", s->config->threads, "");
    duck_set(s, config, "memory_limit", s->config->memory_limit, "B");
    failed = s->api->open_ext(path, &s->db, config, &text);
    s->api->destroy_config(&config);
    if (failed)
        duck_open_fault(s, path, text ? text : "", err);
    if (text)
        s->api->free(text);
    if (failed)
        return err->fault;
    if (s->api->connect(s->db, &s->conn) != 0)
        return EFF_FAIL(err, EFF_BROKEN, "duckdb gives no connection");
    return EFF_OK;
}

static enum eff_fault
duck_exec(struct duck_source *s, const char *sql, struct eff_err *err)
{
    struct eff_duck_result result = {0};
    int failed = s->api->query(s->conn, sql, &result);

    if (failed)
        duck_fault(s->api->result_error(&result), false, err);
    s->api->destroy_result(&result);
    return failed ? err->fault : EFF_OK;
}

/* After an error the transaction is dead. The file cannot change while we hold it, so a new one
 * sees the same snapshot. */
static enum eff_fault
duck_begin(struct duck_source *s, struct eff_err *err)
{
    struct eff_err ignored = {0};

    if (s->in_transaction)
        duck_exec(s, "ROLLBACK", &ignored);
    s->in_transaction = true;
    return duck_exec(s, "BEGIN TRANSACTION READ ONLY", err);
}

static void
duck_drop_result(struct duck_source *s)
{
    if (s->chunk)
        s->api->destroy_data_chunk(&s->chunk);
    if (s->running)
        s->api->destroy_result(&s->result);
    s->chunk = NULL;
    s->rows = s->at = 0;
    s->running = false;
}

static void
duck_end_result(struct duck_source *s)
{
    eff_deadline_end(&s->deadline);
    duck_drop_result(s);
}

static void
duck_close(struct eff_source *source)
{
    struct duck_source *s = (struct duck_source *)source;

    if (!s)
        return;
    eff_watch_end(&s->watch);
    if (s->api) {
        duck_end_result(s);
        if (s->conn)
            s->api->disconnect(&s->conn);
        if (s->db)
            s->api->close(&s->db);
    }
    free(s->cells);
    s->cells = NULL;
    eff_buf_free(&s->context.json);
    eff_arena_deinit(&s->batch);
    s->api = NULL;
}

/* From whatever thread. */
static void
duck_interrupt(void *self)
{
    struct duck_source *s = self;

    if (s->conn)
        s->api->interrupt(s->conn);
}

static bool
duck_go_on(void *user)
{
    return eff_deadline_go_on(user);
}

static enum eff_fault
duck_open(const void *config, struct eff_os *os, struct eff_arena *run,
          struct eff_source **ret_source, struct eff_err *err)
{
    struct duck_source *s = eff_new(run, struct duck_source, 1);

    s->base.ops = &eff_source_duckdb;
    s->run = run;
    s->os = os;
    s->config = config;
    s->deadline = (struct eff_deadline){
        .os = os, .option = "statement_timeout", .most_ms = s->config->statement_timeout_ms};
    EFF_TRY(eff_duck_load(s->config->library, run, &s->api, err));
    eff_arena_init(&s->batch, "duckdb batch", DUCK_TEXT_BYTES);
    s->context = (struct eff_duck_context){.api = s->api, .batch = &s->batch};
    if (duck_open_file(s, err) != EFF_OK || duck_begin(s, err) != EFF_OK) {
        duck_close(&s->base);
        return err->fault;
    }
    eff_watch_start(&s->watch, duck_go_on, &s->deadline, duck_interrupt, s);
    *ret_source = &s->base;
    return EFF_OK;
}

/* ------------------------------------------------------------------------------- query */

/* Starts the stream; the statement is not needed any more once it runs. */
static enum eff_fault
duck_start(struct duck_source *s, const char *sql, bool users, struct eff_err *err)
{
    void *stmt = NULL, *pending = NULL;

    s->result = (struct eff_duck_result){0};
    if (s->api->prepare(s->conn, sql, &stmt) != 0)
        duck_fault(s->api->prepare_error(stmt), users, err);
    else if (s->api->prepared_statement_type(stmt) != EFF_DUCK_STATEMENT_SELECT)
        eff_sql_writes(err);
    else if (s->api->nparams(stmt) > 0)
        (void)EFF_FAIL(err, EFF_CONFIG, "the SQL has a parameter, and nothing gives it a value");
    else if (s->api->pending_prepared_streaming(stmt, &pending) != 0)
        duck_fault(s->api->pending_error(pending), users, err);
    else if (s->api->execute_pending(pending, &s->result) != 0) {
        duck_fault(s->api->result_error(&s->result), users, err);
        s->api->destroy_result(&s->result);
    } else
        s->running = true;
    s->api->destroy_pending(&pending);
    s->api->destroy_prepare(&stmt);
    return s->running ? EFF_OK : err->fault;
}

static void
duck_describe(struct duck_source *s, struct eff_columns *ret_columns)
{
    struct eff_column *columns;

    s->width = (size_t)s->api->column_count(&s->result);
    columns = eff_new(s->run, struct eff_column, s->width);
    s->types = eff_new(s->run, struct eff_duck_type, s->width);
    for (size_t i = 0; i < s->width; i++) {
        s->types[i] = eff_duck_type_of(s->api, s->api->column_logical_type(&s->result, i), s->run);
        columns[i].name = eff_str_copy(s->run, eff_str_of(s->api->column_name(&s->result, i)));
        eff_duck_describe(&s->types[i], s->run, &columns[i]);
    }
    *ret_columns = (struct eff_columns){s->width, columns};
}

/* The same model once more, with the columns that only DuckDB can turn into text cast. */
static enum eff_fault
duck_start_cast(struct duck_source *s, struct eff_err *err)
{
    struct eff_buf buf = {0};
    enum eff_fault fault;

    eff_buf_add(&buf, EFF_STR("SELECT "));
    for (size_t i = 0; i < s->width; i++)
        eff_buf_addf(&buf, "%sc%zu%s", i ? ", " : "", i + 1,
                     eff_duck_needs_cast(&s->types[i]) ? "::VARCHAR" : "");
    eff_buf_add(&buf, EFF_STR(" FROM (\n"));
    eff_buf_add(&buf, s->sql);
    eff_buf_add(&buf, EFF_STR("\n) AS efferent_model ("));
    for (size_t i = 0; i < s->width; i++)
        eff_buf_addf(&buf, "%sc%zu", i ? ", " : "", i + 1);
    eff_buf_add(&buf, EFF_STR(")"));
    eff_buf_add_char(&buf, 0);
    duck_drop_result(s);
    fault =
        buf.full ? EFF_FAIL(err, EFF_BROKEN, "out of memory") : duck_start(s, buf.ptr, false, err);
    eff_buf_free(&buf);
    for (size_t i = 0; fault == EFF_OK && i < s->width; i++)
        s->types[i] = eff_duck_type_of(s->api, s->api->column_logical_type(&s->result, i), s->run);
    return fault;
}

static enum eff_fault
duck_run(struct duck_source *s, eff_str sql, struct eff_columns *ret_columns, struct eff_err *err)
{
    bool cast = false;

    if (memchr(sql.ptr, 0, sql.len))
        return EFF_FAIL(err, EFF_CONFIG, "the SQL holds a NUL character");
    EFF_TRY(eff_sql_single(sql, &s->sql, err));
    s->sql = eff_str_copy(s->run, s->sql);
    EFF_TRY(duck_start(s, s->sql.ptr, true, err));
    duck_describe(s, ret_columns);
    if (eff_sql_check_columns(ret_columns, err) != EFF_OK) {
        duck_end_result(s);
        return err->fault;
    }
    for (size_t i = 0; i < s->width; i++)
        cast = cast || eff_duck_needs_cast(&s->types[i]);
    return cast ? duck_start_cast(s, err) : EFF_OK;
}

static enum eff_fault
duck_query(struct eff_source *source, eff_str sql, struct eff_columns *ret_columns,
           struct eff_err *err)
{
    struct duck_source *s = (struct duck_source *)source;

    duck_end_result(s);
    s->done = false;
    s->failed = (struct eff_err){0};
    EFF_TRY(duck_begin(s, err));
    eff_deadline_start(&s->deadline);
    if (duck_run(s, sql, ret_columns, err) == EFF_OK)
        return EFF_OK;
    (void)eff_deadline_check(&s->deadline, err);
    eff_deadline_end(&s->deadline);
    return err->fault;
}

/* -------------------------------------------------------------------------------- rows */

static enum eff_fault
duck_fetch(struct duck_source *s, struct eff_err *err)
{
    do { // Empty chunks happen, and are no end.
        const char *text;

        if (s->chunk)
            s->api->destroy_data_chunk(&s->chunk);
        s->chunk = s->api->fetch_chunk(s->result);
        text = s->api->result_error(&s->result);
        if (text && text[0])
            return duck_fault(text, false, err);
        s->done = s->chunk == NULL;
        s->rows = s->chunk ? (size_t)s->api->data_chunk_get_size(s->chunk) : 0;
        s->at = 0;
    } while (s->chunk && s->rows == 0);
    return EFF_OK;
}

static enum eff_fault
duck_fill(struct duck_source *s, size_t rows, struct eff_err *err)
{
    if (rows * s->width > s->cells_cap) {
        free(s->cells);
        s->cells_cap = DUCK_ROWS_MAX * s->width;
        s->cells = malloc(s->cells_cap * sizeof(*s->cells));
        if (!s->cells)
            return EFF_FAIL(err, EFF_BROKEN, "out of memory");
    }
    for (size_t i = 0; i < s->width && rows > 0; i++)
        eff_duck_column(&s->context, &s->types[i], s->api->data_chunk_get_vector(s->chunk, i),
                        s->at, rows, s->cells + i, s->width);
    s->at += rows;
    return EFF_OK;
}

static enum eff_fault
duck_next(struct eff_source *source, struct eff_batch *ret_batch, struct eff_err *err)
{
    struct duck_source *s = (struct duck_source *)source;
    size_t rows = 0;

    if (!s->running)
        return EFF_FAIL(err, EFF_BROKEN, "no query is under way");
    eff_arena_reset(&s->batch);
    if (s->failed.fault == EFF_OK && s->at == s->rows && !s->done &&
        (eff_deadline_check(&s->deadline, &s->failed) != EFF_OK ||
         duck_fetch(s, &s->failed) != EFF_OK))
        (void)eff_deadline_check(&s->deadline, &s->failed);
    if (s->failed.fault == EFF_OK) {
        rows = s->rows - s->at < DUCK_ROWS_MAX ? s->rows - s->at : DUCK_ROWS_MAX;
        duck_fill(s, rows, &s->failed);
    }
    if (s->failed.fault != EFF_OK) {
        *err = s->failed;
        return err->fault;
    }
    *ret_batch = (struct eff_batch){rows, s->width, s->cells};
    return EFF_OK;
}

static eff_str
duck_table_sql(struct eff_source *source, eff_str table, struct eff_arena *arena)
{
    (void)source;
    return eff_sql_table(table, arena);
}

/* The C API shows no estimates, and a count would read everything once more. */
static int64_t
duck_estimate(struct eff_source *source, eff_str sql)
{
    (void)source, (void)sql;
    return -1;
}

static void
duck_cancel(struct eff_source *source)
{
    duck_interrupt((struct duck_source *)source);
}

const struct eff_source_ops eff_source_duckdb = {
    .kind = "duckdb",
    .title = "DuckDB",
    .options = duck_options,
    .options_count = sizeof(duck_options) / sizeof(duck_options[0]),
    .config_size = sizeof(struct duck_config),
    .open = duck_open,
    .query = duck_query,
    .next = duck_next,
    .table_sql = duck_table_sql,
    .estimate = duck_estimate,
    .cancel = duck_cancel,
    .close = duck_close,
};
