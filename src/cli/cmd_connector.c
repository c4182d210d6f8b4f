/*
 * cli/cmd_connector: connectors: which there are, what they take, trying one, beginning one.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/assets.h"
#include "cli/cli.h"
#include "cli/print.h"
#include "dest/case.h"
#include "dest/connector.h"
#include "os/drip.h"

#define CONNECTOR_FILE_MAX ((size_t)4 << 20)
#define CONNECTOR_CASE     ((size_t)256 << 20) /* address space of one case */
#define CONNECTOR_TEMPLATE "templates/connector/"
#define CONNECTOR_NAME     "acme" /* in the template */
#define CONNECTOR_NAME_MAX 40

/* ---- list and show ---- */

static int
connector_list(struct eff_cli *cli)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    if (eff_cli_json(cli)) {
        eff_cli_json_begin(cli, &w, EFF_EXIT_OK);
        eff_json_key(&w, EFF_STR("connectors"));
        eff_json_begin_array(&w);
    }
    for (size_t i = 0; i < cli->dest_kinds_count; i++) {
        const struct eff_kind_desc *kind = &cli->dest_kinds[i];
        const struct eff_dest_kind *dest = kind->user;

        if (eff_cli_json(cli)) {
            eff_json_begin_object(&w);
            eff_json_field_str(&w, "name", kind->kind);
            eff_json_field_str(&w, "title", eff_cli_kind_title(kind));
            eff_json_key(&w, EFF_STR("own"));
            eff_json_write_bool(&w, dest->own);
            eff_json_key(&w, EFF_STR("overrides"));
            eff_json_write_bool(&w, dest->overrides);
            eff_json_end_object(&w);
            continue;
        }
        eff_term_add(&cli->out, EFF_CYAN, kind->kind);
        eff_term_pad(&cli->out, kind->kind.len, 22);
        eff_term_add(&cli->out, EFF_PLAIN, eff_print_safe(cli, eff_cli_kind_title(kind), 200));
        if (dest->own)
            eff_term_addf(&cli->out, EFF_YELLOW, "  (" EFF_STR_FMT ")",
                          EFF_STR_ARG(eff_cli_kind_origin(kind)));
        eff_term_line(&cli->out);
    }
    if (!eff_cli_json(cli))
        return eff_cli_print(cli, &buf, EFF_EXIT_OK);
    eff_json_end_array(&w);
    return eff_cli_json_end(cli, &w, EFF_EXIT_OK);
}

static int
connector_unknown(struct eff_cli *cli, eff_str name)
{
    struct eff_problems problems = {.arena = &cli->arena};
    eff_str *names = eff_new(&cli->arena, eff_str, cli->dest_kinds_count), near;
    struct eff_err err = {0};

    EFF_FAIL(&err, EFF_CONFIG, "there is no connector `" EFF_STR_FMT "`", EFF_STR_ARG(name));
    for (size_t i = 0; i < cli->dest_kinds_count; i++)
        names[i] = cli->dest_kinds[i].kind;
    near = eff_nearest_hint(&problems, name, cli->dest_kinds_count, names);
    eff_err_hint(&err, EFF_STR_FMT,
                 EFF_STR_ARG(near.len ? near : EFF_STR("`efferent connector list` lists them.")));
    return eff_cli_fail(cli, &err);
}

const struct eff_kind_desc *
eff_cli_dest_kind(struct eff_cli *cli, eff_str name, int *ret_code)
{
    for (size_t i = 0; i < cli->dest_kinds_count; i++)
        if (eff_str_eq(cli->dest_kinds[i].kind, name))
            return &cli->dest_kinds[i];
    *ret_code = connector_unknown(cli, name);
    return NULL;
}

static int
connector_show(struct eff_cli *cli, eff_str name)
{
    int code;
    const struct eff_kind_desc *kind = eff_cli_dest_kind(cli, name, &code);

    return kind ? eff_cli_show(cli, kind) : code;
}

/* ---- test ---- */

struct connector_test {
    struct eff_cli *cli;
    eff_str folder, shown; /* where the files are; what the user calls that */
    struct eff_kind_desc kind;
    struct eff_dest_kind dest;
    struct eff_arena scratch;
    struct eff_problems problems;
    struct eff_case_report report;
};

