/*
 * run/connect: source and destination of a sync, bound to each other.
 */
#include "plan/compile.h"
#include "plan/convert.h"
#include "run/sync.h"

enum eff_fault
eff_run_at(struct eff_place place, enum eff_fault fault, struct eff_err *err)
{
    if (fault != EFF_OK && err->where[0] == 0)
        eff_err_where(err, place.file, place.line, place.column);
    return fault;
}

/* ---- destination ---- */

enum eff_fault
eff_run_open_dest(struct eff_sync_run *r, struct eff_err *err)
{
    const struct eff_dest_kind *kind = r->sync->dest->kind->user;
    const struct eff_rate_limit *limits = NULL;
    size_t count = 0;
    uint64_t seed;

    EFF_TRY(eff_run_at(r->sync->dest->place, kind->ops->open(r->sync->dest, &r->run, &r->dest, err),
                       err));
    r->dest->ear = r->os->ear;
    if (r->dest->ops->rates)
        count = r->dest->ops->rates(r->dest, &limits);
    r->os->random(r->os->self, &seed, sizeof seed);
    eff_limiter_init(&r->limiter, limits, count, seed,
                     eff_accounts_limiter(r->options->accounts, r->sync->dest), &r->run);
    r->dest_sync = (struct eff_dest_sync){
        .name = r->sync->name,
        .run = r->run_id,
        .object = r->sync->object,
        .mode = r->sync->mode,
        .on_removed = r->sync->on_removed,
    };
    return EFF_OK;
}

static const eff_str *
connect_names(struct eff_sync_run *r, const struct eff_field *fields, size_t count)
{
    eff_str *names = eff_new(&r->run, eff_str, count);

    for (size_t i = 0; i < count; i++)
        names[i] = fields[i].name;
    return names;
}

static bool
connect_binds(struct eff_dest *dest, const struct eff_dest_sync *sync)
{
    struct eff_op_limits limits[EFF_OPS_COUNT];
    struct eff_err ignored = {0};

    return dest->ops->bind(dest, sync, limits, &ignored) == EFF_OK;
}

/* What is to blame is that without which the same sync can be bound; else it is the object. */
static struct eff_place
connect_place(struct eff_dest *dest, const struct eff_dest_sync *sync,
              const struct eff_sync_conf *conf)
{
    struct eff_dest_sync keeping = *sync, unmatched = *sync, other;

    keeping.on_removed = EFF_REMOVED_KEEP;
    other = keeping;
    unmatched.match_count = 0;
    if (conf->on_removed_given && connect_binds(dest, &keeping))
        return conf->removed_place;
    if (conf->match_count > 0 && connect_binds(dest, &unmatched))
        return conf->match[0].place;
    for (int mode = EFF_MODE_UPSERT; mode <= EFF_MODE_MEMBERS && conf->mode_place.line; mode++) {
        other.mode = (enum eff_mode)mode;
        if (connect_binds(dest, &other))
            return conf->mode_place;
    }
    return conf->to_place;
}

enum eff_fault
eff_run_bind(struct eff_sync_run *r, int64_t rows_planned, struct eff_err *err)
{
    enum eff_fault fault;

    r->dest_sync.rows_planned = rows_planned;
    r->dest_sync.match_count = r->mapping.match_count;
    r->dest_sync.match_names = connect_names(r, r->mapping.match, r->mapping.match_count);
    r->dest_sync.fields_count = r->mapping.fields_count;
    r->dest_sync.field_names = connect_names(r, r->mapping.fields, r->mapping.fields_count);
    memset(r->limits, 0, sizeof r->limits);
    fault = r->dest->ops->bind(r->dest, &r->dest_sync, r->limits, err);
    if (fault != EFF_OK)
        eff_run_at(connect_place(r->dest, &r->dest_sync, r->sync), fault, err);
    r->limits[EFF_OP_NONE] = (struct eff_op_limits){
        .supported = true, .class = EFF_CLASS_CONVERGE, .rows_max = 10000, .concurrency = 1};
    return fault;
}

