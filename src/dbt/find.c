/*
 * dbt/find: what a ref() or source() means in a manifest, by dbt's rules.
 *
 * The root project comes before packages; of a model with versions the latest one is meant,
 * unless the ref says which.
 */
#include "dbt/dbt.h"

eff_str
eff_dbt_ref_name(const struct eff_model_ref *ref, struct eff_arena *arena)
{
    return eff_str_printf(arena, "%s `" EFF_STR_FMT "%s" EFF_STR_FMT "%s" EFF_STR_FMT "`",
                          ref->is_source ? "source" : "model", EFF_STR_ARG(ref->package),
                          ref->package.ptr ? "." : "", EFF_STR_ARG(ref->name),
                          ref->version.ptr ? ".v" : "", EFF_STR_ARG(ref->version));
}

static bool
find_named(const struct eff_dbt_manifest *manifest, size_t at, const struct eff_model_ref *ref)
{
    const struct eff_model *model = &manifest->models.at[at];

    return manifest->nodes[at] != NULL &&
           eff_str_starts(model->id, EFF_STR("source.")) == ref->is_source &&
           eff_str_eq(model->name, ref->name) &&
           (ref->package.ptr == NULL || eff_str_eq(model->package, ref->package));
}

static bool
find_version(const struct eff_dbt_node *node, const struct eff_model_ref *ref)
{
    if (ref->version.ptr != NULL)
        return eff_str_eq(node->version, ref->version);
    return node->version.len == 0 || eff_str_eq(node->version, node->latest);
}

/* "1, 2" */
static eff_str
find_versions(const struct eff_dbt_manifest *manifest, const struct eff_model_ref *ref,
              struct eff_arena *arena)
{
    eff_str list = EFF_STR("");

    for (size_t i = 0; i < manifest->models.count; i++)
        if (find_named(manifest, i, ref) && manifest->nodes[i]->version.len > 0)
            list = eff_str_printf(arena, EFF_STR_FMT "%s" EFF_STR_FMT, EFF_STR_ARG(list),
                                  list.len ? ", " : "", EFF_STR_ARG(manifest->nodes[i]->version));
    return list;
}

static eff_str
find_nearest(const struct eff_dbt_manifest *manifest, const struct eff_model_ref *ref,
             struct eff_problems *problems)
{
    eff_str *names = eff_new(problems->arena, eff_str, manifest->models.count);
    size_t count = 0;
    eff_str hint;

    for (size_t i = 0; i < manifest->models.count; i++)
        if (eff_str_starts(manifest->models.at[i].id, EFF_STR("source.")) == ref->is_source)
            names[count++] = manifest->models.at[i].name;
    hint = eff_nearest_hint(problems, ref->name, count, names);
    return hint.len > 0 ? hint
                        : EFF_STR("Is it new? Then `dbt build` writes it into the manifest.");
}

static void
find_nothing(const struct eff_dbt_manifest *manifest, const struct eff_model_ref *ref,
             struct eff_problems *problems, eff_str *ret_why, eff_str *ret_hint)
{
    struct eff_arena *arena = problems->arena;
    eff_str name = eff_dbt_ref_name(ref, arena);
    eff_str versions = find_versions(manifest, ref, arena);

    if (versions.len > 0) {
        *ret_why =
            eff_str_printf(arena, "dbt has no such version of " EFF_STR_FMT, EFF_STR_ARG(name));
        *ret_hint = eff_str_printf(arena, "It has: " EFF_STR_FMT ".", EFF_STR_ARG(versions));
        return;
    }
    for (size_t i = 0; i < manifest->disabled_count; i++) {
        if (!eff_dbt_id_has(manifest->disabled[i], ref->name) ||
            eff_str_starts(manifest->disabled[i], EFF_STR("source.")) != ref->is_source)
            continue;
        *ret_why = eff_str_printf(arena, EFF_STR_FMT " is disabled in dbt", EFF_STR_ARG(name));
        *ret_hint = EFF_STR("Set `enabled: true` in its dbt config and build it, or switch the "
                            "sync off too.");
        return;
    }
    *ret_why = eff_str_printf(arena, "dbt has no " EFF_STR_FMT, EFF_STR_ARG(name));
    *ret_hint = find_nearest(manifest, ref, problems);
}

size_t
eff_dbt_find(const struct eff_dbt_manifest *manifest, const struct eff_model_ref *ref,
             struct eff_problems *problems, eff_str *ret_why, eff_str *ret_hint)
{
    size_t found = SIZE_MAX, others = 0;

    for (size_t i = 0; i < manifest->models.count; i++) {
        if (!find_named(manifest, i, ref) || !find_version(manifest->nodes[i], ref))
            continue;
        if (ref->is_source || eff_str_eq(manifest->models.at[i].package, manifest->project))
            return i;
        others += found != SIZE_MAX;
        found = found == SIZE_MAX ? i : found;
    }
    if (found == SIZE_MAX) {
        find_nothing(manifest, ref, problems, ret_why, ret_hint);
    } else if (others > 0) {
        *ret_why = eff_str_printf(problems->arena, EFF_STR_FMT " is in more than one dbt package",
                                  EFF_STR_ARG(eff_dbt_ref_name(ref, problems->arena)));
        *ret_hint =
            eff_str_printf(problems->arena, "Write ref('" EFF_STR_FMT "', '" EFF_STR_FMT "').",
                           EFF_STR_ARG(manifest->models.at[found].package), EFF_STR_ARG(ref->name));
        found = SIZE_MAX;
    }
    return found;
}
