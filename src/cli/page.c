/*
 * cli/page: what the program knows of one kind of destination, as the part of its page that is
 * never written by hand.
 *
 * Everything is read from the compiled connector file, or asked of the driver. What a file cannot
 * say (set-up, what a removal means for people, what nobody has verified) stands around it.
 */
#include <inttypes.h>

#include "cli/cli.h"
#include "conf/schema.h"
#include "dest/connector.h"

#define PAGE_PAUSE_MOST_MS (15 * 60 * 1000) /* as in deliver */

/* ---- words ---- */

static void
page_code(struct eff_buf *buf, eff_str text)
{
    eff_buf_add_char(buf, '`');
    eff_schema_cell(buf, text);
    eff_buf_add_char(buf, '`');
}

/* "`a`, `b`" */
static void
page_list(struct eff_buf *buf, const struct eff_str_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        eff_buf_add(buf, i > 0 ? EFF_STR(", ") : EFF_STR(""));
        page_code(buf, list->at[i]);
    }
}

void
eff_cli_page_time(struct eff_buf *buf, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *one, *many;
    } units[] = {{86400000, "day", "days"},
                 {3600000, "hour", "hours"},
                 {60000, "minute", "minutes"},
                 {1000, "second", "seconds"},
                 {1, "millisecond", "milliseconds"}};
    size_t u = 0;

    while (ms % units[u].ms != 0)
        u++;
    if (ms == units[u].ms)
        eff_buf_add(buf, eff_str_of(units[u].one));
    else
        eff_buf_addf(buf, "%" PRId64 " %s", ms / units[u].ms, units[u].many);
}

/* A number, or the option that tells it. */
static void
page_number(struct eff_buf *buf, const struct eff_connector *c, int64_t number, size_t option)
{
    if (option == SIZE_MAX)
        eff_buf_addf(buf, "%" PRId64, number);
    else
        eff_buf_addf(buf, "`%s`", c->options[option].name);
}

static void
page_size(struct eff_buf *buf, size_t rows, size_t bytes)
{
    eff_buf_addf(buf, "%zu", rows);
    if (bytes == 0)
        return;
    if (bytes % 1000000 == 0)
        eff_buf_addf(buf, ", %zu MB", bytes / 1000000);
    else if (bytes % 1000 == 0)
        eff_buf_addf(buf, ", %zu KB", bytes / 1000);
    else
        eff_buf_addf(buf, ", %zu MiB", bytes >> 20);
}

static void
page_lost(struct eff_buf *buf, enum eff_class class, int64_t key_window_ms)
{
    static const char *const words[] = {
        [EFF_CLASS_BLIND] = "blind: held, or sent again under `ambiguous: at_least_once`",
        [EFF_CLASS_CONVERGE] = "converge: sent again",
        [EFF_CLASS_KEYED] = "keyed: sent again with the same key",
        [EFF_CLASS_LOOKUP] = "lookup: looked up before anything is sent again",
    };

    eff_buf_add(buf, eff_str_of(words[class]));
    if (class == EFF_CLASS_KEYED && key_window_ms > 0)
        eff_buf_addf(buf, ", for %" PRId64 " hours", key_window_ms / 3600000);
}

/* ---- requests ---- */

static void
page_call(struct eff_buf *buf, const struct eff_call *call)
{
    eff_buf_addf(buf, "`" EFF_STR_FMT " ", EFF_STR_ARG(call->method));
    if (call->base.count > 0)
        eff_schema_cell(buf, call->base.written);
    eff_schema_cell(buf, call->path.written);
    eff_buf_add_char(buf, '`');
}

static void
page_job(struct eff_buf *buf, const struct eff_job *job)
{
    const struct eff_call *calls[] = {&job->create, &job->upload, &job->close, &job->poll};
    const char *before = "a job: ";

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (!calls[i]->given)
            continue;
        eff_buf_add(buf, eff_str_of(before));
        page_call(buf, calls[i]);
        before = ", ";
    }
    for (size_t i = 0; i < job->files_count; i++) {
        if (!job->files[i].call.given)
            continue;
        eff_buf_add(buf, eff_str_of(before));
        page_call(buf, &job->files[i].call);
    }
}

