/*
 * cli/cmd_state: state export, import, check and purge.
 */
#include "cli/print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "os/moment.h"
#include "run/verbs_state.h"

/* ---- documents ---- */

static void
state_begin(struct eff_cli *cli, struct eff_json_writer *w, const char *verb, int exit_code)
{
    eff_cli_json_begin(cli, w, exit_code);
    eff_json_field_str(w, "verb", eff_str_of(verb));
}

static int
state_say(struct eff_cli *cli, eff_str text)
{
    struct eff_buf none = {0};

    eff_term_wrap(&cli->out, EFF_PLAIN, text, 0, 0);
    eff_term_line(&cli->out);
    return eff_cli_print(cli, &none, EFF_EXIT_OK);
}

static int
state_misused(struct eff_cli *cli, const char *usage)
{
    struct eff_err err = {0};

    EFF_FAIL(&err, EFF_CONFIG, "`efferent state` wants %s", usage);
    eff_err_hint(&err, "`efferent state --help` explains it.");
    return eff_cli_fail(cli, &err);
}

static eff_str
state_time(struct eff_cli *cli, int64_t when_ms)
{
    char text[EFF_TIME_TEXT_MAX];
    size_t len = eff_datetime_text(when_ms / 1000 * 1000000, 0, true, text);

    return eff_str_copy(&cli->arena, (eff_str){text, len});
}

/* As it is below its real parent: the folder itself need not be there yet. */
static const char *
state_folder(struct eff_cli *cli, eff_str name)
{
    char *given = eff_str_c(&cli->arena, name), *real = realpath(given, NULL), *slash;
    const char *path;
    size_t len = strlen(given);

    while (!real && len > 1 && given[len - 1] == '/')
        given[--len] = '\0';
    slash = strrchr(given, '/');
    if (real) {
        path = eff_str_c(&cli->arena, eff_str_of(real));
    } else {
        if (slash)
            *slash = '\0';
        real = realpath(slash == given ? "/" : slash ? given : ".", NULL);
        path = real ? eff_str_printf(&cli->arena, "%s/%s", real, slash ? slash + 1 : given).ptr
                    : eff_str_c(&cli->arena, name);
    }
    free(real);
    return path;
}

/* ---- export and import ---- */

static int
state_exported(struct eff_cli *cli, const char *verb, const char *folder,
               const struct eff_export *export)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    uint64_t rows = 0, bytes = export->control.bytes, files = 1;

    for (size_t i = 0; i < export->syncs_count; i++) {
        rows += export->syncs[i].rows;
        files += export->syncs[i].files_count;
        for (size_t k = 0; k < export->syncs[i].files_count; k++)
            bytes += export->syncs[i].files[k].bytes;
    }
    if (eff_cli_json(cli)) {
        state_begin(cli, &w, verb, EFF_EXIT_OK);
        eff_json_field_str(&w, "folder", eff_str_of(folder));
        eff_json_field_str(&w, "when", state_time(cli, export->when_ms));
        eff_json_field_int(&w, "syncs", (int64_t) export->syncs_count);
        eff_json_field_int(&w, "rows", (int64_t)rows);
        eff_json_field_int(&w, "files", (int64_t)files);
        eff_json_field_int(&w, "bytes", (int64_t)bytes);
        return eff_cli_json_end(cli, &w, EFF_EXIT_OK);
    }
    eff_term_addf(&cli->out, EFF_PLAIN,
                  "%s " EFF_STR_FMT ", " EFF_STR_FMT " known to be delivered, " EFF_STR_FMT
                  ", as of " EFF_STR_FMT ".\n",
                  verb[0] == 'e' ? "Exported" : "Imported",
                  EFF_STR_ARG(eff_term_plural(&cli->arena, export->syncs_count, "sync", "syncs")),
                  EFF_STR_ARG(eff_term_plural(&cli->arena, rows, "row", "rows")),
                  EFF_STR_ARG(eff_term_bytes(&cli->arena, bytes)),
                  EFF_STR_ARG(state_time(cli, export->when_ms)));
    return EFF_EXIT_OK;
}

