// links: base flow conf
/*
 * Goal: no bytes in a project's files crash, hang or exhaust the reader.
 * Method: the input is split at lines "=== NAME" into files of a project in
 * memory (all before the first such line is efferent.yml); it is parsed, loaded
 * with and without a target, and what was loaded is touched.
 */
#include "lib/confworld.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t fuzz_sink;

static void
fuzz_split(eff_str input, struct eff_arena *arena, struct confworld *world)
{
    size_t count = 0;

    world->files[0] = (struct confworld_pair){"efferent.yml", input};
    while (count + 1 < sizeof world->files / sizeof world->files[0]) {
        size_t at = eff_str_find(world->files[count].bytes, EFF_STR("\n=== "));
        eff_str all = world->files[count].bytes, name, rest;
        if (at == SIZE_MAX)
            return;
        world->files[count].bytes = eff_str_sub(all, 0, at + 1);
        eff_str_cut(eff_str_sub(all, at + 5, SIZE_MAX), '\n', &name, &rest);
        world->files[++count] = (struct confworld_pair){eff_str_c(arena, name), rest};
    }
}

static void
fuzz_touch(const struct eff_project *project)
{
    for (size_t i = 0; i < project->syncs_count; i++) {
        const struct eff_sync_conf *sync = &project->syncs[i];
        fuzz_sink += sync->name.len + sync->model.len + sync->key_count;
        for (size_t j = 0; j < sync->fields_count; j++) {
            fuzz_sink += sync->fields[j].name.len + sync->fields[j].from.len;
            for (size_t k = 0; k < sync->fields[j].transforms_count; k++)
                fuzz_sink += sync->fields[j].transforms[k].pairs_count;
        }
    }
    for (size_t i = 0; i < project->secrets_count; i++)
        fuzz_sink += project->secrets[i].len;
}

static void
fuzz_select(const struct eff_project *project, eff_str text)
{
    bool *chosen = calloc(project->syncs_count + 1, sizeof *chosen);
    struct eff_err err = {0};
    eff_str line, rest;

    eff_str_cut(text, '\n', &line, &rest);
    if (chosen != NULL && eff_str_starts(line, EFF_STR("#")))
        line = eff_str_sub(line, 1, 200);
    if (chosen != NULL && line.len <= 200)
        eff_project_select(project, 1, &line, 0, NULL, chosen, &err);
    free(chosen);
}

static void
fuzz_load(struct confworld *world, const char *target, struct eff_arena *arena)
{
    struct eff_problems problems = {.arena = arena};
    struct eff_project *project = NULL;

    if (confworld_load(world, target, arena, &project, &problems) != (problems.count == 0))
        abort();
    for (size_t i = 0; i < problems.count; i++)
        if (problems.at[i].place.line < 1 || problems.at[i].place.column < 1)
            abort();
    fuzz_touch(project);
    fuzz_select(project, world->files[0].bytes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct eff_arena arena;
    struct confworld world = {
        .env = {{"SF_URL", EFF_STR("https://h.example")}, {"A", EFF_STR("a: [${A}")}},
        .secrets = {{"s", EFF_STR("hush")}},
    };
    eff_str input = {(const char *)data, size};
    const struct eff_node *documents;
    struct eff_problems problems = {.arena = &arena};
    size_t count;

    if (arena.base == NULL)
        eff_arena_init(&arena, "fuzz", (size_t)1 << 30);
    eff_arena_reset(&arena);
    if (eff_yaml_parse(input, EFF_STR("x.yml"), &arena, &count, &documents, &problems) !=
        (problems.count == 0))
        abort();
    eff_arena_reset(&arena);
    problems = (struct eff_problems){.arena = &arena};
    if (eff_yaml_parse_aliased(input, EFF_STR("x.yml"), &arena, &count, &documents, &problems) !=
        (problems.count == 0))
        abort();
    fuzz_split(input, &arena, &world);
    fuzz_load(&world, NULL, &arena);
    fuzz_load(&world, "prod", &arena);
    return 0;
}
