/*
 * Goal: a file of change records holds every row once, in order, whole, whatever
 * is lost or dies on the way; it gets its name when it is complete, and never
 * takes the place of another.
 * Method: the real sink; a process that dies after each effect is a driver opened
 * anew with the memos that were durable by then; texts of both formats.
 * covers: D6, S20
 */
// links: testlib dest conf os flow base
#include <sys/stat.h>
#include <unistd.h>

#include "lib/destwalk.h"
#include "lib/testos.h"

struct file_like { /* as the driver's own config struct */
    eff_str path;
    int format;
    bool protect_formulas;
};

static struct file_like config;
static struct walk walk;
static char *folder;

static const eff_str match_id[] = {{"id", 2}};
static const eff_str fields_vn[] = {{"v", 1}, {"n", 1}};

static eff_str
contents(const char *name)
{
    char path[512];
    eff_str bytes = EFF_STR_NONE;

    snprintf(path, sizeof(path), "%s/out/%s", folder, name);
    if (eff_os_read_file(os, path, 1 << 24, &process, &bytes, &err) != EFF_OK)
        return EFF_STR_NONE;
    return bytes;
}

static void
assert_contents(const char *name, const char *wanted)
{
    eff_str found = contents(name);

    if (!eff_str_is(found, wanted))
        fail_msg("%s holds \"" EFF_STR_FMT "\"", name, EFF_STR_ARG(found));
}

static void
open_driver(int format, const char *run)
{
    config.format = format;
    walk_close(&walk);
    assert_true(walk_open(&walk, &eff_dest_file, &config));
    walk_bind(&walk, "t", EFF_MODE_MIRROR, 1, match_id, 2, fields_vn);
    walk.sync.run = eff_str_of(run);
    assert_int_equal(walk.dest->ops->bind(walk.dest, &walk.sync, walk.limits, &err), EFF_OK);
}

static struct eff_item *
item(int64_t id, const char *text)
{
    struct eff_item *made = eff_new(&process, struct eff_item, 1);
    struct eff_value *values = eff_new(&process, struct eff_value, 3);

    values[0] = int_value(id);
    values[1] = text ? text_value(text) : (struct eff_value){.kind = EFF_NULL};
    values[2] = int_value(id * 10);
    made->match = &values[0];
    made->fields = &values[1];
    return made;
}

static bool
finish(void)
{
    struct eff_task task = {.kind = EFF_TASK_FINISH, .arena = &walk.arena};

    return walk_task(&walk, &task);
}

static void
test_jsonl(void **state)
{
    struct eff_item *moved = item(3, "c");
    struct eff_value old = int_value(2), *values;

    (void)state;
    open_driver(0, "01A");
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(1, "a\"\n")));
    values = (struct eff_value *)(uintptr_t)moved->fields;
    values[1].kind = EFF_ABSENT;
    moved->old_match = &old;
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, moved));
    assert_true(walk_deliver(&walk, EFF_OP_DELETE, 1, item(9, "x")));
    assert_true(walk_deliver(&walk, EFF_OP_CLEAR, 1, item(8, "x")));
    assert_null(contents("t-01A.jsonl").ptr);
    assert_true(finish());
    assert_contents(
        "t-01A.jsonl",
        "{\"op\":\"upsert\",\"key\":{\"id\":1},\"fields\":{\"v\":\"a\\\"\\n\",\"n\":10}}\n"
        "{\"op\":\"upsert\",\"key\":{\"id\":3},\"old_key\":{\"id\":2},\"fields\":{\"v\":\"c\"}}\n"
        "{\"op\":\"delete\",\"key\":{\"id\":9}}\n"
        "{\"op\":\"clear\",\"key\":{\"id\":8},\"fields\":{\"v\":null,\"n\":null}}\n");
    assert_null(contents("t-01A.jsonl.part").ptr);
    assert_true(finish()); // again
}

