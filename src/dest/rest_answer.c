/* rest_answer: what stands in an answer: its JSON, places in it, what went wrong, and by which rule. */
#include <ctype.h>

#include "dest/rest.h"

#define ANSWER_TEXT_MAX 2048
#define ANSWER_BODY_MAX 300

const struct eff_json *
rest_json(const struct eff_response *response, struct eff_arena *arena)
{
    const struct eff_json *json = NULL;
    struct eff_err err = {0};
    eff_str body = eff_str_trim(response->body);

    if (eff_str_starts(body, EFF_STR("\xef\xbb\xbf")))
        body = eff_str_sub(body, 3, SIZE_MAX);
    if (eff_json_parse(body.len ? body : EFF_STR("null"), arena, &json, &err) != EFF_OK)
        return NULL;
    return json;
}

/* Success, and not a word: 204 says that there is nothing, any other was cut or made by a proxy. */
bool
rest_silent(const struct eff_response *response)
{
    return response->status != 204 && eff_str_trim(response->body).len == 0;
}

/* A dot goes one level down, as in the names of fields. */
static void
answer_pointer_name(struct eff_buf *buf, eff_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (c == '.' || c == '~' || c == '/')
            eff_buf_add(buf, c == '.' ? EFF_STR("/") : c == '~' ? EFF_STR("~0") : EFF_STR("~1"));
        else
            eff_buf_add_char(buf, c);
    }
}

eff_str
rest_pointer(const struct rest_dest *dest, struct eff_arena *arena, eff_str pointer,
             eff_str match_field)
{
    const struct eff_connector *c = dest->connector;
    eff_str head, name, rest = pointer;
    struct eff_buf buf = {0};
    bool more;

    if (eff_str_find_char(pointer, '{') == SIZE_MAX)
        return pointer;
    do {
        more = eff_str_cut(rest, '{', &head, &rest);
        eff_buf_add(&buf, head);
        if (!more)
            break;
        eff_str_cut(rest, '}', &name, &rest);
        if (eff_str_starts(name, EFF_STR("match.")))
            answer_pointer_name(&buf, match_field);
        else if (eff_str_is(name, "object"))
            answer_pointer_name(&buf, dest->object);
        for (size_t i = 0; i < c->options_count; i++) {
            if (eff_str_eq(c->option_names[i], name))
                answer_pointer_name(&buf, dest->options[i]);
        }
    } while (true);
    pointer = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return pointer;
}

bool
rest_listed(const struct eff_str_list *list, eff_str text)
{
    for (size_t i = 0; i < list->count; i++) {
        eff_str entry = list->at[i];

        if (eff_str_eq(entry, text) || (eff_str_ends(entry, EFF_STR("*")) &&
                                        eff_str_starts(text, eff_str_sub(entry, 0, entry.len - 1))))
            return true;
    }
    return false;
}

void
rest_hint(eff_str remedy, enum eff_fault fault, struct eff_err *err)
{
    if (remedy.len)
        eff_err_hint(err, "%c" EFF_STR_FMT ".", toupper(remedy.ptr[0]),
                     EFF_STR_ARG(eff_str_sub(remedy, 1, SIZE_MAX)));
    else if (fault == EFF_AUTH)
        eff_err_hint(err, "Check the credential and what it is allowed to do.");
}

bool
rest_tests(const struct eff_tests *tests, const struct eff_json *json)
{
    for (size_t i = 0; i < tests->count; i++) {
        if (!rest_test(&tests->at[i], json))
            return false;
    }
    return true;
}

bool
rest_test(const struct eff_test *test, const struct eff_json *json)
{
    const struct eff_json *value = eff_json_pointer(json, test->at);
    eff_str text = eff_json_str(value);

    if (test->values.count > 0)
        return rest_listed(&test->values,
                           value && eff_json_type(value) != EFF_JSON_NULL ? text : EFF_STR("null"));
    if (eff_json_type(value) == EFF_JSON_STRING || eff_json_type(value) == EFF_JSON_NUMBER)
        return text.len > 0 && !eff_str_is(text, "0");
    return eff_json_bool(value);
}

/* The first of the places that holds a text; a text that is no pointer stands for itself. */
static eff_str
answer_text(const struct eff_str_list *places, const struct eff_json *json)
{
    for (size_t i = 0; i < places->count; i++) {
        eff_str text = places->at[i];

        if (text.len > 0 && text.ptr[0] == '/')
            text = eff_json_str(eff_json_pointer(json, text));
        if (text.len > 0)
            return text;
    }
    return EFF_STR_NONE;
}

void
rest_code_before(struct rest_refusal *refusal, eff_str before)
{
    size_t end =
        before.len && !refusal->code.len ? eff_str_find(refusal->message, before) : SIZE_MAX;

    if (end == SIZE_MAX)
        return;
    refusal->code = eff_str_sub(refusal->message, 0, end);
    refusal->message = eff_str_sub(refusal->message, end + before.len, SIZE_MAX);
}

