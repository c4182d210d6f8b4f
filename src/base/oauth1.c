/* base/oauth1: RFC 5849, sections 3.4 and 3.6. */
#include "base/oauth1.h"

#include "base/buf.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

#define OAUTH1_PARAMS_MAX 512

/* Encoded, as they are sorted. */
struct oauth1_pair {
    eff_str name, value;
};

struct oauth1_pairs {
    size_t count;
    struct oauth1_pair at[OAUTH1_PARAMS_MAX];
};

static eff_str
oauth1_encoded(eff_str text, struct eff_arena *arena)
{
    struct eff_buf buf = {0};
    eff_str encoded;

    eff_url_encode(&buf, text);
    encoded = eff_str_copy(arena, buf.len > 0 ? eff_buf_str(&buf) : EFF_STR(""));
    eff_buf_free(&buf);
    return encoded;
}

static int
oauth1_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* '+' is a blank. */
static bool
oauth1_decode(eff_str text, struct eff_arena *arena, eff_str *ret_text)
{
    char *out = eff_new(arena, char, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        int high, low;

        if (text.ptr[i] != '%') {
            out[len++] = text.ptr[i] == '+' ? ' ' : text.ptr[i];
            continue;
        }
        if (i + 2 >= text.len)
            return false;
        high = oauth1_digit(text.ptr[i + 1]);
        low = oauth1_digit(text.ptr[i + 2]);
        if (high < 0 || low < 0)
            return false;
        out[len++] = (char)(high * 16 + low);
        i += 2;
    }
    *ret_text = (eff_str){out, len};
    return true;
}

static bool
oauth1_add(struct oauth1_pairs *pairs, eff_str name, eff_str value, struct eff_arena *arena)
{
    if (pairs->count == OAUTH1_PARAMS_MAX)
        return false;
    pairs->at[pairs->count++] =
        (struct oauth1_pair){oauth1_encoded(name, arena), oauth1_encoded(value, arena)};
    return true;
}

/* a=1&b=2, as a query or a form has them. */
static bool
oauth1_add_form(struct oauth1_pairs *pairs, eff_str form, struct eff_arena *arena)
{
    bool more = form.len > 0;
    eff_str pair, name, value;

    while (more) {
        more = eff_str_cut(form, '&', &pair, &form);
        if (pair.len == 0)
            continue;
        if (!eff_str_cut(pair, '=', &name, &value))
            value = EFF_STR("");
        if (!oauth1_decode(name, arena, &name) || !oauth1_decode(value, arena, &value) ||
            !oauth1_add(pairs, name, value, arena))
            return false;
    }
    return true;
}

static int
oauth1_order(const void *a, const void *b)
{
    const struct oauth1_pair *left = a, *right = b;
    int order = eff_str_cmp(left->name, right->name);

    return order ? order : eff_str_cmp(left->value, right->value);
}

static void
oauth1_lower(struct eff_buf *buf, eff_str text)
{
    for (size_t i = 0; i < text.len; i++)
        eff_buf_add_char(buf, (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] | 0x20
                                                                              : text.ptr[i]));
}

/* Scheme and host in small letters, no default port, the path as it is; the query apart. */
static bool
oauth1_address(eff_str url, struct eff_buf *buf, eff_str *ret_query)
{
    eff_str scheme, rest, host, path, without, port;
    size_t mark = eff_str_find(url, EFF_STR("://")), slash;
    bool https;

    if (mark == SIZE_MAX)
        return false;
    scheme = eff_str_sub(url, 0, mark);
    rest = eff_str_sub(url, mark + 3, SIZE_MAX);
    eff_str_cut(rest, '#', &rest, &without);
    if (!eff_str_cut(rest, '?', &rest, ret_query))
        *ret_query = EFF_STR("");
    slash = eff_str_find_char(rest, '/');
    host = eff_str_sub(rest, 0, slash);
    path = slash == SIZE_MAX ? EFF_STR("/") : eff_str_sub(rest, slash, SIZE_MAX);
    https = eff_str_eq_nocase(scheme, EFF_STR("https"));
    port = https ? EFF_STR(":443") : EFF_STR(":80");
    if (eff_str_ends(host, port))
        host.len -= port.len;
    oauth1_lower(buf, scheme);
    eff_buf_add(buf, EFF_STR("://"));
    oauth1_lower(buf, host);
    eff_buf_add(buf, path);
    return host.len > 0;
}

