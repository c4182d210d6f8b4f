/* dest/render_value: what the files behind render.h share. */
#ifndef EFF_DEST_RENDER_VALUE_H
#define EFF_DEST_RENDER_VALUE_H

#include "dest/render.h"

#define EFF_VALUE_TEXT_MAX 64

/* Writes the value; false when JSON or the vendor has no form for it. text is scratch. */
bool eff_values_json(const struct eff_values *values, struct eff_json_writer *w,
                     const struct eff_value *value, struct eff_arena scratch, struct eff_buf *text);
/* Dates and times; ret_number: it counts seconds or milliseconds. 0 for other kinds. */
size_t eff_values_time(const struct eff_values *values, const struct eff_value *value,
                       bool *ret_number, char ret_text[EFF_VALUE_TEXT_MAX]);

/* Marks the row at hand, or the whole request when there is none; always EFF_RENDER_BAD. */
enum eff_rendered eff_render_bad(struct eff_render *r, eff_str why);
/* What a reference to one value stands for. */
enum eff_rendered eff_render_value(struct eff_render *r, const struct eff_ref *ref,
                                   struct eff_value *ret_value);
/* A value as plain text, through the reference's filter. */
enum eff_rendered eff_render_plain(struct eff_render *r, const struct eff_ref *ref,
                                   const struct eff_value *value, struct eff_buf *buf);
/* Whether an optional reference in it has nothing to stand for. */
bool eff_render_left_out(struct eff_render *r, const struct eff_tree *tree);
bool eff_render_is_object(enum eff_ref_kind kind); /* {match}, {fields}, {record} */
bool eff_render_is_names(enum eff_ref_kind kind);  /* {fields.names}, {record.names} */
void eff_render_names(struct eff_render *r, enum eff_ref_kind kind); /* into r->names */
const struct eff_shape *eff_render_shape(const struct eff_render *r, enum eff_ref_kind kind);

/* NULL: a match field that did not change. */
static inline const struct eff_value *
eff_shape_value(const struct eff_shape *shape, const struct eff_item *item)
{
    if (shape->from == EFF_SHAPE_FIELD)
        return &item->fields[shape->index];
    return shape->rematch_only && !item->old_match ? NULL : &item->match[shape->index];
}

bool eff_shape_present(const struct eff_shape *shape, const struct eff_item *item);

#endif
