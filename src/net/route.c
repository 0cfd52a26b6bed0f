/* SPDX-License-Identifier: BSD-2-Clause */
#include "net/route.h"

#include "net/state.h"
#include "wire/bytes.h"

#define STRIDE         6u
#define LEVELS         22 /* 128 / 6, rounded up */
#define UNITS_PER_NODE 3u
#define ARENA_CHUNK    8192u /* units committed at a time */
#define WIDE           16u   /* bits that choose a root */
#define WIDE_BYTES     ((1u << WIDE) * sizeof(struct via_tnode))

static_assert(sizeof(struct via_tnode) == UNITS_PER_NODE * VIA_TRIE_UNIT, "nodes fill units");

/* Sizes of arrays, in units: a node's children and results never need more than 64 nodes. */
static const uint8_t class_units[VIA_TRIE_CLASSES] = {1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48, 72, 96, 120, 144, 192};

struct key {
    uint64_t hi, lo; /* IPv4 in the upper 32 bits of hi */
    unsigned family; /* index of the trie */
};

static struct key key_of(const struct via_addr *a) {
    struct key k;

    k.family = via_addr_is4(a);
    k.hi = be64toh(via_load64(a->b));
    k.lo = be64toh(via_load64(a->b + 8));
    if (k.family) {
        k.hi = k.lo << 32;
        k.lo = 0;
    }
    return k;
}

/* The six bits at offset `at`, zeros behind the end. */
static inline unsigned chunk_of(const struct key *k, unsigned at) {
    if (at >= 64)
        return (unsigned)(k->lo << (at - 64) >> 58);
    if (at > 58)
        return (unsigned)((k->hi << at | k->lo >> (64 - at)) >> 58);
    return (unsigned)(k->hi << at >> 58);
}

/* The key without its first `n` < 64 bits, n > 0. */
static inline void skip_bits(struct key *k, unsigned n) {
    k->hi = k->hi << n | k->lo >> (64 - n);
    k->lo <<= n;
}

static inline unsigned ones(uint64_t x) {
    x -= x >> 1 & 0x5555555555555555ull;
    x = (x & 0x3333333333333333ull) + (x >> 2 & 0x3333333333333333ull);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
    return (unsigned)(x * 0x0101010101010101ull >> 56);
}

/* How many bits of `map` lie below bit `bit`. */
static inline unsigned rank(uint64_t map, unsigned bit) {
    return ones(map & ((1ull << bit) - 1));
}

/* Bits of `ends` that cover a chunk: one for each length 0..5. */
static inline uint64_t covering(unsigned chunk) {
    return 1ull | 2ull << (chunk >> 5) | 8ull << (chunk >> 4) | 0x80ull << (chunk >> 3) | 0x8000ull << (chunk >> 2) |
           0x80000000ull << (chunk >> 1);
}

/* Bits of `ends` of lengths up to `len` < 6. */
static inline uint64_t up_to(unsigned len) {
    return (1ull << ((2u << len) - 1)) - 1;
}

static unsigned end_bit(const struct key *k, unsigned depth, unsigned bits) {
    unsigned len = bits - depth;

    return (1u << len) - 1 + (chunk_of(k, depth) >> (STRIDE - len));
}

static inline void *unit_at(const struct via_core *c, uint32_t unit) {
    return c->region.base + c->net->route.arena + (uint64_t)unit * VIA_TRIE_UNIT;
}

static inline struct via_tnode *child_at(const struct via_core *c, const struct via_tnode *n, unsigned chunk) {
    return (struct via_tnode *)unit_at(c, n->children) + rank(n->goes, chunk);
}

static inline uint32_t *result_at(const struct via_core *c, const struct via_tnode *n, unsigned bit) {
    return (uint32_t *)unit_at(c, n->results) + rank(n->ends, bit);
}

struct via_rt *via_rt_at(const struct via_core *c, uint32_t id) {
    return via_pool_at(&c->net->route.pool, &c->region, id);
}

/* Arrays of the trie. */

static unsigned class_of(uint32_t units) {
    unsigned i = 0;

    while (class_units[i] < units)
        i++;
    return i;
}

