/*
 * source/snowflake_api: the conversation with the SQL API.
 */
#include "source/snowflake_api.h"

#include <stdio.h>

#include "base/json.h"
#include "base/sign.h"
#include "source/http_read.h"
#include "source/snowflake_rows.h"

#define SNOW_KEY_BYTES   ((size_t)64 << 10)
#define SNOW_TICKET      ((uint64_t)0x736e6f77 << 32)
#define SNOW_LOOK_MS     250 /* how soon a request to stop is noticed */
#define SNOW_TIMEOUT_MS  120000
#define SNOW_MESSAGE_MAX 400
/* A token may be an hour old at most; the clocks of the two sides may differ by a minute. */
#define SNOW_JWT_AGO_S   60
#define SNOW_JWT_LIFE_S  3480
#define SNOW_JWT_AHEAD_S 300

static const char *const snow_token_types[] = {"PROGRAMMATIC_ACCESS_TOKEN", "OAUTH"};

/* ----------------------------------------------------------------------------- where to */

/* Letters, digits, '-', '_' and '.': anything else could name another host. */
static bool
snow_account_fine(eff_str account)
{
    for (size_t i = 0; i < account.len; i++) {
        char c = account.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    return account.len > 0 && account.ptr[0] != '.' && account.ptr[account.len - 1] != '.';
}

static enum eff_fault
snow_address(struct eff_snow_api *api, struct eff_err *err)
{
    eff_str account = api->config->account, url = api->config->url;
    bool plain;
    char *name;

    if (!snow_account_fine(account)) {
        (void)EFF_FAIL(err, EFF_CONFIG, "snowflake: " EFF_STR_FMT " is no account identifier",
                       EFF_STR_ARG(account));
        return eff_err_hint(err, "It is such as myorg-myaccount, or xy12345.eu-central-1.");
    }
    if (url.len == 0) {
        name = eff_str_c(api->run, eff_str_lower(api->run, account));
        for (char *at = name; *at; at++)
            *at = *at == '_' ? '-' : *at; // names of hosts have no underscores
        url = eff_str_printf(api->run, "https://%s.snowflakecomputing.com", name);
    }
    while (url.len > 0 && url.ptr[url.len - 1] == '/')
        url.len--;
    api->base = url;
    api->host = eff_str_lower(api->run, eff_http_read_host(url, &plain));
    if (!plain || eff_http_read_loopback(api->host))
        return EFF_OK;
    return EFF_FAIL(err, EFF_CONFIG,
                    "snowflake: `url` is plain http: a token is sent so to this machine only");
}

/* -------------------------------------------------------------------------- credentials */

static eff_str
snow_upper(struct eff_arena *arena, eff_str text)
{
    char *upper = eff_str_c(arena, text);

    for (char *at = upper; *at; at++)
        *at = (char)(*at >= 'a' && *at <= 'z' ? *at - 'a' + 'A' : *at);
    return (eff_str){upper, text.len};
}

/* The account as a token names it: without region and cloud; "-" ends it in a .global one. */
static eff_str
snow_token_account(eff_str account)
{
    bool global = eff_str_find(account, EFF_STR(".global")) != SIZE_MAX;
    eff_str head, rest;

    eff_str_cut(account, global ? '-' : '.', &head, &rest);
    return head;
}

static enum eff_fault
snow_read_key(struct eff_snow_api *api, struct eff_err *err)
{
    const struct eff_snow_config *c = api->config;
    eff_str pem = c->private_key, account, user;
    struct eff_sha256 digest;

    if (pem.len == 0) {
        EFF_TRY(eff_os_read_file(api->os, eff_str_c(api->run, c->private_key_path), SNOW_KEY_BYTES,
                                 api->run, &pem, err));
        eff_ear_tell(&api->os->ear, pem);
    }
    if (c->user.len == 0) {
        (void)EFF_FAIL(err, EFF_CONFIG, "snowflake: a private key belongs to a user");
        return eff_err_hint(err, "Add `user:` to the source.");
    }
    EFF_TRY(eff_rsa_unlock(pem, c->passphrase, api->run, &api->key, err));
    if (!eff_rsa_fingerprint(api->key, *api->run, &digest))
        return EFF_FAIL(err, EFF_CONFIG, "snowflake: the private key has no public part");
    account = snow_upper(api->run, snow_token_account(c->account));
    user = snow_upper(api->run, c->user);
    api->subject = eff_str_printf(api->run, EFF_STR_FMT "." EFF_STR_FMT, EFF_STR_ARG(account),
                                  EFF_STR_ARG(user));
    api->issuer = eff_str_printf(
        api->run, EFF_STR_FMT ".SHA256:" EFF_STR_FMT, EFF_STR_ARG(api->subject),
        EFF_STR_ARG(eff_base64(api->run, (eff_str){(const char *)digest.bytes, 32}, false)));
    return EFF_OK;
}

static enum eff_fault
snow_sign(struct eff_snow_api *api, struct eff_err *err)
{
    long long now = (long long)(api->os->wall_ms(api->os->self) / 1000);
    long long iat = now - SNOW_JWT_AGO_S + api->signature % SNOW_JWT_AGO_S; // no token twice
    struct eff_buf claims = {0};
    struct eff_json_writer w = {.buf = &claims};
    enum eff_fault fault;
    eff_str token;

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "iss", api->issuer);
    eff_json_field_str(&w, "sub", api->subject);
    eff_json_field_int(&w, "iat", iat);
    eff_json_field_int(&w, "exp", now + SNOW_JWT_LIFE_S);
    eff_json_end_object(&w);
    fault = eff_jwt_sign(api->key, EFF_STR("{\"alg\":\"RS256\",\"typ\":\"JWT\"}"),
                         eff_buf_str(&claims), api->run, &token, err);
    eff_buf_free(&claims);
    EFF_TRY(fault);
    eff_ear_tell(&api->os->ear, token);
    api->authorization = eff_str_printf(api->run, "Bearer " EFF_STR_FMT, EFF_STR_ARG(token));
    api->expires_ms = (now + SNOW_JWT_LIFE_S) * 1000;
    api->signature++;
    return EFF_OK;
}