/* Of which rows this request is: "`contacts`; id known" */
static void
page_when(struct eff_buf *buf, const struct eff_connector *c, const struct eff_variant *v)
{
    static const char *const ids[] = {
        [EFF_WHEN_ID_KNOWN] = "id known",
        [EFF_WHEN_ID_UNKNOWN] = "id not known",
        [EFF_WHEN_MOVED] = "the match value changed",
    };
    const char *before = "";

    if (v->objects.count > 0) {
        page_list(buf, &v->objects);
        before = "; ";
    }
    if (v->id != EFF_WHEN_ANY) {
        eff_buf_addf(buf, "%s%s", before, ids[v->id]);
        before = "; ";
    }
    if (v->rows_above || v->rows_at_most) {
        eff_buf_addf(buf, "%s%s ", before, v->rows_above ? "runs of more rows than" : "at most");
        page_number(buf, c, v->rows, v->rows_option);
    }
}

static void
page_operation(struct eff_buf *buf, const struct eff_connector *c, enum eff_op op)
{
    const struct eff_operation *o = &c->ops[op];

    for (size_t i = 0; i < o->variants_count; i++) {
        const struct eff_variant *v = &o->variants[i];

        eff_buf_addf(buf, "| %s | ", eff_op_name(op));
        page_when(buf, c, v);
        eff_buf_add(buf, EFF_STR(" | "));
        if (o->finds_count > 0 && (v->id == EFF_WHEN_ANY || v->id == EFF_WHEN_ID_UNKNOWN))
            eff_buf_add(buf, EFF_STR("ids first, then "));
        if (v->job.given)
            page_job(buf, &v->job);
        else
            page_call(buf, &v->call);
        eff_buf_add(buf, EFF_STR(" | "));
        page_size(buf, v->rows_max, v->bytes_max);
        eff_buf_add(buf, EFF_STR(" | "));
        page_number(buf, c, v->concurrency, v->concurrency_option);
        eff_buf_add(buf, EFF_STR(" | "));
        page_lost(buf, v->class, v->key_window_ms);
        eff_buf_add(buf, v->job.given ? EFF_STR("; a job that is known is asked again |\n")
                                      : EFF_STR(" |\n"));
    }
}

static void
page_operations(struct eff_buf *buf, const struct eff_connector *c)
{
    eff_buf_add(buf, EFF_STR("\n### Operations\n\n"
                             "| operation | for | request | rows, bytes | at a time "
                             "| when an answer is lost |\n|---|---|---|---|---|---|\n"));
    for (int op = 0; op < EFF_OPS_COUNT; op++)
        if (c->ops[op].given)
            page_operation(buf, c, (enum eff_op)op);
}

/* ---- what is asked besides ---- */

static void
page_asked(struct eff_buf *buf, const char *what, const struct eff_call *call,
           const struct eff_str_list *only, size_t rows)
{
    eff_buf_addf(buf, "- %s: ", what);
    page_call(buf, call);
    if (only && only->count > 0) {
        eff_buf_add(buf, EFF_STR(" for "));
        page_list(buf, only);
    }
    if (rows > 0)
        eff_buf_addf(buf, ", %zu record%s a request", rows, rows == 1 ? "" : "s");
    eff_buf_add_char(buf, '\n');
}

/* Whether this or another operation has told of such a request. */
static bool
page_found_before(const struct eff_connector *c, int op, size_t find)
{
    const struct eff_find *wanted = &c->ops[op].finds[find];

    for (int other = 0; other <= op; other++) {
        for (size_t i = 0; i < (other == op ? find : c->ops[other].finds_count); i++) {
            const struct eff_find *f = &c->ops[other].finds[i];

            if (eff_str_eq(f->call.path.written, wanted->call.path.written) &&
                f->rows_max == wanted->rows_max && f->only.count == wanted->only.count &&
                (f->only.count == 0 || eff_str_eq(f->only.at[0], wanted->only.at[0])))
                return true;
        }
    }
    return false;
}

/* The request, and what it can say that the credential or the target lacks. */
static void
page_check(struct eff_buf *buf, const struct eff_connector *c, const struct eff_check *check)
{
    struct eff_buf what = {0};

    eff_buf_addf(&what, "by `efferent check`%s", check->members ? ", of mode `members`" : "");
    if (check->needs_option != SIZE_MAX)
        eff_buf_addf(&what, ", where `%s` is given", c->options[check->needs_option].name);
    eff_buf_add_char(&what, '\0');
    page_asked(buf, what.ptr, &check->call, &check->only, 0);
    eff_buf_free(&what);
    for (size_t i = 0; i < check->proofs_count; i++)
        eff_buf_addf(buf, "  - tells when " EFF_STR_FMT ": " EFF_STR_FMT "\n",
                     EFF_STR_ARG(check->proofs[i].lacks), EFF_STR_ARG(check->proofs[i].remedy));
}

