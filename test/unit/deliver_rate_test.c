// links: base flow deliver
/*
 * Goal: 98 % of a limit is used, and it is never run into: whether it is kept by counting, told by the
 * answers, shared with others, or a quota of the day, and however requests and answers overtake each other. In an outage few requests fail.
 * Method: the limiter with a clock of the test's own, beside a server that counts requests when they come in, in fixed
 * windows that begin with a request, and tells what is left.
 * covers: B8, B9, B10
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "deliver/rate.h"

#include <cmocka.h>

#define LANES_MAX 8

static const struct eff_response good = {.wire = EFF_WIRE_ANSWERED, .status = 200};

struct lane {
    bool busy, counted;
    int64_t arrives, answered; /* at the server, and here */
    struct eff_rate_report told;
};

struct world {
    struct eff_dest dest;
    struct eff_rate_report report; /* of the answer that is heard */
    struct eff_arena run;
    struct eff_limiter limiter;
    struct eff_rate_limit limit;
    struct lane lanes[LANES_MAX];
    size_t lanes_count;
    bool whole;               /* resets are told in whole seconds, the last of them begun */
    bool tells, near;         /* near: the way takes 0 to 2 ms, and as long back */
    int64_t resets;           /* told: ms until the window ends; -1: not */
    int64_t now, since, used; /* of the server's window */
    int64_t others;           /* that others send at the begin of each window */
    size_t accepted, refused;
    uint64_t random;
};

static size_t
world_observe(struct eff_dest *dest, const struct eff_response *response,
              struct eff_rate_report *ret_reports, size_t max)
{
    struct world *w = (struct world *)dest;

    (void)response;
    assert_true(max > 0);
    *ret_reports = w->report;
    return w->tells ? 1 : 0;
}

static const struct eff_dest_ops world_ops = {
    .kind = "fake", .title = "Fake", .observe = world_observe};

static void
world_open(struct world *w, int64_t requests, int64_t per_ms, bool hard)
{
    *w = (struct world){.dest.ops = &world_ops, .lanes_count = 4, .resets = -1, .random = 1};
    w->limit = (struct eff_rate_limit){.per_ms = per_ms, .requests = requests, .hard = hard};
    w->since = -per_ms;
    eff_arena_init(&w->run, "run", (size_t)1 << 20);
    eff_limiter_init(&w->limiter, &w->limit, 1, 7, NULL, &w->run);
}

static int64_t
world_between(struct world *w, int64_t least, int64_t most)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return least + (int64_t)((w->random >> 33) % (uint64_t)(most - least + 1));
}

static void
world_count(struct world *w, struct lane *lane)
{
    lane->counted = true;
    if (w->now - w->since >= w->limit.per_ms) {
        w->since = w->now;
        w->used = w->others;
    }
    if (w->used >= w->limit.requests) {
        w->refused++;
        lane->told = (struct eff_rate_report){0, 0, -1, w->resets};
        return;
    }
    w->used++;
    w->accepted++;
    lane->told = (struct eff_rate_report){0, w->limit.requests - w->used, -1, -1};
    if (w->resets >= 0)
        lane->told.reset_ms = w->since + w->limit.per_ms - w->now;
    if (w->resets >= 0 && w->whole)
        lane->told.reset_ms = (lane->told.reset_ms + 999) / 1000 * 1000;
}

