/*
 * sandbox/salesforce_bulk: Bulk API 2.0, loading.
 *
 * A job is opened, filled by one PUT, closed, polled, and asked for three CSV
 * files. Its rows are applied when it is closed (salesforce_load.c); states move
 * on with each poll, so that a client sees the job run.
 * What is unconfirmed in destinations.md: messages of refused calls.
 */
#include "sandbox/salesforce_jobs.h"
#include "sandbox/upload.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#define BULK_JOBS_MAX   1000
#define BULK_BYTES_MAX  ((size_t)1 << 30)           /* of all uploads */
#define BULK_BASE64_MAX ((size_t)150 * 1000 * 1000) /* of one, base64 included */

static const char *const bulk_states[] = {"Open",        "UploadComplete", "InProgress",
                                          "JobComplete", "Failed",         "Aborted"};

static const struct {
    const char *name;
    char delimiter;
} bulk_delimiters[] = {{"COMMA", ','}, {"TAB", '\t'},  {"SEMICOLON", ';'},
                       {"PIPE", '|'},  {"CARET", '^'}, {"BACKQUOTE", '`'}};

#define BULK_DELIMITERS (sizeof(bulk_delimiters) / sizeof(bulk_delimiters[0]))

char
eff_sf_delimiter(eff_str name)
{
    for (size_t i = 0; i < BULK_DELIMITERS; i++)
        if (eff_str_is(name, bulk_delimiters[i].name))
            return bulk_delimiters[i].delimiter;
    return '\0';
}

static void
bulk_free_rows(struct eff_sf_job *job)
{
    for (size_t i = 0; i < job->rows_count; i++)
        free(job->rows[i].error);
    free(job->rows);
    job->rows = NULL;
    job->rows_count = job->rows_cap = 0;
    eff_buf_free(&job->upload);
}

static void
bulk_free(struct eff_sf_job *job)
{
    bulk_free_rows(job);
    free(job->code);
    free(job->message);
    free(job->hits);
    free(job);
}

void
eff_sf_free_jobs(struct eff_sf_state *state)
{
    while (state->jobs != NULL) {
        struct eff_sf_job *job = state->jobs;

        state->jobs = job->next;
        bulk_free(job);
    }
}

static eff_str
bulk_id(struct eff_call *call, const struct eff_sf_job *job)
{
    return eff_sf_other_id(call->arena, "750", job->number);
}

struct eff_sf_job *
eff_sf_job_of(struct eff_call *call)
{
    struct eff_sf_state *state = call->world->state;
    bool query = eff_str_find(call->path, EFF_STR("/jobs/query/")) != SIZE_MAX;

    for (struct eff_sf_job *job = state->jobs; job != NULL; job = job->next) {
        eff_str id = bulk_id(call, job);

        if (job->query == query &&
            (eff_str_eq(call->args[1], id) || eff_str_eq(call->args[1], eff_str_sub(id, 0, 15))))
            return job;
    }
    eff_sf_error(call, 404, "NOT_FOUND", EFF_STR("The requested resource does not exist"));
    return NULL;
}

struct eff_sf_job *
eff_sf_job_add(struct eff_call *call, bool query)
{
    struct eff_sf_state *state = call->world->state;
    struct eff_sf_job *job = NULL;
    size_t count = 0;

    for (const struct eff_sf_job *other = state->jobs; other != NULL; other = other->next)
        count++;
    if (count < BULK_JOBS_MAX)
        job = calloc(1, sizeof(*job));
    if (job == NULL) {
        eff_sf_error(call, 400, "EXCEEDEDQUOTA", EFF_STR("too many jobs, delete some"));
        return NULL;
    }
    job->number = ++state->jobs_made;
    job->query = query;
    job->created_ms = eff_world_now(call->world);
    job->polls_left = call->world->settings.job_polls;
    job->fail_after = call->world->settings.job_fail_after;
    eff_str_print_to(job->version, sizeof(job->version), eff_sf_version(call));
    job->next = state->jobs;
    state->jobs = job;
    return job;
}

static const char *
bulk_operation(const struct eff_sf_job *job)
{
    if (job->query)
        return job->all ? "queryAll" : "query";
    switch (job->verb) {
    case EFF_SF_INSERT:
        return "insert";
    case EFF_SF_UPDATE:
        return "update";
    case EFF_SF_UPSERT:
        return "upsert";
    case EFF_SF_DELETE:
        break;
    }
    return job->hard ? "hardDelete" : "delete";
}

static const char *
bulk_delimiter_name(char delimiter)
{
    for (size_t i = 0; i < BULK_DELIMITERS; i++)
        if (bulk_delimiters[i].delimiter == delimiter)
            return bulk_delimiters[i].name;
    return "COMMA";
}

