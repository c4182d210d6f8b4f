/* case_shows: what a case is an example of, read off its rows and verdicts. */
#include "dest/case_internal.h"
#include "dest/connector.h"

#define COUNT(rows)     (sizeof(rows) / sizeof((rows)[0]))
#define SHOWS_DOUBLE_UP ((int64_t)1 << 53) /* beyond, a double loses digits */

/* By the bit that they have in a report. */
static const char *const shows_names[EFF_CASE_SHOWS] = {
    "create",        "update",      "remove",        "partial failure", "whole-batch failure",
    "NULL",          "unicode",     "64-bit id",     "decimal",         "nested",
    "unknown field", "empty batch", "maximum batch",
};

enum shows {
    SHOWS_CREATE,
    SHOWS_UPDATE,
    SHOWS_REMOVE,
    SHOWS_PARTIAL,
    SHOWS_WHOLE,
    SHOWS_NULL,
    SHOWS_UNICODE,
    SHOWS_ID64,
    SHOWS_DECIMAL,
    SHOWS_NESTED,
    SHOWS_UNKNOWN_FIELD,
    SHOWS_EMPTY,
    SHOWS_MAXIMUM,
};
_Static_assert(SHOWS_MAXIMUM + 1 == EFF_CASE_SHOWS, "a name each");

static unsigned
shows_if(bool holds, enum shows what)
{
    return holds ? 1U << what : 0;
}

static unsigned
shows_value(const struct eff_value *value)
{
    bool number = value->kind == EFF_INT;
    unsigned shown =
        shows_if(value->kind == EFF_NULL, SHOWS_NULL) |
        shows_if(value->kind == EFF_DECIMAL, SHOWS_DECIMAL) |
        shows_if(value->kind == EFF_JSON, SHOWS_NESTED) |
        shows_if(number && (value->i > SHOWS_DOUBLE_UP || value->i < -SHOWS_DOUBLE_UP), SHOWS_ID64);

    if (value->kind == EFF_TEXT)
        for (size_t i = 0; i < value->len; i++)
            shown |= shows_if((unsigned char)value->ptr[i] >= 0x80, SHOWS_UNICODE);
    return shown;
}

static unsigned
shows_values(const struct eff_delivery *delivery)
{
    unsigned shown = 0;

    for (size_t i = 0; i < delivery->count; i++) {
        for (size_t k = 0; k < delivery->match_count; k++)
            shown |= shows_value(&delivery->items[i].match[k]);
        for (size_t k = 0; k < delivery->fields_count; k++)
            shown |= shows_value(&delivery->items[i].fields[k]);
    }
    for (size_t k = 0; delivery->count > 0 && k < delivery->fields_count; k++)
        shown |= shows_if(eff_str_find_char(delivery->field_names[k], '.') <
                              delivery->field_names[k].len,
                          SHOWS_NESTED);
    return shown;
}

/* An answer that does not say which it was is an example of both. */
static unsigned
shows_upsert(const struct eff_item *item)
{
    bool known = item->remote_id.ptr, told = item->verdict.remote_id.ptr;

    return shows_if(!known, SHOWS_CREATE) |
           shows_if(known || (told && !item->verdict.created), SHOWS_UPDATE);
}

static unsigned
shows_row(enum eff_op op, const struct eff_item *item)
{
    const struct eff_verdict *v = &item->verdict;
    bool in = v->outcome == EFF_APPLIED || v->outcome == EFF_TAKEN;
    unsigned shown = shows_if(v->fault == EFF_CONTRACT && v->field.len > 0, SHOWS_UNKNOWN_FIELD);

    if (!in)
        return shown;
    switch (op) {
    case EFF_OP_CREATE:
    case EFF_OP_APPEND:
    case EFF_OP_ADD:
        return shown | shows_if(true, SHOWS_CREATE);
    case EFF_OP_UPSERT:
        return shown | shows_upsert(item);
    case EFF_OP_UPDATE:
        return shown | shows_if(true, SHOWS_UPDATE);
    default:
        return shown | shows_if(true, SHOWS_REMOVE);
    }
}