static uint32_t alloc_units(struct via_core *c, uint32_t units) {
    struct via_route_table *t = &c->net->route;
    unsigned class = class_of(units);
    uint32_t at = t->free[class];

    if (at) {
        t->free[class] = *(uint32_t *)unit_at(c, at);
        return at;
    }
    units = class_units[class];
    if (t->used + units > t->ready) {
        uint32_t more = via_min32(ARENA_CHUNK, t->cap - t->ready);

        if (t->used + units > t->ready + more ||
            via_region_commit(&c->region, t->arena + (uint64_t)t->ready * VIA_TRIE_UNIT, more * VIA_TRIE_UNIT) < 0)
            return 0;
        t->ready += more;
    }
    at = t->used;
    t->used += units;
    return at;
}

static void free_units(struct via_core *c, uint32_t at, uint32_t units) {
    struct via_route_table *t = &c->net->route;
    unsigned class = class_of(units);

    *(uint32_t *)unit_at(c, at) = t->free[class];
    t->free[class] = at;
}

/* Gives what an array of `have` units no longer needs back in pieces; for when there is no smaller one to move to. */
static void split_units(struct via_core *c, uint32_t at, uint32_t have, uint32_t keep) {
    while (have > keep) {
        unsigned class = VIA_TRIE_CLASSES - 1;

        while (class_units[class] > have - keep)
            class --;
        have -= class_units[class];
        free_units(c, at + have, class_units[class]);
    }
}

/* An array of `n` elements of `size` bytes gets one more at index `i`, or loses it. */
struct array {
    uint32_t *at;
    uint32_t n, size;
};

static uint32_t units_for(uint32_t n, uint32_t size) {
    return (n * size + VIA_TRIE_UNIT - 1) / VIA_TRIE_UNIT;
}

/* Room for one more at `i`; false if there is no memory, and then nothing has changed. */
static bool array_insert(struct via_core *c, struct array *a, uint32_t i) {
    uint32_t have = a->n ? class_units[class_of(units_for(a->n, a->size))] : 0, need = units_for(a->n + 1, a->size);
    uint8_t *from = a->n ? unit_at(c, *a->at) : NULL, *to = from;
    uint32_t fresh = 0;

    if (need > have) {
        fresh = alloc_units(c, need);
        if (!fresh)
            return false;
        to = unit_at(c, fresh);
    }
    if (fresh && a->n)
        memcpy(to, from, i * a->size);
    if (a->n > i)
        memmove(to + (i + 1) * a->size, from + i * a->size, (a->n - i) * a->size);
    if (fresh) {
        if (a->n)
            free_units(c, *a->at, have);
        *a->at = fresh;
    }
    memset(to + i * a->size, 0, a->size);
    return true;
}

static void array_remove(struct via_core *c, struct array *a, uint32_t i) {
    uint32_t have = class_units[class_of(units_for(a->n, a->size))], keep, fresh;
    uint8_t *at = unit_at(c, *a->at);

    memmove(at + i * a->size, at + (i + 1) * a->size, (a->n - i - 1) * a->size);
    if (a->n == 1) {
        free_units(c, *a->at, have);
        *a->at = 0;
        return;
    }
    keep = class_units[class_of(units_for(a->n - 1, a->size))];
    if (keep == have)
        return;
    fresh = alloc_units(c, keep);
    if (!fresh) {
        split_units(c, *a->at, have, keep);
        return;
    }
    memcpy(unit_at(c, fresh), at, (a->n - 1) * a->size);
    free_units(c, *a->at, have);
    *a->at = fresh;
}

/* Prefixes of the trie. */

struct walk {
    struct via_tnode *node[LEVELS + 1];
    unsigned levels; /* index of the last node */
    unsigned start;  /* depth of the first */
};

static inline struct via_tnode *wide_root(const struct via_core *c, const struct key *k) {
    const struct via_trie *t = &c->net->route.trie[k->family];

    return (struct via_tnode *)(void *)(c->region.base + t->roots) + (k->hi >> (64 - WIDE));
}

static unsigned depth_of(const struct walk *w, unsigned level) {
    return w->start + level * STRIDE;
}

/* Goes down to the node where a prefix of `bits` ends; false if there is none. */
static bool walk_down(const struct via_core *c, struct walk *w, const struct key *k, unsigned bits) {
    struct via_trie *t = &c->net->route.trie[k->family];
    bool wide = t->wide && bits >= WIDE;
    struct via_tnode *n = wide ? wide_root(c, k) : &t->root;
    unsigned depth;

    w->node[0] = n;
    w->levels = 0;
    w->start = wide ? WIDE : 0;
    for (depth = w->start; depth + STRIDE <= bits; depth += STRIDE) {
        unsigned chunk = chunk_of(k, depth);

        if (!(n->goes >> chunk & 1))
            return false;
        n = child_at(c, n, chunk);
        w->node[++w->levels] = n;
    }
    return true;
}

