/*
 * bench_source: the rows of a sync's model, read through its source and thrown away.
 *
 * usage: bench_source FOLDER SYNC
 *
 * links: base flow os conf state source dest batch diff plan deliver record run assets
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/bench.h"
#include "lib/project.h"
#include "source/source.h"

static enum eff_fault
source_drain(const struct eff_sync_conf *sync, struct eff_os *os, struct eff_arena *run,
             uint64_t *ret_rows, struct eff_err *err)
{
    const struct eff_source_ops *ops = sync->source->kind->user;
    struct eff_batch batch = {.rows = 1};
    struct eff_columns columns;
    struct eff_source *source;

    EFF_TRY(ops->open(sync->source->config, os, run, &source, err));
    EFF_TRY(ops->query(source, ops->table_sql(source, sync->model, run), &columns, err));
    while (batch.rows > 0) {
        EFF_TRY(ops->next(source, &batch, err));
        *ret_rows += batch.rows;
    }
    ops->close(source);
    return EFF_OK;
}

int
main(int argc, char **argv)
{
    struct eff_arena process = {0}, run = {0};
    const struct eff_sync_conf *sync;
    struct bench_used start, used;
    struct eff_err err = {0};
    char folder[PATH_MAX];
    struct eff_os *os;
    uint64_t rows = 0;

    if (argc != 3 || !realpath(argv[1], folder)) {
        fprintf(stderr, "usage: bench_source FOLDER SYNC\n");
        return 2;
    }
    eff_arena_init(&process, "process", (size_t)1 << 30);
    eff_arena_init(&run, "run", (size_t)1 << 30);
    if (eff_os_real(&process, &os, &err) != EFF_OK)
        bench_die("%s", err.msg);
    sync = bench_project_sync(bench_project_load(folder, os, &process), argv[2]);
    start = bench_used_now();
    if (source_drain(sync, os, &run, &rows, &err) != EFF_OK)
        bench_die("%s (%s)", err.msg, err.hint);
    used = bench_used_since(&start);
    printf("{\"bench\": \"source\", \"rows\": %llu", (unsigned long long)rows);
    bench_print_used(&used);
    printf("}\n");
    eff_os_real_close(os);
    eff_arena_deinit(&run);
    eff_arena_deinit(&process);
    return 0;
}
