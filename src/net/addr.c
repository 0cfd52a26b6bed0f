/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/addr.h"

#include "net/arp.h"
#include "net/state.h"
#include "wire/nd.h"

#define TWO_HOURS       (7200 * VIA_SEC)
#define DEFEND_INTERVAL (10 * VIA_SEC) /* RFC 5227 1.1 */
#define REMAKE_DELAY    (1 * VIA_SEC)  /* RFC 7217 IDGEN_DELAY */
#define REMAKE_TRIES    3u             /* RFC 7217 IDGEN_RETRIES */
#define LOOPED_PROBES   3u             /* RFC 7527 4.2 */
#define ANNOUNCE_ARP    2u             /* RFC 5227 ANNOUNCE_NUM */

uint32_t via_own_id(const struct via_core *c, const struct via_own *o) {
    const struct via_pool *p = &c->net->addr.pool;

    return (uint32_t)((uint64_t)((const uint8_t *)o - (c->region.base + p->slots)) / p->size);
}

struct via_own *via_own_at(const struct via_core *c, uint32_t id) {
    return via_pool_at(&c->net->addr.pool, &c->region, id);
}

/* The hash. */

/* Multilinear and keyed; the upper bits depend on all bits of the address. */
static inline uint32_t *slot_of(const struct via_core *c, const struct via_addr *a) {
    const struct via_addr_table *t = &c->net->addr;
    uint64_t h = be64toh(via_load64(a->b)) * (t->key.k[0] | 1) + be64toh(via_load64(a->b + 8)) * (t->key.k[1] | 1);

    return (uint32_t *)(void *)(c->region.base + t->slots) + (h >> t->shift);
}

struct via_own *via_addr_find(const struct via_core *c, const struct via_addr *a, uint8_t iface) {
    uint32_t id;

    for (id = *slot_of(c, a); id;) {
        struct via_own *o = via_own_at(c, id);

        if (VIA_LIKELY(via_addr_eq(&o->addr, a)) && (!iface || o->iface == iface || !via_addr_is_linklocal6(a)))
            return o;
        id = o->next;
    }
    return NULL;
}

/* Unicast addresses are found before a broadcast address that is spelled the same. */
static void hash_insert(struct via_core *c, struct via_own *o) {
    uint32_t *link = slot_of(c, &o->addr);

    if (o->kind == VIA_OWN_BROADCAST)
        while (*link)
            link = &via_own_at(c, *link)->next;
    o->next = *link;
    *link = via_own_id(c, o);
}

static void hash_remove(struct via_core *c, const struct via_own *o) {
    uint32_t *link = slot_of(c, &o->addr), id = via_own_id(c, o);

    while (*link != id)
        link = &via_own_at(c, *link)->next;
    *link = o->next;
}

void via_addr_mask(struct via_addr *a, unsigned bits) {
    if (bits & 7)
        a->b[bits / 8] &= (uint8_t)(0xff00u >> (bits & 7));
    memset(a->b + (bits + 7) / 8, 0, 16 - (bits + 7) / 8);
}

static struct via_own *take_slot(struct via_core *c) {
    uint32_t id = via_pool_get(&c->net->addr.pool, &c->region);
    struct via_own *o;

    if (!id)
        return NULL;
    o = via_own_at(c, id);
    memset(o, 0, sizeof *o);
    o->preferred = o->valid = o->due = o->heir = VIA_NEVER;
    o->born = via_now(c);
    return o;
}

static void give_slot(struct via_core *c, struct via_own *o) {
    o->kind = VIA_OWN_FREE;
    via_pool_put(&c->net->addr.pool, &c->region, via_own_id(c, o));
}

/* Lists of interfaces. */

static void list_append(struct via_core *c, struct via_list *l, struct via_own *o) {
    uint32_t id = via_own_id(c, o);

    if (l->tail)
        via_own_at(c, l->tail)->iface_next = id;
    else
        l->head = id;
    l->tail = id;
}

static void list_remove(struct via_core *c, struct via_list *l, const struct via_own *o) {
    uint32_t id = via_own_id(c, o), before = 0, at;

    for (at = l->head; at != id; at = via_own_at(c, at)->iface_next)
        before = at;
    if (before)
        via_own_at(c, before)->iface_next = o->iface_next;
    else
        l->head = o->iface_next;
    if (l->tail == id)
        l->tail = before;
}

