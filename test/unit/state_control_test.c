// links: base flow os conf state testlib
/*
 * Goal: a state is only ever made where there can be none yet, and nothing else is taken for one;
 * what it remembers of removed and forgotten rows is what was settled, and nothing half.
 * Method: a real control file in folders of all kinds; rows that are removed, forgotten and
 * refused, some of them in a transaction that fails.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <cmocka.h>

#include <sqlite3.h>

#include "lib/quick.h"
#include "lib/testos.h"
#include "state/control.h"

#define DAY_MS ((int64_t)86400000)

static struct testos world;
static char *folder;
static struct eff_arena arena;
static struct eff_err err;
static struct eff_control *control;

static int
set_up(void **state)
{
    (void)state;
    folder = testos_folder();
    testos_init(&world, 1);
    eff_arena_init(&arena, "test", (size_t)4 << 20);
    err = (struct eff_err){0};
    control = NULL;
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    eff_control_close(control);
    testos_remove(folder);
    free(folder);
    eff_arena_deinit(&arena);
    return 0;
}

static const char *
below(const char *name)
{
    return eff_str_printf(&arena, "%s/%s", folder, name).ptr;
}

static enum eff_fault
open_at(const char *path, bool must_exist)
{
    eff_control_close(control);
    err = (struct eff_err){0};
    return eff_control_open(&world.os, path, must_exist, false, &arena, &control, &err);
}

static void
put(const char *path, const char *bytes)
{
    assert_int_equal(eff_os_replace_file(&world.os, path, eff_str_of(bytes), &err), EFF_OK);
}

static void
script(const char *path, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void
no_other_folder_becomes_a_state(void **state)
{
    (void)state;
    assert_int_equal(open_at(below("not mounted"), true), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "does not exist"));
    assert_int_equal(open_at(folder, true), EFF_CONFIG); /* it is empty: the mount is missing */
    assert_non_null(strstr(err.msg, "it has no control.db"));
    put(below("thesis.txt"), "years of work");
    assert_int_equal(open_at(folder, false), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "it has no control.db"));
    assert_false(world.os.exists(world.os.self, below("control.db")));
}

static void
no_other_file_is_taken_for_one(void **state)
{
    eff_str before, after;

    (void)state;
    script(below("control.db"), "CREATE TABLE mine (a); INSERT INTO mine VALUES (1)");
    assert_int_equal(
        eff_os_read_file(&world.os, below("control.db"), 1 << 20, &arena, &before, &err), EFF_OK);
    assert_int_equal(open_at(folder, false), EFF_CONFIG);
    assert_non_null(strstr(err.msg, "is not a state of efferent"));
    assert_int_equal(
        eff_os_read_file(&world.os, below("control.db"), 1 << 20, &arena, &after, &err), EFF_OK);
    assert_true(eff_str_eq(before, after));
    put(below("control.db"), "no database at all, but longer than the head of a file of SQLite's, "
                             "so that it is looked at and not taken for an empty one");
    assert_int_equal(open_at(folder, false), EFF_BROKEN);
    assert_non_null(strstr(err.msg, "is damaged"));
    assert_non_null(strstr(err.hint, "backup"));
}

/* They mean something in the URI that SQLite gets. */
static void
any_name_of_a_folder_will_do(void **state)
{
    const char *path = below("50%25 ?of #all");

    (void)state;
    assert_int_equal(open_at(path, false), EFF_OK);
    assert_true(world.os.exists(world.os.self, eff_str_printf(&arena, "%s/control.db", path).ptr));
    assert_int_equal(open_at(path, true), EFF_OK);
}

