/* SPDX-License-Identifier: BSD-2-Clause */
#include "script.h"

struct both {
    struct sc_run *r;
    const struct sc_pkt *want;
    struct sc_pkt *got;
};

static void check(const struct both *b, bool ok, const char *what) {
    char w[1024], g[1024];

    if (!ok)
        sc_fail(b->r, "%s\n    expected: %s\n    came:     %s", what, sc_show(b->r, b->want, w, sizeof w),
                sc_show(b->r, b->got, g, sizeof g));
}

static bool sack_fits(const struct sc_opt *w, const struct sc_opt *g) {
    if (w->blocks != g->blocks)
        return false;
    for (unsigned i = 0; i < w->blocks; i++)
        if (w->left[i] != g->left[i] || w->right[i] != g->right[i])
            return false;
    return true;
}

static bool option_fits(const struct sc_opt *w, const struct sc_opt *g) {
    if (w->kind != g->kind)
        return false;
    if (w->any)
        return true;
    if (w->kind == 5)
        return sack_fits(w, g);
    if (w->kind == 34 || w->kind == 255)
        return w->len == g->len && !memcmp(w->raw, g->raw, w->len);
    return sc_in(w->val[0], g->val[0].lo) && sc_in(w->val[1], g->val[1].lo);
}

/* "FO saved" on a later line of the peer. */
static void keep_cookie(struct sc_run *r, const struct sc_pkt *got) {
    for (unsigned i = 0; i < got->opts; i++)
        if (got->opt[i].kind == 34 && got->opt[i].len)
            r->cookie = got->opt[i];
}

static void compare_options(const struct both *b) {
    const struct sc_pkt *w = b->want;

    keep_cookie(b->r, b->got);
    if (w->opts_any)
        return;
    check(b, w->opts == b->got->opts, "other options");
    for (unsigned i = 0; i < w->opts; i++)
        check(b, option_fits(&w->opt[i], &b->got->opt[i]), "other options");
}

static const struct sc_opt *timestamps(const struct sc_pkt *p) {
    for (unsigned i = 0; i < p->opts; i++)
        if (p->opt[i].kind == 8)
            return &p->opt[i];
    return NULL;
}

/* The first packet that a line names fixes where our numbers begin. */
static void learn(struct sc_slot *s, const struct sc_pkt *want, const struct sc_pkt *got) {
    const struct sc_opt *w = timestamps(want), *g = timestamps(got);

    if (!s->ours_known) {
        s->ours_known = true;
        s->ours = got->seq - (want->seq_any ? 0 : want->seq);
    }
    if (!s->ts_known && w && g && !sc_is_any(w->val[0])) {
        s->ts_known = true;
        s->ts_off = (uint32_t)g->val[0].lo - (uint32_t)w->val[0].lo;
    }
}

/* The numbers of a script instead of live ones. */
static void make_relative(const struct sc_slot *s, struct sc_pkt *p) {
    p->seq -= s->ours;
    if (p->has_ack)
        p->ack.lo = p->ack.hi = (uint32_t)p->ack.lo - s->theirs;
    for (unsigned i = 0; i < p->opts; i++) {
        struct sc_opt *o = &p->opt[i];

        for (unsigned k = 0; k < o->blocks; k++) {
            o->left[k] -= s->theirs;
            o->right[k] -= s->theirs;
        }
        if (o->kind == 8 && s->ts_known)
            o->val[0].lo = o->val[0].hi = (uint32_t)o->val[0].lo - s->ts_off;
    }
}

void sc_relative(struct sc_run *r, struct sc_pkt *p) {
    for (unsigned i = 1; i <= SC_SLOTS && p->kind == SC_TCP; i++) {
        struct sc_slot *s = &r->slot[i];

        if (s->rport != p->dport || (s->lport && s->lport != p->sport) || !s->ours_known)
            continue;
        p->slot = i;
        make_relative(s, p);
        return;
    }
}

static void compare_stream(const struct both *b) {
    const struct sc_pkt *g = b->got;
    uint64_t first = (uint64_t)g->seq + (g->flags & SC_SYN ? 1 : 0) - 1;

    for (uint32_t i = 0; i < g->len; i++) {
        uint8_t byte = b->want->fill < 0 ? sc_pattern(first + i) : (uint8_t)b->want->fill;

        if (g->bytes[g->data_at + i] != byte) {
            char what[80];

            snprintf(what, sizeof what, "byte %u of the payload is 0x%02x, not 0x%02x", i, g->bytes[g->data_at + i], byte);
            check(b, false, what);
        }
    }
}

