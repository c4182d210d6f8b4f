/*
 * dest/rpc_rows: Hightouch's embedded destinations: list_objects, list_modes, list_fields, validate
 * and behavior say what there is, and rows are given to `add`, `change` and `remove`.
 *
 * Each method but those three may be missing, or answer null, and then says nothing. An answer
 * names the rows that it rejects (`rejectedRows`); the others are done. How a rejected row is
 * named is not written down anywhere: its match value is looked for in the places at hand, and
 * when it is not found, no row of the batch is taken for done.
 */
#include "dest/rpc.h"

#include "base/buf.h"
#include "conf/project.h"

enum rows_question {
    ROWS_OBJECTS = 0,
    ROWS_MODES,
    ROWS_FIELDS,
    ROWS_VALIDATE,
    ROWS_BEHAVIOR,
    ROWS_QUESTIONS
};

static const char *const rows_methods[ROWS_QUESTIONS] = {"list_objects", "list_modes",
                                                         "list_fields", "validate", "behavior"};

/* ---- requests ---- */

static const char *
rows_method(enum eff_op op)
{
    return op == EFF_OP_DELETE ? "remove" : op == EFF_OP_UPDATE ? "change" : "add";
}

static void
rows_write_mapping(struct eff_json_writer *w, eff_str name)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "from", name);
    eff_json_field_str(w, "to", name);
    eff_json_end_object(w);
}

