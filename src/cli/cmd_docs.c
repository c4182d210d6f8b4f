/*
 * cli/cmd_docs: what the program knows about itself: pages, version, sandbox.
 */
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "conf/schema.h"
#include "run/codes.h"
#include "source/source.h"

#define DOCS_FILE_MAX ((size_t)16 << 20)

int
eff_cli_cmd_version(struct eff_cli *cli)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    if (!eff_cli_json(cli)) {
        eff_buf_add(&buf, EFF_STR("efferent " EFF_VERSION "\n"));
        return eff_cli_print(cli, &buf, EFF_EXIT_OK);
    }
    eff_cli_json_begin(cli, &w, EFF_EXIT_OK);
    eff_json_field_str(&w, "version", EFF_STR(EFF_VERSION));
    return eff_cli_json_end(cli, &w, EFF_EXIT_OK);
}

/* A word that is none of those that are offered. */
static int
docs_wrong(struct eff_cli *cli)
{
    struct eff_err err = {0};

    EFF_FAIL(&err, EFF_CONFIG, "`efferent %s` does not know `" EFF_STR_FMT "`", cli->command->name,
             EFF_STR_ARG(cli->options.args[0]));
    eff_err_hint(&err, "It knows: %s.", cli->command->args);
    return eff_cli_fail(cli, &err);
}

/* ---- docs ---- */

static void
docs_codes(struct eff_buf *buf, const struct eff_problem_code *codes)
{
    for (size_t i = 0; codes[i].code; i++)
        eff_buf_addf(buf, "| `%s` | %s |\n", codes[i].code, codes[i].help);
}

static void
docs_problems(struct eff_buf *buf)
{
    eff_buf_add(buf, EFF_STR("# Problems\n\n<!-- Written by `efferent docs problems`. -->\n\n"
                             "## In the project's files and on the command line\n\n"
                             "| code | meaning |\n|---|---|\n"));
    docs_codes(buf, eff_problem_codes);
    eff_buf_add(buf, EFF_STR("| `EFF1301` | The command line, or the folder it was called in. |\n"
                             "| `EFF1302` | The command could not be carried out. |\n\n"
                             "## In a run\n\n| code | meaning |\n|---|---|\n"));
    docs_codes(buf, eff_run_problem_codes);
}

/* `docs connector NAME` */
static int
docs_connector(struct eff_cli *cli, struct eff_buf *buf)
{
    const struct eff_kind_desc *kind;
    int code;

    if (!eff_cli_kinds(cli, &code))
        return code;
    kind = eff_cli_dest_kind(cli, cli->options.args[1], &code);
    if (!kind)
        return code;
    eff_cli_page(cli, kind, buf);
    return eff_cli_page_end(cli, buf);
}

int
eff_cli_cmd_docs(struct eff_cli *cli)
{
    eff_str page = cli->options.args[0];
    struct eff_buf buf = {0};
    struct eff_schema_kinds kinds;
    int code;

    if (cli->options.args_count == 2)
        return eff_str_is(page, "connector") ? docs_connector(cli, &buf) : docs_wrong(cli);
    if (eff_str_is(page, "cli")) {
        eff_cli_reference(&buf);
        return eff_cli_page_end(cli, &buf);
    }
    if (eff_str_is(page, "problems")) {
        docs_problems(&buf);
        return eff_cli_page_end(cli, &buf);
    }
    if (!eff_str_is(page, "reference") && !eff_str_is(page, "schema") &&
        !eff_str_is(page, "connectors"))
        return docs_wrong(cli);
    if (!eff_cli_kinds(cli, &code))
        return code;
    if (eff_str_is(page, "connectors")) {
        eff_cli_matrix(cli, &buf);
        return eff_cli_page_end(cli, &buf);
    }
    kinds = (struct eff_schema_kinds){cli->source_kinds_count, cli->source_kinds,
                                      cli->dest_kinds_count, cli->dest_kinds};
    if (eff_str_is(page, "schema"))
        eff_schema_write(&buf, &kinds);
    else
        eff_schema_reference(&buf, &kinds);
    if (eff_str_is(page, "reference")) {
        eff_buf_add_char(&buf, '\n');
        eff_cli_matrix(cli, &buf);
    }
    return eff_cli_page_end(cli, &buf);
}

int
eff_cli_cmd_completion(struct eff_cli *cli)
{
    struct eff_buf buf = {0};

    if (!eff_cli_completion(&buf, cli->options.args[0]))
        return docs_wrong(cli);
    return eff_cli_page_end(cli, &buf);
}

/* ---- sandbox ---- */

static enum eff_fault
docs_faults(struct eff_cli *cli, eff_str *ret_text, struct eff_err *err)
{
    const char *path;
    enum eff_fault fault;

    if (!cli->options.faults.ptr)
        return EFF_OK;
    path = eff_str_c(&cli->arena, cli->options.faults);
    fault = eff_os_read_file(cli->os, path, DOCS_FILE_MAX, &cli->arena, ret_text, err);
    if (fault != EFF_OK)
        err->fault = EFF_CONFIG;
    return fault;
}

int
eff_cli_cmd_sandbox(struct eff_cli *cli)
{
    const struct eff_cli_options *o = &cli->options;
    struct eff_cli_sandbox request = {
        .vendors_count = o->args_count,
        .vendors = o->args,
        .port = (unsigned)o->port,
        .seed = (uint64_t)o->seed,
        .data = o->data.ptr ? eff_str_c(&cli->arena, o->data) : NULL,
        .out = STDOUT_FILENO,
    };
    struct eff_err err = {0};
    int code;

    if (eff_cli_json(cli)) {
        EFF_FAIL(&err, EFF_CONFIG,
                 "`efferent sandbox` serves until it is stopped, and has no document");
        eff_err_hint(&err, "It prints a line for each stand-in: its name and its address.");
        return eff_cli_fail(cli, &err);
    }
    if (!eff_cli_world(cli, &code))
        return code;
    if (docs_faults(cli, &request.faults, &err) != EFF_OK ||
        cli->hooks->sandbox(&request, &err) != EFF_OK)
        return eff_cli_fail(cli, &err);
    return EFF_EXIT_OK;
}
