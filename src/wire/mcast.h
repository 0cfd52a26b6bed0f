/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mcast.h - what hosts and routers say of multicast groups: IGMP v1, v2, v3 (RFC 1112, RFC 2236, RFC 9776) and MLD v1,
 * v2 (RFC 2710, RFC 9777). The two protocols are one in two spellings; versions are counted as IGMP does, so that MLDv1
 * is 2 and MLDv2 is 3.
 *
 * An IGMP message is the payload of an IPv4 packet, an MLD message one of ICMPv6. Checksums as for ICMP: verify from
 * via_icmp_seed() before parsing, fill in with via_icmp_seal().
 */
#ifndef VIA_WIRE_MCAST_H
#define VIA_WIRE_MCAST_H

#include "wire/icmp.h"

#define VIA_MCAST_OLD_MAX 24 /* bytes of a message of via_mcast_emit() */
#define VIA_MCAST_HEAD    8  /* bytes of a report in front of its records */

enum via_mcast_kind {
    VIA_MCAST_OTHER = 0, /* nothing for a host: ignore it; version 3 reports of other hosts too */
    VIA_MCAST_QUERY,
    VIA_MCAST_REPORT, /* of versions 1 and 2 */
    VIA_MCAST_LEAVE,  /* of version 2: IGMP leave, MLD done */
};

struct via_mcast {
    uint8_t kind;          /* enum via_mcast_kind */
    uint8_t version;       /* 1, 2, 3: a query of a lower one makes hosts speak that for a while */
    uint8_t robustness;    /* of version 3 queries: 0 is "not told" */
    bool suppress;         /* of version 3 queries: routers only */
    uint16_t sources;      /* of version 3 queries: how many follow; via_mcast_source() reads them */
    struct via_addr group; /* all zero or ::ffff:0.0.0.0 in a general query */
    via_ns_t max_resp;     /* of queries: answer within this; at least one tick (0.1 s for IGMP, 1 ms for MLD) */
    via_ns_t interval;     /* of version 3 queries: the querier's interval, 0 is "not told" */
};

/*
 * The message of `len` bytes at `at`, which came behind the header `ip`. IGMP_BAD: shorter than its kind or its count
 * of sources, a group that is none, an MLD message without link-local source (reports and done: or ::), hop limit 1 and
 * router alert (RFC 9777 5). Result: length of the part in front of the sources.
 */
int via_mcast_parse(struct via_mcast *m, const struct via_ip_head *ip, const uint8_t *at, size_t len);

/* Source `i` < m->sources of a query that via_mcast_parse() took from `at`. */
static inline struct via_addr via_mcast_source(const uint8_t *at, uint8_t ip_version, unsigned i) {
    return ip_version == 6 ? via_addr_from6(at + 28 + i * 16) : via_get_addr4(at + 12 + i * 4);
}

/* Writes a report or leave of version 1 or 2, checksum zero: 8 bytes of IGMP, 24 of MLD. */
int via_mcast_emit(uint8_t *at, uint8_t ip_version, const struct via_mcast *m);

/* Types of a record in a version 3 report (RFC 9776 4.2.13, RFC 9777 5.2.12). */
enum via_mcast_change {
    VIA_MCAST_IS_INCLUDE = 1,
    VIA_MCAST_IS_EXCLUDE,
    VIA_MCAST_TO_INCLUDE,
    VIA_MCAST_TO_EXCLUDE,
    VIA_MCAST_ALLOW,
    VIA_MCAST_BLOCK,
};

struct via_mcast_record {
    struct via_addr group;
    const struct via_addr *source;
    uint16_t sources;
    uint8_t change; /* enum via_mcast_change */
};

/* Begins a report of version 3: VIA_MCAST_HEAD bytes, no records, checksum zero. */
int via_mcast_report(uint8_t *at, uint8_t ip_version);

/* Bytes of a record. */
static inline size_t via_mcast_record_len(uint8_t ip_version, unsigned sources) {
    return ip_version == 6 ? 20 + sources * 16u : 8 + sources * 4u;
}

/*
 * Appends a record to the report of `len` bytes at `at`. Result: its new length. The caller has seen to it with
 * via_mcast_record_len() that there is room.
 */
int via_mcast_append(uint8_t *at, int len, uint8_t ip_version, const struct via_mcast_record *r);

#endif
