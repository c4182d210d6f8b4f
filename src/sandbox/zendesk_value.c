/* sandbox/zendesk_value: what a user or organization may hold, and how one is stored. */
#include "sandbox/zendesk.h"

#include <stdalign.h>

#define USERS         "user_fields."
#define ORGANIZATIONS "organization_fields."

#define KEY  (EFF_FIELD_KEY | EFF_FIELD_UNIQUE)
#define OWN  EFF_FIELD_CUSTOM
#define TEXT EFF_FIELD_TEXT, 255, 0

/* identities: the user's further addresses, which no list of users shows. */
static const struct eff_field_row value_users[] = {
    {"name", "Name", TEXT, EFF_FIELD_REQUIRED, NULL, NULL},
    {"email", "Email", EFF_FIELD_EMAIL, 255, 0, KEY, NULL, NULL},
    {"external_id", "External id", TEXT, KEY | EFF_FIELD_CASE, NULL, NULL},
    {"phone", "Phone", EFF_FIELD_PHONE, 255, 0, 0, NULL, NULL},
    {"role", "Role", EFF_FIELD_CHOICE, 255, 0, EFF_FIELD_RESTRICTED, "end-user|agent|admin",
     "end-user"},
    {"alias", "Alias", TEXT, 0, NULL, NULL},
    {"details", "Details", EFF_FIELD_TEXTAREA, 65535, 0, 0, NULL, NULL},
    {"notes", "Notes", EFF_FIELD_TEXTAREA, 65535, 0, 0, NULL, NULL},
    {"signature", "Signature", TEXT, 0, NULL, NULL},
    {"locale", "Locale", TEXT, 0, NULL, "en-US"},
    {"time_zone", "Time zone", TEXT, 0, NULL, "UTC"},
    {"organization_id", "Organization", EFF_FIELD_INTEGER, 18, 0, 0, NULL, NULL},
    {"verified", "Verified", EFF_FIELD_BOOL, 0, 0, 0, NULL, "false"},
    {"suspended", "Suspended", EFF_FIELD_BOOL, 0, 0, 0, NULL, "false"},
    {"tags", "Tags", EFF_FIELD_CHOICES, 65535, 0, 0, NULL, NULL},
    {"identities", "Identities", EFF_FIELD_CHOICES, 65535, 0, EFF_FIELD_HIDDEN, NULL, NULL},
    {USERS "plan", "Plan", EFF_FIELD_CHOICE, 255, 0, OWN | EFF_FIELD_RESTRICTED,
     "free|pro|enterprise", NULL},
    {USERS "seats", "Seats", EFF_FIELD_INTEGER, 18, 0, OWN, NULL, NULL},
    {USERS "lifetime_value", "Lifetime value", EFF_FIELD_NUMBER, 18, 2, OWN, NULL, NULL},
    {USERS "vip", "VIP", EFF_FIELD_BOOL, 0, 0, OWN, NULL, NULL},
    {USERS "since", "Since", EFF_FIELD_DATE, 0, 0, OWN, NULL, NULL},
    {USERS "segment", "Segment", TEXT, OWN, NULL, NULL},
};
static const struct eff_field_row value_organizations[] = {
    {"name", "Name", TEXT, KEY | EFF_FIELD_REQUIRED, NULL, NULL},
    {"external_id", "External id", TEXT, KEY, NULL, NULL},
    {"details", "Details", EFF_FIELD_TEXTAREA, 65535, 0, 0, NULL, NULL},
    {"notes", "Notes", EFF_FIELD_TEXTAREA, 65535, 0, 0, NULL, NULL},
    {"domain_names", "Domains", EFF_FIELD_CHOICES, 65535, 0, 0, NULL, NULL},
    {"group_id", "Group", EFF_FIELD_INTEGER, 18, 0, 0, NULL, NULL},
    {"shared_tickets", "Shared tickets", EFF_FIELD_BOOL, 0, 0, 0, NULL, "false"},
    {"shared_comments", "Shared comments", EFF_FIELD_BOOL, 0, 0, 0, NULL, "false"},
    {"tags", "Tags", EFF_FIELD_CHOICES, 65535, 0, 0, NULL, NULL},
    {ORGANIZATIONS "plan", "Plan", EFF_FIELD_CHOICE, 255, 0, OWN | EFF_FIELD_RESTRICTED,
     "free|pro|enterprise", NULL},
    {ORGANIZATIONS "arr", "ARR", EFF_FIELD_NUMBER, 18, 2, OWN, NULL, NULL},
};

