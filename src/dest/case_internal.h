/* dest/case_internal: one case, as case_read.c reads it and case.c runs it. */
#ifndef EFF_DEST_CASE_INTERNAL_H
#define EFF_DEST_CASE_INTERNAL_H

#include "base/buf.h"
#include "conf/yaml.h"
#include "dest/case.h"

/* Up to CASE_BYTES nothing is wrong: all must be as the case says. */
enum case_fault {
    CASE_NONE = 0,
    CASE_BYTES,
    CASE_LOST,
    CASE_NOT_SENT,
    CASE_429,
    CASE_500,
    CASE_404,
    CASE_CUT
};

struct case_conf {
    eff_str name;
    eff_str op, describe, check, read, end, stops;
    struct eff_str_list fields;
    const struct eff_node *options, *sync, *rows, *exchange, *verdicts, *schema, *records, *create;
    int64_t repeat;
    bool replay;
};

struct case_sync {
    eff_str object;
    struct eff_str_list match;
    int mode, removed;
    int64_t rows_planned;
};

struct case_create {
    eff_str field;
    int type;
};

/* One case while it runs. */
struct case_run {
    struct eff_arena *arena;
    struct eff_case_report *report;
    struct eff_problems problems;
    eff_str path;
    struct case_conf conf;
    struct case_sync sync;
    struct case_create create;
    const struct eff_kind_desc *kind;
    struct eff_delivery rows; /* as read: copied for each run */
    const struct eff_node *document;
    const struct eff_node *at; /* what is being compared: where a failure is told */

    struct eff_dest *dest;
    size_t rows_max; /* of the operation */
    size_t next;     /* of the exchange */
    enum case_fault fault;
    size_t fault_at, cut;
    bool injected, injected_write, injected_refusal;
    bool injected_aside; /* it was about a job as a whole, and other requests tell more */
    enum eff_step_kind end;
    struct eff_err err;
    char problem[600];
};

/* Says what is wrong, once; always false. */
bool eff_case_fail(struct case_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool eff_case_read(struct case_run *run, const struct eff_node *document);
/* Notes what a case that came out right, without a fault, is an example of. */
void eff_case_shows(struct case_run *run, const struct eff_delivery *delivery);
/* `without: {NULL: why, ...}`, a document of its own. */
bool eff_case_without(struct case_run *run, const struct eff_node *without);
/* The node as JSON text: scalars that JSON knows as they stand, everything else as strings. */
eff_str eff_case_json(struct eff_arena *arena, const struct eff_node *node);
/*
 * An address or a body: a text, a list of lines, or a mapping of texts to lists that follow them
 * with commas.
 */
eff_str eff_case_text(struct eff_arena *arena, const struct eff_node *node);

#endif
