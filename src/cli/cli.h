/*
 * cli/cli: what the files of the command line share.
 *
 * A command is a row of a table; help, completion, the reference page and the
 * checks of the command line follow from it. All that is printed for a person
 * goes through cli/term.h; `--output json` prints one document and nothing else.
 */
#ifndef EFF_CLI_CLI_H
#define EFF_CLI_CLI_H

#include "base/json.h"
#include "cli/term.h"
#include "conf/project.h"
#include "dbt/dbt.h"
#include "dest/dest.h"
#include "os/os.h"
#include "os/redact.h"

#define EFF_EXIT_OK      0
#define EFF_EXIT_FAILED  1
#define EFF_EXIT_USAGE   2
#define EFF_EXIT_PARTIAL 3

/* ---- options ---- */

enum eff_cli_option_kind {
    EFF_CLI_FLAG = 1,
    EFF_CLI_TEXT,
    EFF_CLI_LIST,
    EFF_CLI_INT,
    EFF_CLI_CHOICE
};

/* Commands as bits: who takes an option. */
enum eff_cli_takes {
    EFF_CLI_SELECT = 1, /* commands about several syncs */
    EFF_CLI_RUNS = 2,   /* run, plan */
    EFF_CLI_JOBS = 4,
    EFF_CLI_PLAN = 8,
    EFF_CLI_INIT = 16,
    EFF_CLI_RESET = 32,
    EFF_CLI_SANDBOX = 64,
    EFF_CLI_PROJECT = 128, /* commands that read a project */
    EFF_CLI_ALL = 256,
    EFF_CLI_ROWS = 512,
    EFF_CLI_CHECK = 1024,
    EFF_CLI_VERIFY = 2048,
    EFF_CLI_ADOPT = 4096,
    EFF_CLI_RUN = 8192,
    /* those that read models: what dbt built must be known then */
    EFF_CLI_MODELS = EFF_CLI_RUNS | EFF_CLI_CHECK | EFF_CLI_VERIFY | EFF_CLI_ADOPT,
};

struct eff_cli_option {
    const char *name; /* without -- */
    char letter;      /* 0: none */
    enum eff_cli_option_kind kind;
    size_t offset;       /* into struct eff_cli_options */
    unsigned takes;      /* of these commands */
    const char *value;   /* DIR; CHOICE: the words, text|json */
    int64_t min, max;    /* INT */
    const char *summary; /* one line */
};

struct eff_cli_options {
    bool ignore_dbt_status, ignore_quota, requests;
    bool help, no_color, yes, offline, all, repair, unseen;
    eff_str project, target, state, template, faults, data, manifest;
    int output, log_format; /* index of the word */
    int64_t jobs, limit, port, seed, sample;
    struct eff_str_list select, exclude, keys;
    size_t args_count;
    const eff_str *args; /* what is no option, behind the command's name */
};

extern const struct eff_cli_option eff_cli_options[];
extern const size_t eff_cli_options_count;

/* ---- commands ---- */

struct eff_cli;

struct eff_cli_command {
    const char *name;
    const char *args;     /* "[SYNC...]" */
    const char *summary;  /* one line, lower case */
    const char *about;    /* some lines */
    const char *examples; /* lines of "command" TAB "what it does" */
    unsigned takes;       /* EFF_CLI_... */
    size_t args_min, args_max;
    const char
        *words; /* what the first argument can be: "list|show"; NULL: names of syncs or any */
    int (*run)(struct eff_cli *cli); /* NULL: not in this version */
};

extern const struct eff_cli_command eff_cli_commands[];
extern const size_t eff_cli_commands_count;
const struct eff_cli_command *eff_cli_command_find(eff_str name);

/* What main.c hands in, because cli does not see the sandbox. */
struct eff_cli_sandbox {
    size_t vendors_count;
    const eff_str *vendors;
    unsigned port;
    uint64_t seed;
    eff_str faults;
    const char *data;
    int out;
};

