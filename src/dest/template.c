/* template: texts and trees of a connector file to parts and nodes. */
#include "dest/template.h"

#include "base/number.h"

#define TEMPLATE_PARTS_MAX 64
#define TEMPLATE_CODE      "EFF1207"

struct template_name {
    const char *name;
    enum eff_ref_kind kind;
    unsigned needs; /* any of these scopes */
};

/* What may stand in braces, besides options, {match.x} and {fields.x}. */
static const struct template_name template_names[] = {
    {"session.token", EFF_REF_TOKEN, EFF_SCOPE_SESSION},
    {"session.url", EFF_REF_BASE, EFF_SCOPE_SESSION},
    {"login.assertion", EFF_REF_ASSERTION, EFF_SCOPE_LOGIN},
    {"object", EFF_REF_OBJECT, EFF_SCOPE_BATCH | EFF_SCOPE_OBJECT},
    {"match.field", EFF_REF_MATCH_FIELD, EFF_SCOPE_BATCH},
    {"match.value", EFF_REF_MATCH_VALUE, EFF_SCOPE_ROW},
    {"match", EFF_REF_MATCH, EFF_SCOPE_ROW},
    {"fields", EFF_REF_FIELDS, EFF_SCOPE_ROW},
    {"record", EFF_REF_RECORD, EFF_SCOPE_ROW},
    {"row.index", EFF_REF_ROW_INDEX, EFF_SCOPE_ROW},
    {"row.key", EFF_REF_ROW_KEY, EFF_SCOPE_ROW},
    {"row.idempotency_key", EFF_REF_IDEMPOTENCY, EFF_SCOPE_ROW},
    {"remote_id", EFF_REF_REMOTE_ID, EFF_SCOPE_ROW},
    {"field.name", EFF_REF_EACH_NAME, EFF_SCOPE_ROW},
    {"field.value", EFF_REF_EACH_VALUE, EFF_SCOPE_ROW},
    {"fields.names", EFF_REF_FIELD_NAMES, EFF_SCOPE_BATCH},
    {"fields.values", EFF_REF_FIELD_VALUES, EFF_SCOPE_ROW},
    {"batch.id", EFF_REF_BATCH_ID, EFF_SCOPE_BATCH},
    {"record.names", EFF_REF_RECORD_NAMES, EFF_SCOPE_BATCH},
    {"batch.idempotency_key", EFF_REF_BATCH_KEY, EFF_SCOPE_BATCH},
    {"batch.rows", EFF_REF_BATCH_ROWS, EFF_SCOPE_BATCH},
    {"job.id", EFF_REF_JOB_ID, EFF_SCOPE_JOB},
    {"cursor", EFF_REF_CURSOR, EFF_SCOPE_CURSOR},
    {"new.name", EFF_REF_NEW_NAME, EFF_SCOPE_NEW},
    {"new.type", EFF_REF_NEW_TYPE, EFF_SCOPE_NEW},
    {"new.group", EFF_REF_NEW_GROUP, EFF_SCOPE_NEW},
};

static bool
template_fail(const struct eff_scope *scope, const struct eff_node *node, size_t offset,
              eff_str name, const char *what)
{
    eff_problem_add(scope->problems, eff_node_place_at(node, offset), TEMPLATE_CODE,
                    EFF_STR("What may stand in braces is told in docs/connectors.md."),
                    "{" EFF_STR_FMT "}: %s", EFF_STR_ARG(name), what);
    return false;
}

/* {service_account/client_email}: a member of the JSON that an option holds. */
static bool
template_option(const struct eff_scope *scope, eff_str name, struct eff_ref *ref)
{
    size_t slash = eff_str_find_char(name, '/');
    eff_str pointer = slash == SIZE_MAX ? EFF_STR_NONE : eff_str_sub(name, slash, SIZE_MAX);

    name = eff_str_sub(name, 0, slash);
    for (size_t i = 0; i < scope->options_count; i++) {
        if (eff_str_eq(scope->options[i], name)) {
            ref->kind = EFF_REF_OPTION;
            ref->option = i;
            ref->name = pointer;
            return true;
        }
    }
    return false;
}

