/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack/rx.h"
#include "tcp/tcp.h"

#define TIMERS       1024u /* fired in one poll at most */
#define MIRROR_EVERY (10 * VIA_MS) /* a busy poller looks at netlink so often; a sleeper is woken by it */

static unsigned run_calls(struct via_stack *st) {
    unsigned n = 0;
    via_call_fn *fn;
    void *arg;

    while (n < VIA_MPSC_SLOTS && via_mpsc_pop(&st->calls, &fn, &arg)) {
        fn(st, arg);
        n++;
    }
    return n;
}

/*
 * At most as many as are armed now, so that one that arms itself for a time that has passed waits for the next poll, and
 * no more than hold up the host loop for a moment, however many are due.
 */
static VIA_COLD unsigned fire_timers(struct via_stack *st) {
    struct via_core *c = &st->core;
    unsigned n = 0, most = via_min32(c->s->wheel.count, TIMERS);
    uint32_t id;

    while (n < most && (id = via_wheel_pop(&c->s->wheel, c->ticks, c->s->now))) {
        n++;
        if (via_tick_kind_of(id) == VIA_TICK_APP)
            via_timer_fire(st, via_tick_index_of(id));
        else if (via_tick_kind_of(id) == VIA_TICK_TCP)
            via_tcp_timer(c, via_tick_index_of(id));
        else if (via_tick_kind_of(id) == VIA_TICK_TCP_WAIT)
            via_tcp_wait_timer(c);
        else
            via_net_timer(c, via_tick_kind_of(id), via_tick_index_of(id));
    }
    st->leftover |= n == TIMERS && via_wheel_next(&c->s->wheel, c->ticks) <= c->s->now;
    return n;
}

static void hear(struct via_core *c, const struct via_note *note) {
    struct via_rx rx = {.kind = VIA_RX_ERROR, .flow = note->flow, .reason = note->reason};

    switch (note->kind) {
    case VIA_NOTE_UNREACH:
        if (note->flow.proto == IPPROTO_UDP)
            via_udp_error(c, &rx);
        else if (note->flow.proto == IPPROTO_TCP)
            via_tcp_error(c, &rx);
        return;
    case VIA_NOTE_LINK:
        via_sock_link(c, note->iface, note->reason);
        return;
    case VIA_NOTE_ADDR:
        via_sock_addr_gone(c, &note->flow.local, note->iface, note->reason);
        return;
    case VIA_NOTE_NONE:
        return;
    }
}

static VIA_COLD void hear_notes(struct via_core *c) {
    struct via_note note;

    while (via_net_note(c, &note))
        hear(c, &note);
}

/* What is to be sent, with one doorbell per VI; then completions, by the batch or when there is nothing else to do. */
static int push_all(struct via_stack *st, bool idle) {
    struct via_core *c = &st->core;
    uint32_t busy, i;
    int err = 0;

    for (busy = c->busy; busy; busy &= busy - 1) {
        struct via_vi *vi = c->vi[__builtin_ctz(busy)];
        int e;

        if (vi->raw)
            continue;
        e = via_vi_unflushed(vi) ? via_vi_flush(vi) : 0;
        err = e < 0 ? e : err;
        if (via_vi_wants_collect(vi, idle))
            via_vi_collect(vi);
    }
    for (i = 1; i <= c->vis && idle; i++)
        if (c->vi[i] && !c->vi[i]->raw && c->vi[i]->stock < c->vi[i]->stock_max)
            via_vi_stock(c->vi[i]);
    return err;
}

/* SPACE for who waited for a ring that has room again. */
static void give_space(struct via_core *c) {
    uint32_t i;

    for (i = 1; i <= c->vis; i++)
        if (c->socks->space[i] && c->vi[i] && !c->vi[i]->raw)
            via_sock_give_space(c, i, false);
}

int via_stack_flush(struct via_stack *st) {
    via_enter(st);
    return push_all(st, true);
}

static uint64_t sent_frames(const struct via_core *c) {
    uint64_t n = 0;
    uint32_t i;

    for (i = 1; i <= c->vis; i++)
        n += c->vi[i] ? c->vi[i]->tx_packets : 0;
    return n;
}

/*
 * Other threads queue first and wake then, so that one flag tells of both. An exchange, so that what a waker did before
 * is seen here even if it wakes again at this moment.
 */
static VIA_COLD unsigned answer_wake(struct via_stack *st) {
    st->sleep.heard |= atomic_exchange_explicit(&st->sleep.woken, 0, memory_order_seq_cst);
    return run_calls(st);
}

static VIA_COLD void look_at_mirror(struct via_stack *st) {
    struct via_core *c = &st->core;

    if (c->s->now < st->mirror_at)
        return;
    via_mirror_poll(c);
    st->mirror_at = c->s->now + MIRROR_EVERY;
}

