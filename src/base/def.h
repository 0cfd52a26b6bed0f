/* SPDX-License-Identifier: BSD-2-Clause */
/* def.h - words of the compiler that every layer uses. */
#ifndef VIA_BASE_DEF_H
#define VIA_BASE_DEF_H

#include <assert.h>
#include <errno.h>
#include <viaduct/types.h>

#define VIA_LIKELY(x)   __builtin_expect(!!(x), 1)
#define VIA_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define VIA_HOT          static inline __attribute__((always_inline)) /* part of the path of every packet */
#define VIA_COLD         __attribute__((cold, noinline)) /* off the path of a packet: no registers are kept for it */
#define VIA_ALIGNED(n)  __attribute__((aligned(n)))
#define VIA_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define VIA_COUNT(a)    (sizeof(a) / sizeof((a)[0]))
#define VIA_LINE        64 /* bytes of a cache line */

#define via_container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline uint32_t via_min32(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

static inline uint32_t via_max32(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

static inline via_ns_t via_min_ns(via_ns_t a, via_ns_t b) {
    return a < b ? a : b;
}

/* A deadline `d` after `now`, saturating at VIA_NEVER. */
static inline via_ns_t via_after(via_ns_t now, via_ns_t d) {
    return d >= VIA_NEVER - now ? VIA_NEVER : now + d;
}

static inline bool via_is_pow2(uint64_t n) {
    return n && !(n & (n - 1));
}

/* The next multiple of `to`, a power of two. */
static inline uint64_t via_round_up(uint64_t n, uint64_t to) {
    return (n + to - 1) & ~(to - 1);
}

static inline uint64_t via_pow2_up(uint64_t n) {
    return n <= 1 ? 1 : 1ull << (64 - __builtin_clzll(n - 1));
}

#endif
