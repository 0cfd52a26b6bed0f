/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pace.h - when the next bytes may leave: a rate, and a burst that need not be divided.
 *
 * Bytes are charged when they go: `next` is when a wire of that rate would have carried them all. As long as it is less
 * than a burst ahead, more may go; from there on nothing does before `next`, so that a burst costs one wake-up. Time in
 * which nothing was sent earns nothing, but what a late wake-up lost is made good, up to a burst.
 */
#ifndef VIA_TCP_PACE_H
#define VIA_TCP_PACE_H

#include "base/def.h"

#define VIA_PACE_BURST VIA_MS      /* of sending time */
#define VIA_PACE_MOST  (64u << 10) /* bytes of a burst */
#define VIA_PACE_LEAST 2u          /* segments of one */

/* Zeroed memory holds nothing back. */
struct via_pace {
    uint64_t rate;  /* bytes per second; 0: not known, unpaced */
    uint64_t bound; /* set by the application, 0: none */
    via_ns_t burst; /* how long one takes */
    via_ns_t next;
    via_ns_t since; /* held back since then; 0: not held back */
    via_ns_t held;  /* how long in all, up to `since` */
};

/* A new rate, 0: none. `mss`: of the segments that go. */
void via_pace_set(struct via_pace *p, uint64_t rate, uint32_t mss);

/* 0: a segment may go now; else when the next one may, and it counts as held back until then. */
via_ns_t via_pace_holds(struct via_pace *p, via_ns_t now);

/* `bytes` went. */
void via_pace_sent(struct via_pace *p, uint32_t bytes);

#endif
