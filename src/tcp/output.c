/* SPDX-License-Identifier: BSD-2-Clause */
/* What goes, when, and how much of it: first what was lost, then new data, then the ACK if nothing carried it. */
#include "tcp/tcp.h"

uint32_t via_tcp_usable(const struct via_tcp_conn *t) {
    uint32_t out = t->snd.nxt - t->snd.una;

    return t->snd.wnd > out ? t->snd.wnd - out : 0;
}

uint32_t via_tcp_window(const struct via_tcp_conn *t) {
    bool prr = (t->phase == VIA_PHASE_RECOVERY || t->phase == VIA_PHASE_CWR) && !t->cc.sampled;

    return prr ? t->snd.window : t->cc.cwnd;
}

/* Limited transmit (RFC 3042) needs nothing of its own: what a duplicate tells has left the pipe. */
static bool fits_window(const struct via_tcp_conn *t, uint32_t len) {
    uint32_t pipe = via_sack_pipe(&t->board);

    return pipe + len <= via_tcp_window(t) || (!pipe && !t->board.segs);
}

static void count_out(struct via_core *c, struct via_tcp_conn *t, uint32_t len, bool again) {
    c->tcp->tx_bytes += len;
    t->count.sent += len;
    if (VIA_UNLIKELY(t->phase == VIA_PHASE_RECOVERY || t->phase == VIA_PHASE_CWR))
        via_prr_sent(&t->prr, len);
    if (VIA_UNLIKELY(t->bits & VIA_TCPB_PACED))
        via_tcp_pace_sent(c, t, len);
    if (!again)
        return;
    t->count.resent += len;
    t->count.segs_resent++;
    c->tcp->resent++;
}

static inline bool is_held(struct via_core *c, struct via_tcp_conn *t) {
    return VIA_UNLIKELY(t->bits & VIA_TCPB_PACED) && via_tcp_pace_holds(c, t);
}

static uint32_t data_len(const struct via_tcp_seg *s) {
    return s->end - s->seq - !!(s->flags & VIA_SEG_FIN) - !!(s->flags & VIA_SEG_SYN);
}

/* A packet became too large for the path: the segment is cut in two, and so is what it carries. */
static bool split_seg(struct via_core *c, struct via_tcp_conn *t, uint32_t id) {
    struct via_tcp_seg *segs = via_tcp_segs(c);
    struct via_pkt *p = via_pkt_at(c, segs[id].data), *front = via_tcp_front(c, t, p, t->snd.mss);
    uint32_t rest = front ? via_pool_get(&c->tcp->segs, &c->region) : 0;

    if (!rest) {
        if (front)
            via_tcp_skip(c, t, front, UINT32_MAX);
        return false;
    }
    via_tcp_skip(c, t, p, t->snd.mss);
    via_sack_split(&t->board, segs, id, rest, segs[id].seq + t->snd.mss);
    segs[id].data = via_pkt_id(c, front);
    segs[id].flags = (uint16_t)(segs[id].flags & ~VIA_SEG_FIN);
    segs[rest].data = via_pkt_id(c, p);
    return true;
}

static bool resend(struct via_core *c, struct via_tcp_conn *t, uint32_t id) {
    struct via_tcp_seg *segs = via_tcp_segs(c), *s = &segs[id];
    struct via_tcp_emit e = {.seq = s->seq, .flags = VIA_TCP_ACK};
    struct via_pkt *p = s->data ? via_pkt_at(c, s->data) : NULL;
    uint32_t len = data_len(s);

    if (p && p->total > len)
        via_tcp_skip(c, t, p, p->total - len); /* the front was acknowledged */
    if (p && !len) {
        s->data = 0; /* FIN alone is left */
        p = NULL;
    }
    if (p && len > t->snd.most) {
        if (!split_seg(c, t, id))
            return false;
        p = via_pkt_at(c, s->data);
        len = data_len(s);
    }
    e.p = p;
    e.flags |= (s->flags & VIA_SEG_FIN ? VIA_TCP_FIN : 0) | (p ? VIA_TCP_PSH : 0);
    if (via_tcp_emit_segment(c, t, &e) != VIA_SENT)
        return false;
    s->sent = via_now(c);
    s->tsval = via_tcp_now(c, t);
    if (VIA_UNLIKELY(t->cc.sampled))
        via_tcp_sample_sent(c, t, id, via_sack_pipe(&t->board));
    via_sack_resent(&t->board, segs, id);
    via_tcp_trace(c, t, VIA_TRACE_RESENT, s->seq - t->snd.iss - 1);
    via_undo_resent(&t->undo, s->end - s->seq, s->tsval, t->opts & VIA_TCP_HAS_TS);
    count_out(c, t, len, true);
    return true;
}

