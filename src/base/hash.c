/*
 * base/hash: the three kinds of hash that Efferent needs, and their text forms.
 *
 * SipHash is written out here, from the paper of Aumasson and Bernstein (2012)
 * and the 128-bit variant of its reference code; XXH3 is xxhash's, compiled in;
 * SHA-256 and HMAC are OpenSSL's, whose objects are made once per process.
 */
#include "base/hash.h"

#include <assert.h>
#include <endian.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct sip_state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t
hash_rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void
hash_sip_round(struct sip_state *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = hash_rotate(s->v1, 13) ^ s->v0;
    s->v3 = hash_rotate(s->v3, 16) ^ s->v2;
    s->v0 = hash_rotate(s->v0, 32);
    s->v2 += s->v1;
    s->v0 += s->v3;
    s->v1 = hash_rotate(s->v1, 17) ^ s->v2;
    s->v3 = hash_rotate(s->v3, 21) ^ s->v0;
    s->v2 = hash_rotate(s->v2, 32);
}

static inline void
hash_sip_word(struct sip_state *s, uint64_t word)
{
    s->v3 ^= word;
    hash_sip_round(s);
    hash_sip_round(s);
    s->v0 ^= word;
}

static inline uint64_t
hash_sip_finish(struct sip_state *s)
{
    for (int i = 0; i < 4; i++)
        hash_sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

struct eff_hash128
eff_siphash128(struct eff_sip_key key, const void *ptr, size_t len)
{
    struct sip_state s = {
        key.k0 ^ 0x736f6d6570736575u,
        key.k1 ^ 0x646f72616e646f6du ^ 0xee, // 0xee: 128 bits are wanted
        key.k0 ^ 0x6c7967656e657261u,
        key.k1 ^ 0x7465646279746573u,
    };
    const unsigned char *at = ptr;
    struct eff_hash128 hash;
    uint64_t word;
    size_t left;

    for (left = len; left >= 8; left -= 8, at += 8) {
        memcpy(&word, at, 8);
        hash_sip_word(&s, le64toh(word));
    }
    word = (uint64_t)(len & 0xff) << 56; // the last word ends with the length
    for (size_t i = 0; i < left; i++)
        word |= (uint64_t)at[i] << (8 * i);
    hash_sip_word(&s, word);
    s.v2 ^= 0xee;
    hash.hi = hash_sip_finish(&s);
    s.v1 ^= 0xdd;
    hash.lo = hash_sip_finish(&s);
    return hash;
}

uint64_t
eff_xxh3(uint64_t seed, const void *ptr, size_t len)
{
    return XXH3_64bits_withSeed(len == 0 ? "" : ptr, len, seed);
}

void
eff_sha256_need(bool fine)
{
    if (fine)
        return;
    fputs("efferent: out of memory, or OpenSSL cannot compute SHA-256\n", stderr);
    _exit(1);
}

struct eff_sha256
eff_sha256(eff_str data)
{
    static EVP_MD *md;
    static EVP_MD_CTX *ctx;
    struct eff_sha256 digest = {0};

    if (ctx == NULL) {
        eff_sha256_need((md = EVP_MD_fetch(NULL, "SHA256", NULL)) != NULL);
        eff_sha256_need((ctx = EVP_MD_CTX_new()) != NULL);
    }
    eff_sha256_need(EVP_DigestInit_ex2(ctx, md, NULL) == 1);
    eff_sha256_need(EVP_DigestUpdate(ctx, data.ptr, data.len) == 1);
    eff_sha256_need(EVP_DigestFinal_ex(ctx, digest.bytes, NULL) == 1);
    return digest;
}

struct eff_sha256
eff_hmac_sha256(eff_str key, eff_str data)
{
    static EVP_MAC_CTX *ctx;
    const unsigned char *key_bytes = (const unsigned char *)(key.ptr == NULL ? "" : key.ptr);
    struct eff_sha256 digest = {0};

    if (ctx == NULL) {
        char name[] = "SHA256";
        const OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
            OSSL_PARAM_construct_end(),
        };
        EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);

        eff_sha256_need(mac != NULL);
        eff_sha256_need((ctx = EVP_MAC_CTX_new(mac)) != NULL);
        EVP_MAC_free(mac);
        eff_sha256_need(EVP_MAC_CTX_set_params(ctx, params) == 1);
    }
    eff_sha256_need(EVP_MAC_init(ctx, key_bytes, key.len, NULL) == 1);
    eff_sha256_need(EVP_MAC_update(ctx, (const unsigned char *)data.ptr, data.len) == 1);
    eff_sha256_need(EVP_MAC_final(ctx, digest.bytes, NULL, sizeof(digest.bytes)) == 1);
    return digest;
}

eff_str
eff_hex(struct eff_arena *arena, const void *ptr, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = ptr;
    char *text;

    assert(len < SIZE_MAX / 2);
    text = eff_new(arena, char, 2 * len + 1);
    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return (eff_str){text, 2 * len};
}

/* 16: no digit */
static unsigned
hash_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (unsigned)(c - 'A') + 10;
    return 16;
}

bool
eff_unhex(eff_str hex, void *ret_bytes, size_t len)
{
    unsigned char *bytes = ret_bytes;

    if (hex.len % 2 != 0 || hex.len / 2 != len)
        return false;
    for (size_t i = 0; i < hex.len; i++)
        if (hash_hex_digit(hex.ptr[i]) > 15)
            return false;
    for (size_t i = 0; i < len; i++) {
        unsigned high = hash_hex_digit(hex.ptr[2 * i]), low = hash_hex_digit(hex.ptr[2 * i + 1]);

        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

eff_str
eff_base64(struct eff_arena *arena, eff_str bytes, bool url_unpadded)
{
    const char *digits = url_unpadded
                             ? "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
                             : "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = 0;
    char *text;

    assert(bytes.len < SIZE_MAX / 2);
    text = eff_new(arena, char, (bytes.len + 2) / 3 * 4 + 1);
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t count = bytes.len - i < 3 ? bytes.len - i : 3;
        uint32_t group = 0;

        for (size_t j = 0; j < 3; j++)
            group = group << 8 | (j < count ? (unsigned char)bytes.ptr[i + j] : 0);
        for (size_t j = 0; j < 4; j++) {
            if (j <= count)
                text[len++] = digits[group >> (18 - 6 * j) & 63];
            else if (!url_unpadded)
                text[len++] = '=';
        }
    }
    return (eff_str){text, len};
}

static int
hash_base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

bool
eff_base64_decode(struct eff_arena *arena, eff_str text, eff_str *ret_bytes)
{
    bool padded = text.len > 0 && text.len % 4 == 0 && text.ptr[text.len - 1] == '=';
    uint32_t group = 0;
    size_t len = 0;
    char *bytes;

    text.len -= padded;
    text.len -= padded && text.ptr[text.len - 1] == '=';
    if (text.len % 4 == 1)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (hash_base64_digit(text.ptr[i]) < 0)
            return false;
    bytes = eff_new(arena, char, text.len / 4 * 3 + 3);
    for (size_t i = 0; i < text.len; i++) {
        group = group << 6 | (uint32_t)hash_base64_digit(text.ptr[i]);
        if (i % 4 != 0)
            bytes[len++] = (char)(group >> (6 - 2 * (i % 4)) & 0xff);
    }
    // The bits of the last digit that belong to no byte are zero, so that a value has one text.
    if ((text.len % 4 == 2 && (group & 15) != 0) || (text.len % 4 == 3 && (group & 3) != 0))
        return false;
    *ret_bytes = (eff_str){bytes, len};
    return true;
}
