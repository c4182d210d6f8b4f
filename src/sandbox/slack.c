/*
 * sandbox/slack: the stand-in for Slack's Web API: messages in channels.
 *
 * A channel is an object, its messages are its records. As at the vendor, nearly
 * every answer is a 200 that says in `ok` and `error` what it is worth; arguments
 * come as JSON, as a form, or in the query.
 */
#include <stdio.h>

#include "sandbox/world.h"

#define SLACK_TEXT_MAX        40000 /* characters */
#define SLACK_BLOCKS_MAX      50
#define SLACK_ATTACHMENTS_MAX 100
#define SLACK_SECTION_MAX     3000
#define SLACK_CHANNELS_MAX    64

enum {
    SLACK_TS,
    SLACK_TEXT,
    SLACK_BLOCKS,
    SLACK_ATTACHMENTS,
    SLACK_METADATA,
    SLACK_THREAD,
    SLACK_USERNAME,
    SLACK_FIELDS
};

static const struct eff_field_row slack_fields[SLACK_FIELDS] = {
    {"ts", "Timestamp", EFF_FIELD_TEXT, 40, 0, EFF_FIELD_KEY | EFF_FIELD_UNIQUE, NULL, NULL},
    {"text", "Text", EFF_FIELD_TEXTAREA, SLACK_TEXT_MAX, 0, 0, NULL, NULL},
    {"blocks", "Blocks", EFF_FIELD_TEXTAREA, 0, 0, 0, NULL, NULL},
    {"attachments", "Attachments", EFF_FIELD_TEXTAREA, 0, 0, 0, NULL, NULL},
    {"metadata", "Metadata", EFF_FIELD_TEXTAREA, 0, 0, 0, NULL, NULL},
    {"thread_ts", "Thread", EFF_FIELD_TEXT, 40, 0, 0, NULL, NULL},
    {"username", "Name", EFF_FIELD_TEXT, 80, 0, 0, NULL, NULL},
};

/* Id, name, and how our bot stands to it. */
static const char *const slack_channels[][3] = {{"C0000000001", "general", "member"},
                                                {"C0000000002", "closed", "archived"},
                                                {"C0000000003", "elsewhere", "out"}};

struct slack_state {
    int64_t messages; /* behind the point of a timestamp */
    struct eff_quota channels[SLACK_CHANNELS_MAX];
};

/* ---- answers ---- */

static void
slack_error(struct eff_call *call, const char *error)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("ok"));
    eff_json_write_bool(&w, false);
    eff_json_field_str(&w, "error", eff_str_of(error));
    eff_json_end_object(&w);
    call->refused = call->rows;
}

/* With the reason in response_metadata, as Slack says what is wrong with blocks. */
static void
slack_invalid(struct eff_call *call, const char *error, eff_str message)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("ok"));
    eff_json_write_bool(&w, false);
    eff_json_field_str(&w, "error", eff_str_of(error));
    eff_json_key(&w, EFF_STR("response_metadata"));
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("messages"));
    eff_json_begin_array(&w);
    eff_json_write_str(&w, message);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
    eff_json_end_object(&w);
    call->refused = call->rows;
}

static bool
slack_is_json(const struct eff_call *call)
{
    return eff_str_starts(eff_call_header(call, "content-type"), EFF_STR("application/json"));
}

static struct eff_json_writer
slack_begin(struct eff_call *call)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("ok"));
    eff_json_write_bool(&w, true);
    if (slack_is_json(call) &&
        eff_str_find(eff_call_header(call, "content-type"), EFF_STR("charset=")) == SIZE_MAX)
        eff_json_field_str(&w, "warning", EFF_STR("missing_charset"));
    return w;
}

static void
slack_refuse(struct eff_call *call, int status, const char *code, const char *message)
{
    const char *usual = status == 429                    ? "ratelimited"
                        : status == 401                  ? "invalid_auth"
                        : status == 404 || status == 405 ? "unknown_method"
                        : status == 503                  ? "service_unavailable"
                                                         : "internal_error";

    (void)message;
    slack_error(call, code ? code : usual);
    if (status != 404 && status != 405 && status != 401)
        call->status = status;
}

