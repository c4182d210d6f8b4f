/* render: references, texts, JSON trees, forms and CSV. */
#include "dest/render.h"

#include "dest/render_value.h"

#define RENDER_NEST_MAX 16 /* levels that a field's dots may open */

/* ---- shapes: names with dots as a tree ---- */

static struct eff_shape *
shape_child(struct eff_arena *arena, struct eff_shape **first, eff_str key)
{
    struct eff_shape **at = first;

    for (; *at; at = &(*at)->next) {
        if ((*at)->from == EFF_SHAPE_GROUP && eff_str_eq((*at)->key, key))
            return *at;
    }
    *at = eff_new(arena, struct eff_shape, 1);
    (*at)->key = key;
    (*at)->key_json = eff_json_key_text(arena, key);
    return *at;
}

static void
shape_add(struct eff_arena *arena, struct eff_shape **first, eff_str name, struct eff_shape leaf,
          bool flat)
{
    eff_str head = name, tail = name;
    struct eff_shape **at = first, *made;

    for (int level = 0; !flat && level < RENDER_NEST_MAX; level++) {
        eff_str rest;

        if (!eff_str_cut(tail, '.', &head, &rest) || head.len == 0 || rest.len == 0)
            break;
        at = &shape_child(arena, at, head)->first;
        tail = rest;
    }
    while (*at)
        at = &(*at)->next;
    made = eff_new(arena, struct eff_shape, 1);
    *made = leaf;
    made->key = tail;
    made->key_json = eff_json_key_text(arena, tail);
    *at = made;
}

static bool
shape_is_field(const struct eff_delivery *delivery, eff_str name)
{
    for (size_t i = 0; i < delivery->fields_count; i++) {
        if (eff_str_eq(delivery->field_names[i], name))
            return true;
    }
    return false;
}

void
eff_shapes_build(struct eff_arena *arena, const struct eff_delivery *delivery, bool flat,
                 struct eff_shapes *ret_shapes)
{
    *ret_shapes = (struct eff_shapes){0};
    for (size_t i = 0; i < delivery->match_count; i++) {
        struct eff_shape leaf = {.from = EFF_SHAPE_MATCH, .index = i};
        eff_str name = delivery->match_names[i];

        shape_add(arena, &ret_shapes->match, name, leaf, flat);
        if (shape_is_field(delivery, name))
            continue;
        shape_add(arena, &ret_shapes->record, name, leaf, flat);
        leaf.rematch_only = true;
        shape_add(arena, &ret_shapes->fields, name, leaf, flat);
    }
    for (size_t i = 0; i < delivery->fields_count; i++) {
        struct eff_shape leaf = {.from = EFF_SHAPE_FIELD, .index = i};

        shape_add(arena, &ret_shapes->record, delivery->field_names[i], leaf, flat);
        shape_add(arena, &ret_shapes->fields, delivery->field_names[i], leaf, flat);
    }
}

bool
eff_shape_present(const struct eff_shape *shape, const struct eff_item *item)
{
    const struct eff_value *value;

    if (shape->from != EFF_SHAPE_GROUP) {
        value = eff_shape_value(shape, item);
        return value && value->kind != EFF_ABSENT;
    }
    for (const struct eff_shape *child = shape->first; child; child = child->next) {
        if (eff_shape_present(child, item))
            return true;
    }
    return false;
}

/* ---- references ---- */

enum eff_rendered
eff_render_bad(struct eff_render *r, eff_str why)
{
    size_t i;

    if (!r->item) {
        if (!r->problem.ptr)
            r->problem = why;
        return EFF_RENDER_BAD;
    }
    i = r->item->index;
    if (!r->bad[i]) {
        r->bad[i] = true;
        r->bad_why[i] = why;
        r->bad_count++;
    }
    return EFF_RENDER_BAD;
}

static enum eff_rendered
render_missing(struct eff_render *r, const struct eff_ref *ref, const char *what, eff_str name)
{
    if (ref->optional)
        return EFF_RENDER_LEFT_OUT;
    return eff_render_bad(r, eff_str_printf(r->arena, "%s" EFF_STR_FMT, what, EFF_STR_ARG(name)));
}