static void
test_csv(void **state)
{
    (void)state;
    open_driver(1, "01A");
    assert_true(walk.limits[EFF_OP_UPSERT].whole_rows);
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(1, "a,\"b\"\r\nc")));
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(2, "")));
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(3, NULL)));
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(-4, "=1+1")));
    assert_true(walk_deliver(&walk, EFF_OP_DELETE, 1, item(5, "x")));
    assert_true(finish());
    assert_contents("t-01A.csv", "op,id,v,n\r\n"
                                 "upsert,1,\"a,\"\"b\"\"\r\nc\",10\r\n"
                                 "upsert,2,\"\",20\r\n"
                                 "upsert,3,,30\r\n"
                                 "upsert,-4,=1+1,-40\r\n"
                                 "delete,5,,\r\n");
}

/* D6: texts only, and only where asked for; numbers stay numbers. */
static void
test_formulas(void **state)
{
    static const char *const texts[] = {"=1", "+1", "-1", "@x", "\tx", "\rx", "x=1", " =1"};

    (void)state;
    config.protect_formulas = true;
    open_driver(1, "01F");
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(-1, texts[i])));
    assert_true(finish());
    config.protect_formulas = false;
    assert_contents("t-01F.csv", "op,id,v,n\r\nupsert,-1,\"'=1\",-10\r\nupsert,-1,\"'+1\",-10\r\n"
                                 "upsert,-1,\"'-1\",-10\r\nupsert,-1,\"'@x\",-10\r\n"
                                 "upsert,-1,\"'\tx\",-10\r\nupsert,-1,\"'\rx\",-10\r\n"
                                 "upsert,-1,x=1,-10\r\nupsert,-1,\" =1\",-10\r\n");
}

static void
test_column_names_told_apart(void **state)
{
    static const eff_str fields[] = {{"id", 2}, {"op", 2}};

    (void)state;
    open_driver(1, "01N");
    walk.sync.field_names = fields;
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(1, "x")));
    assert_true(finish());
    assert_contents("t-01N.csv", "op,id,fields.id,fields.op\r\nupsert,1,x,10\r\n");
}

static void
test_nothing_written(void **state)
{
    (void)state;
    open_driver(0, "01Z");
    assert_true(finish());
    assert_null(contents("t-01Z.jsonl").ptr);
}

/* ---- dying ---- */

#define BATCHES 4

/* What is durable of a batch: its memo, and its verdict. */
static struct {
    eff_str memo;
    bool settled;
} durable[BATCHES];

/* Delivers what is not settled, and dies after so many effects; false when it died. */
static bool
live(unsigned effects, bool lazy)
{
    open_driver(0, "01D");
    for (size_t b = 0; b < BATCHES; b++) {
        struct eff_delivery delivery;
        struct eff_task task = {.kind = EFF_TASK_DELIVER, .arena = &walk.arena};
        const struct eff_response *last = NULL;

        if (durable[b].settled)
            continue;
        delivery = walk_delivery(&walk, EFF_OP_UPSERT, 1, item((int64_t)b, "text"));
        delivery.memo = durable[b].memo;
        task.delivery = &delivery;
        for (;;) {
            struct eff_step step = walk.dest->ops->step(walk.dest, &task, last, &err);

            if (step.kind == EFF_STEP_DONE)
                break;
            if (step.kind != EFF_STEP_SEND)
                fail_msg("%s", err.msg);
            if (delivery.memo_changed) { // durable before the request
                if (effects-- == 0)
                    return false;
                durable[b].memo = eff_str_copy(&process, delivery.memo);
                delivery.memo_changed = false;
            }
            if (effects-- == 0)
                return false;
            last = walk_exchange(&walk, &step.request);
        }
        if (effects-- == 0)
            return false;
        if (!lazy) // settles that are written late may be lost together
            durable[b].settled = true;
    }
    for (size_t b = 0; b < BATCHES; b++)
        durable[b].settled = true;
    if (effects-- == 0)
        return false;
    assert_true(finish());
    return effects-- != 0;
}

