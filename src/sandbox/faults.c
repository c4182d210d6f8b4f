/*
 * sandbox/faults: which requests misbehave, and how.
 *
 * A rule's chance has a generator of its own, seeded by the run's seed and the
 * rule's place, so that one rule's outcome does not depend on the others.
 */
#include "sandbox/faults.h"

#include <stdio.h>
#include <stdlib.h>

#define FAULTS_MEMORY ((size_t)16 << 20)
#define FAULTS_MS_MAX 86400000

static const char *const faults_garbage_kinds[] = {"html", "empty", "bytes",
                                                   "bom",  "deep",  "number"};

void
eff_faults_init(struct eff_faults *faults)
{
    *faults = (struct eff_faults){0};
    eff_arena_init(&faults->memory, "fault rules", FAULTS_MEMORY);
}

void
eff_faults_deinit(struct eff_faults *faults)
{
    eff_arena_deinit(&faults->memory);
    *faults = (struct eff_faults){0};
}

static enum eff_fault
faults_int(const struct eff_json *value, eff_str key, int64_t min, int64_t max, int64_t *ret_value,
           struct eff_err *err)
{
    if (!eff_json_int(value, ret_value) || *ret_value < min || *ret_value > max)
        return EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " must be an integer, %lld to %lld",
                        EFF_STR_ARG(key), (long long)min, (long long)max);
    return EFF_OK;
}

static enum eff_fault
faults_bool(const struct eff_json *value, eff_str key, bool *ret_value, struct eff_err *err)
{
    if (eff_json_type(value) != EFF_JSON_BOOL)
        return EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " must be true or false", EFF_STR_ARG(key));
    *ret_value = eff_json_bool(value);
    return EFF_OK;
}

static enum eff_fault
faults_text(struct eff_arena *arena, const struct eff_json *value, eff_str key, eff_str *ret_text,
            struct eff_err *err)
{
    if (eff_json_type(value) != EFF_JSON_STRING)
        return EFF_FAIL(err, EFF_CONFIG, EFF_STR_FMT " must be a text", EFF_STR_ARG(key));
    *ret_text = eff_str_copy(arena, eff_json_str(value));
    return EFF_OK;
}

static enum eff_fault
faults_probability(const struct eff_json *value, double *ret_value, struct eff_err *err)
{
    eff_str text = eff_json_type(value) == EFF_JSON_NUMBER ? eff_json_str(value) : EFF_STR_NONE;
    char copy[40], *end = copy;

    snprintf(copy, sizeof(copy), EFF_STR_FMT, EFF_STR_ARG(text));
    *ret_value = strtod(copy, &end);
    if (end == copy || !(*ret_value >= 0 && *ret_value <= 1))
        return EFF_FAIL(err, EFF_CONFIG, "probability must be a number, 0 to 1");
    return EFF_OK;
}

static enum eff_fault
faults_read_match(struct eff_arena *arena, struct eff_fault_rule *rule,
                  const struct eff_json *match, struct eff_err *err)
{
    struct eff_json_iter iter = eff_json_iterate(match);
    const struct eff_json *value;
    eff_str key;

    if (match != NULL && eff_json_type(match) != EFF_JSON_OBJECT)
        return EFF_FAIL(err, EFF_CONFIG, "match of a rule must be an object");
    while (eff_json_next(&iter, &key, &value)) {
        if (eff_str_is(key, "method"))
            EFF_TRY(faults_text(arena, value, key, &rule->method, err));
        else if (eff_str_is(key, "path"))
            EFF_TRY(faults_text(arena, value, key, &rule->path, err));
        else if (eff_str_is(key, "vendor"))
            EFF_TRY(faults_text(arena, value, key, &rule->vendor, err));
        else if (eff_str_is(key, "body"))
            EFF_TRY(faults_text(arena, value, key, &rule->body, err));
        else if (eff_str_is(key, "writes"))
            EFF_TRY(faults_bool(value, key, &rule->writes, err));
        else if (eff_str_is(key, "nth"))
            EFF_TRY(faults_int(value, key, 1, INT32_MAX, &rule->nth, err));
        else if (eff_str_is(key, "every"))
            EFF_TRY(faults_int(value, key, 1, INT32_MAX, &rule->every, err));
        else if (eff_str_is(key, "probability"))
            EFF_TRY(faults_probability(value, &rule->probability, err));
        else
            return EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" is nothing a rule can match",
                            EFF_STR_ARG(key));
    }
    return EFF_OK;
}

