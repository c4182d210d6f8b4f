// links: base flow deliver
/*
 * Goal: every item gets one verdict, whatever the destination answers, and nothing
 * that may have been applied is sent twice unless that is harmless.
 * Method: a destination scripted by a function per test, answers made up by the
 * test, a clock of its own; the loop of run/ in small, which asserts the order of
 * effects: marked before sent, settled once.
 * covers: A3, A9, A11, A12, A14, A15, B8, B10, B11, B13, B16
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "deliver/deliver.h"

#include <cmocka.h>

#define ROWS_MAX 64

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
    size_t sent_rows[ROWS_MAX];
    enum eff_outcome outcome[8][ROWS_MAX];
    bool marked[8];
    bool need_mark;
    bool token_good;
    size_t fails_left;
    int status;
    const char *retry_after;
    size_t poison;       /* this row is refused, alone or with its batch */
    size_t logins_fail;  /* so many logins have no good answer */
    size_t stop_at_wait; /* the user stops it at that pause; 0: never */
    size_t arena_most;   /* bytes in a lane's arena */
    size_t in_doubt;     /* rows that were settled as perhaps applied by some attempt */
    size_t absent, held; /* rows that were settled as proven absent, as only for a person to tell */
    bool varies;         /* each answer has another body */
    bool keyless;        /* the next request has no key */
    bool changed;        /* rows were sent under their keys before, with other values */
    struct eff_err err;
    bool stopped;
    struct eff_deliver_counts counts;
};

static struct eff_step
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

static void
judge_all(struct eff_delivery *delivery, enum eff_outcome outcome, enum eff_fault fault)
{
    for (size_t i = 0; i < delivery->count; i++)
        delivery->items[i].verdict = (struct eff_verdict){.outcome = outcome, .fault = fault};
}

/* What is over there: rows with a key below `there_until`, those of `other` with other values. */
static struct eff_step
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

static struct eff_step
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

static enum eff_op
world_op(void *self, size_t batch)
{
    (void)self;
    (void)batch;
    return EFF_OP_UPSERT;
}

static const eff_str world_name = EFF_STR("score");

