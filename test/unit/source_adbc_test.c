/*
 * Goal: rows come through ADBC drivers as source/arrow_type.h says, only what the driver
 * itself called complete is complete, nothing is written, whatever a driver hands out is
 * released, and a driver that answers wrongly is told, never followed.
 * Method: DuckDB's own library, which is a driver, on real files (skipped where there is
 * none, unless EFF_REQUIRE_DUCKDB=1); and a driver made for this (test/driver) that lies.
 * covers: C1, C16, S11
 */
// links: testlib base flow os conf source
#include "conf/yaml.h"
#include "lib/reading.h"
#include "source/adbc_api.h"
#include "source/duckdb_api.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct config { /* as adbc.c has it */
    eff_str driver, entrypoint, uri, username, password;
    const struct eff_node *options, *connection_options, *statement_options;
    int identifiers;
    int64_t statement_timeout_ms;
};

#define OPTIONS_MAX 4

struct options { /* a mapping as conf would give it */
    struct eff_node map, keys[OPTIONS_MAX], values[OPTIONS_MAX];
};

static struct reading r;
static char library[512], fake_path[512];
static const struct eff_duck_api *duck;
static struct eff_arena arena;
static int *live;
static char *log_text;

static const struct eff_node *
options_of(struct options *o, const char *key, const char *value, const char *key2,
           const char *value2)
{
    memset(o, 0, sizeof(*o));
    o->map = (struct eff_node){
        .kind = EFF_NODE_MAP, .count = key2 ? 2 : 1, .keys = o->keys, .values = o->values};
    o->keys[0] = (struct eff_node){.kind = EFF_NODE_SCALAR, .text = eff_str_of(key)};
    o->values[0] = (struct eff_node){.kind = EFF_NODE_SCALAR,
                                     .text = eff_str_of(value),
                                     .place = {EFF_STR("efferent.yml"), 3, 14}};
    o->keys[1] = (struct eff_node){.kind = EFF_NODE_SCALAR, .text = eff_str_of(key2)};
    o->values[1] = (struct eff_node){.kind = EFF_NODE_SCALAR,
                                     .text = eff_str_of(value2),
                                     .place = {EFF_STR("efferent.yml"), 4, 14}};
    return &o->map;
}

/* ------------------------------------------------------------------------------ DuckDB */

static struct config duck_config;
static struct options duck_options;

static void
make(const char *sql)
{
    struct eff_duck_result result = {0};
    void *db = NULL, *conn = NULL;
    char *why = NULL;

    if (duck->open_ext("test.duckdb", &db, NULL, &why) != 0)
        fail_msg("%s", why);
    assert_int_equal(duck->connect(db, &conn), 0);
    if (duck->query(conn, sql, &result) != 0)
        fail_msg("%s", duck->result_error(&result));
    duck->destroy_result(&result);
    duck->disconnect(&conn);
    duck->close(&db);
}

/* The file is opened for writing: that nothing is written is up to us. */
static void
begin(const char *sql)
{
    if (!duck)
        skip();
    unlink("test.duckdb");
    unlink("test.duckdb.wal");
    make(sql);
    duck_config =
        (struct config){.driver = eff_str_of(library), .entrypoint = EFF_STR("duckdb_adbc_init")};
    duck_config.options = options_of(&duck_options, "path", "test.duckdb", NULL, NULL);
    if (reading_open(&r, &eff_source_adbc, &duck_config) != EFF_OK)
        fail_msg("%s", r.err.msg);
}

