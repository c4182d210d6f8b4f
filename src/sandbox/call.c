/*
 * sandbox/call: reading one request and writing its answer.
 */
#include "base/clock.h"
#include "base/hash.h"
#include "sandbox/world.h"

#include <stdalign.h>

/* What a body may take up in memory once it is parsed; the arena of a call has more. */
#define CALL_JSON_MEMORY ((size_t)384 << 20)

eff_str
eff_call_header(const struct eff_call *call, const char *name)
{
    for (size_t i = 0; i < call->headers_count; i++)
        if (eff_str_eq_nocase(call->headers[i].name, eff_str_of(name)))
            return call->headers[i].value;
    return EFF_STR_NONE;
}

eff_str
eff_call_keep(eff_str text)
{
    struct eff_buf copy = {0};

    eff_buf_add(&copy, text);
    eff_buf_add_char(&copy, '\0');
    return copy.full ? EFF_STR_NONE : (eff_str){copy.ptr, text.len};
}

static int
call_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool
eff_call_decode(struct eff_arena *arena, eff_str text, bool plus, eff_str *ret_text)
{
    char *out = eff_new(arena, char, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '+' && plus)
            c = ' ';
        if (text.ptr[i] == '%') {
            int high = i + 2 < text.len ? call_hex(text.ptr[i + 1]) : -1;
            int low = high < 0 ? -1 : call_hex(text.ptr[i + 2]);

            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0')
            return false;
        out[len++] = c;
    }
    *ret_text = (eff_str){out, len};
    return true;
}

eff_str
eff_call_form(const struct eff_call *call, eff_str form, const char *name)
{
    eff_str pair, rest = form, key, value;
    bool more = true;

    while (more && form.len != 0) {
        more = eff_str_cut(rest, '&', &pair, &rest);
        if (!eff_str_cut(pair, '=', &key, &value))
            value = EFF_STR("");
        if (eff_call_decode(call->arena, key, true, &key) && eff_str_is(key, name))
            return eff_call_decode(call->arena, value, true, &value) ? value : EFF_STR_NONE;
    }
    return EFF_STR_NONE;
}

eff_str
eff_call_param(const struct eff_call *call, const char *name)
{
    return eff_call_form(call, call->query, name);
}

int64_t
eff_call_param_int(const struct eff_call *call, const char *name, int64_t fallback)
{
    int64_t value;

    return eff_str_int(eff_call_param(call, name), &value) ? value : fallback;
}

eff_str
eff_call_bearer(const struct eff_call *call)
{
    eff_str value = eff_call_header(call, "authorization");
    eff_str scheme, token;

    if (!eff_str_cut(value, ' ', &scheme, &token))
        return EFF_STR_NONE;
    // Salesforce's own documents also write "OAuth <token>".
    if (!eff_str_eq_nocase(scheme, EFF_STR("bearer")) &&
        !eff_str_eq_nocase(scheme, EFF_STR("oauth")))
        return EFF_STR_NONE;
    return eff_str_trim(token);
}

bool
eff_call_basic(const struct eff_call *call, eff_str *ret_user, eff_str *ret_password)
{
    eff_str value = eff_call_header(call, "authorization"), scheme, pair;

    return eff_str_cut(value, ' ', &scheme, &pair) && eff_str_eq_nocase(scheme, EFF_STR("basic")) &&
           eff_base64_decode(call->arena, eff_str_trim(pair), &pair) &&
           eff_str_cut(pair, ':', ret_user, ret_password);
}

const struct eff_json *
eff_call_json(const struct eff_call *call, struct eff_err *err)
{
    struct eff_arena part = *call->arena;
    const struct eff_json *root = NULL;

    // A hostile body must not use up what handlers allocate from without asking.
    if (part.used + CALL_JSON_MEMORY < part.budget)
        part.budget = part.used + CALL_JSON_MEMORY;
    if (eff_json_parse(call->body, &part, &root, err) != EFF_OK)
        return NULL;
    call->arena->used = part.used;
    return root;
}

struct eff_json_writer
eff_call_answer(struct eff_call *call, int status)
{
    call->status = status;
    call->answer_type = "application/json;charset=UTF-8";
    eff_buf_reset(&call->answer);
    return (struct eff_json_writer){.buf = &call->answer};
}

void
eff_call_text(struct eff_call *call, int status, const char *type, eff_str text)
{
    call->status = status;
    call->answer_type = type;
    eff_buf_reset(&call->answer);
    eff_buf_add(&call->answer, text);
}

void
eff_call_empty(struct eff_call *call, int status)
{
    call->status = status;
    call->answer_type = NULL;
    eff_buf_reset(&call->answer);
}

void
eff_call_set(struct eff_call *call, const char *name, eff_str value)
{
    size_t max = sizeof(call->answer_headers) / sizeof(call->answer_headers[0]);
    size_t i;

    for (i = 0; i < call->answer_headers_count; i++)
        if (eff_str_is(call->answer_headers[i].name, name))
            break;
    if (i == max)
        return;
    call->answer_headers[i] = (struct eff_call_header){eff_str_of(name), value};
    if (i == call->answer_headers_count)
        call->answer_headers_count++;
}

eff_str
eff_call_time(const struct eff_call *call, int64_t ms, const char *zone)
{
    int64_t days = ms >= 0 ? ms / 86400000 : -((-ms + 86399999) / 86400000);
    int64_t rest = ms - days * 86400000;
    int year, month, day;

    eff_civil_from_days(days, &year, &month, &day);
    return eff_str_printf(call->arena, "%04d-%02d-%02dT%02d:%02d:%02d.%03d%s", year, month, day,
                          (int)(rest / 3600000), (int)(rest / 60000 % 60), (int)(rest / 1000 % 60),
                          (int)(rest % 1000), zone);
}

bool
eff_call_row_fails(const struct eff_call *call, size_t index, size_t count)
{
    int64_t rows = call->effect.partial_rows;

    if (rows == 0 || count == 0)
        return false;
    if (rows < 0 || (size_t)rows >= count)
        return true;
    // Spread over the request: exactly `rows` of `count` indexes.
    return (index + 1) * (size_t)rows / count != index * (size_t)rows / count;
}
