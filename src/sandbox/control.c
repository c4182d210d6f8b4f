/*
 * sandbox/control: the paths below /_sandbox/, by which tests and people look
 * into a stand-in and change it. docs/sandbox.md describes the documents.
 */
#include "sandbox/world.h"

#define CONTROL_RECORDS 10000
#define CONTROL_MS_MAX  ((int64_t)1 << 45)

struct control_route {
    const char *method;
    const char *path;
    enum eff_fault (*handle)(struct eff_call *call, const struct eff_json *body,
                             struct eff_err *err);
};

static void
control_done(struct eff_call *call)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_field_int(&w, "format", 1);
    eff_json_field_str(&w, "status", EFF_STR("ok"));
    eff_json_end_object(&w);
}

static enum eff_fault
control_overview(struct eff_call *call, const struct eff_json *body, struct eff_err *err)
{
    struct eff_world *world = call->world;
    struct eff_json_writer w = eff_call_answer(call, 200);

    (void)body;
    (void)err;
    eff_json_begin_object(&w);
    eff_json_field_int(&w, "format", 1);
    eff_json_field_str(&w, "vendor", eff_str_of(world->vendor->name));
    eff_json_field_str(&w, "now", eff_call_time(call, eff_world_now(world), "Z"));
    eff_json_key(&w, EFF_STR("records"));
    eff_json_begin_object(&w);
    for (size_t i = 0; i < world->shapes.count; i++) {
        eff_json_key(&w, world->shapes.at[i]->name);
        eff_json_write_int(&w,
                           (int64_t)eff_records_count(world->records, world->shapes.at[i], false));
    }
    eff_json_end_object(&w);
    eff_json_end_object(&w);
    return EFF_OK;
}

static void
control_write_record(struct eff_call *call, struct eff_json_writer *w,
                     const struct eff_record *record)
{
    const struct eff_shape *shape = record->shape;

    eff_json_begin_object(w);
    eff_json_field_str(w, "object", shape->name);
    eff_json_field_str(w, "id", call->world->vendor->id(call->arena, shape, record->seq));
    eff_json_key(w, EFF_STR("deleted"));
    eff_json_write_bool(w, record->deleted);
    eff_json_field_str(w, "created", eff_call_time(call, record->created_ms, "Z"));
    eff_json_field_str(w, "updated", eff_call_time(call, record->updated_ms, "Z"));
    eff_json_key(w, EFF_STR("fields"));
    eff_json_begin_object(w);
    for (size_t i = 0; i < record->count; i++) {
        if (shape->fields[i].gone || eff_cell_null(record->cells[i]))
            continue;
        eff_json_key(w, shape->fields[i].name);
        eff_cell_write(w, record->cells[i]);
    }
    eff_json_end_object(w);
    eff_json_end_object(w);
}

/* Writes up to *left records of one object beyond *after. */
static void
control_write_records(struct eff_call *call, struct eff_json_writer *w, struct eff_scan *scan,
                      int64_t *left)
{
    size_t used = call->arena->used;
    struct eff_record record;

    while (*left > 0 && eff_records_next(call->world->records, scan, call->arena, &record)) {
        control_write_record(call, w, &record);
        call->arena->used = used;
        (*left)--;
    }
}

