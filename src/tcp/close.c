/* SPDX-License-Identifier: BSD-2-Clause */
/* Ends: FIN both ways, reset, TIME_WAIT, and connections that their application has left. */
#include "sock/enter.h"
#include "tcp/tcp.h"

#define WAIT_TICK 1u

static void send_reset(struct via_core *c, struct via_tcp_conn *t) {
    struct via_tcp_emit e = {.seq = t->snd.nxt, .flags = VIA_TCP_RST | VIA_TCP_ACK};

    if (!via_tcp_is_synced(t) && t->state != VIA_TCP_SYN_RECEIVED)
        return;
    c->tcp->resets_sent++;
    via_tcp_emit_segment(c, t, &e);
}

void via_tcp_reset(struct via_core *c, struct via_tcp_conn *t, int reason) {
    if (VIA_UNLIKELY(t->bits & VIA_TCPB_LOOP))
        via_tcp_loop_flush(c, t);
    else if (t->state != VIA_TCP_TIME_WAIT)
        send_reset(c, t);
    via_tcp_die(c, t, reason);
}

void via_tcp_fin(struct via_core *c, struct via_tcp_conn *t) {
    if (t->bits & VIA_TCPB_FIN)
        return;
    t->bits = (t->bits | VIA_TCPB_FIN) & (uint32_t)~(VIA_TCPB_MORE | VIA_TCPB_CORK);
    if (t->state == VIA_TCP_ESTABLISHED)
        t->state = VIA_TCP_FIN_WAIT_1;
    else if (t->state == VIA_TCP_CLOSE_WAIT)
        t->state = VIA_TCP_LAST_ACK;
    via_tcp_output(c, t);
}

int via_tcp_shutdown(struct via_stack *st, via_sock_t s) {
    struct via_core *c = via_enter(st);
    struct via_tcp_conn *t = (struct via_tcp_conn *)(void *)via_sock_find(c, s, VIA_KIND_TCP);

    if (!t)
        return via_bad_handle(c);
    if (t->state == VIA_TCP_CLOSED)
        return t->sock.reason ? via_why_set(c, t->sock.reason, "tcp: the connection has ended") : 0;
    if (!via_tcp_is_synced(t) && !via_tcp_is_fast_opened(t))
        return via_why_set(c, -ENOTCONN, "tcp: not connected yet");
    via_tcp_fin(c, t);
    return 0;
}

/* Nobody reads any more: FIN_WAIT_2 does not last for ever, and what comes is answered by RST. */
static void leave_alone(struct via_core *c, struct via_tcp_conn *t) {
    c->tcp->orphans++;
    via_sock_orphan(c, &t->sock);
    t->rcv.queued = 0;
    if (t->linger > 0)
        via_tcp_arm(c, t, VIA_DUE_LIFE, via_after(via_now(c), (via_ns_t)t->linger * VIA_SEC));
    else if (t->state == VIA_TCP_FIN_WAIT_2)
        via_tcp_arm(c, t, VIA_DUE_LIFE, via_after(via_now(c), c->attrs.tcp_fin_wait));
}

void via_tcp_close(struct via_core *c, struct via_sock *k, unsigned flags) {
    struct via_tcp_conn *t = (struct via_tcp_conn *)(void *)k;
    /* RFC 2525 2.17: data that nobody will read is lost, and the peer is told so. */
    bool unread = k->rxq.list.head || t->rcv.hole.head;
    bool reset = (flags & VIA_ABORT) || t->linger == 0 || unread;

    if (t->state == VIA_TCP_CLOSED) {
        via_sock_orphan(c, k);
        via_tcp_end_sock(c, t);
        return;
    }
    leave_alone(c, t);
    if (t->state == VIA_TCP_SYN_SENT || (reset && t->state != VIA_TCP_TIME_WAIT)) {
        via_tcp_reset(c, t, -ECONNABORTED);
        return;
    }
    via_tcp_fin(c, t);
}

