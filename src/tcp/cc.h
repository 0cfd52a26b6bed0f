/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cc.h - congestion control: how many bytes may be under way. One of the three tables of functions of the library.
 *
 * An algorithm sees what happened (struct via_cc_view) and keeps its own state inside struct via_cc; it never sees a
 * connection, reads no clock and arms no timer. All sizes are bytes, all rates bytes per second.
 *
 * Who does what. The connection detects loss and calls via_cc_signal() once per event of congestion, that is once per
 * round trip; from there to the end of fast recovery the send window is that of proportional rate reduction (recover.h)
 * and `recovering` is set in the views. The algorithm's answer to a loss is in cwnd and ssthresh at once, so that the
 * end of recovery needs no further call. What a duplicate ACK adds, limited transmit (RFC 3042) and the bound of the
 * peer's window are not the algorithm's matter.
 *
 * After a timeout cwnd is one segment, and via_cc_acked() grows it as in every slow start.
 */
#ifndef VIA_TCP_CC_H
#define VIA_TCP_CC_H

#include "base/seq.h"
#include "tcp/hystart.h"

struct via_sample;

/* Algorithms; the number is what is stored, for pointers are not. */
enum via_cc_algo {
    VIA_CC_CUBIC = 0, /* RFC 9438 with HyStart++ (RFC 9406) */
    VIA_CC_RENO = 1,  /* RFC 5681, RFC 3465 */
    VIA_CC_BBR = 2,   /* draft-ietf-ccwg-bbr, version 3 */
    VIA_CC_ALGOS,
};

enum via_cc_event {
    VIA_CC_LOSS,          /* fast recovery begins */
    VIA_CC_ECN,           /* the network marked packets (RFC 3168); at most once per round trip */
    VIA_CC_TIMEOUT,       /* a segment timed out that was not sent again before by timeout (RFC 5681 3.1) */
    VIA_CC_TIMEOUT_AGAIN, /* it did once more: ssthresh stays */
    VIA_CC_UNDO,          /* the last LOSS or TIMEOUT was spurious (RFC 4015, RFC 9438 4.9) */
    VIA_CC_IDLE,          /* sending begins again after more than a timeout without it (RFC 5681 4.1) */
};

/* What an algorithm sees. Not every field is of use to each; all are set in every call. */
struct via_cc_view {
    via_ns_t now;
    via_ns_t rtt;      /* sample of this ACK; 0: none */
    via_ns_t srtt;     /* 0: no sample yet */
    via_ns_t min_rtt;  /* windowed; VIA_NEVER: no sample yet */
    const struct via_sample *rs; /* for algorithms that want it (via_cc_has_model()); NULL: none */
    uint32_t acked;  /* bytes that this ACK tells to have arrived, cumulatively or selectively */
    uint32_t lost;   /* in lost(): bytes of the segment that is believed lost now */
    uint32_t marks;  /* packets that the network marked, newly told */
    uint32_t flight; /* bytes sent and not cumulatively acknowledged, before this ACK (FlightSize) */
    uint32_t pipe;   /* bytes believed to be in the network, after this ACK */
    uint32_t mss;    /* of data, without options; not 0 */
    via_seq_t una;   /* SND.UNA after this ACK */
    via_seq_t nxt;   /* SND.NXT */
    bool limited;    /* cwnd, not the application and not the peer's window, held the sender back in the last flight */
    bool recovering; /* in fast recovery */
};

struct via_reno {
    uint32_t credit; /* bytes acknowledged towards the next segment of growth */
};

struct via_cubic {
    via_ns_t epoch;   /* when the present stage of congestion avoidance began; 0: at the next ACK */
    via_ns_t idle_at; /* since when cwnd is not the limit; 0: it is */
    uint32_t w_max;   /* window before the last reduction */
    uint32_t start;   /* cwnd at `epoch` */
    uint32_t k;       /* K in 1/1024 s */
    uint32_t w_est;   /* what Reno would have by now */
    uint32_t prior;   /* cwnd before the last reduction (cwnd_prior) */
    bool after_timeout;
    uint64_t credit;  /* towards the next byte of cwnd */
    uint64_t credit_est;
};

/* Times are microseconds modulo 2^32; 0 of a bound: there is none. */
struct via_bbr {
    uint64_t max_bw[2]; /* of this cycle of probing, and of the last */
    uint64_t bw_short, bw_latest, full_bw;
    via_ns_t min_rtt, probe_min;
    uint32_t min_at, probe_at, low_at, cycle_at, extra_at, wait;
    uint32_t round_end, loss_round_end; /* by bytes delivered */
    uint32_t inflight_long, inflight_short, inflight_latest;
    uint32_t up_every, up_acked;
    uint32_t extra[2], extra_delivered;
    uint32_t prior; /* cwnd before a recovery, or before ProbeRTT */
    uint32_t lost;  /* bytes in this round */
    uint32_t seed;
    uint16_t rounds; /* since the last probing */
    uint8_t state, acks, up_rounds, full_rounds, extra_rounds, losses, marked_rounds;
    bool full_now : 1, full_reached : 1, round_start : 1, loss_round_start : 1, loss_in_round : 1, marked : 1;
    bool samples : 1, idle : 1, low : 1, low_round : 1, probe_due : 1, conserving : 1, recovering : 1, timed : 1;
};

