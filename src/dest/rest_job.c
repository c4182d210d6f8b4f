/*
 * rest_job: jobs that run over there: create, upload, close, poll, fetch results.
 *
 * The job's id and phase are kept in the delivery's memo, so that a restart polls
 * the same job. Nothing of a job is processed before it is closed: one whose
 * upload was not closed is left behind, and another one is made.
 */
#include "dest/rest.h"

#define JOB_FAILURES_MAX 12 /* polls and fetches without an answer, one after the other */

static void
job_memo(struct eff_delivery *delivery, const struct rest_work *work, bool closing)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "job", work->job);
    eff_json_key(&w, EFF_STR("closing"));
    eff_json_write_bool(&w, closing);
    eff_json_field_int(&w, "started", work->job_started_ms);
    eff_json_field_int(&w, "variant", (int64_t)work->variant);
    if (work->rows_count < delivery->count) {
        eff_json_key(&w, EFF_STR("rows"));
        eff_json_begin_array(&w);
        for (size_t i = 0; i < work->rows_count; i++)
            eff_json_write_int(&w, (int64_t)work->rows[i]);
        eff_json_end_array(&w);
    }
    eff_json_end_object(&w);
    delivery->memo = eff_str_copy(delivery->arena, eff_buf_str(&buf));
    delivery->memo_changed = true;
    eff_buf_free(&buf);
}

static void
job_forget(struct eff_delivery *delivery, struct rest_work *work)
{
    work->job = EFF_STR_NONE;
    delivery->memo = EFF_STR("");
    delivery->memo_changed = true;
}

/* Its rows: all, unless the memo lists them. They rise. */
static void
job_resume_rows(const struct eff_json *listed, size_t count, struct rest_work *work)
{
    struct eff_json_iter iter = eff_json_iterate(listed);
    const struct eff_json *row;
    int64_t at;

    for (size_t i = 0; !listed && i < count; i++)
        work->rows[work->rows_count++] = i;
    while (listed && eff_json_next(&iter, NULL, &row))
        if (eff_json_int(row, &at) && at >= 0 && (size_t)at < count && work->rows_count < count)
            work->rows[work->rows_count++] = (size_t)at;
}

/* A job of an earlier process, or of an earlier try, that was closed or may have been. */
bool
rest_job_resume(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work)
{
    const struct eff_json *memo;
    struct eff_err ignored = {0};
    int64_t variant = 0;

    (void)dest;
    if (delivery->memo.len == 0 ||
        eff_json_parse(delivery->memo, delivery->arena, &memo, &ignored) != EFF_OK)
        return false;
    eff_json_int(eff_json_get(memo, EFF_STR("variant")), &variant);
    eff_json_int(eff_json_get(memo, EFF_STR("started")), &work->job_started_ms);
    work->job = eff_json_str(eff_json_get(memo, EFF_STR("job")));
    if (!work->job.len || !eff_json_bool(eff_json_get(memo, EFF_STR("closing"))) || variant < 0 ||
        (size_t)variant >= work->op->variants_count || !work->op->variants[variant].job.given) {
        work->job = EFF_STR_NONE;
        return false;
    }
    work->variant = (size_t)variant;
    job_resume_rows(eff_json_get(memo, EFF_STR("rows")), delivery->count, work);
    work->phase = REST_JOB_POLL;
    return true;
}

static const struct eff_call *
job_call(const struct rest_work *work)
{
    const struct eff_job *job = &rest_variant(work)->job;

    switch (work->phase) {
    case REST_JOB_CREATE:
        return &job->create;
    case REST_JOB_UPLOAD:
        return &job->upload;
    case REST_JOB_CLOSE:
        return &job->close;
    case REST_JOB_RESULT:
        return &job->files[work->file].call;
    default:
        return &job->poll;
    }
}

struct eff_step
rest_job_send(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
              struct eff_err *err)
{
    const struct eff_job *job = &rest_variant(work)->job;
    const struct eff_call *call = job_call(work);
    bool writes = work->phase <= REST_JOB_CLOSE;
    bool rows =
        work->phase == REST_JOB_UPLOAD || (work->phase == REST_JOB_CREATE && !job->upload.given);
    size_t before = work->rows_count;
    struct eff_step step = rest_send(dest, task, work, call, writes, rows, err);

    // Rows dropped from an upload are settled; the rest of the job goes on without them.
    if (step.kind == 0 && before > 0 && work->phase != REST_JOB_CREATE)
        job_forget(task->delivery, work);
    return step;
}

/* ---- judging ---- */

static int64_t
job_pause(const struct eff_job *job, unsigned times)
{
    int64_t pause = job->first_ms;

    for (unsigned i = 0; i < times && pause < job->most_ms; i++)
        pause *= 2;
    return pause < job->most_ms ? pause : job->most_ms;
}

