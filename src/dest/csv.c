/* csv: a reader for what destinations answer. */
#include "dest/csv.h"

#define CSV_COLUMNS_MAX 2048

/* A quoted cell; rest stands after the opening quote. False when it is not closed. */
static bool
csv_quoted(struct eff_csv *csv, eff_str *rest, eff_str *ret_cell)
{
    char *text = NULL;
    size_t len = 0, end = 0, doubled = 0;

    for (;; end++) {
        if (end >= rest->len)
            return false;
        if (rest->ptr[end] != '"')
            continue;
        if (end + 1 >= rest->len || rest->ptr[end + 1] != '"')
            break;
        end++;
        doubled++;
    }
    *ret_cell = eff_str_sub(*rest, 0, end);
    if (doubled > 0) {
        text = eff_new(csv->arena, char, end);
        for (size_t i = 0; i < end; i++) {
            text[len++] = rest->ptr[i];
            i += rest->ptr[i] == '"';
        }
        *ret_cell = (eff_str){text, len};
    }
    *rest = eff_str_sub(*rest, end + 1, SIZE_MAX);
    return true;
}

/* One line's cells into at[], at most max; SIZE_MAX when the line is not complete. */
static size_t
csv_line(struct eff_csv *csv, eff_str *at, size_t max)
{
    eff_str rest = csv->rest;
    size_t count = 0;

    for (;;) {
        eff_str cell = {rest.ptr, 0};

        if (rest.len > 0 && rest.ptr[0] == '"') {
            rest = eff_str_sub(rest, 1, SIZE_MAX);
            if (!csv_quoted(csv, &rest, &cell))
                return SIZE_MAX;
        } else {
            while (cell.len < rest.len && rest.ptr[cell.len] != ',' && rest.ptr[cell.len] != '\n' &&
                   rest.ptr[cell.len] != '\r')
                cell.len++;
            rest = eff_str_sub(rest, cell.len, SIZE_MAX);
        }
        if (count == max || rest.len == 0)
            return SIZE_MAX;
        at[count++] = cell;
        if (rest.ptr[0] == ',') {
            rest = eff_str_sub(rest, 1, SIZE_MAX);
            continue;
        }
        if (rest.ptr[0] == '\r')
            rest = eff_str_sub(rest, 1, SIZE_MAX);
        if (rest.len == 0 || rest.ptr[0] != '\n')
            return SIZE_MAX;
        csv->rest = eff_str_sub(rest, 1, SIZE_MAX);
        return count;
    }
}

bool
eff_csv_open(struct eff_csv *csv, eff_str text, struct eff_arena *arena)
{
    eff_str *names = eff_new(arena, eff_str, CSV_COLUMNS_MAX);
    size_t count;

    *csv = (struct eff_csv){.rest = text, .arena = arena, .names = names};
    if (eff_str_starts(text, EFF_STR("\xef\xbb\xbf")))
        csv->rest = eff_str_sub(text, 3, SIZE_MAX);
    count = csv_line(csv, names, CSV_COLUMNS_MAX);
    if (count == SIZE_MAX) {
        csv->bad = true;
        return false;
    }
    csv->columns = count;
    return true;
}

bool
eff_csv_next(struct eff_csv *csv, eff_str **ret_cells)
{
    eff_str *cells;
    size_t count;

    if (csv->bad || csv->rest.len == 0)
        return false;
    cells = eff_new(csv->arena, eff_str, csv->columns);
    count = csv_line(csv, cells, csv->columns);
    if (count != csv->columns) {
        csv->bad = true;
        return false;
    }
    *ret_cells = cells;
    return true;
}

size_t
eff_csv_column(const struct eff_csv *csv, eff_str name)
{
    for (size_t i = 0; i < csv->columns; i++) {
        if (eff_str_eq(csv->names[i], name))
            return i;
    }
    return SIZE_MAX;
}
