/*
 * dbt/compare: what another manifest would break.
 *
 * The other manifest is that of a pull request, the project's own that of production. Of a
 * model's columns, catalog.json has all, and a manifest those that are documented: all of
 * them where a contract is enforced. What cannot be known is noted, never taken for fine.
 */
#include <errno.h>

#include "conf/value.h"
#include "dbt/catalog.h"
#include "dbt/dbt.h"

struct compare_side { /* one folder's artifacts */
    bool there;
    struct eff_dbt_manifest manifest;
    struct eff_dbt_catalog catalog;
};

struct compare_columns { /* of one model, on one side */
    size_t count;
    const struct eff_dbt_column *at;
    bool all, by_catalog;
};

struct compare {
    const struct eff_dbt *dbt;
    struct compare_side own, other;
    const struct eff_sync_conf *sync;
    struct compare_columns before, after;
};

/* ---- artifacts ---- */

struct compare_read {
    const struct eff_dbt *dbt;
    struct eff_dbt_catalog *catalog;
};

static enum eff_fault
compare_read_catalog(struct eff_scan *scan, void *self, struct eff_err *err)
{
    struct compare_read *r = self;
    struct eff_dbt_refs refs = eff_dbt_refs_of(r->dbt->project, r->dbt->arena);

    return eff_dbt_catalog_read(scan, refs.count, refs.at, r->dbt->arena, r->catalog, err);
}

/* The manifest, and the catalog beside it if there is one. */
static enum eff_fault
compare_open(const struct eff_dbt *dbt, eff_str manifest, struct compare_side *side,
             struct eff_err *err)
{
    struct compare_read r = {dbt, &side->catalog};
    eff_str path = eff_dbt_path(dbt->arena, eff_dbt_folder(manifest), "catalog.json");
    enum eff_fault fault;

    EFF_TRY(eff_dbt_manifest_load(dbt, manifest, NULL, &side->manifest, err));
    side->there = true;
    fault = eff_dbt_scan_file(dbt, path, compare_read_catalog, &r, err);
    if (fault != EFF_OK && err->code == ENOENT) {
        *err = (struct eff_err){0};
        return EFF_OK;
    }
    return fault;
}

/* A catalog of another command may be older than the manifest that it lies beside. */
static void
compare_stale(const struct compare *c, struct compare_side *side)
{
    if (side->catalog.count == 0 || eff_str_eq(side->catalog.invocation, side->manifest.invocation))
        return;
    side->catalog = (struct eff_dbt_catalog){0};
    eff_problem_add(c->dbt->notes, c->dbt->project->dbt.place, "EFF1405",
                    EFF_STR("Write both by one `dbt docs generate`."),
                    "catalog.json is not of the command that wrote the manifest beside it, so it "
                    "is not used");
}

/* ---- columns ---- */

/* What is documented is compared with what was documented: a catalog knows more than that. */
static struct compare_columns
compare_columns(const struct compare_side *side, size_t at, bool catalogs)
{
    const struct eff_dbt_table *table =
        catalogs ? eff_dbt_catalog_find(&side->catalog, side->manifest.models.at[at].id) : NULL;
    const struct eff_dbt_node *node = side->manifest.nodes[at];

    if (table != NULL && table->columns_count > 0)
        return (struct compare_columns){table->columns_count, table->columns, true, true};
    return (struct compare_columns){node->columns_count, node->columns,
                                    node->all_columns && node->columns_count > 0, false};
}

static const struct eff_dbt_column *
compare_find(const struct compare_columns *columns, eff_str name)
{
    for (size_t i = 0; i < columns->count; i++)
        if (eff_str_eq_nocase(columns->at[i].name, name))
            return &columns->at[i];
    return NULL;
}

/* A column that is new is what a renamed one most likely became. */
static eff_str
compare_renamed(const struct compare *c, eff_str name)
{
    struct eff_arena *arena = c->dbt->arena;
    eff_str *fresh = eff_new(arena, eff_str, c->after.count),
            *all = eff_new(arena, eff_str, c->after.count);
    size_t count = 0, total = 0;
    eff_str hint;

    for (size_t i = 0; i < c->after.count; i++) {
        all[total++] = c->after.at[i].name;
        if (c->before.count > 0 && compare_find(&c->before, c->after.at[i].name) == NULL)
            fresh[count++] = c->after.at[i].name;
    }
    hint = eff_nearest_hint(c->dbt->problems, name, count, fresh);
    if (hint.len == 0 && count == 1)
        hint = eff_str_printf(arena, "Was it renamed to `" EFF_STR_FMT "`?", EFF_STR_ARG(fresh[0]));
    if (hint.len == 0)
        hint = eff_nearest_hint(c->dbt->problems, name, total, all);
    return hint.len > 0
               ? hint
               : EFF_STR("Keep the column until no sync uses it, or change the sync first.");
}

