/*
 * dbt/dbt: a dbt project as the source of facts.
 *
 * The manifest says where dbt put what `model: ref('x')` names, run_results.json whether it
 * may be trusted, profiles.yml how to get there. Nothing here runs dbt, and nothing is
 * written into its project.
 */
#ifndef EFF_DBT_DBT_H
#define EFF_DBT_DBT_H

#include "conf/project.h"
#include "dbt/manifest.h"
#include "os/os.h"

struct eff_dbt {
    struct eff_project *project;
    struct eff_os *os;
    const struct eff_lookup *lookup;
    struct eff_arena *arena;       /* of the process */
    struct eff_problems *problems; /* what must be mended */
    struct eff_problems *notes;    /* what should be known */
    bool ignore_status;            /* of the last build */
};

/*
 * Gives each sync with ref() or source() its SQL, its key where dbt knows it, and the reason
 * why it must not run; and the project its models, to select by. Does nothing for a project
 * without `dbt:`. False when problems were added.
 */
bool eff_dbt_apply(const struct eff_dbt *dbt);

/*
 * What each sync uses, in another manifest and the catalog beside it: a problem for each
 * model that is gone and each column that was dropped, renamed or given another type since
 * the project's own. False when problems were added.
 */
bool eff_dbt_compare(const struct eff_dbt *dbt, const bool *chosen, eff_str manifest);

/* An exposure for each chosen sync that reads a model of dbt, as YAML; returns how many. */
size_t eff_dbt_exposures(const struct eff_project *project, const bool *chosen,
                         struct eff_arena scratch, struct eff_buf *buf);

/* `type: dbt`: the connection of the project's profile. */
extern const struct eff_kind_desc eff_dbt_source_kind;

/* ---- shared by the files of this room ---- */

/* Folder of manifest.json, run_results.json and catalog.json, without a / at its end. */
eff_str eff_dbt_target(const struct eff_dbt *dbt);
eff_str eff_dbt_own_manifest(const struct eff_dbt *dbt);
eff_str eff_dbt_folder(eff_str path); /* that a file lies in */
eff_str eff_dbt_path(struct eff_arena *arena, eff_str folder, const char *name);
/* Reads a file through `read` in one pass; the message begins with its path. */
enum eff_fault eff_dbt_scan_file(const struct eff_dbt *dbt, eff_str path,
                                 enum eff_fault (*read)(struct eff_scan *scan, void *self,
                                                        struct eff_err *err),
                                 void *self, struct eff_err *err);
/* The refs of the project's syncs. */
struct eff_dbt_refs {
    size_t count;
    const struct eff_model_ref *at;
};
struct eff_dbt_refs eff_dbt_refs_of(const struct eff_project *project, struct eff_arena *arena);
enum eff_fault eff_dbt_manifest_load(const struct eff_dbt *dbt, eff_str path,
                                     const struct eff_dbt_results *results,
                                     struct eff_dbt_manifest *ret_manifest, struct eff_err *err);
/*
 * Index of what the ref means, or SIZE_MAX with why not ("there is no model ...") and what
 * to do.
 */
size_t eff_dbt_find(const struct eff_dbt_manifest *manifest, const struct eff_model_ref *ref,
                    struct eff_problems *problems, eff_str *ret_why, eff_str *ret_hint);
/* Whether the adapter's warehouse takes both names for one type: int4 and integer. */
bool eff_dbt_type_same(eff_str adapter, eff_str a, eff_str b);
/* What the user wrote: "model `customers`", "source `shop.orders`". */
eff_str eff_dbt_ref_name(const struct eff_model_ref *ref, struct eff_arena *arena);

#endif
