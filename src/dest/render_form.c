/* render_form: the same trees as a[b]=c, rows as CSV, and how much room a row takes. */
#include "dest/render_value.h"

/* ---- forms ---- */

struct form {
    struct eff_render *r;
    struct eff_buf *out;
    struct eff_buf text; /* scratch */
    bool some;
};

#define FORM_NAME_MAX 512

struct form_name { /* of the entry at hand, encoded: a[b][0] */
    char text[FORM_NAME_MAX];
    size_t len;
};

static enum eff_rendered form_tree(struct form *f, const struct eff_tree *tree,
                                   const struct form_name *name);

static struct form_name
form_child(struct form *f, const struct form_name *parent, eff_str key)
{
    struct eff_buf encoded = {0};
    struct form_name child = *parent;
    size_t more;

    eff_url_encode(&encoded, key);
    more = encoded.len + (parent->len ? 2 : 0);
    if (child.len + more >= sizeof child.text) {
        if (!f->r->problem.ptr)
            f->r->problem = EFF_STR("a name in the form is too long");
    } else {
        if (parent->len)
            child.text[child.len++] = '[';
        if (encoded.len)
            memcpy(child.text + child.len, encoded.ptr, encoded.len);
        child.len += encoded.len;
        if (parent->len)
            child.text[child.len++] = ']';
    }
    eff_buf_free(&encoded);
    return child;
}

static void
form_pair(struct form *f, const struct form_name *name, eff_str value)
{
    if (f->some)
        eff_buf_add_char(f->out, '&');
    f->some = true;
    eff_buf_add_bytes(f->out, name->text, name->len);
    eff_buf_add_char(f->out, '=');
    eff_url_encode(f->out, value);
}

static enum eff_rendered
form_value(struct form *f, const struct eff_value *value, const struct form_name *name)
{
    const struct eff_values *values = f->r->values;

    if (value->kind == EFF_NULL) {
        form_pair(f, name, values->null_is_text ? values->null_text : EFF_STR(""));
        return EFF_RENDERED;
    }
    f->text.len = 0;
    if (!eff_values_text(values, value, *f->r->arena, &f->text))
        return eff_render_bad(f->r, EFF_STR("the value has no text form"));
    form_pair(f, name, eff_buf_str(&f->text));
    return EFF_RENDERED;
}

static enum eff_rendered
form_members(struct form *f, const struct eff_shape *first, const struct form_name *name)
{
    enum eff_rendered worst = EFF_RENDERED;

    for (const struct eff_shape *at = first; at && worst == EFF_RENDERED; at = at->next) {
        struct form_name child;

        if (!eff_shape_present(at, f->r->item))
            continue;
        child = form_child(f, name, at->key);
        worst = at->from == EFF_SHAPE_GROUP
                    ? form_members(f, at->first, &child)
                    : form_value(f, eff_shape_value(at, f->r->item), &child);
    }
    return worst;
}

static enum eff_rendered
form_ref(struct form *f, const struct eff_tree *tree, const struct form_name *name)
{
    const struct eff_ref *ref = &tree->text.parts[0].ref;
    struct eff_render *r = f->r;
    struct eff_value value;
    enum eff_rendered rendered;

    if (eff_render_is_object(ref->kind)) {
        if (!r->item)
            return eff_render_bad(r, EFF_STR("the template names a row where there is none"));
        return form_members(f, eff_render_shape(r, ref->kind), name);
    }
    if (ref->over_rows || eff_render_is_names(ref->kind) || ref->filter != EFF_FILTER_NONE) {
        f->text.len = 0;
        rendered = eff_render_text(r, &tree->text, EFF_SLOT_BODY, &f->text);
        if (rendered == EFF_RENDERED)
            form_pair(f, name, eff_buf_str(&f->text));
        return rendered;
    }
    rendered = eff_render_value(r, ref, &value);
    return rendered == EFF_RENDERED ? form_value(f, &value, name) : rendered;
}

static enum eff_rendered
form_map(struct form *f, const struct eff_tree *tree, const struct form_name *name)
{
    enum eff_rendered worst = EFF_RENDERED;

    for (size_t i = 0; i < tree->count && worst == EFF_RENDERED; i++) {
        struct eff_buf key = {0};
        struct form_name child;

        if (!tree->keys[i].parts) {
            worst = form_tree(f, &tree->items[i], name);
            continue;
        }
        if (eff_render_left_out(f->r, &tree->items[i]))
            continue;
        worst = eff_render_text(f->r, &tree->keys[i], EFF_SLOT_BODY, &key);
        child = form_child(f, name, eff_buf_str(&key));
        eff_buf_free(&key);
        if (worst == EFF_RENDERED)
            worst = form_tree(f, &tree->items[i], &child);
    }
    return worst;
}

