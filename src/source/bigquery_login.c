/*
 * source/bigquery_login: tokens for Google's API.
 *
 * A service account's key signs a JWT (RFC 7523), a user's credentials of gcloud are
 * changed by their refresh token, and on Google's own machines the metadata server
 * hands out tokens. With such a token that of another service account can be had
 * (iamcredentials.googleapis.com, generateAccessToken). Forms of the files and of the
 * metadata server: google-auth 2.x.
 */
#include "source/bigquery.h"

#include <stdlib.h>

#include "base/sign.h"
#include "source/http_read.h"

#define LOGIN_FILE_MAX   ((size_t)64 << 10)
#define LOGIN_SCOPE      "https://www.googleapis.com/auth/bigquery"
#define LOGIN_SCOPE_IAM  "https://www.googleapis.com/auth/cloud-platform"
#define LOGIN_IAM_URL    "https://iamcredentials.googleapis.com"
#define LOGIN_TOKEN_URL  "https://oauth2.googleapis.com/token"
#define LOGIN_METADATA   "http://metadata.google.internal"
#define LOGIN_ACCOUNT    "/computeMetadata/v1/instance/service-accounts/default/token"
#define LOGIN_JWT_S      3600 /* the most that Google takes */
#define LOGIN_AHEAD_MS   60000
#define LOGIN_TIMEOUT_MS 30000
#define LOGIN_ANSWER_MAX ((size_t)1 << 20)

/* ---- credentials ---- */

static eff_str
login_member(const struct eff_json *root, const char *name)
{
    return eff_json_str(eff_json_get(root, eff_str_of(name)));
}

static enum eff_fault
login_lacks(eff_str type, const char *member, struct eff_err *err)
{
    return EFF_FAIL(err, EFF_CONFIG, "the credentials of type " EFF_STR_FMT " have no %s",
                    EFF_STR_ARG(type), member);
}

static enum eff_fault
login_read(struct eff_bq_login *login, const struct eff_json *root, struct eff_err *err)
{
    eff_str type = login_member(root, "type"), url = login_member(root, "token_uri");

    login->url = url.len > 0 ? url : EFF_STR(LOGIN_TOKEN_URL);
    login->email = login_member(root, "client_email");
    login->key = login_member(root, "private_key");
    login->key_id = login_member(root, "private_key_id");
    login->client_id = login_member(root, "client_id");
    login->client_secret = login_member(root, "client_secret");
    login->refresh_token = login_member(root, "refresh_token");
    eff_ear_tell(&login->os->ear, login->key);
    eff_ear_tell(&login->os->ear, login->client_secret);
    eff_ear_tell(&login->os->ear, login->refresh_token);
    if (eff_str_is(type, "service_account")) {
        login->kind = EFF_BQ_SERVICE_ACCOUNT;
        if (login->email.len == 0)
            return login_lacks(type, "client_email", err);
        return login->key.len > 0 ? EFF_OK : login_lacks(type, "private_key", err);
    }
    if (eff_str_is(type, "authorized_user")) {
        login->kind = EFF_BQ_USER;
        if (login->client_id.len == 0)
            return login_lacks(type, "client_id", err);
        return login->refresh_token.len > 0 ? EFF_OK : login_lacks(type, "refresh_token", err);
    }
    (void)EFF_FAIL(err, EFF_CONFIG, "credentials of type \"" EFF_STR_FMT "\" cannot be used",
                   EFF_STR_ARG(type));
    return eff_err_hint(err, "Efferent reads the key file of a service account (service_account) "
                             "and gcloud's own (authorized_user).");
}

static enum eff_fault
login_parse(struct eff_bq_login *login, eff_str text, struct eff_arena *run, struct eff_err *err)
{
    const struct eff_json *root;

    // What is wrong with it is not told: the message could show a piece of the key.
    if (eff_json_parse(text, run, &root, err) != EFF_OK || eff_json_type(root) != EFF_JSON_OBJECT)
        return EFF_FAIL(err, EFF_CONFIG, "the credentials are no JSON object");
    return login_read(login, root, err);
}