static enum eff_rendered
render_str(struct eff_render *r, const struct eff_ref *ref, eff_str text, const char *what,
           struct eff_value *ret_value)
{
    if (!text.ptr)
        return render_missing(r, ref, what, EFF_STR(""));
    *ret_value = eff_value_of_str(EFF_TEXT, text);
    return EFF_RENDERED;
}

static bool
render_find(size_t count, const eff_str *names, eff_str name, size_t *ret_index)
{
    for (size_t i = 0; i < count; i++) {
        if (eff_str_eq(names[i], name)) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* What stands before the first dot in a match field's name, or behind it. */
static enum eff_rendered
render_nth(struct eff_render *r, const struct eff_ref *ref, struct eff_value *ret_value)
{
    const struct eff_delivery *d = r->delivery;
    eff_str object = EFF_STR_NONE, field = EFF_STR_NONE;

    if (ref->option < d->match_count)
        eff_str_cut(d->match_names[ref->option], '.', &object, &field);
    return render_str(r, ref, ref->kind == EFF_REF_NTH_OBJECT ? object : field,
                      "`match` does not name two fields as <object>.<field>", ret_value);
}

static enum eff_rendered
render_named(struct eff_render *r, const struct eff_ref *ref, struct eff_value *ret_value)
{
    const struct eff_delivery *d = r->delivery;
    size_t i;

    if (ref->kind == EFF_REF_FIELD_NAMED &&
        render_find(d->fields_count, d->field_names, ref->name, &i))
        *ret_value = r->item->fields[i];
    else if (render_find(d->match_count, d->match_names, ref->name, &i))
        *ret_value = r->item->match[i];
    else
        return render_missing(r, ref, "the mapping has no field ", ref->name);
    if (ret_value->kind == EFF_ABSENT)
        return render_missing(r, ref, "the change does not have the field ", ref->name);
    return EFF_RENDERED;
}

/* Digests the rows' own keys in order, so that a resent batch has the same key. */
static eff_str
render_batch_key(struct eff_render *r)
{
    struct eff_buf buf = {0};
    struct eff_sha256 digest;

    for (size_t i = 0; i < r->rows_count; i++) {
        const struct eff_item *item = &r->delivery->items[r->rows[i]];

        eff_buf_add_slice(&buf, item->idempotency_key);
        eff_buf_add_u64(&buf, item->key.hi);
        eff_buf_add_u64(&buf, item->key.lo);
    }
    digest = eff_sha256(eff_buf_str(&buf));
    eff_buf_free(&buf);
    return eff_base64(r->arena, (eff_str){(const char *)digest.bytes, sizeof digest.bytes}, true);
}

/* Below 2^53, so that JSON readers keep it; another run has another one for the same rows. */
static int64_t
render_batch_id(struct eff_render *r)
{
    struct eff_buf buf = {0};
    uint64_t id;

    eff_buf_add(&buf, r->run);
    for (size_t i = 0; i < r->rows_count; i++) {
        eff_buf_add_u64(&buf, r->delivery->items[r->rows[i]].key.hi);
        eff_buf_add_u64(&buf, r->delivery->items[r->rows[i]].key.lo);
    }
    id = eff_xxh3(r->delivery->op, buf.ptr, buf.len) >> 11;
    eff_buf_free(&buf);
    return id ? (int64_t)id : 1;
}

static enum eff_rendered
render_row_value(struct eff_render *r, const struct eff_ref *ref, struct eff_value *ret_value)
{
    const struct eff_item *item = r->item;

    if (!item)
        return eff_render_bad(r, EFF_STR("the template names a row's value where there is no row"));
    switch (ref->kind) {
    case EFF_REF_MATCH_VALUE:
        if (r->delivery->match_count == 0)
            return eff_render_bad(r, EFF_STR("the sync has no match field"));
        *ret_value = item->old_match ? item->old_match[0] : item->match[0];
        return EFF_RENDERED;
    case EFF_REF_NTH_VALUE:
        if (ref->option >= r->delivery->match_count)
            return eff_render_bad(r, EFF_STR("the sync has no such match field"));
        *ret_value = item->match[ref->option];
        return EFF_RENDERED;
    case EFF_REF_ROW_INDEX:
        *ret_value = eff_value_of_int(EFF_INT, (int64_t)item->index);
        return EFF_RENDERED;
    case EFF_REF_ROW_KEY:
        return render_str(r, ref, item->key_json, "the row has no key", ret_value);
    case EFF_REF_IDEMPOTENCY:
        return render_str(r, ref, item->idempotency_key, "the row has no idempotency key",
                          ret_value);
    case EFF_REF_REMOTE_ID:
        return render_str(r, ref, r->ids ? r->ids[item->index] : item->remote_id,
                          "the record's id is not known", ret_value);
    case EFF_REF_FOUND:
        return render_str(r, ref,
                          r->found && r->found[ref->option] ? r->found[ref->option][item->index]
                                                            : EFF_STR_NONE,
                          "what its request needs was not found", ret_value);
    case EFF_REF_EACH_VALUE:
        *ret_value = item->fields[r->field];
        return EFF_RENDERED;
    default:
        return render_named(r, ref, ret_value);
    }
}

static enum eff_rendered
render_option_member(struct eff_render *r, const struct eff_ref *ref, struct eff_value *ret_value)
{
    const struct eff_json *json = NULL;
    struct eff_err ignored = {0};
    eff_str text = EFF_STR_NONE;

    if (eff_json_parse(r->options[ref->option], r->arena, &json, &ignored) == EFF_OK)
        text = eff_json_str(eff_json_pointer(json, ref->name));
    if (!text.len)
        return render_missing(r, ref, "an option is no JSON with ", ref->name);
    *ret_value = eff_value_of_str(EFF_TEXT, text);
    return EFF_RENDERED;
}

/* What a reference to one value stands for. */
enum eff_rendered
eff_render_value(struct eff_render *r, const struct eff_ref *ref, struct eff_value *ret_value)
{
    const struct eff_delivery *d = r->delivery;

    switch (ref->kind) {
    case EFF_REF_ASSERTION:
        return render_str(r, ref, r->assertion, "the login has no `jwt`", ret_value);
    case EFF_REF_OPTION:
        if (ref->name.len && r->options[ref->option].ptr)
            return render_option_member(r, ref, ret_value);
        return render_str(r, ref, r->options[ref->option], "an option that is needed is not set",
                          ret_value);
    case EFF_REF_TOKEN:
        return render_str(r, ref, r->token, "there is no access token", ret_value);
    case EFF_REF_BASE:
        return render_str(r, ref, r->base, "the login told no address", ret_value);
    case EFF_REF_OBJECT:
        return render_str(r, ref, r->object, "no object is named", ret_value);
    case EFF_REF_JOB_ID:
        return render_str(r, ref, r->job, "the job's id is not known", ret_value);
    case EFF_REF_CURSOR:
        return render_str(r, ref, r->cursor, "there is no next page", ret_value);
    case EFF_REF_NEW_NAME:
        return render_str(r, ref, r->new_name, "no field is being made", ret_value);
    case EFF_REF_NEW_TYPE:
        return render_str(r, ref, r->new_type, "no field is being made", ret_value);
    case EFF_REF_NEW_GROUP:
        return render_str(r, ref, r->new_group, "`groups` does not say where such a field belongs",
                          ret_value);
    case EFF_REF_MATCH_FIELD:
        return render_str(r, ref, d && d->match_count ? d->match_names[0] : EFF_STR_NONE,
                          "the sync has no match field", ret_value);
    case EFF_REF_NTH_OBJECT:
    case EFF_REF_NTH_FIELD:
        return render_nth(r, ref, ret_value);
    case EFF_REF_EACH_NAME:
        return render_str(r, ref, d->field_names[r->field], "", ret_value);
    case EFF_REF_BATCH_ROWS:
        *ret_value = eff_value_of_int(EFF_INT, (int64_t)r->rows_count);
        return EFF_RENDERED;
    case EFF_REF_BATCH_ID:
        *ret_value = eff_value_of_int(EFF_INT, render_batch_id(r));
        return EFF_RENDERED;
    case EFF_REF_BATCH_KEY:
        return render_str(r, ref, render_batch_key(r), "", ret_value);
    default:
        return render_row_value(r, ref, ret_value);
    }
}

/* ---- texts ---- */

static bool
render_has_control(eff_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c < 0x20 || c == 0x7f)
            return true;
    }
    return false;
}

