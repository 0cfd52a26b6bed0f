/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/nd.h"

#include "net/state.h"
#include "wire/eth.h"
#include "wire/nd.h"

static const struct via_addr nobody = {{0}};
static const struct via_addr all_nodes = {{0xff, 2, [15] = 1}};
static const struct via_addr all_routers = {{0xff, 2, [15] = 2}};

/* Sending. */

struct letter {
    const struct via_iface *f;
    struct via_addr src, dst;
    struct via_nd nd;
};

/* Lays the message out in a frame; the destination's MAC is left out. NULL without a frame. */
static struct via_pkt *compose(struct via_core *c, const struct letter *l) {
    struct via_ip_head ip = {.src = l->src, .dst = l->dst, .version = 6, .proto = IPPROTO_ICMPV6, .ttl = 255};
    struct via_eth e = {.type = VIA_ETH_IP6};
    struct via_pkt *p = via_net_frame(c);
    uint8_t *at;
    int len;

    if (!p)
        return NULL;
    memcpy(e.src, l->f->mac, 6);
    at = via_pkt_data(c, p);
    len = via_nd_emit(at, &l->nd, &ip);
    p->len = (uint16_t)len;
    p->total = p->len;
    ip.payload = p->len;
    via_ip6_emit(via_pkt_push(c, p, VIA_IP6_LEN), &ip);
    p->l3 = p->off;
    via_eth_emit(via_pkt_push(c, p, VIA_ETH_LEN), &e);
    return p;
}

static void send_to(struct via_core *c, const struct letter *l, const uint8_t mac[6]) {
    struct via_pkt *p = compose(c, l);

    if (!p)
        return;
    memcpy(via_pkt_data(c, p), mac, 6);
    via_net_push(c, l->f->index, p);
}

static void send_group(struct via_core *c, const struct letter *l) {
    uint8_t mac[6];

    via_mac_of_group(mac, &l->dst);
    send_to(c, l, mac);
}

/* To a neighbour, whose MAC address may first have to be found out. */
static void send_neigh(struct via_core *c, const struct letter *l) {
    struct via_neigh *n = via_neigh_want(c, l->f->index, &l->dst);
    struct via_pkt *p;

    if (!n || !via_neigh_use(c, n))
        return;
    if (via_neigh_has_mac(n)) {
        send_to(c, l, n->mac);
        return;
    }
    n->src = l->src;
    p = compose(c, l);
    if (p)
        via_neigh_park(c, n, p, false);
}

static void put_mac(struct letter *l, enum via_nd_option option) {
    l->nd.has |= (uint8_t)option;
    memcpy(option == VIA_ND_SRC_MAC ? l->nd.src_mac : l->nd.dst_mac, l->f->mac, 6);
}

static struct via_own *own_here(const struct via_core *c, const struct via_iface *f, const struct via_addr *a) {
    struct via_own *o = via_addr_find(c, a, f->index);

    return o && o->kind == VIA_OWN_UNICAST && o->iface == f->index ? o : NULL;
}

/* To ask with our MAC address, from an address that nobody else has (RFC 4429 3.2). */
static bool may_ask(const struct via_own *o) {
    return o && via_own_usable(o) && o->state != VIA_ADDR_OPTIMISTIC;
}

/*
 * RFC 4861 7.2.2: the source of the packet that waits, if it is of this interface. While all there is may still be
 * another host's, nothing is asked and the packet waits on.
 */
static bool source_for(const struct via_core *c, const struct via_iface *f, const struct via_neigh *n,
                       struct via_addr *src) {
    uint32_t id;

    *src = n->src;
    if (may_ask(own_here(c, f, src)))
        return true;
    if (via_addr_select(c, &n->addr, &n->addr, n->iface, src) < 0)
        return false;
    if (may_ask(via_addr_find(c, src, f->index)))
        return true;
    for (id = f->own.head; id; id = via_own_at(c, id)->iface_next) {
        *src = via_own_at(c, id)->addr;
        if (!via_addr_is4(src) && may_ask(via_own_at(c, id)))
            return true;
    }
    return false;
}