static void
duckdb_plain_types(void **state)
{
    (void)state;
    begin("SELECT 1");
    reading_expect(
        &r,
        "SELECT true AS a, 127::TINYINT AS b, (-9223372036854775807 - 1)::BIGINT AS c,"
        " 18446744073709551615::UBIGINT AS d, 0.1::FLOAT AS e, 1e308::DOUBLE AS f,"
        " 12345678901234567890.123::DECIMAL(38,3) AS g, NULL AS h, '' AS i, '\xc3\xa4' AS j,"
        " '\\x00\\xFF'::BLOB AS k",
        "boolean:true integer:127 integer:-9223372036854775808 decimal:18446744073709551615"
        " float:0.1 float:1e+308 decimal:12345678901234567890.123 null: text: text:\xc3\xa4"
        " bytes:AP8=");
    reading_expect(&r,
                   "SELECT '0001-01-01'::DATE AS a, '23:59:59.999999'::TIME AS b,"
                   " '1969-12-31 23:59:59.999999'::TIMESTAMP AS c,"
                   " '2024-02-29 12:30:00.123456789'::TIMESTAMP_NS AS d,"
                   " '2024-02-29 12:30:00+02'::TIMESTAMPTZ AS e, 'infinity'::TIMESTAMP AS f,"
                   " INTERVAL '1 year 2 months 3 days 04:05:06.7' AS g",
                   "date:0001-01-01 time:23:59:59.999999 datetime:1969-12-31T23:59:59.999999"
                   " datetime:2024-02-29T12:30:00.123456789 timestamp:2024-02-29T10:30:00Z"
                   " bad:the timestamp is infinite text:1 year 2 months 3 days 04:05:06.7");
    reading_expect(
        &r,
        "SELECT [1, NULL] AS a, {'x': 1.10::DECIMAL(4,2), 'y': ['a']} AS b, MAP {'k': 1} AS c,"
        " [1, 2]::INTEGER[2] AS d, 'w'::ENUM('v', 'w') AS e,"
        " union_value(num := 2) AS f",
        "json:[1,null] json:{\"x\":1.10,\"y\":[\"a\"]} json:{\"k\":1} json:[1,2] text:w json:2");
    reading_close(&r);
}

/* With this option DuckDB says by extensions what Arrow has no type for. */
static void
duckdb_extension_types(void **state)
{
    (void)state;
    begin("SELECT 1");
    reading_close(&r);
    duck_config.options =
        options_of(&duck_options, "path", "test.duckdb", "arrow_lossless_conversion", "true");
    assert_int_equal(reading_open(&r, &eff_source_adbc, &duck_config), EFF_OK);
    reading_expect(
        &r,
        "SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::UUID AS u, '{\"a\": 1.50}'::JSON AS j,"
        " true AS b",
        "text:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 json:{\"a\": 1.50} boolean:true");
    assert_string_equal(reading_columns(&r), "u:text j:json b:boolean");
    reading_refused(&r, "SELECT 1 AS a, 1::HUGEINT AS h", EFF_CONFIG, "hugeint");
    reading_told(&r, "column", "while describing the column h");
    reading_close(&r);
}

static void
duckdb_many_rows(void **state)
{
    (void)state;
    begin("CREATE TABLE t AS SELECT i, CASE WHEN i % 3 = 0 THEN NULL ELSE 'n' || i END AS s,"
          " range(i % 5) AS l FROM range(10000) x(i)");
    assert_int_equal(reading_query(&r, "SELECT * FROM t ORDER BY i"), EFF_OK);
    assert_int_equal(r.rows, 10000);
    for (int64_t i = 0; i < 10000; i++) {
        char text[32];

        snprintf(text, sizeof(text), "n%d", (int)i);
        assert_int_equal(r.cells[i * 3].i, i);
        assert_int_equal(r.cells[i * 3 + 1].kind, i % 3 ? EFF_TEXT : EFF_NULL);
        assert_true(i % 3 == 0 || eff_str_is(eff_value_str(&r.cells[i * 3 + 1]), text));
        assert_true(eff_str_is(eff_value_str(&r.cells[i * 3 + 2]), i % 5 == 3   ? "[0,1,2]"
                                                                   : i % 5 == 0 ? "[]"
                                                                   : i % 5 == 1 ? "[0]"
                                                                   : i % 5 == 2 ? "[0,1]"
                                                                                : "[0,1,2,3]"));
    }
    reading_expect(&r, "SELECT i FROM t WHERE false", "");
    reading_close(&r);
}

static void
duckdb_mistakes(void **state)
{
    (void)state;
    begin("CREATE TABLE t AS SELECT 1 AS id");
    reading_refused(&r, "SELECT * FROM missing", EFF_CONFIG, "missing does not exist");
    reading_refused(&r, "SELECT nope FROM t", EFF_CONFIG, "nope");
    reading_refused(&r, "SELECT 1 AS a, 2 AS a", EFF_CONFIG, "columns 1 and 2");
    reading_refused(&r, "SELECT 1 AS a; SELECT 2 AS b", EFF_CONFIG, "second statement");
    reading_refused(&r, "-- nothing", EFF_CONFIG, "empty");
    reading_expect(&r, "SELECT * FROM t", "integer:1");
    reading_close(&r);
    duck_config.options = options_of(&duck_options, "path", "test.duckdb", "no_such_setting", "1");
    assert_int_equal(reading_open(&r, &eff_source_adbc, &duck_config), EFF_CONFIG);
    reading_told(&r, "setting", "no_such_setting");
    reading_close(&r);
}

