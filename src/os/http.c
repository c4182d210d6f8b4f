/*
 * os/http: HTTP requests side by side over kept connections, by libcurl.
 *
 * A slot is one easy handle with the buffers of its answer; slots are used
 * again and live as long as the process. See the header for what is promised.
 */
#include "os/http.h"

#include <curl/curl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "os/address.h"
#include "os/http_check.h"
#include "os/moment.h"

#define HTTP_TIMEOUT_MS      60000
#define HTTP_GRACE_MS        5000 /* for libcurl to tell itself that the time is over */
#define HTTP_CONNECT_MS      10000
#define HTTP_IDLE_SECONDS    60
#define HTTP_CONNECTION_LIFE 3600 /* seconds, so that a name's new address is seen */
#define HTTP_ANSWER_MAX      ((size_t)64 << 20)
/* More than this many inflated bytes for each one received is a bomb, beyond the first MiB. */
#define HTTP_RATIO_MAX  100
#define HTTP_RATIO_FROM ((size_t)1 << 20)
/* libcurl 8 counts received bytes one receive buffer (16 KiB) late. */
#define HTTP_RATIO_SLACK ((size_t)16 << 10)

enum http_state { HTTP_FREE = 0, HTTP_RUNNING, HTTP_READY, HTTP_GIVEN };

struct http_slot {
    struct http_slot *next;
    enum http_state state;
    uint64_t ticket;
    const struct eff_request *request;
    CURL *easy;
    struct curl_slist *headers;
    bool listed;       /* the project's file names the host */
    unsigned sendings; /* times that libcurl began to send it */
    bool second;       /* libcurl wanted to send it again, and was refused */
    bool blocked;      /* an address was refused */
    bool head_done;
    size_t head_lines;
    int64_t began_ms, until_ms; /* mono */
    struct eff_buf head, body, line;
    char reason[256]; /* ours, goes before libcurl's */
    char curl_text[CURL_ERROR_SIZE];
    char problem[sizeof((struct eff_err){0}.msg)];
    struct eff_header table[EFF_HTTP_HEADERS_MAX];
    struct eff_response response;
};

struct eff_http {
    struct eff_arena *process;
    CURLM *multi;
    struct http_slot *slots;
};

struct eff_http *
eff_http_new(struct eff_arena *process)
{
    struct eff_http *http = eff_new(process, struct eff_http, 1);

    http->process = process;
    return http;
}

static void
http_slot_clear(struct eff_http *http, struct http_slot *slot)
{
    if (slot->state == HTTP_RUNNING)
        curl_multi_remove_handle(http->multi, slot->easy);
    if (slot->easy != NULL) {
        curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, NULL);
        curl_easy_setopt(slot->easy, CURLOPT_POSTFIELDS, NULL);
    }
    curl_slist_free_all(slot->headers);
    slot->headers = NULL;
    slot->state = HTTP_FREE;
    slot->request = NULL;
}

void
eff_http_free(struct eff_http *http)
{
    for (struct http_slot *slot = http->slots; slot != NULL; slot = slot->next) {
        http_slot_clear(http, slot);
        curl_easy_cleanup(slot->easy);
        eff_buf_free(&slot->head);
        eff_buf_free(&slot->body);
        eff_buf_free(&slot->line);
    }
    http->slots = NULL;
    if (http->multi != NULL) {
        curl_multi_cleanup(http->multi);
        curl_global_cleanup();
    }
    http->multi = NULL;
}

/* ---- callbacks: what comes in ---- */

static bool
http_status_line(const char *ptr, size_t len)
{
    return len >= 5 && memcmp(ptr, "HTTP/", 5) == 0;
}

/* "HTTP/1.1 103 Early Hints": the answer proper is still to come. */
static bool
http_is_interim(eff_str head)
{
    eff_str version, rest;

    return eff_str_cut(head, ' ', &version, &rest) && rest.len > 0 && rest.ptr[0] == '1';
}

static size_t
http_on_head(char *ptr, size_t size, size_t count, void *user)
{
    struct http_slot *slot = user;
    size_t len = size * count;

    if (slot->head_done)
        return len; // Trailers are not headers.
    if (http_status_line(ptr, len)) {
        eff_buf_reset(&slot->head);
        slot->head_lines = 0;
    }
    if (slot->head.len + len > EFF_HTTP_HEAD_BYTES || ++slot->head_lines > EFF_HTTP_HEADERS_MAX) {
        snprintf(slot->reason, sizeof(slot->reason), "the answer has too many headers");
        return 0;
    }
    eff_buf_add_bytes(&slot->head, ptr, len);
    if (len <= 2 && (ptr[0] == '\r' || ptr[0] == '\n'))
        slot->head_done = !http_is_interim(eff_buf_str(&slot->head));
    return slot->head.full ? 0 : len;
}