/* So many requests, as fast as the limiter lets them; each takes 5 to 10 ms there, 5 to 60 back. */
static void
world_run(struct world *w, size_t requests)
{
    size_t sent = 0;

    for (; w->accepted + w->refused < requests && !eff_limiter_spent(&w->limiter); w->now++) {
        for (size_t i = 0; i < w->lanes_count; i++) {
            struct lane *lane = &w->lanes[i];

            if (lane->busy && !lane->counted && lane->arrives <= w->now)
                world_count(w, lane);
            if (lane->busy && lane->answered <= w->now) {
                w->report = lane->told;
                lane->busy = false;
                eff_limiter_answered(&w->limiter, 0, &w->dest, &good, w->now);
            }
            if (lane->busy || sent == requests ||
                eff_limiter_ready(&w->limiter, 0, w->now) > w->now)
                continue;
            *lane = (struct lane){.busy = true,
                                  .arrives =
                                      w->now + world_between(w, w->near ? 0 : 5, w->near ? 2 : 10)};
            lane->answered = lane->arrives + world_between(w, w->near ? 0 : 5, w->near ? 2 : 60);
            eff_limiter_sent(&w->limiter, 0, w->now);
            sent++;
        }
        assert_true(w->now < 10000000);
    }
}

/* Of ten windows' worth, and one more, none was refused, and 98 % of the time was used. */
static void
world_used(struct world *w)
{
    world_run(w, (size_t)(w->limit.requests - w->others) * 10 + 1);
    assert_int_equal(w->refused, 0);
    assert_true(w->now * 98 <= w->limit.per_ms * 10 * 100);
    eff_arena_deinit(&w->run);
}

static void
test_a_limit_that_nothing_tells(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 25, 1000, false);
    world_used(&w);
}

/* What was answered at once has come in by then: of 15 ms in a second, most are used as well. */
static void
test_a_limit_of_a_server_that_is_near(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 25, 1000, false);
    w.near = true;
    world_run(&w, 25 * 10 + 1);
    assert_int_equal(w.refused, 0);
    assert_true(w.now * 99 <= 1000 * 10 * 100);
    eff_arena_deinit(&w.run);
}

/* Answers that did not come say nothing; nor do those of requests that are under way. */
static void
test_what_is_not_answered_is_waited_for(void **state)
{
    static const struct eff_response lost = {.wire = EFF_WIRE_LOST};
    struct world w;

    (void)state;
    world_open(&w, 2, 1000, false);
    eff_limiter_sent(&w.limiter, 0, 10);
    eff_limiter_sent(&w.limiter, 0, 10);
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, 11), 1025);
    eff_limiter_answered(&w.limiter, 0, &w.dest, &lost, 12);
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, 12), 1025);
    eff_limiter_answered(&w.limiter, 0, &w.dest, &good, 13);
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, 13), 1014);
    eff_limiter_sent(&w.limiter, 0, 1014);
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, 1014), 1025);
    eff_arena_deinit(&w.run);
}

static void
test_a_limit_whose_rest_is_told(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 30, 10000, false);
    w.tells = true;
    world_used(&w);
    world_open(&w, 160, 10000, false); // which takes most of the window
    w.tells = true;
    w.lanes_count = 1;
    world_used(&w);
    world_open(&w, 20, 60000, false);
    w.tells = true;
    w.resets = 0;
    world_used(&w);
    world_open(&w, 30, 10000, false);
    w.tells = true;
    w.resets = 0;
    w.whole = true;
    world_used(&w);
}

/* The same headers are said of each bucket by the answers to its own requests only. */
static void
test_a_limit_is_told_by_its_own_answers(void **state)
{
    const struct eff_rate_limit limits[] = {{.per_ms = 60000, .requests = 700, .bucket = 1},
                                            {.per_ms = 60000, .requests = 150, .bucket = 2}};
    struct world w;

    (void)state;
    world_open(&w, 1, 1000, false);
    eff_limiter_init(&w.limiter, limits, 2, 7, NULL, &w.run);
    w.tells = true;
    w.report =
        (struct eff_rate_report){.limit = 1, .remaining = 0, .allowed = 5, .reset_ms = 30000};
    eff_limiter_sent(&w.limiter, 1, 1000);
    eff_limiter_answered(&w.limiter, 1, &w.dest, &good, 1000);
    assert_int_equal(eff_limiter_ready(&w.limiter, 2, 1000), 1000);
    eff_limiter_sent(&w.limiter, 2, 1000);
    eff_limiter_answered(&w.limiter, 2, &w.dest, &good, 1000);
    assert_int_equal(eff_limiter_ready(&w.limiter, 2, 1000), 31000);
    assert_int_equal(eff_limiter_ready(&w.limiter, 1, 1000), 1000);
    eff_arena_deinit(&w.run);
}

