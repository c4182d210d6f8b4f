/*
 * sandbox/pendo: the stand-in for Pendo's metadata of visitors and accounts.
 *
 * A request is counted, not told row by row: `updated`, `failed`, the ids that are `missing`, and
 * `errors` as texts that name no row. A name of a field that is not there refuses the whole.
 */
#include "sandbox/bag.h"

#include <stdalign.h>

#define PENDO_BATCH_MAX 1000
#define PENDO_ERRORS    20 /* told in one answer */

static const struct eff_field_row pendo_rows[] = {
    {"custom.plan", "Plan", EFF_FIELD_TEXT, 255, 0, EFF_FIELD_CUSTOM, NULL, NULL},
    {"custom.segment", "Segment", EFF_FIELD_TEXT, 255, 0, EFF_FIELD_CUSTOM, NULL, NULL},
    {"custom.seats", "Seats", EFF_FIELD_INTEGER, 18, 0, EFF_FIELD_CUSTOM, NULL, NULL},
    {"custom.lifetime_value", "Lifetime value", EFF_FIELD_NUMBER, 18, 4, EFF_FIELD_CUSTOM, NULL,
     NULL},
    {"custom.vip", "VIP", EFF_FIELD_BOOL, 0, 0, EFF_FIELD_CUSTOM, NULL, NULL},
    {"custom.since", "Since", EFF_FIELD_DATETIME, 0, 0, EFF_FIELD_CUSTOM, NULL, NULL},
    {"custom.email", "Email", EFF_FIELD_TEXT, 255, 0, EFF_FIELD_CUSTOM, NULL, NULL},
    {"agent.role", "Role", EFF_FIELD_TEXT, 255, 0, 0, NULL, NULL},
    {"auto.lastvisit", "Last visit", EFF_FIELD_DATETIME, 0, 0, EFF_FIELD_READONLY, NULL, NULL},
};

static void
pendo_add(struct eff_shapes *shapes, eff_str name, eff_str label, const char *key)
{
    struct eff_shape *shape = eff_shape_add(shapes, name, label, eff_str_of(key));
    struct eff_field_row id = {key,  key, EFF_FIELD_TEXT,
                               255,  0,   EFF_FIELD_KEY | EFF_FIELD_UNIQUE | EFF_FIELD_CASE,
                               NULL, NULL};

    eff_shape_add_field(shapes, shape, &id);
    for (size_t i = 0; i < sizeof(pendo_rows) / sizeof(pendo_rows[0]); i++)
        eff_shape_add_field(shapes, shape, &pendo_rows[i]);
}

static void
pendo_shapes(struct eff_shapes *shapes)
{
    pendo_add(shapes, EFF_STR("visitor"), EFF_STR("Visitor"), "visitorId");
    pendo_add(shapes, EFF_STR("account"), EFF_STR("Account"), "accountId");
}

static struct eff_shape *
pendo_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label)
{
    return eff_shape_add(shapes, name, label, EFF_STR("id"));
}

/* ---- answers ---- */

static void
pendo_refuse(struct eff_call *call, int status, const char *code, const char *message)
{
    const char *usual = status == 401 || status == 403 ? "Forbidden"
                        : status == 404                ? "Not Found"
                        : status == 429                ? "Too Many Requests"
                                                       : "refused on request";
    struct eff_json_writer w;

    (void)code;
    if (status != 400) {
        eff_call_text(call, status, "text/plain; charset=utf-8",
                      eff_str_of(message ? message : usual));
        return;
    }
    w = eff_call_answer(call, status);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "error", eff_str_of(message ? message : usual));
    eff_json_end_object(&w);
}

static bool
pendo_authorize(struct eff_call *call)
{
    if (eff_world_trusts(call->world, eff_call_header(call, "x-pendo-integration-key")))
        return true;
    pendo_refuse(call, 403, NULL, NULL);
    return false;
}

static bool
pendo_admit(struct eff_call *call)
{
    if (eff_world_take(call->world, EFF_QUOTA_BURST))
        return true;
    pendo_refuse(call, 429, NULL, NULL);
    return false;
}

static void
pendo_finish(struct eff_call *call)
{
    (void)call; // no answer tells of limits
}

static struct eff_shape *
pendo_kind(struct eff_call *call)
{
    struct eff_shape *shape = eff_shape_find(&call->world->shapes, call->args[0]);

    if (shape == NULL)
        pendo_refuse(call, 404, NULL, "cannot find kind");
    return shape;
}

/* ---- values ---- */

static bool
pendo_number(eff_str text)
{
    size_t digits = 0;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!(c >= '0' && c <= '9') && c != '.' && !((c == '-' || c == '+') && i == 0) &&
            c != 'e' && c != 'E')
            return false;
        digits += c >= '0' && c <= '9';
    }
    return digits > 0;
}

