/*
 * deliver/deliver: the lanes.
 *
 * A lane's batch is delivered in parts: first the whole, after a refusal as a
 * whole its halves, after a partial answer the rows that have no verdict yet.
 * Verdicts are copied into the whole as they come; when no part is left the
 * batch is settled.
 */
#include "deliver/deliver.h"

#include "base/crash.h"
#include "base/hash.h"
#include "deliver/hope.h"
#include "deliver/look.h"

#define DELIVER_LANES_MAX         16
#define DELIVER_PARTS_MAX         72 /* halving 2^32 rows, and a rest of each */
#define DELIVER_TRIES_MAX         6  /* of one part, for transient trouble */
#define DELIVER_THROTTLES_MAX     10
#define DELIVER_DEAD_AFTER        7 /* exchanges in a row without one usable answer */
#define DELIVER_BACKOFF_FIRST_MS  400
#define DELIVER_BACKOFF_MOST_MS   30000
#define DELIVER_THROTTLE_FLOOR_MS 1000
#define DELIVER_THROTTLE_MOST_MS  60000
#define DELIVER_PAUSE_MOST_MS     ((int64_t)15 * 60 * 1000) /* a longer Retry-After ends the run */

enum lane_state {
    LANE_IDLE = 0,
    LANE_STEP,  /* ask the destination */
    LANE_READY, /* a request waits for mark and rate limit */
    LANE_SENT,
    LANE_SLEEP, /* back-off, or an asynchronous job */
    LANE_AUTH,  /* waits for the one login */
    LANE_SETTLE,
    LANE_SETTLED, /* the caller has written it: free at the next call */
};

struct deliver_part {
    size_t count;
    size_t *origin; /* indexes into the whole batch */
};

struct deliver_lane {
    enum lane_state state;
    size_t batch;
    enum eff_op op;
    struct eff_arena arena;
    struct eff_delivery whole;
    const void *acks;
    uint32_t attempts;
    int64_t first_attempt_ms;
    bool marked;
    bool unjudged; /* rows of this part were sent, and nothing is known of them */
    bool apart;    /* its rows go one by one */

    struct deliver_part parts[DELIVER_PARTS_MAX];
    size_t parts_count;
    struct deliver_part now; /* the part under way */
    size_t now_at;           /* where in the arena what belongs to it begins */
    struct eff_delivery part;
    struct eff_task task;
    struct eff_request request;
    size_t
        look_count; /* creates whose answer was lost: looked for, twice before they are repeated */
    size_t *look;   /* indexes into the whole batch */
    unsigned looks; /* 0: not looking */
    unsigned tries, throttles; /* of this part */
    unsigned rounds;           /* creates repeated after two looks found nothing */
    uint64_t failure; /* print of the last keyed request and its failure; 0: there was none */
    bool replayed;    /* the one before was the same: the key has a failure stored */
    unsigned logins;  /* 401 in a row */
    uint64_t login_seen;
    int64_t retry_after_ms;
    int64_t wake;
};

struct eff_deliver {
    struct eff_deliver_config config;
    struct eff_deliver_counts counts;
    size_t lanes_count;
    struct deliver_lane *lanes;
    size_t next_batch;
    struct eff_hope hope;
    unsigned dead; /* exchanges in a row without a usable answer */

    bool logging_in;
    int64_t wall_ms;           /* of the last step */
    uint64_t logins;           /* completed */
    struct deliver_lane login; /* only task, request, state, arena, tries */

    bool stopping;
    bool has_err;
    struct eff_err err;
};

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

static void
deliver_login_start(struct eff_deliver *d)
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
    d->lanes_count = deliver_lanes(config);
    d->lanes = eff_new(config->run, struct deliver_lane, d->lanes_count);
    for (size_t i = 0; i < d->lanes_count; i++)
        eff_arena_init(&d->lanes[i].arena, "batch", config->batch_memory);
    eff_arena_init(&d->login.arena, "login", (size_t)16 << 20);
    if (config->authorize_first)
        deliver_login_start(d);
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

