/*
 * sandbox/netsuite_query: the catalogue of metadata as JSON Schema, lists of ids, and of SuiteQL
 * what reads records back: SELECT columns FROM type [WHERE column IN (...) or = '...'], with
 * columns in small letters, checkboxes as T and F, and times as users see them: day/month/year in
 * the user's zone, or in the form that TO_CHAR(column, 'YYYY-MM-DD HH24:MI:SS') asks for.
 */
#include "base/clock.h"
#include "sandbox/netsuite.h"

#include <stdalign.h>

#define QUERY_COLUMNS_MAX 100
#define QUERY_VALUES_MAX  1000
#define QUERY_LIMIT_MAX   1000
#define QUERY_ZONE_US     (INT64_C(-8) * 3600 * 1000000) /* the user's */
#define QUERY_FORM        "DD/MM/YYYY"                   /* the user's */
#define QUERY_FORM_TIME   "DD/MM/YYYY HH24:MI"

/* ---- metadata ---- */

void
eff_ns_catalog(struct eff_call *call)
{
    const struct eff_shapes *shapes = &call->world->shapes;
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("items"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < shapes->count; i++) {
        eff_json_begin_object(&w);
        eff_json_field_str(&w, "name", shapes->at[i]->name);
        eff_ns_write_links(
            &w, eff_ns_address(call, eff_str_printf(call->arena,
                                                    "/record/v1/metadata-catalog/" EFF_STR_FMT,
                                                    EFF_STR_ARG(shapes->at[i]->name))));
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}

static void
query_write_property(struct eff_json_writer *w, const struct eff_field *field)
{
    const char *type = "string", *format = NULL;

    switch (field->type) {
    case EFF_FIELD_BOOL:
        type = "boolean";
        break;
    case EFF_FIELD_INTEGER:
        type = "integer";
        format = "int64";
        break;
    case EFF_FIELD_NUMBER:
    case EFF_FIELD_CURRENCY:
        type = "number";
        format = "double";
        break;
    case EFF_FIELD_DATE:
        format = "date";
        break;
    case EFF_FIELD_DATETIME:
        format = "date-time";
        break;
    case EFF_FIELD_REFERENCE:
        type = "object";
        break;
    default:
        break;
    }
    eff_json_key(w, field->name);
    eff_json_begin_object(w);
    eff_json_field_str(w, "title", field->label);
    eff_json_field_str(w, "type", eff_str_of(type));
    if (format != NULL)
        eff_json_field_str(w, "format", eff_str_of(format));
    eff_json_key(w, EFF_STR("nullable"));
    eff_json_write_bool(w, !eff_field_has(field, EFF_FIELD_REQUIRED));
    if (eff_field_has(field, EFF_FIELD_READONLY)) {
        eff_json_key(w, EFF_STR("readOnly"));
        eff_json_write_bool(w, true);
    }
    if (eff_field_has(field, EFF_FIELD_CUSTOM)) {
        eff_json_key(w, EFF_STR("x-ns-custom-field"));
        eff_json_write_bool(w, true);
    }
    eff_json_end_object(w);
}

void
eff_ns_catalog_type(struct eff_call *call)
{
    const struct eff_shape *shape = eff_ns_shape(call);
    eff_str accept = eff_call_header(call, "accept");
    struct eff_json_writer w;

    if (shape == NULL)
        return;
    if (eff_str_find(accept, EFF_STR("application/schema+json")) == SIZE_MAX) {
        eff_ns_error(call, 400, "INVALID_HEADER", EFF_STR_NONE,
                     EFF_STR("Accept names no form of metadata that is there."));
        return;
    }
    w = eff_call_answer(call, 200);
    call->answer_type = "application/schema+json; charset=UTF-8";
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("object"));
    eff_json_key(&w, EFF_STR("properties"));
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("id"));
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "title", EFF_STR("Internal ID"));
    eff_json_field_str(&w, "type", EFF_STR("string"));
    eff_json_end_object(&w);
    for (size_t i = 0; i < shape->count; i++)
        if (!shape->fields[i].gone)
            query_write_property(&w, &shape->fields[i]);
    eff_json_end_object(&w);
    eff_json_end_object(&w);
}

/* ---- pages ---- */

struct query_page {
    int64_t limit, offset, seen, shown;
};

