/*
 * base/crash: points at which a test makes the process die, by name.
 *
 * EFF_CRASH_AT("room.moment") stands between two steps of the protocol. In a build with
 * EFF_CRASH_POINTS the process kills itself there, as by SIGKILL, when the environment
 * says EFF_CRASH_AT=room.moment, or room.moment:3 for the third time it gets there;
 * EFF_CRASH_LOG=FILE appends the name of each point that is passed. The names collect
 * themselves in a section of the program; EFF_CRASH_AT=list prints them and ends.
 * EFF_CRASH_ON("room.what", name) stands where a row is worked on: the process aborts there, as
 * by a mistake of its own, when the environment says EFF_CRASH_ON=room.what=NAME.
 * In any other build the points are nothing at all.
 */
#ifndef EFF_BASE_CRASH_H
#define EFF_BASE_CRASH_H

#include "base/str.h"

#ifdef EFF_CRASH_POINTS

#define EFF_CRASH_AT(point)                                                                        \
    do {                                                                                           \
        static const char *const crash_point __attribute__((section("eff_crash"), used)) = point;  \
                                                                                                   \
        eff_crash_pass(crash_point);                                                               \
    } while (0)

#define EFF_CRASH_ON(point, name)                                                                  \
    do {                                                                                           \
        if (eff_crash_is_at(point))                                                                \
            eff_crash_on(name);                                                                    \
    } while (0)

void eff_crash_pass(const char *point);
bool eff_crash_is_at(const char *point);
void eff_crash_on(eff_str name);
/* Prints all names, one a line, and ends the process, when that was asked for. */
void eff_crash_list(void);

#else

#define EFF_CRASH_AT(point)       ((void)0)
#define EFF_CRASH_ON(point, name) ((void)0)

static inline void
eff_crash_list(void)
{
}

#endif

#endif
