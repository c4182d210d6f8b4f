/*
 * os/moment: the two clocks, for files of this room.
 */
#ifndef EFF_OS_MOMENT_H
#define EFF_OS_MOMENT_H

#include <stdint.h>
#include <time.h>

static inline int64_t
eff_moment_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline int64_t
eff_moment_mono_ms(void)
{
    return eff_moment_ms(CLOCK_MONOTONIC);
}

static inline int64_t
eff_moment_wall_ms(void)
{
    return eff_moment_ms(CLOCK_REALTIME);
}

#endif