static size_t
bulk_processed(const struct eff_sf_job *job)
{
    size_t processed = 0;

    for (size_t i = 0; i < job->rows_count; i++)
        processed += job->rows[i].result != EFF_SF_UNPROCESSED;
    return job->query ? job->hits_count : processed;
}

static void
bulk_write_counts(struct eff_json_writer *w, const struct eff_sf_job *job)
{
    bool over = job->state >= EFF_SF_JOB_COMPLETE;

    eff_json_field_int(w, "numberRecordsProcessed",
                       job->query && !over ? 0 : (int64_t)bulk_processed(job));
    if (!job->query)
        eff_json_field_int(w, "numberRecordsFailed", (int64_t)job->failed);
    eff_json_field_int(w, "retries", 0);
    eff_json_field_int(w, "totalProcessingTime", over ? 100 : 0);
    eff_json_field_int(w, "apiActiveProcessingTime", over ? 50 : 0);
    eff_json_field_int(w, "apexProcessingTime", 0);
    if (job->error[0] != '\0')
        eff_json_field_str(w, "errorMessage", eff_str_of(job->error));
}

static void
bulk_write(struct eff_call *call, struct eff_json_writer *w, const struct eff_sf_job *job)
{
    eff_str id = bulk_id(call, job), time = eff_sf_time(call, job->created_ms);

    eff_json_begin_object(w);
    eff_json_field_str(w, "id", id);
    eff_json_field_str(w, "operation", eff_str_of(bulk_operation(job)));
    eff_json_field_str(w, "object", job->shape->name);
    eff_json_field_str(w, "createdById", EFF_STR(EFF_SF_USER));
    eff_json_field_str(w, "createdDate", time);
    eff_json_field_str(w, "systemModstamp", time);
    eff_json_field_str(w, "state", eff_str_of(bulk_states[job->state]));
    if (job->key_name[0] != '\0')
        eff_json_field_str(w, "externalIdFieldName", eff_str_of(job->key_name));
    eff_json_field_str(w, "concurrencyMode", EFF_STR("Parallel"));
    eff_json_field_str(w, "contentType", EFF_STR("CSV"));
    eff_json_key(w, EFF_STR("apiVersion"));
    eff_json_write_raw(w, eff_str_of(job->version));
    eff_json_field_str(w, "jobType", job->query ? EFF_STR("V2Query") : EFF_STR("V2Ingest"));
    if (!job->query)
        eff_json_field_str(w, "contentUrl",
                           eff_str_printf(call->arena,
                                          "services/data/v%s/jobs/ingest/" EFF_STR_FMT "/batches",
                                          job->version, EFF_STR_ARG(id)));
    eff_json_field_str(w, "lineEnding", job->crlf ? EFF_STR("CRLF") : EFF_STR("LF"));
    eff_json_field_str(w, "columnDelimiter", eff_str_of(bulk_delimiter_name(job->delimiter)));
    if (job->state != EFF_SF_JOB_OPEN)
        bulk_write_counts(w, job);
    eff_json_end_object(w);
}

void
eff_sf_job_answer(struct eff_call *call, const struct eff_sf_job *job, int status)
{
    struct eff_json_writer w = eff_call_answer(call, status);

    bulk_write(call, &w, job);
}

struct bulk_request {
    eff_str object, operation, key, content, ending, delimiter;
};

static const struct {
    const char *name;
    enum eff_sf_verb verb;
} bulk_verbs[] = {{"insert", EFF_SF_INSERT},
                  {"update", EFF_SF_UPDATE},
                  {"upsert", EFF_SF_UPSERT},
                  {"delete", EFF_SF_DELETE},
                  {"hardDelete", EFF_SF_DELETE}};

static enum eff_sf_verb
bulk_verb(eff_str operation)
{
    for (size_t i = 0; i < sizeof(bulk_verbs) / sizeof(bulk_verbs[0]); i++)
        if (eff_str_is(operation, bulk_verbs[i].name))
            return bulk_verbs[i].verb;
    return 0;
}

