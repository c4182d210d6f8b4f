/*
 * sandbox/google: the stand-in for Google's Data Manager API: members of customer lists.
 *
 * A request is taken whole or refused whole, with the violations' places; what is taken is
 * worked on, and then told in numbers. Members are rows of identifiers, as they were sent; a
 * removal takes out whoever has all of its identifiers. The token's address is served, too:
 * a JWT of test-user, signed with the key of /_sandbox/key.
 */
#include <string.h>

#include "sandbox/google_login.h"

#define GOOGLE_ROWS_MAX        10000
#define GOOGLE_IDENTIFIERS_MAX 10
#define GOOGLE_FIND_MAX        4096
#define GOOGLE_ACCOUNT         "1"

#define GOOGLE_HEX 1 /* of enum Encoding */

enum { MEMBER_AUDIENCE, MEMBER_EMAIL, MEMBER_PHONE, MEMBER_ADDRESS, MEMBER_FIELDS };
enum { REQUEST_ROWS, REQUEST_FAILED, REQUEST_POLLS, REQUEST_FIELDS };

static const struct eff_field_row google_member[MEMBER_FIELDS] = {
    {"audience", "Audience", EFF_FIELD_TEXT, 40, 0, 0, NULL, NULL},
    {"emailAddress", "E-mail", EFF_FIELD_TEXT, 200, 0, EFF_FIELD_KEY, NULL, NULL},
    {"phoneNumber", "Phone", EFF_FIELD_TEXT, 200, 0, EFF_FIELD_KEY, NULL, NULL},
    {"address", "Address", EFF_FIELD_TEXT, 400, 0, EFF_FIELD_KEY, NULL, NULL},
};
static const struct eff_field_row google_request[REQUEST_FIELDS] = {
    {"rows", "Rows", EFF_FIELD_TEXT, 20, 0, 0, NULL, NULL},
    {"failed", "Failed", EFF_FIELD_TEXT, 20, 0, 0, NULL, NULL},
    {"polls", "Polls", EFF_FIELD_TEXT, 20, 0, 0, NULL, NULL},
};

/* ---- answers ---- */

static void
google_error(struct eff_call *call, int status, const char *reason, eff_str field, eff_str message)
{
    const char *word = status == 401   ? "UNAUTHENTICATED"
                       : status == 403 ? "PERMISSION_DENIED"
                       : status == 404 ? "NOT_FOUND"
                       : status == 429 ? "RESOURCE_EXHAUSTED"
                       : status >= 500 ? "UNAVAILABLE"
                                       : "INVALID_ARGUMENT";
    struct eff_json_writer w = eff_call_answer(call, status);

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("error"));
    eff_json_begin_object(&w);
    eff_json_field_int(&w, "code", status);
    eff_json_field_str(&w, "message", message);
    eff_json_field_str(&w, "status", eff_str_of(word));
    eff_json_key(&w, EFF_STR("details"));
    eff_json_begin_array(&w);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "@type", EFF_STR("type.googleapis.com/google.rpc.ErrorInfo"));
    eff_json_field_str(&w, "reason", eff_str_of(reason ? reason : word));
    eff_json_field_str(&w, "domain", EFF_STR("datamanager.googleapis.com"));
    eff_json_end_object(&w);
    if (field.len > 0) {
        eff_json_begin_object(&w);
        eff_json_field_str(&w, "@type", EFF_STR("type.googleapis.com/google.rpc.BadRequest"));
        eff_json_key(&w, EFF_STR("fieldViolations"));
        eff_json_begin_array(&w);
        eff_json_begin_object(&w);
        eff_json_field_str(&w, "field", field);
        eff_json_field_str(&w, "description", message);
        eff_json_field_str(&w, "reason", eff_str_of(reason));
        eff_json_end_object(&w);
        eff_json_end_array(&w);
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
    eff_json_end_object(&w);
    eff_json_end_object(&w);
    call->refused = call->rows;
}

static bool
google_invalid(struct eff_call *call, const char *reason, eff_str field, const char *message)
{
    google_error(call, 400, reason, field, eff_str_of(message));
    return false;
}

static void
google_refuse(struct eff_call *call, int status, const char *code, const char *message)
{
    google_error(call, status, code, EFF_STR_NONE,
                 eff_str_of(message ? message : "the request was not carried out"));
}

/* ---- who may come in ---- */

