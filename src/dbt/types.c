/*
 * dbt/types: which names of types mean the same.
 *
 * A type is folded piece by piece: array<int64>, struct<a int64>, varchar(255)[]. Of a piece
 * the words are its name, wherever the parentheses stand (timestamp(3) with time zone).
 */
#include "dbt/dbt.h"

#include "base/buf.h"

struct types_alias {
    const char *adapter; /* "": of all adapters that do not say otherwise */
    const char *name, *same;
    const char *params; /* where none are written; NULL: there are none; "": they mean nothing */
};

/*
 * PostgreSQL 18 8.1-8.6, Snowflake "Summary of data types", BigQuery "Data types" and the names of
 * its table schemas, DuckDB 1.4 "Data types"; 2026-07.
 */
static const struct types_alias types_aliases[] = {
    {"snowflake", "int", "numeric", "38,0"},
    {"snowflake", "integer", "numeric", "38,0"},
    {"snowflake", "bigint", "numeric", "38,0"},
    {"snowflake", "smallint", "numeric", "38,0"},
    {"snowflake", "tinyint", "numeric", "38,0"},
    {"snowflake", "byteint", "numeric", "38,0"},
    {"snowflake", "number", "numeric", "38,0"},
    {"snowflake", "numeric", "numeric", "38,0"},
    {"snowflake", "decimal", "numeric", "38,0"},
    {"snowflake", "dec", "numeric", "38,0"},
    {"snowflake", "float4", "float", NULL},
    {"snowflake", "float8", "float", NULL},
    {"snowflake", "double", "float", NULL},
    {"snowflake", "double precision", "float", NULL},
    {"snowflake", "real", "float", NULL},
    {"snowflake", "varchar", "text", "16777216"},
    {"snowflake", "string", "text", "16777216"},
    {"snowflake", "text", "text", "16777216"},
    {"snowflake", "nvarchar", "text", "16777216"},
    {"snowflake", "nvarchar2", "text", "16777216"},
    {"snowflake", "char varying", "text", "16777216"},
    {"snowflake", "nchar varying", "text", "16777216"},
    {"snowflake", "char", "text", "1"},
    {"snowflake", "character", "text", "1"},
    {"snowflake", "nchar", "text", "1"},
    {"snowflake", "binary", "binary", "8388608"},
    {"snowflake", "varbinary", "binary", "8388608"},
    {"snowflake", "datetime", "timestamp_ntz", "9"},
    {"snowflake", "timestamp_ntz", "timestamp_ntz", "9"},
    {"snowflake", "timestampntz", "timestamp_ntz", "9"},
    {"snowflake", "timestamp without time zone", "timestamp_ntz", "9"},
    {"snowflake", "timestamp_ltz", "timestamp_ltz", "9"},
    {"snowflake", "timestampltz", "timestamp_ltz", "9"},
    {"snowflake", "timestamp with local time zone", "timestamp_ltz", "9"},
    {"snowflake", "timestamp_tz", "timestamp_tz", "9"},
    {"snowflake", "timestamptz", "timestamp_tz", "9"},
    {"snowflake", "timestamp with time zone", "timestamp_tz", "9"},
    {"snowflake", "time", "time", "9"},
    {"bigquery", "int", "int64", NULL},
    {"bigquery", "integer", "int64", NULL},
    {"bigquery", "bigint", "int64", NULL},
    {"bigquery", "smallint", "int64", NULL},
    {"bigquery", "tinyint", "int64", NULL},
    {"bigquery", "byteint", "int64", NULL},
    {"bigquery", "float", "float64", NULL},
    {"bigquery", "bigdecimal", "bignumeric", NULL},
    {"bigquery", "record", "struct", NULL},
    {"duckdb", "signed", "integer", NULL},
    {"duckdb", "long", "bigint", NULL},
    {"duckdb", "short", "smallint", NULL},
    {"duckdb", "int1", "tinyint", NULL},
    {"duckdb", "double", "double precision", NULL},
    {"duckdb", "float", "real", NULL},
    {"duckdb", "decimal", "numeric", "18,3"},
    {"duckdb", "numeric", "numeric", "18,3"},
    {"duckdb", "dec", "numeric", "18,3"},
    {"duckdb", "varchar", "text", ""},
    {"duckdb", "text", "text", ""},
    {"duckdb", "string", "text", ""},
    {"duckdb", "char", "text", ""},
    {"duckdb", "bpchar", "text", ""},
    {"duckdb", "logical", "boolean", NULL},
    {"duckdb", "bytea", "blob", NULL},
    {"duckdb", "binary", "blob", NULL},
    {"duckdb", "varbinary", "blob", NULL},
    {"duckdb", "bitstring", "bit", NULL},
    {"duckdb", "datetime", "timestamp", NULL},
    {"postgres", "float", "double precision", NULL},
    {"postgres", "char", "char", "1"},
    {"postgres", "character", "char", "1"},
    {"postgres", "bit varying", "varbit", NULL},
    {"postgres", "serial", "integer", NULL},
    {"postgres", "serial4", "integer", NULL},
    {"postgres", "bigserial", "bigint", NULL},
    {"postgres", "serial8", "bigint", NULL},
    {"postgres", "smallserial", "smallint", NULL},
    {"postgres", "serial2", "smallint", NULL},
    {"", "int", "integer", NULL},
    {"", "int4", "integer", NULL},
    {"", "int8", "bigint", NULL},
    {"", "int2", "smallint", NULL},
    {"", "float8", "double precision", NULL},
    {"", "float4", "real", NULL},
    {"", "decimal", "numeric", NULL},
    {"", "dec", "numeric", NULL},
    {"", "bool", "boolean", NULL},
    {"", "varchar", "text", NULL},
    {"", "character varying", "text", NULL},
    {"", "char varying", "text", NULL},
    {"", "character", "char", NULL},
    {"", "timestamp with time zone", "timestamptz", NULL},
    {"", "timestamp without time zone", "timestamp", NULL},
    {"", "time with time zone", "timetz", NULL},
    {"", "time without time zone", "time", NULL},
};

