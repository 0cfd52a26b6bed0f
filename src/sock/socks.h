/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socks.h - all sockets of a stack: a pool per kind, the sets, the demultiplexer.
 */
#ifndef VIA_SOCK_SOCKS_H
#define VIA_SOCK_SOCKS_H

#include "sock/demux.h"
#include "sock/known.h"
#include "sock/ready.h"

struct via_socks {
    struct via_pool pool[VIA_KINDS];
    struct via_pool sets;
    struct via_demux demux;
    struct via_known_table known;
    uint32_t space[VIA_VIS + 1]; /* sockets that wait for send space of an interface */
    uint32_t waiting;            /* how many, over all */
    uint32_t events;             /* records queued in all sets */
    uint32_t by_time;            /* open sets that merge by timestamp */
    via_ns_t max_hold;           /* the longest that one of them asked for, 0: none did */
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

    if (VIA_UNLIKELY(index - 1 >= pool->ready))
        return NULL;
    k = via_pool_at(pool, &c->region, index);
    return VIA_LIKELY(via_sock_word(k) == ((s >> 24) | (uint64_t)VIA_SOCK_OPEN << 40) << 16) ? k : NULL;
}

/* The same for any kind. */
static inline struct via_sock *via_sock_find_any(const struct via_core *c, via_sock_t s) {
    return s >> 56 && s >> 56 < VIA_KINDS ? via_sock_find(c, s, (enum via_kind)(s >> 56)) : NULL;
}

/* The socket of an entry that still holds and is of interface `iface`, or NULL. */
static inline struct via_sock *via_known_sock(const struct via_core *c, const struct via_known *k, uint8_t iface) {
    if (VIA_UNLIKELY((k->gen ^ via_net_gen(c)) | (k->turn ^ c->socks->demux.turn) | (k->iface ^ iface)))
        return NULL;
    return (struct via_sock *)(void *)(c->region.base + k->sock);
}

/* The socket that was entered for frames like the IPv4 one at `at`, as long as an UDP header needs; NULL: unknown. */
static inline struct via_sock *via_known_find4(const struct via_core *c, const uint8_t *at, uint8_t iface) {
    const struct via_known *k = &c->socks->known.at[via_known_slot4(at)];

    return VIA_LIKELY(via_known_fits4(k, at)) ? via_known_sock(c, k, iface) : NULL;
}

/* The same for IPv6. */
static inline struct via_sock *via_known_find6(const struct via_core *c, const uint8_t *at, uint8_t iface) {
    const struct via_known *k = &c->socks->known.at[via_known_slot6(at)];

    return VIA_LIKELY(via_known_fits6(k, at)) ? via_known_sock(c, k, iface) : NULL;
}

/* -EBADF, and the sentence. */
int via_bad_handle(struct via_core *c);

/* Takes a slot, zeroed but for its generation; 0 if there is none. */
uint32_t via_sock_new(struct via_core *c, enum via_kind kind);
/* The slot goes back. Nothing may refer to it any more. */
void via_sock_free(struct via_core *c, struct via_sock *k);

/*
 * The application has closed `k`, nobody finds it any more: what waits goes back, its records go. It stays a member of
 * its set for TERMINATED if a completion is outstanding, else the slot is free.
 */
void via_sock_let_go(struct via_core *c, struct via_sock *k);
/* The same for one whose transport goes on: the slot lives until via_sock_finish(). */
void via_sock_orphan(struct via_core *c, struct via_sock *k);
void via_sock_finish(struct via_core *c, struct via_sock *k);

/* The application may hand in anything: is it one of our descriptors at all? */
static inline bool via_buf_is_packet(const struct via_core *c, const struct via_buf *b) {
    uintptr_t at = (uintptr_t)b - (uintptr_t)c->pkts;

    return at - 1 < (uintptr_t)(c->frame_count + c->attrs.clones + 1) * sizeof(struct via_pkt) - 1 &&
           at % sizeof(struct via_pkt) == 0;
}

/* The packet behind a segment that the application holds, and the bytes from there to its end; NULL: no such thing. */
struct via_pkt *via_buf_packet(const struct via_core *c, const struct via_seg *seg, uint32_t *bytes);

/* The application holds the packet, with its chain, from here on. */
static inline void via_buf_lend(struct via_core *c, struct via_pkt *p) {
    for (;; p = via_pkt_at(c, p->chain)) {
        p->owner = VIA_OWNER_APP;
        c->s->held++;
        if (VIA_LIKELY(!p->chain))
            return;
    }
}

/* What the application sees of a packet. */
static inline void via_buf_show(const struct via_core *c, struct via_pkt *p, struct via_seg *out) {
    out->data = via_pkt_data(c, p);
    out->len = p->len;
    out->more = p->chain;
    out->buf = (struct via_buf *)(void *)p;
}

/* A packet that the application holds, with its chain, loses one holder. */
void via_buf_drop(struct via_core *c, struct via_pkt *p);

/* One token more is out, on `p`, the last part of a send. */
void via_sock_token(struct via_core *c, struct via_sock *k, struct via_pkt *p, uint64_t token);
/* Packets that the VI layer has finished: their sockets are told, in the order of sending; they go on to `done`. */
uint32_t via_sock_settle_sent(struct via_core *c);
/* A completion was fetched; the last of a closed socket ends it. */
void via_sock_fetched(struct via_core *c, struct via_sock *k);

/* A send that needs `frames` of the TX ring of interface `vi` was refused: SPACE is promised. */
void via_sock_want_space(struct via_core *c, struct via_sock *k, uint32_t vi, uint32_t frames);
/* SPACE for all that wait for interface `vi` and fit now; with `all`, for all. */
void via_sock_give_space(struct via_core *c, uint32_t vi, bool all);

/* Is the end point or pair of `f` another's? With VIA_SOCK_REUSE in `flags` and on all others it is not. */
bool via_port_is_taken(struct via_core *c, const struct via_flow *f, uint32_t flags);

/* Picks a free ephemeral port for `flow` at random (RFC 6056 3.3.2) and returns it, or 0. */
uint16_t via_port_pick(struct via_core *c, const struct via_flow *flow);

/* Tells all sockets below which `iface` lies that its link changed. */
void via_sock_link(struct via_core *c, uint8_t iface, int reason);
/* Tells all sockets with this local address that it is theirs no more. */
void via_sock_addr_gone(struct via_core *c, const struct via_addr *a, uint8_t iface, int reason);

uint64_t via_socks_bytes(const struct via_attrs *a, const uint32_t size[VIA_KINDS], const uint32_t cap[VIA_KINDS]);
int via_socks_init(struct via_core *c, const uint32_t size[VIA_KINDS], const uint32_t cap[VIA_KINDS]);

#endif
