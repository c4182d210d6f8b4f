/*
 * sandbox/zendesk_job: calls for up to a hundred records. They answer at once with a job, which
 * is done before the next request comes, seen as it was queued or working for `job_polls` looks,
 * and told for an hour or a hundred jobs.
 */
#include "sandbox/zendesk.h"

#include <stdio.h>
#include <stdlib.h>

#define JOB_TOLD_MS  3600000
#define JOB_OPEN_MAX 30
#define JOB_OPEN_MS  5000 /* a job that nobody asks for is over after that */

static void
job_free(struct eff_zd_job *job)
{
    free((char *)(uintptr_t)job->body.ptr);
    free((char *)(uintptr_t)job->ids.ptr);
    free((char *)(uintptr_t)job->results.ptr);
    *job = (struct eff_zd_job){0};
}

void
eff_zd_jobs_free(void *state)
{
    struct eff_zd_state *zd = state;

    for (size_t i = 0; i < EFF_ZD_JOBS; i++)
        job_free(&zd->jobs[i]);
}

/* ---- one row ---- */

struct job_run {
    struct eff_call *call;
    struct eff_zd_job *job;
    const struct eff_shape *shape;
    struct eff_json_writer w;
    size_t index, count;
};

static void
job_failed(struct job_run *run, eff_str id, const char *error, eff_str details)
{
    eff_json_begin_object(&run->w);
    eff_json_field_int(&run->w, "index", (int64_t)run->index);
    if (id.len != 0) {
        eff_json_key(&run->w, EFF_STR("id"));
        eff_json_write_raw(&run->w, id);
    }
    eff_json_field_str(&run->w, "error", eff_str_of(error));
    eff_json_field_str(&run->w, "details", details);
    eff_json_end_object(&run->w);
}

/* What a job says of a row differs by its kind: updates and deletions name no place. */
static void
job_succeeded(struct job_run *run, const struct eff_record *record, const char *action,
              const char *status)
{
    bool made = run->job->kind == ZD_UPSERT || run->job->kind == ZD_CREATE;

    eff_json_begin_object(&run->w);
    if (made)
        eff_json_field_int(&run->w, "index", (int64_t)run->index);
    eff_json_key(&run->w, EFF_STR("id"));
    eff_json_write_raw(&run->w, eff_zd_id(run->call->arena, run->shape, record->seq));
    if (run->job->kind != ZD_CREATE) {
        eff_json_field_str(&run->w, "action", eff_str_of(action));
        eff_json_field_str(&run->w, "status", eff_str_of(status));
        eff_json_key(&run->w, EFF_STR("success"));
        eff_json_write_bool(&run->w, true);
    }
    eff_json_end_object(&run->w);
}

static bool
job_row_fault(struct job_run *run)
{
    const struct eff_effect *effect = &run->call->effect;

    if (!eff_call_row_fails(run->call, run->index, run->count))
        return false;
    job_failed(run, EFF_STR(""),
               effect->code.len ? eff_str_c(run->call->arena, effect->code) : "RecordInvalid",
               effect->message.len ? effect->message : EFF_STR("refused on request"));
    return true;
}

static void
job_row(struct job_run *run, const struct eff_json *object)
{
    struct eff_record record = {.shape = run->shape};
    eff_str id = eff_json_str(eff_json_get(object, EFF_STR("id")));
    struct eff_zd_problem problem;
    bool was;

    if (run->job->kind != ZD_CREATE)
        record = eff_zd_find(run->call, run->shape, object);
    was = record.seq != 0;
    if (!was && (run->job->kind == ZD_UPDATE || id.len != 0)) {
        job_failed(run, id, "NotFound", EFF_STR("Could not find record"));
        return;
    }
    problem = eff_zd_store(run->call, &record, object);
    if (problem.code != NULL)
        job_failed(run, EFF_STR(""), problem.code, problem.text);
    else
        job_succeeded(run, &record, was ? "update" : "create", was ? "Updated" : "Created");
}

static void
job_row_destroy(struct job_run *run, eff_str id)
{
    struct eff_record record;

    if (!eff_zd_get(run->call, run->shape, id, &record) || record.deleted) {
        job_failed(run, eff_zd_seq(id) ? id : EFF_STR(""), "NotFound",
                   EFF_STR("Could not find record"));
        return;
    }
    eff_zd_remove(run->call, &record);
    job_succeeded(run, &record, "delete", "Deleted");
}

/* ---- the whole ---- */

/* Jobs fail after so many rows where a test wants that; the rest was not looked at. */
static bool
job_breaks(const struct job_run *run)
{
    int64_t after = run->job->fail_after;

    return after >= 0 && (int64_t)run->index >= after;
}

