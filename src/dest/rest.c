/* rest: the driver behind every connector file. */
#include "dest/rest.h"

#include "base/number.h"

/* ---- open ---- */

/* An option's value as the text that templates show; EFF_STR_NONE when it was not given. */
static eff_str
rest_option_text(const struct eff_option *option, const void *config, struct eff_arena *arena)
{
    const char *at = (const char *)config + option->offset;
    char digits[EFF_INT_TEXT_MAX];
    eff_str text;

    switch (option->kind) {
    case EFF_OPT_STR:
    case EFF_OPT_SECRET:
    case EFF_OPT_URL:
    case EFF_OPT_PATH:
        memcpy(&text, at, sizeof text);
        return text.len > 0 ? text : EFF_STR_NONE;
    case EFF_OPT_INT:
    case EFF_OPT_SIZE:
    case EFF_OPT_TIME:
        return eff_str_copy(
            arena, (eff_str){digits, eff_int_text(*(const int64_t *)(const void *)at, digits)});
    case EFF_OPT_BOOL:
        return *(const bool *)(const void *)at ? EFF_STR("true") : EFF_STR("false");
    default:
        return EFF_STR_NONE;
    }
}

/* What the project names, and where the connector's own addresses lead by default. */
static void
rest_hosts(struct rest_dest *dest, const struct eff_connector *connector)
{
    const struct eff_dest_conf *conf = dest->base.conf;
    eff_str *hosts = eff_new(dest->run, eff_str, conf->hosts_count + connector->options_count);
    size_t count = 0;
    bool https;

    for (size_t i = 0; i < conf->hosts_count; i++)
        hosts[count++] = conf->hosts[i];
    for (size_t i = 0; i < connector->options_count; i++) {
        if (connector->options[i].kind == EFF_OPT_URL && dest->options[i].ptr)
            hosts[count] = rest_host(dest->options[i], &https);
        if (connector->options[i].kind == EFF_OPT_URL && hosts[count].ptr)
            count++;
    }
    dest->hosts = hosts;
    dest->hosts_count = count;
}

static enum eff_fault
rest_text(struct rest_dest *dest, const struct eff_text *text, eff_str *ret_text,
          struct eff_err *err)
{
    struct eff_render r = rest_render(dest, dest->run);
    struct eff_buf buf = {0};
    enum eff_rendered rendered = EFF_RENDER_LEFT_OUT;

    if (text->parts)
        rendered = eff_render_text(&r, text, EFF_SLOT_PLAIN, &buf);
    if (rendered == EFF_RENDERED)
        *ret_text = eff_str_copy(dest->run, eff_buf_str(&buf));
    eff_buf_free(&buf);
    if (rendered == EFF_RENDER_BAD)
        return EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT ": " EFF_STR_FMT,
                        EFF_STR_ARG(dest->base.conf->name), EFF_STR_ARG(r.problem));
    return EFF_OK;
}

/* "hubspot:api.hubapi.com", or what the connector says: who shares a rate budget. */
static enum eff_fault
rest_account(struct rest_dest *dest, struct eff_err *err)
{
    eff_str account = EFF_STR_NONE;

    EFF_TRY(rest_text(dest, &dest->connector->account, &account, err));
    if (!account.len && dest->hosts_count > 0)
        account = dest->hosts[dest->hosts_count - 1];
    dest->base.account = eff_str_printf(dest->run, EFF_STR_FMT ":" EFF_STR_FMT,
                                        EFF_STR_ARG(dest->connector->kind), EFF_STR_ARG(account));
    return EFF_OK;
}

static void
rest_limits(struct rest_dest *dest)
{
    const struct eff_connector *c = dest->connector;

    dest->limits = eff_new(dest->run, struct eff_rate_limit, c->limits_count);
    for (size_t i = 0; i < c->limits_count; i++) {
        const struct eff_limit *limit = &c->limits[i];
        size_t option = limit->requests_option;

        dest->limits[i] = (struct eff_rate_limit){.name = limit->name,
                                                  .per_ms = limit->per_ms,
                                                  .requests = limit->requests,
                                                  .bucket = limit->bucket,
                                                  .hard = limit->hard};
        if (option == SIZE_MAX)
            continue;
        eff_str_int(dest->options[option], &dest->limits[i].requests);
        dest->limits[i].usual = limit->allowed.ptr && c->options[option].fallback &&
                                eff_str_is(dest->options[option], c->options[option].fallback);
    }
}

