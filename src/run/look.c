/*
 * run/look: verify and adopt: what the model says, beside what is really over there.
 *
 * Both are a run that reads back where a run would send. `verify` looks at rows that
 * were delivered as the model has them; `adopt` at rows that are not known to have
 * been. What came of it is counted as a plan counts, because it is one: unchanged is
 * there as it should be, changed is there with other values, added is not there. With
 * `write`, the snapshot follows through a change file of rows that are not sent, so
 * that the next run mends what is not as it should be. Nothing is sent here.
 */
#include "deliver/look.h"

#include "run/sync.h"

#define LOOK_ROWS 200 /* read back together; the driver asks in as many requests as it needs */

/* ---- what can be looked at ---- */

static enum eff_fault
look_mode_allowed(const struct eff_sync_run *r, struct eff_err *err)
{
    if (r->sync->mode != EFF_MODE_APPEND && r->sync->mode != EFF_MODE_MEMBERS)
        return EFF_OK;
    if (r->sync->mode == EFF_MODE_APPEND && r->look->adopt && r->look->unseen)
        return EFF_OK;
    return EFF_FAIL(
        err, EFF_CONFIG, "what sync " EFF_STR_FMT " sends cannot be found again: its mode is %s",
        EFF_STR_ARG(r->sync->name), r->sync->mode == EFF_MODE_APPEND ? "append" : "members");
}

static enum eff_fault
look_readable(const struct eff_sync_run *r, struct eff_err *err)
{
    if (r->dest->can_read || (r->look->adopt && r->look->unseen))
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, "the destination " EFF_STR_FMT " cannot be read back",
             EFF_STR_ARG(r->sync->dest->name));
    return r->look->adopt
               ? eff_err_hint(err, "With --unseen all rows of the model are taken as delivered.")
               : err->fault;
}

/* To settle it would send, and what it sent is not known yet. */
static enum eff_fault
look_nothing_open(struct eff_sync_run *r, struct eff_err *err)
{
    struct eff_run_row row;
    bool found = false;

    if (r->control)
        EFF_TRY(eff_control_open_run(r->control, r->sync->name, &r->run, &found, &row, err));
    if (!found)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, "an earlier run of sync " EFF_STR_FMT " is not finished",
             EFF_STR_ARG(r->sync->name));
    return eff_err_hint(err, "`efferent run " EFF_STR_FMT "` settles what it left behind.",
                        EFF_STR_ARG(r->sync->name));
}

enum eff_fault
eff_run_look_open(struct eff_sync_run *r, struct eff_err *err)
{
    enum eff_fault fault = look_mode_allowed(r, err);

    if (fault == EFF_OK)
        fault = look_readable(r, err);
    if (fault == EFF_OK || r->look->named)
        return fault == EFF_OK ? look_nothing_open(r, err) : fault;
    eff_report_problem(r->report, "EFF2011", EFF_CONFIG, 0, eff_str_of(err->msg), EFF_STR_NONE,
                       EFF_STR_NONE);
    r->report->skipped = true;
    return EFF_OK;
}

/* The rows whose key hash, turned by chance, is below the limit: about `sample` of them. */
enum eff_fault
eff_run_look_begin(struct eff_sync_run *r, struct eff_err *err)
{
    uint64_t sample = r->look->sample < 0 ? UINT64_MAX : (uint64_t)r->look->sample;

    r->look_items = eff_new(&r->run, struct eff_planned_item, LOOK_ROWS);
    r->look_changed = eff_new(&r->run, bool, LOOK_ROWS);
    r->look_limit = UINT64_MAX;
    if (r->look->adopt)
        return EFF_OK;
    if (r->snapshot_rows == 0) {
        EFF_FAIL(err, EFF_CONFIG, "sync " EFF_STR_FMT " has delivered nothing yet",
                 EFF_STR_ARG(r->sync->name));
        return eff_err_hint(err, "`efferent run` first, or `efferent adopt` what is there.");
    }
    r->os->random(r->os->self, &r->look_seed, sizeof r->look_seed);
    if (sample < r->snapshot_rows)
        r->look_limit = UINT64_MAX / r->snapshot_rows * sample;
    return EFF_OK;
}

bool
eff_run_look_samples(const struct eff_sync_run *r, struct eff_hash128 key)
{
    return (key.lo ^ r->look_seed) <= r->look_limit;
}