/* The names that the files give; what the model alone knows is bound when it is read. */
static struct eff_dest_sync
connect_from_conf(const struct eff_sync_conf *conf, struct eff_arena *arena)
{
    size_t match_count = conf->match_count ? conf->match_count : conf->key_count;
    eff_str *match = eff_new(arena, eff_str, match_count);
    eff_str *fields = eff_new(arena, eff_str, conf->fields_count);

    for (size_t i = 0; i < match_count; i++)
        match[i] = conf->match_count ? conf->match[i].name : conf->key[i];
    for (size_t i = 0; i < conf->fields_count; i++)
        fields[i] = conf->fields[i].name;
    return (struct eff_dest_sync){.name = conf->name,
                                  .run = EFF_STR("00000000000000000000000000"),
                                  .object = conf->object,
                                  .mode = conf->mode,
                                  .on_removed = conf->on_removed,
                                  .match_count = match_count,
                                  .match_names = match,
                                  .fields_count = conf->fields_count,
                                  .field_names = fields};
}

static void
connect_can(const struct eff_sync_conf *conf, struct eff_arena scratch,
            struct eff_problems *problems)
{
    const struct eff_dest_kind *kind = conf->dest->kind->user;
    struct eff_dest_sync sync = connect_from_conf(conf, &scratch);
    struct eff_op_limits limits[EFF_OPS_COUNT];
    struct eff_err err = {0};
    struct eff_dest *dest;

    /* Without `fields:` only the model knows who a member is. */
    if (conf->mode == EFF_MODE_MEMBERS && conf->fields_count == 0 && conf->match_count == 0)
        return;
    if (kind->ops->open(conf->dest, &scratch, &dest, &err) != EFF_OK)
        return; // told by whoever uses it, with what it is about
    if (dest->ops->bind(dest, &sync, limits, &err) == EFF_CONFIG)
        eff_problem_add(problems, connect_place(dest, &sync, conf), "EFF1208",
                        eff_str_copy(problems->arena, eff_str_of(err.hint)), "%s", err.msg);
    if (dest->ops->close)
        dest->ops->close(dest);
}

static void
connect_formats(size_t count, const struct eff_field_conf *fields, struct eff_problems *problems)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < fields[i].transforms_count; k++) {
            const struct eff_transform *transform = &fields[i].transforms[k];
            struct eff_err err = {0};

            if (transform->kind == EFF_TRANSFORM_FORMAT &&
                eff_convert_format_check(transform->format, &err) != EFF_OK)
                eff_problem_add(problems, fields[i].place, "EFF1104",
                                eff_str_copy(problems->arena, eff_str_of(err.hint)), "%s", err.msg);
        }
    }
}

void
eff_run_can(const struct eff_project *project, const bool *chosen, struct eff_arena *process,
            struct eff_problems *problems)
{
    struct eff_arena scratch;

    eff_arena_init(&scratch, "check", process->budget);
    for (size_t i = 0; i < project->syncs_count; i++) {
        const struct eff_sync_conf *sync = &project->syncs[i];

        if (!chosen[i] || !sync->enabled)
            continue;
        connect_can(sync, scratch, problems);
        connect_formats(sync->match_count, sync->match, problems);
        connect_formats(sync->fields_count, sync->fields, problems);
    }
    eff_arena_deinit(&scratch);
}

/* ---- source ---- */

/* A field that the user normalizes or hashes is left as it is. */
static bool
connect_prepares_itself(const struct eff_field_conf *field)
{
    for (size_t i = 0; i < field->transforms_count; i++)
        if (field->transforms[i].kind == EFF_TRANSFORM_NORMALIZE ||
            field->transforms[i].kind == EFF_TRANSFORM_HASH)
            return true;
    return false;
}

static void
connect_prepare(struct eff_sync_run *r, struct eff_field_conf *field)
{
    const struct eff_prepared *prepared = r->dest->prepared;
    struct eff_transform *all;

    for (size_t i = 0; i < r->dest->prepared_count && !connect_prepares_itself(field); i++) {
        if (!eff_str_eq(prepared[i].name, field->name))
            continue;
        all = eff_new(&r->run, struct eff_transform,
                      field->transforms_count + prepared[i].transforms_count);
        for (size_t k = 0; k < field->transforms_count; k++)
            all[k] = field->transforms[k];
        for (size_t k = 0; k < prepared[i].transforms_count; k++)
            all[field->transforms_count + k] = prepared[i].transforms[k];
        field->transforms = all;
        field->transforms_count += prepared[i].transforms_count;
        return;
    }
}

