/*
 * dbt/manifest: manifest.json, read in one pass.
 *
 * A manifest holds the SQL of every model and macro, and may exceed 100 MB. It is scanned
 * through a window (base/scan); of every model, seed, snapshot and source only what
 * selecting needs is kept (struct eff_model), and of those that a sync names the rest too.
 */
#ifndef EFF_DBT_MANIFEST_H
#define EFF_DBT_MANIFEST_H

#include "base/scan.h"
#include "conf/project.h"
#include "dbt/results.h"

struct eff_dbt_column {
    eff_str name;
    eff_str type;    /* as dbt has it; ptr == NULL: not declared */
    bool is_private; /* its meta or a tag says so */
    bool is_shown;   /* its meta says that it is not private */
};

/* What is kept of a node that a sync names. */
struct eff_dbt_node {
    eff_str relation; /* quoted for the warehouse; ptr == NULL: not built (ephemeral) */
    eff_str version;  /* ptr == NULL: not versioned */
    eff_str latest;   /* of its versions */
    eff_str description;
    eff_str materialized;
    size_t columns_count; /* those that are documented */
    struct eff_dbt_column *columns;
    bool all_columns;        /* a contract is enforced: there are no others */
    bool is_private;         /* all columns, but for those that are shown */
    struct eff_str_list key; /* meta, or what dbt concludes from tests and constraints */
    const char *key_wrong;   /* what meta has in place of a key: "a number"; NULL: nothing */
};

/* A test that did not pass, and a node that it is about. */
struct eff_dbt_failure {
    const struct eff_dbt_result *result;
    size_t tested; /* index of the model */
};

struct eff_dbt_manifest {
    int version; /* 11, 12, ... */
    eff_str project, adapter, dbt_version;
    eff_str invocation; /* of the dbt command that wrote it */
    struct eff_models models;
    struct eff_dbt_node **nodes; /* parallel to models; NULL: no sync names it */
    size_t disabled_count;
    eff_str *disabled; /* unique ids */
    size_t failures_count;
    struct eff_dbt_failure *failures;
};

/* Versions of the schema that are known; older ones are refused, newer ones are read. */
#define EFF_DBT_MANIFEST_OLDEST 11
#define EFF_DBT_MANIFEST_NEWEST 12

/*
 * Keeps in full what one of `refs` may name; results may be NULL. EFF_CONFIG with one line
 * that goes on behind the file's name ("is not JSON ...", "is of schema version v7 ...").
 */
enum eff_fault eff_dbt_manifest_read(struct eff_scan *scan, size_t refs_count,
                                     const struct eff_model_ref *refs,
                                     const struct eff_dbt_results *results, struct eff_arena *arena,
                                     struct eff_dbt_manifest *ret_manifest, struct eff_err *err);

/* "https://schemas.getdbt.com/dbt/manifest/v12.json": 12, or 0 when it is no such address. */
int eff_dbt_schema_version(eff_str address, const char *artifact);
/* Whether that name is a part of a unique id: "customers" of "model.shop.customers.v2". */
bool eff_dbt_id_has(eff_str id, eff_str name);
/* Whether one of the refs may mean this id. */
bool eff_dbt_wanted(size_t refs_count, const struct eff_model_ref *refs, eff_str id);

#endif
