/*
 * cli/world: opens the world and the project, and tells mistakes in the form asked for.
 */
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "dest/dest.h"
#include "os/moment.h"
#include "os/secret.h"
#include "source/source.h"

#define WORLD_FILE_MAX ((size_t)8 << 20)
#define WORLD_FILE     "efferent.yml"
#define WORLD_CODE     "EFF1301" /* the command line, or where it was called */

bool
eff_cli_json(const struct eff_cli *cli)
{
    return cli->options.output == 1;
}

double
eff_cli_seconds(const struct eff_cli *cli)
{
    return (double)(eff_moment_mono_ms() - cli->started_ms) / 1000;
}

int
eff_cli_print(struct eff_cli *cli, struct eff_buf *buf, int exit_code)
{
    eff_buf_add(&cli->out.buf, eff_buf_str(buf));
    cli->out.buf.full = cli->out.buf.full || buf->full;
    eff_buf_free(buf);
    if (eff_term_flush(&cli->out) || errno == EPIPE) // Who stopped reading has had enough.
        return exit_code;
    eff_term_addf(&cli->log, EFF_PLAIN, "efferent: cannot write to standard output: %s\n",
                  strerror(errno));
    eff_term_flush(&cli->log);
    return exit_code == EFF_EXIT_OK ? EFF_EXIT_FAILED : exit_code;
}

/* ---- mistakes ---- */

void
eff_cli_json_begin(struct eff_cli *cli, struct eff_json_writer *w, int exit_code)
{
    eff_json_begin_object(w);
    eff_json_field_int(w, "format", 1);
    eff_json_field_str(w, "command", eff_str_of(cli->command ? cli->command->name : ""));
    eff_json_field_str(w, "status",
                       exit_code == EFF_EXIT_OK        ? EFF_STR("ok")
                       : exit_code == EFF_EXIT_PARTIAL ? EFF_STR("partial")
                                                       : EFF_STR("failed"));
    eff_json_field_int(w, "exit_code", exit_code);
}

int
eff_cli_json_end(struct eff_cli *cli, struct eff_json_writer *w, int exit_code)
{
    eff_json_end_object(w);
    eff_buf_add_char(w->buf, '\n');
    return eff_cli_print(cli, w->buf, exit_code);
}

int
eff_cli_page_end(struct eff_cli *cli, struct eff_buf *page)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    if (!eff_cli_json(cli))
        return eff_cli_print(cli, page, EFF_EXIT_OK);
    eff_cli_json_begin(cli, &w, EFF_EXIT_OK);
    eff_json_field_str(&w, "text", eff_buf_str(page));
    buf.full = buf.full || page->full;
    eff_buf_free(page);
    return eff_cli_json_end(cli, &w, EFF_EXIT_OK);
}

static void
world_json_head(struct eff_cli *cli, struct eff_json_writer *w, int exit_code)
{
    eff_cli_json_begin(cli, w, exit_code);
    eff_json_key(w, EFF_STR("problems"));
    eff_json_begin_array(w);
}

static int
world_json_tail(struct eff_cli *cli, struct eff_json_writer *w, int exit_code)
{
    eff_json_end_array(w);
    eff_json_key(w, EFF_STR("syncs"));
    eff_json_begin_array(w);
    eff_json_end_array(w);
    return eff_cli_json_end(cli, w, exit_code);
}

static void
world_json_problem(struct eff_cli *cli, struct eff_json_writer *w, const char *code,
                   eff_str message, eff_str hint, eff_str where)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "code", eff_str_of(code));
    eff_json_field_str(w, "message", eff_redact(&cli->redact, &cli->arena, message));
    if (hint.len > 0)
        eff_json_field_str(w, "hint", eff_redact(&cli->redact, &cli->arena, hint));
    if (where.len > 0)
        eff_json_field_str(w, "where", where);
    eff_json_end_object(w);
}

static eff_str
world_safe(struct eff_cli *cli, eff_str text)
{
    return eff_str_printable(&cli->arena, eff_redact(&cli->redact, &cli->arena, text), 2000);
}

