/*
 * sandbox/records: what a stand-in holds, in SQLite.
 *
 * Always SQLite, with ":memory:" for no file: nested transactions, an index
 * and persistence come with it, and there is one code to trust. Cells are
 * kept as one blob per record: kind and text of each slot.
 */
#include "sandbox/records.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

enum records_statement {
    RECORDS_GET,
    RECORDS_FIND,
    RECORDS_INSERT,
    RECORDS_UPDATE,
    RECORDS_DELETE,
    RECORDS_INDEX,
    RECORDS_UNINDEX,
    RECORDS_UNINDEX_SHAPE,
    RECORDS_NEXT,
    RECORDS_COUNT,
    RECORDS_LINK,
    RECORDS_UNLINK,
    RECORDS_NEXT_LINK,
    RECORDS_NOTE,
    RECORDS_NOTED,
    RECORDS_STATEMENTS
};

/* %1$s is the name of the vendor, which is one of ours and needs no quoting. */
static const char *const records_sql[RECORDS_STATEMENTS] = {
    [RECORDS_GET] = "SELECT seq, created, updated, deleted, cells FROM %1$s_record "
                    "WHERE seq = ?1 AND shape = ?2",
    [RECORDS_FIND] = "SELECT seq FROM %1$s_key WHERE shape = ?1 AND slot = ?2 AND value = ?3 "
                     "ORDER BY seq LIMIT ?4",
    [RECORDS_INSERT] = "INSERT INTO %1$s_record (shape, created, updated, deleted, cells) "
                       "VALUES (?1, ?2, ?2, 0, ?3)",
    [RECORDS_UPDATE] = "UPDATE %1$s_record SET updated = ?2, cells = ?3, before = CASE "
                       "WHEN ?4 = 0 THEN NULL WHEN ?2 - updated >= ?4 THEN cells ELSE before END, "
                       "before_at = CASE WHEN ?2 - updated >= ?4 THEN updated ELSE before_at END "
                       "WHERE seq = ?1",
    [RECORDS_DELETE] = "UPDATE %1$s_record SET updated = ?2, deleted = 1 WHERE seq = ?1",
    [RECORDS_INDEX] = "INSERT OR IGNORE INTO %1$s_key (shape, slot, value, seq) "
                      "VALUES (?1, ?2, ?3, ?4)",
    [RECORDS_UNINDEX] = "DELETE FROM %1$s_key WHERE shape = ?1 AND slot = ?2 AND value = ?3 "
                        "AND seq = ?4",
    [RECORDS_UNINDEX_SHAPE] = "DELETE FROM %1$s_key WHERE shape = ?1",
    [RECORDS_NEXT] = "SELECT seq, created, updated, deleted, CASE WHEN ?4 = 0 OR updated <= ?4 "
                     "THEN cells WHEN before_at <= ?4 THEN before END FROM %1$s_record "
                     "WHERE shape = ?1 AND deleted = ?2 AND seq > ?3 AND (?4 = 0 OR updated <= ?4 "
                     "OR (before IS NOT NULL AND before_at <= ?4)) ORDER BY seq LIMIT 1",
    [RECORDS_COUNT] = "SELECT count(*) FROM %1$s_record WHERE shape = ?1 AND deleted = ?2",
    [RECORDS_LINK] = "INSERT OR IGNORE INTO %1$s_link (from_type, from_seq, to_type, to_seq, kind) "
                     "VALUES (?1, ?2, ?3, ?4, ?5)",
    [RECORDS_UNLINK] = "DELETE FROM %1$s_link WHERE from_type = ?1 AND from_seq = ?2 AND "
                       "to_type = ?3 AND to_seq = ?4 AND (?5 = 0 OR kind = ?5)",
    [RECORDS_NEXT_LINK] = "SELECT to_seq, kind FROM %1$s_link WHERE from_type = ?1 AND "
                          "from_seq = ?2 AND to_type = ?3 AND (to_seq, kind) > (?4, ?5) "
                          "ORDER BY to_seq, kind LIMIT 1",
    [RECORDS_NOTE] = "INSERT OR REPLACE INTO %1$s_note (name, text) VALUES (?1, ?2)",
    [RECORDS_NOTED] = "SELECT text FROM %1$s_note WHERE name = ?1",
};

