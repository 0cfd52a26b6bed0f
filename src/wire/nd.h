/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nd.h - neighbour discovery messages and their options (RFC 4861, RFC 4191 routes, RFC 7527 nonce).
 *
 * The parser makes all the checks of form that the RFC asks of a receiver (6.1.1, 6.1.2, 7.1.1, 7.1.2, 8.1), the hop
 * limit among them, but the ICMPv6 checksum, which is the same for all ICMPv6. What a message then may change is for
 * the network layer.
 */
#ifndef VIA_WIRE_ND_H
#define VIA_WIRE_ND_H

#include "wire/icmp.h"

#define VIA_ND_PREFIXES 8 /* prefixes and routes taken from one advertisement; `more` tells of others */
#define VIA_ND_EMIT_MAX 48

enum via_nd_type {
    VIA_ND_ROUTER_SOLICIT = 133,
    VIA_ND_ROUTER_ADVERT = 134,
    VIA_ND_SOLICIT = 135,
    VIA_ND_ADVERT = 136,
    VIA_ND_REDIRECT = 137,
};

/* Bits of via_nd.flags, as they lie in the message. */
enum via_nd_flag {
    VIA_ND_ROUTER = 0x80, /* neighbour advertisement */
    VIA_ND_SOLICITED = 0x40,
    VIA_ND_OVERRIDE = 0x20,
    VIA_ND_MANAGED = 0x80, /* router advertisement */
    VIA_ND_OTHER = 0x40,
};

/* Bits of via_nd.has: options that came, or shall be sent. */
enum via_nd_option {
    VIA_ND_SRC_MAC = 1,
    VIA_ND_DST_MAC = 2, /* "target link-layer address" */
    VIA_ND_MTU = 4,
    VIA_ND_NONCE = 8, /* of six bytes; longer ones cannot be ours and are skipped */
};

/* Bits of via_nd_prefix.flags. */
enum via_nd_prefix_flag {
    VIA_ND_ON_LINK = 0x80,
    VIA_ND_AUTO = 0x40,    /* addresses may be made of it (RFC 4862) */
    VIA_ND_VIA_ROUTER = 1, /* a route information option: reach it through the advertising router */
};

/* A prefix that a router announces. Bits behind `len` are cleared. It is never inside ::ffff:0:0/96. */
struct via_nd_prefix {
    struct via_addr prefix;
    uint32_t valid, preferred; /* seconds; 0xffffffff is for ever */
    uint8_t len;               /* bits */
    uint8_t flags;             /* enum via_nd_prefix_flag */
    int8_t pref;               /* of routes, as below */
    uint8_t pad;
};

struct via_nd {
    uint8_t type;           /* enum via_nd_type */
    uint8_t flags;          /* enum via_nd_flag */
    uint8_t has;            /* enum via_nd_option */
    int8_t pref;            /* of a router: 1 high, 0 medium, -1 low (RFC 4191 2.1; the reserved value is medium) */
    struct via_addr target; /* of solicitations and advertisements; of a redirect the better first hop */
    struct via_addr dst;    /* of a redirect: the destination redirected */
    uint8_t src_mac[6], dst_mac[6], nonce[6];
    uint16_t lifetime;  /* of a router: seconds, 0 is no default router */
    uint32_t reachable; /* ms, 0 is "unspecified" */
    uint32_t retrans;   /* ms, 0 is "unspecified" */
    uint32_t mtu;
    uint16_t quote_at; /* of a redirect: where the packet that caused it begins, 0 if it is not there */
    uint16_t quote_len;
    uint8_t hop_limit; /* of a router advertisement: 0 is "unspecified" */
    uint8_t prefixes;  /* entries of `prefix` */
    bool more;         /* there were more than VIA_ND_PREFIXES */
    struct via_nd_prefix prefix[VIA_ND_PREFIXES];
};

/*
 * The ICMPv6 message of `len` bytes at `at`, which came behind the header `ip`. ND_HOP_LIMIT, ND_FRAGMENT (RFC 6980),
 * else ND_BAD, for a mapped IPv4 address too. Result: `len`. Entries of `prefix` behind `prefixes` are not written.
 */
int via_nd_parse(struct via_nd *n, const struct via_ip_head *ip, const uint8_t *at, size_t len);

/*
 * Writes what a host sends: router solicitation, neighbour solicitation and advertisement, with the options of `has`
 * (but no MTU). The checksum is filled in for the addresses of `ip`. At most VIA_ND_EMIT_MAX bytes.
 */
int via_nd_emit(uint8_t *at, const struct via_nd *n, const struct via_ip_head *ip);

/* The solicited-node group of an address (RFC 4291 2.7.1). */
static inline struct via_addr via_nd_group(const struct via_addr *a) {
    struct via_addr g = {{0xff, 2, [11] = 1, [12] = 0xff, [13] = a->b[13], [14] = a->b[14], [15] = a->b[15]}};

    return g;
}

#endif
