/*
 * sandbox/records: what a stand-in holds, in SQLite, in memory or in a file.
 *
 * A record has a number (seq), which the vendor turns into an id and back, and
 * one cell per slot of its shape. Values of fields that may be keys are also
 * kept in an index. The store does not check anything: that is the vendor's
 * business, which includes keeping unique values unique.
 *
 * The first failure of the store makes it `broken`: what was asked after that
 * has no effect, and the server answers 500 until the stand-in is reset.
 */
#ifndef EFF_SANDBOX_RECORDS_H
#define EFF_SANDBOX_RECORDS_H

#include "sandbox/shape.h"

enum eff_cell_kind {
    EFF_CELL_KEEP = 0, /* in an update: leave as it is; in a record: null */
    EFF_CELL_NULL,
    EFF_CELL_TEXT,
    EFF_CELL_NUMBER, /* as JSON text */
    EFF_CELL_BOOL,   /* "true" or "false" */
    EFF_CELL_JSON,   /* an object or a list, as JSON text */
};

struct eff_cell {
    enum eff_cell_kind kind;
    eff_str text;
};

struct eff_record {
    int64_t seq;
    const struct eff_shape *shape;
    int64_t created_ms, updated_ms;
    bool deleted;
    size_t count;
    struct eff_cell *cells; /* by slot; slots at and beyond count are null */
};

struct eff_records;

/* path NULL: in memory. `name` keeps the vendors of one file apart. */
enum eff_fault eff_records_open(const char *path, const char *name,
                                struct eff_records **ret_records, struct eff_err *err);
void eff_records_close(struct eff_records *records); /* NULL is fine */
/* Why nothing works any more, or NULL. */
const char *eff_records_broken(const struct eff_records *records);
/* Removes all records, links and notes. */
void eff_records_clear(struct eff_records *records);

/* Transactions nest; a rolled back inner one leaves the outer one as it was before. */
void eff_records_begin(struct eff_records *records);
void eff_records_commit(struct eff_records *records);
void eff_records_rollback(struct eff_records *records);

static inline struct eff_cell
eff_cell_of(const struct eff_record *record, const struct eff_field *field)
{
    return field->slot < record->count ? record->cells[field->slot] : (struct eff_cell){0};
}

static inline bool
eff_cell_null(struct eff_cell cell)
{
    return cell.kind == EFF_CELL_KEEP || cell.kind == EFF_CELL_NULL;
}

void eff_cell_write(struct eff_json_writer *w, struct eff_cell cell);

/* Also deleted ones; the cells live in the arena. False when there is no such record. */
bool eff_records_get(struct eff_records *records, const struct eff_shape *shape, int64_t seq,
                     struct eff_arena *arena, struct eff_record *ret_record);
/*
 * Live records whose key field has that value: writes at most max numbers, in ascending order,
 * and returns how many there are, counting no further than max.
 */
size_t eff_records_find(struct eff_records *records, const struct eff_shape *shape,
                        const struct eff_field *field, eff_str value, int64_t *ret_seqs,
                        size_t max);
/* cells has shape->count members. Returns the number of the new record. */
int64_t eff_records_insert(struct eff_records *records, const struct eff_shape *shape,
                           const struct eff_cell *cells, int64_t now_ms);
/*
 * Merges: EFF_CELL_KEEP leaves a cell alone. With lag_ms, what the record looked like before is
 * kept for eff_scan.as_of_ms. The record is changed too, its cells being copied into arena.
 */
void eff_records_update(struct eff_records *records, struct eff_record *record,
                        const struct eff_cell *cells, int64_t now_ms, int64_t lag_ms,
                        struct eff_arena *arena);
void eff_records_delete(struct eff_records *records, struct eff_record *record, int64_t now_ms);
/* Builds the index of one field anew, after its flags or type changed. */
void eff_records_reindex(struct eff_records *records, const struct eff_shape *shape,
                         struct eff_arena scratch);

/* All records of a shape in the order of their numbers. */
struct eff_scan {
    const struct eff_shape *shape;
    int64_t after;    /* records with greater numbers; moves on */
    bool deleted;     /* deleted ones instead of live ones */
    int64_t as_of_ms; /* not 0: as they were then, as far as updates kept it */
};
bool eff_records_next(struct eff_records *records, struct eff_scan *scan, struct eff_arena *arena,
                      struct eff_record *ret_record);
size_t eff_records_count(struct eff_records *records, const struct eff_shape *shape, bool deleted);

/* Links between two records (associations, list members): from_type and to_type are free numbers. */
struct eff_link {
    int64_t from, to;
    int64_t kind; /* the vendor's type of the link */
    int64_t from_type, to_type;
};
void eff_records_link(struct eff_records *records, struct eff_link link);
/* kind 0: all kinds. Returns how many were removed. */
size_t eff_records_unlink(struct eff_records *records, struct eff_link link);
/* Links of link.from to link.to_type with (to, kind) beyond those of `link`; false at the end. */
bool eff_records_next_link(struct eff_records *records, struct eff_link *link);

/* One text by name, such as the schema. EFF_STR_NONE when there is none. */
void eff_records_note(struct eff_records *records, const char *name, eff_str text);
eff_str eff_records_noted(struct eff_records *records, const char *name, struct eff_arena *arena);

#endif