static const char records_schema[] =
    "CREATE TABLE IF NOT EXISTS %1$s_record (seq INTEGER PRIMARY KEY AUTOINCREMENT, shape INTEGER,"
    " created INTEGER, updated INTEGER, deleted INTEGER, cells BLOB, before BLOB,"
    " before_at INTEGER);"
    "CREATE INDEX IF NOT EXISTS %1$s_by_shape ON %1$s_record (shape, deleted, seq);"
    "CREATE TABLE IF NOT EXISTS %1$s_key (shape INTEGER, slot INTEGER, value BLOB, seq INTEGER,"
    " PRIMARY KEY (shape, slot, value, seq)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS %1$s_link (from_type INTEGER, from_seq INTEGER, to_type INTEGER,"
    " to_seq INTEGER, kind INTEGER, PRIMARY KEY (from_type, from_seq, to_type, to_seq, kind))"
    " WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS %1$s_note (name TEXT PRIMARY KEY, text BLOB);";

struct eff_records {
    sqlite3 *db;
    char name[32];
    sqlite3_stmt *statements[RECORDS_STATEMENTS];
    unsigned depth; /* of transactions */
    char broken[256];
    struct eff_buf blob; /* of the record being written */
};

static void
records_break(struct eff_records *records)
{
    if (records->broken[0] == '\0')
        snprintf(records->broken, sizeof(records->broken), "the store of %s failed: %s",
                 records->name, sqlite3_errmsg(records->db));
}

const char *
eff_records_broken(const struct eff_records *records)
{
    return records->broken[0] == '\0' ? NULL : records->broken;
}

/* The format has positional arguments, so that one name can stand in several places. */
static char *
records_text(const char *format, const char *name)
{
    char *text = NULL;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    if (asprintf(&text, format, name) < 0)
        text = NULL;
#pragma GCC diagnostic pop
    return text;
}

