/*
 * test/preload/fail: the n-th call of a kind fails, in any program, by LD_PRELOAD.
 *
 * EFF_FAIL=KIND:N[:HOW]: the N-th call of the kind, counted from main() on, fails with
 * what is usual there (ENOMEM, ENOSPC, EIO, EMFILE, EAGAIN, ECONNRESET); HOW: "on" makes all later
 * ones of the kind fail too, "kill" kills the process instead. The file EFF_FAIL_TOLD appears
 * when that happens. EFF_FAIL_COUNTS=FILE gets "KIND COUNT" lines when the program ends well.
 * Writes to the terminal, that is to descriptors 0 to 2, are not counted.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { ALLOC, WRITE, SYNC, RENAME, OPEN, UNLINK, READ, SEND, RECV, FORK, THREAD, KINDS };

static const char *const names[KINDS] = {"alloc", "write", "sync", "rename", "open",  "unlink",
                                         "read",  "send",  "recv", "fork",   "thread"};
static const int codes[KINDS] = {ENOMEM, ENOSPC,     EIO,        EIO,    EMFILE, EIO,
                                 EIO,    ECONNRESET, ECONNRESET, EAGAIN, EAGAIN};

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *ptr, size_t size);

static unsigned long counts[KINDS], chosen_at;
static int chosen = -1;
static bool active, on, deadly;

static void
tell(void)
{
    const char *path = getenv("EFF_FAIL_TOLD");
    int fd = path ? (int)open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;

    if (fd >= 0)
        close(fd);
}

/* True when this call is one that shall fail; errno is set. */
static bool
fails(enum kind kind)
{
    if (!active)
        return false;
    counts[kind]++;
    if ((int)kind != chosen || counts[kind] < chosen_at || (counts[kind] > chosen_at && !on))
        return false;
    if (counts[kind] == chosen_at) {
        active = false; // what follows here is not the program's
        tell();
        active = true;
    }
    if (deadly)
        raise(SIGKILL);
    errno = codes[kind];
    return true;
}

static void
begin(void)
{
    const char *plan = getenv("EFF_FAIL");

    for (int i = 0; plan && i < KINDS; i++) {
        size_t len = strlen(names[i]);

        if (strncmp(plan, names[i], len) != 0 || plan[len] != ':')
            continue;
        chosen = i;
        chosen_at = strtoul(plan + len + 1, NULL, 10);
        plan = strchr(plan + len + 1, ':');
        on = plan && strcmp(plan, ":on") == 0;
        deadly = plan && strcmp(plan, ":kill") == 0;
        break;
    }
    active = true;
}

__attribute__((destructor)) static void
end(void)
{
    const char *path = getenv("EFF_FAIL_COUNTS");
    FILE *file;

    active = false;
    file = path ? fopen(path, "w") : NULL;
    for (int i = 0; file && i < KINDS; i++)
        fprintf(file, "%s %lu\n", names[i], counts[i]);
    if (file)
        fclose(file);
}

static int (*real_main)(int, char **, char **);

static int
counted_main(int argc, char **argv, char **environment)
{
    begin();
    return real_main(argc, argv, environment);
}

int
__libc_start_main(int (*main)(int, char **, char **), int argc, char **argv, void (*init)(void),
                  void (*fini)(void), void (*loader_fini)(void), void *stack_end)
{
    int (*real)(int (*)(int, char **, char **), int, char **, void (*)(void), void (*)(void),
                void (*)(void), void *) = dlsym(RTLD_NEXT, "__libc_start_main");

    real_main = main;
    return real(counted_main, argc, argv, init, fini, loader_fini, stack_end);
}

/* ---- memory ---- */

void *
malloc(size_t size)
{
    return fails(ALLOC) ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    return fails(ALLOC) ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *ptr, size_t size)
{
    return fails(ALLOC) ? NULL : __libc_realloc(ptr, size);
}

#define REAL(name) __typeof__(name) *real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

void *
mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
    REAL(mmap);

    return (flags & MAP_ANONYMOUS) && fails(ALLOC) ? MAP_FAILED
                                                   : real(at, len, protection, flags, fd, offset);
}

/* ---- files ---- */

ssize_t
write(int fd, const void *bytes, size_t len)
{
    REAL(write);

    return fd > 2 && fails(WRITE) ? -1 : real(fd, bytes, len);
}

ssize_t
pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    REAL(pwrite);

    if (!fails(WRITE))
        return real(fd, bytes, len, offset);
    if (len > 1)
        (void)!real(fd, bytes, len / 2, offset); // a part of it is there
    errno = codes[WRITE];
    return -1;
}

ssize_t
pwrite64(int fd, const void *bytes, size_t len, off64_t offset)
{
    return pwrite(fd, bytes, len, offset);
}

int
ftruncate(int fd, off_t size)
{
    REAL(ftruncate);

    return fails(WRITE) ? -1 : real(fd, size);
}

int
ftruncate64(int fd, off64_t size)
{
    return ftruncate(fd, size);
}

ssize_t
read(int fd, void *bytes, size_t len)
{
    REAL(read);

    return fd > 2 && fails(READ) ? -1 : real(fd, bytes, len);
}

ssize_t
pread(int fd, void *bytes, size_t len, off_t offset)
{
    REAL(pread);

    return fails(READ) ? -1 : real(fd, bytes, len, offset);
}

ssize_t
pread64(int fd, void *bytes, size_t len, off64_t offset)
{
    return pread(fd, bytes, len, offset);
}

int
fsync(int fd)
{
    REAL(fsync);

    return fails(SYNC) ? -1 : real(fd);
}

int
fdatasync(int fd)
{
    REAL(fdatasync);

    return fails(SYNC) ? -1 : real(fd);
}

int
rename(const char *from, const char *to)
{
    REAL(rename);

    return fails(RENAME) ? -1 : real(from, to);
}

int
renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    REAL(renameat2);

    return fails(RENAME) ? -1 : real(from_fd, from, to_fd, to, flags);
}

int
unlink(const char *path)
{
    REAL(unlink);

    return fails(UNLINK) ? -1 : real(path);
}

int
open(const char *path, int flags, ...)
{
    REAL(open);
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return fails(OPEN) ? -1 : real(path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return open(path, flags, mode);
}

int
mkdir(const char *path, mode_t mode)
{
    REAL(mkdir);

    return fails(OPEN) ? -1 : real(path, mode);
}

/* ---- sockets ---- */

ssize_t
send(int fd, const void *bytes, size_t len, int flags)
{
    REAL(send);

    return fails(SEND) ? -1 : real(fd, bytes, len, flags);
}

ssize_t
recv(int fd, void *bytes, size_t len, int flags)
{
    REAL(recv);

    return fails(RECV) ? -1 : real(fd, bytes, len, flags);
}

/* ---- processes and threads ---- */

pid_t
fork(void)
{
    REAL(fork);

    return fails(FORK) ? -1 : real();
}

int
pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*work)(void *),
               void *self)
{
    REAL(pthread_create);

    return fails(THREAD) ? codes[THREAD] : real(thread, attributes, work, self);
}
