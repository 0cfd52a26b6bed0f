/* SPDX-License-Identifier: BSD-2-Clause */
/* What an ACK tells: what left the network, how long it took, what is lost, and how much may be there now. */
#include "tcp/tcp.h"

#define MIN_RTT_WINDOW (300 * VIA_SEC)
#define ACK_DELAY_MAX  (200 * VIA_MS) /* what a peer may take to acknowledge a lone segment (RFC 8985 7.2) */
#define PROBE_LEAST    (2 * VIA_MS) /* a tail loss probe sooner than this would meet ACKs that are on their way */

/* What is known of one ACK, put together once. */
struct ack {
    const struct via_tcp_in *in;
    struct via_sack_ack board;
    struct via_rack_ack rack;
    uint32_t bytes, sacked; /* of the scoreboard, before it */
    uint32_t lost;          /* the same; what is newly lost comes on top */
    uint32_t pipe;
    struct via_sample rs; /* with cc.sampled */
    uint32_t last_lost;        /* before it */
    uint32_t marks; /* packets that the network marked, newly told */
    via_ns_t rtt;       /* sample, 0: none */
    bool original;      /* something arrived that was sent once */
    bool duplicate;     /* RFC 5681 2 */
    bool update;        /* of the window */
};

void via_tcp_free_segs(struct via_core *c, struct via_tcp_conn *t, uint32_t list) {
    struct via_tcp_seg *segs = via_tcp_segs(c);

    while (list) {
        uint32_t next = segs[list].next;

        if (segs[list].data)
            via_tcp_skip(c, t, via_pkt_at(c, segs[list].data), UINT32_MAX);
        via_pool_put(&c->tcp->segs, &c->region, list);
        list = next;
    }
}

struct via_cc_view via_tcp_view(const struct via_core *c, const struct via_tcp_conn *t) {
    return (struct via_cc_view){
        .now = via_now(c),
        .srtt = t->rtt.srtt,
        .min_rtt = via_min_get(&t->rtt.min),
        .flight = t->board.bytes,
        .pipe = via_sack_pipe(&t->board),
        .mss = t->snd.mss,
        .una = t->snd.una,
        .nxt = t->snd.nxt,
        .limited = t->bits & VIA_TCPB_LIMITED,
        .recovering = t->phase == VIA_PHASE_RECOVERY || t->phase == VIA_PHASE_CWR,
    };
}

static inline bool repairs(const struct via_tcp_conn *t) {
    return t->phase == VIA_PHASE_RECOVERY || t->phase == VIA_PHASE_LOSS;
}

static struct via_rack_ack rack_view(const struct via_core *c, const struct via_tcp_conn *t) {
    return (struct via_rack_ack){
        .now = via_now(c),
        .min_rtt = via_min_get(&t->rtt.min),
        .srtt = t->rtt.srtt,
        .una = t->snd.una,
        .nxt = t->snd.nxt,
        .recovering = repairs(t),
    };
}

void via_tcp_arm_retry(struct via_core *c, struct via_tcp_conn *t) {
    via_ns_t probe;

    if (t->retry == VIA_RETRY_REORDER && t->board.head)
        return;
    if (t->board.head) {
        t->retry = VIA_RETRY_RTO;
        probe = via_tlp_delay(&t->board, t->rtt.srtt, ACK_DELAY_MAX);
        probe = probe < PROBE_LEAST ? PROBE_LEAST : probe;
        if (probe < t->rtt.rto && via_tcp_is_synced(t) && via_tlp_allowed(&t->rack, &t->board, t->opts & VIA_TCP_HAS_SACK, repairs(t))) {
            t->retry = VIA_RETRY_PROBE;
            via_tcp_arm(c, t, VIA_DUE_RETRY, via_tcp_retry_at(c, t, probe));
            return;
        }
        via_tcp_arm(c, t, VIA_DUE_RETRY, via_tcp_retry_at(c, t, t->rtt.rto));
        return;
    }
    if (t->snd.unsent.head && via_tcp_usable(t) < via_min32(t->snd.mss, t->snd.unsent_bytes)) {
        if (t->retry == VIA_RETRY_PERSIST && t->due[VIA_DUE_RETRY] != VIA_NEVER)
            return;
        t->retry = VIA_RETRY_PERSIST;
        via_tcp_arm(c, t, VIA_DUE_RETRY, via_tcp_retry_at(c, t, t->rtt.rto));
        return;
    }
    t->retry = VIA_RETRY_NONE;
    t->stuck = 0;
    via_tcp_disarm(t, VIA_DUE_RETRY);
}

