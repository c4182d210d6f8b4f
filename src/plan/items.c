/*
 * plan/items: the modes table, and freezing an item.
 */
#include "plan/items.h"

#include "base/buf.h"
#include "base/json.h"
#include "plan/members.h"
#include "plan/transform.h"

/* ---- identities ---- */

void
eff_identity_write(struct eff_buf *buf, eff_str key_json, eff_str remote_id,
                   const struct eff_value *match, size_t match_count)
{
    eff_buf_add_slice(buf, key_json);
    eff_buf_add_slice(buf, remote_id);
    for (size_t i = 0; i < match_count; i++)
        eff_value_write(buf, &match[i]);
}

bool
eff_identity_read(eff_str bytes, size_t match_count, struct eff_arena *arena,
                  struct eff_identity *ret_identity)
{
    struct eff_reader reader = eff_reader_of(bytes);

    ret_identity->key_json = eff_read_slice(&reader);
    ret_identity->remote_id = eff_read_slice(&reader);
    ret_identity->match = eff_new(arena, struct eff_value, match_count);
    for (size_t i = 0; i < match_count; i++)
        eff_value_read(&reader, &ret_identity->match[i]);
    return !reader.bad;
}

static eff_str
items_identity(const struct eff_planner *planner, eff_str key_json, eff_str remote_id,
               const struct eff_value *match, struct eff_arena *arena)
{
    struct eff_buf buf = {0};
    eff_str kept;

    if (!planner->with_identities || planner->mode == EFF_MODE_MEMBERS) /* theirs is longer */
        return EFF_STR_NONE;
    eff_identity_write(&buf, key_json, remote_id, match, planner->mapping->match_count);
    kept = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return kept;
}

/* ---- operations ---- */

enum eff_op
eff_plan_removal_op(enum eff_mode mode, enum eff_removed on_removed)
{
    if (mode == EFF_MODE_INSERT || mode == EFF_MODE_APPEND)
        return EFF_OP_NONE;
    if (mode == EFF_MODE_MEMBERS)
        return EFF_OP_REMOVE;
    switch (on_removed) {
    case EFF_REMOVED_CLEAR:
        return EFF_OP_CLEAR;
    case EFF_REMOVED_ARCHIVE:
        return EFF_OP_ARCHIVE;
    case EFF_REMOVED_DELETE:
        return EFF_OP_DELETE;
    case EFF_REMOVED_KEEP:
        break;
    }
    return EFF_OP_NONE;
}

enum eff_op
eff_plan_write_op(enum eff_mode mode, bool is_new)
{
    switch (mode) {
    case EFF_MODE_UPDATE:
        return EFF_OP_UPDATE;
    case EFF_MODE_INSERT: /* what is there already is left alone */
        return is_new ? EFF_OP_CREATE : EFF_OP_NONE;
    case EFF_MODE_APPEND:
        return EFF_OP_APPEND;
    case EFF_MODE_MEMBERS:
        return EFF_OP_ADD;
    case EFF_MODE_UPSERT:
    case EFF_MODE_MIRROR:
        break;
    }
    return EFF_OP_UPSERT;
}

/*
 * The payload is not in the key: after a lost state the provider answers with the
 * old result or a mismatch, and both prove that the record exists. The incarnation is:
 * after a removal, and when the first is proven to have made nothing, a create is another one.
 */
static eff_str
items_idempotency_key(const struct eff_planner *planner, enum eff_op op, eff_str key_json,
                      struct eff_arena *arena)
{
    struct eff_buf buf = {0};
    struct eff_sha256 mac;

    if (planner->limits[op].class != EFF_CLASS_KEYED)
        return EFF_STR_NONE;
    eff_buf_add_slice(&buf, planner->sync);
    eff_buf_add_slice(&buf, planner->object);
    eff_buf_add_slice(&buf, key_json);
    eff_buf_add_slice(&buf, eff_str_of(eff_op_name(op)));
    if (planner->incarnation > 0)
        eff_buf_add_u64(&buf, planner->incarnation);
    mac = eff_hmac_sha256(planner->secret, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return eff_base64(arena, (eff_str){(const char *)mac.bytes, sizeof mac.bytes}, true);
}

/* ---- freezing ---- */

static eff_str
items_key_json(const struct eff_mapping *mapping, const struct eff_value *row,
               struct eff_arena *arena)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    eff_str key;

