/*
 * sandbox/intercom_search: contacts as a list and by search: one filter, or AND and OR of
 * filters and of such groups, 15 in a group and two levels deep. A search is as far behind as
 * `search_lag_ms` says.
 */
#include "sandbox/intercom.h"

#include <stdalign.h>

#define SEARCH_GROUP_MAX 15
#define SEARCH_DEPTH_MAX 2

static eff_str
search_field(struct eff_call *call, const struct eff_record *record, eff_str name, bool *ret_known)
{
    const struct eff_field *field = eff_shape_field(&call->world->shapes, record->shape, name);

    *ret_known = true;
    if (eff_str_is(name, "id"))
        return eff_ic_id(call->arena, record->shape, record->seq);
    if (eff_str_is(name, "created_at"))
        return eff_str_printf(call->arena, "%lld", (long long)(record->created_ms / 1000));
    if (eff_str_is(name, "updated_at"))
        return eff_str_printf(call->arena, "%lld", (long long)(record->updated_ms / 1000));
    *ret_known = field != NULL && !eff_field_has(field, EFF_FIELD_HIDDEN);
    return *ret_known ? eff_bag_text(call->world, record, eff_str_c(call->arena, name))
                      : EFF_STR("");
}

static bool
search_contains(eff_str text, eff_str part)
{
    for (size_t i = 0; i + part.len <= text.len; i++)
        if (eff_str_eq_nocase(eff_str_sub(text, i, part.len), part))
            return true;
    return false;
}

static bool
search_one_of(eff_str text, const struct eff_json *values)
{
    struct eff_json_iter iter = eff_json_iterate(values);
    const struct eff_json *value;

    if (eff_json_type(values) != EFF_JSON_ARRAY)
        return eff_str_eq_nocase(text, eff_json_str(values));
    while (eff_json_next(&iter, NULL, &value))
        if (eff_str_eq_nocase(text, eff_json_str(value)))
            return true;
    return false;
}

static bool
search_compares(const char *operator, eff_str text, eff_str value)
{
    int64_t left, right;

    if (!eff_str_int(text, &left) || !eff_str_int(value, &right))
        return false;
    return operator[0] == '<' ? left < right || (operator[1] == '=' && left == right)
                              : left> right ||(operator[1] == '=' && left == right);
}

static bool
search_filter_holds(struct eff_call *call, const struct eff_json *filter,
                    const struct eff_record *record)
{
    const struct eff_json *value = eff_json_get(filter, EFF_STR("value"));
    eff_str operator= eff_json_str(eff_json_get(filter, EFF_STR("operator"))), wanted;
    bool known;
    eff_str text =
        search_field(call, record, eff_json_str(eff_json_get(filter, EFF_STR("field"))), &known);

    wanted = eff_json_str(value);
    if (eff_str_is(operator, "=") || eff_str_is(operator, "IN"))
        return search_one_of(text, value);
    if (eff_str_is(operator, "!=") || eff_str_is(operator, "NIN"))
        return !search_one_of(text, value);
    if (eff_str_is(operator, "~"))
        return search_contains(text, wanted);
    if (eff_str_is(operator, "!~"))
        return !search_contains(text, wanted);
    if (eff_str_is(operator, "^"))
        return eff_str_eq_nocase(eff_str_sub(text, 0, wanted.len), wanted);
    if (eff_str_is(operator, "$"))
        return text.len >= wanted.len &&
               eff_str_eq_nocase(eff_str_sub(text, text.len - wanted.len, wanted.len), wanted);
    return search_compares(eff_str_c(call->arena, operator), text, wanted);
}

static bool
search_is_group(const struct eff_json *query)
{
    eff_str operator= eff_json_str(eff_json_get(query, EFF_STR("operator")));

    return eff_str_is(operator, "AND") || eff_str_is(operator, "OR");
}

static bool
search_holds(struct eff_call *call, const struct eff_json *query, const struct eff_record *record)
{
    bool any = eff_str_is(eff_json_str(eff_json_get(query, EFF_STR("operator"))), "OR");
    struct eff_json_iter iter = eff_json_iterate(eff_json_get(query, EFF_STR("value")));
    const struct eff_json *part;

    if (!search_is_group(query))
        return search_filter_holds(call, query, record);
    while (eff_json_next(&iter, NULL, &part))
        if (search_holds(call, part, record) == any)
            return any;
    return !any;
}

static bool
search_filter_good(struct eff_call *call, const struct eff_json *filter)
{
    static const char *const operators[] = {
        "=", "!=", "IN", "NIN", "<", "<=", ">", ">=", "~", "!~", "^", "$"};
    struct eff_record nobody = {.shape = eff_ic_contacts(call)};
    eff_str operator= eff_json_str(eff_json_get(filter, EFF_STR("operator")));
    const struct eff_json *value = eff_json_get(filter, EFF_STR("value"));
    bool known, list = eff_str_is(operator, "IN") || eff_str_is(operator, "NIN"), found = false;

    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        found = found || eff_str_is(operator, operators[i]);
    search_field(call, &nobody, eff_json_str(eff_json_get(filter, EFF_STR("field"))), &known);
    return known && found && value != NULL && list == (eff_json_type(value) == EFF_JSON_ARRAY);
}

