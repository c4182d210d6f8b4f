/*
 * sandbox/klaviyo_list: lists and their members.
 *
 * A member is a link from the list to a profile; a profile that is deleted is in no list any
 * more. Who is in a list already, or not in it, is no error, as with sets.
 */
#include "sandbox/klaviyo.h"

#include <stdalign.h>
#include <stdio.h>

#define LIST_MEMBERS_MAX 1000 /* of one request */
#define LIST_SHAPE       "lists"

static const struct eff_field_row list_rows[] = {
    {"name", "Name", EFF_FIELD_TEXT, 255, 0, EFF_FIELD_REQUIRED, NULL, NULL},
};

void
eff_kl_list_shape(struct eff_shapes *shapes)
{
    struct eff_shape *shape =
        eff_shape_add(shapes, EFF_STR(LIST_SHAPE), EFF_STR("List"), EFF_STR(""));

    for (size_t i = 0; i < sizeof(list_rows) / sizeof(list_rows[0]); i++)
        eff_shape_add_field(shapes, shape, &list_rows[i]);
}

/* Six characters, as the vendor's. */
eff_str
eff_kl_list_id(struct eff_arena *arena, int64_t seq)
{
    return eff_str_printf(arena, "L%05lld", (long long)seq);
}

static const struct eff_shape *
list_shape(const struct eff_call *call)
{
    return eff_shape_find(&call->world->shapes, EFF_STR(LIST_SHAPE));
}

/* The list of the path; false: answered. */
static bool
list_of_path(struct eff_call *call, struct eff_record *ret_list)
{
    eff_str id = call->args[0];
    struct eff_kl_error error = {404,          "not_found",       "Not found.",
                                 EFF_STR_NONE, EFF_STR("/data/"), 0};
    int64_t seq;

    if (id.len >= 6 && id.ptr[0] == 'L' && eff_str_int(eff_str_sub(id, 1, SIZE_MAX), &seq) &&
        eff_records_get(call->world->records, list_shape(call), seq, call->arena, ret_list) &&
        !ret_list->deleted)
        return true;
    error.detail = eff_str_printf(call->arena, "A list with id " EFF_STR_FMT " does not exist.",
                                  EFF_STR_ARG(eff_str_sub(id, 0, 60)));
    eff_kl_refuse(call, &error);
    return false;
}

static void
list_write(struct eff_call *call, struct eff_json_writer *w, const struct eff_record *list)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "type", EFF_STR("list"));
    eff_json_field_str(w, "id", eff_kl_list_id(call->arena, list->seq));
    eff_json_key(w, EFF_STR("attributes"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "name", eff_bag_text(call->world, list, "name"));
    eff_json_field_str(w, "created", eff_call_time(call, list->created_ms, "+00:00"));
    eff_json_field_str(w, "updated", eff_call_time(call, list->updated_ms, "+00:00"));
    eff_json_field_str(w, "opt_in_process", EFF_STR("single_opt_in"));
    eff_json_end_object(w);
    eff_kl_write_links(call, w, EFF_STR(""));
    eff_json_end_object(w);
}

static void
list_answer(struct eff_call *call, int status, const struct eff_record *list)
{
    struct eff_json_writer w = eff_kl_begin(call, status);

    list_write(call, &w, list);
    eff_json_end_object(&w);
}

void
eff_kl_list_create(struct eff_call *call)
{
    const struct eff_json *data = eff_kl_data(call, "list");
    const struct eff_json *attributes = eff_json_get(data, EFF_STR("attributes"));
    const struct eff_shape *shape = list_shape(call);
    struct eff_record list = {.shape = shape};
    struct eff_kl_error error = {400,
                                 "invalid",
                                 "Invalid input.",
                                 EFF_STR("'name' is a required field for the resource 'list'."),
                                 EFF_STR("/data/attributes/name"),
                                 0};
    struct eff_cell *cells = eff_new(call->arena, struct eff_cell, shape->count);

    if (data == NULL)
        return;
    if (eff_json_str(eff_json_get(attributes, EFF_STR("name"))).len == 0) {
        eff_kl_refuse(call, &error);
        return;
    }
    eff_bag_read(call, shape, NULL, attributes, cells);
    eff_bag_store(call, shape, &list, cells);
    list_answer(call, 201, &list);
}

void
eff_kl_list_show(struct eff_call *call)
{
    struct eff_record list;

    if (list_of_path(call, &list))
        list_answer(call, 200, &list);
}

void
eff_kl_list_lists(struct eff_call *call)
{
    struct eff_scan scan = {.shape = list_shape(call)};
    struct eff_json_writer w = eff_kl_begin(call, 200);
    struct eff_record list;

    eff_json_begin_array(&w);
    while (eff_records_next(call->world->records, &scan, call->arena, &list))
        list_write(call, &w, &list);
    eff_json_end_array(&w);
    eff_kl_write_links(call, &w, EFF_STR(""));
    eff_json_end_object(&w);
}

