/*
 * source/adbc_find: where the library of an ADBC driver lies. Private to source/.
 */
#ifndef EFF_SOURCE_ADBC_FIND_H
#define EFF_SOURCE_ADBC_FIND_H

#include "os/os.h"

struct eff_adbc_place {
    const char *file;   /* NULL: nothing was found but perhaps by the system's own search */
    eff_str entrypoint; /* as a manifest says, or nothing */
};

/*
 * `driver` is the path of a library or of a manifest (.toml), or one that is no
 * file: then its last part is a name that is looked for in the folders of
 * $ADBC_DRIVER_PATH, in the user's and the system's configuration
 * (~/.config/adbc/drivers, /etc/adbc/drivers), and beside the program (../lib).
 * EFF_CONFIG: there is a manifest, and it does not help.
 */
enum eff_fault eff_adbc_find(eff_str driver, struct eff_os *os, struct eff_arena *run,
                             struct eff_adbc_place *ret_place, struct eff_err *err);

eff_str eff_adbc_base_name(eff_str path);
/* The form-th of the file names that a driver called `name` may have; NULL after the last. */
const char *eff_adbc_file_name(size_t form, eff_str name, struct eff_arena *run);

#endif
