/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ip.h - the IP header, one noun in two spellings: IPv4 (RFC 791) with its options, IPv6 (RFC 8200) with its chain of
 * extension headers. Nothing above this folder asks for the version to find a field.
 *
 * The parsers check form: lengths, checksum, options. Whether addresses are possible (IPv6 can carry ::ffff:a.b.c.d,
 * which must not pass for IPv4), and whether a protocol is spoken, is for the network layer. Every positive result
 * means: hlen + payload bytes of the packet are IP's, the rest is padding of the link.
 */
#ifndef VIA_WIRE_IP_H
#define VIA_WIRE_IP_H

#include "wire/sum.h"

#define VIA_IP4_LEN      20
#define VIA_IP6_LEN      40
#define VIA_IP6_FRAG_LEN 8
#define VIA_IP_EMIT_MAX  56 /* IPv6 with router alert and fragment header */
#define VIA_IP_MAX       65535
#define VIA_IP6_HEADERS  8 /* extension headers followed, at most */

/* Bits of via_ip_head.flags. */
enum via_ip_flag {
    VIA_IP_DF = 1,           /* IPv4: may not be fragmented. IPv6 packets never are on the way. */
    VIA_IP_MORE = 2,         /* more fragments follow */
    VIA_IP_FRAGMENT = 4,     /* a part of a datagram: MORE, or an offset that is not 0 */
    VIA_IP_FRAG_SEEN = 8,    /* IPv6: a fragment header is there, an atomic one too (RFC 6946, RFC 6980) */
    VIA_IP_ALERT = 16,       /* router alert (RFC 2113, RFC 2711) */
    VIA_IP_OPTIONS = 32,     /* options or extension headers are there */
    VIA_IP_FAULT_GROUP = 64, /* the fault is answered even if the packet went to a group */
};

struct via_ip_head {
    struct via_addr src, dst;
    uint32_t frag_id;
    uint32_t flow;     /* IPv6 flow label, 20 bits */
    uint16_t payload;  /* bytes behind the headers */
    uint16_t hlen;     /* bytes of headers: options, extension headers and fragment header are inside */
    uint16_t frag_off; /* bytes, a multiple of 8 */
    uint16_t next_at;  /* offset of the byte that holds `proto` */
    uint16_t fault_at; /* offset of what was wrong, the pointer of a parameter problem */
    uint8_t version;   /* 4 or 6 */
    uint8_t proto;     /* of the payload: IPPROTO_UDP, ... */
    uint8_t ttl;       /* hop limit */
    uint8_t tos;       /* DSCP 6 bits, ECN 2 bits */
    uint8_t flags;     /* enum via_ip_flag */
    uint8_t fault;     /* 0: drop in silence; else 1 + code of the parameter problem that the sender should get */
};

static_assert(sizeof(struct via_ip_head) == 56, "within one cache line");

/* Total bytes of the packet. */
static inline uint32_t via_ip_total(const struct via_ip_head *h) {
    return (uint32_t)h->hlen + h->payload;
}

/* The running sum to begin a checksum of the transport with. */
static inline uint64_t via_ip_pseudo(const struct via_ip_head *h, uint32_t len) {
    return via_sum_pseudo(&h->src, &h->dst, h->proto, len);
}

/* Options of IPv4; called by via_ip4_parse() alone. */
int via_ip4_options(struct via_ip_head *h, const uint8_t *at);

/*
 * Walks the extension headers of IPv6 from at + h->hlen, h->proto naming the first. Changes proto, hlen, payload,
 * next_at, flags. A fragment header ends the walk if it belongs to a real fragment: frag_id, frag_off, MORE are set,
 * proto is what the fragment header names, and `hlen` ends behind it. The walk of a reassembled datagram goes on from
 * there the same way: lay its bytes at `at`, set hlen to 0 and payload to its length; fault_at then counts from there.
 * IP6_CHAIN: more than VIA_IP6_HEADERS, longer than `len` or the payload, hop-by-hop options not first, a second
 * fragment header. IP6_OPTION: an unknown option that asks for the drop, the jumbo payload too (RFC 2675 is not
 * spoken). IP_SOURCE_ROUTE: a routing header of any type with segments left (RFC 5095 for type 0). fault and fault_at
 * are set where the RFC wants an answer.
 */
