/*
 * Goal: rows end up in a table as the operation says, one poison row costs itself
 * only, every item gets a verdict, and what stops a run names the thing to mend.
 * Method: the same deliveries against a real SQLite file and a real PostgreSQL,
 * compared with what the table then holds; hostile names; the table as described.
 * covers: B3, B20, C17, S10
 */
// links: testlib dest conf os flow base
// timeout: 240
#include <sqlite3.h>
#include <unistd.h>

#include "lib/destwalk.h"

static struct pg_cluster cluster;
static bool have_pg;
static char folder[] = "/tmp/eff-dest-XXXXXX", sqlite_path[64];
static struct walk walk;

struct sqlite_like { /* as the drivers' own config structs */
    eff_str path;
};
struct postgres_like {
    eff_str url, schema;
};
static struct sqlite_like sqlite_config;
static struct postgres_like postgres_config;

static const eff_str match_id[] = {{"id", 2}};
static const eff_str fields_vn[] = {{"v", 1}, {"n", 1}};

static void
make_table(const char *sql)
{
    char *message = NULL;
    sqlite3 *db;

    if (place.dialect == EFF_SQL_POSTGRES) {
        assert_true(pg_run(&cluster, sql));
        return;
    }
    assert_int_equal(sqlite3_open(sqlite_path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

static void
bind_vn(enum eff_mode mode)
{
    make_table("CREATE TABLE t (id bigint PRIMARY KEY, v text, n int)");
    assert_int_equal(walk_bind(&walk, "t", mode, 1, match_id, 2, fields_vn), EFF_OK);
}

/* Items of id, v, n; memory that lives as long as the test. */
static struct eff_item *
items_vn(size_t count, const int64_t *ids, const char *const *texts)
{
    struct eff_item *items = eff_new(&process, struct eff_item, count);

    for (size_t i = 0; i < count; i++) {
        struct eff_value *values = eff_new(&process, struct eff_value, 3);

        values[0] = int_value(ids[i]);
        values[1] = texts[i] ? text_value(texts[i]) : (struct eff_value){.kind = EFF_NULL};
        values[2] = int_value(ids[i] * 10);
        items[i].match = &values[0];
        items[i].fields = &values[1];
    }
    return items;
}

static void
assert_table(const char *rows)
{
    assert_string_equal(fetch("SELECT id || ':' || coalesce(v, '-') || ':' || coalesce(n, 0) FROM "
                              "t ORDER BY id"),
                        rows);
}

static void
assert_verdict(const struct eff_item *item, enum eff_outcome outcome, const char *code)
{
    if (item->verdict.outcome != outcome || !eff_str_is(item->verdict.code, code))
        fail_msg("item %zu: %s, code \"" EFF_STR_FMT "\", " EFF_STR_FMT, item->index,
                 eff_outcome_name(item->verdict.outcome), EFF_STR_ARG(item->verdict.code),
                 EFF_STR_ARG(item->verdict.message));
    assert_true((item->verdict.fault == EFF_OK) == (outcome == EFF_APPLIED));
}

static void
test_upsert(void **state)
{
    struct eff_item *items = items_vn(3, (int64_t[]){1, 2, 3}, (const char *[]){"a", NULL, ""});

    (void)state;
    bind_vn(EFF_MODE_UPSERT);
    for (int i = 0; i < 2; i++) {
        assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 3, items));
        for (int at = 0; at < 3; at++)
            assert_verdict(&items[at], EFF_APPLIED, "");
        assert_table("1:a:10,2:-:20,3::30");
    }
    assert_int_equal(walk.requests, 2);
    items = items_vn(2, (int64_t[]){2, 4}, (const char *[]){"b", "d"});
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 2, items));
    assert_table("1:a:10,2:b:20,3::30,4:d:40");
}

/* Each set of fields is a statement of its own; what is absent stays as it is. */
static void
test_subsets(void **state)
{
    struct eff_item *items =
        items_vn(4, (int64_t[]){1, 2, 3, 4}, (const char *[]){"a", "b", "c", "d"});
    struct eff_value *values;

    (void)state;
    bind_vn(EFF_MODE_UPSERT);
    make_table("INSERT INTO t VALUES (1, 'old', 1), (2, 'old', 2)");
    values = (struct eff_value *)(uintptr_t)items[1].fields;
    values[0].kind = EFF_ABSENT;
    values = (struct eff_value *)(uintptr_t)items[2].fields;
    values[1].kind = EFF_ABSENT;
    values = (struct eff_value *)(uintptr_t)items[3].fields;
    values[0].kind = values[1].kind = EFF_ABSENT;
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 4, items));
    for (int at = 0; at < 4; at++)
        assert_verdict(&items[at], EFF_APPLIED, "");
    assert_int_equal(walk.requests, 4);
    assert_table("1:a:10,2:old:20,3:c:0,4:-:0");
}