static bool
google_authorize(struct eff_call *call)
{
    if (eff_world_trusts(call->world, eff_call_bearer(call)))
        return true;
    google_error(call, 401, NULL, EFF_STR_NONE,
                 EFF_STR("Request had invalid authentication credentials."));
    return false;
}

static bool
google_admit(struct eff_call *call)
{
    if (eff_world_take(call->world, EFF_QUOTA_BURST))
        return true;
    google_error(call, 429, NULL, EFF_STR_NONE, EFF_STR("Quota exceeded for quota metric."));
    return false;
}

static void
google_token(struct eff_call *call)
{
    eff_google_login(call, "https://www.googleapis.com/auth/datamanager");
}

/* ---- shapes ---- */

static void
google_shapes(struct eff_shapes *shapes)
{
    struct eff_shape *members =
        eff_shape_add(shapes, EFF_STR("members"), EFF_STR("Member"), EFF_STR(""));
    struct eff_shape *requests =
        eff_shape_add(shapes, EFF_STR("requests"), EFF_STR("Request"), EFF_STR(""));

    for (size_t i = 0; i < MEMBER_FIELDS; i++)
        eff_shape_add_field(shapes, members, &google_member[i]);
    for (size_t i = 0; i < REQUEST_FIELDS; i++)
        eff_shape_add_field(shapes, requests, &google_request[i]);
}

static struct eff_shape *
google_new_shape(struct eff_shapes *shapes, eff_str name, eff_str label)
{
    return eff_shape_add(shapes, name, label, EFF_STR(""));
}

static eff_str
google_id(struct eff_arena *arena, const struct eff_shape *shape, int64_t seq)
{
    (void)shape;
    return eff_str_printf(arena, "%lld", (long long)seq);
}

static const struct eff_shape *
google_shape(const struct eff_call *call, const char *name)
{
    return eff_shape_find(&call->world->shapes, eff_str_of(name));
}

/* ---- what a request says ---- */

static bool
google_known(struct eff_call *call, const struct eff_json *object, const char *names)
{
    struct eff_json_iter iter = eff_json_iterate(object);
    const struct eff_json *value;
    eff_str key;

    while (eff_json_next(&iter, &key, &value)) {
        eff_str rest = eff_str_of(names), name;
        bool known = false;

        while (!known && rest.len > 0) {
            eff_str_cut(rest, '|', &name, &rest);
            known = eff_str_eq(name, key);
        }
        if (!known)
            return google_invalid(call, "INVALID_ARGUMENT", key,
                                  "Invalid JSON payload received. Unknown name");
    }
    return true;
}

static bool
google_digits(eff_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
    return text.len > 0;
}

static bool
google_destination(struct eff_call *call, const struct eff_json *body, eff_str *ret_audience)
{
    const struct eff_json *list = eff_json_get(body, EFF_STR("destinations"));
    const struct eff_json *one = eff_json_pointer(body, EFF_STR("/destinations/0"));
    eff_str account = eff_json_str(eff_json_pointer(one, EFF_STR("/operatingAccount/accountId")));

    *ret_audience = eff_json_str(eff_json_get(one, EFF_STR("productDestinationId")));
    if (eff_json_count(list) != 1)
        return google_invalid(call, "REQUIRED_FIELD_MISSING", EFF_STR("destinations"),
                              "one destination is required here");
    if (!google_known(call, one,
                      "reference|loginAccount|linkedAccount|operatingAccount|productDestinationId"))
        return false;
    if (!google_digits(account) || !google_digits(*ret_audience))
        return google_invalid(call, "INVALID_DESTINATION", EFF_STR("destinations.destinations[0]"),
                              "accountId and productDestinationId are required, digits only");
    if (eff_str_is(account, GOOGLE_ACCOUNT))
        return true;
    google_error(call, 403, "PERMISSION_DENIED", EFF_STR_NONE,
                 EFF_STR("The caller does not have permission to the operating account."));
    return false;
}

static bool
google_hashed(eff_str text)
{
    size_t hex = 0;

    while (hex < text.len && ((text.ptr[hex] >= '0' && text.ptr[hex] <= '9') ||
                              (text.ptr[hex] >= 'a' && text.ptr[hex] <= 'f')))
        hex++;
    return text.len == 64 && hex == 64;
}

