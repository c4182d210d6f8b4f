/*
 * test/sim/net: requests on their way, and what becomes of them.
 *
 * Each request gets a time at which it is applied (or none) and a time at which
 * its answer, or the loss of it, is known. A process that dies leaves its requests
 * on the wire: they are applied all the same, before the next process starts. When
 * late applies are among the seed's faults, what was given up, by a time-out or by a
 * death, may be applied up to SIM_LATE_MS after that.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sim/sim.h"

#define NET_TIMEOUT_MS  60000
#define NET_WAIT_MAX_MS ((int64_t)15 * 60 * 1000) /* a longer Retry-After ends the engine's run */

static bool
net_roll(enum sim_fault fault, unsigned percent)
{
    return sim->options.on[fault] && !sim->calm && sim_chance(&sim->faults, percent);
}

/* ---- what becomes of a request ---- */

static void
net_lose(struct sim_flight *f)
{
    unsigned how = (unsigned)sim_below(&sim->faults, 3);

    f->wire = EFF_WIRE_LOST;
    f->answer_at = sim->mono + sim_between(&sim->faults, 1, NET_TIMEOUT_MS);
    f->apply_at = how == 0 ? INT64_MAX : sim_between(&sim->faults, sim->mono, f->answer_at);
    f->part = how == 2 ? (unsigned)sim_below(&sim->faults, 100) : 100;
    if (f->apply_at != INT64_MAX && net_roll(SIM_F_LATE, 50))
        f->apply_at = f->answer_at + sim_between(&sim->faults, 1, SIM_LATE_MS);
}

static void
net_throttle(struct sim_flight *f)
{
    static const int64_t waits[] = {0, 1000, 3000, 20000, 120000};

    f->status = sim_chance(&sim->faults, 70) ? 429 : 503;
    f->apply_at = INT64_MAX;
    f->retry_form = (int)sim_below(&sim->faults, 5);
    f->retry_ms = waits[sim_below(&sim->faults, 5)];
}

/* Where what was given up matters: it is applied late, or its key comes again with other values. */
static bool
net_lossy(void)
{
    return sim->options.on[SIM_F_LATE] || sim->options.class == SIM_KEYED_UPSERT;
}

#define NET_DAY_MS ((int64_t)86400 * 1000)

/* The calls of the day, whoever makes them; some answers tell when the next day begins. */
static bool
net_quota_spent(struct sim_flight *f)
{
    if (!sim->options.on[SIM_F_QUOTA] || sim->calm)
        return false;
    if (sim->quota_day != sim->mono / NET_DAY_MS)
        sim->quota_used = 0;
    sim->quota_day = sim->mono / NET_DAY_MS;
    if (++sim->quota_used <= sim->quota)
        return false;
    f->status = 429;
    f->daily = true;
    f->apply_at = INT64_MAX;
    f->retry_form = 0;
    if (sim->options.seed % 2)
        f->retry_ms = (NET_DAY_MS - sim->mono % NET_DAY_MS) / 1000 * 1000; /* as it is told */
    return true;
}

static void
net_fate(struct sim_flight *f)
{
    int64_t took = sim_between(&sim->faults, 5, 400);

    f->answer_at = sim->mono + took;
    f->apply_at = sim->mono + took / 2;
    f->wire = EFF_WIRE_ANSWERED;
    f->part = 100;
    f->retry_ms = -1;
    if (net_quota_spent(f))
        return;
    if (sim->mono < sim->down_until && sim_chance(&sim->faults, sim->down_percent)) {
        f->status = 503;
        f->apply_at = INT64_MAX;
    } else if (sim->outage && sim_chance(&sim->faults, 90)) {
        bool refused = sim_chance(&sim->faults, 50);
        bool done = sim->options.class == SIM_KEYED_UPSERT && sim_chance(&sim->faults, 50);

        if (refused)
            f->wire = EFF_WIRE_NOT_SENT;
        else
            f->status = 503;
        if (refused || !done)
            f->apply_at = INT64_MAX;
    } else if (net_roll(SIM_F_NOT_SENT, 6)) {
        f->wire = EFF_WIRE_NOT_SENT;
        f->apply_at = INT64_MAX;
    } else if (net_roll(SIM_F_LOST, net_lossy() ? 30 : 10)) {
        net_lose(f);
    } else if (net_roll(SIM_F_5XX, 8)) {
        f->status = sim_chance(&sim->faults, 50) ? 500 : 502;
        if (sim_chance(&sim->faults, 50))
            f->apply_at = INT64_MAX;
    } else if (net_roll(SIM_F_RATE, 8)) {
        net_throttle(f);
    } else if (net_roll(SIM_F_CUT_ANSWER, 6)) {
        f->cut = true;
    } else if (net_roll(SIM_F_ODD_ANSWER, 20)) {
        f->odd = (int)sim_between(&sim->faults, 1, 3);
    }
}

static eff_str
net_header(const struct eff_request *request, const char *name)
{
    for (size_t i = 0; i < request->headers_count; i++)
        if (eff_str_eq_nocase(request->headers[i].name, eff_str_of(name)))
            return request->headers[i].value;
    return EFF_STR_NONE;
}

