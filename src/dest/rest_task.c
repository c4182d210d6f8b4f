/* rest_task: login, discovery of the other side's schema, making its fields, reading records back. */
#include "dest/rest_task.h"

#include "base/clock.h"
#include "base/sign.h"

#define TASK_TRIES_MAX 5
#define TASK_PAGES_MAX 1000
#define TASK_PAUSE_MS  500

bool
rest_needs_login(const struct rest_dest *dest)
{
    if (!dest->login)
        return false;
    return !dest->token.ptr || (dest->expires_ms > 0 && dest->now_ms > dest->expires_ms - 60000);
}

struct task_work *
rest_task_work(struct eff_task *task)
{
    if (!task->scratch)
        task->scratch = eff_new(task->arena, struct task_work, 1);
    return task->scratch;
}

static struct eff_step
task_stop(struct rest_dest *dest, struct eff_task *task, const struct eff_response *response,
          enum eff_fault fault, const char *what, struct eff_err *err)
{
    const struct eff_json *json = rest_json(response, task->arena);
    struct rest_refusal refusal = rest_refusal_of(dest->connector, response, json, task->arena);
    const struct eff_error_rule *rule =
        response->wire == EFF_WIRE_ANSWERED
            ? rest_rule(dest->connector, response->status, &refusal, json, EFF_OP_NONE, false)
            : NULL;

    fault = response->not_allowed ? EFF_CONFIG : fault;
    rest_told(dest->connector, response, &refusal, fault, what, err);
    rest_hint(rule ? rule->remedy : EFF_STR_NONE, fault, err);
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

struct eff_step
rest_task_failure(struct rest_dest *dest, struct eff_task *task, struct task_work *work,
                  const struct eff_response *response, const char *what, struct eff_err *err)
{
    int status = response->wire == EFF_WIRE_ANSWERED ? response->status : 0;
    int64_t wait = eff_response_retry_after_ms(response);
    const struct eff_json *json = status ? rest_json(response, task->arena) : NULL;
    struct rest_refusal refusal = rest_refusal_of(dest->connector, response, json, task->arena);
    const struct eff_error_rule *rule =
        status ? rest_rule(dest->connector, status, &refusal, json, EFF_OP_NONE, false) : NULL;
    enum eff_fault fault = rule && rule->fault ? rule->fault
                           : status == 403     ? EFF_AUTH
                           : status == 429     ? EFF_RATE
                           : status == 0 || status == 408 || status >= 500 || status < 300
                               ? EFF_TRANSIENT
                               : EFF_CONFIG;

    if (status == 401) {
        dest->refused = true;
        dest->remedy = rule ? rule->remedy : EFF_STR_NONE;
        return (struct eff_step){.kind = EFF_STEP_AUTH};
    }
    if ((fault == EFF_RATE || fault == EFF_TRANSIENT) && !response->not_allowed &&
        ++work->tries < TASK_TRIES_MAX)
        return (struct eff_step){.kind = EFF_STEP_WAIT,
                                 .wait_ms = wait >= 0 ? wait : TASK_PAUSE_MS << work->tries};
    return task_stop(dest, task, response, fault, what, err);
}

bool
rest_task_good(const struct eff_response *response)
{
    return response->wire == EFF_WIRE_ANSWERED && response->status >= 200 && response->status < 300;
}

struct eff_step
rest_task_send(struct rest_dest *dest, const struct eff_call *call, struct eff_render *r,
               const struct eff_paging *next, eff_str cursor, struct eff_err *err)
{
    struct eff_step step = {.kind = EFF_STEP_SEND};
    bool address = cursor.ptr && next && !next->query.ptr;

    if (rest_needs_login(dest))
        return (struct eff_step){.kind = EFF_STEP_AUTH};
    r->cursor = cursor;
    switch (
        rest_request(dest, call, r, address ? cursor : EFF_STR_NONE, false, &step.request, err)) {
    case REST_BUILT:
        break;
    case REST_ROWS_BAD:
        return (struct eff_step){0};
    case REST_TOO_LONG:
        return (struct eff_step){.kind = EFF_STEP_SPLIT};
    case REST_NOT_BUILT:
        return (struct eff_step){.kind = EFF_STEP_STOP};
    }
    if (cursor.ptr && !address && next)
        rest_request_page(r->arena, &step.request, next->query, cursor);
    return step;
}

/* The next page's cursor; false when this was the last one. */
static bool
task_next_page(struct task_work *work, const struct eff_paging *next, const struct eff_json *json,
               struct eff_arena *arena)
{
    eff_str cursor = next->at.ptr ? eff_json_str(eff_json_pointer(json, next->at)) : EFF_STR_NONE;

