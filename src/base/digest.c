/*
 * base/digest: a thin cover over OpenSSL's context.
 *
 * Like base/hash: a machine that cannot compute SHA-256 gets no digest at all, and
 * never a wrong one.
 */
#include "base/digest.h"

#include "base/hash.h"

#include <openssl/evp.h>
#include <stdlib.h>

/* The context itself; the name keeps OpenSSL out of the header. */
struct eff_digest;

struct eff_digest *
eff_digest_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    eff_sha256_need(ctx != NULL);
    eff_sha256_need(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
    return (struct eff_digest *)ctx;
}

void
eff_digest_add(struct eff_digest *digest, const void *ptr, size_t len)
{
    eff_sha256_need(EVP_DigestUpdate((EVP_MD_CTX *)digest, ptr, len) == 1);
}

struct eff_sha256
eff_digest_end(struct eff_digest *digest)
{
    struct eff_sha256 sum = {0};

    eff_sha256_need(EVP_DigestFinal_ex((EVP_MD_CTX *)digest, sum.bytes, NULL) == 1);
    eff_digest_free(digest);
    return sum;
}

void
eff_digest_free(struct eff_digest *digest)
{
    EVP_MD_CTX_free((EVP_MD_CTX *)digest);
}
