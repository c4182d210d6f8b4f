/*
 * sandbox/salesforce_load: the rows of a bulk job into the store.
 *
 * In chunks of 200, as the vendor does. Rows beyond the first 20,000 follow with
 * the next requests, whatever those are. A header that names an unknown field,
 * or text that is no CSV, fails the job with all rows unprocessed; else each row
 * stands for itself.
 */
#include "sandbox/salesforce_jobs.h"
#include "sandbox/upload.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#define LOAD_COLUMNS_MAX 1000
#define LOAD_CHUNK       200
#define LOAD_SLICE       20000 /* rows of one request, so that none waits long */

/* A column of the upload: a field, a parent's external id, or the id of the record. */
struct load_column {
    const struct eff_field *field;
    eff_str parent_key; /* len != 0: "Account.Ext_Id__c" */
    bool id;
};

struct load {
    struct eff_call *call;
    struct eff_sf_job *job;
    struct eff_upload csv;
    size_t columns_count;
    struct load_column *columns;
    struct eff_sf_row rows[LOAD_CHUNK];
};

static void
load_fail(struct eff_sf_job *job, const char *message, eff_str what)
{
    if (job->error[0] == '\0')
        snprintf(job->error, sizeof(job->error), "%s" EFF_STR_FMT, message, EFF_STR_ARG(what));
}

static bool
load_read_column(struct load *load, eff_str name, struct load_column *column)
{
    const struct eff_shapes *shapes = &load->call->world->shapes;
    const struct eff_shape *shape = load->job->shape;
    eff_str relation, key;

    if (eff_str_eq_nocase(name, EFF_STR("id"))) {
        column->id = true;
        return true;
    }
    if (!eff_str_cut(name, '.', &relation, &key)) {
        column->field = eff_shape_field(shapes, shape, name);
        return column->field != NULL && !eff_field_has(column->field, EFF_FIELD_READONLY);
    }
    column->parent_key = key;
    for (size_t i = 0; i < shape->count; i++)
        if (!shape->fields[i].gone && eff_str_eq_nocase(shape->fields[i].relation, relation))
            column->field = &shape->fields[i];
    return column->field != NULL;
}

static bool
load_read_header(struct load *load)
{
    struct eff_call *call = load->call;
    struct eff_upload *csv = &load->csv;

    if (eff_str_starts(csv->text, EFF_STR("\xef\xbb\xbf")))
        csv->at = 3;
    if (!eff_upload_next(csv, call->arena, LOAD_COLUMNS_MAX)) {
        load_fail(load->job, "InvalidBatch : Failed to parse CSV header", EFF_STR(""));
        return false;
    }
    load->job->header_len = csv->at;
    if (csv->crlf != load->job->crlf && csv->at < csv->text.len)
        load_fail(load->job,
                  "ClientInputError : LineEnding is invalid on user data. Current "
                  "LineEnding setting is ",
                  load->job->crlf ? EFF_STR("CRLF") : EFF_STR("LF"));
    load->columns_count = csv->cells_count;
    load->columns = eff_new(call->arena, struct load_column, csv->cells_count);
    for (size_t i = 0; i < csv->cells_count; i++) {
        eff_str name = eff_str_trim(csv->cells[i]);

        if (!load_read_column(load, name, &load->columns[i]))
            load_fail(load->job, "InvalidBatch : Field name not found : ", name);
    }
    if (load->job->verb == EFF_SF_DELETE && (load->columns_count != 1 || !load->columns[0].id))
        load_fail(load->job, "InvalidBatch : The 'delete' batch must contain only ids",
                  EFF_STR(""));
    return load->job->error[0] == '\0';
}

/* An empty cell leaves the field as it is, #N/A clears it. */
static void
load_read_cell(struct load *load, struct eff_sf_row *row, const struct load_column *column,
               eff_str text)
{
    struct eff_cell cell = {0};

    text = eff_str_trim(text);
    if (column->id)
        row->id = eff_str_is(text, "#N/A") ? EFF_STR("") : text;
    if (column->field == NULL || text.len == 0)
        return;
    if (eff_str_is(text, "#N/A"))
        eff_sf_value(load->call, column->field, NULL, EFF_STR(""), &cell, &row->problem);
    else if (column->parent_key.len != 0)
        eff_sf_parent(load->call, column->field, column->parent_key, text, &cell, &row->problem);
    else
        eff_sf_value(load->call, column->field, NULL, text, &cell, &row->problem);
    if (cell.kind != EFF_CELL_KEEP)
        row->cells[column->field->slot] = cell;
}

