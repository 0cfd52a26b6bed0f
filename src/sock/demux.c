/* SPDX-License-Identifier: BSD-2-Clause */
#include "sock/demux.h"

#include "sock/socks.h"

#define HOLD 0x80000000u /* in an entry's ref; kinds leave the bit free */

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

/* What a socket is bound to. */
static struct via_flow bound_key(const struct via_sock *k) {
    struct via_flow f = {.local = k->bound, .lport = k->flow.lport, .proto = k->flow.proto};

    return f;
}

/* Two entries a socket, and some air. */
static uint32_t slots_for(uint32_t socks) {
    return (uint32_t)via_pow2_up((uint64_t)via_max32(socks, 8) * 3);
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

static int enter(struct via_core *c, const struct via_flow *key, uint32_t ref) {
    struct via_demux *d = &c->socks->demux;
    struct via_demux_entry *t = table_of(c);
    uint32_t hash = hash_flow(&d->key, key), i = hash & d->mask;

    if (d->count > d->mask / 8 * 7)
        return -ENOBUFS;
    while (t[i].ref)
        i = (i + 1) & d->mask;
    t[i].hash = hash;
    t[i].ref = ref;
    d->count++;
    d->turn++;
    return 0;
}

int via_demux_add(struct via_core *c, uint32_t ref) {
    struct via_sock *k = via_sock_at(c, ref);
    int err = enter(c, &k->flow, ref);

    if (err)
        return err;
    c->socks->demux.level[level_of(&k->flow)]++;
    k->flags |= VIA_SOCK_HASHED;
    return 0;
}

int via_demux_hold(struct via_core *c, uint32_t ref) {
    struct via_sock *k = via_sock_at(c, ref);
    struct via_flow key = bound_key(k);
    int err = enter(c, &key, ref | HOLD);

    if (!err)
        k->flags |= VIA_SOCK_HOLDS;
    return err;
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

static void remove_entry(struct via_core *c, const struct via_flow *key, uint32_t ref) {
    struct via_demux *d = &c->socks->demux;
    struct via_demux_entry *t = table_of(c);
    uint32_t i = hash_flow(&d->key, key) & d->mask;

    while (t[i].ref != ref) {
        VIA_ASSERT(t[i].ref);
        i = (i + 1) & d->mask;
    }
    close_gap(d, t, i);
    d->count--;
    d->turn++;
    VIA_CHECK(via_demux_valid(c));
}

void via_demux_del(struct via_core *c, uint32_t ref) {
    struct via_sock *k = via_sock_at(c, ref);

    if (!(k->flags & VIA_SOCK_HASHED))
        return;
    remove_entry(c, &k->flow, ref);
    c->socks->demux.level[level_of(&k->flow)]--;
    k->flags &= (uint16_t)~VIA_SOCK_HASHED;
}

void via_demux_let_go(struct via_core *c, uint32_t ref) {
    struct via_sock *k = via_sock_at(c, ref);
    struct via_flow key = bound_key(k);

    if (!(k->flags & VIA_SOCK_HOLDS))
        return;
    remove_entry(c, &key, ref | HOLD);
    k->flags &= (uint16_t)~VIA_SOCK_HOLDS;
}

/* A hold counts for its bound key, and for none where only receivers are looked for. */
static bool fits(struct via_core *c, uint32_t ref, const struct via_flow *key, bool holds) {
    struct via_flow bound;

    if (VIA_LIKELY(!(ref & HOLD)))
        return same_key(&via_sock_at(c, ref)->flow, key);
    if (!holds)
        return false;
    bound = bound_key(via_sock_at(c, ref & ~HOLD));
    return same_key(&bound, key);
}

static uint32_t walk(struct via_core *c, const struct via_flow *key, struct via_demux_walk *w) {
    struct via_demux *d = &c->socks->demux;
    const struct via_demux_entry *t = table_of(c);

    for (;; w->at = (w->at + 1) & d->mask) {
        uint32_t ref = t[w->at].ref;

        if (!ref)
            return 0;
        if (t[w->at].hash == w->hash && fits(c, ref, key, w->holds))
            return ref & ~HOLD;
    }
}

static uint32_t start(struct via_core *c, const struct via_flow *key, struct via_demux_walk *w, bool holds) {
    w->hash = hash_flow(&c->socks->demux.key, key);
    w->at = w->hash & c->socks->demux.mask;
    w->holds = holds;
    return walk(c, key, w);
}

uint32_t via_demux_first(struct via_core *c, const struct via_flow *key, struct via_demux_walk *w) {
    return start(c, key, w, false);
}

uint32_t via_demux_first_bound(struct via_core *c, const struct via_flow *key, struct via_demux_walk *w) {
    return start(c, key, w, true);
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

/* How much a conversation is drawn to a socket (rendezvous hashing: Thaler, Ravishankar 1998). */
static uint32_t draw(struct via_core *c, uint32_t hash, uint32_t ref) {
    uint64_t x = ((uint64_t)hash << 32 | ref) * 0x9e3779b97f4a7c15ull;

    if (via_sock_at(c, ref)->flags & VIA_SOCK_SEND_ONLY)
        return 0;
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
    return (uint32_t)(x >> 32);
}

/* Of those who share a key one is picked by the sender: a conversation stays with one, whoever else comes and goes. */
static uint32_t pick_shared(struct via_core *c, const struct via_flow *key, const struct via_flow *flow,
                            struct via_demux_walk *w, uint32_t one) {
    uint32_t hash = hash_flow(&c->socks->demux.key, flow), ref, best = draw(c, hash, one);

    while ((ref = via_demux_next(c, key, w))) {
        uint32_t pull = draw(c, hash, ref);

        if (pull > best && takes(via_sock_at(c, ref), flow)) {
            best = pull;
            one = ref;
        }
    }
    return one;
}

static uint32_t pick(struct via_core *c, const struct via_flow *key, const struct via_flow *flow) {
    struct via_demux_walk w;
    uint32_t ref = via_demux_first(c, key, &w);

    while (ref && !takes(via_sock_at(c, ref), flow))
        ref = via_demux_next(c, key, &w);
    if (VIA_LIKELY(!ref || !(via_sock_at(c, ref)->flags & VIA_SOCK_REUSE)))
        return ref;
    return pick_shared(c, key, flow, &w, ref);
}

uint32_t via_demux_find(struct via_core *c, const struct via_flow *flow) {
    const struct via_demux *d = &c->socks->demux;
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
