// links: base flow deliver
/*
 * Goal: every item gets one verdict, whatever the destination answers.
 * Method: the scripted world of lib/deliverworld.
 * covers: A15, B8, B10, B11, B13, B14, B16
 */
#include "lib/deliverworld.h"

/* ---- judges ---- */

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

static struct eff_step
judge_ours(struct world *w, struct eff_task *task, const struct eff_response *last,
           struct eff_err *err)
{
    (void)w;
    assert_true(last->not_allowed);
    judge_all(task->delivery, EFF_NOT_APPLIED, EFF_CONFIG);
    EFF_FAIL(err, EFF_CONFIG, "not there");
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

/* What never left is no request, and ends the run at the first. */
static void
test_what_is_refused_on_this_side_was_not_sent(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 5, 2, judge_ours);
    w.not_allowed = true;
    world_run(&w);
    assert_in_range(w.sends, 1, 2); /* lanes */
    assert_int_equal(w.counts.requests, 0);
    assert_int_equal(w.counts.retries, 0);
    assert_int_equal(w.counts.bytes_sent, 0);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 0);
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

/* Each row says that somebody holds it: for the first four answers, then no more. */
static struct eff_step
judge_busy(struct world *w, struct eff_task *task, const struct eff_response *last,
           struct eff_err *err)
{
    w->now += 100; // it takes its time, so that lanes that wait are there again
    if (w->fails_left == 0)
        return judge_good(w, task, last, err);
    w->fails_left--;
    judge_all(task->delivery, EFF_NOT_APPLIED, EFF_TRANSIENT);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

/* Our own requests may be those that hold the rows: they go one at a time, and then more again. */
static void
test_busy_rows_make_fewer_lanes_for_a_while(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 60, 1, judge_busy);
    w.limits[EFF_OP_UPSERT].concurrency = 4;
    w.fails_left = 4;
    world_run(&w);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 60);
    assert_int_equal(w.sends, 64);
    assert_int_equal(w.under_way[3], 4);
    for (size_t i = 4; i < 4 + 16; i++)
        assert_int_equal(w.under_way[i], 1);
    for (size_t i = 20; i < 36; i++)
        assert_true(w.under_way[i] <= 2);
    assert_int_equal(w.under_way[60], 4);
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

/* The same rule for a limit that is closed as for a Retry-After: 15 minutes are slept, no more. */
static void
test_a_limit_that_stays_closed_ends_the_run(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 3, 2, judge_late);
    w.rate = (struct eff_rate_limit){.per_ms = 14 * 60 * 1000, .requests = 2};
    world_run(&w);
    assert_false(w.stopped);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 6);
    world_close(&w);

    world_open(&w, EFF_CLASS_CONVERGE, 3, 2, judge_late);
    w.rate = (struct eff_rate_limit){.per_ms = 60 * 60 * 1000, .requests = 2};
    world_run(&w);
    assert_true(w.stopped);
    assert_int_equal(w.err.fault, EFF_LIMIT);
    assert_non_null(strstr(w.err.msg, "nothing may be sent for 36"));
    assert_int_equal(w.sends, 2);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 4);
    assert_true(w.now < 600000);
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

/* Every request is answered, and yet the rows of each go again: that is paid for as well. */
static void
test_rows_that_are_left_open_cost_as_failures_do(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 1, 8, judge_some);
    w.fails_left = 1;
    world_run(&w);
    assert_int_equal(w.sends, 2);
    assert_true(w.failures_until > w.now - 600000);
    world_close(&w);
    world_open(&w, EFF_CLASS_CONVERGE, 1, 8, judge_good);
    world_run(&w);
    assert_true(w.failures_until < w.now - 600000);
    world_close(&w);
}

/* The rows were taken for a job, and before that can be asked there must be another login. */
static struct eff_step
judge_job_without_token(struct world *w, struct eff_task *task, const struct eff_response *last,
                        struct eff_err *err)
{
    (void)w;
    (void)task;
    (void)last;
    (void)err;
    return (struct eff_step){.kind = EFF_STEP_AUTH};
}

/* A yes that is followed by a login is no refusal: a job may be at work on these rows. */
static void
test_rows_of_a_job_that_no_login_lets_ask_for_are_in_doubt(void **state)
{
    struct world w;

    (void)state;
    for (int status = 202; status <= 401; status += 199) {
        world_open(&w, EFF_CLASS_BLIND, 1, 4, judge_job_without_token);
        w.status = status;
        w.logins_fail = SIZE_MAX;
        world_run(&w);
        assert_true(w.stopped);
        assert_int_equal(w.sends, 1);
        assert_int_equal(world_outcomes(&w, EFF_PENDING), 4);
        assert_int_equal(w.in_doubt, status == 202 ? 4 : 0);
        world_close(&w);
    }
}