static void
job_run(struct eff_call *call, struct eff_zd_job *job)
{
    struct eff_buf text = {0};
    struct job_run run = {.call = call,
                          .job = job,
                          .shape = call->world->shapes.at[job->shape],
                          .w = {.buf = &text},
                          .count = (size_t)job->total};
    const struct eff_json *root = NULL, *list, *object;
    struct eff_json_iter iter;
    eff_str id, rest = job->ids;
    struct eff_err err;
    bool more = job->ids.len != 0;

    if (job->body.ptr != NULL)
        eff_json_parse(job->body, call->arena, &root, &err);
    list = eff_json_get(root, run.shape->name);
    iter = eff_json_iterate(list);
    eff_json_begin_array(&run.w);
    for (; !job_breaks(&run) && eff_json_next(&iter, NULL, &object); run.index++)
        if (!job_row_fault(&run))
            job_row(&run, object);
    for (; more && !job_breaks(&run); run.index++) {
        more = eff_str_cut(rest, ',', &id, &rest);
        if (!job_row_fault(&run))
            job_row_destroy(&run, id);
    }
    eff_json_end_array(&run.w);
    job->progress = (int64_t)run.index;
    job->status = run.index < run.count ? "failed" : "completed";
    job->results = eff_call_keep(eff_buf_str(&text));
    eff_buf_free(&text);
}

void
eff_zd_jobs_tick(struct eff_call *call)
{
    struct eff_zd_state *zd = call->world->state;
    struct eff_effect none = {0}, effect = call->effect;

    for (size_t i = 0; i < EFF_ZD_JOBS; i++) {
        if (zd->jobs[i].id[0] == '\0' || zd->jobs[i].results.ptr != NULL)
            continue;
        call->effect = none; // What spoils this request is not about the job's rows.
        job_run(call, &zd->jobs[i]);
        call->effect = effect;
    }
}

static bool
job_open(const struct eff_call *call, const struct eff_zd_job *job)
{
    return job->id[0] != '\0' && job->polls > 0 &&
           eff_world_now(call->world) - job->made_ms < JOB_OPEN_MS;
}

static void
job_write(struct eff_call *call, struct eff_json_writer *w, const struct eff_zd_job *job)
{
    bool open = job->results.ptr == NULL || job_open(call, job);
    const char *status = !open ? job->status : job->polls > 1 ? "queued" : "working";

    eff_json_begin_object(w);
    eff_json_field_str(w, "id", eff_str_of(job->id));
    eff_json_field_str(w, "url", eff_zd_url(call, "job_statuses", eff_str_of(job->id)));
    eff_json_field_int(w, "total", job->total);
    eff_json_field_int(w, "progress", open ? 0 : job->progress);
    eff_json_field_str(w, "status", eff_str_of(status));
    eff_json_field_str(w, "message", open ? EFF_STR("") : EFF_STR("Completed"));
    eff_json_key(w, EFF_STR("results"));
    if (open)
        eff_json_write_null(w);
    else
        eff_json_write_raw(w, job->results);
    eff_json_end_object(w);
}

static void
job_make(struct eff_call *call, const struct eff_shape *shape, int kind, size_t total)
{
    struct eff_zd_state *zd = call->world->state;
    struct eff_zd_job *job = &zd->jobs[zd->made % EFF_ZD_JOBS];
    struct eff_json_writer w;
    size_t open = 0;

    for (size_t i = 0; i < EFF_ZD_JOBS; i++)
        open += job_open(call, &zd->jobs[i]);
    if (open >= JOB_OPEN_MAX) {
        eff_zd_error(call, 422, "TooManyJobs", "Too many jobs are currently queued or running");
        return;
    }
    job_free(job);
    zd->made++;
    snprintf(job->id, sizeof(job->id), "%016llx%016llx",
             (unsigned long long)eff_world_random(call->world),
             (unsigned long long)eff_world_random(call->world));
    job->shape = shape->number;
    job->kind = kind;
    job->total = (int64_t)total;
    job->polls = eff_bag_job_polls(call) + 1;
    job->fail_after = eff_bag_job_fails(call);
    job->made_ms = eff_world_now(call->world);
    if (kind == ZD_DESTROY)
        job->ids = eff_call_keep(eff_call_param(call, "ids"));
    else
        job->body = eff_call_keep(call->body);
    call->rows += total;
    if (call->effect.partial_rows != 0)
        job_run(call, job); // now, while it is known which rows are to fail
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("job_status"));
    job_write(call, &w, job);
    eff_json_end_object(&w);
}