static void
test_dies_anywhere(void **state)
{
    (void)state;
    for (unsigned lazy = 0; lazy < 2; lazy++) {
        for (unsigned nth = 0; nth < 40; nth++) {
            char path[512];

            memset(durable, 0, sizeof(durable));
            live(nth, lazy);
            live(nth % 7, lazy); // and once more
            assert_true(live(1000, lazy));
            assert_contents(
                "t-01D.jsonl",
                "{\"op\":\"upsert\",\"key\":{\"id\":0},\"fields\":{\"v\":\"text\",\"n\":0}}\n"
                "{\"op\":\"upsert\",\"key\":{\"id\":1},\"fields\":{\"v\":\"text\",\"n\":10}}\n"
                "{\"op\":\"upsert\",\"key\":{\"id\":2},\"fields\":{\"v\":\"text\",\"n\":20}}\n"
                "{\"op\":\"upsert\",\"key\":{\"id\":3},\"fields\":{\"v\":\"text\",\"n\":30}}\n");
            snprintf(path, sizeof(path), "%s/out/t-01D.jsonl", folder);
            unlink(path);
        }
    }
}

/* A batch that an earlier run left open goes into that run's file, and both get their names. */
static void
test_file_of_earlier_run(void **state)
{
    struct eff_delivery delivery;
    struct eff_task task = {.kind = EFF_TASK_DELIVER, .delivery = &delivery};
    eff_str memo;

    (void)state;
    open_driver(0, "01A");
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(1, "a")));
    delivery = walk_delivery(&walk, EFF_OP_UPSERT, 1, item(2, "b"));
    task.arena = &walk.arena;
    walk.dest->ops->step(walk.dest, &task, NULL, &err);
    memo = eff_str_copy(&process, delivery.memo);
    open_driver(0, "01B");
    delivery = walk_delivery(&walk, EFF_OP_UPSERT, 1, item(2, "b"));
    delivery.memo = memo;
    task.scratch = NULL;
    assert_true(walk_task(&walk, &task));
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(3, "c")));
    assert_true(finish());
    assert_contents("t-01A.jsonl",
                    "{\"op\":\"upsert\",\"key\":{\"id\":1},\"fields\":{\"v\":\"a\",\"n\":10}}\n"
                    "{\"op\":\"upsert\",\"key\":{\"id\":2},\"fields\":{\"v\":\"b\",\"n\":20}}\n");
    assert_contents("t-01B.jsonl",
                    "{\"op\":\"upsert\",\"key\":{\"id\":3},\"fields\":{\"v\":\"c\",\"n\":30}}\n");
}

static void
test_lost_answers(void **state)
{
    (void)state;
    open_driver(0, "01L");
    for (int i = 0; i < 3; i++) {
        walk.lose_next = i != 1;
        walk.drop_next = i == 1;
        assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(i, "x")));
    }
    walk.lose_next = true;
    assert_true(finish());
    assert_contents("t-01L.jsonl",
                    "{\"op\":\"upsert\",\"key\":{\"id\":0},\"fields\":{\"v\":\"x\",\"n\":0}}\n"
                    "{\"op\":\"upsert\",\"key\":{\"id\":1},\"fields\":{\"v\":\"x\",\"n\":10}}\n"
                    "{\"op\":\"upsert\",\"key\":{\"id\":2},\"fields\":{\"v\":\"x\",\"n\":20}}\n");
}

/* ---- what stops it ---- */

static void
test_damage_is_seen(void **state)
{
    struct eff_item *items = item(2, "b");
    char path[512];

    (void)state;
    open_driver(0, "01X");
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(1, "a")));
    snprintf(path, sizeof(path), "%s/out/t-01X.jsonl.part", folder);
    assert_int_equal(truncate(path, 3), 0);
    assert_false(walk_deliver(&walk, EFF_OP_UPSERT, 1, items));
    assert_int_equal(err.fault, EFF_BROKEN);
    assert_int_equal(items->verdict.outcome, EFF_NOT_APPLIED);
    assert_false(finish());
    assert_int_equal(err.fault, EFF_BROKEN);
}

