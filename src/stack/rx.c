/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/input.h"
#include "stack/stack.h"
#include "udp/input.h"
#include "vi/capture.h"
#include "wire/eth.h"

static enum via_drop to_transport(struct via_core *c, struct via_pkt *p, struct via_rx *rx) {
    enum via_drop why;

    if (VIA_UNLIKELY(rx->flow.proto != IPPROTO_UDP))
        return VIA_DROP_TCP_NO_LISTENER;
    why = via_udp_input(c, p, rx);
    if (VIA_UNLIKELY(why == VIA_DROP_UDP_NO_SOCKET && !rx->group))
        via_net_unreachable(c, p, rx);
    return why;
}

static enum via_drop to_error(struct via_core *c, const struct via_rx *rx) {
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

/*
 * The shortest way in: UDP, whole, from where and to where something came a moment ago. One straight line of checks on
 * the bytes as they lie there; false says nothing about the frame, which was not touched.
 */
static inline bool take_known(struct via_core *c, struct via_vi *vi, struct via_pkt *p, const struct via_frame *f) {
    bool verify = c->attrs.checksum > (f->flags & VIA_FRAME_CSUM_OK) / VIA_FRAME_CSUM_OK;
    const uint8_t *at = c->frames + f->addr, *ip = at + VIA_ETH_LEN;
    uint32_t room = f->len - VIA_ETH_LEN, hlen, len;
    struct via_sock *k;
    enum via_drop why;

    if (VIA_UNLIKELY(f->len < VIA_ETH_LEN + VIA_IP4_LEN + VIA_UDP_LEN) ||
        VIA_UNLIKELY(!via_mac_eq(at, c->net->iface.at[vi->index].mac) || via_mac_is_group(at + 6)))
        return false;
    if (VIA_LIKELY(via_load16(at + 12) == htons(VIA_ETH_IP4))) {
        hlen = VIA_IP4_LEN;
        len = via_net_plain4(ip, room, IPPROTO_UDP, verify);
        k = via_known_find4(c, ip, vi->index);
    } else {
        if (via_load16(at + 12) != htons(VIA_ETH_IP6) || room < VIA_IP6_LEN + VIA_UDP_LEN)
            return false;
        hlen = VIA_IP6_LEN;
        len = via_net_plain6(ip, room, IPPROTO_UDP);
        k = via_known_find6(c, ip, vi->index);
    }
    if (VIA_UNLIKELY(!len || !k || !via_udp_is_plain(ip + hlen, len, hlen == VIA_IP4_LEN ? 8 : 32, verify)))
        return false;
    hlen += VIA_ETH_LEN + VIA_UDP_LEN;
    via_vi_accept(vi, p, f, hlen, len - VIA_UDP_LEN);
    p->l3 = (uint16_t)((f->addr & (c->frame_size - 1)) + VIA_ETH_LEN);
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

/* The packet at the first of `n` frames; how many frames it was. */
static inline unsigned take(struct via_stack *st, struct via_vi *vi, const struct via_frame *f, unsigned n) {
    struct via_core *c = &st->core;
    struct via_pkt *p;

    if (VIA_UNLIKELY(via_vi_is_special(f))) {
        n = via_vi_special(vi, f, n, &p);
    } else {
        n = 1;
        p = via_vi_lent(vi, f);
        if (VIA_UNLIKELY(!p))
            via_drop_count(c, VIA_DROP_RING_INVALID);
        else if (VIA_LIKELY(!c->capture && take_known(c, vi, p, f)))
            return n;
        else
            via_vi_accept(vi, p, f, 0, f->len);
    }
    if (VIA_LIKELY(p != NULL)) {
        vi->rx_packets++;
        vi->rx_bytes += p->total;
        via_rx(st, p);
    }
    return n;
}

static inline unsigned pull_burst(struct via_stack *st, struct via_vi *vi) {
    struct via_frame f[VIA_STAGE];
    unsigned got = via_vi_frames(vi, f, VIA_STAGE), i = 0;

    if (got > 1)
        via_vi_prefetch(&st->core, f, got);
    while (i < got)
        i += take(st, vi, &f[i], got - i);
    return got;
}

/* Few at a time, or what must wait for its turn among other VIs, or did not come off the device just now. */
static VIA_COLD unsigned pull_packets(struct via_stack *st, struct via_vi *vi, unsigned budget, bool merging) {
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

static inline unsigned pull_vi(struct via_stack *st, struct via_vi *vi, unsigned budget, bool merging) {
    unsigned all = 0, n;

    if (VIA_UNLIKELY(merging || vi->injected.head || budget < VIA_STAGE))
        return pull_packets(st, vi, budget, merging);
    do {
        n = pull_burst(st, vi);
        all += n;
    } while (VIA_UNLIKELY(n == VIA_STAGE && budget - all >= VIA_STAGE));
    return VIA_UNLIKELY(n == VIA_STAGE && all < budget) ? all + pull_packets(st, vi, budget - all, false) : all;
}

unsigned via_rx_all(struct via_stack *st, unsigned budget) {
    struct via_core *c = &st->core;
    bool merging = c->socks->by_time | st->merge.count;
    uint32_t left = c->vis, at = st->turn;
    unsigned n = 0, took;

    st->leftover = 0;
    for (; left; left--) {
        struct via_vi *vi;

        at = at < c->vis ? at + 1 : 1;
        vi = c->vi[at];
        if (!vi || vi->raw)
            continue;
        took = pull_vi(st, vi, budget, merging);
        if (took && via_vi_wants_stock(vi))
            via_vi_stock(vi);
        st->leftover |= took >= budget;
        n += took;
    }
    st->turn = at < c->vis ? at + 1 : 1;
    if (VIA_UNLIKELY(merging))
        via_merge_release(st);
    return n;
}

VIA_COLD unsigned via_rx_loop(struct via_stack *st) {
    struct via_core *c = &st->core;
    struct via_list loop = c->s->loop;
    struct via_pkt *p;
    unsigned n = 0;

    c->s->loop.head = c->s->loop.tail = 0;
    while ((p = via_pktq_pop(c, &loop))) {
        p->owner = VIA_OWNER_BURST;
        p->ts = c->s->now;
        memset(&p->rec, 0, sizeof p->rec);
        via_rx(st, p);
        n++;
    }
    return n;
}
