/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file sock.h
 * @brief What all sockets have in common: close, options, names, the user pointer.
 *
 * A socket is a slot in the stack's region and is named by a handle (via_sock_t), which says its kind. A handle is good
 * until via_sock_close(), in the process that opened it; afterwards every call refuses it with -EBADF, in all builds,
 * also when the slot serves another socket. 0 is never a handle. All calls are for the owner thread.
 */
#ifndef VIADUCT_SOCK_H
#define VIADUCT_SOCK_H

#include <viaduct/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Options. `int` unless it says otherwise. */
enum via_sockopt {
    VIA_OPT_RCVBUF = 1,     /**< Packets that may wait (UDP). */
    VIA_OPT_TOS,            /**< DSCP and ECN bits of sent packets, 0..255 (RFC 2474). */
    VIA_OPT_TTL,            /**< Hop limit of unicast packets, 1..255. */
    VIA_OPT_MCAST_TTL,      /**< Hop limit of multicast packets, 0..255, default 1. */
    VIA_OPT_MCAST_LOOP,     /**< Own multicast comes back to local members; default 1. */
    VIA_OPT_MCAST_IF,       /**< Interface number for multicast, 0: by route. */
    VIA_OPT_DF,             /**< 1: never fragment, too long is -EMSGSIZE (RFC 1191); 0 (default): fragment. */
    VIA_OPT_BROADCAST,      /**< May send to broadcast addresses. */
    VIA_OPT_REUSE,          /**< Several sockets may share an end point (before open: conf flag); read only. */
    VIA_OPT_MTU,            /**< Path MTU to the connected peer; read only. */
    VIA_OPT_REASON,         /**< Last error reason, negative errno, cleared by reading; read only. */
    VIA_OPT_QUEUED,         /**< Datagrams waiting; read only. */
    VIA_OPT_DROPS,          /**< uint64_t: datagrams lost because the queue or the pool was full; read only. */

    VIA_OPT_NODELAY = 64,   /**< TCP: small segments do not wait for an ACK, 0 or 1. */
    VIA_OPT_CORK,           /**< TCP: segments that are not full wait, at most for attribute tcp_cork_time; 0 or 1. */
    VIA_OPT_QUICKACK,       /**< TCP: every segment is acknowledged at once, 0 or 1. */
    VIA_OPT_KEEPALIVE,      /**< TCP: probe an idle peer, 0 or 1. */
    VIA_OPT_KEEP_IDLE,      /**< TCP: seconds without traffic before the first probe. */
    VIA_OPT_KEEP_INTERVAL,  /**< TCP: seconds between probes. */
    VIA_OPT_KEEP_COUNT,     /**< TCP: probes without an answer before the connection is dead, 1..255. */
    VIA_OPT_USER_TIMEOUT,   /**< TCP: milliseconds that data may stay unacknowledged, 0: the attribute (RFC 5482). */
    VIA_OPT_LINGER,         /**< TCP: -1 (default) close goes on in the background without end; 0 close resets; else seconds
                                 after which what is still unacknowledged is given up and the peer is reset. */
    VIA_OPT_CC,             /**< TCP, text: congestion control, "cubic", "reno" or "bbr". */
    VIA_OPT_SNDBUF,         /**< TCP: bytes queued and not acknowledged. */
    VIA_OPT_RCVBUF_BYTES,   /**< TCP: bytes received and not read. */
    VIA_OPT_MSS,            /**< TCP: bytes of data in a full segment; read only. */
    VIA_OPT_STATE,          /**< TCP: enum via_tcp_state; read only. */
    VIA_OPT_PACING_RATE,    /**< TCP, uint64_t: bytes per second of data at most, 0: no bound. Paces the socket. */
};

/** Flag of via_sock_close(): no orderly end, the peer of a stream gets a reset. Datagram sockets have none to give. */
#define VIA_ABORT 1u

/**
 * Closes. Queued receive data is given back, sends already queued still go out. The handle dies at once; if
 * completions are outstanding the socket's set reports VIA_EV_TERMINATED after the last of them. Buffers that the
 * application holds stay its own.
 * @param flags  0 or VIA_ABORT.
 * @return 0, -EBADF, -EINVAL unknown flag: it stays open.
 */
VIA_API int via_sock_close(struct via_stack *st, via_sock_t s, unsigned flags);

/**
 * Sets an option; it counts from the next packet on.
 * @param v  the value, of the type that the option says (`int` if it says nothing).
 * @param n  its size in bytes.
 * @return 0;
 *   - -EBADF,
 *   - -ENOPROTOOPT the kind of socket has no such option,
 *   - -EINVAL no value, a size that is not the option's, or a value out of its range,
 *   - -EACCES the option is read only,
 *   - -EOPNOTSUPP not for a socket that was opened so (VIA_UDP_SEND_ONLY).
 */
VIA_API int via_sock_setopt(struct via_stack *st, via_sock_t s, int opt, const void *v, size_t n);
/**
 * Reads an option.
 * @param v  where to.
 * @param n  the room there, bytes; then how many were filled.
 * @return 0; -EBADF; -ENOPROTOOPT the kind of socket has no such option; -EINVAL no room, or too little.
 */
VIA_API int via_sock_getopt(struct via_stack *st, via_sock_t s, int opt, void *v, size_t *n);
/**
 * Local and remote end point. A wildcard address is all zero and its family tells which; a link-local address has its
 * interface number as scope.
 * @param local  filled if not NULL.
 * @param peer   filled if not NULL.
 * @return 0; -EBADF; -ENOTCONN if `peer` is asked for and there is none.
 */
VIA_API int via_sock_names(struct via_stack *st, via_sock_t s, struct via_ep *local, struct via_ep *peer);
/**
 * Sets the user pointer. It is never followed; completions (via_done.user) and what is lent (via_lent.user) bring it.
 * @param set  the new one.
 * @param get  where to leave the old one, or NULL.
 * @return 0; -EBADF.
 */
VIA_API int via_sock_user(struct via_stack *st, via_sock_t s, void *set, void **get);

#ifdef __cplusplus
}
#endif
#endif
