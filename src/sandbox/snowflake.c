/*
 * sandbox/snowflake: the SQL API (version 2) of a warehouse.
 *
 * Statements are carried out when they are submitted; one that is asynchronous
 * is seen running for `job_polls` looks. Results come in partitions of
 * `partition_rows` rows, all but the first gzipped where the client takes that.
 * A token is a programmatic one, or a JWT of the account TEST-ACCOUNT and the
 * user TEST-USER, signed by the key of /_sandbox/key within the hour.
 */
#include "sandbox/snowflake.h"

#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/sign.h"

#define SNOWBOX_SUBJECT "TEST-ACCOUNT.TEST-USER"
#define SNOWBOX_GZIP    (15 + 16) /* zlib: the largest window, with gzip's head */

enum snowbox_state { SNOWBOX_FREE = 0, SNOWBOX_RUNNING, SNOWBOX_DONE, SNOWBOX_CANCELLED };

struct snowbox_statement {
    enum snowbox_state state;
    char handle[40], request[40];
    int64_t polls; /* looks at which it is still running */
    int64_t created_ms;
    struct eff_snowbox_result result;
    struct eff_snowbox_error error;
};

struct snowbox {
    sqlite3 *db;
    uint64_t count; /* statements so far; the oldest are forgotten */
    struct snowbox_statement statements[EFF_SNOWBOX_STATEMENTS];
};

/* ------------------------------------------------------------------------------- answers */

static void
snowbox_begin(struct eff_json_writer *w, const char *code, const char *sql_state,
              const char *message)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "code", eff_str_of(code));
    if (sql_state)
        eff_json_field_str(w, "sqlState", eff_str_of(sql_state));
    eff_json_field_str(w, "message", eff_str_of(message));
}

static void
snowbox_write_handle(struct eff_json_writer *w, const struct snowbox_statement *statement)
{
    char url[96];

    snprintf(url, sizeof(url), "/api/v2/statements/%s", statement->handle);
    eff_json_field_str(w, "statementHandle", eff_str_of(statement->handle));
    eff_json_field_int(w, "createdOn", statement->created_ms);
    eff_json_field_str(w, "statementStatusUrl", eff_str_of(url));
}

static void
snowbox_refuse(struct eff_call *call, int status, const char *code, const char *message)
{
    static const struct {
        int status;
        const char *code, *message;
    } usual[] = {
        {400, "391902", "Unable to parse the request."},
        {401, "390144", "JWT token is invalid."},
        {403, "390422", "Incoming request is not allowed to access Snowflake."},
        {404, "391404", "The requested endpoint does not exist."},
        {405, "391405", "The method is not allowed."},
        {408, "000630", "Statement reached its statement or warehouse timeout and was canceled."},
        {415, "391911", "The content type must be application/json."},
        {422, "100000", "The statement failed."},
        {429, "391429", "Too many requests."},
    };
    struct eff_json_writer w = eff_call_answer(call, status);

    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (usual[i].status != status)
            continue;
        code = code ? code : usual[i].code;
        message = message ? message : usual[i].message;
    }
    snowbox_begin(&w, code ? code : "390000", NULL, message ? message : "Service unavailable.");
    eff_json_end_object(&w);
}

/* ------------------------------------------------------------------------- who may come in */

static bool
snowbox_jwt_fine(struct eff_call *call, eff_str token)
{
    const struct eff_json *claims = NULL;
    struct eff_err err = {0};
    struct eff_sha256 digest;
    int64_t from = 0, to = 0, now = eff_world_now(call->world) / 1000;
    eff_str text, issuer;

    if (!eff_jwt_verify(eff_sandbox_key(), token, call->arena, &text) ||
        eff_json_parse(text, call->arena, &claims, &err) != EFF_OK ||
        !eff_rsa_fingerprint(eff_sandbox_key(), *call->arena, &digest))
        return false;
    issuer = eff_str_printf(
        call->arena, SNOWBOX_SUBJECT ".SHA256:" EFF_STR_FMT,
        EFF_STR_ARG(eff_base64(call->arena, (eff_str){(const char *)digest.bytes, 32}, false)));
    return !eff_world_revoked(call->world, token) &&
           eff_str_is(eff_json_str(eff_json_get(claims, EFF_STR("sub"))), SNOWBOX_SUBJECT) &&
           eff_str_eq(eff_json_str(eff_json_get(claims, EFF_STR("iss"))), issuer) &&
           eff_json_int(eff_json_get(claims, EFF_STR("iat")), &from) &&
           eff_json_int(eff_json_get(claims, EFF_STR("exp")), &to) && from <= now + 60 &&
           to > now && to - from <= 3600;
}