static bool
search_good(struct eff_call *call, const struct eff_json *query, int depth)
{
    const struct eff_json *value = eff_json_get(query, EFF_STR("value")), *part;
    struct eff_json_iter iter = eff_json_iterate(value);

    if (!search_is_group(query))
        return search_filter_good(call, query);
    if (depth > SEARCH_DEPTH_MAX || eff_json_type(value) != EFF_JSON_ARRAY ||
        eff_json_count(value) == 0 || eff_json_count(value) > SEARCH_GROUP_MAX)
        return false;
    while (eff_json_next(&iter, NULL, &part))
        if (!search_good(call, part, depth + 1))
            return false;
    return true;
}

/* ---- pages: after the contact of that number ---- */

struct search_page {
    const struct eff_json *query; /* NULL: all */
    int64_t lag_ms, after, size;
};

static void
search_write_pages(struct eff_call *call, struct eff_json_writer *w, const struct search_page *page,
                   int64_t total, int64_t last, bool more)
{
    eff_json_key(w, EFF_STR("pages"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "type", EFF_STR("pages"));
    eff_json_field_int(w, "page", 1);
    eff_json_field_int(w, "per_page", page->size);
    eff_json_field_int(w, "total_pages", (total + page->size - 1) / page->size);
    if (more) {
        eff_json_key(w, EFF_STR("next"));
        eff_json_begin_object(w);
        eff_json_field_int(w, "per_page", page->size);
        eff_json_field_str(w, "starting_after",
                           eff_str_printf(call->arena, "after-%lld", (long long)last));
        eff_json_end_object(w);
    }
    eff_json_end_object(w);
    eff_json_field_int(w, "total_count", total);
}

static void
search_answer(struct eff_call *call, const struct search_page *page)
{
    int64_t now = eff_world_now(call->world), total = 0, shown = 0, last = 0, left = 0;
    struct eff_scan scan = {.shape = eff_ic_contacts(call),
                            .as_of_ms = page->lag_ms > 0 ? now - page->lag_ms : 0};
    struct eff_json_writer w = eff_call_answer(call, 200);
    struct eff_record record;

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("list"));
    eff_json_key(&w, EFF_STR("data"));
    eff_json_begin_array(&w);
    for (struct eff_arena here = *call->arena;; *call->arena = here) {
        if (!eff_records_next(call->world->records, &scan, call->arena, &record))
            break;
        if (eff_ic_archived(call, &record) ||
            (page->lag_ms > 0 && record.created_ms > now - page->lag_ms) ||
            (page->query != NULL && !search_holds(call, page->query, &record)))
            continue;
        total++;
        if (record.seq > page->after && shown < page->size) {
            eff_ic_write_contact(call, &w, &record);
            last = record.seq;
            shown++;
        } else if (record.seq > page->after) {
            left++;
        }
    }
    eff_json_end_array(&w);
    search_write_pages(call, &w, page, total, last, left > 0);
    eff_json_end_object(&w);
}

/* False when it has answered. */
static bool
search_page(struct eff_call *call, eff_str after, eff_str size, struct search_page *page)
{
    bool good = true;

    page->size = 50;
    if (size.len > 0)
        good = eff_str_int(size, &page->size) && page->size >= 1 && page->size <= EFF_IC_PAGE_MAX;
    if (after.len > 0)
        good = good && eff_str_starts(after, EFF_STR("after-")) &&
               eff_str_int(eff_str_sub(after, 6, SIZE_MAX), &page->after) && page->after >= 0;
    if (!good)
        eff_ic_error(call, 400, "parameter_invalid",
                     EFF_STR("per_page or starting_after is invalid"));
    return good;
}

void
eff_ic_contact_list(struct eff_call *call)
{
    struct search_page page = {0};

    if (search_page(call, eff_call_param(call, "starting_after"), eff_call_param(call, "per_page"),
                    &page))
        search_answer(call, &page);
}

void
eff_ic_contact_search(struct eff_call *call)
{
    const struct eff_json *body = eff_ic_body(call);
    const struct eff_json *pagination = eff_json_get(body, EFF_STR("pagination"));
    struct search_page page = {.query = eff_json_get(body, EFF_STR("query")),
                               .lag_ms = call->world->settings.search_lag_ms};

    if (body == NULL)
        return;
    if (!search_good(call, page.query, 1))
        eff_ic_error(call, 400, "parameter_invalid", EFF_STR("query is invalid"));
    else if (search_page(call, eff_json_str(eff_json_get(pagination, EFF_STR("starting_after"))),
                         eff_json_str(eff_json_get(pagination, EFF_STR("per_page"))), &page))
        search_answer(call, &page);
}
