/*
 * conf/reference: docs/reference/configuration.md, from the option tables.
 */
#include "conf/load.h"
#include "conf/schema.h"

#include <inttypes.h>

/* ---- one row ---- */

void
eff_schema_cell(struct eff_buf *buf, eff_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '|')
            eff_buf_add_char(buf, '\\');
        eff_buf_add_char(buf, text.ptr[i] == '\n' ? ' ' : text.ptr[i]);
    }
}

static void
reference_choices(struct eff_buf *buf, const char *choices)
{
    eff_str rest = eff_str_of(choices), choice;
    bool more = true, first = true;

    while (more) {
        more = eff_str_cut(rest, '|', &choice, &rest);
        eff_buf_addf(buf, "%s`" EFF_STR_FMT "`", first ? "" : ", ", EFF_STR_ARG(choice));
        first = false;
    }
}

static void
reference_range(struct eff_buf *buf, const struct eff_option *option)
{
    const char *unit = option->kind == EFF_OPT_SIZE   ? " bytes"
                       : option->kind == EFF_OPT_TIME ? " ms"
                                                      : "";

    if (option->min == 0 && option->max == 0)
        return;
    eff_buf_addf(buf, ", %" PRId64 " to %" PRId64 "%s", option->min, option->max, unit);
}

static void
reference_type(struct eff_buf *buf, const struct eff_option *option)
{
    static const char *const names[] = {
        [EFF_OPT_STR] = "text",
        [EFF_OPT_SECRET] = "secret: `${secret:NAME}`",
        [EFF_OPT_URL] = "url",
        [EFF_OPT_PATH] = "path",
        [EFF_OPT_INT] = "number",
        [EFF_OPT_BOOL] = "`true` or `false`",
        [EFF_OPT_SIZE] = "size: `256MiB`",
        [EFF_OPT_TIME] = "duration: `30s`, `5m`",
        [EFF_OPT_PERCENT] = "percentage: `10%`",
        [EFF_OPT_ENUM] = "",
        [EFF_OPT_LIST] = "text, or a list",
        [EFF_OPT_NODE] = "see the text",
    };

    if (option->kind == EFF_OPT_ENUM)
        reference_choices(buf, option->choices);
    else
        eff_buf_add(buf, eff_str_of(names[option->kind]));
    if (option->kind == EFF_OPT_INT || option->kind == EFF_OPT_SIZE || option->kind == EFF_OPT_TIME)
        reference_range(buf, option);
}

static void
reference_row(struct eff_buf *buf, const struct eff_option *option)
{
    eff_buf_addf(buf, "| `%s` | ", option->name);
    reference_type(buf, option);
    eff_buf_add(buf, EFF_STR(" | "));
    if (option->flags & EFF_OPT_REQUIRED)
        eff_buf_add(buf, EFF_STR("needed"));
    else if (option->fallback != NULL)
        eff_buf_addf(buf, "`%s`", option->fallback);
    eff_buf_add(buf, EFF_STR(" | "));
    eff_schema_cell(buf, eff_str_of(option->help));
    eff_buf_add(buf, EFF_STR(" |\n"));
}

void
eff_schema_options(struct eff_buf *buf, const struct eff_option *rows, size_t count)
{
    bool later = false;

    if (count == 0) {
        eff_buf_add(buf, EFF_STR("No options.\n\n"));
        return;
    }
    eff_buf_add(buf, EFF_STR("| key | value | default | |\n|---|---|---|---|\n"));
    for (size_t i = 0; i < count; i++)
        if (!(rows[i].flags & EFF_OPT_LATER))
            reference_row(buf, &rows[i]);
    eff_buf_add_char(buf, '\n');
    for (size_t i = 0; i < count; i++) {
        if (!(rows[i].flags & EFF_OPT_LATER))
            continue;
        eff_buf_addf(buf, "%s`%s`",
                     later ? ", " : "Not in this version yet, and refused: ", rows[i].name);
        later = true;
    }
    if (later)
        eff_buf_add(buf, EFF_STR(".\n\n"));
}

static void
reference_section(struct eff_buf *buf, const char *title, const char *text,
                  const struct eff_option *rows, size_t count)
{
    eff_buf_addf(buf, "%s\n\n%s\n\n", title, text);
    eff_schema_options(buf, rows, count);
}

