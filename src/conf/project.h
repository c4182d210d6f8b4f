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

struct eff_project;
struct eff_project_input;

/* A kind of source or destination that `type:` may name. */
struct eff_kind_desc {
    eff_str kind;
    const struct eff_option *options;
    size_t options_count;
    size_t config_size;
    const void *user; /* the ops or the connector behind it */
    /*
     * A kind that stands for another one: the block to read in its place, with a `type` of its
     * own, or NULL with a problem. NULL where the kind stands for itself.
     */
    const struct eff_node *(*translate)(const struct eff_project_input *input,
                                        const struct eff_project *project, const void *config,
                                        struct eff_place place, struct eff_problems *problems);
};

struct eff_source_conf {
    eff_str name;
    const struct eff_kind_desc *kind;
    const void *config; /* of kind->config_size */
    struct eff_place place;
    bool added; /* by the target, in the place of none */
};

struct eff_dest_conf {
    eff_str name;
    const struct eff_kind_desc *kind;
    const void *config;
    size_t hosts_count;
    const eff_str
        *hosts; /* of this block's urls, not of defaults: lower case, no port or brackets */
    struct eff_place place;
    bool added; /* by the target, in the place of none */
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

enum eff_model_kind { EFF_MODEL_SQL = 1, EFF_MODEL_TABLE, EFF_MODEL_FILE, EFF_MODEL_REF };

/* `model:` in dbt's words: ref('package', 'name', v=2), or source('name', 'table'). */
struct eff_model_ref {
    bool is_source;
    eff_str package; /* or the source's name; ptr == NULL: any */
    eff_str name;    /* or the table's */
    eff_str version; /* ptr == NULL: the latest */
};
/* False with *ret_wrong, one line, when the text is no such call. */
bool eff_model_ref_parse(eff_str text, struct eff_model_ref *ret_ref, const char **ret_wrong);
/* Takes a text in quotes off the front of the arguments of such a call, and the blanks around. */
bool eff_ref_take_text(eff_str *rest, eff_str *ret_text);

/* A model, seed, snapshot or source of a dbt project, as far as selecting by it needs. */
struct eff_model {
    eff_str id; /* dbt's unique id: "model.shop.customers" */
    eff_str name, package;
    eff_str path; /* of the file that defines it, below the dbt project */
    size_t tags_count;
    const eff_str *tags;
    size_t parents_count;
    const size_t *parents; /* indices into the same list */
};

struct eff_models {
    size_t count;
    const struct eff_model *at;
};

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

/* `dbt:` of a project or sync: what its exposures say. */
struct eff_exposure_conf {
    eff_str owner_name, owner_email, url;
    int maturity; /* index into "none|low|medium|high" */
};

/* `dbt:` of the project. */
struct eff_dbt_conf {
    bool given;
    eff_str project;      /* absolute folder of dbt_project.yml */
    eff_str target_path;  /* as given, relative to that folder; ptr == NULL: as dbt has it */
    eff_str manifest;     /* absolute; ptr == NULL: in the target path */
    eff_str profiles_dir; /* absolute; ptr == NULL: where dbt looks */
    bool require_success;
    struct eff_exposure_conf exposure;
    struct eff_place place;
};

struct eff_sync_conf {
    eff_str name;
    const struct eff_source_conf *source;
    enum eff_model_kind model_kind;
    /*
     * SQL text, table name, the SQL text of a file (EFF_MODEL_FILE), or what reads the
     * relation that dbt builds (EFF_MODEL_REF: ptr == NULL until its manifest was read).
     */
    eff_str model;
    struct eff_model_ref ref;      /* EFF_MODEL_REF */
    const struct eff_model *built; /* EFF_MODEL_REF: by dbt as this; NULL until it is known */
    eff_str refused, refused_hint; /* why it must not run now; ptr == NULL: it may */
    bool private_model; /* values of its columns are not shown; of unlike_columns the reverse */
    size_t unlike_count;
    const eff_str *unlike_columns;
    eff_str model_name; /* what model:x selects: the table, or the file without .sql; or none */
    size_t key_count;
    const eff_str *key;
    bool key_of_dbt; /* not written down */
    const struct eff_dest_conf *dest;
    eff_str object;
    size_t match_count; /* 0: the key columns under their own names */
    const struct eff_field_conf *match;
    enum eff_mode mode;
    size_t fields_count;
    const struct eff_field_conf *fields;
    enum eff_removed on_removed; /* mirror: DELETE */
    bool on_removed_given;
    double guard_removed_percent;  /* default 10 */
    int64_t guard_removed_rows;    /* -1: no absolute bound */
    double guard_changed_percent;  /* -1: none */
    double guard_rejected_percent; /* of the first rows, for one cause; default 20 */
    bool enabled;                  /* default true */
    bool read_back;                /* some delivered rows, after each run; default true */
    size_t tags_count;
    const eff_str *tags;
    size_t after_count; /* syncs that must have ended well first */
    const eff_str *after;
    int64_t memory_bytes;
    bool blind_twice; /* ambiguous: at_least_once (default at_most_once) */
    eff_str description;
    struct eff_exposure_conf exposure;
    struct eff_place place;
    struct eff_place model_place, key_place, to_place, mode_place, removed_place, after_place;
};

struct eff_project {
    eff_str name;
    eff_str root;   /* absolute folder of efferent.yml */
    eff_str target; /* ptr == NULL: none */
    eff_str state;  /* absolute path of the state folder (per target: <state>/<target>) */
    bool state_must_exist;
    eff_str marks; /* absolute folder beside all states (run/older.h); ptr == NULL: there is none */
    int64_t memory_bytes; /* per sync, default 256 MiB */
    size_t sources_count;
    const struct eff_source_conf *sources;
    size_t dests_count;
    const struct eff_dest_conf *dests;
    size_t syncs_count;
    const struct eff_sync_conf *syncs;
    struct eff_dbt_conf dbt;
    struct eff_models models; /* of the dbt project; none until its manifest was read */
    size_t secrets_count;     /* values to be redacted wherever text leaves the process */
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
     * and start with root; list gives the names in the folder, none when it is not there, and
     * fails with err->code ENOTDIR for what is no folder.
     */
    void *files;
    bool (*read)(void *files, eff_str path, struct eff_arena *arena, eff_str *ret_bytes,
                 struct eff_err *err);
    bool (*list)(void *files, eff_str folder, struct eff_arena *arena, size_t *ret_count,
                 eff_str **ret_names, struct eff_err *err);
};

/*
 * False when problems were added; what could be read is still in ret_project. Problems are
 * in order of their places. problems->arena must live as long as the project.
 */
bool eff_project_load(const struct eff_project_input *input, struct eff_arena *arena,
                      struct eff_project **ret_project, struct eff_problems *problems);

/*
 * A key that is known only now, because dbt's manifest has it: as if `key:` had been written
 * there. Adds problems.
 */
void eff_sync_late_key(struct eff_sync_conf *sync, struct eff_str_list key, struct eff_place place,
                       struct eff_problems *problems);

/* The tables, for help, the reference page and the JSON Schema. */
extern const struct eff_option eff_project_options[], eff_sync_options[], eff_field_options[];
extern const size_t eff_project_options_count, eff_sync_options_count, eff_field_options_count;

/*
 * Syncs chosen by --select and --exclude in dbt's grammar: names with *, tag:x,
 * destination:x, source:x, model:x, path:x, package:x, +x and x+ (by `after`, and by the
 * graph of project->models); blank = union, comma = intersection. Marks ret_chosen[i]; an expression that matches nothing is a problem.
 */
enum eff_fault eff_project_select(const struct eff_project *project, size_t select_count,
                                  const eff_str *select, size_t exclude_count,
                                  const eff_str *exclude, bool *ret_chosen, struct eff_err *err);

#endif