/* Sections in the project's own block are compiled now. */
static enum eff_fault
rest_complete(struct rest_dest *dest, const struct eff_connector *connector, struct eff_err *err)
{
    struct eff_problems problems = {.arena = dest->run};

    dest->connector = connector;
    if (connector->sections.count == 0)
        return EFF_OK;
    dest->connector =
        eff_connector_complete(connector, dest->base.conf->config, dest->run, &problems);
    if (dest->connector)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT, EFF_STR_ARG(problems.at[0].message));
    if (problems.at[0].hint.len)
        eff_err_hint(err, EFF_STR_FMT, EFF_STR_ARG(problems.at[0].hint));
    return eff_err_where(err, problems.at[0].place.file, problems.at[0].place.line,
                         problems.at[0].place.column);
}

const struct eff_json *
rest_records(const struct rest_dest *dest, struct eff_arena *arena, const struct eff_str_list *each,
             const struct eff_json *json)
{
    const struct eff_json *records = each->count > 0 ? NULL : json;

    for (size_t i = 0; i < each->count && !records; i++)
        records = eff_json_pointer(json, rest_pointer(dest, arena, each->at[i], EFF_STR("")));
    return records;
}

bool
rest_named(const struct eff_str_list *only, eff_str name)
{
    return only->count == 0 || rest_listed(only, name);
}

const struct eff_reading *
rest_reading(const struct rest_dest *dest, eff_str object, const eff_str *match)
{
    for (size_t i = 0; i < dest->connector->readings_count; i++) {
        const struct eff_reading *reading = &dest->connector->readings[i];

        if ((!object.ptr || rest_named(&reading->only, object)) &&
            (reading->needs_option == SIZE_MAX || dest->options[reading->needs_option].ptr) &&
            (!match || rest_named(&reading->match, *match)))
            return reading;
    }
    return NULL;
}

static const struct eff_login *
rest_login(const struct rest_dest *dest)
{
    const struct eff_connector *c = dest->connector;

    for (size_t i = 0; i < c->logins_count; i++)
        if (c->logins[i].when == SIZE_MAX || dest->options[c->logins[i].when].ptr)
            return &c->logins[i];
    return NULL;
}

static enum eff_fault
rest_oauth1(struct rest_dest *dest, struct eff_err *err)
{
    const struct eff_oauth1_auth *auth = &dest->connector->oauth1;
    struct eff_oauth1 *oauth1;

    if (!auth->given || (auth->when != SIZE_MAX && !dest->options[auth->when].ptr))
        return EFF_OK;
    oauth1 = eff_new(dest->run, struct eff_oauth1, 1);
    EFF_TRY(rest_text(dest, &auth->realm, &oauth1->realm, err));
    EFF_TRY(rest_text(dest, &auth->consumer_key, &oauth1->consumer_key, err));
    EFF_TRY(rest_text(dest, &auth->consumer_secret, &oauth1->consumer_secret, err));
    EFF_TRY(rest_text(dest, &auth->token, &oauth1->token, err));
    EFF_TRY(rest_text(dest, &auth->token_secret, &oauth1->token_secret, err));
    dest->oauth1 = oauth1;
    dest->login = NULL;
    return EFF_OK;
}

static enum eff_fault
rest_open(const struct eff_dest_conf *conf, struct eff_arena *run, struct eff_dest **ret_dest,
          struct eff_err *err)
{
    const struct eff_dest_kind *kind = conf->kind->user;
    const struct eff_connector *connector = kind->connector;
    struct rest_dest *dest = eff_new(run, struct rest_dest, 1);
    eff_str *options = eff_new(run, eff_str, connector->options_count);

    dest->base.ops = &eff_dest_rest;
    dest->base.conf = conf;
    dest->run = run;
    for (size_t i = 0; i < connector->options_count; i++)
        options[i] = rest_option_text(&connector->options[i], conf->config, run);
    dest->options = options;
    eff_str_int(options[connector->late_option], &dest->late_ms);
    EFF_TRY(rest_complete(dest, connector, err));
    dest->login = rest_login(dest);
    rest_hosts(dest, connector);
    rest_limits(dest);
    EFF_TRY(rest_account(dest, err));
    EFF_TRY(rest_text(dest, &dest->connector->auth_token, &dest->token, err));
    EFF_TRY(rest_text(dest, &dest->connector->auth_url, &dest->url, err));
    EFF_TRY(rest_oauth1(dest, err));
    dest->base.units = dest->connector->units;
    dest->base.prepared_count = dest->connector->identifiers.count;
    dest->base.prepared = dest->connector->identifiers.at;
    dest->base.can_describe = dest->connector->objects.fields_count > 0;
    dest->base.can_check = dest->connector->checks_count > 0 || dest->login;
    dest->base.can_read = rest_reading(dest, EFF_STR_NONE, NULL) != NULL;
    *ret_dest = &dest->base;
    return EFF_OK;
}

