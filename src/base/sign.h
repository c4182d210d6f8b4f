/*
 * base/sign: JSON Web Tokens, signed by RSA with SHA-256 (RS256), and the keys for them.
 */
#ifndef EFF_BASE_SIGN_H
#define EFF_BASE_SIGN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"

/*
 * header and claims are JSON objects. pem: a private key as PKCS #8 or PKCS #1; \n may stand
 * for its line breaks, as in a JSON file. EFF_CONFIG when it cannot be read.
 */
enum eff_fault eff_jwt_sign(eff_str pem, eff_str header, eff_str claims, struct eff_arena *arena,
                            eff_str *ret_token, struct eff_err *err);
/* The claims of a token that this key (private or public) has signed; false: it has not. */
bool eff_jwt_verify(eff_str pem, eff_str token, struct eff_arena *arena, eff_str *ret_claims);
/*
 * The private key without its passphrase, as PKCS #8. pem as above; a key that has none ignores
 * the passphrase. EFF_CONFIG when it cannot be read, or the passphrase is not its own.
 */
enum eff_fault eff_rsa_unlock(eff_str pem, eff_str passphrase, struct eff_arena *arena,
                              eff_str *ret_pem, struct eff_err *err);
/* SHA-256 of the public key's DER form (SubjectPublicKeyInfo); false when pem is no RSA key. */
bool eff_rsa_fingerprint(eff_str pem, struct eff_arena scratch, struct eff_sha256 *ret_digest);
/* A new private key of 2048 bits, for stand-ins and tests; "" when none can be made. */
eff_str eff_rsa_new(struct eff_arena *arena);

#endif