static void
job_of_list(struct eff_call *call, int kind)
{
    const struct eff_shape *shape = eff_zd_shape(call);
    const struct eff_json *body = eff_zd_body(call), *list = eff_json_get(body, shape->name);

    if (body == NULL)
        return;
    if (eff_json_type(list) != EFF_JSON_ARRAY || eff_json_count(list) == 0)
        eff_zd_error(call, 400, "ParamMissing", "Required param is missing or the value is empty");
    else if (eff_json_count(list) > EFF_ZD_BATCH_MAX)
        eff_zd_error(call, 422, "TooManyValues", "At most 100 records in one call");
    else
        job_make(call, shape, kind, eff_json_count(list));
}

void
eff_zd_upsert_many(struct eff_call *call)
{
    job_of_list(call, ZD_UPSERT);
}

void
eff_zd_create_many(struct eff_call *call)
{
    job_of_list(call, ZD_CREATE);
}

/* ?ids= with one object for all of them: {"user": {...}} becomes a list, as if they had been named. */
static void
job_of_ids(struct eff_call *call, eff_str ids)
{
    const struct eff_shape *shape = eff_zd_shape(call);
    const struct eff_json *body = eff_zd_body(call), *one = eff_json_get(body, shape->label),
                          *value;
    struct eff_buf text = {0};
    struct eff_json_writer w = {.buf = &text};
    bool more = ids.len != 0;
    eff_str id, key;

    if (body == NULL)
        return;
    eff_json_begin_object(&w);
    eff_json_key(&w, shape->name);
    eff_json_begin_array(&w);
    while (more) {
        struct eff_json_iter iter = eff_json_iterate(one);

        more = eff_str_cut(ids, ',', &id, &ids);
        eff_json_begin_object(&w);
        eff_json_field_str(&w, "id", id);
        while (eff_json_next(&iter, &key, &value)) {
            struct eff_buf printed = {0};

            eff_json_print(&printed, value, false);
            eff_json_key(&w, key);
            eff_json_write_raw(&w, eff_buf_str(&printed));
            eff_buf_free(&printed);
        }
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
    eff_json_end_object(&w);
    call->body = eff_str_copy(call->arena, eff_buf_str(&text));
    eff_buf_free(&text);
    job_of_list(call, ZD_UPDATE);
}

void
eff_zd_update_many(struct eff_call *call)
{
    eff_str ids = eff_call_param(call, "ids");

    if (ids.len != 0)
        job_of_ids(call, ids);
    else
        job_of_list(call, ZD_UPDATE);
}

void
eff_zd_destroy_many(struct eff_call *call)
{
    eff_str ids = eff_call_param(call, "ids");
    size_t count = ids.len != 0;

    for (size_t i = 0; i < ids.len; i++)
        count += ids.ptr[i] == ',';
    if (count == 0)
        eff_zd_error(call, 400, "ParamMissing", "Required param is missing: ids");
    else if (count > EFF_ZD_BATCH_MAX)
        eff_zd_error(call, 422, "TooManyValues", "At most 100 records in one call");
    else
        job_make(call, eff_zd_shape(call), ZD_DESTROY, count);
}

void
eff_zd_job_show(struct eff_call *call)
{
    struct eff_zd_state *zd = call->world->state;
    eff_str id = eff_zd_arg(call, 0);
    struct eff_json_writer w;

    for (size_t i = 0; i < EFF_ZD_JOBS; i++) {
        struct eff_zd_job *job = &zd->jobs[i];

        if (job->id[0] == '\0' || !eff_str_is(id, job->id) ||
            eff_world_now(call->world) - job->made_ms > JOB_TOLD_MS)
            continue;
        job->polls -= job->polls > 0;
        w = eff_call_answer(call, 200);
        eff_json_begin_object(&w);
        eff_json_key(&w, EFF_STR("job_status"));
        job_write(call, &w, job);
        eff_json_end_object(&w);
        return;
    }
    eff_zd_error(call, 404, "RecordNotFound", "Not found");
}

void
eff_zd_job_list(struct eff_call *call)
{
    struct eff_zd_state *zd = call->world->state;
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("job_statuses"));
    eff_json_begin_array(&w);
    for (size_t n = zd->made; n > 0 && n + EFF_ZD_JOBS > zd->made; n--)
        if (eff_world_now(call->world) - zd->jobs[(n - 1) % EFF_ZD_JOBS].made_ms <= JOB_TOLD_MS)
            job_write(call, &w, &zd->jobs[(n - 1) % EFF_ZD_JOBS]);
    eff_json_end_array(&w);
    eff_json_key(&w, EFF_STR("next_page"));
    eff_json_write_null(&w);
    eff_json_end_object(&w);
}
