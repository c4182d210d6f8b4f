/*
 * run/readback: what was acknowledged, looked at once more: did the destination keep it?
 *
 * APIs pass over fields that they do not know or that the user may not write, and say yes.
 * So a few delivered rows are read back when all is sent: at least one with a value for each
 * field, and one in a thousand by chance. Only what was sent is compared, and an empty value
 * proves nothing. What is not as it should be is looked at again when the destination has had
 * its time to show it; a row that still differs counts as unknown in the snapshot, so that
 * the sync is not green again before it is mended.
 */
#include "base/json.h"
#include "deliver/look.h"
#include "run/sync.h"

#define READBACK_ROWS_MAX    1000
#define READBACK_ONE_IN      1000
#define READBACK_TOGETHER    200 /* the driver asks in as many requests as it needs */
#define READBACK_BYTES_MAX   ((size_t)16 << 20) /* of values that are kept for it */
#define READBACK_LAG_MOST_MS 10000              /* a run does not wait longer for its last rows */
#define READBACK_TOLD_RUNS   200                /* a form of its own is told once in so many runs */

/* ---- which rows ---- */

bool
eff_run_reads_back(const struct eff_sync_run *r)
{
    return r->sync->read_back && r->dest->can_read && !r->dest->strict &&
           r->dest->read_lag_ms <= READBACK_LAG_MOST_MS;
}

/* A value for each field may stand in one row; one in a thousand comes by chance. */
uint64_t
eff_run_readback_least(uint64_t rows)
{
    uint64_t least = rows / READBACK_ONE_IN / 2 + 1;

    return rows == 0 ? 0 : least < READBACK_ROWS_MAX ? least : READBACK_ROWS_MAX;
}

void
eff_run_readback_begin(struct eff_sync_run *r)
{
    struct eff_readback *back = &r->readback;

    *back = (struct eff_readback){.wanted = eff_run_reads_back(r)};
    if (!back->wanted)
        return;
    r->os->random(r->os->self, &back->seed, sizeof back->seed);
    back->items = eff_new(&r->run, struct eff_item, READBACK_ROWS_MAX);
    back->covered = eff_new(&r->run, bool, r->dest_sync.fields_count);
    back->alike = eff_new(&r->run, bool, r->dest_sync.fields_count);
}

bool
eff_run_readback_op(enum eff_op op)
{
    return op == EFF_OP_UPSERT || op == EFF_OP_CREATE || op == EFF_OP_UPDATE;
}

static bool
readback_tells(const struct eff_value *value)
{
    return value->kind != EFF_ABSENT && value->kind != EFF_NULL;
}

static bool
readback_chooses(struct eff_readback *back, const struct eff_delivery *delivery,
                 const struct eff_item *item)
{
    bool chosen = (item->key.lo ^ back->seed) <= UINT64_MAX / READBACK_ONE_IN;

    for (size_t i = 0; i < delivery->fields_count; i++) {
        if (back->covered[i] || !readback_tells(&item->fields[i]))
            continue;
        chosen = back->covered[i] = true;
    }
    return chosen;
}

const struct eff_value *
eff_run_values_copy(struct eff_sync_run *r, size_t count, const struct eff_value *values,
                    size_t *bytes)
{
    struct eff_value *copies = eff_new(&r->run, struct eff_value, count);
    struct eff_buf buf = {0};
    struct eff_reader reader;

    for (size_t i = 0; i < count; i++)
        eff_value_write(&buf, &values[i]);
    reader = eff_reader_of(eff_str_copy(&r->run, eff_buf_str(&buf)));
    eff_values_read(&reader, count, copies);
    *bytes += buf.len;
    eff_buf_free(&buf);
    return copies;
}