static const struct types_alias *
types_find(eff_str adapter, eff_str name)
{
    for (size_t i = 0; i < sizeof types_aliases / sizeof types_aliases[0]; i++)
        if ((types_aliases[i].adapter[0] == '\0' ||
             eff_str_is(adapter, types_aliases[i].adapter)) &&
            eff_str_is(name, types_aliases[i].name))
            return &types_aliases[i];
    return NULL;
}

/* Words in lower case with one blank between them, and what stands in parentheses without any. */
static void
types_split(eff_str piece, struct eff_buf *name, struct eff_buf *params)
{
    bool inside = false, blank = false;

    for (size_t i = 0; i < piece.len; i++) {
        char c = piece.ptr[i];
        if (c == ' ' || c == '\t' || c == '\n') {
            blank = true;
            continue;
        }
        if (c == '(' || c == ')') {
            inside = c == '(';
            blank = true;
            continue;
        }
        if (!inside && blank && name->len > 0)
            eff_buf_add_char(name, ' ');
        blank = false;
        eff_buf_add_char(inside ? params : name, c >= 'A' && c <= 'Z' ? (char)(c + 32) : c);
    }
}

static void
types_fold_piece(eff_str adapter, eff_str piece, struct eff_buf *out)
{
    struct eff_buf name = {0}, given = {0};
    const struct types_alias *alias;
    eff_str folded, field, params;

    types_split(piece, &name, &given);
    alias = types_find(adapter, eff_buf_str(&name));
    if (alias == NULL && eff_str_cut(eff_buf_str(&name), ' ', &field, &folded)) {
        alias = types_find(adapter, folded); /* within a struct: a field's name, and its type */
        if (alias != NULL)
            eff_buf_addf(out, EFF_STR_FMT " ", EFF_STR_ARG(field));
    }
    folded = alias != NULL ? eff_str_of(alias->same) : eff_buf_str(&name);
    params = eff_buf_str(&given);
    if (alias != NULL && alias->params != NULL && (params.len == 0 || alias->params[0] == '\0'))
        params = eff_str_of(alias->params);
    eff_buf_add(out, folded);
    if (params.len > 0)
        eff_buf_addf(out, "(" EFF_STR_FMT "%s)", EFF_STR_ARG(params),
                     eff_str_is(folded, "numeric") && eff_str_find_char(params, ',') == SIZE_MAX
                         ? ",0"
                         : "");
    eff_buf_free(&name);
    eff_buf_free(&given);
}

static void
types_fold(eff_str adapter, eff_str type, struct eff_buf *out)
{
    size_t from = 0, depth = 0;

    for (size_t i = 0; i <= type.len; i++) {
        char c = i < type.len ? type.ptr[i] : ',';
        depth += c == '(';
        depth -= c == ')' && depth > 0;
        if (i < type.len && (depth > 0 || memchr("<>[],", c, 5) == NULL))
            continue;
        types_fold_piece(adapter, eff_str_sub(type, from, i - from), out);
        eff_buf_add_char(out, c);
        from = i + 1;
    }
}

bool
eff_dbt_type_same(eff_str adapter, eff_str a, eff_str b)
{
    struct eff_buf folded_a = {0}, folded_b = {0};
    bool same;

    types_fold(adapter, a, &folded_a);
    types_fold(adapter, b, &folded_b);
    same = eff_str_eq(eff_buf_str(&folded_a), eff_buf_str(&folded_b));
    eff_buf_free(&folded_a);
    eff_buf_free(&folded_b);
    return same;
}