static void
test_update(void **state)
{
    struct eff_item *items = items_vn(3, (int64_t[]){1, 2, 3}, (const char *[]){"a", "b", "c"});

    (void)state;
    bind_vn(EFF_MODE_UPDATE);
    make_table("INSERT INTO t VALUES (1, 'old', 1), (3, 'old', 3)");
    assert_true(walk_deliver(&walk, EFF_OP_UPDATE, 3, items));
    assert_verdict(&items[0], EFF_APPLIED, "");
    assert_verdict(&items[1], EFF_REFUSED, "not_found");
    assert_true(eff_str_is(items[1].verdict.message, "no such record"));
    assert_verdict(&items[2], EFF_APPLIED, "");
    assert_table("1:a:10,3:c:30");
}

static void
test_create(void **state)
{
    struct eff_item *items = items_vn(3, (int64_t[]){1, 2, 3}, (const char *[]){"a", "b", "c"});

    (void)state;
    bind_vn(EFF_MODE_INSERT);
    make_table("INSERT INTO t VALUES (2, 'old', 2)");
    assert_true(walk_deliver(&walk, EFF_OP_CREATE, 3, items));
    assert_verdict(&items[0], EFF_APPLIED, "");
    assert_true(items[0].verdict.created);
    assert_verdict(&items[1], EFF_REFUSED, "exists");
    assert_verdict(&items[2], EFF_APPLIED, "");
    assert_table("1:a:10,2:old:2,3:c:30");
}

static void
test_delete_and_clear(void **state)
{
    struct eff_item *items = items_vn(3, (int64_t[]){1, 2, 3}, (const char *[]){"x", "x", "x"});

    (void)state;
    bind_vn(EFF_MODE_MIRROR);
    make_table("INSERT INTO t VALUES (1, 'a', 1), (3, 'c', 3), (4, 'd', 4)");
    items[1].fields = NULL; // a removal has no values
    assert_true(walk_deliver(&walk, EFF_OP_CLEAR, 2, items));
    assert_verdict(&items[0], EFF_APPLIED, "");
    assert_verdict(&items[1], EFF_APPLIED, ""); // not there: nothing to clear
    assert_table("1:-:0,3:c:3,4:d:4");
    for (int i = 0; i < 2; i++) {
        assert_true(walk_deliver(&walk, EFF_OP_DELETE, 3, items));
        for (int at = 0; at < 3; at++)
            assert_verdict(&items[at], EFF_APPLIED, "");
        assert_table("4:d:4");
    }
    assert_false(walk_deliver(&walk, EFF_OP_ARCHIVE, 1, items));
    assert_int_equal(err.fault, EFF_CONFIG);
}

static void
test_append(void **state)
{
    struct eff_item *items = items_vn(2, (int64_t[]){1, 1}, (const char *[]){"a", "b"});

    (void)state;
    make_table("CREATE TABLE t (id bigint, v text, n int)");
    assert_int_equal(walk_bind(&walk, "t", EFF_MODE_APPEND, 1, match_id, 2, fields_vn), EFF_OK);
    assert_true(walk_deliver(&walk, EFF_OP_APPEND, 2, items));
    assert_string_equal(fetch("SELECT v FROM t ORDER BY v"), "a,b");
}

