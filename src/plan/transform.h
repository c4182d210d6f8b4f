/*
 * plan/transform: the value that a mapped field sends, from the row's values.
 *
 * Only changed rows come here. A value that cannot be converted exactly is
 * refused with the field, the value's kind and what was wanted: never guessed.
 */
#ifndef EFF_PLAN_TRANSFORM_H
#define EFF_PLAN_TRANSFORM_H

#include "base/arena.h"
#include "base/err.h"
#include "flow/mapping.h"

/*
 * ret_value borrows from row or lives in arena. EFF_ROW when the row cannot be
 * sent (err->msg names field and reason, never the value itself). A NULL result
 * under `null: skip` is EFF_ABSENT.
 */
enum eff_fault eff_transform_field(const struct eff_field *field, const struct eff_value *row,
                                   struct eff_arena *arena, struct eff_value *ret_value,
                                   struct eff_err *err);

/* The conversions of EFF_TRANSFORM_CAST, also used for a field's type over there. */
enum eff_fault eff_transform_cast(enum eff_kind kind, const struct eff_value *value,
                                  struct eff_arena *arena, struct eff_value *ret_value,
                                  struct eff_err *err);

#endif
