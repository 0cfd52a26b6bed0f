/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/ra.h"

#include "net/state.h"

#define REDIRECT_TIME (600 * VIA_SEC)
#define FOR_EVER      0xffffffffu /* seconds on the wire */
#define METRIC        1024u       /* of medium preference (RFC 4191); routes made by hand go first */

static const struct via_addr any = {{0}};

static via_ns_t lifetime(uint32_t seconds) {
    return seconds == FOR_EVER ? VIA_NEVER : seconds * VIA_SEC;
}

/* Leases. */

static void arm(struct via_core *c) {
    const struct via_ra_table *t = &c->net->ra;
    via_ns_t next = VIA_NEVER;
    uint32_t i;

    for (i = 0; i < VIA_COUNT(t->leases); i++)
        if (t->leases[i].route)
            next = via_min_ns(next, t->leases[i].until);
    if (next == VIA_NEVER)
        via_tick_disarm(c, VIA_TICK_ROUTE, 0);
    else
        via_tick_arm(c, VIA_TICK_ROUTE, 0, next);
}

void via_ra_timer(struct via_core *c, uint32_t index) {
    struct via_ra_table *t = &c->net->ra;
    uint32_t i;

    (void)index;
    for (i = 0; i < VIA_COUNT(t->leases); i++)
        if (t->leases[i].route && t->leases[i].until <= via_now(c))
            via_route_del(c, t->leases[i].route);
    arm(c);
}

static struct via_ra_lease *lease_of(const struct via_core *c, uint32_t route) {
    struct via_ra_table *t = &c->net->ra;
    uint32_t i;

    for (i = 0; i < VIA_COUNT(t->leases); i++)
        if (t->leases[i].route == route)
            return &t->leases[i];
    return NULL;
}

void via_ra_forget(struct via_core *c, uint32_t route) {
    struct via_ra_lease *l = lease_of(c, route);

    if (l)
        l->route = 0;
}

/* A free lease of those in [from, to); among redirects the one that ends first makes room. */
static struct via_ra_lease *take_lease(struct via_core *c, uint32_t from, uint32_t to) {
    struct via_ra_lease *l = c->net->ra.leases, *first = &l[from];
    uint32_t i;

    for (i = from; i < to; i++) {
        if (!l[i].route)
            return &l[i];
        if (l[i].until < first->until)
            first = &l[i];
    }
    if (from < VIA_RA_ROUTES)
        return NULL;
    via_route_del(c, first->route);
    return first;
}

/* Puts a learned route in, or its lease further; `time` 0 takes it away. False if there is no room for it. */
static bool learn_route(struct via_core *c, const struct via_rt *r, via_ns_t time) {
    bool redirect = r->origin == VIA_ROUTE_REDIRECT;
    uint32_t id = via_route_exact(c, r);
    struct via_ra_lease *l = id ? lease_of(c, id) : NULL;

    if (id && !l)
        return true; /* somebody else's, as good */
    if (!time) {
        if (id)
            via_route_del(c, id);
        arm(c);
        return true;
    }
    if (!l) {
        l = redirect ? take_lease(c, VIA_RA_ROUTES, VIA_RA_ROUTES + VIA_RA_REDIRECTS) : take_lease(c, 0, VIA_RA_ROUTES);
        if (!l || via_route_add(c, r, &id) < 0)
            return false;
        l->route = id;
    }
    l->until = via_after(via_now(c), time);
    arm(c);
    return true;
}

void via_ra_unroute(struct via_core *c, uint8_t iface, const struct via_addr *gateway) {
    struct via_ra_table *t = &c->net->ra;
    uint32_t i;

    for (i = 0; i < VIA_COUNT(t->leases); i++) {
        uint32_t id = t->leases[i].route;

        if (id && via_rt_at(c, id)->iface == iface && via_addr_eq(&via_rt_at(c, id)->gateway, gateway))
            via_route_del(c, id);
    }
}

/* Advertisements. */

static uint32_t metric_of(int8_t pref) {
    return METRIC - (uint32_t)(pref * 256);
}

static bool learn_router(struct via_core *c, const struct via_iface *f, const struct via_nd *nd,
                         const struct via_addr *router) {
    struct via_rt r = {.gateway = *router, .iface = f->index, .origin = VIA_ROUTE_ADVERT};
    int8_t pref;

    /* The same router with another preference: the old one is no longer true. */
    for (pref = -1; pref <= 1; pref++) {
        r.metric = metric_of(pref);
        if (pref != nd->pref)
            learn_route(c, &r, 0);
    }
    r.metric = metric_of(nd->pref);
    return learn_route(c, &r, nd->lifetime * VIA_SEC);
}