static enum eff_fault
login_file(struct eff_bq_login *login, const char *path, struct eff_arena *run, struct eff_err *err)
{
    eff_str bytes;

    if (!login->os->exists(login->os->self, path)) {
        (void)EFF_FAIL(err, EFF_CONFIG, "there is no file %s with credentials", path);
        return err->fault;
    }
    EFF_TRY(eff_os_read_file(login->os, path, LOGIN_FILE_MAX, run, &bytes, err));
    if (login_parse(login, bytes, run, err) != EFF_OK)
        return eff_err_while(err, "reading %s", path);
    return EFF_OK;
}

/* Where gcloud keeps what `gcloud auth application-default login` made; NULL: nowhere. */
static const char *
login_gcloud_file(struct eff_arena *run)
{
    const char *folder = getenv("CLOUDSDK_CONFIG"), *home = getenv("HOME");

    if (folder != NULL && folder[0] != '\0')
        return eff_str_printf(run, "%s/application_default_credentials.json", folder).ptr;
    if (home == NULL || home[0] == '\0')
        return NULL;
    return eff_str_printf(run, "%s/.config/gcloud/application_default_credentials.json", home).ptr;
}

static enum eff_fault
login_default(struct eff_bq_login *login, struct eff_arena *run, struct eff_err *err)
{
    const char *path = getenv("GOOGLE_APPLICATION_CREDENTIALS");

    if (path != NULL && path[0] != '\0')
        return login_file(login, path, run, err);
    path = login_gcloud_file(run);
    if (path != NULL && login->os->exists(login->os->self, path))
        return login_file(login, path, run, err);
    login->kind = EFF_BQ_METADATA;
    login->url = EFF_STR(LOGIN_METADATA LOGIN_ACCOUNT);
    return EFF_OK;
}

static enum eff_fault
login_find(struct eff_bq_login *login, const struct eff_bq_config *config, struct eff_arena *run,
           struct eff_err *err)
{
    int given =
        (config->key_file.len > 0) + (config->credentials.len > 0) + (config->token.len > 0);

    if (given > 1)
        return EFF_FAIL(err, EFF_CONFIG,
                        "give one of key_file, credentials and token, not several");
    if (config->token.len > 0) {
        login->kind = EFF_BQ_TOKEN;
        eff_buf_add(&login->own, EFF_STR("Bearer "));
        eff_buf_add(&login->own, config->token);
        return EFF_OK;
    }
    if (config->credentials.len > 0)
        return login_parse(login, config->credentials, run, err);
    if (config->key_file.len > 0)
        return login_file(login, eff_str_c(run, config->key_file), run, err);
    return login_default(login, run, err);
}

/* "https://host:1234" */
static eff_str
login_origin(eff_str url)
{
    size_t begin = eff_str_find(url, EFF_STR("://")) + 3;
    size_t path = eff_str_find_char(eff_str_sub(url, begin, SIZE_MAX), '/');

    return eff_str_sub(url, 0, path == SIZE_MAX ? SIZE_MAX : begin + path);
}

/* Where a token of the account that we are to act as is asked for. */
static void
login_find_impersonated(struct eff_bq_login *login, const struct eff_bq_config *config,
                        struct eff_arena *run)
{
    eff_str base = EFF_STR(LOGIN_IAM_URL);
    struct eff_buf url = {0};

    login->impersonate = config->impersonate;
    if (config->token_url.len > 0)
        base = login_origin(config->token_url);
    eff_buf_add(&url, base);
    eff_buf_add(&url, EFF_STR("/v1/projects/-/serviceAccounts/"));
    eff_url_encode(&url, login->impersonate);
    eff_buf_add(&url, EFF_STR(":generateAccessToken"));
    login->impersonate_url = eff_str_copy(run, eff_buf_str(&url));
    eff_buf_free(&url);
}

enum eff_fault
eff_bq_login_open(struct eff_bq_login *login, const struct eff_bq_config *config, struct eff_os *os,
                  struct eff_arena *run, struct eff_err *err)
{
    eff_str host;
    bool plain;

