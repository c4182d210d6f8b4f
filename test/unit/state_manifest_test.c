// links: base flow os conf state testlib
/*
 * Goal: EXPORT.json is refused whatever is wrong with it, even when its own digest fits: it names
 * the files that an import will copy.
 * Method: manifests written by hand, with one thing wrong each, and sealed as ours are.
 * covers: S20
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/testos.h"
#include "state/export.h"

#define ZEROES      "0000000000000000000000000000000000000000000000000000000000000000"
#define SUM         "\"sha256\": \"" ZEROES "\""
#define FILE_(name) "{\"name\": \"" name "\", \"bytes\": 1, " SUM "}"
#define CONTROL     "\"control\": " FILE_("control.db")
#define HEAD        "\"format\": 1, \"efferent\": \"1\", \"project\": \"p\", \"when_ms\": 7"
#define SYNC(name, files)                                                                          \
    "{\"name\": \"" name                                                                           \
    "\", \"generation\": 1, \"rows\": 2, \"columns\": [\"a\"], \"files\": [" files "]}"
#define SYNCS(syncs) "\"syncs\": [" syncs "]"

static struct testos world;
static char *folder;
static struct eff_arena arena;
static struct eff_err err;
static struct eff_export export_;

static int
set_up(void **state)
{
    (void)state;
    folder = testos_folder();
    testos_init(&world, 1);
    eff_arena_init(&arena, "test", (size_t)4 << 20);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    testos_remove(folder);
    free(folder);
    eff_arena_deinit(&arena);
    return 0;
}

/* The members, and behind them the digest of all of it. */
static enum eff_fault
read_sealed(const char *members)
{
    struct eff_buf buf = {0};
    struct eff_sha256 digest;
    enum eff_fault fault;
    eff_str hex;

    eff_buf_addf(&buf, "{%s,\n  \"digest\": \"" ZEROES "\"\n}\n", members);
    digest = eff_sha256(eff_buf_str(&buf));
    hex = eff_hex(&arena, digest.bytes, sizeof digest.bytes);
    memcpy(buf.ptr + buf.len - 4 - hex.len, hex.ptr, hex.len);
    assert_int_equal(eff_os_replace_file(&world.os,
                                         eff_str_printf(&arena, "%s/EXPORT.json", folder).ptr,
                                         eff_buf_str(&buf), &err),
                     EFF_OK);
    eff_buf_free(&buf);
    err = (struct eff_err){0};
    fault = eff_export_read(&world.os, folder, &arena, &export_, &err);
    return fault;
}

static void
a_whole_one_is_read(void **state)
{
    (void)state;
    assert_int_equal(
        read_sealed(HEAD ", \"target\": \"prod\", " CONTROL ", " SYNCS(
            SYNC("people", FILE_("snapshot-00000000000000000001") ", " FILE_("history-01HZ")))),
        EFF_OK);
    assert_true(eff_str_is(export_.target, "prod"));
    assert_int_equal(export_.syncs_count, 1);
    assert_int_equal(export_.syncs[0].files_count, 2);
    assert_true(eff_str_is(export_.syncs[0].columns[0], "a"));
    assert_int_equal(export_.when_ms, 7);
}

/* And written again it says the same. */
static void
what_was_read_can_be_written(void **state)
{
    (void)state;
    assert_int_equal(read_sealed(HEAD ", \"target\": \"prod\", " CONTROL ", " SYNCS(
                         SYNC("people", FILE_("snapshot-00000000000000000001")))),
                     EFF_OK);
    assert_int_equal(eff_export_commit(&world.os, folder, &export_, &err), EFF_OK);
    assert_int_equal(eff_export_read(&world.os, folder, &arena, &export_, &err), EFF_OK);
    assert_true(eff_str_is(export_.target, "prod"));
    assert_true(eff_str_is(export_.syncs[0].files[0].name, "snapshot-00000000000000000001"));
}

static void
what_is_wrong_is_told(void **state)
{
    static const struct {
        const char *members, *told;
        enum eff_fault fault;
    } wrong[] = {
        {"\"format\": 2, " CONTROL, "has format 2, this efferent knows 1", EFF_CONFIG},
        {"\"format\": 1, " CONTROL ",", "cannot be read as JSON", EFF_BROKEN},
        {HEAD ", " SYNCS(""), "a text is missing", EFF_BROKEN},
        {"\"format\": 1, \"efferent\": 7, \"project\": \"p\", \"when_ms\": 7, " CONTROL,
         "a text is missing", EFF_BROKEN},
        {"\"format\": 1, \"efferent\": \"1\", \"project\": \"p\", \"when_ms\": -7, " CONTROL,
         "a number is missing", EFF_BROKEN},
        {HEAD ", \"control\": " FILE_("../control.db"), "it names no control file", EFF_BROKEN},
        {HEAD ", \"control\": {\"name\": \"control.db\", \"bytes\": 1, \"sha256\": \"00ff\"}",
         "a SHA-256 is none", EFF_BROKEN},
        {HEAD ", \"control\": {\"name\": \"control.db\", \"bytes\": 1.5, " SUM "}",
         "a number is missing", EFF_BROKEN},
        {HEAD ", " CONTROL ", " SYNCS(SYNC("../x", "")), "no sync can be named", EFF_BROKEN},
        {HEAD ", " CONTROL ", " SYNCS(SYNC("x", FILE_("changes-../../x"))), "no part of a state",
         EFF_BROKEN},
        {HEAD ", " CONTROL ", " SYNCS(SYNC("x", FILE_("lock"))), "no part of a state", EFF_BROKEN},
        {HEAD ", " CONTROL ", " SYNCS(SYNC("x", FILE_("snapshot-1/../../x"))), "no part of a state",
         EFF_BROKEN},
    };

    (void)state;
    assert_int_equal(eff_os_replace_file(&world.os,
                                         eff_str_printf(&arena, "%s/EXPORT.json", folder).ptr,
                                         EFF_STR("{}"), &err),
                     EFF_OK);
    assert_int_equal(eff_export_read(&world.os, folder, &arena, &export_, &err), EFF_BROKEN);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (read_sealed(wrong[i].members) != wrong[i].fault || !strstr(err.msg, wrong[i].told))
            fail_msg("%s: \"%s\"", wrong[i].told, err.msg);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_whole_one_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_read_can_be_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_told, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
