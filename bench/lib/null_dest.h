/*
 * lib/null_dest: a destination that accepts every record, and a world that answers
 * its requests at once.
 *
 * All of the path to the wire is walked (change file, marks, requests, verdicts,
 * settling), and nothing beyond it: what is left is what Efferent itself costs.
 */
#ifndef EFF_BENCH_LIB_NULL_DEST_H
#define EFF_BENCH_LIB_NULL_DEST_H

#include "dest/dest.h"
#include "os/os.h"

extern const struct eff_dest_ops bench_dest_null; /* type: "null"; batch: rows per request */

#define BENCH_NULL_QUEUE 64

struct bench_null_os {
    struct eff_os os; /* to be used in place of the real one */
    struct eff_os *real;
    struct eff_response answer;
    uint64_t tickets[BENCH_NULL_QUEUE]; /* of our requests, oldest first */
    size_t count;
};

void bench_null_os_init(struct bench_null_os *null, struct eff_os *real);

#endif
