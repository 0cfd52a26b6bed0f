/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/cc.h"

enum {
    BETA = 50,
    BETA_ECN = 80, /* RFC 8511 3.1 */
    STRETCH = 2,   /* RFC 3465 2.2 */
};

static void init(struct via_cc *cc) {
    cc->stretch = STRETCH;
}

static void acked(struct via_cc *cc, const struct via_cc_view *v) {
    uint32_t bytes = v->acked;

    if (!via_cc_may_grow(cc, v))
        return;
    if (via_cc_in_slow_start(cc))
        bytes = via_cc_slow_start(cc, v, 1);
    /* RFC 3465 2.1: a segment for each window of bytes, however many ACKs bring them. */
    cc->u.reno.credit = via_min32(cc->u.reno.credit + bytes, 2 * cc->cwnd);
    if (!via_cc_in_slow_start(cc) && cc->u.reno.credit >= cc->cwnd) {
        cc->u.reno.credit -= cc->cwnd;
        cc->cwnd += v->mss;
    }
}

static void event(struct via_cc *cc, const struct via_cc_view *v, enum via_cc_event what) {
    switch (what) {
    case VIA_CC_LOSS:
    case VIA_CC_ECN:
        cc->ssthresh = via_cc_reduced(cc, v, what == VIA_CC_ECN && cc->abe ? BETA_ECN : BETA, 2);
        cc->cwnd = cc->ssthresh;
        cc->u.reno.credit = 0;
        break;
    case VIA_CC_TIMEOUT:
        cc->ssthresh = via_cc_reduced(cc, v, BETA, 2);
        cc->cwnd = v->mss;
        cc->u.reno.credit = 0;
        break;
    case VIA_CC_TIMEOUT_AGAIN:
        cc->cwnd = v->mss;
        break;
    case VIA_CC_UNDO:
    case VIA_CC_IDLE:
        break;
    }
}

const struct via_cc_ops via_cc_reno = {
    .name = "reno",
    .init = init,
    .acked = acked,
    .event = event,
};
