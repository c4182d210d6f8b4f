/*
 * source/bigquery: models in Google BigQuery, over its REST API (v2).
 *
 * A dry run, which costs nothing, tells the columns, that the statement only reads,
 * and how many bytes it would read; so a check runs no query. The first `next` makes
 * the job, under an id of ours: when the answer to that is lost, the second attempt
 * finds the first one's job. Its result stays on BigQuery's side for a day, and that
 * is the snapshot: pages are asked for again when they are lost, and the same model is
 * read again from the same job.
 *
 * One page (at most some 10 MB of JSON) is held at a time, and walked through row by
 * row. The read is complete only when the rows that came are as many as `totalRows`.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/number.h"
#include "base/scan.h"
#include "conf/yaml.h"
#include "source/bigquery.h"
#include "source/deadline.h"
#include "source/http_read.h"
#include "source/source.h"
#include "source/sql.h"

#define BQ_BATCH_BYTES  ((size_t)1 << 30) /* addresses for rows and texts made of them */
#define BQ_BATCH_AIM    ((size_t)4 << 20) /* of JSON and values, then the batch is handed over */
#define BQ_ROWS_MAX     4096
#define BQ_CELLS_MAX    65536
#define BQ_ROW_BYTES    ((size_t)64 << 20)
#define BQ_POLL_MS      10000 /* that BigQuery waits before it says "not yet" */
#define BQ_POLL_PATIENT ((int64_t)BQ_POLL_MS + 60000)
#define BQ_PAUSE_MOST   2000
#define BQ_JOBS_MAX     3  /* tries */
#define BQ_EMPTY_MAX    20 /* pages without rows that are followed */

static const struct eff_option bq_options[] = {
    {"project", EFF_OPT_STR, offsetof(struct eff_bq_config, project), NULL, 0, 0,
     "The project whose datasets are meant where a name says none.", EFF_OPT_REQUIRED, NULL},
    {"dataset", EFF_OPT_STR, offsetof(struct eff_bq_config, dataset), NULL, 0, 0,
     "The dataset of tables that are named without one.", 0, NULL},
    {"location", EFF_OPT_STR, offsetof(struct eff_bq_config, location), NULL, 0, 0,
     "Where queries run, as in EU or us-east4; without it BigQuery finds out by the tables.", 0,
     NULL},
    {"execution_project", EFF_OPT_STR, offsetof(struct eff_bq_config, execution_project), NULL, 0,
     0, "The project that runs the queries and pays for them, when that is another one.", 0, NULL},
    {"key_file", EFF_OPT_PATH, offsetof(struct eff_bq_config, key_file), NULL, 0, 0,
     "The key file of a service account, or gcloud's file of a user's credentials. Without this, "
     "`credentials` and `token`, they are looked for as Google's own tools do.",
     0, NULL},
    {"credentials", EFF_OPT_SECRET, offsetof(struct eff_bq_config, credentials), NULL, 0, 0,
     "What such a file holds, as text.", 0, NULL},
    {"token", EFF_OPT_SECRET, offsetof(struct eff_bq_config, token), NULL, 0, 0,
     "An access token from elsewhere; it is not renewed.", 0, NULL},
    {"impersonate", EFF_OPT_STR, offsetof(struct eff_bq_config, impersonate), NULL, 0, 0,
     "The service account to act as; the credentials need the role Service Account Token Creator "
     "on it.",
     0, NULL},
    {"scopes", EFF_OPT_LIST, offsetof(struct eff_bq_config, scopes), NULL, 0, 0,
     "More scopes of a service account's token, beside that of BigQuery: "
     "https://www.googleapis.com/auth/drive.readonly for tables over Google Sheets.",
     0, NULL},
    {"labels", EFF_OPT_NODE, offsetof(struct eff_bq_config, labels), NULL, 0, 0,
     "Labels of the query jobs, for the bill: `{team: crm}`.", 0, NULL},
    {"maximum_bytes_billed", EFF_OPT_SIZE, offsetof(struct eff_bq_config, maximum_bytes_billed),
     NULL, 0, INT64_MAX, "A query that would be billed for more is refused.", 0, NULL},
    {"priority", EFF_OPT_ENUM, offsetof(struct eff_bq_config, priority), "interactive", 0, 0,
     "`batch` jobs wait for idle capacity.", 0, "interactive|batch"},
    {"timeout", EFF_OPT_TIME, offsetof(struct eff_bq_config, timeout_ms), NULL, 0, 86400000,
     "How long a query may run; 0 leaves it to BigQuery.", 0, NULL},
    {"page_rows", EFF_OPT_INT, offsetof(struct eff_bq_config, page_rows), NULL, 0, 1000000,
     "Rows of a page, at most; 0: as many as BigQuery puts into its 10 MB.", 0, NULL},
    {"url", EFF_OPT_URL, offsetof(struct eff_bq_config, url), EFF_BQ_URL, 0, 0,
     "Another address of the API: a private endpoint, or a stand-in.", 0, NULL},
    {"token_url", EFF_OPT_URL, offsetof(struct eff_bq_config, token_url), NULL, 0, 0,
     "Where tokens are asked for, instead of what the credentials say.", 0, NULL},
};

