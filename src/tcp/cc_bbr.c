/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BBR, version 3 (draft-ietf-ccwg-bbr): a model of the path, its bandwidth and its shortest round trip, tells how fast
 * and how much to send; what a loss or a mark says bounds the model. Sections below are of that draft. Rates are bytes
 * per second, gains are percent, 0 stands for "no bound" or "unknown" where the draft has infinity.
 */
#include "tcp/cc.h"
#include "tcp/sample.h"

enum { STARTUP, DRAIN, DOWN, CRUISE, REFILL, UP, PROBE_RTT };

/* What the ACKs that come now were caused by. */
enum { ACKS_INIT, ACKS_REFILLING, ACKS_STARTING, ACKS_FEEDBACK, ACKS_STOPPING };

enum {
    LOSS_THRESH = 2,   /* percent of a flight */
    BETA = 70,         /* percent that is left after a loss */
    HEADROOM = 85,     /* percent of the bound that is used in CRUISE */
    MARGIN = 99,       /* percent of the bandwidth that is sent at: the queue drains */
    MIN_PIPE = 4,      /* segments */
    FULL_ROUNDS = 3,   /* without growth */
    FULL_LOSSES = 6,   /* in a round of Startup */
    MARKED_ROUNDS = 2, /* of Startup */
    FILTER_ROUNDS = 10,
    RENO_ROUNDS = 63,
};

#define MIN_RTT_WINDOW  (10 * VIA_SEC)
#define PROBE_RTT_EVERY (5 * VIA_SEC)
#define PROBE_RTT_TIME  (200 * VIA_MS)
#define PROBE_WAIT      (2 * VIA_SEC) /* and up to one more */

static const uint16_t pacing_gain[] = {[STARTUP] = 277, [DRAIN] = 50, [DOWN] = 90,      [CRUISE] = 100,
                                       [REFILL] = 100,  [UP] = 125,   [PROBE_RTT] = 100};
static const uint16_t cwnd_gain[] = {[STARTUP] = 200, [DRAIN] = 200, [DOWN] = 200,     [CRUISE] = 200,
                                     [REFILL] = 200,  [UP] = 225,    [PROBE_RTT] = 50};

static struct via_bbr *bbr_of(struct via_cc *cc) {
    return &cc->bbr;
}

