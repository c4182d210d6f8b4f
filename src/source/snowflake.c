/*
 * source/snowflake: models over Snowflake, by its SQL API (version 2).
 *
 * A model is first described (LIMIT 0, which needs no rows), and carried out only
 * when the first row is asked for. It stands in parentheses,
 *
 *     SELECT * FROM (
 *     <the model>
 *     )
 *
 * so that nothing but a query can be one. One statement is one snapshot, and its
 * result is kept over there for a day: the same query of one opened source reads
 * that result again.
 *
 * A result comes in partitions, some of which are asked for ahead while one is
 * being read. It is complete when each partition had the rows that it should
 * have, and all of them together as many as the result; anything else is an error.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "source/deadline.h"
#include "source/snowflake_api.h"
#include "source/snowflake_rows.h"
#include "source/source.h"
#include "source/sql.h"

#define SNOW_LANES        4                   /* partitions asked for at a time */
#define SNOW_AHEAD_BYTES  ((int64_t)32 << 20) /* of partitions that wait to be read */
#define SNOW_ANSWER_MIN   ((size_t)64 << 20)
#define SNOW_INFLATES_MAX 1100 /* deflate cannot do more than 1,032; the bytes are bounded beside */
#define SNOW_ROWS_MAX     1024
#define SNOW_CELLS_MAX    65536
#define SNOW_TEXT_BYTES   ((size_t)512 << 20) /* addresses for values made here */
#define SNOW_META_BYTES   ((size_t)256 << 20) /* addresses for the description of a result */
#define SNOW_POLL_MS      10                  /* the first; grows by half to ... */
#define SNOW_POLL_MAX_MS  5000
#define SNOW_WAIT_MS      120000 /* the API itself waits 45 s for a statement */
#define SNOW_PART_MS      600000
#define SNOW_CANCEL_MS    3000
#define SNOW_PATH_MAX     256

static const struct eff_option snow_options[] = {
    {"account", EFF_OPT_STR, offsetof(struct eff_snow_config, account), NULL, 0, 0,
     "The account identifier, such as myorg-myaccount.", EFF_OPT_REQUIRED, NULL},
    {"user", EFF_OPT_STR, offsetof(struct eff_snow_config, user), NULL, 0, 0,
     "The user that a private key belongs to.", 0, NULL},
    {"private_key", EFF_OPT_SECRET, offsetof(struct eff_snow_config, private_key), NULL, 0, 0,
     "Private key (PEM) whose public part is the user's RSA_PUBLIC_KEY.", 0, NULL},
    {"private_key_path", EFF_OPT_PATH, offsetof(struct eff_snow_config, private_key_path), NULL, 0,
     0, "A file with that key.", 0, NULL},
    {"private_key_passphrase", EFF_OPT_SECRET, offsetof(struct eff_snow_config, passphrase), NULL,
     0, 0, "Passphrase of the key, where it has one.", 0, NULL},
    {"token", EFF_OPT_SECRET, offsetof(struct eff_snow_config, token), NULL, 0, 0,
     "A token instead of a key.", 0, NULL},
    {"token_type", EFF_OPT_ENUM, offsetof(struct eff_snow_config, token_type),
     "programmatic_access_token", 0, 0, "What the token is.", 0, "programmatic_access_token|oauth"},
    {"role", EFF_OPT_STR, offsetof(struct eff_snow_config, role), NULL, 0, 0,
     "The role to read with; the user's default without it.", 0, NULL},
    {"warehouse", EFF_OPT_STR, offsetof(struct eff_snow_config, warehouse), NULL, 0, 0,
     "The warehouse that computes the models; the user's default without it.", 0, NULL},
    {"database", EFF_OPT_STR, offsetof(struct eff_snow_config, database), NULL, 0, 0,
     "The database in which names without one are looked up.", 0, NULL},
    {"schema", EFF_OPT_STR, offsetof(struct eff_snow_config, schema), NULL, 0, 0,
     "The schema in which names without one are looked up.", 0, NULL},
    {"statement_timeout", EFF_OPT_TIME, offsetof(struct eff_snow_config, statement_timeout_ms),
     NULL, 0, 604800000,
     "How long one statement may take; 0 leaves it to the warehouse's own setting.", 0, NULL},
    {"query_tag", EFF_OPT_STR, offsetof(struct eff_snow_config, query_tag), "efferent", 0, 0,
     "QUERY_TAG of the statements, as Snowflake's query history shows it.", 0, NULL},
    {"url", EFF_OPT_URL, offsetof(struct eff_snow_config, url), NULL, 0, 0,
     "Where the API is, if not at the account's own address; plain http to this machine only.", 0,
     NULL},
};

