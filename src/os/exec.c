/*
 * os/exec: starting a program, and exchanging lines with it.
 */
#include "os/exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "os/moment.h"
#include "os/process.h"

#define EXEC_TIMEOUT_MS ((int64_t)60000)
#define EXEC_LINE_MAX   ((size_t)16 << 20)
#define EXEC_READ_BYTES ((size_t)64 << 10)
#define EXEC_LEAVE_MS   2000 /* from the end of its input to the end of the program */
#define EXEC_TAIL_BYTES 400  /* of what it wrote to its standard error */

struct exec_child {
    struct exec_child *next;
    char **argv; /* terminated; in the process arena */
    struct eff_process process;
    bool runs;
    int in, err; /* its standard input, its standard error */
    struct eff_buf out;
    char tail[EXEC_TAIL_BYTES + 1];
    size_t tail_len;
};

/* ---- in the child ---- */

struct exec_start {
    char **argv;
    char folder[PATH_MAX]; /* of the program: it runs there, and finds its own files */
    int in, err;
    int told; /* closes when the program has begun; else errno is written to it */
};

static int
exec_become(void *self, int out)
{
    const struct exec_start *start = self;
    struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    int code;

    sigemptyset(&usual.sa_mask);
    sigemptyset(&none);
    sigaction(SIGPIPE, &usual, NULL);
    sigaction(SIGXFSZ, &usual, NULL);
    sigaction(SIGTERM, &usual, NULL);
    sigaction(SIGINT, &usual, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(start->in, 0) == 0 && dup2(out, 1) == 1 && dup2(start->err, 2) == 2) {
        close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
        if (start->folder[0] == '\0' || chdir(start->folder) == 0)
            execv(start->argv[0], start->argv);
    }
    code = errno;
    return write(start->told, &code, sizeof(code)) == sizeof(code) ? 127 : 126;
}

/* ---- faults ---- */

static bool
exec_fail(struct eff_exec *exec, enum eff_wire wire, const char *program, const char *what)
{
    char raw[1024];

    snprintf(raw, sizeof(raw), "%s %s", program, what);
    eff_str_print_to(exec->problem, sizeof(exec->problem), eff_str_trim(eff_str_of(raw)));
    exec->response =
        (struct eff_response){.wire = wire, .status = 503, .problem = eff_str_of(exec->problem)};
    return false;
}

/*
 * The last line that it wrote to its standard error says most. Of one that is longer than what is
 * kept, the word is left out whose beginning is lost: it may be the end of a secret.
 */
static eff_str
exec_last_words(const struct exec_child *child)
{
    eff_str text = eff_str_trim((eff_str){child->tail, child->tail_len}), cut, rest;

    for (size_t i = text.len; i > 0; i--)
        if (text.ptr[i - 1] == '\n')
            return eff_str_sub(text, i, text.len);
    if (child->tail_len < EXEC_TAIL_BYTES)
        return text;
    return eff_str_cut(text, ' ', &cut, &rest) ? rest : EFF_STR_NONE;
}

/* ---- starting and ending ---- */

static struct eff_process_end
exec_end(struct exec_child *child)
{
    struct eff_process_end end;

    kill(-child->process.pid, SIGKILL); // with whatever it has started itself
    end = eff_process_reap(&child->process);
    close(child->in);
    close(child->err);
    eff_buf_free(&child->out);
    child->runs = false;
    return end;
}

/* Three pipes besides the one of eff_process: its input, its errors, and word of its beginning. */
static bool
exec_pipes(int pipes[3][2])
{
    for (int i = 0; i < 3; i++) {
        if (pipe2(pipes[i], O_CLOEXEC) == 0)
            continue;
        while (i-- > 0) {
            close(pipes[i][0]);
            close(pipes[i][1]);
        }
        return false;
    }
    return true;
}

