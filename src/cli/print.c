/*
 * cli/print: one block per sync, in which every number is the sum of those beside it.
 */
#include "cli/print.h"

#include <stdio.h>

#define PRINT_LABEL   11 /* columns of a label, with the two blanks before it */
#define PRINT_NUMBER  11 /* right end of the numbers: "1,234,567,890" is rare */
#define PRINT_INDENT  (PRINT_LABEL + PRINT_NUMBER + 3)
#define PRINT_PROBLEM 11
#define PRINT_VALUE   48 /* columns of one value of a sample, where there is room */
#define PRINT_CONTEXT 8  /* bytes before the first that differs */

eff_str
eff_print_safe(struct eff_cli *cli, eff_str text, size_t max)
{
    return eff_str_printable(&cli->arena, eff_redact(&cli->redact, &cli->arena, text), max);
}

enum eff_style
eff_print_status_style(enum eff_status status)
{
    switch (status) {
    case EFF_STATUS_OK:
        return EFF_GREEN;
    case EFF_STATUS_FAILED:
        return EFF_RED;
    case EFF_STATUS_SKIPPED:
        return EFF_DIM;
    default:
        return EFF_YELLOW;
    }
}

/* ---- sums ---- */

static void
print_label(struct eff_cli *cli, const char *label, uint64_t number)
{
    struct eff_term *term = &cli->out;
    eff_str text = eff_term_count(&cli->arena, number);

    eff_term_addf(term, EFF_DIM, "  %s", label);
    eff_term_pad(term, 2 + strlen(label), PRINT_LABEL);
    eff_term_pad(term, text.len, PRINT_NUMBER);
    eff_term_add(term, EFF_BOLD, text);
}

void
eff_print_sum(struct eff_cli *cli, const char *label, uint64_t total, size_t count,
              const struct eff_print_part *parts)
{
    struct eff_term *term = &cli->out;
    size_t column = PRINT_INDENT - 3;
    const char *sign = " = ";

    print_label(cli, label, total);
    for (size_t i = 0; i < count; i++) {
        eff_str text;

        if (parts[i].count == 0)
            continue;
        text = eff_term_count(&cli->arena, parts[i].count);
        text = eff_str_printf(&cli->arena, EFF_STR_FMT " %s", EFF_STR_ARG(text), parts[i].name);
        if (column + 3 + text.len > term->width && column > PRINT_INDENT) {
            eff_term_line(term);
            eff_term_pad(term, 0, PRINT_INDENT - 3);
            column = PRINT_INDENT - 3;
        }
        eff_term_add(term, EFF_DIM, eff_str_of(sign));
        eff_term_add(term, parts[i].style, text);
        column += 3 + text.len;
        sign = " + ";
    }
    eff_term_line(term);
}

#define PRINT_SUM(cli, label, total, parts)                                                        \
    eff_print_sum((cli), (label), (total), sizeof(parts) / sizeof *(parts), (parts))

static void
print_looked(struct eff_cli *cli, const struct eff_report *r)
{
    bool adopt = strcmp(r->verb, "adopt") == 0;
    const struct eff_print_part parts[] = {
        {adopt ? "there as they should be" : "as delivered", r->unchanged, EFF_GREEN},
        {"with other values", r->changed, EFF_YELLOW},
        {"not there", r->added, EFF_YELLOW},
        {"invalid", r->invalid, EFF_YELLOW},
    };

    PRINT_SUM(cli, "looked at", r->read, parts);
}

static void
print_read(struct eff_cli *cli, const struct eff_report *r)
{
    const struct eff_print_part parts[] = {
        {"unchanged", r->unchanged, EFF_PLAIN},
        {"added", r->added, EFF_PLAIN},
        {"changed", r->changed, EFF_PLAIN},
        {"invalid", r->invalid, EFF_YELLOW},
    };

    PRINT_SUM(cli, "read", r->read, parts);
    if (r->gone > 0) {
        print_label(cli, "gone", r->gone);
        eff_term_add(&cli->out, EFF_DIM, EFF_STR("   left the model, kept over there\n"));
    }
    if (r->forgotten > 0) {
        print_label(cli, "forgotten", r->forgotten);
        eff_term_add(&cli->out, EFF_DIM, EFF_STR("   kept out\n"));
    }
}

