/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/ip.h"
#include "net/state.h"

/* ::/96 and ::ffff:0:0/96: unspecified, loopback, and IPv4 in disguise (RFC 4291 2.5). */
static bool is_low(const struct via_addr *a) {
    uint32_t mid = via_load32(a->b + 8);

    return !via_load64(a->b) && (!mid || mid == htonl(0xffff));
}

static enum via_drop judge_source(const struct via_core *c, const struct via_pkt *p, const struct via_ip_head *h) {
    const struct via_own *o;

    if (via_addr_is_multicast(&h->src))
        return VIA_DROP_IP_MARTIAN;
    /* A host that looks for duplicates, or reports groups before it has an address. */
    if (is_low(&h->src))
        return via_addr_is_any(&h->src) && !via_addr_is4(&h->src) && h->proto == IPPROTO_ICMPV6 &&
                       via_addr_is_multicast(&h->dst)
                   ? VIA_KEPT
                   : VIA_DROP_IP_MARTIAN;
    o = via_addr_find(c, &h->src, p->vi);
    return o && via_own_usable(o) ? VIA_DROP_IP_MARTIAN : VIA_KEPT;
}

static enum via_drop judge_group(const struct via_core *c, const struct via_pkt *p, const struct via_ip_head *h) {
    uint8_t scope = h->dst.b[1] & 15;

    /* RFC 4291 2.7: scope 0 is reserved, scope 1 does not leave a host. */
    if (!scope || (scope == 1 && !p->looped))
        return VIA_DROP_IP_MARTIAN;
    /* Routers ask about a group whatever its members' sources are. */
    return via_mcast_wants(c, p->vi, &h->dst, h->proto == IPPROTO_ICMPV6 ? NULL : &h->src) ? VIA_KEPT
                                                                                           : VIA_DROP_NO_GROUP;
}

enum via_drop via_ip6_judge(const struct via_core *c, const struct via_pkt *p, const struct via_ip_head *h,
                            bool *group) {
    enum via_drop why = p->looped ? VIA_KEPT : judge_source(c, p, h);
    const struct via_own *o;

    *group = via_addr_is_multicast(&h->dst) && !via_addr_is4(&h->dst);
    if (why)
        return why;
    if (*group)
        return judge_group(c, p, h);
    if (is_low(&h->dst))
        return p->looped && h->dst.b[15] == 1 && !via_load32(h->dst.b + 8) ? VIA_KEPT : VIA_DROP_IP_MARTIAN;
    o = via_addr_find(c, &h->dst, p->vi);
    if (!o || o->state == VIA_ADDR_DUPLICATE)
        return VIA_DROP_IP_NOT_MINE;
    if (!via_own_usable(o))
        return VIA_DROP_IP_TENTATIVE;
    return p->flags & VIA_PKT_MCAST ? VIA_DROP_IP_MARTIAN : VIA_KEPT;
}
