// links: sandbox base
/*
 * Goal: the store keeps what it is given: through transactions that nest, in
 * its index of keys, over a restart, and as it was some time ago.
 * Method: the store alone, in memory and in a file, with a shape made here.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

#include "sandbox/records.h"

enum { KEY, NAME, SCORE };

struct fixture {
    struct eff_arena arena;
    struct eff_shapes shapes;
    struct eff_shape *shape;
    struct eff_records *records;
};

static const struct eff_field_row rows[] = {
    {"key", "Key", EFF_FIELD_TEXT, 255, 0, EFF_FIELD_KEY | EFF_FIELD_UNIQUE, NULL, NULL},
    {"name", "Name", EFF_FIELD_TEXT, 255, 0, 0, NULL, NULL},
    {"score", "Score", EFF_FIELD_NUMBER, 18, 2, 0, NULL, NULL},
};

static void
open_store(struct fixture *f, const char *path)
{
    struct eff_err err = {0};

    assert_int_equal(eff_records_open(path, "test", &f->records, &err), EFF_OK);
}

static int
setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    eff_arena_init(&f->arena, "test", (size_t)64 << 20);
    f->shapes.arena = &f->arena;
    f->shape = eff_shape_add(&f->shapes, EFF_STR("thing"), EFF_STR("Thing"), EFF_STR("t"));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        eff_shape_add_field(&f->shapes, f->shape, &rows[i]);
    open_store(f, NULL);
    *state = f;
    return 0;
}

static int
teardown(void **state)
{
    struct fixture *f = *state;

    eff_records_close(f->records);
    eff_arena_deinit(&f->arena);
    free(f);
    return 0;
}

static struct eff_cell
text(const char *value)
{
    return (struct eff_cell){EFF_CELL_TEXT, eff_str_of(value)};
}

static int64_t
insert(struct fixture *f, const char *key, const char *name, int64_t now)
{
    struct eff_cell cells[3] = {text(key), text(name), {EFF_CELL_NUMBER, EFF_STR("1.5")}};

    return eff_records_insert(f->records, f->shape, cells, now);
}

static size_t
found(struct fixture *f, const char *key)
{
    int64_t seqs[8];

    return eff_records_find(f->records, f->shape, &f->shape->fields[KEY], eff_str_of(key), seqs, 8);
}

static void
rename_to(struct fixture *f, int64_t seq, const char *key, const char *name, int64_t now,
          int64_t lag)
{
    struct eff_cell cells[3] = {key == NULL ? (struct eff_cell){0} : text(key), text(name), {0}};
    struct eff_record record;

    assert_true(eff_records_get(f->records, f->shape, seq, &f->arena, &record));
    eff_records_update(f->records, &record, cells, now, lag, &f->arena);
}

static void
keeps_each_kind_of_value(void **state)
{
    struct fixture *f = *state;
    struct eff_cell cells[3] = {
        {EFF_CELL_TEXT, {"a\0b", 3}}, {EFF_CELL_NULL, {NULL, 0}}, {EFF_CELL_BOOL, EFF_STR("true")}};
    int64_t seq = eff_records_insert(f->records, f->shape, cells, 77);
    struct eff_record record;

    assert_true(eff_records_get(f->records, f->shape, seq, &f->arena, &record));
    assert_int_equal(record.created_ms, 77);
    assert_true(eff_str_eq(record.cells[0].text, (eff_str){"a\0b", 3}));
    assert_true(eff_cell_null(record.cells[1]));
    assert_int_equal(record.cells[2].kind, EFF_CELL_BOOL);
    assert_false(eff_records_get(f->records, f->shape, seq + 1, &f->arena, &record));
}

static void
keys_are_found_in_any_case_and_follow_updates(void **state)
{
    struct fixture *f = *state;
    int64_t seq = insert(f, "Key-1", "A", 1);
    struct eff_record record;

    insert(f, "KEY-2", "B", 1);
    insert(f, "key-2", "twin", 1);
    assert_int_equal(found(f, "kEY-1"), 1);
    assert_int_equal(found(f, "key-2"), 2);
    rename_to(f, seq, "other", "A", 2, 0);
    assert_int_equal(found(f, "key-1"), 0);
    assert_int_equal(found(f, "OTHER"), 1);
    assert_true(eff_records_get(f->records, f->shape, seq, &f->arena, &record));
    eff_records_delete(f->records, &record, 3);
    assert_int_equal(found(f, "other"), 0);
    assert_int_equal(eff_records_count(f->records, f->shape, false), 2);
    assert_int_equal(eff_records_count(f->records, f->shape, true), 1);
    f->shape->fields[NAME].flags |= EFF_FIELD_KEY | EFF_FIELD_CASE;
    eff_records_reindex(f->records, f->shape, f->arena);
    assert_int_equal(
        eff_records_find(f->records, f->shape, &f->shape->fields[NAME], EFF_STR("B"), &seq, 1), 1);
    assert_int_equal(
        eff_records_find(f->records, f->shape, &f->shape->fields[NAME], EFF_STR("b"), &seq, 1), 0);
}

static void
transactions_nest(void **state)
{
    struct fixture *f = *state;

    eff_records_begin(f->records);
    insert(f, "a", "A", 1);
    eff_records_begin(f->records);
    insert(f, "b", "B", 1);
    eff_records_begin(f->records);
    insert(f, "c", "C", 1);
    eff_records_commit(f->records);
    eff_records_rollback(f->records);
    assert_int_equal(found(f, "a") * 100 + found(f, "b") * 10 + found(f, "c"), 100);
    eff_records_commit(f->records);
    assert_int_equal(eff_records_count(f->records, f->shape, false), 1);
    eff_records_begin(f->records);
    insert(f, "d", "D", 1);
    eff_records_rollback(f->records);
    assert_int_equal(found(f, "d"), 0);
    assert_null(eff_records_broken(f->records));
}

/* Two writes within the lag: the one before both is what is seen. */
static void
shows_the_past(void **state)
{
    struct fixture *f = *state;
    int64_t seq = insert(f, "a", "one", 1000);
    struct eff_record record;
    struct eff_scan scan;
    static const struct {
        int64_t at;
        const char *name;
    } views[] = {{999, NULL},   {1000, "one"}, {4999, "one"},
                 {5000, "one"}, {5499, "one"}, {5500, "three"}};

    rename_to(f, seq, NULL, "two", 5000, 1000);
    rename_to(f, seq, NULL, "three", 5500, 1000);
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        scan = (struct eff_scan){.shape = f->shape, .as_of_ms = views[i].at};
        assert_int_equal(eff_records_next(f->records, &scan, &f->arena, &record),
                         views[i].name != NULL);
        if (views[i].name != NULL)
            assert_true(eff_str_is(record.cells[NAME].text, views[i].name));
    }
}