/* ---- arguments ---- */

struct slack_args {
    const struct eff_json *json; /* NULL: a form or a query */
    eff_str form;
};

/* False when it has answered. */
static bool
slack_args(struct eff_call *call, struct slack_args *ret_args)
{
    eff_str type = eff_call_header(call, "content-type");
    struct eff_err err;

    *ret_args = (struct slack_args){.form = call->query};
    if (eff_str_is(call->method, "GET") || call->body.len == 0)
        return true;
    ret_args->form = call->body;
    if (eff_str_starts(type, EFF_STR("application/x-www-form-urlencoded")))
        return true;
    if (!slack_is_json(call)) {
        slack_error(call, type.len == 0 ? "missing_post_type" : "invalid_post_type");
        return false;
    }
    ret_args->json = eff_call_json(call, &err);
    if (eff_json_type(ret_args->json) == EFF_JSON_OBJECT)
        return true;
    slack_error(call, ret_args->json ? "json_not_object" : "invalid_json");
    return false;
}

/* A text, or EFF_STR_NONE; what is no text in JSON comes as JSON. */
static eff_str
slack_arg(const struct eff_call *call, const struct slack_args *args, const char *name)
{
    const struct eff_json *value;
    struct eff_buf buf = {0};
    eff_str text;

    if (args->json == NULL)
        return eff_call_form(call, args->form, name);
    value = eff_json_get(args->json, eff_str_of(name));
    if (value == NULL || eff_json_type(value) == EFF_JSON_NULL)
        return EFF_STR_NONE;
    if (eff_json_type(value) != EFF_JSON_ARRAY && eff_json_type(value) != EFF_JSON_OBJECT)
        return eff_json_str(value);
    eff_json_print(&buf, value, false);
    text = eff_str_copy(call->arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return text;
}

/* ---- who may come in ---- */

static bool
slack_was_revoked(const struct eff_world *world, eff_str token, eff_str name)
{
    for (size_t i = 0; i < world->revoked_count && i < EFF_WORLD_TOKENS; i++)
        if (eff_str_is(token, world->revoked[i]) || eff_str_is(name, world->revoked[i]))
            return true;
    return false;
}

static bool
slack_authorize(struct eff_call *call)
{
    eff_str token = eff_call_bearer(call), name;

    if (token.len == 0)
        token = eff_call_form(call, call->body, "token");
    if (token.len == 0) {
        slack_error(call, "not_authed");
        return false;
    }
    name = eff_str_starts(token, EFF_STR("xoxb-")) ? eff_str_sub(token, 5, token.len) : EFF_STR("");
    if (slack_was_revoked(call->world, token, name)) {
        slack_error(call, "token_revoked");
        return false;
    }
    if (name.len == 0 ||
        (!eff_world_trusts(call->world, name) && !eff_world_trusts(call->world, token))) {
        slack_error(call, "invalid_auth");
        return false;
    }
    if (!call->world->settings.read_only || call->route == NULL ||
        (call->route->flags & EFF_ROUTE_WRITES) == 0)
        return true;
    slack_error(call, "missing_scope");
    return false;
}

static bool
slack_admit(struct eff_call *call)
{
    (void)call;
    return true; // what is limited is a channel: slack_may_post
}

/* limits.burst counts the messages of each channel by itself. */
static bool
slack_may_post(struct eff_call *call, const struct eff_shape *channel)
{
    struct slack_state *state = call->world->state;
    const struct eff_quota *limit = &call->world->quotas[EFF_QUOTA_BURST];
    struct eff_quota *own = &state->channels[channel->number % SLACK_CHANNELS_MAX];
    int64_t now = eff_world_now(call->world);

    if (now - own->since_ms >= limit->per_ms) {
        own->since_ms = now;
        own->used = 0;
    }
    if (limit->requests == 0 || own->used < limit->requests) {
        own->used++;
        return true;
    }
    slack_refuse(call, 429, NULL, NULL);
    eff_call_set(call, "Retry-After",
                 eff_str_printf(call->arena, "%lld",
                                (long long)((own->since_ms + limit->per_ms - now + 999) / 1000)));
    return false;
}

/* ---- channels ---- */

static struct eff_shape *
slack_add_channel(struct eff_shapes *shapes, eff_str id, eff_str name, eff_str standing)
{
    struct eff_shape *channel = eff_shape_add(shapes, id, name, standing);

    for (size_t i = 0; i < SLACK_FIELDS; i++)
        eff_shape_add_field(shapes, channel, &slack_fields[i]);
    return channel;
}

static void
slack_shapes(struct eff_shapes *shapes)
{
    for (size_t i = 0; i < sizeof(slack_channels) / sizeof(slack_channels[0]); i++)
        slack_add_channel(shapes, eff_str_of(slack_channels[i][0]),
                          eff_str_of(slack_channels[i][1]), eff_str_of(slack_channels[i][2]));
}

static struct eff_shape *
slack_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label)
{
    return slack_add_channel(shapes, name, label, EFF_STR("member"));
}

