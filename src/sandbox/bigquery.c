/*
 * sandbox/bigquery: the stand-in for BigQuery's REST API (v2): query jobs and their pages.
 *
 * A warehouse in SQLite's memory, which is filled through the API itself, by CREATE TABLE and
 * INSERT. A job's result is a table of its own, so that its pages do not change any more. Its
 * words and reasons of errors are those of cloud.google.com/bigquery/docs/error-messages.
 */
#include "sandbox/bigquery.h"
#include "sandbox/google_login.h"

#include <stdio.h>
#include <stdlib.h>

#define BQS_SCOPE        "https://www.googleapis.com/auth/bigquery"
#define BQS_JOBS_MAX     10000
#define BQS_PAGE_ROWS    10000
#define BQS_PAGE_BYTES   ((size_t)10 << 20)
#define BQS_BILLED_LEAST ((int64_t)10 << 20) /* bytes: each query is billed for at least so many */
#define BQS_BILLED_UNIT  ((int64_t)1 << 20)
#define BQS_CELL_BYTES   8

struct bqs_job {
    eff_str id, project, location, type; /* type: of the statement */
    int64_t polls;                       /* so often it is seen running */
    int64_t rows, bytes, billed;
    int status; /* of its failure; 0: none */
    eff_str reason, message;
    eff_str schema; /* JSON */
    size_t columns_count;
    struct eff_bqs_type *types;
};

struct bqs_state {
    sqlite3 *db;
    struct eff_arena memory; /* of the jobs */
    size_t count;
    struct bqs_job *jobs;
};

/* What a query asks for. */
struct bqs_ask {
    const struct eff_json *query; /* where "query" and its options stand */
    eff_str sql, dataset, job_id, location;
    bool dry_run;
    int64_t billed_most; /* 0: no limit */
};

/* ---- state ---- */

static void
bqs_state_free(void *state)
{
    struct bqs_state *s = state;

    sqlite3_close(s->db);
    eff_arena_deinit(&s->memory);
}

/* Its SQL must not get at files: no ATTACH, which VACUUM INTO is, too, and no PRAGMA. */
static int
bqs_allow(void *self, int action, const char *a, const char *b, const char *db, const char *trigger)
{
    (void)self, (void)a, (void)b, (void)db, (void)trigger;
    return action == SQLITE_ATTACH || action == SQLITE_DETACH || action == SQLITE_PRAGMA
               ? SQLITE_DENY
               : SQLITE_OK;
}

static struct bqs_state *
bqs_state(struct eff_call *call)
{
    struct bqs_state *s = call->world->state;

    if (s->db == NULL) {
        sqlite3_open(":memory:", &s->db);
        sqlite3_set_authorizer(s->db, bqs_allow, NULL);
        eff_arena_init(&s->memory, "bigquery stand-in", (size_t)256 << 20);
        s->jobs = eff_new(&s->memory, struct bqs_job, BQS_JOBS_MAX);
    }
    return s;
}

static struct bqs_job *
bqs_find(struct eff_call *call, eff_str id)
{
    struct bqs_state *s = bqs_state(call);

    for (size_t i = 0; i < s->count; i++)
        if (eff_str_eq(s->jobs[i].id, id))
            return &s->jobs[i];
    return NULL;
}

/* ---- errors ---- */

static void
bqs_error(struct eff_call *call, int status, eff_str reason, eff_str message)
{
    struct eff_json_writer w = eff_call_answer(call, status);

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("error"));
    eff_json_begin_object(&w);
    eff_json_field_int(&w, "code", status);
    eff_json_field_str(&w, "message", message);
    eff_json_key(&w, EFF_STR("errors"));
    eff_json_begin_array(&w);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "message", message);
    eff_json_field_str(&w, "domain", EFF_STR("global"));
    eff_json_field_str(&w, "reason", reason);
    eff_json_end_object(&w);
    eff_json_end_array(&w);
    eff_json_field_str(&w, "status",
                       status == 401   ? EFF_STR("UNAUTHENTICATED")
                       : status == 403 ? EFF_STR("PERMISSION_DENIED")
                       : status == 404 ? EFF_STR("NOT_FOUND")
                       : status == 409 ? EFF_STR("ALREADY_EXISTS")
                       : status >= 500 ? EFF_STR("UNAVAILABLE")
                                       : EFF_STR("INVALID_ARGUMENT"));
    eff_json_end_object(&w);
    eff_json_end_object(&w);
    call->refused = call->rows;
}

