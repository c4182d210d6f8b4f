/*
 * source/snowflake_rows: what is in the SQL API's answers. Private to source/.
 *
 * Every value comes as a JSON string, or null; what the string means depends on
 * the column's type (docs.snowflake.com, "Handling responses", read 2025-11):
 *
 *   FIXED                      decimal digits     scale 0: INT, beyond 64 bits DECIMAL; else DECIMAL
 *   DECFLOAT                   decimal, exponent  DECIMAL
 *   REAL                       1.5, NaN, inf      FLOAT
 *   BOOLEAN                    true, false, 1, 0  BOOL
 *   TEXT, and unknown types    the text           TEXT
 *   BINARY                     hex digits         BYTES
 *   DATE                       days since 1970    DATE
 *   TIME                       seconds.nanos      TIME
 *   TIMESTAMP_NTZ              seconds.nanos      DATETIME
 *   TIMESTAMP_LTZ              seconds.nanos      INSTANT
 *   TIMESTAMP_TZ               ... and offset     INSTANT: the offset goes, as from other sources
 *   VARIANT, OBJECT, ARRAY,    JSON               JSON; `undefined` in an ARRAY is null
 *   MAP, VECTOR
 *   GEOGRAPHY, GEOMETRY        GeoJSON or WKT     JSON, or TEXT by the session's output format
 */
#ifndef EFF_SOURCE_SNOWFLAKE_ROWS_H
#define EFF_SOURCE_SNOWFLAKE_ROWS_H

#include "base/arena.h"
#include "flow/value.h"

enum eff_snow_form {
    EFF_SNOW_TEXT = 0,
    EFF_SNOW_FIXED, /* scale 0 */
    EFF_SNOW_DECIMAL,
    EFF_SNOW_REAL,
    EFF_SNOW_BOOLEAN,
    EFF_SNOW_BINARY,
    EFF_SNOW_DATE,
    EFF_SNOW_TIME,
    EFF_SNOW_NTZ,
    EFF_SNOW_LTZ,
    EFF_SNOW_TZ,
    EFF_SNOW_JSON,
    EFF_SNOW_GEO,
};

enum eff_snow_form eff_snow_form_of(eff_str type, int64_t scale);
enum eff_kind eff_snow_kind_of(enum eff_snow_form form);
/* text has become a value; it is borrowed where it can be. False: it is not of that form. */
bool eff_snow_value(enum eff_snow_form form, eff_str text, struct eff_arena *batch,
                    struct eff_value *ret_value);

/* The members of an answer, as JSON text that points into its body; .ptr NULL: not there. */
struct eff_snow_answer {
    eff_str code, message, sql_state, handle, meta, data;
};

/* False when the body is not one JSON object from its first byte to its last. */
bool eff_snow_answer_read(eff_str body, struct eff_snow_answer *ret_answer);

struct eff_snow_rows {
    char *at, *end; /* at NULL: nothing is being read */
    bool begun;
};

enum eff_snow_row { EFF_SNOW_ROW, EFF_SNOW_END, EFF_SNOW_DAMAGED };

/* data is an array of rows; the bytes are written to: escapes are resolved where they stand. */
void eff_snow_rows_open(struct eff_snow_rows *rows, char *data, size_t len);
/*
 * The next row's cells as they were written; NULL has .ptr NULL. They live as long as the
 * bytes. Damaged: not width strings or nulls between brackets.
 */
enum eff_snow_row eff_snow_rows_next(struct eff_snow_rows *rows, size_t width, eff_str *ret_cells);

#endif
