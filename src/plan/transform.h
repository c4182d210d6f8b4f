/*
 * plan/transform: the value that a mapped field sends, from the row's values.
 *
 * Only changed rows come here. A value that cannot be converted exactly is
 * refused with the field, the value's kind and what was wanted: never guessed.
 *
 * NULL passes every transform but DEFAULT untouched (a map has no entry for it),
 * "" is a text like others, ABSENT stays ABSENT. A template shows a NULL column as
 * "" and is NULL itself when all of its columns are. TRIM, LOWER and UPPER leave
 * numbers and times alone. A value of 64 hexadecimal digits that meets NORMALIZE
 * followed by HASH counts as hashed by the model: it passes both, in lower case;
 * HASH alone hashes it like any text.
 */
#ifndef EFF_PLAN_TRANSFORM_H
#define EFF_PLAN_TRANSFORM_H

#include "base/arena.h"
#include "base/err.h"
#include "flow/mapping.h"

/*
 * ret_value borrows from row or lives in arena. EFF_ROW when the row cannot be
 * sent (err->msg names field and reason, never the value itself). A NULL result
 * under `null: skip` is EFF_ABSENT. More than 16 pairs of a map must be in byte
 * order of `from`, as plan/compile leaves them.
 */
enum eff_fault eff_transform_field(const struct eff_field *field, const struct eff_value *row,
                                   struct eff_arena *arena, struct eff_value *ret_value,
                                   struct eff_err *err);

/*
 * The conversions of EFF_TRANSFORM_CAST, also used for a field's type over there;
 * plan/cast.c has the table. ret_value may be value itself.
 */
enum eff_fault eff_transform_cast(enum eff_kind kind, const struct eff_value *value,
                                  struct eff_arena *arena, struct eff_value *ret_value,
                                  struct eff_err *err);

#endif