static bool
exec_start(struct eff_exec *exec, struct exec_child *child)
{
    int pipes[3][2], code = 0;
    struct exec_start start = {.argv = child->argv};
    struct eff_err err;
    ssize_t n;

    if (strrchr(child->argv[0], '/') != NULL)
        snprintf(start.folder, sizeof(start.folder), "%.*s",
                 (int)(strrchr(child->argv[0], '/') - child->argv[0]), child->argv[0]);
    if (!exec_pipes(pipes))
        return exec_fail(exec, EFF_WIRE_NOT_SENT, child->argv[0], strerrordesc_np(errno));
    start.in = pipes[0][0];
    start.err = pipes[1][1];
    start.told = pipes[2][1];
    child->tail_len = 0;
    child->runs = eff_process_start(exec_become, &start, &child->process, &err) == EFF_OK;
    close(start.in);
    close(start.err);
    close(start.told);
    child->in = pipes[0][1];
    child->err = pipes[1][0];
    fcntl(child->in, F_SETFL, O_NONBLOCK);
    fcntl(child->err, F_SETFL, O_NONBLOCK);
    do
        n = child->runs ? read(pipes[2][0], &code, sizeof(code)) : 0;
    while (n < 0 && errno == EINTR);
    close(pipes[2][0]);
    if (child->runs && n == 0)
        return true;
    if (child->runs) {
        exec_end(child);
    } else {
        close(child->in);
        close(child->err);
    }
    exec_fail(exec, EFF_WIRE_NOT_SENT, child->argv[0],
              code ? strerrordesc_np(code) : "cannot be started");
    exec->response.not_allowed = code == ENOENT || code == EACCES || code == ENOEXEC;
    return false;
}

/* After its input has ended a program may still write its own things down. */
static void
exec_leave(struct exec_child *child)
{
    int64_t until_ms = eff_moment_mono_ms() + EXEC_LEAVE_MS;
    char scratch[4096];

    close(child->in);
    child->in = -1;
    for (;;) {
        struct pollfd fd = {.fd = child->process.fd, .events = POLLIN};
        int64_t left_ms = until_ms - eff_moment_mono_ms();

        if (left_ms <= 0 || (poll(&fd, 1, (int)left_ms) > 0 &&
                             read(child->process.fd, scratch, sizeof(scratch)) == 0))
            break;
    }
    exec_end(child);
}

void
eff_exec_init(struct eff_exec *exec, struct eff_arena *process)
{
    *exec = (struct eff_exec){.process = process};
}

void
eff_exec_deinit(struct eff_exec *exec)
{
    for (struct exec_child *child = exec->children; child != NULL; child = child->next) {
        if (child->runs)
            exec_leave(child);
    }
    exec->children = NULL;
}

/* ---- the exchange ---- */

static bool
exec_is(const struct exec_child *child, const struct eff_exec_request *request)
{
    if (!eff_str_is(request->program, child->argv[0]))
        return false;
    for (size_t i = 0; i < request->args_count; i++)
        if (child->argv[i + 1] == NULL || !eff_str_is(request->args[i], child->argv[i + 1]))
            return false;
    return child->argv[request->args_count + 1] == NULL;
}

static struct exec_child *
exec_child(struct eff_exec *exec, const struct eff_exec_request *request)
{
    struct exec_child *child = exec->children;

    while (child != NULL && !exec_is(child, request))
        child = child->next;
    if (child == NULL) {
        child = eff_new(exec->process, struct exec_child, 1);
        child->argv = eff_new(exec->process, char *, request->args_count + 2);
        child->argv[0] = eff_str_c(exec->process, request->program);
        for (size_t i = 0; i < request->args_count; i++)
            child->argv[i + 1] = eff_str_c(exec->process, request->args[i]);
        child->next = exec->children;
        exec->children = child;
    }
    return child;
}

/* Keeps the end of what it says there. */
static void
exec_read_errors(struct exec_child *child)
{
    char bytes[4096];
    ssize_t n = read(child->err, bytes, sizeof(bytes));
    size_t len = n > 0 ? (size_t)n : 0, keep;

    if (n == 0) {
        close(child->err);
        child->err = -1;
    }
    if (len > EXEC_TAIL_BYTES) {
        memmove(bytes, bytes + len - EXEC_TAIL_BYTES, EXEC_TAIL_BYTES);
        len = EXEC_TAIL_BYTES;
    }
    keep = child->tail_len + len > EXEC_TAIL_BYTES ? EXEC_TAIL_BYTES - len : child->tail_len;
    memmove(child->tail, child->tail + child->tail_len - keep, keep);
    memcpy(child->tail + keep, bytes, len);
    child->tail_len = keep + len;
}

