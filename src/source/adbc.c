/*
 * source/adbc: models over any warehouse that has an ADBC driver.
 *
 * The driver is a shared library, loaded when a project opens such a source
 * (adbc_find.c, adbc_load.c), and hands over Arrow arrays (arrow_value.c). Arrays can be as
 * large as a result; they are turned into cells in blocks, and cells point into
 * the array until its last block was given.
 *
 * A connection is told to be read-only and to commit nothing by itself, where its
 * driver knows that, and nothing is ever committed. A result is complete when the
 * stream gave a released array without an error.
 */
#include <errno.h>
#include <stdlib.h>

#include "conf/yaml.h"
#include "os/watch.h"
#include "source/adbc_api.h"
#include "source/adbc_find.h"
#include "source/arrow_value.h"
#include "source/deadline.h"
#include "source/postgres_conn.h"
#include "source/source.h"
#include "source/sql.h"

#define ADBC_TEXT_BYTES ((size_t)1 << 30) /* addresses for texts made here */
#define ADBC_ROWS_MAX   256               /* so few that their cells stay close to the processor */
#define ADBC_CELLS_MAX  65536

struct adbc_config {
    eff_str driver, entrypoint, uri, username, password;
    const struct eff_node *options, *connection_options, *statement_options;
    int identifiers; /* index into adbc_quotes */
    int64_t statement_timeout_ms;
};

static const char adbc_quotes[] = {'"', '`', 0};

static const struct eff_option adbc_options[] = {
    {"driver", EFF_OPT_PATH, offsetof(struct adbc_config, driver), NULL, 0, 0,
     "The driver's shared library, or its name, such as `snowflake`.", EFF_OPT_REQUIRED, NULL},
    {"entrypoint", EFF_OPT_STR, offsetof(struct adbc_config, entrypoint), NULL, 0, 0,
     "The function that the driver starts by, where it is not found by itself.", 0, NULL},
    {"uri", EFF_OPT_SECRET, offsetof(struct adbc_config, uri), NULL, 0, 0,
     "The database, in the form that the driver defines.", 0, NULL},
    {"username", EFF_OPT_STR, offsetof(struct adbc_config, username), NULL, 0, 0,
     "Who logs in, where `uri` does not say it.", 0, NULL},
    {"password", EFF_OPT_SECRET, offsetof(struct adbc_config, password), NULL, 0, 0,
     "The password that belongs to `username`.", 0, NULL},
    {"options", EFF_OPT_NODE, offsetof(struct adbc_config, options), NULL, 0, 0,
     "The driver's own options of a database, by their names.", 0, NULL},
    {"connection_options", EFF_OPT_NODE, offsetof(struct adbc_config, connection_options), NULL, 0,
     0, "The driver's own options of a connection.", 0, NULL},
    {"statement_options", EFF_OPT_NODE, offsetof(struct adbc_config, statement_options), NULL, 0, 0,
     "The driver's own options of a statement.", 0, NULL},
    {"identifiers", EFF_OPT_ENUM, offsetof(struct adbc_config, identifiers), "quoted", 0, 0,
     "How the warehouse takes the name in `table:`: in double quotes, in backticks, or as it stands.",
     0, "quoted|backticks|plain"},
    {"statement_timeout", EFF_OPT_TIME, offsetof(struct adbc_config, statement_timeout_ms), NULL, 0,
     604800000,
     "How long one query may take, from its start to its last row; 0: as long as it takes.", 0,
     NULL},
};

struct adbc_source {
    struct eff_source base;
    struct eff_arena *run;
    struct eff_os *os;
    const struct adbc_config *config;
    struct eff_adbc_driver driver;
    struct eff_adbc_handle database, connection, statement;
    bool loaded, has_database, has_connection, has_statement;
    bool in_transaction; /* nothing is committed by itself: a failed statement is rolled back */
    struct eff_arrow_stream stream;
    struct eff_arrow_array array; /* the present one; release is NULL when there is none */
    int64_t at;                   /* its next row */
    struct eff_arrow_type type;   /* of all arrays: a struct of the columns */
    bool running, done;
    struct eff_value *cells;
    size_t rows_max, cells_cap;
    struct eff_arena batch;
    struct eff_arrow_context context;
    struct eff_err failed; /* given again by every further call */
    struct eff_deadline deadline;
    struct eff_watch watch; /* as long as there is a statement */
};