static void
world_log_problem(struct eff_cli *cli, const char *level, const char *code, eff_str message,
                  eff_str hint, eff_str where)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w;

    eff_cli_log_begin(cli, &w, &buf, level, "problem");
    eff_json_field_str(&w, "code", eff_str_of(code));
    eff_json_field_str(&w, "message", message);
    if (hint.len > 0)
        eff_json_field_str(&w, "hint", hint);
    if (where.len > 0)
        eff_json_field_str(&w, "where", where);
    eff_cli_log_end(cli, &w);
}

/* "syncs/a.yml:7:3: what is wrong", then the hint on a line of its own. */
static void
world_text_problem(struct eff_cli *cli, const char *code, eff_str message, eff_str hint,
                   eff_str where)
{
    struct eff_term *term = &cli->log;

    message = world_safe(cli, message);
    hint = world_safe(cli, hint);
    if (eff_cli_logs(cli)) {
        world_log_problem(cli, "error", code, message, hint, where);
        return;
    }
    if (where.len > 0) {
        eff_term_add(term, EFF_BOLD, world_safe(cli, where));
        eff_term_add(term, EFF_PLAIN, EFF_STR(": "));
    } else {
        eff_term_add(term, EFF_BOLD, EFF_STR("efferent: "));
    }
    eff_term_add(term, EFF_PLAIN, message);
    eff_term_line(term);
    if (hint.len > 0) {
        eff_term_addf(term, EFF_DIM, "  " EFF_STR_FMT, EFF_STR_ARG(hint));
        eff_term_line(term);
    }
}

int
eff_cli_fail(struct eff_cli *cli, const struct eff_err *err)
{
    int exit_code = err->fault == EFF_CONFIG ? EFF_EXIT_USAGE : EFF_EXIT_FAILED;
    const char *code = err->fault == EFF_CONFIG ? WORLD_CODE : "EFF1302";
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    if (!eff_cli_json(cli)) {
        world_text_problem(cli, code, eff_str_of(err->msg), eff_str_of(err->hint),
                           eff_str_of(err->where));
        eff_term_flush(&cli->log);
        return exit_code;
    }
    world_json_head(cli, &w, exit_code);
    world_json_problem(cli, &w, code, eff_str_of(err->msg), eff_str_of(err->hint),
                       eff_str_of(err->where));
    return world_json_tail(cli, &w, exit_code);
}

int
eff_cli_fail_problems(struct eff_cli *cli, const struct eff_problems *problems)
{
    return eff_cli_tell_problems(cli, problems, EFF_EXIT_USAGE);
}

int
eff_cli_tell_problems(struct eff_cli *cli, const struct eff_problems *problems, int exit_code)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    size_t total = eff_problems_total(problems);

    if (eff_cli_json(cli))
        world_json_head(cli, &w, exit_code);
    for (size_t i = 0; i < problems->count; i++) {
        const struct eff_problem *at = &problems->at[i];
        eff_str where = eff_place_text(&cli->arena, at->place);

        if (eff_cli_json(cli))
            world_json_problem(cli, &w, at->code, at->message, at->hint, where);
        else
            world_text_problem(cli, at->code, at->message, at->hint, where);
    }
    if (eff_cli_json(cli))
        return world_json_tail(cli, &w, exit_code);
    if (!eff_cli_logs(cli))
        eff_term_addf(&cli->log, EFF_RED,
                      exit_code == EFF_EXIT_USAGE ? "%zu %s; nothing was done\n" : "%zu %s\n",
                      total, total == 1 ? "mistake" : "mistakes");
    eff_term_flush(&cli->log);
    return exit_code;
}

void
eff_cli_notes(struct eff_cli *cli, const struct eff_problems *notes)
{
    for (size_t i = 0; i < notes->count; i++) {
        const struct eff_problem *at = &notes->at[i];
        eff_str where = eff_place_text(&cli->arena, at->place), hint = world_safe(cli, at->hint);
        eff_str message = world_safe(cli, at->message);

        if (eff_cli_logs(cli)) {
            world_log_problem(cli, "warning", at->code, message, hint, where);
            continue;
        }
        eff_term_addf(&cli->log, EFF_DIM, EFF_STR_FMT ": note: " EFF_STR_FMT, EFF_STR_ARG(where),
                      EFF_STR_ARG(message));
        eff_term_line(&cli->log);
        if (hint.len > 0) {
            eff_term_addf(&cli->log, EFF_DIM, "  " EFF_STR_FMT, EFF_STR_ARG(hint));
            eff_term_line(&cli->log);
        }
    }
    eff_term_flush(&cli->log);
}

