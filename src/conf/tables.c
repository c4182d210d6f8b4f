/*
 * conf/tables: every key of a project, as rows.
 *
 * Parsing, the JSON Schema and the reference page derive from them.
 */
#include "conf/load.h"

#define ROW_COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* clang-format off */
#define PROJECT(member) offsetof(struct eff_project_raw, member)
const struct eff_option eff_project_options[] = {
    {"name", EFF_OPT_STR, PROJECT(name), NULL, 0, 0,
     "The project's name in messages; without it, the name of its folder."},
    {"state", EFF_OPT_NODE, PROJECT(state), NULL, 0, 0,
     "Folder for what is known between runs (default `.efferent`), or `{path, must_exist}`; with `--target NAME`, the folder NAME in it.",
     EFF_OPT_RAW},
    {"sources", EFF_OPT_NODE, PROJECT(sources), NULL, 0, 0,
     "Warehouses and databases to read from: a name, and below it `type:` and the options of that type.", EFF_OPT_RAW},
    {"destinations", EFF_OPT_NODE, PROJECT(destinations), NULL, 0, 0,
     "Tools to write to: a name, and below it `type:` and the options of that type.", EFF_OPT_RAW},
    {"targets", EFF_OPT_NODE, PROJECT(targets), NULL, 0, 0,
     "Other settings for `--target NAME`: a source or destination given there replaces the one of the same name entirely.", EFF_OPT_RAW},
    {"secrets", EFF_OPT_PATH, PROJECT(secrets), NULL, 0, 0,
     "File of `NAME=value` lines for `${secret:NAME}`; its mode must be 0600 or stricter."},
    {"memory", EFF_OPT_SIZE, PROJECT(memory_bytes), "256MiB", 16 << 20, (int64_t)1 << 40,
     "Memory that one sync may use."},
    {"dbt.project", EFF_OPT_PATH, PROJECT(dbt.project), NULL, 0, 0,
     "Folder of the dbt project whose models `model: ref('name')` names."},
    {"dbt.target_path", EFF_OPT_STR, PROJECT(dbt.target_path), NULL, 0, 0,
     "Folder of manifest.json and run_results.json, relative to the dbt project; without it, as dbt has it (`DBT_TARGET_PATH`, `target-path:`, target)."},
    {"dbt.manifest", EFF_OPT_PATH, PROJECT(dbt.manifest), NULL, 0, 0,
     "A manifest.json elsewhere; run_results.json and catalog.json are looked for beside it."},
    {"dbt.require_success", EFF_OPT_BOOL, PROJECT(dbt.require_success), "true", 0, 0,
     "Refuse to run a sync whose model, or a test of it, failed in dbt's last build; also: `--ignore-dbt-status`."},
    {"dbt.profiles_dir", EFF_OPT_PATH, PROJECT(dbt.profiles_dir), NULL, 0, 0,
     "Folder of profiles.yml; without it, where dbt looks (`DBT_PROFILES_DIR`, the dbt project, ~/.dbt)."},
    {"dbt.owner.name", EFF_OPT_STR, PROJECT(dbt.exposure.owner_name), NULL, 0, 0,
     "Owner of the exposures that `efferent dbt exposures` writes; without any, the project's name."},
    {"dbt.owner.email", EFF_OPT_STR, PROJECT(dbt.exposure.owner_email), NULL, 0, 0, "The owner's address."},
    {"dbt.maturity", EFF_OPT_ENUM, PROJECT(dbt.exposure.maturity), "none", 0, 0,
     "Maturity of the exposures.", 0, "none|low|medium|high"},
    {"dbt.url", EFF_OPT_STR, PROJECT(dbt.exposure.url), NULL, 0, 0, "Link of the exposures."},
    {"alerts", EFF_OPT_NODE, 0, NULL, 0, 0,
     "Remove it; let whatever starts `efferent run` look at its exit code.", EFF_OPT_LATER},
    {"schedule", EFF_OPT_NODE, 0, NULL, 0, 0,
     "Remove it; start `efferent run` from cron or a systemd timer.", EFF_OPT_LATER},
    {"keep", EFF_OPT_NODE, 0, NULL, 0, 0,
     "Remove it; fingerprints are kept, values are not.", EFF_OPT_LATER},
};
const size_t eff_project_options_count = ROW_COUNT(eff_project_options);

#define TARGET(member) offsetof(struct eff_target_raw, member)
const struct eff_option eff_target_options[] = {
    {"sources", EFF_OPT_NODE, TARGET(sources), NULL, 0, 0, "As in the project; replaces by name.", EFF_OPT_RAW},
    {"destinations", EFF_OPT_NODE, TARGET(destinations), NULL, 0, 0, "As in the project; replaces by name.", EFF_OPT_RAW},
    {"state", EFF_OPT_NODE, TARGET(state), NULL, 0, 0, "Used as given: the target's name is not appended.", EFF_OPT_RAW},
    {"dbt.target_path", EFF_OPT_STR, TARGET(dbt_target_path), NULL, 0, 0, "As in the project; replaces it."},
    {"dbt.manifest", EFF_OPT_PATH, TARGET(dbt_manifest), NULL, 0, 0, "As in the project; replaces it."},
};
const size_t eff_target_options_count = ROW_COUNT(eff_target_options);