/* What is wrong with the request for a job, or NULL. */
static const char *
bulk_check(struct eff_call *call, const struct bulk_request *request)
{
    const struct eff_shape *shape = eff_shape_find(&call->world->shapes, request->object);
    const struct eff_field *key =
        shape == NULL ? NULL : eff_shape_field(&call->world->shapes, shape, request->key);
    enum eff_sf_verb verb = bulk_verb(request->operation);

    if (shape == NULL)
        return "Unable to find object";
    if (verb == 0)
        return "operation must be insert, update, upsert, delete or hardDelete";
    if (request->content.len != 0 && !eff_str_is(request->content, "CSV"))
        return "contentType must be CSV";
    if (verb != EFF_SF_UPSERT && request->key.len != 0)
        return "externalIdFieldName is for upsert only";
    if (verb == EFF_SF_UPSERT &&
        (key == NULL || (!eff_field_has(key, EFF_FIELD_KEY) && key->type != EFF_FIELD_ID)))
        return "externalIdFieldName must name an external id field of the object";
    if (request->ending.len != 0 && !eff_str_is(request->ending, "LF") &&
        !eff_str_is(request->ending, "CRLF"))
        return "lineEnding must be LF or CRLF";
    if (request->delimiter.len != 0 && eff_sf_delimiter(request->delimiter) == '\0')
        return "columnDelimiter is not known";
    return NULL;
}

static void
bulk_take_effect(struct eff_call *call, struct eff_sf_job *job)
{
    if (call->effect.job_polls >= 0)
        job->polls_left = call->effect.job_polls;
    if (call->effect.job_fail_after >= 0)
        job->fail_after = call->effect.job_fail_after;
    if (call->effect.partial_rows == 0)
        return;
    job->effect = call->effect;
    free(job->code);
    free(job->message);
    job->code = strndup(call->effect.code.len == 0 ? "UNABLE_TO_LOCK_ROW" : call->effect.code.ptr,
                        call->effect.code.len == 0 ? 64 : call->effect.code.len);
    job->message = strndup(call->effect.message.len == 0 ? "unable to obtain exclusive access"
                                                         : call->effect.message.ptr,
                           call->effect.message.len == 0 ? 64 : call->effect.message.len);
}

static struct eff_sf_job *
bulk_open(struct eff_call *call, const struct eff_json *body)
{
    struct bulk_request request = {
        .object = eff_json_str(eff_json_get(body, EFF_STR("object"))),
        .operation = eff_json_str(eff_json_get(body, EFF_STR("operation"))),
        .key = eff_json_str(eff_json_get(body, EFF_STR("externalIdFieldName"))),
        .content = eff_json_str(eff_json_get(body, EFF_STR("contentType"))),
        .ending = eff_json_str(eff_json_get(body, EFF_STR("lineEnding"))),
        .delimiter = eff_json_str(eff_json_get(body, EFF_STR("columnDelimiter"))),
    };
    const char *wrong = bulk_check(call, &request);
    struct eff_sf_job *job;

    if (wrong != NULL) {
        eff_sf_error(call, 400, "INVALIDENTITY", eff_str_of(wrong));
        return NULL;
    }
    job = eff_sf_job_add(call, false);
    if (job == NULL)
        return NULL;
    job->shape = eff_shape_find(&call->world->shapes, request.object);
    job->verb = bulk_verb(request.operation);
    job->hard = eff_str_is(request.operation, "hardDelete");
    eff_str_print_to(job->key_name, sizeof(job->key_name), request.key);
    job->crlf = eff_str_is(request.ending, "CRLF");
    job->delimiter = request.delimiter.len == 0 ? ',' : eff_sf_delimiter(request.delimiter);
    bulk_take_effect(call, job);
    return job;
}

/* The part of a multipart body that has that name, without its head. */
static eff_str
bulk_multipart(const struct eff_call *call, const char *name)
{
    eff_str type = eff_call_header(call, "content-type"), boundary, rest = call->body, head;
    size_t at = eff_str_find(type, EFF_STR("boundary=")), end;

    if (at == SIZE_MAX)
        return EFF_STR_NONE;
    boundary = eff_str_sub(type, at + 9, SIZE_MAX);
    if (boundary.len > 1 && boundary.ptr[0] == '"')
        boundary = eff_str_sub(boundary, 1, boundary.len - 2);
    boundary = eff_str_printf(call->arena, "--" EFF_STR_FMT, EFF_STR_ARG(boundary));
    while ((at = eff_str_find(rest, boundary)) != SIZE_MAX) {
        rest = eff_str_sub(rest, at + boundary.len, SIZE_MAX);
        end = eff_str_find(rest, boundary);
        at = eff_str_find(rest, EFF_STR("\r\n\r\n"));
        if (end == SIZE_MAX || at == SIZE_MAX || at + 4 > end)
            return EFF_STR_NONE;
        head = eff_str_sub(rest, 0, at);
        if (eff_str_find(head, eff_str_printf(call->arena, "name=\"%s\"", name)) != SIZE_MAX)
            return eff_str_sub(rest, at + 4, end - at - 4 - (end >= at + 6 ? 2 : 0));
    }
    return EFF_STR_NONE;
}

