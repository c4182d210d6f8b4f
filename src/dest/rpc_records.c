/*
 * dest/rpc_records: Census' custom destinations: test_connection, list_objects,
 * supported_operations, list_fields and get_sync_speed say what there is, and records are given
 * to `sync_batch`.
 *
 * A row is applied only when its own result says `"success": true`; a row without a result may
 * have been applied.
 */
#include "dest/rpc.h"

#include "conf/project.h"

enum records_question {
    RECORDS_TEST = 0,
    RECORDS_OBJECTS,
    RECORDS_OPERATIONS,
    RECORDS_FIELDS,
    RECORDS_SPEED,
    RECORDS_QUESTIONS
};

static const char *const records_methods[RECORDS_QUESTIONS] = {
    "test_connection", "list_objects", "supported_operations", "list_fields", "get_sync_speed"};

/* ---- requests ---- */

static const char *
records_method(enum eff_op op)
{
    (void)op; // it is told beside the rows
    return "sync_batch";
}

static void
records_write_object(struct eff_json_writer *w, eff_str object)
{
    eff_json_key(w, EFF_STR("object"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "object_api_name", object);
    eff_json_field_str(w, "label", object);
    eff_json_end_object(w);
}

static void
records_write_field(struct eff_json_writer *w, eff_str name, bool identifier)
{
    eff_json_key(w, name);
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("active_identifier"));
    eff_json_write_bool(w, identifier);
    eff_json_key(w, EFF_STR("field"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "field_api_name", name);
    eff_json_field_str(w, "label", name);
    eff_json_end_object(w);
    eff_json_end_object(w);
}

static void
records_give(const struct eff_rpc_dest *dest, const struct eff_delivery *delivery,
             struct eff_json_writer *w)
{
    (void)dest;
    eff_json_key(w, EFF_STR("sync_plan"));
    eff_json_begin_object(w);
    records_write_object(w, delivery->object);
    eff_json_field_str(w, "operation", eff_str_of(eff_rpc_op_name(delivery->op)));
    eff_json_key(w, EFF_STR("schema"));
    eff_json_begin_object(w);
    for (size_t i = 0; i < delivery->match_count; i++)
        records_write_field(w, delivery->match_names[i], true);
    for (size_t i = 0; i < delivery->fields_count; i++)
        if (!eff_rpc_is_match(delivery, delivery->field_names[i]))
            records_write_field(w, delivery->field_names[i], false);
    eff_json_end_object(w);
    eff_json_end_object(w);
}

/* ---- answers ---- */

static struct eff_verdict
records_verdict(const struct eff_delivery *delivery, const struct eff_json *result)
{
    const struct eff_json *success = eff_json_get(result, EFF_STR("success"));
    eff_str message = eff_json_str(eff_json_get(result, EFF_STR("error_message")));

    if (eff_json_type(success) != EFF_JSON_BOOL)
        return (struct eff_verdict){.outcome = EFF_MAYBE_APPLIED,
                                    .fault = EFF_TRANSIENT,
                                    .message = EFF_STR("its result has no `success`")};
    if (eff_json_bool(success))
        return (struct eff_verdict){.outcome = EFF_APPLIED};
    return eff_rpc_refused(delivery, message, "it gives no error_message");
}

static void
records_take(struct eff_delivery *delivery, const struct eff_json *result)
{
    const eff_str *identifiers = eff_rpc_identifiers(delivery);
    bool *seen = eff_new(delivery->arena, bool, delivery->count + 1);
    struct eff_json_iter iter = eff_json_iterate(eff_json_get(result, EFF_STR("record_results")));
    const struct eff_json *one;

    eff_rpc_all(delivery, EFF_MAYBE_APPLIED, EFF_TRANSIENT, "no result names this row");
    for (size_t at = 0; eff_json_next(&iter, NULL, &one); at++) {
        eff_str identifier = eff_json_str(eff_json_get(one, EFF_STR("identifier")));
        size_t i = eff_rpc_item_of(delivery, identifiers, at, identifier);

        if (i == SIZE_MAX)
            continue;
        delivery->items[i].verdict = records_verdict(delivery, one);
        if (seen[i])
            delivery->items[i].verdict =
                (struct eff_verdict){.outcome = EFF_MAYBE_APPLIED,
                                     .fault = EFF_TRANSIENT,
                                     .message = EFF_STR("two results name this row")};
        seen[i] = true;
    }
}

/* ---- describing ---- */

static void
records_ask(const struct eff_rpc_dest *dest, const struct eff_task *task, size_t asked,
            struct eff_json_writer *w)
{
    (void)dest;
    if (asked == RECORDS_OPERATIONS || asked == RECORDS_FIELDS)
        records_write_object(w, task->object);
}

/* The names; true when the object is among them. */
static bool
records_objects(struct eff_task *task, const struct eff_json *result)
{
    const struct eff_json *list = eff_json_get(result, EFF_STR("objects")), *object;
    struct eff_json_iter iter = eff_json_iterate(list);
    eff_str *names = eff_new(task->arena, eff_str, eff_json_count(list) + 1);
    size_t count = 0;
    bool found = false;

    while (eff_json_next(&iter, NULL, &object)) {
        names[count] = eff_json_str(eff_json_get(object, EFF_STR("object_api_name")));
        found |= eff_str_eq(names[count], task->object);
        count += names[count].len > 0;
    }
    task->schema->known = true;
    task->schema->object_exists = found;
    task->schema->objects_count = count;
    task->schema->objects = names;
    return found;
}

static bool
records_can(const struct eff_json *result, const char *name)
{
    struct eff_json_iter iter = eff_json_iterate(eff_json_get(result, EFF_STR("operations")));
    const struct eff_json *operation;

    while (eff_json_next(&iter, NULL, &operation))
        if (eff_str_is(eff_json_str(operation), name))
            return true;
    return false;
}

static enum eff_fault
records_check_operations(const struct eff_rpc_dest *dest, const struct eff_task *task,
                         const struct eff_json *result, struct eff_err *err)
{
    const char *wanted = dest->sync->mode == EFF_MODE_INSERT   ? "insert"
                         : dest->sync->mode == EFF_MODE_UPDATE ? "update"
                         : dest->sync->mode == EFF_MODE_APPEND ? "append"
                                                               : "upsert";
    bool deletes =
        dest->sync->on_removed == EFF_REMOVED_DELETE || dest->sync->mode == EFF_MODE_MIRROR;
    bool mirrors = records_can(result, "mirror"); // which is both, in Census' words

    if (!records_can(result, wanted) && !(mirrors && strcmp(wanted, "upsert") == 0))
        EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " cannot %s, says supported_operations",
                 EFF_STR_ARG(task->object), wanted);
    else if (deletes && !records_can(result, "delete") && !mirrors)
        EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " cannot delete, says supported_operations",
                 EFF_STR_ARG(task->object));
    else
        return EFF_OK;
    return eff_err_hint(err, "Use another mode, or let it list the operation.");
}