static void
page_requests(struct eff_buf *buf, const struct eff_connector *c)
{
    size_t start;

    eff_buf_add(buf, EFF_STR("\n### What is asked besides\n\n"));
    start = buf->len;
    for (size_t i = 0; i < c->logins_count; i++) {
        eff_buf_add(buf, EFF_STR("- login"));
        if (c->logins[i].when != SIZE_MAX)
            eff_buf_addf(buf, ", where `%s` is given", c->options[c->logins[i].when].name);
        eff_buf_add(buf, EFF_STR(": "));
        page_call(buf, &c->logins[i].call);
        eff_buf_add_char(buf, '\n');
    }
    if (c->objects.list.given)
        page_asked(buf, "which objects there are", &c->objects.list, NULL, 0);
    for (size_t i = 0; i < c->objects.fields_count; i++)
        page_asked(buf, "the fields of an object, before each run", &c->objects.fields[i].call,
                   &c->objects.fields[i].only, 0);
    for (size_t i = 0; i < c->objects.fields_count; i++) {
        const struct eff_fields_call *fields = &c->objects.fields[i];

        if (fields->create.call.given)
            page_asked(buf, "a field that is not there is created, once the option below says so",
                       &fields->create.call, &fields->only, 0);
    }
    for (size_t i = 0; i < c->checks_count; i++)
        page_check(buf, c, &c->checks[i]);
    for (size_t i = 0; i < c->readings_count; i++)
        page_asked(buf, "records read back", &c->readings[i].call, &c->readings[i].only,
                   c->readings[i].rows_max);
    for (int op = 0; op < EFF_OPS_COUNT; op++)
        for (size_t i = 0; i < c->ops[op].finds_count; i++)
            if (!page_found_before(c, op, i))
                page_asked(buf, "ids that are not known", &c->ops[op].finds[i].call,
                           &c->ops[op].finds[i].only, c->ops[op].finds[i].rows_max);
    if (buf->len == start)
        eff_buf_add(buf, EFF_STR("Nothing.\n"));
}

/* ---- values ---- */

struct page_bodies {
    bool json, form, csv;
    eff_str csv_null;
};

static void
page_body(struct page_bodies *bodies, const struct eff_call *call)
{
    bodies->json |= call->body == EFF_BODY_JSON;
    bodies->form |= call->body == EFF_BODY_FORM;
    if (call->body == EFF_BODY_CSV) {
        bodies->csv = true;
        bodies->csv_null = call->csv.null;
    }
}

static struct page_bodies
page_bodies(const struct eff_connector *c)
{
    struct page_bodies bodies = {0};

    for (int op = 0; op < EFF_OPS_COUNT; op++) {
        for (size_t i = 0; i < c->ops[op].variants_count; i++) {
            page_body(&bodies, &c->ops[op].variants[i].call);
            page_body(&bodies, &c->ops[op].variants[i].job.create);
            page_body(&bodies, &c->ops[op].variants[i].job.upload);
        }
    }
    return bodies;
}

/* Quoted, so that nothing at all can be seen. */
static void
page_quoted(struct eff_buf *buf, const char *what, eff_str text)
{
    eff_buf_addf(buf, "%s`\"", what);
    eff_schema_cell(buf, text);
    eff_buf_add(buf, EFF_STR("\"`"));
}

