/*
 * run/plain: destinations that are spoken to without encryption.
 *
 * Plain http is the project's own choice: a proxy on this machine, a network of its own. Anywhere
 * else the credential can be read on the way, so `check` says it, and nothing is stopped.
 */
#include "run/sync.h"
#include "source/http_read.h"

void
eff_run_plain(struct eff_sync_run *r)
{
    const struct eff_dest_conf *dest = r->sync->dest;

    for (size_t i = 0; i < dest->kind->options_count; i++) {
        const struct eff_option *option = &dest->kind->options[i];
        bool plain = false;
        eff_str host = EFF_STR_NONE;

        if (option->kind == EFF_OPT_URL)
            host = eff_http_read_host(
                *(const eff_str *)(const void *)((const char *)dest->config + option->offset),
                &plain);
        if (!plain || eff_http_read_loopback(host))
            continue;
        eff_report_problem(r->report, "EFF2144", EFF_OK, 0,
                           eff_str_printf(&r->run,
                                          "destination " EFF_STR_FMT
                                          ": `%s` is plain http: the credential and "
                                          "all rows go to " EFF_STR_FMT " unencrypted",
                                          EFF_STR_ARG(dest->name), option->name, EFF_STR_ARG(host)),
                           EFF_STR("Write https://, or give it an address on this machine."),
                           eff_place_text(&r->run, dest->place));
        return;
    }
}