/* ---- the world ---- */

bool
eff_cli_world(struct eff_cli *cli, int *ret_code)
{
    struct eff_err err = {0};

    if (cli->os)
        return true;
    if (eff_os_real(&cli->arena, &cli->os, &err) == EFF_OK)
        return true;
    *ret_code = eff_cli_fail(cli, &err);
    return false;
}

static bool
world_has_project(struct eff_cli *cli, eff_str folder)
{
    struct eff_arena scratch = cli->arena;

    return cli->os->exists(
        cli->os->self,
        eff_str_printf(&scratch, EFF_STR_FMT "/" WORLD_FILE, EFF_STR_ARG(folder)).ptr);
}

static enum eff_fault
world_absolute(struct eff_cli *cli, eff_str path, eff_str *ret_path, struct eff_err *err)
{
    char *real = realpath(eff_str_c(&cli->arena, path), NULL);

    if (!real) {
        EFF_FAIL(err, EFF_CONFIG, "there is no folder " EFF_STR_FMT ": %s", EFF_STR_ARG(path),
                 strerror(errno));
        return EFF_CONFIG;
    }
    *ret_path = eff_str_copy(&cli->arena, eff_str_of(real));
    free(real);
    return EFF_OK;
}

/* The folder that was named, or the nearest one from here upwards that has the file. */
static enum eff_fault
world_root(struct eff_cli *cli, eff_str *ret_root, struct eff_err *err)
{
    eff_str folder, named = cli->options.project;

    EFF_TRY(world_absolute(cli, named.ptr ? named : EFF_STR("."), &folder, err));
    if (eff_str_ends(folder,
                     EFF_STR("/" WORLD_FILE))) // The file was named, which means its folder.
        folder.len -= sizeof("/" WORLD_FILE) - 1;
    *ret_root = folder;
    if (named.ptr && !world_has_project(cli, folder)) {
        EFF_FAIL(err, EFF_CONFIG, "there is no " WORLD_FILE " in " EFF_STR_FMT, EFF_STR_ARG(named));
        return eff_err_hint(err, "`efferent init " EFF_STR_FMT "` begins a project there.",
                            EFF_STR_ARG(named));
    }
    while (!world_has_project(cli, *ret_root)) {
        const char *slash = memrchr(ret_root->ptr, '/', ret_root->len);

        if (ret_root->len <= 1 || !slash) {
            EFF_FAIL(err, EFF_CONFIG, "there is no " WORLD_FILE " here, nor in a folder above");
            return eff_err_hint(err, "`efferent init` begins a project; --project DIR names one.");
        }
        *ret_root =
            eff_str_sub(*ret_root, 0, slash == ret_root->ptr ? 1 : (size_t)(slash - ret_root->ptr));
    }
    return EFF_OK;
}

/* ---- files, as conf wants them ---- */

static bool
world_read(void *files, eff_str path, struct eff_arena *arena, eff_str *ret_bytes,
           struct eff_err *err)
{
    struct eff_cli *cli = files;

    return eff_os_read_file(cli->os, eff_str_c(arena, path), WORLD_FILE_MAX, arena, ret_bytes,
                            err) == EFF_OK;
}

static bool
world_list(void *files, eff_str folder, struct eff_arena *arena, size_t *ret_count,
           eff_str **ret_names, struct eff_err *err)
{
    struct eff_cli *cli = files;

    return cli->os->list(cli->os->self, eff_str_c(arena, folder), arena, ret_count, ret_names,
                         err) == EFF_OK;
}

/* ---- kinds ---- */

