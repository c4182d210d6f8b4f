/*
 * sandbox/salesforce_soql: a small honest part of SOQL.
 *
 *   SELECT field, Parent.field, ... | COUNT() FROM object
 *   [WHERE condition [AND|OR|NOT condition] ...]   = != < <= > >= LIKE IN, NOT IN
 *   [ORDER BY field [ASC|DESC] [NULLS FIRST|LAST], ...] [LIMIT n] [OFFSET n]
 *
 * Everything else is refused with MALFORMED_QUERY, never misread. Conditions
 * are kept as a list in postfix order, so that evaluation needs no recursion;
 * the depth of brackets is bounded.
 */
#include "base/clock.h"
#include "base/number.h"
#include "sandbox/salesforce.h"

#include <stdalign.h>
#include <stdlib.h>

#define SOQL_TEXT_MAX   100000
#define SOQL_DEPTH_MAX  32
#define SOQL_NODES_MAX  4096
#define SOQL_VALUES_MAX 20000
#define SOQL_ORDER_MAX  8

enum soql_token_kind { SOQL_END = 0, SOQL_WORD, SOQL_STRING, SOQL_MARK, SOQL_BAD };

struct soql_token {
    enum soql_token_kind kind;
    eff_str text; /* STRING: without quotes and escapes */
};

enum soql_op {
    SOQL_EQ = 1,
    SOQL_NE,
    SOQL_LT,
    SOQL_LE,
    SOQL_GT,
    SOQL_GE,
    SOQL_LIKE,
    SOQL_IN,
    SOQL_NOT_IN,
    SOQL_AND,
    SOQL_OR,
    SOQL_NOT
};

struct soql_node {
    enum soql_op op;
    const struct eff_field *field;
    size_t values_count;
    struct eff_cell *values; /* CELL_NULL for null */
};

struct eff_sf_query {
    const struct eff_shape *shape;
    bool counts;
    size_t fields_count;
    const struct eff_field **fields;
    size_t parents_count;
    struct eff_sf_parent_field *parents;
    size_t nodes_count;
    struct soql_node *nodes; /* postfix */
    size_t orders_count;
    struct {
        const struct eff_field *field;
        bool descending, nulls_last;
    } orders[SOQL_ORDER_MAX];
    int64_t limit, offset;
};

struct soql_parser {
    struct eff_call *call;
    eff_str text;
    size_t at;
    struct soql_token token; /* the one to be looked at */
    struct eff_sf_query *query;
    struct eff_sf_problem *problem;
    unsigned depth;
};

static bool
soql_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == ':' || c == '-' || c == '+';
}

static struct soql_token
soql_string(struct soql_parser *parser)
{
    char *out = eff_new(parser->call->arena, char, parser->text.len - parser->at + 1);
    size_t len = 0;

    for (parser->at++; parser->at < parser->text.len; parser->at++) {
        char c = parser->text.ptr[parser->at];

        if (c == '\'') {
            parser->at++;
            return (struct soql_token){SOQL_STRING, {out, len}};
        }
        if (c == '\\' && ++parser->at < parser->text.len) {
            c = parser->text.ptr[parser->at];
            c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
        }
        out[len++] = c;
    }
    return (struct soql_token){SOQL_BAD, {"", 0}};
}

static void
soql_next(struct soql_parser *parser)
{
    eff_str text = parser->text;
    size_t start;

    while (parser->at < text.len && strchr(" \t\r\n", text.ptr[parser->at]) != NULL &&
           text.ptr[parser->at] != '\0')
        parser->at++;
    start = parser->at;
    if (start == text.len) {
        parser->token = (struct soql_token){SOQL_END, {"", 0}};
    } else if (text.ptr[start] == '\'') {
        parser->token = soql_string(parser);
    } else if (soql_word_char(text.ptr[start])) {
        while (parser->at < text.len && soql_word_char(text.ptr[parser->at]))
            parser->at++;
        parser->token =
            (struct soql_token){SOQL_WORD, eff_str_sub(text, start, parser->at - start)};
    } else {
        bool two = start + 1 < text.len && strchr("<>!", text.ptr[start]) != NULL &&
                   (text.ptr[start + 1] == '=' || text.ptr[start + 1] == '>');

        parser->at += two ? 2 : 1;
        parser->token = (struct soql_token){SOQL_MARK, eff_str_sub(text, start, two ? 2 : 1)};
    }
}

