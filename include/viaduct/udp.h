/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file udp.h
 * @brief UDP (RFC 768) of both families: batches without copies both ways, multicast, connected sockets.
 *
 * One socket for both directions. Datagrams are whole or not at all: what does not fit a queue is dropped and counted,
 * what does not fit a send is refused. Checksums are verified unless the link vouches for them (attribute checksum); a
 * datagram of IPv4 may come without one, of IPv6 not (RFC 8200 8.1). Longer than the path MTU is fragmented unless
 * asked otherwise. All calls are for the owner thread.
 */
#ifndef VIADUCT_UDP_H
#define VIADUCT_UDP_H

#include <viaduct/buf.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of via_udp_conf. */
enum via_udp_flag {
    VIA_UDP_REUSE = 1,   /**< Others with this flag may open the same end point; multicast goes to all, unicast to one. */
    VIA_UDP_V6ONLY = 2,  /**< A wildcard IPv6 socket takes no IPv4. */
    VIA_UDP_RECV_ONLY = 4, /**< Never sends. */
    VIA_UDP_SEND_ONLY = 8, /**< Never receives: no filter is asked of devices, datagrams to it are dropped and counted;
                                ICMP errors still come as events where it is connected. */
};

/** How to open. */
struct via_udp_conf {
    uint32_t size;        /**< sizeof, by the initialiser. */
    uint32_t flags;       /**< enum via_udp_flag bits. */
    uint32_t rcvbuf;      /**< Packets that may wait; 0: attribute udp_rcvbuf. */
    uint32_t iface;       /**< Interface number to be bound to; 0: any. */
    void *user;           /**< User pointer, see via_sock_user(). */
};
#define VIA_UDP_CONF_INIT {.size = sizeof(struct via_udp_conf)}

/** A multicast group and, for source-specific membership (RFC 3569), one source. */
struct via_group {
    struct via_addr group;  /**< 224.0.0.0/4 or ff00::/8, of a family that the socket speaks. */
    struct via_addr source; /**< All zero: any source. */
    uint32_t iface;         /**< Interface number; 0: by route. */
};

/** Flags of a datagram. */
enum via_dgram_flag {
    VIA_DGRAM_DF = 1,      /**< Send: do not fragment; -EMSGSIZE if too long. */
    VIA_DGRAM_TRUNC = 2,   /**< Received: cut. */
    VIA_DGRAM_SHARED = 4,  /**< Received: other sockets see the same bytes; do not write into them. */
    VIA_DGRAM_MCAST = 8,   /**< Received: came to a group or broadcast address. */
    VIA_DGRAM_CUT = 16,    /**< Send: a train of datagrams of `bytes` payload bytes each, the last one as long as is left:
                                one entry, one token, all or none. At most 64 of them, none longer than the path MTU. */
};

/**
 * One datagram, both ways. Sending: either `iov` (copied) or `seg.buf` (not copied; ownership passes with success), the
 * peer unless connected (`peer.family` 0), a token if a completion is wanted (not 0). Received: `seg` lends the
 * payload, `peer` is the source, `local` the destination address.
 */
struct via_dgram {
    struct via_seg seg;       /**< Received: the payload's first run. Sending: a buffer, or zero. */
    const struct iovec *iov;  /**< Sending: bytes to be copied, if there is no buffer. */
    uint32_t iovcnt;          /**< Of `iov`; 0: an empty datagram. */
    uint32_t flags;      /**< enum via_dgram_flag. */
    uint32_t bytes;      /**< Received: payload length over the chain. Sending with VIA_DGRAM_CUT: of each datagram. */
    uint32_t iface;      /**< Received: interface number. */
    uint64_t token;      /**< Sending: comes back from via_tx_done(); 0: no completion is wanted. */
    uint64_t seq;        /**< Received: arrival number. */
    via_ns_t ts;         /**< Received: arrival time. */
    struct via_ep peer;  /**< Received: source; sending: destination, family 0: where it is connected to. */
    struct via_ep local; /**< Received: destination; sending: source if not wildcard. */
};