static void
world_sources(struct eff_cli *cli)
{
    size_t count = 0;

    while (eff_sources[count])
        count++;
    cli->source_kinds = eff_new(&cli->arena, struct eff_kind_desc, count + 1);
    cli->source_kinds_count = count + 1;
    cli->source_kinds[count] = eff_dbt_source_kind;
    for (size_t i = 0; i < count; i++)
        cli->source_kinds[i] = (struct eff_kind_desc){
            .kind = eff_str_of(eff_sources[i]->kind),
            .options = eff_sources[i]->options,
            .options_count = eff_sources[i]->options_count,
            .config_size = eff_sources[i]->config_size,
            .user = eff_sources[i],
        };
}

/* The project's own connectors: connectors/NAME/connector.yaml. */
static struct eff_connector_file *
world_connectors(struct eff_cli *cli, eff_str root, size_t *ret_count)
{
    struct eff_connector_file *files;
    size_t count = 0;
    eff_str *names;
    struct eff_err ignored = {0};

    *ret_count = 0;
    if (!root.ptr ||
        !world_list(cli, eff_str_printf(&cli->arena, EFF_STR_FMT "/connectors", EFF_STR_ARG(root)),
                    &cli->arena, &count, &names, &ignored))
        return NULL;
    files = eff_new(&cli->arena, struct eff_connector_file, count);
    for (size_t i = 0; i < count; i++) {
        struct eff_connector_file *file = &files[*ret_count];
        eff_str path;

        file->path = eff_str_printf(&cli->arena, "connectors/" EFF_STR_FMT "/connector.yaml",
                                    EFF_STR_ARG(names[i]));
        path = eff_str_printf(&cli->arena, EFF_STR_FMT "/" EFF_STR_FMT, EFF_STR_ARG(root),
                              EFF_STR_ARG(file->path));
        if (world_read(cli, path, &cli->arena, &file->bytes, &ignored))
            (*ret_count)++;
    }
    return files;
}

static bool
world_kinds(struct eff_cli *cli, eff_str root, int *ret_code)
{
    struct eff_problems problems = {.arena = &cli->arena};
    size_t count;
    struct eff_connector_file *files = world_connectors(cli, root, &count);

    world_sources(cli);
    if (eff_dest_kinds(count, files, &cli->arena, &cli->dest_kinds_count, &cli->dest_kinds,
                       &problems))
        return true;
    *ret_code = eff_cli_fail_problems(cli, &problems);
    return false;
}

bool
eff_cli_root(struct eff_cli *cli, eff_str *ret_root)
{
    struct eff_err ignored = {0};

    return world_root(cli, ret_root, &ignored) == EFF_OK;
}

bool
eff_cli_kinds(struct eff_cli *cli, int *ret_code)
{
    eff_str root = EFF_STR_NONE;
    struct eff_err ignored = {0};

    if (!eff_cli_world(cli, ret_code))
        return false;
    if (world_root(cli, &root, &ignored) != EFF_OK) {
        if (cli->options.project.ptr) {
            *ret_code = eff_cli_fail(cli, &ignored);
            return false;
        }
        root = EFF_STR_NONE; // Outside of a project: what comes along.
    }
    return world_kinds(cli, root, ret_code);
}

/* ---- the project ---- */

/* By the XDG base directories: what outlives a command, and is not worth a backup. */
static eff_str
world_marks(struct eff_cli *cli)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (state && state[0] == '/')
        return eff_str_printf(&cli->arena, "%s/efferent", state);
    return home && home[0] == '/' ? eff_str_printf(&cli->arena, "%s/.local/state/efferent", home)
                                  : EFF_STR_NONE;
}

static bool
world_load(struct eff_cli *cli, eff_str root, int *ret_code)
{
    struct eff_problems problems = {.arena = &cli->arena};
    struct eff_project_input input = {
        .root = root,
        .target = cli->options.target,
        .lookup = &cli->lookup,
        .source_kinds_count = cli->source_kinds_count,
        .source_kinds = cli->source_kinds,
        .dest_kinds_count = cli->dest_kinds_count,
        .dest_kinds = cli->dest_kinds,
        .files = cli,
        .read = world_read,
        .list = world_list,
    };
    bool loaded;

    eff_secret_lookup(&cli->arena, &cli->lookup);
    loaded = eff_project_load(&input, &cli->arena, &cli->project, &problems);
    eff_redact_init(&cli->redact, &cli->arena, cli->project->secrets_count, cli->project->secrets);
    if (!loaded) { // its mistakes may show what they found
        *ret_code = eff_cli_fail_problems(cli, &problems);
        return false;
    }
    cli->project->marks = world_marks(cli);
    return true;
}

