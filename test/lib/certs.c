/*
 * lib/certs: certificates, good and bad, as PEM files for a test's server.
 */
#include "lib/certs.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

struct certs {
    EVP_PKEY *key;
    X509 *cert;
    struct certs *next;
};

static struct certs *all; // so that none counts as leaked

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL || X509_add_ext(cert, extension, -1) != 1)
        abort();
    X509_EXTENSION_free(extension);
}

static void
fill(X509 *cert, const struct certs_config *config, EVP_PKEY *key)
{
    bool any = config->from_days != 0 || config->till_days != 0;
    static long serial;

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), (any ? config->from_days : -1) * 86400);
    X509_gmtime_adj(X509_getm_notAfter(cert), (any ? config->till_days : 30) * 86400);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                               (const unsigned char *)config->name, -1, -1, 0);
}

struct certs *
certs_make(const struct certs_config *config, const struct certs *signer)
{
    struct certs *certs = calloc(1, sizeof(*certs));
    X509 *issuer;

    certs->next = all;
    all = certs;
    certs->key = config->rsa_bits ? EVP_RSA_gen((unsigned)config->rsa_bits) : EVP_EC_gen("P-256");
    certs->cert = X509_new();
    issuer = signer ? signer->cert : certs->cert;
    fill(certs->cert, config, certs->key);
    X509_set_issuer_name(certs->cert, X509_get_subject_name(issuer));
    add_extension(certs->cert, issuer, NID_basic_constraints,
                  config->ca ? "critical,CA:TRUE" : "CA:FALSE");
    add_extension(certs->cert, issuer, NID_subject_key_identifier, "hash");
    if (!config->ca)
        add_extension(certs->cert, issuer, NID_ext_key_usage,
                      config->usage ? config->usage : "serverAuth");
    if (config->alt != NULL)
        add_extension(certs->cert, issuer, NID_subject_alt_name, config->alt);
    if (X509_sign(certs->cert, signer ? signer->key : certs->key,
                  config->sha1 ? EVP_sha1() : EVP_sha256()) == 0)
        abort();
    return certs;
}

void
certs_write(const struct certs *certs, const struct certs *chain, const char *path)
{
    char name[4096];
    FILE *file;

    snprintf(name, sizeof(name), "%s.crt", path);
    file = fopen(name, "w");
    if (file == NULL || PEM_write_X509(file, certs->cert) != 1)
        abort();
    if (chain != NULL)
        PEM_write_X509(file, chain->cert);
    fclose(file);
    snprintf(name, sizeof(name), "%s.key", path);
    file = fopen(name, "w");
    if (file == NULL || PEM_write_PrivateKey(file, certs->key, NULL, NULL, 0, NULL, NULL) != 1)
        abort();
    fclose(file);
}
