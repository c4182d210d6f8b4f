/*
 * deliver/rate: rolling windows, pauses, the budget of failures, and jitter.
 */
#include "deliver/rate.h"

#include <assert.h>

#include "base/hash.h"

#define RATE_REPORTS_MAX  8
#define RATE_WAIT_MOST_MS ((int64_t)15 * 60 * 1000) /* as in deliver */
#define RATE_OVERTAKEN    16                        /* as many requests as there are at a time */

/*
 * 40 failures at once and 40 more in ten minutes: less than 100 in any ten minutes, with those
 * of requests that are under way; and one for ten requests that came out well.
 */
#define RATE_FAILURE_MS (10 * 60 * 1000 / 40)
#define RATE_BURST_MS   (10 * 60 * 1000)
#define RATE_SUCCESS_MS (RATE_FAILURE_MS / 10)

/* One request is sooner over there than another was: what is left unused of a window, and at most. */
#define RATE_MARGIN_PERMILLE 15
#define RATE_MARGIN_MS       500

/* A reset is told in whole seconds: what our own requests say within the last of them is closer. */
#define RATE_ROUNDED_MS 1000

/* The account's of that name and length, of all requests or of some, or a free one; NULL: there is none. */
static struct eff_limiter_slot *
rate_slot(struct eff_limiter_account *account, const struct eff_rate_limit *limit)
{
    uint64_t kind = (uint64_t)limit->per_ms << 1 | (limit->bucket != 0);
    uint64_t name = eff_xxh3(kind, limit->name.ptr, limit->name.len) | 1;

    for (size_t i = 0; account && !limit->hard && i < EFF_LIMITER_ACCOUNT_MOST; i++) {
        struct eff_limiter_slot *slot = &account->slots[i];

        if (slot->marks.name == name)
            return slot;
        if (slot->marks.name != 0)
            continue;
        slot->marks = (struct eff_limiter_marks){.name = name, .left = -1};
        return slot;
    }
    return NULL;
}

static struct eff_limiter_window
rate_window(const struct eff_rate_limit *limit, struct eff_limiter_account *account,
            struct eff_arena *run)
{
    int64_t most = limit->hard ? 0 : limit->usual ? EFF_LIMITER_RING : limit->requests;
    struct eff_limiter_window window = {.limit = *limit, .allowed = limit->requests};
    struct eff_limiter_slot *slot = rate_slot(account, limit);

    window.most = (size_t)(most < EFF_LIMITER_RING ? most : EFF_LIMITER_RING);
    window.ring = slot ? EFF_LIMITER_RING : window.most;
    window.sent = slot ? slot->sent : eff_new(run, int64_t, window.ring);
    window.answered = slot ? slot->answered : eff_new(run, int64_t, window.ring);
    window.marks = slot ? &slot->marks : eff_new(run, struct eff_limiter_marks, 1);
    if (!slot)
        window.marks->left = -1;
    return window;
}

void
eff_limiter_init(struct eff_limiter *limiter, const struct eff_rate_limit *limits, size_t count,
                 uint64_t seed, struct eff_limiter_account *account, struct eff_arena *run)
{
    *limiter =
        (struct eff_limiter){.count = count, .failures_until = INT64_MIN / 2, .random = seed | 1};
    limiter->paused_until = account ? &account->paused_until : eff_new(run, int64_t, 1);
    limiter->windows = eff_new(run, struct eff_limiter_window, count);
    for (size_t i = 0; i < count; i++)
        limiter->windows[i] = rate_window(&limits[i], account, run);
}

static bool
rate_applies(const struct eff_limiter_window *window, unsigned bucket)
{
    return window->limit.bucket == 0 || window->limit.bucket == bucket;
}

/* When the one that was sent `allowed` sends ago has left the window; 0: there is none. */
static int64_t
rate_leaves(const struct eff_limiter_window *window, size_t users)
{
    int64_t margin_ms = window->limit.per_ms * RATE_MARGIN_PERMILLE / 1000, came_in;
    uint64_t allowed =
        (uint64_t)window->allowed < window->most ? (uint64_t)window->allowed : window->most;
    uint64_t nth;

    if (users > 1 && allowed > 0)
        allowed = allowed > users ? allowed / users : 1;
    if (allowed == 0 || window->marks->sends < allowed)
        return 0;
    assert(window->ring > 0); // where nothing is kept, `most` is 0
    nth = window->marks->sends - allowed;
    came_in = window->sent[nth % window->ring] +
              (margin_ms < RATE_MARGIN_MS ? margin_ms : RATE_MARGIN_MS);
    // As many had come in when as many were answered, whichever they were.
    if (window->marks->answers > nth && window->answered[nth % window->ring] + 1 < came_in)
        came_in = window->answered[nth % window->ring] + 1;
    return came_in + window->limit.per_ms;
}

static int64_t
rate_window_ready(const struct eff_limiter_window *window, size_t users, int64_t now)
{
    int64_t leaves = rate_leaves(window, users);
    int64_t ready = window->marks->closed_until > now ? window->marks->closed_until : now;

    if (window->marks->left >= 0 && window->under_way > 0 &&
        window->under_way >= window->marks->left)
        return INT64_MAX;
    return leaves > ready ? leaves : ready;
}

int64_t
eff_limiter_ready(const struct eff_limiter *limiter, unsigned bucket, int64_t now)
{
    int64_t ready = *limiter->paused_until > now ? *limiter->paused_until : now;

    if (limiter->failures_until > ready)
        ready = limiter->failures_until;
    for (size_t i = 0; i < limiter->count; i++) {
        int64_t window;

        if (!rate_applies(&limiter->windows[i], bucket))
            continue;
        window = rate_window_ready(&limiter->windows[i], limiter->users, now);
        if (window > ready)
            ready = window;
    }
    return ready;
}