    eff_json_begin_object(&w);
    for (size_t i = 0; i < mapping->key_count; i++) {
        eff_json_key(&w, mapping->key_names[i]);
        eff_value_json(&w, &row[mapping->key[i]]);
    }
    eff_json_end_object(&w);
    key = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return key;
}

static enum eff_fault
items_match(const struct eff_mapping *mapping, const struct eff_value *row, struct eff_arena *arena,
            const struct eff_value **ret_match, struct eff_err *err)
{
    struct eff_value *match = eff_new(arena, struct eff_value, mapping->match_count);

    for (size_t i = 0; i < mapping->match_count; i++) {
        EFF_TRY(eff_transform_field(&mapping->match[i], row, arena, &match[i], err));
        if (match[i].kind == EFF_NULL || match[i].kind == EFF_ABSENT ||
            (match[i].kind == EFF_TEXT && match[i].len == 0))
            return EFF_FAIL(err, EFF_ROW, "the match value of " EFF_STR_FMT " is empty",
                            EFF_STR_ARG(mapping->match[i].name));
    }
    *ret_match = match;
    return EFF_OK;
}

static enum eff_fault
items_fields(const struct eff_planner *planner, bool only_added, const struct eff_value *row,
             struct eff_arena *arena, const struct eff_value **ret_fields, struct eff_err *err)
{
    const struct eff_mapping *mapping = planner->mapping;
    struct eff_value *fields = eff_new(arena, struct eff_value, mapping->fields_count);

    for (size_t i = 0; i < mapping->fields_count; i++) {
        if (only_added && !planner->field_added[i])
            fields[i].kind = EFF_ABSENT;
        else
            EFF_TRY(eff_transform_field(&mapping->fields[i], row, arena, &fields[i], err));
    }
    *ret_fields = fields;
    return EFF_OK;
}

static bool
items_match_equal(const struct eff_mapping *mapping, const struct eff_value *a,
                  const struct eff_value *b)
{
    struct eff_buf left = {0}, right = {0};
    bool equal;

    for (size_t i = 0; i < mapping->match_count; i++) {
        eff_value_text(&left,
                       &a[i]); /* 7 and "7" are one value: a field's type may be told later */
        eff_buf_add_char(&left, '\0');
        eff_value_text(&right, &b[i]);
        eff_buf_add_char(&right, '\0');
    }
    equal = eff_str_eq(eff_buf_str(&left), eff_buf_str(&right));
    eff_buf_free(&left);
    eff_buf_free(&right);
    return equal;
}

/* What is kept of a record that was passed on to this row, when it is not written after all. */
static eff_str
items_unsure(const struct eff_planner *planner, const struct eff_change *change, eff_str key_json,
             struct eff_arena *arena)
{
    struct eff_identity identity;

    if (!change->passed_on ||
        !eff_identity_read(change->identity, planner->mapping->match_count, arena, &identity))
        return EFF_STR_NONE;
    return items_identity(planner, key_json, identity.remote_id, identity.match, arena);
}

/* The record that was written before is followed to its new match value: no twin. */
static enum eff_planned
items_follow_match(const struct eff_planner *planner, const struct eff_change *change,
                   struct eff_arena *arena, struct eff_planned_item *p, struct eff_err *err)
{
    struct eff_identity identity;

    if (!change->identity.ptr ||
        !eff_identity_read(change->identity, planner->mapping->match_count, arena, &identity))
        return EFF_PLANNED_SEND;
    p->item.remote_id = identity.remote_id;
    if (planner->mapping->match_is_key ||
        items_match_equal(planner->mapping, identity.match, p->item.match))
        return EFF_PLANNED_SEND;
    if (planner->limits[p->op].rematch ||
        (planner->limits[p->op].by_remote_id && identity.remote_id.ptr)) {
        p->item.old_match = identity.match;
        return EFF_PLANNED_SEND;
    }
    EFF_FAIL(err, EFF_ROW,
             "the value of " EFF_STR_FMT " that matches the record has changed, and this "
             "destination cannot move it",
             EFF_STR_ARG(planner->mapping->match[0].name));
    return EFF_PLANNED_HELD;
}

static enum eff_planned
items_follow(const struct eff_planner *planner, const struct eff_value *row,
             struct eff_arena *arena, struct eff_planned_item *p, struct eff_err *err)
{
    struct eff_value *fields = eff_new(arena, struct eff_value, planner->mapping->fields_count);

