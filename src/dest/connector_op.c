/* connector_op: operations, what their answers say, and jobs. */
#include "dest/connector_internal.h"

#define COUNT(rows)        (sizeof(rows) / sizeof((rows)[0]))
#define OP_CONCURRENCY_MAX 100
#define OP_SCOPE           (EFF_SCOPE_SESSION | EFF_SCOPE_BATCH)

/* ---- answers ---- */

struct results_conf {
    int by;
    bool by_given;
    eff_str by_text;
    struct eff_results list;
    const struct eff_node *success, *created;
};

static const struct eff_option results_options[] = {
    {"each", EFF_OPT_STR, offsetof(struct results_conf, list.each), ""},
    {"by", EFF_OPT_STR, offsetof(struct results_conf, by_text)},
    {"row", EFF_OPT_STR, offsetof(struct results_conf, list.row)},
    {"row_after", EFF_OPT_STR, offsetof(struct results_conf, list.row_after)},
    {"success", EFF_OPT_NODE, offsetof(struct results_conf, success)},
    {"remote_id", EFF_OPT_STR, offsetof(struct results_conf, list.remote_id)},
    {"created", EFF_OPT_NODE, offsetof(struct results_conf, created)},
    {"code", EFF_OPT_LIST, offsetof(struct results_conf, list.error.code)},
    {"message", EFF_OPT_LIST, offsetof(struct results_conf, list.error.message)},
    {"field", EFF_OPT_LIST, offsetof(struct results_conf, list.error.field)},
    {"code_before", EFF_OPT_STR, offsetof(struct results_conf, list.error.code_before)},
};

static bool
results_by(struct eff_compile *c, const struct eff_node *map, struct results_conf *conf)
{
    static const char *const names[] = {"index",     "position", "match",
                                        "remote_id", "offset",   "item"};

    if (!conf->by_text.ptr) {
        conf->list.by = conf->list.row.ptr ? EFF_BY_INDEX : EFF_BY_POSITION;
        return true;
    }
    for (size_t i = 0; i < COUNT(names); i++) {
        if (!eff_str_is(conf->by_text, names[i]))
            continue;
        conf->list.by = (enum eff_row_by)i;
        if (conf->list.by == EFF_BY_POSITION || conf->list.by == EFF_BY_ITEM || conf->list.row.ptr)
            return true;
        eff_compile_fail(c, map, "`by` needs `row`: where in an element it stands");
        return false;
    }
    eff_compile_fail(c, map, "`by` is one of index, offset, position, match, remote_id and item");
    return false;
}

bool
eff_compile_results(struct eff_compile *c, const struct eff_node *map, enum eff_outcome outcome,
                    bool csv, struct eff_results *ret_results)
{
    struct results_conf conf = {.list.outcome = outcome};
    bool good = eff_compile_fill(c, map, results_options, COUNT(results_options), &conf);

    if (!good)
        return false;
    good = results_by(c, map, &conf);
    if (!csv) {
        good &= eff_compile_tests(c, conf.success, &conf.list.success);
        good &= eff_compile_test(c, conf.created, &conf.list.created);
        good &= eff_compile_pointer(c, map, conf.list.each);
        good &= !conf.list.row.ptr || eff_compile_pointer(c, map, conf.list.row);
        good &= !conf.list.remote_id.ptr || eff_compile_pointer(c, map, conf.list.remote_id);
    } else if (conf.created) {
        conf.list.created.at = conf.created->text; /* a column */
    }
    *ret_results = conf.list;
    return good;
}

struct answer_conf {
    struct eff_answer answer;
    int all, others;
    const struct eff_node *status, *success, *created, *created_status, *rows, *applied, *refused,
        *not_applied, *remote_id;
};

static const struct eff_option answer_options[] = {
    {"status", EFF_OPT_NODE, offsetof(struct answer_conf, status)},
    {"success", EFF_OPT_NODE, offsetof(struct answer_conf, success)},
    {"all", EFF_OPT_ENUM, offsetof(struct answer_conf, all), .choices = "maybe|applied|taken"},
    {"others", EFF_OPT_ENUM, offsetof(struct answer_conf, others),
     .choices = "maybe|applied|taken"},
    {"refused_count", EFF_OPT_STR, offsetof(struct answer_conf, answer.refused_count)},
    {"remote_id", EFF_OPT_NODE, offsetof(struct answer_conf, remote_id)},
    {"created", EFF_OPT_NODE, offsetof(struct answer_conf, created)},
    {"created_status", EFF_OPT_NODE, offsetof(struct answer_conf, created_status)},
    {"rows", EFF_OPT_NODE, offsetof(struct answer_conf, rows)},
    {"applied", EFF_OPT_NODE, offsetof(struct answer_conf, applied)},
    {"refused", EFF_OPT_NODE, offsetof(struct answer_conf, refused)},
    {"not_applied", EFF_OPT_NODE, offsetof(struct answer_conf, not_applied)},
};

