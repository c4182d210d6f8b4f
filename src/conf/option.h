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
    EFF_OPT_NODE,    /* const struct eff_node *, ${...} replaced: read by the code that owns it */
};

enum eff_option_flags {
    EFF_OPT_REQUIRED = 1,
    EFF_OPT_LATER =
        2, /* planned, not in this version: refused as such; help says what to do instead */
    EFF_OPT_RAW = 4, /* NODE: ${...} inside is left for whoever reads it */
};

struct eff_str_list {
    size_t count;
    const eff_str *at;
};

/*
 * A name with a dot stands in a nested mapping: "auth.client_id" is read from
 * `auth: {client_id: ...}`.
 */
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
    char code[8];    /* "EFF1104"; documented in docs/reference */
    eff_str message; /* expected, found */
    eff_str hint;    /* "did you mean `match`?" or "" */
};

struct eff_lookup;

/*
 * What filling needs besides the text, and what it learns. The lists live in
 * the problems' arena.
 */
struct eff_fill {
    const struct eff_lookup *lookup; /* NULL: every ${...} is unknown */
    eff_str root;                    /* absolute folder that places' files are relative to */
    bool secrets_broken; /* the secrets file was a problem already: no more about them */
    bool all_secret;     /* what is being expanded is a secret, variables too */
    size_t secrets_count, secrets_cap;
    eff_str *secrets; /* values to be redacted, each once */
    size_t hosts_count, hosts_cap;
    eff_str *hosts; /* of the urls that were given: lower case, no port, no brackets */
};

#define EFF_PROBLEMS_MAX 200

struct eff_problems {
    struct eff_arena *arena;
    size_t count, cap;
    struct eff_problem *at;
    size_t dropped;        /* problems beyond EFF_PROBLEMS_MAX are only counted */
    struct eff_fill *fill; /* NULL: ${...} stays as written, and paths too (connector files) */
};

void eff_problem_add(struct eff_problems *problems, struct eff_place place, const char *code,
                     eff_str hint, const char *format, ...) __attribute__((format(printf, 5, 6)));
/* Present problems plus dropped ones: unchanged means that nothing was wrong in between. */
size_t eff_problems_total(const struct eff_problems *problems);
/* One more would only be counted: not worth a search for hints. */
bool eff_problems_full(const struct eff_problems *problems);
/* By file, line and column; problems of one place keep their order. */
void eff_problems_sort(struct eff_problems *problems);

/* What each code means, for the reference page; code == NULL ends the table. */
struct eff_problem_code {
    const char *code;
    const char *help;
};
extern const struct eff_problem_code eff_problem_codes[];

struct eff_node;

/*
 * Fills config (zeroed by the caller) from a YAML mapping by the rows. Reports
 * unknown keys with the nearest name, duplicates, wrong types, ranges, missing
 * required ones, all at once; returns false when it added a problem. Values live
 * in problems->arena, or borrow from the tree.
 */
bool eff_options_fill(const struct eff_node *map, const struct eff_option *options, size_t count,
                      void *config, struct eff_problems *problems);

/*
 * The scalar's text with ${NAME} and ${secret:NAME} replaced; "$${" stands for
 * "${". False, with a problem, when a name is unknown or the form is wrong.
 * With problems->fill == NULL the text as it stands.
 */
bool eff_node_expand(const struct eff_node *scalar, struct eff_problems *problems,
                     eff_str *ret_text);
/* The same for a whole tree; the tree itself when there is nothing to replace. */
const struct eff_node *eff_node_expand_tree(const struct eff_node *node,
                                            struct eff_problems *problems);
/* "syncs/a.yml:7:3" */
eff_str eff_place_text(struct eff_arena *arena, struct eff_place place);
/* path made absolute against the folder of place.file. */
eff_str eff_place_path(struct eff_place place, eff_str path, struct eff_problems *problems);
/* Registers a value for redaction; "" is nothing to redact. */
void eff_fill_secret(struct eff_problems *problems, eff_str value);

/* Help for messages: "did you mean `match`?", or EFF_STR_NONE when no name is near. */
eff_str eff_nearest_hint(struct eff_problems *problems, eff_str found, size_t count,
                         const eff_str *names);
/* "text", "a list", "nothing", ... */
const char *eff_node_kind_name(const struct eff_node *node);

/* Texts of the kinds, on their own (a connector's duration, a command line's size). */
bool eff_parse_size(eff_str text, int64_t *ret_bytes);
bool eff_parse_time(eff_str text, int64_t *ret_ms);
bool eff_parse_percent(eff_str text, double *ret_percent);

#endif
