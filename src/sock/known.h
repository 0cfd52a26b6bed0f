/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * known.h - whose the datagrams of a moment ago were: from the bytes of a header straight to the socket.
 *
 * An entry says that a packet of these addresses and ports, come in over this interface to its MAC address, is for us
 * and for this socket. That holds while neither the net's generation nor the demultiplexer's has moved. Entries are
 * named by what lies in the header, so that nothing has to be taken out of it first. A miss says nothing; without this
 * table everything works.
 */
#ifndef VIA_SOCK_KNOWN_H
#define VIA_SOCK_KNOWN_H

#include "net/net.h"
#include "wire/bytes.h"

#define VIA_KNOWN_BITS 6 /* log2 of the entries: one page */

struct VIA_ALIGNED(VIA_LINE) via_known {
    uint64_t addr[4]; /* source and destination; of IPv4 both are in the first word, the others are zero */
    uint32_t ports;   /* source and destination */
    uint32_t gen;     /* the net's; 0: nothing */
    uint32_t turn;    /* the demultiplexer's */
    uint16_t version;
    uint16_t iface;
    uint64_t sock; /* offset in the region */
};
static_assert(sizeof(struct via_known) == VIA_LINE, "an entry is one cache line");

struct via_known_table {
    struct via_known at[1u << VIA_KNOWN_BITS];
    bool off; /* nothing is entered */
};

/* Enters the socket for packets like `p`, whose transport header begins at p->off: net has found it good, unicast. */
void via_known_put(struct via_core *c, const struct via_pkt *p, uint32_t ref);

/* One word for two IPv6 addresses. */
static inline uint64_t via_known_mix(const uint64_t src[2], const uint64_t dst[2]) {
    return src[0] ^ src[1] ^ via_rotl(dst[0] ^ dst[1], 32);
}

/* Only the highest bits of a product depend on all bits of its factor. */
static inline uint32_t via_known_slot(uint64_t addrs, uint32_t ports) {
    return (uint32_t)((addrs ^ (uint64_t)ports << 16) * 0x9e3779b97f4a7c15ull >> (64 - VIA_KNOWN_BITS));
}

#endif