static VIA_COLD void trace_window(struct via_core *c, struct via_tcp_conn *t, uint32_t wnd) {
    if (wnd)
        via_tcp_trace_more(c, t, VIA_TRACE_OPENED_WND, wnd);
    else if (t->snd.unsent_bytes)
        via_tcp_trace(c, t, VIA_TRACE_CLOSED_WND, t->snd.unsent_bytes);
}

/* RFC 9293 3.10.7.4: only a segment that is newer than the one the window is from may change it. */
static bool take_window(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    uint32_t wnd = (uint32_t)in->h.wnd << t->snd.wscale;
    bool moved;

    if (!(via_seq_lt(t->snd.wl1, in->h.seq) || (t->snd.wl1 == in->h.seq && via_seq_le(t->snd.wl2, in->h.ack))))
        return false;
    moved = wnd != t->snd.wnd;
    if (VIA_UNLIKELY(!wnd != !t->snd.wnd))
        trace_window(c, t, wnd);
    t->snd.wnd = wnd;
    t->snd.max_wnd = via_max32(t->snd.max_wnd, wnd);
    t->snd.wl1 = in->h.seq;
    t->snd.wl2 = in->h.ack;
    return moved;
}

/* Karn: which transmission arrived is known of those that were sent once alone; RACK hears of all. */
static void read_delivered(struct via_core *c, struct via_tcp_conn *t, struct ack *a) {
    const struct via_tcp_seg *segs = via_tcp_segs(c);
    via_ns_t first = VIA_NEVER;
    bool again = false;
    uint32_t id;

    via_rack_begin(&a->rack);
    for (id = a->board.gone; id; id = segs[id].next) {
        if (segs[id].flags & VIA_SEG_SACKED)
            continue; /* that was told before */
        via_rack_delivered(&t->rack, &segs[id], &a->rack);
        if (segs[id].flags & VIA_SEG_RESENT) {
            again = true;
            continue;
        }
        a->original = true;
        first = via_min_ns(first, segs[id].sent);
    }
    if (again && !(t->opts & VIA_TCP_HAS_SACK))
        first = VIA_NEVER; /* what lay behind the hole came long ago */
    for (id = a->board.fresh; id; id = segs[id].after) {
        via_rack_delivered(&t->rack, &segs[id], &a->rack);
        if (segs[id].flags & VIA_SEG_RESENT)
            continue;
        a->original = true;
        first = via_min_ns(first, segs[id].sent);
    }
    if (first != VIA_NEVER)
        a->rtt = via_now(c) - first + (via_now(c) == first);
}

static void take_sample(struct via_core *c, struct via_tcp_conn *t, struct ack *a) {
    const struct via_tcp_opts *o = &a->in->h.opt;

    /* RFC 7323 4.1: of what was sent again the echo alone tells which transmission arrived. */
    if (!a->rtt && a->board.advanced && (t->opts & VIA_TCP_HAS_TS) && (o->has & VIA_TCP_TS) && o->tsecr)
        a->rtt = via_rtt_of_echo(via_tcp_now(c, t), o->tsecr, VIA_TCP_TICK);
    if (!a->rtt)
        return;
    via_rtt_sample(&t->rtt, &c->tcp->rtt, a->rtt, via_rtt_expected(a->bytes, t->snd.mss));
    via_min_add(&t->rtt.min, MIN_RTT_WINDOW, via_now(c), a->rtt);
}

