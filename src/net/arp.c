/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/arp.h"

#include "net/state.h"
#include "wire/arp.h"
#include "wire/eth.h"

static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void send_arp(struct via_core *c, const struct via_iface *f, const uint8_t to[6], struct via_arp *a) {
    struct via_pkt *p = via_net_frame(c);
    struct via_eth e = {.type = VIA_ETH_ARP};
    uint8_t *at;

    if (!p)
        return;
    memcpy(a->sender_mac, f->mac, 6);
    memcpy(e.src, f->mac, 6);
    memcpy(e.dst, to, 6);
    at = via_pkt_push(c, p, VIA_ETH_LEN + VIA_ARP_LEN);
    via_arp_emit(at + via_eth_emit(at, &e), a);
    via_net_push(c, f->index, p);
}

/* The source of the packet that waits, or any address of ours in that subnet. */
static bool source_for(const struct via_core *c, const struct via_neigh *n, struct via_addr *src) {
    const struct via_own *o = via_addr_find(c, &n->src, n->iface);

    if (o && o->kind == VIA_OWN_UNICAST && o->iface == n->iface && via_own_usable(o)) {
        *src = n->src;
        return true;
    }
    return via_addr_select(c, &n->addr, &n->addr, n->iface, src) == 0;
}

void via_arp_solicit(struct via_core *c, const struct via_neigh *n) {
    struct via_arp a = {.op = VIA_ARP_REQUEST, .target = n->addr};

    if (source_for(c, n, &a.sender))
        send_arp(c, &c->net->iface.at[n->iface], n->state == VIA_NEIGH_PROBE ? n->mac : everybody, &a);
}

void via_arp_probe(struct via_core *c, const struct via_own *o) {
    struct via_arp a = {.op = VIA_ARP_REQUEST, .sender = via_addr_from4(0), .target = o->addr};

    send_arp(c, &c->net->iface.at[o->iface], everybody, &a);
}

void via_arp_announce(struct via_core *c, const struct via_own *o) {
    struct via_arp a = {.op = VIA_ARP_REQUEST, .sender = o->addr, .target = o->addr};

    send_arp(c, &c->net->iface.at[o->iface], everybody, &a);
}

static void reply(struct via_core *c, const struct via_iface *f, const struct via_arp *request) {
    struct via_arp a = {.op = VIA_ARP_REPLY, .sender = request->target, .target = request->sender};

    memcpy(a.target_mac, request->sender_mac, 6);
    send_arp(c, f, request->sender_mac, &a);
}

static bool is_probe(const struct via_arp *a) {
    return via_addr_is_any(&a->sender);
}

static bool is_martian(const struct via_core *c, const struct via_addr *a) {
    return a->b[12] == 127 || a->b[12] >= 224 || (!a->b[12] && !via_addr_is_any(a)) || via_net_is_broadcast(c, a);
}

/* Our unicast address on this very interface, or NULL. */
static struct via_own *own_here(const struct via_core *c, const struct via_iface *f, const struct via_addr *a) {
    struct via_own *o = via_addr_find(c, a, f->index);

    return o && o->kind == VIA_OWN_UNICAST && o->iface == f->index ? o : NULL;
}

/* RFC 5227 2.1.1 and 2.4. True if the packet says that somebody else has, or wants, an address of ours. */
static bool meets_conflict(struct via_core *c, const struct via_iface *f, const struct via_arp *a) {
    struct via_own *o = own_here(c, f, is_probe(a) ? &a->target : &a->sender);

    if (!o || (is_probe(a) && (a->op != VIA_ARP_REQUEST || o->state != VIA_ADDR_TENTATIVE)))
        return false;
    via_addr_conflict(c, o);
    return true;
}

/*
 * Only who asks for us makes an entry. An answer counts if we asked; a gratuitous one, or a question to us, updates
 * what is there; an answer that nobody asked for changes nothing.
 */
static bool learn(struct via_core *c, const struct via_iface *f, const struct via_arp *a, const struct via_own *own) {
    struct via_neigh *n = via_neigh_find(c, f->index, &a->sender);
    bool gratuitous = via_addr_eq(&a->sender, &a->target);
    enum via_neigh_proof proof = VIA_PROOF_HINT;

    if (a->op == VIA_ARP_REPLY && !gratuitous) {
        if (!n || !own || !via_neigh_asks(n))
            return false;
        proof = VIA_PROOF_ANSWER;
    } else if (!own && !gratuitous) {
        return false;
    }
    if (!n && own && via_route_on_link(c, &a->sender, f->index))
        n = via_neigh_want(c, f->index, &a->sender);
    if (!n)
        return own != NULL;
    via_neigh_learn(c, n, a->sender_mac, proof);
    return true;
}

enum via_drop via_arp_input(struct via_core *c, struct via_iface *f, struct via_pkt *p) {
    struct via_arp a;
    const struct via_own *own;
    int len = via_arp_parse(&a, via_pkt_data(c, p), p->len);

    if (len < 0)
        return (enum via_drop) - len;
    if (is_martian(c, &a.sender))
        return VIA_DROP_IP_MARTIAN;
    if (via_mac_eq(a.sender_mac, f->mac)) /* our own, come back; or the kernel's, which shares our address */
        return VIA_DROP_ARP_NOT_MINE;
    if (meets_conflict(c, f, &a))
        return VIA_DROP_ARP_CONFLICT;
    own = own_here(c, f, &a.target);
    if (own && (!via_own_usable(own) || (own->flags & VIA_ADDR_KERNEL)))
        own = NULL;
    if (own && a.op == VIA_ARP_REQUEST)
        reply(c, f, &a);
    if (is_probe(&a))
        return own ? VIA_KEPT : VIA_DROP_ARP_NOT_MINE;
    return learn(c, f, &a, own) ? VIA_KEPT : VIA_DROP_ARP_NOT_MINE;
}
