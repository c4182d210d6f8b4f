/*
 * test/lib/inworld: what tests of one sync share: its world, runs in it, and what is expected of them.
 *
 * Include it once, after cmocka.h. Each test has a world of its own, in mode upsert; `begins` may make
 * it what the tests of a file want.
 */
#ifndef TEST_LIB_INWORLD_H
#define TEST_LIB_INWORLD_H

#include <string.h>

#include "lib/runworld.h"
#include "run/remember.h"

static struct runworld w;

#define IN_WORLD_UNUSED __attribute__((unused))

static inline bool
has_text(eff_str in, const char *part)
{
    return eff_str_find(in, eff_str_of(part)) != SIZE_MAX;
}

/* As the command does it: what it remembers of the report is on the disk. */
IN_WORLD_UNUSED static struct eff_report
run(void)
{
    struct eff_report report = runworld_run(&w, NULL);

    eff_run_remember(&w.project, &w.os.os, &report, &w.process);
    return report;
}

IN_WORLD_UNUSED static void
deliver_all(void)
{
    struct eff_report report = run();

    if (report.status != EFF_STATUS_OK)
        fail_msg(EFF_STR_FMT, EFF_STR_ARG(report.problems[0].message));
}

IN_WORLD_UNUSED static void
expect_problem(const struct eff_report *report, const char *code, uint64_t rows,
               const char *message)
{
    const struct eff_run_problem *problem = runworld_problem(report, code);

    if (!problem)
        fail_msg("no %s, but %s", code, report->problems_count ? report->problems[0].code : "none");
    if (!has_text(problem->message, message) || problem->rows != rows)
        fail_msg("%llu: " EFF_STR_FMT, (unsigned long long)problem->rows,
                 EFF_STR_ARG(problem->message));
}

/* What `rows` prints of the sync's ledger has the text, or has it not. */
IN_WORLD_UNUSED static void
expect_line(bool wanted, const char *text)
{
    struct eff_buf buf = {0};
    struct eff_json_writer out = {.buf = &buf};
    struct eff_err why = {0};

    assert_int_equal(eff_run_ledger(&w.project, &w.sync, &w.os.os, 0, &w.process, &out, &why),
                     EFF_OK);
    if (has_text(eff_buf_str(&buf), text) != wanted)
        fail_msg(EFF_STR_FMT, EFF_STR_ARG(eff_buf_str(&buf)));
    eff_buf_free(&buf);
}

static int
in_world_close(void **state)
{
    (void)state;
    assert_int_equal(w.os.open_files, 0);
    runworld_close(&w);
    return 0;
}

static void begins(void);

static int
in_world_open(void **state)
{
    (void)state;
    runworld_open(&w, EFF_MODE_UPSERT);
    begins();
    return 0;
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, in_world_open, in_world_close)

#endif
