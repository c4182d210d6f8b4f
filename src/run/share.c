/*
 * run/share: a lock file for each run that sends to a destination.
 */
#include "run/share.h"

#define SHARE_EVERY_MS 2000

void
eff_share_open(struct eff_share *share, struct eff_os *os, const char *state_folder, eff_str dest,
               struct eff_arena *run)
{
    struct eff_err ignored = {0};

    *share = (struct eff_share){.os = os, .users = 1, .next_ms = INT64_MIN};
    for (size_t i = 0; i < EFF_SHARE_MOST; i++)
        share->paths[i] = eff_str_printf(run, "%s/" EFF_SHARE_PREFIX EFF_STR_FMT "-%zu",
                                         state_folder, EFF_STR_ARG(dest), i)
                              .ptr;
    for (share->own = 0; share->own < EFF_SHARE_MOST; share->own++)
        if (os->lock(os->self, share->paths[share->own], &share->lock, &ignored) == EFF_OK)
            return;
    share->lock = NULL;
}

static bool
share_is_held(struct eff_share *share, const char *path)
{
    struct eff_file *lock = NULL;
    struct eff_err err = {0};
    enum eff_fault fault;

    if (!share->os->exists(share->os->self, path))
        return false;
    fault = share->os->lock(share->os->self, path, &lock, &err);
    if (fault == EFF_OK)
        share->os->close(lock);
    return fault == EFF_CONFIG && err.code != 0;
}

size_t
eff_share_users(struct eff_share *share)
{
    int64_t now = share->os->mono_ms(share->os->self);

    if (!share->lock || now < share->next_ms)
        return share->users;
    share->next_ms = now + SHARE_EVERY_MS;
    share->users = 1;
    for (size_t i = 0; i < EFF_SHARE_MOST; i++)
        share->users += i != share->own && share_is_held(share, share->paths[i]);
    return share->users;
}

void
eff_share_close(struct eff_share *share)
{
    if (share->lock)
        share->os->close(share->lock);
    share->lock = NULL;
}
