/*
 * lib/httpd: an HTTP peer that misbehaves on demand, on a loopback port.
 */
#include "lib/httpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HTTPD_THREADS_MAX 4096

struct httpd {
    struct httpd_config config;
    int fd, port;
    SSL_CTX *tls;
    pthread_t acceptor;
    pthread_t threads[HTTPD_THREADS_MAX];
    atomic_uint connections, requests;
    atomic_bool stop;
};

struct httpd_conn {
    struct httpd *httpd;
    int fd;
    SSL *ssl;
    char *body;
    char held[65536]; /* read but not used yet */
    size_t held_len;
};

void
httpd_pause(unsigned ms)
{
    struct timespec time = {ms / 1000, (long)(ms % 1000) * 1000000};

    nanosleep(&time, NULL);
}

/* One read, after waiting in small steps so that httpd_stop is noticed. */
static ssize_t
conn_read(struct httpd_conn *conn, void *ptr, size_t len)
{
    for (;;) {
        struct pollfd fd = {.fd = conn->fd, .events = POLLIN};

        if (atomic_load(&conn->httpd->stop))
            return -1;
        if ((conn->ssl != NULL && SSL_pending(conn->ssl) > 0) || poll(&fd, 1, 20) > 0)
            break;
    }
    if (conn->ssl != NULL)
        return SSL_read(conn->ssl, ptr, (int)len);
    return recv(conn->fd, ptr, len, 0);
}

static bool
conn_fill(struct httpd_conn *conn)
{
    ssize_t n;

    if (conn->held_len == sizeof(conn->held))
        return false;
    n = conn_read(conn, conn->held + conn->held_len, sizeof(conn->held) - conn->held_len);
    conn->held_len += n > 0 ? (size_t)n : 0;
    return n > 0;
}

static void
conn_use(struct httpd_conn *conn, size_t len)
{
    memmove(conn->held, conn->held + len, conn->held_len - len);
    conn->held_len -= len;
}

static size_t
head_content_length(const char *head)
{
    const char *at = strcasestr(head, "\r\nContent-Length:");

    return at ? strtoul(at + 17, NULL, 10) : 0;
}

bool
httpd_read(struct httpd_conn *conn, struct httpd_request *request)
{
    char *end;
    size_t len, got = 0;

    for (;;) {
        end = memmem(conn->held, conn->held_len, "\r\n\r\n", 4);
        if (end != NULL)
            break;
        if (!conn_fill(conn))
            return false;
    }
    len = (size_t)(end - conn->held) + 4;
    if (len >= sizeof(request->head))
        return false;
    memcpy(request->head, conn->held, len);
    request->head[len] = '\0';
    request->head_len = len;
    conn_use(conn, len);
    if (sscanf(request->head, "%15s %1023s", request->method, request->path) != 2)
        return false;
    request->body_len = head_content_length(request->head);
    free(conn->body);
    request->body = conn->body = calloc(1, request->body_len + 1);
    while (got < request->body_len) {
        size_t part = request->body_len - got;

        if (conn->held_len == 0 && !conn_fill(conn))
            return false;
        part = part < conn->held_len ? part : conn->held_len;
        memcpy(conn->body + got, conn->held, part);
        conn_use(conn, part);
        got += part;
    }
    atomic_fetch_add(&conn->httpd->requests, 1);
    return true;
}

bool
httpd_read_bytes(struct httpd_conn *conn, size_t count)
{
    while (count > 0) {
        size_t part;

        if (conn->held_len == 0) {
            char byte;

            if (conn_read(conn, &byte, 1) != 1) // no more than was asked for
                return false;
            count--;
            continue;
        }
        part = count < conn->held_len ? count : conn->held_len;
        conn_use(conn, part);
        count -= part;
    }
    return true;
}

