/*
 * run/flapping: models whose rows change with every read, and rows that go to and fro.
 *
 * A model that asks the clock, draws a number or lists things in no order gives other
 * values each time, and each run sends them all again. Nothing is wrong with any one
 * run: it takes the counts of the last ones to see it. They only make a note, because
 * data may well change that often.
 *
 * A few rows that change often are just lively. But one that was sent in this run and in
 * three of the last four, now again with values that it had in an earlier one of them, goes to and
 * fro: a list without an order, or somebody who writes the other value back. The history
 * tells; it has hashes of the rows, no values, so that the field cannot be named.
 */
#include <stdlib.h>

#include "base/json.h"
#include "run/sync.h"
#include "state/history.h"

#define FLAPPING_RUNS     5 /* that are looked at, this one too */
#define FLAPPING_OFTEN    3 /* of those */
#define FLAPPING_PERCENT  20
#define FLAPPING_ROWS_MIN 20 /* of so few nothing follows */

#define FLAPPING_BACK      (FLAPPING_RUNS - 1) /* runs whose history is read */
#define FLAPPING_BYTES_MAX ((uint64_t)8 << 20) /* of each; larger ones are passed over */
#define FLAPPING_ROWS_MAX  4096                /* that are looked at; more: none */

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

/* ---- single rows ---- */

struct eff_flapping {
    size_t count; /* beyond FLAPPING_ROWS_MAX: too many */
    struct flapping_row {
        struct eff_hash128 key;
        uint64_t hash;
        unsigned sent, same; /* a bit for each run that sent it, and that with these values */
        eff_str key_json;
    } rows[FLAPPING_ROWS_MAX];
};

void
eff_run_flapping_see(struct eff_sync_run *r, const struct eff_planned_item *p)
{
    if (r->partial || !r->has_folder)
        return;
    if (!r->flapping)
        r->flapping = eff_new(&r->run, struct eff_flapping, 1);
    if (r->flapping->count < FLAPPING_ROWS_MAX)
        r->flapping->rows[r->flapping->count] =
            (struct flapping_row){.key = p->ack.key,
                                  .hash = p->ack.row,
                                  .key_json = eff_str_copy(&r->run, p->item.key_json)};
    r->flapping->count++;
}

static int
flapping_cmp(const void *a, const void *b)
{
    return eff_hash128_cmp(((const struct flapping_row *)a)->key,
                           ((const struct flapping_row *)b)->key);
}

static void
flapping_visit(void *self, size_t back, struct eff_hash128 key, uint64_t row_hash)
{
    struct eff_flapping *flapping = self;
    const struct flapping_row wanted = {.key = key};
    struct flapping_row *row =
        bsearch(&wanted, flapping->rows, flapping->count, sizeof wanted, flapping_cmp);

    if (!row)
        return;
    row->sent |= 1u << back;
    if (row_hash != 0 && row_hash == row->hash)
        row->same |= 1u << back;
}

/* A history that cannot be read stops nothing: the same disk is asked for better reasons. */
static void
flapping_rows(struct eff_sync_run *r)
{
    struct eff_flapping *flapping = r->flapping;
    eff_str example = EFF_STR_NONE;
    struct eff_err ignored = {0};
    uint64_t rows = 0;

    if (!flapping || flapping->count > FLAPPING_ROWS_MAX)
        return;
    qsort(flapping->rows, flapping->count, sizeof *flapping->rows, flapping_cmp);
    if (eff_history_each(r->os, r->folder, FLAPPING_BACK, FLAPPING_BYTES_MAX, r->run,
                         flapping_visit, flapping, &ignored) != EFF_OK)
        return;
    for (size_t i = 0; i < flapping->count; i++) {
        const struct flapping_row *row = &flapping->rows[i];

        if (!row->same || __builtin_popcount(row->sent) < FLAPPING_OFTEN)
            continue;
        if (rows++ == 0)
            example = row->key_json;
    }
    if (rows > 0)
        eff_report_problem(
            r->report, "EFF2128", EFF_OK, rows,
            EFF_STR("rows go to and fro: sent in most of the last runs, and now again with values "
                    "that they had before"),
            eff_str_printf(&r->run,
                           "For example " EFF_STR_FMT ". Look in the model for lists without an "
                           "order, and for who writes the other value.",
                           EFF_STR_ARG(example)),
            EFF_STR_NONE);
}

/* ---- the whole model ---- */

enum eff_fault
eff_run_flapping(struct eff_sync_run *r, struct eff_err *err)
{
    eff_str reports[FLAPPING_RUNS - 1];
    size_t count = 0, often = 1;

    flapping_rows(r);
    if (r->partial || !r->control || !flapping_counts(r->report->changed, r->report->read))
        return EFF_OK;
    EFF_TRY(eff_control_reports(r->control, r->sync->name, EFF_RUN_CLOSED, FLAPPING_RUNS - 1,
                                &r->run, &count, reports, err));
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