/* The file was opened for writing, and nothing but SELECTs arrive; what they change is not kept. */
static void
duckdb_keeps_nothing(void **state)
{
    static const char *const statements[] = {
        "INSERT INTO t VALUES (2)",
        "DELETE FROM t RETURNING id",
        "DROP TABLE t",
        "/* SELECT */ CREATE TABLE u (a INT)",
        "COMMIT",
        "ATTACH 'other.duckdb' AS o",
        "COPY t TO 'out.csv'",
        "(((DELETE FROM t)))",
        "SET threads = 2",
    };

    (void)state;
    begin("CREATE TABLE t AS SELECT 7 AS id; CREATE SEQUENCE q");
    for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
        if (i == 7)
            assert_int_equal(reading_query(&r, statements[i]), EFF_CONFIG);
        else
            reading_refused(&r, statements[i], EFF_CONFIG, "a model only reads");
    }
    reading_expect(&r, "SELECT nextval('q') AS n, id FROM t", "integer:1 integer:7");
    reading_close(&r);
    assert_int_equal(access("out.csv", F_OK), -1);
    assert_int_equal(access("other.duckdb", F_OK), -1);
    assert_int_equal(reading_open(&r, &eff_source_adbc, &duck_config), EFF_OK);
    reading_expect(&r, "SELECT nextval('q') AS n FROM t", "integer:1"); // rolled back
    reading_close(&r);
}

static void
duckdb_late_error_is_no_end(void **state)
{
    struct eff_batch batch;

    (void)state;
    begin("CREATE TABLE t AS SELECT CASE WHEN i = 900000 THEN 'x' ELSE i::VARCHAR END AS s"
          " FROM range(1000000) x(i)");
    assert_int_equal(reading_drain(&r, "SELECT s::INTEGER AS i FROM t"), EFF_CONFIG);
    reading_told(&r, "conversion", "Could not convert string 'x'");
    assert_true(r.rows <= 900000);
    reading_expect(&r, "SELECT count(*) AS n FROM t", "integer:1000000");
    assert_int_equal(r.source->ops->query(r.source, EFF_STR("FROM t"), &r.columns, &r.err), EFF_OK);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_OK);
    assert_true(batch.rows > 0);
    reading_expect(&r, "SELECT 1 AS a", "integer:1"); // a result that was left
    reading_close(&r);
}

static struct timespec asked_at;

static bool
for_a_moment(void *self)
{
    struct timespec now;

    (void)self;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - asked_at.tv_sec) * 1000 + (now.tv_nsec - asked_at.tv_nsec) / 1000000 < 300;
}

/* It would take minutes, within one call of the driver. */
static void
duckdb_is_cancelled_at_work(void **state)
{
    struct timespec now;

    (void)state;
    begin("SELECT 1");
    clock_gettime(CLOCK_MONOTONIC, &asked_at);
    r.world.os.go_on = for_a_moment;
    assert_int_not_equal(
        reading_query(&r, "SELECT sum(hash(a.i, b.i) % 7) AS n FROM range(1000000) a(i),"
                          " range(1000000) b(i)"),
        EFF_OK);
    clock_gettime(CLOCK_MONOTONIC, &now);
    assert_true(now.tv_sec - asked_at.tv_sec < 30);
    reading_close(&r);
}

static void
duckdb_memory_is_bounded(void **state)
{
    long before;

    (void)state;
    begin("SELECT 1");
    assert_int_equal(reading_drain(&r, "SELECT i FROM range(10000) t(i)"), EFF_OK); // warm
    before = reading_peak_kib();
    assert_int_equal(reading_drain(&r, "SELECT i AS id, 'customer' || i || '@example.com' AS email,"
                                       " (i * 1.5)::DECIMAL(18,2) AS amount, [i] AS l"
                                       " FROM range(1000000) t(i)"),
                     EFF_OK);
    assert_int_equal(r.rows, 1000000);
    if (!getenv("EFF_SANITIZED"))
        assert_true(reading_peak_kib() - before < 40 * 1024);
    reading_close(&r);
}