/* The kinds that have a column's name in them. */
static bool
template_named(eff_str name, struct eff_ref *ref)
{
    if (eff_str_starts(name, EFF_STR("match."))) {
        ref->kind = EFF_REF_MATCH_NAMED;
        ref->name = eff_str_sub(name, 6, SIZE_MAX);
    } else if (eff_str_starts(name, EFF_STR("fields."))) {
        ref->kind = EFF_REF_FIELD_NAMED;
        ref->name = eff_str_sub(name, 7, SIZE_MAX);
    }
    return ref->name.len > 0;
}

/* {found.company}: of a `find` with `as: company`. */
static bool
template_found(const struct eff_scope *scope, eff_str name, struct eff_ref *ref)
{
    if (!eff_str_starts(name, EFF_STR("found.")))
        return false;
    for (size_t i = 0; i < scope->founds_count; i++) {
        if (eff_str_eq(scope->founds[i], eff_str_sub(name, 6, SIZE_MAX))) {
            ref->kind = EFF_REF_FOUND;
            ref->option = i + 1;
            return true;
        }
    }
    return false;
}

/* {match.1.object}, {match.2.value}: of a pair. */
static unsigned
template_nth(eff_str name, struct eff_ref *ref)
{
    static const struct template_name names[] = {
        {".object", EFF_REF_NTH_OBJECT, EFF_SCOPE_BATCH},
        {".field", EFF_REF_NTH_FIELD, EFF_SCOPE_BATCH},
        {".value", EFF_REF_NTH_VALUE, EFF_SCOPE_ROW},
    };

    if (!eff_str_starts(name, EFF_STR("match.1.")) && !eff_str_starts(name, EFF_STR("match.2.")))
        return 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!eff_str_is(eff_str_sub(name, 7, SIZE_MAX), names[i].name))
            continue;
        ref->kind = names[i].kind;
        ref->option = (size_t)(name.ptr[6] - '1');
        return names[i].needs;
    }
    return 0;
}

static bool
template_filter(eff_str name, enum eff_filter *ret_filter)
{
    if (eff_str_is(name, "soql"))
        *ret_filter = EFF_FILTER_SOQL;
    else if (eff_str_is(name, "sql"))
        *ret_filter = EFF_FILTER_SQL;
    else if (eff_str_is(name, "quoted"))
        *ret_filter = EFF_FILTER_QUOTED;
    else if (eff_str_is(name, "lower"))
        *ret_filter = EFF_FILTER_LOWER;
    else if (eff_str_is(name, "brackets"))
        *ret_filter = EFF_FILTER_BRACKETS;
    else if (eff_str_is(name, "number"))
        *ret_filter = EFF_FILTER_NUMBER;
    else
        return false;
    return true;
}

static unsigned
template_kind(const struct eff_scope *scope, eff_str name, struct eff_ref *ref)
{
    unsigned nth = template_nth(name, ref);

    if (nth)
        return nth;
    if (template_found(scope, name, ref))
        return EFF_SCOPE_ROW;
    for (size_t i = 0; i < sizeof template_names / sizeof template_names[0]; i++) {
        if (eff_str_is(name, template_names[i].name)) {
            ref->kind = template_names[i].kind;
            return template_names[i].needs;
        }
    }
    return template_named(name, ref) ? EFF_SCOPE_ROW : 0;
}