/* "retry_after": 2, "2", or {"date_in": -5}; a text is sent as it is. */
static enum eff_fault
faults_read_retry(struct eff_arena *arena, struct eff_effect *effect, const struct eff_json *value,
                  struct eff_err *err)
{
    eff_str key = EFF_STR("retry_after");

    if (eff_json_type(value) == EFF_JSON_OBJECT) {
        effect->retry = EFF_RETRY_DATE;
        return faults_int(eff_json_get(value, EFF_STR("date_in")), EFF_STR("date_in"), -1000000,
                          1000000000, &effect->retry_seconds, err);
    }
    if (eff_json_type(value) == EFF_JSON_STRING) {
        effect->retry = EFF_RETRY_TEXT;
        EFF_TRY(faults_text(arena, value, key, &effect->retry_text, err));
        if (eff_str_find_char(effect->retry_text, '\n') != SIZE_MAX ||
            eff_str_find_char(effect->retry_text, '\r') != SIZE_MAX)
            return EFF_FAIL(err, EFF_CONFIG, "retry_after must be one line");
        return EFF_OK;
    }
    effect->retry = EFF_RETRY_SECONDS;
    return faults_int(value, key, 0, INT32_MAX, &effect->retry_seconds, err);
}

static enum eff_fault
faults_read_partial(struct eff_arena *arena, struct eff_effect *effect,
                    const struct eff_json *partial, struct eff_err *err)
{
    struct eff_json_iter iter = eff_json_iterate(partial);
    const struct eff_json *value;
    eff_str key;

    effect->partial_rows = 1;
    if (eff_json_type(partial) != EFF_JSON_OBJECT)
        return EFF_FAIL(err, EFF_CONFIG, "partial must be an object with rows, code and message");
    while (eff_json_next(&iter, &key, &value)) {
        if (eff_str_is(key, "rows"))
            EFF_TRY(faults_int(value, key, -1, INT32_MAX, &effect->partial_rows, err));
        else if (eff_str_is(key, "code"))
            EFF_TRY(faults_text(arena, value, key, &effect->code, err));
        else if (eff_str_is(key, "message"))
            EFF_TRY(faults_text(arena, value, key, &effect->message, err));
        else
            return EFF_FAIL(err, EFF_CONFIG, "partial has rows, code and message only");
    }
    return EFF_OK;
}

static enum eff_fault
faults_read_rename(struct eff_arena *arena, struct eff_effect *effect,
                   const struct eff_json *rename, struct eff_err *err)
{
    EFF_TRY(faults_text(arena, eff_json_get(rename, EFF_STR("object")), EFF_STR("object"),
                        &effect->rename_object, err));
    EFF_TRY(faults_text(arena, eff_json_get(rename, EFF_STR("from")), EFF_STR("from"),
                        &effect->rename_from, err));
    return faults_text(arena, eff_json_get(rename, EFF_STR("to")), EFF_STR("to"),
                       &effect->rename_to, err);
}

static enum eff_fault
faults_read_garbage(struct eff_arena *arena, struct eff_effect *effect,
                    const struct eff_json *value, struct eff_err *err)
{
    EFF_TRY(faults_text(arena, value, EFF_STR("garbage"), &effect->garbage, err));
    for (size_t i = 0; i < sizeof(faults_garbage_kinds) / sizeof(faults_garbage_kinds[0]); i++)
        if (eff_str_is(effect->garbage, faults_garbage_kinds[i]))
            return EFF_OK;
    return EFF_FAIL(err, EFF_CONFIG, "garbage is one of html, empty, bytes, bom, deep and number");
}

static enum eff_fault
faults_read_reset_before(struct eff_effect *effect, const struct eff_json *value,
                         struct eff_err *err)
{
    effect->reset_before = true;
    effect->reset_at = -1; // when all of it came
    if (eff_json_type(value) == EFF_JSON_BOOL)
        return faults_bool(value, EFF_STR("reset_before"), &effect->reset_before, err);
    return faults_int(value, EFF_STR("reset_before"), 0, INT32_MAX, &effect->reset_at, err);
}

