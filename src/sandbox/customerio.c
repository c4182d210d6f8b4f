/*
 * sandbox/customerio: the stand-in for Customer.io: the Track API (v2 batch and entity, v1
 * customers) and what the App API tells of a person.
 *
 * As at the vendor, attributes are made as they come, a batch is accepted item by item (207), and
 * whatever is read back is text.
 */
#include "sandbox/bag.h"

#include <stdalign.h>

#define CIO_BATCH_MAX   ((size_t)500 * 1000) /* bytes of a request */
#define CIO_NAME_MAX    150
#define CIO_VALUE_MAX   1000
#define CIO_ATTRIBUTES  300
#define CIO_IDENTIFIERS 3

static const char *const cio_person_keys[CIO_IDENTIFIERS] = {"id", "email", "cio_id"};

/* Why an item was not taken; reason NULL: it was. */
struct cio_problem {
    const char *reason, *field;
    eff_str message;
};

static void
customerio_shapes(struct eff_shapes *shapes)
{
    static const struct eff_field_row person[] = {
        {"id", "id", EFF_FIELD_TEXT, 150, 0, EFF_FIELD_KEY | EFF_FIELD_CASE, NULL, NULL},
        {"email", "email", EFF_FIELD_EMAIL, 255, 0, EFF_FIELD_KEY, NULL, NULL},
        {"cio_id", "cio_id", EFF_FIELD_TEXT, 64, 0, EFF_FIELD_KEY | EFF_FIELD_UNIQUE, NULL, NULL},
    };
    static const struct eff_field_row object[] = {
        {"object_key", "key", EFF_FIELD_TEXT, 255, 0, EFF_FIELD_KEY | EFF_FIELD_CASE, NULL, NULL},
        {"object_type_id", "object_type_id", EFF_FIELD_TEXT, 20, 0, 0, NULL, NULL},
        {"object_id", "object_id", EFF_FIELD_TEXT, 150, 0, 0, NULL, NULL},
    };
    struct eff_shape *shape =
        eff_shape_add(shapes, EFF_STR("person"), EFF_STR("Person"), EFF_STR(""));

    for (size_t i = 0; i < sizeof(person) / sizeof(person[0]); i++)
        eff_shape_add_field(shapes, shape, &person[i]);
    shape = eff_shape_add(shapes, EFF_STR("object"), EFF_STR("Object"), EFF_STR(""));
    for (size_t i = 0; i < sizeof(object) / sizeof(object[0]); i++)
        eff_shape_add_field(shapes, shape, &object[i]);
}

static struct eff_shape *
customerio_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label)
{
    return eff_shape_add(shapes, name, label, EFF_STR(""));
}

/* ---- answers ---- */

static bool
customerio_is_app(const struct eff_call *call)
{
    return eff_str_starts(call->path, EFF_STR("/v1/"));
}

static void
customerio_refuse(struct eff_call *call, int status, const char *code, const char *message)
{
    const char *usual = status == 401   ? "Unauthorized request"
                        : status == 404 ? "not found"
                        : status == 429 ? "Too many requests"
                        : status == 413 ? "request entity too large"
                                        : "refused on request";
    struct eff_json_writer w = eff_call_answer(call, status);

    (void)code;
    eff_json_begin_object(&w);
    if (customerio_is_app(call)) {
        eff_json_key(&w, EFF_STR("errors"));
        eff_json_begin_array(&w);
        eff_json_begin_object(&w);
        eff_json_field_str(&w, "detail", eff_str_of(message ? message : usual));
        eff_json_field_str(&w, "status", eff_str_printf(call->arena, "%d", status));
        eff_json_end_object(&w);
        eff_json_end_array(&w);
    } else {
        eff_json_key(&w, EFF_STR("meta"));
        eff_json_begin_object(&w);
        eff_json_field_str(&w, "error", eff_str_of(message ? message : usual));
        eff_json_end_object(&w);
    }
    eff_json_end_object(&w);
}

/* The Track API knows a site and its key, the App API a key of its own. */
static bool
customerio_authorize(struct eff_call *call)
{
    eff_str site, key;

    if (customerio_is_app(call)
            ? eff_world_trusts(call->world, eff_call_bearer(call))
            : eff_call_basic(call, &site, &key) && eff_str_is(site, "test-site") &&
                  eff_world_trusts(call->world, key))
        return true;
    customerio_refuse(call, 401, NULL, NULL);
    return false;
}