static const enum eff_outcome answer_outcomes[] = {EFF_MAYBE_APPLIED, EFF_APPLIED, EFF_TAKEN};

#define ANSWER_LISTS_MAX 16

static bool
answer_list(struct eff_compile *c, const struct eff_node *node, enum eff_outcome outcome,
            struct eff_results *lists, size_t *count)
{
    size_t more = !node ? 0 : node->kind == EFF_NODE_LIST ? node->count : 1;
    bool good = true;

    for (size_t i = 0; i < more; i++) {
        const struct eff_node *map = node->kind == EFF_NODE_LIST ? &node->values[i] : node;

        if (*count == ANSWER_LISTS_MAX) {
            eff_compile_fail(c, map, "too many lists in one answer");
            return false;
        }
        good &= eff_compile_results(c, map, outcome, false, &lists[(*count)++]);
    }
    return good;
}

struct id_conf {
    eff_str header;
};

static const struct eff_option id_options[] = {
    {"header", EFF_OPT_STR, offsetof(struct id_conf, header), .flags = EFF_OPT_REQUIRED},
};

/* A pointer, or {header: Location}. */
static bool
answer_remote_id(struct eff_compile *c, const struct eff_node *node, struct eff_answer *answer)
{
    struct id_conf conf = {0};

    if (!node)
        return true;
    if (node->kind == EFF_NODE_SCALAR) {
        answer->remote_id = node->text;
        return true;
    }
    if (!eff_compile_fill(c, node, id_options, COUNT(id_options), &conf))
        return false;
    answer->remote_id_header = eff_str_lower(c->arena, conf.header);
    return true;
}

static bool
answer_complete(struct eff_compile *c, const struct eff_node *map, struct answer_conf *conf,
                bool one_row)
{
    struct eff_answer *answer = &conf->answer;

    if (conf->all && conf->others) {
        eff_compile_fail(c, map, "`all` and `others` say the same thing; keep one");
        return false;
    }
    answer->unlisted = answer_outcomes[conf->all ? conf->all : conf->others];
    if (conf->rows && answer->lists[0].success.count == 0) {
        eff_compile_fail(c, conf->rows, "`rows` needs `success`: which of them were applied");
        return false;
    }
    for (size_t i = 0; i < answer->status.count; i++) {
        if (answer->status.at[i] < 400 || answer->success.at.ptr)
            continue;
        eff_problem_add(c->problems, conf->status->place, EFF_CONNECTOR_CODE,
                        EFF_STR("Add `success`, a test on the body; for a record that is gone, a "
                                "rule in `errors` with `then: missing`."),
                        "the status of an error does not say that it was done: a wrong path or a "
                        "proxy answers so, too");
        return false;
    }
    if (answer->lists_count == 0 && answer->unlisted == EFF_MAYBE_APPLIED) {
        eff_compile_fail(c, map,
                         "the answer must say what success is: `rows`, `applied`, or "
                         "`all: applied` (all: taken) when the status says it");
        return false;
    }
    if (!one_row &&
        (answer->remote_id.ptr || answer->remote_id_header.ptr || answer->created.at.ptr)) {
        eff_compile_fail(c, map, "`remote_id` of the whole answer is for one row a request");
        return false;
    }
    if (answer->refused_count.ptr && !eff_compile_pointer(c, map, answer->refused_count))
        return false;
    return !answer->remote_id.ptr || eff_compile_pointer(c, map, answer->remote_id);
}

bool
eff_compile_answer(struct eff_compile *c, const struct eff_node *map, bool one_row,
                   struct eff_answer *ret_answer)
{
    struct eff_results *lists = eff_new(c->arena, struct eff_results, ANSWER_LISTS_MAX);
    struct answer_conf conf = {0};
    bool good = eff_compile_fill(c, map, answer_options, COUNT(answer_options), &conf);
    size_t count = 0;

