/*
 * plan/compile: binds the `fields:` of a sync to the columns its model really has.
 */
#ifndef EFF_PLAN_COMPILE_H
#define EFF_PLAN_COMPILE_H

#include "conf/project.h"
#include "flow/mapping.h"

/*
 * A column that key, match or fields name and the model lacks is EFF_CONFIG at
 * its place, with the nearest name and all columns there are in the hint; all of
 * them are named in one message. Never sends NULL for a missing column.
 * ret_mapping lives in arena; its identities are the same on every run as long
 * as name, inputs (by name), constant, template and transforms are.
 */
enum eff_fault eff_compile_mapping(const struct eff_sync_conf *sync,
                                   const struct eff_columns *columns, struct eff_arena *arena,
                                   struct eff_mapping *ret_mapping, struct eff_err *err);

/* needed[width]: the columns that key, match and fields read. */
void eff_compile_needed(const struct eff_mapping *mapping, bool *ret_needed, size_t width);

#endif
