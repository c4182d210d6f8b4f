/*
 * dest/case: a connector's example as data: rows in, exact requests out, answers
 * in, verdicts out. docs/connectors.md describes the file.
 *
 * Each case is also replayed with all answers taken through a real connection one
 * byte at a time: then all must be the same. And with the answer of each request lost,
 * never sent, cut to each length, and with 429 and 500 before it: then every verdict
 * must be the same, or an honest "not applied" or "maybe applied". Where rows are removed,
 * also with a 404 of a proxy instead of it: then they are not. Used by the tests and by the
 * command `efferent connector test`.
 */
#ifndef EFF_DEST_CASE_H
#define EFF_DEST_CASE_H

#include "dest/dest.h"

#define EFF_CASE_SHOWS 13 /* what every connector's cases should show */

/* os/drip's eff_drip_answer: this room does no I/O itself. */
typedef struct eff_response eff_case_bytes_fn(void *self, const struct eff_request *request,
                                              const struct eff_response *answer);

/* What is lacking, with a line for each full batch that is. */
#define EFF_CASE_LACKING (EFF_CASE_SHOWS + 32)

/* Batches of several rows that cases showed. */
struct eff_case_batch {
    enum eff_op op;
    size_t rows;
};
#define EFF_CASE_BATCHES 64

struct eff_case_report {
    eff_case_bytes_fn *bytes; /* how an answer comes one byte at a time */
    void *bytes_self;
    size_t cases, replays, failures;
    unsigned shown, without; /* a bit for each; without: a file says why there is no case of it */
    const struct eff_connector *connector; /* whose cases they are; NULL: a C driver's */
    size_t batches_count;
    struct eff_case_batch batches[EFF_CASE_BATCHES];
    struct eff_problems *problems; /* one per failure, where it stands in the file */
};

/* Runs all cases (YAML documents) of one file. scratch's budget bounds each case. */
void eff_case_file(size_t kinds_count, const struct eff_kind_desc *kinds, eff_str connector,
                   eff_str path, eff_str bytes, struct eff_arena *scratch,
                   struct eff_case_report *report);
/*
 * What no case shows and no `without:` explains, or what is there in spite of one: "NULL", "partial
 * failure", "maximum batch of upsert (200 rows)", ... Returns how many.
 */
size_t eff_case_lacking(const struct eff_case_report *report,
                        const char *ret_names[EFF_CASE_LACKING]);

#endif
