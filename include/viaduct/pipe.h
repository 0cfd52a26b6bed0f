/* SPDX-License-Identifier: BSD-2-Clause */
/**
 * @file pipe.h
 * @brief Pipes: bytes from one end to the other inside a stack, with the events and the zero copy of sockets.
 *
 * A pipe is two sockets, one that reads and one that writes. They are members of ordered sets like any others, so that
 * what parts of a program tell each other has its place among what comes off the wire: each write has an arrival number.
 * What is written can be read at once, without a poll. via_zc_send() moves the very buffers to the reader, who gets them
 * by via_zc_recv(); a token completes when the reader has released the bytes.
 *
 * | event | end | meaning |
 * |---|---|---|
 * | VIA_EV_IN | reader | bytes can be read |
 * | VIA_EV_EOF | reader | the writer was closed; comes behind all of its bytes |
 * | VIA_EV_SPACE | writer | a send that was refused with -EAGAIN may be tried again |
 * | VIA_EV_DONE | writer | completions wait in via_tx_done() |
 * | VIA_EV_TERMINATED | writer | the reader was closed, `reason` is -EPIPE |
 *
 * via_sock_close() ends either end; a pipe has no options and no names.
 */
#ifndef VIADUCT_PIPE_H
#define VIADUCT_PIPE_H

#include <viaduct/buf.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How to open; the initialiser sets the size, everything else may stay zero. */
struct via_pipe_conf {
    uint32_t size;
    uint32_t bytes; /**< Written and not read; 0: attribute pipe_bytes. */
    void *user[2];  /**< User pointers of reader and writer, see via_sock_user(). */
};
#define VIA_PIPE_CONF_INIT                                                                                             \
    { .size = sizeof(struct via_pipe_conf) }

/**
 * Makes a pipe: out[0] reads, out[1] writes. `c` may be NULL.
 * @return 0; -EINVAL; -ENOBUFS (attribute max_pipes).
 */
VIA_API int via_pipe_open(struct via_stack *st, const struct via_pipe_conf *c, via_sock_t out[2]);

/**
 * Copies bytes into the pipe. With VIA_ALL all or nothing.
 * @return how many bytes were taken (without VIA_ALL possibly fewer than offered); -EAGAIN none now, VIA_EV_SPACE is
 * promised; -EPIPE nobody reads any more; -EMSGSIZE with VIA_ALL more than the pipe could ever hold; -EINVAL; -ENOBUFS no
 * packet is left; -EOPNOTSUPP it is the end that reads; -EBADF.
 */
VIA_API ssize_t via_pipe_send(struct via_stack *st, via_sock_t s, const struct iovec *v, int n, unsigned flags);

/**
 * Copies bytes out. In an ordered set of mode STRICT it stops at what was announced.
 * @return how many (> 0); 0 the writer was closed and all was read; -EAGAIN nothing now, an event is promised; -EINVAL;
 * -EOPNOTSUPP it is the end that writes; -EBADF.
 */
VIA_API ssize_t via_pipe_recv(struct via_stack *st, via_sock_t s, void *buf, size_t len);

#ifdef __cplusplus
}
#endif
#endif
