/*
 * lib/bench: what all bench programs share.
 */
#include "lib/bench.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

double
bench_wall_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
bench_seconds(const struct timeval *t)
{
    return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

struct bench_used
bench_used_of(const struct rusage *usage)
{
    return (struct bench_used){
        .user = bench_seconds(&usage->ru_utime),
        .sys = bench_seconds(&usage->ru_stime),
        .rss_mib = (double)usage->ru_maxrss / 1024,
    };
}

struct bench_used
bench_used_now(void)
{
    struct bench_used used;
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    used = bench_used_of(&usage);
    used.wall = bench_wall_s();
    return used;
}

struct bench_used
bench_used_since(const struct bench_used *start)
{
    struct bench_used used = bench_used_now();

    used.wall -= start->wall;
    used.user -= start->user;
    used.sys -= start->sys;
    return used;
}

void
bench_print_used(const struct bench_used *used)
{
    printf(", \"cpu_s\": %.3f, \"sys_s\": %.3f, \"wall_s\": %.3f, \"rss_max_mib\": %.1f",
           used->user + used->sys, used->sys, used->wall, used->rss_mib);
}

void
bench_die(const char *format, ...)
{
    va_list args;

    fputs("bench: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(1);
}
