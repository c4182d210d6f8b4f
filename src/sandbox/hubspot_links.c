/*
 * sandbox/hubspot_links: associations of records (v4), and static lists.
 *
 * A link is kept in both directions, each with the vendor's type number of its
 * direction; the members of a list are links from the list.
 */
#include "sandbox/hubspot.h"

#include <stdalign.h>
#include <stdlib.h>

#define LINKS_BATCH_MAX 2000 /* unconfirmed in destinations.md */

/* Unlabelled types between standard objects, as the vendor's SDK lists them. */
static const struct {
    const char *from, *to;
    int kind;
} links_defaults[] = {
    {"0-1", "0-2", 279}, {"0-2", "0-1", 280}, {"0-3", "0-1", 3},   {"0-1", "0-3", 4},
    {"0-3", "0-2", 341}, {"0-2", "0-3", 342}, {"0-5", "0-1", 16},  {"0-1", "0-5", 15},
    {"0-5", "0-2", 339}, {"0-2", "0-5", 340}, {"0-3", "0-5", 27},  {"0-5", "0-3", 28},
    {"0-1", "0-1", 449}, {"0-2", "0-2", 450}, {"0-3", "0-3", 451}, {"0-5", "0-5", 452},
};

static int64_t
links_default(const struct eff_shape *from, const struct eff_shape *to)
{
    for (size_t i = 0; i < sizeof(links_defaults) / sizeof(links_defaults[0]); i++)
        if (eff_str_is(from->prefix, links_defaults[i].from) &&
            eff_str_is(to->prefix, links_defaults[i].to))
            return links_defaults[i].kind;
    return 1000 + (int64_t)from->number * 100 + to->number; // custom objects
}

struct links_ends {
    const struct eff_shape *from, *to;
};

/* False, having answered, when one of the types is unknown. */
static bool
links_ends_of(struct eff_call *call, size_t from, size_t to, struct links_ends *ret_ends)
{
    ret_ends->from = eff_hs_shape(call, call->args[from]);
    ret_ends->to = ret_ends->from == NULL ? NULL : eff_hs_shape(call, call->args[to]);
    return ret_ends->to != NULL;
}

static bool
links_alive(struct eff_call *call, const struct eff_shape *shape, eff_str id, int64_t *ret_seq)
{
    struct eff_record record;

    *ret_seq = 0;
    if (eff_hs_find(call, shape, id, EFF_STR(""), &record) <= 0)
        return false;
    *ret_seq = record.seq;
    return true;
}

static void
links_join(struct eff_call *call, const struct links_ends *ends, int64_t from, int64_t to,
           int64_t kind)
{
    int64_t back =
        kind == links_default(ends->from, ends->to) ? links_default(ends->to, ends->from) : kind;

    eff_records_link(call->world->records,
                     (struct eff_link){from, to, kind, ends->from->number, ends->to->number});
    eff_records_link(call->world->records,
                     (struct eff_link){to, from, back, ends->to->number, ends->from->number});
}

static void
links_part(struct eff_call *call, const struct links_ends *ends, int64_t from, int64_t to)
{
    eff_records_unlink(call->world->records,
                       (struct eff_link){from, to, 0, ends->from->number, ends->to->number});
    eff_records_unlink(call->world->records,
                       (struct eff_link){to, from, 0, ends->to->number, ends->from->number});
}

/* Ids may be texts or, as the older API has them, numbers. */
static eff_str
links_id(const struct eff_json *object, const char *end)
{
    return eff_json_str(eff_json_get(eff_json_get(object, eff_str_of(end)), EFF_STR("id")));
}

