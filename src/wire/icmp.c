/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/check.h"
#include "wire/icmp.h"

enum {
    T4_ECHO_REPLY = 0,
    T4_UNREACHABLE = 3,
    T4_QUENCH = 4,
    T4_REDIRECT = 5,
    T4_ECHO = 8,
    T4_TIME = 11,
    T4_PROBLEM = 12,
    T6_UNREACHABLE = 1,
    T6_TOO_BIG = 2,
    T6_TIME = 3,
    T6_PROBLEM = 4,
    T6_ECHO = 128,
    T6_ECHO_REPLY = 129,
    T6_MLD_QUERY = 130,
    T6_MLD_DONE = 132,
    T6_ND_FIRST = 133,
    T6_ND_LAST = 137,
    T6_MLD2_REPORT = 143,
};

/* RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1. */
static const uint8_t unreachable4[] = {
    VIA_ICMP_NO_NET,  VIA_ICMP_NO_HOST,         VIA_ICMP_NO_PROTO,   VIA_ICMP_NO_PORT,
    VIA_ICMP_TOO_BIG, VIA_ICMP_NO_SOURCE_ROUTE, VIA_ICMP_NO_NET,     VIA_ICMP_NO_HOST,
    VIA_ICMP_NO_HOST, VIA_ICMP_PROHIBITED,      VIA_ICMP_PROHIBITED, VIA_ICMP_NO_NET,
    VIA_ICMP_NO_HOST, VIA_ICMP_PROHIBITED,      VIA_ICMP_PROHIBITED, VIA_ICMP_PROHIBITED,
};
/* RFC 4443 3.1, RFC 6550 20.14 for 7. */
static const uint8_t unreachable6[] = {
    VIA_ICMP_NO_NET,  VIA_ICMP_PROHIBITED, VIA_ICMP_BEYOND_SCOPE, VIA_ICMP_NO_HOST,
    VIA_ICMP_NO_PORT, VIA_ICMP_PROHIBITED, VIA_ICMP_PROHIBITED,   VIA_ICMP_NO_SOURCE_ROUTE,
};
static const uint8_t time_exceeded[] = {VIA_ICMP_TTL, VIA_ICMP_FRAG_TIME};
static const uint8_t problem4[] = {VIA_ICMP_BAD_HEADER, VIA_ICMP_BAD_OPTION, VIA_ICMP_BAD_HEADER};
/* RFC 4443 3.4, RFC 7112 5.3. */
static const uint8_t problem6[] = {VIA_ICMP_BAD_HEADER, VIA_ICMP_NO_PROTO, VIA_ICMP_BAD_OPTION, VIA_ICMP_BAD_HEADER};

static uint8_t pick(const uint8_t *table, size_t n, uint8_t code) {
    return code < n ? table[code] : VIA_ICMP_OTHER;
}

static uint8_t kind_of4(uint8_t type, uint8_t code) {
    switch (type) {
    case T4_ECHO_REPLY:
        return VIA_ICMP_ECHO_REPLY;
    case T4_ECHO:
        return VIA_ICMP_ECHO;
    case T4_UNREACHABLE:
        return pick(unreachable4, sizeof unreachable4, code);
    case T4_REDIRECT:
        return code < 4 ? VIA_ICMP_REDIRECT : VIA_ICMP_OTHER;
    case T4_TIME:
        return pick(time_exceeded, sizeof time_exceeded, code);
    case T4_PROBLEM:
        return pick(problem4, sizeof problem4, code);
    default:
        return VIA_ICMP_OTHER;
    }
}

static uint8_t kind_of6(uint8_t type, uint8_t code) {
    switch (type) {
    case T6_ECHO:
        return VIA_ICMP_ECHO;
    case T6_ECHO_REPLY:
        return VIA_ICMP_ECHO_REPLY;
    case T6_UNREACHABLE:
        return pick(unreachable6, sizeof unreachable6, code);
    case T6_TOO_BIG: /* RFC 4443 3.2: the receiver ignores the code */
        return VIA_ICMP_TOO_BIG;
    case T6_TIME:
        return pick(time_exceeded, sizeof time_exceeded, code);
    case T6_PROBLEM:
        return pick(problem6, sizeof problem6, code);
    default:
        if (type >= T6_ND_FIRST && type <= T6_ND_LAST)
            return VIA_ICMP_ND;
        if ((type >= T6_MLD_QUERY && type <= T6_MLD_DONE) || type == T6_MLD2_REPORT)
            return VIA_ICMP_MLD;
        return VIA_ICMP_OTHER;
    }
}

