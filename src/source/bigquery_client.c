/*
 * source/bigquery_client: calls of BigQuery's REST API (v2), and what their faults mean.
 *
 * Reasons of errors: cloud.google.com/bigquery/docs/error-messages. A call that may pass is
 * repeated by this file, so that its fault is final for this read.
 */
#include "source/bigquery.h"

#include <stdlib.h>

#include "source/http_read.h"
#include "source/sql.h"

#define CLIENT_CALL_BYTES ((size_t)1 << 30) /* addresses; an answer of 64 MiB and its JSON */
#define CLIENT_TIMEOUT_MS 60000
#define CLIENT_BYE_MS     10000
/* Rows that are nearly alike compress well, up to gzip's 1:1000; 64 MiB are the most all the same. */
#define CLIENT_INFLATES_MAX 1100

enum eff_fault
eff_bq_client_open(struct eff_bq_client *client, const struct eff_bq_config *config,
                   struct eff_os *os, struct eff_arena *run, struct eff_err *err)
{
    bool plain;

    client->os = os;
    client->config = config;
    client->execution_project =
        config->execution_project.len > 0 ? config->execution_project : config->project;
    client->host = eff_http_read_host(config->url, &plain);
    if (plain && !eff_http_read_loopback(client->host))
        return EFF_FAIL(err, EFF_CONFIG,
                        "BigQuery is spoken to by https only, and not at " EFF_STR_FMT,
                        EFF_STR_ARG(config->url));
    if (eff_str_is(config->url, EFF_BQ_URL))
        client->host = EFF_STR_NONE; // No user's word: public addresses only.
    EFF_TRY(eff_bq_login_open(&client->login, config, os, run, err));
    eff_arena_init(&client->call, "bigquery call", CLIENT_CALL_BYTES);
    return EFF_OK;
}

void
eff_bq_client_close(struct eff_bq_client *client)
{
    eff_bq_login_close(&client->login);
    eff_arena_deinit(&client->call);
}

/* ---- faults ---- */

static const struct {
    const char *reason;
    enum eff_fault fault;
    bool passes; /* the same call may do better in a moment */
    const char *hint;
} client_reasons[] = {
    {"rateLimitExceeded", EFF_RATE, true, "BigQuery asks for fewer calls at a time."},
    {"userRateLimitExceeded", EFF_RATE, true, "BigQuery asks for fewer calls at a time."},
    {"jobRateLimitExceeded", EFF_RATE, true, "BigQuery asks for fewer jobs at a time."},
    {"quotaExceeded", EFF_LIMIT, false,
     "A quota of the project is used up: wait until it is renewed, or have it raised."},
    {"backendError", EFF_TRANSIENT, true, ""},
    {"internalError", EFF_TRANSIENT, true, ""},
    {"jobBackendError", EFF_TRANSIENT, false, ""},
    {"jobInternalError", EFF_TRANSIENT, false, ""},
    {"tableUnavailable", EFF_TRANSIENT, true, ""},
    {"stopped", EFF_TRANSIENT, false, "Somebody or a timeout has cancelled the job."},
    {"timeout", EFF_TRANSIENT, false, "The query takes longer than the source's `timeout:`."},
    {"authError", EFF_AUTH, false, "Check the credentials of the source."},
    {"accessDenied", EFF_AUTH, false,
     "The account needs bigquery.jobs.create in the project that pays and "
     "bigquery.tables.getData on the tables (roles BigQuery Job User and Data Viewer)."},
    {"billingNotEnabled", EFF_AUTH, false, "Switch on billing for the project."},
    {"accessNotConfigured", EFF_AUTH, false, "Switch on the BigQuery API for the project."},
    {"bytesBilledLimitExceeded", EFF_CONFIG, false,
     "Raise the source's `maximum_bytes_billed:`, or let the model read less."},
    {"responseTooLarge", EFF_CONFIG, false,
     "Build the model as a table first, as dbt does, and read that by `table:`."},
    {"resourcesExceeded", EFF_CONFIG, false,
     "Build the model as a table first, as dbt does, and read that by `table:`."},
    {"notFound", EFF_CONFIG, false,
     "Check the names, the source's `project:` and `dataset:`, and its `location:`."},
};