static enum eff_fault
world_load(void *self, size_t batch, struct eff_arena *arena, struct eff_delivery *ret_delivery,
           const void **ret_acks, uint32_t *ret_attempts, int64_t *ret_first, struct eff_err *err)
{
    struct world *w = self;

    (void)err;
    w->field = eff_value_of_str(EFF_DECIMAL, EFF_STR("1.5"));
    *ret_delivery = (struct eff_delivery){.op = EFF_OP_UPSERT,
                                          .match_count = 1,
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

static void
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

static void
world_answer(struct world *w, struct eff_deliver *d, uint64_t ticket)
{
    struct eff_header header = {EFF_STR("retry-after"), eff_str_of(w->retry_after)};
    struct eff_response response = {.wire = EFF_WIRE_ANSWERED,
                                    .status = w->status,
                                    .body = w->varies && w->sends % 2 ? EFF_STR("other")
                                                                      : EFF_STR("same"),
                                    .headers_count = w->retry_after ? 1 : 0,
                                    .headers = &header};

    eff_deliver_answered(d, ticket, &response, w->now);
}

static void
world_settle(struct world *w, const struct eff_effect *effect)
{
    w->settles++;
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
static void
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

    eff_limiter_init(&limiter, &w->rate, w->rate.requests ? 1 : 0, 7, &w->run);
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
                w->sent_at[w->sends++ % 256] = w->now;
            }
            out[out_count++] = effect.ticket;
        } else if (effect.kind == EFF_EFFECT_SETTLE) {
            world_settle(w, &effect);
        } else if (out_count > 0) {
            uint64_t ticket = out[0];

            memmove(out, out + 1, --out_count * sizeof *out);
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
    eff_deliver_free(d);
}

static void
world_close(struct world *w)
{
    eff_arena_deinit(&w->run);
}

static size_t
world_outcomes(const struct world *w, enum eff_outcome outcome)
{
    size_t count = 0;

    for (size_t b = 0; b < w->batches; b++)
        for (size_t i = 0; i < w->rows; i++)
            count += w->outcome[b][i] == outcome;
    return count;
}

/* ---- judges ---- */

static struct eff_step
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
static struct eff_step
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

static struct eff_step
judge_poison(struct world *w, struct eff_task *task, const struct eff_response *last,
             struct eff_err *err)
{
    struct eff_delivery *delivery = task->delivery;

    for (size_t i = 0; i < delivery->count; i++) {
        assert_int_equal(delivery->items[i].index, i);
        if (delivery->items[i].key.lo != w->poison)
            continue;
        if (delivery->count > 1)
            return (struct eff_step){.kind = EFF_STEP_SPLIT};
        judge_all(delivery, EFF_REFUSED, EFF_ROW);
        return (struct eff_step){.kind = EFF_STEP_DONE};
    }
    return judge_good(w, task, last, err);
}

/* Each request takes a kibibyte a row, and every row is refused. */
static struct eff_step
judge_refused(struct world *w, struct eff_task *task, const struct eff_response *last,
              struct eff_err *err)
{
    (void)last;
    (void)err;
    eff_arena_alloc(task->arena, 1024, 1, task->delivery->count);
    if (task->arena->used > w->arena_most)
        w->arena_most = task->arena->used;
    if (task->delivery->count > 1)
        return (struct eff_step){.kind = EFF_STEP_SPLIT};
    judge_all(task->delivery, EFF_REFUSED, EFF_ROW);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static struct eff_step
judge_some(struct world *w, struct eff_task *task, const struct eff_response *last,
           struct eff_err *err)
{
    struct eff_delivery *delivery = task->delivery;

    if (w->fails_left == 0 || delivery->count == 1)
        return judge_good(w, task, last, err);
    w->fails_left--;
    judge_all(delivery, EFF_APPLIED, EFF_OK);
    for (size_t i = 0; i < delivery->count; i += 2)
        delivery->items[i].verdict =
            (struct eff_verdict){.outcome = EFF_NOT_APPLIED, .fault = EFF_TRANSIENT};
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static struct eff_step
judge_token(struct world *w, struct eff_task *task, const struct eff_response *last,
            struct eff_err *err)
{
    if (w->logins == 0 || !w->token_good)
        return (struct eff_step){.kind = EFF_STEP_AUTH};
    return judge_good(w, task, last, err);
}

static struct eff_step
judge_column(struct world *w, struct eff_task *task, const struct eff_response *last,
             struct eff_err *err)
{
    (void)w;
    (void)last;
    (void)err;
    for (size_t i = 0; i < task->delivery->count; i++)
        task->delivery->items[i].verdict = (struct eff_verdict){
            .outcome = EFF_REFUSED, .fault = EFF_CONTRACT, .field = EFF_STR("plan")};
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

/* ---- tests ---- */

static void
test_all_applied_in_one_request_each(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 5, 10, judge_good);
    world_run(&w);
    assert_int_equal(w.sends, 5);
    assert_int_equal(w.settles, 5);
    assert_int_equal(w.marks, 0);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 50);
    assert_int_equal(w.counts.applied, 50);
    world_close(&w);
}

static void
test_keyed_is_marked_before_each_attempt(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_KEYED, 3, 1, judge_late);
    w.status = 500;
    w.fails_left = 2;
    world_run(&w);
    assert_int_equal(w.sends, 5);
    assert_int_equal(w.marks, 5);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 3);
    world_close(&w);
}

/* What a request that was refused as a whole took is free for its halves: two of all rows, one a row. */
static void
test_halving_takes_no_memory_for_each_level(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_KEYED, 1, 64, judge_refused);
    world_run(&w);
    assert_int_equal(w.sends, 127);
    assert_int_equal(world_outcomes(&w, EFF_REFUSED), 64);
    assert_true(w.arena_most < (size_t)64 * 1024 * 4);
    world_close(&w);
}

static void
test_ambiguous_blind_is_held_not_sent_again(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_BLIND, 1, 3, judge_late);
    w.status = 502;
    w.fails_left = 1;
    world_run(&w);
    assert_int_equal(w.sends, 1);
    assert_int_equal(world_outcomes(&w, EFF_MAYBE_APPLIED), 3);
    assert_int_equal(w.counts.possible_duplicates, 0);
    world_close(&w);
}

