/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/ranges.h"

/* The first range that ends at or behind `seq`; count if none does. */
static uint32_t lower(const struct via_ranges *r, via_seq_t seq) {
    uint32_t low = 0, high = r->count;

    /* What arrives in order belongs to the last one. */
    if (high && via_seq_lt(r->at[high - 1].to, seq))
        return high;
    while (low < high) {
        uint32_t mid = (low + high) / 2;

        if (via_seq_lt(r->at[mid].to, seq))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* Puts `put` ranges in the place of `take` from index i on; there is room. */
static void replace(struct via_ranges *r, uint32_t i, uint32_t take, uint32_t put) {
    VIA_ASSERT(i + take <= r->count && r->count - take + put <= VIA_RANGES);
    if (take != put)
        memmove(r->at + i + put, r->at + i + take, (r->count - i - take) * sizeof r->at[0]);
    r->count += put - take;
}

int32_t via_ranges_add(struct via_ranges *r, via_seq_t from, via_seq_t to) {
    struct via_range wide = {from, to};
    uint32_t i, end, old = 0;

    VIA_ASSERT(via_seq_lt(from, to));
    i = lower(r, from);
    for (end = i; end < r->count && via_seq_le(r->at[end].from, to); end++) {
        wide.from = via_seq_min(wide.from, r->at[end].from);
        wide.to = via_seq_max(wide.to, r->at[end].to);
        old += via_range_len(&r->at[end]);
    }
    if (end == i && r->count == VIA_RANGES)
        return -ENOBUFS;
    replace(r, i, end - i, 1);
    r->at[i] = wide;
    VIA_CHECK(via_ranges_valid(r));
    return (int32_t)(via_range_len(&wide) - old);
}

int32_t via_ranges_remove(struct via_ranges *r, via_seq_t from, via_seq_t to) {
    uint32_t i, end, left = 0, gone = 0;
    struct via_range rest[2];

    VIA_ASSERT(via_seq_lt(from, to));
    i = lower(r, from + 1);
    for (end = i; end < r->count && via_seq_lt(r->at[end].from, to); end++) {
        struct via_range x = r->at[end];

        gone += via_range_len(&x);
        if (via_seq_lt(x.from, from)) {
            rest[left++] = (struct via_range){x.from, from};
            gone -= from - x.from;
        }
        if (via_seq_lt(to, x.to)) {
            rest[left++] = (struct via_range){to, x.to};
            gone -= x.to - to;
        }
    }
    if (left > end - i && r->count == VIA_RANGES)
        return -ENOBUFS;
    replace(r, i, end - i, left);
    memcpy(r->at + i, rest, left * sizeof rest[0]);
    VIA_CHECK(via_ranges_valid(r));
    return (int32_t)gone;
}

uint32_t via_ranges_trim(struct via_ranges *r, via_seq_t upto) {
    uint32_t i, gone = 0;

    for (i = 0; i < r->count && via_seq_le(r->at[i].to, upto); i++)
        gone += via_range_len(&r->at[i]);
    if (i < r->count && via_seq_lt(r->at[i].from, upto)) {
        gone += upto - r->at[i].from;
        r->at[i].from = upto;
    }
    replace(r, 0, i, 0);
    VIA_CHECK(via_ranges_valid(r));
    return gone;
}

const struct via_range *via_ranges_find(const struct via_ranges *r, via_seq_t seq) {
    uint32_t i = lower(r, seq + 1);

    return i < r->count && via_seq_le(r->at[i].from, seq) ? &r->at[i] : NULL;
}

bool via_ranges_contain(const struct via_ranges *r, via_seq_t from, via_seq_t to) {
    const struct via_range *x;

    if (from == to)
        return true;
    x = via_ranges_find(r, from);
    return x && via_seq_le(to, x->to);
}

bool via_ranges_hole(const struct via_ranges *r, via_seq_t from, struct via_range *at) {
    uint32_t i = lower(r, from + 1);

    at->from = from;
    if (i < r->count && via_seq_le(r->at[i].from, from))
        at->from = r->at[i++].to;
    if (i == r->count)
        return false;
    at->to = r->at[i].from;
    return true;
}

uint32_t via_ranges_sum(const struct via_ranges *r) {
    uint32_t i, sum = 0;

    for (i = 0; i < r->count; i++)
        sum += via_range_len(&r->at[i]);
    return sum;
}

bool via_ranges_valid(const struct via_ranges *r) {
    uint32_t i;

    if (r->count > VIA_RANGES)
        return false;
    for (i = 0; i < r->count; i++) {
        if (!via_seq_lt(r->at[i].from, r->at[i].to) || (i && !via_seq_lt(r->at[i - 1].to, r->at[i].from)))
            return false;
    }
    return !r->count || via_seq_lt(r->at[0].from, r->at[r->count - 1].to);
}