/* C17: the record that was written moves; no second one appears. */
static void
test_rematch(void **state)
{
    struct eff_item *items = items_vn(3, (int64_t[]){11, 12, 3}, (const char *[]){"a", "b", "c"});
    struct eff_value old[] = {int_value(1), int_value(2)};

    (void)state;
    bind_vn(EFF_MODE_UPSERT);
    make_table("INSERT INTO t VALUES (1, 'old', 1), (3, 'old', 3)");
    items[0].old_match = &old[0];
    items[1].old_match = &old[1]; // is gone over there
    assert_true(walk.limits[EFF_OP_UPSERT].rematch);
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 3, items));
    for (int at = 0; at < 3; at++)
        assert_verdict(&items[at], EFF_APPLIED, "");
    assert_table("3:c:30,11:a:110,12:b:120");
    items = items_vn(1, (int64_t[]){3}, (const char *[]){"z"});
    old[0] = int_value(11);
    items[0].old_match = &old[0];
    assert_true(walk_deliver(&walk, EFF_OP_UPDATE, 1, items)); // 3 is taken
    assert_verdict(&items[0], EFF_REFUSED, place.dialect == EFF_SQL_SQLITE ? "1555" : "23505");
    assert_true(walk_deliver(&walk, EFF_OP_DELETE, 1, items)); // the record as it is now
    assert_table("3:c:30,12:b:120");
}

/* B3: the others land, at a logarithmic price, wherever the bad one stands. */
static void
test_poison_row(void **state)
{
    enum { ROWS = 560 };
    static int64_t ids[ROWS];
    static const char *texts[ROWS];
    static const size_t places[] = {0, 1, 279, 280, 559};

    (void)state;
    make_table("CREATE TABLE t (id bigint PRIMARY KEY, v text NOT NULL, n int)");
    walk_bind(&walk, "t", EFF_MODE_UPSERT, 1, match_id, 2, fields_vn);
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct eff_item *items;
        unsigned before = walk.requests;

        for (size_t row = 0; row < ROWS; row++) {
            ids[row] = (int64_t)(row + 1000 * i);
            texts[row] = row == places[i] ? NULL : "v";
        }
        items = items_vn(ROWS, ids, texts);
        assert_true(walk_deliver(&walk, EFF_OP_UPSERT, ROWS, items));
        for (size_t row = 0; row < ROWS; row++)
            assert_verdict(&items[row], row == places[i] ? EFF_REFUSED : EFF_APPLIED,
                           row != places[i]                  ? ""
                           : place.dialect == EFF_SQL_SQLITE ? "1299"
                                                             : "23502");
        assert_true(eff_str_is(items[places[i]].verdict.field, "v"));
        assert_int_equal(items[places[i]].verdict.fault, EFF_ROW);
        assert_true(walk.requests - before <= 1 + 2 * 10);
    }
    assert_string_equal(fetch("SELECT count(*) FROM t"), "2795");
}

/* In a delivery of several statements the ones before it are not sent again. */
static void
test_poison_in_second_group(void **state)
{
    struct eff_item *items =
        items_vn(6, (int64_t[]){1, 2, 3, 4, 5, 6}, (const char *[]){"a", "b", "c", NULL, "e", "f"});

    (void)state;
    make_table("CREATE TABLE t (id bigint, v text CHECK (v <> 'c'), n int)");
    walk_bind(&walk, "t", EFF_MODE_APPEND, 1, match_id, 2, fields_vn);
    for (int i = 1; i < 6; i++)
        ((struct eff_value *)(uintptr_t)items[i].fields)[1].kind = EFF_ABSENT;
    assert_true(walk_deliver(&walk, EFF_OP_APPEND, 6, items));
    for (int i = 0; i < 6; i++)
        if (i != 2)
            assert_verdict(&items[i], EFF_APPLIED, "");
    assert_int_equal(items[2].verdict.outcome, EFF_REFUSED);
    assert_string_equal(fetch("SELECT id FROM t ORDER BY id"), "1,2,4,5,6");
}

/* B20: two records match, and none of them is picked. */
static void
test_twins(void **state)
{
    struct eff_item *items = items_vn(2, (int64_t[]){1, 2}, (const char *[]){"a", "b"});

    (void)state;
    make_table("CREATE TABLE t (id bigint, v text, n int)");
    make_table("INSERT INTO t VALUES (1, 'x', 0), (1, 'y', 0), (2, 'z', 0)");
    walk_bind(&walk, "t", EFF_MODE_UPDATE, 1, match_id, 2, fields_vn);
    assert_true(walk_deliver(&walk, EFF_OP_UPDATE, 2, items));
    assert_verdict(&items[0], EFF_REFUSED, "ambiguous_match");
    assert_verdict(&items[1], EFF_APPLIED, "");
    assert_true(walk_deliver(&walk, EFF_OP_DELETE, 1, items));
    assert_verdict(&items[0], EFF_REFUSED, "ambiguous_match");
    assert_string_equal(fetch("SELECT v FROM t ORDER BY v"), "b,x,y");
}