    login->os = os;
    login->scopes = config->scopes;
    EFF_TRY(login_find(login, config, run, err));
    if (login->kind == EFF_BQ_METADATA && config->token_url.len > 0)
        login->url = eff_str_printf(run, EFF_STR_FMT LOGIN_ACCOUNT, EFF_STR_ARG(config->token_url));
    else if (config->token_url.len > 0)
        login->url = config->token_url;
    if (config->impersonate.len > 0)
        login_find_impersonated(login, config, run);
    host = eff_http_read_host(login->url, &plain);
    if (plain && !eff_http_read_loopback(host) && login->kind != EFF_BQ_METADATA)
        return EFF_FAIL(err, EFF_CONFIG,
                        "a token is asked for by https only, and not at " EFF_STR_FMT,
                        EFF_STR_ARG(login->url));
    return EFF_OK;
}

void
eff_bq_login_close(struct eff_bq_login *login)
{
    eff_buf_free(&login->own);
    eff_buf_free(&login->header);
}

/* ---- requests ---- */

static void
login_field(struct eff_buf *form, const char *name, eff_str value)
{
    if (value.len == 0)
        return;
    eff_buf_addf(form, "%s%s=", form->len > 0 ? "&" : "", name);
    eff_url_encode(form, value);
}

static eff_str
login_scope(const struct eff_bq_login *login, struct eff_arena *scratch)
{
    eff_str scope = EFF_STR(LOGIN_SCOPE);

    if (login->impersonate.len > 0)
        return EFF_STR(LOGIN_SCOPE_IAM);
    for (size_t i = 0; i < login->scopes.count; i++)
        scope = eff_str_printf(scratch, EFF_STR_FMT " " EFF_STR_FMT, EFF_STR_ARG(scope),
                               EFF_STR_ARG(login->scopes.at[i]));
    return scope;
}

static enum eff_fault
login_assertion(const struct eff_bq_login *login, struct eff_arena *scratch, eff_str *ret_assertion,
                struct eff_err *err)
{
    int64_t now = login->os->wall_ms(login->os->self) / 1000;
    struct eff_buf header = {0}, claims = {0};
    struct eff_json_writer w = {.buf = &header};
    enum eff_fault fault;

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "alg", EFF_STR("RS256"));
    eff_json_field_str(&w, "typ", EFF_STR("JWT"));
    if (login->key_id.len > 0)
        eff_json_field_str(&w, "kid", login->key_id);
    eff_json_end_object(&w);
    w = (struct eff_json_writer){.buf = &claims};
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "iss", login->email);
    eff_json_field_str(&w, "scope", login_scope(login, scratch));
    eff_json_field_str(&w, "aud", login->url);
    eff_json_field_int(&w, "iat", now);
    eff_json_field_int(&w, "exp", now + LOGIN_JWT_S);
    eff_json_end_object(&w);
    fault = eff_jwt_sign(login->key, eff_buf_str(&header), eff_buf_str(&claims), scratch,
                         ret_assertion, err);
    eff_buf_free(&header);
    eff_buf_free(&claims);
    if (fault == EFF_OK)
        eff_ear_tell(&login->os->ear, *ret_assertion);
    return fault;
}

static enum eff_fault
login_form(const struct eff_bq_login *login, struct eff_arena *scratch, eff_str *ret_body,
           struct eff_err *err)
{
    struct eff_buf form = {0};
    eff_str assertion;

    if (login->kind == EFF_BQ_SERVICE_ACCOUNT) {
        EFF_TRY(login_assertion(login, scratch, &assertion, err));
        login_field(&form, "grant_type", EFF_STR("urn:ietf:params:oauth:grant-type:jwt-bearer"));
        login_field(&form, "assertion", assertion);
    } else {
        login_field(&form, "grant_type", EFF_STR("refresh_token"));
        login_field(&form, "client_id", login->client_id);
        login_field(&form, "client_secret", login->client_secret);
        login_field(&form, "refresh_token", login->refresh_token);
    }
    *ret_body = eff_str_copy(scratch, eff_buf_str(&form));
    eff_buf_free(&form);
    return EFF_OK;
}

static enum eff_fault
login_send(const struct eff_bq_login *login, const struct eff_request *request,
           const struct eff_response **ret_response, struct eff_err *err)
{
    for (unsigned tries = 1;; tries++) {
        EFF_TRY(eff_http_read_once(login->os, request, ret_response, err));
        if (!eff_http_read_passes(*ret_response) || tries == EFF_HTTP_READ_TRIES ||
            (request->metadata && (*ret_response)->wire == EFF_WIRE_NOT_SENT))
            return EFF_OK;
        EFF_TRY(eff_http_read_pause(login->os,
                                    eff_http_read_wait_ms(login->os, *ret_response, tries), err));
    }
}