static bool
soql_is(const struct soql_parser *parser, const char *word)
{
    return (parser->token.kind == SOQL_WORD || parser->token.kind == SOQL_MARK) &&
           eff_str_eq_nocase(parser->token.text, eff_str_of(word));
}

static bool
soql_accept(struct soql_parser *parser, const char *word)
{
    if (!soql_is(parser, word))
        return false;
    soql_next(parser);
    return true;
}

static bool
soql_unexpected(struct soql_parser *parser)
{
    return eff_sf_fail(parser->call, parser->problem, "MALFORMED_QUERY", NULL,
                       "unexpected token: '" EFF_STR_FMT "'",
                       EFF_STR_ARG(eff_str_sub(parser->token.text, 0, 100)));
}

static bool
soql_expect(struct soql_parser *parser, const char *word)
{
    return soql_accept(parser, word) || soql_unexpected(parser);
}

static bool
soql_field(struct soql_parser *parser, eff_str name, const struct eff_field **ret_field)
{
    *ret_field = eff_shape_field(&parser->call->world->shapes, parser->query->shape, name);
    if (*ret_field != NULL)
        return true;
    return eff_sf_fail(parser->call, parser->problem, "INVALID_FIELD", NULL,
                       "No such column '" EFF_STR_FMT "' on entity '" EFF_STR_FMT
                       "'. If you are attempting to use a custom field, be sure to append the "
                       "'__c' after the custom field name.",
                       EFF_STR_ARG(eff_str_sub(name, 0, 100)),
                       EFF_STR_ARG(parser->query->shape->name));
}

static bool
soql_number(struct soql_parser *parser, int64_t *ret_number)
{
    if (parser->token.kind != SOQL_WORD || !eff_str_int(parser->token.text, ret_number) ||
        *ret_number < 0)
        return soql_unexpected(parser);
    soql_next(parser);
    return true;
}

/* A literal must fit its field: text in quotes, all else without. */
static bool
soql_value(struct soql_parser *parser, const struct eff_field *field, struct eff_cell *ret_cell)
{
    struct soql_token token = parser->token;
    bool quoted = token.kind == SOQL_STRING, fits;
    struct eff_civil civil;

    if (token.kind != SOQL_STRING && token.kind != SOQL_WORD)
        return soql_unexpected(parser);
    *ret_cell = (struct eff_cell){EFF_CELL_TEXT, token.text};
    if (!quoted && eff_str_eq_nocase(token.text, EFF_STR("null"))) {
        ret_cell->kind = EFF_CELL_NULL;
        fits = true;
    } else if (eff_field_is_number(field)) {
        ret_cell->kind = EFF_CELL_NUMBER;
        fits = !quoted && eff_number_valid(token.text);
    } else if (field->type == EFF_FIELD_BOOL) {
        *ret_cell =
            (struct eff_cell){EFF_CELL_BOOL, eff_str_lower(parser->call->arena, token.text)};
        fits =
            !quoted && (eff_str_is(ret_cell->text, "true") || eff_str_is(ret_cell->text, "false"));
    } else if (field->type == EFF_FIELD_DATE || field->type == EFF_FIELD_DATETIME) {
        fits = !quoted && eff_time_parse(token.text, &civil) &&
               (field->type == EFF_FIELD_DATE ? token.text.len == 10 : civil.has_offset);
        if (fits && field->type == EFF_FIELD_DATETIME)
            ret_cell->text = eff_sf_time(parser->call, eff_micros_from_civil(&civil) / 1000);
    } else {
        fits = quoted;
    }
    if (!fits)
        return eff_sf_fail(parser->call, parser->problem, "INVALID_FIELD", NULL,
                           "filter criteria must be of type %s and %s be enclosed in quotes",
                           eff_sf_type(field), quoted ? "should not" : "should");
    soql_next(parser);
    return true;
}

static bool
soql_list(struct soql_parser *parser, struct soql_node *node)
{
    size_t cap = 0;

    if (!soql_expect(parser, "("))
        return false;
    do {
        if (node->values_count == cap) {
            size_t more = cap == 0 ? 16 : cap * 2;
            struct eff_cell *values = eff_new(parser->call->arena, struct eff_cell, more);

            if (cap != 0)
                memcpy(values, node->values, cap * sizeof(*values));
            node->values = values;
            cap = more;
        }
        if (node->values_count == SOQL_VALUES_MAX)
            return soql_unexpected(parser);
        if (!soql_value(parser, node->field, &node->values[node->values_count]))
            return false;
        node->values_count++;
    } while (soql_accept(parser, ","));
    return soql_expect(parser, ")");
}

