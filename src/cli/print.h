/*
 * cli/print: reports as text that adds up, and the live lines above it.
 */
#ifndef EFF_CLI_PRINT_H
#define EFF_CLI_PRINT_H

#include "cli/cli.h"
#include "run/run.h"

/* A label, the number, and what it is made of: "read  1,000 = 900 unchanged + 100 added". */
struct eff_print_part {
    const char *name;
    uint64_t count;
    enum eff_style style;
};

/* Text from outside, for a person: no secrets, no control characters, at most `max` bytes. */
eff_str eff_print_safe(struct eff_cli *cli, eff_str text, size_t max);
void eff_print_sum(struct eff_cli *cli, const char *label, uint64_t total, size_t count,
                   const struct eff_print_part *parts);
enum eff_style eff_print_status_style(enum eff_status status);
void eff_print_report(struct eff_cli *cli, const struct eff_report *report);
/* Of `check`, which counts nothing: a line, and what was found. */
void eff_print_check(struct eff_cli *cli, const struct eff_report *report);
/* A value as JSON; none when value is NULL. */
eff_str eff_print_json(struct eff_cli *cli, const struct eff_json *value);
/* {"id":7} as "id 7"; what is no object as it is. */
eff_str eff_print_key(struct eff_cli *cli, eff_str key_json);
/* The last lines: all syncs together, and what comes next. */
void eff_print_total(struct eff_cli *cli, const struct eff_report *reports, size_t count);

/* ---- progress.c: what is under way, on a terminal only ---- */

struct eff_live;

struct eff_live *eff_live_new(struct eff_cli *cli);
void eff_live_progress(struct eff_live *live, const struct eff_progress *progress);
/* No longer under way. */
void eff_live_end(struct eff_live *live, eff_str name);
/* Takes the lines away, so that something else can be printed. */
void eff_live_clear(struct eff_live *live);

#endif
