/*
 * conf/option: an option is one row; everything else is derived.
 *
 * A row parses YAML, checks ranges, prints help, and writes the reference page
 * and the JSON Schema. A connector file declares its own rows, in the same form.
 */
#ifndef EFF_CONF_OPTION_H
#define EFF_CONF_OPTION_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum eff_option_kind {
    EFF_OPT_STR = 1, /* eff_str */
    EFF_OPT_SECRET,  /* eff_str; never printed; its value is registered for redaction */
    EFF_OPT_URL,     /* eff_str: http(s)://..., no user info */
    EFF_OPT_PATH,    /* eff_str: made absolute against the file's folder */
    EFF_OPT_INT,     /* int64_t, min..max */
    EFF_OPT_BOOL,    /* bool */
    EFF_OPT_SIZE,    /* int64_t bytes: "256MiB", "10 MB", 1024 */
    EFF_OPT_TIME,    /* int64_t ms: "5m", "30s", "2h", "7d" */
    EFF_OPT_PERCENT, /* double 0..100: "10%" or 10% of ...; a plain number is refused */
    EFF_OPT_ENUM,    /* int: index into choices */
    EFF_OPT_LIST,    /* struct eff_str_list: one scalar or a sequence */
    EFF_OPT_NODE,    /* const struct eff_node *: read by the code that owns it */
};

enum eff_option_flags {
    EFF_OPT_REQUIRED = 1,
    EFF_OPT_LATER = 2, /* known to product.md, not in this version: refused as such */
};

struct eff_str_list {
    size_t count;
    const eff_str *at;
};

struct eff_option {
    const char *name;
    enum eff_option_kind kind;
    size_t offset;        /* into the config struct */
    const char *fallback; /* the default, as it would stand in YAML; NULL: zero */
    int64_t min, max;     /* INT, SIZE, TIME (ms); both 0: any that is not negative */
    const char *help;     /* one sentence */
    unsigned flags;
    const char *choices; /* ENUM: "upsert|update|insert" */
};

struct eff_place {
    eff_str file; /* as the user knows it: relative to the project's folder */
    int line, column;
};

/* One thing wrong with what the user wrote. */
struct eff_problem {
    struct eff_place place;
    char code[8]; /* "EFF1104"; documented in docs/reference */
    eff_str message; /* expected, found */
    eff_str hint;    /* "did you mean `match`?" or "" */
};

struct eff_problems {
    struct eff_arena *arena;
    size_t count, cap;
    struct eff_problem *at;
};

void eff_problem_add(struct eff_problems *problems, struct eff_place place, const char *code,
                     eff_str hint, const char *format, ...) __attribute__((format(printf, 5, 6)));

struct eff_node;

/*
 * Fills config (zeroed by the caller) from a YAML mapping by the rows. Reports
 * unknown keys with the nearest name, duplicates, wrong types, ranges, missing
 * required ones, all at once; returns false when it added a problem.
 */
bool eff_options_fill(const struct eff_node *map, const struct eff_option *options, size_t count,
                      void *config, struct eff_problems *problems);

#endif
