/*
 * os/real: the real world behind the table.
 *
 * HTTP goes side by side; SQL requests, files and programs are carried out one at a time
 * inside `next`, because a destination of that kind has one lane anyway. The only
 * global state of the program is here: what a signal handler may touch. The first
 * SIGTERM or SIGINT asks to stop and wakes `next`; the second ends the process the
 * way it would have without us.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "os/exec.h"
#include "os/file_sink.h"
#include "os/files.h"
#include "os/http.h"
#include "os/moment.h"
#include "os/sql.h"

struct real_local { /* a request other than HTTP that waits for `next` */
    struct real_local *next;
    uint64_t ticket;
    const struct eff_request *request;
};

struct eff_real {
    struct eff_os os;
    struct eff_arena *process;
    struct eff_http *http;
    struct eff_sql sql;
    struct eff_file_sink sink;
    struct eff_exec exec;
    struct real_local *first, **last, *spare;
    int wake_fd; /* written by the signal handler */
    bool told;   /* `next` has come back early for it */
};

/* ---- signals ---- */

static volatile sig_atomic_t real_stops;
static volatile sig_atomic_t real_wake_fd = -1;

static void
real_on_signal(int number)
{
    int code = errno;
    uint64_t one = 1;

    if (real_stops > 0) {
        signal(number, SIG_DFL);
        raise(number);
    }
    real_stops = real_stops + 1;
    if (real_wake_fd >= 0 && write(real_wake_fd, &one, sizeof(one)) < 0) {
        // A full counter wakes just as well.
    }
    errno = code;
}

static void
real_catch_signals(int wake_fd)
{
    struct sigaction stop = {.sa_handler = real_on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    real_stops = 0;
    real_wake_fd = wake_fd;
    sigemptyset(&stop.sa_mask);
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGPIPE, &ignore, NULL); // A closed socket is an answer, not the end.
}

static bool
real_not_stopped(void)
{
    return real_stops == 0;
}

static bool
real_go_on(void *self)
{
    (void)self;
    return real_not_stopped();
}

/* ---- clock and chance ---- */

static int64_t
real_mono_ms(void *self)
{
    (void)self;
    return eff_moment_mono_ms();
}

static int64_t
real_wall_ms(void *self)
{
    (void)self;
    return eff_moment_wall_ms();
}

static void
real_random(void *self, void *ptr, size_t len)
{
    size_t done = 0;

    (void)self;
    while (done < len) {
        ssize_t n = getrandom((char *)ptr + done, len - done, 0);

        assert(n > 0 || errno == EINTR); // Linux has it since 3.17; nothing may replace it.
        done += n > 0 ? (size_t)n : 0;
    }
}

/* ---- requests ---- */

static void
real_submit(void *self, uint64_t ticket, const struct eff_request *request)
{
    struct eff_real *real = self;
    struct real_local *local = real->spare;

    if (request->kind == EFF_REQUEST_HTTP) {
        eff_http_submit(real->http, ticket, request);
        return;
    }
    if (local != NULL)
        real->spare = local->next;
    else
        local = eff_new(real->process, struct real_local, 1);
    *local = (struct real_local){.ticket = ticket, .request = request};
    *real->last = local;
    real->last = &local->next;
}

static void
real_unlink_local(struct eff_real *real, struct real_local **at)
{
    struct real_local *local = *at;

    *at = local->next;
    if (real->last == &local->next)
        real->last = at;
    local->next = real->spare;
    real->spare = local;
}

static uint64_t
real_run_local(struct eff_real *real, const struct eff_response **ret_response)
{
    const struct eff_request *request = real->first->request;
    uint64_t ticket = real->first->ticket;

    real_unlink_local(real, &real->first);
    if (request->kind == EFF_REQUEST_SQL)
        *ret_response = eff_sql_execute(&real->sql, &request->sql, request->timeout_ms);
    else if (request->kind == EFF_REQUEST_FILE)
        *ret_response = eff_file_sink_execute(&real->sink, &request->file);
    else
        *ret_response = eff_exec_execute(&real->exec, &request->exec, request->answer_bytes_max,
                                         request->timeout_ms);
    return ticket;
}

static bool
real_must_tell(struct eff_real *real)
{
    uint64_t count;

    if (real->told || real_stops == 0)
        return false;
    real->told = true;
    if (read(real->wake_fd, &count, sizeof(count)) < 0) {
        // Nothing in it: the flag said it already.
    }
    return true;
}

static uint64_t
real_next(void *self, int64_t deadline_mono_ms, const struct eff_response **ret_response)
{
    struct eff_real *real = self;

    *ret_response = NULL;
    eff_http_release(real->http);
    if (real->first != NULL)
        return real_run_local(real, ret_response);
    for (;;) {
        uint64_t ticket = eff_http_turn(real->http, ret_response);
        int64_t left_ms;

        if (ticket != 0 || real_must_tell(real))
            return ticket;
        left_ms = deadline_mono_ms - eff_moment_mono_ms();
        if (left_ms <= 0)
            return 0;
        eff_http_wait(real->http, left_ms < 60000 ? (int)left_ms : 60000, real->wake_fd);
    }
}

static void
real_cancel(void *self, uint64_t ticket)
{
    struct eff_real *real = self;

    eff_http_cancel(real->http, ticket);
    for (struct real_local **at = &real->first; *at != NULL; at = &(*at)->next) {
        if ((*at)->ticket == ticket) {
            real_unlink_local(real, at);
            return;
        }
    }
}

/* ---- opening ---- */

enum eff_fault
eff_os_real(struct eff_arena *process, struct eff_os **ret_os, struct eff_err *err)
{
    struct eff_real *real = eff_new(process, struct eff_real, 1);

    real->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (real->wake_fd < 0)
        return eff_files_fail(err, errno, "cannot make", "an event descriptor");
    real->process = process;
    real->last = &real->first;
    real->http = eff_http_new(process);
    eff_sql_init(&real->sql, process);
    real->sql.go_on = real_not_stopped;
    eff_exec_init(&real->exec, process);
    eff_files_fill(&real->os);
    real->os.self = real;
    real->os.mono_ms = real_mono_ms;
    real->os.wall_ms = real_wall_ms;
    real->os.random = real_random;
    real->os.submit = real_submit;
    real->os.next = real_next;
    real->os.cancel = real_cancel;
    real->os.go_on = real_go_on;
    real_catch_signals(real->wake_fd);
    *ret_os = &real->os;
    return EFF_OK;
}

void
eff_os_real_close(struct eff_os *os)
{
    struct eff_real *real = os->self;

    eff_http_free(real->http);
    eff_sql_deinit(&real->sql);
    eff_exec_deinit(&real->exec);
    real_wake_fd = -1;
    close(real->wake_fd);
    real->wake_fd = -1;
}
