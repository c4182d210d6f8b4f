/* connector_call: the parts that sections share: requests, tests, numbers, pages. */
#include "dest/connector_internal.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

void
eff_compile_fail(struct eff_compile *c, const struct eff_node *node, const char *what)
{
    eff_problem_add(c->problems, node->place, EFF_CONNECTOR_CODE, EFF_STR(""), "%s", what);
}

bool
eff_compile_fill(struct eff_compile *c, const struct eff_node *map,
                 const struct eff_option *options, size_t count, void *config)
{
    if (map->kind != EFF_NODE_MAP) {
        eff_compile_fail(c, map, "expected a mapping");
        return false;
    }
    return eff_options_fill(map, options, count, config, c->problems);
}

struct eff_scope
eff_compile_scope(struct eff_compile *c, unsigned allows)
{
    return (struct eff_scope){.arena = c->arena,
                              .problems = c->problems,
                              .allows = allows,
                              .options_count = c->connector->options_count,
                              .options = c->connector->option_names,
                              .founds_count = c->founds_count,
                              .founds = c->founds};
}

bool
eff_compile_text(struct eff_compile *c, const struct eff_node *node, unsigned allows,
                 struct eff_text *ret_text)
{
    struct eff_scope scope = eff_compile_scope(c, allows);

    return !node || eff_text_compile(&scope, node, ret_text);
}

bool
eff_compile_each(struct eff_compile *c, const struct eff_node *node, struct eff_str_list *ret_list)
{
    size_t count = !node ? 0 : node->kind == EFF_NODE_LIST ? node->count : 1;
    eff_str *at = eff_new(c->arena, eff_str, count);

    for (size_t i = 0; i < count; i++) {
        const struct eff_node *item = node->kind == EFF_NODE_LIST ? &node->values[i] : node;

        if (item->kind != EFF_NODE_SCALAR) {
            eff_compile_fail(c, item, "`each` is a pointer, or a list of them");
            return false;
        }
        if (!eff_compile_marked(c, item, item->text))
            return false;
        at[i] = item->text;
    }
    *ret_list = (struct eff_str_list){.count = count, .at = at};
    return true;
}

/* One number or a list of them: HTTP statuses. */
bool
eff_compile_ints(struct eff_compile *c, const struct eff_node *node, struct eff_ints *ret_ints)
{
    size_t count = !node ? 0 : node->kind == EFF_NODE_LIST ? node->count : 1;
    int64_t *at = eff_new(c->arena, int64_t, count);

    for (size_t i = 0; i < count; i++) {
        const struct eff_node *item = node->kind == EFF_NODE_LIST ? &node->values[i] : node;

        if (item->kind != EFF_NODE_SCALAR || !eff_str_int(item->text, &at[i]) || at[i] < 100 ||
            at[i] > 599) {
            eff_compile_fail(c, item, "expected an HTTP status from 100 to 599");
            return false;
        }
    }
    *ret_ints = (struct eff_ints){count, at};
    return true;
}

bool
eff_compile_pointer(struct eff_compile *c, const struct eff_node *at, eff_str pointer)
{
    bool good = pointer.len == 0 || pointer.ptr[0] == '/';

    for (size_t i = 0; good && i < pointer.len; i++) {
        if (pointer.ptr[i] == '~')
            good = i + 1 < pointer.len && (pointer.ptr[i + 1] == '0' || pointer.ptr[i + 1] == '1');
    }
    if (!good)
        eff_problem_add(
            c->problems, at->place, EFF_CONNECTOR_CODE,
            EFF_STR("A JSON Pointer looks like /errors/0/code; ~1 stands for / and ~0 for ~."),
            "\"" EFF_STR_FMT "\" is no JSON Pointer", EFF_STR_ARG(eff_str_sub(pointer, 0, 80)));
    return good;
}

bool
eff_compile_marked(struct eff_compile *c, const struct eff_node *at, eff_str pointer)
{
    eff_str name, rest = pointer;

    while (eff_str_cut(rest, '{', &name, &rest)) {
        bool closed = eff_str_cut(rest, '}', &name, &rest);
        bool known = eff_str_is(name, "match.field") || eff_str_is(name, "match.1.field") ||
                     eff_str_is(name, "match.2.field") || eff_str_is(name, "object");

        for (size_t i = 0; !known && i < c->connector->options_count; i++)
            known = eff_str_eq(c->connector->option_names[i], name);
        if (!known || !closed) {
            eff_compile_fail(
                c, at, "in a pointer, braces hold match.field, object or the name of an option");
            return false;
        }
    }
    return !pointer.ptr || eff_compile_pointer(c, at, pointer);
}

struct test_conf {
    eff_str at;
    struct eff_str_list is;
};