static void
links_have_kinds_and_ends(void **state)
{
    struct fixture *f = *state;
    struct eff_link at = {.from = 1, .from_type = 7, .to_type = 8};
    int seen = 0;

    for (int64_t to = 1; to <= 3; to++)
        for (int64_t kind = 1; kind <= 2; kind++)
            eff_records_link(f->records, (struct eff_link){1, to, kind, 7, 8});
    eff_records_link(f->records, (struct eff_link){1, 1, 1, 7, 8}); // once more
    eff_records_link(f->records, (struct eff_link){1, 1, 1, 8, 8}); // another type
    assert_int_equal(eff_records_unlink(f->records, (struct eff_link){1, 2, 1, 7, 8}), 1);
    assert_int_equal(eff_records_unlink(f->records, (struct eff_link){1, 3, 0, 7, 8}), 2);
    while (eff_records_next_link(f->records, &at))
        seen = seen * 100 + (int)(at.to * 10 + at.kind);
    assert_int_equal(seen, 111222);
}

static void
a_file_keeps_everything(void **state)
{
    struct fixture *f = *state;
    const char *path = "records.db";

    unlink(path);
    eff_records_close(f->records);
    open_store(f, path);
    insert(f, "a", "A", 1);
    eff_records_note(f->records, "schema", EFF_STR("text"));
    eff_records_close(f->records);
    open_store(f, path);
    assert_int_equal(found(f, "a"), 1);
    assert_true(eff_str_is(eff_records_noted(f->records, "schema", &f->arena), "text"));
    eff_records_clear(f->records);
    assert_int_equal(eff_records_count(f->records, f->shape, false), 0);
    assert_null(eff_records_noted(f->records, "schema", &f->arena).ptr);
}