static uint64_t max64(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static bool is_probing_bw(const struct via_bbr *b) {
    return b->state == STARTUP || b->state == REFILL || b->state == UP;
}

static bool in_probe_bw(const struct via_bbr *b) {
    return b->state >= DOWN && b->state <= UP;
}

static uint64_t max_bw(const struct via_bbr *b) {
    return max64(b->max_bw[0], b->max_bw[1]);
}

/* 4.6.1: what the model believes, bounded by what congestion told. */
static uint64_t bw_of(const struct via_bbr *b) {
    return b->bw_short ? via_min_ns(max_bw(b), b->bw_short) : max_bw(b);
}

static uint32_t min_pipe(const struct via_cc_view *v) {
    return MIN_PIPE * v->mss;
}

static uint32_t clamp32(uint64_t x) {
    return (uint32_t)via_min_ns(x, VIA_CC_CWND_MAX);
}

/* 4.6.4.2: bytes that fill the path `percent` times; never so few that ACKs stop. */
static uint32_t bdp(const struct via_cc *cc, uint32_t percent) {
    const struct via_bbr *b = &cc->bbr;
    uint64_t us = b->min_rtt / VIA_US;

    if (!b->min_rtt)
        return cc->initial;
    return clamp32(via_min_ns(bw_of(b), 1ull << 40) / 1000 * (us ? us : 1) / 1000 * percent / 100);
}

static uint32_t quantized(const struct via_cc *cc, const struct via_cc_view *v, uint64_t inflight) {
    uint64_t burst = via_min_ns(cc->rate / 1000, 65536);

    inflight = max64(inflight, 3 * max64(burst, 2 * v->mss));
    inflight = max64(inflight, min_pipe(v));
    if (cc->bbr.state == UP)
        inflight += 2 * v->mss;
    return clamp32(inflight);
}

static uint32_t inflight_of(const struct via_cc *cc, const struct via_cc_view *v, uint32_t percent) {
    return quantized(cc, v, bdp(cc, percent));
}

static uint32_t target(const struct via_cc *cc) {
    return via_min32(bdp(cc, 100), cc->cwnd);
}

static uint32_t with_headroom(const struct via_bbr *b, const struct via_cc_view *v) {
    uint32_t room;

    if (!b->inflight_long)
        return VIA_CC_CWND_MAX;
    room = via_max32(v->mss, (uint32_t)((uint64_t)b->inflight_long * (100 - HEADROOM) / 100));
    return via_max32(b->inflight_long > room ? b->inflight_long - room : 0, min_pipe(v));
}

/* Pseudo-random, for what must only not be in step with others. */
static uint32_t draw(struct via_bbr *b) {
    b->seed = b->seed * 1664525u + 1013904223u;
    return b->seed >> 8;
}

static uint32_t us_of(via_ns_t t) {
    return (uint32_t)(t / VIA_US);
}

/* Time since a stamp; stamps wrap after more than an hour, far beyond what they are compared with. */
static via_ns_t since(const struct via_cc_view *v, uint32_t stamp) {
    return (us_of(v->now) - stamp) * VIA_US;
}

static void start_round(struct via_bbr *b, const struct via_cc_view *v) {
    b->round_end = v->rs->total;
}

static void reset_full_bw(struct via_bbr *b) {
    b->full_bw = 0;
    b->full_rounds = 0;
    b->full_now = false;
}

static void reset_short_term(struct via_bbr *b) {
    b->bw_short = 0;
    b->inflight_short = 0;
}

/* 4.3.3.6. */
static void raise_slope(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);
    uint64_t growth = (uint64_t)v->mss << b->up_rounds;

    b->up_rounds = (uint8_t)via_min32(b->up_rounds + 1u, 30);
    b->up_every = via_max32((uint32_t)(cc->cwnd / growth), 1);
}

static void start_down(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);

    b->loss_in_round = false;
    b->bw_latest = 0;
    b->inflight_latest = 0;
    b->up_every = UINT32_MAX;
    b->rounds = (uint16_t)(draw(b) & 1);
    b->wait = us_of(PROBE_WAIT + draw(b) % 1024 * (VIA_SEC / 1024));
    b->cycle_at = us_of(v->now);
    b->acks = ACKS_STOPPING;
    start_round(b, v);
    b->state = DOWN;
}

static void start_refill(struct via_bbr *b, const struct via_cc_view *v) {
    reset_short_term(b);
    b->up_rounds = 0;
    b->up_acked = 0;
    b->acks = ACKS_REFILLING;
    start_round(b, v);
    b->state = REFILL;
}

static void start_up(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);

    b->acks = ACKS_STARTING;
    start_round(b, v);
    reset_full_bw(b);
    b->full_bw = via_sample_rate(v->rs);
    b->cycle_at = us_of(v->now);
    b->state = UP;
    raise_slope(cc, v);
}

/* 4.5.10. */
static bool is_too_high(const struct via_sample *rs) {
    return rs->lost > (uint64_t)rs->flight * LOSS_THRESH / 100;
}

static void handle_too_high(struct via_cc *cc, const struct via_cc_view *v, uint32_t flight, bool limited) {
    struct via_bbr *b = bbr_of(cc);

    b->samples = false;
    if (!limited)
        b->inflight_long = via_max32(flight, (uint32_t)((uint64_t)target(cc) * BETA / 100));
    if (b->state == UP)
        start_down(cc, v);
}

