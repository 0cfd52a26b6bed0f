/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blocks.h - what a receiver has beyond the first hole, and the SACK blocks that tell (RFC 2018 4, RFC 2883 4).
 *
 * The first block holds the segment that arrived last; the others repeat those reported before, newest first, so that
 * each is told several times although ACKs get lost. A duplicate is told once, in front of all (D-SACK).
 *
 * The data itself lies elsewhere: a segment is put there only when via_blocks_add() took it. -ENOBUFS bounds the holes
 * that a stranger may make (VIA_RANGES); such a segment is dropped as if the network had lost it. Zeroed memory is the
 * empty state.
 */
#ifndef VIA_TCP_BLOCKS_H
#define VIA_TCP_BLOCKS_H

#include "base/ranges.h"
#include "wire/tcp.h"

struct via_blocks {
    struct via_ranges got;           /* beyond RCV.NXT, arrived */
    via_seq_t recent[VIA_TCP_SACKS]; /* a number of each range reported last, newest first */
    uint32_t recents;
    struct via_range dup; /* duplicate to report, if `dups` */
    uint32_t dups;
};

/*
 * [from, to) arrived, inside the receive window and beyond RCV.NXT. Returns how many of these are new, or -ENOBUFS.
 * What was there already is remembered as a duplicate (RFC 2883 4).
 */
int32_t via_blocks_add(struct via_blocks *b, via_seq_t from, via_seq_t to);

/* [from, to) arrived though it had been delivered: a duplicate below RCV.NXT (RFC 2883 4.1). */
void via_blocks_duplicate(struct via_blocks *b, via_seq_t from, via_seq_t to);

/*
 * Data in order brought RCV.NXT to `next`: returns where it really is now, behind the range that `next` reaches into,
 * and forgets all below.
 */
via_seq_t via_blocks_advance(struct via_blocks *b, via_seq_t next);

/*
 * Takes back the range that lies farthest, to make room (RFC 2018 8 allows it, for the sender keeps the data). False:
 * none.
 */
bool via_blocks_prune(struct via_blocks *b, struct via_range *gone);

/* Puts at most `max` <= 4 blocks into `o` and sets VIA_TCP_SACK if there are any. A duplicate is then forgotten. */
void via_blocks_report(struct via_blocks *b, struct via_tcp_opts *o, uint32_t max);

/* True if an ACK has blocks to tell. */
static inline bool via_blocks_any(const struct via_blocks *b) {
    return b->got.count || b->dups;
}

#endif
