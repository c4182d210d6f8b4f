/*
 * bench_diff: what the diff costs, without reading a source and without hashing rows.
 *
 * usage: bench_diff FOLDER MILLION_ROWS [MEMORY_MIB [CONTENT_BYTES]]
 *
 * links: base state diff testlib
 *
 * In an empty folder: a first load of that many rows, made from a seed, through
 * the diff, all with content. In a folder with a snapshot from before: the rows
 * again with 1 % changed, 0.5 % new and 0.5 % gone, the next generation, and one
 * more read without changes. Prints one JSON line per phase: cpu and wall seconds, the process's largest
 * memory so far, bytes through the scratch and snapshot files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "diff/diff.h"
#include "lib/testos.h"

#define AHEAD 64

struct bench {
    struct testos world;
    const char *folder;
    uint64_t rows;
    size_t memory_bytes;
    size_t content_bytes;
    struct eff_arena arena;
    double cpu, user, wall;
    uint64_t written, read;
};

static double
bench_user(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
}

static double
bench_cpu(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return bench_user() + (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

static double
bench_wall(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
bench_start(struct bench *b)
{
    b->cpu = bench_cpu();
    b->user = bench_user();
    b->wall = bench_wall();
    b->written = b->world.bytes_written;
    b->read = b->world.bytes_read;
}

static void
bench_report(struct bench *b, const char *phase, const struct eff_diff_counts *counts)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    printf(
        "{\"bench\": \"diff\", \"phase\": \"%s\", \"rows\": %llu, \"cpu_s\": %.2f, "
        "\"user_s\": %.2f, \"wall_s\": %.2f, \"rss_max_mib\": %ld, \"written_mb\": %llu, \"read_mb\": %llu",
        phase, (unsigned long long)b->rows, bench_cpu() - b->cpu, bench_user() - b->user,
        bench_wall() - b->wall, usage.ru_maxrss / 1024,
        (unsigned long long)(b->world.bytes_written - b->written) / 1000000,
        (unsigned long long)(b->world.bytes_read - b->read) / 1000000);
    if (counts != NULL)
        printf(", \"unchanged\": %llu, \"added\": %llu, \"changed\": %llu, \"removed\": %llu, "
               "\"without_content\": %llu",
               (unsigned long long)counts->unchanged, (unsigned long long)counts->added,
               (unsigned long long)counts->changed, (unsigned long long)counts->removed,
               (unsigned long long)counts->without_content);
    printf("}\n");
    fflush(stdout);
    bench_start(b);
}

static void
bench_check(enum eff_fault fault, const struct eff_err *err)
{
    if (fault == EFF_OK)
        return;
    fprintf(stderr, "bench_diff: %s\n", err->msg);
    exit(1);
}

static uint64_t
bench_mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

/* Row i of a round; false when it is not there. Of 200 rows: 2 change, 1 goes, 1 is new. */
static bool
bench_row(uint64_t i, unsigned round, struct eff_entry *ret_entry)
{
    unsigned kind = (unsigned)(bench_mix(i ^ 0x5bd1e995) % 200);

    if (kind < 2 && kind != round % 2)
        return false;
    ret_entry->key.hi = bench_mix(i * 0x9e3779b97f4a7c15u + 1);
    ret_entry->key.lo = bench_mix(ret_entry->key.hi + i);
    ret_entry->row = bench_mix(i + (kind == 2 || kind == 3 ? round : 0) * 0x632be59bd9b4e019u);
    return true;
}

/* The read: keys come in batches, so a key is known some rows before it is added. */
static void
bench_read(struct bench *b, struct eff_diff *diff, unsigned round)
{
    static char content[65536];
    struct eff_entry ahead[AHEAD];
    struct eff_err err;
    uint64_t i = 0;

    while (i < b->rows) {
        size_t count = 0;

        for (; count < AHEAD && i < b->rows; i++) {
            if (!bench_row(i, round, &ahead[count]))
                continue;
            eff_diff_prefetch(diff, ahead[count].key);
            count++;
        }
        for (size_t j = 0; j < count; j++) {
            eff_str bytes = EFF_STR_NONE;

            if (eff_diff_wants_content(diff, ahead[j].key, ahead[j].row))
                bytes = (eff_str){content, b->content_bytes};
            bench_check(eff_diff_add(diff, ahead[j].key, ahead[j].row, ahead[j].row, bytes, &err),
                        &err);
        }
    }
}

