/*
 * run/progress: tells a person what is going on, some times a second.
 */
#include "run/sync.h"

#define PROGRESS_EVERY_MS 150

void
eff_run_progress(struct eff_sync_run *r, bool now)
{
    int64_t mono = r->os->mono_ms(r->os->self);
    struct eff_progress progress;

    if (!r->options->progress || (!now && mono < r->progress_at))
        return;
    r->progress_at = mono + PROGRESS_EVERY_MS;
    progress = (struct eff_progress){
        .sync = r->sync->name,
        .stage = r->stage,
        .read = r->rows_read,
        .rows_expected = r->rows_expected > 0 ? (uint64_t)r->rows_expected : 0,
        .changed = r->report->planned,
        .sent = r->sent_rows,
        .rejected = r->rejected_rows,
        .seconds = (double)(mono - r->started_mono) / 1000.0,
    };
    r->options->progress(r->options->self, &progress);
}

void
eff_run_stage(struct eff_sync_run *r, const char *stage)
{
    r->stage = stage;
    eff_hand_empty(r->hand);
    eff_run_progress(r, true);
}