/* Nobody knows, and the job is kept in the memo: the next try asks it again. */
static struct eff_step
job_unknown(struct eff_delivery *delivery, const struct rest_work *work, const char *code,
            eff_str why)
{
    rest_rows_verdict(delivery, work,
                      rest_verdict(EFF_MAYBE_APPLIED, EFF_TRANSIENT, eff_str_of(code), why));
    rest_pending_verdict(delivery,
                         rest_verdict(EFF_NOT_APPLIED, EFF_TRANSIENT, eff_str_of(code), why));
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static struct eff_step
job_not_started(struct eff_delivery *delivery, struct rest_work *work, eff_str why)
{
    job_forget(delivery, work);
    rest_pending_verdict(
        delivery, rest_verdict(EFF_NOT_APPLIED, EFF_TRANSIENT, EFF_STR("JOB_NOT_STARTED"), why));
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static bool
job_good(const struct eff_response *response)
{
    return response->wire == EFF_WIRE_ANSWERED && response->status >= 200 && response->status < 300;
}

static struct eff_step
job_created(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
            const struct eff_response *response)
{
    const struct eff_job *job = &rest_variant(work)->job;
    const struct eff_json *json = rest_json(response, delivery->arena);
    eff_str id = eff_json_str(eff_json_pointer(json, job->id));

    if (!id.len && job->upload.given)
        return job_not_started(delivery, work, EFF_STR("the answer has no job id"));
    if (!id.len)
        return job_unknown(delivery, work, "JOB_LOST", EFF_STR("the answer has no job id"));
    work->job = eff_str_copy(delivery->arena, id);
    work->job_started_ms = dest->now_ms;
    work->phase = job->upload.given  ? REST_JOB_UPLOAD
                  : job->close.given ? REST_JOB_CLOSE
                                     : REST_JOB_POLL;
    job_memo(delivery, work, work->phase != REST_JOB_UPLOAD);
    return (struct eff_step){0};
}

static struct eff_step
job_uploaded(struct eff_delivery *delivery, struct rest_work *work)
{
    work->phase = rest_variant(work)->job.close.given ? REST_JOB_CLOSE : REST_JOB_POLL;
    job_memo(delivery, work, true);
    return (struct eff_step){0};
}

static int64_t
job_refused(const struct eff_delivery *delivery, const struct rest_work *work)
{
    int64_t refused = 0;

    for (size_t i = 0; i < work->rows_count; i++)
        refused += delivery->items[work->rows[i]].verdict.outcome == EFF_REFUSED;
    return refused;
}

/* The end: rows that no file named. */
static struct eff_step
job_end(struct eff_delivery *delivery, struct rest_work *work)
{
    const struct eff_job *job = &rest_variant(work)->job;
    struct eff_verdict verdict = {.outcome = job->unlisted};

    // Refusals that the results do not pin on a row may mean any of the others.
    if (job->unlisted == EFF_MAYBE_APPLIED || work->job_strangers ||
        job_refused(delivery, work) < work->job_failed)
        verdict = rest_verdict(EFF_MAYBE_APPLIED, EFF_TRANSIENT, EFF_STR("NO_RESULT"),
                               EFF_STR("the job's results do not name this row"));
    else if (work->job_partial.code.ptr) /* some of it; which is not told */
        verdict = work->job_partial;
    rest_rows_verdict(delivery, work, verdict);
    job_forget(delivery, work);
    work->phase = REST_START;
    return (struct eff_step){0};
}

/* It goes on over there; where that is as good as done, nothing more is waited for. */
static struct eff_step
job_late(struct eff_delivery *delivery, struct rest_work *work)
{
    if (rest_variant(work)->job.late_taken)
        return job_end(delivery, work);
    return job_unknown(delivery, work, "JOB_UNFINISHED", EFF_STR("the job did not end in time"));
}

/* What cannot be asked now is asked later, a bounded number of times. */
static struct eff_step
job_ask_again(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
              const struct eff_response *response)
{
    const struct eff_job *job = &rest_variant(work)->job;
    int64_t wait = eff_response_retry_after_ms(response);

    if (++work->failures > JOB_FAILURES_MAX)
        return job_unknown(delivery, work, "JOB_UNREACHABLE", EFF_STR("the job cannot be asked"));
    if (work->job_started_ms > 0 && dest->now_ms - work->job_started_ms > job->give_up_ms)
        return job_late(delivery, work);
    return (struct eff_step){.kind = EFF_STEP_WAIT,
                             .wait_ms = wait >= 0 ? wait : job_pause(job, work->failures)};
}

/* A file that could tell nothing: no row was refused, or each has its result already. */
static bool
job_file_idle(const struct rest_work *work, const struct eff_job_file *file)
{
    if (file->list.outcome == EFF_REFUSED && work->job_failed == 0)
        return true;
    for (size_t i = 0; i < work->rows_count; i++)
        if (work->hits[work->rows[i]] == 0)
            return false;
    return true;
}

/* Lists that stand in the poll's answer are read at once; the next file worth fetching follows. */
static struct eff_step
job_next_file(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
              const struct eff_json *json)
{
    const struct eff_job *job = &rest_variant(work)->job;

    for (; work->file < job->files_count; work->file++) {
        const struct eff_job_file *file = &job->files[work->file];

        if (file->call.given && job_file_idle(work, file))
            continue;
        if (file->call.given) {
            work->phase = REST_JOB_RESULT;
            return (struct eff_step){0};
        }
        if (json)
            rest_judge_list(dest, delivery, work, &file->list, json, &work->job_strangers);
    }
    return job_end(delivery, work);
}

static struct eff_step
job_done(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
         const struct eff_json *json, eff_str state)
{
    const struct eff_job *job = &rest_variant(work)->job;

    for (size_t i = 0; i < delivery->count; i++)
        work->hits[i] = 0;
    work->file = 0;
    work->cursor = EFF_STR_NONE;
    work->pages = 0;
    work->job_strangers = false;
    work->job_failed = -1;
    work->job_partial = (struct eff_verdict){0};
    if (rest_listed(&job->partial, state)) {
        struct eff_connector errors = {.error = job->error};
        struct rest_refusal refusal =
            rest_refusal_of(&errors, &(struct eff_response){0}, json, delivery->arena);

        work->job_partial = rest_verdict(job->unlisted, EFF_OK,
                                         eff_str_copy(delivery->arena, state), refusal.message);
    }
    eff_json_int(eff_json_pointer(json, job->failed_count), &work->job_failed);
    if (rest_listed(&job->failed, state)) {
        struct eff_response none = {.status = 0};
        struct eff_connector errors = {.error = job->error};
        struct rest_refusal refusal = rest_refusal_of(&errors, &none, json, delivery->arena);

        rest_rows_verdict(
            delivery, work,
            rest_verdict(EFF_NOT_APPLIED, EFF_TRANSIENT, EFF_STR("JOB_FAILED"), refusal.message));
        return job_end(delivery, work);
    }
    return job_next_file(dest, delivery, work, json);
}

static struct eff_step
job_polled(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
           const struct eff_response *response)
{
    const struct eff_job *job = &rest_variant(work)->job;
    const struct eff_json *json = rest_json(response, delivery->arena);
    eff_str state = eff_json_str(eff_json_pointer(json, job->state));

    if (!state.len)
        return job_ask_again(dest, delivery, work, response);
    work->failures = 0;
    if (rest_listed(&job->done, state) || rest_listed(&job->failed, state) ||
        rest_listed(&job->partial, state))
        return job_done(dest, delivery, work, json, state);
    if (rest_listed(&job->open, state) && job->close.given) {
        work->phase = REST_JOB_CLOSE; /* the closing request had not arrived */
        return (struct eff_step){0};
    }
    if (work->job_started_ms > 0 && dest->now_ms - work->job_started_ms > job->give_up_ms)
        return job_late(delivery, work);
    return (struct eff_step){.kind = EFF_STEP_WAIT, .wait_ms = job_pause(job, work->polls++)};
}

static struct eff_step
job_fetched(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
            const struct eff_response *response)
{
    const struct eff_job_file *file = &rest_variant(work)->job.files[work->file];
    const struct eff_json *json = NULL;
    eff_str next = EFF_STR_NONE;

    if (file->csv) {
        if (!rest_judge_csv(dest, delivery, work, &file->list, response->body, delivery->arena))
            return job_ask_again(dest, delivery, work, response);
    } else {
        json = rest_json(response, delivery->arena);
        if (!json || rest_silent(response))
            return job_ask_again(dest, delivery, work, response);
        rest_judge_list(dest, delivery, work, &file->list, json, &work->job_strangers);
    }
    work->failures = 0;
    if (file->next.at.ptr)
        next = eff_json_str(eff_json_pointer(json, file->next.at));
    if (next.len > 0 && ++work->pages > REST_PAGES_MAX)
        return job_unknown(delivery, work, "JOB_UNREACHABLE",
                           EFF_STR("the job's results do not end"));
    if (next.len > 0 && !eff_str_eq(next, work->cursor)) {
        work->cursor = eff_str_copy(delivery->arena, next);
        return (struct eff_step){0};
    }
    work->cursor = EFF_STR_NONE;
    work->pages = 0;
    work->file++;
    return job_next_file(dest, delivery, work, NULL);
}

static struct eff_step
job_good_answer(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
                const struct eff_response *response)
{
    switch (work->phase) {
    case REST_JOB_CREATE:
        return job_created(dest, delivery, work, response);
    case REST_JOB_UPLOAD:
        return job_uploaded(delivery, work);
    case REST_JOB_CLOSE:
        work->phase = REST_JOB_POLL;
        return (struct eff_step){.kind = EFF_STEP_WAIT,
                                 .wait_ms = rest_variant(work)->job.first_ms};
    case REST_JOB_POLL:
        return job_polled(dest, delivery, work, response);
    default:
        return job_fetched(dest, delivery, work, response);
    }
}

/* Creating and uploading change nothing yet, unless the rows stand in the creating request. */
static struct eff_step
job_failed_early(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
                 const struct eff_response *response, struct eff_err *err)
{
    bool rows = work->phase == REST_JOB_CREATE && !rest_variant(work)->job.upload.given;
    const struct eff_json *json;
    struct eff_step step;

    if (response->wire != EFF_WIRE_ANSWERED) {
        if (rows && response->wire == EFF_WIRE_LOST)
            return job_unknown(task->delivery, work, "LOST", response->problem);
        return job_not_started(task->delivery, work, response->problem);
    }
    json = rest_json(response, task->delivery->arena);
    if (!json && rest_looks_cut(response->body)) {
        eff_str why = EFF_STR("the answer is JSON that was cut");

        return rows ? job_unknown(task->delivery, work, "UNREADABLE", why)
                    : job_not_started(task->delivery, work, why);
    }
    step = rest_judge_failure(dest, task, work, response, json, rows, err);
    if (step.kind == EFF_STEP_AUTH)
        return step;
    if (work->job.ptr)
        job_forget(task->delivery, work);
    if (step.kind == 0)
        work->phase = REST_START;
    return step;
}

/* Nothing was closed before the last upload was; from then on the memo keeps the job. */
static struct eff_step
job_not_allowed(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
                const struct eff_response *response, struct eff_err *err)
{
    if (work->phase == REST_JOB_CREATE || work->phase == REST_JOB_UPLOAD) {
        if (work->job.ptr)
            job_forget(delivery, work);
    } else {
        job_unknown(delivery, work, "NOT_SENT", response->problem);
    }
    return rest_not_allowed(dest, delivery, response, err);
}

/* Another login may mend it; what the connector says of it is told if none does. */
static struct eff_step
job_refused_login(struct rest_dest *dest, const struct eff_delivery *delivery,
                  const struct eff_response *response)
{
    const struct eff_json *json = rest_json(response, delivery->arena);
    struct rest_refusal refusal = rest_refusal_of(dest->connector, response, json, delivery->arena);
    const struct eff_error_rule *rule =
        rest_rule(dest->connector, response->status, &refusal, json, EFF_OP_NONE, false);

    dest->refused = true;
    dest->remedy = rule ? rule->remedy : EFF_STR_NONE;
    return (struct eff_step){.kind = EFF_STEP_AUTH};
}

struct eff_step
rest_job_judge(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
               const struct eff_response *response, struct eff_err *err)
{
    const struct eff_job *job = &rest_variant(work)->job;

    if (job_good(response))
        return job_good_answer(dest, task->delivery, work, response);
    if (response->not_allowed)
        return job_not_allowed(dest, task->delivery, work, response, err);
    if (work->phase == REST_JOB_CREATE || work->phase == REST_JOB_UPLOAD)
        return job_failed_early(dest, task, work, response, err);
    if (response->wire == EFF_WIRE_ANSWERED && response->status == 401)
        return job_refused_login(dest, task->delivery, response);
    if (work->phase == REST_JOB_CLOSE) { // Closed or not: the job itself knows.
        if (++work->failures > JOB_FAILURES_MAX)
            return job_unknown(task->delivery, work, "JOB_UNREACHABLE",
                               EFF_STR("the job cannot be closed"));
        work->phase = REST_JOB_POLL;
        return (struct eff_step){.kind = EFF_STEP_WAIT, .wait_ms = job->first_ms};
    }
    if (response->wire == EFF_WIRE_ANSWERED &&
        (response->status == 404 || response->status == 410)) { // Expired: what it did is not told.
        job_forget(task->delivery, work);
        return job_unknown(task->delivery, work, "JOB_EXPIRED",
                           EFF_STR("the job or its results are gone"));
    }
    return job_ask_again(dest, task->delivery, work, response);
}
