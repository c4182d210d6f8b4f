/*
 * cli/cmd_verbs: status, rows, retry, approve, reset, forget.
 *
 * What run/ tells comes as JSON: the document as it is, or laid out for a person.
 */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "cli/print.h"

#define VERBS_ROWS 50 /* as many open rows as a person reads at once */

/* ---- documents ---- */

/* {"format": 1, ..., "result": <json>} */
static int
verbs_document(struct eff_cli *cli, eff_str json, int exit_code)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    eff_cli_json_begin(cli, &w, exit_code);
    eff_json_key(&w, EFF_STR("result"));
    eff_json_write_raw(&w, json);
    return eff_cli_json_end(cli, &w, exit_code);
}

static uint64_t
verbs_int(const struct eff_json *json, const char *pointer)
{
    int64_t value = 0;

    return eff_json_int(eff_json_pointer(json, eff_str_of(pointer)), &value) && value > 0
               ? (uint64_t)value
               : 0;
}

static eff_str
verbs_str(const struct eff_json *json, const char *pointer)
{
    return eff_json_str(eff_json_pointer(json, eff_str_of(pointer)));
}

static bool
verbs_parse(struct eff_cli *cli, struct eff_buf *buf, const struct eff_json **ret_json,
            int *ret_code)
{
    struct eff_err err = {0};
    eff_str text = eff_str_copy(&cli->arena, eff_buf_str(buf));

    eff_buf_free(buf);
    if (eff_json_parse(text, &cli->arena, ret_json, &err) == EFF_OK)
        return true;
    err.fault = EFF_BROKEN;
    *ret_code = eff_cli_fail(cli, &err);
    return false;
}

/* "3 min 20 s ago", from an ISO time. */
/* False when there is no time. */
static bool
verbs_since(eff_str time, double *ret_seconds)
{
    struct eff_civil civil;
    struct timespec now;

    if (!eff_time_parse(time, &civil))
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    *ret_seconds = (double)now.tv_sec - (double)eff_micros_from_civil(&civil) / 1e6;
    return true;
}

static eff_str
verbs_ago(struct eff_cli *cli, eff_str time)
{
    double seconds;

    if (!verbs_since(time, &seconds))
        return EFF_STR("never");
    if (seconds < 1)
        return EFF_STR("just now");
    if (seconds < 10)
        return eff_str_printf(&cli->arena, "%.0f s ago", seconds);
    return eff_str_printf(&cli->arena, EFF_STR_FMT " ago",
                          EFF_STR_ARG(eff_term_seconds(&cli->arena, seconds)));
}

/* ---- status ---- */

struct verbs_line {
    eff_str sync, last, rows, open;
    const char *state;
    enum eff_style style;
};

static eff_str
verbs_open_rows(struct eff_cli *cli, const struct eff_json *status)
{
    static const char *const states[] = {"rejected", "held", "invalid", "pending"};
    eff_str text = EFF_STR("");

    for (size_t i = 0; i < 4; i++) {
        char pointer[32];
        uint64_t count;
        eff_str number;

        snprintf(pointer, sizeof pointer, "/open/%s", states[i]);
        count = verbs_int(status, pointer);
        number = eff_term_count(&cli->arena, count);
        if (count > 0)
            text =
                eff_str_printf(&cli->arena, EFF_STR_FMT "%s" EFF_STR_FMT " %s", EFF_STR_ARG(text),
                               text.len > 0 ? ", " : "", EFF_STR_ARG(number), states[i]);
    }
    return text;
}

static void
verbs_judge(const struct eff_json *status, struct verbs_line *line)
{
    eff_str last = verbs_str(status, "/last_run/report/status");

    line->style = EFF_YELLOW;
    if (eff_json_bool(eff_json_get(status, EFF_STR("running")))) {
        line->state = "running";
        line->style = EFF_CYAN;
    } else if (eff_json_get(status, EFF_STR("open_run"))) {
        line->state = "interrupted";
    } else if (!eff_json_bool(eff_json_get(status, EFF_STR("enabled")))) {
        line->state = "off";
        line->style = EFF_DIM;
    } else if (!eff_json_get(status, EFF_STR("last_run"))) {
        line->state = "new";
        line->style = EFF_DIM;
    } else if (eff_str_is(last, "failed")) {
        line->state = "failed";
        line->style = EFF_RED;
    } else if (verbs_int(status, "/open/held") > 0 || eff_str_is(last, "held")) {
        line->state = "held";
    } else if (line->open.len > 0) {
        line->state = "rejected";
    } else {
        line->state = "ok";
        line->style = EFF_GREEN;
    }
}