    if (!good)
        return false;
    good &= answer_list(c, conf.rows, EFF_APPLIED, lists, &count);
    good &= answer_list(c, conf.applied, EFF_APPLIED, lists, &count);
    good &= answer_list(c, conf.refused, EFF_REFUSED, lists, &count);
    good &= answer_list(c, conf.not_applied, EFF_NOT_APPLIED, lists, &count);
    conf.answer.lists = lists;
    conf.answer.lists_count = count;
    good &= answer_remote_id(c, conf.remote_id, &conf.answer);
    good &= eff_compile_ints(c, conf.status, &conf.answer.status);
    good &= eff_compile_ints(c, conf.created_status, &conf.answer.created_status);
    good &= eff_compile_test(c, conf.success, &conf.answer.success);
    good &= eff_compile_test(c, conf.created, &conf.answer.created);
    good = good && answer_complete(c, map, &conf, one_row);
    *ret_answer = conf.answer;
    return good;
}

/* ---- jobs ---- */

struct job_call_conf {
    struct eff_call_conf call;
    eff_str id, at, failed_count;
    struct eff_str_list done, failed, open, partial;
    int late;
    int64_t first_ms, most_ms, give_up_ms;
    const struct eff_node *error;
};

static const struct eff_option job_create_options[] = {
    EFF_CALL_OPTIONS(struct job_call_conf, call),
    {"id", EFF_OPT_STR, offsetof(struct job_call_conf, id), .flags = EFF_OPT_REQUIRED},
};
static const struct eff_option job_plain_options[] = {EFF_CALL_OPTIONS(struct job_call_conf, call)};
static const struct eff_option job_poll_options[] = {
    EFF_CALL_OPTIONS(struct job_call_conf, call),
    {"at", EFF_OPT_STR, offsetof(struct job_call_conf, at), .flags = EFF_OPT_REQUIRED},
    {"done", EFF_OPT_LIST, offsetof(struct job_call_conf, done), .flags = EFF_OPT_REQUIRED},
    {"failed", EFF_OPT_LIST, offsetof(struct job_call_conf, failed)},
    {"open", EFF_OPT_LIST, offsetof(struct job_call_conf, open)},
    {"partial", EFF_OPT_LIST, offsetof(struct job_call_conf, partial)},
    {"late", EFF_OPT_ENUM, offsetof(struct job_call_conf, late), .choices = "maybe|taken"},
    {"failed_count", EFF_OPT_STR, offsetof(struct job_call_conf, failed_count)},
    {"every.first", EFF_OPT_TIME, offsetof(struct job_call_conf, first_ms), "2s", 100, 3600000},
    {"every.most", EFF_OPT_TIME, offsetof(struct job_call_conf, most_ms), "60s", 100, 3600000},
    {"give_up", EFF_OPT_TIME, offsetof(struct job_call_conf, give_up_ms), "24h"},
    {"error", EFF_OPT_NODE, offsetof(struct job_call_conf, error)},
};

struct job_conf {
    const struct eff_node *create, *upload, *close, *poll, *results;
    eff_str like;
    int others;
};

#define JOB_OPTIONS                                                                                \
    {"upload", EFF_OPT_NODE, offsetof(struct job_conf, upload)},                                   \
        {"close", EFF_OPT_NODE, offsetof(struct job_conf, close)},                                 \
        {"poll", EFF_OPT_NODE, offsetof(struct job_conf, poll)},                                   \
        {"results", EFF_OPT_NODE, offsetof(struct job_conf, results)},                             \
    {                                                                                              \
        "others", EFF_OPT_ENUM, offsetof(struct job_conf, others),                                 \
            .choices = "maybe|applied|taken"                                                       \
    }

static const struct eff_option job_options[] = {
    {"create", EFF_OPT_NODE, offsetof(struct job_conf, create), .flags = EFF_OPT_REQUIRED},
    {"like", EFF_OPT_STR, offsetof(struct job_conf, like)},
    JOB_OPTIONS,
};
static const struct eff_option job_shared_options[] = {JOB_OPTIONS};

