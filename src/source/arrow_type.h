/*
 * source/arrow_type: Arrow's types, read once per query. Private to source/.
 *
 *   null                            NULL
 *   bool, arrow.bool8               BOOL
 *   integers of all sizes           INT; DECIMAL beyond 64 bits with sign
 *   half, float, double             FLOAT (the short ones as the double with their shortest text)
 *   decimal 32 to 256               DECIMAL
 *   utf8, large, view               TEXT; JSON with the extension arrow.json; DECIMAL with
 *                                   arrow.opaque of the type name numeric
 *   binary, large, view, fixed      BYTES; TEXT with the extension arrow.uuid
 *   date32, date64                  DATE
 *   time32, time64                  TIME
 *   timestamp without a zone        DATETIME; years outside 1 to 9999: BAD
 *   timestamp with a zone           INSTANT, likewise
 *   duration, intervals             TEXT: "1 year 2 months 3 days 04:05:06.7"
 *   lists of all sizes and views,   JSON. A map is an object with its keys as text; a union is
 *   struct, map, union              the value of its present member
 *   dictionary, run-end encoded     what their values are
 *   arrow.opaque of bytes           refused: cast it
 */
#ifndef EFF_SOURCE_ARROW_TYPE_H
#define EFF_SOURCE_ARROW_TYPE_H

#include "base/arena.h"
#include "base/err.h"
#include "flow/batch.h"
#include "source/arrow.h"

#define EFF_ARROW_DEPTH_MAX   32
#define EFF_ARROW_COLUMNS_MAX 65536

enum eff_arrow_kind {
    EFF_ARROW_NULL = 1,
    EFF_ARROW_BOOL, /* a bit each */
    EFF_ARROW_INT,
    EFF_ARROW_UINT,
    EFF_ARROW_BOOL8,
    EFF_ARROW_FLOAT, /* width: 2, 4, 8 */
    EFF_ARROW_DECIMAL,
    EFF_ARROW_TEXT, /* width: of an offset */
    EFF_ARROW_TEXT_VIEW,
    EFF_ARROW_BYTES,
    EFF_ARROW_BYTES_VIEW,
    EFF_ARROW_FIXED, /* size: bytes */
    EFF_ARROW_DATE,
    EFF_ARROW_TIME,
    EFF_ARROW_TIMESTAMP,
    EFF_ARROW_DURATION,
    EFF_ARROW_MONTHS,  /* interval: int32 months */
    EFF_ARROW_DAYS_MS, /* int32 days, int32 milliseconds */
    EFF_ARROW_MONTHS_DAYS /* int32 months, int32 days, int64 nanoseconds */,
    EFF_ARROW_LIST, /* width: of an offset */
    EFF_ARROW_LIST_VIEW,
    EFF_ARROW_LIST_FIXED, /* size: items */
    EFF_ARROW_STRUCT,
    EFF_ARROW_MAP,
    EFF_ARROW_UNION_DENSE,
    EFF_ARROW_UNION_SPARSE,
    EFF_ARROW_RUNS, /* run-end encoded: children are run ends and values */
};

struct eff_arrow_type {
    enum eff_arrow_kind kind; /* of a dictionary's indices when `dictionary` is set */
    unsigned width;           /* bytes of one number or offset */
    bool zoned, json, uuid;
    bool number; /* text that is a decimal number */
    int precision, scale;
    int64_t per_second; /* ticks; DATE in milliseconds: 1000, in days: 0 */
    int64_t size;
    const char *format; /* lives in the run's arena */
    size_t children_count;
    const struct eff_arrow_type *children;
    const eff_str *names;    /* of a struct's members */
    const int8_t *member_of; /* UNION: 128 type ids to children, -1: none */
    const struct eff_arrow_type *dictionary;
};

/*
 * Everything that the type needs is copied into the arena. EFF_CONFIG for a type
 * that is not known, EFF_BROKEN for a schema that is none.
 */
enum eff_fault eff_arrow_type_of(const struct eff_arrow_schema *schema, struct eff_arena *run,
                                 struct eff_arrow_type *ret_type, struct eff_err *err);
/* Fills the column's kind, type name, precision and scale. */
void eff_arrow_describe(const struct eff_arrow_type *type, struct eff_arena *run,
                        struct eff_column *column);

#endif