/* For a token of the credentials themselves. */
static enum eff_fault
login_exchange(const struct eff_bq_login *login, struct eff_arena *scratch,
               const struct eff_response **ret_response, struct eff_err *err)
{
    static const struct eff_header form_headers[] = {
        {{"Content-Type", 12}, {"application/x-www-form-urlencoded", 33}},
        {{"Accept", 6}, {"application/json", 16}},
    };
    static const struct eff_header metadata_headers[] = {
        {{"Metadata-Flavor", 15}, {"Google", 6}},
    };
    bool plain, metadata = login->kind == EFF_BQ_METADATA;
    eff_str host = eff_http_read_host(login->url, &plain);
    struct eff_request request = {.kind = EFF_REQUEST_HTTP,
                                  .timeout_ms = LOGIN_TIMEOUT_MS,
                                  .method = metadata ? EFF_STR("GET") : EFF_STR("POST"),
                                  .url = login->url,
                                  .headers_count = metadata ? 1 : 2,
                                  .headers = metadata ? metadata_headers : form_headers,
                                  .answer_bytes_max = LOGIN_ANSWER_MAX,
                                  .metadata = metadata,
                                  .hosts_count = plain ? 1 : 0,
                                  .hosts = &host};

    if (!metadata)
        EFF_TRY(login_form(login, scratch, &request.body, err));
    return login_send(login, &request, ret_response, err);
}

static eff_str
login_impersonate_body(const struct eff_bq_login *login, struct eff_arena *scratch)
{
    struct eff_buf body = {0};
    struct eff_json_writer w = {.buf = &body};
    eff_str copy;

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("scope"));
    eff_json_begin_array(&w);
    eff_json_write_str(&w, EFF_STR(LOGIN_SCOPE));
    for (size_t i = 0; i < login->scopes.count; i++)
        eff_json_write_str(&w, login->scopes.at[i]);
    eff_json_end_array(&w);
    eff_json_field_str(&w, "lifetime", EFF_STR("3600s")); // the most without a policy of its own
    eff_json_end_object(&w);
    copy = eff_str_copy(scratch, eff_buf_str(&body));
    eff_buf_free(&body);
    return copy;
}

/* ---- answers ---- */

static enum eff_fault
login_nowhere(const struct eff_response *response, struct eff_err *err)
{
    (void)EFF_FAIL(err, EFF_AUTH,
                   "there are no credentials, and no metadata server of Google's: " EFF_STR_FMT,
                   EFF_STR_ARG(response->problem));
    return eff_err_hint(err,
                        "Give the source a `key_file:` or `credentials:`, or log in by `gcloud "
                        "auth application-default login`.");
}

static enum eff_fault
login_refused(const struct eff_bq_login *login, const struct eff_response *response,
              const struct eff_json *root, struct eff_err *err)
{
    eff_str error = login_member(root, "error"), text = login_member(root, "error_description");

    (void)EFF_FAIL(err, eff_http_read_passes(response) ? EFF_TRANSIENT : EFF_AUTH,
                   "Google gives no token: %d " EFF_STR_FMT "%s" EFF_STR_FMT, response->status,
                   EFF_STR_ARG(error), text.len > 0 ? ": " : "", EFF_STR_ARG(text));
    err->code = response->status;
    if (login->kind == EFF_BQ_USER)
        return eff_err_hint(err, "Log in anew: gcloud auth application-default login.");
    if (login->kind == EFF_BQ_SERVICE_ACCOUNT)
        return eff_err_hint(err,
                            "Check that the key of " EFF_STR_FMT
                            " has not been withdrawn, and this machine's clock.",
                            EFF_STR_ARG(login->email));
    return err->fault;
}

static void
login_keep(struct eff_bq_login *login, struct eff_buf *header, eff_str token, int64_t seconds)
{
    eff_buf_reset(header);
    eff_buf_add(header, EFF_STR("Bearer "));
    eff_buf_add(header, token);
    eff_ear_tell(&login->os->ear, token);
    login->until_ms = login->os->mono_ms(login->os->self) + seconds * 1000;
}

