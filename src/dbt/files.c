/*
 * dbt/files: where dbt's files are, and reading them in one pass.
 */
#include <errno.h>

#include "conf/yaml.h"
#include "dbt/dbt.h"

eff_str
eff_dbt_path(struct eff_arena *arena, eff_str folder, const char *name)
{
    return eff_str_printf(arena, EFF_STR_FMT "/%s", EFF_STR_ARG(folder), name);
}

/* `target-path:` of dbt_project.yml; whatever is wrong with that file, dbt says it better. */
static eff_str
files_target_path(const struct eff_dbt *dbt)
{
    struct eff_problems quiet = {.arena = dbt->arena};
    struct eff_err ignored = {0};
    const struct eff_node *documents, *node = NULL;
    size_t count = 0;
    eff_str bytes, path = eff_dbt_path(dbt->arena, dbt->project->dbt.project, "dbt_project.yml");

    if (eff_os_read_file(dbt->os, eff_str_c(dbt->arena, path), EFF_YAML_BYTES_MAX, dbt->arena,
                         &bytes, &ignored) == EFF_OK &&
        eff_yaml_parse_aliased(bytes, path, dbt->arena, &count, &documents, &quiet) && count > 0)
        node = eff_node_get(&documents[0], "target-path");
    return node != NULL && node->kind == EFF_NODE_SCALAR && node->text.len > 0 ? node->text
                                                                               : EFF_STR("target");
}

eff_str
eff_dbt_folder(eff_str path)
{
    const char *slash = memrchr(path.ptr, '/', path.len);

    return slash == NULL ? EFF_STR(".") : eff_str_sub(path, 0, (size_t)(slash - path.ptr));
}

eff_str
eff_dbt_target(const struct eff_dbt *dbt)
{
    const struct eff_dbt_conf *conf = &dbt->project->dbt;
    eff_str path = conf->target_path;

    if (conf->manifest.ptr != NULL)
        return eff_dbt_folder(conf->manifest);
    if (path.len == 0 && !dbt->lookup->env(dbt->lookup->self, EFF_STR("DBT_TARGET_PATH"), &path))
        path = EFF_STR("");
    if (path.len == 0)
        path = files_target_path(dbt);
    while (path.len > 1 && eff_str_ends(path, EFF_STR("/")))
        path.len--;
    if (eff_str_starts(path, EFF_STR("/")))
        return path;
    return eff_str_printf(dbt->arena, EFF_STR_FMT "/" EFF_STR_FMT, EFF_STR_ARG(conf->project),
                          EFF_STR_ARG(path));
}

eff_str
eff_dbt_own_manifest(const struct eff_dbt *dbt)
{
    if (dbt->project->dbt.manifest.ptr != NULL)
        return dbt->project->dbt.manifest;
    return eff_dbt_path(dbt->arena, eff_dbt_target(dbt), "manifest.json");
}

/* ---- one pass ---- */

struct files_open {
    struct eff_os *os;
    struct eff_file *file;
    uint64_t offset;
};

static enum eff_fault
files_fill(void *self, char *ptr, size_t cap, size_t *ret_len, struct eff_err *err)
{
    struct files_open *open = self;

    EFF_TRY(open->os->read(open->file, open->offset, ptr, cap, ret_len, err));
    open->offset += *ret_len;
    return EFF_OK;
}

/* As the user knows it: below the project's folder. */
static eff_str
files_shown(const struct eff_dbt *dbt, eff_str path)
{
    eff_str root = dbt->project->root;

    if (eff_str_starts(path, root) && path.len > root.len + 1 && path.ptr[root.len] == '/')
        return eff_str_sub(path, root.len + 1, SIZE_MAX);
    return path;
}

enum eff_fault
eff_dbt_scan_file(const struct eff_dbt *dbt, eff_str path,
                  enum eff_fault (*read)(struct eff_scan *scan, void *self, struct eff_err *err),
                  void *self, struct eff_err *err)
{
    struct eff_os *os = dbt->os;
    struct files_open open = {.os = os};
    struct eff_scan scan;
    struct eff_err inner = {0};
    enum eff_fault fault;

    EFF_TRY(os->open(os->self, eff_str_c(dbt->arena, path), EFF_OPEN_READ, &open.file, err));
    eff_scan_open(&scan, files_fill, &open);
    fault = read(&scan, self, &inner);
    eff_scan_close(&scan);
    os->close(open.file);
    if (fault == EFF_OK)
        return EFF_OK;
    EFF_FAIL(err, fault, EFF_STR_FMT " %s", EFF_STR_ARG(files_shown(dbt, path)), inner.msg);
    if (inner.hint[0] == '\0' && strstr(inner.msg, "ends in the middle") != NULL)
        eff_err_hint(&inner, "Was dbt just writing it? Run `dbt build` once more.");
    return eff_err_hint(err, "%s", inner.hint);
}

/* ---- the manifest ---- */

struct files_manifest {
    const struct eff_dbt *dbt;
    const struct eff_dbt_results *results;
    struct eff_dbt_manifest *manifest;
};

static enum eff_fault
files_read_manifest(struct eff_scan *scan, void *self, struct eff_err *err)
{
    struct files_manifest *f = self;
    struct eff_dbt_refs refs = eff_dbt_refs_of(f->dbt->project, f->dbt->arena);

    return eff_dbt_manifest_read(scan, refs.count, refs.at, f->results, f->dbt->arena, f->manifest,
                                 err);
}

enum eff_fault
eff_dbt_manifest_load(const struct eff_dbt *dbt, eff_str path,
                      const struct eff_dbt_results *results, struct eff_dbt_manifest *ret_manifest,
                      struct eff_err *err)
{
    struct files_manifest f = {dbt, results, ret_manifest};
    enum eff_fault fault = eff_dbt_scan_file(dbt, path, files_read_manifest, &f, err);

    if (fault == EFF_OK)
        return EFF_OK;
    if (err->code == ENOENT) {
        EFF_FAIL(err, EFF_CONFIG, "there is no " EFF_STR_FMT, EFF_STR_ARG(files_shown(dbt, path)));
        return eff_err_hint(err, "Run `dbt build` (or `dbt parse`) in the dbt project first; "
                                 "`dbt: {target_path}` says where it writes to.");
    }
    return fault;
}
