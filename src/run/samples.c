/*
 * run/samples: a few rows of a plan, before and after.
 */
#include <stdio.h>

#include "base/json.h"
#include "run/sync.h"

#define SAMPLES_PER_KIND (EFF_REPORT_SAMPLES_MAX / 3)

static const char *
sample_change(enum eff_change_kind kind)
{
    return kind == EFF_CHANGE_ADD ? "add" : kind == EFF_CHANGE_REMOVE ? "remove" : "change";
}

static bool
sample_wanted(const struct eff_report *report, const char *change)
{
    size_t same = 0;

    for (size_t i = 0; i < report->samples_count; i++)
        if (strcmp(report->samples[i].change, change) == 0)
            same++;
    return same < SAMPLES_PER_KIND && report->samples_count < EFF_REPORT_SAMPLES_MAX;
}

static eff_str
sample_json(struct eff_sync_run *r, const struct eff_value *value)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    eff_str json;

    eff_value_json(&w, value);
    json = eff_str_copy(&r->run, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return json;
}

/* Whether dbt calls the model's column private. */
static bool
sample_column_private(const struct eff_sync_conf *sync, eff_str name)
{
    for (size_t i = 0; i < sync->unlike_count; i++)
        if (eff_str_eq_nocase(name, sync->unlike_columns[i]))
            return !sync->private_model;
    return sync->private_model;
}

bool
eff_run_is_private(const struct eff_sync_run *r, const struct eff_field *field)
{
    for (size_t i = 0; i < field->inputs_count; i++)
        if (sample_column_private(r->sync, field->input_names[i]))
            return true;
    return false;
}

static eff_str
sample_shown(struct eff_sync_run *r, size_t at, const struct eff_value *value)
{
    return eff_run_is_private(r, &r->mapping.fields[at]) ? EFF_STR("\"(private)\"")
                                                         : sample_json(r, value);
}

/* What a read-back needs later: the match values, kept beside the sample. */
static void
sample_keep_match(struct eff_sync_run *r, size_t at, const struct eff_planned_item *p)
{
    size_t width = r->dest_sync.match_count;
    const struct eff_value *from = p->item.old_match ? p->item.old_match : p->item.match;

    if (!r->sample_match)
        r->sample_match = eff_new(&r->run, struct eff_value, EFF_REPORT_SAMPLES_MAX * width);
    for (size_t i = 0; i < width; i++) {
        struct eff_buf buf = {0};
        struct eff_reader reader;

        eff_value_write(&buf, &from[i]);
        reader = eff_reader_of(eff_str_copy(&r->run, eff_buf_str(&buf)));
        eff_value_read(&reader, &r->sample_match[at * width + i]);
        eff_buf_free(&buf);
    }
}

void
eff_run_sample(struct eff_sync_run *r, const struct eff_change *change,
               const struct eff_planned_item *planned)
{
    struct eff_report *report = r->report;
    const char *kind = sample_change(change->kind);
    struct eff_sample *sample;

    if (!report->is_plan || !sample_wanted(report, kind))
        return;
    if (!report->samples)
        report->samples = eff_new(&r->run, struct eff_sample, EFF_REPORT_SAMPLES_MAX);
    sample_keep_match(r, report->samples_count, planned);
    sample = &report->samples[report->samples_count++];
    sample->change = kind;
    sample->key = eff_str_copy(&r->run, planned->item.key_json);
    sample->fields = eff_new(&r->run, struct eff_sample_field, r->dest_sync.fields_count);
    for (size_t i = 0; i < r->dest_sync.fields_count; i++) {
        if (planned->item.fields[i].kind == EFF_ABSENT)
            continue;
        sample->fields[sample->fields_count++] = (struct eff_sample_field){
            .name = r->dest_sync.field_names[i],
            .after = sample_shown(r, i, &planned->item.fields[i]),
        };
    }
}

static void
sample_take_record(struct eff_sync_run *r, struct eff_sample *sample,
                   const struct eff_record *record)
{
    if (!record->found || strcmp(sample->change, "add") == 0)
        return;
    for (size_t i = 0; i < sample->fields_count; i++)
        for (size_t j = 0; j < r->dest_sync.fields_count; j++)
            if (record->fields[j].kind != EFF_ABSENT &&
                eff_str_eq(sample->fields[i].name, r->dest_sync.field_names[j]))
                sample->fields[i].before = sample_shown(r, j, &record->fields[j]);
}

void
eff_run_sample_found(struct eff_sync_run *r, const struct eff_planned_item *planned,
                     const struct eff_record *record, const bool *differs)
{
    const struct eff_change change = {.kind = record ? EFF_CHANGE_CHANGE : EFF_CHANGE_ADD};
    size_t count = r->report->samples_count, kept = 0;
    struct eff_sample *sample;

    eff_run_sample(r, &change, planned);
    if (!record || r->report->samples_count == count)
        return;
    sample = &r->report->samples[count];
    sample_take_record(r, sample, record);
    for (size_t i = 0; i < sample->fields_count; i++)
        for (size_t j = 0; j < r->dest_sync.fields_count; j++)
            if (differs[j] && eff_str_eq(sample->fields[i].name, r->dest_sync.field_names[j]))
                sample->fields[kept++] = sample->fields[i];
    sample->fields_count = kept;
}

/* Reading back is a courtesy: when it fails, the plan is as good without it. */
void
eff_run_samples_before(struct eff_sync_run *r)
{
    struct eff_read read = {
        .match_count = r->dest_sync.match_count,
        .match_names = r->dest_sync.match_names,
        .fields_count = r->dest_sync.fields_count,
        .field_names = r->dest_sync.field_names,
        .count = r->report->samples_count,
        .match = r->sample_match,
    };
    struct eff_task task = {
        .kind = EFF_TASK_READ, .read = &read, .object = r->sync->object, .arena = &r->run};
    struct eff_err ignored = {0};

    if (!r->dest->can_read || read.count == 0)
        return;
    read.records = eff_new(&r->run, struct eff_record, read.count);
    if (eff_run_task(r, &task, &ignored) != EFF_OK)
        return;
    for (size_t i = 0; i < read.count; i++)
        sample_take_record(r, &r->report->samples[i], &read.records[i]);
}
