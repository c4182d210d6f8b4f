/*
 * cli/show: one kind of destination, for who decides about it: where it comes from, where it
 * sends, what each object can do and how surely, and what its block takes.
 *
 * The page for its readers, with every request, is cli/page's.
 */
#include <inttypes.h>

#include "cli/cli.h"
#include "cli/print.h"
#include "dest/connector.h"

#define SHOW_LABEL  14 /* columns of a label, with the two blanks before it */
#define SHOW_OPTION 26
#define SHOW_TEXT   4000 /* bytes of a text that are shown */

static const char *const show_classes[] = {[EFF_CLASS_BLIND] = "blind",
                                           [EFF_CLASS_CONVERGE] = "converge",
                                           [EFF_CLASS_KEYED] = "keyed",
                                           [EFF_CLASS_LOOKUP] = "lookup"};

eff_str
eff_cli_kind_title(const struct eff_kind_desc *kind)
{
    const struct eff_dest_kind *dest = kind->user;

    return dest->connector ? dest->connector->title : eff_str_of(dest->ops->title);
}

eff_str
eff_cli_kind_origin(const struct eff_kind_desc *kind)
{
    const struct eff_dest_kind *dest = kind->user;

    if (!dest->own)
        return EFF_STR("built in");
    return dest->overrides ? EFF_STR("this project, in the place of the built-in one")
                           : EFF_STR("this project");
}

/* The option that tells which version of the API is spoken, or NULL. */
static const struct eff_option *
show_version(const struct eff_kind_desc *kind)
{
    for (size_t i = 0; i < kind->options_count; i++)
        if (strcmp(kind->options[i].name, "api_version") == 0 && kind->options[i].fallback)
            return &kind->options[i];
    return NULL;
}

/* ---- for people ---- */

static void
show_text(struct eff_cli *cli, const char *label, eff_str text)
{
    eff_term_pad(&cli->out, 0, 2);
    eff_term_cell(&cli->out, EFF_DIM, eff_str_of(label), SHOW_LABEL - 2, false);
    eff_term_wrap(&cli->out, EFF_PLAIN, eff_print_safe(cli, text, SHOW_TEXT), SHOW_LABEL,
                  SHOW_LABEL);
    eff_term_line(&cli->out);
}

/* A line of what was written into buf, which is empty then; none when it is. */
static void
show_line(struct eff_cli *cli, const char *label, struct eff_buf *buf)
{
    if (buf->len > 0)
        show_text(cli, label, eff_buf_str(buf));
    buf->len = 0;
}

static void
show_add(struct eff_buf *buf, eff_str text)
{
    eff_buf_addf(buf, "%s" EFF_STR_FMT, buf->len > 0 ? ", " : "", EFF_STR_ARG(text));
}

static void
show_list(struct eff_buf *buf, const struct eff_str_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        show_add(buf, list->at[i]);
}

static void
show_limit(struct eff_buf *buf, const struct eff_connector *c, const struct eff_limit *limit)
{
    bool told = limit->requests_option != SIZE_MAX;

    if (!told)
        eff_buf_addf(buf, "%" PRId64, limit->requests);
    else if (c->options[limit->requests_option].fallback)
        eff_buf_add(buf, eff_str_of(c->options[limit->requests_option].fallback));
    eff_buf_add(buf, buf->len > 0 ? EFF_STR(" requests per ") : EFF_STR("requests per "));
    eff_cli_page_time(buf, limit->per_ms);
    if (told)
        eff_buf_addf(buf, " (`%s`)", c->options[limit->requests_option].name);
    if (limit->bucket > 0)
        eff_buf_addf(buf, " of its own: " EFF_STR_FMT, EFF_STR_ARG(limit->name));
    if (limit->hard)
        eff_buf_add(buf, EFF_STR("; then the run ends"));
}

static void
show_connector(struct eff_cli *cli, const struct eff_kind_desc *kind, const struct eff_connector *c)
{
    const struct eff_option *version = show_version(kind);
    struct eff_buf buf = {0};

    eff_buf_addf(&buf, EFF_STR_FMT "%s", EFF_STR_ARG(c->base.written),
                 c->hosts.count > 0 ? ", over https to " : ", to ");
    for (size_t i = 0; i < c->hosts.count; i++)
        eff_buf_addf(&buf, EFF_STR_FMT "%s", EFF_STR_ARG(c->hosts.at[i]),
                     i + 1 < c->hosts.count ? ", " : " and ");
    eff_buf_add(&buf, EFF_STR("hosts that the project names"));
    show_line(cli, "address", &buf);
    if (version) {
        eff_buf_addf(&buf, "%s (`api_version`)", version->fallback);
        show_line(cli, "API version", &buf);
    }
    for (size_t i = 0; i < c->limits_count; i++) {
        show_limit(&buf, c, &c->limits[i]);
        show_line(cli, i == 0 ? "limits" : "", &buf);
    }
    if (c->units.per != EFF_UNITS_NONE)
        show_text(cli, "counts", c->units.name);
    show_list(&buf, &c->objects.known);
    show_line(cli, "objects", &buf);
    show_list(&buf, &c->objects.match);
    show_line(cli, "found by", &buf);
    for (size_t i = 0; i < c->identifiers.count; i++)
        show_add(&buf, c->identifiers.at[i].name);
    show_line(cli, "identifiers", &buf);
    eff_buf_free(&buf);
}