static enum eff_rendered
form_indexed(struct form *f, const struct eff_tree *item, const struct form_name *name,
             size_t index)
{
    char digits[24];
    size_t len = 0;
    struct form_name child;

    do
        digits[sizeof digits - ++len] = (char)('0' + index % 10);
    while (index /= 10);
    child = form_child(f, name, (eff_str){digits + sizeof digits - len, len});
    return form_tree(f, item, &child);
}

static enum eff_rendered
form_each(struct form *f, const struct eff_tree *tree, const struct form_name *name)
{
    struct eff_render *r = f->r;
    const struct eff_item *saved = r->item;
    enum eff_rendered worst = EFF_RENDERED;
    size_t count = tree->each == EFF_EACH_ROW ? r->rows_count : r->delivery->fields_count, made = 0;

    for (size_t i = 0; i < count && !r->problem.ptr; i++) {
        size_t from = f->out->len;
        bool some = f->some;

        if (tree->each == EFF_EACH_ROW)
            r->item = &r->delivery->items[r->rows[i]];
        else if (r->item && r->item->fields[i].kind == EFF_ABSENT)
            continue;
        r->field = tree->each == EFF_EACH_FIELD ? i : r->field;
        worst = form_indexed(f, &tree->items[0], name, made);
        made += worst == EFF_RENDERED;
        if (worst != EFF_RENDERED) {
            f->out->len = from;
            f->some = some;
        }
        if (worst != EFF_RENDERED && tree->each == EFF_EACH_FIELD)
            return worst;
    }
    r->item = saved;
    return EFF_RENDERED;
}

static enum eff_rendered
form_tree(struct form *f, const struct eff_tree *tree, const struct form_name *name)
{
    enum eff_rendered worst = EFF_RENDERED;

    switch (tree->kind) {
    case EFF_TREE_LITERAL:
        form_pair(f, name, eff_str_is(tree->literal, "null") ? EFF_STR("") : tree->literal);
        return EFF_RENDERED;
    case EFF_TREE_TEXT:
        f->text.len = 0;
        worst = eff_render_text(f->r, &tree->text, EFF_SLOT_BODY, &f->text);
        if (worst == EFF_RENDERED)
            form_pair(f, name, eff_buf_str(&f->text));
        return worst;
    case EFF_TREE_VALUE:
        return form_ref(f, tree, name);
    case EFF_TREE_MAP:
        return form_map(f, tree, name);
    case EFF_TREE_GIVEN: /* refused when the file is loaded */
        return form_map(f, &tree->items[0], name);
    case EFF_TREE_LIST:
        for (size_t i = 0; i < tree->count && worst == EFF_RENDERED; i++)
            worst = form_indexed(f, &tree->items[i], name, i);
        return worst;
    case EFF_TREE_EACH:
        return form_each(f, tree, name);
    }
    return worst;
}

bool
eff_render_form(struct eff_render *r, const struct eff_tree *tree, struct eff_buf *buf)
{
    struct form f = {.r = r, .out = buf};
    struct form_name name = {.len = 0};

    form_tree(&f, tree, &name);
    eff_buf_free(&f.text);
    return !r->problem.ptr;
}

/* ---- CSV ---- */

static void
csv_cell(struct eff_buf *buf, eff_str text)
{
    bool plain = text.len == 0 || (text.ptr[0] != ' ' && text.ptr[text.len - 1] != ' ');

    for (size_t i = 0; plain && i < text.len; i++)
        plain =
            text.ptr[i] != '"' && text.ptr[i] != ',' && text.ptr[i] != '\n' && text.ptr[i] != '\r';
    if (plain) {
        eff_buf_add(buf, text);
        return;
    }
    eff_buf_add_char(buf, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            eff_buf_add_char(buf, '"');
        eff_buf_add_char(buf, text.ptr[i]);
    }
    eff_buf_add_char(buf, '"');
}

static enum eff_rendered
csv_value(struct eff_render *r, const struct eff_csv_form *form, const struct eff_value *value,
          struct eff_buf *text, struct eff_buf *buf)
{
    eff_str s;