/* -------------------------------------------------------------------- a driver that lies */

static struct config fake_config;

static void
fake_begin(void)
{
    log_text[0] = 0;
    fake_config = (struct config){.driver = eff_str_of(fake_path)};
    if (reading_open(&r, &eff_source_adbc, &fake_config) != EFF_OK)
        fail_msg("%s", r.err.msg);
}

static void
fake_end(void)
{
    reading_close(&r);
    assert_int_equal(*live, 0);
}

static void
fake_not_opened(enum eff_fault fault, const char *part)
{
    reading_close(&r);
    log_text[0] = 0;
    assert_int_equal(reading_open(&r, &eff_source_adbc, &fake_config), fault);
    reading_told(&r, log_text, part);
    assert_int_equal(*live, 0); // what opening got is given back at once
}

static void
rows_and_their_end(void **state)
{
    struct eff_batch batch;

    (void)state;
    fake_begin();
    assert_string_equal(log_text,
                        "adbc.connection.readonly=true;adbc.connection.autocommit=false;");
    reading_expect(&r, "SELECT rows", "integer:1 text:n1 | integer:2 text:n2 | integer:3 text:n3");
    assert_string_equal(reading_columns(&r), "id:integer name:text");
    assert_false(r.columns.at[0].nullable);
    assert_true(r.columns.at[1].nullable);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_OK);
    assert_int_equal(batch.rows, 0); // it stays complete
    assert_int_equal(reading_query(&r, "SELECT large"), EFF_OK);
    assert_int_equal(r.rows, 5000);
    for (int64_t i = 0; i < 5000; i++)
        assert_int_equal(r.cells[i * 2].i, i);
    assert_null(strstr(log_text, "rollback"));
    fake_end();
    fake_config.entrypoint = EFF_STR("fake_old_init"); // API 1.0
    assert_int_equal(reading_open(&r, &eff_source_adbc, &fake_config), EFF_OK);
    reading_expect(&r, "SELECT rows", "integer:1 text:n1 | integer:2 text:n2 | integer:3 text:n3");
    assert_int_equal(reading_query(&r, "SELECT late_detail"), EFF_CONFIG);
    r.source->ops->cancel(r.source); // 1.0 cannot
    fake_end();
}

static void
options_reach_the_driver(void **state)
{
    struct options database, connection, statement;
    struct eff_node list = {.kind = EFF_NODE_LIST, .place = {EFF_STR("efferent.yml"), 9, 2}};

    (void)state;
    log_text[0] = 0;
    fake_config = (struct config){.driver = eff_str_of(fake_path),
                                  .uri = EFF_STR("fake://x"),
                                  .username = EFF_STR("me"),
                                  .password = EFF_STR("pw")};
    fake_config.options = options_of(&database, "a", "1", "b", "two words");
    fake_config.connection_options = options_of(&connection, "c", "3", NULL, NULL);
    fake_config.statement_options = options_of(&statement, "d", "4", NULL, NULL);
    assert_int_equal(reading_open(&r, &eff_source_adbc, &fake_config), EFF_OK);
    assert_int_equal(reading_drain(&r, "SELECT rows"), EFF_OK);
    assert_string_equal(log_text,
                        "uri=fake://x;username=me;password=pw;a=1;b=two words;c=3;"
                        "adbc.connection.readonly=true;adbc.connection.autocommit=false;d=4;");
    fake_end();
    fake_config.options = options_of(&database, "a", "1", "unknown", "2");
    fake_not_opened(EFF_CONFIG, "what is that? while setting unknown");
    reading_told(&r, "place", "efferent.yml:4:14");
    fake_config.options = &list;
    fake_not_opened(EFF_CONFIG, "names and values");
    database.map.values = &list;
    database.map.count = 1;
    fake_config.options = &database.map;
    fake_not_opened(EFF_CONFIG, "is not one value");
}

static void
tables_are_named_as_the_warehouse_takes_it(void **state)
{
    static const char *const expected[] = {
        "SELECT * FROM \"a\".\"b`c\".\"d.e\"",
        "SELECT * FROM `a`.`b``c`.`\"d`.`e\"`",
        "SELECT * FROM a.b`c.\"d.e\"",
    };
    eff_str sql;

    (void)state;
    for (int i = 0; i < 3; i++) {
        log_text[0] = 0;
        fake_config = (struct config){.driver = eff_str_of(fake_path), .identifiers = i};
        assert_int_equal(reading_open(&r, &eff_source_adbc, &fake_config), EFF_OK);
        sql = r.source->ops->table_sql(r.source, EFF_STR("a.b`c.\"d.e\""), &r.arena);
        assert_string_equal(sql.ptr, expected[i]);
        fake_end();
    }
}

