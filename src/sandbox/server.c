/*
 * sandbox/server: the stand-ins' ports, threads and connections.
 *
 * One libmicrohttpd daemon per vendor, on loopback, with a thread for each
 * connection, so that a delayed answer delays nobody else. A vendor's world is
 * behind one lock: requests are handled one after the other, in the order in
 * which they were complete.
 *
 * libmicrohttpd is asked for the raw target, since it would decode %00 and %2F
 * before anybody looks; both lengths of a body at once are refused.
 */
#include "sandbox/sandbox.h"
#include "sandbox/world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SERVER_VENDORS_MAX  16
#define SERVER_BODY_MAX     ((size_t)128 << 20)
#define SERVER_CONNECTIONS  256
#define SERVER_HEAD_MAX     ((size_t)64 << 10) /* request line and headers */
#define SERVER_ARENA        ((size_t)1 << 30)
#define SERVER_ARENAS_KEPT  16
#define SERVER_IDLE_SECONDS 300

static const struct eff_vendor *const server_vendors[] = {
    &eff_vendor_salesforce, &eff_vendor_hubspot,  &eff_vendor_slack,    &eff_vendor_stripe,
    &eff_vendor_meta,       &eff_vendor_zendesk,  &eff_vendor_klaviyo,  &eff_vendor_customerio,
    &eff_vendor_pendo,      &eff_vendor_google,   &eff_vendor_intercom, &eff_vendor_bigquery,
    &eff_vendor_snowflake,  &eff_vendor_netsuite,
};

#define SERVER_VENDORS (sizeof(server_vendors) / sizeof(server_vendors[0]))

struct server_stand {
    struct eff_sandbox *sandbox;
    struct eff_world world;
    pthread_mutex_t lock; /* of the world */
    struct MHD_Daemon *daemon;
    unsigned port;
};

struct eff_sandbox {
    size_t count;
    struct server_stand stands[SERVER_VENDORS_MAX];
    char *faults; /* copy of the document */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;  /* stopping was set */
    bool stopping;
    size_t arenas_count;
    struct eff_arena arenas[SERVER_ARENAS_KEPT]; /* free ones */
};

/* One request and its answer; lives until libmicrohttpd says that it is over. */
struct server_exchange {
    struct server_stand *stand;
    struct MHD_Connection *connection;
    struct eff_arena arena;
    struct eff_call call;
    struct eff_call_header headers[EFF_CALL_HEADERS_MAX];
    struct eff_buf body;
    char *target;
    bool begun;
    bool too_large;
    size_t sent; /* bytes of a dripping answer */
};

static struct eff_arena
server_take_arena(struct eff_sandbox *sandbox)
{
    struct eff_arena arena = {0};

    pthread_mutex_lock(&sandbox->lock);
    if (sandbox->arenas_count > 0)
        arena = sandbox->arenas[--sandbox->arenas_count];
    pthread_mutex_unlock(&sandbox->lock);
    if (arena.base == NULL)
        eff_arena_init(&arena, "sandbox request", SERVER_ARENA);
    return arena;
}

static void
server_give_arena(struct eff_sandbox *sandbox, struct eff_arena *arena)
{
    eff_arena_reset(arena);
    pthread_mutex_lock(&sandbox->lock);
    if (sandbox->arenas_count < SERVER_ARENAS_KEPT) {
        sandbox->arenas[sandbox->arenas_count++] = *arena;
        *arena = (struct eff_arena){0};
    }
    pthread_mutex_unlock(&sandbox->lock);
    eff_arena_deinit(arena);
}

/* Sleeps, but wakes up when the sandbox stops; false then. */
static bool
server_sleep(struct eff_sandbox *sandbox, int64_t ms)
{
    struct timespec until;
    bool stopping;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&sandbox->lock);
    while (!sandbox->stopping &&
           pthread_cond_timedwait(&sandbox->wake, &sandbox->lock, &until) == 0)
        continue;
    stopping = sandbox->stopping;
    pthread_mutex_unlock(&sandbox->lock);
    return !stopping;
}