static enum eff_fault
faults_read_body(struct eff_arena *arena, struct eff_effect *effect, const struct eff_json *value)
{
    struct eff_buf text = {0};

    if (eff_json_type(value) == EFF_JSON_STRING) {
        effect->body = eff_str_copy(arena, eff_json_str(value));
        effect->body_type = EFF_STR("text/html");
        return EFF_OK;
    }
    eff_json_print(&text, value, false);
    effect->body = eff_str_copy(arena, eff_buf_str(&text));
    effect->body_type = EFF_STR("application/json");
    eff_buf_free(&text);
    return EFF_OK;
}

/* The effects that are numbers, texts or switches and no more. */
static enum eff_fault
faults_read_plain(struct eff_arena *arena, struct eff_effect *effect, eff_str key,
                  const struct eff_json *value, struct eff_err *err)
{
    int64_t number = 0;

    if (eff_str_is(key, "status")) {
        EFF_TRY(faults_int(value, key, 200, 599, &number, err));
        effect->status = (int)number;
        return EFF_OK;
    }
    if (eff_str_is(key, "truncate")) {
        effect->truncate = true;
        return faults_int(value, key, 0, INT32_MAX, &effect->truncate_at, err);
    }
    if (eff_str_is(key, "delay_ms"))
        return faults_int(value, key, 0, FAULTS_MS_MAX, &effect->delay_ms, err);
    if (eff_str_is(key, "late_ms"))
        return faults_int(value, key, 1, FAULTS_MS_MAX, &effect->late_ms, err);
    if (eff_str_is(key, "drip_ms"))
        return faults_int(value, key, 1, FAULTS_MS_MAX, &effect->drip_ms, err);
    if (eff_str_is(key, "job_polls"))
        return faults_int(value, key, 0, INT32_MAX, &effect->job_polls, err);
    if (eff_str_is(key, "job_fail_after"))
        return faults_int(value, key, 0, INT32_MAX, &effect->job_fail_after, err);
    if (eff_str_is(key, "reset_after"))
        return faults_bool(value, key, &effect->reset_after, err);
    if (eff_str_is(key, "applied"))
        return faults_bool(value, key, &effect->applied, err);
    if (eff_str_is(key, "stored"))
        return faults_bool(value, key, &effect->stored, err);
    if (eff_str_is(key, "echo"))
        return faults_bool(value, key, &effect->echo, err);
    if (eff_str_is(key, "expire_token"))
        return faults_bool(value, key, &effect->expire_token, err);
    if (eff_str_is(key, "code"))
        return faults_text(arena, value, key, &effect->code, err);
    if (eff_str_is(key, "message"))
        return faults_text(arena, value, key, &effect->message, err);
    EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" is nothing that can happen", EFF_STR_ARG(key));
    return eff_err_hint(err, "Known are status, reset_before, reset_after, late_ms, delay_ms, "
                             "drip_ms, partial, expire_token, truncate, garbage, rename_field, "
                             "job_polls and job_fail_after.");
}

static enum eff_fault
faults_read_then(struct eff_arena *arena, struct eff_fault_rule *rule, const struct eff_json *then,
                 struct eff_err *err)
{
    struct eff_json_iter iter = eff_json_iterate(then);
    struct eff_effect *effect = &rule->effect;
    const struct eff_json *value;
    eff_str key;

    *effect = (struct eff_effect){.job_polls = -1, .job_fail_after = -1};
    if (eff_json_type(then) != EFF_JSON_OBJECT || eff_json_count(then) == 0)
        return EFF_FAIL(err, EFF_CONFIG, "a rule needs a \"then\" that says what happens");
    while (eff_json_next(&iter, &key, &value)) {
        if (effect->what == NULL)
            effect->what = eff_str_c(arena, key);
        if (eff_str_is(key, "retry_after"))
            EFF_TRY(faults_read_retry(arena, effect, value, err));
        else if (eff_str_is(key, "reset_before"))
            EFF_TRY(faults_read_reset_before(effect, value, err));
        else if (eff_str_is(key, "partial"))
            EFF_TRY(faults_read_partial(arena, effect, value, err));
        else if (eff_str_is(key, "rename_field"))
            EFF_TRY(faults_read_rename(arena, effect, value, err));
        else if (eff_str_is(key, "garbage"))
            EFF_TRY(faults_read_garbage(arena, effect, value, err));
        else if (eff_str_is(key, "body"))
            EFF_TRY(faults_read_body(arena, effect, value));
        else
            EFF_TRY(faults_read_plain(arena, effect, key, value, err));
    }
    if (effect->status == 0 &&
        (effect->retry != EFF_RETRY_NONE || effect->applied || effect->stored || effect->echo))
        return EFF_FAIL(err, EFF_CONFIG,
                        "retry_after, applied, stored and echo belong to a status");
    return EFF_OK;
}

