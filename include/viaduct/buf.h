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
 * Completions, each once, in the order of sending per socket. A token completes when the device has returned the last
 * frame of its send, never earlier, or when it is certain that it will not be sent.
 * @return how many were filled in, at most `max`.
 */
VIA_API int via_tx_done(struct via_stack *st, struct via_done *v, unsigned max);

#ifdef __cplusplus
}
#endif
#endif