static void resend_lost(struct via_core *c, struct via_tcp_conn *t) {
    const struct via_tcp_seg *segs = via_tcp_segs(c);
    uint32_t id;

    while ((id = via_sack_next_lost(&t->board))) {
        if (!fits_window(t, via_min32(segs[id].end - segs[id].seq, t->snd.mss)) || is_held(c, t) || !resend(c, t, id))
            return;
    }
}

void via_tcp_resend_first(struct via_core *c, struct via_tcp_conn *t) {
    uint32_t id = via_sack_next_lost(&t->board);

    if (id)
        resend(c, t, id);
}

/* May a segment that is not full go now (Nagle: RFC 9293 3.7.4; cork)? */
static bool may_go_short(struct via_core *c, struct via_tcp_conn *t, uint32_t len) {
    if (t->bits & (VIA_TCPB_FIN | VIA_TCPB_PUSH))
        return true;
    if (t->bits & (VIA_TCPB_CORK | VIA_TCPB_MORE)) {
        if (!(t->bits & VIA_TCPB_CORKED))
            via_tcp_arm(c, t, VIA_DUE_CORK, via_after(via_now(c), c->attrs.tcp_cork_time));
        t->bits |= VIA_TCPB_CORKED;
        return false;
    }
    return len == t->snd.mss || (t->bits & VIA_TCPB_NODELAY) ||
           t->board.segs <= (t->state == VIA_TCP_SYN_RECEIVED); /* a SYN is no data */
}

/* The same where many segments go as one packet: as many full ones as the windows allow; 0: not even one. */
static uint32_t portion_big(struct via_core *c, struct via_tcp_conn *t, const struct via_pkt *p) {
    uint32_t len = via_min32(p->total, t->snd.most), pipe = via_sack_pipe(&t->board), tail = len % t->snd.mss;
    uint32_t window = via_tcp_window(t), room = via_min32(via_tcp_usable(t), window > pipe ? window - pipe : 0);

    if (len > room)
        return room - room % t->snd.mss;
    if (tail && len == p->total && !p->next && !may_go_short(c, t, tail))
        len -= tail;
    return len;
}

/* How much of the first packet goes now; 0: nothing. */
static uint32_t portion(struct via_core *c, struct via_tcp_conn *t, const struct via_pkt *p) {
    uint32_t len = via_min32(p->total, t->snd.mss), usable = via_tcp_usable(t), many;

    if (VIA_UNLIKELY(p->total > t->snd.mss) && t->snd.most > t->snd.mss && !(t->bits & VIA_TCPB_PACED) &&
        (many = portion_big(c, t, p)))
        return many;
    if (len < t->snd.mss && p->total == len && !p->next && !may_go_short(c, t, len))
        return 0;
    if (VIA_UNLIKELY(len > usable)) {
        /* RFC 9293 3.8.6.2.1: a part only where the peer's window never was much larger. */
        if (!usable || usable < t->snd.max_wnd / 2 || t->board.segs)
            return 0;
        len = usable;
    }
    if (fits_window(t, len))
        return len;
    t->bits |= VIA_TCPB_LIMITED;
    t->snd.limit = t->snd.nxt;
    return 0;
}

/* The first `len` bytes of the queue as a packet that is the scoreboard's from here on; NULL: no frames. */
struct via_pkt *via_tcp_take_front(struct via_core *c, struct via_tcp_conn *t, uint32_t len) {
    struct via_pkt *p = via_pkt_at(c, t->snd.unsent.head), *rest;

