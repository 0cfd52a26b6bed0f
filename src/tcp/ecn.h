/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ecn.h - how a receiver tells of marks that routers made. Classic (RFC 3168): ECE until the sender says CWR, so one bit
 * a round trip; it lives in the connection's own bits. Accurate (RFC 9768): a count of marked packets, of which three
 * bits are in every header (ACE), and counts of bytes in an option where there is room; that is here.
 *
 * Counters of a receiver are `r_`, what a sender knows of its peer's `s_`. All begin as RFC 9768 3.2.1 has it, so that a
 * field that somebody cleared on the way is seen.
 */
#ifndef VIA_TCP_ECN_H
#define VIA_TCP_ECN_H

#include "wire/tcp.h"

/* The ECN field of an IP header. */
enum via_ecn_field { VIA_ECN_NONE = 0, VIA_ECN_ECT1 = 1, VIA_ECN_ECT0 = 2, VIA_ECN_CE = 3 };

struct via_accecn {
    uint32_t r_cep;               /* packets that came marked */
    uint32_t r_e0b, r_ceb, r_e1b; /* bytes that came, by the field */
    uint32_t s_cep;
    uint32_t s_e0b, s_ceb, s_e1b; /* 24 bits each */
    uint32_t told_cep;            /* as in the last segment that went */
    uint32_t told_e0b, told_ceb, told_e1b; /* as in the last option */
    via_ns_t told_at;             /* when that was */
    uint16_t stretch;             /* segments that an ACK tells of, in the mean, times 64 */
    uint8_t last;                 /* field of the last segment with data */
    uint8_t syn;                  /* field of the peer's SYN or SYN-ACK */
    bool shook;                   /* the first segment behind the handshake went, or came */
    bool no_ect;                  /* the path clears what it should not: send nothing that can be marked */
    bool no_opts;                 /* the peer's options make no sense */
    bool opted;                   /* it sent one */
};

void via_accecn_init(struct via_accecn *a, uint8_t syn);

/* The three bits AE, CWR, ECE as a number, and back. */
static inline uint32_t via_ace_of(uint32_t flags) {
    return (flags & VIA_TCP_AE ? 4u : 0) | (flags & VIA_TCP_CWR ? 2u : 0) | (flags & VIA_TCP_ECE ? 1u : 0);
}

static inline uint32_t via_ace_flags(uint32_t ace) {
    return (ace & 4 ? VIA_TCP_AE : 0u) | (ace & 2 ? VIA_TCP_CWR : 0u) | (ace & 1 ? VIA_TCP_ECE : 0u);
}

/* RFC 9768 3.1.2, 3.2.2.1: how the ECN field of a SYN is told in a SYN-ACK, and that of a SYN-ACK in what follows. */
uint32_t via_ace_of_syn(uint8_t field);

/* The server's side of the same: the ACK that ends the handshake. */
void via_accecn_third(struct via_accecn *a, uint32_t ace);

/* A segment came, with `len` bytes of data. True: what is to be told cannot wait (3.2.2.5.1). */
bool via_accecn_got(struct via_accecn *a, uint8_t field, uint32_t len);

/* An ACK that tells `pkts` segments of about `mss` bytes to have arrived: how many of them were marked (A.2). */
uint32_t via_accecn_acked(struct via_accecn *a, const struct via_tcp_head *h, uint32_t pkts, uint32_t mss);

/* Is there anything to put into an option? `every`: unmarked bytes are told so often. */
bool via_accecn_wants(const struct via_accecn *a, via_ns_t now, via_ns_t every);
void via_accecn_tell(struct via_accecn *a, struct via_tcp_opts *o, via_ns_t now);

#endif