static bool
snowbox_authorize(struct eff_call *call)
{
    eff_str type = eff_call_header(call, "x-snowflake-authorization-token-type");
    eff_str token = eff_call_bearer(call);
    bool oauth = type.len == 0 || eff_str_is(type, "OAUTH");

    if (eff_str_is(type, "KEYPAIR_JWT")) {
        if (snowbox_jwt_fine(call, token))
            return true;
        snowbox_refuse(call, 401, NULL, NULL);
        return false;
    }
    if ((oauth || eff_str_is(type, "PROGRAMMATIC_ACCESS_TOKEN")) &&
        eff_world_trusts(call->world, token))
        return true;
    snowbox_refuse(call, 401, oauth ? "390303" : "394400",
                   oauth ? "Invalid OAuth access token." : "Programmatic access token is invalid.");
    return false;
}

static bool
snowbox_admit(struct eff_call *call)
{
    if (!eff_world_take(call->world, EFF_QUOTA_BURST)) {
        snowbox_refuse(call, 429, NULL, NULL);
        return false;
    }
    if (eff_call_header(call, "user-agent").len > 0)
        return true;
    snowbox_refuse(call, 400, "391903", "The User-Agent header is missing.");
    return false;
}

/* ---------------------------------------------------------------------------- what is asked */

static bool
snowbox_bad(struct eff_call *call, const char *what)
{
    char text[128];

    snprintf(text, sizeof(text), "The request is invalid: %s.", what);
    snowbox_refuse(call, 400, NULL, text);
    return false;
}

static bool
snowbox_parameters(struct eff_call *call, const struct eff_json *parameters)
{
    static const char *const known[] = {
        "timezone",
        "query_tag",
        "date_output_format",
        "time_output_format",
        "binary_output_format",
        "timestamp_output_format",
        "timestamp_ltz_output_format",
        "timestamp_ntz_output_format",
        "timestamp_tz_output_format",
        "multi_statement_count",
    };
    struct eff_json_iter iter = eff_json_iterate(parameters);
    const struct eff_json *value;
    eff_str key;

    while (eff_json_next(&iter, &key, &value)) {
        size_t i = 0, count = sizeof(known) / sizeof(known[0]);

        while (i < count && !eff_str_eq_nocase(key, eff_str_of(known[i])))
            i++;
        if (i == count || eff_json_str(value).ptr == NULL)
            return snowbox_bad(call, "unknown parameter");
    }
    return true;
}

static bool
snowbox_body(struct eff_call *call, const struct eff_json **ret_body)
{
    static const char *const known[] = {"statement", "timeout", "database",  "schema",
                                        "warehouse", "role",    "parameters"};
    struct eff_err err = {0};
    const struct eff_json *value;
    struct eff_json_iter iter;
    int64_t timeout;
    eff_str key;

    *ret_body = eff_call_json(call, &err);
    if (eff_json_type(*ret_body) != EFF_JSON_OBJECT)
        return snowbox_bad(call, "the body is no JSON object");
    iter = eff_json_iterate(*ret_body);
    while (eff_json_next(&iter, &key, &value)) {
        size_t i = 0;

        while (i < 7 && !eff_str_is(key, known[i]))
            i++;
        if (i == 7)
            return snowbox_bad(call, "unknown member");
        if (i == 1 ? !eff_json_int(value, &timeout) || timeout < 0
                   : eff_json_type(value) != (i == 6 ? EFF_JSON_OBJECT : EFF_JSON_STRING))
            return snowbox_bad(call, "a member has the wrong type");
    }
    if (eff_json_str(eff_json_get(*ret_body, EFF_STR("statement"))).len == 0)
        return snowbox_bad(call, "there is no statement");
    return snowbox_parameters(call, eff_json_get(*ret_body, EFF_STR("parameters")));
}

