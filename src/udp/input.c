/* SPDX-License-Identifier: BSD-2-Clause */
#include "udp/input.h"

/* The sum over the whole datagram, whose parts may begin at odd offsets. */
static uint64_t sum_chain(const struct via_core *c, const struct via_pkt *p, uint32_t len) {
    uint64_t sum = 0;
    bool odd = false;

    for (;;) {
        uint32_t n = via_min32(p->len, len);

        sum = via_sum_join(sum, via_sum_add(0, via_pkt_data(c, p), n), odd);
        odd ^= n & 1;
        len -= n;
        if (!len || !p->chain)
            return sum;
        p = via_pkt_at(c, p->chain);
    }
}

static bool sum_is_wrong(struct via_core *c, const struct via_pkt *p, const struct via_udp_head *u,
                         const struct via_rx *rx) {
    uint64_t sum;

    if (!c->attrs.checksum || ((p->flags & VIA_PKT_CSUM_OK) && c->attrs.checksum == 1) || p->looped)
        return false;
    if (!u->sum)
        return !via_addr_is4(&rx->flow.local); /* RFC 8200 8.1: not optional */
    sum = via_sum_pseudo(&rx->flow.remote, &rx->flow.local, IPPROTO_UDP, u->len);
    if (VIA_LIKELY(!p->chain))
        sum = via_sum_add(sum, via_pkt_data(c, p), u->len);
    else
        sum = via_sum_plus(sum, sum_chain(c, p, u->len));
    return !via_sum_ok(sum);
}

/* Receivers of one packet: the last one found waits until it is known whether it is the only one. */
struct receivers {
    struct via_udp_sock *last;
    uint32_t clones;
};

static void deliver_clone(struct via_core *c, struct receivers *r, struct via_pkt *p) {
    struct via_pkt *clone = via_pkt_clone(c, p);
    enum via_drop why;

    if (!clone) {
        r->last->sock.drops++;
        via_drop_count(c, VIA_DROP_NO_CLONE);
        return;
    }
    r->clones++;
    why = via_udp_deliver(c, &r->last->sock, clone);
    if (why) {
        via_drop_count(c, why);
        via_pkt_release(c, clone);
    }
}

/* All members under `key`. */
static void deliver_to(struct via_core *c, const struct via_flow *key, const struct via_rx *rx, struct via_pkt *p,
                       struct receivers *r) {
    struct via_demux_walk w;
    uint32_t ref;

    for (ref = via_demux_first(c, key, &w); ref; ref = via_demux_next(c, key, &w)) {
        struct via_udp_sock *u = (struct via_udp_sock *)(void *)via_sock_at(c, ref);

        if (!via_udp_is_member(c, u, &rx->flow))
            continue;
        if (r->last)
            deliver_clone(c, r, p);
        r->last = u;
    }
}

/*
 * Group and broadcast: all sockets that match, from the four-tuple to the wildcard, share one frame by clones. A single
 * receiver gets the packet itself; among several nobody does, so that whose frame it is does not depend on their order.
 */
static enum via_drop deliver_group(struct via_core *c, const struct via_rx *rx, struct via_pkt *p) {
    const struct via_demux *d = &c->socks->demux;
    struct via_flow key = rx->flow;
    struct receivers r = {NULL, 0};

    key.iface = 0;
    if (d->level[VIA_DEMUX_FULL])
        deliver_to(c, &key, rx, p, &r);
    key.rport = 0;
    memset(&key.remote, 0, sizeof key.remote);
    if (d->level[VIA_DEMUX_LOCAL])
        deliver_to(c, &key, rx, p, &r);
    if (via_addr_is4(&rx->flow.local) && d->level[VIA_DEMUX_ANY4]) {
        key.local = via_addr_from4(0);
        deliver_to(c, &key, rx, p, &r);
    }
    memset(&key.local, 0, sizeof key.local);
    if (d->level[VIA_DEMUX_ANY])
        deliver_to(c, &key, rx, p, &r);
    if (!r.last)
        return VIA_DROP_UDP_NO_SOCKET;
    if (!r.clones)
        return via_udp_deliver(c, &r.last->sock, p);
    deliver_clone(c, &r, p);
    p->owner = VIA_OWNER_HELD;
    via_pkt_release(c, p);
    return VIA_KEPT;
}

enum via_drop via_udp_input(struct via_core *c, struct via_pkt *p, struct via_rx *rx) {
    struct via_udp_head head;
    uint32_t ref;
    int why = via_udp_parse(&head, via_pkt_data(c, p), p->len, p->total);

    if (VIA_UNLIKELY(why < 0))
        return (enum via_drop) - why;
    if (VIA_UNLIKELY(sum_is_wrong(c, p, &head, rx)))
        return VIA_DROP_UDP_CHECKSUM;
    rx->flow.lport = head.dport;
    rx->flow.rport = head.sport;
    if (VIA_UNLIKELY(head.len < p->total))
        via_pkt_trim(c, p, head.len);
    if (VIA_UNLIKELY(rx->group)) {
        p->flags |= VIA_PKT_MCAST;
        via_pkt_pull(p, VIA_UDP_LEN);
        return deliver_group(c, rx, p);
    }
    ref = via_demux_find(c, &rx->flow);
    if (VIA_UNLIKELY(!ref))
        return VIA_DROP_UDP_NO_SOCKET;
    if (!(p->flags & VIA_PKT_MCAST))
        via_known_put(c, p, ref);
    via_pkt_pull(p, VIA_UDP_LEN);
    return via_udp_deliver(c, via_sock_at(c, ref), p);
}

/* A router's word about the size of packets is believed about who we really send to (RFC 8085 3.2). */
static bool sends_there(const struct via_sock *k, const struct via_rx *rx) {
    const struct via_udp_sock *u = (const struct via_udp_sock *)(const void *)k;

    return (k->flags & VIA_SOCK_CONNECTED) || via_addr_eq(&u->path.dst, &rx->flow.remote);
}

/* RFC 1122 4.1.3.3, RFC 8085 5.2: only who is connected to that peer learns of it. */
enum via_drop via_udp_error(struct via_core *c, const struct via_rx *rx) {
    uint32_t ref = via_demux_find(c, &rx->flow);
    struct via_sock *k;

    if (!ref || via_ref_kind(ref) != VIA_KIND_UDP)
        return VIA_DROP_ICMP_NO_FLOW;
    k = via_sock_at(c, ref);
    if (rx->reason == -EMSGSIZE && sends_there(k, rx))
        via_net_pmtu(c, rx);
    if (!(k->flags & VIA_SOCK_CONNECTED))
        return VIA_DROP_ICMP_NO_FLOW;
    k->reason = rx->reason;
    via_ready_raise(c, k, VIA_EV_ERR, rx->reason, rx->pkt ? rx->pkt->order : 0);
    return VIA_KEPT;
}