int via_ip6_chain(struct via_ip_head *h, const uint8_t *at, size_t len);

static inline void ip4_addrs(struct via_ip_head *h, const uint8_t *at) {
    h->src = via_get_addr4(at + 12);
    h->dst = via_get_addr4(at + 16);
}

/*
 * `len` bytes of the packet lie at `at`, `room` (no less) in all its frames. `check`: verify the header checksum.
 * IP_SHORT, IP_VERSION, IP_HEADER, IP_CHECKSUM; of options IP_OPTION, IP_SOURCE_ROUTE.
 */
static inline int via_ip4_parse(struct via_ip_head *h, const uint8_t *at, size_t len, size_t room, bool check) {
    uint32_t hlen, total, frag;

    if (VIA_UNLIKELY(len < VIA_IP4_LEN))
        return -VIA_DROP_IP_SHORT;
    if (VIA_UNLIKELY(at[0] >> 4 != 4))
        return -VIA_DROP_IP_VERSION;
    hlen = (at[0] & 15u) * 4;
    total = via_get16(at + 2);
    if (VIA_UNLIKELY(hlen < VIA_IP4_LEN || hlen > total))
        return -VIA_DROP_IP_HEADER;
    if (VIA_UNLIKELY(total > room || hlen > len))
        return -VIA_DROP_IP_SHORT;
    if (check && VIA_UNLIKELY(!via_sum_ok(via_sum_add(0, at, hlen))))
        return -VIA_DROP_IP_CHECKSUM;
    frag = via_get16(at + 6);
    ip4_addrs(h, at);
    h->frag_id = via_get16(at + 4);
    h->flow = 0;
    h->payload = (uint16_t)(total - hlen);
    h->hlen = (uint16_t)hlen;
    h->frag_off = (uint16_t)(frag << 3);
    h->next_at = 9;
    h->fault_at = 0;
    h->version = 4;
    h->proto = at[9];
    h->ttl = at[8];
    h->tos = at[1];
    h->flags = (uint8_t)(frag >> 14 & 1); /* DF */
    if (VIA_UNLIKELY(frag & 0x3fff))
        h->flags |= frag & 0x2000 ? VIA_IP_FRAGMENT | VIA_IP_MORE : VIA_IP_FRAGMENT;
    h->fault = 0;
    return VIA_LIKELY(hlen == VIA_IP4_LEN) ? VIA_IP4_LEN : via_ip4_options(h, at);
}

/* True if `proto` is an extension header that via_ip6_chain() follows. */
static inline bool via_ip6_extends(uint8_t proto) {
    return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_FRAGMENT ||
           proto == IPPROTO_DSTOPTS;
}

/* The base header and, if there are any, its extension headers. IP_SHORT, IP_VERSION, and those of via_ip6_chain(). */
static inline int via_ip6_parse(struct via_ip_head *h, const uint8_t *at, size_t len, size_t room) {
    uint32_t word;

    if (VIA_UNLIKELY(len < VIA_IP6_LEN))
        return -VIA_DROP_IP_SHORT;
    word = via_get32(at);
    if (VIA_UNLIKELY(word >> 28 != 6))
        return -VIA_DROP_IP_VERSION;
    h->payload = via_get16(at + 4);
    if (VIA_UNLIKELY(VIA_IP6_LEN + (size_t)h->payload > room))
        return -VIA_DROP_IP_SHORT;
    memcpy(&h->src, at + 8, 32);
    h->frag_id = 0;
    h->flow = word & 0xfffff;
    h->hlen = VIA_IP6_LEN;
    h->frag_off = 0;
    h->next_at = 6;
    h->fault_at = 0;
    h->version = 6;
    h->proto = at[6];
    h->ttl = at[7];
    h->tos = (uint8_t)(word >> 20);
    h->flags = 0;
    h->fault = 0;
    return VIA_LIKELY(!via_ip6_extends(h->proto)) ? VIA_IP6_LEN : via_ip6_chain(h, at, len);
}

/* By the version in the first byte. */
static inline int via_ip_parse(struct via_ip_head *h, const uint8_t *at, size_t len, size_t room, bool check) {
    return len && at[0] >> 4 == 6 ? via_ip6_parse(h, at, len, room) : via_ip4_parse(h, at, len, room, check);
}

