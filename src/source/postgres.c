/*
 * source/postgres: models over PostgreSQL.
 *
 * One connection, in one read-only REPEATABLE READ transaction from open to
 * close, so that all queries see one snapshot. A model is prepared first (the
 * server says what is wrong with it, and what its columns are), and then read by
 *
 *     COPY (SELECT c1, c2::text, to_json(c3) FROM (
 *     <the model>
 *     ) AS efferent_model (c1, c2, c3)) TO STDOUT (FORMAT binary)
 *
 * where only types that postgres_type.c does not know are converted by the
 * server. That is the cheapest way out of PostgreSQL. libpq hands over a buffer
 * for each row, which is copied behind the others of the batch and given back at
 * once: malloc has it at hand for the next row, while hundreds that are held make
 * it search. Cells point into the copy, which lives until the next call.
 *
 * A result is complete when the trailer of the binary format and the server's
 * command tag have both arrived; a stream that ends in any other way is an error.
 *
 * With `ranges` above 1 a model that is a whole table is read by as many
 * connections at once. Each takes the snapshot that the first has exported, and a
 * range of the table's blocks: every row is visible at one place, which lies in one
 * range, since they follow each other and the last is open. The result is complete
 * when all of them are. Other models have no place for a bound, which would have
 * to stand inside of them, and are read by the first connection alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json.h"
#include "source/convert.h"
#include "source/postgres_conn.h"
#include "source/postgres_type.h"
#include "source/source.h"
#include "source/sql.h"

#define PG_ROWS_MAX     512
#define PG_CELLS_MAX    65536
#define PG_BATCH_BYTES  ((size_t)1 << 20)   /* of rows copied at a time; larger ones are held */
#define PG_TEXT_BYTES   ((size_t)512 << 20) /* addresses for texts made here */
#define PG_JSON_BYTES   ((size_t)64 << 20)  /* addresses for a plan */
#define PG_HEADER_MIN   19
#define PG_RANGE_BLOCKS 128 /* in a range at least: less is read before a connection stands */

struct pg_config {
    eff_str url;
    struct eff_str_list schema;
    int64_t statement_timeout_ms, connect_timeout_ms, ranges;
};

static const struct eff_option pg_options[] = {
    {"url", EFF_OPT_SECRET, offsetof(struct pg_config, url), NULL, 0, 0,
     "Any libpq connection string, such as postgresql://user:password@host/database.",
     EFF_OPT_REQUIRED, NULL},
    {"schema", EFF_OPT_LIST, offsetof(struct pg_config, schema), NULL, 0, 0,
     "Schemas in which names without a schema are looked up (search_path).", 0, NULL},
    {"statement_timeout", EFF_OPT_TIME, offsetof(struct pg_config, statement_timeout_ms), NULL, 0,
     604800000, "How long one query may take; 0 leaves it to the server's own setting.", 0, NULL},
    {"connect_timeout", EFF_OPT_TIME, offsetof(struct pg_config, connect_timeout_ms), "10s", 100,
     600000, "How long to wait for the connection.", 0, NULL},
    {"ranges", EFF_OPT_INT, offsetof(struct pg_config, ranges), "1", 1, EFF_PG_PEERS_MAX,
     "How many parts of a table are read at once, each by a connection of its own.", 0, NULL},
};

enum pg_phase { PG_HEADER = 0, PG_ROWS, PG_TRAILER };

struct pg_source {
    struct eff_source base;
    struct eff_os *os;
    struct eff_arena *run;
    const struct pg_config *config;
    struct eff_pg_peer peers[EFF_PG_PEERS_MAX]; /* the first describes; all see one snapshot */
    enum pg_phase phases[EFF_PG_PEERS_MAX];
    size_t connected;
    eff_str snapshot;      /* exported by the first; empty: one range */
    struct eff_pg_sql sql; /* of the query under way */
    size_t ranges;         /* of the query under way; 0: there is none */
    size_t ranges_left;    /* those whose end has not come */
    size_t at;             /* the peer that is read from */
    enum eff_pg_form *forms;
    size_t width;
    struct eff_value *cells;
    size_t rows_max, cells_cap;
    char *bytes; /* PG_BATCH_BYTES; the rows of the present batch */
    size_t bytes_len;
    char *held; /* libpq's own buffer of its last row, where that is large */
    struct eff_arena batch;
    struct eff_err failed; /* given again by every further call */
};