static void undo(struct via_core *c, struct via_tcp_conn *t) {
    struct via_cc_view v = via_tcp_view(c, t);

    via_cc_signal(&t->cc, &v, VIA_CC_UNDO);
    via_undo_end(&t->undo);
    t->count.undone++;
    via_tcp_trace(c, t, VIA_TRACE_UNDONE, t->cc.cwnd);
    t->phase = VIA_PHASE_OPEN;
    t->frto.state = VIA_FRTO_OFF;
    via_rtt_unback(&t->rtt, &c->tcp->rtt);
}

/* Begins fast recovery: once a round trip, whatever is lost in it. */
static void enter_recovery(struct via_core *c, struct via_tcp_conn *t, const struct ack *a) {
    struct via_cc_view v = via_tcp_view(c, t);

    if (t->phase != VIA_PHASE_CWR) { /* else this round trip has had its reduction */
        v.flight = a->bytes;
        via_cc_signal(&t->cc, &v, VIA_CC_LOSS);
        via_prr_begin(&t->prr, t->cc.ssthresh, a->bytes - a->sacked);
        via_undo_begin(&t->undo, t->snd.una, t->snd.nxt);
        t->bits |= VIA_TCPB_CWR;
    }
    t->phase = VIA_PHASE_RECOVERY;
    t->snd.high = t->snd.nxt;
    t->bits &= (uint32_t)~VIA_TCPB_RESCUED;
    t->count.recoveries++;
    via_tcp_trace(c, t, VIA_TRACE_LOST, t->board.lost_bytes);
    if (t->retry == VIA_RETRY_PROBE)
        via_tcp_arm_retry(c, t);
}

/* Marks: at most one reduction in a round trip (RFC 3168 6.1.2), and no repair. */
static void enter_cwr(struct via_core *c, struct via_tcp_conn *t, const struct ack *a) {
    struct via_cc_view v = via_tcp_view(c, t);

    v.flight = a->bytes;
    via_cc_signal(&t->cc, &v, VIA_CC_ECN);
    via_prr_begin(&t->prr, t->cc.ssthresh, a->bytes - a->sacked);
    via_undo_end(&t->undo);
    t->phase = VIA_PHASE_CWR;
    t->snd.high = t->snd.nxt;
    t->bits |= VIA_TCPB_CWR;
}

static void leave_recovery(struct via_core *c, struct via_tcp_conn *t) {
    via_tcp_trace_more(c, t, VIA_TRACE_RECOVERED, t->cc.cwnd);
    t->phase = VIA_PHASE_OPEN;
    t->snd.high = t->snd.nxt; /* duplicates may be reported for one round trip more */
    t->snd.dups = 0;
    via_rack_recovered(&t->rack);
}

/* RFC 5681 3.2, RFC 6582: without SACK the third duplicate tells, and then each ACK that stops short of `high`. */
static void judge_duplicates(struct via_core *c, struct via_tcp_conn *t, const struct ack *a) {
    struct via_tcp_seg *segs = via_tcp_segs(c);

    if (a->board.advanced) {
        t->snd.dups = 0;
        if (t->phase != VIA_PHASE_RECOVERY || !via_seq_lt(t->snd.una, t->snd.high))
            return;
    } else {
        if (!a->duplicate)
            return;
        t->snd.dups = (uint8_t)(t->snd.dups + (t->snd.dups < UINT8_MAX));
        via_sack_duplicate(&t->board, t->snd.mss);
        if (t->snd.dups != VIA_DUP_THRESHOLD || repairs(t))
            return;
    }
    if (t->board.head && !(segs[t->board.head].flags & (VIA_SEG_LOST | VIA_SEG_SACKED)))
        via_sack_lose(&t->board, segs, t->board.head);
}

static void detect(struct via_core *c, struct via_tcp_conn *t, struct ack *a) {
    via_ns_t wait;

    if (!(t->opts & VIA_TCP_HAS_SACK)) {
        judge_duplicates(c, t, a);
        return;
    }
    via_rack_settle(&t->rack, &a->rack);
    wait = via_rack_detect(&t->rack, &t->board, via_tcp_segs(c), &a->rack);
    if (wait != VIA_NEVER) {
        t->retry = VIA_RETRY_REORDER;
        via_tcp_arm(c, t, VIA_DUE_RETRY, via_after(via_now(c), wait));
    } else if (t->retry == VIA_RETRY_REORDER) {
        t->retry = VIA_RETRY_NONE;
    }
}

