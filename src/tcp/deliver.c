/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Data on its way to the application: in order onto the receive queue, beyond a hole into a list that is sorted by
 * sequence and never overlaps. Which bytes are there, and what SACK tells, is blocks.h's matter.
 */
#include "tcp/tcp.h"

/* Packets that may wait unread: twice as many as full ones would need. */
static uint32_t most_pkts(const struct via_core *c, const struct via_tcp_conn *t) {
    return 2 * (t->rcv.buf / (c->frame_size - VIA_HEADROOM)) + 32;
}

/* Packets of a connection that wait, in order and beyond a hole. */
static uint32_t pkts_of(const struct via_tcp_conn *t) {
    return t->sock.rxq.pkts + t->rcv.holes;
}

/* RFC 9293 3.8.6.2.2: the edge moves by a full segment or by a good part of the buffer, or not at all. */
via_seq_t via_tcp_edge(const struct via_tcp_conn *t) {
    uint32_t room = t->rcv.buf > t->rcv.queued ? t->rcv.buf - t->rcv.queued : 0;
    via_seq_t edge = t->rcv.nxt + via_min32(room, (uint32_t)UINT16_MAX << t->rcv.wscale);

    if (via_seq_diff(edge, t->rcv.edge) < (int32_t)via_min32(t->rcv.buf / 2, t->rcv.mss))
        return t->rcv.edge;
    return edge;
}

void via_tcp_drop_blocks(struct via_core *c, struct via_tcp_conn *t) {
    if (t->rcv.blocks)
        via_pool_put(&c->tcp->blocks, &c->region, t->rcv.blocks);
    t->rcv.blocks = 0;
}

/* A scoreboard of holes, taken at the first one. False: none is left. */
static bool take_blocks(struct via_core *c, struct via_tcp_conn *t) {
    if (t->rcv.blocks)
        return true;
    t->rcv.blocks = via_pool_get(&c->tcp->blocks, &c->region);
    if (!t->rcv.blocks)
        return false;
    memset(via_tcp_blocks(c, t), 0, sizeof(struct via_blocks));
    return true;
}

/* Many segments in one packet are no larger segment than the MSS that was offered. */
static void grow_mss(const struct via_core *c, struct via_tcp_conn *t, uint32_t len) {
    uint32_t most = via_min32(t->rcv.buf / 2, UINT16_MAX);

    if (t->way)
        most = via_min32(most, via_tcp_way_mss(via_tcp_way(c, t)));
    t->rcv.mss = (uint16_t)via_max32(t->rcv.mss, via_min32(len, most));
}

void via_tcp_owe_ack(struct via_core *c, struct via_tcp_conn *t, uint32_t len) {
    uint32_t owed;

    if (VIA_UNLIKELY(len > t->rcv.mss))
        grow_mss(c, t, len);
    owed = t->rcv.nxt + len - t->rcv.acked;
    if (owed >= 2u * t->rcv.mss || t->rcv.quick || t->rcv.blocks || (t->bits & VIA_TCPB_QUICK)) {
        t->bits |= VIA_TCPB_ACK_NOW;
        t->rcv.quick = (uint8_t)(t->rcv.quick - (t->rcv.quick > 0));
        via_tcp_touch(c, t);
        return;
    }
    if (t->bits & VIA_TCPB_ACK_LATER)
        return;
    t->bits |= VIA_TCPB_ACK_LATER;
    via_tcp_arm(c, t, VIA_DUE_ACK, via_after(via_now(c), c->attrs.tcp_delayed_ack));
}

/* Behind the last packet, where small ones would fill the pool and there is nothing between them. */
static bool append(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p) {
    struct via_sock *k = &t->sock;
    struct via_pkt *tail = k->rxq.list.tail ? via_pkt_at(c, k->rxq.list.tail) : NULL;

    if (!tail || tail->chain || p->chain || tail->refs > 1 || (tail->flags & (VIA_PKT_CLONE | VIA_PKT_SHARED)) ||
        (uint32_t)tail->off + tail->len + p->len > c->frame_size || !via_ready_grow(c, k, tail, p->len))
        return false;
    memcpy(via_pkt_data(c, tail) + tail->len, via_pkt_data(c, p), p->len);
    tail->len = (uint16_t)(tail->len + p->len);
    tail->total += p->len;
    via_pkt_release(c, p);
    return true;
}