static int
state_export(struct eff_cli *cli, eff_str name)
{
    const char *folder = state_folder(cli, name);
    struct eff_err err = {0};
    struct eff_export export;

    if (eff_run_state_export(cli->project, cli->os, folder, EFF_STR(EFF_VERSION), EFF_STATE_WAIT_MS,
                             &cli->arena, &export, &err) != EFF_OK)
        return eff_cli_fail(cli, &err);
    state_exported(cli, "export", folder, &export);
    if (eff_cli_json(cli))
        return EFF_EXIT_OK;
    return state_say(cli,
                     EFF_STR("It holds what the state holds, secrets of fingerprints too: keep "
                             "it like that."));
}

static int
state_import(struct eff_cli *cli, eff_str name)
{
    const char *folder = state_folder(cli, name);
    struct eff_err err = {0};
    struct eff_export export;

    if (eff_run_state_import(cli->project, cli->os, folder, &cli->arena, &export, &err) != EFF_OK)
        return eff_cli_fail(cli, &err);
    state_exported(cli, "import", folder, &export);
    if (eff_cli_json(cli))
        return EFF_EXIT_OK;
    return state_say(cli, EFF_STR("Rows delivered since then will be sent again, which is harmless "
                                  "for upserts; rows removed since then cannot be known."));
}

/* ---- check ---- */

