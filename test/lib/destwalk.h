/*
 * lib/destwalk: a destination's steps run to their end against the real world.
 *
 * Does what deliver does, without its patience: sends what a step wants, halves
 * a delivery that asks for it, and keeps memo and verdicts.
 */
#ifndef EFF_TEST_DESTWALK_H
#define EFF_TEST_DESTWALK_H

#include "dest/dest.h"
#include "lib/sqlask.h"

struct walk {
    struct eff_dest *dest;
    struct eff_arena arena; /* of deliveries and tasks */
    struct eff_op_limits limits[EFF_OPS_COUNT];
    struct eff_dest_sync sync;
    struct eff_dest_conf conf;
    struct eff_kind_desc kind;
    unsigned requests;        /* sent so far */
    enum eff_step_kind ended; /* of the last walk */
    bool lose_next;           /* the next request is carried out and its answer lost */
    bool drop_next;           /* the next request is not carried out and its answer lost */
};

static inline bool
walk_open(struct walk *walk, const struct eff_dest_ops *ops, const void *config)
{
    eff_arena_init(&walk->arena, "walk", (size_t)1 << 28);
    walk->kind.user = ops;
    walk->conf =
        (struct eff_dest_conf){.name = EFF_STR("copy"), .kind = &walk->kind, .config = config};
    return ops->open(&walk->conf, &process, &walk->dest, &err) == EFF_OK;
}

static inline void
walk_close(struct walk *walk)
{
    eff_arena_deinit(&walk->arena);
}

static inline enum eff_fault
walk_bind(struct walk *walk, const char *object, enum eff_mode mode, size_t match_count,
          const eff_str *match, size_t fields_count, const eff_str *fields)
{
    walk->sync = (struct eff_dest_sync){.name = EFF_STR("s"),
                                        .run = EFF_STR("01RUN"),
                                        .object = eff_str_of(object),
                                        .mode = mode,
                                        .match_count = match_count,
                                        .match_names = match,
                                        .fields_count = fields_count,
                                        .field_names = fields};
    return walk->dest->ops->bind(walk->dest, &walk->sync, walk->limits, &err);
}

static inline const struct eff_response *
walk_exchange(struct walk *walk, const struct eff_request *request)
{
    static const struct eff_response lost = {.wire = EFF_WIRE_LOST, .problem = {"lost", 4}};
    const struct eff_response *response = NULL;

    walk->requests++;
    if (walk->drop_next) {
        walk->drop_next = false;
        return &lost;
    }
    os->submit(os->self, 9, request);
    assert_int_equal(os->next(os->self, os->mono_ms(os->self), &response), 9);
    if (walk->lose_next) {
        walk->lose_next = false;
        return &lost;
    }
    return response;
}

/* False when it stopped: err says why. */
static inline bool
walk_task(struct walk *walk, struct eff_task *task)
{
    const struct eff_response *last = NULL;

    for (int steps = 0; steps < 100000; steps++) {
        struct eff_step step = walk->dest->ops->step(walk->dest, task, last, &err);

        walk->ended = step.kind;
        if (step.kind != EFF_STEP_SEND)
            return step.kind != EFF_STEP_STOP;
        last = walk_exchange(walk, &step.request);
    }
    fail_msg("a task without end");
    return false;
}

static inline struct eff_delivery
walk_delivery(struct walk *walk, enum eff_op op, size_t count, struct eff_item *items)
{
    for (size_t i = 0; i < count; i++)
        items[i].index = i;
    return (struct eff_delivery){.op = op,
                                 .object = walk->sync.object,
                                 .match_count = walk->sync.match_count,
                                 .match_names = walk->sync.match_names,
                                 .fields_count = walk->sync.fields_count,
                                 .field_names = walk->sync.field_names,
                                 .count = count,
                                 .items = items,
                                 .arena = &walk->arena};
}

static inline bool
walk_deliver(struct walk *walk, enum eff_op op, size_t count, struct eff_item *items)
{
    struct eff_delivery delivery = walk_delivery(walk, op, count, items);
    struct eff_task task = {.kind = EFF_TASK_DELIVER, .delivery = &delivery, .arena = &walk->arena};

    if (!walk_task(walk, &task))
        return false;
    if (walk->ended != EFF_STEP_SPLIT)
        return true;
    assert_true(count > 1);
    return walk_deliver(walk, op, count / 2, items) &&
           walk_deliver(walk, op, count - count / 2, items + count / 2);
}

#endif
