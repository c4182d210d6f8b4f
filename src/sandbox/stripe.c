/*
 * sandbox/stripe: the stand-in for Stripe's customers.
 *
 * As at the vendor: bodies are forms, a parameter that is not known is refused, metadata
 * is merged key by key and an empty text takes a value away; a search is as far behind
 * as `search_lag_ms` says; an Idempotency-Key gets the first answer again for a day, and
 * is refused for another body. Values of `metadata` are kept as one JSON text.
 */
#include <stdio.h>

#include "base/hash.h"
#include "sandbox/world.h"

#define STRIPE_ID_BASE        0x10000000
#define STRIPE_METADATA_KEYS  50
#define STRIPE_METADATA_KEY   40
#define STRIPE_METADATA_VALUE 500
#define STRIPE_PARAMS_MAX     128
#define STRIPE_CLAUSES_MAX    10
#define STRIPE_KEY_MS         ((int64_t)24 * 3600 * 1000)

enum {
    STRIPE_EMAIL,
    STRIPE_NAME,
    STRIPE_PHONE,
    STRIPE_DESCRIPTION,
    STRIPE_METADATA,
    STRIPE_FIELDS
};

static const struct eff_field_row stripe_fields[STRIPE_FIELDS] = {
    {"email", "Email", EFF_FIELD_EMAIL, 512, 0, EFF_FIELD_KEY | EFF_FIELD_CASE, NULL, NULL},
    {"name", "Name", EFF_FIELD_TEXT, 256, 0, EFF_FIELD_KEY | EFF_FIELD_CASE, NULL, NULL},
    {"phone", "Phone", EFF_FIELD_PHONE, 20, 0, EFF_FIELD_KEY | EFF_FIELD_CASE, NULL, NULL},
    {"description", "Description", EFF_FIELD_TEXTAREA, 1000000, 0, 0, NULL, NULL},
    {"metadata", "Metadata", EFF_FIELD_TEXTAREA, 0, 0, 0, NULL, NULL},
};

/* Known, and taken without being kept. */
static const char *const stripe_taken[] = {"address",           "balance",  "expand",
                                           "preferred_locales", "shipping", "tax_exempt",
                                           "invoice_settings"};

/* ---- errors ---- */

static void
stripe_error(struct eff_call *call, int status, const char *code, eff_str param, eff_str message)
{
    struct eff_json_writer w = eff_call_answer(call, status);

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("error"));
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "message", message);
    if (code)
        eff_json_field_str(&w, "code", eff_str_of(code));
    if (param.ptr)
        eff_json_field_str(&w, "param", param);
    eff_json_field_str(&w, "type",
                       status >= 500 ? EFF_STR("api_error") : EFF_STR("invalid_request_error"));
    eff_json_end_object(&w);
    eff_json_end_object(&w);
    call->refused = call->rows;
}

static void
stripe_refuse(struct eff_call *call, int status, const char *code, const char *message)
{
    if (status == 404 || status == 405) {
        stripe_error(call, 404, NULL, EFF_STR_NONE,
                     eff_str_printf(call->arena,
                                    "Unrecognized request URL (" EFF_STR_FMT ": " EFF_STR_FMT ").",
                                    EFF_STR_ARG(call->method), EFF_STR_ARG(call->path)));
        return;
    }
    stripe_error(call, status,
                 code            ? code
                 : status == 429 ? "rate_limit"
                                 : NULL,
                 EFF_STR_NONE,
                 eff_str_of(message         ? message
                            : status == 429 ? "Too many requests"
                                            : "An error"));
}

static void
stripe_missing(struct eff_call *call, eff_str id)
{
    stripe_error(
        call, 404, "resource_missing", EFF_STR("id"),
        eff_str_printf(call->arena, "No such customer: '" EFF_STR_FMT "'", EFF_STR_ARG(id)));
}

/* ---- who may come in ---- */

