/*
 * run/quota: an account whose quota is used up is left alone until it resets.
 *
 * Whoever finds it used up notes in the state until when; runs of whatever sync of that
 * destination send nothing before. How long is told by the answers (Retry-After, a reset), or
 * not at all: then one run an hour asks again.
 */
#include "base/clock.h"
#include "run/sync.h"

#define QUOTA_ASK_MS ((int64_t)3600 * 1000)
#define QUOTA_MOST_MS                                                                              \
    ((int64_t)24 * 3600 * 1000) /* longer than any: a clock or an answer is wrong */

static eff_str
quota_time(struct eff_sync_run *r, int64_t ms)
{
    char text[EFF_TIME_TEXT_MAX];

    return eff_str_copy(&r->run,
                        (eff_str){text, eff_datetime_text(ms / 1000 * 1000000, 0, true, text)});
}

/* The clock may have been put back since it was noted, or forward before. */
static bool
quota_holds(const struct eff_quota *quota, int64_t now_ms)
{
    return quota->since_ms <= now_ms && now_ms < quota->until_ms &&
           quota->until_ms - quota->since_ms <= QUOTA_MOST_MS;
}

enum eff_fault
eff_run_quota(struct eff_sync_run *r, bool *ret_parked, struct eff_err *err)
{
    struct eff_quota quota, none = {.sync = r->sync->name};

    *ret_parked = false;
    if (r->options->plan)
        return EFF_OK;
    if (r->options->ignore_quota)
        return eff_control_quota_save(r->control, r->sync->dest->name, r->dest->account, &none,
                                      err);
    EFF_TRY(
        eff_control_quota(r->control, r->sync->dest->name, r->dest->account, &r->run, &quota, err));
    if (!quota_holds(&quota, r->started_wall))
        return EFF_OK;
    *ret_parked = r->report->skipped = r->report->skipped_by_failure = true;
    r->run_id = EFF_STR_NONE; // It never began: the last run is the one that found it.
    eff_report_problem(
        r->report, "EFF2143", EFF_LIMIT, 0,
        eff_str_printf(&r->run,
                       "the quota of destination " EFF_STR_FMT " is used up, as sync " EFF_STR_FMT
                       " found at " EFF_STR_FMT ": nothing is sent before " EFF_STR_FMT,
                       EFF_STR_ARG(r->sync->dest->name), EFF_STR_ARG(quota.sync),
                       EFF_STR_ARG(quota_time(r, quota.since_ms)),
                       EFF_STR_ARG(quota_time(r, quota.until_ms))),
        EFF_STR("The first run after that goes on by itself; `efferent run --ignore-quota` asks "
                "now."),
        EFF_STR_NONE);
    return EFF_OK;
}

/* Passes the fault on that says that the quota is used up. */
enum eff_fault
eff_run_quota_spent(struct eff_sync_run *r, struct eff_err *err)
{
    int64_t wait_ms = eff_limiter_closed_ms(&r->limiter, r->os->mono_ms(r->os->self));
    struct eff_quota quota = {.since_ms = r->os->wall_ms(r->os->self), .sync = r->sync->name};
    struct eff_err ignored = {0};

    if (r->options->plan)
        return err->fault;
    if (wait_ms < 0)
        wait_ms = QUOTA_ASK_MS;
    quota.until_ms = quota.since_ms + (wait_ms < QUOTA_MOST_MS ? wait_ms : QUOTA_MOST_MS);
    if (eff_control_quota_save(r->control, r->sync->dest->name, r->dest->account, &quota,
                               &ignored) != EFF_OK)
        return err->fault;
    return eff_err_hint(err,
                        "What was not sent is pending. No sync of destination " EFF_STR_FMT
                        " sends anything before " EFF_STR_FMT "; the first run after that goes on.",
                        EFF_STR_ARG(r->sync->dest->name),
                        EFF_STR_ARG(quota_time(r, quota.until_ms)));
}
