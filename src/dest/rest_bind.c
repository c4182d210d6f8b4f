/* rest_bind: whether the connector can serve a sync, and within which limits. */
#include "dest/rest.h"

/* Whether the operation is there for that object. */
static bool
rest_has(const struct eff_connector *c, eff_str object, enum eff_op op)
{
    const struct eff_operation *operation = &c->ops[op];

    if (rest_listed(&c->objects.pairs, object) && op != EFF_OP_ADD && op != EFF_OP_REMOVE)
        return false;
    for (size_t i = 0; i < operation->variants_count; i++) {
        const struct eff_str_list *objects = &operation->variants[i].objects;

        if (objects->count == 0 || rest_listed(objects, object))
            return true;
    }
    return false;
}

static bool
rest_mode(const struct eff_connector *c, eff_str object, enum eff_mode mode)
{
    switch (mode) {
    case EFF_MODE_UPSERT:
    case EFF_MODE_MIRROR: /* what becomes of vanished rows is looked at by itself */
        return rest_has(c, object, EFF_OP_UPSERT);
    case EFF_MODE_UPDATE:
        return rest_has(c, object, EFF_OP_UPDATE);
    case EFF_MODE_INSERT:
        return rest_has(c, object, EFF_OP_CREATE);
    case EFF_MODE_APPEND:
        return rest_has(c, object, EFF_OP_APPEND);
    case EFF_MODE_MEMBERS:
        return rest_has(c, object, EFF_OP_ADD) && rest_has(c, object, EFF_OP_REMOVE);
    }
    return false;
}

static bool
rest_removed(const struct eff_connector *c, eff_str object, enum eff_removed removed)
{
    static const enum eff_op ops[] = {EFF_OP_NONE, EFF_OP_CLEAR, EFF_OP_ARCHIVE, EFF_OP_DELETE};

    return removed == EFF_REMOVED_KEEP || rest_has(c, object, ops[removed]);
}

static enum eff_fault
rest_refuse_mode(const struct rest_dest *dest, const struct eff_dest_sync *sync,
                 struct eff_err *err)
{
    struct eff_buf list = {0};

    for (int mode = EFF_MODE_UPSERT; mode <= EFF_MODE_MEMBERS; mode++) {
        if (rest_mode(dest->connector, sync->object, (enum eff_mode)mode))
            eff_buf_addf(&list, "%s%s", list.len ? ", " : "", eff_mode_names[mode]);
    }
    EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " cannot do mode %s", EFF_STR_ARG(dest->connector->title),
             eff_mode_names[sync->mode]);
    eff_err_hint(err, "It can do: " EFF_STR_FMT ".", EFF_STR_ARG(eff_buf_str(&list)));
    eff_buf_free(&list);
    return err->fault;
}

static enum eff_fault
rest_refuse_removed(const struct rest_dest *dest, const struct eff_dest_sync *sync,
                    struct eff_err *err)
{
    bool can[EFF_REMOVED_DELETE + 1];

    for (int removed = EFF_REMOVED_KEEP; removed <= EFF_REMOVED_DELETE; removed++)
        can[removed] = rest_removed(dest->connector, sync->object, (enum eff_removed)removed);
    EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " cannot do on_removed: %s",
             EFF_STR_ARG(dest->connector->title), eff_removed_names[sync->on_removed]);
    return eff_dest_removed_hint(sync->mode, can, err);
}

/* The least safe of two. */
static enum eff_class
rest_worse(enum eff_class a, enum eff_class b)
{
    static const int safety[] = {[EFF_CLASS_BLIND] = 0,
                                 [EFF_CLASS_LOOKUP] = 1,
                                 [EFF_CLASS_KEYED] = 2,
                                 [EFF_CLASS_CONVERGE] = 3};

    return safety[a] < safety[b] ? a : b;
}

