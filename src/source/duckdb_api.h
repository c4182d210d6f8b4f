/*
 * source/duckdb_api: DuckDB's C API, as far as it is used, loaded at run time. Private to source/.
 *
 * Declared here from the reference of the C API (duckdb.h of 1.4; the functions
 * and layouts are the same in 1.5), so that neither building nor starting
 * Efferent needs DuckDB. Handles are opaque pointers.
 */
#ifndef EFF_SOURCE_DUCKDB_API_H
#define EFF_SOURCE_DUCKDB_API_H

#include "base/arena.h"
#include "base/err.h"

enum eff_duck_id { /* DUCKDB_TYPE */
                   EFF_DUCK_BOOLEAN = 1,
                   EFF_DUCK_TINYINT = 2,
                   EFF_DUCK_SMALLINT = 3,
                   EFF_DUCK_INTEGER = 4,
                   EFF_DUCK_BIGINT = 5,
                   EFF_DUCK_UTINYINT = 6,
                   EFF_DUCK_USMALLINT = 7,
                   EFF_DUCK_UINTEGER = 8,
                   EFF_DUCK_UBIGINT = 9,
                   EFF_DUCK_FLOAT = 10,
                   EFF_DUCK_DOUBLE = 11,
                   EFF_DUCK_TIMESTAMP = 12,
                   EFF_DUCK_DATE = 13,
                   EFF_DUCK_TIME = 14,
                   EFF_DUCK_INTERVAL = 15,
                   EFF_DUCK_HUGEINT = 16,
                   EFF_DUCK_VARCHAR = 17,
                   EFF_DUCK_BLOB = 18,
                   EFF_DUCK_DECIMAL = 19,
                   EFF_DUCK_TIMESTAMP_S = 20,
                   EFF_DUCK_TIMESTAMP_MS = 21,
                   EFF_DUCK_TIMESTAMP_NS = 22,
                   EFF_DUCK_ENUM = 23,
                   EFF_DUCK_LIST = 24,
                   EFF_DUCK_STRUCT = 25,
                   EFF_DUCK_MAP = 26,
                   EFF_DUCK_UUID = 27,
                   EFF_DUCK_UNION = 28,
                   EFF_DUCK_BIT = 29,
                   EFF_DUCK_TIME_TZ = 30,
                   EFF_DUCK_TIMESTAMP_TZ = 31,
                   EFF_DUCK_UHUGEINT = 32,
                   EFF_DUCK_ARRAY = 33,
                   EFF_DUCK_SQLNULL = 36,
                   EFF_DUCK_TIME_NS = 39,
};

#define EFF_DUCK_STATEMENT_SELECT 1

struct eff_duck_result { /* duckdb_result, which is passed by value */
    uint64_t deprecated[3];
    void *deprecated_columns;
    char *deprecated_message;
    void *internal;
};

struct eff_duck_list { /* duckdb_list_entry */
    uint64_t offset, length;
};

struct eff_duck_interval {
    int32_t months, days;
    int64_t micros;
};

struct eff_duck_string { /* duckdb_string_t */
    uint32_t len;
    char prefix[4];  /* up to EFF_DUCK_INLINED bytes lie here and in place of ptr */
    const char *ptr; /* longer ones */
};

#define EFF_DUCK_INLINED 12

_Static_assert(sizeof(struct eff_duck_string) == 16, "as DuckDB lays it out");