static enum eff_fault
login_renew_own(struct eff_bq_login *login, struct eff_arena *scratch, struct eff_err *err)
{
    const struct eff_response *response;
    const struct eff_json *root = NULL;
    struct eff_err ignored = {0};
    int64_t seconds = 0;
    eff_str token;

    if (login->kind == EFF_BQ_TOKEN)
        return EFF_OK;
    EFF_TRY(login_exchange(login, scratch, &response, err));
    if (response->wire != EFF_WIRE_ANSWERED)
        return login->kind == EFF_BQ_METADATA ? login_nowhere(response, err)
                                              : eff_http_read_silence(response, login->url, err);
    if (eff_json_parse(response->body, scratch, &root, &ignored) != EFF_OK)
        root = NULL;
    token = login_member(root, "access_token");
    if (response->status != 200 || token.len == 0)
        return login_refused(login, response, root, err);
    if (!eff_json_int(eff_json_get(root, EFF_STR("expires_in")), &seconds) || seconds < 0)
        seconds = LOGIN_JWT_S;
    login_keep(login, &login->own, token, seconds);
    return EFF_OK;
}

/* By a token of the credentials, for one of the account that they may act as. */
static enum eff_fault
login_renew_other(struct eff_bq_login *login, struct eff_arena *scratch, struct eff_err *err)
{
    struct eff_header headers[] = {
        {EFF_STR("Authorization"), eff_buf_str(&login->own)},
        {EFF_STR("Content-Type"), EFF_STR("application/json")},
    };
    bool plain;
    eff_str host = eff_http_read_host(login->impersonate_url, &plain), token;
    struct eff_request request = {.kind = EFF_REQUEST_HTTP,
                                  .timeout_ms = LOGIN_TIMEOUT_MS,
                                  .method = EFF_STR("POST"),
                                  .url = login->impersonate_url,
                                  .headers_count = 2,
                                  .headers = headers,
                                  .body = login_impersonate_body(login, scratch),
                                  .answer_bytes_max = LOGIN_ANSWER_MAX,
                                  .hosts_count = plain ? 1 : 0,
                                  .hosts = &host};
    const struct eff_response *response;
    const struct eff_json *root = NULL;
    struct eff_err ignored = {0};

    EFF_TRY(login_send(login, &request, &response, err));
    if (response->wire != EFF_WIRE_ANSWERED)
        return eff_http_read_silence(response, login->impersonate_url, err);
    if (eff_json_parse(response->body, scratch, &root, &ignored) != EFF_OK)
        root = NULL;
    token = login_member(root, "accessToken");
    if (response->status == 200 && token.len > 0) {
        login_keep(login, &login->header, token, LOGIN_JWT_S);
        return EFF_OK;
    }
    (void)EFF_FAIL(err, eff_http_read_passes(response) ? EFF_TRANSIENT : EFF_AUTH,
                   "Google gives no token of " EFF_STR_FMT ": %d " EFF_STR_FMT,
                   EFF_STR_ARG(login->impersonate), response->status,
                   EFF_STR_ARG(eff_json_str(eff_json_pointer(root, EFF_STR("/error/message")))));
    err->code = response->status;
    return eff_err_hint(err, "The credentials need the role Service Account Token Creator on it.");
}

static enum eff_fault
login_static(struct eff_err *err)
{
    (void)EFF_FAIL(err, EFF_AUTH, "BigQuery refuses the token");
    return eff_err_hint(err, "A `token:` is not renewed by Efferent: give it a new one, or "
                             "use a `key_file:`.");
}

enum eff_fault
eff_bq_login_header(struct eff_bq_login *login, bool renew, struct eff_arena scratch,
                    eff_str *ret_header, struct eff_err *err)
{
    int64_t ahead_ms = login->os->mono_ms(login->os->self) + LOGIN_AHEAD_MS;
    bool other = login->impersonate.len > 0, fixed = login->kind == EFF_BQ_TOKEN && !other;

    if (fixed && renew)
        return login_static(err);
    if (!fixed && (renew || login->until_ms == 0 || ahead_ms > login->until_ms)) {
        EFF_TRY(login_renew_own(login, &scratch, err));
        if (other)
            EFF_TRY(login_renew_other(login, &scratch, err));
    }
    *ret_header = eff_buf_str(other ? &login->header : &login->own);
    return EFF_OK;
}
