/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/ip.h"

enum {
    OPT4_END = 0,
    OPT4_NOP = 1,
    OPT4_LSRR = 131,
    OPT4_SSRR = 137,
    OPT4_ALERT = 148,
    OPT6_PAD1 = 0,
    OPT6_PADN = 1,
    OPT6_ALERT = 5,
    PROBLEM_HEADER = 0, /* codes of ICMPv6 parameter problem (RFC 4443 3.4); of ICMPv4 only 0 is used */
    PROBLEM_NEXT = 1,
    PROBLEM_OPTION = 2,
    PROBLEM_FIRST = 3,
};

static int refuse(struct via_ip_head *h, enum via_drop why, int code, size_t at) {
    h->fault = (uint8_t)(1 + code);
    h->fault_at = (uint16_t)at;
    return -(int)why;
}

int via_ip4_options(struct via_ip_head *h, const uint8_t *at) {
    size_t i = VIA_IP4_LEN, n;

    h->flags |= VIA_IP_OPTIONS;
    for (; i < h->hlen && at[i] != OPT4_END; i += n) {
        if (at[i] == OPT4_NOP) {
            n = 1;
            continue;
        }
        if (i + 2 > h->hlen || (n = at[i + 1]) < 2 || i + n > h->hlen)
            return refuse(h, VIA_DROP_IP_OPTION, PROBLEM_HEADER, i);
        /* RFC 7126 4.3, 4.4: never obeyed, so never let in. */
        if (at[i] == OPT4_LSRR || at[i] == OPT4_SSRR)
            return -VIA_DROP_IP_SOURCE_ROUTE;
        if (at[i] == OPT4_ALERT)
            h->flags |= VIA_IP_ALERT;
    }
    return h->hlen;
}

/* RFC 8200 4.2: the two highest bits say what an unknown option wants. */
static int refuse_option(struct via_ip_head *h, uint8_t type, size_t at) {
    if (type >> 6 == 1)
        return -VIA_DROP_IP6_OPTION;
    if (type >> 6 == 2)
        h->flags |= VIA_IP_FAULT_GROUP;
    return refuse(h, VIA_DROP_IP6_OPTION, PROBLEM_OPTION, at);
}

/* Options in [i, end) of a hop-by-hop or destination options header. */
static int walk_options(struct via_ip_head *h, const uint8_t *at, size_t i, size_t end) {
    bool hop = h->proto == IPPROTO_HOPOPTS;

    while (i < end) {
        if (at[i] == OPT6_PAD1) {
            i++;
            continue;
        }
        if (i + 2 > end || i + 2 + at[i + 1] > end)
            return refuse(h, VIA_DROP_IP6_CHAIN, PROBLEM_HEADER, i);
        if (at[i] == OPT6_ALERT && hop && at[i + 1] == 2)
            h->flags |= VIA_IP_ALERT;
        else if (at[i] != OPT6_PADN && at[i] >> 6)
            return refuse_option(h, at[i], i);
        i += 2 + (size_t)at[i + 1];
    }
    return 0;
}

/* RFC 6946: an atomic fragment is whole, so the walk goes on. Result 1: a real one, the walk is over. */
static int take_fragment(struct via_ip_head *h, const uint8_t *x) {
    uint32_t off = via_get16(x + 2);

    if (h->flags & VIA_IP_FRAG_SEEN)
        return -VIA_DROP_IP6_CHAIN;
    h->flags |= VIA_IP_FRAG_SEEN;
    h->frag_id = via_get32(x + 4);
    h->frag_off = off & 0xfff8;
    if (off & 1)
        h->flags |= VIA_IP_MORE;
    if (!(off & 0xfff9))
        return 0;
    h->flags |= VIA_IP_FRAGMENT;
    return 1;
}

/* One extension header of `n` bytes at h->hlen: 0 go on, 1 stop behind it, negative a drop. */
static int take_header(struct via_ip_head *h, const uint8_t *at, size_t n) {
    const uint8_t *x = at + h->hlen;

    switch (h->proto) {
    case IPPROTO_HOPOPTS:
        if (h->next_at != 6)
            return refuse(h, VIA_DROP_IP6_CHAIN, PROBLEM_NEXT, h->next_at);
        return walk_options(h, at, h->hlen + 2u, h->hlen + n);
    case IPPROTO_DSTOPTS:
        return walk_options(h, at, h->hlen + 2u, h->hlen + n);
    case IPPROTO_ROUTING:
        return x[3] ? refuse(h, VIA_DROP_IP_SOURCE_ROUTE, PROBLEM_HEADER, h->hlen + 2u) : 0;
    default:
        return take_fragment(h, x);
    }
}