static size_t
http_answer_max(const struct http_slot *slot)
{
    return slot->request->answer_bytes_max ? slot->request->answer_bytes_max : HTTP_ANSWER_MAX;
}

static size_t
http_on_body(char *ptr, size_t size, size_t count, void *user)
{
    struct http_slot *slot = user;
    size_t len = size * count, total = slot->body.len + len;
    size_t ratio = slot->request->inflates_max ? slot->request->inflates_max : HTTP_RATIO_MAX;
    curl_off_t wire = 0;

    if (total > http_answer_max(slot)) {
        snprintf(slot->reason, sizeof(slot->reason), "the answer is larger than %zu bytes",
                 http_answer_max(slot));
        return len == 0 ? 1 : 0;
    }
    curl_easy_getinfo(slot->easy, CURLINFO_SIZE_DOWNLOAD_T, &wire);
    if (total > HTTP_RATIO_FROM && total / ratio > (size_t)wire + HTTP_RATIO_SLACK) {
        snprintf(slot->reason, sizeof(slot->reason), "the answer inflates more than %zu times",
                 ratio);
        return 0;
    }
    eff_buf_add_bytes(&slot->body, ptr, len);
    return slot->body.full ? 0 : len;
}

/* ---- callbacks: where it goes ---- */

static bool
http_address_allowed(struct http_slot *slot, enum eff_address address, const char *text)
{
    if (address == EFF_ADDRESS_PUBLIC || (address == EFF_ADDRESS_PRIVATE && slot->listed) ||
        (address == EFF_ADDRESS_METADATA && slot->listed && slot->request->metadata))
        return true;
    slot->blocked = true;
    snprintf(slot->reason, sizeof(slot->reason), "address %s is not allowed: %s", text,
             eff_address_name(address));
    return false;
}

static curl_socket_t
http_on_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    char text[64] = "?";

    (void)purpose;
    eff_address_text(&address->addr, text, sizeof(text));
    if (!http_address_allowed(user, eff_address_of(&address->addr), text))
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* The connection is ready and the next thing to happen is the request itself. */
static int
http_before_sending(void *user, char *peer, char *own, int peer_port, int own_port)
{
    struct http_slot *slot = user;
    long sent = 0;

    (void)own;
    (void)peer_port;
    (void)own_port;
    if (!http_address_allowed(slot, eff_address_of_text(peer), peer))
        return CURL_PREREQFUNC_ABORT;
    curl_easy_getinfo(slot->easy, CURLINFO_REQUEST_SIZE, &sent);
    if (slot->sendings > 0 && slot->request->writes && sent > 0) {
        slot->second = true;
        snprintf(slot->reason, sizeof(slot->reason),
                 "the connection was closed before an answer came");
        return CURL_PREREQFUNC_ABORT;
    }
    slot->sendings++;
    return CURL_PREREQFUNC_OK;
}

/* ---- slots ---- */

static bool
http_start_curl(struct eff_http *http)
{
    if (http->multi != NULL)
        return true;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return false;
    http->multi = curl_multi_init();
    if (http->multi == NULL)
        curl_global_cleanup();
    return http->multi != NULL;
}

static void
http_set_network(CURL *easy)
{
    const char *certificates = getenv("SSL_CERT_FILE");

    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)HTTP_IDLE_SECONDS);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXLIFETIME_CONN, (long)HTTP_CONNECTION_LIFE);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (certificates != NULL && certificates[0] != '\0')
        curl_easy_setopt(easy, CURLOPT_CAINFO, certificates);
}

static void
http_set_callbacks(struct http_slot *slot)
{
    CURL *easy = slot->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->curl_text);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, http_on_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, http_on_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, slot);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, http_before_sending);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, slot);
}

static struct http_slot *
http_slot_free(struct eff_http *http)
{
    struct http_slot *slot = http->slots;

    while (slot != NULL && slot->state != HTTP_FREE)
        slot = slot->next;
    if (slot == NULL) {
        slot = eff_new(http->process, struct http_slot, 1);
        slot->next = http->slots;
        http->slots = slot;
    }
    if (slot->easy == NULL && http_start_curl(http)) {
        slot->easy = curl_easy_init();
        if (slot->easy != NULL) {
            http_set_network(slot->easy);
            http_set_callbacks(slot);
        }
    }
    return slot;
}

