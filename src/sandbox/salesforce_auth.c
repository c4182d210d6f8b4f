/*
 * sandbox/salesforce_auth: tokens, by OAuth and by SOAP.
 *
 * The client test-user with the secret test-secret gets a new token each time;
 * so does the user of the same name with the same password. A JWT must be signed
 * with the key that /_sandbox/key gives.
 */
#include "base/hash.h"
#include "base/sign.h"
#include "sandbox/salesforce.h"

#define AUTH_JWT_SECONDS 300 /* from now until it expires, at most */

static void
auth_error(struct eff_call *call, int status, const char *error, const char *description)
{
    struct eff_json_writer w = eff_call_answer(call, status);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "error", eff_str_of(error));
    eff_json_field_str(&w, "error_description", eff_str_of(description));
    eff_json_end_object(&w);
}

static eff_str
auth_new_token(struct eff_call *call)
{
    uint64_t high = eff_world_random(call->world), low = eff_world_random(call->world);
    eff_str token = eff_str_printf(call->arena, "00D5e000000SBOX!AQ%016llx%016llx",
                                   (unsigned long long)high, (unsigned long long)low);

    eff_world_issue(call->world, token);
    return token;
}

static eff_str
auth_identity_url(const struct eff_call *call)
{
    return eff_str_printf(call->arena, EFF_STR_FMT "/id/" EFF_SF_ORG "/" EFF_SF_USER,
                          EFF_STR_ARG(eff_sf_base(call)));
}

static void
auth_grant(struct eff_call *call)
{
    struct eff_json_writer w;
    eff_str token = auth_new_token(call), issued, signature;

    issued = eff_str_printf(call->arena, "%lld", (long long)eff_world_now(call->world));
    signature =
        eff_base64(call->arena, (eff_str){(const char *)eff_sha256(token).bytes, 32}, false);
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "access_token", token);
    eff_json_field_str(&w, "signature", signature);
    eff_json_field_str(&w, "scope", EFF_STR("api"));
    eff_json_field_str(&w, "instance_url", eff_sf_base(call));
    eff_json_field_str(&w, "id", auth_identity_url(call));
    eff_json_field_str(&w, "token_type", EFF_STR("Bearer"));
    eff_json_field_str(&w, "issued_at", issued);
    eff_json_end_object(&w);
}

/* Signed with our key, issued by test-user for us, and valid now and not for long. */
static bool
auth_jwt_fine(struct eff_call *call, eff_str jwt)
{
    eff_str text, audience;
    const struct eff_json *claims;
    struct eff_err err = {0};
    int64_t expires, now = eff_world_now(call->world) / 1000;

    if (!eff_jwt_verify(eff_sandbox_key(), jwt, call->arena, &text) ||
        eff_json_parse(text, call->arena, &claims, &err) != EFF_OK)
        return false;
    audience = eff_json_str(eff_json_get(claims, EFF_STR("aud")));
    return eff_str_is(eff_json_str(eff_json_get(claims, EFF_STR("iss"))), "test-user") &&
           eff_str_is(eff_json_str(eff_json_get(claims, EFF_STR("sub"))), "test-user") &&
           (eff_str_is(audience, "https://login.salesforce.com") ||
            eff_str_is(audience, "https://test.salesforce.com")) &&
           eff_json_int(eff_json_get(claims, EFF_STR("exp")), &expires) && expires > now &&
           expires <= now + AUTH_JWT_SECONDS;
}

/* The secret may come in the form or, by RFC 6749, in an Authorization header. */
static bool
auth_client_fine(struct eff_call *call)
{
    eff_str basic = eff_call_header(call, "authorization"), scheme, pair;

    if (eff_str_cut(basic, ' ', &scheme, &pair) && eff_str_eq_nocase(scheme, EFF_STR("basic")))
        return eff_base64_decode(call->arena, pair, &pair) &&
               eff_str_is(pair, "test-user:test-secret");
    return eff_str_is(eff_call_form(call, call->body, "client_id"), "test-user") &&
           eff_str_is(eff_call_form(call, call->body, "client_secret"), "test-secret");
}

static void
auth_by_secret(struct eff_call *call, eff_str grant)
{
    if (!auth_client_fine(call)) {
        auth_error(call, 400, "invalid_client", "invalid client credentials");
    } else if (eff_str_is(grant, "password") &&
               (!eff_str_is(eff_call_form(call, call->body, "username"), "test-user") ||
                !eff_str_starts(eff_call_form(call, call->body, "password"),
                                EFF_STR("test-secret")))) { // A security token may follow.
        auth_error(call, 400, "invalid_grant", "authentication failure");
    } else if (eff_str_is(grant, "refresh_token") &&
               !eff_world_trusts(call->world, eff_call_form(call, call->body, "refresh_token"))) {
        auth_error(call, 400, "invalid_grant", "expired access/refresh token");
    } else {
        auth_grant(call);
    }
}

void
eff_sf_token(struct eff_call *call)
{
    eff_str grant = eff_call_form(call, call->body, "grant_type");

    if (eff_str_is(grant, "urn:ietf:params:oauth:grant-type:jwt-bearer")) {
        if (auth_jwt_fine(call, eff_call_form(call, call->body, "assertion")))
            auth_grant(call);
        else
            auth_error(call, 400, "invalid_grant", "invalid assertion");
    } else if (eff_str_is(grant, "client_credentials") || eff_str_is(grant, "password") ||
               eff_str_is(grant, "refresh_token")) {
        auth_by_secret(call, grant);
    } else {
        auth_error(call, 400, "unsupported_grant_type", "grant type not supported");
    }
}