/* False: answered. */
static bool
query_page(struct eff_call *call, struct query_page *page)
{
    *page = (struct query_page){.limit = eff_call_param_int(call, "limit", QUERY_LIMIT_MAX),
                                .offset = eff_call_param_int(call, "offset", 0)};
    if (page->limit >= 1 && page->limit <= QUERY_LIMIT_MAX && page->offset >= 0 &&
        page->offset % page->limit == 0)
        return true;
    eff_ns_error(call, 400, "INVALID_PARAMETER", EFF_STR_NONE,
                 EFF_STR("limit is 1 to 1000, and offset a multiple of it"));
    return false;
}

static bool
query_shows(struct query_page *page)
{
    bool shows = page->seen >= page->offset && page->shown < page->limit;

    page->seen++;
    page->shown += shows;
    return shows;
}

static void
query_write_link(struct eff_call *call, struct eff_json_writer *w, const char *rel, int64_t limit,
                 int64_t offset)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "rel", eff_str_of(rel));
    eff_json_field_str(w, "href",
                       eff_str_printf(call->arena,
                                      "http://127.0.0.1:%u" EFF_STR_FMT "?limit=%lld&offset=%lld",
                                      call->world->port, EFF_STR_ARG(call->path), (long long)limit,
                                      (long long)offset));
    eff_json_end_object(w);
}

static void
query_end(struct eff_call *call, struct eff_json_writer *w, const struct query_page *page)
{
    bool more = page->seen > page->offset + page->shown;

    eff_json_end_array(w);
    eff_json_key(w, EFF_STR("links"));
    eff_json_begin_array(w);
    if (more)
        query_write_link(call, w, "next", page->limit, page->offset + page->limit);
    query_write_link(call, w, "self", page->limit, page->offset);
    eff_json_end_array(w);
    eff_json_field_int(w, "count", page->shown);
    eff_json_key(w, EFF_STR("hasMore"));
    eff_json_write_bool(w, more);
    eff_json_field_int(w, "offset", page->offset);
    eff_json_field_int(w, "totalResults", page->seen);
    eff_json_end_object(w);
}

void
eff_ns_list(struct eff_call *call)
{
    struct eff_scan scan = {.shape = eff_ns_shape(call)};
    struct eff_record record;
    struct eff_json_writer w;
    struct query_page page;

    if (scan.shape == NULL || !query_page(call, &page))
        return;
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("items"));
    eff_json_begin_array(&w);
    for (struct eff_arena here = *call->arena;; *call->arena = here) {
        eff_str id;

        if (!eff_records_next(call->world->records, &scan, call->arena, &record))
            break;
        if (!query_shows(&page))
            continue;
        id = eff_str_printf(call->arena, "%lld", (long long)record.seq);
        eff_json_begin_object(&w);
        eff_ns_write_links(
            &w, eff_ns_address(
                    call, eff_str_printf(call->arena, "/record/v1/" EFF_STR_FMT "/" EFF_STR_FMT,
                                         EFF_STR_ARG(scan.shape->name), EFF_STR_ARG(id))));
        eff_json_field_str(&w, "id", id);
        eff_json_end_object(&w);
    }
    query_end(call, &w, &page);
}

/* ---- SuiteQL ---- */

struct query_column {
    eff_str name, form; /* form: of TO_CHAR */
    eff_str as;         /* the name in the answer */
};

struct query {
    const struct eff_shape *shape;
    size_t columns_count, values_count;
    struct query_column columns[QUERY_COLUMNS_MAX];
    eff_str where; /* a column; none: all */
    eff_str values[QUERY_VALUES_MAX];
};

/* The next word, sign, or text in quotes (which are kept, doubled ones too); "" at the end. */
static eff_str
query_token(eff_str *at)
{
    eff_str rest = eff_str_trim(*at);
    size_t len = 0;

    if (rest.len > 0 && rest.ptr[0] == '\'') {
        for (len = 1; len < rest.len; len++) {
            if (rest.ptr[len] != '\'')
                continue;
            if (len + 1 >= rest.len || rest.ptr[len + 1] != '\'')
                break;
            len++;
        }
        len = len < rest.len ? len + 1 : rest.len;
    } else {
        while (len < rest.len && rest.ptr[len] > ' ' && rest.ptr[len] != ',' &&
               rest.ptr[len] != '(' && rest.ptr[len] != ')' && rest.ptr[len] != '=' &&
               rest.ptr[len] != '\'')
            len++;
        if (len == 0 && rest.len > 0)
            len = 1;
    }
    *at = eff_str_sub(rest, len, SIZE_MAX);
    return eff_str_sub(rest, 0, len);
}