/* ------------------------------------------------------------------------------- open */

typedef uint8_t (*adbc_setter)(struct eff_adbc_handle *handle, const char *key, const char *value,
                               struct eff_adbc_error *error);

static enum eff_fault
adbc_set(struct adbc_source *s, adbc_setter set, struct eff_adbc_handle *handle, eff_str key,
         eff_str value, struct eff_err *err)
{
    struct eff_adbc_error error = eff_adbc_no_error();
    uint8_t status;

    if (!set)
        return EFF_FAIL(err, EFF_CONFIG, "the ADBC driver has no such options");
    status = set(handle, eff_str_c(s->run, key), eff_str_c(s->run, value), &error);
    if (status == EFF_ADBC_OK)
        return EFF_OK;
    eff_adbc_fault(status, &error, "the ADBC driver does not take the option", err);
    return eff_err_while(err, "setting " EFF_STR_FMT, EFF_STR_ARG(key));
}

static enum eff_fault
adbc_set_all(struct adbc_source *s, adbc_setter set, struct eff_adbc_handle *handle,
             const struct eff_node *options, struct eff_err *err)
{
    if (!options || options->kind == EFF_NODE_NULL)
        return EFF_OK;
    if (options->kind != EFF_NODE_MAP) {
        (void)EFF_FAIL(err, EFF_CONFIG, "a driver's options are names and values");
        return eff_err_where(err, options->place.file, options->place.line, options->place.column);
    }
    for (size_t i = 0; i < options->count; i++) {
        const struct eff_node *value = &options->values[i];
        enum eff_fault fault;

        if (value->kind == EFF_NODE_SCALAR)
            fault = adbc_set(s, set, handle, options->keys[i].text, value->text, err);
        else
            fault = EFF_FAIL(err, EFF_CONFIG, "the option " EFF_STR_FMT " is not one value",
                             EFF_STR_ARG(options->keys[i].text));
        if (fault != EFF_OK)
            return eff_err_where(err, value->place.file, value->place.line, value->place.column);
    }
    return EFF_OK;
}

/*
 * A driver that is built on libpq shows parts of a password whose signs are not encoded, as
 * the host or port that they are taken for: no filter knows them, so it never sees such a uri.
 */
static enum eff_fault
adbc_check_uri(struct adbc_source *s, struct eff_err *err)
{
    eff_str uri = s->config->uri;

    if (eff_str_starts(uri, EFF_STR("postgresql://")) ||
        eff_str_starts(uri, EFF_STR("postgres://")) ||
        (uri.len > 0 &&
         eff_str_find(eff_adbc_base_name(s->config->driver), EFF_STR("postgresql")) != SIZE_MAX))
        return eff_pg_check_url("uri", eff_str_c(s->run, uri), err);
    return EFF_OK;
}

static enum eff_fault
adbc_open_database(struct adbc_source *s, struct eff_err *err)
{
    const struct adbc_config *config = s->config;
    const struct {
        eff_str key, value;
    } standard[] = {
        {EFF_STR("uri"), config->uri},
        {EFF_STR("username"), config->username},
        {EFF_STR("password"), config->password},
    };
    struct eff_adbc_error error = eff_adbc_no_error();
    uint8_t status = s->driver.database_new(&s->database, &error);

    if (status != EFF_ADBC_OK)
        return eff_adbc_fault(status, &error, "the ADBC driver gives no database", err);
    s->has_database = true;
    for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++) {
        if (standard[i].value.len > 0)
            EFF_TRY(adbc_set(s, s->driver.database_set_option, &s->database, standard[i].key,
                             standard[i].value, err));
    }
    EFF_TRY(adbc_set_all(s, s->driver.database_set_option, &s->database, config->options, err));
    error = eff_adbc_no_error();
    status = s->driver.database_init(&s->database, &error);
    if (status != EFF_ADBC_OK)
        return eff_adbc_fault(status, &error, "the database cannot be opened", err);
    return EFF_OK;
}