/* ------------------------------------------------------------------------------ open */

static void
pg_add_quoted(struct eff_buf *buf, eff_str name)
{
    eff_buf_add_char(buf, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '"')
            eff_buf_add_char(buf, '"');
        eff_buf_add_char(buf, name.ptr[i]);
    }
    eff_buf_add_char(buf, '"');
}

/*
 * Settings that change the text of values are fixed; the time zone and the order
 * of day and month, which give a model its meaning, stay the role's. The SELECT
 * takes the snapshot, which BEGIN leaves to the first query. All local to the
 * transaction, so that a connection pooler cannot mix them up.
 */
static enum eff_fault
pg_begin(struct pg_source *s, struct eff_pg_peer *peer, struct eff_err *err)
{
    struct eff_buf buf = {0};
    enum eff_fault fault;

    eff_buf_add(&buf, EFF_STR("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY;"));
    if (s->snapshot.len > 0)
        eff_buf_addf(&buf, "SET TRANSACTION SNAPSHOT '" EFF_STR_FMT "';", EFF_STR_ARG(s->snapshot));
    eff_buf_add(&buf, EFF_STR("SET LOCAL datestyle = 'ISO'; SET LOCAL intervalstyle = 'postgres';"
                              "SET LOCAL extra_float_digits = 1; SET LOCAL bytea_output = 'hex';"
                              "SET LOCAL standard_conforming_strings = on;"
                              "SET LOCAL idle_in_transaction_session_timeout = 0;"));
    if (s->config->statement_timeout_ms > 0)
        eff_buf_addf(&buf, "SET LOCAL statement_timeout = %lld;",
                     (long long)s->config->statement_timeout_ms);
    for (size_t i = 0; i < s->config->schema.count; i++) {
        eff_buf_add(&buf, i == 0 ? EFF_STR("SET LOCAL search_path = ") : EFF_STR(", "));
        pg_add_quoted(&buf, s->config->schema.at[i]);
    }
    eff_buf_add(&buf, EFF_STR("; SELECT 1"));
    eff_buf_add_char(&buf, 0);
    fault = buf.full ? EFF_FAIL(err, EFF_BROKEN, "out of memory") : eff_pg_exec(peer, buf.ptr, err);
    eff_buf_free(&buf);
    return fault;
}

/* For the connections to come: from a transaction that has no savepoint yet. */
static enum eff_fault
pg_export(struct pg_source *s, struct eff_err *err)
{
    PGresult *result = eff_pg_last(
        &s->peers[0], PQsendQuery(s->peers[0].conn, "SELECT pg_catalog.pg_export_snapshot()"));

    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return eff_pg_fault(s->peers[0].conn, result, NULL, err);
    s->snapshot = eff_str_copy(s->run, eff_str_of(PQgetvalue(result, 0, 0)));
    PQclear(result);
    return EFF_OK;
}

/* One more connection, in a transaction on the snapshot of the first. */
static enum eff_fault
pg_join(struct pg_source *s, struct eff_err *err)
{
    struct eff_pg_peer *peer = &s->peers[s->connected];

    peer->os = s->os;
    EFF_TRY(eff_pg_connect(s->config->url, s->config->connect_timeout_ms, s->os, s->run,
                           &peer->conn, err));
    s->connected++;
    peer->canceller = PQgetCancel(peer->conn);
    EFF_TRY(pg_begin(s, peer, err));
    if (s->connected == 1 && s->config->ranges > 1)
        EFF_TRY(pg_export(s, err));
    return eff_pg_exec(peer, "SAVEPOINT efferent", err);
}

