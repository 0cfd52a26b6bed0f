/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vi.h - a virtual interface as the stack sees it: bursts of packets over a driver's bursts of frames.
 *
 * This file turns frames into packets and back, keeps the device stocked with empty frames, stages what is to be sent
 * so that a device hears of a whole batch with one doorbell, and collects what was sent. It validates everything that
 * comes out of a ring.
 */
#ifndef VIA_VI_VI_H
#define VIA_VI_VI_H

#include "vi/pkt.h"

#include <viaduct/vi.h>

#define VIA_STAGE 64 /* frames staged before the driver is called */

struct via_vi {
    struct via_core *core;
    struct via_stack *stack;
    struct via_vi_dev *dev; /* outermost wrapper */
    uint8_t index;          /* interface number */
    bool raw;               /* the application does the I/O */
    bool unkicked;          /* frames were handed over since the last doorbell */
    bool stuck;             /* the device did not take all that is staged */
    uint32_t stock;         /* empty frames lent */
    uint32_t stock_max;     /* as many as it takes */
    uint32_t flight;        /* frames handed over and not reaped */
    uint32_t tokens;        /* of them, those whose completion somebody waits for */
    uint32_t batch;         /* sent frames are collected, and empty ones lent, so many at a time */
    uint32_t staged;
    struct via_list txq; /* packets that wait for the stage */
    uint32_t txq_len;    /* their frames */
    struct via_list injected;
    struct via_frame stage[VIA_STAGE];
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes, tx_fails;
};

/* Opens a spec (driver, or wrappers and a driver) for `st`; the device is stocked. 0 or -errno with a sentence. */
int via_vi_start(struct via_core *c, const char *spec, const struct via_attrs *attrs, struct via_vi **out);
/* The same for one driver with its own `priv`. */
int via_vi_start_ops(struct via_core *c, const struct via_vi_ops *ops, void *priv, const struct via_attrs *attrs,
                     struct via_vi **out);
/* Takes it down; packets in flight and frames lent come back to the pool. */
void via_vi_stop(struct via_vi *vi);

/* Impairs the traffic from the next packet on; what net believes of the device is to be looked at again. */
int via_vi_spoil(struct via_vi *vi, const struct via_impair *imp);

/* The innermost driver's device. */
static inline struct via_vi_dev *via_vi_inner(const struct via_vi *vi) {
    struct via_vi_dev *d = vi->dev;

    while (d->inner)
        d = d->inner;
    return d;
}

/* Takes up to `n` frames off the device, none of which was looked at yet. */
static inline unsigned via_vi_frames(struct via_vi *vi, struct via_frame *f, unsigned n) {
    unsigned got = vi->dev->ops->rx_burst(vi->dev, f, n);

    if (VIA_UNLIKELY(vi->dev->inner != NULL))
        vi->dev->link = via_vi_inner(vi)->link;
    return got;
}

/* The packet of a frame that a ring named: in range, lent to this very device, within its frame. Else NULL. */
static inline struct via_pkt *via_vi_lent(const struct via_vi *vi, const struct via_frame *f) {
    const struct via_core *c = vi->core;
    uint64_t id = f->addr >> c->frame_shift;
    struct via_pkt *p = c->pkts + id;

    if (VIA_UNLIKELY(id - 1 >= c->frame_count || (f->addr & (c->frame_size - 1)) + f->len > c->frame_size) ||
        VIA_UNLIKELY(p->owner != VIA_OWNER_RING || p->vi != vi->index))
        return NULL;
    return p;
}

/* What was lent is ours again: a packet of `len` bytes, behind the first `skip` of the frame. */
static inline void via_vi_accept(struct via_vi *vi, struct via_pkt *p, const struct via_frame *f, uint32_t skip,
                                 uint32_t len) {
    const struct via_core *c = vi->core;
    uint16_t off = (uint16_t)((f->addr & (c->frame_size - 1)) + skip);

    via_pkt_reset(p, (uint32_t)(f->addr >> c->frame_shift), off);
    p->len = (uint16_t)len;
    p->total = len;
    p->ts = VIA_UNLIKELY(f->flags & VIA_FRAME_TS) ? f->ts : c->s->now;
    p->flags = (uint8_t)((f->flags & VIA_FRAME_CSUM_OK) / (VIA_FRAME_CSUM_OK / VIA_PKT_CSUM_OK));
    p->vi = vi->index;
    vi->stock--;
}

/* A packet is more than the bytes of one frame. */
static inline bool via_vi_is_special(const struct via_frame *f) {
    return f->flags & (VIA_FRAME_MORE | VIA_FRAME_VLAN | VIA_FRAME_TRUNC);
}

