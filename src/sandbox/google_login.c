/*
 * sandbox/google_login: tokens of Google's stand-ins.
 */
#include "sandbox/google_login.h"

#include "base/sign.h"

/* One of the words, as Google takes several. */
static bool
login_has_scope(eff_str scopes, const char *scope)
{
    eff_str word;

    while (eff_str_cut(scopes, ' ', &word, &scopes))
        if (eff_str_is(word, scope))
            return true;
    return eff_str_is(word, scope);
}

/* Signed by our key, issued by test-user for this scope and address, and valid now. */
static bool
login_assertion_fine(struct eff_call *call, eff_str assertion, const char *scope)
{
    const struct eff_json *claims = NULL;
    struct eff_err err = {0};
    int64_t from = 0, to = 0, now = eff_world_now(call->world) / 1000;
    eff_str text, aud;

    if (!eff_jwt_verify(eff_sandbox_key(), assertion, call->arena, &text) ||
        eff_json_parse(text, call->arena, &claims, &err) != EFF_OK)
        return false;
    aud = eff_json_str(eff_json_get(claims, EFF_STR("aud")));
    return eff_str_is(eff_json_str(eff_json_get(claims, EFF_STR("iss"))), "test-user") &&
           (login_has_scope(eff_json_str(eff_json_get(claims, EFF_STR("scope"))), scope) ||
            login_has_scope(eff_json_str(eff_json_get(claims, EFF_STR("scope"))),
                            "https://www.googleapis.com/auth/cloud-platform")) &&
           eff_str_ends(aud, EFF_STR("/token")) &&
           eff_json_int(eff_json_get(claims, EFF_STR("iat")), &from) &&
           eff_json_int(eff_json_get(claims, EFF_STR("exp")), &to) && from <= now + 60 &&
           to > now && to - from <= 3600;
}

static bool
login_refresh_fine(struct eff_call *call)
{
    return eff_str_is(eff_call_form(call, call->body, "client_id"), "test-user") &&
           eff_str_is(eff_call_form(call, call->body, "client_secret"), "test-secret") &&
           eff_str_is(eff_call_form(call, call->body, "refresh_token"), "test-refresh-token");
}

static void
login_refuse(struct eff_call *call, const char *why)
{
    struct eff_json_writer w = eff_call_answer(call, 400);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "error", EFF_STR("invalid_grant"));
    eff_json_field_str(&w, "error_description", eff_str_of(why));
    eff_json_end_object(&w);
}

static void
login_grant(struct eff_call *call)
{
    eff_str token = eff_str_printf(call->arena, "ya29.%016llx",
                                   (unsigned long long)eff_world_random(call->world));
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_world_issue(call->world, token);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "access_token", token);
    eff_json_field_int(&w, "expires_in", 3599);
    eff_json_field_str(&w, "token_type", EFF_STR("Bearer"));
    eff_json_end_object(&w);
}

void
eff_google_metadata(struct eff_call *call)
{
    if (eff_str_is(eff_call_header(call, "metadata-flavor"), "Google"))
        login_grant(call);
    else
        eff_call_text(call, 403, "text/html", EFF_STR("Missing Metadata-Flavor:Google header."));
}

void
eff_google_impersonate(struct eff_call *call)
{
    struct eff_err ignored = {0};
    const struct eff_json *body = eff_call_json(call, &ignored);
    struct eff_json_writer w;
    eff_str token;

    if (!eff_str_is(call->args[0], "reader@acme.example:generateAccessToken") ||
        eff_json_count(eff_json_get(body, EFF_STR("scope"))) == 0) {
        call->world->vendor->refuse(call, 403, NULL,
                                    "Permission 'iam.serviceAccounts.getAccessToken' denied on "
                                    "resource (or it may not exist).");
        return;
    }
    token = eff_str_printf(call->arena, "ya29.c.%016llx",
                           (unsigned long long)eff_world_random(call->world));
    eff_world_issue(call->world, token);
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "accessToken", token);
    eff_json_field_str(&w, "expireTime",
                       eff_call_time(call, eff_world_now(call->world) + 3600000, "Z"));
    eff_json_end_object(&w);
}

void
eff_google_login(struct eff_call *call, const char *scope)
{
    eff_str grant = eff_call_form(call, call->body, "grant_type");

    if (eff_str_is(grant, "refresh_token")) {
        if (login_refresh_fine(call))
            login_grant(call);
        else
            login_refuse(call, "Token has been expired or revoked.");
    } else if (!eff_str_is(grant, "urn:ietf:params:oauth:grant-type:jwt-bearer") ||
               !login_assertion_fine(call, eff_call_form(call, call->body, "assertion"), scope)) {
        login_refuse(call, "Invalid JWT Signature or claims.");
    } else {
        login_grant(call);
    }
}
