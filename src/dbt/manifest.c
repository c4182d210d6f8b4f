/*
 * dbt/manifest: one pass over manifest.json.
 *
 * Which nodes are wanted is told by their unique ids ("model.shop.customers.v2"), which come
 * before anything else of a node; the rest of a node is read by its keys, in any order.
 */
#include "dbt/manifest.h"

#include <stdlib.h>

#define MANIFEST_VALUE_MAX ((size_t)64 << 20) /* of one value that is kept */
#define MANIFEST_NODES_MAX ((size_t)1 << 20)

struct manifest_parents { /* as they are named, before they are found */
    size_t count;
    eff_str *ids;
};

struct manifest_reader {
    struct eff_scan *scan;
    struct eff_arena *arena;
    struct eff_arena work; /* one value */
    size_t refs_count;
    const struct eff_model_ref *refs;
    const struct eff_dbt_results *results;
    struct eff_dbt_manifest *manifest;
    struct eff_model *models;
    struct manifest_parents *parents;
    size_t failed_count;
    struct manifest_failed { /* what a failed test is about, before it is found */
        const struct eff_dbt_result *result;
        eff_str tested;
    } * failed;
};

int
eff_dbt_schema_version(eff_str address, const char *artifact)
{
    eff_str head, tail = address, name = EFF_STR("");
    int64_t version;

    while (eff_str_cut(tail, '/', &head, &tail))
        name = head;
    if (!eff_str_is(name, artifact) || !eff_str_starts(head, EFF_STR("v")))
        return 0;
    tail = eff_str_sub(head, 1, SIZE_MAX);
    if (eff_str_ends(tail, EFF_STR(".json")))
        tail.len -= 5;
    return eff_str_int(tail, &version) && version > 0 && version < 10000 ? (int)version : 0;
}

bool
eff_dbt_wanted(size_t refs_count, const struct eff_model_ref *refs, eff_str id)
{
    for (size_t i = 0; i < refs_count; i++)
        if (eff_dbt_id_has(id, refs[i].name))
            return true;
    return false;
}

bool
eff_dbt_id_has(eff_str id, eff_str name)
{
    eff_str part, rest = id;
    bool more = true;

    while (more) {
        more = eff_str_cut(rest, '.', &part, &rest);
        if (eff_str_eq(part, name))
            return true;
    }
    return eff_str_ends(id, name); // A name with a dot in it.
}

/* ---- values ---- */

static enum eff_fault
manifest_value(struct manifest_reader *r, const struct eff_json **ret_value, struct eff_err *err)
{
    eff_arena_reset(&r->work);
    return eff_scan_value(r->scan, MANIFEST_VALUE_MAX, &r->work, ret_value, err);
}

/* A text or number; EFF_STR_NONE for null. */
static enum eff_fault
manifest_text(struct manifest_reader *r, eff_str *ret_text, struct eff_err *err)
{
    const struct eff_json *value;

    EFF_TRY(manifest_value(r, &value, err));
    *ret_text = eff_str_copy(r->arena, eff_json_str(value));
    return EFF_OK;
}

static struct eff_str_list
manifest_list(struct eff_arena *arena, const struct eff_json *value)
{
    size_t count = eff_json_type(value) == EFF_JSON_ARRAY ? eff_json_count(value) : 0;
    eff_str *at = eff_new(arena, eff_str, count + 1);
    struct eff_str_list list = {.at = at};

    if (eff_json_type(value) == EFF_JSON_STRING)
        at[list.count++] = eff_str_copy(arena, eff_json_str(value));
    for (size_t i = 0; i < count; i++)
        if (eff_json_type(eff_json_at(value, i)) == EFF_JSON_STRING)
            at[list.count++] = eff_str_copy(arena, eff_json_str(eff_json_at(value, i)));
    return list;
}

/* ---- one node ---- */

/* meta: {efferent: {name: ...}} before meta: {name: ...}. */
static const struct eff_json *
manifest_meta(const struct eff_json *meta, const char *name)
{
    const struct eff_json *own =
        eff_json_get(eff_json_get(meta, EFF_STR("efferent")), eff_str_of(name));

    return own != NULL ? own : eff_json_get(meta, eff_str_of(name));
}

