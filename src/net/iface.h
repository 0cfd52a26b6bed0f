/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * iface.h - an interface: what the IP host knows of a link. One for each VI, with the VI's number.
 *
 * Number 0 is the host itself, for 127.0.0.0/8 and ::1: no link lies below it.
 */
#ifndef VIA_NET_IFACE_H
#define VIA_NET_IFACE_H

#include "vi/vi.h"

#include <viaduct/ctrl.h>

#define VIA_LOOP_MTU 65535u /* of what we send to ourselves */
#define VIA_IP6_MTU  1280u  /* least MTU of a link that speaks IPv6 (RFC 8200 5) */
#define VIA_IP4_MTU  68u    /* least MTU of a link that speaks IPv4 (RFC 791) */

struct via_iface {
    uint8_t index; /* its number; 0 with `up` false: nobody is here */
    bool up;       /* attached, and the link is up */
    bool attached;
    uint8_t link; /* enum via_link, as last seen */
    uint8_t mac[6];
    uint8_t hops;         /* hop limit of IPv6 that a router announced, 0: none did */
    uint8_t solicits;     /* router solicitations sent since the link came up */
    uint32_t caps;        /* enum via_vi_cap */
    uint32_t ifindex;     /* the kernel's number, 0 if it has none */
    uint32_t mtu;         /* largest IP packet of the link */
    uint32_t mtu6;        /* of IPv6: the link's, or less where a router says so; 0: the link is too small for IPv6 */
    struct via_list own;  /* own addresses here in the order in which they came, linked by via_own.iface_next */
    via_ns_t base;        /* RFC 4861 BaseReachableTime */
    via_ns_t reachable;   /* ReachableTime: base times a random 0.5 .. 1.5, drawn anew from time to time */
    via_ns_t redraw;      /* when */
    via_ns_t retrans;     /* RetransTimer, for ARP too */
    struct via_tick tick; /* router solicitation */
};

struct via_iface_table {
    struct via_iface at[VIA_VIS + 1];
};

int via_iface_init(struct via_core *c);
/* VIA_TICK_IFACE: the time of the next router solicitation has come. */
void via_iface_timer(struct via_core *c, uint32_t index);

/* A VI came or goes: MAC, MTU, link-local address, router solicitation; everything that hung on it goes. 0 or -errno.
 */
int via_iface_attach(struct via_core *c, const struct via_vi *vi);
void via_iface_detach(struct via_core *c, uint8_t index);

/* Looks at the devices: has a link or an MTU changed? Says so to sockets, and to ourselves. A few loads if not. */
void via_iface_watch(struct via_core *c);

/* A router says how large IPv6 packets may be; out of [1280, mtu of the link] it is not believed. */
void via_iface_set_mtu6(struct via_core *c, struct via_iface *f, uint32_t mtu);
/* A router, or an attribute, says how long a neighbour is believed to be reachable. */
void via_iface_set_reachable(struct via_core *c, struct via_iface *f, via_ns_t base);

/*
 * Tells a device that takes only what filters name to take (or no longer to take) packets to `a`: an own address, a
 * group. Nothing happens on others. Each address is to be added once and removed once: membership of groups counts by
 * itself. ff02::1 is left to the kernel where it has the same MAC address: there, routes come by via_ctrl_route() or
 * the mirror.
 */
void via_iface_steer(struct via_core *c, uint8_t index, bool add, const struct via_addr *a);

/* Starts asking for routers, three times at most. */
void via_iface_solicit(struct via_core *c, struct via_iface *f);
/* One has answered. */
void via_iface_solicited(struct via_core *c, struct via_iface *f);

#endif
