/*
 * lib/project: loads a project for the bench programs.
 */
#include "lib/project.h"

#include <string.h>

#include "lib/bench.h"
#include "lib/null_dest.h"
#include "os/secret.h"
#include "source/source.h"

#define FILE_BYTES_MAX ((size_t)4 << 20)
#define KINDS_MAX      16

static bool
project_read(void *files, eff_str path, struct eff_arena *arena, eff_str *ret_bytes,
             struct eff_err *err)
{
    return eff_os_read_file(files, eff_str_c(arena, path), FILE_BYTES_MAX, arena, ret_bytes, err) ==
           EFF_OK;
}

static bool
project_list(void *files, eff_str folder, struct eff_arena *arena, size_t *ret_count,
             eff_str **ret_names, struct eff_err *err)
{
    struct eff_os *os = files;

    return os->list(os->self, eff_str_c(arena, folder), arena, ret_count, ret_names, err) == EFF_OK;
}

static size_t
project_sources(struct eff_kind_desc *kinds)
{
    size_t n = 0;

    for (; eff_sources[n] && n < KINDS_MAX; n++)
        kinds[n] = (struct eff_kind_desc){eff_str_of(eff_sources[n]->kind), eff_sources[n]->options,
                                          eff_sources[n]->options_count,
                                          eff_sources[n]->config_size, eff_sources[n]};
    return n;
}

/* Those of the program, and `null`. */
static size_t
project_dests(struct eff_arena *arena, struct eff_kind_desc **ret_kinds,
              struct eff_problems *problems)
{
    struct eff_dest_kind *null = eff_new(arena, struct eff_dest_kind, 1);
    struct eff_kind_desc *kinds, *all;
    size_t count;

    if (!eff_dest_kinds(0, NULL, arena, &count, &kinds, problems))
        return 0;
    all = eff_new(arena, struct eff_kind_desc, count + 1);
    memcpy(all, kinds, count * sizeof(*kinds));
    null->ops = &bench_dest_null;
    all[count] = (struct eff_kind_desc){eff_str_of(null->ops->kind), null->ops->options,
                                        null->ops->options_count, null->ops->config_size, null};
    *ret_kinds = all;
    return count + 1;
}

static _Noreturn void
project_show(const struct eff_problems *problems)
{
    const struct eff_problem *first = &problems->at[0];

    bench_die(EFF_STR_FMT ":%d: " EFF_STR_FMT, EFF_STR_ARG(first->place.file), first->place.line,
              EFF_STR_ARG(first->message));
}

struct eff_project *
bench_project_load(const char *folder, struct eff_os *os, struct eff_arena *process)
{
    struct eff_kind_desc *sources = eff_new(process, struct eff_kind_desc, KINDS_MAX);
    struct eff_kind_desc *dests = NULL;
    struct eff_lookup *lookup = eff_new(process, struct eff_lookup, 1);
    struct eff_problems problems = {.arena = process};
    struct eff_project_input input = {.root = eff_str_of(folder),
                                      .lookup = lookup,
                                      .source_kinds = sources,
                                      .files = os,
                                      .read = project_read,
                                      .list = project_list};
    struct eff_project *project = NULL;

    eff_secret_lookup(process, lookup);
    input.source_kinds_count = project_sources(sources);
    input.dest_kinds_count = project_dests(process, &dests, &problems);
    input.dest_kinds = dests;
    if (problems.count > 0 || !eff_project_load(&input, process, &project, &problems))
        project_show(&problems);
    return project;
}

const struct eff_sync_conf *
bench_project_sync(const struct eff_project *project, const char *name)
{
    for (size_t i = 0; i < project->syncs_count; i++)
        if (eff_str_is(project->syncs[i].name, name))
            return &project->syncs[i];
    bench_die("the project has no sync %s", name);
}