static void
records_exec(struct eff_records *records, const char *format, const char *name)
{
    char *sql = records_text(format, name);

    if (sql == NULL || sqlite3_exec(records->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        records_break(records);
    free(sql);
}

static bool
records_prepare(struct eff_records *records)
{
    for (size_t i = 0; i < RECORDS_STATEMENTS; i++) {
        char *sql = records_text(records_sql[i], records->name);
        int code = sql == NULL ? SQLITE_NOMEM
                               : sqlite3_prepare_v3(records->db, sql, -1, SQLITE_PREPARE_PERSISTENT,
                                                    &records->statements[i], NULL);

        free(sql);
        if (code != SQLITE_OK)
            return false;
    }
    return true;
}

static void
records_configure(struct eff_records *records)
{
    sqlite3_busy_timeout(records->db, 10000);
    // Records need to outlive the process, not a power failure: no fsync.
    records_exec(records, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;", "");
    records_exec(records, records_schema, records->name);
}

enum eff_fault
eff_records_open(const char *path, const char *name, struct eff_records **ret_records,
                 struct eff_err *err)
{
    struct eff_records *records = calloc(1, sizeof(*records));

    if (records == NULL)
        return EFF_FAIL(err, EFF_BROKEN, "out of memory");
    snprintf(records->name, sizeof(records->name), "%s", name);
    if (sqlite3_open_v2(path == NULL ? ":memory:" : path, &records->db,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        records_break(records);
    else
        records_configure(records);
    if (records->broken[0] == '\0' && !records_prepare(records))
        records_break(records);
    if (records->broken[0] != '\0') {
        EFF_FAIL(err, EFF_CONFIG, "%s", records->broken);
        eff_records_close(records);
        return eff_err_hint(err, "--data names an SQLite file that is made when it is missing.");
    }
    *ret_records = records;
    return EFF_OK;
}

void
eff_records_close(struct eff_records *records)
{
    if (records == NULL)
        return;
    for (size_t i = 0; i < RECORDS_STATEMENTS; i++)
        sqlite3_finalize(records->statements[i]);
    sqlite3_close(records->db);
    eff_buf_free(&records->blob);
    free(records);
}

void
eff_records_clear(struct eff_records *records)
{
    records->broken[0] = '\0';
    records_exec(records,
                 "DELETE FROM %1$s_record; DELETE FROM %1$s_key; DELETE FROM %1$s_link;"
                 "DELETE FROM %1$s_note; DELETE FROM sqlite_sequence WHERE name = '%1$s_record';",
                 records->name);
}

static void
records_savepoint(struct eff_records *records, const char *format, unsigned depth)
{
    char name[16];

    snprintf(name, sizeof(name), "s%u", depth);
    records_exec(records, format, name);
}

void
eff_records_begin(struct eff_records *records)
{
    // The outer one takes the file's lock at once: a reader that writes later could be too late.
    if (records->depth++ == 0)
        records_exec(records, "BEGIN IMMEDIATE", "");
    else
        records_savepoint(records, "SAVEPOINT %s", records->depth);
}

void
eff_records_commit(struct eff_records *records)
{
    if (records->depth == 1)
        records_exec(records, "COMMIT", "");
    else
        records_savepoint(records, "RELEASE %s", records->depth);
    records->depth--;
}

void
eff_records_rollback(struct eff_records *records)
{
    if (records->depth == 1)
        records_exec(records, "ROLLBACK", "");
    else
        records_savepoint(records, "ROLLBACK TO %1$s; RELEASE %1$s", records->depth);
    records->depth--;
}

void
eff_cell_write(struct eff_json_writer *w, struct eff_cell cell)
{
    switch (cell.kind) {
    case EFF_CELL_TEXT:
        eff_json_write_str(w, cell.text);
        break;
    case EFF_CELL_NUMBER:
    case EFF_CELL_BOOL:
    case EFF_CELL_JSON:
        eff_json_write_raw(w, cell.text);
        break;
    case EFF_CELL_KEEP:
    case EFF_CELL_NULL:
        eff_json_write_null(w);
        break;
    }
}

/* Binds the integers to ?1, ?2, ... and returns the statement, reset. */
static sqlite3_stmt *
records_bind(struct eff_records *records, enum records_statement which, size_t count,
             const int64_t *values)
{
    sqlite3_stmt *statement = records->statements[which];

    sqlite3_reset(statement);
    for (size_t i = 0; i < count; i++)
        if (sqlite3_bind_int64(statement, (int)i + 1, values[i]) != SQLITE_OK)
            records_break(records);
    return statement;
}

static void
records_bind_blob(struct eff_records *records, sqlite3_stmt *statement, int at, eff_str bytes)
{
    if (sqlite3_bind_blob64(statement, at, bytes.len == 0 ? "" : bytes.ptr, bytes.len,
                            SQLITE_STATIC) != SQLITE_OK)
        records_break(records);
}

/* True when there is a row. Every user resets the statement when it has read the row. */
static bool
records_step(struct eff_records *records, sqlite3_stmt *statement)
{
    int code = records->broken[0] == '\0' ? sqlite3_step(statement) : SQLITE_DONE;

    if (code == SQLITE_ROW)
        return true;
    if (code != SQLITE_DONE)
        records_break(records);
    sqlite3_reset(statement);
    return false;
}

static eff_str
records_blob(sqlite3_stmt *statement, int column)
{
    const char *ptr = sqlite3_column_blob(statement, column);

    return (eff_str){ptr, ptr == NULL ? 0 : (size_t)sqlite3_column_bytes(statement, column)};
}

static void
records_encode_cell(struct eff_records *records, struct eff_cell cell)
{
    eff_buf_add_char(&records->blob, (char)cell.kind);
    if (!eff_cell_null(cell))
        eff_buf_add_slice(&records->blob, cell.text);
    if (records->blob.full && records->broken[0] == '\0')
        snprintf(records->broken, sizeof(records->broken), "out of memory for a record");
}

/* Of a new record: without what its shape passes over in silence. */
static void
records_encode_new(struct eff_records *records, const struct eff_shape *shape,
                   const struct eff_cell *cells)
{
    eff_buf_reset(&records->blob);
    for (size_t i = 0; i < shape->count; i++)
        records_encode_cell(records, eff_field_has(&shape->fields[i], EFF_FIELD_DROPPED)
                                         ? (struct eff_cell){0}
                                         : cells[i]);
}

static void
records_encode(struct eff_records *records, size_t count, const struct eff_cell *cells)
{
    eff_buf_reset(&records->blob);
    for (size_t i = 0; i < count; i++)
        records_encode_cell(records, cells[i]);
}

static void
records_decode(eff_str blob, struct eff_arena *arena, struct eff_record *record)
{
    struct eff_reader reader = eff_reader_of(eff_str_copy(arena, blob));

    record->count = 0;
    record->cells = eff_new(arena, struct eff_cell, record->shape->count);
    while (reader.at < reader.end && !reader.bad && record->count < record->shape->count) {
        struct eff_cell *cell = &record->cells[record->count++];

        cell->kind = (enum eff_cell_kind)eff_read_u8(&reader);
        if (!eff_cell_null(*cell))
            cell->text = eff_read_slice(&reader);
    }
}

static void
records_row(sqlite3_stmt *statement, const struct eff_shape *shape, struct eff_arena *arena,
            struct eff_record *ret_record)
{
    *ret_record = (struct eff_record){
        .seq = sqlite3_column_int64(statement, 0),
        .shape = shape,
        .created_ms = sqlite3_column_int64(statement, 1),
        .updated_ms = sqlite3_column_int64(statement, 2),
        .deleted = sqlite3_column_int(statement, 3) != 0,
    };
    records_decode(records_blob(statement, 4), arena, ret_record);
    sqlite3_reset(statement);
}

bool
eff_records_get(struct eff_records *records, const struct eff_shape *shape, int64_t seq,
                struct eff_arena *arena, struct eff_record *ret_record)
{
    sqlite3_stmt *statement =
        records_bind(records, RECORDS_GET, 2, (int64_t[]){seq, shape->number});

    if (!records_step(records, statement))
        return false;
    records_row(statement, shape, arena, ret_record);
    return true;
}

/* Key values are compared without regard to case, unless the field says otherwise. */
static char *
records_key(const struct eff_field *field, eff_str value)
{
    char *key = malloc(value.len + 1);

    for (size_t i = 0; key != NULL && i < value.len; i++) {
        char c = value.ptr[i];

        key[i] = !eff_field_has(field, EFF_FIELD_CASE) && c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return key;
}

size_t
eff_records_find(struct eff_records *records, const struct eff_shape *shape,
                 const struct eff_field *field, eff_str value, int64_t *ret_seqs, size_t max)
{
    int64_t limit = max > INT_MAX ? INT_MAX : (int64_t)max;
    sqlite3_stmt *statement =
        records_bind(records, RECORDS_FIND, 4, (int64_t[]){shape->number, field->slot, 0, limit});
    char *key = records_key(field, value);
    size_t count = 0;

    records_bind_blob(records, statement, 3, (eff_str){key, key == NULL ? 0 : value.len});
    while (count < max && records_step(records, statement))
        ret_seqs[count++] = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    free(key);
    return count;
}

static void
records_index(struct eff_records *records, enum records_statement which,
              const struct eff_shape *shape, const struct eff_field *field, int64_t seq,
              struct eff_cell cell)
{
    sqlite3_stmt *statement;
    char *key;

    if (eff_cell_null(cell) || !eff_field_has(field, EFF_FIELD_UNIQUE | EFF_FIELD_KEY))
        return;
    key = records_key(field, cell.text);
    statement = records_bind(records, which, 4, (int64_t[]){shape->number, field->slot, 0, seq});
    records_bind_blob(records, statement, 3, (eff_str){key, key == NULL ? 0 : cell.text.len});
    records_step(records, statement);
    sqlite3_reset(statement);
    free(key);
}

int64_t
eff_records_insert(struct eff_records *records, const struct eff_shape *shape,
                   const struct eff_cell *cells, int64_t now_ms)
{
    sqlite3_stmt *statement =
        records_bind(records, RECORDS_INSERT, 2, (int64_t[]){shape->number, now_ms});
    int64_t seq;

    records_encode_new(records, shape, cells);
    records_bind_blob(records, statement, 3, eff_buf_str(&records->blob));
    records_step(records, statement);
    sqlite3_reset(statement);
    seq = sqlite3_last_insert_rowid(records->db);
    for (size_t i = 0; i < shape->count; i++)
        records_index(records, RECORDS_INDEX, shape, &shape->fields[i], seq, cells[i]);
    return seq;
}

static struct eff_cell *
records_merge(const struct eff_record *record, const struct eff_cell *cells,
              struct eff_arena *arena)
{
    size_t count = record->shape->count;
    struct eff_cell *merged = eff_new(arena, struct eff_cell, count);

    for (size_t i = 0; i < count; i++)
        merged[i] = cells[i].kind != EFF_CELL_KEEP &&
                            !eff_field_has(&record->shape->fields[i], EFF_FIELD_DROPPED)
                        ? cells[i]
                    : i < record->count ? record->cells[i]
                                        : (struct eff_cell){0};
    return merged;
}

static void
records_move_keys(struct eff_records *records, const struct eff_record *record,
                  const struct eff_cell *before, size_t before_count)
{
    const struct eff_shape *shape = record->shape;

    for (size_t i = 0; i < shape->count; i++) {
        const struct eff_field *field = &shape->fields[i];
        struct eff_cell old = i < before_count ? before[i] : (struct eff_cell){0};

        if (eff_str_eq(old.text, record->cells[i].text) &&
            eff_cell_null(old) == eff_cell_null(record->cells[i]))
            continue;
        records_index(records, RECORDS_UNINDEX, shape, field, record->seq, old);
        records_index(records, RECORDS_INDEX, shape, field, record->seq, record->cells[i]);
    }
}

void
eff_records_update(struct eff_records *records, struct eff_record *record,
                   const struct eff_cell *cells, int64_t now_ms, int64_t lag_ms,
                   struct eff_arena *arena)
{
    struct eff_cell *before = record->cells;
    size_t before_count = record->count;
    sqlite3_stmt *statement;

    record->cells = records_merge(record, cells, arena);
    record->count = record->shape->count;
    record->updated_ms = now_ms;
    records_encode(records, record->count, record->cells);
    statement =
        records_bind(records, RECORDS_UPDATE, 4, (int64_t[]){record->seq, now_ms, 0, lag_ms});
    records_bind_blob(records, statement, 3, eff_buf_str(&records->blob));
    records_step(records, statement);
    sqlite3_reset(statement);
    records_move_keys(records, record, before, before_count);
}

void
eff_records_delete(struct eff_records *records, struct eff_record *record, int64_t now_ms)
{
    sqlite3_stmt *statement =
        records_bind(records, RECORDS_DELETE, 2, (int64_t[]){record->seq, now_ms});

    records_step(records, statement);
    sqlite3_reset(statement);
    for (size_t i = 0; i < record->count; i++)
        records_index(records, RECORDS_UNINDEX, record->shape, &record->shape->fields[i],
                      record->seq, record->cells[i]);
    record->deleted = true;
}

void
eff_records_reindex(struct eff_records *records, const struct eff_shape *shape,
                    struct eff_arena scratch)
{
    struct eff_scan scan = {.shape = shape};
    struct eff_record record;
    sqlite3_stmt *statement =
        records_bind(records, RECORDS_UNINDEX_SHAPE, 1, (int64_t[]){shape->number});
    size_t used = scratch.used;

    records_step(records, statement);
    sqlite3_reset(statement);
    while (eff_records_next(records, &scan, &scratch, &record)) {
        for (size_t i = 0; i < record.count; i++)
            records_index(records, RECORDS_INDEX, shape, &shape->fields[i], record.seq,
                          record.cells[i]);
        scratch.used = used;
    }
}

bool
eff_records_next(struct eff_records *records, struct eff_scan *scan, struct eff_arena *arena,
                 struct eff_record *ret_record)
{
    sqlite3_stmt *statement =
        records_bind(records, RECORDS_NEXT, 4,
                     (int64_t[]){scan->shape->number, scan->deleted, scan->after, scan->as_of_ms});

    if (!records_step(records, statement))
        return false;
    records_row(statement, scan->shape, arena, ret_record);
    scan->after = ret_record->seq;
    return true;
}

size_t
eff_records_count(struct eff_records *records, const struct eff_shape *shape, bool deleted)
{
    sqlite3_stmt *statement =
        records_bind(records, RECORDS_COUNT, 2, (int64_t[]){shape->number, deleted});
    size_t count = 0;

    if (records_step(records, statement))
        count = (size_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return count;
}

void
eff_records_link(struct eff_records *records, struct eff_link link)
{
    sqlite3_stmt *statement =
        records_bind(records, RECORDS_LINK, 5,
                     (int64_t[]){link.from_type, link.from, link.to_type, link.to, link.kind});

    records_step(records, statement);
    sqlite3_reset(statement);
}

size_t
eff_records_unlink(struct eff_records *records, struct eff_link link)
{
    sqlite3_stmt *statement =
        records_bind(records, RECORDS_UNLINK, 5,
                     (int64_t[]){link.from_type, link.from, link.to_type, link.to, link.kind});

    records_step(records, statement);
    sqlite3_reset(statement);
    return (size_t)sqlite3_changes(records->db);
}

bool
eff_records_next_link(struct eff_records *records, struct eff_link *link)
{
    sqlite3_stmt *statement =
        records_bind(records, RECORDS_NEXT_LINK, 5,
                     (int64_t[]){link->from_type, link->from, link->to_type, link->to, link->kind});

    if (!records_step(records, statement))
        return false;
    link->to = sqlite3_column_int64(statement, 0);
    link->kind = sqlite3_column_int64(statement, 1);
    sqlite3_reset(statement);
    return true;
}

void
eff_records_note(struct eff_records *records, const char *name, eff_str text)
{
    sqlite3_stmt *statement = records_bind(records, RECORDS_NOTE, 0, NULL);

    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    records_bind_blob(records, statement, 2, text);
    records_step(records, statement);
    sqlite3_reset(statement);
}

eff_str
eff_records_noted(struct eff_records *records, const char *name, struct eff_arena *arena)
{
    sqlite3_stmt *statement = records_bind(records, RECORDS_NOTED, 0, NULL);
    eff_str text = EFF_STR_NONE;

    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    if (records_step(records, statement))
        text = eff_str_copy(arena, records_blob(statement, 0));
    sqlite3_reset(statement);
    return text;
}
