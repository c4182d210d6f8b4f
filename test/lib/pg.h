/*
 * lib/pg: a real PostgreSQL of a test's own.
 *
 * A fresh cluster in a temporary folder, run by an ordinary user (PostgreSQL
 * refuses root), reachable by a Unix socket without a password and by a free
 * loopback port with one. It dies with the test. fsync is off.
 */
#ifndef EFF_TEST_LIB_PG_H
#define EFF_TEST_LIB_PG_H

#include <stdbool.h>
#include <sys/types.h>

struct pg_cluster {
    char dir[64];
    char url[160];     /* socket, user `test`, no password */
    char tcp_url[160]; /* 127.0.0.1, user `test`, password PG_PASSWORD */
    int port;
    pid_t pid;
};

#define PG_PASSWORD "opensesame"

/*
 * False when there is no cluster, after printing why; the test then fails, unless
 * EFF_NO_POSTGRES=1 says that it may be left out (pg_optional).
 */
bool pg_cluster_start(struct pg_cluster *cluster);
void pg_cluster_stop(struct pg_cluster *cluster); /* and removes its folder */
bool pg_optional(void);
/* Runs SQL commands as the superuser; false after printing the error. */
bool pg_run(const struct pg_cluster *cluster, const char *sql);

#endif
