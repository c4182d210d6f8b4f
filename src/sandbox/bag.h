/*
 * sandbox/bag: a JSON object as the cells of a record, and back: what the stand-ins of plain
 * JSON APIs have in common.
 *
 * A field stands for a member. A member that is a group, such as "user_fields", has a field for
 * each of its own members: "user_fields.plan". Groups do not nest; other objects and lists are
 * kept as they came.
 */
#ifndef EFF_SANDBOX_BAG_H
#define EFF_SANDBOX_BAG_H

#include "sandbox/world.h"

struct eff_cell eff_bag_cell(struct eff_arena *arena, const struct eff_json *value);
/* Makes the fields that the members need: for vendors that take any name. prefix: "properties." */
void eff_bag_make(struct eff_call *call, struct eff_shape *shape, const char *prefix,
                  const struct eff_json *object);
/*
 * Cells by slot. group: "properties.", or NULL. Returns the first name without a field, as
 * "properties.x", or EFF_STR_NONE; such members are passed over.
 */
eff_str eff_bag_read(struct eff_call *call, const struct eff_shape *shape, const char *group,
                     const struct eff_json *object, struct eff_cell *cells);
/* The members of an object that the caller opens and closes. nulls: also those without a value. */
void eff_bag_write(struct eff_json_writer *w, const struct eff_record *record, const char *group,
                   bool nulls);
/* "custom": {...} alone. */
void eff_bag_write_group(struct eff_json_writer *w, const struct eff_record *record,
                         const char *group, bool nulls);
/* The live record with that value in that field; a number of 0 when there is none. */
bool eff_bag_find(struct eff_call *call, const struct eff_shape *shape, const char *field,
                  eff_str value, struct eff_record *ret_record);
/* "" when the cell has no text. */
eff_str eff_bag_text(const struct eff_world *world, const struct eff_record *record,
                     const char *field);
/* Inserts, when record->seq is 0, or merges. */
void eff_bag_store(struct eff_call *call, const struct eff_shape *shape, struct eff_record *record,
                   const struct eff_cell *cells);

/* What a job that this call makes is to do: by the call's faults, else by the settings. */
static inline int64_t
eff_bag_job_polls(const struct eff_call *call)
{
    return call->effect.job_polls >= 0 ? call->effect.job_polls : call->world->settings.job_polls;
}

static inline int64_t
eff_bag_job_fails(const struct eff_call *call)
{
    return call->effect.job_fail_after >= 0 ? call->effect.job_fail_after
                                            : call->world->settings.job_fail_after;
}

#endif
