/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtt.h - round-trip times: the smoothed one and the retransmission timeout that follows from it (RFC 6298), and the
 * shortest one of late, for RACK, HyStart++ and BBR.
 *
 * The caller owns Karn's rule: a sample is given only if it is known which transmission was acknowledged (the segment
 * was sent once, or timestamps tell). No sample may be as long as half of VIA_NEVER. All times in nanoseconds.
 */
#ifndef VIA_TCP_RTT_H
#define VIA_TCP_RTT_H

#include "base/def.h"

/* Bounds that attributes set; the same for all connections of a stack. min <= initial <= max. */
struct via_rtt_limits {
    via_ns_t initial; /* timeout before the first sample: 1 s (RFC 6298 2.1) */
    via_ns_t min;     /* RFC 6298 2.4 has 1 s; 200 ms is what stacks do */
    via_ns_t max;     /* at least 60 s (RFC 6298 2.5) */
};

#define VIA_RTT_SYN_LOST (3 * VIA_SEC) /* RFC 6298 5.7 */
#define VIA_MIN_PARTS    4

/*
 * The least of the samples of a window: exact within the window's last three quarters, and none is older than the
 * window. Zeroed memory has seen nothing.
 */
struct via_min {
    via_ns_t part; /* number of the current quarter: time / (window / 4); parts are kept by number modulo 4 */
    via_ns_t least[VIA_MIN_PARTS]; /* plus 1; 0: nothing was seen in that quarter */
};

void via_min_add(struct via_min *m, via_ns_t window, via_ns_t now, via_ns_t sample);

/* VIA_NEVER: nothing was seen. Samples that grew too old since the last via_min_add() still count. */
via_ns_t via_min_get(const struct via_min *m);

struct via_rtt {
    via_ns_t srtt;   /* 0: no sample yet */
    via_ns_t var;    /* RTTVAR */
    via_ns_t rto;    /* with backing off */
    via_ns_t latest; /* last sample */
    struct via_min min;
    uint32_t backoff; /* times the timeout was doubled since the last sample */
};

void via_rtt_init(struct via_rtt *r, const struct via_rtt_limits *lim);

/*
 * A valid sample. `expected` is how many samples one round trip brings, at least 1: with timestamps every ACK brings
 * one, and without the correction of RFC 7323 G the memory would be shorter than RFC 6298 means; see
 * via_rtt_expected(). Ends backing off.
 */
void via_rtt_sample(struct via_rtt *r, const struct via_rtt_limits *lim, via_ns_t rtt, uint32_t expected);

/* Samples that a flight of so many bytes brings when every second segment is acknowledged (RFC 7323 G). */
uint32_t via_rtt_expected(uint32_t flight, uint32_t mss);

/* The timer expired: doubles the timeout, up to the maximum (RFC 6298 5.5). */
void via_rtt_backoff(struct via_rtt *r, const struct via_rtt_limits *lim);

/*
 * The ACK moved SND.UNA without a valid sample, or the timeout was spurious: the timeout is that of the estimates
 * again. RFC 6298 keeps a doubled timeout until a sample comes; call this only where the network is known to be alive.
 */
void via_rtt_unback(struct via_rtt *r, const struct via_rtt_limits *lim);

/* The handshake had to repeat its SYN: data begins with at least 3 s, unless there is a sample (RFC 6298 5.7). */
void via_rtt_syn_lost(struct via_rtt *r, const struct via_rtt_limits *lim);

/*
 * A timeout turned out to be spurious, and this is the first sample behind it: the estimates take it in full, for the
 * path became slower than they knew (RFC 4015 3.2). Ends backing off.
 */
void via_rtt_spurious(struct via_rtt *r, const struct via_rtt_limits *lim, via_ns_t rtt);

/*
 * The sample of an echoed timestamp, both in ticks of `tick` ns; 0 if the echo is from the future or older than half
 * the circle. Shorter than one tick counts as one.
 */
static inline via_ns_t via_rtt_of_echo(uint32_t now, uint32_t echo, via_ns_t tick) {
    int32_t ticks = (int32_t)(now - echo);

    return ticks < 0 ? 0 : (via_ns_t)(ticks ? ticks : 1) * tick;
}

#endif