enum eff_fault
eff_snow_api_open(struct eff_snow_api *api, const struct eff_snow_config *config, struct eff_os *os,
                  struct eff_arena *run, struct eff_err *err)
{
    bool key = config->private_key.len > 0 || config->private_key_path.len > 0;

    *api = (struct eff_snow_api){.config = config, .os = os, .run = run, .tickets = SNOW_TICKET};
    EFF_TRY(snow_address(api, err));
    if (key == (config->token.len > 0) ||
        (config->private_key.len > 0 && config->private_key_path.len > 0)) {
        (void)EFF_FAIL(err, EFF_CONFIG, "snowflake: %s",
                       key ? "more than one credential is given" : "no credential is given");
        return eff_err_hint(err, "Give exactly one of private_key, private_key_path and token.");
    }
    if (key) {
        EFF_TRY(snow_read_key(api, err));
        return snow_sign(api, err);
    }
    api->authorization = eff_str_printf(run, "Bearer " EFF_STR_FMT, EFF_STR_ARG(config->token));
    return EFF_OK;
}

/* ------------------------------------------------------------------------------ sending */

static void
snow_headers(const struct eff_snow_api *api, struct eff_snow_call *call)
{
    const char *type = api->key.len > 0 ? "KEYPAIR_JWT" : snow_token_types[api->config->token_type];

    call->headers[0] = (struct eff_header){EFF_STR("Authorization"), api->authorization};
    call->headers[1] =
        (struct eff_header){EFF_STR("X-Snowflake-Authorization-Token-Type"), eff_str_of(type)};
    call->headers[2] = (struct eff_header){EFF_STR("Accept"), EFF_STR("application/json")};
    call->headers[3] = (struct eff_header){EFF_STR("User-Agent"), EFF_STR("efferent/" EFF_VERSION)};
    call->headers[4] = (struct eff_header){EFF_STR("Content-Type"), EFF_STR("application/json")};
}