bool
httpd_send(struct httpd_conn *conn, const void *ptr, size_t len)
{
    size_t done = 0;

    while (done < len && !atomic_load(&conn->httpd->stop)) {
        ssize_t n = conn->ssl != NULL
                        ? SSL_write(conn->ssl, (const char *)ptr + done, (int)(len - done))
                        : send(conn->fd, (const char *)ptr + done, len - done, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return done == len;
}

bool
httpd_text(struct httpd_conn *conn, const char *text)
{
    return httpd_send(conn, text, strlen(text));
}

bool
httpd_drip(struct httpd_conn *conn, const char *text, unsigned pause_ms)
{
    for (; *text; text++) {
        if (!httpd_send(conn, text, 1))
            return false;
        httpd_pause(pause_ms);
    }
    return true;
}

bool
httpd_answer(struct httpd_conn *conn, int status, const char *headers, const char *body)
{
    char *text = NULL;
    bool good;

    if (asprintf(&text, "HTTP/1.1 %d X\r\n%sContent-Length: %zu\r\n\r\n%s", status, headers,
                 strlen(body), body) < 0)
        return false;
    good = httpd_text(conn, text);
    free(text);
    return good;
}

void
httpd_reset(struct httpd_conn *conn)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};

    setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

static void *
conn_main(void *user)
{
    struct httpd_conn *conn = user;
    struct httpd *httpd = conn->httpd;
    unsigned nth = 0;
    bool good = true;

    if (httpd->tls != NULL) {
        conn->ssl = SSL_new(httpd->tls);
        SSL_set_fd(conn->ssl, conn->fd);
        good = SSL_accept(conn->ssl) == 1;
    }
    while (good && !atomic_load(&httpd->stop))
        good = httpd->config.handler(conn, nth++, httpd->config.user);
    SSL_free(conn->ssl);
    close(conn->fd);
    free(conn->body);
    free(conn);
    return NULL;
}

static void *
acceptor_main(void *user)
{
    struct httpd *httpd = user;

    while (!atomic_load(&httpd->stop)) {
        struct pollfd fd = {.fd = httpd->fd, .events = POLLIN};
        struct httpd_conn *conn;
        unsigned number;
        int one = 1;

        if (poll(&fd, 1, 20) <= 0)
            continue;
        conn = calloc(1, sizeof(*conn));
        conn->httpd = httpd;
        conn->fd = accept4(httpd->fd, NULL, NULL, SOCK_CLOEXEC);
        number = atomic_load(&httpd->connections);
        if (conn->fd < 0 || number == HTTPD_THREADS_MAX) {
            free(conn);
            continue;
        }
        setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        atomic_store(&httpd->connections, number + 1);
        pthread_create(&httpd->threads[number], NULL, conn_main, conn);
    }
    return NULL;
}

static int
listen_on(struct httpd *httpd)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool six = httpd->config.ipv6;
    struct sockaddr *address = six ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;
    socklen_t len = six ? sizeof(in6) : sizeof(in);

    httpd->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (httpd->fd < 0 || bind(httpd->fd, address, len) != 0 || listen(httpd->fd, 128) != 0 ||
        getsockname(httpd->fd, address, &len) != 0)
        return -1;
    return ntohs(six ? in6.sin6_port : in.sin_port);
}

static SSL_CTX *
tls_context(const struct httpd_config *config)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    SSL_CTX_set_security_level(tls, 0); // weak keys and old versions are for the client to refuse
    if (tls == NULL || SSL_CTX_use_certificate_chain_file(tls, config->tls_cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, config->tls_key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "httpd: cannot use %s\n", config->tls_cert);
        abort();
    }
    if (config->tls_max != 0) {
        SSL_CTX_set_min_proto_version(tls, 0);
        SSL_CTX_set_max_proto_version(tls, config->tls_max);
    }
    return tls;
}

struct httpd *
httpd_start(const struct httpd_config *config)
{
    struct httpd *httpd = calloc(1, sizeof(*httpd));

    httpd->config = *config;
    if (config->tls_cert != NULL)
        httpd->tls = tls_context(config);
    httpd->port = listen_on(httpd);
    if (httpd->port < 0) {
        perror("httpd");
        abort();
    }
    pthread_create(&httpd->acceptor, NULL, acceptor_main, httpd);
    return httpd;
}

int
httpd_port(const struct httpd *httpd)
{
    return httpd->port;
}

unsigned
httpd_connections(struct httpd *httpd)
{
    return atomic_load(&httpd->connections);
}

unsigned
httpd_requests(struct httpd *httpd)
{
    return atomic_load(&httpd->requests);
}

void
httpd_stop(struct httpd *httpd)
{
    atomic_store(&httpd->stop, true);
    pthread_join(httpd->acceptor, NULL);
    for (unsigned i = 0; i < atomic_load(&httpd->connections); i++)
        pthread_join(httpd->threads[i], NULL);
    close(httpd->fd);
    SSL_CTX_free(httpd->tls);
    free(httpd);
}