static eff_str
google_place(struct eff_call *call, size_t row, size_t identifier, const char *name)
{
    return eff_str_printf(
        call->arena, "audience_members.audience_members[%zu].user_data.user_identifiers[%zu].%s",
        row, identifier, name);
}

static eff_str
google_member_text(const struct eff_json *object, const char *name)
{
    return eff_json_str(eff_json_get(object, eff_str_of(name)));
}

static bool
google_address(struct eff_call *call, const struct eff_json *address, size_t row, size_t i,
               struct eff_cell *cell)
{
    eff_str given = google_member_text(address, "givenName"),
            family = google_member_text(address, "familyName"),
            region = google_member_text(address, "regionCode"),
            postal = google_member_text(address, "postalCode");

    if (!google_known(call, address, "givenName|familyName|regionCode|postalCode"))
        return false;
    if (!google_hashed(given) || !google_hashed(family))
        return google_invalid(call, "INVALID_SHA256_FORMAT", google_place(call, row, i, "address"),
                              "given_name and family_name must be SHA-256");
    if (region.len != 2 || postal.len == 0)
        return google_invalid(call, "REQUIRED_FIELD_MISSING", google_place(call, row, i, "address"),
                              "region_code and postal_code are required");
    *cell = (struct eff_cell){
        EFF_CELL_TEXT,
        eff_str_printf(call->arena, EFF_STR_FMT "|" EFF_STR_FMT "|" EFF_STR_FMT "|" EFF_STR_FMT,
                       EFF_STR_ARG(given), EFF_STR_ARG(family), EFF_STR_ARG(region),
                       EFF_STR_ARG(postal))};
    return true;
}

/* One of emailAddress, phoneNumber and address. */
static bool
google_identifier(struct eff_call *call, const struct eff_json *one, size_t row, size_t i,
                  struct eff_cell *cells)
{
    const struct eff_json *address = eff_json_get(one, EFF_STR("address"));
    bool phone = eff_json_get(one, EFF_STR("phoneNumber")) != NULL;
    eff_str text = google_member_text(one, phone ? "phoneNumber" : "emailAddress");

    if (!google_known(call, one, "emailAddress|phoneNumber|address"))
        return false;
    if (eff_json_count(one) != 1)
        return google_invalid(call, "NO_IDENTIFIERS_PROVIDED", google_place(call, row, i, ""),
                              "exactly one identifier is required");
    if (address != NULL)
        return google_address(call, address, row, i, &cells[MEMBER_ADDRESS]);
    if (!google_hashed(text))
        return google_invalid(call, "INVALID_SHA256_FORMAT",
                              google_place(call, row, i, phone ? "phone_number" : "email_address"),
                              "The value is not a SHA-256 hash in hex");
    cells[phone ? MEMBER_PHONE : MEMBER_EMAIL] = (struct eff_cell){EFF_CELL_TEXT, text};
    return true;
}

static bool
google_row(struct eff_call *call, const struct eff_json *member, size_t row, struct eff_cell *cells)
{
    const struct eff_json *list = eff_json_pointer(member, EFF_STR("/userData/userIdentifiers")),
                          *one;
    struct eff_json_iter iter = eff_json_iterate(list);

    for (size_t i = 1; i < MEMBER_FIELDS; i++)
        cells[i] = (struct eff_cell){.kind = EFF_CELL_NULL};
    if (!google_known(call, member, "destinationReferences|userData|consent"))
        return false;
    if (eff_json_count(list) == 0 || eff_json_count(list) > GOOGLE_IDENTIFIERS_MAX)
        return google_invalid(
            call, eff_json_count(list) ? "TOO_MANY_USER_IDENTIFIERS" : "NO_IDENTIFIERS_PROVIDED",
            google_place(call, row, 0, ""), "1 to 10 identifiers are required");
    for (size_t i = 0; eff_json_next(&iter, NULL, &one); i++)
        if (!google_identifier(call, one, row, i, cells))
            return false;
    return true;
}

/* ---- members ---- */

/* With at least these identifiers; with `within`, those that have no others than these. */
static size_t
google_find(struct eff_call *call, const struct eff_cell *cells, bool within,
            struct eff_record *ret_records)
{
    const struct eff_shape *members = google_shape(call, "members");
    int64_t *seqs = eff_new(call->arena, int64_t, GOOGLE_FIND_MAX);
    size_t first = 1, count, found = 0;

