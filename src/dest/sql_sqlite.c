/*
 * dest/sql_sqlite: what is particular to SQLite files as destinations.
 *
 * Columns of a table that is not STRICT take any value, so their class is told as
 * "any": a contract check must not complain about what SQLite accepts.
 */
#include "dest/sql.h"

struct sqlite_config {
    eff_str path;
};

static const struct eff_option sqlite_options[] = {
    {"path", EFF_OPT_PATH, offsetof(struct sqlite_config, path), NULL, 0, 0,
     "The database file; it and its tables must exist.", EFF_OPT_REQUIRED, NULL},
};

/* Result codes: sqlite.org/rescode.html, the low byte of an extended code. */
enum {
    SQLITE_CODE_ERROR = 1,
    SQLITE_CODE_TOOBIG = 18,
    SQLITE_CODE_CONSTRAINT = 19,
    SQLITE_CODE_MISMATCH = 20,
    SQLITE_CODE_RANGE = 25,
};

static eff_str
sqlite_after(eff_str text, const char *words)
{
    size_t at = eff_str_find(text, eff_str_of(words));

    return at == SIZE_MAX ? EFF_STR_NONE : eff_str_sub(text, at + strlen(words), text.len);
}

/* "no such column: x", "table t has no column named x", "NOT NULL constraint failed: t.x" */
static eff_str
sqlite_column(eff_str text)
{
    static const char *const words[] = {
        "no such column: ", "has no column named ",
        "NOT NULL constraint failed: ", "UNIQUE constraint failed: "};
    eff_str name = EFF_STR_NONE;
    size_t dot;

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && name.ptr == NULL; i++)
        name = sqlite_after(text, words[i]);
    if (eff_str_find_char(name, ',') != SIZE_MAX)
        return EFF_STR_NONE; // several
    while ((dot = eff_str_find_char(name, '.')) != SIZE_MAX)
        name = eff_str_sub(name, dot + 1, name.len);
    return name;
}

static struct eff_table_fault
sqlite_config_fault(const char *hint)
{
    return (struct eff_table_fault){.fault = EFF_CONFIG, .hint = hint};
}

static struct eff_table_fault
sqlite_judge_code(int64_t code, eff_str text)
{
    switch (code & 0xff) {
    case SQLITE_CODE_ERROR:
        return (struct eff_table_fault){
            .fault = EFF_CONTRACT,
            .no_unique_index =
                eff_str_find(text, EFF_STR("ON CONFLICT clause does not match")) != SIZE_MAX,
            .column = sqlite_column(text)};
    case SQLITE_CODE_TOOBIG:
    case SQLITE_CODE_CONSTRAINT:
    case SQLITE_CODE_MISMATCH:
        return (struct eff_table_fault){.fault = EFF_ROW, .column = sqlite_column(text)};
    case SQLITE_CODE_RANGE:
        return (struct eff_table_fault){.fault = EFF_CONTRACT};
    case 3:  // PERM
    case 8:  // READONLY
    case 23: // AUTH
        return sqlite_config_fault("Give the user that runs efferent the right to write the file "
                                   "and its folder.");
    case 14: // CANTOPEN
        return sqlite_config_fault("Check the destination's path: the file must exist.");
    case 11: // CORRUPT
        return sqlite_config_fault("The database is damaged: restore it, or try its .recover.");
    case 26: // NOTADB
        return sqlite_config_fault("Check the destination's path: the file is no SQLite database.");
    default: // BUSY, LOCKED, NOMEM, INTERRUPT, IOERR, FULL, PROTOCOL, SCHEMA
        return (struct eff_table_fault){.fault = EFF_TRANSIENT};
    }
}

static struct eff_table_fault
sqlite_judge(const struct eff_response *answer)
{
    int64_t code = 0;

    if (eff_str_is(answer->sqlstate, "21000"))
        return (struct eff_table_fault){.fault = EFF_ROW};
    if (!eff_str_int(answer->sqlstate, &code))
        return (struct eff_table_fault){.fault =
                                            answer->status == 400 ? EFF_CONTRACT : EFF_TRANSIENT};
    return sqlite_judge_code(code, answer->problem);
}

static size_t
sqlite_table_params(eff_str schema, eff_str table, struct eff_arena *arena,
                    struct eff_value ret_params[2])
{
    (void)arena;
    ret_params[0] = eff_value_of_str(EFF_TEXT, table);
    ret_params[1] = eff_value_of_str(EFF_TEXT, schema.len > 0 ? schema : EFF_STR("main"));
    return 2;
}

