/*
 * cli/progress: a line for each sync under way, redrawn some times a second.
 *
 * Only on a terminal, on standard error. A line never wraps: what does not fit
 * is left out, the least important first.
 */
#include <stdio.h>

#include "cli/print.h"

#define LIVE_EVERY_MS 200
#define LIVE_LINES    16 /* more than anybody follows; the rest is counted */
#define LIVE_NAME     24
#define LIVE_BAR      20
#define LIVE_BACK     "\r\033[%zuA\033[J" /* the echo of ^C has moved the cursor */

struct live_sync {
    eff_str name;
    bool shown;
    struct eff_progress now;
    const char *stage;    /* since when: */
    double stage_seconds; /* rates are those of the present stage */
    uint64_t stage_count;
};

struct eff_live {
    struct eff_cli *cli;
    struct eff_arena arena; /* of one drawing */
    size_t count, lines;
    struct live_sync *syncs;
    size_t name_width;
    double drawn;
};

struct eff_live *
eff_live_new(struct eff_cli *cli)
{
    struct eff_live *live = eff_new(&cli->arena, struct eff_live, 1);

    live->cli = cli;
    live->syncs = eff_new(&cli->arena, struct live_sync, cli->project->syncs_count);
    for (size_t i = 0; i < cli->project->syncs_count; i++) {
        eff_str name = cli->project->syncs[i].name;

        if (!cli->chosen[i])
            continue;
        live->syncs[live->count++].name = name;
        if (name.len > live->name_width)
            live->name_width = name.len < LIVE_NAME ? name.len : LIVE_NAME;
    }
    eff_arena_init(&live->arena, "line", (size_t)16 << 20);
    return live;
}

void
eff_live_clear(struct eff_live *live)
{
    struct eff_term *term = &live->cli->log;

    if (live->lines == 0)
        return;
    eff_term_addf(term, EFF_PLAIN, LIVE_BACK, live->lines);
    live->lines = 0;
    eff_term_flush(term);
}

/* ---- one line ---- */

struct live_line {
    struct eff_term *term;
    struct eff_arena *arena;
    size_t column;
};

/* False, and nothing is added, when it does not fit. */
static bool
live_add(struct live_line *line, enum eff_style style, eff_str text)
{
    size_t columns = eff_term_columns(text);

    if (line->column + columns > line->term->width - 1)
        return false;
    eff_term_add(line->term, style, text);
    line->column += columns;
    return true;
}

static void
live_bar(struct live_line *line, uint64_t done, uint64_t all)
{
    bool unicode = line->term->unicode;
    size_t full =
        all > 0 ? (size_t)((double)(done < all ? done : all) / (double)all * LIVE_BAR) : 0;
    struct eff_buf buf = {0};

    if (line->term->width < 90 || all == 0)
        return;
    for (size_t i = 0; i < full; i++)
        eff_buf_add(&buf, unicode ? EFF_STR("\u2501") : EFF_STR("="));
    live_add(line, EFF_CYAN, eff_buf_str(&buf));
    eff_buf_reset(&buf);
    for (size_t i = full; i < LIVE_BAR; i++)
        eff_buf_add(&buf, unicode ? EFF_STR("\u2500") : EFF_STR("-"));
    live_add(line, EFF_DIM, eff_buf_str(&buf));
    live_add(line, EFF_PLAIN, EFF_STR("  "));
    eff_buf_free(&buf);
}

/* Rows a second since this stage began, and what is left at that speed. */
static void
live_rate(struct live_line *line, const struct live_sync *sync, uint64_t done, uint64_t all)
{
    double took = sync->now.seconds - sync->stage_seconds;
    double rate = took > 0.3 ? (double)(done - sync->stage_count) / took : 0;
    eff_str text;

    if (rate < 1)
        return;
    text = eff_term_count(line->arena, (uint64_t)rate);
    live_add(line, EFF_DIM, eff_str_printf(line->arena, "  " EFF_STR_FMT "/s", EFF_STR_ARG(text)));
    if (all <= done)
        return;
    text = eff_term_seconds(line->arena, (double)(all - done) / rate);
    live_add(line, EFF_DIM,
             eff_str_printf(line->arena, "  " EFF_STR_FMT " left", EFF_STR_ARG(text)));
}

static void
live_amount(struct live_line *line, const char *verb, uint64_t done, uint64_t all)
{
    eff_str first = eff_term_count(line->arena, done), last = eff_term_count(line->arena, all);

    if (all > 0)
        live_add(line, EFF_PLAIN,
                 eff_str_printf(line->arena, "%s " EFF_STR_FMT " of " EFF_STR_FMT, verb,
                                EFF_STR_ARG(first), EFF_STR_ARG(last)));
    else
        live_add(line, EFF_PLAIN,
                 eff_str_printf(line->arena, "%s " EFF_STR_FMT, verb, EFF_STR_ARG(first)));
}

