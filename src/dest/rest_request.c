/* rest_request: a call of the connector, with its rows, to the bytes of a request. */
#include "dest/render_value.h"
#include "dest/rest.h"

#define REQUEST_HEADERS_MAX 64

struct eff_render
rest_render(struct rest_dest *dest, struct eff_arena *arena)
{
    return (struct eff_render){.values = &dest->connector->values,
                               .options = dest->options,
                               .token = dest->token,
                               .base = dest->url,
                               .run = dest->run_id,
                               .arena = arena};
}

/* ---- hosts ---- */

/* Whether the project itself writes that host, and http:// before it where that is to be used. */
static bool
host_is_written(const struct rest_dest *dest, eff_str name, bool plain)
{
    const struct eff_option *options = dest->connector->options;

    for (size_t i = 0; i < dest->connector->options_count; i++) {
        bool https = true;
        eff_str host = EFF_STR_NONE;

        if (options[i].kind == EFF_OPT_URL && dest->options[i].ptr != options[i].fallback)
            host = eff_connector_host(dest->options[i], &https);
        if (host.ptr && !(plain && https) && eff_str_eq_nocase(eff_connector_host_name(host), name))
            return true;
    }
    return false;
}

bool
rest_host_allowed(const struct rest_dest *dest, eff_str url)
{
    bool https;
    eff_str host = eff_connector_host(url, &https), name = eff_connector_host_name(host);

    return host.ptr && (host_is_written(dest, name, !https) ||
                        (https && eff_connector_declares(dest->connector, name)));
}

/* ---- the address ---- */

static enum rest_built
request_failed(struct eff_render *r, const struct eff_call *call, struct eff_err *err)
{
    if (r->bad_count > 0 && !r->problem.ptr)
        return REST_ROWS_BAD;
    EFF_FAIL(err, EFF_CONFIG, "the request cannot be made: " EFF_STR_FMT,
             EFF_STR_ARG(r->problem.ptr ? r->problem : EFF_STR("a part is missing")));
    eff_err_where(err, call->place.file, call->place.line, call->place.column);
    return REST_NOT_BUILT;
}

static bool
request_query(struct eff_render *r, const struct eff_call *call, struct eff_buf *buf)
{
    bool some = false;

    for (size_t i = 0; i < call->query_count; i++) {
        size_t from = buf->len;
        enum eff_rendered rendered;

        eff_buf_add_char(buf, some ? '&' : '?');
        eff_url_encode(buf, call->query[i].name);
        eff_buf_add_char(buf, '=');
        rendered = eff_render_text(r, &call->query[i].value, EFF_SLOT_QUERY, buf);
        if (rendered == EFF_RENDER_LEFT_OUT)
            buf->len = from;
        else if (rendered != EFF_RENDERED)
            return false;
        else
            some = true;
    }
    return true;
}

static void
request_trim_slash(struct eff_buf *buf)
{
    while (buf->len > 0 && buf->ptr[buf->len - 1] == '/')
        buf->len--;
}

/* The address of a next page is taken as it is, or below the same origin. */
static void
request_page(struct eff_buf *buf, eff_str address)
{
    bool https;
    eff_str host;

    if (address.len > 0 && address.ptr[0] == '/') {
        host = eff_connector_host(eff_buf_str(buf), &https);
        buf->len = host.ptr ? (size_t)(host.ptr - buf->ptr) + host.len : 0;
    } else {
        buf->len = 0;
    }
    eff_buf_add(buf, address);
}

/* The path that stands in the address from there on, where the connector's options put it. */
static void
request_move(const struct rest_dest *dest, struct eff_arena *arena, struct eff_buf *buf, size_t at)
{
    eff_str path = eff_str_sub(eff_buf_str(buf), at, SIZE_MAX);

    for (size_t i = 0; i < dest->moves_count; i++) {
        eff_str from = dest->moves[i].from;

        if (!eff_str_starts(path, from) || (path.len > from.len && path.ptr[from.len] != '/'))
            continue;
        path = eff_str_copy(arena, eff_str_sub(path, from.len, SIZE_MAX));
        buf->len = at;
        eff_buf_add(buf, dest->moves[i].to);
        eff_buf_add(buf, path);
        return;
    }
}

