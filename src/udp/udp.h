/* SPDX-License-Identifier: BSD-2-Clause */
/* udp.h - UDP sockets (RFC 768, RFC 8085): a socket, its way to the last peer, its groups. */
#ifndef VIA_UDP_UDP_H
#define VIA_UDP_UDP_H

#include "sock/socks.h"

#include <viaduct/udp.h>

struct via_udp_sock {
    struct via_sock sock; /* must be first */
    uint32_t plain;       /* generation for which `path` is unicast, resolved and the options are the usual; else 0 */
    uint32_t plain_max;   /* longest payload that goes down it in one frame */
    uint16_t plain_rport; /* port of the connected peer in wire order, if `path` leads there; else 0 */
    uint16_t pad;
    struct via_path path; /* to the connected or last peer; valid by its generation */
    uint32_t groups;      /* first of its memberships */
    uint8_t tos, ttl, mcast_ttl, mcast_if;
    uint8_t df, mcast_loop, broadcast;
    uint8_t particular; /* `path` is of a datagram that named its source or interface: not for others */
};

/* One membership of one socket, in a pool. */
struct via_member {
    struct via_addr group, source; /* source all zero: any */
    uint32_t next;
    uint32_t iface;
};

struct via_udp {
    struct via_pool members;
    uint64_t rx, rx_bytes, tx, tx_bytes;
    uint64_t tx_copied, rx_copied; /* payload bytes copied by us */
    uint32_t joined;               /* memberships of all sockets */
    uint32_t pad;
};

/* A UDP segment for `rx->flow` (ports not yet filled). The packet is taken with 0, else still the caller's. */
enum via_drop via_udp_input(struct via_core *c, struct via_pkt *p, struct via_rx *rx);

/* An ICMP error about a flow of ours. */
enum via_drop via_udp_error(struct via_core *c, const struct via_rx *rx);

/* What stack/ puts into the table of kinds. */
extern const struct via_sock_ops via_udp_ops;

/* One datagram, by the long way; VIA_MORE and VIA_FLUSH as for via_udp_send(). */
int via_udp_output(struct via_core *c, struct via_udp_sock *u, const struct via_dgram *d, unsigned flags);

/* via_zc_recv() and via_zc_send() of this kind. */
int via_udp_lend(struct via_core *c, struct via_sock *k, uint32_t max, struct via_lent *out);
int via_udp_post(struct via_core *c, struct via_sock *k, const struct via_post *p);

#define VIA_UDP_RCVBUF_MAX 4194304u /* packets */

int via_udp_setopt(struct via_core *c, struct via_sock *k, int opt, const void *v, size_t n);
int via_udp_getopt(struct via_core *c, struct via_sock *k, int opt, void *v, size_t *n);

/* Flow label of its datagrams to an address; the own address is not always known, nor the peer's port always one. */
uint32_t via_udp_label(const struct via_core *c, const struct via_sock *k, const struct via_addr *dst);

/* Can the socket speak to addresses of this family? */
bool via_udp_speaks(const struct via_sock *k, const struct via_addr *a);

/* True if a socket takes what `source` sent to `group` on `iface`. */
bool via_udp_is_member(const struct via_core *c, const struct via_udp_sock *u, const struct via_flow *flow);

uint64_t via_udp_bytes(const struct via_attrs *a);
int via_udp_init(struct via_core *c);
int via_udp_stats(const struct via_core *c, int (*fn)(const struct via_stat *, void *), void *arg);

static inline struct via_member *via_member_at(const struct via_core *c, uint32_t id) {
    return via_pool_at(&c->udp->members, &c->region, id);
}

#endif
