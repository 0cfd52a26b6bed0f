/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mtu.h - how large a packet may be where no router says so (RFC 4821, RFC 8899): a search by probes, which are segments
 * of data larger than the others. Sizes are bytes of IP packets. A probe that is lost alone is no sign of congestion.
 */
#ifndef VIA_TCP_MTU_H
#define VIA_TCP_MTU_H

#include "base/seq.h"

#define VIA_MTU_BASE4 1200u /* BASE_PLPMTU of RFC 8899 5.1.2 */
#define VIA_MTU_BASE6 1280u
#define VIA_MTU_LEAST 576u  /* IPv4, where even the base does not pass */
#define VIA_MTU_STEP  32u   /* nearer than this to the bound is good enough */
#define VIA_MTU_TRIES 2u    /* probes of one size that must be lost */

/* Zeroed: no search, packets are as large as the path is said to be. */
struct via_mtu {
    via_ns_t again;     /* not before */
    uint32_t low, high; /* passes for certain, may pass; low is what is used; 0: no search */
    uint32_t size;      /* of the probe under way, 0: none */
    via_seq_t from, to; /* its data */
    uint8_t lost;       /* probes in a row */
    bool halving;       /* `high` itself was tried: nearly always it passes */
};

void via_mtu_begin(struct via_mtu *m, uint32_t low, uint32_t high);

/* The size to try next; 0: nothing for now. `most`: what the path is said to take. */
uint32_t via_mtu_next(const struct via_mtu *m, uint32_t most, via_ns_t now);
void via_mtu_sent(struct via_mtu *m, uint32_t size, via_seq_t from, via_seq_t to);

/* The probe arrived, or was lost. `every`: when a search that has ended begins anew. */
void via_mtu_passed(struct via_mtu *m, via_ns_t now, via_ns_t every);
void via_mtu_lost(struct via_mtu *m, via_ns_t now, via_ns_t every);

#endif