union via_cc_state {
    struct via_reno reno;
    struct via_cubic cubic;
};

struct via_cc {
    uint32_t cwnd, ssthresh;
    uint32_t initial; /* initial window */
    uint32_t stretch; /* L of RFC 3465 in segments: most that one ACK may count for in slow start */
    uint64_t rate;    /* what the algorithm wants for pacing; 0: via_cc_rate() makes one */
    uint8_t algo;     /* enum via_cc_algo */
    bool abe;         /* a mark reduces less than a loss (RFC 8511) */
    bool paced;       /* the sender paces: one ACK may count in full in slow start (RFC 9406 4.3) */
    bool sampled;     /* the connection takes rate samples */
    bool slow_l;      /* slow start that follows a timeout (RFC 3465 2.3) */
    bool undoable;    /* `old` is from the last reduction */
    union {
        struct {
            struct via_hystart hystart;
            union via_cc_state u;
            struct {
                uint32_t cwnd, ssthresh;
                union via_cc_state u;
            } old; /* before the last reduction */
        };
        struct via_bbr bbr;
    };
};

static_assert(sizeof(struct via_bbr) <= sizeof(struct via_hystart) + 2 * sizeof(union via_cc_state) + 8,
              "no connection is larger for it");

/* The table. `event` sets cwnd and ssthresh; saving for UNDO, and its default answer, are via_cc_signal()'s. */
struct via_cc_ops {
    const char *name;
    void (*init)(struct via_cc *cc);
    void (*acked)(struct via_cc *cc, const struct via_cc_view *v);
    void (*event)(struct via_cc *cc, const struct via_cc_view *v, enum via_cc_event what);
    /*
     * NULL for those that know windows alone. The others have a model of the path: they want rate samples, hear of each
     * segment that is lost, and their cwnd holds in recovery too.
     */
    void (*lost)(struct via_cc *cc, const struct via_cc_view *v);
};

extern const struct via_cc_ops via_cc_reno, via_cc_cubic, via_cc_bbr;

#define VIA_CC_INFINITE 0x7fffffffu /* ssthresh before the first congestion */
#define VIA_CC_CWND_MAX 0x3fffffffu /* no window of TCP is larger (RFC 7323 2.3) */

/* RFC 6928: 10 segments, not more than 14600 bytes unless segments are as long as that; one after a lost SYN. */
uint32_t via_cc_initial_window(uint32_t mss, bool syn_lost);

/* `initial` as above, or from the cache of the destination. */
void via_cc_init(struct via_cc *cc, enum via_cc_algo algo, uint32_t initial);

/* "cubic", "reno", "bbr". */
const char *via_cc_name(enum via_cc_algo algo);

/* An ACK that acknowledged something new. cwnd stays within one segment and VIA_CC_CWND_MAX. */
void via_cc_acked(struct via_cc *cc, const struct via_cc_view *v);

void via_cc_signal(struct via_cc *cc, const struct via_cc_view *v, enum via_cc_event what);

/* A model wants rate samples and via_cc_lost(), and makes no sense without pacing. */
bool via_cc_has_model(const struct via_cc *cc);
void via_cc_lost(struct via_cc *cc, const struct via_cc_view *v);

static inline bool via_cc_in_slow_start(const struct via_cc *cc) {
    return cc->cwnd < cc->ssthresh;
}

/*
 * Pacing rate: the algorithm's own, else twice the window per round trip in slow start and 1.2 times later, so that the
 * pace does not hold the growth back. 0: unpaced, no round trip is known.
 */
uint64_t via_cc_rate(const struct via_cc *cc, via_ns_t srtt);

/* For algorithms: true if this ACK may let cwnd grow (RFC 5681 3.1, RFC 9438 4.2: not while it is not used). */
bool via_cc_may_grow(const struct via_cc *cc, const struct via_cc_view *v);

/* For algorithms: slow start (RFC 5681 3.1, RFC 3465). Returns how many acknowledged bytes are left above ssthresh. */
uint32_t via_cc_slow_start(struct via_cc *cc, const struct via_cc_view *v, uint32_t divisor);

/* For algorithms: `percent` of the smaller of flight and window, at least `floor` segments. */
uint32_t via_cc_reduced(const struct via_cc *cc, const struct via_cc_view *v, uint32_t percent, uint32_t floor);

#endif
