// links: base flow os conf state record testlib
/*
 * Goal: memory that ends while something is written down is told, and nothing is written that
 * says anything else than what was to be said: no verdict turns into another, no state into an
 * empty one, no file is half.
 * Method: the n-th time that a buffer grows fails, for every n, in each of the room's writers;
 * what comes of it is a fault, or reads back as it was given.
 * covers: F9
 */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/place.h"
#include "record/record.h"
#include "state/export.h"
#include "state/history.h"
#include "state/scatter.h"

#define SYNC EFF_STR("rows")
#define RUN  EFF_STR("01HZZZZZZZZZZZZZZZZZZZZZZZ")
#define ROWS 40

static struct place place;
static struct eff_err err;
static char long_text[400]; /* more than a buffer has at first */
static eff_str identity;

/* ---- memory that ends once ---- */

static size_t grown, fails_at; /* 0: never */

void *
realloc(void *ptr, size_t size)
{
    static void *(*real)(void *, size_t);

    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "realloc");
    if (fails_at > 0 && ++grown == fails_at)
        return NULL;
    return real(ptr, size);
}

/* What is written, and whether it is there then as it was given. */
struct writing {
    void (*before)(void);
    enum eff_fault (*write)(void);
    void (*after)(void);
};

/* For every n; then once without. At least `most` times a buffer grows. */
static void
each_growth_fails(const struct writing *writing, size_t least)
{
    bool failed = true;

    for (size_t n = 1; failed; n++) {
        enum eff_fault fault;

        writing->before();
        err = (struct eff_err){0};
        grown = 0;
        fails_at = n;
        fault = writing->write();
        failed = grown >= n;
        fails_at = 0;
        if (fault != EFF_OK) {
            assert_true(failed);
            assert_int_equal(fault, EFF_BROKEN);
            assert_non_null(strstr(err.msg, "out of memory"));
            assert_int_equal(writing->write(), EFF_OK);
        }
        writing->after();
        assert_true(failed || n > least);
    }
}

static void
nothing(void)
{
}

/* ---- the change file ---- */

static const eff_str field_name = {"Email", 5};
static struct eff_changes_names names;
static struct eff_batch_ref batches[ROWS];
static uint64_t digest;

static const char *
changes_path(void)
{
    return eff_str_printf(&place.arena, "%s/changes-01", place.folder).ptr;
}

static struct eff_item
item_of(struct eff_value *values, uint64_t n)
{
    values[0] = eff_value_of_int(EFF_INT, (int64_t)n);
    values[1] = eff_value_of_str(EFF_TEXT, (eff_str){long_text, sizeof long_text});
    return (struct eff_item){
        .key = {n, n}, .key_json = EFF_STR("{\"id\":7}"), .match = values, .fields = values + 1};
}

static enum eff_fault
changes_rows(struct eff_changes_writer *writer)
{
    struct eff_value values[2];
    const struct eff_chunk *chunks;
    size_t count;

    for (uint64_t i = 0; i < ROWS; i++) {
        struct eff_item item = item_of(values, i);
        struct eff_acknowledged ack = {.key = {i, i}, .row = i, .identity = identity};

        EFF_TRY(eff_changes_add(writer, EFF_OP_UPSERT, EFF_GROUP_FREE, &item, &ack, &err));
        EFF_TRY(eff_changes_cut(writer, EFF_OP_UPSERT, EFF_GROUP_FREE, 1, &err));
        batches[i] =
            (struct eff_batch_ref){.op = EFF_OP_UPSERT, .rows = 1, .first_chunk = i, .chunks = 1};
    }
    EFF_TRY(eff_changes_chunks(writer, &count, &chunks, &err));
    assert_int_equal(count, ROWS);
    return eff_changes_seal(writer, batches, ROWS, &digest, &err);
}

