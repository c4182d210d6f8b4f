/*
 * bench_pg: a PostgreSQL cluster that lives as long as this program.
 *
 * usage: bench_pg
 *
 * links: base testlib
 *
 * Prints the connection string on one line and waits for the end of its standard
 * input, or a signal; then the cluster and its folder go.
 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/bench.h"
#include "lib/pg.h"

static void
pg_on_signal(int number)
{
    (void)number; // only interrupts the read
}

int
main(void)
{
    struct sigaction action = {.sa_handler = pg_on_signal};
    struct pg_cluster cluster;
    char byte;

    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    if (!pg_cluster_start(&cluster))
        return 1;
    printf("%s\n", cluster.url);
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        continue;
    pg_cluster_stop(&cluster);
    return 0;
}