static void
test_a_limit_that_others_use_too(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 30, 10000, false);
    w.tells = true;
    w.resets = 0;
    w.others = 11;
    world_run(&w, 19 * 5);
    assert_int_equal(w.refused, 0);
    eff_arena_deinit(&w.run);
}

static void
test_a_quota_is_used_to_its_end(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 10, 86400000, true);
    w.tells = true;
    w.lanes_count = LANES_MAX;
    world_run(&w, 1000);
    assert_int_equal(w.accepted, 10);
    assert_int_equal(w.refused, 0);
    assert_true(eff_limiter_spent(&w.limiter));
    eff_arena_deinit(&w.run);
}

/* Answers that will never come do not stand in the way. */
static void
test_a_request_that_is_given_up(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 10, 86400000, true);
    w.tells = true;
    w.report = (struct eff_rate_report){0, 2, -1, -1};
    eff_limiter_sent(&w.limiter, 0, 1);
    eff_limiter_answered(&w.limiter, 0, &w.dest, &good, 2);
    eff_limiter_sent(&w.limiter, 0, 3);
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, 4), 4);
    eff_limiter_sent(&w.limiter, 0, 4);
    assert_true(eff_limiter_ready(&w.limiter, 0, 5) == INT64_MAX);
    assert_int_equal(eff_limiter_answered(&w.limiter, 0, &w.dest, NULL, 6), -1);
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, 6), 6);
    eff_arena_deinit(&w.run);

    // One that nobody answered may have come in as late as can be: an answer would have told.
    for (size_t answered = 0; answered < 2; answered++) {
        world_open(&w, 1, 1000, false);
        eff_limiter_sent(&w.limiter, 0, 1);
        eff_limiter_answered(&w.limiter, 0, &w.dest, answered ? &good : NULL, 2);
        assert_int_equal(eff_limiter_ready(&w.limiter, 0, 3), answered ? 1003 : 1016);
        eff_arena_deinit(&w.run);
    }
}

/* A rest that was told is corrected by a later one, unless that answer was only overtaken. */
static void
test_which_rest_is_believed(void **state)
{
    static const struct {
        int64_t left, later_ms, told, then;
    } rows[] = {
        {3, 10, 5, 3},   // it left the server before the one that said 3
        {3, 10, 2, 2},   // less is always news
        {3, 10, 20, 20}, // more than what can be under way: a window opened
        {3, 1000, 5, 5}, // so it is after a whole window
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;

        world_open(&w, 100, 1000, false);
        w.tells = true;
        w.report = (struct eff_rate_report){0, rows[i].left, -1, -1};
        eff_limiter_sent(&w.limiter, 0, 1);
        eff_limiter_answered(&w.limiter, 0, &w.dest, &good, 1);
        w.report.remaining = rows[i].told;
        eff_limiter_sent(&w.limiter, 0, 1);
        eff_limiter_answered(&w.limiter, 0, &w.dest, &good, 1 + rows[i].later_ms);
        assert_int_equal(w.limiter.windows[0].marks->left, rows[i].then);
        eff_arena_deinit(&w.run);
    }
}

/* A reset far behind our own requests' is that of others': theirs are not known. */
static void
test_a_reset_behind_our_own(void **state)
{
    static const int64_t resets[] = {1500, 5000}, opens[] = {1002, 5001};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world w;

        world_open(&w, 1, 1000, false);
        w.tells = true;
        w.report = (struct eff_rate_report){0, 0, -1, resets[i]};
        eff_limiter_sent(&w.limiter, 0, 1);
        eff_limiter_answered(&w.limiter, 0, &w.dest, &good, 1);
        assert_int_equal(eff_limiter_ready(&w.limiter, 0, 1), opens[i]);
        eff_arena_deinit(&w.run);
    }
}

