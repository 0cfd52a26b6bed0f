/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/tcp.h"

enum { FIELD = 0xffffff, UNTOLD = 2 /* marks, RFC 9768 3.2.2.5.1 */, START = 5 /* 3.2.1 */, USUAL = 4, STRETCHED = 6 };

enum { ECN_OFF, ECN_PASSIVE, ECN_ON };

void via_accecn_init(struct via_accecn *a, uint8_t syn) {
    *a = (struct via_accecn){.r_cep = START, .s_cep = START, .told_cep = START, .r_e0b = 1, .r_e1b = 1,
                             .s_e0b = 1, .s_e1b = 1, .syn = syn};
}

uint32_t via_ace_of_syn(uint8_t field) {
    static const uint8_t ace[] = {[VIA_ECN_NONE] = 2, [VIA_ECN_ECT1] = 3, [VIA_ECN_ECT0] = 4, [VIA_ECN_CE] = 6};

    return ace[field & 3];
}

void via_accecn_third(struct via_accecn *a, uint32_t ace) {
    a->shook = true;
    a->no_ect |= ace == 0; /* 3.2.2.1: somebody clears the field */
    a->s_cep += ace == 6;
}

bool via_accecn_got(struct via_accecn *a, uint8_t field, uint32_t len) {
    bool turned = field == VIA_ECN_CE && a->last != VIA_ECN_CE;

    a->r_cep += field == VIA_ECN_CE;
    if (field == VIA_ECN_CE)
        a->r_ceb += len;
    else if (field == VIA_ECN_ECT0)
        a->r_e0b += len;
    else if (field == VIA_ECN_ECT1)
        a->r_e1b += len;
    if (!len) /* ACKs must not answer ACKs for ever */
        return false;
    a->last = field;
    return turned || a->r_cep - a->told_cep >= UNTOLD;
}

/* How much a counter grew; one that ran backward is of an ACK that was overtaken. */
static uint32_t grown(uint32_t *was, uint32_t now) {
    uint32_t by = (now - *was) & FIELD;

    if (by > FIELD / 2)
        return 0;
    *was = now;
    return by;
}

/* True: *marked is how many bytes of the newly acknowledged ones were marked. */
static bool take_option(struct via_accecn *a, const struct via_tcp_opts *o, uint32_t *marked) {
    bool first = !a->opted;
    uint32_t *order[3] = {&a->s_e0b, &a->s_ceb, &a->s_e1b};

    if (!(o->has & VIA_TCP_ACCECN) || a->no_opts || !o->accecn_count)
        return false;
    a->opted = true;
    if (o->accecn_kind == VIA_TCP_ACCECN1) {
        order[0] = &a->s_e1b;
        order[2] = &a->s_e0b;
    }
    if (first && !o->accecn[0]) { /* 3.2.3.2.4: it began with 1 */
        a->no_opts = true;
        return false;
    }
    grown(order[0], o->accecn[0]);
    if (o->accecn_count < 2)
        return false;
    *marked = grown(order[1], o->accecn[1]);
    if (o->accecn_count > 2)
        grown(order[2], o->accecn[2]);
    return true;
}

uint32_t via_accecn_acked(struct via_accecn *a, const struct via_tcp_head *h, uint32_t pkts, uint32_t mss) {
    uint32_t delta = (via_ace_of(h->flags) - a->s_cep) & 7, marked = 0, safe, seen;
    bool told = take_option(a, &h->opt, &marked);

    if (!pkts) /* it may have been overtaken; the next one says it again */
        return 0;
    a->stretch = (uint16_t)(a->stretch + ((int32_t)(via_min32(pkts, 255) * 64) - a->stretch) / 16);
    /* Where ACKs are few as a rule, one of many segments hides nothing (A.2.1 leaves room for such a judgement). */
    if (pkts > 7 && (told ? marked != 0 : a->stretch <= USUAL * 64)) {
        safe = delta > pkts ? delta : pkts - ((pkts - delta) & 7);
        seen = told ? (marked + mss - 1) / mss : safe;
        while (delta < seen && delta + 8 <= safe)
            delta += 8;
    }
    a->s_cep += delta;
    return delta;
}

