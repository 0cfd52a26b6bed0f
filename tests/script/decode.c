/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets of ours, taken apart by hand: nothing of the library's own parsers, which are under test. */
#include "script.h"

#include <stdlib.h>

static uint32_t get16(const uint8_t *at) {
    return (uint32_t)(at[0] << 8 | at[1]);
}

static uint32_t get32(const uint8_t *at) {
    return get16(at) << 16 | get16(at + 2);
}

static struct sc_range exactly(int64_t v) {
    return (struct sc_range){v, v};
}

/* A fault of the packet that no script can want: it fails whatever line it is compared with. */
static void fault(struct sc_pkt *p, const char *why) {
    if (!p->payload_fault)
        p->payload_fault = why;
}

static void take_option(struct sc_opt *o, const uint8_t *at, uint32_t len) {
    o->kind = at[0];
    if (at[0] == 2 && len == 4) {
        o->val[0] = exactly(get16(at + 2));
    } else if (at[0] == 28 && len == 4) {
        o->val[0] = exactly(get16(at + 2));
    } else if (at[0] == 3 && len == 3) {
        o->val[0] = exactly(at[2]);
    } else if (at[0] == 8 && len == 10) {
        o->val[0] = exactly(get32(at + 2));
        o->val[1] = exactly(get32(at + 6));
    } else if (at[0] == 5 && len <= 34 && (len - 2) % 8 == 0) {
        for (o->blocks = 0; o->blocks < (len - 2) / 8; o->blocks++) {
            o->left[o->blocks] = get32(at + 2 + 8 * o->blocks);
            o->right[o->blocks] = get32(at + 6 + 8 * o->blocks);
        }
    } else if (at[0] == 34) {
        o->len = (uint8_t)(len - 2);
        memcpy(o->raw, at + 2, o->len);
    } else if (at[0] > 1 && at[0] != 4) {
        o->kind = 255;
        o->len = (uint8_t)len;
        memcpy(o->raw, at, len);
    }
}

static void take_options(struct sc_pkt *p, const uint8_t *at, uint32_t n) {
    while (n && p->opts < sizeof p->opt / sizeof *p->opt) {
        uint32_t len = *at <= 1 ? 1 : n > 1 ? at[1] : 0;

        if (!len || len > n || (*at > 1 && len < 2)) {
            fault(p, "an option is longer than the header");
            return;
        }
        if (!*at) /* padding */
            return;
        take_option(&p->opt[p->opts++], at, len);
        at += len;
        n -= len;
    }
}

static void decode_tcp(struct sc_run *r, struct sc_pkt *p, uint32_t at) {
    const uint8_t *t = p->bytes + at;
    uint32_t n = p->size - at, hlen;

    p->kind = SC_TCP;
    if (n < 20 || (hlen = (uint32_t)t[12] >> 4 << 2) < 20 || hlen > n) {
        fault(p, "the header of TCP is cut");
        return;
    }
    if (sc_sum(t, n, sc_pseudo(r, p, IPPROTO_TCP, n)))
        fault(p, "the checksum of TCP is wrong");
    p->sport = (uint16_t)get16(t);
    p->dport = (uint16_t)get16(t + 2);
    p->seq = get32(t + 4);
    p->flags = (uint16_t)(t[13] | (t[12] & 1) << 8);
    p->has_ack = t[13] & SC_ACK;
    p->ack = exactly(get32(t + 8));
    p->win = exactly(get16(t + 14));
    p->urg = exactly(get16(t + 18));
    p->len = n - hlen;
    p->data_at = at + hlen;
    take_options(p, t + 20, hlen - 20);
}

static void decode_udp(struct sc_run *r, struct sc_pkt *p, uint32_t at) {
    const uint8_t *t = p->bytes + at;
    uint32_t n = p->size - at;

    p->kind = SC_UDP;
    if (n < 8 || get16(t + 4) != n) {
        fault(p, "the length in the header of UDP is wrong");
        return;
    }
    if (!get16(t + 6) || sc_sum(t, n, sc_pseudo(r, p, IPPROTO_UDP, n)))
        fault(p, "the checksum of UDP is wrong or missing");
    p->sport = (uint16_t)get16(t);
    p->dport = (uint16_t)get16(t + 2);
    p->len = n - 8;
    p->data_at = at + 8;
}

/* What an error of ours quotes. */
static void decode_quote(struct sc_run *r, struct sc_pkt *p, uint32_t at) {
    const uint8_t *q = p->bytes + at;
    uint32_t hlen = r->six ? 40 : 20, n = p->size - at;

    if (n < hlen + 8)
        return;
    p->quotes = true;
    p->quote_proto = r->six ? q[6] : q[9];
    q += hlen;
    p->dport = (uint16_t)get16(q);
    p->sport = (uint16_t)get16(q + 2);
    if (p->quote_proto == IPPROTO_UDP)
        p->quote_len = get16(q + 4) - 8;
    else
        p->quote_seq = get32(q + 4);
}

