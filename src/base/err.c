/*
 * base/err: writing a fault down where it is found.
 *
 * Every text is formatted aside first, because its arguments may be the fields
 * that it replaces, and then copied with control bytes made visible.
 */
#define EFF_ERR_ITSELF
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>

/* More than any field holds, so that what is cut here is cut from the field as well. */
#define ERR_RAW_MAX 1024

__attribute__((format(printf, 2, 0))) static eff_str
err_format(char raw[ERR_RAW_MAX], const char *format, va_list args)
{
    int len = vsnprintf(raw, ERR_RAW_MAX, format, args);

    if (len < 0)
        return EFF_STR("a message that cannot be formatted");
    return (eff_str){raw, len < ERR_RAW_MAX ? (size_t)len : ERR_RAW_MAX - 1};
}

enum eff_fault
eff_err_set(struct eff_err *err, enum eff_fault fault, const char *file, int line,
            const char *format, ...)
{
    char raw[ERR_RAW_MAX];
    va_list args;
    eff_str text;

    if (err == NULL)
        return fault;
    va_start(args, format);
    text = err_format(raw, format, args);
    va_end(args);
    *err = (struct eff_err){.fault = fault, .file = file, .line = line};
    eff_str_print_to(err->msg, sizeof(err->msg), text);
    return fault;
}

enum eff_fault
eff_err_hint(struct eff_err *err, const char *format, ...)
{
    char raw[ERR_RAW_MAX];
    va_list args;

    va_start(args, format);
    eff_str_print_to(err->hint, sizeof(err->hint), err_format(raw, format, args));
    va_end(args);
    return err->fault;
}

/* Of a message too long for both, the boundary stays and the message is cut. */
enum eff_fault
eff_err_while(struct eff_err *err, const char *format, ...)
{
    static const char word[] = " while ";
    char raw[ERR_RAW_MAX], what[sizeof(err->msg) / 2], msg[sizeof(err->msg)];
    va_list args;
    size_t what_len, len;

    va_start(args, format);
    what_len = eff_str_print_to(what, sizeof(what), err_format(raw, format, args));
    va_end(args);
    len = eff_str_print_to(msg, sizeof(msg) - (sizeof(word) - 1) - what_len, eff_str_of(err->msg));
    snprintf(err->msg, sizeof(err->msg), "%.*s%s%s", (int)len, msg, word, what);
    return err->fault;
}

/* s without the bytes before `from`, nor the rest of a character that begins there. */
static eff_str
err_tail(eff_str s, size_t from)
{
    while (from < s.len && ((unsigned char)s.ptr[from] & 0xc0) == 0x80)
        from++;
    return eff_str_sub(s, from, SIZE_MAX);
}

/* Of a long path the end stays, and the position always. */
enum eff_fault
eff_err_where(struct eff_err *err, eff_str file, int line, int column)
{
    char position[32] = "", shown[4 * sizeof(err->where)];
    eff_str tail =
        file.len < sizeof(err->where) ? file : err_tail(file, file.len - sizeof(err->where) + 1);
    eff_str path = {shown, eff_str_print_to(shown, sizeof(shown), tail)};
    const char *dots = "";
    size_t room;

    if (line > 0 && column > 0)
        snprintf(position, sizeof(position), ":%d:%d", line, column);
    else if (line > 0)
        snprintf(position, sizeof(position), ":%d", line);
    room = sizeof(err->where) - 1 - strlen(position);
    if (tail.len < file.len || path.len > room) {
        dots = "...";
        room -= 3;
        if (path.len > room)
            path = err_tail(path, path.len - room);
    }
    snprintf(err->where, sizeof(err->where), "%s" EFF_STR_FMT "%s", dots, EFF_STR_ARG(path),
             position);
    return err->fault;
}

const char *
eff_fault_name(enum eff_fault fault)
{
    switch (fault) {
    case EFF_OK:
        return "ok";
    case EFF_CONFIG:
        return "config";
    case EFF_AUTH:
        return "auth";
    case EFF_RATE:
        return "rate";
    case EFF_LIMIT:
        return "limit";
    case EFF_CONTRACT:
        return "contract";
    case EFF_ROW:
        return "row";
    case EFF_TRANSIENT:
        return "transient";
    case EFF_BROKEN:
        return "broken";
    }
    return "unknown";
}

const char *
eff_outcome_name(enum eff_outcome outcome)
{
    switch (outcome) {
    case EFF_PENDING:
        return "pending";
    case EFF_APPLIED:
        return "applied";
    case EFF_TAKEN:
        return "taken";
    case EFF_NOT_APPLIED:
        return "not_applied";
    case EFF_MAYBE_APPLIED:
        return "maybe_applied";
    case EFF_REFUSED:
        return "refused";
    }
    return "unknown";
}
