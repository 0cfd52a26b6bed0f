/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kgroup.h - groups that the kernel is asked to listen to for us (attribute mcast_by), so that its reports are the only
 * ones on a link that it shares with us: a socket for each group, which receives nothing, with the filter of the group
 * (RFC 3678 5). Sockets belong to the network namespace that the process is in when the first member joins.
 */
#ifndef VIA_NET_KGROUP_H
#define VIA_NET_KGROUP_H

#include "base/core.h"

#define VIA_KGROUP_SOURCES                                                                                             \
    64u /* more than so many wanted sources are told as "all": what nobody wants is dropped here */

/* What is wanted of a group on an interface of the kernel's. */
struct via_kgroup {
    uint32_t slot; /* 1 .. VIA_MCAST_GROUPS: names the socket */
    uint32_t ifindex;
    struct via_addr group;
    uint32_t sources; /* 0: all */
    struct via_addr source[VIA_KGROUP_SOURCES];
};

/* Tells the kernel. 0; -errno, and it knows nothing of the group. */
int via_kgroup_set(struct via_core *c, const struct via_kgroup *g);
/* Nobody wants the group any more. */
void via_kgroup_drop(struct via_core *c, uint32_t slot);
/* The stack ends. */
void via_kgroup_fini(struct via_core *c);

#endif
