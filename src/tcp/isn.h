/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * isn.h - numbers that a stranger must not guess: initial sequence numbers (RFC 6528) and where the timestamps of a
 * flow begin (RFC 7323 5.4, 7.1). Both are a keyed hash of the flow plus a clock, so that they grow along one flow and
 * tell nothing of another, of the uptime, or of the life before a restart: keys are drawn anew at every creation of a
 * stack.
 */
#ifndef VIA_TCP_ISN_H
#define VIA_TCP_ISN_H

#include "base/hash.h"

/* A connection by its names. */
struct via_tuple {
    struct via_addr local, remote;
    uint16_t lport, rport;
};

/* What a hash is made for; the same key gives unrelated values for each. */
enum via_isn_use {
    VIA_ISN_SEQ = 1,
    VIA_ISN_TS,
    VIA_ISN_COOKIE,
    VIA_ISN_COOKIE_BASE,
    VIA_ISN_FAST_OPEN,
};

/* SipHash-2-4 of the flow and one more word. */
uint64_t via_isn_hash(const struct via_key *key, const struct via_tuple *t, enum via_isn_use use, uint64_t more);

/*
 * RFC 6528 3: a clock plus the hash. The clock of RFC 9293 3.4.1 ticks every 4 us, which is less than a fast host needs
 * between two lives of one pair of end points; this one goes round in 274 s, still more than two segment lifetimes.
 */
#define VIA_ISN_CLOCK 64 /* ns */
via_seq_t via_isn(const struct via_key *key, const struct via_tuple *t, via_ns_t now);

/* To be added to the clock of timestamps. The same for a flow as long as the key lives (RFC 6191 needs that). */
uint32_t via_isn_ts_offset(const struct via_key *key, const struct via_tuple *t);

#endif
