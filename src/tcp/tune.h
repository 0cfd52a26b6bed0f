/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tune.h - how large a receive buffer has to be (dynamic right-sizing: Fisk, Feng 2001), and who holds the sender back.
 *
 * A receiver that keeps up reads in one round trip what one window brought; a sender that doubles its window needs a
 * buffer of twice that for the next. Round trips are those of our own timestamps coming back with data, for a
 * receiver seldom sends what would be acknowledged; where there are none, that of the handshake.
 *
 * Zeroed memory has seen nothing.
 */
#ifndef VIA_TCP_TUNE_H
#define VIA_TCP_TUNE_H

#include "base/def.h"

struct via_tune {
    via_ns_t begin; /* of this round */
    via_ns_t rtt;   /* smoothed; 0: none */
    uint32_t read;  /* bytes read in this round */
    uint32_t most;  /* the most of any round */
};

/* Data came with a timestamp of ours that is so old. */
void via_tune_sample(struct via_tune *u, via_ns_t rtt);

/* The application has read so many bytes; `srtt`: the sender's side of it. Returns the buffer to have, 0: as it is. */
uint32_t via_tune_read(struct via_tune *u, via_ns_t now, uint32_t bytes, via_ns_t srtt);

/* What held the sender back. */
enum via_limit { VIA_LIMIT_NONE = 0, VIA_LIMIT_RWND, VIA_LIMIT_CWND, VIA_LIMIT_RING, VIA_LIMITS };

struct via_limits {
    via_ns_t since;
    via_ns_t held[VIA_LIMITS];
    uint8_t what;
};

/* From now on it is `what`. */
void via_limits_now(struct via_limits *l, via_ns_t now, enum via_limit what);

/* How long `what` did, up to now. */
via_ns_t via_limits_time(const struct via_limits *l, via_ns_t now, enum via_limit what);

#endif
