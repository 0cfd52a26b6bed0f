/* SPDX-License-Identifier: BSD-2-Clause */
/* What a segment means: the list of RFC 9293 3.10.7, and a short way for what nearly all segments are. */
#include "net/input.h"
#include "tcp/tcp.h"

#define ECN_FLAGS (VIA_TCP_AE | VIA_TCP_CWR | VIA_TCP_ECE)
#define NOP_NOP_TS 0x0101080au
#define PAWS_OLD (24u * 24 * 3600 * 1000) /* 24 days in ticks: what is older says nothing (RFC 7323 5.5) */

void via_tcp_challenge(struct via_core *c, struct via_tcp_conn *t) {
    uint16_t period = (uint16_t)(via_now(c) >> 30); /* about a second; whose begin differs for each boot's clock */

    if (period != t->challenge_at) {
        t->challenge_at = period;
        t->challenges = (uint8_t)c->attrs.tcp_challenge_rate;
        /* An off-path prober must not be able to count (CVE-2016-5696). */
        if (t->challenges > 1)
            t->challenges = (uint8_t)(t->challenges - via_rand_below(&c->s->rand, t->challenges / 2u + 1));
    }
    if (!t->challenges)
        return;
    t->challenges--;
    t->bits |= VIA_TCPB_ACK_NOW;
    via_tcp_touch(c, t);
}

static bool sum_is_wrong(const struct via_core *c, const struct via_pkt *p, const struct via_rx *rx) {
    uint64_t sum;

    if (!c->attrs.checksum || ((p->flags & VIA_PKT_CSUM_OK) && c->attrs.checksum == 1) || p->looped)
        return false;
    sum = via_sum_pseudo(&rx->flow.remote, &rx->flow.local, IPPROTO_TCP, p->total);
    if (VIA_LIKELY(!p->chain))
        sum = via_sum_add(sum, via_pkt_data(c, p), p->len);
    else
        sum = via_net_sum(c, p, sum);
    return !via_sum_ok(sum);
}

/* RFC 7323 5.3. A segment that is expected but for its old timestamp is answered; a reset is not judged by it. */
static enum via_drop check_stamp(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    const struct via_tcp_opts *o = &in->h.opt;

    if (!(t->opts & VIA_TCP_HAS_TS) || (in->h.flags & VIA_TCP_RST))
        return VIA_KEPT;
    if (!(o->has & VIA_TCP_TS))
        return VIA_DROP_TCP_NO_STAMP; /* RFC 7323 3.2 */
    if (!via_seq_lt(o->tsval, t->rcv.ts_recent) || via_tcp_now(c, t) - t->rcv.ts_at > PAWS_OLD)
        return VIA_KEPT;
    if (in->len || (in->h.flags & (VIA_TCP_SYN | VIA_TCP_FIN)))
        via_tcp_challenge(c, t);
    return VIA_DROP_TCP_PAWS;
}

/* RFC 7323 4.3: the timestamp to echo is that of the segment that the last ACK reached into. */
static inline void take_stamp(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    if (!(in->h.opt.has & VIA_TCP_TS) || !(t->opts & VIA_TCP_HAS_TS) || !via_seq_le(in->h.seq, t->rcv.acked))
        return;
    t->rcv.ts_recent = in->h.opt.tsval;
    t->rcv.ts_at = via_tcp_now(c, t);
    if (VIA_UNLIKELY(t->more) && in->len >= t->rcv.mss)
        via_tcp_tune_stamp(c, t, in->h.opt.tsecr);
}

/* RFC 9293 3.10.7.4, first: is any of it in the window? An ACK that the window excludes by its data alone counts still. */
static enum via_drop check_seq(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    via_seq_t end = in->h.seq + via_tcp_seg_len(&in->h, in->len);

    if (VIA_LIKELY(via_seq_le(in->h.seq, t->rcv.edge) && via_seq_le(t->rcv.nxt, end)))
        return VIA_KEPT;
    if (in->h.flags & VIA_TCP_RST)
        return VIA_DROP_TCP_WINDOW;
    if (in->len && via_seq_lt(in->h.seq, t->rcv.nxt) && via_seq_lt(t->rcv.nxt - (1u << 30), in->h.seq)) {
        struct via_tcp_in old = *in;

        via_tcp_take_data(c, t, &old); /* reports the duplicate */
        return VIA_DROP_TCP_OLD;
    }
    if (t->state == VIA_TCP_TIME_WAIT && (in->h.flags & VIA_TCP_FIN))
        via_tcp_time_wait(c, t);
    via_tcp_challenge(c, t);
    return VIA_DROP_TCP_WINDOW;
}