/* An option that the driver need not know; true when it took it. */
static enum eff_fault
adbc_offer(struct adbc_source *s, const char *key, const char *value, bool *ret_taken,
           struct eff_err *err)
{
    struct eff_adbc_error error = eff_adbc_no_error();
    uint8_t status = EFF_ADBC_NOT_IMPLEMENTED;

    if (s->driver.connection_set_option)
        status = s->driver.connection_set_option(&s->connection, key, value, &error);
    *ret_taken = status == EFF_ADBC_OK;
    if (status == EFF_ADBC_IO || status == EFF_ADBC_TIMEOUT || status == EFF_ADBC_CANCELLED ||
        status == EFF_ADBC_UNAUTHENTICATED)
        return eff_adbc_fault(status, &error, key, err);
    if (error.release)
        error.release(&error);
    return EFF_OK;
}

static enum eff_fault
adbc_connect(struct adbc_source *s, struct eff_err *err)
{
    struct eff_adbc_error error = eff_adbc_no_error();
    uint8_t status = s->driver.connection_new(&s->connection, &error);
    bool read_only;

    if (status != EFF_ADBC_OK)
        return eff_adbc_fault(status, &error, "the ADBC driver gives no connection", err);
    s->has_connection = true;
    EFF_TRY(adbc_set_all(s, s->driver.connection_set_option, &s->connection,
                         s->config->connection_options, err));
    error = eff_adbc_no_error();
    status = s->driver.connection_init(&s->connection, &s->database, &error);
    if (status != EFF_ADBC_OK)
        return eff_adbc_fault(status, &error, "the database cannot be connected to", err);
    EFF_TRY(adbc_offer(s, "adbc.connection.readonly", "true", &read_only, err));
    return adbc_offer(s, "adbc.connection.autocommit", "false", &s->in_transaction, err);
}

static void
adbc_drop(struct eff_adbc_handle *handle, bool *has,
          uint8_t (*release)(struct eff_adbc_handle *, struct eff_adbc_error *))
{
    struct eff_adbc_error error = eff_adbc_no_error();

    if (*has)
        release(handle, &error);
    if (error.release)
        error.release(&error);
    *handle = (struct eff_adbc_handle){0};
    *has = false;
}

static void
adbc_end_result(struct adbc_source *s)
{
    eff_watch_end(&s->watch);
    eff_deadline_end(&s->deadline);
    if (s->array.release)
        s->array.release(&s->array);
    if (s->stream.release)
        s->stream.release(&s->stream);
    adbc_drop(&s->statement, &s->has_statement, s->driver.statement_release);
    s->array = (struct eff_arrow_array){0};
    s->stream = (struct eff_arrow_stream){0};
    s->running = false;
}

static void
adbc_close(struct eff_source *source)
{
    struct adbc_source *s = (struct adbc_source *)source;
    struct eff_adbc_error error = eff_adbc_no_error();

    if (!s)
        return;
    if (s->loaded) {
        adbc_end_result(s);
        adbc_drop(&s->connection, &s->has_connection, s->driver.connection_release);
        adbc_drop(&s->database, &s->has_database, s->driver.database_release);
        if (s->driver.release)
            s->driver.release(&s->driver, &error);
        if (error.release)
            error.release(&error);
        s->loaded = false;
    }
    free(s->cells);
    s->cells = NULL;
    eff_buf_free(&s->context.json);
    eff_arena_deinit(&s->batch);
}

static enum eff_fault
adbc_open(const void *config, struct eff_os *os, struct eff_arena *run,
          struct eff_source **ret_source, struct eff_err *err)
{
    struct adbc_source *s = eff_new(run, struct adbc_source, 1);