bool via_icmp_type_is_error(uint8_t version, uint8_t type) {
    if (version == 6)
        return type < 128;
    return type == T4_UNREACHABLE || type == T4_QUENCH || type == T4_REDIRECT || type == T4_TIME || type == T4_PROBLEM;
}

int via_icmp_parse(struct via_icmp *m, uint8_t version, const uint8_t *at, size_t len) {
    if (len < VIA_ICMP_LEN)
        return -VIA_DROP_ICMP_BAD;
    m->version = version;
    m->type = at[0];
    m->code = at[1];
    m->kind = version == 6 ? kind_of6(m->type, m->code) : kind_of4(m->type, m->code);
    m->id = via_get16(at + 4);
    m->seq = via_get16(at + 6);
    m->arg = 0;
    switch (m->kind) {
    case VIA_ICMP_TOO_BIG:
        m->arg = version == 6 ? via_get32(at + 4) : m->seq;
        break;
    case VIA_ICMP_REDIRECT:
        m->arg = via_load32(at + 4);
        break;
    case VIA_ICMP_NO_PROTO:
    case VIA_ICMP_BAD_HEADER:
    case VIA_ICMP_BAD_OPTION:
        if (version == 6)
            m->arg = via_get32(at + 4);
        else if (m->type == T4_PROBLEM)
            m->arg = at[4];
        break;
    default:
        break;
    }
    return VIA_ICMP_LEN;
}

/* Type and plainest code of each kind, of both families. */
static const struct spelling {
    uint8_t type4, code4, type6, code6;
} spellings[] = {
    [VIA_ICMP_ECHO] = {T4_ECHO, 0, T6_ECHO, 0},
    [VIA_ICMP_ECHO_REPLY] = {T4_ECHO_REPLY, 0, T6_ECHO_REPLY, 0},
    [VIA_ICMP_REDIRECT] = {T4_REDIRECT, 1, T6_ND_LAST, 0},
    [VIA_ICMP_NO_NET] = {T4_UNREACHABLE, 0, T6_UNREACHABLE, 0},
    [VIA_ICMP_NO_HOST] = {T4_UNREACHABLE, 1, T6_UNREACHABLE, 3},
    [VIA_ICMP_NO_PROTO] = {T4_UNREACHABLE, 2, T6_PROBLEM, 1},
    [VIA_ICMP_NO_PORT] = {T4_UNREACHABLE, 3, T6_UNREACHABLE, 4},
    [VIA_ICMP_PROHIBITED] = {T4_UNREACHABLE, 13, T6_UNREACHABLE, 1},
    [VIA_ICMP_NO_SOURCE_ROUTE] = {T4_UNREACHABLE, 5, T6_UNREACHABLE, 7},
    [VIA_ICMP_BEYOND_SCOPE] = {T4_UNREACHABLE, 1, T6_UNREACHABLE, 2},
    [VIA_ICMP_TOO_BIG] = {T4_UNREACHABLE, 4, T6_TOO_BIG, 0},
    [VIA_ICMP_TTL] = {T4_TIME, 0, T6_TIME, 0},
    [VIA_ICMP_FRAG_TIME] = {T4_TIME, 1, T6_TIME, 1},
    [VIA_ICMP_BAD_HEADER] = {T4_PROBLEM, 0, T6_PROBLEM, 0},
    [VIA_ICMP_BAD_OPTION] = {T4_PROBLEM, 1, T6_PROBLEM, 2},
};

static void emit_arg(uint8_t *at, const struct via_icmp *m) {
    if (m->kind == VIA_ICMP_ECHO || m->kind == VIA_ICMP_ECHO_REPLY) {
        via_put16(at + 4, m->id);
        via_put16(at + 6, m->seq);
    } else if (m->kind == VIA_ICMP_REDIRECT) {
        via_store32(at + 4, m->arg);
    } else if (m->version == 6) {
        via_put32(at + 4, m->arg);
    } else if (m->kind == VIA_ICMP_TOO_BIG) {
        via_put16(at + 6, (uint16_t)via_min32(m->arg, 65535));
    } else if (at[0] == T4_PROBLEM) {
        at[4] = (uint8_t)m->arg;
    }
}

