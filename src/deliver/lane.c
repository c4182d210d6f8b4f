/*
 * deliver/lane: one batch at a time, until it is settled.
 *
 * A lane's batch is delivered in parts: first the whole, after a refusal as a
 * whole its halves, after a partial answer the rows that have no verdict yet.
 * Verdicts are copied into the whole as they come; when no part is left the
 * batch is settled.
 */
#include "deliver/lane.h"

#include <assert.h>

#include "base/crash.h"

/* ---- parts ---- */

void
eff_lane_start_part(struct deliver_lane *lane, struct deliver_part part)
{
    struct eff_item *items;

    lane->now_at = lane->arena.used;
    items = eff_new(&lane->arena, struct eff_item, part.count);
    for (size_t i = 0; i < part.count; i++) {
        items[i] = lane->whole.items[part.origin[i]];
        items[i].index = i;
        items[i].verdict = (struct eff_verdict){0};
    }
    // What the last try noted goes on: a job that it forgot is not asked again.
    if (lane->part.memo_changed && lane->part.count == lane->whole.count)
        lane->whole.memo = lane->part.memo;
    else
        lane->part.memo_changed = false;
    lane->whole.memo_changed = lane->part.memo_changed && part.count == lane->whole.count;
    lane->now = part;
    lane->part = lane->whole;
    lane->part.items = items;
    lane->part.count = part.count;
    lane->part.scratch = NULL;
    lane->part.arena = &lane->arena;
    if (part.count != lane->whole.count)
        lane->part.memo = EFF_STR_NONE;
    lane->task = (struct eff_task){.kind = EFF_TASK_DELIVER,
                                   .delivery = &lane->part,
                                   .object = lane->whole.object,
                                   .arena = &lane->arena};
    lane->state = LANE_STEP;
}

struct deliver_part
eff_lane_part_of(struct deliver_lane *lane, const size_t *origin, size_t count)
{
    struct deliver_part part = {count, eff_new(&lane->arena, size_t, count)};

    memcpy(part.origin, origin, count * sizeof *origin);
    return part;
}

void
eff_lane_push_part(struct deliver_lane *lane, struct deliver_part part)
{
    assert(lane->parts_count < DELIVER_PARTS_MAX);
    lane->parts[lane->parts_count++] = part;
}

static void
lane_halve(struct deliver_lane *lane, struct deliver_part part)
{
    size_t half = part.count / 2;

    eff_lane_push_part(lane, (struct deliver_part){part.count - half, part.origin + half});
    eff_lane_push_part(lane, (struct deliver_part){half, part.origin});
}

void
eff_lane_next_part(struct deliver_lane *lane)
{
    lane->tries = 0;
    lane->throttles = 0;
    while (lane->apart && lane->parts_count > 0 && lane->parts[lane->parts_count - 1].count > 1)
        lane_halve(lane, lane->parts[--lane->parts_count]);
    lane->failure = 0;
    lane->replayed = false;
    if (lane->parts_count == 0)
        lane->state = LANE_SETTLE;
    else
        eff_lane_start_part(lane, lane->parts[--lane->parts_count]);
}

static void
lane_split(struct deliver_lane *lane)
{
    lane->unjudged = false;
    // Nothing of the part lives on, so that all rows of a batch can be refused one by one.
    if (lane->whole.memo.ptr == NULL)
        lane->arena.used = lane->now_at;
    if (lane->now.count < 2) {
        lane->whole.items[lane->now.origin[0]].verdict =
            (struct eff_verdict){EFF_REFUSED,
                                 EFF_ROW,
                                 false,
                                 EFF_STR("refused"),
                                 EFF_STR("the destination refused the request"),
                                 EFF_STR_NONE,
                                 EFF_STR_NONE};
        eff_lane_next_part(lane);
        return;
    }
    lane_halve(lane, lane->now);
    eff_lane_next_part(lane);
}

/* ---- stepping ---- */

static void
lane_wants_login(struct eff_deliver *d, struct deliver_lane *lane)
{
    struct eff_err err = {0};

    if (lane->login_seen != d->logins) { /* another lane has logged in meanwhile */
        lane->login_seen = d->logins;
        lane->state = LANE_STEP;
        return;
    }
    if (++lane->logins > 1) {
        EFF_FAIL(&err, EFF_AUTH, "the destination %s refuses the credential",
                 d->config.dest->ops->title ? d->config.dest->ops->title : "");
        eff_err_hint(&err, "Check the credential and its scopes; `efferent check` tries it.");
        eff_deliver_stop(d, &err);
        lane->state = LANE_SETTLE;
        return;
    }
    lane->state = LANE_AUTH;
    if (!d->logging_in)
        eff_deliver_login_start(d);
}