static void decode_icmp(struct sc_run *r, struct sc_pkt *p, uint32_t at) {
    const uint8_t *t = p->bytes + at;
    uint32_t n = p->size - at;

    p->kind = SC_ICMP;
    if (n < 8) {
        fault(p, "the ICMP message is cut");
        return;
    }
    if (sc_sum(t, n, r->six ? sc_pseudo(r, p, IPPROTO_ICMPV6, n) : 0))
        fault(p, "the checksum of ICMP is wrong");
    p->type = t[0];
    p->code = t[1];
    p->len = n - 8;
    p->data_at = at + 8;
    if (r->six ? t[0] == 128 || t[0] == 129 : t[0] == 0 || t[0] == 8) {
        p->id = exactly(get16(t + 4));
        p->echo_seq = exactly(get16(t + 6));
    } else if (r->six && (t[0] == 135 || t[0] == 136) && n >= 24) {
        p->kind = SC_NEIGH;
        p->code = t[0] == 136;
        memcpy(p->target.b, t + 8, 16);
    } else {
        p->mtu = exactly(get32(t + 4));
        decode_quote(r, p, at + 8);
    }
}

static void decode_payload(struct sc_run *r, struct sc_pkt *p, uint8_t proto, uint32_t at) {
    if (proto == IPPROTO_TCP)
        decode_tcp(r, p, at);
    else if (proto == IPPROTO_UDP)
        decode_udp(r, p, at);
    else if (proto == (r->six ? IPPROTO_ICMPV6 : IPPROTO_ICMP))
        decode_icmp(r, p, at);
    else
        p->kind = SC_OTHER;
}

static void decode_ip4(struct sc_run *r, struct sc_pkt *p) {
    const uint8_t *b = p->bytes;
    uint32_t hlen = (b[0] & 15u) * 4, off = get16(b + 6);
    uint32_t be;

    if (p->size < 20 || hlen < 20 || get16(b + 2) < hlen || get16(b + 2) > p->size) {
        fault(p, "the IPv4 header is wrong");
        return;
    }
    p->size = get16(b + 2);
    if (sc_sum(b, hlen, 0))
        fault(p, "the checksum of IPv4 is wrong");
    p->tos = exactly(b[1]);
    p->ecn = exactly(b[1] & 3);
    p->ttl = exactly(b[8]);
    p->df = exactly(off >> 14 & 1);
    memcpy(&be, b + 12, 4);
    p->src = via_addr_from4(be);
    memcpy(&be, b + 16, 4);
    p->dst = via_addr_from4(be);
    p->frag_more = off & 0x2000;
    p->frag_off = exactly((off & 0x1fff) * 8);
    if (off & 0x3fff) {
        p->kind = SC_FRAG;
        p->quote_len = p->size - hlen;
        return;
    }
    decode_payload(r, p, b[9], hlen);
}

static void decode_ip6(struct sc_run *r, struct sc_pkt *p) {
    const uint8_t *b = p->bytes;
    uint32_t at = 40, off;
    uint8_t proto = b[6];

    if (p->size < 40 || get16(b + 4) + 40 > p->size) {
        fault(p, "the IPv6 header is wrong");
        return;
    }
    p->size = get16(b + 4) + 40;
    p->tos = exactly(get32(b) >> 20 & 255);
    p->ecn = exactly(get32(b) >> 20 & 3);
    p->flow = exactly(get32(b) & 0xfffff);
    p->ttl = exactly(b[7]);
    p->df = exactly(1);
    p->src = via_addr_from6(b + 8);
    p->dst = via_addr_from6(b + 24);
    if (proto == 0 && at + 8 <= p->size) { /* hop by hop: router alert */
        proto = b[at];
        at += 8u + b[at + 1] * 8u;
    }
    if (proto == 44 && at + 8 <= p->size) {
        off = get16(b + at + 2);
        p->kind = SC_FRAG;
        p->frag_more = off & 1;
        p->frag_off = exactly(off & ~7u);
        p->quote_len = p->size - at - 8;
        return;
    }
    decode_payload(r, p, proto, at);
}

static void decode_arp(struct sc_pkt *p) {
    uint32_t be;

    p->kind = SC_NEIGH;
    if (p->size < 28) {
        fault(p, "the ARP message is cut");
        return;
    }
    p->code = get16(p->bytes + 6) == 2;
    memcpy(&be, p->bytes + (p->code ? 14 : 24), 4);
    p->target = via_addr_from4(be);
}

/* Membership reports, and announcements of our own address (RFC 5227 2.3), come by themselves. */
static bool is_housekeeping(const struct sc_run *r, const struct sc_pkt *p) {
    if (p->kind == SC_NEIGH)
        return !p->code && via_addr_eq(&p->target, &r->local);
    return via_addr_is_multicast(&p->dst) && (p->kind == SC_OTHER || (p->kind == SC_ICMP && p->type == 143));
}

bool sc_decode(struct sc_run *r, struct sc_pkt *p, const uint8_t *frame, uint32_t len) {
    uint32_t type = get16(frame + 12);

    memset(p, 0, sizeof *p);
    p->fill = -1;
    p->at = r->now;
    p->kind = SC_OTHER;
    p->size = len - 14;
    p->bytes = malloc(len);
    if (!p->bytes)
        sc_fail(r, "no memory");
    memcpy(p->bytes, frame + 14, p->size);
    if (type == 0x0806)
        decode_arp(p);
    else if (type == 0x0800)
        decode_ip4(r, p);
    else if (type == 0x86dd)
        decode_ip6(r, p);
    if (!r->conf.keep_mcast && is_housekeeping(r, p)) {
        free(p->bytes);
        return false;
    }
    return true;
}
