/* sandbox/intercom_contact: contacts, and the companies they are attached to. */
#include "sandbox/intercom.h"

#include <stdalign.h>

#define CONTACT_SHOWN     10 /* companies in a contact */
#define CONTACT_COMPANIES 1000

/* What a contact has besides what can be written; nobody is ever seen here. */
static const char *const contact_nulls[] = {
    "last_replied_at",       "last_contacted_at",   "last_email_opened_at",
    "last_email_clicked_at", "language_override",   "browser",
    "browser_version",       "browser_language",    "os",
    "android_app_name",      "android_app_version", "android_device",
    "android_os_version",    "android_sdk_version", "android_last_seen_at",
    "ios_app_name",          "ios_app_version",     "ios_device",
    "ios_os_version",        "ios_sdk_version",     "ios_last_seen_at"};
static const char *const contact_members[] = {
    "external_id", "role", "email", "phone", "name", "owner_id", "signed_up_at", "last_seen_at"};

static struct eff_cell
contact_cell(const struct eff_call *call, const struct eff_record *record, const char *name)
{
    const struct eff_field *field =
        eff_shape_field(&call->world->shapes, record->shape, eff_str_of(name));

    return field == NULL ? (struct eff_cell){0} : eff_cell_of(record, field);
}

bool
eff_ic_archived(const struct eff_call *call, const struct eff_record *record)
{
    return eff_str_is(contact_cell(call, record, "archived").text, "true");
}

/* ---- writing ---- */

static eff_str
contact_url(struct eff_call *call, const struct eff_record *record, const char *what)
{
    eff_str id = eff_ic_id(call->arena, record->shape, record->seq);

    return eff_str_printf(call->arena, "/contacts/" EFF_STR_FMT "/%s", EFF_STR_ARG(id), what);
}

static void
contact_end_list(struct eff_call *call, struct eff_json_writer *w, const struct eff_record *record,
                 const char *what, int64_t count)
{
    eff_json_end_array(w);
    eff_json_field_str(w, "url", contact_url(call, record, what));
    eff_json_field_int(w, "total_count", count);
    eff_json_key(w, EFF_STR("has_more"));
    eff_json_write_bool(w, count > CONTACT_SHOWN);
    eff_json_end_object(w);
}

static void
contact_begin_list(struct eff_json_writer *w, const char *name)
{
    eff_json_key(w, eff_str_of(name));
    eff_json_begin_object(w);
    eff_json_field_str(w, "type", EFF_STR("list"));
    eff_json_key(w, EFF_STR("data"));
    eff_json_begin_array(w);
}

static void
contact_write_companies(struct eff_call *call, struct eff_json_writer *w,
                        const struct eff_record *record)
{
    struct eff_link link = {
        .from = record->seq, .from_type = EFF_IC_CONTACT, .to_type = EFF_IC_COMPANY};
    int64_t count = 0;

    contact_begin_list(w, "companies");
    while (eff_records_next_link(call->world->records, &link)) {
        eff_str id = eff_ic_id(call->arena, eff_ic_companies(call), link.to);

        if (count++ >= CONTACT_SHOWN)
            continue;
        eff_json_begin_object(w);
        eff_json_field_str(w, "id", id);
        eff_json_field_str(w, "type", EFF_STR("company"));
        eff_json_field_str(w, "url",
                           eff_str_printf(call->arena, "/companies/" EFF_STR_FMT, EFF_STR_ARG(id)));
        eff_json_end_object(w);
    }
    contact_end_list(call, w, record, "companies", count);
}

static void
contact_write_flag(struct eff_json_writer *w, const char *name, bool value)
{
    eff_json_key(w, eff_str_of(name));
    eff_json_write_bool(w, value);
}

