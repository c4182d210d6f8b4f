/*
 * conf/sync: one `sync:` document to a struct eff_sync_conf.
 */
#include "conf/load.h"
#include "conf/value.h"

/* ---- model ---- */

static struct eff_place
sync_place(const struct eff_node *document, const char *key)
{
    const struct eff_node *node = eff_node_get(document, key);

    return node != NULL ? node->place : document->place;
}

static eff_str
sync_base_name(eff_str path)
{
    eff_str head, tail;

    while (eff_str_cut(path, '/', &head, &tail))
        path = tail;
    return eff_str_ends(path, EFF_STR(".sql")) ? eff_str_sub(path, 0, path.len - 4) : path;
}

static void
sync_model_file(struct eff_load *load, struct eff_place place, eff_str path,
                struct eff_sync_conf *sync)
{
    eff_str absolute = eff_place_path(place, path, load->problems);
    eff_str bytes = EFF_STR_NONE;
    struct eff_err err = {0};

    sync->model_kind = EFF_MODEL_FILE;
    sync->model_name = sync_base_name(path);
    if (!load->input->read(load->input->files, eff_str_copy(load->arena, absolute), load->arena,
                           &bytes, &err)) {
        eff_problem_add(load->problems, place, "EFF1001",
                        EFF_STR("A path is relative to the folder of the file it stands in."),
                        "cannot read " EFF_STR_FMT ": %s", EFF_STR_ARG(eff_value_shown(path)),
                        err.msg[0] ? err.msg : "no such file");
        return;
    }
    if (!eff_utf8_valid(bytes) || eff_str_find_char(bytes, '\0') != SIZE_MAX)
        eff_problem_add(load->problems, place, "EFF1002", EFF_STR("Save the file as UTF-8."),
                        EFF_STR_FMT " is not UTF-8 text", EFF_STR_ARG(eff_value_shown(path)));
    else if (eff_str_trim(bytes).len == 0)
        eff_problem_add(load->problems, place, "EFF1104", EFF_STR_NONE, EFF_STR_FMT " is empty",
                        EFF_STR_ARG(eff_value_shown(path)));
    sync->model = bytes;
}

static bool
sync_is_ref(eff_str text)
{
    eff_str call = eff_str_trim(text);

    return eff_str_starts(call, EFF_STR("{{")) || eff_str_starts(call, EFF_STR("ref")) ||
           eff_str_starts(call, EFF_STR("source"));
}

static void
sync_model_ref(struct eff_load *load, struct eff_place place, eff_str text,
               struct eff_sync_conf *sync)
{
    const char *wrong;

    sync->model_kind = EFF_MODEL_REF;
    sync->model = EFF_STR_NONE;
    if (!eff_model_ref_parse(text, &sync->ref, &wrong))
        eff_problem_add(
            load->problems, place, "EFF1104",
            EFF_STR("Write ref('model'), ref('package', 'model') or source('name', 'table')."),
            "cannot read \"" EFF_STR_FMT "\": %s", EFF_STR_ARG(eff_value_shown(text)), wrong);
    else if (!load->project->dbt.given)
        eff_problem_add(load->problems, place, "EFF1102",
                        EFF_STR("Add `dbt: {project: ../analytics}` to efferent.yml."),
                        EFF_STR_FMT " needs a dbt project, and the project names none",
                        EFF_STR_ARG(eff_value_shown(text)));
    sync->model_name = sync->ref.name;
}

static void
sync_model(struct eff_load *load, const struct eff_node *document, eff_str text,
           struct eff_sync_conf *sync)
{
    struct eff_place place = sync_place(document, "model");

    if (eff_str_ends(text, EFF_STR(".sql"))) {
        sync_model_file(load, place, text, sync);
        return;
    }
    if (sync_is_ref(text))
        sync_model_ref(load, place, text, sync);
    else
        eff_problem_add(load->problems, place, "EFF1104",
                        EFF_STR("Use `table:` for a table or view, `sql:` for a query."),
                        "`model` expects a file that ends in .sql, ref('name') or "
                        "source('name', 'table'), found \"" EFF_STR_FMT "\"",
                        EFF_STR_ARG(eff_value_shown(text)));
}

/* Exactly one of sql, table and model. */
static void
sync_query(struct eff_load *load, const struct eff_node *document, const struct eff_sync_raw *raw,
           struct eff_sync_conf *sync)
{
    static const char *const keys[] = {"sql", "table", "model"};
    const struct eff_node *given[3];
    size_t count = 0;

