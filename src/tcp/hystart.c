/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/hystart.h"

#define MIN_RTT_THRESH  (4 * VIA_MS)
#define MAX_RTT_THRESH  (16 * VIA_MS)
#define MIN_RTT_DIVISOR 8

static void begin_round(struct via_hystart *h, via_seq_t nxt) {
    h->last = h->current;
    h->current = 0;
    h->samples = 0;
    h->round_end = nxt;
    h->begun = true;
}

static bool rtt_rose(const struct via_hystart *h) {
    via_ns_t rise = h->last / MIN_RTT_DIVISOR;

    if (rise < MIN_RTT_THRESH)
        rise = MIN_RTT_THRESH;
    return h->last && h->current >= h->last + via_min_ns(rise, MAX_RTT_THRESH);
}

static void take_sample(struct via_hystart *h, via_ns_t rtt) {
    if (!h->current || rtt < h->current)
        h->current = rtt;
    if (++h->samples < VIA_HYSTART_SAMPLES)
        return;
    if (h->baseline && h->current < h->baseline) {
        h->baseline = 0;
    } else if (!h->baseline && rtt_rose(h)) {
        h->baseline = h->current;
        h->rounds = 0;
    }
}

enum via_hystart_verdict via_hystart_acked(struct via_hystart *h, via_ns_t rtt, via_seq_t una, via_seq_t nxt) {
    if (!h->begun)
        begin_round(h, nxt);
    if (rtt)
        take_sample(h, rtt);
    if (via_seq_le(h->round_end, una)) {
        /* RFC 9406 4.2: the round in which the phase began counts, though it is a part of one. */
        if (h->baseline && ++h->rounds >= VIA_HYSTART_ROUNDS)
            return VIA_HYSTART_DONE;
        begin_round(h, nxt);
    }
    return h->baseline ? VIA_HYSTART_SLOW : VIA_HYSTART_FAST;
}
