/*
 * os/http_check: what a request may look like, and the reading of an answer's head.
 *
 * Pure but for libcurl's URL parser, which is the one that the request goes
 * through later, so that both read a URL alike.
 */
#ifndef EFF_OS_HTTP_CHECK_H
#define EFF_OS_HTTP_CHECK_H

#include <sys/socket.h>

#include "base/err.h"
#include "flow/request.h"

/*
 * EFF_CONFIG with what is wrong: not http(s), plain http to a host that is not
 * listed, user info, control bytes, a header that would change the framing.
 */
enum eff_fault eff_http_check(const struct eff_request *request, bool *ret_listed,
                              struct eff_err *err);
/*
 * The lines of a head as headers that point into it; names are put into lower
 * case in place. At most `max`; the status line and what is no header are left out.
 */
size_t eff_http_headers_parse(char *head, size_t len, struct eff_header *ret_headers, size_t max);
/* "127.0.0.1", "::1"; "?" for other families. */
void eff_address_text(const struct sockaddr *address, char *ret_text, size_t cap);

#endif