static enum eff_fault
snow_send(struct eff_snow_api *api, struct eff_snow_call *call, struct eff_err *err)
{
    int64_t now_ms = api->os->wall_ms(api->os->self);
    bool repeated = call->tries > 0 || call->renewed;

    if (api->key.len > 0 && now_ms > api->expires_ms - SNOW_JWT_AHEAD_S * 1000)
        EFF_TRY(snow_sign(api, err));
    // A submission says so when it may be a second one: it is carried out once, by its requestId.
    if (repeated && eff_str_find(eff_str_of(call->url), EFF_STR("&nullable=")) != SIZE_MAX &&
        eff_str_find(eff_str_of(call->url), EFF_STR("&retry=")) == SIZE_MAX &&
        strlen(call->url) + 16 < sizeof(call->url))
        memcpy(call->url + strlen(call->url), "&retry=true", sizeof("&retry=true"));
    snow_headers(api, call);
    call->request =
        (struct eff_request){.kind = EFF_REQUEST_HTTP,
                             .writes = call->method[0] == 'P', // only we ourselves send it again
                             .timeout_ms = call->timeout_ms,
                             .method = eff_str_of(call->method),
                             .url = eff_str_of(call->url),
                             .headers_count = call->body.len > 0 ? 5 : 4,
                             .headers = call->headers,
                             .body = call->body,
                             .answer_bytes_max = call->answer_bytes_max,
                             .inflates_max = call->inflates_max,
                             .hosts_count = 1,
                             .hosts = &api->host};
    call->signature = api->signature;
    call->ticket = ++api->tickets;
    call->state = EFF_SNOW_FLYING;
    api->os->submit(api->os->self, call->ticket, &call->request);
    return EFF_OK;
}

enum eff_fault
eff_snow_start(struct eff_snow_api *api, struct eff_snow_call *call, const char *method,
               const char *path, eff_str body, struct eff_err *err)
{
    int len = snprintf(call->url, sizeof(call->url), EFF_STR_FMT "/api/v2/statements%s",
                       EFF_STR_ARG(api->base), path);

    if (len < 0 || (size_t)len >= sizeof(call->url))
        return EFF_FAIL(err, EFF_CONFIG, "snowflake: `url` is too long");
    call->method = method;
    call->body = body;
    call->tries = 0;
    call->renewed = false;
    if (call->timeout_ms == 0)
        call->timeout_ms = SNOW_TIMEOUT_MS;
    call->next = api->calls;
    api->calls = call;
    return snow_send(api, call, err);
}

void
eff_snow_end(struct eff_snow_api *api, struct eff_snow_call *call)
{
    struct eff_snow_call **at = &api->calls;

    if (call->state == EFF_SNOW_FLYING)
        api->os->cancel(api->os->self, call->ticket);
    while (*at && *at != call)
        at = &(*at)->next;
    if (*at)
        *at = call->next;
    eff_buf_free(&call->answer);
    call->state = EFF_SNOW_IDLE;
}

/* ------------------------------------------------------------------------------ answers */

/* What becomes of an answer: paused to be sent again, or the call's own. */
static void
snow_settle(struct eff_snow_api *api, struct eff_snow_call *call,
            const struct eff_response *response)
{
    call->state = EFF_SNOW_ANSWERED;
    if (call->status == 401 && api->key.len > 0 && !call->renewed) {
        call->renewed = true;
        if (call->signature == api->signature)
            api->expires_ms = 0;
        call->state = EFF_SNOW_PAUSED;
        call->resume_ms = 0;
        return;
    }
    // 408: the statement itself took too long, and would again.
    if (!eff_http_read_passes(response) || call->status == 408 ||
        ++call->tries >= EFF_HTTP_READ_TRIES)
        return;
    call->resume_ms =
        api->os->mono_ms(api->os->self) + eff_http_read_wait_ms(api->os, response, call->tries);
    call->state = EFF_SNOW_PAUSED;
}

static void
snow_take(struct eff_snow_api *api, uint64_t ticket, const struct eff_response *response)
{
    struct eff_snow_call *call = api->calls;

    while (call && (call->state != EFF_SNOW_FLYING || call->ticket != ticket))
        call = call->next;
    if (!call)
        return;
    call->wire = response->wire;
    call->not_allowed = response->not_allowed;
    call->status = response->wire == EFF_WIRE_ANSWERED ? response->status : 0;
    eff_str_print_to(call->problem, sizeof(call->problem), response->problem);
    eff_buf_reset(&call->answer);
    eff_buf_add(&call->answer, response->body);
    snow_settle(api, call, response);
}

/* Sends what has paused long enough. Returns when the next one will have, at most `until`. */
static enum eff_fault
snow_resume(struct eff_snow_api *api, int64_t *until_ms, struct eff_err *err)
{
    int64_t now_ms = api->os->mono_ms(api->os->self);

    for (struct eff_snow_call *call = api->calls; call; call = call->next) {
        if (call->state != EFF_SNOW_PAUSED)
            continue;
        if (call->resume_ms <= now_ms)
            EFF_TRY(snow_send(api, call, err));
        else if (call->resume_ms < *until_ms)
            *until_ms = call->resume_ms;
    }
    return EFF_OK;
}

