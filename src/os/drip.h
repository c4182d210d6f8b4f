/*
 * os/drip: an answer that comes through a real connection, one byte at a time.
 *
 * A local socket gives it, HTTP client and parser are those of every run (os/http). Each byte
 * is read before the next one is sent, so none ever comes together with another.
 */
#ifndef EFF_OS_DRIP_H
#define EFF_OS_DRIP_H

#include "base/arena.h"
#include "flow/request.h"

struct eff_drip;

enum eff_fault eff_drip_open(struct eff_arena *process, struct eff_drip **ret_drip,
                             struct eff_err *err);
void eff_drip_close(struct eff_drip *drip); /* NULL is fine */
/*
 * What the client makes of that answer to that request, which goes to the local socket instead
 * of its own host. It lives until the next one; `self` is the eff_drip. Of a long answer only
 * the beginning and the end come byte by byte.
 */
struct eff_response eff_drip_answer(void *self, const struct eff_request *request,
                                    const struct eff_response *answer);

#endif
