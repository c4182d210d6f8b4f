/*
 * conf/project: efferent.yml and the files of syncs/, read as a whole.
 *
 * Everything that can be judged is judged, so that all mistakes are told at
 * once: a source with a wrong option does not keep a sync's fields from being
 * checked. Only sources and destinations that this run could use are read;
 * what a target replaces may name variables that are not set here.
 */
#include <errno.h>

#include "conf/load.h"
#include "conf/value.h"

struct project_files {           /* documents in the order of their files */
    const struct eff_node *main; /* the project's own document */
    size_t syncs_count, syncs_cap;
    const struct eff_node **syncs;
    size_t seen; /* names under syncs/ */
};

#define PROJECT_DEPTH_MAX 8 /* of folders under syncs/ */

/* ---- files ---- */

static bool
project_read(struct eff_load *load, eff_str file, size_t *ret_count,
             const struct eff_node **ret_documents)
{
    const struct eff_project_input *input = load->input;
    struct eff_place place = {file, 1, 1};
    struct eff_err err = {0};
    eff_str path, bytes = EFF_STR_NONE;

    *ret_count = 0;
    path = eff_str_printf(load->arena, EFF_STR_FMT "/" EFF_STR_FMT, EFF_STR_ARG(input->root),
                          EFF_STR_ARG(file));
    if (!input->read(input->files, path, load->arena, &bytes, &err)) {
        eff_problem_add(load->problems, place, "EFF1001",
                        eff_str_is(file, "efferent.yml")
                            ? EFF_STR("Go to the project's folder, or make one by `efferent init`.")
                            : EFF_STR_NONE,
                        "cannot read " EFF_STR_FMT ": %s", EFF_STR_ARG(file),
                        err.msg[0] ? err.msg : "no such file");
        return false;
    }
    return eff_yaml_parse(bytes, file, load->arena, ret_count, ret_documents, load->problems);
}

static void
project_add_sync(struct eff_load *load, struct project_files *files,
                 const struct eff_node *document)
{
    if (files->syncs_count == EFF_LOAD_SYNCS_MAX) {
        eff_problem_add(load->problems, document->place, "EFF1006", EFF_STR_NONE,
                        "more than %d syncs in one project", EFF_LOAD_SYNCS_MAX);
        return;
    }
    if (files->syncs_count == files->syncs_cap) {
        size_t cap = files->syncs_cap ? 2 * files->syncs_cap : 16;
        const struct eff_node **grown = eff_new(load->arena, const struct eff_node *, cap);
        if (files->syncs_count > 0)
            memcpy(grown, files->syncs, files->syncs_count * sizeof(const struct eff_node *));
        files->syncs = grown;
        files->syncs_cap = cap;
    }
    files->syncs[files->syncs_count++] = document;
}

static void
project_main_documents(struct eff_load *load, struct project_files *files)
{
    const struct eff_node *documents;
    size_t count;

    if (!project_read(load, EFF_STR("efferent.yml"), &count, &documents) && count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct eff_node *document = &documents[i];
        if (eff_node_get(document, "sync") != NULL)
            project_add_sync(load, files, document);
        else if (document->kind == EFF_NODE_NULL)
            continue;
        else if (files->main == NULL)
            files->main = document;
        else
            eff_problem_add(
                load->problems, document->place, "EFF1203",
                EFF_STR("A document with `sync:` is a sync; put all else into the first one."),
                "there are two documents about the project");
    }
}

static void
project_sync_file(struct eff_load *load, struct project_files *files, eff_str file)
{
    const struct eff_node *documents;
    size_t count;

    project_read(load, file, &count, &documents);
    for (size_t i = 0; i < count; i++) {
        if (documents[i].kind == EFF_NODE_MAP)
            project_add_sync(load, files, &documents[i]);
        else if (documents[i].kind != EFF_NODE_NULL)
            eff_problem_add(load->problems, documents[i].place, "EFF1103", EFF_STR_NONE,
                            "expected a sync, found %s", eff_node_kind_name(&documents[i]));
    }
}

