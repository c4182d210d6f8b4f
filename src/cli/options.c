/*
 * cli/options: the table of options, and the reading of the command line by it.
 *
 * `--name value`, `--name=value`, `-n value`; options may stand before and behind
 * the command; `--` ends them. Nothing is ignored: an option that the command
 * does not take is refused.
 */
#include <stdlib.h>

#include "cli/cli.h"

#define OPTION(member) offsetof(struct eff_cli_options, member)

const struct eff_cli_option eff_cli_options[] = {
    {"select", 's', EFF_CLI_LIST, OPTION(select), EFF_CLI_SELECT, "WHICH", 0, 0,
     "Only these: names with *, tag:x, destination:x, source:x, model:x, path:x, +x, x+"},
    {"exclude", 0, EFF_CLI_LIST, OPTION(exclude), EFF_CLI_SELECT, "WHICH", 0, 0, "All but these"},
    {"jobs", 'j', EFF_CLI_INT, OPTION(jobs), EFF_CLI_JOBS, "N", 1, 256,
     "Syncs at a time (default 4); one at a time per destination"},
    {"key", 'k', EFF_CLI_LIST, OPTION(keys), EFF_CLI_RUNS, "KEY", 0, 0,
     "Only the row with this key (two columns: a,b or a JSON object); can be repeated; removes "
     "nothing"},
    {"limit", 0, EFF_CLI_INT, OPTION(limit), EFF_CLI_RUNS, "N", 1, INT64_MAX,
     "Read at most so many rows; removes nothing"},
    {"ignore-dbt-status", 0, EFF_CLI_FLAG, OPTION(ignore_dbt_status), EFF_CLI_RUNS, NULL, 0, 0,
     "Run even where dbt's last build of the model, or a test of it, failed"},
    {"ignore-quota", 0, EFF_CLI_FLAG, OPTION(ignore_quota), EFF_CLI_RUN, NULL, 0, 0,
     "Send although the destination's quota is known to be used up until it resets"},
    {"requests", 0, EFF_CLI_FLAG, OPTION(requests), EFF_CLI_PLAN, NULL, 0, 0,
     "Show the first request of each operation as it would be sent, without headers"},
    {"state", 0, EFF_CLI_TEXT, OPTION(state), EFF_CLI_PLAN, "FOLDER", 0, 0,
     "Compare with the state in this folder instead of the project's"},
    {"limit", 0, EFF_CLI_INT, OPTION(limit), EFF_CLI_ROWS, "N", 1, INT64_MAX,
     "Show at most so many rows (default 50; with json: all)"},
    {"offline", 0, EFF_CLI_FLAG, OPTION(offline), EFF_CLI_CHECK, NULL, 0, 0,
     "Read the files only; connect to nothing"},
    {"manifest", 0, EFF_CLI_TEXT, OPTION(manifest), EFF_CLI_CHECK, "FILE", 0, 0,
     "Would this manifest.json of dbt break a sync? Connects to nothing"},
    {"template", 0, EFF_CLI_TEXT, OPTION(template), EFF_CLI_INIT, "NAME", 0, 0,
     "What to begin with: starter (default) or crm"},
    {"sample", 0, EFF_CLI_INT, OPTION(sample), EFF_CLI_VERIFY, "N", 1, INT64_MAX,
     "Look at about so many rows of each sync, chosen by chance (default 1000)"},
    {"all", 0, EFF_CLI_FLAG, OPTION(all), EFF_CLI_VERIFY, NULL, 0, 0, "Look at all rows"},
    {"repair", 0, EFF_CLI_FLAG, OPTION(repair), EFF_CLI_VERIFY, NULL, 0, 0,
     "Let the next run send what is not as it was delivered"},
    {"unseen", 0, EFF_CLI_FLAG, OPTION(unseen), EFF_CLI_ADOPT, NULL, 0, 0,
     "Take all rows of the model as delivered, without looking"},
    {"yes", 'y', EFF_CLI_FLAG, OPTION(yes), EFF_CLI_RESET, NULL, 0, 0, "Really do it"},
    {"port", 0, EFF_CLI_INT, OPTION(port), EFF_CLI_SANDBOX, "N", 0, 65535,
     "Port of the first, the others count up (default 8100; 0: any free ones)"},
    {"faults", 0, EFF_CLI_TEXT, OPTION(faults), EFF_CLI_SANDBOX, "FILE", 0, 0,
     "What is to go wrong"},
    {"seed", 0, EFF_CLI_INT, OPTION(seed), EFF_CLI_SANDBOX, "N", 0, INT64_MAX,
     "Where chance begins: the same seed, the same faults"},
    {"data", 0, EFF_CLI_TEXT, OPTION(data), EFF_CLI_SANDBOX, "FILE", 0, 0,
     "Keep the records in this SQLite file"},
    {"project", 'p', EFF_CLI_TEXT, OPTION(project), EFF_CLI_PROJECT, "DIR", 0, 0,
     "Folder of efferent.yml (default: this one, or the nearest above)"},
    {"target", 't', EFF_CLI_TEXT, OPTION(target), EFF_CLI_PROJECT, "NAME", 0, 0,
     "One of the project's `targets:`"},
    {"output", 'o', EFF_CLI_CHOICE, OPTION(output), EFF_CLI_ALL, "text|json", 0, 0,
     "json: one document on standard output, and nothing else"},
    {"log-format", 0, EFF_CLI_CHOICE, OPTION(log_format), EFF_CLI_ALL, "text|json", 0, 0,
     "json: what happens, one object per line, on standard error"},
    {"no-color", 0, EFF_CLI_FLAG, OPTION(no_color), EFF_CLI_ALL, NULL, 0, 0,
     "No colours (also: NO_COLOR=1)"},
    {"help", 'h', EFF_CLI_FLAG, OPTION(help), EFF_CLI_ALL, NULL, 0, 0, "Explain the command"},
};
const size_t eff_cli_options_count = sizeof eff_cli_options / sizeof *eff_cli_options;