static enum eff_rendered
render_encode(struct eff_render *r, enum eff_slot slot, eff_str text, struct eff_buf *buf)
{
    switch (slot) {
    case EFF_SLOT_PATH:
        if (text.len == 0)
            return eff_render_bad(r, EFF_STR("an empty value cannot stand in a path"));
        if (eff_str_is(text, ".") || eff_str_is(text, ".."))
            return eff_render_bad(r, EFF_STR("\".\" and \"..\" cannot stand in a path"));
        eff_url_encode(buf, text);
        return EFF_RENDERED;
    case EFF_SLOT_QUERY:
    case EFF_SLOT_FORM:
        eff_url_encode(buf, text);
        return EFF_RENDERED;
    case EFF_SLOT_HEADER:
        if (render_has_control(text))
            return eff_render_bad(
                r, EFF_STR("a line break or control character cannot stand in a header"));
        break;
    case EFF_SLOT_PLAIN:
    case EFF_SLOT_BODY:
        break;
    }
    eff_buf_add(buf, text);
    return EFF_RENDERED;
}

static void
render_soql(struct eff_buf *buf, eff_str text)
{
    eff_buf_add_char(buf, '\'');
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        const char *escape = c == '\\'   ? "\\\\"
                             : c == '\'' ? "\\'"
                             : c == '\n' ? "\\n"
                             : c == '\r' ? "\\r"
                             : c == '\t' ? "\\t"
                                         : NULL;

        if (escape)
            eff_buf_add(buf, eff_str_of(escape));
        else
            eff_buf_add_char(buf, c);
    }
    eff_buf_add_char(buf, '\'');
}

