/*
 * cli/cmd_init: a project from a template that is part of the program.
 *
 * The files of templates/NAME are copied; databases/X.sql becomes the SQLite file
 * X.db, statement by statement; `gitignore` gets its dot, and joins one that is there,
 * as an empty clone has it; beside a README.md ours is EFFERENT.md. All of it is checked
 * before the first byte is written, and efferent.yml comes last, so that a folder
 * that has one has everything.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/assets.h"
#include "cli/cli.h"

#define INIT_PREFIX "templates/"
#define INIT_LAST   "efferent.yml"
#define INIT_README "README.md"
#define INIT_IGNORE EFF_STR(".gitignore")
/* Nobody writes more by hand. */
#define INIT_IGNORE_MAX ((size_t)1 << 20)

struct init {
    struct eff_cli *cli;
    struct eff_os *os;
    struct eff_arena *arena;
    eff_str folder; /* as the user wrote it */
    eff_str from;   /* "templates/starter/" */
    eff_str readme; /* the name of ours */
    mode_t umask;
    size_t files_count;
    eff_str *files; /* what was written, for the document */
};

/* ---- the template ---- */

static bool
init_template_known(eff_str name)
{
    for (size_t i = 0; i < eff_assets_count; i++) {
        eff_str path = eff_str_of(eff_assets[i].path), rest, first;

        if (!eff_str_starts(path, EFF_STR(INIT_PREFIX)))
            continue;
        rest = eff_str_sub(path, sizeof INIT_PREFIX - 1, SIZE_MAX);
        if (eff_str_cut(rest, '/', &first, &rest) && eff_str_eq(first, name) &&
            eff_str_is(rest, INIT_LAST))
            return true;
    }
    return false;
}

static enum eff_fault
init_template(struct init *init, struct eff_err *err)
{
    eff_str name =
        init->cli->options.template.ptr ? init->cli->options.template : EFF_STR("starter");

    init->from = eff_str_printf(init->arena, INIT_PREFIX EFF_STR_FMT "/", EFF_STR_ARG(name));
    if (init_template_known(name))
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, "there is no template `" EFF_STR_FMT "`", EFF_STR_ARG(name));
    return eff_err_hint(err, "There are: starter, crm.");
}

/* ---- files ---- */

static const char *
init_path(struct init *init, eff_str name)
{
    return eff_str_printf(init->arena, EFF_STR_FMT "/" EFF_STR_FMT, EFF_STR_ARG(init->folder),
                          EFF_STR_ARG(name))
        .ptr;
}

/* Each folder on the way to the file; a folder that is there already is fine. */
static enum eff_fault
init_folders(struct init *init, eff_str name, struct eff_err *err)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '/')
            EFF_TRY(init->os->mkdir(init->os->self, init_path(init, eff_str_sub(name, 0, i)), err));
    return EFF_OK;
}

static enum eff_fault
init_write(struct init *init, eff_str name, eff_str bytes, struct eff_err *err)
{
    EFF_TRY(init_folders(init, name, err));
    EFF_TRY(eff_os_replace_file(init->os, init_path(init, name), bytes, err));
    if (!eff_str_starts(name,
                        EFF_STR("secrets"))) // A project is for the team, as far as the user says.
        chmod(init_path(init, name), 0666 & ~init->umask);
    init->files[init->files_count++] = name;
    return EFF_OK;
}

/* ---- databases ---- */

static enum eff_fault
init_statement(struct init *init, const char *path, eff_str statement, struct eff_err *err)
{
    const struct eff_request request = {
        .kind = EFF_REQUEST_SQL,
        .writes = true,
        .sql = {.dialect = EFF_SQL_SQLITE,
                .connect = eff_str_of(path),
                .statement = statement,
                .rows = 1},
    };
    const struct eff_response *response;
    int64_t deadline = init->os->mono_ms(init->os->self) + 60000;

    init->os->submit(init->os->self, 1, &request);
    while (init->os->next(init->os->self, deadline, &response) != 1) {
        if (init->os->mono_ms(init->os->self) >= deadline)
            return EFF_FAIL(err, EFF_BROKEN, "cannot write %s in time", path);
    }
    if (response->wire == EFF_WIRE_ANSWERED && response->status == 200)
        return EFF_OK;
    return EFF_FAIL(err, EFF_BROKEN, "cannot make %s: " EFF_STR_FMT, path,
                    EFF_STR_ARG(response->problem));
}

