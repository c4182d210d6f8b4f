/*
 * state/export_manifest: EXPORT.json, written and read.
 *
 * Its last member is the SHA-256 of the whole text with zeroes in that place, so
 * that a changed manifest is noticed like any other changed file. What it names is
 * checked before it becomes a path.
 */
#include "base/clock.h"
#include "base/json.h"
#include "state/export.h"
#include "state/snapshot_file.h"

#define MANIFEST_FORMAT 1
#define MANIFEST_MAX    ((size_t)256 << 20)
#define MANIFEST_ZEROES "0000000000000000000000000000000000000000000000000000000000000000"
#define MANIFEST_DIGITS (sizeof MANIFEST_ZEROES - 1)
#define MANIFEST_TAIL   "\"\n}\n" /* behind the digits */

/* ---- writing ---- */

static void
manifest_write_hex(struct eff_json_writer *w, const char *key, struct eff_sha256 digest)
{
    char digits[MANIFEST_DIGITS + 1];

    for (size_t i = 0; i < sizeof digest.bytes; i++) {
        digits[2 * i] = "0123456789abcdef"[digest.bytes[i] >> 4];
        digits[2 * i + 1] = "0123456789abcdef"[digest.bytes[i] & 15];
    }
    eff_json_field_str(w, key, (eff_str){digits, MANIFEST_DIGITS});
}

static void
manifest_write_file(struct eff_json_writer *w, const struct eff_export_file *file)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "name", file->name);
    eff_json_field_int(w, "bytes", (int64_t)file->bytes);
    manifest_write_hex(w, "sha256", file->digest);
    eff_json_end_object(w);
}

