/*
 * lib/confworld: a project in memory, for tests and fuzzers of conf.
 *
 * Files, variables and secrets are tables; problems come out as text, one line
 * each, so that a test can state all that it expects at once.
 */
#ifndef LIB_CONFWORLD_H
#define LIB_CONFWORLD_H

#include "base/buf.h"
#include "conf/project.h"

#include <stdio.h>

struct confworld_pair {
    const char *name;
    eff_str bytes;
};

struct confworld {
    struct confworld_pair files[16]; /* "efferent.yml", "syncs/a.yml", "models/a.sql" */
    struct confworld_pair env[8];
    struct confworld_pair secrets[8];
    const char *secrets_file_problem; /* NULL: the file is fine */
};

static inline const struct confworld_pair *
confworld_find(const struct confworld_pair *pairs, size_t count, eff_str name)
{
    for (size_t i = 0; i < count && pairs[i].name != NULL; i++)
        if (eff_str_is(name, pairs[i].name))
            return &pairs[i];
    return NULL;
}

static inline bool
confworld_env(void *self, eff_str name, eff_str *ret_value)
{
    const struct confworld_pair *pair = confworld_find(((struct confworld *)self)->env, 8, name);

    if (pair != NULL)
        *ret_value = pair->bytes;
    return pair != NULL;
}

static inline enum eff_fault
confworld_secret(void *self, eff_str name, eff_str *ret_value, struct eff_err *err)
{
    const struct confworld_pair *pair =
        confworld_find(((struct confworld *)self)->secrets, 8, name);

    if (pair == NULL)
        return EFF_FAIL(err, EFF_CONFIG, "there is no such secret");
    *ret_value = pair->bytes;
    return EFF_OK;
}

static inline enum eff_fault
confworld_secrets_file(void *self, eff_str path, struct eff_err *err)
{
    const struct confworld *world = self;

    if (world->secrets_file_problem == NULL)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " %s", EFF_STR_ARG(path), world->secrets_file_problem);
    return eff_err_hint(err, "Run: chmod 600");
}

/* The part of path below "/p/". */
static inline eff_str
confworld_below(eff_str path)
{
    return eff_str_starts(path, EFF_STR("/p/")) ? eff_str_sub(path, 3, SIZE_MAX) : path;
}

static inline bool
confworld_read(void *files, eff_str path, struct eff_arena *arena, eff_str *ret_bytes,
               struct eff_err *err)
{
    const struct confworld_pair *pair =
        confworld_find(((struct confworld *)files)->files, 16, confworld_below(path));

    (void)arena;
    if (pair == NULL) {
        EFF_FAIL(err, EFF_CONFIG, "No such file or directory");
        return false;
    }
    *ret_bytes = pair->bytes;
    return true;
}

static inline bool
confworld_list(void *files, eff_str folder, struct eff_arena *arena, size_t *ret_count,
               eff_str **ret_names, struct eff_err *err)
{
    struct confworld *world = files;
    eff_str prefix = eff_str_printf(arena, EFF_STR_FMT "/", EFF_STR_ARG(confworld_below(folder)));

    (void)err;
    *ret_count = 0;
    *ret_names = eff_new(arena, eff_str, 16);
    for (size_t i = 0; i < 16 && world->files[i].name != NULL; i++) {
        eff_str name = eff_str_of(world->files[i].name);
        if (eff_str_starts(name, prefix))
            (*ret_names)[(*ret_count)++] = eff_str_sub(name, prefix.len, SIZE_MAX);
    }
    return true;
}

static inline struct eff_lookup
confworld_lookup(struct confworld *world)
{
    return (struct eff_lookup){world, confworld_env, confworld_secret, confworld_secrets_file};
}

/* A kind with one option of each sort, and one with a nested mapping. */
struct confworld_db {
    eff_str path, url;
    int64_t rows;
};

struct confworld_crm {
    eff_str instance_url, client_id, client_secret;
    int64_t batch, timeout_ms, buffer;
    bool dry;
    int api;
    const struct eff_node *headers;
};

static const struct eff_option confworld_db_options[] = {
    {"path", EFF_OPT_PATH, offsetof(struct confworld_db, path), NULL, 0, 0, "The file."},
    {"url", EFF_OPT_SECRET, offsetof(struct confworld_db, url), NULL, 0, 0, "The server."},
    {"rows", EFF_OPT_INT, offsetof(struct confworld_db, rows), "1000", 1, 100000, "Rows a batch."},
};