static bool
query_word(eff_str *at, const char *word)
{
    eff_str before = *at;

    if (eff_str_eq_nocase(query_token(at), eff_str_of(word)))
        return true;
    *at = before;
    return false;
}

static bool
query_value(struct eff_call *call, eff_str token, struct query *query)
{
    char *out = eff_new(call->arena, char, token.len + 1);
    size_t len = 0;

    if (token.len < 2 || token.ptr[0] != '\'' || token.ptr[token.len - 1] != '\'' ||
        query->values_count == QUERY_VALUES_MAX)
        return false;
    for (size_t i = 1; i + 1 < token.len; i++) {
        out[len++] = token.ptr[i];
        i += token.ptr[i] == '\'';
    }
    query->values[query->values_count++] = (eff_str){out, len};
    return true;
}

static bool
query_where(struct eff_call *call, eff_str *at, struct query *query)
{
    query->where = query_token(at);
    if (query_word(at, "="))
        return query_value(call, query_token(at), query);
    if (!query_word(at, "IN") || !query_word(at, "("))
        return false;
    do {
        if (!query_value(call, query_token(at), query))
            return false;
    } while (query_word(at, ","));
    return query_word(at, ")");
}

/* name, or TO_CHAR(name, 'form'); then perhaps AS another. */
static bool
query_select(eff_str *at, struct query_column *column)
{
    bool char_of = query_word(at, "TO_CHAR");

    if (char_of && !query_word(at, "("))
        return false;
    column->name = column->as = query_token(at);
    if (char_of) {
        if (!query_word(at, ","))
            return false;
        column->form = query_token(at);
        if (column->form.len < 2 || column->form.ptr[0] != '\'' || !query_word(at, ")"))
            return false;
        column->form = eff_str_sub(column->form, 1, column->form.len - 2);
        column->as = EFF_STR("expr1");
    }
    if (query_word(at, "AS"))
        column->as = query_token(at);
    return true;
}

static const struct eff_field *
query_column(const struct query *query, eff_str name)
{
    for (size_t i = 0; i < query->shape->count; i++)
        if (!query->shape->fields[i].gone && eff_str_eq_nocase(query->shape->fields[i].name, name))
            return &query->shape->fields[i];
    return NULL;
}

static bool
query_known(const struct query *query, eff_str name)
{
    return eff_str_eq_nocase(name, EFF_STR("id")) || query_column(query, name) != NULL;
}

/* Of a column that is no time, Oracle makes no date. */
static bool
query_form_fits(const struct query *query, const struct query_column *column)
{
    const struct eff_field *field = query_column(query, column->name);

    return column->form.len == 0 ||
           (field != NULL && (field->type == EFF_FIELD_DATE || field->type == EFF_FIELD_DATETIME));
}

static bool
query_parse(struct eff_call *call, eff_str text, struct query *query)
{
    eff_str at = text;

    if (!query_word(&at, "SELECT"))
        return false;
    do {
        if (query->columns_count == QUERY_COLUMNS_MAX)
            return false;
        if (!query_select(&at, &query->columns[query->columns_count++]))
            return false;
    } while (query_word(&at, ","));
    if (!query_word(&at, "FROM"))
        return false;
    query->shape = eff_shape_find(&call->world->shapes, query_token(&at));
    if (query->shape == NULL || (query_word(&at, "WHERE") && !query_where(call, &at, query)) ||
        eff_str_trim(at).len > 0)
        return false;
    for (size_t i = 0; i < query->columns_count; i++)
        if (!query_known(query, query->columns[i].name) ||
            !query_form_fits(query, &query->columns[i]))
            return false;
    return query->where.len == 0 || query_known(query, query->where);
}