static bool
connector_there(struct eff_cli *cli, eff_str folder)
{
    return cli->os->exists(
        cli->os->self,
        eff_str_printf(&cli->arena, EFF_STR_FMT "/connector.yaml", EFF_STR_ARG(folder)).ptr);
}

/* The folder that was named, or one of that name beside the project; else what came along. */
static bool
connector_find(struct connector_test *test, eff_str name)
{
    struct eff_cli *cli = test->cli;
    eff_str root;

    test->folder = test->shown = name;
    if (connector_there(cli, name))
        return true;
    if (eff_str_find_char(name, '/') != SIZE_MAX || !eff_cli_root(cli, &root))
        return false;
    test->shown = eff_str_printf(&cli->arena, "connectors/" EFF_STR_FMT, EFF_STR_ARG(name));
    test->folder = eff_str_printf(&cli->arena, EFF_STR_FMT "/" EFF_STR_FMT, EFF_STR_ARG(root),
                                  EFF_STR_ARG(test->shown));
    return connector_there(cli, test->folder);
}

static bool
connector_load(struct connector_test *test, eff_str path, eff_str bytes)
{
    const struct eff_connector *connector =
        eff_connector_load(path, bytes, &test->cli->arena, &test->problems);

    if (!connector)
        return false;
    test->dest = (struct eff_dest_kind){.ops = &eff_dest_rest, .connector = connector};
    test->kind =
        (struct eff_kind_desc){connector->kind, connector->options, connector->options_count,
                               connector->config_size, &test->dest};
    return true;
}

static void
connector_case(struct connector_test *test, eff_str path, eff_str bytes)
{
    eff_case_file(1, &test->kind, test->kind.kind, path, bytes, &test->scratch, &test->report);
}

static enum eff_fault
connector_read(struct connector_test *test, eff_str name, eff_str *ret_bytes, struct eff_err *err)
{
    struct eff_cli *cli = test->cli;
    eff_str path = eff_str_printf(&cli->arena, EFF_STR_FMT "/" EFF_STR_FMT,
                                  EFF_STR_ARG(test->folder), EFF_STR_ARG(name));
    enum eff_fault fault =
        eff_os_read_file(cli->os, path.ptr, CONNECTOR_FILE_MAX, &cli->arena, ret_bytes, err);

    if (fault != EFF_OK)
        err->fault = EFF_CONFIG;
    return fault;
}

static eff_str
connector_shown(struct connector_test *test, eff_str name)
{
    return eff_str_printf(&test->cli->arena, EFF_STR_FMT "/" EFF_STR_FMT, EFF_STR_ARG(test->shown),
                          EFF_STR_ARG(name));
}

static int
connector_name_cmp(const void *a, const void *b)
{
    return eff_str_cmp(*(const eff_str *)a, *(const eff_str *)b);
}

static enum eff_fault
connector_cases(struct connector_test *test, struct eff_err *err)
{
    struct eff_cli *cli = test->cli;
    const char *folder =
        eff_str_printf(&cli->arena, EFF_STR_FMT "/cases", EFF_STR_ARG(test->folder)).ptr;
    size_t count = 0;
    eff_str *names, bytes;

    if (!cli->os->exists(cli->os->self, folder))
        return EFF_OK;
    EFF_TRY(cli->os->list(cli->os->self, folder, &cli->arena, &count, &names, err));
    if (count > 0)
        qsort(names, count, sizeof *names, connector_name_cmp);
    for (size_t i = 0; i < count; i++) {
        eff_str name = eff_str_printf(&cli->arena, "cases/" EFF_STR_FMT, EFF_STR_ARG(names[i]));

        if (!eff_str_ends(name, EFF_STR(".yaml")) && !eff_str_ends(name, EFF_STR(".yml")))
            continue;
        EFF_TRY(connector_read(test, name, &bytes, err));
        connector_case(test, connector_shown(test, name), bytes);
    }
    return EFF_OK;
}

