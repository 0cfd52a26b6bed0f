/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack.h - the engine: what belongs to one stack in this process. Mappings, FDs, hooks, the queue of other threads'
 * calls; what lies in the region is in state.h. The core comes first, so that every layer finds it.
 */
#ifndef VIA_STACK_STACK_H
#define VIA_STACK_STACK_H

#include "base/ring.h"
#include "sock/enter.h"

#include <stdatomic.h>
#include <viaduct/timer.h>

struct via_state;

/* Frames held until no older one can come from another VI (merge by timestamp). */
struct via_merge {
    struct via_list held[VIA_VIS + 1];
    via_ns_t newest[VIA_VIS + 1]; /* newest time known to have been reached on each */
    uint32_t count;
};

/*
 * How the owner sleeps (the verbs are wait/'s). Whoever turns `armed` from 1 to 0 ends the sleep: a waker then owes one
 * write to the eventfd, the owner owes one read of it, now or later.
 */
struct via_sleep {
    _Atomic uint32_t armed;
    _Atomic uint32_t woken;     /* a wake since the last poll */
    uint32_t asleep;            /* the owner's own: via_wait_arm() returned 0 and nothing was called since */
    uint32_t heard;             /* a poll has found `woken` set, for via_epoll_wait() */
    uint64_t owed;              /* writes to the eventfd that were, or are about to be, made and were not read */
    int epfd, timerfd, eventfd; /* -1 until via_wait_fd() */
    int mirror;                 /* the mirror's FD as watched, or -1 */
    via_ns_t programmed;        /* what the timerfd stands at, VIA_NEVER if off */
    via_ns_t fires;             /* the same by CLOCK_MONOTONIC, which the stack's clock need not follow */
    uint64_t arms, refusals, syscalls;
};

/* An ordered set as the application holds it; the records and their order lie in the region. */
struct via_epoll {
    struct via_stack *st; /* NULL: not in use */
    uint32_t id;
    uint32_t dispatching;
};

struct via_stack {
    struct via_core core; /* must be first */
    struct via_state *state; /* in the region, with `name` and `slots` */
    const char *name;
    struct via_pool *slots; /* of the application's timers: struct via_tick */
    void *user;
    struct via_timer **timers; /* by slot */
    struct via_epoll *sets;    /* by id */
    uint32_t turn;             /* VI that is served first in the next poll */
    uint32_t leftover;         /* the last poll ran out of budget */
    struct via_work work;      /* done by polls, for who asks one what it did */
    via_ns_t mirror_at;        /* when the mirror is looked at without having been woken */
    struct via_merge merge;
    struct via_sleep sleep;
    struct via_mpsc calls;
};

static inline struct via_stack *via_stack_of(struct via_core *c) {
    return (struct via_stack *)(void *)c;
}

/* One received packet: to net, to its transport, or to the drop counters. */
void via_rx(struct via_stack *st, struct via_pkt *p);

/* What we sent to ourselves comes in now; what that makes us send waits for the next poll. How many. */
unsigned via_rx_loop(struct via_stack *st);

/* Frames have to wait for their turn by time, or do so still. */
static inline bool via_merge_wanted(const struct via_stack *st) {
    return st->core.socks->by_time | st->merge.count;
}

/* Puts a burst of one VI where it waits for its turn among the others. A VI's own order is never changed. */
void via_merge_hold(struct via_stack *st, struct via_vi *vi, struct via_pkt **v, unsigned n);
/* Everything that no older frame of another VI can precede; a silent VI holds nobody up for longer than the hold. */
void via_merge_release(struct via_stack *st);
/* When something held must be released, if nothing comes; or VIA_NEVER. */
via_ns_t via_merge_deadline(const struct via_stack *st);

/* Runs a due timer of the application. */
void via_timer_fire(struct via_stack *st, uint32_t slot);

static inline via_ns_t via_stack_clock(const struct via_stack *st) {
    return via_clock(&st->core);
}

/* A VI joins or leaves the FDs that the sleeper watches; does nothing before via_wait_fd(). */
int via_sleep_watch(struct via_stack *st, struct via_vi *vi);
void via_sleep_forget(struct via_stack *st, struct via_vi *vi);
/* The owner is awake. */
void via_sleep_disarm(struct via_stack *st);
void via_sleep_end(struct via_stack *st);

/*
 * Arms for sleep as via_wait_arm() does, by what the caller takes for work: who waits for one set does not mind events
 * of others.
 */
typedef bool via_work_fn(const struct via_stack *);
int via_sleep_try(struct via_stack *st, unsigned flags, via_work_fn *has_work);

/* What a poll would find, timers apart, or could not do at once: loads only. */
bool via_stack_has_input(const struct via_stack *st);
/* The same, or events and completions that wait for the application. */
bool via_stack_has_work(const struct via_stack *st);

#endif
