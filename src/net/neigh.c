/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/neigh.h"

#include "net/arp.h"
#include "net/mirror.h"
#include "net/state.h"
#include "wire/eth.h"

#define DELAY_FIRST_PROBE (5 * VIA_SEC) /* RFC 4861 DELAY_FIRST_PROBE_TIME */
#define GATEWAY_PROBES    15u /* questions to a gateway that has failed, the last ones 32 s apart: six minutes */
#define GATEWAY_BACKOFF   5u

struct via_neigh *via_neigh_at(const struct via_core *c, uint32_t id) {
    return via_pool_at(&c->net->neigh.pool, &c->region, id);
}

uint32_t via_neigh_id(const struct via_core *c, const struct via_neigh *n) {
    const struct via_pool *p = &c->net->neigh.pool;

    return (uint32_t)((uint64_t)((const uint8_t *)n - (c->region.base + p->slots)) / p->size);
}

static uint32_t *slot_of(const struct via_core *c, uint8_t iface, const struct via_addr *a) {
    const struct via_neigh_table *t = &c->net->neigh;

    return (uint32_t *)(void *)(c->region.base + t->slots) + (via_hash_addr(&t->key, a, iface) & t->mask);
}

struct via_neigh *via_neigh_find(const struct via_core *c, uint8_t iface, const struct via_addr *a) {
    uint32_t id;

    for (id = *slot_of(c, iface, a); id;) {
        struct via_neigh *n = via_neigh_at(c, id);

        if (n->iface == iface && via_addr_eq(&n->addr, a))
            return n;
        id = n->next;
    }
    return NULL;
}

/* Classes. */

static void unlink_class(struct via_core *c, struct via_neigh *n) {
    struct via_neigh_list *l = &c->net->neigh.lists[n->class];

    if (n->newer)
        via_neigh_at(c, n->newer)->older = n->older;
    else
        l->newest = n->older;
    if (n->older)
        via_neigh_at(c, n->older)->newer = n->newer;
    else
        l->oldest = n->newer;
    n->newer = n->older = 0;
    l->count--;
}

static void link_class(struct via_core *c, struct via_neigh *n, enum via_neigh_class class) {
    struct via_neigh_list *l = &c->net->neigh.lists[class];
    uint32_t id = via_neigh_id(c, n);

    n->class = (uint8_t) class;
    n->newer = 0;
    n->older = l->newest;
    if (l->newest)
        via_neigh_at(c, l->newest)->newer = id;
    else
        l->oldest = id;
    l->newest = id;
    l->count++;
}

static enum via_neigh_class class_of(const struct via_neigh *n) {
    if (n->state == VIA_NEIGH_STATIC || (n->flags & VIA_NEIGH_KERNEL))
        return VIA_CLASS_NONE;
    if (n->state == VIA_NEIGH_STALE)
        return VIA_CLASS_STALE;
    return via_neigh_has_mac(n) ? VIA_CLASS_GOOD : VIA_CLASS_OPEN;
}

static void touch(struct via_core *c, struct via_neigh *n) {
    unlink_class(c, n);
    link_class(c, n, class_of(n));
}

static void set_state(struct via_core *c, struct via_neigh *n, enum via_neigh_state state) {
    n->state = (uint8_t)state;
    touch(c, n);
}

static void arm(struct via_core *c, const struct via_neigh *n, via_ns_t wait) {
    via_tick_arm(c, VIA_TICK_NEIGH, via_neigh_id(c, n), via_after(via_now(c), wait));
}

static void disarm(struct via_core *c, const struct via_neigh *n) {
    via_tick_disarm(c, VIA_TICK_NEIGH, via_neigh_id(c, n));
}

/* What paths know of it is no longer so. */
static void hide(struct via_core *c, struct via_neigh *n) {
    if (n->flags & VIA_NEIGH_SHOWN)
        via_net_changed(c);
    n->flags &= (uint8_t)~VIA_NEIGH_SHOWN;
}