/* False: there is none of that name. */
static bool
connector_embedded(struct connector_test *test, eff_str name)
{
    eff_str file = eff_str_printf(&test->cli->arena, "connectors/" EFF_STR_FMT "/connector.yaml",
                                  EFF_STR_ARG(name));
    eff_str cases =
        eff_str_printf(&test->cli->arena, "connectors/" EFF_STR_FMT "/cases/", EFF_STR_ARG(name));
    bool found = false;

    for (size_t i = 0; i < eff_assets_count; i++)
        if (eff_str_is(file, eff_assets[i].path))
            found = connector_load(test, file,
                                   (eff_str){(const char *)eff_assets[i].ptr, eff_assets[i].len});
    for (size_t i = 0; found && i < eff_assets_count; i++)
        if (eff_str_starts(eff_str_of(eff_assets[i].path), cases))
            connector_case(test, eff_str_of(eff_assets[i].path),
                           (eff_str){(const char *)eff_assets[i].ptr, eff_assets[i].len});
    return found;
}

/* Not a mistake: what the cases are not an example of, and do not say why. */
static void
connector_lacking(struct connector_test *test, struct eff_json_writer *w)
{
    const char *names[EFF_CASE_LACKING];
    size_t count = eff_case_lacking(&test->report, names);

    if (w) {
        eff_json_key(w, EFF_STR("not_shown"));
        eff_json_begin_array(w);
    }
    for (size_t i = 0; i < count; i++) {
        if (w)
            eff_json_write_str(w, eff_str_of(names[i]));
        else
            eff_term_addf(&test->cli->out, EFF_DIM, "%s%s", i ? ", " : "not shown: ", names[i]);
    }
    if (w)
        eff_json_end_array(w);
    else if (count > 0)
        eff_term_line(&test->cli->out);
}

static int
connector_tell(struct connector_test *test)
{
    struct eff_cli *cli = test->cli;
    const struct eff_case_report *report = &test->report;
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    if (report->failures > 0)
        return eff_cli_tell_problems(cli, &test->problems, EFF_EXIT_FAILED);
    if (!eff_cli_json(cli)) {
        eff_term_addf(&cli->out, EFF_GREEN,
                      EFF_STR_FMT
                      ": %zu %s, %zu replays with answers in bytes, lost, cut or refused\n",
                      EFF_STR_ARG(test->kind.kind), report->cases,
                      report->cases == 1 ? "case" : "cases", report->replays);
        connector_lacking(test, NULL);
        return eff_cli_print(cli, &buf, EFF_EXIT_OK);
    }
    eff_cli_json_begin(cli, &w, EFF_EXIT_OK);
    eff_json_field_str(&w, "connector", test->kind.kind);
    eff_json_field_int(&w, "cases", (int64_t)report->cases);
    eff_json_field_int(&w, "replays", (int64_t)report->replays);
    connector_lacking(test, &w);
    return eff_cli_json_end(cli, &w, EFF_EXIT_OK);
}

static int
connector_without_cases(struct connector_test *test)
{
    struct eff_err err = {0};

    EFF_FAIL(&err, EFF_CONFIG, "there are no cases in " EFF_STR_FMT "/cases",
             EFF_STR_ARG(test->shown));
    eff_err_hint(&err, "A case is an example: rows, requests, answers, verdicts; `efferent "
                       "connector new` writes some.");
    return eff_cli_fail(test->cli, &err);
}

static int
connector_test(struct eff_cli *cli, eff_str name)
{
    struct connector_test test = {.cli = cli, .problems = {.arena = &cli->arena}};
    struct eff_err err = {0};
    struct eff_drip *drip;
    eff_str bytes;
    int code;

    if (!eff_cli_world(cli, &code))
        return code;
    if (eff_drip_open(&cli->arena, &drip, &err) != EFF_OK)
        return eff_cli_fail(cli, &err);
    while (name.len > 1 && name.ptr[name.len - 1] == '/')
        name.len--;
    test.report.problems = &test.problems;
    test.report.bytes = eff_drip_answer;
    test.report.bytes_self = drip;
    eff_arena_init(&test.scratch, "case", CONNECTOR_CASE);
    if (connector_find(&test, name)) {
        if (connector_read(&test, EFF_STR("connector.yaml"), &bytes, &err) != EFF_OK)
            return eff_cli_fail(cli, &err);
        if (!connector_load(&test, connector_shown(&test, EFF_STR("connector.yaml")), bytes))
            return eff_cli_fail_problems(cli, &test.problems);
        if (connector_cases(&test, &err) != EFF_OK)
            return eff_cli_fail(cli, &err);
    } else if (!connector_embedded(&test, name)) {
        return connector_unknown(cli, name);
    }
    if (test.report.cases == 0 && test.report.failures == 0)
        return connector_without_cases(&test);
    code = connector_tell(&test);
    eff_arena_deinit(&test.scratch);
    eff_drip_close(drip);
    return code;
}