/* By id, and where `names` by name too ("#general"). NULL: answered. */
static const struct eff_shape *
slack_channel(struct eff_call *call, const struct slack_args *args, bool names)
{
    const struct eff_shapes *shapes = &call->world->shapes;
    eff_str wanted = slack_arg(call, args, "channel");

    if (eff_str_starts(wanted, EFF_STR("#")))
        wanted = names ? eff_str_sub(wanted, 1, wanted.len) : EFF_STR("");
    for (size_t i = 0; i < shapes->count && wanted.len > 0; i++)
        if (eff_str_eq(shapes->at[i]->name, wanted) ||
            (names && eff_str_eq(shapes->at[i]->label, wanted)))
            return shapes->at[i];
    slack_error(call, "channel_not_found");
    return NULL;
}

/* ---- what a message says ---- */

static size_t
slack_characters(eff_str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += (text.ptr[i] & 0xc0) != 0x80;
    return count;
}

static bool
slack_check_block(struct eff_call *call, const struct eff_json *block, size_t index)
{
    static const char *const types[] = {"actions",   "context", "divider", "file",
                                        "header",    "image",   "input",   "markdown",
                                        "rich_text", "section", "video",   "table"};
    eff_str type = eff_json_str(eff_json_get(block, EFF_STR("type")));
    eff_str text = eff_json_str(eff_json_pointer(block, EFF_STR("/text/text")));
    const char *wrong = "[ERROR] unsupported type";

    if (eff_json_type(block) != EFF_JSON_OBJECT)
        wrong = "[ERROR] must provide an object";
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (eff_str_is(type, types[i]))
            wrong = NULL;
    if (wrong == NULL && eff_str_is(type, "section") && text.len == 0 &&
        eff_json_get(block, EFF_STR("fields")) == NULL)
        wrong = "[ERROR] missing required field: text or fields";
    if (wrong == NULL && slack_characters(text) > SLACK_SECTION_MAX)
        wrong = "[ERROR] must be less than 3001 characters";
    if (wrong == NULL)
        return true;
    slack_invalid(call, "invalid_blocks",
                  eff_str_printf(call->arena, "%s [json-pointer:/blocks/%zu]", wrong, index));
    return false;
}

/* An array, as JSON or as a text that is JSON; *ret_text is NONE when it is left out or empty. */
static bool
slack_list(struct eff_call *call, const struct slack_args *args, const char *name,
           const char *error, const struct eff_json **ret_list, eff_str *ret_text)
{
    struct eff_err err;

    *ret_list = NULL;
    *ret_text = slack_arg(call, args, name);
    if (ret_text->len == 0)
        return true;
    if (eff_json_parse(*ret_text, call->arena, ret_list, &err) != EFF_OK ||
        eff_json_type(*ret_list) != EFF_JSON_ARRAY) {
        slack_error(call, error);
        return false;
    }
    if (eff_json_count(*ret_list) == 0)
        *ret_text = EFF_STR_NONE;
    return true;
}

static struct eff_cell
slack_cell(eff_str text)
{
    return text.ptr ? (struct eff_cell){EFF_CELL_TEXT, text} : (struct eff_cell){0};
}

