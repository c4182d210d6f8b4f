/*
 * sandbox/salesforce_query: SOQL by GET, page by page, and by query jobs.
 *
 * A cursor keeps the numbers of the records that the query found; a later page
 * shows what those records hold then. The oldest cursor makes room for a new one.
 */
#include "sandbox/salesforce_jobs.h"
#include "sandbox/upload.h"

#include <stdalign.h>
#include <stdlib.h>

#define QUERY_PAGE        2000
#define QUERY_PAGE_MIN    200
#define QUERY_RESULT_PAGE 50000 /* of a job, where the request does not say */

static void
query_free_cursor(struct eff_sf_cursor *cursor)
{
    free((char *)(uintptr_t)cursor->soql.ptr);
    free(cursor->seqs);
    *cursor = (struct eff_sf_cursor){0};
}

void
eff_sf_free_cursors(struct eff_sf_state *state)
{
    for (size_t i = 0; i < EFF_SF_CURSORS; i++)
        query_free_cursor(&state->cursors[i]);
}

/* Sforce-Query-Options: batchSize=200 */
static size_t
query_page_size(const struct eff_call *call)
{
    eff_str options = eff_call_header(call, "sforce-query-options"), name, value;
    int64_t size;

    if (!eff_str_cut(options, '=', &name, &value) || !eff_str_int(eff_str_trim(value), &size))
        return QUERY_PAGE;
    return size < QUERY_PAGE_MIN ? QUERY_PAGE_MIN : size > QUERY_PAGE ? QUERY_PAGE : (size_t)size;
}

/* {"Account": {"attributes": ..., "Name": "Acme"}}, or null where the reference is empty. */
static void
query_write_parents(struct eff_call *call, struct eff_json_writer *w,
                    const struct eff_sf_query *query, const struct eff_record *record)
{
    size_t count;
    const struct eff_sf_parent_field *parents = eff_sf_query_parents(query, &count);
    const struct eff_field **fields = eff_new(call->arena, const struct eff_field *, count);

    for (size_t i = 0; i < count; i++) {
        struct eff_cell cell = eff_sf_cell(call, record, parents[i].reference);
        const struct eff_shape *shape;
        struct eff_record parent;
        size_t many = 0, first = 0;
        int64_t seq;

        while (parents[first].reference != parents[i].reference)
            first++;
        if (first < i) // written with the first of its fields
            continue;
        for (size_t k = i; k < count; k++)
            if (parents[k].reference == parents[i].reference)
                fields[many++] = parents[k].field;
        eff_json_key(w, parents[i].reference->relation);
        if (!eff_cell_null(cell) && eff_sf_seq(&call->world->shapes, cell.text, &shape, &seq) &&
            eff_records_get(call->world->records, parents[i].shape, seq, call->arena, &parent))
            eff_sf_write_record(call, w, &parent, many, fields);
        else
            eff_json_write_null(w);
    }
}

static void
query_write_records(struct eff_call *call, struct eff_json_writer *w,
                    const struct eff_sf_query *query, const struct eff_sf_cursor *cursor,
                    size_t from, size_t to)
{
    size_t fields_count, used = call->arena->used;
    const struct eff_field *const *fields = eff_sf_query_fields(query, &fields_count);
    struct eff_record record;

    eff_json_key(w, EFF_STR("records"));
    eff_json_begin_array(w);
    for (size_t i = from; i < to; i++) {
        if (eff_records_get(call->world->records, eff_sf_query_shape(query), cursor->seqs[i],
                            call->arena, &record)) {
            eff_sf_begin_record(call, w, &record, fields_count, fields);
            query_write_parents(call, w, query, &record);
            eff_json_end_object(w);
        }
        call->arena->used = used;
    }
    eff_json_end_array(w);
}