void
eff_zd_shapes(struct eff_shapes *shapes)
{
    struct eff_shape *users =
        eff_shape_add(shapes, EFF_STR("users"), EFF_STR("user"), EFF_STR(USERS));
    struct eff_shape *organizations = eff_shape_add(
        shapes, EFF_STR("organizations"), EFF_STR("organization"), EFF_STR(ORGANIZATIONS));

    for (size_t i = 0; i < sizeof(value_users) / sizeof(value_users[0]); i++)
        eff_shape_add_field(shapes, users, &value_users[i]);
    for (size_t i = 0; i < sizeof(value_organizations) / sizeof(value_organizations[0]); i++)
        eff_shape_add_field(shapes, organizations, &value_organizations[i]);
}

const char *
eff_zd_group(const struct eff_shape *shape)
{
    return eff_str_is(shape->name, "users") ? USERS : ORGANIZATIONS;
}

bool
eff_zd_get(struct eff_call *call, const struct eff_shape *shape, eff_str id,
           struct eff_record *ret_record)
{
    int64_t seq = eff_zd_seq(id);

    *ret_record = (struct eff_record){.shape = shape};
    if (seq != 0 && eff_records_get(call->world->records, shape, seq, call->arena, ret_record))
        return true;
    *ret_record = (struct eff_record){.shape = shape};
    return false;
}

struct eff_record
eff_zd_find(struct eff_call *call, const struct eff_shape *shape, const struct eff_json *object)
{
    const char *other = eff_str_is(shape->name, "users") ? "email" : "name";
    eff_str id = eff_json_str(eff_json_get(object, EFF_STR("id")));
    struct eff_record record;

    if (id.len != 0) {
        if (!eff_zd_get(call, shape, id, &record) || record.deleted)
            record = (struct eff_record){.shape = shape};
        return record;
    }
    if (!eff_bag_find(call, shape, "external_id",
                      eff_json_str(eff_json_get(object, EFF_STR("external_id"))), &record))
        eff_bag_find(call, shape, other, eff_json_str(eff_json_get(object, eff_str_of(other))),
                     &record);
    return record;
}

/* ---- checks ---- */

static bool
value_is_number(eff_str text, bool whole)
{
    bool digits = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        digits = digits || (c >= '0' && c <= '9');
        if (!(c >= '0' && c <= '9') && !(c == '-' && i == 0) && !(c == '.' && !whole))
            return false;
    }
    return digits;
}

static bool
value_is_date(eff_str text)
{
    for (size_t i = 0; i < 10; i++) {
        char c = i < text.len ? text.ptr[i] : '\0';

        if (i == 4 || i == 7 ? c != '-' : c < '0' || c > '9')
            return false;
    }
    return text.len == 10 || text.ptr[10] == 'T';
}

static bool
value_is_email(eff_str text)
{
    size_t at = eff_str_find_char(text, '@');

    return at != SIZE_MAX && at > 0 && at + 1 < text.len &&
           eff_str_find_char(text, ' ') == SIZE_MAX &&
           eff_str_find_char(eff_str_sub(text, at + 1, SIZE_MAX), '.') != SIZE_MAX;
}

static bool
value_is_choice(const struct eff_field *field, eff_str text)
{
    for (size_t i = 0; i < field->choices_count; i++)
        if (eff_str_eq(field->choices[i], text))
            return true;
    return field->choices_count == 0;
}

static bool
value_fine(const struct eff_field *field, struct eff_cell cell)
{
    if (eff_cell_null(cell) || cell.text.len == 0)
        return true;
    switch (field->type) {
    case EFF_FIELD_INTEGER:
    case EFF_FIELD_NUMBER:
        return value_is_number(cell.text, field->type == EFF_FIELD_INTEGER);
    case EFF_FIELD_BOOL:
        return cell.kind == EFF_CELL_BOOL;
    case EFF_FIELD_DATE:
        return value_is_date(cell.text);
    case EFF_FIELD_EMAIL:
        return value_is_email(cell.text);
    case EFF_FIELD_CHOICE:
        return value_is_choice(field, cell.text);
    case EFF_FIELD_CHOICES:
        return cell.kind == EFF_CELL_JSON || cell.kind == EFF_CELL_TEXT;
    default:
        return cell.kind != EFF_CELL_JSON && (int64_t)cell.text.len <= 4 * field->length;
    }
}