static void
deliver_stop_because(struct eff_deliver *d, enum eff_fault fault, const struct eff_verdict *verdict)
{
    struct eff_err err = {0};

    EFF_FAIL(&err, fault, EFF_STR_FMT "%s" EFF_STR_FMT, EFF_STR_ARG(verdict->code),
             verdict->code.len && verdict->message.len ? ": " : "", EFF_STR_ARG(verdict->message));
    eff_deliver_stop(d, &err);
}

/* ---- parts ---- */

/* Makes a delivery of the part's items; index is the place within the part. */
static void
lane_start_part(struct deliver_lane *lane, struct deliver_part part)
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

static struct deliver_part
lane_part_of(struct deliver_lane *lane, const size_t *origin, size_t count)
{
    struct deliver_part part = {count, eff_new(&lane->arena, size_t, count)};

    memcpy(part.origin, origin, count * sizeof *origin);
    return part;
}

static void
lane_halve(struct deliver_lane *lane, struct deliver_part part)
{
    size_t half = part.count / 2;

    lane->parts[lane->parts_count++] = (struct deliver_part){part.count - half, part.origin + half};
    lane->parts[lane->parts_count++] = (struct deliver_part){half, part.origin};
}

static void
lane_next_part(struct deliver_lane *lane)
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
        lane_start_part(lane, lane->parts[--lane->parts_count]);
}

static void
lane_split(struct deliver_lane *lane)
{
    lane->unjudged = false;
    // Nothing of the part lives on, so that all rows of a batch can be refused one by one.
    if (lane->looks == 0 && lane->whole.memo.ptr == NULL)
        lane->arena.used = lane->now_at;
    if (lane->now.count < 2 || lane->parts_count + 2 > DELIVER_PARTS_MAX) {
        lane->whole.items[lane->now.origin[0]].verdict =
            (struct eff_verdict){EFF_REFUSED,
                                 EFF_ROW,
                                 false,
                                 EFF_STR("refused"),
                                 EFF_STR("the destination refused the request"),
                                 EFF_STR_NONE,
                                 EFF_STR_NONE};
        lane_next_part(lane);
        return;
    }
    lane_halve(lane, lane->now);
    lane_next_part(lane);
}

/* ---- judging a finished part ---- */

struct lane_rest {
    size_t count;
    size_t *origin;
    size_t look_count;
    size_t *look;
    const struct eff_verdict *throttled, *transient, *fatal;
};

static bool
verdict_resend(const struct eff_deliver *d, enum eff_op op, const struct eff_verdict *verdict)
{
    enum eff_class class = d->config.limits[op].class;

    if (verdict->outcome == EFF_MAYBE_APPLIED)
        return class == EFF_CLASS_CONVERGE || class == EFF_CLASS_KEYED ||
               (class == EFF_CLASS_BLIND && d->config.blind_twice);
    return verdict->outcome == EFF_PENDING || verdict->outcome == EFF_NOT_APPLIED;
}

/* Only of refusals it is asked, and only as long as the answer counts. */
static bool
deliver_known_bad(const struct eff_deliver *d, const struct eff_item *item)
{
    return item->verdict.outcome == EFF_REFUSED && d->hope.judged < EFF_HOPE_ROWS &&
           d->config.known_bad && d->config.known_bad(d->config.self, item->key);
}

static void
deliver_look_for_hope(struct eff_deliver *d, const struct eff_item *item)
{
    struct eff_err err = {0};

    if (eff_hope_judge(&d->hope, &item->verdict, deliver_known_bad(d, item), d->config.run, &err) !=
            EFF_OK &&
        !d->stopping)
        eff_deliver_stop(d, &err);
}

static bool
deliver_can_look(const struct eff_deliver *d, const struct deliver_lane *lane)
{
    enum eff_class class = d->config.limits[lane->op].class;

    return (class == EFF_CLASS_LOOKUP || class == EFF_CLASS_KEYED) && d->config.dest->can_read &&
           lane->whole.match_count > 0;
}

/*
 * What a key cannot answer any more is for a look; else, when all tries are over, for a person.
 * That is a failure which is stored for it, and the refusal of other values than it had first.
 */