static bool
soql_push(struct soql_parser *parser, struct soql_node node)
{
    if (parser->query->nodes_count == SOQL_NODES_MAX)
        return soql_unexpected(parser);
    parser->query->nodes[parser->query->nodes_count++] = node;
    return true;
}

static bool
soql_comparison(struct soql_parser *parser)
{
    static const struct {
        const char *word;
        enum soql_op op;
    } ops[] = {{"=", SOQL_EQ},  {"!=", SOQL_NE},     {"<>", SOQL_NE},
               {"<", SOQL_LT},  {"<=", SOQL_LE},     {">", SOQL_GT},
               {">=", SOQL_GE}, {"like", SOQL_LIKE}, {"in", SOQL_IN}};
    struct soql_node node = {0};

    if (parser->token.kind != SOQL_WORD)
        return soql_unexpected(parser);
    if (!soql_field(parser, parser->token.text, &node.field))
        return false;
    soql_next(parser);
    if (soql_accept(parser, "not")) {
        if (!soql_expect(parser, "in"))
            return false;
        node.op = SOQL_NOT_IN;
    }
    for (size_t i = 0; node.op == 0 && i < sizeof(ops) / sizeof(ops[0]); i++)
        if (soql_accept(parser, ops[i].word))
            node.op = ops[i].op;
    if (node.op == 0)
        return soql_unexpected(parser);
    if (node.op == SOQL_IN || node.op == SOQL_NOT_IN)
        return soql_list(parser, &node) && soql_push(parser, node);
    node.values = eff_new(parser->call->arena, struct eff_cell, 1);
    node.values_count = 1;
    return soql_value(parser, node.field, node.values) && soql_push(parser, node);
}

static bool soql_condition(struct soql_parser *parser);

static bool
soql_term(struct soql_parser *parser)
{
    bool fine;

    if (++parser->depth > SOQL_DEPTH_MAX)
        return soql_unexpected(parser);
    if (soql_accept(parser, "not"))
        fine = soql_term(parser) && soql_push(parser, (struct soql_node){.op = SOQL_NOT});
    else if (soql_accept(parser, "("))
        fine = soql_condition(parser) && soql_expect(parser, ")");
    else
        fine = soql_comparison(parser);
    parser->depth--;
    return fine;
}

/* The vendor does not mix AND and OR without brackets either. */
static bool
soql_condition(struct soql_parser *parser)
{
    enum soql_op op = soql_term(parser) ? SOQL_EQ : 0;

    if (op == 0)
        return false;
    if (soql_is(parser, "and"))
        op = SOQL_AND;
    else if (soql_is(parser, "or"))
        op = SOQL_OR;
    else
        return true;
    while (soql_accept(parser, op == SOQL_AND ? "and" : "or"))
        if (!soql_term(parser) || !soql_push(parser, (struct soql_node){.op = op}))
            return false;
    return !soql_is(parser, "and") && !soql_is(parser, "or") ? true : soql_unexpected(parser);
}

static bool
soql_order(struct soql_parser *parser)
{
    struct eff_sf_query *query = parser->query;

    if (!soql_expect(parser, "by"))
        return false;
    do {
        size_t i = query->orders_count;

        if (i == SOQL_ORDER_MAX || parser->token.kind != SOQL_WORD)
            return soql_unexpected(parser);
        if (!soql_field(parser, parser->token.text, &query->orders[i].field))
            return false;
        soql_next(parser);
        if (!soql_accept(parser, "asc"))
            query->orders[i].descending = soql_accept(parser, "desc");
        if (soql_accept(parser, "nulls")) {
            query->orders[i].nulls_last = soql_accept(parser, "last");
            if (!query->orders[i].nulls_last && !soql_expect(parser, "first"))
                return false;
        }
        query->orders_count++;
    } while (soql_accept(parser, ","));
    return true;
}

