/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mcast.h - which groups this host listens to, and telling the routers: IGMPv3 (RFC 9776) and MLDv2 (RFC 9777), falling
 * back to IGMPv2, IGMPv1 (RFC 2236) and MLDv1 (RFC 2710) where an old querier is heard.
 *
 * A group on an interface counts who wants it from anybody, and for each wanted source who wants it from there. The
 * filter that is reported is the union: EXCLUDE {} if anybody wants all, else INCLUDE {sources}. Groups that every host
 * listens to (224.0.0.1, ff02::1) and those that never leave the host are never reported.
 *
 * via_net_join() and via_net_leave() are in net.h.
 */
#ifndef VIA_NET_MCAST_H
#define VIA_NET_MCAST_H

#include "vi/pkt.h"
#include "wire/ip.h"

#define VIA_MCAST_GROUPS  4096u /* groups over all interfaces */
#define VIA_MCAST_SOURCES 8192u /* wanted sources over all groups */

/* A source that somebody wants, or wanted until a moment ago. */
struct via_group_source {
    struct via_addr addr;
    uint32_t next;   /* of the same group */
    uint32_t refs;   /* 0: kept until its end was reported often enough */
    uint8_t changes; /* reports still to tell its coming or going */
    bool asked;      /* named by a group-and-source query that waits for its answer */
    uint8_t pad[2];
};

struct via_membership {
    struct via_tick tick; /* the earlier of the two below */
    via_ns_t change_at;   /* next state-change report; VIA_NEVER: none */
    via_ns_t answer_at;   /* answer to a query about this group; VIA_NEVER: none */
    struct via_addr addr;
    uint32_t next;                 /* in the bucket */
    uint32_t next_here, prev_here; /* on the same interface */
    uint32_t any;                  /* receivers from anybody */
    uint32_t sources;              /* first wanted source */
    uint16_t source_count;         /* with refs */
    uint8_t iface;
    uint8_t changes;     /* reports still to tell a change of filter mode */
    bool answer_sources; /* the answer is about the sources asked for alone */
    bool reported;       /* old versions: we were the last to report it */
    bool by_kernel;      /* the kernel was asked to tell of it, and does */
    uint8_t pad;
};

/* One family on one interface. */
struct via_mcast_iface {
    struct via_tick tick; /* answer to a general query */
    via_ns_t v1_until;    /* IGMPv1 querier heard; or MLDv1's */
    via_ns_t v2_until;    /* IGMPv2 querier heard */
    uint32_t groups;      /* first group here */
    uint32_t reports;     /* sent */
    uint8_t robustness;   /* of the querier; 0: default */
    uint8_t version;      /* spoken at the last look */
    uint8_t pad[6];
};

/* Embedded in struct via_net as `mcast`. */
struct via_mcast_table {
    struct via_pool groups, sources;
    uint64_t buckets; /* offset of the first ids */
    struct via_key key;
    uint32_t mask;
    uint32_t pad;
    struct via_mcast_iface at[2 * (VIA_VIS + 1)]; /* interface number * 2, + 1 for IPv6; also the index of its timer */
    uint64_t queries;                             /* heard */
};

uint64_t via_mcast_bytes(const struct via_attrs *a);
int via_mcast_init(struct via_core *c);

/* Does somebody here want what `src` (NULL: anybody) sends to group `dst` on that interface? All hosts' groups are
 * wanted. */
bool via_mcast_wants(const struct via_core *c, uint8_t iface, const struct via_addr *dst, const struct via_addr *src);

/* IGMP or MLD message `p`, at its first byte, behind header `h`, checksum verified. 0, or why it is of no use. */
enum via_drop via_mcast_input(struct via_core *c, struct via_pkt *p, const struct via_ip_head *h);

/* The link came up, or the link-local address became usable (RFC 3590): every group is told afresh. */
void via_mcast_announce(struct via_core *c, uint8_t iface);

/* The interface goes: its groups with it, without a word. */
void via_mcast_forget(struct via_core *c, uint8_t iface);

/* VIA_TICK_GROUP and VIA_TICK_MCAST. */
void via_group_timer(struct via_core *c, uint32_t index);
void via_mcast_timer(struct via_core *c, uint32_t index);

#endif