/* The sync, with the identifiers of members in the form that the destination wants. */
static struct eff_sync_conf
connect_prepared(struct eff_sync_run *r)
{
    struct eff_sync_conf sync = *r->sync;
    struct eff_field_conf *fields = eff_new(&r->run, struct eff_field_conf, sync.fields_count);

    if (sync.mode != EFF_MODE_MEMBERS || r->dest->prepared_count == 0)
        return sync;
    for (size_t i = 0; i < sync.fields_count; i++) {
        fields[i] = sync.fields[i];
        connect_prepare(r, &fields[i]);
    }
    sync.fields = fields;
    return sync;
}

static void
connect_scans(struct eff_sync_run *r)
{
    const struct eff_source_ops *ops = r->source->ops;
    int64_t bytes = ops->scans ? ops->scans(r->source) : -1;

    r->report->has_scanned = bytes >= 0;
    r->report->bytes_scanned = bytes >= 0 ? (uint64_t)bytes : 0;
}

enum eff_fault
eff_run_open_source(struct eff_sync_run *r, struct eff_err *err)
{
    const struct eff_source_ops *ops = r->sync->source->kind->user;
    struct eff_sync_conf prepared = connect_prepared(r);
    struct eff_errs earlier;
    enum eff_fault fault;

    EFF_TRY(eff_run_at(r->sync->source->place,
                       ops->open(r->sync->source->config, r->os, &r->run, &r->source, err), err));
    r->reader = ops->reader ? ops->reader(r->source, &r->run) : EFF_STR_NONE;
    r->sql = r->sync->model_kind == EFF_MODEL_TABLE
                 ? ops->table_sql(r->source, r->sync->model, &r->run)
                 : r->sync->model;
    r->rows_expected = ops->estimate ? ops->estimate(r->source, r->sql) : -1;
    fault = ops->query(r->source, r->sql, &r->columns, err);
    EFF_TRY(eff_run_at(r->sync->model_place, eff_run_stopped(r, fault, err), err));
    connect_scans(r);
    EFF_TRY(eff_run_zones(r, &prepared, err));
    fault = eff_compile_mapping(&prepared, &r->columns, &r->run, &r->mapping, &earlier, err);
    for (size_t i = 0; i < earlier.count; i++)
        eff_report_fail(r->report, &earlier.at[i]);
    EFF_TRY(fault);
    r->needed = eff_new(&r->run, bool, r->columns.count);
    eff_compile_needed(&r->mapping, r->needed, r->columns.count);
    return EFF_OK;
}

/* ---- the snapshot's columns against today's ---- */

static bool
snapshot_has_column(const struct eff_snapshot_head *head, uint64_t id)
{
    for (size_t i = 0; i < head->columns_count; i++)
        if (head->columns[i].id == id)
            return true;
    return false;
}

static const struct eff_field *
mapping_find(const struct eff_mapping *mapping, uint64_t id)
{
    for (size_t i = 0; i < mapping->fields_count; i++)
        if (mapping->fields[i].id == id)
            return &mapping->fields[i];
    return NULL;
}

/* A column that left the mapping: enough of it to compute its part of the old hash. */
static enum eff_fault
snapshot_old_field(struct eff_sync_run *r, const struct eff_snapshot_column *column,
                   struct eff_field *ret_field, struct eff_err *err)
{
    size_t *inputs = eff_new(&r->run, size_t, column->inputs_count);