static void
show_operation(struct eff_cli *cli, const struct eff_matrix_row *row, enum eff_op op)
{
    const struct eff_op_limits *o = &row->ops[op];
    struct eff_buf buf = {0};

    eff_buf_addf(&buf, "%s, %zu row%s a request", show_classes[o->class], o->rows_max,
                 o->rows_max == 1 ? "" : "s");
    if (o->concurrency > 1)
        eff_buf_addf(&buf, ", %zu at a time", o->concurrency);
    show_line(cli, eff_op_name(op), &buf);
    eff_buf_free(&buf);
}

static void
show_objects(struct eff_cli *cli, const struct eff_matrix_row *row)
{
    struct eff_buf buf = {0};

    for (size_t i = 0; i < row->objects_count; i++)
        show_add(&buf, row->objects[i]);
    if (eff_str_is(eff_buf_str(&buf), "any"))
        eff_buf_add(&buf, EFF_STR(" object"));
    eff_term_line(&cli->out);
    eff_term_wrap(&cli->out, EFF_BOLD, eff_print_safe(cli, eff_buf_str(&buf), SHOW_TEXT), 0, 2);
    eff_term_line(&cli->out);
    buf.len = 0;
    for (int mode = EFF_MODE_UPSERT; mode <= EFF_MODE_MEMBERS; mode++)
        if (row->modes[mode])
            show_add(&buf, eff_str_of(eff_mode_names[mode]));
    show_line(cli, "modes", &buf);
    for (int removed = EFF_REMOVED_CLEAR; removed <= EFF_REMOVED_DELETE; removed++)
        if (row->removals[removed])
            show_add(&buf, eff_str_of(eff_removed_names[removed]));
    show_line(cli, "on_removed", &buf);
    for (int op = 0; op < EFF_OPS_COUNT; op++)
        if (row->ops[op].supported)
            show_operation(cli, row, (enum eff_op)op);
    show_text(cli, "read back", row->reads ? EFF_STR("yes") : EFF_STR("no"));
    eff_buf_free(&buf);
}

static void
show_option(struct eff_cli *cli, const struct eff_option *option)
{
    struct eff_term *term = &cli->out;
    eff_str help = eff_str_of(option->help ? option->help : "");

    eff_term_addf(term, EFF_CYAN, "  %s", option->name);
    eff_term_pad(term, strlen(option->name), SHOW_OPTION - 2);
    if (strlen(option->name) >= SHOW_OPTION - 2)
        eff_term_add(term, EFF_PLAIN, EFF_STR(" "));
    eff_term_wrap(term, EFF_PLAIN, eff_print_safe(cli, help, SHOW_TEXT), SHOW_OPTION, SHOW_OPTION);
    if (option->flags & EFF_OPT_REQUIRED)
        eff_term_add(term, EFF_YELLOW, EFF_STR(" (required)"));
    else if (option->fallback)
        eff_term_addf(term, EFF_DIM, " (" EFF_STR_FMT ")",
                      EFF_STR_ARG(eff_print_safe(cli, eff_str_of(option->fallback), 200)));
    eff_term_line(term);
}

static int
show_plain(struct eff_cli *cli, const struct eff_kind_desc *kind, size_t count,
           const struct eff_matrix_row *rows)
{
    const struct eff_connector *c = ((const struct eff_dest_kind *)kind->user)->connector;
    struct eff_term *term = &cli->out;
    struct eff_buf none = {0};

    eff_term_add(term, EFF_BOLD, kind->kind);
    eff_term_addf(term, EFF_PLAIN, "  " EFF_STR_FMT "\n\n",
                  EFF_STR_ARG(eff_print_safe(cli, eff_cli_kind_title(kind), 200)));
    show_text(cli, "from", eff_cli_kind_origin(kind));
    if (c)
        show_connector(cli, kind, c);
    for (size_t i = 0; i < count; i++)
        show_objects(cli, &rows[i]);
    if (count == 0)
        show_text(cli, "can do", EFF_STR("what its `operations:` declare"));
    eff_term_add(term, EFF_BOLD, EFF_STR("\noptions\n"));
    for (size_t k = 0; k < kind->options_count; k++)
        show_option(cli, &kind->options[k]);
    return eff_cli_print(cli, &none, EFF_EXIT_OK);
}