    s->base.ops = &eff_source_adbc;
    s->run = run;
    s->os = os;
    s->config = config;
    s->deadline = (struct eff_deadline){
        .os = os, .option = "statement_timeout", .most_ms = s->config->statement_timeout_ms};
    EFF_TRY(eff_adbc_load(s->config->driver, s->config->entrypoint, os, run, &s->driver, err));
    s->loaded = true;
    eff_arena_init(&s->batch, "adbc batch", ADBC_TEXT_BYTES);
    s->context = (struct eff_arrow_context){.batch = &s->batch};
    if (adbc_check_uri(s, err) != EFF_OK || adbc_open_database(s, err) != EFF_OK ||
        adbc_connect(s, err) != EFF_OK) {
        adbc_close(&s->base);
        return err->fault;
    }
    *ret_source = &s->base;
    return EFF_OK;
}

/* ------------------------------------------------------------------------------- query */

static bool
adbc_go_on(void *self)
{
    struct adbc_source *s = self;

    return eff_deadline_go_on(&s->deadline);
}

/* From whatever thread, which the specification allows for this one call. */
static void
adbc_interrupt(void *self)
{
    struct eff_adbc_error error = eff_adbc_no_error();
    struct adbc_source *s = self;

    if (s->has_statement && s->driver.statement_cancel)
        s->driver.statement_cancel(&s->statement, &error);
    if (error.release)
        error.release(&error);
}

static enum eff_fault
adbc_start(struct adbc_source *s, eff_str sql, struct eff_err *err)
{
    struct eff_adbc_error error = eff_adbc_no_error();
    int64_t affected = -1;
    uint8_t status = s->driver.statement_new(&s->connection, &s->statement, &error);

    if (status != EFF_ADBC_OK)
        return eff_adbc_fault(status, &error, "the ADBC driver gives no statement", err);
    s->has_statement = true;
    if (s->driver.statement_cancel)
        eff_watch_start(&s->watch, adbc_go_on, s, adbc_interrupt, s);
    EFF_TRY(adbc_set_all(s, s->driver.statement_set_option, &s->statement,
                         s->config->statement_options, err));
    error = eff_adbc_no_error();
    status = s->driver.statement_set_sql_query(&s->statement, eff_str_c(s->run, sql), &error);
    if (status == EFF_ADBC_OK)
        status = s->driver.statement_execute_query(&s->statement, &s->stream, &affected, &error);
    if (status != EFF_ADBC_OK)
        return eff_adbc_fault(status, &error, "the query failed", err);
    if (error.release)
        error.release(&error);
    if (!s->stream.release || !s->stream.get_schema || !s->stream.get_next)
        return EFF_FAIL(err, EFF_BROKEN, "the ADBC driver gave no stream of rows");
    return EFF_OK;
}

/* What a failing stream has to say. */
static enum eff_fault
adbc_stream_fault(struct adbc_source *s, int code, struct eff_err *err)
{
    uint8_t status = code == EINVAL ? EFF_ADBC_INVALID_ARGUMENT
                     : code == EIO || code == ECONNRESET || code == ETIMEDOUT || code == EPIPE ||
                             code == ECANCELED || code == EINTR
                         ? EFF_ADBC_IO
                         : EFF_ADBC_UNKNOWN;
    const struct eff_adbc_error *error = NULL;
    const char *text = NULL;

    if (s->driver.error_from_array_stream)
        error = s->driver.error_from_array_stream(&s->stream, &status);
    if (s->stream.get_last_error)
        text = s->stream.get_last_error(&s->stream);
    return eff_adbc_stream_fault(status, error, text && text[0] ? text : strerrordesc_np(code),
                                 err);
}

/* The schema of all arrays: a struct of the columns. */
static enum eff_fault
adbc_read_schema(struct adbc_source *s, const struct eff_arrow_schema *schema,
                 struct eff_columns *ret_columns, struct eff_err *err)
{
    struct eff_column *columns;

