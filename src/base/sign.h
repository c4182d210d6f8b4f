/*
 * base/sign: JSON Web Tokens, signed with SHA-256: by RSA (RS256, PS256) or on the curve P-256
 * (ES256); and the keys for them.
 */
#ifndef EFF_BASE_SIGN_H
#define EFF_BASE_SIGN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"

enum eff_jwt_alg { EFF_JWT_RS256 = 0, EFF_JWT_PS256, EFF_JWT_ES256 };

/* ES256 for a key on P-256, else `rsa`. */
enum eff_jwt_alg eff_jwt_alg_of(eff_str pem, enum eff_jwt_alg rsa, struct eff_arena scratch);
const char *eff_jwt_alg_name(enum eff_jwt_alg alg);
/*
 * header and claims are JSON objects; the header must name the algorithm. pem: a private key as
 * PKCS #8 or PKCS #1; \n may stand for its line breaks, as in a JSON file. EFF_CONFIG when it
 * cannot be read, or is of another kind.
 */
enum eff_fault eff_jwt_sign_by(eff_str pem, enum eff_jwt_alg alg, eff_str header, eff_str claims,
                               struct eff_arena *arena, eff_str *ret_token, struct eff_err *err);
/* The claims of a token that this key (private or public) has signed so; false: it has not. */
bool eff_jwt_verify_by(eff_str pem, enum eff_jwt_alg alg, eff_str token, struct eff_arena *arena,
                       eff_str *ret_claims);
/* By RS256. */
enum eff_fault eff_jwt_sign(eff_str pem, eff_str header, eff_str claims, struct eff_arena *arena,
                            eff_str *ret_token, struct eff_err *err);
bool eff_jwt_verify(eff_str pem, eff_str token, struct eff_arena *arena, eff_str *ret_claims);
/*
 * The private key without its passphrase, as PKCS #8. pem as above; a key that has none ignores
 * the passphrase. EFF_CONFIG when it cannot be read, or the passphrase is not its own.
 */
enum eff_fault eff_rsa_unlock(eff_str pem, eff_str passphrase, struct eff_arena *arena,
                              eff_str *ret_pem, struct eff_err *err);
/* SHA-256 of the public key's DER form (SubjectPublicKeyInfo); false when pem is no RSA key. */
bool eff_rsa_fingerprint(eff_str pem, struct eff_arena scratch, struct eff_sha256 *ret_digest);
/* New private keys, of 2048 bits and on P-256, for stand-ins and tests; "" when none can be made. */
eff_str eff_rsa_new(struct eff_arena *arena);
eff_str eff_p256_new(struct eff_arena *arena);

#endif