/* Where the first route of exactly this prefix is kept, or NULL. */
static uint32_t *find_exact(const struct via_core *c, const struct key *k, unsigned bits) {
    struct walk w;
    unsigned bit;

    if (!walk_down(c, &w, k, bits))
        return NULL;
    bit = end_bit(k, depth_of(&w, w.levels), bits);
    return w.node[w.levels]->ends >> bit & 1 ? result_at(c, w.node[w.levels], bit) : NULL;
}

/* Takes childless nodes without results away, from the end of the walk upward. */
static void prune(struct via_core *c, struct walk *w, const struct key *k) {
    while (w->levels && !w->node[w->levels]->ends && !w->node[w->levels]->goes) {
        struct via_tnode *up = w->node[--w->levels];
        unsigned chunk = chunk_of(k, depth_of(w, w->levels));
        struct array a = {&up->children, ones(up->goes), sizeof(struct via_tnode)};

        array_remove(c, &a, rank(up->goes, chunk));
        up->goes &= ~(1ull << chunk);
    }
}

static bool add_child(struct via_core *c, struct via_tnode *n, unsigned chunk) {
    struct array a = {&n->children, ones(n->goes), sizeof(struct via_tnode)};

    if (!array_insert(c, &a, rank(n->goes, chunk)))
        return false;
    n->goes |= 1ull << chunk;
    return true;
}

/* Makes room for the result of a prefix that is not there; NULL without memory. */
static uint32_t *insert_prefix(struct via_core *c, const struct key *k, unsigned bits) {
    struct walk w;
    struct via_tnode *n;
    unsigned bit;

    while (!walk_down(c, &w, k, bits)) {
        if (!add_child(c, w.node[w.levels], chunk_of(k, depth_of(&w, w.levels)))) {
            prune(c, &w, k);
            return NULL;
        }
    }
    n = w.node[w.levels];
    bit = end_bit(k, depth_of(&w, w.levels), bits);
    struct array a = {&n->results, ones(n->ends), sizeof(uint32_t)};
    if (!array_insert(c, &a, rank(n->ends, bit))) {
        prune(c, &w, k);
        return NULL;
    }
    n->ends |= 1ull << bit;
    return result_at(c, n, bit);
}

static void remove_prefix(struct via_core *c, const struct key *k, unsigned bits) {
    struct walk w;
    struct via_tnode *n;
    unsigned bit;

    if (!walk_down(c, &w, k, bits))
        return;
    n = w.node[w.levels];
    bit = end_bit(k, depth_of(&w, w.levels), bits);
    if (!(n->ends >> bit & 1))
        return;
    struct array a = {&n->results, ones(n->ends), sizeof(uint32_t)};
    array_remove(c, &a, rank(n->ends, bit));
    n->ends &= ~(1ull << bit);
    prune(c, &w, k);
}

/* The short list. */

static uint64_t mask_of(unsigned bits) {
    return bits ? ~0ull << (64 - bits) : 0;
}

static void few_insert(struct via_trie *t, const struct key *k, unsigned bits, uint32_t route) {
    unsigned i;

    for (i = t->prefixes; i && t->few[i - 1].bits < bits; i--)
        t->few[i] = t->few[i - 1];
    t->few[i] = (struct via_route_few){k->hi, k->lo, mask_of(via_min32(bits, 64)), mask_of(bits > 64 ? bits - 64 : 0),
                                       route, bits};
}

static void few_remove(struct via_trie *t, const struct key *k, unsigned bits) {
    unsigned i = 0;

    while (i < t->prefixes && (t->few[i].bits != bits || t->few[i].hi != k->hi || t->few[i].lo != k->lo))
        i++;
    if (i < t->prefixes)
        memmove(&t->few[i], &t->few[i + 1], (t->prefixes - i - 1) * sizeof t->few[0]);
}

static unsigned own_bits(const struct via_rt *r) {
    return via_addr_is4(&r->dst) ? r->bits - 96u : r->bits;
}