static bool learn_prefix(struct via_core *c, const struct via_iface *f, const struct via_nd_prefix *p) {
    struct via_rt r = {.dst = p->prefix, .iface = f->index, .bits = p->len, .origin = VIA_ROUTE_ADVERT};

    /* Everything on the link, or IPv4: a lie. */
    if (!p->len || via_addr_is4(&p->prefix))
        return true;
    return learn_route(c, &r, lifetime(p->valid));
}

static bool learn_specific(struct via_core *c, const struct via_iface *f, const struct via_nd_prefix *p,
                           const struct via_addr *router) {
    struct via_rt r = {
        .dst = p->prefix, .gateway = *router, .iface = f->index, .bits = p->len, .origin = VIA_ROUTE_ADVERT};

    if (via_addr_is4(&p->prefix) || via_addr_is_multicast(&p->prefix))
        return true;
    r.metric = metric_of(p->pref);
    return learn_route(c, &r, lifetime(p->valid));
}

/* The address that was made of this prefix, and how many were made of others. */
static struct via_own *made_of(const struct via_core *c, const struct via_iface *f, const struct via_addr *prefix,
                               uint32_t *others) {
    uint32_t id;

    *others = 0;
    for (id = f->own.head; id; id = via_own_at(c, id)->iface_next) {
        struct via_own *o = via_own_at(c, id);

        if (o->origin != VIA_OWN_PREFIX)
            continue;
        if (via_addr_in(&o->addr, prefix, 64))
            return o;
        ++*others;
    }
    return NULL;
}

/* Temporary addresses (RFC 8981). */

#define TEMP_RETRIES 3u /* TEMP_IDGEN_RETRIES */

/* 3.8 REGEN_ADVANCE: so long before an address is deprecated its heir is made. */
static via_ns_t advance(const struct via_core *c, const struct via_iface *f) {
    return 2 * VIA_SEC + TEMP_RETRIES * c->attrs.dad_probes * f->retrans;
}

/* 3.4 (1), (4): the prefix's lifetimes, but no more than its own since it was made. */
static void temp_lifetimes(const struct via_core *c, const struct via_iface *f, const struct via_own *stable,
                           struct via_own_new *n, via_ns_t born) {
    n->preferred = via_min_ns(stable->preferred, via_after(born, c->attrs.temp_preferred - n->desync));
    n->valid = via_min_ns(stable->valid, via_after(born, c->attrs.temp_valid));
    n->preferred = via_min_ns(n->preferred, n->valid);
    n->heir = n->preferred > advance(c, f) ? n->preferred - advance(c, f) : 1;
}

static uint32_t count_temps(const struct via_core *c, const struct via_iface *f) {
    uint32_t id, n = 0;

    for (id = f->own.head; id; id = via_own_at(c, id)->iface_next)
        n += via_own_at(c, id)->origin == VIA_OWN_TEMP;
    return n;
}

static void make_temp(struct via_core *c, const struct via_iface *f, const struct via_own *stable) {
    struct via_own_new n = {
        .iface = f->index, .prefix = 64, .flags = VIA_ADDR_AUTO | VIA_ADDR_TEMPORARY, .origin = VIA_OWN_TEMP};

    n.desync = c->attrs.temp_preferred / 1000 * via_rand_below(&c->s->rand, 401); /* 3.8 MAX_DESYNC_FACTOR */
    temp_lifetimes(c, f, stable, &n, via_now(c));
    if (n.heir <= via_now(c) || count_temps(c, f) >= VIA_RA_TEMPS) /* 3.4 (5) */
        return;
    n.addr = via_addr_random(c, &stable->addr);
    via_addr_add(c, &n, NULL);
}

/* The temporary addresses of a prefix follow the router's word; the first one is made. */
static void follow_temps(struct via_core *c, const struct via_iface *f, const struct via_own *stable) {
    bool any_yet = false;
    uint32_t id;

    for (id = f->own.head; id; id = via_own_at(c, id)->iface_next) {
        struct via_own *o = via_own_at(c, id);
        struct via_own_new n = {.desync = o->desync};

        if (o->origin != VIA_OWN_TEMP || !via_addr_in(&o->addr, &stable->addr, 64))
            continue;
        temp_lifetimes(c, f, stable, &n, o->born);
        via_addr_relive(c, o, &n);
        any_yet |= o->heir != VIA_NEVER;
    }
    if (!any_yet && c->attrs.temp_addrs)
        make_temp(c, f, stable);
}