static enum eff_fault
control_records(struct eff_call *call, const struct eff_json *body, struct eff_err *err)
{
    struct eff_world *world = call->world;
    eff_str object = eff_call_param(call, "object");
    bool deleted = eff_str_is(eff_call_param(call, "deleted"), "true");
    int64_t left = eff_call_param_int(call, "limit", CONTROL_RECORDS);
    struct eff_scan scan = {0};
    struct eff_json_writer w;
    size_t total = 0;

    (void)body;
    if (object.len != 0 && eff_shape_find(&world->shapes, object) == NULL)
        return EFF_FAIL(err, EFF_CONFIG, "there is no object \"" EFF_STR_FMT "\"",
                        EFF_STR_ARG(object));
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_int(&w, "format", 1);
    eff_json_key(&w, EFF_STR("records"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < world->shapes.count; i++) {
        const struct eff_shape *shape = world->shapes.at[i];

        if (object.len != 0 && shape != eff_shape_find(&world->shapes, object))
            continue;
        scan = (struct eff_scan){
            .shape = shape, .after = eff_call_param_int(call, "after", 0), .deleted = deleted};
        total += eff_records_count(world->records, shape, deleted);
        control_write_records(call, &w, &scan, &left);
    }
    eff_json_end_array(&w);
    eff_json_field_int(&w, "total", (int64_t)total);
    if (object.len != 0)
        eff_json_field_int(&w, "after", scan.after); // for the next page
    eff_json_end_object(&w);
    return EFF_OK;
}

static struct eff_cell
control_cell(struct eff_call *call, const struct eff_json *value)
{
    eff_str text = eff_str_copy(call->arena, eff_json_str(value));

    switch (eff_json_type(value)) {
    case EFF_JSON_STRING:
        return (struct eff_cell){EFF_CELL_TEXT, text};
    case EFF_JSON_NUMBER:
        return (struct eff_cell){call->world->vendor->all_text ? EFF_CELL_TEXT : EFF_CELL_NUMBER,
                                 text};
    case EFF_JSON_BOOL:
        return (struct eff_cell){call->world->vendor->all_text ? EFF_CELL_TEXT : EFF_CELL_BOOL,
                                 text};
    default:
        return (struct eff_cell){EFF_CELL_NULL, EFF_STR_NONE};
    }
}

static enum eff_fault
control_seed_one(struct eff_call *call, const struct eff_shape *shape,
                 const struct eff_json *fields, struct eff_err *err)
{
    struct eff_cell *cells = eff_new(call->arena, struct eff_cell, shape->count);
    struct eff_json_iter iter = eff_json_iterate(fields);
    const struct eff_json *value;
    eff_str key;

    while (eff_json_next(&iter, &key, &value)) {
        const struct eff_field *field = eff_shape_field(&call->world->shapes, shape, key);

        if (field == NULL)
            return EFF_FAIL(err, EFF_CONFIG, "there is no field " EFF_STR_FMT " on " EFF_STR_FMT,
                            EFF_STR_ARG(key), EFF_STR_ARG(shape->name));
        cells[field->slot] = control_cell(call, value);
    }
    eff_records_insert(call->world->records, shape, cells, eff_world_now(call->world));
    return EFF_OK;
}

/* {"object": "Lead", "records": [{...}]}: stored as they are, twins and all. */
static enum eff_fault
control_seed(struct eff_call *call, const struct eff_json *body, struct eff_err *err)
{
    eff_str object = eff_json_str(eff_json_get(body, EFF_STR("object")));
    const struct eff_shape *shape = eff_shape_find(&call->world->shapes, object);
    struct eff_json_iter iter = eff_json_iterate(eff_json_get(body, EFF_STR("records")));
    const struct eff_json *fields;

    if (shape == NULL)
        return EFF_FAIL(err, EFF_CONFIG, "there is no object \"" EFF_STR_FMT "\"",
                        EFF_STR_ARG(object));
    while (eff_json_next(&iter, NULL, &fields))
        EFF_TRY(control_seed_one(call, shape, fields, err));
    control_done(call);
    return EFF_OK;
}

static enum eff_fault
control_requests(struct eff_call *call, const struct eff_json *body, struct eff_err *err)
{
    struct eff_json_writer w = eff_call_answer(call, 200);
    int64_t after = eff_call_param_int(call, "after", 0);
    int64_t limit = eff_call_param_int(call, "limit", CONTROL_RECORDS);

    (void)body;
    (void)err;
    eff_log_write(&w, call->world->log,
                  (struct eff_log_view){.after = after < 0 ? 0 : (uint64_t)after,
                                        .limit = limit < 0 ? 0 : (size_t)limit,
                                        .bodies = eff_call_param_int(call, "bodies", 1) != 0});
    return EFF_OK;
}

static enum eff_fault
control_faults(struct eff_call *call, const struct eff_json *body, struct eff_err *err)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    (void)body;
    (void)err;
    eff_json_begin_object(&w);
    eff_json_field_int(&w, "format", 1);
    eff_json_key(&w, EFF_STR("rules"));
    eff_faults_write(&w, &call->world->faults);
    eff_json_end_object(&w);
    return EFF_OK;
}

static enum eff_fault
control_set_faults(struct eff_call *call, const struct eff_json *body, struct eff_err *err)
{
    EFF_TRY(eff_world_configure(call->world, body, err));
    control_done(call);
    return EFF_OK;
}

static enum eff_fault
control_schema(struct eff_call *call, const struct eff_json *body, struct eff_err *err)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    (void)body;
    (void)err;
    eff_shapes_write(&w, &call->world->shapes);
    return EFF_OK;
}

static enum eff_fault
control_new_object(struct eff_call *call, const struct eff_json *name, struct eff_err *err)
{
    eff_str text = eff_json_str(name);

    if (eff_json_type(name) != EFF_JSON_STRING || text.len == 0 || text.len > 255)
        return EFF_FAIL(err, EFF_CONFIG, "create names an object in 1 to 255 bytes");
    if (eff_shape_find(&call->world->shapes, text) != NULL)
        return EFF_FAIL(err, EFF_CONFIG, "object " EFF_STR_FMT " is there already",
                        EFF_STR_ARG(text));
    call->world->vendor->new_shape(&call->world->shapes, text, text);
    return EFF_OK;
}

/* One change of a field, or {"create": "Plan__c"} for a new object. */
static enum eff_fault
control_set_schema(struct eff_call *call, const struct eff_json *body, struct eff_err *err)
{
    struct eff_world *world = call->world;
    const struct eff_json *create = eff_json_get(body, EFF_STR("create"));

    if (create != NULL)
        EFF_TRY(control_new_object(call, create, err));
    else
        EFF_TRY(eff_shapes_change(&world->shapes, body, err));
    for (size_t i = 0; eff_json_get(body, EFF_STR("change")) != NULL && i < world->shapes.count;
         i++)
        eff_records_reindex(world->records, world->shapes.at[i], *call->arena);
    eff_world_save_shapes(world);
    control_done(call);
    return EFF_OK;
}

