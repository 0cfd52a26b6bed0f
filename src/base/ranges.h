/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ranges.h - a set of sequence numbers (modulo 2^32) as sorted, disjoint ranges that never touch; so a range is as long
 * as it can be, and between two of them there is a hole.
 *
 * All members lie within half of the circle: whoever adds has checked the numbers against a window first, and trims
 * what the window left behind. The capacity is fixed: what would need one range more is refused, and nothing changes.
 * Finding is a binary search; a change in the middle moves at most 8 * VIA_RANGES bytes. Zeroed memory is the empty
 * set.
 */
#ifndef VIA_BASE_RANGES_H
#define VIA_BASE_RANGES_H

#include "base/check.h"
#include "base/seq.h"

#define VIA_RANGES 64

/* Numbers [from, to). */
struct via_range {
    via_seq_t from, to;
};

struct via_ranges {
    uint32_t count;
    struct via_range at[VIA_RANGES];
};

static inline uint32_t via_range_len(const struct via_range *r) {
    return r->to - r->from;
}

/*
 * Adds [from, to), from before to. Returns how many numbers are new, 0 to 2^31 - 1; -ENOBUFS: it touches none of the
 * ranges, and these are VIA_RANGES.
 */
int32_t via_ranges_add(struct via_ranges *r, via_seq_t from, via_seq_t to);

/* Takes [from, to) out. Returns how many numbers were there; -ENOBUFS: it would split a range and there is no room. */
int32_t via_ranges_remove(struct via_ranges *r, via_seq_t from, via_seq_t to);

/* Forgets all numbers before `upto`. Returns how many there were. Never fails. */
uint32_t via_ranges_trim(struct via_ranges *r, via_seq_t upto);

/* The range that holds `seq`, NULL: none. Good until the next change. */
const struct via_range *via_ranges_find(const struct via_ranges *r, via_seq_t seq);

/* True if all of [from, to) is there; an empty one always is. */
bool via_ranges_contain(const struct via_ranges *r, via_seq_t from, via_seq_t to);

/*
 * The first hole at or behind `from`: at->from is the first number there that is missing, at->to the one that is
 * there again. False: a range follows no more and the hole has no end; only at->from is set.
 */
bool via_ranges_hole(const struct via_ranges *r, via_seq_t from, struct via_range *at);

/* Numbers in the set. */
uint32_t via_ranges_sum(const struct via_ranges *r);

/* Sorted, disjoint, apart, none empty, within half the circle. For VIA_CHECK. */
bool via_ranges_valid(const struct via_ranges *r);

#endif