static bool
lane_key_is_stuck(const struct eff_deliver *d, const struct deliver_lane *lane, size_t item,
                  const struct eff_verdict *verdict)
{
    if (!lane->replayed || d->config.limits[lane->op].class != EFF_CLASS_KEYED)
        return false;
    if (verdict->outcome == EFF_NOT_APPLIED)
        return lane->whole.items[item].changed && deliver_can_look(d, lane);
    return verdict->outcome == EFF_MAYBE_APPLIED &&
           (deliver_can_look(d, lane) || lane->tries + 1 >= DELIVER_TRIES_MAX);
}

static void
lane_hold(struct deliver_lane *lane, size_t item)
{
    struct eff_verdict *known = &lane->whole.items[item].verdict;

    known->hold = true;
    known->code = EFF_STR("replayed");
    known->message = EFF_STR("the same failure is answered for its idempotency key again and "
                             "again, and this destination cannot be read back");
}

/* Once an attempt may have been applied, only a yes makes it certain again. */
static void
lane_take(struct deliver_lane *lane, size_t item, const struct eff_verdict *verdict)
{
    struct eff_verdict *known = &lane->whole.items[item].verdict;
    bool maybe = known->maybe || known->outcome == EFF_MAYBE_APPLIED ||
                 verdict->outcome == EFF_MAYBE_APPLIED;

    if (known->outcome == EFF_APPLIED)
        return; /* sent again along with others, for the sake of their key */
    *known = *verdict;
    known->maybe = maybe;
}

/*
 * The key of a request stands for its rows as a whole: while one of them may have
 * been applied under it, the same rows go again, not some of them under a new key.
 */
static void
lane_keep_together(const struct eff_deliver *d, const struct deliver_lane *lane,
                   struct lane_rest *rest)
{
    bool maybe = false;

    if (d->config.limits[lane->op].class != EFF_CLASS_KEYED)
        return;
    for (size_t i = 0; i < rest->count; i++)
        maybe = maybe || lane->whole.items[rest->origin[i]].verdict.maybe;
    if (!maybe)
        return;
    memcpy(rest->origin, lane->now.origin, lane->now.count * sizeof *rest->origin);
    rest->count = lane->now.count;
}

/*
 * Under its key the row was sent with other values before, and the yes may be about those: the
 * record is there, and is brought up to date by its id.
 */
static void
lane_doubt_older(struct deliver_lane *lane, size_t i)
{
    struct eff_verdict *verdict = &lane->part.items[i].verdict;
    struct eff_item *item = &lane->whole.items[lane->now.origin[i]];

    if (!item->changed || !lane->request.keyed || lane->op != EFF_OP_UPSERT ||
        lane->whole.count > 1 || verdict->outcome != EFF_APPLIED)
        return;
    if (verdict->remote_id.ptr)
        item->remote_id = verdict->remote_id;
    verdict->outcome = EFF_MAYBE_APPLIED;
    verdict->fault = EFF_TRANSIENT;
    verdict->code = EFF_STR("older values");
    verdict->message = EFF_STR("its record was created before, with other values");
}

static void
lane_collect(struct eff_deliver *d, struct deliver_lane *lane, struct lane_rest *rest)
{
    rest->origin = eff_new(&lane->arena, size_t, lane->part.count);
    rest->look = eff_new(&lane->arena, size_t, lane->part.count);
    for (size_t i = 0; i < lane->part.count; i++) {
        struct eff_verdict *verdict = &lane->part.items[i].verdict;
        bool stuck;

        lane_doubt_older(lane, i);
        if (verdict->fault == EFF_CONTRACT && verdict->outcome == EFF_REFUSED &&
            verdict->field.len) {
            verdict->outcome = EFF_NOT_APPLIED; /* the column is to blame, not the row */
            rest->fatal = verdict;
        }
        lane_take(lane, lane->now.origin[i], verdict);
        deliver_look_for_hope(d, &lane->part.items[i]);
        stuck = lane_key_is_stuck(d, lane, lane->now.origin[i], verdict);
        if (deliver_can_look(d, lane) &&
            (stuck || (verdict->outcome == EFF_MAYBE_APPLIED &&
                       d->config.limits[lane->op].class == EFF_CLASS_LOOKUP)))
            rest->look[rest->look_count++] = lane->now.origin[i];
        else if (stuck)
            lane_hold(lane, lane->now.origin[i]);
        if (stuck || !verdict_resend(d, lane->op, verdict))
            continue;
        rest->origin[rest->count++] = lane->now.origin[i];
        if (verdict->fault == EFF_RATE)
            rest->throttled = verdict;
        else if (verdict->fault == EFF_AUTH || verdict->fault == EFF_LIMIT ||
                 verdict->fault == EFF_CONFIG || verdict->fault == EFF_CONTRACT)
            rest->fatal = verdict;
        else
            rest->transient = verdict;
        if (verdict->outcome == EFF_MAYBE_APPLIED &&
            d->config.limits[lane->op].class == EFF_CLASS_BLIND)
            d->counts.possible_duplicates++;
    }
    lane_keep_together(d, lane, rest);
    lane->unjudged = false;
}

