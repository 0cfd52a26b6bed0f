/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * core_rig.h - a core with packets, sockets and sets but no host and no device, for tests of sock/ alone. Sockets are
 * of kind UDP and as small as struct via_sock.
 */
#ifndef VIA_CORE_RIG_H
#define VIA_CORE_RIG_H

#include "sock/socks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct core_rig {
    struct via_core core;
    struct via_core_state state;
    struct via_socks socks;
};

/* `frames` packets and as many clones, up to `cap` sockets, 64 sets; every random choice follows from `seed`. */
void core_rig_init(struct core_rig *r, uint32_t frames, uint32_t cap, uint64_t seed);
void core_rig_fini(struct core_rig *r);

/* An open socket. */
struct via_sock *core_rig_sock(struct core_rig *r);

/* An open set; returns its id. */
uint32_t core_rig_set(struct core_rig *r, enum via_epoll_mode mode);

/* A datagram of `bytes` with the next arrival number, put on the receive queue and announced. NULL: no packet left. */
struct via_pkt *core_rig_arrive(struct core_rig *r, struct via_sock *k, uint32_t bytes);

/* Reads one datagram as a receive call does; its arrival number, or 0 if nothing may be read. */
uint64_t core_rig_read(struct core_rig *r, struct via_sock *k);

#endif