/* Fills the cells of what the caller says; false when it has answered. */
static bool
slack_message(struct eff_call *call, const struct slack_args *args, struct eff_cell *cells)
{
    const struct eff_json *blocks, *attachments;
    eff_str text = slack_arg(call, args, "text"), blocks_text, attachments_text;

    if (eff_call_row_fails(call, 0, 1)) {
        slack_error(call, call->effect.code.len ? eff_str_c(call->arena, call->effect.code)
                                                : "msg_too_long");
        return false;
    }
    if (!slack_list(call, args, "blocks", "invalid_blocks_format", &blocks, &blocks_text) ||
        !slack_list(call, args, "attachments", "invalid_attachments", &attachments,
                    &attachments_text))
        return false;
    if (text.len == 0 && blocks_text.len == 0 && attachments_text.len == 0) {
        slack_error(call, "no_text");
        return false;
    }
    if (slack_characters(text) > SLACK_TEXT_MAX) {
        slack_error(call, "msg_too_long");
        return false;
    }
    if (eff_json_count(attachments) > SLACK_ATTACHMENTS_MAX) {
        slack_error(call, "too_many_attachments");
        return false;
    }
    if (eff_json_count(blocks) > SLACK_BLOCKS_MAX) {
        slack_invalid(call, "invalid_blocks",
                      EFF_STR("[ERROR] no more than 50 items allowed [json-pointer:/blocks]"));
        return false;
    }
    for (size_t i = 0; i < eff_json_count(blocks); i++)
        if (!slack_check_block(call, eff_json_at(blocks, i), i))
            return false;
    cells[SLACK_TEXT] = slack_cell(text.ptr ? text : EFF_STR(""));
    cells[SLACK_BLOCKS] = slack_cell(blocks_text);
    cells[SLACK_ATTACHMENTS] = slack_cell(attachments_text);
    cells[SLACK_METADATA] = slack_cell(slack_arg(call, args, "metadata"));
    return true;
}

static eff_str
slack_of(const struct eff_record *record, size_t slot)
{
    return slot < record->count && record->cells[slot].kind == EFF_CELL_TEXT
               ? record->cells[slot].text
               : EFF_STR_NONE;
}

static void
slack_write_message(struct eff_json_writer *w, const struct eff_record *record)
{
    static const size_t raw[] = {SLACK_BLOCKS, SLACK_ATTACHMENTS};

    eff_json_begin_object(w);
    eff_json_field_str(w, "type", EFF_STR("message"));
    eff_json_field_str(w, "user", EFF_STR("U0000000001"));
    eff_json_field_str(w, "bot_id", EFF_STR("B0000000001"));
    eff_json_field_str(w, "team", EFF_STR("T0000000001"));
    eff_json_field_str(w, "ts", slack_of(record, SLACK_TS));
    eff_json_field_str(w, "text", slack_of(record, SLACK_TEXT));
    if (slack_of(record, SLACK_THREAD).len > 0)
        eff_json_field_str(w, "thread_ts", slack_of(record, SLACK_THREAD));
    for (size_t i = 0; i < sizeof(raw) / sizeof(raw[0]); i++) {
        if (slack_of(record, raw[i]).len == 0)
            continue;
        eff_json_key(w, eff_str_of(slack_fields[raw[i]].name));
        eff_json_write_raw(w, slack_of(record, raw[i]));
    }
    eff_json_end_object(w);
}

/* ---- the methods ---- */