static void
test_lost_answer(void **state)
{
    struct eff_item *items = items_vn(2, (int64_t[]){1, 2}, (const char *[]){"a", "b"});

    (void)state;
    bind_vn(EFF_MODE_UPSERT);
    walk.lose_next = true;
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 2, items));
    assert_int_equal(items[0].verdict.outcome, EFF_MAYBE_APPLIED);
    assert_int_equal(items[1].verdict.fault, EFF_TRANSIENT);
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 2, items)); // converges
    assert_verdict(&items[0], EFF_APPLIED, "");
    assert_table("1:a:10,2:b:20");
    // groups that were not tried are certainly not applied
    ((struct eff_value *)(uintptr_t)items[1].fields)[1].kind = EFF_ABSENT;
    walk.lose_next = true;
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 2, items));
    assert_int_equal(items[0].verdict.outcome, EFF_MAYBE_APPLIED);
    assert_int_equal(items[1].verdict.outcome, EFF_NOT_APPLIED);
}

static void
assert_stops(enum eff_op op, const char *words, const char *hint)
{
    struct eff_item *items = items_vn(2, (int64_t[]){1, 2}, (const char *[]){"a", "b"});

    err = (struct eff_err){0};
    assert_false(walk_deliver(&walk, op, 2, items));
    assert_int_equal(err.fault, EFF_CONTRACT);
    if (strstr(err.msg, words) == NULL || strstr(err.hint, hint) == NULL)
        fail_msg("%s / %s", err.msg, err.hint);
    assert_int_equal(items[0].verdict.outcome, EFF_NOT_APPLIED);
    assert_int_equal(items[1].verdict.outcome, EFF_NOT_APPLIED);
    assert_int_equal(items[0].verdict.fault, EFF_CONTRACT);
}

static void
test_what_stops(void **state)
{
    (void)state;
    walk_bind(&walk, "t", EFF_MODE_UPSERT, 1, match_id, 2, fields_vn);
    assert_stops(EFF_OP_UPSERT, "t", "Add what is missing");
    make_table("CREATE TABLE t (id bigint, v text, n int)");
    assert_stops(EFF_OP_UPSERT, "no unique index",
                 place.dialect == EFF_SQL_SQLITE
                     ? "CREATE UNIQUE INDEX \"t_match\" ON \"t\" (\"id\")"
                     : "CREATE UNIQUE INDEX ON \"t\" (\"id\")");
    assert_stops(EFF_OP_CREATE, "no unique index", "CREATE UNIQUE INDEX");
    make_table(place.dialect == EFF_SQL_SQLITE ? "CREATE UNIQUE INDEX \"t_match\" ON \"t\" (\"id\")"
                                               : "CREATE UNIQUE INDEX ON \"t\" (\"id\")");
    make_table("ALTER TABLE t RENAME COLUMN n TO m");
    assert_stops(EFF_OP_UPSERT, "n", "Add what is missing");
    assert_stops(EFF_OP_UPDATE, "n", "");
    assert_stops(EFF_OP_CLEAR, "n", "");
    make_table("ALTER TABLE t RENAME COLUMN id TO key");
    assert_stops(EFF_OP_DELETE, "id", ""); // not a text that equals nothing
}

/* ---- names ---- */

static const char *const hostile_names[] = {
    "a b",
    "select",
    "a\"b",
    "\"",
    "a.b",
    "a'b",
    "a; DROP TABLE t; --",
    "UPPER",
    "\xc3\xa4\xe2\x82\xac",
    "?1",
    "$1",
    "a\\b",
    "%s",
    "\xf0\x9f\x98\x80",
    "a\nb",
    "--",
    "/* x */",
    "\"\"\"\"",
    "1",
    "a\"\" OR 1=1",
};