/* Every [{associationCategory, associationTypeId}] of a pair; none: the default one. */
static void
links_join_types(struct eff_call *call, const struct links_ends *ends, int64_t from, int64_t to,
                 const struct eff_json *types)
{
    struct eff_json_iter iter = eff_json_iterate(types);
    const struct eff_json *type;
    size_t count = 0;
    int64_t kind;

    while (eff_json_next(&iter, NULL, &type)) {
        // The type's number also travels as text [A].
        if (!eff_str_int(eff_json_str(eff_json_get(type, EFF_STR("associationTypeId"))), &kind))
            continue;
        links_join(call, ends, from, to, kind);
        count++;
    }
    if (count == 0)
        links_join(call, ends, from, to, links_default(ends->from, ends->to));
}

void
eff_hs_link_new(struct eff_call *call, const struct eff_shape *shape, int64_t seq,
                const struct eff_json *associations)
{
    struct eff_json_iter iter = eff_json_iterate(associations);
    const struct eff_json *association;

    while (eff_json_next(&iter, NULL, &association)) {
        const struct eff_json *types = eff_json_get(association, EFF_STR("types"));
        int64_t kind, to;

        if (!eff_str_int(eff_json_str(eff_json_pointer(types, EFF_STR("/0/associationTypeId"))),
                         &kind))
            continue;
        for (size_t i = 0; i < call->world->shapes.count; i++) {
            struct links_ends ends = {shape, call->world->shapes.at[i]};

            if (links_default(ends.from, ends.to) == kind &&
                links_alive(call, ends.to, links_id(association, "to"), &to))
                links_join_types(call, &ends, seq, to, types);
        }
    }
}

static void
links_write_end(struct eff_json_writer *w, const char *name, eff_str id)
{
    eff_json_key(w, eff_str_of(name));
    eff_json_begin_object(w);
    eff_json_field_str(w, "id", id);
    eff_json_end_object(w);
}

static void
links_write_pair(struct eff_json_writer *w, const struct links_ends *ends, eff_str from, eff_str to)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "fromObjectTypeId", ends->from->prefix);
    eff_json_field_str(w, "fromObjectId", from);
    eff_json_field_str(w, "toObjectTypeId", ends->to->prefix);
    eff_json_field_str(w, "toObjectId", to);
    eff_json_key(w, EFF_STR("labels"));
    eff_json_begin_array(w);
    eff_json_end_array(w);
    eff_json_end_object(w);
}

static void
links_write_default(struct eff_json_writer *w, const struct links_ends *ends, eff_str from,
                    eff_str to)
{
    eff_json_begin_object(w);
    links_write_end(w, "from", from);
    links_write_end(w, "to", to);
    eff_json_key(w, EFF_STR("associationSpec"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "associationCategory", EFF_STR("HUBSPOT_DEFINED"));
    eff_json_field_int(w, "associationTypeId", links_default(ends->from, ends->to));
    eff_json_end_object(w);
    eff_json_end_object(w);
}

static void
links_write_missing(struct eff_json_writer *w, eff_str from, eff_str to)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "status", EFF_STR("error"));
    eff_json_field_str(w, "category", EFF_STR("OBJECT_NOT_FOUND"));
    eff_json_field_str(w, "message",
                       EFF_STR("One of the records of the association does not exist"));
    eff_json_key(w, EFF_STR("context"));
    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("fromObjectId"));
    eff_json_begin_array(w);
    eff_json_write_str(w, from);
    eff_json_end_array(w);
    eff_json_key(w, EFF_STR("toObjectId"));
    eff_json_begin_array(w);
    eff_json_write_str(w, to);
    eff_json_end_array(w);
    eff_json_end_object(w);
    eff_json_end_object(w);
}