static void
bqs_refuse(struct eff_call *call, int status, const char *code, const char *message)
{
    const char *usual = status == 401   ? "authError"
                        : status == 403 ? "accessDenied"
                        : status == 404 ? "notFound"
                        : status == 429 ? "rateLimitExceeded"
                        : status >= 500 ? "backendError"
                                        : "invalid";

    bqs_error(call, status, eff_str_of(code ? code : usual),
              eff_str_of(message ? message : "The request was not carried out."));
}

static bool
bqs_authorize(struct eff_call *call)
{
    if (eff_world_trusts(call->world, eff_call_bearer(call)))
        return true;
    bqs_refuse(call, 401, "authError",
               "Request had invalid authentication credentials. Expected OAuth 2 access token, "
               "login cookie or other valid authentication credential.");
    return false;
}

static bool
bqs_admit(struct eff_call *call)
{
    if (eff_world_take(call->world, EFF_QUOTA_BURST))
        return true;
    bqs_refuse(call, 403, "rateLimitExceeded",
               "Exceeded rate limits: too many api requests per user per method for this "
               "user_method.");
    return false;
}

/* A job keeps its failure; texts live as long as the jobs. */
static void
bqs_fail(struct eff_call *call, struct bqs_job *job, int status, const char *reason,
         eff_str message)
{
    job->status = status;
    job->reason = eff_str_of(reason);
    job->message = eff_str_copy(&bqs_state(call)->memory, message);
}

/* SQLite's words for what is wrong, in BigQuery's. */
static void
bqs_fail_sql(struct eff_call *call, struct bqs_job *job, const struct eff_bqs_sql *made,
             const struct bqs_ask *ask)
{
    sqlite3 *db = bqs_state(call)->db;
    eff_str text = eff_str_copy(call->arena, eff_str_of(sqlite3_errmsg(db))), rest, near;
    eff_str place = eff_bqs_sql_place(call->arena, made, ask->sql, sqlite3_error_offset(db));

    if (eff_str_starts(text, EFF_STR("no such table: "))) {
        rest = eff_str_sub(text, 15, SIZE_MAX);
        if (eff_str_find_char(rest, '.') == SIZE_MAX)
            bqs_fail(call, job, 400, "invalid",
                     eff_str_printf(call->arena,
                                    "Table \"" EFF_STR_FMT
                                    "\" must be qualified with a dataset (e.g. dataset.table).",
                                    EFF_STR_ARG(rest)));
        else
            bqs_fail(call, job, 404, "notFound",
                     eff_str_printf(call->arena,
                                    "Not found: Table " EFF_STR_FMT ":" EFF_STR_FMT
                                    " was not found in location " EFF_STR_FMT,
                                    EFF_STR_ARG(job->project), EFF_STR_ARG(rest),
                                    EFF_STR_ARG(job->location)));
        return;
    }
    if (eff_str_starts(text, EFF_STR("no such column: "))) {
        rest = eff_str_sub(text, 16, SIZE_MAX);
        text = eff_str_printf(call->arena, "Unrecognized name: " EFF_STR_FMT, EFF_STR_ARG(rest));
    } else if (eff_str_starts(text, EFF_STR("near "))) {
        eff_str_cut(eff_str_sub(text, 5, SIZE_MAX), ':', &near, &rest);
        if (eff_str_starts(near, EFF_STR("\"\""))) // a name of a table, as it was made
            near = eff_str_sub(near, 1, near.len - 2);
        text = eff_str_printf(call->arena, "Syntax error: Unexpected identifier " EFF_STR_FMT,
                              EFF_STR_ARG(near));
    } else if (eff_str_is(text, "incomplete input")) {
        text = EFF_STR("Syntax error: Unexpected end of script");
        place = eff_bqs_sql_place(call->arena, made, ask->sql, (int)made->text.len - 1);
    }
    bqs_fail(call, job, 400, "invalidQuery",
             eff_str_printf(call->arena, EFF_STR_FMT EFF_STR_FMT, EFF_STR_ARG(text),
                            EFF_STR_ARG(place)));
}

