/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens when nothing happens. */
#include "tcp/tcp.h"

static uint32_t clock_ms(const struct via_core *c) {
    return (uint32_t)(via_now(c) / VIA_MS) | 1;
}

static bool is_overdue(const struct via_core *c, const struct via_tcp_conn *t) {
    return t->user_timeout && t->stuck && clock_ms(c) - t->stuck >= t->user_timeout;
}

via_ns_t via_tcp_retry_at(const struct via_core *c, struct via_tcp_conn *t, via_ns_t after) {
    uint32_t age;

    if (!t->stuck)
        t->stuck = clock_ms(c);
    if (VIA_LIKELY(!t->user_timeout))
        return via_after(via_now(c), after);
    age = via_min32(clock_ms(c) - t->stuck, t->user_timeout);
    return via_after(via_now(c), via_min_ns(after, (t->user_timeout - age + 1) * VIA_MS));
}

/* How often data may time out in a row (RFC 9293 3.8.3, R2). */
static bool gives_up(const struct via_core *c, const struct via_tcp_conn *t) {
    uint64_t most = c->attrs.tcp_retries;

    if (t->state == VIA_TCP_SYN_SENT)
        most = c->attrs.tcp_syn_retries;
    else if (t->state == VIA_TCP_SYN_RECEIVED)
        most = c->attrs.tcp_synack_retries;
    else if (via_tcp_is_orphan(t))
        most = via_min32((uint32_t)c->attrs.tcp_orphan_retries, (uint32_t)most);
    else if (t->user_timeout)
        return false;
    return t->tries >= most;
}

static void give_up(struct via_core *c, struct via_tcp_conn *t) {
    int reason = t->sock.reason ? t->sock.reason : -ETIMEDOUT; /* a soft error says more (RFC 1122 4.2.3.9) */

    if (via_tcp_is_synced(t))
        via_tcp_reset(c, t, -ETIMEDOUT);
    else
        via_tcp_die(c, t, reason);
}

static void count_try(struct via_tcp_conn *t) {
    t->tries = (uint8_t)(t->tries + (t->tries < UINT8_MAX));
}

static void retry_syn(struct via_core *c, struct via_tcp_conn *t) {
    struct via_tcp_seg *segs = via_tcp_segs(c);

    count_try(t);
    if (t->bits & VIA_TCPB_FAST && t->state == VIA_TCP_SYN_SENT)
        via_tcp_fast_forget(c, &t->sock.flow.remote); /* somebody on the way may not like it (RFC 7413 4.1.3) */
    via_rtt_backoff(&t->rtt, &c->tcp->rtt);
    if (t->bits & VIA_TCPB_LOOP) {
        via_tcp_touch(c, t);
        return;
    }
    segs[t->board.head].sent = via_now(c);
    via_sack_resent(&t->board, segs, t->board.head);
    t->count.segs_resent++;
    via_tcp_send_syn(c, t);
}

static void rto(struct via_core *c, struct via_tcp_conn *t) {
    if (gives_up(c, t)) {
        give_up(c, t);
        return;
    }
    if (!via_tcp_is_synced(t)) {
        retry_syn(c, t);
        return;
    }
    count_try(t);
    t->count.timeouts++;
    via_rtt_backoff(&t->rtt, &c->tcp->rtt);
    via_tcp_on_rto(c, t);
    via_tcp_mtu_timeout(c, t);
    via_tcp_resend_first(c, t);
    via_tcp_touch(c, t);
    t->retry = VIA_RETRY_RTO;
    via_tcp_arm(c, t, VIA_DUE_RETRY, via_tcp_retry_at(c, t, t->rtt.rto));
}

/* RFC 9293 3.8.6.1: what was acknowledged last is offered again, and the answer tells the window; for ever while the
 * peer answers (RFC 6429). */
static void probe_window(struct via_core *c, struct via_tcp_conn *t) {
    struct via_tcp_emit e = {.seq = t->snd.una - 1, .flags = VIA_TCP_ACK};
    uint32_t usable = via_tcp_usable(t);

    if (gives_up(c, t)) {
        give_up(c, t);
        return;
    }
    count_try(t);
    if (usable && t->snd.unsent.head)
        via_tcp_probe(c, t); /* the window is but silly: after so long a wait part of a segment goes */
    else
        via_tcp_emit_segment(c, t, &e);
    t->count.probes++;
    via_tcp_trace(c, t, VIA_TRACE_PERSIST, t->tries);
    via_rtt_backoff(&t->rtt, &c->tcp->rtt);
    t->retry = VIA_RETRY_NONE;
    via_tcp_arm_retry(c, t);
}

