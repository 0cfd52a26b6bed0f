/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sum.h - the Internet checksum (RFC 1071, RFC 1624).
 *
 * A running sum is 64 bits wide with end-around carry, over words as they lie in memory: the order of bytes does not
 * matter until the end, and 2^64-1 is a multiple of 2^16-1. Start with 0, or with via_sum_pseudo(). A sum of anything
 * but zero bytes is never 0 again, so the two zeros of one's complement cannot be confused before the end.
 * 16-bit checksums are in wire order: move them with via_load16() and via_store16(), never by value.
 *
 * Every piece but the last must have even length; via_sum_join() takes pieces that begin at an odd offset.
 */
#ifndef VIA_WIRE_SUM_H
#define VIA_WIRE_SUM_H

#include "wire/bytes.h"

/* One's complement addition of running sums. */
static inline uint64_t via_sum_plus(uint64_t a, uint64_t b) {
    a += b;
    return a + (a < b);
}

/* Of any length; via_sum_add() is the one to call. */
uint64_t via_sum_long(uint64_t sum, const uint8_t *at, size_t len);

/* Copies `len` bytes that do not overlap and returns `sum` plus their sum: one pass over memory. */
uint64_t via_sum_copy(uint64_t sum, void *to, const void *from, size_t len);

/* The last `n` < 8 bytes of a run of `len`, as a word padded with zeros behind. */
static inline uint64_t via_sum_tail(const uint8_t *at, size_t n, size_t len) {
    uint8_t word[8] = {0};

    if (VIA_LIKELY(len >= 8)) {
        uint64_t w = via_load64(at + n - 8);
        return VIA_LITTLE ? w >> (64 - 8 * n) : w << (64 - 8 * n);
    }
    if (n & 4)
        memcpy(word, at, 4);
    if (n & 2)
        memcpy(word + (n & 4), at + (n & 4), 2);
    if (n & 1)
        word[n - 1] = at[n - 1];
    return via_load64(word);
}

static inline uint64_t via_sum_add(uint64_t sum, const void *p, size_t len) {
    const uint8_t *at = p;
    size_t n = len;

    if (len > 64)
        return via_sum_long(sum, at, len);
    for (; n >= 16; n -= 16, at += 16) {
        uint64_t a = via_load64(at), b = via_load64(at + 8);
        sum = via_sum_plus(sum, via_sum_plus(a, b));
    }
    if (n >= 8) {
        sum = via_sum_plus(sum, via_load64(at));
        at += 8;
        n -= 8;
    }
    return n ? via_sum_plus(sum, via_sum_tail(at, n, len)) : sum;
}

/* Adds the sum of a piece; `odd`: an odd number of bytes lies before it (RFC 1071 2(B): bytes swap). */
static inline uint64_t via_sum_join(uint64_t sum, uint64_t piece, bool odd) {
    return via_sum_plus(sum, odd ? piece << 8 | piece >> 56 : piece);
}

/* Sixteen bits, not complemented. 0 only if everything summed was zero. */
static inline uint16_t via_sum_fold(uint64_t sum) {
    uint32_t s = (uint32_t)sum + (uint32_t)(sum >> 32);

    s += s < (uint32_t)sum;
    s = (s & 0xffff) + (s >> 16);
    return (uint16_t)(s + (s >> 16));
}

/* The same of a sum below 2^32. */
static inline uint16_t via_sum_fold32(uint32_t s) {
    s = (s & 0xffff) + (s >> 16);
    return (uint16_t)(s + (s >> 16));
}

/* The checksum to store; the field was zero, or left out, when it was summed. */
static inline uint16_t via_sum_end(uint64_t sum) {
    return (uint16_t)~via_sum_fold(sum);
}

/* The same for UDP, where 0 means "none" and 0xffff stands for 0 (RFC 768). */
static inline uint16_t via_sum_end_udp(uint64_t sum) {
    uint16_t s = via_sum_end(sum);

    return s ? s : 0xffff;
}

/* True if `sum` over everything, the checksum too, shows no error. */
static inline bool via_sum_ok(uint64_t sum) {
    return via_sum_fold(sum) == 0xffff;
}

/*
 * The pseudo-header of UDP, TCP and ICMPv6 (RFC 9293 3.1, RFC 8200 8.1), of either family: the ::ffff of a mapped
 * address is a zero of one's complement, so that both spellings have the same sum.
 */
static inline uint64_t via_sum_pseudo(const struct via_addr *src, const struct via_addr *dst, uint8_t proto,
                                      uint32_t len) {
    uint64_t a = via_sum_plus(via_load64(src->b), via_load64(src->b + 8));
    uint64_t b = via_sum_plus(via_load64(dst->b), via_load64(dst->b + 8));

    return via_sum_plus(via_sum_plus(a, b), (uint64_t)htonl(len) + htonl(proto));
}

/* The checksum after a 16-bit field went from `old` to `new` (RFC 1624, equation 3); all three in wire order. */
static inline uint16_t via_sum_update16(uint16_t sum, uint16_t old, uint16_t new) {
    return via_sum_end((uint64_t)(uint16_t)~sum + (uint16_t)~old + new);
}

static inline uint16_t via_sum_update32(uint16_t sum, uint32_t old, uint32_t new) {
    return via_sum_end((uint64_t)(uint16_t)~sum + (uint32_t)~old + new);
}

#endif
