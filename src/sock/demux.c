/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/demux.h"

#include "sock/socks.h"

static struct via_demux_entry *table_of(const struct via_core *c) {
    return (struct via_demux_entry *)(void *)(c->region.base + c->socks->demux.table);
}

/* An IPv4 flow takes two words, any other five. */
static uint32_t hash_flow(const struct via_key *key, const struct via_flow *f) {
    uint64_t w[5];
    uint64_t ports = (uint64_t)f->lport | (uint64_t)f->rport << 16 | (uint64_t)f->proto << 32;

    if (via_addr_is4(&f->local)) {
        w[0] = ports | (uint64_t)1 << 40;
        w[1] = (uint64_t)via_addr_to4(&f->local) << 32 | via_addr_to4(&f->remote);
        return (uint32_t)via_hash_words(key, w, 2);
    }
    w[0] = ports;
    memcpy(w + 1, f->local.b, 16);
    memcpy(w + 3, f->remote.b, 16);
    return (uint32_t)via_hash_words(key, w, 5);
}

static bool same_key(const struct via_flow *a, const struct via_flow *b) {
    return a->lport == b->lport && a->rport == b->rport && a->proto == b->proto && via_addr_eq(&a->local, &b->local) &&
           via_addr_eq(&a->remote, &b->remote);
}

static enum via_demux_level level_of(const struct via_flow *f) {
    if (f->rport)
        return VIA_DEMUX_FULL;
    if (!via_addr_is_any(&f->local))
        return VIA_DEMUX_LOCAL;
    return via_addr_is4(&f->local) ? VIA_DEMUX_ANY4 : VIA_DEMUX_ANY;
}

static uint32_t slots_for(uint32_t socks) {
    return (uint32_t)via_pow2_up((uint64_t)via_max32(socks, 8) * 2);
}

uint64_t via_demux_bytes(uint32_t socks) {
    return (uint64_t)slots_for(socks) * sizeof(struct via_demux_entry) + 4096;
}

int via_demux_init(struct via_core *c, uint32_t socks) {
    struct via_demux *d = &c->socks->demux;
    uint64_t bytes = (uint64_t)slots_for(socks) * sizeof(struct via_demux_entry);

    d->key = via_rand_key(&c->s->rand);
    d->mask = slots_for(socks) - 1;
    d->table = via_region_reserve(&c->region, bytes, 4096);
    return via_region_commit(&c->region, d->table, bytes);
}

int via_demux_add(struct via_core *c, uint32_t ref) {
    struct via_demux *d = &c->socks->demux;
    struct via_demux_entry *t = table_of(c);
    struct via_sock *k = via_sock_at(c, ref);
    uint32_t hash = hash_flow(&d->key, &k->flow), i = hash & d->mask;

    if (d->count > d->mask / 8 * 7)
        return -ENOBUFS;
    while (t[i].ref)
        i = (i + 1) & d->mask;
    t[i].hash = hash;
    t[i].ref = ref;
    d->count++;
    d->last_ref = 0;
    d->level[level_of(&k->flow)]++;
    k->flags |= VIA_SOCK_HASHED;
    return 0;
}

/* Closes the gap at `i`: entries behind it that may lie nearer to their home move up. */
static void close_gap(struct via_demux *d, struct via_demux_entry *t, uint32_t i) {
    uint32_t j = i;

    for (;;) {
        uint32_t home;

        j = (j + 1) & d->mask;
        if (!t[j].ref)
            break;
        home = t[j].hash & d->mask;
        if (((j - home) & d->mask) >= ((j - i) & d->mask)) {
            t[i] = t[j];
            i = j;
        }
    }
    t[i].ref = 0;
}

