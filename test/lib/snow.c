/*
 * lib/snow: a scripted Snowflake behind a struct eff_os, without a network.
 */
#include "lib/snow.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"

void
snow_json(struct eff_buf *buf, const char *text)
{
    for (; *text; text++)
        eff_buf_add_char(buf, *text == '\'' ? '"' : *text == '`' ? '\'' : *text);
}

/* ---- what it answers ---- */

static void
snow_meta(struct snow_peer *peer, struct eff_buf *body, bool described)
{
    eff_buf_addf(body, "\"resultSetMetaData\": {\"numRows\": %lld, \"format\": \"jsonv2\", ",
                 described ? 0LL : (long long)peer->total);
    eff_buf_add(body, EFF_STR("\"partitionInfo\": ["));
    for (size_t i = 0; i < peer->parts_count && !described; i++) {
        eff_buf_addf(body, "%s{\"rowCount\": %lld", i ? ", " : "", (long long)peer->told[i]);
        if (peer->bytes[i])
            eff_buf_addf(body, ", \"uncompressedSize\": %lld", (long long)peer->bytes[i]);
        eff_buf_add_char(body, '}');
    }
    eff_buf_add(body, EFF_STR("], \"rowType\": "));
    snow_json(body, peer->row_type);
    eff_buf_add(body, EFF_STR("}, "));
}

static void
snow_result(struct snow_peer *peer, struct eff_buf *body, bool described)
{
    eff_buf_add(body, EFF_STR("{"));
    snow_meta(peer, body, described);
    eff_buf_add(body, EFF_STR("\"data\": "));
    snow_json(body, described || peer->parts_count == 0 ? "[]" : peer->parts[0]);
    eff_buf_add(body, EFF_STR(", \"code\": \"090001\", \"sqlState\": \"00000\", "
                              "\"statementHandle\": \"" SNOW_HANDLE "\"}"));
}

static int
snow_running(struct eff_buf *body)
{
    eff_buf_add(body, EFF_STR("{\"code\": \"333334\", \"message\": \"in progress\", "
                              "\"statementHandle\": \"" SNOW_HANDLE "\"}"));
    return 202;
}

static int
snow_serve(struct snow_peer *peer, const struct eff_request *request, struct eff_buf *body)
{
    size_t at = eff_str_find(request->url, EFF_STR("?partition="));
    uint64_t part;

    if (eff_str_find(request->body, EFF_STR("LIMIT 0\"")) != SIZE_MAX) {
        snow_result(peer, body, true);
        return 200;
    }
    if (eff_str_ends(request->url, EFF_STR("/cancel"))) {
        eff_buf_add(body, EFF_STR("{\"statementHandle\": \"" SNOW_HANDLE "\"}"));
        return 200;
    }
    if (at != SIZE_MAX) {
        if (!eff_str_uint(eff_str_sub(request->url, at + 11, SIZE_MAX), &part) ||
            part >= peer->parts_count)
            return 404;
        eff_buf_add(body, EFF_STR("{\"data\": "));
        snow_json(body, peer->parts[part]);
        eff_buf_add(body, EFF_STR("}"));
        return 200;
    }
    if (eff_str_is(request->method, "POST")) {
        peer->looks = 0;
        return snow_running(body);
    }
    if (peer->looks++ < peer->polls)
        return snow_running(body);
    snow_result(peer, body, false);
    return 200;
}

/* ---- os ---- */

static void
snow_log(struct snow_peer *peer, const struct eff_request *request)
{
    size_t at = eff_str_find(request->url, EFF_STR("/api/v2/statements"));
    size_t id = eff_str_find(request->url, EFF_STR("requestId="));
    eff_str path = eff_str_sub(request->url, at + 18, SIZE_MAX);

    eff_buf_add(&peer->log, request->method);
    eff_buf_add_char(&peer->log, ' ');
    if (id != SIZE_MAX) {
        eff_buf_add_char(&peer->log, '?');
        path = eff_str_sub(request->url, id + 10 + 37, SIZE_MAX); // a UUID and "&"
    }
    eff_buf_add(&peer->log, path);
    eff_buf_add_char(&peer->log, '\n');
    if (request->body.len > 2) {
        eff_buf_reset(&peer->last_body);
        eff_buf_add(&peer->last_body, request->body);
    }
}