static void
lane_in_hand(const struct eff_deliver *d, const struct deliver_lane *lane)
{
    if (d->config.in_hand)
        d->config.in_hand(d->config.self, lane->batch, &lane->part);
}

static struct eff_step
lane_ask(const struct eff_deliver *d, struct deliver_lane *lane, const struct eff_response *last,
         struct eff_err *err)
{
    lane_in_hand(d, lane);
    for (size_t i = 0; i < lane->part.count; i++)
        EFF_CRASH_ON(last ? "row.judge" : "row.build", lane->part.items[i].key_json);
    return d->config.dest->ops->step(d->config.dest, &lane->task, last, err);
}

/*
 * What cannot be sent twice must not be left half sent by the death that tells which row it
 * is: so its rows are only built one by one, and then sent together.
 */
static void
lane_rehearse(const struct eff_deliver *d, struct deliver_lane *lane, struct deliver_part all)
{
    struct eff_err ignored = {0};

    for (size_t i = 0; i < all.count; i++) {
        eff_lane_start_part(lane, eff_lane_part_of(lane, &all.origin[i], 1));
        lane_ask(d, lane, NULL, &ignored);
    }
    lane->part = (struct eff_delivery){0};
    lane->apart = false;
}

/*
 * Who is not let in has written nothing: of these rows all is known, unless others of them went
 * before. A login that comes after a yes, to ask for the job that was made, says nothing of them.
 */
static void
lane_not_let_in(struct deliver_lane *lane, const struct eff_response *last)
{
    if (!last || last->wire != EFF_WIRE_ANSWERED || last->status < 300 ||
        !lane->request.carries_rows)
        return;
    for (size_t i = 0; i < lane->part.count; i++)
        if (lane->part.items[i].verdict.outcome != EFF_PENDING)
            return;
    lane->unjudged = false;
}

/* At the end, too, what was judged is known; of a row that was not, and was sent, nothing is. */
static void
lane_take_part(struct deliver_lane *lane)
{
    bool judged = true;

    for (size_t i = 0; i < lane->part.count; i++) {
        judged = judged && lane->part.items[i].verdict.outcome != EFF_PENDING;
        eff_lane_take(lane, lane->now.origin[i], &lane->part.items[i].verdict);
    }
    if (judged)
        lane->unjudged = false;
}

void
eff_lane_step(struct eff_deliver *d, struct deliver_lane *lane, const struct eff_response *last,
              int64_t now)
{
    struct eff_err err = {0};
    struct eff_step step = lane_ask(d, lane, last, &err);
    if (last && last->wire == EFF_WIRE_ANSWERED && step.kind != EFF_STEP_AUTH)
        lane->logins = 0; /* a delivery of several requests may outlive its token */
    switch (step.kind) {
    case EFF_STEP_SEND:
        lane->request = step.request;
        lane->state = LANE_READY;
        break;
    case EFF_STEP_WAIT:
        lane->wake = now + step.wait_ms;
        lane->state = LANE_SLEEP;
        break;
    case EFF_STEP_SPLIT:
        lane_split(lane);
        break;
    case EFF_STEP_DONE:
        eff_lane_judge(d, lane, now);
        break;
    case EFF_STEP_AUTH:
        lane_not_let_in(lane, last);
        lane_wants_login(d, lane);
        break;
    case EFF_STEP_STOP:
        if (lane->looks == 0)
            lane_take_part(lane);
        eff_deliver_stop(d, &err);
        lane->state = LANE_SETTLE;
        break;
    }
}

/* ---- a batch begins ---- */

static bool
lane_op_free(const struct eff_deliver *d, enum eff_op op)
{
    size_t busy = 0;
    size_t most = d->config.limits[op].concurrency;

    for (size_t i = 0; i < d->lanes_count; i++)
        if (d->lanes[i].state != LANE_IDLE && d->lanes[i].op == op)
            busy++;
    return busy < (most ? most : 1);
}