static enum eff_fault
write_changes(void)
{
    struct eff_changes_writer *writer;
    enum eff_fault fault;

    names =
        (struct eff_changes_names){{long_text, sizeof long_text}, 1, &field_name, 1, &field_name};
    EFF_TRY(eff_changes_create(&place.world.os, changes_path(), false, &names, &place.arena,
                               &writer, &err));
    fault = changes_rows(writer);
    eff_changes_writer_close(writer);
    return fault;
}

static void
read_changes(void)
{
    struct eff_changes *changes;
    struct eff_acknowledged *acks;
    struct eff_delivery d;

    assert_int_equal(
        eff_changes_open(&place.world.os, changes_path(), &place.arena, &changes, &err), EFF_OK);
    assert_true(eff_changes_digest(changes) == digest);
    assert_true(eff_str_eq(eff_changes_names(changes)->object, names.object));
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(eff_changes_load(changes, i, &place.arena, &d, &acks, &err), EFF_OK);
        assert_int_equal(d.items[0].match[0].i, i);
        assert_int_equal(eff_value_str(&d.items[0].fields[0]).len, sizeof long_text);
        assert_true(eff_str_eq(acks[0].identity, identity));
    }
    eff_changes_close(changes);
}

static void
test_the_change_file(void **state)
{
    (void)state;
    each_growth_fails(
        &(struct writing){.before = nothing, .write = write_changes, .after = read_changes}, 10);
}

/* ---- the history ---- */

static enum eff_fault
history_rows(struct eff_history_writer *writer)
{
    struct eff_value values[2];

    for (uint64_t i = 0; i < ROWS; i++) {
        struct eff_item item = item_of(values, i);

        EFF_TRY(eff_history_add(writer, EFF_OP_UPSERT, &item, i, EFF_APPLIED, EFF_STR("r1"), &err));
    }
    return eff_history_commit(writer, &err);
}

static enum eff_fault
write_history(void)
{
    struct eff_history_writer *writer;
    enum eff_fault fault;

    names = (struct eff_changes_names){.fields_count = 1, .field_names = &field_name};
    EFF_TRY(eff_history_create(&place.world.os, place.folder, RUN, &names, 5, &place.arena, &writer,
                               &err));
    fault = history_rows(writer);
    eff_history_writer_close(writer);
    return fault;
}

static void
read_history(void)
{
    struct eff_history_row *rows;
    size_t count;

    for (uint64_t i = 0; i < ROWS; i++) {
        struct eff_hash128 key = {i, i};

        assert_int_equal(eff_history_find(&place.world.os, place.folder, key, 2, &place.arena,
                                          &count, &rows, &err),
                         EFF_OK);
        assert_int_equal(count, 1);
        assert_true(eff_str_is(rows[0].remote_id, "r1"));
        assert_int_equal(rows[0].fields_count, 1);
    }
}

static void
test_the_history(void **state)
{
    (void)state;
    each_growth_fails(
        &(struct writing){.before = nothing, .write = write_history, .after = read_history}, 4);
}

/* Of a run that delivered nothing only the head is written. */
static enum eff_fault
write_no_history(void)
{
    struct eff_history_writer *writer;
    enum eff_fault fault;

    names = (struct eff_changes_names){.fields_count = 1, .field_names = &field_name};
    EFF_TRY(eff_history_create(&place.world.os, place.folder, RUN, &names, 5, &place.arena, &writer,
                               &err));
    fault = eff_history_commit(writer, &err);
    eff_history_writer_close(writer);
    return fault;
}

static void
read_no_history(void)
{
    const char *path =
        eff_str_printf(&place.arena, "%s/history-01HZZZZZZZZZZZZZZZZZZZZZZZ", place.folder).ptr;
    bool whole;

    assert_int_equal(eff_history_check(&place.world.os, path, place.arena, &whole, &err), EFF_OK);
    assert_true(whole);
}

static void
test_a_history_of_nothing(void **state)
{
    (void)state;
    each_growth_fails(
        &(struct writing){.before = nothing, .write = write_no_history, .after = read_no_history},
        1);
}

