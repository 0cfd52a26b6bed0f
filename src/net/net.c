/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/kgroup.h"
#include "net/mirror.h"
#include "net/state.h"

uint64_t via_net_bytes(const struct via_attrs *a) {
    return via_addr_bytes(a) + via_route_bytes(a) + via_neigh_bytes(a) + via_frag_bytes(a) + via_icmp_bytes(a) +
           via_mcast_bytes(a) + via_pmtu_bytes(a);
}

int via_net_init(struct via_core *c) {
    static int (*const init[])(struct via_core *) = {
        via_iface_init, via_addr_init, via_route_init, via_neigh_init, via_ra_init,
        via_frag_init,  via_icmp_init, via_mcast_init, via_pmtu_init,
    };
    size_t i;
    int err = 0;

    c->net->head.gen = 1;
    c->net->id_key = via_rand_key(&c->s->rand);
    c->net->label_key = via_rand_key(&c->s->rand);
    for (i = 0; i < VIA_NET_IDS; i++)
        c->net->ids[i] = (uint32_t)via_rand64(&c->s->rand);
    for (i = 0; !err && i < VIA_COUNT(init); i++)
        err = init[i](c);
    return err;
}

void via_net_fini(struct via_core *c) {
    via_mirror_fini(c);
    via_kgroup_fini(c);
    via_neigh_flush(c, 0, true);
    via_frag_clear(c);
}

int via_net_attach(struct via_core *c, struct via_vi *vi) {
    int err = via_iface_attach(c, vi);

    if (!err)
        via_mirror_attach(c, vi);
    return err;
}

void via_net_detach(struct via_core *c, struct via_vi *vi) {
    via_mirror_detach(c, vi);
    via_iface_detach(c, vi->index);
}

void via_net_timer(struct via_core *c, enum via_tick_kind kind, uint32_t index) {
    switch (kind) {
    case VIA_TICK_NEIGH:
        via_neigh_timer(c, index);
        break;
    case VIA_TICK_FRAG:
        via_frag_timer(c, index);
        break;
    case VIA_TICK_ADDR:
        via_addr_timer(c, index);
        break;
    case VIA_TICK_IFACE:
        via_iface_timer(c, index);
        break;
    case VIA_TICK_GROUP:
        via_group_timer(c, index);
        break;
    case VIA_TICK_MCAST:
        via_mcast_timer(c, index);
        break;
    case VIA_TICK_ROUTE:
        via_ra_timer(c, index);
        break;
    case VIA_TICK_PMTU:
        via_pmtu_timer(c, index);
        break;
    default:
        VIA_ASSERT(false);
    }
}

void via_net_tell(struct via_core *c, const struct via_note *note) {
    struct via_net_head *h = &c->net->head;

    if (h->note_tail - h->note_head == VIA_NOTES) {
        h->note_head++;
        c->net->notes.lost++;
    }
    c->net->notes.at[h->note_tail++ % VIA_NOTES] = *note;
}

void via_net_look(struct via_core *c) {
    via_iface_watch(c);
}

bool via_net_note(struct via_core *c, struct via_note *out) {
    struct via_net_head *h = &c->net->head;

    via_iface_watch(c);
    if (h->note_head == h->note_tail)
        return false;
    *out = c->net->notes.at[h->note_head++ % VIA_NOTES];
    return true;
}

int via_net_stats(const struct via_core *c, int (*fn)(const struct via_stat *, void *), void *arg) {
    const struct via_net *n = c->net;
    const struct via_stat all[] = {
        {"net", 0, 1, "addresses", "own addresses", n->addr.count},
        {"net", 0, 1, "routes", "routes", n->route.count},
        {"net", 0, 1, "route_bytes", "memory of the index of routes", (uint64_t)n->route.used * VIA_TRIE_UNIT},
        {"net", 0, 1, "neighbours", "neighbours", via_pool_used(&n->neigh.pool)},
        {"net", 0, 1, "neighbours_open", "neighbours not resolved", n->neigh.lists[VIA_CLASS_OPEN].count},
        {"net", 0, 1, "parked", "frames that wait for a neighbour", n->neigh.parked},
        {"net", 0, 0, "solicited", "solicitations sent, ARP and ND", n->neigh.solicited},
        {"net", 0, 0, "neighbours_failed", "neighbours that did not answer", n->neigh.failed},
        {"net", 0, 0, "neighbours_evicted", "neighbours forgotten to make room", n->neigh.evicted},
        {"net", 0, 0, "router_adverts", "router advertisements taken", n->ra.adverts},
        {"net", 0, 0, "redirects", "redirects followed", n->ra.redirects},
        {"net", 0, 0, "fragmented", "datagrams sent in fragments", n->fragmented},
        {"net", 0, 0, "tx_copied_bytes", "transport bytes copied: fragments, shared packets", n->copied},
        {"net", 0, 0, "reassembled", "datagrams received in fragments", n->frag.reassembled},
        {"net", 0, 0, "reassembly_failed", "datagrams whose fragments were given up", n->frag.failed},
        {"net", 0, 1, "fragments", "frames that wait for other fragments", n->frag.frames},
        {"net", 0, 1, "path_mtus", "path MTUs learned", via_pool_used(&n->pmtu.entries)},
        {"net", 0, 1, "groups", "groups listened to, or just left", via_pool_used(&n->mcast.groups)},
        {"net", 0, 0, "group_queries", "IGMP and MLD queries heard", n->mcast.queries},
        {"net", 0, 0, "icmp_errors", "ICMP errors sent", n->icmp.errors_sent},
        {"net", 0, 0, "icmp_echoes", "echo replies sent", n->icmp.echoes_sent},
        {"net", 0, 0, "notes_lost", "notes for sockets that were overwritten", n->notes.lost},
        {"net", 0, 1, "generation", "changes of addresses, routes and neighbours that ended paths", n->head.gen},
    };
    size_t i;
    int stop = 0;

    for (i = 0; !stop && i < VIA_COUNT(all); i++)
        stop = fn(&all[i], arg);
    return stop;
}