bool via_accecn_wants(const struct via_accecn *a, via_ns_t now, via_ns_t every) {
    return a->r_ceb != a->told_ceb || a->r_e1b - 1 != a->told_e1b ||
           (a->r_e0b - 1 != a->told_e0b && (!a->told_at || now - a->told_at >= every));
}

void via_accecn_tell(struct via_accecn *a, struct via_tcp_opts *o, via_ns_t now) {
    o->has |= VIA_TCP_ACCECN;
    o->accecn_kind = a->r_e1b > 1 ? VIA_TCP_ACCECN1 : VIA_TCP_ACCECN0;
    o->accecn[0] = (a->r_e1b > 1 ? a->r_e1b : a->r_e0b) & FIELD;
    o->accecn[1] = a->r_ceb & FIELD;
    o->accecn[2] = (a->r_e1b > 1 ? a->r_e0b : a->r_e1b) & FIELD;
    o->accecn_count = now ? 3 : 1; /* a SYN-ACK has little room, and no news */
    a->told_ceb = a->r_ceb;
    a->told_e0b = a->r_e0b - 1;
    a->told_e1b = a->r_e1b - 1;
    a->told_at = now;
}

/* What our SYN asks for; one that may have been lost for it asks for less (RFC 3168 6.1.1.1, RFC 9768 3.1.4.1). */
static uint32_t offered(const struct via_core *c, const struct via_tcp_conn *t) {
    if (c->attrs.tcp_ecn != ECN_ON || t->tries > (c->attrs.tcp_accecn ? 1 : 0))
        return 0;
    return c->attrs.tcp_accecn ? 7 : 3;
}

static void agree(struct via_core *c, struct via_tcp_conn *t, uint8_t field, bool accurate) {
    t->opts |= VIA_TCP_HAS_ECN;
    if (!accurate)
        return;
    if (!via_tcp_more_new(c, t)) {
        t->opts &= (uint8_t)~VIA_TCP_HAS_ECN;
        return;
    }
    t->opts |= VIA_TCP_HAS_ACCECN;
    via_accecn_init(&via_tcp_more(c, t)->ecn, field);
}

/* RFC 9768 3.1.2, table 2: what the peer made of our SYN. */
static void take_answer(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in, uint32_t ace) {
    uint8_t field = in->rx->tos & 3;
    uint32_t asked = offered(c, t);

    if (!asked || ace == 0 || ace == 7)
        return;
    if (asked == 3 || ace == 1 || ace == 5) {
        if ((ace & 3) == 1)
            agree(c, t, field, false);
        return;
    }
    agree(c, t, field, true);
    if (!(t->opts & VIA_TCP_HAS_ACCECN))
        return;
    via_tcp_more(c, t)->ecn.s_cep += ace == 6;
    via_accecn_got(&via_tcp_more(c, t)->ecn, field, 0);
}

void via_tcp_ecn_syn(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    uint32_t ace = via_ace_of(in->h.flags);

    t->opts &= (uint8_t) ~(VIA_TCP_HAS_ECN | VIA_TCP_HAS_ACCECN);
    if (c->attrs.tcp_ecn == ECN_OFF)
        return;
    if (in->h.flags & VIA_TCP_ACK)
        take_answer(c, t, in, ace);
    else if (c->attrs.tcp_accecn && ace && ace != 3)
        agree(c, t, in->rx->tos & 3, true); /* 3.1.3: what is not known yet means no less */
    else if ((ace & 3) == 3)
        agree(c, t, 0, false);
}

uint32_t via_tcp_ecn_of_syn(const struct via_core *c, uint32_t flags) {
    return c->attrs.tcp_ecn != ECN_OFF && (via_ace_of(flags) & 3) == 3 ? VIA_TCP_ECE : 0;
}

uint32_t via_tcp_ecn_flags(const struct via_core *c, const struct via_tcp_conn *t, const struct via_tcp_emit *e) {
    const struct via_accecn *a;

    if (e->flags & VIA_TCP_RST)
        return 0;
    if (e->flags & VIA_TCP_SYN && t->state == VIA_TCP_SYN_SENT)
        return via_ace_flags(offered(c, t));
    if (!(t->opts & VIA_TCP_HAS_ECN))
        return 0;
    if (!(t->opts & VIA_TCP_HAS_ACCECN)) {
        if (e->flags & VIA_TCP_SYN)
            return VIA_TCP_ECE;
        return (t->bits & VIA_TCPB_ECE ? VIA_TCP_ECE : 0u) | (e->ect && t->bits & VIA_TCPB_CWR ? VIA_TCP_CWR : 0u);
    }
    a = &via_tcp_more(c, t)->ecn;
    if (e->flags & VIA_TCP_SYN || (!a->shook && !e->p && !(t->bits & VIA_TCPB_PASSIVE)))
        return via_ace_flags(via_ace_of_syn(a->syn));
    return via_ace_flags(a->r_cep);
}

