/*
 * plan/members: which identifiers enter and leave a list when a row changes.
 */
#include "plan/members.h"

#include "plan/transform.h"

/* ---- a member ---- */

static bool
members_given(const struct eff_value *value)
{
    return value->kind != EFF_NULL && value->kind != EFF_ABSENT &&
           !(value->kind == EFF_TEXT && value->len == 0);
}

/* Of a row's values those that `remove` uses. */
static void
members_pick(const struct eff_planner *planner, const struct eff_value *match,
             const struct eff_value *fields, struct eff_value *ret_member)
{
    const struct eff_op_limits *remove = &planner->limits[EFF_OP_REMOVE];
    size_t match_count = planner->mapping->match_count;

    for (size_t i = 0; i < match_count; i++) {
        ret_member[i] = (struct eff_value){.kind = EFF_ABSENT};
        if (remove->uses_match && members_given(&match[i]))
            ret_member[i] = match[i];
    }
    for (size_t i = 0; i < planner->mapping->fields_count; i++) {
        ret_member[match_count + i] = (struct eff_value){.kind = EFF_ABSENT};
        if (remove->uses_fields[i] && members_given(&fields[i]))
            ret_member[match_count + i] = fields[i];
    }
}

static bool
members_any(const struct eff_value *member, size_t width)
{
    for (size_t i = 0; i < width; i++)
        if (member[i].kind != EFF_ABSENT)
            return true;
    return false;
}

static bool
members_value_equal(const struct eff_value *a, const struct eff_value *b)
{
    struct eff_buf left = {0}, right = {0};
    bool equal;

    eff_value_text(&left, a);
    eff_value_text(&right, b);
    equal = eff_str_eq(eff_buf_str(&left), eff_buf_str(&right));
    eff_buf_free(&left);
    eff_buf_free(&right);
    return equal;
}

/* Every identifier of a is one of b: whoever a is, b is that one too. */
static bool
members_within(const struct eff_value *a, const struct eff_value *b, size_t width)
{
    for (size_t i = 0; i < width; i++)
        if (a[i].kind != EFF_ABSENT &&
            (b[i].kind == EFF_ABSENT || !members_value_equal(&a[i], &b[i])))
            return false;
    return true;
}

void
eff_members_text(const struct eff_planner *planner, const struct eff_value *member, bool fold,
                 struct eff_arena scratch, struct eff_buf *buf)
{
    const struct eff_mapping *mapping = planner->mapping;
    struct eff_buf text = {0};

    for (size_t i = 0; i < mapping->match_count + mapping->fields_count; i++) {
        eff_str value;

        if (member[i].kind == EFF_ABSENT)
            continue;
        eff_buf_reset(&text);
        eff_value_text(&text, &member[i]);
        value = eff_buf_str(&text);
        if (fold)
            value = eff_str_lower(&scratch, eff_str_trim(value));
        eff_buf_add_slice(buf, i < mapping->match_count
                                   ? mapping->match[i].name
                                   : mapping->fields[i - mapping->match_count].name);
        eff_buf_add_slice(buf, value);
    }
    eff_buf_free(&text);
}

bool
eff_members_of_row(const struct eff_planner *planner, const struct eff_value *row,
                   struct eff_arena *arena, struct eff_members *ret_member, struct eff_err *err)
{
    const struct eff_mapping *mapping = planner->mapping;
    size_t width = mapping->match_count + mapping->fields_count;
    struct eff_value *values = eff_new(arena, struct eff_value, width);

    for (size_t i = 0; i < width; i++)
        if (eff_transform_field(i < mapping->match_count
                                    ? &mapping->match[i]
                                    : &mapping->fields[i - mapping->match_count],
                                row, arena, &values[i], err) != EFF_OK)
            return false;
    *ret_member = (struct eff_members){1, width, eff_new(arena, struct eff_value, width)};
    members_pick(planner, values, values + mapping->match_count, ret_member->at);
    return members_any(ret_member->at, width);
}

/* ---- what is kept ---- */

/* Behind what every identity has: how many members, and of each what it has, by name. */
static void
members_write_one(const struct eff_planner *planner, const struct eff_value *member,
                  struct eff_buf *buf)
{
    const struct eff_mapping *mapping = planner->mapping;
    const struct eff_value *fields = member + mapping->match_count;
    uint32_t count = 0;

    for (size_t i = 0; i < mapping->match_count; i++)
        eff_value_write(buf, &member[i]);
    for (size_t i = 0; i < mapping->fields_count; i++)
        count += fields[i].kind != EFF_ABSENT;
    eff_buf_add_u32(buf, count);
    for (size_t i = 0; i < mapping->fields_count; i++) {
        if (fields[i].kind == EFF_ABSENT)
            continue;
        eff_buf_add_slice(buf, mapping->fields[i].name);
        eff_value_write(buf, &fields[i]);
    }
}

static eff_str
members_write(const struct eff_planner *planner, const struct eff_item *item,
              const struct eff_members *members, struct eff_arena *arena)
{
    struct eff_buf buf = {0};
    eff_str kept;

    eff_identity_write(&buf, item->key_json, item->remote_id, item->match,
                       planner->mapping->match_count);
    eff_buf_add_u32(&buf, (uint32_t)members->count);
    for (size_t i = 0; i < members->count; i++)
        members_write_one(planner, &members->at[i * members->width], &buf);
    kept = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return kept;
}