/* More runs than the window has requests: each gets one, since none would be the end of it. */
static void
test_more_runs_than_requests(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 2, 1000, false);
    w.limiter.users = 5;
    eff_limiter_sent(&w.limiter, 0, 1);
    eff_limiter_answered(&w.limiter, 0, &w.dest, &good, 1);
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, 2), 1002);
    w.limiter.users = 1;
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, 2), 2);
    eff_arena_deinit(&w.run);
}

static void
test_a_shorter_wait_ends_no_longer_one(void **state)
{
    static const char *const seconds[] = {"10", "2"};
    struct world w;

    (void)state;
    world_open(&w, 100, 1000, false);
    for (size_t i = 0; i < 2; i++) {
        const struct eff_header header = {EFF_STR("retry-after"), eff_str_of(seconds[i])};
        const struct eff_response later = {
            .wire = EFF_WIRE_ANSWERED, .status = 429, .headers_count = 1, .headers = &header};

        eff_limiter_sent(&w.limiter, 0, 1);
        eff_limiter_answered(&w.limiter, 0, &w.dest, &later, 1);
        assert_int_equal(eff_limiter_ready(&w.limiter, 0, 1), 10001);
    }
    eff_arena_deinit(&w.run);
}

/* Between floor and most, however often it failed. */
static void
test_backing_off_has_its_bounds(void **state)
{
    struct world w;
    int64_t longest = 0;

    (void)state;
    world_open(&w, 100, 1000, false);
    for (unsigned attempt = 0; attempt < 80; attempt++) {
        int64_t wait = eff_limiter_backoff(&w.limiter, attempt, 100, 400, 30000);

        assert_in_range(wait, 100, 29999);
        longest = wait > longest ? wait : longest;
        assert_int_equal(eff_limiter_backoff(&w.limiter, attempt, 5000, 10, 5000), 5000);
    }
    assert_true(longest > 20000);
    eff_arena_deinit(&w.run);
}

/* The limit of the account is another than the usual one, or than the one that was asked for. */
static void
test_a_limit_that_is_told(void **state)
{
    struct world w;

    (void)state;
    for (int usual = 0; usual < 2; usual++) {
        world_open(&w, 5, 1000, false);
        w.limit.usual = usual;
        eff_limiter_init(&w.limiter, &w.limit, 1, 7, NULL, &w.run);
        w.tells = true;
        w.report = (struct eff_rate_report){0, -1, 50, -1};
        eff_limiter_sent(&w.limiter, 0, 1);
        eff_limiter_answered(&w.limiter, 0, &w.dest, &good, 1);
        for (int sent = 1; sent < (usual ? 50 : 5); sent++) {
            assert_int_equal(eff_limiter_ready(&w.limiter, 0, 2), 2);
            eff_limiter_sent(&w.limiter, 0, 2);
        }
        assert_true(eff_limiter_ready(&w.limiter, 0, 2) > 1000);
        eff_arena_deinit(&w.run);
    }
}

/* All lanes try again as soon as they may, for an hour; of a hundred answers so many are 503. */
static void
outage_hour(unsigned percent, size_t lanes)
{
    static const struct eff_response down = {.wire = EFF_WIRE_ANSWERED, .status = 503};
    static int64_t failed_at[1 << 16];
    size_t failed = 0, first = 0, requests = 0, before = 0;
    bool last_failed = false;
    struct world w;

    world_open(&w, 1000000, 1000, false);
    for (; w.now < 3600000; w.now += 100) {
        for (size_t i = 0; i < lanes && eff_limiter_ready(&w.limiter, 0, w.now) <= w.now; i++)
            eff_limiter_sent(&w.limiter, 0, w.now), before++;
        for (; requests < before; requests++) {
            last_failed = world_between(&w, 1, 100) <= percent;
            eff_limiter_answered(&w.limiter, 0, &w.dest, last_failed ? &down : &good, w.now);
            if (last_failed)
                failed_at[failed++] = w.now;
        }
        while (first < failed && failed_at[first] <= w.now - 600000)
            first++;
        if (percent == 100)
            assert_true(failed - first <= 100);
    }
    assert_true(failed <= 6 * 100 + requests / 10);
    assert_true(requests >= 240);
    eff_arena_deinit(&w.run);
}