static struct eff_zd_problem
value_problem(struct eff_call *call, const struct eff_field *field, const char *code,
              const char *what, eff_str value)
{
    return (struct eff_zd_problem){eff_str_c(call->arena, field->name), code,
                                   eff_str_printf(call->arena, EFF_STR_FMT ": " EFF_STR_FMT " %s",
                                                  EFF_STR_ARG(field->label),
                                                  EFF_STR_ARG(eff_str_sub(value, 0, 200)), what)};
}

/* As it is at the vendor: texts for what is text, "" of a choice or a number is nothing. */
static void
value_normal(const struct eff_field *field, struct eff_cell *cell)
{
    if (cell->kind == EFF_CELL_TEXT && cell->text.len == 0 && field->type != EFF_FIELD_TEXT &&
        field->type != EFF_FIELD_TEXTAREA)
        cell->kind = EFF_CELL_NULL;
    if (cell->kind == EFF_CELL_NUMBER &&
        (field->type == EFF_FIELD_TEXT || field->type == EFF_FIELD_TEXTAREA))
        cell->kind = EFF_CELL_TEXT;
    if (cell->kind == EFF_CELL_TEXT &&
        (field->type == EFF_FIELD_INTEGER || field->type == EFF_FIELD_NUMBER))
        cell->kind = EFF_CELL_NUMBER;
}

static struct eff_zd_problem
value_check(struct eff_call *call, const struct eff_record *record, struct eff_cell *cells)
{
    const struct eff_shape *shape = record->shape;
    struct eff_record other;

    for (size_t i = 0; i < shape->count; i++) {
        const struct eff_field *field = &shape->fields[i];
        bool given = cells[i].kind != EFF_CELL_KEEP;

        if (!given && record->seq == 0 && field->fallback.ptr != NULL)
            cells[i] = (struct eff_cell){
                field->type == EFF_FIELD_BOOL ? EFF_CELL_BOOL : EFF_CELL_TEXT, field->fallback};
        if (!value_fine(field, cells[i]))
            return value_problem(call, field, "InvalidValue", "is not valid", cells[i].text);
        value_normal(field, &cells[i]);
        if (eff_field_has(field, EFF_FIELD_REQUIRED) && (given || record->seq == 0) &&
            (eff_cell_null(cells[i]) || cells[i].text.len == 0))
            return value_problem(call, field, "BlankValue", "cannot be blank", EFF_STR(""));
        if (given && eff_field_has(field, EFF_FIELD_UNIQUE) && !eff_cell_null(cells[i]) &&
            eff_bag_find(call, shape, eff_str_c(call->arena, field->name), cells[i].text, &other) &&
            other.seq != record->seq)
            return value_problem(call, field, "DuplicateValue",
                                 "is already being used by another record", cells[i].text);
    }
    return (struct eff_zd_problem){0};
}

/* A user's new address is one more identity: the primary one stays as it is. */
static void
value_identity(struct eff_call *call, const struct eff_record *record, struct eff_cell *cells)
{
    const struct eff_shapes *shapes = &call->world->shapes;
    const struct eff_field *email = eff_shape_field(shapes, record->shape, EFF_STR("email"));
    const struct eff_field *more = eff_shape_field(shapes, record->shape, EFF_STR("identities"));
    eff_str before = email ? eff_bag_text(call->world, record, "email") : EFF_STR("");
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};

    if (before.len == 0 || more == NULL || cells[email->slot].kind == EFF_CELL_KEEP)
        return;
    if (!eff_cell_null(cells[email->slot]) && !eff_str_eq_nocase(before, cells[email->slot].text)) {
        eff_json_begin_array(&w);
        eff_json_write_str(&w, cells[email->slot].text);
        eff_json_end_array(&w);
        cells[more->slot] =
            (struct eff_cell){EFF_CELL_JSON, eff_str_copy(call->arena, eff_buf_str(&buf))};
    }
    cells[email->slot].kind = EFF_CELL_KEEP;
    eff_buf_free(&buf);
}

struct eff_zd_problem
eff_zd_store(struct eff_call *call, struct eff_record *record, const struct eff_json *object)
{
    const struct eff_shape *shape = record->shape;
    struct eff_cell *cells = eff_new(call->arena, struct eff_cell, shape->count);
    struct eff_zd_problem problem;

    eff_bag_read(call, shape, eff_zd_group(shape), object, cells);
    problem = value_check(call, record, cells);
    if (problem.code != NULL)
        return problem;
    value_identity(call, record, cells);
    eff_bag_store(call, shape, record, cells);
    return problem;
}