static void
reference_kinds(struct eff_buf *buf, const char *title, size_t count,
                const struct eff_kind_desc *kinds)
{
    eff_buf_addf(buf, "## %s\n\n", title);
    for (size_t i = 0; i < count; i++) {
        eff_buf_addf(buf, "### `type: " EFF_STR_FMT "`\n\n", EFF_STR_ARG(kinds[i].kind));
        eff_schema_options(buf, kinds[i].options, kinds[i].options_count);
    }
}

static void
reference_codes(struct eff_buf *buf)
{
    eff_buf_add(buf, EFF_STR("## Problems\n\n| code | meaning |\n|---|---|\n"));
    for (size_t i = 0; eff_problem_codes[i].code != NULL; i++)
        eff_buf_addf(buf, "| %s | %s |\n", eff_problem_codes[i].code, eff_problem_codes[i].help);
}

/* ---- the page ---- */

static const char reference_intro[] =
    "# Configuration\n"
    "\n"
    "<!-- written by `efferent docs reference`: change the tables in src/conf, not this page -->\n"
    "\n"
    "A project is a folder with `efferent.yml`, and one or more syncs: documents with `sync:`, in\n"
    "`efferent.yml` itself behind a line `---`, or in files `*.yml` and `*.yaml` of `syncs/` and\n"
    "of the folders in it. Paths are relative to the folder of the file they stand in. Files are\n"
    "UTF-8 and at most 4 MiB; YAML anchors, aliases, tags and keys that are there twice are refused,\n"
    "and so is every key that is not listed here. A dot in a name, as in `guard.max_removed`, stands\n"
    "for a nested mapping.\n"
    "\n"
    "`${NAME}` in a value is replaced by that environment variable, `${secret:NAME}` by a secret:\n"
    "from systemd's credentials folder, else the `secrets:` file, else the environment. Both may\n"
    "stand inside longer text; `$${` stands for `${` itself. What they give is text, never YAML.\n";

static const char reference_fields[] =
    "`fields:` is a list of columns when the names agree, else a mapping of destination fields. An\n"
    "entry is the name of a column, a template such as `\"{{ first }} {{ last }}\"`, or a mapping with\n"
    "the keys below. `match:` takes the same. They apply in this order, whatever order they are\n"
    "written in: `trim`, `lower` or `upper`, `map` with `otherwise`, `default`, `cast`, `format`,\n"
    "`normalize`, `hash`. Dots in a field's name nest: `address.city`. A field that `match` (or the\n"
    "key) writes anyway is sent once.\n"
    "\n"
    "Constants (`const`, `otherwise`, `default`, values of `map`) keep their YAML type: `5` is a\n"
    "number, `true` a truth value, `null` a NULL; whatever is quoted is text, and so are digits with\n"
    "a leading zero or plus sign.";

void
eff_schema_reference(struct eff_buf *buf, const struct eff_schema_kinds *kinds)
{
    eff_buf_add(buf, eff_str_of(reference_intro));
    reference_section(buf, "\n## efferent.yml", "The project.", eff_project_options,
                      eff_project_options_count);
    reference_section(buf, "### state", "A folder, or a mapping:", eff_state_options,
                      eff_state_options_count);
    reference_section(buf, "### targets",
                      "Chosen by `--target NAME`. Below each name:", eff_target_options,
                      eff_target_options_count);
    reference_section(buf, "## A sync", "One model, sent to one object of one destination.",
                      eff_sync_options, eff_sync_options_count);
    reference_section(buf, "### to",
                      "`destination.object`, split at the first dot, or a mapping:", eff_to_options,
                      eff_to_options_count);
    reference_section(buf, "### guard.max_removed",
                      "A percentage, a number of rows (then the only bound), or a mapping:",
                      eff_removed_options, eff_removed_options_count);
    reference_section(buf, "### fields and match", reference_fields, eff_field_options,
                      eff_field_options_count);
    reference_kinds(buf, "Sources", kinds->sources_count, kinds->sources);
    reference_kinds(buf, "Destinations", kinds->dests_count, kinds->dests);
    reference_codes(buf);
}
