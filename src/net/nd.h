/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * nd.h - neighbour discovery of IPv6 (RFC 4861), and addresses from router advertisements (RFC 4862).
 *
 * Default routers, and prefixes that are on the link, are routes with a lifetime; there are no other lists. How many of each
 * a link may give us is bounded, whatever is advertised.
 */
#ifndef VIA_NET_ND_H
#define VIA_NET_ND_H

#include "net/addr.h"
#include "net/iface.h"
#include "net/neigh.h"
#include "wire/ip.h"

#define VIA_ND_LEARNED   32 /* routes kept from router advertisements: routers, prefixes, specific routes */
#define VIA_ND_AUTOS     16 /* addresses made of prefixes, per interface */
#define VIA_ND_REDIRECTS 64 /* routes kept from redirects */

/* A route that was learned, and until when. */
struct via_nd_lease {
    uint32_t route; /* 0: free */
    uint32_t pad;
    via_ns_t until;
};

struct via_nd_table {
    struct via_nd_lease leases[VIA_ND_LEARNED];
    struct via_nd_lease redirects[VIA_ND_REDIRECTS];
    uint64_t adverts, redirected;
};

int via_nd_init(struct via_core *c);
/* Lifetimes of learned routes. */
void via_nd_timer(struct via_core *c, uint32_t index);

/*
 * A neighbour discovery message (ICMPv6 types 133..137), first byte at p->off, checksum verified, contiguous. Answers,
 * learns. The packet stays with the caller. 0, or why it was dropped (not counted).
 */
enum via_drop via_nd_input(struct via_core *c, struct via_iface *f, struct via_pkt *p, const struct via_ip_head *ip);

/* Asks for the neighbour: its group, or itself while PROBE. */
void via_nd_solicit(struct via_core *c, const struct via_neigh *n);
/* Asks whether anybody has `o`, which is tentative (RFC 4862 5.4.2), with a fresh nonce (RFC 7527). */
void via_nd_probe(struct via_core *c, struct via_own *o);
/* Tells everybody that we have it (RFC 4861 7.2.6). */
void via_nd_announce(struct via_core *c, const struct via_own *o);
/* Asks for routers. */
void via_nd_solicit_router(struct via_core *c, const struct via_iface *f);

#endif