/* S10: every one of them as a table, a match column and a field at once. */
static void
test_hostile_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hostile_names) / sizeof(hostile_names[0]); i++) {
        const char *name = hostile_names[i];
        eff_str match = eff_str_printf(&process, "%s k", name), field = eff_str_of(name), object;
        char quoted[128] = "", quoted_match[136], sql[1024];
        size_t len = 0;
        struct eff_value values[] = {int_value(1), text_value("v")};
        struct eff_item item = {.match = &values[0], .fields = &values[1]};

        for (const char *at = name; *at; at++) {
            if (*at == '"')
                quoted[len++] = '"';
            quoted[len++] = *at;
        }
        snprintf(quoted_match, sizeof(quoted_match), "%s k", quoted);
        snprintf(sql, sizeof(sql), "CREATE TABLE \"t%s\" (\"%s\" int PRIMARY KEY, \"%s\" text)",
                 quoted, quoted_match, quoted);
        make_table(sql);
        object = eff_str_printf(&process, "\"t%s\"", quoted); // as it stands in `to:`
        assert_int_equal(walk_bind(&walk, object.ptr, EFF_MODE_UPSERT, 1, &match, 1, &field),
                         EFF_OK);
        for (int pass = 0; pass < 2; pass++)
            if (!walk_deliver(&walk, EFF_OP_UPSERT, 1, &item))
                fail_msg("%s: %s", name, err.msg);
        assert_verdict(&item, EFF_APPLIED, "");
        assert_true(walk_deliver(&walk, EFF_OP_UPDATE, 1, &item));
        assert_verdict(&item, EFF_APPLIED, "");
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM \"t%s\" WHERE \"%s\" = 'v'", quoted,
                 quoted);
        assert_string_equal(fetch(sql), "1");
        if (!walk_deliver(&walk, EFF_OP_DELETE, 1, &item))
            fail_msg("%s: %s", name, err.msg);
        assert_string_equal(fetch(sql), "0");
        snprintf(sql, sizeof(sql), "DROP TABLE \"t%s\"", quoted);
        make_table(sql);
    }
}

static void
test_names_that_are_none(void **state)
{
    static const char *const objects[] = {
        "",    ".", "a.", ".a", "a.b.c", "\"a", "a\"b\".c\"", "\"a\"b", "\"\"", "\"a\".\"b\".\"c\"",
        "\xff"};
    char name[80];
    eff_str bad;

    (void)state;
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        enum eff_fault fault =
            walk_bind(&walk, objects[i], EFF_MODE_UPSERT, 1, match_id, 2, fields_vn);

        // a quote inside is part of a bare name
        if (fault != EFF_CONFIG && strcmp(objects[i], "a\"b\".c\"") != 0)
            fail_msg("\"%s\" is taken", objects[i]);
    }
    memset(name, 'x', sizeof(name));
    bad = (eff_str){name, 64};
    assert_int_equal(walk_bind(&walk, "t", EFF_MODE_UPSERT, 1, &bad, 2, fields_vn),
                     place.dialect == EFF_SQL_POSTGRES ? EFF_CONFIG : EFF_OK);
    bad = (eff_str){"a\0b", 3};
    assert_int_equal(walk_bind(&walk, "t", EFF_MODE_UPSERT, 1, match_id, 1, &bad), EFF_CONFIG);
    assert_int_equal(walk_bind(&walk, "t", EFF_MODE_MEMBERS, 1, match_id, 2, fields_vn),
                     EFF_CONFIG);
}

static void
test_schema_prefix(void **state)
{
    struct eff_item *items = items_vn(1, (int64_t[]){1}, (const char *[]){"a"});
    bool sqlite = place.dialect == EFF_SQL_SQLITE;

    (void)state;
    if (!sqlite)
        make_table("DROP SCHEMA IF EXISTS \"S x\" CASCADE; CREATE SCHEMA \"S x\"");
    make_table(sqlite ? "CREATE TABLE t (id bigint PRIMARY KEY, v text, n int)"
                      : "CREATE TABLE \"S x\".t (id bigint PRIMARY KEY, v text, n int)");
    walk_bind(&walk, sqlite ? "main.t" : "\"S x\".t", EFF_MODE_UPSERT, 1, match_id, 2, fields_vn);
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, items));
    if (!sqlite) { // or by the destination's own option
        postgres_config.schema = EFF_STR("S x");
        walk_close(&walk);
        assert_true(walk_open(&walk, &eff_dest_postgres, &postgres_config));
        walk_bind(&walk, "t", EFF_MODE_UPSERT, 1, match_id, 2, fields_vn);
        assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, items));
    }
    assert_string_equal(fetch(sqlite ? "SELECT v FROM main.t" : "SELECT v FROM \"S x\".t"), "a");
}