    p->op = EFF_OP_NONE;
    for (size_t i = 0; i < planner->mapping->fields_count; i++)
        fields[i].kind = EFF_ABSENT;
    p->item.fields = fields;
    p->item.match = eff_new(arena, struct eff_value, planner->mapping->match_count);
    if (!row)
        return EFF_PLANNED_FOLLOW;
    if (items_match(planner->mapping, row, arena, &p->item.match, err) != EFF_OK)
        return EFF_PLANNED_INVALID;
    p->item.key_json = items_key_json(planner->mapping, row, arena);
    p->ack.identity =
        items_identity(planner, p->item.key_json, p->item.remote_id, p->item.match, arena);
    return EFF_PLANNED_FOLLOW;
}

static enum eff_planned
items_removal(const struct eff_planner *planner, const struct eff_change *change,
              struct eff_arena *arena, struct eff_planned_item *p, struct eff_err *err)
{
    struct eff_identity identity;
    struct eff_value *fields;

    p->op = eff_plan_removal_op(planner->mode, planner->on_removed);
    if (p->op == EFF_OP_NONE)
        return EFF_PLANNED_GONE;
    if (!change->identity.ptr ||
        !eff_identity_read(change->identity, planner->mapping->match_count, arena, &identity)) {
        items_follow(planner, NULL, arena, p, err);
        return EFF_PLANNED_LOST;
    }
    fields = eff_new(arena, struct eff_value, planner->mapping->fields_count);
    for (size_t i = 0; p->op != EFF_OP_CLEAR && i < planner->mapping->fields_count; i++)
        fields[i].kind = EFF_ABSENT;
    p->item.key_json = identity.key_json;
    p->item.remote_id = identity.remote_id;
    p->item.match = identity.match;
    p->item.fields = fields;
    return p->op == EFF_OP_REMOVE ? eff_members_remove(planner, change, arena, p, err)
                                  : EFF_PLANNED_SEND;
}

enum eff_planned
eff_plan_change(const struct eff_planner *planner, const struct eff_change *change,
                const struct eff_value *row, struct eff_arena *arena,
                struct eff_planned_item *ret_planned, struct eff_err *err)
{
    bool only_added = change->kind == EFF_CHANGE_COLUMNS;
    struct eff_planned_item *p = ret_planned;
    enum eff_planned planned;

    *p = (struct eff_planned_item){.ack = {.key = change->key, .row = change->row_hash}};
    p->item.key = change->key;
    if (change->kind == EFF_CHANGE_REMOVE)
        return items_removal(planner, change, arena, p, err);
    if (change->kind == EFF_CHANGE_REBASE)
        return items_follow(planner, NULL, arena, p, err);
    p->op = eff_plan_write_op(planner->mode, change->kind == EFF_CHANGE_ADD);
    if (p->op == EFF_OP_UPSERT && !planner->limits[EFF_OP_UPSERT].supported &&
        planner->limits[EFF_OP_CREATE].supported && planner->limits[EFF_OP_UPDATE].supported)
        p->op = change->kind == EFF_CHANGE_ADD ? EFF_OP_CREATE : EFF_OP_UPDATE;
    if ((only_added && !planner->any_added) || (only_added && planner->mode == EFF_MODE_APPEND) ||
        (p->op == EFF_OP_NONE && only_added))
        return items_follow(planner, row, arena, p, err);
    if (p->op == EFF_OP_NONE)
        return EFF_PLANNED_LEAVE;

    p->item.key_json = items_key_json(planner->mapping, row, arena);
    if (items_match(planner->mapping, row, arena, &p->item.match, err) != EFF_OK ||
        items_fields(planner,
                     only_added && !planner->limits[p->op].whole_rows && p->op != EFF_OP_ADD, row,
                     arena, &p->item.fields, err) != EFF_OK)
        return EFF_PLANNED_INVALID;
    p->item.idempotency_key = items_idempotency_key(planner, p->op, p->item.key_json, arena);
    if (p->op == EFF_OP_ADD)
        return eff_members_add(planner, change, arena, p, err);
    planned = items_follow_match(planner, change, arena, p, err);
    p->ack.identity =
        items_identity(planner, p->item.key_json, p->item.remote_id, p->item.match, arena);
    p->ack.unsure = items_unsure(planner, change, p->item.key_json, arena);
    return planned;
}