void via_tcp_deliver(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p) {
    struct via_sock *k = &t->sock;
    uint32_t len = p->total;

    t->rcv.nxt += len;
    t->rcv.queued += len;
    t->count.received += len;
    c->tcp->rx_bytes += len;
    c->tcp->news++;
    if (VIA_UNLIKELY(pkts_of(t) > 16 && pkts_of(t) > most_pkts(c, t) / 2 && len < c->frame_size / 4) && append(c, t, p))
        return;
    p->owner = VIA_OWNER_RXQ;
    k->rxq.pkts++;
    via_pktq_push(c, &k->rxq.list, p);
    via_ready_data(c, k, p);
}

static inline via_seq_t from_of(const struct via_pkt *p) {
    return p->hole.from;
}

static inline via_seq_t to_of(const struct via_pkt *p) {
    return p->hole.from + p->total;
}

/* The packet in the list behind which one from `seq` on belongs; 0: in front. Most belong at one of the ends. */
static uint32_t place_of(const struct via_core *c, const struct via_tcp_conn *t, via_seq_t seq) {
    uint32_t id = t->rcv.hole.tail;

    if (!t->rcv.hole.head || via_seq_lt(seq, from_of(via_pkt_at(c, t->rcv.hole.head))))
        return 0;
    while (id && via_seq_lt(seq, from_of(via_pkt_at(c, id))))
        id = via_pkt_at(c, id)->hole.prev;
    return id;
}

static void link_hole(struct via_core *c, struct via_tcp_conn *t, uint32_t prev, struct via_pkt *p) {
    struct via_list *q = &t->rcv.hole;
    uint32_t id = via_pkt_id(c, p);

    p->hole.prev = prev;
    p->next = prev ? via_pkt_at(c, prev)->next : q->head;
    if (prev)
        via_pkt_at(c, prev)->next = id;
    else
        q->head = id;
    if (p->next)
        via_pkt_at(c, p->next)->hole.prev = id;
    else
        q->tail = id;
}

/* Takes `n` bytes off the front of a received packet, over its chain; its head stays, for others name it. */
static void cut_front(struct via_core *c, struct via_pkt *p, uint32_t n) {
    p->total -= n;
    while (n) {
        uint32_t part = via_min32(n, p->len);

        p->off = (uint16_t)(p->off + part);
        p->len = (uint16_t)(p->len - part);
        n -= part;
        if (n)
            p = via_pkt_at(c, p->chain);
    }
}

/* One piece, of which nothing waits yet, into its place. */
static void keep_piece(struct via_core *c, struct via_tcp_conn *t, struct via_pkt *p, via_seq_t seq, uint32_t prev) {
    p->owner = VIA_OWNER_RXQ;
    p->hole.from = seq;
    t->rcv.ahead += p->total;
    t->rcv.holes++;
    link_hole(c, t, prev, p);
}

/* Up to where a piece from `seq` on may reach, behind packet `prev`: to the next one that waits. */
static via_seq_t free_until(const struct via_core *c, const struct via_tcp_conn *t, uint32_t prev, via_seq_t end) {
    uint32_t next = prev ? via_pkt_at(c, prev)->next : t->rcv.hole.head;

    return next ? via_seq_min(end, from_of(via_pkt_at(c, next))) : end;
}

/*
 * Beyond a hole. What earlier packets have stays theirs: the first bytes that came are the ones that count. Each part
 * that is new becomes a packet of its own, by descriptors that share the frame; the last part keeps it.
 */