/* "Bearer KEY", or the key as the user of basic authentication. */
static eff_str
stripe_key(const struct eff_call *call)
{
    eff_str header = eff_call_header(call, "authorization"), scheme, rest, key, none;

    if (!eff_str_cut(header, ' ', &scheme, &rest))
        return EFF_STR_NONE;
    if (eff_str_eq_nocase(scheme, EFF_STR("basic")) &&
        eff_base64_decode(call->arena, eff_str_trim(rest), &rest)) {
        eff_str_cut(rest, ':', &key, &none);
        return key;
    }
    return eff_str_trim(rest);
}

static bool
stripe_authorize(struct eff_call *call)
{
    eff_str key = stripe_key(call), name = EFF_STR_NONE;

    if (eff_str_starts(key, EFF_STR("sk_test_")) || eff_str_starts(key, EFF_STR("rk_test_")))
        name = eff_str_sub(key, 8, SIZE_MAX);
    if (name.len > 0 && (eff_world_trusts(call->world, name) || eff_world_trusts(call->world, key)))
        return true;
    if (key.len == 0)
        stripe_error(call, 401, NULL, EFF_STR_NONE, EFF_STR("You did not provide an API key."));
    else
        stripe_error(call, 401, NULL, EFF_STR_NONE,
                     eff_str_printf(call->arena, "Invalid API Key provided: " EFF_STR_FMT "****",
                                    EFF_STR_ARG(eff_str_sub(key, 0, 7))));
    return false;
}

static bool
stripe_admit(struct eff_call *call)
{
    bool search = eff_str_ends(call->path, EFF_STR("/search"));

    if (eff_world_take(call->world, search ? EFF_QUOTA_SEARCH : EFF_QUOTA_BURST))
        return true;
    stripe_refuse(call, 429, NULL, NULL);
    return false;
}

/* ---- parameters ---- */

struct stripe_param {
    eff_str name, inner; /* inner: of name[inner]; ptr == NULL: none */
    eff_str value;
};

struct stripe_params {
    size_t count;
    struct stripe_param at[STRIPE_PARAMS_MAX];
};

static bool
stripe_param(struct eff_call *call, eff_str pair, struct stripe_param *ret_param)
{
    eff_str key, value, inner = EFF_STR_NONE, rest;

    if (!eff_str_cut(pair, '=', &key, &value))
        value = EFF_STR("");
    if (!eff_call_decode(call->arena, key, true, &key) ||
        !eff_call_decode(call->arena, value, true, &value))
        return false;
    if (eff_str_cut(key, '[', &key, &inner) && !eff_str_cut(inner, ']', &inner, &rest))
        return false;
    *ret_param = (struct stripe_param){key, inner.len > 0 ? inner : EFF_STR_NONE, value};
    return key.len > 0;
}

/* False when it has answered. */
static bool
stripe_params(struct eff_call *call, struct stripe_params *params)
{
    eff_str type = eff_call_header(call, "content-type"), pair, rest = call->body;
    bool more = call->body.len > 0;

    params->count = 0;
    if (!eff_str_starts(type, EFF_STR("application/x-www-form-urlencoded"))) {
        stripe_error(call, 400, NULL, EFF_STR_NONE,
                     EFF_STR("Invalid request (check that your POST content type is "
                             "application/x-www-form-urlencoded)."));
        return false;
    }
    while (more) {
        more = eff_str_cut(rest, '&', &pair, &rest);
        if (params->count == STRIPE_PARAMS_MAX ||
            !stripe_param(call, pair, &params->at[params->count])) {
            stripe_error(call, 400, "parameter_invalid", EFF_STR_NONE,
                         EFF_STR("Invalid request body"));
            return false;
        }
        params->count++;
    }
    return true;
}

static bool
stripe_is_taken(eff_str name)
{
    for (size_t i = 0; i < sizeof(stripe_taken) / sizeof(stripe_taken[0]); i++)
        if (eff_str_is(name, stripe_taken[i]))
            return true;
    return false;
}

static bool
stripe_email_good(eff_str email)
{
    eff_str user, host;

    return eff_str_cut(email, '@', &user, &host) && user.len > 0 &&
           eff_str_find_char(host, '@') == SIZE_MAX && eff_str_find_char(host, '.') != SIZE_MAX &&
           eff_str_find_char(email, ' ') == SIZE_MAX;
}