static void
render_sql(struct eff_buf *buf, eff_str text)
{
    eff_buf_add_char(buf, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'')
            eff_buf_add_char(buf, '\'');
        eff_buf_add_char(buf, text.ptr[i]);
    }
    eff_buf_add_char(buf, '\'');
}

static void
render_brackets(struct eff_buf *buf, eff_str text)
{
    eff_str part, rest;
    bool more = eff_str_cut(text, '.', &part, &rest);

    eff_buf_add(buf, part);
    while (more) {
        struct eff_json_writer w = {.buf = buf};

        more = eff_str_cut(rest, '.', &part, &rest);
        eff_buf_add_char(buf, '[');
        eff_json_write_str(&w, part);
        eff_buf_add_char(buf, ']');
    }
}

/* A value as plain text, through the reference's filter. */
enum eff_rendered
eff_render_plain(struct eff_render *r, const struct eff_ref *ref, const struct eff_value *value,
                 struct eff_buf *buf)
{
    struct eff_buf text = {0};
    bool bare = value->kind == EFF_INT || value->kind == EFF_DECIMAL || value->kind == EFF_BOOL;
    struct eff_json_writer w = {.buf = buf};

    if (ref->filter == EFF_FILTER_NONE) {
        if (value->kind == EFF_TEXT)
            eff_buf_add(buf, eff_value_str(value));
        else if (!eff_values_text(r->values, value, *r->arena, buf))
            return eff_render_bad(r, EFF_STR("the value has no text form"));
        return EFF_RENDERED;
    }
    if (!eff_values_text(r->values, value, *r->arena, &text)) {
        eff_buf_free(&text);
        return eff_render_bad(r, EFF_STR("the value has no text form"));
    }
    if (ref->filter == EFF_FILTER_LOWER)
        eff_buf_add(buf, eff_str_lower(r->arena, eff_buf_str(&text)));
    else if (ref->filter == EFF_FILTER_SOQL && !bare)
        render_soql(buf, eff_buf_str(&text));
    else if (ref->filter == EFF_FILTER_SQL)
        render_sql(buf, eff_buf_str(&text));
    else if (ref->filter == EFF_FILTER_QUOTED)
        eff_json_write_str(&w, eff_buf_str(&text));
    else if (ref->filter == EFF_FILTER_BRACKETS)
        render_brackets(buf, eff_buf_str(&text));
    else
        eff_buf_add(buf, eff_buf_str(&text));
    eff_buf_free(&text);
    return EFF_RENDERED;
}

