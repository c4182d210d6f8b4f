/*
 * lib/deliverworld: the world around deliver's lanes: a destination scripted by a function per
 * test, answers made up by it, a clock of its own; the loop of run/ in small, which asserts the
 * order of effects: marked before sent, settled once.
 */
#ifndef EFF_TEST_DELIVERWORLD_H
#define EFF_TEST_DELIVERWORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "deliver/deliver.h"

#include <cmocka.h>

#define ROWS_MAX    64
#define BATCHES_MAX 64

struct world;
typedef struct eff_step (*fake_judge)(struct world *w, struct eff_task *task,
                                      const struct eff_response *last, struct eff_err *err);

struct world {
    struct eff_dest dest;
    struct eff_arena run;
    struct eff_op_limits limits[EFF_OPS_COUNT];
    fake_judge judge;
    struct eff_rate_limit rate;
    int64_t now;
    size_t batches, rows;
    bool blind_twice;
    size_t reads, there_until, other; /* what a look finds */
    struct eff_value found[ROWS_MAX], match[ROWS_MAX], field;
    uint32_t attempts_before; /* an earlier process marked each batch */
    /* what was seen */
    size_t sends, marks, settles, logins, waits;
    int64_t sent_at[256];
    size_t under_way[256]; /* with it, when it was sent */
    size_t sent_rows[ROWS_MAX];
    enum eff_outcome outcome[BATCHES_MAX][ROWS_MAX];
    bool marked[BATCHES_MAX];
    bool need_mark;
    bool token_good;
    size_t fails_left;
    int status;
    bool not_allowed; /* requests are refused on this side */
    const char *retry_after;
    size_t poison;       /* this row is refused, alone or with its batch */
    size_t logins_fail;  /* so many logins have no good answer */
    size_t logins_wait;  /* so many steps of a login are a pause */
    bool newest_first;   /* the answer to the last request comes first */
    bool load_fails;     /* a batch cannot be read */
    size_t stop_at_wait; /* the user stops it at that pause; 0: never */
    size_t arena_most;   /* bytes in a lane's arena */
    size_t in_doubt;     /* rows that were settled as perhaps applied by some attempt */
    size_t absent, held; /* rows that were settled as proven absent, as only for a person to tell */
    bool varies;         /* each answer has another body */
    bool keyless;        /* the next request has no key */
    bool changed;        /* rows were sent under their keys before, with other values */
    bool matchless;      /* rows have nothing by which they could be looked for */
    bool lost;           /* no answer comes to what is sent */
    enum eff_op ops[2];  /* of even and odd batches; 0: upsert */
    eff_str memo_before; /* what an earlier process noted of each batch */
    size_t op_under_way[EFF_OPS_COUNT],
        op_most[EFF_OPS_COUNT]; /* batches, between load and settle */
    struct eff_err err;
    bool stopped;
    struct eff_deliver_counts counts;
    int64_t failures_until; /* of the limiter, at the end */
};

static inline struct eff_step
send_step(const struct world *w)
{
    return (struct eff_step){
        .kind = EFF_STEP_SEND,
        .request = {.kind = EFF_REQUEST_HTTP,
                    .writes = true,
                    .carries_rows = true,
                    .keyed = w->limits[EFF_OP_UPSERT].class == EFF_CLASS_KEYED && !w->keyless,
                    .body = EFF_STR("{}")}};
}

static inline void
judge_all(struct eff_delivery *delivery, enum eff_outcome outcome, enum eff_fault fault)
{
    for (size_t i = 0; i < delivery->count; i++)
        delivery->items[i].verdict = (struct eff_verdict){.outcome = outcome, .fault = fault};
}

