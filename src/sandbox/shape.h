/*
 * sandbox/shape: the objects and fields of a stand-in.
 *
 * A shape is one object type. Its fields have slots, which never change: a
 * renamed field keeps its values, as at the vendor, and a removed one keeps
 * its slot, marked as gone.
 */
#ifndef EFF_SANDBOX_SHAPE_H
#define EFF_SANDBOX_SHAPE_H

#include "base/json.h"

enum eff_field_type {
    EFF_FIELD_TEXT = 1,
    EFF_FIELD_TEXTAREA,
    EFF_FIELD_EMAIL,
    EFF_FIELD_PHONE,
    EFF_FIELD_URL,
    EFF_FIELD_NUMBER,
    EFF_FIELD_INTEGER,
    EFF_FIELD_CURRENCY,
    EFF_FIELD_PERCENT,
    EFF_FIELD_BOOL,
    EFF_FIELD_DATE,
    EFF_FIELD_DATETIME,
    EFF_FIELD_CHOICE,
    EFF_FIELD_CHOICES, /* several, joined with ';' */
    EFF_FIELD_ID,
    EFF_FIELD_REFERENCE,
};

enum eff_field_flags {
    EFF_FIELD_REQUIRED = 1, /* must have a value when a record is created, and keep one */
    EFF_FIELD_UNIQUE = 2,   /* no two records with the same value */
    EFF_FIELD_KEY = 4,      /* may be the key of an upsert */
    EFF_FIELD_READONLY = 8,
    EFF_FIELD_RESTRICTED = 16, /* no other values than its choices */
    EFF_FIELD_COMPUTED = 32,   /* has no value of its own: the vendor's code makes it */
    EFF_FIELD_CUSTOM = 64,
    EFF_FIELD_CASE = 128,    /* key and unique values differ by case */
    EFF_FIELD_HIDDEN = 256,  /* HubSpot's archived property: gone, but can be shown */
    EFF_FIELD_DROPPED = 512, /* takes no value, and says nothing of it */
};

struct eff_field {
    unsigned slot;
    eff_str name;
    eff_str label;
    enum eff_field_type type;
    unsigned flags;
    bool gone;
    int64_t length;           /* characters of text; digits of a number */
    int64_t scale;            /* digits behind the point */
    eff_str target, relation; /* REFERENCE: object, and the name of the relationship */
    eff_str fallback;         /* value of a new record that says nothing; ptr == NULL: none */
    size_t choices_count;
    eff_str *choices;
};

struct eff_shape {
    eff_str name;
    eff_str label;
    eff_str prefix; /* Salesforce: first three characters of an id; HubSpot: objectTypeId */
    unsigned number;
    size_t count, cap;
    struct eff_field *fields; /* by slot */
};

struct eff_shapes {
    struct eff_arena *arena; /* only grows, until the stand-in is reset */
    bool nocase;             /* names are found without regard to case */
    size_t count, cap;
    struct eff_shape **at; /* by number */
};

/* One field of a standard object, as a row of a table. */
struct eff_field_row {
    const char *name;
    const char *label;
    enum eff_field_type type;
    int length, scale;
    unsigned flags;
    const char *extra; /* choices "a|b|c", or "Target:Relation" of a reference */
    const char *fallback;
};

struct eff_shape *eff_shape_add(struct eff_shapes *shapes, eff_str name, eff_str label,
                                eff_str prefix);
struct eff_field *eff_shape_add_field(struct eff_shapes *shapes, struct eff_shape *shape,
                                      const struct eff_field_row *row);
/* NULL when there is none. */
struct eff_shape *eff_shape_find(const struct eff_shapes *shapes, eff_str name);
struct eff_field *eff_shape_field(const struct eff_shapes *shapes, const struct eff_shape *shape,
                                  eff_str name);

const char *eff_field_type_name(enum eff_field_type type);
bool eff_field_is_number(const struct eff_field *field);
static inline bool
eff_field_has(const struct eff_field *field, unsigned flag)
{
    return (field->flags & flag) != 0;
}

/* The whole schema as JSON, and back: what /_sandbox/schema shows and --data keeps. */
void eff_shapes_write(struct eff_json_writer *w, const struct eff_shapes *shapes);
enum eff_fault eff_shapes_read(struct eff_shapes *shapes, const struct eff_json *root,
                               struct eff_err *err);
/*
 * One change: {"object": ..., and one of "rename": {from, to}, "remove": name,
 * "add": {field}, "change": {name, and what is to be different}}.
 */
enum eff_fault eff_shapes_change(struct eff_shapes *shapes, const struct eff_json *change,
                                 struct eff_err *err);
enum eff_fault eff_shapes_rename(struct eff_shapes *shapes, eff_str object, eff_str from,
                                 eff_str to, struct eff_err *err);

#endif