static void
compare_column(const struct compare *c, eff_str name, struct eff_place place)
{
    const struct eff_dbt_column *before = compare_find(&c->before, name);
    const struct eff_dbt_column *after = compare_find(&c->after, name);
    eff_str model = eff_dbt_ref_name(&c->sync->ref, c->dbt->arena);

    if (after == NULL && (c->after.all || (before != NULL && c->after.count > 0))) {
        eff_problem_add(c->dbt->problems, place, "EFF1406", compare_renamed(c, name),
                        "sync `" EFF_STR_FMT "` uses column `" EFF_STR_FMT "`, which " EFF_STR_FMT
                        " would not have any more",
                        EFF_STR_ARG(c->sync->name), EFF_STR_ARG(eff_value_shown(name)),
                        EFF_STR_ARG(model));
        return;
    }
    if (after == NULL || before == NULL || c->before.by_catalog != c->after.by_catalog ||
        before->type.len == 0 || after->type.len == 0 ||
        eff_dbt_type_same(c->other.manifest.adapter, before->type, after->type))
        return;
    eff_problem_add(c->dbt->problems, place, "EFF1406",
                    EFF_STR("Change the sync first (`cast:`), or keep the type."),
                    "sync `" EFF_STR_FMT "` uses column `" EFF_STR_FMT "` of " EFF_STR_FMT
                    ", which would become " EFF_STR_FMT "; it is " EFF_STR_FMT,
                    EFF_STR_ARG(c->sync->name), EFF_STR_ARG(eff_value_shown(name)),
                    EFF_STR_ARG(model), EFF_STR_ARG(after->type), EFF_STR_ARG(before->type));
}

static void
compare_fields(const struct compare *c, size_t count, const struct eff_field_conf *fields)
{
    for (size_t i = 0; i < count; i++) {
        eff_str rest = fields[i].template, text, column;
        size_t bad;

        if (fields[i].from.ptr != NULL)
            compare_column(c, fields[i].from, fields[i].place);
        while (rest.ptr != NULL && eff_template_next(&rest, &text, &column, &bad))
            if (column.ptr != NULL)
                compare_column(c, column, fields[i].place);
    }
}

/* ---- the key ---- */

/* "id, line" */
static eff_str
compare_key_shown(const struct compare *c, const struct eff_dbt_node *node)
{
    eff_str text = EFF_STR("");

    if (node->key_wrong != NULL)
        return eff_str_of(node->key_wrong);
    if (node->key.count == 0)
        return EFF_STR("none");
    for (size_t i = 0; i < node->key.count; i++)
        text = eff_str_printf(c->dbt->arena, EFF_STR_FMT "%s" EFF_STR_FMT, EFF_STR_ARG(text),
                              i ? ", " : "", EFF_STR_ARG(eff_value_shown(node->key.at[i])));
    return text;
}

static bool
compare_key_same(const struct eff_dbt_node *before, const struct eff_dbt_node *after)
{
    bool same = before->key.count == after->key.count;

    for (size_t i = 0; same && i < after->key.count; i++)
        same = eff_str_eq_nocase(before->key.at[i], after->key.at[i]);
    return same;
}

/* The sync's own key, or what dbt tells: another one would make another row of every row. */
static void
compare_key(const struct compare *c, const struct eff_dbt_node *before,
            const struct eff_dbt_node *after)
{
    const struct eff_sync_conf *sync = c->sync;
    bool own = sync->key_count > 0 && !sync->key_of_dbt;
    struct eff_str_list key = own ? (struct eff_str_list){sync->key_count, sync->key} : after->key;
    struct eff_place place = own ? sync->key_place : sync->model_place;

    for (size_t i = 0; i < key.count; i++)
        compare_column(c, key.at[i], place);
    if (own || (before != NULL ? compare_key_same(before, after) : after->key.count > 0))
        return;
    eff_problem_add(
        c->dbt->problems, place, "EFF1406",
        EFF_STR("Keep `meta: {key: ...}` as it is, or write `key:` into the sync first."),
        "sync `" EFF_STR_FMT "` takes the key that dbt tells of " EFF_STR_FMT
        ": it would become " EFF_STR_FMT "%s" EFF_STR_FMT,
        EFF_STR_ARG(sync->name), EFF_STR_ARG(eff_dbt_ref_name(&sync->ref, c->dbt->arena)),
        EFF_STR_ARG(compare_key_shown(c, after)), before != NULL ? "; it is " : "",
        EFF_STR_ARG(before != NULL ? compare_key_shown(c, before) : EFF_STR("")));
}