static const char *
template_misplaced(const struct eff_scope *scope, const struct eff_ref *ref, unsigned needs)
{
    bool each = ref->kind == EFF_REF_EACH_NAME || ref->kind == EFF_REF_EACH_VALUE;

    if (each && !scope->in_each_field)
        return "only inside `for_each: field`";
    if (ref->over_rows)
        return scope->allows & EFF_SCOPE_BATCH ? NULL : "no rows are known here";
    if (!(scope->allows & needs))
        return needs == EFF_SCOPE_ROW && scope->allows & EFF_SCOPE_BATCH
                   ? "one row's value; stand it in `for_each: row`, or write {rows....} for all"
                   : "not known here";
    return NULL;
}

/* inner is what stands between the braces, `at` its offset. */
static bool
template_ref(const struct eff_scope *scope, const struct eff_node *node, size_t at, eff_str inner,
             struct eff_ref *ref)
{
    eff_str name, filter;
    unsigned needs;
    const char *misplaced;

    if (eff_str_cut(inner, '|', &name, &filter) && !template_filter(filter, &ref->filter))
        return template_fail(
            scope, node, at, inner,
            "unknown filter: soql, sql, quoted, lower, brackets and number are known");
    if (eff_str_ends(name, EFF_STR("?"))) {
        ref->optional = true;
        name.len--;
    }
    if (template_option(scope, name, ref))
        return true;
    if (eff_str_starts(name, EFF_STR("rows."))) {
        ref->over_rows = true;
        name = eff_str_sub(name, 5, SIZE_MAX);
    }
    needs = template_kind(scope, name, ref);
    if (needs == 0)
        return template_fail(scope, node, at, inner, "unknown name");
    if (ref->over_rows &&
        (needs != EFF_SCOPE_ROW || ref->kind == EFF_REF_FIELD_VALUES ||
         ref->kind == EFF_REF_MATCH || ref->kind == EFF_REF_FIELDS || ref->kind == EFF_REF_RECORD))
        return template_fail(scope, node, at, inner, "not a value that each row has");
    misplaced = template_misplaced(scope, ref, needs);
    return misplaced ? template_fail(scope, node, at, inner, misplaced) : true;
}

static void
template_literal(struct eff_text_part *parts, size_t *count, eff_str text)
{
    if (text.len == 0)
        return;
    parts[(*count)++] = (struct eff_text_part){.text = text};
}

/* One step: literal text up to the next brace, then what the brace opens. */
static bool
template_step(const struct eff_scope *scope, const struct eff_node *node, size_t *at,
              struct eff_text_part *parts, size_t *count)
{
    eff_str text = node->text, rest = eff_str_sub(text, *at, SIZE_MAX);
    size_t open = 0, close;

    while (open < rest.len && rest.ptr[open] != '{' && rest.ptr[open] != '}')
        open++;
    if (open + 1 < rest.len && rest.ptr[open] == rest.ptr[open + 1]) { /* {{ or }} */
        template_literal(parts, count, eff_str_sub(rest, 0, open + 1));
        *at += open + 2;
        return true;
    }
    template_literal(parts, count, eff_str_sub(rest, 0, open));
    if (open == rest.len) {
        *at = text.len;
        return true;
    }
    if (rest.ptr[open] == '}')
        return template_fail(scope, node, *at + open, EFF_STR("..."),
                             "a closing brace without an opening one; double it to mean itself");
    close = eff_str_find_char(eff_str_sub(rest, open, SIZE_MAX), '}');
    if (close == SIZE_MAX)
        return template_fail(scope, node, *at + open, EFF_STR("..."),
                             "a brace is not closed; double it to mean itself");
    parts[*count].is_ref = true;
    if (!template_ref(scope, node, *at + open, eff_str_sub(rest, open + 1, close - 1),
                      &parts[*count].ref))
        return false;
    (*count)++;
    *at += open + close + 1;
    return true;
}

bool
eff_text_compile(const struct eff_scope *scope, const struct eff_node *node,
                 struct eff_text *ret_text)
{
    struct eff_text_part parts[TEMPLATE_PARTS_MAX + 2] = {0}, *kept;
    size_t count = 0, at = 0;