#define OPTIONS_COUNT (sizeof eff_cli_options / sizeof *eff_cli_options)

struct options_reader {
    size_t count, at;
    const eff_str *words;
    struct eff_arena *arena;
    struct eff_cli_options *options;
    const struct eff_cli_command *command;
    struct { /* what was given, to be judged when the command is known */
        bool given;
        eff_str value;
    } seen[OPTIONS_COUNT];
    struct eff_str_list lists[OPTIONS_COUNT];
    eff_str *args;
    size_t args_count;
};

static bool
options_is(const struct eff_cli_option *option, eff_str name, bool letter)
{
    if (letter)
        return name.len == 1 && option->letter != 0 && name.ptr[0] == option->letter;
    return eff_str_is(name, option->name);
}

/* One more than the mistakes that a word of this length may have to be taken for another. */
static unsigned
options_near(eff_str word)
{
    return word.len <= 1 ? 0 : word.len <= 3 ? 2 : word.len <= 6 ? 3 : 4;
}

static bool
options_takes(const struct eff_cli_command *command, const struct eff_cli_option *option)
{
    return command && (command->takes & option->takes) != 0;
}

static enum eff_fault
options_unknown(struct options_reader *r, eff_str word, struct eff_err *err)
{
    eff_str bare = word, best = EFF_STR_NONE;
    unsigned nearest;

    while (bare.len > 0 && bare.ptr[0] == '-')
        bare = eff_str_sub(bare, 1, SIZE_MAX);
    nearest = options_near(bare);
    for (size_t i = 0; i < eff_cli_options_count; i++) {
        eff_str name = eff_str_of(eff_cli_options[i].name);
        unsigned distance = eff_str_distance(bare, name, nearest);

        if ((r->command && !options_takes(r->command, &eff_cli_options[i])) || distance >= nearest)
            continue;
        nearest = distance;
        best = name;
    }
    EFF_FAIL(err, EFF_CONFIG, "there is no option " EFF_STR_FMT, EFF_STR_ARG(word));
    if (best.ptr)
        return eff_err_hint(err, "Did you mean --" EFF_STR_FMT "?", EFF_STR_ARG(best));
    return eff_err_hint(err, "`efferent %s%s--help` lists the options.",
                        r->command ? r->command->name : "", r->command ? " " : "");
}