static void
test_blind_at_least_once_is_counted(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_BLIND, 1, 3, judge_late);
    w.status = 502;
    w.fails_left = 1;
    w.blind_twice = true;
    world_run(&w);
    assert_int_equal(w.sends, 2);
    assert_int_equal(w.counts.possible_duplicates, 3);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 3);
    world_close(&w);
}

static void
test_a_marked_blind_batch_of_a_dead_process_is_held(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_BLIND, 2, 3, judge_good);
    w.attempts_before = 1;
    world_run(&w);
    assert_int_equal(w.sends, 0);
    assert_int_equal(w.settles, 2);
    assert_int_equal(world_outcomes(&w, EFF_MAYBE_APPLIED), 6);
    world_close(&w);
    world_open(&w, EFF_CLASS_CONVERGE, 2, 3, judge_good);
    w.attempts_before = 1;
    world_run(&w);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 6);
    world_close(&w);
}

static void
world_open_lookup(struct world *w, size_t there_until)
{
    world_open(w, EFF_CLASS_LOOKUP, 1, 4, judge_late);
    w->dest.can_read = true;
    w->there_until = there_until;
    w->other = SIZE_MAX;
    w->status = 504;
    w->fails_left = 1;
}

static void
test_a_lost_create_that_is_there_is_not_repeated(void **state)
{
    struct world w;

    (void)state;
    world_open_lookup(&w, 4);
    world_run(&w);
    assert_int_equal(w.sends, 1);
    assert_int_equal(w.reads, 1);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 4);
    world_close(&w);
}

static void
test_a_lost_create_is_repeated_after_two_looks(void **state)
{
    struct world w;
    int64_t start;

    (void)state;
    world_open_lookup(&w, 2);
    w.limits[EFF_OP_UPSERT].lag_ms = 5000;
    start = w.now;
    world_run(&w);
    assert_int_equal(w.reads, 2);
    assert_int_equal(w.sends, 2);
    assert_true(w.sent_at[1] >= start + 10000);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 4);
    world_close(&w);
}

static void
test_a_record_of_somebody_else_is_left_alone(void **state)
{
    struct world w;

    (void)state;
    world_open_lookup(&w, 4);
    w.other = 1;
    world_run(&w);
    assert_int_equal(w.sends, 1);
    assert_int_equal(w.outcome[0][1], EFF_REFUSED);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 3);
    world_close(&w);
}

static void
test_a_marked_create_of_a_dead_process_is_looked_for(void **state)
{
    struct world w;

    (void)state;
    world_open_lookup(&w, 3);
    w.attempts_before = 1;
    w.fails_left = 0;
    world_run(&w);
    assert_int_equal(w.reads, 2);
    assert_int_equal(w.sends, 1); /* the one that is not there */
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 4);
    world_close(&w);
}

static void
world_open_stuck(struct world *w, bool can_read, size_t there_until)
{
    world_open_lookup(w, there_until);
    w->limits[EFF_OP_UPSERT].class = EFF_CLASS_KEYED;
    w->limits[EFF_OP_UPSERT].key_window_ms = 3600 * 1000;
    w->dest.can_read = can_read;
    w->need_mark = true;
    w->status = 500;
    w->fails_left = SIZE_MAX;
}

/* A key whose failure is stored: twice the same is enough, and then the record tells. */
static void
test_a_stored_failure_is_looked_behind(void **state)
{
    struct world w;

    (void)state;
    world_open_stuck(&w, true, 3);
    world_run(&w);
    assert_int_equal(w.sends, 2);
    assert_int_equal(w.reads, 2);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 3);
    assert_int_equal(w.outcome[0][3], EFF_NOT_APPLIED);
    assert_int_equal(w.absent, 1);
    assert_false(w.stopped);
    world_close(&w);
}