/* ---- metadata: {"key": "value", ...}, in the order in which keys came ---- */

struct stripe_metadata {
    size_t count;
    eff_str keys[STRIPE_METADATA_KEYS + 1], values[STRIPE_METADATA_KEYS + 1];
};

static void
stripe_metadata_read(struct eff_call *call, eff_str text, struct stripe_metadata *metadata)
{
    const struct eff_json *json, *value;
    struct eff_err ignored = {0};
    struct eff_json_iter iter;
    eff_str key;

    metadata->count = 0;
    if (text.len == 0 || eff_json_parse(text, call->arena, &json, &ignored) != EFF_OK)
        return;
    for (iter = eff_json_iterate(json);
         metadata->count < STRIPE_METADATA_KEYS && eff_json_next(&iter, &key, &value);) {
        metadata->keys[metadata->count] = key;
        metadata->values[metadata->count++] = eff_json_str(value);
    }
}

static void
stripe_metadata_set(struct stripe_metadata *metadata, eff_str key, eff_str value)
{
    size_t i = 0;

    while (i < metadata->count && !eff_str_eq(metadata->keys[i], key))
        i++;
    if (value.len > 0) {
        if (i < metadata->count || metadata->count <= STRIPE_METADATA_KEYS) {
            metadata->keys[i] = key;
            metadata->values[i] = value;
            metadata->count += i == metadata->count;
        }
        return;
    }
    if (i == metadata->count)
        return;
    for (metadata->count--; i < metadata->count; i++) {
        metadata->keys[i] = metadata->keys[i + 1];
        metadata->values[i] = metadata->values[i + 1];
    }
}

static void
stripe_metadata_write(struct eff_json_writer *w, const struct stripe_metadata *metadata)
{
    eff_json_begin_object(w);
    for (size_t i = 0; i < metadata->count; i++) {
        eff_json_key(w, metadata->keys[i]);
        eff_json_write_str(w, metadata->values[i]);
    }
    eff_json_end_object(w);
}

/* False when it has answered. */
static bool
stripe_metadata_take(struct eff_call *call, const struct stripe_param *param,
                     struct stripe_metadata *metadata)
{
    eff_str name =
        eff_str_printf(call->arena, "metadata[" EFF_STR_FMT "]", EFF_STR_ARG(param->inner));

    if (!param->inner.ptr) {
        if (param->value.len == 0)
            metadata->count = 0;
        else
            stripe_error(call, 400, "parameter_invalid_string", EFF_STR("metadata"),
                         EFF_STR("Invalid hash"));
        return param->value.len == 0;
    }
    if (param->inner.len > STRIPE_METADATA_KEY) {
        stripe_error(call, 400, NULL, name,
                     EFF_STR("Metadata keys can be up to 40 characters long."));
        return false;
    }
    if (param->value.len > STRIPE_METADATA_VALUE) {
        stripe_error(call, 400, NULL, name,
                     EFF_STR("Metadata values can be up to 500 characters long."));
        return false;
    }
    stripe_metadata_set(metadata, param->inner, param->value);
    if (metadata->count <= STRIPE_METADATA_KEYS)
        return true;
    stripe_error(call, 400, NULL, EFF_STR("metadata"),
                 EFF_STR("You can have up to 50 metadata keys."));
    return false;
}

/* ---- customers ---- */

static const struct eff_shape *
stripe_customers(const struct eff_call *call)
{
    return eff_shape_find(&call->world->shapes, EFF_STR("customers"));
}

static eff_str
stripe_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq)
{
    unsigned long long number = (unsigned long long)seq;

    (void)shape;
    return eff_str_printf(arena, "cus_%014llx", number + STRIPE_ID_BASE);
}

