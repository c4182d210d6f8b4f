// links: base flow deliver
/*
 * Goal: what may have been applied is not sent twice unless that is harmless, and is told as
 * perhaps applied until a yes or a look makes it certain.
 * Method: the scripted world of lib/deliverworld.
 * covers: A3, A9, A11, A12, A14, A15
 */
#include "lib/deliverworld.h"

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

/*
 * Its request may still be applied, and would be a twin of what goes under another key: that of a
 * dead process as well as one before which a failure was stored.
 */
static void
test_a_keyed_batch_is_absent_only_after_the_late_bound(void **state)
{
    (void)state;
    for (unsigned dead = 0; dead < 2; dead++) {
        struct world w;
        int64_t start;

        world_open_stuck(&w, true, 3);
        w.limits[EFF_OP_UPSERT].late_ms = 600000;
        w.attempts_before = dead ? 2 : 0;
        start = w.now;
        world_run(&w);
        assert_int_equal(w.sends, dead ? 0 : 2);
        assert_int_equal(w.reads, 2);
        assert_int_equal(w.absent, 1);
        assert_true(w.now >= start + 600000);
        world_close(&w);
    }
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
    (void)state;
    /* Also where nothing is known of other values any more: a refusal in between had the last word. */
    for (int changed = 1; changed >= 0; changed--) {
        struct world w;

        world_open_stuck(&w, true, 3);
        w.judge = judge_minds;
        w.status = 400;
        w.changed = changed;
        world_run(&w);
        assert_int_equal(w.sends, 2);
        assert_int_equal(w.reads, 2);
        assert_int_equal(w.absent, 1);
        world_close(&w);
    }
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

/* Repeated for ever, a create that is never there would make one record for each try. */
static void
test_a_create_is_repeated_a_few_times_only(void **state)
{
    struct world w;

    (void)state;
    world_open_lookup(&w, 0);
    w.status = 200; // each is answered, and leaves open what became of it
    w.fails_left = SIZE_MAX;
    world_run(&w);
    assert_false(w.stopped);
    assert_int_equal(w.sends, 6);
    assert_int_equal(w.reads, 12);
    assert_int_equal(world_outcomes(&w, EFF_NOT_APPLIED), 4);
    world_close(&w);
}

/* Nothing to look by: it is held, as where nothing can be read. */
static void
test_a_create_without_a_match_value_is_not_looked_for(void **state)
{
    struct world w;

    (void)state;
    world_open_lookup(&w, 4);
    w.matchless = true;
    world_run(&w);
    assert_int_equal(w.sends, 1);
    assert_int_equal(w.reads, 0);
    assert_int_equal(world_outcomes(&w, EFF_MAYBE_APPLIED), 4);
    world_close(&w);
}

/* A job that was noted is asked what became of it: it is not held, and not looked for. */
static void
test_a_noted_job_of_a_dead_process_is_gone_on_with(void **state)
{
    static const enum eff_class classes[] = {EFF_CLASS_KEYED, EFF_CLASS_BLIND};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world w;

        world_open(&w, classes[i], 1, 4, judge_good);
        w.attempts_before = 2;
        w.memo_before = EFF_STR("job 7");
        world_run(&w);
        assert_int_equal(w.sends, 1);
        assert_int_equal(world_outcomes(&w, EFF_APPLIED), 4);
        world_close(&w);
    }
}

/* A create whose key has a failure stored: a record with other values is somebody else's. */
static void
test_a_keyed_create_that_finds_another_record(void **state)
{
    struct world w;

    (void)state;
    world_open_stuck(&w, true, 4);
    w.limits[EFF_OP_CREATE] = w.limits[EFF_OP_UPSERT];
    w.ops[0] = EFF_OP_CREATE;
    w.other = 2;
    world_run(&w);
    assert_int_equal(w.sends, 2);
    assert_int_equal(w.outcome[0][2], EFF_REFUSED);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 3);
    world_close(&w);
}

static struct eff_step
judge_slow_down(struct world *w, struct eff_task *task, const struct eff_response *last,
                struct eff_err *err)
{
    if (w->fails_left == 0)
        return judge_good(w, task, last, err);
    w->fails_left--;
    judge_all(task->delivery, EFF_NOT_APPLIED, EFF_RATE);
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

/* "Too many" in the words of a 400, twice the same, is nobody's stored answer. */
static void
test_being_throttled_again_is_no_stored_failure(void **state)
{
    struct world w;

    (void)state;
    world_open_stuck(&w, true, 0);
    w.judge = judge_slow_down;
    w.status = 400;
    w.fails_left = 3;
    world_run(&w);
    assert_int_equal(w.sends, 4);
    assert_int_equal(w.reads, 0);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 4);
    world_close(&w);
}

static struct eff_step
step_keyed(struct eff_dest *dest, struct eff_task *task, const struct eff_response *last,
           struct eff_err *err)
{
    struct eff_step step = fake_step(dest, task, last, err);

    step.request.keyed = step.request.carries_rows;
    return step;
}

