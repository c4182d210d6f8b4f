/*
 * deliver/deliver: the lanes as a whole: opening, the login that all of them wait for, stopping,
 * the next effect of any of them, answers.
 */
#include "deliver/deliver.h"

#include "deliver/lane.h"

#define DELIVER_LANES_MAX 16

/* ---- opening ---- */

static size_t
deliver_lanes(const struct eff_deliver_config *config)
{
    size_t lanes = 1;

    for (enum eff_op op = 0; op < EFF_OPS_COUNT; op++)
        if (config->limits[op].supported && config->limits[op].concurrency > lanes)
            lanes = config->limits[op].concurrency;
    if (lanes > config->lanes_max)
        lanes = config->lanes_max;
    if (lanes > config->batches_count)
        lanes = config->batches_count;
    if (lanes > DELIVER_LANES_MAX)
        lanes = DELIVER_LANES_MAX;
    return lanes ? lanes : 1;
}

void
eff_deliver_login_start(struct eff_deliver *d)
{
    d->logging_in = true;
    eff_arena_reset(&d->login.arena);
    d->login.task = (struct eff_task){
        .kind = EFF_TASK_AUTHORIZE, .now_wall_ms = d->wall_ms, .arena = &d->login.arena};
    d->login.state = LANE_STEP;
    d->login.tries = 0;
}

/* The lane of that number, from 0; behind the last one the login's. */
static struct deliver_lane *
deliver_lane(struct eff_deliver *d, size_t number)
{
    return number < d->lanes_count ? &d->lanes[number] : &d->login;
}

struct eff_deliver *
eff_deliver_new(const struct eff_deliver_config *config)
{
    struct eff_deliver *d = eff_new(config->run, struct eff_deliver, 1);

    d->config = *config;
    d->hope = (struct eff_hope){.hopeful = config->hopeful, .same_most = config->same_refused_most};
    d->lanes_count = d->lanes_most = deliver_lanes(config);
    d->lanes = eff_new(config->run, struct deliver_lane, d->lanes_count);
    for (size_t i = 0; i < d->lanes_count; i++)
        eff_arena_init(&d->lanes[i].arena, "batch", config->batch_memory);
    eff_arena_init(&d->login.arena, "login", (size_t)16 << 20);
    return d;
}

void
eff_deliver_free(struct eff_deliver *deliver)
{
    if (!deliver)
        return;
    for (size_t i = 0; i <= deliver->lanes_count; i++) {
        struct deliver_lane *lane = deliver_lane(deliver, i);

        if (lane->state == LANE_SENT)
            eff_limiter_answered(deliver->config.limiter, lane->request.bucket,
                                 deliver->config.dest, NULL, 0);
        eff_arena_deinit(&lane->arena);
    }
}

/* ---- stopping ---- */

void
eff_deliver_stop(struct eff_deliver *deliver, const struct eff_err *err)
{
    deliver->stopping = true;
    if (err && !deliver->has_err) {
        deliver->has_err = true;
        deliver->err = *err;
    }
}

const struct eff_err *
eff_deliver_stopped(const struct eff_deliver *deliver)
{
    return deliver->has_err ? &deliver->err : NULL;
}

const struct eff_deliver_counts *
eff_deliver_counts(const struct eff_deliver *deliver)
{
    return &deliver->counts;
}

void
eff_deliver_stop_because(struct eff_deliver *d, enum eff_fault fault,
                         const struct eff_verdict *verdict)
{
    struct eff_err err = {0};

    EFF_FAIL(&err, fault, EFF_STR_FMT "%s" EFF_STR_FMT, EFF_STR_ARG(verdict->code),
             verdict->code.len && verdict->message.len ? ": " : "", EFF_STR_ARG(verdict->message));
    eff_deliver_stop(d, &err);
}

/* ---- the one login that all lanes wait for ---- */

static void
login_step(struct eff_deliver *d, const struct eff_response *last, int64_t now)
{
    struct eff_err err = {0};
    struct eff_step step = d->config.dest->ops->step(d->config.dest, &d->login.task, last, &err);

    if (step.kind == EFF_STEP_SEND) {
        d->login.request = step.request;
        d->login.state = LANE_READY;
    } else if (step.kind == EFF_STEP_WAIT) {
        d->login.wake = now + step.wait_ms;
        d->login.state = LANE_SLEEP;
    } else if (step.kind == EFF_STEP_DONE) {
        d->logging_in = false;
        d->logins++;
        d->login.state = LANE_IDLE;
    } else if (err.fault == EFF_TRANSIENT && ++d->login.tries < DELIVER_TRIES_MAX) {
        d->login.wake = now + eff_limiter_backoff(
                                  d->config.limiter, d->login.tries, DELIVER_BACKOFF_FIRST_MS / 4,
                                  DELIVER_BACKOFF_FIRST_MS, DELIVER_BACKOFF_MOST_MS);
        d->login.task.scratch = NULL;
        d->login.state = LANE_SLEEP;
    } else {
        d->logging_in = false;
        d->login.state = LANE_IDLE;
        eff_deliver_stop(d, &err);
    }
}