bool
eff_run_look_wants(struct eff_sync_run *r, const struct eff_change *change)
{
    switch (change->kind) {
    case EFF_CHANGE_COLUMNS: /* as it was delivered */
        r->report->unchanged += r->look->adopt;
        return !r->look->adopt && eff_run_look_samples(r, change->key);
    case EFF_CHANGE_CHANGE: /* other values by now; whether its record is there can be told */
        if (r->look->adopt || eff_run_look_samples(r, change->key))
            return true;
        r->look_passed++;
        return false;
    case EFF_CHANGE_ADD:
        r->look_passed += !r->look->adopt;
        return r->look->adopt;
    case EFF_CHANGE_DUPLICATE:
    case EFF_CHANGE_TWIN:
        return r->look->adopt;
    default:
        return false;
    }
}

/* ---- one row, and its record ---- */

/* Which of the fields that this row should have are otherwise over there. */
static size_t
look_compare(const struct eff_sync_run *r, const struct eff_item *item,
             const struct eff_record *record, bool *differs)
{
    size_t count = 0;

    for (size_t i = 0; i < r->mapping.fields_count; i++) {
        bool pending = !r->look->adopt && r->field_added[i]; /* not delivered yet */

        differs[i] = !pending && item->fields[i].kind != EFF_ABSENT &&
                     eff_look_differs(&item->fields[i], &record->fields[i]);
        count += differs[i];
    }
    return count;
}

static void
look_problem(struct eff_sync_run *r, const char *code, eff_str message)
{
    eff_str hint = r->look->write ? EFF_STR("The next run sends them.")
                   : r->look->adopt
                       ? EFF_STR("After `efferent adopt --yes` the next run sends them.")
                       : EFF_STR("`efferent verify --repair` lets the next run send them again.");

    eff_report_problem(r->report, code, EFF_CONTRACT, 1, message, hint, EFF_STR_NONE);
}

static void
look_report_differences(struct eff_sync_run *r, const struct eff_planned_item *p,
                        const struct eff_record *record, const bool *differs)
{
    r->report->changed++;
    eff_run_sample_found(r, p, record, differs);
    for (size_t i = 0; i < r->mapping.fields_count; i++)
        if (differs[i])
            look_problem(r, "EFF2119",
                         eff_str_printf(&r->batch, EFF_STR_FMT " has another value over there",
                                        EFF_STR_ARG(r->mapping.fields[i].name)));
}

static void
look_report_missing(struct eff_sync_run *r, const struct eff_planned_item *p)
{
    r->report->added++;
    eff_run_sample_found(r, p, NULL, NULL);
    if (!r->look->adopt)
        look_problem(r, "EFF2120", EFF_STR("the record is not there any more"));
}

/* What is there now may not stay: an older value may still be applied over it. */
static enum eff_fault
look_doubt(struct eff_sync_run *r, struct eff_planned_item *p, struct eff_err *err)
{
    int64_t until;

    EFF_TRY(eff_control_doubted(r->control, r->sync->name, p->ack.key, p->ack.row, &until, err));
    if (until > r->started_wall)
        p->ack.row = EFF_ENTRY_UNKNOWN;
    return EFF_OK;
}

/* The row goes into the change file as one that is not sent: record/ only notes it. */
static enum eff_fault
look_note(struct eff_sync_run *r, struct eff_planned_item *p, eff_str remote_id,
          enum eff_group group, struct eff_err *err)
{
    struct eff_value *fields;
    struct eff_buf buf = {0};

    r->report->wants_yes = r->look->adopt && !r->look->write;
    if (!r->look->write)
        return EFF_OK;
    EFF_TRY(look_doubt(r, p, err));
    fields = eff_new(&r->batch, struct eff_value, r->mapping.fields_count);
    for (size_t i = 0; i < r->mapping.fields_count; i++)
        fields[i].kind = EFF_ABSENT;
    p->op = EFF_OP_NONE;
    p->item.fields = fields;
    r->followed++;
    if (p->ack.identity.ptr && remote_id.ptr) {
        eff_identity_write(&buf, p->item.key_json, remote_id, p->item.match,
                           r->mapping.match_count);
        p->ack.identity = eff_str_copy(&r->batch, eff_buf_str(&buf));
        eff_buf_free(&buf);
    }
    return eff_run_plan_add(r, p, group, err);
}