static void compare_tcp(const struct both *b) {
    const struct sc_pkt *w = b->want;
    struct sc_pkt *g = b->got;
    struct sc_slot *s = &b->r->slot[w->slot];

    learn(s, w, g);
    make_relative(s, g);
    check(b, w->flags_any || w->flags == g->flags, "other flags");
    check(b, w->seq_any || w->seq == g->seq, "another sequence number");
    check(b, w->len_any || w->len == g->len, "another length");
    check(b, !w->has_ack || sc_in(w->ack, g->ack.lo), "another acknowledgement number");
    check(b, w->flags_any || g->has_ack || !g->ack.lo || (g->flags & SC_RST), "an acknowledgement number without its flag");
    check(b, sc_in(w->win, g->win.lo), "another window");
    check(b, sc_is_any(w->urg) || sc_in(w->urg, g->urg.lo), "another urgent pointer");
    compare_options(b);
    compare_stream(b);
}

static void compare_udp(const struct both *b) {
    const struct sc_pkt *g = b->got;

    check(b, b->want->len == g->len, "another length");
    for (uint32_t i = 0; i < g->len; i++)
        check(b, g->bytes[g->data_at + i] == (b->want->fill < 0 ? (uint8_t)(i * 7 + g->len) : (uint8_t)b->want->fill),
              "another payload");
}

static void compare_icmp(const struct both *b) {
    const struct sc_pkt *w = b->want, *g = b->got;

    check(b, w->type == g->type && w->code == g->code, "another ICMP message");
    check(b, sc_is_any(w->mtu) || sc_in(w->mtu, g->mtu.lo), "another MTU");
    check(b, sc_is_any(w->id) || sc_in(w->id, g->id.lo), "another identifier");
    check(b, sc_is_any(w->echo_seq) || sc_in(w->echo_seq, g->echo_seq.lo), "another number");
    if (w->quotes) {
        check(b, g->quotes && g->quote_proto == w->quote_proto, "it quotes another packet");
        check(b, g->dport == b->r->slot[w->slot].rport || !w->sport, "it quotes other ports");
        check(b, w->quote_proto != IPPROTO_UDP || w->quote_len == g->quote_len, "it quotes another length");
    } else if (w->len) {
        check(b, w->len == g->len, "another length");
        for (uint32_t i = 0; i < g->len; i++)
            check(b, g->bytes[g->data_at + i] == (uint8_t)(i * 7 + g->len), "another payload");
    }
}

static void compare_ip(const struct both *b) {
    const struct sc_pkt *w = b->want, *g = b->got;
    const struct via_addr *src = w->src_given ? &w->src : &b->r->local, *dst = w->dst_given ? &w->dst : &b->r->remote;

    check(b, via_addr_eq(src, &g->src), "another source address");
    check(b, via_addr_eq(dst, &g->dst), "another destination address");
    check(b, sc_in(w->tos, g->tos.lo), "another traffic class");
    check(b, sc_in(w->ecn, g->ecn.lo), "another ECN mark");
    check(b, sc_in(w->ttl, g->ttl.lo), "another hop limit");
    check(b, sc_in(w->df, g->df.lo), "the don't-fragment bit is otherwise");
    check(b, sc_in(w->flow, g->flow.lo), "another flow label");
}

void sc_compare(struct sc_run *r, const struct sc_pkt *want, struct sc_pkt *got) {
    struct both b = {r, want, got};

    got->slot = want->slot;
    if (got->payload_fault)
        check(&b, false, got->payload_fault);
    check(&b, want->kind == got->kind, "another kind of packet");
    if (want->kind == SC_TCP || want->kind == SC_UDP) {
        struct sc_slot *s = &r->slot[want->slot];
        uint16_t lport = want->sport ? want->sport : s->lport, rport = want->dport ? want->dport : s->rport;

        check(&b, rport == got->dport, "another port of the peer");
        check(&b, !lport || lport == got->sport, "another port of ours");
        if (!s->lport)
            s->lport = got->sport;
    }
    if (want->kind != SC_NEIGH)
        compare_ip(&b);
    switch (want->kind) {
    case SC_TCP:
        compare_tcp(&b);
        break;
    case SC_UDP:
        compare_udp(&b);
        break;
    case SC_ICMP:
        compare_icmp(&b);
        break;
    case SC_FRAG:
        check(&b, want->quote_len == got->quote_len && want->frag_more == got->frag_more &&
                      want->frag_off.lo == got->frag_off.lo, "another fragment");
        break;
    case SC_NEIGH:
        check(&b, want->code == got->code && via_addr_eq(&want->target, &got->target), "another question or answer");
        break;
    default:
        break;
    }
}
