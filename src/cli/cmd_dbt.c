/*
 * cli/cmd_dbt: what goes to dbt, and what a change of its models would break here.
 */
#include <stdlib.h>

#include "cli/cli.h"
#include "run/report.h"

static void
dbt_other_syncs(struct eff_cli *cli)
{
    struct eff_problems notes = {.arena = &cli->arena};

    for (size_t i = 0; i < cli->project->syncs_count; i++) {
        const struct eff_sync_conf *sync = &cli->project->syncs[i];
        if (cli->chosen[i] && sync->model_kind != EFF_MODEL_REF)
            eff_problem_add(&notes, sync->model_place, "EFF1405",
                            EFF_STR("Name the model by `model: ref('name')`."),
                            "sync `" EFF_STR_FMT "` reads no model by ref(): it has no exposure",
                            EFF_STR_ARG(sync->name));
    }
    eff_cli_notes(cli, &notes);
}

int
eff_cli_cmd_dbt(struct eff_cli *cli)
{
    struct eff_buf yaml = {0}, buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    struct eff_err err = {0};
    size_t count;
    int code;

    if (!eff_str_is(cli->options.args[0], "exposures")) {
        EFF_FAIL(&err, EFF_CONFIG, "`efferent dbt` does not know `" EFF_STR_FMT "`",
                 EFF_STR_ARG(cli->options.args[0]));
        eff_err_hint(&err, "It knows: exposures.");
        return eff_cli_fail(cli, &err);
    }
    if (!eff_cli_project(cli, &code))
        return code;
    count = eff_dbt_exposures(cli->project, cli->chosen, cli->arena, &yaml);
    dbt_other_syncs(cli);
    if (!eff_cli_json(cli))
        return eff_cli_print(cli, &yaml, EFF_EXIT_OK);
    eff_cli_json_begin(cli, &w, EFF_EXIT_OK);
    eff_json_field_int(&w, "exposures", (int64_t)count);
    eff_json_field_str(&w, "yaml", eff_buf_str(&yaml));
    eff_buf_free(&yaml);
    return eff_cli_json_end(cli, &w, EFF_EXIT_OK);
}

/* The path that was given, from where the command was called. */
static eff_str
dbt_absolute(struct eff_cli *cli, eff_str path)
{
    char *real = realpath(eff_str_c(&cli->arena, path), NULL);

    if (real == NULL)
        return path;
    path = eff_str_copy(&cli->arena, eff_str_of(real));
    free(real);
    return path;
}

int
eff_cli_check_manifest(struct eff_cli *cli)
{
    struct eff_problems problems = {.arena = &cli->arena}, notes = {.arena = &cli->arena};
    struct eff_dbt dbt = eff_cli_dbt(cli, &problems, &notes);
    bool good = eff_dbt_compare(&dbt, cli->chosen, dbt_absolute(cli, cli->options.manifest));
    struct eff_buf buf = {0};

    eff_problems_sort(&problems);
    eff_cli_notes(cli, &notes);
    if (!good) {
        bool unread = strcmp(problems.at[0].code, "EFF1401") == 0;
        return eff_cli_tell_problems(cli, &problems, unread ? EFF_EXIT_USAGE : EFF_EXIT_PARTIAL);
    }
    if (eff_cli_json(cli))
        eff_reports_write(&buf, "check", NULL, 0, eff_cli_seconds(cli), 0);
    else
        eff_term_addf(&cli->out, EFF_GREEN, "The manifest has all that the syncs use.\n");
    return eff_cli_print(cli, &buf, EFF_EXIT_OK);
}