static void
slack_post(struct eff_call *call)
{
    struct slack_state *state = call->world->state;
    struct eff_cell cells[SLACK_FIELDS] = {0};
    const struct eff_shape *channel;
    struct eff_record record;
    struct slack_args args;
    struct eff_json_writer w;
    int64_t now = eff_world_now(call->world), seq;

    call->rows = 1;
    if (!slack_args(call, &args) || (channel = slack_channel(call, &args, true)) == NULL)
        return;
    if (!eff_str_is(channel->prefix, "member")) {
        slack_error(call, eff_str_is(channel->prefix, "out") ? "not_in_channel" : "is_archived");
        return;
    }
    if (!slack_message(call, &args, cells) || !slack_may_post(call, channel))
        return;
    cells[SLACK_TS] = slack_cell(eff_str_printf(call->arena, "%lld.%06lld", (long long)(now / 1000),
                                                (long long)(++state->messages % 1000000)));
    cells[SLACK_THREAD] = slack_cell(slack_arg(call, &args, "thread_ts"));
    cells[SLACK_USERNAME] = slack_cell(slack_arg(call, &args, "username"));
    seq = eff_records_insert(call->world->records, channel, cells, now);
    eff_records_get(call->world->records, channel, seq, call->arena, &record);
    w = slack_begin(call);
    eff_json_field_str(&w, "channel", channel->name);
    eff_json_field_str(&w, "ts", cells[SLACK_TS].text);
    eff_json_key(&w, EFF_STR("message"));
    slack_write_message(&w, &record);
    eff_json_end_object(&w);
}

/* The message that `channel` and `ts` name; NULL: answered. */
static const struct eff_shape *
slack_find(struct eff_call *call, const struct slack_args *args, struct eff_record *ret_record)
{
    const struct eff_shape *channel = slack_channel(call, args, false);
    eff_str ts = slack_arg(call, args, "ts");
    int64_t seq;

    if (channel == NULL)
        return NULL;
    if (ts.len == 0 || eff_records_find(call->world->records, channel, &channel->fields[SLACK_TS],
                                        ts, &seq, 1) == 0) {
        slack_error(call, "message_not_found");
        return NULL;
    }
    eff_records_get(call->world->records, channel, seq, call->arena, ret_record);
    return channel;
}

static void
slack_update(struct eff_call *call)
{
    struct eff_cell cells[SLACK_FIELDS] = {0};
    const struct eff_shape *channel;
    struct eff_record record;
    struct slack_args args;
    struct eff_json_writer w;

    call->rows = 1;
    if (!slack_args(call, &args) || (channel = slack_find(call, &args, &record)) == NULL ||
        !slack_message(call, &args, cells))
        return;
    eff_records_update(call->world->records, &record, cells, eff_world_now(call->world), 0,
                       call->arena);
    w = slack_begin(call);
    eff_json_field_str(&w, "channel", channel->name);
    eff_json_field_str(&w, "ts", slack_of(&record, SLACK_TS));
    eff_json_field_str(&w, "text", slack_of(&record, SLACK_TEXT));
    eff_json_key(&w, EFF_STR("message"));
    slack_write_message(&w, &record);
    eff_json_end_object(&w);
}

static void
slack_delete(struct eff_call *call)
{
    const struct eff_shape *channel;
    struct eff_record record;
    struct slack_args args;
    struct eff_json_writer w;

    call->rows = 1;
    if (!slack_args(call, &args) || (channel = slack_find(call, &args, &record)) == NULL)
        return;
    eff_records_delete(call->world->records, &record, eff_world_now(call->world));
    w = slack_begin(call);
    eff_json_field_str(&w, "channel", channel->name);
    eff_json_field_str(&w, "ts", slack_of(&record, SLACK_TS));
    eff_json_end_object(&w);
}

static void
slack_history(struct eff_call *call)
{
    struct eff_record *records = eff_new(call->arena, struct eff_record, 1000);
    const struct eff_shape *channel;
    struct slack_args args;
    struct eff_json_writer w;
    struct eff_scan scan;
    size_t count = 0;

    if (!slack_args(call, &args) || (channel = slack_channel(call, &args, false)) == NULL)
        return;
    scan = (struct eff_scan){.shape = channel};
    while (eff_records_next(call->world->records, &scan, call->arena, &records[count % 1000]))
        count++;
    w = slack_begin(call);
    eff_json_key(&w, EFF_STR("messages"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < count && i < 999; i++) // newest first
        slack_write_message(&w, &records[(count - 1 - i) % 1000]);
    eff_json_end_array(&w);
    eff_json_key(&w, EFF_STR("has_more"));
    eff_json_write_bool(&w, count > 999);
    eff_json_end_object(&w);
}

static void
slack_write_channel(struct eff_json_writer *w, const struct eff_shape *channel)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "id", channel->name);
    eff_json_field_str(w, "name", channel->label);
    eff_json_key(w, EFF_STR("is_channel"));
    eff_json_write_bool(w, true);
    eff_json_key(w, EFF_STR("is_archived"));
    eff_json_write_bool(w, eff_str_is(channel->prefix, "archived"));
    eff_json_key(w, EFF_STR("is_member"));
    eff_json_write_bool(w, eff_str_is(channel->prefix, "member"));
    eff_json_end_object(w);
}

