/* SPDX-License-Identifier: BSD-2-Clause */
/* From the first SYN to ESTABLISHED. */
#include "tcp/tcp.h"

static uint8_t wscale_for(const struct via_core *c, const struct via_tcp_conn *t) {
    uint32_t later = t->bits & VIA_TCPB_RCV_SET ? 0 : (uint32_t)c->attrs.tcp_rcvbuf_max;
    uint64_t most = via_max32(via_max32(t->rcv.buf, (uint32_t)c->attrs.tcp_rcvbuf), later);
    uint8_t shift = 0;

    while (shift < VIA_TCP_WSCALE_MAX && most >> shift > UINT16_MAX)
        shift++;
    return shift;
}

void via_tcp_set_mss(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_way *w) {
    uint32_t mtu = w->path.mtu, less = mtu - via_tcp_mtu(c, t, mtu);
    uint32_t mss = via_min32(t->snd.peer_mss, via_tcp_way_mss(w) - less);
    const struct via_vi *vi = c->vi[w->path.vi];

    if (t->way_gen && via_tcp_is_synced(t))
        via_tcp_trace_more(c, t, VIA_TRACE_MSS, mss);
    t->way_gen = w->path.gen;
    if (vi && !(vi->dev->caps & VIA_VI_JUMBO)) /* a segment is one frame there */
        mss = via_min32(mss, c->frame_size - VIA_HEADROOM);
    if (t->opts & VIA_TCP_HAS_TS)
        mss -= 12;
    t->snd.mss = t->snd.most = mss;
    t->snd.big = 0;
}

void via_tcp_syn_opts(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_opts *o) {
    bool answer = t->state == VIA_TCP_SYN_RECEIVED;

    o->mss = (uint16_t)via_min32(via_tcp_way_mss(via_tcp_way(c, t)), UINT16_MAX);
    o->has = VIA_TCP_MSS;
    if (answer ? t->opts & VIA_TCP_HAS_TS : c->attrs.tcp_timestamps) {
        o->has |= VIA_TCP_TS;
        o->tsval = via_tcp_now(c, t);
        o->tsecr = answer ? t->rcv.ts_recent : 0;
    }
    if (answer ? t->opts & VIA_TCP_HAS_SACK : c->attrs.tcp_sack)
        o->has |= VIA_TCP_SACK_OK;
    if (answer ? t->opts & VIA_TCP_HAS_WSCALE : c->attrs.tcp_wscale) {
        o->has |= VIA_TCP_WSCALE;
        o->wscale = answer ? t->rcv.wscale : wscale_for(c, t);
    }
    if (VIA_UNLIKELY(t->bits & VIA_TCPB_FAST))
        via_tcp_fast_opts(c, t, o);
}

static void push_syn(struct via_core *c, struct via_tcp_conn *t) {
    struct via_tcp_seg *segs = via_tcp_segs(c);
    uint32_t id = via_pool_get(&c->tcp->segs, &c->region);

    if (!id)
        return; /* cannot be: there is one for each connection */
    segs[id] = (struct via_tcp_seg){.seq = t->snd.una, .end = t->snd.una + 1, .sent = via_now(c), .flags = VIA_SEG_SYN};
    via_sack_push(&t->board, segs, id);
    t->snd.iss = t->snd.una;
    t->snd.nxt = t->snd.una + 1;
}

/* The first SYN of a Fast Open: with as much data as fits what the server said it would take. */
static void send_fast(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_emit *e) {
    const struct via_cookie_entry *known = via_tcp_fast_find(c, &t->sock.flow.remote);
    uint32_t room;

    if (!known || !t->snd.unsent.head) {
        via_tcp_emit_segment(c, t, e);
        return;
    }
    t->snd.peer_mss = known->mss;
    via_tcp_set_mss(c, t, via_tcp_way(c, t));
    room = via_min32(known->mss, via_tcp_way_mss(via_tcp_way(c, t))) - VIA_TCP_OPT_MAX;
    e->p = via_tcp_take_front(c, t, via_min32(room, via_pkt_at(c, t->snd.unsent.head)->total));
    if (via_tcp_emit_segment(c, t, e) == VIA_SENT && e->p)
        via_tcp_push_front(c, t, e->p);
}