void via_tcp_take_fin(struct via_core *c, struct via_tcp_conn *t, uint64_t seq) {
    t->rcv.nxt++;
    t->bits |= VIA_TCPB_EOF | VIA_TCPB_ACK_NOW;
    t->sock.flags |= VIA_SOCK_EOF;
    via_tcp_touch(c, t);
    switch (t->state) {
    case VIA_TCP_ESTABLISHED:
        t->state = VIA_TCP_CLOSE_WAIT;
        break;
    case VIA_TCP_FIN_WAIT_1:
        t->state = VIA_TCP_CLOSING;
        break;
    case VIA_TCP_FIN_WAIT_2:
        via_tcp_time_wait(c, t);
        break;
    default:
        break;
    }
    via_tcp_trace_more(c, t, VIA_TRACE_STATE, t->state);
    if (via_tcp_is_orphan(t))
        return;
    c->tcp->news++;
    via_ready_raise(c, &t->sock, VIA_EV_EOF, 0, seq);
}

bool via_tcp_fin_acked(struct via_core *c, struct via_tcp_conn *t) {
    switch (t->state) {
    case VIA_TCP_FIN_WAIT_1:
        t->state = VIA_TCP_FIN_WAIT_2;
        if (via_tcp_is_orphan(t) && t->due[VIA_DUE_LIFE] == VIA_NEVER)
            via_tcp_arm(c, t, VIA_DUE_LIFE, via_after(via_now(c), c->attrs.tcp_fin_wait));
        return false;
    case VIA_TCP_CLOSING:
        via_tcp_time_wait(c, t);
        return false;
    case VIA_TCP_LAST_ACK:
        via_tcp_die(c, t, 0);
        return true;
    default:
        return false;
    }
}

void via_tcp_wait_unlink(struct via_core *c, struct via_tcp_conn *t) {
    via_tcp_list_cut(c, &c->tcp->waits, t);
    c->tcp->wait_count--;
}

/*
 * All wait equally long, so the list is in order of deadlines and one timer serves it; it is armed for the oldest when
 * that is not known to be later. Whoever comes back here (a FIN that was sent again) waits from now on.
 */
void via_tcp_time_wait(struct via_core *c, struct via_tcp_conn *t) {
    via_ns_t at = via_after(via_now(c), c->attrs.tcp_time_wait);
    uint32_t i;

    if (t->bits & VIA_TCPB_LOOP) { /* nothing of it is under way */
        via_tcp_die(c, t, 0);
        return;
    }
    if (t->state == VIA_TCP_TIME_WAIT)
        via_tcp_wait_unlink(c, t);
    for (i = 0; i < VIA_DUES; i++)
        t->due[i] = VIA_NEVER;
    t->retry = VIA_RETRY_NONE;
    t->state = VIA_TCP_TIME_WAIT;
    via_tick_disarm(c, VIA_TICK_TCP, via_ref_index(via_tcp_ref(c, t)));
    t->due[VIA_DUE_LIFE] = at;
    via_tcp_list_push(c, &c->tcp->waits, t);
    c->tcp->wait_count++;
    if (!via_tick_armed(&c->tcp->wait_tick))
        via_tick_arm(c, VIA_TICK_TCP_WAIT, WAIT_TICK, at);
    while (c->tcp->wait_count > c->attrs.tcp_max_time_wait && c->tcp->waits.head != via_tcp_ref(c, t))
        via_tcp_die(c, via_tcp_at(c, c->tcp->waits.head), 0);
}

void via_tcp_wait_timer(struct via_core *c) {
    while (c->tcp->waits.head) {
        struct via_tcp_conn *t = via_tcp_at(c, c->tcp->waits.head);

        if (t->due[VIA_DUE_LIFE] > via_now(c)) {
            via_tick_arm(c, VIA_TICK_TCP_WAIT, WAIT_TICK, t->due[VIA_DUE_LIFE]);
            return;
        }
        via_tcp_die(c, t, 0);
    }
}