static bool
customerio_admit(struct eff_call *call)
{
    if (eff_world_take(call->world, customerio_is_app(call) ? EFF_QUOTA_SEARCH : EFF_QUOTA_BURST))
        return true;
    customerio_refuse(call, 429, NULL, NULL);
    return false;
}

static void
customerio_finish(struct eff_call *call)
{
    (void)call; // no answer tells of limits
}

/* ---- items ---- */

static struct cio_problem
cio_problem(const char *reason, const char *field, eff_str message)
{
    return (struct cio_problem){reason, field, message};
}

static bool
cio_is_email(eff_str text)
{
    size_t at = eff_str_find_char(text, '@');

    return at != SIZE_MAX && at > 0 && at + 1 < text.len &&
           eff_str_find_char(text, ' ') == SIZE_MAX;
}

/* The one identifier of a person, which names the record; members of the record for a new one. */
static struct cio_problem
cio_identify_person(struct eff_call *call, const struct eff_json *identifiers,
                    struct eff_record *record, struct eff_cell *cells)
{
    const struct eff_shape *shape = record->shape;
    const struct eff_json *member = NULL;
    const char *key = NULL;
    eff_str value;

    for (size_t i = 0; i < CIO_IDENTIFIERS && member == NULL; i++) {
        key = cio_person_keys[i];
        member = eff_json_get(identifiers, eff_str_of(key));
    }
    value = eff_json_str(member);
    if (eff_json_count(identifiers) != 1 || member == NULL || eff_str_trim(value).len == 0)
        return cio_problem("required", "identifiers",
                           EFF_STR("a person needs one of id, email and cio_id"));
    if (value.len > CIO_NAME_MAX || (eff_str_is(eff_str_of(key), "email") && !cio_is_email(value)))
        return cio_problem("invalid", "identifiers",
                           eff_str_printf(call->arena, "%s is invalid", key));
    if (!eff_bag_find(call, shape, key, value, record)) {
        if (eff_str_is(eff_str_of(key), "cio_id"))
            return cio_problem("not_found", "identifiers", EFF_STR("there is no such cio_id"));
        cells[eff_shape_field(&call->world->shapes, shape, eff_str_of(key))->slot] =
            (struct eff_cell){EFF_CELL_TEXT, value};
        cells[2] = (struct eff_cell){
            EFF_CELL_TEXT, eff_str_printf(call->arena, "%016llx",
                                          (unsigned long long)eff_world_random(call->world))};
    }
    return (struct cio_problem){0};
}

static struct cio_problem
cio_identify_object(struct eff_call *call, const struct eff_json *identifiers,
                    struct eff_record *record, struct eff_cell *cells)
{
    eff_str type = eff_json_str(eff_json_get(identifiers, EFF_STR("object_type_id")));
    eff_str id = eff_json_str(eff_json_get(identifiers, EFF_STR("object_id")));
    eff_str key = eff_str_printf(call->arena, EFF_STR_FMT "/" EFF_STR_FMT, EFF_STR_ARG(type),
                                 EFF_STR_ARG(id));

    if (type.len == 0 || id.len == 0)
        return cio_problem("required", "identifiers",
                           EFF_STR("an object needs object_type_id and object_id"));
    if (!eff_bag_find(call, record->shape, "object_key", key, record)) {
        cells[0] = (struct eff_cell){EFF_CELL_TEXT, key};
        cells[1] = (struct eff_cell){EFF_CELL_TEXT, type};
        cells[2] = (struct eff_cell){EFF_CELL_TEXT, id};
    }
    return (struct cio_problem){0};
}

