/*
 * cli/command: the commands, one row each, and the way to them.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "os/moment.h"

#define COMMAND_ARENA ((size_t)4 << 30) /* addresses; pages become real when touched */
#define ANY           SIZE_MAX
#define SYNCS         (EFF_CLI_ALL | EFF_CLI_PROJECT | EFF_CLI_SELECT)

const struct eff_cli_command eff_cli_commands[] = {
    {"init", "[DIR]", "a new project, with an example that runs offline",
     "Writes efferent.yml, a sync or two, a small warehouse to read from, and a README into DIR\n"
     "(default: here). Everything in it runs at once and touches nothing outside of it.",
     "efferent init\ta project in this folder\n"
     "efferent init acme --template crm\tone that writes into local stand-ins of two CRMs\n",
     EFF_CLI_ALL | EFF_CLI_INIT, 0, 1, NULL, eff_cli_cmd_init},
    {"check", "[SYNC...]", "validate the files, connect to everything, compare contracts",
     "Reads the project's files and reports all mistakes at once, with file, line and column. Then\n"
     "opens each source and destination and compares what a sync sends with what is there.\n"
     "Changes nothing. Exit code for CI: 0 fine, 1 failed, 2 a mistake in a file, 3 a broken contract.",
     "efferent check\teverything\n"
     "efferent check --offline\tthe files only\n"
     "efferent check -s destination:crm\tthe syncs of one destination\n"
     "efferent check --manifest new/manifest.json\twould this dbt change break a sync?\n",
     SYNCS | EFF_CLI_CHECK, 0, ANY, NULL, eff_cli_cmd_check},
    {"plan", "[SYNC...]", "what a run would change: counts, rows before and after, requests",
     "Reads the model, compares it with what the destination holds, and shows what `efferent run`\n"
     "would do. Changes nothing, here or there. Exit code 0, or 3 when a contract is broken.",
     "efferent plan\tall syncs\n"
     "efferent plan contacts --key 42\twhat would happen to one row\n"
     "efferent plan --output json\tfor a pull request's comment\n",
     SYNCS | EFF_CLI_JOBS | EFF_CLI_RUNS | EFF_CLI_PLAN, 0, ANY, NULL, eff_cli_cmd_plan},
    {"run", "[SYNC...]", "do it; resumes what an earlier run left",
     "Reads each model, sends what changed, and accounts for every row: delivered, rejected with\n"
     "the reason, or held. What an earlier run left behind is settled first. Ctrl-C stops in an\n"
     "orderly way; a second one at once. Exit code 0 all green, 1 a sync failed, 3 rows were\n"
     "rejected, held or are pending.",
     "efferent run\tall syncs\n"
     "efferent run contacts companies\tthese two\n"
     "efferent run -s tag:sales --exclude +slow\twith dbt's selection\n"
     "efferent run contacts --limit 10\ttry a few rows; removes nothing\n",
     SYNCS | EFF_CLI_JOBS | EFF_CLI_RUNS | EFF_CLI_RUN, 0, ANY, NULL, eff_cli_cmd_run},
    {"status", "[SYNC...]", "last run, freshness, rejected and held rows",
     "One line per sync: how its last run ended, when, how many rows the destination is known to\n"
     "hold, and how many rows are open.",
     "efferent status\tall syncs\n"
     "efferent status --output json\tfor a monitor\n",
     SYNCS, 0, ANY, NULL, eff_cli_cmd_status},
    {"rows", "SYNC [KEY]", "the ledger: where is this row, what was sent, why was it refused",
     "Without KEY: the open rows of the sync, which are rejected, held, invalid or pending. With\n"
     "KEY: all that is known about one row. A key of several columns is written a,b or as JSON.",
     "efferent rows contacts\tthe open rows\n"
     "efferent rows contacts 42\twhere is customer 42?\n"
     "efferent rows seats '{\"account\": \"a,b\", \"seat\": 7}'\ta key of two columns\n",
     EFF_CLI_ALL | EFF_CLI_PROJECT | EFF_CLI_ROWS, 1, 2, NULL, eff_cli_cmd_rows},
    {"retry", "SYNC", "make all rejected rows due now",
     "A refused row is tried again after a while, or when its content changes. This makes all of\n"
     "them due for the next run.",
     "efferent retry contacts\n", EFF_CLI_ALL | EFF_CLI_PROJECT, 1, 1, NULL, eff_cli_cmd_retry},
    {"approve", "SYNC DIGEST", "release exactly what a guard holds",
     "A guard holds a plan that would remove or change too much, and names it by a digest. The\n"
     "approval is good for that plan alone, for one run, within 7 days.",
     "efferent approve contacts 3f9a27c1\n", EFF_CLI_ALL | EFF_CLI_PROJECT, 2, 2, NULL,
     eff_cli_cmd_approve},
    {"reset", "SYNC", "forget what was delivered: the next run sends everything",
     "Forgets what the destination is known to hold, and the ledger. Nothing changes over there;\n"
     "the next run sends all rows again, and rows that left the model until then stay there.\n"
     "Asks for --yes.",
     "efferent reset contacts\ttells what would be forgotten\n"
     "efferent reset contacts --yes\n",
     EFF_CLI_ALL | EFF_CLI_PROJECT | EFF_CLI_RESET, 1, 1, NULL, eff_cli_cmd_reset},
    {"verify", "[SYNC...]", "read back what was delivered, and compare it with the model",
     "Reads records back from the destination and compares them with the rows that were delivered:\n"
     "a thousand of each sync by chance, or all. What is not as it should be is named, field by\n"
     "field. Sends nothing; with --repair the next run does. Exit code 3 when there are differences.",
     "efferent verify\ta sample of each sync\n"
     "efferent verify contacts --all\tall rows of one sync\n"
     "efferent verify contacts --all --repair\tand let the next run mend them\n",
     SYNCS | EFF_CLI_VERIFY, 0, ANY, NULL, eff_cli_cmd_verify},
    {"adopt", "SYNC", "take over records that are there already",
     "For a destination that was filled by other means, or a state that was lost. Reads the model,\n"
     "looks each row up over there, and takes what is there as it should be as delivered: the next\n"
     "run sends only the rest. Sends nothing itself. Asks for --yes.",
     "efferent adopt contacts\ttells what would be taken over\n"
     "efferent adopt contacts --yes\n"
     "efferent adopt hooks --unseen --yes\ta destination that cannot be read\n",
     EFF_CLI_ALL | EFF_CLI_PROJECT | EFF_CLI_RESET | EFF_CLI_ADOPT, 1, 1, NULL, eff_cli_cmd_adopt},
    {"forget", "SYNC KEY", "take a person out of all that is kept, and keep them out",
     "Takes one row out of snapshot, identities, ledger and history of a sync, and notes the key's\n"
     "hash: from then on the row is passed over wherever it comes from. Prints a receipt, which does\n"
     "not say whose it is. The record at the destination is not touched: remove that first, by\n"
     "taking the row out of a model whose sync removes, or over there. Asks for --yes.",
     "efferent forget contacts 42\ttells what is kept of it\n"
     "efferent forget contacts 42 --yes --output json > receipt.json\n",
     EFF_CLI_ALL | EFF_CLI_PROJECT | EFF_CLI_RESET, 2, 2, NULL, eff_cli_cmd_forget},
    {"state", "export FOLDER | import FOLDER | check [FOLDER] | purge SYNC",
     "copy the state out or in, check it, forget a sync that is gone",
     "`export` writes a copy of what is known between runs, as of one moment, into a new folder;\n"
     "runs go on meanwhile. `import` makes it the state where there is none. `check` reads all of it\n"
     "and says what is damaged: exit code 0 or 1. `purge` removes what is known of a sync that the\n"
     "project does not have any more, or that is switched off; it asks for --yes.",
     "efferent state export /backup/efferent-monday\tplan --state compares with it\n"
     "efferent state import /backup/efferent-monday\n"
     "efferent state check --output json\tfor a monitor\n"
     "efferent state check /backup/efferent-monday\tan export\n"
     "efferent state purge old_contacts --yes\n",
     EFF_CLI_ALL | EFF_CLI_PROJECT | EFF_CLI_RESET, 1, 2, "export|import|check|purge",
     eff_cli_cmd_state},
    {"sandbox", "VENDOR...", "local stand-ins of destination APIs, with faults on demand",
     "Serves a faithful stand-in of each vendor's API on a loopback port of its own and prints the\n"
     "addresses. They accept `test-token`, or the client `test-user` with `test-secret`. Stop it\n"
     "with Ctrl-C.",
     "efferent sandbox salesforce hubspot --port 8100\n"
     "efferent sandbox salesforce --faults faults.json --seed 7\n",
     EFF_CLI_ALL | EFF_CLI_SANDBOX, 1, ANY, NULL, eff_cli_cmd_sandbox},
    {"connector", "list | show NAME | test NAME|FOLDER | new NAME",
     "what Efferent can write to; write and try a connector of your own",
     "`list` shows the kinds of destinations: those that are built in, the connectors that come\n"
     "along, and those of the project's connectors/ folder, which win and are marked. `show` tells\n"
     "of one where it comes from and sends to, what its objects can do and how surely, its limits\n"
     "and its options.\n"
     "`new` begins a connector beside the project: a file with comments and its first cases. `test`\n"
     "runs the cases of a connector: rows in, exact requests out, answers in, verdicts out; each once\n"
     "more with every answer in single bytes, lost, cut, and refused. No network but a local socket.\n"
     "Exit code 1 when one does not hold.",
     "efferent connector list\n"
     "efferent connector show salesforce\n"
     "efferent connector new acme\tconnectors/acme/, with cases that hold\n"
     "efferent connector test acme\n"
     "efferent connector test ../shared/acme\ta folder with connector.yaml and cases/\n",
     EFF_CLI_ALL | EFF_CLI_PROJECT, 1, 2, "list|show|test|new", eff_cli_cmd_connector},
    {"dbt", "exposures", "the syncs as exposures, for dbt's lineage",
     "Writes an exposure for each sync that reads a model by ref() to standard output, as YAML for\n"
     "a folder of models. `dbt:` of the project and of a sync says owner, maturity and url.",
     "efferent dbt exposures > ../analytics/models/efferent.yml\n", SYNCS, 1, 1, "exposures",
     eff_cli_cmd_dbt},
    {"docs", "reference | schema | cli | problems | connectors | connector NAME",
     "the reference pages, and the JSON Schema for editors",
     "Writes one of the generated pages to standard output: the reference of the project's files,\n"
     "their JSON Schema, the command line, the codes of problems, what each destination can do, or\n"
     "all that is known of one: its requests, limits, errors and options.",
     "efferent docs schema > efferent.schema.json\tfor an editor's YAML support\n"
     "efferent docs connector hubspot\n",
     EFF_CLI_ALL, 1, 2, "reference|schema|cli|problems|connectors|connector", eff_cli_cmd_docs},
    {"completion", "bash | zsh | fish", "completion for a shell",
     "Writes the completion script for a shell to standard output.",
     "eval \"$(efferent completion bash)\"\tin ~/.bashrc\n"
     "efferent completion fish > ~/.config/fish/completions/efferent.fish\n",
     EFF_CLI_ALL, 1, 1, "bash|zsh|fish", eff_cli_cmd_completion},
    {"version", "", "the version of this program", "Prints the version.", "efferent version\n",
     EFF_CLI_ALL, 0, 0, NULL, eff_cli_cmd_version},
    {"help", "[COMMAND]", "explain a command", "Explains a command, or lists them all.",
     "efferent help run\n", EFF_CLI_ALL, 0, 1, NULL, eff_cli_cmd_help},
    {.name = "contract", .summary = "pin the destination's schema in git", .args_max = ANY},
    {.name = "drift", .summary = "compare with what is really there", .args_max = ANY},
    {.name = "serve", .summary = "scheduler, REST API, web UI, metrics", .args_max = ANY},
};
const size_t eff_cli_commands_count = sizeof eff_cli_commands / sizeof *eff_cli_commands;

