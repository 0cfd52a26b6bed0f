/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h - struct via_net, net's half of the region: one sub-struct per noun, ids and offsets alone.
 */
#ifndef VIA_NET_STATE_H
#define VIA_NET_STATE_H

#include "net/addr.h"
#include "net/frag.h"
#include "net/icmp.h"
#include "net/iface.h"
#include "net/input.h"
#include "net/mcast.h"
#include "net/nd.h"
#include "net/neigh.h"
#include "net/net.h"
#include "net/pmtu.h"
#include "net/ra.h"
#include "net/route.h"

#define VIA_NOTES   64u   /* kept until the next poll; the oldest go */
#define VIA_NET_IDS 1024u /* counters of identifications */

/* What sockets are to be told. */
struct via_notes {
    uint64_t lost;
    struct via_note at[VIA_NOTES]; /* by count modulo VIA_NOTES */
};

struct via_net {
    struct via_net_head head;
    struct via_key id_key; /* of `ids` */
    struct via_key label_key; /* of flow labels */
    struct via_iface_table iface;
    struct via_addr_table addr;
    struct via_route_table route;
    struct via_neigh_table neigh;
    struct via_ra_table ra;
    struct via_frag_table frag;
    struct via_icmp_state icmp;
    struct via_mcast_table mcast;
    struct via_pmtu_table pmtu;
    struct via_input_state input;
    struct via_notes notes;
    uint64_t fragmented; /* datagrams sent in pieces */
    uint64_t copied;     /* bytes copied on the way out: fragments, and what could not be sent where it lay */
    uint32_t
        ids[VIA_NET_IDS]; /* next identification of fragments, by keyed hash of the addresses (RFC 6864, RFC 7739) */
};

/* Something that paths were made of has changed: all of them end. */
static inline void via_net_changed(struct via_core *c) {
    struct via_net_head *h = &c->net->head;

    if (!++h->gen)
        h->gen = 1;
}

/* The interface of that number (0: the host itself), or NULL. */
static inline struct via_iface *via_iface_at(const struct via_core *c, uint32_t index) {
    struct via_iface *f = &c->net->iface.at[index <= VIA_VIS ? index : 0];

    return index <= VIA_VIS && f->attached ? f : NULL;
}

/* Leaves a note for sockets. */
void via_net_tell(struct via_core *c, const struct via_note *note);

/*
 * An empty frame for a message of the host's own (ARP, ND, ICMP, reports), or NULL: it may dip into the frames that are
 * kept back, as the packets of sockets may not.
 */
struct via_pkt *via_net_frame(struct via_core *c);

/* Sends a whole Ethernet frame through an interface. The packet is gone in any case. 0, or why it was dropped
 * (counted). */
enum via_drop via_net_push(struct via_core *c, uint32_t iface, struct via_pkt *p);

#endif
