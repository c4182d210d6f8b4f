/*
 * sandbox/salesforce: what the files of the Salesforce stand-in share.
 *
 * Source: destinations.md, section Salesforce; what is marked unconfirmed there
 * was decided as docs/sandbox.md says.
 */
#ifndef EFF_SANDBOX_SALESFORCE_H
#define EFF_SANDBOX_SALESFORCE_H

#include "sandbox/world.h"

#define EFF_SF_ROWS_MAX   200 /* of a collections request */
#define EFF_SF_FIELDS_MAX 8   /* named by one error */
#define EFF_SF_ORG        "00D5e000000SBOXEAA"
#define EFF_SF_USER       "0055e000000SBOXAAA"

/* Why a row, or with `whole` the request it stands in, is refused. code NULL: it is not. */
struct eff_sf_problem {
    const char *code;
    eff_str message;
    size_t fields_count;
    eff_str fields[EFF_SF_FIELDS_MAX];
    bool whole;
};

enum eff_sf_verb { EFF_SF_INSERT = 1, EFF_SF_UPDATE, EFF_SF_UPSERT, EFF_SF_DELETE };

/* One row on its way into the store, and what became of it. */
struct eff_sf_row {
    enum eff_sf_verb verb;
    const struct eff_shape *shape;
    const struct eff_field *key; /* UPSERT: the external id; NULL: Id, which always creates */
    eff_str key_value;           /* UPSERT; len 0: missing */
    eff_str id;                  /* UPDATE, DELETE: as sent */
    struct eff_cell *cells;
    struct eff_sf_problem problem;
    int64_t seq; /* of the record */
    bool created;
    size_t twins_count; /* several records have that key */
    int64_t twins[8];
};

struct eff_sf_job;

struct eff_sf_cursor {
    uint64_t number; /* 0: free */
    eff_str soql;    /* malloc'd */
    size_t count;
    int64_t *seqs; /* malloc'd */
};

#define EFF_SF_CURSORS 32

struct eff_sf_state {
    struct eff_sf_job *jobs; /* newest first */
    uint64_t jobs_made;
    uint64_t cursors_made;
    struct eff_sf_cursor cursors[EFF_SF_CURSORS];
};

/* salesforce.c */
void eff_sf_error(struct eff_call *call, int status, const char *code, eff_str message);
void eff_sf_refuse_row(struct eff_call *call, const struct eff_sf_problem *problem);
/* Row errors as in a collections answer: [{"statusCode", "message", "fields"}]. */
void eff_sf_write_errors(struct eff_json_writer *w, const struct eff_sf_problem *problem);
/* NULL, having answered 404, when there is no such object. */
const struct eff_shape *eff_sf_shape(struct eff_call *call, eff_str name);
eff_str eff_sf_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq);
/* 15 or 18 characters to the number of a record. ret_shape NULL: any object. */
bool eff_sf_seq(const struct eff_shapes *shapes, eff_str id, const struct eff_shape **ret_shape,
                int64_t *ret_seq);
/* An id that belongs to no record: jobs, queries. */
eff_str eff_sf_other_id(struct eff_arena *arena, const char *prefix, uint64_t number);
eff_str eff_sf_version(const struct eff_call *call); /* "62.0", from the path */
eff_str eff_sf_time(const struct eff_call *call, int64_t ms);
eff_str eff_sf_base(const struct eff_call *call); /* http://127.0.0.1:8100 */

/* salesforce_auth.c */
void eff_sf_token(struct eff_call *call);
void eff_sf_revoke(struct eff_call *call);
void eff_sf_soap(struct eff_call *call);
void eff_sf_identity(struct eff_call *call);
bool eff_sf_authorize(struct eff_call *call);

/* salesforce_schema.c */
void eff_sf_shapes(struct eff_shapes *shapes);
struct eff_shape *eff_sf_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label);
void eff_sf_list_objects(struct eff_call *call);
void eff_sf_basic(struct eff_call *call);
void eff_sf_describe(struct eff_call *call);
const char *eff_sf_type(const struct eff_field *field);