    if (value->kind == EFF_ABSENT)
        return EFF_RENDERED;
    if (value->kind == EFF_NULL) {
        csv_cell(buf, form->null);
        return EFF_RENDERED;
    }
    text->len = 0;
    if (!eff_values_text(r->values, value, *r->arena, text))
        return eff_render_bad(r, EFF_STR("the value has no text form"));
    s = eff_buf_str(text);
    if (s.len > 0 && eff_str_eq(s, form->null))
        return eff_render_bad(r, EFF_STR("the text is what this destination takes for NULL"));
    csv_cell(buf, s.len > 0 ? s : form->empty);
    return EFF_RENDERED;
}

static bool
csv_has_fields(const struct eff_csv_form *form)
{
    return form->columns == EFF_CSV_RECORD || form->columns == EFF_CSV_FIELDS;
}

/* Match fields that are mapped as well stand once, as fields do. */
static bool
csv_skips(const struct eff_delivery *d, const struct eff_csv_form *form, size_t match)
{
    if (form->columns != EFF_CSV_RECORD)
        return form->columns != EFF_CSV_MATCH;
    for (size_t i = 0; i < d->fields_count; i++) {
        if (eff_str_eq(d->field_names[i], d->match_names[match]))
            return true;
    }
    return false;
}

static void
csv_header(const struct eff_delivery *d, const struct eff_csv_form *form, struct eff_buf *buf)
{
    size_t count = 0;

    if (form->columns == EFF_CSV_REMOTE_ID || form->id_name.len > 0) {
        csv_cell(buf, form->id_name);
        count++;
    }
    for (size_t i = 0; i < d->match_count; i++) {
        if (csv_skips(d, form, i))
            continue;
        if (count++ > 0)
            eff_buf_add_char(buf, ',');
        csv_cell(buf, d->match_names[i]);
    }
    for (size_t i = 0; i < d->fields_count && csv_has_fields(form); i++) {
        if (count++ > 0)
            eff_buf_add_char(buf, ',');
        csv_cell(buf, d->field_names[i]);
    }
    eff_buf_add_char(buf, '\n');
}

static enum eff_rendered
csv_line(struct eff_render *r, const struct eff_csv_form *form, struct eff_buf *text,
         struct eff_buf *buf)
{
    const struct eff_delivery *d = r->delivery;
    enum eff_rendered worst = EFF_RENDERED;
    size_t count = 0;

    if (form->id_name.len > 0) {
        eff_str id = r->ids ? r->ids[r->item->index] : r->item->remote_id;

        if (!id.ptr)
            return eff_render_bad(r, EFF_STR("the record's id is not known"));
        csv_cell(buf, id);
        count++;
    }
    for (size_t i = 0; i < d->match_count; i++) {
        if (csv_skips(d, form, i))
            continue;
        if (count++ > 0)
            eff_buf_add_char(buf, ',');
        if (worst == EFF_RENDERED)
            worst = csv_value(r, form, &r->item->match[i], text, buf);
    }
    for (size_t i = 0; i < d->fields_count && csv_has_fields(form); i++) {
        if (count++ > 0)
            eff_buf_add_char(buf, ',');
        if (worst == EFF_RENDERED)
            worst = csv_value(r, form, &r->item->fields[i], text, buf);
    }
    eff_buf_add_char(buf, '\n');
    return worst;
}

bool
eff_render_csv(struct eff_render *r, const struct eff_csv_form *form, struct eff_buf *buf)
{
    const struct eff_item *saved = r->item;
    struct eff_buf text = {0};

    csv_header(r->delivery, form, buf);
    for (size_t i = 0; i < r->rows_count; i++) {
        size_t from = buf->len;

        r->item = &r->delivery->items[r->rows[i]];
        if (csv_line(r, form, &text, buf) != EFF_RENDERED)
            buf->len = from;
    }
    r->item = saved;
    eff_buf_free(&text);
    return !r->problem.ptr;
}

/* ---- how much room a row takes ---- */

#define ESTIMATE_OF_VALUE 40 /* quotes, comma, and the longest number, time or boolean */

static size_t
estimate_text(eff_str text, bool form)
{
    size_t more = 0;

    if (form)
        return 3 * text.len;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c < 0x20 || c == '"' || c == '\\' || c >= 0x80)
            more += c < 0x20 ? 5 : c < 0x80 ? 1 : 2; /* a bad byte becomes U+FFFD */
    }
    return text.len + more;
}

