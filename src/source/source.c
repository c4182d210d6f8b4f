/*
 * source/source: the drivers that this program has.
 */
#include "source/source.h"

const struct eff_source_ops *const eff_sources[] = {
    &eff_source_sqlite,
    &eff_source_postgres,
    &eff_source_duckdb,
    &eff_source_adbc,
    &eff_source_bigquery,
    &eff_source_snowflake,
    NULL,
};

const struct eff_source_ops *
eff_source_find(eff_str kind)
{
    for (size_t i = 0; eff_sources[i]; i++) {
        if (eff_str_is(kind, eff_sources[i]->kind))
            return eff_sources[i];
    }
    return NULL;
}