static void
contact_write_lists(struct eff_call *call, struct eff_json_writer *w,
                    const struct eff_record *record)
{
    contact_write_companies(call, w, record);
    contact_begin_list(w, "tags");
    contact_end_list(call, w, record, "tags", 0);
    contact_begin_list(w, "notes");
    contact_end_list(call, w, record, "notes", 0);
    contact_begin_list(w, "social_profiles");
    eff_json_end_array(w);
    eff_json_end_object(w);
    eff_json_key(w, EFF_STR("location"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "type", EFF_STR("location"));
    eff_json_end_object(w);
}

void
eff_ic_write_contact(struct eff_call *call, struct eff_json_writer *w,
                     const struct eff_record *record)
{
    eff_str avatar = contact_cell(call, record, "avatar").text;

    eff_json_begin_object(w);
    eff_json_field_str(w, "type", EFF_STR("contact"));
    eff_json_field_str(w, "id", eff_ic_id(call->arena, record->shape, record->seq));
    eff_json_field_str(w, "workspace_id", EFF_STR("sandbox"));
    for (size_t i = 0; i < sizeof(contact_members) / sizeof(contact_members[0]); i++) {
        struct eff_cell cell = contact_cell(call, record, contact_members[i]);

        if (eff_str_is(eff_str_of(contact_members[i]), "email") && eff_cell_null(cell))
            continue; // the description knows no null there
        eff_json_key(w, eff_str_of(contact_members[i]));
        eff_cell_write(w, cell);
    }
    eff_json_key(w, EFF_STR("avatar"));
    if (avatar.len == 0) {
        eff_json_write_null(w);
    } else {
        eff_json_begin_object(w);
        eff_json_field_str(w, "type", EFF_STR("avatar"));
        eff_json_field_str(w, "image_url", avatar);
        eff_json_end_object(w);
    }
    contact_write_flag(w, "has_hard_bounced", false);
    contact_write_flag(w, "marked_email_as_spam", false);
    contact_write_flag(
        w, "unsubscribed_from_emails",
        eff_str_is(contact_cell(call, record, "unsubscribed_from_emails").text, "true"));
    eff_json_field_int(w, "created_at", record->created_ms / 1000);
    eff_json_field_int(w, "updated_at", record->updated_ms / 1000);
    for (size_t i = 0; i < sizeof(contact_nulls) / sizeof(contact_nulls[0]); i++) {
        eff_json_key(w, eff_str_of(contact_nulls[i]));
        eff_json_write_null(w);
    }
    eff_bag_write_group(w, record, EFF_IC_CUSTOM, false);
    contact_write_lists(call, w, record);
    eff_json_end_object(w);
}

static void
contact_answer(struct eff_call *call, const struct eff_record *record)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_ic_write_contact(call, &w, record);
}

/* {"type": "contact", "id": ..., "external_id": ..., "archived": true} */
static void
contact_answer_flag(struct eff_call *call, const struct eff_record *record, const char *flag,
                    bool value)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("contact"));
    eff_json_field_str(&w, "id", eff_ic_id(call->arena, record->shape, record->seq));
    eff_json_key(&w, EFF_STR("external_id"));
    eff_cell_write(&w, contact_cell(call, record, "external_id"));
    contact_write_flag(&w, flag, value);
    eff_json_end_object(&w);
}

/* ---- reading ---- */

static bool
contact_get(struct eff_call *call, eff_str id, struct eff_record *ret_record)
{
    const struct eff_shape *shape = eff_ic_contacts(call);
    int64_t seq = eff_ic_seq(shape, id);

    if (seq > 0 && eff_records_get(call->world->records, shape, seq, call->arena, ret_record) &&
        !ret_record->deleted)
        return true;
    eff_ic_error(call, 404, "not_found", EFF_STR("User Not Found"));
    return false;
}

void
eff_ic_contact_show(struct eff_call *call)
{
    struct eff_record record;

    if (contact_get(call, call->args[0], &record))
        contact_answer(call, &record);
}

void
eff_ic_contact_find(struct eff_call *call)
{
    struct eff_record record;

    if (eff_bag_find(call, eff_ic_contacts(call), "external_id", call->args[0], &record) &&
        !eff_ic_archived(call, &record))
        contact_answer(call, &record);
    else
        eff_ic_error(call, 404, "not_found", EFF_STR("User Not Found"));
}

/* ---- writing ---- */

static eff_str
contact_text(const struct eff_call *call, const struct eff_record *record,
             const struct eff_cell *cells, const char *name)
{
    const struct eff_field *field =
        eff_shape_field(&call->world->shapes, eff_ic_contacts(call), eff_str_of(name));

    if (cells[field->slot].kind != EFF_CELL_KEEP)
        return cells[field->slot].kind == EFF_CELL_NULL ? EFF_STR("") : cells[field->slot].text;
    return record->seq == 0 ? EFF_STR("") : eff_bag_text(call->world, record, name);
}

static void
contact_conflict(struct eff_call *call, const struct eff_record *other)
{
    eff_str id = eff_ic_id(call->arena, other->shape, other->seq);

    eff_ic_error(call, 409, "conflict",
                 eff_str_printf(call->arena,
                                "%s contact matching those details already exists with "
                                "id=" EFF_STR_FMT,
                                eff_ic_archived(call, other) ? "An archived" : "A",
                                EFF_STR_ARG(id)));
}