static bool
lane_may_try_again(struct eff_deliver *d, struct deliver_lane *lane, const struct lane_rest *rest,
                   int64_t now)
{
    if (rest->transient && d->dead >= DELIVER_DEAD_AFTER)
        deliver_stop_because(d, EFF_TRANSIENT, rest->transient);
    if (d->stopping)
        return false;
    if (rest->throttled && !rest->transient) {
        lane->wake =
            now + eff_limiter_backoff(d->config.limiter, lane->throttles, DELIVER_THROTTLE_FLOOR_MS,
                                      2 * DELIVER_THROTTLE_FLOOR_MS, DELIVER_THROTTLE_MOST_MS);
        if (lane->retry_after_ms >= 0)
            lane->wake = now + lane->retry_after_ms;
        if (++lane->throttles <= DELIVER_THROTTLES_MAX)
            return true;
        deliver_stop_because(d, EFF_RATE, rest->throttled);
        return false;
    }
    if (++lane->tries >= DELIVER_TRIES_MAX || !eff_limiter_retry(d->config.limiter))
        return false;
    lane->wake =
        now + eff_limiter_backoff(d->config.limiter, lane->tries, DELIVER_BACKOFF_FIRST_MS / 4,
                                  DELIVER_BACKOFF_FIRST_MS, DELIVER_BACKOFF_MOST_MS);
    if (lane->retry_after_ms >= 0)
        lane->wake = now + lane->retry_after_ms;
    return true;
}

/* ---- looking for what may have been created ---- */

static void
lane_look(struct eff_deliver *d, struct deliver_lane *lane, const size_t *items, size_t count,
          int64_t now)
{
    int64_t lag_ms = d->config.limits[lane->op].lag_ms;

    lane->looks++;
    lane->look_count = count;
    lane->look = eff_new(&lane->arena, size_t, count);
    memcpy(lane->look, items, count * sizeof *items);
    lane->task = eff_look_task(&lane->whole, lane->look, count, &lane->arena);
    lane->wake = now + (lag_ms > 0 ? lag_ms : EFF_LOOK_LAG_MS);
    lane->state = LANE_SLEEP;
}

static const struct eff_verdict look_absent = {
    .outcome = EFF_NOT_APPLIED, .fault = EFF_TRANSIENT, .code = EFF_STR("not created")};
/* The key is frozen with the batch and no good any more: the next run makes another one. */
static const struct eff_verdict look_absent_keyed = {
    .outcome = EFF_NOT_APPLIED,
    .fault = EFF_TRANSIENT,
    .code = EFF_STR("not created"),
    .message = EFF_STR("its idempotency key is used up, so that it goes under another one"),
    .absent = true};

/*
 * Absent twice, a lag apart, is absent: create again. Until then every row keeps "perhaps".
 * So does an upsert whose record is there with other values: the next run updates it by its id.
 */