static bool
records_false(const struct eff_json *field, const char *name)
{
    const struct eff_json *value = eff_json_get(field, eff_str_of(name));

    return eff_json_type(value) == EFF_JSON_BOOL && !eff_json_bool(value);
}

static void
records_fields(struct eff_task *task, const struct eff_json *list)
{
    static const struct eff_rpc_type types[] = {
        {"string", EFF_FIELD_TEXT},    {"integer", EFF_FIELD_NUMBER},
        {"decimal", EFF_FIELD_NUMBER}, {"boolean", EFF_FIELD_BOOL},
        {"date", EFF_FIELD_DATE},      {"date_time", EFF_FIELD_TIMESTAMP}};
    struct eff_dest_field *field =
        eff_rpc_fields(task, list, "field_api_name", sizeof(types) / sizeof(types[0]), types);
    struct eff_json_iter iter = eff_json_iterate(list);
    const struct eff_json *at;

    for (; eff_json_next(&iter, NULL, &at); field++) {
        if (eff_json_bool(eff_json_get(at, EFF_STR("array"))))
            field->type = EFF_FIELD_JSON;
        field->read_only = records_false(at, "createable") && records_false(at, "updateable");
    }
}

static void
records_speed(struct eff_rpc_dest *dest, const struct eff_json *result)
{
    int64_t rows = 0, per_second = 0, batch = dest->config->batch_rows;

    if (eff_json_int(eff_json_get(result, EFF_STR("maximum_batch_size")), &rows) && rows > 0) {
        dest->rows_max = (size_t)rows;
        batch = rows < batch ? rows : batch;
    }
    if (eff_json_int(eff_json_get(result, EFF_STR("maximum_records_per_second")), &per_second) &&
        per_second > 0)
        dest->rate = (struct eff_rate_limit){
            .name = EFF_STR("speed"), .per_ms = batch * 1000 / per_second + 1, .requests = 1};
}

static bool
records_hear(struct eff_rpc_dest *dest, struct eff_task *task, size_t asked,
             const struct eff_json *result, struct eff_err *err)
{
    bool good = eff_json_bool(eff_json_get(result, EFF_STR("success")));

    if (asked == RECORDS_TEST && !good)
        EFF_FAIL(err, EFF_AUTH, "test_connection says no: " EFF_STR_FMT,
                 EFF_STR_ARG(eff_json_str(eff_json_get(result, EFF_STR("error_message")))));
    if (asked == RECORDS_TEST)
        return good;
    if (asked == RECORDS_OBJECTS)
        return records_objects(task, result);
    if (asked == RECORDS_OPERATIONS)
        return records_check_operations(dest, task, result, err) == EFF_OK;
    if (asked == RECORDS_FIELDS)
        records_fields(task, eff_json_get(result, EFF_STR("fields")));
    if (asked == RECORDS_SPEED)
        records_speed(dest, result);
    return true;
}

const struct eff_rpc_dialect eff_rpc_census = {
    .questions = records_methods,
    .questions_count = RECORDS_QUESTIONS,
    .ask = records_ask,
    .hear = records_hear,
    .method = records_method,
    .records = "records",
    .give = records_give,
    .take = records_take,
};