/* What is in it, and in the folders in it; whatever else lies there is none of ours. */
static void
project_sync_folder(struct eff_load *load, struct project_files *files, eff_str folder,
                    unsigned depth)
{
    const struct eff_project_input *input = load->input;
    struct eff_err err = {0};
    eff_str *names = NULL;
    size_t count = 0;

    if (!input->list(input->files,
                     eff_str_printf(load->arena, EFF_STR_FMT "/" EFF_STR_FMT,
                                    EFF_STR_ARG(input->root), EFF_STR_ARG(folder)),
                     load->arena, &count, &names, &err)) {
        if (err.code != ENOTDIR)
            eff_problem_add(load->problems, (struct eff_place){folder, 0, 0}, "EFF1001",
                            EFF_STR_NONE, "%s", err.msg);
        return;
    }
    if (depth > PROJECT_DEPTH_MAX)
        eff_problem_add(load->problems, (struct eff_place){folder, 0, 0}, "EFF1006", EFF_STR_NONE,
                        "folders under syncs/ are nested more than %d deep", PROJECT_DEPTH_MAX);
    for (size_t i = 0; depth <= PROJECT_DEPTH_MAX && i < count && files->seen <= EFF_LOAD_FILES_MAX;
         i++) {
        eff_str path = eff_str_printf(load->arena, EFF_STR_FMT "/" EFF_STR_FMT, EFF_STR_ARG(folder),
                                      EFF_STR_ARG(names[i]));

        if (eff_str_starts(names[i], EFF_STR(".")))
            continue;
        if (++files->seen > EFF_LOAD_FILES_MAX)
            eff_problem_add(load->problems, (struct eff_place){path, 0, 0}, "EFF1006",
                            EFF_STR("Keep other files elsewhere, or several syncs in one file."),
                            "more than %d files under syncs/", EFF_LOAD_FILES_MAX);
        else if (eff_str_ends(path, EFF_STR(".yml")) || eff_str_ends(path, EFF_STR(".yaml")))
            project_sync_file(load, files, path);
        else
            project_sync_folder(load, files, path, depth + 1);
    }
}

/* ---- targets and state ---- */

/* A target has a state of its own, so that one which only dbt knows is not taken for one of ours. */
static void
project_no_target(struct eff_load *load, const struct eff_node *targets, struct eff_place place,
                  bool of_dbt)
{
    eff_str wanted = load->input->target, hint = EFF_STR_NONE;

    if (targets != NULL) {
        eff_str *names = eff_new(load->arena, eff_str, targets->count);
        for (size_t i = 0; i < targets->count; i++)
            names[i] = targets->keys[i].text;
        hint = eff_nearest_hint(load->problems, wanted, targets->count, names);
    }
    if (hint.len == 0 && of_dbt)
        hint = eff_str_printf(load->arena,
                              "For the output of that name in dbt's profile, add `targets: "
                              "{" EFF_STR_FMT ": {}}` to efferent.yml: a target has a state of its "
                              "own.",
                              EFF_STR_ARG(eff_value_shown(wanted)));
    eff_problem_add(load->problems, place, "EFF1202", hint,
                    "there is no target \"" EFF_STR_FMT "\" in `targets`",
                    EFF_STR_ARG(eff_value_shown(wanted)));
}

/* The chosen target's mapping, or none; all of them are checked for their keys. */
static void
project_target(struct eff_load *load, const struct eff_node *targets, bool of_dbt,
               struct eff_target_raw *ret)
{
    eff_str wanted = load->input->target;
    bool found = false, map = targets != NULL && targets->kind == EFF_NODE_MAP;
    struct eff_place place =
        targets ? targets->place : (struct eff_place){EFF_STR("efferent.yml"), 1, 1};