struct snow_part {
    int64_t rows, bytes; /* bytes: 0 when unknown */
};

struct snow_source {
    struct eff_source base;
    struct eff_arena *run;
    struct eff_os *os;
    const struct eff_snow_config *config;
    struct eff_snow_api api;
    eff_str given; /* SQL of the query under way */
    eff_str sql;   /* its one statement */
    struct eff_columns columns;
    enum eff_snow_form *forms;

    struct eff_snow_call call;    /* submission, looks, cancellation */
    char handle[EFF_SNOW_HANDLE]; /* of the statement; "": it has not been carried out */
    bool known;                   /* its result is: what follows is filled */
    bool running;                 /* it may be, over there */
    int64_t rows_total, rows_read, rows_part;
    size_t parts_count, part,
        asked; /* part: being read or next to be; asked: the first that is not */
    struct snow_part *parts;
    struct eff_snow_call lanes[SNOW_LANES]; /* of part i: lanes[i % SNOW_LANES] */
    struct eff_buf body;                    /* of the partition being read */
    struct eff_snow_rows rows;

    struct eff_value *cells;
    eff_str *texts; /* of one row */
    size_t rows_max, cells_cap;
    bool asked_for_query, done;
    struct eff_arena batch;
    struct eff_deadline deadline; /* of the statement under way */
    struct eff_err failed;        /* given again by every further call */
};

/* --------------------------------------------------------------------------------- names */

static bool
snow_is_plain(eff_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';

        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '$')))
            return false;
    }
    return name.len > 0;
}

static void
snow_add_upper(struct eff_buf *buf, eff_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        eff_buf_add_char(buf, (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c));
    }
}

/* As the warehouse knows it: a plain word is folded, as SQL does it; "Quoted" stays as it is. */
static eff_str
snow_name(struct eff_arena *arena, eff_str name)
{
    struct eff_buf buf = {0};
    eff_str known;

    if (name.len > 1 && name.ptr[0] == '"' && name.ptr[name.len - 1] == '"') {
        for (size_t i = 1; i + 1 < name.len; i++) {
            eff_buf_add_char(&buf, name.ptr[i]);
            i += name.ptr[i] == '"'; // "" stands for one
        }
    } else if (snow_is_plain(name)) {
        snow_add_upper(&buf, name);
    } else {
        eff_buf_add(&buf, name);
    }
    known = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return known;
}

static eff_str
snow_table_sql(struct eff_source *source, eff_str table, struct eff_arena *arena)
{
    struct eff_buf folded = {0};
    eff_str sql;

    (void)source;
    for (size_t at = 0; at < table.len;) {
        size_t end = at;
        bool quoted = false;
        eff_str part;

        for (; end < table.len && (quoted || table.ptr[end] != '.'); end++)
            quoted ^= table.ptr[end] == '"';
        part = eff_str_sub(table, at, end - at);
        if (snow_is_plain(part))
            snow_add_upper(&folded, part);
        else
            eff_buf_add(&folded, part);
        if (end < table.len)
            eff_buf_add_char(&folded, '.');
        at = end + 1;
    }
    sql = eff_sql_table(eff_buf_str(&folded), arena);
    eff_buf_free(&folded);
    return sql;
}

/* ------------------------------------------------------------------------------ requests */

static void
snow_member(struct eff_json_writer *w, const char *name, eff_str value)
{
    if (value.len > 0)
        eff_json_field_str(w, name, value);
}

