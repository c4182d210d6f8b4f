/* deliver/lane: a lane and what is around it, as the files of this room share it. */
#ifndef EFF_DELIVER_LANE_H
#define EFF_DELIVER_LANE_H

#include "deliver/deliver.h"
#include "deliver/hope.h"

#define DELIVER_PARTS_MAX        72 /* halving 2^32 rows, and a rest of each: never more */
#define DELIVER_TRIES_MAX        6  /* of one part, for transient trouble */
#define DELIVER_CALM             16 /* parts without a row that was busy: one lane more again */
#define DELIVER_BACKOFF_FIRST_MS 400
#define DELIVER_BACKOFF_MOST_MS  30000
#define DELIVER_PAUSE_MOST_MS    ((int64_t)15 * 60 * 1000) /* a longer wait ends the run */

enum lane_state {
    LANE_IDLE = 0,
    LANE_STEP,  /* ask the destination */
    LANE_READY, /* a request waits for mark and rate limit */
    LANE_SENT,
    LANE_SLEEP, /* back-off, or an asynchronous job */
    LANE_AUTH,  /* waits for the one login */
    LANE_SETTLE,
    LANE_SETTLED, /* the caller has written it: free at the next call */
};

struct deliver_part {
    size_t count;
    size_t *origin; /* indexes into the whole batch */
};

struct deliver_lane {
    enum lane_state state;
    size_t batch;
    enum eff_op op;
    struct eff_arena arena;
    struct eff_delivery whole;
    const void *acks;
    uint32_t attempts;
    int64_t first_attempt_ms;
    bool marked;
    bool unjudged; /* rows of this part were sent, and nothing is known of them */
    bool apart;    /* its rows go one by one */

    struct deliver_part parts[DELIVER_PARTS_MAX];
    size_t parts_count;
    struct deliver_part now; /* the part under way */
    size_t now_at;           /* where in the arena what belongs to it begins */
    struct eff_delivery part;
    struct eff_task task;
    struct eff_request request;
    /* Creates whose answer was lost: looked for, twice before they are repeated. */
    size_t look_count;
    size_t *look;              /* indexes into the whole batch */
    unsigned looks;            /* 0: not looking */
    unsigned tries, throttles; /* of this part */
    unsigned rounds;           /* creates repeated after two looks found nothing */
    uint64_t failure; /* print of the last keyed request and its failure; 0: there was none */
    bool replayed;    /* the one before was the same: the key has a failure stored */
    bool failed;      /* the last answer was none, or "not now" */
    unsigned logins;  /* 401 in a row */
    uint64_t login_seen;
    int64_t retry_after_ms;
    int64_t wake;
};

struct eff_deliver {
    struct eff_deliver_config config;
    struct eff_deliver_counts counts;
    size_t lanes_count;
    struct deliver_lane *lanes;
    size_t lanes_most; /* that may have rows under way: fewer where rows were busy */
    unsigned calm;
    size_t next_batch;
    struct eff_hope hope;
    unsigned dead; /* exchanges in a row without a usable answer */

    bool logging_in;
    int64_t wall_ms;           /* of the last step */
    uint64_t logins;           /* completed */
    struct deliver_lane login; /* only task, request, state, arena, tries */

    bool stopping;
    bool has_err;
    struct eff_err err;
};

/* ---- deliver.c ---- */

void eff_deliver_stop_because(struct eff_deliver *d, enum eff_fault fault,
                              const struct eff_verdict *verdict);
void eff_deliver_login_start(struct eff_deliver *d);

/* ---- lane.c ---- */

/* Makes a delivery of the part's items; index is the place within the part. */
void eff_lane_start_part(struct deliver_lane *lane, struct deliver_part part);
struct deliver_part eff_lane_part_of(struct deliver_lane *lane, const size_t *origin, size_t count);
/* To be delivered after the one under way; what was put last goes first. */
void eff_lane_push_part(struct deliver_lane *lane, struct deliver_part part);
/* The part under way is done with. */
void eff_lane_next_part(struct deliver_lane *lane);
/* last: the answer to the lane's request; NULL: there was none. */
void eff_lane_step(struct eff_deliver *d, struct deliver_lane *lane,
                   const struct eff_response *last, int64_t now);
struct eff_effect eff_lane_send(struct eff_deliver *d, struct deliver_lane *lane, uint64_t ticket,
                                int64_t now);
/* Advances one lane without effects; true when it has one to offer. */
bool eff_lane_effect(struct eff_deliver *d, struct deliver_lane *lane, uint64_t ticket, int64_t now,
                     int64_t wall_ms, struct eff_effect *ret_effect);

/* ---- judge.c ---- */

/* Every row of the part has a verdict. */
void eff_lane_judge(struct eff_deliver *d, struct deliver_lane *lane, int64_t now);
/* Once an attempt may have been applied, only a yes makes it certain again. */
void eff_lane_take(struct deliver_lane *lane, size_t item, const struct eff_verdict *verdict);
/* Repeating what was answered so is harmless, or wanted. */
bool eff_lane_resends(const struct eff_deliver *d, enum eff_op op,
                      const struct eff_verdict *verdict);

/* ---- doubt.c ---- */

/* For whatever reason nothing goes: a Retry-After, or a limit that is used up until then. */
void eff_lane_wait_at_most(struct eff_deliver *d, int64_t wait_ms);
/* When a request may go; stops the run when that is too far away. */
int64_t eff_lane_ready(struct eff_deliver *d, const struct eff_request *request, int64_t now);

/* The answer is our own: the request was refused on this side, and counts as none. */
void eff_lane_unsend(struct eff_deliver *d, struct deliver_lane *lane);
/* Notes whether the answer is the failure that was answered to the same keyed request before. */
void eff_lane_hear_failure(struct deliver_lane *lane, const struct eff_response *response);
bool eff_lane_can_look(const struct eff_deliver *d, const struct deliver_lane *lane);
/*
 * What a key cannot answer any more is for a look; else, when all tries are over, for a person.
 * That is a failure which is stored for it, and the refusal of other values than it had first.
 */
bool eff_lane_key_is_stuck(const struct eff_deliver *d, const struct deliver_lane *lane,
                           const struct eff_verdict *verdict);
void eff_lane_hold(struct deliver_lane *lane, size_t item);
/*
 * Under its key the row was sent with other values before, and the yes may be about those: the
 * record is there, and is brought up to date by its id.
 */
void eff_lane_doubt_older(struct deliver_lane *lane, size_t i);
/* Looks for those items of the whole batch after a lag; what was found is for eff_lane_looked. */
void eff_lane_look(struct eff_deliver *d, struct deliver_lane *lane, const size_t *items,
                   size_t count, int64_t now);
void eff_lane_looked(struct eff_deliver *d, struct deliver_lane *lane, int64_t now);
/*
 * An earlier process marked this batch and died before it knew the answer. What may
 * not be sent twice is settled as it is: perhaps applied. A job that was under way
 * is asked for its result instead. A key is good for its window, and only for the
 * same rows: after a second attempt they may have been parts of the batch.
 */
bool eff_lane_is_ambiguous(const struct eff_deliver *d, const struct deliver_lane *lane,
                           int64_t wall_ms);
void eff_lane_resolve_ambiguous(struct eff_deliver *d, struct deliver_lane *lane, int64_t now);

#endif