/* libpq would show "ret" as a host, or as a port: the driver is not even asked. */
static void
passwords_are_not_taken_apart(void **state)
{
    static const char *const uris[] = {"postgresql://test:sec@ret@127.0.0.1:1/x",
                                       "postgres://test:12/ret@127.0.0.1:1/x",
                                       "postgresql://test:sec%ret@127.0.0.1:1/x"};

    (void)state;
    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        fake_config = (struct config){.driver = eff_str_of(fake_path), .uri = eff_str_of(uris[i])};
        fake_not_opened(EFF_CONFIG, "`uri` is not a connection string");
        reading_told(&r, "hint", "%40");
        assert_string_equal(log_text, "");
    }
    fake_config.uri = EFF_STR("postgresql://test:sec%40ret@127.0.0.1:1/x");
    assert_int_equal(reading_open(&r, &eff_source_adbc, &fake_config), EFF_OK);
    fake_end();
}

static void
errors_say_who_must_act(void **state)
{
    static const struct {
        const char *sql;
        enum eff_fault fault;
        const char *part;
    } cases[] = {
        {"SELECT refused", EFF_CONFIG, "no such table: nowhere (SQLSTATE 42S02, code 2003)"},
        {"SELECT forbidden", EFF_AUTH, "not yours (SQLSTATE 42501)"},
        {"SELECT silent", EFF_CONFIG, "the query failed"},
        {"SELECT strange_status", EFF_CONFIG, "the query failed"},
        {"SELECT late_error", EFF_TRANSIENT, "the connection was lost"},
        {"SELECT late_detail", EFF_TRANSIENT,
         "the warehouse fell asleep (SQLSTATE 57014, code 604)"},
        {"SELECT late_garbage", EFF_TRANSIENT, "Input/output error"},
    };
    struct eff_batch batch;

    (void)state;
    fake_begin();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        reading_refused(&r, cases[i].sql, cases[i].fault, cases[i].part);
        if (strncmp(cases[i].sql, "SELECT late", 11) == 0) {
            assert_int_equal(r.rows, 2);
            memset(&r.err, 0, sizeof(r.err));
            assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), cases[i].fault);
        }
        log_text[0] = 0;
        reading_expect(&r, "SELECT rows",
                       "integer:1 text:n1 | integer:2 text:n2 | integer:3 text:n3");
        assert_int_equal(strcmp(log_text, "rollback;") == 0, r.rows == 3 && i >= 4);
    }
    fake_end();
    fake_config.password = EFF_STR("wrong");
    fake_not_opened(EFF_AUTH, "password refused (SQLSTATE 28P01)");
    fake_config.password = EFF_STR_NONE;
    fake_config.uri = EFF_STR("away");
    fake_not_opened(EFF_TRANSIENT, "nobody answers");
}

static void
damaged_answers_are_told(void **state)
{
    static const char *const answers[] = {
        "null_row",    "short_column",    "lost_column",    "null_children",
        "backwards",   "negative_length", "negative_nulls", "no_stream",
        "half_stream", "released_schema", "no_struct",
    };

    (void)state;
    fake_begin();
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        char sql[64];

        snprintf(sql, sizeof(sql), "SELECT %s", answers[i]);
        reading_refused(&r, sql, EFF_BROKEN, i < 7 ? "the ADBC driver's answer is damaged" : "");
    }
    reading_refused(&r, "SELECT no_schema", EFF_TRANSIENT, "Input/output error");
    reading_refused(&r, "SELECT no_columns", EFF_CONFIG, "a model only reads");
    reading_refused(&r, "SELECT no_name", EFF_CONFIG, "column 2 of the model has no name");
    reading_refused(&r, "SELECT strange_type", EFF_CONFIG, "the Arrow type \"?\" is not known");
    reading_expect(&r, "SELECT rows", "integer:1 text:n1 | integer:2 text:n2 | integer:3 text:n3");
    fake_end();
}

static bool
stop(void *self)
{
    (void)self;
    return false;
}