static void retry(struct via_core *c, struct via_tcp_conn *t) {
    uint8_t kind = t->retry;

    if (is_overdue(c, t)) {
        give_up(c, t);
        return;
    }
    t->retry = VIA_RETRY_NONE;
    switch (kind) {
    case VIA_RETRY_RTO:
        if (t->board.head || (t->bits & VIA_TCPB_LOOP))
            rto(c, t);
        return;
    case VIA_RETRY_PROBE:
        if (via_tlp_allowed(&t->rack, &t->board, t->opts & VIA_TCP_HAS_SACK, t->phase)) {
            via_tcp_trace(c, t, VIA_TRACE_PROBE, t->board.bytes);
            via_tcp_probe(c, t);
            t->count.probes++;
        }
        t->retry = VIA_RETRY_RTO;
        via_tcp_arm(c, t, VIA_DUE_RETRY, via_tcp_retry_at(c, t, t->rtt.rto));
        return;
    case VIA_RETRY_REORDER:
        via_tcp_on_reorder(c, t);
        via_tcp_touch(c, t);
        return;
    case VIA_RETRY_PERSIST:
        probe_window(c, t);
        return;
    default:
        return;
    }
}

static void keepalive(struct via_core *c, struct via_tcp_conn *t) {
    struct via_tcp_emit e = {.seq = t->snd.una - 1, .flags = VIA_TCP_ACK};
    via_ns_t idle = via_now(c) - t->last_rx, due = t->keep_idle * VIA_SEC;

    if ((t->bits & (VIA_TCPB_KEEP | VIA_TCPB_LOOP)) != VIA_TCPB_KEEP || t->state == VIA_TCP_TIME_WAIT)
        return;
    if (t->board.head || idle < due) { /* data that is under way asks already */
        t->probes = 0;
        via_tcp_arm(c, t, VIA_DUE_KEEP, via_after(via_now(c), t->board.head ? due : due - idle));
        return;
    }
    if (t->probes >= t->keep_count) {
        via_tcp_reset(c, t, -ETIMEDOUT);
        return;
    }
    t->probes++;
    via_tcp_trace(c, t, VIA_TRACE_KEEPALIVE, t->probes);
    via_tcp_emit_segment(c, t, &e);
    via_tcp_arm(c, t, VIA_DUE_KEEP, via_after(via_now(c), t->keep_interval * VIA_SEC));
}

static void fire(struct via_core *c, struct via_tcp_conn *t, enum via_tcp_due which) {
    t->due[which] = VIA_NEVER;
    switch (which) {
    case VIA_DUE_RETRY:
        retry(c, t);
        return;
    case VIA_DUE_ACK:
        t->bits |= VIA_TCPB_ACK_NOW;
        t->rcv.quick = (uint8_t)via_max32(t->rcv.quick, 1); /* the peer waits: the next one is not delayed */
        via_tcp_touch(c, t);
        return;
    case VIA_DUE_KEEP:
        keepalive(c, t);
        return;
    case VIA_DUE_LIFE:
        if (via_tcp_is_orphan(t))
            via_tcp_reset(c, t, -ETIMEDOUT);
        return;
    case VIA_DUE_CORK:
        t->bits &= (uint32_t)~(VIA_TCPB_MORE | VIA_TCPB_CORKED);
        t->bits |= VIA_TCPB_PUSH; /* once: what waits goes though it is short */
        via_tcp_touch(c, t);
        return;
    case VIA_DUE_PACE:
        via_tcp_touch(c, t);
        return;
    case VIA_DUES:
        return;
    }
}

void via_tcp_timer(struct via_core *c, uint32_t index) {
    struct via_tcp_conn *t = via_tcp_at(c, via_ref(VIA_KIND_TCP, index));
    via_ns_t next = VIA_NEVER, now = via_now(c);
    uint32_t i;

    for (i = 0; i < VIA_DUES; i++) {
        if (t->due[i] <= now)
            fire(c, t, (enum via_tcp_due)i);
        if (t->state == VIA_TCP_CLOSED)
            return;
    }
    for (i = 0; i < VIA_DUES && t->state != VIA_TCP_TIME_WAIT; i++)
        next = via_min_ns(next, t->due[i]);
    if (next != VIA_NEVER && (!via_tick_armed(&t->tick) || next < t->tick.at))
        via_tick_arm(c, VIA_TICK_TCP, index, next);
}
