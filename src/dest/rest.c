/* rest: the driver behind every connector file. */
#include "dest/rest.h"

#include "base/hash.h"
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

/* Where paths lie with these options. */
static enum eff_fault
rest_moves(struct rest_dest *dest, struct eff_err *err)
{
    const struct eff_connector *c = dest->connector;
    struct rest_move *moves = eff_new(dest->run, struct rest_move, c->moves_count);

    dest->moves = moves;
    for (size_t i = 0; i < c->moves_count; i++) {
        struct rest_move *move = &moves[dest->moves_count];

        if (!rest_listed(&c->moves[i].is, dest->options[c->moves[i].option]))
            continue;
        EFF_TRY(rest_text(dest, &c->moves[i].from, &move->from, err));
        EFF_TRY(rest_text(dest, &c->moves[i].to, &move->to, err));
        dest->moves_count += move->from.len > 0; /* else an option is not given: nothing moves */
    }
    return EFF_OK;
}

/* Where no account is named, the credential tells who it is. */
static eff_str
rest_budget(const struct rest_dest *dest)
{
    const struct eff_connector *c = dest->connector;
    uint64_t who = 0;

    for (size_t i = 0; i < c->options_count && !c->account.count; i++)
        if (c->options[i].kind == EFF_OPT_SECRET)
            who = eff_xxh3(who, dest->options[i].ptr, dest->options[i].len);
    return eff_str_printf(dest->run, EFF_STR_FMT " %016llx", EFF_STR_ARG(dest->base.account),
                          (unsigned long long)who);
}

/* "hubspot:api.hubapi.com", or what the connector says. */
static enum eff_fault
rest_account(struct rest_dest *dest, struct eff_err *err)
{
    eff_str account = EFF_STR_NONE;
    bool named, https;

    EFF_TRY(rest_text(dest, &dest->connector->account, &account, err));
    named = account.len > 0;
    for (size_t i = 0; !named && i < dest->connector->options_count; i++) {
        eff_str host = dest->connector->options[i].kind == EFF_OPT_URL
                           ? eff_connector_host(dest->options[i], &https)
                           : EFF_STR_NONE;

        account = host.ptr ? host : account;
    }
    dest->base.account = eff_str_printf(dest->run, EFF_STR_FMT ":" EFF_STR_FMT,
                                        EFF_STR_ARG(dest->connector->kind), EFF_STR_ARG(account));
    dest->base.budget = rest_budget(dest);
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

bool
rest_given(const struct rest_dest *dest, size_t option)
{
    return option == SIZE_MAX ||
           (dest->options[option].ptr && !eff_str_is(dest->options[option], "false"));
}

const struct eff_reading *
rest_reading(const struct rest_dest *dest, eff_str object, const eff_str *match)
{
    for (size_t i = 0; i < dest->connector->readings_count; i++) {
        const struct eff_reading *reading = &dest->connector->readings[i];

        if ((!object.ptr || rest_named(&reading->only, object)) &&
            rest_given(dest, reading->needs_option) &&
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
    rest_limits(dest);
    EFF_TRY(rest_moves(dest, err));
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
    .preview = rest_preview,
    .close = rest_close,
};