/* A text or a list of texts; anything else in their place is kept as what it is. */
static void
manifest_key(struct manifest_reader *r, struct eff_dbt_node *node, const struct eff_json *key)
{
    static const char *const found[] = {[EFF_JSON_BOOL] = "a boolean",
                                        [EFF_JSON_NUMBER] = "a number",
                                        [EFF_JSON_STRING] = "an empty text",
                                        [EFF_JSON_ARRAY] = "a list of something else",
                                        [EFF_JSON_OBJECT] = "a mapping"};
    enum eff_json_type type = eff_json_type(key);
    struct eff_str_list list = manifest_list(r->arena, key);
    bool good = list.count > 0 && (type == EFF_JSON_STRING || list.count == eff_json_count(key));

    if (type <= EFF_JSON_NULL)
        return;
    for (size_t i = 0; i < list.count; i++)
        good = good && list.at[i].len > 0;
    node->key = good ? list : (struct eff_str_list){0};
    node->key_wrong = good ? NULL : found[type];
}

/* ---- what is private ---- */

struct manifest_private { /* 1: it is, -1: it is not, 0: nothing is said */
    int own;              /* meta: {efferent: ...}, which wins */
    int said;             /* all else: one that says so is enough */
};

static void
manifest_private_word(int *said, const struct eff_json *word)
{
    eff_str text = eff_json_str(word);
    bool no = text.ptr != NULL && (text.len == 0 || eff_str_eq_nocase(text, EFF_STR("false")) ||
                                   eff_str_eq_nocase(text, EFF_STR("no")));

    /* true, or which kind of it; false, "no" and nothing are none. */
    if (eff_json_type(word) > EFF_JSON_NULL && *said <= 0)
        *said = no ? -1 : 1;
}

static void
manifest_private_meta(struct manifest_private *private, const struct eff_json *meta)
{
    static const char *const words[] = {"pii", "contains_pii"};
    const struct eff_json *own = eff_json_get(meta, EFF_STR("efferent"));

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        manifest_private_word(&private->own, eff_json_get(own, eff_str_of(words[i])));
        manifest_private_word(&private->said, eff_json_get(meta, eff_str_of(words[i])));
    }
}

static void
manifest_private_tags(struct manifest_private *private, struct eff_str_list tags)
{
    for (size_t i = 0; i < tags.count; i++)
        if (eff_str_eq_nocase(tags.at[i], EFF_STR("pii")))
    private->said = 1;
}

static int
manifest_private_said(const struct manifest_private *private)
{
    return private->own != 0 ? private->own : private->said;
}

/* ---- columns and config ---- */

static void
manifest_columns(struct manifest_reader *r, struct eff_dbt_node *node,
                 const struct eff_json *columns)
{
    struct eff_json_iter iter = eff_json_iterate(columns);
    const struct eff_json *column;
    eff_str key;

    node->columns = eff_new(r->arena, struct eff_dbt_column, eff_json_count(columns));
    node->columns_count = 0; // Given twice, the last one counts.
    while (eff_json_next(&iter, &key, &column)) {
        const struct eff_json *config = eff_json_get(column, EFF_STR("config"));
        eff_str name = eff_json_str(eff_json_get(column, EFF_STR("name")));
        struct manifest_private private = {0};
        manifest_private_meta(&private, eff_json_get(column, EFF_STR("meta")));
        manifest_private_meta(&private, eff_json_get(config, EFF_STR("meta")));
        manifest_private_tags(&private,
                              manifest_list(r->arena, eff_json_get(column, EFF_STR("tags"))));
        manifest_private_tags(&private,
                              manifest_list(r->arena, eff_json_get(config, EFF_STR("tags"))));
        node->columns[node->columns_count++] = (struct eff_dbt_column){
            .name = eff_str_copy(r->arena, name.len > 0 ? name : key),
            .type =
                eff_str_copy(r->arena, eff_json_str(eff_json_get(column, EFF_STR("data_type")))),
            .is_private = manifest_private_said(&private) > 0,
            .is_shown = manifest_private_said(&private) < 0,
        };
    }
}

static void
manifest_config(struct manifest_reader *r, struct eff_dbt_node *node,
                struct manifest_private *private, const struct eff_json *config)
{
    const struct eff_json *meta = eff_json_get(config, EFF_STR("meta"));

    node->materialized =
        eff_str_copy(r->arena, eff_json_str(eff_json_get(config, EFF_STR("materialized"))));
    node->all_columns = eff_json_bool(eff_json_pointer(config, EFF_STR("/contract/enforced")));
    manifest_key(r, node, manifest_meta(meta, "key"));
    manifest_private_meta(private, meta);
}

struct manifest_late { /* of a node, judged when all of it was read */
    struct eff_str_list primary;
    struct manifest_private private;
};

