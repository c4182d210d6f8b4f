/*
 * source/snowflake_api: the conversation with the SQL API. Private to source/.
 *
 * Requests go through os, several of them side by side: a call is started, and
 * all that are under way go on whenever one of them is waited for. A call is
 * sent again, after a pause that doubles, when its answer is lost, or is 429 or
 * 5xx: all of them may be repeated, a submission under its requestId. The token
 * is signed anew before it expires, and once when it is refused.
 *
 * Statuses and tokens: the API's OpenAPI description 2.0.0, and
 * docs.snowflake.com, "Authenticating to the server" and "Handling responses".
 */
#ifndef EFF_SOURCE_SNOWFLAKE_API_H
#define EFF_SOURCE_SNOWFLAKE_API_H

#include "base/buf.h"
#include "os/os.h"

#define EFF_SNOW_URL_MAX 512
#define EFF_SNOW_HANDLE  64 /* with its end; a handle is a UUID */

struct eff_snow_config {
    eff_str account, user, role, warehouse, database, schema;
    eff_str private_key, private_key_path, passphrase, token;
    int token_type; /* of snow_token_types */
    eff_str url, query_tag;
    int64_t statement_timeout_ms;
};

struct eff_snow_api {
    const struct eff_snow_config *config;
    struct eff_os *os;
    struct eff_arena *run;
    eff_str base, host; /* https://org-account.snowflakecomputing.com */
    eff_str key;        /* PEM without passphrase; len 0: config->token is used */
    eff_str subject, issuer;
    eff_str authorization; /* "Bearer ..." */
    unsigned signature;    /* how often it was signed */
    int64_t expires_ms;    /* wall time */
    uint64_t tickets;
    struct eff_snow_call *calls; /* that were started and not ended */
};

enum eff_snow_state { EFF_SNOW_IDLE = 0, EFF_SNOW_FLYING, EFF_SNOW_PAUSED, EFF_SNOW_ANSWERED };

struct eff_snow_call {
    struct eff_snow_call *next;
    enum eff_snow_state state;
    uint64_t ticket;
    const char *method;
    char url[EFF_SNOW_URL_MAX]; /* terminated */
    eff_str body;               /* lives until the call has ended */
    size_t answer_bytes_max;
    unsigned inflates_max; /* as in eff_request */
    int64_t timeout_ms;    /* of one sending */
    unsigned tries;
    unsigned signature; /* that it was sent with */
    bool renewed;       /* its token was refused once */
    int64_t resume_ms;  /* when a paused one is sent again */
    struct eff_request request;
    struct eff_header headers[5];

    enum eff_wire wire; /* of the last sending */
    bool not_allowed;
    int status;
    struct eff_buf answer; /* the body, its own copy, which may be written to */
    char problem[256];     /* of the transport */
};

/* Reads the key, if there is one. EFF_CONFIG for what is missing or does not go together. */
enum eff_fault eff_snow_api_open(struct eff_snow_api *api, const struct eff_snow_config *config,
                                 struct eff_os *os, struct eff_arena *run, struct eff_err *err);

/* path: behind /api/v2/statements, "" or "/<handle>...". method and body as in the request. */
enum eff_fault eff_snow_start(struct eff_snow_api *api, struct eff_snow_call *call,
                              const char *method, const char *path, eff_str body,
                              struct eff_err *err);
/* Lets everything under way go on, without waiting. */
void eff_snow_pump(struct eff_snow_api *api);
/*
 * Until the call has an answer with status 200 or 202, left in it; every other end is a fault.
 * EFF_TRANSIENT, "the query was cancelled", when the user asks to stop.
 */
enum eff_fault eff_snow_wait(struct eff_snow_api *api, struct eff_snow_call *call,
                             struct eff_err *err);
/* Until the call has any answer, at most so long, also when the user has asked to stop. */
void eff_snow_tell(struct eff_snow_api *api, struct eff_snow_call *call, int64_t most_ms);
/* So long, unless the user asks to stop; others go on meanwhile. */
void eff_snow_pause(struct eff_snow_api *api, int64_t ms);
/* Neither the call nor its answer is wanted any more; its memory is freed. Idle: nothing. */
void eff_snow_end(struct eff_snow_api *api, struct eff_snow_call *call);

/* One line of the answer's own words as a fault; wrapped_lines: lines before the user's SQL. */
enum eff_fault eff_snow_fault(const struct eff_snow_call *call, int wrapped_lines,
                              struct eff_arena scratch, struct eff_err *err);

#endif
