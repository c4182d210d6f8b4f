/*
 * run/accounts: which destinations share their limits, and what is known of those, for the syncs of one command.
 *
 * A sync begins with the limits of its account as the one before left them, in whichever process that was: they
 * are in memory that all processes of the command share, one of which at a time uses those of an account.
 */
#ifndef EFF_RUN_ACCOUNTS_H
#define EFF_RUN_ACCOUNTS_H

#include "conf/project.h"
#include "deliver/rate.h"

struct eff_accounts;

/* Of the destinations of the chosen syncs. */
struct eff_accounts *eff_accounts_open(const struct eff_project *project, const bool *chosen,
                                       struct eff_arena *process);
bool eff_accounts_same(const struct eff_accounts *accounts, const struct eff_dest_conf *a,
                       const struct eff_dest_conf *b);
/* NULL: it has no limits, or there are no accounts. */
struct eff_limiter_account *eff_accounts_limiter(const struct eff_accounts *accounts,
                                                 const struct eff_dest_conf *dest);
void eff_accounts_close(struct eff_accounts *accounts);

#endif
