/*
 * dest/template: the shape of a request, compiled from a connector file.
 *
 * A text holds references: "{match.value}", "{fields.email?}", "{object}". What
 * a reference may name depends on where it stands (no row is known while logging
 * in), and is checked when the file is loaded. Rendering knows the slot that a
 * text stands in (path, query, header, form, JSON, CSV) and encodes for it, so
 * that a value never changes the structure around it.
 */
#ifndef EFF_DEST_TEMPLATE_H
#define EFF_DEST_TEMPLATE_H

#include "base/json.h"
#include "conf/yaml.h"
#include "flow/delivery.h"

enum eff_ref_kind {
    EFF_REF_OPTION = 1,  /* {url}, {auth.client_id}: what the destination's block says */
    EFF_REF_TOKEN,       /* {session.token}: what the login answered */
    EFF_REF_BASE,        /* {session.url} */
    EFF_REF_OBJECT,      /* {object} */
    EFF_REF_MATCH_FIELD, /* {match.field}: name of the first match field */
    EFF_REF_MATCH_VALUE, /* {match.value}: where the record is now (the old value on a rematch) */
    EFF_REF_MATCH_NAMED, /* {match.x} */
    EFF_REF_NTH_OBJECT,  /* {match.1.object}: of "contacts.email", the first of a pair, contacts */
    EFF_REF_NTH_FIELD,   /* {match.1.field}: email */
    EFF_REF_NTH_VALUE,   /* {match.1.value}; {match.2...} is the second of the pair */
    EFF_REF_FIELD_NAMED, /* {fields.x}: a mapped field, or else the match field of that name */
    EFF_REF_MATCH,       /* {match}: an object */
    EFF_REF_FIELDS,      /* {fields}: an object of the mapped fields (and of a changed match) */
    EFF_REF_RECORD,      /* {record}: match and fields together */
    EFF_REF_ROW_INDEX,   /* {row.index}: the trace id */
    EFF_REF_ROW_KEY,     /* {row.key}: the model's key as JSON text */
    EFF_REF_REMOTE_ID,   /* {remote_id} */
    EFF_REF_FOUND,       /* {found.x}: what the operation's `find` of that name found */
    EFF_REF_IDEMPOTENCY, /* {row.idempotency_key} */
    EFF_REF_EACH_NAME,   /* {field.name}, {field.value}: inside `for_each: field` */
    EFF_REF_EACH_VALUE,
    EFF_REF_FIELD_NAMES,  /* {fields.names}: a list */
    EFF_REF_RECORD_NAMES, /* {record.names}: match and fields, each once */
    EFF_REF_FIELD_VALUES, /* {fields.values}: a list in the order of the names, NULL where there is none */
    EFF_REF_ASSERTION,  /* {login.assertion}: the signed token of a login's `jwt` */
    EFF_REF_BATCH_ID,   /* {batch.id}: a number; the same when the batch is sent again */
    EFF_REF_BATCH_KEY,  /* {batch.idempotency_key} */
    EFF_REF_BATCH_ROWS, /* {batch.rows}: how many */
    EFF_REF_JOB_ID,     /* {job.id} */
    EFF_REF_CURSOR,     /* {cursor}: of the next page */
    EFF_REF_NEW_NAME,   /* {new.name}, {new.type}, {new.group}: of a field that is being made */
    EFF_REF_NEW_TYPE,
    EFF_REF_NEW_GROUP,
};

enum eff_filter {
    EFF_FILTER_NONE = 0,
    EFF_FILTER_SOQL,   /* 'text', quotes and backslashes escaped */
    EFF_FILTER_SQL,    /* 'text', quotes doubled, numbers too */
    EFF_FILTER_QUOTED, /* "text", likewise: JSON's own rules */
    EFF_FILTER_LOWER,
    EFF_FILTER_BRACKETS, /* a.b as a["b"]: how some query languages name what lies within */
    EFF_FILTER_NUMBER,   /* in JSON: the text of a whole number, as a number */
};

