/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wrap.h - what a wrapper does where it changes nothing: it looks like the device behind it and hands calls on. The
 * functions fit the table of a driver; verbs that the device behind leaves out do what their absence means.
 */
#ifndef VIA_VI_WRAP_H
#define VIA_VI_WRAP_H

#include "base/def.h"

#include <viaduct/vi.h>

/* MAC, link, MTU, caps, names and mode of dev->inner. */
void via_wrap_look(struct via_vi_dev *dev);

unsigned via_wrap_rx_fill(struct via_vi_dev *dev, const uint64_t *addr, unsigned n);
unsigned via_wrap_tx_reap(struct via_vi_dev *dev, uint64_t *addr, unsigned n);
int via_wrap_kick(struct via_vi_dev *dev);
int via_wrap_arm(struct via_vi_dev *dev);
void via_wrap_disarm(struct via_vi_dev *dev);
unsigned via_wrap_fds(struct via_vi_dev *dev, int *fd, unsigned n);
via_ns_t via_wrap_deadline(struct via_vi_dev *dev);
bool via_wrap_pending(const struct via_vi_dev *dev);
int via_wrap_filter(struct via_vi_dev *dev, bool add, const struct via_filter *f);

#endif
