/* SPDX-License-Identifier: BSD-2-Clause */
/* The control plane: what <viaduct/ctrl.h> asks, checked at this door. */
#include "net/state.h"
#include "wire/eth.h"

static bool iface_known(const struct via_core *c, uint32_t iface) {
    return iface && via_iface_at(c, iface);
}

/* Addresses. */

static int add_addr(struct via_core *c, const struct via_ifaddr *a) {
    struct via_own_new n = {.addr = a->addr, .iface = (uint8_t)a->iface, .prefix = a->prefix};

    if (!iface_known(c, a->iface))
        return -ENODEV;
    n.flags = a->flags & (VIA_ADDR_NODAD | VIA_ADDR_KERNEL | VIA_ADDR_EARLY);
    return via_addr_add(c, &n, NULL);
}

static int del_addr(struct via_core *c, const struct via_ifaddr *a) {
    struct via_own *o = a->iface <= VIA_VIS ? via_addr_find(c, &a->addr, (uint8_t)a->iface) : NULL;

    if (!o || o->kind != VIA_OWN_UNICAST || !o->iface || (a->iface && o->iface != a->iface))
        return -ENOENT;
    via_addr_del(c, o);
    return 0;
}

/* Goes on with the next address after `o` was dealt with, which may be gone by then. */
static void each_addr(struct via_core *c, const struct via_ifaddr *a, bool flush) {
    struct via_ifaddr out;
    uint32_t i, id, next;

    for (i = 1; i <= VIA_VIS; i++) {
        for (id = !a->iface || a->iface == i ? c->net->iface.at[i].own.head : 0; id; id = next) {
            struct via_own *o = via_own_at(c, id);

            next = o->iface_next;
            if (flush) {
                if (o->origin == VIA_OWN_MANUAL)
                    via_addr_del(c, o);
                continue;
            }
            memset(&out, 0, sizeof out);
            out.addr = o->addr;
            out.iface = o->iface;
            out.prefix = o->prefix;
            out.state = o->state;
            out.flags = o->flags;
            if (a->each(&out, a->arg))
                return;
        }
    }
}

int via_net_addr(struct via_core *c, int op, const struct via_ifaddr *a) {
    switch (op) {
    case VIA_CTRL_ADD:
        return add_addr(c, a);
    case VIA_CTRL_DEL:
        return del_addr(c, a);
    case VIA_CTRL_LIST:
        if (!a->each)
            return -EINVAL;
        each_addr(c, a, false);
        return 0;
    case VIA_CTRL_FLUSH:
        each_addr(c, a, true);
        return 0;
    default:
        return -EINVAL;
    }
}

/* Routes. */

static bool is_zero(const struct via_addr *a) {
    const struct via_addr zero = {{0}};

    return via_addr_eq(a, &zero);
}

/* The family is told, or follows from an address that is not zero. 0: they contradict one another. */
static unsigned family_of(const struct via_route *r) {
    const struct via_addr *v[] = {&r->dst, &r->gateway, &r->source};
    unsigned family = r->family, i;

    for (i = 0; i < VIA_COUNT(v); i++) {
        unsigned f = via_addr_is4(v[i]) ? VIA_AF_4 : VIA_AF_6;

        if (is_zero(v[i]))
            continue;
        if (family && f != family)
            return 0;
        family = f;
    }
    return family ? family : VIA_AF_6;
}

/* Checks form, and fills in what is to be looked for. */
static int read_route(const struct via_route *r, struct via_rt *out) {
    unsigned family = family_of(r), most = family == VIA_AF_4 ? 32 : 128;

    memset(out, 0, sizeof *out);
    if (!family || r->prefix > most || r->iface > VIA_VIS || r->mtu > VIA_LOOP_MTU ||
        (r->mtu && r->mtu < (family == VIA_AF_4 ? VIA_IP4_MTU : VIA_IP6_MTU)) ||
        (!via_addr_is_any(&r->gateway) && via_addr_is_multicast(&r->gateway)))
        return -EINVAL;
    out->dst = family == VIA_AF_4 && is_zero(&r->dst) ? via_addr_from4(0) : r->dst;
    if (!via_addr_is_any(&r->gateway))
        out->gateway = r->gateway;
    if (!via_addr_is_any(&r->source))
        out->source = r->source;
    out->metric = r->metric;
    out->mtu = r->mtu;
    out->iface = (uint8_t)r->iface;
    out->bits = (uint8_t)via_prefix_bits(&out->dst, r->prefix);
    return 0;
}

/* The interface on whose link the gateway is, or 0. */
static uint8_t link_of(const struct via_core *c, const struct via_addr *gateway) {
    uint8_t i;

    for (i = 1; i <= VIA_VIS; i++)
        if (via_iface_at(c, i) && via_route_on_link(c, gateway, i))
            return i;
    return 0;
}