static void
removals_that_were_applied_are_counted(void **state)
{
    struct eff_item items[3] = {{.key = {1, 1}}, {.key = {2, 2}}, {.key = {3, 3}}};
    struct eff_delivery d = {.op = EFF_OP_DELETE, .count = 3, .items = items};
    const eff_str a = EFF_STR("a"), b = EFF_STR("b");
    uint64_t number;

    (void)state;
    assert_int_equal(open_at(folder, false), EFF_OK);
    items[0].verdict.outcome = items[1].verdict.outcome = EFF_APPLIED;
    items[2].verdict.outcome = EFF_MAYBE_APPLIED;
    assert_int_equal(eff_control_incarnate(control, a, &d, DAY_MS, &err), EFF_OK);
    d.count = 1;
    assert_int_equal(eff_control_incarnate(control, a, &d, 2 * DAY_MS, &err), EFF_OK);
    for (uint64_t i = 0; i < 3; i++) {
        static const uint64_t expected[] = {2, 1, 0};

        assert_int_equal(eff_control_incarnation(control, a, items[i].key, &number, &err), EFF_OK);
        assert_int_equal(number, expected[i]);
    }
    assert_int_equal(eff_control_incarnation(control, b, items[0].key, &number, &err), EFF_OK);
    assert_int_equal(number, 0);
    /* After 30 days no provider keeps the keys: the second row's is forgotten. */
    assert_int_equal(eff_control_incarnate(control, a, &d, 32 * DAY_MS, &err), EFF_OK);
    assert_int_equal(eff_control_incarnation(control, a, items[1].key, &number, &err), EFF_OK);
    assert_int_equal(number, 0);
    assert_int_equal(eff_control_incarnation(control, a, items[0].key, &number, &err), EFF_OK);
    assert_int_equal(number, 3);
    assert_int_equal(eff_control_incarnation(NULL, a, items[0].key, &number, &err), EFF_OK);
    assert_int_equal(number, 0);
}

static struct eff_ledger_row
ledger_row(uint64_t n)
{
    return (struct eff_ledger_row){.key = {n, n},
                                   .state = EFF_LEDGER_REJECTED,
                                   .key_json = EFF_STR("{\"id\":1}"),
                                   .rows = 1,
                                   .op = EFF_OP_UPSERT,
                                   .code = EFF_STR("NO"),
                                   .message = EFF_STR("no"),
                                   .fault = EFF_ROW,
                                   .last_ms = (int64_t)n,
                                   .tries = 1,
                                   .run = EFF_STR("01")};
}

static bool
count_two(void *self, const struct eff_ledger_row *row)
{
    assert_true(row->key.hi == ++*(uint64_t *)self); /* oldest first */
    return *(uint64_t *)self < 2;
}

static void
what_is_forgotten_is_in_no_table(void **state)
{
    const struct eff_hash128 keys[] = {{9, 1}, {2, 2}, {5, 0}};
    const eff_str a = EFF_STR("a");
    struct eff_ledger_row row;
    struct eff_hash128 *found;
    uint64_t seen = 0;
    size_t count;
    bool there;

    (void)state;
    assert_int_equal(open_at(folder, false), EFF_OK);
    for (uint64_t n = 1; n <= 3; n++) {
        row = ledger_row(n);
        assert_int_equal(eff_control_ledger_put(control, a, &row, true, &err), EFF_OK);
    }
    assert_int_equal(eff_control_ledger_each(control, a, 0, &arena, count_two, &seen, &err),
                     EFF_OK);
    assert_int_equal(seen, 2); /* it stopped when it was told to */
    for (int again = 0; again < 2; again++)
        assert_int_equal(eff_control_forget(control, a, keys, 3, 77, &err), EFF_OK);
    assert_int_equal(eff_control_ledger_get(control, a, keys[1], &arena, &there, &row, &err),
                     EFF_OK);
    assert_false(there);
    assert_int_equal(
        eff_control_ledger_get(control, a, (struct eff_hash128){3, 3}, &arena, &there, &row, &err),
        EFF_OK);
    assert_true(there);
    assert_int_equal(eff_control_forgotten(control, a, &arena, &count, &found, &err), EFF_OK);
    assert_int_equal(count, 3);
    for (size_t i = 1; i < count; i++)
        assert_true(eff_hash128_cmp(found[i - 1], found[i]) < 0);
    assert_int_equal(eff_control_forgotten(control, EFF_STR("b"), &arena, &count, &found, &err),
                     EFF_OK);
    assert_int_equal(count, 0);
    assert_int_equal(eff_control_forgotten(NULL, a, &arena, &count, &found, &err), EFF_OK);
    assert_int_equal(count, 0);
}

