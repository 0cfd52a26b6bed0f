/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wheel.h - the stack's timers: a hierarchical wheel of embedded nodes with an exact next deadline.
 *
 * A node lies inside the object that it serves (a neighbour, a reassembly, a socket) and is named by {kind 8, index 24};
 * kinds are rows of a table of {address of node 0, stride}. Nothing calls back: via_wheel_pop() returns who is due and
 * stack/poll.c switches.
 *
 * A deadline is a number of units (1.024 us) of nine digits to base 64. A node lies at the level of the highest digit
 * in which it differs from the cursor, in the slot of that digit; when the cursor enters a slot, its nodes move to
 * lower levels. Each slot is a pairing heap (Fredman et al. 1986) by {deadline, number of the arming}, so that the
 * earliest node is the root of the first busy slot: no list is searched, whatever lies in a slot and in whatever order
 * it is cancelled.
 *
 * Moving an armed node to a later time, the fate of nearly every protocol timer, is two stores: a leaf of a heap may
 * grow in place, and lies too early then. It is moved when it comes to the root. So: a node is never placed later than
 * its deadline, and arming is O(1); cancelling too unless the node is not a leaf, then O(log n) amortised.
 */
#ifndef VIA_BASE_WHEEL_H
#define VIA_BASE_WHEEL_H

#include "base/check.h"

/* Whom a timer serves. */
enum via_tick_kind {
    VIA_TICK_NONE = 0,
    VIA_TICK_APP,     /* timer of the application */
    VIA_TICK_NEIGH,   /* neighbour */
    VIA_TICK_FRAG,    /* reassembly */
    VIA_TICK_ADDR,    /* own address: duplicate detection, lifetimes */
    VIA_TICK_IFACE,   /* interface: router solicitation */
    VIA_TICK_GROUP,   /* membership of a group */
    VIA_TICK_MCAST,   /* membership reports of an interface as a whole */
    VIA_TICK_ROUTE,   /* lifetimes of routes */
    VIA_TICK_PMTU,    /* learned path MTU */
    VIA_TICK_TCP,     /* connection */
    VIA_TICK_TCP_WAIT, /* connections in TIME_WAIT, as a whole */
    VIA_TICK_KINDS
};

/* An embedded node, half a cache line; zeroed = not armed. */
struct via_tick {
    uint32_t child;      /* first of the nodes below it in its heap */
    uint32_t next, prev; /* siblings; prev of the first is the parent, the root has neither */
    uint32_t slot;       /* slot + 1, 0 = not armed */
    via_ns_t at;         /* deadline; of an armed node, as clamped by via_wheel_arm() */
    uint64_t turn;       /* number of the arming: settles equal deadlines */
};

static_assert(sizeof(struct via_tick) == 32, "two to a cache line");

/* Where the nodes of a kind lie in this process: node of index i at `base` + i * `stride`. */
struct via_tick_base {
    uint8_t *base;
    uint64_t stride;
};

#define VIA_WHEEL_SHIFT  10 /* a unit is 2^10 ns */
#define VIA_WHEEL_BITS   6
#define VIA_WHEEL_SLOTS  64
#define VIA_WHEEL_LEVELS 9 /* 64^9 units are all of 64 bits */

struct via_wheel {
    via_ns_t now;    /* time reached */
    uint64_t cursor; /* unit reached: no node lies before it, none of its ancestors' slots is busy */
    via_ns_t next;   /* no deadline is earlier; VIA_NEVER if none is armed; exact unless `stale` */
    uint64_t turn;   /* armings so far */
    uint32_t stale;  /* the earliest node may have gone: look when asked */
    uint32_t count;  /* nodes armed */
    uint32_t levels; /* bit per level that has nodes */
    uint32_t pad;
    uint64_t busy[VIA_WHEEL_LEVELS];                   /* bit per slot that has nodes */
    uint32_t root[VIA_WHEEL_LEVELS * VIA_WHEEL_SLOTS]; /* earliest node of each */
};

static inline uint32_t via_tick_id(enum via_tick_kind kind, uint32_t index) {
    return (uint32_t)kind << 24 | index;
}

static inline enum via_tick_kind via_tick_kind_of(uint32_t id) {
    return (enum via_tick_kind)(id >> 24);
}

static inline uint32_t via_tick_index_of(uint32_t id) {
    return id & 0xffffff;
}

static inline bool via_tick_armed(const struct via_tick *t) {
    return t->slot != 0;
}

void via_wheel_init(struct via_wheel *w, via_ns_t now);

/*
 * Arms node `id` for `at`, or moves it there. A time that has passed becomes the time reached, so it is due at the next
 * pop, after all that were due before. VIA_NEVER disarms: there is nothing to wait for.
 */
void via_wheel_arm(struct via_wheel *w, const struct via_tick_base *kinds, uint32_t id, via_ns_t at);

/* Stops it; true if it was armed. Must be done before the object goes or moves. */
bool via_wheel_disarm(struct via_wheel *w, const struct via_tick_base *kinds, uint32_t id);

/* The earliest deadline, exact; VIA_NEVER if nothing is armed. One comparison when the earliest node has not gone. */
via_ns_t via_wheel_next(struct via_wheel *w, const struct via_tick_base *kinds);

/*
 * Takes out one node with deadline <= `now`, in order of deadlines (equal ones in order of arming), or 0. `now` becomes
 * the time reached, unless it lies before it. Call until 0; a node armed in between for a time that has passed comes
 * out too, so whoever fires must not re-arm for the past for ever.
 */
uint32_t via_wheel_pop(struct via_wheel *w, const struct via_tick_base *kinds, via_ns_t now);

/* Walks everything. For VIA_CHECK. */
bool via_wheel_valid(const struct via_wheel *w, const struct via_tick_base *kinds);

#endif