static struct cio_problem
cio_check_attributes(struct eff_call *call, const struct eff_json *attributes)
{
    struct eff_json_iter iter = eff_json_iterate(attributes);
    const struct eff_json *value;
    eff_str key;

    if (attributes != NULL && eff_json_type(attributes) != EFF_JSON_OBJECT)
        return cio_problem("invalid", "attributes", EFF_STR("attributes must be an object"));
    if (eff_json_count(attributes) > CIO_ATTRIBUTES)
        return cio_problem("invalid", "attributes", EFF_STR("too many attributes"));
    while (eff_json_next(&iter, &key, &value)) {
        if (key.len == 0 || key.len > CIO_NAME_MAX)
            return cio_problem("invalid", "attributes", EFF_STR("an attribute's name is too long"));
        if (eff_json_type(value) == EFF_JSON_STRING && eff_json_str(value).len > CIO_VALUE_MAX)
            return cio_problem("invalid", "attributes",
                               eff_str_printf(call->arena, EFF_STR_FMT " is longer than 1000 bytes",
                                              EFF_STR_ARG(key)));
    }
    return (struct cio_problem){0};
}

/* "" and null take an attribute away; an id that is there does not change. */
static void
cio_set_attributes(struct eff_call *call, struct eff_record *record,
                   const struct eff_json *attributes, struct eff_cell *cells, size_t count)
{
    struct eff_cell *values = eff_new(call->arena, struct eff_cell, record->shape->count);

    eff_bag_read(call, record->shape, NULL, attributes, values);
    for (size_t i = 0; i < record->shape->count; i++) {
        if (values[i].kind == EFF_CELL_TEXT && values[i].text.len == 0)
            values[i].kind = EFF_CELL_NULL;
        if (values[i].kind == EFF_CELL_NUMBER && i < count)
            values[i].kind = EFF_CELL_TEXT;
        if (cells[i].kind == EFF_CELL_KEEP &&
            !(i != 1 && i < count && record->seq != 0 && !eff_cell_null(record->cells[i])))
            cells[i] = values[i];
    }
}

static struct cio_problem
cio_identify(struct eff_call *call, const struct eff_json *item, struct eff_shape *shape)
{
    const struct eff_json *attributes = eff_json_get(item, EFF_STR("attributes"));
    const struct eff_json *identifiers = eff_json_get(item, EFF_STR("identifiers"));
    struct cio_problem problem = cio_check_attributes(call, attributes);
    struct eff_record record = {.shape = shape};
    struct eff_cell *cells;

    if (problem.reason != NULL)
        return problem;
    eff_bag_make(call, shape, "", attributes);
    cells = eff_new(call->arena, struct eff_cell, shape->count);
    problem = eff_str_is(shape->name, "person")
                  ? cio_identify_person(call, identifiers, &record, cells)
                  : cio_identify_object(call, identifiers, &record, cells);
    if (problem.reason != NULL)
        return problem;
    cio_set_attributes(call, &record, attributes, cells, 3);
    eff_bag_store(call, shape, &record, cells);
    return problem;
}

static struct cio_problem
cio_delete(struct eff_call *call, const struct eff_json *item, struct eff_shape *shape)
{
    const struct eff_json *identifiers = eff_json_get(item, EFF_STR("identifiers"));
    struct eff_cell *cells = eff_new(call->arena, struct eff_cell, shape->count);
    struct eff_record record = {.shape = shape};
    struct cio_problem problem = eff_str_is(shape->name, "person")
                                     ? cio_identify_person(call, identifiers, &record, cells)
                                     : cio_identify_object(call, identifiers, &record, cells);

    if (problem.reason == NULL && record.seq != 0) // who is not there is no error
        eff_records_delete(call->world->records, &record, eff_world_now(call->world));
    return problem;
}

static struct cio_problem
cio_item(struct eff_call *call, const struct eff_json *item)
{
    eff_str type = eff_json_str(eff_json_get(item, EFF_STR("type")));
    eff_str action = eff_json_str(eff_json_get(item, EFF_STR("action")));
    struct eff_shape *shape = eff_str_is(type, "person") || eff_str_is(type, "object")
                                  ? eff_shape_find(&call->world->shapes, type)
                                  : NULL;

    if (shape == NULL)
        return cio_problem("invalid", "type", EFF_STR("type must be person or object"));
    if (eff_str_is(action, "identify"))
        return cio_identify(call, item, shape);
    if (eff_str_is(action, "delete"))
        return cio_delete(call, item, shape);
    return cio_problem("invalid", "action", EFF_STR("the action is not supported"));
}

/* ---- v2 ---- */