/*
 * The packet at the first of `n` frames: one of several frames, or cut, or with its tag taken off. Returns how many
 * frames it was; *out is NULL, and counted, if they were nonsense.
 */
unsigned via_vi_special(struct via_vi *vi, const struct via_frame *f, unsigned n, struct via_pkt **out);

/* Has a whole batch on its way from memory before the first of it is touched. */
void via_vi_prefetch(const struct via_core *c, const struct via_frame *f, unsigned n);

/*
 * Takes packets of `n` frames together at most, but the first one however long it is; chains are whole, each packet has
 * owner BURST, its length, time and interface number.
 */
unsigned via_vi_pull(struct via_vi *vi, struct via_pkt **v, unsigned n);

/* The same by one burst of `n` frames, as the driver gives it: it keeps long packets whole for 64 and more alone. */
unsigned via_vi_burst(struct via_vi *vi, struct via_pkt **v, unsigned n);

/* Puts the last `n` packets of a pull back, to be pulled again first. */
void via_vi_unpull(struct via_vi *vi, struct via_pkt *const *v, unsigned n);

/* True while `frames` more would fit: the TX ring and the queue before it are not full. */
static inline bool via_vi_has_room(const struct via_vi *vi, uint32_t frames) {
    return vi->flight + vi->staged + vi->txq_len + frames <= vi->dev->tx_ring;
}

/* True if one frame can be put on the stage just so: the link is up, nothing waits in front, there is room. */
static inline bool via_vi_is_open(const struct via_vi *vi) {
    return !(vi->txq.head | vi->dev->link) && vi->staged < VIA_STAGE && vi->flight + vi->staged < vi->dev->tx_ring;
}

/* Puts `len` bytes of the frame of `p` on the stage, wherever its descriptor says that it begins. */
static inline void via_vi_put(struct via_vi *vi, struct via_pkt *p, const uint8_t *at, uint32_t len, uint16_t flags) {
    struct via_core *c = vi->core;
    struct via_frame *f = &vi->stage[vi->staged++];

    VIA_ASSERT(!(p->flags & VIA_PKT_CLONE) && p->frame == (uint64_t)(at - c->frames) >> c->frame_shift);
    f->addr = (uint64_t)(at - c->frames);
    f->len = len;
    f->flags = flags;
    f->vlan = 0;
    f->ts = 0;
    p->owner = VIA_OWNER_FLIGHT;
    p->flags |= VIA_PKT_FLIGHT;
    p->vi = vi->index;
    c->busy |= 1u << vi->index;
}

/* Puts one part of a packet on the stage; there is room. */
static inline void via_vi_stage(struct via_vi *vi, struct via_pkt *p, uint16_t more) {
    uint32_t sound = (p->flags & VIA_PKT_CSUM_OK) * (VIA_FRAME_CSUM_OK / VIA_PKT_CSUM_OK);

    vi->tokens += (p->flags / VIA_PKT_TOKEN) & 1u;
    via_vi_put(vi, p, via_pkt_data(vi->core, p), p->len, (uint16_t)(more | sound));
}

/* The general form; via_vi_push() is the one to call. */
enum via_drop via_vi_push_any(struct via_vi *vi, struct via_pkt *p);

/* Queues a whole Ethernet frame for sending; the packet is the VI's from here. 0, or why it was dropped. */
static inline enum via_drop via_vi_push(struct via_vi *vi, struct via_pkt *p) {
    if (VIA_UNLIKELY(p->chain || !via_vi_is_open(vi)))
        return via_vi_push_any(vi, p);
    vi->tx_packets++;
    vi->tx_bytes += p->len;
    via_vi_stage(vi, p, 0);
    return VIA_KEPT;
}

/* Hands staged frames over and rings the doorbell if any are new. 0 or -errno of the device. */
int via_vi_flush(struct via_vi *vi);

/* True if there is anything to flush. */
static inline bool via_vi_unflushed(const struct via_vi *vi) {
    return vi->staged || vi->unkicked || vi->txq.head;
}

/* Collect now? At once where a token waits or there is nothing else to do (`idle`), else by the batch. */
static inline bool via_vi_wants_collect(const struct via_vi *vi, bool idle) {
    return vi->flight >= (idle || vi->tokens ? 1 : vi->batch);
}

static inline bool via_vi_wants_stock(const struct via_vi *vi) {
    return vi->stock + vi->batch <= vi->stock_max;
}

/* Collects sent frames: releases packets, moves completed tokens to the done list. How many. */
unsigned via_vi_collect(struct via_vi *vi);

/* Lends empty frames to the device as far as the pool has them. */
void via_vi_stock(struct via_vi *vi);

#endif
