// links: base flow deliver
/*
 * Goal: what a destination may answer in the middle of a batch - a job of a part of it, a login
 * that is asked for behind its rows, a request that is refused on this side - loses no row,
 * counts what was sent and leaves in doubt what is.
 * Method: the scripted world of lib/deliverworld.
 * covers: B13
 */
#include "lib/deliverworld.h"

static const struct eff_step done = {.kind = EFF_STEP_DONE};

/* ---- jobs and parts ---- */

/* The job of the whole batch did half of it; that of the rest is begun twice. */
static struct eff_step
judge_half_done(struct world *w, struct eff_task *task, const struct eff_response *last,
                struct eff_err *err)
{
    struct eff_delivery *delivery = task->delivery;

    w->sent_rows[w->sends] = delivery->count;
    if (w->sends == 4)
        return judge_good(w, task, last, err);
    delivery->memo = EFF_STR("job");
    delivery->memo_changed = true;
    judge_all(delivery, EFF_NOT_APPLIED, EFF_TRANSIENT);
    if (w->sends == 1)
        delivery->items[0].verdict = delivery->items[1].verdict =
            (struct eff_verdict){.outcome = EFF_APPLIED};
    return w->sends == 2 ? (struct eff_step){.kind = EFF_STEP_WAIT, .wait_ms = 50} : done;
}

/* As lib/deliverworld; a part knows nothing of the job of another. */
static struct eff_step
step_forgetful(struct eff_dest *dest, struct eff_task *task, const struct eff_response *last,
               struct eff_err *err)
{
    struct world *w = (struct world *)dest;

    if (!last && w->sends > 0 && w->sends != 2)
        assert_null(task->delivery->memo.ptr);
    return fake_step(dest, task, last, err);
}

static void
test_a_part_knows_no_job_of_another(void **state)
{
    struct eff_dest_ops ops = fake_ops;
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 1, 4, judge_half_done);
    ops.step = step_forgetful;
    w.dest.ops = &ops;
    world_run(&w);
    assert_int_equal(w.sent_rows[1], 4);
    for (size_t i = 2; i <= 4; i++)
        assert_int_equal(w.sent_rows[i], 2);
    assert_int_equal(w.marks, 1); // the job that is waited for
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 4);
    assert_int_equal(w.in_doubt, 0);
    world_close(&w);
}

/* A job is waited for, and then refused as a whole. */
static struct eff_step
judge_job_refused(struct world *w, struct eff_task *task, const struct eff_response *last,
                  struct eff_err *err)
{
    struct eff_delivery *delivery = task->delivery;

    if (delivery->count < 4)
        return judge_good(w, task, last, err);
    if (w->sends > 1)
        return (struct eff_step){.kind = EFF_STEP_SPLIT};
    delivery->memo = EFF_STR("job");
    delivery->memo_changed = true;
    return (struct eff_step){.kind = EFF_STEP_WAIT, .wait_ms = 50};
}

static void
test_a_job_that_is_refused_is_halved(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 1, 4, judge_job_refused);
    world_run(&w);
    assert_int_equal(w.marks, 1);
    assert_int_equal(w.sends, 4);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 4);
    world_close(&w);
}

static struct eff_step
judge_split(struct world *w, struct eff_task *task, const struct eff_response *last,
            struct eff_err *err)
{
    (void)w, (void)task, (void)last, (void)err;
    return (struct eff_step){.kind = EFF_STEP_SPLIT};
}

/* No half of one row is left to be sent. */
static void
test_one_row_that_would_be_halved_is_refused(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 1, 3, judge_split);
    world_run(&w);
    assert_int_equal(w.sends, 5);
    assert_int_equal(world_outcomes(&w, EFF_REFUSED), 3);
    assert_int_equal(w.counts.refused, 3);
    world_close(&w);
}

/* ---- a login in the middle ---- */