/* The flight at which the loss rate crossed the threshold, by the segment that crossed it. */
static uint32_t flight_at_loss(const struct via_cc_view *v) {
    uint32_t size = v->lost, flight = v->rs->flight > size ? v->rs->flight - size : 0;
    uint32_t lost = v->rs->lost > size ? v->rs->lost - size : 0;
    int64_t prefix = ((int64_t)flight * LOSS_THRESH / 100 - lost) * 100 / (100 - LOSS_THRESH);

    return flight + (prefix > 0 ? (uint32_t)prefix : 0);
}

static void lost(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);

    b->loss_in_round = true;
    b->losses = (uint8_t)via_min32(b->losses + 1u, UINT8_MAX);
    b->lost = clamp32((uint64_t)b->lost + v->lost);
    if (b->samples && is_too_high(v->rs))
        handle_too_high(cc, v, flight_at_loss(v), v->rs->limited);
}

static void update_round(struct via_bbr *b, const struct via_cc_view *v) {
    const struct via_sample *rs = v->rs;

    b->round_start = rs->prior_at && (int32_t)(rs->prior - b->round_end) >= 0;
    if (!b->round_start)
        return;
    start_round(b, v);
    b->rounds = (uint16_t)via_min32(b->rounds + 1u, UINT16_MAX);
    if (++b->extra_rounds < (b->full_reached ? FILTER_ROUNDS : 1))
        return;
    b->extra_rounds = 0;
    b->extra[1] = b->extra[0];
    b->extra[0] = 0;
}

static void update_max_bw(struct via_bbr *b, const struct via_cc_view *v) {
    uint64_t rate = via_sample_rate(v->rs);

    if (rate && (rate >= max_bw(b) || !v->rs->limited))
        b->max_bw[0] = max64(b->max_bw[0], rate);
}

/* 4.5.10.3: losses while it was not probing bound the model for the short term. */
static void adapt_lower_bounds(struct via_cc *cc) {
    struct via_bbr *b = bbr_of(cc);

    if (is_probing_bw(b) || !b->loss_in_round)
        return;
    if (!b->bw_short)
        b->bw_short = max_bw(b);
    if (!b->inflight_short)
        b->inflight_short = cc->cwnd;
    b->bw_short = max64(b->bw_latest, b->bw_short * BETA / 100);
    b->inflight_short = via_max32(b->inflight_latest, (uint32_t)((uint64_t)b->inflight_short * BETA / 100));
}

static void update_signals(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);
    const struct via_sample *rs = v->rs;

    b->bw_latest = max64(b->bw_latest, via_sample_rate(rs));
    b->inflight_latest = via_max32(b->inflight_latest, rs->delivered);
    b->loss_round_start = rs->prior_at && (int32_t)(rs->prior - b->loss_round_end) >= 0;
    if (b->loss_round_start)
        b->loss_round_end = rs->total;
    update_round(b, v);
    update_max_bw(b, v);
    if (v->marks) {
        b->loss_in_round = true;
        b->marked = true;
    }
    if (b->loss_round_start)
        adapt_lower_bounds(cc);
}

/* After everything has looked: the next round's figures begin with this sample. */
static void end_signals(struct via_bbr *b, const struct via_cc_view *v) {
    if (!b->loss_round_start)
        return;
    b->bw_latest = via_sample_rate(v->rs);
    b->inflight_latest = v->rs->delivered;
    b->loss_in_round = false;
    b->marked = false;
    b->losses = 0;
    b->lost = 0;
}

/* 4.5.9: ACKs come in bunches, and what they may tell of at once must be under way beside the rest. */
static void update_aggregation(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);
    uint64_t expected = bw_of(b) / 1000 * (since(v, b->extra_at) / VIA_US) / 1000;

    if (b->extra_delivered <= expected) {
        b->extra_delivered = 0;
        b->extra_at = us_of(v->now);
        expected = 0;
    }
    b->extra_delivered = clamp32((uint64_t)b->extra_delivered + v->acked);
    b->extra[0] = via_max32(b->extra[0], via_min32((uint32_t)(b->extra_delivered - expected), cc->cwnd));
}