static bool
net_has_suffix(eff_str url, const char *suffix)
{
    return eff_str_ends(url, eff_str_of(suffix));
}

/* A token that is no longer valid is refused before anything is done. */
static void
net_look_at_token(struct sim_flight *f, const struct eff_request *request)
{
    eff_str login = net_header(request, "Authorization");
    char wanted[64];

    snprintf(f->login, sizeof(f->login), "%.*s", (int)login.len, login.ptr ? login.ptr : "");
    snprintf(wanted, sizeof(wanted), "Bearer " SIM_TOKEN_FORMAT, (unsigned long long)sim->token);
    if (!sim->options.logs_in || net_has_suffix(request->url, "/token") ||
        eff_str_is(login, wanted) || f->wire != EFF_WIRE_ANSWERED || f->status != 0)
        return;
    f->status = 401;
    f->apply_at = INT64_MAX;
}

static struct sim_flight *
net_new(void)
{
    for (size_t i = 0; i < SIM_FLIGHTS_MAX; i++) {
        struct sim_flight *f = &sim->flights[i];
        struct sim_text url = f->url, body = f->body, idem = f->idem, answer = f->answer;

        if (f->used)
            continue;
        *f = (struct sim_flight){
            .used = true, .url = url, .body = body, .idem = idem, .answer = answer};
        f->url.len = f->body.len = f->idem.len = f->answer.len = 0;
        f->order = ++sim->flight_order;
        return f;
    }
    sim_break("O11", "more than %d requests under way", SIM_FLIGHTS_MAX);
    sim_die();
}

static void
net_submit(void *self, uint64_t ticket, const struct eff_request *request)
{
    struct sim_flight *f;
    eff_str idem = net_header(request, "Idempotency-Key");

    (void)self;
    sim_effect("submit", NULL, (int64_t)ticket, (int64_t)request->body.len);
    sim->idle_since = sim->mono;
    f = net_new();
    f->ticket = ticket;
    f->rows = request->carries_rows;
    sim_text_add(&f->url, request->url.ptr, request->url.len);
    sim_text_add(&f->body, request->body.ptr, request->body.len);
    sim_text_add(&f->idem, idem.ptr, idem.len);
    sim_oracle_submit(f, request);
    net_fate(f);
    net_look_at_token(f, request);
    sim_dest_arrive(f);
    sim_note("      %.*s %.*s\n", (int)f->url.len, f->url.ptr,
             f->body.len > 300 ? 300 : (int)f->body.len, f->body.ptr);
}

/* ---- answers ---- */