#define STATE(member) offsetof(struct eff_state_raw, member)
const struct eff_option eff_state_options[] = {
    {"path", EFF_OPT_PATH, STATE(path), ".efferent", 0, 0, "The folder."},
    {"must_exist", EFF_OPT_BOOL, STATE(must_exist), "false", 0, 0,
     "Refuse to run when there is no state yet, instead of starting anew: for machines where a missing disk would resend everything."},
};
const size_t eff_state_options_count = ROW_COUNT(eff_state_options);

#define SYNC(member) offsetof(struct eff_sync_raw, member)
const struct eff_option eff_sync_options[] = {
    {"sync", EFF_OPT_STR, SYNC(name), NULL, 0, 0,
     "The sync's name: letters, digits, `_` and `-`, at most 64.", EFF_OPT_REQUIRED},
    {"description", EFF_OPT_STR, SYNC(description), NULL, 0, 0, "For people."},
    {"source", EFF_OPT_STR, SYNC(source), NULL, 0, 0,
     "Name of the source to read; may be left out when there is only one."},
    {"sql", EFF_OPT_STR, SYNC(sql), NULL, 0, 0, "The query whose rows are sent."},
    {"table", EFF_OPT_STR, SYNC(table), NULL, 0, 0, "A table or view to send whole, such as `analytics.lead_scores`."},
    {"model", EFF_OPT_STR, SYNC(model), NULL, 0, 0,
     "A file that holds the query, such as `models/leads.sql`, relative to this file; or, of dbt, `ref('leads')` or `source('shop', 'leads')`."},
    {"key", EFF_OPT_LIST, SYNC(key), NULL, 0, 0,
     "The column, or columns, that tell one row from all others. Needed, unless the model is dbt's and its `meta` or its tests tell the key."},
    {"to", EFF_OPT_NODE, SYNC(to), NULL, 0, 0,
     "Where the rows go: `destination.object`, or `{destination, object}`.", EFF_OPT_REQUIRED},
    {"match", EFF_OPT_NODE, SYNC(match), NULL, 0, 0,
     "Which record it is, over there: destination fields and where their values come from; without it, the key columns under their own names."},
    {"mode", EFF_OPT_ENUM, SYNC(mode), "upsert", 0, 0, "What new, changed and vanished rows become.", 0,
     "upsert|update|insert|mirror|append|members"},
    {"fields", EFF_OPT_NODE, SYNC(fields), NULL, 0, 0,
     "What is sent: a list of columns when the names agree, else destination fields and where their values come from."},
    {"null", EFF_OPT_ENUM, SYNC(on_null), "send", 0, 0,
     "A NULL is sent and clears the field; `skip` leaves the field alone.", 0, "send|skip"},
    {"on_removed", EFF_OPT_ENUM, SYNC(on_removed), "keep", 0, 0,
     "What becomes of a record whose row vanished; in mode mirror `delete`, unless `archive` is given.", 0,
     "keep|clear|archive|delete"},
    {"guard.max_removed", EFF_OPT_NODE, SYNC(max_removed), NULL, 0, 0,
     "Removals beyond this are held for `efferent approve`: a percentage of the known rows (default 10%), a number of rows, or `{percent, rows}`."},
    {"guard.max_changed", EFF_OPT_PERCENT, SYNC(max_changed), NULL, 0, 0,
     "Changes beyond this percentage of the known rows are held; without it, there is no bound."},
    {"guard.max_rejected", EFF_OPT_PERCENT, SYNC(max_rejected), "20%", 0, 0,
     "When more than this share of the first 200 rows is refused for one and the same cause, the run stops: something changed over there. `100%` goes on whatever is refused."},
    {"ambiguous", EFF_OPT_ENUM, SYNC(ambiguous), "at_most_once", 0, 0,
     "When an answer was lost and the destination cannot be asked: hold the row, or send it again and accept a possible duplicate.", 0,
     "at_most_once|at_least_once"},
    {"read_back", EFF_OPT_BOOL, SYNC(read_back), "true", 0, 0,
     "After a run, some of the delivered records are read back, where the destination can be read: did it keep what it acknowledged? `false` trusts its word."},
    {"enabled", EFF_OPT_BOOL, SYNC(enabled), "true", 0, 0, "`false` leaves the sync out of every run."},
    {"tags", EFF_OPT_LIST, SYNC(tags), NULL, 0, 0, "Words to select it by: `--select tag:sales`."},
    {"after", EFF_OPT_LIST, SYNC(after), NULL, 0, 0, "Syncs that must have ended well before this one starts."},
    {"memory", EFF_OPT_SIZE, SYNC(memory_bytes), NULL, 16 << 20, (int64_t)1 << 40,
     "Memory that this sync may use; without it, the project's."},
    {"schedule", EFF_OPT_NODE, 0, NULL, 0, 0,
     "Remove it; start `efferent run` from cron or a systemd timer.", EFF_OPT_LATER},
    {"alerts", EFF_OPT_NODE, 0, NULL, 0, 0,
     "Remove it; let whatever starts `efferent run` look at its exit code.", EFF_OPT_LATER},
    {"keep", EFF_OPT_NODE, 0, NULL, 0, 0,
     "Remove it; fingerprints are kept, values are not.", EFF_OPT_LATER},
    {"dbt.owner.name", EFF_OPT_STR, SYNC(exposure.owner_name), NULL, 0, 0,
     "Owner of this sync's exposure in dbt; without it, as the project says."},
    {"dbt.owner.email", EFF_OPT_STR, SYNC(exposure.owner_email), NULL, 0, 0, "The owner's address."},
    {"dbt.maturity", EFF_OPT_ENUM, SYNC(exposure.maturity), "none", 0, 0,
     "Maturity of the exposure.", 0, "none|low|medium|high"},
    {"dbt.url", EFF_OPT_STR, SYNC(exposure.url), NULL, 0, 0, "Link of the exposure."},
};
const size_t eff_sync_options_count = ROW_COUNT(eff_sync_options);