static bool
stripe_seq(eff_str id, int64_t *ret_seq)
{
    eff_str digits = eff_str_sub(id, 4, SIZE_MAX);
    unsigned char bytes[7];
    int64_t seq = 0;

    if (!eff_str_starts(id, EFF_STR("cus_")) || !eff_unhex(digits, bytes, sizeof bytes))
        return false;
    for (size_t i = 0; i < sizeof bytes; i++)
        seq = seq << 8 | bytes[i];
    *ret_seq = seq - STRIPE_ID_BASE;
    return *ret_seq > 0;
}

/* Also deleted ones. False when it has answered. */
static bool
stripe_find(struct eff_call *call, struct eff_record *ret_record)
{
    int64_t seq;

    if (stripe_seq(call->args[0], &seq) &&
        eff_records_get(call->world->records, stripe_customers(call), seq, call->arena, ret_record))
        return true;
    stripe_missing(call, call->args[0]);
    return false;
}

static struct eff_cell
stripe_cell(const struct eff_record *record, unsigned slot)
{
    return slot < record->count ? record->cells[slot] : (struct eff_cell){0};
}

static void
stripe_write_customer(struct eff_call *call, struct eff_json_writer *w,
                      const struct eff_record *record)
{
    struct stripe_metadata metadata;

    eff_json_begin_object(w);
    eff_json_field_str(w, "id", stripe_id(call->arena, record->shape, record->seq));
    eff_json_field_str(w, "object", EFF_STR("customer"));
    eff_json_field_int(w, "balance", 0);
    eff_json_field_int(w, "created", record->created_ms / 1000);
    for (unsigned i = STRIPE_EMAIL; i < STRIPE_METADATA; i++) {
        eff_json_key(w, eff_str_of(stripe_fields[i].name));
        eff_cell_write(w, stripe_cell(record, i));
    }
    stripe_metadata_read(call, stripe_cell(record, STRIPE_METADATA).text, &metadata);
    eff_json_key(w, EFF_STR("metadata"));
    stripe_metadata_write(w, &metadata);
    eff_json_key(w, EFF_STR("livemode"));
    eff_json_write_bool(w, false);
    eff_json_end_object(w);
}

static void
stripe_answer(struct eff_call *call, const struct eff_record *record)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    stripe_write_customer(call, &w, record);
}

static void
stripe_answer_deleted(struct eff_call *call)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "id", call->args[0]);
    eff_json_field_str(&w, "object", EFF_STR("customer"));
    eff_json_key(&w, EFF_STR("deleted"));
    eff_json_write_bool(&w, true);
    eff_json_end_object(&w);
}

/* A parameter that has a field. False when it has answered. */
static bool
stripe_set(struct eff_call *call, const struct stripe_param *param, unsigned slot,
           struct eff_cell *cells)
{
    if (param->value.len > (size_t)stripe_fields[slot].length) {
        stripe_error(call, 400, "parameter_invalid_string", param->name,
                     eff_str_printf(call->arena, "Invalid string: must be at most %d characters",
                                    stripe_fields[slot].length));
        return false;
    }
    if (slot == STRIPE_EMAIL && param->value.len > 0 && !stripe_email_good(param->value)) {
        stripe_error(call, 400, "email_invalid", param->name,
                     eff_str_printf(call->arena, "Invalid email address: " EFF_STR_FMT,
                                    EFF_STR_ARG(param->value)));
        return false;
    }
    cells[slot] = param->value.len > 0 ? (struct eff_cell){EFF_CELL_TEXT, param->value}
                                       : (struct eff_cell){.kind = EFF_CELL_NULL};
    return true;
}

/* All parameters into cells. False when it has answered. */
static bool
stripe_take(struct eff_call *call, const struct stripe_params *params, struct eff_cell *cells,
            struct stripe_metadata *metadata)
{
    for (size_t i = 0; i < params->count; i++) {
        const struct stripe_param *param = &params->at[i];
        unsigned slot = 0;

        while (slot < STRIPE_METADATA && !eff_str_is(param->name, stripe_fields[slot].name))
            slot++;
        if (eff_str_is(param->name, "metadata")) {
            if (!stripe_metadata_take(call, param, metadata))
                return false;
        } else if (slot < STRIPE_METADATA && !param->inner.ptr) {
            if (!stripe_set(call, param, slot, cells))
                return false;
        } else if (!stripe_is_taken(param->name)) {
            stripe_error(call, 400, "parameter_unknown", param->name,
                         eff_str_printf(call->arena, "Received unknown parameter: " EFF_STR_FMT,
                                        EFF_STR_ARG(param->name)));
            return false;
        }
    }
    return true;
}