static const struct eff_json *
customerio_body(struct eff_call *call)
{
    struct eff_err err = {0};
    const struct eff_json *body = NULL;

    if (call->body.len > CIO_BATCH_MAX) {
        customerio_refuse(call, 413, NULL, NULL);
        return NULL;
    }
    body = eff_call_json(call, &err);
    if (eff_json_type(body) == EFF_JSON_OBJECT)
        return body;
    customerio_refuse(call, 400, NULL, "malformed request");
    return NULL;
}

static void
cio_write_problem(struct eff_json_writer *w, size_t index, const struct cio_problem *problem)
{
    eff_json_begin_object(w);
    eff_json_field_int(w, "batch_index", (int64_t)index);
    eff_json_field_str(w, "reason", eff_str_of(problem->reason));
    eff_json_field_str(w, "field", eff_str_of(problem->field));
    eff_json_field_str(w, "message", problem->message);
    eff_json_end_object(w);
}

static struct cio_problem
cio_item_or_fault(struct eff_call *call, const struct eff_json *item, size_t index, size_t count)
{
    const struct eff_effect *effect = &call->effect;

    if (!eff_call_row_fails(call, index, count))
        return cio_item(call, item);
    return cio_problem(effect->code.len ? eff_str_c(call->arena, effect->code) : "invalid",
                       "attributes",
                       effect->message.len ? effect->message : EFF_STR("refused on request"));
}

static void
customerio_batch(struct eff_call *call)
{
    const struct eff_json *body = customerio_body(call), *item;
    const struct eff_json *list = eff_json_get(body, EFF_STR("batch"));
    struct eff_json_iter iter = eff_json_iterate(list);
    size_t count = eff_json_count(list);
    struct eff_json_writer w;

    if (body == NULL)
        return;
    if (eff_json_type(list) != EFF_JSON_ARRAY) {
        customerio_refuse(call, 400, NULL, "batch must be a list");
        return;
    }
    call->rows += count;
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    for (size_t i = 0; eff_json_next(&iter, NULL, &item); i++) {
        struct cio_problem problem = cio_item_or_fault(call, item, i, count);

        if (problem.reason == NULL)
            continue;
        if (call->refused++ == 0) {
            eff_json_key(&w, EFF_STR("errors"));
            eff_json_begin_array(&w);
        }
        cio_write_problem(&w, i, &problem);
    }
    if (call->refused != 0) {
        eff_json_end_array(&w);
        call->status = 207;
    }
    eff_json_end_object(&w);
}

static void
cio_answer_one(struct eff_call *call, struct cio_problem problem)
{
    call->rows++;
    if (problem.reason == NULL) {
        eff_call_text(call, 200, "application/json", EFF_STR("{}"));
        return;
    }
    call->refused++;
    customerio_refuse(call, 400, NULL, eff_str_c(call->arena, problem.message));
}

static void
customerio_entity(struct eff_call *call)
{
    const struct eff_json *body = customerio_body(call);

    if (body != NULL)
        cio_answer_one(call, cio_item_or_fault(call, body, 0, 1));
}

/* ---- v1: the attributes are the body, the identifier stands in the path ---- */

static void
customerio_v1(struct eff_call *call, const char *action, const struct eff_json *attributes)
{
    const char *key = eff_str_find_char(call->args[0], '@') != SIZE_MAX ? "email" : "id";
    struct eff_buf text = {0}, inner = {0};
    struct eff_json_writer w = {.buf = &text};
    const struct eff_json *item = NULL;
    struct eff_err err = {0};

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("person"));
    eff_json_field_str(&w, "action", eff_str_of(action));
    eff_json_key(&w, EFF_STR("identifiers"));
    eff_json_begin_object(&w);
    eff_json_field_str(&w, key, call->args[0]);
    eff_json_end_object(&w);
    if (attributes != NULL) {
        eff_json_print(&inner, attributes, false);
        eff_json_key(&w, EFF_STR("attributes"));
        eff_json_write_raw(&w, eff_buf_str(&inner));
    }
    eff_json_end_object(&w);
    eff_json_parse(eff_str_copy(call->arena, eff_buf_str(&text)), call->arena, &item, &err);
    eff_buf_free(&text);
    eff_buf_free(&inner);
    cio_answer_one(call, cio_item(call, item));
}