static bool
rest_variant_applies(const struct rest_dest *dest, const struct eff_variant *variant)
{
    int64_t rows = variant->rows;

    if (variant->objects.count > 0 && !rest_listed(&variant->objects, dest->object))
        return false;
    if (!variant->rows_above && !variant->rows_at_most)
        return true;
    if (variant->rows_option != SIZE_MAX)
        eff_str_int(dest->options[variant->rows_option], &rows);
    return variant->rows_above == (dest->rows_planned > rows);
}

#define REST_ENVELOPE 1024 /* bytes of a body around its rows */

/* Of a job, what it takes when the first poll says that it is done, and no row was refused. */
static size_t
rest_requests(const struct eff_variant *v)
{
    size_t count = (size_t)v->job.upload.given + v->job.close.given;

    for (size_t i = 0; i < v->job.files_count; i++)
        count += v->job.files[i].call.given &&
                 (v->job.files[i].list.outcome == EFF_APPLIED ||
                  (v->job.unlisted == EFF_APPLIED && !v->job.failed_count.ptr));
    return v->job.given ? count + 2 : 1; /* create and poll */
}

/* Of the first request that looks for the ids of such records. */
static size_t
rest_find_rows(const struct eff_operation *op, const struct eff_dest_sync *sync)
{
    for (size_t i = 0; i < op->finds_count; i++)
        if (op->finds[i].slot == 0 && rest_named(&op->finds[i].only, sync->object) &&
            (sync->match_count == 0 || rest_named(&op->finds[i].match, sync->match_names[0])))
            return op->finds[i].rows_max;
    return 0;
}

static struct eff_op_limits
rest_op_limits(const struct rest_dest *dest, const struct eff_operation *op)
{
    struct eff_op_limits limits = {.supported = op->given,
                                   .whole_rows = op->whole_rows,
                                   .by_remote_id = op->by_remote_id,
                                   .rematch = op->rematch,
                                   .late_ms = dest->late_ms};
    bool first = true;
    int64_t lanes;

    for (size_t i = 0; i < op->variants_count; i++) {
        const struct eff_variant *v = &op->variants[i];

        if (!rest_variant_applies(dest, v))
            continue;
        limits.class = first ? v->class : rest_worse(limits.class, v->class);
        // The largest: a delivery's rows are cut to each variant's own size.
        if (v->rows_max > limits.rows_max) {
            limits.rows_max = v->rows_max;
            limits.requests = rest_requests(v);
        }
        if (v->bytes_max &&
            (!limits.bytes_max || v->bytes_max - REST_ENVELOPE / 2 < limits.bytes_max))
            limits.bytes_max =
                v->bytes_max > 2 * REST_ENVELOPE ? v->bytes_max - REST_ENVELOPE : v->bytes_max / 2;
        lanes = v->concurrency;
        if (v->concurrency_option != SIZE_MAX)
            eff_str_int(dest->options[v->concurrency_option], &lanes);
        if (first || (size_t)lanes < limits.concurrency)
            limits.concurrency = (size_t)lanes;
        if (v->key_window_ms && (!limits.key_window_ms || v->key_window_ms < limits.key_window_ms))
            limits.key_window_ms = v->key_window_ms;
        first = false;
        if (v->id == EFF_WHEN_ANY) /* what stands behind it is never chosen */
            break;
    }
    return limits;
}

static void
rest_call_uses(const struct eff_call *call, struct eff_uses *uses)
{
    bool record = call->body == EFF_BODY_CSV && call->csv.columns == EFF_CSV_RECORD;
    bool fields = record || (call->body == EFF_BODY_CSV && call->csv.columns == EFF_CSV_FIELDS);

    if (!call->given)
        return;
    eff_text_uses(&call->path, uses);
    for (size_t i = 0; i < call->query_count; i++)
        eff_text_uses(&call->query[i].value, uses);
    for (size_t i = 0; i < call->headers_count; i++)
        eff_text_uses(&call->headers[i].value, uses);
    eff_text_uses(&call->text, uses);
    eff_tree_uses(&call->tree, uses);
    uses->match |= record || (call->body == EFF_BODY_CSV && call->csv.columns == EFF_CSV_MATCH);
    for (size_t i = 0; fields && i < uses->fields_count; i++)
        uses->fields[i] = true;
}

