/*
 * source/adbc_api: the C interface of ADBC drivers, as far as it is used, and loading one.
 * Private to source/.
 *
 * Layouts, status codes and option names are those of ADBC's specification
 * (adbc.h of API 1.1.0). A driver fills the table of functions; one of API 1.0.0
 * fills the first part only. Members that are not called here are plain pointers.
 */
#ifndef EFF_SOURCE_ADBC_API_H
#define EFF_SOURCE_ADBC_API_H

#include "os/os.h"
#include "source/arrow.h"

enum eff_adbc_status { /* ADBC_STATUS_* */
                       EFF_ADBC_OK = 0,
                       EFF_ADBC_UNKNOWN = 1,
                       EFF_ADBC_NOT_IMPLEMENTED = 2,
                       EFF_ADBC_NOT_FOUND = 3,
                       EFF_ADBC_ALREADY_EXISTS = 4,
                       EFF_ADBC_INVALID_ARGUMENT = 5,
                       EFF_ADBC_INVALID_STATE = 6,
                       EFF_ADBC_INVALID_DATA = 7,
                       EFF_ADBC_INTEGRITY = 8,
                       EFF_ADBC_INTERNAL = 9,
                       EFF_ADBC_IO = 10,
                       EFF_ADBC_CANCELLED = 11,
                       EFF_ADBC_TIMEOUT = 12,
                       EFF_ADBC_UNAUTHENTICATED = 13,
                       EFF_ADBC_UNAUTHORIZED = 14,
};

#define EFF_ADBC_VERSION_1_0 1000000
#define EFF_ADBC_VERSION_1_1 1001000
#define EFF_ADBC_NO_CODE     INT32_MIN /* a vendor code of an error that asks for what 1.1 adds */

struct eff_adbc_error { /* AdbcError */
    char *message;
    int32_t vendor_code;
    char sqlstate[5]; /* not terminated; zeroes: none */
    void (*release)(struct eff_adbc_error *error);
    void *private_data, *private_driver;
};

struct eff_adbc_handle { /* AdbcDatabase, AdbcConnection, AdbcStatement: the same layout */
    void *private_data, *private_driver;
};

struct eff_adbc_driver { /* AdbcDriver */
    void *private_data, *private_manager;
    uint8_t (*release)(struct eff_adbc_driver *driver, struct eff_adbc_error *error);
    uint8_t (*database_init)(struct eff_adbc_handle *database, struct eff_adbc_error *error);
    uint8_t (*database_new)(struct eff_adbc_handle *database, struct eff_adbc_error *error);
    uint8_t (*database_set_option)(struct eff_adbc_handle *database, const char *key,
                                   const char *value, struct eff_adbc_error *error);
    uint8_t (*database_release)(struct eff_adbc_handle *database, struct eff_adbc_error *error);
    void *connection_commit, *connection_get_info, *connection_get_objects;
    void *connection_get_table_schema, *connection_get_table_types;
    uint8_t (*connection_init)(struct eff_adbc_handle *connection, struct eff_adbc_handle *database,
                               struct eff_adbc_error *error);
    uint8_t (*connection_new)(struct eff_adbc_handle *connection, struct eff_adbc_error *error);
    uint8_t (*connection_set_option)(struct eff_adbc_handle *connection, const char *key,
                                     const char *value, struct eff_adbc_error *error);
    void *connection_read_partition;
    uint8_t (*connection_release)(struct eff_adbc_handle *connection, struct eff_adbc_error *error);
    uint8_t (*connection_rollback)(struct eff_adbc_handle *connection,
                                   struct eff_adbc_error *error);
    void *statement_bind, *statement_bind_stream;
    uint8_t (*statement_execute_query)(struct eff_adbc_handle *statement,
                                       struct eff_arrow_stream *ret_stream,
                                       int64_t *ret_rows_affected, struct eff_adbc_error *error);
    void *statement_execute_partitions, *statement_get_parameter_schema;
    uint8_t (*statement_new)(struct eff_adbc_handle *connection, struct eff_adbc_handle *statement,
                             struct eff_adbc_error *error);
    void *statement_prepare;
    uint8_t (*statement_release)(struct eff_adbc_handle *statement, struct eff_adbc_error *error);
    uint8_t (*statement_set_option)(struct eff_adbc_handle *statement, const char *key,
                                    const char *value, struct eff_adbc_error *error);
    uint8_t (*statement_set_sql_query)(struct eff_adbc_handle *statement, const char *sql,
                                       struct eff_adbc_error *error);
    void *statement_set_substrait_plan;

    void *error_get_detail_count, *error_get_detail; /* from here on since 1.1 */
    /* Lives as long as the stream, and is not released; NULL: nothing is known. */
    const struct eff_adbc_error *(*error_from_array_stream)(struct eff_arrow_stream *stream,
                                                            uint8_t *ret_status);
    void *database_options[7];
    void *connection_cancel, *connection_options[9];
    uint8_t (*statement_cancel)(struct eff_adbc_handle *statement, struct eff_adbc_error *error);
    void *statement_execute_schema, *statement_options[7];
};

_Static_assert(sizeof(struct eff_adbc_driver) == 58 * sizeof(void *), "as adbc.h lays it out");

typedef uint8_t (*eff_adbc_init)(int version, void *driver, struct eff_adbc_error *error);

/*
 * Finds the driver's library (adbc_find.h), loads it and lets it fill the table.
 * An empty entrypoint: what a manifest says, or AdbcDriver<Name>Init, <name>_adbc_init,
 * AdbcDriverInit. The library is never unloaded: some have threads of their own.
 */
enum eff_fault eff_adbc_load(eff_str driver, eff_str entrypoint, struct eff_os *os,
                             struct eff_arena *run, struct eff_adbc_driver *ret_driver,
                             struct eff_err *err);

/* An error to be filled by one call. */
struct eff_adbc_error eff_adbc_no_error(void);
/*
 * The driver's own words with its vendor code and SQLSTATE; the error is released.
 * `error` may be empty. Unknown failures are EFF_CONFIG.
 */
enum eff_fault eff_adbc_fault(uint8_t status, struct eff_adbc_error *error, const char *what,
                              struct eff_err *err);
/* The same of an error that belongs to a stream; text when error is NULL. */
enum eff_fault eff_adbc_stream_fault(uint8_t status, const struct eff_adbc_error *error,
                                     const char *text, struct eff_err *err);

#endif
