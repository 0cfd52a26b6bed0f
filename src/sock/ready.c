/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/socks.h"

/* Names of packets have kind 0. */
static bool is_data(uint32_t name) {
    return name <= 0xffffff;
}

static struct via_rec *rec_at(const struct via_core *c, uint32_t name) {
    if (VIA_LIKELY(is_data(name)))
        return &via_pkt_at(c, name)->rec;
    return &via_sock_at(c, name & ~VIA_REC_LATE)->own[name >> 31].rec;
}

/* Arrival number by which a record is placed. */
static uint64_t order_of(const struct via_core *c, uint32_t name) {
    return is_data(name) ? via_pkt_at(c, name)->order : via_sock_at(c, name & ~VIA_REC_LATE)->own[name >> 31].order;
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

/* Walking is for sets of a testable size. */
static inline bool is_sound(struct via_core *c, const struct via_set *set) {
    return set->records > 4096 || c->frame_count > 8192 || via_set_valid(c, set);
}

/* True if the record `name` can also announce a packet of `ref`. */
static bool extends(const struct via_set *set, uint32_t name, const struct via_rec *r, uint32_t ref) {
    return name && is_data(name) && r->sock == ref && r->pkts < UINT16_MAX && !set->no_coalesce;
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
    VIA_CHECK(is_sound(c, set));
}

bool via_ready_grow(struct via_core *c, struct via_sock *k, struct via_pkt *tail, uint32_t n) {
    struct via_set *set;
    uint32_t name;

    (void)tail;
    if (!k->set || !(k->mask & VIA_EV_IN))
        return true;
    set = via_set_at(c, k->set);
    name = set->fifo.tail;
    if (k->rxq.announced >= k->rxq.pkts || !name || !is_data(name) || rec_at(c, name)->sock != via_sock_ref(c, k))
        return false;
    rec_at(c, name)->bytes += n;
    return true;
}

/* What ends or breaks a socket comes after the data before it, so it moves to the tail; the rest keeps its place. */
static bool is_late(enum via_what what) {
    return what & (VIA_EV_ERR | VIA_EV_EOF | VIA_EV_TERMINATED);
}

void via_ready_raise(struct via_core *c, struct via_sock *k, enum via_what what, int reason, uint64_t seq) {
    uint32_t late = is_late(what), name = via_sock_ref(c, k) | (late ? VIA_REC_LATE : 0);
    struct via_sock_rec *own = &k->own[late];
    struct via_set *set;
    uint16_t before = own->rec.what;

    if (!k->set || !(what & (k->mask | VIA_EV_TERMINATED)))
        return;
    set = via_set_at(c, k->set);
    if (before && late)
        unlink_rec(c, set, name);
    if (!own->rec.what) {
        own->rec.sock = via_sock_ref(c, k);
        own->rec.pkts = seq != 0;
        own->order = c->s->arrivals;
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

void via_ready_cut(struct via_core *c, struct via_sock *k, struct via_pkt *p, struct via_pkt *rest, uint32_t n) {
    struct via_rec rec = p->rec;
    struct via_set *set;

    if (!rec.what)
        return;
    set = via_set_at(c, k->set);
    unlink_rec(c, set, via_pkt_id(c, p));
    rest->rec.sock = rec.sock;
    rest->rec.what = rec.what;
    rest->rec.pkts = rec.pkts;
    rest->rec.bytes = rec.bytes - n;
    link_after(c, set, rec.prev, via_pkt_id(c, rest));
    set->total--;
}

static void unlink_own(struct via_core *c, struct via_sock *k, struct via_set *set) {
    uint32_t ref = via_sock_ref(c, k);

    if (k->own[0].rec.what)
        unlink_rec(c, set, ref);
    if (k->own[1].rec.what)
        unlink_rec(c, set, ref | VIA_REC_LATE);
}

static void unlink_data(struct via_core *c, struct via_sock *k, struct via_set *set) {
    uint32_t id;

    for (id = k->rxq.list.head; id; id = via_pkt_at(c, id)->next)
        if (via_pkt_at(c, id)->rec.what)
            unlink_rec(c, set, id);
}

void via_ready_leave(struct via_core *c, struct via_sock *k) {
    struct via_set *set;

    if (!k->set)
        return;
    set = via_set_at(c, k->set);
    unlink_data(c, k, set);
    unlink_own(c, k, set);
    set->members--;
    k->set = 0;
    k->rxq.announced = 0;
    VIA_CHECK(is_sound(c, set));
}

/* The last record that arrived before `order`; walks back over what is newer. */
static uint32_t place_for(const struct via_core *c, const struct via_set *set, uint64_t order) {
    uint32_t name = set->fifo.tail;

    while (name && order_of(c, name) > order)
        name = rec_at(c, name)->prev;
    return name;
}

/* The record `name` starts before `order`. If it goes on behind it, the rest becomes a record of its own, and true. */
static bool split(struct via_core *c, struct via_set *set, uint32_t name, uint64_t order) {
    struct via_rec *r = rec_at(c, name), *rest;
    uint32_t at = name, bytes = 0;
    uint16_t n = 0;

    if (!is_data(name))
        return false;
    for (; n < r->pkts && via_pkt_at(c, at)->order <= order; n++) {
        bytes += via_pkt_at(c, at)->total;
        at = via_pkt_at(c, at)->next;
    }
    if (n == r->pkts)
        return false;
    rest = rec_at(c, at);
    rest->sock = r->sock;
    rest->what = r->what;
    rest->pkts = (uint16_t)(r->pkts - n);
    rest->bytes = r->bytes - bytes;
    r->pkts = n;
    r->bytes = bytes;
    link_after(c, set, name, at);
    set->total--;
    return true;
}

/* Where a packet belongs that comes after what `prev` announces. */
static uint32_t place_behind(struct via_core *c, struct via_set *set, uint32_t prev, uint64_t order) {
    uint32_t next;

    while ((next = rec_at(c, prev)->next) && order_of(c, next) <= order) {
        prev = next;
        if (split(c, set, prev, order))
            break;
    }
    return prev;
}

/* Announces what waits behind the first `announced`, packet by packet where each belongs among the records of others.
 */
static void announce_queue(struct via_core *c, struct via_sock *k, struct via_set *set) {
    uint32_t skip = k->rxq.announced, id = k->rxq.list.head, prev = 0;
    bool placed = false;

    for (; id; id = via_pkt_at(c, id)->next) {
        struct via_pkt *p = via_pkt_at(c, id);

        if (skip) {
            skip--;
            continue;
        }
        if (placed) {
            prev = place_behind(c, set, prev, p->order);
        } else {
            prev = place_for(c, set, p->order);
            if (prev)
                split(c, set, prev, p->order);
        }
        placed = true;
        announce_after(c, k, set, prev, p);
        if (p->rec.what)
            prev = id;
    }
}

/* What is true of a socket that joins, and was told to nobody or to another set. */
static void raise_levels(struct via_core *c, struct via_sock *k) {
    if (k->flags & VIA_SOCK_NEWS)
        via_ready_raise(c, k, k->kind == VIA_KIND_LISTEN ? VIA_EV_ACCEPT : VIA_EV_CONNECTED, 0, 0);
    if (k->kind != VIA_KIND_LISTEN)
        k->flags &= (uint16_t)~VIA_SOCK_NEWS;
    if (k->flags & VIA_SOCK_EOF)
        via_ready_raise(c, k, VIA_EV_EOF, 0, 0);
    if (k->flags & VIA_SOCK_DEAD)
        via_ready_raise(c, k, VIA_EV_TERMINATED, k->reason, 0);
}

void via_ready_join(struct via_core *c, struct via_sock *k, uint32_t id) {
    struct via_set *set = via_set_at(c, id);

    k->set = id;
    k->rxq.announced = 0;
    set->members++;
    if (k->mask & VIA_EV_IN)
        announce_queue(c, k, set);
    if (via_sock_unfetched(k))
        via_ready_raise(c, k, VIA_EV_DONE, 0, 0);
    if (VIA_UNLIKELY(k->flags & (VIA_SOCK_NEWS | VIA_SOCK_EOF | VIA_SOCK_DEAD)))
        raise_levels(c, k);
    VIA_CHECK(is_sound(c, set));
}

/* Moves a socket's own record to another set. */
static void move_own(struct via_core *c, struct via_sock *k, struct via_set *from, struct via_set *to, uint32_t late) {
    uint32_t name = via_sock_ref(c, k) | (late ? VIA_REC_LATE : 0), prev;
    struct via_sock_rec *own = &k->own[late];
    uint16_t what = own->rec.what;

    if (!what)
        return;
    unlink_rec(c, from, name);
    prev = place_for(c, to, own->order);
    if (prev)
        split(c, to, prev, own->order);
    own->rec.what = what;
    link_after(c, to, prev, name);
}

void via_ready_move(struct via_core *c, struct via_sock *k, uint32_t id) {
    struct via_set *from = via_set_at(c, k->set), *to = via_set_at(c, id);

    unlink_data(c, k, from);
    from->members--;
    to->members++;
    k->set = id;
    if (k->mask & VIA_EV_IN)
        announce_queue(c, k, to);
    move_own(c, k, from, to, 0);
    move_own(c, k, from, to, 1);
    VIA_CHECK(is_sound(c, from) && is_sound(c, to));
}

void via_ready_mask(struct via_core *c, struct via_sock *k, uint32_t mask) {
    struct via_set *set = via_set_at(c, k->set);
    uint32_t changed = k->mask ^ mask;

    k->mask = mask;
    if ((changed & mask & VIA_EV_DONE) && via_sock_unfetched(k))
        via_ready_raise(c, k, VIA_EV_DONE, 0, 0);
    if (!(changed & VIA_EV_IN))
        return;
    k->rxq.announced = 0;
    if (mask & VIA_EV_IN)
        announce_queue(c, k, set);
    else
        unlink_data(c, k, set);
    VIA_CHECK(is_sound(c, set));
}

/* One record of the `n` packets from `id` on, behind `prev`; the packet behind them. */
static uint32_t announce_run(struct via_core *c, struct via_set *set, uint32_t prev, uint32_t id, uint32_t n) {
    struct via_rec *r = rec_at(c, id);
    uint32_t first = id, bytes = 0, i;

    for (i = 0; i < n; i++) {
        bytes += via_pkt_at(c, id)->total;
        id = via_pkt_at(c, id)->next;
    }
    r->bytes = bytes;
    r->pkts = (uint16_t)n;
    r->what = VIA_EV_IN;
    link_after(c, set, prev, first);
    return id;
}

bool via_ready_again(struct via_core *c, struct via_sock *k) {
    uint32_t id = k->rxq.list.head, prev = 0, n, left = k->rxq.announced;
    struct via_set *set;

    if (!k->set || !left || !(k->mask & VIA_EV_IN))
        return false;
    set = via_set_at(c, k->set);
    for (; left; left -= n) {
        uint32_t first = id;

        n = set->no_coalesce ? 1 : via_min32(left, UINT16_MAX);
        via_pkt_at(c, first)->rec.sock = via_sock_ref(c, k);
        id = announce_run(c, set, prev, first, n);
        prev = first;
    }
    k->rxq.announced = 0;
    VIA_CHECK(is_sound(c, set));
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

    ev->seq = own->rec.pkts ? own->order : 0;
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
    if (VIA_LIKELY(is_data(name)))
        pop_data(c, k, name, ev);
    else
        pop_own(k, name, ev);
    unlink_rec(c, set, name);
    if (VIA_UNLIKELY((ev->what & VIA_EV_TERMINATED) && k->state == VIA_SOCK_CLOSING)) {
        ev->user = k->set_user;
        via_ready_leave(c, k);
        via_sock_free(c, k);
    }
    return true;
}

bool via_ready_may_read(const struct via_core *c, const struct via_sock *k) {
    if (!k->set || k->rxq.announced || !(k->mask & VIA_EV_IN))
        return true;
    return via_set_at(c, k->set)->mode != VIA_EPOLL_STRICT;
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

/* Data records: together they are what waits behind the announced packets, in the order of the queue. */
static bool records_follow_queue(struct via_core *c, uint32_t name, const struct via_rec *r) {
    uint32_t id = name, i;
    uint64_t bytes = 0;

    if (!is_data(name))
        return r->what != 0;
    for (i = 0; i < r->pkts; i++) {
        const struct via_pkt *p;

        if (!id || via_pkt_at(c, id)->owner != VIA_OWNER_RXQ || (i && via_pkt_at(c, id)->rec.what))
            return false;
        p = via_pkt_at(c, id);
        bytes += p->total;
        id = p->next;
    }
    return r->pkts && r->what == VIA_EV_IN && bytes == r->bytes;
}

bool via_set_valid(struct via_core *c, const struct via_set *set) {
    uint32_t name, prev = 0, n = 0;

    for (name = set->fifo.head; name; prev = name, name = rec_at(c, name)->next, n++) {
        const struct via_rec *r = rec_at(c, name);

        if (r->prev != prev || !records_follow_queue(c, name, r) || via_set_at(c, via_sock_at(c, r->sock)->set) != set)
            return false;
    }
    return set->fifo.tail == prev && n == set->records;
}
