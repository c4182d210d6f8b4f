/*
 * os/address: which network addresses a request may go to.
 *
 * The special ranges are those of IANA's registries (iana-ipv4-special-registry,
 * iana-ipv6-special-registry, read 2026-11). IPv6 addresses that carry an IPv4
 * one are judged by it, and only 2000::/3 is public at all.
 */
#include "os/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

struct address_range4 {
    uint32_t net;
    unsigned bits;
    enum eff_address is;
};

#define ADDRESS4(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static const struct address_range4 address_ranges4[] = {
    {ADDRESS4(169, 254, 169, 254), 32, EFF_ADDRESS_METADATA}, // most clouds
    {ADDRESS4(169, 254, 170, 2), 32, EFF_ADDRESS_METADATA},   // AWS ECS
    {ADDRESS4(169, 254, 170, 23), 32, EFF_ADDRESS_METADATA},  // AWS EKS
    {ADDRESS4(169, 254, 0, 23), 32, EFF_ADDRESS_METADATA},    // Tencent
    {ADDRESS4(100, 100, 100, 200), 32, EFF_ADDRESS_METADATA}, // Alibaba
    {ADDRESS4(168, 63, 129, 16), 32, EFF_ADDRESS_METADATA},   // Azure's wire server
    {ADDRESS4(192, 0, 0, 192), 32, EFF_ADDRESS_METADATA},     // Oracle
    {ADDRESS4(0, 0, 0, 0), 8, EFF_ADDRESS_PRIVATE},
    {ADDRESS4(10, 0, 0, 0), 8, EFF_ADDRESS_PRIVATE},
    {ADDRESS4(100, 64, 0, 0), 10, EFF_ADDRESS_PRIVATE},
    {ADDRESS4(127, 0, 0, 0), 8, EFF_ADDRESS_PRIVATE},
    {ADDRESS4(169, 254, 0, 0), 16, EFF_ADDRESS_PRIVATE},
    {ADDRESS4(172, 16, 0, 0), 12, EFF_ADDRESS_PRIVATE},
    {ADDRESS4(192, 0, 0, 0), 24, EFF_ADDRESS_PRIVATE},
    {ADDRESS4(192, 0, 2, 0), 24, EFF_ADDRESS_PRIVATE},
    {ADDRESS4(192, 88, 99, 0), 24, EFF_ADDRESS_PRIVATE},
    {ADDRESS4(192, 168, 0, 0), 16, EFF_ADDRESS_PRIVATE},
    {ADDRESS4(198, 18, 0, 0), 15, EFF_ADDRESS_PRIVATE},
    {ADDRESS4(198, 51, 100, 0), 24, EFF_ADDRESS_PRIVATE},
    {ADDRESS4(203, 0, 113, 0), 24, EFF_ADDRESS_PRIVATE},
    {ADDRESS4(224, 0, 0, 0), 3, EFF_ADDRESS_PRIVATE}, // multicast, reserved, broadcast
};

static enum eff_address
address_of4(uint32_t ip)
{
    for (size_t i = 0; i < sizeof(address_ranges4) / sizeof(address_ranges4[0]); i++) {
        const struct address_range4 *range = &address_ranges4[i];

        if ((ip ^ range->net) >> (32 - range->bits) == 0)
            return range->is;
    }
    return EFF_ADDRESS_PUBLIC;
}

static uint32_t
address_ip4_at(const unsigned char *at)
{
    return ADDRESS4((uint32_t)at[0], (uint32_t)at[1], (uint32_t)at[2], (uint32_t)at[3]);
}

static bool
address_starts(const unsigned char *ip, const char *prefix, size_t len)
{
    return memcmp(ip, prefix, len) == 0;
}

/* The IPv4 address inside; false when there is none. */
static bool
address_embedded4(const unsigned char *ip, uint32_t *ret_ip)
{
    static const char zeroes[12] = {0};

    if (address_starts(ip, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) ||     // v4-mapped
        address_starts(ip, zeroes, 12) ||                             // v4-compatible
        address_starts(ip, "\0\0\0\0\0\0\0\0\xff\xff\0\0", 12) ||     // SIIT
        address_starts(ip, "\x00\x64\xff\x9b\0\0\0\0\0\0\0\0", 12)) { // NAT64
        *ret_ip = address_ip4_at(ip + 12);
        return true;
    }
    if (address_starts(ip, "\x20\x02", 2)) { // 6to4
        *ret_ip = address_ip4_at(ip + 2);
        return true;
    }
    return false;
}

static bool
address_is_metadata6(const unsigned char *ip)
{
    return address_starts(ip, "\xfd\x00\x0e\xc2\0\0\0\0\0\0\0\0\0\0\x02\x54", 16) ||   // AWS
           address_starts(ip, "\xfd\x20\x00\xce\0\0\0\0\0\0\0\0\0\0\x02\x54", 16) ||   // Google
           address_starts(ip, "\xfd\x00\x00\xc1\0\0\0\0\0\0\0\0\xa9\xfe\xa9\xfe", 16); // Oracle
}

static enum eff_address
address_of6(const unsigned char *ip)
{
    uint32_t ip4;

    if (address_is_metadata6(ip))
        return EFF_ADDRESS_METADATA;
    if (address_embedded4(ip, &ip4)) {
        enum eff_address inner = address_of4(ip4);

        // A tunnel to a public host is still no ordinary way to a vendor, but NAT64 is.
        return inner != EFF_ADDRESS_PUBLIC || ip[0] == 0 ? inner : EFF_ADDRESS_PRIVATE;
    }
    if ((ip[0] & 0xe0) != 0x20)
        return EFF_ADDRESS_PRIVATE; // loopback, unique local, link-local, multicast, unassigned
    if (address_starts(ip, "\x20\x01", 2) && ip[2] < 0x02)
        return EFF_ADDRESS_PRIVATE; // 2001::/23: Teredo, ORCHID, benchmarking
    if (address_starts(ip, "\x20\x01\x0d\xb8", 4) || address_starts(ip, "\x3f\xff", 2))
        return EFF_ADDRESS_PRIVATE; // documentation
    return EFF_ADDRESS_PUBLIC;
}

enum eff_address
eff_address_of(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, address, sizeof(in));
        return address_of4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in;

        memcpy(&in, address, sizeof(in));
        return address_of6(in.sin6_addr.s6_addr);
    }
    return EFF_ADDRESS_PRIVATE;
}

enum eff_address
eff_address_of_text(const char *text)
{
    char plain[INET6_ADDRSTRLEN + 1];
    struct in6_addr in6;
    struct in_addr in;
    size_t len = strcspn(text, "%"); // without the zone

    if (len >= sizeof(plain))
        return EFF_ADDRESS_PRIVATE;
    memcpy(plain, text, len);
    plain[len] = '\0';
    if (inet_pton(AF_INET, plain, &in) == 1)
        return address_of4(ntohl(in.s_addr));
    if (inet_pton(AF_INET6, plain, &in6) == 1)
        return address_of6(in6.s6_addr);
    return EFF_ADDRESS_PRIVATE;
}

const char *
eff_address_name(enum eff_address address)
{
    return address == EFF_ADDRESS_PUBLIC     ? "public"
           : address == EFF_ADDRESS_METADATA ? "a cloud's metadata service"
                                             : "loopback, private or reserved";
}