/* Rows, of which the first is judged; then another request, which the login is asked for. */
static struct eff_step
judge_in_two(struct world *w, struct eff_task *task, const struct eff_response *last,
             struct eff_err *err)
{
    struct eff_step step = send_step(w);

    if (w->sends == 1) {
        task->delivery->items[0].verdict = (struct eff_verdict){.outcome = EFF_APPLIED};
        step.request.carries_rows = w->poison != 0; // else: to ask what became of them
        return step;
    }
    if (w->logins == 0 || !w->token_good)
        return (struct eff_step){.kind = EFF_STEP_AUTH};
    return judge_good(w, task, last, err);
}

static void
test_rows_before_a_refused_login_are_in_doubt(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < 2; kind++) {
        struct world w;

        world_open(&w, EFF_CLASS_CONVERGE, 1, 4, judge_in_two);
        w.poison = kind;
        world_run(&w);
        assert_true(w.stopped);
        assert_int_equal(w.err.fault, EFF_AUTH);
        assert_int_equal(w.in_doubt, 3); // the first one has its answer
        assert_int_equal(world_outcomes(&w, EFF_APPLIED), 1);
        assert_int_equal(world_outcomes(&w, EFF_REFUSED), 0);
        world_close(&w);

        world_open(&w, EFF_CLASS_CONVERGE, 1, 4, judge_in_two);
        w.poison = kind;
        w.token_good = true;
        world_run(&w);
        assert_false(w.stopped);
        assert_int_equal(world_outcomes(&w, EFF_APPLIED), 4);
        assert_int_equal(w.in_doubt, 0);
        world_close(&w);
    }
}

/* Who was not let in wrote nothing; of whom nothing was heard, that is not known. */
static void
test_only_an_answer_says_that_nobody_was_let_in(void **state)
{
    (void)state;
    for (int lost = 0; lost < 2; lost++) {
        struct world w;

        world_open(&w, EFF_CLASS_CONVERGE, 1, 4, judge_in_two);
        w.sends = 1; // no rows before
        w.status = 401;
        w.lost = lost;
        world_run(&w);
        assert_int_equal(w.err.fault, EFF_AUTH);
        assert_int_equal(w.in_doubt, lost ? 4 : 0);
        world_close(&w);
    }
}

static struct eff_step
judge_login_once(struct world *w, struct eff_task *task, const struct eff_response *last,
                 struct eff_err *err)
{
    if (w->logins == 0)
        return (struct eff_step){.kind = EFF_STEP_AUTH};
    return judge_good(w, task, last, err);
}

/* A lane whose limit opens while the login takes its time neither sends nor asks again and again. */
static void
test_a_login_is_waited_for_by_who_could_send(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 2, 4, judge_login_once);
    w.rate = (struct eff_rate_limit){.per_ms = 20, .requests = 1};
    w.logins_wait = 5;
    world_run(&w);
    assert_int_equal(w.logins, 1);
    assert_int_equal(w.sends, 3); // one was refused
    assert_true(w.sent_at[1] - w.sent_at[0] >= 5 * 70);
    assert_true(w.waits < 50);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 8);
    world_close(&w);
}

/* ---- what is not sent ---- */

static size_t
observe_one_left(struct eff_dest *dest, const struct eff_response *response,
                 struct eff_rate_report *ret_reports, size_t max)
{
    (void)dest, (void)response, (void)max;
    ret_reports[0] = (struct eff_rate_report){.remaining = 1, .allowed = -1, .reset_ms = -1};
    return 1;
}

/* What may be used up by a request under way is not counted on by another. */
static void
test_the_last_of_a_limit_is_not_taken_twice(void **state)
{
    struct eff_dest_ops ops = fake_ops;
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 8, 1, judge_good);
    ops.observe = observe_one_left;
    w.dest.ops = &ops;
    w.rate = (struct eff_rate_limit){.per_ms = 60000, .requests = 1000};
    world_run(&w);
    assert_false(w.stopped);
    assert_int_equal(w.sends, 8);
    assert_int_equal(w.under_way[1], 2); // before anything was told
    for (size_t i = 2; i < 8; i++)
        assert_int_equal(w.under_way[i], 1);
    world_close(&w);
}