/* ---- as JSON ---- */

static void
json_bool(struct eff_json_writer *w, const char *key, bool value)
{
    eff_json_key(w, eff_str_of(key));
    eff_json_write_bool(w, value);
}

static void
json_named(struct eff_json_writer *w, const char *key, int first, int last, const bool *given,
           const char *const *names)
{
    eff_json_key(w, eff_str_of(key));
    eff_json_begin_array(w);
    for (int i = first; i <= last; i++)
        if (given[i])
            eff_json_write_str(w, eff_str_of(names[i]));
    eff_json_end_array(w);
}

static void
json_limits(struct eff_json_writer *w, const struct eff_connector *c)
{
    eff_json_key(w, EFF_STR("limits"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < c->limits_count; i++) {
        const struct eff_limit *limit = &c->limits[i];

        eff_json_begin_object(w);
        eff_json_field_str(w, "name", limit->name);
        eff_json_field_int(w, "per_ms", limit->per_ms);
        if (limit->requests_option == SIZE_MAX)
            eff_json_field_int(w, "requests", limit->requests);
        else
            eff_json_field_str(w, "option", eff_str_of(c->options[limit->requests_option].name));
        json_bool(w, "hard", limit->hard);
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
}

static void
json_objects(struct eff_json_writer *w, const struct eff_matrix_row *row)
{
    eff_json_begin_object(w);
    eff_json_field_strs(w, "names", row->objects_count, row->objects);
    json_named(w, "modes", EFF_MODE_UPSERT, EFF_MODE_MEMBERS, row->modes, eff_mode_names);
    json_named(w, "on_removed", EFF_REMOVED_CLEAR, EFF_REMOVED_DELETE, row->removals,
               eff_removed_names);
    json_bool(w, "read_back", row->reads);
    eff_json_key(w, EFF_STR("operations"));
    eff_json_begin_array(w);
    for (int op = 0; op < EFF_OPS_COUNT; op++) {
        if (!row->ops[op].supported)
            continue;
        eff_json_begin_object(w);
        eff_json_field_str(w, "operation", eff_str_of(eff_op_name((enum eff_op)op)));
        eff_json_field_str(w, "class", eff_str_of(show_classes[row->ops[op].class]));
        eff_json_field_int(w, "rows", (int64_t)row->ops[op].rows_max);
        eff_json_field_int(w, "at_a_time", (int64_t)row->ops[op].concurrency);
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
    eff_json_end_object(w);
}

static void
json_options(struct eff_json_writer *w, const struct eff_kind_desc *kind)
{
    eff_json_key(w, EFF_STR("options"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < kind->options_count; i++) {
        const struct eff_option *option = &kind->options[i];

        eff_json_begin_object(w);
        eff_json_field_str(w, "name", eff_str_of(option->name));
        eff_json_field_str(w, "help", eff_str_of(option->help ? option->help : ""));
        json_bool(w, "required", (option->flags & EFF_OPT_REQUIRED) != 0);
        if (option->fallback)
            eff_json_field_str(w, "default", eff_str_of(option->fallback));
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
}

static int
show_json(struct eff_cli *cli, const struct eff_kind_desc *kind, size_t count,
          const struct eff_matrix_row *rows)
{
    const struct eff_dest_kind *dest = kind->user;
    const struct eff_connector *c = dest->connector;
    const struct eff_option *version = show_version(kind);
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    eff_cli_json_begin(cli, &w, EFF_EXIT_OK);
    eff_json_field_str(&w, "connector", kind->kind);
    eff_json_field_str(&w, "title", eff_cli_kind_title(kind));
    json_bool(&w, "own", dest->own);
    json_bool(&w, "overrides", dest->overrides);
    if (c) {
        eff_json_field_str(&w, "address", c->base.written);
        eff_json_field_strs(&w, "hosts", c->hosts.count, c->hosts.at);
        eff_json_field_strs(&w, "match", c->objects.match.count, c->objects.match.at);
        json_limits(&w, c);
    }
    if (version)
        eff_json_field_str(&w, "api_version", eff_str_of(version->fallback));
    eff_json_key(&w, EFF_STR("objects"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < count; i++)
        json_objects(&w, &rows[i]);
    eff_json_end_array(&w);
    json_options(&w, kind);
    return eff_cli_json_end(cli, &w, EFF_EXIT_OK);
}

int
eff_cli_show(struct eff_cli *cli, const struct eff_kind_desc *kind)
{
    size_t count;
    const struct eff_matrix_row *rows = eff_cli_matrix_rows(cli, kind, &count);

    return eff_cli_json(cli) ? show_json(cli, kind, count, rows)
                             : show_plain(cli, kind, count, rows);
}
