/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire/tcp.h"
#include "base/check.h"

enum {
    OPT_END = 0,
    OPT_NOP = 1,
    OPT_MSS = 2,
    OPT_WSCALE = 3,
    OPT_SACK_OK = 4,
    OPT_SACK = 5,
    OPT_TS = 8,
    OPT_TIMEOUT = 28,
    OPT_COOKIE = 34,
    OPT_EXPERIMENT = 254,
    EXID_COOKIE = 0xf989,
    ACCECN_FIELD = 3,
};

#define NOP_NOP_TS 0x0101080au

/* RFC 7413 4.1.1: an even length from 4 to 16, or none at all. */
static void take_cookie(struct via_tcp_opts *o, const uint8_t *at, unsigned len, bool experiment) {
    if (len > VIA_TCP_COOKIE_MAX || len % 2 || len == 2)
        return;
    o->has = (uint16_t)((o->has & ~VIA_TCP_COOKIE_EXP) | VIA_TCP_COOKIE | (experiment ? VIA_TCP_COOKIE_EXP : 0));
    o->cookie_len = (uint8_t)len;
    memcpy(o->cookie, at, len);
}

static void take_sack(struct via_tcp_opts *o, const uint8_t *at, unsigned len) {
    unsigned i, n = len / 8;

    if (len % 8 || !n || n > VIA_TCP_SACKS)
        return;
    for (i = 0; i < n; i++) {
        o->sack[i].from = via_get32(at + 8 * i);
        o->sack[i].to = via_get32(at + 8 * i + 4);
    }
    o->sacks = (uint8_t)n;
    o->has |= VIA_TCP_SACK;
}

/* RFC 9768 3.2.3: of any length; whole counters are used, the rest is padding. */
static void take_accecn(struct via_tcp_opts *o, uint8_t kind, const uint8_t *at, unsigned len) {
    unsigned i, n = via_min32(len / ACCECN_FIELD, 3);

    for (i = 0; i < n; i++, at += ACCECN_FIELD)
        o->accecn[i] = (uint32_t)at[0] << 16 | via_get16(at + 1);
    o->accecn_kind = kind;
    o->accecn_count = (uint8_t)n;
    o->has |= VIA_TCP_ACCECN;
}

/* RFC 5482 3: a bit for minutes, then 15 bits; zero is reserved and ignored. */
static void take_timeout(struct via_tcp_opts *o, const uint8_t *at) {
    uint16_t v = via_get16(at);

    if (!(v & 0x7fff))
        return;
    o->timeout = (v & 0x7fffu) * (v & 0x8000 ? 60u : 1u);
    o->has |= VIA_TCP_TIMEOUT;
}

/* Options that begin a connection; `len` is without kind and length. */
static void take_of_syn(struct via_tcp_opts *o, uint8_t kind, const uint8_t *at, unsigned len) {
    if (kind == OPT_MSS && len == 2) {
        o->mss = via_get16(at);
        o->has |= VIA_TCP_MSS;
    } else if (kind == OPT_WSCALE && len == 1) {
        o->wscale = at[0];
        o->has |= VIA_TCP_WSCALE;
    } else if (kind == OPT_SACK_OK && len == 0) {
        o->has |= VIA_TCP_SACK_OK;
    } else if (kind == OPT_COOKIE) {
        take_cookie(o, at, len, false);
    } else if (kind == OPT_EXPERIMENT && len >= 2 && via_get16(at) == EXID_COOKIE) {
        take_cookie(o, at + 2, len - 2, true);
    }
}

static void take_option(struct via_tcp_opts *o, uint8_t kind, const uint8_t *at, unsigned len) {
    switch (kind) {
    case OPT_TS:
        if (len != 8)
            return;
        o->tsval = via_get32(at);
        o->tsecr = via_get32(at + 4);
        o->has |= VIA_TCP_TS;
        return;
    case OPT_TIMEOUT:
        if (len == 2)
            take_timeout(o, at);
        return;
    case VIA_TCP_ACCECN0:
    case VIA_TCP_ACCECN1:
        take_accecn(o, kind, at, len);
        return;
    default:
        return;
    }
}

