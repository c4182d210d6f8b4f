/*
 * os/secret: the real places of ${NAME} and ${secret:NAME}.
 *
 * A secret is looked up in systemd's credentials folder ($CREDENTIALS_DIRECTORY),
 * then in the `secrets:` file of the project, then in the environment. Both the
 * file and a credential lose one line end at their end, because editors and
 * `echo` put one there.
 *
 * The file has one secret per line, `NAME=value` or `NAME: value`; blank lines
 * and lines that start with # do not count; a value may stand in "..." or '...',
 * which is taken off and nothing in between is interpreted. Its mode must be
 * 0600 or stricter, and it must be ours.
 */
#ifndef EFF_OS_SECRET_H
#define EFF_OS_SECRET_H

#include "base/arena.h"
#include "flow/lookup.h"

/* Values are copied into the arena; the lookup must not outlive it. */
void eff_secret_lookup(struct eff_arena *arena, struct eff_lookup *ret_lookup);

#endif