static void
what_is_no_database_is_refused(void **state)
{
    struct eff_records *records = NULL;
    struct eff_err err = {0};

    (void)state;
    assert_int_equal(eff_records_open("/proc/self/cmdline", "test", &records, &err), EFF_CONFIG);
    assert_null(records);
    assert_true(err.msg[0] != '\0' && err.hint[0] != '\0');
}

/* A change of the schema as a document, and the schema back from its own JSON. */
static void
shapes_survive_their_own_json(void **state)
{
    struct fixture *f = *state;
    struct eff_buf first = {0}, second = {0};
    struct eff_json_writer w = {.buf = &first}, v = {.buf = &second};
    struct eff_shapes copy = {.arena = &f->arena};
    const struct eff_json *root;
    struct eff_err err = {0};

    f->shape->fields[SCORE].gone = true;
    eff_shapes_write(&w, &f->shapes);
    assert_int_equal(eff_json_parse(eff_buf_str(&first), &f->arena, &root, &err), EFF_OK);
    assert_int_equal(eff_shapes_read(&copy, root, &err), EFF_OK);
    eff_shapes_write(&v, &copy);
    assert_true(eff_str_eq(eff_buf_str(&first), eff_buf_str(&second)));
    assert_null(eff_shape_field(&copy, copy.at[0], EFF_STR("score")));
    eff_buf_free(&first);
    eff_buf_free(&second);
}

static void
schema_changes_are_checked(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *document;
        bool fine;
    } changes[] = {
        {"{\"object\":\"thing\",\"rename\":{\"from\":\"name\",\"to\":\"title\"}}", true},
        {"{\"object\":\"thing\",\"rename\":{\"from\":\"name\",\"to\":\"x\"}}", false},
        {"{\"object\":\"thing\",\"rename\":{\"from\":\"title\",\"to\":\"key\"}}", false},
        {"{\"object\":\"thing\",\"remove\":\"score\"}", true},
        {"{\"object\":\"thing\",\"remove\":\"score\"}", false},
        {"{\"object\":\"thing\",\"add\":{\"name\":\"score\",\"type\":\"choice\",\"choices\":[\"a\"]}}",
         true},
        {"{\"object\":\"thing\",\"add\":{\"name\":\"score\"}}", false},
        {"{\"object\":\"thing\",\"add\":{\"name\":\"z\",\"type\":\"colour\"}}", false},
        {"{\"object\":\"thing\",\"add\":{\"name\":\"z\",\"colour\":1}}", false},
        {"{\"object\":\"thing\",\"change\":{\"name\":\"key\",\"type\":\"number\",\"unique\":false}}",
         true},
        {"{\"object\":\"thing\",\"change\":{\"name\":\"key\",\"length\":-1}}", false},
        {"{\"object\":\"nothing\",\"remove\":\"key\"}", false},
        {"{\"object\":\"thing\"}", false},
        {"[]", false},
    };

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        const struct eff_json *root;
        struct eff_err err = {0};

        assert_int_equal(eff_json_parse(eff_str_of(changes[i].document), &f->arena, &root, &err),
                         EFF_OK);
        if ((eff_shapes_change(&f->shapes, root, &err) == EFF_OK) != changes[i].fine)
            fail_msg("%s: %s", changes[i].document, err.msg);
    }
    assert_int_equal(f->shape->fields[KEY].type, EFF_FIELD_NUMBER);
    assert_int_equal(f->shape->fields[KEY].flags, EFF_FIELD_KEY);
    assert_int_equal(f->shape->count, 4);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_each_kind_of_value, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_are_found_in_any_case_and_follow_updates, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(transactions_nest, setup, teardown),
        cmocka_unit_test_setup_teardown(shows_the_past, setup, teardown),
        cmocka_unit_test_setup_teardown(links_have_kinds_and_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_keeps_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_database_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(shapes_survive_their_own_json, setup, teardown),
        cmocka_unit_test_setup_teardown(schema_changes_are_checked, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