#define EFF_DUCK_FUNCTIONS(X)                                                                      \
    X(const char *, library_version, (void))                                                       \
    X(void, free, (void *ptr))                                                                     \
    X(int, create_config, (void **ret_config))                                                     \
    X(int, set_config, (void *config, const char *name, const char *value))                        \
    X(void, destroy_config, (void **config))                                                       \
    X(int, open_ext, (const char *path, void **ret_db, void *config, char **ret_error))            \
    X(void, close, (void **db))                                                                    \
    X(int, connect, (void *db, void **ret_conn))                                                   \
    X(void, disconnect, (void **conn))                                                             \
    X(void, interrupt, (void *conn))                                                               \
    X(int, query, (void *conn, const char *sql, struct eff_duck_result *ret_result))               \
    X(void, destroy_result, (struct eff_duck_result * result))                                     \
    X(const char *, result_error, (struct eff_duck_result * result))                               \
    X(int, prepare, (void *conn, const char *sql, void **ret_stmt))                                \
    X(const char *, prepare_error, (void *stmt))                                                   \
    X(void, destroy_prepare, (void **stmt))                                                        \
    X(int, prepared_statement_type, (void *stmt))                                                  \
    X(uint64_t, nparams, (void *stmt))                                                             \
    X(int, pending_prepared_streaming, (void *stmt, void **ret_pending))                           \
    X(const char *, pending_error, (void *pending))                                                \
    X(void, destroy_pending, (void **pending))                                                     \
    X(int, execute_pending, (void *pending, struct eff_duck_result *ret_result))                   \
    X(void *, fetch_chunk, (struct eff_duck_result result))                                        \
    X(uint64_t, column_count, (struct eff_duck_result * result))                                   \
    X(const char *, column_name, (struct eff_duck_result * result, uint64_t column))               \
    X(void *, column_logical_type, (struct eff_duck_result * result, uint64_t column))             \
    X(uint64_t, data_chunk_get_size, (void *chunk))                                                \
    X(void *, data_chunk_get_vector, (void *chunk, uint64_t column))                               \
    X(void, destroy_data_chunk, (void **chunk))                                                    \
    X(void *, vector_get_data, (void *vector))                                                     \
    X(uint64_t *, vector_get_validity, (void *vector))                                             \
    X(void *, list_vector_get_child, (void *vector))                                               \
    X(void *, array_vector_get_child, (void *vector))                                              \
    X(void *, struct_vector_get_child, (void *vector, uint64_t index))                             \
    X(int, get_type_id, (void *type))                                                              \
    X(char *, logical_type_get_alias, (void *type))                                                \
    X(void, destroy_logical_type, (void **type))                                                   \
    X(uint8_t, decimal_width, (void *type))                                                        \
    X(uint8_t, decimal_scale, (void *type))                                                        \
    X(int, decimal_internal_type, (void *type))                                                    \
    X(int, enum_internal_type, (void *type))                                                       \
    X(uint32_t, enum_dictionary_size, (void *type))                                                \
    X(char *, enum_dictionary_value, (void *type, uint64_t index))                                 \
    X(void *, list_type_child_type, (void *type))                                                  \
    X(void *, array_type_child_type, (void *type))                                                 \
    X(uint64_t, array_type_array_size, (void *type))                                               \
    X(void *, map_type_key_type, (void *type))                                                     \
    X(void *, map_type_value_type, (void *type))                                                   \
    X(uint64_t, struct_type_child_count, (void *type))                                             \
    X(char *, struct_type_child_name, (void *type, uint64_t index))                                \
    X(void *, struct_type_child_type, (void *type, uint64_t index))                                \
    X(uint64_t, union_type_member_count, (void *type))                                             \
    X(char *, union_type_member_name, (void *type, uint64_t index))                                \
    X(void *, union_type_member_type, (void *type, uint64_t index))

struct eff_duck_api {
#define EFF_DUCK_MEMBER(ret, name, args) ret(*name) args;
    EFF_DUCK_FUNCTIONS(EFF_DUCK_MEMBER)
#undef EFF_DUCK_MEMBER
};

/*
 * Looks in `library` only when it is given, else in $EFFERENT_DUCKDB, beside the
 * program, in the project's build folder and where the system keeps libraries.
 */
enum eff_fault eff_duck_load(eff_str library, struct eff_arena *run,
                             const struct eff_duck_api **ret_api, struct eff_err *err);

#endif
