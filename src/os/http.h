/*
 * os/http: HTTP requests side by side over kept connections, by libcurl.
 *
 * What is promised of each request:
 * - It leaves at most once when it `writes`. libcurl sends a request again by
 *   itself when a kept connection dies before any byte of an answer, and the peer
 *   may have acted on the first copy. So the callback that libcurl makes before
 *   each sending refuses the second one of a writing request, unless not a byte
 *   of the first had left; the request is then LOST.
 * - NOT_SENT is certain: that callback never came (name, connection, TLS or
 *   address failed), or libcurl counted no byte of the request. All else without
 *   a complete answer is LOST.
 * - It goes to public addresses by https only, unless request->hosts lists the
 *   URL's host; to a cloud's metadata address only when the request says so as well,
 *   as a login does whose project gives no other credential. Checked on the address
 *   of each new connection, and again when a kept one is used.
 * - Redirects are answers, proxies and cookies are not used, TLS is 1.2 or newer
 *   and verified with the system's certificates (or those of SSL_CERT_FILE).
 */
#ifndef EFF_OS_HTTP_H
#define EFF_OS_HTTP_H

#include "base/arena.h"
#include "flow/request.h"

#define EFF_HTTP_HEADERS_MAX 512
#define EFF_HTTP_HEAD_BYTES  ((size_t)256 << 10)

struct eff_http;

/* Cheap: libcurl is not touched before the first request. */
struct eff_http *eff_http_new(struct eff_arena *process);
void eff_http_free(struct eff_http *http);
void eff_http_submit(struct eff_http *http, uint64_t ticket, const struct eff_request *request);
/* Does what can be done without waiting. A finished ticket, or 0. */
uint64_t eff_http_turn(struct eff_http *http, const struct eff_response **ret_response);
/* Waits for the network, or for wake_fd to become readable, at most wait_ms. */
void eff_http_wait(struct eff_http *http, int wait_ms, int wake_fd);
/* The answer that was given out has been used: its memory is used again. */
void eff_http_release(struct eff_http *http);
/* Neither the request nor its answer is wanted any more. */
void eff_http_cancel(struct eff_http *http, uint64_t ticket);

#endif