/* The limits of an operation hold beside another's. */
static void
test_each_operation_has_its_own_lanes(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 12, 1, judge_good);
    w.limits[EFF_OP_UPSERT].concurrency = 3;
    w.limits[EFF_OP_DELETE] = w.limits[EFF_OP_UPSERT];
    w.limits[EFF_OP_DELETE].concurrency = 1;
    w.ops[1] = EFF_OP_DELETE;
    world_run(&w);
    assert_int_equal(w.op_most[EFF_OP_DELETE], 1);
    assert_in_range(w.op_most[EFF_OP_UPSERT], 2, 3);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 12);
    world_close(&w);
}

/* Each may be the second request of its row: the first one's answer is lost. */
static struct eff_step
judge_lost_then_ours(struct world *w, struct eff_task *task, const struct eff_response *last,
                     struct eff_err *err)
{
    judge_all(task->delivery, EFF_MAYBE_APPLIED, EFF_TRANSIENT);
    if (w->status == 429)
        judge_all(task->delivery, EFF_NOT_APPLIED, EFF_RATE);
    w->not_allowed = true;
    if (!last->not_allowed)
        return done;
    judge_all(task->delivery, EFF_NOT_APPLIED, EFF_CONFIG);
    EFF_FAIL(err, EFF_CONFIG, "not there");
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

static struct eff_step
step_ours(struct eff_dest *dest, struct eff_task *task, const struct eff_response *last,
          struct eff_err *err)
{
    if (task->kind != EFF_TASK_READ || !last || !last->not_allowed)
        return fake_step(dest, task, last, err);
    EFF_FAIL(err, EFF_CONFIG, "not there");
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

static void
test_what_is_refused_on_this_side_counts_as_no_request(void **state)
{
    static const enum eff_class classes[] = {EFF_CLASS_CONVERGE, EFF_CLASS_LOOKUP,
                                             EFF_CLASS_CONVERGE};

    (void)state;
    for (size_t i = 0; i < 3; i++) { // what is refused is a second try, a look, a throttled one
        struct eff_dest_ops ops = fake_ops;
        struct world w;

        world_open(&w, classes[i], 1, 2, judge_lost_then_ours);
        ops.step = step_ours;
        w.dest.ops = &ops;
        w.dest.can_read = true;
        w.status = i == 2 ? 429 : 200;
        world_run(&w);
        assert_true(w.stopped);
        assert_int_equal(w.err.fault, EFF_CONFIG);
        assert_int_equal(w.counts.requests, 1);
        assert_int_equal(w.counts.retries, 0);
        assert_int_equal(w.counts.calls_other, 0);
        assert_int_equal(w.counts.bytes_sent, 2);
        assert_int_equal(w.in_doubt, i == 2 ? 0 : 2);
        assert_int_equal(world_outcomes(&w, EFF_APPLIED), 0);
        world_close(&w);
    }
}

/* The end of all, with a word on the rows, on the first of them, or without one. */
static struct eff_step
judge_the_end(struct world *w, struct eff_task *task, const struct eff_response *last,
              struct eff_err *err)
{
    (void)last;
    for (size_t i = 0; i < w->poison; i++)
        task->delivery->items[i].verdict =
            (struct eff_verdict){.outcome = EFF_NOT_APPLIED, .fault = EFF_CONFIG};
    EFF_FAIL(err, EFF_CONFIG, "forbidden");
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

/* Rows that cannot be sent twice are held for a person only where nobody knows of them. */
static void
test_what_is_judged_at_the_end_is_in_no_doubt(void **state)
{
    static const size_t judged[] = {4, 1, 0}, in_doubt[] = {0, 3, 4};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct world w;

        world_open(&w, EFF_CLASS_BLIND, 1, 4, judge_the_end);
        w.poison = judged[i];
        world_run(&w);
        assert_int_equal(w.err.fault, EFF_CONFIG);
        assert_int_equal(w.in_doubt, in_doubt[i]);
        assert_int_equal(world_outcomes(&w, EFF_NOT_APPLIED), judged[i]);
        world_close(&w);
    }
}

/* ---- verdicts ---- */

static enum eff_fault blamed; /* for what no row can be blamed */

static struct eff_step
judge_blames(struct world *w, struct eff_task *task, const struct eff_response *last,
             struct eff_err *err)
{
    (void)w, (void)last, (void)err;
    judge_all(task->delivery, EFF_NOT_APPLIED, blamed);
    for (size_t i = 0; i < task->delivery->count; i++)
        task->delivery->items[i].verdict.code = EFF_STR("SORRY");
    return done;
}

static void
test_what_no_row_can_mend_ends_the_run(void **state)
{
    static const enum eff_fault faults[] = {EFF_AUTH, EFF_LIMIT, EFF_CONFIG, EFF_CONTRACT};

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct world w;

        world_open(&w, EFF_CLASS_CONVERGE, 6, 4, judge_blames);
        blamed = faults[i];
        world_run(&w);
        assert_true(w.stopped);
        assert_int_equal(w.err.fault, faults[i]);
        assert_string_equal(w.err.msg, "SORRY");
        assert_true(w.sends <= 2);
        assert_int_equal(world_outcomes(&w, EFF_REFUSED), 0);
        world_close(&w);
    }
}

/* A refusal of the contract that names no column is the row's. */
static struct eff_step
judge_no_column(struct world *w, struct eff_task *task, const struct eff_response *last,
                struct eff_err *err)
{
    judge_good(w, task, last, err);
    task->delivery->items[0].verdict =
        (struct eff_verdict){.outcome = EFF_REFUSED, .fault = EFF_CONTRACT};
    return done;
}

static void
test_a_contract_that_names_no_column_blames_the_row(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 6, 4, judge_no_column);
    world_run(&w);
    assert_false(w.stopped);
    assert_int_equal(w.sends, 6);
    assert_int_equal(world_outcomes(&w, EFF_REFUSED), 6);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 18);
    world_close(&w);
}