/* ---- carrying out ---- */

static bool
bqs_exec(struct eff_call *call, const char *sql)
{
    return sqlite3_exec(bqs_state(call)->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static int64_t
bqs_count(struct eff_call *call, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t count = -1;

    if (sqlite3_prepare_v2(bqs_state(call)->db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        count = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return count;
}

static bool
bqs_is_name(eff_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || (unsigned char)c >= 0x80))
            return false;
    }
    return name.len > 0 && (name.ptr[0] < '0' || name.ptr[0] > '9');
}

/* An expression has no declared type: what the first row holds tells it. */
static struct eff_bqs_type
bqs_guess(sqlite3_stmt *stmt, int column, bool row)
{
    int type = row ? sqlite3_column_type(stmt, column) : SQLITE_INTEGER;

    return (struct eff_bqs_type){.word = type == SQLITE_FLOAT  ? "FLOAT"
                                         : type == SQLITE_TEXT ? "STRING"
                                         : type == SQLITE_BLOB ? "BYTES"
                                                               : "INTEGER"};
}

static eff_str
bqs_column_name(struct eff_call *call, sqlite3_stmt *stmt, int column)
{
    eff_str name = eff_str_of(sqlite3_column_name(stmt, column));

    return bqs_is_name(name) ? name : eff_str_printf(call->arena, "f%d_", column);
}

/* Columns and their types; false: two have one name. */
static bool
bqs_describe(struct eff_call *call, struct bqs_job *job, sqlite3_stmt *stmt)
{
    struct bqs_state *s = bqs_state(call);
    int count = sqlite3_column_count(stmt);
    bool row = sqlite3_step(stmt) == SQLITE_ROW;
    struct eff_buf schema = {0};
    struct eff_json_writer w = {.buf = &schema};

    job->types = eff_new(&s->memory, struct eff_bqs_type, (size_t)count + 1);
    job->columns_count = (size_t)count;
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("fields"));
    eff_json_begin_array(&w);
    for (int i = 0; i < count; i++) {
        eff_str declared = eff_str_of(sqlite3_column_decltype(stmt, i));

        for (int k = 0; k < i; k++)
            if (eff_str_eq_nocase(bqs_column_name(call, stmt, i), bqs_column_name(call, stmt, k)))
                bqs_fail(call, job, 400, "invalidQuery",
                         eff_str_printf(call->arena,
                                        "Duplicate column names in the result are not supported. "
                                        "Found duplicate(s): " EFF_STR_FMT,
                                        EFF_STR_ARG(bqs_column_name(call, stmt, i))));
        if (eff_str_ends(declared, EFF_STR(" TEXT")))
            declared.len -= 5;
        declared = eff_str_copy(&s->memory, declared);
        if (!eff_bqs_type_parse(&s->memory, declared, &job->types[i]))
            job->types[i] = bqs_guess(stmt, i, row);
        eff_bqs_write_field(&w, bqs_column_name(call, stmt, i), &job->types[i]);
    }
    eff_json_end_array(&w);
    eff_json_end_object(&w);
    sqlite3_reset(stmt);
    job->schema = eff_str_copy(&s->memory, eff_buf_str(&schema));
    eff_buf_free(&schema);
    return job->status == 0;
}