static void
test_failures_of_an_outage_are_few(void **state)
{
    (void)state;
    outage_hour(100, 16);
    outage_hour(100, 1);
    outage_hour(40, 16);
    outage_hour(5, 16);
}

/* What went well makes room for what does not. */
static void
test_a_tenth_may_fail(void **state)
{
    struct world w;

    (void)state;
    world_open(&w, 1000000, 1000, false);
    for (size_t i = 0; i < 40; i++)
        eff_limiter_retry(&w.limiter, 1000);
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, 1000), 1000);
    eff_limiter_retry(&w.limiter, 1000);
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, 1000), 16000);
    for (size_t i = 0; i < 10; i++) {
        assert_true(eff_limiter_ready(&w.limiter, 0, 1000) > 1000);
        eff_limiter_sent(&w.limiter, 0, 1000);
        eff_limiter_answered(&w.limiter, 0, &w.dest, &good, 1000);
    }
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, 1000), 1000);
    eff_arena_deinit(&w.run);
}

/* Two runs that know of each other keep within the window together, and use all of it. */
static void
test_runs_share_a_window(void **state)
{
    struct world w[2];
    int64_t sent[4000];
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        world_open(&w[i], 10, 1000, false);
        w[i].limiter.users = 2;
    }
    for (int64_t now = 0; now < 20000; now++) {
        for (size_t i = 0; i < 2; i++) {
            if (eff_limiter_ready(&w[i].limiter, 0, now) > now)
                continue;
            eff_limiter_sent(&w[i].limiter, 0, now);
            (void)eff_limiter_answered(&w[i].limiter, 0, &w[i].dest, &good, now);
            sent[count++] = now;
        }
    }
    for (size_t i = 10; i < count; i++)
        assert_true(sent[i] - sent[i - 10] >= 1000);
    assert_in_range(count, 190, 200);
    for (size_t i = 0; i < 2; i++)
        eff_arena_deinit(&w[i].run);
}

/* For how long an account is left alone is what the answers told, if they did. */
static void
test_until_when_it_is_closed(void **state)
{
    const struct eff_header header = {EFF_STR("retry-after"), EFF_STR("7200")};
    struct eff_response later = {
        .wire = EFF_WIRE_ANSWERED, .status = 429, .headers_count = 1, .headers = &header};
    struct world w;

    (void)state;
    world_open(&w, 100, 86400000, true);
    w.tells = true;
    w.report = (struct eff_rate_report){.limit = 0, .remaining = 0, .reset_ms = -1};
    eff_limiter_sent(&w.limiter, 0, 1000);
    eff_limiter_answered(&w.limiter, 0, &w.dest, &good, 1000);
    assert_true(eff_limiter_spent(&w.limiter));
    assert_int_equal(eff_limiter_closed_ms(&w.limiter, 1000), -1);
    w.report.reset_ms = 5000;
    eff_limiter_sent(&w.limiter, 0, 1000);
    eff_limiter_answered(&w.limiter, 0, &w.dest, &good, 1000);
    assert_int_equal(eff_limiter_closed_ms(&w.limiter, 2000), 4000);
    eff_arena_deinit(&w.run);

    for (size_t i = 0; i < 4; i++) {
        static const int statuses[] = {429, 500, 503, 404};

        later.status = statuses[i];
        world_open(&w, 100, 3600000, false);
        eff_limiter_sent(&w.limiter, 0, 1000);
        assert_int_equal(eff_limiter_closed_ms(&w.limiter, 1000), -1);
        eff_limiter_answered(&w.limiter, 0, &w.dest, &later, 1000);
        assert_int_equal(eff_limiter_closed_ms(&w.limiter, 1000), i < 3 ? 7200000 : -1);
        eff_arena_deinit(&w.run);
    }

    world_open(&w, 100, 3600000, false);
    w.tells = true;
    w.report = (struct eff_rate_report){.limit = 0, .remaining = 0, .reset_ms = 1800000};
    eff_limiter_sent(&w.limiter, 0, 1000);
    eff_limiter_answered(&w.limiter, 0, &w.dest, &good, 1000);
    assert_int_equal(eff_limiter_closed_ms(&w.limiter, 1000), 1800000);
    assert_int_equal(eff_limiter_closed_ms(&w.limiter, 1700000), -1); /* a run waits so long */
    eff_arena_deinit(&w.run);
}

