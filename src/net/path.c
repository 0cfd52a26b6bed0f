/* SPDX-License-Identifier: BSD-2-Clause */
/* Paths: route, source, neighbour and path MTU of a destination, put into a template. */
#include "net/state.h"
#include "wire/eth.h"

/* What is found out on the way. */
struct way {
    struct via_iface *f;
    struct via_addr next;   /* next hop */
    struct via_addr source; /* that the route prefers, or all zero */
    uint32_t mtu;           /* of the route, 0: none of its own */
};

static int no_way(struct via_path *path, int err) {
    path->gen = 0;
    return err;
}

/* A gateway that does not answer is passed over while there is another one (RFC 4861 6.3.6). */
static bool gateway_failed(const struct via_core *c, const struct via_rt *r) {
    const struct via_neigh *n;

    if (via_addr_is_any(&r->gateway))
        return false;
    n = via_neigh_find(c, r->iface, &r->gateway);
    return n && n->state == VIA_NEIGH_FAILED;
}

struct choice {
    const struct via_rt *good, *failed;
    bool down;    /* there was a route, over a link that is down */
    uint8_t home; /* interface of the source that was asked for, or 0 */
};

/* As good as the one found, and over the interface of the source (RFC 1122 3.3.4.2)? */
static bool is_nearer(const struct choice *found, const struct via_rt *r) {
    return r->metric == found->good->metric && r->iface == found->home && found->good->iface != found->home;
}

/* Among routes of one prefix, in the order of their metrics. */
static void choose(const struct via_core *c, uint32_t id, uint8_t iface, struct choice *out) {
    for (; id && (!out->good || out->home); id = via_rt_at(c, id)->next) {
        const struct via_rt *r = via_rt_at(c, id);

        if ((iface && r->iface != iface) || (out->good && !is_nearer(out, r)))
            continue;
        if (!c->net->iface.at[r->iface].up)
            out->down = true;
        else if (!gateway_failed(c, r))
            out->good = r;
        else if (!out->failed)
            out->failed = r;
    }
}

static uint8_t home_of(const struct via_core *c, const struct via_addr *source) {
    const struct via_own *own = via_addr_is_any(source) ? NULL : via_addr_find(c, source, 0);

    return own && own->kind == VIA_OWN_UNICAST ? own->iface : 0;
}

static int find_route(const struct via_core *c, const struct via_dest *d, struct way *w) {
    struct choice found = {.home = home_of(c, &d->src)};
    const struct via_rt *r;
    int most = 128;

    while (most >= 0 && !found.good) {
        uint32_t id = via_route_find(c, &d->dst, most);

        if (!id)
            break;
        choose(c, id, d->iface, &found);
        most = via_rt_at(c, id)->bits - 1;
    }
    r = found.good ? found.good : found.failed;
    if (!r)
        return found.down ? -ENETDOWN : -ENETUNREACH;
    w->f = &c->net->iface.at[r->iface];
    w->next = via_addr_is_any(&r->gateway) ? d->dst : r->gateway;
    w->source = r->source;
    w->mtu = r->mtu;
    return 0;
}

/* For groups and 255.255.255.255 an interface is enough: the one asked for, that of a route, or the first there is. */
static int find_link(struct via_core *c, const struct via_dest *d, struct way *w) {
    uint32_t i;

    if (!d->iface) {
        int err = find_route(c, d, w);

        w->next = d->dst;
        if (!err)
            return 0;
    }
    for (i = 1; i <= VIA_VIS; i++) {
        struct via_iface *f = &c->net->iface.at[i];

        if (f->up && (!d->iface || d->iface == i) && (f->own.head || d->iface)) {
            w->f = f;
            w->next = d->dst;
            return 0;
        }
    }
    return via_iface_at(c, d->iface) && d->iface ? -ENETDOWN : -ENETUNREACH;
}

static int find_source(const struct via_core *c, const struct via_dest *d, const struct way *w, struct via_addr *src) {
    if (!via_addr_is_any(&d->src)) {
        if (via_addr_is4(&d->src) != via_addr_is4(&d->dst) || !via_addr_is_own(c, &d->src, w->f->index))
            return -EADDRNOTAVAIL;
        *src = d->src;
        return 0;
    }
    if (!via_addr_is_any(&w->source) && via_addr_is_own(c, &w->source, w->f->index)) {
        *src = w->source;
        return 0;
    }
    return via_addr_select(c, &d->dst, &w->next, w->f->index, src);
}

