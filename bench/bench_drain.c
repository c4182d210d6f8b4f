/*
 * bench_drain: the least that reading a table out of PostgreSQL can cost.
 *
 * usage: bench_drain CONNECTION_STRING TABLE
 *
 * links: base
 *
 * COPY (SELECT * FROM table) TO STDOUT (FORMAT binary), each message taken from
 * libpq and thrown away: nothing that has to look at a row is quicker.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/bench.h"

static uint64_t
drain_copy(PGconn *conn, const char *table, uint64_t *ret_bytes)
{
    uint64_t messages = 0;
    char sql[300], *message;
    PGresult *result;
    int len;

    snprintf(sql, sizeof(sql), "COPY (SELECT * FROM %s) TO STDOUT (FORMAT binary)", table);
    result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_COPY_OUT)
        bench_die("%s", PQerrorMessage(conn));
    PQclear(result);
    while ((len = PQgetCopyData(conn, &message, 0)) > 0) {
        *ret_bytes += (uint64_t)len;
        PQfreemem(message);
        messages++;
    }
    result = PQgetResult(conn);
    if (len != -1 || PQresultStatus(result) != PGRES_COMMAND_OK)
        bench_die("%s", PQerrorMessage(conn));
    PQclear(result);
    return messages - 1; // the header comes with the first row, the trailer alone
}

int
main(int argc, char **argv)
{
    struct bench_used start = bench_used_now(), used;
    uint64_t rows, bytes = 0;
    PGconn *conn;

    if (argc != 3) {
        fprintf(stderr, "usage: bench_drain CONNECTION_STRING TABLE\n");
        return 2;
    }
    conn = PQconnectdb(argv[1]);
    if (PQstatus(conn) != CONNECTION_OK)
        bench_die("%s", PQerrorMessage(conn));
    rows = drain_copy(conn, argv[2], &bytes);
    PQfinish(conn);
    used = bench_used_since(&start);
    printf("{\"bench\": \"drain\", \"rows\": %llu, \"bytes\": %llu", (unsigned long long)rows,
           (unsigned long long)bytes);
    bench_print_used(&used);
    printf("}\n");
    return 0;
}
