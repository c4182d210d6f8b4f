/*
 * lib/reading: a source's rows as text, for tests.
 */
#include "lib/reading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/buf.h"

enum eff_fault
reading_open_in(struct reading *r, struct eff_os *os, const struct eff_source_ops *ops,
                const void *config)
{
    memset(r, 0, sizeof(*r));
    eff_arena_init(&r->arena, "reading", (size_t)1 << 30);
    return ops->open(config, os, &r->arena, &r->source, &r->err);
}

enum eff_fault
reading_open(struct reading *r, const struct eff_source_ops *ops, const void *config)
{
    memset(r, 0, sizeof(*r));
    testos_init(&r->world, 1);
    eff_arena_init(&r->arena, "reading", (size_t)1 << 30);
    return ops->open(config, &r->world.os, &r->arena, &r->source, &r->err);
}

static struct eff_value
reading_copy(struct reading *r, const struct eff_value *value)
{
    struct eff_value copy = *value;

    switch ((enum eff_kind)value->kind) {
    case EFF_DECIMAL:
    case EFF_TEXT:
    case EFF_BYTES:
    case EFF_JSON:
    case EFF_BAD:
        copy.ptr = eff_str_copy(&r->arena, eff_value_str(value)).ptr;
        break;
    default:
        break;
    }
    return copy;
}

static void
reading_keep(struct reading *r, const struct eff_batch *batch)
{
    size_t old = r->rows * r->width, more = batch->rows * batch->width;
    struct eff_value *cells = realloc(r->cells, (old + more + 1) * sizeof(*cells));

    if (!cells)
        abort();
    r->cells = cells;
    for (size_t i = 0; i < more; i++)
        cells[old + i] = reading_copy(r, &batch->cells[i]);
}

static enum eff_fault
reading_all(struct reading *r, const char *sql, bool keep)
{
    struct eff_batch batch;

    memset(&r->err, 0, sizeof(r->err));
    r->rows = 0;
    EFF_TRY(r->source->ops->query(r->source, eff_str_of(sql), &r->columns, &r->err));
    r->width = r->columns.count;
    do {
        EFF_TRY(r->source->ops->next(r->source, &batch, &r->err));
        if (batch.rows > 0 && batch.width != r->width)
            abort();
        if (keep)
            reading_keep(r, &batch);
        r->rows += batch.rows;
    } while (batch.rows > 0);
    return EFF_OK;
}

enum eff_fault
reading_query(struct reading *r, const char *sql)
{
    return reading_all(r, sql, true);
}

enum eff_fault
reading_drain(struct reading *r, const char *sql)
{
    return reading_all(r, sql, false);
}

void
reading_close(struct reading *r)
{
    if (r->source)
        r->source->ops->close(r->source);
    free(r->cells);
    eff_arena_deinit(&r->arena);
    memset(r, 0, sizeof(*r));
}

static const char *
reading_take(struct reading *r, struct eff_buf *buf)
{
    const char *text = eff_str_c(&r->arena, eff_buf_str(buf));

    eff_buf_free(buf);
    return text;
}

const char *
reading_text(struct reading *r)
{
    struct eff_buf buf = {0};

    for (size_t i = 0; i < r->rows * r->width; i++) {
        const struct eff_value *value = &r->cells[i];

        if (i > 0)
            eff_buf_add(&buf, i % r->width ? EFF_STR(" ") : EFF_STR(" | "));
        eff_buf_addf(&buf, "%s:", eff_kind_name((enum eff_kind)value->kind));
        if (value->kind == EFF_BAD)
            eff_buf_add(&buf, eff_value_str(value));
        else
            eff_value_text(&buf, value);
    }
    return reading_take(r, &buf);
}

const char *
reading_columns(struct reading *r)
{
    struct eff_buf buf = {0};

    for (size_t i = 0; i < r->columns.count; i++) {
        const struct eff_column *column = &r->columns.at[i];

        eff_buf_addf(&buf, "%s" EFF_STR_FMT ":%s", i ? " " : "", EFF_STR_ARG(column->name),
                     eff_kind_name(column->kind));
    }
    return reading_take(r, &buf);
}

long
reading_peak_kib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

void
reading_expect(struct reading *r, const char *sql, const char *text)
{
    if (reading_query(r, sql) != EFF_OK)
        fail_msg("%s: %s (%s)", sql, r->err.msg, r->err.hint);
    assert_string_equal(reading_text(r), text);
}

void
reading_told(struct reading *r, const char *what, const char *part)
{
    if (!strstr(r->err.msg, part) && !strstr(r->err.hint, part) && !strstr(r->err.where, part))
        fail_msg("%s: \"%s\" (%s) lacks \"%s\"", what, r->err.msg, r->err.hint, part);
}

void
reading_refused(struct reading *r, const char *sql, enum eff_fault fault, const char *part)
{
    enum eff_fault got = reading_query(r, sql);

    if (got != fault)
        fail_msg("%s: %s, not %s: %s", sql, eff_fault_name(got), eff_fault_name(fault), r->err.msg);
    reading_told(r, sql, part);
}