static uint16_t mtu_of(const struct via_core *c, const struct via_dest *d, const struct way *w) {
    uint32_t mtu = via_addr_is4(&d->dst) ? w->f->mtu : w->f->mtu6;
    uint8_t zone = via_addr_is_linklocal6(&d->dst) ? w->f->index : 0;

    if (w->mtu)
        mtu = via_min32(mtu, w->mtu);
    if (!via_addr_is_multicast(&d->dst))
        mtu = via_pmtu_get(c, &d->dst, zone, mtu);
    return (uint16_t)via_min32(mtu, VIA_LOOP_MTU);
}

static uint8_t hops_of(const struct via_core *c, const struct via_path *path, const struct via_dest *d,
                       const struct via_iface *f) {
    if (d->ttl)
        return d->ttl;
    if (via_addr_is_multicast(&d->dst))
        return 1; /* RFC 1112 6.1 */
    return path->family == 6 && f->hops ? f->hops : (uint8_t)c->attrs.ttl;
}

uint32_t via_net_flow_label(const struct via_core *c, const struct via_flow *f) {
    uint64_t w[5] = {(uint64_t)f->lport | (uint64_t)f->rport << 16 | (uint64_t)f->proto << 32};
    uint32_t label;

    if (!c->attrs.flow_label || via_addr_is4(&f->remote))
        return 0;
    memcpy(w + 1, f->local.b, 16);
    memcpy(w + 3, f->remote.b, 16);
    label = (uint32_t)via_hash_words(&c->net->label_key, w, 5) & 0xfffff;
    return label ? label : 1; /* 0 would say that there is none */
}

/* Writes the template from everything else in the path. */
static void build_head(const struct via_core *c, struct via_path *path, const struct via_dest *d,
                       const struct via_iface *f, const uint8_t mac[6]) {
    struct via_ip_head ip = {.src = path->src, .dst = path->dst, .version = path->family, .proto = d->proto};
    struct via_eth e = {.type = path->family == 4 ? VIA_ETH_IP4 : VIA_ETH_IP6};
    uint8_t *at;

    memcpy(e.dst, mac, 6);
    memcpy(e.src, f->mac, 6);
    ip.tos = d->tos;
    ip.ttl = hops_of(c, path, d, f);
    ip.flow = d->flow_label;
    ip.flags = path->flags & VIA_PATH_NO_DF ? 0 : VIA_IP_DF;
    memset(path->head, 0, sizeof path->head);
    path->ip_len = path->family == 4 ? VIA_IP4_LEN : VIA_IP6_LEN;
    path->head_len = (uint8_t)(VIA_ETH_LEN + path->ip_len);
    at = via_path_head(path);
    at += via_eth_emit(at, &e);
    via_ip_emit(at, &ip);
    path->ip_sum = 0;
    if (path->family == 4) {
        via_store16(at + 2, 0);
        via_store16(at + 10, 0);
        path->ip_sum = via_sum_fold(via_sum_add(0, at, VIA_IP4_LEN));
    }
    path->pseudo = via_sum_fold(via_sum_pseudo(&path->src, &path->dst, d->proto, 0));
}

static int to_ourselves(struct via_core *c, struct via_path *path, const struct via_dest *d, const struct via_own *o) {
    const struct via_iface *f = &c->net->iface.at[o->iface];

    path->src = d->dst;
    if (!via_addr_is_any(&d->src)) {
        if (via_addr_is4(&d->src) != via_addr_is4(&d->dst) || !via_addr_is_own(c, &d->src, 0))
            return no_way(path, -EADDRNOTAVAIL);
        path->src = d->src;
    }
    path->vi = o->iface;
    path->mtu = VIA_LOOP_MTU;
    path->flags |= VIA_PATH_LOOP | VIA_PATH_CSUM_FREE;
    build_head(c, path, d, f, f->mac);
    path->gen = c->net->head.gen;
    return 0;
}

