/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/ip.h"
#include "net/state.h"

static bool is_loopback(uint32_t a) {
    return a >> 24 == 127;
}

static enum via_drop judge_source(const struct via_core *c, const struct via_ip_head *h) {
    uint32_t src = ntohl(via_addr_to4(&h->src));
    const struct via_own *o;

    /* RFC 1122 3.2.1.3. Switches that ask for members have no address of their own (RFC 4541 2.1.1). */
    if (!(src >> 24))
        return !src && h->proto == IPPROTO_IGMP ? VIA_KEPT : VIA_DROP_IP_MARTIAN;
    if (is_loopback(src) || src >> 24 >= 224)
        return VIA_DROP_IP_MARTIAN;
    o = via_addr_find(c, &h->src, 0);
    return o && (o->kind == VIA_OWN_BROADCAST || via_own_usable(o)) ? VIA_DROP_IP_MARTIAN : VIA_KEPT;
}

static enum via_drop judge_unicast(const struct via_pkt *p, const struct via_own *o) {
    if (!o || o->state == VIA_ADDR_DUPLICATE)
        return VIA_DROP_IP_NOT_MINE;
    if (!via_own_usable(o))
        return VIA_DROP_IP_TENTATIVE;
    /* RFC 1122 3.3.6: a link's broadcast does not carry a datagram to one host. */
    return p->flags & VIA_PKT_MCAST ? VIA_DROP_IP_MARTIAN : VIA_KEPT;
}

enum via_drop via_ip4_judge(const struct via_core *c, const struct via_pkt *p, const struct via_ip_head *h,
                            bool *group) {
    uint32_t dst = ntohl(via_addr_to4(&h->dst));
    enum via_drop why = p->looped ? VIA_KEPT : judge_source(c, h);
    const struct via_own *o;

    *group = false;
    if (why)
        return why;
    if (!(dst >> 24) || (is_loopback(dst) && !p->looped))
        return VIA_DROP_IP_MARTIAN;
    if (dst >> 28 == 14) {
        *group = true;
        /* Routers ask about a group whatever its members' sources are. */
        return via_mcast_wants(c, p->vi, &h->dst, h->proto == IPPROTO_IGMP ? NULL : &h->src) ? VIA_KEPT
                                                                                             : VIA_DROP_NO_GROUP;
    }
    o = via_addr_find(c, &h->dst, 0);
    if (o && o->kind == VIA_OWN_BROADCAST) {
        *group = true;
        return VIA_KEPT;
    }
    if (is_loopback(dst))
        return VIA_KEPT;
    return judge_unicast(p, o);
}