    for (size_t i = 0; i < column->inputs_count; i++) {
        inputs[i] = eff_columns_find(&r->columns, column->inputs[i]);
        if (inputs[i] != SIZE_MAX)
            continue;
        EFF_FAIL(err, EFF_CONFIG,
                 "column " EFF_STR_FMT " left the model and field " EFF_STR_FMT
                 " left the mapping at the same time: which of the %llu delivered rows changed "
                 "cannot be known",
                 EFF_STR_ARG(column->inputs[i]), EFF_STR_ARG(column->field),
                 (unsigned long long)r->snapshot_rows);
        return eff_err_hint(err,
                            "Put the column back for one run, or `efferent reset " EFF_STR_FMT
                            "` and send all rows again.",
                            EFF_STR_ARG(r->sync->name));
    }
    *ret_field = (struct eff_field){.name = column->field,
                                    .id = column->id,
                                    .inputs_count = column->inputs_count,
                                    .inputs = inputs,
                                    .input_names = column->inputs};
    return EFF_OK;
}

static enum eff_fault
snapshot_old_mapping(struct eff_sync_run *r, const struct eff_snapshot_head *head,
                     struct eff_err *err)
{
    struct eff_field *fields = eff_new(&r->run, struct eff_field, head->columns_count);

    for (size_t i = 0; i < head->columns_count; i++) {
        const struct eff_field *field = mapping_find(&r->mapping, head->columns[i].id);

        if (field)
            fields[i] = *field;
        else
            EFF_TRY(snapshot_old_field(r, &head->columns[i], &fields[i], err));
    }
    r->old_mapping = r->mapping;
    r->old_mapping.fields = fields;
    r->old_mapping.fields_count = head->columns_count;
    return EFF_OK;
}

static void
snapshot_new_columns(struct eff_sync_run *r)
{
    struct eff_snapshot_column *columns =
        eff_new(&r->run, struct eff_snapshot_column, r->mapping.fields_count);

    r->columns_kept = columns;
    r->columns_kept_count = r->mapping.fields_count;
    for (size_t i = 0; i < r->mapping.fields_count; i++) {
        const struct eff_field *field = &r->mapping.fields[i];

        columns[i] = (struct eff_snapshot_column){.id = field->id,
                                                  .field = field->name,
                                                  .inputs_count = field->inputs_count,
                                                  .inputs = field->input_names};
    }
}

/*
 * Identities are kept where a removal, a changed match value or a remote id needs
 * them: by the operations that this sync's mode uses, and no others.
 */
static bool
snapshot_wants_identities(const struct eff_sync_run *r)
{
    enum eff_op removal = eff_plan_removal_op(r->sync->mode, r->sync->on_removed);

    return removal != EFF_OP_NONE || !r->mapping.match_is_key ||
           r->limits[eff_plan_write_op(r->sync->mode, true)].by_remote_id ||
           r->limits[eff_plan_write_op(r->sync->mode, false)].by_remote_id;
}

/* A partial run reads too little to bring all rows to a new mapping: the next complete one does. */
static void
snapshot_stays(struct eff_sync_run *r, const struct eff_snapshot_head *head)
{
    r->columns_kept = head->columns;
    r->columns_kept_count = head->columns_count;
    r->with_identities = head->identities;
    r->fill_identities = false;
}

enum eff_fault
eff_run_open_snapshot(struct eff_sync_run *r, struct eff_err *err)
{
    const struct eff_snapshot_head *head;

    r->field_added = eff_new(&r->run, bool, r->mapping.fields_count + 1);
    snapshot_new_columns(r);
    r->with_identities = snapshot_wants_identities(r);
    if (!r->has_folder)
        return EFF_OK;
    EFF_TRY(eff_snapshot_open(r->os, r->folder, &r->run, &r->snapshot, err));
    head = eff_snapshot_head(r->snapshot);
    r->snapshot_rows = head->entries.count;
    if (head->generation == 0 || head->entries.count == 0)
        return EFF_OK;
    for (size_t i = 0; i < r->mapping.fields_count; i++) {
        r->field_added[i] = !snapshot_has_column(head, r->mapping.fields[i].id);
        r->any_added = r->any_added || r->field_added[i];
    }
    r->fill_identities = r->with_identities && !head->identities;
    r->rebase =
        r->any_added || r->fill_identities || head->columns_count != r->mapping.fields_count;
    r->old_mapping = r->mapping;
    if (r->rebase && r->partial)
        snapshot_stays(r, head);
    return r->rebase ? snapshot_old_mapping(r, head, err) : EFF_OK;
}
