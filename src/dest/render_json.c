/* render_json: trees of a template to the JSON of a body. */
#include "dest/render.h"
#include "dest/render_value.h"

struct render_json {
    struct eff_render *r;
    struct eff_json_writer w;
    struct eff_buf text; /* scratch */
};

static enum eff_rendered json_tree(struct render_json *j, const struct eff_tree *tree);

/* What eff_json_key does, with a key that was escaped once for all rows. */
static void
json_key(struct eff_json_writer *w, eff_str key_json)
{
    uint64_t bit = (uint64_t)1 << (w->depth - 1);
    char *to = eff_buf_reserve(w->buf, key_json.len + 1);
    size_t comma = w->has_members & bit ? 1 : 0;

    w->has_members |= bit;
    w->after_key = true;
    if (!to)
        return;
    to[0] = ',';
    memcpy(to + comma, key_json.ptr, key_json.len);
    eff_buf_grow(w->buf, key_json.len + comma);
}

static enum eff_rendered
json_value(struct render_json *j, const struct eff_value *value)
{
    struct eff_render *r = j->r;

    if (value->kind == EFF_TEXT) {
        eff_json_write_str(&j->w, eff_value_str(value));
        return EFF_RENDERED;
    }
    if (eff_values_json(r->values, &j->w, value, *r->arena, &j->text))
        return EFF_RENDERED;
    if (j->w.after_key)
        eff_json_write_null(&j->w); /* the row is taken out; keeps the writer in order */
    return eff_render_bad(r, value->kind == EFF_BAD ? eff_str_copy(r->arena, eff_value_str(value))
                             : value->kind == EFF_JSON
                                 ? EFF_STR("the value is not valid JSON")
                                 : EFF_STR("the value is no number that JSON knows"));
}

/* Most vendors' own keys are texts: a numeric id of the warehouse must not become a JSON number. */
static enum eff_rendered
json_match(struct render_json *j, const struct eff_value *value)
{
    struct eff_render *r = j->r;
    bool text = r->values->match_text && value->kind != EFF_NULL && value->kind != EFF_BAD;

    j->text.len = 0;
    if (!text || !eff_values_text(r->values, value, *r->arena, &j->text))
        return json_value(j, value);
    eff_json_write_str(&j->w, eff_buf_str(&j->text));
    return EFF_RENDERED;
}

/* Whether all that it has is NULL. */
static bool
json_group_null(const struct eff_shape *group, const struct eff_item *item)
{
    for (const struct eff_shape *at = group->first; at; at = at->next) {
        const struct eff_value *value =
            at->from == EFF_SHAPE_GROUP ? NULL : eff_shape_value(at, item);

        if (at->from == EFF_SHAPE_GROUP
                ? !json_group_null(at, item)
                : value && value->kind != EFF_ABSENT && value->kind != EFF_NULL)
            return false;
    }
    return true;
}

static enum eff_rendered
json_members(struct render_json *j, const struct eff_shape *first)
{
    const struct eff_item *item = j->r->item;
    enum eff_rendered worst = EFF_RENDERED;

    for (const struct eff_shape *at = first; at && worst == EFF_RENDERED; at = at->next) {
        const struct eff_value *value;

        if (at->from == EFF_SHAPE_GROUP) {
            if (!eff_shape_present(at, item))
                continue;
            json_key(&j->w, at->key_json);
            if (j->r->values->null_outer && json_group_null(at, item)) {
                eff_json_write_null(&j->w);
                continue;
            }
            eff_json_begin_object(&j->w);
            worst = json_members(j, at->first);
            eff_json_end_object(&j->w);
            continue;
        }
        value = eff_shape_value(at, item);
        if (!value || value->kind == EFF_ABSENT)
            continue;
        json_key(&j->w, at->key_json);
        worst = at->from == EFF_SHAPE_MATCH ? json_match(j, value) : json_value(j, value);
    }
    return worst;
}

const struct eff_shape *
eff_render_shape(const struct eff_render *r, enum eff_ref_kind kind)
{
    return kind == EFF_REF_MATCH    ? r->shapes->match
           : kind == EFF_REF_FIELDS ? r->shapes->fields
                                    : r->shapes->record;
}

bool
eff_render_is_object(enum eff_ref_kind kind)
{
    return kind == EFF_REF_MATCH || kind == EFF_REF_FIELDS || kind == EFF_REF_RECORD;
}

