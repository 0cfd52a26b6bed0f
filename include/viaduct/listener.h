/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file listener.h
 * @brief TCP listeners: many connections at one end point, taken in bursts.
 *
 * A listener is a socket of its own kind: via_sock_close() ends it and aborts what was not accepted, via_sock_names()
 * tells its end point, an ordered set reports VIA_EV_ACCEPT. It never costs more than its backlog: what comes beyond is
 * answered by SYN cookies (RFC 4987 3.6, attribute tcp_syn_cookies) or not at all, and the peer tries again.
 */
#ifndef VIADUCT_LISTENER_H
#define VIADUCT_LISTENER_H

#include <viaduct/tcp.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How to listen. What is said of connections is inherited by those accepted. */
struct via_listen_conf {
    uint32_t size;
    uint32_t flags;        /**< enum via_tcp_conf_flag bits. */
    uint32_t backlog;      /**< Connections that may wait for via_accept(), and as many handshakes; 0: 128. */
    uint32_t cookies;      /**< 0: attribute tcp_syn_cookies; 1 never, 2 when the backlog is full, 3 always. */
    uint32_t defer;        /**< 1: a connection is not offered before its first data is there. */
    uint32_t join;         /**< Events (enum via_what): accepted connections join the listener's set with this mask. */
    uint32_t sndbuf, rcvbuf; /**< As in via_tcp_conf. */
    uint32_t iface;        /**< Interface number to be bound to; 0: any. */
    uint32_t tos, ttl;
    uint32_t fast_open;    /**< Connections that data may have opened before their handshake is over (RFC 7413); 0: none. */
    via_ns_t user_timeout;
    const char *cc;
    void *user;            /**< User pointer of the listener. */
};
#define VIA_LISTEN_CONF_INIT                                                                                           \
    { .size = sizeof(struct via_listen_conf) }

/**
 * Listens at `local`: an own address or a wildcard (VIA_AF_ANY takes both families), port 0 picks an ephemeral one.
 * Between end points of different width the more exact one gets the connection. Wildcards of IPv4 and IPv6 at one port
 * exclude each other unless the latter is V6ONLY, or both REUSE.
 * @return 0; -EINVAL; -EADDRINUSE; -EADDRNOTAVAIL not an own address; -ENODEV; -ENOENT no such congestion control;
 * -ENOBUFS (attribute max_listeners).
 */
VIA_API int via_listen(struct via_stack *st, const struct via_listen_conf *c, const struct via_ep *local, via_sock_t *out);

/** A connection taken from a listener. */
struct via_accepted {
    via_sock_t sock;
    struct via_ep peer, local;
    uint64_t seq;   /**< Arrival number of the segment that completed it. */
    uint32_t bytes; /**< Readable already. */
    uint32_t pad;
};

/**
 * Takes up to `max` connections, in the order in which their handshakes were completed. With `join` set each is a member
 * of the listener's set from here on, its handle as user value, and what it has received is announced.
 * @return how many (> 0); -EAGAIN none, VIA_EV_ACCEPT is promised; -EINVAL; -EBADF.
 */
VIA_API int via_accept(struct via_stack *st, via_sock_t l, struct via_accepted *v, unsigned max);

#ifdef __cplusplus
}
#endif
#endif
