/* dest/s3_answer: statuses and codes of S3, and its XML as far as it is read. */
#include "dest/s3.h"

#include <stdio.h>
#include <string.h>

/* ---- XML ---- */

bool
s3_elements_next(eff_str *rest, const char *name, eff_str *ret_inside)
{
    char open[64], close[64];
    size_t at, end;
    eff_str text;

    snprintf(open, sizeof open, "<%s>", name);
    snprintf(close, sizeof close, "</%s>", name);
    at = eff_str_find(*rest, eff_str_of(open));
    if (at == SIZE_MAX)
        return false;
    text = eff_str_sub(*rest, at + strlen(open), SIZE_MAX);
    end = eff_str_find(text, eff_str_of(close));
    if (end == SIZE_MAX)
        return false;
    *ret_inside = eff_str_sub(text, 0, end);
    *rest = eff_str_sub(text, end + strlen(close), SIZE_MAX);
    return true;
}

/* &amp; and its like, and &#34; for what is one byte; others stay as they are. */
static size_t
s3_entity(eff_str text, char *ret_char)
{
    static const struct {
        const char *text;
        char means;
    } entities[] = {{"&amp;", '&'},   {"&lt;", '<'},    {"&gt;", '>'},   {"&quot;", '"'},
                    {"&apos;", '\''}, {"&#34;", '"'},   {"&#39;", '\''}, {"&#38;", '&'},
                    {"&#x22;", '"'},  {"&#x27;", '\''}, {"&#13;", '\r'}, {"&#10;", '\n'}};

    for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
        if (!eff_str_starts(text, eff_str_of(entities[i].text)))
            continue;
        *ret_char = entities[i].means;
        return strlen(entities[i].text);
    }
    return 0;
}

eff_str
s3_element(eff_str xml, const char *name, struct eff_arena *arena)
{
    eff_str inside;
    char *text;
    size_t len = 0;

    if (!s3_elements_next(&xml, name, &inside))
        return EFF_STR_NONE;
    text = eff_new(arena, char, inside.len + 1);
    for (size_t i = 0; i < inside.len;) {
        size_t entity = s3_entity(eff_str_sub(inside, i, SIZE_MAX), &text[len]);

        if (entity == 0)
            text[len] = inside.ptr[i];
        len++;
        i += entity ? entity : 1;
    }
    return (eff_str){text, len};
}

/* ---- what it means ---- */

static bool
s3_code_in(eff_str code, const char *const *codes)
{
    for (; *codes != NULL; codes++)
        if (eff_str_is(code, *codes))
            return true;
    return false;
}

/* Source: docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, read 2026-11. */
static enum s3_answer
s3_refused(const struct s3_dest *dest, const struct eff_response *last, eff_str code,
           struct eff_arena *arena, struct eff_err *err)
{
    static const char *const again[] = {"RequestTimeout", "OperationAborted", "InternalError",
                                        "ConditionalRequestConflict", NULL};
    static const char *const credentials[] = {"InvalidAccessKeyId",
                                              "SignatureDoesNotMatch",
                                              "ExpiredToken",
                                              "InvalidToken",
                                              "TokenRefreshRequired",
                                              "AccessDenied",
                                              "AccountProblem",
                                              "AllAccessDisabled",
                                              "NotSignedUp",
                                              "InvalidSecurity",
                                              "AuthorizationHeaderMalformed",
                                              NULL};
    eff_str region = eff_response_header(last, EFF_STR("x-amz-bucket-region"));

    if (region.len == 0)
        region = s3_element(last->body, "Region", arena);
    if (s3_code_in(code, again))
        err->fault = EFF_TRANSIENT;
    else if (eff_str_is(code, "NoSuchBucket"))
        err->fault = EFF_CONTRACT;
    else if (eff_str_is(code, "RequestTimeTooSkewed")) {
        err->fault = EFF_AUTH;
        eff_err_hint(err, "Set this machine's clock: a signature is good for 15 minutes.");
    } else if (s3_code_in(code, credentials) || last->status == 401 || last->status == 403) {
        err->fault = EFF_AUTH;
        eff_err_hint(err, "Check access_key_id, secret_access_key and session_token, and what they "
                          "may do in the bucket.");
    }
    if (region.len > 0 && !eff_str_eq(region, dest->config->region)) {
        err->fault = EFF_CONFIG;
        eff_err_hint(err, "The bucket is in another region: region: " EFF_STR_FMT,
                     EFF_STR_ARG(region));
    }
    return err->fault == EFF_TRANSIENT ? S3_AGAIN : S3_NEVER;
}

enum s3_answer
s3_judge(const struct s3_dest *dest, const struct eff_response *last, struct eff_arena *arena,
         struct eff_err *err)
{
    eff_str code = EFF_STR_NONE, message = EFF_STR_NONE;

    if (last->wire != EFF_WIRE_ANSWERED) {
        EFF_FAIL(err, last->not_allowed ? EFF_CONFIG : EFF_TRANSIENT, "s3: " EFF_STR_FMT,
                 EFF_STR_ARG(last->problem.len ? last->problem : EFF_STR("no answer")));
        return last->not_allowed ? S3_NEVER : S3_AGAIN;
    }
    if (eff_str_find(last->body, EFF_STR("<Error>")) != SIZE_MAX) {
        code = s3_element(last->body, "Code", arena);
        message = s3_element(last->body, "Message", arena);
    } else if (last->status >= 200 && last->status < 300) {
        return S3_GOOD;
    }
    EFF_FAIL(err, EFF_CONFIG, "the store answers HTTP %d%s" EFF_STR_FMT "%s" EFF_STR_FMT,
             last->status, code.len ? ": " : "", EFF_STR_ARG(code), message.len ? ": " : "",
             EFF_STR_ARG(message));
    if (last->status == 429 || last->status == 503 || eff_str_is(code, "SlowDown")) {
        err->fault = EFF_RATE;
        return S3_AGAIN;
    }
    if (last->status >= 500) {
        err->fault = EFF_TRANSIENT;
        return S3_AGAIN;
    }
    if (last->status == 404 && !eff_str_is(code, "NoSuchBucket"))
        return S3_GONE;
    return s3_refused(dest, last, code, arena, err);
}