static int to_group(const struct via_core *c, struct via_path *path, const struct via_dest *d, const struct way *w) {
    uint8_t mac[6];

    path->flags |= VIA_PATH_GROUP;
    if (via_addr_is_multicast(&d->dst)) {
        via_mac_of_group(mac, &d->dst);
    } else {
        path->flags |= VIA_PATH_BROADCAST;
        memset(mac, 0xff, 6);
    }
    build_head(c, path, d, w->f, mac);
    path->gen = c->net->head.gen;
    return 0;
}

static int to_neighbour(struct via_core *c, struct via_path *path, const struct via_dest *d, const struct way *w) {
    struct via_neigh *n = via_neigh_want(c, w->f->index, &w->next);

    if (!n) {
        via_drop_count(c, VIA_DROP_NEIGH_FULL);
        return no_way(path, -EHOSTUNREACH);
    }
    if (!via_neigh_use(c, n))
        return no_way(path, -EHOSTUNREACH);
    if (via_neigh_has_mac(n))
        n->flags |= VIA_NEIGH_SHOWN;
    else
        path->flags |= VIA_PATH_UNRESOLVED;
    if (!via_addr_eq(&w->next, &d->dst))
        n->flags |= VIA_NEIGH_GATEWAY;
    n->src = path->src;
    path->neigh = via_neigh_id(c, n);
    path->serial = n->serial;
    build_head(c, path, d, w->f, n->mac);
    path->gen = c->net->head.gen;
    return 0;
}

/* IPv6 has no broadcast; all ones of IPv4 is one wherever it goes. */
static bool is_broadcast(const struct via_own *o) {
    return o && o->kind == VIA_OWN_BROADCAST;
}

/* What must not leave a host, and what nobody answers for (RFC 1122 3.2.1.3, RFC 6890). */
static bool is_martian(const struct via_addr *a) {
    return via_addr_is4(a) && (!a->b[12] || a->b[12] == 127 || a->b[12] >= 240);
}

int via_path_source(struct via_core *c, const struct via_dest *d, struct via_addr *src) {
    const struct via_own *own = via_addr_find(c, &d->dst, d->iface);
    struct way w = {NULL, {{0}}, {{0}}, 0};
    int err;

    if (via_addr_is_any(&d->dst) || (!own && is_martian(&d->dst)))
        return -ENETUNREACH;
    if (own && own->kind == VIA_OWN_UNICAST) {
        *src = d->dst;
        return via_own_usable(own) ? 0 : -EHOSTUNREACH;
    }
    err = via_addr_is_multicast(&d->dst) ? find_link(c, d, &w) : find_route(c, d, &w);
    if (err < 0)
        return err;
    return find_source(c, d, &w, src);
}

int via_path_resolve(struct via_core *c, struct via_path *path, const struct via_dest *d) {
    const struct via_own *own = via_addr_find(c, &d->dst, d->iface);
    struct way w = {NULL, {{0}}, {{0}}, 0};
    bool group = via_addr_is_multicast(&d->dst);
    int err;

    memset(path, 0, offsetof(struct via_path, head));
    path->dst = d->dst;
    path->proto = d->proto;
    path->family = via_addr_is4(&d->dst) ? 4 : 6;
    if (path->family == 4 && !c->attrs.pmtu)
        path->flags |= VIA_PATH_NO_DF;
    if (via_addr_is_any(&d->dst) || (!own && is_martian(&d->dst)))
        return -ENETUNREACH;
    if (own && own->kind == VIA_OWN_UNICAST && via_own_usable(own))
        return to_ourselves(c, path, d, own);
    if (own && own->kind == VIA_OWN_UNICAST && own->state == VIA_ADDR_TENTATIVE)
        return -EHOSTUNREACH;
    err = group || (is_broadcast(own) && !own->iface) ? find_link(c, d, &w) : find_route(c, d, &w);
    if (err < 0)
        return err;
    if (path->family == 6 && !w.f->mtu6)
        return -ENETUNREACH;
    err = find_source(c, d, &w, &path->src);
    if (err < 0)
        return err;
    path->vi = w.f->index;
    path->mtu = mtu_of(c, d, &w);
    if ((w.f->caps & VIA_VI_CSUM_TRUSTED) && c->attrs.checksum != 2)
        path->flags |= VIA_PATH_CSUM_FREE;
    return group || is_broadcast(own) ? to_group(c, path, d, &w) : to_neighbour(c, path, d, &w);
}