/* 4.3.1.2: no growth by a quarter in three rounds. */
static void check_full_bw(struct via_bbr *b, const struct via_cc_view *v) {
    uint64_t rate = via_sample_rate(v->rs);

    if (b->full_now || !b->round_start || v->rs->limited)
        return;
    if (rate >= b->full_bw + b->full_bw / 4) {
        reset_full_bw(b);
        b->full_bw = rate;
        return;
    }
    b->full_now = ++b->full_rounds >= FULL_ROUNDS;
    b->full_reached |= b->full_now;
}

/* 4.3.1.3: losses, and marks, end Startup too. */
static void check_startup(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);
    bool high = b->losses >= FULL_LOSSES && b->lost > (uint64_t)b->inflight_latest * LOSS_THRESH / 100;

    if (b->state != STARTUP)
        return;
    if (b->loss_round_start && !b->full_reached) {
        b->marked_rounds = b->marked ? (uint8_t)(b->marked_rounds + 1) : 0;
        high |= b->marked_rounds >= MARKED_ROUNDS;
        if (high) {
            b->full_reached = true;
            b->inflight_long = via_max32(bdp(cc, 100), b->inflight_latest);
        }
    }
    if (b->full_reached)
        b->state = DRAIN;
    (void)v;
}

static void check_drain(struct via_cc *cc, const struct via_cc_view *v) {
    if (cc->bbr.state == DRAIN && v->pipe <= inflight_of(cc, v, 100))
        start_down(cc, v);
}

/* 4.3.3.6. */
static void raise_long_term(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);
    uint32_t by;

    if (!v->limited || cc->cwnd < b->inflight_long)
        return;
    b->up_acked += v->acked;
    if (b->up_acked >= b->up_every) {
        by = b->up_acked / b->up_every;
        b->up_acked -= by * b->up_every;
        b->inflight_long = clamp32((uint64_t)b->inflight_long + by);
    }
    if (b->round_start)
        raise_slope(cc, v);
}

static void adapt_long_term(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);

    if (b->acks == ACKS_STARTING && b->round_start) {
        b->acks = ACKS_FEEDBACK;
    } else if (b->acks == ACKS_STOPPING && b->round_start) {
        b->acks = ACKS_INIT;
        b->samples = false;
        if (in_probe_bw(b) && !v->rs->limited) {
            b->max_bw[1] = b->max_bw[0];
            b->max_bw[0] = 0;
        }
    }
    if (is_too_high(v->rs) || (v->marks && b->state == UP)) {
        if (b->samples)
            handle_too_high(cc, v, v->rs->flight, v->rs->limited);
        return;
    }
    if (!b->inflight_long)
        return;
    b->inflight_long = via_max32(b->inflight_long, v->rs->flight);
    if (b->state == UP)
        raise_long_term(cc, v);
}

/* 4.3.3.5: when it is time to look for more, or Reno would have had it by now. */
static bool is_time_to_probe(const struct via_cc *cc, const struct via_cc_view *v) {
    const struct via_bbr *b = &cc->bbr;

    return since(v, b->cycle_at) > b->wait * VIA_US || b->rounds >= via_min32(target(cc) / v->mss, RENO_ROUNDS);
}

static bool is_time_to_go_down(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);

    if (v->limited && b->inflight_long && cc->cwnd >= b->inflight_long) {
        reset_full_bw(b); /* the bound is in the way, not the path */
        b->full_bw = via_sample_rate(v->rs);
        return false;
    }
    return b->full_now;
}

