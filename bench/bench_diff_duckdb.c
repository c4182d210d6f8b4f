/*
 * bench_diff_duckdb: the same work as bench_diff, done by DuckDB in its best form.
 *
 * usage: bench_diff_duckdb LIBDUCKDB_SO FOLDER MILLION_ROWS [FORMS]
 *
 * links: base
 *
 * Snapshot and rows are tables of a database file: a 128-bit key hash as ours
 * (UHUGEINT), or one of 64 bits, which is less than the work asks for, and a
 * 64-bit row hash, all computed before the clock starts. Of the rows 1 % changed, 0.5 % are new, 0.5 % gone. Several forms of
 * finding the changes and of writing the next snapshot are measured; the one with
 * the fewest cpu seconds is the one to compare with; FORMS limits how many are tried.
 * Prints one JSON line each.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct duck_result { /* duckdb_result of the C API, 1.x */
    unsigned long long deprecated[3];
    void *columns;
    char *message;
    void *internal;
};

struct duck {
    void *database, *connection;
    int (*open)(const char *path, void **ret_database);
    int (*connect)(void *database, void **ret_connection);
    int (*query)(void *connection, const char *sql, struct duck_result *ret_result);
    const char *(*error)(struct duck_result *result);
    void (*destroy)(struct duck_result *result);
    void (*disconnect)(void **connection);
    void (*close)(void **database);
};

struct form {
    const char *name;
    const char *find;
    const char *write;
};

static const struct form forms[] = {
    {"full outer join, delta applied",
     "CREATE TABLE delta AS SELECT coalesce(n.k, o.k) AS k, n.h AS h, CASE WHEN o.k IS NULL THEN 1 "
     "WHEN n.k IS NULL THEN 3 ELSE 2 END AS kind FROM incoming n FULL OUTER JOIN snapshot o "
     "ON n.k = o.k WHERE n.k IS NULL OR o.k IS NULL OR n.h <> o.h",
     "BEGIN; DELETE FROM snapshot WHERE k IN (SELECT k FROM delta WHERE kind <> 1); "
     "INSERT INTO snapshot SELECT k, h FROM delta WHERE kind <> 3; COMMIT; CHECKPOINT"},
    {"full outer join, snapshot rewritten",
     "CREATE TABLE delta AS SELECT coalesce(n.k, o.k) AS k, n.h AS h, CASE WHEN o.k IS NULL THEN 1 "
     "WHEN n.k IS NULL THEN 3 ELSE 2 END AS kind FROM incoming n FULL OUTER JOIN snapshot o "
     "ON n.k = o.k WHERE n.k IS NULL OR o.k IS NULL OR n.h <> o.h",
     "CREATE TABLE snapshot_new AS SELECT k, h FROM incoming; CHECKPOINT"},
    {"two anti joins, snapshot rewritten",
     "CREATE TABLE delta AS SELECT k, h, 1 AS kind FROM incoming n ANTI JOIN snapshot o "
     "ON n.k = o.k AND n.h = o.h UNION ALL SELECT k, NULL, 3 FROM snapshot o ANTI JOIN incoming n "
     "ON n.k = o.k",
     "CREATE TABLE snapshot_new AS SELECT k, h FROM incoming; CHECKPOINT"},
};