/* RFC 5961 3: only the exact number resets. */
static enum via_drop check_rst(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    if (VIA_LIKELY(!(in->h.flags & VIA_TCP_RST)))
        return VIA_KEPT;
    if (t->state == VIA_TCP_TIME_WAIT)
        return VIA_DROP_TCP_RST_WAIT; /* RFC 1337 3 */
    if (in->h.seq != t->rcv.nxt) {
        via_tcp_challenge(c, t);
        return VIA_DROP_TCP_RST_CHALLENGED;
    }
    c->tcp->resets_got++;
    via_tcp_trace(c, t, VIA_TRACE_RESET, 0);
    via_tcp_die(c, t, t->state == VIA_TCP_SYN_RECEIVED ? -ECONNREFUSED : -ECONNRESET);
    return VIA_DROP_TCP_DEAD;
}

static enum via_drop check_syn(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    if (VIA_LIKELY(!(in->h.flags & VIA_TCP_SYN)))
        return VIA_KEPT;
    via_tcp_challenge(c, t); /* RFC 5961 4 */
    return VIA_DROP_TCP_SYN_CHALLENGED;
}

/* SYN_RECEIVED: the third segment of the handshake. */
static enum via_drop take_third(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    bool cookie = !t->board.head;

    if (via_seq_lt(t->snd.nxt, in->h.ack) || (!cookie && via_seq_le(in->h.ack, t->snd.una))) {
        via_tcp_refuse(c, in);
        return VIA_DROP_TCP_ACK_FUTURE;
    }
    if ((t->bits & VIA_TCPB_PASSIVE) && !via_tcp_is_fast_opened(t) && !via_tcp_offer(c, t, in->p->order))
        return VIA_DROP_TCP_BACKLOG; /* it comes again: our SYN-ACK does */
    via_tcp_established(c, t, in);
    if (cookie)
        t->snd.max_wnd = t->snd.wnd;
    return VIA_KEPT;
}

static enum via_drop check_ack(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    enum via_drop why;

    if (!(in->h.flags & VIA_TCP_ACK))
        return VIA_DROP_TCP_FLAGS;
    if (t->state == VIA_TCP_SYN_RECEIVED && (why = take_third(c, t, in)))
        return why;
    return via_tcp_take_ack(c, t, in);
}

/* All of it was here before: the ACK was lost, so the peer gets another one. */
static enum via_drop take_again(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_in *in, bool fin) {
    if (in->len && !(t->bits & VIA_TCPB_EOF))
        via_tcp_take_data(c, t, in); /* reports the duplicate */
    if (fin && t->state == VIA_TCP_TIME_WAIT)
        via_tcp_time_wait(c, t);
    t->bits |= VIA_TCPB_ACK_NOW;
    via_tcp_touch(c, t);
    return VIA_DROP_TCP_OLD;
}

/* Data and FIN. States in which the peer may still send: others have had its FIN. */
static enum via_drop take_text(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_in *in) {
    uint64_t seq = in->p->order;
    via_seq_t end = in->h.seq + in->len;
    bool fin = in->h.flags & VIA_TCP_FIN;
    enum via_drop why = VIA_KEPT;

    if (VIA_UNLIKELY((in->len || fin) && via_seq_le(end + fin, t->rcv.nxt)))
        return take_again(c, t, in, fin);
    if (t->bits & VIA_TCPB_EOF)
        return in->len ? VIA_DROP_TCP_AFTER_FIN : VIA_KEPT;
    if (in->len && via_tcp_is_orphan(t) && via_seq_lt(t->rcv.nxt, end)) {
        via_tcp_reset(c, t, -ECONNABORTED); /* RFC 9293 3.10.7.4: nobody will read it */
        return VIA_DROP_TCP_AFTER_CLOSE;
    }
    if (in->len)
        why = via_tcp_take_data(c, t, in);
    fin = in->h.flags & VIA_TCP_FIN; /* unless it lay outside the window */
    if (fin && !(t->bits & VIA_TCPB_FIN_GOT) && (!why || why == VIA_DROP_TCP_OLD) &&
        via_seq_le(t->rcv.nxt, end)) {
        t->bits |= VIA_TCPB_FIN_GOT | VIA_TCPB_ACK_NOW;
        t->rcv.fin = end;
        via_tcp_touch(c, t);
    }
    if ((t->bits & VIA_TCPB_FIN_GOT) && t->rcv.nxt == t->rcv.fin)
        via_tcp_take_fin(c, t, seq);
    return why;
}

