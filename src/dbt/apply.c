/*
 * dbt/apply: what dbt built becomes what syncs read.
 *
 * A sync learns its SQL (the relation, quoted by dbt for its warehouse), its key where it has
 * none of its own, which columns are private, and whether dbt's last build of it failed.
 */
#include <errno.h>

#include "conf/value.h"
#include "dbt/dbt.h"

struct eff_dbt_refs
eff_dbt_refs_of(const struct eff_project *project, struct eff_arena *arena)
{
    struct eff_model_ref *at = eff_new(arena, struct eff_model_ref, project->syncs_count);
    struct eff_dbt_refs refs = {.at = at};

    for (size_t i = 0; i < project->syncs_count; i++)
        if (project->syncs[i].model_kind == EFF_MODEL_REF && project->syncs[i].ref.name.len > 0)
            at[refs.count++] = project->syncs[i].ref;
    return refs;
}

static void
apply_fault(struct eff_problems *problems, struct eff_place place, const struct eff_err *err)
{
    eff_problem_add(problems, place, "EFF1401",
                    eff_str_copy(problems->arena, eff_str_of(err->hint)), "%s", err->msg);
}

/* ---- one sync ---- */

static bool
apply_is_built(const struct eff_dbt *dbt, const struct eff_sync_conf *sync,
               const struct eff_dbt_node *node)
{
    bool ephemeral = eff_str_is(node->materialized, "ephemeral");

    if (node->relation.len > 0 && !ephemeral)
        return true;
    eff_problem_add(dbt->problems, sync->model_place, "EFF1403",
                    EFF_STR("Materialize it as a view or a table in dbt, and build it."),
                    EFF_STR_FMT " %s: dbt builds nothing that could be read",
                    EFF_STR_ARG(eff_dbt_ref_name(&sync->ref, dbt->arena)),
                    ephemeral ? "is ephemeral" : "has no relation");
    return false;
}

/* A manifest of another warehouse names tables that are not there. */
static bool
apply_fits_source(const struct eff_dbt *dbt, const struct eff_dbt_manifest *manifest,
                  const struct eff_sync_conf *sync)
{
    eff_str kind =
        sync->source != NULL && sync->source->kind != NULL ? sync->source->kind->kind : EFF_STR("");

    if (kind.len == 0 || manifest->adapter.len == 0 || eff_str_eq(kind, manifest->adapter))
        return true;
    eff_problem_add(dbt->problems, sync->model_place, "EFF1402",
                    EFF_STR("Read from the warehouse that dbt builds into: `type: dbt` takes its "
                            "connection from profiles.yml."),
                    EFF_STR_FMT " is built by dbt for " EFF_STR_FMT ", and source `" EFF_STR_FMT
                                "` is " EFF_STR_FMT,
                    EFF_STR_ARG(eff_dbt_ref_name(&sync->ref, dbt->arena)),
                    EFF_STR_ARG(manifest->adapter), EFF_STR_ARG(sync->source->name),
                    EFF_STR_ARG(kind));
    return false;
}

static void
apply_key(const struct eff_dbt *dbt, struct eff_sync_conf *sync, const struct eff_dbt_node *node)
{
    if (sync->key_count > 0)
        return;
    if (node->key_wrong != NULL)
        eff_problem_add(dbt->problems, sync->model_place, "EFF1103",
                        EFF_STR("Write `meta: {key: id}` or `meta: {key: [id, line]}` in dbt, or "
                                "`key:` here."),
                        "`meta.key` of " EFF_STR_FMT " expects a text or a list of texts, found %s",
                        EFF_STR_ARG(eff_dbt_ref_name(&sync->ref, dbt->arena)), node->key_wrong);
    else if (node->key.count > 0)
        eff_sync_late_key(sync, node->key, sync->model_place, dbt->problems);
    else
        eff_problem_add(dbt->problems, sync->key_place, "EFF1102",
                        EFF_STR("Add `key:` here, or `meta: {key: ...}` to the model in dbt."),
                        "`key` is missing, and dbt knows none of " EFF_STR_FMT,
                        EFF_STR_ARG(eff_dbt_ref_name(&sync->ref, dbt->arena)));
}

static void
apply_private(const struct eff_dbt *dbt, struct eff_sync_conf *sync,
              const struct eff_dbt_node *node)
{
    eff_str *columns = eff_new(dbt->arena, eff_str, node->columns_count);

    sync->private_model = node->is_private;
    for (size_t i = 0; i < node->columns_count; i++)
        if (node->is_private ? node->columns[i].is_shown : node->columns[i].is_private)
            columns[sync->unlike_count++] = node->columns[i].name;
    sync->unlike_columns = columns;
}

/* ---- the last build ---- */

static void
apply_refuse(const struct eff_dbt *dbt, struct eff_sync_conf *sync, const char *what,
             const struct eff_dbt_result *result)
{
    bool said = result->message.len > 0 && !eff_str_is(result->status, "skipped");

    sync->refused =
        eff_str_printf(dbt->arena,
                       "dbt's last build of " EFF_STR_FMT " did not succeed: %s" EFF_STR_FMT
                       " is \"" EFF_STR_FMT "\"%s" EFF_STR_FMT,
                       EFF_STR_ARG(eff_dbt_ref_name(&sync->ref, dbt->arena)), what,
                       EFF_STR_ARG(result->id), EFF_STR_ARG(result->status), said ? ": " : "",
                       EFF_STR_ARG(said ? eff_str_trim(result->message) : EFF_STR("")));
    sync->refused_hint = EFF_STR("Mend it and run `dbt build`; `--ignore-dbt-status` runs the sync "
                                 "with what is there.");
}