/* What is over there: rows with a key below `there_until`, those of `other` with other values. */
static inline struct eff_step
fake_read(struct world *w, struct eff_read *read, const struct eff_response *last)
{
    if (!last)
        return (struct eff_step){.kind = EFF_STEP_SEND, .request = {.kind = EFF_REQUEST_HTTP}};
    w->reads++;
    for (size_t i = 0; i < read->count; i++) {
        struct eff_value *fields = &w->found[read->match[i].i];

        *fields = eff_value_of_str(
            EFF_TEXT, read->match[i].i == (int64_t)w->other ? EFF_STR("theirs") : EFF_STR("1.50"));
        read->records[i] = (struct eff_record){.found = read->match[i].i < (int64_t)w->there_until,
                                               .fields = fields};
    }
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static inline struct eff_step
fake_step(struct eff_dest *dest, struct eff_task *task, const struct eff_response *last,
          struct eff_err *err)
{
    struct world *w = (struct world *)dest;

    if (task->kind == EFF_TASK_AUTHORIZE) {
        if (!last)
            return (struct eff_step){.kind = EFF_STEP_SEND, .request = {.kind = EFF_REQUEST_HTTP}};
        if (w->logins_fail > 0) {
            w->logins_fail--;
            EFF_FAIL(err, EFF_TRANSIENT, "no answer");
            return (struct eff_step){.kind = EFF_STEP_STOP};
        }
        if (w->logins_wait > 0) {
            w->logins_wait--;
            return (struct eff_step){.kind = EFF_STEP_WAIT, .wait_ms = 70};
        }
        w->logins++;
        return (struct eff_step){.kind = EFF_STEP_DONE};
    }
    if (task->kind == EFF_TASK_READ)
        return fake_read(w, task->read, last);
    if (!last)
        return send_step(w);
    return w->judge(w, task, last, err);
}

static const struct eff_dest_ops fake_ops = {.kind = "fake", .title = "Fake", .step = fake_step};

static inline enum eff_op
world_op(void *self, size_t batch)
{
    struct world *w = self;

    return w->ops[batch % 2] ? w->ops[batch % 2] : EFF_OP_UPSERT;
}

static const eff_str world_name = EFF_STR("score");

static inline enum eff_fault
world_load(void *self, size_t batch, struct eff_arena *arena, struct eff_delivery *ret_delivery,
           const void **ret_acks, uint32_t *ret_attempts, int64_t *ret_first, struct eff_err *err)
{
    struct world *w = self;

    if (w->load_fails)
        return EFF_FAIL(err, EFF_BROKEN, "the disk is gone");
    w->field = eff_value_of_str(EFF_DECIMAL, EFF_STR("1.5"));
    if (++w->op_under_way[world_op(w, batch)] > w->op_most[world_op(w, batch)])
        w->op_most[world_op(w, batch)]++;
    *ret_delivery = (struct eff_delivery){.op = world_op(w, batch),
                                          .memo = w->memo_before,
                                          .match_count = w->matchless ? 0 : 1,
                                          .match_names = &world_name,
                                          .fields_count = 1,
                                          .field_names = &world_name,
                                          .count = w->rows,
                                          .items = eff_new(arena, struct eff_item, w->rows)};
    for (size_t i = 0; i < w->rows; i++) {
        w->match[i] = eff_value_of_int(EFF_INT, (int64_t)i);
        ret_delivery->items[i] = (struct eff_item){.index = i,
                                                   .key = {batch, i},
                                                   .match = &w->match[i],
                                                   .fields = &w->field,
                                                   .changed = w->changed};
    }
    *ret_acks = NULL;
    *ret_attempts = w->attempts_before;
    *ret_first = 0;
    return EFF_OK;
}

static inline void
world_open(struct world *w, enum eff_class class, size_t batches, size_t rows, fake_judge judge)
{
    *w = (struct world){.batches = batches,
                        .rows = rows,
                        .judge = judge,
                        .poison = SIZE_MAX,
                        .status = 200,
                        .now = 1000};
    w->dest.ops = &fake_ops;
    eff_arena_init(&w->run, "run", (size_t)1 << 30);
    w->limits[EFF_OP_UPSERT] = (struct eff_op_limits){
        .supported = true, .class = class, .rows_max = rows, .concurrency = 2};
    w->need_mark = class != EFF_CLASS_CONVERGE;
}

static inline void
world_answer(struct world *w, struct eff_deliver *d, uint64_t ticket)
{
    struct eff_header header = {EFF_STR("retry-after"), eff_str_of(w->retry_after)};
    struct eff_response response = {.wire = w->not_allowed ? EFF_WIRE_NOT_SENT
                                            : w->lost      ? EFF_WIRE_LOST
                                                           : EFF_WIRE_ANSWERED,
                                    .not_allowed = w->not_allowed,
                                    .status = w->not_allowed || w->lost ? 0 : w->status,
                                    .body = w->varies && w->sends % 2 ? EFF_STR("other")
                                                                      : EFF_STR("same"),
                                    .headers_count = w->retry_after ? 1 : 0,
                                    .headers = &header};

    eff_deliver_answered(d, ticket, &response, w->now);
}

static inline void
world_settle(struct world *w, const struct eff_effect *effect)
{
    w->settles++;
    w->op_under_way[effect->delivery->op]--;
    for (size_t i = 0; i < effect->delivery->count; i++)
        w->in_doubt += effect->delivery->items[i].verdict.maybe;
    for (size_t i = 0; i < effect->delivery->count; i++) {
        w->absent += effect->delivery->items[i].verdict.absent;
        w->held += effect->delivery->items[i].verdict.hold;
    }
    for (size_t i = 0; i < effect->delivery->count; i++)
        w->outcome[effect->batch][i] = effect->delivery->items[i].verdict.outcome;
}

/* run/effects in small; answers come at once, in the order of the requests. */
static inline void
world_run(struct world *w)
{
    struct eff_limiter limiter;
    struct eff_deliver_config config = {.dest = &w->dest,
                                        .limits = w->limits,
                                        .limiter = &limiter,
                                        .lanes_max = 4,
                                        .same_refused_most = 100,
                                        .blind_twice = w->blind_twice,
                                        .run = &w->run,
                                        .batch_memory = (size_t)1 << 24,
                                        .batches_count = w->batches,
                                        .op = world_op,
                                        .load = world_load,
                                        .self = w};
    struct eff_deliver *d;
    uint64_t out[16];
    size_t out_count = 0;

    eff_limiter_init(&limiter, &w->rate, w->rate.requests ? 1 : 0, 7, NULL, &w->run);
    d = eff_deliver_new(&config);
    for (size_t turns = 0;; turns++) {
        struct eff_effect effect = eff_deliver_next(d, w->now, w->now);

        assert_true(turns < 5000);
        if (effect.kind == EFF_EFFECT_DONE)
            break;
        if (effect.kind == EFF_EFFECT_MARK) {
            w->marks++;
            w->marked[effect.batch] = true;
        } else if (effect.kind == EFF_EFFECT_SEND) {
            if (effect.request->writes) {
                assert_true(!w->need_mark || w->marks > w->sends);
                w->under_way[w->sends % 256] = out_count + 1;
                w->sent_at[w->sends++ % 256] = w->now;
            }
            out[out_count++] = effect.ticket;
        } else if (effect.kind == EFF_EFFECT_SETTLE) {
            world_settle(w, &effect);
        } else if (out_count > 0) {
            size_t at = w->newest_first ? out_count - 1 : 0;
            uint64_t ticket = out[at];

            memmove(out + at, out + at + 1, (--out_count - at) * sizeof *out);
            w->now++;
            world_answer(w, d, ticket);
        } else {
            assert_true(effect.until < INT64_MAX);
            assert_true(effect.until > w->now);
            if (++w->waits == w->stop_at_wait)
                eff_deliver_stop(d, NULL);
            else
                w->now = effect.until;
        }
    }
    w->stopped = eff_deliver_stopped(d) != NULL;
    if (w->stopped)
        w->err = *eff_deliver_stopped(d);
    w->counts = *eff_deliver_counts(d);
    w->failures_until = limiter.failures_until;
    eff_deliver_free(d);
}

static inline void
world_close(struct world *w)
{
    eff_arena_deinit(&w->run);
}

static inline size_t
world_outcomes(const struct world *w, enum eff_outcome outcome)
{
    size_t count = 0;

    for (size_t b = 0; b < w->batches; b++)
        for (size_t i = 0; i < w->rows; i++)
            count += w->outcome[b][i] == outcome;
    return count;
}

/* ---- judges ---- */

static inline struct eff_step
judge_good(struct world *w, struct eff_task *task, const struct eff_response *last,
           struct eff_err *err)
{
    (void)w;
    (void)last;
    (void)err;
    judge_all(task->delivery, EFF_APPLIED, EFF_OK);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

/* The first `fails_left` answers say that nothing was applied (RATE) or that it is not known. */
static inline struct eff_step
judge_late(struct world *w, struct eff_task *task, const struct eff_response *last,
           struct eff_err *err)
{
    if (w->fails_left == 0) {
        w->status = 200;
        w->retry_after = NULL;
        return judge_good(w, task, last, err);
    }
    w->fails_left--;
    if (last->status == 429)
        judge_all(task->delivery, EFF_NOT_APPLIED, EFF_RATE);
    else
        judge_all(task->delivery, EFF_MAYBE_APPLIED, EFF_TRANSIENT);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

#endif