/* False: it has closed its output, or said more than it may. */
static bool
exec_read(struct exec_child *child)
{
    char *room = eff_buf_reserve(&child->out, EXEC_READ_BYTES);
    ssize_t n;

    if (room == NULL)
        return false;
    n = read(child->process.fd, room, EXEC_READ_BYTES);
    if (n > 0)
        eff_buf_grow(&child->out, (size_t)n);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool
exec_write(struct exec_child *child, eff_str *rest)
{
    ssize_t n = write(child->in, rest->ptr, rest->len);

    if (n > 0)
        *rest = eff_str_sub(*rest, (size_t)n, rest->len);
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

enum exec_turn { EXEC_GOES_ON, EXEC_LATE, EXEC_GONE };

/* One poll: writes what is left of the line, reads what there is. */
static enum exec_turn
exec_turn(struct exec_child *child, eff_str *rest, int64_t deadline_ms)
{
    struct pollfd fds[3] = {{.fd = child->process.fd, .events = POLLIN},
                            {.fd = child->err, .events = POLLIN},
                            {.fd = rest->len > 0 ? child->in : -1, .events = POLLOUT}};
    int64_t left_ms = deadline_ms - eff_moment_mono_ms();

    if (left_ms <= 0)
        return EXEC_LATE;
    if (poll(fds, 3, left_ms < 60000 ? (int)left_ms : 60000) <= 0)
        return EXEC_GOES_ON;
    if (fds[1].revents != 0)
        exec_read_errors(child);
    if (fds[0].revents != 0 && !exec_read(child))
        return EXEC_GONE;
    if (fds[2].revents != 0 && !exec_write(child, rest))
        *rest = EFF_STR(""); // it reads no more; what it says is still heard
    return EXEC_GOES_ON;
}

static bool
exec_ended(struct eff_exec *exec, struct exec_child *child, enum eff_wire wire, bool late)
{
    char what[700];
    eff_str words;
    bool too_long = child->out.full;
    struct eff_process_end end;

    while (!late && child->err >= 0) { // its last words may still be in the pipe
        struct pollfd fd = {.fd = child->err, .events = POLLIN};

        if (poll(&fd, 1, 200) <= 0)
            break;
        exec_read_errors(child);
    }
    end = exec_end(child);
    words = exec_last_words(child);
    if (late)
        snprintf(what, sizeof(what), "did not answer in time");
    else if (too_long)
        snprintf(what, sizeof(what), "answered with more than %zu bytes", child->out.max);
    else if (end.signal != 0 && end.signal != SIGKILL)
        snprintf(what, sizeof(what), "was ended by signal %d", end.signal);
    else if (end.signal == 0)
        snprintf(what, sizeof(what), "ended with exit code %d instead of an answer", end.exit_code);
    else
        snprintf(what, sizeof(what), "closed its output instead of answering");
    if (words.len > 0)
        snprintf(what + strlen(what), sizeof(what) - strlen(what), ": " EFF_STR_FMT,
                 EFF_STR_ARG(words));
    return exec_fail(exec, wire, child->argv[0], what);
}

/* The program has begun to get the line as soon as one byte of it has left. */
static bool
exec_exchange(struct eff_exec *exec, struct exec_child *child, eff_str line, int64_t deadline_ms)
{
    eff_str rest = line;

    for (;;) {
        enum exec_turn turn = exec_turn(child, &rest, deadline_ms);
        size_t end = eff_str_find_char(eff_buf_str(&child->out), '\n');

        if (end != SIZE_MAX) {
            exec->response.body = eff_str_sub(eff_buf_str(&child->out), 0, end);
            return true;
        }
        if (turn == EXEC_GOES_ON)
            continue;
        return exec_ended(exec, child, rest.len == line.len ? EFF_WIRE_NOT_SENT : EFF_WIRE_LOST,
                          turn == EXEC_LATE);
    }
}

/* Has it said or closed something since its last answer? Then it is out of step. */
static bool
exec_is_idle(struct exec_child *child)
{
    struct pollfd fd = {.fd = child->process.fd, .events = POLLIN};
    size_t end = eff_str_find_char(eff_buf_str(&child->out), '\n');

    if (child->out.len > 0 && end + 1 != child->out.len)
        return false;
    eff_buf_reset(&child->out);
    return poll(&fd, 1, 0) == 0;
}

const struct eff_response *
eff_exec_execute(struct eff_exec *exec, const struct eff_exec_request *request,
                 size_t answer_bytes_max, int64_t timeout_ms)
{
    int64_t began_ms = eff_moment_mono_ms();
    int64_t deadline_ms = began_ms + (timeout_ms > 0 ? timeout_ms : EXEC_TIMEOUT_MS);
    struct exec_child *child = exec_child(exec, request);

    exec->response = (struct eff_response){.wire = EFF_WIRE_ANSWERED, .status = 200};
    if (child->runs && (request->restart || !exec_is_idle(child)))
        exec_end(child);
    if (child->runs || exec_start(exec, child)) {
        child->out.max = answer_bytes_max > 0 ? answer_bytes_max : EXEC_LINE_MAX;
        exec_exchange(exec, child, request->line, deadline_ms);
    }
    exec->response.took_ms = eff_moment_mono_ms() - began_ms;
    exec->response.now_wall_ms = eff_moment_wall_ms();
    return &exec->response;
}