/* A field that is a match column too is sent once. */
static void
test_match_among_fields(void **state)
{
    static const eff_str fields[] = {{"id", 2}, {"v", 1}};
    struct eff_value values[] = {int_value(5), int_value(5), text_value("a")};
    struct eff_item item = {.match = &values[0], .fields = &values[1]};

    (void)state;
    make_table("CREATE TABLE t (id bigint PRIMARY KEY, v text, n int)");
    walk_bind(&walk, "t", EFF_MODE_UPSERT, 1, match_id, 2, fields);
    assert_true(walk_deliver(&walk, EFF_OP_UPSERT, 1, &item));
    assert_true(walk_deliver(&walk, EFF_OP_UPDATE, 1, &item));
    assert_table("5:a:0");
    assert_true(walk_deliver(&walk, EFF_OP_CLEAR, 1, &item));
    assert_table("5:-:0");
}

/* ---- looking ---- */

static struct eff_schema
describe(const char *object)
{
    struct eff_schema schema = {0};
    struct eff_task task = {.kind = EFF_TASK_DESCRIBE,
                            .schema = &schema,
                            .object = eff_str_of(object),
                            .arena = &walk.arena};

    if (!walk_task(&walk, &task))
        fail_msg("%s", err.msg);
    assert_true(schema.known);
    return schema;
}

static void
test_describe(void **state)
{
    bool sqlite = place.dialect == EFF_SQL_SQLITE;
    struct eff_schema schema;

    (void)state;
    make_table(sqlite ? "CREATE TABLE t (id integer PRIMARY KEY, email text NOT NULL UNIQUE, "
                        "n int NOT NULL DEFAULT 0, g int GENERATED ALWAYS AS (n + 1)) STRICT"
                      : "CREATE TYPE mood AS ENUM ('sad', 'it''s \"ok\"'); CREATE TABLE t (id "
                        "bigint PRIMARY KEY, email varchar(40) NOT NULL UNIQUE, n int NOT NULL "
                        "DEFAULT 0, g int GENERATED ALWAYS AS (n + 1) STORED, m mood, j jsonb, d "
                        "date, z timestamptz, b bool, x inet)");
    schema = describe("t");
    assert_true(schema.object_exists);
    assert_int_equal(schema.fields_count, sqlite ? 4 : 10);
    assert_true(eff_str_is(schema.fields[0].name, "id"));
    assert_true(schema.fields[0].unique);
    assert_int_equal(schema.fields[0].required, !sqlite); // SQLite numbers rows by itself
    assert_int_equal(schema.fields[0].type, EFF_FIELD_NUMBER);
    assert_true(schema.fields[1].unique && schema.fields[1].required);
    assert_int_equal(schema.fields[1].type, EFF_FIELD_TEXT);
    assert_true(eff_str_is(schema.fields[1].type_name, sqlite ? "TEXT" : "character varying(40)"));
    assert_false(schema.fields[2].required || schema.fields[2].unique);
    assert_true(schema.fields[3].read_only);
    if (!sqlite) {
        static const enum eff_field_type types[] = {EFF_FIELD_CHOICE, EFF_FIELD_JSON,
                                                    EFF_FIELD_DATE,   EFF_FIELD_TIMESTAMP,
                                                    EFF_FIELD_BOOL,   EFF_FIELD_ANY};

        for (size_t i = 0; i < 6; i++)
            assert_int_equal(schema.fields[4 + i].type, types[i]);
        assert_int_equal(schema.fields[4].choices_count, 2);
        assert_true(eff_str_is(schema.fields[4].choices[1], "it's \"ok\""));
        make_table("DROP TABLE t; DROP TYPE mood");
    }
}

static void
test_describe_missing(void **state)
{
    struct eff_schema schema;

    (void)state;
    make_table("CREATE TABLE contacts (id int)");
    make_table("CREATE TABLE contracts (id int)");
    make_table("CREATE TABLE zebra (id int)");
    schema = describe("contact");
    assert_false(schema.object_exists);
    assert_int_equal(schema.objects_count, 2);
    assert_true(eff_str_is(schema.objects[0], "contacts"));
    assert_true(eff_str_is(schema.objects[1], "contracts"));
    schema = describe("no\"pe");
    assert_int_equal(schema.objects_count, 0);
    make_table("DROP TABLE contacts");
    make_table("DROP TABLE contracts");
    make_table("DROP TABLE zebra");
}

