/*
 * Goal: a result that was cut anywhere on its way is an error, never a shorter
 * result; bytes that are no values are refused.
 * Method: a proxy between the source and a real server that closes both sides
 * after n bytes of the server's, for n over the whole conversation and each byte
 * of its last part; the same for each of the two connections that read a table in
 * ranges; random bytes as fields of every form. With the sanitizers, under which each of the proxy's
 * forks costs as much as the rest, every seventh byte of the last part: a cut is the same there.
 * covers: C1
 */
// links: testlib base flow os source
// timeout: 180
#include "lib/pg.h"
#include "lib/random.h"
#include "lib/reading.h"
#include "source/postgres_type.h"

#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SQL    "SELECT i, 'name ' || i AS name, i * 1.5 AS amount FROM generate_series(1, 5) i"
#define TAIL   400 /* bytes at the end that are cut one by one */
#define STRIDE 17
#ifdef __SANITIZE_ADDRESS__
#define TAIL_STRIDE 7
#else
#define TAIL_STRIDE 1
#endif
#define RANGES "SELECT * FROM sparse" /* a row in each of its blocks */
#define BLOCKS 256                    /* enough for two ranges */

struct config { /* as postgres.c has it */
    eff_str url;
    struct eff_str_list schema;
    int64_t statement_timeout_ms, connect_timeout_ms, ranges;
};

static struct pg_cluster cluster;

static int
connect_to_server(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)cluster.port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        _exit(1);
    return fd;
}

/* Forwards one connection until it ends or `limit` bytes of the server's have passed. */
static size_t
forward(int client, int server, size_t limit)
{
    struct pollfd fds[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}};
    size_t passed = 0;
    char bytes[4096];

    while (passed < limit && poll(fds, 2, -1) > 0) {
        ssize_t len;

        if (fds[0].revents) {
            len = read(client, bytes, sizeof(bytes));
            if (len <= 0 || write(server, bytes, (size_t)len) != len)
                break;
        }
        if (fds[1].revents) {
            size_t want = limit - passed < sizeof(bytes) ? limit - passed : sizeof(bytes);

            len = read(server, bytes, want);
            if (len <= 0 || write(client, bytes, (size_t)len) != len)
                break;
            passed += (size_t)len;
        }
    }
    return passed;
}

/* Serves each connection in a child; the one of that number tells how many bytes have passed. */
static void
serve_proxy(int fd, int number, size_t limit, int to)
{
    for (int i = 0;; i++) {
        int client = accept(fd, NULL, NULL);
        size_t passed;

        if (fork() != 0) {
            close(client);
            continue;
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(fd);
        passed = forward(client, connect_to_server(), i == number ? limit : SIZE_MAX);
        _exit(i == number && write(to, &passed, sizeof(passed)) < 0);
    }
}

static pid_t
start_proxy(int number, size_t limit, int *ret_port, int *ret_pipe)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0), ends[2];
    pid_t pid;

    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(pipe(ends), 0);
    *ret_port = ntohs(address.sin_port);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGCHLD, SIG_IGN);
        serve_proxy(fd, number, limit, ends[1]);
    }
    close(fd);
    close(ends[1]);
    *ret_pipe = ends[0];
    return pid;
}

/* The fault of reading everything when the connection of that number has `limit` bytes. */
static enum eff_fault
read_cut(const char *sql, int number, size_t limit, size_t *ret_rows, size_t *ret_passed)
{
    struct config config = {.connect_timeout_ms = 10000, .ranges = 2};
    struct reading r;
    enum eff_fault fault;
    char url[200];
    int port, fd;
    pid_t pid = start_proxy(number, limit, &port, &fd);

    snprintf(url, sizeof(url),
             "host=127.0.0.1 port=%d user=test password=%s dbname=postgres sslmode=disable"
             " gssencmode=disable",
             port, PG_PASSWORD);
    config.url = eff_str_of(url);
    fault = reading_open(&r, &eff_source_postgres, &config);
    if (fault == EFF_OK)
        fault = reading_query(&r, sql);
    *ret_rows = r.rows;
    if (fault != EFF_OK)
        assert_true(r.err.msg[0] != 0);
    reading_close(&r);
    *ret_passed = 0;
    if (fault == EFF_OK && read(fd, ret_passed, sizeof(*ret_passed)) < 0)
        *ret_passed = 0;
    close(fd);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return fault;
}

static void
cut_everywhere(const char *sql, int number, size_t whole, size_t tail, size_t stride)
{
    size_t rows, total, passed;

    assert_int_equal(read_cut(sql, number, SIZE_MAX, &rows, &total), EFF_OK);
    assert_int_equal(rows, whole);
    assert_true(total > tail);
    // Whatever comes before, the last byte is needed: it ends the server's "ready".
    for (size_t limit = 1; limit < total; limit += limit + tail < total ? stride : TAIL_STRIDE) {
        enum eff_fault fault = read_cut(sql, number, limit, &rows, &passed);

        if (fault == EFF_OK)
            fail_msg("connection %d cut after %zu of %zu bytes, and %zu rows were the whole result",
                     number, limit, total, rows);
    }
}

static void
every_cut_is_an_error(void **state)
{
    (void)state;
    if (pg_optional())
        skip();
    cut_everywhere(SQL, 0, 5, TAIL, STRIDE);
}

/* Rows of a dropped column keep their size: few bytes are read from many blocks. */
static void
every_cut_of_a_range_is_an_error(void **state)
{
    (void)state;
    if (pg_optional())
        skip();
    assert_true(pg_run(&cluster, "CREATE TABLE sparse (id int, filler text);"
                                 "ALTER TABLE sparse ALTER filler SET STORAGE plain;"
                                 "INSERT INTO sparse SELECT i, repeat('x', 5000)"
                                 " FROM generate_series(1, 256) i;"
                                 "ALTER TABLE sparse DROP filler"));
    for (int number = 0; number < 2; number++)
        cut_everywhere(RANGES, number, BLOCKS, TAIL / 8, 4 * STRIDE);
}

static void
random_fields_do_no_harm(void **state)
{
    struct eff_arena batch;
    uint64_t seed = 4;
    size_t good = 0;

    (void)state;
    eff_arena_init(&batch, "batch", (size_t)64 << 20);
    for (int round = 0; round < 200000; round++) {
        enum eff_pg_form form = (enum eff_pg_form)(1 + random_below(&seed, EFF_PG_CAST_JSON));
        size_t len = random_below(&seed, 24);
        unsigned char *bytes = malloc(len + (len == 0)); // exact: the sanitizer watches its end
        struct eff_value value = {.kind = EFF_ABSENT};

        for (size_t i = 0; i < len; i++)
            bytes[i] = (unsigned char)random_below(&seed, random_below(&seed, 2) ? 256 : 3);
        eff_arena_reset(&batch);
        if (eff_pg_field(form, bytes, len, &batch, &value)) {
            assert_true(value.kind != EFF_ABSENT);
            good++;
        }
        free(bytes);
    }
    assert_true(good > 1000);
    eff_arena_deinit(&batch);
}

static int
setup(void **state)
{
    (void)state;
    return pg_optional() || pg_cluster_start(&cluster) ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    if (!pg_optional())
        pg_cluster_stop(&cluster);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_is_an_error),
        cmocka_unit_test(every_cut_of_a_range_is_an_error),
        cmocka_unit_test(random_fields_do_no_harm),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
