/*
 * os/process: fork, pipe, lines, and how it ended.
 */
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/moment.h"

/*
 * A service manager sends SIGTERM to every process of the group while the parent
 * passes its own on: two signals for one wish. What comes this close together
 * counts once.
 */
#define PROCESS_ONE_WISH_MS 1000
#define PROCESS_READ_BYTES  ((size_t)64 << 10)

/* ---- in the child ---- */

/* What a signal handler may touch has to be global: the time of the first wish, who handles it. */
static volatile int64_t process_asked_ms;
static void (*process_next_handler)(int);

static void
process_on_term(int number)
{
    int64_t now = eff_moment_mono_ms();

    if (process_asked_ms != 0 && now - process_asked_ms < PROCESS_ONE_WISH_MS)
        return;
    process_asked_ms = now;
    process_next_handler(number);
}

void
eff_process_calm(void)
{
    struct sigaction before, calm = {.sa_handler = process_on_term};

    if (sigaction(SIGTERM, NULL, &before) != 0 || before.sa_handler == SIG_DFL ||
        before.sa_handler == SIG_IGN)
        return;
    process_asked_ms = 0;
    process_next_handler = before.sa_handler;
    sigemptyset(&calm.sa_mask);
    sigaction(SIGTERM, &calm, NULL);
}

/*
 * Who kills the parent means the run, and may start the next one at once: the child
 * goes with it, as if it had been killed itself, and holds no lock any longer.
 */
static void
process_become_child(pid_t parent)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) // It died before the line above.
        _exit(1);
}

/* ---- in the parent ---- */

void *
eff_process_share(size_t bytes)
{
    void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return shared == MAP_FAILED ? NULL : shared;
}

void
eff_process_unshare(void *shared, size_t bytes)
{
    if (shared)
        munmap(shared, bytes);
}

enum eff_fault
eff_process_start(int (*work)(void *self, int out), void *self, struct eff_process *ret_process,
                  struct eff_err *err)
{
    pid_t parent = getpid(), pid;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return EFF_FAIL(err, EFF_BROKEN, "cannot make a pipe: %s", strerror(errno));
    fflush(NULL); // Or the child would write our text a second time.
    pid = fork();
    if (pid < 0) {
        EFF_FAIL(err, EFF_BROKEN, "cannot start a process: %s", strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return eff_err_hint(err, "Too many processes or too little memory; try a smaller --jobs.");
    }
    if (pid == 0) {
        close(ends[0]);
        process_become_child(parent);
        _exit(work(self, ends[1]));
    }
    close(ends[1]);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *ret_process = (struct eff_process){.pid = pid, .fd = ends[0]};
    ret_process->bytes.max = EFF_PROCESS_LINE_MAX;
    return EFF_OK;
}

static void
process_close(struct eff_process *process)
{
    close(process->fd);
    process->fd = -1;
}

/* Moves what is not yet taken to the front, so that the buffer stays as long as a line. */
static void
process_compact(struct eff_process *process)
{
    struct eff_buf *bytes = &process->bytes;

    if (process->used == 0)
        return;
    memmove(bytes->ptr, bytes->ptr + process->used, bytes->len - process->used);
    bytes->len -= process->used;
    process->used = 0;
}

static void
process_read(struct eff_process *process)
{
    char *room;
    ssize_t n;

    process_compact(process);
    room = eff_buf_reserve(&process->bytes, PROCESS_READ_BYTES);
    if (room == NULL) { // A line without an end: nothing of ours.
        process_close(process);
        return;
    }
    n = read(process->fd, room, PROCESS_READ_BYTES);
    if (n > 0)
        eff_buf_grow(&process->bytes, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        process_close(process);
}

void
eff_process_wait(struct eff_process *const *processes, size_t count, int wait_ms)
{
    struct pollfd *polls = calloc(count + 1, sizeof *polls);

    if (polls == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        polls[i] = (struct pollfd){.fd = processes[i] ? processes[i]->fd : -1, .events = POLLIN};
    if (poll(polls, count, wait_ms) > 0) {
        for (size_t i = 0; i < count; i++)
            if (polls[i].revents != 0)
                process_read(processes[i]);
    }
    free(polls);
}

bool
eff_process_line(struct eff_process *process, eff_str *ret_line)
{
    eff_str rest = eff_str_sub(eff_buf_str(&process->bytes), process->used, SIZE_MAX);
    size_t end = eff_str_find_char(eff_str_sub(rest, process->scanned, SIZE_MAX), '\n');

    if (end == SIZE_MAX) {
        process->scanned = rest.len;
        return false;
    }
    end += process->scanned;
    *ret_line = eff_str_sub(rest, 0, end);
    process->used += end + 1;
    process->scanned = 0;
    return true;
}

bool
eff_process_done(const struct eff_process *process)
{
    return process->fd < 0;
}

void
eff_process_stop(const struct eff_process *process)
{
    kill(process->pid, SIGTERM);
}

struct eff_process_end
eff_process_reap(struct eff_process *process)
{
    struct eff_process_end end = {0};
    int status = 0;

    while (waitpid(process->pid, &status, 0) < 0 && errno == EINTR) {
        // A signal for us; the child is still to be waited for.
    }
    if (process->fd >= 0)
        process_close(process);
    eff_buf_free(&process->bytes);
    if (WIFSIGNALED(status))
        end.signal = WTERMSIG(status);
    else
        end.exit_code = WEXITSTATUS(status);
    return end;
}

bool
eff_process_say(int out, eff_str text)
{
    while (text.len > 0) {
        ssize_t n = write(out, text.ptr, text.len);

        if (n < 0 && errno != EINTR)
            return false;
        text = eff_str_sub(text, n > 0 ? (size_t)n : 0, SIZE_MAX);
    }
    return true;
}