/* Class of a type: 1 text, 2 number (enum eff_field_type), 0 any. */
#define SQLITE_COLUMNS                                                                             \
    "SELECT x.name, x.type,"                                                                       \
    " x.\"notnull\" AND x.dflt_value IS NULL AND NOT (x.pk > 0 AND k.keys = 1"                     \
    " AND upper(x.type) = 'INTEGER'),"                                                             \
    " x.hidden IN (2, 3),"                                                                         \
    " (x.pk > 0 AND k.keys = 1) OR EXISTS (SELECT 1 FROM pragma_index_list(?1, ?2) l"              \
    " WHERE l.\"unique\" AND NOT l.partial"                                                        \
    " AND (SELECT count(*) FROM pragma_index_info(l.name, ?2)) = 1"                                \
    " AND (SELECT i.name FROM pragma_index_info(l.name, ?2) i) = x.name),"                         \
    " EXISTS (SELECT 1 FROM pragma_index_list(?1, ?2) l, pragma_index_xinfo(l.name, ?2) i"         \
    " WHERE l.\"unique\" AND NOT l.partial AND i.key AND i.name = x.name"                          \
    " AND upper(i.coll) = 'NOCASE'),"                                                              \
    " CASE WHEN NOT s.is_strict THEN 0 WHEN upper(x.type) = 'TEXT' THEN 1"                         \
    " WHEN upper(x.type) IN ('INT', 'INTEGER', 'REAL') THEN 2 ELSE 0 END,"                         \
    " NULL"                                                                                        \
    " FROM pragma_table_xinfo(?1, ?2) x,"                                                          \
    " (SELECT count(*) AS keys FROM pragma_table_xinfo(?1, ?2) WHERE pk > 0) k,"                   \
    " (SELECT coalesce(max(t.strict), 0) AS is_strict FROM pragma_table_list t"                    \
    " WHERE t.name = ?1 COLLATE NOCASE AND t.schema = ?2 COLLATE NOCASE) s"                        \
    " WHERE x.hidden <> 1 ORDER BY x.cid"

#define SQLITE_UNIQUE                                                                              \
    "SELECT l.name, coalesce(i.name, '') FROM pragma_index_list(?1, ?2) l,"                        \
    " pragma_index_info(l.name, ?2) i WHERE l.\"unique\" AND NOT l.partial"                        \
    " UNION ALL SELECT '', x.name FROM pragma_table_xinfo(?1, ?2) x WHERE x.pk > 0"                \
    " UNION ALL SELECT 'view', '*' FROM pragma_table_list t WHERE t.name = ?1 COLLATE NOCASE"      \
    " AND t.schema = ?2 COLLATE NOCASE AND t.type = 'view' ORDER BY 1"

static const struct eff_table_dialect sqlite_dialect = {
    .dialect = EFF_SQL_SQLITE,
    .title = "SQLite",
    .sigil = '?',
    .mend = "Add what is missing to the table, or take it out of the sync.",
    .judge = sqlite_judge,
    .columns_sql = {SQLITE_COLUMNS, sizeof(SQLITE_COLUMNS) - 1},
    .tables_sql = {"SELECT name FROM pragma_table_list WHERE schema = coalesce(?1, 'main')"
                   " AND name NOT LIKE 'sqlite@_%' ESCAPE '@' ORDER BY name LIMIT 2000",
                   sizeof("SELECT name FROM pragma_table_list WHERE schema = coalesce(?1, 'main')"
                          " AND name NOT LIKE 'sqlite@_%' ESCAPE '@' ORDER BY name LIMIT 2000") -
                       1},
    .unique_sql = {SQLITE_UNIQUE, sizeof(SQLITE_UNIQUE) - 1},
    .table_params = sqlite_table_params,
};

static enum eff_fault
sqlite_open(const struct eff_dest_conf *conf, struct eff_arena *run, struct eff_dest **ret_dest,
            struct eff_err *err)
{
    const struct sqlite_config *config = conf->config;

    if (config->path.len == 0)
        return EFF_FAIL(err, EFF_CONFIG, "the destination " EFF_STR_FMT " has no path",
                        EFF_STR_ARG(conf->name));
    EFF_TRY(eff_table_open(conf, &sqlite_dialect, config->path, EFF_STR_NONE, run, ret_dest));
    (*ret_dest)->ops = &eff_dest_sqlite;
    return EFF_OK;
}

const struct eff_dest_ops eff_dest_sqlite = {
    .kind = "sqlite",
    .title = "SQLite",
    .options = sqlite_options,
    .options_count = sizeof(sqlite_options) / sizeof(sqlite_options[0]),
    .config_size = sizeof(struct sqlite_config),
    .open = sqlite_open,
    .bind = eff_table_bind,
    .item_bytes = eff_table_item_bytes,
    .step = eff_table_step,
};