/* Two rows may have one name for different commands: the form of both is the same. */
static enum eff_fault
options_take(struct options_reader *r, eff_str word, struct eff_err *err)
{
    bool letter = word.len > 1 && word.ptr[1] != '-';
    eff_str name, value = EFF_STR_NONE;
    bool has_value = false, found = false;

    name = eff_str_sub(word, letter ? 1 : 2, SIZE_MAX);
    if (!letter)
        has_value = eff_str_cut(name, '=', &name, &value);
    for (size_t i = 0; i < eff_cli_options_count; i++) {
        const struct eff_cli_option *option = &eff_cli_options[i];

        if (!options_is(option, name, letter))
            continue;
        if (option->kind == EFF_CLI_FLAG && has_value)
            return EFF_FAIL(err, EFF_CONFIG, "--%s takes no value", option->name);
        if (option->kind != EFF_CLI_FLAG && !has_value && !found) {
            if (r->at >= r->count)
                return EFF_FAIL(err, EFF_CONFIG, "--%s wants a value: %s", option->name,
                                option->value);
            value = r->words[r->at++];
        }
        found = true;
        has_value = has_value || option->kind != EFF_CLI_FLAG;
        r->seen[i].given = true;
        r->seen[i].value = value;
        if (option->kind == EFF_CLI_LIST)
            ((eff_str *)r->lists[i].at)[r->lists[i].count++] = value;
    }
    return found ? EFF_OK : options_unknown(r, word, err);
}

static enum eff_fault
options_choice(const struct eff_cli_option *option, eff_str value, int *ret_index,
               struct eff_err *err)
{
    eff_str words = eff_str_of(option->value), word;

    for (int i = 0; words.len > 0; i++) {
        if (!eff_str_cut(words, '|', &word, &words))
            words = EFF_STR_NONE;
        if (eff_str_eq(word, value)) {
            *ret_index = i;
            return EFF_OK;
        }
    }
    return EFF_FAIL(err, EFF_CONFIG, "--%s can be %s, not " EFF_STR_FMT, option->name,
                    option->value, EFF_STR_ARG(value));
}

static enum eff_fault
options_int(const struct eff_cli_option *option, eff_str value, int64_t *ret_value,
            struct eff_err *err)
{
    if (eff_str_int(value, ret_value) && *ret_value >= option->min && *ret_value <= option->max)
        return EFF_OK;
    if (option->max == INT64_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "--%s wants a number from %lld, not " EFF_STR_FMT,
                        option->name, (long long)option->min, EFF_STR_ARG(value));
    return EFF_FAIL(err, EFF_CONFIG, "--%s wants a number from %lld to %lld, not " EFF_STR_FMT,
                    option->name, (long long)option->min, (long long)option->max,
                    EFF_STR_ARG(value));
}

static enum eff_fault
options_set(struct options_reader *r, size_t index, struct eff_err *err)
{
    const struct eff_cli_option *option = &eff_cli_options[index];
    void *into = (char *)r->options + option->offset;
    eff_str value = r->seen[index].value;

    switch (option->kind) {
    case EFF_CLI_FLAG:
        *(bool *)into = true;
        return EFF_OK;
    case EFF_CLI_TEXT:
        if (value.len == 0)
            return EFF_FAIL(err, EFF_CONFIG, "--%s wants a value: %s", option->name, option->value);
        *(eff_str *)into = value;
        return EFF_OK;
    case EFF_CLI_LIST:
        *(struct eff_str_list *)into = r->lists[index];
        return EFF_OK;
    case EFF_CLI_INT:
        return options_int(option, value, into, err);
    case EFF_CLI_CHOICE:
        return options_choice(option, value, into, err);
    }
    return EFF_FAIL(err, EFF_BROKEN, "option without a kind");
}

/* --output first: in which form a mistake in the others is told depends on it. */
static enum eff_fault
options_judge(struct options_reader *r, struct eff_err *err)
{
    for (size_t i = 0; i < eff_cli_options_count; i++)
        if (r->seen[i].given && eff_cli_options[i].kind == EFF_CLI_CHOICE)
            EFF_TRY(options_set(r, i, err));
    for (size_t i = 0; i < eff_cli_options_count; i++) {
        const struct eff_cli_option *option = &eff_cli_options[i];
        bool twin = false;

        if (!r->seen[i].given || option->kind == EFF_CLI_CHOICE)
            continue;
        if (!r->command || options_takes(r->command, option)) {
            EFF_TRY(options_set(r, i, err));
            continue;
        }
        for (size_t k = 0; k < eff_cli_options_count; k++)
            twin |= strcmp(eff_cli_options[k].name, option->name) == 0 &&
                    options_takes(r->command, &eff_cli_options[k]);
        if (!twin) {
            EFF_FAIL(err, EFF_CONFIG, "`efferent %s` does not take --%s", r->command->name,
                     option->name);
            return eff_err_hint(err, "`efferent %s --help` lists what it takes.", r->command->name);
        }
    }
    return EFF_OK;
}