void
eff_run_readback_take(struct eff_sync_run *r, const struct eff_delivery *delivery)
{
    struct eff_readback *back = &r->readback;

    if (!back->wanted || !eff_run_readback_op(delivery->op))
        return;
    for (size_t i = 0; i < delivery->count; i++) {
        const struct eff_item *item = &delivery->items[i];

        if (back->count == READBACK_ROWS_MAX || back->bytes > READBACK_BYTES_MAX)
            break;
        if (item->verdict.outcome != EFF_APPLIED || !readback_chooses(back, delivery, item))
            continue;
        back->items[back->count++] = (struct eff_item){
            .key = item->key,
            .match = eff_run_values_copy(r, delivery->match_count, item->match, &back->bytes),
            .fields = eff_run_values_copy(r, delivery->fields_count, item->fields, &back->bytes)};
    }
    back->last = r->os->mono_ms(r->os->self);
}

/* ---- one row, and its record ---- */

static void
readback_broken(struct eff_sync_run *r, const char *code, eff_str message, eff_str where)
{
    r->report->drifted = r->report->contract_broken = true;
    eff_report_problem(
        r->report, code, EFF_CONTRACT, 1, message,
        EFF_STR("Look over there who may write it and what changes it. The rows that "
                "were looked at are sent again by each run; once it is mended, "
                "`efferent verify --all --repair` finds the others."),
        where);
}

static eff_str
readback_where(const struct eff_sync_run *r, eff_str field)
{
    for (size_t i = 0; i < r->mapping.fields_count; i++)
        if (eff_str_eq(r->mapping.fields[i].name, field))
            return r->mapping.fields[i].where;
    return EFF_STR_NONE;
}

/* Whether the record has what was sent; with `tell`, what it has not goes into the report. */
static bool
readback_kept(struct eff_sync_run *r, const struct eff_item *item, const struct eff_record *record,
              bool tell)
{
    bool kept = true;

    for (size_t i = 0; i < r->dest_sync.fields_count; i++) {
        const struct eff_value *sent = &item->fields[i];
        eff_str field = r->dest_sync.field_names[i];

        if (!readback_tells(sent) || eff_look_equal(sent, &record->fields[i]))
            continue;
        if (eff_look_alike(sent, &record->fields[i])) {
            r->readback.alike[i] = true;
            continue;
        }
        kept = false;
        if (tell)
            readback_broken(
                r, "EFF2136",
                eff_str_printf(
                    &r->run,
                    "field " EFF_STR_FMT "." EFF_STR_FMT " was acknowledged, and %s over there",
                    EFF_STR_ARG(r->sync->object), EFF_STR_ARG(field),
                    record->fields[i].kind == EFF_NULL ? "is empty" : "has another value"),
                readback_where(r, field));
    }
    return kept;
}

static bool
readback_judge(struct eff_sync_run *r, const struct eff_item *item, const struct eff_record *record,
               bool tell)
{
    if (record->found && readback_kept(r, item, record, tell))
        return true;
    if (!tell)
        return false;
    eff_buf_add_bytes(&r->amiss, &item->key, sizeof item->key);
    if (!record->found)
        readback_broken(r, "EFF2137", EFF_STR("records that were acknowledged are not found"),
                        EFF_STR_NONE);
    return false;
}

/* ---- all of them ---- */

/* Those that are not as they should be stay in the list. */
static enum eff_fault
readback_look(struct eff_sync_run *r, bool tell, struct eff_err *err)
{
    struct eff_readback *back = &r->readback;
    struct eff_delivery delivery = {.object = r->dest_sync.object,
                                    .match_count = r->dest_sync.match_count,
                                    .match_names = r->dest_sync.match_names,
                                    .fields_count = r->dest_sync.fields_count,
                                    .field_names = r->dest_sync.field_names};
    size_t at[READBACK_TOGETHER], kept = 0, count = back->count;

    for (size_t from = 0; from < count; from += delivery.count) {
        struct eff_task task;

        delivery.items = back->items + from;
        delivery.count = count - from < READBACK_TOGETHER ? count - from : READBACK_TOGETHER;
        for (size_t i = 0; i < delivery.count; i++)
            at[i] = i;
        eff_arena_reset(&r->batch);
        task = eff_look_task(&delivery, at, delivery.count, &r->batch);
        EFF_TRY(eff_run_task(r, &task, err));
        for (size_t i = 0; i < delivery.count; i++)
            if (!readback_judge(r, &delivery.items[i], &task.read->records[i], tell))
                back->items[kept++] = delivery.items[i];
    }
    back->count = kept;
    return EFF_OK;
}