static void
links_batch(struct eff_call *call, bool defaults)
{
    struct links_ends ends;
    const struct eff_json *inputs, *input;
    struct eff_json_iter iter;
    struct eff_buf errors = {0};
    struct eff_json_writer w, e = {.buf = &errors};
    int64_t from = 0, to = 0;
    size_t refused = 0;

    if (!links_ends_of(call, 0, 1, &ends) ||
        (inputs = eff_hs_inputs(call, eff_hs_body(call), LINKS_BATCH_MAX)) == NULL)
        return;
    call->rows += eff_json_count(inputs);
    w = eff_hs_begin_batch(call, defaults ? 200 : 201);
    eff_json_begin_array(&e);
    iter = eff_json_iterate(inputs);
    while (eff_json_next(&iter, NULL, &input)) {
        eff_str a = links_id(input, "from"), b = links_id(input, "to");

        if (!links_alive(call, ends.from, a, &from) || !links_alive(call, ends.to, b, &to)) {
            links_write_missing(&e, a, b);
            refused++;
            continue;
        }
        links_join_types(call, &ends, from, to,
                         defaults ? NULL : eff_json_get(input, EFF_STR("types")));
        if (defaults)
            links_write_default(&w, &ends, a, b);
        else
            links_write_pair(&w, &ends, a, b);
    }
    eff_json_end_array(&e);
    eff_json_end_array(&w);
    if (refused != 0) {
        call->status = 207;
        eff_json_field_int(&w, "numErrors", (int64_t)refused);
        eff_json_key(&w, EFF_STR("errors"));
        eff_json_write_raw(&w, eff_buf_str(&errors));
    }
    eff_buf_free(&errors);
    call->refused += refused;
    eff_hs_end_batch(call, &w);
}

void
eff_hs_link_batch(struct eff_call *call)
{
    links_batch(call, false);
}

void
eff_hs_link_batch_default(struct eff_call *call)
{
    links_batch(call, true);
}

/* [{"toObjectId", "associationTypes": [...]}] of one record */
static size_t
links_write_targets(struct eff_call *call, struct eff_json_writer *w, const struct links_ends *ends,
                    int64_t from)
{
    struct eff_link link = {
        .from = from, .from_type = ends->from->number, .to_type = ends->to->number};
    int64_t last = 0;
    size_t count = 0;

    eff_json_begin_array(w);
    while (eff_records_next_link(call->world->records, &link)) {
        if (link.to != last) {
            if (last != 0) {
                eff_json_end_array(w);
                eff_json_end_object(w);
            }
            eff_json_begin_object(w);
            eff_json_field_str(w, "toObjectId", eff_hs_id(call->arena, ends->to, link.to));
            eff_json_key(w, EFF_STR("associationTypes"));
            eff_json_begin_array(w);
            last = link.to;
            count++;
        }
        eff_json_begin_object(w);
        eff_json_field_str(w, "category", EFF_STR("HUBSPOT_DEFINED"));
        eff_json_field_int(w, "typeId", link.kind);
        eff_json_key(w, EFF_STR("label"));
        eff_json_write_null(w);
        eff_json_end_object(w);
    }
    if (last != 0) {
        eff_json_end_array(w);
        eff_json_end_object(w);
    }
    eff_json_end_array(w);
    return count;
}