static void
stripe_metadata_cell(struct eff_call *call, const struct stripe_metadata *metadata,
                     struct eff_cell *cells)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    stripe_metadata_write(&w, metadata);
    cells[STRIPE_METADATA] =
        (struct eff_cell){EFF_CELL_TEXT, eff_str_copy(call->arena, eff_buf_str(&buf))};
    eff_buf_free(&buf);
}

static void
stripe_create(struct eff_call *call, const struct stripe_params *params)
{
    struct eff_cell cells[STRIPE_FIELDS] = {0};
    struct stripe_metadata metadata = {0};
    struct eff_record record;
    int64_t seq;

    if (!stripe_take(call, params, cells, &metadata))
        return;
    stripe_metadata_cell(call, &metadata, cells);
    seq = eff_records_insert(call->world->records, stripe_customers(call), cells,
                             eff_world_now(call->world));
    eff_records_get(call->world->records, stripe_customers(call), seq, call->arena, &record);
    stripe_answer(call, &record);
}

static void
stripe_update(struct eff_call *call, const struct stripe_params *params)
{
    struct eff_cell cells[STRIPE_FIELDS] = {0};
    struct stripe_metadata metadata;
    struct eff_record record;

    if (!stripe_find(call, &record))
        return;
    if (record.deleted) {
        stripe_missing(call, call->args[0]);
        return;
    }
    stripe_metadata_read(call, stripe_cell(&record, STRIPE_METADATA).text, &metadata);
    if (!stripe_take(call, params, cells, &metadata))
        return;
    stripe_metadata_cell(call, &metadata, cells);
    eff_records_update(call->world->records, &record, cells, eff_world_now(call->world),
                       call->world->settings.search_lag_ms, call->arena);
    stripe_answer(call, &record);
}

/* ---- idempotency keys: the first answer again, for a day ---- */

static eff_str
stripe_request_print(struct eff_call *call)
{
    struct eff_sha256 digest =
        eff_sha256(eff_str_printf(call->arena, EFF_STR_FMT "\n" EFF_STR_FMT,
                                  EFF_STR_ARG(call->path), EFF_STR_ARG(call->body)));

    return eff_hex(call->arena, digest.bytes, sizeof digest.bytes);
}

static void
stripe_key_error(struct eff_call *call)
{
    struct eff_json_writer w = eff_call_answer(call, 400);

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("error"));
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("idempotency_error"));
    eff_json_field_str(&w, "message",
                       EFF_STR("Keys for idempotent requests can only be used with the same "
                               "parameters they were first used with."));
    eff_json_end_object(&w);
    eff_json_end_object(&w);
    call->refused = call->rows;
}

/* True when the key was used before, and the call is answered. */
static bool
stripe_key_used(struct eff_call *call, const char *note, eff_str print)
{
    eff_str kept = eff_records_noted(call->world->records, note, call->arena), when, first, status;
    int64_t at = 0, code = 0;

    if (!eff_str_cut(kept, ' ', &when, &kept) || !eff_str_cut(kept, ' ', &first, &kept) ||
        !eff_str_cut(kept, ' ', &status, &kept) || !eff_str_int(when, &at) ||
        !eff_str_int(status, &code) || eff_world_now(call->world) - at >= STRIPE_KEY_MS)
        return false;
    if (!eff_str_eq(first, print)) {
        stripe_key_error(call);
        return true;
    }
    eff_call_text(call, (int)code, "application/json", kept);
    eff_call_set(call, "Idempotent-Replayed", EFF_STR("true"));
    return true;
}

/*
 * A write with its key, if it has one. What was refused before it was carried out is not kept; a
 * failure on the way (the fault `stored`) is.
 */
