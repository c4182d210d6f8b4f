/* rest_judge: what an answer says about each row. */
#include "base/hash.h"
#include "dest/csv.h"
#include "dest/rest.h"

struct eff_verdict
rest_verdict(enum eff_outcome outcome, enum eff_fault fault, eff_str code, eff_str message)
{
    return (struct eff_verdict){
        .outcome = outcome, .fault = fault, .code = code, .message = rest_cut(message)};
}

void
rest_rows_verdict(struct eff_delivery *delivery, const struct rest_work *work,
                  struct eff_verdict verdict)
{
    for (size_t i = 0; i < work->rows_count; i++) {
        struct eff_verdict *at = &delivery->items[work->rows[i]].verdict;

        if (at->outcome == EFF_PENDING)
            *at = verdict;
    }
}

void
rest_pending_verdict(struct eff_delivery *delivery, struct eff_verdict verdict)
{
    for (size_t i = 0; i < delivery->count; i++) {
        if (delivery->items[i].verdict.outcome == EFF_PENDING)
            delivery->items[i].verdict = verdict;
    }
}

static eff_str
judge_with_remedy(struct eff_arena *arena, eff_str message, const struct eff_error_rule *rule)
{
    if (!rule || !rule->remedy.len)
        return message;
    return eff_str_printf(arena, EFF_STR_FMT "%s" EFF_STR_FMT ")", EFF_STR_ARG(message),
                          message.len ? " (" : "(", EFF_STR_ARG(rule->remedy));
}

static enum eff_outcome
judge_told(const struct eff_error_rule *rule, enum eff_op op)
{
    if (!rule || !rule->missing)
        return rule ? rule->outcome : EFF_PENDING;
    return eff_op_removes(op) ? EFF_APPLIED : EFF_REFUSED;
}

/* One row's own refusal. */
static struct eff_verdict
judge_row(struct rest_dest *dest, struct eff_delivery *delivery, const struct eff_json *element,
          struct rest_refusal refusal)
{
    const struct eff_error_rule *rule =
        rest_rule(dest->connector, 0, &refusal, element, delivery->op, true);
    enum eff_outcome told = judge_told(rule, delivery->op);
    struct eff_verdict verdict = {.outcome = EFF_REFUSED, .fault = EFF_ROW};

    rest_refusal_field(rule, element, delivery, &refusal);
    if (rule && rule->fault != EFF_OK)
        verdict.fault = rule->fault;
    if (told != EFF_PENDING)
        verdict.outcome = told;
    else if (verdict.fault != EFF_ROW && verdict.fault != EFF_CONTRACT)
        verdict.outcome = EFF_NOT_APPLIED;
    if (verdict.outcome == EFF_APPLIED)
        verdict.fault = EFF_OK;
    verdict.code = rest_copy(delivery->arena, refusal.code);
    verdict.message =
        judge_with_remedy(delivery->arena, rest_copy(delivery->arena, refusal.message), rule);
    verdict.field = rest_copy(delivery->arena, refusal.field);
    return verdict;
}

/* ---- lists ---- */

static bool
judge_index_after(eff_str text, eff_str after, int64_t *ret_index)
{
    size_t from = after.len ? eff_str_find(text, after) : 0, end;

    if (from == SIZE_MAX)
        return false;
    text = eff_str_sub(text, from + after.len, SIZE_MAX);
    for (end = 0; end < text.len && text.ptr[end] >= '0' && text.ptr[end] <= '9'; end++)
        ;
    return eff_str_int(after.len ? eff_str_sub(text, 0, end) : text, ret_index);
}

/* JSON as we write it, so that equal values are equal texts; false: it is none. */
static bool
judge_plain_json(eff_str json, struct eff_arena scratch, struct eff_buf *text)
{
    const struct eff_json *value;
    struct eff_err ignored = {0};

    if (eff_json_parse(json, &scratch, &value, &ignored) != EFF_OK)
        return false;
    text->len = 0;
    eff_json_print(text, value, true);
    return true;
}

/* What an answer would call the row; false when it has no such name. */
static bool
judge_row_name(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
               enum eff_row_by by, size_t row, struct eff_buf *text)
{
    const struct eff_item *item = &delivery->items[row];
    const struct eff_value *value = item->old_match ? item->old_match : item->match;

