/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcp/rack.h"
#include "base/check.h"

/* RFC 8985 6.2: of two sent at one time the one that ends later was sent later. */
static bool sent_after(via_ns_t sent, via_seq_t end, via_ns_t than_sent, via_seq_t than_end) {
    return sent > than_sent || (sent == than_sent && via_seq_lt(than_end, end));
}

/* Which transmission arrived is not known: it may have been an earlier one (RFC 8985 6.2 step 2). */
static bool ambiguous(const struct via_tcp_seg *s, const struct via_rack_ack *a) {
    if (!(s->flags & VIA_SEG_RESENT))
        return false;
    if (a->echo && via_seq_lt(a->tsecr, s->tsval))
        return true;
    return a->min_rtt != VIA_NEVER && a->now - s->sent < a->min_rtt;
}

void via_rack_delivered(struct via_rack *r, const struct via_tcp_seg *s, struct via_rack_ack *a) {
    VIA_ASSERT(s->sent <= a->now);
    /* Against what had arrived before this ACK: in which order one ACK is read tells nothing of the path. */
    if (r->any && via_seq_lt(s->end, r->fack) && !(s->flags & VIA_SEG_RESENT))
        r->reordered = true;
    a->high = a->seen ? via_seq_max(a->high, s->end) : s->end;
    a->seen = true;
    if (ambiguous(s, a))
        return;
    if (!a->best || sent_after(s->sent, s->end, a->best_sent, a->best_end)) {
        a->best = true;
        a->best_sent = s->sent;
        a->best_end = s->end;
    }
}

void via_rack_settle(struct via_rack *r, const struct via_rack_ack *a) {
    if (a->seen) {
        r->fack = r->any ? via_seq_max(r->fack, a->high) : a->high;
        r->any = true;
    }
    if (a->best) {
        if (!r->rtt || sent_after(a->best_sent, a->best_end, r->sent, r->end)) {
            r->sent = a->best_sent;
            r->end = a->best_end;
        }
        r->rtt = a->now - a->best_sent + (a->now == a->best_sent);
    }
    if (r->in_round && via_seq_le(r->dsack_round, a->una))
        r->in_round = false;
    if (a->dsack && !r->in_round) {
        r->in_round = true;
        r->dsack_round = a->nxt;
        r->mult = (uint8_t)(r->mult ? r->mult + (r->mult < UINT8_MAX) : 2);
        r->persist = VIA_RACK_PERSIST;
    }
}

void via_rack_recovered(struct via_rack *r) {
    if (r->persist && !--r->persist)
        r->mult = 1;
}

via_ns_t via_rack_window(const struct via_rack *r, const struct via_sack *b, const struct via_rack_ack *a) {
    via_ns_t window;

    if (!r->reordered && (a->recovering || b->sacked_segs >= VIA_DUP_THRESHOLD))
        return 0;
    if (a->min_rtt == VIA_NEVER)
        return 0;
    window = (r->mult ? r->mult : 1u) * (a->min_rtt / 4);
    return via_min_ns(window, a->srtt ? a->srtt : window);
}

via_ns_t via_rack_detect(const struct via_rack *r, struct via_sack *b, struct via_tcp_seg *segs,
                         const struct via_rack_ack *a) {
    via_ns_t patience = r->rtt + via_rack_window(r, b, a);
    uint32_t id;

    while (r->rtt && (id = b->flying.head)) {
        const struct via_tcp_seg *s = &segs[id];

        if (!sent_after(r->sent, r->end, s->sent, s->end))
            break;
        if (a->now < s->sent + patience) {
            via_ns_t all = r->sent + patience;

            /* Nothing that may be overdue was sent after r->sent. */
            return all > a->now ? all - a->now : s->sent + patience - a->now;
        }
        via_sack_lose(b, segs, id);
    }
    VIA_CHECK(via_sack_valid(b, segs));
    return VIA_NEVER;
}

void via_rack_timeout(const struct via_rack *r, struct via_sack *b, struct via_tcp_seg *segs,
                      const struct via_rack_ack *a) {
    via_ns_t patience = r->rtt + via_rack_window(r, b, a);
    uint32_t id;

    if (b->head && !(segs[b->head].flags & (VIA_SEG_SACKED | VIA_SEG_LOST)))
        via_sack_lose(b, segs, b->head);
    while ((id = b->flying.head) && segs[id].sent + patience <= a->now)
        via_sack_lose(b, segs, id);
    b->guess = 0;
    VIA_CHECK(via_sack_valid(b, segs));
}

bool via_tlp_allowed(const struct via_rack *r, const struct via_sack *b, bool sack_ok, bool recovering) {
    return sack_ok && !recovering && !r->probing && b->segs && !b->sacked_segs;
}

via_ns_t via_tlp_delay(const struct via_sack *b, via_ns_t srtt, via_ns_t max_ack_delay) {
    if (!srtt)
        return VIA_SEC;
    return 2 * srtt + (b->segs == 1 ? max_ack_delay : 0);
}

void via_tlp_sent(struct via_rack *r, via_seq_t nxt, bool again) {
    r->probing = true;
    r->probe_again = again;
    r->probe_end = nxt;
}

bool via_tlp_acked(struct via_rack *r, const struct via_sack_ack *ack, bool duplicate) {
    if (!r->probing || via_seq_lt(ack->ack, r->probe_end))
        return false;
    if (!r->probe_again || (ack->dsack && ack->dup.to == r->probe_end)) {
        r->probing = false;
        return false;
    }
    if (via_seq_lt(r->probe_end, ack->ack)) {
        r->probing = false;
        return true;
    }
    /* Two ACKs for what was sent twice: both arrived. */
    if (duplicate && !ack->blocks)
        r->probing = false;
    return false;
}
