/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/blocks.h"

static void remember(struct via_blocks *b, via_seq_t seq) {
    const struct via_range *x = via_ranges_find(&b->got, seq);
    uint32_t i, n = 1;
    via_seq_t kept[VIA_TCP_SACKS] = {seq};

    for (i = 0; i < b->recents && n < VIA_TCP_SACKS; i++) {
        const struct via_range *y = via_ranges_find(&b->got, b->recent[i]);

        if (y && y != x)
            kept[n++] = b->recent[i];
    }
    memcpy(b->recent, kept, sizeof kept);
    b->recents = n;
}

void via_blocks_duplicate(struct via_blocks *b, via_seq_t from, via_seq_t to) {
    b->dup = (struct via_range){from, to};
    b->dups = 1;
}

/* The part of [from, to) that is there, from the front (RFC 2883 4.2: the first duplicate of the segment). */
static void find_duplicate(struct via_blocks *b, via_seq_t from, via_seq_t to) {
    const struct via_range *x = via_ranges_find(&b->got, from);
    struct via_range hole;

    if (x) {
        via_blocks_duplicate(b, from, via_seq_min(x->to, to));
    } else if (via_ranges_hole(&b->got, from, &hole) && via_seq_lt(hole.to, to)) {
        x = via_ranges_find(&b->got, hole.to);
        via_blocks_duplicate(b, hole.to, via_seq_min(x->to, to));
    }
}

int32_t via_blocks_add(struct via_blocks *b, via_seq_t from, via_seq_t to) {
    struct via_range dup = b->dup;
    uint32_t dups = b->dups;
    int32_t fresh;

    find_duplicate(b, from, to);
    fresh = via_ranges_add(&b->got, from, to);
    if (fresh < 0) {
        b->dup = dup;
        b->dups = dups;
        return fresh;
    }
    remember(b, from);
    return fresh;
}

via_seq_t via_blocks_advance(struct via_blocks *b, via_seq_t next) {
    via_ranges_trim(&b->got, next);
    if (b->got.count && b->got.at[0].from == next) {
        next = b->got.at[0].to;
        via_ranges_trim(&b->got, next);
    }
    return next;
}

bool via_blocks_prune(struct via_blocks *b, struct via_range *gone) {
    if (!b->got.count)
        return false;
    *gone = b->got.at[--b->got.count];
    return true;
}

void via_blocks_report(struct via_blocks *b, struct via_tcp_opts *o, uint32_t max) {
    const struct via_range *told[VIA_TCP_SACKS];
    uint32_t i, k, n = 0, ranges = 0;

    if (b->dups && n < max) {
        o->sack[n++] = (struct via_tcp_block){b->dup.from, b->dup.to};
        b->dups = 0;
    }
    for (i = 0; i < b->recents && n < max; i++) {
        const struct via_range *x = via_ranges_find(&b->got, b->recent[i]);

        for (k = 0; x && k < ranges; k++)
            x = told[k] == x ? NULL : x;
        if (!x)
            continue;
        told[ranges++] = x;
        o->sack[n++] = (struct via_tcp_block){x->from, x->to};
    }
    o->sacks = (uint8_t)n;
    if (n)
        o->has |= VIA_TCP_SACK;
}
