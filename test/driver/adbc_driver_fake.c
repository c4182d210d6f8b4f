/*
 * An ADBC driver that answers wrongly on demand: the SQL names the answer.
 *
 * Built as a shared library, so that finding and loading a driver is tested too.
 * It counts what was handed out and not released (adbc_fake_live), and writes down
 * the calls that change a connection (adbc_fake_log).
 */
#include "source/adbc_api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

EXPORTED extern int adbc_fake_live;
EXPORTED extern char adbc_fake_log[4096];
EXPORTED uint8_t AdbcDriverFakeInit(int version, void *table, struct eff_adbc_error *error);
EXPORTED uint8_t fake_old_init(int version, void *table, struct eff_adbc_error *error);
EXPORTED uint8_t fake_hollow_init(int version, void *table, struct eff_adbc_error *error);
EXPORTED uint8_t fake_failing_init(int version, void *table, struct eff_adbc_error *error);

int adbc_fake_live;
char adbc_fake_log[4096];

struct fake_stream { /* what a statement answers */
    char answer[64];
    int step;
    volatile bool cancelled; /* from another thread */
};

static struct fake_stream current; /* one statement at a time is enough */
static struct eff_adbc_error stream_error;

static void
fake_note(const char *text)
{
    size_t len = strlen(adbc_fake_log);

    snprintf(adbc_fake_log + len, sizeof(adbc_fake_log) - len, "%s;", text);
}

static bool
fake_is(const char *answer)
{
    return strcmp(current.answer, answer) == 0;
}

/* ------------------------------------------------------------------------------ errors */

static void
fake_release_error(struct eff_adbc_error *error)
{
    adbc_fake_live--;
    free(error->message);
    *error = (struct eff_adbc_error){0};
}

static uint8_t
fake_error(struct eff_adbc_error *error, uint8_t status, const char *message, int32_t code,
           const char *state)
{
    adbc_fake_live++;
    error->message = strdup(message);
    error->vendor_code = code;
    memcpy(error->sqlstate, state, 5);
    error->release = fake_release_error;
    return status;
}

/* ----------------------------------------------------------------------------- schemas */

static void
fake_release_schema(struct eff_arrow_schema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i] && schema->children[i]->release)
            schema->children[i]->release(schema->children[i]);
        free(schema->children[i]);
    }
    free(schema->children);
    schema->release = NULL;
    adbc_fake_live--;
}

static void
fake_schema(struct eff_arrow_schema *schema, const char *format, const char *name, int64_t children)
{
    *schema = (struct eff_arrow_schema){.format = format, .name = name, .n_children = children};
    schema->children = calloc((size_t)children + 1, sizeof(void *));
    schema->release = fake_release_schema;
    adbc_fake_live++;
    for (int64_t i = 0; i < children; i++)
        schema->children[i] = calloc(1, sizeof(**schema->children));
}

static int
fake_get_schema(struct eff_arrow_stream *stream, struct eff_arrow_schema *schema)
{
    (void)stream;
    if (fake_is("no_schema"))
        return EIO;
    if (fake_is("released_schema")) {
        *schema = (struct eff_arrow_schema){.format = "+s"};
        return 0;
    }
    fake_schema(schema, fake_is("no_struct") ? "l" : "+s", "", fake_is("no_columns") ? 0 : 2);
    if (schema->n_children == 0)
        return 0;
    fake_schema(schema->children[0], fake_is("strange_type") ? "?" : "l", "id", 0);
    fake_schema(schema->children[1], "u", fake_is("no_name") ? NULL : "name", 0);
    schema->children[1]->flags = 2;
    return 0;
}

/* ------------------------------------------------------------------------------ arrays */

static void
fake_release_array(struct eff_arrow_array *array)
{
    for (int64_t i = 0; array->children && i < 2; i++) {
        if (array->children[i] && array->children[i]->release)
            array->children[i]->release(array->children[i]);
        free(array->children[i]);
    }
    free(array->children);
    for (int64_t i = 0; i < 3; i++)
        free(array->private_data ? ((void **)array->private_data)[i] : NULL);
    free(array->private_data);
    array->release = NULL;
    adbc_fake_live--;
}

static void
fake_array(struct eff_arrow_array *array, int64_t length, int64_t buffers, size_t bytes)
{
    *array = (struct eff_arrow_array){.length = length, .n_buffers = buffers};
    array->private_data = calloc(3, sizeof(void *));
    array->buffers = array->private_data;
    for (int64_t i = 1; i < buffers; i++)
        ((void **)array->private_data)[i] = calloc(1, bytes);
    array->release = fake_release_array;
    adbc_fake_live++;
}

