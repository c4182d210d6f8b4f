/*
 * sandbox/hubspot_search: filters, sorting and paging over one object type.
 *
 * The index may lag behind: with the setting search_lag_ms, search sees each
 * record as it was so long ago. No query shows more than 10,000 hits.
 */
#include "base/number.h"
#include "sandbox/hubspot.h"

#include <stdalign.h>
#include <stdlib.h>

#define SEARCH_GROUPS_MAX  5
#define SEARCH_FILTERS_MAX 18 /* in all groups together */
#define SEARCH_PAGE_MAX    200
#define SEARCH_HITS_MAX    10000

struct search_filter {
    const struct eff_field *field;
    eff_str op, value, high;
    size_t values_count;
    eff_str *values;
};

struct search {
    struct eff_call *call;
    const struct eff_shape *shape;
    size_t groups_count;
    size_t group_end[SEARCH_GROUPS_MAX]; /* index behind the group's last filter */
    size_t filters_count;
    struct search_filter filters[SEARCH_FILTERS_MAX];
    eff_str query;
    const struct eff_field *sort;
    bool descending;
};

struct search_hit {
    int64_t seq;
    bool number;
    double value;
    eff_str text; /* malloc'd */
};

static double
search_number(eff_str text)
{
    char copy[64];

    eff_str_print_to(copy, sizeof(copy), text);
    return strtod(copy, NULL);
}

