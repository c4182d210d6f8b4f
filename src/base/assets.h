/*
 * base/assets: the files that are part of the program.
 *
 * Everything under connectors/ and templates/ is embedded when the program is
 * built (cmake/EffAssets.cmake). The table is sorted by path, bytewise; paths
 * are relative to the project, as in "connectors/salesforce/connector.yaml".
 */
#ifndef EFF_BASE_ASSETS_H
#define EFF_BASE_ASSETS_H

#include <stddef.h>

struct eff_asset {
    const char *path;         /* terminated */
    const unsigned char *ptr; /* followed by a zero byte: text can be used as a C string */
    size_t len;               /* without that zero byte */
};

/* The table is written in assembly, as three words of eight bytes per file. */
_Static_assert(sizeof(struct eff_asset) == 24, "cmake/EffAssets.cmake writes 24 bytes per asset");

extern const struct eff_asset eff_assets[];
extern const size_t eff_assets_count;

#endif
