/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * input.h - what the files of the input half share.
 *
 * Most packets are UDP or TCP, whole, without options, between two addresses that were judged a moment ago. For these
 * there is one straight line of checks; the judgement of the address pair is remembered as long as the net's
 * generation stands. All others, and with the fast path gone all, go through via_net_input_slow().
 */
#ifndef VIA_NET_INPUT_H
#define VIA_NET_INPUT_H

#include "net/net.h"

#define VIA_SEEN_BITS 6 /* log2 of the pairs remembered for each family */
#define VIA_SEEN      (1u << VIA_SEEN_BITS)

/* A source that may send, to an own address that may receive or a group that it may reach. */
struct via_seen {
    uint64_t addr[4]; /* as they lie in the header: source, destination; of IPv4 the first word alone */
    uint32_t gen;     /* of the net, when it was judged; 0: nothing */
    uint8_t iface;
    bool group; /* it comes to a group's or the broadcast MAC address */
    uint8_t pad[2];
};

/* Embedded in struct via_net as `input`. */
struct via_input_state {
    struct via_seen seen4[VIA_SEEN], seen6[VIA_SEEN];
};

/* Who listens to what has changed: judgements about groups are forgotten. */
void via_input_forget(struct via_core *c);

/* via_net_input() without its fast path. */
void via_net_input_slow(struct via_core *c, struct via_pkt *p, struct via_rx *rx);

/* Must checksums of this packet be looked at? Attribute `checksum`: 0 never, 1 unless the link vouches, 2 always. */
static inline bool via_net_verifies(const struct via_core *c, const struct via_pkt *p) {
    static_assert(VIA_PKT_CSUM_OK == 1, "compared with the attribute");
    return c->attrs.checksum > (uint64_t)(p->flags & VIA_PKT_CSUM_OK);
}

/* The sum of all bytes of the packet, over its chain, added to `sum`. */
uint64_t via_net_sum(const struct via_core *c, const struct via_pkt *p, uint64_t sum);

/*
 * The packet as one whose bytes nobody else sees: itself, or a copy from p->l3 on, and `p` is released. NULL: no
 * frames, `p` is still there.
 */
struct via_pkt *via_net_private(struct via_core *c, struct via_pkt *p);

#endif