void
eff_limiter_sent(struct eff_limiter *limiter, unsigned bucket, int64_t now)
{
    for (size_t i = 0; i < limiter->count; i++) {
        struct eff_limiter_window *window = &limiter->windows[i];

        if (!rate_applies(window, bucket))
            continue;
        window->under_way++;
        if (window->ring == 0)
            continue;
        window->sent[window->marks->sends++ % window->ring] = now;
    }
}

static void
rate_observe(struct eff_limiter_window *window, const struct eff_rate_report *report, size_t users,
             int64_t now)
{
    int64_t leaves;

    if (report->allowed > 0)
        window->allowed = report->allowed;
    if (report->remaining < 0 || window->marks->closed_until > now)
        return;
    // Answers overtake each other: a little more than was told already is older news.
    if (window->marks->left >= 0 && now - window->marks->left_at < window->limit.per_ms &&
        report->remaining > window->marks->left &&
        report->remaining <= window->marks->left + RATE_OVERTAKEN)
        return;
    window->marks->left = report->remaining;
    window->marks->left_at = now;
    if (window->marks->left == 0 && window->limit.hard && report->reset_ms > 0)
        window->marks->closed_until = now + report->reset_ms;
    if (window->marks->left > 0 || window->limit.hard)
        return;
    window->marks->left = -1; // whatever it will be when the window opens again
    // Where all of it was ours, it is known when it comes back.
    leaves = rate_leaves(window, users);
    window->marks->closed_until =
        report->reset_ms >= 0 ? now + report->reset_ms : now + window->limit.per_ms;
    if (leaves > now &&
        (report->reset_ms < 0 || (leaves < window->marks->closed_until &&
                                  window->marks->closed_until - leaves <= RATE_ROUNDED_MS)))
        window->marks->closed_until = leaves;
}

void
eff_limiter_retry(struct eff_limiter *limiter, int64_t now)
{
    if (limiter->failures_until < now - RATE_BURST_MS)
        limiter->failures_until = now - RATE_BURST_MS;
    limiter->failures_until += RATE_FAILURE_MS;
}

bool
eff_limiter_failed(const struct eff_response *response)
{
    return response->wire != EFF_WIRE_ANSWERED || response->status >= 500 ||
           response->status == 429;
}

int64_t
eff_limiter_answered(struct eff_limiter *limiter, unsigned bucket, struct eff_dest *dest,
                     const struct eff_response *response, int64_t now)
{
    struct eff_rate_report reports[RATE_REPORTS_MAX];
    size_t count = 0;
    int64_t wait_ms = -1;

    for (size_t i = 0; i < limiter->count; i++) {
        struct eff_limiter_window *window = &limiter->windows[i];

        if (!rate_applies(window, bucket))
            continue;
        window->under_way--;
        if (window->ring > 0 && response && response->wire == EFF_WIRE_ANSWERED)
            window->answered[window->marks->answers++ % window->ring] = now;
    }
    if (!response)
        return -1;
    if (eff_limiter_failed(response))
        eff_limiter_retry(limiter, now);
    else
        limiter->failures_until -= RATE_SUCCESS_MS;
    if (dest->ops->observe)
        count = dest->ops->observe(dest, response, reports, RATE_REPORTS_MAX);
    for (size_t i = 0; i < count; i++)
        if (reports[i].limit < limiter->count &&
            rate_applies(&limiter->windows[reports[i].limit], bucket))
            rate_observe(&limiter->windows[reports[i].limit], &reports[i], limiter->users, now);
    if (response->wire == EFF_WIRE_ANSWERED && eff_limiter_failed(response))
        wait_ms = eff_response_retry_after_ms(response);
    if (wait_ms > 0 && now + wait_ms > *limiter->paused_until)
        *limiter->paused_until = now + wait_ms;
    return wait_ms;
}

enum eff_fault
eff_limiter_too_long(int64_t wait_ms, struct eff_err *err)
{
    EFF_FAIL(err, EFF_LIMIT,
             "nothing may be sent for %lld s: a limit is used up, or the destination asks to wait",
             (long long)wait_ms / 1000);
    return eff_err_hint(err, "Run again after that; what was not sent is pending.");
}

bool
eff_limiter_spent(const struct eff_limiter *limiter)
{
    for (size_t i = 0; i < limiter->count; i++)
        if (limiter->windows[i].limit.hard && limiter->windows[i].marks->left == 0)
            return true;
    return false;
}

int64_t
eff_limiter_closed_ms(const struct eff_limiter *limiter, int64_t now)
{
    int64_t until = *limiter->paused_until;

    for (size_t i = 0; i < limiter->count; i++)
        if (limiter->windows[i].marks->closed_until > until)
            until = limiter->windows[i].marks->closed_until;
    if (until - now > RATE_WAIT_MOST_MS || (until > now && eff_limiter_spent(limiter)))
        return until - now;
    return -1;
}

static uint64_t
rate_random(struct eff_limiter *limiter)
{
    uint64_t x = limiter->random;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    limiter->random = x;
    return x * 0x2545f4914f6cdd1du;
}

int64_t
eff_limiter_backoff(struct eff_limiter *limiter, unsigned attempt, int64_t floor_ms,
                    int64_t first_ms, int64_t most_ms)
{
    int64_t span = attempt > 20 ? most_ms : first_ms << attempt;

    if (span > most_ms)
        span = most_ms;
    if (span <= floor_ms)
        return floor_ms;
    return floor_ms + (int64_t)(rate_random(limiter) % (uint64_t)(span - floor_ms));
}
