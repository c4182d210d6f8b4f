/*
 * flow/batch: finding a column by name.
 */
#include "flow/batch.h"

size_t
eff_columns_find(const struct eff_columns *columns, eff_str name)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (eff_str_eq(columns->at[i].name, name))
            return i;
    }
    return SIZE_MAX;
}