static void
page_values(struct eff_buf *buf, const struct eff_connector *c)
{
    static const char *const times[] = {
        [EFF_TIME_ISO] = "ISO 8601",
        [EFF_TIME_ISO_MS] = "ISO 8601 with milliseconds",
        [EFF_TIME_EPOCH_S] = "seconds since 1970",
        [EFF_TIME_EPOCH_MS] = "milliseconds since 1970",
    };
    struct page_bodies bodies = page_bodies(c);
    const struct eff_values *v = &c->values;

    eff_buf_add(buf, EFF_STR("\n### Values\n\n- NULL: "));
    if (v->null_is_text)
        page_quoted(buf, "", v->null_text);
    else if (bodies.json || bodies.csv)
        eff_buf_add(buf, EFF_STR("`null`"));
    if (bodies.form && !v->null_is_text)
        eff_buf_add(buf, bodies.json ? EFF_STR(", in a form nothing") : EFF_STR("an empty value"));
    if (bodies.csv)
        page_quoted(buf, ", in CSV ", bodies.csv_null);
    eff_buf_addf(buf, ".\n- Numbers: %s. True and false: %s.\n",
                 v->number_text ? "as text" : "as numbers",
                 v->boolean_text ? "as text" : "as such");
    eff_buf_addf(buf, "- Times: %s%s. Dates: %s.\n- Lists: ", times[v->time],
                 v->naive_utc ? ", one without a zone taken as UTC" : "", times[v->date]);
    if (v->list == EFF_LIST_JOIN)
        page_quoted(buf, "joined with ", v->list_join);
    else
        eff_buf_add(buf, v->list == EFF_LIST_TEXT ? EFF_STR("as JSON text") : EFF_STR("nested"));
    eff_buf_addf(buf, ". A dot in a field's name %s.\n", v->flat_names ? "is a dot" : "nests");
}

/* ---- objects ---- */

static void
page_objects(struct eff_buf *buf, const struct eff_connector *c)
{
    if (c->objects.known.count > 0) {
        eff_buf_add(buf, EFF_STR("\nObjects, among others: "));
        page_list(buf, &c->objects.known);
        eff_buf_add(buf, EFF_STR(".\n"));
    }
    if (c->objects.match.count > 0) {
        eff_buf_add(buf, EFF_STR("\nRecords are found by: "));
        page_list(buf, &c->objects.match);
        eff_buf_add(buf, EFF_STR(".\n"));
    }
    if (c->identifiers.count > 0) {
        eff_buf_add(buf, EFF_STR("\nFields of a member: "));
        for (size_t i = 0; i < c->identifiers.count; i++) {
            eff_buf_add(buf, i > 0 ? EFF_STR(", ") : EFF_STR(""));
            page_code(buf, c->identifiers.at[i].name);
        }
        eff_buf_add(buf, EFF_STR(".\n"));
    }
}

/* ---- errors ---- */

static void
page_condition(struct eff_buf *buf, const struct eff_error_rule *rule)
{
    const char *before = "";

    for (size_t i = 0; i < rule->status.count; i++)
        eff_buf_addf(buf, "%s%" PRId64, i > 0 ? ", " : "", rule->status.at[i]);
    if (rule->status.count > 0)
        before = "; ";
    if (rule->codes.count > 0) {
        eff_buf_add(buf, eff_str_of(before));
        page_list(buf, &rule->codes);
        before = "; ";
    }
    if (rule->test.at.ptr) {
        eff_buf_add(buf, eff_str_of(before));
        page_code(buf, rule->test.at);
        if (rule->test.values.count > 0) {
            eff_buf_add(buf, EFF_STR(" is "));
            page_list(buf, &rule->test.values);
        }
        before = "; ";
    }
    if (rule->text.len > 0) {
        eff_buf_addf(buf, "%s\"", before);
        eff_schema_cell(buf, rule->text);
        eff_buf_add_char(buf, '"');
        before = "; ";
    }
    if (rule->empty)
        eff_buf_addf(buf, "%sno body", before);
}

static void
page_meaning(struct eff_buf *buf, const struct eff_error_rule *rule)
{
    static const char *const faults[] = {
        [EFF_CONFIG] = "the sync stops: its configuration is to be mended",
        [EFF_AUTH] = "the credential is refused, the sync stops",
        [EFF_RATE] = "waited for, then sent again",
        [EFF_LIMIT] = "a quota is used up: the run ends, the rest stays pending",
        [EFF_CONTRACT] = "the field or the object is not as it was: it is named",
        [EFF_ROW] = "the row is rejected",
        [EFF_TRANSIENT] = "tried again",
    };
    static const char *const outcomes[] = {
        [EFF_APPLIED] = "counts as applied",
        [EFF_NOT_APPLIED] = "not applied",
        [EFF_MAYBE_APPLIED] = "as a lost answer",
        [EFF_REFUSED] = "the row is rejected",
    };
    const char *before = "";

    if (rule->outcome != EFF_PENDING) {
        eff_buf_add(buf, eff_str_of(outcomes[rule->outcome]));
        before = "; ";
    }
    if (rule->missing) {
        eff_buf_add(buf, EFF_STR("no such record: a removal is done"));
        before = "; else ";
    }
    if (rule->split) {
        eff_buf_addf(buf, "%ssent in halves", before);
        before = "; ";
    }
    if (rule->fault != EFF_OK || rule->missing)
        eff_buf_addf(buf, "%s%s", before, faults[rule->fault ? rule->fault : EFF_ROW]);
}