static size_t
estimate_value(const struct eff_value *value, bool form)
{
    switch ((enum eff_kind)value->kind) {
    case EFF_TEXT:
    case EFF_DECIMAL:
    case EFF_JSON:
    case EFF_BAD:
        return ESTIMATE_OF_VALUE + estimate_text(eff_value_str(value), form);
    case EFF_BYTES:
        return ESTIMATE_OF_VALUE + (size_t)value->len * 4; /* base64, encoded again in a form */
    default:
        return ESTIMATE_OF_VALUE;
    }
}

static size_t
estimate_object(const struct eff_render *r, enum eff_ref_kind kind, bool form)
{
    const struct eff_delivery *d = r->delivery;
    size_t sum = 2;

    for (size_t i = 0; i < d->match_count; i++) {
        if (kind != EFF_REF_FIELDS || r->item->old_match)
            sum += 2 * estimate_text(d->match_names[i], form) +
                   estimate_value(&r->item->match[i], form);
    }
    for (size_t i = 0; i < d->fields_count && kind != EFF_REF_MATCH; i++) {
        if (r->item->fields[i].kind != EFF_ABSENT)
            sum += 2 * estimate_text(d->field_names[i], form) +
                   estimate_value(&r->item->fields[i], form);
    }
    return sum;
}

static size_t
estimate_ref(const struct eff_render *r, const struct eff_ref *ref, bool form)
{
    const struct eff_item *item = r->item;
    const struct eff_delivery *d = r->delivery;

    switch (ref->kind) {
    case EFF_REF_FIELD_VALUES:
        return estimate_object(r, EFF_REF_FIELDS, form);
    case EFF_REF_FIELDS:
    case EFF_REF_MATCH:
    case EFF_REF_RECORD:
        return estimate_object(r, ref->kind, form);
    case EFF_REF_MATCH_VALUE:
        return d->match_count
                   ? estimate_value(item->old_match ? item->old_match : item->match, form)
                   : 0;
    case EFF_REF_MATCH_FIELD:
        return d->match_count ? ESTIMATE_OF_VALUE + estimate_text(d->match_names[0], form) : 0;
    case EFF_REF_REMOTE_ID:
        return ESTIMATE_OF_VALUE + estimate_text(item->remote_id, form) + 64;
    case EFF_REF_ROW_KEY:
        return ESTIMATE_OF_VALUE + estimate_text(item->key_json, form) * 2;
    case EFF_REF_FIELD_NAMED:
    case EFF_REF_MATCH_NAMED:
        for (size_t i = 0; i < d->fields_count; i++)
            if (eff_str_eq(d->field_names[i], ref->name) && ref->kind == EFF_REF_FIELD_NAMED)
                return estimate_value(&item->fields[i], form);
        for (size_t i = 0; i < d->match_count; i++)
            if (eff_str_eq(d->match_names[i], ref->name))
                return estimate_value(&item->match[i], form);
        return ESTIMATE_OF_VALUE;
    case EFF_REF_OPTION:
        return ESTIMATE_OF_VALUE + estimate_text(r->options[ref->option], form);
    case EFF_REF_OBJECT:
        return ESTIMATE_OF_VALUE + estimate_text(r->object, form);
    default:
        return ESTIMATE_OF_VALUE + 64;
    }
}

static size_t
estimate_parts(const struct eff_render *r, const struct eff_text *text, bool form)
{
    size_t sum = 4;

    for (size_t i = 0; i < text->count; i++) {
        const struct eff_text_part *part = &text->parts[i];

        sum += part->is_ref ? estimate_ref(r, &part->ref, form) : estimate_text(part->text, form);
    }
    return sum;
}

size_t
eff_render_estimate(const struct eff_render *r, const struct eff_tree *tree, bool form)
{
    size_t sum = 4 + tree->literal.len + estimate_parts(r, &tree->text, form);

    if (tree->kind == EFF_TREE_EACH && tree->each == EFF_EACH_FIELD)
        return sum + estimate_object(r, EFF_REF_RECORD, form) +
               r->delivery->fields_count * (64 + eff_render_estimate(r, &tree->items[0], form));
    for (size_t i = 0; i < tree->count; i++) {
        if (tree->keys && tree->keys[i].parts)
            sum += estimate_parts(r, &tree->keys[i], form);
        sum += eff_render_estimate(r, &tree->items[i], form);
    }
    return sum;
}