static enum eff_fault
control_set_clock(struct eff_call *call, const struct eff_json *body, struct eff_err *err)
{
    int64_t advance;

    if (!eff_json_int(eff_json_get(body, EFF_STR("advance_ms")), &advance) ||
        advance > CONTROL_MS_MAX || advance < -CONTROL_MS_MAX ||
        call->world->clock_ms + advance > CONTROL_MS_MAX ||
        call->world->clock_ms + advance < -CONTROL_MS_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "advance_ms must be an integer");
    call->world->clock_ms += advance;
    control_done(call);
    return EFF_OK;
}

static enum eff_fault
control_set_tokens(struct eff_call *call, const struct eff_json *body, struct eff_err *err)
{
    eff_str issue = eff_json_str(eff_json_get(body, EFF_STR("issue")));
    eff_str revoke = eff_json_str(eff_json_get(body, EFF_STR("revoke")));
    struct eff_world *world = call->world;

    if (issue.len + revoke.len == 0 || issue.len > 63 || revoke.len > 63)
        return EFF_FAIL(err, EFF_CONFIG, "issue or revoke a token of 1 to 63 bytes");
    if (issue.len != 0) {
        for (size_t i = 0; i < world->revoked_count && i < EFF_WORLD_TOKENS; i++)
            if (eff_str_is(issue, world->revoked[i]))
                world->revoked[i][0] = '\0';
        eff_world_issue(world, issue);
    }
    eff_world_revoke(world, revoke);
    control_done(call);
    return EFF_OK;
}

static enum eff_fault
control_reset(struct eff_call *call, const struct eff_json *body, struct eff_err *err)
{
    (void)body;
    EFF_TRY(eff_world_reset(call->world, err));
    control_done(call);
    return EFF_OK;
}

static enum eff_fault
control_key(struct eff_call *call, const struct eff_json *body, struct eff_err *err)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    (void)body;
    (void)err;
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "client", EFF_STR("test-user"));
    eff_json_field_str(&w, "private_key", eff_sandbox_key());
    eff_json_end_object(&w);
    return EFF_OK;
}

static const struct control_route control_routes[] = {
    {"GET", "/_sandbox", control_overview},
    {"GET", "/_sandbox/records", control_records},
    {"POST", "/_sandbox/records", control_seed},
    {"GET", "/_sandbox/requests", control_requests},
    {"GET", "/_sandbox/faults", control_faults},
    {"POST", "/_sandbox/faults", control_set_faults},
    {"GET", "/_sandbox/schema", control_schema},
    {"POST", "/_sandbox/schema", control_set_schema},
    {"POST", "/_sandbox/clock", control_set_clock},
    {"POST", "/_sandbox/tokens", control_set_tokens},
    {"POST", "/_sandbox/reset", control_reset},
    {"GET", "/_sandbox/key", control_key},
};

static void
control_refuse(struct eff_call *call, int status, const struct eff_err *err)
{
    struct eff_json_writer w = eff_call_answer(call, status);

    eff_json_begin_object(&w);
    eff_json_field_int(&w, "format", 1);
    eff_json_field_str(&w, "status", EFF_STR("error"));
    eff_json_field_str(&w, "message", eff_str_of(err->msg));
    eff_json_field_str(&w, "hint", eff_str_of(err->hint));
    eff_json_end_object(&w);
}

static const struct control_route *
control_find(const struct eff_call *call)
{
    eff_str path = call->path;

    if (path.ptr[path.len - 1] == '/')
        path.len--;
    for (size_t i = 0; i < sizeof(control_routes) / sizeof(control_routes[0]); i++)
        if (eff_str_is(path, control_routes[i].path) &&
            eff_str_is(call->method, control_routes[i].method))
            return &control_routes[i];
    return NULL;
}

void
eff_control_handle(struct eff_call *call)
{
    const struct control_route *route = control_find(call);
    const struct eff_json *body = NULL;
    struct eff_err err = {0};

    // A web page that is open in somebody's browser must not steer the stand-in.
    if (eff_call_header(call, "origin").ptr != NULL) {
        EFF_FAIL(&err, EFF_CONFIG, "requests of web pages are not served here");
        control_refuse(call, 403, &err);
        return;
    }
    if (route == NULL) {
        EFF_FAIL(&err, EFF_CONFIG, "there is no such path and method below /_sandbox/");
        control_refuse(call, 404, &err);
        return;
    }
    if (call->body.len != 0 && (body = eff_call_json(call, &err)) == NULL) {
        control_refuse(call, 400, &err);
        return;
    }
    eff_world_tick(call);
    eff_records_begin(call->world->records);
    if (route->handle(call, body, &err) == EFF_OK) {
        eff_records_commit(call->world->records);
    } else {
        eff_records_rollback(call->world->records);
        control_refuse(call, 400, &err);
    }
}
