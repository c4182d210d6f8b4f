/*
 * sandbox/google_login: tokens of Google's stand-ins.
 */
#ifndef EFF_SANDBOX_GOOGLE_LOGIN_H
#define EFF_SANDBOX_GOOGLE_LOGIN_H

#include "sandbox/world.h"

/*
 * POST /token: a JWT of test-user for this scope, signed with the key of /_sandbox/key, or the
 * refresh token test-refresh-token of the client test-user with the secret test-secret.
 */
void eff_google_login(struct eff_call *call, const char *scope);
/* The metadata server's token, for who says Metadata-Flavor: Google. */
void eff_google_metadata(struct eff_call *call);
/* POST .../serviceAccounts/EMAIL:generateAccessToken: only reader@acme.example may be acted as. */
void eff_google_impersonate(struct eff_call *call);

#endif
