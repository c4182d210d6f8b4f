/*
 * cli/help: the commands explained, on a terminal and as a page of the reference.
 */
#include <stdio.h>

#include "cli/cli.h"

#define HELP_WIDTH  100
#define HELP_COLUMN 12 /* of the summaries of commands */

static const char help_intro[] =
    "Efferent carries what the warehouse knows out to the tools where people act:\n"
    "it reads a model, compares it with what a destination holds, and sends the changes.\n";

static const char help_begin[] =
    "efferent init acme && cd acme\ta project with an example that runs offline\n"
    "efferent plan\twhat would change; changes nothing\n"
    "efferent run\tdo it\n";

static const char help_codes[] =
    "Exit codes: 0 all green, 1 a sync failed, 2 a mistake in the command line or the project's\n"
    "files, or --yes is wanted, 3 finished with rejected, held or pending rows.\n";

static void
help_heading(struct eff_term *term, const char *text)
{
    eff_term_line(term);
    eff_term_add(term, EFF_BOLD, eff_str_of(text));
    eff_term_line(term);
}

/* A paragraph, as wide as the terminal is and no wider than is pleasant to read. */
static void
help_paragraph(struct eff_term *term, enum eff_style style, const char *text)
{
    unsigned width = term->width;
    char line[1000];
    size_t len = strlen(text);

    if (len >= sizeof line)
        len = sizeof line - 1;
    for (size_t i = 0; i < len; i++)
        line[i] = text[i] == '\n' ? ' ' : text[i];
    if (term->width > HELP_WIDTH)
        term->width = HELP_WIDTH;
    eff_term_wrap(term, style, eff_str_trim((eff_str){line, len}), 0, 0);
    eff_term_line(term);
    term->width = width;
}

/* Lines of "command TAB what it does", the second part in a column where there is room. */
static void
help_examples(struct eff_term *term, const char *examples)
{
    eff_str rest = eff_str_of(examples), line, command, what;
    size_t widest = 0;

    while (rest.len > 0) {
        eff_str_cut(rest, '\n', &line, &rest);
        eff_str_cut(line, '\t', &command, &what);
        widest = command.len > widest ? command.len : widest;
    }
    rest = eff_str_of(examples);
    while (rest.len > 0) {
        eff_str_cut(rest, '\n', &line, &rest);
        eff_term_add(term, EFF_PLAIN, EFF_STR("  "));
        if (!eff_str_cut(line, '\t', &command, &what))
            what = EFF_STR_NONE;
        eff_term_add(term, EFF_CYAN, command);
        if (what.len > 0 && 2 + widest + 3 + what.len <= term->width) {
            eff_term_pad(term, command.len, widest + 3);
            eff_term_add(term, EFF_DIM, what);
        }
        eff_term_line(term);
    }
}

static void
help_commands(struct eff_term *term, bool later)
{
    for (size_t i = 0; i < eff_cli_commands_count; i++) {
        const struct eff_cli_command *command = &eff_cli_commands[i];

        if ((command->run == NULL) != later)
            continue;
        eff_term_addf(term, later ? EFF_DIM : EFF_CYAN, "  %s", command->name);
        eff_term_pad(term, strlen(command->name), HELP_COLUMN);
        eff_term_wrap(term, later ? EFF_DIM : EFF_PLAIN, eff_str_of(command->summary),
                      HELP_COLUMN + 2, HELP_COLUMN + 2);
        eff_term_line(term);
    }
}

static void
help_program(struct eff_term *term)
{
    help_paragraph(term, EFF_PLAIN, help_intro);
    help_heading(term, "To begin");
    help_examples(term, help_begin);
    help_heading(term, "Commands");
    help_commands(term, false);
    help_heading(term, "Not in this version yet");
    help_commands(term, true);
    eff_term_line(term);
    eff_term_add(term, EFF_PLAIN, EFF_STR("`efferent help COMMAND` explains one of them.\n"));
    help_paragraph(term, EFF_DIM, help_codes);
}

static int
help_option_name(const struct eff_cli_option *option, char *ret_text, size_t cap)
{
    char letter[8] = "";

    if (option->letter)
        snprintf(letter, sizeof letter, "-%c, ", option->letter);
    return snprintf(ret_text, cap, "%s--%s%s%s", letter, option->name, option->value ? " " : "",
                    option->value ? option->value : "");
}

static void
help_options(struct eff_term *term, const struct eff_cli_command *command, bool common)
{
    for (size_t i = 0; i < eff_cli_options_count; i++) {
        const struct eff_cli_option *option = &eff_cli_options[i];
        char name[80];
        int len;

        if ((command->takes & option->takes) == 0 || common != (option->takes == EFF_CLI_ALL))
            continue;
        len = help_option_name(option, name, sizeof name);
        eff_term_addf(term, EFF_CYAN, "  %s", name);
        eff_term_pad(term, (size_t)len, 26);
        eff_term_wrap(term, EFF_PLAIN, eff_str_of(option->summary), 28, 28);
        eff_term_line(term);
    }
}