static enum eff_fault
snow_turn(struct eff_snow_api *api, int64_t until_ms, struct eff_err *err)
{
    const struct eff_response *response;
    uint64_t ticket;

    EFF_TRY(snow_resume(api, &until_ms, err));
    ticket = api->os->next(api->os->self, until_ms, &response);
    if (ticket)
        snow_take(api, ticket, response);
    return EFF_OK;
}

void
eff_snow_pump(struct eff_snow_api *api)
{
    struct eff_err ignored = {0}; // a key that signed once signs again, or the wait tells

    if (api->calls)
        (void)snow_turn(api, 0, &ignored);
}

void
eff_snow_pause(struct eff_snow_api *api, int64_t ms)
{
    int64_t until_ms = api->os->mono_ms(api->os->self) + ms, now_ms;
    struct eff_err ignored = {0};

    while ((now_ms = api->os->mono_ms(api->os->self)) < until_ms && api->os->go_on(api->os->self)) {
        int64_t left_ms = until_ms - now_ms;

        (void)snow_turn(api, now_ms + (left_ms < SNOW_LOOK_MS ? left_ms : SNOW_LOOK_MS), &ignored);
    }
}

enum eff_fault
eff_snow_wait(struct eff_snow_api *api, struct eff_snow_call *call, struct eff_err *err)
{
    while (call->state != EFF_SNOW_ANSWERED) {
        if (!api->os->go_on(api->os->self))
            return EFF_FAIL(err, EFF_TRANSIENT, "the query was cancelled");
        EFF_TRY(snow_turn(api, api->os->mono_ms(api->os->self) + SNOW_LOOK_MS, err));
    }
    if (call->wire == EFF_WIRE_ANSWERED && (call->status == 200 || call->status == 202)) {
        if (call->answer.full)
            return EFF_FAIL(err, EFF_BROKEN, "out of memory");
        return EFF_OK;
    }
    return eff_snow_fault(call, 1, *api->run, err);
}

void
eff_snow_tell(struct eff_snow_api *api, struct eff_snow_call *call, int64_t most_ms)
{
    int64_t until_ms = api->os->mono_ms(api->os->self) + most_ms;
    struct eff_err ignored = {0};

    while (call->state != EFF_SNOW_ANSWERED && api->os->mono_ms(api->os->self) < until_ms &&
           snow_turn(api, until_ms, &ignored) == EFF_OK)
        continue;
}

/* ------------------------------------------------------------------------------- faults */

/* One line: its line breaks become blanks. */
static const char *
snow_line(eff_str json, struct eff_arena *arena)
{
    const struct eff_json *root = NULL;
    struct eff_err ignored = {0};
    char *text;

    if (json.len == 0 || json.len > (size_t)64 << 10 ||
        eff_json_parse(json, arena, &root, &ignored) != EFF_OK)
        return "";
    text = eff_str_c(
        arena, eff_str_printf(arena, EFF_STR_FMT "%s",
                              EFF_STR_ARG(eff_str_sub(eff_json_str(root), 0, SNOW_MESSAGE_MAX)),
                              eff_json_str(root).len > SNOW_MESSAGE_MAX ? "..." : ""));
    for (char *at = text; *at; at++)
        *at = (unsigned char)*at < ' ' ? ' ' : *at;
    return text;
}

/* "line 3 at position 7" counts from the line that we put before the user's own. */
static const char *
snow_unwrapped(const char *message, int wrapped_lines, struct eff_arena *arena)
{
    const char *at = strstr(message, "line ");
    unsigned line;
    int len = 0;

    if (!at || sscanf(at, "line %u at position%n", &line, &len) != 1 || len == 0 ||
        line <= (unsigned)wrapped_lines)
        return message;
    return eff_str_printf(arena, "%.*sline %u at position%s", (int)(at - message), message,
                          line - (unsigned)wrapped_lines, at + len)
        .ptr;
}

/*
 * 422: what the statement ended with, by Snowflake's code. Codes are those of the service's own
 * messages (Snowflake's documentation and its drivers name them one by one; there is no list).
 */