    if (!cursor.len || eff_str_eq(cursor, work->cursor) || ++work->pages >= TASK_PAGES_MAX)
        return false;
    work->cursor = eff_str_copy(arena, cursor);
    return true;
}

/* ---- login ---- */

static struct eff_step
authorize_answer(struct rest_dest *dest, struct eff_task *task, const struct eff_response *last,
                 struct eff_err *err)
{
    const struct eff_login *login = dest->login;
    const struct eff_json *json = rest_json(last, task->arena);
    eff_str token = eff_json_str(eff_json_pointer(json, login->token));
    eff_str url =
        login->base.ptr ? eff_json_str(eff_json_pointer(json, login->base)) : EFF_STR_NONE;
    int64_t seconds;

    if (!rest_task_good(last)) {
        bool later = last->wire != EFF_WIRE_ANSWERED || last->status == 429 ||
                     last->status == 408 || last->status >= 500;

        return task_stop(dest, task, last,
                         last->status == 429 ? EFF_RATE
                         : later             ? EFF_TRANSIENT
                                             : EFF_AUTH,
                         "login", err);
    }
    if (!token.len) {
        EFF_FAIL(err, EFF_TRANSIENT, "login: the answer of " EFF_STR_FMT " has no access token",
                 EFF_STR_ARG(dest->connector->title));
        return (struct eff_step){.kind = EFF_STEP_STOP};
    }
    if (url.len && !rest_host_allowed(dest, url)) {
        EFF_FAIL(err, EFF_CONFIG,
                 "login: the answer leads to " EFF_STR_FMT ", where the connector may not go",
                 EFF_STR_ARG(eff_str_sub(url, 0, 200)));
        return (struct eff_step){.kind = EFF_STEP_STOP};
    }
    dest->token = eff_str_copy(dest->run, token);
    eff_ear_tell(&dest->base.ear, token);
    if (url.len)
        dest->url = eff_str_copy(dest->run, url);
    dest->expires_ms = 0;
    if (login->expires_in.ptr && last->now_wall_ms > 0 &&
        eff_json_int(eff_json_pointer(json, login->expires_in), &seconds) && seconds > 0 &&
        seconds < 100000000)
        dest->expires_ms = last->now_wall_ms + seconds * 1000;
    dest->refused = false;
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

/* The members of a JSON object, without its braces. */
static enum eff_fault
authorize_members(struct eff_render *r, const struct eff_tree *tree, eff_str *ret_members,
                  struct eff_err *err)
{
    struct eff_buf buf = {0};
    bool good = eff_render_json(r, tree, &buf);

