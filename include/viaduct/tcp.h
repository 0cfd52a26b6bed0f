/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file tcp.h
 * @brief TCP (RFC 9293) of both families: connect, send, receive, end, and look inside.
 *
 * Nothing here blocks. A connection tells by events of an ordered set (epoll.h), and every event has a call that says
 * the same when asked:
 *
 * | event | meaning |
 * |---|---|
 * | VIA_EV_CONNECTED | the handshake is over, data may be sent and received |
 * | VIA_EV_IN | bytes can be read |
 * | VIA_EV_SPACE | a send that was refused with -EAGAIN may be tried again, or what via_tcp_want_space() asked for fits |
 * | VIA_EV_EOF | the peer sends no more; comes behind all of its data, also when the data has not been read |
 * | VIA_EV_ERR | a soft error (ICMP unreachable, RFC 5461): the connection lives on and tries again |
 * | VIA_EV_TERMINATED | the connection is dead, `reason` says why; the handle stays until via_sock_close() |
 *
 * Reasons: -ECONNREFUSED the peer refused, -ECONNRESET it reset the connection, -ETIMEDOUT it does not answer,
 * -ENETUNREACH, -EHOSTUNREACH, -ENOPROTOOPT ICMP while connecting, -ENODEV no interface any more, 0 both sides closed in order
 * (only after via_tcp_shutdown(): the application that closed has no handle to be told about). Every later call repeats
 * the reason.
 */
#ifndef VIADUCT_TCP_H
#define VIADUCT_TCP_H

#include <viaduct/buf.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Flags of via_tcp_conf and via_listen_conf. */
enum via_tcp_conf_flag {
    VIA_TCP_NODELAY = 0x1000,   /**< Small segments are not held back for an ACK (no Nagle's algorithm). */
    VIA_TCP_KEEPALIVE = 0x2000, /**< Probe an idle peer (RFC 9293 3.8.4). */
    /** Connecting: the first data goes with the SYN where the peer gave us a cookie before (RFC 7413). Then the SYN
     *  waits for the first send, at most for attribute tcp_cork_time. Data may in rare cases be delivered twice: only for what is idempotent. */
    VIA_TCP_FAST_OPEN = 0x10000,
    VIA_TCP_REUSE = 0x4000,     /**< Listeners: several share one end point, connections are spread over them. */
    VIA_TCP_V6ONLY = 0x8000,    /**< Listeners: the IPv6 wildcard takes no IPv4. */
};

/** How to connect; the initialiser sets the size, everything else may stay zero. */
struct via_tcp_conf {
    uint32_t size;
    uint32_t flags;        /**< enum via_tcp_conf_flag bits. */
    uint32_t sndbuf;       /**< Bytes queued and not acknowledged; 0: attribute tcp_sndbuf. */
    uint32_t rcvbuf;       /**< Bytes received and not read; 0: attribute tcp_rcvbuf. */
    uint32_t iface;        /**< Interface number to be bound to; 0: by route. */
    uint32_t tos;          /**< DSCP bits of sent packets, 0..255; the ECN bits are TCP's own. */
    uint32_t ttl;          /**< Hop limit, 0: attribute ttl. */
    uint32_t pad;
    via_ns_t user_timeout; /**< Unacknowledged for so long is dead (RFC 5482 3); 0: attribute tcp_user_timeout. */
    const char *cc;        /**< Congestion control, "cubic", "reno" or "bbr"; NULL: attribute tcp_cc. */
    void *user;            /**< User pointer, see via_sock_user(). */
};
#define VIA_TCP_CONF_INIT                                                                                              \
    { .size = sizeof(struct via_tcp_conf) }

/** States of RFC 9293 3.3.2. */
enum via_tcp_state {
    VIA_TCP_CLOSED = 0,
    VIA_TCP_SYN_SENT,
    VIA_TCP_SYN_RECEIVED,
    VIA_TCP_ESTABLISHED,
    VIA_TCP_FIN_WAIT_1,
    VIA_TCP_FIN_WAIT_2,
    VIA_TCP_CLOSE_WAIT,
    VIA_TCP_CLOSING,
    VIA_TCP_LAST_ACK,
    VIA_TCP_TIME_WAIT,
};

/** Flags of sends and receives beside VIA_MORE and VIA_FLUSH. */
#define VIA_ALL  0x100u /**< Send: all of it or -EAGAIN. */
#define VIA_PEEK 0x200u /**< Receive: what is read stays. */

