/* SPDX-License-Identifier: BSD-2-Clause */
#include "vi/pkt.h"

static void recycle_clone(struct via_core *c, struct via_pkt *p) {
    struct via_pkt *source = via_pkt_at(c, p->frame);

    p->owner = VIA_OWNER_POOL;
    via_pool_put(&c->s->clones, &c->region, via_pkt_id(c, p) - c->frame_count);
    via_pkt_drop_ref(c, source);
}

void via_pkt_sent(struct via_core *c, struct via_pkt *p, int status) {
    p->flags &= (uint8_t)~VIA_PKT_TOKEN;
    p->owner = VIA_OWNER_DONE;
    p->tx.status = status > 0 ? -status : status;
    p->ts = c->s->now;
    via_pktq_push(c, &c->s->sent, p);
}

void via_pkt_recycle(struct via_core *c, struct via_pkt *p) {
    VIA_ASSERT(p->owner != VIA_OWNER_POOL);
    if (VIA_UNLIKELY(p->flags & VIA_PKT_CLONE)) {
        recycle_clone(c, p);
        return;
    }
    if (VIA_UNLIKELY(p->flags & VIA_PKT_TOKEN)) {
        /* Lost on its way out: the token still completes, and says so. */
        p->refs = 1;
        via_pkt_sent(c, p, p->tx.status);
        return;
    }
    via_pkt_put(c, p);
}

void via_pkt_release(struct via_core *c, struct via_pkt *p) {
    for (;;) {
        uint32_t chain = p->chain;

        via_pkt_drop_ref(c, p);
        if (VIA_LIKELY(!chain))
            return;
        p = via_pkt_at(c, chain);
    }
}

/* A clone of one part; the frame's own descriptor gets one more holder. */
static struct via_pkt *clone_part(struct via_core *c, struct via_pkt *p) {
    uint32_t slot = via_pool_get(&c->s->clones, &c->region), id;
    struct via_pkt *source = via_pkt_at(c, p->frame), *clone;

    if (!slot)
        return NULL;
    id = c->frame_count + slot;
    clone = via_pkt_at(c, id);
    *clone = *p;
    clone->next = clone->chain = 0;
    clone->refs = 1;
    clone->owner = VIA_OWNER_BURST;
    clone->flags = (uint8_t)((p->flags & ~(VIA_PKT_FLIGHT | VIA_PKT_TOKEN)) | VIA_PKT_CLONE | VIA_PKT_SHARED);
    memset(&clone->rec, 0, sizeof clone->rec);
    source->refs++;
    source->flags |= VIA_PKT_SHARED;
    return clone;
}

struct via_pkt *via_pkt_clone(struct via_core *c, struct via_pkt *p) {
    struct via_pkt *head = clone_part(c, p), *tail = head;

    while (tail && p->chain) {
        struct via_pkt *part;

        p = via_pkt_at(c, p->chain);
        part = clone_part(c, p);
        if (!part) {
            via_pkt_release(c, head);
            return NULL;
        }
        tail->chain = via_pkt_id(c, part);
        tail = part;
    }
    return head;
}

void via_pkt_trim(struct via_core *c, struct via_pkt *p, uint32_t len) {
    VIA_ASSERT(len <= p->total);
    p->total = len;
    while (len > p->len) {
        len -= p->len;
        p = via_pkt_at(c, p->chain);
    }
    p->len = (uint16_t)len;
    if (p->chain) {
        via_pkt_release(c, via_pkt_at(c, p->chain));
        p->chain = 0;
    }
}

uint32_t via_pkt_copy_out(const struct via_core *c, const struct via_pkt *p, uint32_t from, void *to, uint32_t n) {
    uint32_t done = 0, part;

    while (n) {
        if (from < p->len) {
            part = via_min32(p->len - from, n);
            memcpy((uint8_t *)to + done, via_pkt_data(c, p) + from, part);
            done += part;
            n -= part;
            from = 0;
        } else {
            from -= p->len;
        }
        if (!p->chain)
            break;
        p = via_pkt_at(c, p->chain);
    }
    return done;
}

int via_pkt_append(struct via_core *c, struct via_pkt *p, const void *from, uint32_t n) {
    const uint8_t *at = from;
    struct via_pkt *last = p;

    while (last->chain)
        last = via_pkt_at(c, last->chain);
    while (n) {
        uint32_t room = c->frame_size - last->off - last->len, part = via_min32(room, n);

        if (!part) {
            struct via_pkt *more = via_pkt_new(c, 0);

            if (!more)
                return -ENOBUFS;
            last->chain = via_pkt_id(c, more);
            last = more;
            continue;
        }
        memcpy(via_pkt_data(c, last) + last->len, at, part);
        last->len = (uint16_t)(last->len + part);
        p->total += part;
        at += part;
        n -= part;
    }
    return 0;
}

void via_pktq_clear(struct via_core *c, struct via_list *q) {
    struct via_pkt *p;

    while ((p = via_pktq_pop(c, q)))
        via_pkt_release(c, p);
}
