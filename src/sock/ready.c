/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/socks.h"

static struct via_rec *rec_at(const struct via_core *c, uint32_t name) {
    if (VIA_LIKELY(name <= 0xffffff))
        return &via_pkt_at(c, name)->rec;
    return &via_sock_at(c, name & ~VIA_REC_LATE)->own[name >> 31].rec;
}

/* Arrival number by which a record is placed; one that no packet caused stays where it was put. */
static uint64_t order_of(const struct via_core *c, uint32_t name) {
    return name <= 0xffffff ? via_pkt_at(c, name)->order : via_sock_at(c, name & ~VIA_REC_LATE)->own[name >> 31].seq;
}

static void link_after(struct via_core *c, struct via_set *set, uint32_t prev, uint32_t name) {
    struct via_rec *r = rec_at(c, name);

    r->prev = prev;
    if (prev) {
        struct via_rec *before = rec_at(c, prev);

        r->next = before->next;
        before->next = name;
    } else {
        r->next = set->fifo.head;
        set->fifo.head = name;
    }
    if (r->next)
        rec_at(c, r->next)->prev = name;
    else
        set->fifo.tail = name;
    set->records++;
    set->total++;
    c->socks->events++;
}

static void unlink_rec(struct via_core *c, struct via_set *set, uint32_t name) {
    struct via_rec *r = rec_at(c, name);

    if (r->prev)
        rec_at(c, r->prev)->next = r->next;
    else
        set->fifo.head = r->next;
    if (r->next)
        rec_at(c, r->next)->prev = r->prev;
    else
        set->fifo.tail = r->prev;
    r->next = r->prev = 0;
    r->what = 0;
    set->records--;
    c->socks->events--;
}

/* True if the record `name` can also announce a packet of `ref`. */
static bool extends(const struct via_set *set, uint32_t name, const struct via_rec *r, uint32_t ref) {
    return name && name <= 0xffffff && r->sock == ref && r->pkts < UINT16_MAX && !set->no_coalesce;
}

static void announce_after(struct via_core *c, struct via_sock *k, struct via_set *set, uint32_t prev,
                           struct via_pkt *p) {
    uint32_t ref = via_sock_ref(c, k);
    struct via_rec *tail = prev ? rec_at(c, prev) : NULL;

    if (tail && extends(set, prev, tail, ref)) {
        tail->bytes += p->total;
        tail->pkts++;
        return;
    }
    p->rec.sock = ref;
    p->rec.bytes = p->total;
    p->rec.pkts = 1;
    p->rec.what = VIA_EV_IN;
    link_after(c, set, prev, via_pkt_id(c, p));
}

void via_ready_announce(struct via_core *c, struct via_sock *k, struct via_pkt *p) {
    struct via_set *set = via_set_at(c, k->set);

    announce_after(c, k, set, set->fifo.tail, p);
}

/* What ends or breaks a socket comes after the data before it, so it moves to the tail; the rest keeps its place. */
static bool is_late(enum via_what what) {
    return what & (VIA_EV_ERR | VIA_EV_EOF | VIA_EV_TERMINATED);
}

void via_ready_raise(struct via_core *c, struct via_sock *k, enum via_what what, int reason) {
    uint32_t late = is_late(what), name = via_sock_ref(c, k) | (late ? VIA_REC_LATE : 0);
    struct via_sock_rec *own = &k->own[late];
    struct via_set *set;
    uint16_t before = own->rec.what;

    if (!k->set || !(what & (k->mask | VIA_EV_TERMINATED)))
        return;
    set = via_set_at(c, k->set);
    if (before && late && !(before & what))
        unlink_rec(c, set, name);
    own->rec.sock = via_sock_ref(c, k);
    if (!own->rec.what) {
        own->seq = what == VIA_EV_ERR ? c->s->arrivals : 0;
        own->ts = c->s->now;
        link_after(c, set, set->fifo.tail, name);
    }
    own->rec.what = (uint16_t)(before | what);
    if (reason || (what & VIA_EV_LINK))
        own->reason = reason;
}

void via_ready_taken(struct via_core *c, struct via_sock *k, struct via_pkt *p) {
    struct via_set *set;
    struct via_rec rec;
    struct via_pkt *next;
    uint32_t id = via_pkt_id(c, p);

    if (!p->rec.what)
        return;
    set = via_set_at(c, k->set);
    rec = p->rec;
    unlink_rec(c, set, id);
    if (rec.pkts == 1)
        return;
    /* The record goes on with the packet behind, in the same place. */
    VIA_ASSERT(p->next);
    next = via_pkt_at(c, p->next);
    next->rec.sock = rec.sock;
    next->rec.what = rec.what;
    next->rec.pkts = (uint16_t)(rec.pkts - 1);
    next->rec.bytes = rec.bytes - p->total;
    link_after(c, set, rec.prev, p->next);
    set->total--;
}

static void unlink_own(struct via_core *c, struct via_sock *k, struct via_set *set) {
    uint32_t ref = via_sock_ref(c, k);

    if (k->own[0].rec.what)
        unlink_rec(c, set, ref);
    if (k->own[1].rec.what)
        unlink_rec(c, set, ref | VIA_REC_LATE);
}

void via_ready_leave(struct via_core *c, struct via_sock *k) {
    struct via_set *set;
    uint32_t id;

    if (!k->set)
        return;
    set = via_set_at(c, k->set);
    for (id = k->rxq.list.head; id; id = via_pkt_at(c, id)->next)
        if (via_pkt_at(c, id)->rec.what)
            unlink_rec(c, set, id);
    unlink_own(c, k, set);
    set->members--;
    k->set = 0;
    k->rxq.announced = 0;
}

