/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vi_rig.h - what a driver needs around it, without a stack: a frame area, a clock to set, a pool of free frames.
 * Every frame is known to be free, lent or in flight, and a driver that gives back what it does not hold is caught.
 */
#ifndef VIA_VI_RIG_H
#define VIA_VI_RIG_H

#include <viaduct/vi.h>

struct vi_rig {
    struct via_vi_dev dev;
    via_ns_t now;
    char why[VIA_WHY];
    uint32_t frames;
    uint32_t free_n;
    uint64_t *free;  /* stack of free frames */
    uint8_t *holder; /* per frame: 0 free, 1 with the driver to receive, 2 with the test, 3 with the driver to send */
};

/* An area of `frames` frames of `frame_size` bytes and a device that is not open; fails the test on no memory. */
void vi_rig_init(struct vi_rig *r, const struct via_vi_ops *ops, uint32_t frames, uint32_t frame_size);

/* Frees the area; the device must be closed. */
void vi_rig_fini(struct vi_rig *r);

/* Lends up to `n` free frames to the driver; returns how many it took. */
unsigned vi_rig_fill(struct vi_rig *r, unsigned n);

/* Receives up to `n` frames, which are the test's from then on. */
unsigned vi_rig_recv(struct vi_rig *r, struct via_frame *v, unsigned n);

/* Gives frames back that were received or allocated. */
void vi_rig_free(struct vi_rig *r, const struct via_frame *v, unsigned n);

/* A free frame with `len` bytes of `fill` counted up by one per byte; fails the test if there is none. */
struct via_frame vi_rig_frame(struct vi_rig *r, uint32_t len, uint8_t fill);

/* Hands frames to the driver; those that were not taken stay the test's. Then rings the doorbell. */
unsigned vi_rig_send(struct vi_rig *r, const struct via_frame *v, unsigned n);

/* Collects frames that were sent, of a VIA_VI_SYNC driver all of them; returns how many. */
unsigned vi_rig_reap(struct vi_rig *r);

/* Frames with the driver: to receive (1), to send (3). */
unsigned vi_rig_held(const struct vi_rig *r, uint8_t holder);

/* First byte of a frame. */
uint8_t *vi_rig_data(const struct vi_rig *r, const struct via_frame *f);

/* Asserts that `f` holds what vi_rig_frame(len, fill) put there. */
void vi_rig_expect(const struct vi_rig *r, const struct via_frame *f, uint32_t len, uint8_t fill);

#endif
