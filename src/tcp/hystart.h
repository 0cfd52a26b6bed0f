/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hystart.h - HyStart++ (RFC 9406): leave the first slow start when round trips get longer, before packets get lost. On
 * a rise it goes on at a quarter of the pace (conservative slow start) for five rounds; if round trips get shorter
 * again the rise was noise. Zeroed memory is the state before the first round.
 */
#ifndef VIA_TCP_HYSTART_H
#define VIA_TCP_HYSTART_H

#include "base/seq.h"

enum {
    VIA_HYSTART_SAMPLES = 8, /* RFC 9406 4.3 */
    VIA_HYSTART_DIVISOR = 4,
    VIA_HYSTART_ROUNDS = 5,
    VIA_HYSTART_STRETCH = 8, /* L, unpaced */
};

enum via_hystart_verdict {
    VIA_HYSTART_FAST, /* slow start */
    VIA_HYSTART_SLOW, /* conservative slow start: grow by a quarter */
    VIA_HYSTART_DONE, /* congestion avoidance: ssthresh = cwnd */
};

struct via_hystart {
    via_ns_t last, current; /* least round trip of the last and of this round; 0: none */
    via_ns_t baseline;      /* what made the conservative phase begin; 0: not in it */
    via_seq_t round_end;
    uint32_t samples; /* of this round */
    uint32_t rounds;  /* of the conservative phase, the first, partial one too */
    bool begun;
};

/* One ACK: its sample (0: none), SND.UNA behind it, SND.NXT. */
enum via_hystart_verdict via_hystart_acked(struct via_hystart *h, via_ns_t rtt, via_seq_t una, via_seq_t nxt);

#endif