static void update_cycle(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);

    if (!b->full_reached)
        return;
    adapt_long_term(cc, v);
    switch (b->state) {
    case DOWN:
        if (is_time_to_probe(cc, v))
            start_refill(b, v);
        else if (v->pipe <= with_headroom(b, v) && v->pipe <= inflight_of(cc, v, 100))
            b->state = CRUISE;
        return;
    case CRUISE:
        if (is_time_to_probe(cc, v))
            start_refill(b, v);
        return;
    case REFILL:
        if (b->round_start) {
            b->samples = true;
            start_up(cc, v);
        }
        return;
    case UP:
        if (is_time_to_go_down(cc, v))
            start_down(cc, v);
        return;
    default:
        return;
    }
}

/* 4.5.6. */
static void update_min_rtt(struct via_bbr *b, const struct via_cc_view *v) {
    bool old = b->min_rtt && since(v, b->min_at) > MIN_RTT_WINDOW;

    b->probe_due = b->probe_min && since(v, b->probe_at) > PROBE_RTT_EVERY;
    if (v->rtt && (!b->probe_min || v->rtt < b->probe_min || b->probe_due)) {
        b->probe_min = v->rtt;
        b->probe_at = us_of(v->now);
    }
    if (b->probe_min && (!b->min_rtt || b->probe_min < b->min_rtt || old)) {
        b->min_rtt = b->probe_min;
        b->min_at = b->probe_at;
    }
}

static uint32_t probe_rtt_cwnd(const struct via_cc *cc, const struct via_cc_view *v) {
    return via_max32(bdp(cc, cwnd_gain[PROBE_RTT]), min_pipe(v));
}

static void save_cwnd(struct via_cc *cc) {
    struct via_bbr *b = bbr_of(cc);

    b->prior = b->recovering || b->state == PROBE_RTT ? via_max32(b->prior, cc->cwnd) : cc->cwnd;
}

static void leave_probe_rtt(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);

    b->probe_at = us_of(v->now);
    cc->cwnd = via_max32(cc->cwnd, b->prior);
    reset_short_term(b);
    if (!b->full_reached) {
        b->state = STARTUP;
        return;
    }
    start_down(cc, v);
    b->state = CRUISE;
}

static void stay_in_probe_rtt(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);

    if (!b->low) {
        if (v->pipe > probe_rtt_cwnd(cc, v))
            return;
        b->low = true;
        b->low_at = us_of(v->now);
        b->low_round = false;
        start_round(b, v);
        return;
    }
    b->low_round |= b->round_start;
    if (b->low_round && since(v, b->low_at) > PROBE_RTT_TIME)
        leave_probe_rtt(cc, v);
}

/* 4.3.4: now and then nearly nothing is under way for a moment, and the shortest round trip shows. */
static void check_probe_rtt(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);

    if (b->state != PROBE_RTT && b->probe_due && !b->idle) {
        save_cwnd(cc);
        b->state = PROBE_RTT;
        b->low = false;
        b->acks = ACKS_STOPPING;
        start_round(b, v);
    }
    if (b->state == PROBE_RTT)
        stay_in_probe_rtt(cc, v);
    if (v->rs->delivered)
        b->idle = false;
}

/* 4.6.2. */
static void set_rate(struct via_cc *cc, const struct via_cc_view *v, uint32_t gain) {
    struct via_bbr *b = bbr_of(cc);
    uint64_t rate = bw_of(b) * gain / 100 * MARGIN / 100;

    if (!b->timed && v->srtt) {
        cc->rate = via_max32(cc->cwnd, cc->initial) * VIA_SEC / v->srtt * pacing_gain[STARTUP] / 100 + 1;
        b->timed = true;
    }
    if ((b->full_reached && max_bw(b)) || rate > cc->rate)
        cc->rate = rate + 1;
}

