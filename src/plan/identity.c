/*
 * plan/identity: what a field is, as 64 bits that outlive this program.
 *
 * A serialisation in which every text has its length before it and every list its
 * count, so that no two mappings share one. Numbers of enums stand in it: those of
 * flow/value and flow/mapping never change their meaning.
 */
#include "plan/identity.h"

#include "base/hash.h"

/* Both are part of every identity in every state: a change resends every column. */
#define IDENTITY_SEED    UINT64_C(0x65666665726e7431)
#define IDENTITY_VERSION 1

static void
identity_add_str(struct eff_buf *buf, eff_str s)
{
    eff_buf_add_u64(buf, s.len);
    eff_buf_add(buf, s);
}

static void
identity_add_value(struct eff_buf *buf, const struct eff_value *value)
{
    uint64_t bits = 0;

    eff_buf_add_char(buf, (char)value->kind);
    switch ((enum eff_kind)value->kind) {
    case EFF_BOOL:
    case EFF_INT:
    case EFF_DATE:
    case EFF_TIME:
    case EFF_DATETIME:
    case EFF_INSTANT:
        eff_buf_add_u64(buf, (uint64_t)value->i);
        eff_buf_add_u32(buf, value->kind >= EFF_TIME ? value->len : 0);
        break;
    case EFF_FLOAT:
        memcpy(&bits, &value->f, sizeof(bits));
        eff_buf_add_u64(buf, bits);
        break;
    case EFF_DECIMAL:
    case EFF_TEXT:
    case EFF_BYTES:
    case EFF_JSON:
    case EFF_BAD:
        identity_add_str(buf, eff_value_str(value));
        break;
    case EFF_NULL:
    case EFF_ABSENT:
        break;
    }
}

/* Of each kind only what it uses, so that a new member of the struct changes no identity. */
static void
identity_add_transform(struct eff_buf *buf, const struct eff_transform *transform)
{
    eff_buf_add_char(buf, (char)transform->kind);
    switch (transform->kind) {
    case EFF_TRANSFORM_MAP:
        eff_buf_add_u64(buf, transform->pairs_count);
        for (size_t i = 0; i < transform->pairs_count; i++) {
            identity_add_str(buf, transform->pairs[i].from);
            identity_add_value(buf, &transform->pairs[i].to);
        }
        eff_buf_add_char(buf, transform->has_otherwise);
        if (transform->has_otherwise)
            identity_add_value(buf, &transform->value);
        break;
    case EFF_TRANSFORM_CAST:
    case EFF_TRANSFORM_FIT:
        eff_buf_add_char(buf, (char)transform->cast);
        break;
    case EFF_TRANSFORM_FORMAT:
        identity_add_str(buf, transform->format);
        break;
    case EFF_TRANSFORM_ZONE: // by its name: rules that a state changes later resend nothing
        identity_add_str(buf, transform->zone_name);
        break;
    case EFF_TRANSFORM_DEFAULT:
        identity_add_value(buf, &transform->value);
        break;
    case EFF_TRANSFORM_NORMALIZE:
        eff_buf_add_char(buf, (char)transform->normalize);
        break;
    case EFF_TRANSFORM_TRIM:
    case EFF_TRANSFORM_LOWER:
    case EFF_TRANSFORM_UPPER:
    case EFF_TRANSFORM_HASH:
        break;
    }
}

static void
identity_add_inputs(struct eff_buf *buf, const struct eff_field *field, struct eff_arena scratch)
{
    eff_buf_add_u64(buf, field->inputs_count);
    for (size_t i = 0; i < field->inputs_count; i++)
        identity_add_str(buf, eff_str_lower(&scratch, field->input_names[i]));
    eff_buf_add_u64(buf, field->parts_count);
    for (size_t i = 0; i < field->parts_count; i++) {
        bool is_input = field->parts[i].input != SIZE_MAX;

        eff_buf_add_char(buf, is_input);
        if (is_input)
            eff_buf_add_u64(buf, field->parts[i].input);
        else
            identity_add_str(buf, field->parts[i].text);
    }
    if (field->inputs_count == 0)
        identity_add_value(buf, &field->constant);
}

uint64_t
eff_identity_of_field(const struct eff_field *field, struct eff_buf *buf, struct eff_arena scratch)
{
    eff_buf_reset(buf);
    eff_buf_add_char(buf, IDENTITY_VERSION);
    identity_add_str(buf, field->name);
    identity_add_inputs(buf, field, scratch);
    eff_buf_add_u64(buf, field->transforms_count);
    for (size_t i = 0; i < field->transforms_count; i++)
        identity_add_transform(buf, &field->transforms[i]);
    eff_buf_add_char(buf, (char)field->on_null);
    return eff_xxh3(IDENTITY_SEED, buf->ptr, buf->len);
}
