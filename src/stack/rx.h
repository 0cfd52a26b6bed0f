/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rx.h - the way in, as far as it is the same for every packet: one function of the poll when all of it is inlined. What
 * is rare is in rx.c.
 */
#ifndef VIA_STACK_RX_H
#define VIA_STACK_RX_H

#include "net/input.h"
#include "stack/stack.h"
#include "tcp/tcp.h"
#include "udp/input.h"

/* A frame that is not known for what it is: the packet at the first of `n` frames; how many frames it was. */
unsigned via_rx_any(struct via_stack *st, struct via_vi *vi, const struct via_frame *f, unsigned n);

/* Few at a time, or what must wait for its turn among other VIs, or did not come off the device just now. */
unsigned via_rx_packets(struct via_stack *st, struct via_vi *vi, unsigned budget);

/* After a whole stage: what else is there, up to the budget; how many with the stage. */
unsigned via_rx_more(struct via_stack *st, struct via_vi *vi, unsigned budget);

/*
 * The shortest way in: UDP or TCP, whole, from where and to where something came a moment ago. One straight line of checks on
 * the bytes as they lie there; false says nothing about the frame, which was not touched.
 */
VIA_HOT bool via_rx_known(struct via_core *c, struct via_vi *vi, struct via_pkt *p, const struct via_frame *f) {
    bool verify = VIA_UNLIKELY(c->attrs.checksum > (f->flags & VIA_FRAME_CSUM_OK) / VIA_FRAME_CSUM_OK);
    const uint8_t *at = c->frames + f->addr;
    uint32_t head, len, addrs; /* bytes of headers in front, of what is carried, of the addresses */
    struct via_sock *k;
    enum via_drop why;

    if (VIA_LIKELY(via_load16(at + 12) == htons(VIA_ETH_IP4))) {
        head = VIA_KNOWN_HEAD4;
        addrs = 8;
        k = via_known_find4(c, at, vi->index);
        len = (uint32_t)via_get16(at + VIA_ETH_LEN + 2) - VIA_IP4_LEN;
        if (VIA_UNLIKELY(verify) && !via_sum_ok(via_sum_add(0, at + VIA_ETH_LEN, VIA_IP4_LEN)))
            return false;
    } else {
        if (VIA_UNLIKELY(f->len < VIA_KNOWN_HEAD6 + VIA_UDP_LEN))
            return false;
        head = VIA_KNOWN_HEAD6;
        addrs = 32;
        k = via_known_find6(c, at, vi->index);
        len = via_get16(at + VIA_ETH_LEN + 4);
    }
    if (VIA_UNLIKELY(!k || (uint64_t)len + head > f->len))
        return false;
    if (k->kind == VIA_KIND_TCP) {
        struct via_tcp_frame w = {head, len, addrs, verify};

        return via_tcp_known((struct via_tcp_conn *)(void *)k, vi, p, f, &w);
    }
    if (VIA_UNLIKELY(!via_udp_is_plain(at + head, len, addrs, verify)))
        return false;
    via_vi_accept(vi, p, f, head + VIA_UDP_LEN, len - VIA_UDP_LEN);
    p->l3 = (uint16_t)(p->off - head - VIA_UDP_LEN + VIA_ETH_LEN);
    p->order = ++c->s->arrivals;
    vi->rx_packets++;
    vi->rx_bytes += f->len;
    why = via_udp_deliver(c, k, p);
    if (VIA_UNLIKELY(why)) {
        via_drop_count(c, why);
        via_pkt_release(c, p);
    }
    return true;
}

/* The packet at `f`, before `end`; how many frames it was. */
VIA_HOT unsigned via_rx_frame(struct via_stack *st, struct via_vi *vi, const struct via_frame *f,
                               const struct via_frame *end) {
    struct via_pkt *p;

    if (VIA_LIKELY(!via_vi_is_special(f) && (p = via_vi_lent(vi, f)) && f->len >= VIA_KNOWN_HEAD4 + VIA_UDP_LEN &&
                   via_rx_known(&st->core, vi, p, f)))
        return 1;
    return via_rx_any(st, vi, f, (unsigned)(end - f));
}

/* What is there, up to what a stage holds. */
VIA_HOT unsigned via_rx_burst(struct via_stack *st, struct via_vi *vi) {
    struct via_frame v[VIA_STAGE];
    const struct via_frame *f = v, *end = v + via_vi_frames(vi, v, VIA_STAGE);

    if (VIA_UNLIKELY(end > v + 1))
        via_vi_prefetch(&st->core, v, (unsigned)(end - v));
    while (f < end)
        f += via_rx_frame(st, vi, f, end);
    return (unsigned)(end - v);
}

/* Up to `budget` frames, or packets if it is to be so. */
VIA_HOT unsigned via_rx_pull(struct via_stack *st, struct via_vi *vi, unsigned budget, bool packets) {
    unsigned n;

    if (VIA_UNLIKELY(packets || vi->injected.head))
        return via_rx_packets(st, vi, budget);
    n = via_rx_burst(st, vi);
    return VIA_UNLIKELY(n == VIA_STAGE) ? via_rx_more(st, vi, budget) : n;
}

/* Up to `budget` frames of each VI; every VI has its turn to be first. */
VIA_HOT unsigned via_rx_all(struct via_stack *st, unsigned budget) {
    struct via_core *c = &st->core;
    bool merging = via_merge_wanted(st);
    bool packets = merging | (budget < VIA_STAGE) | (c->capture != NULL);
    uint32_t left = c->vis, at = st->turn < left ? st->turn + 1 : 1;
    unsigned n = 0, took;

    st->turn = at;
    st->leftover = 0;
    for (; left; left--) {
        struct via_vi *vi = c->vi[at];

        at = at < c->vis ? at + 1 : 1;
        if (!vi || vi->raw)
            continue;
        took = via_rx_pull(st, vi, budget, packets);
        if (took && via_vi_wants_stock(vi))
            via_vi_stock(vi);
        st->leftover |= took >= budget;
        n += took;
    }
    if (VIA_UNLIKELY(merging))
        via_merge_release(st);
    return n;
}

#endif