void
eff_cli_help(struct eff_term *term, const struct eff_cli_command *command)
{
    if (!command) {
        help_program(term);
        return;
    }
    eff_term_addf(term, EFF_BOLD, "efferent %s%s%s", command->name,
                  command->args && command->args[0] ? " " : "", command->args ? command->args : "");
    eff_term_line(term);
    eff_term_addf(term, EFF_PLAIN, "  %s\n\n", command->summary);
    if (command->run == NULL) {
        eff_term_add(term, EFF_PLAIN, EFF_STR("Not in this version yet.\n"));
        return;
    }
    help_paragraph(term, EFF_PLAIN, command->about);
    help_heading(term, "Examples");
    help_examples(term, command->examples);
    help_heading(term, "Options");
    help_options(term, command, false);
    help_options(term, command, true);
}

int
eff_cli_help_end(struct eff_cli *cli, const struct eff_cli_command *command)
{
    struct eff_term page = cli->out;

    page.buf = (struct eff_buf){0};
    page.colours = page.colours && !eff_cli_json(cli);
    eff_cli_help(&page, command);
    return eff_cli_page_end(cli, &page.buf);
}

int
eff_cli_cmd_help(struct eff_cli *cli)
{
    const struct eff_cli_command *command = NULL;

    if (cli->options.args_count > 0) {
        struct eff_cli_options ignored;
        struct eff_err err = {0};

        /* The parser knows the nearest name. */
        if (eff_cli_parse(1, cli->options.args, &cli->arena, &command, &ignored, &err) != EFF_OK &&
            !command)
            return eff_cli_fail(cli, &err);
    }
    return eff_cli_help_end(cli, command);
}

/* ---- the page ---- */

static void
help_page_options(struct eff_buf *buf, const struct eff_cli_command *command)
{
    bool any = false;

    for (size_t i = 0; i < eff_cli_options_count; i++) {
        const struct eff_cli_option *option = &eff_cli_options[i];
        char name[80];

        if ((command->takes & option->takes) == 0 || option->takes == EFF_CLI_ALL)
            continue;
        if (!any)
            eff_buf_add(buf, EFF_STR("| option | meaning |\n|---|---|\n"));
        any = true;
        help_option_name(option, name, sizeof name);
        eff_buf_addf(buf, "| `%s` | %s |\n", name, option->summary);
    }
    if (any)
        eff_buf_add_char(buf, '\n');
}

static void
help_page_command(struct eff_buf *buf, const struct eff_cli_command *command)
{
    eff_str rest = eff_str_of(command->examples), line, example, what;

    eff_buf_addf(buf, "## efferent %s\n\n", command->name);
    eff_buf_addf(buf, "    efferent %s%s%s\n\n%s\n\n", command->name, command->args[0] ? " " : "",
                 command->args, command->about);
    help_page_options(buf, command);
    eff_buf_add(buf, EFF_STR("```sh\n"));
    while (rest.len > 0) {
        eff_str_cut(rest, '\n', &line, &rest);
        if (!eff_str_cut(line, '\t', &example, &what))
            what = EFF_STR_NONE;
        eff_buf_add(buf, example);
        if (what.len > 0)
            eff_buf_addf(buf, "   # " EFF_STR_FMT, EFF_STR_ARG(what));
        eff_buf_add_char(buf, '\n');
    }
    eff_buf_add(buf, EFF_STR("```\n\n"));
}

void
eff_cli_reference(struct eff_buf *buf)
{
    eff_buf_add(buf, EFF_STR("# The command line\n\n<!-- Written by `efferent docs cli`. -->\n\n"));
    eff_buf_addf(buf, "%s\n", help_codes);
    eff_buf_add(buf, EFF_STR("## Options of every command\n\n| option | meaning |\n|---|---|\n"));
    for (size_t i = 0; i < eff_cli_options_count; i++) {
        char name[80];

        if (eff_cli_options[i].takes != EFF_CLI_ALL)
            continue;
        help_option_name(&eff_cli_options[i], name, sizeof name);
        if (eff_cli_options[i].kind == EFF_CLI_CHOICE)
            eff_buf_addf(buf, "| `--%s text`, `--%s json` | %s |\n", eff_cli_options[i].name,
                         eff_cli_options[i].name, eff_cli_options[i].summary);
        else
            eff_buf_addf(buf, "| `%s` | %s |\n", name, eff_cli_options[i].summary);
    }
    eff_buf_add_char(buf, '\n');
    for (size_t i = 0; i < eff_cli_commands_count; i++)
        if (eff_cli_commands[i].run)
            help_page_command(buf, &eff_cli_commands[i]);
    eff_buf_add(buf, EFF_STR("## Not in this version yet\n\n"));
    for (size_t i = 0; i < eff_cli_commands_count; i++)
        if (!eff_cli_commands[i].run)
            eff_buf_addf(buf, "- `efferent %s`: %s\n", eff_cli_commands[i].name,
                         eff_cli_commands[i].summary);
}