struct eff_dbt
eff_cli_dbt(struct eff_cli *cli, struct eff_problems *problems, struct eff_problems *notes)
{
    return (struct eff_dbt){
        .project = cli->project,
        .os = cli->os,
        .lookup = &cli->lookup,
        .arena = &cli->arena,
        .problems = problems,
        .notes = notes,
        .ignore_status = cli->options.ignore_dbt_status,
    };
}

/*
 * What dbt built. A command that reads no model does without: where a row is must be told even
 * when the manifest is gone.
 */
static bool
world_dbt(struct eff_cli *cli, int *ret_code)
{
    bool needed = (cli->command->takes & EFF_CLI_MODELS) != 0 && cli->options.manifest.ptr == NULL;
    struct eff_problems problems = {.arena = &cli->arena};
    struct eff_problems notes = {.arena = &cli->arena};
    struct eff_dbt dbt = eff_cli_dbt(cli, &problems, &notes);

    if (eff_dbt_apply(&dbt) || !needed) {
        if (needed)
            eff_cli_notes(cli, &notes);
        return true;
    }
    eff_problems_sort(&problems);
    *ret_code = eff_cli_fail_problems(cli, &problems);
    return false;
}

/* Names of syncs behind the command are a selection too. */
static bool
world_select(struct eff_cli *cli, int *ret_code)
{
    const struct eff_cli_options *o = &cli->options;
    size_t names =
        (cli->command->takes & EFF_CLI_SELECT) && !cli->command->words ? o->args_count : 0;
    eff_str *select = eff_new(&cli->arena, eff_str, names + o->select.count);
    struct eff_err err = {0};

    for (size_t i = 0; i < names; i++)
        select[i] = o->args[i];
    for (size_t i = 0; i < o->select.count; i++)
        select[names + i] = o->select.at[i];
    cli->chosen = eff_new(&cli->arena, bool, cli->project->syncs_count);
    if (eff_project_select(cli->project, names + o->select.count, select, o->exclude.count,
                           o->exclude.at, cli->chosen, &err) == EFF_OK)
        return true;
    *ret_code = eff_cli_fail(cli, &err);
    return false;
}

bool
eff_cli_project(struct eff_cli *cli, int *ret_code)
{
    struct eff_err err = {0};
    eff_str root;

    if (!eff_cli_world(cli, ret_code))
        return false;
    if (world_root(cli, &root, &err) != EFF_OK) {
        *ret_code = eff_cli_fail(cli, &err);
        return false;
    }
    return world_kinds(cli, root, ret_code) && world_load(cli, root, ret_code) &&
           world_dbt(cli, ret_code) && world_select(cli, ret_code);
}

const struct eff_sync_conf *
eff_cli_sync(struct eff_cli *cli, eff_str name, int *ret_code)
{
    eff_str best = EFF_STR_NONE;
    unsigned nearest = 4;
    struct eff_err err = {0};

    for (size_t i = 0; i < cli->project->syncs_count; i++) {
        const struct eff_sync_conf *sync = &cli->project->syncs[i];
        unsigned distance = eff_str_distance(name, sync->name, nearest);

        if (eff_str_eq(sync->name, name))
            return sync;
        if (distance < nearest) {
            nearest = distance;
            best = sync->name;
        }
    }
    EFF_FAIL(&err, EFF_CONFIG, "there is no sync `" EFF_STR_FMT "`", EFF_STR_ARG(name));
    if (best.ptr)
        eff_err_hint(&err, "Did you mean `" EFF_STR_FMT "`?", EFF_STR_ARG(best));
    else
        eff_err_hint(&err, "`efferent status` lists the syncs.");
    *ret_code = eff_cli_fail(cli, &err);
    return NULL;
}
