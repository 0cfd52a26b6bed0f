/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ra.h - what routers tell: router advertisements (RFC 4861 6.3.4, RFC 4862 5.5.3, RFC 4191) and redirects (RFC
 * 4861 8.3; of IPv4, RFC 1122 3.2.2.2).
 *
 * Default routers, prefixes on the link, specific routes and redirects are routes with a lease; there are no other
 * lists.
 */
#ifndef VIA_NET_RA_H
#define VIA_NET_RA_H

#include "net/addr.h"
#include "net/iface.h"
#include "wire/nd.h"

#define VIA_RA_ROUTES    32 /* routes kept from router advertisements: routers, prefixes, specific routes */
#define VIA_RA_REDIRECTS 64 /* routes kept from redirects */
#define VIA_RA_ADDRS     16 /* addresses made of prefixes, per interface */
#define VIA_RA_TEMPS     32 /* temporary ones beside them, per interface */

/* A route that was learned, and until when. */
struct via_ra_lease {
    uint32_t route; /* 0: free */
    uint32_t pad;
    via_ns_t until; /* VIA_NEVER: for ever */
};

struct via_ra_table {
    struct via_ra_lease leases[VIA_RA_ROUTES + VIA_RA_REDIRECTS]; /* of advertisements, then of redirects */
    struct via_tick tick;
    uint64_t adverts, redirects;
};

int via_ra_init(struct via_core *c);
/* VIA_TICK_ROUTE: a lease is over. */
void via_ra_timer(struct via_core *c, uint32_t index);
/* A learned route went, for whatever reason: forget its lease. */
void via_ra_forget(struct via_core *c, uint32_t route);

/* A router advertisement, form checked. 0, or why nothing of it, or not all, was taken (ND_LIMIT, ND_NOT_MINE). */
enum via_drop via_ra_input(struct via_core *c, struct via_iface *f, const struct via_nd *nd,
                           const struct via_ip_head *ip);
/* A temporary address comes of age: another one of its prefix is made beside it (RFC 8981 3.4). */
void via_ra_heir(struct via_core *c, const struct via_own *o);
/* A redirect, form checked. 0, or ND_BAD: not from the router that we use for that destination. */
enum via_drop via_ra_redirect(struct via_core *c, struct via_iface *f, const struct via_nd *nd,
                              const struct via_ip_head *ip);
/* What a redirect of IPv4 says: to `dst` by `gateway`, so `from`. */
struct via_ra_hint {
    struct via_addr dst, gateway, from;
};
/* The same for IPv4, about a packet that we may have sent. 0, or ICMP_REDIRECT. */
enum via_drop via_ra_redirect4(struct via_core *c, const struct via_iface *f, const struct via_ra_hint *h);
/* That neighbour is no router any more: what was learned that leads through it goes. */
void via_ra_unroute(struct via_core *c, uint8_t iface, const struct via_addr *gateway);

#endif
