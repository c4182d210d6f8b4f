/* base/sigv4: the canonical request, its digest, and the chain of keys. */
#include "base/sigv4.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"

struct sigv4_url {
    eff_str host, path, query;
};

/* The port is left out where it is the scheme's own, as libcurl leaves it out. */
static struct sigv4_url
sigv4_url(eff_str url)
{
    bool tls = eff_str_starts(url, EFF_STR("https://"));
    eff_str rest = eff_str_sub(url, tls ? 8 : 7, SIZE_MAX), port = EFF_STR(":80");
    struct sigv4_url parts = {.path = EFF_STR("/")};
    size_t len = 0;

    eff_str_cut(rest, '?', &rest, &parts.query);
    while (len < rest.len && rest.ptr[len] != '/')
        len++;
    parts.host = eff_str_sub(rest, 0, len);
    if (len < rest.len)
        parts.path = eff_str_sub(rest, len, SIZE_MAX);
    if (tls)
        port = EFF_STR(":443");
    if (eff_str_ends(parts.host, port))
        parts.host.len -= port.len;
    return parts;
}

static int
sigv4_parameter_cmp(const void *a, const void *b)
{
    eff_str name_a, name_b, value_a, value_b;
    int order;

    eff_str_cut(*(const eff_str *)a, '=', &name_a, &value_a);
    eff_str_cut(*(const eff_str *)b, '=', &name_b, &value_b);
    order = eff_str_cmp(name_a, name_b);
    return order != 0 ? order : eff_str_cmp(value_a, value_b);
}

/* Sorted by name, each with its '='. */
static eff_str
sigv4_query(eff_str query, struct eff_arena *arena)
{
    size_t count = 0, cap = 1;
    eff_str *parameters, text = EFF_STR("");

    for (size_t i = 0; i < query.len; i++)
        cap += query.ptr[i] == '&';
    parameters = eff_new(arena, eff_str, cap);
    while (query.len > 0)
        eff_str_cut(query, '&', &parameters[count++], &query);
    qsort(parameters, count, sizeof *parameters, sigv4_parameter_cmp);
    for (size_t i = 0; i < count; i++)
        text = eff_str_printf(arena, EFF_STR_FMT "%s" EFF_STR_FMT "%s", EFF_STR_ARG(text),
                              i > 0 ? "&" : "", EFF_STR_ARG(parameters[i]),
                              eff_str_find_char(parameters[i], '=') == SIZE_MAX ? "=" : "");
    return text;
}

static eff_str
sigv4_hex(struct eff_arena *arena, struct eff_sha256 digest)
{
    return eff_hex(arena, digest.bytes, sizeof digest.bytes);
}

static struct eff_sha256
sigv4_step(struct eff_sha256 key, eff_str text)
{
    return eff_hmac_sha256((eff_str){(const char *)key.bytes, sizeof key.bytes}, text);
}

static eff_str
sigv4_signature(const struct eff_sigv4 *sign, eff_str day, eff_str text, struct eff_arena *arena)
{
    eff_str secret = eff_str_printf(arena, "AWS4" EFF_STR_FMT, EFF_STR_ARG(sign->secret));
    struct eff_sha256 key = eff_hmac_sha256(secret, day);

    key = sigv4_step(key, sign->region);
    key = sigv4_step(key, sign->service);
    key = sigv4_step(key, EFF_STR("aws4_request"));
    return sigv4_hex(arena, sigv4_step(key, text));
}

/* "20260131T123000Z" */
static eff_str
sigv4_date(int64_t wall_ms, struct eff_arena *arena)
{
    struct eff_civil at = eff_civil_from_micros(wall_ms * 1000, 0);

    return eff_str_printf(arena, "%04d%02d%02dT%02d%02d%02dZ", at.year, at.month, at.day, at.hour,
                          at.minute, at.second);
}

struct eff_sigv4_headers
eff_sigv4_sign(const struct eff_sigv4 *sign, eff_str method, eff_str url, eff_str body,
               int64_t wall_ms, struct eff_arena *arena)
{
    struct sigv4_url parts = sigv4_url(url);
    struct eff_sigv4_headers headers = {.date = sigv4_date(wall_ms, arena),
                                        .content = sigv4_hex(arena, eff_sha256(body))};
    eff_str day = eff_str_sub(headers.date, 0, 8);
    bool token = sign->token.len > 0;
    const char *names = token ? "host;x-amz-content-sha256;x-amz-date;x-amz-security-token"
                              : "host;x-amz-content-sha256;x-amz-date";
    eff_str scope, request, text;

    scope = eff_str_printf(arena, EFF_STR_FMT "/" EFF_STR_FMT "/" EFF_STR_FMT "/aws4_request",
                           EFF_STR_ARG(day), EFF_STR_ARG(sign->region), EFF_STR_ARG(sign->service));
    request = eff_str_printf(
        arena,
        EFF_STR_FMT "\n" EFF_STR_FMT "\n" EFF_STR_FMT "\nhost:" EFF_STR_FMT
                    "\nx-amz-content-sha256:" EFF_STR_FMT "\nx-amz-date:" EFF_STR_FMT
                    "\n%s" EFF_STR_FMT "%s\n%s\n" EFF_STR_FMT,
        EFF_STR_ARG(method), EFF_STR_ARG(parts.path), EFF_STR_ARG(sigv4_query(parts.query, arena)),
        EFF_STR_ARG(parts.host), EFF_STR_ARG(headers.content), EFF_STR_ARG(headers.date),
        token ? "x-amz-security-token:" : "", EFF_STR_ARG(sign->token), token ? "\n" : "", names,
        EFF_STR_ARG(headers.content));
    text = eff_str_printf(arena, "AWS4-HMAC-SHA256\n" EFF_STR_FMT "\n" EFF_STR_FMT "\n" EFF_STR_FMT,
                          EFF_STR_ARG(headers.date), EFF_STR_ARG(scope),
                          EFF_STR_ARG(sigv4_hex(arena, eff_sha256(request))));
    headers.authorization =
        eff_str_printf(arena,
                       "AWS4-HMAC-SHA256 Credential=" EFF_STR_FMT "/" EFF_STR_FMT
                       ", SignedHeaders=%s, Signature=" EFF_STR_FMT,
                       EFF_STR_ARG(sign->access_key), EFF_STR_ARG(scope), names,
                       EFF_STR_ARG(sigv4_signature(sign, day, text, arena)));
    return headers;
}

eff_str
eff_sigv4_encode(struct eff_arena *arena, eff_str text, bool slashes_stay)
{
    struct eff_buf buf = {0};
    eff_str part = text, rest = EFF_STR_NONE, encoded;

    while (slashes_stay && eff_str_cut(text, '/', &part, &rest)) {
        eff_url_encode(&buf, part);
        eff_buf_add_char(&buf, '/');
        part = text = rest;
    }
    eff_url_encode(&buf, part);
    encoded = eff_str_copy(arena, buf.len > 0 ? eff_buf_str(&buf) : EFF_STR(""));
    eff_buf_free(&buf);
    return encoded;
}