/* Timers: one node, armed for whatever comes first. */

static void arm(struct via_core *c, const struct via_own *o) {
    via_ns_t at = via_min_ns(via_min_ns(o->phase ? o->due : VIA_NEVER, o->valid), o->heir);

    if (o->state == VIA_ADDR_PREFERRED)
        at = via_min_ns(at, o->preferred);
    if (at == VIA_NEVER)
        via_tick_disarm(c, VIA_TICK_ADDR, via_own_id(c, o));
    else
        via_tick_arm(c, VIA_TICK_ADDR, via_own_id(c, o), at);
}

static void enter_phase(struct via_core *c, struct via_own *o, enum via_own_phase phase, via_ns_t wait) {
    o->phase = (uint8_t)phase;
    o->sent = 0;
    o->due = phase ? via_after(via_now(c), wait) : VIA_NEVER;
}

/* Coming. */

static struct via_addr broadcast_of(const struct via_addr *a, unsigned prefix) {
    uint32_t host = prefix < 32 ? 0xffffffffu >> prefix : 0;

    return via_addr_from4(via_addr_to4(a) | htonl(host));
}

/* Subnets of 31 and 32 bits have no broadcast address (RFC 3021). */
static bool add_broadcast(struct via_core *c, struct via_own *o) {
    struct via_own *b;

    if (!via_addr_is4(&o->addr) || o->prefix > 30 || !o->prefix)
        return true;
    b = take_slot(c);
    if (!b)
        return false;
    b->addr = broadcast_of(&o->addr, o->prefix);
    b->iface = o->iface;
    b->prefix = o->prefix;
    b->kind = VIA_OWN_BROADCAST;
    b->twin = via_own_id(c, o);
    o->twin = via_own_id(c, b);
    hash_insert(c, b);
    return true;
}

static bool is_of_prefix(const struct via_own *o) {
    return o->origin == VIA_OWN_PREFIX || o->origin == VIA_OWN_TEMP;
}

/* That an address was made of a prefix does not say that the prefix is on the link (RFC 5942 4). */
static int add_subnet(struct via_core *c, struct via_own *o) {
    struct via_rt r = {.dst = o->addr, .iface = o->iface, .origin = VIA_ROUTE_SUBNET};
    uint32_t id;
    int err;

    r.bits = (uint8_t)via_prefix_bits(&o->addr, o->prefix);
    if (r.bits == 128 || is_of_prefix(o))
        return 0;
    err = via_route_add(c, &r, &o->route);
    if (err != -EEXIST)
        return err;
    id = via_route_exact(c, &r);
    if (via_rt_at(c, id)->origin == VIA_ROUTE_ADVERT) {
        /* A router said so first, for a time: the address now says it for good. */
        via_ra_forget(c, id);
        via_rt_at(c, id)->origin = VIA_ROUTE_SUBNET;
        o->route = id;
    }
    return 0;
}

static void steer(struct via_core *c, const struct via_own *o, bool add) {
    const struct via_addr nobody = {{0}};
    struct via_addr group;

    if (o->flags & VIA_ADDR_KERNEL)
        return;
    via_iface_steer(c, o->iface, add, &o->addr);
    if (via_addr_is4(&o->addr))
        return;
    group = via_nd_group(&o->addr);
    if (add)
        via_net_join(c, o->iface, &group, &nobody);
    else
        via_net_leave(c, o->iface, &group, &nobody);
}

/* The kernel speaks for addresses that it has too; a link that only receives cannot ask. */
static bool wants_detection(const struct via_core *c, const struct via_own *o) {
    const struct via_iface *f = via_iface_at(c, o->iface);

    return !(o->flags & (VIA_ADDR_NODAD | VIA_ADDR_KERNEL)) && c->attrs.dad_probes && f &&
           !(f->caps & VIA_VI_SOURCE_ONLY);
}

/* Addresses that many hosts may make at the same moment wait a random time (RFC 4862 5.4.2, RFC 5227 2.1.1). */
static via_ns_t first_wait(struct via_core *c, const struct via_own *o) {
    if (via_addr_is4(&o->addr) || o->origin != VIA_OWN_MANUAL)
        return via_rand_below(&c->s->rand, (uint32_t)VIA_SEC) * via_min_ns(c->attrs.neigh_retrans, VIA_SEC) / VIA_SEC;
    return 0;
}

