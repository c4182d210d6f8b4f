/* base/sign: RS256, PS256 and ES256 by OpenSSL. */
#include "base/sign.h"

#include "base/buf.h"
#include "base/hash.h"

#include <limits.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define SIGN_BITS    2048
#define SIGN_PEM_MAX ((size_t)64 << 10)
#define SIGN_HALF    32 /* bytes of each of the two numbers of ES256 */

/*
 * \n stands for a line break: a PEM has no backslashes of its own. The passphrase is terminated,
 * and never missing: without one OpenSSL would ask for it on the terminal.
 */
static EVP_PKEY *
sign_key_with(eff_str pem, char *passphrase, struct eff_arena scratch)
{
    char *text = eff_new(&scratch, char, pem.len < SIGN_PEM_MAX ? pem.len + 1 : 1);
    EVP_PKEY *key = NULL;
    size_t len = 0;
    BIO *bio;

    for (size_t i = 0; pem.len < SIGN_PEM_MAX && i < pem.len; i++) {
        bool mark = pem.ptr[i] == '\\' && i + 1 < pem.len && pem.ptr[i + 1] == 'n';

        text[len++] = mark ? '\n' : pem.ptr[i];
        i += mark;
    }
    bio = BIO_new_mem_buf(text, (int)len);
    if (bio)
        key = PEM_read_bio_PrivateKey(bio, NULL, NULL, passphrase);
    BIO_free(bio);
    bio = key ? NULL : BIO_new_mem_buf(text, (int)len);
    if (bio)
        key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return key;
}

static EVP_PKEY *
sign_key(eff_str pem, struct eff_arena scratch)
{
    char none[1] = "";

    return sign_key_with(pem, none, scratch);
}

static bool
sign_is_p256(const EVP_PKEY *key)
{
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_bits(key) == 256;
}

/* NULL: it cannot be read, or does not sign so. */
static EVP_PKEY *
sign_key_for(eff_str pem, enum eff_jwt_alg alg, struct eff_arena scratch)
{
    EVP_PKEY *key = sign_key(pem, scratch);

    if (key &&
        (alg == EFF_JWT_ES256 ? sign_is_p256(key) : EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA))
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

enum eff_jwt_alg
eff_jwt_alg_of(eff_str pem, enum eff_jwt_alg rsa, struct eff_arena scratch)
{
    EVP_PKEY *key = sign_key(pem, scratch);
    bool p256 = key && sign_is_p256(key);

    EVP_PKEY_free(key);
    return p256 ? EFF_JWT_ES256 : rsa;
}

const char *
eff_jwt_alg_name(enum eff_jwt_alg alg)
{
    return alg == EFF_JWT_ES256 ? "ES256" : alg == EFF_JWT_PS256 ? "PS256" : "RS256";
}

/* RFC 7518, 3.5: the salt is as long as the digest. */
static bool
sign_padding(EVP_PKEY_CTX *ctx, enum eff_jwt_alg alg)
{
    return alg != EFF_JWT_PS256 ||
           (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
            EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1);
}

/* ES256 has the two numbers side by side, OpenSSL has them as DER. */
static eff_str
sign_from_der(const unsigned char *der, size_t len, struct eff_arena *arena)
{
    unsigned char *out = eff_new(arena, unsigned char, 2 * SIGN_HALF);
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);
    bool good = signature &&
                BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, SIGN_HALF) == SIGN_HALF &&
                BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + SIGN_HALF, SIGN_HALF) == SIGN_HALF;

    ECDSA_SIG_free(signature);
    return good ? (eff_str){(const char *)out, sizeof(char[2 * SIGN_HALF])} : EFF_STR_NONE;
}

static eff_str
sign_to_der(eff_str bytes, struct eff_arena *arena)
{
    const unsigned char *at = (const unsigned char *)bytes.ptr;
    unsigned char *der = eff_new(arena, unsigned char, 4 * SIGN_HALF), *end = der;
    ECDSA_SIG *signature = bytes.len == (size_t)2 * SIGN_HALF ? ECDSA_SIG_new() : NULL;
    BIGNUM *r = signature ? BN_bin2bn(at, SIGN_HALF, NULL) : NULL;
    BIGNUM *s = signature ? BN_bin2bn(at + SIGN_HALF, SIGN_HALF, NULL) : NULL;
    int len = 0;

    if (r && s && ECDSA_SIG_set0(signature, r, s) == 1) {
        len = i2d_ECDSA_SIG(signature, &end);
    } else {
        BN_free(r);
        BN_free(s);
    }
    ECDSA_SIG_free(signature);
    return len > 0 ? (eff_str){(const char *)der, (size_t)len} : EFF_STR_NONE;
}

static eff_str
sign_bytes(EVP_PKEY *key, enum eff_jwt_alg alg, eff_str text, struct eff_arena *arena)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *how = NULL;
    size_t len = (size_t)EVP_PKEY_get_size(key);
    unsigned char *out = eff_new(arena, unsigned char, len);
    bool good = ctx && EVP_DigestSignInit(ctx, &how, EVP_sha256(), NULL, key) == 1 &&
                sign_padding(how, alg) &&
                EVP_DigestSign(ctx, out, &len, (const unsigned char *)text.ptr, text.len) == 1;

    EVP_MD_CTX_free(ctx);
    if (!good)
        return EFF_STR_NONE;
    return alg == EFF_JWT_ES256 ? sign_from_der(out, len, arena)
                                : (eff_str){(const char *)out, len};
}