static void
snow_request_body(struct snow_source *s, bool describe, struct eff_buf *buf)
{
    const struct eff_snow_config *c = s->config;
    struct eff_json_writer w = {.buf = buf};
    struct eff_buf text = {0};

    // The model alone on its lines, so that a comment at its end ends there.
    eff_buf_add(&text, EFF_STR("SELECT * FROM (\n"));
    eff_buf_add(&text, s->sql);
    eff_buf_add(&text, describe ? EFF_STR("\n) LIMIT 0") : EFF_STR("\n)"));
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "statement", eff_buf_str(&text));
    if (c->statement_timeout_ms > 0)
        eff_json_field_int(&w, "timeout", (c->statement_timeout_ms + 999) / 1000);
    snow_member(&w, "database", snow_name(s->run, c->database));
    snow_member(&w, "schema", snow_name(s->run, c->schema));
    snow_member(&w, "warehouse", snow_name(s->run, c->warehouse));
    snow_member(&w, "role", snow_name(s->run, c->role));
    eff_json_key(&w, EFF_STR("parameters"));
    eff_json_begin_object(&w);
    snow_member(&w, "query_tag", c->query_tag);
    eff_json_field_str(&w, "binary_output_format", EFF_STR("HEX"));
    eff_json_end_object(&w);
    eff_json_end_object(&w);
    buf->full |= text.full;
    eff_buf_free(&text);
}