static void
test_never_over_a_file(void **state)
{
    char path[512];
    FILE *file;

    (void)state;
    open_driver(0, "01O");
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(1, "a")));
    snprintf(path, sizeof(path), "%s/out/t-01O.jsonl", folder);
    file = fopen(path, "w");
    fputs("precious", file);
    fclose(file);
    assert_false(finish());
    assert_contents("t-01O.jsonl", "precious");
}

static void
test_out_of_order(void **state)
{
    struct eff_delivery delivery;
    struct eff_task task = {.kind = EFF_TASK_DELIVER, .delivery = &delivery};

    (void)state;
    open_driver(0, "01Q");
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(1, "a")));
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(2, "b")));
    delivery = walk_delivery(&walk, EFF_OP_UPSERT, 1, item(1, "a"));
    delivery.memo = eff_str_printf(&process, "0 %s/out/t-01Q.jsonl", folder);
    task.arena = &walk.arena;
    assert_false(walk_task(&walk, &task));
    assert_int_equal(err.fault, EFF_BROKEN);
    delivery.memo = EFF_STR("nonsense");
    delivery.scratch = NULL;
    assert_false(walk_task(&walk, &task));
    assert_int_equal(err.fault, EFF_BROKEN);
    assert_true(finish());
    assert_int_equal(contents("t-01Q.jsonl").len, 2 * 57);
}

static void
test_names(void **state)
{
    static const char *const bad[] = {"../x",    "/x", "a/b",  ".",    "..",
                                      ".hidden", "",   "a\nb", "a\\b", "\xff"};

    (void)state;
    open_driver(0, "01A");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(walk_bind(&walk, bad[i], EFF_MODE_UPSERT, 1, match_id, 2, fields_vn),
                         EFF_CONFIG);
    assert_int_equal(walk_bind(&walk, "t", EFF_MODE_UPDATE, 1, match_id, 2, fields_vn), EFF_CONFIG);
    assert_int_equal(walk_bind(&walk, "t", EFF_MODE_MEMBERS, 1, match_id, 2, fields_vn),
                     EFF_CONFIG);
    assert_int_equal(walk_bind(&walk, "t", EFF_MODE_APPEND, 1, match_id, 2, fields_vn), EFF_OK);
}

static void
test_folder_and_modes(void **state)
{
    struct stat st;
    char path[512];

    (void)state;
    open_driver(0, "01M");
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(1, "a"))); // made on the way
    assert_true(finish());
    snprintf(path, sizeof(path), "%s/out/t-01M.jsonl", folder);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    config.path = eff_str_printf(&process, "%s/no/such", folder);
    open_driver(0, "01M");
    assert_false(walk_deliver(&walk, EFF_OP_UPSERT, 1, item(1, "a")));
    assert_int_equal(err.fault, EFF_BROKEN);
}

static int
setup(void **state)
{
    (void)state;
    eff_arena_init(&process, "process", (size_t)1 << 30);
    folder = testos_folder();
    config = (struct file_like){.path = eff_str_printf(&process, "%s/out", folder)};
    return eff_os_real(&process, &os, &err) == EFF_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    eff_os_real_close(os);
    walk_close(&walk);
    walk = (struct walk){0};
    testos_remove(folder);
    free(folder);
    eff_arena_deinit(&process);
    return 0;
}

int
main(void)
{
#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(test_jsonl),
        EACH(test_csv),
        EACH(test_formulas),
        EACH(test_column_names_told_apart),
        EACH(test_nothing_written),
        EACH(test_dies_anywhere),
        EACH(test_file_of_earlier_run),
        EACH(test_lost_answers),
        EACH(test_damage_is_seen),
        EACH(test_never_over_a_file),
        EACH(test_out_of_order),
        EACH(test_names),
        EACH(test_folder_and_modes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
