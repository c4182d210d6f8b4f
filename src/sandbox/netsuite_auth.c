/*
 * sandbox/netsuite_auth: who may come in: requests signed by OAuth 1.0a with HMAC-SHA256, whose
 * time is ours to five minutes and whose nonce is new; or a bearer that was given for a JWT of
 * test-user, signed (PS256) with the key of /_sandbox/key.
 */
#include "sandbox/netsuite.h"

#include "base/hash.h"
#include "base/oauth1.h"
#include "base/sign.h"

#include <stdalign.h>
#include <string.h>

#define AUTH_SKEW_SECONDS    300
#define AUTH_TOKEN_SECONDS   3600
#define AUTH_PARAMS_MAX      16
#define AUTH_TOKEN_SECRET    "test-token-secret"
#define AUTH_CONSUMER        "test-user"
#define AUTH_CONSUMER_SECRET "test-secret"

struct auth_header {
    size_t count;
    struct eff_oauth1_param at[AUTH_PARAMS_MAX]; /* without realm and signature */
    eff_str realm, signature;
};

/* OAuth realm="x", a="b", ...; false: it is no such header. */
static bool
auth_read(struct eff_call *call, struct auth_header *header)
{
    eff_str rest = eff_call_header(call, "authorization"), scheme, part, name, value;
    bool more =
        eff_str_cut(rest, ' ', &scheme, &rest) && eff_str_eq_nocase(scheme, EFF_STR("oauth"));

    *header = (struct auth_header){0};
    if (!more)
        return false;
    while (more) {
        more = eff_str_cut(rest, ',', &part, &rest);
        if (!eff_str_cut(eff_str_trim(part), '=', &name, &value) || value.len < 2 ||
            value.ptr[0] != '"' || value.ptr[value.len - 1] != '"' ||
            !eff_call_decode(call->arena, eff_str_sub(value, 1, value.len - 2), false, &value))
            return false;
        if (eff_str_is(name, "realm"))
            header->realm = value;
        else if (eff_str_is(name, "oauth_signature"))
            header->signature = value;
        else if (header->count == AUTH_PARAMS_MAX)
            return false;
        else
            header->at[header->count++] = (struct eff_oauth1_param){name, value};
    }
    return true;
}

static eff_str
auth_param(const struct auth_header *header, const char *name)
{
    for (size_t i = 0; i < header->count; i++)
        if (eff_str_is(header->at[i].name, name))
            return header->at[i].value;
    return EFF_STR_NONE;
}

/* 6 to 64 letters and digits, not seen before. */
static bool
auth_nonce_new(struct eff_call *call, eff_str nonce)
{
    struct eff_ns_state *state = call->world->state;
    size_t most = sizeof(state->used) / sizeof(state->used[0]);

    if (nonce.len < 6 || nonce.len > 64)
        return false;
    for (size_t i = 0; i < nonce.len; i++) {
        char c = (char)(nonce.ptr[i] | 0x20);

        if (!(c >= 'a' && c <= 'z') && !(nonce.ptr[i] >= '0' && nonce.ptr[i] <= '9'))
            return false;
    }
    for (size_t i = 0; i < most && i < state->nonces; i++)
        if (eff_str_is(nonce, state->used[i]))
            return false;
    memcpy(state->used[state->nonces % most], nonce.ptr, nonce.len);
    state->used[state->nonces++ % most][nonce.len] = '\0';
    return true;
}

/* The address as the client wrote it. */
static eff_str
auth_url(struct eff_call *call)
{
    eff_str host = eff_call_header(call, "host");

    return eff_str_printf(call->arena, "http://" EFF_STR_FMT EFF_STR_FMT, EFF_STR_ARG(host),
                          EFF_STR_ARG(call->target));
}

static bool
auth_signed(struct eff_call *call)
{
    struct auth_header header;
    struct eff_oauth1_request request = {call->method, auth_url(call), EFF_STR_NONE};
    eff_str base, expected, token;
    int64_t when, now = eff_world_now(call->world) / 1000;

    if (!auth_read(call, &header) ||
        !eff_str_is(auth_param(&header, "oauth_signature_method"), "HMAC-SHA256") ||
        !eff_str_is(header.realm, EFF_NS_ACCOUNT) ||
        !eff_str_is(auth_param(&header, "oauth_consumer_key"), AUTH_CONSUMER))
        return false;
    token = auth_param(&header, "oauth_token");
    if (!eff_world_trusts(call->world, token) ||
        !eff_str_int(auth_param(&header, "oauth_timestamp"), &when) ||
        when < now - AUTH_SKEW_SECONDS || when > now + AUTH_SKEW_SECONDS)
        return false;
    base = eff_oauth1_base(&request, header.count, header.at, call->arena);
    expected = eff_oauth1_sign(base, EFF_STR(AUTH_CONSUMER_SECRET), EFF_STR(AUTH_TOKEN_SECRET),
                               call->arena);
    return base.ptr && eff_str_eq(expected, header.signature) &&
           auth_nonce_new(call, auth_param(&header, "oauth_nonce"));
}

