/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.h - a wrapper that spoils traffic: struct via_impair in each direction, the same faults for the same seed.
 *
 * Spec: "fault:loss=1%,dup=0.5%,corrupt=0.1%,truncate=1%,reorder=5%,by=3,delay=10ms,jitter=2ms,rate=10m,queue=100,
 * seed=7,dir=rx|xdp:eth0". A probability is a fraction or has a %; a time has ns, us, ms or s; a rate may have k, m or
 * g. Without `seed` the VI's own is used; `dir` is rx, tx or both (the default).
 *
 * Everything is decided when a packet comes to the wrapper, from the seed and the packet's number in its direction: a
 * change of one impairment leaves the decisions of the others alone. What is delayed is held here and counts as lent
 * (receive) or in flight (send), so a long delay of much traffic wants large rings. A packet held back for reordering
 * leaves after `reorder_by` later ones, or after 100 ms if they do not come. A copy, and a damaged packet to send, need
 * an empty frame: the wrapper keeps up to 64 of those that are lent through it. A damaged packet loses
 * VIA_FRAME_CSUM_OK, and while packets are damaged or cut VIA_VI_CSUM_TRUSTED is withheld.
 */
#ifndef VIA_VI_FAULT_H
#define VIA_VI_FAULT_H

#include <viaduct/vi.h>

/*
 * Sets the impairments of one direction or both of an open fault device; what is held keeps its time.
 * 0; -EINVAL for an impairment out of range, with a sentence in dev->why; -ENOMEM.
 */
int via_fault_set(struct via_vi_dev *dev, const struct via_impair *imp);

/* How many of the next frames lent through the device it would keep for copies. */
uint32_t via_fault_wants(const struct via_vi_dev *dev);

#endif