static void
print_scanned(struct eff_cli *cli, const struct eff_report *r)
{
    eff_str bytes = eff_term_bytes(&cli->arena, r->bytes_scanned);

    if (!r->has_scanned)
        return;
    eff_term_add(&cli->out, EFF_DIM, EFF_STR("  scans"));
    eff_term_pad(&cli->out, 7, PRINT_LABEL);
    eff_term_pad(&cli->out, bytes.len, PRINT_NUMBER);
    eff_term_add(&cli->out, EFF_BOLD, bytes);
    eff_term_add(&cli->out, EFF_DIM, EFF_STR("   in the warehouse, which bills for it\n"));
}

static void
print_planned(struct eff_cli *cli, const struct eff_report *r)
{
    const struct eff_print_part parts[] = {
        {"added", r->added, EFF_PLAIN},
        {"changed", r->changed, EFF_PLAIN},
        {"removed", r->removed, EFF_PLAIN},
    };

    if (r->planned > 0)
        PRINT_SUM(cli, "planned", r->planned, parts);
}

static void
print_settled(struct eff_cli *cli, const char *label, const struct eff_counts *c)
{
    const struct eff_print_part parts[] = {
        {"delivered", c->delivered, EFF_GREEN}, {"superseded", c->superseded, EFF_PLAIN},
        {"rejected", c->rejected, EFF_YELLOW},  {"held", c->held, EFF_YELLOW},
        {"pending", c->pending, EFF_YELLOW},
    };

    if (c->planned > 0)
        PRINT_SUM(cli, label, c->planned, parts);
}

static void
print_also(struct eff_cli *cli, eff_str *text, uint64_t count, const char *one, const char *many)
{
    eff_str more;

    if (count == 0)
        return;
    more = eff_term_plural(&cli->arena, count, one, many);
    *text = eff_str_printf(&cli->arena, EFF_STR_FMT "%s" EFF_STR_FMT, EFF_STR_ARG(*text),
                           text->len > 0 ? ", " : "", EFF_STR_ARG(more));
}

/* Logins, polling again, further looks and second tries come on top. */
static void
print_units(struct eff_cli *cli, const struct eff_report *r)
{
    if (!r->units_name.ptr || r->units == 0)
        return;
    print_label(cli, "units", r->units);
    eff_term_addf(&cli->out, EFF_DIM, "   " EFF_STR_FMT ", at least",
                  EFF_STR_ARG(eff_print_safe(cli, r->units_name, 80)));
    eff_term_line(&cli->out);
}

static void
print_requests(struct eff_cli *cli, const struct eff_report *r)
{
    eff_str also = EFF_STR("");

    if (r->requests == 0) // Looking alone is nothing that a person asks about.
        return;
    print_label(cli, "requests", r->requests);
    if (r->is_plan)
        also = EFF_STR("estimated");
    print_also(cli, &also, r->retries, "retry", "retries");
    print_also(cli, &also, r->throttled, "throttled", "throttled");
    print_also(cli, &also, r->calls_other, "other call", "other calls");
    print_also(cli, &also, r->possible_duplicates, "possible duplicate", "possible duplicates");
    if (r->bytes_sent > 0) {
        eff_str bytes = eff_term_bytes(&cli->arena, r->bytes_sent);

        also = eff_str_printf(&cli->arena, EFF_STR_FMT "%s" EFF_STR_FMT " sent", EFF_STR_ARG(also),
                              also.len > 0 ? ", " : "", EFF_STR_ARG(bytes));
    }
    eff_term_add(&cli->out, EFF_PLAIN, EFF_STR("   "));
    eff_term_wrap(&cli->out, EFF_DIM, also, PRINT_INDENT, PRINT_INDENT);
    eff_term_line(&cli->out);
}

/* ---- problems ---- */

