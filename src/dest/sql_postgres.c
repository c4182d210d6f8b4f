/*
 * dest/sql_postgres: what is particular to PostgreSQL tables as destinations.
 *
 * Parameters carry no type: the server takes the column's, and reads the text.
 */
#include "base/buf.h"
#include "dest/sql.h"

struct postgres_config {
    eff_str url;
    eff_str schema;
};

static const struct eff_option postgres_options[] = {
    {"url", EFF_OPT_SECRET, offsetof(struct postgres_config, url), NULL, 0, 0,
     "Any libpq connection string or URL.", EFF_OPT_REQUIRED, NULL},
    {"schema", EFF_OPT_STR, offsetof(struct postgres_config, schema), NULL, 0, 0,
     "Schema of tables that are named without one; else the server's search_path decides.", 0,
     NULL},
};

/* What a code means, by its longest prefix that is here: Appendix A of PostgreSQL's manual. */
static const struct {
    const char *prefix;
    enum eff_fault fault;
    const char *hint;
} postgres_codes[] = {
    {"42P10", EFF_CONTRACT, NULL}, // ON CONFLICT without a unique index
    {"42703", EFF_CONTRACT, NULL}, // no such column
    {"42P01", EFF_CONTRACT, NULL}, // no such table
    {"42501", EFF_AUTH, "Grant the role SELECT, INSERT, UPDATE and DELETE on the table."},
    {"428C9", EFF_CONTRACT, "Take the generated column out of the sync."},
    {"3D000", EFF_CONFIG, "Check the database's name in the destination's url."},
    {"3F000", EFF_CONFIG, "Check the schema's name."},
    {"F0000", EFF_CONFIG,
     "Check the destination's url; signs like @ : / in a password are written as %40 %3a %2f."},
    {"0A000", EFF_CONTRACT, NULL},
    {"21", EFF_ROW, NULL},
    {"22", EFF_ROW, NULL},
    {"23", EFF_ROW, NULL},
    {"28", EFF_AUTH, "Check the user and the password in the destination's url."},
    {"42", EFF_CONTRACT, NULL},
    {"44", EFF_ROW, NULL},
    {"54", EFF_ROW, NULL}, // a row too large for an index or a page
    {"P0", EFF_ROW, NULL}, // RAISE in a trigger
};

static eff_str
postgres_column(eff_str text)
{
    size_t at = eff_str_find(text, EFF_STR("column \""));
    eff_str name, rest;

    if (at == SIZE_MAX)
        return EFF_STR_NONE;
    return eff_str_cut(eff_str_sub(text, at + 8, text.len), '"', &name, &rest) ? name
                                                                               : EFF_STR_NONE;
}

static struct eff_table_fault
postgres_judge(const struct eff_response *answer)
{
    struct eff_table_fault fault = {.fault = EFF_TRANSIENT,
                                    .column = postgres_column(answer->problem)};

    for (size_t i = 0; i < sizeof(postgres_codes) / sizeof(postgres_codes[0]); i++) {
        if (!eff_str_starts(answer->sqlstate, eff_str_of(postgres_codes[i].prefix)))
            continue;
        fault.fault = postgres_codes[i].fault;
        fault.hint = postgres_codes[i].hint;
        break;
    }
    fault.no_unique_index = eff_str_is(answer->sqlstate, "42P10");
    return fault;
}

/* One text, quoted as in SQL: to_regclass reads it as a statement would. */
static size_t
postgres_table_params(eff_str schema, eff_str table, struct eff_arena *arena,
                      struct eff_value ret_params[2])
{
    struct eff_table_name whole = {schema, table};
    struct eff_buf buf = {0};

    eff_table_quote_table(&buf, &whole);
    ret_params[0] = eff_value_of_str(EFF_TEXT, eff_str_copy(arena, eff_buf_str(&buf)));
    eff_buf_free(&buf);
    return 1;
}