struct eff_cli_hooks {
    enum eff_fault (*sandbox)(const struct eff_cli_sandbox *request, struct eff_err *err);
    const char *(*sandbox_vendor)(size_t index);
};

struct eff_cli {
    const struct eff_cli_hooks *hooks;
    const struct eff_cli_command *command;
    struct eff_cli_options options;
    struct eff_term out, log; /* standard output, standard error */
    struct eff_arena arena;   /* of the process */
    struct eff_os *os;        /* NULL before eff_cli_world */
    int64_t started_ms;
    size_t source_kinds_count, dest_kinds_count;
    struct eff_kind_desc *source_kinds, *dest_kinds;
    struct eff_lookup lookup;
    struct eff_project *project;
    bool *chosen; /* project->syncs_count */
    struct eff_redact redact;
};

/* Everything behind main(): returns the exit code. */
int eff_cli_main(int argc, char **argv, const struct eff_cli_hooks *hooks);

/*
 * Reads the words behind the program's name. EFF_CONFIG with a hint for what is unknown or
 * wrong; the command is known by then where there was one.
 */
enum eff_fault eff_cli_parse(size_t count, const eff_str *words, struct eff_arena *arena,
                             const struct eff_cli_command **ret_command,
                             struct eff_cli_options *ret_options, struct eff_err *err);

/* help.c; `command` NULL: of the program. */
void eff_cli_help(struct eff_term *term, const struct eff_cli_command *command);
/* Printed; returns the exit code. */
int eff_cli_help_end(struct eff_cli *cli, const struct eff_cli_command *command);
void eff_cli_reference(struct eff_buf *buf); /* docs/reference/cli.md */
/* matrix.c: modes, removals and classes of each kind, as a table for a page */
void eff_cli_matrix(struct eff_cli *cli, struct eff_buf *buf);
/* The same table of these kinds only. */
void eff_cli_matrix_table(struct eff_cli *cli, size_t count, const struct eff_kind_desc *kinds,
                          struct eff_buf *buf);
/* What some objects of a kind can do, all alike. */
struct eff_matrix_row {
    size_t objects_count;
    const eff_str *objects; /* "any", "others", "a list": what has no name here */
    bool modes[EFF_MODE_MEMBERS + 1];
    bool removals[EFF_REMOVED_DELETE + 1];
    bool reads, asked;
    struct eff_op_limits ops[EFF_OPS_COUNT]; /* supported: some mode or removal leads to it */
};
/* In the order of the table. None of one whose block brings its sections. */
const struct eff_matrix_row *eff_cli_matrix_rows(struct eff_cli *cli,
                                                 const struct eff_kind_desc *kind,
                                                 size_t *ret_count);
/* Of a C driver: limits of each operation that some mode leads to. False: it cannot be opened. */
bool eff_cli_matrix_limits(struct eff_cli *cli, const struct eff_kind_desc *kind,
                           struct eff_op_limits ret_limits[EFF_OPS_COUNT]);
/* page.c: what the program knows of one kind of destination, for its page */
void eff_cli_page(struct eff_cli *cli, const struct eff_kind_desc *kind, struct eff_buf *buf);
/* "10 seconds", "day". */
void eff_cli_page_time(struct eff_buf *buf, int64_t ms);
/* show.c: one kind of destination, for who decides about it */
int eff_cli_show(struct eff_cli *cli, const struct eff_kind_desc *kind);
/* Its title; where it comes from: "built in", "this project" .... */
eff_str eff_cli_kind_title(const struct eff_kind_desc *kind);
eff_str eff_cli_kind_origin(const struct eff_kind_desc *kind);
/* complete.c */
bool eff_cli_completion(struct eff_buf *buf, eff_str shell);

/* ---- world.c: the world, the project, the end ---- */

