/*
 * dest/render: templates and values to the bytes of a request.
 *
 * A row whose value cannot be put where the template wants it (a line break in a
 * header, an empty path segment, NaN in JSON) is marked in `bad`, and everybody
 * else's bytes are as if it had not been there: the caller takes the marked rows
 * out and renders once more.
 */
#ifndef EFF_DEST_RENDER_H
#define EFF_DEST_RENDER_H

#include "dest/template.h"

enum eff_slot {
    EFF_SLOT_PLAIN = 1, /* options only: a base url */
    EFF_SLOT_PATH,
    EFF_SLOT_QUERY,
    EFF_SLOT_HEADER,
    EFF_SLOT_FORM,
    EFF_SLOT_BODY, /* a text body: as it is */
};

enum eff_time_form { EFF_TIME_ISO = 0, EFF_TIME_ISO_MS, EFF_TIME_EPOCH_S, EFF_TIME_EPOCH_MS };
enum eff_list_form { EFF_LIST_NESTED = 0, EFF_LIST_JOIN, EFF_LIST_TEXT };

/* `values:` of a connector: how canonical values are written. */
struct eff_values {
    bool null_is_text; /* else JSON null; nothing in forms and texts */
    eff_str null_text;
    bool boolean_text, number_text; /* in JSON: strings */
    bool flat_names;                /* a dot in a field's name is a dot, not nesting */
    bool naive_utc;                 /* a time without a zone is one in UTC */
    bool null_outer;                /* a field of which all that is within is NULL is NULL itself */
    bool match_text;                /* in JSON: match values are strings, whatever their type */
    enum eff_time_form time, date;
    enum eff_list_form list;
    eff_str list_join;
};

enum eff_shape_from { EFF_SHAPE_GROUP = 0, EFF_SHAPE_FIELD, EFF_SHAPE_MATCH };

/* Field names as a tree: "address.city" nests. */
struct eff_shape {
    eff_str key;
    eff_str key_json; /* the same as JSON writes it, with its colon */
    enum eff_shape_from from;
    bool rematch_only; /* a match field among {fields}: only when its value changed */
    size_t index;
    struct eff_shape *first, *next; /* GROUP: children; siblings */
};

struct eff_shapes {
    struct eff_shape *match, *fields, *record; /* first sibling of each */
};

/* Everything that references can stand for. */
struct eff_render {
    const struct eff_values *values;
    const eff_str *options; /* by the option's index; ptr == NULL: not given */
    eff_str token, base, job, cursor;
    eff_str assertion;
    eff_str new_name, new_type, new_group; /* of a field that is being made */
    const struct eff_tree *new_form;       /* its type, where several members say it; else NULL */
    eff_str run;                           /* its id */
    const struct eff_delivery *delivery;   /* NULL where no rows are */
    eff_str object;
    const struct eff_shapes *shapes;
    size_t rows_count;
    const size_t *rows;    /* items of the delivery that this request is about */
    const eff_str *ids;    /* remote ids by item; ptr == NULL: unknown */
    eff_str *const *found; /* by slot: what else was found, by item; NULL: nothing was looked for */
    struct eff_arena *arena;

    const struct eff_item *item; /* the row at hand, or NULL */
    size_t field;                /* for_each: field */
    bool *bad;                   /* by item */
    eff_str *bad_why;            /* by item */
    size_t bad_count;
    const struct eff_text *const *forms; /* by field: what stands for its name; NULL: none do */
    eff_str *names;                      /* of {fields.names} or {record.names}, once asked for */
    size_t names_count;
    eff_str problem; /* set when the whole request cannot be made, rows or not */
};

enum eff_rendered { EFF_RENDERED = 0, EFF_RENDER_LEFT_OUT, EFF_RENDER_BAD };

void eff_shapes_build(struct eff_arena *arena, const struct eff_delivery *delivery, bool flat,
                      struct eff_shapes *ret_shapes);

enum eff_rendered eff_render_text(struct eff_render *r, const struct eff_text *text,
                                  enum eff_slot slot, struct eff_buf *buf);
/* False when r->problem is set; rows may have been marked bad. */
bool eff_render_json(struct eff_render *r, const struct eff_tree *tree, struct eff_buf *buf);
bool eff_render_form(struct eff_render *r, const struct eff_tree *tree, struct eff_buf *buf);

/* A CSV body: a header line and a line per row. */
enum eff_csv_columns {
    EFF_CSV_NONE = 0,
    EFF_CSV_RECORD,
    EFF_CSV_MATCH,
    EFF_CSV_REMOTE_ID,
    EFF_CSV_FIELDS
};

struct eff_csv_form {
    enum eff_csv_columns columns;
    eff_str null, empty; /* what stands for NULL and for an empty text; absent cells stay empty */
    eff_str id_name;     /* name of the column of ids, before all others; len == 0: none */
};

bool eff_render_csv(struct eff_render *r, const struct eff_csv_form *form, struct eff_buf *buf);

/* An upper estimate of what the row takes in a body made by that tree. */
size_t eff_render_estimate(const struct eff_render *r, const struct eff_tree *tree, bool form);

/* The vendor's text of a value; false when it has none (NaN, BAD). */
bool eff_values_text(const struct eff_values *values, const struct eff_value *value,
                     struct eff_arena scratch, struct eff_buf *buf);

#endif
