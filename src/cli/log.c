/*
 * cli/log: what happens, as one JSON object per line on standard error.
 */
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/cli.h"

bool
eff_cli_logs(const struct eff_cli *cli)
{
    return cli->options.log_format == 1;
}

void
eff_cli_log_begin(struct eff_cli *cli, struct eff_json_writer *w, struct eff_buf *buf,
                  const char *level, const char *event)
{
    struct timespec now;
    char text[EFF_TIME_TEXT_MAX];
    size_t len;

    (void)cli;
    clock_gettime(CLOCK_REALTIME, &now);
    len = eff_datetime_text((int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000000 * 1000, 0, true,
                            text);
    *w = (struct eff_json_writer){.buf = buf};
    eff_json_begin_object(w);
    eff_json_field_str(w, "time", (eff_str){text, len});
    eff_json_field_str(w, "level", eff_str_of(level));
    eff_json_field_str(w, "event", eff_str_of(event));
}

void
eff_cli_log_end(struct eff_cli *cli, struct eff_json_writer *w)
{
    eff_json_end_object(w);
    eff_buf_add_char(w->buf, '\n');
    eff_buf_add(&cli->log.buf, eff_buf_str(w->buf));
    eff_buf_free(w->buf);
    eff_term_flush(&cli->log);
}