void via_tcp_send_syn(struct via_core *c, struct via_tcp_conn *t) {
    struct via_tcp_emit e = {.seq = t->snd.una, .flags = VIA_TCP_SYN};

    if (t->state == VIA_TCP_SYN_RECEIVED)
        e.flags |= VIA_TCP_ACK;
    if (!t->board.head)
        push_syn(c, t);
    if (VIA_UNLIKELY(t->bits & VIA_TCPB_FAST) && t->state == VIA_TCP_SYN_SENT && !t->tries)
        send_fast(c, t, &e);
    else
        via_tcp_emit_segment(c, t, &e);
    t->last_tx = via_now(c);
    t->retry = VIA_RETRY_RTO;
    via_tcp_arm(c, t, VIA_DUE_RETRY, via_tcp_retry_at(c, t, t->rtt.rto));
}

static uint16_t clamp_mss(const struct via_core *c, const struct via_tcp_conn *t, const struct via_tcp_opts *o) {
    if (!(o->has & VIA_TCP_MSS))
        return via_addr_is4(&t->sock.flow.remote) ? 536 : 1220; /* RFC 9293 MUST-15 */
    return (uint16_t)via_max32(o->mss, (uint32_t)c->attrs.tcp_mss_min);
}

/* What both sides want is what is used; a SYN-ACK may only agree to what our SYN offered. */
static void negotiate(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_opts *o) {
    t->opts = 0;
    if (c->attrs.tcp_timestamps && (o->has & VIA_TCP_TS)) {
        t->opts |= VIA_TCP_HAS_TS;
        t->rcv.ts_recent = o->tsval;
        t->rcv.ts_at = via_tcp_now(c, t);
    }
    if (c->attrs.tcp_sack && (o->has & VIA_TCP_SACK_OK))
        t->opts |= VIA_TCP_HAS_SACK;
    if (c->attrs.tcp_wscale && (o->has & VIA_TCP_WSCALE)) {
        t->opts |= VIA_TCP_HAS_WSCALE;
        t->snd.wscale = (uint8_t)via_min32(o->wscale, VIA_TCP_WSCALE_MAX); /* RFC 7323 2.3 */
        t->rcv.wscale = wscale_for(c, t);
    }
    t->snd.peer_mss = clamp_mss(c, t, o);
}

void via_tcp_take_syn(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    negotiate(c, t, &in->h.opt);
    t->rcv.nxt = t->rcv.acked = in->h.seq + 1;
    t->rcv.edge = t->rcv.nxt + via_min32(t->rcv.buf, UINT16_MAX);
    t->snd.wnd = t->snd.max_wnd = in->h.wnd;
    t->snd.wl1 = in->h.seq;
    t->snd.wl2 = t->snd.una;
    t->last_rx = via_now(c);
    via_tcp_set_mss(c, t, via_tcp_way(c, t));
    via_tcp_ecn_syn(c, t, in);
}

/* The SYN was acknowledged: its round trip is the first sample (Karn: if it was sent once), its segment goes. */
static void settle_syn(struct via_core *c, struct via_tcp_conn *t, via_seq_t ack) {
    struct via_tcp_seg *segs = via_tcp_segs(c);
    struct via_sack_ack a = {.ack = ack, .nxt = t->snd.nxt};
    const struct via_tcp_seg *syn = &segs[t->board.head];
    via_ns_t rtt = via_now(c) - syn->sent + (via_now(c) == syn->sent);

    if (syn->times == 1) {
        via_rtt_sample(&t->rtt, &c->tcp->rtt, rtt, 1);
        via_min_add(&t->rtt.min, 300 * VIA_SEC, via_now(c), rtt);
    } else {
        via_rtt_syn_lost(&t->rtt, &c->tcp->rtt);
        t->bits |= VIA_TCPB_SYN_LOST;
    }
    via_sack_acked(&t->board, segs, &a);
    t->snd.una = ack;
    t->count.sent = 0;
    via_tcp_free_segs(c, t, a.gone);
}

