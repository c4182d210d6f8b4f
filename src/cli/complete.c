/*
 * cli/complete: completion scripts, from the tables of commands and options.
 *
 * Names of syncs are asked of the program itself, by `efferent status`, which
 * reads the files only when Tab is pressed where a sync belongs.
 */
#include "cli/cli.h"

static void
complete_commands(struct eff_buf *buf)
{
    for (size_t i = 0; i < eff_cli_commands_count; i++)
        if (eff_cli_commands[i].run)
            eff_buf_addf(buf, "%s%s", buf->len > 0 && i > 0 ? " " : "", eff_cli_commands[i].name);
}

static void
complete_options(struct eff_buf *buf, const struct eff_cli_command *command)
{
    const char *last = "";

    for (size_t i = 0; i < eff_cli_options_count; i++) {
        const struct eff_cli_option *option = &eff_cli_options[i];

        if ((command->takes & option->takes) == 0 || strcmp(option->name, last) == 0)
            continue;
        eff_buf_addf(buf, "--%s ", option->name);
        last = option->name;
    }
}

static bool
complete_wants_sync(const struct eff_cli_command *command)
{
    return command->words == NULL &&
           eff_str_find(eff_str_of(command->args), EFF_STR("SYNC")) != SIZE_MAX;
}

/* What stands in the place of the first argument. */
static void
complete_words(struct eff_buf *buf, const struct eff_cli_command *command)
{
    eff_str words = eff_str_of(command->words), word;

    if (strcmp(command->name, "help") == 0)
        complete_commands(buf);
    while (words.len > 0) {
        if (!eff_str_cut(words, '|', &word, &words))
            words = EFF_STR_NONE;
        eff_buf_addf(buf, EFF_STR_FMT " ", EFF_STR_ARG(word));
    }
}

static const char complete_syncs[] =
    "efferent status --output json 2>/dev/null | "
    "sed 's/{\"sync\":/\\n&/g' | sed -n 's/^{\"sync\":\"\\([^\"]*\\)\".*/\\1/p'";

static void
complete_bash(struct eff_buf *buf)
{
    eff_buf_add(buf, EFF_STR("# efferent: completion for bash\n"
                             "_efferent() {\n"
                             "    local word=\"${COMP_WORDS[COMP_CWORD]}\" command= i\n"
                             "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                             "        case \"${COMP_WORDS[i]}\" in\n"
                             "        -*) ;;\n"
                             "        *) command=\"${COMP_WORDS[i]}\"; break ;;\n"
                             "        esac\n"
                             "    done\n"
                             "    local options= words=\n"
                             "    case \"$command\" in\n"));
    for (size_t i = 0; i < eff_cli_commands_count; i++) {
        const struct eff_cli_command *command = &eff_cli_commands[i];

        if (!command->run)
            continue;
        eff_buf_addf(buf, "    %s)\n        options=\"", command->name);
        complete_options(buf, command);
        eff_buf_add(buf, EFF_STR("\"\n        words=\""));
        complete_words(buf, command);
        eff_buf_add(buf, EFF_STR("\"\n"));
        if (complete_wants_sync(command))
            eff_buf_addf(buf, "        [[ $word == -* ]] || words=\"$(%s)\"\n", complete_syncs);
        eff_buf_add(buf, EFF_STR("        ;;\n"));
    }
    eff_buf_add(buf, EFF_STR("    \"\") words=\""));
    complete_commands(buf);
    eff_buf_add(buf, EFF_STR("\" options=\"--help\" ;;\n"
                             "    esac\n"
                             "    case \"$word\" in\n"
                             "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
                             "    *) COMPREPLY=($(compgen -W \"$words\" -- \"$word\")) ;;\n"
                             "    esac\n"
                             "}\n"
                             "complete -o default -F _efferent efferent\n"));
}

/* zsh takes the script of bash through its own bridge. */
static void
complete_zsh(struct eff_buf *buf)
{
    eff_buf_add(buf, EFF_STR("#compdef efferent\n"
                             "autoload -U +X bashcompinit && bashcompinit\n"));
    complete_bash(buf);
}

/* In single quotes a shell takes everything as it is, but for the quote itself. */
static void
complete_quoted(struct eff_buf *buf, const char *text)
{
    eff_buf_add_char(buf, '\'');
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            eff_buf_add_char(buf, '\\');
        eff_buf_add_char(buf, *text);
    }
    eff_buf_add_char(buf, '\'');
}

static void
complete_fish_command(struct eff_buf *buf, const struct eff_cli_command *command)
{
    struct eff_buf words = {0};

    eff_buf_addf(buf, "complete -c efferent -f -n __fish_use_subcommand -a %s -d ", command->name);
    complete_quoted(buf, command->summary);
    eff_buf_add_char(buf, '\n');
    complete_words(&words, command);
    if (complete_wants_sync(command))
        eff_buf_add(&words, EFF_STR("(__efferent_syncs)"));
    if (words.len > 0)
        eff_buf_addf(buf, "complete -c efferent -f -n '__fish_seen_subcommand_from %s' -a '%.*s'\n",
                     command->name, (int)words.len, words.ptr);
    eff_buf_free(&words);
    for (size_t i = 0; i < eff_cli_options_count; i++) {
        const struct eff_cli_option *option = &eff_cli_options[i];

        if ((command->takes & option->takes) == 0)
            continue;
        eff_buf_addf(buf, "complete -c efferent -n '__fish_seen_subcommand_from %s' -l %s",
                     command->name, option->name);
        if (option->letter)
            eff_buf_addf(buf, " -s %c", option->letter);
        if (option->kind != EFF_CLI_FLAG)
            eff_buf_add(buf, EFF_STR(" -r"));
        eff_buf_add(buf, EFF_STR(" -d "));
        complete_quoted(buf, option->summary);
        eff_buf_add_char(buf, '\n');
    }
}

static void
complete_fish(struct eff_buf *buf)
{
    eff_buf_addf(buf, "# efferent: completion for fish\nfunction __efferent_syncs\n    %s\nend\n",
                 complete_syncs);
    for (size_t i = 0; i < eff_cli_commands_count; i++)
        if (eff_cli_commands[i].run)
            complete_fish_command(buf, &eff_cli_commands[i]);
}

bool
eff_cli_completion(struct eff_buf *buf, eff_str shell)
{
    if (eff_str_is(shell, "bash"))
        complete_bash(buf);
    else if (eff_str_is(shell, "zsh"))
        complete_zsh(buf);
    else if (eff_str_is(shell, "fish"))
        complete_fish(buf);
    else
        return false;
    return true;
}