const struct eff_cli_command *
eff_cli_command_find(eff_str name)
{
    for (size_t i = 0; i < eff_cli_commands_count; i++)
        if (eff_str_is(name, eff_cli_commands[i].name))
            return &eff_cli_commands[i];
    return NULL;
}

static int
command_not_yet(struct eff_cli *cli)
{
    struct eff_err err = {0};

    EFF_FAIL(&err, EFF_CONFIG, "`efferent %s` is not in this version yet", cli->command->name);
    eff_err_hint(&err, "It will be: %s.", cli->command->summary);
    return eff_cli_fail(cli, &err);
}

static int
command_dispatch(struct eff_cli *cli)
{
    if (!cli->command)
        return eff_cli_help_end(cli, NULL);
    if (!cli->command->run)
        return command_not_yet(cli);
    if (cli->options.help)
        return eff_cli_help_end(cli, cli->command);
    return cli->command->run(cli);
}

/*
 * A reader that goes away is no mistake of ours: the exit code still tells the truth. A
 * limit on the size of files is told like a full disk, instead of ending us without a word.
 */
static void
command_ignore_signals(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
}

/*
 * A crash is told before the process ends by it: of libraries some do not look whether they got the
 * memory that they asked for. That of a child is told by who watches over it.
 */
static pid_t command_pid;