/* ---- the snapshot ---- */

static enum eff_fault
snapshot_rows(struct eff_snapshot_writer *writer)
{
    struct eff_snapshot_head head;

    for (uint64_t i = 0; i < ROWS; i++) {
        struct eff_entry entry = {{i << 32, i}, i};

        EFF_TRY(eff_snapshot_set(writer, &entry, (eff_str){long_text, sizeof long_text}, &err));
    }
    return eff_snapshot_commit(writer, &head, &err);
}

static enum eff_fault
write_snapshot(void)
{
    static const struct eff_snapshot_column column = {.id = 1,
                                                      .field = {long_text, sizeof long_text}};
    struct eff_snapshot_writer *writer;
    enum eff_fault fault;

    EFF_TRY(eff_snapshot_writer_open(&place.world.os, place.folder, NULL, &column, 1, true,
                                     (size_t)1 << 20, &place.arena, &writer, &err));
    fault = snapshot_rows(writer);
    eff_snapshot_writer_close(writer);
    return fault;
}

static void
read_snapshot(void)
{
    struct eff_snapshot *snapshot;
    struct eff_entry entry;
    eff_str text;
    bool found;

    assert_int_equal(
        eff_snapshot_open(&place.world.os, place.folder, &place.arena, &snapshot, &err), EFF_OK);
    for (uint64_t i = 0; i < ROWS; i++) {
        struct eff_hash128 key = {i << 32, i};

        assert_int_equal(
            eff_snapshot_find(snapshot, key, &found, &entry, &place.arena, &text, &err), EFF_OK);
        assert_true(found && entry.row == i);
        assert_true(eff_str_eq(text, (eff_str){long_text, sizeof long_text}));
    }
    eff_snapshot_close(snapshot);
}

static void
test_the_snapshot(void **state)
{
    (void)state;
    each_growth_fails(
        &(struct writing){.before = nothing, .write = write_snapshot, .after = read_snapshot}, 8);
}

/* A row that is too large to be loaded with the others of its partition. */
static void
test_a_large_row_on_disk(void **state)
{
    struct eff_scatter_config config = {
        .os = &place.world.os, .folder = place.folder, .memory_bytes = 256 << 10};
    struct eff_scatter_item item = {.key = {1, 1}};
    struct eff_scatter_part part;
    struct eff_scatter *scatter;
    eff_str bytes, row = {eff_new(&place.arena, char, 1 << 20), 1 << 20};

    (void)state;
    assert_int_equal(eff_scatter_open(&config, &place.arena, &scatter, &err), EFF_OK);
    assert_int_equal(eff_scatter_add_item(scatter, &item, row, &err), EFF_OK);
    while (eff_scatter_next(scatter, &part) && part.items == 0)
        ;
    grown = 0;
    fails_at = 1;
    assert_int_equal(eff_scatter_blob(scatter, &item, &bytes, &err), EFF_BROKEN);
    fails_at = 0;
    assert_non_null(strstr(err.msg, "out of memory for a row of 1048576 bytes"));
    assert_int_equal(eff_scatter_blob(scatter, &item, &bytes, &err), EFF_OK);
    assert_true(eff_str_eq(bytes, row));
    eff_scatter_close(scatter);
}

/* ---- what was acknowledged ---- */