static void parse_options(struct via_tcp_opts *o, const uint8_t *at, unsigned len, bool syn) {
    unsigned i = 0;

    while (i < len && at[i] != OPT_END) {
        if (at[i] == OPT_NOP) {
            i++;
            continue;
        }
        /* RFC 9293 3.1, MUST-7 and MUST-68. */
        if (i + 2 > len || at[i + 1] < 2 || at[i + 1] > len - i) {
            o->has |= VIA_TCP_BROKEN;
            return;
        }
        if (syn)
            take_of_syn(o, at[i], at + i + 2, at[i + 1] - 2u);
        else if (at[i] == OPT_SACK)
            take_sack(o, at + i + 2, at[i + 1] - 2u);
        take_option(o, at[i], at + i + 2, at[i + 1] - 2u);
        i += at[i + 1];
    }
}

int via_tcp_parse(struct via_tcp_head *h, const uint8_t *at, size_t len) {
    if (VIA_UNLIKELY(len < VIA_TCP_LEN))
        return -VIA_DROP_TCP_SHORT;
    h->sport = via_get16(at);
    h->dport = via_get16(at + 2);
    h->seq = via_get32(at + 4);
    h->ack = via_get32(at + 8);
    h->flags = via_get16(at + 12) & 0x1ff;
    h->wnd = via_get16(at + 14);
    h->sum = via_load16(at + 16);
    h->urg = via_get16(at + 18);
    h->hlen = (uint16_t)(at[12] >> 4 << 2);
    h->opt.has = 0;
    if (VIA_UNLIKELY(h->hlen < VIA_TCP_LEN || h->hlen > len))
        return -VIA_DROP_TCP_SHORT;
    if (VIA_LIKELY(h->hlen == VIA_TCP_LEN + 12 && via_get32(at + VIA_TCP_LEN) == NOP_NOP_TS)) {
        h->opt.has = VIA_TCP_TS;
        h->opt.tsval = via_get32(at + 24);
        h->opt.tsecr = via_get32(at + 28);
    } else if (h->hlen > VIA_TCP_LEN) {
        parse_options(&h->opt, at + VIA_TCP_LEN, h->hlen - VIA_TCP_LEN, h->flags & VIA_TCP_SYN);
    }
    return h->hlen;
}

/* Bytes of everything but SACK blocks; each item is padded by itself, as it is written. */
static uint32_t fixed_len(const struct via_tcp_opts *o) {
    bool ts = o->has & VIA_TCP_TS, sack_ok = o->has & VIA_TCP_SACK_OK;
    uint32_t n = ts ? 12 : sack_ok ? 4 : 0;

    n += o->has & VIA_TCP_MSS ? 4 : 0;
    n += o->has & VIA_TCP_WSCALE ? 4 : 0;
    n += o->has & VIA_TCP_TIMEOUT ? 4 : 0;
    if (o->has & VIA_TCP_COOKIE)
        n += (uint32_t)via_round_up(2u + o->cookie_len, 4);
    if (o->has & VIA_TCP_ACCECN)
        n += (uint32_t)via_round_up(2u + ACCECN_FIELD * o->accecn_count, 4);
    return n;
}

uint32_t via_tcp_opts_fit(struct via_tcp_opts *o) {
    uint32_t n = fixed_len(o);

    if (n > VIA_TCP_OPT_MAX) {
        o->has = (uint16_t)(o->has & ~VIA_TCP_COOKIE);
        n = fixed_len(o);
    }
    VIA_ASSERT(n <= VIA_TCP_OPT_MAX);
    if (o->has & VIA_TCP_SACK) {
        uint32_t room = VIA_TCP_OPT_MAX - n;

        o->sacks = (uint8_t)via_min32(o->sacks, room < 12 ? 0 : (room - 4) / 8);
        if (o->sacks)
            n += 4 + 8u * o->sacks;
        else
            o->has = (uint16_t)(o->has & ~VIA_TCP_SACK);
    }
    return n;
}

static uint8_t *put_word(uint8_t *p, uint32_t v) {
    via_put32(p, v);
    return p + 4;
}

/* Fills with NOPs up to a whole word from `start`. */
static uint8_t *pad(uint8_t *p, const uint8_t *start) {
    while ((p - start) % 4)
        *p++ = OPT_NOP;
    return p;
}

