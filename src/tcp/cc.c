/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/cc.h"
#include "base/check.h"

static const struct via_cc_ops *const algos[] = {
    [VIA_CC_CUBIC] = &via_cc_cubic,
    [VIA_CC_RENO] = &via_cc_reno,
    [VIA_CC_BBR] = &via_cc_bbr,
};

static_assert(VIA_COUNT(algos) == VIA_CC_ALGOS, "each algorithm has its table");

uint32_t via_cc_initial_window(uint32_t mss, bool syn_lost) {
    if (syn_lost)
        return mss;
    return via_min32(10 * mss, via_max32(2 * mss, 14600));
}

const char *via_cc_name(enum via_cc_algo algo) {
    VIA_ASSERT(algo < VIA_CC_ALGOS);
    return algos[algo]->name;
}

void via_cc_init(struct via_cc *cc, enum via_cc_algo algo, uint32_t initial) {
    VIA_ASSERT(algo < VIA_CC_ALGOS && initial);
    memset(cc, 0, sizeof *cc);
    cc->algo = (uint8_t)algo;
    cc->cwnd = cc->initial = initial;
    cc->ssthresh = VIA_CC_INFINITE;
    cc->abe = true;
    algos[algo]->init(cc);
}

static void keep_bounds(struct via_cc *cc, const struct via_cc_view *v) {
    cc->cwnd = via_min32(via_max32(cc->cwnd, v->mss), VIA_CC_CWND_MAX);
}

void via_cc_acked(struct via_cc *cc, const struct via_cc_view *v) {
    VIA_ASSERT(v->mss);
    algos[cc->algo]->acked(cc, v);
    keep_bounds(cc, v);
}

bool via_cc_has_model(const struct via_cc *cc) {
    return algos[cc->algo]->lost != NULL;
}

void via_cc_lost(struct via_cc *cc, const struct via_cc_view *v) {
    algos[cc->algo]->lost(cc, v);
    keep_bounds(cc, v);
}

static void save(struct via_cc *cc) {
    cc->old.cwnd = cc->cwnd;
    cc->old.ssthresh = cc->ssthresh;
    cc->old.u = cc->u;
    cc->undoable = true;
}

/* RFC 4015 4, RFC 9438 4.9: as if nothing had happened; what was gained since stays. */
static void undo(struct via_cc *cc) {
    if (!cc->undoable)
        return;
    cc->cwnd = via_max32(cc->cwnd, cc->old.cwnd);
    cc->ssthresh = cc->old.ssthresh;
    cc->u = cc->old.u;
    cc->slow_l = false;
    cc->undoable = false;
}

/* RFC 5681 4.1: the ACK clock has stopped. ssthresh remembers what the path carried. */
static void restart(struct via_cc *cc) {
    cc->ssthresh = via_max32(cc->ssthresh, cc->cwnd / 4 * 3);
    cc->cwnd = via_min32(cc->cwnd, cc->initial);
}

void via_cc_signal(struct via_cc *cc, const struct via_cc_view *v, enum via_cc_event what) {
    VIA_ASSERT(v->mss);
    if (via_cc_has_model(cc)) {
        algos[cc->algo]->event(cc, v, what);
        keep_bounds(cc, v);
        return;
    }
    switch (what) {
    case VIA_CC_LOSS:
    case VIA_CC_TIMEOUT:
        save(cc);
        break;
    case VIA_CC_ECN:
        cc->undoable = false;
        break;
    case VIA_CC_UNDO:
        undo(cc);
        break;
    case VIA_CC_IDLE:
        restart(cc);
        break;
    case VIA_CC_TIMEOUT_AGAIN:
        break;
    }
    cc->slow_l |= what == VIA_CC_TIMEOUT || what == VIA_CC_TIMEOUT_AGAIN;
    algos[cc->algo]->event(cc, v, what);
    keep_bounds(cc, v);
}

uint64_t via_cc_rate(const struct via_cc *cc, via_ns_t srtt) {
    uint64_t tenths = via_cc_in_slow_start(cc) ? 20 : 12;

    if (cc->rate || !srtt)
        return cc->rate;
    return cc->cwnd * tenths * (VIA_SEC / 10) / srtt;
}

bool via_cc_may_grow(const struct via_cc *cc, const struct via_cc_view *v) {
    if (v->recovering)
        return false;
    /* A window in slow start may be twice the flight, for that is what the next one will be. */
    return v->limited || (via_cc_in_slow_start(cc) && cc->cwnd / 2 < v->flight);
}

uint32_t via_cc_slow_start(struct via_cc *cc, const struct via_cc_view *v, uint32_t divisor) {
    /* RFC 3465 2.3: behind a timeout one ACK may tell of much that had arrived before it. */
    uint32_t most = cc->slow_l ? v->mss : cc->paced ? v->acked : cc->stretch * v->mss;
    uint32_t add = via_min32(v->acked, most) / divisor, room = cc->ssthresh - cc->cwnd;

    if (add < room) {
        cc->cwnd += add;
        return 0;
    }
    cc->cwnd = cc->ssthresh;
    cc->slow_l = false;
    return add - room;
}

uint32_t via_cc_reduced(const struct via_cc *cc, const struct via_cc_view *v, uint32_t percent, uint32_t floor) {
    /* Limited transmit may have stretched the flight beyond the window (RFC 5681 3.2). */
    uint64_t flight = via_min32(v->flight, cc->cwnd);

    return via_max32((uint32_t)(flight * percent / 100), floor * v->mss);
}