/* ---- one sync ---- */

static void
compare_unknown(const struct compare *c)
{
    if (c->after.all)
        return;
    eff_problem_add(c->dbt->notes, c->sync->model_place, "EFF1405",
                    EFF_STR("`dbt docs generate` writes catalog.json with all columns; so does an "
                            "enforced contract, in the manifest."),
                    "of " EFF_STR_FMT " only documented columns are known: that another one is "
                    "dropped cannot be seen",
                    EFF_STR_ARG(eff_dbt_ref_name(&c->sync->ref, c->dbt->arena)));
}

static void
compare_sync(struct compare *c)
{
    const struct eff_dbt *dbt = c->dbt;
    struct eff_problems ignored = {.arena = dbt->arena};
    const struct eff_sync_conf *sync = c->sync;
    eff_str why, hint;
    size_t at = eff_dbt_find(&c->other.manifest, &sync->ref, dbt->problems, &why, &hint), own;
    const struct eff_dbt_node *node;

    if (at == SIZE_MAX) {
        eff_problem_add(dbt->problems, sync->model_place, "EFF1406", hint,
                        "sync `" EFF_STR_FMT "`: " EFF_STR_FMT, EFF_STR_ARG(sync->name),
                        EFF_STR_ARG(why));
        return;
    }
    node = c->other.manifest.nodes[at];
    if (node->relation.len == 0 || eff_str_is(node->materialized, "ephemeral"))
        eff_problem_add(
            dbt->problems, sync->model_place, "EFF1406",
            EFF_STR("Keep it a view or a table, or change the sync first."),
            "sync `" EFF_STR_FMT "`: dbt would build nothing of " EFF_STR_FMT " that could be read",
            EFF_STR_ARG(sync->name), EFF_STR_ARG(eff_dbt_ref_name(&sync->ref, dbt->arena)));
    c->after = compare_columns(&c->other, at, true);
    own =
        c->own.there ? eff_dbt_find(&c->own.manifest, &sync->ref, &ignored, &why, &hint) : SIZE_MAX;
    c->before = own != SIZE_MAX ? compare_columns(&c->own, own, c->after.by_catalog)
                                : (struct compare_columns){0};
    compare_key(c, own != SIZE_MAX ? c->own.manifest.nodes[own] : NULL, node);
    compare_fields(c, sync->match_count, sync->match);
    compare_fields(c, sync->fields_count, sync->fields);
    compare_unknown(c);
}

static bool
compare_fault(const struct eff_dbt *dbt, const struct eff_err *err)
{
    eff_problem_add(dbt->problems, dbt->project->dbt.place, "EFF1401",
                    eff_str_copy(dbt->arena, eff_str_of(err->hint)), "%s", err->msg);
    return false;
}

bool
eff_dbt_compare(const struct eff_dbt *dbt, const bool *chosen, eff_str manifest)
{
    struct eff_project *project = dbt->project;
    struct compare *c = eff_new(dbt->arena, struct compare, 1);
    size_t total = eff_problems_total(dbt->problems);
    struct eff_err err = {0};
    eff_str own;

    c->dbt = dbt;
    if (!project->dbt.given) {
        EFF_FAIL(&err, EFF_CONFIG,
                 "the project names no dbt project, so there is nothing to compare");
        eff_err_hint(&err, "Add `dbt: {project: ../analytics}` to efferent.yml.");
        return compare_fault(dbt, &err);
    }
    if (compare_open(dbt, manifest, &c->other, &err) != EFF_OK)
        return compare_fault(dbt, &err);
    compare_stale(c, &c->other);
    own = eff_dbt_own_manifest(dbt);
    if (dbt->os->exists(dbt->os->self, eff_str_c(dbt->arena, own))) {
        if (compare_open(dbt, own, &c->own, &err) != EFF_OK)
            return compare_fault(dbt, &err);
    } else {
        eff_problem_add(
            dbt->notes, project->dbt.place, "EFF1405",
            EFF_STR("Keep production's manifest.json there to see what changes."),
            "the project has no manifest.json of its own: changed types cannot be seen");
    }
    for (size_t i = 0; i < project->syncs_count; i++) {
        c->sync = &project->syncs[i];
        if (chosen[i] && c->sync->model_kind == EFF_MODEL_REF)
            compare_sync(c);
    }
    return total == eff_problems_total(dbt->problems);
}