static void
print_problem(struct eff_cli *cli, const struct eff_run_problem *problem, enum eff_style style)
{
    struct eff_term *term = &cli->out;
    eff_str message = eff_print_safe(cli, problem->message, 1000), rows;

    eff_term_addf(term, style, "  %-7s  ", problem->code);
    if (problem->rows > 0 && !(message.len > 0 && message.ptr[0] >= '0' && message.ptr[0] <= '9')) {
        rows = eff_term_plural(&cli->arena, problem->rows, "row", "rows");
        message = eff_str_printf(&cli->arena, EFF_STR_FMT ": " EFF_STR_FMT, EFF_STR_ARG(rows),
                                 EFF_STR_ARG(message));
    }
    eff_term_wrap(term, EFF_PLAIN, message, PRINT_PROBLEM, PRINT_PROBLEM);
    eff_term_line(term);
    if (problem->where.len > 0) {
        eff_term_pad(term, 0, PRINT_PROBLEM);
        eff_term_add(term, EFF_CYAN, eff_print_safe(cli, problem->where, 200));
        eff_term_line(term);
    }
    if (problem->hint.len > 0) {
        eff_term_pad(term, 0, PRINT_PROBLEM);
        eff_term_wrap(term, EFF_DIM, eff_print_safe(cli, problem->hint, 1000), PRINT_PROBLEM,
                      PRINT_PROBLEM);
        eff_term_line(term);
    }
}

static void
print_problems(struct eff_cli *cli, const struct eff_report *r)
{
    enum eff_style style = eff_print_status_style(r->status);

    for (size_t i = 0; i < r->problems_count; i++)
        print_problem(cli, &r->problems[i], style);
}

/* ---- samples ---- */

