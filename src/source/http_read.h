/*
 * source/http_read: one request after another to a warehouse that speaks HTTP. Private to source/.
 *
 * Only requests that may be sent twice go this way: reads, and those with an id by
 * which the other side knows the second copy. All waiting ends when the user asks to stop.
 */
#ifndef EFF_SOURCE_HTTP_READ_H
#define EFF_SOURCE_HTTP_READ_H

#include "os/os.h"

#define EFF_HTTP_READ_TRIES 7 /* about a minute, when nobody asks for longer pauses */

/*
 * The answer, whatever it says; it lives until the next call of this file. EFF_TRANSIENT when
 * the user asks to stop.
 */
enum eff_fault eff_http_read_once(struct eff_os *os, const struct eff_request *request,
                                  const struct eff_response **ret_response, struct eff_err *err);
/* The same for a last word after the user asked to stop; waits for the answer and forgets it. */
void eff_http_read_bye(struct eff_os *os, const struct eff_request *request);
/* EFF_TRANSIENT when the user asks to stop. */
enum eff_fault eff_http_read_pause(struct eff_os *os, int64_t wait_ms, struct eff_err *err);
/* No answer, 408, 429 or 5xx: the same request may do better later. */
bool eff_http_read_passes(const struct eff_response *response);
/* The pause before the tries-th repetition (from 1): as the answer asks, or growing, with jitter. */
int64_t eff_http_read_wait_ms(struct eff_os *os, const struct eff_response *response,
                              unsigned tries);
/* EFF_TRANSIENT, or EFF_CONFIG when we ourselves refuse to send: there was no answer. */
enum eff_fault eff_http_read_silence(const struct eff_response *response, eff_str url,
                                     struct eff_err *err);
/* Host of an http(s) URL, without port and brackets; *ret_plain: http. */
eff_str eff_http_read_host(eff_str url, bool *ret_plain);
bool eff_http_read_loopback(eff_str host); /* localhost, 127.0.0.1 and its kin, ::1 */

#endif