    for (size_t i = 0; i < 3; i++)
        if (eff_node_get(document, keys[i]) != NULL)
            given[count++] = eff_node_get(document, keys[i]);
    if (count == 0)
        eff_problem_add(load->problems, document->place, "EFF1102",
                        EFF_STR("Add one of `sql`, `table` and `model`."),
                        "the sync does not say what to read");
    if (count > 1)
        eff_problem_add(load->problems, given[1]->place, "EFF1205",
                        EFF_STR("Keep one of `sql`, `table` and `model`."),
                        "the sync says twice what to read");
    sync->model_place = count > 0 ? given[0]->place : document->place;
    sync->model_kind = EFF_MODEL_SQL;
    sync->model = raw->sql;
    if (raw->table.ptr != NULL) {
        sync->model_kind = EFF_MODEL_TABLE;
        sync->model = sync->model_name = raw->table;
    }
    if (raw->model.ptr != NULL)
        sync_model(load, document, raw->model, sync);
    else if (count == 1 && sync->model.ptr != NULL && eff_str_trim(sync->model).len == 0)
        eff_problem_add(load->problems, sync->model_place, "EFF1104", EFF_STR_NONE, "`%s` is empty",
                        raw->table.ptr ? "table" : "sql");
}

/* ---- source and destination ---- */

static void
sync_source(struct eff_load *load, const struct eff_node *document, eff_str name,
            struct eff_sync_conf *sync)
{
    const struct eff_project *project = load->project;
    size_t count = project->sources_count;
    eff_str *names;

    if (name.ptr == NULL && count == 1)
        sync->source = &project->sources[0];
    for (size_t i = 0; i < count && name.ptr != NULL; i++)
        if (eff_str_eq(project->sources[i].name, name))
            sync->source = &project->sources[i];
    if (sync->source != NULL)
        return;
    if (name.ptr == NULL) {
        eff_problem_add(load->problems, document->place, "EFF1102",
                        count == 0 ? EFF_STR("Add `sources:` to efferent.yml.")
                                   : EFF_STR("Add `source:` with one of their names."),
                        count == 0 ? "the project has no source to read from"
                                   : "`source` is missing, and the project has more than one");
        return;
    }
    names = eff_new(load->arena, eff_str, count);
    for (size_t i = 0; i < count; i++)
        names[i] = project->sources[i].name;
    eff_problem_add(load->problems, sync_place(document, "source"), "EFF1202",
                    eff_nearest_hint(load->problems, name, count, names),
                    "there is no source \"" EFF_STR_FMT "\"", EFF_STR_ARG(eff_value_shown(name)));
}

static void
sync_destination(struct eff_load *load, struct eff_place place, eff_str name,
                 struct eff_sync_conf *sync)
{
    const struct eff_project *project = load->project;
    eff_str *names, hint;

    for (size_t i = 0; i < project->dests_count; i++) {
        if (eff_str_eq(project->dests[i].name, name)) {
            sync->dest = &project->dests[i];
            return;
        }
    }
    names = eff_new(load->arena, eff_str, project->dests_count);
    for (size_t i = 0; i < project->dests_count; i++)
        names[i] = project->dests[i].name;
    hint = project->dests_count > 0
               ? eff_nearest_hint(load->problems, name, project->dests_count, names)
               : EFF_STR("Add `destinations:` to efferent.yml.");
    eff_problem_add(load->problems, place, "EFF1202", hint,
                    "there is no destination \"" EFF_STR_FMT "\"",
                    EFF_STR_ARG(eff_value_shown(name)));
}

static void
sync_to(struct eff_load *load, const struct eff_node *node, struct eff_sync_conf *sync)
{
    struct eff_to_raw raw = {0};
    struct eff_place place = node->place;

    if (node->kind == EFF_NODE_MAP) {
        if (!eff_options_fill(node, eff_to_options, eff_to_options_count, &raw, load->problems))
            return;
        place = sync_place(node, "destination");
    } else if (node->kind != EFF_NODE_SCALAR ||
               !eff_str_cut(node->text, '.', &raw.destination, &raw.object) ||
               raw.destination.len == 0 || raw.object.len == 0) {
        eff_problem_add(load->problems, place, "EFF1104",
                        EFF_STR("Write the destination's name, a dot, and what it is over there."),
                        "`to` expects destination.object, such as crm.Contact");
        return;
    }
    sync->object = raw.object;
    sync_destination(load, place, raw.destination, sync);
}

/* ---- the rest ---- */

static void
sync_guard_map(struct eff_load *load, const struct eff_node *node, struct eff_sync_conf *sync)
{
    struct eff_removed_raw raw = {.rows = -1};

    if (node->count == 0)
        eff_problem_add(load->problems, node->place, "EFF1104", EFF_STR_NONE,
                        "`guard.max_removed` expects `percent`, `rows` or both");
    if (!eff_options_fill(node, eff_removed_options, eff_removed_options_count, &raw,
                          load->problems))
        return;
    sync->guard_removed_percent = raw.percent;
    sync->guard_removed_rows = raw.rows;
}

