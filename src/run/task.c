/*
 * run/task: logging in, describing, reading back: step machines run to their end.
 */
#include "run/sync.h"

#define TASK_TICKET        1
#define TASK_PAUSE_MOST_MS ((int64_t)15 * 60 * 1000) /* as in deliver */
#define TASK_TRIES_MAX     5
#define TASK_WAIT_FIRST_MS 300
#define TASK_WAIT_MOST_MS  5000
#define TASK_PATIENCE_MS   15000 /* with the tries that a destination makes of its own */

static enum eff_fault
task_cancelled(struct eff_err *err)
{
    return EFF_FAIL(err, EFF_TRANSIENT, "stopped on request");
}

enum eff_fault
eff_run_pause(struct eff_sync_run *r, int64_t wait_ms, struct eff_err *err)
{
    const struct eff_response *ignored;
    int64_t until = r->os->mono_ms(r->os->self) + wait_ms;

    while (r->os->mono_ms(r->os->self) < until) {
        if (!r->os->go_on(r->os->self))
            return task_cancelled(err);
        r->os->next(r->os->self, until, &ignored);
    }
    return EFF_OK;
}

enum eff_fault
eff_run_obey(struct eff_sync_run *r, unsigned bucket, struct eff_err *err)
{
    int64_t now = r->os->mono_ms(r->os->self);
    int64_t wait_ms = eff_limiter_ready(&r->limiter, bucket, now) - now;

    if (eff_limiter_spent(&r->limiter))
        return EFF_FAIL(err, EFF_LIMIT, "the destination's quota is used up until it resets");
    if (wait_ms <= 0)
        return EFF_OK;
    if (wait_ms > TASK_PAUSE_MOST_MS)
        return eff_limiter_too_long(wait_ms, err);
    return eff_run_pause(r, wait_ms, err);
}

static enum eff_fault
task_exchange(struct eff_sync_run *r, const struct eff_task *task,
              const struct eff_request *request, const struct eff_response **ret_response,
              struct eff_err *err)
{
    EFF_TRY(eff_run_obey(r, request->bucket, err));
    r->report->calls_other++;
    r->calls_asked += task->kind != EFF_TASK_AUTHORIZE;
    eff_limiter_sent(&r->limiter, request->bucket, r->os->mono_ms(r->os->self));
    r->os->submit(r->os->self, TASK_TICKET, request);
    while (r->os->next(r->os->self, INT64_MAX, ret_response) != TASK_TICKET)
        /* a run that was stopped is still tidied up: requests have a timeout of their own */
        if (!r->os->go_on(r->os->self) && task->kind != EFF_TASK_FINISH) {
            r->os->cancel(r->os->self, TASK_TICKET);
            eff_limiter_answered(&r->limiter, request->bucket, r->dest, NULL, 0);
            return task_cancelled(err);
        }
    r->report->calls_other -= (*ret_response)->not_allowed;
    eff_limiter_answered(&r->limiter, request->bucket, r->dest, *ret_response,
                         r->os->mono_ms(r->os->self));
    return EFF_OK;
}

/* One walk through the steps; ret_auth says that the credential was refused. */
static enum eff_fault
task_walk(struct eff_sync_run *r, struct eff_task *task, bool *ret_auth, struct eff_err *err)
{
    const struct eff_response *last = NULL;

    for (;;) {
        struct eff_step step = r->dest->ops->step(r->dest, task, last, err);

        last = NULL;
        switch (step.kind) {
        case EFF_STEP_SEND:
            EFF_TRY(task_exchange(r, task, &step.request, &last, err));
            break;
        case EFF_STEP_WAIT:
            if (step.wait_ms > TASK_PAUSE_MOST_MS)
                return eff_limiter_too_long(step.wait_ms, err);
            EFF_TRY(eff_run_pause(r, step.wait_ms, err));
            break;
        case EFF_STEP_DONE:
        case EFF_STEP_SPLIT:
            return EFF_OK;
        case EFF_STEP_AUTH:
            *ret_auth = true;
            return EFF_OK;
        case EFF_STEP_STOP:
            return err->fault
                       ? err->fault
                       : EFF_FAIL(err, EFF_BROKEN, "the destination stopped without a reason");
        }
    }
}

static enum eff_fault
task_patiently(struct eff_sync_run *r, struct eff_task *task, bool *ret_auth, struct eff_err *err)
{
    int64_t wait_ms = TASK_WAIT_FIRST_MS;
    int64_t until = r->os->mono_ms(r->os->self) + TASK_PATIENCE_MS;
    struct eff_task fresh = *task;
    enum eff_fault fault;

    for (unsigned tries = 1;; tries++) {
        *task = fresh;
        *err = (struct eff_err){0};
        fault = task_walk(r, task, ret_auth, err);
        if ((fault != EFF_TRANSIENT && fault != EFF_RATE) || tries == TASK_TRIES_MAX ||
            r->os->mono_ms(r->os->self) >= until || !r->os->go_on(r->os->self))
            return fault;
        EFF_TRY(eff_run_pause(r, wait_ms, err));
        wait_ms = wait_ms * 2 < TASK_WAIT_MOST_MS ? wait_ms * 2 : TASK_WAIT_MOST_MS;
    }
}

static enum eff_fault
task_run(struct eff_sync_run *r, struct eff_task *task, struct eff_err *err)
{
    bool auth = false;
    struct eff_task fresh = *task;
    struct eff_task login = {.kind = EFF_TASK_AUTHORIZE,
                             .now_wall_ms = r->os->wall_ms(r->os->self),
                             .arena = task->arena};

    EFF_TRY(task_patiently(r, task, &auth, err));
    if (!auth)
        return EFF_OK;
    auth = false;
    EFF_TRY(task_patiently(r, &login, &auth, err));
    *task = fresh;
    if (!auth)
        EFF_TRY(task_patiently(r, task, &auth, err));
    if (!auth)
        return EFF_OK;
    EFF_FAIL(err, EFF_AUTH, "the destination " EFF_STR_FMT " refuses the credential",
             EFF_STR_ARG(r->sync->dest->name));
    return eff_err_hint(err, "Check the credential of `" EFF_STR_FMT "` and what it may do.",
                        EFF_STR_ARG(r->sync->dest->name));
}

enum eff_fault
eff_run_task(struct eff_sync_run *r, struct eff_task *task, struct eff_err *err)
{
    enum eff_fault fault = task_run(r, task, err);

    return fault == EFF_LIMIT ? eff_run_quota_spent(r, err) : fault;
}