/* The peer sees a reset at once: connecting a connected socket to nowhere aborts the connection. */
static void
server_reset(struct server_exchange *exchange)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct sockaddr nowhere = {.sa_family = AF_UNSPEC};

    if (info != NULL && connect(info->connect_fd, &nowhere, sizeof(nowhere)) != 0)
        shutdown(info->connect_fd, SHUT_RDWR);
}

static enum MHD_Result
server_add_header(void *cls, enum MHD_ValueKind kind, const char *key, size_t key_size,
                  const char *value, size_t value_size)
{
    struct server_exchange *exchange = cls;
    struct eff_call *call = &exchange->call;

    (void)kind;
    if (call->headers_count < EFF_CALL_HEADERS_MAX)
        exchange->headers[call->headers_count++] =
            (struct eff_call_header){{key, key_size}, {value == NULL ? "" : value, value_size}};
    return MHD_YES;
}

static void
server_read_head(struct server_exchange *exchange, const char *method)
{
    struct eff_call *call = &exchange->call;

    MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, server_add_header, exchange);
    call->headers = exchange->headers;
    call->method = eff_str_copy(call->arena, eff_str_of(method));
    call->target = eff_str_copy(call->arena, eff_str_of(exchange->target));
    if (!eff_str_cut(call->target, '?', &call->path, &call->query))
        call->query = EFF_STR("");
}

static bool
server_is_control(const struct eff_call *call)
{
    return eff_str_is(call->path, "/_sandbox") || eff_str_starts(call->path, EFF_STR("/_sandbox/"));
}

/* What the faults want of this request; first without its body, then with it. */
static void
server_hit(struct server_exchange *exchange, bool body_rules)
{
    struct eff_call *call = &exchange->call;
    struct server_stand *stand = exchange->stand;
    struct eff_effect effect;
    bool other;

    if (server_is_control(call))
        return;
    pthread_mutex_lock(&stand->lock);
    eff_world_route(call, &other);
    effect = eff_faults_hit(
        &stand->world.faults,
        &(struct eff_fault_request){.vendor = eff_str_of(stand->world.vendor->name),
                                    .method = call->method,
                                    .path = call->path,
                                    .body = call->body,
                                    .writes = call->route != NULL &&
                                              (call->route->flags & EFF_ROUTE_WRITES) != 0},
        body_rules, call->arena);
    pthread_mutex_unlock(&stand->lock);
    if (body_rules)
        eff_effect_add(&call->effect, &effect);
    else
        call->effect = effect;
}

/* Is the head one that is answered at all? Writes the answer if not. */
static bool
server_check_head(struct server_exchange *exchange)
{
    struct eff_call *call = &exchange->call;
    eff_str length = eff_call_header(call, "content-length"), coding;
    uint64_t bytes = 0;

    coding = eff_call_header(call, "content-encoding");
    if (length.ptr != NULL && eff_call_header(call, "transfer-encoding").ptr != NULL) {
        eff_call_text(call, 400, "text/plain",
                      EFF_STR("both Content-Length and Transfer-Encoding\n"));
        return false;
    }
    if (coding.len != 0 && !eff_str_eq_nocase(coding, EFF_STR("identity"))) {
        eff_call_text(call, 415, "text/plain", EFF_STR("compressed bodies are not read here\n"));
        return false;
    }
    if (length.ptr != NULL && (!eff_str_uint(length, &bytes) || bytes > SERVER_BODY_MAX)) {
        eff_call_text(call, 413, "text/plain", EFF_STR("the body is too large\n"));
        return false;
    }
    if (call->headers_count == EFF_CALL_HEADERS_MAX) {
        eff_call_text(call, 431, "text/plain", EFF_STR("too many headers\n"));
        return false;
    }
    return true;
}

