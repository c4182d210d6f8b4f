/*
 * lib/restdest: an embedded connector opened with a block of YAML, and rows made
 * of text, for tests and fuzzers of the connector interpreter.
 */
#ifndef EFF_TEST_LIB_RESTDEST_H
#define EFF_TEST_LIB_RESTDEST_H

#include "base/buf.h"
#include "conf/yaml.h"
#include "dest/dest.h"

struct restdest {
    struct eff_arena *arena;
    size_t kinds_count;
    struct eff_kind_desc *kinds;
    struct eff_problems problems;
    struct eff_fill fill;
    struct eff_dest *dest;
    struct eff_op_limits limits[EFF_OPS_COUNT];
    struct eff_err err;
};

static inline bool
restdest_kinds(struct restdest *w, struct eff_arena *arena, size_t files_count,
               const struct eff_connector_file *files)
{
    *w = (struct restdest){.arena = arena, .problems = {.arena = arena}};
    return eff_dest_kinds(files_count, files, arena, &w->kinds_count, &w->kinds, &w->problems);
}

static inline const struct eff_kind_desc *
restdest_kind(const struct restdest *w, const char *name)
{
    for (size_t i = 0; i < w->kinds_count; i++) {
        if (eff_str_is(w->kinds[i].kind, name))
            return &w->kinds[i];
    }
    return NULL;
}

/* block: the destination's mapping, without `type`. */
static inline bool
restdest_open(struct restdest *w, const char *kind, const char *block)
{
    const struct eff_kind_desc *desc = restdest_kind(w, kind);
    struct eff_dest_conf *conf = eff_new(w->arena, struct eff_dest_conf, 1);
    const struct eff_node *documents;
    size_t count;
    char *config;

    if (!desc || !eff_yaml_parse(eff_str_of(block), EFF_STR("efferent.yml"), w->arena, &count,
                                 &documents, &w->problems))
        return false;
    config = eff_arena_alloc(w->arena, desc->config_size + 1, 16, 1);
    w->problems.fill = &w->fill;
    if (!eff_options_fill(documents, desc->options, desc->options_count, config, &w->problems))
        return false;
    w->problems.fill = NULL;
    *conf = (struct eff_dest_conf){.name = EFF_STR("crm"),
                                   .kind = desc,
                                   .config = config,
                                   .hosts_count = w->fill.hosts_count,
                                   .hosts = w->fill.hosts};
    w->err = (struct eff_err){0};
    return ((const struct eff_dest_kind *)desc->user)
               ->ops->open(conf, w->arena, &w->dest, &w->err) == EFF_OK;
}

static inline bool
restdest_bind(struct restdest *w, enum eff_mode mode, enum eff_removed removed, const char *object,
              int64_t rows_planned)
{
    struct eff_dest_sync sync = {.name = EFF_STR("s"),
                                 .run = EFF_STR("r"),
                                 .mode = mode,
                                 .object = eff_str_of(object),
                                 .on_removed = removed,
                                 .rows_planned = rows_planned};

    w->err = (struct eff_err){0};
    return w->dest->ops->bind(w->dest, &sync, w->limits, &w->err) == EFF_OK;
}

/* `count` rows whose match is "k<n>" and whose fields are all the same. */
static inline struct eff_delivery *
restdest_rows(struct restdest *w, enum eff_op op, const char *object, const char *match,
              size_t count, size_t fields_count, const eff_str *names,
              const struct eff_value *fields)
{
    struct eff_delivery *d = eff_new(w->arena, struct eff_delivery, 1);
    eff_str *match_name = eff_new(w->arena, eff_str, 1);

    *match_name = eff_str_of(match);
    *d = (struct eff_delivery){.op = op,
                               .object = eff_str_of(object),
                               .match_count = 1,
                               .match_names = match_name,
                               .fields_count = fields_count,
                               .field_names = names,
                               .count = count,
                               .arena = w->arena};
    d->items = eff_new(w->arena, struct eff_item, count);
    for (size_t i = 0; i < count; i++) {
        struct eff_value *value = eff_new(w->arena, struct eff_value, 1);

        *value = eff_value_of_str(EFF_TEXT, eff_str_printf(w->arena, "k%zu", i));
        d->items[i] = (struct eff_item){.index = i,
                                        .match = value,
                                        .fields = fields,
                                        .key_json = EFF_STR("{\"k\":1}"),
                                        .idempotency_key = EFF_STR("key")};
    }
    return d;
}

static inline struct eff_step
restdest_step(struct restdest *w, struct eff_delivery *delivery, const struct eff_response *last)
{
    struct eff_task task = {.kind = EFF_TASK_DELIVER,
                            .delivery = delivery,
                            .arena = w->arena,
                            .object = delivery->object};

    w->err = (struct eff_err){0};
    return w->dest->ops->step(w->dest, &task, last, &w->err);
}

static inline struct eff_response
restdest_answer(int status, const char *body)
{
    return (struct eff_response){.wire = EFF_WIRE_ANSWERED,
                                 .status = status,
                                 .body = eff_str_of(body),
                                 .now_wall_ms = 1767225600000};
}

#endif