static void
pg_release_rows(struct pg_source *s)
{
    PQfreemem(s->held);
    s->held = NULL;
    s->bytes_len = 0;
}

static void
pg_cancel(struct eff_source *source)
{
    struct pg_source *s = (struct pg_source *)source;

    for (size_t i = 0; i < s->connected; i++) {
        if (s->peers[i].copying)
            eff_pg_cancel(&s->peers[i]);
    }
}

static void
pg_close(struct eff_source *source)
{
    struct pg_source *s = (struct pg_source *)source;

    if (!s)
        return;
    pg_cancel(source); // The server need not finish what nobody reads.
    pg_release_rows(s);
    for (size_t i = 0; i < s->connected; i++) {
        PQfreeCancel(s->peers[i].canceller);
        PQfinish(s->peers[i].conn);
    }
    free(s->cells);
    free(s->bytes);
    eff_arena_deinit(&s->batch);
    s->connected = 0;
    s->ranges = 0;
    s->cells = NULL;
    s->bytes = NULL;
}

static enum eff_fault
pg_open(const void *config, struct eff_os *os, struct eff_arena *run,
        struct eff_source **ret_source, struct eff_err *err)
{
    struct pg_source *s = eff_new(run, struct pg_source, 1);

    s->base.ops = &eff_source_postgres;
    s->run = run;
    s->os = os;
    s->config = config;
    eff_arena_init(&s->batch, "postgres batch", PG_TEXT_BYTES);
    if (pg_join(s, err) != EFF_OK) {
        pg_close(&s->base);
        return err->fault;
    }
    *ret_source = &s->base;
    return EFF_OK;
}

/* ---------------------------------------------------------------------------- describe */

static enum eff_fault
pg_rewind_peer(struct eff_pg_peer *peer, struct eff_err *err)
{
    bool cancelled = peer->copying, rows;
    PGresult *result;
    size_t at = 0;
    char *row;

    if (cancelled)
        eff_pg_cancel(peer);
    while ((result = eff_pg_result(peer))) {
        rows = PQresultStatus(result) == PGRES_COPY_OUT;
        PQclear(result);
        while (rows && eff_pg_copy_data(peer, 1, &at, &row) > 0)
            PQfreemem(row);
    }
    peer->copying = false;
    // A cancellation that came too late for the COPY hits this command instead.
    if (cancelled && eff_pg_exec(peer, "ROLLBACK TO SAVEPOINT efferent", err) == EFF_OK)
        return EFF_OK;
    return eff_pg_exec(peer, "ROLLBACK TO SAVEPOINT efferent", err);
}

/* Back to where open left the transactions: the snapshot stays, locks and faults go. */
static enum eff_fault
pg_rewind(struct pg_source *s, struct eff_err *err)
{
    pg_release_rows(s);
    s->ranges = 0;
    for (size_t i = 0; i < s->connected; i++)
        EFF_TRY(pg_rewind_peer(&s->peers[i], err));
    return EFF_OK;
}

/* The names and types of a prepared statement; parameters are nobody's to fill. */
static enum eff_fault
pg_prepare(struct pg_source *s, const char *sql, PGresult **ret_described, struct eff_err *err)
{
    PGresult *result = eff_pg_last(&s->peers[0], PQsendPrepare(s->peers[0].conn, "", sql, 0, NULL));
    eff_str table;

    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        return eff_pg_fault(s->peers[0].conn, result, &s->sql, err);
    PQclear(result);
    result = eff_pg_last(&s->peers[0], PQsendDescribePrepared(s->peers[0].conn, ""));
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        return eff_pg_fault(s->peers[0].conn, result, &s->sql, err);
    if (PQnparams(result) > 0) {
        PQclear(result);
        return EFF_FAIL(err, EFF_CONFIG,
                        "the SQL has a parameter ($1), and nothing gives it a value");
    }
    if (PQnfields(result) == 0) {
        PQclear(result);
        return eff_sql_whole_table(s->sql.sql, &table)
                   ? EFF_FAIL(err, EFF_CONFIG, "the table has no columns")
                   : eff_sql_writes(err);
    }
    *ret_described = result;
    return EFF_OK;
}