static void
apply_status(const struct eff_dbt *dbt, const struct eff_dbt_manifest *manifest,
             const struct eff_dbt_results *results, struct eff_sync_conf *sync, size_t at)
{
    const struct eff_dbt_result *own = eff_dbt_results_find(results, manifest->models.at[at].id);

    if (own != NULL) {
        apply_refuse(dbt, sync, "", own);
        return;
    }
    for (size_t i = 0; i < manifest->failures_count; i++)
        if (manifest->failures[i].tested == at) {
            apply_refuse(dbt, sync, "its test ", manifest->failures[i].result);
            return;
        }
}

static void
apply_sync(const struct eff_dbt *dbt, const struct eff_dbt_manifest *manifest,
           const struct eff_dbt_results *results, struct eff_sync_conf *sync)
{
    eff_str why, hint;
    size_t at = eff_dbt_find(manifest, &sync->ref, dbt->problems, &why, &hint);
    const struct eff_dbt_node *node;

    if (at == SIZE_MAX) {
        eff_problem_add(dbt->problems, sync->model_place, "EFF1402", hint, EFF_STR_FMT,
                        EFF_STR_ARG(why));
        return;
    }
    node = manifest->nodes[at];
    sync->built = &manifest->models.at[at];
    if (!apply_is_built(dbt, sync, node) || !apply_fits_source(dbt, manifest, sync))
        return;
    sync->model =
        eff_str_printf(dbt->arena, "SELECT * FROM " EFF_STR_FMT, EFF_STR_ARG(node->relation));
    apply_key(dbt, sync, node);
    apply_private(dbt, sync, node);
    if (sync->description.len == 0)
        sync->description = node->description;
    if (results->builds)
        apply_status(dbt, manifest, results, sync, at);
}

/* ---- the project ---- */

struct apply_results {
    const struct eff_dbt *dbt;
    struct eff_dbt_results *results;
};

static enum eff_fault
apply_read_results(struct eff_scan *scan, void *self, struct eff_err *err)
{
    struct apply_results *a = self;

    return eff_dbt_results_read(scan, a->dbt->arena, a->results, err);
}

/* No run_results.json, or one of a command that builds nothing, says nothing against a model. */
static bool
apply_results(const struct eff_dbt *dbt, struct eff_dbt_results *results)
{
    struct apply_results a = {dbt, results};
    struct eff_err err = {0};
    eff_str path = eff_dbt_path(dbt->arena, eff_dbt_target(dbt), "run_results.json");
    enum eff_fault fault;

    *results = (struct eff_dbt_results){0};
    if (dbt->ignore_status || !dbt->project->dbt.require_success)
        return true;
    fault = eff_dbt_scan_file(dbt, path, apply_read_results, &a, &err);
    if (fault != EFF_OK && err.code != ENOENT) {
        apply_fault(dbt->problems, dbt->project->dbt.place, &err);
        return false;
    }
    if (fault != EFF_OK || !results->builds)
        eff_problem_add(dbt->notes, dbt->project->dbt.place, "EFF1405",
                        EFF_STR("Run syncs right after `dbt build`, or set `require_success: "
                                "false` if that is not how you work."),
                        "%s%.*s%s: whether the models are well is not known",
                        fault != EFF_OK ? "there is no run_results.json"
                                        : "the last dbt command was `dbt ",
                        fault != EFF_OK ? 0 : eff_str_width(results->command),
                        fault != EFF_OK ? "" : results->command.ptr, fault != EFF_OK ? "" : "`");
    return true;
}

static void
apply_newer(const struct eff_dbt *dbt, const struct eff_dbt_manifest *manifest)
{
    if (manifest->version <= EFF_DBT_MANIFEST_NEWEST)
        return;
    eff_problem_add(dbt->notes, dbt->project->dbt.place, "EFF1405", EFF_STR_NONE,
                    "manifest.json is of schema version v%d (dbt " EFF_STR_FMT
                    "), newer than v%d, the newest that this version knows",
                    manifest->version, EFF_STR_ARG(manifest->dbt_version), EFF_DBT_MANIFEST_NEWEST);
}

bool
eff_dbt_apply(const struct eff_dbt *dbt)
{
    struct eff_project *project = dbt->project;
    size_t total = eff_problems_total(dbt->problems);
    struct eff_sync_conf *syncs;
    struct eff_dbt_results results;
    struct eff_dbt_manifest *manifest = eff_new(dbt->arena, struct eff_dbt_manifest, 1);
    struct eff_err err = {0};

    if (!project->dbt.given)
        return true;
    if (!apply_results(dbt, &results))
        return false;
    if (eff_dbt_manifest_load(dbt, eff_dbt_own_manifest(dbt), &results, manifest, &err) != EFF_OK) {
        apply_fault(dbt->problems, project->dbt.place, &err);
        return false;
    }
    apply_newer(dbt, manifest);
    syncs = eff_new(dbt->arena, struct eff_sync_conf, project->syncs_count);
    for (size_t i = 0; i < project->syncs_count; i++) {
        syncs[i] = project->syncs[i];
        if (syncs[i].model_kind == EFF_MODEL_REF)
            apply_sync(dbt, manifest, &results, &syncs[i]);
    }
    project->syncs = syncs;
    project->models = manifest->models;
    return total == eff_problems_total(dbt->problems);
}