/**
 * Opens a connection to `peer` and returns at once: address resolution, handshake and all retries go on in polls. The
 * result is an event, VIA_EV_CONNECTED or VIA_EV_TERMINATED with its reason. Data may be queued before.
 * @param c      NULL: defaults.
 * @param local  NULL, or an end point of which address and port may each be zero: then the address is that of the route
 *               and the port an ephemeral one (RFC 6056).
 * @return 0; -EINVAL; -EAFNOSUPPORT the ends differ in family; -EADDRNOTAVAIL `local` is not an own address, or no
 * ephemeral port is left; -EADDRINUSE this pair of end points is in use; -ENETUNREACH no route; -EHOSTUNREACH the
 * neighbour failed just now; -ENETDOWN; -EACCES `peer` is a broadcast or multicast address; -ENODEV no such interface;
 * -ENOENT no such congestion control; -ENOBUFS (attribute max_tcp).
 */
VIA_API int via_tcp_connect(struct via_stack *st, const struct via_tcp_conf *c, const struct via_ep *local,
                            const struct via_ep *peer, via_sock_t *out);

/**
 * Copies bytes into the send queue and sends at once what the windows allow. VIA_MORE holds back a last segment that is
 * not full, for attribute tcp_cork_time at most; VIA_FLUSH rings the doorbell; VIA_ALL is all or nothing.
 * @return how many bytes were taken (without VIA_ALL possibly fewer than offered); -EAGAIN none now, VIA_EV_SPACE is
 * promised; -EPIPE after via_tcp_shutdown(); the reason once the connection is dead; -EMSGSIZE with VIA_ALL more than
 * the send buffer could ever hold; -EINVAL; -ENOBUFS no packet is left; -EBADF.
 */
VIA_API ssize_t via_tcp_send(struct via_stack *st, via_sock_t s, const struct iovec *v, int n, unsigned flags);

/**
 * Copies received bytes out. In an ordered set of mode STRICT it stops at what was announced.
 * @return how many (> 0); 0 the peer sends no more and all was read; -EAGAIN nothing now, an event is promised; -ENOTCONN
 * while connecting; the reason once the connection is dead and what came before was read; -EINVAL; -EBADF.
 */
VIA_API ssize_t via_tcp_recv(struct via_stack *st, via_sock_t s, void *buf, size_t len, unsigned flags);

/**
 * How much could be sent: `now` is what the queue would take, `burst` what would leave at once, the least of congestion
 * window, peer's window and TX ring. Either may be NULL. @return 0; -EBADF; as via_tcp_send() when nothing may be sent.
 */
VIA_API int via_tcp_space(struct via_stack *st, via_sock_t s, size_t *now, size_t *burst);

/**
 * Asks for one VIA_EV_SPACE when `bytes` fit the send queue. @return 1 they do now, and no event comes; 0 it will come;
 * -EMSGSIZE more than the buffer could ever hold; -EBADF; as via_tcp_send() when nothing may be sent.
 */
VIA_API int via_tcp_want_space(struct via_stack *st, via_sock_t s, size_t bytes);

/**
 * Sends no more: a FIN behind what is queued. Receiving goes on. A second call changes nothing.
 * @return 0; -ENOTCONN while connecting; the reason once the connection is dead; -EBADF.
 */
VIA_API int via_tcp_shutdown(struct via_stack *st, via_sock_t s);