/* Below 100,000 characters the rows may come together with the job. */
static void
bulk_create_with_rows(struct eff_call *call)
{
    eff_str content = bulk_multipart(call, "content");
    struct eff_call head = *call;
    struct eff_err err = {0};
    const struct eff_json *body;
    struct eff_sf_job *job;

    head.body = bulk_multipart(call, "job");
    body = eff_call_json(&head, &err);
    if (body == NULL || content.ptr == NULL || content.len > 100000) {
        eff_sf_error(call, 400, "INVALIDENTITY",
                     EFF_STR("expected the parts job and content (at most 100,000 characters)"));
        return;
    }
    job = bulk_open(call, body);
    if (job == NULL)
        return;
    eff_buf_add(&job->upload, content);
    job->state = EFF_SF_JOB_UPLOADED;
    eff_sf_job_load(call, job);
    eff_sf_job_answer(call, job, 200);
}

void
eff_sf_job_create(struct eff_call *call)
{
    struct eff_err err = {0};
    const struct eff_json *body;
    struct eff_sf_job *job;

    if (eff_str_starts(eff_call_header(call, "content-type"), EFF_STR("multipart/form-data"))) {
        bulk_create_with_rows(call);
        return;
    }
    body = eff_call_json(call, &err);
    if (body == NULL) {
        eff_sf_error(call, 400, "JSON_PARSER_ERROR",
                     eff_str_copy(call->arena, eff_str_of(err.msg)));
        return;
    }
    job = bulk_open(call, body);
    if (job != NULL)
        eff_sf_job_answer(call, job, 200);
}

void
eff_sf_job_list(struct eff_call *call)
{
    const struct eff_sf_state *state = call->world->state;
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("done"));
    eff_json_write_bool(&w, true);
    eff_json_key(&w, EFF_STR("records"));
    eff_json_begin_array(&w);
    for (const struct eff_sf_job *job = state->jobs; job != NULL; job = job->next)
        if (!job->query)
            bulk_write(call, &w, job);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}

/* Each poll moves the job on; the last ones see how it ended. */
static void
bulk_move_on(struct eff_sf_job *job)
{
    if (job->state != EFF_SF_JOB_UPLOADED && job->state != EFF_SF_JOB_RUNNING)
        return;
    if (job->polls_left > 0 || job->loading) {
        job->polls_left -= job->polls_left > 0;
        job->state = EFF_SF_JOB_RUNNING;
        return;
    }
    job->state = job->error[0] == '\0' ? EFF_SF_JOB_COMPLETE : EFF_SF_JOB_FAILED;
}

void
eff_sf_job_get(struct eff_call *call)
{
    struct eff_sf_job *job = eff_sf_job_of(call);

    if (job == NULL)
        return;
    bulk_move_on(job);
    eff_sf_job_answer(call, job, 200);
}

void
eff_sf_job_delete(struct eff_call *call)
{
    struct eff_sf_state *state = call->world->state;
    struct eff_sf_job *job = eff_sf_job_of(call), **link = &state->jobs;

    if (job == NULL)
        return;
    if (job->state == EFF_SF_JOB_OPEN || job->state == EFF_SF_JOB_RUNNING) {
        eff_sf_error(
            call, 400, "INVALIDJOBSTATE",
            EFF_STR("a job can be deleted when it is closed, failed, aborted or complete"));
        return;
    }
    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
    bulk_free(job);
    eff_call_empty(call, 204);
}

static size_t
bulk_total_bytes(const struct eff_sf_state *state)
{
    size_t total = 0;

    for (const struct eff_sf_job *job = state->jobs; job != NULL; job = job->next)
        total += job->upload.len;
    return total;
}

void
eff_sf_job_upload(struct eff_call *call)
{
    struct eff_sf_job *job = eff_sf_job_of(call);

    if (job == NULL)
        return;
    if (job->state != EFF_SF_JOB_OPEN) {
        eff_sf_error(call, 400, "INVALIDJOBSTATE", EFF_STR("the job is not open"));
    } else if (job->upload.len != 0) {
        eff_sf_error(call, 400, "INVALIDJOB",
                     eff_str_printf(call->arena,
                                    "Found multiple contents for job: <" EFF_STR_FMT
                                    ">, make sure that you only do 'PUT' once on a job.",
                                    EFF_STR_ARG(bulk_id(call, job))));
    } else if (!eff_str_starts(eff_call_header(call, "content-type"), EFF_STR("text/csv"))) {
        eff_sf_error(call, 415, "INVALIDENTITY", EFF_STR("Content-Type must be text/csv"));
    } else if (call->body.len / 3 * 4 > BULK_BASE64_MAX ||
               bulk_total_bytes(call->world->state) + call->body.len > BULK_BYTES_MAX) {
        eff_sf_error(call, 413, "INVALIDENTITY",
                     EFF_STR("the data is larger than 150 MB when it is encoded as base64"));
    } else {
        bulk_take_effect(call, job);
        eff_buf_add(&job->upload, call->body);
        eff_call_empty(call, 201);
    }
}

