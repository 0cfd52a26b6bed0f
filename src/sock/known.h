/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * known.h - whose the datagrams of a moment ago were: from the bytes of a frame straight to the socket.
 *
 * An entry holds the headers of a frame, from its first byte to the ports, with what differs from packet to packet
 * masked away. A frame whose headers are the same was, a moment ago, found good, for us, and for this socket; that holds
 * while neither the net's generation nor the demultiplexer's has moved. What is masked and must still be looked at is
 * the caller's: lengths and checksums. A miss says nothing; without this table everything works.
 */
#ifndef VIA_SOCK_KNOWN_H
#define VIA_SOCK_KNOWN_H

#include "net/net.h"
#include "wire/bytes.h"
#include "wire/eth.h"

#define VIA_KNOWN_BITS  6 /* log2 of the entries */
#define VIA_KNOWN_WORDS 8 /* of the headers: 58 bytes over IPv6, 38 over IPv4 */

#define VIA_KNOWN_LOOPED 0x80 /* with an interface number: sent by ourselves, whose addresses are no others' */

#define VIA_KNOWN_HEAD4 (VIA_ETH_LEN + VIA_IP4_LEN)
#define VIA_KNOWN_HEAD6 (VIA_ETH_LEN + VIA_IP6_LEN)

struct VIA_ALIGNED(VIA_LINE) via_known {
    uint64_t head[VIA_KNOWN_WORDS];
    uint32_t gen;  /* the net's; 0: nothing */
    uint32_t turn; /* the demultiplexer's */
    uint64_t sock; /* offset in the region */
    uint32_t iface;
};
static_assert(sizeof(struct via_known) == 2 * VIA_LINE, "the headers fill one line");

struct via_known_table {
    struct via_known at[1u << VIA_KNOWN_BITS];
    bool off; /* nothing is entered */
};

/* Enters the socket for packets like `p`, whose transport header begins at p->off: net has found it good, unicast. */
void via_known_put(struct via_core *c, const struct via_pkt *p, uint32_t ref);

/*
 * Of IPv4 all counts but the type of service, total length, identification, DF, time to live and checksum; of IPv6 all but
 * traffic class, flow label, payload length and hop limit.
 */
static inline uint64_t via_known_mask4(unsigned i) {
    switch (i) {
    case 1:
        return ~via_word8(7, 0xff);
    case 2:
        return via_word16(4, htons(0x3fff)) | via_word8(7, 0xff);
    case 3:
        return ~via_word16(0, 0xffff);
    case 4:
        return ~via_word16(6, 0xffff);
    default:
        return i ? 0 : ~(uint64_t)0;
    }
}

static inline uint64_t via_known_mask6(unsigned i) {
    switch (i) {
    case 1:
        return ~(via_word8(6, 0x0f) | via_word8(7, 0xff));
    case 2:
        return via_word8(4, 0xff) | via_word16(6, 0xffff);
    default:
        return ~(uint64_t)0;
    }
}

/* Where word `i` begins: the last one of IPv6 overlaps, so that it ends with the ports. */
static inline unsigned via_known_at(unsigned i) {
    return i < 7 ? 8 * i : VIA_KNOWN_HEAD6 + 4 - 8;
}

/* The bits of word `i` in which the frame at `at` differs from what the entry was made of. */
static inline uint64_t via_known_odd4(const struct via_known *k, const uint8_t *at, unsigned i) {
    return (k->head[i] ^ via_load64(at + via_known_at(i))) & via_known_mask4(i);
}

static inline uint64_t via_known_odd6(const struct via_known *k, const uint8_t *at, unsigned i) {
    return (k->head[i] ^ via_load64(at + via_known_at(i))) & via_known_mask6(i);
}

static inline bool via_known_fits4(const struct via_known *k, const uint8_t *at) {
    return !(via_known_odd4(k, at, 0) | via_known_odd4(k, at, 1) | via_known_odd4(k, at, 2) |
             via_known_odd4(k, at, 3) | via_known_odd4(k, at, 4));
}

static inline bool via_known_fits6(const struct via_known *k, const uint8_t *at) {
    return !(via_known_odd6(k, at, 0) | via_known_odd6(k, at, 1) | via_known_odd6(k, at, 2) |
             via_known_odd6(k, at, 3) | via_known_odd6(k, at, 4) | via_known_odd6(k, at, 5) |
             via_known_odd6(k, at, 6) | via_known_odd6(k, at, 7));
}

/* Where an entry for a frame would lie. Only the highest bits of a product depend on all bits of its factor. */
static inline uint32_t via_known_slot(uint64_t addrs, uint32_t ports) {
    return (uint32_t)((addrs ^ (uint64_t)ports << 16) * 0x9e3779b97f4a7c15ull >> (64 - VIA_KNOWN_BITS));
}

static inline uint32_t via_known_slot4(const uint8_t *at) {
    return via_known_slot(via_load64(at + VIA_ETH_LEN + 12), via_load32(at + VIA_KNOWN_HEAD4));
}

static inline uint32_t via_known_slot6(const uint8_t *at) {
    const uint8_t *src = at + VIA_ETH_LEN + 8;
    uint64_t dst = via_load64(src + 16) ^ via_load64(src + 24);

    return via_known_slot(via_load64(src) ^ via_load64(src + 8) ^ via_rotl(dst, 32), via_load32(at + VIA_KNOWN_HEAD6));
}

#endif
