/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * state.h - what lies at offset 0 of the region: what sharers of a stack see of it. One struct per layer, ids and
 * offsets alone; each layer finds its own through the core, so only who makes the stack needs to know them all.
 */
#ifndef VIA_STACK_STATE_H
#define VIA_STACK_STATE_H

#include "net/state.h"
#include "sock/socks.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

#define VIA_STATE_MAGIC 0x5641444354303031ull

struct via_state {
    uint64_t magic;
    uint64_t size; /* sizeof, so that tools of another version refuse */
    char name[32];
    struct via_core_state core;
    struct via_net net;
    struct via_socks socks;
    struct via_udp udp;
    struct via_tcp tcp;
    struct via_pool timers; /* of struct via_tick */
};

#endif
