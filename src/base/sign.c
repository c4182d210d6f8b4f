/* base/sign: RS256 by OpenSSL. */
#include "base/sign.h"

#include "base/buf.h"
#include "base/hash.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define SIGN_BITS    2048
#define SIGN_PEM_MAX ((size_t)64 << 10)

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
    if (key && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static EVP_PKEY *
sign_key(eff_str pem, struct eff_arena scratch)
{
    char none[1] = "";

    return sign_key_with(pem, none, scratch);
}

static eff_str
sign_bytes(EVP_PKEY *key, eff_str text, struct eff_arena *arena)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = (size_t)EVP_PKEY_get_size(key);
    unsigned char *out = eff_new(arena, unsigned char, len);
    bool good = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestSign(ctx, out, &len, (const unsigned char *)text.ptr, text.len) == 1;

    EVP_MD_CTX_free(ctx);
    return good ? (eff_str){(const char *)out, len} : EFF_STR_NONE;
}

static enum eff_fault
sign_unreadable(struct eff_err *err)
{
    EFF_FAIL(err, EFF_CONFIG, "the private key cannot be read: it is no RSA key in PEM");
    return eff_err_hint(err, "Give all of it, from -----BEGIN to the last line; \\n may stand for "
                             "line breaks. A key with a passphrase cannot be used without it.");
}

enum eff_fault
eff_jwt_sign(eff_str pem, eff_str header, eff_str claims, struct eff_arena *arena,
             eff_str *ret_token, struct eff_err *err)
{
    EVP_PKEY *key = sign_key(pem, *arena);
    struct eff_buf buf = {0};
    eff_str signature = EFF_STR_NONE;

    if (key) {
        eff_buf_add(&buf, eff_base64(arena, header, true));
        eff_buf_add_char(&buf, '.');
        eff_buf_add(&buf, eff_base64(arena, claims, true));
        signature = sign_bytes(key, eff_buf_str(&buf), arena);
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
    return sign_unreadable(err);
}

static bool
sign_fits(EVP_PKEY *key, eff_str text, eff_str signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(ctx, (const unsigned char *)signature.ptr, signature.len,
                                 (const unsigned char *)text.ptr, text.len) == 1;

    EVP_MD_CTX_free(ctx);
    return good;
}

bool
eff_jwt_verify(eff_str pem, eff_str token, struct eff_arena *arena, eff_str *ret_claims)
{
    EVP_PKEY *key = sign_key(pem, *arena);
    eff_str header, rest, claims, signature, bytes;
    bool good = key && eff_str_cut(token, '.', &header, &rest) &&
                eff_str_cut(rest, '.', &claims, &signature) &&
                eff_base64_decode(arena, signature, &bytes) &&
                sign_fits(key, eff_str_sub(token, 0, header.len + 1 + claims.len), bytes) &&
                eff_base64_decode(arena, claims, ret_claims);

    EVP_PKEY_free(key);
    return good;
}

/* "" when there is no key, or it is a public one. */
static eff_str
sign_pem(const EVP_PKEY *key, struct eff_arena *arena)
{
    BIO *bio = BIO_new(BIO_s_mem());
    eff_str pem = EFF_STR("");
    char *text = NULL;
    long len = 0;

    if (key && bio && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1)
        len = BIO_get_mem_data(bio, &text);
    if (len > 0)
        pem = eff_str_copy(arena, (eff_str){text, (size_t)len});
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
        return sign_unreadable(err);
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

eff_str
eff_rsa_new(struct eff_arena *arena)
{
    EVP_PKEY *key = EVP_RSA_gen(SIGN_BITS);
    eff_str pem = sign_pem(key, arena);

    EVP_PKEY_free(key);
    return pem;
}