/* Names are as they were made: in capitals, and compared with their case. */
static bool
snowbox_context(const struct eff_json *body, struct eff_snowbox_error *error)
{
    static const struct {
        const char *member, *name, *code, *sql_state, *message;
    } context[] = {
        {"role", "TEST_ROLE", "390189", "08004",
         "Role does not exist or not authorized. Contact your local system administrator."},
        {"warehouse", "TEST_WH", "390201", "08004",
         "The requested warehouse does not exist or not authorized."},
        {"database", "TEST_DB", "390201", "08004",
         "The requested database does not exist or not authorized."},
        {"schema", "PUBLIC", "390201", "08004",
         "The requested schema does not exist or not authorized."},
    };

    for (size_t i = 0; i < sizeof(context) / sizeof(context[0]); i++) {
        eff_str name = eff_json_str(eff_json_get(body, eff_str_of(context[i].member)));

        if (name.ptr == NULL || eff_str_is(name, context[i].name))
            continue;
        error->code = context[i].code;
        error->sql_state = context[i].sql_state;
        snprintf(error->message, sizeof(error->message), "%s", context[i].message);
        return false;
    }
    return true;
}

/* ----------------------------------------------------------------------------- statements */

static void
snowbox_forget(struct snowbox_statement *statement)
{
    eff_snowbox_result_free(&statement->result);
    *statement = (struct snowbox_statement){0};
}

static struct snowbox_statement *
snowbox_find(struct eff_call *call, eff_str handle, bool by_request)
{
    struct snowbox *box = call->world->state;

    for (size_t i = 0; i < EFF_SNOWBOX_STATEMENTS && handle.len > 0; i++) {
        struct snowbox_statement *s = &box->statements[i];

        if (s->state != SNOWBOX_FREE && eff_str_is(handle, by_request ? s->request : s->handle))
            return s;
    }
    return NULL;
}

static struct snowbox_statement *
snowbox_new(struct eff_call *call, eff_str request)
{
    struct snowbox *box = call->world->state;
    struct snowbox_statement *s = &box->statements[box->count++ % EFF_SNOWBOX_STATEMENTS];
    unsigned long long high = eff_world_random(call->world), low = eff_world_random(call->world);

    snowbox_forget(s);
    snprintf(s->handle, sizeof(s->handle), "%08llx-%04llx-%04llx-%04llx-%012llx", high >> 32,
             high >> 16 & 0xffff, high & 0xffff, low >> 48, low & 0xffffffffffff);
    if (request.len < sizeof(s->request))
        memcpy(s->request, request.len > 0 ? request.ptr : "", request.len);
    s->created_ms = eff_world_now(call->world);
    return s;
}

static void
snowbox_running(struct eff_call *call, const struct snowbox_statement *s)
{
    struct eff_json_writer w = eff_call_answer(call, 202);

    snowbox_begin(&w, "333334", NULL,
                  "Asynchronous execution in progress. Use provided query id to perform query "
                  "monitoring and management.");
    snowbox_write_handle(&w, s);
    eff_json_end_object(&w);
}

static void
snowbox_failed(struct eff_call *call, const struct snowbox_statement *s)
{
    struct eff_json_writer w = eff_call_answer(call, 422);
    bool cancelled = s->state == SNOWBOX_CANCELLED;

    snowbox_begin(&w, cancelled ? "000604" : s->error.code,
                  cancelled ? "57014" : s->error.sql_state,
                  cancelled ? "SQL execution canceled" : s->error.message);
    snowbox_write_handle(&w, s);
    eff_json_end_object(&w);
}

/* -------------------------------------------------------------------------------- results */

static void
snowbox_write_data(struct eff_json_writer *w, const struct snowbox_statement *s, size_t index)
{
    const struct eff_snowbox_part *part = &s->result.parts[index];

    eff_json_key(w, EFF_STR("data"));
    eff_json_begin_array(w);
    if (index < s->result.parts_count)
        eff_json_write_raw(w, eff_str_sub(eff_buf_str(&s->result.text), part->from, part->len));
    eff_json_end_array(w);
}

