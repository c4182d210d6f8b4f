/*
 * diff/filter: is this (key, row) pair in the old snapshot? No, or probably.
 */
#include "diff/filter.h"

#include <sys/mman.h>

#define FILTER_SMALL ((uint64_t)16 << 20) /* below this many bytes, 64 bits a row */

void
diff_filter_init(struct diff_filter *filter, uint64_t rows, size_t bytes_max)
{
    uint64_t bytes = rows * 2, bits;

    if (bytes < FILTER_SMALL)
        bytes = rows < FILTER_SMALL / 8 ? rows * 8 : FILTER_SMALL;
    if (bytes > bytes_max)
        bytes = bytes_max;
    filter->count = bytes / 64 + 1;
    bits = filter->count * 512 / (rows + 1);
    // Best were ln 2 per bit and row; above five they cost more than they avoid: at 16 bits 1 in
    // 500 changed rows instead of 1 in 800 has to be read again, at 10 bits 1 in 100 either way.
    filter->probes = bits >= 8 ? FILTER_PROBES_MAX : bits < 2 ? 1 : (unsigned)(bits * 7 / 10);
    eff_arena_init(&filter->arena, "filter", filter->count * 64 + 64);
    // Every question goes to another page; large pages, where there are any, save a fifth of adding.
    (void)madvise(filter->arena.base, filter->arena.budget, MADV_HUGEPAGE);
    filter->blocks = eff_arena_alloc(&filter->arena, 64, 64, filter->count);
}

void
diff_filter_deinit(struct diff_filter *filter)
{
    eff_arena_deinit(&filter->arena);
    filter->blocks = NULL;
    filter->count = 0;
}