static void
manifest_write_sync(struct eff_json_writer *w, const struct eff_export_sync *sync)
{
    eff_json_begin_object(w);
    eff_json_field_str(w, "name", sync->name);
    eff_json_field_int(w, "generation", (int64_t)sync->generation);
    eff_json_field_int(w, "rows", (int64_t)sync->rows);
    if (sync->open_run.ptr)
        eff_json_field_str(w, "open_run", sync->open_run);
    eff_json_key(w, EFF_STR("columns"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < sync->columns_count; i++)
        eff_json_write_str(w, sync->columns[i]);
    eff_json_end_array(w);
    eff_json_key(w, EFF_STR("files"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < sync->files_count; i++)
        manifest_write_file(w, &sync->files[i]);
    eff_json_end_array(w);
    eff_json_end_object(w);
}

static void
manifest_write(struct eff_json_writer *w, const struct eff_export *export_)
{
    char when[EFF_TIME_TEXT_MAX];
    size_t len = eff_datetime_text(export_->when_ms * 1000, 0, true, when);

    eff_json_begin_object(w);
    eff_json_field_int(w, "format", MANIFEST_FORMAT);
    eff_json_field_str(w, "efferent", export_->efferent);
    eff_json_field_str(w, "project", export_->project);
    if (export_->target.ptr)
        eff_json_field_str(w, "target", export_->target);
    eff_json_field_str(w, "when", (eff_str){when, len});
    eff_json_field_int(w, "when_ms", export_->when_ms);
    eff_json_key(w, EFF_STR("control"));
    manifest_write_file(w, &export_->control);
    eff_json_key(w, EFF_STR("syncs"));
    eff_json_begin_array(w);
    for (size_t i = 0; i < export_->syncs_count; i++)
        manifest_write_sync(w, &export_->syncs[i]);
    eff_json_end_array(w);
    eff_json_field_str(w, "digest", EFF_STR(MANIFEST_ZEROES));
    eff_json_end_object(w);
    eff_buf_add_char(w->buf, '\n');
}

/* Replaces the zeroes at the end. */
static void
manifest_seal(struct eff_buf *buf)
{
    struct eff_sha256 digest = eff_sha256(eff_buf_str(buf));
    char *digits = buf->ptr + buf->len - (sizeof MANIFEST_TAIL - 1) - MANIFEST_DIGITS;

    for (size_t i = 0; i < sizeof digest.bytes; i++) {
        digits[2 * i] = "0123456789abcdef"[digest.bytes[i] >> 4];
        digits[2 * i + 1] = "0123456789abcdef"[digest.bytes[i] & 15];
    }
}

enum eff_fault
eff_export_commit(struct eff_os *os, const char *folder, const struct eff_export *export_,
                  struct eff_err *err)
{
    struct eff_buf path = {0}, buf = {0};
    struct eff_json_writer w = {.buf = &buf, .indent = 2};
    enum eff_fault fault;

    eff_buf_addf(&path, "%s/" EFF_EXPORT_MANIFEST, folder);
    eff_buf_add_char(&path, '\0');
    manifest_write(&w, export_);
    if (buf.full || path.full) {
        fault = EFF_FAIL(err, EFF_BROKEN, "out of memory for the manifest of %s", folder);
    } else {
        manifest_seal(&buf);
        fault = eff_os_replace_file(os, path.ptr, eff_buf_str(&buf), err);
    }
    eff_buf_free(&buf);
    eff_buf_free(&path);
    return fault;
}

/* ---- reading ---- */

struct manifest_reader {
    struct eff_arena *arena;
    const char *bad; /* what is wrong; NULL: nothing yet */
};

static void
manifest_bad(struct manifest_reader *r, const char *what)
{
    if (!r->bad)
        r->bad = what;
}

static uint64_t
manifest_number(struct manifest_reader *r, const struct eff_json *object, const char *key)
{
    int64_t value = 0;

    if (!eff_json_int(eff_json_get(object, eff_str_of(key)), &value) || value < 0)
        manifest_bad(r, "a number is missing");
    return (uint64_t)value;
}

static eff_str
manifest_text(struct manifest_reader *r, const struct eff_json *object, const char *key)
{
    const struct eff_json *value = eff_json_get(object, eff_str_of(key));

    if (eff_json_type(value) != EFF_JSON_STRING) {
        manifest_bad(r, "a text is missing");
        return EFF_STR("");
    }
    return eff_json_str(value);
}

static struct eff_export_file
manifest_read_file(struct manifest_reader *r, const struct eff_json *object)
{
    struct eff_export_file file = {
        .name = manifest_text(r, object, "name"),
        .bytes = manifest_number(r, object, "bytes"),
    };

    if (!eff_unhex(manifest_text(r, object, "sha256"), file.digest.bytes, sizeof file.digest.bytes))
        manifest_bad(r, "a SHA-256 is none");
    return file;
}

/* A name of the folder of a sync that an export has: nothing else is copied by its name. */
static bool
manifest_file_name(eff_str name)
{
    uint64_t generation;
    eff_str id;

    switch (eff_snapshot_name_read(name, &generation)) {
    case SNAPSHOT_NAME_ENTRIES:
    case SNAPSHOT_NAME_IDENTITIES:
        return true;
    default:
        break;
    }
    if (!eff_str_starts(name, EFF_STR("changes-")) && !eff_str_starts(name, EFF_STR("history-")))
        return false;
    id = eff_str_sub(name, 8, SIZE_MAX);
    return eff_export_sync_name(id);
}

static void
manifest_read_sync(struct manifest_reader *r, const struct eff_json *object,
                   struct eff_export_sync *ret_sync)
{
    const struct eff_json *files = eff_json_get(object, EFF_STR("files")), *value;
    const struct eff_json *columns = eff_json_get(object, EFF_STR("columns"));
    struct eff_json_iter iter = eff_json_iterate(files);
    eff_str *names = eff_new(r->arena, eff_str, eff_json_count(columns));

    ret_sync->name = manifest_text(r, object, "name");
    ret_sync->generation = manifest_number(r, object, "generation");
    ret_sync->rows = manifest_number(r, object, "rows");
    ret_sync->open_run = eff_json_str(eff_json_get(object, EFF_STR("open_run")));
    ret_sync->columns = names;
    ret_sync->files = eff_new(r->arena, struct eff_export_file, eff_json_count(files));
    while (eff_json_next(&iter, NULL, &value)) {
        struct eff_export_file *file = &ret_sync->files[ret_sync->files_count++];

        *file = manifest_read_file(r, value);
        if (!manifest_file_name(file->name))
            manifest_bad(r, "it names a file that is no part of a state");
    }
    for (iter = eff_json_iterate(columns); eff_json_next(&iter, NULL, &value);)
        names[ret_sync->columns_count++] = eff_json_str(value);
    if (!eff_export_sync_name(ret_sync->name))
        manifest_bad(r, "it names a sync as no sync can be named");
}

static void
manifest_read(struct manifest_reader *r, const struct eff_json *root, struct eff_export *ret_export)
{
    const struct eff_json *syncs = eff_json_get(root, EFF_STR("syncs")), *value;
    struct eff_json_iter iter = eff_json_iterate(syncs);

    *ret_export = (struct eff_export){
        .efferent = manifest_text(r, root, "efferent"),
        .project = manifest_text(r, root, "project"),
        .target = eff_json_str(eff_json_get(root, EFF_STR("target"))),
        .when_ms = (int64_t)manifest_number(r, root, "when_ms"),
        .control = manifest_read_file(r, eff_json_get(root, EFF_STR("control"))),
        .syncs = eff_new(r->arena, struct eff_export_sync, eff_json_count(syncs)),
    };
    if (!eff_str_is(ret_export->control.name, EFF_EXPORT_CONTROL))
        manifest_bad(r, "it names no control file");
    while (eff_json_next(&iter, NULL, &value))
        manifest_read_sync(r, value, &ret_export->syncs[ret_export->syncs_count++]);
}

/* The text with zeroes for its digest has that digest; in our own lower case, so that no flip passes. */
static bool
manifest_digest_fits(eff_str text, struct eff_arena scratch)
{
    size_t tail = sizeof MANIFEST_TAIL - 1;
    struct eff_sha256 digest;
    eff_str told;
    char *copy;

    if (text.len < MANIFEST_DIGITS + tail || !eff_str_ends(text, EFF_STR(MANIFEST_TAIL)))
        return false;
    copy = eff_str_c(&scratch, text);
    told = eff_str_sub(text, text.len - tail - MANIFEST_DIGITS, MANIFEST_DIGITS);
    memcpy(copy + text.len - tail - MANIFEST_DIGITS, MANIFEST_ZEROES, MANIFEST_DIGITS);
    digest = eff_sha256((eff_str){copy, text.len});
    return eff_str_eq(told, eff_hex(&scratch, digest.bytes, sizeof digest.bytes));
}

static enum eff_fault
manifest_missing(struct eff_os *os, const char *folder, struct eff_arena scratch,
                 struct eff_err *err)
{
    if (!os->exists(os->self, folder)) {
        EFF_FAIL(err, EFF_CONFIG, "there is no folder %s", folder);
        return eff_err_hint(err, "Name the folder that `efferent state export` wrote.");
    }
    if (os->exists(os->self, eff_str_printf(&scratch, "%s/" EFF_EXPORT_UNFINISHED, folder).ptr)) {
        EFF_FAIL(err, EFF_CONFIG, "the export in %s is incomplete: it has no " EFF_EXPORT_MANIFEST,
                 folder);
        return eff_err_hint(err, "It was interrupted, or only a part was copied. Export again.");
    }
    EFF_FAIL(err, EFF_CONFIG,
             "%s is no export, or an incomplete one: it has no " EFF_EXPORT_MANIFEST, folder);
    return eff_err_hint(err, "Name a folder that `efferent state export` has completed.");
}

static enum eff_fault
manifest_check_format(const struct eff_json *root, const char *path, struct eff_err *err)
{
    int64_t format = 0;

    eff_json_int(eff_json_get(root, EFF_STR("format")), &format);
    if (format == MANIFEST_FORMAT)
        return EFF_OK;
    EFF_FAIL(err, EFF_CONFIG, "%s has format %lld, this efferent knows %d", path, (long long)format,
             MANIFEST_FORMAT);
    return eff_err_hint(err, "Use the version of efferent that wrote it, or a newer one.");
}

enum eff_fault
eff_export_read(struct eff_os *os, const char *folder, struct eff_arena *arena,
                struct eff_export *ret_export, struct eff_err *err)
{
    const char *path = eff_str_printf(arena, "%s/" EFF_EXPORT_MANIFEST, folder).ptr;
    struct manifest_reader r = {.arena = arena};
    const struct eff_json *root;
    eff_str text;

    if (!os->exists(os->self, path))
        return manifest_missing(os, folder, *arena, err);
    EFF_TRY(eff_os_read_file(os, path, MANIFEST_MAX, arena, &text, err));
    if (!manifest_digest_fits(text, *arena)) {
        EFF_FAIL(err, EFF_BROKEN, "%s was changed: it does not fit its own digest", path);
        return eff_err_hint(err, "Export again, or take another copy of this export.");
    }
    if (eff_json_parse(text, arena, &root, err) != EFF_OK)
        return EFF_FAIL(err, EFF_BROKEN, "%s cannot be read as JSON", path);
    EFF_TRY(manifest_check_format(root, path, err));
    manifest_read(&r, root, ret_export);
    return r.bad ? EFF_FAIL(err, EFF_BROKEN, "%s does not read back: %s", path, r.bad) : EFF_OK;
}