static void
a_transaction_that_fails_leaves_nothing(void **state)
{
    const eff_str a = EFF_STR("a");
    struct eff_ledger_row row = ledger_row(1);
    bool there;

    (void)state;
    assert_int_equal(open_at(folder, false), EFF_OK);
    assert_int_equal(eff_control_ledger_begin(control, &err), EFF_OK);
    assert_int_equal(eff_control_ledger_put(control, a, &row, true, &err), EFF_OK);
    assert_int_equal(eff_control_ledger_end(control, EFF_BROKEN, &err), EFF_BROKEN);
    assert_int_equal(eff_control_ledger_get(control, a, row.key, &arena, &there, &row, &err),
                     EFF_OK);
    assert_false(there);
    row = ledger_row(1);
    assert_int_equal(eff_control_ledger_begin(control, &err), EFF_OK); /* it can go on */
    assert_int_equal(eff_control_ledger_put(control, a, &row, true, &err), EFF_OK);
    assert_int_equal(eff_control_ledger_end(control, EFF_OK, &err), EFF_OK);
    assert_int_equal(eff_control_ledger_get(control, a, row.key, &arena, &there, &row, &err),
                     EFF_OK);
    assert_true(there);
}

/* The disk is full, as far as this process may see. */
static void
a_copy_without_room_is_told(void **state)
{
    struct rlimit before, small;

    (void)state;
    assert_int_equal(open_at(folder, false), EFF_OK);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 8192;
    setrlimit(RLIMIT_FSIZE, &small);
    assert_int_equal(eff_control_copy(control, &world.os, below("copy"), &err), EFF_BROKEN);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_non_null(strstr(err.msg, "cannot copy the control file to "));
    assert_int_equal(eff_control_copy(control, &world.os, below("another"), &err), EFF_OK);
}

static void
a_copy_that_cannot_be_made_is_told(void **state)
{
    (void)state;
    assert_int_equal(open_at(folder, false), EFF_OK);
    assert_int_equal(eff_control_copy(control, &world.os, below("copy"), &err), EFF_OK);
    assert_int_equal(eff_control_copy(control, &world.os, below("none/copy"), &err), EFF_BROKEN);
    assert_true(err.msg[0] != '\0');
}

/* ---- others who use it ---- */