/* Statements end with a semicolon at the end of a line. */
static enum eff_fault
init_statements(struct init *init, const char *path, eff_str sql, struct eff_err *err)
{
    while (eff_str_trim(sql).len > 0) {
        size_t end = eff_str_find(sql, EFF_STR(";\n"));

        if (end == SIZE_MAX)
            end = sql.len;
        EFF_TRY(init_statement(init, path, eff_str_sub(sql, 0, end), err));
        sql = eff_str_sub(sql, end + 1, SIZE_MAX);
    }
    return EFF_OK;
}

static enum eff_fault
init_database(struct init *init, eff_str name, eff_str sql, struct eff_err *err)
{
    eff_str file = eff_str_printf(init->arena, EFF_STR_FMT ".db",
                                  EFF_STR_ARG(eff_str_sub(name, 0, name.len - 4)));

    EFF_TRY(init_write(init, file, EFF_STR(""), err));
    return init_statements(init, init_path(init, file), sql, err);
}

/* ---- all of it ---- */

static enum eff_fault
init_ignore(struct init *init, eff_str bytes, struct eff_err *err)
{
    const char *path = init_path(init, INIT_IGNORE);
    eff_str before;

    if (!init->os->exists(init->os->self, path))
        return init_write(init, INIT_IGNORE, bytes, err);
    EFF_TRY(eff_os_read_file(init->os, path, INIT_IGNORE_MAX, init->arena, &before, err));
    return init_write(init, INIT_IGNORE,
                      eff_str_printf(init->arena, EFF_STR_FMT "%s" EFF_STR_FMT, EFF_STR_ARG(before),
                                     eff_str_ends(before, EFF_STR("\n")) ? "" : "\n",
                                     EFF_STR_ARG(bytes)),
                      err);
}

static enum eff_fault
init_asset(struct init *init, const struct eff_asset *asset, struct eff_err *err)
{
    eff_str bytes = {(const char *)asset->ptr, asset->len};
    eff_str name = eff_str_sub(eff_str_of(asset->path), init->from.len, SIZE_MAX);
    eff_str databases = EFF_STR("databases/");

    if (eff_str_is(name, "gitignore"))
        return init_ignore(init, bytes, err);
    if (eff_str_starts(name, databases))
        return init_database(init, eff_str_sub(name, databases.len, SIZE_MAX), bytes, err);
    return init_write(init, eff_str_is(name, INIT_README) ? init->readme : name, bytes, err);
}

static eff_str
init_target(struct init *init, const struct eff_asset *asset)
{
    eff_str name = eff_str_sub(eff_str_of(asset->path), init->from.len, SIZE_MAX);
    eff_str databases = EFF_STR("databases/");

    if (eff_str_is(name, "gitignore"))
        return INIT_IGNORE;
    if (!eff_str_starts(name, databases))
        return eff_str_is(name, INIT_README) ? init->readme : name;
    name = eff_str_sub(name, databases.len, SIZE_MAX);
    return eff_str_printf(init->arena, EFF_STR_FMT ".db",
                          EFF_STR_ARG(eff_str_sub(name, 0, name.len - 4)));
}

/* Nothing of the user's is ever overwritten. */
static enum eff_fault
init_check(struct init *init, struct eff_err *err)
{
    if (init->os->exists(init->os->self, init_path(init, EFF_STR(INIT_LAST)))) {
        EFF_FAIL(err, EFF_CONFIG, "there is a project in " EFF_STR_FMT " already",
                 EFF_STR_ARG(init->folder));
        return eff_err_hint(err, "`efferent init NAME` begins one in a folder of its own.");
    }
    for (size_t i = 0; i < eff_assets_count; i++) {
        eff_str name;

        if (!eff_str_starts(eff_str_of(eff_assets[i].path), init->from))
            continue;
        name = init_target(init, &eff_assets[i]);
        if (eff_str_eq(name, INIT_IGNORE) ||
            !init->os->exists(init->os->self, init_path(init, name)))
            continue;
        EFF_FAIL(err, EFF_CONFIG, "%s is there already", init_path(init, name));
        return eff_err_hint(err, "`efferent init NAME` begins a project in a folder of its own.");
    }
    return EFF_OK;
}

static enum eff_fault
init_make_folder(struct init *init, struct eff_err *err)
{
    eff_str folder = init->folder;

    for (size_t i = 1; i <= folder.len; i++)
        if (i == folder.len || folder.ptr[i] == '/')
            EFF_TRY(init->os->mkdir(init->os->self,
                                    eff_str_c(init->arena, eff_str_sub(folder, 0, i)), err));
    return EFF_OK;
}