/* Texts become numbers and booleans where they look like some; what does not fit fails its row. */
static bool
pendo_fits(const struct eff_field *field, struct eff_cell *cell)
{
    if (eff_cell_null(*cell))
        return true;
    switch (field->type) {
    case EFF_FIELD_INTEGER:
    case EFF_FIELD_NUMBER:
        if (!pendo_number(cell->text))
            return false;
        cell->kind = EFF_CELL_NUMBER;
        return true;
    case EFF_FIELD_BOOL:
        if (!eff_str_is(cell->text, "true") && !eff_str_is(cell->text, "false"))
            return false;
        cell->kind = EFF_CELL_BOOL;
        return true;
    case EFF_FIELD_DATETIME:
        return pendo_number(cell->text) || (cell->text.len >= 10 && cell->text.ptr[4] == '-');
    default:
        if (cell->kind != EFF_CELL_JSON)
            cell->kind = EFF_CELL_TEXT;
        return true;
    }
}

struct pendo_count {
    size_t updated, failed, missing_count, errors_count;
    eff_str *missing, errors[PENDO_ERRORS];
};

static void
pendo_fail(struct pendo_count *count, eff_str message)
{
    count->failed++;
    if (count->errors_count < PENDO_ERRORS)
        count->errors[count->errors_count++] = message;
}

static void
pendo_row(struct eff_call *call, const struct eff_shape *shape, const struct eff_json *values,
          eff_str id, struct pendo_count *count)
{
    struct eff_cell *cells = eff_new(call->arena, struct eff_cell, shape->count);
    bool create = eff_str_is(eff_call_param(call, "create"), "true");
    struct eff_json_iter iter = eff_json_iterate(values);
    const struct eff_json *value;
    struct eff_record record;
    eff_str key;

    if (!eff_bag_find(call, shape, eff_str_c(call->arena, shape->prefix), id, &record) && !create) {
        count->missing[count->missing_count++] = id;
        return;
    }
    while (eff_json_next(&iter, &key, &value)) {
        const struct eff_field *field =
            eff_shape_field(&call->world->shapes, shape,
                            eff_str_printf(call->arena, EFF_STR_FMT "." EFF_STR_FMT,
                                           EFF_STR_ARG(call->args[1]), EFF_STR_ARG(key)));

        cells[field->slot] = eff_bag_cell(call->arena, value);
        if (pendo_fits(field, &cells[field->slot]))
            continue;
        pendo_fail(count, eff_str_printf(call->arena, EFF_STR_FMT " is no %s",
                                         EFF_STR_ARG(eff_str_sub(eff_json_str(value), 0, 100)),
                                         eff_field_type_name(field->type)));
        return;
    }
    if (record.seq == 0)
        cells[0] = (struct eff_cell){EFF_CELL_TEXT, id};
    eff_bag_store(call, shape, &record, cells);
    count->updated++;
}

/* Everything that refuses the whole; false when it has answered. */
static bool
pendo_check(struct eff_call *call, const struct eff_shape *shape, const struct eff_json *rows)
{
    struct eff_json_iter iter = eff_json_iterate(rows), names;
    const struct eff_json *row, *value;
    eff_str key;

    if (eff_json_type(rows) != EFF_JSON_ARRAY || eff_json_count(rows) > PENDO_BATCH_MAX) {
        pendo_refuse(call, 400, NULL, "Bad format");
        return false;
    }
    while (eff_json_next(&iter, NULL, &row)) {
        if (eff_json_type(eff_json_get(row, shape->prefix)) != EFF_JSON_STRING ||
            eff_json_type(eff_json_get(row, EFF_STR("values"))) != EFF_JSON_OBJECT) {
            pendo_refuse(call, 400, NULL, "Bad format");
            return false;
        }
        names = eff_json_iterate(eff_json_get(row, EFF_STR("values")));
        while (eff_json_next(&names, &key, &value)) {
            const struct eff_field *field =
                eff_shape_field(&call->world->shapes, shape,
                                eff_str_printf(call->arena, EFF_STR_FMT "." EFF_STR_FMT,
                                               EFF_STR_ARG(call->args[1]), EFF_STR_ARG(key)));

            if (field != NULL && !eff_field_has(field, EFF_FIELD_READONLY))
                continue;
            pendo_refuse(call, 400, NULL,
                         eff_str_c(call->arena,
                                   eff_str_printf(call->arena, "Invalid field name " EFF_STR_FMT,
                                                  EFF_STR_ARG(eff_str_sub(key, 0, 200)))));
            return false;
        }
    }
    return true;
}

static void
pendo_write_texts(struct eff_json_writer *w, const char *name, size_t count, const eff_str *texts)
{
    if (count == 0)
        return; // left out when there are none
    eff_json_key(w, eff_str_of(name));
    eff_json_begin_array(w);
    for (size_t i = 0; i < count; i++)
        eff_json_write_str(w, texts[i]);
    eff_json_end_array(w);
}