void
eff_hs_link_batch_read(struct eff_call *call)
{
    struct links_ends ends;
    const struct eff_json *inputs, *input;
    struct eff_json_iter iter;
    struct eff_json_writer w;
    int64_t from;

    if (!links_ends_of(call, 0, 1, &ends) ||
        (inputs = eff_hs_inputs(call, eff_hs_body(call), LINKS_BATCH_MAX)) == NULL)
        return;
    w = eff_hs_begin_batch(call, 200);
    iter = eff_json_iterate(inputs);
    while (eff_json_next(&iter, NULL, &input)) {
        eff_str id = eff_json_str(eff_json_get(input, EFF_STR("id")));

        if (!links_alive(call, ends.from, id, &from)) {
            call->status = 207;
            continue;
        }
        eff_json_begin_object(&w);
        links_write_end(&w, "from", id);
        eff_json_key(&w, EFF_STR("to"));
        links_write_targets(call, &w, &ends, from);
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
    eff_hs_end_batch(call, &w);
}

/* {"from": {id}, "to": [{id}, ...]}; the older form has one object in "to". */
void
eff_hs_link_batch_archive(struct eff_call *call)
{
    struct links_ends ends;
    const struct eff_json *inputs, *input, *target;
    struct eff_json_iter iter, targets;
    int64_t from = 0, to = 0;

    if (!links_ends_of(call, 0, 1, &ends) ||
        (inputs = eff_hs_inputs(call, eff_hs_body(call), LINKS_BATCH_MAX)) == NULL)
        return;
    iter = eff_json_iterate(inputs);
    while (eff_json_next(&iter, NULL, &input)) {
        const struct eff_json *list = eff_json_get(input, EFF_STR("to"));

        if (!eff_hs_seq(links_id(input, "from"), &from))
            continue;
        if (eff_hs_seq(links_id(input, "to"), &to))
            links_part(call, &ends, from, to);
        targets = eff_json_iterate(eff_json_type(list) == EFF_JSON_ARRAY ? list : NULL);
        while (eff_json_next(&targets, NULL, &target))
            if (eff_hs_seq(eff_json_str(eff_json_get(target, EFF_STR("id"))), &to))
                links_part(call, &ends, from, to);
    }
    eff_call_empty(call, 204);
}

void
eff_hs_link_labels(struct eff_call *call)
{
    struct links_ends ends;
    struct eff_json_writer w;

    if (!links_ends_of(call, 0, 1, &ends))
        return;
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("results"));
    eff_json_begin_array(&w);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "category", EFF_STR("HUBSPOT_DEFINED"));
    eff_json_field_int(&w, "typeId", links_default(ends.from, ends.to));
    eff_json_key(&w, EFF_STR("label"));
    eff_json_write_null(&w);
    eff_json_end_object(&w);
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}

/* Both records in the path; false, having answered, when one is not there. */
static bool
links_of_path(struct eff_call *call, struct links_ends *ret_ends, int64_t *ret_from,
              int64_t *ret_to)
{
    if (!links_ends_of(call, 0, 2, ret_ends))
        return false;
    if (links_alive(call, ret_ends->from, call->args[1], ret_from) &&
        (call->args_count < 4 || links_alive(call, ret_ends->to, call->args[3], ret_to)))
        return true;
    call->world->vendor->refuse(call, 404, NULL, NULL);
    return false;
}

void
eff_hs_link_put(struct eff_call *call)
{
    struct links_ends ends;
    struct eff_err err = {0};
    const struct eff_json *types = eff_call_json(call, &err);
    struct eff_json_writer w;
    int64_t from = 0, to = 0;

    if (!links_of_path(call, &ends, &from, &to))
        return;
    if (eff_json_type(types) != EFF_JSON_ARRAY || eff_json_count(types) == 0) {
        eff_hs_error(call, 400, "VALIDATION_ERROR",
                     EFF_STR("expected a list of association types"));
        return;
    }
    call->rows++;
    links_join_types(call, &ends, from, to, types);
    w = eff_call_answer(call, 201);
    links_write_pair(&w, &ends, call->args[1], call->args[3]);
}

void
eff_hs_link_put_default(struct eff_call *call)
{
    struct links_ends ends;
    struct eff_json_writer w;
    int64_t from = 0, to = 0;

    if (!links_of_path(call, &ends, &from, &to))
        return;
    call->rows++;
    links_join_types(call, &ends, from, to, NULL);
    w = eff_hs_begin_batch(call, 200);
    links_write_default(&w, &ends, call->args[1], call->args[3]);
    eff_json_end_array(&w);
    eff_hs_end_batch(call, &w);
}

void
eff_hs_link_delete(struct eff_call *call)
{
    struct links_ends ends;
    int64_t from = 0, to = 0;

    if (!links_of_path(call, &ends, &from, &to))
        return;
    call->rows++;
    links_part(call, &ends, from, to);
    eff_call_empty(call, 204);
}