    if (node->kind != EFF_NODE_SCALAR) {
        eff_problem_add(scope->problems, node->place, TEMPLATE_CODE, EFF_STR(""), "expected text");
        return false;
    }
    while (at < node->text.len) {
        if (!template_step(scope, node, &at, parts, &count))
            return false;
        if (count > TEMPLATE_PARTS_MAX) {
            eff_problem_add(scope->problems, node->place, TEMPLATE_CODE, EFF_STR(""),
                            "more than %d references in one text", TEMPLATE_PARTS_MAX / 2);
            return false;
        }
    }
    kept = eff_new(scope->arena, struct eff_text_part, count);
    if (count > 0)
        memcpy(kept, parts, count * sizeof parts[0]);
    *ret_text = (struct eff_text){count, kept, node->text, node->place};
    return true;
}

/* JSON's number grammar: unlike YAML it has no leading zeros, hexadecimals or bare points. */
static bool
template_number(eff_str s)
{
    size_t i = s.len > 0 && s.ptr[0] == '-' ? 1 : 0;

    if (i >= s.len || s.ptr[i] < '0' || s.ptr[i] > '9' || s.ptr[s.len - 1] == '.')
        return false;
    if (s.ptr[i] == '0' && i + 1 < s.len && s.ptr[i + 1] >= '0' && s.ptr[i + 1] <= '9')
        return false;
    return eff_number_valid(s);
}

static bool
template_scalar(const struct eff_scope *scope, const struct eff_node *node, struct eff_tree *tree)
{
    bool word =
        eff_node_is(node, "true") || eff_node_is(node, "false") || eff_node_is(node, "null");

    if (!node->quoted && (word || template_number(node->text))) {
        *tree = (struct eff_tree){.kind = EFF_TREE_LITERAL, .literal = node->text};
        return true;
    }
    tree->kind = EFF_TREE_TEXT;
    if (!eff_text_compile(scope, node, &tree->text))
        return false;
    if (tree->text.count == 1 && tree->text.parts[0].is_ref)
        tree->kind = EFF_TREE_VALUE;
    return true;
}

static bool
template_object_ref(const struct eff_tree *tree)
{
    enum eff_ref_kind kind = tree->kind == EFF_TREE_VALUE ? tree->text.parts[0].ref.kind : 0;

    return kind == EFF_REF_FIELDS || kind == EFF_REF_MATCH || kind == EFF_REF_RECORD ||
           kind == EFF_REF_NEW_TYPE;
}

static bool
template_each(const struct eff_scope *scope, const struct eff_node *node, struct eff_tree *tree)
{
    const struct eff_node *over = eff_node_get(node, "for_each"),
                          *item = eff_node_get(node, "item"), *once = eff_node_get(node, "once");
    struct eff_scope inner = *scope;
    struct eff_tree *child = eff_new(scope->arena, struct eff_tree, 1);
    const char *wrong = NULL;

    if (!item || node->count != (once ? 3 : 2) || (once && !eff_node_is(once, "true")))
        wrong = "`for_each` stands with `item` and `once: true`, and with nothing else";
    else if (eff_node_is(over, "row"))
        wrong = !(scope->allows & EFF_SCOPE_BATCH) ? "no rows are known here"
                : scope->allows & EFF_SCOPE_ROW    ? "`for_each: row` inside a row"
                                                   : NULL;
    else if (!eff_node_is(over, "field"))
        wrong = "`for_each` knows row and field";
    if (wrong) {
        eff_problem_add(scope->problems, node->place, TEMPLATE_CODE, EFF_STR(""), "%s", wrong);
        return false;
    }
    *tree = (struct eff_tree){.kind = EFF_TREE_EACH, .count = 1, .items = child};
    tree->once = once != NULL;
    tree->each = eff_node_is(over, "row") ? EFF_EACH_ROW : EFF_EACH_FIELD;
    inner.in_each_field |= tree->each == EFF_EACH_FIELD;
    if (tree->each == EFF_EACH_ROW || scope->allows & EFF_SCOPE_ROW)
        inner.allows |= EFF_SCOPE_ROW;
    else
        inner.allows |= scope->allows & EFF_SCOPE_BATCH ? EFF_SCOPE_ROW : 0; /* names only */
    return eff_tree_compile(&inner, item, child);
}