static void
load_read_row(struct load *load, struct eff_sf_row *row)
{
    struct eff_sf_job *job = load->job;

    *row = (struct eff_sf_row){.verb = job->verb, .shape = job->shape, .key = job->key};
    row->cells = eff_new(load->call->arena, struct eff_cell, job->shape->count);
    if (load->csv.cells_count != load->columns_count) {
        eff_sf_fail(load->call, &row->problem, "INVALID_FIELD", NULL,
                    "the row has %zu columns, its header has %zu", load->csv.cells_count,
                    load->columns_count);
        return;
    }
    for (size_t i = 0; i < load->columns_count; i++)
        load_read_cell(load, row, &load->columns[i], load->csv.cells[i]);
    if (job->verb == EFF_SF_INSERT && row->id.len != 0)
        eff_sf_fail(load->call, &row->problem, "INVALID_FIELD_FOR_INSERT_UPDATE", NULL,
                    "cannot specify Id in an insert call");
    if (job->key != NULL)
        row->key_value = row->cells[job->key->slot].text;
}

static bool
load_add_row(struct eff_sf_job *job, const struct eff_upload *csv)
{
    struct eff_sf_job_row *row;

    if (job->rows_count == job->rows_cap) {
        size_t cap = job->rows_cap == 0 ? 1024 : job->rows_cap * 2;
        struct eff_sf_job_row *rows = realloc(job->rows, cap * sizeof(*rows));

        if (rows == NULL)
            return false;
        job->rows = rows;
        job->rows_cap = cap;
    }
    row = &job->rows[job->rows_count++];
    *row = (struct eff_sf_job_row){.at = (uint32_t)(csv->row.ptr - csv->text.ptr),
                                   .len = (uint32_t)csv->row.len};
    return true;
}

/* sf__Error has the shape CODE:message:fields -- */
static char *
load_error(struct eff_call *call, const struct eff_sf_problem *problem)
{
    struct eff_buf text = {0};
    char *copy;

    eff_buf_addf(&text, "%s:" EFF_STR_FMT ":", problem->code, EFF_STR_ARG(problem->message));
    for (size_t i = 0; i < problem->fields_count; i++)
        eff_buf_addf(&text, "%s" EFF_STR_FMT, i == 0 ? "" : ",", EFF_STR_ARG(problem->fields[i]));
    eff_buf_add(&text, EFF_STR(" --"));
    eff_buf_add_char(&text, '\0');
    copy = text.full ? NULL : text.ptr; /* the caller frees it, as it frees all of a job */
    call->refused++;
    return copy;
}

static void
load_apply_chunk(struct load *load, size_t first, size_t count)
{
    struct eff_sf_job *job = load->job;

    eff_sf_mark_twin_keys(load->call, load->rows, count);
    for (size_t i = 0; i < count; i++) {
        struct eff_sf_job_row *to = &job->rows[first + i];
        struct eff_sf_row *row = &load->rows[i];

        eff_sf_apply(load->call, row);
        load->call->rows++;
        if (row->problem.code != NULL) {
            to->result = EFF_SF_REFUSED;
            to->error = load_error(load->call, &row->problem);
            job->failed++;
            continue;
        }
        to->result = row->created ? EFF_SF_CREATED : EFF_SF_UPDATED;
        to->seq = row->seq;
    }
}

static bool
load_stops_here(const struct eff_sf_job *job, size_t index)
{
    return job->fail_after >= 0 && index >= (size_t)job->fail_after;
}