static eff_str
pg_types_sql(const PGresult *described, struct eff_arena *arena)
{
    struct eff_buf buf = {0};
    eff_str sql;

    eff_buf_add(&buf, EFF_STR("SELECT pg_catalog.format_type(v.o, v.m), t.typtype, t.typcategory"
                              " FROM (VALUES "));
    for (int i = 0; i < PQnfields(described); i++)
        eff_buf_addf(&buf, "%s(%d, %u::pg_catalog.oid, %d)", i ? ", " : "", i,
                     PQftype(described, i), PQfmod(described, i));
    eff_buf_add(&buf, EFF_STR(") AS v (i, o, m) JOIN pg_catalog.pg_type t ON t.oid = v.o"
                              " ORDER BY v.i"));
    sql = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return sql;
}

static struct eff_column
pg_column(struct pg_source *s, const PGresult *described, const PGresult *types, int i)
{
    struct eff_column column = {.nullable = true};
    int mod = PQfmod(described, i);

    s->forms[i] = eff_pg_form_of(PQftype(described, i), PQgetvalue(types, i, 1)[0],
                                 PQgetvalue(types, i, 2)[0]);
    column.name = eff_str_copy(s->run, eff_str_of(PQfname(described, i)));
    column.kind = eff_pg_kind_of(s->forms[i]);
    column.type_name = eff_str_copy(s->run, eff_str_of(PQgetvalue(types, i, 0)));
    if (s->forms[i] == EFF_PG_NUMERIC && mod >= 4) { // numeric.c: precision << 16, 11 bits of scale
        column.precision = (mod - 4) >> 16 & 0xffff;
        column.scale = ((mod - 4) & 0x7ff) ^ 0x400;
        column.scale -= 0x400;
    }
    return column;
}

static enum eff_fault
pg_describe(struct pg_source *s, const PGresult *described, struct eff_columns *ret_columns,
            struct eff_err *err)
{
    int width = PQnfields(described);
    PGresult *types = eff_pg_last(
        &s->peers[0], PQsendQuery(s->peers[0].conn, pg_types_sql(described, s->run).ptr));
    struct eff_column *columns = eff_new(s->run, struct eff_column, (size_t)width);

    if (PQresultStatus(types) != PGRES_TUPLES_OK)
        return eff_pg_fault(s->peers[0].conn, types, NULL, err);
    if (PQntuples(types) != width) {
        PQclear(types);
        return EFF_FAIL(err, EFF_TRANSIENT, "postgres does not know the types of its own columns");
    }
    s->forms = eff_new(s->run, enum eff_pg_form, (size_t)width);
    s->width = (size_t)width;
    for (int i = 0; i < width; i++)
        columns[i] = pg_column(s, described, types, i);
    PQclear(types);
    *ret_columns = (struct eff_columns){s->width, columns};
    return eff_sql_check_columns(ret_columns, err);
}

/* ------------------------------------------------------------------------------- query */

/*
 * How many ranges the query is read in, and the blocks of its table: one, but for a table whose
 * rows have a place (TID range scans came with PostgreSQL 14) and that is worth it.
 */