static enum eff_rendered
render_one(struct eff_render *r, const struct eff_ref *ref, enum eff_slot slot, struct eff_buf *buf)
{
    struct eff_value value = {0};
    struct eff_buf text = {0};
    enum eff_rendered rendered = eff_render_value(r, ref, &value);

    if (rendered != EFF_RENDERED)
        return rendered;
    if (value.kind == EFF_TEXT && ref->filter == EFF_FILTER_NONE)
        return render_encode(r, slot, eff_value_str(&value), buf);
    rendered = eff_render_plain(r, ref, &value, &text);
    if (rendered == EFF_RENDERED)
        rendered = render_encode(r, slot, eff_buf_str(&text), buf);
    eff_buf_free(&text);
    return rendered;
}

bool
eff_render_is_names(enum eff_ref_kind kind)
{
    return kind == EFF_REF_FIELD_NAMES || kind == EFF_REF_RECORD_NAMES;
}

/* Its name, or what stands for it in a query. */
static eff_str
render_name(struct eff_render *r, size_t field)
{
    struct eff_buf buf = {0};
    eff_str name = r->delivery->field_names[field];

    if (!r->forms || !r->forms[field])
        return name;
    r->field = field;
    if (eff_render_text(r, r->forms[field], EFF_SLOT_BODY, &buf) == EFF_RENDERED)
        name = eff_str_copy(r->arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return name;
}

void
eff_render_names(struct eff_render *r, enum eff_ref_kind kind)
{
    const struct eff_delivery *d = r->delivery;
    size_t i;

    r->names_count = 0;
    r->names = eff_new(r->arena, eff_str, d->match_count + d->fields_count);
    for (size_t m = 0; m < d->match_count && kind == EFF_REF_RECORD_NAMES; m++) {
        if (!render_find(d->fields_count, d->field_names, d->match_names[m], &i))
            r->names[r->names_count++] = d->match_names[m];
    }
    for (size_t f = 0; f < d->fields_count; f++)
        r->names[r->names_count++] = render_name(r, f);
}

/* {rows.x} and {fields.names} in text: one after the other, with commas. */
static enum eff_rendered
render_list(struct eff_render *r, const struct eff_ref *ref, enum eff_slot slot,
            struct eff_buf *buf)
{
    const struct eff_item *saved = r->item;
    enum eff_rendered rendered = EFF_RENDERED;

    if (eff_render_is_names(ref->kind)) {
        eff_render_names(r, ref->kind);
        for (size_t i = 0; i < r->names_count; i++) {
            if (i > 0)
                eff_buf_add_char(buf, ',');
            rendered = render_encode(r, slot, r->names[i], buf);
        }
        return rendered;
    }
    for (size_t i = 0, done = 0; i < r->rows_count; i++) {
        size_t from = buf->len;

        r->item = &r->delivery->items[r->rows[i]];
        if (done > 0)
            eff_buf_add_char(buf, ',');
        if (render_one(r, ref, slot, buf) == EFF_RENDERED)
            done++;
        else
            buf->len = from;
    }
    r->item = saved;
    return rendered;
}

enum eff_rendered
eff_render_text(struct eff_render *r, const struct eff_text *text, enum eff_slot slot,
                struct eff_buf *buf)
{
    enum eff_rendered worst = EFF_RENDERED;

    for (size_t i = 0; i < text->count && worst == EFF_RENDERED; i++) {
        const struct eff_text_part *part = &text->parts[i];

        if (!part->is_ref && slot == EFF_SLOT_QUERY)
            eff_url_encode(buf, part->text);
        else if (!part->is_ref)
            eff_buf_add(buf, part->text);
        else if (part->ref.over_rows || eff_render_is_names(part->ref.kind))
            worst = render_list(r, &part->ref, slot, buf);
        else
            worst = render_one(r, &part->ref, slot, buf);
    }
    return worst;
}
