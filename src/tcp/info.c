/* SPDX-License-Identifier: BSD-2-Clause */
/* Looking inside. */
#include "sock/enter.h"
#include "tcp/tcp.h"

static void fill_sender(const struct via_core *c, const struct via_tcp_conn *t, struct via_tcp_info *i) {
    i->mss = t->snd.mss;
    i->peer_mss = t->snd.peer_mss;
    i->pmtu = t->way ? via_tcp_mtu(c, t, via_tcp_way(c, t)->path.mtu) : 0;
    i->cwnd = t->cc.cwnd;
    i->ssthresh = t->cc.ssthresh;
    i->flight = t->board.bytes;
    i->pipe = via_sack_pipe(&t->board);
    i->lost = t->board.lost_bytes;
    i->sacked = t->board.sacked;
    i->snd_wnd = t->snd.wnd;
    i->snd_wscale = t->snd.wscale;
    i->snd_buf = t->snd.buf;
    i->snd_queued = via_tcp_queued(t);
    i->snd_unsent = t->snd.unsent_bytes;
    i->backoff = (uint8_t)via_min32(t->rtt.backoff, UINT8_MAX);
    i->fin_sent = (t->bits & VIA_TCPB_FIN_SENT) != 0;
    i->reordered = t->rack.reordered;
}

static void fill_pace(const struct via_core *c, const struct via_tcp_conn *t, struct via_tcp_info *i) {
    const struct via_pace *p;

    if (!(t->bits & VIA_TCPB_PACED))
        return;
    p = &via_tcp_more(c, t)->pace;
    i->pacing_rate = p->rate;
    i->limited_pacing = p->held + (p->since ? via_now(c) - p->since : 0);
}

static void fill_limits(const struct via_core *c, const struct via_tcp_conn *t, struct via_tcp_info *i) {
    const struct via_tcp_more *m = via_tcp_more(c, t);
    via_ns_t now = via_now(c), age = (uint32_t)(now / VIA_MS - t->begun) * VIA_MS, held;

    if (!via_tcp_is_synced(t))
        return;
    if (m) {
        i->limited_rwnd = via_limits_time(&m->limits, now, VIA_LIMIT_RWND);
        i->limited_cwnd = via_limits_time(&m->limits, now, VIA_LIMIT_CWND);
        i->limited_ring = via_limits_time(&m->limits, now, VIA_LIMIT_RING);
    }
    held = i->limited_rwnd + i->limited_cwnd + i->limited_ring + i->limited_pacing;
    i->limited_app = age > held ? age - held : 0;
}

static void fill_receiver(const struct via_tcp_conn *t, struct via_tcp_info *i) {
    i->rcv_wnd = t->rcv.edge - t->rcv.nxt;
    i->rcv_wscale = t->rcv.wscale;
    i->rcv_buf = t->rcv.buf;
    i->rcv_queued = t->rcv.queued;
    i->rcv_ahead = t->rcv.ahead;
    i->fin_received = (t->bits & VIA_TCPB_EOF) != 0;
}

static void fill_counts(const struct via_tcp_conn *t, struct via_tcp_info *i) {
    const struct via_tcp_count *n = &t->count;

    i->bytes_sent = n->sent;
    i->bytes_resent = n->resent;
    i->bytes_acked = n->sent - n->resent - t->board.bytes;
    i->bytes_received = n->received;
    i->segs_sent = n->segs_sent;
    i->segs_received = n->segs_received;
    i->segs_resent = n->segs_resent;
    i->duplicates = n->duplicates;
    i->recoveries = n->recoveries;
    i->timeouts = n->timeouts;
    i->probes = n->probes;
    i->undone = n->undone;
    i->ecn_marks = n->marks;
    i->last_sent = t->last_tx;
    i->last_received = t->last_rx;
    i->last_ack = t->last_rx;
}