/* What the job does not say is as in the one that `like` names, under `jobs`. */
static bool
job_like(struct eff_compile *c, const struct eff_node *map, struct job_conf *conf)
{
    const struct eff_node *named = NULL;
    struct job_conf shared = {0};

    if (conf->like.ptr && c->jobs && c->jobs->kind == EFF_NODE_MAP)
        named = eff_node_get(c->jobs, eff_str_c(c->arena, conf->like));
    if (conf->like.ptr && !named) {
        eff_compile_fail(c, map, "`like` is no name under `jobs`");
        return false;
    }
    if (named &&
        !eff_compile_fill(c, named, job_shared_options, COUNT(job_shared_options), &shared))
        return false;
    conf->upload = conf->upload ? conf->upload : shared.upload;
    conf->close = conf->close ? conf->close : shared.close;
    conf->poll = conf->poll ? conf->poll : shared.poll;
    conf->results = conf->results ? conf->results : shared.results;
    conf->others = conf->others ? conf->others : shared.others;
    if (!conf->poll)
        eff_compile_fail(c, map, "`poll` is missing: how the job's state is asked");
    return conf->poll != NULL;
}

static bool
job_poll(struct eff_compile *c, const struct eff_node *map, struct eff_job *job)
{
    struct job_call_conf conf = {0};
    bool good;

    if (!eff_compile_fill(c, map, job_poll_options, COUNT(job_poll_options), &conf))
        return false;
    job->state = conf.at;
    job->done = conf.done;
    job->failed = conf.failed;
    job->open = conf.open;
    job->partial = conf.partial;
    job->late_taken = conf.late == 1;
    job->failed_count = conf.failed_count;
    job->first_ms = conf.first_ms;
    job->most_ms = conf.most_ms;
    job->give_up_ms = conf.give_up_ms;
    good = eff_compile_pointer(c, map, conf.at);
    good &= !conf.failed_count.ptr || eff_compile_pointer(c, map, conf.failed_count);
    good &= eff_compile_error_at(c, conf.error, &job->error);
    good &= eff_compile_call(c, map, &conf.call, EFF_SCOPE_JOB | EFF_SCOPE_OBJECT, &job->poll);
    return good;
}

static bool
job_step(struct eff_compile *c, const struct eff_node *map, unsigned allows, struct eff_call *call)
{
    struct job_call_conf conf = {0};

    return !map || (eff_compile_fill(c, map, job_plain_options, COUNT(job_plain_options), &conf) &&
                    eff_compile_call(c, map, &conf.call, allows, call));
}

struct file_conf {
    struct eff_call_conf call;
    const struct eff_node *csv, *next, *applied, *refused, *not_applied;
};

static const struct eff_option file_options[] = {
    {"get", EFF_OPT_NODE, offsetof(struct file_conf, call.get_node)},
    {"query", EFF_OPT_NODE, offsetof(struct file_conf, call.query)},
    {"headers", EFF_OPT_NODE, offsetof(struct file_conf, call.headers)},
    {"csv", EFF_OPT_NODE, offsetof(struct file_conf, csv)},
    {"next", EFF_OPT_NODE, offsetof(struct file_conf, next)},
    {"applied", EFF_OPT_NODE, offsetof(struct file_conf, applied)},
    {"refused", EFF_OPT_NODE, offsetof(struct file_conf, refused)},
    {"not_applied", EFF_OPT_NODE, offsetof(struct file_conf, not_applied)},
};

static bool
job_file(struct eff_compile *c, const struct eff_node *map, struct eff_job_file *file)
{
    struct file_conf conf = {0};
    const struct eff_node *list;
    enum eff_outcome outcome;

    if (!eff_compile_fill(c, map, file_options, COUNT(file_options), &conf))
        return false;
    if (!!conf.applied + !!conf.refused + !!conf.not_applied != 1) {
        eff_compile_fail(c, map, "a result has one of applied, refused and not_applied");
        return false;
    }
    list = conf.applied ? conf.applied : conf.refused ? conf.refused : conf.not_applied;
    outcome = conf.applied ? EFF_APPLIED : conf.refused ? EFF_REFUSED : EFF_NOT_APPLIED;
    file->csv = conf.csv && eff_node_is(conf.csv, "true");
    if (!eff_compile_results(c, list, outcome, file->csv, &file->list))
        return false;
    if (file->list.by == EFF_BY_POSITION || file->list.by == EFF_BY_ITEM) {
        eff_compile_fail(c, list, "a job's results need `row`: their order is not promised");
        return false;
    }
    if (conf.next && (!conf.call.get_node || file->csv)) {
        eff_compile_fail(c, conf.next, "only JSON that is fetched has a next page");
        return false;
    }
    return eff_compile_paging(c, conf.next, &file->next) &&
           (!conf.call.get_node ||
            eff_compile_call(c, map, &conf.call, EFF_SCOPE_JOB | EFF_SCOPE_OBJECT, &file->call));
}