static enum eff_fault
pg_count_ranges(struct pg_source *s, int64_t *ret_blocks, struct eff_err *err)
{
    static const char sql[] =
        "SELECT pg_catalog.pg_relation_size(c.oid)"
        " / pg_catalog.current_setting('block_size')::pg_catalog.int8"
        " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_am a ON a.oid = c.relam"
        " WHERE c.oid = pg_catalog.to_regclass($1) AND c.relkind IN ('r', 'm')"
        " AND a.amname = 'heap' AND pg_catalog.has_table_privilege(c.oid, 'SELECT')";
    PGconn *conn = s->peers[0].conn;
    const char *name;
    PGresult *result;
    eff_str table;
    int64_t most;

    *ret_blocks = 0;
    s->ranges = 1;
    if (s->config->ranges <= 1 || PQserverVersion(conn) < 140000 ||
        !eff_sql_whole_table(s->sql.sql, &table))
        return EFF_OK;
    name = eff_str_c(s->run, table);
    result = eff_pg_last(&s->peers[0], PQsendQueryParams(conn, sql, 1, NULL, &name, NULL, NULL, 0));
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return eff_pg_fault(conn, result, NULL, err);
    if (PQntuples(result) == 1)
        *ret_blocks = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    most = *ret_blocks / PG_RANGE_BLOCKS;
    s->ranges = (size_t)(most < 1 ? 1 : most < s->config->ranges ? most : s->config->ranges);
    return EFF_OK;
}

/*
 * The model alone on its lines, so that a comment at its end ends there. Of more than one range
 * the i-th, which is the last when it has no end. Terminated.
 */
static void
pg_copy_sql(struct pg_source *s, size_t range, int64_t blocks, struct eff_buf *buf)
{
    int64_t from = blocks * (int64_t)range / (int64_t)s->ranges;
    int64_t to = blocks * (int64_t)(range + 1) / (int64_t)s->ranges;

    eff_buf_add(buf, EFF_STR("COPY (SELECT "));
    for (size_t i = 0; i < s->width; i++) {
        bool json = s->forms[i] == EFF_PG_CAST_JSON, text = s->forms[i] == EFF_PG_CAST_TEXT;

        eff_buf_addf(buf, "%s%sc%zu%s", i ? ", " : "", json ? "pg_catalog.to_json(" : "", i + 1,
                     json   ? ")"
                     : text ? "::pg_catalog.text"
                            : "");
    }
    eff_buf_add(buf, EFF_STR(" FROM (\n"));
    s->sql.offset = buf->len;
    eff_buf_add(buf, s->sql.sql);
    if (s->ranges > 1)
        eff_buf_addf(buf, "\nWHERE ctid >= '(%lld,0)'", (long long)from);
    if (range + 1 < s->ranges)
        eff_buf_addf(buf, " AND ctid < '(%lld,0)'", (long long)to);
    eff_buf_add(buf, EFF_STR("\n) AS efferent_model ("));
    for (size_t i = 0; i < s->width; i++)
        eff_buf_addf(buf, "%sc%zu", i ? ", " : "", i + 1);
    eff_buf_add(buf, EFF_STR(")) TO STDOUT (FORMAT binary)"));
    eff_buf_add_char(buf, 0);
}

static void
pg_ask(struct pg_source *s, size_t range, int64_t blocks)
{
    struct eff_pg_peer *peer = &s->peers[range];
    struct eff_buf buf = {0};

    pg_copy_sql(s, range, blocks, &buf);
    peer->copying = !buf.full && PQsendQuery(peer->conn, buf.ptr) == 1;
    s->phases[range] = PG_HEADER;
    eff_buf_free(&buf);
}

/* The server tells that the rows will follow. */
static enum eff_fault
pg_hear(struct pg_source *s, size_t range, struct eff_err *err)
{
    struct eff_pg_peer *peer = &s->peers[range];
    PGresult *result = eff_pg_last(peer, peer->copying);
    const char *sqlstate;

    if (PQresultStatus(result) == PGRES_COPY_OUT) {
        PQclear(result);
        return EFF_OK;
    }
    peer->copying = false;
    // It was prepared without complaint, so what the parser dislikes is that it is no SELECT.
    sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (sqlstate && strcmp(sqlstate, "42601") == 0) {
        PQclear(result);
        return eff_sql_writes(err);
    }
    return eff_pg_fault(peer->conn, result, &s->sql, err);
}

