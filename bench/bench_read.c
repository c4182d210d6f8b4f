/*
 * bench_read: the table `customer` of a file, read by the plainest loop over a library's C interface.
 *
 * usage: bench_read sqlite FILE
 *        bench_read duckdb FILE [SQL_FILE]      SQL_FILE is carried out before
 *
 * links: base flow os conf source
 *
 * Each value is taken in its own type and added up, so that nothing can be left out. DuckDB gives
 * its result in chunks, as a stream, on one thread.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "lib/bench.h"
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

int
main(int argc, char **argv)
{
    struct bench_used start = bench_used_now(), used;
    struct read_sum sum = {0};

    if (argc == 3 && strcmp(argv[1], "sqlite") == 0) {
        read_sqlite(argv[2], &sum);
    } else if (argc >= 3 && strcmp(argv[1], "duckdb") == 0) {
        read_duckdb(argv[2], argc > 3 ? argv[3] : NULL, &sum);
    } else {
        fprintf(stderr, "usage: bench_read sqlite|duckdb FILE [SQL_FILE]\n");
        return 2;
    }
    used = bench_used_since(&start);
    printf("{\"bench\": \"read\", \"rows\": %llu, \"sum\": %llu", (unsigned long long)sum.rows,
           (unsigned long long)(sum.nulls + sum.bytes + sum.integers + (uint64_t)sum.floats));
    bench_print_used(&used);
    printf("}\n");
    return 0;
}