static enum eff_fault
init_all(struct init *init, struct eff_err *err)
{
    const struct eff_asset *last = NULL;

    EFF_TRY(init_template(init, err));
    init->readme = init->os->exists(init->os->self, init_path(init, EFF_STR(INIT_README)))
                       ? EFF_STR("EFFERENT.md")
                       : EFF_STR(INIT_README);
    EFF_TRY(init_check(init, err));
    EFF_TRY(init_make_folder(init, err));
    for (size_t i = 0; i < eff_assets_count; i++) {
        eff_str path = eff_str_of(eff_assets[i].path);

        if (!eff_str_starts(path, init->from))
            continue;
        if (eff_str_is(eff_str_sub(path, init->from.len, SIZE_MAX), INIT_LAST))
            last = &eff_assets[i];
        else
            EFF_TRY(init_asset(init, &eff_assets[i], err));
    }
    return last ? init_asset(init, last, err)
                : EFF_FAIL(err, EFF_BROKEN, "the template has no " INIT_LAST);
}

/* ---- what comes next ---- */

static void
init_next(struct init *init, const char *command, const char *what)
{
    struct eff_term *term = &init->cli->out;

    eff_term_addf(term, EFF_CYAN, "  %s", command);
    eff_term_pad(term, strlen(command), 44);
    eff_term_addf(term, EFF_DIM, "%s\n", what);
}

/* The folder as a shell takes it. */
static eff_str
init_word(struct init *init)
{
    struct eff_buf buf = {0};
    eff_str word, rest = init->folder, head;

    if (strspn(eff_str_c(init->arena, rest), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                             "0123456789_./-") == rest.len)
        return rest.ptr[0] == '-' ? eff_str_printf(init->arena, "./" EFF_STR_FMT, EFF_STR_ARG(rest))
                                  : rest;
    eff_buf_add_char(&buf, '\'');
    while (eff_str_cut(rest, '\'', &head, &rest))
        eff_buf_addf(&buf, EFF_STR_FMT "'\\''", EFF_STR_ARG(head));
    eff_buf_addf(&buf, EFF_STR_FMT "'", EFF_STR_ARG(head));
    word = eff_str_copy(init->arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return word;
}

static void
init_tell(struct init *init)
{
    struct eff_term *term = &init->cli->out;
    bool here = eff_str_is(init->folder, ".");
    eff_str name = init->cli->options.template;
    eff_str cd = here ? EFF_STR("efferent check")
                      : eff_str_printf(init->arena, "cd " EFF_STR_FMT " && efferent check",
                                       EFF_STR_ARG(init_word(init)));

    eff_term_add(term, EFF_GREEN, EFF_STR("A new project"));
    if (!here)
        eff_term_addf(term, EFF_GREEN, " in " EFF_STR_FMT, EFF_STR_ARG(init->folder));
    eff_term_addf(term, EFF_PLAIN, ", %zu files. " EFF_STR_FMT " tells what they are.\n\nNext:\n",
                  init->files_count, EFF_STR_ARG(init->readme));
    if (eff_str_is(name, "crm"))
        init_next(init, "efferent sandbox salesforce hubspot &", "two stand-ins, on this machine");
    init_next(init, eff_str_c(init->arena, cd), "are the files right, is everything there?");
    init_next(init, "efferent plan", "what would change; changes nothing");
    init_next(init, "efferent run", "do it");
}

static void
init_tell_json(struct init *init, struct eff_json_writer *w)
{
    eff_cli_json_begin(init->cli, w, EFF_EXIT_OK);
    eff_json_field_str(w, "folder", init->folder);
    eff_json_key(w, EFF_STR("files"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < init->files_count; i++)
        eff_json_write_str(w, init->files[i]);
    eff_json_end_array(w);
    eff_json_end_object(w);
    eff_buf_add_char(w->buf, '\n');
}

int
eff_cli_cmd_init(struct eff_cli *cli)
{
    struct init init = {.cli = cli, .arena = &cli->arena};
    struct eff_err err = {0};
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    int code;

    if (!eff_cli_world(cli, &code))
        return code;
    init.os = cli->os;
    init.umask = umask(0);
    umask(init.umask);
    init.folder = cli->options.args_count > 0 ? cli->options.args[0] : EFF_STR(".");
    while (init.folder.len > 1 && init.folder.ptr[init.folder.len - 1] == '/')
        init.folder.len--;
    init.files = eff_new(&cli->arena, eff_str, eff_assets_count + 1);
    if (init_all(&init, &err) != EFF_OK)
        return eff_cli_fail(cli, &err);
    if (eff_cli_json(cli))
        init_tell_json(&init, &w);
    else
        init_tell(&init);
    return eff_cli_print(cli, &buf, EFF_EXIT_OK);
}
