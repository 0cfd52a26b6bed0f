/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cookie.h - answers that need no memory. A SYN cookie (RFC 4987 3.6) is the sequence number of a SYN-ACK from which,
 * and from the timestamp beside it, the ACK of the handshake brings back what the SYN had said. A Fast Open cookie (RFC
 * 7413 4.1) lets a client that was here before send data with its SYN.
 *
 * The sequence number, less a hash of the flow that hides what is in it: time slot modulo 32 (5 bits), index of the MSS
 * (3 bits), 24 bits of a MAC over flow, peer's sequence number, slot and index. Of 2^32 numbers 16 are good
 * at a time, so that one blind guess in 2^28 hits. Slots of 64 s make a cookie good for 64 to 128 s.
 *
 * The low 6 bits of the timestamp: window scale (4 bits, 15: none), SACK permitted, ECN. They come back in TSecr; a
 * peer that changes them only deceives itself. Without timestamps a cookie connection has neither scale nor SACK nor
 * ECN.
 */
#ifndef VIA_TCP_COOKIE_H
#define VIA_TCP_COOKIE_H

#include "tcp/isn.h"

#define VIA_COOKIE_SLOT     (64 * VIA_SEC)
#define VIA_COOKIE_TS_BITS  6
#define VIA_COOKIE_NO_SCALE 15

/* The sequence number of the SYN-ACK to a SYN `peer`. `mss`: what the peer offered; a smaller one of eight is kept. */
via_seq_t via_cookie_make(const struct via_key *key, const struct via_tuple *t, via_seq_t peer, uint16_t mss,
                          via_ns_t now);

/*
 * True if `cookie`, which an ACK acknowledges (SEG.ACK - 1), was made here for this flow and `peer` (SEG.SEQ - 1) not
 * long ago; then *mss is what was kept. Takes the same time whatever the cookie.
 */
bool via_cookie_check(const struct via_key *key, const struct via_tuple *t, via_seq_t peer, via_seq_t cookie,
                      via_ns_t now, uint16_t *mss);

/* The MSS that a cookie keeps of `mss`: the largest of its eight that is not larger, but never below the least. */
uint16_t via_cookie_mss(uint16_t mss);

/* What rides in a timestamp. */
struct via_cookie_opts {
    uint8_t wscale; /* 0..14, or VIA_COOKIE_NO_SCALE */
    bool sack_ok, ecn;
};

/* The timestamp to send in place of `now`: it carries the options, and is at most 127 ticks behind. */
uint32_t via_cookie_ts(uint32_t now, const struct via_cookie_opts *o);
struct via_cookie_opts via_cookie_opts_of(uint32_t ts);

/* Fast Open: a secret that changes, and the one before, so that cookies outlive one change. */
#define VIA_FAST_OPEN_LEN 8

struct via_fast_open {
    struct via_key key, old;
    bool keyed, has_old; /* `keyed` false: there is no cookie to give, and none is good */
};

enum via_fast_open_verdict {
    VIA_FAST_OPEN_BAD, /* of no key, or of another length: answer as if it were a request (RFC 7413 4.1.2) */
    VIA_FAST_OPEN_GOOD,
    VIA_FAST_OPEN_STALE, /* good, by the old key: take it, and send a new one */
};

/* A new secret; the present one becomes the old. */
void via_fast_open_rotate(struct via_fast_open *f, const struct via_key *fresh);

/* The cookie of a client: of its address and ours, not of ports. 8 bytes. */
void via_fast_open_make(const struct via_fast_open *f, const struct via_tuple *t, uint8_t cookie[VIA_FAST_OPEN_LEN]);

/* Takes the same time whatever the bytes are. */
enum via_fast_open_verdict via_fast_open_check(const struct via_fast_open *f, const struct via_tuple *t,
                                               const uint8_t *cookie, size_t len);

#endif