/* Loads the next batch into an idle lane; false when there is none to start now. */
static bool
lane_load(struct eff_deliver *d, struct deliver_lane *lane, int64_t now, int64_t wall_ms)
{
    const struct eff_deliver_config *c = &d->config;
    struct eff_err err = {0};
    struct deliver_part part = {0};

    while (d->next_batch < c->batches_count && c->skip && c->skip(c->self, d->next_batch))
        d->next_batch++;
    if (d->next_batch >= c->batches_count || d->stopping || d->logging_in)
        return false;
    lane->op = c->op(c->self, d->next_batch);
    if (!lane_op_free(d, lane->op))
        return false;
    eff_arena_reset(&lane->arena);
    lane->part = (struct eff_delivery){0};
    lane->batch = d->next_batch++;
    lane->parts_count = 0;
    lane->logins = 0;
    lane->login_seen = d->logins;
    lane->tries = lane->throttles = 0;
    lane->looks = lane->rounds = 0;
    lane->failure = 0;
    lane->replayed = false;
    lane->marked = lane->unjudged = false;
    lane->apart = c->apart && c->apart(c->self, lane->batch);
    if (c->load(c->self, lane->batch, &lane->arena, &lane->whole, &lane->acks, &lane->attempts,
                &lane->first_attempt_ms, &err) != EFF_OK) {
        eff_deliver_stop(d, &err);
        lane->state = LANE_IDLE;
        return false;
    }
    if (eff_lane_is_ambiguous(d, lane, wall_ms)) {
        eff_lane_resolve_ambiguous(d, lane, now);
        return true;
    }
    part.origin = eff_new(&lane->arena, size_t, lane->whole.count);
    for (size_t i = 0; i < lane->whole.count; i++)
        if (lane->whole.items[i].verdict.outcome == EFF_PENDING)
            part.origin[part.count++] = i;
    if (lane->apart && c->limits[lane->op].class != EFF_CLASS_CONVERGE)
        lane_rehearse(d, lane, part);
    if (part.count > 0)
        eff_lane_push_part(lane, part);
    eff_lane_next_part(lane);
    return true;
}

/* As many others as there may be have rows under way: their answers are waited for. */
static bool
lane_is_crowded(const struct eff_deliver *d, const struct deliver_lane *lane)
{
    size_t others = 0;

    if (d->lanes_most == d->lanes_count || lane->unjudged || !lane->request.carries_rows)
        return false;
    for (size_t i = 0; i < d->lanes_count; i++)
        others += d->lanes[i].unjudged; // unless all is stopping, none is settled so
    return others >= d->lanes_most;
}

/* ---- its effects ---- */

/* Marks are for what may not be sent twice, and for what a restart must know. */
static bool
lane_needs_mark(const struct eff_deliver *d, const struct deliver_lane *lane)
{
    if (lane->part.memo_changed)
        return true;
    return !lane->marked && lane->request.writes &&
           d->config.limits[lane->op].class != EFF_CLASS_CONVERGE;
}

static struct eff_effect
lane_mark(struct deliver_lane *lane, int64_t wall_ms)
{
    struct eff_effect effect = {.kind = EFF_EFFECT_MARK, .batch = lane->batch};

    if (lane->first_attempt_ms == 0)
        lane->first_attempt_ms = wall_ms;
    effect.attempts = lane->attempts + 1;
    effect.first_attempt_ms = lane->first_attempt_ms;
    if (lane->part.memo_changed)
        effect.memo = lane->part.memo;
    lane->whole.memo = lane->part.memo;
    lane->part.memo_changed = false;
    lane->marked = true;
    return effect;
}

static size_t
lane_request_bytes(const struct eff_request *request)
{
    size_t bytes = request->body.len + request->file.bytes.len + request->exec.line.len;
    const struct eff_sql_request *sql = &request->sql;

    for (size_t i = 0; request->kind == EFF_REQUEST_SQL && i < sql->rows * sql->columns; i++) {
        uint8_t kind = sql->params[i].kind;

        if (eff_kind_has_bytes(kind))
            bytes += sql->params[i].len;
        else if (kind != EFF_NULL && kind != EFF_ABSENT)
            bytes += 8;
    }
    return bytes;
}

struct eff_effect
eff_lane_send(struct eff_deliver *d, struct deliver_lane *lane, uint64_t ticket, int64_t now)
{
    lane->state = LANE_SENT;
    lane_in_hand(d, lane);
    if (lane->request.carries_rows) {
        d->counts.requests++;
        lane->attempts++;
        lane->unjudged = true;
        if (lane->tries || lane->throttles)
            d->counts.retries++;
        d->counts.bytes_sent += lane_request_bytes(&lane->request);
    } else {
        d->counts.calls_other++;
    }
    eff_limiter_sent(d->config.limiter, lane->request.bucket, now);
    lane->marked = false; /* each attempt is marked anew where marks are needed */
    return (struct eff_effect){
        .kind = EFF_EFFECT_SEND, .ticket = ticket, .request = &lane->request};
}