    EFF_TRY(eff_arrow_type_of(schema, s->run, &s->type, err));
    if (s->type.kind != EFF_ARROW_STRUCT || s->type.dictionary)
        return EFF_FAIL(err, EFF_BROKEN, "the ADBC driver's rows are no struct");
    if (s->type.children_count == 0)
        return eff_sql_writes(err);
    columns = eff_new(s->run, struct eff_column, s->type.children_count);
    for (size_t i = 0; i < s->type.children_count; i++) {
        columns[i].name = s->type.names[i];
        columns[i].nullable = (schema->children[i]->flags & EFF_ARROW_NULLABLE) != 0;
        eff_arrow_describe(&s->type.children[i], s->run, &columns[i]);
    }
    *ret_columns = (struct eff_columns){s->type.children_count, columns};
    return EFF_OK;
}

static enum eff_fault
adbc_describe(struct adbc_source *s, struct eff_columns *ret_columns, struct eff_err *err)
{
    struct eff_arrow_schema schema = {0};
    int code = s->stream.get_schema(&s->stream, &schema);
    enum eff_fault fault;

    if (code != 0)
        return adbc_stream_fault(s, code, err);
    fault = adbc_read_schema(s, &schema, ret_columns, err);
    if (schema.release)
        schema.release(&schema);
    return fault;
}

static enum eff_fault
adbc_run(struct adbc_source *s, eff_str sql, struct eff_columns *ret_columns, struct eff_err *err)
{
    EFF_TRY(adbc_start(s, sql, err));
    EFF_TRY(adbc_describe(s, ret_columns, err));
    return eff_sql_check_columns(ret_columns, err);
}

/* After an error many databases take nothing but the end of the transaction. */
static void
adbc_roll_back(struct adbc_source *s)
{
    struct eff_adbc_error error = eff_adbc_no_error();

    if (s->in_transaction && s->driver.connection_rollback)
        s->driver.connection_rollback(&s->connection, &error);
    if (error.release)
        error.release(&error);
}

static enum eff_fault
adbc_query(struct eff_source *source, eff_str sql, struct eff_columns *ret_columns,
           struct eff_err *err)
{
    struct adbc_source *s = (struct adbc_source *)source;
    size_t width;

    adbc_end_result(s);
    if (s->failed.fault != EFF_OK)
        adbc_roll_back(s);
    s->done = false;
    s->failed = (struct eff_err){0};
    if (memchr(sql.ptr, 0, sql.len))
        return EFF_FAIL(err, EFF_CONFIG, "the SQL holds a NUL character");
    EFF_TRY(eff_sql_single(sql, &sql, err));
    EFF_TRY(eff_sql_reads(sql, err));
    eff_deadline_start(&s->deadline);
    if (adbc_run(s, sql, ret_columns, err) != EFF_OK) {
        (void)eff_deadline_check(&s->deadline, err);
        adbc_end_result(s);
        adbc_roll_back(s);
        return err->fault;
    }
    width = ret_columns->count;
    s->rows_max = width < ADBC_CELLS_MAX / ADBC_ROWS_MAX ? ADBC_ROWS_MAX : ADBC_CELLS_MAX / width;
    s->rows_max = s->rows_max ? s->rows_max : 1;
    s->at = 0;
    s->running = true;
    return EFF_OK;
}

/* -------------------------------------------------------------------------------- rows */

/* Rows are the values of a struct, and none of them may be NULL itself. */
static enum eff_fault
adbc_check(struct adbc_source *s, struct eff_err *err)
{
    const char *why = eff_arrow_problem(&s->type, &s->array, 0);

    for (int64_t row = 0; !why && s->array.null_count != 0 && row < s->array.length; row++)
        why = eff_arrow_is_null(&s->array, row) ? "a whole row is NULL" : NULL;
    if (why)
        return EFF_FAIL(err, EFF_BROKEN, "the ADBC driver's answer is damaged: %s", why);
    return EFF_OK;
}