static void
stripe_write(struct eff_call *call,
             void (*write)(struct eff_call *call, const struct stripe_params *params))
{
    eff_str key = eff_call_header(call, "idempotency-key"), print = stripe_request_print(call);
    const char *note = eff_str_printf(call->arena, "key " EFF_STR_FMT, EFF_STR_ARG(key)).ptr;
    struct stripe_params *params = eff_new(call->arena, struct stripe_params, 1);
    const struct eff_effect *fault = &call->effect;

    call->rows = 1;
    if (key.len > 255) {
        stripe_error(call, 400, NULL, EFF_STR_NONE, EFF_STR("The idempotency key is too long."));
        return;
    }
    if (!stripe_params(call, params) || (key.len > 0 && stripe_key_used(call, note, print)))
        return;
    if (eff_call_row_fails(call, 0, 1)) {
        stripe_error(call, 402, "card_declined", EFF_STR_NONE, EFF_STR("It was declined."));
        return;
    }
    if (!fault->stored || fault->applied)
        write(call, params);
    if (fault->stored)
        stripe_refuse(call, fault->status, NULL, NULL);
    if (key.len > 0 && (call->status == 200 || fault->stored))
        eff_records_note(call->world->records, note,
                         eff_str_printf(call->arena, "%lld " EFF_STR_FMT " %d " EFF_STR_FMT,
                                        (long long)eff_world_now(call->world), EFF_STR_ARG(print),
                                        call->status, EFF_STR_ARG(eff_buf_str(&call->answer))));
}

static void
stripe_post_create(struct eff_call *call)
{
    stripe_write(call, stripe_create);
}

static void
stripe_post_update(struct eff_call *call)
{
    stripe_write(call, stripe_update);
}

/* ---- reading ---- */

static void
stripe_get(struct eff_call *call)
{
    struct eff_record record;

    if (!stripe_find(call, &record))
        return;
    if (record.deleted)
        stripe_answer_deleted(call);
    else
        stripe_answer(call, &record);
}

static void
stripe_delete(struct eff_call *call)
{
    struct eff_record record;

    call->rows = 1;
    if (!stripe_find(call, &record))
        return;
    if (record.deleted) {
        stripe_missing(call, call->args[0]);
        return;
    }
    eff_records_delete(call->world->records, &record, eff_world_now(call->world));
    stripe_answer_deleted(call);
}

/* One `field:"value"`; the field is email, name, phone or metadata["key"]. */
struct stripe_clause {
    eff_str field, value;
    bool negated;
};

struct stripe_query {
    size_t count;
    struct stripe_clause at[STRIPE_CLAUSES_MAX];
    bool any; /* OR; else AND */
};

/* A text in either quotes, with backslashes; moves *at behind it. */
static bool
stripe_quoted(struct eff_call *call, eff_str *at, eff_str *ret_text)
{
    char quote = at->len > 0 ? at->ptr[0] : '\0', *out = eff_new(call->arena, char, at->len + 1);
    size_t len = 0, i = 1;

    if (quote != '"' && quote != '\'')
        return false;
    for (; i < at->len && at->ptr[i] != quote; i++) {
        if (at->ptr[i] == '\\' && i + 1 < at->len)
            i++;
        out[len++] = at->ptr[i];
    }
    if (i == at->len)
        return false;
    *at = eff_str_sub(*at, i + 1, SIZE_MAX);
    *ret_text = (eff_str){out, len};
    return true;
}

static bool
stripe_clause(struct eff_call *call, eff_str *at, struct stripe_clause *ret_clause)
{
    eff_str name, key;

    *ret_clause = (struct stripe_clause){.negated = eff_str_starts(*at, EFF_STR("-"))};
    if (ret_clause->negated)
        *at = eff_str_sub(*at, 1, SIZE_MAX);
    if (eff_str_starts(*at, EFF_STR("metadata["))) {
        *at = eff_str_sub(*at, 9, SIZE_MAX);
        if (!stripe_quoted(call, at, &key) || !eff_str_starts(*at, EFF_STR("]:")))
            return false;
        *at = eff_str_sub(*at, 2, SIZE_MAX);
        ret_clause->field = eff_str_printf(call->arena, "metadata." EFF_STR_FMT, EFF_STR_ARG(key));
        return stripe_quoted(call, at, &ret_clause->value);
    }
    if (!eff_str_cut(*at, ':', &name, at))
        return false;
    ret_clause->field = name;
    return (eff_str_is(name, "email") || eff_str_is(name, "name") || eff_str_is(name, "phone")) &&
           stripe_quoted(call, at, &ret_clause->value);
}