/* Once what was written must be there to be seen. */
static enum eff_fault
readback_look_again(struct eff_sync_run *r, struct eff_err *err)
{
    int64_t lag_ms = r->dest->read_lag_ms > 0 ? r->dest->read_lag_ms : EFF_LOOK_LAG_MS;

    EFF_TRY(eff_run_pause(r, r->readback.last + lag_ms - r->os->mono_ms(r->os->self), err));
    return readback_look(r, true, err);
}

static bool
readback_told(eff_str report, eff_str message, struct eff_arena scratch)
{
    const struct eff_json *json, *at;
    struct eff_json_iter iter;
    struct eff_err ignored = {0};

    if (report.len == 0 || eff_json_parse(report, &scratch, &json, &ignored) != EFF_OK)
        return false;
    iter = eff_json_iterate(eff_json_get(json, EFF_STR("problems")));
    while (eff_json_next(&iter, NULL, &at))
        if (eff_str_eq(eff_json_str(eff_json_get(at, EFF_STR("message"))), message))
            return true;
    return false;
}

/* It is no fault, and sending it again would change nothing: once told, it is known. */
static void
readback_tell_alike(struct eff_sync_run *r)
{
    eff_str reports[READBACK_TOLD_RUNS];
    struct eff_err ignored = {0};
    size_t count = SIZE_MAX;

    for (size_t i = 0; i < r->dest_sync.fields_count; i++) {
        eff_str message;
        bool told = false;

        if (!r->readback.alike[i])
            continue;
        if (count == SIZE_MAX &&
            eff_control_reports(r->control, r->sync->name, EFF_RUN_CLOSED, READBACK_TOLD_RUNS,
                                &r->run, &count, reports, &ignored) != EFF_OK)
            return;
        message = eff_str_printf(
            &r->run,
            "field " EFF_STR_FMT "." EFF_STR_FMT " is kept in a form of its own over there",
            EFF_STR_ARG(r->sync->object), EFF_STR_ARG(r->dest_sync.field_names[i]));
        for (size_t k = 0; k < count && !told; k++)
            told = readback_told(reports[k], message, r->run);
        if (!told)
            eff_report_problem(r->report, "EFF2138", EFF_OK, 0, message,
                               EFF_STR("Nothing is wrong with it; `trim`, `lower` or `cast` in "
                                       "`fields:` send it as it is kept."),
                               readback_where(r, r->dest_sync.field_names[i]));
    }
}

/* What was delivered stays delivered, whatever comes of looking at it. */
void
eff_run_readback(struct eff_sync_run *r)
{
    struct eff_readback *back = &r->readback;
    struct eff_err err = {0};
    enum eff_fault fault = EFF_OK;
    size_t count = back->count;

    if (count == 0)
        return;
    fault = readback_look(r, false, &err);
    if (fault == EFF_OK)
        r->report->read_back += count;
    if (fault == EFF_OK && back->count > 0)
        fault = readback_look_again(r, &err);
    if (fault != EFF_OK && r->os->go_on(r->os->self))
        eff_report_problem(
            r->report, "EFF2129", fault, 0,
            eff_str_printf(&r->run, "what was delivered cannot be read back: %s", err.msg),
            EFF_STR("Let the credential read these records, or say `read_back: "
                    "false` in the sync: then nobody looks whether they were kept."),
            EFF_STR_NONE);
    readback_tell_alike(r);
}
