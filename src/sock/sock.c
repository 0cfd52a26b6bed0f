/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/socks.h"

#include <viaduct/buf.h>

uint32_t via_sock_new(struct via_core *c, enum via_kind kind) {
    struct via_pool *pool = &c->socks->pool[kind];
    uint32_t id = via_pool_get(pool, &c->region), gen;
    struct via_sock *k;

    if (!id)
        return 0;
    k = via_pool_at(pool, &c->region, id);
    gen = k->gen;
    memset(k, 0, pool->size);
    k->gen = gen ? gen : 1;
    k->kind = (uint8_t)kind;
    k->state = VIA_SOCK_OPEN;
    return via_ref(kind, id);
}

void via_sock_free(struct via_core *c, struct via_sock *k) {
    uint32_t ref = via_sock_ref(c, k);

    VIA_ASSERT(!k->set && !k->rxq.list.head && !(k->flags & (VIA_SOCK_HASHED | VIA_SOCK_WANTS_SPACE)));
    k->state = VIA_SOCK_FREE;
    k->gen = k->gen + 1 ? k->gen + 1 : 1;
    via_pool_put(&c->socks->pool[k->kind], &c->region, via_ref_index(ref));
}

static void forget_space(struct via_core *c, struct via_sock *k) {
    uint32_t ref = via_sock_ref(c, k), *at = &c->socks->space;

    if (!(k->flags & VIA_SOCK_WANTS_SPACE))
        return;
    while (*at != ref)
        at = &via_sock_at(c, *at)->space_next;
    *at = k->space_next;
    k->flags &= (uint16_t)~VIA_SOCK_WANTS_SPACE;
}

void via_sock_finish(struct via_core *c, struct via_sock *k) {
    k->state = VIA_SOCK_CLOSING;
    forget_space(c, k);
    if (k->tokens)
        return;
    if (k->set) {
        via_ready_raise(c, k, VIA_EV_TERMINATED, 0);
        return;
    }
    via_sock_free(c, k);
}

void via_sock_want_space(struct via_core *c, struct via_sock *k) {
    if (k->flags & VIA_SOCK_WANTS_SPACE)
        return;
    k->flags |= VIA_SOCK_WANTS_SPACE;
    k->space_next = c->socks->space;
    c->socks->space = via_sock_ref(c, k);
}

void via_sock_give_space(struct via_core *c) {
    uint32_t ref = c->socks->space;

    c->socks->space = 0;
    while (ref) {
        struct via_sock *k = via_sock_at(c, ref);

        ref = k->space_next;
        k->flags &= (uint16_t)~VIA_SOCK_WANTS_SPACE;
        via_ready_raise(c, k, VIA_EV_SPACE, 0);
    }
}

uint32_t via_sock_settle_sent(struct via_core *c) {
    struct via_pkt *p;
    uint32_t n = 0;

    while ((p = via_pktq_pop(c, &c->s->sent))) {
        via_ready_raise(c, via_sock_at(c, p->tx.sock), VIA_EV_DONE, 0);
        via_pktq_push(c, &c->s->done, p);
        c->s->dones++;
        n++;
    }
    return n;
}

void via_sock_link(struct via_core *c, uint8_t iface, int reason) {
    uint32_t kind, i;

    for (kind = VIA_KIND_UDP; kind < VIA_KINDS; kind++) {
        const struct via_pool *pool = &c->socks->pool[kind];

        for (i = 1; i <= pool->ready; i++) {
            struct via_sock *k = via_pool_at(pool, &c->region, i);

            if (k->state != VIA_SOCK_OPEN || (k->flow.iface && k->flow.iface != iface))
                continue;
            if (!via_addr_is_any(&k->flow.local) && !via_addr_is_multicast(&k->flow.local) &&
                !via_net_is_own(c, &k->flow.local, iface))
                continue;
            via_ready_raise(c, k, VIA_EV_LINK, reason);
        }
    }
}

uint64_t via_socks_bytes(const struct via_attrs *a, const uint32_t size[VIA_KINDS], const uint32_t cap[VIA_KINDS]) {
    uint64_t n = via_pool_bytes(sizeof(struct via_set), (uint32_t)a->max_epoll);
    uint32_t kind, socks = 0;

    for (kind = VIA_KIND_UDP; kind < VIA_KINDS; kind++) {
        n += size[kind] ? via_pool_bytes(size[kind], cap[kind]) : 0;
        socks += size[kind] ? cap[kind] : 0;
    }
    return n + via_demux_bytes(socks);
}

int via_socks_init(struct via_core *c, const uint32_t size[VIA_KINDS], const uint32_t cap[VIA_KINDS]) {
    struct via_region *r = &c->region;
    uint32_t kind, socks = 0;
    int err = via_pool_init(&c->socks->sets, r, sizeof(struct via_set), (uint32_t)c->attrs.max_epoll, 0);

    for (kind = VIA_KIND_UDP; kind < VIA_KINDS && !err; kind++)
        if (size[kind]) {
            err = via_pool_init(&c->socks->pool[kind], r, size[kind], cap[kind], 0);
            socks += cap[kind];
        }
    return err ? err : via_demux_init(c, socks);
}
