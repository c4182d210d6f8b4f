/*
 * base/crash: points at which a test makes the process die, by name.
 */
#include "base/crash.h"

#ifdef EFF_CRASH_POINTS

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The linker's names for the ends of the section; a program without a point has none. */
extern const char *const __start_eff_crash[] __attribute__((weak));
extern const char *const __stop_eff_crash[] __attribute__((weak));

static unsigned long crash_passed; /* times that the chosen point was passed */

/* One write of less than a pipe's worth: children append to the same file. */
static void
crash_log(const char *file, const char *point)
{
    char line[128];
    int len = snprintf(line, sizeof line, "%s\n", point);
    int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, line, (size_t)len) != len) {
        fprintf(stderr, "efferent: cannot write %s\n", file);
        abort();
    }
    close(fd);
}

void
eff_crash_pass(const char *point)
{
    const char *chosen = getenv("EFF_CRASH_AT"), *log = getenv("EFF_CRASH_LOG");
    size_t len = strlen(point);

    if (log)
        crash_log(log, point);
    if (!chosen || strncmp(chosen, point, len) != 0 || (chosen[len] && chosen[len] != ':'))
        return;
    if (++crash_passed < (chosen[len] ? strtoul(chosen + len + 1, NULL, 10) : 1))
        return;
    kill(getpid(), SIGKILL);
    pause();
}

bool
eff_crash_is_at(const char *point)
{
    const char *chosen = getenv("EFF_CRASH_ON");
    size_t len = strlen(point);

    return chosen && strncmp(chosen, point, len) == 0 && chosen[len] == '=';
}

void
eff_crash_on(eff_str name)
{
    if (eff_str_is(name, strchr(getenv("EFF_CRASH_ON"), '=') + 1))
        abort();
}

void
eff_crash_list(void)
{
    const char *chosen = getenv("EFF_CRASH_AT");

    if (!chosen || strcmp(chosen, "list") != 0)
        return;
    for (const char *const *point = __start_eff_crash; point < __stop_eff_crash; point++)
        puts(*point);
    exit(0);
}

#endif
