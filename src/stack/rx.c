/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack/stack.h"
#include "vi/capture.h"

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