/* Names of the selected fields are resolved when the object is known. */
static bool
soql_select(struct soql_parser *parser, size_t *ret_count, eff_str **ret_names)
{
    eff_str *names = eff_new(parser->call->arena, eff_str, parser->text.len / 2 + 2);

    *ret_names = names;
    *ret_count = 0;
    if (!soql_expect(parser, "select"))
        return false;
    if (soql_accept(parser, "count")) {
        parser->query->counts = true;
        return soql_expect(parser, "(") && soql_expect(parser, ")");
    }
    do {
        if (parser->token.kind != SOQL_WORD)
            return soql_unexpected(parser);
        names[(*ret_count)++] = parser->token.text;
        soql_next(parser);
    } while (soql_accept(parser, ","));
    return true;
}

static bool
soql_from(struct soql_parser *parser)
{
    if (!soql_expect(parser, "from") || parser->token.kind != SOQL_WORD)
        return soql_unexpected(parser);
    parser->query->shape = eff_shape_find(&parser->call->world->shapes, parser->token.text);
    if (parser->query->shape == NULL)
        return eff_sf_fail(parser->call, parser->problem, "INVALID_TYPE", NULL,
                           "sObject type '" EFF_STR_FMT "' is not supported.",
                           EFF_STR_ARG(eff_str_sub(parser->token.text, 0, 100)));
    soql_next(parser);
    return true;
}

/* "Account.Name": a field of the record that a reference leads to, one level up. */
static bool
soql_parent(struct soql_parser *parser, eff_str relation, eff_str name,
            struct eff_sf_parent_field *ret_parent)
{
    const struct eff_shapes *shapes = &parser->call->world->shapes;
    const struct eff_shape *shape = parser->query->shape;

    for (size_t i = 0; i < shape->count; i++) {
        const struct eff_field *reference = &shape->fields[i];

        if (reference->gone || reference->relation.len == 0 ||
            !eff_str_eq_nocase(reference->relation, relation))
            continue;
        *ret_parent = (struct eff_sf_parent_field){reference,
                                                   eff_shape_find(shapes, reference->target), NULL};
        if (ret_parent->shape != NULL)
            ret_parent->field = eff_shape_field(shapes, ret_parent->shape, name);
    }
    return ret_parent->field != NULL ||
           eff_sf_fail(parser->call, parser->problem, "INVALID_FIELD", NULL,
                       "Didn't understand relationship '" EFF_STR_FMT
                       "' in field path. If you are attempting to use a custom relationship, be "
                       "sure to append the '__r' after the custom relationship name.",
                       EFF_STR_ARG(eff_str_sub(relation, 0, 100)));
}

/* What was selected, now that the object is known. */
static bool
soql_fields(struct soql_parser *parser, size_t count, const eff_str *names)
{
    struct eff_sf_query *query = parser->query;
    eff_str relation, name;

    query->fields = eff_new(parser->call->arena, const struct eff_field *, count + 1);
    query->parents = eff_new(parser->call->arena, struct eff_sf_parent_field, count + 1);
    for (size_t i = 0; i < count; i++)
        if (eff_str_cut(names[i], '.', &relation, &name)
                ? !soql_parent(parser, relation, name, &query->parents[query->parents_count++])
                : !soql_field(parser, names[i], &query->fields[query->fields_count++]))
            return false;
    return true;
}

static bool
soql_parse(struct soql_parser *parser)
{
    struct eff_sf_query *query = parser->query;
    eff_str *names;
    size_t count;

    soql_next(parser);
    if (!soql_select(parser, &count, &names) || !soql_from(parser))
        return false;
    if (!soql_fields(parser, count, names))
        return false;
    query->nodes = eff_new(parser->call->arena, struct soql_node, SOQL_NODES_MAX);
    query->limit = INT64_MAX;
    if (soql_accept(parser, "where") && !soql_condition(parser))
        return false;
    if (soql_accept(parser, "order") && !soql_order(parser))
        return false;
    if (soql_accept(parser, "limit") && !soql_number(parser, &query->limit))
        return false;
    if (soql_accept(parser, "offset") && !soql_number(parser, &query->offset))
        return false;
    return parser->token.kind == SOQL_END || soql_unexpected(parser);
}

const struct eff_sf_query *
eff_sf_soql(struct eff_call *call, eff_str text, struct eff_sf_problem *problem)
{
    struct soql_parser parser = {.call = call, .text = text, .problem = problem};

    if (text.len == 0 || text.len > SOQL_TEXT_MAX || !eff_utf8_valid(text)) {
        eff_sf_fail(call, problem, "MALFORMED_QUERY", NULL, "a query has 1 to %d characters",
                    SOQL_TEXT_MAX);
        return NULL;
    }
    parser.query = eff_new(call->arena, struct eff_sf_query, 1);
    return soql_parse(&parser) ? parser.query : NULL;
}

