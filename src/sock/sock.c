/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/socks.h"

#include <viaduct/buf.h>

int via_bad_handle(struct via_core *c) {
    return via_why_set(c, -EBADF, "sock: the handle names no open socket of that kind");
}

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
    if (!(k->flags & VIA_SOCK_WANTS_SPACE))
        return;
    if (k->space_prev)
        via_sock_at(c, k->space_prev)->space_next = k->space_next;
    else
        c->socks->space[k->space_vi] = k->space_next;
    if (k->space_next)
        via_sock_at(c, k->space_next)->space_prev = k->space_prev;
    c->socks->waiting--;
    k->flags &= (uint16_t)~VIA_SOCK_WANTS_SPACE;
}

void via_sock_want_space(struct via_core *c, struct via_sock *k, uint32_t vi, uint32_t frames) {
    uint32_t *head = &c->socks->space[vi], ref = via_sock_ref(c, k);

    forget_space(c, k);
    k->flags |= VIA_SOCK_WANTS_SPACE;
    k->space_vi = vi;
    k->space_need = frames;
    k->space_prev = 0;
    k->space_next = *head;
    if (*head)
        via_sock_at(c, *head)->space_prev = ref;
    *head = ref;
    c->socks->waiting++;
}

void via_sock_give_space(struct via_core *c, uint32_t vi, bool all) {
    uint32_t ref = c->socks->space[vi];

    while (ref) {
        struct via_sock *k = via_sock_at(c, ref);

        ref = k->space_next;
        if (!all && !via_vi_has_room(c->vi[vi], via_max32(k->space_need, c->vi[vi]->dev->tx_ring / 4)))
            continue;
        forget_space(c, k);
        via_ready_raise(c, k, VIA_EV_SPACE, 0, 0);
    }
}

void via_sock_token(struct via_core *c, struct via_sock *k, struct via_pkt *p, uint64_t token) {
    p->flags |= VIA_PKT_TOKEN;
    memcpy(p->tx.token, &token, sizeof token);
    p->tx.sock = via_sock_ref(c, k);
    p->tx.gen = k->gen;
    p->tx.status = -ECANCELED;
    p->order = k->token_next++;
    k->tokens++;
}

static void complete(struct via_core *c, struct via_sock *k, struct via_pkt *p) {
    k->token_due++;
    via_pktq_push(c, &c->s->done, p);
    c->s->dones++;
}

/* How far `p` is ahead of its turn; numbers wrap. */
static uint32_t ahead(const struct via_sock *k, const struct via_pkt *p) {
    return (uint32_t)p->order - k->token_due;
}

/* Sorted; devices return frames nearly in order, or in reverse, so a place is found at one of the ends. */
static void keep_early(struct via_core *c, struct via_sock *k, struct via_pkt *p) {
    struct via_list *q = &k->early;
    struct via_pkt *at;

    if (!q->head || ahead(k, via_pkt_at(c, q->tail)) < ahead(k, p)) {
        via_pktq_push(c, q, p);
        return;
    }
    at = via_pkt_at(c, q->head);
    if (ahead(k, p) < ahead(k, at)) {
        p->next = q->head;
        q->head = via_pkt_id(c, p);
        return;
    }
    while (ahead(k, via_pkt_at(c, at->next)) < ahead(k, p))
        at = via_pkt_at(c, at->next);
    p->next = at->next;
    at->next = via_pkt_id(c, p);
}

uint32_t via_sock_settle_sent(struct via_core *c) {
    struct via_pkt *p;
    uint32_t n = 0;

    while ((p = via_pktq_pop(c, &c->s->sent))) {
        struct via_sock *k = via_sock_at(c, p->tx.sock);

        if (VIA_UNLIKELY(ahead(k, p))) {
            keep_early(c, k, p);
            continue;
        }
        complete(c, k, p);
        for (n++; k->early.head && !ahead(k, via_pkt_at(c, k->early.head)); n++)
            complete(c, k, via_pktq_pop(c, &k->early));
        via_ready_raise(c, k, VIA_EV_DONE, 0, 0);
    }
    return n;
}

/* TERMINATED, or nobody is left to be told. */
static void end_sock(struct via_core *c, struct via_sock *k) {
    if (k->set)
        via_ready_raise(c, k, VIA_EV_TERMINATED, 0, 0);
    else
        via_sock_free(c, k);
}

void via_sock_fetched(struct via_core *c, struct via_sock *k) {
    if (--k->tokens == 0 && k->state == VIA_SOCK_CLOSING && !(k->flags & VIA_SOCK_LIVES))
        end_sock(c, k);
}

void via_sock_orphan(struct via_core *c, struct via_sock *k) {
    uint32_t set = k->set;

    k->state = VIA_SOCK_CLOSING;
    k->flags = (uint16_t)((k->flags | VIA_SOCK_LIVES) & ~(VIA_SOCK_EOF | VIA_SOCK_DEAD | VIA_SOCK_NEWS));
    forget_space(c, k);
    via_ready_leave(c, k);
    via_rxq_clear(c, k);
    if (k->tokens && set)
        via_ready_join(c, k, set);
}

void via_sock_finish(struct via_core *c, struct via_sock *k) {
    k->flags &= (uint16_t)~VIA_SOCK_LIVES;
    if (!k->tokens)
        end_sock(c, k);
}

void via_sock_let_go(struct via_core *c, struct via_sock *k) {
    via_sock_orphan(c, k);
    k->flags &= (uint16_t)~VIA_SOCK_LIVES;
    if (!k->tokens)
        via_sock_free(c, k);
}

/* Is `iface` below the socket? A wildcard lies on all of them. */
static bool lies_on(const struct via_core *c, const struct via_sock *k, uint8_t iface) {
    if (k->kind == VIA_KIND_PIPE)
        return false;
    if (k->flow.iface)
        return k->flow.iface == iface;
    return via_addr_is_any(&k->flow.local) || via_addr_is_multicast(&k->flow.local) ||
           via_net_home(c, &k->flow.local) == iface;
}

void via_sock_link(struct via_core *c, uint8_t iface, int reason) {
    uint32_t kind, i;

    for (kind = VIA_KIND_UDP; kind < VIA_KINDS; kind++) {
        const struct via_pool *pool = &c->socks->pool[kind];

        for (i = 1; i <= pool->ready; i++) {
            struct via_sock *k = via_pool_at(pool, &c->region, i);

            if (k->state == VIA_SOCK_OPEN && lies_on(c, k, iface))
                via_ready_raise(c, k, VIA_EV_LINK, reason, 0);
        }
    }
}

void via_sock_addr_gone(struct via_core *c, const struct via_addr *a, uint8_t iface, int reason) {
    uint32_t kind, i;

    for (kind = VIA_KIND_UDP; kind < VIA_KINDS; kind++) {
        const struct via_pool *pool = &c->socks->pool[kind];

        for (i = 1; i <= pool->ready; i++) {
            struct via_sock *k = via_pool_at(pool, &c->region, i);

            if (k->state != VIA_SOCK_OPEN || !via_addr_eq(&k->flow.local, a) ||
                (k->flow.iface && k->flow.iface != iface))
                continue;
            k->reason = reason;
            via_ready_raise(c, k, VIA_EV_ERR, reason, 0);
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