static eff_str
query_time(struct eff_call *call, const struct eff_field *field, eff_str text, eff_str form)
{
    struct eff_civil civil = {0};
    struct eff_buf out = {0};
    eff_str written;

    eff_time_parse(text, &civil);
    if (field->type == EFF_FIELD_DATETIME)
        civil = eff_civil_from_micros(eff_micros_from_civil(&civil) + QUERY_ZONE_US, 0);
    while (form.len > 0) {
        const struct {
            const char *name;
            int value, digits;
        } parts[] = {{"YYYY", civil.year, 4}, {"MM", civil.month, 2},  {"DD", civil.day, 2},
                     {"HH24", civil.hour, 2}, {"MI", civil.minute, 2}, {"SS", civil.second, 2},
                     {"", form.ptr[0], 0}};
        size_t i = 0;

        while (!eff_str_starts(form, eff_str_of(parts[i].name)))
            i++;
        if (parts[i].digits > 0)
            eff_buf_addf(&out, "%0*d", parts[i].digits, parts[i].value);
        else
            eff_buf_add_char(&out, (char)parts[i].value);
        form = eff_str_sub(form, parts[i].digits > 0 ? strlen(parts[i].name) : 1, SIZE_MAX);
    }
    written = eff_str_copy(call->arena, eff_buf_str(&out));
    eff_buf_free(&out);
    return written;
}

static eff_str
query_cell(struct eff_call *call, const struct query *query, const struct eff_record *record,
           const struct query_column *column)
{
    const struct eff_field *field = query_column(query, column->name);
    struct eff_cell cell;

    if (field == NULL)
        return eff_str_printf(call->arena, "%lld", (long long)record->seq);
    cell = eff_cell_of(record, field);
    if (eff_cell_null(cell))
        return EFF_STR_NONE;
    if (cell.kind == EFF_CELL_BOOL)
        return eff_str_is(cell.text, "true") ? EFF_STR("T") : EFF_STR("F");
    if (field->type != EFF_FIELD_DATE && field->type != EFF_FIELD_DATETIME)
        return cell.text;
    return query_time(call, field, cell.text,
                      column->form.len > 0                ? column->form
                      : field->type == EFF_FIELD_DATETIME ? EFF_STR(QUERY_FORM_TIME)
                                                          : EFF_STR(QUERY_FORM));
}

static bool
query_holds(struct eff_call *call, const struct query *query, const struct eff_record *record)
{
    const struct query_column where = {.name = query->where};
    eff_str cell = query->where.len == 0 ? EFF_STR("") : query_cell(call, query, record, &where);

    for (size_t i = 0; i < query->values_count; i++)
        if (eff_str_eq(query->values[i], cell))
            return true;
    return query->where.len == 0;
}

static eff_str
query_small(struct eff_call *call, eff_str name)
{
    char *out = eff_new(call->arena, char, name.len + 1);

    for (size_t i = 0; i < name.len; i++)
        out[i] =
            (char)(name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? name.ptr[i] | 0x20 : name.ptr[i]);
    return (eff_str){out, name.len};
}

/* Everything is text, and what is NULL is left out. */
static void
query_write(struct eff_call *call, struct eff_json_writer *w, const struct query *query,
            const struct eff_record *record)
{
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("links"));
    eff_json_begin_array(w);
    eff_json_end_array(w);
    for (size_t i = 0; i < query->columns_count; i++) {
        eff_str cell = query_cell(call, query, record, &query->columns[i]);

        if (!cell.ptr)
            continue;
        eff_json_key(w, query_small(call, query->columns[i].as));
        eff_json_write_str(w, cell);
    }
    eff_json_end_object(w);
}

void
eff_ns_suiteql(struct eff_call *call)
{
    struct query *query = eff_new(call->arena, struct query, 1);
    struct eff_err err = {0};
    const struct eff_json *body = eff_call_json(call, &err);
    struct eff_scan scan = {0};
    struct eff_record record;
    struct eff_json_writer w;
    struct query_page page;

    if (!eff_str_eq_nocase(eff_call_header(call, "prefer"), EFF_STR("transient"))) {
        eff_ns_error(call, 400, "INVALID_HEADER", EFF_STR_NONE,
                     EFF_STR("The header Prefer must be transient."));
        return;
    }
    if (!query_page(call, &page))
        return;
    if (!query_parse(call, eff_json_str(eff_json_get(body, EFF_STR("q"))), query)) {
        eff_ns_error(call, 400, "INVALID_PARAMETER", EFF_STR_NONE,
                     EFF_STR("Invalid search query. Detailed unprocessed description follows."));
        return;
    }
    scan.shape = query->shape;
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("items"));
    eff_json_begin_array(&w);
    for (struct eff_arena here = *call->arena;; *call->arena = here) {
        if (!eff_records_next(call->world->records, &scan, call->arena, &record))
            break;
        if (query_holds(call, query, &record) && query_shows(&page))
            query_write(call, &w, query, &record);
    }
    query_end(call, &w, &page);
}
