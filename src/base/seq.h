/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seq.h - numbers that wrap: TCP sequence numbers and timestamps (RFC 9293 3.4, RFC 7323 5.2). `a` is before `b` if b
 * is less than 2^31 ahead of it, so all numbers that are compared with each other must lie within half the circle.
 */
#ifndef VIA_BASE_SEQ_H
#define VIA_BASE_SEQ_H

#include "base/def.h"

/* How far `a` is ahead of `b`; negative if it is behind. */
static inline int32_t via_seq_diff(via_seq_t a, via_seq_t b) {
    return (int32_t)(a - b);
}

static inline bool via_seq_lt(via_seq_t a, via_seq_t b) {
    return via_seq_diff(a, b) < 0;
}

static inline bool via_seq_le(via_seq_t a, via_seq_t b) {
    return via_seq_diff(a, b) <= 0;
}

static inline via_seq_t via_seq_max(via_seq_t a, via_seq_t b) {
    return via_seq_lt(a, b) ? b : a;
}

static inline via_seq_t via_seq_min(via_seq_t a, via_seq_t b) {
    return via_seq_lt(a, b) ? a : b;
}

/* True if x is in [from, from + len): right for every length, even beyond half the circle. */
static inline bool via_seq_in(via_seq_t x, via_seq_t from, uint32_t len) {
    return x - from < len;
}

#endif
