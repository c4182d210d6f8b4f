/*
 * run/flapping: models whose rows change with every read.
 *
 * A model that asks the clock, draws a number or lists things in no order gives other
 * values each time, and each run sends them all again. Nothing is wrong with any one
 * run: it takes the counts of the last ones to see it. They only make a note, because
 * data may well change that often.
 */
#include "base/json.h"
#include "run/sync.h"

#define FLAPPING_RUNS     5 /* that are looked at, this one too */
#define FLAPPING_OFTEN    3 /* of those */
#define FLAPPING_PERCENT  20
#define FLAPPING_ROWS_MIN 20 /* of so few nothing follows */

static bool
flapping_counts(uint64_t changed, uint64_t read)
{
    return read >= FLAPPING_ROWS_MIN &&
           changed > read / 100 * FLAPPING_PERCENT + read % 100 * FLAPPING_PERCENT / 100;
}

static bool
flapping_report(eff_str report, struct eff_arena scratch)
{
    const struct eff_json *json;
    struct eff_err ignored = {0};
    int64_t changed, read;

    return report.len > 0 && eff_json_parse(report, &scratch, &json, &ignored) == EFF_OK &&
           eff_json_int(eff_json_get(json, EFF_STR("changed")), &changed) &&
           eff_json_int(eff_json_get(json, EFF_STR("read")), &read) && changed >= 0 && read >= 0 &&
           flapping_counts((uint64_t)changed, (uint64_t)read);
}

enum eff_fault
eff_run_flapping(struct eff_sync_run *r, struct eff_err *err)
{
    eff_str reports[FLAPPING_RUNS - 1];
    size_t count = 0, often = 1;

    if (r->partial || !r->control || !flapping_counts(r->report->changed, r->report->read))
        return EFF_OK;
    EFF_TRY(eff_control_reports(r->control, r->sync->name, FLAPPING_RUNS - 1, &r->run, &count,
                                reports, err));
    for (size_t i = 0; i < count; i++)
        often += flapping_report(reports[i], r->run);
    if (often < FLAPPING_OFTEN)
        return EFF_OK;
    eff_report_problem(
        r->report, "EFF2125", EFF_OK, 0,
        eff_str_printf(&r->run, "more than %d %% of the rows changed, in %zu of the last %zu runs",
                       FLAPPING_PERCENT, often, count + 1),
        EFF_STR(
            "If it is not the data that changes: look in the model for the present time, random "
            "numbers, and lists without an order. All that is sent again."),
        EFF_STR_NONE);
    return EFF_OK;
}
