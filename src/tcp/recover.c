/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/recover.h"
#include "base/check.h"

void via_prr_begin(struct via_prr *p, uint32_t ssthresh, uint32_t flight) {
    *p = (struct via_prr){.flight = flight ? flight : 1, .ssthresh = ssthresh};
}

/* RFC 9937 6.2. */
uint32_t via_prr_acked(struct via_prr *p, const struct via_prr_ack *a) {
    uint64_t send = 0, share;

    VIA_ASSERT(p->flight);
    p->delivered += a->delivered;
    if (!a->delivered) {
        send = 0;
    } else if (a->pipe > p->ssthresh) {
        share = (p->delivered * p->ssthresh + p->flight - 1) / p->flight;
        send = share > p->out ? share - p->out : 0;
    } else {
        send = p->delivered > p->out ? p->delivered - p->out : 0;
        send = send < a->delivered ? a->delivered : send;
        /* SafeACK: the repair goes well, so slow start towards ssthresh does no harm. */
        if (a->advanced && !a->lost)
            send += a->mss;
        send = via_min_ns(send, p->ssthresh - a->pipe);
    }
    /* RFC 9937 6.2 has 0 for "less than a segment". */
    if (!p->out && send < a->mss)
        send = a->mss;
    return (uint32_t)via_min_ns(a->pipe + send, 0x7fffffff);
}

void via_frto_begin(struct via_frto *f, via_seq_t nxt, bool again) {
    f->state = again ? VIA_FRTO_OFF : VIA_FRTO_FIRST;
    f->point = nxt;
}

static enum via_frto_verdict frto_end(struct via_frto *f, enum via_frto_verdict v) {
    f->state = VIA_FRTO_OFF;
    return v;
}

/* RFC 5682 3.1, the SACK-enhanced version; without SACK `original` is what the cumulative ACK tells (2.1). */
enum via_frto_verdict via_frto_acked(struct via_frto *f, const struct via_frto_ack *a) {
    if (f->state == VIA_FRTO_OFF)
        return VIA_FRTO_NONE;
    if (a->resent_more)
        return frto_end(f, VIA_FRTO_GENUINE);
    if (f->state == VIA_FRTO_SECOND) {
        if (a->original)
            return frto_end(f, VIA_FRTO_SPURIOUS);
        return frto_end(f, VIA_FRTO_GENUINE);
    }
    /* Step 2: the retransmission may have filled the only hole, and a duplicate proves nothing. */
    if (via_seq_le(f->point, a->ack))
        return frto_end(f, VIA_FRTO_GENUINE);
    if (!a->advanced)
        return VIA_FRTO_NONE;
    if (!a->can_send)
        return frto_end(f, VIA_FRTO_GENUINE);
    f->state = VIA_FRTO_SECOND;
    return VIA_FRTO_TRY_NEW;
}

void via_undo_begin(struct via_undo *u, via_seq_t una, via_seq_t nxt) {
    *u = (struct via_undo){.from = una, .to = nxt, .armed = true};
}

void via_undo_resent(struct via_undo *u, uint32_t len, uint32_t tsval, bool stamped) {
    if (!u->any) {
        u->tsval = tsval;
        u->stamped = stamped;
    }
    u->any = true;
    u->resent += len;
}

bool via_undo_dsack(struct via_undo *u, via_seq_t from, via_seq_t to) {
    uint32_t len = to - from;

    if (!u->armed || !u->any || via_seq_lt(from, u->from) || via_seq_lt(u->to, to))
        return false;
    u->resent -= via_min32(u->resent, len);
    return !u->resent;
}

bool via_undo_echo(struct via_undo *u, uint32_t tsecr, bool echo) {
    bool first = !u->advanced;

    if (!u->armed || !u->any)
        return false;
    u->advanced = true;
    return first && u->stamped && echo && via_seq_lt(tsecr, u->tsval);
}