bool
eff_ns_authorize(struct eff_call *call)
{
    eff_str header = eff_call_header(call, "authorization");
    bool bearer = eff_str_starts(header, EFF_STR("Bearer "));
    eff_str token = bearer ? eff_call_bearer(call) : EFF_STR_NONE;

    if (bearer ? !eff_str_is(token, "test-token") && eff_world_trusts(call->world, token)
               : auth_signed(call))
        return true;
    eff_ns_error(call, 401, "INVALID_LOGIN", EFF_STR_NONE,
                 EFF_STR("Invalid login attempt. For more details, see the Login Audit Trail."));
    return false;
}

/* ---- tokens ---- */

static void
auth_token_error(struct eff_call *call, const char *error)
{
    struct eff_json_writer w = eff_call_answer(call, 400);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "error", eff_str_of(error));
    eff_json_end_object(&w);
}

static bool
auth_has_scope(const struct eff_json *scope)
{
    struct eff_json_iter iter = eff_json_iterate(scope);
    const struct eff_json *name;

    if (eff_json_type(scope) != EFF_JSON_ARRAY)
        return eff_str_is(eff_json_str(scope), "rest_webservices");
    while (eff_json_next(&iter, NULL, &name))
        if (eff_str_is(eff_json_str(name), "rest_webservices"))
            return true;
    return false;
}

/* Signed with our key, with its certificate named, by test-user, for this address, and valid now. */
static bool
auth_assertion_fine(struct eff_call *call, eff_str assertion)
{
    eff_str head, rest, text, url = auth_url(call);
    const struct eff_json *header = NULL, *claims = NULL;
    struct eff_err err = {0};
    int64_t from = 0, to = 0, now = eff_world_now(call->world) / 1000;

    if (!eff_str_cut(assertion, '.', &head, &rest) ||
        !eff_base64_decode(call->arena, head, &head) ||
        eff_json_parse(head, call->arena, &header, &err) != EFF_OK ||
        !eff_str_is(eff_json_str(eff_json_get(header, EFF_STR("alg"))), "PS256") ||
        !eff_str_is(eff_json_str(eff_json_get(header, EFF_STR("kid"))), "test-certificate") ||
        !eff_jwt_verify_by(eff_sandbox_key(), EFF_JWT_PS256, assertion, call->arena, &text) ||
        eff_json_parse(text, call->arena, &claims, &err) != EFF_OK)
        return false;
    return eff_str_is(eff_json_str(eff_json_get(claims, EFF_STR("iss"))), AUTH_CONSUMER) &&
           auth_has_scope(eff_json_get(claims, EFF_STR("scope"))) &&
           eff_str_eq(eff_json_str(eff_json_get(claims, EFF_STR("aud"))), url) &&
           eff_json_int(eff_json_get(claims, EFF_STR("iat")), &from) &&
           eff_json_int(eff_json_get(claims, EFF_STR("exp")), &to) && from <= now + 60 &&
           to > now && to - from <= AUTH_TOKEN_SECONDS;
}

void
eff_ns_token(struct eff_call *call)
{
    eff_str form = call->body, token;
    struct eff_json_writer w;

    if (!eff_str_is(eff_call_form(call, form, "grant_type"), "client_credentials") ||
        !eff_str_is(eff_call_form(call, form, "client_assertion_type"),
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")) {
        auth_token_error(call, "invalid_request");
        return;
    }
    if (!auth_assertion_fine(call, eff_call_form(call, form, "client_assertion"))) {
        auth_token_error(call, "invalid_client");
        return;
    }
    token = eff_str_printf(call->arena, "ns-%016llx",
                           (unsigned long long)eff_world_random(call->world));
    eff_world_issue(call->world, token);
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "access_token", token);
    eff_json_field_str(&w, "expires_in", EFF_STR("3600"));
    eff_json_field_str(&w, "token_type", EFF_STR("Bearer"));
    eff_json_end_object(&w);
}