/* F-RTO, D-SACK, Eifel: was the reduction for nothing? */
static void judge_undo(struct via_core *c, struct via_tcp_conn *t, const struct ack *a) {
    struct via_frto_ack f = {.ack = a->board.ack, .advanced = a->board.advanced, .original = a->original,
                             .can_send = t->snd.unsent.head && via_tcp_usable(t) > 0,
                             .resent_more = t->undo.resent > t->snd.mss};
    enum via_frto_verdict v = via_frto_acked(&t->frto, &f);
    bool in_vain = a->board.dsack && via_undo_dsack(&t->undo, a->board.dup.from, a->board.dup.to);

    if (a->board.advanced && via_undo_echo(&t->undo, a->in->h.opt.tsecr, a->in->h.opt.has & VIA_TCP_TS))
        in_vain = true;
    if (v == VIA_FRTO_SPURIOUS || in_vain)
        undo(c, t);
    if (t->phase == VIA_PHASE_OPEN && !via_seq_lt(t->snd.una, t->snd.high))
        via_undo_end(&t->undo);
    t->bits = v == VIA_FRTO_TRY_NEW ? t->bits | VIA_TCPB_REPAIR : t->bits & (uint32_t)~VIA_TCPB_REPAIR;
}

static void control(struct via_core *c, struct via_tcp_conn *t, struct ack *a) {
    struct via_cc_view v = via_tcp_view(c, t);
    uint32_t delivered = a->board.acked + a->board.sacked;
    bool lost = t->board.lost_bytes > a->lost;

    if (VIA_UNLIKELY(t->bits & VIA_TCPB_SEARCH) && lost && via_tcp_mtu_excuses(c, t, t->board.lost_bytes - a->lost))
        lost = false;
    if (lost && (t->phase == VIA_PHASE_OPEN || t->phase == VIA_PHASE_CWR))
        enter_recovery(c, t, a);
    else if (VIA_UNLIKELY(a->marks) && t->phase == VIA_PHASE_OPEN)
        enter_cwr(c, t, a);
    if (t->phase == VIA_PHASE_RECOVERY || t->phase == VIA_PHASE_CWR) {
        struct via_prr_ack p = {.delivered = delivered, .pipe = v.pipe, .mss = t->snd.mss,
                                .advanced = a->board.advanced, .lost = lost};

        if (!(t->opts & VIA_TCP_HAS_SACK) && a->duplicate)
            p.delivered = t->snd.mss; /* RFC 9937 5 */
        t->snd.window = via_prr_acked(&t->prr, &p);
    }
    if (!delivered)
        return;
    v = via_tcp_view(c, t);
    v.rtt = a->rtt;
    v.acked = delivered;
    v.marks = a->marks;
    v.rs = t->cc.sampled ? &a->rs : NULL;
    v.flight = a->bytes;
    via_cc_acked(&t->cc, &v);
}

/* Two windows: one that is under way and one to be sent when that is acknowledged. */
static inline void grow_buffer(const struct via_core *c, struct via_tcp_conn *t) {
    uint32_t most = (uint32_t)c->attrs.tcp_sndbuf_max;

    if (VIA_LIKELY(t->cc.cwnd <= t->snd.buf / 2) || (t->bits & VIA_TCPB_SND_SET) || t->snd.buf >= most ||
        c->s->pkts.free <= c->frame_count / 2)
        return;
    t->snd.buf = via_min32(2 * t->cc.cwnd, most);
}

