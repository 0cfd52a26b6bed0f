/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmtu.h - path MTUs that routers told us (RFC 1191, RFC 8201): destination -> MTU, believed for attribute pmtu_time.
 *
 * A keyed hash and random eviction: what was learned about one destination says nothing about others (CVE-2021-20322).
 * An MTU only ever goes down here, not below 552 for IPv4 and 1280 for IPv6; going up again is forgetting.
 */
#ifndef VIA_NET_PMTU_H
#define VIA_NET_PMTU_H

#include "base/core.h"

#define VIA_PMTU_MAX  1024u /* destinations kept */
#define VIA_PMTU_MIN4 552u
#define VIA_PMTU_MIN6 1280u
#define VIA_PMTU_ECHO 0x80u /* added to the interface: learned about echo replies, and of use for them alone */

struct via_pmtu {
    struct via_tick tick; /* armed for the end of its time */
    struct via_addr dst;
    uint32_t next; /* in the bucket */
    uint16_t mtu;
    uint8_t scope; /* interface of a link-local destination, else 0; VIA_PMTU_ECHO */
    uint8_t pad;
};

/* Embedded in struct via_net as `pmtu`. */
struct via_pmtu_table {
    struct via_pool entries;
    uint64_t buckets; /* offset of the first ids */
    struct via_key key;
    uint32_t mask;
    uint32_t pad;
};

uint64_t via_pmtu_bytes(const struct via_attrs *a);
int via_pmtu_init(struct via_core *c);

/*
 * The smaller of `mtu`, the link's or the route's, and what was learned about `dst`. Of a quoted echo reply nobody can
 * tell whether it was sent, so what is learned from one must not touch flows: it has a scope of its own.
 */
uint32_t via_pmtu_get(const struct via_core *c, const struct via_addr *dst, uint8_t iface, uint32_t mtu);

/*
 * A router says that packets of `sent` bytes to `dst` are too big and that `mtu` (0: it does not tell) would fit.
 * Result: what is believed from now on, 0 if it is no news. Cached paths end.
 */
uint32_t via_pmtu_learn(struct via_core *c, const struct via_addr *dst, uint8_t iface, uint32_t mtu, uint32_t sent);

/* What via_pmtu_learn() would believe. */
uint32_t via_pmtu_clamp(const struct via_addr *dst, uint32_t mtu, uint32_t sent);

void via_pmtu_timer(struct via_core *c, uint32_t index);

#endif