static enum eff_fault
pg_start(struct pg_source *s, struct eff_err *err)
{
    int64_t blocks;

    EFF_TRY(pg_count_ranges(s, &blocks, err));
    while (s->connected < s->ranges) {
        enum eff_fault fault = pg_join(s, err);

        if (fault != EFF_OK && s->os->go_on(s->os->self))
            eff_err_hint(err, "Each of the `ranges` has a connection of its own, to the same "
                              "server: read in fewer, or allow the role more.");
        EFF_TRY(fault);
    }
    for (size_t i = 0; i < s->ranges; i++) // All first: an answer comes with the first rows only.
        pg_ask(s, i, blocks);
    for (size_t i = 0; i < s->ranges; i++)
        EFF_TRY(pg_hear(s, i, err));
    s->ranges_left = s->ranges;
    s->at = 0;
    return EFF_OK;
}

static enum eff_fault
pg_make_room(struct pg_source *s, struct eff_err *err)
{
    size_t rows = PG_CELLS_MAX / s->width;

    s->rows_max = rows < 64 ? 64 : rows > PG_ROWS_MAX ? PG_ROWS_MAX : rows;
    if (s->rows_max * s->width > s->cells_cap) {
        free(s->cells);
        s->cells_cap = s->rows_max * s->width;
        s->cells = malloc(s->cells_cap * sizeof(*s->cells));
    }
    if (!s->bytes)
        s->bytes = malloc(PG_BATCH_BYTES);
    return s->cells && s->bytes ? EFF_OK : EFF_FAIL(err, EFF_BROKEN, "out of memory");
}

static enum eff_fault
pg_query(struct eff_source *source, eff_str sql, struct eff_columns *ret_columns,
         struct eff_err *err)
{
    struct pg_source *s = (struct pg_source *)source;
    PGresult *described = NULL;
    enum eff_fault fault;

    s->failed = (struct eff_err){0};
    EFF_TRY(pg_rewind(s, err));
    EFF_TRY(eff_sql_single(sql, &s->sql.sql, err));
    if (memchr(sql.ptr, 0, sql.len))
        return EFF_FAIL(err, EFF_CONFIG, "the SQL holds a NUL character");
    s->sql = (struct eff_pg_sql){eff_str_copy(s->run, s->sql.sql), 0};
    EFF_TRY(pg_prepare(s, s->sql.sql.ptr, &described, err));
    fault = pg_describe(s, described, ret_columns, err);
    PQclear(described);
    EFF_TRY(fault);
    EFF_TRY(pg_make_room(s, err));
    fault = pg_start(s, err);
    if (fault != EFF_OK)
        s->ranges = 0;
    return fault;
}

/* ------------------------------------------------------------------------------- rows */

static enum eff_fault
pg_damaged(struct eff_err *err, const char *what)
{
    return EFF_FAIL(err, EFF_TRANSIENT, "postgres sent a damaged COPY stream: %s", what);
}

/* Signature, flags, and an extension that may be skipped (COPY's documentation, Binary Format). */
static const unsigned char *
pg_skip_header(const unsigned char *at, const unsigned char *end)
{
    uint32_t extension;

    if (end - at < PG_HEADER_MIN || memcmp(at, "PGCOPY\n\377\r\n", 11) != 0)
        return NULL;
    if (eff_pg_u32(at + 11) & 0xffff0000) // critical flags: none is known
        return NULL;
    extension = eff_pg_u32(at + 15);
    at += PG_HEADER_MIN;
    return extension <= (size_t)(end - at) ? at + extension : NULL;
}

/* One tuple; the place after it, or NULL when bytes are missing or wrong. */
static const unsigned char *
pg_tuple(struct pg_source *s, const unsigned char *at, const unsigned char *end,
         struct eff_value *row)
{
    for (size_t i = 0; i < s->width; i++) {
        uint32_t len;

        if (end - at < 4)
            return NULL;
        len = eff_pg_u32(at);
        at += 4;
        if (len == UINT32_MAX) {
            eff_value_set_int(&row[i], EFF_NULL, 0);
            continue;
        }
        if (len > (size_t)(end - at) || !eff_pg_field(s->forms[i], at, len, &s->batch, &row[i]))
            return NULL;
        at += len;
    }
    return at;
}