/* ---- new ---- */

static enum eff_fault
connector_check_name(struct eff_cli *cli, eff_str name, struct eff_err *err)
{
    bool good =
        name.len > 0 && name.len <= CONNECTOR_NAME_MAX && name.ptr[0] >= 'a' && name.ptr[0] <= 'z';

    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        good = good && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
    }
    if (!good) {
        EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" cannot be the name of a connector",
                 EFF_STR_ARG(name));
        return eff_err_hint(err, "Use small letters, digits and _, a letter first.");
    }
    for (size_t i = 0; i < cli->dest_kinds_count; i++)
        if (eff_str_eq(cli->dest_kinds[i].kind, name))
            return EFF_FAIL(err, EFF_CONFIG, "there is a connector `" EFF_STR_FMT "` already",
                            EFF_STR_ARG(name));
    return EFF_OK;
}

/* The template's own name, in both spellings, becomes the new one. */
static eff_str
connector_named(struct eff_arena *arena, eff_str text, eff_str name)
{
    eff_str was = EFF_STR(CONNECTOR_NAME), copy;
    struct eff_buf buf = {0};

    for (size_t i = 0; i < text.len;) {
        eff_str here = eff_str_sub(text, i, was.len);

        if (!eff_str_eq_nocase(here, was)) {
            eff_buf_add_char(&buf, text.ptr[i++]);
            continue;
        }
        if (here.ptr[0] == 'A') {
            eff_buf_add_char(&buf, (char)(name.ptr[0] - 'a' + 'A'));
            eff_buf_add(&buf, eff_str_sub(name, 1, SIZE_MAX));
        } else {
            eff_buf_add(&buf, name);
        }
        i += was.len;
    }
    copy = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return copy;
}

static enum eff_fault
connector_write(struct eff_cli *cli, eff_str folder, eff_str name, eff_str bytes,
                struct eff_err *err)
{
    const char *path = eff_str_printf(&cli->arena, EFF_STR_FMT "/" EFF_STR_FMT, EFF_STR_ARG(folder),
                                      EFF_STR_ARG(name))
                           .ptr;
    mode_t mask = umask(0);

    umask(mask);
    EFF_TRY(eff_os_replace_file(cli->os, path, bytes, err));
    chmod(path, 0666 & ~mask); // A connector is for the team, as far as the user says.
    return EFF_OK;
}

static enum eff_fault
connector_make(struct eff_cli *cli, eff_str root, eff_str name, size_t *ret_count, eff_str *files,
               struct eff_err *err)
{
    eff_str above = eff_str_printf(&cli->arena, EFF_STR_FMT "/connectors", EFF_STR_ARG(root));
    eff_str folder = eff_str_printf(&cli->arena, EFF_STR_FMT "/" EFF_STR_FMT, EFF_STR_ARG(above),
                                    EFF_STR_ARG(name));
    eff_str cases = eff_str_printf(&cli->arena, EFF_STR_FMT "/cases", EFF_STR_ARG(folder));
    eff_str from = EFF_STR(CONNECTOR_TEMPLATE);