static bool
template_given(const struct eff_scope *scope, const struct eff_node *node, struct eff_tree *tree)
{
    const struct eff_node *item = eff_node_get(node, "only_given");
    struct eff_tree *child = eff_new(scope->arena, struct eff_tree, 1);

    if (node->count != 1 || item->kind != EFF_NODE_MAP) {
        eff_problem_add(scope->problems, node->place, TEMPLATE_CODE, EFF_STR(""),
                        "`only_given` stands alone, with a mapping");
        return false;
    }
    *tree = (struct eff_tree){.kind = EFF_TREE_GIVEN, .count = 1, .items = child};
    return eff_tree_compile(scope, item, child);
}

eff_str
eff_json_key_text(struct eff_arena *arena, eff_str key)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    eff_str json;

    eff_json_write_str(&w, key);
    eff_buf_add_char(&buf, ':');
    json = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return json;
}

static bool
template_map(const struct eff_scope *scope, const struct eff_node *node, struct eff_tree *tree)
{
    struct eff_text *keys = eff_new(scope->arena, struct eff_text, node->count);
    struct eff_tree *items = eff_new(scope->arena, struct eff_tree, node->count);
    eff_str *keys_json = eff_new(scope->arena, eff_str, node->count), literal;
    bool good = true;

    *tree = (struct eff_tree){.kind = EFF_TREE_MAP,
                              .count = node->count,
                              .keys = keys,
                              .keys_json = keys_json,
                              .items = items};
    for (size_t i = 0; i < node->count; i++) {
        bool spread = eff_node_is(&node->keys[i], "...");

        if (!eff_tree_compile(scope, &node->values[i], &items[i])) {
            good = false;
        } else if (spread && !template_object_ref(&items[i])) {
            eff_problem_add(scope->problems, node->values[i].place, TEMPLATE_CODE, EFF_STR(""),
                            "`...` takes {fields}, {match}, {record} or {new.type}");
            good = false;
        }
        if (!spread)
            good &= eff_text_compile(scope, &node->keys[i], &keys[i]);
        if (!spread && good && eff_text_literal(&keys[i], &literal))
            keys_json[i] = eff_json_key_text(scope->arena, literal);
    }
    return good;
}

static bool
template_list(const struct eff_scope *scope, const struct eff_node *node, struct eff_tree *tree)
{
    struct eff_tree *items = eff_new(scope->arena, struct eff_tree, node->count);
    bool good = true;

    *tree = (struct eff_tree){.kind = EFF_TREE_LIST, .count = node->count, .items = items};
    for (size_t i = 0; i < node->count; i++)
        good &= eff_tree_compile(scope, &node->values[i], &items[i]);
    return good;
}

bool
eff_tree_compile(const struct eff_scope *scope, const struct eff_node *node,
                 struct eff_tree *ret_tree)
{
    switch (node->kind) {
    case EFF_NODE_NULL:
        *ret_tree = (struct eff_tree){.kind = EFF_TREE_LITERAL, .literal = EFF_STR("null")};
        return true;
    case EFF_NODE_SCALAR:
        return template_scalar(scope, node, ret_tree);
    case EFF_NODE_LIST:
        return template_list(scope, node, ret_tree);
    case EFF_NODE_MAP:
        return eff_node_get(node, "for_each")     ? template_each(scope, node, ret_tree)
               : eff_node_get(node, "only_given") ? template_given(scope, node, ret_tree)
                                                  : template_map(scope, node, ret_tree);
    }
    return false;
}

