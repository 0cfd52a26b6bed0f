/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * icmp.h - ICMP of a host, both families (RFC 792, RFC 1122 3.2.2, RFC 4443): echo replies, errors sent, errors
 * believed.
 *
 * Errors sent are limited twice: per destination, by a bucket that a keyed hash picks and whose key changes at random
 * times, and over all, at a price that is random too. Who counts answers at his own address learns nothing about
 * answers to others (CVE-2020-25705).
 */
#ifndef VIA_NET_ICMP_H
#define VIA_NET_ICMP_H

#include "net/bucket.h"
#include "net/net.h"
#include "wire/icmp.h"

#define VIA_ICMP_BUCKETS 256

/* Embedded in struct via_net as `icmp`. */
struct via_icmp_state {
    struct via_key key;
    via_ns_t rekey; /* when the buckets are emptied and the key changes */
    struct via_rate error_rate, dest_rate, echo_rate;
    struct via_bucket errors, echoes;
    struct via_bucket dest[VIA_ICMP_BUCKETS];
    uint64_t errors_sent, echoes_sent;
};

uint64_t via_icmp_bytes(const struct via_attrs *a);
int via_icmp_init(struct via_core *c);

/*
 * ICMP message `p`, at its first byte, behind header `h`. Echo, ND and MLD end here; an error about one of our flows
 * comes back in `rx`. `rx` is DONE where `p` was consumed.
 */
void via_icmp_input(struct via_core *c, struct via_pkt *p, const struct via_ip_head *h, struct via_rx *rx);

/*
 * Answers packet `p`, whose IP header lies at p->l3 and whose first byte is anywhere behind it, with the error `m`
 * (kind, code, arg), unless RFC 1122 3.2.2 or RFC 4443 2.4 forbid it or the rate is used up. `p` stays the caller's.
 * `group_too`: even if it came to a group (packet too big, unknown option). True if it was sent.
 */
bool via_icmp_answer(struct via_core *c, const struct via_pkt *p, const struct via_icmp *m, bool group_too);

#endif