static enum eff_fault
snow_sql_fault(const char *code, const char *sql_state, const char *message, struct eff_err *err)
{
    if (strcmp(code, "000604") == 0 || strcmp(code, "604") == 0)
        return EFF_FAIL(err, EFF_TRANSIENT, "the query was cancelled in snowflake: %s", message);
    if (strcmp(code, "000630") == 0 || strcmp(code, "630") == 0) {
        (void)EFF_FAIL(err, EFF_TRANSIENT, "%s", message);
        return eff_err_hint(err, "Raise statement_timeout, or the warehouse's own limit.");
    }
    if (strcmp(code, "000606") == 0 || strcmp(code, "606") == 0) {
        (void)EFF_FAIL(err, EFF_CONFIG, "%s", message);
        return eff_err_hint(err,
                            "Add `warehouse:` to the source, or a default one to the user; one "
                            "that does not resume by itself must be resumed.");
    }
    if (strcmp(code, "090073") == 0 || strcmp(code, "90073") == 0) {
        (void)EFF_FAIL(err, EFF_LIMIT, "%s", message);
        return eff_err_hint(err, "Wait until the resource monitor's quota is renewed, have it "
                                 "raised, or name another `warehouse:`.");
    }
    (void)EFF_FAIL(err, strcmp(sql_state, "42501") == 0 ? EFF_AUTH : EFF_CONFIG, "%s",
                   message[0] ? message : "snowflake refuses the statement");
    if (strcmp(sql_state, "42501") == 0)
        return eff_err_hint(err, "Grant it to the role that Efferent connects with.");
    if (strcmp(sql_state, "42S02") == 0 || strcmp(sql_state, "02000") == 0)
        return eff_err_hint(err,
                            "Check database, schema and role: what a role may not see does not "
                            "exist for it.");
    return err->fault;
}

static enum eff_fault
snow_status_fault(int status, const char *message, struct eff_err *err)
{
    const char *colon = message[0] ? ": " : "";

    switch (status) {
    case 400:
        return EFF_FAIL(err, EFF_CONFIG, "snowflake does not understand the request%s%s", colon,
                        message);
    case 401:
        (void)EFF_FAIL(err, EFF_AUTH, "snowflake refuses the credential%s%s", colon, message);
        return eff_err_hint(err, "A key must be the user's RSA_PUBLIC_KEY, in the account that "
                                 "`account` names; a token must not have expired.");
    case 403:
        (void)EFF_FAIL(err, EFF_AUTH, "snowflake lets nobody in from here%s%s", colon, message);
        return eff_err_hint(err, "Check the user's network policy and its role.");
    case 404:
        (void)EFF_FAIL(err, EFF_CONFIG, "snowflake: there is nothing at this address%s%s", colon,
                       message);
        return eff_err_hint(err, "Check `account`; results are kept for a day.");
    case 408:
        (void)EFF_FAIL(err, EFF_TRANSIENT, "the statement took too long and was cancelled%s%s",
                       colon, message);
        return eff_err_hint(err, "Raise statement_timeout.");
    case 429:
        (void)EFF_FAIL(err, EFF_RATE, "snowflake is asked too often%s%s", colon, message);
        return eff_err_hint(err, "Run fewer syncs at a time (--jobs), or later.");
    default:
        return EFF_FAIL(err, EFF_TRANSIENT, "snowflake answers %d%s%s", status, colon, message);
    }
}

enum eff_fault
eff_snow_fault(const struct eff_snow_call *call, int wrapped_lines, struct eff_arena scratch,
               struct eff_err *err)
{
    struct eff_snow_answer answer = {0};
    const char *message;

    if (call->wire != EFF_WIRE_ANSWERED) {
        (void)EFF_FAIL(err, call->not_allowed ? EFF_CONFIG : EFF_TRANSIENT,
                       "snowflake cannot be reached: %s", call->problem);
        return call->not_allowed ? err->fault
                                 : eff_err_hint(err, "Check `account` and the network.");
    }
    if (!eff_snow_answer_read(eff_buf_str(&call->answer), &answer))
        answer = (struct eff_snow_answer){0};
    message = snow_unwrapped(snow_line(answer.message, &scratch), wrapped_lines, &scratch);
    if (call->status == 422)
        (void)snow_sql_fault(snow_line(answer.code, &scratch),
                             snow_line(answer.sql_state, &scratch), message, err);
    else
        (void)snow_status_fault(call->status, message, err);
    err->code = call->status;
    return err->fault;
}