/* The last record that arrived before `order`; walks back over what is newer. */
static uint32_t place_for(const struct via_core *c, const struct via_set *set, uint64_t order) {
    uint32_t name = set->fifo.tail;

    while (name && order_of(c, name) > order)
        name = rec_at(c, name)->prev;
    return name;
}

void via_ready_join(struct via_core *c, struct via_sock *k, uint32_t id) {
    struct via_set *set = via_set_at(c, id);
    uint32_t pkt;

    k->set = id;
    k->rxq.announced = 0;
    set->members++;
    if (!(k->mask & VIA_EV_IN))
        return;
    for (pkt = k->rxq.list.head; pkt; pkt = via_pkt_at(c, pkt)->next) {
        struct via_pkt *p = via_pkt_at(c, pkt);

        announce_after(c, k, set, place_for(c, set, p->order), p);
    }
}

/* Moves one linked record from set to set. */
static void move_rec(struct via_core *c, struct via_set *from, struct via_set *to, uint32_t name) {
    struct via_rec keep = *rec_at(c, name), *r;

    unlink_rec(c, from, name);
    r = rec_at(c, name);
    r->sock = keep.sock;
    r->bytes = keep.bytes;
    r->pkts = keep.pkts;
    r->what = keep.what;
    link_after(c, to, place_for(c, to, order_of(c, name)), name);
}

void via_ready_move(struct via_core *c, struct via_sock *k, uint32_t id) {
    struct via_set *from = via_set_at(c, k->set), *to = via_set_at(c, id);
    uint32_t pkt, ref = via_sock_ref(c, k);

    for (pkt = k->rxq.list.head; pkt; pkt = via_pkt_at(c, pkt)->next)
        if (via_pkt_at(c, pkt)->rec.what)
            move_rec(c, from, to, pkt);
    if (k->own[0].rec.what)
        move_rec(c, from, to, ref);
    if (k->own[1].rec.what)
        move_rec(c, from, to, ref | VIA_REC_LATE);
    from->members--;
    to->members++;
    k->set = id;
}

bool via_ready_again(struct via_core *c, struct via_sock *k) {
    struct via_set *set;
    struct via_pkt *p;
    uint32_t bytes = 0, id, n;

    if (!k->set || !k->rxq.announced || !(k->mask & VIA_EV_IN))
        return false;
    set = via_set_at(c, k->set);
    p = via_pkt_at(c, k->rxq.list.head);
    n = via_min32(k->rxq.announced, UINT16_MAX);
    for (id = k->rxq.list.head; n; n--, id = via_pkt_at(c, id)->next)
        bytes += via_pkt_at(c, id)->total;
    p->rec.sock = via_sock_ref(c, k);
    p->rec.bytes = bytes;
    p->rec.pkts = (uint16_t)via_min32(k->rxq.announced, UINT16_MAX);
    p->rec.what = VIA_EV_IN;
    k->rxq.announced = 0;
    link_after(c, set, 0, via_pkt_id(c, p));
    return true;
}

static void pop_data(struct via_core *c, struct via_sock *k, uint32_t name, struct via_event *ev) {
    const struct via_pkt *p = via_pkt_at(c, name);

    ev->seq = p->order;
    ev->ts = p->ts;
    ev->bytes = p->rec.bytes;
    ev->pkts = p->rec.pkts;
    ev->reason = 0;
    k->rxq.announced += p->rec.pkts;
}

static void pop_own(struct via_sock *k, uint32_t name, struct via_event *ev) {
    struct via_sock_rec *own = &k->own[name >> 31];

    ev->seq = own->seq;
    ev->ts = own->ts;
    ev->bytes = 0;
    ev->pkts = 0;
    ev->reason = own->reason;
    own->reason = 0;
}

bool via_ready_pop(struct via_core *c, struct via_set *set, struct via_event *ev) {
    uint32_t name = set->fifo.head;
    struct via_rec *r;
    struct via_sock *k;

    if (!name)
        return false;
    r = rec_at(c, name);
    k = via_sock_at(c, r->sock);
    ev->sock = via_handle(r->sock, k->gen);
    ev->user = k->set_user;
    ev->what = r->what;
    if (VIA_LIKELY(name <= 0xffffff))
        pop_data(c, k, name, ev);
    else
        pop_own(k, name, ev);
    unlink_rec(c, set, name);
    if (VIA_UNLIKELY(ev->what & VIA_EV_TERMINATED)) {
        ev->user = k->set_user;
        via_ready_leave(c, k);
        via_sock_free(c, k);
    }
    return true;
}

bool via_ready_reads(struct via_core *c, struct via_sock *k) {
    if (VIA_LIKELY(k->rxq.announced)) {
        k->rxq.announced--;
        return true;
    }
    if (via_set_at(c, k->set)->mode == VIA_EPOLL_STRICT && (k->mask & VIA_EV_IN))
        return false;
    via_ready_taken(c, k, via_pkt_at(c, k->rxq.list.head));
    return true;
}

void via_rxq_clear(struct via_core *c, struct via_sock *k) {
    via_pktq_clear(c, &k->rxq.list);
    k->rxq.pkts = k->rxq.announced = 0;
}

bool via_set_valid(struct via_core *c, const struct via_set *set) {
    uint32_t name, prev = 0, n = 0;

    for (name = set->fifo.head; name; prev = name, name = rec_at(c, name)->next, n++)
        if (rec_at(c, name)->prev != prev || !rec_at(c, name)->what)
            return false;
    return set->fifo.tail == prev && n == set->records;
}