/* The first request is about the first row, the second about the others, and is not let in. */
static struct eff_step
judge_first_row_then_refused(struct world *w, struct eff_task *task,
                             const struct eff_response *last, struct eff_err *err)
{
    struct eff_item *first = &task->delivery->items[0];

    (void)last;
    (void)err;
    if (first->verdict.outcome != EFF_PENDING)
        return (struct eff_step){.kind = EFF_STEP_AUTH};
    first->verdict.outcome = EFF_APPLIED;
    return send_step(w);
}

static void
test_what_was_confirmed_stays_so_when_the_rest_is_given_up(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_BLIND, 1, 3, judge_first_row_then_refused);
    world_run(&w);
    assert_true(w.stopped);
    assert_int_equal(w.err.fault, EFF_AUTH);
    assert_int_equal(w.outcome[0][0], EFF_APPLIED);
    assert_int_equal(world_outcomes(&w, EFF_PENDING), 2);
    assert_int_equal(w.in_doubt, 2);
    world_close(&w);
}

/* The credential may not do this: the run ends, and of its row it is known that it was not applied. */
static struct eff_step
judge_forbidden(struct world *w, struct eff_task *task, const struct eff_response *last,
                struct eff_err *err)
{
    (void)last;
    judge_all(task->delivery, w->status == 403 ? EFF_NOT_APPLIED : EFF_MAYBE_APPLIED, EFF_AUTH);
    EFF_FAIL(err, EFF_AUTH, "not allowed");
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

static void
test_a_refusal_that_ends_the_run_leaves_no_doubt(void **state)
{
    struct world w;

    (void)state;
    for (int status = 403; status >= 303; status -= 100) {
        world_open(&w, EFF_CLASS_BLIND, 1, 3, judge_forbidden);
        w.status = status;
        world_run(&w);
        assert_true(w.stopped);
        assert_int_equal(w.in_doubt, status == 403 ? 0 : 3);
        world_close(&w);
    }
}

/* Each batch was sent with the token that is refused, and then with the next. */
static struct eff_step
judge_old_token(struct world *w, struct eff_task *task, const struct eff_response *last,
                struct eff_err *err)
{
    size_t batch = task->delivery->items[0].key.hi;

    if (w->sent_rows[batch]++ == 0)
        return (struct eff_step){.kind = EFF_STEP_AUTH};
    return judge_good(w, task, last, err);
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

/* Its 401 comes when another lane has logged in meanwhile: that login is good for it, too. */
static void
test_a_refusal_of_the_token_that_was(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 2, 4, judge_old_token);
    w.newest_first = true;
    world_run(&w);
    assert_false(w.stopped);
    assert_int_equal(w.logins, 1);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 8);
    world_close(&w);
}

static void
test_a_login_that_takes_its_time(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 6, 4, judge_token);
    w.token_good = true;
    w.logins_wait = 3;
    world_run(&w);
    assert_int_equal(w.logins, 1);
    assert_int_equal(w.waits, 3);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 24);
    world_close(&w);
}

/* ---- jobs over there ---- */

/* The job is made by the first request; then it is asked for until it is done. */
static struct eff_step
judge_job(struct world *w, struct eff_task *task, const struct eff_response *last,
          struct eff_err *err)
{
    if (w->fails_left == 0)
        return judge_good(w, task, last, err);
    assert_int_equal(w->marks, 3 - w->fails_left); // each memo is durable before the next request
    w->fails_left--;
    task->delivery->memo = EFF_STR("job 7");
    task->delivery->memo_changed = true;
    if (w->fails_left == 1)
        return (struct eff_step){.kind = EFF_STEP_WAIT, .wait_ms = 50};
    judge_all(task->delivery, EFF_NOT_APPLIED, EFF_TRANSIENT); // the job is begun anew
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static void
test_what_a_job_notes_is_durable_first(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 1, 4, judge_job);
    w.fails_left = 3;
    world_run(&w);
    assert_int_equal(w.marks, 3);
    assert_int_equal(w.sends, 4);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 4);
    world_close(&w);
}

/* ---- what ends it ---- */