void
eff_hs_link_list(struct eff_call *call)
{
    struct links_ends ends;
    struct eff_json_writer w;
    int64_t from;

    if (!links_of_path(call, &ends, &from, NULL))
        return;
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("results"));
    links_write_targets(call, &w, &ends, from);
    eff_json_end_object(&w);
}

static const struct eff_shape *
links_list_shape(const struct eff_call *call)
{
    return eff_shape_find(&call->world->shapes, EFF_STR("lists"));
}

/* The list in the path and the type of its members; NULL, having answered, when there is none. */
static const struct eff_shape *
links_list(struct eff_call *call, struct eff_record *ret_list)
{
    const struct eff_shape *lists = links_list_shape(call);
    const struct eff_field *type =
        eff_shape_field(&call->world->shapes, lists, EFF_STR("object_type"));
    int64_t seq;

    if (type != NULL && eff_hs_seq(call->args[0], &seq) &&
        eff_records_get(call->world->records, lists, seq, call->arena, ret_list))
        return eff_hs_shape(call, eff_cell_of(ret_list, type).text);
    eff_hs_error(call, 404, "OBJECT_NOT_FOUND", EFF_STR("List does not exist with ID"));
    return NULL;
}

static void
links_write_list(struct eff_call *call, struct eff_json_writer *w, const struct eff_record *list)
{
    const struct eff_shapes *shapes = &call->world->shapes;
    const struct eff_field *name = eff_shape_field(shapes, list->shape, EFF_STR("name"));
    const struct eff_field *type = eff_shape_field(shapes, list->shape, EFF_STR("object_type"));

    eff_json_begin_object(w);
    eff_json_key(w, EFF_STR("list"));
    eff_json_begin_object(w);
    eff_json_field_str(w, "listId", eff_hs_id(call->arena, list->shape, list->seq));
    eff_json_field_int(w, "listVersion", 1);
    if (name != NULL)
        eff_json_field_str(w, "name", eff_cell_of(list, name).text);
    if (type != NULL)
        eff_json_field_str(w, "objectTypeId", eff_cell_of(list, type).text);
    eff_json_field_str(w, "processingType", EFF_STR("MANUAL"));
    eff_json_field_str(w, "processingStatus", EFF_STR("COMPLETE"));
    eff_json_field_str(w, "createdAt", eff_hs_time(call, list->created_ms));
    eff_json_field_str(w, "updatedAt", eff_hs_time(call, list->updated_ms));
    eff_json_end_object(w);
    eff_json_end_object(w);
}

void
eff_hs_lists_create(struct eff_call *call)
{
    const struct eff_json *body = eff_hs_body(call);
    const struct eff_shape *lists = links_list_shape(call), *members;
    eff_str name = eff_json_str(eff_json_get(body, EFF_STR("name")));
    struct eff_cell *cells;
    struct eff_record list = {0};
    struct eff_json_writer w;

    if (body == NULL)
        return;
    members = eff_hs_shape(call, eff_json_str(eff_json_get(body, EFF_STR("objectTypeId"))));
    if (members == NULL)
        return;
    if (name.len == 0 ||
        !eff_str_is(eff_json_str(eff_json_get(body, EFF_STR("processingType"))), "MANUAL")) {
        eff_hs_error(call, 400, "VALIDATION_ERROR",
                     EFF_STR("name and processingType (only MANUAL here) are required"));
        return;
    }
    cells = eff_new(call->arena, struct eff_cell, lists->count);
    cells[eff_shape_field(&call->world->shapes, lists, EFF_STR("name"))->slot] =
        (struct eff_cell){EFF_CELL_TEXT, name};
    cells[eff_shape_field(&call->world->shapes, lists, EFF_STR("object_type"))->slot] =
        (struct eff_cell){EFF_CELL_TEXT, members->prefix};
    eff_hs_store(call, lists, &list, cells);
    w = eff_call_answer(call, 200);
    links_write_list(call, &w, &list);
}