static int add_route(struct via_core *c, const struct via_route *asked) {
    struct via_rt r;
    int err = read_route(asked, &r);

    if (err < 0)
        return err;
    if (!via_addr_is_any(&r.gateway)) {
        const struct via_own *o = via_addr_find(c, &r.gateway, r.iface);
        bool local = via_addr_is_linklocal6(&r.gateway) && r.iface;

        if (o && o->kind == VIA_OWN_UNICAST)
            return -EINVAL;
        if (!r.iface)
            r.iface = link_of(c, &r.gateway);
        if (!r.iface || (!local && iface_known(c, r.iface) && !via_route_on_link(c, &r.gateway, r.iface)))
            return -ENETUNREACH;
    }
    if (!iface_known(c, r.iface))
        return -ENODEV;
    return via_route_add(c, &r, NULL);
}

/* What is zero in the question fits anything; the subnet of an own address goes with the address alone. */
static bool fits(const struct via_rt *r, const struct via_rt *asked) {
    return r->origin != VIA_ROUTE_SUBNET && r->bits == asked->bits && via_addr_eq(&r->dst, &asked->dst) &&
           (!asked->iface || r->iface == asked->iface) && (!asked->metric || r->metric == asked->metric) &&
           (is_zero(&asked->gateway) || via_addr_eq(&r->gateway, &asked->gateway));
}

static int del_route(struct via_core *c, const struct via_route *asked) {
    struct via_rt r;
    uint32_t id;
    int err = read_route(asked, &r);

    if (err < 0)
        return err;
    via_addr_mask(&r.dst, r.bits);
    for (id = via_route_find(c, &r.dst, r.bits); id; id = via_rt_at(c, id)->next) {
        if (fits(via_rt_at(c, id), &r)) {
            via_route_del(c, id);
            return 0;
        }
    }
    return -ENOENT;
}

static void list_routes(const struct via_core *c, const struct via_route *asked) {
    struct via_route out;
    uint32_t id;

    for (id = 1; id <= c->net->route.pool.ready; id++) {
        const struct via_rt *r = via_rt_at(c, id);
        bool is4 = via_addr_is4(&r->dst);

        if (!r->iface || (asked->iface && r->iface != asked->iface))
            continue;
        memset(&out, 0, sizeof out);
        out.dst = r->dst;
        out.gateway = r->gateway;
        out.source = r->source;
        out.iface = r->iface;
        out.metric = r->metric;
        out.mtu = r->mtu;
        out.prefix = (uint8_t)(is4 ? r->bits - 96 : r->bits);
        out.family = is4 ? VIA_AF_4 : VIA_AF_6;
        if (asked->each(&out, asked->arg))
            return;
    }
}

int via_net_route(struct via_core *c, int op, const struct via_route *r) {
    switch (op) {
    case VIA_CTRL_ADD:
        return add_route(c, r);
    case VIA_CTRL_DEL:
        return del_route(c, r);
    case VIA_CTRL_LIST:
        if (!r->each)
            return -EINVAL;
        list_routes(c, r);
        return 0;
    case VIA_CTRL_FLUSH:
        if (r->iface > VIA_VIS)
            return -ENODEV;
        via_route_flush(c, (uint8_t)r->iface, VIA_ROUTE_MANUAL);
        return 0;
    default:
        return -EINVAL;
    }
}

/* Neighbours. */

static int add_neigh(struct via_core *c, const struct via_neigh_entry *n) {
    if (!iface_known(c, n->iface))
        return -ENODEV;
    if (via_addr_is_any(&n->addr) || via_addr_is_multicast(&n->addr) || via_net_is_broadcast(c, &n->addr) ||
        via_mac_is_group(n->mac) || via_mac_is_zero(n->mac) || via_addr_find(c, &n->addr, (uint8_t)n->iface))
        return -EINVAL;
    return via_neigh_fix(c, (uint8_t)n->iface, &n->addr, n->mac, n->router);
}

static int del_neigh(struct via_core *c, const struct via_neigh_entry *e) {
    struct via_neigh *n;

    if (!iface_known(c, e->iface))
        return -ENODEV;
    n = via_neigh_find(c, (uint8_t)e->iface, &e->addr);
    if (!n)
        return -ENOENT;
    via_neigh_forget(c, n);
    return 0;
}

static void list_neighs(const struct via_core *c, const struct via_neigh_entry *asked) {
    struct via_neigh_entry out;
    uint32_t id;

    for (id = 1; id <= c->net->neigh.pool.ready; id++) {
        const struct via_neigh *n = via_neigh_at(c, id);

        if (!n->iface || (asked->iface && n->iface != asked->iface))
            continue;
        memset(&out, 0, sizeof out);
        out.addr = n->addr;
        out.iface = n->iface;
        memcpy(out.mac, n->mac, 6);
        out.state = n->state;
        out.router = n->flags & VIA_NEIGH_ROUTER ? 1 : 0;
        if (asked->each(&out, asked->arg))
            return;
    }
}

int via_net_neigh(struct via_core *c, int op, const struct via_neigh_entry *n) {
    switch (op) {
    case VIA_CTRL_ADD:
        return add_neigh(c, n);
    case VIA_CTRL_DEL:
        return del_neigh(c, n);
    case VIA_CTRL_LIST:
        if (!n->each)
            return -EINVAL;
        list_neighs(c, n);
        return 0;
    case VIA_CTRL_FLUSH:
        if (n->iface > VIA_VIS)
            return -ENODEV;
        via_neigh_flush(c, (uint8_t)n->iface, false);
        return 0;
    default:
        return -EINVAL;
    }
}