    for (size_t i = 0; map && i < targets->count; i++) {
        const struct eff_node *name = &targets->keys[i];
        struct eff_target_raw raw = {0};
        eff_load_name(load, name->place, "target", name->text);
        eff_options_fill(&targets->values[i], eff_target_options, eff_target_options_count, &raw,
                         load->problems);
        if (wanted.ptr != NULL && eff_str_eq(name->text, wanted)) {
            found = true;
            *ret = raw;
        }
    }
    if (targets != NULL && !map)
        eff_problem_add(load->problems, place, "EFF1103", EFF_STR_NONE,
                        "`targets` expects a mapping, found %s", eff_node_kind_name(targets));
    if (wanted.ptr != NULL && !found)
        project_no_target(load, map ? targets : NULL, place, of_dbt);
}

static void
project_state(struct eff_load *load, const struct eff_node *base, const struct eff_node *own)
{
    struct eff_project *project = load->project;
    const struct eff_node *node = own ? own : base;
    struct eff_node nothing = {.kind = EFF_NODE_MAP, .place = {EFF_STR("efferent.yml"), 1, 1}};
    struct eff_state_raw raw = {0};

    if (node == NULL || node->kind == EFF_NODE_NULL)
        node = &nothing;
    if (node->kind == EFF_NODE_SCALAR) {
        eff_option_read(&eff_state_options[0], node, &raw.path, load->problems);
        if (eff_str_find(node->text, EFF_STR("://")) != SIZE_MAX)
            eff_problem_add(load->problems, node->place, "EFF1105",
                            EFF_STR("Use a folder; syncs that share it must run on one machine."),
                            "state in a database is not in this version yet");
    } else {
        eff_options_fill(node, eff_state_options, eff_state_options_count, &raw, load->problems);
    }
    if (own == NULL && load->input->target.ptr != NULL)
        raw.path = eff_str_printf(load->arena, EFF_STR_FMT "/" EFF_STR_FMT, EFF_STR_ARG(raw.path),
                                  EFF_STR_ARG(load->input->target));
    project->state = eff_str_copy(load->arena, raw.path);
    project->state_must_exist = raw.must_exist;
}

/* ---- sources and destinations ---- */

struct project_block {
    const struct eff_node *name, *block;
    bool added; /* by the target, in the place of none */
};

/* Base entries, those of the target in their place or behind them. */
static size_t
project_overlay(struct eff_load *load, const char *what, const struct eff_node *base,
                const struct eff_node *own, struct project_block **ret_blocks)
{
    const struct eff_node *maps[2] = {base, own};
    size_t count = 0, most = 0;

    for (size_t m = 0; m < 2; m++) {
        bool fits =
            maps[m] && maps[m]->kind == EFF_NODE_MAP && maps[m]->count <= EFF_LOAD_NAMES_MAX;
        if (maps[m] && !fits && maps[m]->kind != EFF_NODE_NULL)
            eff_problem_add(load->problems, maps[m]->place, "EFF1103", EFF_STR_NONE,
                            "`%s` expects a mapping of at most %d names", what, EFF_LOAD_NAMES_MAX);
        if (!fits)
            maps[m] = NULL;
        most += fits ? maps[m]->count : 0;
    }
    *ret_blocks = eff_new(load->arena, struct project_block, most);
    for (size_t m = 0; m < 2; m++)
        for (size_t i = 0; maps[m] && i < maps[m]->count; i++) {
            size_t at = 0;
            while (at < count && !eff_str_eq((*ret_blocks)[at].name->text, maps[m]->keys[i].text))
                at++;
            (*ret_blocks)[at] = (struct project_block){&maps[m]->keys[i], &maps[m]->values[i],
                                                       m == 1 && at == count};
            count += at == count;
        }
    return count;
}

static bool
project_later_source(eff_str type)
{
    for (size_t i = 0; eff_later_sources[i] != NULL; i++)
        if (eff_str_is(type, eff_later_sources[i]))
            return true;
    return false;
}

