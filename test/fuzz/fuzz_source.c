/*
 * Goal: no schema of Arrow's, no driver manifest and no binary field of PostgreSQL's crashes,
 * hangs or exhausts who reads it; what is accepted has a form that can be read.
 * Method: the first byte chooses. A schema is built from the bytes, as deep and wide as they say,
 * with children that may be missing and miscounted; a manifest lies under a name that is there; a
 * field is read in each of PostgreSQL's forms. What carries no lengths (an Arrow array's buffers)
 * could not be checked by anybody, and is not made up here.
 */
// links: base flow os conf source
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/adbc_find.h"
#include "source/arrow_type.h"
#include "source/postgres_type.h"

#define FUZZ_TYPES_MAX 400 /* more than so many are left out */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

/* ---- schemas ---- */

struct builder {
    struct eff_reader reader;
    struct eff_arena *arena;
    unsigned types;
};

static void
schema_released(struct eff_arrow_schema *schema)
{
    schema->release = NULL;
}

/* A text with a byte before it that tells its length. */
static eff_str
build_text(struct builder *b)
{
    size_t len = eff_read_u8(&b->reader), left = (size_t)(b->reader.end - b->reader.at);

    return eff_read_bytes(&b->reader, len < left ? len : left);
}

static void
build_pair(struct eff_buf *buf, eff_str text)
{
    int32_t len = (int32_t)text.len;

    eff_buf_add_bytes(buf, &len, sizeof len);
    eff_buf_add(buf, text);
}

/* An extension, as the interface packs it: its name, and what it says of itself. */
static const char *
build_metadata(struct builder *b)
{
    struct eff_buf buf = {0};
    int32_t pairs = 2;
    const char *packed;

    eff_buf_add_bytes(&buf, &pairs, sizeof pairs);
    build_pair(&buf, EFF_STR("ARROW:extension:name"));
    build_pair(&buf, build_text(b));
    build_pair(&buf, EFF_STR("ARROW:extension:metadata"));
    build_pair(&buf, build_text(b));
    packed = eff_str_copy(b->arena, eff_buf_str(&buf)).ptr;
    eff_buf_free(&buf);
    return packed;
}

static struct eff_arrow_schema *
build_schema(struct builder *b, unsigned depth)
{
    struct eff_arrow_schema *schema = eff_new(b->arena, struct eff_arrow_schema, 1);
    uint8_t shape = eff_read_u8(&b->reader); /* bits 0-3: children; then what else there is */

    schema->release = schema_released;
    schema->format = eff_str_c(b->arena, build_text(b));
    schema->name = shape & 0x10 ? eff_str_c(b->arena, build_text(b)) : "c";
    schema->metadata = shape & 0x20 ? build_metadata(b) : NULL;
    schema->n_children = shape & 15;
    schema->children = eff_new(b->arena, struct eff_arrow_schema *, 16);
    for (int64_t i = 0; i < schema->n_children; i++)
        schema->children[i] =
            depth < 40 && ++b->types < FUZZ_TYPES_MAX ? build_schema(b, depth + 1) : NULL;
    if (shape & 0x40 && depth < 40)
        schema->dictionary = build_schema(b, depth + 1);
    if (shape & 0x80)
        schema->n_children = -(int64_t)(shape & 15);
    return schema;
}

static void
check_type(const struct eff_arrow_type *type, unsigned depth)
{
    must(depth <= EFF_ARROW_DEPTH_MAX);
    must(type->kind >= EFF_ARROW_NULL && type->kind <= EFF_ARROW_RUNS && type->size >= 0);
    if (type->kind == EFF_ARROW_DECIMAL)
        must(type->precision > 0 && type->width >= 4 && type->width <= 32);
    for (size_t i = 0; i < type->children_count; i++)
        check_type(&type->children[i], depth + 1);
    for (int i = 0; type->member_of && i < 128; i++)
        must(type->member_of[i] < (int64_t)type->children_count);
    if (type->dictionary)
        check_type(type->dictionary, depth + 1);
}

