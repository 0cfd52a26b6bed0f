/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/lend.h"

/* What describes a packet as a whole lies in its head. */
static void take_over(struct via_pkt *to, const struct via_pkt *from) {
    to->next = from->next;
    to->order = from->order;
    to->ts = from->ts;
    to->vi = from->vi;
    to->owner = from->owner;
    memset(&to->rec, 0, sizeof to->rec);
}

/* Takes `n` bytes, fewer than there are, off the front of `p`, and returns what is the head of the rest. */
static struct via_pkt *pull(const struct via_core *c, struct via_pkt *p, uint32_t n, uint32_t *passed) {
    uint32_t total = p->total - n;
    struct via_pkt *at = p;

    for (*passed = 0; n >= at->len; ++*passed) {
        n -= at->len;
        at = via_pkt_at(c, at->chain);
    }
    at->total = at->len;
    via_pkt_pull(at, n);
    at->total = total;
    return at;
}

/* Gives back the first `n` parts of a chain. */
static void drop_parts(struct via_core *c, struct via_pkt *p, uint32_t n) {
    while (n--) {
        uint32_t next = p->chain;

        via_pkt_drop_ref(c, p);
        p = via_pkt_at(c, next);
    }
}

/* `rest` becomes the head of the queue in place of `p`, of which it is what lies behind the first `n` bytes. */
static void put_rest(struct via_core *c, struct via_sock *k, struct via_pkt *p, struct via_pkt *rest, uint32_t n) {
    struct via_list *q = &k->rxq.list;

    via_ready_cut(c, k, p, rest, n);
    if (q->tail == q->head)
        q->tail = via_pkt_id(c, rest);
    q->head = via_pkt_id(c, rest);
}

/* The first `n` bytes of the head of the queue. Its frame is nobody's own then, as in a multicast. */
static struct via_pkt *split(struct via_core *c, struct via_sock *k, uint32_t n) {
    struct via_pkt *p = via_pkt_at(c, k->rxq.list.head), *front = via_pkt_clone(c, p), *back = p, *rest;
    bool own = !(p->flags & VIA_PKT_CLONE);
    uint32_t passed;

    if (!front || (own && !(back = via_pkt_clone(c, p)))) {
        if (front)
            via_pkt_release(c, front);
        return NULL;
    }
    via_pkt_trim(c, front, n);
    rest = pull(c, back, n, &passed);
    if (rest != p)
        take_over(rest, p);
    put_rest(c, k, p, rest, n);
    drop_parts(c, back, passed);
    if (own) {
        p->owner = VIA_OWNER_HELD;
        via_pkt_release(c, p);
    }
    return front;
}

int via_rxq_lend(struct via_core *c, struct via_sock *k, uint32_t max, struct via_pkt **out) {
    struct via_pkt *head = NULL, *tail = NULL, *p;

    while (k->rxq.list.head && max && via_ready_may_read(c, k)) {
        bool fits = via_pkt_at(c, k->rxq.list.head)->total <= max;

        p = fits ? via_rxq_pop(c, k) : split(c, k, max);
        if (!p)
            break;
        max -= p->total;
        if (head) {
            head->total += p->total;
            tail->chain = via_pkt_id(c, p);
        } else {
            head = p;
        }
        for (tail = p; tail->chain;)
            tail = via_pkt_at(c, tail->chain);
    }
    if (!head)
        return k->rxq.list.head && via_ready_may_read(c, k) ? -ENOBUFS : -EAGAIN;
    via_buf_lend(c, head);
    *out = head;
    return 0;
}

/* The head of the queue loses its first `n` bytes, which were copied. */
static void shorten(struct via_core *c, struct via_sock *k, uint32_t n) {
    struct via_pkt *p = via_pkt_at(c, k->rxq.list.head), *rest;
    uint32_t passed;

    rest = pull(c, p, n, &passed);
    if (rest != p)
        take_over(rest, p);
    put_rest(c, k, p, rest, n);
    drop_parts(c, p, passed);
}

uint32_t via_rxq_read(struct via_core *c, struct via_sock *k, void *to, uint32_t n) {
    uint32_t done = 0;

    while (done < n && k->rxq.list.head && via_ready_may_read(c, k)) {
        struct via_pkt *p = via_pkt_at(c, k->rxq.list.head);
        uint32_t part = via_min32(p->total, n - done);

        via_pkt_copy_out(c, p, 0, (uint8_t *)to + done, part);
        done += part;
        if (part == p->total)
            via_pkt_release(c, via_rxq_pop(c, k));
        else
            shorten(c, k, part);
    }
    return done;
}