int via_ip6_chain(struct via_ip_head *h, const uint8_t *at, size_t len) {
    int headers, stop = 0;

    for (headers = 0; !stop && via_ip6_extends(h->proto); headers++) {
        const uint8_t *x = at + h->hlen;
        size_t n;

        if (headers == VIA_IP6_HEADERS || h->hlen + 8u > len || h->payload < 8)
            return -VIA_DROP_IP6_CHAIN;
        n = h->proto == IPPROTO_FRAGMENT ? VIA_IP6_FRAG_LEN : 8 + x[1] * 8u;
        if (h->hlen + n > len || n > h->payload)
            return -VIA_DROP_IP6_CHAIN;
        if ((stop = take_header(h, at, n)) < 0)
            return stop;
        h->flags |= VIA_IP_OPTIONS;
        h->next_at = h->hlen;
        h->proto = x[0];
        h->hlen = (uint16_t)(h->hlen + n);
        h->payload = (uint16_t)(h->payload - n);
    }
    return h->hlen;
}

/* What a first fragment must hold of the transport header. */
static size_t transport_min(uint8_t proto) {
    switch (proto) {
    case IPPROTO_TCP:
        return 20;
    case IPPROTO_UDP:
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return 8;
    default:
        return 0;
    }
}

/* RFC 7112 5: a first fragment must hold the whole header chain. */
static int refuse_tiny(struct via_ip_head *h) {
    return h->version == 6 ? refuse(h, VIA_DROP_FRAG_TINY, PROBLEM_FIRST, 0) : -VIA_DROP_FRAG_TINY;
}

static int check_first(struct via_ip_head *h, const uint8_t *at, size_t len) {
    struct via_ip_head inner = *h;
    int n = h->version == 6 ? via_ip6_chain(&inner, at, len) : 0;

    if (n == -VIA_DROP_IP6_CHAIN && !inner.fault && inner.proto != IPPROTO_FRAGMENT)
        return refuse_tiny(h);
    if (n < 0) {
        h->fault = inner.fault;
        h->fault_at = inner.fault_at;
        h->flags = inner.flags;
        return n;
    }
    return inner.payload < transport_min(inner.proto) ? refuse_tiny(h) : 0;
}

int via_ip_frag_check(struct via_ip_head *h, const uint8_t *at, size_t len) {
    /* What the length field of the whole datagram counts in front of the fragment's data. */
    uint32_t before = h->version == 6 ? h->hlen - VIA_IP6_LEN - VIA_IP6_FRAG_LEN : h->hlen;

    if (!h->payload)
        return -VIA_DROP_FRAG_BAD;
    /* RFC 8200 4.5 names the fields to point at; of IPv4 nobody wants an answer. */
    if ((h->flags & VIA_IP_MORE) && (h->payload & 7))
        return h->version == 6 ? refuse(h, VIA_DROP_FRAG_BAD, PROBLEM_HEADER, 4) : -VIA_DROP_FRAG_BAD;
    if (before + h->frag_off + h->payload > VIA_IP_MAX)
        return h->version == 6 ? refuse(h, VIA_DROP_FRAG_TOO_LONG, PROBLEM_HEADER, h->hlen - VIA_IP6_FRAG_LEN + 2u)
                               : -VIA_DROP_FRAG_TOO_LONG;
    if (h->frag_off)
        return h->proto == IPPROTO_TCP && h->frag_off < 20 ? -VIA_DROP_FRAG_TINY : 0;
    return check_first(h, at, len);
}

static int emit_alert(uint8_t *at, uint8_t proto) {
    memcpy(at, (const uint8_t[]){proto, 0, OPT6_ALERT, 2, 0, 0, OPT6_PADN, 0}, 8);
    return 8;
}

static int emit_fragment(uint8_t *at, const struct via_ip_head *h) {
    at[0] = h->proto;
    at[1] = 0;
    via_put16(at + 2, (uint16_t)((h->frag_off & 0xfff8) | (h->flags & VIA_IP_MORE ? 1 : 0)));
    via_put32(at + 4, h->frag_id);
    return VIA_IP6_FRAG_LEN;
}

static int emit_ip6_long(uint8_t *at, const struct via_ip_head *h) {
    bool alert = h->flags & VIA_IP_ALERT, fragment = h->flags & VIA_IP_FRAGMENT;
    uint8_t inner = fragment ? IPPROTO_FRAGMENT : h->proto;
    int n = VIA_IP6_LEN;

    via_ip6_emit(at, h);
    via_put16(at + 4, (uint16_t)(via_ip_emit_len(h) - VIA_IP6_LEN + h->payload));
    at[6] = alert ? IPPROTO_HOPOPTS : inner;
    if (alert)
        n += emit_alert(at + n, inner);
    if (fragment)
        n += emit_fragment(at + n, h);
    return n;
}

int via_ip_emit_long(uint8_t *at, const struct via_ip_head *h) {
    int n = via_ip_emit_len(h);

    if (h->version == 6)
        return emit_ip6_long(at, h);
    via_ip4_emit(at, h);
    if (n > VIA_IP4_LEN) {
        at[0] = 0x46;
        via_put16(at + 2, (uint16_t)(n + h->payload));
        memcpy(at + VIA_IP4_LEN, (const uint8_t[]){OPT4_ALERT, 4, 0, 0}, 4);
        via_store16(at + 10, 0);
        via_store16(at + 10, via_sum_end(via_sum_add(0, at, (size_t)n)));
    }
    return n;
}