/* It is made again under another idempotency key: the first one's answer is a record that is gone. */
static enum eff_fault
look_forget(struct eff_sync_run *r, struct eff_planned_item *p, struct eff_err *err)
{
    struct eff_item gone = {.key = p->item.key, .verdict = {.outcome = EFF_APPLIED}};
    const struct eff_delivery removal = {.op = EFF_OP_DELETE, .count = 1, .items = &gone};

    if (r->look->write && eff_run_is_keyed(r))
        EFF_TRY(eff_control_incarnate(r->control, r->sync->name, &removal,
                                      r->os->wall_ms(r->os->self), err));
    return look_note(r, p, EFF_STR_NONE, EFF_GROUP_RELEASED, err);
}

/*
 * Mode insert leaves a record alone once it is there, so its values do not matter.
 * With other values, the entry says that they are not known: the next diff sends the row.
 */
static enum eff_fault
look_judge(struct eff_sync_run *r, struct eff_planned_item *p, bool changed,
           const struct eff_record *record, struct eff_err *err)
{
    bool *differs = eff_new(&r->batch, bool, r->mapping.fields_count);

    if (record->found && changed && !r->look->adopt) {
        r->look_passed++;
        return EFF_OK;
    }
    if (!record->found) {
        look_report_missing(r, p);
        return r->look->adopt ? EFF_OK : look_forget(r, p, err);
    }
    if (r->sync->mode == EFF_MODE_INSERT || look_compare(r, &p->item, record, differs) == 0) {
        r->report->unchanged++;
        return r->look->adopt ? look_note(r, p, record->remote_id, EFF_GROUP_FREE, err) : EFF_OK;
    }
    look_report_differences(r, p, record, differs);
    p->ack.row = EFF_ENTRY_UNKNOWN;
    if (r->look->write)
        EFF_TRY(eff_control_doubt_unknown(r->control, r->sync->name, p->ack.key, err));
    return look_note(r, p, record->remote_id, EFF_GROUP_FREE, err);
}

/* ---- many of them ---- */

static enum eff_fault
look_read(struct eff_sync_run *r, const struct eff_record **ret_records, struct eff_err *err)
{
    struct eff_item *items = eff_new(&r->batch, struct eff_item, r->look_count);
    size_t *at = eff_new(&r->batch, size_t, r->look_count);
    struct eff_delivery delivery = {.object = r->sync->object,
                                    .match_count = r->dest_sync.match_count,
                                    .match_names = r->dest_sync.match_names,
                                    .fields_count = r->dest_sync.fields_count,
                                    .field_names = r->dest_sync.field_names,
                                    .count = r->look_count,
                                    .items = items};
    struct eff_task task;

    for (size_t i = 0; i < r->look_count; i++) {
        items[i] = r->look_items[i].item;
        at[i] = i;
    }
    task = eff_look_task(&delivery, at, r->look_count, &r->batch);
    *ret_records = task.read->records;
    return eff_run_task(r, &task, err);
}

enum eff_fault
eff_run_look_flush(struct eff_sync_run *r, struct eff_err *err)
{
    const struct eff_record seen = {.found = true};
    const struct eff_record *records = NULL;

    if (r->look_count == 0)
        return EFF_OK;
    if (!r->look->unseen)
        EFF_TRY(look_read(r, &records, err));
    for (size_t i = 0; i < r->look_count; i++) {
        if (records) {
            EFF_TRY(look_judge(r, &r->look_items[i], r->look_changed[i], &records[i], err));
        } else {
            r->report->unchanged++;
            EFF_TRY(look_note(r, &r->look_items[i], seen.remote_id, EFF_GROUP_FREE, err));
        }
    }
    r->look_count = 0;
    eff_arena_reset(&r->batch);
    return r->os->go_on(r->os->self)
               ? EFF_OK
               : EFF_FAIL(err, EFF_TRANSIENT, "stopped on request; nothing was changed");
}

/* Kept with the batch arena until there are enough of them. */
enum eff_fault
eff_run_look_row(struct eff_sync_run *r, const struct eff_planned_item *p, bool changed,
                 struct eff_err *err)
{
    r->look_changed[r->look_count] = changed;
    r->look_items[r->look_count++] = *p;
    return r->look_count == LOOK_ROWS ? eff_run_look_flush(r, err) : EFF_OK;
}

void
eff_run_look_end(struct eff_sync_run *r)
{
    struct eff_report *report = r->report;

    report->planned = report->added + report->changed;
    report->read = report->unchanged + report->planned + report->invalid;
    report->drifted = !r->look->adopt && report->planned > 0;
    if (r->look_passed > 0)
        eff_report_problem(report, "EFF2121", EFF_TRANSIENT, r->look_passed,
                           EFF_STR("the model has other values than were delivered; not looked at"),
                           EFF_STR("The next run sends them."), EFF_STR_NONE);
}