static enum eff_fault
faults_read_rule(struct eff_arena *arena, struct eff_fault_rule *rule,
                 const struct eff_json *object, struct eff_err *err)
{
    struct eff_json_iter iter = eff_json_iterate(object);
    const struct eff_json *value;
    eff_str key;

    if (eff_json_type(object) != EFF_JSON_OBJECT)
        return EFF_FAIL(err, EFF_CONFIG, "a rule must be an object with match, times and then");
    rule->probability = -1;
    while (eff_json_next(&iter, &key, &value)) {
        if (eff_str_is(key, "match"))
            EFF_TRY(faults_read_match(arena, rule, value, err));
        else if (eff_str_is(key, "times"))
            EFF_TRY(faults_int(value, key, 0, INT32_MAX, &rule->times, err));
        else if (!eff_str_is(key, "then"))
            return EFF_FAIL(err, EFF_CONFIG,
                            "a rule has match, times and then, not \"" EFF_STR_FMT "\"",
                            EFF_STR_ARG(key));
    }
    return faults_read_then(arena, rule, eff_json_get(object, EFF_STR("then")), err);
}

enum eff_fault
eff_faults_load(struct eff_faults *faults, const struct eff_json *rules, uint64_t seed,
                struct eff_err *err)
{
    struct eff_json_iter iter = eff_json_iterate(rules);
    const struct eff_json *value;
    struct eff_faults next;
    enum eff_fault fault = EFF_OK;

    if (eff_json_type(rules) != EFF_JSON_ARRAY || eff_json_count(rules) > EFF_FAULT_RULES_MAX)
        return EFF_FAIL(err, EFF_CONFIG, "rules must be a list of at most %d", EFF_FAULT_RULES_MAX);
    eff_faults_init(&next);
    next.rules = eff_new(&next.memory, struct eff_fault_rule, eff_json_count(rules) + 1);
    while (fault == EFF_OK && eff_json_next(&iter, NULL, &value)) {
        struct eff_fault_rule *rule = &next.rules[next.count++];

        rule->random = seed * 0x9e3779b97f4a7c15u + next.count;
        fault = faults_read_rule(&next.memory, rule, value, err);
        if (fault != EFF_OK)
            eff_err_while(err, "reading rule %zu", next.count);
    }
    if (fault != EFF_OK) {
        eff_faults_deinit(&next);
        return fault;
    }
    eff_faults_deinit(faults);
    *faults = next;
    return EFF_OK;
}

