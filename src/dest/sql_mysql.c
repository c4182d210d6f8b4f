/*
 * dest/sql_mysql: what is particular to MySQL and MariaDB tables as destinations.
 *
 * ON DUPLICATE KEY UPDATE changes whichever record collides on any unique index,
 * and a sync that matches by one column must not rewrite the record that happens
 * to share another. So an upsert updates by its match columns, and inserts where
 * nothing was there: a collision elsewhere is then a refused row that names it.
 */
#include "dest/sql.h"

struct mysql_config {
    eff_str url;
};

static const struct eff_option mysql_options[] = {
    {"url", EFF_OPT_SECRET, offsetof(struct mysql_config, url), NULL, 0, 0,
     "mysql://user:password@host:3306/database; behind a question mark tls=verify|require|off, "
     "ca=FILE, socket=FILE. Other hosts than this one are verified unless it says otherwise.",
     EFF_OPT_REQUIRED, NULL},
};

/* Numbers of MariaDB's and MySQL's error references; from 2000 on the client library's. */
static const struct {
    int code;
    enum eff_fault fault;
    const char *hint;
} mysql_codes[] = {
    {1044, EFF_AUTH, "Grant the user the right to use the database."},
    {1045, EFF_AUTH, "Check the user and the password in the destination's url."},
    {1698, EFF_AUTH, "Check the user and the password in the destination's url."},
    {1142, EFF_AUTH, "Grant the user SELECT, INSERT, UPDATE and DELETE on the table."},
    {1143, EFF_AUTH, "Grant the user the right to read and write those columns."},
    {1130, EFF_AUTH, "Let the user come from this host."},
    {1049, EFF_CONFIG, "Check the database's name in the destination's url."},
    {1054, EFF_CONTRACT, NULL}, // no such column
    {1146, EFF_CONTRACT, NULL}, // no such table
    {2026, EFF_CONFIG,
     "Name the server's authority by ca=FILE in the url; tls=off gives up encryption."},
    {1064, EFF_BROKEN, NULL}, // the statements are ours
};

static eff_str
mysql_between(eff_str text, const char *words)
{
    size_t at = eff_str_find(text, eff_str_of(words));
    eff_str name, rest;

    if (at == SIZE_MAX)
        return EFF_STR_NONE;
    return eff_str_cut(eff_str_sub(text, at + strlen(words), text.len), '\'', &name, &rest)
               ? name
               : EFF_STR_NONE;
}

/* "Unknown column 'x' in ...", "Data too long for column 'x' at row 1", "Field 'x' doesn't ..." */
static eff_str
mysql_column(eff_str text)
{
    eff_str name = mysql_between(text, "olumn '"), part;

    if (name.ptr == NULL)
        name = mysql_between(text, "Field '");
    while (eff_str_find_char(name, '.') != SIZE_MAX)
        eff_str_cut(name, '.', &part, &name);
    return name;
}

static struct eff_table_fault
mysql_judge(const struct eff_response *answer)
{
    struct eff_table_fault fault = {.fault = answer->status == 400 ? EFF_ROW : EFF_TRANSIENT,
                                    .column = mysql_column(answer->problem)};
    int64_t code = 0;

    if (eff_str_is(answer->sqlstate, "url") || eff_str_is(answer->sqlstate, "library")) {
        fault.fault = EFF_CONFIG;
        fault.hint = eff_str_is(answer->sqlstate, "url")
                         ? "Write mysql://user:password@host:3306/database."
                         : "Install libmariadb3 (Debian), or name the library by EFFERENT_MARIADB.";
    }
    if (!eff_str_int(answer->sqlstate, &code))
        return fault;
    for (size_t i = 0; i < sizeof(mysql_codes) / sizeof(mysql_codes[0]); i++) {
        if (mysql_codes[i].code == code) {
            fault.fault = mysql_codes[i].fault;
            fault.hint = mysql_codes[i].hint;
        }
    }
    return fault;
}

static size_t
mysql_table_params(eff_str schema, eff_str table, struct eff_arena *arena,
                   struct eff_value ret_params[2])
{
    (void)arena;
    ret_params[0] = eff_value_of_str(EFF_TEXT, table);
    ret_params[1] = schema.len > 0 ? eff_value_of_str(EFF_TEXT, schema) : (struct eff_value){0};
    return 2;
}

/* Names of tables tell capitals apart where the server does. */
#define MYSQL_TABLE(of)                                                                            \
    of ".table_schema = coalesce(?2, database()) AND " of ".table_name = ?1"                       \
       " AND (@@lower_case_table_names <> 0 OR BINARY " of ".table_name = BINARY ?1)"

/*
 * The numbers are those of enum eff_field_type. Choices: ('a','b') as a JSON array, except
 * where a quote in one of them makes that ambiguous.
 */