    while (cells[first].kind != EFF_CELL_TEXT)
        first++;
    count = eff_records_find(call->world->records, members, &members->fields[first],
                             cells[first].text, seqs, GOOGLE_FIND_MAX);
    for (size_t i = 0; i < count; i++) {
        struct eff_record record;
        bool same;

        if (!eff_records_get(call->world->records, members, seqs[i], call->arena, &record))
            continue;
        same = eff_str_eq(record.cells[0].text, cells[0].text);
        for (size_t k = 1; same && k < MEMBER_FIELDS; k++) {
            bool given = cells[k].kind == EFF_CELL_TEXT;

            same = (given && eff_str_eq(record.cells[k].text, cells[k].text)) ||
                   (within ? eff_cell_null(record.cells[k]) : !given);
        }
        if (same)
            ret_records[found++] = record;
    }
    return found;
}

static void
google_change(struct eff_call *call, const struct eff_cell *cells, bool add)
{
    struct eff_arena *arena = call->arena;
    struct eff_arena before = *arena;
    struct eff_record *found = eff_new(arena, struct eff_record, GOOGLE_FIND_MAX);
    size_t count = google_find(call, cells, add, found);
    int64_t now = eff_world_now(call->world);

    if (add && count == 0)
        eff_records_insert(call->world->records, google_shape(call, "members"), cells, now);
    else if (add)
        eff_records_update(call->world->records, &found[0], cells, now, 0, arena);
    for (size_t i = 0; !add && i < count; i++)
        eff_records_delete(call->world->records, &found[i], now);
    *arena = before;
}

static void
google_taken(struct eff_call *call, size_t failed)
{
    struct eff_cell cells[REQUEST_FIELDS] = {
        {EFF_CELL_TEXT, eff_str_printf(call->arena, "%zu", call->rows)},
        {EFF_CELL_TEXT, eff_str_printf(call->arena, "%zu", failed)},
        {EFF_CELL_TEXT,
         eff_str_printf(call->arena, "%lld", (long long)call->world->settings.job_polls)}};
    int64_t seq = eff_records_insert(call->world->records, google_shape(call, "requests"), cells,
                                     eff_world_now(call->world));
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_field_str(&w, "requestId", eff_str_printf(call->arena, "req-%lld", (long long)seq));
    eff_json_end_object(&w);
}

static bool
google_body(struct eff_call *call, bool add, const struct eff_json **ret_body)
{
    struct eff_err err = {0};
    const struct eff_json *body = eff_call_json(call, &err), *list;
    const struct eff_json *encoding = eff_json_get(body, EFF_STR("encoding"));
    int64_t number = 0; // of an enum, which may come as that

    *ret_body = body;
    list = eff_json_get(body, EFF_STR("audienceMembers"));
    call->rows = eff_json_count(list);
    if (eff_json_type(body) != EFF_JSON_OBJECT)
        return google_invalid(call, "INVALID_ARGUMENT", EFF_STR_NONE, "the body is no object");
    if (!google_known(call, body,
                      add ? "destinations|audienceMembers|consent|validateOnly|encoding|"
                            "encryptionInfo|termsOfService"
                          : "destinations|audienceMembers|validateOnly|encoding|encryptionInfo"))
        return false;
    if (call->rows == 0 || call->rows > GOOGLE_ROWS_MAX)
        return google_invalid(call, "TOO_MANY_AUDIENCE_MEMBERS", EFF_STR("audience_members"),
                              "1 to 10000 members are required");
    eff_json_int(encoding, &number);
    if (number != GOOGLE_HEX && !eff_str_is(eff_json_str(encoding), "HEX"))
        return google_invalid(call, "REQUIRED_FIELD_MISSING", EFF_STR("encoding"),
                              "encoding is required; this stand-in knows HEX");
    return true;
}

