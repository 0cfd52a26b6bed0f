/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp.h - the TCP header (RFC 9293 3.1) with its options: RFC 9293 (MSS), RFC 7323 (window scale, timestamps), RFC 2018
 * (SACK), RFC 7413 (Fast Open), RFC 5482 (user timeout), RFC 9768 (accurate ECN).
 *
 * Options are read as RFC 9293 3.1 and 3.2 ask: in any segment, at any alignment, unknown ones skipped, bad lengths
 * survived. An option whose length is below 2 or runs past the header ends the reading; what came before it stays, and
 * VIA_TCP_BROKEN tells. A known kind with a length that it cannot have is as good as absent. Where a kind comes twice
 * the later one counts. MSS, window scale, SACK permitted and Fast Open are read on SYN alone, SACK blocks on all
 * others.
 *
 * Values are reported as they came: an MSS of 0, a shift of 255 and SACK blocks that run backward are for the user to
 * clamp or refuse. What is in no bit of `has` is not initialised.
 */
#ifndef VIA_WIRE_TCP_H
#define VIA_WIRE_TCP_H

#include "wire/ip.h"

#define VIA_TCP_LEN        20
#define VIA_TCP_MAX        60 /* with options */
#define VIA_TCP_OPT_MAX    40
#define VIA_TCP_SACKS      4 /* blocks that fit, without timestamps */
#define VIA_TCP_COOKIE_MAX 16
#define VIA_TCP_WSCALE_MAX 14 /* RFC 7323 2.3: what the user makes of more */

enum via_tcp_flag {
    VIA_TCP_FIN = 1,
    VIA_TCP_SYN = 2,
    VIA_TCP_RST = 4,
    VIA_TCP_PSH = 8,
    VIA_TCP_ACK = 16,
    VIA_TCP_URG = 32,
    VIA_TCP_ECE = 64,
    VIA_TCP_CWR = 128,
    VIA_TCP_AE = 256, /* RFC 9768; AE, CWR and ECE together are its counter ACE */
};

/* Bits of via_tcp_opts.has: the options that are there. */
enum via_tcp_opt {
    VIA_TCP_MSS = 1,
    VIA_TCP_WSCALE = 2,
    VIA_TCP_SACK_OK = 4,
    VIA_TCP_SACK = 8,
    VIA_TCP_TS = 16,
    VIA_TCP_COOKIE = 32,     /* Fast Open; cookie_len 0 asks for a cookie */
    VIA_TCP_COOKIE_EXP = 64, /* with COOKIE: it came as the experimental option (RFC 7413 A, kind 254); never emitted */
    VIA_TCP_TIMEOUT = 128,
    VIA_TCP_ACCECN = 256,
    VIA_TCP_BROKEN = 512, /* parsed alone: the options end in an impossible length */
};

/* In which order options go out: stacks can be told apart, and middleboxes know some better than others. */
enum via_tcp_layout {
    VIA_TCP_AS_LINUX = 0, /* SYN: mss, sackOK, ts, nop, wscale */
    VIA_TCP_AS_BSD = 1,   /* SYN: mss, nop, wscale, sackOK, ts */
};

/* Order of the counters in the AccECN option: both carry three; what is left out is left out at the end. */
enum via_tcp_accecn {
    VIA_TCP_ACCECN0 = 172, /* EE0B, ECEB, EE1B */
    VIA_TCP_ACCECN1 = 174, /* EE1B, ECEB, EE0B */
};

/* Octets [from, to) that arrived. */
struct via_tcp_block {
    via_seq_t from, to;
};

struct via_tcp_opts {
    uint16_t has; /* enum via_tcp_opt */
    uint16_t mss;
    uint32_t tsval, tsecr;
    struct via_tcp_block sack[VIA_TCP_SACKS];
    uint32_t timeout;     /* seconds, never 0; emitted as minutes where it exceeds 15 bits */
    uint32_t accecn[3];   /* 24 bits each, in the order of the wire */
    uint8_t accecn_kind;  /* enum via_tcp_accecn */
    uint8_t accecn_count; /* counters that are there, 0..3 */
    uint8_t sacks;        /* blocks, 1..4 */
    uint8_t wscale;
    uint8_t cookie_len; /* 0, or an even number from 4 to 16 */
    uint8_t layout;     /* enum via_tcp_layout; for emit alone */
    uint8_t cookie[VIA_TCP_COOKIE_MAX];
};

struct via_tcp_head {
    uint16_t sport, dport;
    via_seq_t seq, ack;
    uint16_t flags; /* enum via_tcp_flag; the three reserved bits are neither read nor set */
    uint16_t wnd;   /* as in the header, not scaled */
    uint16_t urg;   /* urgent pointer, of meaning with URG alone */
    uint16_t sum;   /* in wire order */
    uint16_t hlen;  /* bytes of header, options inside; set by parse and by emit */
    struct via_tcp_opts opt;
};

/*
 * The header at `at`, of which `len` bytes are contiguous. TCP_SHORT: fewer than 20 bytes, or a data offset below 5
 * words or beyond `len`. The result, and hlen, is the length of the header. The checksum is not verified.
 */
int via_tcp_parse(struct via_tcp_head *h, const uint8_t *at, size_t len);

/*
 * Takes SACK blocks away from the end until all options fit into 40 bytes, and returns how many they take, padding
 * too: a multiple of 4. Without SACK blocks all that a segment may carry fits, but for a long cookie beside timestamps,
 * which is dropped then.
 */
uint32_t via_tcp_opts_fit(struct via_tcp_opts *o);

/*
 * Writes header and options, which fit (see above); each is there that has its bit, whatever the flags. Padding is NOPs
 * as Linux has it. Returns the length and leaves it in hlen; at most VIA_TCP_MAX. The checksum is `sum`.
 */
int via_tcp_emit(uint8_t *at, struct via_tcp_head *h);

/* Fills in the checksum of a segment of `len` contiguous bytes that shall go out behind the header `ip`. */
static inline void via_tcp_seal(uint8_t *at, uint32_t len, const struct via_ip_head *ip) {
    via_store16(at + 16, 0);
    via_store16(at + 16, via_sum_end(via_sum_add(via_sum_pseudo(&ip->src, &ip->dst, IPPROTO_TCP, len), at, len)));
}

/* Sequence space that a segment with `data` bytes takes: SYN and FIN count (RFC 9293 3.4). */
static inline uint32_t via_tcp_seg_len(const struct via_tcp_head *h, uint32_t data) {
    return data + !!(h->flags & VIA_TCP_SYN) + !!(h->flags & VIA_TCP_FIN);
}

#endif
