/*
 * bench_postgres: the PostgreSQL source beside a plain drain of the same COPY.
 *
 * usage: bench_postgres CONNECTION_STRING [MILLION_ROWS]
 *
 * links: base flow os conf source
 *
 * Makes an unlogged table `efferent_bench` of ten columns (dropped at the end),
 * then drains it in turn by PQgetCopyData alone and through the source: wall and
 * own CPU per row.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "source/source.h"

#define ROUNDS 3

struct bench_config { /* as postgres.c has it */
    eff_str url;
    struct eff_str_list schema;
    int64_t statement_timeout_ms, connect_timeout_ms, ranges;
};

static double
bench_clock(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int64_t
bench_mono_ms(void *self)
{
    (void)self;
    return (int64_t)(bench_clock(CLOCK_MONOTONIC) * 1000);
}

static void
bench_exec(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fprintf(stderr, "%s", PQerrorMessage(conn));
        exit(1);
    }
    PQclear(result);
}

static size_t
bench_plain(PGconn *conn)
{
    size_t rows = 0;
    char *row;

    PQclear(PQexec(conn, "COPY (SELECT * FROM efferent_bench) TO STDOUT (FORMAT binary)"));
    while (PQgetCopyData(conn, &row, 0) > 0) {
        PQfreemem(row);
        rows++;
    }
    PQclear(PQgetResult(conn));
    PQclear(PQgetResult(conn));
    return rows - 1; // the trailer
}

static size_t
bench_source(const struct bench_config *config)
{
    struct eff_os os = {.mono_ms = bench_mono_ms};
    struct eff_source *source = NULL;
    struct eff_arena run = {0};
    struct eff_columns columns;
    struct eff_batch batch;
    struct eff_err err = {0};
    size_t rows = 0;

    eff_arena_init(&run, "run", (size_t)64 << 20);
    if (eff_source_postgres.open(config, &os, &run, &source, &err) != EFF_OK ||
        eff_source_postgres.query(source, EFF_STR("SELECT * FROM efferent_bench"), &columns,
                                  &err) != EFF_OK)
        batch.rows = 0;
    else
        do {
            if (eff_source_postgres.next(source, &batch, &err) != EFF_OK)
                break;
            rows += batch.rows;
        } while (batch.rows > 0);
    if (err.fault != EFF_OK)
        fprintf(stderr, "%s\n", err.msg);
    eff_source_postgres.close(source);
    eff_arena_deinit(&run);
    return rows;
}

int
main(int argc, char **argv)
{
    struct bench_config config = {.connect_timeout_ms = 10000};
    unsigned long millions = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    char sql[700];
    PGconn *conn;

    if (argc < 2)
        return 2;
    config.url = eff_str_of(argv[1]);
    conn = PQconnectdb(argv[1]);
    snprintf(sql, sizeof(sql),
             "CREATE UNLOGGED TABLE efferent_bench AS SELECT i AS id, 'customer.' || i ||"
             " '@example.com' AS email, 'First' || i AS first, 'Lastname' || i AS last,"
             " (i * 1.25)::numeric(12,2) AS amount, i * 0.37::float8 AS score,"
             " '2024-01-01'::date + i %% 1000 AS day, now() + i * interval '1 second' AS at,"
             " i %% 2 = 0 AS flag, CASE WHEN i %% 3 > 0 THEN 'segment ' || i END AS segment"
             " FROM generate_series(1, %lu) i",
             millions * 1000000);
    bench_exec(conn, sql);
    for (int round = 0; round < ROUNDS * 2; round++) {
        double wall = bench_clock(CLOCK_MONOTONIC), cpu = bench_clock(CLOCK_PROCESS_CPUTIME_ID);
        size_t rows = round % 2 ? bench_source(&config) : bench_plain(conn);

        printf("%-6s %zu rows, %.3f us wall and %.3f us CPU a row\n",
               round % 2 ? "source" : "plain", rows,
               (bench_clock(CLOCK_MONOTONIC) - wall) * 1e6 / (double)rows,
               (bench_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e6 / (double)rows);
    }
    bench_exec(conn, "DROP TABLE efferent_bench");
    PQfinish(conn);
    return 0;
}