static void
command_crashed(int number)
{
    static const char text[] =
        "efferent crashed; where memory is short, that may be why. Nothing is lost by it: the same "
        "command again settles what was left.\n";

    if (getpid() == command_pid && write(STDERR_FILENO, text, sizeof text - 1) < 0) {
        // There is nobody to tell.
    }
    raise(number); // the handler is gone by now
}

#ifdef __SANITIZE_ADDRESS__ // which tells more
#define COMMAND_SANITIZED true
#else
#define COMMAND_SANITIZED false
#endif

static void
command_tell_crashes(void)
{
    static char stack[32768]; // where the usual one has come to its end
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};
    const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction crashed = {.sa_handler = command_crashed,
                                .sa_flags = (int)SA_RESETHAND | SA_ONSTACK | SA_NODEFER};

    if (COMMAND_SANITIZED)
        return;
    command_pid = getpid();
    sigemptyset(&crashed.sa_mask);
    sigaltstack(&other, NULL);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &crashed, NULL);
}

int
eff_cli_main(int argc, char **argv, const struct eff_cli_hooks *hooks)
{
    struct eff_cli cli = {.hooks = hooks, .started_ms = eff_moment_mono_ms()};
    struct eff_err err = {0};
    size_t count = argc > 1 ? (size_t)argc - 1 : 0;
    enum eff_fault fault;
    eff_str *words;
    int code;

    command_ignore_signals();
    command_tell_crashes();
    eff_arena_init(&cli.arena, "program", COMMAND_ARENA);
    words = eff_new(&cli.arena, eff_str, count);
    for (size_t i = 0; i < count; i++)
        words[i] = eff_str_of(argv[i + 1]);
    fault = eff_cli_parse(count, words, &cli.arena, &cli.command, &cli.options, &err);
    eff_term_init(&cli.out, STDOUT_FILENO, cli.options.no_color);
    eff_term_init(&cli.log, STDERR_FILENO, cli.options.no_color);
    if (fault != EFF_OK && cli.command && !cli.command->run)
        code = command_not_yet(&cli); // Of all its mistakes, the one that matters.
    else
        code = fault == EFF_OK ? command_dispatch(&cli) : eff_cli_fail(&cli, &err);
    if (cli.os)
        eff_os_real_close(cli.os);
    eff_buf_free(&cli.out.buf);
    eff_buf_free(&cli.log.buf);
    eff_arena_deinit(&cli.arena);
    return code;
}