static const struct eff_kind_desc *
project_kind(struct eff_load *load, const struct project_block *block, const char *what,
             size_t count, const struct eff_kind_desc *kinds)
{
    struct eff_option row = {"type", EFF_OPT_STR, 0, NULL, 0, 0, NULL, EFF_OPT_REQUIRED, NULL};
    const struct eff_node *node = eff_node_get(block->block, "type");
    eff_str list = EFF_STR("`efferent connector list` lists them.");
    eff_str type = EFF_STR_NONE, near, *names;
    bool source = what[0] == 's';

    if (node == NULL || block->block->kind != EFF_NODE_MAP) {
        eff_problem_add(load->problems, block->name->place, "EFF1102",
                        EFF_STR("Add `type:`, such as `type: sqlite`."),
                        "%s `" EFF_STR_FMT "` has no `type`", what,
                        EFF_STR_ARG(eff_value_shown(block->name->text)));
        return NULL;
    }
    if (!eff_option_read(&row, node, &type, load->problems))
        return NULL;
    names = eff_new(load->arena, eff_str, count);
    for (size_t i = 0; i < count; i++) {
        names[i] = kinds[i].kind;
        if (eff_str_eq(type, kinds[i].kind))
            return &kinds[i];
    }
    near = eff_nearest_hint(load->problems, type, count, names);
    if (source && project_later_source(type))
        eff_problem_add(load->problems, node->place, "EFF1105", EFF_STR_NONE,
                        "source type \"" EFF_STR_FMT "\" is not in this version yet",
                        EFF_STR_ARG(type));
    else
        eff_problem_add(load->problems, node->place, "EFF1201", near.len || source ? near : list,
                        "there is no %s type \"" EFF_STR_FMT "\"", what,
                        EFF_STR_ARG(eff_value_shown(type)));
    return NULL;
}

/* The block without `type`, filled by the kind's rows. */
static const void *
project_config(struct eff_load *load, const struct eff_node *block,
               const struct eff_kind_desc *kind)
{
    struct eff_node rest = *block;
    struct eff_node *keys = eff_new(load->arena, struct eff_node, block->count);
    struct eff_node *values = eff_new(load->arena, struct eff_node, block->count);
    void *config = eff_arena_alloc(load->arena, kind->config_size, alignof(max_align_t), 1);

    rest.count = 0;
    for (size_t i = 0; i < block->count; i++) {
        if (eff_str_is(block->keys[i].text, "type"))
            continue;
        keys[rest.count] = block->keys[i];
        values[rest.count++] = block->values[i];
    }
    rest.keys = keys;
    rest.values = values;
    eff_options_fill(&rest, kind->options, kind->options_count, config, load->problems);
    return config;
}

/* A source that stands for another one becomes that one. */
static void
project_translate(struct eff_load *load, struct project_block *block,
                  struct eff_source_conf *source)
{
    const struct eff_project_input *input = load->input;
    const struct eff_kind_desc *kind = source->kind;

    if (kind == NULL || kind->translate == NULL)
        return;
    source->kind = NULL;
    block->block =
        kind->translate(input, load->project, source->config, source->place, load->problems);
    if (block->block != NULL)
        source->kind =
            project_kind(load, block, "source", input->source_kinds_count, input->source_kinds);
    if (source->kind != NULL)
        source->config = project_config(load, block->block, source->kind);
}

static void
project_sources(struct eff_load *load, const struct eff_node *base, const struct eff_node *own)
{
    const struct eff_project_input *input = load->input;
    struct project_block *blocks;
    size_t count = project_overlay(load, "sources", base, own, &blocks);
    struct eff_source_conf *sources = eff_new(load->arena, struct eff_source_conf, count);

    for (size_t i = 0; i < count; i++) {
        sources[i].name = blocks[i].name->text;
        sources[i].place = blocks[i].name->place;
        sources[i].added = blocks[i].added;
        eff_load_name(load, sources[i].place, "source", sources[i].name);
        sources[i].kind = project_kind(load, &blocks[i], "source", input->source_kinds_count,
                                       input->source_kinds);
        if (sources[i].kind != NULL)
            sources[i].config = project_config(load, blocks[i].block, sources[i].kind);
        project_translate(load, &blocks[i], &sources[i]);
    }
    load->project->sources = sources;
    load->project->sources_count = count;
}