/* All that one message holds, which is one row, the trailer, or (from proxies) several rows. */
static enum eff_fault
pg_message(struct pg_source *s, const unsigned char *at, size_t len, size_t *rows,
           struct eff_err *err)
{
    const unsigned char *end = at + len;
    enum pg_phase *phase = &s->phases[s->at];

    if (*phase == PG_HEADER) {
        at = pg_skip_header(at, end);
        if (!at)
            return pg_damaged(err, "its header is not known");
        *phase = PG_ROWS;
    }
    while (at < end) {
        uint16_t fields = end - at >= 2 ? eff_pg_u16(at) : 0;

        if (*phase != PG_ROWS)
            return pg_damaged(err, "there is something behind its end");
        at += 2;
        if (fields == UINT16_MAX && at == end) {
            *phase = PG_TRAILER;
            return EFF_OK;
        }
        if (fields != s->width || *rows == s->rows_max)
            return pg_damaged(err, "a row has other columns than were declared");
        at = pg_tuple(s, at, end, &s->cells[*rows * s->width]);
        if (!at)
            return pg_damaged(err, "a value is cut off or of another type than was declared");
        ++*rows;
    }
    return EFF_OK;
}

/* Both the trailer and the command tag: anything less is no complete range. */
static enum eff_fault
pg_finish(struct pg_source *s, struct eff_err *err)
{
    struct eff_pg_peer *peer = &s->peers[s->at];
    PGresult *result = eff_pg_result(peer);

    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        return eff_pg_fault(peer->conn, result, &s->sql, err);
    PQclear(result);
    if (s->phases[s->at] != PG_TRAILER)
        return pg_damaged(err, "it has no trailer");
    result = eff_pg_result(peer);
    if (result)
        return eff_pg_fault(peer->conn, result, &s->sql, err);
    s->ranges_left--;
    return EFF_OK;
}

/* Where the message may lie until the next call. */
static const unsigned char *
pg_keep(struct pg_source *s, char *message, size_t len)
{
    char *kept = s->bytes + s->bytes_len;

    if (len > PG_BATCH_BYTES - s->bytes_len) {
        s->held = message;
        return (const unsigned char *)message;
    }
    memcpy(kept, message, len);
    PQfreemem(message);
    s->bytes_len += len;
    return (const unsigned char *)kept;
}

/* Rows until the batch is full or a range ends; a fault is left in s->failed. */
static size_t
pg_fill(struct pg_source *s)
{
    size_t rows = 0;
    char *message;
    int len;

    while (rows < s->rows_max && !s->held) {
        struct eff_pg_peer *peer;

        len = eff_pg_copy_data(s->peers, s->ranges, &s->at, &message);
        peer = &s->peers[s->at];
        if (len == -1) {
            pg_finish(s, &s->failed);
            break;
        }
        if (len < 0) {
            eff_pg_fault(peer->conn, eff_pg_result(peer), &s->sql, &s->failed);
            break;
        }
        if (pg_message(s, pg_keep(s, message, (size_t)len), (size_t)len, &rows, &s->failed) !=
            EFF_OK)
            break;
    }
    return rows;
}

static enum eff_fault
pg_next(struct eff_source *source, struct eff_batch *ret_batch, struct eff_err *err)
{
    struct pg_source *s = (struct pg_source *)source;
    size_t rows = 0;

    if (s->ranges == 0 && s->failed.fault == EFF_OK)
        return EFF_FAIL(err, EFF_BROKEN, "no query is under way");
    pg_release_rows(s);
    eff_arena_reset(&s->batch);
    while (rows == 0 && s->ranges_left > 0 && s->failed.fault == EFF_OK)
        rows = pg_fill(s);
    if (s->failed.fault != EFF_OK) {
        *err = s->failed;
        return err->fault;
    }
    *ret_batch = (struct eff_batch){rows, s->width, s->cells};
    return EFF_OK;
}

