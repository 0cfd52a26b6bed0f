/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections between two sockets of one stack: joined queue to queue. What one side sends is moved, when the poll
 * settles it, to the receive queue of its mate, by reference and with an arrival number of its own; there are no
 * segments, so nothing is lost, timed or acknowledged. The handshake waits for that moment as well, and where it finds
 * no listener but another connection (both have begun, or one that waits in TIME_WAIT) packets decide as always.
 */
#include "tcp/tcp.h"

bool via_tcp_loop_wanted(const struct via_core *c, const struct via_tcp_conn *t) {
    return c->attrs.tcp_loopback && !c->capture && (via_tcp_way(c, t)->path.flags & VIA_PATH_LOOP);
}

/* The other end's view of the conversation. */
static struct via_flow flow_back(const struct via_core *c, const struct via_tcp_conn *t) {
    const struct via_flow *f = &t->sock.flow;

    return (struct via_flow){.local = f->remote, .remote = f->local, .lport = f->rport, .rport = f->lport,
                             .proto = f->proto, .iface = via_tcp_way(c, t)->path.vi};
}

static void establish(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_conn *mate) {
    const struct via_tcp_way *w = via_tcp_way(c, t);

    t->snd.mate = via_tcp_ref(c, mate);
    t->bits |= VIA_TCPB_LOOP;
    t->snd.peer_mss = (uint16_t)via_tcp_way_mss(w);
    via_tcp_set_mss(c, t, w);
    t->rcv.nxt = t->rcv.acked = mate->snd.nxt;
    t->rcv.edge = t->rcv.nxt + t->rcv.buf;
    t->snd.wnd = t->snd.max_wnd = mate->rcv.buf;
    t->state = VIA_TCP_ESTABLISHED;
    t->retry = VIA_RETRY_NONE;
    t->tries = 0;
    via_tcp_disarm(t, VIA_DUE_RETRY);
    via_cc_init(&t->cc, (enum via_cc_algo)t->cc.algo, VIA_CC_CWND_MAX);
}

/* The listener's backlog is full: asked again like a SYN that was not answered. */
static void wait_for_room(struct via_core *c, struct via_tcp_conn *t) {
    t->retry = VIA_RETRY_RTO;
    via_tcp_arm(c, t, VIA_DUE_RETRY, via_after(via_now(c), t->rtt.rto));
}

static void begin(struct via_core *c, struct via_tcp_conn *t) {
    struct via_flow f = flow_back(c, t);
    uint32_t ref = via_demux_find(c, &f);
    struct via_tcp_conn *mate;
    uint64_t order;

    if (ref && via_ref_kind(ref) == VIA_KIND_TCP) {
        t->bits &= (uint32_t)~VIA_TCPB_LOOP;
        via_tcp_send_syn(c, t);
        return;
    }
    if (!ref || via_ref_kind(ref) != VIA_KIND_LISTEN) {
        via_drop_count(c, VIA_DROP_TCP_NO_LISTENER);
        via_tcp_die(c, t, -ECONNREFUSED);
        return;
    }
    order = c->s->arrivals + 1;
    mate = via_tcp_listen_loop(c, (struct via_listener *)(void *)via_sock_at(c, ref), &f, order);
    if (!mate) {
        wait_for_room(c, t);
        return;
    }
    c->s->arrivals = order;
    c->tcp->joined++;
    establish(c, mate, t);
    establish(c, t, mate);
    c->tcp->news++;
    t->sock.flags |= t->sock.set ? 0 : VIA_SOCK_NEWS;
    via_ready_raise(c, &t->sock, VIA_EV_CONNECTED, 0, order);
}

/* Bytes of a packet of `total` that the mate takes now. Many small pieces of one packet are not worth their trouble. */
static uint32_t room_for(const struct via_core *c, const struct via_tcp_conn *mate, uint32_t total) {
    uint32_t used = mate->rcv.queued, room = mate->rcv.buf > used ? mate->rcv.buf - used : 0;
    uint32_t pkts = mate->sock.rxq.pkts;

    if (VIA_UNLIKELY(pkts >= 32 && pkts - 32 >= 2 * (mate->rcv.buf / (c->frame_size - VIA_HEADROOM))))
        return 0;
    if (VIA_LIKELY(total <= room))
        return total;
    return room >= mate->rcv.buf / 4 || !mate->sock.rxq.list.head ? room : 0;
}

/*
 * What the receiver gets instead of a part that carries a token: a view of it, and the token completes when that is
 * released; or a copy, where there are no descriptors. NULL: no frame either.
 */
static struct via_pkt *stand_in(struct via_core *c, struct via_pkt *p) {
    struct via_pkt *view = via_pkt_clone(c, p);

    if (view) {
        p->refs--;
        p->flags |= VIA_PKT_TOKEN;
        p->tx.status = 0;
        return view;
    }
    view = via_pkt_new(c, c->s->reserve);
    if (!view)
        return NULL;
    memcpy(via_pkt_data(c, view), via_pkt_data(c, p), p->len);
    view->len = p->len;
    via_pkt_sent(c, p, 0);
    return view;
}