/**
 * Opens a socket bound to `local` (port 0: an ephemeral one, RFC 6056; address wildcard: all own addresses of the family).
 * The end point stays its own until it is closed, also while it is connected. Between end points of different width the
 * more exact one gets a datagram. Wildcards of IPv4 and IPv6 at one port exclude each other unless the latter is
 * V6ONLY, or both REUSE.
 * @return 0; -EADDRINUSE; -EADDRNOTAVAIL not an own address; -EINVAL; -ENODEV no such interface; -ENOBUFS no socket left.
 */
VIA_API int via_udp_open(struct via_stack *st, const struct via_udp_conf *c, const struct via_ep *local, via_sock_t *out);

/**
 * Fixes the peer: only its datagrams are taken, headers are prebuilt, ICMP errors come as events. NULL undoes it: the
 * local end is again as it was opened.
 * @return 0; -EBADF; -EINVAL; -EAFNOSUPPORT; -EADDRINUSE another socket has this pair; -ENOBUFS; and, as of now,
 * -ENETUNREACH no route, -EADDRNOTAVAIL no source, -EHOSTUNREACH, -ENETDOWN. After an error it is as it was.
 */
VIA_API int via_udp_connect(struct via_stack *st, via_sock_t s, const struct via_ep *peer);

/**
 * Joins or leaves a group (IGMPv3 RFC 9776, MLDv2 RFC 9777, by the stack itself or, with the attribute mcast_by, by
 * the kernel whose interface lies below). Several joins with different sources add up. @return 0; -EBADF; -EINVAL not a group; -ENODEV no interface; -EADDRNOTAVAIL leave of what was not joined;
 * -EADDRINUSE joined already; -ENOBUFS; -EOPNOTSUPP opened with VIA_UDP_SEND_ONLY.
 */
VIA_API int via_udp_join(struct via_stack *st, via_sock_t s, const struct via_group *g, bool join);

/**
 * Sends a batch. Each datagram goes whole or not at all; the first that cannot go ends the batch.
 * @param v      the batch; buffers of those queued are gone, of the others stay the caller's.
 * @param n      how many, at least 1.
 * @param flags  VIA_MORE, VIA_FLUSH, or 0: they leave with the next poll, flush or arm.
 * @return how many were queued (> 0), else why the first was not: -EBADF; -EAGAIN ring full (VIA_EV_SPACE is
 * promised); -ENOBUFS; -EMSGSIZE too long for a datagram, for the path if it may not be cut, or for the TX ring;
 * -EDESTADDRREQ; -ENETUNREACH; -EHOSTUNREACH; -EADDRNOTAVAIL `local` is not an own address; -EACCES broadcast; -EINVAL,
 * also for a flag that is not known; -ENETDOWN; -EOPNOTSUPP opened with VIA_UDP_RECV_ONLY.
 */
VIA_API int via_udp_send(struct via_stack *st, via_sock_t s, const struct via_dgram *v, unsigned n, unsigned flags);

/**
 * Receives a batch without copying; entries lend buffers until via_buf_release(). In an ordered set of mode STRICT it
 * stops at what was announced.
 * @return how many; -EAGAIN none (an event is promised); -EBADF; -EINVAL; -EOPNOTSUPP opened with VIA_UDP_SEND_ONLY.
 * A pending error (ICMP) is an event, and
 * VIA_OPT_REASON, never the result of a receive.
 */
VIA_API int via_udp_recv(struct via_stack *st, via_sock_t s, struct via_dgram *v, unsigned n);

/**
 * Copies one datagram and gives its buffer back; for who does not want to hold buffers.
 * @param buf   room for `len` bytes; what is longer is cut.
 * @param peer  the source, or NULL.
 * @return its full length, which tells whether it was cut; or as via_udp_recv().
 */
VIA_API ssize_t via_udp_read(struct via_stack *st, via_sock_t s, void *buf, size_t len, struct via_ep *peer);

#ifdef __cplusplus
}
#endif
#endif