static struct verbs_line
verbs_line_of(struct eff_cli *cli, const struct eff_json *status)
{
    struct verbs_line line = {
        .sync = verbs_str(status, "/sync"),
        .last = verbs_ago(cli, verbs_str(status, "/last_run/ended")),
        .rows = eff_term_count(&cli->arena, verbs_int(status, "/rows")),
        .open = verbs_open_rows(cli, status),
    };

    verbs_judge(status, &line);
    return line;
}

static size_t
verbs_wider(size_t width, eff_str text)
{
    size_t columns = eff_term_columns(text);

    return columns > width ? columns : width;
}

static void
verbs_table(struct eff_cli *cli, const struct verbs_line *lines, size_t count)
{
    struct eff_term *term = &cli->out;
    size_t sync = 4, state = 5, last = 8, rows = 4;

    for (size_t i = 0; i < count; i++) {
        sync = verbs_wider(sync, lines[i].sync);
        state = verbs_wider(state, eff_str_of(lines[i].state));
        last = verbs_wider(last, lines[i].last);
        rows = verbs_wider(rows, lines[i].rows);
    }
    eff_term_cell(term, EFF_DIM, EFF_STR("sync"), sync + 2, false);
    eff_term_cell(term, EFF_DIM, EFF_STR("state"), state + 2, false);
    eff_term_cell(term, EFF_DIM, EFF_STR("last run"), last + 2, false);
    eff_term_cell(term, EFF_DIM, EFF_STR("rows"), rows, true);
    eff_term_add(term, EFF_DIM, EFF_STR("  open\n"));
    for (size_t i = 0; i < count; i++) {
        eff_term_cell(term, EFF_BOLD, lines[i].sync, sync + 2, false);
        eff_term_cell(term, lines[i].style, eff_str_of(lines[i].state), state + 2, false);
        eff_term_cell(term, EFF_PLAIN, lines[i].last, last + 2, false);
        eff_term_cell(term, EFF_PLAIN, lines[i].rows, rows, true);
        if (lines[i].open.len > 0)
            eff_term_addf(term, EFF_YELLOW, "  " EFF_STR_FMT, EFF_STR_ARG(lines[i].open));
        eff_term_line(term);
    }
}

static int
verbs_status_text(struct eff_cli *cli, struct eff_buf *list)
{
    const struct eff_json *json, *status;
    struct eff_json_iter iter;
    struct verbs_line *lines;
    size_t count = 0;
    int code;

    if (!verbs_parse(cli, list, &json, &code))
        return code;
    iter = eff_json_iterate(json);
    lines = eff_new(&cli->arena, struct verbs_line, iter.left);
    while (eff_json_next(&iter, NULL, &status))
        lines[count++] = verbs_line_of(cli, status);
    verbs_table(cli, lines, count);
    return eff_cli_print(cli, list, EFF_EXIT_OK);
}

static bool
verbs_status_list(struct eff_cli *cli, struct eff_json_writer *w, int *ret_code)
{
    struct eff_err err = {0};

    eff_json_begin_array(w);
    for (size_t i = 0; i < cli->project->syncs_count; i++) {
        if (!cli->chosen[i])
            continue;
        if (eff_run_status(cli->project, &cli->project->syncs[i], cli->os, &cli->arena, w, &err) !=
            EFF_OK) {
            eff_buf_free(w->buf);
            *ret_code = eff_cli_fail(cli, &err);
            return false;
        }
    }
    eff_json_end_array(w);
    return true;
}

int
eff_cli_cmd_status(struct eff_cli *cli)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    int code;

    if (!eff_cli_project(cli, &code))
        return code;
    if (cli->options.args_count + cli->options.select.count + cli->options.exclude.count == 0)
        for (size_t i = 0; i < cli->project->syncs_count; i++)
            cli->chosen[i] = true; // what is switched off, too: its records are still over there
    if (!eff_cli_json(cli))
        return verbs_status_list(cli, &w, &code) ? verbs_status_text(cli, &buf) : code;
    eff_cli_json_begin(cli, &w, EFF_EXIT_OK);
    eff_json_key(&w, EFF_STR("syncs"));
    return verbs_status_list(cli, &w, &code) ? eff_cli_json_end(cli, &w, EFF_EXIT_OK) : code;
}

/* ---- rows ---- */