/* SND.UNA has moved: what follows from that alone. */
static void advance(struct via_core *c, struct via_tcp_conn *t, struct ack *a) {
    t->stuck = 0;
    if (t->phase != VIA_PHASE_OPEN && via_seq_le(t->snd.high, t->snd.una))
        leave_recovery(c, t);
    if ((t->bits & VIA_TCPB_LIMITED) && via_seq_lt(t->snd.limit, t->snd.una))
        t->bits &= (uint32_t)~VIA_TCPB_LIMITED;
    if (!t->board.head && !t->snd.unsent.head) {
        t->retry = VIA_RETRY_NONE;
        via_tcp_disarm(t, VIA_DUE_RETRY);
    } else if (t->retry != VIA_RETRY_REORDER) {
        via_tcp_arm_retry(c, t);
    }
    via_tcp_free_segs(c, t, a->board.gone);
    grow_buffer(c, t);
    if (t->bits & VIA_TCPB_SPACE)
        via_tcp_give_space(c, t);
}

static void fill(struct via_tcp_conn *t, const struct via_tcp_in *in, struct ack *a) {
    const struct via_tcp_opts *o = &in->h.opt;
    bool sacks = (o->has & VIA_TCP_SACK) && (t->opts & VIA_TCP_HAS_SACK);

    a->board.ack = via_seq_max(in->h.ack, t->snd.una);
    a->board.nxt = t->snd.nxt;
    a->board.block = o->sack;
    a->board.blocks = sacks ? o->sacks : 0;
    a->bytes = t->board.bytes;
    a->sacked = t->board.sacked;
    a->lost = t->board.lost_bytes;
    a->duplicate = in->h.ack == t->snd.una && !in->len && !a->update && t->board.head &&
                   !(in->h.flags & (VIA_TCP_FIN | VIA_TCP_SYN));
}

/* How many segments this ACK tells, for the first time, to have arrived. */
static uint32_t count_delivered(const struct via_tcp_seg *segs, const struct via_sack_ack *b) {
    uint32_t n = 0, id;

    for (id = b->gone; id; id = segs[id].next)
        n += !(segs[id].flags & VIA_SEG_SACKED);
    for (id = b->fresh; id; id = segs[id].after)
        n++;
    return n;
}

/*
 * Nothing is missing and nothing was: an ACK that moves on tells how long it took, and lets the window grow where that
 * was the limit. The same is done in general below; here it is what is left of it.
 */
static inline bool is_calm(const struct via_tcp_conn *t, const struct via_sack_ack *b, uint32_t was_sacked) {
    return t->phase == VIA_PHASE_OPEN && b->advanced && !b->fresh && !(b->dsack | b->reneged) && !t->board.sacked_segs &&
           !was_sacked && !t->board.lost.head && !(t->undo.armed | t->frto.state | t->rack.probing) && (t->opts & VIA_TCP_HAS_SACK);
}

static bool take_calm(struct via_core *c, struct via_tcp_conn *t, struct ack *a) {
    const struct via_tcp_seg *segs = via_tcp_segs(c), *first = &segs[a->board.gone], *last = first;
    via_ns_t now = via_now(c);
    struct via_cc_view v;
    uint32_t id;

    if (!a->board.gone)
        return false;
    for (id = a->board.gone; id; id = segs[id].next) {
        last = &segs[id];
        if (last->flags & VIA_SEG_RESENT)
            return false;
    }
    t->rack.fack = t->rack.end = last->end;
    t->rack.sent = last->sent;
    t->rack.rtt = now - last->sent + (now == last->sent);
    t->rack.any = true;
    a->rtt = now - first->sent + (now == first->sent);
    via_rtt_sample(&t->rtt, &c->tcp->rtt, a->rtt, a->bytes > 2 * t->snd.mss ? via_rtt_expected(a->bytes, t->snd.mss) : 1);
    via_min_add(&t->rtt.min, MIN_RTT_WINDOW, now, a->rtt);
    if (t->retry == VIA_RETRY_REORDER)
        t->retry = VIA_RETRY_NONE;
    if (t->cc.ssthresh == VIA_CC_INFINITE && !(t->bits & VIA_TCPB_LIMITED) && t->cc.cwnd / 2 >= a->bytes)
        return true; /* it would not grow */
    v = via_tcp_view(c, t);
    v.rtt = a->rtt;
    v.acked = a->board.acked;
    v.flight = a->bytes;
    via_cc_acked(&t->cc, &v);
    return true;
}