static void
state_write_part(struct eff_json_writer *w, const struct eff_state_checked *part)
{
    eff_json_begin_object(w);
    if (part->sync.ptr) {
        eff_json_field_str(w, "sync", part->sync);
        eff_json_field_int(w, "generation", (int64_t)part->generation);
        eff_json_field_int(w, "rows", (int64_t)part->rows);
        eff_json_key(w, EFF_STR("open_run"));
        eff_json_write_bool(w, part->open_run);
    } else {
        eff_json_field_str(w, "file", EFF_STR(EFF_EXPORT_CONTROL));
    }
    eff_json_field_int(w, "files", (int64_t)part->files);
    eff_json_field_int(w, "bytes", (int64_t)part->bytes);
    eff_json_field_int(w, "damages", (int64_t)part->damages);
    eff_json_field_int(w, "notes", (int64_t)part->notes);
    eff_json_key(w, EFF_STR("findings"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < part->findings_count; i++) {
        eff_json_begin_object(w);
        eff_json_key(w, EFF_STR("damaged"));
        eff_json_write_bool(w, part->findings[i].damaged);
        eff_json_field_str(w, "file", part->findings[i].file);
        eff_json_field_str(w, "message", part->findings[i].message);
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
    eff_json_end_object(w);
}

static int
state_check_json(struct eff_cli *cli, const char *folder, const struct eff_state_report *report,
                 int exit_code)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    state_begin(cli, &w, "check", exit_code);
    eff_json_field_str(&w, "folder", eff_str_of(folder));
    eff_json_key(&w, EFF_STR("exists"));
    eff_json_write_bool(&w, report->exists);
    eff_json_key(&w, EFF_STR("export"));
    eff_json_write_bool(&w, report->export);
    eff_json_field_int(&w, "damages", (int64_t)report->damages);
    eff_json_key(&w, EFF_STR("parts"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < report->count; i++)
        state_write_part(&w, &report->parts[i]);
    eff_json_end_array(&w);
    return eff_cli_json_end(cli, &w, exit_code);
}

static eff_str
state_part_name(const struct eff_state_checked *part)
{
    return part->sync.ptr ? part->sync : EFF_STR(EFF_EXPORT_CONTROL);
}

static void
state_check_part(struct eff_cli *cli, const struct eff_state_checked *part, size_t width)
{
    struct eff_term *term = &cli->out;
    bool bad = part->damages > 0;

    eff_term_cell(term, EFF_BOLD, state_part_name(part), width + 2, false);
    eff_term_cell(term, bad ? EFF_RED : EFF_GREEN, bad ? EFF_STR("damaged") : EFF_STR("ok"), 9,
                  false);
    eff_term_cell(term, EFF_PLAIN,
                  part->sync.ptr ? eff_term_count(&cli->arena, part->rows) : EFF_STR(""), 12, true);
    eff_term_cell(term, EFF_PLAIN, eff_term_bytes(&cli->arena, part->bytes), 11, true);
    eff_term_add(term, EFF_YELLOW, part->open_run ? EFF_STR("  a run is open") : EFF_STR(""));
    eff_term_line(term);
    for (size_t i = 0; i < part->findings_count; i++) {
        const struct eff_state_finding *finding = &part->findings[i];
        eff_str text = eff_str_printf(&cli->arena, EFF_STR_FMT ": " EFF_STR_FMT,
                                      EFF_STR_ARG(finding->file), EFF_STR_ARG(finding->message));

        eff_term_add(term, EFF_PLAIN, EFF_STR("  "));
        eff_term_wrap(term, finding->damaged ? EFF_RED : EFF_DIM, eff_print_safe(cli, text, 700), 2,
                      4);
        eff_term_line(term);
    }
}

static void
state_check_table(struct eff_cli *cli, const struct eff_state_report *report)
{
    struct eff_term *term = &cli->out;
    size_t width = 0;

    for (size_t i = 0; i < report->count; i++) {
        size_t columns = eff_term_columns(state_part_name(&report->parts[i]));

        width = columns > width ? columns : width;
    }
    eff_term_cell(term, EFF_DIM, EFF_STR("part"), width + 2, false);
    eff_term_cell(term, EFF_DIM, EFF_STR("state"), 9, false);
    eff_term_cell(term, EFF_DIM, EFF_STR("rows"), 12, true);
    eff_term_cell(term, EFF_DIM, EFF_STR("size"), 11, true);
    eff_term_line(term);
    for (size_t i = 0; i < report->count; i++)
        state_check_part(cli, &report->parts[i], width);
}

static int
state_check_text(struct eff_cli *cli, const char *folder, const struct eff_state_report *report,
                 int exit_code)
{
    struct eff_buf none = {0};

    if (!report->exists) {
        eff_term_addf(&cli->out, EFF_PLAIN, "There is no state in %s yet.\n", folder);
        return eff_cli_print(cli, &none, exit_code);
    }
    state_check_table(cli, report);
    if (report->damages == 0)
        eff_term_addf(&cli->out, EFF_GREEN, "%s is whole.\n",
                      report->export ? "The export" : "The state");
    else
        eff_term_wrap(&cli->out, EFF_RED,
                      report->export ? EFF_STR("This export cannot be relied on: export again, or "
                                               "take another copy.")
                                     : EFF_STR("Put the folder back from a backup or an export. "
                                               "What cannot be put back: `efferent reset SYNC`, "
                                               "and the next run sends everything."),
                      0, 0);
    if (report->damages > 0)
        eff_term_line(&cli->out);
    return eff_cli_print(cli, &none, exit_code);
}

static int
state_check(struct eff_cli *cli, eff_str name)
{
    const char *folder =
        name.ptr ? state_folder(cli, name) : eff_str_c(&cli->arena, cli->project->state);
    struct eff_state_report report;
    struct eff_err err = {0};
    int exit_code;

    if (name.ptr && !cli->os->exists(cli->os->self, folder)) {
        EFF_FAIL(&err, EFF_CONFIG, "there is no folder %s", folder);
        return eff_cli_fail(cli, &err);
    }
    if (eff_run_state_check(folder, cli->os, &cli->arena, &report, &err) != EFF_OK)
        return eff_cli_fail(cli, &err);
    exit_code = report.damages > 0 ? EFF_EXIT_FAILED : EFF_EXIT_OK;
    return eff_cli_json(cli) ? state_check_json(cli, folder, &report, exit_code)
                             : state_check_text(cli, folder, &report, exit_code);
}

/* ---- purge ---- */

static eff_str
state_purge_what(struct eff_cli *cli, const struct eff_state_purge *purge)
{
    eff_str rows = purge->unreadable
                       ? EFF_STR("a snapshot that cannot be read")
                       : eff_term_plural(&cli->arena, purge->rows, "row that was delivered",
                                         "rows that were delivered");

    return eff_str_printf(
        &cli->arena, EFF_STR_FMT ", " EFF_STR_FMT ", " EFF_STR_FMT "%s", EFF_STR_ARG(rows),
        EFF_STR_ARG(eff_term_plural(&cli->arena, purge->open_rows, "open row", "open rows")),
        EFF_STR_ARG(eff_term_plural(&cli->arena, purge->files, "file", "files")),
        purge->open_run ? ", and a run that was not finished" : "");
}

static int
state_purge(struct eff_cli *cli, eff_str sync)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    struct eff_state_purge purge;
    struct eff_err err = {0};

    if (eff_run_state_purge(cli->project, cli->os, sync, cli->options.yes, &cli->arena, &purge,
                            &err) != EFF_OK)
        return eff_cli_fail(cli, &err);
    if (!cli->options.yes) {
        EFF_FAIL(&err, EFF_CONFIG, "sync " EFF_STR_FMT " would be forgotten: " EFF_STR_FMT,
                 EFF_STR_ARG(sync), EFF_STR_ARG(state_purge_what(cli, &purge)));
        eff_err_hint(&err, "If that is what you want: efferent state purge " EFF_STR_FMT " --yes",
                     EFF_STR_ARG(sync));
        return eff_cli_fail(cli, &err);
    }
    if (!eff_cli_json(cli))
        return state_say(cli, eff_str_printf(&cli->arena, "Forgotten: " EFF_STR_FMT ".",
                                             EFF_STR_ARG(state_purge_what(cli, &purge))));
    state_begin(cli, &w, "purge", EFF_EXIT_OK);
    eff_json_field_str(&w, "sync", sync);
    eff_json_field_int(&w, "rows", (int64_t)purge.rows);
    eff_json_field_int(&w, "open_rows", (int64_t)purge.open_rows);
    eff_json_field_int(&w, "files", (int64_t)purge.files);
    return eff_cli_json_end(cli, &w, EFF_EXIT_OK);
}

/* ---- the command ---- */

/* Damage in a project's files is no reason not to look into its state: check FOLDER needs none. */
int
eff_cli_cmd_state(struct eff_cli *cli)
{
    const struct eff_cli_options *o = &cli->options;
    eff_str verb = o->args[0], what = o->args_count > 1 ? o->args[1] : EFF_STR_NONE;
    int code;

    if (eff_str_is(verb, "check") && what.ptr)
        return eff_cli_world(cli, &code) ? state_check(cli, what) : code;
    if (!eff_str_is(verb, "export") && !eff_str_is(verb, "import") && !eff_str_is(verb, "check") &&
        !eff_str_is(verb, "purge"))
        return state_misused(cli, "export FOLDER, import FOLDER, check or purge SYNC");
    if (!eff_str_is(verb, "check") && what.len == 0)
        return state_misused(cli,
                             eff_str_is(verb, "purge") ? "purge SYNC" : "the name of a folder");
    if (!eff_cli_project(cli, &code))
        return code;
    if (eff_str_is(verb, "export"))
        return state_export(cli, what);
    if (eff_str_is(verb, "import"))
        return state_import(cli, what);
    return eff_str_is(verb, "purge") ? state_purge(cli, what) : state_check(cli, what);
}

void
eff_cli_state_of_plan(struct eff_cli *cli, eff_str folder)
{
    const char *path = eff_str_c(&cli->arena, folder);
    struct eff_err ignored = {0};
    struct eff_export export;

    if (eff_export_read(cli->os, path, &cli->arena, &export, &ignored) != EFF_OK)
        return;
    eff_term_addf(&cli->out, EFF_DIM, "Compared with the export of " EFF_STR_FMT " in %s\n\n",
                  EFF_STR_ARG(state_time(cli, export.when_ms)), path);
}