void via_ra_heir(struct via_core *c, const struct via_own *o) {
    const struct via_iface *f = via_iface_at(c, o->iface);
    uint32_t others;
    const struct via_own *stable = made_of(c, f, &o->addr, &others);

    if (stable)
        make_temp(c, f, stable);
}

/* RFC 4862 5.5.3. */
static bool make_address(struct via_core *c, const struct via_iface *f, const struct via_nd_prefix *p) {
    struct via_own_new n = {.iface = f->index, .prefix = 64, .flags = VIA_ADDR_AUTO, .origin = VIA_OWN_PREFIX};
    uint32_t others, id;
    struct via_own *o;
    int err;

    if (p->preferred > p->valid || p->len != 64 || via_addr_is_multicast(&p->prefix) ||
        via_addr_in(&p->prefix, &any, 64))
        return true;
    o = made_of(c, f, &p->prefix, &others);
    if (o) {
        via_addr_refresh(c, o, lifetime(p->preferred), lifetime(p->valid));
        follow_temps(c, f, o);
        return true;
    }
    if (!p->valid)
        return true;
    if (others >= VIA_RA_ADDRS)
        return false;
    n.addr = via_addr_opaque(c, &p->prefix, f->index, 0);
    n.preferred = via_after(via_now(c), lifetime(p->preferred));
    n.valid = via_after(via_now(c), lifetime(p->valid));
    err = via_addr_add(c, &n, &id);
    if (err < 0)
        return err != -ENOSPC;
    follow_temps(c, f, via_own_at(c, id));
    return true;
}

static bool take_prefix(struct via_core *c, const struct via_iface *f, const struct via_nd_prefix *p,
                        const struct via_addr *router) {
    bool all = true;

    if (p->flags & VIA_ND_VIA_ROUTER)
        return learn_specific(c, f, p, router);
    if (via_addr_is_linklocal6(&p->prefix) || via_addr_is_multicast(&p->prefix))
        return true;
    if (p->flags & VIA_ND_ON_LINK)
        all = learn_prefix(c, f, p);
    if (p->flags & VIA_ND_AUTO)
        all = make_address(c, f, p) && all;
    return all;
}

static via_ns_t clamp(via_ns_t t, via_ns_t min, via_ns_t max) {
    return t < min ? min : via_min_ns(t, max);
}

/* RFC 4861 6.3.4; times that would stop resolution, or flood the link, are not believed. */
static void take_parameters(struct via_core *c, struct via_iface *f, const struct via_nd *nd) {
    if (nd->hop_limit && nd->hop_limit != f->hops) {
        f->hops = nd->hop_limit;
        via_net_changed(c);
    }
    if (nd->reachable && nd->reachable <= 3600000)
        via_iface_set_reachable(c, f, clamp(nd->reachable * VIA_MS, 100 * VIA_MS, 3600 * VIA_SEC));
    if (nd->retrans)
        f->retrans = clamp(nd->retrans * VIA_MS, 10 * VIA_MS, 60 * VIA_SEC);
    if (nd->has & VIA_ND_MTU)
        via_iface_set_mtu6(c, f, nd->mtu);
}

/* A router that we keep is a neighbour that we shall need. */
static void meet_router(struct via_core *c, const struct via_iface *f, const struct via_nd *nd,
                        const struct via_addr *router) {
    struct via_neigh *n =
        nd->has & VIA_ND_SRC_MAC ? via_neigh_want(c, f->index, router) : via_neigh_find(c, f->index, router);

    if (!n)
        return;
    if (nd->has & VIA_ND_SRC_MAC)
        via_neigh_learn(c, n, nd->src_mac, VIA_PROOF_HINT);
    n->flags |= VIA_NEIGH_ROUTER;
}

