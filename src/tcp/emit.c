/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Segments as bytes. Nearly all have the same header but for a few words: it is put together in registers and written
 * in front of the data where that lies, as the path's template is. All others are built option by option and go by
 * net's general output, as copies.
 */
#include "tcp/tcp.h"

#define NOP_NOP_TS 0x0101080au
#define HEAD_TS    32u /* header with timestamps */

/* Two words, the first one lower in memory. */
static inline uint64_t pair(uint32_t a, uint32_t b) {
    return VIA_LITTLE ? (uint64_t)htonl(a) | (uint64_t)htonl(b) << 32 : (uint64_t)a << 32 | b;
}

/* The window field, rounded up so that the edge told before does not move back. */
static inline uint32_t take_window(struct via_tcp_conn *t, uint32_t flags) {
    uint32_t shift = flags & VIA_TCP_SYN ? 0 : t->rcv.wscale, wnd;
    via_seq_t edge;

    if (VIA_UNLIKELY(flags & (VIA_TCP_SYN | VIA_TCP_RST)))
        return flags & VIA_TCP_RST ? 0 : via_min32(t->rcv.buf, UINT16_MAX);
    edge = via_tcp_edge(t);
    wnd = ((edge - t->rcv.nxt) + (1u << shift) - 1) >> shift;
    wnd = via_min32(wnd, UINT16_MAX);
    t->rcv.edge = via_seq_max(t->rcv.edge, t->rcv.nxt + (wnd << shift));
    return wnd;
}

/* The sum of the data, as it was when it was copied in, or made now. */
static uint64_t sum_data(const struct via_core *c, const struct via_pkt *p) {
    uint64_t sum = 0;
    bool odd = false;

    for (;;) {
        uint64_t part = p->l3 == 1 ? p->ts : via_sum_add(0, via_pkt_data(c, p), p->len);

        sum = via_sum_join(sum, part, odd);
        odd ^= p->len & 1;
        if (VIA_LIKELY(!p->chain))
            return sum;
        p = via_pkt_at(c, p->chain);
    }
}

static inline bool is_summed(const struct via_path *path) {
    return !(path->flags & VIA_PATH_CSUM_FREE);
}

static bool in_flight(const struct via_core *c, const struct via_pkt *p) {
    for (;; p = via_pkt_at(c, p->chain)) {
        if (p->flags & VIA_PKT_FLIGHT)
            return true;
        if (!p->chain)
            return false;
    }
}

/* What was just told to the peer. */
static inline void note_sent(struct via_core *c, struct via_tcp_conn *t) {
    t->rcv.acked = t->rcv.nxt;
    t->bits &= (uint32_t)~(VIA_TCPB_ACK_NOW | VIA_TCPB_ACK_LATER);
    via_tcp_disarm(t, VIA_DUE_ACK);
    t->last_tx = via_now(c);
    t->count.segs_sent++;
    c->tcp->tx++;
}

/* Header of 20 or 32 bytes at `at`, in front of `len` bytes of data that sum up to `sum`. */
static inline void put_head(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_emit *e, uint8_t *at,
                            const struct via_path *path, uint32_t len, uint64_t sum) {
    bool stamps = t->opts & VIA_TCP_HAS_TS;
    uint32_t hlen = stamps ? HEAD_TS : VIA_TCP_LEN, wnd = take_window(t, e->flags);
    uint32_t word = hlen << 26 | (e->flags & 0x1ff) << 16 | wnd;
    uint64_t w0 = pair(ntohl(t->ports), e->seq), w1 = pair(t->rcv.nxt, word);
    uint64_t w2 = pair(0, NOP_NOP_TS), w3 = 0;

    if (stamps)
        w3 = pair(via_tcp_now(c, t), t->rcv.ts_recent);
    else
        w2 = 0;
    if (is_summed(path)) {
        uint16_t check;

        sum = via_sum_plus(via_sum_plus(sum, w0), via_sum_plus(w1, w2));
        sum = via_sum_plus(via_sum_plus(sum, w3), (uint64_t)path->pseudo + htonl(hlen + len));
        check = via_sum_end(sum);
        w2 |= via_word16(0, check);
    }
    via_store64(at, w0);
    via_store64(at + 8, w1);
    if (VIA_LIKELY(stamps)) {
        via_store64(at + 16, w2);
        via_store64(at + 24, w3);
    } else {
        via_store32(at + 16, (uint32_t)(VIA_LITTLE ? w2 : w2 >> 32));
    }
}