static enum via_drop keep_ahead(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_in *in, via_seq_t seq) {
    via_seq_t end = seq + in->p->total;
    enum via_drop why = VIA_DROP_TCP_OLD;

    t->bits |= VIA_TCPB_ACK_NOW;
    via_tcp_touch(c, t);
    if (!take_blocks(c, t) || pkts_of(t) >= most_pkts(c, t))
        return VIA_DROP_TCP_RCVBUF;
    while (in->p && via_seq_lt(seq, end)) {
        uint32_t prev = place_of(c, t, seq);
        via_seq_t from = prev ? via_seq_max(seq, to_of(via_pkt_at(c, prev))) : seq, to = free_until(c, t, prev, end);
        struct via_pkt *p = in->p;

        if (via_seq_le(to, from)) { /* all of it up to there is here, or up to the end of the packet before */
            via_seq_t on = via_seq_min(end, via_seq_max(from, seq + 1));

            via_blocks_add(via_tcp_blocks(c, t), seq, on);
            cut_front(c, p, on - seq);
            seq = on;
            continue;
        }
        if (via_blocks_add(via_tcp_blocks(c, t), seq, to) < 0)
            return why == VIA_KEPT ? VIA_KEPT : VIA_DROP_TCP_HOLES;
        cut_front(c, p, from - seq);
        if (to == end)
            in->p = NULL;
        else if (!(p = via_pkt_clone(c, p)))
            return VIA_DROP_NO_CLONE;
        via_pkt_trim(c, p, to - from);
        keep_piece(c, t, p, from, prev);
        why = VIA_KEPT;
        if (in->p)
            cut_front(c, in->p, to - from);
        seq = to;
    }
    return why;
}

/* What waited for the hole that was filled just now follows, under the number of the packet that filled it. */
static void drain(struct via_core *c, struct via_tcp_conn *t, uint64_t order, via_ns_t ts) {
    struct via_pkt *p;

    while (t->rcv.hole.head && via_seq_le(from_of(via_pkt_at(c, t->rcv.hole.head)), t->rcv.nxt)) {
        uint32_t old;

        p = via_pktq_pop(c, &t->rcv.hole);
        if (t->rcv.hole.head)
            via_pkt_at(c, t->rcv.hole.head)->hole.prev = 0;
        t->rcv.ahead -= p->total;
        t->rcv.holes--;
        old = t->rcv.nxt - from_of(p);
        memset(&p->rec, 0, sizeof p->rec);
        if (old >= p->total) {
            via_pkt_release(c, p);
            continue;
        }
        cut_front(c, p, old);
        p->order = order;
        p->ts = ts;
        via_tcp_deliver(c, t, p);
    }
    if (t->rcv.blocks) {
        via_blocks_advance(via_tcp_blocks(c, t), t->rcv.nxt);
        t->bits |= VIA_TCPB_ACK_NOW; /* RFC 5681 4.2: a hole was filled, in part or whole */
        if (!via_blocks_any(via_tcp_blocks(c, t)))
            via_tcp_drop_blocks(c, t);
    }
}

/* RFC 2883: data that was there already is reported. */
static void report_old(struct via_core *c, struct via_tcp_conn *t, via_seq_t from, via_seq_t to) {
    t->bits |= VIA_TCPB_ACK_NOW;
    t->count.duplicates++;
    via_tcp_touch(c, t);
    if ((t->opts & VIA_TCP_HAS_SACK) && take_blocks(c, t))
        via_blocks_duplicate(via_tcp_blocks(c, t), from, via_seq_min(to, t->rcv.nxt));
}

enum via_drop via_tcp_take_data(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_in *in) {
    via_seq_t seq = in->h.seq, end = seq + in->p->total;
    uint64_t order = in->p->order;
    via_ns_t ts = in->p->ts;
    enum via_drop why;

