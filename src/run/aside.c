/*
 * run/aside: rows that made the process crash, and are not touched for now.
 *
 * hand.h says how they are found. They are invalid, as rows with a value that cannot be
 * sent are: in the ledger, with the record over there and the snapshot's entry left alone.
 * From the ledger the runs of the next day know them, so that they need not die of them again.
 */
#include <signal.h>
#include <stdlib.h>

#include "run/sync.h"

#define ASIDE_MS ((int64_t)24 * 60 * 60 * 1000) /* then it is tried again */

static int
aside_cmp(const void *a, const void *b)
{
    return eff_hash128_cmp(*(const struct eff_hash128 *)a, *(const struct eff_hash128 *)b);
}

/* Started again: said even when nothing came of it. */
static void
aside_tell_deaths(struct eff_sync_run *r)
{
    int number = r->hand->signal;

    if (r->hand->deaths > 0)
        eff_report_problem(
            r->report, "EFF2014", EFF_OK, 0,
            eff_str_printf(&r->run,
                           "the process of this sync crashed (SIG%s) and was started again, %u %s",
                           sigabbrev_np(number) ? sigabbrev_np(number) : "?", r->hand->deaths,
                           r->hand->deaths == 1 ? "time" : "times"),
            EFF_STR("That is a mistake in Efferent or in a library: please report it, with the row "
                    "if one was put aside."),
            EFF_STR_NONE);
}

enum eff_fault
eff_run_aside_open(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_hash128 *known = NULL;
    size_t count = 0, newly = r->hand->aside_count;

    aside_tell_deaths(r);
    if (r->control)
        EFF_TRY(eff_control_ledger_keys(r->control, r->sync->name, EFF_STR(EFF_RUN_ASIDE_CODE),
                                        r->started_wall - ASIDE_MS, &r->run, &count, &known, err));
    r->aside = eff_new(&r->run, struct eff_hash128, count + newly);
    for (size_t i = 0; i < count; i++)
        r->aside[i] = known[i];
    for (size_t i = 0; i < newly; i++)
        r->aside[count + i] = r->hand->aside[i];
    r->aside_count = count + newly;
    if (r->aside_count > 0)
        qsort(r->aside, r->aside_count, sizeof *r->aside, aside_cmp);
    return EFF_OK;
}

bool
eff_run_is_aside(const struct eff_sync_run *r, struct eff_hash128 key)
{
    return r->aside_count > 0 &&
           bsearch(&key, r->aside, r->aside_count, sizeof key, aside_cmp) != NULL;
}

bool
eff_run_row_is_aside(struct eff_sync_run *r, const struct eff_value *row)
{
    struct eff_buf buf = {0};
    struct eff_hash128 key;
    size_t column;
    bool aside;

    if (r->aside_count == 0)
        return false;
    aside = eff_row_key(&r->mapping, row, &r->secret, &buf, &key, &column) == EFF_ROW_GOOD &&
            eff_run_is_aside(r, key);
    eff_buf_free(&buf);
    return aside;
}

enum eff_fault
eff_run_put_aside(struct eff_sync_run *r, struct eff_hash128 key, eff_str key_json,
                  enum eff_ledger_state state, struct eff_err *err)
{
    struct eff_ledger_row entry = {.key = key,
                                   .state = state,
                                   .rows = 1,
                                   .key_json = key_json,
                                   .code = EFF_STR(EFF_RUN_ASIDE_CODE),
                                   .message = EFF_STR(EFF_RUN_ASIDE_MESSAGE),
                                   .fault = EFF_ROW,
                                   .last_ms = r->os->wall_ms(r->os->self),
                                   .run = r->run_id};

    eff_report_problem(r->report, EFF_RUN_ASIDE_CODE, EFF_ROW, 1,
                       EFF_STR("rows that made the process crash are put aside"),
                       eff_str_printf(&r->run,
                                      "%s" EFF_STR_FMT
                                      "%sThey are tried again after a day, or after `efferent "
                                      "retry`; mend them in the model, or leave them out.",
                                      key_json.ptr ? "For example " : "", EFF_STR_ARG(key_json),
                                      key_json.ptr ? ". " : ""),
                       EFF_STR_NONE);
    if (r->options->plan || r->look)
        return EFF_OK;
    return eff_hand_is_aside(r->hand, key)
               ? eff_control_ledger_put(r->control, r->sync->name, &entry, false, err)
               : eff_control_ledger_keep(r->control, r->sync->name, key, r->run_id, err);
}
