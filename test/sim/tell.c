/*
 * test/sim/tell: the program `sim`: which seeds are run, and what of them is told.
 *
 *     sim [--seed N] [--count N] [--quiet] [--digests]
 *     sim --seed N [--without FAULT,...] [--keys N] [--runs N]
 *
 * A seed ends well, or it is told which oracle was broken first and what that oracle
 * promises. One seed alone is also made smaller (fewer faults, keys, runs) as long as the
 * same oracle is broken, and leaves the trace of that in a file.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/sim.h"

static const struct {
    const char *oracle, *promise;
} sim_promises[] = {
    {"O1", "no row is lost"},
    {"O2", "no record has a twin, and no event is appended twice"},
    {"O3", "no live record is removed, and none of others is touched"},
    {"O4", "at the end each record has the newest values"},
    {"O5", "the accounting adds up, and the run and the ledger tell what is left open"},
    {"O6", "Retry-After is obeyed, and retries are few"},
    {"O7", "a row is under way once"},
    {"O8", "nothing is sent before the plan and its mark are durable"},
    {"O9", "no secret is kept, and no value of a row that was delivered"},
    {"O10", "who was forgotten is nowhere, and in no request"},
    {"O11", "memory and files are given back"},
    {"O12", "a seed tells one story"},
    {"O13", "when the faults are over, both sides become equal"},
    {"O14", "the state opens after each death, and damage is told"}};

static struct {
    uint64_t seed, count;
    bool quiet, digests;
    struct sim_less less;
} args = {.seed = 1, .count = 1};

static void
options_print(const struct sim_options *o)
{
    fprintf(stderr,
            "  options: %s, mode %s, %u keys, %u runs, batch %u, lanes %u, removes %d, describes "
            "%d, logs in %d, reads %d, mismatch %d, twice %d, faults:",
            sim_class_names[o->class], eff_mode_names[o->mode], o->keys, o->runs, o->batch,
            o->lanes, o->removes, o->describes, o->logs_in, o->reads, o->mismatch, o->blind_twice);
    for (int i = 0; i < SIM_FAULTS; i++)
        if (o->on[i])
            fprintf(stderr, " %s", sim_fault_names[i]);
    fprintf(stderr, "\n");
}

static const char *
seed_promise(void)
{
    for (size_t i = 0; i < sizeof(sim_promises) / sizeof(sim_promises[0]); i++)
        if (strcmp(sim_promises[i].oracle, sim->broken_oracle) == 0)
            return sim_promises[i].promise;
    return "";
}

/* The seed that was run last. */
static void
seed_tell(void)
{
    fprintf(stderr, "seed %llu BROKEN: %s\n  promise: %s\n", (unsigned long long)sim->options.seed,
            sim->broken_what, seed_promise());
    options_print(&sim->options);
}

/* ---- one seed that is broken, made smaller ---- */

/* Whether with still less the same oracle is broken: then less becomes that. */
static bool
shrink_try(uint64_t seed, struct sim_less *less, const struct sim_less *try, const char *oracle)
{
    uint64_t hash;

    if (sim_seed(seed, try, NULL, &hash) || strcmp(sim->broken_oracle, oracle) != 0)
        return false;
    *less = *try;
    return true;
}

static void
shrink(uint64_t seed, struct sim_less *less)
{
    const char *oracle = sim->broken_oracle;
    struct sim_options whole = sim->options;
    struct sim_less try = *less;

    for (int i = 0; i < SIM_FAULTS; i++) {
        try = *less;
        try.off[i] = true;
        if (whole.on[i])
            shrink_try(seed, less, &try, oracle);
    }
    for (unsigned keys = whole.keys / 2; keys > 0; keys /= 2) {
        try = *less;
        try.keys = keys;
        if (!shrink_try(seed, less, &try, oracle))
            break;
    }
    for (unsigned runs = 1; runs < whole.runs; runs++) {
        try = *less;
        try.runs = runs;
        if (shrink_try(seed, less, &try, oracle))
            break;
    }
}

static void
less_print(const struct sim_less *less)
{
    const char *between = " --without ";

    for (int i = 0; i < SIM_FAULTS; i++)
        if (less->off[i]) {
            fprintf(stderr, "%s%s", between, sim_fault_names[i]);
            between = ",";
        }
    if (less->keys)
        fprintf(stderr, " --keys %u", less->keys);
    if (less->runs)
        fprintf(stderr, " --runs %u", less->runs);
}

#define SHOWN_LINES 40

/* What the database writes is of interest to few. */
static bool
trace_shown(const char *line)
{
    return strchr(line, '\n') && !strstr(line, " db-") && !strstr(line, " write ");
}

