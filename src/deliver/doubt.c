/*
 * deliver/doubt: what may have been applied, and no answer tells: the keys of requests, looking
 * for records, and what a process that died had marked.
 */
#include "base/hash.h"
#include "deliver/lane.h"
#include "deliver/look.h"

/* ---- keys ---- */

/*
 * A key may have its first answer stored, even a failure, and give it back word for word. What says
 * "not now", and what a gateway on the way says (502, 503, 504), is nobody's stored answer.
 */
static bool
doubt_may_be_stored(int status)
{
    static const int passing[] = {408, 409, 425, 429, 502, 503, 504};

    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        if (status == passing[i])
            return false;
    return status >= 400;
}

void
eff_lane_hear_failure(struct deliver_lane *lane, const struct eff_response *response)
{
    bool failed = response->wire == EFF_WIRE_ANSWERED && doubt_may_be_stored(response->status);
    uint64_t print = (uint64_t)response->status | 1;

    if (!lane->request.keyed)
        return;
    print = eff_xxh3(print, lane->request.body.ptr, lane->request.body.len);
    print = failed ? eff_xxh3(print, response->body.ptr, response->body.len) : 0;
    lane->replayed = failed && print == lane->failure;
    lane->failure = print;
}

bool
eff_lane_can_look(const struct eff_deliver *d, const struct deliver_lane *lane)
{
    enum eff_class class = d->config.limits[lane->op].class;

    return (class == EFF_CLASS_LOOKUP || class == EFF_CLASS_KEYED) && d->config.dest->can_read &&
           lane->whole.match_count > 0;
}

bool
eff_lane_key_is_stuck(const struct eff_deliver *d, const struct deliver_lane *lane,
                      const struct eff_verdict *verdict)
{
    if (!lane->replayed || d->config.limits[lane->op].class != EFF_CLASS_KEYED)
        return false;
    if (verdict->outcome == EFF_NOT_APPLIED)
        return verdict->fault == EFF_TRANSIENT && eff_lane_can_look(d, lane);
    return verdict->outcome == EFF_MAYBE_APPLIED &&
           (eff_lane_can_look(d, lane) || lane->tries + 1 >= DELIVER_TRIES_MAX);
}

void
eff_lane_hold(struct deliver_lane *lane, size_t item)
{
    struct eff_verdict *known = &lane->whole.items[item].verdict;

    known->hold = true;
    known->code = EFF_STR("replayed");
    known->message = EFF_STR("the same failure is answered for its idempotency key again and "
                             "again, and this destination cannot be read back");
}

void
eff_lane_doubt_older(struct deliver_lane *lane, size_t i)
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

/* ---- looking for what may have been created ---- */

/* What is absent goes under another key, which nothing would hold back if the old one came late. */
static int64_t
doubt_late_ms(const struct eff_op_limits *limits, const struct deliver_lane *lane)
{
    bool maybe = false;

    for (size_t i = 0; i < lane->look_count; i++) {
        const struct eff_verdict *verdict = &lane->whole.items[lane->look[i]].verdict;

        maybe = maybe || verdict->maybe || verdict->outcome == EFF_MAYBE_APPLIED;
    }
    return limits->class == EFF_CLASS_KEYED && lane->looks == 1 && maybe ? limits->late_ms : 0;
}

void
eff_lane_look(struct eff_deliver *d, struct deliver_lane *lane, const size_t *items, size_t count,
              int64_t now)
{
    const struct eff_op_limits *limits = &d->config.limits[lane->op];
    int64_t lag_ms = limits->lag_ms > 0 ? limits->lag_ms : EFF_LOOK_LAG_MS, late_ms;

    lane->looks++;
    lane->look_count = count;
    lane->look = eff_new(&lane->arena, size_t, count);
    memcpy(lane->look, items, count * sizeof *items);
    lane->task = eff_look_task(&lane->whole, lane->look, count, &lane->arena);
    late_ms = doubt_late_ms(limits, lane);
    lane->wake = now + (lag_ms > late_ms ? lag_ms : late_ms);
    lane->state = LANE_SLEEP;
}

static const struct eff_verdict doubt_absent = {
    .outcome = EFF_NOT_APPLIED, .fault = EFF_TRANSIENT, .code = EFF_STR("not created")};
/* The key is frozen with the batch and no good any more: the next run makes another one. */
static const struct eff_verdict doubt_absent_keyed = {
    .outcome = EFF_NOT_APPLIED,
    .fault = EFF_TRANSIENT,
    .code = EFF_STR("not created"),
    .message = EFF_STR("its idempotency key is used up, so that it goes under another one"),
    .absent = true};

/*
 * Absent twice, a lag apart, is absent: create again. Until then every row keeps "perhaps".
 * So does an upsert whose record is there with other values: the next run updates it by its id.
 */
void
eff_lane_looked(struct eff_deliver *d, struct deliver_lane *lane, int64_t now)
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
        eff_lane_look(d, lane, absent, count, now);
        return;
    }
    lane->looks = 0;
    for (size_t i = 0; i < count; i++)
        lane->whole.items[absent[i]].verdict = keyed ? doubt_absent_keyed : doubt_absent;
    if (count > 0 && !keyed && ++lane->rounds < DELIVER_TRIES_MAX)
        eff_lane_push_part(lane, eff_lane_part_of(lane, absent, count));
    eff_lane_next_part(lane);
}

/* ---- what a process left behind that died ---- */

bool
eff_deliver_key_expired(const struct eff_op_limits *limits, int64_t first_attempt_ms,
                        int64_t wall_ms)
{
    return limits->class == EFF_CLASS_KEYED && first_attempt_ms > 0 &&
           wall_ms - first_attempt_ms > limits->key_window_ms / 5 * 4;
}

bool
eff_lane_is_ambiguous(const struct eff_deliver *d, const struct deliver_lane *lane, int64_t wall_ms)
{
    const struct eff_op_limits *limits = &d->config.limits[lane->op];
    struct eff_verdict maybe = {.outcome = EFF_MAYBE_APPLIED};

    if (limits->class == EFF_CLASS_KEYED && lane->attempts > 0 && lane->whole.memo.len == 0 &&
        (eff_deliver_key_expired(limits, lane->first_attempt_ms, wall_ms) ||
         (lane->attempts > 1 && lane->whole.count > 1)))
        return true;
    return lane->attempts > 0 && lane->whole.memo.len == 0 &&
           !eff_lane_resends(d, lane->op, &maybe);
}

void
eff_lane_resolve_ambiguous(struct eff_deliver *d, struct deliver_lane *lane, int64_t now)
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
    if (!eff_lane_can_look(d, lane)) {
        lane->state = LANE_SETTLE;
        return;
    }
    eff_lane_look(d, lane, items, lane->whole.count, now);
}