struct bq_source {
    struct eff_source base;
    struct eff_arena *run;
    struct eff_os *os;
    const struct eff_bq_config *config;
    struct eff_bq_client client;

    /* the model */
    eff_str sql;
    struct eff_columns columns;
    const struct eff_bq_type *types;
    int64_t scans; /* bytes */
    eff_str location;

    /* its job */
    char job[48]; /* "": none yet */
    unsigned jobs_failed;
    bool job_done;
    int64_t rows_total;

    /* the page under way */
    struct eff_buf body, token; /* token: of the page to ask for next */
    size_t body_given;          /* to the scanner */
    struct eff_scan scan;
    bool page_open, in_rows, schema_seen;
    bool page_complete, page_counted; /* what the page says of the job */
    size_t page_rows;
    unsigned pages_empty; /* one after another */
    int64_t rows_read;
    bool complete;

    struct eff_arena batch;
    struct eff_buf json;
    struct eff_value *cells;
    size_t cells_rows;
    struct eff_deadline deadline; /* of the job */
    struct eff_err failed;        /* given again by every further call */
};

/* ------------------------------------------------------------------------------ open */

static enum eff_fault
bq_check_labels(const struct eff_node *labels, struct eff_err *err)
{
    bool good = labels == NULL || labels->kind == EFF_NODE_MAP;

    for (size_t i = 0; good && labels != NULL && i < labels->count; i++)
        good = labels->values[i].kind == EFF_NODE_SCALAR;
    if (good)
        return EFF_OK;
    (void)EFF_FAIL(err, EFF_CONFIG, "`labels` are no map of names to texts");
    return eff_err_where(err, labels->place.file, labels->place.line, labels->place.column);
}

static void
bq_close(struct eff_source *source)
{
    struct bq_source *s = (struct bq_source *)source;

    if (!s)
        return;
    eff_scan_close(&s->scan);
    eff_bq_client_close(&s->client);
    eff_buf_free(&s->body);
    eff_buf_free(&s->token);
    eff_buf_free(&s->json);
    eff_arena_deinit(&s->batch);
    free(s->cells);
    s->cells = NULL;
}

static enum eff_fault
bq_open(const void *config, struct eff_os *os, struct eff_arena *run,
        struct eff_source **ret_source, struct eff_err *err)
{
    struct bq_source *s = eff_new(run, struct bq_source, 1);

