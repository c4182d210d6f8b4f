/*
 * Goal: the hashes are those of their specifications, for every length around
 * their block sizes, and their text forms read back and refuse anything else.
 * Method: published vectors; SipHash against OpenSSL's for random keys and
 * lengths, XXH3 against the library's streaming form, HMAC against its
 * definition by SHA-256; random bytes through hex and base64;
 * each allocation of OpenSSL fails in a child process.
 * covers: F9
 */
// links: base
#include "base/digest.h"
#include "base/hash.h"
#include "lib/cryptofail.h"
#include "lib/random.h"

#include <endian.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include <cmocka.h>

static struct eff_arena arena;

static int
setup(void **state)
{
    (void)state;
    eff_arena_init(&arena, "test", (size_t)64 << 20);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    eff_arena_deinit(&arena);
    return 0;
}

static void
assert_hex(const void *ptr, size_t len, const char *hex)
{
    assert_string_equal(eff_hex(&arena, ptr, len).ptr, hex);
}

/* The 16 bytes that the reference code gives. */
static void
sip_bytes(struct eff_sip_key key, const void *ptr, size_t len, unsigned char ret_bytes[16])
{
    struct eff_hash128 hash = eff_siphash128(key, ptr, len);
    uint64_t words[2] = {htole64(hash.hi), htole64(hash.lo)};

    memcpy(ret_bytes, words, 16);
}

static void
test_siphash_vectors(void **state)
{
    // From vectors_sip128 of the reference code: key 00..0f, message 00, 01, 02, ...
    static const struct {
        size_t len;
        const char *hex;
    } cases[] = {
        {0, "a3817f04ba25a8e66df67214c7550293"},  {1, "da87c1d86b99af44347659119b22fc45"},
        {7, "a1f1ebbed8dbc153c0b84aa61ff08239"},  {8, "3b62a9ba6258f5610f83e264f31497b4"},
        {15, "5493e99933b0a8117e08ec0f97cfc3d9"}, {63, "5150d1772f50834a503e069a973fbd7c"},
    };
    struct eff_sip_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    unsigned char message[64], bytes[16];

    (void)state;
    for (unsigned i = 0; i < 64; i++)
        message[i] = (unsigned char)i;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sip_bytes(key, message, cases[i].len, bytes);
        assert_hex(bytes, 16, cases[i].hex);
    }
    assert_true(eff_siphash128(key, "", 0).hi == le64toh(0xe6a825ba047f81a3));
    sip_bytes(key, NULL, 0, bytes);
    assert_hex(bytes, 16, cases[0].hex);
}

static void
test_siphash_against_openssl(void **state)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
    uint64_t random = 7;
    size_t size = 16;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                           OSSL_PARAM_construct_end()};

    (void)state;
    for (size_t len = 0; len < 700; len++) {
        struct eff_sip_key key = {random_next(&random), random_next(&random)};
        uint64_t key_words[2] = {htole64(key.k0), htole64(key.k1)};
        unsigned char *message = malloc(len + 1), bytes[16], expected[16];
        size_t out;

        for (size_t i = 0; i < len; i++)
            message[i] = (unsigned char)random_next(&random);
        assert_int_equal(EVP_MAC_init(ctx, (unsigned char *)key_words, 16, params), 1);
        assert_int_equal(EVP_MAC_update(ctx, message, len), 1);
        assert_int_equal(EVP_MAC_final(ctx, expected, &out, 16), 1);
        sip_bytes(key, message, len, bytes);
        assert_memory_equal(bytes, expected, 16);
        free(message);
    }
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
}

static void
test_xxh3(void **state)
{
    uint64_t random = 8;
    XXH3_state_t *stream = XXH3_createState();

    (void)state;
    assert_true(eff_xxh3(0, "", 0) == 0x2d06800538d394c2); // of the library's own test
    assert_true(eff_xxh3(0, NULL, 0) == 0x2d06800538d394c2);
    for (size_t len = 0; len < 1200; len++) {
        uint64_t seed = random_next(&random);
        unsigned char *message = malloc(len + 1);

        for (size_t i = 0; i < len; i++)
            message[i] = (unsigned char)random_next(&random);
        XXH3_64bits_reset_withSeed(stream, seed);
        XXH3_64bits_update(stream, message, len / 3);
        XXH3_64bits_update(stream, message + len / 3, len - len / 3);
        assert_true(eff_xxh3(seed, message, len) == XXH3_64bits_digest(stream));
        assert_true(eff_xxh3(seed, message, len) != eff_xxh3(seed + 1, message, len));
        free(message);
    }
    XXH3_freeState(stream);
}

