/* SPDX-License-Identifier: BSD-2-Clause */
/* udp.h - the UDP header (RFC 768). */
#ifndef VIA_WIRE_UDP_H
#define VIA_WIRE_UDP_H

#include "wire/sum.h"

#define VIA_UDP_LEN 8

struct via_udp_head {
    uint16_t sport, dport;
    uint16_t len; /* header and data; what lies behind it in the IP payload is surplus, not data */
    uint16_t sum; /* in wire order; 0: the sender left it out */
};

/* UDP_SHORT: cut, or a length below 8 or beyond the `room` bytes of the IP payload. Only `len` of these are at `at`. */
static inline int via_udp_parse(struct via_udp_head *u, const uint8_t *at, size_t len, size_t room) {
    if (VIA_UNLIKELY(len < VIA_UDP_LEN))
        return -VIA_DROP_UDP_SHORT;
    u->sport = via_get16(at);
    u->dport = via_get16(at + 2);
    u->len = via_get16(at + 4);
    u->sum = via_load16(at + 6);
    return VIA_LIKELY(u->len >= VIA_UDP_LEN && u->len <= room) ? VIA_UDP_LEN : -VIA_DROP_UDP_SHORT;
}

static inline int via_udp_emit(uint8_t *at, const struct via_udp_head *u) {
    via_put16(at, u->sport);
    via_put16(at + 2, u->dport);
    via_put16(at + 4, u->len);
    via_store16(at + 6, u->sum);
    return VIA_UDP_LEN;
}

#endif