#define CLIENT_REASONS (sizeof(client_reasons) / sizeof(client_reasons[0]))

static size_t
client_reason_at(eff_str reason)
{
    size_t i = 0;

    while (i < CLIENT_REASONS && !eff_str_is(reason, client_reasons[i].reason))
        i++;
    return i;
}

static eff_str
client_reason(const struct eff_json *error)
{
    eff_str reason = eff_json_str(eff_json_get(error, EFF_STR("reason")));

    return reason.len > 0 ? reason
                          : eff_json_str(eff_json_pointer(error, EFF_STR("/errors/0/reason")));
}

/* "Syntax error: ... at [2:8]": the place is taken off and told as all sources tell it. */
static bool
client_place(eff_str message, eff_str *ret_text, int *ret_line, int *ret_column)
{
    size_t open = message.len;
    eff_str line, column;
    int64_t l, c;

    if (!eff_str_ends(message, EFF_STR("]")))
        return false;
    while (open > 0 && message.ptr[open - 1] != '[')
        open--;
    if (!eff_str_cut(eff_str_sub(message, open, message.len - 1 - open), ':', &line, &column) ||
        !eff_str_ends(eff_str_sub(message, 0, open), EFF_STR(" at [")) || !eff_str_int(line, &l) ||
        !eff_str_int(column, &c) || l < 1 || l > INT32_MAX || c < 1 || c > INT32_MAX)
        return false;
    *ret_text = eff_str_sub(message, 0, open - 5);
    *ret_line = (int)l;
    *ret_column = (int)c;
    return true;
}

static enum eff_fault
client_default_fault(int status)
{
    return status == 401 || status == 403   ? EFF_AUTH
           : status == 429                  ? EFF_RATE
           : status == 408 || status >= 500 ? EFF_TRANSIENT
                                            : EFF_CONFIG;
}

enum eff_fault
eff_bq_client_fault(int status, const struct eff_json *error, struct eff_err *err)
{
    eff_str reason = client_reason(error),
            message = eff_json_str(eff_json_get(error, EFF_STR("message"))), text = message;
    size_t at = client_reason_at(reason);
    enum eff_fault fault =
        at < CLIENT_REASONS ? client_reasons[at].fault : client_default_fault(status);
    int line, column;

    if (client_place(message, &text, &line, &column))
        (void)EFF_FAIL(err, fault, EFF_STR_FMT " (line %d, column %d of the SQL)",
                       EFF_STR_ARG(text), line, column);
    else if (message.len > 0)
        (void)EFF_FAIL(err, fault, "BigQuery: " EFF_STR_FMT, EFF_STR_ARG(message));
    else
        (void)EFF_FAIL(err, fault, "BigQuery answers with status %d", status);
    err->code = status;
    if (at < CLIENT_REASONS && client_reasons[at].hint[0] != '\0')
        return eff_err_hint(err, "%s", client_reasons[at].hint);
    return err->fault;
}

/* ---- calls ---- */

static const struct eff_json *
client_error(struct eff_bq_client *client, const struct eff_response *response)
{
    const struct eff_json *root = NULL;
    struct eff_err ignored = {0};

    if (eff_json_parse(response->body, &client->call, &root, &ignored) != EFF_OK)
        return NULL;
    return eff_json_get(root, EFF_STR("error"));
}

