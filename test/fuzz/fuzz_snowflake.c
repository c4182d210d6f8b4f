/*
 * Goal: no answer of a warehouse makes the reader of its rows crash, read or write beyond its
 * end, or find rows that the bytes do not have.
 * Method: the bytes are an answer; what its parts point to lies inside it; its rows are walked for
 * one to four columns, and each cell is read as every type.
 */
// links: base flow source
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "source/snowflake_rows.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
one_cell(eff_str text, struct eff_arena *arena)
{
    for (int form = EFF_SNOW_TEXT; form <= EFF_SNOW_GEO; form++) {
        struct eff_value value = {0};

        if (!eff_snow_value((enum eff_snow_form)form, text, arena, &value))
            continue;
        assert(value.kind != EFF_NULL && value.kind != EFF_ABSENT);
        if (value.kind == EFF_TIME)
            assert(value.i >= 0 && value.i < 86400000000);
        if (value.kind == EFF_TIME || value.kind == EFF_DATETIME || value.kind == EFF_INSTANT)
            assert(value.len < 1000);
    }
}

static void
walk(eff_str list, size_t width, struct eff_arena *arena)
{
    char *copy = malloc(list.len + 1); // of its own, so that a byte too many is seen
    struct eff_snow_rows rows;
    eff_str cells[4];
    size_t count = 0;

    if (!copy)
        abort();
    memcpy(copy, list.ptr, list.len);
    eff_snow_rows_open(&rows, copy, list.len);
    while (eff_snow_rows_next(&rows, width, cells) == EFF_SNOW_ROW) {
        count++;
        for (size_t i = 0; i < width; i++) {
            assert(!cells[i].ptr ||
                   (cells[i].ptr >= copy && cells[i].ptr + cells[i].len <= copy + list.len));
            if (cells[i].ptr)
                one_cell(cells[i], arena);
        }
    }
    assert(count <= list.len / 4); // [""] and a comma
    free(copy);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    eff_str body = {(const char *)data, size};
    struct eff_snow_answer answer;
    struct eff_arena arena = {0};

    if (!eff_snow_answer_read(body, &answer) || !answer.data.ptr)
        return 0;
    assert(answer.data.ptr >= body.ptr && answer.data.len <= body.len);
    eff_arena_init(&arena, "fuzz", (size_t)64 << 20);
    for (size_t width = 1; width <= 4; width++)
        walk(answer.data, width, &arena);
    eff_arena_deinit(&arena);
    return 0;
}
