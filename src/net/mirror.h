/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mirror.h - what the kernel knows of the links below our interfaces, and on request of their addresses, routes and
 * neighbours, followed by rtnetlink(7). Built without libmnl, mirror_absent.c takes the place: nothing is followed.
 *
 * The socket is opened with the first interface that has a kernel's interface below, in the network namespace that the
 * process is in at that time. via_mirror_start(), _fd() and _poll() are in net.h.
 */
#ifndef VIA_NET_MIRROR_H
#define VIA_NET_MIRROR_H

#include "net/net.h"

/* An interface comes: its link is followed if it has one. Never fails: without netlink there is nothing to follow. */
void via_mirror_attach(struct via_core *c, struct via_vi *vi);
/* It goes; what was mirrored for it is forgotten by those who hold it. */
void via_mirror_detach(struct via_core *c, struct via_vi *vi);

/* Closes the socket. */
void via_mirror_fini(struct via_core *c);

/*
 * A neighbour of a mirrored interface is needed: the kernel is asked to resolve it, and what it finds comes back
 * through the mirror. False if this interface's neighbours are not mirrored: the caller resolves by itself.
 */
bool via_mirror_resolve(struct via_core *c, uint8_t iface, const struct via_addr *addr);

#endif
