/*
 * os/process: a child that works on its own and talks in lines.
 *
 * The child is a fork that calls a function; what it writes to its pipe comes
 * back line by line. It stands in a process group of its own, so that Ctrl-C
 * reaches the parent alone, who passes the wish on, once. When the parent dies,
 * the kernel kills the child.
 */
#ifndef EFF_OS_PROCESS_H
#define EFF_OS_PROCESS_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

#define EFF_PROCESS_LINE_MAX ((size_t)64 << 20)

struct eff_process {
    pid_t pid;
    int fd; /* reading end; -1: the child has closed its end */
    struct eff_buf bytes;
    size_t used;    /* bytes that were given as lines */
    size_t scanned; /* bytes without a line end, from `used` on */
};

/* How a child ended: exit_code, or the signal that ended it. */
struct eff_process_end {
    int exit_code;
    int signal; /* 0: it ended by itself */
};

/* Memory that is zero and shared with the children that are started after it; NULL: there is none. */
void *eff_process_share(size_t bytes);
void eff_process_unshare(void *shared, size_t bytes);

/*
 * `work` runs in the child, with the writing end of the pipe; its result is the exit code.
 * Nothing that was opened before may be used by both sides.
 */
enum eff_fault eff_process_start(int (*work)(void *self, int out), void *self,
                                 struct eff_process *ret_process, struct eff_err *err);
/* To be called in the child once its signal handlers are set: a wish to stop counts only once. */
void eff_process_calm(void);
/* Waits until one of them has said something or closed, at most wait_ms; NULL entries are skipped. */
void eff_process_wait(struct eff_process *const *processes, size_t count, int wait_ms);
/* The next whole line, without its end; borrowed until the next call. False: none yet. */
bool eff_process_line(struct eff_process *process, eff_str *ret_line);
/* The child has closed its end and all its lines were taken. */
bool eff_process_done(const struct eff_process *process);
void eff_process_stop(const struct eff_process *process); /* asks: SIGTERM */
/* Waits for its end and frees what belongs to it. */
struct eff_process_end eff_process_reap(struct eff_process *process);
/* Writes all of it; false when nobody reads any more. */
bool eff_process_say(int out, eff_str text);

#endif