#define TO(member) offsetof(struct eff_to_raw, member)
const struct eff_option eff_to_options[] = {
    {"destination", EFF_OPT_STR, TO(destination), NULL, 0, 0, "Name of the destination.", EFF_OPT_REQUIRED},
    {"object", EFF_OPT_STR, TO(object), NULL, 0, 0, "Table, object, list or file over there.", EFF_OPT_REQUIRED},
};
const size_t eff_to_options_count = ROW_COUNT(eff_to_options);

#define REMOVED(member) offsetof(struct eff_removed_raw, member)
const struct eff_option eff_removed_options[] = {
    {"percent", EFF_OPT_PERCENT, REMOVED(percent), "100%", 0, 0, "Of the known rows."},
    {"rows", EFF_OPT_INT, REMOVED(rows), NULL, 0, 0, "A number of rows."},
};
const size_t eff_removed_options_count = ROW_COUNT(eff_removed_options);

/* In the order in which they apply. */
#define FIELD(member) offsetof(struct eff_field_raw, member)
const struct eff_option eff_field_options[] = {
    {"from", EFF_OPT_STR, FIELD(from), NULL, 0, 0,
     "The column; without `from`, `template` and `const`, the one with the field's own name."},
    {"template", EFF_OPT_STR, FIELD(template), NULL, 0, 0, "Text with columns in it: `{{ first }} {{ last }}`."},
    {"const", EFF_OPT_NODE, FIELD(constant), NULL, 0, 0, "The same value in every row; stands alone."},
    {"trim", EFF_OPT_BOOL, FIELD(trim), NULL, 0, 0, "Remove blanks at both ends."},
    {"lower", EFF_OPT_BOOL, FIELD(lower), NULL, 0, 0, "A to Z become a to z."},
    {"upper", EFF_OPT_BOOL, FIELD(upper), NULL, 0, 0, "a to z become A to Z."},
    {"map", EFF_OPT_NODE, FIELD(map), NULL, 0, 0,
     "Values and what they become; one that is not listed is refused, unless there is `otherwise`."},
    {"otherwise", EFF_OPT_NODE, FIELD(otherwise), NULL, 0, 0, "What `map` makes of a value that it does not list."},
    {"default", EFF_OPT_NODE, FIELD(fallback), NULL, 0, 0, "What a NULL becomes."},
    {"cast", EFF_OPT_ENUM, FIELD(cast), "none", 0, 0,
     "Convert to another type; what does not convert exactly is refused.", 0,
     "none|boolean|integer|float|decimal|text|date|time|datetime|instant|json"},
    {"zone", EFF_OPT_STR, FIELD(zone), NULL, 0, 0,
     "A time zone by its name, as in `Europe/Berlin`: a time without a zone is one over there, and becomes an instant; "
     "an instant becomes the time that it is over there."},
    {"format", EFF_OPT_STR, FIELD(format), NULL, 0, 0, "A date or time as text, in the manner of strftime: `%Y-%m-%d`."},
    {"normalize", EFF_OPT_ENUM, FIELD(normalize), "none", 0, 0, "The ad platforms' rules for an identifier.", 0,
     EFF_NORMALIZE_NAMES},
    {"hash", EFF_OPT_ENUM, FIELD(hash), "none", 0, 0, "SHA-256 as lower-case hex text; NULL and empty text stay as they are.", 0,
     "none|sha256"},
    {"null", EFF_OPT_ENUM, FIELD(on_null), "send", 0, 0,
     "`skip` leaves the field alone when the value is NULL; without it, as the sync says.", 0, "send|skip"},
};
const size_t eff_field_options_count = ROW_COUNT(eff_field_options);
/* clang-format on */

const char *const eff_later_sources[] = {"snowflake", "bigquery", "redshift",   "databricks",
                                         "trino",     "mysql",    "clickhouse", NULL};

const char *const eff_mode_names[] = {"none",   "upsert", "update",  "insert",
                                      "mirror", "append", "members", NULL};
const char *const eff_removed_names[] = {"keep", "clear", "archive", "delete", NULL};