/* ---- sending ---- */

static bool
http_add_line(struct http_slot *slot)
{
    struct curl_slist *more;

    eff_buf_add_char(&slot->line, '\0');
    more = slot->line.full ? NULL : curl_slist_append(slot->headers, slot->line.ptr);
    if (more != NULL)
        slot->headers = more;
    eff_buf_reset(&slot->line);
    return more != NULL;
}

static bool
http_has_header(const struct eff_request *request, const char *name)
{
    for (size_t i = 0; i < request->headers_count; i++)
        if (eff_str_eq_nocase(request->headers[i].name, eff_str_of(name)))
            return true;
    return false;
}

static bool
http_sign(struct http_slot *slot, const struct eff_request *request, struct eff_arena scratch)
{
    struct eff_sigv4_headers headers =
        eff_sigv4_sign(request->sign, request->method, request->url, request->body,
                       eff_moment_wall_ms(), &scratch);
    bool good;

    eff_buf_addf(&slot->line, "X-Amz-Date: " EFF_STR_FMT, EFF_STR_ARG(headers.date));
    good = http_add_line(slot);
    eff_buf_addf(&slot->line, "X-Amz-Content-Sha256: " EFF_STR_FMT, EFF_STR_ARG(headers.content));
    good = http_add_line(slot) && good;
    eff_buf_addf(&slot->line, "Authorization: " EFF_STR_FMT, EFF_STR_ARG(headers.authorization));
    good = http_add_line(slot) && good;
    if (request->sign->token.len == 0)
        return good;
    eff_buf_addf(&slot->line, "X-Amz-Security-Token: " EFF_STR_FMT,
                 EFF_STR_ARG(request->sign->token));
    return http_add_line(slot) && good;
}

/* Time and nonce are of the moment of sending: a request may have waited, or be sent again. */
static bool
http_sign_oauth1(struct http_slot *slot, const struct eff_request *request,
                 struct eff_arena scratch)
{
    eff_str type = EFF_STR_NONE, header, nonce;
    struct eff_oauth1_request signs = {request->method, request->url, EFF_STR_NONE};
    unsigned char random[16];

    for (size_t i = 0; i < request->headers_count; i++)
        if (eff_str_eq_nocase(request->headers[i].name, EFF_STR("content-type")))
            type = request->headers[i].value;
    if (eff_str_starts(type, EFF_STR("application/x-www-form-urlencoded")))
        signs.form = request->body;
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return false;
    nonce = eff_hex(&scratch, random, sizeof random);
    header =
        eff_oauth1_header(request->oauth1, &signs, eff_moment_wall_ms() / 1000, nonce, &scratch);
    eff_buf_add(&slot->line, EFF_STR("Authorization: "));
    eff_buf_add(&slot->line, header);
    return header.ptr && http_add_line(slot);
}

/* "Name:" takes a default of libcurl's away, "Name;" sends one without a value. */
static bool
http_headers(struct http_slot *slot, const struct eff_request *request, struct eff_arena scratch)
{
    static const struct {
        const char *name, *line;
    } own[] = {
        {"Expect", "Expect:"}, // else a body of over 1 MB waits a second
        {"Content-Type", "Content-Type:"},
        {"User-Agent", "User-Agent: efferent/" EFF_VERSION},
    };
    bool good = true;

    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (http_has_header(request, own[i].name))
            continue;
        eff_buf_add(&slot->line, eff_str_of(own[i].line));
        good = http_add_line(slot) && good;
    }
    for (size_t i = 0; i < request->headers_count; i++) {
        const struct eff_header *header = &request->headers[i];

        eff_buf_add(&slot->line, header->name);
        eff_buf_add(&slot->line, header->value.len ? EFF_STR(": ") : EFF_STR(";"));
        eff_buf_add(&slot->line, header->value);
        good = http_add_line(slot) && good;
    }
    if (request->sign != NULL)
        good = http_sign(slot, request, scratch) && good;
    if (request->oauth1 != NULL)
        good = http_sign_oauth1(slot, request, scratch) && good;
    return good && curl_easy_setopt(slot->easy, CURLOPT_HTTPHEADER, slot->headers) == CURLE_OK;
}

