/* sandbox/klaviyo_profile: what a profile may hold, whom it names, and how it is stored. */
#include "sandbox/klaviyo.h"

#include <stdalign.h>

#define OWN "properties."

static const struct eff_field_row profile_rows[] = {
    {"external_id", "External ID", EFF_FIELD_TEXT, 64, 0, EFF_FIELD_KEY | EFF_FIELD_CASE, NULL,
     NULL},
    {"email", "Email", EFF_FIELD_EMAIL, 100, 0, EFF_FIELD_KEY, NULL, NULL},
    {"phone_number", "Phone number", EFF_FIELD_PHONE, 20, 0, EFF_FIELD_KEY, NULL, NULL},
    {"anonymous_id", "Anonymous ID", EFF_FIELD_TEXT, 64, 0, 0, NULL, NULL},
    {"first_name", "First name", EFF_FIELD_TEXT, 100, 0, 0, NULL, NULL},
    {"last_name", "Last name", EFF_FIELD_TEXT, 100, 0, 0, NULL, NULL},
    {"organization", "Organization", EFF_FIELD_TEXT, 100, 0, 0, NULL, NULL},
    {"locale", "Locale", EFF_FIELD_TEXT, 20, 0, 0, NULL, NULL},
    {"title", "Title", EFF_FIELD_TEXT, 100, 0, 0, NULL, NULL},
    {"image", "Image", EFF_FIELD_URL, 255, 0, 0, NULL, NULL},
    {"location", "Location", EFF_FIELD_TEXTAREA, 0, 0, 0, NULL, NULL}, /* an object, kept whole */
};

void
eff_kl_shapes(struct eff_shapes *shapes)
{
    struct eff_shape *shape =
        eff_shape_add(shapes, EFF_STR("profiles"), EFF_STR("Profile"), EFF_STR(OWN));

    for (size_t i = 0; i < sizeof(profile_rows) / sizeof(profile_rows[0]); i++)
        eff_shape_add_field(shapes, shape, &profile_rows[i]);
    eff_kl_list_shape(shapes);
}

const struct eff_shape *
eff_kl_profiles(const struct eff_call *call)
{
    return eff_shape_find(&call->world->shapes, EFF_STR("profiles"));
}

/* 26 characters, as a ULID has; a list's are fewer. */
eff_str
eff_kl_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq)
{
    if (shape != NULL && eff_str_is(shape->name, "lists"))
        return eff_kl_list_id(arena, seq);
    return eff_str_printf(arena, "01J%023lld", (long long)seq);
}

int64_t
eff_kl_seq(eff_str id)
{
    int64_t seq = 0;
    size_t i = 3;

    if (id.len != 26 || !eff_str_starts(id, EFF_STR("01J")))
        return 0;
    while (i < 25 && id.ptr[i] == '0')
        i++;
    return eff_str_int(eff_str_sub(id, i, SIZE_MAX), &seq) ? seq : 0;
}

static struct eff_kl_error
profile_invalid(eff_str pointer, eff_str detail)
{
    return (struct eff_kl_error){400, "invalid", "Invalid input.", detail, pointer, 0};
}

static eff_str
profile_at(struct eff_call *call, eff_str pointer, eff_str name)
{
    return eff_str_printf(call->arena, EFF_STR_FMT "/" EFF_STR_FMT, EFF_STR_ARG(pointer),
                          EFF_STR_ARG(eff_str_sub(name, 0, 200)));
}

struct eff_kl_error
eff_kl_check_names(struct eff_call *call, const struct eff_json *attributes, eff_str pointer)
{
    struct eff_json_iter iter = eff_json_iterate(attributes);
    const struct eff_json *value;
    eff_str key;

    if (eff_json_type(attributes) != EFF_JSON_OBJECT)
        return profile_invalid(
            pointer, EFF_STR("'attributes' is a required field for the resource 'profile'."));
    while (eff_json_next(&iter, &key, &value)) {
        bool object = eff_str_is(key, "properties") || eff_str_is(key, "location");
        enum eff_json_type type = eff_json_type(value);

        if (eff_str_is(key, "properties") ||
            eff_shape_field(&call->world->shapes, eff_kl_profiles(call), key) != NULL) {
            if (type == EFF_JSON_NULL || type == (object ? EFF_JSON_OBJECT : EFF_JSON_STRING))
                continue;
            return profile_invalid(profile_at(call, pointer, key),
                                   eff_str_printf(call->arena, "'" EFF_STR_FMT "' must be a %s.",
                                                  EFF_STR_ARG(key), object ? "object" : "string"));
        }
        return profile_invalid(profile_at(call, pointer, key),
                               eff_str_printf(call->arena,
                                              "'" EFF_STR_FMT
                                              "' is not a valid field for the resource 'profile'.",
                                              EFF_STR_ARG(eff_str_sub(key, 0, 200))));
    }
    return (struct eff_kl_error){0};
}

static bool
profile_is_email(eff_str text)
{
    size_t at = eff_str_find_char(text, '@');

    return at != SIZE_MAX && at > 0 && eff_str_find_char(text, ' ') == SIZE_MAX &&
           eff_str_find_char(eff_str_sub(text, at + 1, SIZE_MAX), '.') != SIZE_MAX;
}