/* Rows first, first + 1, ...: the number, and "n" in front of its last digit. */
static void
fake_rows(struct eff_arrow_array *array, int64_t first, int64_t rows)
{
    fake_array(array, rows, 1, 0);
    array->n_children = 2;
    array->children = calloc(2, sizeof(void *));
    for (int i = 0; i < 2; i++)
        array->children[i] = calloc(1, sizeof(**array->children));
    fake_array(array->children[0], rows, 2, (size_t)(rows + 1) * 8);
    fake_array(array->children[1], rows, 3, (size_t)(rows + 1) * 8);
    for (int64_t i = 0; i < rows; i++) {
        ((int64_t *)array->children[0]->buffers[1])[i] = first + i;
        ((int32_t *)array->children[1]->buffers[1])[i + 1] = (int32_t)(2 * (i + 1));
        ((char *)array->children[1]->buffers[2])[2 * i] = 'n';
        ((char *)array->children[1]->buffers[2])[2 * i + 1] = (char)('0' + (first + i) % 10);
    }
}

static void
fake_damage(struct eff_arrow_array *array)
{
    if (fake_is("null_row")) {
        array->null_count = 1;
        array->buffers[0] = ((void **)array->private_data)[0] = calloc(1, 1);
    } else if (fake_is("short_column")) {
        array->children[1]->length = 1;
    } else if (fake_is("lost_column")) {
        array->n_children = 1;
    } else if (fake_is("null_children")) {
        array->children[0]->release(array->children[0]);
        array->children[1]->release(array->children[1]);
        free(array->children[0]);
        free(array->children[1]);
        free(array->children);
        array->children = NULL;
    } else if (fake_is("backwards")) {
        ((int32_t *)array->children[1]->buffers[1])[1] = 100;
    } else if (fake_is("negative_length")) {
        array->length = -2;
    } else if (fake_is("negative_nulls")) {
        array->children[0]->null_count = 5;
    }
}

static int
fake_get_next(struct eff_arrow_stream *stream, struct eff_arrow_array *array)
{
    int step = current.step++;

    (void)stream;
    *array = (struct eff_arrow_array){0};
    if (current.cancelled)
        return ECANCELED;
    if (fake_is("endless")) {
        fake_rows(array, 0, 0);
    } else if (fake_is("large")) {
        if (step == 0)
            fake_rows(array, 0, 5000);
    } else if (step == 1 && fake_is("late_error")) {
        return EIO;
    } else if (step == 1 && fake_is("late_detail")) {
        stream_error =
            (struct eff_adbc_error){.message = (char *)"\n the warehouse fell asleep\nLINE 1",
                                    .vendor_code = 604,
                                    .sqlstate = {'5', '7', '0', '1', '4'}};
        return EINVAL;
    } else if (step == 1 && fake_is("late_garbage")) {
        array->release = (void (*)(struct eff_arrow_array *))(uintptr_t)1; // must not be called
        return EIO;
    } else if (step < 3) { // two rows, none, one
        fake_rows(array, step == 0 ? 1 : 3, step == 0 ? 2 : step == 1 ? 0 : 1);
        if (step == 0)
            fake_damage(array);
    }
    return 0;
}

static const char *
fake_last_error(struct eff_arrow_stream *stream)
{
    (void)stream;
    return fake_is("late_error") ? "the connection was lost" : NULL;
}

static const struct eff_adbc_error *
fake_error_from_stream(struct eff_arrow_stream *stream, uint8_t *ret_status)
{
    (void)stream;
    if (!stream_error.message)
        return NULL;
    *ret_status = EFF_ADBC_INTERNAL;
    return &stream_error;
}

static void
fake_release_stream(struct eff_arrow_stream *stream)
{
    adbc_fake_live--;
    stream->release = NULL;
}

/* ----------------------------------------------------------------------------- handles */

static uint8_t
fake_new(struct eff_adbc_handle *handle, struct eff_adbc_error *error)
{
    (void)error;
    handle->private_data = malloc(1);
    adbc_fake_live++;
    return EFF_ADBC_OK;
}

static uint8_t
fake_release(struct eff_adbc_handle *handle, struct eff_adbc_error *error)
{
    (void)error;
    free(handle->private_data);
    adbc_fake_live--;
    return EFF_ADBC_OK;
}

static uint8_t
fake_set(struct eff_adbc_handle *handle, const char *key, const char *value,
         struct eff_adbc_error *error)
{
    char text[256], echo[600];

    (void)handle;
    snprintf(text, sizeof(text), "%s=%s", key, value);
    fake_note(text);
    if (strcmp(key, "unknown") == 0)
        return fake_error(error, EFF_ADBC_NOT_IMPLEMENTED, "what is that?", 0, "\0\0\0\0\0");
    if (strcmp(key, "echoed") == 0) { // where a message of 400 bytes is cut
        snprintf(echo, sizeof(echo), "%0384d%s is no such thing", 0, value);
        return fake_error(error, EFF_ADBC_INVALID_ARGUMENT, echo, 0, "28000");
    }
    if (strcmp(key, "adbc.connection.readonly") == 0)
        return fake_error(error, EFF_ADBC_NOT_IMPLEMENTED, "no", 0, "\0\0\0\0\0");
    return EFF_ADBC_OK;
}

static uint8_t
fake_database_init(struct eff_adbc_handle *database, struct eff_adbc_error *error)
{
    (void)database;
    if (strstr(adbc_fake_log, "password=wrong"))
        return fake_error(error, EFF_ADBC_UNAUTHENTICATED, "password refused", 0, "28P01");
    return EFF_ADBC_OK;
}

