/*
 * lib/httpd: an HTTP peer that misbehaves on demand, on a loopback port.
 *
 * Each connection is a thread that calls the test's handler until that returns
 * false. The handler reads what it likes and sends raw bytes: half an answer, one
 * byte at a time, nothing at all.
 */
#ifndef EFF_TEST_HTTPD_H
#define EFF_TEST_HTTPD_H

#include <stdbool.h>
#include <stddef.h>

struct httpd;
struct httpd_conn;

struct httpd_request {
    char method[16];
    char path[1024];
    char head[16384]; /* terminated, as it came */
    size_t head_len;
    char *body; /* terminated; lives until the next read on this connection */
    size_t body_len;
};

/* nth: of this connection, from 0. False closes the connection. */
typedef bool (*httpd_handler)(struct httpd_conn *conn, unsigned nth, void *user);

struct httpd_config {
    httpd_handler handler;
    void *user;
    const char *tls_cert, *tls_key; /* PEM files; NULL: plain */
    int tls_max;                    /* TLS1_1_VERSION ...; 0: any */
    bool ipv6;
};

struct httpd *httpd_start(const struct httpd_config *config);
int httpd_port(const struct httpd *httpd);
unsigned httpd_connections(struct httpd *httpd); /* accepted so far */
unsigned httpd_requests(struct httpd *httpd);    /* read completely so far */
void httpd_stop(struct httpd *httpd);

/* For handlers. All return false when the peer has gone. */
bool httpd_read(struct httpd_conn *conn, struct httpd_request *ret_request);
bool httpd_read_bytes(struct httpd_conn *conn, size_t count); /* and forget them */
bool httpd_send(struct httpd_conn *conn, const void *ptr, size_t len);
bool httpd_text(struct httpd_conn *conn, const char *text);
bool httpd_drip(struct httpd_conn *conn, const char *text, unsigned pause_ms);
/* A whole answer with Content-Length; headers: "X: y\r\n" or "". */
bool httpd_answer(struct httpd_conn *conn, int status, const char *headers, const char *body);
void httpd_reset(struct httpd_conn *conn); /* RST instead of FIN when the handler returns */
void httpd_pause(unsigned ms);

#endif