static void start(struct via_core *c, struct via_own *o) {
    if (wants_detection(c, o)) {
        o->state = VIA_ADDR_TENTATIVE;
        enter_phase(c, o, VIA_PHASE_PROBE, first_wait(c, o));
    } else {
        o->state = VIA_ADDR_PREFERRED;
        enter_phase(c, o, o->flags & VIA_ADDR_KERNEL ? VIA_PHASE_IDLE : VIA_PHASE_ANNOUNCE, 0);
    }
    if (o->preferred <= via_now(c) && o->state == VIA_ADDR_PREFERRED)
        o->state = VIA_ADDR_DEPRECATED;
    arm(c, o);
}

static bool may_be_own(const struct via_core *c, const struct via_own_new *n) {
    const struct via_iface *f = via_iface_at(c, n->iface);
    bool is4 = via_addr_is4(&n->addr);

    if (!f || !n->iface || via_addr_is_any(&n->addr) || via_addr_is_multicast(&n->addr))
        return false;
    if (is4)
        return n->prefix <= 32 && n->addr.b[12] && n->addr.b[12] != 127 && n->addr.b[12] < 240;
    return n->prefix <= 128 && f->mtu6;
}

int via_addr_add(struct via_core *c, const struct via_own_new *n, uint32_t *out) {
    struct via_own *o;

    if (!may_be_own(c, n))
        return -EINVAL;
    o = via_addr_find(c, &n->addr, n->iface);
    if (o && o->kind == VIA_OWN_UNICAST)
        return -EEXIST;
    if (c->net->addr.count >= c->attrs.max_addrs || !(o = take_slot(c)))
        return -ENOSPC;
    o->addr = n->addr;
    o->iface = n->iface;
    o->prefix = n->prefix;
    o->flags = n->flags;
    o->origin = n->origin;
    o->tries = n->tries;
    o->preferred = n->preferred ? n->preferred : VIA_NEVER;
    o->valid = n->valid ? n->valid : VIA_NEVER;
    o->heir = n->heir ? n->heir : VIA_NEVER;
    o->desync = n->desync;
    if (!add_broadcast(c, o) || add_subnet(c, o) < 0) {
        if (o->twin) {
            hash_remove(c, via_own_at(c, o->twin));
            give_slot(c, via_own_at(c, o->twin));
        }
        give_slot(c, o);
        return -ENOSPC;
    }
    hash_insert(c, o);
    list_append(c, &c->net->iface.at[o->iface].own, o);
    c->net->addr.count++;
    steer(c, o, true);
    start(c, o);
    via_net_changed(c);
    if (out)
        *out = via_own_id(c, o);
    return 0;
}

/* Going. */

/* Another address of the same subnet takes over its route. */
static void del_subnet(struct via_core *c, const struct via_own *o) {
    uint32_t id;

    if (!o->route)
        return;
    via_route_del(c, o->route);
    for (id = c->net->iface.at[o->iface].own.head; id; id = via_own_at(c, id)->iface_next) {
        struct via_own *other = via_own_at(c, id);

        if (!other->route && other->prefix == o->prefix && !is_of_prefix(other) &&
            via_addr_is4(&other->addr) == via_addr_is4(&o->addr) &&
            via_addr_in(&other->addr, &o->addr, via_prefix_bits(&o->addr, o->prefix))) {
            add_subnet(c, other);
            return;
        }
    }
}

static void tell_gone(struct via_core *c, const struct via_own *o, int reason) {
    struct via_note note;

    memset(&note, 0, sizeof note);
    note.kind = VIA_NOTE_ADDR;
    note.iface = o->iface;
    note.flow.local = o->addr;
    note.flow.iface = o->iface;
    note.reason = reason;
    via_net_tell(c, &note);
}

void via_addr_del(struct via_core *c, struct via_own *o) {
    VIA_ASSERT(o->kind == VIA_OWN_UNICAST && o->iface);
    via_tick_disarm(c, VIA_TICK_ADDR, via_own_id(c, o));
    hash_remove(c, o);
    list_remove(c, &c->net->iface.at[o->iface].own, o);
    c->net->addr.count--;
    steer(c, o, false);
    del_subnet(c, o);
    if (o->twin) {
        hash_remove(c, via_own_at(c, o->twin));
        give_slot(c, via_own_at(c, o->twin));
    }
    tell_gone(c, o, -EADDRNOTAVAIL);
    give_slot(c, o);
    via_net_changed(c);
}

