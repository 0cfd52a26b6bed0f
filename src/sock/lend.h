/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lend.h - bytes of a stream taken from a receive queue: lent as a chain, or copied out. Datagrams leave the queue
 * whole, by via_rxq_pop(). What an ordered set of mode STRICT has not announced stays in any case.
 */
#ifndef VIA_SOCK_LEND_H
#define VIA_SOCK_LEND_H

#include "sock/socks.h"

/*
 * Up to `max` bytes as one chain in the hands of the application; -EAGAIN if nothing may be read. A packet that
 * reaches behind `max` is seen by two from then on, by descriptors that share its frame: -ENOBUFS if there is none.
 */
int via_rxq_lend(struct via_core *c, struct via_sock *k, uint32_t max, struct via_pkt **out);

/* Copies up to `n` bytes into `to`; returns how many. What was read goes back to the pool. */
uint32_t via_rxq_read(struct via_core *c, struct via_sock *k, void *to, uint32_t n);

#endif