static void
oauth1_write_pairs(struct eff_buf *buf, const struct oauth1_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (i > 0)
            eff_buf_add_char(buf, '&');
        eff_buf_add(buf, pairs->at[i].name);
        eff_buf_add_char(buf, '=');
        eff_buf_add(buf, pairs->at[i].value);
    }
}

eff_str
eff_oauth1_base(const struct eff_oauth1_request *request, size_t count,
                const struct eff_oauth1_param *params, struct eff_arena *arena)
{
    struct oauth1_pairs *pairs = eff_new(arena, struct oauth1_pairs, 1);
    struct eff_buf address = {0}, list = {0}, base = {0};
    eff_str query = EFF_STR(""), text = EFF_STR_NONE;
    bool good = oauth1_address(request->url, &address, &query);

    for (size_t i = 0; i < count; i++)
        good = good && oauth1_add(pairs, params[i].name, params[i].value, arena);
    good = good && oauth1_add_form(pairs, query, arena) &&
           oauth1_add_form(pairs, request->form, arena);
    if (good) {
        qsort(pairs->at, pairs->count, sizeof(pairs->at[0]), oauth1_order);
        oauth1_write_pairs(&list, pairs);
        eff_buf_add(&base, request->method);
        eff_buf_add_char(&base, '&');
        eff_url_encode(&base, eff_buf_str(&address));
        eff_buf_add_char(&base, '&');
        eff_url_encode(&base, eff_buf_str(&list));
        text = eff_str_copy(arena, eff_buf_str(&base));
    }
    eff_buf_free(&address);
    eff_buf_free(&list);
    eff_buf_free(&base);
    return text;
}

eff_str
eff_oauth1_sign(eff_str base, eff_str consumer_secret, eff_str token_secret,
                struct eff_arena *arena)
{
    struct eff_buf key = {0};
    struct eff_sha256 digest;

    eff_url_encode(&key, consumer_secret);
    eff_buf_add_char(&key, '&');
    eff_url_encode(&key, token_secret);
    digest = eff_hmac_sha256(eff_buf_str(&key), base);
    eff_buf_free(&key);
    return eff_base64(arena, (eff_str){(const char *)digest.bytes, sizeof digest.bytes}, false);
}

static void
oauth1_write(struct eff_buf *buf, const char *name, eff_str value)
{
    eff_buf_addf(buf, "%s%s=\"", buf->len > 6 ? ", " : "", name);
    eff_url_encode(buf, value);
    eff_buf_add_char(buf, '"');
}

eff_str
eff_oauth1_header(const struct eff_oauth1 *oauth1, const struct eff_oauth1_request *request,
                  int64_t timestamp, eff_str nonce, struct eff_arena *arena)
{
    eff_str when = eff_str_printf(arena, "%lld", (long long)timestamp);
    const struct eff_oauth1_param params[] = {
        {EFF_STR("oauth_consumer_key"), oauth1->consumer_key},
        {EFF_STR("oauth_token"), oauth1->token},
        {EFF_STR("oauth_signature_method"), EFF_STR("HMAC-SHA256")},
        {EFF_STR("oauth_timestamp"), when},
        {EFF_STR("oauth_nonce"), nonce},
        {EFF_STR("oauth_version"), EFF_STR("1.0")},
    };
    size_t count = sizeof(params) / sizeof(params[0]);
    eff_str base = eff_oauth1_base(request, count, params, arena), header;
    struct eff_buf buf = {0};

    if (!base.ptr)
        return EFF_STR_NONE;
    eff_buf_add(&buf, EFF_STR("OAuth "));
    if (oauth1->realm.ptr)
        oauth1_write(&buf, "realm", oauth1->realm);
    for (size_t i = 0; i < count; i++)
        oauth1_write(&buf, params[i].name.ptr, params[i].value);
    oauth1_write(&buf, "oauth_signature",
                 eff_oauth1_sign(base, oauth1->consumer_secret, oauth1->token_secret, arena));
    header = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return header;
}