static void
google_members(struct eff_call *call, bool add)
{
    struct eff_cell cells[MEMBER_FIELDS] = {{0}};
    const struct eff_json *body, *member;
    struct eff_json_iter iter;
    size_t failed = 0;
    eff_str audience;

    if (!google_body(call, add, &body) || !google_destination(call, body, &audience))
        return;
    cells[MEMBER_AUDIENCE] = (struct eff_cell){EFF_CELL_TEXT, audience};
    iter = eff_json_iterate(eff_json_get(body, EFF_STR("audienceMembers")));
    for (size_t i = 0; eff_json_next(&iter, NULL, &member); i++)
        if (!google_row(call, member, i, cells))
            return;
    iter = eff_json_iterate(eff_json_get(body, EFF_STR("audienceMembers")));
    for (size_t i = 0; eff_json_next(&iter, NULL, &member); i++) {
        google_row(call, member, i, cells);
        if (eff_call_row_fails(call, i, call->rows))
            failed++;
        else if (!eff_json_bool(eff_json_get(body, EFF_STR("validateOnly"))))
            google_change(call, cells, add);
    }
    call->refused = failed;
    google_taken(call, failed);
}

static void
google_ingest(struct eff_call *call)
{
    google_members(call, true);
}

static void
google_remove(struct eff_call *call)
{
    google_members(call, false);
}

/* ---- what became of a request ---- */

static void
google_write_status(struct eff_call *call, const char *status, const struct eff_record *request)
{
    struct eff_json_writer w = eff_call_answer(call, 200);

    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("requestStatusPerDestination"));
    eff_json_begin_array(&w);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "requestStatus", eff_str_of(status));
    if (eff_str_is(eff_str_of(status), "PARTIAL_SUCCESS")) {
        eff_json_key(&w, EFF_STR("errorInfo"));
        eff_json_begin_object(&w);
        eff_json_key(&w, EFF_STR("errorCounts"));
        eff_json_begin_array(&w);
        eff_json_begin_object(&w);
        eff_json_field_str(&w, "recordCount", request->cells[REQUEST_FAILED].text);
        eff_json_field_str(&w, "reason", EFF_STR("PROCESSING_ERROR_REASON_NO_CONSENT"));
        eff_json_end_object(&w);
        eff_json_end_array(&w);
        eff_json_end_object(&w);
    }
    eff_json_end_object(&w);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}

static void
google_status(struct eff_call *call)
{
    eff_str id = eff_call_param(call, "requestId");
    struct eff_cell cells[REQUEST_FIELDS] = {{0}};
    struct eff_record request;
    int64_t seq = 0, polls = 0;

    if (!eff_str_starts(id, EFF_STR("req-")) || !eff_str_int(eff_str_sub(id, 4, SIZE_MAX), &seq) ||
        !eff_records_get(call->world->records, google_shape(call, "requests"), seq, call->arena,
                         &request)) {
        google_error(call, 404, "NOT_FOUND", EFF_STR_NONE, EFF_STR("There is no such request."));
        return;
    }
    eff_str_int(request.cells[REQUEST_POLLS].text, &polls);
    if (polls > 0) {
        cells[REQUEST_POLLS] = (struct eff_cell){
            EFF_CELL_TEXT, eff_str_printf(call->arena, "%lld", (long long)polls - 1)};
        eff_records_update(call->world->records, &request, cells, eff_world_now(call->world), 0,
                           call->arena);
    }
    google_write_status(
        call,
        polls > 0                                             ? "PROCESSING"
        : eff_str_is(request.cells[REQUEST_FAILED].text, "0") ? "SUCCESS"
        : eff_str_eq(request.cells[REQUEST_FAILED].text, request.cells[REQUEST_ROWS].text)
            ? "FAILED"
            : "PARTIAL_SUCCESS",
        &request);
}

static void
google_finish(struct eff_call *call)
{
    eff_call_set(call, "Vary", EFF_STR("Origin"));
}

static const struct eff_route google_routes[] = {
    {"POST", "/token", google_token, EFF_ROUTE_OPEN},
    {"POST", "/v1/audienceMembers:ingest", google_ingest, EFF_ROUTE_WRITES},
    {"POST", "/v1/audienceMembers:remove", google_remove, EFF_ROUTE_WRITES},
    {"GET", "/v1/requestStatus:retrieve", google_status, 0},
};

const struct eff_vendor eff_vendor_google = {
    .name = "google_data_manager",
    .routes = google_routes,
    .routes_count = sizeof(google_routes) / sizeof(google_routes[0]),
    .all_text = true,
    .quotas = {[EFF_QUOTA_BURST] = {.per_ms = 60000}},
    .shapes = google_shapes,
    .new_shape = google_new_shape,
    .authorize = google_authorize,
    .admit = google_admit,
    .refuse = google_refuse,
    .finish = google_finish,
    .id = google_id,
};