/* A field that has left the mapping is no identifier any more. */
static void
members_read_one(const struct eff_planner *planner, struct eff_reader *reader,
                 struct eff_value *ret_member)
{
    const struct eff_mapping *mapping = planner->mapping;
    uint32_t count;

    for (size_t i = 0; i < mapping->match_count; i++)
        eff_value_read(reader, &ret_member[i]);
    for (size_t i = 0; i < mapping->fields_count; i++)
        ret_member[mapping->match_count + i] = (struct eff_value){.kind = EFF_ABSENT};
    count = eff_read_u32(reader);
    for (uint32_t k = 0; k < count && !reader->bad; k++) {
        eff_str name = eff_read_slice(reader);
        struct eff_value value;

        eff_value_read(reader, &value);
        for (size_t i = 0; i < mapping->fields_count; i++)
            if (eff_str_eq(mapping->fields[i].name, name))
                ret_member[mapping->match_count + i] = value;
    }
}

bool
eff_members_read(const struct eff_planner *planner, eff_str identity, struct eff_arena *arena,
                 struct eff_members *ret_members)
{
    const struct eff_mapping *mapping = planner->mapping;
    struct eff_reader reader = eff_reader_of(identity);
    struct eff_members members = {.width = mapping->match_count + mapping->fields_count};
    struct eff_value skipped;

    eff_read_slice(&reader);
    eff_read_slice(&reader);
    for (size_t i = 0; i < mapping->match_count; i++)
        eff_value_read(&reader, &skipped);
    members.count = eff_read_u32(&reader);
    if (reader.bad || members.count == 0 || members.count > EFF_MEMBERS_MAX)
        return false;
    members.at = eff_new(arena, struct eff_value, members.count * members.width);
    for (size_t i = 0; i < members.count; i++)
        members_read_one(planner, &reader, &members.at[i * members.width]);
    *ret_members = members;
    return !reader.bad;
}

/* ---- what enters and leaves ---- */

static bool
members_claimed(const struct eff_change *change, size_t member)
{
    return change->claimed >> member & 1;
}

static void
members_append(struct eff_members *members, const struct eff_value *member)
{
    memcpy(&members->at[members->count++ * members->width], member,
           members->width * sizeof member[0]);
}

static struct eff_members
members_room(size_t count, size_t width, struct eff_arena *arena)
{
    return (struct eff_members){.width = width,
                                .at = eff_new(arena, struct eff_value, count * width)};
}

enum eff_planned
eff_members_add(const struct eff_planner *planner, const struct eff_change *change,
                struct eff_arena *arena, struct eff_planned_item *p, struct eff_err *err)
{
    size_t width = planner->mapping->match_count + planner->mapping->fields_count;
    struct eff_members all, old = {0};
    struct eff_value *now = eff_new(arena, struct eff_value, width);

    members_pick(planner, p->item.match, p->item.fields, now);
    if (!members_any(now, width)) {
        EFF_FAIL(err, EFF_ROW, "the row has no identifier: all that say who it is are empty");
        return EFF_PLANNED_INVALID;
    }
    if (change->identity.ptr && !eff_members_read(planner, change->identity, arena, &old)) {
        EFF_FAIL(err, EFF_ROW, "what to take out is not known: the identifiers were not kept");
        return EFF_PLANNED_HELD;
    }
    if (old.count + 1 > EFF_MEMBERS_MAX) {
        EFF_FAIL(err, EFF_ROW, "%zu changes of this row had no answer, one after the other",
                 old.count);
        return EFF_PLANNED_HELD;
    }
    all = members_room(old.count + 1, width, arena);
    members_append(&all, now);
    p->ack.identity = members_write(planner, &p->item, &all, arena);
    for (size_t i = 0; i < old.count; i++)
        if (!members_claimed(change, i) && members_any(&old.at[i * width], width) &&
            !members_within(&old.at[i * width], now, width))
            members_append(&all, &old.at[i * width]);
    if (all.count == 1)
        return EFF_PLANNED_SEND;
    p->item.leaving_count = all.count - 1;
    p->item.leaving = all.at + width;
    p->ack.unsure = members_write(planner, &p->item, &all, arena);
    return EFF_PLANNED_SEND;
}

enum eff_planned
eff_members_remove(const struct eff_planner *planner, const struct eff_change *change,
                   struct eff_arena *arena, struct eff_planned_item *p, struct eff_err *err)
{
    size_t match_count = planner->mapping->match_count, claimed = 0;
    struct eff_members old, leaving;

    if (!eff_members_read(planner, change->identity, arena, &old)) {
        EFF_FAIL(err, EFF_ROW, "what to take out is not known: the identifiers were not kept");
        return EFF_PLANNED_HELD;
    }
    leaving = members_room(old.count, old.width, arena);
    for (size_t i = 0; i < old.count; i++) {
        const struct eff_value *member = &old.at[i * old.width];

        if (members_claimed(change, i))
            claimed++;
        else if (members_any(member, old.width))
            members_append(&leaving, member);
    }
    if (leaving.count == 0 && claimed > 0)
        return EFF_PLANNED_GONE;
    if (leaving.count == 0) {
        EFF_FAIL(err, EFF_ROW, "what to take out is not known: its identifiers left the mapping");
        return EFF_PLANNED_HELD;
    }
    p->item.match = leaving.at;
    p->item.fields = leaving.at + match_count;
    p->item.leaving_count = leaving.count - 1;
    p->item.leaving = leaving.at + leaving.width;
    return EFF_PLANNED_SEND;
}