static double
bench_cpu(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double
bench_wall(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *
bench_symbol(void *library, const char *name)
{
    void *symbol = dlsym(library, name);

    if (symbol == NULL) {
        fprintf(stderr, "bench_diff_duckdb: %s is missing\n", name);
        exit(1);
    }
    return symbol;
}

/* A void pointer into a function pointer, as POSIX wants it. */
#define BENCH_LOOK_UP(library, field, name)                                                        \
    do {                                                                                           \
        void *symbol_ = bench_symbol((library), (name));                                           \
        memcpy(&(field), &symbol_, sizeof(field));                                                 \
    } while (0)

static void
bench_load(struct duck *duck, const char *path)
{
    void *library = dlopen(path, RTLD_NOW);

    if (library == NULL) {
        fprintf(stderr, "bench_diff_duckdb: %s\n", dlerror());
        exit(1);
    }
    BENCH_LOOK_UP(library, duck->open, "duckdb_open");
    BENCH_LOOK_UP(library, duck->connect, "duckdb_connect");
    BENCH_LOOK_UP(library, duck->query, "duckdb_query");
    BENCH_LOOK_UP(library, duck->error, "duckdb_result_error");
    BENCH_LOOK_UP(library, duck->destroy, "duckdb_destroy_result");
    BENCH_LOOK_UP(library, duck->disconnect, "duckdb_disconnect");
    BENCH_LOOK_UP(library, duck->close, "duckdb_close");
}

static void
bench_query(struct duck *duck, const char *sql)
{
    struct duck_result result;

    memset(&result, 0, sizeof(result));
    if (duck->query(duck->connection, sql, &result) != 0) {
        fprintf(stderr, "bench_diff_duckdb: %s\n", duck->error(&result));
        exit(1);
    }
    duck->destroy(&result);
}

static void
bench_open(struct duck *duck, const char *path)
{
    if (duck->open(path, &duck->database) != 0 ||
        duck->connect(duck->database, &duck->connection) != 0) {
        fprintf(stderr, "bench_diff_duckdb: cannot open %s\n", path);
        exit(1);
    }
}

static void
bench_form(struct duck *duck, const char *path, const struct form *form, bool wide,
           double million_rows)
{
    double cpu, wall, found;
    struct rusage usage;
    const char *key = wide ? "hash(i)::UHUGEINT * 18446744073709551616 + hash(i + 3)" : "hash(i)";
    char sql[1200];

    unlink(path);
    bench_open(duck, path);
    // Rows i of which hash(i) says: 0 gone, 1 new, 2 and 3 changed, of 200.
    snprintf(
        sql, sizeof(sql),
        "CREATE TABLE snapshot AS SELECT %s AS k, hash(i + 7) AS h FROM range(%.0f) "
        "t(i) WHERE hash(i + 99) %% 200 <> 1; CREATE TABLE incoming AS SELECT %s AS k, "
        "hash(i + 7) + CASE WHEN hash(i + 99) %% 200 IN (2, 3) THEN 1 ELSE 0 END AS h "
        "FROM range(%.0f) t(i) WHERE hash(i + 99) %% 200 <> 0 ORDER BY hash(i + 5); CHECKPOINT",
        key, million_rows * 1e6, key, million_rows * 1e6);
    bench_query(duck, sql);
    duck->disconnect(&duck->connection); // what making the tables left in memory goes
    duck->close(&duck->database);
    bench_open(duck, path);
    cpu = bench_cpu();
    wall = bench_wall();
    bench_query(duck, form->find);
    found = bench_cpu();
    bench_query(duck, form->write);
    getrusage(RUSAGE_SELF, &usage);
    printf(
        "{\"bench\": \"diff duckdb\", \"form\": \"%s\", \"key_bits\": %d, \"rows\": %.0f, \"cpu_s\": %.2f, "
        "\"find_cpu_s\": %.2f, \"wall_s\": %.2f, \"rss_max_mib\": %ld}\n",
        form->name, wide ? 128 : 64, million_rows * 1e6, bench_cpu() - cpu, found - cpu,
        bench_wall() - wall, usage.ru_maxrss / 1024);
    fflush(stdout);
    duck->disconnect(&duck->connection);
    duck->close(&duck->database);
    unlink(path);
}

int
main(int argc, char **argv)
{
    struct duck duck = {0};
    char path[4096];

    if (argc < 4) {
        fprintf(stderr, "usage: bench_diff_duckdb LIBDUCKDB_SO FOLDER MILLION_ROWS [FORMS]\n");
        return 2;
    }
    bench_load(&duck, argv[1]);
    snprintf(path, sizeof(path), "%s/bench.duckdb", argv[2]);
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (argc > 4 && i == strtoul(argv[4], NULL, 10))
            break;
        for (int wide = 1; wide >= 0; wide--)
            bench_form(&duck, path, &forms[i], wide, strtod(argv[3], NULL));
    }
    return 0;
}
