/*
 * os/exec: a user's program that answers lines: one line in, one line out.
 *
 * The program is started with the first request and kept for the next ones; it
 * dies with us. It is not trusted: a line has a maximum, an answer a deadline,
 * and whatever goes wrong ends it. What the answer says:
 * - ANSWERED 200: the line stands in `body`; whether it makes sense is not known here.
 * - NOT_SENT: the program could not be started, or was gone before it got the line.
 * - LOST: it ended, fell silent, or said too much after it had begun to get the line.
 */
#ifndef EFF_OS_EXEC_H
#define EFF_OS_EXEC_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "flow/request.h"

struct exec_child;

struct eff_exec {
    struct eff_arena *process; /* the children's structs */
    struct exec_child *children;
    struct eff_response response;
    char problem[sizeof((struct eff_err){0}.msg)];
};

void eff_exec_init(struct eff_exec *exec, struct eff_arena *process);
/* Closes the programs' input, waits a moment for their end, and ends those that stay. */
void eff_exec_deinit(struct eff_exec *exec);
/* The answer lives until the next call. */
const struct eff_response *eff_exec_execute(struct eff_exec *exec,
                                            const struct eff_exec_request *request,
                                            size_t answer_bytes_max, int64_t timeout_ms);

#endif