/*
 * Checks a fragment before it is kept: FRAG_BAD for no bytes at all or a length, other than the last one's, that is
 * not a multiple of 8; FRAG_TOO_LONG if the datagram would be longer than its length field can say; FRAG_TINY if the
 * first fragment lacks a part of the header chain or of the transport header (RFC 7112, RFC 1858), or if another one
 * begins inside the TCP header (RFC 3128); what via_ip6_chain() says of the headers behind the fragment header.
 * 0 if it is good; fault and fault_at as above. `at` and `len` as for the parser.
 */
int via_ip_frag_check(struct via_ip_head *h, const uint8_t *at, size_t len);

/* Bytes that via_ip_emit() writes for this header. */
static inline int via_ip_emit_len(const struct via_ip_head *h) {
    if (h->version == 4)
        return VIA_IP4_LEN + (h->flags & VIA_IP_ALERT ? 4 : 0);
    return VIA_IP6_LEN + (h->flags & VIA_IP_ALERT ? 8 : 0) + (h->flags & VIA_IP_FRAGMENT ? VIA_IP6_FRAG_LEN : 0);
}

/* The form with router alert or fragment header; via_ip_emit() is the one to call. */
int via_ip_emit_long(uint8_t *at, const struct via_ip_head *h);

/* Writes 20 bytes whatever the flags say. The checksum is filled in. */
static inline int via_ip4_emit(uint8_t *at, const struct via_ip_head *h) {
    uint32_t frag = h->frag_off / 8u | (h->flags & VIA_IP_DF ? 0x4000u : 0) | (h->flags & VIA_IP_MORE ? 0x2000u : 0);
    uint32_t a = htonl(0x45000000u | (uint32_t)h->tos << 16 | (uint16_t)(VIA_IP4_LEN + h->payload));
    uint32_t b = htonl(h->frag_id << 16 | frag);
    uint32_t c = htonl((uint32_t)h->ttl << 24 | (uint32_t)h->proto << 16);
    uint32_t src = via_addr_to4(&h->src), dst = via_addr_to4(&h->dst);
    uint16_t sum = via_sum_end((uint64_t)a + b + c + src + dst); /* of registers: the bytes are not in memory yet */

    via_store32(at, a);
    via_store32(at + 4, b);
    via_store32(at + 8, c);
    via_store16(at + 10, sum);
    via_store32(at + 12, src);
    via_store32(at + 16, dst);
    return VIA_IP4_LEN;
}

/* Writes the base header, 40 bytes, whatever the flags say. */
static inline int via_ip6_emit(uint8_t *at, const struct via_ip_head *h) {
    via_put32(at, 6u << 28 | (uint32_t)h->tos << 20 | (h->flow & 0xfffff));
    via_put16(at + 4, h->payload);
    at[6] = h->proto;
    at[7] = h->ttl;
    memcpy(at + 8, &h->src, 32);
    return VIA_IP6_LEN;
}

/*
 * Writes the headers in front of `payload` bytes: for IPv4 a router alert with ALERT; for IPv6 hop-by-hop options with
 * ALERT and a fragment header with FRAGMENT. Reads version, src, dst, payload, proto, ttl, tos, flow, flags, frag_id,
 * frag_off; `hlen` is not read. At most VIA_IP_EMIT_MAX bytes; via_ip_emit_len() tells how many.
 */
static inline int via_ip_emit(uint8_t *at, const struct via_ip_head *h) {
    if (h->version == 4 && VIA_LIKELY(!(h->flags & VIA_IP_ALERT)))
        return via_ip4_emit(at, h);
    if (h->version == 6 && VIA_LIKELY(!(h->flags & (VIA_IP_ALERT | VIA_IP_FRAGMENT))))
        return via_ip6_emit(at, h);
    return via_ip_emit_long(at, h);
}

/* Sets the total length of an IPv4 header in place, as a template needs it, and mends the checksum. */
static inline void via_ip4_set_total(uint8_t *at, uint16_t total) {
    uint16_t old = via_load16(at + 2), new = htons(total);

    via_store16(at + 2, new);
    via_store16(at + 10, via_sum_update16(via_load16(at + 10), old, new));
}

static_assert(offsetof(struct via_ip_head, dst) == 16, "both addresses are moved at once");
static_assert(VIA_IP_DF == 1, "moved from the header as a bit");

#endif
