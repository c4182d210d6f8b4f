/* rest_deliver: one delivery, step by step. */
#include "dest/rest.h"

const struct eff_variant *
rest_variant(const struct rest_work *work)
{
    return &work->op->variants[work->variant];
}

/* ---- which rows, and how ---- */

static bool
deliver_in_variant(const struct rest_dest *dest, const struct rest_work *work,
                   const struct eff_variant *variant, const struct eff_delivery *delivery,
                   const struct eff_item *item)
{
    bool known = work->ids[item->index].ptr != NULL;
    int64_t rows = variant->rows, option;

    if (variant->objects.count > 0 && !rest_listed(&variant->objects, delivery->object))
        return false;

    if (variant->rows_above || variant->rows_at_most) {
        if (variant->rows_option != SIZE_MAX &&
            eff_str_int(dest->options[variant->rows_option], &option))
            rows = option;
        if (variant->rows_above != (dest->rows_planned > rows))
            return false;
    }
    switch (variant->id) {
    case EFF_WHEN_ID_KNOWN:
        return known;
    case EFF_WHEN_ID_UNKNOWN:
        return !known;
    case EFF_WHEN_MOVED:
        return known && item->old_match;
    case EFF_WHEN_ANY:
        break;
    }
    return true;
}

static const struct eff_find *
deliver_find(const struct rest_work *work)
{
    return &work->op->finds[work->find];
}

/* Pending rows for the first find that has not looked for them all. */
static bool
deliver_take_find(struct rest_work *work, const struct eff_delivery *delivery)
{
    for (work->find = 0; work->find < work->op->finds_count; work->find++) {
        const struct eff_find *find = deliver_find(work);

        work->rows_count = 0;
        if (!rest_named(&find->only, delivery->object) ||
            (delivery->match_count > 0 && !rest_named(&find->match, delivery->match_names[0])))
            continue;
        for (size_t i = 0; i < delivery->count && work->rows_count < find->rows_max; i++) {
            if (delivery->items[i].verdict.outcome == EFF_PENDING &&
                !work->found[find->slot][i].ptr && !work->asked[work->find][i])
                work->rows[work->rows_count++] = i;
        }
        if (work->rows_count > 0)
            return true;
    }
    return false;
}

static bool
deliver_take_variant(const struct rest_dest *dest, struct rest_work *work,
                     const struct eff_delivery *delivery)
{
    for (; work->variant < work->op->variants_count; work->variant++) {
        const struct eff_variant *variant = rest_variant(work);

        work->rows_count = 0;
        for (size_t i = 0; i < delivery->count && work->rows_count < variant->rows_max; i++) {
            if (delivery->items[i].verdict.outcome == EFF_PENDING &&
                deliver_in_variant(dest, work, variant, delivery, &delivery->items[i]))
                work->rows[work->rows_count++] = i;
        }
        if (work->rows_count > 0)
            return true;
    }
    return false;
}

/* Chooses what comes next; the phase says what. */
static void
deliver_next(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work)
{
    if (rest_unnamed_next(delivery, work))
        return;
    if (deliver_take_find(work, delivery)) {
        work->phase = REST_FIND;
        work->cursor = EFF_STR_NONE;
        work->pages = 0;
        return;
    }
    work->variant = 0;
    if (deliver_take_variant(dest, work, delivery)) {
        work->phase = rest_variant(work)->job.given ? REST_JOB_CREATE : REST_SEND;
        return;
    }
    rest_pending_verdict(delivery, rest_verdict(EFF_REFUSED, EFF_ROW, EFF_STR("NO_ID"),
                                                EFF_STR("the record's id is not known, and this "
                                                        "destination needs it")));
    work->phase = REST_FINISHED;
}

static void
deliver_start_finds(const struct eff_delivery *delivery, struct rest_work *work)
{
    work->found[0] = work->ids = eff_new(delivery->arena, eff_str, delivery->count);
    for (size_t i = 0; i < work->op->finds_count; i++) {
        size_t slot = work->op->finds[i].slot;

        work->asked[i] = eff_new(delivery->arena, bool, delivery->count);
        if (!work->found[slot])
            work->found[slot] = eff_new(delivery->arena, eff_str, delivery->count);
    }
}