static void
sync_guard(struct eff_load *load, const struct eff_node *document, const struct eff_sync_raw *raw,
           struct eff_sync_conf *sync)
{
    const struct eff_node *node = raw->max_removed;
    bool changed = eff_node_get(eff_node_get(document, "guard"), "max_changed") != NULL;

    sync->guard_removed_percent = 10;
    sync->guard_removed_rows = -1;
    sync->guard_changed_percent = changed ? raw->max_changed : -1;
    if (node == NULL)
        return;
    if (node->kind == EFF_NODE_MAP) {
        sync_guard_map(load, node, sync);
    } else if (node->kind == EFF_NODE_SCALAR &&
               eff_str_int(node->text, &sync->guard_removed_rows) &&
               sync->guard_removed_rows >= 0) {
        sync->guard_removed_percent = 100; /* a number of rows is the only bound then */
    } else if (node->kind != EFF_NODE_SCALAR ||
               !eff_parse_percent(node->text, &sync->guard_removed_percent)) {
        eff_problem_add(load->problems, node->place, "EFF1104", EFF_STR_NONE,
                        "`guard.max_removed` expects a percentage such as 10%%, a number of rows, "
                        "or {percent, rows}");
    }
}

static void
sync_removed(struct eff_load *load, const struct eff_node *document, const struct eff_sync_raw *raw,
             struct eff_sync_conf *sync)
{
    enum eff_removed removed = (enum eff_removed)raw->on_removed;
    bool removes = sync->mode == EFF_MODE_MIRROR || sync->mode == EFF_MODE_MEMBERS;
    const char *mode = eff_mode_names[sync->mode], *hint = NULL;

    sync->on_removed_given = eff_node_get(document, "on_removed") != NULL;
    sync->on_removed = !sync->on_removed_given && removes ? EFF_REMOVED_DELETE : removed;
    if (!sync->on_removed_given)
        return;
    if (sync->mode == EFF_MODE_MIRROR && removed != EFF_REMOVED_DELETE &&
        removed != EFF_REMOVED_ARCHIVE)
        hint = "Use `mode: upsert` for this, or remove `on_removed`.";
    if (sync->mode == EFF_MODE_MEMBERS && removed != EFF_REMOVED_DELETE)
        hint = "Remove `on_removed`: a vanished row leaves the list.";
    if ((sync->mode == EFF_MODE_INSERT || sync->mode == EFF_MODE_APPEND) &&
        removed != EFF_REMOVED_KEEP)
        hint = "Remove `on_removed`: this mode never touches a record again.";
    if (hint != NULL)
        eff_problem_add(load->problems, sync_place(document, "on_removed"), "EFF1205",
                        eff_str_of(hint), "`on_removed: %s` contradicts `mode: %s`",
                        eff_removed_names[removed], mode);
}

static void
sync_list(struct eff_load *load, const struct eff_node *document, const char *key,
          struct eff_str_list list, size_t *ret_count, const eff_str **ret_at)
{
    if (list.count > EFF_LOAD_LIST_MAX) {
        eff_problem_add(load->problems, sync_place(document, key), "EFF1104", EFF_STR_NONE,
                        "`%s` has %zu entries; at most %d are possible", key, list.count,
                        EFF_LOAD_LIST_MAX);
        return;
    }
    for (size_t i = 1; i < list.count; i++)
        for (size_t j = 0; j < i; j++)
            if (eff_str_eq(list.at[i], list.at[j])) {
                eff_problem_add(load->problems, sync_place(document, key), "EFF1203",
                                EFF_STR("Remove one of the two."),
                                "`%s` lists \"" EFF_STR_FMT "\" twice", key,
                                EFF_STR_ARG(eff_value_shown(list.at[i])));
                break;
            }
    *ret_count = list.count;
    *ret_at = list.at;
}

static bool
sync_same_source(const struct eff_field_conf *a, const struct eff_field_conf *b)
{
    return a->transforms_count == 0 && b->transforms_count == 0 && a->from.ptr != NULL &&
           eff_str_eq(a->from, b->from);
}

/* The match entry that writes the field of that name; the key columns stand in for `match`. */
static const struct eff_field_conf *
sync_match_of(const struct eff_sync_conf *sync, eff_str name, struct eff_field_conf *key)
{
    for (size_t i = 0; i < sync->match_count; i++)
        if (eff_str_eq(sync->match[i].name, name))
            return &sync->match[i];
    for (size_t i = 0; sync->match_count == 0 && i < sync->key_count; i++) {
        if (eff_str_eq(sync->key[i], name)) {
            *key = (struct eff_field_conf){.name = name, .from = name};
            return key;
        }
    }
    return NULL;
}

/*
 * A field that match sends anyway (`key: id`, `fields: [id, email]`) is left to
 * match; one that would send another value to the same field is a mistake.
 */