/* Detection of duplicates, announcements. */

static uint32_t probes_wanted(const struct via_core *c, const struct via_own *o) {
    return (uint32_t)c->attrs.dad_probes + (o->looped ? LOOPED_PROBES : 0);
}

static void become_usable(struct via_core *c, struct via_own *o) {
    o->state = o->preferred <= via_now(c) ? VIA_ADDR_DEPRECATED : VIA_ADDR_PREFERRED;
    enter_phase(c, o, VIA_PHASE_ANNOUNCE, 0);
    via_net_changed(c);
    if (via_addr_is_linklocal6(&o->addr))
        via_mcast_announce(c, o->iface);
}

/* RFC 4429 3.1: usable once others were asked, where that was wished for. */
static void hope(struct via_core *c, struct via_own *o) {
    if (o->state != VIA_ADDR_TENTATIVE || via_addr_is4(&o->addr) ||
        !((o->flags & VIA_ADDR_EARLY) || (o->origin != VIA_OWN_MANUAL && c->attrs.optimistic_dad)))
        return;
    o->state = VIA_ADDR_OPTIMISTIC;
    via_net_changed(c);
}

/*
 * RFC 5227 spaces probes by 1 .. 2 s and waits 2 s after the last, RFC 4862 has one interval for both. The attribute
 * neigh_retrans stands for the second in both.
 */
static void step_probe(struct via_core *c, struct via_own *o) {
    via_ns_t unit = c->attrs.neigh_retrans, wait = via_iface_at(c, o->iface)->retrans;

    if (o->sent >= probes_wanted(c, o)) {
        become_usable(c, o);
        return;
    }
    o->sent++;
    if (via_addr_is4(&o->addr)) {
        via_arp_probe(c, o);
        wait = o->sent < probes_wanted(c, o) ? unit + unit * via_rand_below(&c->s->rand, 1000) / 1000 : 2 * unit;
    } else {
        via_nd_probe(c, o);
        hope(c, o);
    }
    o->due = via_after(via_now(c), wait);
}

static void step_announce(struct via_core *c, struct via_own *o) {
    bool is4 = via_addr_is4(&o->addr);

    if (is4)
        via_arp_announce(c, o);
    else
        via_nd_announce(c, o);
    if (++o->sent < (is4 ? ANNOUNCE_ARP : 1))
        o->due = via_after(via_now(c), 2 * c->attrs.neigh_retrans);
    else
        enter_phase(c, o, VIA_PHASE_IDLE, 0);
}

/* A duplicate that we made up ourselves is replaced by another one. The slot of `o` is free afterwards. */
static void remake(struct via_core *c, struct via_own *o) {
    struct via_own_new n = {.iface = o->iface, .prefix = o->prefix, .flags = o->flags, .origin = o->origin};

    n.tries = (uint8_t)(o->tries + 1);
    n.preferred = o->preferred;
    n.valid = o->valid;
    n.heir = o->heir;
    n.desync = o->desync;
    n.addr = o->origin == VIA_OWN_TEMP ? via_addr_random(c, &o->addr) : via_addr_opaque(c, &o->addr, o->iface, n.tries);
    via_addr_del(c, o);
    via_addr_add(c, &n, NULL);
}

static void step(struct via_core *c, struct via_own *o) {
    if (o->phase == VIA_PHASE_PROBE)
        step_probe(c, o);
    else if (o->phase == VIA_PHASE_ANNOUNCE)
        step_announce(c, o);
}

void via_addr_timer(struct via_core *c, uint32_t id) {
    struct via_own *o = via_own_at(c, id);
    via_ns_t now = via_now(c);

    if (o->valid <= now) {
        via_addr_del(c, o);
        return;
    }
    if (o->phase == VIA_PHASE_REMAKE && o->due <= now) {
        remake(c, o);
        return;
    }
    if (o->heir <= now) {
        o->heir = VIA_NEVER;
        via_ra_heir(c, o);
    }
    if (o->preferred <= now && o->state == VIA_ADDR_PREFERRED) {
        o->state = VIA_ADDR_DEPRECATED;
        via_net_changed(c);
    }
    if (o->phase && o->due <= now) {
        if (via_iface_at(c, o->iface)->up)
            step(c, o);
        else /* nobody hears us: what was asked so far does not count */
            enter_phase(c, o, o->phase, c->attrs.neigh_retrans);
    }
    arm(c, o);
}

