/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wheel.h - the stack's timers: a hierarchical wheel of embedded nodes with an exact next deadline.
 *
 * A node lies inside the object that it serves (a neighbour, a reassembly, a socket) and is named by {kind 8, index 24};
 * kinds are rows of a table of {address of node 0, stride}. Nothing calls back: via_wheel_pop() returns who is due and
 * stack/poll.c switches. Arming an armed node moves it. All O(1), but for the search of the next deadline after the
 * earliest node went, which looks at one slot.
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
    VIA_TICK_LISTEN,  /* embryo */
    VIA_TICK_KINDS
};

/* An embedded node; zeroed = not armed. */
struct via_tick {
    uint32_t next, prev; /* ids in the same slot */
    via_ns_t at;         /* deadline */
    uint32_t slot;       /* slot + 1, 0 = not armed */
    uint32_t pad;
};

/* Where the nodes of a kind lie in this process: node of index i at `base` + i * `stride`. */
struct via_tick_base {
    uint8_t *base;
    uint64_t stride;
};

#define VIA_WHEEL_LEVELS 9  /* 64^9 units of 1.024 us: beyond any deadline */
#define VIA_WHEEL_SLOTS  64

struct via_wheel {
    via_ns_t now;                                      /* time reached */
    via_ns_t next;                                     /* earliest deadline, VIA_NEVER if none; exact unless `stale` */
    uint32_t stale;                                    /* the earliest node went: search when asked */
    uint32_t count;                                    /* nodes armed */
    uint64_t busy[VIA_WHEEL_LEVELS];                   /* bit per slot that has nodes */
    uint32_t slot[VIA_WHEEL_LEVELS * VIA_WHEEL_SLOTS]; /* first node of each */
    uint32_t due;                                      /* nodes taken out of their slots and about to fire, by deadline */
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

void via_wheel_init(struct via_wheel *w, via_ns_t now);
/* Arms node `id` for `at`, or moves it there. A time that has passed is due at the next pop. */
void via_wheel_arm(struct via_wheel *w, const struct via_tick_base *kinds, uint32_t id, via_ns_t at);
/* Stops it; true if it was armed. */
bool via_wheel_disarm(struct via_wheel *w, const struct via_tick_base *kinds, uint32_t id);
/* The earliest deadline, exact; VIA_NEVER if nothing is armed. */
via_ns_t via_wheel_next(struct via_wheel *w, const struct via_tick_base *kinds);
/*
 * Takes out one node with deadline <= `now`, in order of deadlines (equal ones in order of arming), or 0. Nodes armed by
 * who fires, for a time already passed, come after all that were due before.
 */
uint32_t via_wheel_pop(struct via_wheel *w, const struct via_tick_base *kinds, via_ns_t now);
/* Walks everything. For VIA_CHECK. */
bool via_wheel_valid(const struct via_wheel *w, const struct via_tick_base *kinds);

#endif