/* The next array that has rows. */
static enum eff_fault
adbc_fetch(struct adbc_source *s, struct eff_err *err)
{
    while (!s->done && s->at >= s->array.length) { // Empty arrays happen, and are no end.
        int code;

        if (!s->os->go_on(s->os->self))
            return EFF_FAIL(err, EFF_TRANSIENT, "reading was stopped");
        EFF_TRY(eff_deadline_check(&s->deadline, err));
        if (s->array.release)
            s->array.release(&s->array);
        s->array = (struct eff_arrow_array){0};
        s->at = 0;
        code = s->stream.get_next(&s->stream, &s->array);
        if (code != 0) {
            s->array = (struct eff_arrow_array){0};
            (void)adbc_stream_fault(s, code, err);
            (void)eff_deadline_check(&s->deadline, err);
            return err->fault;
        }
        if (!s->array.release)
            s->done = true;
        else
            EFF_TRY(adbc_check(s, err));
    }
    return EFF_OK;
}

static enum eff_fault
adbc_fill(struct adbc_source *s, size_t rows, struct eff_err *err)
{
    size_t width = s->type.children_count;

    if (rows * width > s->cells_cap) {
        free(s->cells);
        s->cells_cap = s->rows_max * width;
        s->cells = malloc(s->cells_cap * sizeof(*s->cells));
        if (!s->cells)
            return EFF_FAIL(err, EFF_BROKEN, "out of memory");
    }
    s->context.broken = NULL;
    for (size_t i = 0; i < width && rows > 0; i++)
        eff_arrow_column(&s->context, &s->type.children[i], s->array.children[i],
                         s->array.offset + s->at, rows, s->cells + i, width);
    if (s->context.broken)
        return EFF_FAIL(err, EFF_BROKEN, "the ADBC driver's answer is damaged: %s",
                        s->context.broken);
    s->at += (int64_t)rows;
    return EFF_OK;
}

static enum eff_fault
adbc_next(struct eff_source *source, struct eff_batch *ret_batch, struct eff_err *err)
{
    struct adbc_source *s = (struct adbc_source *)source;
    size_t rows = 0;

    if (!s->running)
        return EFF_FAIL(err, EFF_BROKEN, "no query is under way");
    eff_arena_reset(&s->batch);
    if (s->failed.fault == EFF_OK && adbc_fetch(s, &s->failed) == EFF_OK && !s->done) {
        int64_t left = s->array.length - s->at;

        rows = left < (int64_t)s->rows_max ? (size_t)left : s->rows_max;
        adbc_fill(s, rows, &s->failed);
    }
    if (s->failed.fault != EFF_OK) {
        *err = s->failed;
        return err->fault;
    }
    *ret_batch = (struct eff_batch){rows, s->type.children_count, s->cells};
    return EFF_OK;
}

static eff_str
adbc_table_sql(struct eff_source *source, eff_str table, struct eff_arena *arena)
{
    struct adbc_source *s = (struct adbc_source *)source;

    return eff_sql_table_quoted(table, adbc_quotes[s->config->identifiers], arena);
}

/* The interface has no estimates, and a count would read everything once more. */
static int64_t
adbc_estimate(struct eff_source *source, eff_str sql)
{
    (void)source, (void)sql;
    return -1;
}

static void
adbc_cancel(struct eff_source *source)
{
    adbc_interrupt((struct adbc_source *)source);
}

const struct eff_source_ops eff_source_adbc = {
    .kind = "adbc",
    .title = "ADBC",
    .options = adbc_options,
    .options_count = sizeof(adbc_options) / sizeof(adbc_options[0]),
    .config_size = sizeof(struct adbc_config),
    .open = adbc_open,
    .query = adbc_query,
    .next = adbc_next,
    .table_sql = adbc_table_sql,
    .estimate = adbc_estimate,
    .cancel = adbc_cancel,
    .close = adbc_close,
};