static void
test_a_stored_failure_that_cannot_be_looked_behind_is_held(void **state)
{
    struct world w;

    (void)state;
    world_open_stuck(&w, false, 0);
    world_run(&w);
    assert_int_equal(w.sends, 6);
    assert_int_equal(world_outcomes(&w, EFF_MAYBE_APPLIED), 4);
    assert_int_equal(w.held, 4);
    world_close(&w);
}

static struct eff_step
judge_minds(struct world *w, struct eff_task *task, const struct eff_response *last,
            struct eff_err *err)
{
    (void)w;
    (void)last;
    (void)err;
    judge_all(task->delivery, EFF_NOT_APPLIED, EFF_TRANSIENT);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

/* By its key it is created, under an id; by its id it is updated. */
static struct eff_step
judge_older(struct world *w, struct eff_task *task, const struct eff_response *last,
            struct eff_err *err)
{
    struct eff_item *item = &task->delivery->items[0];

    if (w->sends == 2)
        assert_true(eff_str_is(item->remote_id, "r1"));
    judge_good(w, task, last, err);
    item->verdict.remote_id = EFF_STR("r1");
    w->keyless = true;
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static void
test_a_yes_to_older_values_is_followed_by_an_update(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_KEYED, 1, 1, judge_older);
    w.changed = true;
    world_run(&w);
    assert_int_equal(w.sends, 2);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 1);
    world_close(&w);
}

/* A provider that minds the other values says so again and again: the record tells. */
static void
test_a_refusal_of_other_values_is_looked_behind(void **state)
{
    struct world w;

    (void)state;
    world_open_stuck(&w, true, 3);
    w.judge = judge_minds;
    w.status = 400;
    w.changed = true;
    world_run(&w);
    assert_int_equal(w.sends, 2);
    assert_int_equal(w.reads, 2);
    assert_int_equal(w.absent, 1);
    world_close(&w);
}

/* What differs was made anew, and what a gateway says is not the provider's: the key is good. */
static void
test_a_failure_that_is_not_stored_is_sent_again(void **state)
{
    struct world w;

    (void)state;
    world_open_stuck(&w, true, 0);
    w.fails_left = 3;
    w.varies = true;
    world_run(&w);
    assert_int_equal(w.sends, 4);
    assert_int_equal(w.reads, 0);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 4);
    world_close(&w);
    world_open_stuck(&w, true, 0);
    w.fails_left = 3;
    w.status = 503;
    world_run(&w);
    assert_int_equal(w.sends, 4);
    assert_int_equal(w.reads, 0);
    world_close(&w);
}

static void
test_retry_after_is_obeyed_by_all_lanes(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 4, 2, judge_late);
    w.status = 429;
    w.retry_after = "7";
    w.fails_left = 1;
    world_run(&w);
    assert_in_range(w.counts.throttled, 1, 2);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 8);
    for (size_t i = 2; i < w.sends; i++) /* two were out when the answer came */
        assert_true(w.sent_at[i] >= w.sent_at[0] + 7000);
    world_close(&w);
}

static void
test_throttling_without_a_date_backs_off_and_ends(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 1, 2, judge_late);
    w.status = 429;
    w.fails_left = 1000;
    world_run(&w);
    assert_true(w.stopped);
    assert_int_equal(w.err.fault, EFF_RATE);
    assert_true(w.sends < 15);
    for (size_t i = 1; i < w.sends; i++)
        assert_true(w.sent_at[i] >= w.sent_at[i - 1] + 1000);
    assert_int_equal(w.settles, 1);
    world_close(&w);
}

static void
test_an_absurd_retry_after_ends_the_run(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 3, 2, judge_late);
    w.status = 429;
    w.retry_after = "86400";
    w.fails_left = 1000;
    world_run(&w);
    assert_true(w.stopped);
    assert_int_equal(w.err.fault, EFF_LIMIT);
    assert_true(w.sends <= 2);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 0);
    world_close(&w);
}

static void
test_a_dead_destination_ends_the_run(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 8, 2, judge_late);
    w.status = 500;
    w.fails_left = SIZE_MAX;
    world_run(&w);
    assert_true(w.stopped);
    assert_int_equal(w.err.fault, EFF_TRANSIENT);
    assert_true(w.sends < 16);
    assert_true(w.now < 600000);
    world_close(&w);
}