    text->len = 0;
    if (by == EFF_BY_ITEM)
        return rest_item_json(dest, delivery, work, row, *delivery->arena, text) &&
               judge_plain_json(eff_buf_str(text), *delivery->arena, text);
    if (by == EFF_BY_REMOTE_ID)
        eff_buf_add(text, work->ids[row]);
    else if (delivery->match_count == 0 ||
             !eff_values_text(&dest->connector->values, value, *delivery->arena, text))
        return false;
    return text->len > 0;
}

/* A table of the rows at hand by name, since a job's results come in any order. */
static void
judge_table(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
            enum eff_row_by by)
{
    struct eff_buf text = {0};
    size_t size = 16;

    while (size < 2 * work->rows_count)
        size *= 2;
    work->table = eff_new(delivery->arena, size_t, size);
    work->table_mask = size - 1;
    work->table_by = by;
    for (size_t i = 0; i < work->rows_count; i++) {
        size_t at;

        if (!judge_row_name(dest, delivery, work, by, work->rows[i], &text))
            continue;
        at = eff_xxh3(0, text.ptr, text.len) & work->table_mask;
        while (work->table[at])
            at = (at + 1) & work->table_mask;
        work->table[at] = work->rows[i] + 1;
    }
    eff_buf_free(&text);
}

/* The next row of that name; *at is 0 at first. */
static size_t
judge_next_named(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
                 enum eff_row_by by, eff_str told, size_t *at)
{
    struct eff_buf text = {0};
    size_t found = SIZE_MAX, slot;

    if (!work->table || work->table_by != by)
        judge_table(dest, delivery, work, by);
    for (uint64_t first = eff_xxh3(0, told.ptr, told.len); found == SIZE_MAX; ++*at) {
        slot = (first + *at) & work->table_mask;
        if (!work->table[slot])
            break;
        if (judge_row_name(dest, delivery, work, by, work->table[slot] - 1, &text) &&
            eff_str_eq(eff_buf_str(&text), told))
            found = work->table[slot] - 1;
    }
    eff_buf_free(&text);
    return found;
}

