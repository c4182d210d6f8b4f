/*
 * bench_read: the table `customer` of a file, read by the plainest loop over a library's C interface.
 *
 * usage: bench_read sqlite FILE
 *        bench_read duckdb FILE [SQL_FILE]      SQL_FILE is carried out before
 *        bench_read adbc FILE                   the same file by the library's ADBC driver
 *
 * links: base flow os conf source
 *
 * Each value is taken in its own type and added up, so that nothing can be left out. DuckDB gives
 * its result in chunks, or in arrays of Arrow, as a stream, on one thread.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "lib/bench.h"
#include "source/adbc_api.h"
#include "source/duckdb_api.h"

#define SQL           "SELECT * FROM customer"
#define SQL_BYTES_MAX 8192

struct read_sum {
    uint64_t rows, nulls, bytes, integers;
    double floats;
};

/* ---- SQLite ---- */

static void
read_sqlite_cell(sqlite3_stmt *statement, int column, struct read_sum *sum)
{
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        sum->integers += (uint64_t)sqlite3_column_int64(statement, column);
        break;
    case SQLITE_FLOAT:
        sum->floats += sqlite3_column_double(statement, column);
        break;
    case SQLITE_TEXT:
        sum->bytes += *sqlite3_column_text(statement, column) != 0;
        sum->bytes += (uint64_t)sqlite3_column_bytes(statement, column);
        break;
    default:
        sum->nulls++;
    }
}

static void
read_sqlite(const char *path, struct read_sum *sum)
{
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;
    int step;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, SQL, -1, &statement, NULL) != SQLITE_OK)
        bench_die("%s", sqlite3_errmsg(db));
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++)
            read_sqlite_cell(statement, i, sum);
        sum->rows++;
    }
    if (step != SQLITE_DONE)
        bench_die("%s", sqlite3_errmsg(db));
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

/* ---- DuckDB ---- */

static void
read_duck_text(const struct eff_duck_string *text, struct read_sum *sum)
{
    const char *ptr = text->len <= EFF_DUCK_INLINED ? text->prefix : text->ptr;

    sum->bytes += text->len + (text->len > 0 && ptr[0] != 0);
}

static void
read_duck_vector(const struct eff_duck_api *duck, void *vector, int type, uint64_t rows,
                 struct read_sum *sum)
{
    const uint64_t *valid = duck->vector_get_validity(vector);
    const char *data = duck->vector_get_data(vector);
    double real;

    for (uint64_t i = 0; i < rows; i++) {
        if (valid && (valid[i / 64] >> i % 64 & 1) == 0) {
            sum->nulls++;
        } else if (type == EFF_DUCK_VARCHAR) {
            read_duck_text((const struct eff_duck_string *)data + i, sum);
        } else if (type == EFF_DUCK_DOUBLE) {
            memcpy(&real, data + i * sizeof(real), sizeof(real));
            sum->floats += real;
        } else if (type == EFF_DUCK_BOOLEAN) {
            sum->integers += (uint64_t)data[i];
        } else if (type == EFF_DUCK_INTEGER) {
            sum->integers += ((const uint32_t *)data)[i];
        } else { // bigint, timestamp and a decimal of 12 digits have 64 bits
            sum->integers += ((const uint64_t *)data)[i];
        }
    }
}

static void
read_duck_result(const struct eff_duck_api *duck, struct eff_duck_result *result,
                 struct read_sum *sum)
{
    uint64_t columns = duck->column_count(result);
    int types[16];
    void *chunk;

    for (uint64_t i = 0; i < columns; i++) {
        void *type = duck->column_logical_type(result, i);

        types[i] = duck->get_type_id(type);
        duck->destroy_logical_type(&type);
    }
    while ((chunk = duck->fetch_chunk(*result)) != NULL) {
        uint64_t rows = duck->data_chunk_get_size(chunk);

        for (uint64_t i = 0; i < columns; i++)
            read_duck_vector(duck, duck->data_chunk_get_vector(chunk, i), types[i], rows, sum);
        sum->rows += rows;
        duck->destroy_data_chunk(&chunk);
    }
}

static void
read_duck_make(const struct eff_duck_api *duck, void *conn, const char *file)
{
    char sql[SQL_BYTES_MAX] = {0};
    struct eff_duck_result result;
    FILE *f = fopen(file, "r");

    if (!f || fread(sql, 1, sizeof(sql) - 1, f) == 0)
        bench_die("cannot read %s", file);
    fclose(f);
    if (duck->query(conn, sql, &result) != 0)
        bench_die("%s", duck->result_error(&result));
    duck->destroy_result(&result);
}

static void
read_duckdb(const char *path, const char *file, struct read_sum *sum)
{
    void *config = NULL, *db = NULL, *conn = NULL, *statement = NULL, *pending = NULL;
    const struct eff_duck_api *duck;
    struct eff_duck_result result;
    struct eff_arena arena = {0};
    struct eff_err err = {0};

    eff_arena_init(&arena, "duckdb", (size_t)1 << 20);
    if (eff_duck_load(EFF_STR(""), &arena, &duck, &err) != EFF_OK)
        bench_die("%s", err.msg);
    if (duck->create_config(&config) != 0 || duck->set_config(config, "threads", "1") != 0 ||
        duck->open_ext(path, &db, config, NULL) != 0 || duck->connect(db, &conn) != 0)
        bench_die("cannot open %s", path);
    if (file)
        read_duck_make(duck, conn, file);
    if (duck->prepare(conn, SQL, &statement) != 0 ||
        duck->pending_prepared_streaming(statement, &pending) != 0 ||
        duck->execute_pending(pending, &result) != 0)
        bench_die("DuckDB does not read %s", path);
    read_duck_result(duck, &result, sum);
    duck->destroy_result(&result);
    duck->destroy_pending(&pending);
    duck->destroy_prepare(&statement);
    duck->disconnect(&conn);
    duck->close(&db);
    duck->destroy_config(&config);
    eff_arena_deinit(&arena);
}