struct eff_ref {
    enum eff_ref_kind kind;
    enum eff_filter filter;
    bool optional;  /* {x?}: leaves the entry out when there is none */
    bool over_rows; /* {rows.x}: one for each row, as a list */
    size_t option;  /* OPTION: index; FOUND: slot; NTH: which, from 0 */
    eff_str name;   /* MATCH_NAMED, FIELD_NAMED; OPTION: pointer into its JSON, or none */
};

struct eff_text_part {
    bool is_ref;
    eff_str text;
    struct eff_ref ref;
};

struct eff_text {
    size_t count;
    const struct eff_text_part *parts;
    eff_str written; /* as it stands in the file */
    struct eff_place place;
};

enum eff_tree_kind {
    EFF_TREE_LITERAL = 1, /* null, true, 12 */
    EFF_TREE_TEXT,        /* text with references */
    EFF_TREE_VALUE,       /* exactly one reference: keeps its type */
    EFF_TREE_MAP,
    EFF_TREE_LIST,
    EFF_TREE_EACH,
    EFF_TREE_GIVEN, /* without what is NULL or empty, and without itself when nothing is left */
};

enum eff_each { EFF_EACH_ROW = 1, EFF_EACH_FIELD };

struct eff_tree {
    enum eff_tree_kind kind;
    eff_str literal;             /* LITERAL: JSON text */
    struct eff_text text;        /* TEXT, VALUE */
    size_t count;                /* MAP, LIST; EACH: 1 */
    const struct eff_text *keys; /* MAP: count == 0 in a key means: spread the value here */
    const eff_str *keys_json;    /* MAP: literal keys as JSON writes them, with their colon */
    const struct eff_tree *items;
    enum eff_each each;
    bool once; /* EACH: equal elements are written once */
};

/* What may be named where. */
enum eff_scope_flags {
    EFF_SCOPE_SESSION = 1,
    EFF_SCOPE_BATCH = 2, /* {object}, {match.field}, {rows.x} */
    EFF_SCOPE_ROW = 4,
    EFF_SCOPE_JOB = 8,
    EFF_SCOPE_CURSOR = 16,
    EFF_SCOPE_OBJECT = 32, /* {object} alone */
    EFF_SCOPE_LOGIN = 64,
    EFF_SCOPE_NEW = 128, /* {new.name} ... */
};

struct eff_scope {
    struct eff_arena *arena;
    struct eff_problems *problems;
    unsigned allows;
    bool in_each_row, in_each_field;
    size_t options_count;
    const eff_str *options; /* names */
    size_t founds_count;
    const eff_str *founds; /* names */
};

/* Ids that an operation may look for, its record's own among them. */
#define EFF_FOUNDS_MAX 4

/* Both add problems and return false on a mistake. */
bool eff_text_compile(const struct eff_scope *scope, const struct eff_node *node,
                      struct eff_text *ret_text);
bool eff_tree_compile(const struct eff_scope *scope, const struct eff_node *node,
                      struct eff_tree *ret_tree);

/* "key": with its quotes and the colon. */
eff_str eff_json_key_text(struct eff_arena *arena, eff_str key);

/* Whether any reference of that kind stands in it. */
bool eff_text_has(const struct eff_text *text, enum eff_ref_kind kind);
bool eff_tree_has(const struct eff_tree *tree, enum eff_ref_kind kind);
/* What `for_each: row` makes of a row; NULL when there is none. */
const struct eff_tree *eff_tree_each_row(const struct eff_tree *tree);
/* Whether it holds what only JSON can be written with. */
bool eff_tree_json_only(const struct eff_tree *tree);
/* Which of a row's own values are named in it: any match value, and fields by index. */
struct eff_uses {
    bool match;
    bool *fields;
    size_t match_count, fields_count;
    const eff_str *match_names, *field_names;
};
void eff_text_uses(const struct eff_text *text, struct eff_uses *uses);
void eff_tree_uses(const struct eff_tree *tree, struct eff_uses *uses);
/* Whether the text is one literal without references; gives it. */
bool eff_text_literal(const struct eff_text *text, eff_str *ret_literal);

#endif