/* What has to be known of a member to take it out: the values that `remove` sends. */
static void
rest_remove_uses(const struct rest_dest *dest, const struct eff_dest_sync *sync,
                 struct eff_op_limits *remove)
{
    const struct eff_operation *op = &dest->connector->ops[EFF_OP_REMOVE];
    struct eff_uses uses = {.fields = eff_new(dest->run, bool, sync->fields_count),
                            .match_count = sync->match_count,
                            .match_names = sync->match_names,
                            .fields_count = sync->fields_count,
                            .field_names = sync->field_names};

    for (size_t i = 0; i < op->finds_count; i++)
        if (rest_named(&op->finds[i].only, sync->object))
            rest_call_uses(&op->finds[i].call, &uses);
    for (size_t i = 0; i < op->variants_count; i++) {
        const struct eff_variant *v = &op->variants[i];

        rest_call_uses(&v->call, &uses);
        rest_call_uses(&v->job.create, &uses);
        rest_call_uses(&v->job.upload, &uses);
    }
    remove->uses_match = uses.match;
    remove->uses_fields = uses.fields;
}

/* A list knows its identifiers; what else is mapped would be refused, or worse, passed over. */
static enum eff_fault
rest_bind_identifiers(const struct rest_dest *dest, const struct eff_dest_sync *sync,
                      struct eff_err *err)
{
    const struct eff_identifiers *known = &dest->connector->identifiers;

    for (size_t i = 0; i < sync->fields_count && known->count > 0; i++) {
        struct eff_buf list = {0};
        size_t k = 0;

        while (k < known->count && !eff_str_eq(known->at[k].name, sync->field_names[i]))
            k++;
        if (k < known->count)
            continue;
        for (k = 0; k < known->count; k++)
            eff_buf_addf(&list, "%s" EFF_STR_FMT, k ? ", " : "", EFF_STR_ARG(known->at[k].name));
        EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " knows no identifier `" EFF_STR_FMT "`",
                 EFF_STR_ARG(dest->connector->title), EFF_STR_ARG(sync->field_names[i]));
        eff_err_hint(err, "It knows: " EFF_STR_FMT ".", EFF_STR_ARG(eff_buf_str(&list)));
        eff_buf_free(&list);
        return err->fault;
    }
    return EFF_OK;
}

/*
 * Members: a changed row leaves and enters in one delivery, so that both must bear being
 * repeated. What `to:` names is a list, which is neither described nor read back.
 */
static enum eff_fault
rest_bind_members(struct rest_dest *dest, const struct eff_dest_sync *sync,
                  struct eff_op_limits limits[EFF_OPS_COUNT], struct eff_err *err)
{
    struct eff_op_limits *remove = &limits[EFF_OP_REMOVE];
    bool any = false;

    dest->members = true;
    dest->base.can_describe = dest->base.can_read = false;
    EFF_TRY(rest_bind_identifiers(dest, sync, err));
    rest_remove_uses(dest, sync, remove);
    limits[EFF_OP_ADD].class = rest_worse(limits[EFF_OP_ADD].class, remove->class);
    any = remove->uses_match;
    for (size_t i = 0; i < sync->fields_count; i++)
        any = any || remove->uses_fields[i];
    if (any)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG,
             "nothing in `fields` or `match` tells " EFF_STR_FMT " who a member is",
             EFF_STR_ARG(dest->connector->title));
    return eff_err_hint(err, "Map at least one field that its `remove` sends.");
}