    if (VIA_LIKELY(len == p->total))
        return p;
    rest = via_tcp_cut(c, t, p, len);
    if (!rest) {
        t->bits |= VIA_TCPB_STALLED;
        return NULL;
    }
    rest->next = p->next;
    p->next = via_pkt_id(c, rest);
    if (!rest->next)
        t->snd.unsent.tail = p->next;
    return p;
}

/* Sends what is at the front of the queue, or the FIN alone (`p` NULL), for the first time. */
static bool send_next(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p) {
    bool last = p && !p->next, fin = (t->bits & VIA_TCPB_FIN) && (!p || last) && via_tcp_is_synced(t);
    uint32_t id = via_pool_get(&c->tcp->segs, &c->region), len = p ? p->total : 0;
    struct via_tcp_emit e = {.seq = t->snd.nxt, .p = p};
    struct via_tcp_seg *s;

    if (VIA_UNLIKELY(!id))
        return false;
    e.flags = VIA_TCP_ACK | (fin ? VIA_TCP_FIN : 0) | (last ? VIA_TCP_PSH : 0);
    e.ect = VIA_UNLIKELY(t->opts & VIA_TCP_HAS_ECN) && p && via_tcp_ecn_may_mark(c, t);
    if (VIA_UNLIKELY(via_tcp_emit_segment(c, t, &e) != VIA_SENT)) {
        via_pool_put(&c->tcp->segs, &c->region, id);
        return false;
    }
    s = &via_tcp_segs(c)[id];
    s->seq = t->snd.nxt;
    s->end = t->snd.nxt + len + fin;
    s->sent = via_now(c);
    s->tsval = via_tcp_now(c, t);
    s->data = p ? via_pkt_id(c, p) : 0;
    s->flags = fin ? VIA_SEG_FIN : 0;
    s->delivered_at = 0;
    if (VIA_UNLIKELY(t->cc.sampled))
        via_tcp_sample_sent(c, t, id, via_sack_pipe(&t->board));
    if (p) {
        via_pktq_pop(c, &t->snd.unsent);
        t->snd.unsent_bytes -= len;
    }
    t->snd.nxt = s->end;
    t->bits |= fin ? VIA_TCPB_FIN_SENT : 0;
    if (VIA_LIKELY(!t->board.head))
        via_sack_push_only(&t->board, via_tcp_segs(c), id);
    else
        via_sack_push(&t->board, via_tcp_segs(c), id);
    count_out(c, t, len, false);
    return true;
}

bool via_tcp_push_front(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p) {
    uint32_t id = via_pool_get(&c->tcp->segs, &c->region);
    struct via_tcp_seg *s;

    if (!id)
        return false;
    s = &via_tcp_segs(c)[id];
    *s = (struct via_tcp_seg){.seq = t->snd.nxt, .end = t->snd.nxt + p->total, .sent = via_now(c),
                              .tsval = via_tcp_now(c, t), .data = via_pkt_id(c, p)};
    via_pktq_pop(c, &t->snd.unsent);
    t->snd.unsent_bytes -= p->total;
    t->snd.nxt = s->end;
    via_sack_push(&t->board, via_tcp_segs(c), id);
    count_out(c, t, p->total, false);
    return true;
}

bool via_tcp_send_head(struct via_core *c, struct via_tcp_conn *t) {
    return !is_held(c, t) && send_next(c, t, via_pkt_at(c, t->snd.unsent.head));
}

static void restart_if_idle(struct via_core *c, struct via_tcp_conn *t) {
    struct via_cc_view v;

    if (t->board.segs || !c->attrs.tcp_idle_restart || via_now(c) - t->last_tx < t->rtt.rto)
        return;
    v = via_tcp_view(c, t);
    via_cc_signal(&t->cc, &v, VIA_CC_IDLE);
}

