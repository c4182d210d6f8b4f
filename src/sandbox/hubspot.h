/*
 * sandbox/hubspot: what the files of the HubSpot stand-in share.
 *
 * Source: destinations.md, section HubSpot; what is marked unconfirmed there was
 * decided as docs/sandbox.md says.
 */
#ifndef EFF_SANDBOX_HUBSPOT_H
#define EFF_SANDBOX_HUBSPOT_H

#include "sandbox/world.h"

#define EFF_HS_BATCH_MAX    100
#define EFF_HS_PROBLEMS_MAX 200
#define EFF_HS_LISTS        "0-45" /* the object type of lists, kept as records, not served as one */

/* One thing wrong with a value. */
struct eff_hs_problem {
    const char *code; /* PROPERTY_DOESNT_EXIST, INVALID_EMAIL, ... */
    eff_str property;
    eff_str message;
};

struct eff_hs_problems {
    size_t count;
    struct eff_hs_problem *at; /* EFF_HS_PROBLEMS_MAX of them */
};

/* hubspot.c */
struct eff_json_writer eff_hs_begin_error(struct eff_call *call, int status, const char *category,
                                          eff_str message); /* the caller closes the object */
void eff_hs_error(struct eff_call *call, int status, const char *category, eff_str message);
void eff_hs_refuse_values(struct eff_call *call, const struct eff_hs_problems *problems);
eff_str eff_hs_uuid(struct eff_call *call);
eff_str eff_hs_time(const struct eff_call *call, int64_t ms);
eff_str eff_hs_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq);
bool eff_hs_seq(eff_str id, int64_t *ret_seq);
/* "contacts", "contact", "0-1"; NULL, having answered, when there is none. */
struct eff_shape *eff_hs_shape(struct eff_call *call, eff_str name);
/* The body, an object; NULL, having answered, when it is none. */
const struct eff_json *eff_hs_body(struct eff_call *call);
/* "inputs" of a batch: at most max; NULL, having answered, when there are none or too many. */
const struct eff_json *eff_hs_inputs(struct eff_call *call, const struct eff_json *body,
                                     size_t max);
/* {"status":"COMPLETE", "results": [ ... and the caller goes on. */
struct eff_json_writer eff_hs_begin_batch(struct eff_call *call, int status);
void eff_hs_end_batch(struct eff_call *call, struct eff_json_writer *w);

/* hubspot_schema.c */
void eff_hs_shapes(struct eff_shapes *shapes);
struct eff_shape *eff_hs_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label);
void eff_hs_properties_list(struct eff_call *call);
void eff_hs_properties_get(struct eff_call *call);
void eff_hs_properties_create(struct eff_call *call);
void eff_hs_properties_update(struct eff_call *call);
void eff_hs_properties_archive(struct eff_call *call);
void eff_hs_properties_batch_create(struct eff_call *call);
void eff_hs_properties_batch_read(struct eff_call *call);
void eff_hs_properties_batch_archive(struct eff_call *call);
void eff_hs_schemas_list(struct eff_call *call);
void eff_hs_schemas_get(struct eff_call *call);
void eff_hs_schemas_create(struct eff_call *call);

/* hubspot_value.c */
void eff_hs_problem(struct eff_call *call, struct eff_hs_problems *problems, const char *code,
                    eff_str property, eff_str message);
/* Reads "properties" into cells (one per slot); false when there is a problem. */
bool eff_hs_read(struct eff_call *call, const struct eff_shape *shape,
                 const struct eff_json *properties, struct eff_cell *cells,
                 struct eff_hs_problems *problems);
bool eff_hs_check_required(struct eff_call *call, const struct eff_shape *shape,
                           struct eff_cell *cells, struct eff_hs_problems *problems);
/* The number of another record that has one of these unique values, or 0. */
int64_t eff_hs_conflict(struct eff_call *call, const struct eff_shape *shape,
                        const struct eff_cell *cells, int64_t own_seq,
                        const struct eff_field **ret_field);
/* A value as it is written into the store; used for what is looked up, too. */
eff_str eff_hs_normal(struct eff_call *call, const struct eff_field *field, eff_str text);
/* What a reader sees of a field: also hs_object_id and the dates. */
struct eff_cell eff_hs_cell(const struct eff_call *call, const struct eff_record *record,
                            const struct eff_field *field);

/* hubspot_objects.c */
struct eff_hs_view { /* which properties an answer shows */
    size_t count;
    const struct eff_field **fields;
};
/* names NULL: the default ones. */
struct eff_hs_view eff_hs_view_of(struct eff_call *call, const struct eff_shape *shape,
                                  const struct eff_json *names);
/* Members of an object, which the caller opens and closes. view NULL: all that have a value. */
void eff_hs_write_record(struct eff_call *call, struct eff_json_writer *w,
                         const struct eff_record *record, const struct eff_hs_view *view);
/*
 * By id, or by the value of a unique property. Returns 1 when it is there, 0 when not, and -1
 * having answered when the property is not one to look things up by.
 */
int eff_hs_find(struct eff_call *call, const struct eff_shape *shape, eff_str id,
                eff_str id_property, struct eff_record *ret_record);
/* Is the property one that a record can be found by? Answers if not. */
const struct eff_field *eff_hs_key(struct eff_call *call, const struct eff_shape *shape,
                                   eff_str id_property);
void eff_hs_store(struct eff_call *call, const struct eff_shape *shape, struct eff_record *record,
                  struct eff_cell *cells);
eff_str eff_hs_conflict_text(struct eff_call *call, const struct eff_shape *shape, int64_t seq);
void eff_hs_list(struct eff_call *call);
void eff_hs_create(struct eff_call *call);
void eff_hs_get(struct eff_call *call);
void eff_hs_update(struct eff_call *call);
void eff_hs_archive(struct eff_call *call);

/* hubspot_batch.c */
void eff_hs_batch_create(struct eff_call *call);
void eff_hs_batch_update(struct eff_call *call);
void eff_hs_batch_upsert(struct eff_call *call);
void eff_hs_batch_read(struct eff_call *call);
void eff_hs_batch_archive(struct eff_call *call);

/* hubspot_search.c */
void eff_hs_search(struct eff_call *call);

/* hubspot_links.c */
void eff_hs_link_batch(struct eff_call *call);
void eff_hs_link_batch_default(struct eff_call *call);
void eff_hs_link_batch_read(struct eff_call *call);
void eff_hs_link_batch_archive(struct eff_call *call);
void eff_hs_link_labels(struct eff_call *call);
void eff_hs_link_put(struct eff_call *call);
void eff_hs_link_put_default(struct eff_call *call);
void eff_hs_link_list(struct eff_call *call);
void eff_hs_link_delete(struct eff_call *call);
/* "associations" of a record that is being created. */
void eff_hs_link_new(struct eff_call *call, const struct eff_shape *shape, int64_t seq,
                     const struct eff_json *associations);
void eff_hs_lists_create(struct eff_call *call);
void eff_hs_lists_get(struct eff_call *call);
void eff_hs_lists_members(struct eff_call *call);
void eff_hs_lists_add(struct eff_call *call);
void eff_hs_lists_remove(struct eff_call *call);
void eff_hs_lists_add_and_remove(struct eff_call *call);

#endif