static void
snowbox_write_meta(struct eff_json_writer *w, const struct snowbox_statement *s)
{
    eff_json_key(w, EFF_STR("resultSetMetaData"));
    eff_json_begin_object(w);
    eff_json_field_int(w, "numRows", s->result.rows);
    eff_json_field_str(w, "format", EFF_STR("jsonv2"));
    eff_json_key(w, EFF_STR("partitionInfo"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < s->result.parts_count; i++) {
        eff_json_begin_object(w);
        eff_json_field_int(w, "rowCount", s->result.parts[i].rows);
        eff_json_field_int(w, "uncompressedSize", (int64_t)s->result.parts[i].len + 2);
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
    eff_json_key(w, EFF_STR("rowType"));
    eff_json_write_raw(w, eff_buf_str(&s->result.types));
    eff_json_end_object(w);
}

static void
snowbox_links(struct eff_call *call, const struct snowbox_statement *s, size_t index)
{
    struct eff_buf links = {0};
    size_t last = s->result.parts_count > 0 ? s->result.parts_count - 1 : 0;

    eff_buf_addf(&links, "</api/v2/statements/%s?partition=0>;rel=\"first\"", s->handle);
    if (index < last)
        eff_buf_addf(&links, ",</api/v2/statements/%s?partition=%zu>;rel=\"next\"", s->handle,
                     index + 1);
    eff_buf_addf(&links, ",</api/v2/statements/%s?partition=%zu>;rel=\"last\"", s->handle, last);
    eff_call_set(call, "Link", eff_str_copy(call->arena, eff_buf_str(&links)));
    eff_buf_free(&links);
}

static void
snowbox_result(struct eff_call *call, const struct snowbox_statement *s)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    snowbox_begin(&w, "090001", "00000", "Statement executed successfully.");
    snowbox_write_handle(&w, s);
    snowbox_write_meta(&w, s);
    snowbox_write_data(&w, s, 0);
    eff_json_end_object(&w);
    snowbox_links(call, s, 0);
}

/* The answer so far, compressed, if the client takes it and it can be. */
static void
snowbox_gzip(struct eff_call *call)
{
    z_stream z = {0};
    struct eff_buf small = {0};
    uLong most;
    char *to;

    if (eff_str_find(eff_call_header(call, "accept-encoding"), EFF_STR("gzip")) == SIZE_MAX ||
        deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, SNOWBOX_GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return;
    most = deflateBound(&z, (uLong)call->answer.len);
    to = eff_buf_reserve(&small, most);
    z.next_in = (Bytef *)call->answer.ptr;
    z.avail_in = (uInt)call->answer.len;
    z.next_out = (Bytef *)to;
    z.avail_out = (uInt)most;
    if (to && deflate(&z, Z_FINISH) == Z_STREAM_END) {
        eff_buf_grow(&small, (size_t)z.total_out);
        eff_buf_reset(&call->answer);
        eff_buf_add(&call->answer, eff_buf_str(&small));
        eff_call_set(call, "Content-Encoding", EFF_STR("gzip"));
    }
    deflateEnd(&z);
    eff_buf_free(&small);
}

static void
snowbox_partition(struct eff_call *call, const struct snowbox_statement *s, eff_str number)
{
    struct eff_json_writer w;
    uint64_t index;

    if (!eff_str_uint(number, &index) ||
        (index >= s->result.parts_count && (index > 0 || s->result.parts_count > 0))) {
        snowbox_bad(call, "there is no such partition");
        return;
    }
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    snowbox_write_data(&w, s, (size_t)index);
    eff_json_end_object(&w);
    snowbox_links(call, s, (size_t)index);
    snowbox_gzip(call);
}

/* --------------------------------------------------------------------------------- routes */

static void
snowbox_execute(struct eff_call *call, const struct eff_json *body, struct snowbox_statement *s)
{
    struct snowbox *box = call->world->state;
    eff_str sql = eff_json_str(eff_json_get(body, EFF_STR("statement")));

    s->state = SNOWBOX_DONE;
    if (!snowbox_context(body, &s->error))
        return;
    if (!eff_snowbox_open(&box->db) ||
        (!eff_snowbox_execute(box->db, sql, call->world->settings.partition_rows, call->arena,
                              &s->result, &s->error) &&
         s->error.code == NULL)) {
        s->error.code = "390000";
        s->error.sql_state = "XX000";
    }
}

static void
snowbox_submit(struct eff_call *call)
{
    eff_str request = eff_call_param(call, "requestId"), type;
    bool async = eff_str_is(eff_call_param(call, "async"), "true");
    struct snowbox_statement *s = snowbox_find(call, request, true);
    const struct eff_json *body;

    type = eff_call_header(call, "content-type");
    if (type.len > 0 && !eff_str_starts(type, EFF_STR("application/json"))) {
        snowbox_refuse(call, 415, NULL, NULL);
        return;
    }
    if (!snowbox_body(call, &body))
        return;
    // NULL would be the text "null", which nobody can tell from one.
    if (eff_str_is(eff_call_param(call, "nullable"), "false")) {
        snowbox_bad(call, "nullable=false is not served here");
        return;
    }
    if (!s) {
        s = snowbox_new(call, request);
        snowbox_execute(call, body, s);
        s->polls =
            call->effect.job_polls >= 0 ? call->effect.job_polls : call->world->settings.job_polls;
        if (async)
            s->state = SNOWBOX_RUNNING;
    }
    if (async)
        snowbox_running(call, s);
    else if (s->error.code)
        snowbox_failed(call, s);
    else
        snowbox_result(call, s);
}

static struct snowbox_statement *
snowbox_named(struct eff_call *call)
{
    struct snowbox_statement *s = snowbox_find(call, call->args[0], false);

    if (!s)
        snowbox_refuse(call, 404, "391404", "There is no such statement, or its result is gone.");
    return s;
}

static void
snowbox_look(struct eff_call *call)
{
    eff_str partition = eff_call_param(call, "partition");
    struct snowbox_statement *s = snowbox_named(call);

    if (!s)
        return;
    if (s->state == SNOWBOX_RUNNING && s->polls-- > 0) {
        snowbox_running(call, s);
        return;
    }
    if (s->state == SNOWBOX_RUNNING)
        s->state = SNOWBOX_DONE;
    if (s->state == SNOWBOX_CANCELLED || s->error.code)
        snowbox_failed(call, s);
    else if (partition.ptr)
        snowbox_partition(call, s, partition);
    else
        snowbox_result(call, s);
}

static void
snowbox_cancel(struct eff_call *call)
{
    struct snowbox_statement *s = snowbox_named(call);
    struct eff_json_writer w;
    bool running;

    if (!s)
        return;
    running = s->state == SNOWBOX_RUNNING;
    w = eff_call_answer(call, running ? 200 : 422);
    snowbox_begin(&w, running ? "000604" : "000709", running ? "57014" : "02000",
                  running ? "successfully canceled" : "The statement has already ended.");
    snowbox_write_handle(&w, s);
    eff_json_end_object(&w);
    if (running)
        s->state = SNOWBOX_CANCELLED;
}

/* --------------------------------------------------------------------------------- vendor */

static void
snowbox_shapes(struct eff_shapes *shapes)
{
    (void)shapes; // tables are made by CREATE TABLE
}

static struct eff_shape *
snowbox_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label)
{
    return eff_shape_add(shapes, name, label, EFF_STR(""));
}

static eff_str
snowbox_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq)
{
    (void)shape;
    return eff_str_printf(arena, "%lld", (long long)seq);
}