void via_tcp_ecn_sent(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_emit *e) {
    struct via_accecn *a;

    if (e->flags & VIA_TCP_SYN)
        return;
    if (!(t->opts & VIA_TCP_HAS_ACCECN)) {
        if (e->ect)
            t->bits &= (uint32_t)~VIA_TCPB_CWR;
        return;
    }
    a = &via_tcp_more(c, t)->ecn;
    a->shook |= !(t->bits & VIA_TCPB_PASSIVE);
    a->told_cep = a->r_cep;
}

bool via_tcp_ecn_may_mark(const struct via_core *c, const struct via_tcp_conn *t) {
    return !(t->opts & VIA_TCP_HAS_ACCECN) || !via_tcp_more(c, t)->ecn.no_ect;
}

bool via_tcp_ecn_wants(const struct via_core *c, const struct via_tcp_conn *t) {
    bool stretched = t->rcv.nxt - t->rcv.acked > STRETCHED * (uint32_t)t->rcv.mss; /* ACE alone would be in doubt */

    return (t->opts & VIA_TCP_HAS_ACCECN) && via_tcp_is_synced(t) &&
           via_accecn_wants(&via_tcp_more(c, t)->ecn, via_now(c), stretched ? 0 : t->rtt.srtt / 3);
}

/* RFC 9768 3.2.3.2.2: a SYN-ACK that goes once more may have been lost for its option. */
void via_tcp_ecn_opts(struct via_core *c, struct via_tcp_conn *t, uint32_t flags, struct via_tcp_opts *o) {
    if (!(t->opts & VIA_TCP_HAS_ACCECN) || flags & VIA_TCP_RST)
        return;
    if (flags & VIA_TCP_SYN ? !t->tries && t->state == VIA_TCP_SYN_RECEIVED : via_tcp_ecn_wants(c, t))
        via_accecn_tell(&via_tcp_more(c, t)->ecn, o, flags & VIA_TCP_SYN ? 0 : via_now(c));
}

/* RFC 3168 6.1.3. */
static bool got_classic(struct via_tcp_conn *t, uint32_t flags, uint8_t field) {
    bool was = t->bits & VIA_TCPB_ECE;

    if (flags & VIA_TCP_CWR)
        t->bits &= (uint32_t)~VIA_TCPB_ECE;
    if (field == VIA_ECN_CE)
        t->bits |= VIA_TCPB_ECE;
    return was != ((t->bits & VIA_TCPB_ECE) != 0) || flags & VIA_TCP_CWR;
}

void via_tcp_ecn_got(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    uint8_t field = in->rx->tos & 3;
    struct via_accecn *a;
    bool now;

    if (!(t->opts & VIA_TCP_HAS_ACCECN)) {
        now = in->len && got_classic(t, in->h.flags, field);
    } else {
        a = &via_tcp_more(c, t)->ecn;
        if (!a->shook && (t->bits & VIA_TCPB_PASSIVE)) {
            if (in->len)
                a->shook = true;
            else
                via_accecn_third(a, via_ace_of(in->h.flags));
        }
        now = via_accecn_got(a, field, in->len);
    }
    if (!now)
        return;
    t->bits |= VIA_TCPB_ACK_NOW;
    via_tcp_touch(c, t);
}

uint32_t via_tcp_ecn_acked(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in, uint32_t pkts) {
    uint32_t marks;

    if (t->opts & VIA_TCP_HAS_ACCECN)
        marks = via_accecn_acked(&via_tcp_more(c, t)->ecn, &in->h, pkts, t->snd.mss);
    else
        marks = (in->h.flags & VIA_TCP_ECE) != 0;
    t->count.marks += marks;
    return marks;
}
