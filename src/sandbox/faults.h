/*
 * sandbox/faults: misbehaviour on request.
 *
 * A rule says which requests it matches, which of those it hits (the nth,
 * every nth, or some by chance), how often, and what happens then. All rules
 * that hit a request add up to its effect; where two say the same thing, the
 * first one wins. docs/sandbox.md has the JSON form.
 */
#ifndef EFF_SANDBOX_FAULTS_H
#define EFF_SANDBOX_FAULTS_H

#include "base/json.h"

#define EFF_FAULT_RULES_MAX 256

enum eff_retry_after {
    EFF_RETRY_NONE = 0,
    EFF_RETRY_SECONDS,
    EFF_RETRY_DATE, /* as an HTTP date so many seconds from now */
    EFF_RETRY_TEXT,
};

/* What happens to one request. Zero: nothing. */
struct eff_effect {
    int64_t delay_ms;  /* before it is handled */
    bool reset_before; /* connection reset, nothing applied */
    int64_t reset_at;  /* with reset_before: as soon as so many bytes of the body came */
    bool reset_after;  /* applied, then the connection is reset without an answer */
    int64_t late_ms;   /* reset at once, applied so much later */
    int status;        /* answer with this status instead */
    bool applied;      /* with status: the request is handled, its answer replaced */
    bool stored;       /* with status: kept for the idempotency key, and answered from then on */
    enum eff_retry_after retry;
    int64_t retry_seconds;
    eff_str retry_text;
    bool echo;               /* with status: the error's message is the request, as it came */
    eff_str code, message;   /* of the error or of the refused rows; len 0: what is usual */
    eff_str body, body_type; /* of the answer; ptr == NULL: the vendor's error */
    int64_t partial_rows;    /* refuse so many of the request's rows; -1: all */
    bool expire_token;       /* the token it came with is void from now on */
    bool truncate;           /* the answer breaks off ... */
    int64_t truncate_at;     /* ... after so many bytes of the body */
    int64_t drip_ms;         /* between two bytes of the answer */
    eff_str garbage;         /* kind of nonsense instead of the answer's body */
    eff_str rename_object, rename_from, rename_to;
    int64_t job_polls; /* the job that this request makes or closes: -1 as usual */
    int64_t job_fail_after;
    const char *what; /* for the log: name of the first effect, or NULL */
};

struct eff_fault_rule {
    eff_str vendor, method, path; /* path: a prefix */
    eff_str body;                 /* text that the body contains */
    bool writes;                  /* only requests that carry rows */
    int64_t nth, every;
    double probability;
    int64_t times; /* how often it may hit; 0: no limit */
    int64_t seen, hit;
    uint64_t random;
    struct eff_effect effect;
};

struct eff_faults {
    struct eff_arena memory; /* of the rules' texts */
    size_t count;
    struct eff_fault_rule *rules;
};

/* The part of a request that rules look at. */
struct eff_fault_request {
    eff_str vendor, method, path, body;
    bool writes;
};

void eff_faults_init(struct eff_faults *faults);
void eff_faults_deinit(struct eff_faults *faults);
/* Replaces all rules; on a fault nothing changes. */
enum eff_fault eff_faults_load(struct eff_faults *faults, const struct eff_json *rules,
                               uint64_t seed, struct eff_err *err);
/*
 * Counts the request in the rules that match it, and adds up those that hit. With body_rules,
 * only the rules that look at the body; else only the others, which can hit before it is there.
 * The texts are copied into arena: the rules may be replaced while the request is under way.
 */
struct eff_effect eff_faults_hit(struct eff_faults *faults, const struct eff_fault_request *request,
                                 bool body_rules, struct eff_arena *arena);
/* Adds what is in `from` and not in `to`. */
void eff_effect_add(struct eff_effect *to, const struct eff_effect *from);
/* The rules with their counters. */
void eff_faults_write(struct eff_json_writer *w, const struct eff_faults *faults);
/* One of the kinds of nonsense; false when there is no such kind. */
bool eff_faults_garbage(eff_str kind, struct eff_buf *ret_body, const char **ret_type);

#endif
