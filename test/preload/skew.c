/*
 * test/preload/skew: another wall clock for a program, by LD_PRELOAD.
 *
 * EFF_SKEW_S seconds are added to what the program is told of the time of day,
 * while the monotonic clock is what it was.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int
clock_gettime(clockid_t clock, struct timespec *ret_time)
{
    const char *skew = getenv("EFF_SKEW_S");
    long code = syscall(SYS_clock_gettime, clock, ret_time);

    if (code != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE))
        return (int)code;
    if (skew)
        ret_time->tv_sec += strtol(skew, NULL, 10);
    return 0;
}

time_t
time(time_t *ret_time)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (ret_time)
        *ret_time = now.tv_sec;
    return now.tv_sec;
}

int
gettimeofday(struct timeval *restrict ret_time, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret_time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}