static enum eff_fault
sign_unreadable(enum eff_jwt_alg alg, struct eff_err *err)
{
    EFF_FAIL(err, EFF_CONFIG, "the private key cannot be read: it is no %s key in PEM",
             alg == EFF_JWT_ES256 ? "P-256" : "RSA");
    return eff_err_hint(err, "Give all of it, from -----BEGIN to the last line; \\n may stand for "
                             "line breaks. A key with a passphrase cannot be used without it.");
}

enum eff_fault
eff_jwt_sign_by(eff_str pem, enum eff_jwt_alg alg, eff_str header, eff_str claims,
                struct eff_arena *arena, eff_str *ret_token, struct eff_err *err)
{
    EVP_PKEY *key = sign_key_for(pem, alg, *arena);
    struct eff_buf buf = {0};
    eff_str signature = EFF_STR_NONE;

    if (key) {
        eff_buf_add(&buf, eff_base64(arena, header, true));
        eff_buf_add_char(&buf, '.');
        eff_buf_add(&buf, eff_base64(arena, claims, true));
        signature = sign_bytes(key, alg, eff_buf_str(&buf), arena);
    }
    EVP_PKEY_free(key);
    if (signature.ptr) {
        eff_buf_add_char(&buf, '.');
        eff_buf_add(&buf, eff_base64(arena, signature, true));
        *ret_token = eff_str_copy(arena, eff_buf_str(&buf));
    }
    eff_buf_free(&buf);
    if (signature.ptr)
        return EFF_OK;
    return sign_unreadable(alg, err);
}

static bool
sign_fits(EVP_PKEY *key, enum eff_jwt_alg alg, eff_str text, eff_str signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *how = NULL;
    bool good = ctx && signature.ptr &&
                EVP_DigestVerifyInit(ctx, &how, EVP_sha256(), NULL, key) == 1 &&
                sign_padding(how, alg) &&
                EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
                                 (const unsigned char *)text.ptr, text.len) == 1;

    EVP_MD_CTX_free(ctx);
    return good;
}

bool
eff_jwt_verify_by(eff_str pem, enum eff_jwt_alg alg, eff_str token, struct eff_arena *arena,
                  eff_str *ret_claims)
{
    EVP_PKEY *key = sign_key_for(pem, alg, *arena);
    eff_str header, rest, claims, signature, bytes = EFF_STR_NONE;
    bool good = key && eff_str_cut(token, '.', &header, &rest) &&
                eff_str_cut(rest, '.', &claims, &signature) &&
                eff_base64_decode(arena, signature, &bytes);

    if (good && alg == EFF_JWT_ES256)
        bytes = sign_to_der(bytes, arena);
    good = good && sign_fits(key, alg, eff_str_sub(token, 0, header.len + 1 + claims.len), bytes) &&
           eff_base64_decode(arena, claims, ret_claims);

    EVP_PKEY_free(key);
    return good;
}

enum eff_fault
eff_jwt_sign(eff_str pem, eff_str header, eff_str claims, struct eff_arena *arena,
             eff_str *ret_token, struct eff_err *err)
{
    return eff_jwt_sign_by(pem, EFF_JWT_RS256, header, claims, arena, ret_token, err);
}

bool
eff_jwt_verify(eff_str pem, eff_str token, struct eff_arena *arena, eff_str *ret_claims)
{
    return eff_jwt_verify_by(pem, EFF_JWT_RS256, token, arena, ret_claims);
}

/* "" when there is no key, or it is a public one. */
static eff_str
sign_pem(const EVP_PKEY *key, struct eff_arena *arena)
{
    BIO *bio = BIO_new(BIO_s_mem());
    eff_str pem = EFF_STR("");
    char *text = NULL;

    if (key && bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1) {
        size_t len = (size_t)BIO_get_mem_data(bio, &text);

        pem = eff_str_copy(arena, (eff_str){text, len});
    }
    BIO_free(bio);
    return pem;
}

enum eff_fault
eff_rsa_unlock(eff_str pem, eff_str passphrase, struct eff_arena *arena, eff_str *ret_pem,
               struct eff_err *err)
{
    char *secret = eff_str_c(arena, passphrase);
    EVP_PKEY *key = sign_key_with(pem, secret, *arena);
    eff_str plain = sign_pem(key, arena);

    EVP_PKEY_free(key);
    if (plain.len == 0)
        return sign_unreadable(EFF_JWT_RS256, err);
    *ret_pem = plain;
    return EFF_OK;
}

bool
eff_rsa_fingerprint(eff_str pem, struct eff_arena scratch, struct eff_sha256 *ret_digest)
{
    EVP_PKEY *key = sign_key(pem, scratch);
    unsigned char *der = NULL;
    int len = key ? i2d_PUBKEY(key, &der) : -1;

    if (len > 0)
        *ret_digest = eff_sha256((eff_str){(const char *)der, (size_t)len});
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    return len > 0;
}

/* Takes the key. */
static eff_str
sign_made(EVP_PKEY *key, struct eff_arena *arena)
{
    eff_str pem = sign_pem(key, arena);

    EVP_PKEY_free(key);
    return pem;
}

eff_str
eff_rsa_new(struct eff_arena *arena)
{
    return sign_made(EVP_RSA_gen(SIGN_BITS), arena);
}

eff_str
eff_p256_new(struct eff_arena *arena)
{
    return sign_made(EVP_EC_gen("P-256"), arena);
}
