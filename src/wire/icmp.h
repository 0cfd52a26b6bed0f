/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * icmp.h - ICMP of both families (RFC 792, RFC 4443): one struct, one list of meanings, and what an error quotes.
 *
 * Checksums are not the parsers' matter, for a message may lie in several frames: sum it from via_icmp_seed().
 */
#ifndef VIA_WIRE_ICMP_H
#define VIA_WIRE_ICMP_H

#include "wire/ip.h"

#define VIA_ICMP_LEN 8

/* What a message means, whatever its family, type and code. */
enum via_icmp_kind {
    VIA_ICMP_OTHER = 0, /* nothing that is spoken here: ignore it; source quench too (RFC 6633) */
    VIA_ICMP_ECHO,
    VIA_ICMP_ECHO_REPLY,
    VIA_ICMP_REDIRECT, /* of IPv4; `arg` is the gateway in network order; those of IPv6 are in nd.h */
    VIA_ICMP_ND,       /* neighbour discovery: via_nd_parse() */
    VIA_ICMP_MLD,      /* multicast listeners: via_mcast_parse() */
    /* Errors, from here on: they quote the packet that they are about. */
    VIA_ICMP_NO_NET,
    VIA_ICMP_NO_HOST,
    VIA_ICMP_NO_PROTO, /* of IPv6: next header not recognized (parameter problem, code 1) */
    VIA_ICMP_NO_PORT,
    VIA_ICMP_PROHIBITED,
    VIA_ICMP_NO_SOURCE_ROUTE, /* source route failed; of IPv6: error in a source routing header */
    VIA_ICMP_BEYOND_SCOPE,    /* of IPv6 alone */
    VIA_ICMP_TOO_BIG,         /* `arg` is the MTU of the link, 0 if an old router does not tell (RFC 1191 5) */
    VIA_ICMP_TTL,
    VIA_ICMP_FRAG_TIME,
    VIA_ICMP_BAD_HEADER, /* `arg` is the offset of the octet */
    VIA_ICMP_BAD_OPTION, /* of IPv4: a required option is missing */
};

struct via_icmp {
    uint8_t kind;    /* enum via_icmp_kind */
    uint8_t version; /* 4 or 6 */
    uint8_t type, code;
    uint16_t id, seq; /* of echoes */
    uint32_t arg;
};

/* True for errors: never answered with an error, and only believed after a look at the quote. */
static inline bool via_icmp_is_error(const struct via_icmp *m) {
    return m->kind >= VIA_ICMP_NO_NET;
}

/* True for a type that RFC 4443 2.1 or RFC 1122 3.2.2 counts among errors, unknown ones too: never answer these. */
bool via_icmp_type_is_error(uint8_t version, uint8_t type);

/* The message in the payload of an IP packet of this version. ICMP_BAD: shorter than 8 bytes. */
int via_icmp_parse(struct via_icmp *m, uint8_t version, const uint8_t *at, size_t len);

/* The parameter problem that answers a packet whose parser left a `fault`, which must not be 0. */
void via_icmp_of_fault(struct via_icmp *m, const struct via_ip_head *h);

/*
 * Writes the 8 bytes that every message here begins with, checksum zero, from kind, version, id, seq, arg, and from
 * code where it is not 0; where it is, the kind's plainest is taken. Kinds that a family lacks take the nearest it has.
 */
int via_icmp_emit(uint8_t *at, const struct via_icmp *m);

/* The running sum to begin an ICMP checksum with: the pseudo-header of IPv6, nothing for IPv4. */
static inline uint64_t via_icmp_seed(const struct via_ip_head *h, uint32_t len) {
    return h->version == 6 ? via_ip_pseudo(h, len) : 0;
}

/* Fills in the checksum of a message of `len` contiguous bytes that shall go out behind the header `h`. */
static inline void via_icmp_seal(uint8_t *at, uint32_t len, const struct via_ip_head *h) {
    via_store16(at + 2, 0);
    via_store16(at + 2, via_sum_end(via_sum_add(via_icmp_seed(h, len), at, len)));
}

/* Makes the reply of an echo request in place: type and checksum. The addresses only change seats in the latter. */
static inline void via_icmp_turn_echo(uint8_t *at, uint8_t version) {
    uint16_t old = via_load16(at);

    at[0] = version == 6 ? 129 : 0;
    via_store16(at + 2, via_sum_update16(via_load16(at + 2), old, via_load16(at)));
}

/* What an ICMP error, or a redirect, says of the packet that it is about: all of it may be forged. */
struct via_quote {
    struct via_addr src, dst; /* as that packet had them: `src` should be ours */
    uint32_t seq;             /* of TCP */
    uint32_t total;           /* total length that the IP header claims */
    uint16_t sport, dport;    /* of UDP and TCP; of echoes the identifier, as sport */
    uint16_t hlen;            /* bytes of IP headers */
    uint8_t version;
    uint8_t proto;
    bool has_ports; /* sport and dport are there */
    bool has_seq;   /* seq is there */
    bool fragment;  /* it was a fragment */
    bool later;     /* and not the first: no transport header begins it */
};

/*
 * Reads the quote behind the 8 bytes of an error's header. Errors are cut anywhere and routers change fields, so
 * neither lengths nor checksums are held against it, only that there is an IP header of that version, and none of IPv6
 * with mapped IPv4 addresses. The result is the length of the IP headers, or ICMP_BAD.
 */
int via_quote_parse(struct via_quote *q, uint8_t version, const uint8_t *at, size_t len);

#endif
