/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ip.h - what the addresses of a packet mean to this host: the part of IP input in which the families differ.
 *
 * A source must be possible: no group, no broadcast address, not unspecified (but where a host that has no address yet
 * speaks), not ours unless we sent it. A destination must be ours, or a group that is listened to. The host model is
 * weak (RFC 1122 3.3.4.2): an own address is ours on whatever interface, but for IPv6 link-local ones.
 */
#ifndef VIA_NET_IP_H
#define VIA_NET_IP_H

#include "vi/pkt.h"
#include "wire/ip.h"

/* 0 if packet `p` with this header is for us; *group tells whether as member of a group. Else why not. */
enum via_drop via_ip4_judge(const struct via_core *c, const struct via_pkt *p, const struct via_ip_head *h,
                            bool *group);
enum via_drop via_ip6_judge(const struct via_core *c, const struct via_pkt *p, const struct via_ip_head *h,
                            bool *group);

static inline enum via_drop via_ip_judge(const struct via_core *c, const struct via_pkt *p, const struct via_ip_head *h,
                                         bool *group) {
    return h->version == 4 ? via_ip4_judge(c, p, h, group) : via_ip6_judge(c, p, h, group);
}

#endif
