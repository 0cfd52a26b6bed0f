/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file buf.h
 * @brief Zero copy: packet buffers, lending and returning, completion tokens.
 *
 * A buffer is a packet of the stack's frame area. It has one holder at a time unless via_buf_ref() adds one. The
 * application may hold received buffers as long as it likes, in any order: holding costs quota (attribute hold_max and
 * the reserve of the rings), never correctness; at the quota new packets are dropped and counted, the rings go on.
 */
#ifndef VIADUCT_BUF_H
#define VIADUCT_BUF_H

#include <viaduct/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A run of bytes inside a buffer. */
struct via_seg {
    void *data;          /**< First byte. Received bytes are read-only while several sockets share the frame. */
    uint32_t len;        /**< Bytes. */
    uint32_t more;       /**< Received: buffers that follow in the chain (via_buf_next()). Sending: 0. */
    struct via_buf *buf; /**< The buffer to release, or to send. */
};

/** Flags of sends. */
#define VIA_MORE   1u /**< More follows at once: do not ring the doorbell, even with VIA_FLUSH habits elsewhere. */
#define VIA_FLUSH  2u /**< Ring the doorbell now instead of at the next poll, flush or arm. */
#define VIA_INLINE 4u /**< via_zc_send() alone: copy. The memory stays the caller's, the token completes at once. */

/** What via_zc_recv() gives out. */
struct via_lent {
    struct via_seg seg; /**< The first run of bytes, via_buf_next() has the others; `seg.buf` is to be released. */
    uint32_t bytes;     /**< Over the chain. */
    uint32_t eof;       /**< 1: the peer sends nothing behind these bytes. */
    int32_t reason;     /**< Why the socket ended: a negative errno, or 0 while it lives and for an orderly end. */
    uint32_t pad;
    uint64_t user;      /**< User pointer of the socket, see via_sock_user(). */
    uint64_t seq;       /**< Arrival number of the first run; via_buf_arrival() has those of the others. */
    via_ns_t ts;        /**< Arrival time of the first run. */
};

/** Where a received run of bytes came from. */
struct via_arrival {
    uint64_t seq;   /**< Arrival number of its frame, over all interfaces of the stack. */
    via_ns_t ts;    /**< Arrival time on the stack's clock. */
    uint32_t iface; /**< Interface number. */
    uint32_t pad;
};

/** What via_zc_send() takes. */
struct via_post {
    const struct via_seg *seg; /**< Runs of bytes, sent one behind the other; a chain counts as one, behind its head. */
    uint32_t n;                /**< How many, at least 1. */
    uint32_t flags;            /**< VIA_MORE, VIA_FLUSH, VIA_INLINE. */
    uint64_t token;            /**< Comes back from via_tx_done(); 0: no completion is wanted. */
};

/** A completed send. */
struct via_done {
    via_sock_t sock;
    uint64_t user;   /**< User value of the socket. */
    uint64_t token;  /**< As given to the send. */
    int32_t status;  /**< 0 sent; -EHOSTUNREACH the neighbour never answered; -ENODEV the interface was closed; -ECANCELED
                          it never left; or another negative errno. */
    uint32_t pad;
    via_ns_t ts;     /**< When the completion was seen. */
};

/**
 * Takes a buffer to send from, with room for `len` bytes behind room for all headers. A length over one frame
 * gives a chain (`out->more`).
 * @return 0, -ENOBUFS, -EMSGSIZE above 65,507 bytes, -EINVAL. The buffer is the caller's until sent or released.
 */
VIA_API int via_buf_alloc(struct via_stack *st, size_t len, struct via_seg *out);

/** The part of a chain after `seg`. @return 0, or -ENOENT at the end. */
VIA_API int via_buf_next(struct via_stack *st, const struct via_seg *seg, struct via_seg *out);

/**
 * Adds a holder; each holder releases once, or sends once. Any lifetime, also beyond the socket. What is sent while it is
 * still on its way from another send is copied, and that is counted.
 */
VIA_API void via_buf_ref(struct via_stack *st, struct via_buf *b);

/** Returns `n` buffers, with their chains, in any order. NULL entries are passed over. */
VIA_API void via_buf_release(struct via_stack *st, struct via_buf *const *v, unsigned n);

/** The same from any thread; takes effect at the owner's next poll. **[T]** @return 0, -ENOBUFS as via_stack_defer(). */
VIA_API int via_buf_release_remote(struct via_stack *st, struct via_buf *b);

/**
 * When and where the bytes of `seg`, received and not yet released, arrived.
 * @return 0; -EINVAL if the segment is no buffer that the application holds.
 */
VIA_API int via_buf_arrival(struct via_stack *st, const struct via_seg *seg, struct via_arrival *out);

/**
 * Lends what a socket has received, without a copy. A stream gives up to `max` bytes (0: all there are) as one chain
 * that may span many frames; what is behind `max` stays, though it lies in the same frame. A datagram socket gives one
 * datagram, whole: via_udp_recv() tells its peer as well. Any number of lends may be outstanding, and be released in
 * any order with via_buf_release(). In an ordered set of mode STRICT it stops at what was announced.
 *
 * The end of a stream comes in band: `eof` is set with the last bytes, or alone, and every later call repeats it. So
 * does `reason` after an abort. Both are 0 for datagram sockets, whose errors are events (VIA_OPT_REASON).
 * @return 1 lent; 0 nothing was lent since the stream has ended, see `eof` and `reason`; -EAGAIN nothing is there (an
 * event is promised); -EMSGSIZE the next datagram is longer than `max`, and stays; -ENOBUFS no descriptor for the half
 * of a frame (attribute clones); -EBADF; -EINVAL; -EOPNOTSUPP the socket carries no data.
 */
VIA_API int via_zc_recv(struct via_stack *st, via_sock_t s, size_t max, struct via_lent *out);

/**
 * Sends buffers without a copy, all of `p` or nothing: as the next bytes of a stream, or as one datagram to where the
 * socket is connected. With success the buffers are the stack's; their bytes must stay as they are until the token
 * completes, and holders by via_buf_ref() keep theirs. Refused, everything is still the caller's. What may not be sent
 * as it lies (it has other holders, or no room for headers in front) is copied, and that is counted.
 *
 * With VIA_INLINE the bytes are copied and `seg[].buf` may be NULL: any memory, which stays the caller's, as buffers do.
 * The completion is there on return, unless earlier sends of the socket have not completed: tokens keep their order.
 * @return 0; -EAGAIN no room (VIA_EV_SPACE is promised); -EMSGSIZE longer than a datagram or than what can ever be
 * queued; -EINVAL no segment, an unknown flag, memory that is no buffer (without VIA_INLINE), the same buffer twice;
 * -ENOBUFS; -EBADF; -EDESTADDRREQ a datagram socket that is not connected; -EOPNOTSUPP the socket carries no data; and
 * what the kind's own send refuses (via_udp_send()).
 */
VIA_API int via_zc_send(struct via_stack *st, via_sock_t s, const struct via_post *p);

/**
 * Completions, each once, in the order of sending per socket. A token completes when the device has returned the last
 * frame of its send, never earlier, or when it is certain that it will not be sent.
 * @return how many were filled in, at most `max`.
 */
VIA_API int via_tx_done(struct via_stack *st, struct via_done *v, unsigned max);

#ifdef __cplusplus
}
#endif
#endif
