/*
 * Goal: no bytes in dbt's profiles.yml and dbt_project.yml crash, hang or exhaust `type: dbt`, and
 * a profile that cannot be used is told, never passed over.
 * Method: the input is profiles.yml, and behind a line "===" dbt_project.yml, in a project in
 * memory whose source names them; the kinds are the program's own. It is loaded with and without
 * a target. A source that is accepted has a kind and a configuration.
 */
// links: base flow os conf dbt source
#include "dbt/dbt.h"
#include "lib/confworld.h"
#include "source/source.h"

#include <stdlib.h>

#define FUZZ_KINDS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t
fuzz_kinds(struct eff_kind_desc *kinds)
{
    size_t count = 0;

    for (; eff_sources[count] && count + 1 < FUZZ_KINDS; count++)
        kinds[count] = (struct eff_kind_desc){.kind = eff_str_of(eff_sources[count]->kind),
                                              .options = eff_sources[count]->options,
                                              .options_count = eff_sources[count]->options_count,
                                              .config_size = eff_sources[count]->config_size};
    kinds[count++] = eff_dbt_source_kind;
    return count;
}

static void
fuzz_load(struct confworld *world, const char *target, struct eff_arena *arena)
{
    struct eff_problems problems = {.arena = arena};
    struct eff_lookup lookup = confworld_lookup(world);
    struct eff_kind_desc kinds[FUZZ_KINDS];
    struct eff_project_input input = {
        .root = EFF_STR("/p"),
        .target = eff_str_of(target),
        .lookup = &lookup,
        .source_kinds_count = fuzz_kinds(kinds),
        .source_kinds = kinds,
        .files = world,
        .read = confworld_read,
        .list = confworld_list,
    };
    struct eff_project *project;

    if (eff_project_load(&input, arena, &project, &problems) != (problems.count == 0))
        abort();
    for (size_t i = 0; i < problems.count; i++)
        if (problems.at[i].place.line < 1 || problems.at[i].place.column < 1)
            abort();
    if (problems.count == 0 &&
        (project->sources_count != 1 || project->sources[0].kind == NULL ||
         eff_str_is(project->sources[0].kind->kind, "dbt") || project->sources[0].config == NULL))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct eff_arena arena;
    eff_str input = {(const char *)data, size};
    size_t at = eff_str_find(input, EFF_STR("\n===\n"));
    struct confworld world = {
        .files = {{"efferent.yml", EFF_STR("dbt: {project: dbt}\nsources: {w: {type: dbt}}\n"
                                           "targets: {prod: {}}\n")},
                  {"dbt/dbt_project.yml", EFF_STR("name: shop\nprofile: shop\n")},
                  {"dbt/profiles.yml", eff_str_sub(input, 0, at)}},
        .env = {{"HOME", EFF_STR("/p/home")},
                {"DBT_ENV_SECRET_PW", EFF_STR("s'e\\c${X}")},
                {"PORT", EFF_STR("6432")}},
    };

    if (size > 1 << 15)
        return 0;
    if (at != SIZE_MAX)
        world.files[1].bytes = eff_str_sub(input, at + 5, SIZE_MAX);
    if (arena.base == NULL)
        eff_arena_init(&arena, "fuzz", (size_t)1 << 30);
    eff_arena_reset(&arena);
    fuzz_load(&world, NULL, &arena);
    fuzz_load(&world, "prod", &arena);
    return 0;
}