/* There are few again: the list is made anew from the routes. */
static void few_rebuild(struct via_core *c, unsigned family) {
    struct via_route_table *t = &c->net->route;
    struct via_trie *trie = &t->trie[family];
    uint32_t id;

    trie->prefixes = 0;
    for (id = 1; id <= t->pool.ready; id++) {
        struct via_rt *r = via_rt_at(c, id);
        struct key k;
        uint32_t *first;

        if (!r->iface || via_addr_is4(&r->dst) != family)
            continue;
        k = key_of(&r->dst);
        first = find_exact(c, &k, own_bits(r));
        if (!first || *first != id)
            continue;
        few_insert(trie, &k, own_bits(r), id);
        trie->prefixes++;
    }
}

static void prefix_went(struct via_core *c, const struct key *k, unsigned bits) {
    struct via_trie *t = &c->net->route.trie[k->family];

    if (t->prefixes <= VIA_ROUTE_FEW)
        few_remove(t, k, bits);
    if (--t->prefixes == VIA_ROUTE_FEW)
        few_rebuild(c, k->family);
}

static void first_changed(struct via_trie *t, uint32_t old, uint32_t now) {
    unsigned i;

    if (t->prefixes <= VIA_ROUTE_FEW)
        for (i = 0; i < t->prefixes; i++)
            if (t->few[i].route == old)
                t->few[i].route = now;
}

/* Many roots. */

/* The first routes of prefixes that belong below one of many roots; `id` counts up. False at the end. */
static bool next_long(const struct via_core *c, unsigned family, uint32_t *id, struct key *k) {
    while (++*id <= c->net->route.pool.ready) {
        const struct via_rt *r = via_rt_at(c, *id);
        uint32_t *first;

        if (!r->iface || via_addr_is4(&r->dst) != family || own_bits(r) < WIDE)
            continue;
        *k = key_of(&r->dst);
        first = find_exact(c, k, own_bits(r));
        if (first && *first == *id)
            return true;
    }
    return false;
}

/* Everything is put in a second time, below the many roots; then it is taken away below the one. */
static void widen(struct via_core *c, unsigned family) {
    struct via_trie *t = &c->net->route.trie[family];
    uint32_t id = 0, *result;
    bool all = true;
    struct key k;

    if (via_region_commit(&c->region, t->roots, WIDE_BYTES) < 0)
        return;
    while (all && next_long(c, family, &id, &k)) {
        t->wide = true;
        result = insert_prefix(c, &k, own_bits(via_rt_at(c, id)));
        if (result)
            *result = id;
        all = result;
        t->wide = false;
    }
    /* Of the two the one goes that will not be used. */
    for (id = 0; next_long(c, family, &id, &k);) {
        t->wide = !all;
        remove_prefix(c, &k, own_bits(via_rt_at(c, id)));
        t->wide = false;
    }
    t->wide = all;
}

static void prefix_came(struct via_core *c, const struct key *k, unsigned bits, uint32_t route) {
    struct via_trie *t = &c->net->route.trie[k->family];

    if (t->prefixes < VIA_ROUTE_FEW)
        few_insert(t, k, bits, route);
    if (++t->prefixes == VIA_ROUTE_MANY && !t->wide)
        widen(c, k->family);
}

/* Lookup. */

static uint32_t find_few(const struct via_trie *t, const struct key *k) {
    uint32_t i;

    for (i = 0; i < t->prefixes; i++) {
        const struct via_route_few *f = &t->few[i];

        if (!(((k->hi ^ f->hi) & f->mask_hi) | ((k->lo ^ f->lo) & f->mask_lo)))
            return f->route;
    }
    return 0;
}

/* Below node `n`, whose first bit is that of `k`; prefixes of at most `most` bits from there on. */
static uint32_t find_below(const struct via_core *c, const struct via_tnode *n, struct key k, unsigned most) {
    const struct via_tnode *best = NULL;
    unsigned bit = 0;

    for (;;) {
        unsigned chunk = (unsigned)(k.hi >> (64 - STRIDE));

        if (n->ends) {
            uint64_t hits = n->ends & covering(chunk);

            if (VIA_UNLIKELY(most < STRIDE))
                hits &= up_to(most);
            if (hits) {
                best = n;
                bit = 63u - (unsigned)__builtin_clzll(hits);
            }
        }
        if (!(n->goes >> chunk & 1) || most < STRIDE)
            break;
        most -= STRIDE;
        skip_bits(&k, STRIDE);
        n = child_at(c, n, chunk);
    }
    return best ? *result_at(c, best, bit) : 0;
}