/* The scoreboard and all who live by it. */
static void process(struct via_core *c, struct via_tcp_conn *t, struct ack *a) {
    if (VIA_UNLIKELY(!via_sack_acked_only(&t->board, via_tcp_segs(c), &a->board)))
        via_sack_acked(&t->board, via_tcp_segs(c), &a->board);
    t->snd.una = a->board.ack;
    if (VIA_UNLIKELY(t->opts & VIA_TCP_HAS_ECN))
        a->marks = via_tcp_ecn_acked(c, t, a->in, count_delivered(via_tcp_segs(c), &a->board));
    if (VIA_LIKELY(!(a->marks | t->cc.sampled) && is_calm(t, &a->board, a->sacked)) && take_calm(c, t, a))
        return;
    a->rack = rack_view(c, t);
    a->rack.echo = a->in->h.opt.has & VIA_TCP_TS;
    a->rack.tsecr = a->in->h.opt.tsecr;
    a->rack.dsack = a->board.dsack;
    read_delivered(c, t, a);
    take_sample(c, t, a);
    if (VIA_UNLIKELY(t->cc.sampled)) {
        via_tcp_sample_acked(c, t, &a->board, &a->rs);
        a->last_lost = t->board.lost.tail;
    }
    if (t->undo.armed || t->frto.state)
        judge_undo(c, t, a);
    if (VIA_UNLIKELY(a->board.reneged)) {
        via_sack_timeout(&t->board, via_tcp_segs(c), true); /* RFC 2018 8 */
        t->phase = VIA_PHASE_LOSS;
        t->snd.high = t->snd.nxt;
    }
    if (t->rack.probing && via_tlp_acked(&t->rack, &a->board, a->duplicate) && t->phase == VIA_PHASE_OPEN) {
        struct via_cc_view v = via_tcp_view(c, t);

        via_cc_signal(&t->cc, &v, VIA_CC_LOSS); /* RFC 8985 7.4.2: the probe repaired a loss */
    }
    detect(c, t, a);
    if (VIA_UNLIKELY(t->cc.sampled) && t->board.lost_bytes > a->lost)
        via_tcp_sample_lost(c, t, a->last_lost);
    control(c, t, a);
}

static bool fin_is_acked(const struct via_tcp_conn *t) {
    return (t->bits & VIA_TCPB_FIN_SENT) && t->snd.una == t->snd.nxt;
}

enum via_drop via_tcp_take_ack(struct via_core *c, struct via_tcp_conn *t, const struct via_tcp_in *in) {
    struct ack a;

    if (VIA_UNLIKELY(via_seq_lt(t->snd.nxt, in->h.ack))) {
        via_tcp_challenge(c, t);
        return VIA_DROP_TCP_ACK_FUTURE;
    }
    /* RFC 5961 5; and what was never sent cannot be acknowledged, however old it would be. */
    if (VIA_UNLIKELY(via_seq_lt(in->h.ack, t->snd.una - via_min32(t->snd.max_wnd, t->snd.una - t->snd.iss)))) {
        via_tcp_challenge(c, t);
        return VIA_DROP_TCP_ACK_OLD;
    }
    a.in = in;
    a.rtt = 0;
    a.original = false;
    a.marks = 0;
    a.update = take_window(c, t, in);
    t->tries = 0;
    if (a.update && t->snd.unsent.head)
        via_tcp_touch(c, t);
    if (!t->board.head) {
        if (t->retry == VIA_RETRY_PERSIST && t->rtt.backoff)
            via_rtt_unback(&t->rtt, &c->tcp->rtt);
        if (a.update)
            via_tcp_arm_retry(c, t);
        return VIA_KEPT;
    }
    fill(t, in, &a);
    process(c, t, &a);
    if (a.board.advanced)
        advance(c, t, &a);
    if (VIA_UNLIKELY(t->bits & (VIA_TCPB_PACED | VIA_TCPB_SEARCH))) {
        if (t->bits & VIA_TCPB_PACED)
            via_tcp_pace(c, t);
        if (t->bits & VIA_TCPB_SEARCH)
            via_tcp_mtu_acked(c, t);
    }
    if (t->snd.unsent.head || t->board.lost_bytes || (t->bits & (VIA_TCPB_FIN | VIA_TCPB_FIN_SENT)) == VIA_TCPB_FIN)
        via_tcp_touch(c, t);
    if (VIA_UNLIKELY(fin_is_acked(t)) && a.board.advanced)
        via_tcp_fin_acked(c, t);
    return VIA_KEPT;
}

