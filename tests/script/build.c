/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets of the peer, byte by byte: nothing of the library's own emitters, which are under test. */
#include "script.h"

#include <stdlib.h>

static void put16(uint8_t *at, uint32_t v) {
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v) {
    put16(at, v >> 16);
    put16(at + 2, v & 0xffff);
}

uint8_t sc_pattern(uint64_t position) {
    return (uint8_t)(position % 251);
}

uint16_t sc_sum(const uint8_t *at, size_t len, uint32_t start) {
    uint64_t sum = start;

    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)(at[i] << 8 | at[i + 1]);
    if (len & 1)
        sum += (uint32_t)(at[len - 1] << 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

uint32_t sc_pseudo(const struct sc_run *r, const struct sc_pkt *p, uint8_t proto, uint32_t len) {
    uint32_t sum = proto + (len >> 16) + (len & 0xffff), from = r->six ? 0 : 12;

    for (uint32_t i = from; i < 16; i += 2)
        sum += (uint32_t)(p->src.b[i] << 8 | p->src.b[i + 1]) + (uint32_t)(p->dst.b[i] << 8 | p->dst.b[i + 1]);
    return sum;
}

static uint32_t ip_hlen(const struct sc_run *r) {
    return r->six ? 40 : 20;
}

static uint8_t traffic_class(const struct sc_pkt *p) {
    int64_t tos = sc_is_any(p->tos) ? 0 : p->tos.lo;

    return (uint8_t)(sc_is_any(p->ecn) ? tos : (tos & 0xfc) | p->ecn.lo);
}

/* Header in front of p->size - hlen bytes of payload. */
static void ip_header(struct sc_run *r, struct sc_pkt *p, uint8_t proto) {
    uint8_t *b = p->bytes, ttl = sc_is_any(p->ttl) ? 64 : (uint8_t)p->ttl.lo;
    uint32_t len = p->ip_len == SC_ANY ? p->size : (uint32_t)p->ip_len;

    if (r->six) {
        put32(b, 6u << 28 | (uint32_t)traffic_class(p) << 20 | (sc_is_any(p->flow) ? 0 : (uint32_t)p->flow.lo));
        put16(b + 4, p->ip_len == SC_ANY ? len - 40 : len);
        b[6] = proto;
        b[7] = ttl;
        memcpy(b + 8, p->src.b, 16);
        memcpy(b + 24, p->dst.b, 16);
        return;
    }
    b[0] = 0x45;
    b[1] = traffic_class(p);
    put16(b + 2, len);
    put16(b + 4, p->frag ? 0x4242 : r->ip_id++);
    put16(b + 6, p->frag ? 0 : sc_is_any(p->df) || p->df.lo ? 0x4000 : 0);
    b[8] = ttl;
    b[9] = proto;
    memcpy(b + 12, p->src.b + 12, 4);
    memcpy(b + 16, p->dst.b + 12, 4);
    put16(b + 10, 0);
    put16(b + 10, sc_sum(b, 20, 0) ^ (p->bad_ip_sum ? 0x0101 : 0));
}

static void open_bytes(struct sc_run *r, struct sc_pkt *p, uint32_t payload) {
    p->size = ip_hlen(r) + payload;
    if (p->size > SC_FRAME)
        sc_fail(r, "a packet of %u bytes", p->size);
    p->bytes = calloc(1, p->size + 64);
    if (!p->bytes)
        sc_fail(r, "no memory");
}

static uint32_t emit_option(struct sc_run *r, const struct sc_pkt *p, const struct sc_opt *o, uint8_t *at) {
    const struct sc_slot *s = &r->slot[p->slot];
    uint32_t i;

    at[0] = o->kind;
    switch (o->kind) {
    case 0:
    case 1:
        return 1;
    case 2:
    case 28:
        at[1] = 4;
        put16(at + 2, (uint32_t)o->val[0].lo);
        return 4;
    case 3:
        at[1] = 3;
        at[2] = (uint8_t)o->val[0].lo;
        return 3;
    case 4:
        at[1] = 2;
        return 2;
    case 5:
        at[1] = (uint8_t)(2 + 8 * o->blocks);
        for (i = 0; i < o->blocks; i++) {
            put32(at + 2 + 8 * i, o->left[i] + s->ours);
            put32(at + 6 + 8 * i, o->right[i] + s->ours);
        }
        return at[1];
    case 8:
        at[1] = 10;
        put32(at + 2, (uint32_t)o->val[0].lo);
        put32(at + 6, (uint32_t)o->val[1].lo + (o->val[1].lo && s->ts_known ? s->ts_off : 0));
        return 10;
    case 34:
        at[1] = (uint8_t)(2 + o->len);
        memcpy(at + 2, o->raw, o->len);
        return at[1];
    default:
        memcpy(at, o->raw, o->len);
        return o->len;
    }
}

/* What we are told of sequence numbers that were never seen: any will do. */
static void invent_ours(struct sc_run *r, struct sc_slot *s) {
    if (!s->ours_known) {
        s->ours_known = true;
        s->ours = (uint32_t)(r->conf.seed * 2654435761u);
    }
}

static void fill_stream(const struct sc_pkt *p, uint8_t *at, uint64_t position) {
    for (uint32_t i = 0; i < p->len; i++)
        at[i] = p->fill < 0 ? sc_pattern(position + i) : (uint8_t)p->fill;
}

static void build_tcp(struct sc_run *r, struct sc_pkt *p) {
    struct sc_slot *s = &r->slot[p->slot];
    uint8_t opt[64 + 256], *t;
    uint32_t n = 0, hlen = ip_hlen(r), whole;

    if (p->flags_any || p->seq_any || p->opts_any || (p->has_ack && sc_is_any(p->ack)))
        sc_fail(r, "'*' and '...' are for packets that are expected");
    if (p->has_ack && p->ack.lo)
        invent_ours(r, s);
    for (unsigned i = 0; i < p->opts && n <= 40; i++)
        n += emit_option(r, p, &p->opt[i], opt + n);
    if (n > 40)
        sc_fail(r, "%u bytes of options, 40 are possible", n);
    while (n % 4)
        opt[n++] = 0;
    whole = 20 + n + p->len;
    open_bytes(r, p, whole);
    t = p->bytes + hlen;
    put16(t, p->sport);
    put16(t + 2, p->dport);
    put32(t + 4, p->seq + s->theirs);
    put32(t + 8, p->has_ack ? (uint32_t)p->ack.lo + s->ours : 0);
    t[12] = (uint8_t)((p->doff == SC_ANY ? (20 + n) / 4 : (uint32_t)p->doff & 15) << 4 | (p->flags >> 8 & 1));
    t[13] = (uint8_t)p->flags;
    put16(t + 14, sc_is_any(p->win) ? 65535 : (uint32_t)p->win.lo);
    put16(t + 18, sc_is_any(p->urg) ? 0 : (uint32_t)p->urg.lo);
    memcpy(t + 20, opt, n);
    p->data_at = hlen + 20 + n;
    fill_stream(p, p->bytes + p->data_at, (uint64_t)p->seq + (p->flags & SC_SYN ? 1 : 0) - 1);
    put16(t + 16, sc_sum(t, whole, sc_pseudo(r, p, IPPROTO_TCP, whole)) ^ (p->bad_sum ? 0x5555 : 0));
    ip_header(r, p, IPPROTO_TCP);
}

static void build_udp(struct sc_run *r, struct sc_pkt *p) {
    uint32_t whole = 8 + p->len, sum;
    uint8_t *t;

    open_bytes(r, p, whole);
    t = p->bytes + ip_hlen(r);
    put16(t, p->sport);
    put16(t + 2, p->dport);
    put16(t + 4, whole);
    for (uint32_t i = 0; i < p->len; i++)
        t[8 + i] = p->fill < 0 ? (uint8_t)(i * 7 + p->len) : (uint8_t)p->fill;
    sum = sc_sum(t, whole, sc_pseudo(r, p, IPPROTO_UDP, whole)) ^ (p->bad_sum ? 0x5555u : 0);
    put16(t + 6, sum ? sum : 0xffff);
    ip_header(r, p, IPPROTO_UDP);
}

static void build_frag(struct sc_run *r, struct sc_pkt *p) {
    uint32_t off = (uint32_t)p->frag_off.lo, n = p->quote_len, hlen = ip_hlen(r), gap = r->six ? 8 : 0;
    struct sc_pkt whole;

    p->kind = SC_UDP;
    build_udp(r, p);
    p->kind = SC_FRAG;
    if (off % 8 || off + n > p->size - hlen)
        sc_fail(r, "no such part of %u bytes", p->size - hlen);
    whole = *p;
    open_bytes(r, p, gap + n);
    memcpy(p->bytes + hlen + gap, whole.bytes + hlen + off, n);
    ip_header(r, p, r->six ? 44 : IPPROTO_UDP);
    if (r->six) {
        p->bytes[hlen] = IPPROTO_UDP;
        put16(p->bytes + hlen + 2, off | p->frag_more);
        put32(p->bytes + hlen + 4, 0x42424242);
    } else {
        put16(p->bytes + 6, off / 8 | (p->frag_more ? 0x2000u : 0));
        put16(p->bytes + 10, 0);
        put16(p->bytes + 10, sc_sum(p->bytes, 20, 0));
    }
    free(whole.bytes);
}

/* The packet of ours that an ICMP error quotes: headers and what fits 8 bytes and more of payload. */
static uint32_t build_quote(struct sc_run *r, const struct sc_pkt *p, uint8_t *at) {
    struct sc_slot *s = &r->slot[p->slot];
    struct sc_pkt q = *p;
    uint32_t hlen = ip_hlen(r), head = p->quote_proto == IPPROTO_UDP ? 8 : 20;

    invent_ours(r, s);
    q.src = r->local;
    q.dst = r->remote;
    q.tos = q.ecn = q.ttl = (struct sc_range){SC_ANY, SC_ANY};
    q.ip_len = SC_ANY;
    q.bytes = at;
    q.size = hlen + head + p->quote_len;
    ip_header(r, &q, p->quote_proto);
    at += hlen;
    put16(at, p->dport);
    put16(at + 2, p->sport);
    if (p->quote_proto == IPPROTO_UDP) {
        put16(at + 4, 8 + p->quote_len);
        return hlen + 8;
    }
    put32(at + 4, p->quote_seq + s->ours);
    put32(at + 8, s->theirs + 1);
    at[12] = 5 << 4;
    at[13] = (uint8_t)p->quote_flags;
    return hlen + 20;
}

static void build_icmp(struct sc_run *r, struct sc_pkt *p) {
    uint8_t buf[256] = {0}, *t;
    uint32_t n = p->quotes ? build_quote(r, p, buf) : p->len, whole = 8 + n, start = 0;

    open_bytes(r, p, whole);
    t = p->bytes + ip_hlen(r);
    t[0] = (uint8_t)p->type;
    t[1] = (uint8_t)p->code;
    if (p->quotes)
        memcpy(t + 8, buf, n);
    for (uint32_t i = 0; !p->quotes && i < n; i++)
        t[8 + i] = (uint8_t)(i * 7 + n);
    if (!sc_is_any(p->mtu))
        put32(t + 4, (uint32_t)p->mtu.lo);
    if (!sc_is_any(p->id))
        put16(t + 4, (uint32_t)p->id.lo);
    if (!sc_is_any(p->echo_seq))
        put16(t + 6, (uint32_t)p->echo_seq.lo);
    if (r->six)
        start = sc_pseudo(r, p, IPPROTO_ICMPV6, whole);
    put16(t + 2, sc_sum(t, whole, start) ^ (p->bad_sum ? 0x5555 : 0));
    ip_header(r, p, r->six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
}

static void build_arp(struct sc_run *r, struct sc_pkt *p) {
    uint8_t *b = p->bytes = calloc(1, 64);

    if (!b)
        sc_fail(r, "no memory");
    p->size = 28;
    put16(b, 1);
    put16(b + 2, 0x0800);
    b[4] = 6;
    b[5] = 4;
    put16(b + 6, p->code ? 2 : 1);
    memcpy(b + 8, r->peer_mac, 6);
    memcpy(b + 14, p->src.b + 12, 4);
    if (p->code)
        memcpy(b + 18, r->mac, 6);
    memcpy(b + 24, (p->code ? r->local.b : p->target.b) + 12, 4);
}

static void build_nd(struct sc_run *r, struct sc_pkt *p) {
    uint8_t *t;

    open_bytes(r, p, 32);
    p->ttl = sc_is_any(p->ttl) ? (struct sc_range){255, 255} : p->ttl;
    t = p->bytes + 40;
    t[0] = p->code ? 136 : 135;
    t[4] = p->code ? 0x60 : 0;
    memcpy(t + 8, p->target.b, 16);
    t[24] = p->code ? 2 : 1;
    t[25] = 1;
    memcpy(t + 26, r->peer_mac, 6);
    put16(t + 2, sc_sum(t, 32, sc_pseudo(r, p, IPPROTO_ICMPV6, 32)) ^ (p->bad_sum ? 0x5555 : 0));
    ip_header(r, p, IPPROTO_ICMPV6);
}

struct icmp_name {
    const char *what, *how;
    int type4, code4, type6, code6;
};

static const struct icmp_name icmp_names[] = {
    {"unreachable", "net_unreachable", 3, 0, 1, 0},
    {"unreachable", "host_unreachable", 3, 1, 1, 3},
    {"unreachable", "protocol_unreachable", 3, 2, 4, 1},
    {"unreachable", "port_unreachable", 3, 3, 1, 4},
    {"unreachable", "frag_needed", 3, 4, 2, 0},
    {"unreachable", "source_route_failed", 3, 5, 1, 5},
    {"unreachable", "admin_prohibited", 3, 13, 1, 1},
    {"packet_too_big", "", 3, 4, 2, 0},
    {"time_exceeded", "", 11, 0, 3, 0},
    {"time_exceeded", "reassembly", 11, 1, 3, 1},
    {"parameter_problem", "", 12, 0, 4, 0},
    {"source_quench", "", 4, 0, -1, 0},
    {"echo_request", "", 8, 0, 128, 0},
    {"echo_reply", "", 0, 0, 129, 0},
};

void sc_icmp_names(struct sc_run *r, struct sc_pkt *p, const char *what, const char *how) {
    for (unsigned i = 0; i < sizeof icmp_names / sizeof *icmp_names; i++) {
        const struct icmp_name *n = &icmp_names[i];

        if (strcmp(n->what, what) || strcmp(n->how, how))
            continue;
        p->type = r->six ? n->type6 : n->type4;
        p->code = r->six ? n->code6 : n->code4;
        if (p->type < 0)
            sc_fail(r, "%s is of IPv4 alone", what);
        return;
    }
    sc_fail(r, "no ICMP message is called '%s %s'", what, how);
}

void sc_build(struct sc_run *r, struct sc_pkt *p) {
    struct sc_slot *s = &r->slot[p->slot];

    if (!p->src_given)
        p->src = r->remote;
    if (!p->dst_given)
        p->dst = r->local;
    if (!p->sport)
        p->sport = s->rport;
    if (!p->dport)
        p->dport = s->lport;
    if (p->kind != SC_ICMP && p->kind != SC_NEIGH && !p->dport)
        sc_fail(r, "the port of our end is not known yet");
    switch (p->kind) {
    case SC_TCP:
        build_tcp(r, p);
        break;
    case SC_UDP:
        build_udp(r, p);
        break;
    case SC_FRAG:
        build_frag(r, p);
        break;
    case SC_ICMP:
        build_icmp(r, p);
        break;
    default:
        if (r->six)
            build_nd(r, p);
        else
            build_arp(r, p);
    }
}