static struct rest_work *
deliver_start(struct rest_dest *dest, struct eff_task *task)
{
    struct eff_delivery *delivery = task->delivery;
    struct rest_work *work = eff_new(delivery->arena, struct rest_work, 1);

    work->op = &dest->connector->ops[delivery->op];
    work->rows = eff_new(delivery->arena, size_t, delivery->count);
    deliver_start_finds(delivery, work);
    work->hits = eff_new(delivery->arena, unsigned, delivery->count);
    work->named = eff_new(delivery->arena, bool, delivery->count);
    work->bad = eff_new(delivery->arena, bool, delivery->count);
    work->bad_why = eff_new(delivery->arena, eff_str, delivery->count);
    for (size_t i = 0; i < delivery->count; i++) {
        work->ids[i] = delivery->items[i].remote_id;
        delivery->items[i].verdict = (struct eff_verdict){0};
    }
    eff_shapes_build(delivery->arena, delivery, dest->connector->values.flat_names, &work->shapes);
    delivery->scratch = work;
    if (rest_job_resume(dest, delivery, work))
        return work;
    rest_leaving_begin(delivery, work);
    if (!work->leaving)
        deliver_next(dest, delivery, work);
    return work;
}

/* ---- sending ---- */

/* Rows that the templates cannot take are refused here, before anything was sent. */
static void
deliver_drop_bad(struct eff_delivery *delivery, struct rest_work *work)
{
    size_t kept = 0;

    for (size_t i = 0; i < work->rows_count; i++) {
        size_t row = work->rows[i];

        if (work->bad[row])
            delivery->items[row].verdict =
                rest_verdict(EFF_REFUSED, EFF_ROW, EFF_STR("INVALID_VALUE"), work->bad_why[row]);
        else
            work->rows[kept++] = row;
    }
    work->rows_count = kept;
}

static struct eff_render
deliver_render(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work)
{
    struct eff_render r = rest_render(dest, delivery->arena);
    bool one = work->phase == REST_FIND ? deliver_find(work)->rows_max == 1
                                        : rest_variant(work)->rows_max == 1;

    r.delivery = delivery;
    r.object = delivery->object;
    r.shapes = &work->shapes;
    r.rows = work->rows;
    r.rows_count = work->rows_count;
    r.ids = work->ids;
    r.found = work->found;
    r.bad = work->bad;
    r.bad_why = work->bad_why;
    r.job = work->job;
    r.cursor = work->cursor;
    if (one && work->rows_count == 1)
        r.item = &delivery->items[work->rows[0]];
    return r;
}

bool
rest_item_json(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
               size_t row, struct eff_arena scratch, struct eff_buf *buf)
{
    struct eff_render r = deliver_render(dest, delivery, work);
    const struct eff_tree *item = eff_tree_each_row(&rest_variant(work)->call.tree);

    r.arena = &scratch;
    r.item = &delivery->items[row];
    return item && eff_render_json(&r, item, buf);
}

static bool
deliver_key_header(struct rest_work *work, struct eff_render *r, const struct eff_call *call,
                   struct eff_request *request)
{
    const struct eff_variant *variant = rest_variant(work);
    struct eff_ref ref = {.kind = variant->rows_max == 1 ? EFF_REF_IDEMPOTENCY : EFF_REF_BATCH_KEY};
    struct eff_text_part part = {.is_ref = true, .ref = ref};
    struct eff_text text = {.count = 1, .parts = &part};
    struct eff_buf buf = {0};
    bool good = true;

    if (!variant->idempotency_header.ptr || call != &variant->call)
        return true;
    request->keyed = true;
    good = eff_render_text(r, &text, EFF_SLOT_HEADER, &buf) == EFF_RENDERED &&
           rest_request_header(r->arena, request, variant->idempotency_header,
                               eff_str_copy(r->arena, eff_buf_str(&buf)));
    eff_buf_free(&buf);
    return good;
}