enum via_drop via_ra_input(struct via_core *c, struct via_iface *f, const struct via_nd *nd,
                           const struct via_ip_head *ip) {
    bool all = true;
    uint32_t i;

    if (!c->attrs.accept_ra || !f->mtu6)
        return VIA_DROP_ND_NOT_MINE;
    c->net->ra.adverts++;
    take_parameters(c, f, nd);
    if (!learn_router(c, f, nd, &ip->src))
        return VIA_DROP_ND_LIMIT;
    for (i = 0; i < nd->prefixes; i++)
        all = take_prefix(c, f, &nd->prefix[i], &ip->src) && all;
    if (nd->lifetime) {
        meet_router(c, f, nd, &ip->src);
        via_iface_solicited(c, f);
    }
    return all && !nd->more ? VIA_KEPT : VIA_DROP_ND_LIMIT;
}

/* Redirects. */

/* RFC 4861 8.1: only the router that we use for this destination may say so. */
static bool uses_router(const struct via_core *c, uint8_t iface, const struct via_addr *dst,
                        const struct via_addr *router) {
    uint32_t id;

    for (id = via_route_find(c, dst, 128); id; id = via_rt_at(c, id)->next) {
        const struct via_rt *r = via_rt_at(c, id);

        if (r->iface == iface && via_addr_eq(&r->gateway, router))
            return true;
    }
    return false;
}

/* What an earlier redirect said of this destination. */
static void drop_redirects(struct via_core *c, uint8_t iface, const struct via_addr *dst) {
    uint32_t id = via_route_find(c, dst, 128);

    while (id) {
        const struct via_rt *r = via_rt_at(c, id);
        uint32_t next = r->next;

        if (r->bits == 128 && r->iface == iface && r->origin == VIA_ROUTE_REDIRECT)
            via_route_del(c, id);
        id = next;
    }
}

enum via_drop via_ra_redirect(struct via_core *c, struct via_iface *f, const struct via_nd *nd,
                              const struct via_ip_head *ip) {
    struct via_rt r = {.dst = nd->dst, .iface = f->index, .bits = 128, .origin = VIA_ROUTE_REDIRECT};
    struct via_neigh *n;
    bool on_link = via_addr_eq(&nd->target, &nd->dst);

    if (!c->attrs.redirects || !uses_router(c, f->index, &nd->dst, &ip->src) || via_addr_is4(&nd->dst) ||
        via_addr_find(c, &nd->target, f->index) || via_addr_find(c, &nd->dst, f->index))
        return VIA_DROP_ND_BAD;
    drop_redirects(c, f->index, &nd->dst);
    if (!on_link)
        r.gateway = nd->target;
    if (!via_addr_eq(&r.gateway, &ip->src) && !learn_route(c, &r, REDIRECT_TIME))
        return VIA_DROP_ND_LIMIT;
    c->net->ra.redirects++;
    n = nd->has & VIA_ND_DST_MAC ? via_neigh_want(c, f->index, &nd->target) : NULL;
    if (n) {
        via_neigh_learn(c, n, nd->dst_mac, VIA_PROOF_HINT);
        n->flags |= on_link ? 0 : VIA_NEIGH_ROUTER;
    }
    return VIA_KEPT;
}

/*
 * RFC 1122 3.2.2.2: the gateway must be on a net of ours, the word that of the one in use. All four codes are about the
 * host alone (3.2.2.2, RFC 1812 5.2.7.2): nobody can say what the mask of a net is.
 */
enum via_drop via_ra_redirect4(struct via_core *c, const struct via_iface *f, const struct via_ra_hint *h) {
    struct via_rt r = {
        .dst = h->dst, .gateway = h->gateway, .iface = f->index, .bits = 128, .origin = VIA_ROUTE_REDIRECT};

    if (!c->attrs.redirects || !uses_router(c, f->index, &h->dst, &h->from) || via_addr_find(c, &h->dst, 0) ||
        via_addr_find(c, &h->gateway, 0) || via_addr_eq(&h->gateway, &h->from) || via_addr_is_multicast(&h->gateway) ||
        !via_route_on_link(c, &h->gateway, f->index))
        return VIA_DROP_ICMP_REDIRECT;
    drop_redirects(c, f->index, &h->dst);
    if (!learn_route(c, &r, REDIRECT_TIME))
        return VIA_DROP_ND_LIMIT;
    c->net->ra.redirects++;
    return VIA_KEPT;
}

int via_ra_init(struct via_core *c) {
    c->ticks[VIA_TICK_ROUTE].base = (uint8_t *)&c->net->ra.tick;
    c->ticks[VIA_TICK_ROUTE].stride = sizeof(struct via_tick);
    return 0;
}