static enum eff_fault
options_no_command(eff_str word, struct eff_err *err)
{
    eff_str best = EFF_STR_NONE;
    unsigned nearest = options_near(word);

    for (size_t i = 0; i < eff_cli_commands_count; i++) {
        eff_str name = eff_str_of(eff_cli_commands[i].name);
        unsigned distance = eff_str_distance(word, name, nearest);

        if (distance < nearest) {
            nearest = distance;
            best = name;
        }
    }
    EFF_FAIL(err, EFF_CONFIG, "there is no command `" EFF_STR_FMT "`", EFF_STR_ARG(word));
    if (best.ptr)
        return eff_err_hint(err, "Did you mean `efferent " EFF_STR_FMT "`?", EFF_STR_ARG(best));
    return eff_err_hint(err, "`efferent help` lists the commands.");
}

static enum eff_fault
options_word(struct options_reader *r, eff_str word, struct eff_err *err)
{
    if (r->command) {
        r->args[r->args_count++] = word;
        return EFF_OK;
    }
    r->command = eff_cli_command_find(word);
    return r->command ? EFF_OK : options_no_command(word, err);
}

/* Goes on after the first mistake, so that --output is known when it is told. */
static enum eff_fault
options_read(struct options_reader *r, struct eff_err *err)
{
    enum eff_fault fault = EFF_OK;
    bool ended = false;

    while (r->at < r->count) {
        eff_str word = r->words[r->at++];
        struct eff_err ignored;
        struct eff_err *to = fault == EFF_OK ? err : &ignored;
        enum eff_fault now;

        if (!ended && eff_str_is(word, "--")) {
            ended = true;
            continue;
        }
        if (!r->command && eff_str_is(word, "--version")) // what one types before anything is known
            word = EFF_STR("version");
        now = !ended && word.len > 1 && word.ptr[0] == '-' ? options_take(r, word, to)
                                                           : options_word(r, word, to);
        if (fault == EFF_OK)
            fault = now;
    }
    return fault;
}

static enum eff_fault
options_args(const struct eff_cli_command *command, const struct eff_cli_options *options,
             struct eff_err *err)
{
    if (!command || options->help)
        return EFF_OK;
    if (options->args_count < command->args_min)
        EFF_FAIL(err, EFF_CONFIG, "`efferent %s` wants %s", command->name, command->args);
    else if (options->args_count > command->args_max)
        EFF_FAIL(err, EFF_CONFIG, "`efferent %s` does not know what to do with `" EFF_STR_FMT "`",
                 command->name, EFF_STR_ARG(options->args[command->args_max]));
    else
        return EFF_OK;
    return eff_err_hint(err, "Usage: efferent %s %s", command->name, command->args);
}

enum eff_fault
eff_cli_parse(size_t count, const eff_str *words, struct eff_arena *arena,
              const struct eff_cli_command **ret_command, struct eff_cli_options *ret_options,
              struct eff_err *err)
{
    struct options_reader *r = eff_new(arena, struct options_reader, 1);
    struct eff_err later = {0};
    enum eff_fault fault, judged;

    *ret_options = (struct eff_cli_options){.jobs = 4, .limit = -1, .port = 8100, .sample = 1000};
    r->count = count;
    r->words = words;
    r->arena = arena;
    r->options = ret_options;
    r->args = eff_new(arena, eff_str, count);
    for (size_t i = 0; i < OPTIONS_COUNT; i++)
        r->lists[i].at = eff_new(arena, eff_str, count);
    fault = options_read(r, err);
    *ret_command = r->command;
    ret_options->args = r->args;
    ret_options->args_count = r->args_count;
    judged = options_judge(r, fault == EFF_OK ? err : &later);
    if (fault == EFF_OK)
        fault = judged;
    return fault != EFF_OK ? fault : options_args(r->command, ret_options, err);
}