static void bound_cwnd(struct via_cc *cc, const struct via_cc_view *v) {
    const struct via_bbr *b = &cc->bbr;
    uint32_t most = VIA_CC_CWND_MAX;

    if (b->state == PROBE_RTT)
        cc->cwnd = via_min32(cc->cwnd, probe_rtt_cwnd(cc, v));
    if (b->state == CRUISE || b->state == PROBE_RTT)
        most = with_headroom(b, v);
    else if (in_probe_bw(b) && b->inflight_long)
        most = b->inflight_long;
    if (b->inflight_short)
        most = via_min32(most, b->inflight_short);
    cc->cwnd = via_min32(cc->cwnd, via_max32(most, min_pipe(v)));
}

/* 4.6.4.4: the first round of a recovery sends as much as arrives; behind it the window is what it was. */
static void follow_recovery(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);

    if (v->recovering && !b->recovering) {
        save_cwnd(cc);
        cc->cwnd = v->pipe + via_max32(v->acked, v->mss);
        b->conserving = true;
        start_round(b, v);
    } else if (!v->recovering && b->recovering) {
        cc->cwnd = via_max32(cc->cwnd, b->prior);
        b->conserving = false;
    } else if (b->round_start) {
        b->conserving = false;
    }
    b->recovering = v->recovering;
}

/* 4.6.4. */
static void set_cwnd(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);
    uint64_t extra = b->full_reached ? via_max32(b->extra[0], b->extra[1]) : 0;
    uint32_t most = quantized(cc, v, bdp(cc, cwnd_gain[b->state]) + extra);

    follow_recovery(cc, v);
    if (b->conserving)
        cc->cwnd = via_max32(cc->cwnd, v->pipe + v->acked);
    else if (b->full_reached)
        cc->cwnd = via_min32(cc->cwnd + v->acked, most);
    else if (cc->cwnd < most || v->rs->total < cc->initial)
        cc->cwnd += v->acked;
    cc->cwnd = via_max32(cc->cwnd, min_pipe(v));
    bound_cwnd(cc, v);
}

static void acked(struct via_cc *cc, const struct via_cc_view *v) {
    struct via_bbr *b = bbr_of(cc);

    if (!v->rs)
        return;
    b->seed += (uint32_t)v->now;
    update_signals(cc, v);
    update_aggregation(cc, v);
    check_full_bw(b, v);
    check_startup(cc, v);
    check_drain(cc, v);
    update_cycle(cc, v);
    update_min_rtt(b, v);
    check_probe_rtt(cc, v);
    end_signals(b, v);
    set_rate(cc, v, pacing_gain[b->state]);
    set_cwnd(cc, v);
}

static void event(struct via_cc *cc, const struct via_cc_view *v, enum via_cc_event what) {
    struct via_bbr *b = bbr_of(cc);

    switch (what) {
    case VIA_CC_TIMEOUT:
        save_cwnd(cc);
        cc->cwnd = v->pipe + v->mss;
        return;
    case VIA_CC_TIMEOUT_AGAIN:
        cc->cwnd = v->pipe + v->mss;
        return;
    case VIA_CC_UNDO:
        cc->cwnd = via_max32(cc->cwnd, b->prior);
        reset_short_term(b);
        return;
    case VIA_CC_IDLE: /* 4.4.2: the model is as good as it was */
        b->idle = true;
        b->extra_at = us_of(v->now);
        b->extra_delivered = 0;
        if (in_probe_bw(b))
            set_rate(cc, v, 100);
        return;
    case VIA_CC_LOSS:
    case VIA_CC_ECN:
        return;
    }
}

static void init(struct via_cc *cc) {
    struct via_bbr *b = bbr_of(cc);

    memset(b, 0, sizeof *b);
    b->samples = true;
    b->up_every = UINT32_MAX;
    /* Until there is a round trip: one of a millisecond. */
    cc->rate = (uint64_t)cc->initial * 1000 * pacing_gain[STARTUP] / 100;
}

const struct via_cc_ops via_cc_bbr = {
    .name = "bbr",
    .init = init,
    .acked = acked,
    .event = event,
    .lost = lost,
};