static void
page_errors(struct eff_buf *buf, const struct eff_connector *c)
{
    eff_buf_add(buf, EFF_STR("\n### Errors\n\n"));
    if (c->errors_count > 0)
        eff_buf_add(buf, EFF_STR("The first line that fits. What none names is judged by its "
                                 "[status](../../docs/connectors.md#errors).\n\n"
                                 "| answer | of | means | what to do |\n|---|---|---|---|\n"));
    else
        eff_buf_add(buf,
                    EFF_STR("Judged by their [status](../../docs/connectors.md#errors) alone.\n"));
    for (size_t i = 0; i < c->errors_count; i++) {
        const struct eff_error_rule *rule = &c->errors[i];
        const char *before = "";

        eff_buf_add(buf, EFF_STR("| "));
        page_condition(buf, rule);
        eff_buf_add(buf, EFF_STR(" | "));
        for (int op = 0; op < EFF_OPS_COUNT; op++) {
            if (!(rule->ops & (1U << op)))
                continue;
            eff_buf_addf(buf, "%s%s", before, eff_op_name((enum eff_op)op));
            before = ", ";
        }
        eff_buf_add(buf, EFF_STR(" | "));
        page_meaning(buf, rule);
        eff_buf_add(buf, EFF_STR(" | "));
        eff_schema_cell(buf, rule->remedy);
        eff_buf_add(buf, EFF_STR(" |\n"));
    }
}

/* ---- limits and addresses ---- */

static void
page_corrected(struct eff_buf *buf, const struct eff_limit *limit)
{
    const eff_str headers[] = {limit->remaining, limit->allowed, limit->reset_s,
                               limit->window_ms, limit->used_of, limit->percent_of};
    const char *before = "";

    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        if (headers[i].len == 0)
            continue;
        eff_buf_addf(buf, "%s`" EFF_STR_FMT "`", before, EFF_STR_ARG(headers[i]));
        before = ", ";
    }
}

static void
page_limits(struct eff_buf *buf, const struct eff_connector *c)
{
    static const char *const per[] = {
        [EFF_UNITS_REQUEST] = "request", [EFF_UNITS_ROW] = "row", [EFF_UNITS_NEW_ROW] = "new row"};

    eff_buf_add(buf, EFF_STR("\n### Limits\n\n"));
    if (c->units.per != EFF_UNITS_NONE)
        eff_buf_addf(buf, "`plan` counts " EFF_STR_FMT ": one a %s.\n\n",
                     EFF_STR_ARG(c->units.name), per[c->units.per]);
    if (c->limits_count == 0) {
        eff_buf_add(buf, EFF_STR("None is known; a 429 is waited for.\n"));
        return;
    }
    eff_buf_add(buf, EFF_STR("| limit | requests | draws | corrected by the headers | when it is "
                             "reached |\n|---|---|---|---|---|\n"));
    for (size_t i = 0; i < c->limits_count; i++) {
        const struct eff_limit *limit = &c->limits[i];

        eff_buf_addf(buf, "| " EFF_STR_FMT " | ", EFF_STR_ARG(limit->name));
        page_number(buf, c, limit->requests, limit->requests_option);
        eff_buf_add(buf, EFF_STR(" per "));
        eff_cli_page_time(buf, limit->per_ms);
        eff_buf_add(buf, limit->bucket == 0 ? EFF_STR(" | every request | ")
                                            : EFF_STR(" | its own requests | "));
        page_corrected(buf, limit);
        eff_buf_add(buf,
                    limit->hard ? EFF_STR(" | the run ends, the rest stays pending |\n")
                    : limit->per_ms > PAGE_PAUSE_MOST_MS
                        ? EFF_STR(" | waited for, where it takes no more than 15 minutes; else "
                                  "the run ends, the rest stays pending |\n")
                        : EFF_STR(" | waited for |\n"));
    }
}

