/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack/stack.h"

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

void via_rx(struct via_stack *st, struct via_pkt *p) {
    struct via_core *c = &st->core;
    enum via_drop why = VIA_KEPT;
    struct via_rx rx;

    p->order = ++c->s->arrivals;
    via_net_input(c, p, &rx);
    p = rx.pkt;
    switch (rx.kind) {
    case VIA_RX_DONE:
        return;
    case VIA_RX_DATAGRAM:
        why = to_transport(c, p, &rx);
        if (VIA_LIKELY(!why))
            return;
        break;
    case VIA_RX_ERROR:
        why = to_error(c, &rx);
        break;
    case VIA_RX_DROP:
        why = rx.why;
        break;
    }
    if (why)
        via_drop_count(c, why);
    via_pkt_release(c, p);
}