static const struct eff_option test_options[] = {
    {"at", EFF_OPT_STR, offsetof(struct test_conf, at), .flags = EFF_OPT_REQUIRED},
    {"is", EFF_OPT_LIST, offsetof(struct test_conf, is)},
};

/* "/ok", or {at: /state, is: [a, b]}. */
bool
eff_compile_test(struct eff_compile *c, const struct eff_node *node, struct eff_test *ret_test)
{
    struct test_conf conf = {0};

    if (!node)
        return true;
    if (node->kind == EFF_NODE_SCALAR)
        conf.at = node->text;
    else if (!eff_compile_fill(c, node, test_options, COUNT(test_options), &conf))
        return false;
    if (conf.at.len == 0) {
        eff_compile_fail(c, node, "expected a JSON Pointer");
        return false;
    }
    *ret_test = (struct eff_test){conf.at, conf.is};
    return eff_compile_pointer(c, node, conf.at);
}

bool
eff_compile_tests(struct eff_compile *c, const struct eff_node *node, struct eff_tests *ret_tests)
{
    size_t count = !node ? 0 : node->kind == EFF_NODE_LIST ? node->count : 1;
    struct eff_test *tests = eff_new(c->arena, struct eff_test, count);
    bool good = true;

    for (size_t i = 0; i < count; i++)
        good &=
            eff_compile_test(c, node->kind == EFF_NODE_LIST ? &node->values[i] : node, &tests[i]);
    *ret_tests = (struct eff_tests){count, tests};
    return good;
}

/* A row's value in a sentence of a query language must be quoted by its rules. */
static bool
call_unquoted(const struct eff_text *text)
{
    for (size_t i = 0; i < text->count && text->count > 1; i++) {
        const struct eff_ref *ref = &text->parts[i].ref;

        if (text->parts[i].is_ref && ref->filter != EFF_FILTER_SOQL &&
            ref->filter != EFF_FILTER_SQL && ref->filter != EFF_FILTER_QUOTED &&
            (ref->kind == EFF_REF_MATCH_VALUE || ref->kind == EFF_REF_MATCH_NAMED ||
             ref->kind == EFF_REF_FIELD_NAMED || ref->kind == EFF_REF_REMOTE_ID))
            return true;
    }
    return false;
}

static bool
call_name(const struct eff_node *key)
{
    for (size_t i = 0; i < key->text.len; i++) {
        char ch = key->text.ptr[i];

        if (ch <= ' ' || ch == ':' || ch >= 0x7f || ch < 0)
            return false;
    }
    return key->text.len > 0;
}

bool
eff_compile_pairs(struct eff_compile *c, const struct eff_node *map, unsigned allows, bool query,
                  size_t *ret_count, const struct eff_pair **ret_pairs)
{
    struct eff_pair *pairs;
    bool good = true;

    if (!map)
        return true;
    if (map->kind != EFF_NODE_MAP) {
        eff_compile_fail(c, map, "expected a mapping of names to texts");
        return false;
    }
    pairs = eff_new(c->arena, struct eff_pair, map->count);
    for (size_t i = 0; i < map->count; i++) {
        pairs[i].name = map->keys[i].text;
        if (!call_name(&map->keys[i])) {
            eff_compile_fail(c, &map->keys[i], "not a name that a header or parameter can have");
            good = false;
        }
        good &= eff_compile_text(c, &map->values[i], allows, &pairs[i].value);
        if (query && call_unquoted(&pairs[i].value)) {
            eff_compile_fail(c, &map->values[i],
                             "a row's value inside a query must be quoted: "
                             "write {...|soql} or {...|quoted}");
            good = false;
        }
    }
    *ret_count = map->count;
    *ret_pairs = pairs;
    return good;
}

bool
eff_compile_number(struct eff_compile *c, const struct eff_node *node, int64_t *ret_number,
                   size_t *ret_option)
{
    eff_str text = node && node->kind == EFF_NODE_SCALAR ? node->text : EFF_STR("");

    *ret_option = SIZE_MAX;
    if (eff_str_int(text, ret_number) && *ret_number > 0)
        return true;
    if (text.len > 2 && text.ptr[0] == '{' && text.ptr[text.len - 1] == '}') {
        eff_str name = eff_str_sub(text, 1, text.len - 2);

        for (size_t i = 0; i < c->connector->options_count; i++) {
            if (eff_str_eq(c->connector->option_names[i], name) &&
                c->connector->options[i].kind == EFF_OPT_INT) {
                *ret_option = i;
                return true;
            }
        }
    }
    if (node)
        eff_compile_fail(c, node, "expected a number from 1, or an option of type int in braces");
    return false;
}

static bool
call_path(struct eff_compile *c, const struct eff_node *node, unsigned allows,
          struct eff_text *path)
{
    static const char forbidden[] = "?#\\ ";