#define MYSQL_COLUMNS                                                                                  \
    "SELECT c.column_name, c.column_type,"                                                             \
    " c.is_nullable = 'NO' AND c.column_default IS NULL AND c.extra NOT LIKE '%auto_increment%'"       \
    " AND coalesce(c.generation_expression, '') = '',"                                                 \
    " coalesce(c.generation_expression, '') <> '',"                                                    \
    " EXISTS (SELECT 1 FROM information_schema.statistics s WHERE " MYSQL_TABLE(                       \
        "s") /*            \
     */                                                                           \
        " AND s.column_name = c.column_name AND s.non_unique = 0 AND s.sub_part IS NULL"               \
        " AND NOT EXISTS (SELECT 1 FROM information_schema.statistics o WHERE o.table_schema ="        \
        " s.table_schema AND o.table_name = s.table_name AND o.index_name = s.index_name"              \
        " AND o.seq_in_index > 1)),"                                                                   \
        " CASE WHEN c.collation_name LIKE '%\\_general\\_ci' OR c.collation_name LIKE"                 \
        " '%\\_unicode\\_ci' OR c.collation_name LIKE '%\\_unicode\\_520\\_ci' OR"                     \
        " c.collation_name LIKE '%\\_ai\\_ci' THEN 3"                                                  \
        " WHEN c.collation_name LIKE '%\\_ci' THEN 2 ELSE 0 END,"                                      \
        " CASE WHEN c.data_type IN ('char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext')"  \
        " THEN 1 WHEN c.data_type IN ('tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal'," \
        " 'float', 'double') THEN 2 WHEN c.data_type = 'date' THEN 4"                                  \
        " WHEN c.data_type IN ('datetime', 'timestamp') THEN 5 WHEN c.data_type = 'enum' THEN 6"       \
        " WHEN c.data_type = 'json' THEN 7 ELSE 0 END,"                                                \
        " CASE WHEN c.data_type = 'enum' AND c.column_type NOT LIKE '%''''%' THEN concat('[',"         \
        " replace(replace(replace(substr(c.column_type, 6, char_length(c.column_type) - 6),"           \
        " '\\', '\\\\'), '\"', '\\\"'), '''', '\"'), ']') END"                                         \
        " FROM information_schema.columns c WHERE " MYSQL_TABLE(                                       \
            "c") " ORDER BY c.ordinal_position"

_Static_assert(EFF_FOLD_CASE == 2 && EFF_FOLD_MARKS == 3 && EFF_FIELD_TEXT == 1 &&
                   EFF_FIELD_NUMBER == 2 && EFF_FIELD_DATE == 4 && EFF_FIELD_TIMESTAMP == 5 &&
                   EFF_FIELD_CHOICE == 6 && EFF_FIELD_JSON == 7,
               "the statement above writes these numbers");

#define MYSQL_TABLES                                                                               \
    "SELECT table_name FROM information_schema.tables WHERE table_schema ="                        \
    " coalesce(?1, database()) ORDER BY 1 LIMIT 2000"

#define MYSQL_UNIQUE                                                                               \
    "SELECT s.index_name, CASE WHEN s.sub_part IS NULL THEN s.column_name ELSE '' END"             \
    " FROM information_schema.statistics s WHERE " MYSQL_TABLE(                                    \
        "s") " AND s.non_unique = 0 ORDER BY s.index_name, s.seq_in_index"

static const struct eff_table_dialect mysql_dialect = {
    .dialect = EFF_SQL_MYSQL,
    .title = "MySQL",
    .sigil = '?',
    .name_max = 256, // 64 characters; the server refuses a longer one by itself
    .mend = "Add what is missing to the table, or take it out of the sync.",
    .judge = mysql_judge,
    .columns_sql = {MYSQL_COLUMNS, sizeof(MYSQL_COLUMNS) - 1},
    .tables_sql = {MYSQL_TABLES, sizeof(MYSQL_TABLES) - 1},
    .unique_sql = {MYSQL_UNIQUE, sizeof(MYSQL_UNIQUE) - 1},
    .any_unique = true,
    .table_params = mysql_table_params,
};

static enum eff_fault
mysql_open(const struct eff_dest_conf *conf, struct eff_arena *run, struct eff_dest **ret_dest,
           struct eff_err *err)
{
    const struct mysql_config *config = conf->config;

    if (config->url.len == 0)
        return EFF_FAIL(err, EFF_CONFIG, "the destination " EFF_STR_FMT " has no url",
                        EFF_STR_ARG(conf->name));
    EFF_TRY(eff_table_open(conf, &mysql_dialect, config->url, EFF_STR_NONE, run, ret_dest));
    (*ret_dest)->ops = &eff_dest_mysql;
    return EFF_OK;
}

const struct eff_dest_ops eff_dest_mysql = {
    .kind = "mysql",
    .title = "MySQL",
    .options = mysql_options,
    .options_count = sizeof(mysql_options) / sizeof(mysql_options[0]),
    .config_size = sizeof(struct mysql_config),
    .open = mysql_open,
    .bind = eff_table_bind,
    .item_bytes = eff_table_item_bytes,
    .step = eff_table_step,
};
