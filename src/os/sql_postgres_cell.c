/*
 * os/sql_postgres_cell: PostgreSQL's text forms of a result as values.
 *
 * Read with the settings that sql_postgres sets in each transaction: UTC, ISO
 * dates, bytea as hex. What does not fit a kind (infinity, years BC) stays a text.
 */
#include "base/hash.h"
#include "os/sql.h"

/* Type oids of PostgreSQL's catalogue (pg_type.dat); they never change. */
enum {
    CELL_BOOL = 16,
    CELL_BYTEA = 17,
    CELL_INT8 = 20,
    CELL_INT2 = 21,
    CELL_INT4 = 23,
    CELL_OID = 26,
    CELL_JSON = 114,
    CELL_FLOAT4 = 700,
    CELL_FLOAT8 = 701,
    CELL_DATE = 1082,
    CELL_TIME = 1083,
    CELL_TIMESTAMP = 1114,
    CELL_TIMESTAMPTZ = 1184,
    CELL_NUMERIC = 1700,
    CELL_JSONB = 3802,
};

static enum eff_kind
cell_time_kind(unsigned type)
{
    return type == CELL_DATE        ? EFF_DATE
           : type == CELL_TIME      ? EFF_TIME
           : type == CELL_TIMESTAMP ? EFF_DATETIME
                                    : EFF_INSTANT;
}

static bool
cell_bytes_value(struct eff_sql *sql, eff_str hex, struct eff_value *ret_value)
{
    size_t len = hex.len >= 2 ? (hex.len - 2) / 2 : 0;
    char *bytes = eff_sql_alloc(sql, 1, len + 1);

    if (bytes == NULL)
        return false;
    if (!eff_unhex(eff_str_sub(hex, 2, hex.len), bytes, len))
        return eff_sql_refuse(sql, EFF_WIRE_ANSWERED, 503, "08P01", "a bytea that is not hex");
    *ret_value = eff_value_of_str(EFF_BYTES, (eff_str){bytes, len});
    return true;
}

bool
eff_sql_postgres_cell(struct eff_sql *sql, unsigned type, eff_str text, struct eff_value *ret_value)
{
    enum eff_kind kind = EFF_TEXT;
    int64_t integer;
    char *copy;

    switch (type) {
    case CELL_BOOL:
        *ret_value = eff_value_of_int(EFF_BOOL, text.len > 0 && text.ptr[0] == 't');
        return true;
    case CELL_INT2:
    case CELL_INT4:
    case CELL_INT8:
    case CELL_OID:
        if (eff_str_int(text, &integer)) {
            *ret_value = eff_value_of_int(EFF_INT, integer);
            return true;
        }
        break;
    case CELL_BYTEA:
        return cell_bytes_value(sql, text, ret_value);
    case CELL_DATE:
    case CELL_TIME:
    case CELL_TIMESTAMP:
    case CELL_TIMESTAMPTZ:
        if (eff_sql_time_cell(cell_time_kind(type), text, ret_value))
            return true;
        break;
    case CELL_FLOAT4:
    case CELL_FLOAT8:
    case CELL_NUMERIC:
        kind = EFF_DECIMAL; // the server's shortest text of a float is exact
        break;
    case CELL_JSON:
    case CELL_JSONB:
        kind = EFF_JSON;
        break;
    default:
        break;
    }
    copy = eff_sql_alloc(sql, 1, text.len + 1);
    if (copy == NULL)
        return false;
    memcpy(copy, text.ptr, text.len);
    *ret_value = eff_value_of_str(kind, (eff_str){copy, text.len});
    return true;
}