/* GET and HEAD have libcurl's own form; all others are a POST under another name. */
static bool
http_method(struct http_slot *slot, const struct eff_request *request)
{
    bool bodiless = request->body.len == 0;
    CURL *easy = slot->easy;

    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, NULL);
    if (eff_str_is(request->method, "GET") && bodiless)
        return true;
    if (eff_str_is(request->method, "HEAD"))
        return curl_easy_setopt(easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
    eff_buf_add(&slot->line, request->method);
    eff_buf_add_char(&slot->line, '\0');
    if (!(eff_str_is(request->method, "DELETE") && bodiless)) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, bodiless ? "" : request->body.ptr);
    }
    if (slot->line.full ||
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, slot->line.ptr) != CURLE_OK)
        return false;
    eff_buf_reset(&slot->line);
    return true;
}

static bool
http_prepare(struct http_slot *slot, const struct eff_request *request, bool alone,
             struct eff_arena scratch)
{
    int64_t timeout_ms = request->timeout_ms > 0 ? request->timeout_ms : HTTP_TIMEOUT_MS;
    int64_t connect_ms = timeout_ms < HTTP_CONNECT_MS ? timeout_ms : HTTP_CONNECT_MS;

    slot->until_ms = slot->began_ms + timeout_ms + HTTP_GRACE_MS;
    /*
     * To share a connection a request waits for one that is being made. libcurl 7.88 waits
     * without end, whatever its timeout, for one that broke: a request alone never waits.
     */
    curl_easy_setopt(slot->easy, CURLOPT_PIPEWAIT, alone ? 0L : 1L);
    curl_easy_setopt(slot->easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(slot->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
    eff_buf_add(&slot->line, request->url);
    eff_buf_add_char(&slot->line, '\0');
    if (slot->line.full || curl_easy_setopt(slot->easy, CURLOPT_URL, slot->line.ptr) != CURLE_OK)
        return false;
    eff_buf_reset(&slot->line);
    return http_method(slot, request) && http_headers(slot, request, scratch);
}

static void
http_slot_begin(struct http_slot *slot, uint64_t ticket, const struct eff_request *request)
{
    slot->ticket = ticket;
    slot->request = request;
    slot->listed = slot->second = slot->blocked = slot->head_done = false;
    slot->sendings = 0;
    slot->head_lines = 0;
    slot->began_ms = eff_moment_mono_ms();
    slot->reason[0] = slot->curl_text[0] = '\0';
    slot->response = (struct eff_response){0};
    eff_buf_reset(&slot->head);
    eff_buf_reset(&slot->body);
    eff_buf_reset(&slot->line);
}

static void
http_not_sent(struct http_slot *slot, bool not_allowed, eff_str problem)
{
    eff_str_print_to(slot->problem, sizeof(slot->problem), problem);
    slot->response = (struct eff_response){.wire = EFF_WIRE_NOT_SENT,
                                           .not_allowed = not_allowed,
                                           .now_wall_ms = eff_moment_wall_ms(),
                                           .problem = eff_str_of(slot->problem)};
    slot->state = HTTP_READY;
}

static bool
http_running(const struct eff_http *http)
{
    const struct http_slot *slot = http->slots;

    while (slot != NULL && slot->state != HTTP_RUNNING)
        slot = slot->next;
    return slot != NULL;
}

void
eff_http_submit(struct eff_http *http, uint64_t ticket, const struct eff_request *request)
{
    struct http_slot *slot = http_slot_free(http);
    struct eff_err err;

    http_slot_begin(slot, ticket, request);
    if (eff_http_check(request, &slot->listed, &err) != EFF_OK) {
        http_not_sent(slot, true, eff_str_of(err.msg));
        return;
    }
    if (slot->easy == NULL || !http_prepare(slot, request, !http_running(http), *http->process) ||
        curl_multi_add_handle(http->multi, slot->easy) != CURLM_OK) {
        http_not_sent(slot, false, EFF_STR("out of memory"));
        return;
    }
    slot->state = HTTP_RUNNING;
}

/* ---- finishing ---- */

static void
http_take_headers(struct http_slot *slot)
{
    slot->response.headers = slot->table;
    slot->response.headers_count =
        eff_http_headers_parse(slot->head.ptr, slot->head.len, slot->table, EFF_HTTP_HEADERS_MAX);
}

/*
 * libcurl is content with a head that ends before its empty line, and with a
 * length that is too large for it: nobody knows whether those answers are whole.
 */
static bool
http_is_whole(struct http_slot *slot)
{
    uint64_t length;

    if (!slot->head_done)
        return false;
    for (size_t i = 0; i < slot->response.headers_count; i++)
        if (eff_str_is(slot->response.headers[i].name, "content-length") &&
            !eff_str_uint(slot->response.headers[i].value, &length))
            return false;
    return true;
}

static enum eff_wire
http_wire(struct http_slot *slot, CURLcode code)
{
    long sent = 0;

    if (code == CURLE_OK)
        return http_is_whole(slot) ? EFF_WIRE_ANSWERED : EFF_WIRE_LOST;
    if (slot->second)
        return EFF_WIRE_LOST;
    curl_easy_getinfo(slot->easy, CURLINFO_REQUEST_SIZE, &sent);
    return slot->sendings == 0 || sent == 0 ? EFF_WIRE_NOT_SENT : EFF_WIRE_LOST;
}

static void
http_problem(struct http_slot *slot, CURLcode code)
{
    const char *theirs = slot->curl_text[0] ? slot->curl_text
                         : code == CURLE_OK ? "the answer's headers are not whole"
                                            : curl_easy_strerror(code);
    eff_str text = eff_str_of(slot->reason[0] ? slot->reason : theirs);

    eff_str_print_to(slot->problem, sizeof(slot->problem), text);
    slot->response.problem = eff_str_of(slot->problem);
}

static void
http_finish(struct eff_http *http, struct http_slot *slot, CURLcode code)
{
    long status = 0;

    http_take_headers(slot);
    slot->response.wire = http_wire(slot, code);
    slot->response.now_wall_ms = eff_moment_wall_ms();
    slot->response.took_ms = eff_moment_mono_ms() - slot->began_ms;
    if (slot->response.wire == EFF_WIRE_ANSWERED) {
        curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
        slot->response.status = (int)status;
        slot->response.body = eff_buf_str(&slot->body);
    } else {
        slot->response.headers_count = 0;
        slot->response.not_allowed = slot->blocked && slot->response.wire == EFF_WIRE_NOT_SENT;
        http_problem(slot, code);
    }
    curl_multi_remove_handle(http->multi, slot->easy);
    slot->state = HTTP_READY;
}

static struct http_slot *
http_ready(const struct eff_http *http)
{
    struct http_slot *slot = http->slots;

    while (slot != NULL && slot->state != HTTP_READY)
        slot = slot->next;
    return slot;
}

static void
http_collect(struct eff_http *http)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(http->multi, &left)) != NULL) {
        CURLcode code = msg->data.result; // msg is gone once its handle is removed
        struct http_slot *slot = NULL;

        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
        http_finish(http, slot, code);
    }
}