static void
rest_close(struct eff_dest *base)
{
    struct rest_dest *dest = (struct rest_dest *)base;

    if (dest)
        eff_buf_free(&dest->body);
}

/* ---- bind ---- */

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
    for (size_t i = 0; record && i < uses->fields_count; i++)
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

/* Whether and how its records are read, by the first match field. */
static void
rest_bind_reading(struct rest_dest *dest, const struct eff_dest_sync *sync)
{
    const struct eff_reading *reading =
        rest_reading(dest, sync->object, sync->match_count > 0 ? &sync->match_names[0] : NULL);

    dest->base.can_read = reading != NULL;
    dest->base.read_lag_ms = reading ? reading->lag_ms : 0;
}

static enum eff_fault
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
    dest->rows_planned = sync->rows_planned;
    dest->run_id = sync->run;
    dest->object = sync->object;
    rest_bind_reading(dest, sync);
    for (int op = 0; op < EFF_OPS_COUNT; op++) {
        limits[op] = rest_op_limits(dest, &dest->connector->ops[op]);
        limits[op].lag_ms = base->read_lag_ms;
    }
    if (sync->mode == EFF_MODE_MEMBERS)
        return rest_bind_members(dest, sync, limits, err);
    return EFF_OK;
}

/* ---- size, steps, limits ---- */

/* The template of one row in a body; the whole body when it is about one row. */
static const struct eff_tree *
rest_row_tree(const struct eff_tree *tree)
{
    if (tree->kind == EFF_TREE_EACH && tree->each == EFF_EACH_ROW)
        return &tree->items[0];
    for (size_t i = 0; i < tree->count; i++) {
        const struct eff_tree *found = rest_row_tree(&tree->items[i]);

        if (found)
            return found;
    }
    return NULL;
}

static size_t
rest_item_bytes(struct eff_dest *base, const struct eff_delivery *delivery,
                const struct eff_item *item)
{
    struct rest_dest *dest = (struct rest_dest *)base;
    const struct eff_operation *op = &dest->connector->ops[delivery->op];
    struct eff_render r = rest_render(dest, dest->run);
    struct eff_ref all = {.kind = EFF_REF_RECORD};
    struct eff_text_part part = {.is_ref = true, .ref = all};
    struct eff_tree record = {.kind = EFF_TREE_VALUE, .text = {.count = 1, .parts = &part}};
    size_t most = 0;

    r.delivery = delivery;
    r.object = delivery->object;
    r.item = item;
    for (size_t i = 0; i < op->variants_count; i++) {
        const struct eff_variant *v = &op->variants[i];
        const struct eff_call *call = !v->job.given         ? &v->call
                                      : v->job.upload.given ? &v->job.upload
                                                            : &v->job.create;
        const struct eff_tree *tree = &record;
        size_t bytes;

        if (call->body == EFF_BODY_JSON || call->body == EFF_BODY_FORM)
            tree = rest_row_tree(&call->tree) ? rest_row_tree(&call->tree) : &call->tree;
        bytes = eff_render_estimate(&r, tree, call->body == EFF_BODY_FORM) + 1;
        most = bytes > most ? bytes : most;
    }
    return most;
}

static struct eff_step
rest_step(struct eff_dest *base, struct eff_task *task, const struct eff_response *last,
          struct eff_err *err)
{
    struct rest_dest *dest = (struct rest_dest *)base;

    if (last && last->now_wall_ms > 0)
        dest->now_ms = last->now_wall_ms;
    switch (task->kind) {
    case EFF_TASK_DELIVER:
        return rest_deliver(dest, task, last, err);
    case EFF_TASK_AUTHORIZE:
        return rest_authorize(dest, task, last, err);
    case EFF_TASK_DESCRIBE:
        return rest_describe(dest, task, last, err);
    case EFF_TASK_CREATE:
        return rest_create(dest, task, last, err);
    case EFF_TASK_CHECK:
        return rest_check(dest, task, last, err);
    case EFF_TASK_READ:
        return rest_read(dest, task, last, err);
    case EFF_TASK_FINISH:
        break;
    }
    return (struct eff_step){.kind = EFF_STEP_DONE};
}

static size_t
rest_rates(struct eff_dest *base, const struct eff_rate_limit **ret_limits)
{
    struct rest_dest *dest = (struct rest_dest *)base;

    *ret_limits = dest->limits;
    return dest->connector->limits_count;
}