/* One page; the cursor is freed when it is the last one. */
static void
query_answer_page(struct eff_call *call, const struct eff_sf_query *query,
                  struct eff_sf_cursor *cursor, size_t from)
{
    size_t size = query_page_size(call);
    size_t to = cursor->count - from > size ? from + size : cursor->count;
    bool done = to == cursor->count;
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_field_int(&w, "totalSize", (int64_t)cursor->count);
    eff_json_key(&w, EFF_STR("done"));
    eff_json_write_bool(&w, done);
    if (!done)
        eff_json_field_str(
            &w, "nextRecordsUrl",
            eff_str_printf(call->arena, "/services/data/v" EFF_STR_FMT "/query/" EFF_STR_FMT "-%zu",
                           EFF_STR_ARG(eff_sf_version(call)),
                           EFF_STR_ARG(eff_sf_other_id(call->arena, "01g", cursor->number)), to));
    query_write_records(call, &w, query, cursor, from, to);
    eff_json_end_object(&w);
    if (done)
        query_free_cursor(cursor);
}

static void
query_run(struct eff_call *call, bool all)
{
    struct eff_sf_state *state = call->world->state;
    eff_str text = eff_call_param(call, "q");
    struct eff_sf_problem problem = {0};
    const struct eff_sf_query *query = eff_sf_soql(call, text, &problem);
    struct eff_sf_cursor *cursor = &state->cursors[state->cursors_made % EFF_SF_CURSORS];

    if (query == NULL) {
        eff_sf_error(call, 400, problem.code, problem.message);
        return;
    }
    query_free_cursor(cursor);
    cursor->number = ++state->cursors_made;
    cursor->soql = eff_call_keep(text);
    cursor->count = eff_sf_run(call, query, all, &cursor->seqs);
    if (eff_sf_query_counts(query)) {
        struct eff_json_writer w = eff_call_answer(call, 200);

        eff_json_begin_object(&w);
        eff_json_field_int(&w, "totalSize", (int64_t)cursor->count);
        eff_json_key(&w, EFF_STR("done"));
        eff_json_write_bool(&w, true);
        eff_json_key(&w, EFF_STR("records"));
        eff_json_begin_array(&w);
        eff_json_end_array(&w);
        eff_json_end_object(&w);
        query_free_cursor(cursor);
        return;
    }
    query_answer_page(call, query, cursor, 0);
}

void
eff_sf_query(struct eff_call *call)
{
    query_run(call, false);
}

void
eff_sf_query_all(struct eff_call *call)
{
    query_run(call, true);
}

/* 01g5e000...-2000 */
void
eff_sf_query_more(struct eff_call *call)
{
    struct eff_sf_state *state = call->world->state;
    struct eff_sf_problem problem = {0};
    eff_str id, offset;
    uint64_t from = 0;

    if (!eff_str_cut(call->args[1], '-', &id, &offset) || !eff_str_uint(offset, &from))
        id = EFF_STR("");
    for (size_t i = 0; i < EFF_SF_CURSORS; i++) {
        struct eff_sf_cursor *cursor = &state->cursors[i];
        const struct eff_sf_query *query;

        if (cursor->number == 0 || from >= cursor->count ||
            !eff_str_eq(id, eff_sf_other_id(call->arena, "01g", cursor->number)))
            continue;
        query = eff_sf_soql(call, cursor->soql, &problem);
        if (query == NULL) // a field is gone meanwhile
            eff_sf_error(call, 400, problem.code, problem.message);
        else
            query_answer_page(call, query, cursor, (size_t)from);
        return;
    }
    eff_sf_error(call, 400, "INVALID_QUERY_LOCATOR", EFF_STR("invalid query locator"));
}