static struct eff_request
client_request(struct eff_bq_client *client, const struct eff_bq_call *call, eff_str authorization)
{
    struct eff_header *headers = eff_new(&client->call, struct eff_header, 4);
    struct eff_buf url = {0};
    struct eff_request request;

    eff_buf_add(&url, client->config->url);
    eff_buf_add(&url, EFF_STR("/bigquery/v2/projects/"));
    eff_url_encode(&url, client->execution_project);
    eff_buf_add_char(&url, '/');
    eff_buf_add(&url, call->path);
    headers[0] =
        (struct eff_header){EFF_STR("Authorization"), eff_str_copy(&client->call, authorization)};
    headers[1] = (struct eff_header){EFF_STR("Accept"), EFF_STR("application/json")};
    // Google compresses for those whose name says so, too (cloud.google.com/apis/docs/compression).
    headers[2] =
        (struct eff_header){EFF_STR("User-Agent"), EFF_STR("efferent/" EFF_VERSION " (gzip)")};
    headers[3] = (struct eff_header){EFF_STR("Content-Type"), EFF_STR("application/json")};
    request = (struct eff_request){.kind = EFF_REQUEST_HTTP,
                                   .timeout_ms =
                                       call->timeout_ms > 0 ? call->timeout_ms : CLIENT_TIMEOUT_MS,
                                   .method = eff_str_of(call->method),
                                   .url = eff_str_copy(&client->call, eff_buf_str(&url)),
                                   .headers_count = call->body.len > 0 ? 4 : 3,
                                   .headers = headers,
                                   .body = call->body,
                                   .inflates_max = CLIENT_INFLATES_MAX,
                                   .hosts_count = client->host.len > 0 ? 1 : 0,
                                   .hosts = &client->host};
    eff_buf_free(&url);
    return request;
}

/* A final answer, or the last of several that might have been better. */
static enum eff_fault
client_patiently(struct eff_bq_client *client, const struct eff_bq_call *call,
                 const struct eff_response **ret_response, struct eff_err *err)
{
    bool renewed = false, renew = false;

    for (unsigned tries = 1;;) {
        const struct eff_response *response;
        struct eff_request request;
        eff_str authorization;
        size_t at;

        eff_arena_reset(&client->call);
        EFF_TRY(eff_bq_login_header(&client->login, renew, client->call, &authorization, err));
        request = client_request(client, call, authorization);
        EFF_TRY(eff_http_read_once(client->os, &request, &response, err));
        *ret_response = response;
        renew = response->wire == EFF_WIRE_ANSWERED && response->status == 401 && !renewed;
        if (renew) {
            renewed = true;
            continue;
        }
        at = response->wire == EFF_WIRE_ANSWERED && response->status == 403
                 ? client_reason_at(client_reason(client_error(client, response)))
                 : CLIENT_REASONS;
        if ((!eff_http_read_passes(response) &&
             !(at < CLIENT_REASONS && client_reasons[at].passes)) ||
            tries == EFF_HTTP_READ_TRIES)
            return response->wire == EFF_WIRE_ANSWERED
                       ? EFF_OK
                       : eff_http_read_silence(response, client->config->url, err);
        EFF_TRY(eff_http_read_pause(client->os,
                                    eff_http_read_wait_ms(client->os, response, tries++), err));
    }
}

enum eff_fault
eff_bq_client_call(struct eff_bq_client *client, const struct eff_bq_call *call, eff_str *ret_body,
                   struct eff_err *err)
{
    const struct eff_response *response;

    EFF_TRY(client_patiently(client, call, &response, err));
    if ((response->status >= 200 && response->status < 300) ||
        (response->status == 409 && call->conflict_is_fine)) {
        *ret_body = response->body;
        return EFF_OK;
    }
    return eff_bq_client_fault(response->status, client_error(client, response), err);
}

void
eff_bq_client_bye(struct eff_bq_client *client, eff_str path)
{
    struct eff_bq_call call = {.method = "POST", .path = path, .timeout_ms = CLIENT_BYE_MS};
    const struct eff_bq_login *login = &client->login;
    eff_str header = eff_buf_str(login->impersonate.len > 0 ? &login->header : &login->own);
    struct eff_request request;

    eff_arena_reset(&client->call);
    if (header.len == 0)
        return;
    request = client_request(client, &call, header);
    eff_http_read_bye(client->os, &request);
}