static enum eff_rendered
json_one(struct render_json *j, const struct eff_ref *ref, const struct eff_value *value)
{
    return ref->kind == EFF_REF_MATCH_VALUE || ref->kind == EFF_REF_MATCH_NAMED ||
                   ref->kind == EFF_REF_NTH_VALUE
               ? json_match(j, value)
               : json_value(j, value);
}

static enum eff_rendered
json_rows_value(struct render_json *j, const struct eff_ref *ref)
{
    struct eff_render *r = j->r;
    const struct eff_item *saved = r->item;
    struct eff_value value = {0};

    eff_json_begin_array(&j->w);
    if (eff_render_is_names(ref->kind)) {
        eff_render_names(r, ref->kind);
        for (size_t i = 0; i < r->names_count; i++)
            eff_json_write_str(&j->w, r->names[i]);
    } else {
        for (size_t i = 0; i < r->rows_count; i++) {
            r->item = &r->delivery->items[r->rows[i]];
            if (eff_render_value(r, ref, &value) == EFF_RENDERED)
                json_one(j, ref, &value);
        }
        r->item = saved;
    }
    eff_json_end_array(&j->w);
    return EFF_RENDERED;
}

static bool
json_is_integer(eff_str text)
{
    size_t i = text.len > 1 && text.ptr[0] == '-' ? 1 : 0;

    if (i == text.len || (text.ptr[i] == '0' && text.len > 1))
        return false;
    for (; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    }
    return true;
}

static enum eff_rendered
json_field_values(struct render_json *j)
{
    static const struct eff_value none = {.kind = EFF_NULL};
    const struct eff_value *fields = j->r->item->fields;
    enum eff_rendered worst = EFF_RENDERED;

    eff_json_begin_array(&j->w);
    for (size_t i = 0; i < j->r->delivery->fields_count && worst == EFF_RENDERED; i++)
        worst = json_value(j, fields[i].kind == EFF_ABSENT ? &none : &fields[i]);
    eff_json_end_array(&j->w);
    return worst;
}

static enum eff_rendered
json_ref(struct render_json *j, const struct eff_ref *ref)
{
    struct eff_render *r = j->r;
    struct eff_value value = {0};
    enum eff_rendered rendered;

    if (eff_render_is_object(ref->kind)) {
        if (!r->item)
            return eff_render_bad(r, EFF_STR("the template names a row where there is none"));
        eff_json_begin_object(&j->w);
        rendered = json_members(j, eff_render_shape(r, ref->kind));
        eff_json_end_object(&j->w);
        return rendered;
    }
    if (ref->over_rows || eff_render_is_names(ref->kind))
        return json_rows_value(j, ref);
    if (ref->kind == EFF_REF_FIELD_VALUES)
        return json_field_values(j);
    rendered = eff_render_value(r, ref, &value);
    if (rendered != EFF_RENDERED)
        return rendered;
    if (ref->kind == EFF_REF_BATCH_ID || ref->kind == EFF_REF_BATCH_ROWS) { /* no row's value */
        eff_json_write_int(&j->w, value.i);
        return EFF_RENDERED;
    }
    if (ref->filter == EFF_FILTER_NONE)
        return json_one(j, ref, &value);
    j->text.len = 0;
    rendered = eff_render_plain(r, ref, &value, &j->text);
    if (ref->filter != EFF_FILTER_NUMBER) {
        eff_json_write_str(&j->w, eff_buf_str(&j->text));
    } else if (json_is_integer(eff_buf_str(&j->text))) {
        eff_json_write_raw(&j->w, eff_buf_str(&j->text));
    } else {
        eff_json_write_null(&j->w);
        return eff_render_bad(r, EFF_STR("the value is no whole number"));
    }
    return rendered;
}

/* Whether an optional reference in it has nothing to stand for. */
bool
eff_render_left_out(struct eff_render *r, const struct eff_tree *tree)
{
    if (tree->kind != EFF_TREE_VALUE && tree->kind != EFF_TREE_TEXT)
        return false;
    for (size_t i = 0; i < tree->text.count; i++) {
        const struct eff_text_part *part = &tree->text.parts[i];
        struct eff_value value;

        if (part->is_ref && part->ref.optional && !part->ref.over_rows &&
            eff_render_value(r, &part->ref, &value) == EFF_RENDER_LEFT_OUT)
            return true;
    }
    return false;
}