void via_tcp_on_rto(struct via_core *c, struct via_tcp_conn *t) {
    struct via_rack_ack r = rack_view(c, t);
    struct via_cc_view v = via_tcp_view(c, t);
    bool again = t->phase == VIA_PHASE_LOSS;
    uint32_t lost = t->board.lost_bytes;

    via_rack_timeout(&t->rack, &t->board, via_tcp_segs(c), &r);
    if (!(t->opts & VIA_TCP_HAS_SACK))
        via_sack_timeout(&t->board, via_tcp_segs(c), false);
    if (VIA_UNLIKELY(t->cc.sampled))
        via_tcp_more(c, t)->sampler.lost += t->board.lost_bytes - lost;
    v.pipe = via_sack_pipe(&t->board);
    via_cc_signal(&t->cc, &v, again ? VIA_CC_TIMEOUT_AGAIN : VIA_CC_TIMEOUT);
    if (!again)
        via_undo_begin(&t->undo, t->snd.una, t->snd.nxt);
    via_frto_begin(&t->frto, t->snd.nxt, again);
    t->phase = VIA_PHASE_LOSS;
    via_tcp_trace(c, t, VIA_TRACE_TIMEOUT, t->tries);
    t->snd.high = t->snd.nxt;
    t->snd.dups = 0;
    t->rack.probing = false;
    t->bits &= (uint32_t)~VIA_TCPB_LIMITED;
    t->bits |= VIA_TCPB_CWR;
}

/* RFC 1191 6.4, RFC 8201 5.4: what was too long for the path did not arrive, and that was not for want of capacity. */
void via_tcp_shrink(struct via_core *c, struct via_tcp_conn *t) {
    struct via_tcp_seg *segs = via_tcp_segs(c);
    uint32_t id, next;
    int err;

    if (!via_tcp_is_synced(t) || t->state == VIA_TCP_TIME_WAIT || !via_tcp_way_now(c, t, &err))
        return;
    for (id = t->board.flying.head; id; id = next) {
        next = segs[id].after;
        if (segs[id].end - segs[id].seq > t->snd.mss + 1)
            via_sack_lose(&t->board, segs, id);
    }
    via_tcp_touch(c, t);
}

void via_tcp_on_reorder(struct via_core *c, struct via_tcp_conn *t) {
    struct ack a = {.bytes = t->board.bytes, .sacked = t->board.sacked, .lost = t->board.lost_bytes};
    struct via_rack_ack r = rack_view(c, t);
    uint32_t last_lost = t->board.lost.tail;
    via_ns_t wait = via_rack_detect(&t->rack, &t->board, via_tcp_segs(c), &r);

    if (wait != VIA_NEVER) {
        t->retry = VIA_RETRY_REORDER;
        via_tcp_arm(c, t, VIA_DUE_RETRY, via_after(via_now(c), wait));
    } else {
        via_tcp_arm_retry(c, t);
    }
    if (VIA_UNLIKELY(t->cc.sampled) && t->board.lost_bytes > a.lost)
        via_tcp_sample_lost(c, t, last_lost);
    if (VIA_UNLIKELY(t->bits & VIA_TCPB_SEARCH) && t->board.lost_bytes > a.lost &&
        via_tcp_mtu_excuses(c, t, t->board.lost_bytes - a.lost))
        return;
    if (t->board.lost_bytes > a.lost && (t->phase == VIA_PHASE_OPEN || t->phase == VIA_PHASE_CWR)) {
        struct via_prr_ack p = {.pipe = via_sack_pipe(&t->board), .mss = t->snd.mss, .lost = true};

        enter_recovery(c, t, &a);
        t->snd.window = via_prr_acked(&t->prr, &p);
    }
}