/* The queue: the packets of a datagram follow one another, all but the first with `looped` 1 while they are here. */

static struct via_pkt *pop_frame(struct via_core *c, struct via_neigh *n) {
    struct via_pkt *p = via_pktq_pop(c, &n->queue);

    if (!p)
        return NULL;
    if (!p->looped)
        n->waiting--;
    p->looped = 0;
    c->net->neigh.parked--;
    return p;
}

static bool continues(const struct via_core *c, const struct via_neigh *n) {
    return n->queue.head && via_pkt_at(c, n->queue.head)->looped;
}

static void drop_datagram(struct via_core *c, struct via_neigh *n, enum via_drop why) {
    do {
        via_pkt_release(c, pop_frame(c, n));
        via_drop_count(c, why);
    } while (continues(c, n));
}

/* Tells who sent the datagram at the head of the queue; only those that can be told are worth a note. */
static void tell_unreachable(struct via_core *c, const struct via_neigh *n) {
    const struct via_pkt *p = via_pkt_at(c, n->queue.head);
    const uint8_t *at = via_pkt_data(c, p) + VIA_ETH_LEN;
    size_t len = p->len - (size_t)VIA_ETH_LEN;
    struct via_quote q;
    struct via_note note;

    if (via_quote_parse(&q, via_addr_is4(&n->addr) ? 4 : 6, at, len) < 0 || !q.has_ports ||
        (q.proto != IPPROTO_UDP && q.proto != IPPROTO_TCP))
        return;
    memset(&note, 0, sizeof note);
    note.kind = VIA_NOTE_UNREACH;
    note.iface = n->iface;
    note.flow.local = q.src;
    note.flow.remote = q.dst;
    note.flow.lport = q.sport;
    note.flow.rport = q.dport;
    note.flow.proto = q.proto;
    note.flow.iface = n->iface;
    note.reason = -EHOSTUNREACH;
    via_net_tell(c, &note);
}

static void drop_queue(struct via_core *c, struct via_neigh *n, bool tell) {
    while (n->queue.head) {
        if (tell)
            tell_unreachable(c, n);
        drop_datagram(c, n, VIA_DROP_NEIGH_FAILED);
    }
}

static void send_queue(struct via_core *c, struct via_neigh *n) {
    struct via_pkt *p;

    while ((p = pop_frame(c, n))) {
        memcpy(via_pkt_data(c, p), n->mac, 6);
        p->owner = VIA_OWNER_BURST;
        via_net_push(c, n->iface, p);
    }
}

/* Coming and going. */

void via_neigh_forget(struct via_core *c, struct via_neigh *n) {
    uint32_t id = via_neigh_id(c, n), *link = slot_of(c, n->iface, &n->addr);

    drop_queue(c, n, false);
    disarm(c, n);
    hide(c, n);
    unlink_class(c, n);
    while (*link != id)
        link = &via_neigh_at(c, *link)->next;
    *link = n->next;
    n->iface = 0;
    via_pool_put(&c->net->neigh.pool, &c->region, id);
}

void via_neigh_flush(struct via_core *c, uint8_t iface, bool all) {
    uint32_t id;

    for (id = 1; id <= c->net->neigh.pool.ready; id++) {
        struct via_neigh *n = via_neigh_at(c, id);

        if (n->iface && (!iface || n->iface == iface) && (all || n->state != VIA_NEIGH_STATIC))
            via_neigh_forget(c, n);
    }
}

/* RFC 6583 4.3: those that answer stay. */
static bool make_room(struct via_core *c) {
    struct via_neigh_table *t = &c->net->neigh;
    uint32_t id = t->lists[VIA_CLASS_OPEN].oldest;

    if (!id)
        id = t->lists[VIA_CLASS_STALE].oldest;
    if (!id)
        return false;
    t->evicted++;
    via_neigh_forget(c, via_neigh_at(c, id));
    return true;
}

