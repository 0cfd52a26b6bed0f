/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/check.h"
#include "wire/nd.h"

enum {
    OPT_SRC_MAC = 1,
    OPT_DST_MAC = 2,
    OPT_PREFIX = 3,
    OPT_QUOTE = 4,
    OPT_MTU = 5,
    OPT_NONCE = 14,
    OPT_ROUTE = 24,
    HOPS = 255,
    FLAGS = 0xe0, /* of both advertisements; bits behind are reserved or the preference */
};

static int8_t pref_of(uint8_t flags) {
    return (flags >> 3 & 3) == 1 ? 1 : (flags >> 3 & 3) == 3 ? -1 : 0;
}

static size_t min_len(uint8_t type) {
    switch (type) {
    case VIA_ND_ROUTER_SOLICIT:
        return 8;
    case VIA_ND_ROUTER_ADVERT:
        return 16;
    case VIA_ND_SOLICIT:
    case VIA_ND_ADVERT:
        return 24;
    case VIA_ND_REDIRECT:
        return 40;
    default:
        return SIZE_MAX;
    }
}

/* The six bytes of an Ethernet address fill exactly one unit; a group address cannot be a neighbour's. */
static bool take_mac(struct via_nd *n, uint8_t *mac, uint8_t has, const uint8_t *x) {
    if (x[1] != 1 || (x[2] & 1))
        return false;
    memcpy(mac, x + 2, 6);
    n->has |= has;
    return true;
}

static void take_bits(struct via_addr *to, const uint8_t *from, unsigned bits) {
    memset(to, 0, sizeof *to);
    memcpy(to->b, from, (bits + 7) / 8);
    if (bits & 7)
        to->b[bits / 8] &= (uint8_t)(0xff00u >> (bits & 7));
}

/* The next entry, for `bits` at `from`; NULL if there is none left, or for IPv4 in disguise. */
static struct via_nd_prefix *next_prefix(struct via_nd *n, const uint8_t *from, uint8_t bits) {
    struct via_nd_prefix *p = &n->prefix[n->prefixes];

    if (n->prefixes == VIA_ND_PREFIXES) {
        n->more = true;
        return NULL;
    }
    memset(p, 0, sizeof *p);
    take_bits(&p->prefix, from, bits);
    if (via_addr_is4(&p->prefix))
        return NULL;
    p->len = bits;
    n->prefixes++;
    return p;
}

/* RFC 4861 4.6.2; one that makes no sense is skipped (RFC 4862 5.5.3). */
static void take_prefix(struct via_nd *n, const uint8_t *x) {
    struct via_nd_prefix *p;

    if (x[1] != 4 || x[2] > 128 || !(p = next_prefix(n, x + 16, x[2])))
        return;
    p->flags = x[3] & (VIA_ND_ON_LINK | VIA_ND_AUTO);
    p->valid = via_get32(x + 4);
    p->preferred = via_get32(x + 8);
}

/* RFC 4191 2.3: one to three units, as many as the prefix needs; a reserved preference makes it ignored. */
static void take_route(struct via_nd *n, const uint8_t *x) {
    struct via_nd_prefix *p;

    if (x[1] > 3 || x[2] > (x[1] - 1) * 64 || (x[3] >> 3 & 3) == 2 || !(p = next_prefix(n, x + 8, x[2])))
        return;
    p->flags = VIA_ND_VIA_ROUTER;
    p->pref = pref_of(x[3]);
    p->valid = via_get32(x + 4);
}

static bool take_option(struct via_nd *n, const uint8_t *at, size_t i) {
    const uint8_t *x = at + i;

    switch (x[0]) {
    case OPT_SRC_MAC:
        return take_mac(n, n->src_mac, VIA_ND_SRC_MAC, x);
    case OPT_DST_MAC:
        return take_mac(n, n->dst_mac, VIA_ND_DST_MAC, x);
    case OPT_PREFIX:
        take_prefix(n, x);
        return true;
    case OPT_ROUTE:
        take_route(n, x);
        return true;
    case OPT_QUOTE:
        n->quote_at = (uint16_t)(i + 8);
        n->quote_len = (uint16_t)(x[1] * 8u - 8);
        return true;
    case OPT_MTU:
        if (x[1] == 1) {
            n->mtu = via_get32(x + 4);
            n->has |= VIA_ND_MTU;
        }
        return true;
    case OPT_NONCE:
        if (x[1] == 1) {
            memcpy(n->nonce, x + 2, 6);
            n->has |= VIA_ND_NONCE;
        }
        return true;
    default: /* RFC 4861 4.6: unknown options are skipped */
        return true;
    }
}