static void
test_read(void **state)
{
    enum { COUNT = 250 };
    static struct eff_value match[COUNT];
    static struct eff_record records[COUNT];
    struct eff_read read = {.match_count = 1,
                            .match_names = match_id,
                            .fields_count = 2,
                            .field_names = fields_vn,
                            .count = COUNT,
                            .match = match,
                            .records = records};
    struct eff_task task = {
        .kind = EFF_TASK_READ, .read = &read, .object = EFF_STR("t"), .arena = &walk.arena};

    (void)state;
    bind_vn(EFF_MODE_UPSERT);
    make_table("INSERT INTO t VALUES (0, 'a', 1), (7, NULL, 2), (200, 'c', NULL)");
    for (int64_t i = 0; i < COUNT; i++) // texts too: the column's type decides
        match[i] = i % 2 ? text_value(eff_str_printf(&process, "%d", (int)i).ptr) : int_value(i);
    assert_true(walk_task(&walk, &task));
    assert_int_equal(walk.requests, 3);
    for (size_t i = 0; i < COUNT; i++)
        assert_int_equal(records[i].found, i == 0 || i == 7 || i == 200);
    assert_true(eff_str_is(eff_value_str(&records[0].fields[0]), "a"));
    assert_int_equal(records[7].fields[0].kind, EFF_NULL);
    assert_int_equal(records[7].fields[1].i, 2);
    assert_int_equal(records[200].fields[1].kind, EFF_NULL);
    task.scratch = NULL;
    task.object = EFF_STR("nope");
    assert_false(walk_task(&walk, &task));
    assert_int_equal(err.fault, EFF_CONTRACT);
}

static void
test_cannot_open(void **state)
{
    struct eff_item *items = items_vn(1, (int64_t[]){1}, (const char *[]){"a"});
    struct sqlite_like file = {EFF_STR("/nonexistent/x.db")};
    struct postgres_like server = {.url = EFF_STR("host=127.0.0.1 port=1")};
    bool sqlite = place.dialect == EFF_SQL_SQLITE;

    (void)state;
    walk_close(&walk);
    assert_true(sqlite ? walk_open(&walk, &eff_dest_sqlite, &file)
                       : walk_open(&walk, &eff_dest_postgres, &server));
    assert_int_equal(eff_str_find(walk.dest->account, EFF_STR("127")), SIZE_MAX);
    walk_bind(&walk, "t", EFF_MODE_UPSERT, 1, match_id, 2, fields_vn);
    assert_int_equal(walk_deliver(&walk, EFF_OP_UPSERT, 1, items), !sqlite);
    assert_int_equal(items[0].verdict.outcome, EFF_NOT_APPLIED);
    assert_int_equal(items[0].verdict.fault, sqlite ? EFF_CONFIG : EFF_TRANSIENT);
    if (!sqlite) {
        char url[256];

        snprintf(url, sizeof(url), "host=127.0.0.1 port=%d user=test dbname=postgres password=no",
                 cluster.port);
        server.url = eff_str_of(url);
        walk_close(&walk);
        assert_true(walk_open(&walk, &eff_dest_postgres, &server));
        walk_bind(&walk, "t", EFF_MODE_UPSERT, 1, match_id, 2, fields_vn);
        assert_false(walk_deliver(&walk, EFF_OP_UPSERT, 1, items));
        assert_int_equal(err.fault, EFF_AUTH);
    }
}

/* ---- which database it is ---- */

static eff_str
account_of(const char *url, const char *schema)
{
    struct postgres_like server = {.url = eff_str_of(url), .schema = eff_str_of(schema)};

    walk_close(&walk);
    assert_true(walk_open(&walk, &eff_dest_postgres, &server));
    return walk.dest->account;
}

