/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bucket.h - a token bucket in one word: the time at which it will be full again. Zeroed memory is a full bucket.
 */
#ifndef VIA_NET_BUCKET_H
#define VIA_NET_BUCKET_H

#include "base/def.h"

struct via_bucket {
    via_ns_t full; /* when all tokens are back; in the past: full */
};

/* What a bucket is measured against: one token per `every`, at most `burst` of them. `every` 0: no tokens at all. */
struct via_rate {
    via_ns_t every;
    uint32_t burst;
};

/* `per_second` tokens a second, and as many at once as come in `window`, at least one. */
static inline struct via_rate via_rate_of(uint64_t per_second, via_ns_t window) {
    struct via_rate r = {0, 0};

    if (per_second) {
        r.every = VIA_SEC / per_second;
        r.burst = (uint32_t)(1 + window / r.every);
    }
    return r;
}

/* Takes `cost` tokens if there are as many, and says whether it did. */
static inline bool via_bucket_take(struct via_bucket *b, const struct via_rate *r, uint32_t cost, via_ns_t now) {
    via_ns_t from = b->full > now ? b->full : now;

    if (!r->every || from + cost * r->every > now + r->burst * r->every)
        return false;
    b->full = from + cost * r->every;
    return true;
}

#endif