static int64_t
observe_number(const struct eff_response *response, eff_str header)
{
    int64_t number;
    eff_str text = header.ptr ? eff_response_header(response, header) : EFF_STR_NONE;

    return eff_str_int(eff_str_trim(text), &number) && number >= 0 ? number : -1;
}

/* "api-usage=18/5000; per-app-api-usage=..." */
static void
observe_used(const struct eff_limit *limit, const struct eff_response *response,
             struct eff_rate_report *report)
{
    eff_str text = eff_response_header(response, limit->used_of), used, most;
    size_t from = eff_str_find(text, limit->used_after), end = 0;
    int64_t a, b;

    if (!text.len || from == SIZE_MAX)
        return;
    text = eff_str_sub(text, from + limit->used_after.len, SIZE_MAX);
    while (end < text.len &&
           ((text.ptr[end] >= '0' && text.ptr[end] <= '9') || text.ptr[end] == '/'))
        end++;
    if (!eff_str_cut(eff_str_sub(text, 0, end), '/', &used, &most) || !eff_str_int(used, &a) ||
        !eff_str_int(most, &b) || a < 0 || b < 0)
        return;
    report->allowed = b;
    report->remaining = a < b ? b - a : 0;
}

/* The largest of the members of those names, at any depth; -1: there is none. */
static int64_t
observe_largest(const struct eff_json *json, const eff_str *names, size_t count)
{
    struct eff_json_iter iter = eff_json_iterate(json);
    const struct eff_json *value;
    int64_t most = -1, number;
    eff_str key;

    while (eff_json_next(&iter, &key, &value)) {
        for (size_t i = 0; eff_json_type(json) == EFF_JSON_OBJECT && i < count; i++)
            if (eff_str_eq(key, names[i]) && eff_json_int(value, &number) && number > most)
                most = number;
        number = observe_largest(value, names, count);
        most = number > most ? number : most;
    }
    return most;
}

/* {"17": [{"call_count": 28, "total_time": 3, "estimated_time_to_regain_access": 0}]} */
static void
observe_percent(const struct rest_dest *dest, size_t at, const struct eff_response *response,
                struct eff_rate_report *report)
{
    const struct eff_limit *limit = &dest->connector->limits[at];
    struct eff_arena scratch = *dest->run;
    struct eff_err ignored = {0};
    const struct eff_json *json;
    int64_t used, minutes;

    if (eff_json_parse(eff_response_header(response, limit->percent_of), &scratch, &json,
                       &ignored) != EFF_OK)
        return;
    used = observe_largest(json, limit->percent.at, limit->percent.count);
    minutes = observe_largest(json, &limit->regain_minutes, limit->regain_minutes.ptr ? 1 : 0);
    if (used < 0)
        return;
    report->allowed = dest->limits[at].requests;
    report->remaining = used < 100 ? report->allowed * (100 - used) / 100 : 0;
    if (minutes > 0) {
        report->remaining = 0;
        report->reset_ms = minutes * 60000;
    }
}

static size_t
rest_observe(struct eff_dest *base, const struct eff_response *response,
             struct eff_rate_report *ret_reports, size_t max)
{
    const struct rest_dest *dest = (struct rest_dest *)base;
    const struct eff_connector *c = dest->connector;
    size_t count = 0;

    for (size_t i = 0; i < c->limits_count && count < max; i++) {
        const struct eff_limit *limit = &c->limits[i];
        struct eff_rate_report report = {i, observe_number(response, limit->remaining),
                                         observe_number(response, limit->allowed), -1};
        int64_t seconds = observe_number(response, limit->reset_s);

        if (seconds > 1000000000) /* a moment since 1970, not a number of seconds */
            report.reset_ms = response->now_wall_ms > 0 && seconds * 1000 > response->now_wall_ms
                                  ? seconds * 1000 - response->now_wall_ms
                                  : 0;
        else if (seconds >= 0)
            report.reset_ms = seconds * 1000;
        if (limit->window_ms.ptr)
            report.reset_ms = observe_number(response, limit->window_ms);
        if (limit->used_of.ptr)
            observe_used(limit, response, &report);
        if (limit->percent_of.ptr)
            observe_percent(dest, i, response, &report);
        if (report.remaining >= 0 || report.allowed >= 0 || report.reset_ms >= 0)
            ret_reports[count++] = report;
    }
    return count;
}

const struct eff_dest_ops eff_dest_rest = {
    .kind = "rest",
    .title = "REST API",
    .open = rest_open,
    .bind = rest_bind,
    .item_bytes = rest_item_bytes,
    .step = rest_step,
    .rates = rest_rates,
    .observe = rest_observe,
    .close = rest_close,
};
