/*
 * rest_members: identifiers that leave a list before the rows' own are added.
 *
 * A changed row of a list is one item: its old identifiers are taken out by `remove`, then
 * `add` puts the new ones in. The first is a delivery of its own inside the delivery, for
 * all rows at once; a row whose old identifiers did not leave is not added. Nothing of it is
 * kept over a restart, because to take out twice does no harm.
 */
#include "dest/rest.h"

struct rest_leaving {
    struct eff_task task;
    struct eff_delivery delivery;
    size_t round;  /* rows that have several leave one by one */
    size_t *items; /* of the outer delivery, by index in the inner one */
};

void
rest_leaving_begin(struct eff_delivery *delivery, struct rest_work *work)
{
    for (size_t i = 0; i < delivery->count && !work->leaving; i++)
        if (delivery->items[i].leaving_count > 0)
            work->leaving = eff_new(delivery->arena, struct rest_leaving, 1);
}

static void
leaving_item(const struct eff_delivery *outer, const struct eff_item *item,
             struct rest_leaving *leaving)
{
    size_t width = outer->match_count + outer->fields_count;
    const struct eff_value *member = &item->leaving[leaving->round * width];

    leaving->items[leaving->delivery.count] = item->index;
    leaving->delivery.items[leaving->delivery.count] =
        (struct eff_item){.index = leaving->delivery.count,
                          .key = item->key,
                          .key_json = item->key_json,
                          .match = member,
                          .fields = member + outer->match_count};
    leaving->delivery.count++;
}

/* The rows of this round; false: there are none, and nothing is left to take out. */
static bool
leaving_round(struct eff_delivery *outer, struct rest_leaving *leaving)
{
    leaving->delivery = *outer;
    leaving->delivery.op = EFF_OP_REMOVE;
    leaving->delivery.memo = EFF_STR_NONE;
    leaving->delivery.memo_changed = false;
    leaving->delivery.scratch = NULL;
    leaving->delivery.count = 0;
    leaving->delivery.items = eff_new(outer->arena, struct eff_item, outer->count);
    leaving->items = eff_new(outer->arena, size_t, outer->count);
    for (size_t i = 0; i < outer->count; i++)
        if (outer->items[i].verdict.outcome == EFF_PENDING &&
            outer->items[i].leaving_count > leaving->round)
            leaving_item(outer, &outer->items[i], leaving);
    leaving->task = (struct eff_task){
        .kind = EFF_TASK_DELIVER, .delivery = &leaving->delivery, .arena = outer->arena};
    return leaving->delivery.count > 0;
}

/*
 * Rows that did not leave have their verdict; a fault that is nobody's own ends the delivery, and
 * the rows whose new identifiers wait were not applied. stopped: of a STOP; else OK.
 */
static bool
leaving_settle(struct eff_delivery *outer, const struct rest_leaving *leaving,
               enum eff_fault stopped)
{
    struct rest_work *work = outer->scratch;
    const struct eff_verdict *end = NULL;

    for (size_t i = 0; i < leaving->delivery.count; i++) {
        const struct eff_verdict *verdict = &leaving->delivery.items[i].verdict;

        if (verdict->outcome == EFF_TAKEN && verdict->code.len > 0) {
            if (!work->left)
                work->left = eff_new(outer->arena, struct eff_verdict, outer->count);
            work->left[leaving->items[i]] = *verdict;
        }
        if (verdict->outcome == EFF_APPLIED || verdict->outcome == EFF_TAKEN)
            continue;
        outer->items[leaving->items[i]].verdict = *verdict;
        if (verdict->outcome != EFF_REFUSED && (!end || verdict->fault == stopped))
            end = verdict;
    }
    if (end)
        rest_pending_verdict(outer, rest_verdict(EFF_NOT_APPLIED, stopped ? stopped : end->fault,
                                                 end->code, end->message));
    return !end;
}

void
rest_left(struct eff_delivery *delivery, const struct rest_work *work)
{
    for (size_t i = 0; work->left && i < delivery->count; i++) {
        struct eff_verdict *verdict = &delivery->items[i].verdict;

        if (work->left[i].code.len > 0 && verdict->code.len == 0 &&
            (verdict->outcome == EFF_APPLIED || verdict->outcome == EFF_TAKEN))
            *verdict = work->left[i];
    }
}

struct eff_step
rest_leave(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
           const struct eff_response *last, struct eff_err *err)
{
    struct eff_delivery *outer = task->delivery;
    struct rest_leaving *leaving = work->leaving;

    for (;; last = NULL, leaving->round++, leaving->task.delivery = NULL) {
        struct eff_step step;

        if (!leaving->task.delivery && !leaving_round(outer, leaving)) {
            work->leaving = NULL;
            return (struct eff_step){0};
        }
        step = rest_deliver(dest, &leaving->task, last, err);
        if (step.kind != EFF_STEP_DONE && step.kind != EFF_STEP_STOP)
            return step;
        if (!leaving_settle(outer, leaving, step.kind == EFF_STEP_STOP ? err->fault : EFF_OK))
            return step;
    }
}