/* The key, and the id over there. */
static eff_str
identity_of(eff_str remote_id)
{
    struct eff_buf buf = {0};
    eff_str copy;

    eff_buf_add_slice(&buf, (eff_str){long_text, sizeof long_text});
    eff_buf_add_slice(&buf, remote_id);
    copy = eff_str_copy(&place.arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return copy;
}

static enum eff_fault
write_record(void)
{
    static const char verdict[] = {0x10 | EFF_APPLIED, 2, 0, 0, 0, 'r', '1'};
    static const struct eff_snapshot_column column = {.id = 1, .field = {"Email", 5}};
    static struct eff_settled settled[ROWS];
    struct eff_arena scratch;
    struct eff_recording recording = {.os = &place.world.os,
                                      .folder = place.folder,
                                      .run_id = RUN,
                                      .columns_count = 1,
                                      .columns = &column,
                                      .with_identities = true,
                                      .memory_bytes = (size_t)1 << 20,
                                      .settled_count = ROWS,
                                      .settled = settled,
                                      .now_ms = 5,
                                      .run = &place.arena,
                                      .batch = &scratch};
    enum eff_fault fault;

    for (size_t i = 0; i < ROWS; i++)
        settled[i] = (struct eff_settled){
            .batch = i, .settled = true, .verdicts = {verdict, sizeof verdict}};
    EFF_TRY(
        eff_changes_open(&place.world.os, changes_path(), &place.arena, &recording.changes, &err));
    eff_arena_init(&scratch, "batch", (size_t)1 << 20);
    fault = eff_record_run(&recording, &err);
    eff_arena_deinit(&scratch);
    eff_changes_close(recording.changes);
    return fault;
}

static void
read_record(void)
{
    eff_str wanted = identity_of(EFF_STR("r1")), text;
    struct eff_snapshot *snapshot;
    struct eff_entry entry;
    bool found;

    assert_int_equal(
        eff_snapshot_open(&place.world.os, place.folder, &place.arena, &snapshot, &err), EFF_OK);
    for (uint64_t i = 0; i < ROWS; i++) {
        struct eff_hash128 key = {i, i};

        assert_int_equal(
            eff_snapshot_find(snapshot, key, &found, &entry, &place.arena, &text, &err), EFF_OK);
        assert_true(found && entry.row == i && eff_str_eq(text, wanted));
    }
    eff_snapshot_close(snapshot);
    read_history();
}

static void
test_what_was_acknowledged(void **state)
{
    (void)state;
    assert_int_equal(write_changes(), EFF_OK);
    each_growth_fails(
        &(struct writing){.before = nothing, .write = write_record, .after = read_record}, 40);
}

/* ---- the manifest of an export ---- */

static struct eff_export export_;

static void
make_export(void)
{
    static struct eff_export_sync syncs[ROWS];

    for (size_t i = 0; i < ROWS; i++)
        syncs[i] = (struct eff_export_sync){
            .name = eff_str_printf(&place.arena, "sync-%zu", i), .rows = i, .no_folder = true};
    export_ = (struct eff_export){.efferent = EFF_STR("1"),
                                  .project = EFF_STR("p"),
                                  .control = {.name = EFF_STR(EFF_EXPORT_CONTROL)},
                                  .syncs_count = ROWS,
                                  .syncs = syncs};
}

static enum eff_fault
write_manifest(void)
{
    return eff_export_commit(&place.world.os, place.folder, &export_, &err);
}

static void
read_manifest(void)
{
    struct eff_export read;

    assert_int_equal(eff_export_read(&place.world.os, place.folder, &place.arena, &read, &err),
                     EFF_OK);
    assert_int_equal(read.syncs_count, ROWS);
    assert_true(eff_str_is(read.syncs[ROWS - 1].name, "sync-39"));
}

static void
test_the_manifest(void **state)
{
    (void)state;
    each_growth_fails(
        &(struct writing){.before = make_export, .write = write_manifest, .after = read_manifest},
        3);
}

/* ---- control.db ---- */

static struct eff_control *control;
static size_t batch;
static struct eff_item items[ROWS];
static struct eff_acknowledged acks[ROWS];

static void
open_control(void)
{
    assert_int_equal(
        eff_control_open(&place.world.os, place.folder, false, false, &place.arena, &control, &err),
        EFF_OK);
}

static void
another_batch(void)
{
    static struct eff_value values[2];

    batch++;
    for (size_t i = 0; i < ROWS; i++) {
        items[i] = item_of(values, batch * ROWS + i);
        acks[i] = (struct eff_acknowledged){.key = items[i].key, .row = i};
        items[i].verdict = (struct eff_verdict){.outcome = i % 2 ? EFF_APPLIED : EFF_REFUSED,
                                                .fault = i % 2 ? EFF_OK : EFF_ROW};
        if (i % 2)
            items[i].verdict.remote_id = EFF_STR("remote id");
    }
}

static enum eff_fault
settle(void)
{
    const struct eff_delivery delivery = {.op = EFF_OP_UPSERT,
                                          .match_count = 1,
                                          .match_names = &field_name,
                                          .fields_count = 1,
                                          .field_names = &field_name,
                                          .count = ROWS,
                                          .items = items};

    return eff_control_settle(control, SYNC, RUN, batch, 1, &delivery, acks, 1, 2, true, false,
                              &err);
}

static void
read_verdicts(void)
{
    struct eff_settled_row rows[ROWS];
    struct eff_ledger_row row;
    struct eff_settled *settled;
    size_t count;
    bool found;

    assert_int_equal(eff_control_settled(control, RUN, &place.arena, &count, &settled, &err),
                     EFF_OK);
    assert_int_equal(settled[count - 1].batch, batch);
    assert_true(eff_verdicts_read(settled[count - 1].verdicts, ROWS, rows));
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(rows[i].outcome, items[i].verdict.outcome);
        assert_true(eff_str_eq(rows[i].remote_id, items[i].verdict.remote_id));
        assert_int_equal(
            eff_control_ledger_get(control, SYNC, items[i].key, &place.arena, &found, &row, &err),
            EFF_OK);
        assert_int_equal(found, i % 2 == 0);
        if (found)
            assert_int_equal(row.sent.len, sizeof "{\"Email\":\"\"}" - 1 + sizeof long_text);
    }
}

