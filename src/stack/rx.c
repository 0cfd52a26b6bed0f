/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack/rx.h"
#include "tcp/tcp.h"

#include "vi/capture.h"

static enum via_drop to_transport(struct via_core *c, struct via_pkt *p, struct via_rx *rx) {
    enum via_drop why;

    if (rx->flow.proto != IPPROTO_UDP)
        return via_tcp_input(c, p, rx);
    why = via_udp_input(c, p, rx);
    if (VIA_UNLIKELY(why == VIA_DROP_UDP_NO_SOCKET && !rx->group))
        via_net_unreachable(c, p, rx);
    return why;
}

static enum via_drop to_error(struct via_core *c, const struct via_rx *rx) {
    if (rx->flow.proto == IPPROTO_TCP)
        return via_tcp_error(c, rx);
    return rx->flow.proto == IPPROTO_UDP ? via_udp_error(c, rx) : VIA_DROP_ICMP_NO_FLOW;
}

/* To the host, and from there to a transport. Why it was dropped, or 0. */
static inline enum via_drop receive(struct via_core *c, struct via_pkt *p) {
    enum via_drop why = VIA_KEPT;
    struct via_rx rx;
    via_ns_t ts = p->ts;

    via_net_input(c, p, &rx);
    if (rx.kind == VIA_RX_DONE)
        return VIA_KEPT;
    if (VIA_UNLIKELY(rx.pkt != p)) {
        /* The last fragment makes the datagram readable: the number and the time are its own. */
        p = rx.pkt;
        p->order = c->s->arrivals;
        p->ts = ts;
    }
    switch (rx.kind) {
    case VIA_RX_DATAGRAM:
        why = to_transport(c, p, &rx);
        if (VIA_LIKELY(!why))
            return VIA_KEPT;
        break;
    case VIA_RX_ERROR:
        why = to_error(c, &rx);
        break;
    default:
        why = rx.why;
        break;
    }
    if (why)
        via_drop_count(c, why);
    via_pkt_release(c, p);
    return why;
}

static __attribute__((noinline)) void receive_captured(struct via_core *c, struct via_pkt *p) {
    bool wanted = via_capture_copy(c, p);
    enum via_drop why = receive(c, p);

    if (wanted)
        via_capture_received(c, why);
}

void via_rx(struct via_stack *st, struct via_pkt *p) {
    struct via_core *c = &st->core;

    p->order = ++c->s->arrivals;
    if (VIA_UNLIKELY(c->capture != NULL))
        receive_captured(c, p);
    else
        receive(c, p);
}

unsigned via_rx_any(struct via_stack *st, struct via_vi *vi, const struct via_frame *f, unsigned n) {
    struct via_pkt *p = NULL;

    if (VIA_UNLIKELY(via_vi_is_special(f)))
        n = via_vi_special(vi, f, n, &p);
    else if (n = 1, VIA_UNLIKELY(!(p = via_vi_lent(vi, f))))
        via_drop_count(&st->core, VIA_DROP_RING_INVALID);
    else
        via_vi_accept(vi, p, f, 0, f->len);
    if (VIA_LIKELY(p != NULL)) {
        vi->rx_packets++;
        vi->rx_bytes += p->total;
        via_rx(st, p);
    }
    return n;
}

VIA_COLD unsigned via_rx_packets(struct via_stack *st, struct via_vi *vi, unsigned budget) {
    bool merging = via_merge_wanted(st);
    struct via_pkt *v[VIA_STAGE];
    unsigned all = 0, n, i;

    do {
        n = via_vi_pull(vi, v, via_min32(budget - all, VIA_STAGE));
        if (merging)
            via_merge_hold(st, vi, v, n);
        for (i = 0; i < n && !merging; i++)
            via_rx(st, v[i]);
        all += n;
    } while (n == VIA_STAGE && all < budget);
    return all;
}

VIA_COLD unsigned via_rx_more(struct via_stack *st, struct via_vi *vi, unsigned budget) {
    unsigned all = VIA_STAGE, n;

    do {
        n = budget - all >= VIA_STAGE ? via_rx_burst(st, vi) : 0;
        all += n;
    } while (n == VIA_STAGE);
    return n || all == budget ? all : all + via_rx_packets(st, vi, budget - all);
}

/* A datagram to where the last one went: its headers, which are our own, are not read again. False: not that. */
static inline bool loop_known(struct via_core *c, struct via_pkt *p) {
    const uint8_t *at = via_pkt_data(c, p);
    uint8_t iface = (uint8_t)(p->vi | VIA_KNOWN_LOOPED);
    struct via_sock *k;
    enum via_drop why;

    if (VIA_UNLIKELY(p->chain || p->len < VIA_KNOWN_HEAD4 + VIA_UDP_LEN || c->capture))
        return false;
    if (VIA_LIKELY(via_load16(at + 12) == htons(VIA_ETH_IP4)))
        k = via_known_find4(c, at, iface);
    else
        k = p->len < VIA_KNOWN_HEAD6 + VIA_UDP_LEN ? NULL : via_known_find6(c, at, iface);
    if (!k || k->kind != VIA_KIND_UDP)
        return false;
    via_pkt_pull(p, (via_load16(at + 12) == htons(VIA_ETH_IP4) ? VIA_KNOWN_HEAD4 : VIA_KNOWN_HEAD6) + VIA_UDP_LEN);
    p->order = ++c->s->arrivals;
    why = via_udp_deliver(c, k, p);
    if (VIA_UNLIKELY(why)) {
        via_drop_count(c, why);
        via_pkt_release(c, p);
    }
    return true;
}

unsigned via_rx_loop(struct via_stack *st) {
    struct via_core *c = &st->core;
    struct via_list loop = c->s->loop;
    struct via_pkt *p;
    unsigned n = 0;

    c->s->loop.head = c->s->loop.tail = 0;
    while ((p = via_pktq_pop(c, &loop))) {
        p->owner = VIA_OWNER_BURST;
        p->ts = c->s->now;
        memset(&p->rec, 0, sizeof p->rec);
        if (VIA_UNLIKELY(!loop_known(c, p)))
            via_rx(st, p);
        n++;
    }
    return n;
}