struct via_neigh *via_neigh_want(struct via_core *c, uint8_t iface, const struct via_addr *a) {
    struct via_neigh_table *t = &c->net->neigh;
    struct via_neigh *n = via_neigh_find(c, iface, a);
    uint32_t id, *slot;

    if (n)
        return n;
    id = via_pool_get(&t->pool, &c->region);
    if (!id && make_room(c))
        id = via_pool_get(&t->pool, &c->region);
    if (!id)
        return NULL;
    n = via_neigh_at(c, id);
    memset(n, 0, sizeof *n);
    n->addr = *a;
    n->iface = iface;
    n->serial = ++t->serial;
    slot = slot_of(c, iface, a);
    n->next = *slot;
    *slot = id;
    link_class(c, n, VIA_CLASS_OPEN);
    return n;
}

/* The state machine. */

static const struct via_iface *iface_of(const struct via_core *c, const struct via_neigh *n) {
    return &c->net->iface.at[n->iface];
}

static void solicit(struct via_core *c, struct via_neigh *n) {
    n->probes++;
    c->net->neigh.solicited++;
    arm(c, n, iface_of(c, n)->retrans);
    if (via_mirror_resolve(c, n->iface, &n->addr))
        return;
    if (via_addr_is4(&n->addr))
        via_arp_solicit(c, n);
    else
        via_nd_solicit(c, n);
}

static void fail(struct via_core *c, struct via_neigh *n) {
    c->net->neigh.failed++;
    drop_queue(c, n, true);
    set_state(c, n, VIA_NEIGH_FAILED);
    hide(c, n);
    n->confirmed = via_now(c);
    n->probes = 0;
    arm(c, n, iface_of(c, n)->retrans);
}

/*
 * A gateway that does not answer is asked again, ever more rarely: meanwhile others of its prefix take its place, and
 * give it back when it answers.
 */
static void failed_over(struct via_core *c, struct via_neigh *n) {
    if (!(n->flags & VIA_NEIGH_GATEWAY) || n->probes >= GATEWAY_PROBES) {
        via_neigh_forget(c, n);
        return;
    }
    solicit(c, n);
    arm(c, n, iface_of(c, n)->retrans << via_min32(n->probes, GATEWAY_BACKOFF));
}

static void become_reachable(struct via_core *c, struct via_neigh *n) {
    if (n->state == VIA_NEIGH_FAILED && (n->flags & VIA_NEIGH_GATEWAY))
        via_net_changed(c);
    n->confirmed = via_now(c);
    set_state(c, n, VIA_NEIGH_REACHABLE);
    arm(c, n, iface_of(c, n)->reachable);
}

/* Confirmations only leave their time behind, so the timer may be early. */
static void reachable_over(struct via_core *c, struct via_neigh *n) {
    via_ns_t until = via_after(n->confirmed, iface_of(c, n)->reachable);

    if (until > via_now(c)) {
        arm(c, n, until - via_now(c));
        return;
    }
    set_state(c, n, VIA_NEIGH_STALE);
    hide(c, n);
}

static void ask_again(struct via_core *c, struct via_neigh *n) {
    if (n->probes < c->attrs.neigh_probes)
        solicit(c, n);
    else
        fail(c, n);
}

void via_neigh_timer(struct via_core *c, uint32_t id) {
    struct via_neigh *n = via_neigh_at(c, id);

    switch (n->state) {
    case VIA_NEIGH_REACHABLE:
        reachable_over(c, n);
        break;
    case VIA_NEIGH_DELAY:
        set_state(c, n, VIA_NEIGH_PROBE);
        n->probes = 0;
        solicit(c, n);
        break;
    case VIA_NEIGH_INCOMPLETE:
    case VIA_NEIGH_PROBE:
        ask_again(c, n);
        break;
    case VIA_NEIGH_FAILED:
        failed_over(c, n);
        break;
    default:
        break;
    }
    VIA_CHECK(via_neigh_valid(c));
}

