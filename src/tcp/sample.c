/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/tcp.h"

void via_sample_sent(struct via_sampler *r, struct via_tcp_seg *s, uint32_t pipe) {
    if (!pipe)
        r->first_sent = r->delivered_at = s->sent;
    s->first_sent = r->first_sent;
    s->delivered_at = r->delivered_at;
    s->delivered = r->delivered;
    s->lost = r->lost;
    s->flight = pipe + (s->end - s->seq);
    s->flags = (uint16_t)(r->limited ? s->flags | VIA_SEG_APP_LIMITED : s->flags & ~VIA_SEG_APP_LIMITED);
}

void via_sample_begin(struct via_sample *rs) {
    *rs = (struct via_sample){.prior_at = 0};
}

void via_sample_delivered(struct via_sampler *r, const struct via_tcp_seg *s, via_ns_t now, struct via_sample *rs) {
    r->delivered += s->end - s->seq;
    r->delivered_at = now;
    if (!s->delivered_at) /* sent before anybody measured */
        return;
    if (rs->prior_at && ((int32_t)(s->delivered - rs->prior) < 0 || (s->delivered == rs->prior && s->sent < r->first_sent)))
        return;
    rs->prior = s->delivered;
    rs->prior_at = s->delivered_at;
    rs->limited = s->flags & VIA_SEG_APP_LIMITED;
    rs->interval = s->sent - s->first_sent;
    rs->flight = s->flight;
    rs->lost = r->lost - s->lost;
    r->first_sent = s->sent;
}

void via_sample_end(struct via_sampler *r, via_ns_t now, via_ns_t min_rtt, struct via_sample *rs) {
    rs->total = r->delivered;
    if (r->limited && (int32_t)(r->delivered - r->limited_to) > 0)
        r->limited = false;
    if (!rs->prior_at)
        return;
    rs->delivered = r->delivered - rs->prior;
    if (rs->interval < now - rs->prior_at)
        rs->interval = now - rs->prior_at;
    /* Shorter than any round trip: a retransmission was taken for what had been sent before. */
    if (min_rtt != VIA_NEVER && rs->interval < min_rtt)
        rs->interval = 0;
}

void via_sample_idle(struct via_sampler *r, uint32_t pipe) {
    r->limited = true;
    r->limited_to = r->delivered + pipe;
}

void via_tcp_sample_sent(struct via_core *c, struct via_tcp_conn *t, uint32_t id, uint32_t pipe) {
    via_sample_sent(&via_tcp_more(c, t)->sampler, &via_tcp_segs(c)[id], pipe);
}

/* The sample of an ACK, before its segments are freed. */
void via_tcp_sample_acked(struct via_core *c, struct via_tcp_conn *t, const struct via_sack_ack *b,
                        struct via_sample *rs) {
    const struct via_tcp_seg *segs = via_tcp_segs(c);
    struct via_sampler *r = &via_tcp_more(c, t)->sampler;
    uint32_t id;

    via_sample_begin(rs);
    for (id = b->gone; id; id = segs[id].next)
        if (!(segs[id].flags & VIA_SEG_SACKED))
            via_sample_delivered(r, &segs[id], via_now(c), rs);
    for (id = b->fresh; id; id = segs[id].after)
        via_sample_delivered(r, &segs[id], via_now(c), rs);
    via_sample_end(r, via_now(c), via_min_get(&t->rtt.min), rs);
}

void via_tcp_sample_lost(struct via_core *c, struct via_tcp_conn *t, uint32_t behind) {
    const struct via_tcp_seg *segs = via_tcp_segs(c);
    struct via_sampler *r = &via_tcp_more(c, t)->sampler;
    struct via_cc_view v = via_tcp_view(c, t);
    uint32_t id = behind ? segs[behind].after : t->board.lost.head;

    for (; id; id = segs[id].after) {
        struct via_sample rs = {.prior_at = segs[id].delivered_at, .flight = segs[id].flight};

        v.lost = segs[id].end - segs[id].seq;
        r->lost += v.lost;
        rs.lost = r->lost - segs[id].lost;
        rs.total = r->delivered;
        rs.limited = segs[id].flags & VIA_SEG_APP_LIMITED;
        v.rs = &rs;
        if (rs.prior_at)
            via_cc_lost(&t->cc, &v);
    }
}

void via_tcp_sample_idle(struct via_core *c, struct via_tcp_conn *t) {
    uint32_t pipe = via_sack_pipe(&t->board);

    if (!t->snd.unsent.head && !t->board.lost.head && pipe + t->snd.mss <= t->cc.cwnd)
        via_sample_idle(&via_tcp_more(c, t)->sampler, pipe);
}
