/*
 * sandbox/klaviyo_job: import jobs. A body that is no list of profiles is refused at once; what is
 * wrong with one profile is found when the job is done, before the next request, and told by
 * import-errors with the profile's place in the list. What went well is not told.
 */
#include "sandbox/klaviyo.h"

#include <stdio.h>
#include <stdlib.h>

#define JOB_ROWS_MAX  10000
#define JOB_BYTES_MAX ((size_t)5 << 20)
#define JOB_KEPT_MS   ((int64_t)24 * 3600 * 1000)

static void
job_free(struct eff_kl_job *job)
{
    free((char *)(uintptr_t)job->body.ptr);
    free((char *)(uintptr_t)job->errors.ptr);
    *job = (struct eff_kl_job){0};
}

void
eff_kl_jobs_free(void *state)
{
    struct eff_kl_state *kl = state;

    for (size_t i = 0; i < EFF_KL_JOBS; i++)
        job_free(&kl->jobs[i]);
}

static const struct eff_json *
job_rows(const struct eff_json *data)
{
    return eff_json_pointer(data, EFF_STR("/attributes/profiles/data"));
}

static void
job_write_error(struct eff_call *call, struct eff_json_writer *w, const struct eff_kl_error *error,
                const struct eff_json *row)
{
    struct eff_buf printed = {0};

    eff_json_begin_object(w);
    eff_json_field_str(w, "type", EFF_STR("import-error"));
    eff_json_field_str(
        w, "id",
        eff_str_printf(call->arena, "%016llx", (unsigned long long)eff_world_random(call->world)));
    eff_json_key(w, EFF_STR("attributes"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "code", eff_str_of(error->code));
    eff_json_field_str(w, "title", eff_str_of(error->title));
    eff_json_field_str(w, "detail", error->detail);
    eff_json_key(w, EFF_STR("source"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "pointer", error->pointer);
    eff_json_end_object(w);
    eff_json_print(&printed, eff_json_get(row, EFF_STR("attributes")), false);
    eff_json_key(w, EFF_STR("original_payload"));
    eff_json_write_raw(w, eff_buf_str(&printed));
    eff_buf_free(&printed);
    eff_json_end_object(w);
    eff_json_key(w, EFF_STR("links"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "self", EFF_STR(""));
    eff_json_end_object(w);
    eff_json_end_object(w);
}

static struct eff_kl_error
job_row(struct eff_call *call, const struct eff_json *row, size_t index, size_t count)
{
    const struct eff_effect *effect = &call->effect;
    eff_str pointer =
        eff_str_printf(call->arena, "/data/attributes/profiles/data/%zu/attributes", index);
    eff_str id = eff_json_str(eff_json_get(row, EFF_STR("id")));
    struct eff_record record = {0};
    bool made;

    if (eff_call_row_fails(call, index, count))
        return (struct eff_kl_error){
            400,
            effect->code.len ? eff_str_c(call->arena, effect->code) : "invalid",
            "Invalid input.",
            effect->message.len ? effect->message : EFF_STR("refused on request"),
            pointer,
            0};
    if (eff_kl_seq(id) != 0)
        eff_records_get(call->world->records, eff_kl_profiles(call), eff_kl_seq(id), call->arena,
                        &record);
    return eff_kl_store(call, eff_json_get(row, EFF_STR("attributes")), pointer, false, &record,
                        &made);
}

static void
job_run(struct eff_call *call, struct eff_kl_job *job)
{
    struct eff_buf text = {0};
    struct eff_json_writer w = {.buf = &text};
    const struct eff_json *root = NULL, *rows, *row;
    struct eff_json_iter iter;
    struct eff_err err;

    eff_json_parse(job->body, call->arena, &root, &err);
    rows = job_rows(eff_json_get(root, EFF_STR("data")));
    iter = eff_json_iterate(rows);
    eff_json_begin_array(&w);
    for (size_t i = 0; eff_json_next(&iter, NULL, &row); i++) {
        struct eff_kl_error error;

        job->cancelled = job->fail_after >= 0 && (int64_t)i >= job->fail_after;
        if (job->cancelled)
            break;
        error = job_row(call, row, i, (size_t)job->total);
        job->failed += error.code != NULL;
        job->completed += error.code == NULL;
        if (error.code != NULL)
            job_write_error(call, &w, &error, row);
    }
    eff_json_end_array(&w);
    job->errors = eff_call_keep(eff_buf_str(&text));
    eff_buf_free(&text);
}

void
eff_kl_jobs_tick(struct eff_call *call)
{
    struct eff_kl_state *kl = call->world->state;
    struct eff_effect none = {0}, effect = call->effect;

    for (size_t i = 0; i < EFF_KL_JOBS; i++) {
        if (kl->jobs[i].id[0] == '\0' || kl->jobs[i].errors.ptr != NULL)
            continue;
        call->effect = none; // What spoils this request is not about the job's rows.
        job_run(call, &kl->jobs[i]);
        call->effect = effect;
    }
}

static void
job_write(struct eff_call *call, struct eff_json_writer *w, const struct eff_kl_job *job)
{
    bool open = job->errors.ptr == NULL || job->polls > 0;
    const char *status = open             ? job->polls > 1 ? "queued" : "processing"
                         : job->cancelled ? "cancelled"
                                          : "complete";

    eff_json_begin_object(w);
    eff_json_field_str(w, "type", EFF_STR("profile-bulk-import-job"));
    eff_json_field_str(w, "id", eff_str_of(job->id));
    eff_json_key(w, EFF_STR("attributes"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "status", eff_str_of(status));
    eff_json_field_str(w, "created_at", eff_call_time(call, job->made_ms, "+00:00"));
    eff_json_field_int(w, "total_count", job->total);
    eff_json_field_int(w, "completed_count", open ? 0 : job->completed);
    eff_json_field_int(w, "failed_count", open ? 0 : job->failed);
    eff_json_field_str(w, "expires_at", eff_call_time(call, job->made_ms + JOB_KEPT_MS, "+00:00"));
    eff_json_end_object(w);
    eff_json_key(w, EFF_STR("links"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "self",
                       eff_str_printf(call->arena,
                                      "http://127.0.0.1:%u/api/profile-bulk-import-jobs/%s/",
                                      call->world->port, job->id));
    eff_json_end_object(w);
    eff_json_end_object(w);
}

/* What refuses the whole list. */
static struct eff_kl_error
job_check(struct eff_call *call, const struct eff_json *rows)
{
    struct eff_json_iter iter = eff_json_iterate(rows);
    struct eff_kl_error error = {400,
                                 "invalid",
                                 "Invalid input.",
                                 EFF_STR("The payload provided in the request is invalid."),
                                 EFF_STR("/data/attributes/profiles/data"),
                                 0};
    const struct eff_json *row;

    if (call->body.len > JOB_BYTES_MAX)
        return (struct eff_kl_error){413,
                                     "payload_too_large",
                                     "Payload too large.",
                                     EFF_STR("The payload is larger than 5MB."),
                                     EFF_STR("/data"),
                                     0};
    if (eff_json_type(rows) != EFF_JSON_ARRAY || eff_json_count(rows) == 0 ||
        eff_json_count(rows) > JOB_ROWS_MAX)
        return error;
    for (size_t i = 0; eff_json_next(&iter, NULL, &row); i++) {
        if (!eff_str_is(eff_json_str(eff_json_get(row, EFF_STR("type"))), "profile"))
            return error;
        error = eff_kl_check_names(
            call, eff_json_get(row, EFF_STR("attributes")),
            eff_str_printf(call->arena, "/data/attributes/profiles/data/%zu/attributes", i));
        if (error.code != NULL)
            return error;
    }
    return (struct eff_kl_error){0};
}

static void
job_answer(struct eff_call *call, int status, const struct eff_kl_job *job)
{
    struct eff_json_writer w = eff_kl_begin(call, status);

    job_write(call, &w, job);
    eff_json_end_object(&w);
}

void
eff_kl_job_create(struct eff_call *call)
{
    const struct eff_json *data = eff_kl_data(call, "profile-bulk-import-job");
    struct eff_kl_state *kl = call->world->state;
    struct eff_kl_job *job = &kl->jobs[kl->made % EFF_KL_JOBS];
    struct eff_kl_error error;

    if (data == NULL)
        return;
    call->rows = eff_json_count(job_rows(data));
    error = job_check(call, job_rows(data));
    if (error.code != NULL) {
        call->refused = call->rows;
        eff_kl_refuse(call, &error);
        return;
    }
    job_free(job);
    kl->made++;
    snprintf(job->id, sizeof(job->id), "%016llx%016llx",
             (unsigned long long)eff_world_random(call->world),
             (unsigned long long)eff_world_random(call->world));
    job->body = eff_call_keep(call->body);
    job->total = (int64_t)call->rows;
    job->polls = eff_bag_job_polls(call) + 1;
    job->fail_after = eff_bag_job_fails(call);
    job->made_ms = eff_world_now(call->world);
    if (call->effect.partial_rows != 0)
        job_run(call, job); // now, while it is known which rows are to fail
    job_answer(call, 202, job);
}

/* The job in the path; NULL: answered. */
static struct eff_kl_job *
job_of_path(struct eff_call *call)
{
    struct eff_kl_state *kl = call->world->state;
    struct eff_kl_error error = {404,
                                 "not_found",
                                 "Not found.",
                                 EFF_STR("A profile bulk import job with that id does not exist."),
                                 EFF_STR("/data/id"),
                                 0};

    for (size_t i = 0; i < EFF_KL_JOBS; i++) {
        struct eff_kl_job *job = &kl->jobs[i];

        if (job->id[0] != '\0' && eff_str_is(call->args[0], job->id) &&
            eff_world_now(call->world) - job->made_ms <= JOB_KEPT_MS)
            return job;
    }
    eff_kl_refuse(call, &error);
    return NULL;
}

void
eff_kl_job_show(struct eff_call *call)
{
    struct eff_kl_job *job = job_of_path(call);

    if (job == NULL)
        return;
    job->polls -= job->polls > 0;
    job_answer(call, 200, job);
}

void
eff_kl_job_errors(struct eff_call *call)
{
    struct eff_kl_job *job = job_of_path(call);
    const struct eff_json *errors = NULL, *error;
    int64_t after, size, index = 0;
    struct eff_json_iter iter;
    struct eff_json_writer w;
    struct eff_err err;

    if (job == NULL || !eff_kl_page(call, &after, &size))
        return;
    if (job->errors.ptr != NULL)
        eff_json_parse(job->errors, call->arena, &errors, &err);
    w = eff_kl_begin(call, 200);
    eff_json_begin_array(&w);
    iter = eff_json_iterate(errors);
    for (; eff_json_next(&iter, NULL, &error); index++) {
        struct eff_buf printed = {0};

        if (index < after || index >= after + size)
            continue;
        eff_json_print(&printed, error, false);
        eff_json_write_raw(&w, eff_buf_str(&printed));
        eff_buf_free(&printed);
    }
    eff_json_end_array(&w);
    eff_kl_write_links(
        call, &w, index > after + size ? eff_kl_page_url(call, after + size, size) : EFF_STR(""));
    eff_json_end_object(&w);
}