/* A key of a node that a sync names; *ret_taken false when it is not one that is kept. */
static enum eff_fault
manifest_node_key(struct manifest_reader *r, eff_str key, struct eff_dbt_node *node,
                  struct manifest_late *late, bool *ret_taken, struct eff_err *err)
{
    const struct eff_json *value;

    *ret_taken = true;
    if (eff_str_is(key, "relation_name"))
        return manifest_text(r, &node->relation, err);
    if (eff_str_is(key, "description"))
        return manifest_text(r, &node->description, err);
    if (eff_str_is(key, "version"))
        return manifest_text(r, &node->version, err);
    if (eff_str_is(key, "latest_version"))
        return manifest_text(r, &node->latest, err);
    *ret_taken = eff_str_is(key, "columns") || eff_str_is(key, "config") ||
                 eff_str_is(key, "meta") || eff_str_is(key, "primary_key");
    if (!*ret_taken)
        return EFF_OK;
    key = eff_str_copy(r->arena, key); // The scanner's own goes with the value.
    EFF_TRY(manifest_value(r, &value, err));
    if (eff_str_is(key, "columns"))
        manifest_columns(r, node, value);
    else if (eff_str_is(key, "config"))
        manifest_config(r, node, &late->private, value);
    else if (eff_str_is(key, "primary_key"))
        late->primary = manifest_list(r->arena, value);
    else
        manifest_private_meta(&late->private, value);
    if (eff_str_is(key, "meta") && node->key.count == 0 && node->key_wrong == NULL)
        manifest_key(r, node, manifest_meta(value, "key"));
    return EFF_OK;
}

static enum eff_fault
manifest_depends(struct manifest_reader *r, struct manifest_parents *parents, struct eff_err *err)
{
    const struct eff_json *value;
    struct eff_str_list list;

    EFF_TRY(manifest_value(r, &value, err));
    list = manifest_list(r->arena, eff_json_get(value, EFF_STR("nodes")));
    parents->count = list.count;
    parents->ids = (eff_str *)list.at;
    return EFF_OK;
}

static enum eff_fault
manifest_model_key(struct manifest_reader *r, eff_str key, struct eff_model *model,
                   struct manifest_parents *parents, bool *ret_taken, struct eff_err *err)
{
    const struct eff_json *value;
    struct eff_str_list tags;

    *ret_taken = true;
    if (eff_str_is(key, "name"))
        return manifest_text(r, &model->name, err);
    if (eff_str_is(key, "package_name") && model->package.ptr == NULL)
        return manifest_text(r, &model->package, err);
    if (eff_str_is(key, "source_name")) // A source is known by this one.
        return manifest_text(r, &model->package, err);
    if (eff_str_is(key, "original_file_path"))
        return manifest_text(r, &model->path, err);
    if (eff_str_is(key, "depends_on"))
        return manifest_depends(r, parents, err);
    *ret_taken = eff_str_is(key, "tags");
    if (!*ret_taken)
        return EFF_OK;
    EFF_TRY(manifest_value(r, &value, err));
    tags = manifest_list(r->arena, value);
    model->tags = tags.at;
    model->tags_count = tags.count;
    return EFF_OK;
}

/* A model, seed, snapshot or source. */
static enum eff_fault
manifest_model(struct manifest_reader *r, eff_str id, struct eff_err *err)
{
    struct eff_model model = {.id = eff_str_copy(r->arena, id)};
    struct eff_dbt_node *node = eff_dbt_wanted(r->refs_count, r->refs, id)
                                    ? eff_new(r->arena, struct eff_dbt_node, 1)
                                    : NULL;
    struct manifest_parents parents = {0};
    struct manifest_late late = {0};
    bool there, more = true, taken;
    size_t at = r->manifest->models.count;
    eff_str key;

    EFF_TRY(eff_scan_object(r->scan, &there, err));
    while (there && more) {
        EFF_TRY(eff_scan_key(r->scan, &key, &more, err));
        if (!more)
            break;
        EFF_TRY(manifest_model_key(r, key, &model, &parents, &taken, err));
        if (!taken && node != NULL)
            EFF_TRY(manifest_node_key(r, key, node, &late, &taken, err));
        if (!taken)
            EFF_TRY(eff_scan_skip(r->scan, err));
    }
    if (model.name.ptr == NULL)
        return EFF_FAIL(err, EFF_CONFIG, "has a node without a name: " EFF_STR_FMT,
                        EFF_STR_ARG(eff_str_sub(model.id, 0, 100)));
    if (at == MANIFEST_NODES_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "has more than %zu models", MANIFEST_NODES_MAX);
    if (node != NULL && node->key.count == 0 && node->key_wrong == NULL)
        node->key = late.primary;
    if (node != NULL) {
        manifest_private_tags(&late.private, (struct eff_str_list){model.tags_count, model.tags});
        node->is_private = manifest_private_said(&late.private) > 0;
    }
    r->models = eff_dbt_room(r->arena, r->models, at, sizeof model);
    r->parents = eff_dbt_room(r->arena, r->parents, at, sizeof parents);
    r->manifest->nodes =
        eff_dbt_room(r->arena, r->manifest->nodes, at, sizeof(struct eff_dbt_node *));
    r->models[at] = model;
    r->parents[at] = parents;
    r->manifest->nodes[at] = node;
    r->manifest->models.count++;
    return EFF_OK;
}