/* The step is 0 when no row at hand was left to send. */
struct eff_step
rest_send(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
          const struct eff_call *call, bool writes, bool carries_rows, struct eff_err *err)
{
    struct eff_delivery *delivery = task->delivery;
    struct eff_step step = {.kind = EFF_STEP_SEND};
    const struct eff_paging *next = work->phase == REST_FIND ? &deliver_find(work)->next
                                    : work->phase == REST_JOB_RESULT
                                        ? &rest_variant(work)->job.files[work->file].next
                                        : NULL;
    eff_str address = EFF_STR_NONE;

    work->table = NULL;
    if (rest_needs_login(dest))
        return (struct eff_step){.kind = EFF_STEP_AUTH};
    if (work->cursor.ptr && next && !next->query.ptr)
        address = work->cursor;
    while (work->rows_count > 0) {
        struct eff_render r = deliver_render(dest, delivery, work);
        enum rest_built built = rest_request(dest, call, &r, address, false, &step.request, err);

        if (built == REST_BUILT && !deliver_key_header(work, &r, call, &step.request))
            built = r.bad_count ? REST_ROWS_BAD : REST_NOT_BUILT;
        if (built == REST_TOO_LONG) {
            work->rows_count = (work->rows_count + 1) / 2; /* the others come next */
            continue;
        }
        step.request.writes = writes;
        step.request.carries_rows = carries_rows;
        if (built == REST_BUILT && work->cursor.ptr && next && next->query.ptr)
            rest_request_page(r.arena, &step.request, next->query, work->cursor);
        if (built == REST_BUILT)
            return step;
        if (built == REST_NOT_BUILT) {
            if (err->fault == EFF_OK)
                EFF_FAIL(err, EFF_CONFIG, "the request cannot be made");
            rest_pending_verdict(delivery,
                                 rest_verdict(EFF_NOT_APPLIED, EFF_CONFIG, EFF_STR("NOT_BUILT"),
                                              eff_str_copy(delivery->arena, eff_str_of(err->msg))));
            return (struct eff_step){.kind = EFF_STEP_STOP};
        }
        deliver_drop_bad(delivery, work);
    }
    return (struct eff_step){0};
}

/* ---- find ---- */

/* The match field that the find's rows are told apart by: its index, and the name over there. */
static size_t
deliver_found_by(const struct eff_delivery *delivery, const struct eff_find *find,
                 eff_str *ret_name)
{
    size_t by = find->nth > 0 ? find->nth - 1 : 0;
    eff_str object;

    *ret_name = by < delivery->match_count ? delivery->match_names[by] : EFF_STR("");
    if (find->nth > 0)
        eff_str_cut(*ret_name, '.', &object, ret_name);
    return by;
}

/* false: it is no record, for it has no id. */
static bool
deliver_found(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
              const struct eff_json *record)
{
    const struct eff_find *find = deliver_find(work);
    eff_str *ids = work->found[find->slot], name;
    eff_str id = eff_json_str(eff_json_pointer(record, find->remote_id));
    size_t by = deliver_found_by(delivery, find, &name);
    eff_str row_at = rest_pointer(dest, delivery->arena, find->row, name);
    eff_str told = find->row.ptr ? eff_json_str(eff_json_pointer(record, row_at)) : EFF_STR_NONE;

    if (!id.len)
        return false;
    for (size_t i = 0; i < work->rows_count; i++) {
        size_t row = work->rows[i];
        const struct eff_item *item = &delivery->items[row];
        const struct eff_value *value = item->old_match ? item->old_match : item->match;
        struct eff_buf text = {0};
        bool same = !find->row.ptr;

        if (!same && by < delivery->match_count) {
            same = eff_values_text(&dest->connector->values, value + by, *delivery->arena, &text) &&
                   eff_str_eq_nocase(eff_buf_str(&text), told);
            eff_buf_free(&text);
        }
        if (!same)
            continue;
        if (ids[row].ptr && !eff_str_eq(ids[row], id))
            delivery->items[row].verdict =
                rest_verdict(EFF_REFUSED, EFF_ROW, EFF_STR("SEVERAL_RECORDS"),
                             EFF_STR("several records match; none of them was touched"));
        else
            ids[row] = eff_str_copy(delivery->arena, id);
        if (find->row.ptr && find->nth == 0) /* one record may be in many pairs */
            break;
    }
    return true;
}

/*
 * false: the answer cannot be read. That there is no record is said by a list without one, or by
 * null in its place, or by 204; an answer that holds something else says nothing of records.
 */
static bool
deliver_find_records(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
                     const struct eff_json *json, int status)
{
    const struct eff_json *list =
                              rest_records(dest, delivery->arena, &deliver_find(work)->each, json),
                          *record;
    struct eff_json_iter iter = eff_json_iterate(list);
    enum eff_json_type type = eff_json_type(list);

    if (type == EFF_JSON_OBJECT)
        return deliver_found(dest, delivery, work, list);
    while (eff_json_next(&iter, NULL, &record)) {
        if (!deliver_found(dest, delivery, work, record))
            return false;
    }
    return type == EFF_JSON_ARRAY || (type == EFF_JSON_NULL && (list != json || status == 204));
}

