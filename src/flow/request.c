/*
 * flow/request: reading an answer's headers.
 *
 * Pure: the time that counts is the one at which the answer arrived.
 */
#include "flow/request.h"

#include "base/clock.h"

/* Longer than this is no pause but a mistake; a monthly quota still fits. */
#define REQUEST_RETRY_MAX_MS ((int64_t)31 * 24 * 3600 * 1000)

eff_str
eff_response_header(const struct eff_response *response, eff_str name)
{
    for (size_t i = 0; i < response->headers_count; i++)
        if (eff_str_eq(response->headers[i].name, name))
            return response->headers[i].value;
    return EFF_STR_NONE;
}

/* "120", and "0.5" as some send it, rounded up to whole ms. */
static bool
request_seconds(eff_str text, int64_t *ret_ms)
{
    eff_str whole, fraction;
    int64_t seconds = 0, ms = 0, scale = 100;
    bool more = false;

    bool has_fraction = eff_str_cut(text, '.', &whole, &fraction);
    if (whole.len == 0 || whole.len > 9 || (has_fraction && fraction.len == 0))
        return false;
    for (size_t i = 0; i < whole.len; i++) {
        if (whole.ptr[i] < '0' || whole.ptr[i] > '9')
            return false;
        seconds = seconds * 10 + (whole.ptr[i] - '0');
    }
    for (size_t i = 0; has_fraction && i < fraction.len; i++, scale /= 10) {
        if (fraction.ptr[i] < '0' || fraction.ptr[i] > '9')
            return false;
        ms += (fraction.ptr[i] - '0') * scale;
        more = more || (scale == 0 && fraction.ptr[i] != '0');
    }
    *ret_ms = seconds * 1000 + ms + (more ? 1 : 0);
    return true;
}

static bool
request_until_date(const struct eff_response *response, eff_str text, int64_t *ret_ms)
{
    int64_t due, now_ms = response->now_wall_ms, theirs;

    if (!eff_http_date_parse(text, &due))
        return false;
    if (eff_http_date_parse(eff_response_header(response, EFF_STR("date")), &theirs))
        now_ms = theirs * 1000;
    *ret_ms = due * 1000 > now_ms ? due * 1000 - now_ms : 0;
    return true;
}

eff_str
eff_response_header_tail(const struct eff_response *response, eff_str name)
{
    eff_str path = eff_response_header(response, name), rest;

    eff_str_cut(path, '?', &path, &rest);
    for (size_t i = path.len; i-- > 0;)
        if (path.ptr[i] == '/')
            return eff_str_sub(path, i + 1, SIZE_MAX);
    return path;
}

int64_t
eff_response_retry_after_ms(const struct eff_response *response)
{
    eff_str text = eff_str_trim(eff_response_header(response, EFF_STR("retry-after")));
    int64_t ms;

    if (text.len == 0)
        return -1;
    if (!request_seconds(text, &ms) && !request_until_date(response, text, &ms))
        return -1;
    return ms <= REQUEST_RETRY_MAX_MS ? ms : -1;
}
