/* SPDX-License-Identifier: BSD-2-Clause */
/* arp.h - ARP for IPv4 on Ethernet (RFC 826). Other hardware, protocols and lengths are malformed here. */
#ifndef VIA_WIRE_ARP_H
#define VIA_WIRE_ARP_H

#include "wire/bytes.h"

#define VIA_ARP_LEN 28

enum via_arp_op {
    VIA_ARP_REQUEST = 1,
    VIA_ARP_REPLY = 2,
};

struct via_arp {
    uint16_t op; /* enum via_arp_op; nothing else passes the parser */
    uint8_t sender_mac[6], target_mac[6];
    struct via_addr sender, target; /* mapped IPv4; a sender of 0.0.0.0 is a probe (RFC 5227 1.1) */
};

/* ARP_BAD. A group address as the sender's MAC is malformed. */
static inline int via_arp_parse(struct via_arp *a, const uint8_t *at, size_t len) {
    static const uint8_t ethernet_ip4[] = {0, 1, 8, 0, 6, 4};

    if (len < VIA_ARP_LEN || memcmp(at, ethernet_ip4, sizeof ethernet_ip4) || (at[8] & 1))
        return -VIA_DROP_ARP_BAD;
    a->op = via_get16(at + 6);
    memcpy(a->sender_mac, at + 8, 6);
    a->sender = via_get_addr4(at + 14);
    memcpy(a->target_mac, at + 18, 6);
    a->target = via_get_addr4(at + 24);
    return a->op == VIA_ARP_REQUEST || a->op == VIA_ARP_REPLY ? VIA_ARP_LEN : -VIA_DROP_ARP_BAD;
}

static inline int via_arp_emit(uint8_t *at, const struct via_arp *a) {
    memcpy(at, (const uint8_t[]){0, 1, 8, 0, 6, 4}, 6);
    via_put16(at + 6, a->op);
    memcpy(at + 8, a->sender_mac, 6);
    via_put_addr4(at + 14, &a->sender);
    memcpy(at + 18, a->target_mac, 6);
    via_put_addr4(at + 24, &a->target);
    return VIA_ARP_LEN;
}

#endif
