/*
 * run/preview: the requests that a plan's rows would take, as the destination's driver makes them.
 *
 * The first rows of each operation are kept while it is planned; then the driver builds its
 * requests from them, by the code that delivery uses. Headers are left out. Values of private
 * columns are taken out before anything is built (a key that names a row stays, as in all that is
 * told of rows), and credentials out of what was built.
 */
#include "run/sync.h"

#define PREVIEW_ROWS_MAX     1000
#define PREVIEW_BYTES_MAX    ((size_t)256 << 10) /* of the rows that are kept of an operation */
#define PREVIEW_REQUESTS_MAX 16                  /* of an operation */
#define PREVIEW_BODY_MAX     ((size_t)16 << 10)

static const struct eff_value *
preview_values(struct eff_sync_run *r, size_t count, const struct eff_field *fields,
               const struct eff_value *values, size_t *bytes)
{
    struct eff_value *shown = eff_new(&r->run, struct eff_value, count);

    if (!values)
        return NULL;
    for (size_t i = 0; i < count; i++)
        shown[i] = values[i].kind != EFF_ABSENT && values[i].kind != EFF_NULL &&
                           eff_run_is_private(r, &fields[i])
                       ? eff_value_of_str(EFF_TEXT, EFF_STR("(private)"))
                       : values[i];
    return eff_run_values_copy(r, count, shown, bytes);
}

void
eff_run_preview_take(struct eff_sync_run *r, const struct eff_planned_item *p, enum eff_group group)
{
    struct eff_previewed *kept = &r->previewed[p->op];
    const struct eff_mapping *m = &r->mapping;
    struct eff_item *item;

    if (!r->options->requests || p->op == EFF_OP_NONE || kept->count == PREVIEW_ROWS_MAX ||
        kept->bytes > PREVIEW_BYTES_MAX || (kept->count > 0 && kept->group != group))
        return;
    if (kept->count == 0)
        kept->items = eff_new(&r->run, struct eff_item, PREVIEW_ROWS_MAX);
    kept->group = group;
    item = &kept->items[kept->count];
    *item = (struct eff_item){
        .index = kept->count,
        .key = p->item.key,
        .key_json = eff_str_copy(&r->run, p->item.key_json),
        .match = preview_values(r, m->match_count, m->match, p->item.match, &kept->bytes),
        .old_match = preview_values(r, m->match_count, m->match, p->item.old_match, &kept->bytes),
        .fields = preview_values(r, m->fields_count, m->fields, p->item.fields, &kept->bytes)};
    if (p->item.remote_id.ptr)
        item->remote_id = eff_str_copy(&r->run, p->item.remote_id);
    if (p->item.idempotency_key.ptr)
        item->idempotency_key = eff_str_copy(&r->run, p->item.idempotency_key);
    kept->count++;
}

static void
preview_report(struct eff_sync_run *r, enum eff_op op, const struct eff_preview *preview)
{
    struct eff_report *report = r->report;
    eff_str body = eff_redact(&r->redact, &r->run, preview->request.body);

    report->previews[report->previews_count++] = (struct eff_report_request){
        .op = eff_op_name(op),
        .step = preview->step,
        .rows = preview->rows,
        .method = preview->request.method,
        .url = eff_redact(&r->redact, &r->run, preview->request.url),
        .body = eff_str_sub(body, 0, eff_utf8_prefix(body, PREVIEW_BODY_MAX)),
        .body_bytes = preview->request.body.len};
}

/* Whether some of it is sent, and not held. */
static bool
preview_is_sent(const struct eff_sync_run *r, enum eff_op op, enum eff_group group)
{
    for (size_t i = 0; i < r->batches_count; i++)
        if (r->batches[i].op == op && r->batches[i].group == group && !r->batches[i].held)
            return true;
    return false;
}

void
eff_run_preview(struct eff_sync_run *r)
{
    struct eff_preview previews[PREVIEW_REQUESTS_MAX];

    if (!r->options->requests || !r->dest->ops->preview)
        return;
    r->report->previews =
        eff_new(&r->run, struct eff_report_request, EFF_OPS_COUNT * PREVIEW_REQUESTS_MAX);
    for (int op = 0; op < EFF_OPS_COUNT; op++) {
        const struct eff_previewed *kept = &r->previewed[op];
        size_t most = r->limits[op].rows_max, count;
        struct eff_delivery delivery = {.op = (enum eff_op)op,
                                        .object = r->dest_sync.object,
                                        .match_count = r->dest_sync.match_count,
                                        .match_names = r->dest_sync.match_names,
                                        .fields_count = r->dest_sync.fields_count,
                                        .field_names = r->dest_sync.field_names,
                                        .count = kept->count < most ? kept->count : most,
                                        .items = kept->items,
                                        .arena = &r->run};

        if (delivery.count == 0 || !preview_is_sent(r, (enum eff_op)op, kept->group))
            continue;
        count = r->dest->ops->preview(r->dest, &delivery, previews, PREVIEW_REQUESTS_MAX);
        for (size_t i = 0; i < count; i++)
            preview_report(r, (enum eff_op)op, &previews[i]);
    }
}