static int
soql_compare_numbers(eff_str a, eff_str b)
{
    char x[64], y[64];
    double p, q;

    eff_str_print_to(x, sizeof(x), a);
    eff_str_print_to(y, sizeof(y), b);
    p = strtod(x, NULL);
    q = strtod(y, NULL);
    return p < q ? -1 : p > q;
}

/* Nulls before everything; text without regard to case, as the vendor compares it. */
static int
soql_compare(struct eff_cell a, struct eff_cell b)
{
    size_t len = a.text.len < b.text.len ? a.text.len : b.text.len;

    if (eff_cell_null(a) || eff_cell_null(b))
        return (int)eff_cell_null(b) - (int)eff_cell_null(a);
    if (a.kind == EFF_CELL_NUMBER && b.kind == EFF_CELL_NUMBER)
        return soql_compare_numbers(a.text, b.text);
    for (size_t i = 0; i < len; i++) {
        unsigned char x = (unsigned char)a.text.ptr[i], y = (unsigned char)b.text.ptr[i];

        x = x >= 'A' && x <= 'Z' ? (unsigned char)(x + 32) : x;
        y = y >= 'A' && y <= 'Z' ? (unsigned char)(y + 32) : y;
        if (x != y)
            return x < y ? -1 : 1;
    }
    return a.text.len < b.text.len ? -1 : a.text.len > b.text.len;
}

/* % any text, _ one byte; without backtracking into more than the last %. */
static bool
soql_like(eff_str text, eff_str pattern)
{
    size_t t = 0, p = 0, star = SIZE_MAX, mark = 0;

    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '%') {
            star = p++;
            mark = t;
        } else if (p < pattern.len &&
                   (pattern.ptr[p] == '_' ||
                    eff_str_eq_nocase(eff_str_sub(text, t, 1), eff_str_sub(pattern, p, 1)))) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '%')
        p++;
    return p == pattern.len;
}

static bool
soql_test(const struct soql_node *node, struct eff_cell cell)
{
    bool found = false;
    int order;

    for (size_t i = 0; i < node->values_count && !found; i++)
        found = soql_compare(cell, node->values[i]) == 0;
    order = node->values_count == 1 ? soql_compare(cell, node->values[0]) : 0;
    switch (node->op) {
    case SOQL_EQ:
    case SOQL_IN:
        return found;
    case SOQL_NE:
    case SOQL_NOT_IN:
        return !found;
    case SOQL_LIKE:
        return !eff_cell_null(cell) && soql_like(cell.text, node->values[0].text);
    default:
        break;
    }
    if (eff_cell_null(cell) || eff_cell_null(node->values[0]))
        return false;
    return node->op == SOQL_LT   ? order < 0
           : node->op == SOQL_LE ? order <= 0
           : node->op == SOQL_GT ? order > 0
                                 : order >= 0;
}

static bool
soql_matches(const struct eff_call *call, const struct eff_sf_query *query,
             const struct eff_record *record)
{
    bool stack[SOQL_NODES_MAX] = {false};
    size_t depth = 0;

    for (size_t i = 0; i < query->nodes_count; i++) {
        const struct soql_node *node = &query->nodes[i];

        if (node->op == SOQL_NOT) {
            stack[depth - 1] = !stack[depth - 1];
        } else if (node->op == SOQL_AND || node->op == SOQL_OR) {
            depth--;
            stack[depth - 1] = node->op == SOQL_AND ? stack[depth - 1] && stack[depth]
                                                    : stack[depth - 1] || stack[depth];
        } else {
            stack[depth++] = soql_test(node, eff_sf_cell(call, record, node->field));
        }
    }
    return depth == 0 || stack[0];
}

struct soql_hit {
    int64_t seq;
    struct eff_cell *keys; /* as many as the query has orders; malloc'd, NULL without any */
};