bool
eff_connector_takes_lists(const struct eff_connector *connector)
{
    const struct eff_operation *add = &connector->ops[EFF_OP_ADD];

    for (size_t i = 0; i < add->variants_count; i++)
        if (add->variants[i].objects.count == 0)
            return true;
    return false;
}

/* Members that are pairs of records: which they are, two match fields tell. */
static enum eff_fault
rest_bind_pair(const struct eff_dest_sync *sync, struct eff_err *err)
{
    eff_str object, field;
    bool named = sync->match_count == 2;

    for (size_t i = 0; i < sync->match_count; i++)
        named = named && eff_str_cut(sync->match_names[i], '.', &object, &field) &&
                object.len > 0 && field.len > 0;
    if (named)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, "`match` of " EFF_STR_FMT " names the two records of a pair",
             EFF_STR_ARG(sync->object));
    return eff_err_hint(err, "Write `match: {<object>.<field>: <column>, <object>.<field>: "
                             "<column>}`.");
}

static enum eff_fault
rest_bind_object(const struct rest_dest *dest, const struct eff_dest_sync *sync,
                 struct eff_err *err)
{
    const struct eff_str_list *only = &dest->connector->objects.only;
    struct eff_buf list = {0};

    if (rest_listed(&dest->connector->objects.pairs, sync->object))
        return sync->mode == EFF_MODE_MEMBERS ? rest_bind_pair(sync, err) : EFF_OK;
    if (sync->mode == EFF_MODE_MEMBERS && eff_connector_takes_lists(dest->connector)) {
        if (!rest_listed(only, sync->object))
            return EFF_OK; // the name of a list, which nobody knows beforehand
        return EFF_FAIL(err, EFF_CONFIG, "`" EFF_STR_FMT "` is no list of " EFF_STR_FMT,
                        EFF_STR_ARG(sync->object), EFF_STR_ARG(dest->connector->title));
    }
    if (only->count == 0 || rest_listed(only, sync->object))
        return EFF_OK;
    for (size_t i = 0; i < only->count; i++)
        eff_buf_addf(&list, "%s" EFF_STR_FMT, i ? ", " : "", EFF_STR_ARG(only->at[i]));
    EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " has no object `" EFF_STR_FMT "`",
             EFF_STR_ARG(dest->connector->title), EFF_STR_ARG(sync->object));
    eff_err_hint(err, "It has: " EFF_STR_FMT ".", EFF_STR_ARG(eff_buf_str(&list)));
    eff_buf_free(&list);
    return err->fault;
}

/* Records are found by some fields only: any other would make twins, or nothing. */
static enum eff_fault
rest_bind_match(const struct rest_dest *dest, const struct eff_dest_sync *sync, struct eff_err *err)
{
    const struct eff_str_list *match = &dest->connector->objects.match;
    struct eff_buf list = {0};

    for (size_t i = 0; i < sync->match_count && match->count > 0; i++) {
        if (rest_listed(match, sync->match_names[i]))
            continue;
        for (size_t k = 0; k < match->count; k++)
            eff_buf_addf(&list, "%s" EFF_STR_FMT, k ? ", " : "", EFF_STR_ARG(match->at[k]));
        EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " does not find records by `" EFF_STR_FMT "`",
                 EFF_STR_ARG(dest->connector->title), EFF_STR_ARG(sync->match_names[i]));
        eff_err_hint(err, "What `match:` may name: " EFF_STR_FMT ".",
                     EFF_STR_ARG(eff_buf_str(&list)));
        eff_buf_free(&list);
        return err->fault;
    }
    return EFF_OK;
}