static eff_str
bqs_statement_type(const char *made, bool script, bool reads)
{
    static const char *const words[] = {"INSERT", "UPDATE", "DELETE", "MERGE"};
    eff_str text = eff_str_trim(eff_str_of(made));

    if (script)
        return EFF_STR("SCRIPT");
    if (reads)
        return EFF_STR("SELECT");
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (eff_str_eq_nocase(eff_str_sub(text, 0, 6), eff_str_sub(eff_str_of(words[i]), 0, 6)))
            return eff_str_of(words[i]);
    return EFF_STR("CREATE_TABLE");
}

static void
bqs_price(struct bqs_job *job)
{
    job->bytes = job->rows * (int64_t)job->columns_count * BQS_CELL_BYTES;
    job->billed = (job->bytes + BQS_BILLED_UNIT - 1) / BQS_BILLED_UNIT * BQS_BILLED_UNIT;
    if (job->bytes > 0 && job->billed < BQS_BILLED_LEAST)
        job->billed = BQS_BILLED_LEAST;
}

static void
bqs_select(struct eff_call *call, struct bqs_job *job, const struct bqs_ask *ask,
           const struct eff_bqs_sql *made, sqlite3_stmt *stmt)
{
    size_t number = (size_t)(job - bqs_state(call)->jobs);
    eff_str body = eff_str_trim(eff_str_of(made->text.ptr));

    if (!bqs_describe(call, job, stmt))
        return;
    while (body.len > 0 && body.ptr[body.len - 1] == ';')
        body = eff_str_trim(eff_str_sub(body, 0, body.len - 1));
    job->rows =
        bqs_count(call, eff_str_printf(call->arena, "SELECT count(*) FROM (" EFF_STR_FMT ")",
                                       EFF_STR_ARG(body))
                            .ptr);
    bqs_price(job);
    if (job->rows < 0) {
        bqs_fail_sql(call, job, made, ask);
    } else if (!ask->dry_run && ask->billed_most > 0 && job->billed > ask->billed_most) {
        bqs_fail(call, job, 400, "bytesBilledLimitExceeded",
                 eff_str_printf(call->arena,
                                "Query exceeded limit for bytes billed: %lld. %lld or higher "
                                "required.",
                                (long long)ask->billed_most, (long long)job->billed));
    } else if (!ask->dry_run &&
               !bqs_exec(call,
                         eff_str_printf(call->arena, "CREATE TABLE \"_job_%zu\" AS " EFF_STR_FMT,
                                        number, EFF_STR_ARG(body))
                             .ptr)) {
        bqs_fail_sql(call, job, made, ask);
    }
}

static void
bqs_carry_out(struct eff_call *call, struct bqs_job *job, const struct bqs_ask *ask)
{
    struct bqs_state *s = bqs_state(call);
    struct eff_bqs_sql made;
    sqlite3_stmt *stmt = NULL;
    const char *tail = NULL;
    bool script;

    eff_bqs_sql_make(call->arena, s->db, ask->sql, ask->dataset, &made);
    if (sqlite3_prepare_v2(s->db, made.text.ptr, -1, &stmt, &tail) != SQLITE_OK) {
        bqs_fail_sql(call, job, &made, ask);
    } else if (stmt == NULL) {
        bqs_fail(call, job, 400, "invalidQuery",
                 EFF_STR("Syntax error: Unexpected end of script at [1:1]"));
    } else {
        script = eff_str_trim(eff_str_of(tail)).len > 0;
        job->type = bqs_statement_type(made.text.ptr, script, sqlite3_stmt_readonly(stmt));
        if (eff_str_is(job->type, "SELECT"))
            bqs_select(call, job, ask, &made, stmt);
        else if (!ask->dry_run && !bqs_exec(call, made.text.ptr))
            bqs_fail_sql(call, job, &made, ask);
    }
    sqlite3_finalize(stmt);
    eff_buf_free(&made.text);
}

/* ---- jobs ---- */