/* ---- members ---- */

static struct eff_link
list_link(const struct eff_call *call, const struct eff_record *list)
{
    return (struct eff_link){.from = list->seq,
                             .from_type = list->shape->number,
                             .to_type = eff_kl_profiles(call)->number};
}

static bool
list_profile(struct eff_call *call, int64_t seq, struct eff_record *ret_profile)
{
    return seq != 0 &&
           eff_records_get(call->world->records, eff_kl_profiles(call), seq, call->arena,
                           ret_profile) &&
           !ret_profile->deleted;
}

/* One page of the members: their ids, or all of them. */
static void
list_members(struct eff_call *call, bool whole)
{
    struct eff_record list, profile;
    struct eff_json_writer w;
    struct eff_link link;
    int64_t after, size, seen = 0;

    if (!list_of_path(call, &list) || !eff_kl_page(call, &after, &size))
        return;
    w = eff_kl_begin(call, 200);
    eff_json_begin_array(&w);
    for (link = list_link(call, &list); eff_records_next_link(call->world->records, &link);) {
        if (!list_profile(call, link.to, &profile))
            continue;
        if (seen >= after && seen < after + size && whole)
            eff_kl_write_profile(call, &w, &profile);
        if (seen >= after && seen < after + size && !whole) {
            eff_json_begin_object(&w);
            eff_json_field_str(&w, "type", EFF_STR("profile"));
            eff_json_field_str(&w, "id", eff_kl_id(call->arena, profile.shape, profile.seq));
            eff_json_end_object(&w);
        }
        seen++;
    }
    eff_json_end_array(&w);
    eff_kl_write_links(
        call, &w, seen > after + size ? eff_kl_page_url(call, after + size, size) : EFF_STR(""));
    eff_json_end_object(&w);
}

void
eff_kl_list_ids(struct eff_call *call)
{
    list_members(call, false);
}

void
eff_kl_list_profiles(struct eff_call *call)
{
    list_members(call, true);
}

/* [{type: profile, id}], of which all are profiles, or none is taken; NULL: answered. */
static const struct eff_json *
list_named(struct eff_call *call)
{
    struct eff_kl_error error = {400,
                                 "invalid",
                                 "Invalid input.",
                                 EFF_STR("'data' must be a list of 1 to 1000 profiles."),
                                 EFF_STR("/data"),
                                 0};
    const struct eff_json *data = eff_kl_body(call), *one;
    struct eff_json_iter iter = eff_json_iterate(data);
    struct eff_record profile;

    if (data == NULL)
        return NULL;
    call->rows = eff_json_count(data);
    for (size_t i = 0; eff_json_type(data) == EFF_JSON_ARRAY && eff_json_count(data) > 0 &&
                       eff_json_count(data) <= LIST_MEMBERS_MAX;
         i++) {
        eff_str id;

        if (!eff_json_next(&iter, NULL, &one))
            return data;
        id = eff_json_str(eff_json_get(one, EFF_STR("id")));
        if (eff_str_is(eff_json_str(eff_json_get(one, EFF_STR("type"))), "profile") &&
            list_profile(call, eff_kl_seq(id), &profile) &&
            !eff_call_row_fails(call, i, call->rows))
            continue;
        error = (struct eff_kl_error){
            404,
            "not_found",
            "Not found.",
            eff_str_printf(call->arena, "A profile with id " EFF_STR_FMT " does not exist.",
                           EFF_STR_ARG(eff_str_sub(id, 0, 60))),
            eff_str_printf(call->arena, "/data/%zu/id", i),
            0};
        break;
    }
    call->refused = call->rows;
    eff_kl_refuse(call, &error);
    return NULL;
}

static void
list_change(struct eff_call *call, bool add)
{
    struct eff_record list;
    const struct eff_json *data, *one;
    struct eff_json_iter iter;

    if (!list_of_path(call, &list) || (data = list_named(call)) == NULL)
        return;
    iter = eff_json_iterate(data);
    while (eff_json_next(&iter, NULL, &one)) {
        struct eff_link link = list_link(call, &list);

        link.to = eff_kl_seq(eff_json_str(eff_json_get(one, EFF_STR("id"))));
        link.kind = add ? 1 : 0; // 0: of every kind
        if (add)
            eff_records_link(call->world->records, link);
        else
            eff_records_unlink(call->world->records, link);
    }
    eff_call_empty(call, 204);
}

void
eff_kl_list_add(struct eff_call *call)
{
    list_change(call, true);
}

void
eff_kl_list_remove(struct eff_call *call)
{
    list_change(call, false);
}