static void
test_verdicts(void **state)
{
    (void)state;
    open_control();
    each_growth_fails(
        &(struct writing){.before = another_batch, .write = settle, .after = read_verdicts}, 20);
    eff_control_close(control);
}

static struct eff_sync_state known;
static char *deep; /* the path of a state, longer than a buffer is at first */

static enum eff_fault
open_deep(void)
{
    return eff_control_open(&place.world.os, deep, true, false, &place.arena, &control, &err);
}

static void
it_is_the_same(void)
{
    struct eff_sync_state now;

    assert_int_equal(eff_control_sync(control, &place.world.os, SYNC, &place.arena, &now, &err),
                     EFF_OK);
    assert_memory_equal(&now.secret, &known.secret, sizeof now.secret);
    eff_control_close(control);
}

static void
test_the_state_is_not_taken_for_a_new_one(void **state)
{
    (void)state;
    deep = eff_str_c(&place.arena, eff_str_printf(&place.arena, "%s/%0200d", place.folder, 0));
    assert_int_equal(
        eff_control_open(&place.world.os, deep, false, false, &place.arena, &control, &err),
        EFF_OK);
    assert_int_equal(eff_control_sync(control, &place.world.os, SYNC, &place.arena, &known, &err),
                     EFF_OK);
    eff_control_close(control);
    each_growth_fails(
        &(struct writing){.before = nothing, .write = open_deep, .after = it_is_the_same}, 0);
}

static int
set_up(void **state)
{
    (void)state;
    memset(long_text, 'x', sizeof long_text);
    place_open(&place, (size_t)4 << 30);
    identity = identity_of(EFF_STR_NONE);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    place_close(&place);
    return 0;
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        IN_PLACE(test_the_change_file),
        IN_PLACE(test_the_history),
        IN_PLACE(test_a_history_of_nothing),
        IN_PLACE(test_the_snapshot),
        IN_PLACE(test_a_large_row_on_disk),
        IN_PLACE(test_what_was_acknowledged),
        IN_PLACE(test_the_manifest),
        IN_PLACE(test_verdicts),
        IN_PLACE(test_the_state_is_not_taken_for_a_new_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
