/* SPDX-License-Identifier: BSD-2-Clause */
/* nd.h - neighbour discovery of IPv6: who is there (RFC 4861), is this address taken (RFC 4862). Routers are in ra.h.
 */
#ifndef VIA_NET_ND_H
#define VIA_NET_ND_H

#include "net/addr.h"
#include "net/iface.h"
#include "net/neigh.h"
#include "wire/ip.h"

/*
 * A neighbour discovery message (ICMPv6 types 133..137), first byte at p->off, checksum verified, contiguous. Answers,
 * learns. The packet stays with the caller. 0, or why it was dropped (not counted).
 */
enum via_drop via_nd_input(struct via_core *c, struct via_iface *f, struct via_pkt *p, const struct via_ip_head *ip);

/* Asks for the neighbour: its group, or itself while PROBE. */
void via_nd_solicit(struct via_core *c, const struct via_neigh *n);
/* Asks whether anybody has `o`, which is tentative (RFC 4862 5.4.2), with a fresh nonce (RFC 7527). */
void via_nd_probe(struct via_core *c, struct via_own *o);
/* Tells routers that we have it (RFC 9131). */
void via_nd_announce(struct via_core *c, const struct via_own *o);
/* Asks for routers. */
void via_nd_solicit_router(struct via_core *c, const struct via_iface *f);

#endif
