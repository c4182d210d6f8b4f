/*
 * run/report: what one sync did, as counted; the machine's document of product.md.
 *
 * The identities are asserted here, and the status follows from the counts and
 * problems alone: nothing else may decide that a run was green.
 */
#ifndef EFF_RUN_REPORT_H
#define EFF_RUN_REPORT_H

#include "base/json.h"
#include "conf/option.h"

#define EFF_REPORT_SAMPLES_MAX 12

enum eff_status {
    EFF_STATUS_OK = 0,
    EFF_STATUS_REJECTED,
    EFF_STATUS_HELD,
    EFF_STATUS_FAILED,
    EFF_STATUS_SKIPPED
};

const char *eff_status_name(enum eff_status status);

/* A cause, with how many rows it hit. One entry per cause, however many rows. */
struct eff_run_problem {
    char code[8]; /* "EFF2104"; docs/reference/problems.md lists them */
    enum eff_fault fault;
    uint64_t rows;
    eff_str message, hint, where;
};

struct eff_sample_field {
    eff_str name;
    eff_str before; /* JSON; ptr == NULL when it is not known */
    eff_str after;
};

struct eff_sample {
    eff_str key;        /* JSON object */
    const char *change; /* "add", "change", "remove" */
    size_t fields_count;
    struct eff_sample_field *fields;
};

/* A request that a run would make: the first one of a step of an operation. */
struct eff_report_request {
    const char *op, *step;
    uint64_t rows;
    eff_str method, url, body; /* without credentials; body: cut */
    uint64_t body_bytes;
};

struct eff_counts { /* what an earlier run left open */
    uint64_t planned, delivered, superseded, rejected, held, pending;
};

struct eff_report {
    eff_str sync;
    eff_str run; /* its id; ptr == NULL when none was started */
    enum eff_status status;
    double seconds;
    bool is_plan;
    bool drifted;     /* records are not as they were delivered */
    bool wants_yes;   /* adopt: there was something to do, and nothing was done */
    const char *verb; /* "verify", "adopt": what a person reads instead of the plan's words */

    uint64_t read, unchanged, added, changed, removed, invalid, gone;
    uint64_t forgotten; /* rows that `forget` keeps out; not part of `read` */
    uint64_t planned, delivered, superseded, rejected, held, pending;
    uint64_t possible_duplicates;
    uint64_t requests, retries, throttled, calls_other, bytes_sent;
    uint64_t read_back;     /* delivered rows whose records were looked at afterwards */
    uint64_t bytes_scanned; /* that the warehouse said it would read for the model, and bill */
    bool has_scanned;       /* it said so */
    eff_str units_name; /* plan: what the destination counts, in its words; ptr == NULL: nothing */
    uint64_t units;
    struct eff_counts resumed;
    bool has_resumed;

    eff_str plan; /* digest of what a guard holds; ptr == NULL: nothing is held */
    size_t fields_held_count;
    const eff_str *fields_held;
    bool contract_broken;
    bool failed; /* the sync itself failed: see problems */
    bool skipped;
    bool skipped_by_failure; /* because a sync it waits for failed */

    size_t previews_count;
    struct eff_report_request
        *previews; /* plan --requests; NULL: not asked for, or not to be had */
    size_t problems_count, problems_cap;
    struct eff_run_problem *problems;
    size_t samples_count;
    struct eff_sample *samples; /* EFF_REPORT_SAMPLES_MAX */
    struct eff_arena *arena;
};

/* Adds to the entry with the same code, message and where, or makes one. */
void eff_report_problem(struct eff_report *report, const char *code, enum eff_fault fault,
                        uint64_t rows, eff_str message, eff_str hint, eff_str where);
/* The sync failed: err becomes its problem. */
void eff_report_fail(struct eff_report *report, const struct eff_err *err);
/* Derives the status; asserts the identities (a breach is EFF_BROKEN in the report itself). */
void eff_report_close(struct eff_report *report);

/* The sync's entry of the document. */
void eff_report_write(struct eff_json_writer *w, const struct eff_report *report);
/* Back from that JSON, as a child process hands it to its parent. */
bool eff_report_read(const struct eff_json *json, struct eff_arena *arena,
                     struct eff_report *ret_report);

/* Overall status of a command: name, and exit code 0, 1, 3, or 2 where --yes is wanted. */
const char *eff_reports_status(const struct eff_report *reports, size_t count, int *ret_exit_code);
/* The whole document: {"format": 1, "command": ..., ...}. */
void eff_reports_write(struct eff_buf *buf, const char *command, const struct eff_report *reports,
                       size_t count, double seconds, unsigned indent);

#endif
