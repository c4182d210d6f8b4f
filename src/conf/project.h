/*
 * conf/project: efferent.yml and the files of syncs/, read and checked as a whole.
 *
 * A project applies whole or not at all; all problems are reported at once.
 */
#ifndef EFF_CONF_PROJECT_H
#define EFF_CONF_PROJECT_H

#include "conf/option.h"
#include "conf/yaml.h"
#include "flow/lookup.h"
#include "flow/mapping.h"

/* A kind of source or destination that `type:` may name. */
struct eff_kind_desc {
    eff_str kind;
    const struct eff_option *options;
    size_t options_count;
    size_t config_size;
    const void *user; /* the ops or the connector behind it */
};

struct eff_source_conf {
    eff_str name;
    const struct eff_kind_desc *kind;
    const void *config; /* of kind->config_size */
    struct eff_place place;
};

struct eff_dest_conf {
    eff_str name;
    const struct eff_kind_desc *kind;
    const void *config;
    size_t hosts_count;
    const eff_str
        *hosts; /* of this block's urls, not of defaults: lower case, no port or brackets */
    struct eff_place place;
};

enum eff_mode {
    EFF_MODE_UPSERT = 1,
    EFF_MODE_UPDATE,
    EFF_MODE_INSERT,
    EFF_MODE_MIRROR,
    EFF_MODE_APPEND,
    EFF_MODE_MEMBERS
};
/* mirror and members: DELETE unless given; insert and append: KEEP, and nothing else can be given */
enum eff_removed {
    EFF_REMOVED_KEEP = 0,
    EFF_REMOVED_CLEAR,
    EFF_REMOVED_ARCHIVE,
    EFF_REMOVED_DELETE
};

extern const char *const eff_mode_names[]; /* by value; NULL at the end */
extern const char *const eff_removed_names[];

enum eff_model_kind { EFF_MODEL_SQL = 1, EFF_MODEL_TABLE, EFF_MODEL_FILE };

/* One entry of fields: or match:, checked but not yet bound to the source's columns. */
struct eff_field_conf {
    eff_str name;     /* destination field */
    eff_str from;     /* column; ptr == NULL for a constant or a template */
    eff_str template; /* "{{ first }} {{ last }}", or ptr == NULL */
    bool has_constant;
    struct eff_value constant;
    size_t transforms_count;
    const struct eff_transform *transforms; /* in the order they apply */
    enum eff_null_policy on_null;
    struct eff_place place;
};

/*
 * Walks "{{ first }} {{ last }}": each call gives the text before the next column, and that
 * column (EFF_STR_NONE behind the last one). Returns false at the end; *ret_bad is then
 * SIZE_MAX, or the offset in *rest from which it cannot be read.
 */
bool eff_template_next(eff_str *rest, eff_str *ret_text, eff_str *ret_column, size_t *ret_bad);

struct eff_sync_conf {
    eff_str name;
    const struct eff_source_conf *source;
    enum eff_model_kind model_kind;
    eff_str model;      /* SQL text, table name, or (EFF_MODEL_FILE) the SQL text of that file */
    eff_str model_name; /* what model:x selects: the table, or the file without .sql; or none */
    size_t key_count;
    const eff_str *key;
    const struct eff_dest_conf *dest;
    eff_str object;
    size_t match_count; /* 0: the key columns under their own names */
    const struct eff_field_conf *match;
    enum eff_mode mode;
    size_t fields_count;
    const struct eff_field_conf *fields;
    enum eff_removed on_removed; /* mirror: DELETE */
    bool on_removed_given;
    double guard_removed_percent; /* default 10 */
    int64_t guard_removed_rows;   /* -1: no absolute bound */
    double guard_changed_percent; /* -1: none */
    bool enabled;                 /* default true */
    size_t tags_count;
    const eff_str *tags;
    size_t after_count; /* syncs that must have ended well first */
    const eff_str *after;
    int64_t memory_bytes;
    bool blind_twice; /* ambiguous: at_least_once (default at_most_once) */
    eff_str description;
    struct eff_place place;
    struct eff_place model_place, key_place, to_place, mode_place, after_place;
};

struct eff_project {
    eff_str name;
    eff_str root;   /* absolute folder of efferent.yml */
    eff_str target; /* ptr == NULL: none */
    eff_str state;  /* absolute path of the state folder (per target: <state>/<target>) */
    bool state_must_exist;
    int64_t memory_bytes; /* per sync, default 256 MiB */
    size_t sources_count;
    const struct eff_source_conf *sources;
    size_t dests_count;
    const struct eff_dest_conf *dests;
    size_t syncs_count;
    const struct eff_sync_conf *syncs;
    size_t secrets_count; /* values to be redacted wherever text leaves the process */
    const eff_str *secrets;
};

struct eff_project_input {
    eff_str root;   /* folder that holds efferent.yml */
    eff_str target; /* --target, or ptr == NULL */
    const struct eff_lookup *lookup;
    size_t source_kinds_count;
    const struct eff_kind_desc *source_kinds;
    size_t dest_kinds_count;
    const struct eff_kind_desc *dest_kinds;
    /*
     * Files come through this, so that tests and fuzzers need no disk. Paths are terminated
     * and start with root; list gives the names in the folder, none when it is not there.
     */
    void *files;
    bool (*read)(void *files, eff_str path, struct eff_arena *arena, eff_str *ret_bytes,
                 struct eff_err *err);
    bool (*list)(void *files, eff_str folder, struct eff_arena *arena, size_t *ret_count,
                 eff_str **ret_names);
};

/*
 * False when problems were added; what could be read is still in ret_project. Problems are
 * in order of their places. problems->arena must live as long as the project.
 */
bool eff_project_load(const struct eff_project_input *input, struct eff_arena *arena,
                      struct eff_project **ret_project, struct eff_problems *problems);

/* The tables, for help, the reference page and the JSON Schema. */
extern const struct eff_option eff_project_options[], eff_sync_options[], eff_field_options[];
extern const size_t eff_project_options_count, eff_sync_options_count, eff_field_options_count;

/*
 * Syncs chosen by --select and --exclude in dbt's grammar: names with *, tag:x,
 * destination:x, source:x, model:x, +x and x+ (by `after`); blank = union, comma =
 * intersection. Marks ret_chosen[i]; an expression that matches nothing is a problem.
 */
enum eff_fault eff_project_select(const struct eff_project *project, size_t select_count,
                                  const eff_str *select, size_t exclude_count,
                                  const eff_str *exclude, bool *ret_chosen, struct eff_err *err);

#endif