/* ---- tests that did not pass ---- */

static void
manifest_failure(struct manifest_reader *r, const struct eff_dbt_result *result, eff_str tested)
{
    r->failed = eff_dbt_room(r->arena, r->failed, r->failed_count, sizeof *r->failed);
    r->failed[r->failed_count++] = (struct manifest_failed){result, tested};
}

/* A test that is attached to a model is about that one; any other about all that it reads. */
static enum eff_fault
manifest_test(struct manifest_reader *r, const struct eff_dbt_result *result, struct eff_err *err)
{
    struct manifest_parents parents = {0};
    eff_str key, attached = EFF_STR_NONE;
    bool there, more = true;

    EFF_TRY(eff_scan_object(r->scan, &there, err));
    while (there && more) {
        EFF_TRY(eff_scan_key(r->scan, &key, &more, err));
        if (!more)
            break;
        if (eff_str_is(key, "attached_node"))
            EFF_TRY(manifest_text(r, &attached, err));
        else if (eff_str_is(key, "depends_on"))
            EFF_TRY(manifest_depends(r, &parents, err));
        else
            EFF_TRY(eff_scan_skip(r->scan, err));
    }
    if (attached.len > 0)
        manifest_failure(r, result, attached);
    for (size_t i = 0; attached.len == 0 && i < parents.count; i++)
        manifest_failure(r, result, parents.ids[i]);
    return EFF_OK;
}

/* ---- the document ---- */

static enum eff_fault
manifest_node(struct manifest_reader *r, eff_str id, struct eff_err *err)
{
    static const char *const read[] = {"model.", "seed.", "snapshot.", "source.", NULL};
    const struct eff_dbt_result *result = NULL;

    for (size_t i = 0; read[i] != NULL; i++)
        if (eff_str_starts(id, eff_str_of(read[i])))
            return manifest_model(r, id, err);
    if (r->results != NULL)
        result = eff_dbt_results_find(r->results, id);
    return result != NULL ? manifest_test(r, result, err) : eff_scan_skip(r->scan, err);
}

/* {unique id: ...}: nodes, sources, unit tests; of what is disabled the ids alone. */
static enum eff_fault
manifest_nodes(struct manifest_reader *r, bool disabled, struct eff_err *err)
{
    struct eff_dbt_manifest *manifest = r->manifest;
    bool there, more = true;
    eff_str id;

    EFF_TRY(eff_scan_object(r->scan, &there, err));
    while (there && more) {
        EFF_TRY(eff_scan_key(r->scan, &id, &more, err));
        if (!more)
            break;
        if (!disabled) {
            EFF_TRY(manifest_node(r, id, err));
            continue;
        }
        manifest->disabled =
            eff_dbt_room(r->arena, manifest->disabled, manifest->disabled_count, sizeof(eff_str));
        manifest->disabled[manifest->disabled_count++] = eff_str_copy(r->arena, id);
        EFF_TRY(eff_scan_skip(r->scan, err));
    }
    return EFF_OK;
}

static enum eff_fault
manifest_metadata(struct manifest_reader *r, struct eff_err *err)
{
    struct eff_dbt_manifest *manifest = r->manifest;
    const struct eff_json *value;
    eff_str address;

    EFF_TRY(manifest_value(r, &value, err));
    address = eff_json_str(eff_json_get(value, EFF_STR("dbt_schema_version")));
    manifest->version = eff_dbt_schema_version(address, "manifest");
    manifest->project =
        eff_str_copy(r->arena, eff_json_str(eff_json_get(value, EFF_STR("project_name"))));
    manifest->adapter =
        eff_str_copy(r->arena, eff_json_str(eff_json_get(value, EFF_STR("adapter_type"))));
    manifest->dbt_version =
        eff_str_copy(r->arena, eff_json_str(eff_json_get(value, EFF_STR("dbt_version"))));
    manifest->invocation =
        eff_str_copy(r->arena, eff_json_str(eff_json_get(value, EFF_STR("invocation_id"))));
    if (manifest->version >= EFF_DBT_MANIFEST_OLDEST)
        return EFF_OK;
    if (manifest->version == 0)
        return EFF_FAIL(err, EFF_CONFIG, "is no manifest.json of dbt");
    EFF_FAIL(err, EFF_CONFIG, "is of schema version v%d (dbt " EFF_STR_FMT "), which is too old",
             manifest->version, EFF_STR_ARG(eff_str_sub(manifest->dbt_version, 0, 20)));
    return eff_err_hint(err, "Write it with dbt 1.7 or newer: v%d and newer are read.",
                        EFF_DBT_MANIFEST_OLDEST);
}

