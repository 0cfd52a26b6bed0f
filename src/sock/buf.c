/* SPDX-License-Identifier: BSD-2-Clause */
/* The public verbs of packet buffers and completions. */
#include "sock/enter.h"

#define LONGEST 65507u /* payload of the longest UDP datagram over IPv4 */

static struct via_pkt *packet_of(struct via_buf *b) {
    return (struct via_pkt *)(void *)b;
}

/* In the application's hands alone, or in somebody else's as well since it was referenced. */
static bool is_held(const struct via_pkt *p) {
    if (VIA_LIKELY(p->owner == VIA_OWNER_APP))
        return !(p->flags & VIA_PKT_RAW);
    return p->refs > 1 && (p->owner == VIA_OWNER_FLIGHT || p->owner == VIA_OWNER_TXQ || p->owner == VIA_OWNER_NEIGH ||
                           p->owner == VIA_OWNER_DONE || p->owner == VIA_OWNER_HELD);
}

struct via_pkt *via_buf_packet(const struct via_core *c, const struct via_seg *seg, uint32_t *bytes) {
    const uint8_t *frame, *data = seg->data;
    struct via_pkt *p, *part;

    if (VIA_UNLIKELY(!via_buf_is_packet(c, seg->buf)))
        return NULL;
    part = p = packet_of(seg->buf);
    frame = via_pkt_frame(c, p);
    if (VIA_UNLIKELY(!is_held(p) || data < frame || data > frame + c->frame_size ||
                     seg->len > (size_t)(frame + c->frame_size - data)))
        return NULL;
    *bytes = seg->len;
    while (VIA_UNLIKELY(part->chain)) {
        part = via_pkt_at(c, part->chain);
        *bytes += part->len;
    }
    return p;
}

void via_buf_drop(struct via_core *c, struct via_pkt *p) {
    for (;;) {
        uint32_t chain = p->chain;

        VIA_ASSERT(p->owner != VIA_OWNER_POOL);
        c->s->held -= p->owner == VIA_OWNER_APP && p->refs == 1;
        via_pkt_drop_ref(c, p);
        if (VIA_LIKELY(!chain))
            return;
        p = via_pkt_at(c, chain);
    }
}

/* A sent packet that the application holds as well is in its hands alone from here. */
static void give_back(struct via_core *c, struct via_pkt *p) {
    if (p->refs > 1 && !(p->flags & VIA_PKT_SHARED)) {
        p->owner = VIA_OWNER_APP;
        c->s->held++;
    }
    via_pkt_drop_ref(c, p);
}

int via_buf_alloc(struct via_stack *st, size_t len, struct via_seg *out) {
    struct via_core *c = via_enter(st);
    uint32_t room = c->frame_size - VIA_HEADROOM, left = (uint32_t)len;
    struct via_pkt *head = NULL, *tail = NULL;

    if (!out)
        return via_why_set(c, -EINVAL, "buf: nowhere to leave the buffer");
    if (len > LONGEST)
        return via_why_set(c, -EMSGSIZE, "buf: a datagram holds at most %u bytes", LONGEST);
    do {
        struct via_pkt *p = via_pkt_new(c, c->s->reserve);

        if (!p) {
            if (head)
                via_buf_drop(c, head);
            return via_why_set(c, -ENOBUFS, "buf: no packet left beyond the reserve of the rings");
        }
        p->owner = VIA_OWNER_APP;
        c->s->held++;
        p->len = (uint16_t)via_min32(left, room);
        left -= p->len;
        if (tail)
            tail->chain = via_pkt_id(c, p);
        else
            head = p;
        tail = p;
    } while (left);
    head->total = (uint32_t)len;
    via_buf_show(c, head, out);
    return 0;
}

int via_buf_next(struct via_stack *st, const struct via_seg *seg, struct via_seg *out) {
    struct via_core *c = via_enter(st);

    if (!seg || !out || !seg->more || seg->more > c->frame_count + (uint32_t)c->attrs.clones)
        return -ENOENT;
    via_buf_show(c, via_pkt_at(c, seg->more), out);
    return 0;
}

void via_buf_ref(struct via_stack *st, struct via_buf *b) {
    struct via_core *c = via_enter(st);
    struct via_pkt *p = packet_of(b);

    for (;;) {
        p->refs++;
        if (!p->chain)
            return;
        p = via_pkt_at(c, p->chain);
    }
}

void via_buf_release(struct via_stack *st, struct via_buf *const *v, unsigned n) {
    struct via_core *c = via_enter(st);
    unsigned i;

    for (i = 0; i < n; i++)
        if (v[i])
            via_buf_drop(c, packet_of(v[i]));
}

int via_buf_arrival(struct via_stack *st, const struct via_seg *seg, struct via_arrival *out) {
    struct via_core *c = via_enter(st);
    const struct via_pkt *p;
    uint32_t bytes;

    if (!seg || !out || !(p = via_buf_packet(c, seg, &bytes)))
        return via_why_set(c, -EINVAL, "buf: the segment is not inside a buffer that the application holds");
    out->seq = p->order;
    out->ts = p->ts;
    out->iface = p->vi;
    out->pad = 0;
    return 0;
}

int via_tx_done(struct via_stack *st, struct via_done *v, unsigned max) {
    struct via_core *c = via_enter(st);
    unsigned n = 0;

    via_sock_settle_sent(c);
    while (n < max && c->s->done.head) {
        struct via_pkt *p = via_pktq_pop(c, &c->s->done);
        struct via_sock *k = via_sock_at(c, p->tx.sock);

        c->s->dones--;
        v[n].sock = via_handle(p->tx.sock, p->tx.gen);
        v[n].user = k->user;
        memcpy(&v[n].token, p->tx.token, sizeof v[n].token);
        v[n].status = p->tx.status;
        v[n].pad = 0;
        v[n].ts = p->ts;
        n++;
        via_sock_fetched(c, k);
        give_back(c, p);
    }
    return (int)n;
}