eff_str
eff_print_json(struct eff_cli *cli, const struct eff_json *value)
{
    struct eff_buf buf = {0};
    eff_str text;

    if (!value)
        return EFF_STR_NONE;
    eff_json_print(&buf, value, false);
    text = eff_str_copy(&cli->arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return text;
}

eff_str
eff_print_key(struct eff_cli *cli, eff_str key_json)
{
    const struct eff_json *json, *value;
    struct eff_err ignored = {0};
    struct eff_json_iter iter;
    eff_str name, text = EFF_STR("");

    if (eff_json_parse(key_json, &cli->arena, &json, &ignored) != EFF_OK ||
        eff_json_type(json) != EFF_JSON_OBJECT)
        return eff_print_safe(cli, key_json, 200);
    iter = eff_json_iterate(json);
    while (eff_json_next(&iter, &name, &value)) {
        eff_str shown = eff_json_str(value);

        if (eff_str_trim(shown).len == 0) // null, "", "  "
            shown = eff_print_json(cli, value);
        text = eff_str_printf(&cli->arena, EFF_STR_FMT "%s" EFF_STR_FMT " " EFF_STR_FMT,
                              EFF_STR_ARG(text), text.len > 0 ? ", " : "", EFF_STR_ARG(name),
                              EFF_STR_ARG(shown));
    }
    return eff_print_safe(cli, text, 200);
}

static size_t
print_value_columns(struct eff_cli *cli)
{
    size_t half = cli->out.width / 2 - 10;

    return half < PRINT_VALUE ? half : PRINT_VALUE;
}

/* Where both values begin to be shown: what differs behind the cut would look the same. */
static size_t
print_from(struct eff_cli *cli, eff_str before, eff_str after)
{
    size_t same = 0;
    eff_str shown;

    while (same < before.len && same < after.len && before.ptr[same] == after.ptr[same])
        same++;
    shown = eff_print_safe(cli, eff_str_sub(before, 0, same), 400);
    if (same < PRINT_CONTEXT || eff_term_columns(shown) + PRINT_CONTEXT <= print_value_columns(cli))
        return 0;
    same -= PRINT_CONTEXT;
    while (same > 0 && ((unsigned char)before.ptr[same] & 0xc0) == 0x80)
        same--;
    return same;
}

static eff_str
print_value(struct eff_cli *cli, eff_str json, size_t from)
{
    eff_str text = eff_print_safe(cli, eff_str_sub(json, from, SIZE_MAX), 400), shown;

    if (!json.ptr)
        return EFF_STR("");
    shown = eff_term_fit(text, print_value_columns(cli));
    return eff_str_printf(&cli->arena, "%s" EFF_STR_FMT "%s", from > 0 ? "..." : "",
                          EFF_STR_ARG(shown), shown.len < text.len ? "..." : "");
}

static void
print_sample_field(struct eff_cli *cli, const struct eff_sample_field *field, bool changed,
                   bool more, size_t *column)
{
    struct eff_term *term = &cli->out;
    eff_str name = eff_print_safe(cli, field->name, 100);
    eff_str before = eff_redact(&cli->redact, &cli->arena, field->before); // before it is cut
    eff_str after = eff_redact(&cli->redact, &cli->arena, field->after);
    size_t from = changed ? print_from(cli, before, after) : 0;
    const char *arrow = !changed ? "" : term->unicode ? "\u2192 " : "-> ";
    size_t columns;

    before = print_value(cli, before, from);
    after = print_value(cli, after, from);
    columns = eff_term_columns(name) + 1 + eff_term_columns(before) + (before.len > 0) +
              (changed ? 3 : 0) + eff_term_columns(after) + 1; /* and a comma */
    if (more) {
        eff_term_add(term, EFF_PLAIN, EFF_STR(","));
        *column += 1;
    }
    if (*column + !more + columns > term->width && *column > 6) {
        eff_term_line(term);
        eff_term_pad(term, 0, 6);
        *column = 6;
    } else {
        eff_term_add(term, EFF_PLAIN, eff_str_of(more ? " " : "  "));
        columns += more ? 1 : 2;
    }
    eff_term_addf(term, EFF_DIM, EFF_STR_FMT " ", EFF_STR_ARG(name));
    if (before.len > 0)
        eff_term_addf(term, EFF_PLAIN, EFF_STR_FMT " ", EFF_STR_ARG(before));
    eff_term_add(term, EFF_DIM, eff_str_of(arrow));
    eff_term_add(term, EFF_PLAIN, after);
    *column += columns;
}

/* Read back from the destination, where it is so already. */
static bool
print_is_same(const struct eff_sample_field *field)
{
    return field->before.ptr && field->after.ptr && eff_str_eq(field->before, field->after);
}

static void
print_sample(struct eff_cli *cli, const struct eff_sample *sample)
{
    struct eff_term *term = &cli->out;
    bool changed = strcmp(sample->change, "change") == 0;
    bool removed = strcmp(sample->change, "remove") == 0;
    enum eff_style style = changed ? EFF_YELLOW : removed ? EFF_RED : EFF_GREEN;
    eff_str key = eff_print_key(cli, sample->key);
    bool some = false;
    size_t column;

    eff_term_addf(term, style, "  %s " EFF_STR_FMT,
                  changed   ? "~"
                  : removed ? "-"
                            : "+",
                  EFF_STR_ARG(key));
    column = 4 + eff_term_columns(key);
    for (size_t i = 0; i < sample->fields_count; i++) {
        if (!print_is_same(&sample->fields[i])) {
            print_sample_field(cli, &sample->fields[i], changed, some, &column);
            some = true;
        }
    }
    eff_term_line(term);
}

/* ---- requests of a plan ---- */

#define PRINT_BODY 2000

static void
print_preview(struct eff_cli *cli, const struct eff_report_request *at)
{
    struct eff_term *term = &cli->out;
    eff_str body = eff_print_safe(
        cli, eff_str_sub(at->body, 0, eff_utf8_prefix(at->body, PRINT_BODY)), 2 * PRINT_BODY);

    eff_term_addf(term, EFF_DIM, "  %s: %s, " EFF_STR_FMT, at->op, at->step,
                  EFF_STR_ARG(eff_term_plural(&cli->arena, at->rows, "row", "rows")));
    if (at->body_bytes > PRINT_BODY)
        eff_term_addf(term, EFF_DIM, "; the first %d of " EFF_STR_FMT, PRINT_BODY,
                      EFF_STR_ARG(eff_term_plural(&cli->arena, at->body_bytes, "byte", "bytes")));
    eff_term_line(term);
    eff_term_addf(term, EFF_PLAIN, "    " EFF_STR_FMT " " EFF_STR_FMT, EFF_STR_ARG(at->method),
                  EFF_STR_ARG(eff_print_safe(cli, at->url, 9000)));
    eff_term_line(term);
    if (body.len == 0)
        return;
    eff_term_addf(term, EFF_PLAIN, "    " EFF_STR_FMT, EFF_STR_ARG(body));
    eff_term_line(term);
}

/* ---- a report ---- */

static void
print_heading(struct eff_cli *cli, const struct eff_report *r)
{
    struct eff_term *term = &cli->out;
    const char *status = eff_status_name(r->status);
    eff_str seconds = eff_term_seconds(&cli->arena, r->seconds);
    size_t column = r->sync.len + 2 + strlen(status) + 2 + seconds.len;

    if (r->verb && r->status == EFF_STATUS_HELD)
        status = "differs";
    else if (r->is_plan && !r->verb && r->status == EFF_STATUS_OK)
        status = r->planned > 0 ? "would change" : "up to date";
    eff_term_add(term, EFF_BOLD, r->sync);
    eff_term_addf(term, eff_print_status_style(r->status), "  %s", status);
    if (r->seconds > 0)
        eff_term_addf(term, EFF_DIM, "  " EFF_STR_FMT, EFF_STR_ARG(seconds));
    if (r->run.ptr && !r->is_plan && column + 8 + r->run.len <= term->width)
        eff_term_addf(term, EFF_DIM, "  run " EFF_STR_FMT, EFF_STR_ARG(r->run));
    eff_term_line(term);
}

static void
print_fields_held(struct eff_cli *cli, const struct eff_report *r)
{
    eff_str text = EFF_STR("");

    if (r->fields_held_count == 0)
        return;
    for (size_t i = 0; i < r->fields_held_count; i++)
        text = eff_str_printf(&cli->arena, EFF_STR_FMT "%s" EFF_STR_FMT, EFF_STR_ARG(text),
                              i > 0 ? ", " : "", EFF_STR_ARG(r->fields_held[i]));
    eff_term_add(&cli->out, EFF_DIM, EFF_STR("  stopped  "));
    eff_term_wrap(&cli->out, EFF_YELLOW, eff_print_safe(cli, text, 1000), PRINT_LABEL, PRINT_LABEL);
    eff_term_line(&cli->out);
}

void
eff_print_check(struct eff_cli *cli, const struct eff_report *r)
{
    eff_term_add(&cli->out, EFF_BOLD, r->sync);
    eff_term_addf(&cli->out, eff_print_status_style(r->status), "  %s", eff_status_name(r->status));
    if (r->has_scanned)
        eff_term_addf(&cli->out, EFF_DIM, "  its model scans " EFF_STR_FMT,
                      EFF_STR_ARG(eff_term_bytes(&cli->arena, r->bytes_scanned)));
    eff_term_line(&cli->out);
    print_fields_held(cli, r);
    print_problems(cli, r);
    if (r->problems_count > 0)
        eff_term_line(&cli->out);
    eff_term_flush(&cli->out);
}

void
eff_print_report(struct eff_cli *cli, const struct eff_report *r)
{
    struct eff_arena before = cli->arena;
    struct eff_counts counts = {r->planned,  r->delivered, r->superseded,
                                r->rejected, r->held,      r->pending};

    print_heading(cli, r);
    if (r->has_resumed)
        print_settled(cli, r->is_plan ? "left over" : "resumed", &r->resumed);
    if (r->verb) {
        print_looked(cli, r);
    } else {
        if (r->read > 0 || r->status == EFF_STATUS_OK)
            print_read(cli, r);
        print_scanned(cli, r);
        print_planned(cli, r);
    }
    if (!r->is_plan)
        print_settled(cli, "settled", &counts);
    print_requests(cli, r);
    print_units(cli, r);
    print_fields_held(cli, r);
    for (size_t i = 0; i < r->samples_count; i++)
        print_sample(cli, &r->samples[i]);
    for (size_t i = 0; i < r->previews_count; i++)
        print_preview(cli, &r->previews[i]);
    print_problems(cli, r);
    eff_term_line(&cli->out);
    cli->arena.used = before.used; // Nothing of it is needed once it is in the buffer.
    eff_term_flush(&cli->out);
}

/* ---- the total ---- */

static void
print_statuses(struct eff_cli *cli, const struct eff_report *reports, size_t count)
{
    const char *sign = ": ";

    for (int status = EFF_STATUS_OK; status <= EFF_STATUS_SKIPPED; status++) {
        size_t n = 0;

        for (size_t i = 0; i < count; i++)
            n += reports[i].status == (enum eff_status)status;
        if (n == 0)
            continue;
        eff_term_add(&cli->out, EFF_PLAIN, eff_str_of(sign));
        eff_term_addf(&cli->out, eff_print_status_style((enum eff_status)status), "%zu %s", n,
                      eff_status_name((enum eff_status)status));
        sign = ", ";
    }
}

static void
print_total_rows(struct eff_cli *cli, const struct eff_report *reports, size_t count)
{
    struct eff_report sum = {0};
    struct {
        uint64_t count;
        const char *name;
    } parts[4];

    for (size_t i = 0; i < count; i++) {
        sum.delivered += reports[i].delivered;
        sum.rejected += reports[i].rejected + reports[i].invalid;
        sum.held += reports[i].held;
        sum.pending += reports[i].pending;
    }
    parts[0].count = sum.delivered, parts[0].name = "delivered";
    parts[1].count = sum.rejected, parts[1].name = "rejected or invalid";
    parts[2].count = sum.held, parts[2].name = "held";
    parts[3].count = sum.pending, parts[3].name = "pending";
    for (size_t i = 0; i < 4; i++) {
        eff_str text = eff_term_count(&cli->arena, parts[i].count);

        if (parts[i].count > 0 || i == 0)
            eff_term_addf(&cli->out, EFF_PLAIN, "%s" EFF_STR_FMT " %s", i == 0 ? "; " : ", ",
                          EFF_STR_ARG(text), parts[i].name);
    }
}

static eff_str
print_plural(struct eff_cli *cli, uint64_t count, const char *one)
{
    return eff_term_plural(&cli->arena, count, one, eff_str_printf(&cli->arena, "%ss", one).ptr);
}

static void
print_next(struct eff_cli *cli, const struct eff_report *reports, size_t count)
{
    uint64_t rows = 0, held = 0, requests = 0, failed = 0;
    eff_str text = EFF_STR("");

    for (size_t i = 0; i < count; i++) {
        failed += reports[i].failed;
        rows += reports[i].planned - reports[i].held;
        held += reports[i].held;
        requests += reports[i].requests;
    }
    if (rows > 0)
        text = eff_str_printf(&cli->arena, " send " EFF_STR_FMT " in about " EFF_STR_FMT,
                              EFF_STR_ARG(print_plural(cli, rows, "row")),
                              EFF_STR_ARG(print_plural(cli, requests, "request")));
    if (held > 0)
        text = eff_str_printf(&cli->arena, EFF_STR_FMT "%s hold " EFF_STR_FMT, EFF_STR_ARG(text),
                              rows > 0 ? ", and" : "", EFF_STR_ARG(print_plural(cli, held, "row")));
    if (failed > 0)
        text = eff_str_printf(&cli->arena, EFF_STR_FMT "%s fail in " EFF_STR_FMT, EFF_STR_ARG(text),
                              text.len > 0 ? ", and" : "",
                              EFF_STR_ARG(print_plural(cli, failed, "sync")));
    if (text.len == 0)
        text = EFF_STR(" change nothing");
    text = eff_str_printf(&cli->arena, "Nothing was changed. `efferent run` would" EFF_STR_FMT ".",
                          EFF_STR_ARG(text));
    eff_term_wrap(&cli->out, EFF_PLAIN, text, 0, 0);
    eff_term_line(&cli->out);
}

void
eff_print_total(struct eff_cli *cli, const struct eff_report *reports, size_t count)
{
    struct eff_term *term = &cli->out;
    bool is_plan = count > 0 && reports[0].is_plan;
    eff_str seconds = eff_term_seconds(&cli->arena, eff_cli_seconds(cli));

    eff_term_addf(term, EFF_BOLD, "%zu %s", count, count == 1 ? "sync" : "syncs");
    eff_term_addf(term, EFF_PLAIN, " in " EFF_STR_FMT, EFF_STR_ARG(seconds));
    print_statuses(cli, reports, count);
    if (!is_plan)
        print_total_rows(cli, reports, count);
    eff_term_line(term);
    if (is_plan && strcmp(cli->command->name, "plan") == 0)
        print_next(cli, reports, count);
}
