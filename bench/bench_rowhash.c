/*
 * bench_rowhash: what key and row hash cost per row of ten columns.
 *
 * usage: bench_rowhash [MILLION_ROWS]
 *
 * links: base flow batch
 *
 * Rows as a CRM model has them: id, e-mail, two names, a decimal, a float, a
 * date, an instant, a flag and a nullable text. Prints nanoseconds per row for
 * the key, for the row hash and for both.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "batch/row.h"

#define WIDTH 10
#define BLOCK 4096

struct bench {
    struct eff_value cells[BLOCK * WIDTH];
    char text[BLOCK * 128];
    size_t used;
};

/* what, n, end: "customer.", 7, "@example.com" */
static struct eff_value
bench_text(struct bench *b, enum eff_kind kind, const char *what, unsigned n, const char *end)
{
    char *to = b->text + b->used;
    int len = snprintf(to, 64, "%s%u%s", what, n, end);

    b->used += (size_t)len;
    return eff_value_of_str(kind, (eff_str){to, (size_t)len});
}

static void
bench_fill(struct bench *b)
{
    for (unsigned r = 0; r < BLOCK; r++) {
        struct eff_value *row = &b->cells[r * WIDTH];

        row[0] = eff_value_of_int(EFF_INT, 1000000 + r);
        row[1] = bench_text(b, EFF_TEXT, "customer.", r, "@example.com");
        row[2] = bench_text(b, EFF_TEXT, "First", r, "");
        row[3] = bench_text(b, EFF_TEXT, "Lastname", r, "");
        row[4] = bench_text(b, EFF_DECIMAL, "", r, ".25");
        row[5] = eff_value_of_float(r * 0.37);
        row[6] = eff_value_of_int(EFF_DATE, 19000 + r % 1000);
        row[7] = eff_value_of_int(EFF_INSTANT, 1700000000000000 + r * 1000003LL);
        row[8] = eff_value_of_int(EFF_BOOL, r & 1);
        row[9] = r % 3 ? bench_text(b, EFF_TEXT, "segment ", r, "") : (struct eff_value){0};
    }
}

static double
bench_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double
bench_run(struct bench *b, const struct eff_mapping *mapping, size_t rows, bool key, bool hash,
          uint64_t *check)
{
    struct eff_row_secret secret = {.key = {1, 2}, .seed = 3};
    struct eff_arena scratch = {0};
    struct eff_buf buf = {0};
    double start = bench_now();

    for (size_t r = 0; r < rows; r++) {
        const struct eff_value *row = &b->cells[r % BLOCK * WIDTH];
        struct eff_hash128 k = {0};
        uint64_t h = 0;
        size_t column;

        if (key && eff_row_key(mapping, row, &secret, &buf, &k, &column) != EFF_ROW_GOOD)
            abort();
        if (hash && eff_row_hash(mapping, row, &secret, scratch, &h, &column) != EFF_ROW_GOOD)
            abort();
        *check += k.lo + h;
    }
    eff_buf_free(&buf);
    return (bench_now() - start) / (double)rows;
}

int
main(int argc, char **argv)
{
    size_t rows = (size_t)(argc > 1 ? strtoul(argv[1], NULL, 10) : 10) * 1000000;
    static const size_t columns[WIDTH] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct eff_field fields[WIDTH] = {0};
    struct eff_mapping mapping = {.key_count = 1,
                                  .key = columns,
                                  .fields_count = WIDTH,
                                  .fields = fields,
                                  .match_is_key = true};
    struct bench *b = calloc(1, sizeof(*b));
    uint64_t check = 0;

    if (!b || rows == 0)
        return 2;
    for (size_t i = 0; i < WIDTH; i++)
        fields[i] = (struct eff_field){.id = i + 1, .inputs_count = 1, .inputs = &columns[i]};
    bench_fill(b);
    printf("key   %6.1f ns\n", bench_run(b, &mapping, rows, true, false, &check));
    printf("hash  %6.1f ns\n", bench_run(b, &mapping, rows, false, true, &check));
    printf("both  %6.1f ns a row of %d columns, %zu rows (%016llx)\n",
           bench_run(b, &mapping, rows, true, true, &check), WIDTH, rows,
           (unsigned long long)check);
    free(b);
    return 0;
}
