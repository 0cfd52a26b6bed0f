/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socks.h - all sockets of a stack: a pool per kind, the sets, the demultiplexer.
 */
#ifndef VIA_SOCK_SOCKS_H
#define VIA_SOCK_SOCKS_H

#include "sock/demux.h"
#include "sock/ready.h"

struct via_socks {
    struct via_pool pool[VIA_KINDS];
    struct via_pool sets;
    struct via_demux demux;
    uint32_t space;   /* list of sockets that wait for send space */
    uint32_t events;  /* records queued in all sets */
    uint32_t by_time; /* open sets that merge by timestamp */
    uint32_t pad;
    via_ns_t max_hold;
};

static inline struct via_sock *via_sock_at(const struct via_core *c, uint32_t ref) {
    return via_pool_at(&c->socks->pool[via_ref_kind(ref)], &c->region, via_ref_index(ref));
}

static inline uint32_t via_sock_ref(const struct via_core *c, const struct via_sock *k) {
    const struct via_pool *pool = &c->socks->pool[k->kind];
    uint64_t off = (uint64_t)((const uint8_t *)k - c->region.base) - pool->slots;

    return via_ref((enum via_kind)k->kind, (uint32_t)(off / pool->size));
}

static inline struct via_set *via_set_at(const struct via_core *c, uint32_t id) {
    return via_pool_at(&c->socks->sets, &c->region, id);
}

/* The open socket behind a handle of a kind, or NULL: one comparison of generations. */
static inline struct via_sock *via_sock_find(const struct via_core *c, via_sock_t s, enum via_kind kind) {
    uint32_t index = (uint32_t)s & 0xffffff;
    const struct via_pool *pool = &c->socks->pool[kind];
    struct via_sock *k;

    if (VIA_UNLIKELY((s >> 56) != (uint64_t)kind || !index || index > pool->ready))
        return NULL;
    k = via_pool_at(pool, &c->region, index);
    return VIA_LIKELY(k->gen == (uint32_t)(s >> 24) && k->state == VIA_SOCK_OPEN) ? k : NULL;
}

/* The same for any kind. */
static inline struct via_sock *via_sock_find_any(const struct via_core *c, via_sock_t s) {
    return s >> 56 && s >> 56 < VIA_KINDS ? via_sock_find(c, s, (enum via_kind)(s >> 56)) : NULL;
}

/* Takes a slot, zeroed but for its generation; 0 if there is none. */
uint32_t via_sock_new(struct via_core *c, enum via_kind kind);
/* The slot goes back. Nothing may refer to it any more. */
void via_sock_free(struct via_core *c, struct via_sock *k);

/* The application has closed `k` and its queues are empty: reports TERMINATED, or frees, once no token is out. */
void via_sock_finish(struct via_core *c, struct via_sock *k);

/* A send was refused: SPACE is promised. */
void via_sock_want_space(struct via_core *c, struct via_sock *k);
/* There is room again: SPACE for all that wait. */
void via_sock_give_space(struct via_core *c);

/* Sockets are told about completed sends; the packets go on to via_tx_done(). How many. */
uint32_t via_sock_settle_sent(struct via_core *c);

/* Picks a free ephemeral port for `flow` at random (RFC 6056 3.3.2) and returns it, or 0. */
uint16_t via_port_pick(struct via_core *c, const struct via_flow *flow);

/* Tells all sockets to which `iface` matters that its link changed. */
void via_sock_link(struct via_core *c, uint8_t iface, int reason);

uint64_t via_socks_bytes(const struct via_attrs *a, const uint32_t size[VIA_KINDS], const uint32_t cap[VIA_KINDS]);
int via_socks_init(struct via_core *c, const uint32_t size[VIA_KINDS], const uint32_t cap[VIA_KINDS]);

#endif
