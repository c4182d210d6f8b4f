/*
 * Goal: the command line is understood as documented, and nothing in it is ignored.
 * Method: command lines as text, split at blanks, and what becomes of them: the
 * options, or the message and the hint. The tables are checked against each other.
 * covers: H13
 */
#include "cli/cli.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

struct parsed {
    struct eff_arena arena;
    enum eff_fault fault;
    const struct eff_cli_command *command;
    struct eff_cli_options options;
    struct eff_err err;
};

static struct parsed parsed;

static int
clean(void **state)
{
    (void)state;
    eff_arena_deinit(&parsed.arena);
    memset(&parsed, 0, sizeof parsed);
    return 0;
}

static void
parse(const char *text)
{
    eff_str words[32], rest = eff_str_of(text);
    size_t count = 0;

    clean(NULL);
    eff_arena_init(&parsed.arena, "test", (size_t)16 << 20);
    while (rest.len > 0) {
        if (!eff_str_cut(rest, ' ', &words[count], &rest))
            rest = EFF_STR_NONE;
        count++;
    }
    parsed.fault =
        eff_cli_parse(count, words, &parsed.arena, &parsed.command, &parsed.options, &parsed.err);
}

static void
good(const char *text, const char *command)
{
    parse(text);
    if (parsed.fault != EFF_OK)
        fail_msg("%s: %s", text, parsed.err.msg);
    assert_non_null(parsed.command);
    assert_string_equal(parsed.command->name, command);
}

static void
bad(const char *text, const char *message, const char *hint)
{
    parse(text);
    if (parsed.fault != EFF_CONFIG)
        fail_msg("%s: was taken", text);
    if (!strstr(parsed.err.msg, message) || !strstr(parsed.err.hint, hint))
        fail_msg("%s: %s / %s", text, parsed.err.msg, parsed.err.hint);
}

static void
defaults(void **state)
{
    (void)state;
    good("run", "run");
    assert_int_equal(parsed.options.jobs, 4);
    assert_int_equal(parsed.options.limit, -1);
    assert_null(parsed.options.project.ptr);
    assert_int_equal(parsed.options.args_count, 0);
    assert_int_equal(parsed.options.output, 0);
    parse("");
    assert_int_equal(parsed.fault, EFF_OK);
    assert_null(parsed.command);
}

static void
options_stand_anywhere(void **state)
{
    (void)state;
    good("--output json run a -j 2 b --select=tag:x -s y --key=1=2 --key 3", "run");
    assert_int_equal(parsed.options.output, 1);
    assert_int_equal(parsed.options.jobs, 2);
    assert_int_equal(parsed.options.args_count, 2);
    assert_true(eff_str_is(parsed.options.args[1], "b"));
    assert_int_equal(parsed.options.select.count, 2);
    assert_true(eff_str_is(parsed.options.select.at[0], "tag:x"));
    assert_true(eff_str_is(parsed.options.select.at[1], "y"));
    assert_int_equal(parsed.options.keys.count, 2);
    assert_true(eff_str_is(parsed.options.keys.at[0], "1=2"));
}

static void
two_dashes_end_the_options(void **state)
{
    (void)state;
    good("rows contacts -- -7", "rows");
    assert_int_equal(parsed.options.args_count, 2);
    assert_true(eff_str_is(parsed.options.args[1], "-7"));
    good("rows contacts --limit 3", "rows");
    assert_int_equal(parsed.options.limit, 3);
}

static void
what_is_wrong_is_named(void **state)
{
    (void)state;
    bad("rnu", "`rnu`", "`efferent run`?");
    bad("xyzzy", "`xyzzy`", "efferent help");
    bad("run --selct x", "--selct", "--select?");
    bad("run --nothing", "--nothing", "efferent run --help");
    bad("run -q", "-q", "--help");
    bad("run --jobs", "wants a value: N", "");
    bad("run --jobs=0", "from 1 to 256, not 0", "");
    bad("run --jobs 257", "from 1 to 256", "");
    bad("run --jobs 4x", "not 4x", "");
    bad("run --limit 99999999999999999999", "wants a number", "");
    bad("run --yes", "`efferent run` does not take --yes", "--help");
    bad("reset a --yes=1", "--yes takes no value", "");
    bad("version --state x", "does not take --state", "");
    bad("run --output yaml", "text|json, not yaml", "");
    bad("run --project=", "wants a value: DIR", "");
    bad("rows", "wants SYNC", "Usage: efferent rows SYNC");
    bad("rows a b c", "`c`", "Usage");
    bad("approve a", "wants SYNC DIGEST", "");
    bad("version now", "`now`", "");
}

static void
output_is_known_in_spite_of_a_mistake(void **state)
{
    (void)state;
    bad("plna --output json", "`plna`", "plan");
    assert_int_equal(parsed.options.output, 1);
    bad("run --nope -o json", "--nope", "");
    assert_int_equal(parsed.options.output, 1);
}

static void
help_needs_nothing_else(void **state)
{
    (void)state;
    good("approve --help", "approve");
    assert_true(parsed.options.help);
}