/*
 * A run goes on with the account as the one before left it, though that one died with requests under way: any
 * window of all of them has no more than it may. A limit of another name, or of another length, is one of its own.
 */
static void
test_a_run_goes_on_with_the_account(void **state)
{
    static struct eff_limiter_account account;
    struct world w;
    int64_t sent[60], now = 5000;
    size_t count = 0;

    (void)state;
    world_open(&w, 10, 1000, false);
    w.limit.name = EFF_STR("calls");
    for (size_t run = 0; run < 6; run++) {
        w.limit.requests = run % 2 ? 8 : 10; // as another block of the same account may have it
        eff_limiter_init(&w.limiter, &w.limit, 1, 7, &account, &w.run);
        for (size_t i = 0; i < 7; now++) {
            if (eff_limiter_ready(&w.limiter, 0, now) > now)
                continue;
            eff_limiter_sent(&w.limiter, 0, now);
            if (i % 2) // the others are lost with the process
                eff_limiter_answered(&w.limiter, 0, &w.dest, &good, now);
            sent[count++] = now;
            i++;
        }
    }
    for (size_t i = 10; i < count; i++)
        assert_true(sent[i] - sent[i - 10] >= 1000);
    assert_in_range(now, 9000, 11000); // 42 of 8 to 10 a second

    w.limit.per_ms = 2000;
    eff_limiter_init(&w.limiter, &w.limit, 1, 7, &account, &w.run);
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, now), now);
    eff_arena_deinit(&w.run);
}

/* Limits beyond those that an account has room for are kept by each run alone. */
static void
test_more_limits_than_an_account_keeps(void **state)
{
    static struct eff_limiter_account account;
    struct eff_rate_limit limits[EFF_LIMITER_ACCOUNT_MOST + 1];
    struct world w;

    (void)state;
    world_open(&w, 1, 1000, false);
    for (size_t i = 0; i < EFF_LIMITER_ACCOUNT_MOST + 1; i++)
        limits[i] = (struct eff_rate_limit){
            .per_ms = 1000 + (int64_t)i, .requests = 1, .bucket = (unsigned)i + 1};
    eff_limiter_init(&w.limiter, limits, EFF_LIMITER_ACCOUNT_MOST + 1, 7, &account, &w.run);
    for (unsigned bucket = 1; bucket <= EFF_LIMITER_ACCOUNT_MOST + 1; bucket++) {
        eff_limiter_sent(&w.limiter, bucket, 5000);
        assert_true(eff_limiter_ready(&w.limiter, bucket, 5000) > 6000);
    }
    eff_limiter_init(&w.limiter, limits, EFF_LIMITER_ACCOUNT_MOST + 1, 7, &account, &w.run);
    assert_true(eff_limiter_ready(&w.limiter, EFF_LIMITER_ACCOUNT_MOST, 5000) > 6000);
    assert_int_equal(eff_limiter_ready(&w.limiter, EFF_LIMITER_ACCOUNT_MOST + 1, 5000), 5000);
    eff_arena_deinit(&w.run);
}