static uint8_t *put_wscale(uint8_t *p, const struct via_tcp_opts *o) {
    return o->has & VIA_TCP_WSCALE ? put_word(p, 0x01030300u | o->wscale) : p;
}

/* Timestamps, with SACK permitted in the place of their two NOPs. */
static uint8_t *put_ts_and_sack_ok(uint8_t *p, const struct via_tcp_opts *o) {
    bool sack_ok = o->has & VIA_TCP_SACK_OK;

    if (o->has & VIA_TCP_TS) {
        p = put_word(p, sack_ok ? 0x0402080au : NOP_NOP_TS);
        p = put_word(p, o->tsval);
        return put_word(p, o->tsecr);
    }
    return sack_ok ? put_word(p, 0x01010402u) : p;
}

static uint8_t *put_cookie(uint8_t *p, const struct via_tcp_opts *o) {
    uint8_t *start = p;

    VIA_ASSERT(o->cookie_len <= VIA_TCP_COOKIE_MAX);
    *p++ = OPT_COOKIE;
    *p++ = (uint8_t)(2 + o->cookie_len);
    memcpy(p, o->cookie, o->cookie_len);
    return pad(p + o->cookie_len, start);
}

static uint8_t *put_sack(uint8_t *p, const struct via_tcp_opts *o) {
    unsigned i;

    VIA_ASSERT(o->sacks && o->sacks <= VIA_TCP_SACKS);
    p = put_word(p, 0x01010500u | (2u + 8u * o->sacks));
    for (i = 0; i < o->sacks; i++) {
        p = put_word(p, o->sack[i].from);
        p = put_word(p, o->sack[i].to);
    }
    return p;
}

static uint8_t *put_accecn(uint8_t *p, const struct via_tcp_opts *o) {
    uint8_t *start = p;
    unsigned i;

    VIA_ASSERT(o->accecn_count <= 3);
    *p++ = o->accecn_kind;
    *p++ = (uint8_t)(2 + ACCECN_FIELD * o->accecn_count);
    for (i = 0; i < o->accecn_count; i++, p += ACCECN_FIELD) {
        p[0] = (uint8_t)(o->accecn[i] >> 16);
        via_put16(p + 1, (uint16_t)o->accecn[i]);
    }
    return pad(p, start);
}

static uint8_t *put_timeout(uint8_t *p, const struct via_tcp_opts *o) {
    uint32_t v = o->timeout;

    if (v > 0x7fff)
        v = 0x8000 | via_min32((v + 59) / 60, 0x7fff);
    return put_word(p, OPT_TIMEOUT << 24 | 4 << 16 | v);
}

static uint8_t *put_options(uint8_t *p, const struct via_tcp_opts *o) {
    if (o->has & VIA_TCP_MSS)
        p = put_word(p, OPT_MSS << 24 | 4 << 16 | o->mss);
    if (o->layout == VIA_TCP_AS_BSD)
        p = put_wscale(p, o);
    p = put_ts_and_sack_ok(p, o);
    if (o->layout != VIA_TCP_AS_BSD)
        p = put_wscale(p, o);
    if (o->has & VIA_TCP_COOKIE)
        p = put_cookie(p, o);
    if (o->has & VIA_TCP_TIMEOUT)
        p = put_timeout(p, o);
    if (o->has & VIA_TCP_ACCECN)
        p = put_accecn(p, o);
    if (o->has & VIA_TCP_SACK)
        p = put_sack(p, o);
    return p;
}

int via_tcp_emit(uint8_t *at, struct via_tcp_head *h) {
    uint8_t *end = put_options(at + VIA_TCP_LEN, &h->opt);

    h->hlen = (uint16_t)(end - at);
    VIA_ASSERT(h->hlen <= VIA_TCP_MAX);
    via_put16(at, h->sport);
    via_put16(at + 2, h->dport);
    via_put32(at + 4, h->seq);
    via_put32(at + 8, h->ack);
    via_put16(at + 12, (uint16_t)(h->hlen << 10 | (h->flags & 0x1ff)));
    via_put16(at + 14, h->wnd);
    via_store16(at + 16, h->sum);
    via_put16(at + 18, h->urg);
    return h->hlen;
}