static void lose(struct via_core *c, struct via_own *o) {
    char text[VIA_ADDR_TEXT];

    o->state = VIA_ADDR_DUPLICATE;
    via_log(c, VIA_LOG_NET, VIA_LOG_WARN, "interface %u: %s belongs to another host", o->iface,
            via_addr_text(&o->addr, text));
    tell_gone(c, o, -EADDRINUSE);
    if (o->origin != VIA_OWN_MANUAL && o->tries < REMAKE_TRIES)
        enter_phase(c, o, VIA_PHASE_REMAKE, REMAKE_DELAY);
    else
        enter_phase(c, o, VIA_PHASE_IDLE, 0);
    arm(c, o);
    via_net_changed(c);
}

void via_addr_conflict(struct via_core *c, struct via_own *o) {
    char text[VIA_ADDR_TEXT];

    if (o->state == VIA_ADDR_TENTATIVE || o->state == VIA_ADDR_OPTIMISTIC) {
        lose(c, o);
        return;
    }
    if (!via_own_usable(o) || via_now(c) < o->defended)
        return;
    /* RFC 5227 2.4 (c): kept for good, defended at most once in the interval. */
    o->defended = via_after(via_now(c), DEFEND_INTERVAL);
    via_log(c, VIA_LOG_NET, VIA_LOG_WARN, "interface %u: another host uses our address %s", o->iface,
            via_addr_text(&o->addr, text));
    if (o->flags & VIA_ADDR_KERNEL)
        return;
    if (via_addr_is4(&o->addr))
        via_arp_announce(c, o);
}

void via_addr_looped(struct via_core *c, struct via_own *o) {
    (void)c;
    if (o->looped < 255)
        o->looped++;
}

void via_addr_announce(struct via_core *c, uint8_t iface) {
    uint32_t id;

    for (id = c->net->iface.at[iface].own.head; id; id = via_own_at(c, id)->iface_next) {
        struct via_own *o = via_own_at(c, id);

        if (o->state == VIA_ADDR_OPTIMISTIC) {
            o->state = VIA_ADDR_TENTATIVE;
            via_net_changed(c);
        }
        if (o->state == VIA_ADDR_TENTATIVE)
            enter_phase(c, o, VIA_PHASE_PROBE, first_wait(c, o));
        else if (via_own_usable(o) && !(o->flags & VIA_ADDR_KERNEL))
            enter_phase(c, o, VIA_PHASE_ANNOUNCE, 0);
        arm(c, o);
    }
}

void via_addr_refresh(struct via_core *c, struct via_own *o, via_ns_t preferred, via_ns_t valid) {
    via_ns_t now = via_now(c), left = o->valid == VIA_NEVER ? VIA_NEVER : o->valid - now;

    if (valid > TWO_HOURS || valid > left)
        o->valid = via_after(now, valid);
    else if (left > TWO_HOURS)
        o->valid = now + TWO_HOURS;
    o->preferred = via_after(now, preferred);
    if (via_own_usable(o) && o->state != VIA_ADDR_OPTIMISTIC) {
        uint8_t state = preferred ? VIA_ADDR_PREFERRED : VIA_ADDR_DEPRECATED;

        if (state != o->state)
            via_net_changed(c);
        o->state = state;
    }
    arm(c, o);
}

void via_addr_relive(struct via_core *c, struct via_own *o, const struct via_own_new *n) {
    o->preferred = n->preferred;
    o->valid = n->valid;
    if (o->heir != VIA_NEVER)
        o->heir = n->heir;
    if (o->state == VIA_ADDR_DEPRECATED && o->preferred > via_now(c)) {
        o->state = VIA_ADDR_PREFERRED;
        via_net_changed(c);
    }
    arm(c, o);
}

/* RFC 5453: for anycast, for all subnets alike. */
static bool is_reserved(uint64_t id) {
    return !id || id >> 7 == 0xfdffffffffffff80ull >> 7;
}