/* False for what is no query; AND and OR cannot be mixed. */
static bool
stripe_query(struct eff_call *call, eff_str text, struct stripe_query *query)
{
    eff_str at = eff_str_trim(text);

    *query = (struct stripe_query){0};
    while (query->count < STRIPE_CLAUSES_MAX) {
        bool any;

        if (!stripe_clause(call, &at, &query->at[query->count++]))
            return false;
        at = eff_str_trim(at);
        if (at.len == 0)
            return true;
        any = eff_str_starts(at, EFF_STR("OR "));
        if ((!any && !eff_str_starts(at, EFF_STR("AND "))) ||
            (query->count > 1 && any != query->any))
            return false;
        query->any = any;
        at = eff_str_trim(eff_str_sub(at, any ? 3 : 4, SIZE_MAX));
    }
    return false;
}

static bool
stripe_clause_holds(struct eff_call *call, const struct stripe_clause *clause,
                    const struct eff_record *record)
{
    struct stripe_metadata metadata;
    eff_str found = EFF_STR_NONE, key;

    if (eff_str_starts(clause->field, EFF_STR("metadata."))) {
        key = eff_str_sub(clause->field, 9, SIZE_MAX);
        stripe_metadata_read(call, stripe_cell(record, STRIPE_METADATA).text, &metadata);
        for (size_t i = 0; i < metadata.count; i++)
            if (eff_str_eq(metadata.keys[i], key))
                found = metadata.values[i];
    } else {
        for (unsigned i = STRIPE_EMAIL; i < STRIPE_METADATA; i++)
            if (eff_str_is(clause->field, stripe_fields[i].name))
                found = stripe_cell(record, i).text;
    }
    return (found.len > 0 && eff_str_eq_nocase(found, clause->value)) != clause->negated;
}

static bool
stripe_query_holds(struct eff_call *call, const struct stripe_query *query,
                   const struct eff_record *record)
{
    for (size_t i = 0; i < query->count; i++)
        if (stripe_clause_holds(call, &query->at[i], record) == query->any)
            return query->any;
    return !query->any;
}

static struct eff_json_writer
stripe_begin_list(struct eff_call *call, const char *object, const char *url)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "object", eff_str_of(object));
    eff_json_field_str(&w, "url", eff_str_of(url));
    eff_json_key(&w, EFF_STR("data"));
    eff_json_begin_array(&w);
    return w;
}

static void
stripe_end_list(struct eff_json_writer *w, bool more)
{
    eff_json_end_array(w);
    eff_json_key(w, EFF_STR("has_more"));
    eff_json_write_bool(w, more);
    eff_json_end_object(w);
}

static void
stripe_search(struct eff_call *call)
{
    int64_t limit = eff_call_param_int(call, "limit", 10), found = 0;
    int64_t lag = call->world->settings.search_lag_ms, now = eff_world_now(call->world);
    struct eff_scan scan = {.shape = stripe_customers(call), .as_of_ms = lag > 0 ? now - lag : 0};
    struct stripe_query query;
    struct eff_json_writer w;
    struct eff_record record;

    if (!stripe_query(call, eff_call_param(call, "query"), &query) || limit < 1 || limit > 100) {
        stripe_error(call, 400, NULL, EFF_STR("query"),
                     EFF_STR("We were unable to parse your search query."));
        return;
    }
    w = stripe_begin_list(call, "search_result", "/v1/customers/search");
    for (struct eff_arena here = *call->arena;; *call->arena = here) {
        if (!eff_records_next(call->world->records, &scan, call->arena, &record))
            break;
        if ((lag == 0 || record.created_ms <= now - lag) &&
            stripe_query_holds(call, &query, &record) && found++ < limit)
            stripe_write_customer(call, &w, &record);
    }
    stripe_end_list(&w, found > limit);
}