static void
snowbox_finish(struct eff_call *call)
{
    eff_call_set(call, "X-Snowflake-Service", EFF_STR("sandbox"));
}

static void
snowbox_state_free(void *state)
{
    struct snowbox *box = state;

    for (size_t i = 0; i < EFF_SNOWBOX_STATEMENTS; i++)
        snowbox_forget(&box->statements[i]);
    sqlite3_close(box->db);
    box->db = NULL;
}

static const struct eff_route snowbox_routes[] = {
    {"POST", "/api/v2/statements", snowbox_submit, 0},
    {"GET", "/api/v2/statements/{}", snowbox_look, 0},
    {"POST", "/api/v2/statements/{}/cancel", snowbox_cancel, 0},
};

const struct eff_vendor eff_vendor_snowflake = {
    .name = "snowflake",
    .routes = snowbox_routes,
    .routes_count = sizeof(snowbox_routes) / sizeof(snowbox_routes[0]),
    .nocase = true,
    .all_text = true,
    .quotas = {[EFF_QUOTA_BURST] = {.per_ms = 1000}},
    .shapes = snowbox_shapes,
    .new_shape = snowbox_new_shape,
    .authorize = snowbox_authorize,
    .admit = snowbox_admit,
    .refuse = snowbox_refuse,
    .finish = snowbox_finish,
    .id = snowbox_id,
    .state_size = sizeof(struct snowbox),
    .state_free = snowbox_state_free,
};