static void
lane_looked(struct eff_deliver *d, struct deliver_lane *lane, int64_t now)
{
    bool keyed = d->config.limits[lane->op].class == EFF_CLASS_KEYED;
    size_t *absent = eff_new(&lane->arena, size_t, lane->look_count);
    size_t count = 0;

    for (size_t i = 0; i < lane->look_count; i++) {
        struct eff_item *item = &lane->whole.items[lane->look[i]];
        struct eff_verdict verdict =
            eff_look_judge(&lane->whole, item, &lane->task.read->records[i]);

        if (verdict.outcome == EFF_NOT_APPLIED)
            absent[count++] = lane->look[i];
        else if (verdict.outcome == EFF_REFUSED && item->changed && lane->op == EFF_OP_CREATE)
            item->verdict = (struct eff_verdict){
                .outcome = EFF_APPLIED, .created = true, .remote_id = verdict.remote_id};
        else if (verdict.outcome == EFF_APPLIED || !keyed || lane->op != EFF_OP_UPSERT)
            item->verdict = verdict;
    }
    if (count > 0 && lane->looks == 1) {
        lane_look(d, lane, absent, count, now);
        return;
    }
    lane->looks = 0;
    for (size_t i = 0; i < count; i++)
        lane->whole.items[absent[i]].verdict = keyed ? look_absent_keyed : look_absent;
    if (count > 0 && !keyed && ++lane->rounds < DELIVER_TRIES_MAX)
        lane->parts[lane->parts_count++] = lane_part_of(lane, absent, count);
    lane_next_part(lane);
}

static void
lane_judge(struct eff_deliver *d, struct deliver_lane *lane, int64_t now)
{
    struct lane_rest rest = {0};
    unsigned tries, throttles;

    if (lane->looks > 0) {
        lane_looked(d, lane, now);
        return;
    }
    lane_collect(d, lane, &rest);
    if (rest.look_count > 0 && !d->stopping && lane->parts_count + 1 < DELIVER_PARTS_MAX) {
        if (rest.count > 0)
            lane->parts[lane->parts_count++] = lane_part_of(lane, rest.origin, rest.count);
        lane_look(d, lane, rest.look, rest.look_count, now);
        return;
    }
    if (rest.fatal)
        deliver_stop_because(d, rest.fatal->fault, rest.fatal);
    if (rest.count == 0 || !lane_may_try_again(d, lane, &rest, now)) {
        lane_next_part(lane);
        return;
    }
    tries = lane->tries;
    throttles = lane->throttles;
    lane_start_part(lane, lane_part_of(lane, rest.origin, rest.count));
    lane->tries = tries;
    lane->throttles = throttles;
    lane->state = LANE_SLEEP;
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
        deliver_login_start(d);
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
        lane_start_part(lane, lane_part_of(lane, &all.origin[i], 1));
        lane_ask(d, lane, NULL, &ignored);
    }
    lane->part = (struct eff_delivery){0};
    lane->apart = false;
}

static void
lane_step(struct eff_deliver *d, struct deliver_lane *lane, const struct eff_response *last,
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
        lane_judge(d, lane, now);
        break;
    case EFF_STEP_AUTH:
        lane_wants_login(d, lane);
        break;
    case EFF_STEP_STOP:
        for (size_t i = 0; lane->looks == 0 && i < lane->part.count; i++)
            lane_take(lane, lane->now.origin[i], &lane->part.items[i].verdict);
        eff_deliver_stop(d, &err);
        lane->state = LANE_SETTLE;
        break;
    }
}

/* The one login that all lanes wait for. */
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

/* ---- the next effect ---- */

static bool
deliver_op_free(const struct eff_deliver *d, enum eff_op op)
{
    size_t busy = 0;
    size_t most = d->config.limits[op].concurrency;

    for (size_t i = 0; i < d->lanes_count; i++)
        if (d->lanes[i].state != LANE_IDLE && d->lanes[i].op == op)
            busy++;
    return busy < (most ? most : 1);
}

bool
eff_deliver_key_expired(const struct eff_op_limits *limits, int64_t first_attempt_ms,
                        int64_t wall_ms)
{
    return limits->class == EFF_CLASS_KEYED && first_attempt_ms > 0 &&
           wall_ms - first_attempt_ms > limits->key_window_ms / 5 * 4;
}

/*
 * An earlier process marked this batch and died before it knew the answer. What may
 * not be sent twice is settled as it is: perhaps applied. A job that was under way
 * is asked for its result instead. A key is good for its window, and only for the
 * same rows: after a second attempt they may have been parts of the batch.
 */
static bool
lane_is_ambiguous(const struct eff_deliver *d, const struct deliver_lane *lane, int64_t wall_ms)
{
    const struct eff_op_limits *limits = &d->config.limits[lane->op];
    struct eff_verdict maybe = {.outcome = EFF_MAYBE_APPLIED};

    if (limits->class == EFF_CLASS_KEYED && lane->attempts > 0 && lane->whole.memo.len == 0 &&
        (eff_deliver_key_expired(limits, lane->first_attempt_ms, wall_ms) ||
         (lane->attempts > 1 && lane->whole.count > 1)))
        return true;
    return lane->attempts > 0 && lane->whole.memo.len == 0 && !verdict_resend(d, lane->op, &maybe);
}