struct via_addr via_addr_random(struct via_core *c, const struct via_addr *prefix) {
    struct via_addr a = *prefix;
    uint64_t id;

    do {
        id = via_rand64(&c->s->rand);
    } while (is_reserved(id));
    id = htobe64(id);
    memcpy(a.b + 8, &id, 8);
    return a;
}

/* RFC 7217 5, with the MAC address as the name of the interface; identifiers of RFC 5453 are passed over. */
struct via_addr via_addr_opaque(const struct via_core *c, const struct via_addr *prefix, uint8_t iface, uint8_t tries) {
    struct {
        uint8_t prefix[8], mac[6], iface, tries, again, pad[7];
    } in;
    struct via_addr a = *prefix;
    uint64_t id;

    memset(&in, 0, sizeof in);
    memcpy(in.prefix, prefix->b, 8);
    memcpy(in.mac, c->net->iface.at[iface].mac, 6);
    in.iface = iface;
    in.tries = tries;
    do {
        id = via_siphash24(&c->net->addr.secret, &in, sizeof in);
        in.again++;
    } while (is_reserved(id));
    id = htobe64(id);
    memcpy(a.b + 8, &id, 8);
    return a;
}

/* Set-up. */

static uint32_t most_entries(const struct via_attrs *a) {
    return (uint32_t)a->max_addrs * 2 + 3; /* each with its broadcast address, and the three that are always there */
}

static unsigned hash_bits(const struct via_attrs *a) {
    return 63u - (unsigned)__builtin_clzll(via_pow2_up(most_entries(a)));
}

uint64_t via_addr_bytes(const struct via_attrs *a) {
    return via_pool_bytes(sizeof(struct via_own), most_entries(a)) +
           via_round_up(sizeof(uint32_t) << hash_bits(a), 4096) + 4096;
}

static int add_host_entry(struct via_core *c, const struct via_addr *a, enum via_own_kind kind) {
    struct via_own *o = take_slot(c);

    if (!o)
        return -ENOMEM;
    o->addr = *a;
    o->prefix = via_addr_is4(a) ? 32 : 128;
    o->state = VIA_ADDR_PREFERRED;
    o->kind = (uint8_t)kind;
    hash_insert(c, o);
    return 0;
}

int via_addr_init(struct via_core *c) {
    struct via_addr_table *t = &c->net->addr;
    uint64_t size = sizeof(uint32_t) << hash_bits(&c->attrs);
    struct via_addr loop4 = via_addr_from4(htonl(INADDR_LOOPBACK)), loop6 = {{[15] = 1}};
    struct via_addr all4 = via_addr_from4(htonl(INADDR_BROADCAST));
    int err;

    t->key = via_rand_key(&c->s->rand);
    t->secret = via_rand_key(&c->s->rand);
    t->shift = 64 - hash_bits(&c->attrs);
    t->slots = via_region_reserve(&c->region, size, 4096);
    err = via_region_commit(&c->region, t->slots, size);
    if (err < 0)
        return err;
    err = via_pool_init(&t->pool, &c->region, sizeof(struct via_own), most_entries(&c->attrs), 0);
    if (err < 0)
        return err;
    c->ticks[VIA_TICK_ADDR].base = c->region.base + t->pool.slots + offsetof(struct via_own, tick);
    c->ticks[VIA_TICK_ADDR].stride = t->pool.size;
    if ((err = add_host_entry(c, &loop4, VIA_OWN_UNICAST)) < 0 ||
        (err = add_host_entry(c, &loop6, VIA_OWN_UNICAST)) < 0)
        return err;
    return add_host_entry(c, &all4, VIA_OWN_BROADCAST);
}

bool via_net_is_own(const struct via_core *c, const struct via_addr *a, uint8_t iface) {
    return via_addr_is_own(c, a, iface);
}

uint8_t via_net_home(const struct via_core *c, const struct via_addr *a) {
    const struct via_own *o = via_addr_find(c, a, 0);

    return o && o->kind == VIA_OWN_UNICAST ? o->iface : 0;
}

bool via_net_is_broadcast(const struct via_core *c, const struct via_addr *a) {
    const struct via_own *o = via_addr_is4(a) ? via_addr_find(c, a, 0) : NULL;

    return o && o->kind == VIA_OWN_BROADCAST;
}