/* What is true of each row is told before any is sent: how many such names there may be, and which. */
static enum eff_fault
rest_bind_names(const struct rest_dest *dest, const struct eff_dest_sync *sync, struct eff_err *err)
{
    const struct eff_names *names = &dest->connector->objects.names;
    int64_t count = 0;

    for (size_t i = 0; i < sync->match_count + sync->fields_count && names->prefix.ptr; i++) {
        eff_str whole =
            i < sync->match_count ? sync->match_names[i] : sync->field_names[i - sync->match_count];
        eff_str name = eff_str_sub(whole, names->prefix.len, SIZE_MAX);
        bool fits = names->length == 0 || (int64_t)name.len <= names->length;

        if (!eff_str_starts(whole, names->prefix))
            continue;
        for (size_t k = 0; k < names->without.len; k++)
            fits = fits && eff_str_find_char(name, names->without.ptr[k]) == SIZE_MAX;
        if (!fits) {
            EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " takes no name like `" EFF_STR_FMT "`",
                     EFF_STR_ARG(dest->connector->title), EFF_STR_ARG(whole));
            return eff_err_hint(
                err, "Behind `" EFF_STR_FMT "` it takes up to %lld bytes%s" EFF_STR_FMT "%s.",
                EFF_STR_ARG(names->prefix), (long long)names->length,
                names->without.len ? ", without any of `" : "", EFF_STR_ARG(names->without),
                names->without.len ? "`" : "");
        }
        if (names->most > 0 && ++count > names->most)
            return EFF_FAIL(err, EFF_CONFIG,
                            EFF_STR_FMT " takes %lld fields of `" EFF_STR_FMT
                                        "*`, and `" EFF_STR_FMT "` is one too many",
                            EFF_STR_ARG(dest->connector->title), (long long)names->most,
                            EFF_STR_ARG(names->prefix), EFF_STR_ARG(whole));
    }
    return EFF_OK;
}

/* Whether and how its records are read, by the first match field. */
static void
rest_bind_reading(struct rest_dest *dest, const struct eff_dest_sync *sync)
{
    const struct eff_reading *reading =
        rest_reading(dest, sync->object, sync->match_count > 0 ? &sync->match_names[0] : NULL);

    dest->base.can_read = reading != NULL;
    dest->base.read_rows = reading ? reading->rows_max : 0;
    dest->base.read_lag_ms = reading ? reading->lag_ms : 0;
}

static void
rest_bind_caseless(struct rest_dest *dest, const struct eff_dest_sync *sync)
{
    enum eff_fold *folds = eff_new(dest->run, enum eff_fold, sync->match_count);

    for (size_t i = 0; i < sync->match_count; i++)
        if (rest_listed(&dest->connector->objects.caseless, sync->match_names[i]))
            folds[i] = EFF_FOLD_FIELD;
    dest->base.folds = folds;
}

enum eff_fault
rest_bind(struct eff_dest *base, const struct eff_dest_sync *sync,
          struct eff_op_limits limits[EFF_OPS_COUNT], struct eff_err *err)
{
    struct rest_dest *dest = (struct rest_dest *)base;

    EFF_TRY(rest_bind_object(dest, sync, err));
    if (!rest_mode(dest->connector, sync->object, sync->mode))
        return rest_refuse_mode(dest, sync, err);
    if (sync->mode != EFF_MODE_MEMBERS &&
        !rest_removed(dest->connector, sync->object, sync->on_removed))
        return rest_refuse_removed(dest, sync, err);
    EFF_TRY(rest_bind_match(dest, sync, err));
    EFF_TRY(rest_bind_names(dest, sync, err));
    dest->rows_planned = sync->rows_planned;
    dest->run_id = sync->run;
    dest->object = sync->object;
    rest_bind_reading(dest, sync);
    rest_bind_caseless(dest, sync);
    for (int op = 0; op < EFF_OPS_COUNT; op++) {
        limits[op] = rest_op_limits(dest, &dest->connector->ops[op]);
        limits[op].lag_ms = base->read_lag_ms;
        limits[op].find_rows = rest_find_rows(&dest->connector->ops[op], sync);
    }
    if (sync->mode == EFF_MODE_MEMBERS)
        return rest_bind_members(dest, sync, limits, err);
    return EFF_OK;
}