static void
tables_hold_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < eff_cli_commands_count; i++) {
        const struct eff_cli_command *command = &eff_cli_commands[i];

        assert_ptr_equal(eff_cli_command_find(eff_str_of(command->name)), command);
        assert_true(strlen(command->name) <= 10); // The column of `efferent help`.
        if (!command->run)
            continue;
        assert_non_null(command->about);
        assert_true(eff_str_starts(eff_str_of(command->examples), EFF_STR("e")));
        assert_true(eff_str_ends(eff_str_of(command->examples), EFF_STR("\n")));
        assert_true(command->takes & EFF_CLI_ALL);
    }
    for (size_t i = 0; i < eff_cli_options_count; i++)
        for (size_t k = 0; k < i; k++) {
            bool same = strcmp(eff_cli_options[i].name, eff_cli_options[k].name) == 0;

            assert_false(same && (eff_cli_options[i].takes & eff_cli_options[k].takes));
            assert_false(same && eff_cli_options[i].kind != eff_cli_options[k].kind);
            assert_false(!same && eff_cli_options[i].letter &&
                         eff_cli_options[i].letter == eff_cli_options[k].letter);
        }
}

/* Every example of the help is a command line that would be taken. */
static void
examples_are_true(void **state)
{
    (void)state;
    for (size_t i = 0; i < eff_cli_commands_count; i++) {
        eff_str rest = eff_str_of(eff_cli_commands[i].examples), line, command, what;

        while (rest.len > 0) {
            char text[200];

            eff_str_cut(rest, '\n', &line, &rest);
            eff_str_cut(line, '\t', &command, &what);
            if (!eff_str_starts(command, EFF_STR("efferent ")) ||
                eff_str_find_char(command, '\'') != SIZE_MAX)
                continue;
            command = eff_str_sub(command, 9, SIZE_MAX);
            eff_str_cut(command, '>', &command, &what);
            snprintf(text, sizeof text, EFF_STR_FMT, EFF_STR_ARG(eff_str_trim(command)));
            good(text, eff_cli_commands[i].name);
        }
    }
}

/* ---- numbers and widths ---- */

static void
numbers_as_people_write_them(void **state)
{
    struct eff_arena arena;

    (void)state;
    eff_arena_init(&arena, "test", (size_t)1 << 20);
    assert_true(eff_str_is(eff_term_count(&arena, 0), "0"));
    assert_true(eff_str_is(eff_term_count(&arena, 999), "999"));
    assert_true(eff_str_is(eff_term_count(&arena, 1000), "1,000"));
    assert_true(eff_str_is(eff_term_count(&arena, UINT64_MAX), "18,446,744,073,709,551,615"));
    assert_true(eff_str_is(eff_term_seconds(&arena, 0.04), "0.0 s"));
    assert_true(eff_str_is(eff_term_seconds(&arena, 9.96), "10 s"));
    assert_true(eff_str_is(eff_term_seconds(&arena, 200), "3 min 20 s"));
    assert_true(eff_str_is(eff_term_seconds(&arena, 7500), "2 h 5 min"));
    assert_true(eff_str_is(eff_term_bytes(&arena, 1023), "1023 bytes"));
    assert_true(eff_str_is(eff_term_bytes(&arena, 1536), "1.5 KiB"));
    assert_true(eff_str_is(eff_term_bytes(&arena, (uint64_t)20 << 20), "20 MiB"));
    assert_true(eff_str_is(eff_term_plural(&arena, 1, "row", "rows"), "1 row"));
    eff_arena_deinit(&arena);
}

static void
columns_are_counted_as_shown(void **state)
{
    (void)state;
    assert_int_equal(eff_term_columns(EFF_STR("abc")), 3);
    assert_int_equal(eff_term_columns(EFF_STR("D\xc3\xa8s")), 3);
    assert_int_equal(eff_term_columns(EFF_STR("e\xcc\x81")), 1);                // combining accent
    assert_int_equal(eff_term_columns(EFF_STR("\xe6\x97\xa5\xe6\x9c\xac")), 4); // wide
    assert_int_equal(eff_term_fit(EFF_STR("\xe6\x97\xa5\xe6\x9c\xac"), 3).len, 3);
    assert_int_equal(eff_term_fit(EFF_STR("abc"), 0).len, 0);
    assert_int_equal(eff_term_fit(EFF_STR("abc"), 9).len, 3);
}

static void
words_wrap_at_the_width(void **state)
{
    struct eff_term term = {.fd = -1, .width = 20};

    (void)state;
    eff_term_wrap(&term, EFF_PLAIN, EFF_STR("one two three four five averyveryverylongword x"), 4,
                  4);
    assert_true(eff_str_is(eff_buf_str(&term.buf), "one two three\n    four five\n"
                                                   "    averyveryverylongword\n    x"));
    eff_buf_free(&term.buf);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(defaults, clean),
        cmocka_unit_test_teardown(options_stand_anywhere, clean),
        cmocka_unit_test_teardown(two_dashes_end_the_options, clean),
        cmocka_unit_test_teardown(what_is_wrong_is_named, clean),
        cmocka_unit_test_teardown(output_is_known_in_spite_of_a_mistake, clean),
        cmocka_unit_test_teardown(help_needs_nothing_else, clean),
        cmocka_unit_test(tables_hold_together),
        cmocka_unit_test_teardown(examples_are_true, clean),
        cmocka_unit_test(numbers_as_people_write_them),
        cmocka_unit_test(columns_are_counted_as_shown),
        cmocka_unit_test(words_wrap_at_the_width),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
