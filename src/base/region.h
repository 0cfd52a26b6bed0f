/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * region.h - the memory of a stack: one memfd for the state, one for the frames, both mapped once at a fixed size.
 *
 * Address space is reserved whole at creation and nothing ever moves; pages are committed by chunks (fallocate(2) on
 * the memfd, so that running out of memory is a result and not a SIGBUS). Everything inside refers to everything else
 * by offset or id, never by pointer, so that other processes can map it elsewhere.
 */
#ifndef VIA_BASE_REGION_H
#define VIA_BASE_REGION_H

#include "base/def.h"

struct via_region {
    uint8_t *base;   /* state */
    uint64_t size;   /* of the state, bytes reserved */
    uint64_t used;   /* bytes handed out by via_region_reserve() */
    uint8_t *frames; /* frame area */
    uint64_t frames_size;
    int fd, frames_fd;
    bool huge;       /* the frame area lies in huge pages */
};

/*
 * Maps `size` bytes of state (sparse) and `frames_size` bytes of frames (committed). 0 or -errno, and then nothing is
 * left behind; `huge` is tried.
 */
int via_region_init(struct via_region *r, uint64_t size, uint64_t frames_size, bool huge);
void via_region_fini(struct via_region *r);

/* Hands out address space: the offset of `size` bytes aligned to `align`. The caller has summed up before init. */
uint64_t via_region_reserve(struct via_region *r, uint64_t size, uint64_t align);

/* Makes [off, off + size) usable; 0 or -ENOMEM, also beyond the region. Rounds to pages. */
int via_region_commit(struct via_region *r, uint64_t off, uint64_t size);

#endif