/* Newest first, as far as `starting_after` and `email` let through. */
static void
stripe_list(struct eff_call *call)
{
    eff_str email = eff_call_param(call, "email"), after = eff_call_param(call, "starting_after");
    int64_t limit = eff_call_param_int(call, "limit", 10), before = INT64_MAX, *seqs, count = 0;
    const struct eff_shape *shape = stripe_customers(call);
    struct eff_scan scan = {.shape = shape};
    struct eff_json_writer w;
    struct eff_record record;

    if (limit < 1 || limit > 100 || (after.len > 0 && !stripe_seq(after, &before))) {
        stripe_error(call, 400, "parameter_invalid_integer", EFF_STR("limit"),
                     EFF_STR("Invalid limit or starting_after"));
        return;
    }
    seqs = eff_new(call->arena, int64_t, eff_records_count(call->world->records, shape, false) + 1);
    for (struct eff_arena here = *call->arena;; *call->arena = here) {
        if (!eff_records_next(call->world->records, &scan, call->arena, &record))
            break;
        if (record.seq < before &&
            (!email.ptr || eff_str_eq(stripe_cell(&record, STRIPE_EMAIL).text, email)))
            seqs[count++] = record.seq;
    }
    w = stripe_begin_list(call, "list", "/v1/customers");
    for (int64_t i = count; i-- > 0 && count - i <= limit;)
        if (eff_records_get(call->world->records, shape, seqs[i], call->arena, &record))
            stripe_write_customer(call, &w, &record);
    stripe_end_list(&w, count > limit);
}

/* ---- the vendor ---- */

static struct eff_shape *
stripe_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label)
{
    struct eff_shape *shape = eff_shape_add(shapes, name, label, EFF_STR("cus"));

    for (size_t i = 0; i < STRIPE_FIELDS; i++)
        eff_shape_add_field(shapes, shape, &stripe_fields[i]);
    return shape;
}

static void
stripe_shapes(struct eff_shapes *shapes)
{
    stripe_new_shape(shapes, EFF_STR("customers"), EFF_STR("Customers"));
}

static void
stripe_finish(struct eff_call *call)
{
    eff_call_set(call, "Request-Id",
                 eff_str_printf(call->arena, "req_%014llx",
                                (unsigned long long)eff_world_random(call->world) >> 8));
    eff_call_set(call, "Stripe-Version",
                 eff_call_header(call, "stripe-version").ptr
                     ? eff_call_header(call, "stripe-version")
                     : EFF_STR("2024-06-20"));
}

static const struct eff_route stripe_routes[] = {
    {"GET", "/v1/customers/search", stripe_search, 0},
    {"GET", "/v1/customers", stripe_list, 0},
    {"POST", "/v1/customers", stripe_post_create, EFF_ROUTE_WRITES},
    {"GET", "/v1/customers/{}", stripe_get, 0},
    {"POST", "/v1/customers/{}", stripe_post_update, EFF_ROUTE_WRITES},
    {"DELETE", "/v1/customers/{}", stripe_delete, EFF_ROUTE_WRITES},
};

const struct eff_vendor eff_vendor_stripe = {
    .name = "stripe",
    .routes = stripe_routes,
    .routes_count = sizeof(stripe_routes) / sizeof(stripe_routes[0]),
    .all_text = true,
    .quotas = {[EFF_QUOTA_BURST] = {.per_ms = 1000}, [EFF_QUOTA_SEARCH] = {.per_ms = 1000}},
    .shapes = stripe_shapes,
    .new_shape = stripe_new_shape,
    .authorize = stripe_authorize,
    .admit = stripe_admit,
    .refuse = stripe_refuse,
    .finish = stripe_finish,
    .id = stripe_id,
};