static bool
bqs_label_fine(eff_str key, eff_str value)
{
    eff_str both[] = {key, value};

    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < both[k].len; i++) {
            char c = both[k].ptr[i];

            if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
                  (unsigned char)c >= 0x80))
                return false;
        }
    return key.len > 0 && key.len <= 63 && value.len <= 63 &&
           !(key.ptr[0] >= '0' && key.ptr[0] <= '9');
}

/* False when it has answered: nobody would get so far with it at BigQuery. */
static bool
bqs_check(struct eff_call *call, const struct eff_json *labels, struct bqs_ask *ask)
{
    struct eff_json_iter iter = eff_json_iterate(labels);
    const struct eff_json *value;
    eff_str key;

    while (eff_json_next(&iter, &key, &value))
        if (!bqs_label_fine(key, eff_json_str(value))) {
            bqs_refuse(call, 400, "invalid",
                       "Label keys and values may only contain lowercase letters, numeric "
                       "characters, underscores and dashes.");
            return false;
        }
    ask->sql = eff_json_str(eff_json_get(ask->query, EFF_STR("query")));
    ask->dataset = eff_json_str(eff_json_pointer(ask->query, EFF_STR("/defaultDataset/datasetId")));
    eff_str_int(eff_json_str(eff_json_get(ask->query, EFF_STR("maximumBytesBilled"))),
                &ask->billed_most);
    if (eff_json_type(eff_json_get(ask->query, EFF_STR("useLegacySql"))) != EFF_JSON_BOOL ||
        eff_json_bool(eff_json_get(ask->query, EFF_STR("useLegacySql")))) {
        bqs_refuse(call, 400, "invalid", "Legacy SQL is not served by this stand-in.");
        return false;
    }
    if (ask->sql.len == 0) {
        bqs_refuse(call, 400, "required", "Required parameter is missing: query");
        return false;
    }
    return true;
}

/* NULL when it has answered: an id twice, or no room. */
static struct bqs_job *
bqs_new_job(struct eff_call *call, const struct bqs_ask *ask)
{
    struct bqs_state *s = bqs_state(call);
    struct bqs_job *job;

    if (ask->job_id.len > 0 && bqs_find(call, ask->job_id) != NULL) {
        bqs_error(call, 409, EFF_STR("duplicate"),
                  eff_str_printf(call->arena, "Already Exists: Job " EFF_STR_FMT ":" EFF_STR_FMT,
                                 EFF_STR_ARG(call->args[0]), EFF_STR_ARG(ask->job_id)));
        return NULL;
    }
    if (s->count == BQS_JOBS_MAX) {
        bqs_refuse(call, 403, "quotaExceeded", "Quota exceeded: the stand-in keeps 10,000 jobs.");
        return NULL;
    }
    job = &s->jobs[s->count];
    *job = (struct bqs_job){
        .id = ask->job_id.len > 0 ? eff_str_copy(&s->memory, ask->job_id)
                                  : eff_str_printf(&s->memory, "job_%zu", s->count),
        .project = eff_str_copy(&s->memory, call->args[0]),
        .location = ask->location.len > 0 ? eff_str_copy(&s->memory, ask->location) : EFF_STR("US"),
        .type = EFF_STR(""),
        .polls = call->world->settings.job_polls,
    };
    s->count += !ask->dry_run; // A dry run leaves no job.
    return job;
}