/* Numbers as numbers, dates and datetimes as their text, all else without regard to case. */
static int
search_compare(const struct eff_field *field, eff_str a, eff_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;

    if (eff_field_is_number(field)) {
        double x = search_number(a), y = search_number(b);

        return x < y ? -1 : x > y;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char x = (unsigned char)a.ptr[i], y = (unsigned char)b.ptr[i];

        x = x >= 'A' && x <= 'Z' ? (unsigned char)(x + 32) : x;
        y = y >= 'A' && y <= 'Z' ? (unsigned char)(y + 32) : y;
        if (x != y)
            return x < y ? -1 : 1;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

static bool
search_contains(eff_str text, eff_str part)
{
    bool first = part.len != 0 && part.ptr[0] == '*';

    part = eff_str_sub(part, first, SIZE_MAX);
    if (part.len != 0 && part.ptr[part.len - 1] == '*')
        part.len--;
    for (size_t i = 0; i + part.len <= text.len; i++)
        if (eff_str_eq_nocase(eff_str_sub(text, i, part.len), part))
            return true;
    return false;
}

static bool
search_in(const struct search_filter *filter, eff_str text)
{
    for (size_t i = 0; i < filter->values_count; i++)
        if (search_compare(filter->field, text, filter->values[i]) == 0)
            return true;
    return false;
}

static bool
search_test(const struct search_filter *filter, struct eff_cell cell)
{
    bool has = !eff_cell_null(cell);
    int order = has ? search_compare(filter->field, cell.text, filter->value) : -2;

    if (eff_str_is(filter->op, "EQ"))
        return has && order == 0;
    if (eff_str_is(filter->op, "NEQ"))
        return !has || order != 0;
    if (eff_str_is(filter->op, "HAS_PROPERTY"))
        return has;
    if (eff_str_is(filter->op, "NOT_HAS_PROPERTY"))
        return !has;
    if (eff_str_is(filter->op, "IN"))
        return has && search_in(filter, cell.text);
    if (eff_str_is(filter->op, "NOT_IN"))
        return !has || !search_in(filter, cell.text);
    if (eff_str_is(filter->op, "CONTAINS_TOKEN"))
        return has && search_contains(cell.text, filter->value);
    if (eff_str_is(filter->op, "NOT_CONTAINS_TOKEN"))
        return !has || !search_contains(cell.text, filter->value);
    if (!has)
        return false;
    if (eff_str_is(filter->op, "BETWEEN"))
        return order >= 0 && search_compare(filter->field, cell.text, filter->high) <= 0;
    return eff_str_is(filter->op, "LT")    ? order < 0
           : eff_str_is(filter->op, "LTE") ? order <= 0
           : eff_str_is(filter->op, "GT")  ? order > 0
                                           : order >= 0;
}

static bool
search_matches(const struct search *search, const struct eff_call *part,
               const struct eff_record *record)
{
    bool found = search->groups_count == 0;
    size_t at = 0;

    for (size_t g = 0; g < search->groups_count && !found; g++) {
        found = true;
        for (; at < search->group_end[g]; at++)
            found = found && search_test(&search->filters[at],
                                         eff_hs_cell(part, record, search->filters[at].field));
    }
    if (!found || search->query.len == 0)
        return found;
    for (size_t i = 0; i < record->count; i++)
        if (!record->shape->fields[i].gone && !eff_cell_null(record->cells[i]) &&
            search_contains(record->cells[i].text, search->query))
            return true;
    return false;
}

static bool
search_bad(struct eff_call *call, const char *message)
{
    eff_hs_error(call, 400, "VALIDATION_ERROR", eff_str_of(message));
    return false;
}

static bool
search_op_known(eff_str op)
{
    static const char *const known[] = {"EQ",
                                        "NEQ",
                                        "LT",
                                        "LTE",
                                        "GT",
                                        "GTE",
                                        "BETWEEN",
                                        "IN",
                                        "NOT_IN",
                                        "HAS_PROPERTY",
                                        "NOT_HAS_PROPERTY",
                                        "CONTAINS_TOKEN",
                                        "NOT_CONTAINS_TOKEN"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (eff_str_is(op, known[i]))
            return true;
    return false;
}

static bool
search_read_filter(struct search *search, const struct eff_json *object)
{
    struct search_filter *filter = &search->filters[search->filters_count];
    eff_str name = eff_json_str(eff_json_get(object, EFF_STR("propertyName")));
    const struct eff_json *values = eff_json_get(object, EFF_STR("values")), *value;
    struct eff_json_iter iter = eff_json_iterate(values);

    if (search->filters_count++ == SEARCH_FILTERS_MAX)
        return search_bad(search->call, "too many filters, at most 18");
    *filter = (struct search_filter){
        .field = eff_shape_field(&search->call->world->shapes, search->shape, name),
        .op = eff_json_str(eff_json_get(object, EFF_STR("operator"))),
        .values = eff_new(search->call->arena, eff_str, eff_json_count(values) + 1),
    };
    if (filter->field == NULL || !search_op_known(filter->op))
        return search_bad(search->call, "There was a problem with the request: a filter names an "
                                        "unknown property or operator");
    filter->value = eff_hs_normal(search->call, filter->field,
                                  eff_json_str(eff_json_get(object, EFF_STR("value"))));
    filter->high = eff_hs_normal(search->call, filter->field,
                                 eff_json_str(eff_json_get(object, EFF_STR("highValue"))));
    while (eff_json_next(&iter, NULL, &value))
        filter->values[filter->values_count++] =
            eff_hs_normal(search->call, filter->field, eff_json_str(value));
    return true;
}

static bool
search_read_groups(struct search *search, const struct eff_json *groups)
{
    struct eff_json_iter iter = eff_json_iterate(groups), filters;
    const struct eff_json *group, *filter;

    if (eff_json_count(groups) > SEARCH_GROUPS_MAX)
        return search_bad(search->call, "too many filter groups, at most 5");
    while (eff_json_next(&iter, NULL, &group)) {
        filters = eff_json_iterate(eff_json_get(group, EFF_STR("filters")));
        while (eff_json_next(&filters, NULL, &filter))
            if (!search_read_filter(search, filter))
                return false;
        search->group_end[search->groups_count++] = search->filters_count;
    }
    return true;
}

/* "createdate", "-createdate", or {"propertyName", "direction"} */
static bool
search_read_sort(struct search *search, const struct eff_json *sort)
{
    eff_str name = eff_json_str(sort);

    if (sort == NULL)
        return true;
    if (eff_json_type(sort) == EFF_JSON_OBJECT) {
        name = eff_json_str(eff_json_get(sort, EFF_STR("propertyName")));
        search->descending =
            eff_str_is(eff_json_str(eff_json_get(sort, EFF_STR("direction"))), "DESCENDING");
    } else if (name.len != 0 && name.ptr[0] == '-') {
        search->descending = true;
        name = eff_str_sub(name, 1, SIZE_MAX);
    }
    search->sort = eff_shape_field(&search->call->world->shapes, search->shape, name);
    return search->sort != NULL || search_bad(search->call, "an unknown property to sort by");
}

static int
search_hit_cmp(const void *left, const void *right)
{
    const struct search_hit *a = left, *b = right;
    int order =
        a->number ? (a->value > b->value) - (a->value < b->value) : eff_str_cmp(a->text, b->text);

    return order != 0 ? order : (a->seq > b->seq) - (a->seq < b->seq);
}

struct search_hits {
    size_t count, cap;
    struct search_hit *at;
};

static bool
search_add(const struct search *search, const struct eff_call *part,
           const struct eff_record *record, struct search_hits *hits)
{
    struct search_hit hit = {.seq = record->seq};

    if (hits->count == hits->cap) {
        size_t cap = hits->cap == 0 ? 256 : hits->cap * 2;
        struct search_hit *at = realloc(hits->at, cap * sizeof(*at));

        if (at == NULL)
            return false;
        hits->at = at;
        hits->cap = cap;
    }
    if (search->sort != NULL) {
        eff_str text = eff_hs_cell(part, record, search->sort).text;

        hit.number = eff_field_is_number(search->sort);
        hit.value = hit.number ? search_number(text) : 0;
        hit.text = eff_call_keep(text);
    }
    hits->at[hits->count++] = hit;
    return true;
}

static void
search_run(const struct search *search, struct search_hits *hits)
{
    struct eff_world *world = search->call->world;
    int64_t lag = world->settings.search_lag_ms;
    struct eff_scan scan = {.shape = search->shape,
                            .as_of_ms = lag > 0 ? eff_world_now(world) - lag : 0};
    bool fine = true;

    while (fine) {
        struct eff_arena scratch = *search->call->arena;
        struct eff_call part = *search->call;
        struct eff_record record;

        part.arena = &scratch;
        if (!eff_records_next(world->records, &scan, &scratch, &record))
            break;
        if (search_matches(search, &part, &record))
            fine = search_add(search, &part, &record, hits);
    }
    if (search->sort != NULL && hits->count != 0)
        qsort(hits->at, hits->count, sizeof(*hits->at), search_hit_cmp);
}

/* The record as the index knows it. */
static bool
search_load(const struct search *search, int64_t seq, struct eff_record *ret_record)
{
    struct eff_world *world = search->call->world;
    int64_t lag = world->settings.search_lag_ms;
    struct eff_scan scan = {.shape = search->shape,
                            .after = seq - 1,
                            .as_of_ms = lag > 0 ? eff_world_now(world) - lag : 0};

    return eff_records_next(world->records, &scan, search->call->arena, ret_record) &&
           ret_record->seq == seq;
}

static void
search_answer(const struct search *search, const struct search_hits *hits, size_t after,
              size_t limit, const struct eff_json *properties)
{
    struct eff_call *call = search->call;
    struct eff_hs_view view = eff_hs_view_of(call, search->shape, properties);
    struct eff_json_writer w = eff_call_answer(call, 200);
    size_t to = hits->count - (after < hits->count ? after : hits->count) > limit ? after + limit
                                                                                  : hits->count;

    eff_json_begin_object(&w);
    eff_json_field_int(&w, "total", (int64_t)hits->count);
    eff_json_key(&w, EFF_STR("results"));
    eff_json_begin_array(&w);
    for (size_t i = after; i < to; i++) {
        size_t place = search->descending ? hits->count - 1 - i : i;
        struct eff_record record;

        if (!search_load(search, hits->at[place].seq, &record))
            continue;
        eff_json_begin_object(&w);
        eff_hs_write_record(call, &w, &record, &view);
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
    if (to < hits->count) {
        eff_json_key(&w, EFF_STR("paging"));
        eff_json_begin_object(&w);
        eff_json_key(&w, EFF_STR("next"));
        eff_json_begin_object(&w);
        eff_json_field_str(&w, "after", eff_str_printf(call->arena, "%zu", to));
        eff_json_end_object(&w);
        eff_json_end_object(&w);
    }
    eff_json_end_object(&w);
}

void
eff_hs_search(struct eff_call *call)
{
    struct search search = {.call = call, .shape = eff_hs_shape(call, call->args[0])};
    const struct eff_json *body = search.shape == NULL ? NULL : eff_hs_body(call);
    const struct eff_json *limit_json = eff_json_get(body, EFF_STR("limit"));
    struct search_hits hits = {0};
    int64_t limit = 10, after = 0;

    if (body == NULL)
        return;
    search.query = eff_str_trim(eff_json_str(eff_json_get(body, EFF_STR("query"))));
    if (!search_read_groups(&search, eff_json_get(body, EFF_STR("filterGroups"))) ||
        !search_read_sort(&search, eff_json_at(eff_json_get(body, EFF_STR("sorts")), 0)))
        return;
    if ((limit_json != NULL && !eff_json_int(limit_json, &limit)) || limit < 0 ||
        limit > SEARCH_PAGE_MAX) {
        search_bad(call, "limit must be at most 200");
        return;
    }
    eff_str_int(eff_json_str(eff_json_get(body, EFF_STR("after"))), &after);
    if (after < 0 || after + limit > SEARCH_HITS_MAX) {
        search_bad(call, "The total results of a search are limited to 10,000");
        return;
    }
    search_run(&search, &hits);
    search_answer(&search, &hits, (size_t)after, (size_t)limit,
                  eff_json_get(body, EFF_STR("properties")));
    for (size_t i = 0; i < hits.count; i++)
        free((char *)(uintptr_t)hits.at[i].text.ptr);
    free(hits.at);
}
