/*
 * deliver/look: reading a record back and comparing it with what was sent.
 */
#include "deliver/look.h"

#include "base/buf.h"
#include "base/number.h"

struct eff_task
eff_look_task(const struct eff_delivery *delivery, const size_t *items, size_t count,
              struct eff_arena *arena)
{
    struct eff_read *read = eff_new(arena, struct eff_read, 1);
    struct eff_value *match = eff_new(arena, struct eff_value, count * delivery->match_count);

    for (size_t i = 0; i < count; i++)
        for (size_t m = 0; m < delivery->match_count; m++)
            match[i * delivery->match_count + m] = delivery->items[items[i]].match[m];
    *read = (struct eff_read){.match_count = delivery->match_count,
                              .match_names = delivery->match_names,
                              .fields_count = delivery->fields_count,
                              .field_names = delivery->field_names,
                              .count = count,
                              .match = match,
                              .records = eff_new(arena, struct eff_record, count)};
    return (struct eff_task){
        .kind = EFF_TASK_READ, .read = read, .object = delivery->object, .arena = arena};
}

/* Texts, or numbers however they are written; NULL and "" are one, as vendors have it. */
static bool
look_equal(const struct eff_value *sent, const struct eff_value *found)
{
    struct eff_buf a = {0}, b = {0};
    char left[64], right[64];
    size_t len;
    bool equal;

    eff_value_text(&a, sent);
    eff_value_text(&b, found);
    equal = eff_str_eq(eff_buf_str(&a), eff_buf_str(&b));
    len = equal ? 0 : eff_decimal_canonical(eff_buf_str(&a), left, sizeof left);
    if (len > 0)
        equal = eff_decimal_canonical(eff_buf_str(&b), right, sizeof right) == len &&
                memcmp(left, right, len) == 0;
    eff_buf_free(&a);
    eff_buf_free(&b);
    return equal;
}

struct eff_verdict
eff_look_judge(const struct eff_delivery *delivery, const struct eff_item *item,
               const struct eff_record *record)
{
    if (!record->found)
        return (struct eff_verdict){.outcome = EFF_NOT_APPLIED, .fault = EFF_TRANSIENT};
    for (size_t i = 0; i < delivery->fields_count; i++) {
        if (item->fields[i].kind == EFF_ABSENT || look_equal(&item->fields[i], &record->fields[i]))
            continue;
        return (struct eff_verdict){
            .outcome = EFF_REFUSED,
            .fault = EFF_ROW,
            .code = EFF_STR("exists"),
            .message =
                EFF_STR("a record with this match value is there already, with other values"),
            .field = delivery->field_names[i],
            .remote_id = record->remote_id};
    }
    return (struct eff_verdict){
        .outcome = EFF_APPLIED, .created = true, .remote_id = record->remote_id};
}
