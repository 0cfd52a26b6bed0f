/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.h - slots of one size in the region, named by ids 1..cap. Freed slots are reused last in, first out: few, hot.
 *
 * The free ids lie in a stack of their own beside the slots, so that taking a burst is a copy and touches no slot.
 * A pool grows by whole chunks up to `cap`; ids stay base + id * size for ever.
 */
#ifndef VIA_BASE_POOL_H
#define VIA_BASE_POOL_H

#include "base/check.h"
#include "base/region.h"

struct via_pool {
    uint64_t slots; /* offset of slot 0, which is never handed out */
    uint64_t stack; /* offset of the stack of free ids */
    uint32_t size;  /* of a slot, bytes */
    uint32_t cap;   /* highest id */
    uint32_t chunk; /* growth */
    uint32_t ready; /* highest id committed */
    uint32_t free;  /* ids on the stack */
    uint32_t pad;
    uint64_t fails; /* times it had nothing to give */
};

/* Bytes that a pool takes of the region. */
uint64_t via_pool_bytes(uint32_t size, uint32_t cap);

/* Reserves and commits the first `ready` slots (0: one chunk). 0 or -ENOMEM. */
int via_pool_init(struct via_pool *p, struct via_region *r, uint32_t size, uint32_t cap, uint32_t ready);

/* Commits one more chunk; 0, or -ENOBUFS at cap, or -ENOMEM. A safe point: not in the middle of a burst. */
int via_pool_grow(struct via_pool *p, struct via_region *r);

/* Takes a slot, growing where needed; its id or 0. The contents are what the last user left; zero at first use. */
uint32_t via_pool_get(struct via_pool *p, struct via_region *r);

static inline void *via_pool_at(const struct via_pool *p, const struct via_region *r, uint32_t id) {
    VIA_ASSERT(id && id <= p->ready);
    return r->base + p->slots + (uint64_t)id * p->size;
}

static inline uint32_t *via_pool_stack(const struct via_pool *p, const struct via_region *r) {
    return (uint32_t *)(void *)(r->base + p->stack);
}

static inline void via_pool_put(struct via_pool *p, const struct via_region *r, uint32_t id) {
    VIA_ASSERT(id && id <= p->ready && p->free < p->ready);
    via_pool_stack(p, r)[p->free++] = id;
}

/* Slots in use. */
static inline uint32_t via_pool_used(const struct via_pool *p) {
    return p->ready - p->free;
}

/* Walks the stack: every free id once, all in range. For VIA_CHECK. */
bool via_pool_valid(const struct via_pool *p, const struct via_region *r);

#endif