static void
bqs_write_reference(struct eff_json_writer *w, const struct bqs_job *job, bool dry_run)
{
    eff_json_key(w, EFF_STR("jobReference"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "projectId", job->project);
    if (!dry_run)
        eff_json_field_str(w, "jobId", job->id);
    eff_json_field_str(w, "location", job->location);
    eff_json_end_object(w);
}

static void
bqs_write_number(struct eff_call *call, struct eff_json_writer *w, const char *name, int64_t number)
{
    eff_json_field_str(w, name, eff_str_printf(call->arena, "%lld", (long long)number));
}

static void
bqs_write_job_to(struct eff_call *call, struct eff_json_writer *w, const struct bqs_job *job,
                 bool dry_run)
{
    bool done = dry_run || job->polls <= 0;

    eff_json_begin_object(w);
    eff_json_field_str(w, "kind", EFF_STR("bigquery#job"));
    bqs_write_reference(w, job, dry_run);
    eff_json_key(w, EFF_STR("statistics"));
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("query"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "statementType", job->type);
    bqs_write_number(call, w, "totalBytesProcessed", job->bytes);
    bqs_write_number(call, w, "totalBytesBilled", dry_run ? 0 : job->billed);
    if (dry_run && job->schema.len > 0) {
        eff_json_field_str(w, "totalBytesProcessedAccuracy", EFF_STR("PRECISE"));
        eff_json_key(w, EFF_STR("schema"));
        eff_json_write_raw(w, job->schema);
    }
    eff_json_end_object(w);
    eff_json_end_object(w);
    eff_json_key(w, EFF_STR("status"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "state", done ? EFF_STR("DONE") : EFF_STR("RUNNING"));
    if (done && job->status != 0) {
        eff_json_key(w, EFF_STR("errorResult"));
        eff_json_begin_object(w);
        eff_json_field_str(w, "reason", job->reason);
        eff_json_field_str(w, "message", job->message);
        eff_json_end_object(w);
    }
    eff_json_end_object(w);
    eff_json_end_object(w);
}

static void
bqs_write_job(struct eff_call *call, const struct bqs_job *job, bool dry_run)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    bqs_write_job_to(call, &w, job, dry_run);
}

static const struct eff_json *
bqs_body(struct eff_call *call)
{
    struct eff_err err = {0};
    const struct eff_json *body = eff_call_json(call, &err);

    if (eff_json_type(body) == EFF_JSON_OBJECT)
        return body;
    bqs_refuse(call, 400, "parseError", "Invalid JSON payload received.");
    return NULL;
}

static void
bqs_insert(struct eff_call *call)
{
    const struct eff_json *body = bqs_body(call), *configuration;
    struct bqs_ask ask = {0};
    struct bqs_job *job;

    if (body == NULL)
        return;
    configuration = eff_json_get(body, EFF_STR("configuration"));
    ask.query = eff_json_get(configuration, EFF_STR("query"));
    ask.dry_run = eff_json_bool(eff_json_get(configuration, EFF_STR("dryRun")));
    ask.job_id = eff_json_str(eff_json_pointer(body, EFF_STR("/jobReference/jobId")));
    ask.location = eff_json_str(eff_json_pointer(body, EFF_STR("/jobReference/location")));
    if (!bqs_check(call, eff_json_get(configuration, EFF_STR("labels")), &ask))
        return;
    job = bqs_new_job(call, &ask);
    if (job == NULL)
        return;
    bqs_carry_out(call, job, &ask);
    if (ask.dry_run && job->status != 0)
        bqs_error(call, job->status, job->reason, job->message);
    else
        bqs_write_job(call, job, ask.dry_run);
}

/* NULL when it has answered. A job far away is found only by its location. */
static struct bqs_job *
bqs_job_of(struct eff_call *call)
{
    struct bqs_job *job = bqs_find(call, call->args[1]);
    eff_str location = eff_call_param(call, "location");
    bool here = job != NULL && (location.len > 0 ? eff_str_eq_nocase(location, job->location)
                                                 : eff_str_is(job->location, "US") ||
                                                       eff_str_is(job->location, "EU"));

    if (here && eff_str_eq(job->project, call->args[0]))
        return job;
    bqs_error(call, 404, EFF_STR("notFound"),
              eff_str_printf(call->arena, "Not found: Job " EFF_STR_FMT ":" EFF_STR_FMT,
                             EFF_STR_ARG(call->args[0]), EFF_STR_ARG(call->args[1])));
    return NULL;
}

static void
bqs_get(struct eff_call *call)
{
    struct bqs_job *job = bqs_job_of(call);

    if (job != NULL)
        bqs_write_job(call, job, false);
}

static void
bqs_cancel(struct eff_call *call)
{
    struct bqs_job *job = bqs_job_of(call);
    struct eff_json_writer w;

    if (job == NULL)
        return;
    if (job->polls > 0) {
        bqs_fail(call, job, 400, "stopped",
                 EFF_STR("Job execution was cancelled: User requested cancellation"));
        job->polls = 0;
    }
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "kind", EFF_STR("bigquery#jobCancelResponse"));
    eff_json_key(&w, EFF_STR("job"));
    bqs_write_job_to(call, &w, job, false);
    eff_json_end_object(&w);
}

