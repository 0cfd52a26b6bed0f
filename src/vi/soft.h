/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * soft.h - rings for drivers whose device has none: a stock of empty frames, and a queue of frames to send and sent.
 *
 * The stock is last in, first out, so that few frames stay hot. The queue is one ring with three marks: frames in
 * [sent, tail) wait for the device, those in [head, sent) are done with and wait for tx_reap. Nothing here is shared
 * with anybody; a device that cannot take a packet now leaves it in the queue and `backlog` set, and tx_reap tries
 * again.
 */
#ifndef VIA_VI_SOFT_H
#define VIA_VI_SOFT_H

#include "base/def.h"

#include <viaduct/vi.h>

struct via_soft {
    uint64_t *stock;
    uint32_t stocked, stock_max;
    struct via_frame *tx;
    uint32_t tx_mask;
    uint32_t head, sent, tail;
    uint32_t room; /* bytes of a received packet that one frame holds */
    bool backlog;
    struct via_vi_stats stats;
};

/* Parts of the packet at the head of what waits to be sent. */
struct via_soft_packet {
    struct iovec *iov; /* the caller's, `room` of them */
    uint32_t room;
    uint32_t iovs, frames, bytes; /* filled */
    uint8_t *tag;                 /* the caller's 4 bytes, for a VLAN tag to put in */
};

/* Sizes from dev->rx_ring, tx_ring, frame_size, headroom. 0 or -ENOMEM. */
int via_soft_init(struct via_soft *s, const struct via_vi_dev *dev);
void via_soft_fini(struct via_soft *s);

/* The driver's rx_fill, tx_burst and tx_reap. */
unsigned via_soft_fill(struct via_soft *s, const struct via_vi_dev *dev, const uint64_t *addr, unsigned n);
unsigned via_soft_burst(struct via_soft *s, const struct via_frame *v, unsigned n);
unsigned via_soft_reap(struct via_soft *s, uint64_t *addr, unsigned n);

/* Describes the packet `skip` frames behind `sent` for a gathering write; false: none there, or no room for it. */
bool via_soft_next(const struct via_soft *s, const struct via_vi_dev *dev, uint32_t skip, struct via_soft_packet *p);

/* Frames of the packet at `sent`: what to step over when the device refuses it. */
uint32_t via_soft_frames(const struct via_soft *s);

/* Points `iov` at the `k` topmost frames of the stock, headroom left free. */
void via_soft_scatter(const struct via_soft *s, const struct via_vi_dev *dev, struct iovec *iov, uint32_t k);

/* Takes the `k` topmost frames as a packet of `len` bytes into `v`, in the order of via_soft_scatter(). */
void via_soft_take(struct via_soft *s, const struct via_vi_dev *dev, struct via_frame *v, uint32_t len);

/* How many frames `len` bytes need: at least one. */
static inline uint32_t via_soft_need(const struct via_soft *s, uint32_t len) {
    return len <= s->room ? 1 : (len + s->room - 1) / s->room;
}

static inline bool via_soft_waits(const struct via_soft *s) {
    return s->sent != s->tail;
}

/* The first `k` frames that wait are done with. */
static inline void via_soft_done(struct via_soft *s, uint32_t k) {
    s->sent += k;
}

/* Everything that waits is lost: the link is away. */
static inline void via_soft_drop(struct via_soft *s) {
    s->stats.tx_dropped += s->tail - s->sent;
    s->sent = s->tail;
    s->backlog = false;
}

void via_vi_stats_add(struct via_vi_stats *to, const struct via_vi_stats *s);

#endif