static void
snow_submit(void *self, uint64_t ticket, const struct eff_request *request)
{
    struct snow_peer *peer = self;

    if (peer->flying == SNOW_PENDING)
        abort();
    peer->pending[peer->flying].ticket = ticket;
    peer->pending[peer->flying++].request = request;
    if (peer->flying > peer->flying_most)
        peer->flying_most = peer->flying;
}

static void
snow_remove(struct snow_peer *peer, size_t at)
{
    peer->flying--;
    for (; at < peer->flying; at++)
        peer->pending[at] = peer->pending[at + 1];
}

static uint64_t
snow_next(void *self, int64_t deadline_mono_ms, const struct eff_response **ret_response)
{
    struct snow_peer *peer = self;
    size_t at = peer->newest_first && peer->flying > 0 ? peer->flying - 1 : 0;
    struct snow_reply *reply = &peer->reply;
    const struct eff_request *request;
    uint64_t ticket;

    *ret_response = NULL;
    if (peer->flying == 0) {
        if (deadline_mono_ms > peer->world.mono_ms) {
            peer->world.wall_ms += deadline_mono_ms - peer->world.mono_ms;
            peer->world.mono_ms = deadline_mono_ms;
        }
        return 0;
    }
    ticket = peer->pending[at].ticket;
    request = peer->pending[at].request;
    snow_remove(peer, at);
    snow_log(peer, request);
    eff_buf_reset(&reply->body);
    reply->wire = EFF_WIRE_ANSWERED;
    reply->retry_after = NULL;
    reply->status = 0;
    if (!peer->hook || !peer->hook(peer, request, peer->requests, reply))
        reply->status = snow_serve(peer, request, &reply->body);
    peer->requests++;
    peer->retry_header =
        (struct eff_header){EFF_STR("retry-after"), eff_str_of(reply->retry_after)};
    peer->response = (struct eff_response){.wire = reply->wire,
                                           .status = reply->status,
                                           .headers_count = reply->retry_after ? 1 : 0,
                                           .headers = &peer->retry_header,
                                           .body = eff_buf_str(&reply->body),
                                           .now_wall_ms = peer->world.wall_ms,
                                           .problem = EFF_STR("nobody answers")};
    *ret_response = &peer->response;
    return ticket;
}

static void
snow_forget(void *self, uint64_t ticket)
{
    struct snow_peer *peer = self;

    for (size_t i = 0; i < peer->flying; i++) {
        if (peer->pending[i].ticket == ticket) {
            snow_remove(peer, i);
            return;
        }
    }
}

static bool
snow_go_on(void *self)
{
    const struct snow_peer *peer = self;

    return !peer->stop;
}

void
snow_init(struct snow_peer *peer)
{
    memset(peer, 0, sizeof(*peer));
    testos_init(&peer->world, 1);
    peer->world.os.self = &peer->world; // the first member: the peer, too
    peer->world.os.submit = snow_submit;
    peer->world.os.next = snow_next;
    peer->world.os.cancel = snow_forget;
    peer->world.os.go_on = snow_go_on;
}

void
snow_deinit(struct snow_peer *peer)
{
    eff_buf_free(&peer->log);
    eff_buf_free(&peer->last_body);
    eff_buf_free(&peer->reply.body);
}

void
snow_one_row(struct snow_peer *peer, const struct snow_cell *cells, size_t count,
             struct eff_arena *arena)
{
    struct eff_buf types = {0}, row = {0};
    struct eff_json_writer w = {.buf = &row};

    eff_json_begin_array(&w);
    eff_json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        eff_buf_addf(&types, "%s{'name': 'C%zu', 'type': '%s', 'precision': 38, 'scale': %d}",
                     i ? ", " : "[", i, cells[i].type, cells[i].scale);
        if (cells[i].text)
            eff_json_write_str(&w, eff_str_of(cells[i].text));
        else
            eff_json_write_null(&w);
    }
    eff_json_end_array(&w);
    eff_json_end_array(&w);
    eff_buf_add_char(&types, ']');
    for (size_t i = 0; i < row.len; i++) // as snow_json will turn them back
        row.ptr[i] = (char)(row.ptr[i] == '\'' ? '`' : row.ptr[i] == '"' ? '\'' : row.ptr[i]);
    peer->row_type = eff_str_c(arena, eff_buf_str(&types));
    peer->parts[0] = eff_str_c(arena, eff_buf_str(&row));
    peer->parts_count = 1;
    peer->told[0] = peer->total = 1;
    eff_buf_free(&types);
    eff_buf_free(&row);
}
