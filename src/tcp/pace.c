/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/tcp.h"

#define FREE_SEGS 10 /* the initial window goes at once, as it does elsewhere: short answers need no pace */

enum { PACING_OFF, PACING_AUTO, PACING_ON };

void via_pace_set(struct via_pace *p, uint64_t rate, uint32_t mss) {
    uint64_t burst;

    if (p->bound && (!rate || rate > p->bound))
        rate = p->bound;
    p->rate = rate;
    if (!rate)
        return;
    burst = via_min_ns(rate / (VIA_SEC / VIA_PACE_BURST), VIA_PACE_MOST);
    burst = burst < (uint64_t)VIA_PACE_LEAST * mss ? (uint64_t)VIA_PACE_LEAST * mss : burst;
    p->burst = burst * VIA_SEC / rate;
}

static void let_go(struct via_pace *p, via_ns_t now) {
    p->held += now - p->since;
    p->since = 0;
    if (p->next + p->burst < now)
        p->next = now - p->burst;
}

via_ns_t via_pace_holds(struct via_pace *p, via_ns_t now) {
    if (!p->rate)
        return 0;
    if (p->since) {
        if (now < p->next)
            return p->next;
        let_go(p, now);
        return 0;
    }
    if (p->next < now - via_min_ns(now, p->burst))
        p->next = now;
    if (p->next < now + p->burst)
        return 0;
    p->since = now;
    return p->next;
}

void via_pace_sent(struct via_pace *p, uint32_t bytes) {
    if (p->rate)
        p->next += bytes * VIA_SEC / p->rate;
}

void via_tcp_pace(struct via_core *c, struct via_tcp_conn *t) {
    via_pace_set(&via_tcp_more(c, t)->pace, via_cc_rate(&t->cc, t->rtt.srtt), t->snd.mss);
}

/* A segment that a device could not take waits longer than its pace asks; no need to wake for both. */
bool via_tcp_pace_holds(struct via_core *c, struct via_tcp_conn *t) {
    via_ns_t at;

    if (t->count.segs_sent < FREE_SEGS)
        return false;
    at = via_pace_holds(&via_tcp_more(c, t)->pace, via_now(c));
    if (!at)
        return false;
    if (t->due[VIA_DUE_PACE] != at)
        via_tcp_arm(c, t, VIA_DUE_PACE, at);
    return true;
}

void via_tcp_pace_sent(struct via_core *c, struct via_tcp_conn *t, uint32_t len) {
    via_pace_sent(&via_tcp_more(c, t)->pace, len);
}

void via_tcp_pace_setup(struct via_core *c, struct via_tcp_conn *t) {
    uint64_t mode = c->attrs.tcp_pacing;
    struct via_tcp_more *m = via_tcp_more(c, t);
    bool on = (m && m->pace.bound) || mode == PACING_ON || (mode == PACING_AUTO && via_cc_has_model(&t->cc));

    t->bits &= (uint32_t)~VIA_TCPB_PACED;
    t->cc.sampled = false;
    t->cc.paced = false;
    if (via_cc_has_model(&t->cc) && via_tcp_more_new(c, t))
        t->cc.sampled = true;
    if (!on || !via_tcp_more_new(c, t))
        return;
    t->bits |= VIA_TCPB_PACED;
    t->cc.paced = true;
    via_tcp_pace(c, t);
}

int via_tcp_pace_bound(struct via_core *c, struct via_tcp_conn *t, uint64_t bytes) {
    if (bytes && !via_tcp_more_new(c, t))
        return via_why_set(c, -ENOBUFS, "tcp: no room for the state of a paced connection");
    if (t->more)
        via_tcp_more(c, t)->pace.bound = bytes;
    if (t->cc.cwnd)
        via_tcp_pace_setup(c, t);
    return 0;
}