static ssize_t
server_send_part(void *cls, uint64_t position, char *buf, size_t max)
{
    struct server_exchange *exchange = cls;
    const struct eff_call *call = &exchange->call;
    const struct eff_effect *effect = &call->effect;
    size_t end = call->answer.len, count = max;

    if (effect->truncate && (uint64_t)effect->truncate_at < end)
        end = (size_t)effect->truncate_at;
    if (position >= end)
        return end < call->answer.len ? MHD_CONTENT_READER_END_WITH_ERROR
                                      : MHD_CONTENT_READER_END_OF_STREAM;
    if (effect->drip_ms > 0) {
        count = 1;
        if (!server_sleep(exchange->stand->sandbox, effect->drip_ms))
            return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (count > end - position)
        count = end - (size_t)position;
    memcpy(buf, call->answer.ptr + position, count);
    return (ssize_t)count;
}

static struct MHD_Response *
server_response(struct server_exchange *exchange)
{
    struct eff_call *call = &exchange->call;

    if (call->effect.truncate || call->effect.drip_ms > 0)
        return MHD_create_response_from_callback(call->answer.len, 4096, server_send_part, exchange,
                                                 NULL);
    // The answer lives in the exchange, which outlives the response.
    return MHD_create_response_from_buffer(
        call->answer.len, call->answer.len == 0 ? (void *)(uintptr_t) "" : call->answer.ptr,
        MHD_RESPMEM_PERSISTENT);
}

static enum MHD_Result
server_answer(struct server_exchange *exchange)
{
    struct eff_call *call = &exchange->call;
    struct MHD_Response *response = server_response(exchange);
    enum MHD_Result result;

    if (response == NULL)
        return MHD_NO;
    if (call->answer_type != NULL)
        MHD_add_response_header(response, "Content-Type", call->answer_type);
    for (size_t i = 0; i < call->answer_headers_count; i++)
        MHD_add_response_header(response, call->answer_headers[i].name.ptr,
                                eff_str_c(call->arena, call->answer_headers[i].value));
    result = MHD_queue_response(exchange->connection, (unsigned)call->status, response);
    MHD_destroy_response(response);
    return result;
}

static eff_str
server_retry_after(const struct eff_call *call)
{
    const struct eff_effect *effect = &call->effect;
    char text[64];
    struct tm parts;
    time_t at;

    if (effect->retry == EFF_RETRY_TEXT)
        return effect->retry_text;
    if (effect->retry == EFF_RETRY_SECONDS)
        return eff_str_printf(call->arena, "%lld", (long long)effect->retry_seconds);
    at = (time_t)(eff_world_now(call->world) / 1000 + effect->retry_seconds);
    if (gmtime_r(&at, &parts) == NULL ||
        strftime(text, sizeof(text), "%a, %d %b %Y %T GMT", &parts) == 0)
        return EFF_STR("");
    return eff_str_copy(call->arena, eff_str_of(text));
}

/* The request as it came, as a proxy or a careless vendor may show it. */
static const char *
server_echo(const struct eff_call *call)
{
    struct eff_buf buf = {0};
    eff_str text;

    eff_buf_addf(&buf, EFF_STR_FMT " " EFF_STR_FMT "\n", EFF_STR_ARG(call->method),
                 EFF_STR_ARG(call->target));
    for (size_t i = 0; i < call->headers_count; i++)
        eff_buf_addf(&buf, EFF_STR_FMT ": " EFF_STR_FMT "\n", EFF_STR_ARG(call->headers[i].name),
                     EFF_STR_ARG(call->headers[i].value));
    eff_buf_add(&buf, call->body);
    text = eff_str_copy(call->arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return text.ptr;
}

/* Replaces the answer by the one that a fault wants. */
static void
server_break_answer(struct eff_call *call)
{
    struct eff_effect *effect = &call->effect;
    const char *type;

    if (effect->status != 0 && effect->body.ptr != NULL)
        eff_call_text(call, effect->status, eff_str_c(call->arena, effect->body_type),
                      effect->body);
    else if (effect->status != 0)
        call->world->vendor->refuse(
            call, effect->status,
            effect->code.len == 0 ? NULL : eff_str_c(call->arena, effect->code),
            effect->echo               ? server_echo(call)
            : effect->message.len == 0 ? NULL
                                       : eff_str_c(call->arena, effect->message));
    if (effect->status != 0 && effect->retry != EFF_RETRY_NONE)
        eff_call_set(call, "Retry-After", server_retry_after(call));
    if (effect->garbage.len != 0 && eff_faults_garbage(effect->garbage, &call->answer, &type))
        call->answer_type = type;
}

/* Handles the request under the world's lock. */
static void
server_handle(struct server_exchange *exchange, bool apply)
{
    struct eff_call *call = &exchange->call;
    struct eff_world *world = call->world;

    pthread_mutex_lock(&exchange->stand->lock);
    if (server_is_control(call)) {
        eff_control_handle(call);
    } else {
        if (apply)
            eff_world_handle(call);
        server_break_answer(call);
        if (!apply)
            world->vendor->finish(call);
        eff_log_add(world->log, call, call->effect.what, eff_world_now(world));
    }
    pthread_mutex_unlock(&exchange->stand->lock);
}

static enum MHD_Result
server_complete(struct server_exchange *exchange)
{
    struct eff_call *call = &exchange->call;
    struct eff_sandbox *sandbox = exchange->stand->sandbox;
    struct eff_effect *effect = &call->effect;

    call->body = eff_buf_str(&exchange->body);
    if (call->body.ptr == NULL)
        call->body = EFF_STR("");
    server_hit(exchange, true);
    if (effect->delay_ms > 0 && !server_sleep(sandbox, effect->delay_ms))
        return MHD_NO;
    if (effect->reset_before) {
        server_handle(exchange, false);
        server_reset(exchange);
        return MHD_NO;
    }
    if (effect->late_ms > 0) {
        server_reset(exchange);
        if (server_sleep(sandbox, effect->late_ms))
            server_handle(exchange, true);
        return MHD_NO;
    }
    server_handle(exchange, effect->status == 0 || effect->applied || effect->stored);
    if (effect->reset_after) {
        server_reset(exchange);
        return MHD_NO;
    }
    return server_answer(exchange);
}

/* Takes in a part of the body; false when the connection is to be cut here. */
static bool
server_receive(struct server_exchange *exchange, const char *data, size_t size)
{
    struct eff_effect *effect = &exchange->call.effect;

    if (exchange->body.len + size > SERVER_BODY_MAX)
        exchange->too_large = true;
    if (!exchange->too_large)
        eff_buf_add_bytes(&exchange->body, data, size);
    if (!effect->reset_before || effect->reset_at < 0 ||
        exchange->body.len < (size_t)effect->reset_at)
        return true;
    server_handle(exchange, false);
    server_reset(exchange);
    return false;
}

static enum MHD_Result
server_on_request(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                  const char *version, const char *data, size_t *data_size, void **con_cls)
{
    struct server_exchange *exchange = *con_cls;

    (void)cls;
    (void)url;
    (void)version;
    if (exchange == NULL)
        return MHD_NO; // no memory for it
    if (!exchange->begun) {
        exchange->begun = true;
        exchange->connection = connection;
        server_read_head(exchange, method);
        if (!server_check_head(exchange))
            return server_answer(exchange);
        server_hit(exchange, false);
        return MHD_YES;
    }
    if (*data_size != 0) {
        bool go_on = server_receive(exchange, data, *data_size);

        *data_size = 0;
        return go_on ? MHD_YES : MHD_NO;
    }
    if (exchange->too_large || exchange->body.full) {
        eff_call_text(&exchange->call, 413, "text/plain", EFF_STR("the body is too large\n"));
        return server_answer(exchange);
    }
    return server_complete(exchange);
}

/* Called with the raw target before anything else is known. */
static void *
server_on_target(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct server_stand *stand = cls;
    struct server_exchange *exchange = calloc(1, sizeof(*exchange));

    (void)connection;
    if (exchange == NULL)
        return NULL;
    exchange->target = strdup(uri);
    if (exchange->target == NULL) {
        free(exchange);
        return NULL;
    }
    exchange->stand = stand;
    exchange->arena = server_take_arena(stand->sandbox);
    exchange->call.world = &stand->world;
    exchange->call.arena = &exchange->arena;
    exchange->body.max = SERVER_BODY_MAX;
    return exchange;
}

static void
server_on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                    enum MHD_RequestTerminationCode code)
{
    struct server_exchange *exchange = *con_cls;

    (void)cls;
    (void)connection;
    (void)code;
    *con_cls = NULL;
    if (exchange == NULL)
        return;
    server_give_arena(exchange->stand->sandbox, &exchange->arena);
    eff_buf_free(&exchange->call.answer);
    eff_buf_free(&exchange->body);
    free(exchange->target);
    free(exchange);
}

/* libmicrohttpd is to leave % alone: it would turn %00 into the end of the text. */
static size_t
server_unescape(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

static void
server_be_silent(void *cls, const char *format, va_list args)
{
    (void)cls;
    (void)format;
    (void)args;
}

static enum eff_fault
server_listen(struct server_stand *stand, unsigned port, struct eff_err *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const union MHD_DaemonInfo *info;

    stand->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL |
            MHD_USE_ERROR_LOG,
        (uint16_t)port, NULL, NULL, server_on_request, stand, //
        MHD_OPTION_EXTERNAL_LOGGER, server_be_silent, NULL,   //
        MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&address,    //
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVER_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)SERVER_IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, SERVER_HEAD_MAX, //
        MHD_OPTION_URI_LOG_CALLBACK, server_on_target, stand, MHD_OPTION_UNESCAPE_CALLBACK,
        server_unescape, NULL,                                   //
        MHD_OPTION_NOTIFY_COMPLETED, server_on_completed, stand, //
        MHD_OPTION_END);
    if (stand->daemon == NULL) {
        EFF_FAIL(err, EFF_CONFIG, "cannot listen on port %u of 127.0.0.1: %s", port,
                 strerror(errno));
        return eff_err_hint(err, "Choose another --port, or 0 for any free ones.");
    }
    info = MHD_get_daemon_info(stand->daemon, MHD_DAEMON_INFO_BIND_PORT);
    stand->port = info == NULL ? port : info->port;
    stand->world.port = stand->port;
    return EFF_OK;
}