/* Rows have the names of the destination's fields, so each is mapped to itself. */
static void
rows_write_configuration(const struct eff_rpc_dest *dest, struct eff_json_writer *w)
{
    const struct eff_dest_sync *sync = dest->sync;

    eff_json_key(w, EFF_STR("configuration"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "object", sync->object);
    eff_json_field_str(w, "mode", eff_str_of(eff_mode_names[sync->mode]));
    if (sync->match_count > 0) {
        eff_json_key(w, EFF_STR("identifierMapping"));
        rows_write_mapping(w, sync->match_names[0]);
    }
    eff_json_key(w, EFF_STR("mappings"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < sync->fields_count; i++)
        rows_write_mapping(w, sync->field_names[i]);
    eff_json_end_array(w);
    eff_json_end_object(w);
}

static void
rows_give(const struct eff_rpc_dest *dest, const struct eff_delivery *delivery,
          struct eff_json_writer *w)
{
    if (delivery->match_count > 0)
        eff_json_field_str(w, "idColumn", delivery->match_names[0]);
    rows_write_configuration(dest, w);
}

/* ---- answers ---- */

static eff_str
rows_text(const struct eff_json *json, const char *const *names)
{
    eff_str text = EFF_STR_NONE;

    for (size_t i = 0; names[i] && text.len == 0; i++)
        text = eff_json_str(eff_json_get(json, eff_str_of(names[i])));
    return text;
}

static size_t
rows_rejected(const struct eff_delivery *delivery, const eff_str *identifiers,
              const struct eff_json *rejected)
{
    const char *names[] = {NULL, "id", "rowId", NULL};
    eff_str id;

    if (delivery->match_count == 0)
        return SIZE_MAX;
    names[0] = eff_str_c(delivery->arena, delivery->match_names[0]);
    id = eff_json_type(rejected) == EFF_JSON_OBJECT ? rows_text(rejected, names)
                                                    : eff_json_str(rejected);
    if (id.len == 0)
        id = rows_text(eff_json_get(rejected, EFF_STR("row")), names);
    return id.len > 0 ? eff_rpc_item_of(delivery, identifiers, 0, id) : SIZE_MAX;
}

static void
rows_take(struct eff_delivery *delivery, const struct eff_json *result)
{
    static const char *const reasons[] = {"reason", "message", "error", NULL};
    const struct eff_json *rejected = eff_json_get(result, EFF_STR("rejectedRows")), *row;
    struct eff_json_iter iter = eff_json_iterate(rejected);
    const eff_str *identifiers;
    bool named = true;

    if (eff_json_type(rejected) != EFF_JSON_ARRAY) {
        eff_rpc_all(delivery, EFF_MAYBE_APPLIED, EFF_TRANSIENT, "its answer has no `rejectedRows`");
        return;
    }
    identifiers = eff_rpc_identifiers(delivery);
    for (size_t i = 0; i < delivery->count; i++)
        delivery->items[i].verdict = (struct eff_verdict){.outcome = EFF_APPLIED};
    while (eff_json_next(&iter, NULL, &row)) {
        size_t i = rows_rejected(delivery, identifiers, row);

        named &= i != SIZE_MAX;
        if (i != SIZE_MAX)
            delivery->items[i].verdict =
                eff_rpc_refused(delivery, rows_text(row, reasons), "it gives no reason");
    }
    for (size_t i = 0; !named && i < delivery->count; i++)
        if (delivery->items[i].verdict.outcome == EFF_APPLIED)
            delivery->items[i].verdict =
                (struct eff_verdict){.outcome = EFF_MAYBE_APPLIED,
                                     .fault = EFF_TRANSIENT,
                                     .message = EFF_STR("a row was rejected, and not named")};
}

/* ---- describing ---- */

static void
rows_ask(const struct eff_rpc_dest *dest, const struct eff_task *task, size_t asked,
         struct eff_json_writer *w)
{
    if (asked == ROWS_MODES || asked == ROWS_FIELDS)
        eff_json_field_str(w, "object", task->object);
    if (asked == ROWS_FIELDS)
        eff_json_field_str(w, "mode", eff_str_of(eff_mode_names[dest->sync->mode]));
    if (asked == ROWS_VALIDATE || asked == ROWS_BEHAVIOR)
        rows_write_configuration(dest, w);
}

static bool
rows_has(const struct eff_json *list, eff_str id)
{
    struct eff_json_iter iter = eff_json_iterate(list);
    const struct eff_json *entry;

    while (eff_json_next(&iter, NULL, &entry))
        if (eff_str_eq(eff_json_str(eff_json_get(entry, EFF_STR("id"))), id))
            return true;
    return false;
}

static void
rows_fields(struct eff_task *task, const struct eff_json *list)
{
    static const struct eff_rpc_type types[] = {{"STRING", EFF_FIELD_TEXT},
                                                {"NUMBER", EFF_FIELD_NUMBER},
                                                {"BOOLEAN", EFF_FIELD_BOOL},
                                                {"DATE", EFF_FIELD_DATE},
                                                {"DATETIME", EFF_FIELD_TIMESTAMP}};

    eff_rpc_fields(task, list, "id", sizeof(types) / sizeof(types[0]), types);
    task->schema->known = task->schema->object_exists = true;
}

static enum eff_fault
rows_validate(const struct eff_json *result, struct eff_err *err)
{
    static const char *const names[] = {"message", "error", NULL};
    struct eff_json_iter iter = eff_json_iterate(eff_json_get(result, EFF_STR("errors")));
    const struct eff_json *error;
    eff_str text;

    if (!eff_json_next(&iter, NULL, &error))
        return EFF_OK;
    text = eff_json_type(error) == EFF_JSON_OBJECT ? rows_text(error, names) : eff_json_str(error);
    return EFF_FAIL(err, EFF_CONFIG, "validate says no: " EFF_STR_FMT, EFF_STR_ARG(text));
}

/* Whether the methods are there that the mode comes to. */
static enum eff_fault
rows_behavior(struct eff_rpc_dest *dest, const struct eff_json *result, struct eff_err *err)
{
    const struct eff_json *operations = eff_json_get(result, EFF_STR("operations"));
    const struct eff_dest_sync *sync = dest->sync;
    bool needs[] = {sync->mode != EFF_MODE_UPDATE,
                    sync->mode != EFF_MODE_INSERT && sync->mode != EFF_MODE_APPEND,
                    sync->mode == EFF_MODE_MIRROR || sync->on_removed == EFF_REMOVED_DELETE};
    static const char *const names[] = {"add", "change", "remove"};
    int64_t rows = 0;

    if (eff_json_int(eff_json_get(result, EFF_STR("batchSize")), &rows) && rows > 0)
        dest->rows_max = (size_t)rows;
    for (size_t i = 0; eff_json_type(operations) == EFF_JSON_OBJECT && i < 3; i++) {
        if (!needs[i] || eff_json_bool(eff_json_get(operations, eff_str_of(names[i]))))
            continue;
        EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " has no `%s`, says behavior",
                 EFF_STR_ARG(sync->object), names[i]);
        return eff_err_hint(err, "Use another mode, or let it offer the operation.");
    }
    return EFF_OK;
}

static bool
rows_hear(struct eff_rpc_dest *dest, struct eff_task *task, size_t asked,
          const struct eff_json *result, struct eff_err *err)
{
    static const char *const names[] = {"objects", "modes", "fields"};
    const struct eff_json *list =
        asked <= ROWS_FIELDS ? eff_json_get(result, eff_str_of(names[asked])) : NULL;
    eff_str mode = eff_str_of(eff_mode_names[dest->sync->mode]);

    if (asked == ROWS_VALIDATE)
        return rows_validate(result, err) == EFF_OK;
    if (asked == ROWS_BEHAVIOR)
        return rows_behavior(dest, result, err) == EFF_OK;
    if (eff_json_type(list) != EFF_JSON_ARRAY)
        return true;
    if (asked == ROWS_OBJECTS && !rows_has(list, task->object)) {
        task->schema->known = true;
        return false;
    }
    if (asked == ROWS_MODES && !rows_has(list, mode)) {
        EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " has no mode " EFF_STR_FMT ", says list_modes",
                 EFF_STR_ARG(task->object), EFF_STR_ARG(mode));
        return false;
    }
    if (asked == ROWS_FIELDS)
        rows_fields(task, list);
    return true;
}

const struct eff_rpc_dialect eff_rpc_hightouch = {
    .questions = rows_methods,
    .questions_count = ROWS_QUESTIONS,
    .optional = true,
    .ask = rows_ask,
    .hear = rows_hear,
    .method = rows_method,
    .records = "rows",
    .give = rows_give,
    .take = rows_take,
};
