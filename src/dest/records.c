/* dest/records: what a change record looks like, as JSON and as CSV. */
#include "dest/records.h"

#include "base/json.h"

#define RECORDS_NAME_MAX 200 /* of object and run together; 255 is what file systems take */

const char *
eff_records_suffix(const struct eff_records *records)
{
    return records->format == EFF_RECORDS_CSV ? "csv" : "jsonl";
}

/* The object becomes part of a file's name, and must not lead out of the folder. */
static enum eff_fault
records_check_name(eff_str object, eff_str run, struct eff_err *err)
{
    bool good = object.len > 0 && object.ptr[0] != '.' && eff_utf8_valid(object) &&
                object.len + run.len <= RECORDS_NAME_MAX;

    for (size_t i = 0; i < object.len && good; i++) {
        unsigned char c = (unsigned char)object.ptr[i];

        good = c >= 0x20 && c != 0x7f && c != '/' && c != '\\';
    }
    if (good)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, "\"" EFF_STR_FMT "\" cannot be the name of a file",
             EFF_STR_ARG(object));
    return eff_err_hint(err, "Use letters, digits, - and _, at most %d bytes.",
                        RECORDS_NAME_MAX - (int)run.len);
}

enum eff_fault
eff_records_bind(const struct eff_records *records, const char *what,
                 const struct eff_dest_sync *sync, const struct eff_op_limits *common,
                 struct eff_op_limits limits[EFF_OPS_COUNT], struct eff_err *err)
{
    static const enum eff_op ops[] = {EFF_OP_UPSERT, EFF_OP_CLEAR, EFF_OP_DELETE, EFF_OP_APPEND};
    static const bool can[] = {
        [EFF_REMOVED_KEEP] = true, [EFF_REMOVED_CLEAR] = true, [EFF_REMOVED_DELETE] = true};
    bool csv = records->format == EFF_RECORDS_CSV;

    if (sync->mode != EFF_MODE_UPSERT && sync->mode != EFF_MODE_MIRROR &&
        sync->mode != EFF_MODE_APPEND) {
        EFF_FAIL(err, EFF_CONFIG, "%s takes change records, and cannot do this mode", what);
        return eff_err_hint(err, "Use upsert, mirror or append.");
    }
    if (sync->on_removed == EFF_REMOVED_ARCHIVE) {
        EFF_FAIL(err, EFF_CONFIG, "%s cannot archive records", what);
        return eff_dest_removed_hint(sync->mode, can, err);
    }
    EFF_TRY(records_check_name(sync->object, sync->run, err));
    memset(limits, 0, sizeof(*limits) * EFF_OPS_COUNT);
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        limits[ops[i]] = *common;
        limits[ops[i]].supported = true;
        limits[ops[i]].class = EFF_CLASS_CONVERGE;
        limits[ops[i]].whole_rows = csv; // no sign for "absent"
        limits[ops[i]].rematch = !csv;
    }
    return EFF_OK;
}

/* Escapes can make six bytes of one in JSON; most texts have none. */
size_t
eff_record_bytes(const struct eff_delivery *delivery, const struct eff_item *item)
{
    size_t bytes = 64;

    for (size_t i = 0; i < delivery->match_count; i++)
        bytes += delivery->match_names[i].len + 48 +
                 (item->match[i].kind >= EFF_DECIMAL ? (size_t)item->match[i].len * 2 : 0);
    for (size_t i = 0; item->fields != NULL && i < delivery->fields_count; i++)
        bytes += delivery->field_names[i].len + 48 +
                 (item->fields[i].kind >= EFF_DECIMAL ? (size_t)item->fields[i].len * 2 : 0);
    return bytes;
}

static bool
records_has_fields(enum eff_op op)
{
    return op == EFF_OP_UPSERT || op == EFF_OP_APPEND;
}

static void
records_json_values(struct eff_json_writer *w, const char *name, size_t count, const eff_str *names,
                    const struct eff_value *values)
{
    eff_json_key(w, eff_str_of(name));
    eff_json_begin_object(w);
    for (size_t i = 0; i < count; i++) {
        if (values[i].kind == EFF_ABSENT)
            continue;
        eff_json_key(w, names[i]);
        eff_value_json(w, &values[i]);
    }
    eff_json_end_object(w);
}

static void
records_json_nulls(struct eff_json_writer *w, const struct eff_delivery *delivery)
{
    eff_json_key(w, EFF_STR("fields"));
    eff_json_begin_object(w);
    for (size_t i = 0; i < delivery->fields_count; i++) {
        eff_json_key(w, delivery->field_names[i]);
        eff_json_write_null(w);
    }
    eff_json_end_object(w);
}

