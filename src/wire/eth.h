/* SPDX-License-Identifier: BSD-2-Clause */
/* eth.h - Ethernet II with at most one 802.1Q tag. A second tag, and 802.1ad, are refused. */
#ifndef VIA_WIRE_ETH_H
#define VIA_WIRE_ETH_H

#include "wire/bytes.h"

#define VIA_ETH_LEN     14
#define VIA_ETH_TAG_LEN 4
#define VIA_ETH_MAX     (VIA_ETH_LEN + VIA_ETH_TAG_LEN)
#define VIA_ETH_MIN     60 /* bytes of a frame without its check sequence; shorter ones are padded on a real wire */

enum via_eth_type {
    VIA_ETH_IP4 = 0x0800,
    VIA_ETH_ARP = 0x0806,
    VIA_ETH_VLAN = 0x8100,
    VIA_ETH_IP6 = 0x86dd,
    VIA_ETH_QINQ = 0x88a8,
};

struct via_eth {
    uint8_t dst[6], src[6];
    uint16_t type; /* enum via_eth_type or another; below 0x600 it is a length (802.3) */
    uint16_t vlan; /* tag control information: priority 3 bits, DEI, identifier 12 bits */
    bool tagged;   /* the tag is, or shall be, in the bytes */
};

/* Identifier of a tag: 0 is "priority only", the frame belongs to no VLAN; 0xfff is reserved. */
static inline uint16_t via_eth_vid(uint16_t vlan) {
    return vlan & 0xfff;
}

/* ETH_SHORT; ETH_TYPE for a second tag. */
static inline int via_eth_parse(struct via_eth *e, const uint8_t *at, size_t len) {
    int n = VIA_ETH_LEN;

    if (VIA_UNLIKELY(len < VIA_ETH_LEN))
        return -VIA_DROP_ETH_SHORT;
    memcpy(e->dst, at, 12);
    e->type = via_get16(at + 12);
    e->vlan = 0;
    e->tagged = e->type == VIA_ETH_VLAN;
    if (VIA_UNLIKELY(e->tagged)) {
        if (len < VIA_ETH_MAX)
            return -VIA_DROP_ETH_SHORT;
        e->vlan = via_get16(at + 14);
        e->type = via_get16(at + 16);
        n = VIA_ETH_MAX;
    }
    if (VIA_UNLIKELY(e->type == VIA_ETH_QINQ || e->type == VIA_ETH_VLAN))
        return -VIA_DROP_ETH_TYPE;
    return n;
}

/* At most VIA_ETH_MAX bytes. */
static inline int via_eth_emit(uint8_t *at, const struct via_eth *e) {
    memcpy(at, e->dst, 12);
    if (e->tagged) {
        via_put16(at + 12, VIA_ETH_VLAN);
        via_put16(at + 14, e->vlan);
        via_put16(at + 16, e->type);
        return VIA_ETH_MAX;
    }
    via_put16(at + 12, e->type);
    return VIA_ETH_LEN;
}

static inline bool via_mac_eq(const uint8_t a[6], const uint8_t b[6]) {
    return !((via_load32(a) ^ via_load32(b)) | (uint32_t)(via_load16(a + 4) ^ via_load16(b + 4)));
}

/* A group address; the broadcast address is one too. */
static inline bool via_mac_is_group(const uint8_t mac[6]) {
    return mac[0] & 1;
}

static inline bool via_mac_is_broadcast(const uint8_t mac[6]) {
    return (via_load32(mac) & via_load32(mac + 2)) == 0xffffffff;
}

static inline bool via_mac_is_zero(const uint8_t mac[6]) {
    return !(via_load32(mac) | via_load32(mac + 2));
}

/* The address of an IP multicast group on Ethernet: RFC 1112 6.4 (23 bits), RFC 2464 7 (32 bits). */
static inline void via_mac_of_group(uint8_t mac[6], const struct via_addr *group) {
    if (via_addr_is4(group)) {
        memcpy(mac, (const uint8_t[]){0x01, 0x00, 0x5e}, 3);
        mac[3] = group->b[13] & 0x7f;
        memcpy(mac + 4, group->b + 14, 2);
    } else {
        mac[0] = mac[1] = 0x33;
        memcpy(mac + 2, group->b + 12, 4);
    }
}

static_assert(offsetof(struct via_eth, src) == 6, "both addresses are moved at once");

#endif