/* ---- results ---- */

static bool
bqs_offset(struct eff_call *call, const struct bqs_job *job, int64_t *ret_offset)
{
    eff_str token = eff_call_param(call, "pageToken"), id, number;

    *ret_offset = 0;
    if (token.len == 0)
        return true;
    if (eff_str_cut(token, '.', &number, &id) && eff_str_eq(id, job->id) &&
        eff_str_int(number, ret_offset) && *ret_offset >= 0 && *ret_offset <= job->rows)
        return true;
    bqs_refuse(call, 400, "invalid", "Invalid page token");
    return false;
}

/* Rows from offset on; returns where the next page begins. */
static int64_t
bqs_write_rows(struct eff_call *call, struct eff_json_writer *w, const struct bqs_job *job,
               int64_t offset, int64_t most, bool int64_times)
{
    struct bqs_state *s = bqs_state(call);
    size_t number = (size_t)(job - s->jobs), used = call->arena->used;
    eff_str sql = eff_str_printf(call->arena, "SELECT * FROM \"_job_%zu\" LIMIT %lld OFFSET %lld",
                                 number, (long long)most, (long long)offset);
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_prepare_v2(s->db, sql.ptr, -1, &stmt, NULL) != SQLITE_OK)
        return job->rows;
    eff_json_key(w, EFF_STR("rows"));
    eff_json_begin_array(w);
    while (call->answer.len < BQS_PAGE_BYTES && sqlite3_step(stmt) == SQLITE_ROW) {
        eff_json_begin_object(w);
        eff_json_key(w, EFF_STR("f"));
        eff_json_begin_array(w);
        for (size_t i = 0; i < job->columns_count; i++)
            eff_bqs_write_cell(w, call->arena, &job->types[i], stmt, (int)i, int64_times);
        eff_json_end_array(w);
        eff_json_end_object(w);
        offset++;
        call->arena->used = used;
    }
    eff_json_end_array(w);
    sqlite3_finalize(stmt);
    return offset;
}

static void
bqs_write_results(struct eff_call *call, struct bqs_job *job, int64_t offset, int64_t most,
                  bool int64_times)
{
    struct eff_json_writer w = eff_call_answer(call, 200);
    bool done = job->polls <= 0;

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "kind", EFF_STR("bigquery#getQueryResultsResponse"));
    bqs_write_reference(&w, job, false);
    eff_json_key(&w, EFF_STR("jobComplete"));
    eff_json_write_bool(&w, done);
    if (!done) {
        job->polls--;
    } else {
        if (job->schema.len > 0) {
            eff_json_key(&w, EFF_STR("schema"));
            eff_json_write_raw(&w, job->schema);
        }
        bqs_write_number(call, &w, "totalRows", job->rows);
        bqs_write_number(call, &w, "totalBytesProcessed", job->bytes);
        if (offset < job->rows && most > 0)
            offset = bqs_write_rows(call, &w, job, offset, most, int64_times);
        if (offset < job->rows)
            eff_json_field_str(&w, "pageToken",
                               eff_str_printf(call->arena, "%lld." EFF_STR_FMT, (long long)offset,
                                              EFF_STR_ARG(job->id)));
    }
    eff_json_end_object(&w);
}