bool
eff_text_has(const struct eff_text *text, enum eff_ref_kind kind)
{
    for (size_t i = 0; i < text->count; i++) {
        if (text->parts[i].is_ref && text->parts[i].ref.kind == kind)
            return true;
    }
    return false;
}

const struct eff_tree *
eff_tree_each_row(const struct eff_tree *tree)
{
    const struct eff_tree *item = NULL;

    if (tree->kind == EFF_TREE_EACH && tree->each == EFF_EACH_ROW)
        return tree->items;
    for (size_t i = 0; i < tree->count && !item; i++)
        item = eff_tree_each_row(&tree->items[i]);
    return item;
}

bool
eff_tree_has(const struct eff_tree *tree, enum eff_ref_kind kind)
{
    if (eff_text_has(&tree->text, kind))
        return true;
    for (size_t i = 0; i < tree->count; i++) {
        if (tree->keys && eff_text_has(&tree->keys[i], kind))
            return true;
        if (eff_tree_has(&tree->items[i], kind))
            return true;
    }
    return false;
}

bool
eff_tree_json_only(const struct eff_tree *tree)
{
    if (tree->kind == EFF_TREE_GIVEN || tree->once ||
        eff_text_has(&tree->text, EFF_REF_FIELD_VALUES))
        return true;
    for (size_t i = 0; i < tree->count; i++) {
        bool spread = tree->keys && !tree->keys[i].parts;

        if (eff_tree_json_only(&tree->items[i]) ||
            (spread && eff_text_has(&tree->items[i].text, EFF_REF_NEW_TYPE)))
            return true;
    }
    return false;
}

static bool
uses_named(struct eff_uses *uses, eff_str name)
{
    for (size_t i = 0; i < uses->fields_count; i++) {
        if (eff_str_eq(uses->field_names[i], name))
            return uses->fields[i] = true;
    }
    return false;
}

static void
uses_all_fields(struct eff_uses *uses)
{
    for (size_t i = 0; i < uses->fields_count; i++)
        uses->fields[i] = true;
}

static void
uses_ref(struct eff_uses *uses, const struct eff_ref *ref)
{
    switch (ref->kind) {
    case EFF_REF_MATCH:
    case EFF_REF_MATCH_VALUE:
    case EFF_REF_MATCH_NAMED:
    case EFF_REF_NTH_VALUE:
        uses->match = true;
        break;
    case EFF_REF_FIELD_NAMED:
        if (!uses_named(uses, ref->name))
            for (size_t i = 0; i < uses->match_count; i++)
                uses->match |= eff_str_eq(uses->match_names[i], ref->name);
        break;
    case EFF_REF_RECORD:
        uses->match = true;
        uses_all_fields(uses);
        break;
    case EFF_REF_FIELDS:
    case EFF_REF_FIELD_VALUES:
    case EFF_REF_EACH_VALUE:
        uses_all_fields(uses);
        break;
    default:
        break;
    }
}

void
eff_text_uses(const struct eff_text *text, struct eff_uses *uses)
{
    for (size_t i = 0; i < text->count; i++)
        if (text->parts[i].is_ref)
            uses_ref(uses, &text->parts[i].ref);
}

void
eff_tree_uses(const struct eff_tree *tree, struct eff_uses *uses)
{
    eff_text_uses(&tree->text, uses);
    for (size_t i = 0; i < tree->count; i++) {
        if (tree->keys)
            eff_text_uses(&tree->keys[i], uses);
        eff_tree_uses(&tree->items[i], uses);
    }
}

bool
eff_text_literal(const struct eff_text *text, eff_str *ret_literal)
{
    if (text->count > 1 || (text->count == 1 && text->parts[0].is_ref))
        return false;
    *ret_literal = text->count == 1 ? text->parts[0].text : EFF_STR("");
    return true;
}
