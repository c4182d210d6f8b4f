/*
 * sandbox/sandbox: faithful local stand-ins of destination APIs.
 *
 * Each stand-in serves one vendor at the root of a loopback port of its own,
 * keeps its records in memory or in SQLite, shows them, and misbehaves on
 * request. docs/sandbox.md describes what is served and the documents that
 * change it while it runs.
 */
#ifndef EFF_SANDBOX_SANDBOX_H
#define EFF_SANDBOX_SANDBOX_H

#include "base/err.h"

struct eff_sandbox_config {
    size_t vendors_count;
    const eff_str *vendors; /* "salesforce", "hubspot" */
    unsigned port;          /* of the first vendor, the others count up; 0: any free ones */
    uint64_t seed;          /* of the faults' probabilities */
    eff_str faults;         /* text of a faults document; len == 0: none */
    const char *data;       /* SQLite file for the records; NULL: in memory */
    int out;                /* file descriptor that gets "salesforce http://127.0.0.1:8100\n" */
};

struct eff_sandbox;

/* Serves in threads of its own until it is stopped; prints nothing. */
enum eff_fault eff_sandbox_start(const struct eff_sandbox_config *config,
                                 struct eff_sandbox **ret_sandbox, struct eff_err *err);
/* NULL is fine. Answers that are under way may be cut. */
void eff_sandbox_stop(struct eff_sandbox *sandbox);
/* Port of the index-th vendor. */
unsigned eff_sandbox_port(const struct eff_sandbox *sandbox, size_t index);

/* Starts, writes the addresses to config->out, and serves until SIGTERM or SIGINT. */
enum eff_fault eff_sandbox_run(const struct eff_sandbox_config *config, struct eff_err *err);

/* The names of all vendors that can be served, for messages; NULL behind the last. */
const char *eff_sandbox_vendor(size_t index);

#endif