static size_t
observe_none_left(struct eff_dest *dest, const struct eff_response *response,
                  struct eff_rate_report *ret_reports, size_t max)
{
    (void)dest, (void)response, (void)max;
    ret_reports[0] = (struct eff_rate_report){.remaining = 0, .allowed = -1, .reset_ms = -1};
    ret_reports[1] = (struct eff_rate_report){.limit = 5}; // of none that is known
    return 2;
}

static void
test_a_quota_that_is_used_up(void **state)
{
    struct eff_dest_ops ops = fake_ops;
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 6, 4, judge_good);
    ops.observe = observe_none_left;
    w.dest.ops = &ops;
    w.rate = (struct eff_rate_limit){.per_ms = 86400000, .requests = 1000, .hard = true};
    world_run(&w);
    assert_true(w.stopped);
    assert_int_equal(w.err.fault, EFF_LIMIT);
    assert_true(w.sends <= 2);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), w.sends * 4);
    world_close(&w);
}

static void
test_a_batch_that_cannot_be_read(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 2, 4, judge_good);
    w.load_fails = true;
    world_run(&w);
    assert_true(w.stopped);
    assert_int_equal(w.err.fault, EFF_BROKEN);
    assert_int_equal(w.sends + w.settles, 0);
    world_close(&w);
}

/* Answers that nobody waits for change nothing. */
static void
test_answers_to_nobody(void **state)
{
    const struct eff_response good = {.wire = EFF_WIRE_ANSWERED, .status = 200};
    struct eff_limiter limiter;
    struct eff_deliver *d;
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 1, 4, judge_good);
    eff_limiter_init(&limiter, NULL, 0, 7, NULL, &w.run);
    d = eff_deliver_new(&(struct eff_deliver_config){.dest = &w.dest,
                                                     .limits = w.limits,
                                                     .limiter = &limiter,
                                                     .lanes_max = 1,
                                                     .run = &w.run,
                                                     .batch_memory = 1 << 20,
                                                     .batches_count = 1,
                                                     .op = world_op,
                                                     .load = world_load,
                                                     .self = &w});
    for (uint64_t ticket = 0; ticket < 5; ticket++)
        eff_deliver_answered(d, ticket, &good, 1);
    assert_int_equal(eff_deliver_next(d, 1, 1).kind, EFF_EFFECT_SEND);
    assert_int_equal(eff_deliver_counts(d)->throttled, 0);
    eff_deliver_free(d); // with its request under way
    eff_deliver_free(NULL);
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
        cmocka_unit_test(test_what_is_refused_on_this_side_was_not_sent),
        cmocka_unit_test(test_retry_after_is_obeyed_by_all_lanes),
        cmocka_unit_test(test_throttling_without_a_date_backs_off_and_ends),
        cmocka_unit_test(test_busy_rows_make_fewer_lanes_for_a_while),
        cmocka_unit_test(test_an_absurd_retry_after_ends_the_run),
        cmocka_unit_test(test_a_limit_that_stays_closed_ends_the_run),
        cmocka_unit_test(test_a_dead_destination_ends_the_run),
        cmocka_unit_test(test_one_poison_row_is_found_by_halving),
        cmocka_unit_test(test_only_rows_without_verdict_are_sent_again),
        cmocka_unit_test(test_rows_that_are_left_open_cost_as_failures_do),
        cmocka_unit_test(test_rows_of_a_job_that_no_login_lets_ask_for_are_in_doubt),
        cmocka_unit_test(test_what_was_confirmed_stays_so_when_the_rest_is_given_up),
        cmocka_unit_test(test_a_refusal_that_ends_the_run_leaves_no_doubt),
        cmocka_unit_test(test_an_expired_token_is_renewed_once_for_all),
        cmocka_unit_test(test_a_refused_credential_stops_with_rows_pending),
        cmocka_unit_test(test_a_refusal_of_the_token_that_was),
        cmocka_unit_test(test_a_login_that_takes_its_time),
        cmocka_unit_test(test_what_a_job_notes_is_durable_first),
        cmocka_unit_test(test_a_quota_that_is_used_up),
        cmocka_unit_test(test_a_batch_that_cannot_be_read),
        cmocka_unit_test(test_answers_to_nobody),
        cmocka_unit_test(test_a_stop_while_the_login_waits_is_the_end),
        cmocka_unit_test(test_a_broken_column_blames_no_row),
        cmocka_unit_test(test_halving_takes_no_memory_for_each_level),
        cmocka_unit_test(test_hopeless_refusals_end_the_run),
        cmocka_unit_test(test_a_rolling_window_is_kept_and_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