/* libcurl's own timeout does not hold where it waits for a connection. */
static void
http_expire(struct eff_http *http)
{
    int64_t now_ms = eff_moment_mono_ms();

    for (struct http_slot *slot = http->slots; slot != NULL; slot = slot->next)
        if (slot->state == HTTP_RUNNING && now_ms > slot->until_ms)
            http_finish(http, slot, CURLE_OPERATION_TIMEDOUT);
}

uint64_t
eff_http_turn(struct eff_http *http, const struct eff_response **ret_response)
{
    struct http_slot *slot = http_ready(http);
    int running;

    if (slot == NULL && http->multi != NULL) {
        curl_multi_perform(http->multi, &running);
        http_collect(http);
        http_expire(http);
        slot = http_ready(http);
    }
    if (slot == NULL)
        return 0;
    slot->state = HTTP_GIVEN;
    *ret_response = &slot->response;
    return slot->ticket;
}

void
eff_http_wait(struct eff_http *http, int wait_ms, int wake_fd)
{
    if (http->multi == NULL) {
        struct pollfd wake = {.fd = wake_fd, .events = POLLIN};

        poll(&wake, 1, wait_ms);
    } else {
        struct curl_waitfd wake = {.fd = wake_fd, .events = CURL_WAIT_POLLIN};

        curl_multi_poll(http->multi, &wake, 1, wait_ms, NULL);
    }
}

void
eff_http_release(struct eff_http *http)
{
    for (struct http_slot *slot = http->slots; slot != NULL; slot = slot->next)
        if (slot->state == HTTP_GIVEN)
            http_slot_clear(http, slot);
}

void
eff_http_cancel(struct eff_http *http, uint64_t ticket)
{
    for (struct http_slot *slot = http->slots; slot != NULL; slot = slot->next)
        if (slot->state != HTTP_FREE && slot->ticket == ticket)
            http_slot_clear(http, slot);
}