bool eff_cli_json(const struct eff_cli *cli);
/* Opens os; reports and returns false when it cannot be done. *ret_code is the exit code then. */
bool eff_cli_world(struct eff_cli *cli, int *ret_code);
/* The project's folder, absolute; false: there is none here. Needs os. */
bool eff_cli_root(struct eff_cli *cli, eff_str *ret_root);
/* os and the kinds of sources and destinations. */
bool eff_cli_kinds(struct eff_cli *cli, int *ret_code);
/* All of it, and the syncs that are chosen. */
bool eff_cli_project(struct eff_cli *cli, int *ret_code);
/* The sync of that name, or a report with the nearest name. */
const struct eff_sync_conf *eff_cli_sync(struct eff_cli *cli, eff_str name, int *ret_code);
double eff_cli_seconds(const struct eff_cli *cli);
/* One mistake, in the form that was asked for; returns the exit code: CONFIG 2, else 1. */
int eff_cli_fail(struct eff_cli *cli, const struct eff_err *err);
int eff_cli_tell_problems(struct eff_cli *cli, const struct eff_problems *problems, int exit_code);
struct eff_dbt eff_cli_dbt(struct eff_cli *cli, struct eff_problems *problems,
                           struct eff_problems *notes);
/* cmd_connector.c: the kind of destination of that name, or a report. */
const struct eff_kind_desc *eff_cli_dest_kind(struct eff_cli *cli, eff_str name, int *ret_code);
/* cmd_dbt.c: check --manifest */
int eff_cli_check_manifest(struct eff_cli *cli);
/* What should be known, and stops nothing. */
void eff_cli_notes(struct eff_cli *cli, const struct eff_problems *notes);
int eff_cli_fail_problems(struct eff_cli *cli, const struct eff_problems *problems);
/* The members that each document begins with; and its end, printed. */
void eff_cli_json_begin(struct eff_cli *cli, struct eff_json_writer *w, int exit_code);
int eff_cli_json_end(struct eff_cli *cli, struct eff_json_writer *w, int exit_code);
/* A page of text, as it is or as a document's `text`; frees it. */
int eff_cli_page_end(struct eff_cli *cli, struct eff_buf *page);
/* Prints and frees; the exit code is 1 when standard output cannot be written. */
int eff_cli_print(struct eff_cli *cli, struct eff_buf *buf, int exit_code);

/* log.c: --log-format json, one object per line on standard error. */
bool eff_cli_logs(const struct eff_cli *cli);
void eff_cli_log_begin(struct eff_cli *cli, struct eff_json_writer *w, struct eff_buf *buf,
                       const char *level, const char *event);
void eff_cli_log_end(struct eff_cli *cli, struct eff_json_writer *w);

/* cmd_state.c: one line above a plan that compares with an export. */
void eff_cli_state_of_plan(struct eff_cli *cli, eff_str folder);

/* ---- the commands ---- */

int eff_cli_cmd_init(struct eff_cli *cli);
int eff_cli_cmd_check(struct eff_cli *cli);
int eff_cli_cmd_plan(struct eff_cli *cli);
int eff_cli_cmd_run(struct eff_cli *cli);
int eff_cli_cmd_verify(struct eff_cli *cli);
int eff_cli_cmd_adopt(struct eff_cli *cli);
int eff_cli_cmd_status(struct eff_cli *cli);
int eff_cli_cmd_rows(struct eff_cli *cli);
int eff_cli_cmd_retry(struct eff_cli *cli);
int eff_cli_cmd_approve(struct eff_cli *cli);
int eff_cli_cmd_forget(struct eff_cli *cli);
int eff_cli_cmd_reset(struct eff_cli *cli);
int eff_cli_cmd_state(struct eff_cli *cli);
int eff_cli_cmd_sandbox(struct eff_cli *cli);
int eff_cli_cmd_connector(struct eff_cli *cli);
int eff_cli_cmd_dbt(struct eff_cli *cli);
int eff_cli_cmd_docs(struct eff_cli *cli);
int eff_cli_cmd_completion(struct eff_cli *cli);
int eff_cli_cmd_version(struct eff_cli *cli);
int eff_cli_cmd_help(struct eff_cli *cli);

#endif