static void
fuzz_schema(eff_str bytes, struct eff_arena *arena)
{
    struct builder b = {.reader = eff_reader_of(bytes), .arena = arena};
    const struct eff_arrow_schema *schema = build_schema(&b, 0);
    struct eff_column column = {0};
    struct eff_arrow_type type;
    struct eff_err err = {0};

    if (eff_arrow_type_of(schema, arena, &type, &err) != EFF_OK) {
        must((err.fault == EFF_CONFIG || err.fault == EFF_BROKEN) && err.msg[0] != '\0');
        return;
    }
    check_type(&type, 0);
    eff_arrow_describe(&type, arena, &column);
    must(column.type_name.len > 0);
}

/* ---- driver manifests ---- */

static eff_str manifest;

static enum eff_fault
world_open(void *self, const char *path, unsigned flags, struct eff_file **ret_file,
           struct eff_err *err)
{
    (void)self;
    (void)path;
    (void)flags;
    (void)err;
    *ret_file = NULL;
    return EFF_OK;
}

static enum eff_fault
world_read(struct eff_file *file, uint64_t offset, void *ptr, size_t len, size_t *ret_len,
           struct eff_err *err)
{
    eff_str piece = eff_str_sub(manifest, (size_t)offset, len);

    (void)file;
    (void)err;
    if (piece.len > 0)
        memcpy(ptr, piece.ptr, piece.len);
    *ret_len = piece.len;
    return EFF_OK;
}

static void
world_close(struct eff_file *file)
{
    (void)file;
}

/* Only that a file of the name is there is asked of the machine. */
static eff_str
manifest_path(void)
{
    static char path[] = "/tmp/efferent-fuzz-XXXXXX.toml";
    static bool made;

    if (!made) {
        int fd = mkstemps(path, 5);

        must(fd >= 0);
        close(fd);
        made = true;
    }
    return eff_str_of(path);
}

static void
manifest_remove(void)
{
    unlink(manifest_path().ptr);
}

static void
fuzz_driver(eff_str bytes, struct eff_arena *arena)
{
    static bool registered;
    struct eff_os os = {.open = world_open, .read = world_read, .close = world_close};
    struct eff_adbc_place place;
    struct eff_err err = {0};

    if (!registered)
        atexit(manifest_remove);
    registered = true;
    manifest = bytes;
    if (eff_adbc_find(manifest_path(), &os, arena, &place, &err) != EFF_OK)
        must(err.fault == EFF_CONFIG && err.msg[0] != '\0' && place.file == NULL);
    else
        must(place.file != NULL && place.file[0] == '/');
}

/* ---- PostgreSQL's fields ---- */

static void
fuzz_field(eff_str bytes, struct eff_arena *arena)
{
    for (int form = EFF_PG_BOOL; form <= EFF_PG_CAST_JSON; form++) {
        struct eff_value value = {0};
        struct eff_buf text = {0};

        if (!eff_pg_field((enum eff_pg_form)form, (const unsigned char *)bytes.ptr, bytes.len,
                          arena, &value))
            continue;
        must(value.kind == EFF_BAD || value.kind == eff_pg_kind_of((enum eff_pg_form)form));
        eff_value_text(&text, &value);
        eff_buf_free(&text);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct eff_arena arena;
    eff_str bytes;
    char *copy;

    if (size == 0 || size > 1 << 15)
        return 0;
    if (!arena.base)
        eff_arena_init(&arena, "fuzz", (size_t)256 << 20);
    eff_arena_reset(&arena);
    copy = malloc(size); /* its end is a border that the sanitizer sees */
    must(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    bytes = (eff_str){copy, size - 1};
    switch (data[0] % 3) {
    case 0:
        fuzz_schema(bytes, &arena);
        break;
    case 1:
        fuzz_driver(bytes, &arena);
        break;
    default:
        fuzz_field(bytes, &arena);
    }
    free(copy);
    return 0;
}
