/*
 * run/zones: the time zones that a sync names, read from the system's database.
 *
 * They are read here, and not by the C library, because a process can have only one zone there
 * at a time, which is global; and because whoever computes opens no file.
 */
#include "run/sync.h"

#define ZONES_FOLDER "/usr/share/zoneinfo"

/* "Europe/Berlin", "Etc/GMT+1": a path below the folder, and nothing else. */
static bool
zones_name_good(eff_str name)
{
    bool good = name.len > 0 && name.len < 64 && name.ptr[0] != '/';

    for (size_t i = 0; good && i < name.len; i++)
        good = (name.ptr[i] >= 'a' && name.ptr[i] <= 'z') ||
               (name.ptr[i] >= 'A' && name.ptr[i] <= 'Z') ||
               (name.ptr[i] >= '0' && name.ptr[i] <= '9') || memchr("/_+-", name.ptr[i], 4) != NULL;
    return good;
}

static enum eff_fault
zones_unknown(struct eff_sync_run *r, eff_str name, struct eff_err *err)
{
    (void)EFF_FAIL(err, EFF_CONFIG, "there is no time zone `" EFF_STR_FMT "`", EFF_STR_ARG(name));
    if (r->os->exists(r->os->self, ZONES_FOLDER))
        return eff_err_hint(err, "Give it by its name in " ZONES_FOLDER ", as in Europe/Berlin.");
    return eff_err_hint(err, "This machine has no database of time zones, " ZONES_FOLDER
                             ": install the package tzdata.");
}

static enum eff_fault
zones_read(struct eff_sync_run *r, struct eff_transform *transform, struct eff_err *err)
{
    eff_str name = transform->zone_name, bytes;
    char *path = eff_str_c(
        &r->run, eff_str_printf(&r->run, ZONES_FOLDER "/" EFF_STR_FMT, EFF_STR_ARG(name)));

    if (!zones_name_good(name) || !r->os->exists(r->os->self, path) ||
        eff_os_read_file(r->os, path, EFF_ZONE_BYTES_MAX, &r->run, &bytes, err) != EFF_OK)
        return zones_unknown(r, name, err);
    if (eff_zone_parse(bytes, &r->run, &transform->zone, err) != EFF_OK)
        return eff_err_while(err, "reading %s", path);
    return EFF_OK;
}

static bool
zones_has(const struct eff_field_conf *field)
{
    for (size_t i = 0; i < field->transforms_count; i++)
        if (field->transforms[i].kind == EFF_TRANSFORM_ZONE)
            return true;
    return false;
}

static enum eff_fault
zones_of_field(struct eff_sync_run *r, struct eff_field_conf *field, struct eff_err *err)
{
    struct eff_transform *all = eff_new(&r->run, struct eff_transform, field->transforms_count);

    for (size_t i = 0; i < field->transforms_count; i++) {
        all[i] = field->transforms[i];
        if (all[i].kind == EFF_TRANSFORM_ZONE)
            EFF_TRY(eff_run_at(field->place, zones_read(r, &all[i], err), err));
    }
    field->transforms = all;
    return EFF_OK;
}

static enum eff_fault
zones_of_fields(struct eff_sync_run *r, const struct eff_field_conf **fields, size_t count,
                struct eff_err *err)
{
    struct eff_field_conf *all = eff_new(&r->run, struct eff_field_conf, count);

    for (size_t i = 0; i < count; i++) {
        all[i] = (*fields)[i];
        if (zones_has(&all[i]))
            EFF_TRY(zones_of_field(r, &all[i], err));
    }
    *fields = all;
    return EFF_OK;
}

enum eff_fault
eff_run_zones(struct eff_sync_run *r, struct eff_sync_conf *sync, struct eff_err *err)
{
    EFF_TRY(zones_of_fields(r, &sync->match, sync->match_count, err));
    return zones_of_fields(r, &sync->fields, sync->fields_count, err);
}