/* rows[] rises. */
static bool
judge_at_hand(const struct rest_work *work, size_t row)
{
    size_t low = 0, high = work->rows_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (work->rows[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low < work->rows_count && work->rows[low] == row;
}

/* Which item a text names: SIZE_MAX when it is none of the rows at hand. */
static size_t
judge_find_row(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
               const struct eff_results *list, eff_str told)
{
    int64_t index;

    if (!told.len)
        return SIZE_MAX;
    if (list->by == EFF_BY_MATCH || list->by == EFF_BY_REMOTE_ID)
        return judge_next_named(dest, delivery, work, list->by, told, &(size_t){0});
    if (!judge_index_after(told, list->row_after, &index) || index < 0)
        return SIZE_MAX;
    if (list->row_after.len ||
        list->by == EFF_BY_OFFSET) /* counts the rows of the request, not of the delivery */
        return (size_t)index < work->rows_count ? work->rows[index] : SIZE_MAX;
    return judge_at_hand(work, (size_t)index) ? (size_t)index : SIZE_MAX;
}

/* A row named twice: the same verdict twice says nothing new, two different ones nothing at all. */
static void
judge_merge(struct eff_item *item, unsigned *hits, struct eff_verdict verdict)
{
    if ((*hits)++ == 0) {
        item->verdict = verdict;
        return;
    }
    if (item->verdict.outcome == EFF_REFUSED && verdict.outcome == EFF_REFUSED)
        return;
    if (item->verdict.outcome == verdict.outcome &&
        eff_str_eq(item->verdict.remote_id, verdict.remote_id))
        return;
    item->verdict =
        rest_verdict(EFF_MAYBE_APPLIED, EFF_TRANSIENT, EFF_STR("CONTRADICTION"),
                     EFF_STR("the answer names this row twice, with different results"));
}

static bool
judge_succeeded(const struct eff_results *list, const struct eff_json *element)
{
    return list->outcome != EFF_REFUSED && rest_tests(&list->success, element);
}

static struct eff_verdict
judge_element(struct rest_dest *dest, struct eff_delivery *delivery, const struct eff_results *list,
              const struct eff_json *element)
{
    struct eff_verdict verdict = {.outcome = list->outcome};
    struct rest_refusal refusal;

    if (judge_succeeded(list, element)) {
        if (list->remote_id.ptr)
            verdict.remote_id = rest_copy(delivery->arena,
                                          eff_json_str(eff_json_pointer(element, list->remote_id)));
        verdict.created = list->created.at.ptr && rest_test(&list->created, element);
        if (list->outcome == EFF_NOT_APPLIED)
            verdict.fault = EFF_TRANSIENT;
        return verdict;
    }
    refusal = rest_refusal_at(&list->error, element);
    if (!list->error.message.count && eff_json_type(element) == EFF_JSON_STRING)
        refusal.message = eff_json_str(element);
    return judge_row(dest, delivery, element, refusal);
}

static void
judge_result(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
             const struct eff_results *list, size_t row, const struct eff_json *element)
{
    work->named[row] |= !judge_succeeded(list, element);
    judge_merge(&delivery->items[row], &work->hits[row],
                judge_element(dest, delivery, list, element));
}

/* The place that names the row may be a list: then the element is about all of them. */
static void
judge_named(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
            const struct eff_results *list, const struct eff_json *element, bool *ret_strangers)
{
    const struct eff_json *named = eff_json_pointer(element, list->row), *name = named;
    bool many = eff_json_type(named) == EFF_JSON_ARRAY;
    struct eff_json_iter iter = eff_json_iterate(named);
    size_t count = many ? eff_json_count(named) : 1, found = 0;

    for (size_t i = 0; i < count; i++) {
        size_t row;

        if (many && !eff_json_next(&iter, NULL, &name))
            break;
        row = judge_find_row(dest, delivery, work, list, eff_json_str(name));
        if (row == SIZE_MAX)
            continue;
        found++;
        judge_result(dest, delivery, work, list, row, element);
    }
    *ret_strangers |= (found == 0 || found < count) && list->outcome != EFF_APPLIED;
}

/* An object's members, named by the rows as they were sent: equal rows are all meant. */
static void
judge_items(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
            const struct eff_results *list, const struct eff_json *elements, bool *ret_strangers)
{
    bool members = eff_json_type(elements) == EFF_JSON_OBJECT;
    struct eff_json_iter iter = eff_json_iterate(elements);
    const struct eff_json *element;
    struct eff_buf told = {0};
    eff_str name;

    *ret_strangers |= !members && eff_json_count(elements) > 0;
    while (members && eff_json_next(&iter, &name, &element)) {
        bool readable = judge_plain_json(name, *delivery->arena, &told);
        size_t row, at = 0, found = 0;

        while (readable && (row = judge_next_named(dest, delivery, work, EFF_BY_ITEM,
                                                   eff_buf_str(&told), &at)) != SIZE_MAX) {
            judge_result(dest, delivery, work, list, row, element);
            found++;
        }
        *ret_strangers |= found == 0;
    }
    eff_buf_free(&told);
}

bool
rest_judge_list(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
                const struct eff_results *list, const struct eff_json *root, bool *ret_strangers)
{
    const struct eff_json *elements = eff_json_pointer(root, list->each), *element;
    struct eff_json_iter iter = eff_json_iterate(elements);
    bool many = eff_json_type(elements) == EFF_JSON_ARRAY;
    size_t count = many ? eff_json_count(elements) : 1;

    if (!elements || eff_json_type(elements) == EFF_JSON_NULL)
        return list->by != EFF_BY_POSITION;
    if (list->by == EFF_BY_ITEM) {
        judge_items(dest, delivery, work, list, elements, ret_strangers);
        return true;
    }
    if (list->by == EFF_BY_POSITION && count != work->rows_count)
        return false;
    for (size_t i = 0; i < count; i++) {
        element = elements;
        if (many && !eff_json_next(&iter, NULL, &element))
            break;
        if (list->by == EFF_BY_POSITION)
            judge_result(dest, delivery, work, list, work->rows[i], element);
        else
            judge_named(dest, delivery, work, list, element, ret_strangers);
    }
    return true;
}

static eff_str
judge_cell(const struct eff_csv *csv, eff_str *cells, eff_str column)
{
    size_t at = column.ptr ? eff_csv_column(csv, column) : SIZE_MAX;

    return at == SIZE_MAX ? EFF_STR_NONE : cells[at];
}

static struct eff_verdict
judge_csv_line(struct rest_dest *dest, struct eff_delivery *delivery,
               const struct eff_results *list, const struct eff_csv *csv, eff_str *cells)
{
    struct eff_verdict verdict = {.outcome = list->outcome};
    struct rest_refusal refusal = {0};
    eff_str made;

    if (list->outcome != EFF_REFUSED) {
        verdict.remote_id = rest_copy(delivery->arena, judge_cell(csv, cells, list->remote_id));
        made = judge_cell(csv, cells, list->created.at);
        verdict.created = eff_str_eq_nocase(made, EFF_STR("true"));
        if (list->outcome == EFF_NOT_APPLIED)
            verdict.fault = EFF_TRANSIENT;
        return verdict;
    }
    if (list->error.message.count)
        refusal.message = judge_cell(csv, cells, list->error.message.at[0]);
    if (list->error.code.count)
        refusal.code = judge_cell(csv, cells, list->error.code.at[0]);
    rest_code_before(&refusal, list->error.code_before);
    return judge_row(dest, delivery, NULL, refusal);
}

/* `row` is a column's name; "{match.field}" is the match field's. */
bool
rest_judge_csv(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
               const struct eff_results *list, eff_str text, struct eff_arena *arena)
{
    eff_str column = eff_str_is(list->row, "{match.field}") && delivery->match_count
                         ? delivery->match_names[0]
                         : list->row;
    struct eff_csv csv;
    eff_str *cells;
    size_t at;

    if (text.len == 0)
        return true;
    if (!eff_csv_open(&csv, text, arena))
        return false;
    at = eff_csv_column(&csv, column);
    if (at == SIZE_MAX)
        return false;
    while (eff_csv_next(&csv, &cells)) {
        size_t row = judge_find_row(dest, delivery, work, list, cells[at]);

        if (row != SIZE_MAX)
            judge_merge(&delivery->items[row], &work->hits[row],
                        judge_csv_line(dest, delivery, list, &csv, cells));
    }
    return !csv.bad;
}

/* ---- a whole request ---- */

static struct eff_step
judge_stop(struct rest_dest *dest, struct eff_delivery *delivery,
           const struct eff_response *response, enum eff_fault fault,
           const struct rest_refusal *refusal, const struct eff_error_rule *rule,
           struct eff_err *err)
{
    rest_pending_verdict(delivery,
                         rest_verdict(EFF_NOT_APPLIED, fault, refusal->code, refusal->message));
    rest_told(dest->connector, response, refusal, fault, "", err);
    rest_hint(rule ? rule->remedy : EFF_STR_NONE, fault, err);
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

struct eff_step
rest_not_allowed(struct rest_dest *dest, struct eff_delivery *delivery,
                 const struct eff_response *response, struct eff_err *err)
{
    const struct rest_refusal refusal = {.code = EFF_STR("NOT_SENT"), .message = response->problem};

    return judge_stop(dest, delivery, response, EFF_CONFIG, &refusal, NULL, err);
}

/* Nothing of the delivery was written, or settled: it can begin anew. */
static bool
judge_fresh(const struct eff_delivery *delivery, const struct rest_work *work)
{
    bool fresh = !work->resent;

    for (size_t i = 0; fresh && i < delivery->count; i++)
        fresh = delivery->items[i].verdict.outcome == EFF_PENDING ||
                delivery->items[i].verdict.outcome == EFF_NOT_APPLIED;
    return fresh;
}

/* The whole was refused for what some row holds. */
static struct eff_step
judge_refused(struct eff_delivery *delivery, const struct rest_work *work,
              struct eff_verdict verdict)
{
    if (work->rows_count > 1) {
        if (judge_fresh(delivery, work))
            return (struct eff_step){.kind = EFF_STEP_SPLIT};
        // Rows with verdicts are not to be sent again: the others come back as a batch of their own.
        verdict.outcome = EFF_NOT_APPLIED;
        verdict.fault = EFF_TRANSIENT;
    }
    rest_rows_verdict(delivery, work, verdict);
    return (struct eff_step){0};
}

static enum eff_fault
judge_fault_of(int status)
{
    if (status == 401 || status == 403 || status == 407)
        return EFF_AUTH;
    if (status == 429)
        return EFF_RATE;
    if (status == 408 || status >= 500 || status < 300) // A success that is none: nobody knows.
        return EFF_TRANSIENT;
    if (status < 400)
        return EFF_CONFIG;
    return EFF_ROW;
}

/* "See there", as forms of the web say it when the deed is done; 307 and 308 say "do it there". */
static bool
judge_leads_away(int status)
{
    return status >= 300 && status < 400 && status != 307 && status != 308;
}

static enum eff_outcome
judge_outcome_of(enum eff_fault fault, int status, bool may_be_applied)
{
    if (fault == EFF_ROW || fault == EFF_CONTRACT || fault == EFF_CONFIG)
        return EFF_REFUSED;
    if (fault == EFF_TRANSIENT && may_be_applied && (status == 408 || status >= 500))
        return EFF_MAYBE_APPLIED;
    return EFF_NOT_APPLIED;
}

static bool
judge_expired(const struct eff_connector *connector, int status)
{
    return connector->expired.count ? eff_ints_have(&connector->expired, status) : status == 401;
}

struct eff_step
rest_judge_failure(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
                   const struct eff_response *response, const struct eff_json *json,
                   bool may_be_applied, struct eff_err *err)
{
    struct eff_delivery *delivery = task->delivery;
    struct rest_refusal refusal = rest_refusal_of(dest->connector, response, json, delivery->arena);
    bool find = work->phase == REST_FIND; /* it writes nothing, so it settles nothing */
    bool one = work->phase == REST_SEND && rest_variant(work)->rows_max == 1;
    enum eff_op op = find ? EFF_OP_NONE : delivery->op;
    const struct eff_error_rule *rule =
        rest_rule(dest->connector, response->status, &refusal, json, op, one);
    enum eff_outcome told = judge_told(rule, op);
    bool in_success = response->status >= 200 && response->status < 300;
    enum eff_fault fault = rule && rule->fault ? rule->fault
                           : in_success        ? EFF_ROW
                                               : judge_fault_of(response->status);
    struct eff_verdict verdict;

    if (told == EFF_MAYBE_APPLIED && !may_be_applied)
        told = EFF_NOT_APPLIED;
    rest_refusal_field(rule, json, delivery, &refusal);
    if ((!rule && judge_expired(dest->connector, response->status)) ||
        (fault == EFF_AUTH && response->status == 401)) {
        dest->refused = true;
        dest->remedy = rule ? rule->remedy : EFF_STR_NONE;
        return (struct eff_step){.kind = EFF_STEP_AUTH};
    }
    verdict =
        rest_verdict(told ? told : judge_outcome_of(fault, response->status, may_be_applied), fault,
                     refusal.code, judge_with_remedy(delivery->arena, refusal.message, rule));
    verdict.field = refusal.field;
    if (verdict.outcome == EFF_APPLIED) {
        verdict = rest_verdict(EFF_APPLIED, EFF_OK, refusal.code, EFF_STR_NONE);
        rest_rows_verdict(delivery, work, verdict);
        return (struct eff_step){0};
    }
    if ((fault == EFF_AUTH || fault == EFF_CONFIG) && !told) {
        if (may_be_applied && judge_leads_away(response->status))
            rest_rows_verdict(
                delivery, work,
                rest_verdict(EFF_MAYBE_APPLIED, fault, refusal.code, refusal.message));
        return judge_stop(dest, delivery, response, fault, &refusal, rule, err);
    }
    if ((rule && rule->split) || (verdict.outcome == EFF_REFUSED && fault == EFF_ROW))
        return judge_refused(delivery, work, verdict);
    rest_rows_verdict(delivery, work, verdict);
    if (verdict.outcome == EFF_REFUSED)
        return (struct eff_step){0};
    rest_pending_verdict(delivery,
                         rest_verdict(EFF_NOT_APPLIED, fault, refusal.code, verdict.message));
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

/* ---- a success ---- */

static bool
judge_success_status(const struct eff_answer *answer, int status)
{
    return answer->status.count ? eff_ints_have(&answer->status, status)
                                : status >= 200 && status < 300;
}

static void
judge_unlisted(struct eff_delivery *delivery, const struct rest_work *work,
               const struct eff_answer *answer, bool strangers, struct eff_verdict verdict)
{
    // A refusal that names no row may mean any of them, unless they are counted, too.
    bool known = answer->unlisted != EFF_MAYBE_APPLIED && (!strangers || answer->refused_count.ptr);

    if (!known)
        verdict = rest_verdict(EFF_MAYBE_APPLIED, EFF_TRANSIENT, EFF_STR("NO_RESULT"),
                               EFF_STR("the answer does not say what became of this row"));
    rest_rows_verdict(delivery, work, verdict);
}

static struct eff_step
judge_lost(struct eff_delivery *delivery, const struct rest_work *work, enum eff_outcome outcome,
           const char *code, eff_str message)
{
    rest_rows_verdict(delivery, work,
                      rest_verdict(outcome, EFF_TRANSIENT, eff_str_of(code), message));
    rest_pending_verdict(delivery,
                         rest_verdict(EFF_NOT_APPLIED, EFF_TRANSIENT, eff_str_of(code), message));
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static struct eff_step
judge_answer(struct rest_dest *dest, struct eff_delivery *delivery, struct rest_work *work,
             const struct eff_answer *answer, const struct eff_response *response,
             const struct eff_json *json)
{
    struct eff_verdict all = {.outcome = answer->unlisted};
    bool strangers = false;

    for (size_t i = 0; i < work->rows_count; i++) {
        work->hits[work->rows[i]] = 0;
        work->named[work->rows[i]] = false;
    }
    for (size_t i = 0; i < answer->lists_count; i++) {
        if (!rest_judge_list(dest, delivery, work, &answer->lists[i], json, &strangers))
            return judge_lost(delivery, work, EFF_MAYBE_APPLIED, "RESULTS_DIFFER",
                              EFF_STR("the answer has not one result for each row"));
    }
    if (rest_judge_unnamed(delivery, work, answer, json))
        return (struct eff_step){0};
    if (answer->remote_id.ptr)
        all.remote_id =
            rest_copy(delivery->arena, eff_json_str(eff_json_pointer(json, answer->remote_id)));
    else if (answer->remote_id_header.ptr)
        all.remote_id = rest_copy(delivery->arena,
                                  eff_response_header_tail(response, answer->remote_id_header));
    all.created = eff_ints_have(&answer->created_status, response->status) ||
                  (answer->created.at.ptr && rest_test(&answer->created, json));
    judge_unlisted(delivery, work, answer, strangers, all);
    return (struct eff_step){0};
}

bool
rest_looks_cut(eff_str body)
{
    body = eff_str_trim(body);
    return body.len > 0 && (body.ptr[0] == '{' || body.ptr[0] == '[');
}

struct eff_step
rest_judge(struct rest_dest *dest, struct eff_task *task, struct rest_work *work,
           const struct eff_response *response, struct eff_err *err)
{
    const struct eff_answer *answer = &rest_variant(work)->answer;
    struct eff_delivery *delivery = task->delivery;
    const struct eff_json *json;
    bool needed = answer->lists_count > 0 || answer->refused_count.ptr || answer->success.at.ptr ||
                  answer->remote_id.ptr || answer->created.at.ptr;

    if (response->not_allowed)
        return rest_not_allowed(dest, delivery, response, err);
    if (response->wire == EFF_WIRE_NOT_SENT)
        return judge_lost(delivery, work, EFF_NOT_APPLIED, "NOT_SENT", response->problem);
    if (response->wire != EFF_WIRE_ANSWERED)
        return judge_lost(delivery, work, EFF_MAYBE_APPLIED, "LOST", response->problem);
    json = rest_json(response, delivery->arena);
    if (!json && rest_looks_cut(response->body))
        return judge_lost(delivery, work, EFF_MAYBE_APPLIED, "UNREADABLE",
                          EFF_STR("the answer is JSON that was cut"));
    if (!judge_success_status(answer, response->status))
        return rest_judge_failure(dest, task, work, response, json, true, err);
    if (needed && (!json || rest_silent(response)))
        return judge_lost(delivery, work, EFF_MAYBE_APPLIED, "UNREADABLE",
                          EFF_STR("the answer is not JSON, or was cut"));
    if (answer->success.at.ptr && !rest_test(&answer->success, json)) {
        // The place is not there at all: that is no refusal, that is another answer than expected.
        if (!eff_json_pointer(json, answer->success.at))
            return judge_lost(delivery, work, EFF_MAYBE_APPLIED, "UNREADABLE",
                              EFF_STR("the answer does not say whether it succeeded"));
        return rest_judge_failure(dest, task, work, response, json, true, err);
    }
    return judge_answer(dest, delivery, work, answer, response, json);
}