    *ret_members = eff_str_copy(r->arena, eff_str_sub(eff_buf_str(&buf), 1, buf.len - 2));
    eff_buf_free(&buf);
    if (good)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, "login: " EFF_STR_FMT, EFF_STR_ARG(r->problem));
    return eff_err_hint(err, "Give what the login needs in the destination's block.");
}

static enum eff_fault
authorize_sign(const struct rest_dest *dest, int64_t now_ms, struct eff_render *r,
               eff_str *ret_token, struct eff_err *err)
{
    const struct eff_login *login = dest->login;
    eff_str header = EFF_STR_NONE, claims;
    enum eff_jwt_alg alg;
    struct eff_buf key = {0};
    long long now = (long long)(now_ms / 1000), lifetime = login->jwt_lifetime_ms / 1000;
    enum eff_fault fault;

    if (login->jwt_header.kind)
        EFF_TRY(authorize_members(r, &login->jwt_header, &header, err));
    EFF_TRY(authorize_members(r, &login->jwt_claims, &claims, err));
    claims = eff_str_printf(r->arena, "{" EFF_STR_FMT ",\"iat\":%lld,\"exp\":%lld}",
                            EFF_STR_ARG(claims), now, now + lifetime);
    if (eff_render_text(r, &login->jwt_key, EFF_SLOT_BODY, &key) != EFF_RENDERED) {
        fault = EFF_FAIL(err, EFF_CONFIG, "login: " EFF_STR_FMT, EFF_STR_ARG(r->problem));
    } else {
        alg = eff_jwt_alg_of(eff_buf_str(&key), login->jwt_alg, *r->arena);
        header = eff_str_printf(r->arena, "{\"alg\":\"%s\",\"typ\":\"JWT\"%s" EFF_STR_FMT "}",
                                eff_jwt_alg_name(alg), header.len ? "," : "", EFF_STR_ARG(header));
        fault = eff_jwt_sign_by(eff_buf_str(&key), alg, header, claims, r->arena, ret_token, err);
        if (fault == EFF_OK)
            eff_ear_tell(&dest->base.ear, *ret_token);
    }
    eff_buf_free(&key);
    return fault;
}

static struct eff_step
authorize_refused(const struct rest_dest *dest, struct eff_err *err)
{
    EFF_FAIL(err, EFF_AUTH, EFF_STR_FMT " refuses the credential",
             EFF_STR_ARG(dest->connector->title));
    rest_hint(dest->remedy.len
                  ? dest->remedy
                  : EFF_STR("check the credential and its scopes; `efferent check` tries it"),
              EFF_AUTH, err);
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

struct eff_step
rest_authorize(struct rest_dest *dest, struct eff_task *task, const struct eff_response *last,
               struct eff_err *err)
{
    struct eff_render r = rest_render(dest, task->arena);
    struct eff_step step = {.kind = EFF_STEP_SEND};

    if (last)
        return authorize_answer(dest, task, last, err);
    if (!dest->login)
        return dest->refused ? authorize_refused(dest, err)
                             : (struct eff_step){.kind = EFF_STEP_DONE};
    if (dest->token.ptr && !dest->refused && !rest_needs_login(dest))
        return (struct eff_step){.kind = EFF_STEP_DONE};
    if (dest->login->jwt_key.parts &&
        authorize_sign(dest, task->now_wall_ms, &r, &r.assertion, err) != EFF_OK)
        return dest->refused && r.problem.len > 0 ? authorize_refused(dest, err)
                                                  : (struct eff_step){.kind = EFF_STEP_STOP};
    if (rest_request(dest, &dest->login->call, &r, EFF_STR_NONE, true, &step.request, err) !=
        REST_BUILT) {
        if (dest->refused) // the token was given, and nothing to get another one by
            return authorize_refused(dest, err);
        eff_err_hint(err, "Give what the login needs in the destination's block.");
        return (struct eff_step){.kind = EFF_STEP_STOP};
    }
    return step;
}

/* ---- describe ---- */

static eff_str
describe_text(struct eff_arena *arena, const struct eff_json *json, eff_str pointer)
{
    eff_str text = pointer.ptr ? eff_json_str(eff_json_pointer(json, pointer)) : EFF_STR_NONE;

    return text.ptr ? eff_str_copy(arena, text) : EFF_STR("");
}

static void
describe_choices(const struct eff_fields_call *call, struct eff_arena *arena,
                 const struct eff_json *json, struct eff_dest_field *field)
{
    const struct eff_json *list, *choice;
    struct eff_json_iter iter;
    eff_str *choices;

    if (!call->choices_each.ptr ||
        (call->choices_when.at.ptr && !rest_test(&call->choices_when, json)))
        return;
    list = eff_json_pointer(json, call->choices_each);
    choices = eff_new(arena, eff_str, eff_json_count(list));
    iter = eff_json_iterate(list);
    while (eff_json_next(&iter, NULL, &choice))
        choices[field->choices_count++] = describe_text(
            arena, choice, call->choices_value.ptr ? call->choices_value : EFF_STR(""));
    field->choices = choices;
}

static enum eff_field_type
describe_type(const struct eff_objects *objects, eff_str name)
{
    for (size_t i = 0; i < objects->types_count; i++) {
        if (eff_str_eq(objects->types[i].name, name))
            return objects->types[i].type;
    }
    return EFF_FIELD_ANY;
}

static struct eff_dest_field *
describe_new(struct eff_arena *arena, struct task_work *work)
{
    if (work->fields_count == work->fields_cap) {
        size_t cap = work->fields_cap ? 2 * work->fields_cap : 64;
        struct eff_dest_field *grown = eff_new(arena, struct eff_dest_field, cap);

        if (work->fields_count)
            memcpy(grown, work->fields, work->fields_count * sizeof *grown);
        work->fields = grown;
        work->fields_cap = cap;
    }
    return &work->fields[work->fields_count++];
}

static bool
describe_holds(const struct eff_tests *tests, const struct eff_json *json)
{
    return tests->count > 0 && rest_tests(tests, json);
}

static eff_str
describe_type_name(struct eff_arena *arena, const struct eff_json *json,
                   const struct eff_str_list *places)
{
    eff_str name = EFF_STR_NONE;

    for (size_t i = 0; i < places->count && name.len == 0; i++)
        name = describe_text(arena, json, places->at[i]);
    return name;
}

static void
describe_field(const struct eff_objects *objects, struct eff_arena *arena, eff_str key,
               const struct eff_json *json, struct task_work *work)
{
    const struct eff_fields_call *call = work->call;
    eff_str name = call->name_is_key ? key : describe_text(arena, json, call->name);
    struct eff_dest_field *field;

    if (!name.len)
        return;
    field = describe_new(arena, work);
    *field = (struct eff_dest_field){.name = eff_str_printf(arena, EFF_STR_FMT EFF_STR_FMT,
                                                            EFF_STR_ARG(call->prefix),
                                                            EFF_STR_ARG(name)),
                                     .label = describe_text(arena, json, call->label),
                                     .type_name = describe_type_name(arena, json, &call->type),
                                     .read_only = describe_holds(&call->readonly, json),
                                     .unique = describe_holds(&call->unique, json),
                                     .required = describe_holds(&call->required, json)};
    if (describe_holds(&call->caseless, json))
        field->fold = EFF_FOLD_FIELD;
    field->type = describe_type(objects, field->type_name);
    describe_choices(call, arena, json, field);
}

static void
describe_standard(const struct eff_objects *objects, eff_str object, struct eff_arena *arena,
                  struct task_work *work)
{
    for (size_t i = 0; i < objects->standard_count; i++) {
        const struct eff_standard_field *at = &objects->standard[i];

        if (eff_str_eq(at->object, object))
            *describe_new(arena, work) = (struct eff_dest_field){
                .name = at->name, .label = at->name, .type_name = EFF_STR(""), .type = at->type};
    }
}

static void
describe_object(struct eff_arena *arena, eff_str name, struct task_work *work)
{
    if (!name.len)
        return;
    if (work->objects_count == work->objects_cap) {
        size_t cap = work->objects_cap ? 2 * work->objects_cap : 64;
        eff_str *grown = eff_new(arena, eff_str, cap);

        if (work->objects_count)
            memcpy(grown, work->objects, work->objects_count * sizeof *grown);
        work->objects = grown;
        work->objects_cap = cap;
    }
    work->objects[work->objects_count++] = name;
}

/* The request that tells the fields of the object, or NULL. */
static const struct eff_fields_call *
describe_call(const struct rest_dest *dest, eff_str object)
{
    const struct eff_objects *objects = &dest->connector->objects;

    for (size_t i = 0; i < objects->fields_count; i++)
        if (rest_named(&objects->fields[i].only, object))
            return &objects->fields[i];
    return NULL;
}

static eff_str
describe_group(const struct eff_fields_call *call)
{
    return call->group.len ? call->group : call->prefix;
}

static bool
describe_creates(const struct rest_dest *dest, const struct eff_new_field *create)
{
    return create->call.given && eff_str_is(dest->options[create->needs_option], "true");
}

/* The types outlive the task: a reading may write a field by its type. */
static void
describe_keep(struct rest_dest *dest, const struct task_work *work)
{
    const struct eff_connector *connector = dest->connector;
    struct eff_dest_field *kept;
    bool wanted = false;

    for (size_t i = 0; i < connector->readings_count; i++) {
        wanted = wanted || connector->readings[i].zoneless;
        for (size_t type = 0; type < EFF_FIELD_TYPES_COUNT; type++)
            wanted = wanted || connector->readings[i].forms[type].count > 0;
    }
    if (!wanted)
        return;
    kept = eff_new(dest->run, struct eff_dest_field, work->fields_count);
    for (size_t i = 0; i < work->fields_count; i++)
        kept[i] = (struct eff_dest_field){.name = eff_str_copy(dest->run, work->fields[i].name),
                                          .type = work->fields[i].type};
    dest->described = kept;
    dest->described_count = work->fields_count;
}

enum { DESCRIBE_FIELDS = 0, DESCRIBE_LIST };

static struct eff_step
describe_end(struct rest_dest *dest, struct eff_task *task, struct task_work *work, bool exists)
{
    const struct eff_new_field *create = &work->call->create;

    describe_keep(dest, work);
    *task->schema =
        (struct eff_schema){.known = true,
                            .object_exists = exists,
                            .typed = true,
                            .fields_count = work->fields_count,
                            .fields = work->fields,
                            .group = describe_group(work->call),
                            .new_types = describe_creates(dest, create) ? create->types : NULL,
                            .objects_count = work->objects_count,
                            .objects = work->objects};
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

/* One page; the step is 0 when there is more to ask. */
static struct eff_step
describe_page(struct rest_dest *dest, struct eff_task *task, struct task_work *work,
              const struct eff_response *last, struct eff_err *err)
{
    const struct eff_objects *objects = &dest->connector->objects;
    const struct eff_json *json = rest_json(last, task->arena), *element;
    bool fields = work->phase == DESCRIBE_FIELDS;
    const struct eff_json *list = eff_json_pointer(
        json, fields ? rest_pointer(dest, task->arena, work->call->each, EFF_STR(""))
                     : objects->list_each);
    struct eff_json_iter iter = eff_json_iterate(list);
    eff_str key;

    if (eff_json_type(list) != EFF_JSON_ARRAY && eff_json_type(list) != EFF_JSON_OBJECT)
        return rest_task_failure(dest, task, work, last, "describe", err);
    while (eff_json_next(&iter, &key, &element)) {
        if (fields)
            describe_field(objects, task->arena, key, element, work);
        else
            describe_object(task->arena, describe_text(task->arena, element, objects->list_name),
                            work);
    }
    if (task_next_page(work, fields ? &work->call->next : &objects->list_next, json, task->arena))
        return (struct eff_step){0};
    if (fields)
        describe_standard(objects, task->object, task->arena, work);
    return describe_end(dest, task, work, fields);
}

static bool
describe_missing(const struct eff_objects *objects, const struct eff_response *last)
{
    return last->wire == EFF_WIRE_ANSWERED &&
           (objects->missing_status.count ? eff_ints_have(&objects->missing_status, last->status)
                                          : last->status == 404);
}

struct eff_step
rest_describe(struct rest_dest *dest, struct eff_task *task, const struct eff_response *last,
              struct eff_err *err)
{
    const struct eff_objects *objects = &dest->connector->objects;
    struct task_work *work = rest_task_work(task);
    struct eff_render r = rest_render(dest, task->arena);
    struct eff_step step = {0};

    *task->schema = (struct eff_schema){0};
    work->call = describe_call(dest, task->object);
    if (!work->call)
        return (struct eff_step){.kind = EFF_STEP_DONE};
    if (last && rest_task_good(last)) {
        step = describe_page(dest, task, work, last, err);
    } else if (last && work->phase == DESCRIBE_FIELDS && describe_missing(objects, last)) {
        work->phase = DESCRIBE_LIST;
        work->cursor = EFF_STR_NONE;
        for (size_t i = 0; i < objects->known.count; i++)
            describe_object(task->arena, objects->known.at[i], work);
        if (!objects->list.given)
            return describe_end(dest, task, work, false);
    } else if (last && work->phase == DESCRIBE_LIST && last->wire == EFF_WIRE_ANSWERED &&
               last->status < 500 && last->status != 429 && last->status != 401) {
        return describe_end(dest, task, work, false); /* the names nearby are only a help */
    } else if (last) {
        step = rest_task_failure(dest, task, work, last, "describe", err);
    }
    if (step.kind)
        return step;
    r.object = task->object;
    return work->phase == DESCRIBE_FIELDS
               ? rest_task_send(dest, &work->call->call, &r, &work->call->next, work->cursor, err)
               : rest_task_send(dest, &objects->list, &r, &objects->list_next, work->cursor, err);
}

/* ---- making a field ---- */

static eff_str
create_group(struct rest_dest *dest, const struct eff_task *task,
             const struct eff_new_field *create)
{
    struct eff_render r = rest_render(dest, task->arena);
    struct eff_buf buf = {0};
    eff_str group = EFF_STR_NONE;

    for (size_t i = 0; i < create->groups_count && !group.ptr; i++) {
        if (!eff_str_eq(create->groups[i].name, task->object) &&
            !eff_str_is(create->groups[i].name, "others"))
            continue;
        if (eff_render_text(&r, &create->groups[i].value, EFF_SLOT_BODY, &buf) != EFF_RENDERED)
            break;
        group = eff_str_copy(task->arena, eff_buf_str(&buf));
    }
    eff_buf_free(&buf);
    return group;
}

/* Whether it came into being when the answer was lost, the caller sees by asking for the schema. */
struct eff_step
rest_create(struct rest_dest *dest, struct eff_task *task, const struct eff_response *last,
            struct eff_err *err)
{
    const struct eff_fields_call *call = describe_call(dest, task->object);
    struct eff_render r = rest_render(dest, task->arena);
    struct eff_step step = {.kind = EFF_STEP_DONE};

    if (last)
        return rest_task_good(last)
                   ? step
                   : rest_task_failure(dest, task, rest_task_work(task), last, "create", err);
    if (!call || !describe_creates(dest, &call->create) ||
        !call->create.types[task->field->type].len) {
        EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " makes no such field",
                 EFF_STR_ARG(dest->connector->title));
        return (struct eff_step){.kind = EFF_STEP_STOP};
    }
    r.object = task->object;
    r.new_name = eff_str_sub(task->field->name, describe_group(call).len, SIZE_MAX);
    r.new_type = call->create.types[task->field->type];
    if (call->create.forms[task->field->type].kind)
        r.new_form = &call->create.forms[task->field->type];
    r.new_group = create_group(dest, task, &call->create);
    step = rest_task_send(dest, &call->create.call, &r, NULL, EFF_STR_NONE, err);
    step.request.writes = step.kind == EFF_STEP_SEND;
    return step;
}

/* ---- reading back ---- */

static const struct eff_reading *
read_reading(const struct rest_dest *dest, const struct eff_task *task)
{
    return task->read->match_count > 0
               ? rest_reading(dest, task->object, &task->read->match_names[0])
               : NULL;
}

static struct task_work *
read_start(struct rest_dest *dest, struct eff_task *task)
{
    struct eff_read *read = task->read;
    struct task_work *work = rest_task_work(task);
    struct eff_item *items = eff_new(task->arena, struct eff_item, read->count);
    struct eff_value *absent = eff_new(task->arena, struct eff_value, read->fields_count);

    for (size_t i = 0; i < read->fields_count; i++)
        absent[i].kind = EFF_ABSENT;
    for (size_t i = 0; i < read->count; i++) {
        items[i] = (struct eff_item){
            .index = i, .fields = absent, .match = read->match + i * read->match_count};
        read->records[i] = (struct eff_record){0};
    }
    work->delivery = (struct eff_delivery){.object = task->object,
                                           .match_count = read->match_count,
                                           .match_names = read->match_names,
                                           .fields_count = read->fields_count,
                                           .field_names = read->field_names,
                                           .count = read->count,
                                           .items = items,
                                           .arena = task->arena};
    work->rows = eff_new(task->arena, size_t, read->count);
    eff_shapes_build(task->arena, &work->delivery, dest->connector->values.flat_names,
                     &work->shapes);
    return work;
}

/* "address.city": nested, or a name with a dot in it. */
static const struct eff_json *
read_field(const struct eff_json *record, eff_str name)
{
    const struct eff_json *value = eff_json_get(record, name);
    eff_str head, tail = name;

    for (const struct eff_json *at = record; !value && at;) {
        if (!eff_str_cut(tail, '.', &head, &tail))
            return eff_json_get(at, head);
        at = eff_json_get(at, head);
    }
    return value;
}

static struct eff_value
read_value(const struct eff_json *json, struct eff_arena *arena)
{
    struct eff_buf buf = {0};
    struct eff_value value;

    switch (eff_json_type(json)) {
    case EFF_JSON_STRING:
        return eff_value_of_str(EFF_TEXT, eff_str_copy(arena, eff_json_str(json)));
    case EFF_JSON_NUMBER:
        return eff_value_of_str(EFF_DECIMAL, eff_str_copy(arena, eff_json_str(json)));
    case EFF_JSON_BOOL:
        return eff_value_of_int(EFF_BOOL, eff_json_bool(json));
    case EFF_JSON_ARRAY:
    case EFF_JSON_OBJECT:
        eff_json_print(&buf, json, false);
        value = eff_value_of_str(EFF_JSON, eff_str_copy(arena, eff_buf_str(&buf)));
        eff_buf_free(&buf);
        return value;
    default:
        return (struct eff_value){.kind = EFF_NULL};
    }
}

static bool
read_untold(const struct eff_reading *reading, eff_str name)
{
    for (size_t i = 0; i < reading->untold.count; i++)
        if (eff_str_ends(name, reading->untold.at[i]))
            return true;
    return false;
}

/* A time without a zone is told as one, so that nobody takes it for UTC. */
static struct eff_value
read_zoneless(struct eff_value value)
{
    struct eff_civil civil;

    if (value.kind == EFF_TEXT && eff_time_parse(eff_value_str(&value), &civil) && civil.has_time &&
        !civil.has_offset)
        return eff_value_of_int(EFF_DATETIME, eff_micros_from_civil(&civil));
    return value;
}

static enum eff_field_type
read_type(const struct rest_dest *dest, eff_str name)
{
    for (size_t i = 0; i < dest->described_count; i++)
        if (eff_str_eq(dest->described[i].name, name))
            return dest->described[i].type;
    return EFF_FIELD_ANY;
}

static void
read_record(const struct rest_dest *dest, struct eff_task *task, const struct eff_json *json,
            struct eff_record *record)
{
    const struct eff_reading *reading = read_reading(dest, task);
    const struct eff_json *fields = eff_json_pointer(
        json, rest_pointer(dest, task->arena, reading->fields, task->read->match_names[0]));
    struct eff_value *values = eff_new(task->arena, struct eff_value, task->read->fields_count);

    record->found = true;
    record->remote_id = describe_text(task->arena, json, reading->remote_id);
    for (size_t i = 0; i < task->read->fields_count; i++) {
        eff_str name = task->read->field_names[i];

        if (reading->small_names)
            name = eff_str_lower(task->arena, name);
        values[i] = read_untold(reading, task->read->field_names[i])
                        ? (struct eff_value){.kind = EFF_ABSENT}
                        : read_value(read_field(fields, name), task->arena);
        if (reading->zoneless && read_type(dest, task->read->field_names[i]) == EFF_FIELD_TIMESTAMP)
            values[i] = read_zoneless(values[i]);
    }
    record->fields = values;
}

/* A record goes to each row of the page whose match value it has (in any case of letters). */
static void
read_assign(struct rest_dest *dest, struct eff_task *task, struct task_work *work,
            const struct eff_json *json)
{
    const struct eff_reading *reading = read_reading(dest, task);
    eff_str row_at = rest_pointer(dest, task->arena, reading->row, task->read->match_names[0]);
    eff_str told = reading->row.ptr ? eff_json_str(eff_json_pointer(json, row_at)) : EFF_STR_NONE;

    for (size_t i = work->at; i < work->at + work->many; i++) {
        struct eff_buf text = {0};
        bool same = !reading->row.ptr ||
                    (eff_values_text(&dest->connector->values, &work->delivery.items[i].match[0],
                                     *task->arena, &text) &&
                     eff_str_eq_nocase(eff_buf_str(&text), told));

        eff_buf_free(&text);
        if (same && !task->read->records[i].found)
            read_record(dest, task, json, &task->read->records[i]);
    }
}

/*
 * An answer that is the record itself, and not one: a word of maintenance does not say that there
 * is no record. An empty list does, and so does 204.
 */
static bool
read_unreadable(struct rest_dest *dest, struct eff_task *task, const struct eff_json *json,
                const struct eff_json *list, const struct eff_response *last)
{
    const struct eff_reading *reading = read_reading(dest, task);
    eff_str row_at = rest_pointer(dest, task->arena, reading->row, task->read->match_names[0]);

    if (!list || rest_silent(last))
        return true;
    if (eff_json_type(list) != EFF_JSON_OBJECT)
        return list == json && last->status != 204 && eff_json_type(list) != EFF_JSON_ARRAY;
    return (reading->remote_id.ptr && !describe_text(task->arena, list, reading->remote_id).len) ||
           (reading->row.ptr && !describe_text(task->arena, list, row_at).len);
}

/* On to the rows behind the ones that were asked for. */
static void
read_next(struct task_work *work)
{
    work->at += work->many;
    work->cursor = EFF_STR_NONE;
    work->pages = 0;
    work->tries = 0;
}

/* One page; the step is 0 when there is more to ask. */
static struct eff_step
read_page(struct rest_dest *dest, struct eff_task *task, struct task_work *work,
          const struct eff_response *last, struct eff_err *err)
{
    const struct eff_reading *reading = read_reading(dest, task);
    const struct eff_json *json = rest_json(last, task->arena), *element;
    const struct eff_json *list = rest_records(dest, task->arena, &reading->each, json);
    struct eff_json_iter iter = eff_json_iterate(list);

    if (read_unreadable(dest, task, json, list, last))
        return rest_task_failure(dest, task, work, last, "read", err);
    if (eff_json_type(list) == EFF_JSON_OBJECT)
        read_assign(dest, task, work, list);
    else
        while (eff_json_next(&iter, NULL, &element))
            read_assign(dest, task, work, element);
    if (task_next_page(work, &reading->next, json, task->arena))
        return (struct eff_step){0};
    read_next(work);
    return (struct eff_step){0};
}

/* What stands for the names of fields, by the types that the other side told. */
static const struct eff_text *const *
read_forms(const struct rest_dest *dest, const struct eff_task *task,
           const struct eff_reading *reading)
{
    const struct eff_read *read = task->read;
    const struct eff_text **forms =
        eff_new(task->arena, const struct eff_text *, read->fields_count);

    for (size_t i = 0; i < read->fields_count; i++) {
        const struct eff_text *form = &reading->forms[read_type(dest, read->field_names[i])];

        forms[i] = form->count > 0 ? form : NULL;
    }
    return forms;
}

static struct eff_step
read_too_long(const struct rest_dest *dest, const struct eff_task *task, struct eff_err *err)
{
    EFF_FAIL(err, EFF_CONFIG,
             "read: " EFF_STR_FMT " is asked by an address, and the one for a single record with "
             "%zu fields is too long",
             EFF_STR_ARG(dest->connector->title), task->read->fields_count);
    eff_err_hint(err, "Map fewer fields in one sync, or divide them among several.");
    return (struct eff_step){.kind = EFF_STEP_STOP};
}

/* Rows whose match value cannot stand in a request are not found; the others are asked for. */
static struct eff_step
read_send(struct rest_dest *dest, struct eff_task *task, struct task_work *work,
          struct eff_err *err)
{
    const struct eff_reading *reading = read_reading(dest, task);
    struct eff_step step = {0};
    size_t left;

    if (!work->cursor.ptr) { /* else it is a further page of the same */
        work->many = task->read->count - work->at;
        if (work->many > reading->rows_max)
            work->many = reading->rows_max;
    }
    for (left = 0; left < work->many; left++)
        work->rows[left] = work->at + left;
    while (step.kind == 0 && left > 0) {
        struct eff_render r = rest_render(dest, task->arena);
        size_t kept = 0;

        r.delivery = &work->delivery;
        r.object = task->object;
        r.shapes = &work->shapes;
        r.forms = read_forms(dest, task, reading);
        r.rows = work->rows;
        r.rows_count = left;
        r.bad = eff_new(task->arena, bool, task->read->count);
        r.bad_why = eff_new(task->arena, eff_str, task->read->count);
        if (reading->rows_max == 1)
            r.item = &work->delivery.items[work->at];
        step = rest_task_send(dest, &reading->call, &r, &reading->next, work->cursor, err);
        if (step.kind == EFF_STEP_SPLIT && (left == 1 || work->cursor.ptr))
            return read_too_long(dest, task, err);
        if (step.kind == EFF_STEP_SPLIT) {
            left = (left + 1) / 2;
            work->many = work->rows[left - 1] - work->at + 1;
            step.kind = 0;
            continue;
        }
        for (size_t i = 0; i < left; i++) {
            if (!r.bad[work->rows[i]])
                work->rows[kept++] = work->rows[i];
        }
        left = kept;
    }
    if (step.kind == 0)
        read_next(work);
    return step;
}

struct eff_step
rest_read(struct rest_dest *dest, struct eff_task *task, const struct eff_response *last,
          struct eff_err *err)
{
    const struct eff_reading *reading = read_reading(dest, task);
    struct task_work *work = task->scratch ? task->scratch : read_start(dest, task);
    struct eff_step step = {0};

    if (!reading) {
        EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " cannot be read back",
                 EFF_STR_ARG(dest->connector->title));
        return (struct eff_step){.kind = EFF_STEP_STOP};
    }
    if (last && rest_task_good(last)) {
        step = read_page(dest, task, work, last, err);
    } else if (last && rest_missing(dest, last, &reading->missing_status, reading->rows_max == 1,
                                    task->arena)) {
        read_next(work);
    } else if (last) {
        step = rest_task_failure(dest, task, work, last, "read", err);
    }
    while (step.kind == 0 && work->at < task->read->count)
        step = read_send(dest, task, work, err);
    return step.kind ? step : (struct eff_step){.kind = EFF_STEP_DONE};
}
