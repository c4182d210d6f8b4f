/* kinds: what `to:` may lead to: C drivers, embedded connectors, and the project's own. */
#include "base/assets.h"
#include "dest/connector.h"

#define KINDS_PREFIX "connectors/"
#define KINDS_SUFFIX "/connector.yaml"

struct kinds {
    struct eff_arena *arena;
    struct eff_problems *problems;
    size_t count;
    struct eff_kind_desc *at;
};

static void
kinds_set(struct kinds *kinds, struct eff_kind_desc desc)
{
    for (size_t i = 0; i < kinds->count; i++) {
        if (eff_str_eq(kinds->at[i].kind, desc.kind)) {
            kinds->at[i] = desc;
            return;
        }
    }
    kinds->at[kinds->count++] = desc;
}

static void
kinds_driver(struct kinds *kinds, const struct eff_dest_ops *ops)
{
    struct eff_dest_kind *kind = eff_new(kinds->arena, struct eff_dest_kind, 1);

    kind->ops = ops;
    kinds_set(kinds, (struct eff_kind_desc){eff_str_of(ops->kind), ops->options, ops->options_count,
                                            ops->config_size, kind});
}

static bool
kinds_built_in(const struct kinds *kinds, eff_str path, eff_str kind)
{
    for (size_t i = 0; i < eff_assets_count; i++)
        if (eff_str_is(path, eff_assets[i].path))
            return true;
    for (size_t i = 0; i < kinds->count; i++)
        if (eff_str_eq(kinds->at[i].kind, kind))
            return true;
    return false;
}

static bool
kinds_connector(struct kinds *kinds, eff_str path, eff_str bytes, bool own)
{
    const struct eff_connector *connector =
        eff_connector_load(path, bytes, kinds->arena, kinds->problems);
    struct eff_dest_kind *kind = eff_new(kinds->arena, struct eff_dest_kind, 1);

    if (!connector)
        return false;
    kind->ops = &eff_dest_rest;
    kind->connector = connector;
    kind->own = own;
    kind->overrides = own && kinds_built_in(kinds, path, connector->kind);
    kinds_set(kinds,
              (struct eff_kind_desc){connector->kind, connector->options, connector->options_count,
                                     connector->config_size, kind});
    return true;
}

/* The same file in the project wins: the embedded one is not even looked at. */
static bool
kinds_overridden(size_t files_count, const struct eff_connector_file *files, eff_str path)
{
    for (size_t i = 0; i < files_count; i++) {
        if (eff_str_eq(files[i].path, path))
            return true;
    }
    return false;
}

bool
eff_dest_kinds(size_t files_count, const struct eff_connector_file *files, struct eff_arena *arena,
               size_t *ret_count, struct eff_kind_desc **ret_kinds, struct eff_problems *problems)
{
    static const struct eff_dest_ops *const drivers[] = {
        &eff_dest_sqlite, &eff_dest_postgres, &eff_dest_mysql,     &eff_dest_file,
        &eff_dest_s3,     &eff_dest_exec,     &eff_dest_custom_api};
    size_t drivers_count = sizeof drivers / sizeof drivers[0];
    struct kinds kinds = {.arena = arena, .problems = problems};
    bool good = true;

    kinds.at = eff_new(arena, struct eff_kind_desc, drivers_count + eff_assets_count + files_count);
    for (size_t i = 0; i < drivers_count; i++)
        kinds_driver(&kinds, drivers[i]);
    for (size_t i = 0; i < eff_assets_count; i++) {
        eff_str path = eff_str_of(eff_assets[i].path);

        if (eff_str_starts(path, EFF_STR(KINDS_PREFIX)) &&
            eff_str_ends(path, EFF_STR(KINDS_SUFFIX)) &&
            !kinds_overridden(files_count, files, path))
            good &= kinds_connector(
                &kinds, path, (eff_str){(const char *)eff_assets[i].ptr, eff_assets[i].len}, false);
    }
    for (size_t i = 0; i < files_count; i++) {
        if (eff_str_ends(files[i].path, EFF_STR(KINDS_SUFFIX)))
            good &= kinds_connector(&kinds, files[i].path, files[i].bytes, true);
    }
    *ret_count = kinds.count;
    *ret_kinds = kinds.at;
    return good;
}
