/* SPDX-License-Identifier: BSD-2-Clause */
#include "stack/stack.h"

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

void via_merge_release(struct via_stack *st) {
    struct via_core *c = &st->core;
    via_ns_t horizon = VIA_NEVER, late = hold_time(c);
    uint32_t i, at;

    for (i = 1; i <= c->vis; i++)
        if (c->vi[i] && !c->vi[i]->raw)
            horizon = via_min_ns(horizon, st->merge.newest[i]);
    if (c->s->now > late && horizon < c->s->now - late)
        horizon = c->s->now - late;
    /* Nothing waits here at the price of a ring that runs dry. */
    while (st->merge.count &&
           (at = oldest(st, c->s->pkts.free <= c->s->reserve + VIA_STAGE ? VIA_NEVER : horizon))) {
        st->merge.count--;
        via_rx(st, via_pktq_pop(c, &st->merge.held[at]));
    }
}

void via_merge_hold(struct via_stack *st, struct via_vi *vi, struct via_pkt **v, unsigned n) {
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

via_ns_t via_merge_deadline(const struct via_stack *st) {
    const struct via_core *c = &st->core;
    via_ns_t at = VIA_NEVER;
    uint32_t i;

    for (i = 1; st->merge.count && i <= c->vis; i++)
        if (st->merge.held[i].head)
            at = via_min_ns(at, via_after(via_pkt_at(c, st->merge.held[i].head)->ts, hold_time(c)));
    return at;
}