/* --------------------------------------------------------------------------- estimate */

static int64_t
pg_plan_rows(eff_str plan)
{
    struct eff_arena arena = {0};
    const struct eff_json *root;
    struct eff_err err = {0};
    int64_t rows = -1;

    eff_arena_init(&arena, "plan", PG_JSON_BYTES);
    if (eff_json_parse(plan, &arena, &root, &err) != EFF_OK ||
        !eff_json_int(eff_json_pointer(root, EFF_STR("/0/Plan/Plan Rows")), &rows))
        rows = -1;
    eff_arena_deinit(&arena);
    return rows;
}

/* The planner's guess. Ends a query that is under way. */
static int64_t
pg_estimate(struct eff_source *source, eff_str sql)
{
    struct pg_source *s = (struct pg_source *)source;
    struct eff_err err = {0};
    struct eff_buf buf = {0};
    int64_t rows = -1;
    eff_str statement;
    PGresult *result;

    if (pg_rewind(s, &err) != EFF_OK || eff_sql_single(sql, &statement, &err) != EFF_OK)
        return -1;
    eff_buf_add(&buf, EFF_STR("EXPLAIN (FORMAT JSON) "));
    eff_buf_add(&buf, statement);
    eff_buf_add_char(&buf, 0);
    // The extended protocol takes one statement only, whatever our own lexer thinks.
    result = buf.full ? NULL
                      : eff_pg_last(&s->peers[0], PQsendQueryParams(s->peers[0].conn, buf.ptr, 0,
                                                                    NULL, NULL, NULL, NULL, 0));
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
        rows = pg_plan_rows(eff_str_of(PQgetvalue(result, 0, 0)));
    PQclear(result);
    eff_buf_free(&buf);
    pg_rewind(s, &err);
    return rows;
}

static eff_str
pg_table_sql(struct eff_source *source, eff_str table, struct eff_arena *arena)
{
    (void)source;
    return eff_sql_table(table, arena);
}

/* ----------------------------------------------------------------------------- reader */

/*
 * A cluster is known by the number that its replicas share; where that may not be seen, by its
 * address. A replica is told from its primary, because it may be behind.
 */
static eff_str
pg_reader(struct eff_source *source, struct eff_arena *arena)
{
    static const char *const servers[] = {
        "(SELECT system_identifier::pg_catalog.text FROM pg_catalog.pg_control_system())",
        "pg_catalog.host(pg_catalog.inet_server_addr())",
    };
    struct pg_source *s = (struct pg_source *)source;
    eff_str reader = EFF_STR_NONE;

    for (size_t i = 0; i < sizeof servers / sizeof *servers && !reader.ptr; i++) {
        const char *sql =
            eff_str_printf(arena,
                           "SELECT pg_catalog.concat('role ', current_user, ', database ',"
                           " pg_catalog.current_database(), ', ', CASE WHEN"
                           " pg_catalog.pg_is_in_recovery() THEN 'replica of ' END, 'server ', %s)",
                           servers[i])
                .ptr;
        PGresult *result = eff_pg_last(&s->peers[0], PQsendQuery(s->peers[0].conn, sql));
        struct eff_err ignored = {0};

        if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1)
            reader = eff_str_copy(arena, eff_str_of(PQgetvalue(result, 0, 0)));
        PQclear(result);
        pg_rewind(s, &ignored); // A fault of `query`, if the connection is gone.
    }
    return reader;
}

const struct eff_source_ops eff_source_postgres = {
    .kind = "postgres",
    .title = "PostgreSQL",
    .options = pg_options,
    .options_count = sizeof(pg_options) / sizeof(pg_options[0]),
    .config_size = sizeof(struct pg_config),
    .open = pg_open,
    .query = pg_query,
    .next = pg_next,
    .table_sql = pg_table_sql,
    .estimate = pg_estimate,
    .reader = pg_reader,
    .cancel = pg_cancel,
    .close = pg_close,
};