static void
deliver_find_done(struct eff_delivery *delivery, struct rest_work *work)
{
    const struct eff_find *find = deliver_find(work);
    enum eff_outcome missing = find->missing;

    for (size_t i = 0; i < work->rows_count; i++) {
        struct eff_item *item = &delivery->items[work->rows[i]];

        work->asked[work->find][work->rows[i]] = true;
        if (work->found[find->slot][work->rows[i]].ptr || missing == EFF_PENDING ||
            item->verdict.outcome != EFF_PENDING)
            continue;
        item->verdict = rest_verdict(missing, missing == EFF_REFUSED ? EFF_ROW : EFF_OK,
                                     EFF_STR("NOT_FOUND"), EFF_STR("there is no such record"));
    }
}

/* Looking writes nothing: whatever goes wrong, the rows were not applied. */
static struct eff_step
deliver_judge_find(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
                   const struct eff_response *response, struct eff_err *err)
{
    const struct eff_find *find = deliver_find(work);
    struct eff_delivery *delivery = task->delivery;
    const struct eff_json *json = NULL;
    eff_str next = EFF_STR_NONE;

    if (response->not_allowed)
        return rest_not_allowed(dest, delivery, response, err);
    if (response->wire == EFF_WIRE_ANSWERED)
        json = rest_json(response, delivery->arena);
    if (rest_missing(dest, response, &find->missing_status, find->rows_max == 1, delivery->arena)) {
        deliver_find_done(delivery, work);
        return (struct eff_step){0};
    }
    if (response->wire == EFF_WIRE_ANSWERED && (response->status < 200 || response->status > 299) &&
        (json || !rest_looks_cut(response->body)))
        return rest_judge_failure(dest, task, work, response, json, false, err);
    if (!json || rest_silent(response) || ++work->pages > REST_PAGES_MAX ||
        !deliver_find_records(dest, delivery, work, json, response->status)) {
        rest_pending_verdict(
            delivery, rest_verdict(EFF_NOT_APPLIED, EFF_TRANSIENT, EFF_STR("FIND_FAILED"),
                                   EFF_STR("the search for the records had no readable answer")));
        return (struct eff_step){.kind = EFF_STEP_DONE};
    }
    if (find->next.at.ptr)
        next = eff_json_str(eff_json_pointer(json, find->next.at));
    if (next.len > 0 && !eff_str_eq(next, work->cursor)) {
        work->cursor = eff_str_copy(delivery->arena, next);
        return (struct eff_step){0};
    }
    work->cursor = EFF_STR_NONE;
    deliver_find_done(delivery, work);
    return (struct eff_step){0};
}

/* ---- the machine ---- */

static struct eff_step
deliver_judge(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
              const struct eff_response *last, struct eff_err *err)
{
    struct eff_step step;

    if (work->phase == REST_FIND) {
        step = deliver_judge_find(dest, task, work, last, err);
        if (step.kind == 0 && !work->cursor.ptr)
            deliver_next(dest, task->delivery, work);
        return step;
    }
    if (work->phase >= REST_JOB_CREATE) {
        step = rest_job_judge(dest, task, work, last, err);
        if (step.kind == 0 && work->phase == REST_START)
            deliver_next(dest, task->delivery, work);
        return step;
    }
    step = rest_judge(dest, task, work, last, err);
    if (step.kind == 0)
        deliver_next(dest, task->delivery, work);
    return step;
}

static struct eff_step
deliver_send(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
             struct eff_err *err)
{
    struct eff_step step = {0};

    while (step.kind == 0 && work->phase != REST_FINISHED) {
        if (work->phase == REST_FIND)
            step = rest_send(dest, task, work, &deliver_find(work)->call, false, false, err);
        else if (work->phase == REST_SEND)
            step = rest_send(dest, task, work, &rest_variant(work)->call, true, true, err);
        else
            step = rest_job_send(dest, task, work, err);
        if (step.kind == 0)
            deliver_next(dest, task->delivery, work); /* no row at hand could be sent */
    }
    return step.kind ? step : (struct eff_step){.kind = EFF_STEP_DONE};
}