/* Another contact with that external id, or with that e-mail and role; archived ones count. */
static bool
contact_taken(struct eff_call *call, const struct eff_record *record, const struct eff_cell *cells)
{
    const struct eff_shape *shape = eff_ic_contacts(call);
    const struct eff_field *email = eff_shape_field(&call->world->shapes, shape, EFF_STR("email"));
    eff_str address = contact_text(call, record, cells, "email"),
            role = contact_text(call, record, cells, "role");
    struct eff_record other;
    int64_t seqs[16];
    size_t count;

    if (eff_bag_find(call, shape, "external_id", contact_text(call, record, cells, "external_id"),
                     &other) &&
        other.seq != record->seq) {
        contact_conflict(call, &other);
        return true;
    }
    count = address.len == 0 ? 0
                             : eff_records_find(call->world->records, shape, email, address, seqs,
                                                sizeof(seqs) / sizeof(seqs[0]));
    for (size_t i = 0; i < count; i++) {
        if (seqs[i] == record->seq ||
            !eff_records_get(call->world->records, shape, seqs[i], call->arena, &other) ||
            !eff_str_eq(eff_bag_text(call->world, &other, "role"), role))
            continue;
        contact_conflict(call, &other);
        return true;
    }
    return false;
}

static bool
contact_email_good(eff_str email)
{
    eff_str user, host;

    return email.len == 0 ||
           (eff_str_cut(email, '@', &user, &host) && user.len > 0 &&
            eff_str_find_char(host, '@') == SIZE_MAX && eff_str_find_char(host, '.') != SIZE_MAX &&
            eff_str_find_char(email, ' ') == SIZE_MAX);
}

/* False when it has answered. */
static bool
contact_check(struct eff_call *call, const struct eff_record *record, const struct eff_cell *cells)
{
    eff_str before = record->seq == 0 ? EFF_STR("") : eff_bag_text(call->world, record, "role");
    eff_str role = contact_text(call, record, cells, "role");

    if (!eff_str_is(role, "user") && !eff_str_is(role, "lead")) {
        eff_ic_error(call, 400, "parameter_invalid", EFF_STR("role is invalid"));
        return false;
    }
    if (eff_str_is(before, "user") && eff_str_is(role, "lead")) {
        eff_ic_error(call, 400, "client_error", EFF_STR("A user cannot become a lead"));
        return false;
    }
    if (!contact_email_good(contact_text(call, record, cells, "email"))) {
        eff_ic_error(call, 400, "parameter_invalid", EFF_STR("email is invalid"));
        return false;
    }
    return !contact_taken(call, record, cells);
}

static void
contact_store(struct eff_call *call, const struct eff_json *body, struct eff_record *record)
{
    const struct eff_shape *shape = eff_ic_contacts(call);
    const struct eff_field *role = eff_shape_field(&call->world->shapes, shape, EFF_STR("role"));
    struct eff_cell *cells = eff_new(call->arena, struct eff_cell, shape->count);

    call->rows = 1;
    if (eff_call_row_fails(call, 0, 1)) {
        eff_ic_error(call, 400, "parameter_invalid", EFF_STR("refused on request"));
        return;
    }
    if (!eff_ic_take(call, shape, body, cells))
        return;
    if (record->seq == 0 && eff_cell_null(cells[role->slot]))
        cells[role->slot] = (struct eff_cell){EFF_CELL_TEXT, EFF_STR("user")};
    if (!contact_check(call, record, cells))
        return;
    eff_bag_store(call, shape, record, cells);
    contact_answer(call, record);
}

void
eff_ic_contact_create(struct eff_call *call)
{
    const struct eff_json *body = eff_ic_body(call);
    struct eff_record record = {.shape = eff_ic_contacts(call)};

    if (body == NULL)
        return;
    if (eff_json_str(eff_json_get(body, EFF_STR("email"))).len == 0 &&
        eff_json_str(eff_json_get(body, EFF_STR("external_id"))).len == 0 &&
        eff_json_str(eff_json_get(body, EFF_STR("role"))).len == 0)
        eff_ic_error(call, 400, "parameter_not_found",
                     EFF_STR("email, external_id or role is needed"));
    else
        contact_store(call, body, &record);
}

void
eff_ic_contact_update(struct eff_call *call)
{
    const struct eff_json *body = eff_ic_body(call);
    struct eff_record record;

    if (body != NULL && contact_get(call, call->args[0], &record))
        contact_store(call, body, &record);
}

void
eff_ic_contact_delete(struct eff_call *call)
{
    struct eff_link link = {.from_type = EFF_IC_CONTACT, .to_type = EFF_IC_COMPANY};
    struct eff_record record;

    call->rows = 1;
    if (!contact_get(call, call->args[0], &record))
        return;
    link.from = record.seq;
    while (eff_records_next_link(call->world->records, &link))
        eff_ic_unlink(call, record.seq, link.to);
    eff_records_delete(call->world->records, &record, eff_world_now(call->world));
    contact_answer_flag(call, &record, "deleted", true);
}