static void
sync_fields_beside_match(struct eff_sync_conf *sync, struct eff_problems *problems)
{
    struct eff_field_conf *kept =
        eff_new(problems->arena, struct eff_field_conf, sync->fields_count);
    size_t count = 0;

    for (size_t i = 0; i < sync->fields_count; i++) {
        const struct eff_field_conf *field = &sync->fields[i];
        struct eff_field_conf key;
        const struct eff_field_conf *match = sync_match_of(sync, field->name, &key);
        if (match == NULL) {
            kept[count++] = *field;
            continue;
        }
        if (!sync_same_source(match, field))
            eff_problem_add(problems, field->place, "EFF1205",
                            EFF_STR("Remove it from `fields`, or match by another field."),
                            "`" EFF_STR_FMT
                            "` says which record it is, and cannot get another value",
                            EFF_STR_ARG(eff_value_shown(field->name)));
    }
    sync->fields = kept;
    sync->fields_count = count;
}

static void
sync_fields(struct eff_load *load, const struct eff_node *document, const struct eff_sync_raw *raw,
            struct eff_sync_conf *sync)
{
    enum eff_null_policy on_null = (enum eff_null_policy)raw->on_null;

    if (raw->match != NULL)
        eff_load_fields(load, raw->match, true, on_null, &sync->match_count, &sync->match);
    if (raw->fields != NULL)
        eff_load_fields(load, raw->fields, false, on_null, &sync->fields_count, &sync->fields);
    else if (sync->mode != EFF_MODE_MEMBERS)
        eff_problem_add(load->problems, document->place, "EFF1102",
                        EFF_STR("Add a list of columns, or a mapping of fields to columns."),
                        "`fields` is missing");
    if (sync->mode != EFF_MODE_APPEND && (raw->match == NULL || sync->match_count > 0))
        sync_fields_beside_match(sync, load->problems);
}

void
eff_sync_late_key(struct eff_sync_conf *sync, struct eff_str_list key, struct eff_place place,
                  struct eff_problems *problems)
{
    sync->key = key.at;
    sync->key_count = key.count;
    sync->key_place = place;
    sync->key_of_dbt = true;
    if (sync->mode != EFF_MODE_APPEND && sync->match_count == 0)
        sync_fields_beside_match(sync, problems);
}

/* Only dbt may know a key that is not written down. */
static void
sync_key_given(struct eff_load *load, const struct eff_node *document, size_t count,
               const struct eff_sync_conf *sync)
{
    const struct eff_node *node = eff_node_get(document, "key");

    if (node == NULL && sync->model_kind != EFF_MODEL_REF)
        eff_problem_add(load->problems, document->place, "EFF1102",
                        EFF_STR("Name the column, or columns, that tell one row from all others."),
                        "`key` is missing");
    if (node != NULL && node->kind == EFF_NODE_LIST && count == 0 && node->count == 0)
        eff_problem_add(load->problems, node->place, "EFF1103", EFF_STR_NONE,
                        "`key` expects at least one entry, found a list");
}

void
eff_load_sync(struct eff_load *load, const struct eff_node *document, struct eff_sync_conf *ret)
{
    struct eff_sync_raw raw = {0};

    eff_options_fill(document, eff_sync_options, eff_sync_options_count, &raw, load->problems);
    *ret = (struct eff_sync_conf){
        .name = raw.name,
        .mode = (enum eff_mode)(raw.mode + 1),
        .enabled = raw.enabled,
        .read_back = raw.read_back,
        .guard_rejected_percent = raw.max_rejected,
        .memory_bytes = raw.memory_bytes > 0 ? raw.memory_bytes : load->project->memory_bytes,
        .blind_twice = raw.ambiguous == 1,
        .description = raw.description,
        .exposure = raw.exposure,
        .place = sync_place(document, "sync"),
        .key_place = sync_place(document, "key"),
        .to_place = sync_place(document, "to"),
        .mode_place = sync_place(document, "mode"),
        .removed_place = sync_place(document, "on_removed"),
        .after_place = sync_place(document, "after"),
    };
    if (raw.name.ptr != NULL)
        eff_load_name(load, ret->place, "sync", raw.name);
    sync_query(load, document, &raw, ret);
    sync_source(load, document, raw.source, ret);
    if (raw.to != NULL)
        sync_to(load, raw.to, ret);
    sync_list(load, document, "key", raw.key, &ret->key_count, &ret->key);
    sync_key_given(load, document, raw.key.count, ret);
    sync_list(load, document, "tags", raw.tags, &ret->tags_count, &ret->tags);
    sync_list(load, document, "after", raw.after, &ret->after_count, &ret->after);
    sync_guard(load, document, &raw, ret);
    sync_removed(load, document, &raw, ret);
    sync_fields(load, document, &raw, ret);
}