void via_icmp_of_fault(struct via_icmp *m, const struct via_ip_head *h) {
    memset(m, 0, sizeof *m);
    m->version = h->version;
    m->code = (uint8_t)(h->fault - 1);
    m->kind = pick(problem6, sizeof problem6, m->code);
    m->arg = h->fault_at;
}

int via_icmp_emit(uint8_t *at, const struct via_icmp *m) {
    const struct spelling *s = &spellings[m->kind];
    bool six = m->version == 6;

    VIA_ASSERT(m->kind < VIA_COUNT(spellings) && m->kind != VIA_ICMP_OTHER && m->kind != VIA_ICMP_ND);
    memset(at, 0, VIA_ICMP_LEN);
    at[0] = six ? s->type6 : s->type4;
    at[1] = m->code ? m->code : six ? s->code6 : s->code4;
    emit_arg(at, m);
    return VIA_ICMP_LEN;
}

/* The chain of a quote: headers are stepped over as far as they are there. Returns the offset of the transport. */
static size_t take_ip6(struct via_quote *q, const uint8_t *at, size_t len) {
    size_t i = VIA_IP6_LEN;
    int headers;

    q->total = VIA_IP6_LEN + (uint32_t)via_get16(at + 4);
    q->proto = at[6];
    memcpy(&q->src, at + 8, 32);
    for (headers = 0; headers < VIA_IP6_HEADERS && via_ip6_extends(q->proto) && i + 8 <= len; headers++) {
        bool fragment = q->proto == IPPROTO_FRAGMENT;
        uint16_t off = fragment ? via_get16(at + i + 2) : 0;

        q->fragment |= (off & 0xfff9) != 0;
        q->proto = at[i];
        i += fragment ? VIA_IP6_FRAG_LEN : 8 + at[i + 1] * 8u;
        if (off & 0xfff8) {
            q->later = true;
            q->hlen = (uint16_t)i;
            return len;
        }
    }
    q->hlen = (uint16_t)i;
    return i < len ? i : len;
}

static void take_transport(struct via_quote *q, const uint8_t *at, size_t len) {
    uint8_t echo = q->version == 6 ? T6_ECHO : T4_ECHO;

    if (q->proto == (q->version == 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) && len >= 6 && at[0] == echo) {
        q->sport = via_get16(at + 4);
        q->has_ports = true;
    }
    if ((q->proto != IPPROTO_TCP && q->proto != IPPROTO_UDP) || len < 4)
        return;
    q->sport = via_get16(at);
    q->dport = via_get16(at + 2);
    q->has_ports = true;
    if (q->proto == IPPROTO_TCP && len >= 8) {
        q->seq = via_get32(at + 4);
        q->has_seq = true;
    }
}

/* Returns the offset of the transport header, or `len` if it is not there. */
static size_t take_ip4(struct via_quote *q, const uint8_t *at, size_t len) {
    uint16_t frag = via_get16(at + 6);

    q->hlen = (uint16_t)((at[0] & 15) * 4);
    q->total = via_get16(at + 2);
    q->proto = at[9];
    q->src = via_get_addr4(at + 12);
    q->dst = via_get_addr4(at + 16);
    q->fragment = frag & 0x3fff;
    q->later = frag & 0x1fff;
    return frag & 0x1fff || q->hlen > len ? len : q->hlen;
}

int via_quote_parse(struct via_quote *q, uint8_t version, const uint8_t *at, size_t len) {
    size_t min = version == 6 ? VIA_IP6_LEN : VIA_IP4_LEN, i;

    memset(q, 0, sizeof *q);
    if (len < min || at[0] >> 4 != version || (version == 4 && (at[0] & 15) < 5))
        return -VIA_DROP_ICMP_BAD;
    q->version = version;
    i = version == 4 ? take_ip4(q, at, len) : take_ip6(q, at, len);
    if (version == 6 && (via_addr_is4(&q->src) || via_addr_is4(&q->dst)))
        return -VIA_DROP_ICMP_BAD;
    take_transport(q, at + i, len - i);
    return q->hlen;
}
