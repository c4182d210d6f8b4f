/*
 * sandbox/upload: reading CSV by RFC 4180, with another delimiter if need be.
 */
#ifndef EFF_SANDBOX_UPLOAD_H
#define EFF_SANDBOX_UPLOAD_H

#include "base/arena.h"
#include "base/buf.h"

struct eff_upload {
    eff_str text;
    size_t at;
    char delimiter;
    bool bad; /* a quote that does not end, or text behind a closing one */
    size_t cells_count;
    eff_str *cells; /* of the row just read; quotes taken off */
    eff_str row;    /* its text without the line's end */
    bool crlf;      /* the line ended in CR LF */
};

/* At most max cells are kept; a row with more is bad. False at the end of the text, or when bad. */
bool eff_upload_next(struct eff_upload *csv, struct eff_arena *arena, size_t max);
/* The cell in quotes, quotes doubled. */
void eff_upload_write(struct eff_buf *buf, eff_str cell);

#endif