static void
project_dests(struct eff_load *load, const struct eff_node *base, const struct eff_node *own)
{
    const struct eff_project_input *input = load->input;
    struct eff_fill *fill = load->problems->fill;
    struct project_block *blocks;
    size_t count = project_overlay(load, "destinations", base, own, &blocks);
    struct eff_dest_conf *dests = eff_new(load->arena, struct eff_dest_conf, count);

    for (size_t i = 0; i < count; i++) {
        dests[i].name = blocks[i].name->text;
        dests[i].place = blocks[i].name->place;
        dests[i].added = blocks[i].added;
        eff_load_name(load, dests[i].place, "destination", dests[i].name);
        dests[i].kind = project_kind(load, &blocks[i], "destination", input->dest_kinds_count,
                                     input->dest_kinds);
        fill->hosts = NULL; /* each destination has a list of its own */
        fill->hosts_count = fill->hosts_cap = 0;
        if (dests[i].kind != NULL)
            dests[i].config = project_config(load, blocks[i].block, dests[i].kind);
        dests[i].hosts = fill->hosts;
        dests[i].hosts_count = fill->hosts_count;
    }
    load->project->dests = dests;
    load->project->dests_count = count;
}

/* ---- the project ---- */

/* The file of secrets is opened before anything asks for one. */
static void
project_secrets(struct eff_load *load, const struct eff_node *document)
{
    static const struct eff_option row = {"secrets", EFF_OPT_PATH, 0, NULL, 0, 0, NULL, 0, NULL};
    const struct eff_node *node = eff_node_get(document, "secrets");
    const struct eff_lookup *lookup = load->input->lookup;
    struct eff_problems quiet = {.arena = load->arena, .fill = load->problems->fill};
    struct eff_err err = {0};
    eff_str path = EFF_STR_NONE;

    if (node == NULL || lookup == NULL || lookup->secrets_file == NULL)
        return;
    /* The table reads the key once more and reports what is wrong with its form. */
    if (!eff_option_read(&row, node, &path, &quiet) || path.len == 0) {
        load->problems->fill->secrets_broken = true;
        return;
    }
    if (lookup->secrets_file(lookup->self, eff_str_copy(load->arena, path), &err) == EFF_OK)
        return;
    load->problems->fill->secrets_broken = true;
    eff_problem_add(load->problems, node->place, "EFF1001",
                    eff_str_copy(load->arena, eff_str_of(err.hint)), "%s", err.msg);
}

static eff_str
project_default_name(eff_str root)
{
    eff_str head, tail;

    while (root.len > 1 && eff_str_ends(root, EFF_STR("/")))
        root.len--;
    while (eff_str_cut(root, '/', &head, &tail))
        root = tail;
    return root.len > 0 ? root : EFF_STR("efferent");
}

static void
project_dbt(struct eff_load *load, const struct eff_node *document, const struct eff_dbt_conf *raw,
            const struct eff_target_raw *target)
{
    const struct eff_node *node = eff_node_get(document, "dbt");
    struct eff_dbt_conf *dbt = &load->project->dbt;

    *dbt = *raw;
    dbt->given = node != NULL;
    if (node != NULL)
        dbt->place = node->place;
    if (target->dbt_target_path.ptr != NULL)
        dbt->target_path = target->dbt_target_path;
    if (target->dbt_manifest.ptr != NULL)
        dbt->manifest = target->dbt_manifest;
    if (dbt->given && dbt->manifest.ptr == NULL && dbt->project.ptr == NULL)
        eff_problem_add(load->problems, dbt->place, "EFF1102",
                        EFF_STR("Add `project:` with the folder of dbt_project.yml."),
                        "`dbt.project` is missing");
    if (dbt->given && dbt->manifest.ptr != NULL && dbt->target_path.ptr != NULL &&
        target->dbt_manifest.ptr == NULL && target->dbt_target_path.ptr == NULL)
        eff_problem_add(load->problems, dbt->place, "EFF1205", EFF_STR("Keep one of the two."),
                        "`dbt` says by `manifest` and by `target_path` where the manifest is");
}