static void
records_json_record(struct eff_buf *buf, const struct eff_delivery *delivery,
                    const struct eff_item *item)
{
    struct eff_json_writer w = {.buf = buf};

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "op", eff_str_of(eff_op_name(delivery->op)));
    records_json_values(&w, "key", delivery->match_count, delivery->match_names, item->match);
    if (item->old_match != NULL)
        records_json_values(&w, "old_key", delivery->match_count, delivery->match_names,
                            item->old_match);
    if (records_has_fields(delivery->op) && item->fields != NULL)
        records_json_values(&w, "fields", delivery->fields_count, delivery->field_names,
                            item->fields);
    else if (delivery->op == EFF_OP_CLEAR)
        records_json_nulls(&w, delivery);
    eff_json_end_object(&w);
    eff_buf_add_char(buf, '\n');
}

/* RFC 4180; an empty text is "", NULL is nothing, as PostgreSQL's COPY writes them. */
static void
records_csv_text(struct eff_buf *buf, eff_str text, bool formula)
{
    bool quote = text.len == 0 || formula || text.ptr[0] == ' ' || text.ptr[text.len - 1] == ' ';

    for (size_t i = 0; i < text.len && !quote; i++)
        quote = memchr(",\"\r\n\t", text.ptr[i], 5) != NULL;
    if (!quote) {
        eff_buf_add(buf, text);
        return;
    }
    eff_buf_add(buf, formula ? EFF_STR("\"'") : EFF_STR("\""));
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"')
            eff_buf_add_char(buf, '"');
        eff_buf_add_char(buf, text.ptr[i]);
    }
    eff_buf_add_char(buf, '"');
}

static void
records_csv_value(struct eff_buf *buf, struct eff_buf *scratch, const struct eff_records *records,
                  const struct eff_value *value)
{
    bool formula = false;
    eff_str text;

    if (value->kind == EFF_NULL || value->kind == EFF_ABSENT)
        return;
    eff_buf_reset(scratch);
    eff_value_text(scratch, value);
    text = eff_buf_str(scratch);
    if (records->protect_formulas && value->kind == EFF_TEXT && text.len > 0)
        formula = memchr("=+-@\t\r", text.ptr[0], 6) != NULL;
    records_csv_text(buf, text, formula);
    buf->full = buf->full || scratch->full;
}

/* A field that is called like a column before it is told apart. */
static void
records_csv_header(struct eff_buf *buf, const struct eff_delivery *delivery)
{
    eff_buf_add(buf, EFF_STR("op"));
    for (size_t i = 0; i < delivery->match_count; i++) {
        eff_buf_add_char(buf, ',');
        records_csv_text(buf, delivery->match_names[i], false);
    }
    for (size_t i = 0; i < delivery->fields_count; i++) {
        eff_str name = delivery->field_names[i];
        bool taken = eff_str_is(name, "op");

        for (size_t m = 0; m < delivery->match_count; m++)
            taken = taken || eff_str_eq(name, delivery->match_names[m]);
        if (taken)
            name = eff_str_printf(delivery->arena, "fields." EFF_STR_FMT, EFF_STR_ARG(name));
        eff_buf_add_char(buf, ',');
        records_csv_text(buf, name, false);
    }
    eff_buf_add(buf, EFF_STR("\r\n"));
}

static void
records_csv_record(struct eff_buf *buf, struct eff_buf *scratch, const struct eff_records *records,
                   const struct eff_delivery *delivery, const struct eff_item *item)
{
    bool has_fields = records_has_fields(delivery->op) && item->fields != NULL;

    eff_buf_add(buf, eff_str_of(eff_op_name(delivery->op)));
    for (size_t i = 0; i < delivery->match_count; i++) {
        eff_buf_add_char(buf, ',');
        records_csv_value(buf, scratch, records, &item->match[i]);
    }
    for (size_t i = 0; i < delivery->fields_count; i++) {
        eff_buf_add_char(buf, ',');
        if (has_fields)
            records_csv_value(buf, scratch, records, &item->fields[i]);
    }
    eff_buf_add(buf, EFF_STR("\r\n"));
}

bool
eff_records_write(const struct eff_records *records, const struct eff_delivery *delivery,
                  bool header, struct eff_buf *buf)
{
    bool csv = records->format == EFF_RECORDS_CSV;
    struct eff_buf scratch = {0};

    if (csv && header)
        records_csv_header(buf, delivery);
    for (size_t i = 0; i < delivery->count; i++) {
        if (csv)
            records_csv_record(buf, &scratch, records, delivery, &delivery->items[i]);
        else
            records_json_record(buf, delivery, &delivery->items[i]);
    }
    eff_buf_free(&scratch);
    return !buf->full;
}