static void
lane_resolve_ambiguous(struct eff_deliver *d, struct deliver_lane *lane, int64_t now)
{
    size_t *items = eff_new(&lane->arena, size_t, lane->whole.count);

    lane->part = lane->whole;
    lane->part.memo_changed = false;
    lane->now = (struct deliver_part){0};
    for (size_t i = 0; i < lane->whole.count; i++) {
        items[i] = i;
        lane->whole.items[i].verdict =
            (struct eff_verdict){.outcome = EFF_MAYBE_APPLIED,
                                 .fault = EFF_TRANSIENT,
                                 .code = EFF_STR("ambiguous"),
                                 .message = EFF_STR("the process died while it was being sent")};
    }
    if (deliver_can_look(d, lane))
        lane_look(d, lane, items, lane->whole.count, now);
    else
        lane->state = LANE_SETTLE;
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
    if (!deliver_op_free(d, lane->op))
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
    if (lane_is_ambiguous(d, lane, wall_ms)) {
        lane_resolve_ambiguous(d, lane, now);
        return true;
    }
    part.origin = eff_new(&lane->arena, size_t, lane->whole.count);
    for (size_t i = 0; i < lane->whole.count; i++)
        if (lane->whole.items[i].verdict.outcome == EFF_PENDING)
            part.origin[part.count++] = i;
    if (lane->apart && c->limits[lane->op].class != EFF_CLASS_CONVERGE)
        lane_rehearse(d, lane, part);
    if (part.count > 0)
        lane->parts[lane->parts_count++] = part;
    lane_next_part(lane);
    return true;
}

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
lane_mark(struct eff_deliver *d, struct deliver_lane *lane, int64_t wall_ms)
{
    struct eff_effect effect = {.kind = EFF_EFFECT_MARK, .batch = lane->batch};

    if (lane->first_attempt_ms == 0)
        lane->first_attempt_ms = wall_ms;
    effect.lazy =
        d->config.limits[lane->op].class == EFF_CLASS_CONVERGE && !lane->part.memo_changed;
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
request_bytes(const struct eff_request *request)
{
    size_t bytes = request->body.len + request->file.bytes.len + request->exec.line.len;
    const struct eff_sql_request *sql = &request->sql;

    for (size_t i = 0; request->kind == EFF_REQUEST_SQL && i < sql->rows * sql->columns; i++) {
        enum eff_kind kind = (enum eff_kind)sql->params[i].kind;
        bool text =
            kind == EFF_TEXT || kind == EFF_BYTES || kind == EFF_DECIMAL || kind == EFF_JSON;

        bytes += text ? sql->params[i].len : kind == EFF_NULL || kind == EFF_ABSENT ? 0 : 8;
    }
    return bytes;
}

static struct eff_effect
lane_send(struct eff_deliver *d, struct deliver_lane *lane, uint64_t ticket, int64_t now)
{
    lane->state = LANE_SENT;
    lane_in_hand(d, lane);
    if (lane->request.carries_rows) {
        d->counts.requests++;
        lane->attempts++;
        lane->unjudged = true;
        if (lane->tries || lane->throttles)
            d->counts.retries++;
        d->counts.bytes_sent += request_bytes(&lane->request);
    } else {
        d->counts.calls_other++;
    }
    eff_limiter_sent(d->config.limiter, lane->request.bucket, now);
    lane->marked = false; /* each attempt is marked anew where marks are needed */
    return (struct eff_effect){
        .kind = EFF_EFFECT_SEND, .ticket = ticket, .request = &lane->request};
}

static struct eff_effect
lane_settle(struct eff_deliver *d, struct deliver_lane *lane)
{
    enum eff_class class = d->config.limits[lane->op].class;

    for (size_t i = 0; lane->unjudged && i < lane->now.count; i++)
        lane->whole.items[lane->now.origin[i]].verdict.maybe = true;
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

/* Advances one lane without effects; true when it has one to offer. */
static bool
lane_effect(struct eff_deliver *d, struct deliver_lane *lane, uint64_t ticket, int64_t now,
            int64_t wall_ms, struct eff_effect *ret_effect)
{
    int64_t ready;

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
                *ret_effect = lane_mark(d, lane, wall_ms);
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
            lane_step(d, lane, NULL, now);
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
            if (d->stopping) {
                lane->state = LANE_SETTLE;
                break;
            }
            ready = eff_limiter_ready(d->config.limiter, lane->request.bucket, now);
            lane->wake = ready;
            if (ready > now || d->logging_in)
                return false;
            *ret_effect = lane_needs_mark(d, lane) ? lane_mark(d, lane, wall_ms)
                                                   : lane_send(d, lane, ticket, now);
            return true;
        case LANE_SETTLE:
            *ret_effect = lane_settle(d, lane);
            return true;
        case LANE_SENT:
            return false;
        }
    }
}