bool via_neigh_use(struct via_core *c, struct via_neigh *n) {
    if (n->state == VIA_NEIGH_FAILED) {
        if (via_now(c) - n->confirmed < iface_of(c, n)->retrans)
            return false;
        disarm(c, n);
        set_state(c, n, VIA_NEIGH_NONE);
    }
    if (n->state == VIA_NEIGH_STALE && !(n->flags & VIA_NEIGH_KERNEL)) {
        n->state = VIA_NEIGH_DELAY;
        arm(c, n, DELAY_FIRST_PROBE);
    }
    touch(c, n);
    return true;
}

static enum via_drop refuse(struct via_core *c, struct via_pkt *p, enum via_drop why) {
    via_pkt_release(c, p);
    return via_drop_count(c, why);
}

enum via_drop via_neigh_park(struct via_core *c, struct via_neigh *n, struct via_pkt *p, bool follows) {
    struct via_neigh_table *t = &c->net->neigh;

    VIA_ASSERT(!via_neigh_has_mac(n));
    if (n->state == VIA_NEIGH_FAILED)
        return refuse(c, p, VIA_DROP_NEIGH_FAILED);
    if (t->parked >= t->parked_max || (follows && !n->queue.head))
        return refuse(c, p, VIA_DROP_NEIGH_QUEUE);
    if (!follows && n->waiting >= c->attrs.neigh_queue)
        drop_datagram(c, n, VIA_DROP_NEIGH_QUEUE); /* RFC 4861 7.2.2: the oldest makes room */
    p->owner = VIA_OWNER_NEIGH;
    p->looped = follows;
    via_pktq_push(c, &n->queue, p);
    n->waiting += !follows;
    t->parked++;
    if (n->state == VIA_NEIGH_NONE) {
        set_state(c, n, VIA_NEIGH_INCOMPLETE);
        n->probes = 0;
        solicit(c, n);
    }
    return VIA_KEPT;
}

/* Takes the MAC address; true if it is news. */
static bool take_mac(struct via_core *c, struct via_neigh *n, const uint8_t mac[6]) {
    bool news = !via_neigh_has_mac(n) || !via_mac_eq(n->mac, mac);

    if (news)
        hide(c, n);
    memcpy(n->mac, mac, 6);
    return news;
}

void via_neigh_learn(struct via_core *c, struct via_neigh *n, const uint8_t mac[6], enum via_neigh_proof proof) {
    bool news, waited = n->queue.head;

    if (n->state == VIA_NEIGH_STATIC || (n->flags & VIA_NEIGH_KERNEL))
        return;
    news = take_mac(c, n, mac);
    if (proof == VIA_PROOF_ANSWER) {
        become_reachable(c, n);
    } else if (news) {
        disarm(c, n);
        set_state(c, n, VIA_NEIGH_STALE);
    }
    if (waited) {
        via_neigh_use(c, n);
        send_queue(c, n);
    }
    VIA_CHECK(via_neigh_valid(c));
}

void via_neigh_doubt(struct via_core *c, struct via_neigh *n) {
    if (n->state != VIA_NEIGH_REACHABLE || (n->flags & VIA_NEIGH_KERNEL))
        return;
    disarm(c, n);
    set_state(c, n, VIA_NEIGH_STALE);
    hide(c, n);
}

void via_neigh_confirm(struct via_core *c, uint32_t id) {
    struct via_neigh *n;

    if (!id || id > c->net->neigh.pool.ready)
        return;
    n = via_neigh_at(c, id);
    if (!n->iface || !via_neigh_has_mac(n) || n->state == VIA_NEIGH_STATIC || (n->flags & VIA_NEIGH_KERNEL))
        return;
    n->confirmed = via_now(c);
    if (n->state != VIA_NEIGH_REACHABLE)
        become_reachable(c, n);
}