struct eff_step
rest_deliver(struct rest_dest *dest, struct eff_task *task, const struct eff_response *last,
             struct eff_err *err)
{
    struct rest_work *work = task->delivery->scratch;
    struct eff_step step = {0};

    if (!work || (!last && work->phase == REST_FINISHED)) {
        work = deliver_start(dest, task);
        last = NULL;
    }
    if (work->leaving) {
        step = rest_leave(dest, task, work, last, err);
        if (step.kind == 0)
            deliver_next(dest, task->delivery, work);
    } else if (last) {
        step = deliver_judge(dest, task, work, last, err);
    }
    if (step.kind == 0)
        step = deliver_send(dest, task, work, err);
    if (step.kind == EFF_STEP_DONE || step.kind == EFF_STEP_SPLIT || step.kind == EFF_STEP_STOP) {
        work->phase = REST_FINISHED;
        rest_unnamed_end(task->delivery, work);
        rest_left(task->delivery, work);
    }
    return step;
}

/* ---- what would be sent, for people ---- */

struct deliver_previews {
    struct eff_preview *at;
    size_t count, max;
};

static void
preview_add(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
            const struct eff_call *call, const char *step, struct deliver_previews *previews)
{
    struct eff_err ignored = {0};
    struct eff_step made;

    if (!call->given || previews->count == previews->max)
        return;
    made = rest_send(dest, task, work, call, false, false, &ignored);
    if (made.kind == EFF_STEP_SEND)
        previews->at[previews->count++] =
            (struct eff_preview){.step = step, .rows = work->rows_count, .request = made.request};
}

/* The first request of each find; then every row counts as found. */
static void
preview_finds(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
              struct deliver_previews *previews)
{
    bool shown[EFF_FINDS_MAX] = {false};

    while (deliver_take_find(work, task->delivery)) {
        work->phase = REST_FIND;
        if (!shown[work->find])
            preview_add(dest, task, work, &deliver_find(work)->call, "find", previews);
        shown[work->find] = true;
        for (size_t i = 0; i < work->rows_count; i++) {
            work->asked[work->find][work->rows[i]] = true;
            work->found[deliver_find(work)->slot][work->rows[i]] = EFF_STR("looked-up");
        }
    }
}

static void
preview_variant(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
                struct deliver_previews *previews)
{
    const struct eff_variant *variant = rest_variant(work);
    const struct eff_job *job = &variant->job;

    work->phase = REST_SEND;
    preview_add(dest, task, work, &variant->call, "send", previews);
    if (!job->given)
        return;
    work->phase = REST_JOB_CREATE;
    preview_add(dest, task, work, &job->create, "create", previews);
    work->job = EFF_STR("job-id");
    work->phase = REST_JOB_UPLOAD;
    preview_add(dest, task, work, &job->upload, "upload", previews);
    work->phase = REST_JOB_CLOSE;
    preview_add(dest, task, work, &job->close, "close", previews);
}

/* The first request of each variant that some row takes. */
static void
preview_variants(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
                 struct deliver_previews *previews)
{
    size_t shown = SIZE_MAX;

    for (work->variant = 0; deliver_take_variant(dest, work, task->delivery);) {
        if (work->variant != shown)
            preview_variant(dest, task, work, previews);
        shown = work->variant;
        rest_rows_verdict(task->delivery, work, (struct eff_verdict){.outcome = EFF_APPLIED});
    }
}

size_t
rest_preview(struct eff_dest *base, struct eff_delivery *delivery, struct eff_preview *ret_previews,
             size_t max)
{
    struct rest_dest *dest = (struct rest_dest *)base, saved = *dest;
    struct deliver_previews previews = {.at = ret_previews, .max = max};
    struct eff_task task = {.kind = EFF_TASK_DELIVER,
                            .delivery = delivery,
                            .object = delivery->object,
                            .arena = delivery->arena};
    struct rest_work *work = deliver_start(dest, &task);

    if (dest->login) { /* no session's own token is shown, and none is asked for */
        dest->token = EFF_STR("token");
        dest->expires_ms = 0;
    }
    work->leaving = NULL;
    preview_finds(dest, &task, work, &previews);
    preview_variants(dest, &task, work, &previews);
    dest->token = saved.token;
    dest->expires_ms = saved.expires_ms;
    return previews.count;
}