/** What via_tcp_info() tells; times in ns, sizes in bytes. */
struct via_tcp_info {
    uint32_t size;        /**< Set by the caller, VIA_TCP_INFO_INIT. */
    uint8_t state;        /**< enum via_tcp_state. */
    uint8_t phase;        /**< 0 open, 1 fast recovery, 2 recovery from a timeout, 3 reduction because of ECN. */
    uint8_t options;      /**< Negotiated: enum via_tcp_option. */
    uint8_t snd_wscale, rcv_wscale;
    uint8_t backoff;      /**< Timeouts in a row. */
    uint8_t fin_sent, fin_received;
    int32_t reason;       /**< Why it is dead, 0 while it lives. */
    const char *cc;       /**< Name of the congestion control. */
    via_ns_t rtt, rtt_var, rtt_min, rto; /**< rtt_min VIA_NEVER, rtt 0: no sample yet. */
    uint32_t mss, peer_mss, pmtu;
    uint32_t cwnd, ssthresh, flight, pipe, lost, sacked;
    uint32_t snd_wnd, rcv_wnd; /**< Last window of the peer, last one told to it. */
    uint32_t snd_buf, snd_queued, snd_unsent;
    uint32_t rcv_buf, rcv_queued, rcv_ahead; /**< `rcv_ahead`: waits for a hole to be filled. */
    uint64_t bytes_sent, bytes_acked, bytes_received, bytes_resent;
    uint64_t segs_sent, segs_received, segs_resent;
    uint64_t duplicates;  /**< Segments that brought nothing new. */
    uint32_t recoveries, timeouts, probes, undone; /**< Fast recoveries, RTOs, tail loss probes, reductions taken back. */
    uint32_t reordered;   /**< The path was seen to change the order. */
    uint32_t ecn_marks;   /**< Congestion that the peer echoed. */
    via_ns_t last_sent, last_received, last_ack; /**< Stack's time; 0: never. */
    via_ns_t limited_rwnd, limited_cwnd, limited_ring, limited_app; /**< How long each held the sender back. */
    via_ns_t limited_pacing;
    uint64_t pacing_rate; /**< Bytes per second as of now; 0: not paced. */
};
#define VIA_TCP_INFO_INIT                                                                                              \
    { .size = sizeof(struct via_tcp_info) }

/** Bits of via_tcp_info.options. */
enum via_tcp_option {
    VIA_TCP_HAS_TS = 1,
    VIA_TCP_HAS_SACK = 2,
    VIA_TCP_HAS_WSCALE = 4,
    VIA_TCP_HAS_ECN = 8,
    VIA_TCP_HAS_FAST_OPEN = 16,
    VIA_TCP_HAS_ACCECN = 32, /**< Accurate ECN (RFC 9768); VIA_TCP_HAS_ECN is set too. */
};

/** Looks inside a connection. @return 0; -EBADF; -EINVAL `size` of another version. */
VIA_API int via_tcp_info(struct via_stack *st, via_sock_t s, struct via_tcp_info *out);

/** What a record of via_trace_read() tells; in brackets its value, at most 2^24 - 1. */
enum via_trace_what {
    VIA_TRACE_STATE = 1,  /**< The state became [enum via_tcp_state]; the first record: what it was. */
    VIA_TRACE_RESENT,     /**< A segment went again [its begin, bytes from the first of the stream]. */
    VIA_TRACE_LOST,       /**< Fast recovery began [bytes believed lost]. */
    VIA_TRACE_TIMEOUT,    /**< The retransmission timer expired [times in a row]. */
    VIA_TRACE_RECOVERED,  /**< The recovery is over [congestion window]. */
    VIA_TRACE_UNDONE,     /**< It was for nothing and is taken back [congestion window]. */
    VIA_TRACE_PROBE,      /**< A tail loss probe [bytes under way]. */
    VIA_TRACE_CLOSED_WND, /**< The peer closed its window [bytes that wait]. */
    VIA_TRACE_OPENED_WND, /**< It opened it again [bytes]. */
    VIA_TRACE_PERSIST,    /**< A closed window was probed [times in a row]. */
    VIA_TRACE_KEEPALIVE,  /**< A keepalive probe [times in a row]. */
    VIA_TRACE_ERROR,      /**< A soft error [errno]. */
    VIA_TRACE_MSS,        /**< The path got another MTU [bytes of data in a full segment]. */
    VIA_TRACE_RESET,      /**< The peer reset the connection. */
    VIA_TRACE_ENDED,      /**< It is dead [errno of the reason]. */
};

/** One record. */
struct via_trace_rec {
    via_ns_t at;    /**< Stack's time, exact to about a microsecond. */
    uint32_t what;  /**< enum via_trace_what. */
    uint32_t value;
};

/**
 * The last things that happened to a connection, the oldest first. Recording begins by itself with the first trouble (a
 * loss, a timeout, an error, a closed window) and goes on until the handle is closed, also when the connection is dead;
 * the last 62 records are kept. Reading changes nothing.
 * @return how many were filled in, at most `max`; 0 there was no trouble; -EINVAL; -EBADF.
 */
VIA_API int via_trace_read(struct via_stack *st, via_sock_t s, struct via_trace_rec *v, unsigned max);

#ifdef __cplusplus
}
#endif
#endif
