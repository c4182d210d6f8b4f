/*
 * sandbox/upload: reading CSV by RFC 4180.
 */
#include "sandbox/upload.h"

#include <stdalign.h>

/* The cell in quotes that starts at csv->at, just behind the quote. */
static eff_str
upload_quoted(struct eff_upload *csv, struct eff_arena *arena)
{
    eff_str text = csv->text;
    size_t start = csv->at, doubled = 0, len = 0;
    char *out;

    while (csv->at < text.len) {
        if (text.ptr[csv->at] != '"') {
            csv->at++;
        } else if (csv->at + 1 < text.len && text.ptr[csv->at + 1] == '"') {
            csv->at += 2;
            doubled++;
        } else {
            break;
        }
    }
    if (csv->at >= text.len) {
        csv->bad = true;
        return EFF_STR("");
    }
    csv->at++;
    if (doubled == 0)
        return eff_str_sub(text, start, csv->at - 1 - start);
    out = eff_new(arena, char, csv->at - start);
    for (size_t i = start; i < csv->at - 1; i++) {
        out[len++] = text.ptr[i];
        i += text.ptr[i] == '"';
    }
    return (eff_str){out, len};
}

static bool
upload_line_end(const struct eff_upload *csv, size_t *ret_len)
{
    eff_str rest = eff_str_sub(csv->text, csv->at, 2);

    *ret_len = rest.len == 0                       ? 0
               : rest.ptr[0] == '\n'               ? 1
               : eff_str_eq(rest, EFF_STR("\r\n")) ? 2
                                                   : SIZE_MAX;
    return *ret_len != SIZE_MAX;
}

static eff_str
upload_cell(struct eff_upload *csv, struct eff_arena *arena)
{
    size_t start = csv->at, end_len;

    if (csv->at < csv->text.len && csv->text.ptr[csv->at] == '"') {
        csv->at++;
        return upload_quoted(csv, arena);
    }
    while (!upload_line_end(csv, &end_len) && csv->text.ptr[csv->at] != csv->delimiter)
        csv->at++;
    return eff_str_sub(csv->text, start, csv->at - start);
}

bool
eff_upload_next(struct eff_upload *csv, struct eff_arena *arena, size_t max)
{
    size_t start = csv->at, end_len;

    csv->cells_count = 0;
    if (csv->bad || csv->at >= csv->text.len)
        return false;
    if (csv->cells == NULL)
        csv->cells = eff_new(arena, eff_str, max);
    for (;;) {
        if (csv->cells_count == max) {
            csv->bad = true;
            return false;
        }
        csv->cells[csv->cells_count++] = upload_cell(csv, arena);
        if (csv->bad)
            return false;
        if (upload_line_end(csv, &end_len))
            break;
        if (csv->text.ptr[csv->at] != csv->delimiter) {
            csv->bad = true; // text behind a closing quote
            return false;
        }
        csv->at++;
    }
    csv->row = eff_str_sub(csv->text, start, csv->at - start);
    csv->crlf = end_len == 2;
    csv->at += end_len;
    return true;
}

void
eff_upload_write(struct eff_buf *buf, eff_str cell)
{
    eff_buf_add_char(buf, '"');
    for (size_t i = 0; i < cell.len; i++) {
        if (cell.ptr[i] == '"')
            eff_buf_add_char(buf, '"');
        eff_buf_add_char(buf, cell.ptr[i]);
    }
    eff_buf_add_char(buf, '"');
}