static void
bqs_results(struct eff_call *call)
{
    struct bqs_job *job = bqs_job_of(call);
    int64_t offset, most = eff_call_param_int(call, "maxResults", BQS_PAGE_ROWS);

    if (job == NULL)
        return;
    if (job->polls <= 0 && job->status != 0)
        bqs_error(call, job->status, job->reason, job->message);
    else if (bqs_offset(call, job, &offset))
        bqs_write_results(call, job, offset, most,
                          eff_str_eq_nocase(eff_call_param(call, "formatOptions.useInt64Timestamp"),
                                            EFF_STR("true")));
}

/* jobs.query: in one call; what tests and people fill the warehouse with. */
static void
bqs_query(struct eff_call *call)
{
    const struct eff_json *body = bqs_body(call);
    struct bqs_ask ask = {.query = body};
    struct bqs_job *job;
    int64_t most = BQS_PAGE_ROWS;

    if (body == NULL || !bqs_check(call, eff_json_get(body, EFF_STR("labels")), &ask))
        return;
    ask.location = eff_json_str(eff_json_get(body, EFF_STR("location")));
    ask.dry_run = eff_json_bool(eff_json_get(body, EFF_STR("dryRun")));
    eff_json_int(eff_json_get(body, EFF_STR("maxResults")), &most);
    job = bqs_new_job(call, &ask);
    if (job == NULL)
        return;
    job->polls = 0;
    bqs_carry_out(call, job, &ask);
    if (job->status != 0)
        bqs_error(call, job->status, job->reason, job->message);
    else
        bqs_write_results(
            call, job, 0, ask.dry_run ? 0 : most,
            eff_json_bool(eff_json_pointer(body, EFF_STR("/formatOptions/useInt64Timestamp"))));
}

/* ---- logins ---- */

static void
bqs_token(struct eff_call *call)
{
    eff_google_login(call, BQS_SCOPE);
}

/* ---- the vendor ---- */

/* There are no records: tables are filled by SQL. */
static void
bqs_shapes(struct eff_shapes *shapes)
{
    (void)shapes;
}

static struct eff_shape *
bqs_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label)
{
    return eff_shape_add(shapes, name, label, EFF_STR(""));
}

static eff_str
bqs_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq)
{
    (void)shape;
    return eff_str_printf(arena, "%lld", (long long)seq);
}

static void
bqs_finish(struct eff_call *call)
{
    eff_call_set(call, "Vary", EFF_STR("Origin, X-Origin, Referer"));
}

#define BQS_PROJECT "/bigquery/v2/projects/{}"

static const struct eff_route bqs_routes[] = {
    {"POST", "/token", bqs_token, EFF_ROUTE_OPEN},
    {"GET", "/computeMetadata/v1/instance/service-accounts/default/token", eff_google_metadata,
     EFF_ROUTE_OPEN},
    {"POST", "/v1/projects/-/serviceAccounts/{}", eff_google_impersonate, 0},
    {"POST", BQS_PROJECT "/jobs", bqs_insert, 0},
    {"GET", BQS_PROJECT "/jobs/{}", bqs_get, 0},
    {"POST", BQS_PROJECT "/jobs/{}/cancel", bqs_cancel, 0},
    {"POST", BQS_PROJECT "/queries", bqs_query, 0},
    {"GET", BQS_PROJECT "/queries/{}", bqs_results, 0},
};

const struct eff_vendor eff_vendor_bigquery = {
    .name = "bigquery",
    .routes = bqs_routes,
    .routes_count = sizeof(bqs_routes) / sizeof(bqs_routes[0]),
    .quotas = {[EFF_QUOTA_BURST] = {.per_ms = 1000}},
    .shapes = bqs_shapes,
    .new_shape = bqs_new_shape,
    .authorize = bqs_authorize,
    .admit = bqs_admit,
    .refuse = bqs_refuse,
    .finish = bqs_finish,
    .id = bqs_id,
    .state_size = sizeof(struct bqs_state),
    .state_free = bqs_state_free,
};
