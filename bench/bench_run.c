/*
 * bench_run: one sync of a project, in this process, and what each stage used.
 *
 * usage: bench_run FOLDER SYNC [plan]
 *
 * links: base flow os conf state source dest batch diff plan deliver record run assets
 *
 * The same code as `efferent run`, without its child process; a destination of the
 * type "null" takes everything at once. Fails unless each row was delivered.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bench.h"
#include "lib/null_dest.h"
#include "lib/project.h"
#include "run/run.h"

#define STAGES_MAX 12

struct run_stages {
    size_t count;
    const char *name[STAGES_MAX];
    struct bench_used at[STAGES_MAX]; /* when it began */
};

/* Progress comes with each change of stage, and in between. */
static void
run_progress(void *self, const struct eff_progress *progress)
{
    struct run_stages *stages = self;

    if (stages->count > 0 && strcmp(stages->name[stages->count - 1], progress->stage) == 0)
        return;
    if (stages->count == STAGES_MAX)
        return;
    stages->name[stages->count] = progress->stage;
    stages->at[stages->count++] = bench_used_now();
}

static void
run_print_stages(const struct run_stages *stages)
{
    printf(", \"stages_cpu_s\": {");
    for (size_t i = 0; i + 1 < stages->count; i++)
        printf("%s\"%s\": %.3f", i ? ", " : "", stages->name[i],
               stages->at[i + 1].user + stages->at[i + 1].sys - stages->at[i].user -
                   stages->at[i].sys);
    printf("}, \"stages_wall_s\": {");
    for (size_t i = 0; i + 1 < stages->count; i++)
        printf("%s\"%s\": %.3f", i ? ", " : "", stages->name[i],
               stages->at[i + 1].wall - stages->at[i].wall);
    printf("}");
}

static void
run_print(const struct eff_report *report, const struct run_stages *stages,
          const struct bench_used *used)
{
    printf("{\"bench\": \"run\", \"status\": \"%s\", \"read\": %llu, \"unchanged\": %llu, "
           "\"added\": %llu, \"changed\": %llu, \"removed\": %llu, \"delivered\": %llu, "
           "\"requests\": %llu",
           eff_status_name(report->status), (unsigned long long)report->read,
           (unsigned long long)report->unchanged, (unsigned long long)report->added,
           (unsigned long long)report->changed, (unsigned long long)report->removed,
           (unsigned long long)report->delivered, (unsigned long long)report->requests);
    bench_print_used(used);
    run_print_stages(stages);
    printf("}\n");
}

static void
run_check(const struct eff_report *report)
{
    if (report->status != EFF_STATUS_OK && report->problems_count > 0)
        bench_die(EFF_STR_FMT " (" EFF_STR_FMT ")", EFF_STR_ARG(report->problems[0].message),
                  EFF_STR_ARG(report->problems[0].hint));
    if (report->status != EFF_STATUS_OK ||
        (!report->is_plan && report->planned != report->delivered))
        bench_die("the run ended as %s with %llu of %llu rows", eff_status_name(report->status),
                  (unsigned long long)report->delivered, (unsigned long long)report->planned);
}

int
main(int argc, char **argv)
{
    struct bench_used start = bench_used_now(), used;
    struct run_stages stages = {0};
    struct eff_run_options options = {.limit = -1, .progress = run_progress, .self = &stages};
    struct eff_arena process = {0};
    struct eff_report report = {0};
    struct bench_null_os world;
    struct eff_err err = {0};
    struct eff_project *project;
    char folder[PATH_MAX];
    struct eff_os *os;

    if (argc < 3 || !realpath(argv[1], folder)) {
        fprintf(stderr, "usage: bench_run FOLDER SYNC [plan]\n");
        return 2;
    }
    options.plan = argc > 3 && strcmp(argv[3], "plan") == 0;
    eff_arena_init(&process, "process", (size_t)1 << 30);
    if (eff_os_real(&process, &os, &err) != EFF_OK)
        bench_die("%s", err.msg);
    bench_null_os_init(&world, os);
    project = bench_project_load(folder, os, &process);
    eff_run_sync(project, bench_project_sync(project, argv[2]), &world.os, &options, &process,
                 &report);
    used = bench_used_since(&start);
    run_print(&report, &stages, &used);
    run_check(&report);
    eff_os_real_close(os);
    eff_arena_deinit(&process);
    return 0;
}
