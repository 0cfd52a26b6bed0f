/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sample.h - at what rate the network delivers (draft-cheng-iccrg-delivery-rate-estimation). Each transmission remembers
 * how much had been delivered by then, and when; once it arrives, what was delivered meanwhile is a sample. Its time is
 * the longer of how long it took to send and how long it took to be acknowledged, so that ACKs that come in a bunch do
 * not look like speed. Counts are bytes modulo 2^32; only differences mean anything.
 */
#ifndef VIA_TCP_SAMPLE_H
#define VIA_TCP_SAMPLE_H

#include "tcp/sack.h"

struct via_sampler {
    uint32_t delivered, lost; /* in all */
    uint32_t limited_to;      /* until so much is delivered the application was the limit, if `limited` */
    bool limited;
    via_ns_t delivered_at; /* when that was last */
    via_ns_t first_sent;   /* when the segment was sent that was delivered last */
};

struct via_sample {
    via_ns_t interval;  /* 0: there is no sample of the rate */
    via_ns_t prior_at;  /* 0: nothing was delivered */
    uint32_t delivered; /* in the interval */
    uint32_t lost;      /* since the segment was sent that the sample is of */
    uint32_t prior;     /* via_sampler.delivered when that was */
    uint32_t total;     /* via_sampler.delivered now */
    uint32_t flight;    /* under way when it was sent, itself too */
    bool limited;       /* the application was the limit */
};

/* Segment `s` goes out now, for whatever time; `pipe` is under way without it. After s->sent was set. */
void via_sample_sent(struct via_sampler *r, struct via_tcp_seg *s, uint32_t pipe);

/* One ACK: begin, each segment that it tells for the first time to have arrived, end. */
void via_sample_begin(struct via_sample *rs);
void via_sample_delivered(struct via_sampler *r, const struct via_tcp_seg *s, via_ns_t now, struct via_sample *rs);
void via_sample_end(struct via_sampler *r, via_ns_t now, via_ns_t min_rtt, struct via_sample *rs);

/* Nothing is left to send, though it might be: until what is under way has arrived samples say less than there is. */
void via_sample_idle(struct via_sampler *r, uint32_t pipe);

/* Bytes per second; 0: no sample. */
static inline uint64_t via_sample_rate(const struct via_sample *rs) {
    return rs->interval ? rs->delivered * VIA_SEC / rs->interval : 0;
}

#endif
