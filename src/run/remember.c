/*
 * run/remember: the report of the newest run of each sync, as its row in the control file.
 */
#include "run/remember.h"

#include "base/crash.h"
#include "state/control.h"

static enum eff_fault
remember_put(struct eff_control *control, struct eff_os *os, const struct eff_report *report,
             eff_str json, struct eff_arena *arena, struct eff_err *err)
{
    int64_t now = os->wall_ms(os->self);
    struct eff_run_row open, row = {
                                 .id = report->run,
                                 .sync = report->sync,
                                 .state = EFF_RUN_CLOSED,
                                 .started_ms = now - (int64_t)(report->seconds * 1000),
                                 .ended_ms = now,
                                 .report = json,
                             };
    bool found;

    EFF_TRY(eff_control_open_run(control, report->sync, arena, &found, &open, err));
    EFF_CRASH_AT("remember.before");
    return found ? EFF_OK : eff_control_close_run(control, &row, false, err);
}

void
eff_run_remember(const struct eff_project *project, struct eff_os *os,
                 const struct eff_report *report, struct eff_arena *arena)
{
    const char *folder = eff_str_c(arena, project->state);
    struct eff_control *control = NULL;
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    struct eff_err ignored = {0};

    if (report->is_plan || !report->run.ptr || !os->exists(os->self, folder))
        return;
    eff_report_write(&w, report);
    if (eff_control_open(os, folder, true, false, arena, &control, &ignored) == EFF_OK)
        remember_put(control, os, report, eff_buf_str(&buf), arena, &ignored);
    eff_control_close(control);
    eff_buf_free(&buf);
}
