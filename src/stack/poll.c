/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack/stack.h"

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

/* What we sent to ourselves comes in now; what that makes us send waits for the next poll. */
static VIA_COLD unsigned take_loop(struct via_stack *st) {
    struct via_core *c = &st->core;
    struct via_list loop = c->s->loop;
    struct via_pkt *p;
    unsigned n = 0;

    c->s->loop.head = c->s->loop.tail = 0;
    while ((p = via_pktq_pop(c, &loop))) {
        p->owner = VIA_OWNER_BURST;
        p->ts = c->s->now;
        memset(&p->rec, 0, sizeof p->rec);
        via_rx(st, p);
        n++;
    }
    return n;
}

/* The VI whose oldest held frame is the oldest of all and no later than `horizon`, or 0. */
static uint32_t oldest(struct via_stack *st, via_ns_t horizon) {
    struct via_core *c = &st->core;
    via_ns_t best = horizon;
    uint32_t i, at = 0;

    for (i = 1; i <= c->vis; i++) {
        uint32_t head = st->merge.held[i].head;

        if (head && via_pkt_at(c, head)->ts <= best && (!at || via_pkt_at(c, head)->ts < best)) {
            best = via_pkt_at(c, head)->ts;
            at = i;
        }
    }
    return at;
}

static via_ns_t hold_time(const struct via_core *c) {
    return c->socks->max_hold ? c->socks->max_hold : c->attrs.merge_hold;
}

/* Everything that no older frame of another VI can precede; a silent VI holds nobody up for longer than the hold. */
static VIA_COLD void release_merged(struct via_stack *st) {
    struct via_core *c = &st->core;
    via_ns_t horizon = VIA_NEVER, late = hold_time(c);
    uint32_t i, at;

    for (i = 1; i <= c->vis; i++)
        if (c->vi[i] && !c->vi[i]->raw)
            horizon = via_min_ns(horizon, st->merge.newest[i]);
    if (c->s->now > late && horizon < c->s->now - late)
        horizon = c->s->now - late;
    /* Nothing waits here at the price of a ring that runs dry. */
    while ((at = oldest(st, c->s->pkts.free <= c->s->reserve + VIA_STAGE ? VIA_NEVER : horizon))) {
        st->merge.count--;
        via_rx(st, via_pktq_pop(c, &st->merge.held[at]));
    }
}

/* Puts a burst of one VI where it waits for its turn among the others. A VI's own order is never changed. */
static VIA_COLD void hold(struct via_stack *st, struct via_vi *vi, struct via_pkt **v, unsigned n) {
    struct via_core *c = &st->core;
    unsigned i;

    for (i = 0; i < n; i++) {
        if (v[i]->ts < st->merge.newest[vi->index])
            v[i]->ts = st->merge.newest[vi->index];
        st->merge.newest[vi->index] = v[i]->ts;
        v[i]->owner = VIA_OWNER_TXQ;
        via_pktq_push(c, &st->merge.held[vi->index], v[i]);
    }
    st->merge.count += n;
    if (!n && st->merge.newest[vi->index] < c->s->now)
        st->merge.newest[vi->index] = c->s->now; /* empty now: nothing older than now can come */
}

/* The rest of a large budget, or frames that must wait for their turn among other VIs. */
static VIA_COLD unsigned pull_on(struct via_stack *st, struct via_vi *vi, unsigned budget, bool merging) {
    struct via_pkt *v[VIA_STAGE];
    unsigned all = 0, n, i;

    do {
        n = via_vi_pull(vi, v, via_min32(budget - all, VIA_STAGE));
        if (merging)
            hold(st, vi, v, n);
        for (i = 0; i < n && !merging; i++)
            via_rx(st, v[i]);
        all += n;
    } while (n == VIA_STAGE && all < budget);
    return all;
}

static inline unsigned pull_vi(struct via_stack *st, struct via_vi *vi, unsigned budget) {
    struct via_pkt *v[VIA_STAGE];
    unsigned n = via_vi_pull(vi, v, via_min32(budget, VIA_STAGE)), i;

    for (i = 0; i < n; i++)
        via_rx(st, v[i]);
    return VIA_UNLIKELY(n == VIA_STAGE && budget > n) ? n + pull_on(st, vi, budget - n, false) : n;
}

/* Every VI has its turn to be first. */
static inline unsigned pull_all(struct via_stack *st, unsigned budget) {
    struct via_core *c = &st->core;
    bool merging = c->socks->by_time || st->merge.count;
    uint32_t left, at = st->turn;
    unsigned n = 0, took;

    st->leftover = 0;
    for (left = c->vis; left; left--) {
        struct via_vi *vi;

        at = at < c->vis ? at + 1 : 1;
        vi = c->vi[at];
        if (!vi || vi->raw)
            continue;
        took = VIA_UNLIKELY(merging) ? pull_on(st, vi, budget, true) : pull_vi(st, vi, budget);
        if (took && via_vi_wants_stock(vi))
            via_vi_stock(vi);
        st->leftover |= took >= budget;
        n += took;
    }
    st->turn = at < c->vis ? at + 1 : 1;
    if (VIA_UNLIKELY(merging))
        release_merged(st);
    return n;
}