/* A deleted user keeps its id, and gives its address and its external id back. */
void
eff_zd_remove(struct eff_call *call, struct eff_record *record)
{
    struct eff_cell *cells = eff_new(call->arena, struct eff_cell, record->shape->count);
    static const char *const given_back[] = {"email", "external_id", "identities"};

    for (size_t i = 0; i < 3; i++) {
        const struct eff_field *field =
            eff_shape_field(&call->world->shapes, record->shape, eff_str_of(given_back[i]));

        if (field != NULL)
            cells[field->slot].kind = EFF_CELL_NULL;
    }
    eff_bag_store(call, record->shape, record, cells);
    eff_records_delete(call->world->records, record, eff_world_now(call->world));
}

void
eff_zd_write(struct eff_call *call, struct eff_json_writer *w, const struct eff_record *record)
{
    eff_str name = record->shape->name, id = eff_zd_id(call->arena, record->shape, record->seq);

    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("id"));
    eff_json_write_raw(w, id);
    eff_json_field_str(w, "url", eff_zd_url(call, eff_str_c(call->arena, name), id));
    eff_json_field_str(w, "created_at", eff_call_time(call, record->created_ms, "Z"));
    eff_json_field_str(w, "updated_at", eff_call_time(call, record->updated_ms, "Z"));
    if (eff_str_is(name, "users")) {
        eff_json_key(w, EFF_STR("active"));
        eff_json_write_bool(w, !record->deleted);
    }
    eff_bag_write(w, record, eff_zd_group(record->shape), true);
    eff_json_end_object(w);
}

/* ---- the lists of own fields ---- */

static const char *
value_type(const struct eff_field *field)
{
    switch (field->type) {
    case EFF_FIELD_CHOICE:
        return "dropdown";
    case EFF_FIELD_INTEGER:
        return "integer";
    case EFF_FIELD_NUMBER:
        return "decimal";
    case EFF_FIELD_BOOL:
        return "checkbox";
    case EFF_FIELD_DATE:
        return "date";
    case EFF_FIELD_TEXTAREA:
        return "textarea";
    default:
        return "text";
    }
}

static void
value_write_field(struct eff_json_writer *w, const struct eff_field *field, eff_str key)
{
    eff_json_begin_object(w);
    eff_json_field_int(w, "id", 7000 + (int64_t)field->slot);
    eff_json_field_str(w, "key", key);
    eff_json_field_str(w, "title", field->label);
    eff_json_field_str(w, "type", eff_str_of(value_type(field)));
    eff_json_key(w, EFF_STR("active"));
    eff_json_write_bool(w, !eff_field_has(field, EFF_FIELD_READONLY));
    eff_json_key(w, EFF_STR("system"));
    eff_json_write_bool(w, false);
    if (field->type == EFF_FIELD_CHOICE) {
        eff_json_key(w, EFF_STR("custom_field_options"));
        eff_json_begin_array(w);
        for (size_t i = 0; i < field->choices_count; i++) {
            eff_json_begin_object(w);
            eff_json_field_str(w, "name", field->choices[i]);
            eff_json_field_str(w, "value", field->choices[i]);
            eff_json_end_object(w);
        }
        eff_json_end_array(w);
    }
    eff_json_end_object(w);
}

void
eff_zd_fields(struct eff_call *call)
{
    bool users = eff_str_find(call->path, EFF_STR("/user_fields")) != SIZE_MAX;
    const struct eff_shape *shape =
        eff_shape_find(&call->world->shapes, users ? EFF_STR("users") : EFF_STR("organizations"));
    struct eff_json_writer w = eff_call_answer(call, 200);
    int64_t count = 0;

    eff_json_begin_object(&w);
    eff_json_key(&w, users ? EFF_STR("user_fields") : EFF_STR("organization_fields"));
    eff_json_begin_array(&w);
    for (size_t i = 0; i < shape->count; i++) {
        const struct eff_field *field = &shape->fields[i];

        if (field->gone || !eff_str_starts(field->name, shape->prefix))
            continue;
        value_write_field(&w, field, eff_str_sub(field->name, shape->prefix.len, SIZE_MAX));
        count++;
    }
    eff_json_end_array(&w);
    eff_json_field_int(&w, "count", count);
    eff_json_key(&w, EFF_STR("next_page"));
    eff_json_write_null(&w);
    eff_json_key(&w, EFF_STR("previous_page"));
    eff_json_write_null(&w);
    eff_json_end_object(&w);
}