bool
eff_compile_job(struct eff_compile *c, const struct eff_node *map, struct eff_job *ret_job)
{
    struct job_call_conf create = {0};
    struct job_conf conf = {0};
    struct eff_job_file *files;
    size_t count;
    bool good;

    if (!eff_compile_fill(c, map, job_options, COUNT(job_options), &conf) ||
        !job_like(c, map, &conf) ||
        !eff_compile_fill(c, conf.create, job_create_options, COUNT(job_create_options), &create))
        return false;
    *ret_job =
        (struct eff_job){.given = true, .id = create.id, .unlisted = answer_outcomes[conf.others]};
    good = eff_compile_pointer(c, conf.create, create.id);
    good &= eff_compile_call(c, conf.create, &create.call, OP_SCOPE, &ret_job->create);
    good &= job_step(c, conf.upload, OP_SCOPE | EFF_SCOPE_JOB, &ret_job->upload);
    good &= job_step(c, conf.close, OP_SCOPE | EFF_SCOPE_JOB, &ret_job->close);
    good &= job_poll(c, conf.poll, ret_job);
    count = conf.results && conf.results->kind == EFF_NODE_LIST ? conf.results->count : 0;
    if (conf.results && count == 0) {
        eff_compile_fail(c, conf.results, "`results` is a list");
        return false;
    }
    files = eff_new(c->arena, struct eff_job_file, count);
    for (size_t i = 0; i < count; i++)
        good &= job_file(c, &conf.results->values[i], &files[i]);
    ret_job->files = files;
    ret_job->files_count = count;
    if (count == 0 && ret_job->unlisted == EFF_MAYBE_APPLIED) {
        eff_compile_fail(c, map, "a job needs `results`, or `others: applied` (taken)");
        return false;
    }
    return good;
}

/* ---- operations ---- */

struct variant_conf {
    int class;
    int64_t rows, bytes;
    struct eff_call_conf call;
    const struct eff_node *answer, *job, *when, *concurrency;
    eff_str key_header;
    int64_t key_window_ms;
};

#define VARIANT_OPTIONS(type, m)                                                                   \
    {"class", EFF_OPT_ENUM, offsetof(type, m class), .choices = "blind|converge|keyed|lookup"},    \
        {"batch.rows", EFF_OPT_INT, offsetof(type, m rows), "1", 1, 1000000},                      \
        {"batch.bytes", EFF_OPT_SIZE, offsetof(type, m bytes), NULL, 1024, (int64_t)1 << 30},      \
        {"concurrency", EFF_OPT_NODE, offsetof(type, m concurrency)},                              \
        {"answer", EFF_OPT_NODE, offsetof(type, m answer)},                                        \
        {"job", EFF_OPT_NODE, offsetof(type, m job)},                                              \
        {"idempotency.header", EFF_OPT_STR, offsetof(type, m key_header)},                         \
        {"idempotency.window", EFF_OPT_TIME, offsetof(type, m key_window_ms)},                     \
        EFF_CALL_OPTIONS(type, m call)

static const struct eff_option variant_options[] = {
    {"when", EFF_OPT_NODE, offsetof(struct variant_conf, when)},
    VARIANT_OPTIONS(struct variant_conf, ),
};

struct op_conf {
    const struct eff_node *find, *choose;
    eff_str like;
    bool whole_rows, rematch;
    struct variant_conf v;
};

static const struct eff_option op_options[] = {
    {"find", EFF_OPT_NODE, offsetof(struct op_conf, find)},
    {"choose", EFF_OPT_NODE, offsetof(struct op_conf, choose)},
    {"like", EFF_OPT_STR, offsetof(struct op_conf, like)},
    {"whole_rows", EFF_OPT_BOOL, offsetof(struct op_conf, whole_rows)},
    {"rematch", EFF_OPT_BOOL, offsetof(struct op_conf, rematch)},
    VARIANT_OPTIONS(struct op_conf, v.),
};