/* At most as many as are armed now: one that arms itself for a time that has passed waits for the next poll. */
static VIA_COLD unsigned fire_timers(struct via_stack *st) {
    struct via_core *c = &st->core;
    unsigned n = 0, most = c->s->wheel.count;
    uint32_t id;

    while (n < most && (id = via_wheel_pop(&c->s->wheel, c->ticks, c->s->now))) {
        n++;
        if (via_tick_kind_of(id) == VIA_TICK_APP)
            via_timer_fire(st, via_tick_index_of(id));
        else
            via_net_timer(c, via_tick_kind_of(id), via_tick_index_of(id));
    }
    return n;
}

static void hear(struct via_core *c, const struct via_note *note) {
    struct via_rx rx = {.kind = VIA_RX_ERROR, .flow = note->flow, .reason = note->reason};

    switch (note->kind) {
    case VIA_NOTE_UNREACH:
        if (note->flow.proto == IPPROTO_UDP)
            via_udp_error(c, &rx);
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
static inline int push_all(struct via_stack *st, bool idle) {
    struct via_core *c = &st->core;
    int err = 0;
    uint32_t i;

    for (i = 1; i <= c->vis; i++) {
        struct via_vi *vi = c->vi[i];

        if (!vi || vi->raw)
            continue;
        if (via_vi_unflushed(vi)) {
            int e = via_vi_flush(vi);

            err = e < 0 ? e : err;
        }
        if (via_vi_wants_collect(vi, idle))
            via_vi_collect(vi);
        if (idle && vi->stock < vi->stock_max)
            via_vi_stock(vi);
    }
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

/* One round; true if there is anything new to fetch. */
static inline bool poll_once(struct via_stack *st, unsigned budget, struct via_work *w) {
    struct via_core *c = &st->core;
    uint64_t rx = c->udp->rx;

    if (VIA_UNLIKELY(atomic_load_explicit(&st->sleep.woken, memory_order_relaxed)))
        w->events = answer_wake(st);
    if (VIA_UNLIKELY(c->mirror != NULL))
        look_at_mirror(st);
    if (VIA_UNLIKELY(c->s->loop.head))
        w->rx = take_loop(st);
    w->rx += pull_all(st, budget);
    if (VIA_UNLIKELY(c->s->wheel.next <= c->s->now))
        w->timers = fire_timers(st);
    if (!w->rx || VIA_UNLIKELY(c->net->notes.head != c->net->notes.tail))
        hear_notes(c); /* looks at the links too, which a poll with traffic need not */
    push_all(st, !w->rx);
    if (VIA_UNLIKELY(c->s->sent.head))
        w->events += via_sock_settle_sent(c);
    if (VIA_UNLIKELY(c->socks->waiting))
        give_space(c);
    return c->socks->events || c->s->dones || c->udp->rx != rx;
}

/* The same for who wants to know what was done. */
static VIA_COLD bool poll_counted(struct via_stack *st, unsigned budget, struct via_work *w) {
    struct via_core *c = &st->core;
    uint64_t records = c->socks->events, tx = sent_frames(c);
    bool any;

    memset(w, 0, sizeof *w);
    any = poll_once(st, budget, w);
    w->events += c->socks->events > records ? (uint32_t)(c->socks->events - records) : 0;
    w->tx = (uint32_t)(sent_frames(c) - tx);
    w->more = st->leftover;
    return any;
}

int via_stack_poll_at(struct via_stack *st, via_ns_t now, unsigned budget, struct via_work *w) {
    struct via_core *c = via_enter(st);

    if (VIA_UNLIKELY(st->sleep.asleep))
        via_sleep_disarm(st);
    if (now > c->s->now)
        c->s->now = now;
    c->s->turns++;
    budget = budget ? budget : (unsigned)c->attrs.poll_burst;
    return w ? poll_counted(st, budget, w) : poll_once(st, budget, &(struct via_work){0});
}

int via_stack_poll(struct via_stack *st, unsigned budget, struct via_work *w) {
    return via_stack_poll_at(st, via_stack_clock(st), budget, w);
}

static via_ns_t merge_deadline(const struct via_stack *st) {
    const struct via_core *c = &st->core;
    via_ns_t at = VIA_NEVER;
    uint32_t i;

    for (i = 1; st->merge.count && i <= c->vis; i++)
        if (st->merge.held[i].head)
            at = via_min_ns(at, via_after(via_pkt_at(c, st->merge.held[i].head)->ts, hold_time(c)));
    return at;
}

via_ns_t via_stack_deadline(const struct via_stack *st) {
    const struct via_core *c = via_enter_const(st);
    via_ns_t at = via_min_ns(via_wheel_next(&c->s->wheel, c->ticks), merge_deadline(st));
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

    if (c->s->sent.head || c->s->loop.head || st->leftover)
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