static void
snow_uuid(struct snow_source *s, char ret_text[40])
{
    unsigned char b[16];

    s->os->random(s->os->self, b, sizeof(b));
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    snprintf(ret_text, 40, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}

static enum eff_fault
snow_damaged(const char *what, struct eff_err *err)
{
    (void)EFF_FAIL(err, EFF_TRANSIENT, "snowflake's answer cannot be used: %s", what);
    return eff_err_hint(err, "Nothing of this read was used; the next run reads again.");
}

/* The handle goes into paths: it may be what a UUID is made of, and nothing else. */
static enum eff_fault
snow_take_handle(struct snow_source *s, const struct eff_snow_answer *answer, struct eff_err *err)
{
    eff_str text = answer->handle;
    size_t good = 0;

    text = text.len > 2 ? eff_str_sub(text, 1, text.len - 2) : EFF_STR("");
    while (good < text.len &&
           ((text.ptr[good] >= '0' && text.ptr[good] <= '9') ||
            (text.ptr[good] >= 'a' && text.ptr[good] <= 'z') ||
            (text.ptr[good] >= 'A' && text.ptr[good] <= 'Z') || text.ptr[good] == '-'))
        good++;
    if (good == 0 || good != text.len || good >= sizeof(s->handle))
        return snow_damaged("it has no statement handle", err);
    memcpy(s->handle, text.ptr, good);
    s->handle[good] = 0;
    return EFF_OK;
}

/* Looks until the statement has ended; its answer is left in s->call. */
static enum eff_fault
snow_until_done(struct snow_source *s, struct eff_snow_answer *ret_answer, struct eff_err *err)
{
    int64_t pause_ms = SNOW_POLL_MS;
    char path[SNOW_PATH_MAX];

    for (;;) {
        EFF_TRY(eff_snow_wait(&s->api, &s->call, err));
        if (!eff_snow_answer_read(eff_buf_str(&s->call.answer), ret_answer))
            return snow_damaged("it is not whole", err);
        EFF_TRY(snow_take_handle(s, ret_answer, err));
        if (s->call.status == 200)
            return EFF_OK;
        s->running = true;
        // Snowflake keeps it for what runs; what waits for a warehouse has not begun for it.
        EFF_TRY(eff_deadline_check(&s->deadline, err));
        eff_snow_end(&s->api, &s->call);
        eff_snow_pause(&s->api, pause_ms);
        pause_ms = pause_ms * 3 / 2 < SNOW_POLL_MAX_MS ? pause_ms * 3 / 2 : SNOW_POLL_MAX_MS;
        snprintf(path, sizeof(path), "/%s", s->handle);
        EFF_TRY(eff_snow_start(&s->api, &s->call, "GET", path, EFF_STR_NONE, err));
    }
}

static void
snow_cancel_statement(struct snow_source *s)
{
    char path[SNOW_PATH_MAX];
    struct eff_err ignored = {0};

    eff_snow_end(&s->api, &s->call);
    if (!s->running || !s->handle[0])
        return;
    s->running = false;
    snprintf(path, sizeof(path), "/%s/cancel", s->handle);
    if (eff_snow_start(&s->api, &s->call, "POST", path, EFF_STR("{}"), &ignored) == EFF_OK)
        eff_snow_tell(&s->api, &s->call, SNOW_CANCEL_MS);
    eff_snow_end(&s->api, &s->call);
}

/* Submits the model, described or carried out, and waits for its end. */
static enum eff_fault
snow_execute(struct snow_source *s, bool describe, struct eff_snow_answer *ret_answer,
             struct eff_err *err)
{
    char path[SNOW_PATH_MAX], id[40];
    struct eff_buf body = {0};
    enum eff_fault fault;

    snow_uuid(s, id);
    snprintf(path, sizeof(path), "?requestId=%s&async=%s&nullable=true", id,
             describe ? "false" : "true");
    snow_request_body(s, describe, &body);
    eff_deadline_start(&s->deadline);
    s->handle[0] = 0;
    s->call.timeout_ms = SNOW_WAIT_MS;
    s->call.answer_bytes_max = EFF_BUF_MAX;
    fault = body.full ? EFF_FAIL(err, EFF_BROKEN, "out of memory")
                      : eff_snow_start(&s->api, &s->call, "POST", path, eff_buf_str(&body), err);
    if (fault == EFF_OK)
        fault = snow_until_done(s, ret_answer, err);
    s->running = fault != EFF_OK && s->running && err->fault == EFF_TRANSIENT;
    if (fault != EFF_OK)
        snow_cancel_statement(s);
    eff_buf_free(&body);
    return fault;
}

/* ------------------------------------------------------------------------------- columns */

static eff_str
snow_type_name(struct eff_arena *arena, eff_str type, int64_t precision, int64_t scale)
{
    struct eff_buf buf = {0};
    eff_str name;

    if (eff_str_eq_nocase(type, EFF_STR("FIXED")))
        return eff_str_printf(arena, "NUMBER(%" PRId64 ",%" PRId64 ")", precision, scale);
    if (eff_str_eq_nocase(type, EFF_STR("TEXT")))
        return EFF_STR("VARCHAR");
    if (eff_str_eq_nocase(type, EFF_STR("REAL")))
        return EFF_STR("FLOAT");
    snow_add_upper(&buf, type);
    name = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return name;
}

static void
snow_column(struct snow_source *s, const struct eff_json *type, struct eff_column *column,
            enum eff_snow_form *form)
{
    eff_str name = eff_json_str(eff_json_get(type, EFF_STR("type")));
    int64_t precision = 0, scale = 0;

    (void)eff_json_int(eff_json_get(type, EFF_STR("precision")), &precision);
    (void)eff_json_int(eff_json_get(type, EFF_STR("scale")), &scale);
    *form = eff_snow_form_of(name, scale);
    *column = (struct eff_column){.kind = eff_snow_kind_of(*form), .nullable = true};
    column->name = eff_str_copy(s->run, eff_json_str(eff_json_get(type, EFF_STR("name"))));
    column->type_name = snow_type_name(s->run, name, precision, scale);
    if (*form == EFF_SNOW_FIXED || *form == EFF_SNOW_DECIMAL) {
        column->precision = (int)precision;
        column->scale = (int)scale;
    }
}

static enum eff_fault
snow_columns(struct snow_source *s, const struct eff_json *meta, struct eff_columns *ret_columns,
             enum eff_snow_form **ret_forms, struct eff_err *err)
{
    const struct eff_json *types = eff_json_get(meta, EFF_STR("rowType")), *type;
    size_t count = eff_json_count(types), i = 0;
    struct eff_column *columns = eff_new(s->run, struct eff_column, count + 1);
    struct eff_json_iter iter = eff_json_iterate(types);

    *ret_forms = eff_new(s->run, enum eff_snow_form, count + 1);
    if (count == 0)
        return snow_damaged("it describes no columns", err);
    while (eff_json_next(&iter, NULL, &type)) {
        snow_column(s, type, &columns[i], &(*ret_forms)[i]);
        i++;
    }
    *ret_columns = (struct eff_columns){count, columns};
    return EFF_OK;
}

static enum eff_fault
snow_meta(const struct eff_snow_answer *answer, struct eff_arena *arena,
          const struct eff_json **ret_meta, struct eff_err *err)
{
    struct eff_err ignored = {0};

    if (answer->meta.len == 0 || eff_json_parse(answer->meta, arena, ret_meta, &ignored) != EFF_OK)
        return snow_damaged("it does not describe its result", err);
    return EFF_OK;
}

static enum eff_fault
snow_describe(struct snow_source *s, struct eff_err *err)
{
    struct eff_arena scratch = {0};
    struct eff_snow_answer answer = {0};
    const struct eff_json *meta = NULL;
    enum eff_fault fault;

    EFF_TRY(snow_execute(s, true, &answer, err));
    s->handle[0] = 0;
    eff_arena_init(&scratch, "snowflake columns", SNOW_META_BYTES);
    fault = snow_meta(&answer, &scratch, &meta, err);
    if (fault == EFF_OK)
        fault = snow_columns(s, meta, &s->columns, &s->forms, err);
    eff_arena_deinit(&scratch);
    eff_snow_end(&s->api, &s->call);
    EFF_TRY(fault);
    return eff_sql_check_columns(&s->columns, err);
}

/* -------------------------------------------------------------------------------- result */

/* The statement was compiled once more: what it gives must still be what was described. */
static enum eff_fault
snow_same_columns(struct snow_source *s, const struct eff_json *meta, struct eff_err *err)
{
    enum eff_snow_form *forms = NULL;
    struct eff_columns columns = {0};
    bool same;

    EFF_TRY(snow_columns(s, meta, &columns, &forms, err));
    same = columns.count == s->columns.count;
    for (size_t i = 0; same && i < columns.count; i++)
        same = forms[i] == s->forms[i] && eff_str_eq(columns.at[i].name, s->columns.at[i].name);
    if (same)
        return EFF_OK;
    (void)EFF_FAIL(err, EFF_TRANSIENT, "the model's columns changed while it was read");
    return eff_err_hint(err, "The next run reads it anew.");
}

/* Counts must add up: they say when the result is complete. */
static enum eff_fault
snow_parts(struct snow_source *s, const struct eff_json *meta, struct eff_err *err)
{
    const struct eff_json *list = eff_json_get(meta, EFF_STR("partitionInfo")), *part;
    struct eff_json_iter iter = eff_json_iterate(list);
    int64_t rows = 0;

    s->parts_count = 0;
    s->parts = eff_new(s->run, struct snow_part, eff_json_count(list) + 1);
    if (!eff_json_int(eff_json_get(meta, EFF_STR("numRows")), &s->rows_total) ||
        s->rows_total < 0 || (list && eff_json_type(list) != EFF_JSON_ARRAY))
        return snow_damaged("it does not say how many rows there are", err);
    while (eff_json_next(&iter, NULL, &part)) {
        struct snow_part *p = &s->parts[s->parts_count++];

        if (!eff_json_int(eff_json_get(part, EFF_STR("rowCount")), &p->rows) || p->rows < 0 ||
            __builtin_add_overflow(rows, p->rows, &rows))
            return snow_damaged("a partition does not say how many rows it has", err);
        if (!eff_json_int(eff_json_get(part, EFF_STR("uncompressedSize")), &p->bytes) ||
            p->bytes < 0)
            p->bytes = 0;
    }
    if (rows == s->rows_total)
        return EFF_OK;
    return snow_damaged("its partitions have other rows than the result", err);
}

static enum eff_fault
snow_read_part(struct snow_source *s, const struct eff_snow_answer *answer, struct eff_err *err)
{
    if (!answer->data.ptr)
        return snow_damaged("a partition has no data", err);
    eff_snow_rows_open(&s->rows, s->body.ptr + (answer->data.ptr - s->body.ptr), answer->data.len);
    s->rows_part = 0;
    return EFF_OK;
}

/* The first answer is also the first partition. */
static enum eff_fault
snow_first(struct snow_source *s, struct eff_err *err)
{
    struct eff_arena scratch = {0};
    struct eff_snow_answer answer = {0};
    const struct eff_json *meta = NULL;
    enum eff_fault fault;

    EFF_TRY(snow_execute(s, false, &answer, err));
    eff_arena_init(&scratch, "snowflake result", SNOW_META_BYTES);
    fault = snow_meta(&answer, &scratch, &meta, err);
    if (fault == EFF_OK)
        fault = snow_same_columns(s, meta, err);
    if (fault == EFF_OK)
        fault = snow_parts(s, meta, err);
    eff_arena_deinit(&scratch);
    EFF_TRY(fault);
    s->known = true;
    s->body = s->call.answer; // the answer's slices point into it
    s->call.answer = (struct eff_buf){0};
    eff_snow_end(&s->api, &s->call);
    s->asked = 1;
    return s->parts_count > 0 ? snow_read_part(s, &answer, err) : EFF_OK;
}

/* ---------------------------------------------------------------------------- partitions */

static int64_t
snow_ahead(const struct snow_source *s)
{
    int64_t bytes = 0;

    for (size_t i = s->part; i < s->asked; i++)
        bytes += s->parts[i].bytes;
    return bytes;
}

static size_t
snow_answer_max(const struct snow_part *part)
{
    size_t bytes = (size_t)part->bytes;

    if (bytes > EFF_BUF_MAX / 4)
        return EFF_BUF_MAX;
    return bytes * 4 > SNOW_ANSWER_MIN ? bytes * 4 : SNOW_ANSWER_MIN; // with JSON's own signs
}

/* Asks for partitions from `first` on: some ahead, and as many bytes as may wait. */
static enum eff_fault
snow_ask(struct snow_source *s, size_t first, struct eff_err *err)
{
    char path[SNOW_PATH_MAX];

    if (s->asked < first)
        s->asked = first;
    while (s->asked < s->parts_count && s->asked < first + SNOW_LANES &&
           (s->asked == first || snow_ahead(s) + s->parts[s->asked].bytes <= SNOW_AHEAD_BYTES)) {
        struct eff_snow_call *lane = &s->lanes[s->asked % SNOW_LANES];

        snprintf(path, sizeof(path), "/%s?partition=%zu", s->handle, s->asked);
        lane->timeout_ms = SNOW_PART_MS;
        lane->answer_bytes_max = snow_answer_max(&s->parts[s->asked]);
        lane->inflates_max = SNOW_INFLATES_MAX;
        EFF_TRY(eff_snow_start(&s->api, lane, "GET", path, EFF_STR_NONE, err));
        s->asked++;
    }
    return EFF_OK;
}

/* Waits for partition s->part, and makes it the one being read. */
static enum eff_fault
snow_fetch(struct snow_source *s, struct eff_err *err)
{
    struct eff_snow_call *lane = &s->lanes[s->part % SNOW_LANES];
    struct eff_snow_answer answer = {0};

    EFF_TRY(snow_ask(s, s->part, err));
    EFF_TRY(eff_snow_wait(&s->api, lane, err));
    if (lane->status != 200)
        return snow_damaged("a partition is not there yet", err);
    eff_buf_free(&s->body);
    s->body = lane->answer;
    lane->answer = (struct eff_buf){0};
    eff_snow_end(&s->api, lane);
    if (!eff_snow_answer_read(eff_buf_str(&s->body), &answer))
        return snow_damaged("a partition is not whole", err);
    EFF_TRY(snow_read_part(s, &answer, err));
    return snow_ask(s, s->part + 1, err);
}

/* A statement that runs is cancelled, and what was asked for is forgotten; a result stays. */
static void
snow_abandon(struct snow_source *s)
{
    for (size_t i = 0; i < SNOW_LANES; i++)
        eff_snow_end(&s->api, &s->lanes[i]);
    snow_cancel_statement(s);
    eff_buf_free(&s->body);
    s->rows = (struct eff_snow_rows){0};
    s->part = s->asked = 0;
    s->rows_read = s->rows_part = 0;
    s->done = false;
}

/* ---------------------------------------------------------------------------------- open */

static void
snow_close(struct eff_source *source)
{
    struct snow_source *s = (struct snow_source *)source;

    if (!s)
        return;
    snow_abandon(s);
    eff_arena_deinit(&s->batch);
    free(s->cells);
    s->cells = NULL;
    s->asked_for_query = false;
}

static enum eff_fault
snow_open(const void *config, struct eff_os *os, struct eff_arena *run,
          struct eff_source **ret_source, struct eff_err *err)
{
    struct snow_source *s = eff_new(run, struct snow_source, 1);

    s->base.ops = &eff_source_snowflake;
    s->run = run;
    s->os = os;
    s->config = config;
    s->deadline = (struct eff_deadline){
        .os = os, .option = "statement_timeout", .most_ms = s->config->statement_timeout_ms};
    EFF_TRY(eff_snow_api_open(&s->api, config, os, run, err));
    eff_arena_init(&s->batch, "snowflake batch", SNOW_TEXT_BYTES);
    *ret_source = &s->base;
    return EFF_OK;
}

static enum eff_fault
snow_make_room(struct snow_source *s, struct eff_err *err)
{
    size_t width = s->columns.count, rows = SNOW_CELLS_MAX / width;

    s->rows_max = rows < 64 ? 64 : rows > SNOW_ROWS_MAX ? SNOW_ROWS_MAX : rows;
    s->texts = eff_new(s->run, eff_str, width);
    if (s->rows_max * width > s->cells_cap) {
        free(s->cells);
        s->cells_cap = s->rows_max * width;
        s->cells = malloc(s->cells_cap * sizeof(*s->cells));
    }
    return s->cells ? EFF_OK : EFF_FAIL(err, EFF_BROKEN, "out of memory");
}

static enum eff_fault
snow_query(struct eff_source *source, eff_str sql, struct eff_columns *ret_columns,
           struct eff_err *err)
{
    struct snow_source *s = (struct snow_source *)source;
    bool again = s->known && eff_str_eq(s->given, sql);
    eff_str statement;

    snow_abandon(s);
    s->failed = (struct eff_err){0};
    s->asked_for_query = false;
    if (!again) {
        s->known = false;
        EFF_TRY(
            eff_sql_single_of(sql, EFF_SQL_BACKSLASHES | EFF_SQL_SLASH_COMMENTS, &statement, err));
        s->given = eff_str_copy(s->run, sql);
        s->sql = eff_str_sub(s->given, (size_t)(statement.ptr - sql.ptr), statement.len);
        EFF_TRY(snow_describe(s, err));
        EFF_TRY(snow_make_room(s, err));
    }
    s->asked_for_query = true;
    *ret_columns = s->columns;
    return EFF_OK;
}

/* ---------------------------------------------------------------------------------- rows */

static enum eff_fault
snow_row(struct snow_source *s, struct eff_value *cells, struct eff_err *err)
{
    for (size_t i = 0; i < s->columns.count; i++) {
        if (!s->texts[i].ptr) {
            cells[i] = (struct eff_value){.kind = EFF_NULL};
        } else if (!eff_snow_value(s->forms[i], s->texts[i], &s->batch, &cells[i])) {
            (void)EFF_FAIL(err, EFF_TRANSIENT,
                           "snowflake's answer cannot be used: \"%.*s\" in column " EFF_STR_FMT
                           " is no " EFF_STR_FMT,
                           s->texts[i].len < 40 ? (int)s->texts[i].len : 40, s->texts[i].ptr,
                           EFF_STR_ARG(s->columns.at[i].name),
                           EFF_STR_ARG(s->columns.at[i].type_name));
            return err->fault;
        }
    }
    return EFF_OK;
}

/* The partition being read has come to its end. */
static enum eff_fault
snow_part_done(struct snow_source *s, struct eff_err *err)
{
    char text[128];

    s->rows = (struct eff_snow_rows){0};
    if (s->rows_part != s->parts[s->part].rows) {
        snprintf(text, sizeof(text), "partition %zu has %" PRId64 " rows, and should have %" PRId64,
                 s->part, s->rows_part, s->parts[s->part].rows);
        return snow_damaged(text, err);
    }
    s->rows_read += s->rows_part;
    s->part++;
    return EFF_OK;
}

static enum eff_fault
snow_complete(struct snow_source *s, struct eff_err *err)
{
    if (s->rows_read != s->rows_total)
        return snow_damaged("rows are missing", err);
    s->done = true;
    return EFF_OK;
}

/* Rows of one partition, whose bytes they point into. */
static enum eff_fault
snow_fill(struct snow_source *s, size_t *ret_rows, struct eff_err *err)
{
    size_t width = s->columns.count, rows = 0;
    enum eff_snow_row found = EFF_SNOW_ROW;

    while (rows < s->rows_max && found == EFF_SNOW_ROW) {
        found = eff_snow_rows_next(&s->rows, width, s->texts);
        if (found == EFF_SNOW_DAMAGED)
            return snow_damaged("a row is not what the columns say", err);
        if (found != EFF_SNOW_ROW)
            break;
        EFF_TRY(snow_row(s, &s->cells[rows * width], err));
        rows++;
    }
    s->rows_part += (int64_t)rows;
    *ret_rows = rows;
    return found == EFF_SNOW_END ? snow_part_done(s, err) : EFF_OK;
}

static enum eff_fault
snow_advance(struct snow_source *s, size_t *ret_rows, struct eff_err *err)
{
    *ret_rows = 0;
    if (!s->known)
        EFF_TRY(snow_first(s, err));
    eff_snow_pump(&s->api);
    while (*ret_rows == 0 && !s->done) {
        if (s->rows.at)
            EFF_TRY(snow_fill(s, ret_rows, err));
        else if (s->part < s->parts_count)
            EFF_TRY(snow_fetch(s, err));
        else
            EFF_TRY(snow_complete(s, err));
    }
    return EFF_OK;
}

static enum eff_fault
snow_next(struct eff_source *source, struct eff_batch *ret_batch, struct eff_err *err)
{
    struct snow_source *s = (struct snow_source *)source;
    size_t rows = 0;

    if (!s->asked_for_query)
        return EFF_FAIL(err, EFF_BROKEN, "no query is under way");
    eff_arena_reset(&s->batch);
    if (!s->done && s->failed.fault == EFF_OK && snow_advance(s, &rows, &s->failed) != EFF_OK)
        snow_abandon(s);
    if (s->failed.fault != EFF_OK) {
        *err = s->failed;
        return err->fault;
    }
    *ret_batch = (struct eff_batch){rows, s->columns.count, s->cells};
    return EFF_OK;
}

/* Only the statement itself could tell, and it is not carried out for that. */
static int64_t
snow_estimate(struct eff_source *source, eff_str sql)
{
    (void)source, (void)sql;
    return -1;
}

static void
snow_cancel(struct eff_source *source)
{
    struct snow_source *s = (struct snow_source *)source;

    snow_abandon(s);
    (void)EFF_FAIL(&s->failed, EFF_TRANSIENT, "the query was cancelled");
}

/* As it is configured: the user's default role, where none is given, is the server's to know. */
static eff_str
snow_reader(struct eff_source *source, struct eff_arena *arena)
{
    const struct eff_snow_config *c = ((struct snow_source *)source)->config;

    return eff_str_printf(arena, "account " EFF_STR_FMT "%s" EFF_STR_FMT "%s" EFF_STR_FMT,
                          EFF_STR_ARG(c->account), c->user.len ? ", user " : "",
                          EFF_STR_ARG(c->user), c->role.len ? ", role " : "", EFF_STR_ARG(c->role));
}

const struct eff_source_ops eff_source_snowflake = {
    .kind = "snowflake",
    .title = "Snowflake",
    .options = snow_options,
    .options_count = sizeof(snow_options) / sizeof(snow_options[0]),
    .config_size = sizeof(struct eff_snow_config),
    .open = snow_open,
    .query = snow_query,
    .next = snow_next,
    .table_sql = snow_table_sql,
    .estimate = snow_estimate,
    .reader = snow_reader,
    .cancel = snow_cancel,
    .close = snow_close,
};