static unsigned
shows_verdicts(const struct case_run *run, const struct eff_delivery *delivery)
{
    size_t in = 0, refused = 0;
    unsigned shown = 0;

    for (size_t i = 0; i < delivery->count; i++) {
        enum eff_outcome outcome = delivery->items[i].verdict.outcome;

        in += outcome == EFF_APPLIED || outcome == EFF_TAKEN;
        refused += outcome == EFF_REFUSED;
        shown |= shows_row(delivery->op, &delivery->items[i]);
    }
    return shown | shows_if(in > 0 && refused > 0, SHOWS_PARTIAL) |
           shows_if(delivery->count > 1 &&
                        (run->end == EFF_STEP_SPLIT || run->end == EFF_STEP_STOP ||
                         refused == delivery->count),
                    SHOWS_WHOLE);
}

static void
shows_batch(struct eff_case_report *report, enum eff_op op, size_t rows)
{
    for (size_t i = 0; i < report->batches_count; i++)
        if (report->batches[i].op == op && report->batches[i].rows == rows)
            return;
    if (report->batches_count < EFF_CASE_BATCHES)
        report->batches[report->batches_count++] = (struct eff_case_batch){op, rows};
}

void
eff_case_shows(struct case_run *run, const struct eff_delivery *delivery)
{
    run->report->shown |=
        shows_values(delivery) | shows_verdicts(run, delivery) |
        shows_if(delivery->count == 0 && run->next == 0, SHOWS_EMPTY) |
        shows_if(run->rows_max > 1 && delivery->count == run->rows_max, SHOWS_MAXIMUM);
    // A variant that takes fewer rows than another one of its operation has a batch of its own.
    if (delivery->count > 1 && delivery->count <= run->rows_max)
        shows_batch(run->report, delivery->op, delivery->count);
}

bool
eff_case_without(struct case_run *run, const struct eff_node *without)
{
    for (size_t i = 0; i < without->count; i++) {
        size_t at = 0;

        run->at = without->kind == EFF_NODE_MAP ? &without->keys[i] : without;
        if (without->kind != EFF_NODE_MAP || without->values[i].kind != EFF_NODE_SCALAR ||
            without->values[i].text.len == 0)
            return eff_case_fail(run, "`without` is a mapping of what is not shown to why");
        while (at < EFF_CASE_SHOWS && !eff_str_is(without->keys[i].text, shows_names[at]))
            at++;
        if (at == EFF_CASE_SHOWS)
            return eff_case_fail(run, "cases do not have to show `" EFF_STR_FMT "`",
                                 EFF_STR_ARG(without->keys[i].text));
        run->report->without |= 1U << at;
    }
    return true;
}

/* Whether the rows of that variant fill a batch which no variant before it has. */
static bool
lacking_batch(const struct eff_case_report *report, enum eff_op op, size_t variant)
{
    const struct eff_variant *variants = report->connector->ops[op].variants;
    size_t rows = variants[variant].rows_max;

    for (size_t i = 0; i < report->batches_count; i++)
        if (report->batches[i].op == op && report->batches[i].rows == rows)
            return false;
    for (size_t i = 0; i < variant; i++)
        if (variants[i].rows_max == rows)
            return false;
    return rows > 1;
}

/* Each operation has a maximum of its own, and so has each of its variants. */
static size_t
lacking_batches(const struct eff_case_report *report, size_t count,
                const char *ret_names[EFF_CASE_LACKING])
{
    for (int op = EFF_OP_UPSERT; op < EFF_OPS_COUNT; op++) {
        const struct eff_operation *operation = &report->connector->ops[op];

        for (size_t i = 0; i < operation->variants_count && count < EFF_CASE_LACKING; i++)
            if (lacking_batch(report, (enum eff_op)op, i))
                ret_names[count++] =
                    eff_str_printf(report->problems->arena, "maximum batch of %s (%zu rows)",
                                   eff_op_name((enum eff_op)op), operation->variants[i].rows_max)
                        .ptr;
    }
    return count;
}

size_t
eff_case_lacking(const struct eff_case_report *report, const char *ret_names[EFF_CASE_LACKING])
{
    unsigned maximum = 1U << SHOWS_MAXIMUM;
    size_t count = 0;

    for (size_t i = 0; i < EFF_CASE_SHOWS; i++)
        if (((report->shown ^ report->without) >> i & 1U) == 0)
            ret_names[count++] = shows_names[i];
    if (report->connector && (report->shown & ~report->without & maximum))
        count = lacking_batches(report, count, ret_names);
    return count;
}
