/*
 * lib/pg: a real PostgreSQL of a test's own.
 */
#include "lib/pg.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The newest installed version's folder of programs, or "" for the PATH. */
static void
pg_programs(char ret_folder[256])
{
    glob_t found = {0};

    ret_folder[0] = 0;
    if (glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found) == 0 && found.gl_pathc > 0) {
        snprintf(ret_folder, 256, "%s", found.gl_pathv[found.gl_pathc - 1]);
        *strrchr(ret_folder, '/') = 0;
    }
    globfree(&found);
}

static struct passwd *
pg_user(void)
{
    struct passwd *user = getpwnam("postgres");

    return user ? user : getpwnam("nobody");
}

/* In a child: never root, never outlives the test, silent but for its log. */
static void
pg_become_server(const char *log)
{
    struct passwd *user = geteuid() == 0 ? pg_user() : NULL;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);

    if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
        _exit(126);
    if (user && (fchown(fd, user->pw_uid, user->pw_gid) != 0 || setgroups(0, NULL) != 0 ||
                 setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, SIGQUIT);
    unsetenv("LD_PRELOAD");
    unsetenv("PGPORT");
}

static int
pg_wait(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static int
pg_initdb(const struct pg_cluster *c, const char *programs)
{
    char program[300], data[96], log[96], password[96], pwfile[110];
    pid_t pid;
    FILE *f;

    snprintf(program, sizeof(program), "%s%sinitdb", programs, programs[0] ? "/" : "");
    snprintf(data, sizeof(data), "%s/data", c->dir);
    snprintf(log, sizeof(log), "%s/log", c->dir);
    snprintf(password, sizeof(password), "%s/password", c->dir);
    snprintf(pwfile, sizeof(pwfile), "--pwfile=%s", password);
    f = fopen(password, "w");
    if (!f)
        return 1;
    fprintf(f, "%s\n", PG_PASSWORD);
    fclose(f);
    pid = fork();
    if (pid == 0) {
        pg_become_server(log);
        // By its full name: PostgreSQL looks for its other programs beside what it was called as.
        execlp(program, program, "-D", data, "-U", "test", "-N", "-E", "UTF8", "--locale=C",
               "--auth-local=trust", "--auth-host=scram-sha-256", pwfile, (char *)NULL);
        _exit(127);
    }
    return pid < 0 ? 1 : pg_wait(pid);
}

static void
pg_postgres(struct pg_cluster *c, const char *programs)
{
    char program[300], data[96], log[96], port[16], sockets[110];

    snprintf(program, sizeof(program), "%s%spostgres", programs, programs[0] ? "/" : "");
    snprintf(data, sizeof(data), "%s/data", c->dir);
    snprintf(log, sizeof(log), "%s/log", c->dir);
    snprintf(port, sizeof(port), "%d", c->port);
    snprintf(sockets, sizeof(sockets), "unix_socket_directories=%s", c->dir);
    c->pid = fork();
    if (c->pid == 0) {
        pg_become_server(log);
        execlp(program, program, "-D", data, "-p", port, "-c", sockets, "-c",
               "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=32MB", "-c",
               "max_connections=20", "-c", "autovacuum=off", "-c", "max_worker_processes=0",
               (char *)NULL);
        _exit(127);
    }
}

static int
pg_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0), port = 0;

    if (bind(fd, (struct sockaddr *)&address, len) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &len) == 0)
        port = ntohs(address.sin_port);
    close(fd);
    return port;
}

static bool
pg_ready(const struct pg_cluster *c)
{
    struct timespec pause = {0, 20000000};

    for (int i = 0; i < 1500; i++) {
        if (PQping(c->url) == PQPING_OK)
            return true;
        if (waitpid(c->pid, NULL, WNOHANG) != 0)
            return false;
        nanosleep(&pause, NULL);
    }
    return false;
}

static void
pg_show_log(const struct pg_cluster *c)
{
    char path[96], line[400];
    FILE *log;

    snprintf(path, sizeof(path), "%s/log", c->dir);
    log = fopen(path, "r");
    while (log && fgets(line, sizeof(line), log))
        fprintf(stderr, "postgres: %s", line);
    if (log)
        fclose(log);
}

bool
pg_cluster_start(struct pg_cluster *c)
{
    char programs[256];
    struct passwd *user = pg_user();

    memset(c, 0, sizeof(*c));
    snprintf(c->dir, sizeof(c->dir), "/tmp/eff-pg.XXXXXX");
    if (!mkdtemp(c->dir))
        return false;
    if (geteuid() == 0 && (!user || chown(c->dir, user->pw_uid, user->pw_gid) != 0))
        return false;
    c->port = pg_free_port();
    snprintf(c->url, sizeof(c->url), "host=%s port=%d user=test dbname=postgres", c->dir, c->port);
    snprintf(c->tcp_url, sizeof(c->tcp_url), "postgresql://test:%s@127.0.0.1:%d/postgres",
             PG_PASSWORD, c->port);
    pg_programs(programs);
    if (pg_initdb(c, programs) == 0) {
        pg_postgres(c, programs);
        if (pg_ready(c))
            return true;
    }
    fprintf(stderr, "no PostgreSQL could be started (package postgresql)\n");
    pg_show_log(c);
    pg_cluster_stop(c);
    return false;
}

void
pg_cluster_stop(struct pg_cluster *c)
{
    if (c->pid > 0) {
        kill(c->pid, SIGQUIT);
        pg_wait(c->pid);
    }
    if (c->dir[0]) {
        pid_t pid = fork();

        if (pid == 0) {
            execlp("rm", "rm", "-rf", c->dir, (char *)NULL);
            _exit(127);
        }
        if (pid > 0)
            pg_wait(pid);
    }
    memset(c, 0, sizeof(*c));
}

bool
pg_optional(void)
{
    const char *no = getenv("EFF_NO_POSTGRES");

    return no && strcmp(no, "1") == 0;
}

bool
pg_run(const struct pg_cluster *c, const char *sql)
{
    PGconn *conn = PQconnectdb(c->url);
    PGresult *result = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(result);
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

    if (!good)
        fprintf(stderr, "%s: %s", sql, PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
    return good;
}