int via_tcp_info(struct via_stack *st, via_sock_t s, struct via_tcp_info *out) {
    struct via_core *c = via_enter(st);
    const struct via_tcp_conn *t = (const struct via_tcp_conn *)(const void *)via_sock_find(c, s, VIA_KIND_TCP);

    if (!t)
        return via_bad_handle(c);
    if (!out || out->size != sizeof *out)
        return via_why_set(c, -EINVAL, "tcp: a struct of another version");
    memset(out, 0, sizeof *out);
    out->size = sizeof *out;
    out->state = t->state;
    out->phase = t->phase;
    out->options = t->opts;
    out->reason = t->state == VIA_TCP_CLOSED ? t->sock.reason : 0;
    out->cc = via_cc_name((enum via_cc_algo)t->cc.algo);
    out->rtt = t->rtt.srtt;
    out->rtt_var = t->rtt.var;
    out->rtt_min = via_min_get(&t->rtt.min);
    out->rto = t->rtt.rto;
    fill_sender(c, t, out);
    fill_pace(c, t, out);
    fill_limits(c, t, out);
    fill_receiver(t, out);
    fill_counts(t, out);
    return 0;
}

int via_tcp_stats(const struct via_core *c, int (*fn)(const struct via_stat *, void *), void *arg) {
    const struct via_tcp *g = c->tcp;
    const struct via_stat v[] = {
        {"tcp", 0, 0, "rx_segments", "segments taken", g->rx},
        {"tcp", 0, 0, "rx_bytes", "bytes put on receive queues", g->rx_bytes},
        {"tcp", 0, 0, "tx_segments", "segments sent", g->tx},
        {"tcp", 0, 0, "tx_bytes", "data bytes sent, again too", g->tx_bytes},
        {"tcp", 0, 0, "resent", "segments sent again", g->resent},
        {"tcp", 0, 0, "fast_path", "segments taken the short way", g->fast},
        {"tcp", 0, 0, "slow_path", "segments taken by the list of RFC 9293", g->slow},
        {"tcp", 0, 0, "tx_copied_bytes", "bytes copied into the send queue", g->tx_copied},
        {"tcp", 0, 0, "rx_copied_bytes", "bytes copied by via_tcp_recv()", g->rx_copied},
        {"tcp", 0, 0, "opened", "connections begun", g->opened},
        {"tcp", 0, 0, "joined", "connections whose two ends are both here", g->joined},
        {"tcp", 0, 0, "accepted", "connections taken from listeners", g->accepted},
        {"tcp", 0, 0, "failed", "connections that did not end in order", g->failed},
        {"tcp", 0, 0, "resets_sent", "RST segments sent", g->resets_sent},
        {"tcp", 0, 0, "resets_received", "RST segments that ended a connection", g->resets_got},
        {"tcp", 0, 0, "cookies_sent", "SYN cookies sent", g->cookies_sent},
        {"tcp", 0, 0, "cookies_good", "connections made of a SYN cookie", g->cookies_good},
        {"tcp", 0, 1, "time_wait", "connections in TIME_WAIT", g->wait_count},
        {"tcp", 0, 1, "orphans", "connections that their application has closed", g->orphans},
        {"tcp", 0, 1, "connections", "connections in whatever state", via_pool_used(&c->socks->pool[VIA_KIND_TCP])},
        {"tcp", 0, 1, "segments", "segments under way", via_pool_used(&g->segs)},
        {"tcp", 0, 1, "ways", "paths in use", via_pool_used(&g->ways)},
    };
    size_t i;
    int stop = 0;

    for (i = 0; i < VIA_COUNT(v) && !stop; i++)
        stop = fn(&v[i], arg);
    return stop;
}

const struct via_sock_ops via_tcp_ops = {
    .name = "tcp", .close = via_tcp_close, .setopt = via_tcp_setopt, .getopt = via_tcp_getopt,
    .lend = via_tcp_lend, .post = via_tcp_post};