/* The numbers are those of enum eff_field_type. */
#define POSTGRES_COLUMNS                                                                           \
    "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod),"                                \
    " a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',"                                    \
    " a.attgenerated <> '' OR a.attidentity = 'a',"                                                \
    " EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique"            \
    " AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum),"   \
    " CASE WHEN coalesce(b.typname, t.typname) = 'citext' OR EXISTS (SELECT 1 FROM pg_collation l" \
    " WHERE l.oid = a.attcollation AND to_jsonb(l) ->> 'collisdeterministic' = 'false') THEN 2"    \
    " ELSE 0 END,"                                                                                 \
    " CASE WHEN t.typtype = 'e' THEN 6 ELSE CASE coalesce(b.typname, t.typname)"                   \
    " WHEN 'text' THEN 1 WHEN 'varchar' THEN 1 WHEN 'bpchar' THEN 1 WHEN 'citext' THEN 1"          \
    " WHEN 'int2' THEN 2 WHEN 'int4' THEN 2 WHEN 'int8' THEN 2 WHEN 'numeric' THEN 2"              \
    " WHEN 'float4' THEN 2 WHEN 'float8' THEN 2 WHEN 'bool' THEN 3 WHEN 'date' THEN 4"             \
    " WHEN 'timestamp' THEN 5 WHEN 'timestamptz' THEN 5 WHEN 'json' THEN 7 WHEN 'jsonb' THEN 7"    \
    " ELSE 0 END END,"                                                                             \
    " (SELECT json_agg(e.enumlabel::text ORDER BY e.enumsortorder) FROM pg_enum e"                 \
    " WHERE e.enumtypid = a.atttypid)"                                                             \
    " FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"                                    \
    " LEFT JOIN pg_type b ON b.oid = t.typbasetype AND t.typtype = 'd'"                            \
    " WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"

_Static_assert(EFF_FOLD_CASE == 2 && EFF_FIELD_TEXT == 1 && EFF_FIELD_NUMBER == 2 &&
                   EFF_FIELD_BOOL == 3 && EFF_FIELD_DATE == 4 && EFF_FIELD_TIMESTAMP == 5 &&
                   EFF_FIELD_CHOICE == 6 && EFF_FIELD_JSON == 7,
               "the statement above writes these numbers");

#define POSTGRES_TABLES                                                                            \
    "SELECT CASE WHEN n.nspname = ANY (current_schemas(false)) AND $1::text IS NULL"               \
    " THEN c.relname::text ELSE n.nspname || '.' || c.relname END"                                 \
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"                               \
    " WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname <> 'information_schema'"               \
    " AND n.nspname NOT LIKE 'pg\\_%' ORDER BY 1 LIMIT 2000"

#define POSTGRES_UNIQUE                                                                            \
    "SELECT u.name, u.part FROM"                                                                   \
    " (SELECT i.indexrelid::regclass::text AS name, coalesce(a.attname::text, '') AS part, k.n"    \
    " FROM pg_index i CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY k (attnum, n)"           \
    " LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"                 \
    " AND k.attnum > 0 WHERE i.indrelid = to_regclass($1) AND i.indisunique AND i.indisvalid"      \
    " AND i.indpred IS NULL AND k.n <= i.indnkeyatts"                                              \
    " UNION ALL SELECT '', '*', 0 FROM pg_class WHERE oid = to_regclass($1)"                       \
    " AND relkind NOT IN ('r', 'p')) u ORDER BY u.name, u.n"

static const struct eff_table_dialect postgres_dialect = {
    .dialect = EFF_SQL_POSTGRES,
    .title = "PostgreSQL",
    .sigil = '$',
    .name_max = 63, // NAMEDATALEN - 1; the server would cut the rest off
    .mend = "Add what is missing to the table, or take it out of the sync.",
    .judge = postgres_judge,
    .columns_sql = {POSTGRES_COLUMNS, sizeof(POSTGRES_COLUMNS) - 1},
    .tables_sql = {POSTGRES_TABLES, sizeof(POSTGRES_TABLES) - 1},
    .unique_sql = {POSTGRES_UNIQUE, sizeof(POSTGRES_UNIQUE) - 1},
    .table_params = postgres_table_params,
};

static enum eff_fault
postgres_open(const struct eff_dest_conf *conf, struct eff_arena *run, struct eff_dest **ret_dest,
              struct eff_err *err)
{
    const struct postgres_config *config = conf->config;

    if (config->url.len == 0)
        return EFF_FAIL(err, EFF_CONFIG, "the destination " EFF_STR_FMT " has no url",
                        EFF_STR_ARG(conf->name));
    EFF_TRY(eff_table_open(conf, &postgres_dialect, config->url, config->schema, run, ret_dest));
    (*ret_dest)->ops = &eff_dest_postgres;
    return EFF_OK;
}

const struct eff_dest_ops eff_dest_postgres = {
    .kind = "postgres",
    .title = "PostgreSQL",
    .options = postgres_options,
    .options_count = sizeof(postgres_options) / sizeof(postgres_options[0]),
    .config_size = sizeof(struct postgres_config),
    .open = postgres_open,
    .bind = eff_table_bind,
    .item_bytes = eff_table_item_bytes,
    .step = eff_table_step,
};