static uint32_t find_trie(const struct via_core *c, const struct key *k, unsigned most) {
    const struct via_trie *t = &c->net->route.trie[k->family];

    if (t->wide && most >= WIDE) {
        struct key rest = *k;
        uint32_t id;

        skip_bits(&rest, WIDE);
        id = find_below(c, wide_root(c, k), rest, most - WIDE);
        if (id)
            return id;
    }
    return find_below(c, &t->root, *k, most);
}

uint32_t via_route_find(const struct via_core *c, const struct via_addr *a, int most) {
    struct key k = key_of(a);
    const struct via_trie *t = &c->net->route.trie[k.family];

    if (k.family)
        most -= 96;
    if (most < 0)
        return 0;
    if (VIA_LIKELY(t->prefixes <= VIA_ROUTE_FEW && most >= (k.family ? 32 : 128)))
        return find_few(t, &k);
    return find_trie(c, &k, (unsigned)most);
}

/* Changes. */

static bool same_way(const struct via_rt *a, const struct via_rt *b) {
    return a->iface == b->iface && a->metric == b->metric && via_addr_eq(&a->gateway, &b->gateway);
}

uint32_t via_route_exact(const struct via_core *c, const struct via_rt *r) {
    struct key k = key_of(&r->dst);
    uint32_t *first = find_exact(c, &k, own_bits(r)), id;

    for (id = first ? *first : 0; id; id = via_rt_at(c, id)->next)
        if (same_way(via_rt_at(c, id), r))
            return id;
    return 0;
}

/* Puts the route into the list of its prefix, the first of which *first names. */
static void link_route(struct via_core *c, struct via_trie *t, uint32_t *first, uint32_t id) {
    struct via_rt *r = via_rt_at(c, id);
    uint32_t *link = first;

    while (*link && via_rt_at(c, *link)->metric <= r->metric)
        link = &via_rt_at(c, *link)->next;
    r->next = *link;
    if (link == first)
        first_changed(t, *first, id);
    *link = id;
}

int via_route_add(struct via_core *c, const struct via_rt *new, uint32_t *out) {
    struct via_route_table *t = &c->net->route;
    struct via_rt r = *new;
    struct key k;
    uint32_t *first, id;

    VIA_ASSERT(r.iface && r.bits <= 128 && (!via_addr_is4(&r.dst) || r.bits >= 96));
    via_addr_mask(&r.dst, r.bits);
    if (via_route_exact(c, &r))
        return -EEXIST;
    if (r.origin == VIA_ROUTE_MANUAL && t->manual >= c->attrs.max_routes)
        return -ENOSPC;
    id = via_pool_get(&t->pool, &c->region);
    if (!id)
        return -ENOSPC;
    r.next = 0;
    *via_rt_at(c, id) = r;
    k = key_of(&r.dst);
    first = find_exact(c, &k, own_bits(&r));
    if (first) {
        link_route(c, &t->trie[k.family], first, id);
    } else {
        first = insert_prefix(c, &k, own_bits(&r));
        if (!first) {
            via_rt_at(c, id)->iface = 0;
            via_pool_put(&t->pool, &c->region, id);
            return -ENOSPC;
        }
        *first = id;
        prefix_came(c, &k, own_bits(&r), id);
    }
    t->count++;
    t->manual += r.origin == VIA_ROUTE_MANUAL;
    via_net_changed(c);
    if (out)
        *out = id;
    VIA_CHECK(t->count > 256 || via_route_valid(c));
    return 0;
}

void via_route_del(struct via_core *c, uint32_t id) {
    struct via_route_table *t = &c->net->route;
    struct via_rt *r = via_rt_at(c, id);
    struct key k = key_of(&r->dst);
    uint32_t *first = find_exact(c, &k, own_bits(r)), *link = first;

    VIA_ASSERT(r->iface && first);
    if (*first == id && !r->next) {
        remove_prefix(c, &k, own_bits(r));
        prefix_went(c, &k, own_bits(r));
    } else {
        if (*first == id)
            first_changed(&t->trie[k.family], id, r->next);
        while (*link != id)
            link = &via_rt_at(c, *link)->next;
        *link = r->next;
    }
    if (r->origin == VIA_ROUTE_ADVERT || r->origin == VIA_ROUTE_REDIRECT)
        via_ra_forget(c, id);
    t->count--;
    t->manual -= r->origin == VIA_ROUTE_MANUAL;
    r->iface = 0;
    via_pool_put(&t->pool, &c->region, id);
    via_net_changed(c);
    VIA_CHECK(t->count > 256 || via_route_valid(c));
}