static void
project_document(struct eff_load *load, const struct eff_node *document)
{
    struct eff_project *project = load->project;
    struct eff_project_raw raw = {0};
    struct eff_target_raw target = {0};

    project_secrets(load, document);
    eff_options_fill(document, eff_project_options, eff_project_options_count, &raw,
                     load->problems);
    project->name = raw.name.len > 0 ? raw.name : project_default_name(load->input->root);
    project->memory_bytes = raw.memory_bytes;
    project_target(load, raw.targets, eff_node_get(document, "dbt") != NULL, &target);
    project_dbt(load, document, &raw.dbt, &target);
    project_state(load, raw.state, target.state);
    project_sources(load, raw.sources, target.sources);
    project_dests(load, raw.destinations, target.destinations);
}

static void
project_syncs(struct eff_load *load, const struct project_files *files)
{
    struct eff_sync_conf *syncs = eff_new(load->arena, struct eff_sync_conf, files->syncs_count);

    for (size_t i = 0; i < files->syncs_count; i++)
        eff_load_sync(load, files->syncs[i], &syncs[i]);
    load->project->syncs = syncs;
    load->project->syncs_count = files->syncs_count;
    eff_load_check(load);
}

static void
project_replaces_none(struct eff_load *load, const char *what, eff_str name, struct eff_place place,
                      size_t count, const eff_str *names)
{
    eff_problem_add(
        load->problems, place, "EFF1202", eff_nearest_hint(load->problems, name, count, names),
        "target \"" EFF_STR_FMT "\" replaces no %s \"" EFF_STR_FMT "\", and no sync uses it",
        EFF_STR_ARG(load->input->target), what, EFF_STR_ARG(eff_value_shown(name)));
}

/* What a target adds and nobody uses was meant to replace another one, which would be used instead. */
static void
project_added(struct eff_load *load)
{
    const struct eff_project *project = load->project;
    eff_str *sources = eff_new(load->arena, eff_str, project->sources_count);
    eff_str *dests = eff_new(load->arena, eff_str, project->dests_count);
    size_t used, s = 0, d = 0;

    for (size_t i = 0; i < project->sources_count; i++) {
        const struct eff_source_conf *source = &project->sources[i];

        if (!source->added)
            sources[s++] = source->name;
        for (used = 0; used < project->syncs_count && project->syncs[used].source != source; used++)
            continue;
        if (source->added && used == project->syncs_count)
            project_replaces_none(load, "source", source->name, source->place, s, sources);
    }
    for (size_t i = 0; i < project->dests_count; i++) {
        const struct eff_dest_conf *dest = &project->dests[i];

        if (!dest->added)
            dests[d++] = dest->name;
        for (used = 0; used < project->syncs_count && project->syncs[used].dest != dest; used++)
            continue;
        if (dest->added && used == project->syncs_count)
            project_replaces_none(load, "destination", dest->name, dest->place, d, dests);
    }
}

/* A file that only holds syncs, or none at all, is a project without sources. */
static const struct eff_node project_empty = {
    .kind = EFF_NODE_MAP,
    .place = {{"efferent.yml", sizeof "efferent.yml" - 1}, 1, 1},
};

bool
eff_project_load(const struct eff_project_input *input, struct eff_arena *arena,
                 struct eff_project **ret_project, struct eff_problems *problems)
{
    struct eff_fill fill = {.lookup = input->lookup, .root = input->root};
    struct eff_fill *before = problems->fill;
    struct eff_load load = {input, arena, problems, eff_new(arena, struct eff_project, 1)};
    struct project_files files = {0};
    size_t total = eff_problems_total(problems);

    load.project->root = input->root;
    load.project->target = input->target;
    problems->fill = &fill;
    project_main_documents(&load, &files);
    if (files.main != NULL || total == eff_problems_total(problems)) {
        project_document(&load, files.main ? files.main : &project_empty);
        if (input->list)
            project_sync_folder(&load, &files, EFF_STR("syncs"), 0);
        project_syncs(&load, &files);
        if (files.syncs_count > 0)
            project_added(&load);
    }
    load.project->secrets = fill.secrets;
    load.project->secrets_count = fill.secrets_count;
    problems->fill = before;
    eff_problems_sort(problems);
    *ret_project = load.project;
    return total == eff_problems_total(problems);
}
