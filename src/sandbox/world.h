/*
 * sandbox/world: one stand-in, one request to it, and the shape of a vendor.
 *
 * A vendor is a table of routes with their handlers, its standard objects, and
 * a few functions for what all answers have in common: who may come in, what
 * an error looks like, which headers every answer carries. Handlers run one at
 * a time (the server holds the world's lock), inside a transaction that is
 * committed when they return, and do no I/O: they read the call and write its
 * answer.
 */
#ifndef EFF_SANDBOX_WORLD_H
#define EFF_SANDBOX_WORLD_H

#include "sandbox/faults.h"
#include "sandbox/records.h"
#include "sandbox/shape.h"

#define EFF_CALL_ARGS_MAX    6
#define EFF_CALL_HEADERS_MAX 64
#define EFF_WORLD_TOKENS     256

struct eff_call;
struct eff_world;

enum eff_route_flags {
    EFF_ROUTE_OPEN = 1,   /* without a token */
    EFF_ROUTE_WRITES = 2, /* carries rows: what {"writes": true} in a fault rule matches */
};

struct eff_route {
    const char *method;
    const char *path; /* "/crm/v3/objects/{}/batch/read": {} is one segment, {*} all the rest */
    void (*handle)(struct eff_call *call);
    unsigned flags;
};

/* So many requests in so much time; requests 0: not limited, only counted. */
struct eff_quota {
    int64_t requests, per_ms;
    int64_t used, since_ms;
};

enum eff_quota_name {
    EFF_QUOTA_BURST,
    EFF_QUOTA_STEADY,
    EFF_QUOTA_DAILY,
    EFF_QUOTA_SEARCH,
    EFF_QUOTAS
};

struct eff_vendor {
    const char *name;
    const struct eff_route *routes;
    size_t routes_count;
    bool nocase;   /* names of objects and fields */
    bool all_text; /* every value is kept as text */

    struct eff_quota quotas[EFF_QUOTAS]; /* what is enforced unasked; per_ms 0: the usual time */

    /* Adds the standard objects. */
    void (*shapes)(struct eff_shapes *shapes);
    /* A new object of that name, with what every object of the vendor has. */
    struct eff_shape *(*new_shape)(struct eff_shapes *shapes, eff_str name, eff_str label);
    /* False when it has answered: no or bad credentials. */
    bool (*authorize)(struct eff_call *call);
    /* False when it has answered: too many requests. */
    bool (*admit)(struct eff_call *call);
    /* Answers with an error in the vendor's form. code and message may be NULL: what is usual. */
    void (*refuse)(struct eff_call *call, int status, const char *code, const char *message);
    /* Headers that every answer has; runs last. */
    void (*finish)(struct eff_call *call);
    /* May be NULL: goes on with what runs by itself over there; before each request. */
    void (*tick)(struct eff_call *call);
    eff_str (*id)(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq);
    /* The vendor's own state, zeroed, of state_size bytes; state_free before it is zeroed again. */
    size_t state_size;
    void (*state_free)(void *state);
};

extern const struct eff_vendor eff_vendor_salesforce;
extern const struct eff_vendor eff_vendor_hubspot;
extern const struct eff_vendor eff_vendor_zendesk;
extern const struct eff_vendor eff_vendor_klaviyo;
extern const struct eff_vendor eff_vendor_customerio;
extern const struct eff_vendor eff_vendor_pendo;
extern const struct eff_vendor eff_vendor_slack;
extern const struct eff_vendor eff_vendor_stripe;
extern const struct eff_vendor eff_vendor_meta;
extern const struct eff_vendor eff_vendor_google;
extern const struct eff_vendor eff_vendor_bigquery;
extern const struct eff_vendor eff_vendor_intercom;
extern const struct eff_vendor eff_vendor_snowflake;
extern const struct eff_vendor eff_vendor_netsuite;

/* What tests may set: {"settings": {...}} in a faults document. */
struct eff_settings {
    int64_t search_lag_ms;    /* a written record is found by search only so much later */
    int64_t job_polls;        /* how often an asynchronous job is seen running */
    int64_t job_fail_after;   /* jobs fail after so many rows; -1: they do not */
    int64_t partition_rows;   /* Snowflake: rows of one partition of a result */
    bool whole_invalid_field; /* Salesforce: an unknown field refuses the request, not its row */
    bool row_validation;      /* HubSpot: a bad value refuses its row, not the request */
    bool read_only;           /* Slack, Meta: no token may write, and asked, it says so */
    bool shuffle;             /* answers to many rows come in another order, where allowed */
};

struct eff_world {
    const struct eff_vendor *vendor;
    unsigned port;
    struct eff_arena memory; /* of the schema */
    struct eff_shapes shapes;
    struct eff_records *records;
    struct eff_faults faults;
    struct eff_settings settings;
    struct eff_quota quotas[EFF_QUOTAS];
    struct eff_log *log;
    void *state;
    uint64_t seed, random; /* random: state of the generator */
    int64_t clock_ms;      /* added to the time of day */
    int64_t schema_ms;     /* when the schema changed last */
    eff_str faults_text;   /* of the command line: what a reset goes back to */

    size_t tokens_count;
    char tokens[EFF_WORLD_TOKENS][64]; /* issued ones; the oldest is forgotten */
    size_t revoked_count;
    char revoked[EFF_WORLD_TOKENS][64];
};