static void
contact_archive(struct eff_call *call, bool archived)
{
    const struct eff_shape *shape = eff_ic_contacts(call);
    struct eff_cell *cells = eff_new(call->arena, struct eff_cell, shape->count);
    struct eff_record record;

    call->rows = 1;
    if (!contact_get(call, call->args[0], &record))
        return;
    cells[eff_shape_field(&call->world->shapes, shape, EFF_STR("archived"))->slot] =
        (struct eff_cell){EFF_CELL_BOOL, archived ? EFF_STR("true") : EFF_STR("false")};
    eff_bag_store(call, shape, &record, cells);
    contact_answer_flag(call, &record, "archived", archived);
}

void
eff_ic_contact_archive(struct eff_call *call)
{
    contact_archive(call, true);
}

void
eff_ic_contact_unarchive(struct eff_call *call)
{
    contact_archive(call, false);
}

/* ---- companies of a contact ---- */

static struct eff_link
contact_link(int64_t contact, int64_t company)
{
    return (struct eff_link){.from = contact,
                             .to = company,
                             .kind = 1,
                             .from_type = EFF_IC_CONTACT,
                             .to_type = EFF_IC_COMPANY};
}

static struct eff_link
contact_link_back(int64_t contact, int64_t company)
{
    return (struct eff_link){.from = company,
                             .to = contact,
                             .kind = 1,
                             .from_type = EFF_IC_COMPANY,
                             .to_type = EFF_IC_CONTACT};
}

bool
eff_ic_unlink(struct eff_call *call, int64_t contact, int64_t company)
{
    eff_records_unlink(call->world->records, contact_link_back(contact, company));
    return eff_records_unlink(call->world->records, contact_link(contact, company)) > 0;
}

static int64_t
contact_companies(struct eff_call *call, const struct eff_record *contact)
{
    struct eff_link link = contact_link(contact->seq, 0);
    int64_t count = 0;

    while (eff_records_next_link(call->world->records, &link))
        count++;
    return count;
}

static void
contact_answer_company(struct eff_call *call, const struct eff_record *company)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_ic_write_company(call, &w, company);
}

void
eff_ic_attach(struct eff_call *call)
{
    const struct eff_json *body = eff_ic_body(call);
    eff_str id = eff_json_str(eff_json_get(body, EFF_STR("id")));
    struct eff_record contact, company;

    call->rows = 1;
    if (body == NULL || !contact_get(call, call->args[0], &contact))
        return;
    if (id.len == 0) {
        eff_ic_error(call, 400, "parameter_not_found", EFF_STR("company not specified"));
        return;
    }
    if (!eff_ic_company(call, id, &company))
        return;
    if (contact_companies(call, &contact) >= CONTACT_COMPANIES) {
        eff_ic_error(call, 400, "contact_company_limit_exceeded",
                     EFF_STR("Contact has reached the maximum of 1000 company associations"));
        return;
    }
    eff_records_link(call->world->records, contact_link(contact.seq, company.seq));
    eff_records_link(call->world->records, contact_link_back(contact.seq, company.seq));
    contact_answer_company(call, &company);
}

void
eff_ic_detach(struct eff_call *call)
{
    struct eff_record contact, company;

    call->rows = 1;
    if (!contact_get(call, call->args[0], &contact) ||
        !eff_ic_company(call, call->args[1], &company))
        return;
    if (eff_ic_unlink(call, contact.seq, company.seq))
        contact_answer_company(call, &company);
    else
        eff_ic_error(call, 404, "company_not_found", EFF_STR("Company Not Found"));
}

/* Named as the description of the answer has it; its example there says `data`. */
void
eff_ic_attached(struct eff_call *call)
{
    int64_t page = eff_call_param_int(call, "page", 1), count = 0;
    int64_t per_page = eff_call_param_int(call, "per_page", 50);
    struct eff_record contact, company;
    struct eff_json_writer w;
    struct eff_link link;

    if (!contact_get(call, call->args[0], &contact))
        return;
    if (page < 1 || page > INT32_MAX || per_page < 1 || per_page > EFF_IC_PAGE_MAX) {
        eff_ic_error(call, 400, "parameter_invalid", EFF_STR("page or per_page is invalid"));
        return;
    }
    link = contact_link(contact.seq, 0);
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "type", EFF_STR("list"));
    eff_json_key(&w, EFF_STR("companies"));
    eff_json_begin_array(&w);
    for (; eff_records_next_link(call->world->records, &link); count++)
        if (count >= (page - 1) * per_page && count < page * per_page &&
            eff_records_get(call->world->records, eff_ic_companies(call), link.to, call->arena,
                            &company))
            eff_ic_write_company(call, &w, &company);
    eff_json_end_array(&w);
    eff_ic_write_pages(&w, page, per_page, count);
    eff_json_field_int(&w, "total_count", count);
    eff_json_end_object(&w);
}