struct rest_refusal
rest_refusal_at(const struct eff_error_at *at, const struct eff_json *json)
{
    struct rest_refusal refusal = {answer_text(&at->code, json), answer_text(&at->message, json),
                                   answer_text(&at->field, json)};

    rest_code_before(&refusal, at->code_before);
    return refusal;
}

eff_str
rest_cut(eff_str text)
{
    size_t whole = eff_utf8_prefix(text, ANSWER_TEXT_MAX); /* 0: not UTF-8; cut anywhere */

    return eff_str_sub(text, 0, whole ? whole : ANSWER_TEXT_MAX);
}

/* What is cut says so: the end of it may be the beginning of a secret. */
static eff_str
answer_shorter(struct eff_arena *arena, eff_str text, size_t max)
{
    size_t whole = eff_utf8_prefix(text, max - 3);

    if (text.len <= max)
        return eff_str_copy(arena, text);
    return eff_str_printf(arena, EFF_STR_FMT "...",
                          EFF_STR_ARG(eff_str_sub(text, 0, whole ? whole : max - 3)));
}

eff_str
rest_copy(struct eff_arena *arena, eff_str text)
{
    return text.ptr ? answer_shorter(arena, text, ANSWER_TEXT_MAX) : text;
}

/* "NO_CONSENT (12 rows), NO_TERMS (1 row)" */
static eff_str
answer_each(const struct eff_error_at *at, const struct eff_json *json, struct eff_arena *arena)
{
    const struct eff_json *element;
    struct eff_json_iter iter = eff_json_iterate(eff_json_pointer(json, at->each));
    struct eff_buf buf = {0};
    eff_str text;

    while (eff_json_next(&iter, NULL, &element)) {
        eff_str count =
            at->count.ptr ? eff_json_str(eff_json_pointer(element, at->count)) : EFF_STR_NONE;

        if (buf.len > 0)
            eff_buf_add(&buf, EFF_STR(", "));
        eff_buf_add(&buf, answer_text(&at->message, element));
        if (count.len > 0)
            eff_buf_addf(&buf, " (" EFF_STR_FMT " %s)", EFF_STR_ARG(count),
                         eff_str_is(count, "1") ? "row" : "rows");
    }
    text = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return text;
}

static bool
answer_redirects(const struct eff_response *response)
{
    return response->wire == EFF_WIRE_ANSWERED && response->status >= 300 && response->status < 400;
}

/* Scheme, host and path: a secret may be among the rest. */
static eff_str
answer_location(const struct eff_response *response, struct eff_arena *arena)
{
    eff_str at = eff_response_header(response, EFF_STR("location")), rest, scheme = EFF_STR("");
    size_t slashes;

    eff_str_cut(at, '?', &at, &rest);
    eff_str_cut(at, '#', &at, &rest);
    slashes = eff_str_find(at, EFF_STR("//"));
    if (slashes != SIZE_MAX) {
        size_t end = slashes + 2, from = end;

        for (; end < at.len && at.ptr[end] != '/' && at.ptr[end] != '\\'; end++)
            if (at.ptr[end] == '@')
                from = end + 1;
        scheme = eff_str_sub(at, 0, slashes + 2);
        at = eff_str_sub(at, from, SIZE_MAX);
    }
    if (scheme.len + at.len == 0)
        return EFF_STR("another address");
    at = eff_str_printf(arena, EFF_STR_FMT EFF_STR_FMT, EFF_STR_ARG(scheme), EFF_STR_ARG(at));
    return eff_str_printable(arena, at, 200);
}

struct rest_refusal
rest_refusal_of(const struct eff_connector *connector, const struct eff_response *response,
                const struct eff_json *json, struct eff_arena *arena)
{
    struct rest_refusal refusal = rest_refusal_at(&connector->error, json);

    if (connector->error.each.ptr)
        refusal.message = answer_each(&connector->error, json, arena);
    if (!refusal.code.len)
        refusal.code = eff_str_printf(arena, "HTTP %d", response->status);
    if (!refusal.message.len && answer_redirects(response))
        refusal.message =
            eff_str_printf(arena, "it leads to " EFF_STR_FMT ", and redirects are not followed",
                           EFF_STR_ARG(answer_location(response, arena)));
    else if (!refusal.message.len)
        refusal.message = response->problem.len
                              ? response->problem
                              : answer_shorter(arena, response->body, ANSWER_BODY_MAX);
    refusal.code = rest_copy(arena, refusal.code);
    refusal.message = rest_copy(arena, refusal.message);
    refusal.field = rest_copy(arena, refusal.field);
    return refusal;
}

void
rest_told(const struct eff_connector *connector, const struct eff_response *response,
          const struct rest_refusal *refusal, enum eff_fault fault, const char *what,
          struct eff_err *err)
{
    const char *sign = what[0] ? ": " : "";
    bool coded = refusal->code.len && !eff_str_starts(refusal->code, EFF_STR("HTTP "));

