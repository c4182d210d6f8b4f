/*
 * deliver/rate: rolling windows, pauses, the retry budget and jitter.
 */
#include "deliver/rate.h"

#define RATE_RING_MAX     20000
#define RATE_RETRY_TOKENS 500
#define RATE_RETRY_PRICE  5

void
eff_limiter_init(struct eff_limiter *limiter, const struct eff_rate_limit *limits, size_t count,
                 uint64_t seed, struct eff_arena *run)
{
    *limiter = (struct eff_limiter){.count = count, .random = seed | 1};
    limiter->retry_tokens = RATE_RETRY_TOKENS;
    limiter->windows = eff_new(run, struct eff_limiter_window, count);
    for (size_t i = 0; i < count; i++) {
        struct eff_limiter_window *window = &limiter->windows[i];
        int64_t size = limits[i].hard ? 0 : limits[i].requests;

        window->limit = limits[i];
        window->allowed = limits[i].requests;
        window->left = -1;
        window->size = (size_t)(size < RATE_RING_MAX ? size : RATE_RING_MAX);
        window->sent = eff_new(run, int64_t, window->size);
    }
}

static bool
rate_applies(const struct eff_limiter_window *window, unsigned bucket)
{
    return window->limit.bucket == 0 || window->limit.bucket == bucket;
}

/* When the window lets one more through: when the one `allowed` sends ago has left it. */
static int64_t
rate_window_ready(const struct eff_limiter_window *window, int64_t now)
{
    size_t allowed =
        (size_t)window->allowed < window->size ? (size_t)window->allowed : window->size;
    int64_t ready = now;

    if (window->closed_until > ready)
        ready = window->closed_until;
    if (allowed > 0 && window->used >= allowed) {
        size_t oldest = (window->at + window->size - allowed) % window->size;
        int64_t leaves = window->sent[oldest] + window->limit.per_ms;

        if (leaves > ready)
            ready = leaves;
    }
    return ready;
}

int64_t
eff_limiter_ready(const struct eff_limiter *limiter, unsigned bucket, int64_t now)
{
    int64_t ready = limiter->paused_until > now ? limiter->paused_until : now;

    for (size_t i = 0; i < limiter->count; i++) {
        int64_t window;

        if (!rate_applies(&limiter->windows[i], bucket))
            continue;
        window = rate_window_ready(&limiter->windows[i], now);
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

        if (!rate_applies(window, bucket) || window->size == 0)
            continue;
        window->sent[window->at] = now;
        window->at = (window->at + 1) % window->size;
        if (window->used < window->size)
            window->used++;
    }
}

bool
eff_limiter_observe(struct eff_limiter *limiter, const struct eff_rate_report *reports,
                    size_t count, int64_t now)
{
    bool spent = false;

    for (size_t i = 0; i < count; i++) {
        struct eff_limiter_window *window;

        if (reports[i].limit >= limiter->count)
            continue;
        window = &limiter->windows[reports[i].limit];
        if (reports[i].allowed > 0)
            window->allowed = reports[i].allowed;
        if (reports[i].remaining >= 0)
            window->left = reports[i].remaining;
        if (reports[i].remaining != 0)
            continue;
        if (window->limit.hard)
            spent = true;
        else
            window->closed_until =
                now + (reports[i].reset_ms >= 0 ? reports[i].reset_ms : window->limit.per_ms);
    }
    return spent;
}

void
eff_limiter_pause(struct eff_limiter *limiter, int64_t until)
{
    if (until > limiter->paused_until)
        limiter->paused_until = until;
}

void
eff_limiter_success(struct eff_limiter *limiter)
{
    if (limiter->retry_tokens < RATE_RETRY_TOKENS)
        limiter->retry_tokens++;
}

bool
eff_limiter_retry(struct eff_limiter *limiter)
{
    if (limiter->retry_tokens < RATE_RETRY_PRICE)
        return false;
    limiter->retry_tokens -= RATE_RETRY_PRICE;
    return true;
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