void via_tcp_established(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    bool scaled = !(in->h.flags & VIA_TCP_SYN);

    if (t->board.head)
        settle_syn(c, t, in->h.ack);
    if (t->bits & VIA_TCPB_FAST && !(t->bits & VIA_TCPB_PASSIVE)) {
        via_tcp_fast_learn(c, t, &in->h.opt);
        via_tcp_fast_refused(c, t);
    }
    c->tcp->fast_pending -= via_tcp_is_fast_opened(t);
    t->snd.wnd = (uint32_t)in->h.wnd << (scaled ? t->snd.wscale : 0);
    t->snd.max_wnd = via_max32(t->snd.max_wnd, t->snd.wnd);
    t->snd.wl1 = in->h.seq;
    t->snd.wl2 = in->h.ack;
    t->state = VIA_TCP_ESTABLISHED;
    t->begun = (uint32_t)(via_now(c) / VIA_MS);
    t->retry = VIA_RETRY_NONE;
    t->tries = 0;
    t->stuck = 0;
    via_tcp_disarm(t, VIA_DUE_RETRY);
    via_tcp_disarm(t, VIA_DUE_LIFE);
    if (!via_tcp_is_fast_opened(t))
        via_cc_init(&t->cc, (enum via_cc_algo)t->cc.algo,
                    via_cc_initial_window(t->snd.mss, t->bits & VIA_TCPB_SYN_LOST));
    t->cc.abe = c->attrs.tcp_abe;
    via_tcp_pace_setup(c, t);
    via_tcp_mtu_setup(c, t);
    if (t->bits & VIA_TCPB_KEEP)
        via_tcp_arm(c, t, VIA_DUE_KEEP, via_after(via_now(c), t->keep_idle * VIA_SEC));
    via_tcp_touch(c, t);
    if (t->bits & VIA_TCPB_FIN)
        t->state = VIA_TCP_FIN_WAIT_1;
    if (t->bits & VIA_TCPB_PASSIVE)
        return;
    c->tcp->news++;
    t->sock.flags |= t->sock.set ? 0 : VIA_SOCK_NEWS;
    via_ready_raise(c, &t->sock, VIA_EV_CONNECTED, 0, in->p ? in->p->order : 0);
}

/* RFC 9293 3.10.7.3. */
enum via_drop via_tcp_input_syn_sent(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_in *in) {
    const struct via_tcp_head *h = &in->h;
    bool acks = h->flags & VIA_TCP_ACK;

    if (acks && (via_seq_le(h->ack, t->snd.una) || via_seq_lt(t->snd.nxt, h->ack))) {
        if (!(h->flags & VIA_TCP_RST))
            via_tcp_refuse(c, in);
        return VIA_DROP_TCP_ACK_FUTURE;
    }
    if (h->flags & VIA_TCP_RST) {
        if (!acks)
            return VIA_DROP_TCP_STATE;
        c->tcp->resets_got++;
        via_tcp_die(c, t, -ECONNREFUSED);
        via_pkt_release(c, in->p);
        return VIA_KEPT;
    }
    if (!(h->flags & VIA_TCP_SYN))
        return VIA_DROP_TCP_STATE;
    via_tcp_take_syn(c, t, in);
    if (acks) {
        via_tcp_established(c, t, in);
        t->bits |= VIA_TCPB_ACK_NOW;
        via_pkt_release(c, in->p); /* data that came along comes again (RFC 9293 3.10.7.3 lets it wait) */
        return VIA_KEPT;
    }
    /* Both sides have begun (RFC 9293 3.5, figure 8). */
    t->state = VIA_TCP_SYN_RECEIVED;
    via_tcp_send_syn(c, t);
    via_pkt_release(c, in->p);
    return VIA_KEPT;
}