void
eff_sf_job_patch(struct eff_call *call)
{
    struct eff_sf_job *job = eff_sf_job_of(call);
    struct eff_err err = {0};
    eff_str state;
    bool open;

    if (job == NULL)
        return;
    state = eff_json_str(eff_json_get(eff_call_json(call, &err), EFF_STR("state")));
    open = job->state == EFF_SF_JOB_OPEN;
    if (eff_str_is(state, "UploadComplete") && open && !job->query) {
        bulk_take_effect(call, job);
        job->state = EFF_SF_JOB_UPLOADED;
        eff_sf_job_load(call, job);
        eff_sf_job_answer(call, job, 200);
    } else if (eff_str_is(state, "Aborted") && job->state < EFF_SF_JOB_COMPLETE) {
        job->state = EFF_SF_JOB_ABORTED;
        if (!job->query)
            eff_sf_job_drop(call, job);
        eff_sf_job_answer(call, job, 200);
    } else {
        eff_sf_error(call, 400, "INVALIDJOBSTATE",
                     eff_str_printf(call->arena, "the job is %s and cannot become " EFF_STR_FMT,
                                    bulk_states[job->state],
                                    EFF_STR_ARG(eff_str_sub(state, 0, 40))));
    }
}

/* One of the three files: rows with results from..to, their first columns, and what was uploaded. */
static void
bulk_results(struct eff_call *call, enum eff_sf_result from, enum eff_sf_result to,
             const char *columns)
{
    struct eff_sf_job *job = eff_sf_job_of(call);
    eff_str upload, end;
    struct eff_buf *out = &call->answer;
    eff_str header;

    if (job == NULL)
        return;
    if (job->state < EFF_SF_JOB_COMPLETE) {
        eff_sf_error(call, 400, "INVALIDJOBSTATE", EFF_STR("the job is not finished"));
        return;
    }
    eff_call_text(call, 200, "text/csv", EFF_STR(""));
    upload = eff_buf_str(&job->upload);
    end = job->crlf ? EFF_STR("\r\n") : EFF_STR("\n");
    for (size_t i = 0; columns[i] != '\0'; i++)
        eff_buf_add_char(out, columns[i] == ',' ? job->delimiter : columns[i]);
    header = eff_str_sub(upload, 0, job->header_len);
    if (eff_str_starts(header, EFF_STR("\xef\xbb\xbf")))
        header = eff_str_sub(header, 3, SIZE_MAX);
    eff_buf_add(out, eff_str_trim(header));
    eff_buf_add(out, end);
    for (size_t i = 0; i < job->rows_count; i++) {
        const struct eff_sf_job_row *row = &job->rows[i];
        size_t used = call->arena->used;

        if (row->result < from || row->result > to)
            continue;
        if (row->result != EFF_SF_UNPROCESSED) {
            eff_upload_write(out, row->seq == 0 ? EFF_STR("")
                                                : eff_sf_id(call->arena, job->shape, row->seq));
            eff_buf_add_char(out, job->delimiter);
            eff_upload_write(out, row->result == EFF_SF_REFUSED   ? eff_str_of(row->error)
                                  : row->result == EFF_SF_CREATED ? EFF_STR("true")
                                                                  : EFF_STR("false"));
            eff_buf_add_char(out, job->delimiter);
        }
        eff_buf_add(out, eff_str_sub(upload, row->at, row->len));
        eff_buf_add(out, end);
        call->arena->used = used;
    }
}

void
eff_sf_job_successful(struct eff_call *call)
{
    bulk_results(call, EFF_SF_UPDATED, EFF_SF_CREATED, "\"sf__Id\",\"sf__Created\",");
}

void
eff_sf_job_failed(struct eff_call *call)
{
    bulk_results(call, EFF_SF_REFUSED, EFF_SF_REFUSED, "\"sf__Id\",\"sf__Error\",");
}

void
eff_sf_job_unprocessed(struct eff_call *call)
{
    bulk_results(call, EFF_SF_UNPROCESSED, EFF_SF_UNPROCESSED, "");
}