static void
login_advance(struct eff_deliver *d, int64_t now)
{
    struct deliver_lane *login = &d->login;

    if (login->state == LANE_SLEEP && login->wake <= now)
        login->state = LANE_STEP;
    if (login->state == LANE_STEP)
        login_step(d, NULL, now);
    if (login->state == LANE_READY)
        login->wake = eff_lane_ready(d, &login->request, now);
}

static bool
login_effect(struct eff_deliver *d, int64_t now, struct eff_effect *ret_effect)
{
    struct deliver_lane *login = &d->login;

    if (!d->logging_in)
        return false;
    if (!d->stopping)
        login_advance(d, now);
    if (d->stopping && login->state != LANE_SENT) {
        d->logging_in = false;
        login->state = LANE_IDLE;
        return false;
    }
    if (login->state != LANE_READY || login->wake > now)
        return false;
    *ret_effect = eff_lane_send(d, login, d->lanes_count + 1, now);
    return true;
}

/* ---- the next effect ---- */

static struct eff_effect
deliver_wait(const struct eff_deliver *d)
{
    struct eff_effect effect = {.kind = EFF_EFFECT_DONE, .until = INT64_MAX};

    for (size_t i = 0; i <= d->lanes_count; i++) {
        const struct deliver_lane *lane = i < d->lanes_count ? &d->lanes[i] : &d->login;

        if (lane->state == LANE_IDLE)
            continue;
        effect.kind = EFF_EFFECT_WAIT;
        if ((lane->state == LANE_SLEEP || lane->state == LANE_READY) && lane->wake < effect.until)
            effect.until = lane->wake;
    }
    return effect;
}

struct eff_effect
eff_deliver_next(struct eff_deliver *deliver, int64_t now, int64_t wall_ms)
{
    struct eff_effect effect;

    deliver->wall_ms = deliver->login.task.now_wall_ms = wall_ms;
    if (login_effect(deliver, now, &effect))
        return effect;
    for (size_t i = 0; i < deliver->lanes_count; i++)
        if (eff_lane_effect(deliver, &deliver->lanes[i], i + 1, now, wall_ms, &effect))
            return effect;
    /* A lane may just have asked for a login, or stopped everything. */
    if (login_effect(deliver, now, &effect))
        return effect;
    if (deliver->stopping)
        for (size_t i = 0; i < deliver->lanes_count; i++)
            if (eff_lane_effect(deliver, &deliver->lanes[i], i + 1, now, wall_ms, &effect))
                return effect;
    return deliver_wait(deliver);
}

/* ---- answers ---- */

static void
deliver_hear(struct eff_deliver *d, struct deliver_lane *lane, const struct eff_response *response,
             int64_t now)
{
    bool usable = response->wire == EFF_WIRE_ANSWERED && response->status < 500;

    lane->retry_after_ms = eff_limiter_answered(d->config.limiter, lane->request.bucket,
                                                d->config.dest, response, now);
    lane->failed = eff_limiter_failed(response);
    if (eff_limiter_spent(d->config.limiter)) {
        struct eff_err err = {0};

        EFF_FAIL(&err, EFF_LIMIT, "the destination's quota is used up until it resets");
        eff_deliver_stop(d, &err);
    }
    d->dead = usable ? 0 : d->dead + 1;
    if (response->status == 429)
        d->counts.throttled++;
    eff_lane_wait_at_most(d, lane->retry_after_ms);
}

void
eff_deliver_answered(struct eff_deliver *deliver, uint64_t ticket,
                     const struct eff_response *response, int64_t now)
{
    struct deliver_lane *lane;

    if (ticket == 0 || ticket > deliver->lanes_count + 1)
        return;
    lane = deliver_lane(deliver, ticket - 1);
    if (lane->state != LANE_SENT)
        return;
    if (response->not_allowed)
        eff_lane_unsend(deliver, lane);
    deliver_hear(deliver, lane, response, now);
    eff_lane_hear_failure(lane, response);
    if (lane == &deliver->login)
        login_step(deliver, response, now);
    else
        eff_lane_step(deliver, lane, response, now);
}