/* Fewer rows may help; a row that is only read is not to blame for the names of many fields. */
static enum rest_built
request_too_long(struct eff_render *r, const struct eff_call *call, eff_str address,
                 struct eff_err *err)
{
    eff_str why = EFF_STR("its address is too long");
    bool reads = r->delivery && r->delivery->op == EFF_OP_NONE;

    if (!address.ptr && (r->rows_count > 1 || (reads && r->rows_count == 1)))
        return REST_TOO_LONG;
    if (!address.ptr && r->rows_count == 1) {
        r->item = &r->delivery->items[r->rows[0]];
        eff_render_bad(r, why);
    } else {
        r->problem = why;
    }
    return request_failed(r, call, err);
}

static enum rest_built
request_url(struct rest_dest *dest, const struct eff_call *call, struct eff_render *r,
            eff_str address, struct eff_request *request, struct eff_err *err)
{
    const struct eff_text *base = call->base.parts ? &call->base : &dest->connector->base;
    struct eff_buf buf = {.max = EFF_REQUEST_URL_MAX};
    enum rest_built built = REST_BUILT;
    size_t at;

    if (eff_render_text(r, base, EFF_SLOT_PLAIN, &buf) != EFF_RENDERED) {
        built = request_failed(r, call, err);
    } else if (address.ptr) {
        request_page(&buf, address);
    } else {
        request_trim_slash(&buf);
        at = buf.len;
        if (eff_render_text(r, &call->path, EFF_SLOT_PATH, &buf) != EFF_RENDERED)
            built = request_failed(r, call, err);
        request_move(dest, r->arena, &buf, at);
        if (built == REST_BUILT && !request_query(r, call, &buf))
            built = request_failed(r, call, err);
    }
    if (built == REST_BUILT && buf.full)
        built = request_too_long(r, call, address, err);
    request->url = eff_str_copy(r->arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    if (built != REST_BUILT || rest_host_allowed(dest, request->url))
        return built;
    EFF_FAIL(err, EFF_CONFIG, "the connector may not talk to " EFF_STR_FMT,
             EFF_STR_ARG(eff_str_sub(request->url, 0, 200)));
    eff_err_hint(err, "Name the host in the destination's url, with http:// only if it is to be "
                      "spoken to unencrypted, or in the connector's `hosts`.");
    eff_err_where(err, call->place.file, call->place.line, call->place.column);
    return REST_NOT_BUILT;
}

void
rest_request_page(struct eff_arena *arena, struct eff_request *request, eff_str name,
                  eff_str cursor)
{
    struct eff_buf buf = {0};

    eff_buf_add(&buf, request->url);
    eff_buf_add_char(&buf, eff_str_find_char(request->url, '?') == SIZE_MAX ? '?' : '&');
    eff_url_encode(&buf, name);
    eff_buf_add_char(&buf, '=');
    eff_url_encode(&buf, cursor);
    request->url = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
}

/* ---- headers and body ---- */

bool
rest_request_header(struct eff_arena *arena, struct eff_request *request, eff_str name,
                    eff_str value)
{
    struct eff_header *headers = (struct eff_header *)(void *)request->headers;

    if (!headers) {
        headers = eff_new(arena, struct eff_header, REQUEST_HEADERS_MAX);
        request->headers = headers;
    }
    for (size_t i = 0; i < request->headers_count; i++) {
        if (eff_str_eq_nocase(headers[i].name, name)) {
            headers[i].value = value;
            return true;
        }
    }
    if (request->headers_count == REQUEST_HEADERS_MAX)
        return false;
    headers[request->headers_count++] = (struct eff_header){name, value};
    return true;
}

static bool
request_pairs(struct eff_render *r, size_t count, const struct eff_pair *pairs,
              struct eff_request *request)
{
    struct eff_buf buf = {0};
    bool good = true;

    for (size_t i = 0; good && i < count; i++) {
        enum eff_rendered rendered;

        buf.len = 0;
        rendered = eff_render_text(r, &pairs[i].value, EFF_SLOT_HEADER, &buf);
        if (rendered == EFF_RENDERED)
            good = rest_request_header(
                r->arena, request, pairs[i].name,
                eff_str_copy(r->arena, buf.len ? eff_buf_str(&buf) : EFF_STR("")));
        else
            good = rendered == EFF_RENDER_LEFT_OUT;
    }
    eff_buf_free(&buf);
    return good;
}

static bool
request_basic(struct rest_dest *dest, struct eff_render *r, struct eff_request *request)
{
    struct eff_buf buf = {0};
    bool good;

    if (!dest->connector->basic_user.parts)
        return true;
    good = eff_render_text(r, &dest->connector->basic_user, EFF_SLOT_PLAIN, &buf) == EFF_RENDERED;
    eff_buf_add_char(&buf, ':');
    good &= eff_render_text(r, &dest->connector->basic_password, EFF_SLOT_PLAIN, &buf) !=
            EFF_RENDER_BAD;
    if (good)
        good = rest_request_header(
            r->arena, request, EFF_STR("Authorization"),
            eff_str_printf(r->arena, "Basic " EFF_STR_FMT,
                           EFF_STR_ARG(eff_base64(r->arena, eff_buf_str(&buf), false))));
    eff_buf_free(&buf);
    return good;
}

static bool
request_headers(struct rest_dest *dest, const struct eff_call *call, struct eff_render *r,
                bool login, struct eff_request *request)
{
    const struct eff_connector *c = dest->connector;

    rest_request_header(r->arena, request, EFF_STR("Accept"),
                        EFF_STR("application/json, */*;q=0.1"));
    if (call->body != EFF_BODY_NONE)
        rest_request_header(r->arena, request, EFF_STR("Content-Type"), call->content_type);
    if (login || dest->oauth1)
        return request_pairs(r, c->plain_headers_count, c->plain_headers, request) &&
               request_pairs(r, call->headers_count, call->headers, request);
    return request_basic(dest, r, request) &&
           request_pairs(r, c->headers_count, c->headers, request) &&
           request_pairs(r, call->headers_count, call->headers, request);
}

static bool
request_body(struct rest_dest *dest, const struct eff_call *call, struct eff_render *r,
             struct eff_request *request)
{
    bool good = true;

    dest->body.len = 0;
    dest->body.full = false;
    switch (call->body) {
    case EFF_BODY_NONE:
        return true;
    case EFF_BODY_JSON:
        good = eff_render_json(r, &call->tree, &dest->body);
        break;
    case EFF_BODY_FORM:
        good = eff_render_form(r, &call->tree, &dest->body);
        break;
    case EFF_BODY_CSV:
        good = eff_render_csv(r, &call->csv, &dest->body);
        break;
    case EFF_BODY_TEXT:
        good = eff_render_text(r, &call->text, EFF_SLOT_BODY, &dest->body) == EFF_RENDERED;
        break;
    }
    if (dest->body.full && !r->problem.ptr) {
        r->problem = EFF_STR("its body is too large");
        good = false;
    }
    if (good && r->bad_count == 0)
        request->body =
            eff_str_copy(r->arena, dest->body.len ? eff_buf_str(&dest->body) : EFF_STR(""));
    return good;
}

enum rest_built
rest_request(struct rest_dest *dest, const struct eff_call *call, struct eff_render *r,
             eff_str address, bool login, struct eff_request *ret_request, struct eff_err *err)
{
    enum rest_built built;

    *ret_request = (struct eff_request){.kind = EFF_REQUEST_HTTP,
                                        .method = call->method,
                                        .bucket = call->bucket,
                                        .timeout_ms = call->timeout_ms,
                                        .oauth1 = login ? NULL : dest->oauth1,
                                        .hosts_count = dest->base.conf->hosts_count,
                                        .hosts = dest->base.conf->hosts};
    built = request_url(dest, call, r, address, ret_request, err);
    if (built != REST_BUILT)
        return built;
    if (!request_headers(dest, call, r, login, ret_request) ||
        !request_body(dest, call, r, ret_request) || r->bad_count > 0)
        return request_failed(r, call, err);
    return REST_BUILT;
}