struct when_conf {
    const struct eff_node *above, *at_most;
    struct eff_str_list objects;
    int remote_id;
};

static const struct eff_option when_options[] = {
    {"rows_above", EFF_OPT_NODE, offsetof(struct when_conf, above)},
    {"rows_at_most", EFF_OPT_NODE, offsetof(struct when_conf, at_most)},
    {"remote_id", EFF_OPT_ENUM, offsetof(struct when_conf, remote_id),
     .choices = "any|known|unknown|moved"},
    {"object", EFF_OPT_LIST, offsetof(struct when_conf, objects)},
};

static bool
op_when(struct eff_compile *c, const struct eff_node *map, struct eff_variant *variant)
{
    struct when_conf conf = {0};

    variant->rows_option = SIZE_MAX;
    if (!map)
        return true;
    if (!eff_compile_fill(c, map, when_options, COUNT(when_options), &conf))
        return false;
    variant->id = (enum eff_when_id)conf.remote_id;
    variant->objects = conf.objects;
    variant->rows_above = conf.above != NULL;
    variant->rows_at_most = conf.at_most != NULL;
    if (conf.above && conf.at_most) {
        eff_compile_fail(c, map, "one of rows_above and rows_at_most");
        return false;
    }
    return (!conf.above && !conf.at_most) ||
           eff_compile_number(c, conf.above ? conf.above : conf.at_most, &variant->rows,
                              &variant->rows_option);
}

/* An answer of its own, or the name of one under `answers`. */
static const struct eff_node *
op_answer(struct eff_compile *c, const struct eff_node *node)
{
    const struct eff_node *named;

    if (node->kind != EFF_NODE_SCALAR)
        return node;
    named = c->answers && c->answers->kind == EFF_NODE_MAP
                ? eff_node_get(c->answers, eff_str_c(c->arena, node->text))
                : NULL;
    if (!named)
        eff_compile_fail(c, node, "no such name under `answers`");
    return named;
}

static bool
op_variant_request(struct eff_compile *c, const struct eff_node *map,
                   const struct variant_conf *conf, struct eff_variant *variant)
{
    unsigned scope = OP_SCOPE | (conf->rows == 1 ? EFF_SCOPE_ROW : 0);
    bool good = eff_compile_call(c, map, &conf->call, scope, &variant->call);
    const struct eff_node *answer;

    if (!conf->answer) {
        eff_compile_fail(c, map, "`answer` is missing: what tells success from failure");
        return false;
    }
    answer = op_answer(c, conf->answer);
    good = answer && (good & eff_compile_answer(c, answer, conf->rows == 1, &variant->answer));
    for (size_t i = 0; good && i < variant->answer.lists_count; i++) {
        if (variant->answer.lists[i].by != EFF_BY_ITEM || eff_tree_each_row(&variant->call.tree))
            continue;
        eff_compile_fail(c, map, "`by: item` needs `for_each: row` in the body");
        return false;
    }
    return good;
}

static bool
op_variant(struct eff_compile *c, const struct eff_node *map, const struct variant_conf *conf,
           struct eff_variant *variant)
{
    variant->class = (enum eff_class)conf->class;
    variant->rows_max = (size_t)conf->rows;
    variant->bytes_max = (size_t)conf->bytes;
    variant->concurrency = 1;
    variant->concurrency_option = SIZE_MAX;
    if (conf->concurrency && !eff_compile_number(c, conf->concurrency, &variant->concurrency,
                                                 &variant->concurrency_option))
        return false;
    if (variant->concurrency > OP_CONCURRENCY_MAX) {
        eff_compile_fail(c, conf->concurrency, "`concurrency` is at most 100");
        return false;
    }
    variant->idempotency_header = conf->key_header;
    variant->key_window_ms = conf->key_window_ms;
    if (variant->class == EFF_CLASS_KEYED && (!conf->key_header.ptr || conf->key_window_ms <= 0)) {
        eff_compile_fail(c, map, "class keyed needs `idempotency: {header: ..., window: ...}`");
        return false;
    }
    if (!op_when(c, conf->when, variant))
        return false;
    if (conf->job && conf->answer) {
        eff_compile_fail(c, map, "a job has `results`, no `answer`");
        return false;
    }
    return conf->job ? eff_compile_job(c, conf->job, &variant->job)
                     : op_variant_request(c, map, conf, variant);
}

