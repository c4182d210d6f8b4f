/*
 * deliver/deliver: decides the next effect until every item has a verdict.
 *
 * A pure state machine over lanes. Each lane carries one batch: it asks the
 * destination for the next step, marks the batch, sends, judges, waits, splits,
 * resends what is safe to resend, and settles. It does nothing itself: the
 * caller executes each effect and comes back. Time comes in as mono ms.
 *
 *     for (;;) {
 *         effect = eff_deliver_next(deliver, now);
 *         MARK, SETTLE: write it;  SEND: os->submit;  WAIT: os->next;  DONE: leave
 *     }
 *
 * What an ambiguous answer means is the operation's class; see docs/guarantees.
 */
#ifndef EFF_DELIVER_DELIVER_H
#define EFF_DELIVER_DELIVER_H

#include "deliver/rate.h"
#include "dest/dest.h"

enum eff_effect_kind {
    EFF_EFFECT_MARK = 1, /* record the attempt (and memo), durably, before its SEND */
    EFF_EFFECT_SEND,     /* submit request under ticket */
    EFF_EFFECT_WAIT,     /* for an answer, or until mono ms (INT64_MAX: an answer only) */
    EFF_EFFECT_SETTLE,   /* record the verdicts of a batch */
    EFF_EFFECT_DONE,     /* nothing is under way or left; err of _stopped says if it ended early */
};

struct eff_effect {
    enum eff_effect_kind kind;
    bool lazy;    /* SETTLE: losing it to a power cut only repeats a harmless send */
    size_t batch; /* MARK, SETTLE */
    uint32_t attempts;
    int64_t first_attempt_ms; /* MARK, SETTLE: wall clock of the first MARK, or 0 */
    eff_str memo;             /* MARK: ptr == NULL when it did not change */
    uint64_t ticket;          /* SEND */
    const struct eff_request *request;
    int64_t until;                       /* WAIT */
    const struct eff_delivery *delivery; /* SETTLE */
    const void *acks;                    /* SETTLE: what `load` gave for this batch */
};

struct eff_deliver_config {
    struct eff_dest *dest;
    const struct eff_op_limits *limits; /* EFF_OPS_COUNT */
    struct eff_limiter *limiter;        /* of the run: what went before counts, too */
    size_t lanes_max;
    bool blind_twice;
    bool hopeful;             /* rows were accepted before: many refusals in a row prove nothing */
    double same_refused_most; /* percent of the first rows, of one cause: beyond, it stops */
    struct eff_arena *run;
    size_t batch_memory; /* address space of one lane */

    size_t batches_count;
    enum eff_op (*op)(void *self, size_t batch);
    /*
     * Loads a frozen batch; ret_memo and ret_attempts are those of an earlier
     * process. A settled batch is never asked for: `skip` says so. Items that have
     * a verdict already are not sent.
     */
    bool (*skip)(void *self, size_t batch);
    enum eff_fault (*load)(void *self, size_t batch, struct eff_arena *arena,
                           struct eff_delivery *ret_delivery, const void **ret_acks,
                           uint32_t *ret_attempts, int64_t *ret_first_attempt_ms,
                           struct eff_err *err);
    bool (*apart)(void *self, size_t batch); /* its rows go one by one; may be NULL */
    /* What is built, judged or sent from now on; may be NULL. */
    void (*in_hand)(void *self, size_t batch, const struct eff_delivery *part);
    bool (*known_bad)(void *self, struct eff_hash128 key); /* refused before; may be NULL */
    void *self;
};

struct eff_deliver_counts {
    uint64_t requests, retries, throttled, calls_other, bytes_sent;
    uint64_t possible_duplicates;
    uint64_t settled_rows, applied, refused, unresolved;
};

struct eff_deliver;

struct eff_deliver *eff_deliver_new(const struct eff_deliver_config *config);
struct eff_effect eff_deliver_next(struct eff_deliver *deliver, int64_t now, int64_t wall_ms);
/* The answer to a SEND; response is only looked at during the call. */
void eff_deliver_answered(struct eff_deliver *deliver, uint64_t ticket,
                          const struct eff_response *response, int64_t now);
/* No new batches or requests: what is under way is finished and settled. err may be NULL. */
void eff_deliver_stop(struct eff_deliver *deliver, const struct eff_err *err);
/* Why it ended early, or NULL. */
const struct eff_err *eff_deliver_stopped(const struct eff_deliver *deliver);
const struct eff_deliver_counts *eff_deliver_counts(const struct eff_deliver *deliver);
/* An idempotency key is relied on for four fifths of its window: clocks differ. */
bool eff_deliver_key_expired(const struct eff_op_limits *limits, int64_t first_attempt_ms,
                             int64_t wall_ms);
void eff_deliver_free(struct eff_deliver *deliver);

#endif