/* Everything that is told is acknowledged. */
static void
bench_write(struct eff_diff *diff, struct eff_snapshot_writer *writer)
{
    struct eff_change change;
    struct eff_entry entry;
    struct eff_err err;

    for (;;) {
        bench_check(eff_diff_next(diff, &change, &err), &err);
        if (change.kind == EFF_CHANGE_END)
            return;
        if (change.kind == EFF_CHANGE_REMOVE) {
            bench_check(eff_snapshot_remove(writer, change.key, &err), &err);
            continue;
        }
        entry = (struct eff_entry){change.key, change.row_hash};
        bench_check(eff_snapshot_set(writer, &entry, EFF_STR_NONE, &err), &err);
    }
}

static unsigned
bench_generation(struct bench *b)
{
    struct eff_snapshot *snapshot;
    struct eff_err err;
    unsigned generation;

    eff_arena_init(&b->arena, "bench", (size_t)1 << 20);
    bench_check(eff_snapshot_open(&b->world.os, b->folder, &b->arena, &snapshot, &err), &err);
    generation = (unsigned)eff_snapshot_head(snapshot)->generation;
    eff_snapshot_close(snapshot);
    eff_arena_deinit(&b->arena);
    return generation;
}

static void
bench_round(struct bench *b, unsigned round, const char *name)
{
    struct eff_diff_config config = {.os = &b->world.os,
                                     .scratch_folder = b->folder,
                                     .memory_bytes = b->memory_bytes,
                                     .rows_expected = -1,
                                     .find_removed = true};
    struct eff_snapshot_writer *writer;
    struct eff_snapshot_head head;
    struct eff_snapshot *snapshot;
    struct eff_err err = {0};
    struct eff_diff *diff;
    char phase[64];

    eff_arena_init(&b->arena, "bench", (size_t)64 << 20);
    bench_start(b);
    bench_check(eff_snapshot_open(&b->world.os, b->folder, &b->arena, &snapshot, &err), &err);
    bench_check(eff_diff_open(&config, snapshot, &b->arena, &diff, &err), &err);
    snprintf(phase, sizeof(phase), "%s: filter", name);
    bench_report(b, phase, NULL);
    bench_read(b, diff, round);
    snprintf(phase, sizeof(phase), "%s: rows", name);
    bench_report(b, phase, NULL);
    bench_check(eff_snapshot_writer_open(&b->world.os, b->folder, snapshot, NULL, 0, false,
                                         b->memory_bytes / 2, &b->arena, &writer, &err),
                &err);
    bench_write(diff, writer);
    snprintf(phase, sizeof(phase), "%s: compare", name);
    bench_report(b, phase, eff_diff_counts(diff));
    eff_diff_close(diff);
    if (eff_diff_counts(diff)->unchanged != eff_diff_counts(diff)->read ||
        eff_diff_counts(diff)->removed > 0) {
        bench_check(eff_snapshot_commit(writer, &head, &err), &err);
        bench_check(eff_snapshot_sweep(&b->world.os, b->folder, head.generation, b->arena, &err),
                    &err);
    }
    eff_snapshot_writer_close(writer);
    eff_snapshot_close(snapshot);
    eff_arena_deinit(&b->arena);
    snprintf(phase, sizeof(phase), "%s: commit", name);
    bench_report(b, phase, NULL);
}

/* Only making the rows, to be taken off the other figures. */
static void
bench_generate(struct bench *b)
{
    struct eff_entry entry;
    uint64_t sum = 0;

    bench_start(b);
    for (uint64_t i = 0; i < b->rows; i++)
        if (bench_row(i, 1, &entry))
            sum += entry.key.hi ^ entry.key.lo ^ entry.row;
    bench_report(b, sum == 0 ? "none" : "making rows", NULL);
}

int
main(int argc, char **argv)
{
    struct bench b = {.memory_bytes = (size_t)256 << 20, .content_bytes = 100};
    unsigned round;

    if (argc < 3) {
        fprintf(stderr, "usage: bench_diff FOLDER MILLION_ROWS [MEMORY_MIB [CONTENT_BYTES]]\n");
        return 2;
    }
    testos_init(&b.world, 1);
    b.folder = argv[1];
    b.rows = (uint64_t)(strtod(argv[2], NULL) * 1e6);
    if (argc > 3)
        b.memory_bytes = (size_t)strtoull(argv[3], NULL, 10) << 20;
    if (argc > 4)
        b.content_bytes = (size_t)strtoull(argv[4], NULL, 10) % 65536;
    bench_generate(&b);
    round = bench_generation(&b);
    bench_round(&b, round, round == 0 ? "first load" : "changes");
    if (round > 0)
        bench_round(&b, round, "no changes");
    return 0;
}