static void
verbs_pair(struct eff_cli *cli, const char *name, eff_str value, enum eff_style style)
{
    if (value.len == 0)
        return;
    eff_term_addf(&cli->out, EFF_DIM, "  %-11s", name);
    eff_term_wrap(&cli->out, style, eff_print_safe(cli, value, 2000), 13, 13);
    eff_term_line(&cli->out);
}

static enum eff_style
verbs_state_style(eff_str state)
{
    if (eff_str_is(state, "delivered"))
        return EFF_GREEN;
    if (eff_str_is(state, "unknown") || eff_str_is(state, "removed"))
        return EFF_DIM;
    return EFF_YELLOW;
}

static void
verbs_open_details(struct eff_cli *cli, const struct eff_json *row)
{
    eff_str code = verbs_str(row, "/code"), message = verbs_str(row, "/message");
    eff_str next = verbs_str(row, "/next_try");
    uint64_t tries = verbs_int(row, "/tries");
    double overdue;

    verbs_pair(cli, "because",
               eff_str_printf(&cli->arena, EFF_STR_FMT "%s" EFF_STR_FMT, EFF_STR_ARG(code),
                              code.len > 0 && message.len > 0 ? ": " : "", EFF_STR_ARG(message)),
               EFF_PLAIN);
    verbs_pair(cli, "field", verbs_str(row, "/field"), EFF_PLAIN);
    verbs_pair(cli, "sent", eff_print_json(cli, eff_json_get(row, EFF_STR("sent"))), EFF_PLAIN);
    verbs_pair(cli, "first seen", verbs_ago(cli, verbs_str(row, "/first_seen")), EFF_PLAIN);
    if (tries > 0)
        verbs_pair(cli, "tried",
                   eff_str_printf(&cli->arena, EFF_STR_FMT ", last " EFF_STR_FMT,
                                  EFF_STR_ARG(eff_term_plural(&cli->arena, tries, "time", "times")),
                                  EFF_STR_ARG(verbs_ago(cli, verbs_str(row, "/last")))),
                   EFF_PLAIN);
    if (verbs_since(next, &overdue) && overdue > -1)
        next = EFF_STR("with the next run");
    verbs_pair(cli, "next try", next, EFF_PLAIN);
}

static void
verbs_history(struct eff_cli *cli, const struct eff_json *json)
{
    struct eff_json_iter iter = eff_json_iterate(eff_json_get(json, EFF_STR("history")));
    const struct eff_json *at, *field;

    while (eff_json_next(&iter, NULL, &at)) {
        struct eff_json_iter fields = eff_json_iterate(eff_json_get(at, EFF_STR("fields")));
        eff_str names = EFF_STR(""), id = verbs_str(at, "/remote_id");

        while (eff_json_next(&fields, NULL, &field))
            names = eff_str_printf(&cli->arena, EFF_STR_FMT "%s" EFF_STR_FMT, EFF_STR_ARG(names),
                                   names.len > 0 ? ", " : "", EFF_STR_ARG(eff_json_str(field)));
        verbs_pair(cli, "sent",
                   eff_str_printf(&cli->arena,
                                  EFF_STR_FMT ": " EFF_STR_FMT ", " EFF_STR_FMT "%s" EFF_STR_FMT
                                              "%s" EFF_STR_FMT,
                                  EFF_STR_ARG(verbs_str(at, "/time")),
                                  EFF_STR_ARG(verbs_str(at, "/operation")),
                                  EFF_STR_ARG(verbs_str(at, "/outcome")), id.len > 0 ? ", id " : "",
                                  EFF_STR_ARG(id), names.len > 0 ? ": " : "", EFF_STR_ARG(names)),
                   EFF_PLAIN);
    }
}

static void
verbs_row_heading(struct eff_cli *cli, eff_str key, eff_str state)
{
    eff_term_add(&cli->out, EFF_BOLD, key);
    eff_term_addf(&cli->out, verbs_state_style(state), "  " EFF_STR_FMT, EFF_STR_ARG(state));
    eff_term_line(&cli->out);
}

static int
verbs_row_text(struct eff_cli *cli, const struct eff_json *json)
{
    const struct eff_json *open = eff_json_get(json, EFF_STR("open"));
    struct eff_buf none = {0};
    eff_str key = eff_print_key(cli, eff_print_json(cli, eff_json_get(json, EFF_STR("key"))));
    eff_str state = verbs_str(json, "/state");

    verbs_row_heading(cli, key, state);
    if (eff_str_is(state, "unknown"))
        verbs_pair(cli, "",
                   EFF_STR("Never delivered, and not in the ledger. `efferent plan` with "
                           "--key tells what would happen to it."),
                   EFF_DIM);
    if (open) {
        verbs_open_details(cli, open);
        if (eff_json_bool(eff_json_get(json, EFF_STR("delivered"))))
            verbs_pair(cli, "", EFF_STR("An earlier state of it is over there."), EFF_DIM);
    }
    verbs_history(cli, json);
    return eff_cli_print(cli, &none, EFF_EXIT_OK);
}

