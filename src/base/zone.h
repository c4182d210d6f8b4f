/*
 * base/zone: a time zone, out of the bytes of a file of the system's database (TZif, RFC 9636).
 *
 * Seconds since 1970 stand for instants, and for what a clock over there shows ("local": as if
 * it were UTC). The rules go on beyond the file's last change as its last line says; before its
 * first, and without leap seconds, as the file's first type. Pure: nothing here opens a file.
 */
#ifndef EFF_BASE_ZONE_H
#define EFF_BASE_ZONE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define EFF_ZONE_BYTES_MAX ((size_t)64 << 10) /* the largest of the database has some 4 KB */

struct eff_zone;

/* EFF_CONFIG: the bytes are no such file. What is returned lives in arena, and not in bytes. */
enum eff_fault eff_zone_parse(eff_str bytes, struct eff_arena *arena,
                              const struct eff_zone **ret_zone, struct eff_err *err);

/* Seconds east of UTC, at an instant of the years 1 to 9999. */
int32_t eff_zone_offset(const struct eff_zone *zone, int64_t instant);

/*
 * How often clocks over there show it: once; never, where they are put forward over it; twice,
 * where they are put back. *ret_instant is the first of them.
 */
int eff_zone_instants(const struct eff_zone *zone, int64_t local, int64_t *ret_instant);

#endif