static int
soql_hit_cmp(const void *left, const void *right, void *cls)
{
    const struct soql_hit *a = left, *b = right;
    const struct eff_sf_query *query = cls;

    for (size_t i = 0; i < query->orders_count; i++) {
        bool null_a = eff_cell_null(a->keys[i]), null_b = eff_cell_null(b->keys[i]);
        int order = soql_compare(a->keys[i], b->keys[i]);

        if (null_a != null_b)
            return null_a == query->orders[i].nulls_last ? 1 : -1;
        if (order != 0)
            return query->orders[i].descending ? -order : order;
    }
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

struct soql_hits {
    size_t count, cap;
    struct soql_hit *at; /* malloc'd */
};

/* What the order looks at, with its texts, in one block: the scan reuses the record's memory. */
static struct eff_cell *
soql_keep_keys(const struct eff_call *call, const struct eff_sf_query *query,
               const struct eff_record *record)
{
    struct eff_cell cells[SOQL_ORDER_MAX], *keys;
    size_t bytes = query->orders_count * sizeof(*keys);
    char *at;

    for (size_t i = 0; i < query->orders_count; i++) {
        cells[i] = eff_sf_cell(call, record, query->orders[i].field);
        bytes += cells[i].text.len;
    }
    keys = malloc(bytes);
    at = (char *)(keys + query->orders_count);
    for (size_t i = 0; keys != NULL && i < query->orders_count; i++) {
        keys[i] = cells[i];
        if (cells[i].text.len != 0)
            memcpy(at, cells[i].text.ptr, cells[i].text.len);
        keys[i].text.ptr = at;
        at += cells[i].text.len;
    }
    return keys;
}

static bool
soql_add_hit(const struct eff_call *call, const struct eff_sf_query *query,
             const struct eff_record *record, struct soql_hits *hits)
{
    struct soql_hit hit = {.seq = record->seq};

    if (hits->count == hits->cap) {
        size_t cap = hits->cap == 0 ? 256 : hits->cap * 2;
        struct soql_hit *at = realloc(hits->at, cap * sizeof(*at));

        if (at == NULL)
            return false;
        hits->at = at;
        hits->cap = cap;
    }
    if (query->orders_count != 0 && (hit.keys = soql_keep_keys(call, query, record)) == NULL)
        return false;
    hits->at[hits->count++] = hit;
    return true;
}

static void
soql_scan(struct eff_call *call, const struct eff_sf_query *query, bool deleted,
          struct soql_hits *hits)
{
    struct eff_scan scan = {.shape = query->shape, .deleted = deleted};
    size_t enough =
        query->orders_count == 0 && query->limit < INT32_MAX && query->offset < INT32_MAX
            ? (size_t)(query->limit + query->offset)
            : SIZE_MAX;
    bool fine = true;

    while (fine && hits->count < enough) {
        struct eff_arena scratch = *call->arena;
        struct eff_call part = *call;
        struct eff_record record;

        part.arena = &scratch;
        if (!eff_records_next(call->world->records, &scan, &scratch, &record))
            break;
        if (soql_matches(&part, query, &record))
            fine = soql_add_hit(&part, query, &record, hits);
    }
}

size_t
eff_sf_run(struct eff_call *call, const struct eff_sf_query *query, bool all, int64_t **ret_seqs)
{
    struct soql_hits hits = {0};
    size_t first, count = 0;

    soql_scan(call, query, false, &hits);
    if (all)
        soql_scan(call, query, true, &hits);
    if (query->orders_count != 0 && hits.count != 0)
        qsort_r(hits.at, hits.count, sizeof(*hits.at), soql_hit_cmp, (void *)(uintptr_t)query);
    first = (uint64_t)query->offset < hits.count ? (size_t)query->offset : hits.count;
    *ret_seqs = malloc((hits.count - first + 1) * sizeof(**ret_seqs));
    while (*ret_seqs != NULL && first + count < hits.count && (int64_t)count < query->limit) {
        (*ret_seqs)[count] = hits.at[first + count].seq;
        count++;
    }
    for (size_t i = 0; i < hits.count; i++)
        free(hits.at[i].keys);
    free(hits.at);
    return count;
}

const struct eff_shape *
eff_sf_query_shape(const struct eff_sf_query *query)
{
    return query->shape;
}

bool
eff_sf_query_counts(const struct eff_sf_query *query)
{
    return query->counts;
}

const struct eff_field *const *
eff_sf_query_fields(const struct eff_sf_query *query, size_t *ret_count)
{
    *ret_count = query->fields_count;
    return query->fields;
}

const struct eff_sf_parent_field *
eff_sf_query_parents(const struct eff_sf_query *query, size_t *ret_count)
{
    *ret_count = query->parents_count;
    return query->parents;
}