static void
page_hosts(struct eff_buf *buf, const struct eff_connector *c)
{
    eff_buf_add(buf, EFF_STR("\n### Addresses\n\nRequests go below "));
    page_code(buf, c->base.written);
    if (c->hosts.count > 0) {
        eff_buf_add(buf, EFF_STR(", over https to "));
        page_list(buf, &c->hosts);
        eff_buf_add(buf, EFF_STR(" and to hosts that the project names"));
    } else {
        eff_buf_add(buf, EFF_STR(", to hosts that the project names"));
    }
    eff_buf_add(buf, EFF_STR(" (unencrypted where it writes `http://` before them), and nowhere "
                             "else.\n"));
    for (size_t i = 0; i < c->moves_count; i++) {
        const struct eff_path_move *move = &c->moves[i];

        eff_buf_addf(buf, "%sWith `%s: ", i > 0 ? "" : "\n", c->options[move->option].name);
        eff_schema_cell(buf, move->is.at[0]);
        eff_buf_add(buf, EFF_STR("`, "));
        page_code(buf, move->to.written);
        eff_buf_add(buf, EFF_STR(" instead of "));
        page_code(buf, move->from.written);
        eff_buf_add(buf, EFF_STR(".\n"));
    }
    for (size_t i = 0; i < c->headers_count; i++) {
        eff_buf_add(buf, i > 0 ? EFF_STR(", ") : EFF_STR("\nHeaders: "));
        eff_buf_addf(buf, "`" EFF_STR_FMT ": ", EFF_STR_ARG(c->headers[i].name));
        eff_schema_cell(buf, c->headers[i].value.written);
        eff_buf_add_char(buf, '`');
    }
    eff_buf_add(buf, c->headers_count > 0 ? EFF_STR(".\n") : EFF_STR(""));
}

/* ---- the page ---- */

/* A driver in C tells its limits when it is bound, and nothing of its statements. */
static void
page_driver(struct eff_cli *cli, const struct eff_kind_desc *kind, struct eff_buf *buf)
{
    struct eff_op_limits limits[EFF_OPS_COUNT];

    if (!eff_cli_matrix_limits(cli, kind, limits))
        return;
    eff_buf_add(buf, EFF_STR("\n### Operations\n\n"
                             "| operation | rows, bytes | at a time | when an answer is lost |\n"
                             "|---|---|---|---|\n"));
    for (int op = 0; op < EFF_OPS_COUNT; op++) {
        if (!limits[op].supported)
            continue;
        eff_buf_addf(buf, "| %s | ", eff_op_name((enum eff_op)op));
        page_size(buf, limits[op].rows_max, limits[op].bytes_max);
        eff_buf_addf(buf, " | %zu | ", limits[op].concurrency);
        page_lost(buf, limits[op].class, limits[op].key_window_ms);
        eff_buf_add(buf, EFF_STR(" |\n"));
    }
}

void
eff_cli_page(struct eff_cli *cli, const struct eff_kind_desc *kind, struct eff_buf *buf)
{
    const struct eff_connector *c = ((const struct eff_dest_kind *)kind->user)->connector;
    bool whole = c && c->sections.count == 0;

    eff_buf_addf(buf,
                 "<!-- from here on written by `efferent docs connector " EFF_STR_FMT "` -->\n\n"
                 "## What it can do\n\n",
                 EFF_STR_ARG(kind->kind));
    eff_cli_matrix_table(cli, 1, kind, buf);
    eff_buf_add(buf,
                EFF_STR("\nThe columns, and the delivery classes: "
                        "[reference](../../docs/reference/configuration.md#what-each-destination"
                        "-can-do), [guarantees](../../docs/guarantees.md).\n"));
    if (!c)
        page_driver(cli, kind, buf);
    if (whole) {
        page_objects(buf, c);
        page_operations(buf, c);
        page_requests(buf, c);
        page_values(buf, c);
        page_errors(buf, c);
        page_limits(buf, c);
        page_hosts(buf, c);
    }
    eff_buf_add(buf, EFF_STR("\n### Options\n\n"));
    eff_schema_options(buf, kind->options, kind->options_count);
    eff_buf_add(buf, EFF_STR("<!-- up to here -->\n"));
}