static const struct eff_vendor *
server_find_vendor(eff_str name)
{
    for (size_t i = 0; i < SERVER_VENDORS; i++)
        if (eff_str_is(name, server_vendors[i]->name))
            return server_vendors[i];
    return NULL;
}

const char *
eff_sandbox_vendor(size_t index)
{
    return index < SERVER_VENDORS ? server_vendors[index]->name : NULL;
}

static enum eff_fault
server_hint_vendors(struct eff_err *err)
{
    struct eff_buf names = {0};

    for (size_t i = 0; i < SERVER_VENDORS; i++)
        eff_buf_addf(&names, "%s%s",
                     i == 0                    ? ""
                     : i + 1 == SERVER_VENDORS ? " and "
                                               : ", ",
                     server_vendors[i]->name);
    eff_err_hint(err, "There are " EFF_STR_FMT ".", EFF_STR_ARG(eff_buf_str(&names)));
    eff_buf_free(&names);
    return err->fault;
}

static enum eff_fault
server_check_config(const struct eff_sandbox_config *config, struct eff_err *err)
{
    if (config->vendors_count == 0 || config->vendors_count > SERVER_VENDORS_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "name 1 to %d vendors to stand in for",
                        SERVER_VENDORS_MAX);
    if (config->port > 65535 || (config->port != 0 && config->port + config->vendors_count > 65536))
        return EFF_FAIL(err, EFF_CONFIG, "port %u is beyond the last one, 65535", config->port);
    for (size_t i = 0; i < config->vendors_count; i++) {
        if (server_find_vendor(config->vendors[i]) == NULL) {
            EFF_FAIL(err, EFF_CONFIG, "there is no stand-in for \"" EFF_STR_FMT "\"",
                     EFF_STR_ARG(config->vendors[i]));
            return server_hint_vendors(err);
        }
        for (size_t j = 0; j < i; j++)
            if (eff_str_eq(config->vendors[i], config->vendors[j]))
                return EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " is named twice",
                                EFF_STR_ARG(config->vendors[i]));
    }
    return EFF_OK;
}