    s->base.ops = &eff_source_bigquery;
    s->run = run;
    s->os = os;
    s->config = config;
    s->deadline =
        (struct eff_deadline){.os = os, .option = "timeout", .most_ms = s->config->timeout_ms};
    eff_arena_init(&s->batch, "bigquery batch", BQ_BATCH_BYTES);
    if (bq_check_labels(s->config->labels, err) != EFF_OK ||
        eff_bq_client_open(&s->client, s->config, os, run, err) != EFF_OK) {
        bq_close(&s->base);
        return err->fault;
    }
    s->location = s->config->location;
    *ret_source = &s->base;
    return EFF_OK;
}

/* ------------------------------------------------------------------------------- jobs */

/* The API's numbers of 64 bits are strings. */
static void
bq_field_number(struct eff_json_writer *w, const char *name, int64_t value)
{
    char text[EFF_INT_TEXT_MAX];

    eff_json_field_str(w, name, (eff_str){text, eff_int_text(value, text)});
}

static void
bq_write_query(struct eff_json_writer *w, const struct bq_source *s)
{
    const struct eff_bq_config *config = s->config;

    eff_json_key(w, EFF_STR("query"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "query", s->sql);
    eff_json_key(w, EFF_STR("useLegacySql")); // true, where nothing is said
    eff_json_write_bool(w, false);
    eff_json_field_str(w, "priority",
                       config->priority == 1 ? EFF_STR("BATCH") : EFF_STR("INTERACTIVE"));
    if (config->maximum_bytes_billed > 0)
        eff_json_field_str(w, "maximumBytesBilled",
                           eff_str_printf(s->run, "%lld", (long long)config->maximum_bytes_billed));
    if (config->dataset.len > 0) {
        eff_json_key(w, EFF_STR("defaultDataset"));
        eff_json_begin_object(w);
        eff_json_field_str(w, "projectId", config->project);
        eff_json_field_str(w, "datasetId", config->dataset);
        eff_json_end_object(w);
    }
    eff_json_end_object(w);
}

static void
bq_write_labels(struct eff_json_writer *w, const struct eff_node *labels)
{
    eff_json_key(w, EFF_STR("labels"));
    eff_json_begin_object(w);
    for (size_t i = 0; labels != NULL && i < labels->count; i++) {
        eff_json_key(w, labels->keys[i].text);
        eff_json_write_str(w, labels->values[i].text);
    }
    eff_json_end_object(w);
}

static void
bq_write_reference(struct eff_json_writer *w, const struct bq_source *s)
{
    eff_json_key(w, EFF_STR("jobReference"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "projectId", s->client.execution_project);
    eff_json_field_str(w, "jobId", eff_str_of(s->job));
    if (s->location.len > 0)
        eff_json_field_str(w, "location", s->location);
    eff_json_end_object(w);
}

static void
bq_new_id(struct bq_source *s)
{
    unsigned char random[16];

    s->os->random(s->os->self, random, sizeof(random));
    snprintf(s->job, sizeof(s->job), "efferent_%s", eff_hex(s->run, random, sizeof(random)).ptr);
}

/*
 * Makes the job, or with dry_run only asks about it; *ret_job is the Job that came back, or an
 * error object when an earlier attempt has made it.
 */
static enum eff_fault
bq_insert(struct bq_source *s, bool dry_run, const struct eff_json **ret_job, struct eff_err *err)
{
    struct eff_bq_call call = {
        .method = "POST", .path = EFF_STR("jobs"), .conflict_is_fine = !dry_run};
    struct eff_buf body = {0};
    struct eff_json_writer w = {.buf = &body};
    eff_str answer = EFF_STR_NONE;
    enum eff_fault fault;

    bq_new_id(s);
    eff_json_begin_object(&w);
    bq_write_reference(&w, s);
    eff_json_key(&w, EFF_STR("configuration"));
    eff_json_begin_object(&w);
    bq_write_query(&w, s);
    bq_write_labels(&w, s->config->labels);
    if (dry_run) {
        eff_json_key(&w, EFF_STR("dryRun"));
        eff_json_write_bool(&w, true);
    }
    if (s->config->timeout_ms > 0)
        bq_field_number(&w, "jobTimeoutMs", s->config->timeout_ms);
    eff_json_end_object(&w);
    eff_json_end_object(&w);
    call.body = eff_buf_str(&body);
    fault = eff_bq_client_call(&s->client, &call, &answer, err);
    if (fault == EFF_OK && eff_json_parse(answer, &s->client.call, ret_job, err) != EFF_OK)
        fault = EFF_FAIL(err, EFF_TRANSIENT, "BigQuery's answer is no JSON");
    eff_buf_free(&body);
    return fault;
}

static enum eff_fault
bq_job_failed(const struct eff_json *job, struct eff_err *err)
{
    const struct eff_json *error = eff_json_pointer(job, EFF_STR("/status/errorResult"));

    return eff_json_type(error) == EFF_JSON_OBJECT ? eff_bq_client_fault(400, error, err) : EFF_OK;
}

static void
bq_keep_location(struct bq_source *s, const struct eff_json *job)
{
    eff_str location = eff_json_str(eff_json_pointer(job, EFF_STR("/jobReference/location")));

    if (location.len > 0 && !eff_str_eq(location, s->location))
        s->location = eff_str_copy(s->run, location);
}

static enum eff_fault
bq_start(struct bq_source *s, struct eff_err *err)
{
    const struct eff_json *job;

    s->rows_total = -1;
    eff_deadline_start(&s->deadline);
    EFF_TRY(bq_insert(s, false, &job, err));
    EFF_TRY(bq_job_failed(job, err));
    bq_keep_location(s, job);
    return EFF_OK;
}

static void
bq_param(struct eff_buf *path, const char *name, eff_str value)
{
    eff_buf_addf(path, "%s%s=", memchr(path->ptr, '?', path->len) ? "&" : "?", name);
    eff_url_encode(path, value);
}

static void
bq_param_number(struct eff_buf *path, const char *name, int64_t value)
{
    char text[EFF_INT_TEXT_MAX];

    bq_param(path, name, (eff_str){text, eff_int_text(value, text)});
}

/* "BEFORE/JOB/AFTER?location=EU" */
static eff_str
bq_path(struct bq_source *s, const char *before, const char *after, struct eff_buf *path)
{
    eff_buf_addf(path, "%s/%s%s", before, s->job, after);
    if (s->location.len > 0)
        bq_param(path, "location", s->location);
    return eff_buf_str(path);
}

/* A job that nobody waits for any more would go on, and be billed. */
static void
bq_cancel(struct eff_source *source)
{
    struct bq_source *s = (struct bq_source *)source;
    struct eff_buf path = {0};

    if (s->job[0] == '\0' || s->job_done)
        return;
    eff_bq_client_bye(&s->client, bq_path(s, "jobs", "/cancel", &path));
    s->job_done = true;
    eff_buf_free(&path);
}

/* ------------------------------------------------------------------------------- query */

/* What was read of the result is forgotten; the job stays. */
static void
bq_rewind(struct bq_source *s)
{
    eff_scan_close(&s->scan);
    eff_buf_reset(&s->token);
    s->page_open = s->complete = s->schema_seen = false;
    s->rows_read = 0;
    s->pages_empty = 0;
    s->failed = (struct eff_err){0};
}

static enum eff_fault
bq_check_statement(const struct eff_json *job, struct eff_err *err)
{
    eff_str type = eff_json_str(eff_json_pointer(job, EFF_STR("/statistics/query/statementType")));

    if (eff_str_is(type, "SELECT"))
        return EFF_OK;
    if (eff_str_is(type, "SCRIPT")) {
        (void)EFF_FAIL(err, EFF_CONFIG, "a model is one query, and this is a script");
        return eff_err_hint(err, "Keep the one SELECT; preparations belong in the warehouse.");
    }
    if (type.len == 0)
        return EFF_FAIL(err, EFF_TRANSIENT, "BigQuery does not say what kind of statement it is");
    return eff_sql_writes(err);
}

static enum eff_fault
bq_check_scans(const struct bq_source *s, struct eff_err *err)
{
    if (s->config->maximum_bytes_billed == 0 || s->scans <= s->config->maximum_bytes_billed)
        return EFF_OK;
    (void)EFF_FAIL(err, EFF_CONFIG,
                   "the query would read %lld bytes, more than `maximum_bytes_billed`, %lld",
                   (long long)s->scans, (long long)s->config->maximum_bytes_billed);
    return eff_err_hint(err, "Raise it, or let the model read less: fewer columns, one partition.");
}

static enum eff_fault
bq_describe(struct bq_source *s, struct eff_err *err)
{
    const struct eff_json *job, *statistics, *parameters;
    eff_str bytes;

    EFF_TRY(bq_insert(s, true, &job, err));
    s->job[0] = '\0'; // Nothing was made.
    EFF_TRY(bq_job_failed(job, err));
    statistics = eff_json_pointer(job, EFF_STR("/statistics/query"));
    parameters = eff_json_get(statistics, EFF_STR("undeclaredQueryParameters"));
    EFF_TRY(bq_check_statement(job, err));
    if (eff_json_count(parameters) > 0)
        return EFF_FAIL(err, EFF_CONFIG, "the SQL has a parameter, and nothing gives it a value");
    bytes = eff_json_str(eff_json_get(statistics, EFF_STR("totalBytesProcessed")));
    if (!eff_str_int(bytes, &s->scans) || s->scans < 0)
        s->scans = -1;
    bq_keep_location(s, job);
    EFF_TRY(eff_bq_schema(eff_json_get(statistics, EFF_STR("schema")), s->run, &s->columns,
                          &s->types, err));
    EFF_TRY(eff_sql_check_columns(&s->columns, err));
    return bq_check_scans(s, err);
}

static void
bq_forget_job(struct bq_source *s)
{
    s->job[0] = '\0';
    s->job_done = false;
}

static enum eff_fault
bq_make_room(struct bq_source *s, struct eff_err *err)
{
    s->cells_rows = BQ_CELLS_MAX / s->columns.count;
    if (s->cells_rows > BQ_ROWS_MAX)
        s->cells_rows = BQ_ROWS_MAX;
    if (s->cells_rows == 0)
        s->cells_rows = 1;
    free(s->cells);
    s->cells = malloc(s->cells_rows * s->columns.count * sizeof(*s->cells));
    return s->cells ? EFF_OK : EFF_FAIL(err, EFF_BROKEN, "out of memory");
}

static enum eff_fault
bq_query(struct eff_source *source, eff_str sql, struct eff_columns *ret_columns,
         struct eff_err *err)
{
    struct bq_source *s = (struct bq_source *)source;

    bq_rewind(s);
    s->jobs_failed = 0;
    if (s->columns.count == 0 || !eff_str_eq(sql, s->sql)) {
        bq_cancel(source);
        bq_forget_job(s);
        s->columns.count = 0;
        s->location = s->config->location;
        s->sql = eff_str_copy(s->run, sql);
        if (bq_describe(s, err) != EFF_OK || bq_make_room(s, err) != EFF_OK) {
            bq_forget_job(s);
            s->columns.count = 0;
            return err->fault;
        }
    }
    *ret_columns = s->columns;
    return EFF_OK;
}

/* ------------------------------------------------------------------------------- pages */

static enum eff_fault
bq_fill(void *self, char *ptr, size_t cap, size_t *ret_len, struct eff_err *err)
{
    struct bq_source *s = self;
    size_t left = s->body.len - s->body_given;

    (void)err;
    *ret_len = left < cap ? left : cap;
    if (*ret_len > 0)
        memcpy(ptr, s->body.ptr + s->body_given, *ret_len);
    s->body_given += *ret_len;
    return EFF_OK;
}

static enum eff_fault
bq_damaged(enum eff_fault fault, struct eff_err *err)
{
    if (fault == EFF_OK)
        return EFF_OK;
    err->fault = EFF_TRANSIENT;
    return eff_err_while(err, "reading a page of BigQuery's answer");
}

static enum eff_fault
bq_fetch(struct bq_source *s, struct eff_err *err)
{
    struct eff_bq_call call = {.method = "GET", .timeout_ms = BQ_POLL_PATIENT};
    struct eff_buf path = {0};
    eff_str body = EFF_STR_NONE;
    enum eff_fault fault;
    bool there;

    if (s->job[0] == '\0')
        EFF_TRY(bq_start(s, err));
    bq_path(s, "queries", "", &path);
    bq_param(&path, "formatOptions.useInt64Timestamp", EFF_STR("true"));
    bq_param_number(&path, "timeoutMs", BQ_POLL_MS);
    if (s->config->page_rows > 0)
        bq_param_number(&path, "maxResults", s->config->page_rows);
    if (s->token.len > 0)
        bq_param(&path, "pageToken", eff_buf_str(&s->token));
    call.path = eff_buf_str(&path);
    fault = eff_bq_client_call(&s->client, &call, &body, err);
    eff_buf_free(&path);
    EFF_TRY(fault);
    eff_buf_reset(&s->body); // The answer itself dies with the next one, whoever asks.
    eff_buf_add(&s->body, body);
    if (s->body.full)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory");
    eff_buf_reset(&s->token);
    eff_scan_close(&s->scan);
    eff_scan_open(&s->scan, bq_fill, s);
    s->body_given = 0;
    s->page_open = true;
    s->in_rows = s->page_complete = s->page_counted = false;
    s->page_rows = 0;
    EFF_TRY(bq_damaged(eff_scan_object(&s->scan, &there, err), err));
    return there ? EFF_OK : EFF_FAIL(err, EFF_TRANSIENT, "BigQuery's answer is no object");
}

/* Is it still the model that was described? Told by each page; one is enough. */
static enum eff_fault
bq_page_schema(struct bq_source *s, struct eff_err *err)
{
    const struct eff_json *schema;
    const struct eff_bq_type *types;
    struct eff_columns columns;
    struct eff_arena scratch;

    if (s->schema_seen)
        return bq_damaged(eff_scan_skip(&s->scan, err), err);
    eff_arena_reset(&s->client.call);
    EFF_TRY(bq_damaged(eff_scan_value(&s->scan, BQ_ROW_BYTES, &s->client.call, &schema, err), err));
    scratch = s->client.call;
    EFF_TRY(eff_bq_schema(schema, &scratch, &columns, &types, err));
    s->schema_seen = true;
    if (columns.count == s->columns.count && eff_bq_types_equal(types, s->types, columns.count))
        return EFF_OK;
    return EFF_FAIL(err, EFF_TRANSIENT, "the model's columns changed while it was read");
}

static enum eff_fault
bq_page_total(struct bq_source *s, const struct eff_json *value, struct eff_err *err)
{
    int64_t total;

    if (!eff_str_int(eff_json_str(value), &total) || total < 0)
        return EFF_FAIL(err, EFF_TRANSIENT, "BigQuery's totalRows is no number");
    if (s->rows_total >= 0 && s->rows_total != total)
        return EFF_FAIL(err, EFF_TRANSIENT,
                        "BigQuery's pages do not agree: of %lld rows, and of %lld",
                        (long long)s->rows_total, (long long)total);
    s->rows_total = total;
    s->page_counted = true;
    return EFF_OK;
}

/* One member of the answer, but for the rows. */
static enum eff_fault
bq_page_member(struct bq_source *s, eff_str key, struct eff_err *err)
{
    bool token = eff_str_is(key, "pageToken"), total = eff_str_is(key, "totalRows"),
         done = eff_str_is(key, "jobComplete");
    const struct eff_json *value;

    if (eff_str_is(key, "rows"))
        return bq_damaged(eff_scan_array(&s->scan, &s->in_rows, err), err);
    if (eff_str_is(key, "schema"))
        return bq_page_schema(s, err);
    if (!token && !total && !done)
        return bq_damaged(eff_scan_skip(&s->scan, err), err);
    eff_arena_reset(&s->client.call);
    EFF_TRY(bq_damaged(eff_scan_value(&s->scan, BQ_ROW_BYTES, &s->client.call, &value, err), err));
    if (token)
        eff_buf_add(&s->token, eff_json_str(value));
    if (done)
        s->page_complete = s->job_done = eff_json_bool(value);
    return total ? bq_page_total(s, value, err) : EFF_OK;
}

static enum eff_fault
bq_page_end(struct bq_source *s, unsigned *polls, struct eff_err *err)
{
    int64_t pause_ms;

    s->page_open = false;
    EFF_TRY(bq_damaged(eff_scan_end(&s->scan, err), err));
    if (!s->page_complete) {
        if (s->page_rows > 0)
            return EFF_FAIL(err, EFF_TRANSIENT, "BigQuery gives rows of a job that is not done");
        EFF_TRY(eff_deadline_check(&s->deadline, err)); // BigQuery itself may fail to keep it
        pause_ms = *polls < 5 ? 100 << *polls : BQ_PAUSE_MOST;
        (*polls)++;
        return eff_http_read_pause(s->os, pause_ms < BQ_PAUSE_MOST ? pause_ms : BQ_PAUSE_MOST, err);
    }
    if (!s->page_counted)
        return EFF_FAIL(err, EFF_TRANSIENT, "BigQuery does not say how many rows there are");
    s->complete = s->token.len == 0;
    if (s->rows_read > s->rows_total || (s->complete && s->rows_read != s->rows_total))
        return EFF_FAIL(err, EFF_TRANSIENT, "BigQuery gave %lld rows of %lld",
                        (long long)s->rows_read, (long long)s->rows_total);
    s->pages_empty = s->page_rows > 0 ? 0 : s->pages_empty + 1;
    if (!s->complete && s->pages_empty > BQ_EMPTY_MAX)
        return EFF_FAIL(err, EFF_TRANSIENT, "BigQuery's pages do not come to an end");
    return EFF_OK;
}

/* -------------------------------------------------------------------------------- rows */

static enum eff_fault
bq_row(struct bq_source *s, size_t row, struct eff_err *err)
{
    const struct eff_json *value, *f, *cell;
    struct eff_value *to = s->cells + row * s->columns.count;
    struct eff_json_iter iter;

    EFF_TRY(bq_damaged(eff_scan_value(&s->scan, BQ_ROW_BYTES, &s->batch, &value, err), err));
    f = eff_json_get(value, EFF_STR("f"));
    iter = eff_json_iterate(f);
    if (eff_json_type(f) != EFF_JSON_ARRAY || eff_json_count(f) != s->columns.count)
        return EFF_FAIL(err, EFF_TRANSIENT, "row %lld of BigQuery's answer is none",
                        (long long)s->rows_read + 1);
    for (size_t i = 0; eff_json_next(&iter, NULL, &cell); i++)
        to[i] = eff_bq_value(&s->types[i], eff_json_get(cell, EFF_STR("v")), &s->batch, &s->json);
    s->rows_read++;
    s->page_rows++;
    return EFF_OK;
}

/* Rows of the open page until the batch is full or they end. */
static enum eff_fault
bq_rows(struct bq_source *s, size_t *rows, struct eff_err *err)
{
    bool more = true;

    while (*rows < s->cells_rows && s->batch.used < BQ_BATCH_AIM) {
        EFF_TRY(bq_damaged(eff_scan_item(&s->scan, &more, err), err));
        if (!more) {
            s->in_rows = false;
            return EFF_OK;
        }
        EFF_TRY(bq_row(s, (*rows)++, err));
    }
    return EFF_OK;
}

/* A job that failed on BigQuery's side stays so, and tells it again and again: another may not. */
static bool
bq_another_job(struct bq_source *s, struct eff_err *err)
{
    bool theirs = err->fault == EFF_RATE || (err->fault == EFF_TRANSIENT && err->code >= 500);

    if (!theirs || s->job_done || ++s->jobs_failed == BQ_JOBS_MAX)
        return false;
    bq_cancel(&s->base);
    bq_forget_job(s);
    *err = (struct eff_err){0};
    return true;
}

static enum eff_fault
bq_read(struct bq_source *s, size_t *rows, struct eff_err *err)
{
    unsigned polls = 0;
    bool more;
    eff_str key;

    while (!s->complete && *rows < s->cells_rows && s->batch.used < BQ_BATCH_AIM) {
        if (!s->page_open) {
            if (bq_fetch(s, err) != EFF_OK && !bq_another_job(s, err))
                return err->fault;
        } else if (s->in_rows) {
            EFF_TRY(bq_rows(s, rows, err));
        } else {
            EFF_TRY(bq_damaged(eff_scan_key(&s->scan, &key, &more, err), err));
            EFF_TRY(more ? bq_page_member(s, key, err) : bq_page_end(s, &polls, err));
        }
    }
    return EFF_OK;
}

static enum eff_fault
bq_next(struct eff_source *source, struct eff_batch *ret_batch, struct eff_err *err)
{
    struct bq_source *s = (struct bq_source *)source;
    size_t rows = 0;

    if (s->columns.count == 0)
        return EFF_FAIL(err, EFF_BROKEN, "no query is under way");
    eff_arena_reset(&s->batch);
    if (s->failed.fault == EFF_OK && bq_read(s, &rows, &s->failed) != EFF_OK && !s->job_done) {
        if (s->failed.fault == EFF_TRANSIENT)
            bq_cancel(source);
        bq_forget_job(s); // The next query makes a new one.
    }
    if (s->failed.fault != EFF_OK) {
        *err = s->failed;
        return err->fault;
    }
    *ret_batch = (struct eff_batch){rows, s->columns.count, s->cells};
    return EFF_OK;
}

/* ------------------------------------------------------------------------------- others */

/* One pair of backticks holds a whole path, with dashes, domains and wildcards in it. */
static eff_str
bq_table_sql(struct eff_source *source, eff_str table, struct eff_arena *arena)
{
    bool quoted = eff_str_find_char(table, '`') != SIZE_MAX;

    (void)source;
    return eff_str_printf(arena, "SELECT * FROM %s" EFF_STR_FMT "%s", quoted ? "" : "`",
                          EFF_STR_ARG(table), quoted ? "" : "`");
}

static int64_t
bq_estimate(struct eff_source *source, eff_str sql)
{
    (void)source, (void)sql;
    return -1;
}

static int64_t
bq_scans(struct eff_source *source)
{
    return ((struct bq_source *)source)->scans;
}

static eff_str
bq_reader(struct eff_source *source, struct eff_arena *arena)
{
    const struct bq_source *s = (const struct bq_source *)source;
    eff_str account = s->config->impersonate.len ? s->config->impersonate : s->client.login.email;

    return eff_str_printf(arena, "project " EFF_STR_FMT "%s" EFF_STR_FMT,
                          EFF_STR_ARG(s->config->project), account.len ? ", account " : "",
                          EFF_STR_ARG(account));
}

const struct eff_source_ops eff_source_bigquery = {
    .kind = "bigquery",
    .title = "BigQuery",
    .options = bq_options,
    .options_count = sizeof(bq_options) / sizeof(bq_options[0]),
    .config_size = sizeof(struct eff_bq_config),
    .open = bq_open,
    .query = bq_query,
    .next = bq_next,
    .table_sql = bq_table_sql,
    .estimate = bq_estimate,
    .scans = bq_scans,
    .reader = bq_reader,
    .cancel = bq_cancel,
    .close = bq_close,
};
