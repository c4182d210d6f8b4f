/*
 * cli/term: width, colours, wrapping, and numbers as people write them.
 */
#include "cli/term.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

static const char *const term_styles[EFF_STYLES_COUNT] = {
    [EFF_PLAIN] = "",        [EFF_BOLD] = "\033[1m",   [EFF_DIM] = "\033[2m",
    [EFF_RED] = "\033[31m",  [EFF_GREEN] = "\033[32m", [EFF_YELLOW] = "\033[33m",
    [EFF_CYAN] = "\033[36m",
};

static bool
term_env_set(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] != '\0';
}

static bool
term_locale_is_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < 3; i++) {
        if (!term_env_set(names[i]))
            continue;
        return strcasestr(getenv(names[i]), "utf-8") || strcasestr(getenv(names[i]), "utf8");
    }
    return false;
}

void
eff_term_init(struct eff_term *term, int fd, bool no_color)
{
    const char *kind = getenv("TERM");
    bool smart = kind && kind[0] != '\0' && strcmp(kind, "dumb") != 0;

    *term = (struct eff_term){.fd = fd};
    term->tty = isatty(fd) && smart;
    term->colours = term->tty && !no_color && !term_env_set("NO_COLOR");
    term->unicode = term_locale_is_utf8();
    eff_term_measure(term);
}

void
eff_term_measure(struct eff_term *term)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size = {0};
    int64_t width = 80;

    if (isatty(term->fd) && ioctl(term->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        width = size.ws_col;
    else if (columns && !eff_str_int(eff_str_of(columns), &width))
        width = 80;
    term->width = width < 20 ? 20 : width > 400 ? 400 : (unsigned)width;
}

bool
eff_term_flush(struct eff_term *term)
{
    static const char lost[] = "efferent: out of memory\n";
    eff_str text = eff_buf_str(&term->buf);
    bool full = term->buf.full;

    if (full) // A part of it would be taken for the whole.
        text = EFF_STR_NONE;
    while (text.len > 0 && !term->gone) {
        ssize_t n = write(term->fd, text.ptr, text.len);

        if (n < 0 && errno != EINTR)
            term->gone = true;
        text = eff_str_sub(text, n > 0 ? (size_t)n : 0, SIZE_MAX);
    }
    eff_buf_reset(&term->buf);
    if (full && write(STDERR_FILENO, lost, sizeof lost - 1) > 0)
        errno = ENOMEM;
    return !term->gone && !full;
}

void
eff_term_add(struct eff_term *term, enum eff_style style, eff_str text)
{
    bool coloured = term->colours && style != EFF_PLAIN && text.len > 0;

    if (coloured)
        eff_buf_add(&term->buf, eff_str_of(term_styles[style]));
    eff_buf_add(&term->buf, text);
    if (coloured)
        eff_buf_add(&term->buf, EFF_STR("\033[0m"));
}

void
eff_term_addf(struct eff_term *term, enum eff_style style, const char *format, ...)
{
    char text[1024];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (len > 0)
        eff_term_add(term, style,
                     (eff_str){text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1});
}

void
eff_term_line(struct eff_term *term)
{
    eff_buf_add_char(&term->buf, '\n');
}

static size_t
term_columns_of(uint32_t code)
{
    int width = utf8proc_charwidth((utf8proc_int32_t)code);

    return width > 0 ? (size_t)width : 0;
}

eff_str
eff_term_fit(eff_str text, size_t columns)
{
    size_t at = 0, used = 0;

    while (at < text.len) {
        uint32_t code = '?';
        size_t len = eff_utf8_decode(eff_str_sub(text, at, SIZE_MAX), &code);

        used += term_columns_of(code);
        if (used > columns)
            break;
        at += len > 0 ? len : 1;
    }
    return eff_str_sub(text, 0, at);
}

size_t
eff_term_columns(eff_str text)
{
    size_t at = 0, used = 0;

    while (at < text.len) {
        uint32_t code = '?';
        size_t len = eff_utf8_decode(eff_str_sub(text, at, SIZE_MAX), &code);

        used += term_columns_of(code);
        at += len > 0 ? len : 1;
    }
    return used;
}

void
eff_term_pad(struct eff_term *term, size_t present, size_t columns)
{
    for (; present < columns; present++)
        eff_buf_add_char(&term->buf, ' ');
}

void
eff_term_cell(struct eff_term *term, enum eff_style style, eff_str text, size_t width, bool right)
{
    size_t columns = eff_term_columns(text);

    if (right)
        eff_term_pad(term, columns, width);
    eff_term_add(term, style, text);
    if (!right)
        eff_term_pad(term, columns, width);
}

size_t
eff_term_wrap(struct eff_term *term, enum eff_style style, eff_str text, size_t column,
              size_t indent)
{
    eff_str word, rest = text;
    bool first = true;

    while (rest.len > 0) {
        size_t columns;

        eff_str_cut(rest, ' ', &word, &rest);
        if (word.ptr + word.len == text.ptr + text.len)
            rest = EFF_STR_NONE;
        columns = eff_term_columns(word);
        if (!first && column + 1 + columns > term->width && column > indent) {
            eff_term_line(term);
            eff_term_pad(term, 0, indent);
            column = indent;
        } else if (!first) {
            eff_buf_add_char(&term->buf, ' ');
            column++;
        }
        eff_term_add(term, style, word);
        column += columns;
        first = false;
    }
    return column;
}

eff_str
eff_term_count(struct eff_arena *arena, uint64_t value)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    char *text = eff_new(arena, char, 32);
    size_t at = 0;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            text[at++] = ',';
        text[at++] = digits[i];
    }
    return (eff_str){text, at};
}

eff_str
eff_term_seconds(struct eff_arena *arena, double seconds)
{
    long long whole = (long long)(seconds + 0.5);

    if (seconds < 9.95)
        return eff_str_printf(arena, "%.1f s", seconds);
    if (whole < 60)
        return eff_str_printf(arena, "%lld s", whole);
    if (whole < 3600)
        return eff_str_printf(arena, "%lld min %lld s", whole / 60, whole % 60);
    if (whole < 48 * 3600)
        return eff_str_printf(arena, "%lld h %lld min", whole / 3600, whole % 3600 / 60);
    return eff_str_printf(arena, "%lld days", whole / 86400);
}

eff_str
eff_term_bytes(struct eff_arena *arena, uint64_t bytes)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes / 1024;
    size_t unit = 0;

    if (bytes < 1024)
        return eff_str_printf(arena, "%llu bytes", (unsigned long long)bytes);
    for (; value >= 1024 && unit < 3; unit++)
        value /= 1024;
    return eff_str_printf(arena, value < 10 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

eff_str
eff_term_plural(struct eff_arena *arena, uint64_t count, const char *one, const char *many)
{
    eff_str number = eff_term_count(arena, count);

    return eff_str_printf(arena, EFF_STR_FMT " %s", EFF_STR_ARG(number), count == 1 ? one : many);
}