static inline bool has_room(struct via_vi *vi, uint32_t parts) {
    if (VIA_LIKELY(parts == 1 && via_vi_is_open(vi)))
        return true;
    if (vi->staged + parts > VIA_STAGE)
        via_vi_flush(vi);
    if (!via_vi_has_room(vi, parts))
        via_vi_collect(vi);
    return !vi->txq.head && vi->staged + parts <= VIA_STAGE && via_vi_has_room(vi, parts) && !vi->dev->link;
}

/* RFC 3168 5: ECT(0), into a header that was made without. */
static inline void mark_ect(const struct via_path *path, uint8_t *at) {
    if (path->family == 6) {
        at[-VIA_IP6_LEN + 1] |= VIA_ECN_ECT0 << 4;
        return;
    }
    at[-VIA_IP4_LEN + 1] |= VIA_ECN_ECT0;
    via_store16(at - 10, (uint16_t)~via_sum_fold32((uint16_t)~via_load16(at - 10) + (uint32_t)htons(VIA_ECN_ECT0)));
}

/* The same for all packets that are made with a path. */
static void path_ect(struct via_path *path) {
    uint8_t *end = (uint8_t *)path->head + VIA_PATH_HEAD;

    if (path->family == 6)
        end[-VIA_IP6_LEN + 1] |= VIA_ECN_ECT0 << 4;
    else
        end[-VIA_IP4_LEN + 1] |= VIA_ECN_ECT0;
    if (path->family == 4)
        path->ip_sum = via_sum_fold32(path->ip_sum + (uint32_t)htons(VIA_ECN_ECT0));
}

/* Puts a segment on the stage as it lies. `p` begins with the data, or is an empty frame of its own. */
static inline void stage(struct via_vi *vi, struct via_pkt *p, uint32_t head, uint16_t flags) {
    struct via_core *c = vi->core;

    vi->tx_packets++;
    vi->tx_bytes += p->total + head;
    via_vi_put(vi, p, via_pkt_data(c, p) - head, p->len + head, (uint16_t)(flags | (p->chain ? VIA_FRAME_MORE : 0)));
    while (VIA_UNLIKELY(p->chain)) {
        p = via_pkt_at(c, p->chain);
        via_vi_put(vi, p, via_pkt_data(c, p), p->len, (uint16_t)(flags | (p->chain ? VIA_FRAME_MORE : 0)));
    }
}

static inline void hold(const struct via_core *c, struct via_pkt *p) {
    for (;; p = via_pkt_at(c, p->chain)) {
        p->refs++;
        if (VIA_LIKELY(!p->chain))
            return;
    }
}

/* Whether the segment can be sent from where it lies, with the short header. */
static inline bool is_plain(const struct via_core *c, const struct via_tcp_conn *t, const struct via_tcp_way *w,
                            const struct via_tcp_emit *e) {
    if (w->plain != via_net_gen(c) || (e->flags & VIA_TCP_SYN) || !c->vi[w->path.vi] || c->vi[w->path.vi]->dev->link)
        return false;
    if (!e->p)
        return (!t->rcv.blocks && !via_tcp_ecn_wants(c, t)) || (e->flags & VIA_TCP_RST);
    return e->p->off >= VIA_PATH_HEAD + HEAD_TS && !in_flight(c, e->p);
}