static int
verbs_ledger_text(struct eff_cli *cli, const struct eff_json *json)
{
    struct eff_json_iter iter = eff_json_iterate(eff_json_get(json, EFF_STR("rows")));
    struct eff_buf none = {0};
    eff_str open = verbs_open_rows(cli, json);
    const struct eff_json *row;
    uint64_t shown = 0;

    while (eff_json_next(&iter, NULL, &row)) {
        verbs_row_heading(
            cli, eff_print_key(cli, eff_print_json(cli, eff_json_get(row, EFF_STR("key")))),
            verbs_str(row, "/state"));
        verbs_open_details(cli, row);
        eff_term_line(&cli->out);
        shown++;
    }
    if (open.len == 0)
        eff_term_addf(&cli->out, EFF_GREEN,
                      "No open rows: everything that was sent has arrived.\n");
    else
        eff_term_addf(&cli->out, EFF_BOLD, EFF_STR_FMT "%s\n", EFF_STR_ARG(open),
                      shown == VERBS_ROWS ? "; --limit shows more" : "");
    return eff_cli_print(cli, &none, EFF_EXIT_OK);
}

int
eff_cli_cmd_rows(struct eff_cli *cli)
{
    const struct eff_cli_options *o = &cli->options;
    const struct eff_sync_conf *sync;
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    struct eff_err err = {0};
    const struct eff_json *json;
    uint64_t most = o->limit > 0 ? (uint64_t)o->limit : eff_cli_json(cli) ? 0 : VERBS_ROWS;
    enum eff_fault fault;
    int code;

    if (!eff_cli_project(cli, &code) || !(sync = eff_cli_sync(cli, o->args[0], &code)))
        return code;
    if (o->args_count > 1)
        fault = eff_run_rows(cli->project, sync, cli->os, o->args[1], &cli->arena, &w, &err);
    else
        fault = eff_run_ledger(cli->project, sync, cli->os, most, &cli->arena, &w, &err);
    if (fault != EFF_OK) {
        eff_buf_free(&buf);
        return eff_cli_fail(cli, &err);
    }
    if (eff_cli_json(cli)) {
        code = verbs_document(cli, eff_buf_str(&buf), EFF_EXIT_OK);
        eff_buf_free(&buf);
        return code;
    }
    if (!verbs_parse(cli, &buf, &json, &code))
        return code;
    return o->args_count > 1 ? verbs_row_text(cli, json) : verbs_ledger_text(cli, json);
}

/* ---- what changes something ---- */

static int
verbs_say(struct eff_cli *cli, eff_str sync, const char *name, uint64_t rows, eff_str text)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    if (!eff_cli_json(cli)) {
        eff_term_wrap(&cli->out, EFF_PLAIN, text, 0, 0);
        eff_term_line(&cli->out);
        return eff_cli_print(cli, &buf, EFF_EXIT_OK);
    }
    eff_cli_json_begin(cli, &w, EFF_EXIT_OK);
    eff_json_field_str(&w, "sync", sync);
    if (name)
        eff_json_field_int(&w, name, (int64_t)rows);
    return eff_cli_json_end(cli, &w, EFF_EXIT_OK);
}

int
eff_cli_cmd_retry(struct eff_cli *cli)
{
    const struct eff_sync_conf *sync;
    struct eff_err err = {0};
    uint64_t rows = 0;
    int code;

    if (!eff_cli_project(cli, &code) || !(sync = eff_cli_sync(cli, cli->options.args[0], &code)))
        return code;
    if (eff_run_retry(cli->project, sync, cli->os, &cli->arena, &rows, &err) != EFF_OK)
        return eff_cli_fail(cli, &err);
    return verbs_say(
        cli, sync->name, "rows", rows,
        eff_str_printf(&cli->arena,
                       EFF_STR_FMT " due; `efferent run " EFF_STR_FMT "` tries them again.",
                       EFF_STR_ARG(eff_term_plural(&cli->arena, rows, "row is", "rows are")),
                       EFF_STR_ARG(sync->name)));
}