/* Where repeating is harmless, the key is not what it depends on: it is sent to the last try. */
static void
test_a_key_beside_an_upsert_is_never_stuck(void **state)
{
    struct eff_dest_ops ops = fake_ops;
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_CONVERGE, 1, 4, judge_late);
    ops.step = step_keyed;
    w.dest.ops = &ops;
    w.dest.can_read = true;
    w.status = 500;
    w.fails_left = SIZE_MAX;
    world_run(&w);
    assert_int_equal(w.sends, 6);
    assert_int_equal(w.reads + w.held, 0);
    assert_int_equal(world_outcomes(&w, EFF_MAYBE_APPLIED), 4);
    world_close(&w);
}

static struct eff_step
judge_lost_and_busy(struct world *w, struct eff_task *task, const struct eff_response *last,
                    struct eff_err *err)
{
    w->sent_rows[w->sends] = task->delivery->count;
    judge_good(w, task, last, err);
    if (w->sends > 1)
        return (struct eff_step){.kind = EFF_STEP_DONE};
    task->delivery->items[0].verdict =
        (struct eff_verdict){.outcome = EFF_MAYBE_APPLIED, .fault = EFF_TRANSIENT};
    task->delivery->items[1].verdict =
        (struct eff_verdict){.outcome = EFF_NOT_APPLIED, .fault = EFF_TRANSIENT};
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

/* Of one answer: a row that may be there is looked for, one that surely is not goes again alone. */
static void
test_what_is_looked_for_and_what_goes_again(void **state)
{
    struct world w;

    (void)state;
    world_open_lookup(&w, 4);
    w.judge = judge_lost_and_busy;
    w.status = 200;
    world_run(&w);
    assert_int_equal(w.sends, 2);
    assert_int_equal(w.sent_rows[2], 1);
    assert_int_equal(w.reads, 1);
    assert_int_equal(world_outcomes(&w, EFF_APPLIED), 4);
    world_close(&w);
}

static size_t
observe_nothing_left(struct eff_dest *dest, const struct eff_response *response,
                     struct eff_rate_report *ret_reports, size_t max)
{
    (void)dest, (void)response, (void)max;
    ret_reports[0] = (struct eff_rate_report){.remaining = 0, .allowed = -1, .reset_ms = -1};
    return 1;
}

/* With the last of a quota nothing is looked for any more: it stays in doubt, for the next run. */
static void
test_nothing_is_looked_for_when_all_ends(void **state)
{
    struct eff_dest_ops ops = fake_ops;
    struct world w;

    (void)state;
    world_open_lookup(&w, 4);
    ops.observe = observe_nothing_left;
    w.dest.ops = &ops;
    w.rate = (struct eff_rate_limit){.per_ms = 86400000, .requests = 1000, .hard = true};
    w.status = 200;
    world_run(&w);
    assert_true(w.stopped);
    assert_int_equal(w.err.fault, EFF_LIMIT);
    assert_int_equal(w.reads, 0);
    assert_int_equal(w.in_doubt, 4);
    world_close(&w);
}

/* Whether it is about the older values nobody can tell without an id: it is not taken for a yes. */
static void
test_a_yes_to_older_values_without_an_id(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, EFF_CLASS_KEYED, 1, 1, judge_good);
    w.changed = true;
    world_run(&w);
    assert_int_equal(w.sends, 6);
    assert_int_equal(world_outcomes(&w, EFF_MAYBE_APPLIED), 1);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keyed_is_marked_before_each_attempt),
        cmocka_unit_test(test_ambiguous_blind_is_held_not_sent_again),
        cmocka_unit_test(test_blind_at_least_once_is_counted),
        cmocka_unit_test(test_a_marked_blind_batch_of_a_dead_process_is_held),
        cmocka_unit_test(test_a_lost_create_that_is_there_is_not_repeated),
        cmocka_unit_test(test_a_lost_create_is_repeated_after_two_looks),
        cmocka_unit_test(test_a_record_of_somebody_else_is_left_alone),
        cmocka_unit_test(test_a_marked_create_of_a_dead_process_is_looked_for),
        cmocka_unit_test(test_a_stored_failure_is_looked_behind),
        cmocka_unit_test(test_a_keyed_batch_is_absent_only_after_the_late_bound),
        cmocka_unit_test(test_a_stored_failure_that_cannot_be_looked_behind_is_held),
        cmocka_unit_test(test_a_failure_that_is_not_stored_is_sent_again),
        cmocka_unit_test(test_a_yes_to_older_values_is_followed_by_an_update),
        cmocka_unit_test(test_a_refusal_of_other_values_is_looked_behind),
        cmocka_unit_test(test_a_lost_answer_stays_in_doubt_until_a_yes),
        cmocka_unit_test(test_the_rows_of_a_key_are_sent_again_together),
        cmocka_unit_test(test_a_create_is_repeated_a_few_times_only),
        cmocka_unit_test(test_a_create_without_a_match_value_is_not_looked_for),
        cmocka_unit_test(test_a_noted_job_of_a_dead_process_is_gone_on_with),
        cmocka_unit_test(test_a_keyed_create_that_finds_another_record),
        cmocka_unit_test(test_being_throttled_again_is_no_stored_failure),
        cmocka_unit_test(test_a_key_beside_an_upsert_is_never_stuck),
        cmocka_unit_test(test_what_is_looked_for_and_what_goes_again),
        cmocka_unit_test(test_nothing_is_looked_for_when_all_ends),
        cmocka_unit_test(test_a_yes_to_older_values_without_an_id),
        cmocka_unit_test(test_a_key_is_good_for_its_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
