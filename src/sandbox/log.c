/*
 * sandbox/log: the requests that came, for tests and for people.
 *
 * Each entry is JSON text, made when it is added, so that showing it costs
 * nothing to understand later. Credentials are left out; bodies are cut.
 */
#include "sandbox/world.h"

#include <stdlib.h>

#define LOG_ENTRIES   10000
#define LOG_BODY_MAX  65536
#define LOG_BYTES_MAX ((size_t)64 << 20)

struct log_entry {
    eff_str head; /* an object without its closing brace */
    eff_str body; /* of the request, then the member `answer`: JSON */
};

struct eff_log {
    uint64_t count; /* ever added */
    uint64_t first; /* number of the oldest that is kept, from 1 */
    size_t bytes;
    struct log_entry entries[LOG_ENTRIES]; /* entry n at n % LOG_ENTRIES */
};

struct eff_log *
eff_log_new(void)
{
    struct eff_log *log = calloc(1, sizeof(*log));

    if (log != NULL)
        log->first = 1;
    return log;
}

static void
log_drop_oldest(struct eff_log *log)
{
    struct log_entry *entry = &log->entries[log->first++ % LOG_ENTRIES];

    log->bytes -= entry->head.len + entry->body.len;
    free((char *)entry->head.ptr);
    free((char *)entry->body.ptr);
    *entry = (struct log_entry){0};
}

void
eff_log_clear(struct eff_log *log)
{
    while (log->first <= log->count)
        log_drop_oldest(log);
    log->count = 0;
    log->first = 1;
}

void
eff_log_free(struct eff_log *log)
{
    if (log == NULL)
        return;
    eff_log_clear(log);
    free(log);
}

static bool
log_secret_header(eff_str name)
{
    return eff_str_eq_nocase(name, EFF_STR("authorization")) ||
           eff_str_eq_nocase(name, EFF_STR("cookie"));
}

static void
log_write_headers(struct eff_json_writer *w, const struct eff_call *call)
{
    eff_json_key(w, EFF_STR("headers"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < call->headers_count; i++) {
        if (log_secret_header(call->headers[i].name))
            continue;
        eff_json_begin_array(w);
        eff_json_write_str(w, call->headers[i].name);
        eff_json_write_str(w, call->headers[i].value);
        eff_json_end_array(w);
    }
    eff_json_end_array(w);
}

/* Forms on the token endpoints hold secrets, and their answers tokens. */
static bool
log_secret_path(eff_str path)
{
    return eff_str_find(path, EFF_STR("/oauth")) != SIZE_MAX ||
           eff_str_find(path, EFF_STR("/Soap/")) != SIZE_MAX ||
           eff_str_ends(path, EFF_STR("/token"));
}

static eff_str
log_cut(eff_str text)
{
    return eff_str_sub(text, 0, eff_utf8_prefix(text, LOG_BODY_MAX));
}

static eff_str
log_body(const struct eff_call *call)
{
    eff_str type = eff_call_header(call, "content-type");

    if (log_secret_path(call->path) || eff_str_starts(type, EFF_STR("multipart/")))
        return EFF_STR("");
    return log_cut(call->body);
}

void
eff_log_add(struct eff_log *log, const struct eff_call *call, const char *outcome, int64_t now_ms)
{
    struct eff_buf head = {0}, body = {0};
    struct eff_json_writer w = {.buf = &head};
    struct eff_json_writer b = {.buf = &body};
    struct log_entry *entry;

    if (log->count - log->first + 1 >= LOG_ENTRIES)
        log_drop_oldest(log);
    eff_json_begin_object(&w);
    eff_json_field_int(&w, "n", (int64_t)++log->count);
    eff_json_field_str(&w, "at", eff_call_time(call, now_ms, "Z"));
    eff_json_field_str(&w, "method", call->method);
    eff_json_field_str(&w, "path", call->target);
    eff_json_field_int(&w, "status", call->status);
    eff_json_field_int(&w, "rows", (int64_t)call->rows);
    eff_json_field_int(&w, "refused", (int64_t)call->refused);
    eff_json_field_int(&w, "bytes", (int64_t)call->body.len);
    if (outcome != NULL)
        eff_json_field_str(&w, "fault", eff_str_of(outcome));
    log_write_headers(&w, call);
    eff_json_write_str(&b, log_body(call));
    eff_buf_add(&body, EFF_STR(",\"answer\":"));
    eff_json_write_str(&b, log_secret_path(call->path) || call->status == 0
                               ? EFF_STR("")
                               : log_cut(eff_buf_str(&call->answer)));
    entry = &log->entries[log->count % LOG_ENTRIES];
    *entry = (struct log_entry){eff_buf_str(&head), eff_buf_str(&body)};
    log->bytes += head.len + body.len;
    while (log->bytes > LOG_BYTES_MAX && log->first < log->count)
        log_drop_oldest(log);
}

void
eff_log_write(struct eff_json_writer *w, const struct eff_log *log, struct eff_log_view view)
{
    uint64_t n = view.after < log->first ? log->first : view.after + 1;

    eff_json_begin_object(w);
    eff_json_field_int(w, "format", 1);
    eff_json_field_int(w, "total", (int64_t)log->count);
    eff_json_key(w, EFF_STR("requests"));
    eff_json_begin_array(w);
    for (size_t left = view.limit; n <= log->count && left > 0; n++, left--) {
        const struct log_entry *entry = &log->entries[n % LOG_ENTRIES];

        eff_json_write_raw(w, entry->head);
        if (view.bodies) {
            eff_buf_add(w->buf, EFF_STR(",\"body\":"));
            eff_buf_add(w->buf, entry->body);
        }
        eff_buf_add_char(w->buf, '}');
    }
    eff_json_end_array(w);
    eff_json_end_object(w);
}
