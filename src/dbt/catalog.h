/*
 * dbt/catalog: the columns of catalog.json, which `dbt docs generate` reads in the warehouse.
 */
#ifndef EFF_DBT_CATALOG_H
#define EFF_DBT_CATALOG_H

#include "dbt/manifest.h"

struct eff_dbt_catalog {
    eff_str invocation; /* of the dbt command that wrote it */
    size_t count;
    struct eff_dbt_table {
        eff_str id; /* as in the manifest */
        size_t columns_count;
        struct eff_dbt_column *columns;
    } * tables;
};

/* Only tables that one of the refs may name. EFF_CONFIG as eff_dbt_manifest_read has it. */
enum eff_fault eff_dbt_catalog_read(struct eff_scan *scan, size_t refs_count,
                                    const struct eff_model_ref *refs, struct eff_arena *arena,
                                    struct eff_dbt_catalog *ret_catalog, struct eff_err *err);
/* NULL when it is not there. */
const struct eff_dbt_table *eff_dbt_catalog_find(const struct eff_dbt_catalog *catalog, eff_str id);

#endif
