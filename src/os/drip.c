/*
 * os/drip: both ends of one connection, in one thread, in turns.
 *
 * The server's end is served between two turns of the client: a byte that was sent on the
 * loopback is there when the client looks.
 */
#include "os/drip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/http.h"

#define DRIP_BYTES      2000 /* at the beginning and at the end of a long answer */
#define DRIP_TIMEOUT_MS 20000

struct eff_drip {
    struct eff_http *http;
    int listener, link; /* link: -1 until the client has come */
    uint16_t port;
    struct eff_buf in, out;
    size_t sent;
    size_t body_len; /* of the request */
};

enum eff_fault
eff_drip_open(struct eff_arena *process, struct eff_drip **ret_drip, struct eff_err *err)
{
    struct eff_drip *drip = eff_new(process, struct eff_drip, 1);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;

    drip->link = -1;
    drip->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (drip->listener < 0 ||
        bind(drip->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(drip->listener, 4) != 0 ||
        getsockname(drip->listener, (struct sockaddr *)&address, &len) != 0) {
        EFF_FAIL(err, EFF_BROKEN, "no local socket can be opened: %s", strerror(errno));
        eff_drip_close(drip);
        return err->fault;
    }
    drip->port = ntohs(address.sin_port);
    drip->http = eff_http_new(process);
    *ret_drip = drip;
    return EFF_OK;
}

static void
drip_hang_up(struct eff_drip *drip)
{
    if (drip->link >= 0)
        close(drip->link);
    drip->link = -1;
}

void
eff_drip_close(struct eff_drip *drip)
{
    if (!drip)
        return;
    if (drip->http)
        eff_http_free(drip->http);
    drip_hang_up(drip);
    if (drip->listener >= 0)
        close(drip->listener);
    eff_buf_free(&drip->in);
    eff_buf_free(&drip->out);
}

/* Those answers have none by the rules of HTTP, whatever a case says. */
static bool
drip_has_body(const struct eff_response *answer)
{
    return answer->status != 204 && answer->status != 304;
}

static void
drip_write(struct eff_drip *drip, const struct eff_response *answer)
{
    eff_buf_reset(&drip->in);
    eff_buf_reset(&drip->out);
    drip->sent = 0;
    eff_buf_addf(&drip->out, "HTTP/1.1 %d \r\n", answer->status);
    for (size_t i = 0; i < answer->headers_count; i++)
        eff_buf_addf(&drip->out, EFF_STR_FMT ": " EFF_STR_FMT "\r\n",
                     EFF_STR_ARG(answer->headers[i].name), EFF_STR_ARG(answer->headers[i].value));
    if (drip_has_body(answer))
        eff_buf_addf(&drip->out, "Content-Length: %zu\r\n", answer->body.len);
    eff_buf_add(&drip->out, EFF_STR("\r\n"));
    if (drip_has_body(answer))
        eff_buf_add(&drip->out, answer->body);
}

/* True when something came. */
static bool
drip_read(struct eff_drip *drip)
{
    char bytes[65536];
    ssize_t got;

    if (drip->link < 0) {
        int on = 1;

        drip->link = accept4(drip->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (drip->link >= 0)
            setsockopt(drip->link, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return drip->link >= 0;
    }
    got = recv(drip->link, bytes, sizeof bytes, 0);
    if (got > 0)
        eff_buf_add_bytes(&drip->in, bytes, (size_t)got);
    if (got == 0)
        drip_hang_up(drip);
    return got >= 0;
}

static bool
drip_asked(const struct eff_drip *drip)
{
    size_t head = eff_str_find(eff_buf_str(&drip->in), EFF_STR("\r\n\r\n"));

    return head != SIZE_MAX && drip->in.len >= head + 4 + drip->body_len;
}

/* The next piece: a byte, or what is between the beginning and the end. */
static bool
drip_send(struct eff_drip *drip)
{
    size_t left = drip->out.len - drip->sent, piece = left > 0;
    ssize_t sent;

    if (drip->sent >= DRIP_BYTES && left > DRIP_BYTES)
        piece = left - DRIP_BYTES;
    sent = send(drip->link, drip->out.ptr + drip->sent, piece, MSG_NOSIGNAL);
    drip->sent += sent > 0 ? (size_t)sent : 0;
    return sent > 0;
}

struct eff_response
eff_drip_answer(void *self, const struct eff_request *request, const struct eff_response *answer)
{
    struct eff_drip *drip = self;
    const eff_str host = EFF_STR("127.0.0.1");
    struct eff_request local = *request;
    const struct eff_response *got = NULL;
    struct eff_response response;
    size_t scheme = eff_str_find(request->url, EFF_STR("://"));
    eff_str rest = eff_str_sub(request->url, scheme == SIZE_MAX ? 0 : scheme + 3, SIZE_MAX);
    struct eff_buf url = {0};

    eff_http_release(drip->http);
    eff_buf_addf(&url, "http://127.0.0.1:%u", drip->port);
    eff_buf_add(&url, eff_str_sub(rest, eff_str_find_char(rest, '/'), SIZE_MAX));
    local.url = eff_buf_str(&url);
    local.hosts = &host;
    local.hosts_count = 1;
    local.timeout_ms = DRIP_TIMEOUT_MS;
    drip_write(drip, answer);
    drip->body_len = request->body.len;
    eff_http_submit(drip->http, 1, &local);
    while (!eff_http_turn(drip->http, &got)) {
        bool moved = drip_asked(drip) ? drip_send(drip) : drip_read(drip);

        if (!moved)
            eff_http_wait(drip->http, 1, drip->link >= 0 ? drip->link : drip->listener);
    }
    response = *got;
    response.now_wall_ms = answer->now_wall_ms;
    eff_buf_free(&url);
    return response;
}