static void
live_reading(struct live_line *line, const struct live_sync *sync)
{
    uint64_t all = sync->now.rows_expected;

    live_bar(line, sync->now.read, all);
    live_amount(line, "read", sync->now.read, all >= sync->now.read ? all : 0);
    live_rate(line, sync, sync->now.read, all);
}

static void
live_sending(struct live_line *line, const struct live_sync *sync)
{
    eff_str rejected = eff_term_count(line->arena, sync->now.rejected);

    live_bar(line, sync->now.sent, sync->now.changed);
    live_amount(line, "sent", sync->now.sent, sync->now.changed);
    if (sync->now.rejected > 0)
        live_add(line, EFF_YELLOW,
                 eff_str_printf(line->arena, "  " EFF_STR_FMT " rejected", EFF_STR_ARG(rejected)));
    live_rate(line, sync, sync->now.sent, sync->now.changed);
}

static const char *
live_words(const char *stage)
{
    static const char *const words[][2] = {
        {"connect", "connecting"}, {"resume", "settling what an earlier run left"},
        {"diff", "comparing"},     {"record", "recording"},
        {"done", "finishing"},
    };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], stage) == 0)
            return words[i][1];
    return stage;
}

static void
live_draw_sync(struct eff_live *live, const struct live_sync *sync)
{
    struct live_line line = {.term = &live->cli->log, .arena = &live->arena};
    eff_str name = eff_term_fit(sync->name, live->name_width);

    live_add(&line, EFF_BOLD, name);
    for (size_t i = name.len; i < live->name_width + 2; i++)
        live_add(&line, EFF_PLAIN, EFF_STR(" "));
    if (strcmp(sync->now.stage, "read") == 0)
        live_reading(&line, sync);
    else if (strcmp(sync->now.stage, "send") == 0)
        live_sending(&line, sync);
    else
        live_add(&line, EFF_PLAIN, eff_str_of(live_words(sync->now.stage)));
    if (strcmp(sync->now.stage, "diff") == 0 && sync->now.changed > 0)
        live_amount(&line, ", to send:", sync->now.changed, 0);
    eff_term_line(line.term);
}

static void
live_draw(struct eff_live *live)
{
    struct eff_term *term = &live->cli->log;
    size_t before = live->lines, more = 0;

    eff_arena_reset(&live->arena);
    eff_term_measure(term);
    if (before > 0)
        eff_term_addf(term, EFF_PLAIN, LIVE_BACK, before);
    live->lines = 0;
    for (size_t i = 0; i < live->count; i++) {
        if (!live->syncs[i].shown)
            continue;
        if (live->lines == LIVE_LINES) {
            more++;
            continue;
        }
        live_draw_sync(live, &live->syncs[i]);
        live->lines++;
    }
    if (more > 0) {
        eff_term_addf(term, EFF_DIM, "and %zu more\n", more);
        live->lines++;
    }
    if (!live->cli->os->go_on(live->cli->os->self)) {
        eff_term_add(term, EFF_DIM,
                     EFF_STR("stopping when what is under way has its answers; "
                             "Ctrl-C ends at once\n"));
        live->lines++;
    }
    eff_term_flush(term);
}

static struct live_sync *
live_find(struct eff_live *live, eff_str name)
{
    for (size_t i = 0; i < live->count; i++)
        if (eff_str_eq(live->syncs[i].name, name))
            return &live->syncs[i];
    return NULL;
}

void
eff_live_progress(struct eff_live *live, const struct eff_progress *progress)
{
    struct live_sync *sync = live_find(live, progress->sync);
    double now = eff_cli_seconds(live->cli);

    if (!sync)
        return;
    sync->now = *progress;
    sync->shown = true;
    if (!sync->stage || strcmp(sync->stage, progress->stage) != 0) {
        sync->stage = progress->stage;
        sync->stage_seconds = progress->seconds;
        sync->stage_count = strcmp(progress->stage, "send") == 0 ? progress->sent : progress->read;
    }
    if (live->drawn > 0 && now - live->drawn < LIVE_EVERY_MS / 1000.0)
        return;
    live->drawn = now;
    live_draw(live);
}

void
eff_live_end(struct eff_live *live, eff_str name)
{
    struct live_sync *sync = live_find(live, name);

    if (sync)
        sync->shown = false;
}