static void
pendo_answer(struct eff_call *call, const struct pendo_count *count)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    call->refused += count->failed + count->missing_count;
    eff_json_begin_object(&w);
    eff_json_field_int(&w, "total", (int64_t)call->rows);
    eff_json_field_int(&w, "updated", (int64_t)count->updated);
    eff_json_field_int(&w, "failed", (int64_t)count->failed);
    pendo_write_texts(&w, "missing", count->missing_count, count->missing);
    pendo_write_texts(&w, "errors", count->errors_count, count->errors);
    eff_json_end_object(&w);
}

static void
pendo_values(struct eff_call *call)
{
    const struct eff_shape *shape = pendo_kind(call);
    struct eff_err err = {0};
    const struct eff_json *rows = shape == NULL ? NULL : eff_call_json(call, &err), *row;
    struct eff_json_iter iter = eff_json_iterate(rows);
    struct pendo_count count = {0};

    if (shape == NULL || !pendo_check(call, shape, rows))
        return;
    call->rows = eff_json_count(rows);
    count.missing = eff_new(call->arena, eff_str, call->rows + 1);
    for (size_t i = 0; eff_json_next(&iter, NULL, &row); i++) {
        if (eff_call_row_fails(call, i, call->rows))
            pendo_fail(&count, call->effect.message.len ? call->effect.message
                                                        : EFF_STR("refused on request"));
        else
            pendo_row(call, shape, eff_json_get(row, EFF_STR("values")),
                      eff_json_str(eff_json_get(row, shape->prefix)), &count);
    }
    pendo_answer(call, &count);
}

/* ---- reading ---- */

static const char *
pendo_type(const struct eff_field *field)
{
    return field->type == EFF_FIELD_INTEGER    ? "integer"
           : field->type == EFF_FIELD_NUMBER   ? "float"
           : field->type == EFF_FIELD_BOOL     ? "boolean"
           : field->type == EFF_FIELD_DATETIME ? "time"
                                               : "string";
}

static void
pendo_write_group(struct eff_json_writer *w, const struct eff_shape *shape, const char *group)
{
    eff_str opens = eff_str_of(group);

    eff_json_key(w, eff_str_sub(opens, 0, opens.len - 1));
    eff_json_begin_object(w);
    for (size_t i = 0; i < shape->count; i++) {
        const struct eff_field *field = &shape->fields[i];

        if (field->gone || !eff_str_starts(field->name, opens))
            continue;
        eff_json_key(w, eff_str_sub(field->name, opens.len, SIZE_MAX));
        eff_json_begin_object(w);
        eff_json_field_str(w, "Type", eff_str_of(pendo_type(field)));
        eff_json_field_str(w, "DisplayName", field->label);
        eff_json_key(w, EFF_STR("isDeleted"));
        eff_json_write_bool(w, eff_field_has(field, EFF_FIELD_HIDDEN));
        eff_json_end_object(w);
    }
    eff_json_end_object(w);
}

static void
pendo_schema(struct eff_call *call)
{
    const struct eff_shape *shape = pendo_kind(call);
    struct eff_json_writer w;

    if (shape == NULL)
        return;
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    pendo_write_group(&w, shape, "auto.");
    pendo_write_group(&w, shape, "agent.");
    pendo_write_group(&w, shape, "custom.");
    eff_json_end_object(&w);
}

static void
pendo_show(struct eff_call *call)
{
    const struct eff_shape *shape = pendo_kind(call);
    static const char *const groups[] = {"auto.", "agent.", "custom."};
    struct eff_record record;
    struct eff_json_writer w;

    if (shape == NULL)
        return;
    if (!eff_bag_find(call, shape, eff_str_c(call->arena, shape->prefix), call->args[1], &record)) {
        pendo_refuse(call, 404, NULL, NULL);
        return;
    }
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "id", call->args[1]);
    eff_json_key(&w, EFF_STR("metadata"));
    eff_json_begin_object(&w);
    for (size_t i = 0; i < 3; i++)
        eff_bag_write_group(&w, &record, groups[i], false);
    eff_json_end_object(&w);
    eff_json_end_object(&w);
}

static const struct eff_route pendo_routes[] = {
    {"POST", "/api/v1/metadata/{}/{}/value", pendo_values, EFF_ROUTE_WRITES},
    {"GET", "/api/v1/metadata/schema/{}", pendo_schema, 0},
    {"GET", "/api/v1/{}/{}", pendo_show, 0},
};

static eff_str
pendo_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq)
{
    (void)shape;
    return eff_str_printf(arena, "%lld", (long long)seq);
}

const struct eff_vendor eff_vendor_pendo = {
    .name = "pendo",
    .routes = pendo_routes,
    .routes_count = sizeof(pendo_routes) / sizeof(pendo_routes[0]),
    .shapes = pendo_shapes,
    .new_shape = pendo_new_shape,
    .authorize = pendo_authorize,
    .admit = pendo_admit,
    .refuse = pendo_refuse,
    .finish = pendo_finish,
    .id = pendo_id,
};