static void
reading_can_be_stopped(void **state)
{
    struct eff_batch batch;

    (void)state;
    fake_begin();
    assert_int_equal(r.source->ops->query(r.source, EFF_STR("SELECT rows"), &r.columns, &r.err),
                     EFF_OK);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_OK);
    r.source->ops->cancel(r.source);
    assert_int_equal(r.source->ops->next(r.source, &batch, &r.err), EFF_TRANSIENT);
    r.world.os.go_on = stop;
    assert_int_equal(reading_query(&r, "SELECT endless"), EFF_TRANSIENT);
    reading_refused(&r, "SELECT working", EFF_TRANSIENT,
                    "no longer working"); // within the driver's own call
    fake_end();
}

static int64_t
clock_of_the_machine(void *self)
{
    struct timespec now;

    (void)self;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Within a call of the driver, and between its arrays; then another query is read. */
static void
a_query_has_a_deadline(void **state)
{
    (void)state;
    fake_begin();
    reading_close(&r);
    fake_config.statement_timeout_ms = 100;
    assert_int_equal(reading_open(&r, &eff_source_adbc, &fake_config), EFF_OK);
    r.world.os.mono_ms = clock_of_the_machine;
    reading_refused(&r, "SELECT working", EFF_TRANSIENT,
                    "took longer than `statement_timeout`, 100");
    reading_refused(&r, "SELECT endless", EFF_TRANSIENT,
                    "took longer than `statement_timeout`, 100");
    reading_expect(&r, "SELECT rows", "integer:1 text:n1 | integer:2 text:n2 | integer:3 text:n3");
    fake_end();
}

/* ----------------------------------------------------------------------------- loading */

static void
drivers_are_found(void **state)
{
    char folder[512];

    (void)state;
    snprintf(folder, sizeof(folder), "/nowhere::%.*s", (int)(strrchr(fake_path, '/') - fake_path),
             fake_path);
    fake_config = (struct config){.driver = EFF_STR("/some/project/adbc_driver_fake")};
    fake_not_opened(EFF_CONFIG, "the ADBC driver \"adbc_driver_fake\" is not installed");
    reading_told(&r, "hint", "ADBC_DRIVER_PATH");
    setenv("ADBC_DRIVER_PATH", folder, 1);
    fake_begin();
    fake_end();
    fake_config.driver = EFF_STR("/some/project/fake");
    assert_int_equal(reading_open(&r, &eff_source_adbc, &fake_config), EFF_OK);
    fake_end();
    unsetenv("ADBC_DRIVER_PATH");
    fake_config.driver = EFF_STR("/nowhere/libadbc_driver_x.so");
    fake_not_opened(EFF_CONFIG, "there is no ADBC driver /nowhere/libadbc_driver_x.so");
}

__attribute__((format(printf, 1, 2))) static void
manifest(const char *format, ...)
{
    va_list args;
    FILE *f = fopen("config/adbc/drivers/lake.toml", "w");

    assert_non_null(f);
    va_start(args, format);
    vfprintf(f, format, args);
    va_end(args);
    fclose(f);
}

static void
manifests_name_a_library(void **state)
{
    char folder[512], path[1024];

    (void)state;
    assert_non_null(getcwd(folder, sizeof(folder)));
    assert_int_equal(
        mkdir("config", 0700) | mkdir("config/adbc", 0700) | mkdir("config/adbc/drivers", 0700), 0);
    snprintf(path, sizeof(path), "%s/config", folder);
    setenv("XDG_CONFIG_HOME", path, 1);
    manifest(
        "name = 'Lake' # [Driver]\nversion = \"1\"\n[ADBC.features]\nsupported = ['a',\n 'b']\n"
        "[Driver]\nentrypoint = 'fake_old_init' # not the usual one\n"
        "[Driver.shared]\nlinux_amd64 = '%s'\nlinux_arm64 = \"%s\"\nwindows_amd64 = 'C:\\x.dll'\n",
        fake_path, fake_path);
    fake_config = (struct config){.driver = EFF_STR("/some/project/lake")};
    assert_int_equal(reading_open(&r, &eff_source_adbc, &fake_config), EFF_OK);
    r.source->ops->cancel(r.source); // the old one cannot, so it reads on
    reading_expect(&r, "SELECT rows", "integer:1 text:n1 | integer:2 text:n2 | integer:3 text:n3");
    fake_end();
    assert_int_equal(symlink(fake_path, "config/adbc/drivers/libx.so"), 0);
    manifest("[ Driver ]\r\n shared = 'libx.so'\r\n");
    snprintf(path, sizeof(path), "%s/config/adbc/drivers/lake.toml", folder);
    fake_config =
        (struct config){.driver = eff_str_of(path), .entrypoint = EFF_STR("AdbcDriverFakeInit")};
    assert_int_equal(reading_open(&r, &eff_source_adbc, &fake_config), EFF_OK);
    fake_end();
    manifest(
        "[Driver.shared]\nplan9_mips = '/x'\n[Driver]\nshared = [\n[]\nshared\n]\n= '/x'\nshared = \"\\x\"");
    fake_not_opened(EFF_CONFIG, "names no library for linux");
    manifest("[Driver]\nshared = '/nowhere/libx.so'\n");
    fake_not_opened(EFF_CONFIG, "cannot be loaded: /nowhere/libx.so");
    unsetenv("XDG_CONFIG_HOME");
}

static void
what_is_no_driver_is_told(void **state)
{
    FILE *f = fopen("libwords.so", "w");
    char folder[512];

    (void)state;
    fputs("this is not a library", f);
    fclose(f);
    assert_non_null(getcwd(folder, sizeof(folder)));
    fake_config = (struct config){.driver = eff_str_printf(&arena, "%s/libwords.so", folder)};
    fake_not_opened(EFF_CONFIG, "cannot be loaded");
    fake_config =
        (struct config){.driver = eff_str_of(fake_path), .entrypoint = EFF_STR("nope_init")};
    fake_not_opened(EFF_CONFIG, "it has no nope_init");
    fake_config.entrypoint = EFF_STR("fake_hollow_init");
    fake_not_opened(EFF_BROKEN, "lacks functions");
    fake_config.entrypoint = EFF_STR("fake_failing_init");
    fake_not_opened(EFF_CONFIG, "out of order (code 7)");
}

static bool
duckdb_is_there(void)
{
    const char *deps = getenv("EFF_DEPS"), *own = getenv("EFFERENT_DUCKDB");
    struct eff_err err = {0};

    snprintf(library, sizeof(library), "%s/duckdb/libduckdb.so", deps ? deps : ".");
    if (own && own[0])
        snprintf(library, sizeof(library), "%s", own);
    if (eff_duck_load(eff_str_of(library), &arena, &duck, &err) == EFF_OK)
        return true;
    duck = NULL;
    print_message("%s; %s\n", err.msg, err.hint);
    return false;
}

static int
setup(void **state)
{
    const char *build = getenv("EFF_BUILD"), *required = getenv("EFF_REQUIRE_DUCKDB");
    void *fake;

    (void)state;
    eff_arena_init(&arena, "test", (size_t)1 << 20);
    snprintf(fake_path, sizeof(fake_path), "%s/test/driver/libadbc_driver_fake.so",
             build ? build : ".");
    fake = dlopen(fake_path, RTLD_NOW | RTLD_LOCAL);
    if (!fake)
        return -1;
    live = dlsym(fake, "adbc_fake_live");
    log_text = dlsym(fake, "adbc_fake_log");
    return live && log_text && (duckdb_is_there() || !required || strcmp(required, "1") != 0) ? 0
                                                                                              : -1;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(duckdb_plain_types),
        cmocka_unit_test(duckdb_extension_types),
        cmocka_unit_test(duckdb_many_rows),
        cmocka_unit_test(duckdb_mistakes),
        cmocka_unit_test(duckdb_keeps_nothing),
        cmocka_unit_test(duckdb_late_error_is_no_end),
        cmocka_unit_test(duckdb_is_cancelled_at_work),
        cmocka_unit_test(duckdb_memory_is_bounded),
        cmocka_unit_test(rows_and_their_end),
        cmocka_unit_test(options_reach_the_driver),
        cmocka_unit_test(tables_are_named_as_the_warehouse_takes_it),
        cmocka_unit_test(errors_say_who_must_act),
        cmocka_unit_test(damaged_answers_are_told),
        cmocka_unit_test(reading_can_be_stopped),
        cmocka_unit_test(a_query_has_a_deadline),
        cmocka_unit_test(passwords_are_not_taken_apart),
        cmocka_unit_test(drivers_are_found),
        cmocka_unit_test(manifests_name_a_library),
        cmocka_unit_test(what_is_no_driver_is_told),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