static void
net_date(char *text, size_t size, int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(text, size, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static void
net_add_header(const char *name)
{
    size_t at = sim->response.headers_count++;

    sim->headers[at] = (struct eff_header){eff_str_of(name), eff_str_of(sim->header_text[at])};
    sim->response.headers = sim->headers;
}

/* Forms of Retry-After, and when the next request may come because of it. */
static void
net_retry_after(const struct sim_flight *f)
{
    int64_t theirs = 1767225600000 + sim->mono; /* the server's clock is right */
    char *text = sim->header_text[0];
    int64_t due = f->retry_ms;

    switch (f->retry_form) {
    case 0:
        snprintf(text, sizeof(sim->header_text[0]), "%lld", (long long)(f->retry_ms / 1000));
        break;
    case 1:
        net_date(text, sizeof(sim->header_text[0]), theirs / 1000 * 1000 + f->retry_ms);
        net_add_header("retry-after");
        net_date(sim->header_text[1], sizeof(sim->header_text[1]), theirs);
        net_add_header("date");
        sim->not_before = sim->mono + due;
        return;
    case 2:
        snprintf(text, sizeof(sim->header_text[0]), "soon");
        due = 0;
        break;
    case 3:
        snprintf(text, sizeof(sim->header_text[0]), "99999999999");
        due = 0;
        break;
    default:
        return;
    }
    net_add_header("retry-after");
    if (due > 0 && due <= NET_WAIT_MAX_MS)
        sim->not_before = sim->mono + due;
}

/* Some say with what one came. */
static eff_str
net_no(struct sim_flight *f)
{
    bool echoes = sim->options.seed % 3 == 0;

    f->answer.len = 0;
    sim_text_addf(&f->answer, "{\"error\":\"E\",\"text\":\"no%s\"}", echoes ? f->login : "");
    return (eff_str){f->answer.ptr, f->answer.len};
}

static void
net_respond(struct sim_flight *f)
{
    struct eff_response *r = &sim->response;

    *r = (struct eff_response){
        .wire = f->wire, .now_wall_ms = sim->mono + sim->wall_offset, .problem = EFF_STR("lost")};
    if (f->wire != EFF_WIRE_ANSWERED)
        return;
    r->status = f->status ? f->status : f->answer_status;
    r->problem = EFF_STR_NONE;
    if (f->status == 0)
        r->body = (eff_str){f->answer.ptr, f->answer.len};
    else if (f->status == 502)
        r->body = EFF_STR("<html>bad gateway</html>");
    else if (f->daily)
        r->body = EFF_STR("{\"error\":\"DAILY\",\"text\":\"tomorrow\"}");
    else
        r->body = net_no(f);
    if (f->cut && r->body.len > 0)
        r->body.len = (size_t)sim_below(&sim->faults, r->body.len);
    if (f->retry_ms >= 0)
        net_retry_after(f);
}

/* The next thing that happens out there by `until`; NULL: nothing does. */
static struct sim_flight *
net_first(int64_t until, int64_t *ret_at, bool *ret_apply)
{
    struct sim_flight *first = NULL;

    for (size_t i = 0; i < SIM_FLIGHTS_MAX; i++) {
        struct sim_flight *f = &sim->flights[i];
        bool apply = f->used && !f->applied && f->apply_at <= f->answer_at;
        int64_t at = apply ? f->apply_at : f->answer_at;

        if (!f->used || f == sim->handed)
            continue;
        if (!f->applied && f->ticket == 0 && f->apply_at != INT64_MAX) {
            at = f->apply_at;
            apply = true;
        }
        if (f->ticket == 0 && !apply)
            continue;
        if (at > until || (first && (at > *ret_at || (at == *ret_at && f->order > first->order))))
            continue;
        first = f;
        *ret_at = at;
        *ret_apply = apply;
    }
    return first;
}

static void
net_apply(struct sim_flight *f)
{
    f->applied = true;
    if (f->apply_at == INT64_MAX)
        return;
    sim_dest_apply(f);
}

/* Kept while it may still be applied later. */
static void
net_done(struct sim_flight *f)
{
    f->ticket = 0;
    if (f->applied || f->apply_at == INT64_MAX)
        f->used = false;
}

/*
 * A long wait is a row of short ones, in which the engine looks whether it should stop. The longer
 * nothing has happened, the longer this machine sleeps in one: an eighth of that time.
 */
static int64_t
net_oversleep(int64_t deadline)
{
    int64_t slept = sim->mono + (sim->mono - sim->idle_since) / 8;

    return deadline < slept ? slept : deadline;
}

/* The wall clock is set while a run is under way. */
static void
net_set_clock(void)
{
    if (net_roll(SIM_F_WALL, 2))
        sim->wall_offset += sim_between(&sim->faults, -86400000, 86400000);
}

static uint64_t
net_next(void *self, int64_t deadline, const struct eff_response **ret_response)
{
    (void)self;
    if (sim->handed) {
        net_done(sim->handed);
        sim->handed = NULL;
    }
    net_set_clock();
    deadline = net_oversleep(deadline);
    for (;;) {
        bool apply = false;
        int64_t at = deadline;
        uint64_t ticket;
        struct sim_flight *f = net_first(deadline, &at, &apply);

        if (f == NULL) {
            if (deadline == INT64_MAX) {
                sim_break("O13", "the engine waits for ever");
                sim_die();
            }
            if (deadline > sim->mono)
                sim->mono = deadline;
            sim_effect("wait", NULL, sim->mono, 0);
            return 0;
        }
        if (at > sim->mono)
            sim->mono = at;
        if (apply) {
            net_apply(f);
            if (f->ticket == 0)
                f->used = false;
            continue;
        }
        ticket = f->ticket;
        sim_effect("answer", NULL, (int64_t)ticket, f->status ? f->status : f->answer_status);
        net_respond(f);
        sim_oracle_answered(f, &sim->response);
        sim->handed = f;
        sim->idle_since = sim->mono;
        *ret_response = &sim->response;
        return ticket;
    }
}

static void
net_cancel(void *self, uint64_t ticket)
{
    (void)self;
    for (size_t i = 0; i < SIM_FLIGHTS_MAX; i++)
        if (sim->flights[i].used && sim->flights[i].ticket == ticket)
            net_done(&sim->flights[i]);
}

static bool
net_go_on(void *self)
{
    (void)self;
    return sim->stop_at == 0 || sim->life_effects < sim->stop_at;
}

void
sim_net_init(struct eff_os *os)
{
    os->submit = net_submit;
    os->next = net_next;
    os->cancel = net_cancel;
    os->go_on = net_go_on;
}

void
sim_net_death(void)
{
    sim->handed = NULL;
    sim->not_before = 0;
    for (size_t i = 0; i < SIM_FLIGHTS_MAX; i++) {
        struct sim_flight *f = &sim->flights[i];

        if (!f->used)
            continue;
        if (f->ticket && f->apply_at != INT64_MAX && f->apply_at > sim->mono + SIM_LATE_MS)
            f->apply_at = sim->mono + SIM_LATE_MS;
        net_done(f);
    }
}

void
sim_net_settle(int64_t until)
{
    int64_t at = until;
    bool apply;
    struct sim_flight *f;

    while ((f = net_first(until, &at, &apply)) != NULL) {
        if (at > sim->mono)
            sim->mono = at;
        net_apply(f);
        f->used = false;
    }
    if (until > sim->mono)
        sim->mono = until;
}
