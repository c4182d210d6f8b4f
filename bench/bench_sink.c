/*
 * bench_sink: an HTTP server that takes every batch, for clients to be measured against.
 *
 * usage: bench_sink
 *
 * links: base
 *
 * Listens on a free loopback port, which it prints on one line, and serves until the
 * end of its standard input. Any request is answered 200 {"ok":true} once its body
 * has come; connections are kept. It looks at nothing but the length: its own work
 * must not be what is measured. At the end it prints how much came.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/bench.h"

#define HEAD_MAX 16384
#define READ_MAX ((size_t)1 << 16)

struct sink_conn {
    int fd;
    char head[HEAD_MAX];
    size_t head_len;
    size_t body_left; /* of the request under way */
    bool in_body;
};

struct sink {
    int epoll, listener;
    uint64_t requests, bytes;
};

static int
sink_listen(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        bench_die("no port to listen on");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void
sink_watch(struct sink *sink, int fd, void *ptr)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = ptr};

    if (epoll_ctl(sink->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        bench_die("epoll: %s", strerror(errno));
}

static void
sink_accept(struct sink *sink)
{
    struct sink_conn *conn = calloc(1, sizeof(*conn));

    if (!conn)
        bench_die("out of memory");
    conn->fd = accept(sink->listener, NULL, NULL);
    if (conn->fd < 0)
        free(conn);
    else
        sink_watch(sink, conn->fd, conn);
}

static void
sink_answer(struct sink *sink, struct sink_conn *conn)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                 "Content-Length: 11\r\n\r\n{\"ok\":true}";

    sink->requests++;
    conn->in_body = false;
    conn->head_len = 0;
    if (send(conn->fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL) < 0)
        conn->body_left = 0; // its reading end will say so too
}

/* Of a complete head; SIZE_MAX without one. */
static size_t
sink_content_length(const char *head)
{
    const char *at = strcasestr(head, "\r\ncontent-length:");

    return at ? strtoul(at + 17, NULL, 10) : SIZE_MAX;
}

/* One byte of a head at a time would be slow: it looks for the end in what has come. */
static size_t
sink_head(struct sink_conn *conn, const char *at, size_t len)
{
    size_t before = conn->head_len, take = len;
    char *end;

    if (take > HEAD_MAX - 1 - before)
        take = HEAD_MAX - 1 - before;
    memcpy(conn->head + before, at, take);
    conn->head[before + take] = 0;
    conn->head_len = before + take;
    end = strstr(conn->head, "\r\n\r\n");
    if (!end) {
        if (conn->head_len == HEAD_MAX - 1)
            bench_die("a request's head is too long");
        return len;
    }
    conn->body_left = sink_content_length(conn->head);
    if (conn->body_left == SIZE_MAX)
        bench_die("a request without Content-Length");
    conn->in_body = true;
    return (size_t)(end + 4 - conn->head) - before;
}

static void
sink_take(struct sink *sink, struct sink_conn *conn, const char *at, size_t len)
{
    while (len > 0) {
        size_t used;

        if (conn->in_body) {
            used = len < conn->body_left ? len : conn->body_left;
            conn->body_left -= used;
            sink->bytes += used;
        } else
            used = sink_head(conn, at, len);
        at += used;
        len -= used;
        if (conn->in_body && conn->body_left == 0)
            sink_answer(sink, conn);
    }
}

static void
sink_read(struct sink *sink, struct sink_conn *conn)
{
    static char buffer[READ_MAX];
    ssize_t len = recv(conn->fd, buffer, sizeof(buffer), 0);

    if (len > 0) {
        sink_take(sink, conn, buffer, (size_t)len);
        return;
    }
    close(conn->fd); // and leaves the epoll set
    free(conn);
}

static bool
sink_turn(struct sink *sink)
{
    struct epoll_event events[32];
    int count = epoll_wait(sink->epoll, events, 32, -1);

    for (int i = 0; i < count; i++) {
        void *ptr = events[i].data.ptr;

        if (ptr == &sink->requests)
            return false;
        if (ptr == sink)
            sink_accept(sink);
        else
            sink_read(sink, ptr);
    }
    return true;
}

int
main(void)
{
    struct sink sink = {.epoll = epoll_create1(0)};

    sink.listener = sink_listen();
    sink_watch(&sink, sink.listener, &sink);
    sink_watch(&sink, 0, &sink.requests); // nothing is ever written to it: its end is what comes
    while (sink_turn(&sink))
        continue;
    printf("{\"bench\": \"sink\", \"requests\": %llu, \"bytes\": %llu}\n",
           (unsigned long long)sink.requests, (unsigned long long)sink.bytes);
    return 0;
}