void
eff_lane_unsend(struct eff_deliver *d, struct deliver_lane *lane)
{
    if (!lane->request.carries_rows) {
        d->counts.calls_other--;
        return;
    }
    d->counts.requests--;
    lane->attempts--;
    d->counts.retries -= lane->tries || lane->throttles;
    d->counts.bytes_sent -= lane_request_bytes(&lane->request);
}

/* A part that was given up on the way: what it has verdicts of is known, the rest is not. */
static void
lane_give_up(struct deliver_lane *lane)
{
    for (size_t i = 0; i < lane->now.count; i++) {
        const struct eff_verdict *verdict = &lane->part.items[i].verdict;

        if (verdict->outcome != EFF_PENDING)
            eff_lane_take(lane, lane->now.origin[i], verdict);
        else
            lane->whole.items[lane->now.origin[i]].verdict.maybe = true;
    }
}

static struct eff_effect
lane_settle(struct eff_deliver *d, struct deliver_lane *lane)
{
    enum eff_class class = d->config.limits[lane->op].class;

    if (lane->unjudged)
        lane_give_up(lane);
    for (size_t i = 0; i < lane->whole.count; i++) {
        enum eff_outcome outcome = lane->whole.items[i].verdict.outcome;

        d->counts.settled_rows++;
        if (outcome == EFF_APPLIED || outcome == EFF_TAKEN)
            d->counts.applied++;
        else if (outcome == EFF_REFUSED)
            d->counts.refused++;
        else
            d->counts.unresolved++;
    }
    lane->state = LANE_SETTLED;
    return (struct eff_effect){.kind = EFF_EFFECT_SETTLE,
                               .lazy = class == EFF_CLASS_CONVERGE || class == EFF_CLASS_KEYED,
                               .batch = lane->batch,
                               .attempts = lane->attempts,
                               .first_attempt_ms = lane->first_attempt_ms,
                               .delivery = &lane->whole,
                               .acks = lane->acks};
}

void
eff_lane_wait_at_most(struct eff_deliver *d, int64_t wait_ms)
{
    struct eff_err err = {0};

    if (wait_ms <= DELIVER_PAUSE_MOST_MS)
        return;
    (void)eff_limiter_too_long(wait_ms, &err);
    eff_deliver_stop(d, &err);
}

int64_t
eff_lane_ready(struct eff_deliver *d, const struct eff_request *request, int64_t now)
{
    int64_t ready = eff_limiter_ready(d->config.limiter, request->bucket, now);

    if (ready < INT64_MAX)
        eff_lane_wait_at_most(d, ready - now);
    return ready;
}

bool
eff_lane_effect(struct eff_deliver *d, struct deliver_lane *lane, uint64_t ticket, int64_t now,
                int64_t wall_ms, struct eff_effect *ret_effect)
{
    for (;;) {
        switch (lane->state) {
        case LANE_SETTLED:
            lane->state = LANE_IDLE;
            break;
        case LANE_IDLE:
            if (!lane_load(d, lane, now, wall_ms))
                return false;
            break;
        case LANE_SLEEP:
            if (lane->part.memo_changed) {
                *ret_effect = lane_mark(lane, wall_ms);
                return true;
            }
            if (d->stopping)
                lane->state = LANE_SETTLE;
            else if (lane->wake > now)
                return false;
            else
                lane->state = LANE_STEP;
            break;
        case LANE_STEP:
            if (d->logging_in)
                return false;
            eff_lane_step(d, lane, NULL, now);
            break;
        case LANE_AUTH:
            if (d->stopping)
                lane->state = LANE_SETTLE;
            else if (d->logging_in)
                return false;
            else
                lane->login_seen = d->logins, lane->state = LANE_STEP;
            break;
        case LANE_READY:
            lane->wake = d->stopping ? now : eff_lane_ready(d, &lane->request, now);
            if (d->stopping) {
                lane->state = LANE_SETTLE;
                break;
            }
            if (lane_is_crowded(d, lane) || d->logging_in)
                lane->wake = INT64_MAX; // until another lane's answer, or that of the login
            if (lane->wake > now)
                return false;
            *ret_effect = lane_needs_mark(d, lane) ? lane_mark(lane, wall_ms)
                                                   : eff_lane_send(d, lane, ticket, now);
            return true;
        case LANE_SETTLE:
            *ret_effect = lane_settle(d, lane);
            return true;
        case LANE_SENT:
            return false;
        }
    }
}