void
eff_sf_revoke(struct eff_call *call)
{
    eff_str token = eff_call_form(call, call->body, "token");

    if (!eff_world_trusts(call->world, token)) {
        auth_error(call, 400, "unsupported_token_type", "this token is not known");
        return;
    }
    if (!eff_str_is(token, "test-token")) // Everybody's; tests void it by a fault.
        eff_world_revoke(call->world, token);
    eff_call_empty(call, 200);
}

bool
eff_sf_authorize(struct eff_call *call)
{
    if (eff_world_trusts(call->world, eff_call_bearer(call)))
        return true;
    call->world->vendor->refuse(call, 401, NULL, NULL);
    return false;
}

void
eff_sf_identity(struct eff_call *call)
{
    eff_str token = eff_call_bearer(call);
    struct eff_json_writer w;

    if (token.len == 0)
        token = eff_call_param(call, "oauth_token");
    if (!eff_world_trusts(call->world, token)) {
        eff_call_text(call, 403, "text/html", EFF_STR("Bad_OAuth_Token"));
        return;
    }
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "id", auth_identity_url(call));
    eff_json_field_str(&w, "user_id", EFF_STR(EFF_SF_USER));
    eff_json_field_str(&w, "organization_id", EFF_STR(EFF_SF_ORG));
    eff_json_field_str(&w, "username", EFF_STR("test-user"));
    eff_json_field_str(&w, "display_name", EFF_STR("Test User"));
    eff_json_field_str(&w, "user_type", EFF_STR("STANDARD"));
    eff_json_end_object(&w);
}

/* The text of the first element of that name, which must hold no other elements. */
static eff_str
auth_element(eff_str xml, const char *open, const char *close)
{
    size_t start = eff_str_find(xml, eff_str_of(open)), end;
    eff_str rest;

    if (start == SIZE_MAX)
        return EFF_STR_NONE;
    rest = eff_str_sub(xml, start + strlen(open), SIZE_MAX);
    end = eff_str_find(rest, eff_str_of(close));
    return end == SIZE_MAX ? EFF_STR_NONE : eff_str_sub(rest, 0, end);
}

static void
auth_soap_answer(struct eff_call *call, int status, eff_str inner)
{
    static const char start[] =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" "
        "xmlns=\"urn:partner.soap.sforce.com\"><soapenv:Body>";
    static const char end[] = "</soapenv:Body></soapenv:Envelope>";

    eff_call_text(
        call, status, "text/xml;charset=UTF-8",
        eff_str_printf(call->arena, "%s" EFF_STR_FMT "%s", start, EFF_STR_ARG(inner), end));
}

static void
auth_soap_login(struct eff_call *call)
{
    eff_str user = auth_element(call->body, "<username>", "</username>");
    eff_str password = auth_element(call->body, "<password>", "</password>");
    eff_str version = call->args[0];

    if (!eff_str_is(user, "test-user") || !eff_str_starts(password, EFF_STR("test-secret"))) {
        auth_soap_answer(call, 500,
                         EFF_STR("<soapenv:Fault><faultcode>INVALID_LOGIN</faultcode><faultstring>"
                                 "INVALID_LOGIN: Invalid username, password, security token; or "
                                 "user locked out.</faultstring></soapenv:Fault>"));
        return;
    }
    if (version.len > 8 || eff_str_find_char(version, '<') != SIZE_MAX)
        version = EFF_STR("62.0");
    auth_soap_answer(
        call, 200,
        eff_str_printf(call->arena,
                       "<loginResponse><result><passwordExpired>false</passwordExpired>"
                       "<serverUrl>" EFF_STR_FMT "/services/Soap/u/" EFF_STR_FMT "/" EFF_SF_ORG
                       "</serverUrl><sessionId>" EFF_STR_FMT "</sessionId><userId>" EFF_SF_USER
                       "</userId><userInfo><organizationId>" EFF_SF_ORG
                       "</organizationId></userInfo></result></loginResponse>",
                       EFF_STR_ARG(eff_sf_base(call)), EFF_STR_ARG(version),
                       EFF_STR_ARG(auth_new_token(call))));
}

void
eff_sf_soap(struct eff_call *call)
{
    if (eff_str_find(call->body, EFF_STR("<logout ")) != SIZE_MAX) {
        eff_str token = auth_element(call->body, "<sessionId>", "</sessionId>");

        if (!eff_str_is(token, "test-token"))
            eff_world_revoke(call->world, token);
        auth_soap_answer(call, 200, EFF_STR("<logoutResponse/>"));
    } else if (eff_str_find(call->body, EFF_STR("<login ")) != SIZE_MAX) {
        auth_soap_login(call);
    } else {
        auth_soap_answer(call, 500,
                         EFF_STR("<soapenv:Fault><faultcode>UNKNOWN_EXCEPTION</faultcode>"
                                 "<faultstring>UNKNOWN_EXCEPTION: only login and logout are served"
                                 "</faultstring></soapenv:Fault>"));
    }
}