static bool
login_effect(struct eff_deliver *d, int64_t now, struct eff_effect *ret_effect)
{
    struct deliver_lane *login = &d->login;

    if (!d->logging_in)
        return false;
    if (d->stopping && login->state != LANE_SENT) {
        d->logging_in = false;
        login->state = LANE_IDLE;
        return false;
    }
    if (login->state == LANE_SLEEP && login->wake <= now)
        login->state = LANE_STEP;
    if (login->state == LANE_STEP)
        login_step(d, NULL, now);
    if (login->state != LANE_READY)
        return false;
    login->wake = eff_limiter_ready(d->config.limiter, login->request.bucket, now);
    if (login->wake > now)
        return false;
    *ret_effect = lane_send(d, login, d->lanes_count + 1, now);
    return true;
}

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
        if (lane_effect(deliver, &deliver->lanes[i], i + 1, now, wall_ms, &effect))
            return effect;
    /* A lane may just have asked for a login, or stopped everything. */
    if (login_effect(deliver, now, &effect))
        return effect;
    if (deliver->stopping)
        for (size_t i = 0; i < deliver->lanes_count; i++)
            if (lane_effect(deliver, &deliver->lanes[i], i + 1, now, wall_ms, &effect))
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
    if (eff_limiter_spent(d->config.limiter)) {
        struct eff_err err = {0};

        EFF_FAIL(&err, EFF_LIMIT, "the destination's quota is used up until it resets");
        eff_deliver_stop(d, &err);
    }
    d->dead = usable ? 0 : d->dead + 1;
    if (usable && response->status < 400)
        eff_limiter_success(d->config.limiter);
    if (response->status == 429)
        d->counts.throttled++;
    if (lane->retry_after_ms > DELIVER_PAUSE_MOST_MS) {
        struct eff_err err = {0};

        EFF_FAIL(&err, EFF_LIMIT, "the destination asks to wait %lld s",
                 (long long)(lane->retry_after_ms / 1000));
        eff_err_hint(&err, "Run again after that; what was not sent is pending.");
        eff_deliver_stop(d, &err);
    }
}

/*
 * A key may have its first answer stored, even a failure, and give it back word for word. What says
 * "not now", and what a gateway on the way says (502, 503, 504), is nobody's stored answer.
 */
static bool
status_may_be_stored(int status)
{
    static const int passing[] = {408, 409, 425, 429, 502, 503, 504};

    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if (status == passing[i])
            return false;
    return status >= 400;
}

static void
lane_hear_failure(struct deliver_lane *lane, const struct eff_response *response)
{
    bool failed = response->wire == EFF_WIRE_ANSWERED && status_may_be_stored(response->status);
    uint64_t print = (uint64_t)response->status | 1;

    if (!lane->request.keyed)
        return;
    print = eff_xxh3(print, lane->request.body.ptr, lane->request.body.len);
    print = failed ? eff_xxh3(print, response->body.ptr, response->body.len) : 0;
    lane->replayed = print != 0 && print == lane->failure;
    lane->failure = print;
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
    deliver_hear(deliver, lane, response, now);
    lane_hear_failure(lane, response);
    if (lane == &deliver->login)
        login_step(deliver, response, now);
    else
        lane_step(deliver, lane, response, now);
}