/* The list. The connection may be gone when this returns anything but KEPT. */
static enum via_drop take_segment(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_in *in) {
    enum via_drop why;

    if ((why = check_stamp(c, t, in)) || (why = check_seq(c, t, in)) || (why = check_rst(c, t, in)) ||
        (why = check_syn(c, t, in)))
        return why;
    take_stamp(c, t, in);
    if (VIA_UNLIKELY(t->opts & VIA_TCP_HAS_ECN))
        via_tcp_ecn_got(c, t, in);
    t->last_rx = via_now(c);
    t->probes = 0;
    if ((why = check_ack(c, t, in)))
        return why;
    if (t->state == VIA_TCP_CLOSED)
        return VIA_KEPT;
    why = take_text(c, t, in);
    if (t->state != VIA_TCP_CLOSED && VIA_UNLIKELY((t->bits & VIA_TCPB_DEFER) && t->rcv.queued))
        via_tcp_offer_data(c, t, t->last_rx);
    return why;
}

enum via_drop via_tcp_input_synced(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_in *in) {
    enum via_drop why = take_segment(c, t, in);

    if (why && why != VIA_DROP_TCP_DEAD)
        return why;
    if (in->p)
        via_pkt_release(c, in->p);
    return VIA_KEPT;
}

/*
 * The next segment in order, with nothing about it but data and an ACK that is good: what the list above would do with
 * it, without asking what else it might be. Off by an attribute everything works the same.
 */
static inline bool is_expected(const struct via_core *c, const struct via_tcp_conn *t, const struct via_tcp_in *in) {
    const struct via_tcp_head *h = &in->h;

    return c->attrs.tcp_fast_path && t->state == VIA_TCP_ESTABLISHED && h->seq == t->rcv.nxt &&
           (h->flags & ~(uint32_t)(VIA_TCP_PSH | (t->opts & VIA_TCP_HAS_ECN ? ECN_FLAGS : 0))) == VIA_TCP_ACK && h->opt.has == (t->opts & VIA_TCP_HAS_TS ? VIA_TCP_TS : 0) &&
           !(t->rcv.blocks | (t->bits & (VIA_TCPB_FIN_GOT | VIA_TCPB_DEFER))) &&
           (!(h->opt.has & VIA_TCP_TS) || !via_seq_lt(h->opt.tsval, t->rcv.ts_recent)) &&
           via_seq_le(h->seq + in->len, t->rcv.edge);
}

/* Its ACK tells nothing: it moves nothing on, nothing waits for it, and the window is what it was. */
static inline bool ack_is_idle(const struct via_tcp_conn *t, const struct via_tcp_in *in) {
    return in->h.ack == t->snd.una && in->len && (uint32_t)in->h.wnd << t->snd.wscale == t->snd.wnd &&
           !(t->board.sacked_segs | t->board.lost.head | t->phase) && t->retry < VIA_RETRY_REORDER;
}

static enum via_drop take_expected(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_in *in) {
    enum via_drop why;

    take_stamp(c, t, in);
    if (VIA_UNLIKELY(t->opts & VIA_TCP_HAS_ECN))
        via_tcp_ecn_got(c, t, in);
    t->last_rx = via_now(c);
    t->probes = 0;
    if (!ack_is_idle(t, in)) {
        why = via_tcp_take_ack(c, t, in);
        if (VIA_UNLIKELY(why))
            return why;
    } else {
        t->snd.wl1 = in->h.seq;
        t->tries = 0;
    }
    if (!in->len) {
        via_pkt_release(c, in->p);
        return VIA_KEPT;
    }
    if (VIA_UNLIKELY(c->s->pkts.free <= c->s->reserve || c->s->held >= c->attrs.hold_max))
        return VIA_DROP_NO_BUFFER;
    via_tcp_owe_ack(c, t, in->len);
    via_tcp_deliver(c, t, in->p);
    return VIA_KEPT;
}

/* Its headers are remembered, so that the next one like it takes the shortest way. */
static inline void remember(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    struct via_pkt *p = in->p;
    uint16_t off = p->off;

    p->off = (uint16_t)(off - in->h.hlen);
    via_known_put(c, p, via_tcp_ref(c, t));
    p->off = off;
}