static enum eff_rendered
json_text(struct render_json *j, const struct eff_text *text, bool key)
{
    enum eff_rendered rendered = EFF_RENDERED;
    eff_str literal;

    if (!eff_text_literal(text, &literal)) {
        j->text.len = 0;
        rendered = eff_render_text(j->r, text, EFF_SLOT_BODY, &j->text);
        literal = eff_buf_str(&j->text);
    }
    if (key)
        eff_json_key(&j->w, literal);
    else
        eff_json_write_str(&j->w, literal);
    return rendered;
}

static bool
json_is_blank(struct eff_render *r, const struct eff_tree *tree)
{
    struct eff_value value = {0};

    return tree->kind == EFF_TREE_VALUE && !eff_render_is_object(tree->text.parts[0].ref.kind) &&
           !tree->text.parts[0].ref.over_rows &&
           eff_render_value(r, &tree->text.parts[0].ref, &value) == EFF_RENDERED &&
           (value.kind == EFF_NULL || (value.kind == EFF_TEXT && value.len == 0));
}

/* Nothing left of it: the writer is where it was. */
static enum eff_rendered
json_given(struct render_json *j, const struct eff_tree *map)
{
    struct eff_json_writer before = j->w;
    size_t from = j->w.buf->len;
    enum eff_rendered worst = EFF_RENDERED;
    bool some = false;

    eff_json_begin_object(&j->w);
    for (size_t i = 0; i < map->count && worst == EFF_RENDERED; i++) {
        struct eff_json_writer member = j->w;
        size_t member_from = j->w.buf->len;

        if (eff_render_left_out(j->r, &map->items[i]) || json_is_blank(j->r, &map->items[i]))
            continue;
        if (map->keys_json[i].ptr)
            json_key(&j->w, map->keys_json[i]);
        else
            worst = json_text(j, &map->keys[i], true);
        if (worst == EFF_RENDERED)
            worst = map->items[i].kind == EFF_TREE_MAP ? json_given(j, &map->items[i])
                                                       : json_tree(j, &map->items[i]);
        some |= worst == EFF_RENDERED;
        if (worst != EFF_RENDER_LEFT_OUT)
            continue;
        worst = EFF_RENDERED;
        j->w = member;
        j->w.buf->len = member_from;
    }
    eff_json_end_object(&j->w);
    if (some || worst != EFF_RENDERED)
        return worst;
    j->w = before;
    j->w.buf->len = from;
    return EFF_RENDER_LEFT_OUT;
}

static enum eff_rendered json_entry(struct render_json *j, const struct eff_tree *tree, size_t i);

/* What `...` puts among the members. */
static enum eff_rendered
json_spread(struct render_json *j, const struct eff_ref *ref)
{
    const struct eff_tree *form = j->r->new_form;
    enum eff_rendered worst = EFF_RENDERED;

    if (ref->kind == EFF_REF_NEW_TYPE && !form)
        return eff_render_bad(j->r, EFF_STR("the type of a new field is no mapping"));
    if (ref->kind == EFF_REF_NEW_TYPE) {
        for (size_t i = 0; i < form->count && worst == EFF_RENDERED; i++)
            worst = json_entry(j, form, i);
        return worst;
    }
    return j->r->item
               ? json_members(j, eff_render_shape(j->r, ref->kind))
               : eff_render_bad(j->r, EFF_STR("the template spreads a row where there is none"));
}

static enum eff_rendered
json_entry(struct render_json *j, const struct eff_tree *tree, size_t i)
{
    const struct eff_tree *item = &tree->items[i];
    struct eff_json_writer before = j->w;
    enum eff_rendered worst = EFF_RENDERED;
    size_t from = j->w.buf->len;

    if (!tree->keys[i].parts)
        return json_spread(j, &item->text.parts[0].ref);
    if (eff_render_left_out(j->r, item))
        return EFF_RENDERED;
    if (tree->keys_json[i].ptr)
        json_key(&j->w, tree->keys_json[i]);
    else
        worst = json_text(j, &tree->keys[i], true);
    if (worst == EFF_RENDERED)
        worst = json_tree(j, item);
    if (worst == EFF_RENDER_LEFT_OUT && item->kind == EFF_TREE_GIVEN) {
        worst = EFF_RENDERED;
        j->w = before;
        j->w.buf->len = from;
    }
    if (j->w.after_key)
        eff_json_write_null(&j->w);
    return worst;
}