static bool take_options(struct via_nd *n, const uint8_t *at, size_t i, size_t len) {
    while (i < len) {
        size_t size = i + 8 <= len ? at[i + 1] * 8u : 0;

        if (!size || size > len - i || !take_option(n, at, i))
            return false;
        i += size;
    }
    return true;
}

static void take_fixed(struct via_nd *n, const uint8_t *at) {
    memset(n, 0, offsetof(struct via_nd, prefix));
    n->type = at[0];
    switch (n->type) {
    case VIA_ND_ROUTER_ADVERT:
        n->hop_limit = at[4];
        n->flags = at[5] & FLAGS;
        n->pref = pref_of(at[5]);
        n->lifetime = via_get16(at + 6);
        n->reachable = via_get32(at + 8);
        n->retrans = via_get32(at + 12);
        break;
    case VIA_ND_REDIRECT:
        n->dst = via_addr_from6(at + 24);
        n->target = via_addr_from6(at + 8);
        break;
    case VIA_ND_SOLICIT:
    case VIA_ND_ADVERT:
        n->flags = n->type == VIA_ND_ADVERT ? at[4] & FLAGS : 0;
        n->target = via_addr_from6(at + 8);
        break;
    default:
        break;
    }
}

/* What the message may not say, given who sends it to whom. IPv4 in disguise is no target, for tables are shared. */
static bool fits_header(const struct via_nd *n, const struct via_ip_head *ip) {
    bool nobody = via_addr_is_any(&ip->src);
    struct via_addr group;

    if (via_addr_is4(&n->target) || via_addr_is4(&n->dst))
        return false;
    switch (n->type) {
    case VIA_ND_ROUTER_SOLICIT:
        return !nobody || !(n->has & VIA_ND_SRC_MAC);
    case VIA_ND_ROUTER_ADVERT:
        return via_addr_is_linklocal6(&ip->src);
    case VIA_ND_SOLICIT:
        group = via_nd_group(&n->target);
        return !via_addr_is_multicast(&n->target) &&
               (!nobody || (!(n->has & VIA_ND_SRC_MAC) && via_addr_eq(&ip->dst, &group)));
    case VIA_ND_ADVERT:
        return !via_addr_is_multicast(&n->target) &&
               !(via_addr_is_multicast(&ip->dst) && (n->flags & VIA_ND_SOLICITED));
    default:
        return via_addr_is_linklocal6(&ip->src) && !via_addr_is_multicast(&n->dst) &&
               (via_addr_is_linklocal6(&n->target) || via_addr_eq(&n->target, &n->dst));
    }
}

int via_nd_parse(struct via_nd *n, const struct via_ip_head *ip, const uint8_t *at, size_t len) {
    if (ip->ttl != HOPS)
        return -VIA_DROP_ND_HOP_LIMIT;
    if (ip->flags & VIA_IP_FRAG_SEEN)
        return -VIA_DROP_ND_FRAGMENT;
    if (len < 8 || len > VIA_IP_MAX || len < min_len(at[0]) || at[1])
        return -VIA_DROP_ND_BAD;
    take_fixed(n, at);
    if (!take_options(n, at, min_len(at[0]), len) || !fits_header(n, ip))
        return -VIA_DROP_ND_BAD;
    return (int)len;
}

static int emit_option(uint8_t *at, uint8_t type, const uint8_t bytes[6]) {
    at[0] = type;
    at[1] = 1;
    memcpy(at + 2, bytes, 6);
    return 8;
}

int via_nd_emit(uint8_t *at, const struct via_nd *n, const struct via_ip_head *ip) {
    int len = n->type == VIA_ND_ROUTER_SOLICIT ? 8 : 24;

    VIA_ASSERT(n->type == VIA_ND_ROUTER_SOLICIT || n->type == VIA_ND_SOLICIT || n->type == VIA_ND_ADVERT);
    memset(at, 0, 8);
    at[0] = n->type;
    at[4] = n->type == VIA_ND_ADVERT ? n->flags : 0;
    if (len == 24)
        memcpy(at + 8, &n->target, 16);
    if (n->has & VIA_ND_SRC_MAC)
        len += emit_option(at + len, OPT_SRC_MAC, n->src_mac);
    if (n->has & VIA_ND_DST_MAC)
        len += emit_option(at + len, OPT_DST_MAC, n->dst_mac);
    if (n->has & VIA_ND_NONCE)
        len += emit_option(at + len, OPT_NONCE, n->nonce);
    via_store16(at + 2, via_sum_end(via_sum_add(via_sum_pseudo(&ip->src, &ip->dst, IPPROTO_ICMPV6, (uint32_t)len), at,
                                                (size_t)len)));
    return len;
}
