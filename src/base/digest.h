/*
 * base/digest: SHA-256 of what comes in pieces, as a large file does.
 */
#ifndef EFF_BASE_DIGEST_H
#define EFF_BASE_DIGEST_H

#include "base/hash.h"

struct eff_digest;

struct eff_digest *eff_digest_new(void);
void eff_digest_add(struct eff_digest *digest, const void *ptr, size_t len);
/* Of all that was added. Frees it. */
struct eff_sha256 eff_digest_end(struct eff_digest *digest);
void eff_digest_free(struct eff_digest *digest); /* to give up; NULL is fine */

#endif