/* ---- ADBC ---- */

static void
read_arrow_text(const struct eff_arrow_array *array, int64_t at, struct read_sum *sum)
{
    const int32_t *offsets = array->buffers[1];
    const char *bytes = array->buffers[2];
    int32_t len = offsets[at + 1] - offsets[at];

    sum->bytes += (uint64_t)len + (len > 0 && bytes[offsets[at]] != 0);
}

/* By the letters of Arrow's formats: g double, b bool, i int32, u text; d a decimal of 128 bits. */
static void
read_arrow_array(const struct eff_arrow_array *array, char format, struct read_sum *sum)
{
    const unsigned char *valid = array->null_count ? array->buffers[0] : NULL;
    const char *data = array->buffers[1];
    double real;

    for (int64_t i = array->offset; i < array->offset + array->length; i++) {
        if (valid && (valid[i / 8] >> i % 8 & 1) == 0) {
            sum->nulls++;
        } else if (format == 'u') {
            read_arrow_text(array, i, sum);
        } else if (format == 'g') {
            memcpy(&real, data + i * (int64_t)sizeof(real), sizeof(real));
            sum->floats += real;
        } else if (format == 'b') {
            sum->integers += (uint64_t)data[i / 8] >> i % 8 & 1;
        } else if (format == 'i') {
            sum->integers += ((const uint32_t *)data)[i];
        } else if (format == 'd') {
            sum->integers += ((const uint64_t *)data)[2 * i];
        } else {
            sum->integers += ((const uint64_t *)data)[i];
        }
    }
}

static void
read_arrow_stream(struct eff_arrow_stream *stream, struct read_sum *sum)
{
    struct eff_arrow_schema schema;
    struct eff_arrow_array array;

    if (stream->get_schema(stream, &schema) != 0)
        bench_die("%s", stream->get_last_error(stream));
    while (stream->get_next(stream, &array) == 0 && array.release) {
        for (int64_t i = 0; i < schema.n_children; i++)
            read_arrow_array(array.children[i], schema.children[i]->format[0], sum);
        sum->rows += (uint64_t)array.length;
        array.release(&array);
    }
    schema.release(&schema);
    stream->release(stream);
}

static void
read_adbc(const char *path, const char *library, struct read_sum *sum)
{
    struct eff_adbc_handle database = {0}, connection = {0}, statement = {0};
    struct eff_adbc_error error = eff_adbc_no_error();
    struct eff_arrow_stream stream = {0};
    struct eff_arena arena = {0};
    struct eff_adbc_driver d;
    struct eff_err err = {0};
    struct eff_os *os;
    int64_t affected;

    eff_arena_init(&arena, "adbc", (size_t)1 << 20);
    if (eff_os_real(&arena, &os, &err) != EFF_OK ||
        eff_adbc_load(eff_str_of(library), EFF_STR("duckdb_adbc_init"), os, &arena, &d, &err) !=
            EFF_OK)
        bench_die("%s", err.msg);
    if (d.database_new(&database, &error) ||
        d.database_set_option(&database, "path", path, &error) ||
        d.database_set_option(&database, "threads", "1", &error) ||
        d.database_init(&database, &error) || d.connection_new(&connection, &error) ||
        d.connection_init(&connection, &database, &error) ||
        d.statement_new(&connection, &statement, &error) ||
        d.statement_set_sql_query(&statement, SQL, &error) ||
        d.statement_execute_query(&statement, &stream, &affected, &error))
        bench_die("%s", error.message ? error.message : "the ADBC driver does not read");
    read_arrow_stream(&stream, sum);
    d.statement_release(&statement, &error);
    d.connection_release(&connection, &error);
    d.database_release(&database, &error);
    eff_os_real_close(os);
    eff_arena_deinit(&arena);
}

int
main(int argc, char **argv)
{
    struct bench_used start = bench_used_now(), used;
    struct read_sum sum = {0};

    if (argc == 3 && strcmp(argv[1], "sqlite") == 0) {
        read_sqlite(argv[2], &sum);
    } else if (argc >= 3 && strcmp(argv[1], "duckdb") == 0) {
        read_duckdb(argv[2], argc > 3 ? argv[3] : NULL, &sum);
    } else if (argc == 3 && strcmp(argv[1], "adbc") == 0 && getenv("EFFERENT_DUCKDB")) {
        read_adbc(argv[2], getenv("EFFERENT_DUCKDB"), &sum);
    } else {
        fprintf(stderr, "usage: bench_read sqlite|duckdb|adbc FILE [SQL_FILE]\n");
        return 2;
    }
    used = bench_used_since(&start);
    printf("{\"bench\": \"read\", \"rows\": %llu, \"sum\": %llu", (unsigned long long)sum.rows,
           (unsigned long long)(sum.nulls + sum.bytes + sum.integers + (uint64_t)sum.floats));
    bench_print_used(&used);
    printf("}\n");
    return 0;
}