static bool
op_choose(struct eff_compile *c, const struct eff_node *list, struct eff_operation *op)
{
    size_t count = list->kind == EFF_NODE_LIST ? list->count : 0;
    struct eff_variant *variants = eff_new(c->arena, struct eff_variant, count);
    bool good = count > 0;

    if (!good)
        eff_compile_fail(c, list, "`choose` is a list of variants");
    for (size_t i = 0; i < count; i++) {
        struct variant_conf conf = {0};

        good &=
            eff_compile_fill(c, &list->values[i], variant_options, COUNT(variant_options), &conf) &&
            op_variant(c, &list->values[i], &conf, &variants[i]);
    }
    op->variants = variants;
    op->variants_count = count;
    return good;
}

static bool
call_has(const struct eff_call *call, enum eff_ref_kind kind)
{
    bool has = eff_text_has(&call->path, kind) || eff_tree_has(&call->tree, kind) ||
               eff_text_has(&call->text, kind);

    for (size_t i = 0; i < call->query_count; i++)
        has |= eff_text_has(&call->query[i].value, kind);
    return has || (kind == EFF_REF_REMOTE_ID && call->csv.id_name.len > 0);
}

/* What the templates need of the rows. */
static void
op_needs(struct eff_operation *op)
{
    for (size_t i = 0; i < op->variants_count; i++) {
        const struct eff_variant *v = &op->variants[i];

        op->by_remote_id |= call_has(&v->call, EFF_REF_REMOTE_ID) ||
                            call_has(&v->job.create, EFF_REF_REMOTE_ID) ||
                            call_has(&v->job.upload, EFF_REF_REMOTE_ID);
    }
}

static bool
op_one(struct eff_compile *c, const struct eff_node *map, struct eff_operation *op,
       eff_str *ret_like)
{
    struct op_conf conf = {0};

    if (!eff_compile_fill(c, map, op_options, COUNT(op_options), &conf))
        return false;
    if (conf.like.ptr) {
        *ret_like = conf.like;
        if (map->count == 1)
            return true;
        eff_compile_fail(c, map, "`like` stands alone");
        return false;
    }
    op->given = true;
    op->whole_rows = conf.whole_rows;
    op->rematch = conf.rematch;
    if (!eff_compile_find(c, conf.find, op))
        return false;
    if (conf.choose) {
        if (conf.v.answer || conf.v.job || conf.v.call.post_node || conf.v.call.get_node) {
            eff_compile_fail(c, map, "with `choose`, requests stand in its variants");
            return false;
        }
        if (!op_choose(c, conf.choose, op))
            return false;
    } else {
        struct eff_variant *variant = eff_new(c->arena, struct eff_variant, 1);

        op->variants = variant;
        op->variants_count = 1;
        if (!op_variant(c, map, &conf.v, variant))
            return false;
    }
    op_needs(op);
    return true;
}

/* Operations that are like another one, once all others are known. */
static bool
op_likes(struct eff_compile *c, const struct eff_node *map, const eff_str *like)
{
    bool good = true;
    enum eff_op op, other;

    for (size_t i = 0; i < map->count; i++) {
        if (!like[i].ptr || !eff_op_from_name(map->keys[i].text, &op))
            continue;
        if (!eff_op_from_name(like[i], &other) || other == op || !c->connector->ops[other].given) {
            eff_compile_fail(c, &map->values[i], "`like` names an operation that is not there");
            good = false;
        } else {
            c->connector->ops[op] = c->connector->ops[other];
        }
    }
    return good;
}

bool
eff_compile_operations(struct eff_compile *c, const struct eff_node *map)
{
    eff_str *like;
    bool good = true;
    enum eff_op op;

    if (map->kind != EFF_NODE_MAP || map->count == 0) {
        eff_compile_fail(c, map, "expected a mapping of operations");
        return false;
    }
    like = eff_new(c->arena, eff_str, map->count);
    for (size_t i = 0; i < map->count; i++) {
        if (!eff_op_from_name(map->keys[i].text, &op) || op == EFF_OP_NONE) {
            eff_compile_fail(c, &map->keys[i],
                             "no such operation; there are upsert, create, update, "
                             "clear, archive, delete, append, add and remove");
            good = false;
            continue;
        }
        good &= op_one(c, &map->values[i], &c->connector->ops[op], &like[i]);
    }
    good &= op_likes(c, map, like);
    return good;
}
