/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * core.h - the only context that is handed down. Two halves:
 *
 * - struct via_core_state lies in the region and holds what sharers of a stack must agree on; ids and numbers alone.
 * - struct via_core is private to the process: where things are mapped, hooks, attributes, the sentence of via_why().
 *
 * Layers put a pointer to their own half of the region here (`net`, `socks`, `udp`), which layers below never follow.
 */
#ifndef VIA_BASE_CORE_H
#define VIA_BASE_CORE_H

#include "base/attrs.h"
#include "base/list.h"
#include "base/pool.h"
#include "base/rand.h"
#include "base/wheel.h"

#include <viaduct/stack.h>
#include <viaduct/stats.h>

#define VIA_VIS 16 /* most VIs of a stack; interface numbers are 1..16 */

struct via_pkt;
struct via_vi;
struct via_net;
struct via_rtnl;
struct via_kgroups;
struct via_socks;
struct via_sock_ops;
struct via_udp;
struct via_tcp;

struct via_core_state {
    via_ns_t now;      /* time of the current or last poll */
    uint64_t arrivals; /* frames taken so far: the arrival number of the last one */
    uint64_t turns;    /* polls so far */

    struct via_pool pkts;   /* frames with their descriptors, ids 1..frames */
    struct via_pool clones; /* descriptors without a frame, ids frames+1.. (slot i is id frames+i) */
    uint32_t reserve;       /* frames kept back for the rings */
    uint32_t held;          /* frames with the application */
    struct via_list sent;   /* packets whose tokens completed, until sockets are told */
    struct via_list done;   /* then, until via_tx_done() */
    struct via_list loop;   /* whole frames sent to ourselves (`looped` set), until the next poll */
    uint32_t dones;         /* on `done` */

    struct via_rand rand;
    struct via_wheel wheel;
    uint64_t drops[VIA_DROPS];
};

struct via_core {
    struct via_core_state *s;
    struct via_pkt *pkts; /* descriptors */
    uint8_t *frames;      /* frame area */
    uint32_t frame_size;
    uint32_t frame_shift; /* log2 of it */
    uint32_t frame_count; /* highest frame id */

    struct via_net *net;
    struct via_capture *capture; /* private; NULL: nothing is captured */
    struct via_rtnl *mirror; /* private; NULL: the kernel is not listened to */
    struct via_kgroups *kgroups; /* private; NULL: the kernel was told of no group */
    struct via_socks *socks;
    struct via_udp *udp;
    struct via_tcp *tcp;
    const struct via_sock_ops *const *sock_ops; /* by kind */
    struct via_vi *vi[VIA_VIS + 1]; /* by interface number; [0] is never used */
    uint32_t vis;                   /* highest number in use */
    uint32_t busy;                  /* bit i: interface i has frames to send, or to get back from its device */

    struct via_tick_base ticks[VIA_TICK_KINDS];
    struct via_region region;
    struct via_attrs attrs;
    struct via_allocator allocator;

    uint64_t owner; /* thread that may call, for assertions */
    via_ns_t (*clock)(void *ctx);
    void *clock_ctx;
    uint64_t log_mask;
    void (*log)(void *ctx, int component, int level, const char *line);
    void *log_ctx;
    via_ns_t log_from; /* second in which lines are counted */
    uint32_t log_lines;
    uint32_t log_lost;
    char why[256];
};

/* Leaves the sentence for via_why() and returns `err`, so that a refusal is one statement. */
int via_why_set(struct via_core *c, int err, const char *fmt, ...) VIA_PRINTF(3, 4);

/* One log line, if the mask asks for it. */
void via_log(struct via_core *c, enum via_log_component component, enum via_log_level level, const char *fmt, ...)
    VIA_PRINTF(4, 5);

/* Private memory, zeroed, through the application's hooks. */
void *via_alloc(const struct via_core *c, size_t size);
void via_free(const struct via_core *c, void *p);

/* Counts a drop; returns it. The one place where drops are counted. */
static inline enum via_drop via_drop_count(struct via_core *c, enum via_drop why) {
    c->s->drops[why]++;
    return why;
}

/* Time by the stack's clock, which need not be real. */
static inline via_ns_t via_clock(const struct via_core *c) {
    return c->clock(c->clock_ctx);
}

static inline via_ns_t via_now(const struct via_core *c) {
    return c->s->now;
}

static inline void via_tick_arm(struct via_core *c, enum via_tick_kind kind, uint32_t index, via_ns_t at) {
    via_wheel_arm(&c->s->wheel, c->ticks, via_tick_id(kind, index), at);
}

static inline bool via_tick_disarm(struct via_core *c, enum via_tick_kind kind, uint32_t index) {
    return via_wheel_disarm(&c->s->wheel, c->ticks, via_tick_id(kind, index));
}

#endif
