/* SPDX-License-Identifier: BSD-2-Clause */
/* arp.h - ARP (RFC 826) and conflict detection by it (RFC 5227). */
#ifndef VIA_NET_ARP_H
#define VIA_NET_ARP_H

#include "net/addr.h"
#include "net/iface.h"
#include "net/neigh.h"

/*
 * An ARP packet, first byte at p->off, came in. Answers what asks for us, updates neighbours. The packet stays with the
 * caller. 0, or ARP_BAD, ARP_NOT_MINE, ARP_CONFLICT, IP_MARTIAN (not counted).
 */
enum via_drop via_arp_input(struct via_core *c, struct via_iface *f, struct via_pkt *p);

/* Asks for the neighbour: everybody, or itself (its MAC address is known) while PROBE. */
void via_arp_solicit(struct via_core *c, const struct via_neigh *n);
/* Asks whether anybody has `o` (RFC 5227 2.1.1). */
void via_arp_probe(struct via_core *c, const struct via_own *o);
/* Says that we have it (RFC 5227 2.3). */
void via_arp_announce(struct via_core *c, const struct via_own *o);

#endif