/* Is what the frame carries, at `at`, expected? `in` is filled in as far as take_expected() reads it. */
static inline bool read_expected(const struct via_core *c, const struct via_tcp_conn *t, const uint8_t *at,
                                 const struct via_tcp_frame *w, struct via_tcp_in *in) {
    bool stamps = t->opts & VIA_TCP_HAS_TS;
    uint32_t hlen = stamps ? VIA_TCP_LEN + 12 : VIA_TCP_LEN;
    struct via_tcp_head *h = &in->h;

    if (VIA_UNLIKELY(w->len < hlen ||
                     (via_load16(at + 12) & htons((uint16_t)~VIA_TCP_PSH)) != htons((uint16_t)(hlen << 10 | VIA_TCP_ACK))))
        return false;
    if (VIA_UNLIKELY(stamps && via_load32(at + 20) != htonl(NOP_NOP_TS)))
        return false;
    h->seq = via_get32(at + 4);
    h->ack = via_get32(at + 8);
    h->flags = VIA_TCP_ACK | (at[13] & VIA_TCP_PSH);
    h->wnd = via_get16(at + 14);
    h->hlen = (uint16_t)hlen;
    h->opt.has = stamps ? VIA_TCP_TS : 0;
    h->opt.sacks = 0;
    h->opt.tsval = stamps ? via_get32(at + 24) : 0;
    h->opt.tsecr = stamps ? via_get32(at + 28) : 0;
    in->len = w->len - hlen;
    if (VIA_UNLIKELY(!is_expected(c, t, in) || h->ack - t->snd.una > t->snd.nxt - t->snd.una))
        return false;
    return VIA_LIKELY(!w->verify) ||
           via_sum_ok(via_sum_add((uint64_t)htonl(w->len) + htonl(IPPROTO_TCP), at - w->addrs, w->addrs + w->len));
}

bool via_tcp_known(struct via_tcp_conn *t, struct via_vi *vi, struct via_pkt *p, const struct via_frame *f,
                                const struct via_tcp_frame *w) {
    struct via_core *c = vi->core;
    struct via_tcp_in in;
    enum via_drop why;

    if (VIA_UNLIKELY((t->opts & VIA_TCP_HAS_ECN) || !read_expected(c, t, c->frames + f->addr + w->head, w, &in)))
        return false;
    via_vi_accept(vi, p, f, w->head + in.h.hlen, in.len);
    p->l3 = (uint16_t)((f->addr & (c->frame_size - 1)) + VIA_ETH_LEN);
    p->order = ++c->s->arrivals;
    vi->rx_packets++;
    vi->rx_bytes += f->len;
    t->count.segs_received++;
    c->tcp->rx++;
    c->tcp->fast++;
    in.p = p;
    in.rx = NULL;
    why = take_expected(c, t, &in);
    if (VIA_UNLIKELY(why)) {
        via_drop_count(c, why);
        via_pkt_release(c, p);
    }
    return true;
}

/* TIME_WAIT: a new connection may take over (RFC 6191, RFC 9293 MAY-2). True: this one is gone, ask again who it is for. */
static bool makes_way(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    const struct via_tcp_head *h = &in->h;
    int32_t stamps = (t->opts & VIA_TCP_HAS_TS) && (h->opt.has & VIA_TCP_TS)
                         ? via_seq_diff(h->opt.tsval, t->rcv.ts_recent)
                         : 0;
    bool newer = stamps > 0 || (!stamps && via_seq_lt(t->rcv.nxt, h->seq));

    if (t->state != VIA_TCP_TIME_WAIT || (h->flags & (VIA_TCP_SYN | VIA_TCP_ACK | VIA_TCP_RST)) != VIA_TCP_SYN || !newer)
        return false;
    via_tcp_die(c, t, 0);
    return true;
}

static enum via_drop to_conn(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_in *in) {
    t->count.segs_received++;
    if (VIA_LIKELY(is_expected(c, t, in))) {
        c->tcp->fast++;
        remember(c, t, in);
        return take_expected(c, t, in);
    }
    c->tcp->slow++;
    if (t->state == VIA_TCP_SYN_SENT)
        return via_tcp_input_syn_sent(c, t, in);
    if (t->state == VIA_TCP_SYN_RECEIVED && (in->h.flags & (VIA_TCP_SYN | VIA_TCP_RST)) == VIA_TCP_SYN &&
        in->h.seq + 1 == t->rcv.nxt) {
        if (!(in->h.flags & VIA_TCP_ACK)) { /* the same SYN once more: our answer was lost */
            via_tcp_ecn_syn(c, t, in); /* it may have given up asking for ECN */
            via_tcp_send_syn(c, t);
            return VIA_DROP_TCP_OLD;
        }
        in->h.flags &= (uint16_t)~VIA_TCP_SYN; /* simultaneous open: the peer's SYN-ACK */
        in->h.seq++;
    }
    return via_tcp_input_synced(c, t, in);
}