/* Finds the rows of the upload; whether they can be read at all decides over the job. */
static void
load_find_rows(struct load *load)
{
    struct eff_upload csv = load->csv; // its cells are there since the header was read

    for (;;) {
        struct eff_arena scratch = *load->call->arena;

        if (!eff_upload_next(&csv, &scratch, LOAD_COLUMNS_MAX))
            break;
        if (csv.row.len != 0 && !load_add_row(load->job, &csv))
            break;
    }
    if (csv.bad)
        load_fail(load->job, "InvalidBatch : Failed to parse CSV", EFF_STR(""));
}

/* One chunk from job->done on; false when there is no more to be had. */
static bool
load_next_chunk(struct load *load)
{
    struct eff_sf_job *job = load->job;
    struct eff_call *call = load->call;
    size_t first = job->done, used = call->arena->used, count = 0;

    while (job->done < job->rows_count && count < LOAD_CHUNK && !load_stops_here(job, job->done)) {
        if (!eff_upload_next(&load->csv, call->arena, LOAD_COLUMNS_MAX))
            break;
        if (load->csv.row.len == 0)
            continue; // an empty line is no row
        load_read_row(load, &load->rows[count]);
        if (eff_call_row_fails(call, job->done, job->rows_count))
            eff_sf_fail(call, &load->rows[count].problem, job->code, NULL, "%s", job->message);
        count++;
        job->done++;
    }
    load_apply_chunk(load, first, count);
    call->arena->used = used;
    return count != 0;
}

/* Goes on where the job stands, for a limited number of rows: nobody waits for all of them. */
static void
load_apply(struct load *load)
{
    struct eff_sf_job *job = load->job;
    size_t start = job->done;

    load->call->effect.partial_rows = job->effect.partial_rows;
    load->csv.at = job->at;
    while (job->loading && job->done - start < LOAD_SLICE)
        job->loading = load_next_chunk(load);
    job->at = load->csv.at;
    if (job->done == job->rows_count)
        job->loading = false;
    else if (!job->loading)
        load_fail(job, "InternalServerError : Batch failed too many times", EFF_STR(""));
}

/* What is needed to read the job's rows; false when they cannot be read. */
static bool
load_begin(struct load *load, struct eff_call *call, struct eff_sf_job *job)
{
    const struct eff_shapes *shapes = &call->world->shapes;

    load->call = call;
    load->job = job;
    load->csv = (struct eff_upload){.text = eff_buf_str(&job->upload), .delimiter = job->delimiter};
    job->key = job->key_name[0] == '\0'
                   ? NULL
                   : eff_shape_field(shapes, job->shape, eff_str_of(job->key_name));
    if (job->key_name[0] != '\0' && job->key == NULL)
        load_fail(job, "InvalidBatch : Field name not found : ", eff_str_of(job->key_name));
    if (job->key != NULL && job->key->type == EFF_FIELD_ID)
        job->key = NULL;
    return load_read_header(load);
}

/* The first look at the upload. */
static void
load_look(struct load *load, struct eff_call *call, struct eff_sf_job *job)
{
    load_begin(load, call, job);
    job->at = load->csv.at = job->header_len;
    load_find_rows(load);
}

void
eff_sf_job_load(struct eff_call *call, struct eff_sf_job *job)
{
    struct load *load = eff_new(call->arena, struct load, 1);

    if (job->upload.len == 0)
        return; // nothing to do is done at once
    load_look(load, call, job);
    job->loading = job->error[0] == '\0' && job->rows_count != 0;
    if (job->loading)
        load_apply(load);
}

void
eff_sf_job_drop(struct eff_call *call, struct eff_sf_job *job)
{
    struct load *load = eff_new(call->arena, struct load, 1);

    if (job->upload.len != 0 && job->rows_count == 0)
        load_look(load, call, job);
    job->loading = false;
    job->error[0] = '\0';
}

void
eff_sf_tick(struct eff_call *call)
{
    const struct eff_sf_state *state = call->world->state;
    struct eff_call part = *call; // what it counts is not this request's
    size_t used = call->arena->used;

    for (struct eff_sf_job *job = state->jobs; job != NULL; job = job->next) {
        struct load *load;

        if (!job->loading)
            continue;
        load = eff_new(call->arena, struct load, 1);
        if (load_begin(load, &part, job))
            load_apply(load);
        else
            job->loading = false; // the schema changed meanwhile
        break;
    }
    call->arena->used = used;
}