/* Before anything comes in: other threads, the kernel's tables, ourselves. How many packets that was. */
static VIA_COLD unsigned start_round(struct via_stack *st) {
    struct via_core *c = &st->core;

    if (atomic_load_explicit(&st->sleep.woken, memory_order_relaxed))
        st->work.events += answer_wake(st);
    if (c->mirror)
        look_at_mirror(st);
    return c->s->loop.head ? via_rx_loop(st) : 0;
}

/* After everything went out. */
static VIA_COLD void end_round(struct via_stack *st) {
    st->work.events += via_sock_settle_sent(&st->core);
    if (st->core.socks->waiting)
        give_space(&st->core);
}

/* One round; true if there is anything new to fetch. */
VIA_HOT bool poll_once(struct via_stack *st, unsigned budget) {
    struct via_core *c = &st->core;
    struct via_core_state *s = c->s;
    uint64_t news = c->udp->rx + c->tcp->news;
    unsigned rx = 0;
    bool idle;

    if (VIA_UNLIKELY(atomic_load_explicit(&st->sleep.woken, memory_order_relaxed) | s->loop.head) || c->mirror)
        rx = start_round(st);
    rx += via_rx_all(st, budget);
    if (VIA_UNLIKELY(s->wheel.next <= s->now))
        st->work.timers += fire_timers(st);
    idle = !rx && (!c->tcp->touched.head || !(s->turns & 63)); /* sockets of this stack may keep each other busy */
    if (idle || VIA_UNLIKELY(via_net_has_notes(c)))
        hear_notes(c); /* looks at the links too, which a poll with traffic need not */
    if (c->tcp->touched.head)
        via_tcp_settle(c);
    if (idle || c->busy)
        push_all(st, idle);
    if (VIA_UNLIKELY(s->sent.head | c->socks->waiting))
        end_round(st);
    st->work.rx = rx;
    return c->socks->events | s->dones | ((c->udp->rx + c->tcp->news) ^ news);
}

/* The same for who wants to know what was done. */
static VIA_COLD int poll_counted(struct via_stack *st, via_ns_t now, unsigned budget, struct via_work *w) {
    struct via_core *c = &st->core;
    uint64_t records = c->socks->events, tx = sent_frames(c);
    int any;

    memset(&st->work, 0, sizeof st->work);
    any = via_stack_poll_at(st, now, budget, NULL);
    *w = st->work;
    w->events += c->socks->events > records ? (uint32_t)(c->socks->events - records) : 0;
    w->tx = (uint32_t)(sent_frames(c) - tx);
    w->more = st->leftover;
    return any;
}

int via_stack_poll_at(struct via_stack *st, via_ns_t now, unsigned budget, struct via_work *w) {
    struct via_core *c = via_enter(st);

    if (VIA_UNLIKELY(w != NULL))
        return poll_counted(st, now, budget, w);
    if (VIA_UNLIKELY(st->sleep.asleep))
        via_sleep_disarm(st);
    if (now > c->s->now)
        c->s->now = now;
    c->s->turns++;
    return poll_once(st, budget ? budget : (unsigned)c->attrs.poll_burst);
}

int via_stack_poll(struct via_stack *st, unsigned budget, struct via_work *w) {
    return via_stack_poll_at(st, via_stack_clock(st), budget, w);
}

via_ns_t via_stack_deadline(const struct via_stack *st) {
    const struct via_core *c = via_enter_const(st);
    via_ns_t at = via_min_ns(via_wheel_next(&c->s->wheel, c->ticks), via_merge_deadline(st));
    uint32_t i;

    for (i = 1; i <= c->vis; i++) {
        struct via_vi_dev *d;

        for (d = c->vi[i] ? c->vi[i]->dev : NULL; d; d = d->inner)
            if (d->ops->deadline)
                at = via_min_ns(at, d->ops->deadline(d));
    }
    return at;
}

static bool vi_pending(const struct via_vi *vi) {
    return vi->injected.head || (vi->dev->ops->pending && vi->dev->ops->pending(vi->dev));
}

/* What a device did not take stays for when it says that it has room again; one that cannot say so is asked for ever.
 */
static bool can_push(const struct via_vi *vi) {
    return via_vi_unflushed(vi) && (!vi->stuck || !vi->dev->ops->arm);
}

bool via_stack_has_input(const struct via_stack *st) {
    const struct via_core *c = &st->core;
    uint32_t i;

    if (c->s->sent.head || c->s->loop.head || c->tcp->touched.head || st->leftover)
        return true;
    for (i = 1; i <= c->vis; i++)
        if (c->vi[i] && (vi_pending(c->vi[i]) || can_push(c->vi[i])))
            return true;
    /* Not the queue of calls: who has queued and not woken yet is about to, and the poll would not look there. */
    return atomic_load_explicit(&st->sleep.woken, memory_order_seq_cst);
}

bool via_stack_has_work(const struct via_stack *st) {
    return st->core.socks->events || st->core.s->dones || via_stack_has_input(st);
}

bool via_stack_pending(const struct via_stack *st) {
    return via_stack_has_work(st) || st->core.s->wheel.next <= via_stack_clock(st);
}