/* Takes the first packet of the send queue out, as one that was received. NULL: not now. */
static struct via_pkt *take_first(struct via_core *c, struct via_tcp_conn *t) {
    struct via_pkt *head = via_pkt_at(c, t->snd.unsent.head), *p = head, *prev = NULL;
    uint32_t total = head->total, parts = 1;

    for (; p->chain; p = via_pkt_at(c, p->chain), parts++) {
        p->owner = VIA_OWNER_BURST;
        p->flags = VIA_PKT_CSUM_OK;
        prev = p;
    }
    if (VIA_UNLIKELY(p->tx.sock || p->refs > 1)) {
        uint32_t next = head->next;
        struct via_pkt *view = stand_in(c, p);

        if (!view)
            return NULL;
        if (prev)
            prev->chain = via_pkt_id(c, view);
        else
            t->snd.unsent.head = via_pkt_id(c, head = view);
        head->next = next;
        if (!next)
            t->snd.unsent.tail = via_pkt_id(c, head);
        p = view;
    } else {
        p->flags = VIA_PKT_CSUM_OK;
    }
    p->owner = VIA_OWNER_BURST;
    via_pktq_pop(c, &t->snd.unsent);
    t->snd.unsent_bytes -= total;
    t->snd.pkts -= parts;
    head->total = total;
    return head;
}

/* A part of the first packet, which is cut. False: not now. */
static bool cut_first(struct via_core *c, struct via_tcp_conn *t, uint32_t n) {
    struct via_pkt *p = via_pkt_at(c, t->snd.unsent.head), *rest = via_tcp_cut(c, t, p, n);

    if (!rest)
        return false;
    rest->next = p->next;
    p->next = via_pkt_id(c, rest);
    if (!rest->next)
        t->snd.unsent.tail = p->next;
    return true;
}

static void hand_over(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_conn *mate, struct via_pkt *p) {
    uint32_t len = p->total;

    p->order = ++c->s->arrivals;
    p->ts = via_now(c);
    p->vi = via_tcp_way(c, t)->path.vi;
    p->l3 = 0;
    memset(&p->rec, 0, sizeof p->rec);
    t->snd.nxt += len;
    t->snd.una = t->snd.nxt;
    t->count.sent += len;
    t->count.segs_sent++;
    mate->count.segs_received++;
    t->last_tx = mate->last_rx = via_now(c);
    via_tcp_deliver(c, mate, p);
    if (VIA_UNLIKELY(mate->bits & VIA_TCPB_DEFER))
        via_tcp_offer_data(c, mate, c->s->arrivals);
}

/* As much as the mate has room for. */
static void move(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_conn *mate) {
    while (t->snd.unsent.head) {
        uint32_t total = via_pkt_at(c, t->snd.unsent.head)->total, n = room_for(c, mate, total);
        struct via_pkt *p;

        if (!n)
            break;
        if (VIA_UNLIKELY((n < total && !cut_first(c, t, n)) || !(p = take_first(c, t)))) {
            via_tcp_touch(c, t);
            break;
        }
        hand_over(c, t, mate, p);
    }
    mate->rcv.acked = mate->rcv.nxt;
    mate->rcv.edge = mate->rcv.nxt + (mate->rcv.buf > mate->rcv.queued ? mate->rcv.buf - mate->rcv.queued : 0);
    t->snd.wnd = mate->rcv.edge - mate->rcv.nxt;
}

void via_tcp_loop(struct via_core *c, struct via_tcp_conn *t) {
    struct via_tcp_conn *mate;

    if (VIA_UNLIKELY(t->state == VIA_TCP_SYN_SENT))
        begin(c, t);
    if (VIA_UNLIKELY(!t->snd.mate))
        return;
    mate = via_tcp_at(c, t->snd.mate);
    t->bits &= (uint32_t)~(VIA_TCPB_ACK_NOW | VIA_TCPB_PUSH);
    if (VIA_UNLIKELY(via_tcp_is_orphan(mate) && t->snd.unsent.head)) {
        via_tcp_reset(c, mate, -ECONNABORTED); /* RFC 9293 3.10.7.4: nobody will read it */
        return;
    }
    move(c, t, mate);
    via_tcp_give_space(c, t);
    if (VIA_LIKELY((t->bits & (VIA_TCPB_FIN | VIA_TCPB_FIN_SENT)) != VIA_TCPB_FIN) || t->snd.unsent.head)
        return;
    t->bits |= VIA_TCPB_FIN_SENT;
    t->snd.una = ++t->snd.nxt;
    via_tcp_take_fin(c, mate, ++c->s->arrivals);
    via_tcp_fin_acked(c, t);
}

void via_tcp_loop_flush(struct via_core *c, struct via_tcp_conn *t) {
    struct via_tcp_conn *mate = t->snd.mate ? via_tcp_at(c, t->snd.mate) : NULL;

    if (mate && !via_tcp_is_orphan(mate))
        move(c, t, mate);
}

void via_tcp_loop_part(struct via_core *c, struct via_tcp_conn *t, int reason) {
    struct via_tcp_conn *mate = via_tcp_at(c, t->snd.mate);

    t->snd.mate = mate->snd.mate = 0;
    if (reason)
        via_tcp_die(c, mate, -ECONNRESET);
}
