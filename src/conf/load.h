/*
 * conf/load: what the parts of reading a project share.
 *
 * Inside conf only. The raw structs are what the option tables fill; the parts
 * turn them into the structs of conf/project.h.
 */
#ifndef EFF_CONF_LOAD_H
#define EFF_CONF_LOAD_H

#include "conf/project.h"

/* Bounds that keep a hostile project cheap to refuse; far beyond any real one. */
#define EFF_LOAD_FIELDS_MAX 2000
#define EFF_LOAD_SYNCS_MAX  2000
#define EFF_LOAD_NAMES_MAX  1000 /* sources, destinations */
#define EFF_LOAD_FILES_MAX  2000
#define EFF_LOAD_LIST_MAX   64 /* key columns, tags, after */
#define EFF_LOAD_NAME_BYTES 64

struct eff_load {
    const struct eff_project_input *input;
    struct eff_arena *arena;
    struct eff_problems *problems;
    struct eff_project *project;
};

struct eff_project_raw {
    eff_str name;
    const struct eff_node *state, *sources, *destinations, *targets;
    int64_t memory_bytes;
    eff_str secrets;
    struct eff_dbt_conf dbt;
};

struct eff_target_raw {
    const struct eff_node *state, *sources, *destinations;
    eff_str dbt_target_path, dbt_manifest;
};

struct eff_sync_raw {
    eff_str name, description, source, model, sql, table;
    struct eff_str_list key, tags, after;
    const struct eff_node *to, *match, *fields, *max_removed;
    int mode, on_removed, on_null, ambiguous;
    double max_changed, max_rejected;
    bool enabled, read_back;
    int64_t memory_bytes;
    struct eff_exposure_conf exposure;
};

struct eff_field_raw {
    eff_str from, template, format, zone;
    const struct eff_node *constant, *map, *otherwise, *fallback;
    bool trim, lower, upper;
    int cast, normalize, hash, on_null; /* index + 1 for the first three; 0: none */
};

struct eff_state_raw {
    eff_str path;
    bool must_exist;
};

struct eff_to_raw {
    eff_str destination, object;
};

struct eff_removed_raw {
    double percent;
    int64_t rows;
};

extern const struct eff_option eff_target_options[], eff_state_options[], eff_to_options[],
    eff_removed_options[];
extern const size_t eff_target_options_count, eff_state_options_count, eff_to_options_count,
    eff_removed_options_count;
/* Kinds of sources that are planned and refused as such; NULL at the end. */
extern const char *const eff_later_sources[];

/* Letters, digits, _ and -, not - first, at most 64: used as a folder's name too. */
bool eff_load_name(struct eff_load *load, struct eff_place place, const char *what, eff_str name);

/* One document with `sync:`; into *ret as far as it can be read. */
void eff_load_sync(struct eff_load *load, const struct eff_node *document,
                   struct eff_sync_conf *ret);
/* `fields:` or `match:`: a mapping, a list, or (match) one name. */
void eff_load_fields(struct eff_load *load, const struct eff_node *node, bool match,
                     enum eff_null_policy on_null, size_t *ret_count,
                     const struct eff_field_conf **ret_fields);
/* What can be judged only when all syncs are known: names, `after`, cycles. */
void eff_load_check(struct eff_load *load);

#endif
