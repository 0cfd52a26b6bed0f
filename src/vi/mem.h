/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mem.h - an in-memory cable between two VIs of one process, which may belong to two threads.
 *
 * Each direction is one ring of slots with one producer and one consumer. The receiver writes into the next slots
 * where its empty frames lie ("lent"); the sender copies each of its frames straight into the lent one, from frame
 * area to frame area, and notes length and flags in the slot ("filled"); the receiver takes slots in the same order.
 * One copy per frame, no loss, no lock, one store with release order per burst. What finds no lent frame is not taken
 * and stays with the sender, so a slow receiver pushes back.
 *
 * The receiver keeps most of the frames that it was given on a stack and lends few of them at a time, those used last
 * first: a sender that runs in step with it finds them in the cache. A sender that starves says so and the window
 * doubles; after a calm time it halves again.
 *
 * Closing: an end that goes away says so and waits until the peer is out of its tx_burst. After that nobody but
 * the owner touches its frame area, in whatever order the ends close. The peer sees VIA_LINK_DOWN at its next call
 * (or is woken if it sleeps) and may see the link come up again when the end is opened anew. Before an end is opened
 * for the first time the link counts as up and frames wait.
 *
 * Store-load order between "I am inside" and "you are up", and between "filled" and "armed", comes from membarrier(2)
 * on the rare side, so that the hot side has no fence; where the system call is refused, both sides use
 * sequentially consistent stores.
 */
#ifndef VIA_VI_MEM_H
#define VIA_VI_MEM_H

#include <viaduct/vi.h>

struct via_mem_cable;

/* What a cable is like; the same in both directions. */
struct via_mem_conf {
    uint32_t ring;    /* Slots per direction: rounded up to a power of two, 64..65536. */
    uint32_t mtu;     /* Largest IP packet, 68..65535. */
    via_ns_t latency; /* A frame is visible this long after it was sent. Both stacks must be on the same clock. */
    uint64_t rate;    /* Bits per second of each direction, 0 = no limit. */
    bool fences;      /* Do without membarrier(2), as if the kernel had refused it. */
};
#define VIA_MEM_CONF_INIT                                                                                              \
    { .ring = 512, .mtu = 1500 }

/* A cable with both ends unplugged and one reference, the caller's. 0, -EINVAL, -ENOMEM. */
int via_mem_cable_new(const struct via_mem_conf *conf, struct via_mem_cable **out);

/*
 * End 0 or 1, to be put into via_vi_dev.priv before the driver's open. An open end holds a reference of its own and
 * gives it back in close, which also clears dev->priv. An end that was closed can be opened again.
 */
void *via_mem_cable_end(struct via_mem_cable *c, unsigned end);

/*
 * Tells the other end of the cable that this one, which is open, takes packets longer than its MTU (via_vi_dev.big), or
 * with `on` false that it does not any more. Not over a cable that stands for a real link: with latency or a rate.
 */
void via_mem_take_big(struct via_vi_dev *dev, bool on);

/* Drops the caller's reference; the last one frees the cable. */
void via_mem_cable_release(struct via_mem_cable *c);

#endif