    if (cli->os->exists(cli->os->self, folder.ptr))
        return EFF_FAIL(err, EFF_CONFIG, "connectors/" EFF_STR_FMT " is there already",
                        EFF_STR_ARG(name));
    EFF_TRY(cli->os->mkdir(cli->os->self, above.ptr, err));
    EFF_TRY(cli->os->mkdir(cli->os->self, folder.ptr, err));
    EFF_TRY(cli->os->mkdir(cli->os->self, cases.ptr, err));
    for (size_t i = 0; i < eff_assets_count; i++) {
        eff_str path = eff_str_of(eff_assets[i].path), file;

        if (!eff_str_starts(path, from))
            continue;
        file = eff_str_sub(path, from.len, SIZE_MAX);
        EFF_TRY(connector_write(
            cli, folder, file,
            connector_named(&cli->arena,
                            (eff_str){(const char *)eff_assets[i].ptr, eff_assets[i].len}, name),
            err));
        files[(*ret_count)++] =
            eff_str_printf(&cli->arena, "connectors/" EFF_STR_FMT "/" EFF_STR_FMT,
                           EFF_STR_ARG(name), EFF_STR_ARG(file));
    }
    return EFF_OK;
}

static int
connector_new(struct eff_cli *cli, eff_str name)
{
    eff_str *files = eff_new(&cli->arena, eff_str, eff_assets_count), root;
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    struct eff_err err = {0};
    size_t count = 0;

    if (!eff_cli_root(cli, &root)) {
        EFF_FAIL(&err, EFF_CONFIG, "a connector stands beside a project, and there is none here");
        eff_err_hint(&err, "`efferent init` begins a project; --project DIR names one.");
        return eff_cli_fail(cli, &err);
    }
    if (connector_check_name(cli, name, &err) != EFF_OK ||
        connector_make(cli, root, name, &count, files, &err) != EFF_OK)
        return eff_cli_fail(cli, &err);
    if (!eff_cli_json(cli)) {
        eff_term_add(&cli->out, EFF_GREEN, EFF_STR("A new connector"));
        eff_term_add(&cli->out, EFF_PLAIN, EFF_STR(":\n"));
        for (size_t i = 0; i < count; i++)
            eff_term_addf(&cli->out, EFF_CYAN, "  " EFF_STR_FMT "\n", EFF_STR_ARG(files[i]));
        eff_term_addf(&cli->out, EFF_PLAIN, "\nNext: efferent connector test " EFF_STR_FMT "\n",
                      EFF_STR_ARG(name));
        return eff_cli_print(cli, &buf, EFF_EXIT_OK);
    }
    eff_cli_json_begin(cli, &w, EFF_EXIT_OK);
    eff_json_field_str(&w, "connector", name);
    eff_json_key(&w, EFF_STR("files"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < count; i++)
        eff_json_write_str(&w, files[i]);
    eff_json_end_array(&w);
    return eff_cli_json_end(cli, &w, EFF_EXIT_OK);
}

/* ---- the command ---- */

int
eff_cli_cmd_connector(struct eff_cli *cli)
{
    static const struct {
        const char *word;
        int (*run)(struct eff_cli *cli, eff_str name);
        bool kinds; /* needs those that there are */
    } verbs[] = {{"show", connector_show, true},
                 {"test", connector_test, false}, // also beside files that are broken
                 {"new", connector_new, true}};
    const struct eff_cli_options *o = &cli->options;
    struct eff_err err = {0};
    int code;

    if (eff_str_is(o->args[0], "list") && o->args_count == 1)
        return eff_cli_kinds(cli, &code) ? connector_list(cli) : code;
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (!eff_str_is(o->args[0], verbs[i].word))
            continue;
        if (o->args_count != 2) {
            EFF_FAIL(&err, EFF_CONFIG, "`efferent connector %s` wants a name", verbs[i].word);
            eff_err_hint(&err, "Usage: efferent connector %s", cli->command->args);
            return eff_cli_fail(cli, &err);
        }
        if (verbs[i].kinds && !eff_cli_kinds(cli, &code))
            return code;
        return verbs[i].run(cli, o->args[1]);
    }
    EFF_FAIL(&err, EFF_CONFIG,
             "`efferent connector` does not know `" EFF_STR_FMT "%s" EFF_STR_FMT "`",
             EFF_STR_ARG(o->args[0]), o->args_count > 1 ? " " : "",
             EFF_STR_ARG(o->args_count > 1 ? o->args[1] : EFF_STR_NONE));
    eff_err_hint(&err, "It knows: %s.", cli->command->args);
    return eff_cli_fail(cli, &err);
}