int via_neigh_put(struct via_core *c, uint8_t iface, const struct via_addr *a, const uint8_t *mac) {
    struct via_neigh *n = mac ? via_neigh_want(c, iface, a) : via_neigh_find(c, iface, a);

    if (!n)
        return mac ? -ENOSPC : 0;
    if (n->state == VIA_NEIGH_STATIC)
        return 0;
    if (!mac) {
        if (n->state == VIA_NEIGH_INCOMPLETE)
            fail(c, n);
        else
            via_neigh_forget(c, n);
        return 0;
    }
    take_mac(c, n, mac);
    disarm(c, n);
    n->flags |= VIA_NEIGH_KERNEL;
    set_state(c, n, VIA_NEIGH_REACHABLE);
    send_queue(c, n);
    return 0;
}

int via_neigh_fix(struct via_core *c, uint8_t iface, const struct via_addr *a, const uint8_t mac[6], bool router) {
    struct via_neigh *n = via_neigh_want(c, iface, a);

    if (!n)
        return -ENOSPC;
    take_mac(c, n, mac);
    disarm(c, n);
    n->flags &= (uint8_t) ~(VIA_NEIGH_KERNEL | VIA_NEIGH_ROUTER);
    n->flags |= router ? VIA_NEIGH_ROUTER : 0;
    set_state(c, n, VIA_NEIGH_STATIC);
    send_queue(c, n);
    return 0;
}

/* Set-up. */

uint64_t via_neigh_bytes(const struct via_attrs *a) {
    return via_pool_bytes(sizeof(struct via_neigh), (uint32_t)a->max_neighs) +
           via_round_up(via_pow2_up(a->max_neighs) * sizeof(uint32_t), 4096) + 4096;
}

int via_neigh_init(struct via_core *c) {
    struct via_neigh_table *t = &c->net->neigh;
    uint64_t slots = via_pow2_up(c->attrs.max_neighs);
    int err;

    t->key = via_rand_key(&c->s->rand);
    t->mask = (uint32_t)slots - 1;
    t->parked_max = via_max32(c->frame_count / 4, 1);
    t->slots = via_region_reserve(&c->region, slots * sizeof(uint32_t), 4096);
    err = via_region_commit(&c->region, t->slots, slots * sizeof(uint32_t));
    if (err < 0)
        return err;
    err = via_pool_init(&t->pool, &c->region, sizeof(struct via_neigh), (uint32_t)c->attrs.max_neighs, 0);
    if (err < 0)
        return err;
    c->ticks[VIA_TICK_NEIGH].base = c->region.base + t->pool.slots + offsetof(struct via_neigh, tick);
    c->ticks[VIA_TICK_NEIGH].stride = t->pool.size;
    return 0;
}

static bool queue_valid(const struct via_core *c, const struct via_neigh *n) {
    uint32_t id, datagrams = 0;

    for (id = n->queue.head; id; id = via_pkt_at(c, id)->next) {
        if (via_pkt_at(c, id)->owner != VIA_OWNER_NEIGH)
            return false;
        datagrams += !via_pkt_at(c, id)->looped;
    }
    return datagrams == n->waiting && (!n->queue.head || n->state == VIA_NEIGH_INCOMPLETE);
}

bool via_neigh_valid(const struct via_core *c) {
    const struct via_neigh_table *t = &c->net->neigh;
    uint32_t class, id, all = 0;

    for (class = 0; class < VIA_CLASSES; class ++) {
        uint32_t n = 0, last = 0;

        for (id = t->lists[class].newest; id; id = via_neigh_at(c, id)->older) {
            const struct via_neigh *e = via_neigh_at(c, id);

            if (!e->iface || e->class != class || class_of(e) != class || e->newer != last || !queue_valid(c, e) ||
                via_neigh_find(c, e->iface, &e->addr) != e)
                return false;
            last = id;
            n++;
        }
        if (n != t->lists[class].count || t->lists[class].oldest != last)
            return false;
        all += n;
    }
    return all == via_pool_used(&t->pool);
}