static enum eff_fault
manifest_document(struct manifest_reader *r, struct eff_err *err)
{
    bool there, more = true;
    eff_str key;

    EFF_TRY(eff_scan_object(r->scan, &there, err));
    while (there && more) {
        EFF_TRY(eff_scan_key(r->scan, &key, &more, err));
        if (!more)
            break;
        if (eff_str_is(key, "metadata"))
            EFF_TRY(manifest_metadata(r, err));
        else if (eff_str_is(key, "nodes") || eff_str_is(key, "sources") ||
                 eff_str_is(key, "unit_tests"))
            EFF_TRY(manifest_nodes(r, false, err));
        else if (eff_str_is(key, "disabled"))
            EFF_TRY(manifest_nodes(r, true, err));
        else
            EFF_TRY(eff_scan_skip(r->scan, err));
    }
    if (r->manifest->version == 0)
        return EFF_FAIL(err, EFF_CONFIG, "is no manifest.json of dbt");
    return eff_scan_end(r->scan, err);
}

/* ---- from names to indices ---- */

struct manifest_id {
    eff_str id;
    size_t at;
};

static int
manifest_order(const void *a, const void *b)
{
    return eff_str_cmp(((const struct manifest_id *)a)->id, ((const struct manifest_id *)b)->id);
}

static size_t
manifest_find(const struct manifest_id *ids, size_t count, eff_str id)
{
    struct manifest_id wanted = {.id = id};
    const struct manifest_id *found =
        count > 0 ? bsearch(&wanted, ids, count, sizeof *ids, manifest_order) : NULL;

    return found != NULL ? found->at : SIZE_MAX;
}

static void
manifest_link(struct manifest_reader *r)
{
    struct eff_dbt_manifest *manifest = r->manifest;
    size_t count = manifest->models.count;
    struct manifest_id *ids = eff_new(r->arena, struct manifest_id, count);

    for (size_t i = 0; i < count; i++)
        ids[i] = (struct manifest_id){r->models[i].id, i};
    if (count > 1)
        qsort(ids, count, sizeof *ids, manifest_order);
    for (size_t i = 0; i < count; i++) {
        size_t *parents = eff_new(r->arena, size_t, r->parents[i].count);
        r->models[i].parents = parents;
        for (size_t k = 0; k < r->parents[i].count; k++) {
            size_t at = manifest_find(ids, count, r->parents[i].ids[k]);
            if (at != SIZE_MAX)
                parents[r->models[i].parents_count++] = at;
        }
    }
    manifest->failures = eff_new(r->arena, struct eff_dbt_failure, r->failed_count);
    for (size_t i = 0; i < r->failed_count; i++) {
        size_t at = manifest_find(ids, count, r->failed[i].tested);
        if (at != SIZE_MAX)
            manifest->failures[manifest->failures_count++] =
                (struct eff_dbt_failure){r->failed[i].result, at};
    }
    manifest->models.at = r->models;
}

enum eff_fault
eff_dbt_manifest_read(struct eff_scan *scan, size_t refs_count, const struct eff_model_ref *refs,
                      const struct eff_dbt_results *results, struct eff_arena *arena,
                      struct eff_dbt_manifest *ret_manifest, struct eff_err *err)
{
    struct manifest_reader r = {.scan = scan,
                                .arena = arena,
                                .refs_count = refs_count,
                                .refs = refs,
                                .results = results,
                                .manifest = ret_manifest};
    enum eff_fault fault;

    *ret_manifest = (struct eff_dbt_manifest){0};
    eff_arena_init(&r.work, "manifest.json", 8 * MANIFEST_VALUE_MAX);
    fault = manifest_document(&r, err);
    eff_arena_deinit(&r.work);
    if (fault == EFF_OK)
        manifest_link(&r);
    return fault;
}