static enum via_tcp_sent emit_plain(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_way *w,
                                    const struct via_tcp_emit *e) {
    uint32_t hlen = t->opts & VIA_TCP_HAS_TS ? HEAD_TS : VIA_TCP_LEN, parts;
    bool summed = is_summed(&w->path);
    struct via_vi *vi = c->vi[w->path.vi];
    struct via_pkt *p = e->p;
    uint64_t sum = 0;
    uint8_t *at;

    parts = p && VIA_UNLIKELY(p->chain) ? via_tcp_parts(c, p) : 1;
    if (VIA_UNLIKELY(!has_room(vi, parts)))
        return VIA_NOT_NOW;
    if (p) {
        hold(c, p);
        sum = summed ? sum_data(c, p) : 0;
    } else if (!(p = via_pkt_new(c, c->s->reserve / 2))) {
        return VIA_NOT_NOW;
    }
    at = via_pkt_data(c, p) - hlen;
    put_head(c, t, e, at, &w->path, p->total, sum);
    via_path_put(&w->path, at, p->total + hlen);
    if (VIA_UNLIKELY(e->ect))
        mark_ect(&w->path, at);
    stage(vi, p, hlen + w->path.head_len, summed ? 0 : VIA_FRAME_CSUM_OK);
    return VIA_SENT;
}

/* All options that this segment has, as far as they fit beside the data. */
static void fill_opts(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_emit *e, struct via_tcp_opts *o) {
    if (e->flags & VIA_TCP_SYN) {
        via_tcp_syn_opts(c, t, o);
        via_tcp_ecn_opts(c, t, e->flags, o);
        return;
    }
    if (t->opts & VIA_TCP_HAS_TS) {
        o->has |= VIA_TCP_TS;
        o->tsval = via_tcp_now(c, t);
        o->tsecr = t->rcv.ts_recent;
    }
    if (t->rcv.blocks && !e->p && (t->opts & VIA_TCP_HAS_SACK) && !(e->flags & VIA_TCP_RST))
        via_blocks_report(via_tcp_blocks(c, t), o, o->has & VIA_TCP_TS ? 3 : VIA_TCP_SACKS);
    else if (!e->p)
        via_tcp_ecn_opts(c, t, e->flags, o);
}

static struct via_pkt *copy_data(struct via_core *c, const struct via_pkt *from) {
    struct via_pkt *p = via_pkt_new(c, c->s->reserve / 2);

    while (p && from) {
        if (via_pkt_append(c, p, via_pkt_data(c, from), from->len) < 0) {
            via_pkt_release(c, p);
            return NULL;
        }
        from = from->chain ? via_pkt_at(c, from->chain) : NULL;
    }
    return p;
}

/* Puts the header in front of `p`, whose bytes are the data, and sends it down the path. */
static void finish(struct via_core *c, struct via_path *path, struct via_pkt *p, struct via_tcp_head *h) {
    uint8_t buf[VIA_TCP_MAX], *at;
    uint64_t sum;
    int n;

    via_tcp_opts_fit(&h->opt);
    h->sum = 0;
    n = via_tcp_emit(buf, h);
    if (is_summed(path)) {
        sum = via_sum_add(sum_data(c, p), buf, (size_t)n);
        sum = via_sum_plus(sum, (uint64_t)path->pseudo + htonl(p->total + (uint32_t)n));
        via_store16(buf + 16, via_sum_end(sum));
    } else {
        p->flags |= VIA_PKT_CSUM_OK;
    }
    at = via_pkt_push(c, p, (uint32_t)n);
    memcpy(at, buf, (size_t)n);
    via_net_output(c, path, p, true);
}

