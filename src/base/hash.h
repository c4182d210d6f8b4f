/*
 * base/hash: the three kinds of hash that Efferent needs, and their text forms.
 *
 * SipHash-2-4 with 128 bits for row keys (a keyed function: nobody without the
 * install key can test guessed values against a stolen state file), XXH3 with a
 * secret seed for row contents (fast, not proof against somebody who can choose
 * rows), SHA-256 and HMAC for digests, idempotency keys and hashed identifiers.
 */
#ifndef EFF_BASE_HASH_H
#define EFF_BASE_HASH_H

#include "base/arena.h"
#include "base/str.h"

struct eff_hash128 {
    uint64_t hi; /* the top bits choose a partition */
    uint64_t lo;
};

struct eff_sip_key {
    uint64_t k0, k1;
};

static inline int
eff_hash128_cmp(struct eff_hash128 a, struct eff_hash128 b)
{
    if (a.hi != b.hi)
        return a.hi < b.hi ? -1 : 1;
    return a.lo == b.lo ? 0 : a.lo < b.lo ? -1 : 1;
}

struct eff_hash128 eff_siphash128(struct eff_sip_key key, const void *ptr, size_t len);
uint64_t eff_xxh3(uint64_t seed, const void *ptr, size_t len);

/* OpenSSL without SHA-256 or without memory ends the process: a wrong hash is never given. */
void eff_sha256_need(bool fine);

struct eff_sha256 {
    unsigned char bytes[32];
};

struct eff_sha256 eff_sha256(eff_str data);
struct eff_sha256 eff_hmac_sha256(eff_str key, eff_str data);

eff_str eff_hex(struct eff_arena *arena, const void *ptr, size_t len); /* lower case */
bool eff_unhex(eff_str hex, void *ret_bytes, size_t len);              /* exactly 2 * len digits */
eff_str eff_base64(struct eff_arena *arena, eff_str bytes, bool url_unpadded);
/* Both alphabets, padded or not; nothing else is skipped, and no stray bits at the end. */
bool eff_base64_decode(struct eff_arena *arena, eff_str text, eff_str *ret_bytes);

#endif