void
eff_sf_query_job_create(struct eff_call *call)
{
    struct eff_err err = {0};
    const struct eff_json *body = eff_call_json(call, &err);
    eff_str operation = eff_json_str(eff_json_get(body, EFF_STR("operation")));
    eff_str text = eff_json_str(eff_json_get(body, EFF_STR("query")));
    eff_str delimiter = eff_json_str(eff_json_get(body, EFF_STR("columnDelimiter")));
    eff_str ending = eff_json_str(eff_json_get(body, EFF_STR("lineEnding")));
    struct eff_sf_problem problem = {0};
    const struct eff_sf_query *query;
    struct eff_sf_job *job;
    size_t parents = 0;

    if (!eff_str_is(operation, "query") && !eff_str_is(operation, "queryAll")) {
        eff_sf_error(call, 400, "API_ERROR", EFF_STR("operation must be query or queryAll"));
        return;
    }
    query = eff_sf_soql(call, text, &problem);
    if (query != NULL)
        eff_sf_query_parents(query, &parents);
    if (query == NULL || eff_sf_query_counts(query) || parents > 0) {
        eff_sf_error(call, 400, problem.code == NULL ? "API_ERROR" : problem.code,
                     problem.code == NULL
                         ? EFF_STR("COUNT() and fields of parents are not supported")
                         : problem.message);
        return;
    }
    job = eff_sf_job_add(call, true);
    if (job == NULL)
        return;
    job->shape = eff_sf_query_shape(query);
    job->all = eff_str_is(operation, "queryAll");
    job->state = EFF_SF_JOB_UPLOADED;
    job->crlf = eff_str_is(ending, "CRLF");
    job->delimiter = delimiter.len == 0 ? ',' : eff_sf_delimiter(delimiter);
    if (job->delimiter == '\0')
        job->delimiter = ',';
    eff_buf_add(&job->upload, text);
    job->hits_count = eff_sf_run(call, query, job->all, &job->hits);
    eff_sf_job_answer(call, job, 200);
}

static void
query_write_csv(struct eff_call *call, const struct eff_sf_job *job,
                const struct eff_sf_query *query, size_t from, size_t to)
{
    size_t count, used = call->arena->used;
    const struct eff_field *const *fields = eff_sf_query_fields(query, &count);
    const char *end = job->crlf ? "\r\n" : "\n";
    struct eff_record record;

    eff_call_text(call, 200, "text/csv", EFF_STR(""));
    for (size_t f = 0; f < count; f++) {
        if (f != 0)
            eff_buf_add_char(&call->answer, job->delimiter);
        eff_upload_write(&call->answer, fields[f]->name);
    }
    eff_buf_add(&call->answer, eff_str_of(end));
    for (size_t i = from; i < to; i++) {
        if (!eff_records_get(call->world->records, job->shape, job->hits[i], call->arena, &record))
            continue;
        for (size_t f = 0; f < count; f++) {
            if (f != 0)
                eff_buf_add_char(&call->answer, job->delimiter);
            eff_upload_write(&call->answer, eff_sf_cell(call, &record, fields[f]).text);
        }
        eff_buf_add(&call->answer, eff_str_of(end));
        call->arena->used = used;
    }
}

void
eff_sf_query_job_results(struct eff_call *call)
{
    struct eff_sf_job *job = eff_sf_job_of(call);
    int64_t from = eff_call_param_int(call, "locator", 0);
    int64_t max = eff_call_param_int(call, "maxRecords", QUERY_RESULT_PAGE);
    struct eff_sf_problem problem = {0};
    const struct eff_sf_query *query;
    size_t to;
    eff_str locator;

    if (job == NULL)
        return;
    query = eff_sf_soql(call, eff_buf_str(&job->upload), &problem);
    if (job->state != EFF_SF_JOB_COMPLETE || query == NULL || max < 1 || from < 0 ||
        (size_t)from > job->hits_count) {
        eff_sf_error(call, 400, "INVALIDJOBSTATE", EFF_STR("there are no such results"));
        return;
    }
    to = job->hits_count - (size_t)from > (size_t)max ? (size_t)(from + max) : job->hits_count;
    locator = to == job->hits_count ? EFF_STR("null") : eff_str_printf(call->arena, "%zu", to);
    eff_call_set(call, "Sforce-Locator", locator);
    eff_call_set(call, "Sforce-NumberOfRecords",
                 eff_str_printf(call->arena, "%zu", to - (size_t)from));
    query_write_csv(call, job, query, (size_t)from, to);
}