static void
test_hash128_cmp(void **state)
{
    struct eff_hash128 a = {1, 2}, b = {1, 3}, c = {2, 0};

    (void)state;
    assert_true(eff_hash128_cmp(a, b) < 0);
    assert_true(eff_hash128_cmp(b, c) < 0);
    assert_true(eff_hash128_cmp(c, a) > 0);
    assert_int_equal(eff_hash128_cmp(b, b), 0);
    assert_true(eff_hash128_cmp((struct eff_hash128){UINT64_MAX, 0}, a) > 0);
}

static void
test_sha256(void **state)
{
    char *million = malloc(1000000);
    struct eff_sha256 digest = eff_sha256(EFF_STR_NONE);

    (void)state;
    assert_hex(&digest, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest = eff_sha256(EFF_STR("abc"));
    assert_hex(&digest, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    memset(million, 'a', 1000000);
    digest = eff_sha256((eff_str){million, 1000000});
    assert_hex(&digest, 32, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

static void
test_hmac_vectors(void **state)
{
    // RFC 4231, test cases 1, 2 and 6.
    char key[131];
    struct eff_sha256 digest;

    (void)state;
    memset(key, 0x0b, 20);
    digest = eff_hmac_sha256((eff_str){key, 20}, EFF_STR("Hi There"));
    assert_hex(&digest, 32, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    digest = eff_hmac_sha256(EFF_STR("Jefe"), EFF_STR("what do ya want for nothing?"));
    assert_hex(&digest, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    digest = eff_hmac_sha256((eff_str){key, sizeof(key)},
                             EFF_STR("Test Using Larger Than Block-Size Key - Hash Key First"));
    assert_hex(&digest, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    digest = eff_hmac_sha256(EFF_STR_NONE, EFF_STR_NONE);
    assert_hex(&digest, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* RFC 2104, from the plain hash; keys of each length, so that no key of an earlier call stays. */
static void
test_hmac_definition(void **state)
{
    uint64_t random = 9;

    (void)state;
    for (size_t key_len = 0; key_len < 140; key_len++) {
        unsigned char key[140], block[64] = {0}, inner[64 + 33], outer[64 + 32];
        struct eff_sha256 digest;
        eff_str message = {(char *)inner + 64, 33};

        for (size_t i = 0; i < key_len; i++)
            key[i] = (unsigned char)random_next(&random);
        for (size_t i = 64; i < sizeof(inner); i++)
            inner[i] = (unsigned char)random_next(&random);
        digest = eff_sha256((eff_str){(char *)key, key_len});
        if (key_len > 64)
            memcpy(block, &digest, 32);
        else
            memcpy(block, key, key_len);
        for (size_t i = 0; i < 64; i++) {
            inner[i] = block[i] ^ 0x36;
            outer[i] = block[i] ^ 0x5c;
        }
        digest = eff_sha256((eff_str){(char *)inner, sizeof(inner)});
        memcpy(outer + 64, &digest, 32);
        digest = eff_sha256((eff_str){(char *)outer, sizeof(outer)});
        assert_memory_equal(digest.bytes,
                            eff_hmac_sha256((eff_str){(char *)key, key_len}, message).bytes, 32);
    }
}

/* In the child: what OpenSSL needs once and each time, with the n-th allocation failing. */
__attribute__((noreturn)) static void
hash_in_child(size_t nth, int told)
{
    struct eff_digest *parts;
    struct eff_sha256 whole, mac, sum;

    dup2(told, STDERR_FILENO);
    cryptofail_at(nth);
    whole = eff_sha256(EFF_STR("abc"));
    mac = eff_hmac_sha256(EFF_STR("Jefe"), EFF_STR("what do ya want for nothing?"));
    parts = eff_digest_new();
    eff_digest_add(parts, "ab", 2);
    eff_digest_add(parts, "c", 1);
    sum = eff_digest_end(parts);
    assert_hex(&whole, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_hex(&mac, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_hex(&sum, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    _exit(cryptofail_end() ? 2 : 0);
}

/* Comes first: no hash was computed yet. The hash is right, or the process ends with a word. */
static void
test_no_memory_no_hash(void **state)
{
    int code = 1, died = 0;

    (void)state;
    // OpenSSL's own beginning is not at stake: it does not survive a failure of its own.
    EVP_MD_free(EVP_MD_fetch(NULL, "SHA256", NULL));
    EVP_MAC_free(EVP_MAC_fetch(NULL, "HMAC", NULL));
    for (size_t nth = 1; code != 0; nth++) {
        char text[200] = "";
        int fds[2], status;
        pid_t child;

        assert_int_equal(pipe(fds), 0);
        fflush(NULL);
        child = fork();
        if (child == 0)
            hash_in_child(nth, fds[1]);
        close(fds[1]);
        (void)!read(fds[0], text, sizeof(text) - 1);
        close(fds[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        code = WEXITSTATUS(status);
        if (code == 1)
            assert_string_equal(text,
                                "efferent: out of memory, or OpenSSL cannot compute SHA-256\n");
        died += code == 1;
    }
    assert_true(died > 0);
}

static void
test_hex(void **state)
{
    unsigned char all[256], back[256];
    eff_str text;

    (void)state;
    for (unsigned i = 0; i < 256; i++)
        all[i] = (unsigned char)i;
    text = eff_hex(&arena, all, 256);
    assert_int_equal(text.len, 512);
    assert_true(eff_str_starts(text, EFF_STR("000102")));
    assert_true(eff_str_ends(text, EFF_STR("fdfeff")));
    assert_true(eff_unhex(text, back, 256));
    assert_memory_equal(all, back, 256);
    assert_true(eff_unhex(EFF_STR("aBCd"), back, 2));
    assert_memory_equal(back, "\xab\xcd", 2);
    assert_false(eff_unhex(EFF_STR("abc"), back, 1));
    assert_false(eff_unhex(EFF_STR("abcd"), back, 1));
    assert_false(eff_unhex(EFF_STR("ab"), back, 2));
    assert_false(eff_unhex(EFF_STR("0g"), back, 1));
    assert_false(eff_unhex(EFF_STR("0x"), back, 1));
    assert_true(eff_unhex(EFF_STR_NONE, back, 0));
    assert_int_equal(eff_hex(&arena, NULL, 0).len, 0);
}

static void
test_base64(void **state)
{
    // RFC 4648, section 10, and both alphabets.
    static const char *const cases[][3] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xff\xfe\xfb", "//77", "__77"},
        {"\xfb\xef\xbe", "++++", "----"},
    };
    static const char *const bad[] = {
        "Z",    "Zg=",  "Zg===", "Z===",     "=",    "====", "Zm9vZ", "Zh==",
        "Zm9=", "Zm8 ", "Zm\n8", "Zm8=Zm8=", "Zm*v", "Zg=g", "Zh",    "Zm9"};
    eff_str back = EFF_STR("kept");

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        eff_str bytes = eff_str_of(cases[i][0]);

        assert_string_equal(eff_base64(&arena, bytes, false).ptr, cases[i][1]);
        assert_string_equal(eff_base64(&arena, bytes, true).ptr, cases[i][2]);
        for (int form = 1; form <= 2; form++) {
            assert_true(eff_base64_decode(&arena, eff_str_of(cases[i][form]), &back));
            assert_true(eff_str_eq(back, bytes));
            assert_non_null(back.ptr);
        }
    }
    back = EFF_STR("kept");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(eff_base64_decode(&arena, eff_str_of(bad[i]), &back));
    assert_true(eff_str_is(back, "kept"));
}

static void
test_base64_random(void **state)
{
    uint64_t random = 10;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        char bytes[100];
        size_t len = random_below(&random, sizeof(bytes) + 1);
        bool url = random_below(&random, 2) == 0;
        eff_str text, back;

        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)random_next(&random);
        text = eff_base64(&arena, (eff_str){bytes, len}, url);
        assert_int_equal(strlen(text.ptr), text.len);
        assert_int_equal(text.len, url ? (len * 4 + 2) / 3 : (len + 2) / 3 * 4);
        assert_true(eff_base64_decode(&arena, text, &back));
        assert_true(eff_str_eq(back, (eff_str){bytes, len}));
        eff_arena_reset(&arena);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_memory_no_hash),
        cmocka_unit_test(test_siphash_vectors),
        cmocka_unit_test(test_siphash_against_openssl),
        cmocka_unit_test(test_xxh3),
        cmocka_unit_test(test_hash128_cmp),
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_hmac_vectors),
        cmocka_unit_test(test_hmac_definition),
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_random),
    };

    if (!cryptofail_init())
        return 1;
    return cmocka_run_group_tests(tests, setup, teardown);
}
