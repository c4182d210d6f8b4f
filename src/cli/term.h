/*
 * cli/term: where text for a person goes: how wide it is, and whether it has colours.
 *
 * Colours and live lines on a terminal only; NO_COLOR, TERM=dumb and --no-color
 * turn them off. What comes from outside goes through eff_term_safe first.
 */
#ifndef EFF_CLI_TERM_H
#define EFF_CLI_TERM_H

#include "base/arena.h"
#include "base/buf.h"

enum eff_style {
    EFF_PLAIN = 0,
    EFF_BOLD,
    EFF_DIM,
    EFF_RED,
    EFF_GREEN,
    EFF_YELLOW,
    EFF_CYAN,
    EFF_STYLES_COUNT
};

struct eff_term {
    int fd;
    bool tty; /* a terminal that understands cursor movement */
    bool colours;
    bool unicode; /* the locale's encoding is UTF-8 */
    bool gone;    /* nobody reads any more, or it cannot be written */
    unsigned width;
    struct eff_buf buf;
};

void eff_term_init(struct eff_term *term, int fd, bool no_color);
void eff_term_measure(
    struct eff_term *term); /* the present width, 20..400; 80 without a terminal */
/* Writes what was added; false when that is not possible (then `gone`, and errno says why). */
bool eff_term_flush(struct eff_term *term);

void eff_term_add(struct eff_term *term, enum eff_style style, eff_str text);
void eff_term_addf(struct eff_term *term, enum eff_style style, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void eff_term_line(struct eff_term *term); /* ends the line */

/* Columns that it takes; for text that is safe to print. */
size_t eff_term_columns(eff_str text);
/* The longest prefix of at most so many columns. */
eff_str eff_term_fit(eff_str text, size_t columns);
/* Pads with blanks up to so many columns. */
void eff_term_pad(struct eff_term *term, size_t present, size_t columns);
/* A cell of a table: text, padded on its right, or (right) on its left. */
void eff_term_cell(struct eff_term *term, enum eff_style style, eff_str text, size_t width,
                   bool right);
/*
 * Words wrapped to the width, each new line indented; `column` is where the cursor stands.
 * Returns where it stands afterwards.
 */
size_t eff_term_wrap(struct eff_term *term, enum eff_style style, eff_str text, size_t column,
                     size_t indent);

/* "1,234,567" */
eff_str eff_term_count(struct eff_arena *arena, uint64_t value);
/* "0.4 s", "12 s", "3 min 20 s", "2 h 5 min" */
eff_str eff_term_seconds(struct eff_arena *arena, double seconds);
/* "20 KiB" */
eff_str eff_term_bytes(struct eff_arena *arena, uint64_t bytes);
/* "1 row", "2,000 rows" */
eff_str eff_term_plural(struct eff_arena *arena, uint64_t count, const char *one, const char *many);

#endif