static enum eff_fault
server_start_stand(struct eff_sandbox *sandbox, const struct eff_sandbox_config *config,
                   struct eff_err *err)
{
    size_t index = sandbox->count;
    struct server_stand *stand = &sandbox->stands[index];
    eff_str faults = {sandbox->faults, config->faults.len};

    stand->sandbox = sandbox;
    pthread_mutex_init(&stand->lock, NULL);
    sandbox->count++;
    EFF_TRY(eff_world_open(&stand->world, server_find_vendor(config->vendors[index]), config->data,
                           config->seed, faults, err));
    return server_listen(stand, config->port == 0 ? 0 : config->port + (unsigned)index, err);
}

static struct eff_sandbox *
server_new(const struct eff_sandbox_config *config)
{
    struct eff_sandbox *sandbox = calloc(1, sizeof(*sandbox));
    pthread_condattr_t attributes;

    if (sandbox == NULL)
        return NULL;
    sandbox->faults = malloc(config->faults.len + 1);
    if (sandbox->faults == NULL) {
        free(sandbox);
        return NULL;
    }
    if (config->faults.len != 0)
        memcpy(sandbox->faults, config->faults.ptr, config->faults.len);
    pthread_mutex_init(&sandbox->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&sandbox->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    return sandbox;
}

enum eff_fault
eff_sandbox_start(const struct eff_sandbox_config *config, struct eff_sandbox **ret_sandbox,
                  struct eff_err *err)
{
    struct eff_sandbox *sandbox;
    enum eff_fault fault = EFF_OK;

    EFF_TRY(server_check_config(config, err));
    sandbox = server_new(config);
    if (sandbox == NULL)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory");
    while (fault == EFF_OK && sandbox->count < config->vendors_count)
        fault = server_start_stand(sandbox, config, err);
    if (fault != EFF_OK) {
        eff_sandbox_stop(sandbox);
        return fault;
    }
    *ret_sandbox = sandbox;
    return EFF_OK;
}

void
eff_sandbox_stop(struct eff_sandbox *sandbox)
{
    if (sandbox == NULL)
        return;
    pthread_mutex_lock(&sandbox->lock);
    sandbox->stopping = true;
    pthread_cond_broadcast(&sandbox->wake);
    pthread_mutex_unlock(&sandbox->lock);
    for (size_t i = 0; i < sandbox->count; i++) {
        if (sandbox->stands[i].daemon != NULL)
            MHD_stop_daemon(sandbox->stands[i].daemon);
        eff_world_close(&sandbox->stands[i].world);
        pthread_mutex_destroy(&sandbox->stands[i].lock);
    }
    for (size_t i = 0; i < sandbox->arenas_count; i++)
        eff_arena_deinit(&sandbox->arenas[i]);
    pthread_cond_destroy(&sandbox->wake);
    pthread_mutex_destroy(&sandbox->lock);
    free(sandbox->faults);
    free(sandbox);
}

unsigned
eff_sandbox_port(const struct eff_sandbox *sandbox, size_t index)
{
    return sandbox->stands[index].port;
}

static enum eff_fault
server_announce(const struct eff_sandbox *sandbox, int out, struct eff_err *err)
{
    char text[SERVER_VENDORS_MAX * 64];
    size_t len = 0, done = 0;

    for (size_t i = 0; i < sandbox->count; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s http://127.0.0.1:%u\n",
                                sandbox->stands[i].world.vendor->name, sandbox->stands[i].port);
    while (done < len) {
        ssize_t n = write(out, text + done, len - done);

        if (n < 0 && errno != EINTR)
            return EFF_FAIL(err, EFF_BROKEN, "cannot write the addresses: %s", strerror(errno));
        done += n > 0 ? (size_t)n : 0;
    }
    return EFF_OK;
}

enum eff_fault
eff_sandbox_run(const struct eff_sandbox_config *config, struct eff_err *err)
{
    struct eff_sandbox *sandbox = NULL;
    sigset_t stop, before;
    enum eff_fault fault;
    int number;

    // Blocked before the threads are made, so that none of them gets the signal.
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop, &before);
    fault = eff_sandbox_start(config, &sandbox, err);
    if (fault == EFF_OK)
        fault = server_announce(sandbox, config->out, err);
    while (fault == EFF_OK && sigwait(&stop, &number) != 0)
        continue;
    eff_sandbox_stop(sandbox);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return fault;
}
