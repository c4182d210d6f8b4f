/*
 * run/acts: acts as rows of their own kind among the runs.
 */
#include "run/acts.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/ulid.h"

struct eff_run_row
eff_act_row(struct eff_os *os, eff_str sync, const char *act, uint64_t rows,
            struct eff_arena *arena)
{
    struct eff_buf buf = {0};
    struct eff_json_writer w = {.buf = &buf};
    char *id = eff_new(arena, char, EFF_ULID_LEN + 1);
    int64_t now = os->wall_ms(os->self);
    struct eff_run_row row = {.id = {id, EFF_ULID_LEN},
                              .sync = sync,
                              .state = EFF_RUN_ACT,
                              .started_ms = now,
                              .ended_ms = now};
    char text[EFF_TIME_TEXT_MAX];
    unsigned char random[10];

    os->random(os->self, random, sizeof random);
    eff_ulid_write(now, random, id);
    eff_json_begin_object(&w);
    eff_json_field_str(&w, "act", eff_str_of(act));
    eff_json_field_str(&w, "time", (eff_str){text, eff_datetime_text(now * 1000, 0, true, text)});
    eff_json_field_int(&w, "rows", (int64_t)rows);
    eff_json_end_object(&w);
    row.report = eff_str_copy(arena, eff_buf_str(&buf));
    eff_buf_free(&buf);
    return row;
}