static enum eff_rendered
json_map(struct render_json *j, const struct eff_tree *tree)
{
    enum eff_rendered worst = EFF_RENDERED;

    eff_json_begin_object(&j->w);
    for (size_t i = 0; i < tree->count && worst == EFF_RENDERED; i++)
        worst = json_entry(j, tree, i);
    eff_json_end_object(&j->w);
    return worst;
}

/* Whether the element at `start`, the last one, stands among those before it. */
static bool
json_written(const struct eff_buf *buf, const size_t *starts, size_t count, size_t start)
{
    eff_str last = eff_str_sub(eff_buf_str(buf), start, SIZE_MAX);

    for (size_t i = 0; i < count; i++) {
        size_t end = (i + 1 < count ? starts[i + 1] : start) - 1; /* at the comma */

        if (eff_str_eq(eff_str_sub(eff_buf_str(buf), starts[i], end - starts[i]), last))
            return true;
    }
    return false;
}

static void
json_each_row(struct render_json *j, const struct eff_tree *tree)
{
    struct eff_render *r = j->r;
    const struct eff_tree *item = &tree->items[0];
    const struct eff_item *saved = r->item;
    size_t *starts = tree->once ? eff_new(r->arena, size_t, r->rows_count) : NULL, count = 0;

    for (size_t i = 0; i < r->rows_count && !r->problem.ptr; i++) {
        struct eff_json_writer before = j->w;
        size_t from = j->w.buf->len;

        r->item = &r->delivery->items[r->rows[i]];
        if (json_tree(j, item) != EFF_RENDERED) { // As if the row had not been there.
            if (item->kind == EFF_TREE_GIVEN)
                eff_render_bad(r, EFF_STR("the row has no value to send"));
            j->w = before;
            j->w.buf->len = from;
        } else if (starts && json_written(j->w.buf, starts, count, from + (count > 0))) {
            j->w = before;
            j->w.buf->len = from;
        } else if (starts) {
            starts[count] = from + (count > 0); /* behind the comma */
            count++;
        }
    }
    r->item = saved;
}

static enum eff_rendered
json_each_field(struct render_json *j, const struct eff_tree *item)
{
    struct eff_render *r = j->r;
    enum eff_rendered worst = EFF_RENDERED;

    for (size_t i = 0; i < r->delivery->fields_count && worst == EFF_RENDERED; i++) {
        if (r->item && r->item->fields[i].kind == EFF_ABSENT)
            continue;
        r->field = i;
        worst = json_tree(j, item);
    }
    return worst;
}

static enum eff_rendered
json_list(struct render_json *j, const struct eff_tree *tree)
{
    enum eff_rendered worst = EFF_RENDERED;

    eff_json_begin_array(&j->w);
    if (tree->kind == EFF_TREE_LIST) {
        for (size_t i = 0; i < tree->count && worst == EFF_RENDERED; i++) {
            if (!eff_render_left_out(j->r, &tree->items[i]))
                worst = json_tree(j, &tree->items[i]);
            if (worst == EFF_RENDER_LEFT_OUT && tree->items[i].kind == EFF_TREE_GIVEN)
                worst = EFF_RENDERED;
        }
    } else if (tree->each == EFF_EACH_ROW) {
        json_each_row(j, tree);
    } else {
        worst = json_each_field(j, &tree->items[0]);
    }
    eff_json_end_array(&j->w);
    return worst;
}

static enum eff_rendered
json_tree(struct render_json *j, const struct eff_tree *tree)
{
    switch (tree->kind) {
    case EFF_TREE_LITERAL:
        eff_json_write_raw(&j->w, tree->literal);
        return EFF_RENDERED;
    case EFF_TREE_TEXT:
        return json_text(j, &tree->text, false);
    case EFF_TREE_VALUE:
        return json_ref(j, &tree->text.parts[0].ref);
    case EFF_TREE_MAP:
        return json_map(j, tree);
    case EFF_TREE_GIVEN:
        return json_given(j, &tree->items[0]);
    case EFF_TREE_LIST:
    case EFF_TREE_EACH:
        return json_list(j, tree);
    }
    return EFF_RENDERED;
}

bool
eff_render_json(struct eff_render *r, const struct eff_tree *tree, struct eff_buf *buf)
{
    struct render_json j = {.r = r, .w = {.buf = buf}};

    json_tree(&j, tree);
    eff_buf_free(&j.text);
    return !r->problem.ptr;
}