/* What was deleted stays in the log while somebody reads what was before: that is told. */
static void
a_log_that_is_read_is_not_emptied(void **state)
{
    const struct eff_hash128 key = {1, 1};
    sqlite3_stmt *reading;
    sqlite3 *other;

    (void)state;
    assert_true(quick_begin());
    world.os.sqlite_vfs = "quick";
    assert_int_equal(open_at(folder, false), EFF_OK);
    assert_int_equal(sqlite3_open(below("control.db"), &other), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(other, "SELECT * FROM sqlite_schema", -1, &reading, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(reading), SQLITE_ROW);
    assert_int_equal(eff_control_forget(control, EFF_STR("a"), &key, 1, 1, &err), EFF_OK);
    assert_int_equal(eff_control_squeeze(control, &world.os, arena, &err), EFF_TRANSIENT);
    assert_non_null(strstr(err.msg, "another process is reading the state"));
    sqlite3_finalize(reading);
    assert_int_equal(eff_control_squeeze(control, &world.os, arena, &err), EFF_OK);
    sqlite3_close(other);
    eff_control_close(control);
    control = NULL;
    quick_end();
}

#define MANY     4000
#define PERSON   "person-%05d@secret.example"
#define EACH_ONE 20 /* is forgotten */

static struct eff_hash128
key_of(int i)
{
    return eff_siphash128((struct eff_sip_key){0}, &i, sizeof i); // in any order: pages are split
}

static void
many_are_refused(void)
{
    static char sent[900];
    char person[64];

    memset(sent, 's', sizeof sent);
    assert_int_equal(eff_control_ledger_begin(control, &err), EFF_OK);
    for (int i = 0; i < MANY; i++) {
        struct eff_ledger_row row = {.key = key_of(i),
                                     .state = EFF_LEDGER_REJECTED,
                                     .rows = 1,
                                     .code = EFF_STR("no"),
                                     .sent = {sent, (size_t)i * 7 % sizeof sent},
                                     .last_ms = 1};

        snprintf(person, sizeof person, PERSON, i);
        row.key_json = eff_str_of(person);
        assert_int_equal(eff_control_ledger_put(control, EFF_STR("a"), &row, true, &err), EFF_OK);
    }
    assert_int_equal(eff_control_ledger_end(control, EFF_OK, &err), EFF_OK);
}

/* Nor in a file outside of the state: all that the others have would be there. */
static void
who_is_forgotten_is_in_no_gap_of_a_page(void **state)
{
    char person[64], *bytes;
    long size;
    FILE *file;

    (void)state;
    assert_true(quick_begin());
    world.os.sqlite_vfs = "quick";
    assert_int_equal(open_at(folder, false), EFF_OK);
    many_are_refused();
    for (int i = 0; i < MANY; i += EACH_ONE) {
        struct eff_hash128 key = key_of(i);

        assert_int_equal(eff_control_forget(control, EFF_STR("a"), &key, 1, 1, &err), EFF_OK);
    }
    quick_temporary = 0;
    assert_int_equal(eff_control_squeeze(control, &world.os, arena, &err), EFF_OK);
    assert_int_equal(quick_temporary, 0);
    eff_control_close(control);
    control = NULL;
    quick_end();

    file = fopen(below("control.db"), "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    size = ftell(file);
    assert_true(size > 1 << 20);
    rewind(file);
    bytes = malloc((size_t)size);
    assert_int_equal(fread(bytes, 1, (size_t)size, file), size);
    fclose(file);
    for (int i = 0; i < MANY; i++) {
        int len = snprintf(person, sizeof person, PERSON, i);

        assert_int_equal(memmem(bytes, (size_t)size, person, (size_t)len) != NULL,
                         i % EACH_ONE != 0);
    }
    free(bytes);
}

static bool (*real_exists)(void *self, const char *path);

/* Between two looks, another process makes a state of the folder. */
static bool
made_meanwhile(void *self, const char *path)
{
    bool there = real_exists(self, path);

    if (there || !strstr(path, "/control.db"))
        return there;
    world.os.exists = real_exists;
    assert_int_equal(open_at(folder, false), EFF_OK);
    return false;
}

static void
a_state_that_another_makes_meanwhile(void **state)
{
    struct eff_control *second;
    struct eff_sync_state a, b;

    (void)state;
    real_exists = world.os.exists;
    world.os.exists = made_meanwhile;
    assert_int_equal(eff_control_open(&world.os, folder, false, false, &arena, &second, &err),
                     EFF_OK);
    assert_int_equal(eff_control_sync(control, &world.os, EFF_STR("s"), &arena, &a, &err), EFF_OK);
    assert_int_equal(eff_control_sync(second, &world.os, EFF_STR("s"), &arena, &b, &err), EFF_OK);
    assert_memory_equal(a.secret, b.secret, sizeof a.secret);
    eff_control_close(second);
}

static int sync_code;

static enum eff_fault
no_sync_dir(void *self, const char *path, struct eff_err *e)
{
    (void)self;
    EFF_FAIL(e, EFF_BROKEN, "cannot sync %s", path);
    e->code = sync_code;
    return EFF_BROKEN;
}

/* The folder above may be one that we may not read; a disk that fails is another matter. */
static void
an_empty_folder_below_one_that_is_closed(void **state)
{
    enum eff_fault (*real)(void *self, const char *path, struct eff_err *err) = world.os.sync_dir;

    (void)state;
    world.os.sync_dir = no_sync_dir;
    sync_code = EIO;
    assert_int_equal(open_at(folder, false), EFF_BROKEN);
    assert_false(world.os.exists(world.os.self, below("control.db")));
    sync_code = EACCES;
    assert_int_equal(open_at(folder, false), EFF_BROKEN); // its own name must be durable
    assert_true(world.os.exists(world.os.self, below("control.db")));
    world.os.sync_dir = real;
    assert_int_equal(open_at(folder, false), EFF_OK);
}

static void
what_cannot_be_opened_says_why(void **state)
{
    (void)state;
    assert_int_equal(world.os.mkdir(world.os.self, below("control.db"), &err), EFF_OK);
    assert_int_equal(open_at(folder, false), EFF_BROKEN);
    assert_non_null(strstr(err.msg, "control.db: unable to open database file"));
    assert_null(control);
}

/* Whoever only looks makes nothing, not even of a file that is empty. */
static void
a_look_makes_no_state(void **state)
{
    struct eff_control *looking;

    (void)state;
    put(below("control.db"), "");
    assert_int_equal(eff_control_open(&world.os, folder, true, true, &arena, &looking, &err),
                     EFF_CONFIG);
    assert_non_null(strstr(err.msg, "is not a state of efferent"));
}

/* Each older format gets what it lacks, and keeps what it has. */
static void
older_formats_are_brought_up(void **state)
{
    static const char *const drops[] = {
        "DROP TABLE older; DROP TABLE resumed; DROP TABLE quota; DROP TABLE used;",
        "DROP TABLE doubt;", "DROP TABLE forgotten; DROP TABLE incarnation;"};
    const struct eff_quota quota = {.since_ms = 1, .until_ms = 2, .sync = EFF_STR("s")};
    const struct eff_hash128 key = {1, 1};
    struct eff_sync_state before, after;
    bool any;

    (void)state;
    assert_int_equal(open_at(folder, false), EFF_OK);
    assert_int_equal(eff_control_sync(control, &world.os, EFF_STR("s"), &arena, &before, &err),
                     EFF_OK);
    for (int format = 3; format >= 1; format--) {
        eff_control_close(control);
        control = NULL;
        for (int i = 0; i <= 3 - format; i++)
            script(below("control.db"), drops[i]);
        script(below("control.db"), eff_str_printf(&arena, "PRAGMA user_version = %d", format).ptr);
        assert_int_equal(open_at(folder, true), EFF_OK);
        assert_int_equal(eff_control_sync(control, &world.os, EFF_STR("s"), &arena, &after, &err),
                         EFF_OK);
        assert_memory_equal(before.secret, after.secret, sizeof after.secret);
        assert_int_equal(eff_control_quota_save(control, EFF_STR("d"), EFF_STR("a"), &quota, &err),
                         EFF_OK);
        assert_int_equal(eff_control_doubts(control, EFF_STR("s"), &any, &err), EFF_OK);
        assert_int_equal(eff_control_forget(control, EFF_STR("s"), &key, 1, 1, &err), EFF_OK);
    }
}

/* ---- what it answers ---- */

/* A plan may come before there is any state. */
static void
where_there_is_no_state_nothing_is_known(void **state)
{
    struct eff_quota quota = {.until_ms = 7};
    struct eff_hash128 *keys;
    uint64_t number = 7;
    size_t count = 7;

    (void)state;
    assert_int_equal(
        eff_control_incarnation(NULL, EFF_STR("a"), (struct eff_hash128){1, 1}, &number, &err),
        EFF_OK);
    assert_int_equal(eff_control_forgotten(NULL, EFF_STR("a"), &arena, &count, &keys, &err),
                     EFF_OK);
    assert_int_equal(eff_control_quota(NULL, EFF_STR("d"), EFF_STR("a"), &arena, &quota, &err),
                     EFF_OK);
    assert_true(number == 0 && count == 0 && quota.until_ms == 0);
}

/* Looking at an approval does not use it up. */
static void
an_approval_is_good_for_one_run(void **state)
{
    const eff_str a = EFF_STR("a"), digest = EFF_STR("d");
    bool approved;

    (void)state;
    assert_int_equal(open_at(folder, false), EFF_OK);
    assert_int_equal(eff_control_approve(control, a, digest, 100, &err), EFF_OK);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(eff_control_approved(control, a, digest, 9, i == 2, &approved, &err),
                         EFF_OK);
        assert_int_equal(approved, i <= 2);
    }
    assert_int_equal(eff_control_approve(control, a, digest, 100, &err), EFF_OK);
    assert_int_equal(eff_control_approved(control, a, digest, 100, true, &approved, &err), EFF_OK);
    assert_false(approved); // it has expired
}

/* States of the ledger that nobody knows are counted nowhere; a memo of nothing is one. */
static void
odd_cells(void **state)
{
    uint64_t counts[EFF_LEDGER_PENDING + 1];
    struct eff_ledger_row row = ledger_row(1);
    const eff_str a = EFF_STR("a");
    struct eff_settled *settled;
    size_t count;

    (void)state;
    assert_int_equal(open_at(folder, false), EFF_OK);
    assert_int_equal(eff_control_ledger_put(control, a, &row, true, &err), EFF_OK);
    assert_int_equal(eff_control_mark(control, a, 0, 1, 1, EFF_STR(""), false, &err), EFF_OK);
    assert_int_equal(eff_control_settled(control, a, &arena, &count, &settled, &err), EFF_OK);
    assert_non_null(settled[0].memo.ptr);
    assert_int_equal(settled[0].memo.len, 0);
    for (int odd = 0; odd < 2; odd++) {
        script(below("control.db"),
               odd ? "UPDATE ledger SET state = 99" : "UPDATE ledger SET state = 0");
        assert_int_equal(eff_control_ledger_count(control, a, counts, &err), EFF_OK);
        for (size_t i = 0; i <= EFF_LEDGER_PENDING; i++)
            assert_int_equal(counts[i], 0);
    }
}

/* Whatever its number, no more is told than there is room for. */
static void
no_more_damage_than_was_asked_for(void **state)
{
    eff_str lines[4] = {EFF_STR_NONE};
    size_t count;

    (void)state;
    assert_int_equal(open_at(folder, false), EFF_OK);
    eff_control_close(control);
    control = NULL;
    script(below("control.db"), // their pages are nobody's now
           "PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name IN ('older', 'quota',"
           " 'doubt', 'used')");
    assert_int_equal(open_at(folder, false), EFF_OK);
    assert_int_equal(eff_control_integrity(control, &arena, 0, &count, lines, &err), EFF_OK);
    assert_true(count == 0 && !lines[0].ptr);
    assert_int_equal(eff_control_integrity(control, &arena, 4, &count, lines, &err), EFF_OK);
    assert_true(count > 0 && lines[0].len > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_other_folder_becomes_a_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_other_file_is_taken_for_one, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_name_of_a_folder_will_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removals_that_were_applied_are_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_forgotten_is_in_no_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_transaction_that_fails_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_log_that_is_read_is_not_emptied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_forgotten_is_in_no_gap_of_a_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_state_that_another_makes_meanwhile, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_folder_below_one_that_is_closed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_says_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_look_makes_no_state, set_up, tear_down),
        cmocka_unit_test_setup_teardown(older_formats_are_brought_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(where_there_is_no_state_nothing_is_known, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_approval_is_good_for_one_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(odd_cells, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_more_damage_than_was_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_without_room_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_that_cannot_be_made_is_told, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