/* One row is throttled, the other busy: for ever. */
static struct eff_step
judge_both(struct world *w, struct eff_task *task, const struct eff_response *last,
           struct eff_err *err)
{
    (void)w, (void)last, (void)err;
    judge_all(task->delivery, EFF_NOT_APPLIED, EFF_RATE);
    task->delivery->items[0].verdict.fault = EFF_TRANSIENT;
    return done;
}

/* It is the row that is busy which ends the tries, not the run. */
static void
test_busy_and_throttled_rows_together(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 1, 2, judge_both);
    world_run(&w);
    assert_false(w.stopped);
    assert_int_equal(w.sends, 6);
    assert_int_equal(world_outcomes(&w, EFF_NOT_APPLIED), 2);
    world_close(&w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_part_knows_no_job_of_another),
        cmocka_unit_test(test_a_job_that_is_refused_is_halved),
        cmocka_unit_test(test_one_row_that_would_be_halved_is_refused),
        cmocka_unit_test(test_rows_before_a_refused_login_are_in_doubt),
        cmocka_unit_test(test_only_an_answer_says_that_nobody_was_let_in),
        cmocka_unit_test(test_a_login_is_waited_for_by_who_could_send),
        cmocka_unit_test(test_the_last_of_a_limit_is_not_taken_twice),
        cmocka_unit_test(test_each_operation_has_its_own_lanes),
        cmocka_unit_test(test_what_is_refused_on_this_side_counts_as_no_request),
        cmocka_unit_test(test_what_is_judged_at_the_end_is_in_no_doubt),
        cmocka_unit_test(test_what_no_row_can_mend_ends_the_run),
        cmocka_unit_test(test_a_contract_that_names_no_column_blames_the_row),
        cmocka_unit_test(test_busy_and_throttled_rows_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