    if (VIA_UNLIKELY(via_seq_lt(seq, t->rcv.nxt))) {
        report_old(c, t, seq, end);
        if (via_seq_le(end, t->rcv.nxt))
            return VIA_DROP_TCP_OLD;
        cut_front(c, in->p, t->rcv.nxt - seq);
        seq = t->rcv.nxt;
    }
    if (VIA_UNLIKELY(via_seq_lt(t->rcv.edge, end))) {
        t->bits |= VIA_TCPB_ACK_NOW;
        via_tcp_touch(c, t);
        if (via_seq_le(t->rcv.edge, seq))
            return VIA_DROP_TCP_WINDOW;
        via_pkt_trim(c, in->p, t->rcv.edge - seq);
        in->h.flags &= (uint16_t)~VIA_TCP_FIN;
    }
    if (VIA_UNLIKELY(c->s->pkts.free <= c->s->reserve || c->s->held >= c->attrs.hold_max))
        return VIA_DROP_NO_BUFFER;
    if (VIA_UNLIKELY(seq != t->rcv.nxt)) {
        why = keep_ahead(c, t, in, seq);
        t->count.duplicates += why == VIA_DROP_TCP_OLD;
        return why;
    }
    if (VIA_UNLIKELY(pkts_of(t) >= 4 * most_pkts(c, t)))
        return VIA_DROP_TCP_RCVBUF;
    via_tcp_owe_ack(c, t, end - seq);
    via_tcp_deliver(c, t, in->p);
    in->p = NULL;
    if (VIA_UNLIKELY(t->rcv.hole.head || t->rcv.blocks))
        drain(c, t, order, ts);
    return VIA_KEPT;
}

/* Frames are there for all: no buffer grows while less than half of them is free. */
static bool may_grow(const struct via_core *c) {
    return c->s->pkts.free > c->frame_count / 2;
}

static void tune(struct via_core *c, struct via_tcp_conn *t, uint32_t bytes) {
    uint32_t most = (uint32_t)c->attrs.tcp_rcvbuf_max, want;
    struct via_tcp_more *m;

    /* A connection that never brought half a buffer needs no other. */
    if (t->rcv.buf >= most || (t->bits & VIA_TCPB_RCV_SET) || t->count.received < t->rcv.buf / 2 ||
        !(m = via_tcp_more_new(c, t)))
        return;
    want = via_min32(via_tune_read(&m->tune, via_now(c), bytes, t->rtt.srtt), most);
    if (want > t->rcv.buf && may_grow(c))
        t->rcv.buf = want;
}

void via_tcp_tune_stamp(struct via_core *c, struct via_tcp_conn *t, uint32_t tsecr) {
    via_ns_t rtt = via_rtt_of_echo(via_tcp_now(c, t), tsecr, VIA_TCP_TICK);
    struct via_tcp_more *m = via_tcp_more(c, t);

    if (m && rtt && tsecr)
        via_tune_sample(&m->tune, rtt);
}

void via_tcp_read(struct via_core *c, struct via_tcp_conn *t, uint32_t bytes) {
    int32_t opened;

    if (VIA_UNLIKELY(t->bits & VIA_TCPB_LOOP)) {
        t->rcv.queued -= bytes;
        if (t->snd.mate && via_tcp_at(c, t->snd.mate)->snd.unsent.head)
            via_tcp_touch(c, via_tcp_at(c, t->snd.mate)); /* there is room for it */
        return;
    }
    tune(c, t, bytes);
    t->rcv.queued -= bytes;
    if (t->state < VIA_TCP_ESTABLISHED || (t->bits & VIA_TCPB_EOF))
        return;
    opened = via_seq_diff(via_tcp_edge(t), t->rcv.edge);
    /* An update is worth a segment when much has been read, or when the peer could not send a full one. */
    if (opened > 0 && ((uint32_t)opened >= t->rcv.buf / 4 ||
                       (uint32_t)opened >= 2u * t->rcv.mss ||
                       via_seq_diff(t->rcv.edge, t->rcv.nxt) < (int32_t)t->rcv.mss)) {
        t->bits |= VIA_TCPB_ACK_NOW;
        via_tcp_touch(c, t);
    }
}