void
eff_hs_lists_get(struct eff_call *call)
{
    struct eff_record list;
    struct eff_json_writer w;

    if (links_list(call, &list) == NULL)
        return;
    w = eff_call_answer(call, 200);
    links_write_list(call, &w, &list);
}

void
eff_hs_lists_members(struct eff_call *call)
{
    struct eff_record list;
    const struct eff_shape *members = links_list(call, &list);
    struct eff_link link = {0};
    struct eff_json_writer w;

    if (members == NULL)
        return;
    link = (struct eff_link){
        .from = list.seq, .from_type = list.shape->number, .to_type = members->number};
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    eff_json_key(&w, EFF_STR("results"));
    eff_json_begin_array(&w);
    while (eff_records_next_link(call->world->records, &link)) {
        eff_json_begin_object(&w);
        eff_json_field_str(&w, "recordId", eff_hs_id(call->arena, members, link.to));
        eff_json_field_str(&w, "membershipTimestamp", eff_hs_time(call, list.created_ms));
        eff_json_end_object(&w);
    }
    eff_json_end_array(&w);
    eff_json_end_object(&w);
}

/* Adds or removes the ids; those that mean no record go to missing. */
static void
links_change_members(struct eff_call *call, const struct eff_record *list,
                     const struct eff_shape *members, const struct eff_json *ids, bool add,
                     struct eff_json_writer *done, struct eff_json_writer *missing)
{
    struct eff_json_iter iter = eff_json_iterate(ids);
    const struct eff_json *id;
    int64_t seq;

    while (eff_json_next(&iter, NULL, &id)) {
        struct eff_link link = {
            .from = list->seq, .from_type = list->shape->number, .to_type = members->number};

        call->rows++;
        if (!links_alive(call, members, eff_json_str(id), &seq)) {
            call->refused++;
            eff_json_write_str(missing, eff_json_str(id));
            continue;
        }
        link.to = seq;
        link.kind = add ? 1 : 0;
        if (add)
            eff_records_link(call->world->records, link);
        else
            eff_records_unlink(call->world->records, link);
        eff_json_write_str(done, eff_json_str(id));
    }
}

static void
links_members(struct eff_call *call, const struct eff_json *add, const struct eff_json *remove)
{
    struct eff_buf texts[3] = {{0}, {0}, {0}};
    struct eff_json_writer lists[3], w;
    static const char *const names[3] = {"recordsIdsAdded", "recordIdsRemoved", "recordIdsMissing"};
    struct eff_record list;
    const struct eff_shape *members = links_list(call, &list);

    if (members == NULL)
        return;
    for (int i = 0; i < 3; i++) {
        lists[i] = (struct eff_json_writer){.buf = &texts[i]};
        eff_json_begin_array(&lists[i]);
    }
    links_change_members(call, &list, members, add, true, &lists[0], &lists[2]);
    links_change_members(call, &list, members, remove, false, &lists[1], &lists[2]);
    w = eff_call_answer(call, 200);
    eff_json_begin_object(&w);
    for (int i = 0; i < 3; i++) {
        eff_json_end_array(&lists[i]);
        eff_json_key(&w, eff_str_of(names[i]));
        eff_json_write_raw(&w, eff_buf_str(&texts[i]));
        eff_buf_free(&texts[i]);
    }
    eff_json_end_object(&w);
}

void
eff_hs_lists_add(struct eff_call *call)
{
    struct eff_err err = {0};

    links_members(call, eff_call_json(call, &err), NULL);
}

void
eff_hs_lists_remove(struct eff_call *call)
{
    struct eff_err err = {0};

    links_members(call, NULL, eff_call_json(call, &err));
}

void
eff_hs_lists_add_and_remove(struct eff_call *call)
{
    const struct eff_json *body = eff_hs_body(call);

    if (body != NULL)
        links_members(call, eff_json_get(body, EFF_STR("recordIdsToAdd")),
                      eff_json_get(body, EFF_STR("recordIdsToRemove")));
}
