/*
 * lib/bench: what all bench programs share: the clocks, and the line they print.
 *
 * A result is one line of JSON on standard output, which tools/bench collects:
 * {"bench": "drain", ..., "cpu_s": 1.23, "sys_s": 0.2, "wall_s": 2.5, "rss_max_mib": 12}.
 */
#ifndef EFF_BENCH_LIB_BENCH_H
#define EFF_BENCH_LIB_BENCH_H

#include <stdint.h>
#include <sys/resource.h>

struct bench_used {
    double wall; /* monotonic seconds */
    double user, sys;
    double rss_mib; /* largest so far */
};

double bench_wall_s(void);
struct bench_used bench_used_of(const struct rusage *usage); /* wall stays 0 */
struct bench_used bench_used_now(void);
/* What was used between two moments; the memory is that of the later one. */
struct bench_used bench_used_since(const struct bench_used *start);
/* , "cpu_s": ... and the rest, without braces. */
void bench_print_used(const struct bench_used *used);
/* Prints what is wrong, and ends the program with 1. */
_Noreturn void bench_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same 64 bits for the same number: all made data comes from it. */
static inline uint64_t
bench_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

#endif