static void send_new(struct via_core *c, struct via_tcp_conn *t) {
    struct via_pkt *p;
    uint32_t len;

    if (t->snd.unsent.head)
        restart_if_idle(c, t);
    if (VIA_UNLIKELY(t->bits & VIA_TCPB_SEARCH) && !(t->bits & (VIA_TCPB_CORK | VIA_TCPB_MORE)))
        via_tcp_mtu_probe(c, t);
    while (t->snd.unsent.head) {
        len = portion(c, t, via_pkt_at(c, t->snd.unsent.head));
        if (!len || is_held(c, t) || !(p = via_tcp_take_front(c, t, len)) || !send_next(c, t, p))
            return;
    }
    t->bits &= (uint32_t)~(VIA_TCPB_PUSH | VIA_TCPB_CORKED);
    via_tcp_disarm(t, VIA_DUE_CORK);
    if ((t->bits & (VIA_TCPB_FIN | VIA_TCPB_FIN_SENT)) == VIA_TCPB_FIN && via_tcp_is_synced(t))
        send_next(c, t, NULL);
}

/* RFC 6675 4 (4): nothing lost, nothing new, and yet the recovery goes on: its last segment once more. */
static void rescue(struct via_core *c, struct via_tcp_conn *t) {
    uint32_t id;

    if (t->phase != VIA_PHASE_RECOVERY || (t->bits & VIA_TCPB_RESCUED) || t->board.lost.head || t->snd.unsent.head ||
        !t->board.sacked_segs || !fits_window(t, t->snd.mss))
        return;
    id = via_sack_rescue(&t->board, via_tcp_segs(c));
    t->bits |= VIA_TCPB_RESCUED;
    if (id && !(via_tcp_segs(c)[id].flags & VIA_SEG_RESENT) && via_seq_lt(via_tcp_segs(c)[id].seq, t->snd.high))
        resend(c, t, id);
}

void via_tcp_probe(struct via_core *c, struct via_tcp_conn *t) {
    struct via_pkt *p = t->snd.unsent.head ? via_pkt_at(c, t->snd.unsent.head) : NULL;
    uint32_t usable = via_tcp_usable(t), id;

    if (p && usable) {
        p = via_tcp_take_front(c, t, via_min32(via_min32(p->total, usable), t->snd.mss));
        if (p && send_next(c, t, p)) {
            via_tlp_sent(&t->rack, t->snd.nxt, false);
            return;
        }
    }
    id = via_sack_rescue(&t->board, via_tcp_segs(c));
    if (id && resend(c, t, id))
        via_tlp_sent(&t->rack, t->snd.nxt, true);
}

static void send_ack(struct via_core *c, struct via_tcp_conn *t) {
    struct via_tcp_emit e = {.seq = t->snd.nxt, .flags = VIA_TCP_ACK};

    via_tcp_emit_segment(c, t, &e);
}

/* The timer of what is under way runs from the first of it; later ones wait for the ACK to start it again. */
static void arm(struct via_core *c, struct via_tcp_conn *t, bool sent) {
    if (t->state == VIA_TCP_TIME_WAIT)
        return;
    if (sent || t->retry == VIA_RETRY_NONE || (t->retry == VIA_RETRY_PERSIST && t->board.head))
        via_tcp_arm_retry(c, t);
}

/* Over a link that takes big packets, to a neighbour that is known: how many full segments fit one. */
static VIA_COLD void set_most(const struct via_core *c, struct via_tcp_conn *t, const struct via_path *path, uint32_t big) {
    uint32_t room = big - path->ip_len - VIA_TCP_MAX;

    t->snd.big = big;
    t->snd.most = t->snd.mss;
    if (big > path->mtu && room > t->snd.mss && c->attrs.tcp_big)
        t->snd.most = room - room % t->snd.mss;
}

static inline void look_at_link(const struct via_core *c, struct via_tcp_conn *t) {
    const struct via_tcp_way *w = via_tcp_way(c, t);
    const struct via_vi *vi = c->vi[w->path.vi];
    uint32_t big = vi && w->plain == via_net_gen(c) && !c->capture ? vi->dev->big : 0;

    if (VIA_UNLIKELY(big != t->snd.big))
        set_most(c, t, &w->path, big);
}

