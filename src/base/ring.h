/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ring.h - calls that other threads leave for the owner: a bounded queue, any thread pushes, the owner pops.
 *
 * Nobody waits for anybody. Each slot carries a turn that says whose it is: in lap L (position / slots) a pusher may
 * fill it at turn 2L and leaves 2L + 1; the owner takes it at 2L + 1 and leaves 2L + 2, the free turn of the next lap.
 * So zeroed memory is an empty queue. Calls of one thread keep their order; a pusher that is interrupted between
 * claiming and filling hides those behind it until it goes on, and then wakes the owner as every pusher does.
 *
 * Sleeping: a pusher publishes first and looks at the sleep flag after; the owner sets the flag first and looks at
 * via_mpsc_pending() after. With sequentially consistent accesses to the flag on both sides no wake-up is lost:
 * whichever flag access comes second sees what the other side did before its own.
 */
#ifndef VIA_BASE_RING_H
#define VIA_BASE_RING_H

#include "base/def.h"

#include <stdatomic.h>

#define VIA_MPSC_SLOTS 1024u /* a power of two */

typedef void via_call_fn(struct via_stack *, void *);

struct via_mpsc_slot {
    _Atomic uint32_t turn;
    uint32_t pad;
    via_call_fn *fn;
    void *arg;
};

struct via_mpsc {
    VIA_ALIGNED(VIA_LINE) _Atomic uint64_t tail; /* next position to claim; pushers */
    VIA_ALIGNED(VIA_LINE) _Atomic uint64_t head; /* next position to take; written by the owner alone */
    VIA_ALIGNED(VIA_LINE) struct via_mpsc_slot slot[VIA_MPSC_SLOTS];
};

static_assert((VIA_MPSC_SLOTS & (VIA_MPSC_SLOTS - 1)) == 0, "a position finds its slot by masking");

static inline uint32_t via_mpsc_turn(uint64_t pos) {
    return (uint32_t)(pos / VIA_MPSC_SLOTS) * 2;
}

/* Any thread. 0, or -ENOBUFS if all slots are taken. */
static inline int via_mpsc_push(struct via_mpsc *q, via_call_fn *fn, void *arg) {
    uint64_t pos = atomic_load_explicit(&q->tail, memory_order_relaxed);

    for (;;) {
        struct via_mpsc_slot *s = &q->slot[pos % VIA_MPSC_SLOTS];
        int32_t ahead = (int32_t)(atomic_load_explicit(&s->turn, memory_order_acquire) - via_mpsc_turn(pos));

        if (ahead < 0)
            return -ENOBUFS;
        if (ahead > 0) {
            pos = atomic_load_explicit(&q->tail, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(&q->tail, &pos, pos + 1, memory_order_relaxed,
                                                         memory_order_relaxed)) {
            s->fn = fn;
            s->arg = arg;
            atomic_store_explicit(&s->turn, via_mpsc_turn(pos) + 1, memory_order_release);
            return 0;
        }
    }
}

/* The owner alone. Takes the oldest call out; false if there is none that is filled. */
static inline bool via_mpsc_pop(struct via_mpsc *q, via_call_fn **fn, void **arg) {
    uint64_t pos = atomic_load_explicit(&q->head, memory_order_relaxed);
    struct via_mpsc_slot *s = &q->slot[pos % VIA_MPSC_SLOTS];

    if (atomic_load_explicit(&s->turn, memory_order_acquire) != via_mpsc_turn(pos) + 1)
        return false;
    *fn = s->fn;
    *arg = s->arg;
    atomic_store_explicit(&q->head, pos + 1, memory_order_relaxed);
    atomic_store_explicit(&s->turn, via_mpsc_turn(pos) + 2, memory_order_release);
    return true;
}

/* Any thread; loads only. True if a pop would find something now. */
static inline bool via_mpsc_pending(const struct via_mpsc *q) {
    int32_t ahead;

    do {
        uint64_t pos = atomic_load_explicit(&q->head, memory_order_relaxed);
        uint32_t turn = atomic_load_explicit(&q->slot[pos % VIA_MPSC_SLOTS].turn, memory_order_acquire);

        ahead = (int32_t)(turn - via_mpsc_turn(pos) - 1);
    } while (ahead > 0); /* the owner took that one in between */
    return !ahead;
}

#endif