int
eff_cli_cmd_approve(struct eff_cli *cli)
{
    const struct eff_sync_conf *sync;
    struct eff_err err = {0};
    int code;

    if (!eff_cli_project(cli, &code) || !(sync = eff_cli_sync(cli, cli->options.args[0], &code)))
        return code;
    if (eff_run_approve(cli->project, sync, cli->os, cli->options.args[1], &cli->arena, &err) !=
        EFF_OK)
        return eff_cli_fail(cli, &err);
    return verbs_say(cli, sync->name, NULL, 0,
                     eff_str_printf(&cli->arena,
                                    "Approved, for exactly this plan, for one run within 7 days. "
                                    "`efferent run " EFF_STR_FMT "` releases it.",
                                    EFF_STR_ARG(sync->name)));
}

static int
verbs_reset_refused(struct eff_cli *cli, const struct eff_sync_conf *sync, uint64_t rows)
{
    struct eff_err err = {0};

    EFF_FAIL(&err, EFF_CONFIG,
             "sync " EFF_STR_FMT " would forget that " EFF_STR_FMT
             " delivered, and send everything again",
             EFF_STR_ARG(sync->name),
             EFF_STR_ARG(eff_term_plural(&cli->arena, rows, "row was", "rows were")));
    eff_err_hint(&err, "If that is what you want: efferent reset " EFF_STR_FMT " --yes",
                 EFF_STR_ARG(sync->name));
    return eff_cli_fail(cli, &err);
}

int
eff_cli_cmd_reset(struct eff_cli *cli)
{
    const struct eff_sync_conf *sync;
    struct eff_err err = {0};
    uint64_t rows = 0;
    int code;

    if (!eff_cli_project(cli, &code) || !(sync = eff_cli_sync(cli, cli->options.args[0], &code)))
        return code;
    if (eff_run_reset(cli->project, sync, cli->os, cli->options.yes, &cli->arena, &rows, &err) !=
        EFF_OK)
        return eff_cli_fail(cli, &err);
    if (!cli->options.yes)
        return verbs_reset_refused(cli, sync, rows);
    return verbs_say(
        cli, sync->name, "rows", rows,
        eff_str_printf(&cli->arena, EFF_STR_FMT " forgotten; the next run sends all.",
                       EFF_STR_ARG(eff_term_plural(&cli->arena, rows, "row is", "rows are"))));
}

static int
verbs_forget_text(struct eff_cli *cli, const struct eff_json *receipt)
{
    const struct eff_print_part parts[] = {
        {"in the snapshot", verbs_int(receipt, "/snapshot"), EFF_PLAIN},
        {"in the ledger", verbs_int(receipt, "/ledger"), EFF_PLAIN},
        {"in the history", verbs_int(receipt, "/history"), EFF_PLAIN},
    };
    struct eff_buf none = {0};
    bool erased = eff_json_bool(eff_json_get(receipt, EFF_STR("erased")));
    uint64_t total = parts[0].count + parts[1].count + parts[2].count;

    eff_print_sum(cli, erased ? "erased" : "kept", total, 3, parts);
    verbs_pair(cli, "key hash", verbs_str(receipt, "/key_hash"), EFF_DIM);
    verbs_pair(cli, "signature", verbs_str(receipt, "/signature"), EFF_DIM);
    eff_term_wrap(&cli->out, EFF_PLAIN,
                  erased ? EFF_STR("Its row is passed over from now on. The record at the "
                                   "destination is as it was.")
                         : EFF_STR("Nothing was changed; --yes does it."),
                  0, 0);
    eff_term_line(&cli->out);
    return eff_cli_print(cli, &none, erased ? EFF_EXIT_OK : EFF_EXIT_USAGE);
}

int
eff_cli_cmd_forget(struct eff_cli *cli)
{
    const struct eff_cli_options *o = &cli->options;
    const struct eff_sync_conf *sync;
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    struct eff_err err = {0};
    const struct eff_json *json;
    int code;

    if (!eff_cli_project(cli, &code) || !(sync = eff_cli_sync(cli, o->args[0], &code)))
        return code;
    if (eff_run_forget(cli->project, sync, cli->os, o->args[1], o->yes, &cli->arena, &w, &err) !=
        EFF_OK) {
        eff_buf_free(&buf);
        return eff_cli_fail(cli, &err);
    }
    if (eff_cli_json(cli)) {
        code = verbs_document(cli, eff_buf_str(&buf), o->yes ? EFF_EXIT_OK : EFF_EXIT_USAGE);
        eff_buf_free(&buf);
        return code;
    }
    return verbs_parse(cli, &buf, &json, &code) ? verbs_forget_text(cli, json) : code;
}