static double
faults_chance(struct eff_fault_rule *rule) /* splitmix64, public domain algorithm by S. Vigna */
{
    uint64_t z = rule->random += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static bool
faults_rule_hits(struct eff_fault_rule *rule, const struct eff_fault_request *request)
{
    if (rule->vendor.len != 0 && !eff_str_eq(rule->vendor, request->vendor))
        return false;
    if (rule->method.len != 0 && !eff_str_eq_nocase(rule->method, request->method))
        return false;
    if (!eff_str_starts(request->path, rule->path) || (rule->writes && !request->writes))
        return false;
    if (rule->body.len != 0 && eff_str_find(request->body, rule->body) == SIZE_MAX)
        return false;
    rule->seen++;
    if (rule->times != 0 && rule->hit >= rule->times)
        return false;
    if (rule->nth != 0 && rule->seen != rule->nth)
        return false;
    if (rule->every != 0 && rule->seen % rule->every != 0)
        return false;
    if (rule->probability >= 0 && faults_chance(rule) >= rule->probability)
        return false;
    rule->hit++;
    return true;
}

#define FAULTS_FIRST(field)                                                                        \
    do {                                                                                           \
        if (!to->field)                                                                            \
            to->field = from->field;                                                               \
    } while (0)

static void
faults_add_answer(struct eff_effect *to, const struct eff_effect *from)
{
    if (to->status == 0 && from->status != 0) {
        to->status = from->status;
        to->applied = from->applied;
        to->stored = from->stored;
        to->echo = from->echo;
        to->retry = from->retry;
        to->retry_seconds = from->retry_seconds;
        to->retry_text = from->retry_text;
    }
    if (to->code.len == 0 && to->message.len == 0) {
        to->code = from->code;
        to->message = from->message;
    }
    if (to->body.ptr == NULL) {
        to->body = from->body;
        to->body_type = from->body_type;
    }
    if (!to->truncate && from->truncate) {
        to->truncate = true;
        to->truncate_at = from->truncate_at;
    }
    if (to->garbage.len == 0)
        to->garbage = from->garbage;
}

void
eff_effect_add(struct eff_effect *to, const struct eff_effect *from)
{
    faults_add_answer(to, from);
    if (!to->reset_before && from->reset_before) {
        to->reset_before = true;
        to->reset_at = from->reset_at;
    }
    FAULTS_FIRST(delay_ms);
    FAULTS_FIRST(reset_after);
    FAULTS_FIRST(late_ms);
    FAULTS_FIRST(partial_rows);
    FAULTS_FIRST(expire_token);
    FAULTS_FIRST(drip_ms);
    FAULTS_FIRST(what);
    if (to->rename_to.len == 0) {
        to->rename_object = from->rename_object;
        to->rename_from = from->rename_from;
        to->rename_to = from->rename_to;
    }
    if (to->job_polls < 0)
        to->job_polls = from->job_polls;
    if (to->job_fail_after < 0)
        to->job_fail_after = from->job_fail_after;
}

static void
faults_keep_texts(struct eff_effect *effect, struct eff_arena *arena)
{
    eff_str *texts[] = {&effect->retry_text,    &effect->code,        &effect->message,
                        &effect->body,          &effect->body_type,   &effect->garbage,
                        &effect->rename_object, &effect->rename_from, &effect->rename_to};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        *texts[i] = eff_str_copy(arena, *texts[i]);
    if (effect->what != NULL)
        effect->what = eff_str_c(arena, eff_str_of(effect->what));
}

struct eff_effect
eff_faults_hit(struct eff_faults *faults, const struct eff_fault_request *request, bool body_rules,
               struct eff_arena *arena)
{
    struct eff_effect effect = {.job_polls = -1, .job_fail_after = -1};

    for (size_t i = 0; i < faults->count; i++) {
        struct eff_fault_rule *rule = &faults->rules[i];

        if ((rule->body.len != 0) == body_rules && faults_rule_hits(rule, request))
            eff_effect_add(&effect, &rule->effect);
    }
    faults_keep_texts(&effect, arena);
    return effect;
}

void
eff_faults_write(struct eff_json_writer *w, const struct eff_faults *faults)
{
    eff_json_begin_array(w);
    for (size_t i = 0; i < faults->count; i++) {
        const struct eff_fault_rule *rule = &faults->rules[i];

        eff_json_begin_object(w);
        eff_json_field_str(w, "then", eff_str_of(rule->effect.what));
        eff_json_field_str(w, "method", rule->method.len == 0 ? EFF_STR("") : rule->method);
        eff_json_field_str(w, "path", rule->path.len == 0 ? EFF_STR("") : rule->path);
        eff_json_field_int(w, "times", rule->times);
        eff_json_field_int(w, "seen", rule->seen);
        eff_json_field_int(w, "hit", rule->hit);
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
}

bool
eff_faults_garbage(eff_str kind, struct eff_buf *ret_body, const char **ret_type)
{
    eff_buf_reset(ret_body);
    *ret_type = "application/json";
    if (eff_str_is(kind, "html")) {
        *ret_type = "text/html";
        eff_buf_add(ret_body, EFF_STR("<html><body><h1>Down for maintenance</h1></body></html>"));
    } else if (eff_str_is(kind, "bytes")) {
        for (int i = 0; i < 256; i++)
            eff_buf_add_char(ret_body, (char)(unsigned char)(i * 151 + 128));
    } else if (eff_str_is(kind, "bom")) {
        eff_buf_add(ret_body, EFF_STR("\xef\xbb\xbf{\"results\": []}"));
    } else if (eff_str_is(kind, "deep")) {
        for (int i = 0; i < 100000; i++)
            eff_buf_add_char(ret_body, '[');
    } else if (eff_str_is(kind, "number")) {
        eff_buf_add(ret_body, EFF_STR("1e999999999"));
    }
    return eff_str_is(kind, "empty") || ret_body->len != 0;
}