static void
test_one_poison_row_is_found_by_halving(void **state)
{
    (void)state;
    for (size_t poison = 0; poison < 56; poison++) {
        struct world w;

        world_open(&w, EFF_CLASS_CONVERGE, 1, 56, judge_poison);
        w.poison = poison;
        world_run(&w);
        assert_int_equal(w.outcome[0][poison], EFF_REFUSED);
        assert_int_equal(world_outcomes(&w, EFF_APPLIED), 55);
        assert_true(w.sends <= 1 + 2 * 6); /* 2 * log2(56) more */
        world_close(&w);
    }
}

static void
test_only_rows_without_verdict_are_sent_again(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 1, 16, judge_some);
    w.fails_left = 2;
    world_run(&w);
    assert_int_equal(w.sends, 3);
    assert_int_equal(w.counts.retries, 2);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 16);
    world_close(&w);
}

static void
test_an_expired_token_is_renewed_once_for_all(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 6, 4, judge_token);
    w.token_good = true;
    world_run(&w);
    assert_false(w.stopped);
    assert_int_equal(w.logins, 1);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 24);
    world_close(&w);
}

static void
test_a_refused_credential_stops_with_rows_pending(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 6, 4, judge_token);
    world_run(&w);
    assert_true(w.stopped);
    assert_int_equal(w.err.fault, EFF_AUTH);
    assert_int_equal(w.logins, 1);
    assert_int_equal(world_outcomes(&w, EFF_REFUSED), 0);
    world_close(&w);
}

static void
test_a_stop_while_the_login_waits_is_the_end(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 6, 4, judge_token);
    w.logins_fail = 3;
    w.stop_at_wait = 1;
    world_run(&w);
    assert_int_equal(w.logins, 0);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 0);
    world_close(&w);
}

static struct eff_step
judge_lost_then_throttled(struct world *w, struct eff_task *task, const struct eff_response *last,
                          struct eff_err *err)
{
    (void)last;
    (void)err;
    if (w->sends == 1)
        judge_all(task->delivery, EFF_MAYBE_APPLIED, EFF_TRANSIENT);
    else if (w->fails_left == 0)
        judge_all(task->delivery, EFF_APPLIED, EFF_OK);
    else
        judge_all(task->delivery, EFF_NOT_APPLIED, EFF_RATE);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static void
test_a_lost_answer_stays_in_doubt_until_a_yes(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 1, 4, judge_lost_then_throttled);
    w.fails_left = 1;
    world_run(&w);
    assert_true(w.stopped);
    assert_int_equal(world_outcomes(&w, EFF_NOT_APPLIED), 4);
    assert_int_equal(w.in_doubt, 4);
    world_close(&w);

    world_open(&w, EFF_CLASS_CONVERGE, 1, 4, judge_lost_then_throttled);
    world_run(&w);
    assert_false(w.stopped);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 4);
    world_close(&w);
}

static struct eff_step
judge_part_lost(struct world *w, struct eff_task *task, const struct eff_response *last,
                struct eff_err *err)
{
    (void)last;
    (void)err;
    judge_all(task->delivery, EFF_APPLIED, EFF_OK);
    w->sent_rows[w->sends] = task->delivery->count;
    if (w->sends == 1)
        task->delivery->items[1].verdict =
            (struct eff_verdict){.outcome = EFF_MAYBE_APPLIED, .fault = EFF_TRANSIENT};
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static void
test_the_rows_of_a_key_are_sent_again_together(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_KEYED, 1, 4, judge_part_lost);
    world_run(&w);
    assert_int_equal(w.sends, 2);
    assert_int_equal(w.sent_rows[2], 4);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 4);
    world_close(&w);
}

static void
test_a_key_is_good_for_its_window(void **state)
{
    struct eff_op_limits limits = {.class = EFF_CLASS_KEYED, .key_window_ms = 1000};

    (void)state;
    assert_false(eff_deliver_key_expired(&limits, 0, 5000));
    assert_false(eff_deliver_key_expired(&limits, 5000, 5800));
    assert_true(eff_deliver_key_expired(&limits, 5000, 5801));
    limits.class = EFF_CLASS_CONVERGE;
    assert_false(eff_deliver_key_expired(&limits, 5000, 9000));
}