    if (response->wire != EFF_WIRE_ANSWERED)
        EFF_FAIL(err, fault, "%s%s%s " EFF_STR_FMT ": " EFF_STR_FMT, what, sign,
                 response->not_allowed ? "nothing is sent to" : "no answer from",
                 EFF_STR_ARG(connector->title), EFF_STR_ARG(response->problem));
    else
        EFF_FAIL(err, fault, "%s%s" EFF_STR_FMT " answered %d%s" EFF_STR_FMT "%s" EFF_STR_FMT, what,
                 sign, EFF_STR_ARG(connector->title), response->status, coded ? " " : "",
                 EFF_STR_ARG(coded ? refusal->code : EFF_STR_NONE),
                 refusal->message.len ? ": " : "", EFF_STR_ARG(refusal->message));
    err->code = response->status;
    if (response->not_allowed)
        eff_err_hint(err, "A private address, or http://, is called only where the project itself "
                          "writes that host in an option of type url.");
    else if (answer_redirects(response))
        eff_err_hint(err, "What is sent goes to no address that an answer names: if that is the "
                          "vendor's, give it as the destination's `url`.");
}

static bool
answer_contains(eff_str text, eff_str needle)
{
    for (size_t i = 0; i + needle.len <= text.len; i++) {
        if (eff_str_eq_nocase(eff_str_sub(text, i, needle.len), needle))
            return true;
    }
    return false;
}

/*
 * A rule that settles a row wants the destination's word on that one record, in JSON: what refuses
 * a request of many rows, or a page of a proxy, is about something else.
 */
static bool
answer_settles(const struct eff_error_rule *rule, int status, const struct eff_json *json,
               enum eff_op op, bool one)
{
    if (!rule->missing && rule->outcome != EFF_APPLIED)
        return true;
    return one && (rule->missing || op != EFF_OP_NONE) &&
           (status == 0 || rule->empty || (json && eff_json_type(json) != EFF_JSON_NULL));
}

const struct eff_error_rule *
rest_rule(const struct eff_connector *connector, int status, const struct rest_refusal *refusal,
          const struct eff_json *json, enum eff_op op, bool one)
{
    for (size_t i = 0; i < connector->errors_count; i++) {
        const struct eff_error_rule *rule = &connector->errors[i];

        if ((rule->status.count && !eff_ints_have(&rule->status, status)) ||
            (rule->codes.count && !rest_listed(&rule->codes, refusal->code)) ||
            (rule->test.at.ptr && !rest_test(&rule->test, json)) ||
            (rule->text.len && !answer_contains(refusal->message, rule->text)) ||
            (rule->ops && !(rule->ops & (1U << op))) ||
            (rule->empty && eff_json_type(json) != EFF_JSON_NULL) ||
            !answer_settles(rule, status, json, op, one))
            continue;
        return rule;
    }
    return NULL;
}

bool
rest_missing(const struct rest_dest *dest, const struct eff_response *response,
             const struct eff_ints *statuses, bool one, struct eff_arena *arena)
{
    const struct eff_error_rule *rule;
    const struct eff_json *json;
    struct rest_refusal refusal;

    if (response->wire != EFF_WIRE_ANSWERED || response->status < 300)
        return false;
    if (eff_ints_have(statuses, response->status))
        return true;
    json = rest_json(response, arena);
    refusal = rest_refusal_of(dest->connector, response, json, arena);
    rule = rest_rule(dest->connector, response->status, &refusal, json, EFF_OP_NONE, one);
    return rule && rule->missing;
}

static bool
answer_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

static bool
answer_names(eff_str message, eff_str name)
{
    for (size_t i = 0; name.len && i + name.len <= message.len; i++) {
        if (eff_str_eq(eff_str_sub(message, i, name.len), name) &&
            (i == 0 || !answer_word(message.ptr[i - 1])) &&
            (i + name.len == message.len || !answer_word(message.ptr[i + name.len]) ||
             (message.ptr[i + name.len] == '.' && i + name.len + 1 == message.len)))
            return true;
    }
    return false;
}

/* "Custom attribute 'plan' does not exist": the one field within another that is named so. */
static eff_str
answer_named_within(const struct eff_delivery *delivery, eff_str message)
{
    eff_str found = EFF_STR_NONE;

    for (size_t i = 0; i < delivery->fields_count; i++) {
        eff_str outer, last = delivery->field_names[i];

        while (eff_str_cut(last, '.', &outer, &last))
            ;
        last = outer;
        if (last.len == delivery->field_names[i].len || !answer_names(message, last))
            continue;
        if (found.ptr)
            return EFF_STR_NONE;
        found = delivery->field_names[i];
    }
    return found;
}

void
rest_refusal_field(const struct eff_error_rule *rule, const struct eff_json *json,
                   const struct eff_delivery *delivery, struct rest_refusal *refusal)
{
    if (rule && rule->field.count) {
        eff_str field = answer_text(&rule->field, json);

        if (field.len)
            refusal->field = rest_copy(delivery->arena, field);
    }
    if (refusal->field.len || !rule || rule->fault != EFF_CONTRACT)
        return;
    for (size_t i = 0; i < delivery->fields_count; i++) {
        eff_str name = delivery->field_names[i];

        if (name.len > refusal->field.len && answer_names(refusal->message, name))
            refusal->field = name;
    }
    if (!refusal->field.len)
        refusal->field = answer_named_within(delivery, refusal->message);
}