/* A new password or a longer time-out is no other database; what says which records are, is. */
static void
test_account(void **state)
{
    static const char *const same[][2] = {
        {"postgresql://eff:old@db:5432/crm", "postgresql://eff:n%40w@db:5432/crm"},
        {"postgresql://eff@db/crm?sslmode=require", "postgresql://eff@db/crm?connect_timeout=9"},
        {"host=db user=eff password=old dbname=crm", "host=db user=eff dbname=crm"},
        {"host=db password='a b=\\'c dbname=x' dbname=crm", "host = db\ndbname = crm"},
        {"dbname=crm password=a\\ b", "password='' dbname=crm application_name=e"},
    };
    static const char *const other[][2] = {
        {"postgresql://eff:pw@db/crm", "postgresql://eff:pw@db2/crm"},
        {"postgresql://eff:pw@db/crm", "postgresql://eff:pw@db/crm2"},
        {"postgresql://eff:pw@db/crm", "postgresql://dev:pw@db/crm"},
        {"postgresql:///crm?host=/run/a", "postgresql:///crm?host=/run/b"},
        {"host=db dbname=crm", "host=db dbname=crm port=6432"},
        {"host=db dbname='a b'", "host=db dbname='a c'"},
        {"dbname=crm options=-csearch_path=a", "dbname=crm options=-csearch_path=b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        assert_true(eff_str_eq(account_of(same[i][0], ""), account_of(same[i][1], "")));
    for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
        assert_false(eff_str_eq(account_of(other[i][0], ""), account_of(other[i][1], "")));
    assert_false(eff_str_eq(account_of("dbname=crm", ""), account_of("dbname=crm", "stage")));
    assert_false(eff_str_eq(account_of("dbname=crm", "prod"), account_of("dbname=crm", "stage")));
}

/* ---- worlds ---- */

static int
world_setup(enum eff_sql_dialect dialect)
{
    bool sqlite = dialect == EFF_SQL_SQLITE;

    eff_arena_init(&process, "process", (size_t)1 << 30);
    place = (struct eff_sql_request){.dialect = dialect,
                                     .connect = eff_str_of(sqlite ? sqlite_path : cluster.url)};
    if (eff_os_real(&process, &os, &err) != EFF_OK)
        return -1;
    sqlite_config = (struct sqlite_like){eff_str_of(sqlite_path)};
    postgres_config = (struct postgres_like){.url = eff_str_of(cluster.url)};
    walk = (struct walk){0};
    return walk_open(&walk, sqlite ? &eff_dest_sqlite : &eff_dest_postgres,
                     sqlite ? (void *)&sqlite_config : (void *)&postgres_config)
               ? 0
               : -1;
}

static int
sqlite_setup(void **state)
{
    FILE *file = fopen(sqlite_path, "w");

    (void)state;
    fclose(file);
    return world_setup(EFF_SQL_SQLITE);
}

static int
postgres_setup(void **state)
{
    (void)state;
    if (!have_pg)
        skip();
    assert_true(pg_run(&cluster, "SET client_min_messages = error; DROP TABLE IF EXISTS t"));
    return world_setup(EFF_SQL_POSTGRES);
}

static int
teardown(void **state)
{
    (void)state;
    if (os != NULL) {
        eff_os_real_close(os);
        walk_close(&walk);
    }
    os = NULL;
    eff_arena_deinit(&process);
    unlink(sqlite_path);
    return 0;
}

static int
group_setup(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(sqlite_path, sizeof(sqlite_path), "%s/t.db", folder);
    have_pg = pg_cluster_start(&cluster);
    return have_pg || pg_optional() ? 0 : -1;
}

static int
group_teardown(void **state)
{
    (void)state;
    if (have_pg)
        pg_cluster_stop(&cluster);
    rmdir(folder);
    return 0;
}

int
main(void)
{
#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup_teardown(test, sqlite_setup, teardown),                                 \
        cmocka_unit_test_setup_teardown(test, postgres_setup, teardown)
    const struct CMUnitTest tests[] = {
        BOTH(test_upsert),
        BOTH(test_subsets),
        BOTH(test_update),
        BOTH(test_create),
        BOTH(test_delete_and_clear),
        BOTH(test_append),
        BOTH(test_rematch),
        BOTH(test_poison_row),
        BOTH(test_poison_in_second_group),
        BOTH(test_twins),
        BOTH(test_lost_answer),
        BOTH(test_what_stops),
        BOTH(test_hostile_names),
        BOTH(test_names_that_are_none),
        BOTH(test_schema_prefix),
        BOTH(test_match_among_fields),
        BOTH(test_describe),
        BOTH(test_describe_missing),
        BOTH(test_read),
        BOTH(test_cannot_open),
        cmocka_unit_test_setup_teardown(test_account, postgres_setup, teardown),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