struct eff_call_header {
    eff_str name;
    eff_str value;
};

struct eff_call {
    struct eff_world *world;
    struct eff_arena *arena; /* of this call */
    eff_str method;
    eff_str target; /* path and query, as sent */
    eff_str path;   /* still percent-encoded */
    eff_str query;
    size_t headers_count;
    const struct eff_call_header *headers;
    eff_str body;
    unsigned nested; /* inside a composite request */

    const struct eff_route *route;
    size_t args_count;
    eff_str args[EFF_CALL_ARGS_MAX]; /* decoded */
    struct eff_effect effect;        /* what the faults want */
    size_t rows, refused;            /* for the log */

    int status;
    struct eff_buf answer;
    const char *answer_type;
    size_t answer_headers_count;
    struct eff_call_header answer_headers[16];
};

/* world.c */
enum eff_fault eff_world_open(struct eff_world *world, const struct eff_vendor *vendor,
                              const char *data, uint64_t seed, eff_str faults, struct eff_err *err);
void eff_world_close(struct eff_world *world);
/* Everything as it was at the start, without any records. */
enum eff_fault eff_world_reset(struct eff_world *world, struct eff_err *err);
int64_t eff_world_now(const struct eff_world *world);
uint64_t eff_world_random(struct eff_world *world);
/* {"rules": [...], "limits": {...}, "settings": {...}}: what is named replaces what was there. */
enum eff_fault eff_world_configure(struct eff_world *world, const struct eff_json *root,
                                   struct eff_err *err);
/* Takes one from the quota; false when it is used up. */
bool eff_world_take(struct eff_world *world, enum eff_quota_name name);
int64_t eff_world_left(struct eff_world *world, enum eff_quota_name name);
/* Seconds until its window ends, rounded up. */
int64_t eff_world_opens_s(struct eff_world *world, enum eff_quota_name name);
void eff_world_issue(struct eff_world *world, eff_str token);
void eff_world_revoke(struct eff_world *world, eff_str token);
bool eff_world_trusts(const struct eff_world *world, eff_str token);
bool eff_world_revoked(const struct eff_world *world, eff_str token);
void eff_world_save_shapes(struct eff_world *world); /* into the store */

/* Lets go on what runs by itself, in a transaction of its own. */
void eff_world_tick(struct eff_call *call);
/* Handles the call from authorisation to headers, faults excepted (the server does those). */
void eff_world_handle(struct eff_call *call);
/* Only the route and its handler: for requests inside a request. */
void eff_world_dispatch(struct eff_call *call);
/* Finds the route; false when there is none. ret_other: the path exists for other methods. */
bool eff_world_route(struct eff_call *call, bool *ret_other);

/* call.c: reading a request */
eff_str eff_call_header(const struct eff_call *call, const char *name); /* lower case */
/* Decoded; EFF_STR_NONE when it is not there. */
eff_str eff_call_param(const struct eff_call *call, const char *name);
/* The same for an application/x-www-form-urlencoded text. */
eff_str eff_call_form(const struct eff_call *call, eff_str form, const char *name);
int64_t eff_call_param_int(const struct eff_call *call, const char *name, int64_t fallback);
/* After "Bearer "; EFF_STR_NONE when there is none. */
eff_str eff_call_bearer(const struct eff_call *call);
/* %XX decoded; with plus, '+' is a blank. False on bad escapes and NULs. */
bool eff_call_decode(struct eff_arena *arena, eff_str text, bool plus, eff_str *ret_text);
/* User and password of Basic authentication; false when there are none. */
bool eff_call_basic(const struct eff_call *call, eff_str *ret_user, eff_str *ret_password);
/* NULL, and the reason in err, when the body is no JSON or too deep. */
const struct eff_json *eff_call_json(const struct eff_call *call, struct eff_err *err);

/* call.c: writing an answer */
struct eff_json_writer eff_call_answer(struct eff_call *call, int status);
/* A terminated copy that outlives the call; the ptr is to be freed. */
eff_str eff_call_keep(eff_str text);
void eff_call_text(struct eff_call *call, int status, const char *type, eff_str text);
void eff_call_empty(struct eff_call *call, int status);
/* name is borrowed, value too: it must live as long as the call. */
void eff_call_set(struct eff_call *call, const char *name, eff_str value);
eff_str eff_call_time(const struct eff_call *call, int64_t ms, const char *zone);
/* Did a fault pick this row of so many? */
bool eff_call_row_fails(const struct eff_call *call, size_t index, size_t count);

/* log.c: the requests that came, newest kept, bodies cut */
struct eff_log *eff_log_new(void);
void eff_log_free(struct eff_log *log);
void eff_log_clear(struct eff_log *log);
void eff_log_add(struct eff_log *log, const struct eff_call *call, const char *outcome,
                 int64_t now_ms);
struct eff_log_view {
    uint64_t after;
    size_t limit;
    bool bodies;
};
void eff_log_write(struct eff_json_writer *w, const struct eff_log *log, struct eff_log_view view);

/* key.c: the private key with which test-user signs a JWT */
eff_str eff_sandbox_key(void);

/* control.c: paths that begin with /_sandbox/ */
void eff_control_handle(struct eff_call *call);

#endif