    if (!eff_compile_text(c, node, allows, path))
        return false;
    if (path->count > 0 && (path->parts[0].is_ref || path->parts[0].text.ptr[0] != '/')) {
        eff_compile_fail(c, node, "a path opens with \"/\"; `base` says what stands before it");
        return false;
    }
    for (size_t i = 0; i < path->count; i++) {
        eff_str text = path->parts[i].text;

        for (size_t at = 0; at < text.len; at++) {
            if (strchr(forbidden, text.ptr[at]) || (unsigned char)text.ptr[at] < 0x20 ||
                (text.ptr[at] == '/' && at + 1 < text.len && text.ptr[at + 1] == '/') ||
                (text.ptr[at] == '.' && at + 1 < text.len && text.ptr[at + 1] == '.')) {
                eff_compile_fail(c, node,
                                 "a path has no \"//\", \"..\", blanks, \"#\" or \"?\"; "
                                 "parameters stand under `query`");
                return false;
            }
        }
        if (path->parts[i].is_ref && path->parts[i].ref.optional) {
            eff_compile_fail(c, node, "what stands in a path cannot be left out");
            return false;
        }
    }
    return true;
}

struct csv_conf {
    int columns;
    eff_str null, empty, id;
};

static const struct eff_option csv_options[] = {
    {"columns", EFF_OPT_ENUM, offsetof(struct csv_conf, columns), "record",
     .choices = "|record|match|remote_id|fields"},
    {"null", EFF_OPT_STR, offsetof(struct csv_conf, null), ""},
    {"empty", EFF_OPT_STR, offsetof(struct csv_conf, empty), ""},
    {"id", EFF_OPT_STR, offsetof(struct csv_conf, id)},
};

static bool
call_csv(struct eff_compile *c, const struct eff_node *node, struct eff_call *call)
{
    struct csv_conf conf = {0};

    if (!eff_compile_fill(c, node, csv_options, COUNT(csv_options), &conf))
        return false;
    if (conf.columns == EFF_CSV_REMOTE_ID && conf.id.len == 0) {
        eff_compile_fail(c, node, "`columns: remote_id` needs `id`, the name of the column");
        return false;
    }
    call->csv = (struct eff_csv_form){conf.columns, conf.null, conf.empty, conf.id};
    return true;
}

static bool
call_body(struct eff_compile *c, const struct eff_node *map, const struct eff_call_conf *conf,
          unsigned allows, struct eff_call *call)
{
    struct eff_scope scope = eff_compile_scope(c, allows);
    int count = !!conf->json + !!conf->form + !!conf->csv + !!conf->text;

    if (count > 1) {
        eff_compile_fail(c, map, "a request has one body: json, form, csv or text");
        return false;
    }
    if (conf->json || conf->form) {
        call->body = conf->json ? EFF_BODY_JSON : EFF_BODY_FORM;
        call->content_type =
            conf->json ? EFF_STR("application/json") : EFF_STR("application/x-www-form-urlencoded");
        if (conf->form && conf->form->kind != EFF_NODE_MAP) {
            eff_compile_fail(c, conf->form, "a form is a mapping");
            return false;
        }
        if (!eff_tree_compile(&scope, conf->json ? conf->json : conf->form, &call->tree))
            return false;
        if (!conf->form || !eff_tree_json_only(&call->tree))
            return true;
        eff_compile_fail(c, conf->form, "`only_given`, `once` and {fields.values} are for `json`");
        return false;
    }
    if (conf->csv) {
        call->body = EFF_BODY_CSV;
        call->content_type = EFF_STR("text/csv; charset=UTF-8");
        return call_csv(c, conf->csv, call);
    }
    if (conf->text) {
        call->body = EFF_BODY_TEXT;
        call->content_type = EFF_STR("text/plain; charset=UTF-8");
        return eff_compile_text(c, conf->text, allows, &call->text);
    }
    return true;
}

static bool
call_bucket(struct eff_compile *c, const struct eff_node *map, eff_str name, unsigned *ret_bucket)
{
    for (size_t i = 0; i < c->connector->buckets_count; i++) {
        if (eff_str_eq(c->connector->buckets[i], name)) {
            *ret_bucket = (unsigned)i + 1;
            return true;
        }
    }
    eff_problem_add(c->problems, map->place, EFF_CONNECTOR_CODE, EFF_STR(""),
                    "`limit: " EFF_STR_FMT "` is not among `limits` with `only: true`",
                    EFF_STR_ARG(name));
    return false;
}

