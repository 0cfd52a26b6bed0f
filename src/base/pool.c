/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/pool.h"

/* Committing costs about 2 us a page, and may happen while packets are worked on: small steps, not growing ones. */
#define CHUNK_BYTES (64u << 10)

static uint64_t slots_bytes(uint32_t size, uint32_t cap) {
    return via_round_up(((uint64_t)cap + 1) * size, 4096);
}

uint64_t via_pool_bytes(uint32_t size, uint32_t cap) {
    return slots_bytes(size, cap) + via_round_up((uint64_t)cap * sizeof(uint32_t), 4096) + 8192;
}

/* Makes ids ready+1 .. ready+n usable; the lowest ends on top of the stack. */
static int commit_slots(struct via_pool *p, struct via_region *r, uint32_t n) {
    uint64_t from = p->slots + (uint64_t)p->ready * p->size;
    uint64_t to = p->slots + ((uint64_t)p->ready + n + 1) * p->size;
    uint32_t *stack = via_pool_stack(p, r), i;
    int err = via_region_commit(r, from, to - from);

    if (!err)
        err = via_region_commit(r, p->stack + p->ready * sizeof *stack, n * sizeof *stack);
    if (err)
        return err;
    /* Free ids move up so that fresh ones lie below those that were used already and are warm. */
    memmove(stack + n, stack, p->free * sizeof *stack);
    for (i = 0; i < n; i++)
        stack[i] = p->ready + n - i;
    p->ready += n;
    p->free += n;
    return 0;
}

int via_pool_init(struct via_pool *p, struct via_region *r, uint32_t size, uint32_t cap, uint32_t ready) {
    memset(p, 0, sizeof *p);
    p->size = size;
    p->cap = cap;
    p->chunk = via_max32(CHUNK_BYTES / size, 16);
    p->slots = via_region_reserve(r, slots_bytes(size, cap), 4096);
    p->stack = via_region_reserve(r, via_round_up((uint64_t)cap * sizeof(uint32_t), 4096), 4096);
    if (!cap)
        return 0;
    return commit_slots(p, r, via_min32(ready ? ready : p->chunk, cap));
}

int via_pool_grow(struct via_pool *p, struct via_region *r) {
    uint32_t n = via_min32(p->chunk, p->cap - p->ready);

    return n ? commit_slots(p, r, n) : -ENOBUFS;
}

uint32_t via_pool_get(struct via_pool *p, struct via_region *r) {
    if (VIA_UNLIKELY(!p->free) && via_pool_grow(p, r) < 0) {
        p->fails++;
        return 0;
    }
    return via_pool_stack(p, r)[--p->free];
}

bool via_pool_valid(const struct via_pool *p, const struct via_region *r) {
    const uint32_t *stack = via_pool_stack(p, r);
    uint32_t i, j;

    if (p->free > p->ready || p->ready > p->cap)
        return false;
    for (i = 0; i < p->free; i++) {
        if (!stack[i] || stack[i] > p->ready)
            return false;
        for (j = i + 1; j < p->free && p->free <= 4096; j++)
            if (stack[i] == stack[j])
                return false;
    }
    return true;
}
