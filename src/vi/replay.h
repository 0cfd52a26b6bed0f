/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.h - a capture file as a source of frames: what the pcap driver does at the end of a spec.
 *
 * The first frame arrives at the first rx_burst, each other one as long after it as the file says, by the stack's
 * clock, with that time as its timestamp. What is sent is swallowed. At the end of the file the link goes down; a file
 * that is broken ends there, with a sentence.
 */
#ifndef VIA_VI_REPLAY_H
#define VIA_VI_REPLAY_H

#include <viaduct/vi.h>

/*
 * The driver's verbs for a device without an inner one. Options: speed=X, times as fast; fast, without waiting.
 * Open fails with what opening the file says, -EINVAL for an option, for a file that is no capture, or whose first
 * packet is not Ethernet.
 */
int via_replay_open(struct via_vi_dev *dev, const char *args);
void via_replay_close(struct via_vi_dev *dev);
unsigned via_replay_rx_burst(struct via_vi_dev *dev, struct via_frame *v, unsigned n);
unsigned via_replay_rx_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n);
unsigned via_replay_tx_burst(struct via_vi_dev *dev, const struct via_frame *v, unsigned n);
unsigned via_replay_tx_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n);
via_ns_t via_replay_deadline(const struct via_vi_dev *dev);
bool via_replay_pending(const struct via_vi_dev *dev);
void via_replay_stats(const struct via_vi_dev *dev, struct via_vi_stats *s);

#endif
