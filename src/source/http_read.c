/*
 * source/http_read: one request after another to a warehouse that speaks HTTP.
 */
#include "source/http_read.h"

#define HTTP_READ_TICKET     ((uint64_t)1 << 62) /* destinations count theirs from 1 */
#define HTTP_READ_FIRST_MS   500
#define HTTP_READ_MOST_MS    32000
#define HTTP_READ_ASKED_MOST ((int64_t)15 * 60 * 1000) /* as in deliver */
#define HTTP_READ_BYE_MS     10000

static enum eff_fault
http_read_stopped(struct eff_err *err)
{
    return EFF_FAIL(err, EFF_TRANSIENT, "stopped on request");
}

enum eff_fault
eff_http_read_once(struct eff_os *os, const struct eff_request *request,
                   const struct eff_response **ret_response, struct eff_err *err)
{
    os->submit(os->self, HTTP_READ_TICKET, request);
    while (os->next(os->self, INT64_MAX, ret_response) != HTTP_READ_TICKET) {
        if (os->go_on(os->self))
            continue;
        os->cancel(os->self, HTTP_READ_TICKET);
        return http_read_stopped(err);
    }
    return EFF_OK;
}

void
eff_http_read_bye(struct eff_os *os, const struct eff_request *request)
{
    int64_t until = os->mono_ms(os->self) + HTTP_READ_BYE_MS;
    const struct eff_response *ignored;

    os->submit(os->self, HTTP_READ_TICKET, request);
    while (os->next(os->self, until, &ignored) != HTTP_READ_TICKET) {
        if (os->mono_ms(os->self) < until)
            continue;
        os->cancel(os->self, HTTP_READ_TICKET);
        return;
    }
}

enum eff_fault
eff_http_read_pause(struct eff_os *os, int64_t wait_ms, struct eff_err *err)
{
    int64_t until = os->mono_ms(os->self) + wait_ms;
    const struct eff_response *ignored;

    while (os->mono_ms(os->self) < until) {
        if (!os->go_on(os->self))
            return http_read_stopped(err);
        os->next(os->self, until, &ignored);
    }
    return EFF_OK;
}

bool
eff_http_read_passes(const struct eff_response *response)
{
    if (response->wire != EFF_WIRE_ANSWERED)
        return !response->not_allowed;
    return response->status == 408 || response->status == 429 || response->status >= 500;
}

int64_t
eff_http_read_wait_ms(struct eff_os *os, const struct eff_response *response, unsigned tries)
{
    int64_t wait_ms = HTTP_READ_FIRST_MS, asked = -1;
    uint64_t random = 0;

    if (response->wire == EFF_WIRE_ANSWERED)
        asked = eff_response_retry_after_ms(response);
    if (asked >= 0)
        return asked < HTTP_READ_ASKED_MOST ? asked : HTTP_READ_ASKED_MOST;
    for (unsigned i = 1; i < tries && wait_ms < HTTP_READ_MOST_MS; i++)
        wait_ms *= 2;
    os->random(os->self, &random, sizeof(random));
    return wait_ms / 2 + (int64_t)(random % (uint64_t)wait_ms);
}

enum eff_fault
eff_http_read_silence(const struct eff_response *response, eff_str url, struct eff_err *err)
{
    bool plain;
    eff_str host = eff_http_read_host(url, &plain);

    return EFF_FAIL(err, response->not_allowed ? EFF_CONFIG : EFF_TRANSIENT,
                    "no answer from " EFF_STR_FMT ": " EFF_STR_FMT, EFF_STR_ARG(host),
                    EFF_STR_ARG(response->problem));
}

eff_str
eff_http_read_host(eff_str url, bool *ret_plain)
{
    size_t at = eff_str_find(url, EFF_STR("://")), end = 0;
    eff_str host = at == SIZE_MAX ? EFF_STR_NONE : eff_str_sub(url, at + 3, SIZE_MAX);

    *ret_plain = eff_str_eq_nocase(eff_str_sub(url, 0, at == SIZE_MAX ? 0 : at), EFF_STR("http"));
    while (end < host.len && strchr("/?#", host.ptr[end]) == NULL)
        end++;
    host = eff_str_sub(host, 0, end);
    if (host.len > 0 && host.ptr[0] == '[')
        return eff_str_sub(host, 1, eff_str_find_char(host, ']') - 1);
    return eff_str_sub(host, 0, eff_str_find_char(host, ':'));
}

bool
eff_http_read_loopback(eff_str host)
{
    bool digits = eff_str_starts(host, EFF_STR("127."));

    for (size_t i = 0; i < host.len; i++)
        digits = digits && ((host.ptr[i] >= '0' && host.ptr[i] <= '9') || host.ptr[i] == '.');
    return digits || eff_str_eq_nocase(host, EFF_STR("localhost")) || eff_str_is(host, "::1");
}
