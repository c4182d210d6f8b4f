/*
 * run/accounts: one entry for each account that the chosen syncs send to.
 */
#include "run/accounts.h"

#include "dest/dest.h"
#include "os/process.h"

struct account { /* of a destination */
    const struct eff_dest_conf *dest;
    eff_str budget; /* what it shares with others; len == 0: nothing */
    size_t first;   /* of the same account */
    bool limited;
    struct eff_limiter_account *limiter; /* the first one's */
};

struct eff_accounts {
    size_t count;
    struct account *at;
};

/* Two blocks may name one account, whose limits they share. */
static void
accounts_ask(struct account *account, struct eff_arena *process)
{
    const struct eff_dest_kind *kind = account->dest->kind ? account->dest->kind->user : NULL;
    struct eff_arena scratch = *process;
    const struct eff_rate_limit *limits;
    struct eff_dest *dest;
    struct eff_err ignored = {0};
    struct eff_buf buf = {0};

    if (!kind || kind->ops->open(account->dest, &scratch, &dest, &ignored) != EFF_OK)
        return; // told by the sync itself
    eff_buf_add(&buf, dest->budget);
    account->limited = dest->ops->rates && dest->ops->rates(dest, &limits) > 0;
    if (dest->ops->close)
        dest->ops->close(dest);
    account->budget = eff_str_copy(process, eff_buf_str(&buf));
    eff_buf_free(&buf);
}

static const struct account *
accounts_find(const struct eff_accounts *accounts, const struct eff_dest_conf *dest)
{
    for (size_t i = 0; i < accounts->count; i++)
        if (accounts->at[i].dest == dest)
            return &accounts->at[i];
    return NULL;
}

static void
accounts_add(struct eff_accounts *accounts, const struct eff_dest_conf *dest,
             struct eff_arena *process)
{
    struct account *account = &accounts->at[accounts->count], *first = accounts->at;

    *account = (struct account){.dest = dest};
    accounts_ask(account, process);
    while (first != account &&
           (account->budget.len == 0 || !eff_str_eq(first->budget, account->budget)))
        first++;
    account->first = (size_t)(first - accounts->at);
    if (account->limited && !first->limiter)
        first->limiter = eff_process_share(sizeof *first->limiter);
    accounts->count++;
}

struct eff_accounts *
eff_accounts_open(const struct eff_project *project, const bool *chosen, struct eff_arena *process)
{
    struct eff_accounts *accounts = eff_new(process, struct eff_accounts, 1);

    accounts->at = eff_new(process, struct account, project->syncs_count);
    for (size_t i = 0; i < project->syncs_count; i++)
        if (chosen[i] && !accounts_find(accounts, project->syncs[i].dest))
            accounts_add(accounts, project->syncs[i].dest, process);
    return accounts;
}

bool
eff_accounts_same(const struct eff_accounts *accounts, const struct eff_dest_conf *a,
                  const struct eff_dest_conf *b)
{
    return accounts_find(accounts, a)->first == accounts_find(accounts, b)->first;
}

struct eff_limiter_account *
eff_accounts_limiter(const struct eff_accounts *accounts, const struct eff_dest_conf *dest)
{
    const struct account *account = accounts ? accounts_find(accounts, dest) : NULL;

    return account ? accounts->at[account->first].limiter : NULL;
}

void
eff_accounts_close(struct eff_accounts *accounts)
{
    for (size_t i = 0; i < accounts->count; i++)
        eff_process_unshare(accounts->at[i].limiter, sizeof *accounts->at[i].limiter);
}
