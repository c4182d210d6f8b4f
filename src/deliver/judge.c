/*
 * deliver/judge: what a part's verdicts lead to: taken, looked for, sent again, given up.
 */
#include "deliver/lane.h"
#include "deliver/look.h"

#define JUDGE_THROTTLES_MAX     10
#define JUDGE_DEAD_AFTER        7 /* exchanges in a row without one usable answer */
#define JUDGE_THROTTLE_FLOOR_MS 1000
#define JUDGE_THROTTLE_MOST_MS  60000

/* ---- what a part's verdicts ask for ---- */

struct judge_rest {
    size_t count;
    size_t *origin;
    size_t look_count;
    size_t *look;
    const struct eff_verdict *throttled, *transient, *fatal;
    bool
        busy; /* a row was refused for now, by name: somebody else holds it, or what it belongs to */
};

bool
eff_lane_resends(const struct eff_deliver *d, enum eff_op op, const struct eff_verdict *verdict)
{
    enum eff_class class = d->config.limits[op].class;

    if (verdict->outcome == EFF_MAYBE_APPLIED)
        return class == EFF_CLASS_CONVERGE || class == EFF_CLASS_KEYED ||
               (class == EFF_CLASS_BLIND && d->config.blind_twice);
    return verdict->outcome == EFF_PENDING || verdict->outcome == EFF_NOT_APPLIED;
}

/* Only of refusals it is asked, and only as long as the answer counts. */
static bool
judge_known_bad(const struct eff_deliver *d, const struct eff_item *item)
{
    return item->verdict.outcome == EFF_REFUSED && d->hope.judged < EFF_HOPE_ROWS &&
           d->config.known_bad && d->config.known_bad(d->config.self, item->key);
}

static void
judge_hope(struct eff_deliver *d, const struct eff_item *item)
{
    struct eff_err err = {0};

    if (eff_hope_judge(&d->hope, &item->verdict, judge_known_bad(d, item), d->config.run, &err) !=
            EFF_OK &&
        !d->stopping)
        eff_deliver_stop(d, &err);
}

void
eff_lane_take(struct deliver_lane *lane, size_t item, const struct eff_verdict *verdict)
{
    struct eff_verdict *known = &lane->whole.items[item].verdict;
    bool maybe = known->maybe || verdict->outcome == EFF_MAYBE_APPLIED;

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
judge_keep_together(const struct eff_deliver *d, const struct deliver_lane *lane,
                    struct judge_rest *rest)
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

static void
judge_collect(struct eff_deliver *d, struct deliver_lane *lane, struct judge_rest *rest)
{
    rest->origin = eff_new(&lane->arena, size_t, lane->part.count);
    rest->look = eff_new(&lane->arena, size_t, lane->part.count);
    for (size_t i = 0; i < lane->part.count; i++) {
        struct eff_verdict *verdict = &lane->part.items[i].verdict;
        bool stuck;

        eff_lane_doubt_older(lane, i);
        if (verdict->fault == EFF_CONTRACT && verdict->outcome == EFF_REFUSED &&
            verdict->field.len) {
            verdict->outcome = EFF_NOT_APPLIED; /* the column is to blame, not the row */
            rest->fatal = verdict;
        }
        eff_lane_take(lane, lane->now.origin[i], verdict);
        judge_hope(d, &lane->part.items[i]);
        stuck = eff_lane_key_is_stuck(d, lane, verdict);
        if (eff_lane_can_look(d, lane) &&
            (stuck || (verdict->outcome == EFF_MAYBE_APPLIED &&
                       d->config.limits[lane->op].class == EFF_CLASS_LOOKUP)))
            rest->look[rest->look_count++] = lane->now.origin[i];
        else if (stuck)
            eff_lane_hold(lane, lane->now.origin[i]);
        if (stuck || !eff_lane_resends(d, lane->op, verdict))
            continue;
        rest->origin[rest->count++] = lane->now.origin[i];
        rest->busy |= verdict->outcome == EFF_NOT_APPLIED && verdict->fault == EFF_TRANSIENT;
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
    judge_keep_together(d, lane, rest);
    lane->unjudged = false;
}

/*
 * Whoever holds a record that is busy may be another request of ours: rows of one parent lie in
 * many batches. So fewer are under way at a time, at last one, until it has been calm for a while.
 */
static void
judge_crowd(struct eff_deliver *d, const struct deliver_lane *lane, const struct judge_rest *rest)
{
    if (rest->busy && !lane->failed) {
        d->lanes_most = (d->lanes_most + 1) / 2;
        d->calm = 0;
    } else if (++d->calm >= DELIVER_CALM && d->lanes_most < d->lanes_count) {
        d->lanes_most++;
        d->calm = 0;
    }
}

/* ---- what becomes of the rest ---- */

static bool
judge_may_try_again(struct eff_deliver *d, struct deliver_lane *lane, const struct judge_rest *rest,
                    int64_t now)
{
    if (rest->transient && d->dead >= JUDGE_DEAD_AFTER)
        eff_deliver_stop_because(d, EFF_TRANSIENT, rest->transient);
    if (d->stopping)
        return false;
    if (!lane->failed)
        eff_limiter_retry(d->config.limiter, now);
    if (rest->throttled && !rest->transient) {
        lane->wake =
            now + eff_limiter_backoff(d->config.limiter, lane->throttles, JUDGE_THROTTLE_FLOOR_MS,
                                      2 * JUDGE_THROTTLE_FLOOR_MS, JUDGE_THROTTLE_MOST_MS);
        if (lane->retry_after_ms >= 0)
            lane->wake = now + lane->retry_after_ms;
        if (++lane->throttles <= JUDGE_THROTTLES_MAX)
            return true;
        eff_deliver_stop_because(d, EFF_RATE, rest->throttled);
        return false;
    }
    if (++lane->tries >= DELIVER_TRIES_MAX)
        return false;
    lane->wake =
        now + eff_limiter_backoff(d->config.limiter, lane->tries, DELIVER_BACKOFF_FIRST_MS / 4,
                                  DELIVER_BACKOFF_FIRST_MS, DELIVER_BACKOFF_MOST_MS);
    if (lane->retry_after_ms >= 0)
        lane->wake = now + lane->retry_after_ms;
    return true;
}

void
eff_lane_judge(struct eff_deliver *d, struct deliver_lane *lane, int64_t now)
{
    struct judge_rest rest = {0};
    unsigned tries, throttles;

    if (lane->looks > 0) {
        eff_lane_looked(d, lane, now);
        return;
    }
    judge_collect(d, lane, &rest);
    judge_crowd(d, lane, &rest);
    if (rest.look_count > 0 && !d->stopping) {
        if (rest.count > 0)
            eff_lane_push_part(lane, eff_lane_part_of(lane, rest.origin, rest.count));
        eff_lane_look(d, lane, rest.look, rest.look_count, now);
        return;
    }
    if (rest.fatal)
        eff_deliver_stop_because(d, rest.fatal->fault, rest.fatal);
    if (rest.count == 0 || !judge_may_try_again(d, lane, &rest, now)) {
        eff_lane_next_part(lane);
        return;
    }
    tries = lane->tries;
    throttles = lane->throttles;
    eff_lane_start_part(lane, eff_lane_part_of(lane, rest.origin, rest.count));
    lane->tries = tries;
    lane->throttles = throttles;
    lane->state = LANE_SLEEP;
}