void via_route_flush(struct via_core *c, uint8_t iface, int origin) {
    uint32_t id;

    for (id = 1; id <= c->net->route.pool.ready; id++) {
        const struct via_rt *r = via_rt_at(c, id);

        if (r->iface && (!iface || r->iface == iface) && (origin < 0 || r->origin == origin))
            via_route_del(c, id);
    }
}

bool via_route_on_link(const struct via_core *c, const struct via_addr *a, uint8_t iface) {
    int most = 128;

    while (most >= 0) {
        uint32_t id = via_route_find(c, a, most), at;

        if (!id)
            return false;
        for (at = id; at; at = via_rt_at(c, at)->next) {
            const struct via_rt *r = via_rt_at(c, at);

            if ((!iface || r->iface == iface) && via_addr_is_any(&r->gateway))
                return true;
        }
        most = via_rt_at(c, id)->bits - 1;
    }
    return false;
}

/* Set-up. */

static uint32_t most_routes(const struct via_attrs *a) {
    return (uint32_t)(a->max_routes + a->max_addrs + VIA_RA_ROUTES + VIA_RA_REDIRECTS);
}

/* A lone IPv6 host route makes 21 nodes below the root, and its result; for a moment all are there twice (widen). */
static uint64_t arena_units(const struct via_attrs *a) {
    uint64_t units = (most_routes(a) + 2 * VIA_ROUTE_MANY) * (21ull * UNITS_PER_NODE + 1) + ARENA_CHUNK;

    return units < UINT32_MAX ? units : UINT32_MAX;
}

uint64_t via_route_bytes(const struct via_attrs *a) {
    return via_pool_bytes(sizeof(struct via_rt), most_routes(a)) + via_round_up(arena_units(a) * VIA_TRIE_UNIT, 4096) +
           2 * via_round_up(WIDE_BYTES, 4096) + 3 * 4096;
}

int via_route_init(struct via_core *c) {
    struct via_route_table *t = &c->net->route;

    t->cap = (uint32_t)arena_units(&c->attrs);
    t->arena = via_region_reserve(&c->region, (uint64_t)t->cap * VIA_TRIE_UNIT, 4096);
    t->used = 1;
    t->trie[0].roots = via_region_reserve(&c->region, WIDE_BYTES, 4096);
    t->trie[1].roots = via_region_reserve(&c->region, WIDE_BYTES, 4096);
    return via_pool_init(&t->pool, &c->region, sizeof(struct via_rt), most_routes(&c->attrs), 0);
}

/* Counts the prefixes below a node; UINT32_MAX if anything is wrong. */
static uint32_t count_prefixes(const struct via_core *c, const struct via_tnode *n, unsigned depth) {
    uint32_t all = ones(n->ends), i;

    if (depth > 128)
        return UINT32_MAX;
    for (i = 0; i < ones(n->ends); i++) {
        uint32_t id = ((const uint32_t *)unit_at(c, n->results))[i];

        if (!id || id > c->net->route.pool.ready || !via_rt_at(c, id)->iface)
            return UINT32_MAX;
    }
    for (i = 0; i < ones(n->goes); i++) {
        uint32_t below = count_prefixes(c, (const struct via_tnode *)unit_at(c, n->children) + i, depth + STRIDE);

        if (!below || below == UINT32_MAX)
            return UINT32_MAX;
        all += below;
    }
    return all;
}

static uint32_t count_trie(const struct via_core *c, const struct via_trie *t) {
    uint32_t all = count_prefixes(c, &t->root, 0), i;

    for (i = 0; t->wide && i < 1u << WIDE; i++) {
        const struct via_tnode *n = (const struct via_tnode *)(const void *)(c->region.base + t->roots) + i;
        uint32_t below = count_prefixes(c, n, WIDE);

        if (below == UINT32_MAX || all == UINT32_MAX)
            return UINT32_MAX;
        all += below;
    }
    return all;
}

bool via_route_valid(const struct via_core *c) {
    const struct via_route_table *t = &c->net->route;
    unsigned i;

    if (t->count + t->pool.free != t->pool.ready || t->used > t->ready + ARENA_CHUNK)
        return false;
    for (i = 0; i < 2; i++)
        if (count_trie(c, &t->trie[i]) != t->trie[i].prefixes)
            return false;
    return true;
}
