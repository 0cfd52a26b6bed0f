/* SPDX-License-Identifier: BSD-2-Clause */
/* input.h - what the long and the short way in have in common. */
#ifndef VIA_UDP_INPUT_H
#define VIA_UDP_INPUT_H

#include "udp/udp.h"
#include "wire/udp.h"

/* Puts the datagram (payload at p->off) on the socket; the packet is taken with 0. */
static inline enum via_drop via_udp_deliver(struct via_core *c, struct via_sock *k, struct via_pkt *p) {
    if (VIA_UNLIKELY(k->rxq.pkts >= k->rxq.limit)) {
        k->drops++;
        return k->flags & VIA_SOCK_SEND_ONLY ? VIA_DROP_UDP_SEND_ONLY : VIA_DROP_UDP_QUEUE;
    }
    if (VIA_UNLIKELY(c->s->pkts.free <= c->s->reserve || c->s->held >= c->attrs.hold_max)) {
        k->drops++;
        return VIA_DROP_NO_BUFFER;
    }
    p->owner = VIA_OWNER_RXQ;
    c->udp->rx++;
    c->udp->rx_bytes += p->total;
    k->rxq.pkts++;
    via_pktq_push(c, &k->rxq.list, p);
    via_ready_data(c, k, p);
    return VIA_KEPT;
}

/*
 * For the shortest way in: is what an IP header with `addrs` bytes of addresses right in front carries in `len` bytes a
 * datagram, exactly so long, with a checksum that is right or, over IPv4, left out?
 */
static inline bool via_udp_is_plain(const uint8_t *at, uint32_t len, uint32_t addrs, bool verify) {
    if (VIA_UNLIKELY(len < VIA_UDP_LEN || via_get16(at + 4) != len))
        return false;
    if (VIA_LIKELY(!verify))
        return true;
    if (VIA_UNLIKELY(!via_load16(at + 6)))
        return addrs == 8;
    return via_sum_ok(via_sum_add((uint64_t)htonl(len) + htonl(IPPROTO_UDP), at - addrs, addrs + len));
}

#endif