void via_nd_solicit(struct via_core *c, const struct via_neigh *n) {
    struct letter l = {.f = &c->net->iface.at[n->iface], .nd = {.type = VIA_ND_SOLICIT, .target = n->addr}};

    if (!source_for(c, l.f, n, &l.src))
        return;
    put_mac(&l, VIA_ND_SRC_MAC);
    if (n->state == VIA_NEIGH_PROBE) {
        l.dst = n->addr;
        send_to(c, &l, n->mac);
    } else {
        l.dst = via_nd_group(&n->addr);
        send_group(c, &l);
    }
}

void via_nd_probe(struct via_core *c, struct via_own *o) {
    struct letter l = {.f = &c->net->iface.at[o->iface], .nd = {.type = VIA_ND_SOLICIT, .target = o->addr}};
    uint64_t nonce = via_rand64(&c->s->rand);

    l.dst = via_nd_group(&o->addr);
    memcpy(o->nonce, &nonce, sizeof o->nonce);
    memcpy(l.nd.nonce, o->nonce, sizeof o->nonce);
    l.nd.has = VIA_ND_NONCE;
    send_group(c, &l);
}

/* RFC 9131: routers learn of a new address before the first answer comes back to it. */
void via_nd_announce(struct via_core *c, const struct via_own *o) {
    struct letter l = {.f = &c->net->iface.at[o->iface], .src = o->addr, .dst = all_routers};

    if (via_addr_is_linklocal6(&o->addr))
        return;
    l.nd.type = VIA_ND_ADVERT;
    l.nd.target = o->addr;
    put_mac(&l, VIA_ND_DST_MAC);
    send_group(c, &l);
}

void via_nd_solicit_router(struct via_core *c, const struct via_iface *f) {
    struct letter l = {.f = f, .dst = all_routers, .nd = {.type = VIA_ND_ROUTER_SOLICIT}};

    if (via_addr_select(c, &all_routers, &all_routers, f->index, &l.src) == 0 && may_ask(own_here(c, f, &l.src)))
        put_mac(&l, VIA_ND_SRC_MAC);
    else
        l.src = nobody;
    send_group(c, &l);
}

/* RFC 4429 3.2: what may still be another host's overrides nothing that is known of it. */
static void advertise(struct via_core *c, const struct via_iface *f, const struct via_own *o,
                      const struct via_addr *to) {
    struct letter l = {.f = f, .src = o->addr, .dst = *to, .nd = {.type = VIA_ND_ADVERT, .target = o->addr}};

    put_mac(&l, VIA_ND_DST_MAC);
    l.nd.flags = o->state == VIA_ADDR_OPTIMISTIC ? 0 : VIA_ND_OVERRIDE;
    if (via_addr_is_any(to)) {
        l.dst = all_nodes;
        send_group(c, &l);
    } else {
        l.nd.flags |= VIA_ND_SOLICITED;
        send_neigh(c, &l);
    }
}

/* Neighbours. */

static bool on_link(const struct via_core *c, const struct via_iface *f, const struct via_addr *a) {
    return via_addr_is_linklocal6(a) || via_route_on_link(c, a, f->index);
}

/* RFC 4862 5.4.3, RFC 7527 4.2: who else asks whether our tentative address is taken, if it is not ourselves. */
static enum via_drop meet_rival(struct via_core *c, struct via_own *o, const struct via_nd *nd,
                                const struct via_ip_head *ip) {
    if (!via_addr_is_any(&ip->src))
        return VIA_DROP_IP_TENTATIVE;
    if ((nd->has & VIA_ND_NONCE) && o->sent && !memcmp(nd->nonce, o->nonce, sizeof o->nonce))
        via_addr_looped(c, o);
    else
        via_addr_conflict(c, o);
    return VIA_DROP_ND_CONFLICT;
}

static enum via_drop take_solicit(struct via_core *c, struct via_iface *f, const struct via_nd *nd,
                                  const struct via_ip_head *ip) {
    struct via_own *o = own_here(c, f, &nd->target);
    struct via_neigh *n;

    if (!o || (o->flags & VIA_ADDR_KERNEL))
        return VIA_DROP_ND_NOT_MINE;
    if (o->state == VIA_ADDR_TENTATIVE || (o->state == VIA_ADDR_OPTIMISTIC && via_addr_is_any(&ip->src)))
        return meet_rival(c, o, nd, ip);
    if (!via_own_usable(o))
        return VIA_DROP_ND_NOT_MINE;
    if (own_here(c, f, &ip->src))
        return VIA_DROP_IP_MARTIAN;
    if ((nd->has & VIA_ND_SRC_MAC) && on_link(c, f, &ip->src)) {
        n = via_neigh_want(c, f->index, &ip->src);
        if (n)
            via_neigh_learn(c, n, nd->src_mac, VIA_PROOF_HINT);
    }
    if (via_addr_is_any(&ip->src) || on_link(c, f, &ip->src))
        advertise(c, f, o, &ip->src);
    return VIA_KEPT;
}

