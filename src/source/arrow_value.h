/*
 * source/arrow_value: Arrow's arrays to cells. Private to source/.
 *
 * The program that filled an array is not trusted to have done it well: lengths,
 * offsets, counts of buffers and children, indices of dictionaries and of views
 * are checked before anything is followed. What cannot be checked is whether a
 * buffer is as long as its array says.
 */
#ifndef EFF_SOURCE_ARROW_VALUE_H
#define EFF_SOURCE_ARROW_VALUE_H

#include "base/buf.h"
#include "source/arrow_type.h"

/* What a cell needs besides its array. */
struct eff_arrow_context {
    struct eff_arena *batch; /* texts made here; reset with each batch */
    struct eff_buf json;     /* scratch */
    const char *broken;      /* set, to a literal, when an array contradicts itself */
};

/* Why the array cannot be one of that type with `rows` values, or NULL: once, before its cells. */
const char *eff_arrow_problem(const struct eff_arrow_type *type,
                              const struct eff_arrow_array *array, int64_t rows);
/* True when that value of an array that was checked is NULL by its bitmap. */
bool eff_arrow_is_null(const struct eff_arrow_array *array, int64_t row);
/*
 * `rows` cells from `from` on into cells[0], cells[step], ... They point into
 * the array and the batch's arena. Look at context->broken afterwards.
 */
void eff_arrow_column(struct eff_arrow_context *context, const struct eff_arrow_type *type,
                      const struct eff_arrow_array *array, int64_t from, size_t rows,
                      struct eff_value *cells, size_t step);

#endif