#define CONFWORLD_CRM(member) offsetof(struct confworld_crm, member)
static const struct eff_option confworld_crm_options[] = {
    {"instance_url", EFF_OPT_URL, CONFWORLD_CRM(instance_url), NULL, 0, 0, "Where.",
     EFF_OPT_REQUIRED},
    {"auth.client_id", EFF_OPT_STR, CONFWORLD_CRM(client_id), NULL, 0, 0, "Who.", EFF_OPT_REQUIRED},
    {"auth.client_secret", EFF_OPT_SECRET, CONFWORLD_CRM(client_secret), NULL, 0, 0,
     "And the proof.", EFF_OPT_REQUIRED},
    {"batch", EFF_OPT_INT, CONFWORLD_CRM(batch), "200", 1, 10000, "Rows a request."},
    {"timeout", EFF_OPT_TIME, CONFWORLD_CRM(timeout_ms), "1m", 1000, 600000, "Of a request."},
    {"buffer", EFF_OPT_SIZE, CONFWORLD_CRM(buffer), "1MiB", 0, 0, "Of a body."},
    {"dry", EFF_OPT_BOOL, CONFWORLD_CRM(dry), "false", 0, 0, "Only look."},
    {"api", EFF_OPT_ENUM, CONFWORLD_CRM(api), "rest", 0, 0, "Which.", 0, "auto|rest|bulk"},
    {"headers", EFF_OPT_NODE, CONFWORLD_CRM(headers), NULL, 0, 0, "More headers."},
    {"mode", EFF_OPT_STR, 0, NULL, 0, 0, "Wait for it.", EFF_OPT_LATER},
};

#define CONFWORLD_KIND(name, options, type)                                                        \
    {                                                                                              \
        {name, sizeof(name) - 1}, options, sizeof(options) / sizeof((options)[0]), sizeof(type),   \
            NULL                                                                                   \
    }
static const struct eff_kind_desc confworld_sources[] = {
    CONFWORLD_KIND("sqlite", confworld_db_options, struct confworld_db),
    CONFWORLD_KIND("postgres", confworld_db_options, struct confworld_db),
};
static const struct eff_kind_desc confworld_dests[] = {
    CONFWORLD_KIND("sqlite", confworld_db_options, struct confworld_db),
    CONFWORLD_KIND("salesforce", confworld_crm_options, struct confworld_crm),
};

static inline bool
confworld_load(struct confworld *world, const char *target, struct eff_arena *arena,
               struct eff_project **ret_project, struct eff_problems *problems)
{
    struct eff_lookup lookup = confworld_lookup(world);
    struct eff_project_input input = {
        .root = EFF_STR("/p"),
        .target = eff_str_of(target),
        .lookup = &lookup,
        .source_kinds_count = 2,
        .source_kinds = confworld_sources,
        .dest_kinds_count = 2,
        .dest_kinds = confworld_dests,
        .files = world,
        .read = confworld_read,
        .list = confworld_list,
    };

    return eff_project_load(&input, arena, ret_project, problems);
}

/* "file:line:column code message [hint]", a line for each problem; terminated. */
static inline const char *
confworld_text(struct eff_arena *arena, const struct eff_problems *problems)
{
    struct eff_buf buf = {0};
    const char *text;

    for (size_t i = 0; i < problems->count; i++) {
        const struct eff_problem *problem = &problems->at[i];
        eff_buf_addf(&buf, EFF_STR_FMT ":%d:%d %s " EFF_STR_FMT, EFF_STR_ARG(problem->place.file),
                     problem->place.line, problem->place.column, problem->code,
                     EFF_STR_ARG(problem->message));
        if (problem->hint.len > 0)
            eff_buf_addf(&buf, " [" EFF_STR_FMT "]", EFF_STR_ARG(problem->hint));
        eff_buf_add_char(&buf, '\n');
    }
    text = eff_str_c(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return text;
}

/* Whether the problems are exactly those; else shows all of what was found. */
static inline bool
confworld_same(struct eff_arena *arena, const struct eff_problems *problems, const char *expected)
{
    const char *found = confworld_text(arena, problems);

    if (strcmp(found, expected) == 0)
        return true;
    fprintf(stderr, "--- expected:\n%s--- found:\n%s---\n", expected, found);
    return false;
}

#endif
