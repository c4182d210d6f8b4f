/*
 * plan/compile: binds the `fields:` of a sync to the columns its model really has.
 *
 * A column is looked up by its exact name, then, if exactly one column fits, in
 * any case (ASCII): Snowflake gives SCORE where PostgreSQL gives score. Names that
 * people know (key_names, match names) stay as they are written in YAML;
 * input_names are those of the model. An identity takes the column's name in lower
 * case, so that neither spelling nor warehouse changes it.
 */
#ifndef EFF_PLAN_COMPILE_H
#define EFF_PLAN_COMPILE_H

#include "conf/project.h"
#include "flow/mapping.h"

#define EFF_COMPILE_MISSING_MOST 20 /* the last one counts the rest */

struct eff_errs {
    size_t count;
    const struct eff_err *at;
};

/*
 * A column that key, match or fields name and the model lacks is EFF_CONFIG at
 * its place, with the nearest name and all columns there are in the hint. Where there
 * are several, err is the last of them, and ret_earlier has those before it (in arena;
 * else it is empty). So is one that could be meant by two columns.
 * Never sends NULL for a missing column.
 * ret_mapping lives in arena and borrows texts from sync (names, maps, constants)
 * but not from columns. Its identities are the same on every run as long as name,
 * inputs (by name), constant, template and transforms are. The pairs of a map are
 * in byte order of `from`.
 */
enum eff_fault eff_compile_mapping(const struct eff_sync_conf *sync,
                                   const struct eff_columns *columns, struct eff_arena *arena,
                                   struct eff_mapping *ret_mapping, struct eff_errs *ret_earlier,
                                   struct eff_err *err);

/* needed[width]: the columns that key, match and fields read. */
void eff_compile_needed(const struct eff_mapping *mapping, bool *ret_needed, size_t width);

#endif
