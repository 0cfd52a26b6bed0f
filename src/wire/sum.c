/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/sum.h"

/* Two lanes of 64 bits, on every CPU, take halves of 32 bits: no carry is lost before 2^32 words. */
typedef uint64_t lanes __attribute__((vector_size(16)));

static const lanes low_half = {0xffffffff, 0xffffffff};

static inline lanes load_lanes(const uint8_t *at) {
    lanes v;

    memcpy(&v, at, sizeof v);
    return v;
}

static inline void store_lanes(uint8_t *at, lanes v) {
    memcpy(at, &v, sizeof v);
}

/* The last `n` bytes of a run of `len`. */
static inline uint64_t add_words(uint64_t sum, const uint8_t *at, size_t n, size_t len) {
    for (; n >= 8; n -= 8, at += 8)
        sum = via_sum_plus(sum, via_load64(at));
    return n ? via_sum_plus(sum, via_sum_tail(at, n, len)) : sum;
}

uint64_t via_sum_long(uint64_t sum, const uint8_t *at, size_t len) {
    lanes a = {0}, b = {0}, c = {0}, d = {0};
    size_t n = len;

    for (; n >= 64; n -= 64, at += 64) {
        lanes w = load_lanes(at), x = load_lanes(at + 16), y = load_lanes(at + 32), z = load_lanes(at + 48);

        a += w & low_half;
        b += w >> 32;
        c += x & low_half;
        d += x >> 32;
        a += y & low_half;
        b += y >> 32;
        c += z & low_half;
        d += z >> 32;
    }
    a += b + c + d;
    return add_words(via_sum_plus(sum, a[0] + a[1]), at, n, len);
}

uint64_t via_sum_copy(uint64_t sum, void *to_, const void *from, size_t len) {
    uint8_t *to = to_;
    const uint8_t *at = from;
    lanes a = {0}, b = {0}, c = {0}, d = {0};
    size_t n = len;

    for (; n >= 32; n -= 32, at += 32, to += 32) {
        lanes x = load_lanes(at), y = load_lanes(at + 16);

        store_lanes(to, x);
        store_lanes(to + 16, y);
        a += x & low_half;
        b += x >> 32;
        c += y & low_half;
        d += y >> 32;
    }
    a += b + c + d;
    memcpy(to, at, n);
    return add_words(via_sum_plus(sum, a[0] + a[1]), at, n, len);
}