static void
customerio_v1_put(struct eff_call *call)
{
    const struct eff_json *body = customerio_body(call);

    if (body != NULL)
        customerio_v1(call, "identify", body);
}

static void
customerio_v1_delete(struct eff_call *call)
{
    customerio_v1(call, "delete", NULL);
}

/* The region of the workspace that the credential belongs to. */
static void
customerio_region(struct eff_call *call)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "url", EFF_STR("track.customer.io"));
    eff_json_field_str(&w, "data_center", EFF_STR("us"));
    eff_json_field_int(&w, "environment_id", 1);
    eff_json_end_object(&w);
}

/* ---- App API ---- */

static void
cio_write_attributes(struct eff_call *call, struct eff_json_writer *w,
                     const struct eff_record *record)
{
    for (size_t i = 0; i < record->shape->count; i++) {
        struct eff_cell cell = eff_cell_of(record, &record->shape->fields[i]);

        if (record->shape->fields[i].gone || eff_cell_null(cell))
            continue;
        cell.kind = EFF_CELL_TEXT; // every attribute comes back as text [R]
        eff_json_key(w, record->shape->fields[i].name);
        eff_cell_write(w, cell);
    }
    (void)call;
}

static void
customerio_attributes(struct eff_call *call)
{
    const struct eff_shape *shape = eff_shape_find(&call->world->shapes, EFF_STR("person"));
    eff_str type = eff_call_param(call, "id_type");
    struct eff_record record;
    struct eff_json_writer w;

    if (!eff_bag_find(call, shape, type.len ? eff_str_c(call->arena, type) : "id", call->args[0],
                      &record)) {
        customerio_refuse(call, 404, NULL, NULL);
        return;
    }
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("customer"));
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "id", eff_bag_text(call->world, &record, "id"));
    eff_json_key(&w, EFF_STR("attributes"));
    eff_json_begin_object(&w);
    cio_write_attributes(call, &w, &record);
    eff_json_end_object(&w);
    eff_json_key(&w, EFF_STR("unsubscribed"));
    eff_json_write_bool(&w, false);
    eff_json_end_object(&w);
    eff_json_end_object(&w);
}

static void
customerio_by_email(struct eff_call *call)
{
    const struct eff_shape *shape = eff_shape_find(&call->world->shapes, EFF_STR("person"));
    struct eff_json_writer w = eff_call_answer(call, 200);
    struct eff_record record;

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("results"));
    eff_json_begin_array(&w);
    if (eff_bag_find(call, shape, "email", eff_call_param(call, "email"), &record)) {
        eff_json_begin_object(&w);
        for (size_t i = 0; i < CIO_IDENTIFIERS; i++)
            eff_json_field_str(&w, cio_person_keys[i],
                               eff_bag_text(call->world, &record, cio_person_keys[i]));
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}

static const struct eff_route customerio_routes[] = {
    {"POST", "/api/v2/batch", customerio_batch, EFF_ROUTE_WRITES},
    {"POST", "/api/v2/entity", customerio_entity, EFF_ROUTE_WRITES},
    {"PUT", "/api/v1/customers/{}", customerio_v1_put, EFF_ROUTE_WRITES},
    {"DELETE", "/api/v1/customers/{}", customerio_v1_delete, EFF_ROUTE_WRITES},
    {"GET", "/api/v1/accounts/region", customerio_region, 0},
    {"GET", "/v1/customers/{}/attributes", customerio_attributes, 0},
    {"GET", "/v1/customers", customerio_by_email, 0},
};

static eff_str
customerio_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq)
{
    (void)shape;
    return eff_str_printf(arena, "%lld", (long long)seq);
}

const struct eff_vendor eff_vendor_customerio = {
    .name = "customerio",
    .routes = customerio_routes,
    .routes_count = sizeof(customerio_routes) / sizeof(customerio_routes[0]),
    .shapes = customerio_shapes,
    .new_shape = customerio_new_shape,
    .authorize = customerio_authorize,
    .admit = customerio_admit,
    .refuse = customerio_refuse,
    .finish = customerio_finish,
    .id = customerio_id,
};