static enum via_tcp_sent emit_any(struct via_core *c, struct via_tcp_conn *t, struct via_tcp_way *w,
                                  const struct via_tcp_emit *e) {
    struct via_vi *vi = c->vi[w->path.vi];
    struct via_tcp_head h = {.seq = e->seq, .flags = (uint16_t)e->flags};
    struct via_path marked, *path = &w->path;
    struct via_pkt *p;

    if (vi && !vi->dev->link && !(w->path.flags & VIA_PATH_LOOP) && !has_room(vi, e->p ? via_tcp_parts(c, e->p) : 1))
        return VIA_NOT_NOW;
    p = copy_data(c, e->p);
    if (!p)
        return VIA_NOT_NOW;
    h.sport = t->sock.flow.lport;
    h.dport = t->sock.flow.rport;
    h.ack = e->flags & VIA_TCP_ACK ? t->rcv.nxt : 0;
    h.wnd = (uint16_t)take_window(t, e->flags);
    fill_opts(c, t, e, &h.opt);
    if (VIA_UNLIKELY(e->ect)) {
        marked = w->path;
        path_ect(&marked);
        path = &marked;
    }
    finish(c, path, p, &h);
    if (t->rcv.blocks && !via_blocks_any(via_tcp_blocks(c, t)))
        via_tcp_drop_blocks(c, t); /* a duplicate was all that it had to tell */
    if (!w->plain && !(w->path.flags & ~(uint32_t)VIA_PATH_CSUM_FREE) && via_path_valid(c, &w->path))
        w->plain = w->path.gen; /* the neighbour has answered */
    return VIA_SENT;
}

enum via_tcp_sent via_tcp_emit_segment(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_emit *e) {
    struct via_tcp_emit marked;
    enum via_tcp_sent how;
    struct via_tcp_way *w;
    uint32_t owed;
    int err;

    w = via_tcp_way_now(c, t, &err);
    if (VIA_UNLIKELY(!w)) {
        t->sock.reason = err; /* lost, as far as the peer can see; timers try again */
        return VIA_SENT;
    }
    if (VIA_UNLIKELY((t->opts & VIA_TCP_HAS_ECN) | (e->flags & VIA_TCP_SYN))) {
        marked = *e;
        marked.flags |= via_tcp_ecn_flags(c, t, e);
        e = &marked;
    }
    if (VIA_LIKELY(is_plain(c, t, w, e)))
        how = emit_plain(c, t, w, e);
    else if (VIA_UNLIKELY(e->p && e->p->total > t->snd.mss))
        how = VIA_NOT_NOW; /* a big one that is still being sent, or a way that takes none any more: cut next time */
    else
        how = emit_any(c, t, w, e);
    if (VIA_UNLIKELY(how != VIA_SENT)) {
        t->bits |= VIA_TCPB_STALLED;
        return how;
    }
    /* RFC 2018 4: the peer hears of holes at once, and a segment with data has no room for it. */
    owed = t->rcv.blocks && e->p ? t->bits & VIA_TCPB_ACK_NOW : 0;
    if (VIA_UNLIKELY(t->opts & VIA_TCP_HAS_ECN))
        via_tcp_ecn_sent(c, t, e);
    note_sent(c, t);
    t->bits |= owed;
    return VIA_SENT;
}

void via_tcp_emit_bare(struct via_core *c, const struct via_flow *flow, struct via_tcp_head *h) {
    struct via_dest d = {.dst = flow->remote, .src = flow->local, .proto = IPPROTO_TCP};
    struct via_path path;
    struct via_pkt *p;

    d.iface = via_addr_is_linklocal6(&flow->remote) ? flow->iface : 0;
    h->sport = flow->lport;
    h->dport = flow->rport;
    if (via_path_resolve(c, &path, &d) < 0 || !(p = via_pkt_new(c, c->s->reserve / 2)))
        return;
    if (h->opt.has & VIA_TCP_MSS)
        h->opt.mss = (uint16_t)(path.mtu - path.ip_len - VIA_TCP_LEN);
    finish(c, &path, p, h);
}

void via_tcp_refuse(struct via_core *c, const struct via_tcp_in *in) {
    const struct via_tcp_head *from = &in->h;
    struct via_tcp_head h = {.flags = VIA_TCP_RST};

    if (from->flags & VIA_TCP_RST)
        return;
    if (from->flags & VIA_TCP_ACK) {
        h.seq = from->ack;
    } else {
        h.flags |= VIA_TCP_ACK;
        h.ack = from->seq + via_tcp_seg_len(from, in->len);
    }
    c->tcp->resets_sent++;
    via_tcp_emit_bare(c, &in->rx->flow, &h);
}
