/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CUBIC (RFC 9438) in integers: bytes, and time in 1/1024 s. Floating point would need libm for the cube root and could
 * round differently from one machine to the next, and a simulation in virtual time must repeat to the byte.
 */
#include "tcp/cc.h"

enum {
    BETA = 70,     /* RFC 9438 4.6 */
    BETA_ECN = 85, /* RFC 8511 3.1 */
    TICKS = 1024,  /* of a second */
};

#define FAR (1u << 19) /* ticks; 0.4 * 512^3 segments are more than any window */

/* The largest x with x^3 <= n. */
static uint32_t cube_root(uint64_t n) {
    uint64_t x = 0;
    int shift;

    for (shift = 21; shift >= 0; shift--) {
        uint64_t y = x + (1ull << shift);

        if (y <= 2642245 && y * y * y <= n)
            x = y;
    }
    return (uint32_t)x;
}

/* RFC 9438 4.2: K = cbrt((W_max - cwnd_epoch) / C), C = 0.4 segments per cubic second. */
static uint32_t time_to(uint32_t bytes, uint32_t mss) {
    return cube_root(((uint64_t)bytes * 5 << 29) / mss);
}

static uint64_t ticks_of(via_ns_t ns) {
    return via_min_ns(ns, 1000 * VIA_SEC) * TICKS / VIA_SEC;
}

/* RFC 9438 4.2: W_cubic(t) = C * (t - K)^3 + W_max, at least 0. */
static uint64_t w_cubic(const struct via_cubic *c, via_ns_t t, uint32_t mss) {
    int64_t off = (int64_t)ticks_of(t) - c->k;
    uint64_t d = via_min32((uint32_t)(off < 0 ? -off : off), FAR);
    uint64_t bytes = ((d * d * d >> 10) * mss / 10 * 4) >> 20;

    if (off >= 0)
        return c->w_max + bytes;
    return bytes < c->w_max ? c->w_max - bytes : 0;
}

static void init(struct via_cc *cc) {
    cc->stretch = VIA_HYSTART_STRETCH;
}

static void begin_epoch(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_cubic *c = &cc->u.cubic;

    c->epoch = v->now + !v->now;
    c->idle_at = 0;
    c->start = c->w_est = cc->cwnd;
    c->credit = c->credit_est = 0;
    c->k = 0;
    /* RFC 9438 4.8: behind a timeout, and behind a slow start that ended without loss, the plateau is here. */
    if (c->after_timeout || c->w_max <= cc->cwnd)
        c->w_max = cc->cwnd;
    else
        c->k = time_to(c->w_max - cc->cwnd, v->mss);
    if (c->prior < cc->cwnd)
        c->prior = cc->cwnd;
    c->after_timeout = false;
}

/* RFC 9438 4.3: W_est grows by alpha segments a round trip, by one from cwnd_prior on. */
static void grow_est(struct via_cc *cc, const struct via_cc_view *v, uint32_t bytes) {
    struct via_cubic *c = &cc->u.cubic;
    uint64_t unit = 17ull * cc->cwnd;

    /* alpha = 3 * (1 - beta) / (1 + beta) = 9/17 */
    c->credit_est += (uint64_t)bytes * v->mss * (c->w_est < c->prior ? 9 : 17);
    c->w_est = (uint32_t)via_min_ns(c->w_est + c->credit_est / unit, VIA_CC_CWND_MAX);
    c->credit_est %= unit;
}

/* RFC 9438 4.4, 4.5: (target - cwnd) / cwnd for each acknowledged byte; target is where the curve is in a round trip.
 */
static void grow_cubic(struct via_cc *cc, const struct via_cc_view *v, uint32_t bytes) {
    struct via_cubic *c = &cc->u.cubic;
    uint64_t target = w_cubic(c, v->now - c->epoch + v->srtt, v->mss), most = cc->cwnd + cc->cwnd / 2;

    if (target <= cc->cwnd)
        return;
    c->credit += via_min32(bytes, cc->cwnd) * (via_min_ns(target, most) - cc->cwnd);
    most = c->credit / cc->cwnd;
    c->credit %= cc->cwnd;
    cc->cwnd += (uint32_t)most;
}

static void avoid(struct via_cc *cc, const struct via_cc_view *v, uint32_t bytes) {
    struct via_cubic *c = &cc->u.cubic;

    if (!c->epoch)
        begin_epoch(cc, v);
    if (c->idle_at) {
        /* RFC 9438 5.8: time in which cwnd was not used does not count. */
        c->epoch += v->now - c->idle_at;
        c->idle_at = 0;
    }
    grow_est(cc, v, bytes);
    if (w_cubic(c, v->now - c->epoch, v->mss) < c->w_est)
        cc->cwnd = via_max32(cc->cwnd, c->w_est);
    else
        grow_cubic(cc, v, bytes);
}

static uint32_t start_slowly(struct via_cc *cc, const struct via_cc_view *v) {
    enum via_hystart_verdict verdict = VIA_HYSTART_FAST;

    /* RFC 9406 4.3: the first slow start alone. */
    if (cc->ssthresh == VIA_CC_INFINITE)
        verdict = via_hystart_acked(&cc->hystart, v->rtt, v->una, v->nxt);
    if (verdict == VIA_HYSTART_DONE) {
        cc->ssthresh = cc->cwnd;
        return v->acked;
    }
    return via_cc_slow_start(cc, v, verdict == VIA_HYSTART_SLOW ? VIA_HYSTART_DIVISOR : 1);
}

static void acked(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_cubic *c = &cc->u.cubic;
    uint32_t bytes = v->acked;

    if (!via_cc_may_grow(cc, v)) {
        if (c->epoch && !c->idle_at && !v->recovering)
            c->idle_at = v->now;
        return;
    }
    if (via_cc_in_slow_start(cc))
        bytes = start_slowly(cc, v);
    if (!via_cc_in_slow_start(cc) && bytes)
        avoid(cc, v, bytes);
}

/* RFC 9438 4.6, 4.7. */
static void reduce(struct via_cc *cc, const struct via_cc_view *v, uint32_t percent) {
    struct via_cubic *c = &cc->u.cubic;

    c->w_max = cc->cwnd < c->w_max ? (uint32_t)((uint64_t)cc->cwnd * (100 + BETA) / 200) : cc->cwnd;
    c->prior = cc->cwnd;
    c->epoch = 0;
    cc->ssthresh = via_cc_reduced(cc, v, percent, 2);
}

static void event(struct via_cc *cc, const struct via_cc_view *v, enum via_cc_event what) {
    struct via_cubic *c = &cc->u.cubic;

    switch (what) {
    case VIA_CC_LOSS:
    case VIA_CC_ECN:
        reduce(cc, v, what == VIA_CC_ECN && cc->abe ? BETA_ECN : BETA);
        cc->cwnd = cc->ssthresh;
        break;
    case VIA_CC_TIMEOUT:
        reduce(cc, v, BETA);
        c->after_timeout = true;
        cc->cwnd = v->mss;
        break;
    case VIA_CC_TIMEOUT_AGAIN:
        c->epoch = 0;
        cc->cwnd = v->mss;
        break;
    case VIA_CC_IDLE:
        c->epoch = 0;
        break;
    case VIA_CC_UNDO:
        break;
    }
}

const struct via_cc_ops via_cc_cubic = {
    .name = "cubic",
    .init = init,
    .acked = acked,
    .event = event,
};
