/*
 * deliver/rate: when may the next request go, and how long does a retry wait.
 *
 * One limiter for all requests of a run. A limit of n requests in a window is
 * kept by remembering when the last n went: a rolling window is never exceeded,
 * and all of it can be used, but for a sixtieth, since the way there takes now
 * more, now less. Of what was answered sooner than that not even so much is left
 * unused: n answers say that n requests had come in. What the answers' headers say corrects it; while what they
 * left may be used up by requests under way, nothing goes.
 *
 * What is known of an account outlives the process of one sync in memory that the next one gets. Whatever a
 * process dies of, each of its numbers is a time or a count that was true: there is no lock, and nothing to mend.
 *
 * In an outage it is the failures that are few: beyond a burst, all wait until one more
 * can be afforded. So whoever tries again need not know how often others did. Pure: time
 * comes in as an argument, mono ms.
 *
 * Runs that send to the same destination at the same time have a limiter each: every one takes its part of a
 * window, which is exceeded while one more begins.
 */
#ifndef EFF_DELIVER_RATE_H
#define EFF_DELIVER_RATE_H

#include "base/arena.h"
#include "dest/dest.h"

#define EFF_LIMITER_RING         20000
#define EFF_LIMITER_ACCOUNT_MOST 16 /* windows of an account; those beyond are of one sync each */

struct eff_limiter_marks {
    uint64_t name;           /* of the limit, with the length of its window; 0: of none yet */
    uint64_t sends, answers; /* where the rings are */
    int64_t closed_until;    /* the destination said: nothing is left until then */
    int64_t left;            /* as the answers say, at left_at; -1: unknown */
    int64_t left_at;
};

/* Zero at first; of one limiter at a time. Only what is used of it takes memory, where pages come when touched. */
struct eff_limiter_account {
    int64_t paused_until;
    struct eff_limiter_slot {
        struct eff_limiter_marks marks;
        int64_t sent[EFF_LIMITER_RING], answered[EFF_LIMITER_RING];
    } slots[EFF_LIMITER_ACCOUNT_MOST];
};

struct eff_limiter_window {
    struct eff_rate_limit limit;
    int64_t allowed; /* requests per window: as configured, or as the answers say */
    size_t most;     /* that may be allowed */
    size_t ring;
    int64_t *sent, *answered; /* rings: when the nth request went, when the nth answer came */
    struct eff_limiter_marks *marks;
    int64_t under_way; /* requests without an answer */
};

struct eff_limiter {
    size_t count;
    struct eff_limiter_window *windows;
    size_t users;          /* runs that share the windows; 0: this one alone. The caller's to set */
    int64_t *paused_until; /* Retry-After, for the whole account */
    int64_t failures_until; /* how far ahead of their time failures have come; all wait for it */
    uint64_t random;        /* state of the jitter; seeded by the caller */
};

/* account NULL: nobody went before, and nobody comes after. A hard quota is not of its concern. */
void eff_limiter_init(struct eff_limiter *limiter, const struct eff_rate_limit *limits,
                      size_t count, uint64_t seed, struct eff_limiter_account *account,
                      struct eff_arena *run);
/* now when a request of that bucket may go, else the time to ask again; INT64_MAX: after an answer. */
int64_t eff_limiter_ready(const struct eff_limiter *limiter, unsigned bucket, int64_t now);
void eff_limiter_sent(struct eff_limiter *limiter, unsigned bucket, int64_t now);
/*
 * The answer to a request of that bucket, and what it says of the limits; NULL: none will
 * come. Returns its Retry-After in ms, which holds for all requests; -1: none.
 */
int64_t eff_limiter_answered(struct eff_limiter *limiter, unsigned bucket, struct eff_dest *dest,
                             const struct eff_response *response, int64_t now);
/*
 * For how long nothing may go, as the answers told: until a quota that is used up resets, or for
 * longer than a run waits. -1: they did not tell.
 */
int64_t eff_limiter_closed_ms(const struct eff_limiter *limiter, int64_t now);
/* That so long is more than a run waits: LIMIT. */
enum eff_fault eff_limiter_too_long(int64_t wait_ms, struct eff_err *err);
/* A hard quota is used up. */
bool eff_limiter_spent(const struct eff_limiter *limiter);
/* No answer, or one that says "not now". */
bool eff_limiter_failed(const struct eff_response *response);
/* Rows go again although their request was answered: that counts as a failure, too. */
void eff_limiter_retry(struct eff_limiter *limiter, int64_t now);
/* Full jitter: between floor and min(most, first * 2^attempt). */
int64_t eff_limiter_backoff(struct eff_limiter *limiter, unsigned attempt, int64_t floor_ms,
                            int64_t first_ms, int64_t most_ms);

#endif