/* Is it this connection's segment? A slot that is free, or another's by now, is in no table. */
static inline bool is_its(const struct via_sock *k, const struct via_flow *flow) {
    const struct via_flow *f = &k->flow;

    return (k->flags & VIA_SOCK_HASHED) && f->lport == flow->lport && f->rport == flow->rport &&
           via_addr_eq(&f->remote, &flow->remote) && via_addr_eq(&f->local, &flow->local) &&
           (!f->iface || f->iface == flow->iface);
}

/* Who it is for. Where the same ports led a moment ago is asked first; strangers cannot fill more than their guesses. */
static inline uint32_t find_socket(struct via_core *c, const struct via_flow *flow) {
    uint32_t mix = (via_load32(flow->remote.b + 12) ^ ((uint32_t)flow->rport << 16 | flow->lport)) * 0x9e3779b1u;
    uint32_t *guess = &c->tcp->known[mix >> 20], ref = *guess;

    if (VIA_LIKELY(ref && is_its(via_sock_at(c, ref), flow)))
        return ref;
    ref = via_demux_find(c, flow);
    if (ref && via_ref_kind(ref) == VIA_KIND_TCP)
        *guess = ref;
    return ref;
}

static enum via_drop to_socket(struct via_core *c, struct via_tcp_in *in, const struct via_flow *flow) {
    uint32_t ref = find_socket(c, flow);

    if (VIA_LIKELY(ref && via_ref_kind(ref) == VIA_KIND_TCP)) {
        struct via_tcp_conn *t = via_tcp_at(c, ref);

        if (VIA_LIKELY(t->state != VIA_TCP_TIME_WAIT) || !makes_way(c, t, in))
            return to_conn(c, t, in);
        ref = via_demux_find(c, flow);
    }
    if (ref && via_ref_kind(ref) == VIA_KIND_LISTEN)
        return via_tcp_input_listen(c, (struct via_listener *)(void *)via_sock_at(c, ref), in);
    via_tcp_refuse(c, in);
    return VIA_DROP_TCP_NO_LISTENER;
}

enum via_drop via_tcp_input(struct via_core *c, struct via_pkt *p, struct via_rx *rx) {
    struct via_tcp_in in;
    int n = via_tcp_parse(&in.h, via_pkt_data(c, p), p->len);

    if (VIA_UNLIKELY(n < 0))
        return (enum via_drop) - n;
    if (VIA_UNLIKELY(sum_is_wrong(c, p, rx)))
        return VIA_DROP_TCP_CHECKSUM;
    if (VIA_UNLIKELY(rx->group || via_addr_is_multicast(&rx->flow.remote)))
        return VIA_DROP_TCP_GROUP; /* RFC 9293 MUST-57 */
    if (VIA_UNLIKELY(!in.h.sport || !in.h.dport))
        return VIA_DROP_TCP_PORT;
    rx->flow.lport = in.h.dport;
    rx->flow.rport = in.h.sport;
    via_pkt_pull(p, (uint32_t)n);
    in.p = p;
    in.rx = rx;
    in.len = p->total;
    c->tcp->rx++;
    return to_socket(c, &in, &rx->flow);
}

/* RFC 5927: only what is under way can have caused an error, and no error but a refused SYN ends anything. */
static enum via_drop soft_error(struct via_core *c, struct via_tcp_conn *t, const struct via_rx *rx) {
    if (t->state == VIA_TCP_SYN_SENT && rx->hard) {
        via_tcp_die(c, t, rx->reason);
        return VIA_KEPT;
    }
    t->sock.reason = rx->reason;
    via_tcp_trace(c, t, VIA_TRACE_ERROR, (uint32_t)-rx->reason);
    via_ready_raise(c, &t->sock, VIA_EV_ERR, rx->reason, rx->pkt ? rx->pkt->order : 0);
    return VIA_KEPT;
}

enum via_drop via_tcp_error(struct via_core *c, const struct via_rx *rx) {
    uint32_t ref = via_demux_find(c, &rx->flow);
    struct via_tcp_conn *t;
    bool note = !rx->pkt; /* of our own: a neighbour did not answer */

    if (!ref || via_ref_kind(ref) != VIA_KIND_TCP)
        return VIA_DROP_ICMP_NO_FLOW;
    t = via_tcp_at(c, ref);
    if (!note && !via_seq_in(rx->seq, t->snd.una, t->snd.nxt - t->snd.una))
        return VIA_DROP_ICMP_NO_FLOW;
    if (rx->reason != -EMSGSIZE)
        return soft_error(c, t, rx);
    via_net_pmtu(c, rx);
    via_tcp_shrink(c, t);
    return VIA_KEPT;
}