/* It no longer says that it is a router: nothing goes through it any more (RFC 4861 7.2.5). */
static void set_router(struct via_core *c, struct via_neigh *n, bool router) {
    bool was = n->flags & VIA_NEIGH_ROUTER;

    n->flags = (uint8_t)((n->flags & ~VIA_NEIGH_ROUTER) | (router ? VIA_NEIGH_ROUTER : 0));
    if (was && !router)
        via_ra_unroute(c, n->iface, &n->addr);
}

/* RFC 4861 7.2.5, with one difference: "solicited" is believed only where we did ask. */
static void update(struct via_core *c, struct via_neigh *n, const struct via_nd *nd) {
    bool asked = via_neigh_asks(n);
    bool told = nd->has & VIA_ND_DST_MAC, router = nd->flags & VIA_ND_ROUTER;
    enum via_neigh_proof proof = asked && (nd->flags & VIA_ND_SOLICITED) ? VIA_PROOF_ANSWER : VIA_PROOF_HINT;
    uint8_t mac[6];

    if (!via_neigh_has_mac(n) && (!asked || !told))
        return;
    if (via_neigh_has_mac(n) && told && !via_mac_eq(nd->dst_mac, n->mac) && !(nd->flags & VIA_ND_OVERRIDE)) {
        via_neigh_doubt(c, n);
        return;
    }
    memcpy(mac, told ? nd->dst_mac : n->mac, 6);
    via_neigh_learn(c, n, mac, proof);
    set_router(c, n, router);
}

static enum via_drop take_advert(struct via_core *c, struct via_iface *f, const struct via_nd *nd) {
    struct via_own *o = own_here(c, f, &nd->target);
    struct via_neigh *n;

    if (o) {
        if ((nd->has & VIA_ND_DST_MAC) && via_mac_eq(nd->dst_mac, f->mac) && o->state != VIA_ADDR_TENTATIVE)
            return VIA_DROP_ND_NOT_MINE; /* our own, come back */
        via_addr_conflict(c, o);
        return VIA_DROP_ND_CONFLICT;
    }
    n = via_neigh_find(c, f->index, &nd->target);
    if (!n)
        return VIA_DROP_ND_NOT_MINE;
    update(c, n, nd);
    return VIA_KEPT;
}

/* Who sent the packet that is redirected, where the router quotes it: it must have been us. */
static bool quote_fits(const struct via_core *c, const struct via_nd *nd, const uint8_t *at) {
    struct via_quote q;

    if (!nd->quote_at)
        return true;
    return via_quote_parse(&q, 6, at + nd->quote_at, nd->quote_len) > 0 && via_addr_eq(&q.dst, &nd->dst) &&
           via_addr_is_own(c, &q.src, 0);
}

enum via_drop via_nd_input(struct via_core *c, struct via_iface *f, struct via_pkt *p, const struct via_ip_head *ip) {
    const uint8_t *at = via_pkt_data(c, p);
    struct via_nd nd;
    int len = via_nd_parse(&nd, ip, at, p->len);

    if (len < 0)
        return (enum via_drop) - len;
    switch (nd.type) {
    case VIA_ND_SOLICIT:
        return take_solicit(c, f, &nd, ip);
    case VIA_ND_ADVERT:
        return take_advert(c, f, &nd);
    case VIA_ND_ROUTER_ADVERT:
        return via_ra_input(c, f, &nd, ip);
    case VIA_ND_REDIRECT:
        return quote_fits(c, &nd, at) ? via_ra_redirect(c, f, &nd, ip) : VIA_DROP_ND_BAD;
    default:
        return VIA_DROP_ND_NOT_MINE; /* solicitations are for routers */
    }
}