/* What the answers told holds for the next run, too; but a hard quota, which others keep for it. */
static void
test_what_was_told_outlives_a_run(void **state)
{
    const struct eff_header header = {EFF_STR("retry-after"), EFF_STR("7200")};
    const struct eff_response later = {
        .wire = EFF_WIRE_ANSWERED, .status = 429, .headers_count = 1, .headers = &header};
    static struct eff_limiter_account account, hard;
    struct world w;

    (void)state;
    world_open(&w, 100, 10000, false);
    eff_limiter_init(&w.limiter, &w.limit, 1, 7, &account, &w.run);
    w.tells = true;
    w.report = (struct eff_rate_report){0, 2, -1, -1};
    eff_limiter_sent(&w.limiter, 0, 1000);
    eff_limiter_answered(&w.limiter, 0, &w.dest, &good, 1000);
    eff_limiter_init(&w.limiter, &w.limit, 1, 7, &account, &w.run);
    eff_limiter_sent(&w.limiter, 0, 1001);
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, 1001), 1001);
    eff_limiter_sent(&w.limiter, 0, 1001);
    assert_true(eff_limiter_ready(&w.limiter, 0, 1001) ==
                INT64_MAX); // both may be used up by those

    w.report = (struct eff_rate_report){0, 0, -1, 4000};
    eff_limiter_answered(&w.limiter, 0, &w.dest, &good, 1002);
    eff_limiter_init(&w.limiter, &w.limit, 1, 7, &account, &w.run);
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, 1002), 5002);
    w.tells = false;
    eff_limiter_answered(&w.limiter, 0, &w.dest, &later, 1002);
    eff_limiter_init(&w.limiter, &w.limit, 1, 7, &account, &w.run);
    assert_int_equal(eff_limiter_ready(&w.limiter, 0, 1002), 1002 + 7200000);

    w.limit.hard = w.tells = true;
    w.report = (struct eff_rate_report){0, 0, -1, 4000};
    for (size_t i = 0; i < 2; i++) {
        eff_limiter_init(&w.limiter, &w.limit, 1, 7, &hard, &w.run);
        assert_int_equal(eff_limiter_ready(&w.limiter, 0, 1002), 1002);
        eff_limiter_sent(&w.limiter, 0, 1002);
        eff_limiter_answered(&w.limiter, 0, &w.dest, &good, 1002);
        assert_true(eff_limiter_spent(&w.limiter));
    }
    eff_arena_deinit(&w.run);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_share_a_window),
        cmocka_unit_test(test_a_limit_that_nothing_tells),
        cmocka_unit_test(test_a_limit_of_a_server_that_is_near),
        cmocka_unit_test(test_what_is_not_answered_is_waited_for),
        cmocka_unit_test(test_a_limit_whose_rest_is_told),
        cmocka_unit_test(test_a_limit_is_told_by_its_own_answers),
        cmocka_unit_test(test_a_limit_that_others_use_too),
        cmocka_unit_test(test_a_quota_is_used_to_its_end),
        cmocka_unit_test(test_a_request_that_is_given_up),
        cmocka_unit_test(test_which_rest_is_believed),
        cmocka_unit_test(test_a_reset_behind_our_own),
        cmocka_unit_test(test_more_runs_than_requests),
        cmocka_unit_test(test_a_shorter_wait_ends_no_longer_one),
        cmocka_unit_test(test_backing_off_has_its_bounds),
        cmocka_unit_test(test_more_limits_than_an_account_keeps),
        cmocka_unit_test(test_a_limit_that_is_told),
        cmocka_unit_test(test_failures_of_an_outage_are_few),
        cmocka_unit_test(test_a_tenth_may_fail),
        cmocka_unit_test(test_until_when_it_is_closed),
        cmocka_unit_test(test_a_run_goes_on_with_the_account),
        cmocka_unit_test(test_what_was_told_outlives_a_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