static uint8_t
fake_connection_init(struct eff_adbc_handle *connection, struct eff_adbc_handle *database,
                     struct eff_adbc_error *error)
{
    (void)connection, (void)database;
    if (strstr(adbc_fake_log, "uri=away"))
        return fake_error(error, EFF_ADBC_IO, "nobody answers", 0, "\0\0\0\0\0");
    return EFF_ADBC_OK;
}

static uint8_t
fake_rollback(struct eff_adbc_handle *connection, struct eff_adbc_error *error)
{
    (void)connection, (void)error;
    fake_note("rollback");
    return EFF_ADBC_OK;
}

static uint8_t
fake_statement_new(struct eff_adbc_handle *connection, struct eff_adbc_handle *statement,
                   struct eff_adbc_error *error)
{
    (void)connection;
    current = (struct fake_stream){0};
    stream_error = (struct eff_adbc_error){0};
    return fake_new(statement, error);
}

static uint8_t
fake_set_sql(struct eff_adbc_handle *statement, const char *sql, struct eff_adbc_error *error)
{
    (void)statement, (void)error;
    snprintf(current.answer, sizeof(current.answer), "%s", sql + strlen("SELECT "));
    current.answer[strcspn(current.answer, "\n")] = 0;
    return EFF_ADBC_OK;
}

static uint8_t
fake_execute(struct eff_adbc_handle *statement, struct eff_arrow_stream *stream, int64_t *affected,
             struct eff_adbc_error *error)
{
    (void)statement;
    *affected = -1;
    if (fake_is("refused"))
        return fake_error(error, EFF_ADBC_UNKNOWN, "no such table: nowhere\nLINE 1: SELECT", 2003,
                          "42S02");
    if (fake_is("forbidden"))
        return fake_error(error, EFF_ADBC_INTERNAL, "not yours", 0, "42501");
    if (fake_is("silent"))
        return EFF_ADBC_INTERNAL;
    if (fake_is("strange_status"))
        return 200;
    if (fake_is("working")) { // until it is told to stop, but not for ever
        for (int i = 0; i < 2000 && !current.cancelled; i++)
            usleep(10000);
        return fake_error(error, current.cancelled ? EFF_ADBC_CANCELLED : EFF_ADBC_INTERNAL,
                          "no longer working", 0, "\0\0\0\0\0");
    }
    if (fake_is("no_stream"))
        return EFF_ADBC_OK;
    *stream = (struct eff_arrow_stream){fake_get_schema, fake_get_next, fake_last_error,
                                        fake_release_stream, NULL};
    if (fake_is("half_stream"))
        stream->get_next = NULL;
    adbc_fake_live++;
    return EFF_ADBC_OK;
}

static uint8_t
fake_cancel(struct eff_adbc_handle *statement, struct eff_adbc_error *error)
{
    (void)statement, (void)error;
    current.cancelled = true;
    return EFF_ADBC_OK;
}

static uint8_t
fake_release_driver(struct eff_adbc_driver *driver, struct eff_adbc_error *error)
{
    (void)driver, (void)error;
    adbc_fake_live--;
    return EFF_ADBC_OK;
}

/* ------------------------------------------------------------------------ entry points */

static void
fake_fill_1_0(struct eff_adbc_driver *d)
{
    adbc_fake_live++;
    d->release = fake_release_driver;
    d->database_new = d->connection_new = fake_new;
    d->database_release = d->connection_release = d->statement_release = fake_release;
    d->database_set_option = d->connection_set_option = d->statement_set_option = fake_set;
    d->database_init = fake_database_init;
    d->connection_init = fake_connection_init;
    d->connection_rollback = fake_rollback;
    d->statement_new = fake_statement_new;
    d->statement_set_sql_query = fake_set_sql;
    d->statement_execute_query = fake_execute;
}

uint8_t
AdbcDriverFakeInit(int version, void *table, struct eff_adbc_error *error)
{
    struct eff_adbc_driver *d = table;

    (void)error;
    if (version != EFF_ADBC_VERSION_1_1)
        return EFF_ADBC_NOT_IMPLEMENTED;
    fake_fill_1_0(d);
    d->error_from_array_stream = fake_error_from_stream;
    d->statement_cancel = fake_cancel;
    return EFF_ADBC_OK;
}

uint8_t
fake_old_init(int version, void *table, struct eff_adbc_error *error)
{
    if (version != EFF_ADBC_VERSION_1_0)
        return fake_error(error, EFF_ADBC_NOT_IMPLEMENTED, "too new", 0, "\0\0\0\0\0");
    fake_fill_1_0(table);
    return EFF_ADBC_OK;
}

uint8_t
fake_hollow_init(int version, void *table, struct eff_adbc_error *error)
{
    (void)version, (void)table, (void)error;
    return EFF_ADBC_OK;
}

uint8_t
fake_failing_init(int version, void *table, struct eff_adbc_error *error)
{
    (void)version, (void)table;
    return fake_error(error, EFF_ADBC_INTERNAL, "out of order", 7, "\0\0\0\0\0");
}