/* E.164 */
static bool
profile_is_phone(eff_str text)
{
    if (text.len < 8 || text.len > 16 || text.ptr[0] != '+' || text.ptr[1] == '0')
        return false;
    for (size_t i = 1; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return true;
}

static struct eff_kl_error
profile_check_values(struct eff_call *call, const struct eff_json *attributes, eff_str pointer)
{
    eff_str email = eff_json_str(eff_json_get(attributes, EFF_STR("email")));
    eff_str phone = eff_json_str(eff_json_get(attributes, EFF_STR("phone_number")));

    if (email.ptr != NULL && !profile_is_email(email))
        return profile_invalid(profile_at(call, pointer, EFF_STR("email")),
                               EFF_STR("Invalid email address"));
    if (phone.ptr != NULL && !profile_is_phone(phone))
        return profile_invalid(
            profile_at(call, pointer, EFF_STR("phone_number")),
            EFF_STR("Invalid phone number format (Example of a valid format: +12345678901)"));
    return (struct eff_kl_error){0};
}

/* Whoever has one of the identifiers; a second person among them is a conflict. */
static struct eff_kl_error
profile_identify(struct eff_call *call, const struct eff_json *attributes, eff_str pointer,
                 struct eff_record *record, bool *ret_named)
{
    static const char *const keys[] = {"external_id", "email", "phone_number"};
    struct eff_record found;

    *ret_named = false;
    for (size_t i = 0; i < 3; i++) {
        eff_str value = eff_json_str(eff_json_get(attributes, eff_str_of(keys[i])));

        *ret_named = *ret_named || value.len != 0;
        if (!eff_bag_find(call, eff_kl_profiles(call), keys[i], value, &found) ||
            found.seq == record->seq)
            continue;
        if (record->seq != 0)
            return (struct eff_kl_error){
                409,         "duplicate_profile",
                "Conflict.", EFF_STR("A profile already exists with one of these identifiers."),
                pointer,     found.seq};
        *record = found;
    }
    return (struct eff_kl_error){0};
}

struct eff_kl_error
eff_kl_store(struct eff_call *call, const struct eff_json *attributes, eff_str pointer, bool create,
             struct eff_record *record, bool *ret_made)
{
    struct eff_shape *shape = eff_shape_find(&call->world->shapes, EFF_STR("profiles"));
    struct eff_kl_error error = profile_check_values(call, attributes, pointer);
    bool known = record->seq != 0, named = false;
    struct eff_cell *cells;

    record->shape = shape;
    if (error.code == NULL)
        error = profile_identify(call, attributes, pointer, record, &named);
    if (error.code == NULL && create && record->seq != 0)
        error = (struct eff_kl_error){
            409,         "duplicate_profile",
            "Conflict.", EFF_STR("A profile already exists with one of these identifiers."),
            pointer,     record->seq};
    if (error.code == NULL && !known && !named)
        error = profile_invalid(
            pointer, EFF_STR("One of 'email', 'phone_number', 'external_id' is required"));
    *ret_made = record->seq == 0;
    if (error.code != NULL)
        return error;
    eff_bag_make(call, shape, OWN, eff_json_get(attributes, EFF_STR("properties")));
    cells = eff_new(call->arena, struct eff_cell, shape->count);
    eff_bag_read(call, shape, OWN, attributes, cells);
    eff_bag_store(call, shape, record, cells);
    return error;
}

void
eff_kl_write_profile(struct eff_call *call, struct eff_json_writer *w,
                     const struct eff_record *record)
{
    eff_str id = eff_kl_id(call->arena, record->shape, record->seq);

    eff_json_begin_object(w);
    eff_json_field_str(w, "type", EFF_STR("profile"));
    eff_json_field_str(w, "id", id);
    eff_json_key(w, EFF_STR("attributes"));
    eff_json_begin_object(w);
    for (size_t i = 0; i < record->shape->count; i++) {
        const struct eff_field *field = &record->shape->fields[i];
        struct eff_cell cell = eff_cell_of(record, field);
        bool own = eff_str_starts(field->name, EFF_STR(OWN));

        if (own || eff_str_is(field->name, "anonymous_id"))
            continue;
        if (eff_str_is(field->name, "location") && eff_cell_null(cell))
            cell = (struct eff_cell){EFF_CELL_JSON, EFF_STR("{}")};
        eff_json_key(w, field->name);
        eff_cell_write(w, cell);
    }
    eff_json_field_str(w, "created", eff_call_time(call, record->created_ms, "+00:00"));
    eff_json_field_str(w, "updated", eff_call_time(call, record->updated_ms, "+00:00"));
    eff_json_key(w, EFF_STR("last_event_date"));
    eff_json_write_null(w);
    eff_bag_write_group(w, record, OWN, false);
    eff_json_end_object(w);
    eff_json_key(w, EFF_STR("links"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "self",
                       eff_str_printf(call->arena,
                                      "http://127.0.0.1:%u/api/profiles/" EFF_STR_FMT "/",
                                      call->world->port, EFF_STR_ARG(id)));
    eff_json_end_object(w);
    eff_json_end_object(w);
}
