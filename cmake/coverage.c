/*
 * coverage: counts of a process that ends without its exit handlers. Linked in by builds with
 * EFF_COVERAGE only: the child that runs a sync ends by _exit, a crash point by killing itself or by
 * abort.
 */
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

void __gcov_dump(void);
__attribute__((noreturn)) void __real__exit(int code);
__attribute__((noreturn)) void __wrap__exit(int code);
__attribute__((noreturn)) void __real_abort(void);
__attribute__((noreturn)) void __wrap_abort(void);
int __real_kill(pid_t process, int signal);
int __wrap_kill(pid_t process, int signal);

void
__wrap__exit(int code)
{
    __gcov_dump();
    __real__exit(code);
}

void
__wrap_abort(void)
{
    __gcov_dump();
    __real_abort();
}

int
__wrap_kill(pid_t process, int signal)
{
    if (process == getpid() && signal == SIGKILL)
        __gcov_dump();
    return __real_kill(process, signal);
}
