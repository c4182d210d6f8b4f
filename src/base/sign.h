/*
 * base/sign: JSON Web Tokens, signed by RSA with SHA-256 (RS256).
 */
#ifndef EFF_BASE_SIGN_H
#define EFF_BASE_SIGN_H

#include "base/arena.h"
#include "base/err.h"

/*
 * header and claims are JSON objects. pem: a private key as PKCS #8 or PKCS #1; \n may stand
 * for its line breaks, as in a JSON file. EFF_CONFIG when it cannot be read.
 */
enum eff_fault eff_jwt_sign(eff_str pem, eff_str header, eff_str claims, struct eff_arena *arena,
                            eff_str *ret_token, struct eff_err *err);
/* The claims of a token that this key (private or public) has signed; false: it has not. */
bool eff_jwt_verify(eff_str pem, eff_str token, struct eff_arena *arena, eff_str *ret_claims);
/* A new private key of 2048 bits, for stand-ins and tests; "" when none can be made. */
eff_str eff_rsa_new(struct eff_arena *arena);

#endif