static void
slack_info(struct eff_call *call)
{
    const struct eff_shape *channel;
    struct slack_args args;
    struct eff_json_writer w;

    if (!slack_args(call, &args) || (channel = slack_channel(call, &args, false)) == NULL)
        return;
    w = slack_begin(call);
    eff_json_key(&w, EFF_STR("channel"));
    slack_write_channel(&w, channel);
    eff_json_end_object(&w);
}

static void
slack_list_channels(struct eff_call *call)
{
    struct eff_json_writer w = slack_begin(call);

    eff_json_key(&w, EFF_STR("channels"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < call->world->shapes.count; i++)
        slack_write_channel(&w, call->world->shapes.at[i]);
    eff_json_end_array(&w);
    eff_json_key(&w, EFF_STR("response_metadata"));
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "next_cursor", EFF_STR(""));
    eff_json_end_object(&w);
    eff_json_end_object(&w);
}

static void
slack_auth_test(struct eff_call *call)
{
    struct eff_json_writer w = slack_begin(call);

    eff_json_field_str(&w, "url", EFF_STR("https://sandbox.slack.com/"));
    eff_json_field_str(&w, "team", EFF_STR("Sandbox"));
    eff_json_field_str(&w, "user", EFF_STR("efferent"));
    eff_json_field_str(&w, "team_id", EFF_STR("T0000000001"));
    eff_json_field_str(&w, "user_id", EFF_STR("U0000000001"));
    eff_json_field_str(&w, "bot_id", EFF_STR("B0000000001"));
    eff_json_key(&w, EFF_STR("is_enterprise_install"));
    eff_json_write_bool(&w, false);
    eff_json_end_object(&w);
}

static void
slack_finish(struct eff_call *call)
{
    eff_call_set(
        call, "X-Slack-Req-Id",
        eff_str_printf(call->arena, "%016llx", (unsigned long long)eff_world_random(call->world)));
    eff_call_set(call, "X-OAuth-Scopes",
                 call->world->settings.read_only
                     ? EFF_STR("channels:read,channels:history")
                     : EFF_STR("chat:write,channels:read,channels:history"));
}

static eff_str
slack_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq)
{
    (void)shape;
    return eff_str_printf(arena, "%lld", (long long)seq);
}

static const struct eff_route slack_routes[] = {
    {"POST", "/api/chat.postMessage", slack_post, EFF_ROUTE_WRITES},
    {"POST", "/api/chat.update", slack_update, EFF_ROUTE_WRITES},
    {"POST", "/api/chat.delete", slack_delete, EFF_ROUTE_WRITES},
    {"POST", "/api/auth.test", slack_auth_test, 0},
    {"GET", "/api/auth.test", slack_auth_test, 0},
    {"POST", "/api/conversations.history", slack_history, 0},
    {"GET", "/api/conversations.history", slack_history, 0},
    {"POST", "/api/conversations.info", slack_info, 0},
    {"GET", "/api/conversations.info", slack_info, 0},
    {"POST", "/api/conversations.list", slack_list_channels, 0},
    {"GET", "/api/conversations.list", slack_list_channels, 0},
};

const struct eff_vendor eff_vendor_slack = {
    .name = "slack",
    .routes = slack_routes,
    .routes_count = sizeof(slack_routes) / sizeof(slack_routes[0]),
    .all_text = true,
    .quotas = {[EFF_QUOTA_BURST] = {.per_ms = 1000}},
    .shapes = slack_shapes,
    .new_shape = slack_new_shape,
    .authorize = slack_authorize,
    .admit = slack_admit,
    .refuse = slack_refuse,
    .finish = slack_finish,
    .id = slack_id,
    .state_size = sizeof(struct slack_state),
};