static void
test_a_broken_column_blames_no_row(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 6, 4, judge_column);
    world_run(&w);
    assert_true(w.stopped);
    assert_int_equal(w.err.fault, EFF_CONTRACT);
    assert_true(w.sends <= 2);
    assert_int_equal(world_outcomes(&w, EFF_REFUSED), 0);
    world_close(&w);
}

static struct eff_step
judge_refuse(struct world *w, struct eff_task *task, const struct eff_response *last,
             struct eff_err *err)
{
    (void)w;
    (void)last;
    (void)err;
    judge_all(task->delivery, EFF_REFUSED, EFF_ROW);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static void
test_hopeless_refusals_end_the_run(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 8, 50, judge_refuse);
    world_run(&w);
    assert_true(w.stopped);
    assert_int_equal(w.err.fault, EFF_CONTRACT);
    assert_true(w.sends <= 6);
    assert_true(w.counts.refused >= 200 && w.counts.refused <= 300);
    world_close(&w);
}

static void
test_a_rolling_window_is_kept_and_used(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 8, 1, judge_good);
    w.batches = 8;
    w.rate = (struct eff_rate_limit){.per_ms = 1000, .requests = 3};
    world_run(&w);
    assert_int_equal(w.sends, 8);
    for (size_t i = 3; i < 8; i++)
        assert_true(w.sent_at[i] - w.sent_at[i - 3] >= 1000);
    assert_true(w.sent_at[7] - w.sent_at[0] < 2100);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_applied_in_one_request_each),
        cmocka_unit_test(test_keyed_is_marked_before_each_attempt),
        cmocka_unit_test(test_ambiguous_blind_is_held_not_sent_again),
        cmocka_unit_test(test_blind_at_least_once_is_counted),
        cmocka_unit_test(test_a_marked_blind_batch_of_a_dead_process_is_held),
        cmocka_unit_test(test_a_lost_create_that_is_there_is_not_repeated),
        cmocka_unit_test(test_a_lost_create_is_repeated_after_two_looks),
        cmocka_unit_test(test_a_record_of_somebody_else_is_left_alone),
        cmocka_unit_test(test_a_marked_create_of_a_dead_process_is_looked_for),
        cmocka_unit_test(test_a_stored_failure_is_looked_behind),
        cmocka_unit_test(test_a_stored_failure_that_cannot_be_looked_behind_is_held),
        cmocka_unit_test(test_a_failure_that_is_not_stored_is_sent_again),
        cmocka_unit_test(test_a_yes_to_older_values_is_followed_by_an_update),
        cmocka_unit_test(test_a_refusal_of_other_values_is_looked_behind),
        cmocka_unit_test(test_retry_after_is_obeyed_by_all_lanes),
        cmocka_unit_test(test_throttling_without_a_date_backs_off_and_ends),
        cmocka_unit_test(test_an_absurd_retry_after_ends_the_run),
        cmocka_unit_test(test_a_dead_destination_ends_the_run),
        cmocka_unit_test(test_one_poison_row_is_found_by_halving),
        cmocka_unit_test(test_only_rows_without_verdict_are_sent_again),
        cmocka_unit_test(test_an_expired_token_is_renewed_once_for_all),
        cmocka_unit_test(test_a_refused_credential_stops_with_rows_pending),
        cmocka_unit_test(test_a_stop_while_the_login_waits_is_the_end),
        cmocka_unit_test(test_a_lost_answer_stays_in_doubt_until_a_yes),
        cmocka_unit_test(test_the_rows_of_a_key_are_sent_again_together),
        cmocka_unit_test(test_a_key_is_good_for_its_window),
        cmocka_unit_test(test_a_broken_column_blames_no_row),
        cmocka_unit_test(test_halving_takes_no_memory_for_each_level),
        cmocka_unit_test(test_hopeless_refusals_end_the_run),
        cmocka_unit_test(test_a_rolling_window_is_kept_and_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