void via_demux_del(struct via_core *c, uint32_t ref) {
    struct via_demux *d = &c->socks->demux;
    struct via_demux_entry *t = table_of(c);
    struct via_sock *k = via_sock_at(c, ref);
    uint32_t i = hash_flow(&d->key, &k->flow) & d->mask;

    if (!(k->flags & VIA_SOCK_HASHED))
        return;
    while (t[i].ref != ref) {
        VIA_ASSERT(t[i].ref);
        i = (i + 1) & d->mask;
    }
    close_gap(d, t, i);
    d->count--;
    d->last_ref = 0;
    d->level[level_of(&k->flow)]--;
    k->flags &= (uint16_t)~VIA_SOCK_HASHED;
    VIA_CHECK(via_demux_valid(c));
}

static uint32_t walk(struct via_core *c, const struct via_flow *key, struct via_demux_walk *w) {
    struct via_demux *d = &c->socks->demux;
    const struct via_demux_entry *t = table_of(c);

    for (;; w->at = (w->at + 1) & d->mask) {
        uint32_t ref = t[w->at].ref;

        if (!ref)
            return 0;
        if (t[w->at].hash == w->hash && same_key(&via_sock_at(c, ref)->flow, key))
            return ref;
    }
}

uint32_t via_demux_first(struct via_core *c, const struct via_flow *key, struct via_demux_walk *w) {
    w->hash = hash_flow(&c->socks->demux.key, key);
    w->at = w->hash & c->socks->demux.mask;
    return walk(c, key, w);
}

uint32_t via_demux_next(struct via_core *c, const struct via_flow *key, struct via_demux_walk *w) {
    w->at = (w->at + 1) & c->socks->demux.mask;
    return walk(c, key, w);
}

static bool takes(const struct via_sock *k, const struct via_flow *flow) {
    if (k->flow.iface && k->flow.iface != flow->iface)
        return false;
    return !((k->flags & VIA_SOCK_V6ONLY) && via_addr_is4(&flow->local) && !via_addr_is4(&k->flow.local));
}

/* Of several sockets with the same key one is picked by the sender, so that a conversation stays with one. */
static uint32_t pick(struct via_core *c, const struct via_flow *key, const struct via_flow *flow) {
    struct via_demux_walk w;
    uint32_t ref = via_demux_first(c, key, &w), n = 0, one = 0;

    for (; ref; ref = via_demux_next(c, key, &w)) {
        if (!takes(via_sock_at(c, ref), flow))
            continue;
        n++;
        if (!one || hash_flow(&c->socks->demux.key, flow) % n == 0)
            one = ref;
        if (VIA_LIKELY(!(via_sock_at(c, ref)->flags & VIA_SOCK_REUSE)))
            break;
    }
    return one;
}

static uint32_t search(struct via_core *c, const struct via_demux *d, const struct via_flow *flow) {
    struct via_flow key = *flow;
    uint32_t ref;

    key.iface = 0;
    if (d->level[VIA_DEMUX_FULL] && (ref = pick(c, &key, flow)))
        return ref;
    key.rport = 0;
    memset(&key.remote, 0, sizeof key.remote);
    if (d->level[VIA_DEMUX_LOCAL] && (ref = pick(c, &key, flow)))
        return ref;
    if (d->level[VIA_DEMUX_ANY4] && via_addr_is4(&flow->local)) {
        key.local = via_addr_from4(0);
        if ((ref = pick(c, &key, flow)))
            return ref;
    }
    memset(&key.local, 0, sizeof key.local);
    return d->level[VIA_DEMUX_ANY] ? pick(c, &key, flow) : 0;
}

uint32_t via_demux_search(struct via_core *c, struct via_demux *d, const struct via_flow *flow) {
    uint32_t ref = search(c, d, flow);

    d->last_ref = ref;
    d->last = *flow;
    return ref;
}

bool via_demux_valid(struct via_core *c) {
    const struct via_demux *d = &c->socks->demux;
    const struct via_demux_entry *t = table_of(c);
    uint32_t i, j, n = 0;

    for (i = 0; i <= d->mask && d->mask < 4096; i++) {
        if (!t[i].ref)
            continue;
        n++;
        for (j = t[i].hash & d->mask; j != i; j = (j + 1) & d->mask)
            if (!t[j].ref)
                return false;
    }
    return d->mask >= 4096 || n == d->count;
}