/* salesforce_value.c */
bool eff_sf_fail(struct eff_call *call, struct eff_sf_problem *problem, const char *code,
                 const struct eff_field *field, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* One value of JSON, or of CSV (value NULL, then text). False and the problem when refused. */
bool eff_sf_value(struct eff_call *call, const struct eff_field *field,
                  const struct eff_json *value, eff_str text, struct eff_cell *ret_cell,
                  struct eff_sf_problem *problem);
/* Fills row->cells from an object; takes out attributes, id, and the key of an upsert. */
bool eff_sf_read_row(struct eff_call *call, struct eff_sf_row *row, const struct eff_json *object);
/* Finds the record that a relationship means by its external id. */
bool eff_sf_parent(struct eff_call *call, const struct eff_field *field, eff_str key_name,
                   eff_str key_value, struct eff_cell *ret_cell, struct eff_sf_problem *problem);
/* What a reader sees of a field: also Id, Name and the other computed ones. */
struct eff_cell eff_sf_cell(const struct eff_call *call, const struct eff_record *record,
                            const struct eff_field *field);

/* salesforce_rows.c */
void eff_sf_apply(struct eff_call *call, struct eff_sf_row *row);
/* Its object, left open. */
void eff_sf_begin_record(struct eff_call *call, struct eff_json_writer *w,
                         const struct eff_record *record, size_t fields_count,
                         const struct eff_field *const *fields);
void eff_sf_write_record(struct eff_call *call, struct eff_json_writer *w,
                         const struct eff_record *record, size_t fields_count,
                         const struct eff_field *const *fields);
/* Comma-separated names to fields, "" to all; NULL, having answered 400, when one is unknown. */
const struct eff_field **eff_sf_fields(struct eff_call *call, const struct eff_shape *shape,
                                       eff_str names, size_t *ret_count);
void eff_sf_create(struct eff_call *call);
void eff_sf_get(struct eff_call *call);
void eff_sf_update(struct eff_call *call);
void eff_sf_delete(struct eff_call *call);
void eff_sf_get_by_key(struct eff_call *call);
void eff_sf_upsert_by_key(struct eff_call *call);
void eff_sf_delete_by_key(struct eff_call *call);

/* salesforce_collections.c */
void eff_sf_rows_create(struct eff_call *call);
void eff_sf_rows_update(struct eff_call *call);
void eff_sf_rows_upsert(struct eff_call *call);
void eff_sf_rows_delete(struct eff_call *call);
void eff_sf_rows_get(struct eff_call *call);
void eff_sf_rows_post_get(struct eff_call *call);
void eff_sf_mark_twin_keys(struct eff_call *call, struct eff_sf_row *rows, size_t count);

/* salesforce_composite.c */
void eff_sf_composite(struct eff_call *call);
void eff_sf_graph(struct eff_call *call);
void eff_sf_batch(struct eff_call *call);

/* salesforce_soql.c */
struct eff_sf_query; /* lives in the call's arena */
/* NULL, and the problem, when the text is not SOQL that is understood here. */
const struct eff_sf_query *eff_sf_soql(struct eff_call *call, eff_str text,
                                       struct eff_sf_problem *problem);
/* Runs it: numbers of the records in order, malloc'd. */
size_t eff_sf_run(struct eff_call *call, const struct eff_sf_query *query, bool all,
                  int64_t **ret_seqs);
const struct eff_shape *eff_sf_query_shape(const struct eff_sf_query *query);
bool eff_sf_query_counts(const struct eff_sf_query *query);
const struct eff_field *const *eff_sf_query_fields(const struct eff_sf_query *query,
                                                   size_t *ret_count);
/* Of the record that a reference leads to. */
struct eff_sf_parent_field {
    const struct eff_field *reference;
    const struct eff_shape *shape;
    const struct eff_field *field;
};
const struct eff_sf_parent_field *eff_sf_query_parents(const struct eff_sf_query *query,
                                                       size_t *ret_count);

/* salesforce_query.c */
void eff_sf_query(struct eff_call *call);
void eff_sf_query_all(struct eff_call *call);
void eff_sf_query_more(struct eff_call *call);
void eff_sf_free_cursors(struct eff_sf_state *state);
void eff_sf_query_job_create(struct eff_call *call);
void eff_sf_query_job_results(struct eff_call *call);

/* salesforce_bulk.c */
void eff_sf_job_create(struct eff_call *call);
void eff_sf_job_list(struct eff_call *call);
void eff_sf_job_get(struct eff_call *call);
void eff_sf_job_patch(struct eff_call *call);
void eff_sf_job_delete(struct eff_call *call);
void eff_sf_job_upload(struct eff_call *call);
void eff_sf_job_successful(struct eff_call *call);
void eff_sf_job_failed(struct eff_call *call);
void eff_sf_job_unprocessed(struct eff_call *call);
void eff_sf_free_jobs(struct eff_sf_state *state);
/* salesforce_load.c: some more rows of the newest job that is not done. */
void eff_sf_tick(struct eff_call *call);

#endif