/* The end of the trace, which is where the oracle was broken. */
static void
trace_show(FILE *trace, const char *path)
{
    char line[1000];
    size_t lines = 0, at = 0;

    rewind(trace);
    while (fgets(line, sizeof(line), trace))
        lines += trace_shown(line);
    fprintf(stderr, "  the last lines of %s, but for writes:\n", path);
    rewind(trace);
    while (fgets(line, sizeof(line), trace))
        if (trace_shown(line) && ++at + SHOWN_LINES > lines)
            fprintf(stderr, "    %.150s%s", line, strlen(line) > 150 ? "\n" : "");
}

/* Tells one seed; its trace goes to a file beside the program. */
static bool
seed_alone(const char *program)
{
    char path[600];
    uint64_t hash;
    FILE *trace;
    bool good = sim_seed(args.seed, &args.less, NULL, &hash);

    if (!good && !args.quiet)
        shrink(args.seed, &args.less);
    snprintf(path, sizeof(path), "%s-%llu.trace", program, (unsigned long long)args.seed);
    trace = args.quiet ? NULL : fopen(path, "w+");
    sim_seed(args.seed, &args.less, trace, &hash);
    if (!good) {
        seed_tell();
        fprintf(stderr, "  again: %s --seed %llu", program, (unsigned long long)args.seed);
        less_print(&args.less);
        fprintf(stderr, "\n");
    } else {
        printf("seed %llu ends well, after %u runs and %llu effects%s%s\n",
               (unsigned long long)args.seed, sim->run, (unsigned long long)sim->effects,
               trace ? "; its trace is in " : "", trace ? path : "");
    }
    if (trace && !good)
        trace_show(trace, path);
    if (trace)
        fclose(trace);
    return good;
}

/* Of the processor: what else the machine does is not in it. */
static double
seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
args_without(char *names)
{
    for (char *name = strtok(names, ","); name; name = strtok(NULL, ","))
        for (int i = 0; i < SIM_FAULTS; i++)
            args.less.off[i] |= strcmp(name, sim_fault_names[i]) == 0;
}

static void
args_read(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            args.seed = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--count") == 0 && i + 1 < argc)
            args.count = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--quiet") == 0)
            args.quiet = true;
        else if (strcmp(argv[i], "--digests") == 0)
            args.digests = true;
        else if (strcmp(argv[i], "--without") == 0 && i + 1 < argc)
            args_without(argv[++i]);
        else if (strcmp(argv[i], "--keys") == 0 && i + 1 < argc)
            args.less.keys = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
            args.less.runs = (unsigned)strtoul(argv[++i], NULL, 10);
        else {
            fprintf(stderr, "usage: sim [--seed N] [--count N] [--quiet] [--digests]\n"
                            "           [--without FAULT,...] [--keys N] [--runs N]\n");
            exit(2);
        }
    }
}

int
main(int argc, char **argv)
{
    uint64_t bad = 0, done = 0, hash, again, effects = 0;
    double start = seconds_now(), took;

    args_read(argc, argv);
    sim_memory_init();
    sim_vfs_register();
    sim_dest_kinds();
    sim = calloc(1, sizeof(*sim));
    if (sim == NULL)
        return 2;
    eff_arena_init(&sim->process, "process", (size_t)256 << 20);
    eff_arena_init(&sim->parse, "parse", (size_t)64 << 20);
    if (args.count == 1)
        return seed_alone(argv[0]) ? 0 : 1;
    for (uint64_t i = 0; i < args.count && bad < 20; i++) {
        bool good = sim_seed(args.seed + i, &args.less, NULL, &hash);

        if (!good)
            seed_tell();
        if (args.digests)
            printf("%llu %016llx\n", (unsigned long long)(args.seed + i), (unsigned long long)hash);
        bad += !good;
        done++;
        effects += sim->effects;
        if (good && (args.seed + i) % 50 == 0 &&
            (!sim_seed(args.seed + i, &args.less, NULL, &again) || again != hash)) {
            fprintf(stderr, "seed %llu BROKEN: O12: it is another story the second time\n",
                    (unsigned long long)(args.seed + i));
            bad++;
        }
        if (bad && args.quiet)
            break;
    }
    took = seconds_now() - start;
    printf("%llu seeds from %llu, %llu broken, %.0f seeds a minute of one core, %llu effects\n",
           (unsigned long long)done, (unsigned long long)args.seed, (unsigned long long)bad,
           (double)done / took * 60, (unsigned long long)effects);
    return bad ? 1 : 0;
}