/* What stopped the sender; the pace keeps its own time. */
static enum via_limit limit_of(const struct via_tcp_conn *t) {
    uint32_t len = via_min32(t->snd.unsent_bytes, t->snd.mss);

    if (!t->snd.unsent.head && !t->board.lost.head)
        return VIA_LIMIT_NONE;
    if (t->bits & VIA_TCPB_STALLED)
        return VIA_LIMIT_RING;
    if (t->board.lost.head || !fits_window(t, len))
        return VIA_LIMIT_CWND;
    return via_tcp_usable(t) < len ? VIA_LIMIT_RWND : VIA_LIMIT_NONE;
}

static void note_limit(struct via_core *c, struct via_tcp_conn *t) {
    enum via_limit what = limit_of(t);
    struct via_tcp_more *m = what ? via_tcp_more_new(c, t) : via_tcp_more(c, t);

    if (m && m->limits.what != what)
        via_limits_now(&m->limits, via_now(c), what);
}

/* Before the handshake is over; false: data may go all the same (RFC 7413 4.2.2). */
static bool output_early(struct via_core *c, struct via_tcp_conn *t) {
    if (t->state == VIA_TCP_SYN_SENT && !t->board.head && (t->snd.unsent.head || (t->bits & VIA_TCPB_PUSH)))
        via_tcp_send_syn(c, t);
    if (t->state == VIA_TCP_SYN_RECEIVED && via_tcp_is_fast_opened(t))
        return false;
    if (t->state == VIA_TCP_SYN_RECEIVED && (t->bits & VIA_TCPB_ACK_NOW))
        send_ack(c, t);
    return true;
}

void via_tcp_output(struct via_core *c, struct via_tcp_conn *t) {
    via_seq_t nxt = t->snd.nxt;
    int err;

    if (VIA_UNLIKELY(t->bits & VIA_TCPB_LOOP)) {
        via_tcp_touch(c, t); /* the next poll moves it */
        return;
    }
    if (VIA_UNLIKELY(!via_tcp_is_synced(t)) && output_early(c, t))
        return;
    t->bits &= (uint32_t)~VIA_TCPB_STALLED;
    if (VIA_UNLIKELY(t->way_gen != via_net_gen(c)) && !via_tcp_way_now(c, t, &err))
        t->sock.reason = err;
    look_at_link(c, t);
    if (VIA_UNLIKELY(t->board.lost.head) && !(t->bits & VIA_TCPB_REPAIR))
        resend_lost(c, t);
    if (!t->board.lost.head || (t->bits & VIA_TCPB_REPAIR))
        send_new(c, t);
    if (VIA_UNLIKELY(t->phase == VIA_PHASE_RECOVERY))
        rescue(c, t);
    if (VIA_UNLIKELY(t->cc.sampled))
        via_tcp_sample_idle(c, t);
    if (t->bits & VIA_TCPB_ACK_NOW)
        send_ack(c, t);
    if (t->board.head || t->snd.unsent.head)
        arm(c, t, nxt != t->snd.nxt);
    if (VIA_UNLIKELY(t->snd.unsent.head || t->board.lost.head) || (t->more && via_tcp_more(c, t)->limits.what))
        note_limit(c, t);
    if (VIA_UNLIKELY(t->bits & VIA_TCPB_STALLED))
        via_tcp_touch(c, t);
}

void via_tcp_settle(struct via_core *c) {
    struct via_list list = c->tcp->touched;
    uint32_t ref = list.head;

    c->tcp->touched = (struct via_list){0, 0};
    while (ref) {
        struct via_tcp_conn *t = via_tcp_at(c, ref);

        ref = t->touch;
        t->bits &= (uint32_t)~VIA_TCPB_TOUCHED;
        if (VIA_UNLIKELY(t->state == VIA_TCP_CLOSED)) {
            if (via_tcp_is_orphan(t))
                via_tcp_end_sock(c, t);
            continue;
        }
        if (VIA_UNLIKELY(t->bits & VIA_TCPB_LOOP))
            via_tcp_loop(c, t);
        else
            via_tcp_output(c, t);
    }
}