bool
eff_compile_call(struct eff_compile *c, const struct eff_node *map,
                 const struct eff_call_conf *conf, unsigned allows, struct eff_call *ret_call)
{
    const struct eff_node *paths[] = {conf->get_node, conf->post_node, conf->put_node,
                                      conf->patch_node, conf->delete_node};
    static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
    const struct eff_node *path = NULL;
    bool good = true;
    int count = 0;

    allows |= EFF_SCOPE_SESSION;
    for (size_t i = 0; i < COUNT(methods); i++) {
        if (!paths[i])
            continue;
        count++;
        path = paths[i];
        ret_call->method = eff_str_of(methods[i]);
    }
    if (count != 1) {
        eff_compile_fail(c, map, "a request has one of get, post, put, patch and delete");
        return false;
    }
    ret_call->given = true;
    ret_call->place = map->place;
    ret_call->timeout_ms = conf->timeout_ms;
    good &= call_path(c, path, allows, &ret_call->path);
    good &= eff_compile_address(c, conf->base, EFF_SCOPE_SESSION, &ret_call->base);
    good &=
        eff_compile_pairs(c, conf->query, allows, true, &ret_call->query_count, &ret_call->query);
    good &= eff_compile_pairs(c, conf->headers, allows, false, &ret_call->headers_count,
                              &ret_call->headers);
    good &= call_body(c, map, conf, allows, ret_call);
    if (conf->content_type.len > 0)
        ret_call->content_type = conf->content_type;
    if (conf->limit.ptr)
        good &= call_bucket(c, map, conf->limit, &ret_call->bucket);
    return good;
}

static const struct eff_option paging_options[] = {
    {"at", EFF_OPT_STR, offsetof(struct eff_paging, at), .flags = EFF_OPT_REQUIRED},
    {"query", EFF_OPT_STR, offsetof(struct eff_paging, query)},
};

bool
eff_compile_paging(struct eff_compile *c, const struct eff_node *map, struct eff_paging *ret)
{
    if (!map)
        return true;
    return eff_compile_fill(c, map, paging_options, COUNT(paging_options), ret) &&
           eff_compile_pointer(c, map, ret->at);
}

static const struct eff_option error_at_options[] = {
    {"code", EFF_OPT_LIST, offsetof(struct eff_error_at, code)},
    {"message", EFF_OPT_LIST, offsetof(struct eff_error_at, message)},
    {"field", EFF_OPT_LIST, offsetof(struct eff_error_at, field)},
    {"code_before", EFF_OPT_STR, offsetof(struct eff_error_at, code_before)},
    {"each", EFF_OPT_STR, offsetof(struct eff_error_at, each)},
    {"count", EFF_OPT_STR, offsetof(struct eff_error_at, count)},
};

bool
eff_compile_error_at(struct eff_compile *c, const struct eff_node *map, struct eff_error_at *ret_at)
{
    return !map || (eff_compile_fill(c, map, error_at_options, COUNT(error_at_options), ret_at) &&
                    (!ret_at->each.ptr || eff_compile_pointer(c, map, ret_at->each)) &&
                    (!ret_at->count.ptr || eff_compile_pointer(c, map, ret_at->count)));
}

/* ---- paths ---- */

struct move_conf {
    eff_str when;
    struct eff_str_list is;
    const struct eff_node *from, *to;
};

static const struct eff_option move_options[] = {
    {"when", EFF_OPT_STR, offsetof(struct move_conf, when), .flags = EFF_OPT_REQUIRED},
    {"is", EFF_OPT_LIST, offsetof(struct move_conf, is), .flags = EFF_OPT_REQUIRED},
    {"from", EFF_OPT_NODE, offsetof(struct move_conf, from), .flags = EFF_OPT_REQUIRED},
    {"to", EFF_OPT_NODE, offsetof(struct move_conf, to), .flags = EFF_OPT_REQUIRED},
};

/* An option may hold the path to move; what is written out must be one. */
static bool
move_from(struct eff_compile *c, const struct eff_node *node, struct eff_text *ret_text)
{
    if (!eff_compile_text(c, node, 0, ret_text))
        return false;
    if (ret_text->count > 0 &&
        (ret_text->parts[0].is_ref || eff_str_starts(ret_text->parts[0].text, EFF_STR("/"))))
        return true;
    eff_compile_fail(c, node, "`from` is a path, which opens with a /");
    return false;
}

bool
eff_compile_moves(struct eff_compile *c, const struct eff_node *list)
{
    size_t count = list && list->kind == EFF_NODE_LIST ? list->count : 0;
    struct eff_path_move *moves = eff_new(c->arena, struct eff_path_move, count);
    bool good = true;

    if (list && count == 0) {
        eff_compile_fail(c, list, "`paths` is a list");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct move_conf conf = {0};

        if (!eff_compile_fill(c, &list->values[i], move_options, COUNT(move_options), &conf))
            return false;
        moves[i].is = conf.is;
        good &= eff_compile_when(c, &list->values[i], conf.when, &moves[i].option);
        good &= move_from(c, conf.from, &moves[i].from);
        good &= eff_compile_text(c, conf.to, 0, &moves[i].to);
    }
    c->connector->moves = moves;
    c->connector->moves_count = count;
    return good;
}
